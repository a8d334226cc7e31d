//! Lines that shells have told of: the files as of just before, and what comes of them.

use std::path::Path;

use lab_exec::detect::Program;
use lab_exec::detect::rules::{Verdict, judge};
use lab_model::{Origin, Project, Time};
use lab_workdir::config::WatchConfig;

use super::candidates::Candidate;
use super::follow::{NO_LOG, SETTLE_NANOS, Watcher, age_nanos, rules};
use super::line::{self, Line};
use super::observe::{Kept, Seen};
use super::projects::{WatchedRoot, watch_config};
use super::runs::End;
use super::shells::Shells;
use crate::run::own_key;
use crate::watched::monotonic_nanos as now_nanos;

impl Watcher<'_> {
    /// A shell is about to start a command, and waits for an answer, with a hint perhaps.
    pub fn line_starts(&mut self, line: Line, shells: &Shells) {
        self.lines.retain(|other| other.shell != line.shell || other.project.is_some());
        let (shell, sequence) = (line.shell, line.sequence);
        let watched = line.cwd.canonicalize().ok().and_then(|cwd| self.projects.holding(&cwd).cloned());
        let Some(WatchedRoot { project, root, .. }) = watched else {
            shells.answer(shell, sequence, "");
            return;
        };
        let config = watch_config(&root);
        let mut line = line.within(&project);
        if let Some(why) = line.unwanted(&config) {
            self.decide(shell, &line.command, &project, "no", &why);
            line.unwanted = Some(why);
            shells.answer(shell, sequence, "");
        } else if shells.is_waiting(shell, sequence) {
            line.kept = self.keep_before(&line, &config, shells);
        }
        self.lines.push(line);
    }

    /// The files as of just before a line; `None` when its shell has not waited for them.
    fn keep_before(&mut self, line: &Line, config: &WatchConfig, shells: &Shells) -> Option<Kept> {
        let project = line.project.clone()?;
        let reply = |hint: &str| shells.answer(line.shell, line.sequence, hint);
        let wants_hint = config.hint && line.is_simple() && self.typed_verdict(line, config).is_some();
        // When everything is in memory the shell need not wait for the disk: a snapshot as of now tells the same later.
        let secured = self.projects.watched.secure(self.engine, &project.id).ok().flatten();
        let is_early = secured.is_some() && !wants_hint;
        let mut waited = !is_early || reply("");
        let kept = self.engine.freeze_secured(&mut self.projects.watched, &project, secured).and_then(|frozen| {
            if !is_early {
                let hint = wants_hint.then(|| self.hint_for(line, &project, &frozen.kept)).flatten();
                waited = reply(&hint.unwrap_or_default());
            }
            frozen.commit(self.engine)
        });
        match kept {
            // A shell that waits no longer has started the command: what counts is when that was.
            Ok(kept) => waited.then_some(kept),
            Err(error) => {
                self.say(format_args!("the files of {} are not kept: {error}", project.name));
                reply("");
                None
            }
        }
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
    pub fn line_ends(&mut self, shell: i32, sequence: u64, exit_code: i32, at_nanos: u64) {
        let Some(line) = self.lines.iter_mut().find(|line| line.is(shell, sequence)) else { return };
        line.exit = Some((exit_code, at_nanos));
        // A loop that is behind hears of what the line has started only now.
        line.settled_nanos = now_nanos() + SETTLE_NANOS;
        if line.is_simple() && line.runs == 1 {
            let ended = line::ended_of(exit_code);
            let of = Some((shell, sequence));
            let candidates = self.candidates.iter_mut().filter(|one| one.line == of).map(|one| &mut one.end);
            let runs = self.runs.iter_mut().filter(|one| one.line == of).map(|one| &mut one.end);
            for end in candidates.chain(runs) {
                end.learn(Some(ended.clone()), at_nanos);
            }
        }
    }

    /// The children of shells that have just started a command.
    pub(super) fn look_below_shells(&mut self, now: u64) {
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

    /// A told command that is over and of which no process was seen: what was typed must do.
    pub(super) fn settle_lines(&mut self, now: u64) {
        let is_over = |line: &Line| line.exit.is_some() && now >= line.settled_nanos;
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
}
