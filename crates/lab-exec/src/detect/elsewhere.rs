//! Systems that tell nobody of programs that start, or only administrators.

use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use lab_model::ProcessKey;

use super::{Event, Method, Probe};
use crate::error::Trying;
use crate::{Ended, Result};

/// Tells of programs that start; on this system it cannot be opened. Use the hook of the shell.
#[derive(Debug)]
pub struct Detector {
    never: Infallible,
}

/// Follows one process to its end; not on this system.
#[derive(Debug)]
pub struct Followed {
    never: Infallible,
}

fn unsupported<T>() -> Result<T> {
    Err(io::Error::from(io::ErrorKind::Unsupported)).trying("watch for programs that start: only Linux tells of them")
}

impl Detector {
    /// Always fails.
    pub fn open(_own_uid_only: bool) -> Result<Self> {
        unsupported()
    }

    /// Always fails.
    pub fn open_with(_methods: &[Method], _own_uid_only: bool) -> Result<Self> {
        unsupported()
    }

    /// Every method, best first, and what became of it.
    pub fn probed(&self) -> &[Probe] {
        match self.never {}
    }

    /// The method in use.
    pub fn method(&self) -> Method {
        match self.never {}
    }

    /// Also notices programs that lie in this directory.
    pub fn watch_directory(&mut self, _root: &Path) -> Result<()> {
        match self.never {}
    }

    /// Reads what was told.
    pub fn hear(&mut self) -> bool {
        match self.never {}
    }

    /// The opposite of [`Detector::watch_directory`].
    pub fn forget_directory(&mut self, _root: &Path) {
        match self.never {}
    }

    /// Readable when [`Detector::drain`] has something to do.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        match self.never {}
    }

    /// When [`Detector::drain`] is to be called at the latest, in nanoseconds of the monotonic clock.
    pub fn deadline_nanos(&self) -> Option<u64> {
        match self.never {}
    }

    /// Adds what happened since the last call.
    pub fn drain(&mut self, _events: &mut Vec<Event>) {
        match self.never {}
    }
}

impl Followed {
    /// Always fails.
    pub fn new(_key: &ProcessKey) -> Result<Self> {
        unsupported()
    }

    /// Readable once the process has ended.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        match self.never {}
    }

    /// How it ended.
    pub fn ended(&self) -> Option<Ended> {
        match self.never {}
    }
}
