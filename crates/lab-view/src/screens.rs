//! The places of the two interfaces: for each one the choices around its page.

pub mod projects;
pub mod restore;
pub mod run;
pub mod runs;

use lab_engine::{Reader, Result, RunRow};
use lab_model::{Project, ProjectId, RelPath, RunId, Status};
use serde::Serialize;

use crate::runs::status_of;

/// What actions need to know of a run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Subject {
    /// The run.
    pub run: RunId,
    /// Its project.
    pub project: ProjectId,
    /// The project as it is known, where it was read.
    #[serde(skip)]
    pub home: Option<Project>,
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
}

impl Subject {
    /// What actions need to know of this run.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of(reader: &Reader, row: &RunRow, base: Option<&RunRow>) -> Result<Self> {
        Ok(Self {
            run: row.start.run.clone(),
            project: row.start.project.clone(),
            home: reader.project(&row.start.project)?,
            name: row.name.clone(),
            argv: row.start.argv.clone(),
            directory: row.start.cwd.clone(),
            base: base.map(|base| base.start.run.clone()),
            starred: row.starred,
            hidden: row.hidden,
            is_running: status_of(reader, row) == Status::Running,
        })
    }
}
