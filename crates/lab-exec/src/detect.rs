//! Finds processes that start, without privileges, without a wrapper and without a hook in the shell.
//!
//! [`Detector`] tells of every program that the person starts, by the best method that answers here;
//! [`Followed`] tells how one of them ended; [`rules`] decides which of them are runs.

use std::ffi::OsString;
use std::path::PathBuf;

use lab_model::ProcessKey;

use crate::Ended;

#[cfg(target_os = "linux")]
mod connector;
#[cfg_attr(not(target_os = "linux"), path = "detect/elsewhere.rs")]
mod detector;
#[cfg(target_os = "linux")]
mod followed;
#[cfg(target_os = "linux")]
mod loader;
#[cfg(target_os = "linux")]
mod look;
pub mod rules;
#[cfg(target_os = "linux")]
mod table;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
#[cfg(target_os = "linux")]
mod told;

pub use detector::Detector;
#[cfg(not(target_os = "linux"))]
pub use detector::Followed;
#[cfg(target_os = "linux")]
pub use followed::Followed;

/// How starts are noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// The kernel's process connector tells every exec and exit, with its time.
    Connector,
    /// Programs open the dynamic loader and the C library when they start: inotify tells of that.
    Loader,
    /// Looking at `/proc` every two seconds.
    Polling,
}

/// What became of trying a method.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    /// Which one.
    pub method: Method,
    /// Whether it works here.
    pub works: bool,
    /// What it does here, or why it does not, in words.
    pub words: String,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A process has started a program. It may start another one later: the same key, a later time.
    Started(Started),
    /// A process that was told of has ended.
    Ended(EndedProcess),
    /// Events were lost. A full look at `/proc` was taken: what still lives was told of.
    Gap {
        /// When that was noticed, in nanoseconds of the monotonic clock.
        at_nanos: u64,
    },
}

/// A process that has started a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Started {
    /// The process; its start time is 0 when it was gone before it could be looked at.
    pub process: ProcessKey,
    /// The number of its parent; 0 where unknown.
    pub parent: i32,
    /// When, in nanoseconds of the monotonic clock.
    pub at_nanos: u64,
    /// Whether the kernel told the time. Otherwise it is when the start was noticed, which is later.
    pub exact: bool,
    /// What it runs; `None` when it was gone before it could be looked at.
    pub program: Option<Program>,
}

/// A process that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndedProcess {
    /// Its number.
    pub pid: i32,
    /// Its start time, as in its [`ProcessKey`], where known.
    pub start_ticks: Option<u64>,
    /// When, in nanoseconds of the monotonic clock; when it was noticed where the kernel did not tell.
    pub at_nanos: u64,
    /// How, where known. Follow a process that matters with [`Followed`].
    pub ended: Option<Ended>,
}

/// What a process runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// The executable: the interpreter, for a script.
    pub exe: PathBuf,
    /// The command line; cut where it is very long.
    pub argv: Vec<OsString>,
    /// The directory it runs in.
    pub cwd: PathBuf,
    /// Its user.
    pub uid: u32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// Whether it has a controlling terminal.
    pub terminal: bool,
    /// Parent, its parent and so on.
    pub ancestors: Vec<Ancestor>,
}

/// A process above another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ancestor {
    /// Its number.
    pub pid: i32,
    /// Its start time, as in its [`ProcessKey`].
    pub start_ticks: u64,
    /// The name the kernel has for it, at most 15 bytes.
    pub name: String,
}
