//! `lab diff`: two states side by side.

use lab_engine::{Error, ErrorKind, Reader, Result};
use lab_view::compare::{self, Axis, Which};

use crate::context::Context;
use crate::progress::{Progress, Unit};
use crate::select::{self, State};

/// The arguments of `lab diff`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Of one run its base is the left side: the last comparable run before it.\n\
                  `lab diff RUN .` compares with the working tree.")]
pub struct Diff {
    /// The older side, or the only run
    #[arg(default_value = "@")]
    left: String,
    /// The newer side: a run, a snapshot, or `.` for the working tree
    right: Option<String>,
    /// Only code
    #[arg(long)]
    code: bool,
    /// Only config files and parameters
    #[arg(long)]
    config: bool,
    /// Only data files and inputs
    #[arg(long)]
    data: bool,
    /// Only packages
    #[arg(long)]
    packages: bool,
    /// Only interpreter and variables
    #[arg(long, visible_alias = "env")]
    environment: bool,
    /// Only hardware and system
    #[arg(long)]
    machine: bool,
    /// Only seeds
    #[arg(long)]
    seeds: bool,
    /// Only Git's state
    #[arg(long)]
    git: bool,
    /// Only the command
    #[arg(long)]
    command: bool,
    /// Only metrics
    #[arg(long)]
    metrics: bool,
    /// Only status, duration and outputs
    #[arg(long)]
    effects: bool,
}

impl Diff {
    /// Prints the comparison.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let (left, right) = match &self.right {
            Some(right) => (which(context, &reader, &self.left)?, which(context, &reader, right)?),
            None if self.left == "." => (which(context, &reader, "@")?, which(context, &reader, ".")?),
            None => {
                let row = select::run(context, &reader, &self.left)?;
                let base = reader.base_of(&row)?.ok_or_else(|| {
                    let label = select::label(&row);
                    Error::new(ErrorKind::Missing, format!("{label} has no earlier run to be compared with"))
                        .hint("name both sides: `lab diff A B`, or `lab diff A .` for the working tree")
                })?;
                (Which::Run(base.start.run), Which::Run(row.start.run))
            }
        };
        let key = compare::Key { left, right, only: self.only(), moment: context.moment()? };
        context.print(&compare::load(&reader, &key)?)?;
        Ok(0)
    }

    fn only(&self) -> Vec<Axis> {
        [
            (self.command, Axis::Command),
            (self.code, Axis::Code),
            (self.config, Axis::Config),
            (self.data, Axis::Data),
            (self.packages, Axis::Packages),
            (self.environment, Axis::Environment),
            (self.machine, Axis::Machine),
            (self.seeds, Axis::Seeds),
            (self.git, Axis::Git),
            (self.metrics, Axis::Metrics),
            (self.effects, Axis::Effects),
        ]
        .into_iter()
        .filter_map(|(wanted, axis)| wanted.then_some(axis))
        .collect()
    }
}

fn which(context: &Context, reader: &Reader, spec: &str) -> Result<Which> {
    if spec == "." {
        let project = context.need_project()?;
        let mut progress = Progress::new(context, "Reading the working tree", Unit::Files);
        let outcome = context.engine()?.snapshot(&project, &mut |done, total| progress.set(done, total))?;
        return Ok(Which::Snapshot(outcome.id, "working tree".to_owned()));
    }
    Ok(match select::state(context, reader, spec)? {
        State::Run(row) => Which::Run(row.start.run),
        State::Snapshot(id) => Which::Snapshot(id, format!("snapshot {}", id.short(12))),
    })
}
