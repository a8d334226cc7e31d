//! The nouns of a notebook and the pure comparisons between them.
//!
//! Start with [`Snapshot`] (the files of a project at one moment), [`RunStart`]/[`RunFacts`]/[`RunEnd`]
//! (one command executed on a snapshot) and [`Tree`] (one directory of a snapshot).
//!
//! This crate never does IO, never reads a clock and never draws a random number.

mod coverage;
pub mod diff;
mod edit;
mod environment;
mod files_used;
mod hash;
mod id;
pub mod note;
mod path;
mod restore;
mod run;
mod series;
mod snapshot;
pub mod statistics;
mod time;
mod tree;

pub use coverage::{Coverage, Omission, OmissionReason};
pub use diff::PathDiff;
pub use edit::{Change, Edit, NoteKind, Project, Target};
pub use environment::{Environment, Gpu, Interpreter, LockFile, Machine, Package};
pub use files_used::{FileUsed, FilesUsed, Observation};
pub use hash::{Domain, Hash, Hasher};
pub use id::{ProjectId, RunId, name_from_seed};
pub use path::{FilePath, PathError, RelPath, display_bytes};
pub use restore::{RestoreKind, RestoreRecord};
pub use run::{
    Failure, Input, LogSummary, NotebookRun, Origin, Output, OutputChange, ProcessKey, RunEnd, RunFacts, RunStart,
    Seed, Status, Usage,
};
pub use series::{Outline, Point, Series, SeriesRef, Summary, Tally};
pub use snapshot::{Fingerprint, GitState, Snapshot};
pub use time::Time;
pub use tree::{Content, Entry, Kind, ROLES, Role, Tree, TreeError};
