//! Runs that are followed to their end.

use std::path::Path;

use lab_exec::detect::Followed;
use lab_exec::observe::{self, Observer};
use lab_exec::{Ended, Exit};
use lab_model::{ProcessKey, Project, RunStart};

use super::candidates::Candidate;
use super::follow::{NANOS_PER_MILLI, Watcher};
use super::work::{Close, Job};
use crate::complete::Completion;
use crate::live::LiveRun;
use crate::run::Payload;
use crate::snapshot::Taken;
use crate::supervise::{AtEnd, RunSink};
use crate::watched::monotonic_nanos as now_nanos;

/// How long an end without an exit code waits for somebody who knows it.
pub(super) const PATIENCE_NANOS: u64 = 500_000_000;

/// A run that is followed.
pub(super) struct Run {
    pub payload: Payload,
    pub process: ProcessKey,
    pub sink: RunSink,
    pub observer: Observer,
    pub completion: Option<Completion>,
    pub at_nanos: u64,
    pub followed: Option<Followed>,
    pub end: End,
    pub line: Option<(i32, u64)>,
    pub adopted: bool,
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

impl Watcher<'_> {
    pub(super) fn open(&mut self, one: Candidate) {
        let Candidate { process, program, project, mut start, kept, at_nanos, end, line, followed, .. } = one;
        // A watcher that was killed just after it had kept this very run could not tell.
        let is_same = |(start, _): &(RunStart, Project)| start.supervisor == process && line.is_none();
        let is_older = at_nanos < self.began_nanos;
        let open = if is_older { self.engine.living_seen_runs().unwrap_or_default() } else { Vec::new() };
        let kept_before = open.into_iter().find(is_same);
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

    pub(super) fn follow(
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
            sink: RunSink::open(self.engine, Some(&payload), Some(process.pid), &self.walks),
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

    pub(super) fn close(&mut self, run: Run) {
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
        self.hand_over(Close { payload, sink, exit, end: AtEnd { missing, files: None }, completion });
    }

    /// Closes a run beside the loop, with the files as they are now: what the next run writes is not this one's.
    pub(super) fn hand_over(&mut self, mut close: Close) {
        // While somebody edits, the loop leaves the listing to the worker: what starts meanwhile must not wait for it. Only
        // of many ends at once not each can be scanned for.
        if self.worker.is_behind() || !self.projects.watched.listener().has_hurried(now_nanos()) {
            close.end.files = self.projects.watched.list(self.engine, &close.payload.project.id).ok().flatten();
        }
        self.worker.add(Job::Close(Box::new(close)));
    }
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
