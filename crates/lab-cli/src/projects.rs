//! `lab projects`: the projects of the notebook, and how large it is.

use lab_engine::Result;
use lab_view::{Block, Blocks, Section, health, projects};
use serde::Serialize;

use crate::context::Context;

/// The arguments of `lab projects`.
#[derive(clap::Args, Debug)]
pub struct Projects {
    /// Also say how large the notebook is
    #[arg(long, short)]
    size: bool,
}

#[derive(Serialize)]
struct Both {
    #[serde(flatten)]
    projects: projects::ProjectsPage,
    #[serde(flatten)]
    health: health::HealthPage,
}

impl Blocks for Both {
    fn blocks(&self) -> Vec<Section<'_>> {
        let mut blocks = self.projects.blocks();
        blocks.push(Section { title: "Notebook", block: Block::Fields(&self.health.statistics) });
        blocks
    }
}

impl Projects {
    /// Prints the list.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let projects = projects::load(&reader, &projects::Key { moment: context.moment()? })?;
        if !self.size {
            context.print(&projects)?;
            return Ok(0);
        }
        let notebook = context.engine()?.config().notebook.to_string_lossy().into_owned();
        context.print(&Both { projects, health: health::load(&reader, &notebook)? })?;
        Ok(0)
    }
}
