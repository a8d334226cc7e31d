//! `lab verify`: is the notebook whole?

use lab_engine::{ErrorKind, Result};
use lab_view::reports;

use crate::context::Context;
use crate::progress::{Progress, Unit};

/// The arguments of `lab verify`.
#[derive(clap::Args, Debug)]
#[command(after_help = "The exit code is 6 when something is damaged.")]
pub struct Verify {
    /// Also decode every byte and follow every reference
    #[arg(long)]
    deep: bool,
}

impl Verify {
    /// Reads the notebook back.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let mut progress = Progress::new(context, "Reading the notebook", Unit::Bytes);
        let report = engine.verify(self.deep, &mut |done, total| progress.set(done, total))?;
        drop(progress);
        context.print(&reports::verify(&report, self.deep))?;
        Ok(if report.findings.is_empty() { 0 } else { ErrorKind::Damaged.exit_code() })
    }
}
