//! Signals: caught, passed on, sent. The handler does nothing but pass four bytes on.

#![expect(unsafe_code, reason = "signal handlers, wait4 and raise have no safe form")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rustix::pipe::PipeFlags;

use crate::Result;
use crate::channel::Kind;
use crate::error::Trying;

/// Signals that end a process unless it says otherwise, and that a command may want to hear of.
pub(crate) const ASKING: [i32; 6] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];

/// The socket to the supervisor, as long as there is one.
static FORWARD: AtomicI32 = AtomicI32::new(-1);
/// The pipe to this process's own loop.
static WAKE: AtomicI32 = AtomicI32::new(-1);
/// The signal that asked this process to end before the command was started.
static INTERRUPTED: AtomicI32 = AtomicI32::new(0);
/// Whether the command is yet to be started, so that a signal is meant for this process.
static BEFORE_START: AtomicBool = AtomicBool::new(false);

/// A signal that was caught.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Caught {
    pub(crate) signal: i32,
    /// Sent by a process, and not by the terminal to everybody in the foreground.
    pub(crate) by_process: bool,
}

impl Caught {
    /// From the bytes of a message of [`Kind::Signal`].
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let [signal, by_process] = bytes.try_into().ok()?;
        Some(Self { signal: i32::from(signal), by_process: by_process == 1 })
    }
}

/// Handlers and the pipe on which they tell of signals; put back as they were when dropped.
#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) wake: OwnedFd,
    _wake_writer: OwnedFd,
    before: Vec<(i32, Before)>,
}

struct Before(libc::sigaction);

impl std::fmt::Debug for Before {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Before")
    }
}

impl Signals {
    pub(crate) fn new() -> Result<Self> {
        let (wake, writer) =
            rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).trying("make a pipe for signals")?;
        WAKE.store(writer.as_raw_fd(), Ordering::SeqCst);
        INTERRUPTED.store(0, Ordering::SeqCst);
        Ok(Self { wake, _wake_writer: writer, before: Vec::new() })
    }

    /// Catches signals from now on, except those that this process was told to ignore (as `nohup`
    /// does): the command is to ignore them too.
    pub(crate) fn catch(&mut self, signals: &[i32]) {
        for signal in signals {
            if self.before.iter().any(|(caught, _)| caught == signal) {
                continue;
            }
            // SAFETY: both structures are plain data that the calls fill in or read; the handler is
            // async-signal-safe.
            unsafe {
                let mut before: libc::sigaction = std::mem::zeroed();
                if libc::sigaction(*signal, std::ptr::null(), &raw mut before) != 0
                    || before.sa_sigaction == libc::SIG_IGN
                {
                    continue;
                }
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_signal as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
                libc::sigemptyset(&raw mut action.sa_mask);
                if libc::sigaction(*signal, &raw const action, std::ptr::null_mut()) == 0 {
                    self.before.push((*signal, Before(before)));
                }
            }
        }
    }

    /// Forgets the oldest that was caught: somebody else saw to it.
    pub(crate) fn forget_oldest(&self) {
        let _ = rustix::io::read(&self.wake, &mut [0; RECORD_BYTES]);
    }

    /// What was caught since the last call.
    pub(crate) fn take(&self) -> Vec<Caught> {
        let mut found = Vec::new();
        // The handler writes whole records, so that no read ends within one.
        let mut buffer = [0; 64 * RECORD_BYTES];
        while let Ok(length @ 1..) = rustix::io::read(&self.wake, &mut buffer) {
            found.extend(buffer[..length].chunks_exact(RECORD_BYTES).filter_map(|record| Caught::decode(&record[2..])));
        }
        found
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // SAFETY: the structure was filled in by the system.
            unsafe {
                libc::sigaction(*signal, &raw const before.0, std::ptr::null_mut());
            }
        }
        forward_to(None);
        BEFORE_START.store(false, Ordering::SeqCst);
        WAKE.store(-1, Ordering::SeqCst);
    }
}

/// What the handler writes: kind of message, how it travels, number, whether by a process.
const RECORD_BYTES: usize = 4;

/// Where the handler passes signals on to.
pub(crate) fn forward_to(socket: Option<&dyn AsRawFd>) {
    FORWARD.store(socket.map_or(-1, AsRawFd::as_raw_fd), Ordering::SeqCst);
}

/// Whether the command is yet to be started.
pub(crate) fn set_before_start(before: bool) {
    BEFORE_START.store(before, Ordering::SeqCst);
}

/// The signal that asked this process to end before the command was started.
pub(crate) fn interrupted() -> Option<i32> {
    Some(INTERRUPTED.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

extern "C" fn on_signal(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the system hands in a valid structure; only async-signal-safe functions are called, and
    // errno is put back.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        // Codes above zero are the kernel's own: the terminal's Ctrl-C went to the command as well.
        let by_process = u8::from((*info).si_code <= 0);
        let number = u8::try_from(signal).unwrap_or(0);
        let message: [u8; RECORD_BYTES] = [Kind::Signal as u8, 0, number, by_process];
        if BEFORE_START.load(Ordering::SeqCst)
            && ASKING.contains(&signal)
            && INTERRUPTED.swap(signal, Ordering::SeqCst) != 0
        {
            // The second one: there is nothing to protect yet.
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
        let forward = FORWARD.load(Ordering::SeqCst);
        let local = signal == libc::SIGCHLD || signal == libc::SIGWINCH;
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        if forward >= 0 && !local {
            libc::send(forward, message.as_ptr().cast(), message.len(), flags);
        }
        // Here too: should the supervisor die before it has seen to it, the front will.
        let wake = WAKE.load(Ordering::SeqCst);
        if wake >= 0 {
            libc::write(wake, message.as_ptr().cast(), message.len());
        }
        *errno = saved;
    }
}

/// Keeps the terminal from stopping this thread's process for writing to it or setting it from the
/// background.
pub(crate) fn block_terminal_stops() {
    // SAFETY: the set is plain data, filled in before it is used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTTOU);
        libc::sigaddset(&raw mut set, libc::SIGTTIN);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// The group of a process (0: this one). It is 0 for a group of another process namespace, as in a
/// container whose first process was not made a leader; `None` when there is no such process.
pub(crate) fn group_of(pid: i32) -> Option<i32> {
    // SAFETY: a plain system call on a number. (rustix takes the answer for a number that is never 0.)
    let group = unsafe { libc::getpgid(pid) };
    (group >= 0).then_some(group)
}

/// The session of a process, like [`group_of`].
fn session_of(pid: i32) -> Option<i32> {
    // SAFETY: a plain system call on a number.
    let session = unsafe { libc::getsid(pid) };
    (session >= 0).then_some(session)
}

/// Whether a shell watches over this process's group, so that it can stop and go on. In a group without
/// one (POSIX calls it orphaned) the terminal's stop signal does nothing.
pub(crate) fn has_job_control() -> bool {
    let Some(parent) = rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get()) else { return false };
    let session = session_of(0);
    session.is_some() && session == session_of(parent) && group_of(parent) != group_of(0) && !is_ignored(libc::SIGTSTP)
}

/// Whether this process ignores a signal.
pub(crate) fn is_ignored(signal: i32) -> bool {
    // SAFETY: plain data filled in by the system.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

/// Stops this process as Ctrl-Z would, and returns when it goes on; at once when there is no shell that
/// could let it go on, or when it was told to ignore that.
pub(crate) fn suspend() {
    if is_ignored(libc::SIGTSTP) {
        return;
    }
    // SAFETY: plain data filled in by the system; raise has no preconditions.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGTSTP, std::ptr::null(), &raw mut before);
        libc::signal(libc::SIGTSTP, libc::SIG_DFL);
        libc::raise(libc::SIGTSTP);
        libc::sigaction(libc::SIGTSTP, &raw const before, std::ptr::null_mut());
    }
}

/// Sends a signal to a process, or to its group. That it is gone is no error.
pub(crate) fn send(pid: i32, group: bool, signal: i32) {
    if pid > 0 {
        // SAFETY: kill has no preconditions.
        unsafe {
            libc::kill(if group { -pid } else { pid }, signal);
        }
    }
}

/// Ends this process by a signal; returns only when that does not end it.
pub(crate) fn die_of(signal: i32) {
    // SAFETY: the structures are plain data; the calls have no other preconditions.
    unsafe {
        // The command has had its chance to leave a core file; this process has nothing to tell.
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::signal(signal, libc::SIG_DFL);
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::raise(signal);
    }
}

/// A change of a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Exited(i32),
    Signaled(i32),
    Stopped,
    Continued,
}

/// What a look at a child found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    Changed(i32, Change),
    Nothing,
    /// It is not, or no longer, a child of this process.
    NoChild,
}

/// Looks at one child, or at any, without reaping it; a stop or a going on is told only once.
pub(crate) fn look(pid: Option<i32>) -> Look {
    if let Some(pid) = pid {
        // A child that has ended counts as none here.
        let found = wait_id(Some(pid), libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG);
        if matches!(found, Look::Changed(..)) {
            return found;
        }
    }
    wait_id(pid, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)
}

fn wait_id(pid: Option<i32>, options: i32) -> Look {
    // SAFETY: the structure is plain data that the call fills in, and is read only when it did.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let (which, id) = pid.map_or((libc::P_ALL, 0), |pid| (libc::P_PID, pid));
        let id = libc::id_t::try_from(id).unwrap_or(0);
        if libc::waitid(which, id, &raw mut info, options) != 0 {
            return if io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD) {
                Look::NoChild
            } else {
                Look::Nothing
            };
        }
        match (info.si_pid(), info.si_code) {
            (0, _) => Look::Nothing,
            (pid, libc::CLD_EXITED) => Look::Changed(pid, Change::Exited(info.si_status())),
            (pid, libc::CLD_KILLED | libc::CLD_DUMPED) => Look::Changed(pid, Change::Signaled(info.si_status())),
            (pid, libc::CLD_STOPPED) => Look::Changed(pid, Change::Stopped),
            (pid, libc::CLD_CONTINUED) => Look::Changed(pid, Change::Continued),
            _ => Look::Nothing,
        }
    }
}

/// Reaps a child that has ended; what it cost.
pub(crate) fn reap(pid: i32) -> lab_model::Usage {
    // SAFETY: both are plain data that the call fills in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let mut status = 0;
        if libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut usage) != pid {
            return lab_model::Usage::default();
        }
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    lab_model::Usage {
        user_seconds: seconds(usage.ru_utime),
        system_seconds: seconds(usage.ru_stime),
        peak_memory_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    }
}
