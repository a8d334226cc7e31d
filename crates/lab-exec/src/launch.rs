use std::ffi::OsString;
use std::path::PathBuf;

use lab_model::Usage;
use serde::{Deserialize, Serialize};

/// A command to be started.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Launch {
    /// The program and its arguments. The program is looked up in `PATH`.
    pub argv: Vec<OsString>,
    /// The directory it starts in.
    pub cwd: PathBuf,
    /// Variables set beside the inherited ones.
    pub set_env: Vec<(OsString, OsString)>,
    /// Give the command a terminal of its own: right when [`crate::is_interactive`] says so.
    pub terminal: bool,
    /// It may be traced: [`crate::Front::go`] says how.
    pub trace: bool,
}

/// Where output came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output; also standard error when both lead to the same place, so that their order is kept.
    Out,
    /// Standard error.
    Err,
    /// The terminal: both, as the program mixed them.
    Terminal,
}

/// What the command and everything it started use at one moment.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Since the command's start.
    pub millis: u64,
    /// CPU use since the sample before, all cores together: 200 is two cores.
    pub cpu_percent: f64,
    /// Resident memory, summed; pages that processes share count for each.
    pub memory_bytes: u64,
    /// Living processes.
    pub processes: u32,
    /// Bytes read from storage since the start.
    pub read_bytes: u64,
    /// Bytes written to storage since the start.
    pub written_bytes: u64,
}

/// Who is told what a command does. Every call is made from the loop that copies the command's
/// output, so it must return quickly.
pub trait Sink {
    /// The command wrote this.
    fn output(&mut self, stream: Stream, millis_since_start: u64, bytes: &[u8]);
    /// What the command uses now.
    fn sample(&mut self, sample: &Sample) {
        let _ = sample;
    }
    /// Called about every 100 ms, also when nothing happens: time to flush and to look at files.
    fn tick(&mut self, millis_since_start: u64) {
        let _ = millis_since_start;
    }
}

/// Why a command was never started.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum LaunchFailure {
    /// There is no such program.
    #[error("command not found")]
    NotFound,
    /// It is there and cannot be executed.
    #[error("command not executable: {message}")]
    NotExecutable {
        /// What the system said.
        message: String,
    },
    /// The directory to start in is not there.
    #[error("the directory to start in is not there")]
    NoDirectory,
    /// Anything else that the system said.
    #[error("the command could not be started: {message}")]
    System {
        /// What the system said.
        message: String,
    },
}

/// How a command ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// With this exit code.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// It was never started.
    NotStarted(LaunchFailure),
    /// It is gone and nobody saw how.
    Unknown,
}

/// How a command ended and what it cost.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Exit {
    /// How.
    pub ended: Ended,
    /// What it cost, children that it waited for included.
    pub usage: Usage,
    /// From start to exit.
    pub duration_millis: u64,
    /// Whoever read the output went away before the end, so that the command was told (SIGPIPE), as it
    /// would have been alone.
    pub output_closed: bool,
    /// Output that could not be passed on (disk full, terminal gone). The sink has had it all the same.
    pub lost_output_bytes: u64,
    /// Processes that the command left behind still held its output open; what they write later is
    /// passed on but not told to the sink.
    pub left_behind: bool,
}

impl Exit {
    /// An end without a process.
    pub(crate) fn without_process(ended: Ended) -> Self {
        Self {
            ended,
            usage: Usage::default(),
            duration_millis: 0,
            output_closed: false,
            lost_output_bytes: 0,
            left_behind: false,
        }
    }

    /// The exit code that a shell would give: the command's own, 128 and the signal, 127 for a command
    /// that is not there, 126 for one that cannot be executed.
    pub const fn code(&self) -> i32 {
        match &self.ended {
            Ended::Exited(code) => *code,
            Ended::Signaled(signal) => 128 + *signal,
            Ended::NotStarted(LaunchFailure::NotFound) => 127,
            Ended::NotStarted(_) => 126,
            Ended::Unknown => 125,
        }
    }
}
