//! What takes long and must not keep the loop from its starts: one thread, one job after the other.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use lab_exec::Exit;

use super::log::WatchLog;
use crate::complete::Completion;
use crate::run::{FactsOf, Payload};
use crate::supervise::{AtEnd, RunSink, finish_with};
use crate::{Engine, EngineConfig, Error, ErrorKind, Result};

/// Jobs in the channel; more wait in [`Worker::waiting`].
const QUEUE: usize = 64;
/// With more jobs than those of two runs the thread is behind.
const BEHIND: usize = 4;

pub(crate) enum Job {
    /// Gather what a run stands on.
    Facts { payload: Box<Payload>, argv: Vec<OsString>, cwd: PathBuf, variables: BTreeMap<OsString, OsString> },
    /// Scan again and write the end.
    Close(Box<Close>),
}

/// A run that is over.
pub(crate) struct Close {
    pub payload: Payload,
    pub sink: RunSink,
    pub exit: Exit,
    pub end: AtEnd,
    pub completion: Option<Completion>,
}

/// The helping thread.
pub(crate) struct Worker {
    jobs: Option<SyncSender<Job>>,
    waiting: VecDeque<Job>,
    /// Jobs that are not done.
    left: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub fn start(config: EngineConfig, log: WatchLog) -> Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(QUEUE);
        let left = Arc::new(AtomicUsize::new(0));
        let undone = Arc::clone(&left);
        let work = move || {
            // One look at the index per job would do; kept open it is faster, and `None` after a failure.
            let mut engine = None;
            for job in queue {
                if engine.is_none() {
                    engine = Engine::open_existing(config.clone())
                        .inspect_err(|error| log.line(config.clock.now(), format_args!("no notebook: {error}")))
                        .ok();
                }
                if let Some(engine) = &engine {
                    for words in carry_out(engine, job) {
                        log.line(engine.now(), words);
                    }
                }
                undone.fetch_sub(1, Ordering::Relaxed);
            }
        };
        let thread = std::thread::Builder::new()
            .name("lab-watch-work".to_owned())
            .spawn(work)
            .map_err(|error| Error::new(ErrorKind::Bug, "Could not start a thread").because(error))?;
        Ok(Self { jobs: Some(jobs), waiting: VecDeque::new(), left, thread: Some(thread) })
    }

    /// Hands a job over; never waits.
    pub fn add(&mut self, job: Job) {
        self.left.fetch_add(1, Ordering::Relaxed);
        self.waiting.push_back(job);
        self.push();
    }

    /// Whether more is to be done than can be done soon.
    pub fn is_behind(&self) -> bool {
        self.left.load(Ordering::Relaxed) > BEHIND
    }

    /// Hands over what waits. True when nothing waits any more.
    pub fn push(&mut self) -> bool {
        while let (Some(job), Some(jobs)) = (self.waiting.pop_front(), &self.jobs) {
            match jobs.try_send(job) {
                Ok(()) => {}
                Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                    self.waiting.push_front(job);
                    return false;
                }
            }
        }
        true
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(jobs) = self.jobs.take() {
            for job in self.waiting.drain(..) {
                if jobs.send(job).is_err() {
                    break;
                }
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry_out(engine: &Engine, job: Job) -> Vec<String> {
    match job {
        Job::Facts { payload, argv, cwd, variables } => {
            let of = FactsOf { argv: &argv, cwd: &cwd, variables: &variables };
            match engine.keep_facts(of, &payload) {
                Ok(()) => Vec::new(),
                Err(error) => vec![format!("the environment of {} is not kept: {error}", payload.start.name)],
            }
        }
        Job::Close(close) => {
            let Close { payload, sink, exit, end, completion } = *close;
            drop(completion);
            let warnings = finish_with(engine, &payload, sink, &exit, end);
            // The scan at the end may have been a large one.
            lab_exec::observe::release_memory();
            let name = &payload.start.name;
            let told = std::iter::once(format!("{name} ended with {}", exit.code()));
            told.chain(warnings.into_iter().map(|warning| format!("{name}: {warning}"))).collect()
        }
    }
}
