//! `lab gc`: drop what no run needs.

use lab_engine::Result;
use lab_view::reports;

use crate::context::Context;
use crate::progress::{Progress, Unit};

/// The arguments of `lab gc`.
#[derive(clap::Args, Debug)]
#[command(after_help = "What is dropped goes to the notebook's trash first and is deleted after the grace period,\n\
                  once a verification finds the rest whole.")]
pub struct Gc {
    /// Only say what would go
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// How long the trash is kept
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    grace: u64,
}

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

impl Gc {
    /// Collects.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let engine = context.engine()?;
        let grace_millis = self.grace.saturating_mul(DAY_MILLIS);
        let mut progress = Progress::new(context, "Looking for what no run needs", Unit::Bytes);
        let report = engine.gc(grace_millis, self.dry_run, &mut |done, total| progress.set(done, total))?;
        drop(progress);
        context.print(&reports::gc(&report, self.dry_run))?;
        Ok(0)
    }
}
