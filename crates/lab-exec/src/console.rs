//! The user's terminal on one side, the command's own on the other.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios};

use crate::error::Trying;
use crate::{Result, process, signals};

/// Keys that the command has not read; more than a terminal keeps for anybody.
const QUEUE_BYTES: usize = 64 * 1024;
/// A program that handles Ctrl-Z itself gets so long to put the terminal in order.
const MILLIS_TO_TIDY: u64 = 100;

/// The way from the keys to the command's terminal, and the modes of the user's.
#[derive(Debug)]
pub(crate) struct Console {
    /// The user's terminal: standard input.
    tty: OwnedFd,
    /// The master side of the command's terminal.
    master: OwnedFd,
    /// The modes to go back to.
    saved: Termios,
    /// The user's terminal is in raw mode, by this or by the other process of the run.
    raw: bool,
    /// The command is stopped and the shell has the terminal.
    paused: bool,
    /// There is a shell that lets a stopped command go on.
    job_control: bool,
    /// The command's side, kept open so that a program may close its terminal and open it again.
    slave: Option<OwnedFd>,
    /// Nobody types any more: the terminal is gone, or is no longer ours to read.
    detached: bool,
    queue: Vec<u8>,
    /// When to stop a command that handles Ctrl-Z itself.
    stop_at_millis: Option<u64>,
}

/// Opens a terminal for a command: the master side.
pub(crate) fn open_master() -> Result<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).trying("open a terminal")?;
    rustix::pty::unlockpt(&master).trying("open a terminal")?;
    rustix::io::ioctl_fionbio(&master, true).trying("open a terminal")?;
    Ok(master)
}

/// The command's side of a terminal.
pub(crate) fn open_slave(master: &OwnedFd) -> Result<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    rustix::pty::ioctl_tiocgptpeer(master, flags)
        .or_else(|_| {
            // Kernels before 4.13 and some sandboxes.
            let name = rustix::pty::ptsname(master, Vec::new())?;
            let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
            rustix::fs::open(name, flags, rustix::fs::Mode::empty())
        })
        .trying("open a terminal")
}

impl Console {
    pub(crate) fn new(tty: OwnedFd, master: OwnedFd, job_control: bool) -> Result<Self> {
        let saved = rustix::termios::tcgetattr(&tty).trying("read the terminal's modes")?;
        Ok(Self {
            tty,
            master,
            saved,
            raw: false,
            paused: false,
            job_control,
            slave: None,
            detached: false,
            queue: Vec::new(),
            stop_at_millis: None,
        })
    }

    /// Gives the command's side the modes and the size of the user's.
    pub(crate) fn prepare(&mut self, slave: OwnedFd) {
        let _ = rustix::termios::tcsetattr(&slave, OptionalActions::Now, &self.saved);
        self.slave = Some(slave);
        self.resize();
    }

    /// The command has ended: its terminal ends when nobody else holds it.
    pub(crate) fn ended(&mut self) {
        self.slave = None;
    }

    /// Copies the size of the user's terminal.
    pub(crate) fn resize(&self) {
        if let Ok(size) = rustix::termios::tcgetwinsize(&self.tty) {
            let _ = rustix::termios::tcsetwinsize(&self.master, size);
        }
    }

    /// Whether the keys are for this process's group now.
    fn is_foreground(&self) -> bool {
        let front = rustix::termios::tcgetpgrp(&self.tty).map(|group| group.as_raw_nonzero().get());
        !self.detached && front.ok() == signals::group_of(0)
    }

    /// The other process left the user's terminal in raw mode.
    pub(crate) const fn inherit_raw(&mut self) {
        self.raw = true;
    }

    /// Lets every key through, if the terminal is ours at the moment.
    pub(crate) fn enter(&mut self) {
        if self.raw || self.paused || !self.is_foreground() {
            return;
        }
        let Ok(saved) = rustix::termios::tcgetattr(&self.tty) else { return };
        let mut raw = saved.clone();
        raw.make_raw();
        if rustix::termios::tcsetattr(&self.tty, OptionalActions::Now, &raw).is_ok() {
            self.saved = saved;
            self.raw = true;
        }
        self.resize();
    }

    /// Puts the user's terminal back as it was.
    pub(crate) fn leave(&mut self) {
        if std::mem::take(&mut self.raw) {
            let _ = rustix::termios::tcsetattr(&self.tty, OptionalActions::Now, &self.saved);
        }
    }

    /// The command was stopped: the terminal is the shell's.
    pub(crate) fn pause(&mut self) {
        self.leave();
        self.paused = true;
        self.stop_at_millis = None;
    }

    /// Notices that a shell has taken the terminal for itself; it has its own modes then.
    pub(crate) fn look_for_foreground(&mut self) {
        if self.raw && !self.is_foreground() {
            self.raw = false;
        }
    }

    /// Reads no more keys. The user's terminal makes ends of lines by itself again, so that the command's
    /// must not do it too.
    pub(crate) fn detach(&mut self) {
        self.detached = true;
        if let Ok(mut modes) = rustix::termios::tcgetattr(&self.master) {
            modes.output_modes.remove(OutputModes::OPOST);
            let _ = rustix::termios::tcsetattr(&self.master, OptionalActions::Now, &modes);
        }
    }

    /// For keys.
    pub(crate) fn poll_tty(&self) -> Option<PollFd<'_>> {
        let wanted = self.raw && !self.detached && self.queue.len() < QUEUE_BYTES;
        wanted.then(|| PollFd::new(&self.tty, PollFlags::IN))
    }

    /// For room in the command's terminal.
    pub(crate) fn poll_master(&self) -> Option<PollFd<'_>> {
        (!self.queue.is_empty()).then(|| PollFd::new(&self.master, PollFlags::OUT))
    }

    pub(crate) const fn stop_at_millis(&self) -> Option<u64> {
        self.stop_at_millis
    }

    /// Passes keys on. The suspend key stops the command by hand: its terminal has no shell, and the
    /// kernel does not stop a program there, since nobody could let it go on.
    pub(crate) fn read_keys(&mut self, command: i32, millis: u64) {
        let mut buffer = [0; 4096];
        match rustix::io::read(&self.tty, &mut buffer) {
            Ok(0) | Err(Errno::IO) => self.detached = true,
            Ok(length) => {
                let suspend = self.suspend_key(command).is_some_and(|key| buffer[..length].contains(&key));
                self.queue.extend_from_slice(&buffer[..length]);
                self.flush();
                if suspend {
                    self.ask_to_stop(command, millis);
                }
            }
            Err(_) => {}
        }
    }

    pub(crate) fn flush(&mut self) {
        while !self.queue.is_empty() {
            match rustix::io::write(&self.master, &self.queue) {
                Ok(length) => {
                    self.queue.drain(..length);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.queue.clear(),
            }
        }
    }

    /// The suspend key, when the command's terminal heeds it and the command itself is in front.
    fn suspend_key(&self, command: i32) -> Option<u8> {
        let modes = rustix::termios::tcgetattr(&self.master).ok()?;
        let front = rustix::termios::tcgetpgrp(&self.master).ok()?;
        let heeds = modes.local_modes.contains(LocalModes::ISIG) && front.as_raw_nonzero().get() == command;
        Some(modes.special_codes[SpecialCodeIndex::VSUSP]).filter(|key| heeds && self.job_control && *key != 0)
    }

    fn ask_to_stop(&mut self, command: i32, millis: u64) {
        match process::disposition(command, libc::SIGTSTP) {
            (true, _) => {}
            (false, true) => self.stop_at_millis = Some(millis + MILLIS_TO_TIDY),
            (false, false) => signals::send(command, true, libc::SIGSTOP),
        }
    }

    /// Stops a command that has had its time to put the terminal in order.
    pub(crate) fn stop_if_due(&mut self, command: i32, millis: u64) {
        if self.stop_at_millis.is_some_and(|at| millis >= at) {
            self.stop_at_millis = None;
            signals::send(command, true, libc::SIGSTOP);
        }
    }

    /// Lets a stopped command go on, and paint anew.
    pub(crate) fn go_on(&mut self, command: i32) {
        self.paused = false;
        self.enter();
        signals::send(command, true, libc::SIGCONT);
        signals::send(command, true, libc::SIGWINCH);
    }
}
