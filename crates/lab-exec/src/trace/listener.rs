//! The kernel's side of tracing: installing the filter, receiving calls that wait, letting them go on.
//! Everything here is plain system calls, which a forked process may make.

#![expect(unsafe_code, reason = "seccomp and its ioctls have no safe form")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

// `_IOWR('!', …)` of <linux/seccomp.h>, with the sizes of the structures below.
const RECEIVE: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;
const SET_FLAGS: libc::c_ulong = 0x4008_2104;
/// The caller and whoever answers it take turns on one processor, which is much faster (Linux 6.6).
const SYNC_WAKE_UP: u64 = 1;
const CONTINUE: u32 = 1;
const NEW_LISTENER: libc::c_ulong = 1 << 3;
/// Once a call was received only a fatal signal interrupts it (Linux 5.19).
const WAIT_KILLABLE: libc::c_ulong = 1 << 5;
const SET_MODE_FILTER: libc::c_ulong = 1;

/// `struct seccomp_notif`: a call that waits.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Waiting {
    pub(super) id: u64,
    /// The thread that made it.
    pub(super) thread: u32,
    flags: u32,
    pub(super) number: i32,
    pub(super) audit: u32,
    instruction: u64,
    pub(super) arguments: [u64; 6],
}

/// `struct seccomp_notif_resp`.
#[repr(C)]
struct Answer {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

const _: () = assert!(size_of::<Waiting>() == 80 && size_of::<Answer>() == 24);

/// Puts the filter on this process; what comes back hears of its calls, and of those of everything
/// that it starts. Rights are given up only where the system asks for it (`no_new_privs`).
///
/// # Errors
/// What the system says: `EBUSY` when somebody listens already, `ENOSYS`, `EINVAL`, `EPERM`.
pub(super) fn install(program: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let fprog =
        libc::sock_fprog { len: u16::try_from(program.len()).unwrap_or(0), filter: program.as_ptr().cast_mut() };
    let attempt = |flags: libc::c_ulong| {
        // SAFETY: the program is a valid array for the length of the call, which only reads it.
        let fd = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags, &raw const fprog) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd) }
    };
    let either = || {
        attempt(NEW_LISTENER | WAIT_KILLABLE).or_else(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => attempt(NEW_LISTENER),
            _ => Err(error),
        })
    };
    let fd = either().or_else(|error| match error.raw_os_error() {
        Some(libc::EACCES) => {
            // SAFETY: a plain system call.
            if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
                return Err(io::Error::last_os_error());
            }
            either()
        }
        _ => Err(error),
    })?;
    // SAFETY: the kernel has just made this descriptor for us, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(RawFd::try_from(fd).unwrap_or(-1)) })
}

/// Asks for quick turns; without them it works all the same.
pub(super) fn prefer_turns(listener: BorrowedFd<'_>) {
    // SAFETY: the argument is a number.
    unsafe { libc::ioctl(listener.as_raw_fd(), SET_FLAGS as _, SYNC_WAKE_UP) };
}

/// Memory that stays with all processes that come of this one. The kernel writes each call that is
/// received here, so that who takes over knows which one is yet to be answered.
#[derive(Debug)]
pub(super) struct Slot(*mut Shared);

#[repr(C)]
struct Shared {
    waiting: Waiting,
    /// Calls that somebody else let go on, since the one that answers did not.
    unseen: AtomicU64,
}

// SAFETY: it is used by the one thread that answers, and after its process is gone by another process.
unsafe impl Send for Slot {}

impl Slot {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: a new mapping, at a place of the kernel's choice.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<Shared>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if memory == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self(memory.cast())) }
    }

    /// Takes the next call that waits.
    pub(super) fn receive(&self, listener: BorrowedFd<'_>) -> io::Result<Waiting> {
        // SAFETY: the mapping lives as long as the process.
        unsafe { receive(listener, &raw mut (*self.0).waiting) }
    }

    /// Lets a call go on for the one that should, and does not; it is counted.
    pub(super) fn step_in(&self, listener: BorrowedFd<'_>) {
        // SAFETY: a structure of numbers.
        let mut waiting: Waiting = unsafe { std::mem::zeroed() };
        // SAFETY: the structure is valid for the length of the call.
        if let Ok(waiting) = unsafe { receive(listener, &raw mut waiting) } {
            self.let_go_on_unseen(listener, waiting.id);
        }
    }

    /// Lets a call go on and counts it.
    pub(super) fn let_go_on_unseen(&self, listener: BorrowedFd<'_>, id: u64) {
        if let_go_on(listener, id) {
            // SAFETY: the mapping lives as long as the process.
            unsafe { (*self.0).unseen.fetch_add(1, Ordering::Relaxed) };
        }
    }

    /// How many calls went on unseen since this was asked.
    pub(super) fn take_unseen(&self) -> u64 {
        // SAFETY: the mapping lives as long as the process.
        unsafe { (*self.0).unseen.swap(0, Ordering::Relaxed) }
    }

    /// The call that somebody received and may not have answered.
    pub(super) fn pending(&self) -> u64 {
        // SAFETY: the mapping lives as long as the process; a number that is being written is read as some
        // number, and no call waits under a number that never was one.
        unsafe { (&raw const (*self.0).waiting.id).read_volatile() }
    }
}

/// # Safety
/// `place` is valid for writes.
unsafe fn receive(listener: BorrowedFd<'_>, place: *mut Waiting) -> io::Result<Waiting> {
    // SAFETY: as the caller says; the kernel wants zeros and fills it in.
    unsafe {
        place.write(std::mem::zeroed());
        if libc::ioctl(listener.as_raw_fd(), RECEIVE as _, place) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(place.read())
    }
}

/// Lets a call go on as if nobody had looked. One whose caller is gone is no matter: true when it did wait.
pub(super) fn let_go_on(listener: BorrowedFd<'_>, id: u64) -> bool {
    let mut answer = Answer { id, value: 0, error: 0, flags: CONTINUE };
    // SAFETY: the structure is valid for the length of the call.
    unsafe { libc::ioctl(listener.as_raw_fd(), SEND as _, &raw mut answer) == 0 }
}

/// What a wait found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// A call waits.
    Call,
    /// Nobody is left whose calls could be heard of.
    Over,
    /// The other process ended.
    Gone,
    /// Nothing in the given time.
    Nothing,
}

/// Waits for a call, or for the end of the process behind `other`; without `calls` only for the ends.
pub(super) fn wait(listener: BorrowedFd<'_>, other: Option<BorrowedFd<'_>>, calls: bool, millis: i32) -> Found {
    let of = |fd: RawFd, events| libc::pollfd { fd, events, revents: 0 };
    let mut polled = [
        of(listener.as_raw_fd(), if calls { libc::POLLIN } else { 0 }),
        // A negative descriptor is passed over.
        of(other.map_or(-1, |other| other.as_raw_fd()), libc::POLLIN),
    ];
    // SAFETY: the array is valid for the length of the call.
    let count = unsafe { libc::poll(polled.as_mut_ptr(), 2, millis) };
    if count <= 0 {
        return Found::Nothing;
    }
    // Two that end because nobody is left must not take each other's end for a loss: each would start another one.
    if polled[0].revents & !libc::POLLIN != 0 {
        return Found::Over;
    }
    // A command that never pauses must not keep the other process's end from being noticed.
    if polled[1].revents != 0 { Found::Gone } else { Found::Call }
}

/// Reads `length` bytes of another process's memory, as far as they are there.
pub(super) fn read_memory(process: u32, address: u64, buffer: &mut [u8]) -> usize {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: buffer.len() };
    // SAFETY: the local buffer is valid; the remote address is checked by the kernel.
    let read = unsafe { libc::process_vm_readv(process.cast_signed(), &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(read).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::{Write, pipe};
    use std::os::fd::AsFd;

    use super::{Found, wait};

    #[test]
    fn that_nobody_is_left_counts_most_and_a_call_least() {
        // A pipe without a writer hangs up as a listener does without callers, and one that can be read stands for
        // an ended process.
        let (over, _) = pipe().unwrap();
        let (quiet, _open) = pipe().unwrap();
        let (ready, mut writer) = pipe().unwrap();
        writer.write_all(b"x").unwrap();
        let [over, quiet, ready] = [&over, &quiet, &ready].map(AsFd::as_fd);
        for (listener, other, found) in [
            (over, ready, Found::Over),
            (over, quiet, Found::Over),
            (ready, ready, Found::Gone),
            (quiet, ready, Found::Gone),
            (ready, quiet, Found::Call),
            (quiet, quiet, Found::Nothing),
        ] {
            assert_eq!(wait(listener, Some(other), true, 0), found);
        }
    }
}
