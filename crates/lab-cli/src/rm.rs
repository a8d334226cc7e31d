//! `lab rm`: remove runs, and bring them back.

use lab_engine::{Result, RunQuery, RunRow};
use lab_model::{Change, Target};
use serde_json::json;

use crate::context::Context;
use crate::{ask, select};

/// The arguments of `lab rm`.
#[derive(clap::Args, Debug)]
#[command(after_help = "A removed run is no longer listed, and `lab gc` drops what only it needs. Until then\n\
                  `lab rm --undo RUN` brings it back. `lab purge` removes for good.")]
pub struct Rm {
    /// The runs
    #[arg(required = true)]
    runs: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Bring removed runs back
    #[arg(long)]
    undo: bool,
}

impl Rm {
    /// Removes.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let rows: Vec<RunRow> = if self.undo {
            let removed =
                reader.runs(&RunQuery { include_removed: true, include_hidden: true, ..RunQuery::default() })?;
            let find = |spec: &String| {
                let fits = |row: &&RunRow| {
                    row.removed
                        && (row.name == *spec || (spec.len() >= 3 && row.start.run.as_str().starts_with(spec.as_str())))
                };
                removed.iter().find(fits).cloned().ok_or_else(|| {
                    lab_engine::Error::new(lab_engine::ErrorKind::Missing, format!("There is no removed run {spec}"))
                        .hint("`lab ls -a` lists removed runs")
                })
            };
            self.runs.iter().map(find).collect::<Result<_>>()?
        } else {
            self.runs.iter().map(|spec| select::run(context, &reader, spec)).collect::<Result<_>>()?
        };
        let labels = lab_view::format::some_of(&rows.iter().map(select::label).collect::<Vec<_>>(), 5);
        if !self.undo {
            ask::confirm(context, &format!("Remove {labels}?"), self.yes)?;
        }
        let change = || if self.undo { Change::Unremove } else { Change::Remove };
        context.engine()?.edit(rows.iter().map(|row| (Target::Run(row.start.run.clone()), change())).collect())?;
        if context.global.json {
            let runs: Vec<&str> = rows.iter().map(|row| row.start.run.as_str()).collect();
            context.print_json(&json!({ "runs": runs, "removed": !self.undo }))?;
        } else if self.undo {
            context.say(&format!("{labels}: back again"));
        } else {
            let ids = rows.iter().map(|row| &row.start.run.as_str()[..4]).collect::<Vec<_>>().join(" ");
            context.say(&format!("{labels}: removed, `lab rm --undo {ids}` brings back"));
        }
        Ok(0)
    }
}
