//! The background process: notices runs that nobody started with `lab run`, and keeps them.
//!
//! One process per notebook ([`serve`]), with one loop and four threads: one notices starts, one hears shells, one reads file events, one
//! helps. It is told of commands by the shell hook (a FIFO), sees processes start by itself, takes a
//! snapshot at each start, follows the process to its end and closes the record. It may be killed at
//! any moment: it is neither parent nor tracer of a run, and the next one finds what still runs.
//!
//! It never starts, stops, slows or signals a process of the person.

mod candidates;
mod decisions;
mod files;
mod folders;
mod follow;
mod hook;
mod kernels;
mod line;
mod lines;
mod log;
mod observe;
mod place;
mod projects;
mod protocol;
mod runs;
mod same;
mod serve;
mod service;
mod shells;
mod starts;
mod work;

pub use place::{WatchPlace, build};
pub use projects::WatchState;
pub use protocol::{
    Answer, Decision, PROTOCOL_VERSION, Probed, Question, WatchStatus, WatchedProject, WatchedRun, ask,
};
pub use same::Same;
pub use serve::{Hint, serve};
pub use service::{WatchStarted, start, stop};
