//! Reads and writes a project directory: rules, scan, restore.
//!
//! [`scan()`] walks a project under [`Rules`] made from a [`Config`] and gives a [`Scan`]: every entry with
//! its [`Stat`], its role where a rule decides it, and, with the [`Index`] of the time before, the content
//! that is believed to be unchanged. [`read_file`] and [`open_stream`] read a file's bytes and notice when
//! it changes meanwhile. [`restore`] puts a tree in place.
//!
//! This crate starts no thread and hashes no content. It never follows a link, never opens a FIFO, socket
//! or device, and writes nothing but the index and what a restore asks for.

pub mod config;
mod error;
pub mod git;
pub mod index;
mod open;
pub mod pointer;
pub mod read;
pub mod restore;
pub mod role;
pub mod rules;
pub mod scan;
mod stat;
mod walk;
pub mod watch;

pub use config::{Config, Keep, RoleConfig};
pub use error::{Error, Result};
pub use index::Index;
pub use open::RootHandle;
pub use pointer::{Pointer, pointer_of};
pub use read::{
    FileBytes, FileStream, SourceError, StreamEnd, open_root, open_stream, read_file, samples, wait_for_writer,
};
pub use role::{role_by_content, role_by_name};
pub use rules::{Globs, Rules};
pub use scan::{Known, KnownTree, Scan, ScanDir, ScanEntry, Sums, scan};
pub use stat::Stat;
