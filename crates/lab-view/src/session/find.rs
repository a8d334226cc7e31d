//! Finding, going on to the next match, looking at files: what differs from place to place.

use lab_engine::Command;
use lab_model::{RelPath, RunId};

use super::{Action, Dialog, Purpose, Route, Session, Then};
use crate::diff::{Diff, Span};
use crate::list::Motion;
use crate::screens::charts::ChartsAction;
use crate::screens::compare::CompareAction;
use crate::screens::run::{Part, RunAction, RunScreen};
use crate::{Block, Blocks};

impl Session {
    /// Whether the log of a run is shown.
    pub fn in_log(&self) -> bool {
        matches!(self.route(), Route::Run(_)) && self.run.screen.part == Part::Log
    }

    /// Whether lines are shown that may be longer than the screen is wide.
    pub fn in_text(&self) -> bool {
        let screen = &self.run.screen;
        match self.route() {
            Route::Run(_) => self.in_log() || screen.part == Part::Files && screen.full,
            Route::Compare(_) => true,
            _ => false,
        }
    }

    /// Shows what lies further right, or left when negative, as long as any line goes on there.
    pub(super) fn go_aside(&mut self, by: i64) {
        const STEP: usize = 20;
        let columns = |spans: &[Span]| spans.iter().map(|span| span.text.chars().count()).sum::<usize>();
        let of_diff = |diff: &Diff| {
            let lines = diff.hunks.iter().flat_map(|hunk| &hunk.lines);
            lines.map(|line| columns(&line.spans)).max().unwrap_or(0)
        };
        let in_log = self.in_log();
        let (aside, longest) = match self.route.last() {
            Some(Route::Compare(_)) => {
                let sections = self.compare.page().map(Blocks::blocks).unwrap_or_default();
                let diffs = sections.iter().filter_map(|section| match section.block {
                    Block::Diff(diff) => Some(of_diff(diff)),
                    _ => None,
                });
                let longest = diffs.max();
                (&mut self.compare.screen.aside, longest)
            }
            Some(Route::Run(_)) if in_log => {
                let lines = self.run_parts.log.page().into_iter().flat_map(|page| &page.window.lines);
                let longest = lines.map(|line| line.text.chars().count()).max();
                (&mut self.run_parts.log.screen.aside, longest)
            }
            _ => {
                let page = self.run_parts.file.page();
                let lines = page.into_iter().flat_map(|page| &page.lines).map(|line| columns(line));
                let longest = lines.chain(page.and_then(|page| page.diff.as_ref()).map(of_diff)).max();
                (&mut self.run_parts.file.screen.aside, longest)
            }
        };
        let furthest = longest.unwrap_or(0).saturating_sub(1) / STEP * STEP;
        *aside = aside.saturating_add_signed(by as isize * STEP as isize).min(furthest);
    }

    /// The file of a run that is under the cursor.
    pub fn file(&self) -> Option<(RunId, RelPath)> {
        let Route::Run(run) = self.route() else { return None };
        let path = self.run_parts.file.screen.path().filter(|_| self.run.screen.part == Part::Files)?;
        Some((run.clone(), path.clone()))
    }

    /// Whether that file holds several pictures.
    pub fn has_pictures(&self) -> bool {
        let page = self.run_parts.file.page().filter(|_| self.file().is_some());
        page.is_some_and(|page| page.pictures.len() > 1)
    }

    /// Whether that file is one that the run wrote, as of its end.
    pub fn is_on_output(&self) -> bool {
        let row = self.run.screen.cursor().row;
        self.run.page().is_some_and(|page| row >= page.outputs_from)
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
            Route::Run(_) if self.run.screen.part == Part::Files => self.run_parts.next_picture(by),
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
        if let Some((snapshot, path)) = self.run_parts.file.screen.chosen().filter(|_| self.file().is_some()) {
            self.command(Command::CopyFile(snapshot, path), Then::Nothing);
        }
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
