//! `lab rebuild`: the index anew from the packs.

use lab_engine::{ErrorKind, Result};
use lab_view::reports;

use crate::context::Context;
use crate::progress::{Progress, Unit};

/// The arguments of `lab rebuild`.
#[derive(clap::Args, Debug)]
#[command(after_help = "The exit code is 6 when something in the packs is damaged.")]
pub struct Rebuild {}

impl Rebuild {
    /// Rebuilds the index.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let mut progress = Progress::new(context, "Reading the packs", Unit::Bytes);
        let report = engine.rebuild(&mut |done, total| progress.set(done, total))?;
        drop(progress);
        context.print(&reports::rebuild(&report))?;
        Ok(if report.findings.is_empty() { 0 } else { ErrorKind::Damaged.exit_code() })
    }
}
