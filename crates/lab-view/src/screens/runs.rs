//! The list of runs: which of them, in which order, and which are marked.

pub(crate) mod compose;
pub mod inspected;
mod panel;
pub mod trends;

use std::collections::BTreeSet;
use std::ops::Range;

use lab_engine::{Lane, Reader, Result};
use lab_model::{ProjectId, RunId};
use serde::Serialize;

pub use self::panel::Panel;
use self::trends::{HIGHEST, Trends};
use super::Subject;
use crate::format::{self, Moment};
use crate::list::{Cursor, Motion};
use crate::query::Query;
use crate::runs::{self, RunsPage};
use crate::screen::Screen;
use crate::session::Effect;
use crate::{ASPECTS, Cell, Column, Row, Table, Tone};

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
    /// What is being typed, as long as it makes sense: the list shows it already.
    pub draft: Option<String>,
    /// What is in sight beside the list.
    pub panels: BTreeSet<Panel>,
    /// The same with what stands behind it.
    pub open: BTreeSet<Panel>,
    /// The lists that this one was opened from, each with its cursor.
    before: Vec<(String, Cursor)>,
    /// Where the cursor is to be when the list is back.
    back_to: Option<Cursor>,
    /// The run under the cursor, while the list is what was asked for: the cursor stays on it when others come or go.
    held: Option<RunId>,
    project: Option<ProjectId>,
}

/// What a person can do here.
#[derive(Clone, PartialEq, Debug)]
pub enum RunsAction {
    /// Other runs.
    Query(String),
    /// Other runs for as long as they are being asked for.
    Draft(Option<String>),
    /// Sorts by this word of the query language; the other way round when it is sorted so.
    SortBy(String),
    /// Puts runs together that agree in these.
    GroupBy(Vec<String>),
    /// Shows only these columns; the usual ones when there are none.
    Columns(Vec<String>),
    /// Lists the runs of the group under the cursor.
    OpenGroup,
    /// Marks from the cursor on so many rows down, up when negative.
    Extend(i64),
    /// Marks from the cursor to this row, as far as the rows are in memory; the cursor stays.
    MarkTo(usize),
    /// Marks this row, or takes its mark off; the cursor stays.
    Toggle(usize),
    /// There is room for these beside the list, and for no others.
    Panels(BTreeSet<Panel>),
    /// These stand beside the list, also those that are behind others.
    Opened(BTreeSet<Panel>),
    /// Marks the run under the cursor, or takes the mark off, and goes on to the next.
    Mark,
    /// Marks these and nothing else.
    MarkRuns(Vec<RunId>),
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

    /// The rows: groups where the query groups, otherwise runs.
    pub const fn table(&self) -> &Table {
        if self.page.groups.columns.is_empty() { &self.page.runs } else { &self.page.groups }
    }

    /// Whether rows are groups of runs.
    pub const fn is_grouped(&self) -> bool {
        !self.page.groups.columns.is_empty()
    }

    /// What actions need to know of the runs in these rows of the whole list.
    pub fn subjects(&self, rows: Range<usize>) -> &[Subject] {
        let place = |row: usize| row.saturating_sub(self.first).min(self.page.subjects.len());
        &self.page.subjects[place(rows.start)..place(rows.end).max(place(rows.start))]
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

    /// By what the list is sorted first, and whether the largest comes first.
    pub fn sorting(&self) -> Option<(String, bool)> {
        compose::sorting(self.shown_query())
    }

    /// The place of the column that the table is sorted by, and whether the largest comes first; groups are in an order
    /// of their own.
    pub fn sorted_column(&self, page: &RunsView, table: &Table) -> Option<(usize, bool)> {
        let (by, largest_first) = self.sorting().filter(|_| !page.is_grouped())?;
        let place = table.columns.iter().position(|column| Self::sort_word(column).as_deref() == Some(&by))?;
        Some((place, largest_first))
    }

    /// The word by which a list is sorted when the head of this column is clicked.
    pub fn sort_word(column: &Column) -> Option<String> {
        compose::word_of(column)
    }

    /// What is asked for now: the words that are being typed, otherwise the query.
    pub fn shown_query(&self) -> &str {
        self.draft.as_deref().unwrap_or(&self.query)
    }

    /// The rows in sight as they are told at this moment: how long runs have been going on, the course of their
    /// main metric, which parts of the fingerprint changed.
    pub fn sight(&self, page: &RunsView, trends: &Trends, moment: &Moment) -> Table {
        self.rows(page, self.cursor.top..self.cursor.top + self.cursor.height, trends, moment)
    }

    /// The same for any rows of the whole list, as far as they are in memory.
    pub fn rows(&self, page: &RunsView, rows: Range<usize>, trends: &Trends, moment: &Moment) -> Table {
        let all = page.table();
        let place = |row: usize| row.saturating_sub(page.first).min(all.rows.len());
        let sight = place(rows.start)..place(rows.end);
        let rows = all.rows[sight.clone()].to_vec();
        let mut table = Table { columns: all.columns.clone(), rows, total: all.total };
        if page.is_grouped() {
            return table;
        }
        let subjects = &page.page.subjects[sight.start.min(page.page.subjects.len())..];
        let of = |key: &str| all.columns.iter().position(|column| column.key == key);
        let (took, changed) = (of("duration_millis"), of("changed"));
        for (row, subject) in table.rows.iter_mut().zip(subjects) {
            if let Some(place) = took.filter(|_| subject.is_running) {
                let millis = moment.now.millis_since(subject.started);
                row.cells[place] = Cell::new(format!("{} …", format::duration(millis)), Tone::Accent);
            }
            if let Some(place) = changed {
                chips(&mut row.cells[place]);
            }
        }
        if let Some(place) = changed {
            add_trends(&mut table, place + 1, subjects, trends);
        }
        table
    }

    /// Before a newer list comes: the run that the cursor is on.
    pub(crate) fn hold(&mut self, run: Option<RunId>) {
        self.held = run;
    }

    /// Puts the cursor back on its run, which others may have moved.
    fn return_to_held(&mut self, page: &RunsView) {
        let Some(run) = self.held.take() else { return };
        let Some(place) = page.page.subjects.iter().position(|subject| subject.run == run) else { return };
        let row = page.first + place;
        // At the top what is new comes into sight; further down nothing moves below the eyes.
        if self.cursor.top > 0 {
            self.cursor.top = (self.cursor.top + row).saturating_sub(self.cursor.row);
        }
        self.cursor.go(Motion::To(row));
    }

    /// Goes back one step within the list: marks, then the list it was opened from, then the filter. False when there
    /// is nothing to go back from.
    pub(crate) fn step_back(&mut self) -> bool {
        if !self.marked.is_empty() {
            self.marked.clear();
        } else if let Some((query, cursor)) = self.before.pop() {
            self.query = query;
            self.back_to = Some(cursor);
        } else if !self.query.is_empty() {
            self.ask(String::new());
        } else {
            return false;
        }
        true
    }

    fn ask(&mut self, query: String) {
        self.draft = None;
        if query != self.query {
            self.query = query;
            self.cursor.go(Motion::First);
        }
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
        let query = self.shown_query().to_owned();
        Some(Key { project: self.project.clone(), query, window: self.cursor.window() })
    }

    fn load(reader: &Reader, key: &Key, moment: &Moment) -> Result<RunsView> {
        // A list that is to end early ends there, wherever the window is.
        let (query, limit) = match Query::parse(&key.query) {
            Ok(query) if query.limit.is_some() => {
                let limit = query.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
                (Query { limit: None, ..query }.to_string(), limit)
            }
            // What is wrong is told under the text as it was typed.
            _ => (key.query.clone(), usize::MAX),
        };
        let wanted = key.window.start.min(limit)..key.window.end.min(limit);
        let mut page = runs::load(
            reader,
            &runs::Key {
                project: key.project.clone(),
                query,
                offset: wanted.start,
                limit: Some(wanted.len()),
                all: false,
                moment: moment.clone(),
            },
        )?;
        if page.groups.columns.is_empty() {
            page.total = page.total.min(limit as u64);
        }
        page.group_total = page.group_total.min(limit as u64);
        Ok(RunsView { page, first: wanted.start })
    }

    fn arrived(&mut self, page: &RunsView) {
        let total = if page.is_grouped() { page.page.group_total } else { page.page.total };
        self.cursor.set_total(usize::try_from(total).unwrap_or(usize::MAX));
        self.return_to_held(page);
        if let Some(cursor) = self.back_to.take() {
            self.cursor.top = cursor.top;
            self.cursor.go(Motion::To(cursor.row));
        }
        if self.follow {
            self.cursor.go(Motion::First);
        }
    }

    fn act(&mut self, action: RunsAction, page: Option<&RunsView>) -> Vec<Effect> {
        match action {
            RunsAction::Query(query) => {
                self.before.clear();
                self.ask(query);
            }
            RunsAction::Draft(draft) => {
                if self.draft != draft {
                    self.draft = draft;
                    self.cursor.go(Motion::First);
                }
            }
            RunsAction::SortBy(by) => self.ask(compose::sorted_by(&self.query, &by)),
            RunsAction::GroupBy(keys) => self.ask(compose::grouped_by(&self.query, &keys)),
            RunsAction::Columns(keys) => self.ask(compose::with_columns(&self.query, &keys)),
            RunsAction::OpenGroup => {
                let row = page
                    .filter(|page| page.is_grouped())
                    .and_then(|page| page.page.groups.rows.get(self.cursor.row.checked_sub(page.first)?));
                if let Some(row) = row {
                    self.before.push((self.query.clone(), self.cursor));
                    self.ask(compose::opened(&self.query, &row.key));
                }
            }
            RunsAction::Mark => {
                if let Some(run) = self.under_cursor(page) {
                    if !self.marked.remove(&run) {
                        self.marked.insert(run);
                    }
                    self.cursor.go(Motion::By(1));
                }
            }
            RunsAction::Extend(by) => {
                self.marked.extend(self.under_cursor(page));
                self.moved(|cursor| cursor.go(Motion::By(by)));
                self.marked.extend(self.under_cursor(page));
            }
            RunsAction::MarkTo(row) => {
                let (first, last) = (row.min(self.cursor.row), row.max(self.cursor.row));
                let between = page.map_or(&[][..], |page| page.subjects(first..last + 1));
                self.marked.extend(between.iter().map(|subject| subject.run.clone()));
            }
            RunsAction::Toggle(row) => {
                if let Some(subject) = page.and_then(|page| page.at(row))
                    && !self.marked.remove(&subject.run)
                {
                    self.marked.insert(subject.run.clone());
                }
            }
            RunsAction::MarkAll => {
                self.marked.extend(page.iter().flat_map(|page| &page.page.subjects).map(|subject| subject.run.clone()));
            }
            RunsAction::MarkRuns(runs) => self.marked = runs.into_iter().collect(),
            RunsAction::ClearMarks => self.marked.clear(),
            RunsAction::Follow => {
                self.follow = !self.follow;
                self.cursor.go(Motion::First);
            }
            RunsAction::Panels(panels) => self.panels = panels,
            RunsAction::Opened(open) => self.open = open,
        }
        Vec::new()
    }
}

/// `C · · E`: a letter for each part of the fingerprint that changed, a dot for each that did not.
fn chips(cell: &mut Cell) {
    let Some(changed) = cell.value.as_ref().and_then(serde_json::Value::as_array) else { return };
    let letter = |(aspect, letter): (crate::Aspect, &'static str)| {
        if changed.iter().any(|found| found == aspect.name()) { letter } else { "·" }
    };
    let letters: Vec<&str> = ASPECTS.into_iter().zip(["C", "F", "D", "E"]).map(letter).collect();
    cell.text = letters.join(" ");
}

/// Puts the course of the main metric beside what changed.
fn add_trends(table: &mut Table, at: usize, subjects: &[Subject], trends: &Trends) {
    // Never the whole height: the rows of a list stay apart.
    const BARS: [&str; HIGHEST as usize + 1] = ["▁", "▁", "▂", "▃", "▄", "▅", "▆", "▇"];
    table.columns.insert(at, Column::left("trend", "Trend", 4));
    let bar = |level: &Option<u8>| level.map_or(" ", |level| BARS[usize::from(level.min(HIGHEST))]);
    for (row, subject) in table.rows.iter_mut().zip(subjects) {
        let cell = trends
            .of(&subject.run)
            .map(|trend| Cell::new(trend.levels.iter().map(bar).collect::<String>(), trend.tone));
        row.cells.insert(at, cell.unwrap_or_else(Cell::none));
    }
    // Rows without a subject cannot be; a table keeps its shape all the same.
    let columns = table.columns.len();
    table.rows.iter_mut().for_each(|row: &mut Row| row.cells.resize(columns, Cell::none()));
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
