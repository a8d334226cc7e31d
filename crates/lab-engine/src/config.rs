use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lab_model::Time;
use lab_workdir::Config;

use crate::{Error, ErrorKind, Result};

/// Everything that enters from outside: time, randomness, home directory, environment.
#[derive(Clone)]
pub struct EngineConfig {
    /// The notebook's directory.
    pub notebook: PathBuf,
    /// The file with this machine's 32 secret bytes; made when it is missing. It lies outside the
    /// notebook, so that a copied notebook does not take it along.
    pub key_file: PathBuf,
    /// The directory that relative paths start from.
    pub cwd: PathBuf,
    /// The environment's variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// The program that a supervisor is started from.
    pub executable: PathBuf,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where ids come from.
    pub random: Random,
}

/// A source of time.
#[derive(Clone)]
pub enum Clock {
    /// The machine's.
    System,
    /// Starts at the given moment and goes on by one second at every reading.
    Fixed(Arc<AtomicU64>),
    /// Stands at a moment, however often it is read.
    Still(Time),
}

impl Clock {
    /// Now.
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    pub fn now(&self) -> Time {
        match self {
            Self::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Fixed(millis) => Time(millis.fetch_add(1000, Ordering::Relaxed).cast_signed()),
            Self::Still(moment) => *moment,
        }
    }
}

/// A source of random bits.
#[derive(Clone)]
pub enum Random {
    /// The kernel's.
    System,
    /// A fixed sequence.
    Seeded(Arc<AtomicU64>),
}

impl Random {
    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        match self {
            Self::System => {
                let mut filled = 0;
                while filled < bytes.len() {
                    match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
                        Ok(count) => filled += count,
                        Err(rustix::io::Errno::INTR) => {}
                        Err(error) => panic!("the kernel gives no random bytes: {error}"),
                    }
                }
            }
            Self::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    // SplitMix64 (Steele, Lea, Flood 2014).
                    let mut word = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
                    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
                }
            }
        }
    }

    /// 64 bits.
    pub fn word(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// The id of a new pack.
    pub(crate) fn pack_id(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        bytes
    }
}

impl EngineConfig {
    /// The configuration of this process. `notebook` is what the command line says; without it
    /// `LAB_NOTEBOOK`, then the nearest `lab.toml`, then the XDG data directory count.
    ///
    /// For tests, `LAB_TEST_CLOCK` (milliseconds) and `LAB_TEST_SEED` fix time and ids.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is neither a home directory nor a named notebook, or when the
    /// nearest `lab.toml` cannot be understood.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn from_system(notebook: Option<PathBuf>) -> Result<Self> {
        let variables: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let cwd = std::env::current_dir()
            .map_err(|source| Error::new(ErrorKind::Missing, "The current directory is gone").because(source))?;
        let executable = std::env::current_exe()
            .map_err(|source| Error::new(ErrorKind::Bug, "The program cannot find itself").because(source))?;
        let number = |name: &str| variables.get(OsStr::new(name))?.to_str()?.parse().ok();
        let clock =
            number("LAB_TEST_CLOCK").map_or(Clock::System, |start| Clock::Fixed(Arc::new(AtomicU64::new(start))));
        let random = number("LAB_TEST_SEED").map_or(Random::System, |seed| {
            // Two processes with one seed must not draw the same ids.
            Random::Seeded(Arc::new(AtomicU64::new(seed ^ (u64::from(std::process::id()) << 32))))
        });
        let directory = |variable: &str, below_home: &str| own_directory(&variables, variable, below_home);
        let no_home = || {
            Error::new(ErrorKind::Usage, "There is no home directory to keep a notebook in")
                .hint("set LAB_NOTEBOOK, or pass --notebook DIR")
        };
        let named = notebook
            .or_else(|| variables.get(OsStr::new("LAB_NOTEBOOK")).filter(|value| !value.is_empty()).map(PathBuf::from));
        let notebook = match named.map_or_else(|| notebook_of_project(&cwd), |path| Ok(Some(cwd.join(path))))? {
            Some(path) => path,
            None => directory("XDG_DATA_HOME", ".local/share").ok_or_else(no_home)?,
        };
        let key_file = match variables.get(OsStr::new("LAB_KEY_FILE")) {
            Some(path) => cwd.join(path),
            None => directory("XDG_STATE_HOME", ".local/state")
                .or_else(|| notebook.parent().map(|parent| parent.join(".lab-key")))
                .ok_or_else(no_home)?
                .join("machine.key"),
        };
        Ok(Self { notebook, key_file, cwd, variables, executable, clock, random })
    }

    /// Whether the notebook is the one that a person has without naming any.
    pub(crate) fn is_default_notebook(&self) -> bool {
        own_directory(&self.variables, "XDG_DATA_HOME", ".local/share").is_some_and(|path| path == self.notebook)
    }

    /// The same for a program that is not `lab` itself: runs and the watcher are started from the `lab` beside it,
    /// otherwise from the one on the `PATH`.
    #[must_use]
    pub fn served_by_lab(mut self) -> Self {
        let beside = self.executable.with_file_name("lab");
        let path = self.variable("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin");
        let found = std::env::split_paths(path).map(|directory| directory.join("lab")).find(|path| path.is_file());
        self.executable = Some(beside.clone()).filter(|path| path.is_file()).or(found).unwrap_or(beside);
        self
    }

    /// A variable's value as text.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(OsStr::new(name))?.to_str()
    }
}

/// The program's directory in one of the base directories of a person (XDG Base Directory Specification 0.8).
fn own_directory(variables: &BTreeMap<OsString, OsString>, variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = variables.get(OsStr::new(variable)).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || variables.get(OsStr::new("HOME")).map(|home| PathBuf::from(home).join(below_home));
    set.or_else(home).map(|base| base.join("lab"))
}

/// What the nearest `lab.toml` at or above `directory` says about where the notebook lies.
fn notebook_of_project(directory: &Path) -> Result<Option<PathBuf>> {
    let Some(root) = directory.ancestors().find(|ancestor| ancestor.join(Config::FILE_NAME).exists()) else {
        return Ok(None);
    };
    let (config, _) = Config::load(root)?;
    Ok(config.notebook.map(|notebook| root.join(notebook)))
}
