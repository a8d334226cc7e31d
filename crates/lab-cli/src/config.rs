//! `lab config`: the settings in force.

use std::path::{Path, PathBuf};

use lab_engine::{Config, Result};
use lab_view::settings;

use crate::context::Context;

/// The arguments of `lab config`.
#[derive(clap::Args, Debug)]
#[command(after_help = "The settings stand in lab.toml in the project's directory; every key is optional.")]
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
        // Settings can be looked at before there is a notebook.
        let config = context.config()?;
        let root = match context.project() {
            Ok(Some(project)) => PathBuf::from(project.root),
            _ => nearest(&config.cwd),
        };
        let path = root.join(Config::FILE_NAME);
        let (settings, _) = Config::load(&root)?;
        let (shown, notebook) = (path.to_string_lossy(), config.notebook.to_string_lossy());
        context.print(&settings::page(&settings, &shown, path.exists(), &notebook))?;
        Ok(0)
    }
}

/// The nearest directory with a `lab.toml`, else the directory itself.
fn nearest(directory: &Path) -> PathBuf {
    let found = directory.ancestors().find(|ancestor| ancestor.join(Config::FILE_NAME).exists());
    found.unwrap_or(directory).to_owned()
}
