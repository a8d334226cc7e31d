//! The process that stands by: should the one that traces end, whatever the reason, it lets every call go
//! on, so that the command never finds a call that fails because nobody answers.
//!
//! There are always two that hold the listener: one answers, the other watches it. Whoever is left takes
//! over and starts another one to watch. Should the one that answers stand still, because it was stopped or waits for
//! a disk, the other lets calls go on for as long as that lasts: no call waits for much longer than a second. The keeper is forked and never executes anything; after the fork
//! it makes plain system calls only, so that it may be forked from a process with threads. It has a name
//! and a session of its own, and takes no signal that can be refused.

#![expect(unsafe_code, reason = "fork and what a forked process may do have no safe form")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::listener::{Found, Slot, let_go_on, wait};

/// What process lists call it; other parts of this crate leave processes of this name alone.
pub(crate) const NAME: &str = "run-keeper";

/// Where the listeners come from: the forked command sends each twice, once for whoever traces and
/// once for the keeper.
#[derive(Debug)]
pub(super) struct Mailbox(OwnedFd);

impl Mailbox {
    /// A mailbox and the end that the command writes to.
    pub(super) fn new() -> io::Result<(Self, OwnedFd)> {
        let mut ends = [-1; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        // SAFETY: the array takes both descriptors.
        if unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made them.
        let [receiver, sender] = ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        Ok((Self(receiver), sender))
    }

    pub(super) fn receive(&self) -> Received {
        receive(self.0.as_raw_fd())
    }
}

/// What came for whoever is to trace.
#[derive(Debug)]
pub(super) enum Received {
    /// The listener.
    Listener(OwnedFd),
    /// The filter could not be installed: the error's number.
    Failed(i32),
    /// Nothing more will come.
    Over,
}

/// Sends a listener, or the number of an error; called between fork and exec.
pub(super) fn send(socket: RawFd, listener: Option<RawFd>, error: i32) {
    let mut error = error;
    let mut part = libc::iovec { iov_base: (&raw mut error).cast(), iov_len: 4 };
    let mut control = Control { bytes: [0; CONTROL_BYTES] };
    // SAFETY: all buffers outlive the call, and the control buffer is large and aligned enough.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        if let Some(listener) = listener {
            message.msg_control = control.bytes.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(4) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(4) as _;
            libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(listener);
        }
        libc::sendmsg(socket, &raw const message, libc::MSG_NOSIGNAL);
    }
}

const CONTROL_BYTES: usize = 64;

#[repr(align(8))]
struct Control {
    bytes: [u8; CONTROL_BYTES],
}

fn receive(socket: RawFd) -> Received {
    let mut error = 0_i32;
    let mut part = libc::iovec { iov_base: (&raw mut error).cast(), iov_len: 4 };
    let mut control = Control { bytes: [0; CONTROL_BYTES] };
    loop {
        // SAFETY: all buffers outlive the call; the descriptor in the message is ours from then on.
        unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut part;
            message.msg_iovlen = 1;
            message.msg_control = control.bytes.as_mut_ptr().cast();
            message.msg_controllen = CONTROL_BYTES as _;
            let length = libc::recvmsg(socket, &raw mut message, libc::MSG_CMSG_CLOEXEC);
            if length < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
                continue;
            }
            if length < 4 {
                return Received::Over;
            }
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            if header.is_null() || (*header).cmsg_type != libc::SCM_RIGHTS {
                return Received::Failed(error);
            }
            let listener = libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned();
            return Received::Listener(OwnedFd::from_raw_fd(listener));
        }
    }
}

/// What a keeper has to know.
#[derive(Clone, Copy)]
struct Post<'a> {
    slot: &'a Slot,
    /// Where listeners come from; no more come to one that is started later.
    mailbox: Option<RawFd>,
    listener: Option<RawFd>,
}

/// Starts a keeper that waits for a listener to come. Its end can be seen through the descriptor.
pub(super) fn start(slot: &Slot, mailbox: &Mailbox) -> io::Result<OwnedFd> {
    fork_keeper(Post { slot, mailbox: Some(mailbox.0.as_raw_fd()), listener: None })
}

/// Starts another keeper for a listener that is there.
pub(super) fn start_again(slot: &Slot, listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    fork_keeper(Post { slot, mailbox: None, listener: Some(listener.as_raw_fd()) })
}

fn pidfd(process: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: a plain system call; the descriptor is new.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, process, 0);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(RawFd::try_from(fd).unwrap_or(-1)))
    }
}

fn fork_keeper(post: Post<'_>) -> io::Result<OwnedFd> {
    // SAFETY: plain system calls; the child never returns from `keep` and allocates nothing there.
    let (own, child) = unsafe { (pidfd(libc::getpid())?, libc::fork()) };
    match child {
        -1 => Err(io::Error::last_os_error()),
        0 => keep(post, &own),
        child => pidfd(child),
    }
}

/// The life of a keeper. `watched` is the process that answers.
fn keep(post: Post<'_>, watched: &OwnedFd) -> ! {
    settle(&[Some(watched.as_raw_fd()), post.mailbox, post.listener]);
    // SAFETY: it was inherited open, and is closed with this process.
    let mut listener = post.listener.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    loop {
        let current = match (listener.take(), post.mailbox) {
            (Some(listener), _) => listener,
            (None, Some(mailbox)) => match receive(mailbox) {
                Received::Listener(listener) => listener,
                // Nobody is traced.
                Received::Failed(_) => continue,
                Received::Over => quit(),
            },
            (None, None) => quit(),
        };
        if watch(post.slot, current.as_fd(), watched.as_fd()) == Found::Gone {
            take_over(post.slot, current.as_fd());
        }
    }
}

/// A call that waited for so long was forgotten.
const MILLIS_HELD_UP: i32 = 500;

/// Waits for the end of who answers, or of the last caller. Should who answers be held up in the middle of a
/// call, by whatever it may be, then calls go on unseen until it is back: the command never waits for long.
fn watch(slot: &Slot, listener: BorrowedFd<'_>, watched: BorrowedFd<'_>) -> Found {
    let mut before = None;
    loop {
        match wait(listener, Some(watched), false, MILLIS_HELD_UP) {
            Found::Nothing => {}
            found => return found,
        }
        let last = slot.pending();
        let now = Some((last, wait(listener, None, true, 0)));
        if now == before {
            // When there is none, or it was answered long ago, this is nothing to the kernel.
            slot.let_go_on_unseen(listener, last);
            if now.is_some_and(|(_, found)| found == Found::Call) {
                stand_in(slot, listener, watched, last);
            }
        }
        before = now;
    }
}

/// Lets calls go on until there is another last call that was received by the one that answers.
fn stand_in(slot: &Slot, listener: BorrowedFd<'_>, watched: BorrowedFd<'_>, last: u64) {
    while slot.pending() == last {
        match wait(listener, Some(watched), true, MILLIS_HELD_UP) {
            Found::Call => slot.step_in(listener),
            Found::Nothing => {}
            Found::Gone | Found::Over => return,
        }
    }
}

/// Answers every call until nobody is left who makes one.
fn take_over(slot: &Slot, listener: BorrowedFd<'_>) -> ! {
    let_go_on(listener, slot.pending());
    let mut next = start_again(slot, listener).ok();
    answer_all(slot, listener, &mut next);
    quit()
}

/// Lets every call go on unseen until nobody is left who makes one, with a keeper beside.
pub(super) fn answer_all(slot: &Slot, listener: BorrowedFd<'_>, keeper: &mut Option<OwnedFd>) {
    loop {
        match wait(listener, keeper.as_ref().map(AsFd::as_fd), true, -1) {
            Found::Call => {
                if let Ok(call) = slot.receive(listener) {
                    let_go_on(listener, call.id);
                }
            }
            Found::Gone => *keeper = start_again(slot, listener).ok(),
            Found::Over => return,
            Found::Nothing => {}
        }
    }
}

/// Cuts the ties to where it comes from: descriptors, signals, session, directory, name.
fn settle(kept: &[Option<RawFd>]) {
    // SAFETY: plain system calls with valid arguments.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        // Children that end leave nothing behind.
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        libc::setsid();
        libc::chdir(c"/".as_ptr());
        libc::prctl(libc::PR_SET_NAME, c"run-keeper".as_ptr());
        let mut from = 0;
        loop {
            let next = kept.iter().flatten().copied().filter(|fd| *fd >= from).min();
            let end = next.map_or(libc::c_uint::MAX, |fd| (fd - 1).cast_unsigned());
            if next != Some(from) {
                libc::syscall(libc::SYS_close_range, from, end, 0);
            }
            match next {
                Some(fd) => from = fd + 1,
                None => return,
            }
        }
    }
}

fn quit() -> ! {
    // SAFETY: ends this process at once, without running what belongs to the one that it was forked from.
    unsafe { libc::_exit(0) }
}
