//! Reads events as they come, whatever else is going on: what happened, when that became known, and what small files
//! held then. Who keeps the scans takes these notes when it gets to it, in their order.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lab_model::{RelPath, Role};

use super::queue::{Event, Key, Queue, Refusal, What};
use crate::{FileBytes, RootHandle, Stat, read_file, role_by_name, wait_for_writer};

/// Larger files are not held in memory when they change.
const HELD_FILE_BYTES: u64 = 1 << 20;
/// When more files than this change at once, nobody edits them by hand, and none is held.
const HELD_FILES: usize = 1024;
/// Bytes of contents that wait to be taken at most.
const WAITING_BYTES: usize = 64 << 20;
/// Notes that wait to be taken at most; what is beyond is lost, as the kernel does it with a full queue.
const WAITING_NOTES: usize = 1 << 18;
/// With so many notes who takes them is told.
const MANY_NOTES: usize = 1 << 12;
/// Of a file that changes all the time no more is read in a second.
const READS_PER_SECOND: u32 = 512;
const READ_BYTES_PER_SECOND: usize = 8 << 20;
const SECOND_NANOS: u64 = 1_000_000_000;
/// Files that are read again at a start, the last changed ones.
const WITNESSED_FILES: usize = 32;
/// Files that are read again at any start whatever, and how long ago they changed at most.
const HURRIED_FILES: usize = 4;
const HURRIED_NANOS: u64 = 2 * SECOND_NANOS;
/// Their bytes, at most, together.
const WITNESSED_BYTES: usize = 4 << 20;
/// Files that may be read again.
const RECENT_FILES: usize = 128;
/// Rounds of reading events and files that one call makes.
const ROUNDS: usize = 4;

/// Something that became known.
pub(super) enum Note {
    /// Events are missing, of all projects.
    Lost { read_nanos: u64 },
    /// It is about this path.
    Of { key: Key, path: RelPath, news: News },
}

/// What became known of a path.
pub(super) enum News {
    /// Something happened in this directory.
    Event { event: Event, read_nanos: u64 },
    /// This file has changed; what it held after that, when it was read.
    Changed { read_nanos: u64, file: Option<Arc<FileBytes>> },
    /// No event came since it was read.
    Verified,
    /// What it held was still there at a moment.
    Same { seen_nanos: u64 },
}

/// Reads the events of [`super::Watches`] on another thread, so that each is known, and small files are read, right after
/// it happened, also while somebody is busy with a scan.
#[derive(Clone)]
pub struct Listener {
    shared: Arc<Mutex<Shared>>,
    /// The queue's own; `None` where there is none.
    fd: Option<Arc<OwnedFd>>,
}

impl Listener {
    pub(super) fn new(queue: Option<Queue>) -> Self {
        let fd = queue.as_ref().and_then(|queue| queue.as_fd().try_clone_to_owned().ok()).map(Arc::new);
        Self { shared: Arc::new(Mutex::new(Shared { queue, ..Shared::default() })), fd }
    }

    /// Becomes readable when something happened; `None` where the system has no such events.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_deref().map(AsFd::as_fd)
    }

    /// Reads what happened and the small files that it happened to. True when [`super::Watches::drain`] should
    /// follow soon: a directory came, or much waits. `now` reads `CLOCK_MONOTONIC` in nanoseconds; it is called after
    /// each reading.
    pub fn listen(&self, now: &dyn Fn() -> u64) -> bool {
        let mut shared = self.lock();
        shared.listen(now);
        shared.is_urgent()
    }

    /// To be called right after something started: reads again the few files that changed just before. One that is
    /// the same as it was read before is certain, whatever is edited next.
    pub fn witness(&self, now: &dyn Fn() -> u64) {
        let mut shared = self.lock();
        if shared.has_hurried(now()) {
            shared.listen(now);
            shared.witness(None, now);
        }
    }

    /// Whether any file was edited a moment ago: then [`Listener::witness`] is to be called as soon as can be.
    pub fn has_hurried(&self, now_nanos: u64) -> bool {
        self.lock().has_hurried(now_nanos)
    }

    pub(super) fn witness_project(&self, key: Key, now: &dyn Fn() -> u64) {
        self.lock().witness(Some(key), now);
    }

    /// Reads what happened, and gives all that was noted since the last call.
    pub(super) fn take(&self, now: &dyn Fn() -> u64) -> Vec<Note> {
        let mut shared = self.lock();
        shared.listen(now);
        shared.waiting_bytes = 0;
        std::mem::take(&mut shared.notes)
    }

    /// Whether there is a queue, and whether its events may come after the change was seen otherwise.
    pub(super) fn is_late(&self) -> bool {
        self.lock().queue.as_ref().is_some_and(Queue::is_late)
    }

    /// Files of this project are read through `root` from now on.
    pub(super) fn set_root(&self, key: Key, root: Option<RootHandle>) {
        let mut shared = self.lock();
        if shared.roots.len() <= key {
            shared.roots.resize_with(key + 1, || None);
        }
        shared.roots[key] = root;
    }

    /// Ends to listen to a project.
    pub(super) fn forget_project(&self, key: Key) {
        self.set_root(key, None);
        self.unwatch_below(key, &RelPath::root(), &|_| false);
        let mut shared = self.lock();
        shared.touched.retain(|(other, _), _| *other != key);
        shared.unverified.retain(|(other, _)| *other != key);
        shared.recent.retain(|recent| recent.key != key);
        shared.notes.retain(|note| !matches!(note, Note::Of { key: other, .. } if *other == key));
    }

    /// See [`Queue::watch`]. The lock is held for this one directory: nobody waits for a walk.
    pub(super) fn watch(&self, key: Key, fd: BorrowedFd<'_>, root: &Path, path: &RelPath) -> Result<(), Refusal> {
        match &mut self.lock().queue {
            Some(queue) => queue.watch(key, fd, root, path),
            None => Err(Refusal::Other),
        }
    }

    pub(super) fn unwatch_below(&self, key: Key, path: &RelPath, keep: &dyn Fn(&[u8]) -> bool) {
        if let Some(queue) = &mut self.lock().queue {
            queue.unwatch_below(key, path, keep);
        }
    }

    pub(super) fn retry(&self) {
        if let Some(queue) = &mut self.lock().queue {
            queue.retry();
        }
    }

    pub(super) fn count(&self, key: Key) -> usize {
        self.lock().queue.as_ref().map_or(0, |queue| queue.count(key))
    }

    /// A thread that ended while it held the lock left whole notes only.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A content that was read not long ago.
struct Recent {
    key: Key,
    path: RelPath,
    file: Arc<FileBytes>,
    read_nanos: u64,
    is_verified: bool,
}

#[derive(Default)]
struct Shared {
    queue: Option<Queue>,
    roots: Vec<Option<RootHandle>>,
    notes: Vec<Note>,
    waiting_bytes: usize,
    /// Paths whose change was read, and when; still to be looked at.
    touched: BTreeMap<(Key, RelPath), u64>,
    /// Paths whose content was read after their last event, until the queue was found empty.
    unverified: Vec<(Key, RelPath)>,
    /// The oldest first.
    recent: VecDeque<Recent>,
    /// How often each file was read in the second that began last, and how many bytes.
    reads: HashMap<(Key, RelPath), (u32, usize)>,
    second_nanos: u64,
    has_new_directory: bool,
}

impl Shared {
    fn listen(&mut self, now: &dyn Fn() -> u64) {
        for _ in 0..ROUNDS {
            if self.read_queue(now) {
                break;
            }
            self.read_touched();
        }
    }

    fn is_urgent(&mut self) -> bool {
        let is_much = self.notes.len() >= MANY_NOTES || self.waiting_bytes >= WAITING_BYTES / 2;
        std::mem::take(&mut self.has_new_directory) || is_much
    }

    /// Reads the queue until it is empty; true when it was from the beginning.
    fn read_queue(&mut self, now: &dyn Fn() -> u64) -> bool {
        let mut count = 0;
        loop {
            let Some(queue) = &mut self.queue else { return true };
            let events = queue.read();
            if events.is_empty() {
                break;
            }
            let read_nanos = now();
            count += events.len();
            events.iter().for_each(|event| self.note(event, read_nanos));
            if count > WAITING_NOTES {
                // Who makes more events is not waited for.
                self.lose(read_nanos);
                return false;
            }
        }
        for (key, path) in std::mem::take(&mut self.unverified) {
            if self.touched.contains_key(&(key, path.clone())) {
                continue;
            }
            let recent = self.recent.iter_mut().rev().find(|recent| recent.key == key && recent.path == path);
            if let Some(recent) = recent {
                recent.is_verified = true;
            }
            self.notes.push(Note::Of { key, path, news: News::Verified });
        }
        count == 0
    }

    fn note(&mut self, event: &Event, read_nanos: u64) {
        if event.what == What::Lost || self.notes.len() >= WAITING_NOTES {
            return self.lose(read_nanos);
        }
        let Some(queue) = &mut self.queue else { return };
        for (key, dir) in queue.places(event.number) {
            let path = (!event.name.is_empty()).then(|| dir.join(&event.name)).and_then(Result::ok);
            match path {
                Some(_) if event.is_directory => self.has_new_directory |= event.what == What::Came,
                Some(path) => drop(self.touched.insert((*key, path), read_nanos)),
                None => {}
            }
            let news = News::Event { event: event.clone(), read_nanos };
            self.notes.push(Note::Of { key: *key, path: dir.clone(), news });
        }
        if event.what == What::Ended {
            queue.forget(event.number);
        }
    }

    /// Everything is to be looked at again; what was noted matters no more.
    fn lose(&mut self, read_nanos: u64) {
        let is_lost_already = matches!(self.notes.last(), Some(Note::Lost { .. }));
        if self.notes.len() >= WAITING_NOTES {
            self.notes = Vec::new();
            self.waiting_bytes = 0;
            self.touched.clear();
            self.unverified.clear();
        } else if is_lost_already {
            self.notes.pop();
        }
        self.has_new_directory = true;
        self.notes.push(Note::Lost { read_nanos });
    }

    /// Looks at what was touched: notes the change and reads small files.
    fn read_touched(&mut self) {
        let may_hold = self.touched.len() <= HELD_FILES && self.waiting_bytes < WAITING_BYTES;
        for ((key, path), read_nanos) in std::mem::take(&mut self.touched) {
            self.recent.retain(|recent| recent.key != key || recent.path != path);
            let file = if may_hold { self.read(key, &path, read_nanos) } else { None };
            if let Some(file) = &file {
                self.waiting_bytes += file.bytes.len();
                if self.recent.len() >= RECENT_FILES {
                    self.recent.pop_front();
                }
                let (path, file) = (path.clone(), file.clone());
                self.recent.push_back(Recent { key, path, file, read_nanos, is_verified: false });
            }
            self.unverified.push((key, path.clone()));
            self.notes.push(Note::Of { key, path, news: News::Changed { read_nanos, file } });
        }
    }

    fn read(&mut self, key: Key, path: &RelPath, read_nanos: u64) -> Option<Arc<FileBytes>> {
        if read_nanos.saturating_sub(self.second_nanos) >= SECOND_NANOS {
            self.second_nanos = read_nanos;
            self.reads.clear();
        }
        if !matches!(role_by_name(path.file_name()), Some(Role::Code | Role::Config) | None) {
            return None;
        }
        let (reads, bytes) = self.reads.entry((key, path.clone())).or_default();
        *reads += 1;
        if *reads > READS_PER_SECOND || *bytes > READ_BYTES_PER_SECOND {
            return None;
        }
        let root = self.roots.get(key)?.as_ref()?;
        let file = read_file(root, path, &Stat::default(), HELD_FILE_BYTES).ok().filter(|file| !file.unsteady)?;
        *bytes += file.bytes.len();
        wait_for_writer(root, path);
        Some(Arc::new(file))
    }

    /// Whether a file changed so lately that any start whatever has it read again.
    fn has_hurried(&self, now_nanos: u64) -> bool {
        self.recent.back().is_some_and(|recent| recent.read_nanos + HURRIED_NANOS >= now_nanos)
    }

    /// Reads again the files that changed last, of one project, or of all those that changed just before. One that is
    /// the very same now as it was read before some moment was so at that moment, whatever happens to it from now on.
    fn witness(&mut self, project: Option<Key>, now: &dyn Fn() -> u64) {
        if self.recent.is_empty() {
            return;
        }
        let since_nanos = project.map_or_else(|| now().saturating_sub(HURRIED_NANOS), |_| 0);
        let count = project.map_or(HURRIED_FILES, |_| WITNESSED_FILES);
        let is_asked = |recent: &&Recent| {
            recent.is_verified && recent.read_nanos >= since_nanos && project.is_none_or(|key| recent.key == key)
        };
        let mut left_bytes = WITNESSED_BYTES;
        for recent in self.recent.iter().rev().filter(is_asked).take(count) {
            let Some(left) = left_bytes.checked_sub(recent.file.bytes.len()) else { continue };
            left_bytes = left;
            let Some(root) = self.roots.get(recent.key).and_then(Option::as_ref) else { continue };
            let seen_nanos = now();
            let found = read_file(root, &recent.path, &recent.file.stat, HELD_FILE_BYTES);
            if found.is_ok_and(|found| found == *recent.file) {
                let news = News::Same { seen_nanos };
                self.notes.push(Note::Of { key: recent.key, path: recent.path.clone(), news });
            }
        }
    }
}
