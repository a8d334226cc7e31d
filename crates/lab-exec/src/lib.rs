//! Starts a process and observes it: terminal, exit, machine facts, environment.
//!
//! A command is run by two processes, so that neither can take it down. The *front* is the one that a
//! person started ([`Front`]); the *supervisor* is the same program once more ([`supervise`]), a child
//! of the front and the parent of the command. Both hold the reading ends of the command's output. The
//! supervisor copies and logs it; should the supervisor die, the command becomes a child of the front,
//! which carries on with the same code; should the front die, the supervisor does not mind.
//!
//! This crate never writes to a notebook, never prints words of its own, and never keeps a command
//! waiting for anything but the terminal, pipe or file that the command writes to.

mod channel;
mod command;
mod console;
pub mod detect;
pub mod environment;
mod error;
mod front;
pub mod git;
pub mod gpu;
mod holders;
pub mod jupyter;
mod launch;
pub mod machine;
pub mod observe;
mod outlet;
mod process;
mod relay;
mod sample;
mod signals;
mod supervise;
pub mod trace;

pub use error::Error;
pub use front::{Front, Outcome, end_by_signal, end_like, is_interactive};
pub use holders::{belongs, writers};
pub use launch::{Ended, Exit, Launch, LaunchFailure, Sample, Sink, Stream};
pub use process::{is_alive, process_key, stop_for_shell, terminal_answer, terminate};
pub use supervise::supervise;

/// What functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;
