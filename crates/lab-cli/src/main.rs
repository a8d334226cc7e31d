//! The command line of the lab notebook: parses arguments, calls the engine, prints pages as text
//! or JSON.
//!
//! One file per command; [`context`] holds what they share, [`paint`] alone knows how a page looks
//! in a terminal. Nothing is opened before the arguments are understood.

mod ask;
mod cli;
mod context;
mod error;
mod paint;
mod progress;
mod sanitize;
mod select;
mod service;

mod cat;
mod compare;
mod completions;
mod config;
mod coverage;
mod demo;
mod edit;
mod export;
mod files;
mod gc;
mod grep;
mod hook;
mod init;
mod lineage;
mod log;
mod man;
mod note;
mod plot;
mod projects;
mod purge;
mod rebuild;
mod restore;
mod rm;
mod run;
mod runs;
mod show;
mod snapshot;
mod tui;
mod verify;
mod view;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::context::Context;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let context = match Context::new(&cli.global) {
        Ok(context) => context,
        Err(error) => return error::report(&error, cli.global.json),
    };
    match cli.dispatch(&context) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => error::report(&error, cli.global.json),
    }
}

/// Help and version are no errors; everything else is a wrong request.
fn refuse(error: &clap::Error) -> ExitCode {
    // When nobody reads standard output there is nobody to tell.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(lab_engine::ErrorKind::Usage.exit_code()),
    }
}
