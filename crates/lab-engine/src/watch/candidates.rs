//! Processes that may become runs.

use std::ffi::{OsStr, OsString};

use lab_exec::detect::rules::{Verdict, judge};
use lab_exec::detect::{Ancestor, Followed, Program};
use lab_exec::observe;
use lab_model::{Origin, ProcessKey, Project, RunStart, Time};

use super::follow::{NANOS_PER_MILLI, NO_LOG, Watcher, ended, rules};
use super::line::Line;
use super::observe::{Kept, Seen};
use super::projects::{WatchedRoot, watch_config};
use super::runs::End;
use crate::watched::{Span, monotonic_nanos as now_nanos};

/// With so many processes that may become runs no more snapshots are taken at once.
const BURST: usize = 16;
/// A start that the kernel gave no time for was nearly always noticed within this.
const NOTICE_NANOS: u64 = 20_000_000;

/// A process that becomes a run if it lives long enough.
pub(super) struct Candidate {
    pub process: ProcessKey,
    pub program: Program,
    pub project: Project,
    pub start: RunStart,
    pub kept: Option<Kept>,
    pub at_nanos: u64,
    pub due_nanos: u64,
    pub followed: Option<Followed>,
    pub end: End,
    pub line: Option<(i32, u64)>,
}

impl Watcher<'_> {
    /// A process runs a program, since `at`, which may be the exact time. `late_millis` is how long it ran before anybody noticed.
    pub(super) fn started(&mut self, process: &ProcessKey, at: (u64, bool), program: &Program, late_millis: u64) {
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
        let line_place = self.line_of(program, at);
        let line = line_place.map(|place| &self.lines[place]);
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
        if is_part_of_lab_run(process.pid, line) {
            return self.decide_on(process.pid, program, &project, "part", "part of a run of `lab run`");
        }
        let line = line_place.map(|place| &mut self.lines[place]);
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

    /// The line that has started a program: the last one that was told before.
    fn line_of(&self, program: &Program, (at_nanos, exact): (u64, bool)) -> Option<usize> {
        let started = |line: &Line| line.started(program, at_nanos);
        let before = |line: &Line| exact && line.at_nanos <= at_nanos && started(line);
        self.lines.iter().rposition(before).or_else(|| self.lines.iter().rposition(started))
    }

    fn is_recorded(&self, ancestor: &Ancestor) -> bool {
        let is = |key: &ProcessKey| key.pid == ancestor.pid && key.start_ticks == ancestor.start_ticks;
        self.runs.iter().any(|run| is(&run.process))
            || self.candidates.iter().any(|one| is(&one.process))
            || self.kernels.iter().any(|one| one.is_running() && is(&one.process))
    }

    /// The project of a program: that of its directory, else that of a file which it names.
    pub(super) fn project_for(&self, program: &Program) -> Option<&WatchedRoot> {
        let named = |word: &OsString| {
            let path = program.cwd.join(word);
            (word.as_encoded_bytes().contains(&b'/')).then(|| self.projects.holding(&path)).flatten()
        };
        let by_exe = || self.projects.holding(&program.exe);
        self.projects.holding(&program.cwd).or_else(by_exe).or_else(|| program.argv.iter().take(8).find_map(named))
    }
}

/// Whether `lab run` keeps it. What is typed in a shell below one is a run of its own.
fn is_part_of_lab_run(pid: i32, line: Option<&Line>) -> bool {
    let run_of = |pid| observe::variables_of(pid).remove(OsStr::new("LAB_RUN_ID"));
    let run = run_of(pid);
    run.is_some() && line.is_none_or(|line| run_of(line.shell) != run)
}
