//! Which projects are watched, and how each stands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lab_model::Project;
use serde::{Deserialize, Serialize};

use super::place::WatchPlace;
use super::starts::{SHORT_MILLIS, Wanted};
use crate::engine::load_config;
use crate::watched::{Reason, State, Watched};
use crate::{Engine, Error, Result};
use lab_workdir::config::WatchConfig;

/// How well a project is watched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum WatchState {
    /// Every directory is watched: a start costs what changed.
    Full {
        /// How many.
        directories: u64,
    },
    /// Some directories are looked at instead.
    Partly {
        /// How many are watched.
        watched: u64,
        /// Of how many.
        directories: u64,
        /// Why not all.
        reason: String,
    },
    /// Its files are looked at when a run starts.
    Polled {
        /// Why.
        reason: String,
    },
    /// It cannot be looked at now.
    Gone {
        /// Why.
        reason: String,
    },
}

/// A project that is watched.
#[derive(Clone, Debug)]
pub(crate) struct WatchedRoot {
    pub project: Project,
    pub root: PathBuf,
    pub state: WatchState,
}

/// The watched projects.
#[derive(Default)]
pub(crate) struct Projects {
    pub all: Vec<WatchedRoot>,
    /// Their files, kept in view.
    pub watched: Watched,
}

impl Projects {
    /// Reads the list anew; what changed comes back in words.
    pub fn refresh(&mut self, engine: &Engine, place: &WatchPlace) -> Result<Vec<String>> {
        let removed = removed(place);
        let mut said = Vec::new();
        let mut fresh = Vec::new();
        for project in engine.plain_reader()?.projects()? {
            if removed.contains(project.id.as_str()) {
                continue;
            }
            let root = PathBuf::from(&project.root);
            let state = self.state_of(engine, &project, &root);
            let before = self.all.iter().find(|watched| watched.project.id == project.id);
            match (before.map(|watched| &watched.state), &state) {
                (Some(before), after) if kind(before) == kind(after) => {}
                (_, WatchState::Gone { reason }) => said.push(format!("{}: {reason}", project.name)),
                _ => said.push(format!("{} is watched: {}", project.name, project.root)),
            }
            fresh.push(WatchedRoot { project, root, state });
        }
        let is_gone = |old: &&WatchedRoot| !fresh.iter().any(|new| new.project.id == old.project.id);
        for gone in self.all.iter().filter(is_gone) {
            self.watched.remove(&gone.project.id);
            said.push(format!("{} is no longer watched", gone.project.name));
        }
        self.all = fresh;
        Ok(said)
    }

    /// How a project stands; it is taken into view when it is not yet.
    fn state_of(&mut self, engine: &Engine, project: &Project, root: &Path) -> WatchState {
        if let Err(error) = std::fs::read_dir(root) {
            self.watched.remove(&project.id);
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => "its folder was moved, deleted or unmounted".to_owned(),
                _ => format!("its folder cannot be read: {error}"),
            };
            return WatchState::Gone { reason };
        }
        if self.watched.state(&project.id).is_none()
            && let Err(error) = self.watched.add(engine, project)
        {
            return WatchState::Polled { reason: format!("its files are looked at when a run starts: {error}") };
        }
        self.watched
            .state(&project.id)
            .map_or_else(|| WatchState::Polled { reason: "its files are looked at when a run starts".to_owned() }, told)
    }

    /// What the detector is to tell of: the roots that are there.
    pub fn wanted(&self) -> Wanted {
        let there = self.all.iter().filter(|watched| !matches!(watched.state, WatchState::Gone { .. }));
        let roots: Vec<PathBuf> = there.map(|watched| watched.root.clone()).collect();
        let is_short = |config: WatchConfig| !config.run.is_empty() || config.minimum_millis <= SHORT_MILLIS;
        let short = roots.iter().any(|root| is_short(watch_config(root)));
        Wanted { roots, short }
    }

    /// The innermost project that holds a directory.
    pub fn holding(&self, directory: &Path) -> Option<&WatchedRoot> {
        let holds = self.all.iter().filter(|watched| directory.starts_with(&watched.root));
        holds.max_by_key(|watched| watched.root.as_os_str().len())
    }
}

/// What a project says of its runs; the defaults while its `lab.toml` cannot be read.
pub(crate) fn watch_config(root: &Path) -> WatchConfig {
    load_config(root).map(|(config, _)| config.watch).unwrap_or_default()
}

/// The state as it is told.
fn told(state: State) -> WatchState {
    let words = |reason: Reason| match reason {
        Reason::Limit => "the system allows a person no more watches (fs.inotify.max_user_watches)",
        Reason::NetworkFileSystem => "other machines may change the files",
        Reason::Refused => "the system refuses to watch it",
    };
    match state {
        State::Watched { directories } => WatchState::Full { directories: directories as u64 },
        State::Partly { watched, directories, reason } => WatchState::Partly {
            watched: watched as u64,
            directories: directories as u64,
            reason: words(reason).to_owned(),
        },
        State::Polled { reason } => {
            WatchState::Polled { reason: format!("looked at when a run starts: {}", words(reason)) }
        }
    }
}

/// What of a state is worth a word when it changes.
fn kind(state: &WatchState) -> std::mem::Discriminant<WatchState> {
    std::mem::discriminant(state)
}

fn removed(place: &WatchPlace) -> BTreeSet<String> {
    let text = std::fs::read_to_string(place.removed_file()).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

impl Engine {
    /// Watches a directory: it becomes a project when it is none. The second value tells whether it is new.
    ///
    /// # Errors
    /// Those of [`Engine::init`].
    pub fn watch_add(&self, directory: &Path) -> Result<(Project, bool)> {
        let (project, new) = match self.project_of(directory)? {
            Some(project) if directory.canonicalize().is_ok_and(|root| root == Path::new(&project.root)) => {
                (project, false)
            }
            _ => self.init(directory, None)?,
        };
        self.set_watched(&project, true)?;
        Ok((project, new))
    }

    /// Watches a project no longer, or again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Disk`] when that cannot be written down.
    pub fn set_watched(&self, project: &Project, watched: bool) -> Result<()> {
        let place = WatchPlace::new(&self.config);
        place.create()?;
        let mut removed = removed(&place);
        if watched {
            removed.remove(project.id.as_str());
        } else {
            removed.insert(project.id.to_string());
        }
        let text: String = removed.iter().flat_map(|id| [id.as_str(), "\n"]).collect();
        let path = place.removed_file();
        std::fs::write(&path, text).map_err(|error| Error::disk("write", &path, error))
    }
}
