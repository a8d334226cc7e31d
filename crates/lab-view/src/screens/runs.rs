//! The list of runs: which of them, in which order, and which are marked.

use std::collections::BTreeSet;
use std::ops::Range;

use lab_engine::{Lane, Reader, Result};
use lab_model::{ProjectId, RunId};
use serde::Serialize;

use super::Subject;
use crate::format::Moment;
use crate::list::{Cursor, Motion};
use crate::runs::{self, RunsPage};
use crate::screen::Screen;
use crate::session::Effect;

/// The choices.
#[derive(Default)]
pub struct RunsScreen {
    /// The row.
    pub cursor: Cursor,
    /// Which runs, in the words of the query language.
    pub query: String,
    /// Runs that actions are about.
    pub marked: BTreeSet<RunId>,
    /// The cursor stays on the newest run.
    pub follow: bool,
    project: Option<ProjectId>,
}

/// What a person can do here.
#[derive(Clone, PartialEq, Debug)]
pub enum RunsAction {
    /// Other runs.
    Query(String),
    /// Marks the run under the cursor, or takes the mark off, and goes on to the next.
    Mark,
    /// Marks every run of the window.
    MarkAll,
    /// Marks nothing.
    ClearMarks,
    /// Stays on the newest run, or stops doing so.
    Follow,
}

/// Which window of which list.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    project: Option<ProjectId>,
    query: String,
    window: Range<usize>,
}

/// A window of the list.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RunsView {
    /// The page that the command line prints, with the rows of the window.
    pub page: RunsPage,
    /// The place of its first row in the whole list.
    pub first: usize,
}

impl RunsView {
    /// What actions need to know of a run.
    pub fn subject(&self, run: &RunId) -> Option<&Subject> {
        self.page.subjects.iter().find(|subject| subject.run == *run)
    }

    /// The run in this row of the whole list.
    pub fn at(&self, row: usize) -> Option<&Subject> {
        self.page.subjects.get(row.checked_sub(self.first)?)
    }
}

impl RunsScreen {
    /// Lists the runs of a project, or of all.
    pub(crate) fn enter(&mut self, project: Option<ProjectId>) {
        if self.project != project {
            *self = Self { project, ..Self::default() };
        }
    }

    /// The run under the cursor.
    pub fn under_cursor(&self, page: Option<&RunsView>) -> Option<RunId> {
        page?.at(self.cursor.row).map(|subject| subject.run.clone())
    }

    /// The marked runs, otherwise the one under the cursor.
    pub fn subjects(&self, page: Option<&RunsView>) -> Vec<RunId> {
        if self.marked.is_empty() {
            return self.under_cursor(page).into_iter().collect();
        }
        self.marked.iter().cloned().collect()
    }

    pub(crate) fn moved(&mut self, change: impl FnOnce(&mut Cursor)) {
        let before = self.cursor.row;
        change(&mut self.cursor);
        if self.cursor.row != before {
            self.follow = false;
        }
    }
}

impl Screen for RunsScreen {
    type Key = Key;
    type Page = RunsView;
    type Action = RunsAction;
    const LANE: Lane = Lane::List;

    fn key(&self) -> Option<Key> {
        Some(Key { project: self.project.clone(), query: self.query.clone(), window: self.cursor.window() })
    }

    fn load(reader: &Reader, key: &Key, moment: &Moment) -> Result<RunsView> {
        let page = runs::load(
            reader,
            &runs::Key {
                project: key.project.clone(),
                query: key.query.clone(),
                offset: key.window.start,
                limit: Some(key.window.len()),
                all: false,
                moment: moment.clone(),
            },
        )?;
        Ok(RunsView { page, first: key.window.start })
    }

    fn arrived(&mut self, page: &RunsView) {
        self.cursor.set_total(usize::try_from(page.page.total).unwrap_or(usize::MAX));
        if self.follow {
            self.cursor.go(Motion::First);
        }
    }

    fn act(&mut self, action: RunsAction, page: Option<&RunsView>) -> Vec<Effect> {
        match action {
            RunsAction::Query(query) => {
                self.query = query;
                self.cursor.go(Motion::First);
            }
            RunsAction::Mark => {
                if let Some(run) = self.under_cursor(page) {
                    if !self.marked.remove(&run) {
                        self.marked.insert(run);
                    }
                    self.cursor.go(Motion::By(1));
                }
            }
            RunsAction::MarkAll => {
                self.marked.extend(page.iter().flat_map(|page| &page.page.subjects).map(|subject| subject.run.clone()));
            }
            RunsAction::ClearMarks => self.marked.clear(),
            RunsAction::Follow => {
                self.follow = !self.follow;
                self.cursor.go(Motion::First);
            }
        }
        Vec::new()
    }
}

/// Splits a command line as a shell does, without substitutions.
///
/// # Errors
/// What is wrong with it, in words.
pub fn split_command(text: &str) -> std::result::Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(letter),
            (_, '\\') => word.get_or_insert_default().extend(letters.next()),
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    match quote {
        Some(open) => Err(format!("A {open} is opened and not closed")),
        None if words.is_empty() => Err("There is no command".to_owned()),
        None => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_like_a_shell_does() {
        let check = |text: &str, expected: &[&str]| assert_eq!(split_command(text).unwrap(), expected, "{text}");
        check("python train.py --lr 0.1", &["python", "train.py", "--lr", "0.1"]);
        check(r#"sh -c 'echo "a b"' ''"#, &["sh", "-c", r#"echo "a b""#, ""]);
        check(r#""a b"c\ d"#, &["a bc d"]);
        assert!(split_command("python 'x").unwrap_err().contains("not closed"));
        assert!(split_command("  ").is_err());
    }
}
