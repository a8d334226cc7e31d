//! What the background process knows of commands: lines that a shell told of, processes that may
//! become runs, and runs that are followed to their end.

use std::collections::{HashSet, VecDeque};

use lab_exec::Ended;
use lab_exec::detect::rules::Rules;
use lab_exec::detect::{EndedProcess, Event, Followed, Started};
use lab_exec::observe;
use lab_ingest::secret::Scanner;
use lab_model::{ProcessKey, Project, ProjectId, RunId, RunStart};
use lab_workdir::config::WatchConfig;

use super::candidates::Candidate;
use super::folders::Folders;
use super::kernels::Kernel;
use super::line::Line;
use super::log::WatchLog;
use super::place::WatchPlace;
use super::projects::Projects;
use super::protocol::{Decision, WatchedRun};
use super::runs::{End, PATIENCE_NANOS, Run};
use super::serve::Hint;
use super::work::Worker;
use crate::follow::Walks;
use crate::live::LiveRun;
use crate::run::own_key;
use crate::watched::monotonic_nanos as now_nanos;
use crate::{Engine, Result};

/// Processes that were settled, so that a late word of them opens no second run.
const SETTLED: usize = 512;
/// After the exit of a told command: detection may still be on its way.
pub(super) const SETTLE_NANOS: u64 = 50_000_000;
pub(crate) const NANOS_PER_MILLI: u64 = 1_000_000;

pub(crate) struct Watcher<'a> {
    pub engine: &'a Engine,
    pub place: WatchPlace,
    pub log: WatchLog,
    pub projects: Projects,
    pub decisions: VecDeque<Decision>,
    pub worker: Worker,
    pub(super) hint: Hint<'a>,
    pub(super) lines: Vec<Line>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) runs: Vec<Run>,
    pub(super) kernels: Vec<Kernel>,
    pub(super) folders: Folders,
    pub(super) settled: VecDeque<(i32, u64)>,
    /// Open runs that are followed or being closed.
    pub(super) handled: HashSet<RunId>,
    pub(super) walks: Walks,
    pub(super) scanner: Scanner,
    /// When this process began to watch.
    pub(super) began_nanos: u64,
}

impl<'a> Watcher<'a> {
    pub fn new(engine: &'a Engine, place: WatchPlace, hint: Hint<'a>) -> Result<Self> {
        let log = WatchLog::new(place.log());
        let worker = Worker::start(engine.config.clone(), log.clone())?;
        let mut watcher = Self {
            engine,
            place,
            log,
            projects: Projects::default(),
            decisions: VecDeque::new(),
            worker,
            hint,
            lines: Vec::new(),
            candidates: Vec::new(),
            runs: Vec::new(),
            kernels: Vec::new(),
            folders: Folders::default(),
            settled: VecDeque::new(),
            handled: HashSet::new(),
            walks: Walks::default(),
            scanner: Scanner::new(),
            began_nanos: now_nanos(),
        };
        watcher.refresh();
        watcher.adopt();
        Ok(watcher)
    }

    pub fn say(&self, words: impl std::fmt::Display) {
        self.log.line(self.engine.now(), words);
    }

    /// Reads the list of projects anew.
    pub fn refresh(&mut self) {
        match self.projects.refresh(self.engine, &self.place) {
            Ok(said) => said.iter().for_each(|words| self.say(words)),
            Err(error) => self.say(format_args!("the projects cannot be read: {error}")),
        }
    }

    /// Goes on with runs that nobody follows: those of a watcher that is gone. False when it is to be tried again.
    pub fn adopt(&mut self) -> bool {
        let found = match self.engine.living_seen_runs() {
            Ok(found) => found,
            Err(error) => {
                self.say(format_args!("open runs cannot be read: {error}"));
                return false;
            }
        };
        self.handled.retain(|run| found.iter().any(|(start, _)| start.run == *run));
        for (start, project) in
            found.iter().filter(|(start, _)| !self.handled.contains(&start.run)).cloned().collect::<Vec<_>>()
        {
            self.go_on_with(start, &project);
        }
        found.iter().all(|(start, _)| self.handled.contains(&start.run))
    }

    pub(super) fn go_on_with(&mut self, start: RunStart, project: &Project) {
        let now = now_nanos();
        let age_millis = u64::try_from(self.engine.now().0 - start.time.0).unwrap_or(0);
        let live = LiveRun::new(&self.engine.notebook.live_dir(), &start.run);
        let adopted = live.adopt(&own_key()).and_then(|()| self.engine.payload_of(start, project));
        match adopted {
            Ok(payload) => {
                self.say(format_args!("goes on with {}", payload.start.name));
                let at_nanos = now.saturating_sub(age_millis * NANOS_PER_MILLI);
                let process = payload.start.supervisor.clone();
                self.settle(&process);
                self.follow(payload, process, at_nanos, None, None, true);
            }
            Err(error) => self.say(format_args!("cannot go on with a run: {error}")),
        }
    }

    /// No second run is opened for this process.
    pub(super) fn settle(&mut self, process: &ProcessKey) {
        self.settled.push_back((process.pid, process.start_ticks));
        if self.settled.len() > SETTLED {
            self.settled.pop_front();
        }
    }

    /// Processes that run already when starts are noticed for the first time.
    pub fn look_around(&mut self) {
        let own = own_key().pid;
        for pid in observe::own_processes() {
            if pid != own
                && let Some((process, program)) = observe::program_of(pid)
                && self.project_for(&program).is_some()
            {
                let age_nanos = age_nanos(&process);
                let at_nanos = now_nanos().saturating_sub(age_nanos);
                self.started(&process, (at_nanos, true), &program, age_nanos / NANOS_PER_MILLI);
            }
        }
    }

    /// What the detector tells.
    pub fn event(&mut self, event: Event) {
        match event {
            Event::Started(Started { process, at_nanos, exact, program: Some(program), .. }) => {
                self.started(&process, (at_nanos, exact), &program, 0);
            }
            Event::Started(_) => {}
            Event::Ended(EndedProcess { pid, start_ticks, at_nanos, ended }) => {
                let is = |key: &ProcessKey| key.pid == pid && start_ticks.is_none_or(|ticks| ticks == key.start_ticks);
                let candidates = self.candidates.iter_mut().filter(|one| is(&one.process)).map(|one| &mut one.end);
                let runs = self.runs.iter_mut().filter(|one| is(&one.process)).map(|one| &mut one.end);
                let kernels = self.kernels.iter_mut().filter(|one| is(&one.process)).map(|one| &mut one.end);
                for end in candidates.chain(runs).chain(kernels) {
                    end.learn(ended.clone(), at_nanos);
                }
            }
            Event::Gap { .. } => self.say("events of starts were lost; everything that lives was looked at"),
        }
    }

    /// Does what is due.
    pub fn work(&mut self) {
        let now = now_nanos();
        self.look_below_shells(now);
        self.settle_candidates(now);
        self.settle_lines(now);
        for run in &mut self.runs {
            let millis = now.saturating_sub(run.at_nanos) / NANOS_PER_MILLI;
            if run.end.ended.is_none()
                && run.observer.next_millis() <= millis
                && let Some(sample) = run.observer.sample(millis)
            {
                run.sink.observed(&sample, millis);
            }
            if run.end.ended.is_none()
                && let Some(ended) = ended(run.followed.as_ref(), &run.process)
            {
                run.end.learn(Some(ended), now);
            }
        }
        let mut place = 0;
        while place < self.runs.len() {
            if self.runs[place].end.is_settled(now) {
                let run = self.runs.swap_remove(place);
                self.close(run);
            } else {
                place += 1;
            }
        }
        self.work_kernels(now);
        self.work_folders(now);
        self.worker.push();
    }

    /// When [`Watcher::work`] has something to do at the latest.
    pub fn due_nanos(&self) -> Option<u64> {
        let candidates = self.candidates.iter().map(|one| one.due_nanos);
        let samples = self.runs.iter().map(|run| match run.end.ended {
            None => run.at_nanos + run.observer.next_millis() * NANOS_PER_MILLI,
            Some(_) => run.end.at_nanos + PATIENCE_NANOS,
        });
        let lines = self.lines.iter().filter_map(|line| match line.exit {
            Some(_) => Some(line.settled_nanos),
            None => line.next_look(),
        });
        let kernels = self.kernels.iter().filter_map(Kernel::due_nanos);
        candidates.chain(samples).chain(lines).chain(kernels).chain(self.folders_due_nanos()).min()
    }

    /// The processes whose end is waited for.
    pub fn followed(&self) -> impl Iterator<Item = &Followed> {
        let waiting = |end: &End| end.ended.is_none();
        let candidates = self.candidates.iter().filter(move |one| waiting(&one.end)).map(|one| &one.followed);
        let runs = self.runs.iter().filter(move |one| waiting(&one.end)).map(|one| &one.followed);
        candidates.chain(runs).filter_map(Option::as_ref)
    }

    /// Whether nothing starts or is about to be kept.
    pub fn is_idle(&self) -> bool {
        self.candidates.is_empty() && self.lines.is_empty()
    }

    /// Whether a process is a run of this project, or may become one.
    pub(super) fn is_anything_open(&self, project: &ProjectId) -> bool {
        self.runs.iter().any(|run| run.payload.project.id == *project)
            || self.candidates.iter().any(|one| one.project.id == *project)
            || self.kernels.iter().any(|kernel| kernel.is_running_in(project))
            || self.lines.iter().any(|line| line.project.as_ref().is_some_and(|of| of.id == *project))
    }

    /// The runs that are followed.
    pub fn running(&self) -> Vec<WatchedRun> {
        let told = |run: &Run| WatchedRun {
            run: run.payload.start.run.clone(),
            name: run.payload.start.name.clone(),
            pid: run.process.pid,
        };
        let kernels = self.kernels.iter().filter_map(Kernel::running);
        self.runs.iter().map(told).chain(kernels).chain(self.folder_runs()).collect()
    }
}

/// Said of every run whose terminal `lab` does not hold.
pub(super) const NO_LOG: &str = "what it printed: only `lab run` sees that";

/// How a process ended; `None` while it runs.
pub(super) fn ended(followed: Option<&Followed>, process: &ProcessKey) -> Option<Ended> {
    match followed {
        Some(followed) => followed.ended(),
        None => (!lab_exec::is_alive(process)).then_some(Ended::Unknown),
    }
}

pub(super) fn rules(config: &WatchConfig) -> Rules {
    Rules { run: config.run.clone(), ignore: config.ignore.clone(), minimum_millis: config.minimum_millis }
}

fn nanos(clock: rustix::time::ClockId) -> u64 {
    let now = rustix::time::clock_gettime(clock);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// How long ago a process started.
pub(super) fn age_nanos(process: &ProcessKey) -> u64 {
    let started = process.start_ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1));
    nanos(rustix::time::ClockId::Boottime).saturating_sub(started)
}
