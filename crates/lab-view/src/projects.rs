//! The projects of a notebook.

use lab_engine::{Reader, Result, RunQuery, RunRow};
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::format::{self, Moment};
use crate::runs::status_cell;
use crate::{Cell, Column, Line, Table, Tone};

/// When it is read.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    /// Now.
    pub moment: Moment,
}

/// The projects of a notebook.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProjectsPage {
    /// The projects, the one with the newest run first.
    pub projects: Table,
    /// What to do when there are none.
    pub note: Line,
}

impl Blocks for ProjectsPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default().add("", Block::Table(&self.projects)).add("", Block::Line(&self.note)).finish()
    }
}

/// Reads the page.
///
/// # Errors
/// Those of the reader.
pub fn load(reader: &Reader, key: &Key) -> Result<ProjectsPage> {
    let mut rows = Vec::new();
    for project in reader.projects()? {
        let all = RunQuery { project: Some(project.id.clone()), include_hidden: true, ..RunQuery::default() };
        let count = reader.count_runs(&all)?;
        let newest = reader.runs(&RunQuery { limit: Some(1), ..all })?.into_iter().next();
        rows.push((newest, count, project));
    }
    let time = |row: &Option<RunRow>| row.as_ref().map(|row| row.start.time);
    rows.sort_by(|left, right| (time(&right.0), &left.2.name).cmp(&(time(&left.0), &right.2.name)));
    let mut table = Table::new(vec![
        Column::left("name", "Name", 0),
        Column::left("id", "Id", 3),
        Column::right("runs", "Runs", 0),
        Column::left("last_run", "Last run", 1),
        Column::left("last_status", "Status", 2),
        Column::left("last_name", "Newest", 4).shrinking(),
        Column::left("root", "Folder", 0).shrinking(),
    ]);
    for (newest, runs, project) in rows {
        let age = |time| Cell::new(key.moment.age(time), Tone::Muted).with(format::stamp(time));
        let name = lab_model::display_bytes(project.name.as_bytes());
        let root = lab_model::display_bytes(project.root.as_bytes());
        let told = |cell: &dyn Fn(&RunRow) -> Cell| newest.as_ref().map_or_else(Cell::none, cell);
        let last_name = |row: &RunRow| Cell::plain(lab_model::display_bytes(row.name.as_bytes()));
        let cells = vec![
            Cell::new(name, Tone::Accent).with(project.name.clone()),
            Cell::plain(&project.id.as_str()[..4]).with(project.id.as_str()),
            Cell::plain(format::grouped(runs)).with(runs),
            told(&|row| age(row.start.time)),
            told(&|row| status_cell(reader.standing(row))),
            told(&last_name),
            Cell::plain(root).with(project.root.clone()),
        ];
        table.push(project.id.as_str(), cells);
    }
    let none = "No projects yet: `lab init` or the first `lab run` makes one";
    let note = if table.is_empty() { Line::of(none, Tone::Muted) } else { Line::default() };
    Ok(ProjectsPage { projects: table, note })
}
