//! Temporary homes, notebooks and projects for tests, and a way to run the real `lab` in them.
//!
//! Start with [`Home`]: a temporary directory with a home, a project and a place for a notebook;
//! [`Home::lab`] runs a command there with a cleared environment and a fixed clock. Everything
//! panics with a message that names what went wrong: this crate is for tests only.

pub mod hostile;
pub mod meter;
mod notebook;
pub mod parity;
pub mod sample;
pub mod terminal;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use lab_engine::{Clock, EngineConfig, Random};
use lab_model::{Content, Entry, Kind, Role};

pub use notebook::{LOG_LINES, Small, small_notebook, small_project};

/// A person's machine, small and temporary.
pub struct Home {
    directory: tempfile::TempDir,
    binary: PathBuf,
    /// Commands so far: each one's clock starts a minute after the last one's.
    commands: AtomicI64,
}

/// The moment at which the clock of the first command starts: 2026-11-21 12:00:00 UTC. Each later
/// command starts a minute after the one before.
pub const CLOCK_MILLIS: i64 = 1_795_262_400_000;

/// What an engine or a session on this notebook is started with: the key and the working directory beside it, the same
/// random numbers every time, a clock that stands at `now_millis` and goes on a second at every look.
pub fn config(notebook: &Path, now_millis: i64) -> EngineConfig {
    EngineConfig {
        notebook: notebook.to_owned(),
        key_file: notebook.with_extension("key"),
        cwd: notebook.parent().unwrap_or(notebook).to_owned(),
        variables: BTreeMap::new(),
        executable: notebook.join("no-such-program"),
        clock: Clock::Fixed(Arc::new(AtomicU64::new(now_millis.cast_unsigned()))),
        random: Random::Seeded(Arc::new(AtomicU64::new(1))),
    }
}

/// An ordinary file in a tree, last changed so many seconds after 1970.
pub fn file_entry(name: impl Into<Vec<u8>>, role: Role, size: usize, content: Content, mtime: i64) -> Entry {
    Entry {
        name: name.into(),
        kind: Kind::File,
        role,
        mode: 0o644,
        size: size as u64,
        mtime,
        mtime_nanos: 0,
        sparse: false,
        unsteady: false,
        content,
        tree: None,
        target: Vec::new(),
    }
}

impl Home {
    /// A fresh home with an empty project; `binary` is the `lab` to be run, in an end-to-end test
    /// `env!("CARGO_BIN_EXE_lab")`.
    ///
    /// # Panics
    /// When the directory for temporary files cannot be written.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let directory = tempfile::Builder::new().prefix("lab-test-").tempdir().expect("a temporary directory");
        let home = Self { directory, binary: binary.into(), commands: AtomicI64::new(0) };
        for place in [home.path("home"), home.project()] {
            std::fs::create_dir_all(&place).expect("a directory in the temporary directory");
        }
        home
    }

    /// A path below the temporary directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The project's directory.
    pub fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// The notebook's directory.
    pub fn notebook(&self) -> PathBuf {
        self.path("notebook")
    }

    /// Writes a file of the project, with its directories.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.project().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("the file's directory");
        }
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Reads a file of the project.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn read(&self, name: &str) -> Vec<u8> {
        let path = self.project().join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A command of `lab` in the project.
    pub fn lab(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Lab {
        let minute = self.commands.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.project())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("LAB_NOTEBOOK", self.notebook())
            .env("LAB_KEY_FILE", self.path("home/machine.key"))
            .env("LAB_TEST_CLOCK", (CLOCK_MILLIS + minute * 60_000).to_string())
            .env("LAB_TEST_SEED", "1");
        Lab { command, input: Vec::new() }
    }

    /// Runs a command of `lab` that must succeed, and gives its standard output.
    ///
    /// # Panics
    /// When it fails.
    pub fn ok(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        self.lab(arguments).run().ok().out
    }

    /// Runs `lab run -- sh -c SCRIPT`, which must succeed.
    ///
    /// # Panics
    /// When it fails.
    pub fn run_script(&self, script: &str) -> Ended {
        self.lab(["run", "--", "sh", "-c", script]).run().ok()
    }
}

/// A command of `lab`, about to run.
pub struct Lab {
    command: Command,
    input: Vec<u8>,
}

impl Lab {
    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs in another directory.
    #[must_use]
    pub fn within(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// What stands on its standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// The bare command, for tests that do more with it.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(mut self) -> Ended {
        let shown = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("lab {shown}: {error}"));
        let mut stdin = child.stdin.take().expect("because it is piped");
        // A command that does not read its input may be gone already.
        let _ = stdin.write_all(&self.input);
        drop(stdin);
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("lab {shown}: {error}"));
        Ended::of(shown, &output)
    }
}

/// A command of `lab` that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    arguments: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard output as bytes.
    pub bytes: Vec<u8>,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// The end of a command that was not started by [`Lab::run`].
    pub fn from_output(output: &Output) -> Self {
        Self::of(String::new(), output)
    }

    fn of(arguments: String, output: &Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self {
            arguments,
            code: output.status.code(),
            signal: output.status.signal(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            bytes: output.stdout.clone(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It ended with this code.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn code(self, expected: i32) -> Self {
        let Self { arguments, code, signal, out, err, .. } = &self;
        assert_eq!(
            *code,
            Some(expected),
            "lab {arguments} ended with {code:?} (signal {signal:?})\n--- out\n{out}\n--- err\n{err}"
        );
        self
    }

    /// It succeeded.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn ok(self) -> Self {
        self.code(0)
    }
}
