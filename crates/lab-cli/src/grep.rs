//! `lab grep`: search all runs.

use lab_engine::{GrepPlace, GrepQuery, Result};
use lab_view::grep;

use crate::context::Context;
use crate::error;

/// The arguments of `lab grep`.
#[derive(clap::Args, Debug)]
#[command(after_help = "The exit code is 1 when nothing matches.")]
pub struct Grep {
    /// The text, taken as it stands
    pattern: String,
    /// Upper and lower case are the same
    #[arg(short, long)]
    ignore_case: bool,
    /// In code
    #[arg(long)]
    code: bool,
    /// In config files
    #[arg(long)]
    config: bool,
    /// In data and outputs
    #[arg(long)]
    data: bool,
    /// In logs
    #[arg(long)]
    logs: bool,
    /// In reasons, outcomes and notes
    #[arg(long)]
    notes: bool,
    /// In all projects
    #[arg(long)]
    all_projects: bool,
    /// At most so many lines; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 200, value_name = "NUMBER")]
    limit: usize,
}

impl Grep {
    /// Prints the lines.
    pub fn run(&self, context: &Context) -> Result<u8> {
        if self.pattern.is_empty() {
            return Err(error::usage("There is nothing to search for"));
        }
        let places: Vec<GrepPlace> = [
            (self.code, GrepPlace::Code),
            (self.config, GrepPlace::Config),
            (self.data, GrepPlace::Data),
            (self.logs, GrepPlace::Logs),
            (self.notes, GrepPlace::Notes),
        ]
        .into_iter()
        .filter_map(|(wanted, place)| wanted.then_some(place))
        .collect();
        let places = if places.is_empty() {
            vec![GrepPlace::Code, GrepPlace::Config, GrepPlace::Logs, GrepPlace::Notes]
        } else {
            places
        };
        let project = if self.all_projects { None } else { context.project()?.map(|project| project.id) };
        let query = GrepQuery { pattern: self.pattern.clone(), ignore_case: self.ignore_case, places, project };
        let most = if self.limit == 0 { usize::MAX } else { self.limit };
        let page = grep::load(&context.reader()?, &query, most)?;
        context.print(&page)?;
        Ok(u8::from(page.hits.is_empty()))
    }
}
