use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::pipe::PipeFlags;
use rustix::process::{Pid, WaitOptions};

use crate::channel::{Channel, Kind};
use crate::console::{Console, open_master};
use crate::error::Trying;
use crate::outlet::Outlet;
use crate::relay::{Lane, Relay, Running};
use crate::signals::{self, ASKING, Signals};
use crate::supervise::{Plan, Planned};
use crate::trace::Trace;
use crate::{Ended, Error, Exit, Launch, Result, Sink, Stream, process};

/// How waiting for a command came out.
#[derive(Debug)]
pub enum Outcome<S> {
    /// The supervisor saw it through.
    Finished {
        /// What the supervisor's `finish` returned.
        reply: Vec<u8>,
        /// How the command ended.
        exit: Exit,
    },
    /// The supervisor died and the front saw it through: finishing is up to the caller.
    TookOver {
        /// How the command ended.
        exit: Exit,
        /// What was made by `takeover`.
        sink: S,
    },
}

/// The process that a person started. One at a time in a process, since signals belong to the process.
#[derive(Debug)]
pub struct Front {
    /// Comes first, so that the handlers are gone before the socket that they use.
    signals: Signals,
    channel: Channel,
    supervisor_pid: i32,
    /// The same reading ends that the supervisor reads, for the case that it dies.
    sources: Vec<(Stream, Option<OwnedFd>)>,
    console: Option<Console>,
    payload: Vec<u8>,
    running: Option<Running>,
    exit: Option<Exit>,
}

impl Front {
    /// Starts the supervisor (`executable args…`, which has to call [`crate::supervise`]); it gets ready
    /// and waits for [`Self::go`]. From here on signals do not end this process: they are passed on to
    /// the command; before `go`, see [`Self::interrupted`].
    ///
    /// # Errors
    /// When pipes cannot be made or the supervisor cannot be started. That the command cannot be
    /// started is told by [`Self::wait`].
    pub fn spawn(executable: &Path, args: &[&OsStr], launch: &Launch) -> Result<Self> {
        if launch.argv.is_empty() {
            return Err(Error::Empty);
        }
        let (channel, theirs) = Channel::pair()?;
        let mut signals = Signals::new()?;
        signals::set_before_start(true);
        signals.catch(&ASKING);
        // What the supervisor leaves behind comes to this process and to nobody else.
        let own = rustix::process::getpid();
        rustix::process::set_child_subreaper(Some(own)).trying("become the parent of orphans")?;
        let child = Command::new(executable)
            .args(args)
            .stdin(Stdio::from(theirs))
            // Ctrl-C must not end the supervisor before it has its own handlers; it joins the group then.
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Supervisor { program: executable.into(), source })?;
        let supervisor_pid = i32::try_from(child.id()).unwrap_or(0);
        signals::forward_to(Some(&channel.as_fd()));
        let mut front = Self {
            signals,
            channel,
            supervisor_pid,
            sources: Vec::new(),
            console: None,
            payload: Vec::new(),
            running: None,
            exit: None,
        };
        front.send_plan(launch)?;
        Ok(front)
    }

    /// Makes the terminal or the pipes and tells the supervisor what is to be started.
    fn send_plan(&mut self, launch: &Launch) -> Result<()> {
        let stdin = rustix::stdio::stdin();
        let mut plan = Plan {
            launch: launch.clone(),
            front_pid: rustix::process::getpid().as_raw_nonzero().get(),
            group: signals::group_of(0).unwrap_or(0),
            job_control: signals::has_job_control(),
            lanes: Vec::new(),
        };
        let mut theirs = Vec::new();
        // Without a terminal to give, pipes still run the command.
        let console = if launch.terminal { open_console(stdin, plan.job_control).ok() } else { None };
        plan.launch.terminal = console.is_some();
        if let Some((console, master)) = console {
            self.console = Some(console);
            theirs.push(master.try_clone().trying("copy a descriptor")?);
            plan.lanes.push(Planned { stream: Stream::Terminal, errors: false });
            self.sources.push((Stream::Terminal, Some(master)));
            if !rustix::termios::isatty(rustix::stdio::stderr()) {
                self.add_pipe(Stream::Err, &mut plan, &mut theirs)?;
            }
        } else {
            self.add_pipe(Stream::Out, &mut plan, &mut theirs)?;
            if !same_place(rustix::stdio::stdout(), rustix::stdio::stderr()) {
                self.add_pipe(Stream::Err, &mut plan, &mut theirs)?;
            }
        }
        let mut fds = vec![stdin];
        for (_, source) in &self.sources {
            fds.extend(source.as_ref().map(AsFd::as_fd));
        }
        // The writing ends come last; the first of a terminal is its master again.
        fds.extend(theirs.iter().map(AsFd::as_fd));
        let bytes = serde_json::to_vec(&plan).map_err(|_| Error::Message)?;
        self.channel.send(Kind::Launch, &bytes, &fds).map_err(|_| Error::SupervisorGone)
    }

    fn add_pipe(&mut self, stream: Stream, plan: &mut Plan, theirs: &mut Vec<OwnedFd>) -> Result<()> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).trying("make a pipe")?;
        // Only this end: the command is to find a pipe that waits, as pipes do.
        rustix::io::ioctl_fionbio(&read, true).trying("make a pipe")?;
        plan.lanes.push(Planned { stream, errors: stream == Stream::Err });
        self.sources.push((stream, Some(read)));
        theirs.push(write);
        Ok(())
    }

    /// The supervisor's process id.
    pub const fn supervisor_pid(&self) -> i32 {
        self.supervisor_pid
    }

    /// The signal that asked this process to end before [`Self::go`]. Work that takes long before
    /// `go` should look here now and then; a second signal ends the process at once.
    #[must_use]
    pub fn interrupted(&self) -> Option<i32> {
        signals::interrupted()
    }

    /// Starts the command. `payload` is handed to the supervisor's `start` and `finish`; `trace` says where
    /// the files go that the command opens, if that is wanted and [`Launch::trace`] allowed it.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when a signal asked this process to end before; the command was not
    /// started. [`Error::SupervisorGone`] when there is nobody to start it.
    pub fn go(&mut self, payload: &[u8], trace: Option<&Trace>) -> Result<()> {
        signals::set_before_start(false);
        if let Some(signal) = signals::interrupted() {
            return Err(Error::Interrupted { signal });
        }
        self.signals.catch(&[libc::SIGTSTP, libc::SIGCONT]);
        payload.clone_into(&mut self.payload);
        if let Some(trace) = trace {
            let bytes = serde_json::to_vec(trace).map_err(|_| Error::Message)?;
            self.channel.send(Kind::Trace, &bytes, &[]).map_err(|_| Error::SupervisorGone)?;
        }
        self.channel.send(Kind::Go, payload, &[]).map_err(|_| Error::SupervisorGone)
    }

    /// Waits for the end of the command. Should the supervisor be gone, `takeover(payload)` makes the
    /// sink with which this process carries on.
    ///
    /// # Errors
    /// [`Error::SupervisorGone`] when it ended before it had started the command.
    pub fn wait<S: Sink>(mut self, takeover: impl FnOnce(&[u8]) -> S) -> Result<Outcome<S>> {
        while let Ok(Some(message)) = self.channel.receive() {
            match message.kind {
                Kind::Started => self.running = serde_json::from_slice(&message.bytes).ok().map(running),
                // Whatever lets this process go on lets the command go on: the handler sees to it.
                Kind::Stopped => signals::suspend(),
                Kind::Heard => self.signals.forget_oldest(),
                Kind::Closed => {
                    if let Some(source) = message.bytes.first().and_then(|at| self.sources.get_mut(usize::from(*at))) {
                        source.1 = None;
                    }
                }
                Kind::Exited => self.exit = serde_json::from_slice(&message.bytes).ok(),
                Kind::Finished => {
                    let (exit, reply) = serde_json::from_slice(&message.bytes).map_err(|_| Error::Message)?;
                    let exit: Exit = exit;
                    if !exit.left_behind {
                        // So that its time and the command's count as this process's, as they would alone.
                        self.reap_supervisor();
                    }
                    return Ok(Outcome::Finished { reply, exit });
                }
                Kind::Launch | Kind::Go | Kind::Signal | Kind::Trace => return Err(Error::Message),
            }
        }
        self.take_over(takeover)
    }

    fn reap_supervisor(&self) {
        if let Some(pid) = Pid::from_raw(self.supervisor_pid) {
            let _ = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(pid), WaitOptions::empty()));
        }
    }

    /// The supervisor is gone: the command is a child of this process now.
    fn take_over<S: Sink>(mut self, takeover: impl FnOnce(&[u8]) -> S) -> Result<Outcome<S>> {
        signals::forward_to(None);
        // Its socket closes before its children are given away: only when it is wholly gone is the
        // command a child of this process.
        self.reap_supervisor();
        self.signals.catch(&[libc::SIGCHLD, libc::SIGWINCH]);
        signals::block_terminal_stops();
        if let Some(console) = &mut self.console {
            console.inherit_raw();
        }
        let known = self.running.or_else(|| self.find_command());
        if known.is_none()
            && let Some(console) = &mut self.console
        {
            console.leave();
        }
        let Some(running) = known else { return Err(Error::SupervisorGone) };
        let mut sink = takeover(&self.payload);
        let mut lanes = Vec::new();
        for (stream, source) in std::mem::take(&mut self.sources) {
            let outlet = outlet_of(stream)?;
            lanes.push(Lane { stream, source, outlet });
        }
        let mut relay = Relay::new(lanes, self.console.take(), self.signals, None, running);
        let result = relay.run(&mut sink);
        if let Some(console) = &mut relay.console {
            console.leave();
        }
        let mut exit = result?;
        if let (Ended::Unknown, Some(seen)) = (&exit.ended, self.exit) {
            exit.ended = seen.ended;
            exit.duration_millis = seen.duration_millis;
        }
        Ok(Outcome::TookOver { exit, sink })
    }

    /// The supervisor died before it could tell whom it had started: then that is the only child that
    /// this process has beside it.
    fn find_command(&self) -> Option<Running> {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let mut below = process::descendants(own).into_iter();
        let (pid, _) = below.find(|(_, stat)| stat.parent == own)?;
        Some(Running { pid, started_millis: crate::relay::clock_millis() })
    }
}

fn running((pid, started_millis): (i32, u64)) -> Running {
    Running { pid, started_millis }
}

fn open_console(stdin: BorrowedFd<'_>, job_control: bool) -> Result<(Console, OwnedFd)> {
    let master = open_master()?;
    let tty = rustix::io::fcntl_dupfd_cloexec(stdin, 3).trying("copy a descriptor")?;
    let console = Console::new(tty, master.try_clone().trying("copy a descriptor")?, job_control)?;
    Ok((console, master))
}

/// Where a stream goes in the end: this process's own standard output or error.
pub(crate) fn outlet_of(stream: Stream) -> Result<Outlet> {
    let fd = if stream == Stream::Err { rustix::stdio::stderr() } else { rustix::stdio::stdout() };
    Outlet::new(fd).trying("open standard output")
}

/// Whether two descriptors lead to the same file, pipe or terminal, so that order between them counts.
fn same_place(left: BorrowedFd<'_>, right: BorrowedFd<'_>) -> bool {
    match (rustix::fs::fstat(left), rustix::fs::fstat(right)) {
        (Ok(left), Ok(right)) => (left.st_dev, left.st_ino) == (right.st_dev, right.st_ino),
        _ => false,
    }
}

/// Ends this process by the signal that ended the command, when it was one; otherwise, and when that
/// does not end it, returns the exit code to end with.
pub fn end_like(exit: &Exit) -> i32 {
    if let Ended::Signaled(signal) = exit.ended {
        signals::die_of(signal);
    }
    exit.code()
}

/// Ends this process by a signal, such as that of [`Error::Interrupted`]; returns the exit code to end
/// with when that does not end it.
pub fn end_by_signal(signal: i32) -> i32 {
    signals::die_of(signal);
    128 + signal
}

/// Whether standard input and standard output are terminals, so that a command should get one too.
pub fn is_interactive() -> bool {
    rustix::termios::isatty(rustix::stdio::stdin()) && rustix::termios::isatty(rustix::stdio::stdout())
}
