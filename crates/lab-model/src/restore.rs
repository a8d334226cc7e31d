use serde::{Deserialize, Serialize};

use crate::{Hash, ProjectId, RelPath, RunId, Time};

/// Which way a restore went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RestoreKind {
    /// `lab restore`.
    Restore,
    /// `lab undo`.
    Undo,
    /// `lab redo`.
    Redo,
}

/// The record of a restore in place. Together they are the stack that undo and redo walk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RestoreRecord {
    /// When.
    pub time: Time,
    /// In which project.
    pub project: ProjectId,
    /// Which way.
    pub kind: RestoreKind,
    /// The files before: taken and durable before the first byte changed.
    pub before: Hash,
    /// The snapshot that was put in place.
    pub target: Hash,
    /// The run whose state it is, where there is one.
    pub run: Option<RunId>,
    /// Every path that was created, changed or removed.
    pub paths: Vec<RelPath>,
    /// For undo and redo: the record that is taken back or done again.
    pub of: Option<Hash>,
}
