//! A run that stands beside what a person looks at: beside another run, or beside the list that it is under the cursor
//! of. What is done there is done as if the person were at that run.

use lab_model::RunId;

use super::{Action, Choice, Dialog, Purpose, Route, Session};
use crate::screen::{Shown, Stamp};
use crate::screens::run::{Part, RunScreen};
use crate::screens::run_parts::RunParts;
use crate::screens::runs::Panel;
use crate::{Line, Tone};

/// What stands beside a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aside {
    /// A part of the run beside.
    Run(Part),
    /// What is different in the run under the cursor since the run that it is compared with.
    Changes,
}

/// The run, and what is read beside it.
#[derive(Default)]
pub struct Beside {
    /// The run.
    pub run: Shown<RunScreen>,
    /// What is read beside its page.
    pub run_parts: RunParts,
    /// It stands beside this other run.
    pair: Option<RunId>,
}

impl Session {
    /// Whether panels can stand beside the place.
    pub fn has_panels(&self) -> bool {
        self.around.shown && matches!(self.route(), Route::Runs)
    }

    /// Asks which panels stand beside the list.
    pub(super) fn ask_panels(&mut self) {
        let choice = |panel: Panel| Choice {
            value: panel.title().to_owned(),
            label: Line::of(panel.title(), Tone::Plain),
            detail: panel.help().to_owned(),
            checked: self.runs.screen.open.contains(&panel),
        };
        let choices = Panel::BESIDE.into_iter().map(choice).collect();
        self.open(Dialog::choose(Purpose::Panels, "Beside the list", true, choices));
    }

    /// The run that stands beside the one that is looked at.
    pub fn paired(&self) -> Option<&RunId> {
        let Route::Run(here) = self.route() else { return None };
        self.beside.run.screen.run().filter(|_| self.beside.pair.as_ref() == Some(here))
    }

    /// Which parts of which run stand beside the place; of the last one all is read.
    fn parts_beside(&self) -> Option<(RunId, Vec<Part>)> {
        match self.route() {
            Route::Runs => {
                let panels = &self.runs.screen.panels;
                let parts = [(Panel::Log, Part::Log), (Panel::Files, Part::Files)];
                let parts: Vec<Part> =
                    parts.into_iter().filter(|(panel, _)| panels.contains(panel)).map(|(_, part)| part).collect();
                let page = self.runs.page().filter(|page| !parts.is_empty() && !page.is_grouped())?;
                Some((page.at(self.runs.screen.cursor.row)?.run.clone(), parts))
            }
            _ => Some((self.paired()?.clone(), vec![self.beside.run.screen.part])),
        }
    }

    /// The run under the cursor of the list and the one that it is compared with, where there is room for what is
    /// different.
    pub fn compared_beside(&self) -> Option<[RunId; 2]> {
        let is_wanted = matches!(self.route(), Route::Runs) && self.runs.screen.panels.contains(&Panel::Changes);
        let page = self.runs.page().filter(|page| is_wanted && !page.is_grouped())?;
        let subject = page.at(self.runs.screen.cursor.row)?;
        Some([subject.base.clone()?, subject.run.clone()])
    }

    /// Takes in what has come for what stands beside the place, asks for what is missing.
    pub(super) fn poll_beside(&mut self, stamp: Stamp) -> bool {
        let mut changed = false;
        if let Some(runs) = self.compared_beside() {
            self.compare.screen.enter(runs.to_vec());
            changed = self.compare.poll(&self.background, Stamp { live: 0, ..stamp }, &self.now);
        }
        changed | self.poll_run_beside(stamp)
    }

    fn poll_run_beside(&mut self, stamp: Stamp) -> bool {
        let Some((run, parts)) = self.parts_beside() else { return false };
        if matches!(self.route(), Route::Runs) {
            self.beside.pair = None;
        }
        let Beside { run: shown, run_parts, .. } = &mut self.beside;
        shown.screen.enter(run.clone());
        shown.screen.part = parts.last().copied().unwrap_or_default();
        let goes_on = shown.page().is_none_or(|page| page.subject.run != run || page.subject.is_running);
        let stamp = if goes_on { stamp } else { Stamp { live: 0, ..stamp } };
        let mut changed = shown.poll(&self.background, stamp, &self.now);
        run_parts.enter(&run, shown.page(), shown.screen.cursor().row);
        for part in parts {
            changed |= run_parts.poll(part, &self.background, stamp, &self.now);
        }
        changed
    }

    /// Whether the run beside goes on.
    pub(super) fn is_running_beside(&self) -> bool {
        self.paired().is_some() && self.beside.run.page().is_none_or(|page| page.subject.is_running)
    }

    /// Whether something is being read for the run beside.
    pub(super) fn is_loading_beside(&self) -> bool {
        if self.compared_beside().is_some() && !self.compare.is_current() && self.compare.error().is_none() {
            return true;
        }
        let is_missing = |run: &RunId| self.beside.run.screen.run() != Some(run) || !self.beside.run.is_current();
        let Some((run, _)) = self.parts_beside() else { return false };
        is_missing(&run) && self.beside.run.error().is_none()
            || self.beside.run.is_loading()
            || self.beside.run_parts.is_loading()
    }

    /// This run stands beside the one that is looked at from now on, or none.
    pub(super) fn pair(&mut self, run: Option<RunId>) {
        let Route::Run(here) = self.route().clone() else { return };
        self.beside.pair = run.as_ref().map(|_| here);
        run.into_iter().for_each(|run| self.beside.run.screen.enter(run));
    }

    /// The run that is looked at and the one beside it change places, with all that is known of them.
    pub(super) fn change_places(&mut self) {
        std::mem::swap(&mut self.run, &mut self.beside.run);
        std::mem::swap(&mut self.run_parts, &mut self.beside.run_parts);
        self.beside.pair = self.run.screen.run().cloned();
    }

    /// Whether going to this run is going to the one beside.
    pub(super) fn is_paired_with(&self, run: &RunId) -> bool {
        let Beside { run: beside, pair, .. } = &self.beside;
        beside.screen.run() == Some(run) && pair.is_some() && pair.as_ref() == self.run.screen.run()
    }

    /// Does it as if the person were at the comparison of the run under the cursor.
    pub(super) fn act_on_changes(&mut self, action: Action) {
        let Some(runs) = self.compared_beside() else { return };
        let here = Route::Compare(runs.to_vec());
        self.route.push(here.clone());
        self.act(action);
        if *self.route() == here {
            self.route.pop();
        }
    }

    /// Does it as if the person were at this part of the run beside. Who goes elsewhere from there has been there.
    pub(super) fn act_beside(&mut self, part: Part, action: Action) {
        let Some((run, _)) = self.parts_beside() else { return };
        let (here, before) = (Route::Run(run), self.route().clone());
        let (is_pair, pair) = (matches!(before, Route::Run(_)), self.beside.pair.take());
        self.change_places();
        self.run.screen.part = part;
        if is_pair {
            self.route.pop();
        }
        self.route.push(here.clone());
        self.act(action);
        if *self.route() == here {
            self.route.pop();
            if is_pair {
                self.route.push(before);
            }
            self.change_places();
            self.beside.pair = pair;
        } else if !is_pair {
            self.beside.pair = None;
        }
    }
}
