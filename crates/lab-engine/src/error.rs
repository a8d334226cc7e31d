use std::fmt;

use lab_store::{CopyError, StoreError};
use lab_workdir::restore::RestoreError;

/// What a person can do about an error. Decides the exit code, the tone, and whether *retry* is
/// offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The request itself is wrong: correct it.
    Usage,
    /// What was asked for is not there.
    Missing,
    /// Somebody else is at it: try again.
    Busy,
    /// The disk is full, read-only or failing.
    Disk,
    /// The notebook is damaged: verify, rebuild.
    Damaged,
    /// The person stopped it.
    Canceled,
    /// A mistake in `lab`.
    Bug,
}

impl ErrorKind {
    /// The process exit code, see `lab help exit-codes`.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Missing => 3,
            Self::Busy => 4,
            Self::Disk => 5,
            Self::Damaged => 6,
            Self::Canceled => 7,
            Self::Bug => 70,
        }
    }
}

/// The one error type above the engine's parts: what failed, and one thing to do about it.
#[derive(Debug)]
pub struct Error {
    /// What a person can do.
    pub kind: ErrorKind,
    /// What failed, sentence case, path last.
    pub message: String,
    /// One thing to do.
    pub hint: Option<String>,
    /// What lies behind it.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A result with the engine's error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// The same error for somebody else: in words, without what lies behind it.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { kind: self.kind, message: self.message.clone(), hint: self.hint.clone(), source: None }
    }

    /// The same error with one thing to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with what lies behind it.
    #[must_use]
    pub fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// A failure of the disk at `path`.
    pub fn disk(doing: &str, path: &std::path::Path, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::Missing,
            _ => ErrorKind::Disk,
        };
        let error = Self::new(kind, format!("Could not {doing} {}", path.display()));
        let hint = match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Some("free some space, or run `lab gc`")
            }
            std::io::ErrorKind::ReadOnlyFilesystem => Some("the file system is read-only"),
            std::io::ErrorKind::PermissionDenied => Some("check who owns it and its permissions"),
            _ => None,
        };
        Self { hint: hint.map(str::to_owned), ..error }.because(source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut source = self.source.as_deref().map(|source| source as &dyn std::error::Error);
        while let Some(error) = source {
            let text = error.to_string();
            // The message is often the source's own with a capital.
            if !self.message.to_lowercase().contains(&text.to_lowercase()) {
                write!(f, ": {text}")?;
            }
            source = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<StoreError> for Error {
    fn from(source: StoreError) -> Self {
        use StoreError as Store;
        let (kind, hint) = match &source {
            source if source.is_disk_full() => (ErrorKind::Disk, Some("free some space, or run `lab gc`")),
            source if source.is_read_only() => {
                (ErrorKind::Disk, Some("make the notebook writable, or choose another with --notebook"))
            }
            Store::IndexMissing { .. } => (ErrorKind::Damaged, Some("run `lab rebuild`: the packs hold everything")),
            source if source.is_damage() => {
                (ErrorKind::Damaged, Some("run `lab verify --deep`; `lab rebuild` makes the index anew"))
            }
            Store::Missing { .. } => (ErrorKind::Damaged, Some("run `lab verify --deep` to see what is missing")),
            Store::Purged { .. } => (ErrorKind::Missing, Some("it was removed for good with `lab purge`")),
            Store::Sealed { .. } => {
                (ErrorKind::Missing, Some("sealed files come back only on the machine that kept them"))
            }
            Store::Busy { .. } => (ErrorKind::Busy, Some("try again in a moment")),
            Store::NotANotebook { .. } => {
                (ErrorKind::Usage, Some("choose another directory with --notebook or LAB_NOTEBOOK"))
            }
            Store::Format { .. } => (ErrorKind::Usage, Some("use a newer `lab`")),
            Store::Owner { .. } => (ErrorKind::Usage, Some("copy it, or choose another with --notebook")),
            Store::NoRun { .. } => (ErrorKind::Missing, Some("`lab ls` lists runs")),
            Store::Kind { .. } => (ErrorKind::Usage, None),
            Store::Read { .. } | Store::Write { .. } | Store::Index { .. } | Store::Poisoned { .. } => {
                (ErrorKind::Disk, None)
            }
            _ => (ErrorKind::Bug, None),
        };
        let error = Self::new(kind, sentence(&source.to_string())).because(source);
        Self { hint: hint.map(str::to_owned), ..error }
    }
}

impl From<CopyError> for Error {
    fn from(source: CopyError) -> Self {
        match source {
            CopyError::Store(source) => source.into(),
            CopyError::Sink(source) => Self::new(ErrorKind::Disk, "Could not write").because(source),
        }
    }
}

impl From<lab_workdir::Error> for Error {
    fn from(source: lab_workdir::Error) -> Self {
        use lab_workdir::Error as Workdir;
        let (kind, hint) = match &source {
            Workdir::Config { hint, .. } => (ErrorKind::Usage, Some(hint.clone())),
            Workdir::Root { .. } => (ErrorKind::Missing, None),
            _ => (ErrorKind::Disk, None),
        };
        let error = Self::new(kind, sentence(&source.to_string())).because(source);
        Self { hint, ..error }
    }
}

impl From<RestoreError> for Error {
    fn from(source: RestoreError) -> Self {
        use RestoreError as Restore;
        let (kind, hint) = match &source {
            Restore::DestinationExists { .. } => (ErrorKind::Usage, Some("name a folder that does not exist yet")),
            Restore::NoSpace { .. } => (ErrorKind::Disk, Some("free some space; nothing was changed")),
            Restore::Unfinished { .. } => {
                (ErrorKind::Busy, Some("run `lab restore` again: it finishes the earlier one first"))
            }
            Restore::Reserved { .. } | Restore::Step { .. } | Restore::NotDirectory { .. } => (ErrorKind::Usage, None),
            Restore::Journal { .. } | Restore::OtherRoot { .. } => (ErrorKind::Damaged, None),
            Restore::Content { .. } => (ErrorKind::Damaged, Some("run `lab verify --deep`; the tree is as it was")),
            Restore::Stopped => (ErrorKind::Canceled, Some("nothing was changed")),
            Restore::Io { .. } | Restore::NotWritable { .. } => {
                (ErrorKind::Disk, Some("the next `lab restore` goes on where this one stopped"))
            }
        };
        let error = Self::new(kind, sentence(&source.to_string())).because(source);
        Self { hint: hint.map(str::to_owned), ..error }
    }
}

/// The first letter as a capital.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
