//! All commands and the options that they share.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lab_engine::Result;

use crate::context::Context;
use crate::*;

/// The lab notebook that writes itself: keeps the exact code, config, data and environment of every run.
#[derive(Parser, Debug)]
#[command(
    name = "lab",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "A run is named by the beginning of its id, by its name, by @ (the latest),\n\
                  by @-1 (the one before), or by tag:NAME.\n\
                  `lab help exit-codes` lists the exit codes."
)]
pub struct Cli {
    /// The shared options.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The notebook's directory [default: $LAB_NOTEBOOK, lab.toml, or the user's data directory]
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub notebook: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours: auto, always, never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: When,
    /// Work in this directory
    #[arg(short = 'C', global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub work_in: Option<PathBuf>,
    /// Say only what was asked for
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// When to use colours.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// In a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Open the notebook in the terminal
    #[command(alias = "ui")]
    Tui(tui::Tui),
    /// Run a command and keep everything about it
    #[command(visible_alias = "r")]
    Run(run::Run),
    /// List runs, newest first
    #[command(visible_alias = "list", alias = "runs", alias = "status", alias = "history")]
    Ls(runs::Ls),
    /// Keep a query of `lab ls` under a name
    View(view::View),
    /// Show one run: what changed, and did it help?
    Show(show::Show),
    /// Compare two to fifty runs, or a run with the working tree
    #[command(visible_alias = "compare")]
    Diff(compare::Diff),
    /// Write runs as CSV, JSON, Parquet, Markdown, LaTeX or HTML
    Export(export::Export),
    /// Put a run's files back, here or in a new directory
    #[command(alias = "checkout")]
    Restore(restore::Restore),
    /// Take back the last restore
    Undo(restore::Undo),
    /// Do the restore again that was taken back
    Redo(restore::Redo),
    /// Draw metrics: in the terminal, or as a figure for a paper
    Plot(plot::Plot),
    /// Log metrics: lab log loss=0.3 acc=0.9 --step 10
    Log(log::Log),
    /// Write down why a run was made or what came of it
    Note(note::Note),
    /// Tag a run
    Tag(edit::Tag),
    /// Take tags off a run
    Untag(edit::Tag),
    /// Star a run
    Star(edit::Star),
    /// Hide runs from lists
    Hide(edit::Hide),
    /// Give a run another name
    Rename(edit::Rename),
    /// Remove runs (can be undone until `lab gc`)
    #[command(alias = "remove", alias = "delete")]
    Rm(rm::Rm),
    /// List the files of a run
    Files(files::Files),
    /// Print a file as it was in a run
    Cat(cat::Cat),
    /// Search the code, config, logs and notes of all runs
    #[command(alias = "search")]
    Grep(grep::Grep),
    /// Show where a run's inputs come from, who used its outputs, and what is stale
    Lineage(lineage::Lineage),
    /// Say what a run's snapshot holds and what it does not
    Coverage(coverage::Coverage),
    /// Keep runs that nobody starts with `lab run`, from the background
    Watch(watch::Watch),
    /// Print a script that lets a shell tell the watcher of its commands
    Hook(hook::Hook),
    /// Make this directory a project (`lab run` does it by itself)
    Init(init::Init),
    /// List the projects of the notebook
    Projects(projects::Projects),
    /// Print the settings of this project
    Config(config::ConfigCommand),
    /// Take a snapshot of the working tree and print its id
    Snapshot(snapshot::Snapshot),
    /// Check that the notebook is whole
    #[command(alias = "fsck", alias = "check")]
    Verify(verify::Verify),
    /// Make the index anew from the packs
    Rebuild(rebuild::Rebuild),
    /// Drop what no run needs any more
    Gc(gc::Gc),
    /// Remove runs or contents for good, from every corner of the notebook
    Purge(purge::Purge),
    /// See it work: a small real experiment, run and restored
    Demo(demo::Demo),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Print the manual, or write its pages
    Man(man::Man),
    /// Explain a command, or `exit-codes`
    Help(man::Help),
    /// Looks after a run that was started by `lab run`.
    #[command(name = "__supervise", hide = true)]
    Supervise,
}

impl Cli {
    /// Carries the command out; the number is the exit code.
    pub fn dispatch(&self, context: &Context) -> Result<u8> {
        let Some(command) = &self.command else { return man::welcome(context) };
        match command {
            Command::Tui(command) => command.run(context),
            Command::Run(command) => command.run(context),
            Command::Ls(command) => command.run(context),
            Command::View(command) => command.run(context),
            Command::Show(command) => command.run(context),
            Command::Diff(command) => command.run(context),
            Command::Export(command) => command.run(context),
            Command::Restore(command) => command.run(context),
            Command::Undo(command) => command.run(context),
            Command::Redo(command) => command.run(context),
            Command::Plot(command) => command.run(context),
            Command::Log(command) => command.run(context),
            Command::Note(command) => command.run(context),
            Command::Tag(command) => command.run(context, true),
            Command::Untag(command) => command.run(context, false),
            Command::Star(command) => command.run(context),
            Command::Hide(command) => command.run(context),
            Command::Rename(command) => command.run(context),
            Command::Rm(command) => command.run(context),
            Command::Files(command) => command.run(context),
            Command::Cat(command) => command.run(context),
            Command::Grep(command) => command.run(context),
            Command::Lineage(command) => command.run(context),
            Command::Coverage(command) => command.run(context),
            Command::Watch(command) => command.run(context),
            Command::Hook(command) => command.run(context),
            Command::Init(command) => command.run(context),
            Command::Projects(command) => command.run(context),
            Command::Config(command) => command.run(context),
            Command::Snapshot(command) => command.run(context),
            Command::Verify(command) => command.run(context),
            Command::Rebuild(command) => command.run(context),
            Command::Gc(command) => command.run(context),
            Command::Purge(command) => command.run(context),
            Command::Demo(command) => command.run(context),
            Command::Completions(command) => command.run(context),
            Command::Man(command) => command.run(context),
            Command::Help(command) => command.run(context),
            Command::Supervise => lab_engine::supervise(context.config()?).map(|()| 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_takes_the_name_of_a_shared_option() {
        let mut command = Cli::command();
        let shared: Vec<String> = command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
        for sub in command.get_subcommands_mut() {
            for argument in sub.get_arguments() {
                assert!(
                    !shared.contains(&argument.get_id().to_string()),
                    "{} of {}",
                    argument.get_id(),
                    sub.get_name()
                );
            }
        }
    }

    #[test]
    fn everything_after_the_command_word_is_the_commands_own() {
        let cli = Cli::try_parse_from(["lab", "run", "--name", "x", "python", "--json", "-n", "3"]).unwrap();
        assert!(!cli.global.json);
        assert!(format!("{:?}", cli.command).contains("\"--json\", \"-n\", \"3\""));
        assert!(Cli::try_parse_from(["lab", "run", "--nonsense", "python"]).is_err());
        assert!(Cli::try_parse_from(["lab", "run"]).is_err());
    }
}
