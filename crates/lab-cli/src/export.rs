//! `lab export`: runs for other programs.

use std::path::PathBuf;

use clap::ValueEnum;
use lab_engine::{Error, ErrorKind, Result, RunQuery};
use lab_view::export::{self, Format, Key};

use crate::compare;
use crate::context::Context;

/// The arguments of `lab export`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Without runs, all of the project are exported, oldest first.\n\
                  In CSV, text that a spreadsheet would take for a formula gets an apostrophe in front.")]
pub struct Export {
    /// Runs, or ranges of runs such as @-4..@
    #[arg(value_name = "RUN")]
    runs: Vec<String>,
    /// The format [default: told by the file's name, else csv]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Name>,
    /// Write to this file rather than to standard output
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// All points of all metrics, one row for each
    #[arg(long)]
    series: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Name {
    Csv,
    Json,
    Parquet,
    #[value(alias = "md")]
    Markdown,
    #[value(alias = "tex")]
    Latex,
    #[value(alias = "htm")]
    Html,
}

impl Export {
    /// Writes the runs.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let runs = if self.runs.is_empty() {
            let project = context.need_project()?.id;
            let query = RunQuery { project: Some(project), oldest_first: true, ..RunQuery::default() };
            reader.runs(&query)?.into_iter().map(|row| row.start.run).collect()
        } else {
            compare::runs(context, &reader, &self.runs)?
        };
        let count = runs.len() as u64;
        let key =
            Key { runs, format: self.format(context.global.json)?, series: self.series, moment: context.moment()? };
        let bytes = export::export(&reader, &key)?;
        match &self.output {
            Some(path) => {
                std::fs::write(path, &bytes).map_err(|error| Error::disk("write", path, error))?;
                let words = lab_view::format::count(count, "run");
                context.say(&format!("Wrote {words} to {}", crate::sanitize::line(&path.to_string_lossy())));
            }
            None => context.print_bytes(&bytes).map_err(crate::error::output)?,
        }
        Ok(0)
    }

    fn format(&self, json: bool) -> Result<Format> {
        let told = self.output.as_ref().and_then(|path| path.extension()).and_then(|extension| extension.to_str());
        let name = match (self.format, told) {
            (Some(name), _) => name,
            (None, None) if json => Name::Json,
            (None, None) => Name::Csv,
            (None, Some(extension)) => Name::from_str(extension, true).map_err(|_| {
                Error::new(ErrorKind::Usage, "The file's name tells no format that can be written")
                    .hint("choose one: --format csv, json, parquet, markdown, latex or html")
            })?,
        };
        Ok(match name {
            Name::Csv => Format::Csv,
            Name::Json => Format::Json,
            Name::Parquet => Format::Parquet,
            Name::Markdown => Format::Markdown,
            Name::Latex => Format::Latex,
            Name::Html => Format::Html,
        })
    }
}
