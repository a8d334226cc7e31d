//! The background process's own log, of bounded size.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use lab_model::Time;

/// A log is put aside at this size; one older one stays.
const LIMIT_BYTES: u64 = 1 << 20;

#[derive(Clone, Debug)]
pub(crate) struct WatchLog {
    path: PathBuf,
}

impl WatchLog {
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Adds a line. A log that cannot be written must not end the watcher.
    pub fn line(&self, time: Time, words: impl Display) {
        if std::fs::metadata(&self.path).is_ok_and(|found| found.len() > LIMIT_BYTES) {
            let _ = std::fs::rename(&self.path, self.path.with_extension("old"));
        }
        let seconds = time.0.div_euclid(1000);
        let line = format!("{seconds}.{:03} {words}\n", time.0.rem_euclid(1000));
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small() {
        let directory = tempfile::tempdir().unwrap();
        let log = WatchLog::new(directory.path().join("log"));
        let words = "x".repeat(100_000);
        for _ in 0..30 {
            log.line(Time(1_500), &words);
        }
        let bytes: u64 =
            std::fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!((500_000..2_500_000).contains(&bytes), "{bytes}");
        assert!(std::fs::read_to_string(directory.path().join("log")).unwrap().starts_with("1.500 x"));
    }
}
