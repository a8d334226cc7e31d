//! `lab tui`: the notebook in the terminal.

use lab_engine::Result;
use lab_engine::demo::{Demo, Pace};
use lab_tui::Theme;

use crate::cli::When;
use crate::context::Context;

/// The arguments of `lab tui`.
#[derive(clap::Args, Debug)]
#[command(after_help = "? shows all keys, Ctrl-P finds a command by its name.\n\
                        LAB_THEME=light|dark, NO_COLOR and LAB_ASCII=1 change how it looks.")]
pub struct Tui {
    /// Look around in a made-up notebook, which goes when you leave
    #[arg(long)]
    demo: bool,
}

impl Tui {
    /// Opens it.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let config = context.config()?;
        let mut theme = Theme::from_variables(&|name| config.variable(name).map(str::to_owned));
        if context.global.color == When::Never {
            theme.depth = lab_tui::Depth::None;
        }
        if self.demo {
            let demo = Demo::open(&config, Pace::Moving)?;
            lab_tui::open(demo.config.clone(), Some(demo.project().clone()), theme)?;
            return Ok(0);
        }
        // Without a notebook it opens too, and says how to begin.
        let project = lab_engine::project_here(&config)?;
        lab_tui::open(config, project, theme)?;
        Ok(0)
    }
}
