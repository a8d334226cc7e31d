//! `lab config`: what `lab.toml` says.

use std::path::PathBuf;

use lab_engine::{Config, Error, Result};
use serde_json::json;

use crate::context::Context;

/// The arguments of `lab config`.
#[derive(clap::Args, Debug)]
pub struct ConfigCommand {
    /// Print a lab.toml with every key and its default
    #[arg(long)]
    template: bool,
}

impl ConfigCommand {
    /// Prints the settings.
    pub fn run(&self, context: &Context) -> Result<u8> {
        if self.template {
            context.print_text(Config::template())?;
            return Ok(0);
        }
        let cwd = context.config()?.cwd;
        // Settings can be looked at before there is a notebook.
        let root = match context.project() {
            Ok(Some(project)) => PathBuf::from(project.root),
            _ => cwd,
        };
        let path = root.join(Config::FILE_NAME);
        Config::load(&root)?;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::disk("read", &path, error)),
        };
        if context.global.json {
            let value = json!({ "path": path.to_string_lossy(), "exists": text.is_some(), "text": text });
            context.print_json(&value)?;
            return Ok(0);
        }
        match text {
            Some(text) => context.print_text(&crate::sanitize::lines(&text))?,
            None => {
                context.say(&format!("There is no {}: these are the defaults", path.display()));
                context.print_text(Config::template())?;
            }
        }
        Ok(0)
    }
}
