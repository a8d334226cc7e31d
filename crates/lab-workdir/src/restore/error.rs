use std::io;
use std::path::{Path, PathBuf};

use lab_model::RelPath;

/// What a restore returns.
pub type Result<T> = std::result::Result<T, RestoreError>;

/// Why the callback could not fill a file.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The bytes are encrypted, and the key is not here.
    #[error("it is sealed, and the key is not on this machine")]
    Sealed,
    /// The notebook could not give the bytes: missing or damaged.
    #[error("{0}")]
    Notebook(Box<dyn std::error::Error + Send + Sync>),
    /// The file could not be written; the error came from the writer that the callback was given.
    #[error("{0}")]
    Write(#[from] io::Error),
}

/// Why a restore did not happen, or stopped. Except for [`RestoreError::Io`] during the last phase, after
/// which [`super::resume`] goes on, the tree is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The system refused an operation on a path of the tree, the stage or the journal.
    #[error("cannot {operation} {}", .path.display())]
    Io {
        /// What was tried, such as `open` or `rename`.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file's bytes could not be had or written.
    #[error("cannot restore the content of {path}")]
    Content {
        /// Which file.
        path: RelPath,
        /// Why.
        source: ContentError,
    },
    /// The plan names a place that no restore touches, such as `.git`.
    #[error("the plan names a reserved path: {path}")]
    Reserved {
        /// Which.
        path: RelPath,
    },
    /// The plan wants to create a FIFO, socket or device, or it contradicts itself.
    #[error("the plan has a step that cannot be carried out: {path}")]
    Step {
        /// Where.
        path: RelPath,
    },
    /// A parent that the plan takes for a directory is a link or a file.
    #[error("a parent is not a directory: {path}")]
    NotDirectory {
        /// Which place.
        path: RelPath,
    },
    /// A directory in which something must change may not be written.
    #[error("no permission to change {path}")]
    NotWritable {
        /// Which.
        path: RelPath,
    },
    /// The file system has too little room for the new files.
    #[error("not enough space: {needed_bytes} bytes are needed, {available_bytes} are free")]
    NoSpace {
        /// What the plan writes.
        needed_bytes: u64,
        /// What is free.
        available_bytes: u64,
    },
    /// The destination of a new tree exists and is not an empty directory.
    #[error("the destination exists and is not an empty directory: {}", .path.display())]
    DestinationExists {
        /// Which.
        path: PathBuf,
    },
    /// Another restore is unfinished: finish it first with [`super::resume`].
    #[error("another restore is unfinished: {}", .journal.display())]
    Unfinished {
        /// Its journal.
        journal: PathBuf,
    },
    /// The journal cannot be understood.
    #[error("the journal is damaged: {}", .journal.display())]
    Journal {
        /// Which.
        journal: PathBuf,
    },
    /// The journal belongs to another directory.
    #[error("the unfinished restore belongs to another directory than {}", .root.display())]
    OtherRoot {
        /// The directory that was given.
        root: PathBuf,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

impl RestoreError {
    /// For `map_err`: wraps what the system said.
    pub(super) fn io<E: Into<io::Error>>(operation: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source: source.into() }
    }
}
