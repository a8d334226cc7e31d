//! Runs of which only a folder is seen: the process runs in a container or on another machine.
//!
//! Hydra, Lightning and TensorBoard make a folder for each run. One that appears in a watched project, made after the
//! watcher came, and that grows while nobody here has its files open, is a run without a process: it opens with the files
//! of the project as they are then, its metrics are followed, and it is closed when nothing in the folder has changed for
//! `quiet_seconds` of `[watch]`. A folder that was made while another run of the project was open belongs to that run.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lab_exec::{Ended, Exit};
use lab_ingest::frameworks::run_folder;
use lab_model::{Origin, Project, ProjectId, RunId, Time};
use lab_store::RunQuery;

use super::follow::{NANOS_PER_MILLI, NO_LOG, Watcher};
use super::observe::Seen;
use super::projects::watch_config;
use super::protocol::WatchedRun;
use super::work::Close;
use crate::Result;
use crate::complete::Completion;
use crate::follow::{Walk, born};
use crate::live::LiveRun;
use crate::run::{Payload, own_key};
use crate::snapshot::Taken;
use crate::supervise::{AtEnd, RunSink};
use crate::watched::monotonic_nanos as now_nanos;

/// How often the directories of projects are looked at, and how many of a project at once: a thousandth of a core.
const LOOK_NANOS: u64 = 2_000 * NANOS_PER_MILLI;
const DIRECTORIES: usize = 128;
const ENTRIES: usize = 4096;
/// A folder of which no run came so long after it was seen becomes none.
const GIVE_UP_NANOS: u64 = 600_000 * NANOS_PER_MILLI;
/// How often the files of a run are looked at.
const TICK_NANOS: u64 = 1_000 * NANOS_PER_MILLI;
/// Runs that began or ended so close to a folder's first file may have made it.
const SLACK_MILLIS: i64 = 2_000;
/// Runs that are asked whether a folder is theirs, the last ones.
const RECENT_RUNS: usize = 50;
/// Files of a folder that are looked at, and how deep.
const FILES: usize = 1_000;
const DEPTH: usize = 4;

/// The folders of all projects.
#[derive(Default)]
pub(super) struct Folders {
    projects: HashMap<ProjectId, Place>,
    runs: Vec<FolderRun>,
    /// All that were ever opened.
    made: HashSet<RunId>,
    looked_nanos: u64,
}

/// A project in which folders are looked for.
struct Place {
    walk: Walk,
    since: Time,
    /// Folders that are settled: old, of another run, or a run already.
    known: HashSet<String>,
    waiting: Vec<Waiting>,
}

/// A folder that may become a run.
struct Waiting {
    folder: String,
    seen: Content,
    seen_nanos: u64,
}

/// A run that is followed by its folder.
struct FolderRun {
    payload: Payload,
    sink: RunSink,
    completion: Completion,
    root: PathBuf,
    path: PathBuf,
    seen: Content,
    changed_nanos: u64,
    opened_nanos: u64,
    ticked_nanos: u64,
    quiet_seconds: u64,
}

/// What a folder holds, well enough to see that it changed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Content {
    files: u64,
    bytes: u64,
    /// When the file that changed first and the one that changed last did so, in milliseconds since 1970.
    first: i64,
    last: i64,
}

impl Content {
    fn of(folder: &Path) -> Self {
        let mut found = Self { first: i64::MAX, ..Self::default() };
        found.add(folder, DEPTH);
        found
    }

    fn add(&mut self, directory: &Path, depth: usize) {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() && depth > 0 {
                self.add(&entry.path(), depth - 1);
            } else if metadata.is_file() && self.files < FILES as u64 {
                let changed = metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000;
                self.files += 1;
                self.bytes += metadata.size();
                // Made in one tick of the clock and written in the next: the run began with the first.
                let made = born(&metadata).map_or(changed, |(seconds, nanos)| seconds * 1000 + nanos / 1_000_000);
                (self.first, self.last) = (self.first.min(changed).min(made), self.last.max(changed));
            }
        }
    }
}

impl FolderRun {
    const fn due_nanos(&self) -> u64 {
        self.ticked_nanos + TICK_NANOS
    }

    /// True when it is over.
    fn tick(&mut self, now: u64) -> bool {
        self.ticked_nanos = now;
        self.quiet_seconds = watch_config(&self.root).quiet_seconds;
        self.sink.tick_files((now - self.opened_nanos) / NANOS_PER_MILLI);
        let content = Content::of(&self.path);
        if content != self.seen {
            (self.seen, self.changed_nanos) = (content, now);
        }
        now - self.changed_nanos >= self.quiet_seconds * 1_000 * NANOS_PER_MILLI
    }

    fn close(self) -> Close {
        let Self { payload, sink, completion, path, seen, quiet_seconds, .. } = self;
        let start = payload.start.time.0;
        let last = if path.is_dir() { seen.last } else { start };
        let exit = Exit {
            ended: Ended::Unknown,
            usage: lab_model::Usage::default(),
            duration_millis: u64::try_from(last - start).unwrap_or(0),
            output_closed: false,
            lost_output_bytes: 0,
            left_behind: false,
        };
        let missing = vec![
            "what it used".to_owned(),
            format!("how it ended: nothing in its folder has changed for {quiet_seconds} s"),
        ];
        Close { payload, sink, exit, end: AtEnd { missing, files: None }, completion: Some(completion) }
    }
}

impl Watcher<'_> {
    /// Looks for folders of runs without a process, and follows those that were found.
    pub(super) fn work_folders(&mut self, now: u64) {
        let mut place = 0;
        while place < self.folders.runs.len() {
            let run = &mut self.folders.runs[place];
            if run.due_nanos() <= now && run.tick(now) {
                let run = self.folders.runs.swap_remove(place);
                self.hand_over(run.close());
            } else {
                place += 1;
            }
        }
        if now < self.folders.looked_nanos + LOOK_NANOS {
            return;
        }
        self.folders.looked_nanos = now;
        let all: Vec<(Project, PathBuf)> =
            self.projects.all.iter().map(|watched| (watched.project.clone(), watched.root.clone())).collect();
        self.folders.projects.retain(|id, _| all.iter().any(|(project, _)| project.id == *id));
        for (project, root) in all {
            self.look_for_folders(&project, &root, now);
        }
    }

    /// When the next look is due.
    pub(super) fn folders_due_nanos(&self) -> Option<u64> {
        self.folders.runs.iter().map(FolderRun::due_nanos).min()
    }

    pub(super) fn folder_runs(&self) -> impl Iterator<Item = WatchedRun> {
        self.folders.runs.iter().map(|run| WatchedRun {
            run: run.payload.start.run.clone(),
            name: run.payload.start.name.clone(),
            pid: 0,
        })
    }

    fn look_for_folders(&mut self, project: &Project, root: &Path, now: u64) {
        let since = self.engine.now();
        let skip = [self.engine.notebook.dir().to_owned()];
        let place = self.folders.projects.entry(project.id.clone()).or_insert_with(|| Place {
            walk: Walk::new(root, &skip, (since.0 / 1000, 0)),
            since,
            known: HashSet::new(),
            waiting: Vec::new(),
        });
        place.look(root, now);
        for waiting in std::mem::take(&mut place.waiting) {
            self.consider(project, root, waiting, now);
        }
    }

    /// Decides what becomes of a folder, or lets it wait.
    fn consider(&mut self, project: &Project, root: &Path, waiting: Waiting, now: u64) {
        let path = root.join(&waiting.folder);
        let content = Content::of(&path);
        let is_owned = self.is_anything_open(&project.id) || self.has_run_at(&project.id, content.first);
        if is_owned || now >= waiting.seen_nanos + GIVE_UP_NANOS {
            return;
        }
        let has_grown = now > waiting.seen_nanos && content != waiting.seen;
        if !has_grown || !lab_exec::writers(&path).is_empty() {
            if let Some(place) = self.folders.projects.get_mut(&project.id) {
                place.waiting.push(waiting);
            }
            return;
        }
        if let Err(error) = self.open_folder(project, root, &waiting.folder, content) {
            self.say(format_args!("the run in {} is not kept: {error}", path.display()));
        }
    }

    fn has_run_at(&self, project: &ProjectId, millis: i64) -> bool {
        let query = RunQuery {
            project: Some(project.clone()),
            limit: Some(RECENT_RUNS),
            include_hidden: true,
            include_removed: true,
            ..RunQuery::default()
        };
        let runs = self.engine.index().and_then(|index| Ok(index.runs(&query)?)).unwrap_or_default();
        runs.iter().filter(|run| !self.folders.made.contains(&run.start.run)).any(|run| {
            let is_over = run.end.as_ref().is_some_and(|end| end.time.0 + SLACK_MILLIS < millis);
            run.start.time.0 - SLACK_MILLIS <= millis && !is_over
        })
    }

    fn open_folder(&mut self, project: &Project, root: &Path, folder: &str, content: Content) -> Result<()> {
        let kept = self.engine.keep_files(&mut self.projects.watched, project, None)?;
        let time = Time(content.first);
        let seen =
            Seen { origin: Origin::Watch, argv: vec![folder.into()], cwd: root.join(folder), time, process: own_key() };
        let mut start = self.engine.seen_start(&seen, project, Some(&kept))?;
        let late = u64::try_from(self.engine.now().0 - time.0).unwrap_or(0).div_ceil(1000);
        start.missing.extend([
            NO_LOG.to_owned(),
            format!("its process: none was seen here; this is what appeared in {folder}"),
            format!("the files as of the start: those of {late} s later, here; where it runs they may be others"),
        ]);
        let payload = self.engine.open_seen(start, project, Some(&kept.taken))?;
        let live = LiveRun::new(&self.engine.notebook.live_dir(), &payload.start.run);
        let completion = Completion::start(root, Taken::sampled(&kept.taken), live.hashed_file());
        self.folders.made.insert(payload.start.run.clone());
        self.decide(0, folder, project, "run", &payload.start.name);
        self.say(format_args!("{} appeared in {folder}", payload.start.name));
        let now = now_nanos();
        let path = root.join(folder);
        self.folders.runs.push(FolderRun {
            sink: RunSink::of_folder(self.engine, &payload, &path),
            payload,
            completion,
            root: root.to_owned(),
            path,
            seen: content,
            changed_nanos: now,
            opened_nanos: now,
            ticked_nanos: 0,
            quiet_seconds: watch_config(root).quiet_seconds,
        });
        Ok(())
    }
}

impl Place {
    /// Looks at some directories; folders that are new wait.
    fn look(&mut self, root: &Path, now: u64) {
        let Self { walk, since, known, waiting } = self;
        walk.look(DIRECTORIES, ENTRIES, &mut |path| {
            let Some(folder) = run_folder(path).filter(|folder| !known.contains(*folder)) else { return };
            known.insert(folder.to_owned());
            let is_within =
                |other: &Waiting| folder.strip_prefix(other.folder.as_str()).is_some_and(|rest| rest.starts_with('/'));
            let seen = Content::of(&root.join(folder));
            // What was there before the watcher is no news, and what lies in another folder is that one's.
            if seen.first >= since.0 && !waiting.iter().any(is_within) {
                waiting.push(Waiting { folder: folder.to_owned(), seen, seen_nanos: now });
            }
        });
    }
}
