//! Events by the `notify` crate, for systems without inotify(7).
//!
//! It watches paths where inotify watches directories, and it tells a moment later, from a thread of its own: its
//! events wait here in a queue of bounded length, and a socket says that there are some. Openings and readings are
//! dropped at once.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind};
use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher, recommended_watcher};

use super::queue::{Event, Refusal, What};

/// Events that wait here at most: as many as Linux keeps by default, and again as many.
const WAITING_EVENTS: usize = 32_768;

/// Device and inode.
type Identity = (u64, u64);

/// What the thread of `notify` hands over.
#[derive(Default)]
struct Waiting {
    events: Vec<notify::Event>,
    /// There were more, or the system lost some.
    is_lost: bool,
}

/// Events as `notify` tells them. Numbers are given here.
pub(super) struct Notified {
    watcher: RecommendedWatcher,
    waiting: Arc<Mutex<Waiting>>,
    /// Readable while something waits.
    bell: UnixStream,
    last_number: i32,
    places: HashMap<PathBuf, (i32, Identity)>,
    paths: HashMap<i32, PathBuf>,
    /// Where each directory is watched: never at two places, for the system knows only one.
    identities: HashMap<Identity, PathBuf>,
}

impl Notified {
    pub fn new() -> notify::Result<Self> {
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (bell, rope) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rope.set_nonblocking(true)?;
        let handed = Arc::clone(&waiting);
        let watcher = recommended_watcher(move |event| hand_over(&handed, &rope, event))?;
        let (places, paths, identities) = (HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Self { watcher, waiting, bell, last_number: 0, places, paths, identities })
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The events that wait; empty when there are no more.
    pub fn read(&mut self) -> Vec<Event> {
        let waiting = {
            let mut waiting = lock(&self.waiting);
            // With the lock held, so that the bell is never silent while something waits.
            while matches!(self.bell.read(&mut [0; 64]), Ok(1..)) {}
            std::mem::take(&mut *waiting)
        };
        let mut events = Vec::with_capacity(waiting.events.len() * 2);
        if waiting.is_lost {
            events.push(Event { number: 0, name: Box::default(), what: What::Lost, is_directory: false });
        }
        for event in &waiting.events {
            event.paths.iter().for_each(|path| self.translate(&event.kind, path, &mut events));
        }
        events
    }

    /// An event of a path is one of the directory there and one of the name in the directory above.
    fn translate(&self, kind: &EventKind, path: &Path, events: &mut Vec<Event>) {
        let place = self.places.get(path).map(|(number, _)| *number);
        let is_directory_now = || fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        let (what, is_directory) = match kind {
            EventKind::Create(CreateKind::File) => (What::Came, false),
            EventKind::Create(kind) => (What::Came, *kind == CreateKind::Folder || is_directory_now()),
            EventKind::Remove(kind) => (What::Went, *kind == RemoveKind::Folder || place.is_some()),
            // It does not say of what.
            EventKind::Modify(ModifyKind::Name(_)) if is_directory_now() => (What::Came, true),
            EventKind::Modify(ModifyKind::Name(_)) => (What::Went, place.is_some()),
            _ => (What::Changed, place.is_some()),
        };
        events.extend(place.map(|number| Event { number, name: Box::default(), what, is_directory }));
        if let (Some((number, _)), Some(name)) =
            (path.parent().and_then(|above| self.places.get(above)), path.file_name())
        {
            events.push(Event { number: *number, name: name.as_bytes().into(), what, is_directory });
        }
    }

    /// Watches the directory behind `fd`, which stands at `path`.
    pub fn add(&mut self, fd: BorrowedFd<'_>, path: &Path) -> Result<i32, Refusal> {
        let stat = rustix::fs::fstat(fd).map_err(|_| Refusal::Other)?;
        let identity = (stat.st_dev, stat.st_ino);
        let path = fs::canonicalize(path).map_err(|_| Refusal::Other)?;
        let is_there = |path: &Path| fs::metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == identity);
        if let Some(other) = self.identities.get(&identity).filter(|other| **other != path).cloned() {
            if is_there(&other) {
                // Mounted at both places.
                return Err(Refusal::Other);
            }
            self.drop_path(&other);
        }
        if self.places.get(&path).is_some_and(|(_, before)| *before != identity) {
            self.drop_path(&path);
        }
        // Also what is watched already: a move ends that, and is told of before and after.
        self.watcher.watch(&path, RecursiveMode::NonRecursive).map_err(|error| match error.kind {
            ErrorKind::MaxFilesWatch => Refusal::Limit,
            _ => Refusal::Other,
        })?;
        if !is_there(&path) {
            self.drop_path(&path);
            return Err(Refusal::Other);
        }
        if let Some((number, _)) = self.places.get(&path) {
            return Ok(*number);
        }
        self.last_number += 1;
        self.places.insert(path.clone(), (self.last_number, identity));
        self.paths.insert(self.last_number, path.clone());
        self.identities.insert(identity, path);
        Ok(self.last_number)
    }

    pub fn remove(&mut self, number: i32) {
        if let Some(path) = self.paths.get(&number).cloned() {
            self.drop_path(&path);
        }
    }

    fn drop_path(&mut self, path: &Path) {
        // It may have ended already.
        let _ = self.watcher.unwatch(path);
        if let Some((number, identity)) = self.places.remove(path) {
            self.paths.remove(&number);
            self.identities.remove(&identity);
        }
    }
}

fn hand_over(waiting: &Mutex<Waiting>, mut rope: &UnixStream, event: notify::Result<notify::Event>) {
    let is_write = |kind| matches!(kind, AccessKind::Close(AccessMode::Write | AccessMode::Any));
    let mut waiting = lock(waiting);
    match event {
        Ok(event) if matches!(event.kind, EventKind::Access(kind) if !is_write(kind)) => return,
        Ok(event) if !event.need_rescan() && waiting.events.len() < WAITING_EVENTS => waiting.events.push(event),
        Ok(_) | Err(_) => waiting.is_lost = true,
    }
    // When it is full it rings already.
    let _ = rope.write(&[1]);
}

/// A thread that ended while it held the lock left only whole events.
fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
