//! Runs side by side: which of them, how their files' changes are laid out, what is folded.

use std::collections::BTreeSet;

use lab_engine::{Reader, Result};
use lab_model::RunId;
use serde::Serialize;

use super::oldest_first;
use crate::block::{Blocks, Section};
use crate::compare::images::ImagePair;
use crate::compare::many::{self, ManyPage};
use crate::compare::{self, ComparePage, Which};
use crate::format::Moment;
use crate::list::{Cursor, Motion};
use crate::screen::Screen;
use crate::session::Effect;
use crate::{Block, Line};

/// The choices.
#[derive(Default)]
pub struct CompareScreen {
    /// What is on screen of the page.
    pub cursor: Cursor,
    /// Old and new in two columns; `None` leaves it to the room there is.
    pub side_by_side: Option<bool>,
    /// Files of which only the heading is shown.
    pub folded: BTreeSet<String>,
    /// So many columns of changed lines lie left of what is shown.
    pub aside: usize,
    /// Where things are, as the painter laid them out.
    pub outline: Outline,
    runs: Vec<RunId>,
}

/// Where things are on the page, in rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outline {
    /// The headings of files, with their paths.
    pub files: Vec<(usize, String)>,
    /// The first row of each place that changed.
    pub changes: Vec<usize>,
    /// Whether old and new stand in two columns.
    pub side_by_side: bool,
}

/// What a person can do here.
#[derive(Clone, PartialEq, Debug)]
pub enum CompareAction {
    /// Two columns instead of one, or the other way round.
    SideBySide,
    /// Folds this file, or the one in sight, or unfolds it.
    Fold(Option<String>),
    /// Folds all files, or unfolds them when all are folded.
    FoldAll,
    /// Goes so many changes on.
    Change(i64),
    /// The painter has laid the page out.
    Outline(Outline),
}

/// Two runs, or more.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum CompareView {
    /// Two, and the pictures in which their ends differ.
    Pair(Box<ComparePage>, Vec<ImagePair>),
    /// Three to fifty; the first is the base.
    Many(Box<ManyPage>),
}

impl CompareView {
    /// What is different, and whether the difference is real.
    pub fn headline(&self) -> &Line {
        match self {
            Self::Pair(page, _) => &page.headline,
            Self::Many(page) => &page.headline,
        }
    }
}

impl Blocks for CompareView {
    fn blocks(&self) -> Vec<Section<'_>> {
        match self {
            Self::Pair(page, _) => page.blocks(),
            Self::Many(page) => page.blocks(),
        }
    }
}

impl CompareScreen {
    pub(crate) fn enter(&mut self, runs: Vec<RunId>) {
        if self.runs != runs {
            *self = Self { runs, side_by_side: self.side_by_side, cursor: Cursor::in_text(), ..Self::default() };
        }
    }

    /// The file that is being looked at: the first heading in sight, otherwise the last one above.
    fn file_in_sight(&self) -> Option<&str> {
        let seen = self.cursor.visible();
        let files = &self.outline.files;
        let next = files.partition_point(|(row, _)| *row < seen.start);
        let inside = files.get(next).filter(|(row, _)| seen.contains(row));
        inside.or_else(|| files[..next].last()).map(|(_, path)| path.as_str())
    }
}

impl Screen for CompareScreen {
    type Key = Vec<RunId>;
    type Page = CompareView;
    type Action = CompareAction;

    fn key(&self) -> Option<Vec<RunId>> {
        (self.runs.len() > 1).then(|| self.runs.clone())
    }

    fn load(reader: &Reader, runs: &Vec<RunId>, moment: &Moment) -> Result<CompareView> {
        let runs: Vec<RunId> = oldest_first(reader, runs)?.into_iter().map(|row| row.start.run).collect();
        if let [left, right] = &runs[..] {
            let (left, right) = (Which::Run(left.clone()), Which::Run(right.clone()));
            let key = compare::Key { left, right, only: Vec::new(), moment: moment.clone() };
            let pictures = compare::pictures(reader, &key)?;
            return Ok(CompareView::Pair(Box::new(compare::load(reader, &key)?), pictures));
        }
        let key = many::Key { runs, moment: moment.clone() };
        Ok(CompareView::Many(Box::new(many::load(reader, &key)?)))
    }

    fn arrived(&mut self, _: &CompareView) {}

    fn act(&mut self, action: CompareAction, page: Option<&CompareView>) -> Vec<Effect> {
        match action {
            CompareAction::SideBySide => self.side_by_side = Some(!self.outline.side_by_side),
            CompareAction::Fold(path) => {
                let path = path.or_else(|| self.file_in_sight().map(str::to_owned));
                if let Some(path) = path
                    && !self.folded.remove(&path)
                {
                    self.folded.insert(path);
                }
            }
            CompareAction::FoldAll => {
                let sections = page.map(Blocks::blocks).unwrap_or_default();
                let paths = sections.iter().filter_map(|section| match section.block {
                    Block::Diff(diff) => Some(diff.path.clone()),
                    _ => None,
                });
                let all: BTreeSet<String> = paths.collect();
                self.folded = if self.folded == all { BTreeSet::new() } else { all };
            }
            CompareAction::Change(by) => {
                let changes = &self.outline.changes;
                let top = self.cursor.top;
                let found = if by > 0 {
                    changes.iter().find(|row| **row > top + ABOVE)
                } else {
                    changes.iter().rev().find(|row| **row < top + ABOVE)
                };
                if let Some(row) = found {
                    self.cursor.go(Motion::To(row.saturating_sub(ABOVE)));
                }
            }
            CompareAction::Outline(outline) => self.outline = outline,
        }
        Vec::new()
    }
}

/// Rows that stay in sight above a change that is jumped to.
const ABOVE: usize = 2;
