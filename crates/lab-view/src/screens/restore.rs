//! What a restore would do: which files, which not, and what each change is.

use std::collections::BTreeSet;

use lab_engine::{Reader, RestorePlan, RestoreStep, Result};
use lab_model::{Hash, Kind, PathDiff, RelPath, Role, RunId};

use crate::format::Moment;
use crate::list::{Cursor, Motion};
use crate::restore::{RestorePage, is_silent, page};
use crate::screen::Screen;
use crate::session::Effect;
use crate::tree::FileTree;
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
    tree: FileTree,
    tally: Tally,
}

/// How much of a plan is to be carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Files, links and directories.
    pub steps: usize,
    /// Files and links alone.
    pub files: usize,
    /// Bytes that will be written.
    pub bytes: u64,
}

/// What a person can do here.
#[derive(Clone, PartialEq, Debug)]
pub enum RestoreAction {
    /// Leaves the file under the cursor as it is, or takes it in again, and goes on to the next.
    Toggle,
    /// Takes the steps at these places of the page in, or leaves them as they are.
    Take(Vec<usize>, bool),
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
        // What a person wants to see first is what changes in the code.
        let changes = |role| {
            let mut steps = plan.plan.steps.iter().filter(|step| !is_silent(step));
            steps.position(|step| {
                matches!((&step.before, &step.after), (Some(before), Some(after))
                if after.role == role && before.content != after.content)
            })
        };
        let first = changes(Role::Code).or_else(|| changes(Role::Config));
        self.cursor.go(Motion::To(first.unwrap_or(0)));
        self.tree = FileTree::of(page.steps.rows.iter().map(|row| row.key.as_str()));
        self.plan = Some((plan, page));
        self.count();
    }

    /// The page's steps as a tree.
    pub const fn tree(&self) -> &FileTree {
        &self.tree
    }

    /// How much is to be carried out.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    fn count(&mut self) {
        let Some(plan) = self.chosen() else { return };
        let is_directory = |step: &&RestoreStep| {
            step.after.as_ref().or(step.before.as_ref()).is_some_and(|state| state.kind == Kind::Directory)
        };
        let steps = || plan.plan.steps.iter().filter(|step| !is_silent(step));
        let files = steps().filter(|step| !is_directory(step)).count();
        self.tally = Tally { steps: steps().count(), files, bytes: plan.plan.bytes_to_write };
    }

    /// Leaves a path and what is below it, or takes it in with the directories that it needs.
    fn take(&mut self, place: usize, take: bool) {
        let Some(path) = self.paths.get(place) else { return };
        if !take {
            self.left.insert(path.clone());
            return;
        }
        // What was left together with a directory above is left on its own from now on.
        let above: Vec<RelPath> = self.left.iter().filter(|left| path.is_within(left)).cloned().collect();
        for directory in &above {
            self.left.remove(directory);
            let others = self.paths.iter().filter(|other| other.is_within(directory) && !path.is_within(other));
            self.left.extend(others.filter(|other| *other != path).cloned());
        }
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
                self.take(self.cursor.row, !self.is_wanted(self.cursor.row));
                self.cursor.go(Motion::By(1));
                self.count();
            }
            RestoreAction::Take(places, take) => {
                places.into_iter().for_each(|place| self.take(place, take));
                self.count();
            }
        }
        Vec::new()
    }
}
