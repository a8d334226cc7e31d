//! `lab ls`: the list of runs.

use lab_engine::Result;
use lab_model::Status;
use lab_view::query::{self, Query};
use lab_view::runs;

use crate::context::Context;
use crate::error::usage;

/// The arguments of `lab ls`.
#[derive(clap::Args, Debug)]
pub struct Ls {
    /// What is wanted, such as: acc > 0.9 and lr <= 1e-3 or tag:baseline sort:-best(acc); @NAME is a saved view
    query: Vec<String>,
    /// At most so many; 0 for all [default: 20]
    #[arg(short = 'n', long = "limit", value_name = "NUMBER")]
    limit: Option<usize>,
    /// Hidden and removed runs too
    #[arg(short, long)]
    all: bool,
    /// Only runs with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only runs that stand so: running, done, failed, killed, lost
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Only starred runs
    #[arg(long)]
    starred: bool,
    /// Only this project's runs, by name or id
    #[arg(long, value_name = "NAME", conflicts_with = "all_projects")]
    project: Option<String>,
    /// The runs of all projects
    #[arg(long)]
    all_projects: bool,
    /// Order by these, - before one for largest first; short for sort:
    #[arg(long, value_name = "KEY,…", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Put runs together that agree in these; short for group:
    #[arg(long, value_name = "KEY,…")]
    group: Option<String>,
    /// Only these columns, in this order; short for columns:
    #[arg(long, value_name = "COLUMN,…")]
    columns: Option<String>,
    /// A saved view, narrowed by the rest
    #[arg(long, value_name = "NAME")]
    view: Option<String>,
}

/// Rows of a list where nobody says how many.
const ROWS: usize = 20;

fn status(text: &str) -> std::result::Result<Status, String> {
    [Status::Running, Status::Done, Status::Failed, Status::Killed, Status::Lost]
        .into_iter()
        .find(|status| status.name() == text)
        .ok_or_else(|| "it is running, done, failed, killed or lost".to_owned())
}

impl Ls {
    /// Prints the list.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let project = match &self.project {
            Some(name) => {
                let projects = reader.projects()?;
                let fits = |project: &&lab_model::Project| {
                    project.name == *name || (name.len() >= 4 && project.id.as_str().starts_with(name.as_str()))
                };
                let found = projects.iter().find(fits);
                let found = found
                    .ok_or_else(|| usage(format!("There is no project {name}")).hint("`lab projects` lists them"))?;
                Some(found.id.clone())
            }
            None if self.all_projects => None,
            None => context.project()?.map(|project| project.id),
        };
        let (view, words) = match (&self.view, self.query.split_first()) {
            (Some(view), _) => (Some(view.as_str()), &self.query[..]),
            (None, Some((first, rest))) if first.len() > 1 && first.starts_with('@') => (Some(&first[1..]), rest),
            _ => (None, &self.query[..]),
        };
        let saved = view.map(|view| crate::view::find(context, &reader, view)).transpose()?;
        let key = runs::Key {
            project,
            query: self.text(words, saved)?,
            offset: 0,
            limit: Some(ROWS),
            all: self.all,
            moment: context.moment()?,
        };
        let page = runs::load(&reader, &key)?;
        context.print(&page)?;
        Ok(0)
    }

    /// The query that the words, a saved view and the options make together.
    fn text(&self, words: &[String], saved: Option<String>) -> Result<String> {
        let text = words.join(" ");
        let parse = |text: &str| Query::parse(text).map_err(|error| error.into_usage(text));
        let mut query = parse(&text)?;
        let mut options = Vec::new();
        options.extend(self.tag.as_ref().map(|tag| format!("tag:{}", query::quote(tag))));
        options.extend(self.status.map(|status| format!("status:{}", status.name())));
        options.extend(self.starred.then(|| "is:starred".to_owned()));
        options.extend(self.sort.as_ref().map(|sort| format!("sort:{sort}")));
        options.extend(self.group.as_ref().map(|group| format!("group:{group}")));
        options.extend(self.columns.as_ref().map(|columns| format!("columns:{}", blanks_quoted(columns))));
        options.extend(self.limit.map(|limit| format!("limit:{limit}")));
        if options.is_empty() && saved.is_none() {
            // As typed, so that an error points at what was typed.
            return Ok(text);
        }
        if let Some(saved) = saved {
            query = parse(&saved)?.narrowed(query);
        }
        Ok(query.narrowed(parse(&options.join(" "))?).to_string())
    }
}

/// Heads of columns may have blanks: `Exit code`.
fn blanks_quoted(columns: &str) -> String {
    let one = |column: &str| {
        let column = column.trim();
        if column.contains(' ') && !column.contains(['(', '"']) { query::quote(column) } else { column.to_owned() }
    };
    columns.split(',').map(one).collect::<Vec<_>>().join(",")
}
