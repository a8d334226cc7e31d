//! `lab hook`: a script that lets a shell tell `lab watch` of its commands.

use std::path::Path;

use lab_engine::watch::WatchPlace;
use lab_engine::{Error, ErrorKind, Result};

use crate::context::Context;

/// The arguments of `lab hook`.
#[derive(clap::Args, Debug)]
#[command(after_help = "bash: eval \"$(lab hook bash)\" at the end of ~/.bashrc\n\
                  zsh:  eval \"$(lab hook zsh)\" in ~/.zshrc\n\
                  fish: lab hook fish | source in ~/.config/fish/config.fish\n\
                  A command with a space before it is not kept.")]
pub struct Hook {
    /// The shell: bash, zsh or fish
    shell: Shell,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Hook {
    /// Prints the script.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let config = context.config()?;
        let script = match self.shell {
            Shell::Bash => include_str!("../../../assets/hook/lab.bash"),
            Shell::Zsh => include_str!("../../../assets/hook/lab.zsh"),
            Shell::Fish => include_str!("../../../assets/hook/lab.fish"),
        };
        let file = quoted(&WatchPlace::new(&config).hook_file())?;
        context.print_bytes(script.replace("@HOOK_FILE@", &file).as_bytes()).map_err(crate::error::output)?;
        Ok(0)
    }
}

/// A path as a word of any of the shells.
fn quoted(path: &Path) -> Result<String> {
    match path.to_str() {
        Some(text) if !text.contains(['\'', '\\', '\n']) => Ok(format!("'{text}'")),
        _ => Err(Error::new(ErrorKind::Usage, format!("A shell cannot be told this path: {}", path.display()))
            .hint("choose another place with LAB_NOTEBOOK")),
    }
}
