//! `lab init`: make a directory a project.

use std::path::PathBuf;

use lab_engine::Result;
use serde_json::json;

use crate::context::Context;
use crate::sanitize;

/// The arguments of `lab init`.
#[derive(clap::Args, Debug)]
pub struct Init {
    /// The directory
    #[arg(default_value = ".", value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,
    /// What the project is called [default: the directory's name]
    #[arg(long)]
    name: Option<String>,
}

impl Init {
    /// Makes the project.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let engine = context.engine_or_new()?;
        let directory = engine.config().cwd.join(&self.directory);
        let (project, new) = engine.init(&directory, self.name.as_deref())?;
        crate::watch::mention(engine);
        if context.global.json {
            context.print_json(&json!({ "project": project, "new": new }))?;
            return Ok(0);
        }
        let (name, root) = (sanitize::line(&project.name), sanitize::line(&project.root));
        let words = if new { "is a project now" } else { "is a project already" };
        context.print_text(&format!("{name} {words}: {root}\n"))?;
        context.say("lab.toml says what is kept; `lab run -- COMMAND` keeps the first run");
        Ok(0)
    }
}
