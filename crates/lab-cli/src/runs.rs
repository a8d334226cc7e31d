//! `lab ls`: the list of runs.

use lab_engine::Result;
use lab_model::Status;
use lab_view::runs;

use crate::context::Context;
use crate::error::usage;

/// The arguments of `lab ls`.
#[derive(clap::Args, Debug)]
pub struct Ls {
    /// Words that must match: in name, id, command, tag, status or note; or lr=0.1, acc>0.9, loss<1
    query: Vec<String>,
    /// At most so many; 0 for all
    #[arg(short = 'n', long = "limit", default_value_t = 20, value_name = "NUMBER")]
    limit: usize,
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
    /// Only these columns, in this order
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    columns: Vec<String>,
}

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
        let key = runs::Key {
            project,
            limit: (self.limit > 0).then_some(self.limit),
            tag: self.tag.clone(),
            status: self.status,
            starred: self.starred,
            hidden: self.all,
            removed: self.all,
            words: self.query.clone(),
            moment: context.moment()?,
        };
        let mut page = runs::load(&reader, &key)?;
        if !self.columns.is_empty() {
            let known: Vec<String> = page.runs.columns.iter().map(|column| column.title.clone()).collect();
            let unknown = page.runs.select(&self.columns);
            if let Some(unknown) = unknown.first().filter(|_| page.total > 0) {
                return Err(
                    usage(format!("There is no column {unknown}")).hint(format!("there are {}", known.join(", ")))
                );
            }
        }
        context.print(&page)?;
        Ok(0)
    }
}
