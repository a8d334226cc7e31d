//! The loop that stays with a command: copies its output, tells the sink, passes signals on, waits.
//! The supervisor runs it; the front runs the same when the supervisor is gone.

use std::os::fd::OwnedFd;

use lab_model::Usage;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::time::ClockId;

use crate::channel::{Channel, Kind, Received};
use crate::console::Console;
use crate::error::Trying;
use crate::outlet::{Outlet, State};
use crate::sample::Sampler;
use crate::signals::{self, Caught, Change, Look, Signals};
use crate::{Ended, Exit, Result, Sink, Stream};

const MILLIS_TICK: u64 = 100;
/// Output of processes left behind is waited for as long as it comes within this time, …
const MILLIS_QUIET: u64 = 200;
/// … and not longer than this.
const MILLIS_GRACE: u64 = 2_000;
/// A signal that reached the supervisor too, so short a time ago, went to everybody.
const MILLIS_SAME_SIGNAL: u64 = 100;
const READ_BYTES: usize = 64 * 1024;

/// Milliseconds of the clock that all processes share.
pub(crate) fn clock_millis() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

/// One way for output: from the command to the user.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) stream: Stream,
    /// The reading end; `None` when it is over.
    pub(crate) source: Option<OwnedFd>,
    pub(crate) outlet: Outlet,
}

/// The command, as far as its relay needs to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) pid: i32,
    pub(crate) started_millis: u64,
}

#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) lanes: Vec<Lane>,
    pub(crate) console: Option<Console>,
    signals: Signals,
    /// The supervisor's way to the front, while there is one. Without it this process is the front
    /// itself, or an orphan.
    pub(crate) channel: Option<Channel>,
    /// This process is the front, which stops when the command does.
    is_front: bool,
    front_pid: i32,
    /// The command was stopped and the front was told to stop too.
    is_stopped: bool,
    running: Running,
    exit: Option<(Exit, u64)>,
    last_output_millis: u64,
    output_closed: bool,
    /// When a signal reached this process itself, by its number.
    reached_millis: [u64; 32],
    buffer: Vec<u8>,
}

enum Token {
    Wake,
    Channel,
    Source(usize),
    Outlet(usize),
    Keys,
    Master,
}

impl Relay {
    pub(crate) fn new(
        lanes: Vec<Lane>,
        console: Option<Console>,
        signals: Signals,
        front: Option<(Channel, i32)>,
        running: Running,
    ) -> Self {
        let (channel, front_pid) = front.map_or((None, 0), |(channel, pid)| (Some(channel), pid));
        Self {
            lanes,
            console,
            signals,
            is_front: channel.is_none(),
            channel,
            front_pid,
            is_stopped: false,
            running,
            exit: None,
            last_output_millis: 0,
            output_closed: false,
            reached_millis: [0; 32],
            buffer: vec![0; READ_BYTES],
        }
    }

    fn millis(&self) -> u64 {
        clock_millis().saturating_sub(self.running.started_millis)
    }

    /// Stays with the command to its end, and until its output is copied.
    pub(crate) fn run(&mut self, sink: &mut dyn Sink) -> Result<Exit> {
        let mut sampler = Sampler::new();
        let mut next_tick_millis = self.millis() + MILLIS_TICK;
        self.look_at_children();
        loop {
            let millis = self.millis();
            if let Some(exit) = self.over(millis) {
                sink.tick(millis);
                return Ok(exit);
            }
            let mut deadline = next_tick_millis;
            if self.exit.is_none() {
                deadline = deadline.min(sampler.next_millis());
            }
            if let Some(at) = self.console.as_ref().and_then(Console::stop_at_millis) {
                deadline = deadline.min(at);
            }
            self.turn(deadline.saturating_sub(millis), Some(sink))?;
            let millis = self.millis();
            if let Some(console) = &mut self.console {
                console.stop_if_due(self.running.pid, millis);
            }
            if self.exit.is_none() && millis >= sampler.next_millis() {
                let started = self.running.started_millis;
                let own = rustix::process::getpid().as_raw_nonzero().get();
                if let Some(sample) = sampler.take(own, millis, || clock_millis().saturating_sub(started)) {
                    sink.sample(&sample);
                }
            }
            if millis >= next_tick_millis {
                next_tick_millis = millis + MILLIS_TICK;
                sink.tick(millis);
                if let Some(console) = &mut self.console {
                    console.enter();
                }
            }
        }
    }

    /// Goes on copying what processes write that the command left behind, as they would write alone.
    pub(crate) fn linger(&mut self) -> Result<()> {
        self.channel = None;
        while self.lanes.iter().any(|lane| lane.source.is_some() || !lane.outlet.is_empty()) {
            self.turn(60_000, None)?;
        }
        Ok(())
    }

    /// The command's end, once everything that it wrote is copied.
    fn over(&mut self, millis: u64) -> Option<Exit> {
        let (exit, exited_millis) = self.exit.as_ref()?;
        let open = self.lanes.iter().any(|lane| lane.source.is_some());
        let waiting = self.lanes.iter().any(|lane| !lane.outlet.is_empty());
        let since = |moment: u64| millis.saturating_sub(moment);
        let quiet = since(*exited_millis.max(&self.last_output_millis)) >= MILLIS_QUIET;
        if waiting || (open && !quiet && since(*exited_millis) < MILLIS_GRACE) {
            return None;
        }
        Some(Exit {
            output_closed: self.output_closed,
            lost_output_bytes: self.lanes.iter().map(|lane| lane.outlet.lost_bytes()).sum(),
            left_behind: open && self.console.is_none(),
            ..exit.clone()
        })
    }

    /// Waits for something to happen, at most so long, and does what is to be done about it.
    fn turn(&mut self, timeout_millis: u64, mut sink: Option<&mut dyn Sink>) -> Result<()> {
        if let Some(console) = &mut self.console {
            console.look_for_foreground();
        }
        for (token, found) in self.poll(timeout_millis)? {
            match token {
                Token::Wake => self.hear(),
                Token::Channel => self.listen()?,
                Token::Outlet(lane) => self.lanes[lane].outlet.polled(found),
                Token::Source(lane) => match &mut sink {
                    Some(sink) => self.copy(lane, Some(&mut **sink)),
                    None => self.copy(lane, None),
                },
                Token::Keys => {
                    let millis = self.millis();
                    if let Some(console) = &mut self.console {
                        console.read_keys(self.running.pid, millis);
                    }
                }
                Token::Master => {
                    if let Some(console) = &mut self.console {
                        console.flush();
                    }
                }
            }
        }
        self.close_unread();
        Ok(())
    }

    fn poll(&self, timeout_millis: u64) -> Result<Vec<(Token, PollFlags)>> {
        let mut tokens = vec![Token::Wake];
        let mut polled = vec![PollFd::new(&self.signals.wake, PollFlags::IN)];
        if let Some(channel) = &self.channel {
            tokens.push(Token::Channel);
            polled.push(PollFd::new(channel, PollFlags::IN));
        }
        for (index, lane) in self.lanes.iter().enumerate() {
            if let Some(source) = lane.source.as_ref().filter(|_| lane.outlet.has_room()) {
                tokens.push(Token::Source(index));
                polled.push(PollFd::new(source, PollFlags::IN));
            }
            if let Some(outlet) = lane.outlet.poll_fd() {
                tokens.push(Token::Outlet(index));
                polled.push(outlet);
            }
        }
        if let Some(console) = &self.console {
            if let Some(keys) = console.poll_tty() {
                tokens.push(Token::Keys);
                polled.push(keys);
            }
            if let Some(master) = console.poll_master() {
                tokens.push(Token::Master);
                polled.push(master);
            }
        }
        let nanos = timeout_millis.min(60_000) * 1_000_000;
        let timeout = Timespec {
            tv_sec: i64::try_from(nanos / 1_000_000_000).unwrap_or(0),
            tv_nsec: i64::try_from(nanos % 1_000_000_000).unwrap_or(0),
        };
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).trying("wait for the command"),
        }
        let found = polled.iter().map(PollFd::revents);
        Ok(tokens.into_iter().zip(found).filter(|(_, found)| !found.is_empty()).collect())
    }

    fn copy(&mut self, lane: usize, sink: Option<&mut dyn Sink>) {
        let millis = self.millis();
        let lane = &mut self.lanes[lane];
        let Some(source) = &lane.source else { return };
        match rustix::io::read(source, &mut self.buffer) {
            Ok(length @ 1..) => {
                let bytes = &self.buffer[..length];
                self.last_output_millis = millis;
                // The user first: what they see must not wait for what is kept.
                lane.outlet.push(bytes);
                if let Some(sink) = sink {
                    sink.output(lane.stream, millis, bytes);
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // The end; a terminal says it with an error.
            Ok(_) | Err(_) => lane.source = None,
        }
    }

    /// A reader that is gone is told to the command as it would have been told alone: by a broken pipe.
    fn close_unread(&mut self) {
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if lane.outlet.state() == State::Closed && lane.source.is_some() && lane.stream != Stream::Terminal {
                lane.source = None;
                self.output_closed = true;
                if let (Some(channel), Ok(index)) = (&self.channel, u8::try_from(index)) {
                    // A front that cannot be told is busy ending, or gone.
                    let _ = channel.offer(Kind::Closed, &[index]);
                }
            }
        }
    }

    /// Signals that reached this process.
    fn hear(&mut self) {
        for caught in self.signals.take() {
            match caught.signal {
                libc::SIGCHLD => self.look_at_children(),
                libc::SIGWINCH => {
                    if let Some(console) = &self.console {
                        console.resize();
                    }
                }
                _ if self.is_front => self.pass_on(caught),
                signal => {
                    if let Some(reached) = usize::try_from(signal).ok().and_then(|at| self.reached_millis.get_mut(at))
                        && caught.by_process
                    {
                        *reached = clock_millis();
                    }
                }
            }
        }
    }

    /// Messages of the front.
    fn listen(&mut self) -> Result<()> {
        while let Some(channel) = &self.channel {
            match channel.take()? {
                Received::Nothing => return Ok(()),
                Received::Gone => {
                    self.channel = None;
                    self.front_is_gone();
                }
                Received::Message(message) => {
                    if let (Kind::Signal, Some(caught)) = (message.kind, Caught::decode(&message.bytes)) {
                        self.hear();
                        if !self.reached_everybody(caught) {
                            self.pass_on(caught);
                        }
                        self.heard();
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells the front that a signal was seen to, so that it need not do it should this process die.
    pub(crate) fn heard(&self) {
        if let Some(channel) = &self.channel {
            let _ = channel.offer(Kind::Heard, &[]);
        }
    }

    /// The user's shell has its terminal back; the command goes on, without keys.
    fn front_is_gone(&mut self) {
        if let Some(console) = &mut self.console {
            console.leave();
            console.detach();
        }
        // A stopped front that was killed cannot be brought back to let the command go on.
        if self.is_stopped {
            signals::send(self.running.pid, self.console.is_some(), libc::SIGCONT);
        }
    }

    /// Whether a signal that the front caught was sent to its whole group, and so to the command too.
    fn reached_everybody(&mut self, caught: Caught) -> bool {
        if self.console.is_some() {
            return false;
        }
        let Some(reached) = usize::try_from(caught.signal).ok().and_then(|at| self.reached_millis.get_mut(at)) else {
            return false;
        };
        let recently = clock_millis().saturating_sub(std::mem::take(reached)) <= MILLIS_SAME_SIGNAL;
        caught.by_process && recently
    }

    /// Gives the command a signal that the front got, unless the terminal gave it to both.
    pub(crate) fn pass_on(&mut self, caught: Caught) {
        if self.exit.is_some() {
            return;
        }
        if caught.signal == libc::SIGCONT {
            // The front goes on already: it need not be told when the command does.
            self.is_stopped = false;
        }
        match &mut self.console {
            Some(console) if caught.signal == libc::SIGCONT => console.go_on(self.running.pid),
            Some(_) => signals::send(self.running.pid, true, caught.signal),
            None if caught.by_process => signals::send(self.running.pid, false, caught.signal),
            None => {}
        }
    }

    fn look_at_children(&mut self) {
        while self.exit.is_none() {
            match signals::look(Some(self.running.pid)) {
                Look::Nothing => break,
                Look::NoChild => self.ended(Ended::Unknown),
                Look::Changed(_, Change::Exited(code)) => self.ended(Ended::Exited(code)),
                Look::Changed(_, Change::Signaled(signal)) => self.ended(Ended::Signaled(signal)),
                Look::Changed(_, Change::Stopped) => self.stopped(),
                Look::Changed(_, Change::Continued) => self.continued(),
            }
        }
        // What the command left to nobody comes to this process.
        while let Look::Changed(pid, _) = signals::look(None) {
            if pid == self.running.pid && self.exit.is_none() {
                break;
            }
            signals::reap(pid);
        }
    }

    fn ended(&mut self, ended: Ended) {
        let millis = self.millis();
        let mut exit = Exit { duration_millis: millis, ..Exit::without_process(ended) };
        // The front must know before the process is gone for good, should this one die in between.
        if let (Some(channel), Ok(bytes)) = (&self.channel, serde_json::to_vec(&exit)) {
            let _ = channel.offer(Kind::Exited, &bytes);
        }
        exit.usage = if exit.ended == Ended::Unknown { Usage::default() } else { signals::reap(self.running.pid) };
        self.exit = Some((exit, millis));
        if let Some(console) = &mut self.console {
            console.ended();
        }
    }

    /// The command was stopped: the shell gets its terminal, and the front stops too.
    fn stopped(&mut self) {
        if let Some(console) = &mut self.console {
            console.pause();
        }
        self.is_stopped = true;
        if self.is_front {
            signals::suspend();
        } else if let Some(channel) = &self.channel {
            let _ = channel.offer(Kind::Stopped, &[]);
        }
    }

    /// Somebody let the command go on: so does the front, should it be stopped.
    fn continued(&mut self) {
        if std::mem::take(&mut self.is_stopped) && self.channel.is_some() {
            signals::send(self.front_pid, false, libc::SIGCONT);
        }
    }
}
