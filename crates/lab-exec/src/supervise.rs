use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::channel::{Channel, Kind, Message};
use crate::command::{self, Streams};
use crate::console::{Console, open_slave};
use crate::error::Trying;
use crate::front::outlet_of;
use crate::relay::{Lane, Relay, Running, clock_millis};
use crate::signals::{self, ASKING, Caught, Signals};
use crate::trace::{self, Hook, Seen, Standby, Trace, Tracer};
use crate::{Ended, Error, Exit, Launch, Result, Sink, Stream};

/// What the front tells the supervisor beforehand. With it come descriptors: standard input, the
/// reading end of each lane, the writing end of each lane.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) launch: Launch,
    pub(crate) front_pid: i32,
    /// The front's process group.
    pub(crate) group: i32,
    /// There is a shell that lets a stopped front go on.
    pub(crate) job_control: bool,
    pub(crate) lanes: Vec<Planned>,
}

/// One lane.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub(crate) stream: Stream,
    /// It takes standard error only.
    pub(crate) errors: bool,
}

/// The whole life of the supervisor: started by [`crate::Front::spawn`] with a socket as standard input,
/// it starts the command at `go` and stays with it to the end.
///
/// `start(payload, pid)` makes the sink right after the start (`pid` is `None` when the command could
/// not be started); `finish(payload, sink, exit, front_alive)` records the end; what it returns goes to
/// the front. Returns without calling either when the front ends before `go`. After `finish` it may
/// stay for a while, copying for processes that the command left behind: `finish` should let go of
/// everything. The front waits until this process ends, so it should end right after. `attend(tracer)` is
/// called right before a traced command starts: it has to call [`Tracer::serve`] on a thread of its own.
///
/// # Errors
/// When the front cannot be understood or the system fails; the front takes over then.
pub fn supervise<S: Sink>(
    attend: impl FnOnce(Tracer),
    start: impl FnOnce(&[u8], Option<i32>) -> S,
    finish: impl FnOnce(&[u8], S, &Exit, bool) -> Vec<u8>,
) -> Result<()> {
    let mut signals = Signals::new()?;
    signals.catch(&ASKING);
    signals.catch(&[libc::SIGTSTP, libc::SIGCONT, libc::SIGWINCH, libc::SIGCHLD]);
    signals::block_terminal_stops();
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own)).trying("become the parent of orphans")?;
    let channel = take_channel()?;
    let Some(message) = channel.receive()? else { return Ok(()) };
    let mut ready = Ready::new(&message.bytes, message.fds)?;
    let standby = ready.launch.trace.then(Standby::new);
    let Some(Word { payload, early, trace }) = wait_for_go(&channel)? else { return Ok(()) };

    if let Some(console) = &mut ready.console {
        console.enter();
    }
    let (hook, seen) = begin_tracing(standby, trace.as_ref(), &ready, attend);
    let started_millis = clock_millis();
    let pid = match command::start(&ready.launch, &ready.streams, hook) {
        Ok(pid) => pid,
        Err(failure) => {
            if let Some(console) = &mut ready.console {
                console.leave();
            }
            let sink = start(&payload, None);
            let exit = Exit::without_process(Ended::NotStarted(failure));
            return finish_with(Some(&channel), &finish(&payload, sink, &exit, true), &exit);
        }
    };
    tell(&channel, Kind::Started, &(pid, started_millis))?;
    // With them the last writing ends of this process go: what is left is the command's.
    let Ready { streams, lanes, console, front_pid, .. } = ready;
    drop(streams);
    let mut sink = start(&payload, Some(pid));
    let mut relay = Relay::new(lanes, console, signals, Some((channel, front_pid)), Running { pid, started_millis });
    for signal in early {
        signals::send(pid, relay.console.is_some(), signal);
        relay.heard();
    }
    let result = relay.run(&mut sink);
    if let Some(console) = &mut relay.console {
        console.leave();
    }
    let exit = result?;
    if let Some(seen) = seen {
        seen.flush();
    }
    let reply = finish(&payload, sink, &exit, relay.channel.is_some());
    // A front that is gone by now does not miss it.
    let _ = finish_with(relay.channel.as_ref(), &reply, &exit);
    if exit.left_behind { relay.linger() } else { Ok(()) }
}

fn tell(channel: &Channel, kind: Kind, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(value).map_err(|_| Error::Message)?;
    match channel.send(kind, &bytes, &[]) {
        // The front is gone, which does not matter to the command.
        Ok(()) | Err(Error::System { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn finish_with(channel: Option<&Channel>, reply: &[u8], exit: &Exit) -> Result<()> {
    channel.map_or(Ok(()), |channel| tell(channel, Kind::Finished, &(exit, reply)))
}

/// The socket came as standard input, where nobody else should find it.
fn take_channel() -> Result<Channel> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).trying("copy a descriptor")?;
    let null =
        rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).trying("open /dev/null")?;
    rustix::stdio::dup2_stdin(&null).trying("copy a descriptor")?;
    Ok(Channel::new(socket))
}

/// Everything that the start needs, made while the front takes its snapshot.
struct Ready {
    launch: Launch,
    streams: Streams,
    lanes: Vec<Lane>,
    console: Option<Console>,
    front_pid: i32,
}

impl Ready {
    fn new(plan: &[u8], fds: Vec<OwnedFd>) -> Result<Self> {
        let plan: Plan = serde_json::from_slice(plan).map_err(|_| Error::Message)?;
        // From here on the shell counts this process to the front's job. It may be that there is no
        // such group any more; then the front is gone too. A group outside this process namespace
        // cannot be named: this process then leads its own.
        let _ = rustix::process::setpgid(None, Pid::from_raw(plan.group));
        if fds.len() != 1 + 2 * plan.lanes.len() || plan.lanes.is_empty() {
            return Err(Error::Message);
        }
        let mut fds = fds.into_iter();
        let mut next = || fds.next().ok_or(Error::Message);
        let stdin = next()?;
        let mut lanes = Vec::new();
        for planned in &plan.lanes {
            let outlet = outlet_of(planned.stream)?;
            lanes.push(Lane { stream: planned.stream, source: Some(next()?), outlet });
        }
        let mut console = None;
        let mut first = next()?;
        let mut tty_or_stdin = stdin;
        if plan.launch.terminal {
            let slave = open_slave(&first)?;
            let mut made = Console::new(tty_or_stdin, first, plan.job_control)?;
            made.prepare(slave.try_clone().trying("copy a descriptor")?);
            console = Some(made);
            tty_or_stdin = slave.try_clone().trying("copy a descriptor")?;
            first = slave;
        }
        let second = if plan.lanes.iter().any(|lane| lane.errors) { Some(next()?) } else { None };
        let stderr = second.map_or_else(|| first.try_clone(), Ok).trying("copy a descriptor")?;
        let streams = Streams { stdin: tty_or_stdin, stdout: first, stderr, terminal: plan.launch.terminal };
        Ok(Self { launch: plan.launch, streams, lanes, console, front_pid: plan.front_pid })
    }
}

/// Has the command traced, when that is wanted and can be done.
fn begin_tracing(
    standby: Option<std::io::Result<Standby>>,
    trace: Option<&Trace>,
    ready: &Ready,
    attend: impl FnOnce(Tracer),
) -> (Option<Hook>, Option<Seen>) {
    let Some((standby, trace)) = standby.zip(trace) else { return (None, None) };
    let Some(program) = ready.launch.argv.first() else { return (None, None) };
    let Some((tracer, hook, seen)) = trace::prepare(standby, trace, program, &ready.launch.cwd) else {
        return (None, None);
    };
    // What the shell has opened for the command.
    seen.descriptor(ready.streams.stdin.as_fd(), false);
    seen.descriptor(rustix::stdio::stdout(), true);
    seen.descriptor(rustix::stdio::stderr(), true);
    attend(tracer);
    (Some(hook), Some(seen))
}

/// The word to start: the payload, signals that arrived just before, and what is to be traced.
struct Word {
    payload: Vec<u8>,
    early: Vec<i32>,
    trace: Option<Trace>,
}

/// Waits for the word to start; `None` when the front ended.
fn wait_for_go(channel: &Channel) -> Result<Option<Word>> {
    let (mut early, mut trace) = (Vec::new(), None);
    while let Some(Message { kind, bytes, .. }) = channel.receive()? {
        match kind {
            Kind::Go => return Ok(Some(Word { payload: bytes, early, trace })),
            Kind::Trace => trace = serde_json::from_slice(&bytes).ok(),
            Kind::Signal => early.extend(Caught::decode(&bytes).map(|caught| caught.signal)),
            _ => return Err(Error::Message),
        }
    }
    Ok(None)
}
