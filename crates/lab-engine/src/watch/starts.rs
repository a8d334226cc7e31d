//! Starts are noticed on a thread of their own: what starts may be over before the loop has kept the files of what
//! started before it.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lab_exec::detect::{Detector, Event, Method, Probe};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::watched::{Listener, monotonic_nanos};
use crate::{Error, ErrorKind, Result};

/// What the loop may be behind; then the thread waits, and the kernel keeps the rest.
const QUEUE: usize = 4096;

/// What starts so soon after another comes with more: a script that starts one small program after the other. Where no file
/// was edited lately nothing hangs on the instant, and what comes within the pause is read at once.
const CLUSTER_NANOS: u64 = 10_000_000;
const PAUSE: Duration = Duration::from_millis(5);
/// Where programs may be kept that live no longer than this, there is no pause.
pub(crate) const SHORT_MILLIS: u64 = 100;

/// What the thread tells.
pub(crate) enum Told {
    Event(Event),
    /// A line for the log.
    Words(String),
}

/// The thread, as the loop sees it. It ends when this is dropped.
pub(crate) struct Starts {
    pub method: Method,
    pub probed: Vec<Probe>,
    told: Receiver<Told>,
    wanted: Arc<Mutex<Option<Wanted>>>,
    bell: UnixStream,
}

/// What is to be told.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// The directories of projects.
    pub roots: Vec<PathBuf>,
    /// Whether programs are kept that live no longer than [`SHORT_MILLIS`].
    pub short: bool,
}

impl Starts {
    pub fn begin(detector: Detector, files: Listener) -> Result<Self> {
        let fail = |error| Error::new(ErrorKind::Bug, "Could not start a thread").because(error);
        let (bell, other) = UnixStream::pair().map_err(fail)?;
        bell.set_nonblocking(true).and_then(|()| other.set_nonblocking(true)).map_err(fail)?;
        let (tell, told) = sync_channel(QUEUE);
        let wanted = Arc::default();
        let (method, probed) = (detector.method(), detector.probed().to_vec());
        let (shared, current) = (Arc::clone(&wanted), Wanted::default());
        let thread = Thread { detector, files, tell, wanted: shared, bell: other, current };
        std::thread::Builder::new().name("lab-watch-starts".to_owned()).spawn(|| thread.run()).map_err(fail)?;
        Ok(Self { method, probed, told, wanted, bell })
    }

    /// Readable when there is something to be told.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// What was told since the last call.
    pub fn drain(&self) -> Vec<Told> {
        let mut rings = [0; 64];
        while (&self.bell).read(&mut rings).is_ok_and(|count| count == rings.len()) {}
        self.told.try_iter().collect()
    }

    /// What is to be told from now on.
    pub fn watch(&self, wanted: Wanted) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted);
        ring(&self.bell);
    }
}

struct Thread {
    detector: Detector,
    files: Listener,
    tell: SyncSender<Told>,
    wanted: Arc<Mutex<Option<Wanted>>>,
    bell: UnixStream,
    current: Wanted,
}

impl Thread {
    fn run(mut self) {
        lab_exec::observe::be_prompt();
        let mut events = Vec::new();
        let mut heard_nanos = 0;
        // The other ways look for themselves when it is time to.
        let tells_at_once = self.detector.method() == Method::Connector;
        while self.wait() {
            let now = monotonic_nanos();
            let follows = tells_at_once && now < heard_nanos + CLUSTER_NANOS;
            if follows && !self.current.short && !self.files.has_hurried(now) {
                std::thread::sleep(PAUSE);
            }
            if self.detector.hear() {
                heard_nanos = now;
                // Before any look at what it was: each costs time in which somebody may edit.
                self.files.witness(&monotonic_nanos);
            }
            let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(wanted) = wanted {
                self.watch(wanted);
            }
            self.detector.drain(&mut events);
            let has_news = !events.is_empty();
            if events.drain(..).any(|event| self.tell.send(Told::Event(event)).is_err()) {
                return;
            }
            if has_news {
                ring(&self.bell);
            }
        }
    }

    /// Waits for something to do. False when the loop is gone.
    fn wait(&self) -> bool {
        let left = self.detector.deadline_nanos().map(|due| due.saturating_sub(monotonic_nanos()).cast_signed());
        let left = left.map(|left| Timespec { tv_sec: left / 1_000_000_000, tv_nsec: left % 1_000_000_000 });
        let starts = self.detector.as_fd();
        let mut waiting = [PollFd::new(&starts, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
        // An interruption only means another turn.
        let _ = poll(&mut waiting, left.as_ref());
        let has_rung = !waiting[1].revents().is_empty();
        !has_rung || !matches!((&self.bell).read(&mut [0; 64]), Ok(0))
    }

    fn watch(&mut self, wanted: Wanted) {
        let (before, roots) = (&self.current.roots, &wanted.roots);
        for gone in before.iter().filter(|root| !roots.contains(root)) {
            self.detector.forget_directory(gone);
        }
        for new in roots.iter().filter(|root| !before.contains(root)) {
            if let Err(error) = self.detector.watch_directory(new) {
                let words = format!("programs in {} may be missed: {error}", new.display());
                // Without anybody who listens there is nobody to tell.
                let _ = self.tell.send(Told::Words(words));
            }
        }
        self.current = wanted;
    }
}

/// Wakes the other side; one that has many rings waiting needs no more.
fn ring(mut bell: &UnixStream) {
    let _ = bell.write(&[1]);
}
