//! What is under way, and what happens when it is over.

use lab_engine::{Command, Done, Job};

use super::{Effect, Notice, Request, Route, Session};
use crate::{ActionId, Line, Tone, format, reports};

/// What is to happen when a command is done.
#[derive(Clone, PartialEq, Debug)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// This is said.
    Say(String),
    /// A plan is carried out at once; the state before it is kept, so it can be taken back.
    Apply,
    /// A plan is shown.
    Show,
    /// The project is entered.
    Enter,
    /// Runs were removed; it is said, with a way back.
    Removed(Vec<lab_model::RunId>),
    /// The files are opened in the system's file manager.
    Open,
}

/// A piece of work under way.
pub struct Running {
    /// What is being done.
    pub label: &'static str,
    job: Job,
    then: Then,
}

impl Running {
    /// How much is done, of how much; the second is 0 while nobody knows.
    pub fn progress(&self) -> (u64, u64) {
        self.job.progress.get()
    }

    pub(super) fn cancel(&self) {
        self.job.progress.cancel();
    }
}

impl Session {
    pub(super) fn command(&mut self, command: Command, then: Then) {
        let label = command.label();
        self.jobs.push(Running { label, job: self.background.write(command), then });
    }

    /// Takes in what is done. True when anything is.
    pub(super) fn poll_jobs(&mut self) -> bool {
        let mut over = Vec::new();
        self.jobs.retain_mut(|running| match running.job.poll() {
            Some(done) => {
                over.push((done, std::mem::replace(&mut running.then, Then::Nothing)));
                false
            }
            None => true,
        });
        let changed = !over.is_empty();
        for (done, then) in over {
            match done {
                Ok(done) => self.done(done, then),
                Err(error) => self.complain(&error),
            }
        }
        changed
    }

    fn done(&mut self, done: Done, then: Then) {
        match (done, then) {
            (Done::Planned(plan), Then::Apply) => {
                let steps = plan.plan.steps.len();
                if steps == 0 && plan.plan.root.is_none() {
                    self.say(Line::of("The files are so already", Tone::Plain));
                } else {
                    self.command(Command::Apply(plan), Then::Nothing);
                }
            }
            (Done::Planned(plan), _) => self.planned(*plan),
            (Done::Restored(plan, outcome), _) => {
                let page = crate::restore::done(&outcome, &plan, &self.state_name(&plan));
                let is_undo = plan.kind == lab_model::RestoreKind::Undo;
                let action = Some(if is_undo { ActionId::Redo } else { ActionId::Undo });
                let mut line = page.headline;
                // What to type next is for the command line; here it is the action.
                line.0.pop();
                let hint: Vec<_> = page.left.rows.iter().map(|row| row.cells[0].text.as_str()).collect();
                self.notices.push(Notice {
                    line,
                    hint: (!hint.is_empty()).then(|| hint.join("\n")),
                    sticky: !outcome.conflicts.is_empty() || !outcome.left.is_empty(),
                    action,
                    since: self.now.now.0,
                });
            }
            (Done::Copied(path), _) => self.apply(vec![Effect::Request(Request::EditCopy(path))]),
            (Done::Written(path, written), then) => {
                let files = format::count(written.files, "file");
                let shown = lab_model::display_bytes(path.to_string_lossy().as_bytes());
                let line =
                    Line::of(format!("{files}, {} written to {shown}", format::bytes(written.bytes)), Tone::Good);
                self.say(line);
                if !written.unrestorable.is_empty() {
                    let count = format::count(written.unrestorable.len() as u64, "file");
                    self.say(Line::of(format!("{count} could not be brought back"), Tone::Warn));
                }
                if then == Then::Open {
                    self.apply(vec![Effect::Request(Request::Open(path))]);
                }
            }
            (Done::Project(project, new), _) => {
                let name = lab_model::display_bytes(project.name.as_bytes());
                let words = if new { "is a project now" } else { "is a project already" };
                self.say(Line::of(format!("{name} {words}"), Tone::Good));
                self.enter(Some(*project));
                self.go(Route::Runs);
            }
            (Done::Verified(report, deep), _) => self.say_sticky(reports::verify(&report, deep).headline),
            (Done::Rebuilt(report), _) => self.say_sticky(reports::rebuild(&report).headline),
            (Done::Collected(report), _) => self.say_sticky(reports::gc(&report, false).headline),
            (Done::Nothing, Then::Say(words)) => self.say(Line::of(words, Tone::Good)),
            (Done::Nothing, Then::Removed(runs)) => {
                let words = format!("{} removed", format::count(runs.len() as u64, "run"));
                self.removed = runs;
                let (line, action) = (Line::of(words, Tone::Plain), Some(ActionId::Unremove));
                self.notices.push(Notice { line, hint: None, sticky: false, action, since: self.now.now.0 });
            }
            (Done::Nothing, _) => {}
        }
    }

    fn say_sticky(&mut self, line: Line) {
        self.notices.push(Notice { line, hint: None, sticky: true, action: None, since: self.now.now.0 });
    }
}
