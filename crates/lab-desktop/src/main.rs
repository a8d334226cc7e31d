//! `lab-desktop`: the notebook in a window.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use lab_engine::{EngineConfig, Error, Result};

/// The lab notebook in a window.
#[derive(Parser)]
#[command(name = "lab-desktop", version)]
struct Arguments {
    /// A directory of the project to begin in [default: the current one]
    #[arg(value_hint = clap::ValueHint::DirPath)]
    path: Option<PathBuf>,
    /// The notebook's directory [default: $LAB_NOTEBOOK, lab.toml, or the user's data directory]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    notebook: Option<PathBuf>,
}

fn main() -> ExitCode {
    match start(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = lab_model::display_bytes(error.message.as_bytes());
            let hint = error.hint.as_deref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            #[expect(clippy::print_stderr, reason = "a window that cannot open has nowhere else to say so")]
            {
                eprintln!("error: {text}{hint}");
            }
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn start(arguments: &Arguments) -> Result<()> {
    if let Some(path) = &arguments.path {
        std::env::set_current_dir(path).map_err(|error| Error::disk("enter", path, error))?;
    }
    let config = EngineConfig::from_system(arguments.notebook.clone())?;
    let project = lab_engine::project_here(&config)?;
    lab_desktop::open(config, project)
}
