//! Who writes what, for one run.

use std::collections::HashMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lab_model::{Origin, RelPath, RunId};
use lab_workdir::Globs;

use super::{Follow, Walks, Witness, Writer};
use crate::Engine;
use crate::engine::load_config;
use crate::live::LiveRun;
use crate::run::Payload;

/// The variable that every process of a run has, also those that left its process tree.
const VARIABLE: &str = "LAB_RUN_ID";

/// Knows the processes of one run by their parents and their environment.
pub(crate) struct RunWitness {
    run: RunId,
    pid: Option<i32>,
    root: PathBuf,
    live: PathBuf,
}

impl RunWitness {
    /// Follows the files of a run; `None` when its folder is not there.
    pub(crate) fn begin(engine: &Engine, payload: &Payload, pid: Option<i32>, walks: &Walks) -> Option<(Follow, Self)> {
        Self::begin_in(engine, payload, Path::new(&payload.project.root), pid, walks)
    }

    /// The same for a run that writes into one folder.
    pub(crate) fn begin_in(
        engine: &Engine,
        payload: &Payload,
        root: &Path,
        pid: Option<i32>,
        walks: &Walks,
    ) -> Option<(Follow, Self)> {
        let root = root.canonicalize().ok()?;
        let live = LiveRun::new(&engine.notebook.live_dir(), &payload.start.run);
        // Made before the snapshot was taken, by the clock that files are stamped with.
        let made = std::fs::metadata(live.front_file()).ok()?;
        // Without it other runs in the same folder would not know of this one; it is followed all the same.
        let _ = std::fs::write(live.root_file(), root.as_os_str().as_bytes());
        let notebook = engine.notebook.dir().to_owned();
        let notebook = notebook.canonicalize().unwrap_or(notebook);
        let named = load_config(&root).map(|(config, _)| config.metrics).unwrap_or_default();
        let named = Globs::new(&named);
        let is_named = move |path: &str| RelPath::new(path).is_ok_and(|path| named.matches(&path));
        let opened = (made.mtime(), made.mtime_nsec());
        // A run that was only seen has begun before it was opened; its first files are its own too.
        let began = (payload.start.time.0.div_euclid(1000), payload.start.time.0.rem_euclid(1000) * 1_000_000);
        let since = if payload.start.origin == Origin::Run { opened } else { began.min(opened) };
        let follow = walks.begin(&root, &[notebook], since, Box::new(is_named));
        let run = payload.start.run.clone();
        Some((follow, Self { run, pid, root, live: engine.notebook.live_dir() }))
    }
}

impl Witness for RunWitness {
    fn writers(&mut self, root: &Path) -> HashMap<PathBuf, Writer> {
        let mut own = HashMap::new();
        let mut is_own = |pid: &i32| {
            *own.entry(*pid).or_insert_with(|| lab_exec::belongs(*pid, self.pid, VARIABLE, self.run.as_str()))
        };
        let who = |pids: Vec<i32>| if pids.iter().any(&mut is_own) { Writer::Own } else { Writer::Other };
        let mut who = who;
        lab_exec::writers(root).into_iter().map(|(path, pids)| (path, who(pids))).collect()
    }

    fn is_alone(&mut self) -> bool {
        let entries = std::fs::read_dir(&self.live).into_iter().flatten().flatten();
        let mut others = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<RunId>().ok());
        !others.any(|other| {
            let live = LiveRun::new(&self.live, &other);
            let root = std::fs::read(live.root_file()).unwrap_or_default();
            let root = PathBuf::from(std::ffi::OsString::from_vec(root));
            other != self.run
                && !root.as_os_str().is_empty()
                && (root.starts_with(&self.root) || self.root.starts_with(&root))
                && live.front().is_some_and(|front| lab_exec::is_alive(&front))
        })
    }
}
