//! What the background process knows of commands: lines that a shell told of, processes that may
//! become runs, and runs that are followed to their end.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lab_exec::detect::rules::{Rules, Verdict, judge};
use lab_exec::detect::{Ancestor, EndedProcess, Event, Followed, Program, Started};
use lab_exec::observe::{self, Observer};
use lab_exec::{Ended, Exit};
use lab_ingest::secret::Scanner;
use lab_model::{Origin, ProcessKey, Project, ProjectId, RunId, RunStart, Time};
use lab_workdir::config::WatchConfig;

use super::folders::Folders;
use super::kernels::Kernel;
use super::line::{self, Line};
use super::log::WatchLog;
use super::observe::{Kept, Seen};
use super::place::WatchPlace;
use super::projects::{Projects, WatchedRoot, watch_config};
use super::protocol::{Decision, WatchedRun};
use super::serve::Hint;
use super::work::{Close, Job, Worker};
use crate::complete::Completion;
use crate::live::{LiveRun, redacted};
use crate::run::{Payload, own_key};
use crate::snapshot::Taken;
use crate::supervise::RunSink;
use crate::watched::{Span, monotonic_nanos as now_nanos};
use crate::{Engine, Result};

/// Decisions that are remembered.
const DECISIONS: usize = 200;
/// Processes that were settled, so that a late word of them opens no second run.
const SETTLED: usize = 512;
/// With so many processes that may become runs no more snapshots are taken at once.
const BURST: usize = 16;
/// After the exit of a told command: detection may still be on its way.
const SETTLE_NANOS: u64 = 50_000_000;
/// How long an end without an exit code waits for somebody who knows it.
pub(super) const PATIENCE_NANOS: u64 = 500_000_000;
/// A start that the kernel gave no time for was nearly always noticed within this.
const NOTICE_NANOS: u64 = 20_000_000;
pub(crate) const NANOS_PER_MILLI: u64 = 1_000_000;

/// A process that becomes a run if it lives long enough.
struct Candidate {
    process: ProcessKey,
    program: Program,
    project: Project,
    start: RunStart,
    kept: Option<Kept>,
    at_nanos: u64,
    due_nanos: u64,
    followed: Option<Followed>,
    end: End,
    line: Option<(i32, u64)>,
}

/// A run that is followed.
struct Run {
    payload: Payload,
    process: ProcessKey,
    sink: RunSink,
    observer: Observer,
    completion: Option<Completion>,
    at_nanos: u64,
    followed: Option<Followed>,
    end: End,
    line: Option<(i32, u64)>,
    adopted: bool,
}

/// What is known of an end.
#[derive(Clone, Default)]
pub(super) struct End {
    pub ended: Option<Ended>,
    pub at_nanos: u64,
}

impl End {
    /// Whether there is nothing more to wait for.
    pub fn is_settled(&self, now: u64) -> bool {
        match &self.ended {
            None => false,
            Some(Ended::Unknown) => now >= self.at_nanos + PATIENCE_NANOS,
            Some(_) => true,
        }
    }

    pub fn learn(&mut self, ended: Option<Ended>, at_nanos: u64) {
        // Who is told exactly when, is told of an earlier time than who only finds it over.
        self.at_nanos = if self.ended.is_none() { at_nanos } else { self.at_nanos.min(at_nanos) };
        if self.ended.is_none() || self.ended == Some(Ended::Unknown) {
            self.ended = Some(ended.unwrap_or(Ended::Unknown));
        }
    }
}

pub(crate) struct Watcher<'a> {
    pub engine: &'a Engine,
    pub place: WatchPlace,
    pub log: WatchLog,
    pub projects: Projects,
    pub decisions: VecDeque<Decision>,
    pub worker: Worker,
    hint: Hint<'a>,
    lines: Vec<Line>,
    candidates: Vec<Candidate>,
    runs: Vec<Run>,
    pub(super) kernels: Vec<Kernel>,
    pub(super) folders: Folders,
    settled: VecDeque<(i32, u64)>,
    /// Open runs that are followed or being closed.
    handled: HashSet<RunId>,
    pub(super) scanner: Scanner,
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
            scanner: Scanner::new(),
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

    fn go_on_with(&mut self, start: RunStart, project: &Project) {
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
    fn settle(&mut self, process: &ProcessKey) {
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

    /// A shell is about to start a command. `reply` lets it go on, with a hint.
    pub fn line_starts(&mut self, line: Line, reply: &mut dyn FnMut(&str) -> bool) {
        self.lines.retain(|other| other.shell != line.shell || other.project.is_some());
        let watched = line.cwd.canonicalize().ok().and_then(|cwd| self.projects.holding(&cwd).cloned());
        let Some(WatchedRoot { project, root, .. }) = watched else {
            reply("");
            return;
        };
        let config = watch_config(&root);
        let mut line = line.within(&project);
        if let Some(why) = line.unwanted(&config) {
            self.decide(line.shell, &line.command, &project, "no", &why);
            line.unwanted = Some(why);
            self.lines.push(line);
            reply("");
            return;
        }
        let wants_hint = config.hint && line.is_simple() && self.typed_verdict(&line, &config).is_some();
        // When everything is in memory the shell need not wait for the disk: a snapshot as of now tells the same later.
        let secured = self.projects.watched.secure(self.engine, &project.id).ok().flatten();
        let is_early = secured.is_some() && !wants_hint;
        let mut waited = !is_early || reply("");
        match self.engine.freeze_secured(&mut self.projects.watched, &project, secured) {
            Ok(frozen) => {
                if !is_early {
                    let hint = wants_hint.then(|| self.hint_for(&line, &project, &frozen.kept)).flatten();
                    waited = reply(&hint.unwrap_or_default());
                }
                match frozen.commit(self.engine) {
                    // A shell that waits no longer has started the command: what counts is when that was.
                    Ok(kept) => line.kept = waited.then_some(kept),
                    Err(error) => self.say(format_args!("the files of {} are not kept: {error}", project.name)),
                }
            }
            Err(error) => {
                self.say(format_args!("the files of {} are not kept: {error}", project.name));
                if !is_early {
                    reply("");
                }
            }
        }
        self.lines.push(line);
    }

    fn hint_for(&self, line: &Line, project: &Project, kept: &Kept) -> Option<String> {
        let seen = Seen {
            origin: Origin::Hook,
            argv: line.words(),
            cwd: line.cwd.clone(),
            time: self.engine.now(),
            process: own_key(),
        };
        let start = self.engine.seen_start(&seen, project, Some(kept)).ok()?;
        let same = self.engine.same_as(&start).ok()??;
        let reader = self.engine.plain_reader().ok()?;
        Some((self.hint)(&reader, &same, self.engine.now()))
    }

    /// The program that a typed line seems to start, when that would be a run.
    fn typed_verdict(&self, line: &Line, config: &WatchConfig) -> Option<Program> {
        let project = line.project.as_ref()?;
        let program = line.program()?;
        let verdict = judge(&program, &rules(config), Path::new(&project.root), &|_| false);
        matches!(verdict, Verdict::Run { .. }).then_some(program)
    }

    /// A shell's command is over.
    pub fn line_ends(&mut self, shell: i32, sequence: u64, exit_code: i32) {
        let now = now_nanos();
        let Some(line) = self.lines.iter_mut().find(|line| line.is(shell, sequence)) else { return };
        line.exit = Some((exit_code, now));
        if line.is_simple() && line.runs == 1 {
            let ended = line::ended_of(exit_code);
            let of = Some((shell, sequence));
            let candidates = self.candidates.iter_mut().filter(|one| one.line == of).map(|one| &mut one.end);
            let runs = self.runs.iter_mut().filter(|one| one.line == of).map(|one| &mut one.end);
            for end in candidates.chain(runs) {
                end.learn(Some(ended.clone()), now);
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

    /// A process runs a program, since `at`, which may be the exact time. `late_millis` is how long it ran before anybody noticed.
    fn started(&mut self, process: &ProcessKey, at: (u64, bool), program: &Program, late_millis: u64) {
        let (at_nanos, exact) = at;
        if self.runs.iter().any(|run| run.process == *process)
            || self.settled.contains(&(process.pid, process.start_ticks))
        {
            return;
        }
        let Some(watched) = self.project_for(program) else { return };
        let (project, root) = (watched.project.clone(), watched.root.clone());
        // First of all: what is edited from now on leaves what was edited before certain.
        self.projects.watched.witness(&project.id);
        let config = watch_config(&root);
        // What was typed is looked at as the shell's own: it matters not what the shell is part of.
        let line = self.lines.iter().rev().find(|line| line.started(program, at_nanos));
        if let Some(why) = line.and_then(|line| line.unwanted.clone()) {
            // What a person does not want kept is not shown either.
            self.forget_no(process.pid);
            return self.decide(process.pid, "…", &project, "no", &why);
        }
        let typed = line.map(|line| line.below_shell(program));
        let judged = typed.as_ref().unwrap_or(program);
        let verdict = judge(judged, &rules(&config), &root, &|ancestor| self.is_recorded(ancestor));
        // It may have become another program: what is known of it stands for the new one.
        let before = self.candidates.iter().position(|one| one.process == *process);
        let before = before.map(|place| self.candidates.swap_remove(place));
        let minimum_millis = match verdict {
            Verdict::Run { minimum_millis } => minimum_millis,
            Verdict::Part { of } => {
                return self.decide_on(
                    process.pid,
                    program,
                    &project,
                    "part",
                    &format!("part of the run of process {of}"),
                );
            }
            Verdict::No(reason) => {
                let reason = self.kernel_started(process, program, &project, reason);
                return self.decide_on(process.pid, program, &project, "no", &reason.to_string());
            }
        };
        let run_id = std::ffi::OsStr::new("LAB_RUN_ID");
        if observe::variables_of(process.pid).contains_key(run_id) {
            return self.decide_on(process.pid, program, &project, "part", "part of a run of `lab run`");
        }
        let line = self.lines.iter_mut().rev().find(|line| line.started(program, at_nanos));
        let (origin, mut kept, of, is_first) = match line {
            Some(line) => {
                line.runs += u32::from(before.is_none());
                (Origin::Hook, line.kept.take(), Some((line.shell, line.sequence)), line.runs == 1)
            }
            None => (Origin::Watch, None, None, false),
        };
        kept = kept.or_else(|| before.and_then(|before| before.kept));
        let mut missing = vec![NO_LOG.to_owned()];
        if kept.is_none() && self.candidates.len() < BURST {
            let earliest_nanos = at_nanos.saturating_sub(if exact { 0 } else { NOTICE_NANOS });
            let as_of = Span { earliest_nanos, latest_nanos: at_nanos };
            kept = self
                .engine
                .keep_files(&mut self.projects.watched, &project, Some(as_of))
                .inspect_err(|error| self.say(format_args!("the files of {} are not kept: {error}", project.name)))
                .ok();
        }
        if late_millis > 0 {
            missing.push(format!("the files as of the start: noticed {} s later", late_millis.div_ceil(1000)));
        }
        let seen = Seen {
            origin,
            argv: program.argv.clone(),
            cwd: program.cwd.clone(),
            time: Time(self.engine.millis_at(at_nanos)),
            process: process.clone(),
        };
        match self.engine.seen_start(&seen, &project, kept.as_ref()) {
            Ok(mut start) => {
                start.missing.extend(missing);
                let minimum_nanos = if is_first { 0 } else { minimum_millis * NANOS_PER_MILLI };
                let mut candidate = Candidate {
                    process: process.clone(),
                    program: program.clone(),
                    project,
                    start,
                    kept,
                    at_nanos,
                    due_nanos: at_nanos + minimum_nanos,
                    followed: Followed::new(process).ok(),
                    end: End::default(),
                    line: of,
                };
                if candidate.followed.is_none() {
                    candidate.end.learn(None, now_nanos());
                }
                self.candidates.push(candidate);
            }
            Err(error) => self.decide_on(process.pid, program, &project, "no", &format!("not kept: {error}")),
        }
    }

    fn is_recorded(&self, ancestor: &Ancestor) -> bool {
        let is = |key: &ProcessKey| key.pid == ancestor.pid && key.start_ticks == ancestor.start_ticks;
        self.runs.iter().any(|run| is(&run.process))
            || self.candidates.iter().any(|one| is(&one.process))
            || self.kernels.iter().any(|one| one.is_running() && is(&one.process))
    }

    /// The project of a program: that of its directory, else that of a file which it names.
    fn project_for(&self, program: &Program) -> Option<&WatchedRoot> {
        let named = |word: &OsString| {
            let path = program.cwd.join(word);
            (word.as_encoded_bytes().contains(&b'/')).then(|| self.projects.holding(&path)).flatten()
        };
        let by_exe = || self.projects.holding(&program.exe);
        self.projects.holding(&program.cwd).or_else(by_exe).or_else(|| program.argv.iter().take(8).find_map(named))
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

    /// The children of shells that have just started a command.
    fn look_below_shells(&mut self, now: u64) {
        let mut found = Vec::new();
        for line in &mut self.lines {
            if line.unwanted.is_none() && line.look_is_due(now) {
                found.extend(line.new_programs());
            }
        }
        for (process, program) in found {
            let at_nanos = now.saturating_sub(age_nanos(&process));
            self.started(&process, (at_nanos, false), &program, 0);
        }
    }

    /// Opens the runs of processes that have lived long enough, and lets go of those that have not.
    pub fn settle_candidates(&mut self, now: u64) {
        let mut place = 0;
        while place < self.candidates.len() {
            let one = &mut self.candidates[place];
            if one.end.ended.is_none()
                && let Some(ended) = ended(one.followed.as_ref(), &one.process)
            {
                one.end.learn(Some(ended), now);
            }
            let over_at = one.end.ended.as_ref().map(|_| one.end.at_nanos);
            let is_due = over_at.unwrap_or(now) >= one.due_nanos;
            if !is_due && over_at.is_none() {
                place += 1;
                continue;
            }
            let one = self.candidates.swap_remove(place);
            self.settle(&one.process);
            if is_due {
                self.open(one);
            } else {
                let lived = one.end.at_nanos.saturating_sub(one.at_nanos) / NANOS_PER_MILLI;
                let minimum = one.due_nanos.saturating_sub(one.at_nanos) / NANOS_PER_MILLI;
                let reason = format!("ended after {lived} ms, sooner than the minimum of {minimum} ms");
                self.decide_on(one.process.pid, &one.program, &one.project, "no", &reason);
            }
        }
    }

    /// A told command that is over and of which no process was seen: what was typed must do.
    fn settle_lines(&mut self, now: u64) {
        let is_over = |line: &Line| line.exit.is_some_and(|(_, at)| now >= at + SETTLE_NANOS);
        let (over, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.lines).into_iter().partition(is_over);
        self.lines = open.into_iter().filter(Line::shell_lives).collect();
        for mut line in over.into_iter().filter(|line| line.runs == 0 && line.unwanted.is_none()) {
            let (Some(project), Some((exit_code, at_nanos))) = (line.project.clone(), line.exit) else { continue };
            let config = watch_config(Path::new(&project.root));
            let Some(program) = self.typed_verdict(&line, &config) else {
                self.decide(line.shell, &line.command, &project, "no", "it started nothing that is a run");
                continue;
            };
            let process = lab_exec::process_key(line.shell).unwrap_or_else(own_key);
            let seen = Seen {
                origin: Origin::Hook,
                argv: program.argv.clone(),
                cwd: line.cwd.clone(),
                time: Time(self.engine.millis_at(line.at_nanos)),
                process: process.clone(),
            };
            let kept = line.kept.take();
            let Ok(mut start) = self.engine.seen_start(&seen, &project, kept.as_ref()) else { continue };
            start.missing.extend([NO_LOG.to_owned(), "its process: it was over too soon to be looked at".to_owned()]);
            self.open(Candidate {
                process,
                program,
                project,
                start,
                kept,
                at_nanos: line.at_nanos,
                due_nanos: 0,
                followed: None,
                end: End { ended: Some(line::ended_of(exit_code)), at_nanos },
                line: Some((line.shell, line.sequence)),
            });
        }
    }

    fn open(&mut self, one: Candidate) {
        let Candidate { process, program, project, mut start, kept, at_nanos, end, line, followed, .. } = one;
        // A watcher that was killed just after it had kept this very run could not tell.
        let is_same = |(start, _): &(RunStart, Project)| start.supervisor == process && line.is_none();
        let kept_before = self.engine.living_seen_runs().ok().and_then(|open| open.into_iter().find(is_same));
        if let Some((start, project)) = kept_before {
            return self.go_on_with(start, &project);
        }
        let kept = kept.or_else(|| {
            let late = now_nanos().saturating_sub(at_nanos) / NANOS_PER_MILLI;
            start.missing.push(format!("the files as of the start: kept {late} ms later, in a burst of starts"));
            self.engine.keep_files(&mut self.projects.watched, &project, None).ok()
        });
        let taken = kept.map(|kept| kept.taken);
        start.snapshot = taken.as_ref().map(|taken| taken.id);
        let completion = taken.as_ref().map(Taken::sampled);
        let payload = match self.engine.open_seen(start, &project, taken.as_ref()) {
            Ok(payload) => payload,
            Err(error) => {
                self.say(format_args!("a run is not kept: {error}"));
                return self.decide_on(process.pid, &program, &project, "no", &format!("not kept: {error}"));
            }
        };
        let live = LiveRun::new(&self.engine.notebook.live_dir(), &payload.start.run);
        let completion = completion.map(|files| Completion::start(Path::new(&project.root), files, live.hashed_file()));
        self.decide_on(process.pid, &program, &project, "run", &payload.start.name);
        self.say(format_args!("{} started as process {}", payload.start.name, process.pid));
        let mut variables = observe::variables_of(process.pid);
        if variables.is_empty() {
            variables.clone_from(&self.engine.config.variables);
        }
        let facts = Job::Facts { payload: Box::new(payload.clone()), argv: program.argv, cwd: program.cwd, variables };
        self.worker.add(facts);
        self.follow(payload, process, at_nanos, followed, line, false);
        let run = self.runs.last_mut().expect("because it was pushed just now");
        run.completion = completion;
        if end.ended.is_some() {
            run.end = end;
        }
    }

    fn follow(
        &mut self,
        payload: Payload,
        process: ProcessKey,
        at_nanos: u64,
        followed: Option<Followed>,
        line: Option<(i32, u64)>,
        adopted: bool,
    ) {
        let millis = now_nanos().saturating_sub(at_nanos) / NANOS_PER_MILLI;
        self.handled.insert(payload.start.run.clone());
        self.runs.push(Run {
            sink: RunSink::open(self.engine, Some(&payload), Some(process.pid)),
            observer: Observer::new(process.pid, millis),
            followed: followed.or_else(|| Followed::new(&process).ok()),
            payload,
            process,
            completion: None,
            at_nanos,
            end: End::default(),
            line,
            adopted,
        });
    }

    fn close(&mut self, run: Run) {
        let Run { payload, sink, observer, completion, at_nanos, end, adopted, .. } = run;
        let ended = end.ended.unwrap_or(Ended::Unknown);
        let mut missing = vec!["what it used after it was last looked at".to_owned()];
        if adopted {
            missing.push("what it used while no watcher ran".to_owned());
        }
        if ended == Ended::Unknown {
            missing.push("how it ended: nobody was told".to_owned());
        }
        let exit = Exit {
            ended,
            usage: observer.usage().clone(),
            duration_millis: end.at_nanos.saturating_sub(at_nanos) / NANOS_PER_MILLI,
            output_closed: false,
            lost_output_bytes: 0,
            left_behind: false,
        };
        self.worker.add(Job::Close(Box::new(Close { payload, sink, exit, missing, completion })));
    }

    /// When [`Watcher::work`] has something to do at the latest.
    pub fn due_nanos(&self) -> Option<u64> {
        let candidates = self.candidates.iter().map(|one| one.due_nanos);
        let samples = self.runs.iter().map(|run| match run.end.ended {
            None => run.at_nanos + run.observer.next_millis() * NANOS_PER_MILLI,
            Some(_) => run.end.at_nanos + PATIENCE_NANOS,
        });
        let lines = self.lines.iter().filter_map(|line| match line.exit {
            Some((_, at)) => Some(at + SETTLE_NANOS),
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

    pub(super) fn decide_on(&mut self, pid: i32, program: &Program, project: &Project, verdict: &str, reason: &str) {
        let words: Vec<_> = program.argv.iter().map(|word| word.to_string_lossy()).collect();
        if verdict == "no" {
            self.forget_no(pid);
        }
        self.decide(pid, &words.join(" "), project, verdict, reason);
    }

    /// A process that becomes one program after the other, as launchers do, has one decision: the last. A shell has one
    /// for each line.
    fn forget_no(&mut self, pid: i32) {
        let is_same = |other: &Decision| other.pid == pid && other.verdict == "no";
        if let Some(place) = self.decisions.iter().take(DECISIONS / 4).position(is_same) {
            self.decisions.remove(place);
        }
    }

    pub(super) fn decide(&mut self, pid: i32, command: &str, project: &Project, verdict: &str, reason: &str) {
        let key = self.engine.seal_key().ok();
        let short: String = command.chars().take(500).collect();
        let hide =
            |secret: &str, rule: &str| key.map_or_else(|| format!("[{rule}]"), |key| redacted(key, secret, rule));
        let command = self.scanner.redact(&short, &mut |secret, rule| hide(secret, rule)).into_owned();
        if self.decisions.len() >= DECISIONS {
            self.decisions.pop_back();
        }
        self.decisions.push_front(Decision {
            time: self.engine.now(),
            pid,
            command,
            project: project.name.clone(),
            verdict: verdict.to_owned(),
            reason: reason.to_owned(),
        });
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

fn rules(config: &WatchConfig) -> Rules {
    Rules { run: config.run.clone(), ignore: config.ignore.clone(), minimum_millis: config.minimum_millis }
}

fn nanos(clock: rustix::time::ClockId) -> u64 {
    let now = rustix::time::clock_gettime(clock);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// How long ago a process started.
fn age_nanos(process: &ProcessKey) -> u64 {
    let started = process.start_ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1));
    nanos(rustix::time::ClockId::Boottime).saturating_sub(started)
}

/// What a told line is made from.
pub(crate) fn told(shell: i32, sequence: u64, cwd: PathBuf, command: String) -> Line {
    Line::new(shell, sequence, cwd, command, now_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_time_of_an_end_counts_also_when_it_is_heard_last() {
        let mut end = End::default();
        end.learn(None, 900);
        end.learn(Some(Ended::Exited(3)), 20);
        end.learn(Some(Ended::Exited(4)), 950);
        assert_eq!((end.ended, end.at_nanos), (Some(Ended::Exited(3)), 20));
    }
}
