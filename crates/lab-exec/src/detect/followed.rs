#![expect(unsafe_code, reason = "rustix does not have the request for how a process ended")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use lab_model::ProcessKey;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::error::Trying;
use crate::process::{is_alive, is_living, stat};
use crate::{Ended, Result};

/// Follows one process, which need not be a child, to its end.
#[derive(Debug)]
pub struct Followed {
    key: ProcessKey,
    handle: OwnedFd,
}

impl Followed {
    /// Fails when that process has ended.
    pub fn new(key: &ProcessKey) -> Result<Self> {
        let pid = Pid::from_raw(key.pid).ok_or(Errno::SRCH).trying("follow a process")?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).trying("follow a process")?;
        // Only now: before, the number could still have been given to another process.
        if !is_alive(key) {
            return Err(Errno::SRCH).trying("follow a process");
        }
        Ok(Self { key: key.clone(), handle })
    }

    /// Readable once the process has ended.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// How it ended; `None` while it runs, [`Ended::Unknown`] where the kernel does not tell: before
    /// Linux 6.15, when its parent has waited for it already.
    pub fn ended(&self) -> Option<Ended> {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut waiting = [PollFd::new(&self.handle, PollFlags::IN)];
        if poll(&mut waiting, Some(&now)) == Ok(0) {
            return None;
        }
        // The first is told before its parent has waited for it, the second afterwards; in that order,
        // so that it cannot fall between the two.
        let status = self.unreaped_status().or_else(|| self.reaped_status());
        Some(status.map_or(Ended::Unknown, ended))
    }

    fn unreaped_status(&self) -> Option<i32> {
        let stat = stat(self.key.pid).filter(|stat| stat.start_ticks == self.key.start_ticks)?;
        if is_living(&stat) { None } else { stat.wait_status }
    }

    fn reaped_status(&self) -> Option<i32> {
        let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
        // SAFETY: the request carries the size of the structure, which is laid out as the kernel defines it.
        unsafe {
            rustix::ioctl::ioctl(&self.handle, rustix::ioctl::Updater::<PIDFD_GET_INFO, _>::new(&mut info)).ok()?;
        }
        (info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code)
    }
}

/// Reads what `wait` tells of an ended process.
pub(super) const fn ended(status: i32) -> Ended {
    match status & 0x7f {
        0 => Ended::Exited((status >> 8) & 0xff),
        signal => Ended::Signaled(signal),
    }
}

/// `struct pidfd_info` of `linux/pidfd.h`, first version.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    control_group: u64,
    process: [u32; 3],
    users_and_groups: [u32; 8],
    exit_code: i32,
}

const PIDFD_INFO_EXIT: u64 = 1 << 3;
const PIDFD_GET_INFO: rustix::ioctl::Opcode = rustix::ioctl::opcode::read_write::<PidfdInfo>(0xff, 11);

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::process_key;

    #[test]
    fn wait_statuses() {
        for (status, expected) in
            [(0, Ended::Exited(0)), (42 << 8, Ended::Exited(42)), (9, Ended::Signaled(9)), (139, Ended::Signaled(11))]
        {
            assert_eq!(ended(status), expected, "{status}");
        }
    }

    #[test]
    fn before_and_after_it_was_waited_for() {
        for (script, expected) in [("read x; exit 42", Ended::Exited(42)), ("read x; kill -9 $$", Ended::Signaled(9))] {
            let mut child = Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap();
            let key = process_key(i32::try_from(child.id()).unwrap()).unwrap();
            let followed = Followed::new(&key).unwrap();
            assert_eq!(followed.ended(), None);
            drop(child.stdin.take());
            poll(&mut [PollFd::new(&followed.handle, PollFlags::IN)], None).unwrap();
            assert_eq!(followed.ended(), Some(expected.clone()), "before");
            child.wait().unwrap();
            let after = followed.ended().unwrap();
            assert!(after == expected || after == Ended::Unknown, "after: {after:?}");
            assert!(Followed::new(&key).is_err());
        }
    }

    #[test]
    fn the_process_must_be_the_one() {
        let own = process_key(rustix::process::getpid().as_raw_nonzero().get()).unwrap();
        assert!(Followed::new(&own).is_ok());
        assert!(Followed::new(&ProcessKey { start_ticks: own.start_ticks + 1, ..own.clone() }).is_err());
        assert!(Followed::new(&ProcessKey { pid: 0, ..own }).is_err());
    }
}
