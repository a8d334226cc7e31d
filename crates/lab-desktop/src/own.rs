//! What only a window needs: open tabs, sizes of panels, widths of columns. The painter's own state, kept for each
//! project and remembered from one start to the next. Each place has its part in its own file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{charts, compare, files, frame, health, log, notes, projects, restore, run, runs, search};

/// What each place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Places {
    pub projects: projects::Own,
    pub runs: runs::Own,
    pub run: run::Own,
    pub log: log::Own,
    pub files: files::Own,
    pub compare: compare::Own,
    pub charts: charts::Own,
    pub restore: restore::Own,
    pub notes: notes::Own,
    pub search: search::Own,
    pub health: health::Own,
}

/// Everything that is remembered.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// By the project's id; empty for all projects together.
    pub projects: BTreeMap<String, Places>,
    /// What stands around the places.
    pub frame: frame::Own,
}
