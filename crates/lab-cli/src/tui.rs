//! `lab tui`: the notebook in the terminal.

use lab_engine::Result;
use lab_tui::Theme;

use crate::cli::When;
use crate::context::Context;

/// The arguments of `lab tui`.
#[derive(clap::Args, Debug)]
#[command(after_help = "? shows all keys, Ctrl-P finds a command by its name.\n\
                        LAB_THEME=light|dark, NO_COLOR and LAB_ASCII=1 change how it looks.")]
pub struct Tui {}

impl Tui {
    /// Opens it.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let config = context.config()?;
        let project = lab_engine::project_here(&config)?;
        let mut theme = Theme::from_variables(&|name| config.variable(name).map(str::to_owned));
        if context.global.color == When::Never {
            theme.depth = lab_tui::Depth::None;
        }
        lab_tui::open(config, project, theme)?;
        Ok(0)
    }
}
