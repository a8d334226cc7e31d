//! The work beside an interface: two reading threads, one writing thread, and one that notices what
//! other processes do. A screen never waits: it asks, goes on painting, and looks for the answer later.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::command::{Command, Done};
use crate::live::LiveRun;
use crate::reader::Shared;
use crate::watch::WatchPlace;
use crate::{Engine, EngineConfig, Error, ErrorKind, Reader, Result};

/// Called from other threads whenever there is something new to look at.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Which thread reads: long lists have their own, so that a page is not kept waiting by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// Lists over all runs.
    List,
    /// Everything else.
    Page,
}

/// Columns that are made ready while nobody waits, once: what is asked for after the notebook has changed is read then.
const MOST_READIED: usize = 100;

/// How often other processes are looked for. A screen may be so much behind.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The threads beside an interface. Dropping it lets them end; what is being written is finished first.
pub struct Background {
    config: EngineConfig,
    wake: Wake,
    revision: Arc<AtomicU64>,
    live_revision: Arc<AtomicU64>,
    /// What the reading threads keep, once for both.
    shared: Arc<Shared>,
    /// The process that watches; 0 when none does.
    watcher: Arc<AtomicI32>,
    list: Arc<Queue<Read>>,
    page: Arc<Queue<Read>>,
    write: Arc<Queue<Write>>,
    stop: Arc<Queue<()>>,
    writer: Option<std::thread::JoinHandle<()>>,
}

type Read = (Arc<AtomicBool>, Box<dyn FnOnce(&Result<Reader>) + Send>);
type Write = (Command, Arc<Progress>, SyncSender<Result<Done>>);

/// An answer that is on its way. Dropping it takes the question back where it was not begun yet.
pub struct Pending<T> {
    answer: Receiver<Result<T>>,
    wanted: Arc<AtomicBool>,
}

impl<T> Pending<T> {
    /// The answer, when it is there; it is given once.
    pub fn poll(&self) -> Option<Result<T>> {
        match self.answer.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(Err(Error::new(ErrorKind::Bug, "The work stopped without an answer").hint("try again")))
            }
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::Relaxed);
    }
}

/// How far a piece of work is.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    canceled: AtomicBool,
}

impl Progress {
    /// How much is done, of how much, in the same unit; the second is 0 while nobody knows.
    pub fn get(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Asks the work to stop where it can.
    pub fn cancel(&self) {
        self.canceled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }
}

/// A piece of writing under way.
pub struct Job {
    /// How far it is.
    pub progress: Arc<Progress>,
    answer: Receiver<Result<Done>>,
}

impl Job {
    /// What came of it, when it is over; it is given once.
    pub fn poll(&self) -> Option<Result<Done>> {
        match self.answer.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(Err(Error::new(ErrorKind::Bug, "The work stopped without an answer").hint("try again")))
            }
        }
    }
}

impl Background {
    /// Starts the threads. The notebook need not be there yet: questions are answered with
    /// [`ErrorKind::Missing`] until it is.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when the system gives no threads.
    pub fn start(config: EngineConfig, wake: Wake) -> Result<Self> {
        let mut background = Self {
            config,
            wake,
            revision: Arc::default(),
            live_revision: Arc::default(),
            shared: Arc::default(),
            watcher: Arc::default(),
            list: Arc::default(),
            page: Arc::default(),
            write: Arc::default(),
            stop: Arc::default(),
            writer: None,
        };
        background.start_reader(Lane::List)?;
        background.start_reader(Lane::Page)?;
        background.writer = Some(background.start_writer()?);
        background.start_lookout()?;
        Ok(background)
    }

    /// What the engine was configured with.
    pub const fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// A number that grows whenever the notebook has changed.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    /// A number that grows whenever a run that goes on has printed or logged something.
    pub fn live_revision(&self) -> u64 {
        self.live_revision.load(Ordering::Acquire)
    }

    /// The process that watches this notebook, as of the last look.
    pub fn watcher(&self) -> Option<i32> {
        Some(self.watcher.load(Ordering::Acquire)).filter(|pid| *pid > 0)
    }

    /// Asks a reading thread. The answer comes through [`Pending::poll`]; the interface is woken.
    pub fn read<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&Reader) -> Result<T> + Send + 'static,
    ) -> Pending<T> {
        let (sender, answer) = sync_channel(1);
        let wanted = Arc::new(AtomicBool::new(true));
        let wake = Arc::clone(&self.wake);
        let work = Box::new(move |reader: &Result<Reader>| {
            let answer = match reader {
                Ok(reader) => work(reader),
                Err(error) => Err(error.again()),
            };
            // Nobody may want the answer any more.
            let _ = sender.send(answer);
            wake();
        });
        let queue = if lane == Lane::List { &self.list } else { &self.page };
        queue.push((Arc::clone(&wanted), work), |(wanted, _)| wanted.load(Ordering::Relaxed));
        Pending { answer, wanted }
    }

    /// Has a command carried out, after those that were asked for before it.
    pub fn write(&self, command: Command) -> Job {
        let (sender, answer) = sync_channel(1);
        let progress = Arc::new(Progress::default());
        self.write.push((command, Arc::clone(&progress), sender), |_| true);
        Job { progress, answer }
    }

    fn start_reader(&self, lane: Lane) -> Result<()> {
        let (name, queue) = match lane {
            Lane::List => ("list", &self.list),
            Lane::Page => ("page", &self.page),
        };
        let (queue, config) = (Arc::clone(queue), self.config.clone());
        let shared = Arc::clone(&self.shared);
        spawn(&format!("lab-{name}"), move || {
            let mut reader: Option<Result<Reader>> = None;
            let mut readied = 0;
            // Who has a list before them sorts and filters it soon.
            let mut ready = |reader: &Option<Result<Reader>>| {
                let Some(Ok(reader)) = reader.as_ref().filter(|_| lane == Lane::List && readied < MOST_READIED) else {
                    return false;
                };
                readied += 1;
                reader.ready_next().unwrap_or(false)
            };
            while let Some((wanted, work)) = queue.pop_or(|| ready(&reader)) {
                if !wanted.load(Ordering::Relaxed) {
                    continue;
                }
                // A notebook that was not there, or was broken, may be well by now.
                let open = || {
                    let reader = Engine::open_existing(config.clone())?.plain_reader()?;
                    Ok(reader.sharing(Arc::clone(&shared)))
                };
                let reader = match reader.take() {
                    Some(Ok(open)) => reader.insert(Ok(open)),
                    _ => reader.insert(open()),
                };
                work(reader);
            }
        })?;
        Ok(())
    }

    fn start_writer(&self) -> Result<std::thread::JoinHandle<()>> {
        let (queue, config) = (Arc::clone(&self.write), self.config.clone());
        let (revision, wake) = (Arc::clone(&self.revision), Arc::clone(&self.wake));
        spawn("lab-write", move || {
            while let Some((command, progress, answer)) = queue.pop() {
                let done = command.carry_out(&config, &progress);
                revision.fetch_add(1, Ordering::AcqRel);
                let _ = answer.send(done);
                wake();
            }
        })
    }

    /// Looks for what other processes have committed, and for what running commands have logged.
    fn start_lookout(&self) -> Result<()> {
        let (stop, config) = (Arc::clone(&self.stop), self.config.clone());
        let (revision, wake) = (Arc::clone(&self.revision), Arc::clone(&self.wake));
        let (live_revision, watcher) = (Arc::clone(&self.live_revision), Arc::clone(&self.watcher));
        spawn("lab-lookout", move || {
            let mut lookout = None;
            let (mut seen, mut seen_bytes) = (None, 0);
            let place = WatchPlace::new(&config);
            loop {
                watcher.store(place.running().unwrap_or(0), Ordering::Release);
                if lookout.is_none() {
                    lookout = Lookout::open(&config);
                }
                let found = lookout.as_mut().and_then(Lookout::look);
                if found.is_none() {
                    lookout = None;
                }
                let (version, bytes) = found.unzip();
                let now = (version, watcher.load(Ordering::Acquire));
                if Some(now) != seen {
                    // The first look is where the interface starts from, unless there was no notebook.
                    seen = Some(now);
                    revision.fetch_add(1, Ordering::AcqRel);
                    wake();
                }
                if bytes.is_some_and(|bytes| bytes != seen_bytes) {
                    seen_bytes = bytes.unwrap_or(0);
                    live_revision.fetch_add(1, Ordering::AcqRel);
                    wake();
                }
                if stop.wait(LOOK_EVERY) {
                    return;
                }
            }
        })?;
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.close();
        self.list.close();
        self.page.close();
        self.write.close();
        if let Some(writer) = self.writer.take() {
            // A restore is finished rather than left for the next command to resume.
            let _ = writer.join();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| Error::new(ErrorKind::Busy, "The system gives no more threads").because(error))
}

/// What changes when somebody else does something.
struct Lookout {
    reader: Reader,
    live: PathBuf,
    /// Runs that go on, as of a version of the database: to find them costs more than all else here.
    open: Option<(u64, Vec<LiveRun>)>,
}

impl Lookout {
    fn open(config: &EngineConfig) -> Option<Self> {
        let engine = Engine::open_existing(config.clone()).ok()?;
        let live = engine.notebook.live_dir();
        // Runs whose processes are gone are closed here, where nobody waits for it.
        let reader = engine.reader().ok()?;
        Some(Self { reader, live, open: None })
    }

    /// The database's version, and the bytes of all live files.
    fn look(&mut self) -> Option<(u64, u64)> {
        let version = self.reader.data_version().ok()?;
        if self.open.as_ref().is_none_or(|(as_of, _)| *as_of != version) {
            let open = self.reader.store().open_runs().ok()?;
            let live = open.iter().map(|start| LiveRun::new(&self.live, &start.run)).collect();
            self.open = Some((version, live));
        }
        let open = self.open.iter().flat_map(|(_, open)| open);
        Some((version, open.map(LiveRun::bytes).sum()))
    }
}

/// First in, first out, between threads.
struct Queue<T> {
    waiting: Mutex<(VecDeque<T>, bool)>,
    change: Condvar,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: Mutex::new((VecDeque::new(), false)), change: Condvar::new() }
    }
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<T>, bool)> {
        // Nothing can go wrong between the two halves of a change in here.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one and drops those that nobody wants any more, so that the queue stays short.
    fn push(&self, item: T, wanted: impl Fn(&T) -> bool) {
        let mut waiting = self.lock();
        waiting.0.retain(wanted);
        waiting.0.push_back(item);
        self.change.notify_one();
    }

    /// The next one; `None` when the queue is closed and empty.
    fn pop(&self) -> Option<T> {
        self.pop_or(|| false)
    }

    /// The same; as long as nothing waits, `idle` does something else bit by bit, until it says that there is no more.
    fn pop_or(&self, mut idle: impl FnMut() -> bool) -> Option<T> {
        let mut waiting = self.lock();
        loop {
            if let Some(item) = waiting.0.pop_front() {
                return Some(item);
            }
            if waiting.1 {
                return None;
            }
            drop(waiting);
            let goes_on = idle();
            waiting = self.lock();
            if goes_on || !waiting.0.is_empty() || waiting.1 {
                continue;
            }
            waiting = self.change.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the end; true when it has come.
    fn wait(&self, time: Duration) -> bool {
        let waiting = self.lock();
        self.change.wait_timeout_while(waiting, time, |waiting| !waiting.1).unwrap_or_else(PoisonError::into_inner).0.1
    }

    fn close(&self) {
        self.lock().1 = true;
        self.change.notify_all();
    }
}
