//! Where the background process keeps its lock, socket, FIFO and log.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use lab_model::{Domain, Hasher, ProcessKey};
use serde::{Deserialize, Serialize};

use crate::{EngineConfig, Error, ErrorKind, Result};

/// A socket's name may not be longer (`sun_path` of Linux and macOS, with a reserve).
const MAX_SOCKET_PATH_BYTES: usize = 100;

/// The places of one notebook's background process.
#[derive(Clone, Debug)]
pub struct WatchPlace {
    /// `watch/` in the notebook: what stays.
    state: PathBuf,
    /// What goes with the machine: below `$XDG_RUNTIME_DIR`, else in the notebook.
    runtime: PathBuf,
}

/// What the hook of a shell must know, by the file in which it looks it up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HookPlace {
    /// The background process.
    pub pid: i32,
    /// Where commands are told.
    pub fifo: PathBuf,
    /// The roots of the watched projects.
    pub roots: Vec<PathBuf>,
}

/// Who holds the lock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Holder {
    pub process: ProcessKey,
    pub socket: PathBuf,
}

/// The lock of the one background process; it goes with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Whether the notebook still stands where it was; one that was moved or deleted is no longer this process's.
    pub fn stands(&self) -> bool {
        let (held, found) = (self.file.metadata(), std::fs::metadata(&self.path));
        held.is_ok_and(|held| found.is_ok_and(|found| (held.dev(), held.ino()) == (found.dev(), found.ino())))
    }
}

impl WatchPlace {
    /// The places for the notebook of `config`.
    pub fn new(config: &EngineConfig) -> Self {
        let notebook = config.notebook.canonicalize().unwrap_or_else(|_| config.notebook.clone());
        let state = notebook.join("watch");
        let name = Hasher::new(Domain::Fingerprint).field(notebook.as_os_str().as_encoded_bytes()).finish().short(12);
        let runtime = config
            .variable("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|base| base.is_absolute() && is_own(base))
            .map(|base| base.join("lab").join(name))
            .filter(|place| place.as_os_str().len() + "/socket".len() <= MAX_SOCKET_PATH_BYTES)
            .unwrap_or_else(|| state.join("run"));
        Self { state, runtime }
    }

    /// The process that watches, when one does.
    pub fn running(&self) -> Option<i32> {
        self.holder().map(|holder| holder.process.pid)
    }

    /// Makes the directories, for nobody else's eyes.
    pub(crate) fn create(&self) -> Result<()> {
        for directory in [&self.state, &self.runtime] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .and_then(|()| std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)))
                .map_err(|error| Error::disk("create", directory, error))?;
            if !is_own(directory) {
                let message = format!("The directory belongs to somebody else: {}", directory.display());
                return Err(Error::new(ErrorKind::Usage, message));
            }
        }
        Ok(())
    }

    /// The log of the background process.
    pub fn log(&self) -> PathBuf {
        self.state.join("log")
    }

    /// What the hooks of shells read.
    pub fn hook_file(&self) -> PathBuf {
        self.state.join("hook")
    }

    /// Projects that are not to be watched, one id per line.
    pub(crate) fn removed_file(&self) -> PathBuf {
        self.state.join("removed")
    }

    pub(crate) fn fifo(&self) -> PathBuf {
        self.runtime.join("fifo")
    }

    /// Where the hook of the shell `pid` waits for its answer.
    pub(crate) fn reply(&self, pid: i32) -> PathBuf {
        self.runtime.join(format!("reply.{pid}"))
    }

    pub(crate) fn runtime(&self) -> &Path {
        &self.runtime
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.runtime.join("socket")
    }

    fn lock_file(&self) -> PathBuf {
        self.state.join("lock")
    }

    /// Takes the lock; `None` when another process holds it. The lock is the kernel's: a file that a
    /// killed process left is no lock.
    pub(crate) fn lock(&self, own: &ProcessKey) -> Result<Option<Lock>> {
        let path = self.lock_file();
        let fail = |error| Error::disk("write", &self.lock_file(), error);
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path).map_err(fail)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(Error::disk("lock", &path, error.into())),
        }
        let holder = Holder { process: own.clone(), socket: self.socket() };
        let text = serde_json::to_vec(&holder).expect("because a process and a path always serialise");
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(fail)?;
        Ok(Some(Lock { file, path }))
    }

    /// Whether a background process holds the lock, and which.
    pub(crate) fn holder(&self) -> Option<Holder> {
        let mut file = File::open(self.lock_file()).ok()?;
        // Shared, so that two who look at once do not take each other for the holder.
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_ok() {
            return None;
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl HookPlace {
    /// Writes the file for hooks; a reader sees the old or the new one, never half of it.
    pub(crate) fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut text = format!("1 {}\n", self.pid).into_bytes();
        for path in std::iter::once(&self.fifo).chain(&self.roots) {
            // A path with a line end cannot be told by lines; such a project has no hook.
            if !path.as_os_str().as_encoded_bytes().contains(&b'\n') {
                text.extend_from_slice(path.as_os_str().as_encoded_bytes());
                text.push(b'\n');
            }
        }
        let fresh = file.with_extension("new");
        std::fs::write(&fresh, text)?;
        std::fs::rename(fresh, file)
    }

    /// Reads it, as a shell does; `None` when there is no background process.
    #[cfg(test)]
    fn read(file: &Path) -> Option<Self> {
        use std::os::unix::ffi::OsStrExt;
        let text = std::fs::read(file).ok()?;
        let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let pid = std::str::from_utf8(lines.next()?).ok()?.strip_prefix("1 ")?.parse().ok()?;
        let mut paths = lines.map(|line| PathBuf::from(std::ffi::OsStr::from_bytes(line)));
        Some(Self { pid, fifo: paths.next()?, roots: paths.collect() })
    }
}

/// What tells one build of `lab` from another: version, size and time of the program's file.
pub fn build(executable: &Path) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match std::fs::metadata(executable) {
        Ok(file) => format!("{version} {} {}.{:09}", file.len(), file.mtime(), file.mtime_nsec()),
        Err(_) => version.to_owned(),
    }
}

fn is_own(directory: &Path) -> bool {
    std::fs::symlink_metadata(directory)
        .is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::getuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_file_round_trips() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("hook");
        let place = HookPlace { pid: 42, fifo: "/run/x/fifo".into(), roots: vec!["/a b/c".into(), "/ä".into()] };
        place.write(&file).unwrap();
        assert_eq!(HookPlace::read(&file), Some(place));
        std::fs::write(&file, "2 42\n/x\n").unwrap();
        assert_eq!(HookPlace::read(&file), None, "a later format");
    }
}
