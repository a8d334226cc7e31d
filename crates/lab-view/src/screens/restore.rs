//! What a restore would do: which files, which not, and what each change is.

use std::collections::BTreeSet;

use lab_engine::{Reader, RestorePlan, Result};
use lab_model::{Hash, PathDiff, RelPath, RunId};

use crate::format::Moment;
use crate::list::{Cursor, Motion};
use crate::restore::{RestorePage, is_silent, page};
use crate::screen::Screen;
use crate::session::Effect;
use crate::{Diff, changes};

/// A plan, and the choices in it.
#[derive(Default)]
pub struct RestoreScreen {
    /// The file under the cursor, of [`RestoreScreen::page`]'s steps.
    pub cursor: Cursor,
    /// What is on screen of its change.
    pub diff: Cursor,
    /// Files that the person wants to leave as they are.
    pub left: BTreeSet<RelPath>,
    /// Only these are asked for; all when empty.
    only: Vec<RelPath>,
    run: Option<RunId>,
    plan: Option<(RestorePlan, RestorePage)>,
    /// The paths of the page's steps.
    paths: Vec<RelPath>,
}

/// What a person can do here.
#[derive(Clone, PartialEq, Debug)]
pub enum RestoreAction {
    /// Leaves the file under the cursor as it is, or takes it in again, and goes on to the next.
    Toggle,
    /// The painter has room for so many rows of the change, which has so many.
    Extent(usize, usize),
}

/// The change of one file.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    before: Hash,
    target: Hash,
    path: RelPath,
}

impl RestoreScreen {
    /// The next plan is about one file alone.
    pub(crate) fn only(&mut self, path: RelPath) {
        self.only = vec![path];
    }

    /// Another run's state is asked for; the plan comes later. Gives the paths that it is about.
    pub(crate) fn enter(&mut self, run: RunId) -> Vec<RelPath> {
        let only = std::mem::take(&mut self.only);
        *self = Self { run: Some(run), diff: Cursor::in_text(), ..Self::default() };
        only
    }

    /// The plan has come.
    pub(crate) fn show(&mut self, plan: RestorePlan, of: &str) {
        let page = page(&plan, of);
        let steps = plan.plan.steps.iter().filter(|step| !is_silent(step));
        self.paths = steps.map(|step| step.path.clone()).collect();
        self.cursor.set_total(self.paths.len());
        self.plan = Some((plan, page));
    }

    /// The run whose state it is.
    pub const fn run(&self) -> Option<&RunId> {
        self.run.as_ref()
    }

    /// What would happen, once it is known.
    pub fn page(&self) -> Option<&RestorePage> {
        self.plan.as_ref().map(|(_, page)| page)
    }

    /// Whether a step is to be carried out, by its place in the page's steps.
    pub fn is_wanted(&self, place: usize) -> bool {
        self.paths.get(place).is_some_and(|path| !self.left.iter().any(|left| path.is_within(left)))
    }

    /// The plan without what is to be left.
    pub(crate) fn chosen(&self) -> Option<RestorePlan> {
        self.plan.as_ref().map(|(plan, _)| plan.without(&self.left))
    }
}

impl Screen for RestoreScreen {
    type Key = Key;
    type Page = Diff;
    type Action = RestoreAction;

    fn key(&self) -> Option<Key> {
        let (plan, _) = self.plan.as_ref()?;
        Some(Key { before: plan.before, target: plan.target, path: self.paths.get(self.cursor.row)?.clone() })
    }

    fn load(reader: &Reader, key: &Key, _: &Moment) -> Result<Diff> {
        let left = reader.entry(&key.before, &key.path)?;
        let right = reader.entry(&key.target, &key.path)?;
        Ok(changes::diff(reader, &PathDiff { path: key.path.clone(), left, right }))
    }

    fn arrived(&mut self, _: &Diff) {
        self.diff.go(Motion::First);
    }

    fn act(&mut self, action: RestoreAction, _: Option<&Diff>) -> Vec<Effect> {
        match action {
            RestoreAction::Extent(height, total) => {
                self.diff.resize(height);
                self.diff.set_total(total);
            }
            RestoreAction::Toggle => {
                if let Some(path) = self.paths.get(self.cursor.row) {
                    if !self.left.remove(path) {
                        self.left.insert(path.clone());
                    }
                    self.cursor.go(Motion::By(1));
                }
            }
        }
        Vec::new()
    }
}
