//! The projects of a notebook.

use lab_engine::{Reader, Result, RunQuery};
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::format::{self, Moment};
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
        let query = RunQuery { project: Some(project.id.clone()), include_hidden: true, ..RunQuery::default() };
        let runs = reader.runs(&query)?;
        rows.push((runs.first().map(|row| row.start.time), runs.len() as u64, project));
    }
    rows.sort_by(|left, right| (right.0, &left.2.name).cmp(&(left.0, &right.2.name)));
    let mut table = Table::new(vec![
        Column::left("name", "Name", 0),
        Column::left("id", "Id", 2),
        Column::right("runs", "Runs", 0),
        Column::left("last_run", "Last run", 1),
        Column::left("root", "Folder", 0).shrinking(),
    ]);
    for (last, runs, project) in rows {
        let last =
            last.map_or_else(Cell::none, |time| Cell::new(key.moment.age(time), Tone::Muted).with(format::stamp(time)));
        let name = lab_model::display_bytes(project.name.as_bytes());
        let root = lab_model::display_bytes(project.root.as_bytes());
        let cells = vec![
            Cell::new(name, Tone::Accent).with(project.name.clone()),
            Cell::plain(&project.id.as_str()[..4]).with(project.id.as_str()),
            Cell::plain(format::grouped(runs)).with(runs),
            last,
            Cell::plain(root).with(project.root.clone()),
        ];
        table.push(project.id.as_str(), cells);
    }
    let none = "No projects yet: `lab init` or the first `lab run` makes one";
    let note = if table.is_empty() { Line::of(none, Tone::Muted) } else { Line::default() };
    Ok(ProjectsPage { projects: table, note })
}
