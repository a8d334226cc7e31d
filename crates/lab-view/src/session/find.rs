//! Finding, going on to the next match, looking at files: what differs from place to place.

use std::path::PathBuf;

use lab_engine::{Command, RestoreTarget};
use lab_model::{RelPath, RunId};

use super::{Action, Dialog, Purpose, Route, Session, Then};
use crate::list::Motion;
use crate::screens::charts::ChartsAction;
use crate::screens::compare::CompareAction;
use crate::screens::run::{Part, RunAction, RunScreen};

impl Session {
    /// Whether the log of a run is shown.
    pub fn in_log(&self) -> bool {
        matches!(self.route(), Route::Run(_)) && self.run.screen.part == Part::Log
    }

    /// The file of a run that is under the cursor.
    pub fn file(&self) -> Option<(RunId, RelPath)> {
        let Route::Run(run) = self.route() else { return None };
        let path = self.run_parts.file.screen.path().filter(|_| self.run.screen.part == Part::Files)?;
        Some((run.clone(), path.clone()))
    }

    pub(super) fn ask_find(&mut self) {
        let (title, text, hint) = match self.route() {
            Route::Charts(_) => ("Which metrics", &self.charts.screen.filter, "words in their names; empty shows all"),
            Route::Run(_) => ("Find in the log", &self.run_parts.hits.screen.words, "n and N go on; empty ends it"),
            _ => ("Search all runs", &self.search.screen.words, "in code, config, data, logs and notes"),
        };
        let dialog = Dialog::ask(Purpose::Find, title, &text.clone(), hint);
        self.open(dialog);
    }

    pub(super) fn find(&mut self, words: String) {
        match self.route() {
            Route::Charts(_) => self.act(Action::Charts(ChartsAction::Filter(words))),
            Route::Run(_) => self.run_parts.find(words),
            _ => self.search.screen.look_for(words),
        }
    }

    pub(super) fn find_next(&mut self, by: i64) {
        match self.route() {
            Route::Compare(_) => self.act(Action::Compare(CompareAction::Change(by))),
            Route::Run(_) => self.run_parts.next_hit(by),
            Route::Restore(_) => self.restore.screen.diff.go(Motion::Page(by)),
            _ => {}
        }
    }

    /// Opens the run that has the found line, at that line.
    pub(super) fn open_hit(&mut self) {
        let place = self.search.screen.cursor.row;
        let Some(hit) = self.search.page().and_then(|page| page.hits.get(place)).cloned() else { return };
        let words = self.search.screen.words.clone();
        // Even when the same run was looked at before: it is opened at another place now.
        self.run.screen = RunScreen::default();
        self.run_parts.reset();
        self.go(Route::Run(hit.run.clone()));
        self.run.screen.part = hit.part;
        self.run_parts.enter(&hit.run, None, 0);
        match hit.part {
            Part::Log => {
                self.run_parts.hits.screen.words = words;
                self.run_parts.log.screen.show(hit.line);
            }
            Part::Files => {
                self.run.screen.wanted = Some(hit.path);
                self.run.screen.full = true;
                self.run_parts.file.screen.at = Some(hit.line);
            }
            Part::Overview | Part::Environment => {}
        }
        self.run.settle();
    }

    /// Opens a copy of the file under the cursor: the original is what is in the notebook, and stays.
    pub(super) fn edit_copy(&mut self) {
        let Some((run, path)) = self.file() else { return };
        let folder = PathBuf::from(self.config().variable("TMPDIR").unwrap_or("/tmp"));
        let destination = folder.join(format!("lab-{}-{}", &run.as_str()[..4], self.moment().now.0));
        let target = RestoreTarget::Run(run);
        let command = Command::RestoreTo { target, end_state: false, paths: vec![path.clone()], destination };
        self.command(command, Then::Edit(path));
    }

    /// Closes what lies on top within a place: a file or chart that fills it, a search, a reading line. False when
    /// there is nothing.
    pub(super) fn close_inner(&mut self) -> bool {
        match self.route() {
            Route::Run(_) if self.run.screen.full => self.act(Action::Run(RunAction::Full(false))),
            Route::Run(_) if self.in_log() && !self.run_parts.hits.screen.words.is_empty() => {
                self.run_parts.find(String::new());
            }
            Route::Charts(_) if self.charts.screen.reading.is_some() => self.charts.screen.reading = None,
            Route::Charts(_) if self.charts.screen.alone => self.charts.screen.alone = false,
            Route::Charts(_) if !self.charts.screen.filter.is_empty() => {
                self.act(Action::Charts(ChartsAction::Filter(String::new())));
            }
            _ => return false,
        }
        true
    }
}
