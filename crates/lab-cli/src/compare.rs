//! `lab diff`, `lab compare`: two states side by side, or up to fifty runs beside each other.

use lab_engine::{Error, ErrorKind, Reader, Result, RunQuery};
use lab_model::RunId;
use lab_view::compare::{self, Axis, Which, many};

use crate::context::Context;
use crate::paint::Style;
use crate::progress::{Progress, Unit};
use crate::select::{self, State};

/// The arguments of `lab diff`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Of one run its base is the left side: the last comparable run before it.\n\
                  `lab diff RUN .` compares with the working tree; FIRST..LAST names all runs from one to the other.\n\
                  Of more than two runs, the first is the base.")]
pub struct Diff {
    /// The base and what is compared with it: runs, ranges of runs, a snapshot, or `.` for the working tree
    #[arg(value_name = "RUN", default_value = "@")]
    states: Vec<String>,
    /// Old and new lines beside each other [default: where the terminal has 140 columns]
    #[arg(long)]
    side_by_side: bool,
    /// Old and new lines below each other
    #[arg(long, conflicts_with = "side_by_side")]
    unified: bool,
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
        let states = expanded(context, &reader, &self.states)?;
        let (left, right) = match &states[..] {
            [left, right] => (which(context, &reader, left)?, which(context, &reader, right)?),
            [only] if only == "." => (which(context, &reader, "@")?, which(context, &reader, ".")?),
            [only] => {
                let row = select::run(context, &reader, only)?;
                let base = reader.base_of(&row)?.ok_or_else(|| {
                    let label = select::label(&row);
                    Error::new(ErrorKind::Missing, format!("{label} has no earlier run to be compared with"))
                        .hint("name both sides: `lab diff A B`, or `lab diff A .` for the working tree")
                })?;
                (Which::Run(base.start.run), Which::Run(row.start.run))
            }
            several => return self.many(context, &reader, several),
        };
        let key = compare::Key { left, right, only: self.only(), moment: context.moment()? };
        context.print_in(&compare::load(&reader, &key)?, &self.style())?;
        Ok(0)
    }

    fn many(&self, context: &Context, reader: &Reader, states: &[String]) -> Result<u8> {
        if !self.only().is_empty() {
            return Err(Error::new(ErrorKind::Usage, "Only two states can be compared in parts")
                .hint("name two, or leave the part out"));
        }
        let runs = runs(context, reader, states)?;
        context.print_in(&many::load(reader, &many::Key { runs, moment: context.moment()? })?, &self.style())?;
        Ok(0)
    }

    fn style(&self) -> Style {
        let style = Style::of_stdout();
        Style { side_by_side: self.side_by_side || (style.side_by_side && !self.unified), ..style }
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

/// The runs that were named, one by one or by ranges.
pub fn runs(context: &Context, reader: &Reader, specs: &[String]) -> Result<Vec<RunId>> {
    let run = |spec: &String| Ok(select::run(context, reader, spec)?.start.run);
    expanded(context, reader, specs)?.iter().map(run).collect()
}

/// What was named, with every range as the runs in it, oldest first.
fn expanded(context: &Context, reader: &Reader, specs: &[String]) -> Result<Vec<String>> {
    let mut states = Vec::new();
    for spec in specs {
        match spec.split_once("..").filter(|(first, last)| !first.is_empty() && !last.is_empty()) {
            Some((first, last)) if !last.starts_with(['.', '/']) => states.extend(range(context, reader, first, last)?),
            _ => states.push(spec.clone()),
        }
    }
    Ok(states)
}

/// The ids of all runs of a project from one to another, oldest first.
fn range(context: &Context, reader: &Reader, first: &str, last: &str) -> Result<Vec<String>> {
    let (first, last) = (select::run(context, reader, first)?.start, select::run(context, reader, last)?.start);
    let query = RunQuery { project: Some(first.project), oldest_first: true, ..RunQuery::default() };
    let (from, to) = (first.time.min(last.time), first.time.max(last.time));
    let rows = reader.runs(&query)?.into_iter().filter(|row| (from..=to).contains(&row.start.time));
    Ok(rows.map(|row| row.start.run.to_string()).collect())
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
