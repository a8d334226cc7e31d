//! Drives `examples/supervised.rs`, both processes of a run.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "never came: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// The example program, which cargo builds beside the tests.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/supervised");
    assert!(program.exists(), "build it first: cargo build -p lab-exec --examples");
    program
}

/// A folder in which a run leaves its notes, and in which it is started.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_default()
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.bytes(name)).into_owned()
    }

    pub fn events(&self) -> Vec<String> {
        self.text("events").lines().filter(|line| !line.starts_with("sample")).map(str::to_owned).collect()
    }

    pub fn wait_for(&self, name: &str, part: &str) {
        until(&format!("{part:?} in {name}"), || self.text(name).contains(part));
    }

    /// The process id that a file holds, once it is there.
    pub fn pid(&self, name: &str) -> i32 {
        let mut pid = 0;
        until(name, || {
            pid = self.text(name).parse().unwrap_or(0);
            pid != 0
        });
        pid
    }

    /// The same, traced with the helper in the programs.
    pub fn traced(&self, argv: &[impl AsRef<OsStr>]) -> Command {
        self.traced_by("--helped", argv)
    }

    /// The same, traced in one way or the other.
    pub fn traced_by(&self, how: &str, argv: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program());
        command.arg(self.folder.path()).args([how, "--"]).args(argv).stdin(Stdio::null());
        command
    }

    /// `supervised` with a command, not yet started.
    pub fn command(&self, argv: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program());
        command.arg(self.folder.path()).arg("--").args(argv).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn shell(&self, script: &str) -> Command {
        self.command(&["sh", "-c", script])
    }
}

pub fn kill(pid: i32, signal: Signal) {
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

pub fn pid_of(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}

pub fn random_file(path: &Path, bytes: u64) -> Vec<u8> {
    let mut all = Vec::new();
    File::open("/dev/urandom").unwrap().take(bytes).read_to_end(&mut all).unwrap();
    std::fs::write(path, &all).unwrap();
    all
}

/// What alone would look like.
pub fn code_or_signal(status: ExitStatus) -> (Option<i32>, Option<i32>) {
    (status.code(), status.signal())
}

/// A named pipe for a test to hold a command with.
pub fn fifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
}

/// Reads everything from a descriptor beside the test.
pub fn read_all(fd: impl Into<OwnedFd>) -> std::thread::JoinHandle<Vec<u8>> {
    let mut file = File::from(fd.into());
    let read = move || {
        let mut all = Vec::new();
        let mut buffer = [0; 65536];
        // A terminal ends with an error.
        while let Ok(length @ 1..) = file.read(&mut buffer) {
            all.extend_from_slice(&buffer[..length]);
        }
        all
    };
    std::thread::Builder::new().name("reader".into()).spawn(read).unwrap()
}
