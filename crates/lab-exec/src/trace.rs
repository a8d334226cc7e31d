//! Which files a command, and everything that it starts, opens, makes, renames and removes: seen without
//! special rights and without a change to the command.
//!
//! The kernel's filter for system calls (seccomp(2)) lets each call that takes a path wait until it was
//! looked at; then it goes on as if nobody had looked. The supervisor looks ([`Tracer::serve`], on a thread
//! of its own), and a tiny process stands by to let calls go on should the supervisor end
//! (`keeper`). What was seen is appended to a file, line by line ([`Event`]).
//!
//! To wait costs more than most calls. So a small library is loaded into the programs ([`Trace::helper`]; `helper`,
//! `preload/helper.rs`), which opens files that are only read by a call that the filter lets pass, and notes them, with
//! their state, in memory that the tracer shares (`notes`). Of a program that asks for the state of what it opens the
//! state is noted when it does so, or looked at by the tracer, should that come first. The tracer reads all notes before it lets a call go on that
//! waits, so that what was read before something was written stays in this order. Whatever the library does not see, and
//! whatever does not load it, waits as before: what is seen is the same. From the first call on that changes what names
//! mean or forbids calls (chroot, mount, seccomp, …) every call waits.
//!
//! Linux on x86-64 and aarch64; elsewhere the log says that it cannot be done. Not seen: programs of
//! 32 bits on aarch64, files that a container maps to other names, files that are received from other
//! processes. Programs cannot use `io_uring` while they are traced; they get `ENOSYS` and do without.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod arguments;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter;
#[cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))),
    expect(dead_code, reason = "where nothing is traced only the names matter")
)]
pub(crate) mod helper;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) mod keeper;
mod line;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod listener;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod look;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod notes;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod nowhere;
mod paths;
mod record;
mod rules;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tracer;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) use nowhere as keeper;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub use nowhere::Tracer;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) use nowhere::{Hook, Seen, Standby, prepare};
pub use record::{Event, State};
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use tracer::Tracer;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) use tracer::{Hook, Seen, Standby, prepare};

/// That a command is to be traced, and what has to be known for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trace {
    /// The file that takes the events; where its directory is not there at the start, nothing is traced.
    pub log: PathBuf,
    /// The project's root: files below are named from there.
    pub root: PathBuf,
    /// The notebook's directory, whose files are nobody's business.
    pub own: PathBuf,
    /// A directory in which the helper may be kept; without it every call waits.
    pub helper: Option<PathBuf>,
}

/// What a file of events holds, as far as it was written.
pub fn read_log(path: &Path) -> Vec<Event> {
    let lines = File::open(path).ok().map(|file| BufReader::new(file).split(b'\n'));
    let lines = lines.into_iter().flatten().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_slice(&line).ok()).collect()
}
