//! `lab man`, `lab help`, and what `lab` alone says.

use std::path::PathBuf;

use clap::CommandFactory;
use lab_engine::{Error, ErrorKind, Result};

use crate::cli::Cli;
use crate::context::Context;
use crate::error;

/// What the exit codes mean.
pub const EXIT_CODES: &str = "\
Exit codes

  0    done
  1    `lab grep` found nothing
  2    the request is wrong: see the hint, or `lab help COMMAND`
  3    what was asked for is not there
  4    somebody else is at it: try again
  5    the disk is full, read-only or failing
  6    the notebook is damaged: `lab verify`, `lab rebuild`
  7    the person said no
  70   a mistake in lab itself

`lab run` ends as its command ends: with its exit code, or by its signal.
";

const WELCOME: &str = "\
lab keeps the exact code, config, data and environment of every run.

  lab run -- python train.py   run a command and keep everything about it
  lab ls                       list the runs
  lab diff                     what changed since the run before, and did it help?

  lab demo                     see it work on a small real experiment
  lab help                     everything else
";

/// What `lab` alone says.
pub fn welcome(context: &Context) -> Result<u8> {
    context.print_text(WELCOME)?;
    Ok(0)
}

/// The arguments of `lab help`.
#[derive(clap::Args, Debug)]
pub struct Help {
    /// A command, or `exit-codes`
    topic: Option<String>,
}

impl Help {
    /// Prints the help.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let mut command = Cli::command();
        command.build();
        let help = match self.topic.as_deref() {
            None => command.render_help(),
            Some("exit-codes") => {
                context.print_text(EXIT_CODES)?;
                return Ok(0);
            }
            Some(topic) => {
                let found = command.find_subcommand_mut(topic).ok_or_else(|| {
                    error::usage(format!("There is no command {}", crate::sanitize::line(topic)))
                        .hint("`lab help` lists the commands")
                })?;
                found.render_help()
            }
        };
        context.print_text(&help.ansi().to_string())?;
        Ok(0)
    }
}

/// The arguments of `lab man`.
#[derive(clap::Args, Debug)]
pub struct Man {
    /// Write a page for each command into this directory
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: Option<PathBuf>,
}

impl Man {
    /// Prints the manual's first page, or writes all pages.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let command = Cli::command().after_long_help(EXIT_CODES);
        match &self.out {
            Some(directory) => {
                std::fs::create_dir_all(directory).map_err(|error| Error::disk("create", directory, error))?;
                clap_mangen::generate_to(command, directory)
                    .map_err(|error| Error::disk("write the manual to", directory, error))?;
            }
            None => {
                let mut page = Vec::new();
                clap_mangen::Man::new(command)
                    .render(&mut page)
                    .map_err(|error| Error::new(ErrorKind::Bug, "Could not write the manual").because(error))?;
                context.print_bytes(&page).map_err(error::output)?;
            }
        }
        Ok(0)
    }
}
