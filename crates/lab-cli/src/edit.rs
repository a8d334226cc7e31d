//! `lab tag`, `untag`, `star`, `hide`, `rename`: small words on runs.

use lab_engine::{Result, RunRow};
use lab_model::{Change, Target};
use serde_json::json;

use crate::context::Context;
use crate::{error, select};

/// The arguments of `lab tag` and `lab untag`.
#[derive(clap::Args, Debug)]
pub struct Tag {
    /// The run
    run: String,
    /// The tags
    #[arg(required = true)]
    tags: Vec<String>,
}

/// The arguments of `lab star`.
#[derive(clap::Args, Debug)]
pub struct Star {
    /// The runs
    #[arg(required = true)]
    runs: Vec<String>,
    /// Take the star away
    #[arg(long)]
    undo: bool,
}

/// The arguments of `lab hide`.
#[derive(clap::Args, Debug)]
pub struct Hide {
    /// The runs
    #[arg(required = true)]
    runs: Vec<String>,
    /// Show them again
    #[arg(long)]
    undo: bool,
}

/// The arguments of `lab rename`.
#[derive(clap::Args, Debug)]
pub struct Rename {
    /// The run
    run: String,
    /// Its new name
    name: String,
}

/// Applies changes to one run each and says so.
fn apply(context: &Context, rows: &[RunRow], changes: impl Fn(&RunRow) -> Vec<Change>, done: &str) -> Result<u8> {
    let edits = rows
        .iter()
        .flat_map(|row| changes(row).into_iter().map(|change| (Target::Run(row.start.run.clone()), change)))
        .collect();
    context.engine()?.edit(edits)?;
    if context.global.json {
        let runs: Vec<&str> = rows.iter().map(|row| row.start.run.as_str()).collect();
        context.print_json(&json!({ "runs": runs, "done": done }))?;
    } else {
        let labels: Vec<String> = rows.iter().map(select::label).collect();
        context.say(&format!("{}: {done}", lab_view::format::some_of(&labels, 5)));
    }
    Ok(0)
}

fn rows(context: &Context, specs: &[String]) -> Result<Vec<RunRow>> {
    let reader = context.reader()?;
    specs.iter().map(|spec| select::run(context, &reader, spec)).collect()
}

impl Tag {
    /// Tags, or takes tags off.
    pub fn run(&self, context: &Context, on: bool) -> Result<u8> {
        for tag in &self.tags {
            if tag.is_empty() || tag.chars().any(|c| c.is_whitespace() || c.is_control() || c == ',') {
                return Err(error::usage(format!("This cannot be a tag: {}", crate::sanitize::line(tag)))
                    .hint("a tag is one word without blanks and commas"));
            }
        }
        let change = |tag: &String| {
            let tag = tag.clone();
            if on { Change::Tag { tag } } else { Change::Untag { tag } }
        };
        let rows = rows(context, std::slice::from_ref(&self.run))?;
        let done = format!("{} {}", if on { "tagged" } else { "no longer tagged" }, self.tags.join(", "));
        apply(context, &rows, |_| self.tags.iter().map(change).collect(), &done)
    }
}

impl Star {
    /// Stars, or takes stars away.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let on = !self.undo;
        let rows = rows(context, &self.runs)?;
        apply(context, &rows, |_| vec![Change::Star { on }], if on { "starred" } else { "no longer starred" })
    }
}

impl Hide {
    /// Hides, or shows again.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let on = !self.undo;
        let rows = rows(context, &self.runs)?;
        let done = if on { "hidden, `lab ls -a` shows hidden runs" } else { "listed again" };
        apply(context, &rows, |_| vec![Change::Hide { on }], done)
    }
}

impl Rename {
    /// Gives another name.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let name = self.name.trim();
        let reserved = name.starts_with('@') || name.starts_with("tag:") || name == ".";
        if name.is_empty() || reserved || name.chars().any(char::is_control) {
            return Err(error::usage(format!("This cannot be a name: {}", crate::sanitize::line(&self.name)))
                .hint("a name is not empty and does not begin with @ or tag:"));
        }
        let rows = rows(context, std::slice::from_ref(&self.run))?;
        apply(context, &rows, |_| vec![Change::Name { name: name.to_owned() }], &format!("now called {name}"))
    }
}
