//! Hashing, beside the running command, of big files that it read and that no snapshot holds.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, symlink_metadata};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use lab_exec::trace::{Event, State};
use lab_ingest::secret::secret_file_name;
use lab_model::{Domain, FilePath, Hash, Hasher};
use serde::{Deserialize, Serialize};

use super::state;

/// Smaller files are hashed at the end of the run.
const BYTES_MIN: u64 = 16 << 20;
/// How often it is looked for files that were read meanwhile.
const INTERVAL: Duration = Duration::from_millis(500);

/// The hash of a file that a run read.
#[derive(Serialize, Deserialize)]
struct Hashed {
    path: FilePath,
    state: State,
    hash: Hash,
}

/// A thread of low priority that hashes; dropped, it ends soon. Nobody waits for it, since
/// the file system that it reads may not answer.
pub(crate) struct Beside(#[expect(dead_code, reason = "that it is gone tells the thread to end")] SyncSender<()>);

impl Beside {
    /// Follows the tracer's `log`; each result is a line of the file `results`. Without the thread the
    /// files are hashed at the end as far as they are small enough, and sampled else.
    pub fn start(log: PathBuf, results: PathBuf) -> Option<Self> {
        let (sender, receiver) = sync_channel(0);
        let work = move || follow(&log, &results, &receiver);
        std::thread::Builder::new().name("lab-hash".to_owned()).spawn(work).ok()?;
        Some(Self(sender))
    }
}

/// The results so far.
pub(super) fn results(path: &Path) -> HashMap<(FilePath, State), Hash> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Hashed>(line).ok());
    lines.map(|hashed| ((hashed.path, hashed.state), hashed.hash)).collect()
}

fn follow(log: &Path, results: &Path, over: &Receiver<()>) {
    // The command comes first.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19);
    let (mut lines, mut line, mut done) = (None, Vec::new(), HashSet::new());
    loop {
        lines = lines.or_else(|| File::open(log).ok().map(BufReader::new));
        while lines.as_mut().is_some_and(|lines| lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0)) {
            if line.last() != Some(&b'\n') {
                // The rest of the line is yet to come.
                break;
            }
            let event = serde_json::from_slice(&line).ok();
            line.clear();
            let Some(Event::Read { path, state }) = event else { continue };
            let is_ours = path.in_project().is_none() && state.size >= BYTES_MIN;
            if is_ours && done.insert((path.clone(), state)) && !keep(path, state, results, over) {
                return;
            }
        }
        match over.recv_timeout(INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Hashes one file and notes the result; false when it is time to end.
fn keep(path: FilePath, then: State, results: &Path, over: &Receiver<()>) -> bool {
    let place = Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
    // Of a secret only a keyed hash is kept, which is made at the end.
    if secret_file_name(&place.to_string_lossy()).is_some() {
        return true;
    }
    let is_steady = || symlink_metadata(place).is_ok_and(|now| state(&now) == then);
    let Some(mut file) = is_steady().then(|| File::open(place).ok()).flatten() else { return true };
    let (mut buffer, mut hasher) = (vec![0; 1 << 20], Hasher::new(Domain::Content));
    loop {
        if over.try_recv() != Err(TryRecvError::Empty) {
            return false;
        }
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(_) => return true,
        };
    }
    if !is_steady() {
        return true;
    }
    let hashed = Hashed { path, state: then, hash: hasher.finish() };
    let mut line = serde_json::to_vec(&hashed).expect("because a path and a hash always serialise");
    line.push(b'\n');
    let output = OpenOptions::new().append(true).create(true).mode(0o600).open(results);
    output.and_then(|mut output| output.write_all(&line)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_big_file_is_hashed_while_the_command_runs() {
        let folder = tempfile::tempdir().unwrap();
        let (big, log) = (folder.path().join("big"), folder.path().join("log"));
        let bytes = vec![7; BYTES_MIN as usize];
        std::fs::write(&big, &bytes).unwrap();
        let state = state(&symlink_metadata(&big).unwrap());
        let path = FilePath::new(big.as_os_str().as_bytes(), b"/none");
        let mut line = serde_json::to_vec(&Event::Read { path: path.clone(), state }).unwrap();
        line.push(b'\n');
        std::fs::write(&log, &line).unwrap();
        let found = folder.path().join("hashed");
        let beside = Beside::start(log, found.clone()).unwrap();
        while results(&found).is_empty() {
            std::thread::yield_now();
        }
        drop(beside);
        assert_eq!(results(&found).get(&(path, state)), Some(&Hash::of(Domain::Content, &bytes)));
    }
}
