//! `lab coverage`: what a snapshot holds and what it does not.

use lab_engine::Result;
use lab_view::coverage::CoveragePage;

use crate::context::Context;
use crate::files;

/// The arguments of `lab coverage`.
#[derive(clap::Args, Debug)]
pub struct Coverage {
    /// The run, or a snapshot's id
    #[arg(default_value = "@")]
    run: String,
    /// As of the run's end
    #[arg(long)]
    end: bool,
}

impl Coverage {
    /// Prints the page.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let snapshot = files::snapshot_of(context, &reader, &self.run, self.end)?;
        context.print(&CoveragePage::of(&reader.snapshot(&snapshot)?))?;
        Ok(0)
    }
}
