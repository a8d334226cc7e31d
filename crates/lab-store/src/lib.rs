//! The notebook on disk: packs and index, and the promise that no row points to missing bytes.
//!
//! A [`Notebook`] is a directory. An [`Encoder`] makes [`Record`]s, a [`Writer`] appends them to a
//! pack and commits them, a [`Reader`] finds and checks them. Packs are the truth; the SQLite index
//! can be made anew from them. `docs/format.md` describes every byte.
//!
//! This crate never reads a user's file by itself, never reads a clock, the environment or a source
//! of randomness, never starts a thread, and never acknowledges what is not on the disk.

mod chain;
mod columns;
mod contents;
mod decode;
mod disk;
mod encoder;
mod error;
pub mod fault;
mod files;
mod gc;
mod index;
mod inspect;
mod mark;
mod notebook;
mod pack;
mod purge;
mod query;
mod reader;
mod rebuild;
mod record;
mod references;
mod report;
mod rewrite;
mod schema;
mod seal;
mod tidy;

mod verify;
mod verify_index;
mod writer;

pub use chain::{Commit, CommitRef, Retire, RetireReason, RetiredPack};
pub use columns::{ColumnSink, ColumnValue, EarlierRun, Flag, KeyKind, MetricPart, RunField, RunLine, WORD_END};
pub use contents::{LiveContent, Statistics};
pub use decode::Decoder;
pub use disk::{DiskUse, ProjectDisk};
pub use encoder::{CHUNK_LIMIT, DEFAULT_LEVEL, Encoder, Large, hash_reader, sample_hash};
pub use error::{CopyError, Flaw, LargeError, Result, StoreError};
pub use gc::{GcOptions, GcReport};
pub use notebook::{FORMAT, Notebook, Options};
pub use purge::{PurgeReport, PurgeRequest};
pub use query::{NoteRow, RunQuery, RunRow, State, UsedFile};
pub use reader::{Found, Reader};
pub use rebuild::RebuildReport;
pub use record::{Encoding, Record, RecordKind};
pub use report::{Finding, Progress, Trouble};
pub use seal::SealKey;
pub use verify::{Note, VerifyReport};
pub use writer::Writer;
