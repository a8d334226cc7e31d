use std::io;
use std::path::PathBuf;

/// What this crate could not do. Trouble with a single file of the user is a [`crate::SourceError`]
/// or an omission, never this.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The project's root could not be opened or listed.
    #[error("The project directory cannot be read: {source}: {}", path.display())]
    Root {
        /// The root.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `lab.toml` exists and could not be read.
    #[error("The settings cannot be read: {source}: {}", path.display())]
    ConfigRead {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `lab.toml` says something that is not understood.
    #[error("{message}: {}:{line}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
        /// What would be right.
        hint: String,
    },
    /// The index could not be written.
    #[error("The index cannot be written: {source}: {}", path.display())]
    IndexWrite {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The result of what this crate does.
pub type Result<T> = std::result::Result<T, Error>;
