//! `lab files`: what a run's snapshot holds.

use lab_engine::{Error, ErrorKind, Reader, Result};
use lab_model::Hash;
use lab_view::{Block, Blocks, Section, Table, files, show};
use serde::Serialize;

use crate::context::Context;
use crate::select::{self, State};

/// The arguments of `lab files`.
#[derive(clap::Args, Debug)]
pub struct Files {
    /// The run, or a snapshot's id
    #[arg(default_value = "@")]
    run: String,
    /// What the run wrote
    #[arg(long)]
    outputs: bool,
    /// The files as of the run's end
    #[arg(long)]
    end: bool,
    /// Directories too
    #[arg(long, short)]
    directories: bool,
}

#[derive(Serialize)]
struct Outputs {
    outputs: Table,
}

impl Blocks for Outputs {
    fn blocks(&self) -> Vec<Section<'_>> {
        vec![Section { title: "", block: Block::Table(&self.outputs) }]
    }
}

impl Files {
    /// Prints the list.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        if self.outputs {
            let row = select::run(context, &reader, &self.run)?;
            let outputs = row.end.map(|end| end.outputs).unwrap_or_default();
            context.print(&Outputs { outputs: show::outputs(&outputs) })?;
            return Ok(0);
        }
        let snapshot = snapshot_of(context, &reader, &self.run, self.end)?;
        context.print(&files::load(&reader, &files::Key { snapshot, directories: self.directories })?)?;
        Ok(0)
    }
}

/// The snapshot of a run, as of its start or end; or the snapshot itself.
pub fn snapshot_of(context: &Context, reader: &Reader, spec: &str, end: bool) -> Result<Hash> {
    match select::state(context, reader, spec)? {
        State::Snapshot(id) => Ok(id),
        State::Run(row) => {
            let at_end = row.end.as_ref().and_then(|end| end.snapshot).filter(|_| end);
            at_end.or(row.start.snapshot).ok_or_else(|| {
                Error::new(ErrorKind::Missing, format!("The files of {} were not kept", select::label(&row)))
                    .hint(row.start.missing.first().cloned().unwrap_or_else(|| "`lab show` says why".to_owned()))
            })
        }
    }
}
