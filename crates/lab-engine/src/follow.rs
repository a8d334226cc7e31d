//! Follows the files that frameworks write while a run goes on, wherever they are below a directory and
//! whether or not they are ignored.
//!
//! There is no thread and no watch: [`Follow::tick`] does a bounded piece of work, as often as it is
//! called. Directories are asked for their modification time in turn and listed when it is another one;
//! files whose name may be one of ours are asked for theirs and read on from where the reading stopped.
//! At ten ticks a second a project of 20,000 files costs well below a hundredth of a core.
//!
//! **Whose file it is.** One that was not written since the run began is nobody's. One that a process of
//! the run has open for writing is the run's; one that only others have open is not. One that nobody has open
//! is the run's when no other run goes on in the same directory, for then there is no other known writer.
//! Of a file that was there before, what stood in it before does not count.

mod file;
mod walk;
mod witness;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lab_ingest::frameworks::{At, Kind};
use serde_json::Value;

pub(crate) use file::born;
use file::{Followed, Given, Looked};
pub(crate) use walk::Walk;
pub(crate) use witness::RunWitness;

/// Directories that are asked whether something is new in them, in one tick.
const DIRECTORIES_PER_TICK: usize = 64;
/// Entries of directories that are read in one tick; the directory at which this is reached is read to its end.
const ENTRIES_PER_TICK: usize = 4096;
/// Files that are asked whether they grew, in one tick.
const FILES_PER_TICK: usize = 64;
/// Bytes that are read in one tick.
const BYTES_PER_TICK: u64 = 4 << 20;
/// Of larger places nothing is kept for the next run.
const DIRECTORIES_KEPT: usize = 4096;
/// Files that are followed at most.
const MAX_FILES: usize = 10_000;

/// What is known of who writes.
pub trait Witness {
    /// Who has files below the directory open for writing, now.
    fn writers(&mut self, root: &Path) -> HashMap<PathBuf, Writer>;
    /// Whether another run goes on in the same place.
    fn is_alone(&mut self) -> bool;
}

/// Who has a file open for writing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
    /// A process of the run, perhaps beside others.
    Own,
    /// Only others.
    Other,
}

/// Takes what was found.
pub trait FollowSink {
    /// A value out of the file at `source`, which is relative to the followed directory.
    fn point(&mut self, source: &Source, key: &str, at: At, value: f64);
    /// A parameter.
    fn param(&mut self, source: &Source, name: &str, value: &Value);
    /// Something that could not be read.
    fn trouble(&mut self, source: &Source, words: &str);
}

/// Where points come from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Source {
    /// The tool or format.
    pub kind: &'static str,
    /// The directory or file that makes one set of series.
    pub place: String,
    /// The file.
    pub path: String,
}

/// Where runs were followed that are over: the next one in the same place lists only what has changed since.
#[derive(Clone, Default)]
pub struct Walks(Arc<Mutex<HashMap<PathBuf, Found>>>);

/// What was found in a place.
#[derive(Clone)]
struct Found {
    walk: Walk,
    files: Vec<String>,
}

/// The followed files of one run.
pub struct Follow {
    root: PathBuf,
    walk: Walk,
    files: BTreeMap<String, Followed>,
    given: HashMap<String, Given>,
    /// The file at which the next tick begins.
    next_file: String,
    is_named: Box<dyn Fn(&str) -> bool + Send>,
}

impl Follow {
    /// Follows what is written below `root`, except directories of `skip`, from the moment `since` (by the
    /// clock of the file system) on. Files that `is_named` names hold metrics whatever their name and first
    /// line are. Looks through the directory once, which costs about a microsecond an entry and is bounded.
    pub fn new(root: &Path, skip: &[PathBuf], since: Stamp, is_named: Box<dyn Fn(&str) -> bool + Send>) -> Self {
        let found = Found { walk: Walk::new(root, skip, since), files: Vec::new() };
        Self::begin(root, found, is_named)
    }

    fn begin(root: &Path, found: Found, is_named: Box<dyn Fn(&str) -> bool + Send>) -> Self {
        let Found { mut walk, files: before } = found;
        let since = walk.since();
        let mut files = BTreeMap::new();
        let mut note = |path: &str| note(&mut files, root, path, (since, true), &*is_named);
        before.iter().for_each(|path| note(path));
        walk.look(DIRECTORIES_KEPT, ENTRIES_PER_TICK, &mut note);
        Self { root: root.to_owned(), walk, files, given: HashMap::new(), next_file: String::new(), is_named }
    }

    /// One bounded piece of work.
    pub fn tick(&mut self, witness: &mut dyn Witness, sink: &mut dyn FollowSink) {
        self.find(DIRECTORIES_PER_TICK, ENTRIES_PER_TICK);
        let begin = std::mem::take(&mut self.next_file);
        let after = self.files.range(begin.clone()..).take(FILES_PER_TICK).map(|(path, _)| path.clone());
        let mut paths: Vec<String> = after.collect();
        if paths.len() < FILES_PER_TICK {
            let room = FILES_PER_TICK - paths.len();
            paths.extend(self.files.range(..begin).take(room).map(|(path, _)| path.clone()));
        }
        let mut bytes = BYTES_PER_TICK;
        let mut writers = None;
        for path in paths {
            self.read(&path, &mut bytes, &mut writers, witness, sink);
            // The next tick begins behind this file; with the same one, when there is more of it.
            self.next_file = if bytes == 0 { path } else { path + "\0" };
            if bytes == 0 {
                break;
            }
        }
    }

    /// Everything that is left, when the run is over.
    pub fn finish(&mut self, witness: &mut dyn Witness, sink: &mut dyn FollowSink) {
        self.find(usize::MAX, usize::MAX);
        let mut writers = None;
        for path in self.files.keys().cloned().collect::<Vec<_>>() {
            let mut bytes = u64::MAX;
            self.read(&path, &mut bytes, &mut writers, witness, sink);
            let Some(file) = self.files.get_mut(&path) else { continue };
            file.finish(&mut self.given, sink);
        }
    }

    fn find(&mut self, directories: usize, entries: usize) {
        let Self { walk, files, root, is_named, .. } = self;
        let since = walk.since();
        walk.look(directories, entries, &mut |path| note(files, root, path, (since, false), &**is_named));
    }

    fn read(
        &mut self,
        path: &str,
        bytes: &mut u64,
        writers: &mut Option<HashMap<PathBuf, Writer>>,
        witness: &mut dyn Witness,
        sink: &mut dyn FollowSink,
    ) {
        let Some(file) = self.files.get_mut(path) else { return };
        match file.look(&self.root) {
            Looked::Same => return,
            Looked::Gone => {
                if !file.is_followed() {
                    self.files.remove(path);
                }
                return;
            }
            Looked::Changed => {}
        }
        if !file.is_followed() {
            let writers = writers.get_or_insert_with(|| witness.writers(&self.root));
            match writers.get(&self.root.join(path)) {
                Some(Writer::Own) => {}
                Some(Writer::Other) => return file.set_foreign(),
                None if witness.is_alone() => {}
                None => return file.set_unknown(),
            }
        }
        file.read(&self.root, bytes, (self.is_named)(path), &mut self.given, sink);
    }
}

impl Walks {
    /// [`Follow::new`] where something was found before.
    pub fn begin(
        &self,
        root: &Path,
        skip: &[PathBuf],
        since: Stamp,
        is_named: Box<dyn Fn(&str) -> bool + Send>,
    ) -> Follow {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(root).cloned();
        match found {
            Some(Found { walk, files }) => Follow::begin(root, Found { walk: walk.again(since), files }, is_named),
            None => Follow::new(root, skip, since, is_named),
        }
    }

    /// Keeps what a run has found that is over.
    pub fn keep(&self, follow: Follow) {
        let Follow { root, walk, files, .. } = follow;
        if walk.count() <= DIRECTORIES_KEPT {
            let found = Found { walk, files: files.into_keys().collect() };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(root, found);
        }
    }
}

/// Seconds and nanoseconds since 1970, as a file system says them.
pub type Stamp = (i64, i64);

fn note(
    files: &mut BTreeMap<String, Followed>,
    root: &Path,
    path: &str,
    (since, is_begin): (Stamp, bool),
    is_named: &dyn Fn(&str) -> bool,
) {
    if files.len() < MAX_FILES && (Kind::may_be(path) || is_named(path)) && !files.contains_key(path) {
        files.insert(path.to_owned(), Followed::new(root, path, since, is_begin));
    }
}

#[cfg(test)]
mod tests;
