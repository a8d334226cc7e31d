//! `lab-desktop`: the notebook in a window.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use lab_engine::demo::{Demo, Pace};
use lab_engine::{EngineConfig, Error, Result, Seat};

/// The lab notebook in a window.
#[derive(Parser)]
#[command(
    name = "lab-desktop",
    version,
    after_help = "A second start hands PATH to the window that is open, and ends."
)]
struct Arguments {
    /// A directory of the project to begin in, or the notebook.toml of a notebook [default: the current directory]
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    path: Option<PathBuf>,
    /// The notebook's directory [default: $LAB_NOTEBOOK, lab.toml, or the user's data directory]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    notebook: Option<PathBuf>,
    /// Open a demo in a notebook of its own, which goes with the window
    #[arg(long, conflicts_with_all = ["path", "notebook"])]
    demo: bool,
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
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

fn start(arguments: Arguments) -> Result<()> {
    let Arguments { path, notebook, demo } = arguments;
    if demo {
        return start_demo();
    }
    let named = path.as_deref().and_then(notebook_of);
    if let Some(path) = path.as_deref().filter(|_| named.is_none()) {
        std::env::set_current_dir(path).map_err(|error| Error::disk("enter", path, error))?;
    }
    let config = EngineConfig::from_system(named.or(notebook))?.served_by_lab();
    // The window that is open is told where this one was started.
    let Some(seat) = Seat::take(&config, &config.cwd)? else { return Ok(()) };
    let project = lab_engine::project_here(&config)?;
    lab_desktop::open(config, project, seat)
}

/// The notebook that a path names: its directory, or the file in it that says so.
fn notebook_of(path: &Path) -> Option<PathBuf> {
    const FILE: &str = "notebook.toml";
    let directory = if path.is_file() && path.ends_with(FILE) { path.parent()? } else { path };
    directory.join(FILE).is_file().then(|| directory.to_owned())
}

fn start_demo() -> Result<()> {
    let config = EngineConfig::from_system(None)?.served_by_lab();
    // It is there as long as the window is.
    let demo = Demo::open(&config, Pace::Moving)?;
    let config = demo.config.clone();
    if let Some(seat) = Seat::take(&config, &config.cwd)? {
        lab_desktop::open(config, Some(demo.project().clone()), seat)?;
    }
    Ok(())
}
