//! `lab completions`: a script that completes `lab` in a shell.

use clap::CommandFactory;
use lab_engine::Result;

use crate::cli::Cli;
use crate::context::Context;
use crate::error;

/// The arguments of `lab completions`.
#[derive(clap::Args, Debug)]
#[command(after_help = "bash: lab completions bash > ~/.local/share/bash-completion/completions/lab\n\
                  zsh:  lab completions zsh > a directory of $fpath, as _lab\n\
                  fish: lab completions fish > ~/.config/fish/completions/lab.fish")]
pub struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    /// Prints the script.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "lab", &mut script);
        context.print_bytes(&script).map_err(error::output)?;
        Ok(0)
    }
}
