use std::io;
use std::path::{Path, PathBuf};

use lab_model::{Hash, RunId};

use crate::RecordKind;

/// What is wrong with bytes in a pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// The file does not begin like a pack.
    PackHeader,
    /// The file's name is not the id in its header.
    PackName,
    /// The bytes are no record header, or the header's checksum does not fit.
    RecordHeader,
    /// The stored bytes do not fit their checksum.
    Checksum,
    /// The bytes end early, or a length is out of bounds.
    Length,
    /// The bytes cannot be decompressed.
    Compression,
    /// The bytes are not those that the id names.
    Identity,
    /// The record is not the one that the index names.
    OtherRecord,
    /// The record's body is not what its kind promises.
    Body,
}

impl Flaw {
    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::PackHeader => "not a pack",
            Self::PackName => "the pack's name is not the id in its header",
            Self::RecordHeader => "a record header is damaged",
            Self::Checksum => "stored bytes do not fit their checksum",
            Self::Length => "bytes are missing",
            Self::Compression => "stored bytes cannot be decompressed",
            Self::Identity => "bytes are not those that their id names",
            Self::OtherRecord => "another record than the index names",
            Self::Body => "a record's body cannot be understood",
        }
    }
}

/// Why the notebook could not do it. A failed read of a *user's* file is never one of these: see
/// [`crate::LargeError`] and [`crate::CopyError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file of the notebook could not be read.
    #[error("the notebook cannot be read ({source}): {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the notebook could not be written. Nothing was acknowledged.
    #[error("the notebook cannot be written ({source}): {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("the index cannot be used ({source}): {}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// `notebook.db` is not there.
    #[error("the index is missing: {}", path.display())]
    IndexMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// `notebook.db` is not the index of this notebook, or of another format.
    #[error("the index is not one of this notebook: {}", path.display())]
    IndexForeign {
        /// The file.
        path: PathBuf,
    },
    /// No record has this id.
    #[error("no such record: {id}")]
    Missing {
        /// The id.
        id: Hash,
    },
    /// The record was purged for good.
    #[error("the record was purged: {id}")]
    Purged {
        /// The id.
        id: Hash,
    },
    /// Bytes in a pack are damaged.
    #[error("{} at byte {offset}: {}", flaw.words(), path.display())]
    Damaged {
        /// The pack.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What.
        flaw: Flaw,
    },
    /// The record is sealed and the key is not there or is another one.
    #[error("the record is sealed under a key that is not on this machine: {id}")]
    Sealed {
        /// The record.
        id: Hash,
    },
    /// The record is of another kind than asked for.
    #[error("the record is a {} and no {}: {id}", found.name(), wanted.name())]
    Kind {
        /// The record.
        id: Hash,
        /// What it is.
        found: RecordKind,
        /// What was asked for.
        wanted: RecordKind,
    },
    /// The record's body is intact and yet not what its kind promises.
    #[error("the record cannot be understood: {id}")]
    Body {
        /// The record.
        id: Hash,
    },
    /// The directory is no notebook.
    #[error("not a notebook: {}", path.display())]
    NotANotebook {
        /// The directory.
        path: PathBuf,
    },
    /// The notebook is of a newer format.
    #[error("the notebook has format {found}, this program knows {}: {}", crate::FORMAT, path.display())]
    Format {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// The notebook belongs to somebody else.
    #[error("the notebook belongs to another user (uid {uid}): {}", path.display())]
    Owner {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
    /// Other processes are writing, or clean up.
    #[error("the notebook is in use: {}", path.display())]
    Busy {
        /// What is locked.
        path: PathBuf,
    },
    /// A run or snapshot that must be kept cannot be read, so nothing is thrown away.
    #[error("nothing was removed, since a record that must be kept cannot be read: {id}")]
    Root {
        /// The record.
        id: Hash,
        /// Why.
        source: Box<StoreError>,
    },
    /// No such run.
    #[error("no such run: {run}")]
    NoRun {
        /// The run.
        run: RunId,
    },
    /// The linked SQLite is too old: versions before 3.51.3 can lose committed pages.
    #[error("SQLite {version} is too old: 3.51.3 is needed")]
    SqliteVersion {
        /// Which.
        version: String,
    },
    /// An earlier error of this writer: nothing more is written through it.
    #[error("an earlier write failed: {}", path.display())]
    Poisoned {
        /// The notebook.
        path: PathBuf,
    },
    /// A test stopped the program here.
    #[error("stopped at `{point}`")]
    Fault {
        /// Where.
        point: &'static str,
    },
}

/// Shorthand.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl StoreError {
    pub(crate) fn read(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Read { path: path.to_owned(), source: source.into() }
    }

    pub(crate) fn write(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Write { path: path.to_owned(), source: source.into() }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, flaw: Flaw) -> Self {
        Self::Damaged { path: path.to_owned(), offset, flaw }
    }

    /// Whether the disk (or a quota) is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Write { source, .. } | Self::Read { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Index { source: rusqlite::Error::SqliteFailure(error, _), .. } => {
                // The file beside the log that processes share could not be made.
                error.code == rusqlite::ErrorCode::DiskFull
                    || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
            }
            _ => false,
        }
    }

    /// Whether the notebook cannot be written at all: read-only media or no permission.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::Write { source, .. } => {
                matches!(source.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
            }
            Self::Index { source, .. } => source.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly),
            _ => false,
        }
    }

    /// Whether bytes of the notebook are damaged or missing, so that `lab verify` and `lab rebuild` help.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::IndexMissing { .. } | Self::IndexForeign { .. } | Self::Body { .. } => true,
            Self::Root { source, .. } => source.is_damage(),
            Self::Index { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            _ => false,
        }
    }
}

/// Why a large file was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum LargeError {
    /// The user's file could not be read: skip it and list it.
    #[error("{0}")]
    Read(io::Error),
    /// The notebook could not take it: give up.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why content did not come out.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The receiver refused the bytes.
    #[error("{0}")]
    Sink(io::Error),
    /// The notebook could not give them.
    #[error(transparent)]
    Store(#[from] StoreError),
}
