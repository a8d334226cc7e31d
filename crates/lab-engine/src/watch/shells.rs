//! What shells say is heard on a thread of its own: when a line was told counts, not when the loop gets to it, and no shell
//! waits for a loop that is busy.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::hook::{HookMessage, Lines, answer};
use super::line::Line;
use super::place::WatchPlace;
use crate::watched::{Listener, monotonic_nanos};
use crate::{Error, ErrorKind, Result};

/// How long shells wait, where nothing else is said, in seconds.
const PATIENCE: f64 = 0.25;
/// What the loop may be behind.
const QUEUE: usize = 4096;

/// What a shell has said.
pub(crate) enum Said {
    /// A line is about to start.
    Start(Box<Line>),
    /// One is over.
    End { shell: i32, sequence: u64, exit_code: i32, at_nanos: u64 },
}

/// The thread, as the loop sees it. It ends when this is dropped.
pub(crate) struct Shells {
    said: Receiver<Said>,
    waiting: Arc<Waiting>,
    bell: UnixStream,
}

/// The lines that wait for their answer, and since when.
struct Waiting {
    place: WatchPlace,
    /// After this a shell is let go: sooner than it gives up by itself, for then it would not tell of its next lines.
    patience_nanos: u64,
    lines: Mutex<HashMap<(i32, u64), u64>>,
}

impl Shells {
    /// Listens to a FIFO. `patience` is what shells were told of it, in seconds.
    pub fn begin(fifo: OwnedFd, place: WatchPlace, files: Listener, patience: Option<&str>) -> Result<Self> {
        let fail = |error| Error::new(ErrorKind::Bug, "Could not start a thread").because(error);
        let (bell, other) = UnixStream::pair().map_err(fail)?;
        bell.set_nonblocking(true).and_then(|()| other.set_nonblocking(true)).map_err(fail)?;
        let (tell, said) = sync_channel(QUEUE);
        let seconds = patience.and_then(|text| text.parse().ok()).unwrap_or(PATIENCE);
        let patience_nanos = (seconds * 0.8e9) as u64;
        let waiting = Arc::new(Waiting { place, patience_nanos, lines: Mutex::default() });
        let thread = Thread { fifo, lines: Lines::default(), files, tell, waiting: Arc::clone(&waiting), bell: other };
        std::thread::Builder::new().name("lab-watch-shells".to_owned()).spawn(|| thread.run()).map_err(fail)?;
        Ok(Self { said, waiting, bell })
    }

    /// Readable when something was said.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// What was said since the last call.
    pub fn drain(&self) -> Vec<Said> {
        let mut rings = [0; 64];
        while (&self.bell).read(&mut rings).is_ok_and(|count| count == rings.len()) {}
        self.said.try_iter().collect()
    }

    /// Whether the shell still waits for the answer to this line.
    pub fn is_waiting(&self, shell: i32, sequence: u64) -> bool {
        self.waiting.lock().contains_key(&(shell, sequence))
    }

    /// Lets a shell start its line; false when it has started it already.
    pub fn answer(&self, shell: i32, sequence: u64, hint: &str) -> bool {
        self.waiting.answer(shell, sequence, hint)
    }
}

impl Waiting {
    fn answer(&self, shell: i32, sequence: u64, hint: &str) -> bool {
        let is_first = self.lock().remove(&(shell, sequence)).is_some();
        is_first && answer(&self.place.reply(shell), sequence, hint)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(i32, u64), u64>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When somebody has waited long enough.
    fn due_nanos(&self) -> Option<u64> {
        self.lock().values().min().map(|since| since + self.patience_nanos)
    }

    /// Lets those go that have waited long enough.
    fn release(&self, now: u64) {
        let late = |since: &u64| since + self.patience_nanos <= now;
        let late: Vec<_> = self.lock().iter().filter(|(_, since)| late(since)).map(|(line, _)| *line).collect();
        for (shell, sequence) in late {
            self.answer(shell, sequence, "");
        }
    }
}

struct Thread {
    fifo: OwnedFd,
    lines: Lines,
    files: Listener,
    tell: SyncSender<Said>,
    waiting: Arc<Waiting>,
    bell: UnixStream,
}

impl Thread {
    fn run(mut self) {
        lab_exec::observe::be_prompt();
        while self.wait() {
            self.waiting.release(monotonic_nanos());
            let messages = self.read();
            if messages.is_empty() {
                continue;
            }
            let now = monotonic_nanos();
            // What was edited just before is certain as of this moment, however long the loop takes.
            self.files.witness(&monotonic_nanos);
            // The loop has it before the shell goes on: a line is known before what it starts.
            if messages.into_iter().any(|message| self.tell.send(self.said(message, now)).is_err()) {
                return;
            }
            // One that has many rings waiting needs no more.
            let _ = (&self.bell).write(&[1]);
        }
    }

    fn said(&self, message: HookMessage, now: u64) -> Said {
        match message {
            HookMessage::Start { shell, sequence, cwd, command } => {
                self.waiting.lock().insert((shell, sequence), now);
                Said::Start(Box::new(Line::new(shell, sequence, cwd, command, now)))
            }
            HookMessage::End { shell, sequence, exit_code } => Said::End { shell, sequence, exit_code, at_nanos: now },
        }
    }

    /// Waits for something to do. False when the loop is gone.
    fn wait(&self) -> bool {
        let left = self.waiting.due_nanos().map(|due| due.saturating_sub(monotonic_nanos()).cast_signed());
        let left = left.map(|left| Timespec { tv_sec: left / 1_000_000_000, tv_nsec: left % 1_000_000_000 });
        let mut waiting = [PollFd::new(&self.fifo, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
        // An interruption only means another turn.
        let _ = poll(&mut waiting, left.as_ref());
        waiting[1].revents().is_empty()
    }

    fn read(&mut self) -> Vec<HookMessage> {
        let mut found = Vec::new();
        let mut buffer = [0; 16 << 10];
        while let Ok(count) = rustix::io::read(&self.fifo, &mut buffer) {
            found.extend(self.lines.feed(&buffer[..count]));
            if count < buffer.len() {
                break;
            }
        }
        found
    }
}
