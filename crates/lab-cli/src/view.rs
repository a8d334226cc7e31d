//! `lab view`: queries of lists kept under a name.

use lab_engine::{Error, ErrorKind, Reader, Result};
use lab_model::{Change, Target};
use lab_view::query::Query;
use serde_json::json;

use crate::context::Context;
use crate::error::usage;

/// The arguments of `lab view`.
#[derive(clap::Args, Debug)]
pub struct View {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Keep a query under a name; `lab ls @NAME` lists by it
    Save {
        /// The name
        name: String,
        /// The query
        #[arg(required = true)]
        query: Vec<String>,
    },
    /// List the saved views
    List,
    /// Print the query of a view
    Show {
        /// The name
        name: String,
    },
    /// Forget a view
    Remove {
        /// The name
        name: String,
    },
}

impl View {
    /// Carries the action out.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let project = context.need_project()?;
        let edit = |name: &str, query: &str| {
            let change = Change::View { name: name.to_owned(), query: query.to_owned() };
            context.engine()?.edit(vec![(Target::Project(project.id.clone()), change)])
        };
        match &self.action {
            Action::Save { name, query } => {
                check_name(name)?;
                let text = query.join(" ");
                let parsed = Query::parse(&text).map_err(|error| error.into_usage(&text))?;
                if parsed == Query::default() {
                    return Err(usage("This query asks for nothing").hint("such as `lab view save best sort:-acc`"));
                }
                edit(name, &text)?;
                context.say(&format!("{name}: kept, `lab ls @{name}` lists by it"));
            }
            Action::List => {
                let views = context.reader()?.views(&project.id)?;
                if context.global.json {
                    let views: Vec<_> =
                        views.iter().map(|(name, query)| json!({ "name": name, "query": query })).collect();
                    context.print_json(&json!({ "views": views }))?;
                } else if views.is_empty() {
                    context.say("No views yet: `lab view save NAME QUERY` keeps one");
                } else {
                    let width = views.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
                    let line =
                        |(name, query): &(String, String)| format!("{name:width$}  {}\n", crate::sanitize::line(query));
                    context.print_text(&views.iter().map(line).collect::<String>())?;
                }
            }
            Action::Show { name } => {
                let query = find(context, &context.reader()?, name)?;
                if context.global.json {
                    context.print_json(&json!({ "name": name, "query": query }))?;
                } else {
                    context.print_text(&format!("{}\n", crate::sanitize::line(&query)))?;
                }
            }
            Action::Remove { name } => {
                find(context, &context.reader()?, name)?;
                edit(name, "")?;
                context.say(&format!("{name}: forgotten"));
            }
        }
        Ok(0)
    }
}

/// The query of a saved view of the project here.
pub fn find(context: &Context, reader: &Reader, name: &str) -> Result<String> {
    let views = reader.views(&context.need_project()?.id)?;
    let names: Vec<String> = views.iter().map(|(name, _)| name.clone()).collect();
    let found = views.into_iter().find(|(found, _)| found == name).map(|(_, query)| query);
    found.ok_or_else(|| {
        let hint = match names.is_empty() {
            true => "`lab view save NAME QUERY` keeps one".to_owned(),
            false => format!("there are {}", lab_view::format::some_of(&names, 8)),
        };
        Error::new(ErrorKind::Missing, format!("There is no view {}", crate::sanitize::line(name))).hint(hint)
    })
}

fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('-') || !name.chars().all(fits) {
        return Err(usage(format!("This cannot be the name of a view: {}", crate::sanitize::line(name)))
            .hint("letters, digits, - _ and ."));
    }
    Ok(())
}
