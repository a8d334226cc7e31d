//! All projects of the notebook.

use lab_engine::{Reader, Result};
use lab_model::Project;
use serde::Serialize;

use crate::format::Moment;
use crate::list::Cursor;
use crate::screen::Screen;
use crate::session::Effect;
use crate::{Table, projects};

/// The choices: nothing but a cursor.
#[derive(Default)]
pub struct ProjectsScreen {
    /// The row.
    pub cursor: Cursor,
}

/// The projects, as rows and as what they are.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProjectsView {
    /// The page that the command line prints.
    pub page: projects::ProjectsPage,
    /// The same projects, row by row.
    #[serde(skip)]
    pub projects: Vec<Project>,
}

impl ProjectsView {
    /// The rows.
    pub const fn table(&self) -> &Table {
        &self.page.projects
    }
}

impl Screen for ProjectsScreen {
    type Key = ();
    type Page = ProjectsView;
    type Action = ();

    fn key(&self) -> Option<()> {
        Some(())
    }

    fn load(reader: &Reader, (): &(), moment: &Moment) -> Result<ProjectsView> {
        let page = projects::load(reader, &projects::Key { moment: moment.clone() })?;
        let mut known = reader.projects()?;
        let place = |project: &Project| page.projects.rows.iter().position(|row| row.key == project.id.as_str());
        known.sort_by_key(place);
        Ok(ProjectsView { page, projects: known })
    }

    fn arrived(&mut self, page: &ProjectsView) {
        self.cursor.set_total(page.projects.len());
    }

    fn act(&mut self, (): (), _: Option<&ProjectsView>) -> Vec<Effect> {
        Vec::new()
    }
}
