//! The notebook in a terminal: paints what the session of `lab-view` holds, and tells it what a person did.
//!
//! One file for each place, named as in `lab-view`; [`theme`] is the one table from tones to colours,
//! [`text`] the one way for text from outside to the screen. This crate never reads a notebook, never
//! computes what a page says, and sends the terminal no control but its own.

mod ansi;
mod blocks;
mod charts;
mod compare;
mod dialog;
mod diff;
mod events;
mod files;
mod frame;
mod health;
mod keys;
mod log;
mod notes;
mod projects;
mod restore;
mod run;
mod runs;
mod search;
mod table;
mod terminal;
mod text;
mod theme;

use lab_engine::{EngineConfig, Result};
use lab_model::Project;

pub use theme::{Depth, Theme};

/// Opens the notebook on the terminal and stays until the person leaves.
///
/// # Errors
/// [`lab_engine::ErrorKind::Usage`] when there is no terminal.
pub fn open(config: EngineConfig, project: Option<Project>, theme: Theme) -> Result<()> {
    events::Interface::start(config, project, theme)?.run()
}
