//! The only façade below the view: everything that moves (disk, database, processes, threads) is
//! reached through [`Engine`], everything that is looked at through [`Reader`].
//!
//! This crate never prints and never formats for people beyond the words of an [`Error`].

mod background;
mod command;
mod complete;
mod config;
pub mod demo;
mod describe;
mod engine;
mod error;
mod follow;
mod grep;
mod lineage;
mod live;
mod maintain;
mod notebook;
mod picture;
pub mod plan;
mod reader;
mod restore;
mod run;
mod seat;
mod select;
mod snapshot;
mod supervise;
mod trace;
pub mod watch;
pub mod watched;

pub use background::{Background, Job, Lane, Pending, Progress as JobProgress, Wake};
pub use command::{Command, Done, with_params};
pub use config::{Clock, EngineConfig, Random};
pub use engine::{Engine, project_here};
pub use error::{Error, ErrorKind, Result};
pub use grep::{GrepHit, GrepPlace, GrepQuery};
pub use lab_exec::{stop_for_shell, terminal_answer};
pub use lab_ingest::frameworks::{EventImage, event_images};
pub use lab_ingest::table;
pub use lab_store::Note as VerifyNote;
pub use lab_store::{
    DiskUse, GcReport, NoteRow, ProjectDisk, PurgeReport, RebuildReport, RunQuery, RunRow, Statistics, VerifyReport,
};
pub use lab_store::{Flag, KeyKind, MetricPart, RunField};
pub use lab_workdir::config::{Config, Keep, TraceMode};
pub use lab_workdir::restore::Step as RestoreStep;
pub use lineage::{Lineage, LinkedFile, Stale};
pub use live::{LiveReader, LiveRun, LogLine};
pub use picture::{picture_file, waiting_picture};
pub use reader::{LogWindow, Reader};
pub use restore::{RestoreOptions, RestoreOutcome, RestorePlan, RestoreTarget, Written};
pub use run::{RunOutcome, RunRequest};
pub use seat::Seat;
pub use snapshot::SnapshotOutcome;
pub use supervise::supervise;

/// Told about long work: how much is done, of how much, both in the same unit.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
