use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Content, Environment, FilesUsed, Fingerprint, GitState, Hash, Machine, ProjectId, RelPath, RunId, SeriesRef, Time,
};

/// How a run came to be noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `lab run -- …`: exact.
    Run,
    /// The shell hook told of it.
    Hook,
    /// The watcher saw the process.
    Watch,
}

/// How a run stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its process lives.
    Running,
    /// Exit code 0.
    Done,
    /// Another exit code.
    Failed,
    /// Ended by a signal.
    Killed,
    /// The process is gone and nobody saw how.
    Lost,
}

impl Status {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Lost => "lost",
        }
    }
}

/// A process, told apart from later ones with the same number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProcessKey {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks since boot (`/proc/PID/stat`, field 22); 0 where unknown.
    pub start_ticks: u64,
    /// `/proc/sys/kernel/random/boot_id`; empty where unknown.
    pub boot_id: String,
}

/// A seed that the run shows, and where it was seen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Seed {
    /// Such as `seed`, `random_state`, `PYTHONHASHSEED`.
    pub name: String,
    /// The value.
    pub value: Value,
    /// `argument`, `variable`, the path of a config file, or `train.py:12`.
    pub source: String,
}

/// A file or folder that the command or a config file names and that the snapshot does not hold:
/// ignored, or outside the project.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Input {
    /// The path as named.
    pub path: String,
    /// Its bytes, of all files together for a folder.
    pub size_bytes: u64,
    /// Files, 1 for a file.
    pub files: u64,
    /// The content's identity.
    pub content: Content,
}

/// The record that opens a run. It is durable before the command starts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunStart {
    /// The run.
    pub run: RunId,
    /// Its project.
    pub project: ProjectId,
    /// A memorable name, unique in the notebook when it was given.
    pub name: String,
    /// How it was noticed.
    pub origin: Origin,
    /// The command; secrets replaced.
    pub argv: Vec<String>,
    /// The directory it started in, below the project's root.
    pub cwd: RelPath,
    /// When.
    pub time: Time,
    /// The files as of the start; `None` when they could not be kept, `missing` says why.
    pub snapshot: Option<Hash>,
    /// Parameters from the command line and from the config files that it names, dotted keys.
    pub params: BTreeMap<String, Value>,
    /// Seeds wherever they are visible.
    pub seeds: Vec<Seed>,
    /// Inputs that the snapshot does not hold.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Code, config and data parts are known at the start; the environment's comes with the facts.
    pub fingerprint: Fingerprint,
    /// Why the run was made, in the person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Tags given at the start.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The supervisor's process, which tells a live run from a lost one.
    pub supervisor: ProcessKey,
    /// What could not be recorded, in words.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// What is gathered right after the start, beside the running command.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunFacts {
    /// The run.
    pub run: RunId,
    /// Interpreter, packages, variables.
    pub environment: Environment,
    /// Hardware and system.
    pub machine: Machine,
    /// What Git says.
    pub git: Option<GitState>,
    /// What could not be recorded, in words.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// What a failed run says for itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// One line, such as `ValueError: shapes do not match`.
    pub title: String,
    /// The traceback or the last lines of the log.
    pub text: String,
}

/// How an output came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputChange {
    /// Was not there at the start.
    Created,
    /// Was there with other content.
    Changed,
    /// Was there and is gone.
    Removed,
}

/// A file that differs between start and end of a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Output {
    /// Where.
    pub path: RelPath,
    /// Bytes at the end.
    pub size_bytes: u64,
    /// How it came about.
    pub change: OutputChange,
    /// Content at the end.
    pub content: Content,
}

/// What a run cost.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// CPU seconds in user mode, children included.
    pub user_seconds: f64,
    /// CPU seconds in the kernel, children included.
    pub system_seconds: f64,
    /// Largest resident memory of one process.
    pub peak_memory_bytes: u64,
}

/// Where the log of a run lies.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSummary {
    /// Log records, in order.
    pub records: Vec<Hash>,
    /// Lines.
    pub lines: u64,
    /// Bytes that the program printed.
    pub bytes: u64,
    /// Bytes in the middle that were left out because the log grew past its limit.
    pub left_out_bytes: u64,
}

/// The cells that a run of a notebook executed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NotebookRun {
    /// The saved notebook, where it is known and lies in the project.
    #[serde(default)]
    pub path: Option<RelPath>,
    /// A notebook of all that the kernel executed from its start to the end of the run, in that order.
    pub as_run: Content,
    /// Its bytes.
    pub size_bytes: u64,
    /// How many cells the run executed.
    pub cells: u64,
    /// What was not in order, in words.
    #[serde(default)]
    pub out_of_order: Vec<String>,
}

/// The record that closes a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunEnd {
    /// The run.
    pub run: RunId,
    /// When.
    pub time: Time,
    /// How it ended.
    pub status: Status,
    /// The exit code, when it exited.
    pub exit_code: Option<i32>,
    /// The signal, when one ended it.
    pub signal: Option<i32>,
    /// From start to exit.
    pub duration_millis: u64,
    /// What a failed run says.
    pub failure: Option<Failure>,
    /// The files as of the end; `None` when nothing changed or they could not be kept.
    pub snapshot: Option<Hash>,
    /// Files that the run wrote.
    pub outputs: Vec<Output>,
    /// Files with the role code, config or data that changed while the run went on: by whom is
    /// not known.
    pub changed_inputs: Vec<RelPath>,
    /// Files that the run itself read and wrote.
    #[serde(default)]
    pub files: FilesUsed,
    /// Metrics and machine use.
    pub series: Vec<SeriesRef>,
    /// Parameters that only the files of a framework told, while the run went on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Value>,
    /// The log.
    pub log: LogSummary,
    /// The cells, when it was one of a notebook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notebook: Option<NotebookRun>,
    /// What it cost.
    pub usage: Usage,
    /// What could not be recorded, in words.
    #[serde(default)]
    pub missing: Vec<String>,
}
