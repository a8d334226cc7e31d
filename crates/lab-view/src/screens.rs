//! The places of the two interfaces: for each one the choices around its page.

pub mod charts;
pub mod compare;
pub mod health;
pub mod notes;
pub mod projects;
pub mod restore;
pub mod run;
pub mod run_parts;
pub mod runs;
pub mod search;

use lab_engine::{Error, ErrorKind, Reader, Result, RunRow};
use lab_model::{ProjectId, RelPath, RunId, Status, Time};
use serde::Serialize;

/// Runs with the oldest first: what came before is what later runs are compared with, however they were chosen.
fn oldest_first(reader: &Reader, runs: &[RunId]) -> Result<Vec<RunRow>> {
    let mut rows = Vec::with_capacity(runs.len());
    for run in runs {
        let missing = || Error::new(ErrorKind::Missing, format!("There is no run {run}"));
        rows.push(reader.run(run)?.ok_or_else(missing)?);
    }
    rows.sort_by(|left, right| (left.start.time, &left.start.run).cmp(&(right.start.time, &right.start.run)));
    Ok(rows)
}

/// What actions need to know of a run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Subject {
    /// The run.
    pub run: RunId,
    /// Its project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its command.
    pub argv: Vec<String>,
    /// The directory in the project that it ran in.
    pub directory: RelPath,
    /// The run that it is compared with.
    pub base: Option<RunId>,
    /// Starred.
    pub starred: bool,
    /// Hidden.
    pub hidden: bool,
    /// It goes on.
    pub is_running: bool,
    /// When it started.
    pub started: Time,
}

impl Subject {
    /// What actions need to know of this run.
    pub fn of(reader: &Reader, row: &RunRow, base: Option<&RunRow>) -> Self {
        Self {
            run: row.start.run.clone(),
            project: row.start.project.clone(),
            name: row.name.clone(),
            argv: row.start.argv.clone(),
            directory: row.start.cwd.clone(),
            base: base.map(|base| base.start.run.clone()),
            starred: row.starred,
            hidden: row.hidden,
            is_running: reader.standing(row) == Status::Running,
            started: row.start.time,
        }
    }
}
