//! `lab snapshot`: keep the working tree as it is now.

use lab_engine::Result;
use lab_view::reports;

use crate::context::Context;
use crate::paint;
use crate::progress::{Progress, Unit};

/// The arguments of `lab snapshot`.
#[derive(clap::Args, Debug)]
pub struct Snapshot {}

impl Snapshot {
    /// Takes it; the id goes to standard output, the coverage to standard error.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let project = context.need_project()?;
        let mut progress = Progress::new(context, "Reading the working tree", Unit::Files);
        let outcome = context.engine()?.snapshot(&project, &mut |done, total| progress.set(done, total))?;
        drop(progress);
        let page = reports::snapshot(&outcome);
        if context.global.json {
            context.print_json(&page)?;
        } else {
            context.print_text(&format!("{}\n", page.snapshot))?;
            context.say(&paint::sentence(&page.headline));
        }
        Ok(0)
    }
}
