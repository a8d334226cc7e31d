//! The queue of events, and which directory each number in it stands for.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::os::fd::BorrowedFd;
use std::path::Path;

use lab_model::RelPath;

use super::EventSource;
#[cfg(target_os = "linux")]
use super::inotify::Inotify;
use super::notified::Notified;

/// A project among those that are watched.
pub(super) type Key = usize;

/// One event.
#[derive(Clone)]
pub(super) struct Event {
    /// Of the directory that it happened in.
    pub number: i32,
    /// Empty when it speaks of the directory itself.
    pub name: Box<[u8]>,
    pub what: What,
    /// Whether what has that name is, or was, a directory.
    pub is_directory: bool,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// Other bytes, or another mode, times, or number of names.
    Changed,
    /// Made, or moved here.
    Came,
    /// Removed, or moved away.
    Went,
    /// Nothing more will be told of this directory.
    Ended,
    /// Events are missing, of whatever.
    Lost,
}

/// Why a directory is not watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    Limit,
    Other,
}

/// Who tells.
enum Source {
    #[cfg(target_os = "linux")]
    Inotify(Inotify),
    Notify(Box<Notified>),
}

/// One queue for all projects: a person may have few of them at once (128 by default).
pub(super) struct Queue {
    source: Source,
    /// Watches that may be held, for tests of the kernel's own limit.
    limit: usize,
    limit_reached: bool,
    places: HashMap<i32, Vec<(Key, RelPath)>>,
    numbers: Vec<BTreeMap<Box<[u8]>, i32>>,
}

impl Queue {
    /// `None` where the system has no such queue, or gives none.
    pub fn new(source: EventSource, limit: usize) -> Option<Self> {
        let source = match source {
            #[cfg(target_os = "linux")]
            EventSource::Inotify => Source::Inotify(Inotify::new().ok()?),
            EventSource::Notify => Source::Notify(Box::new(Notified::new().ok()?)),
        };
        Some(Self { source, limit, limit_reached: false, places: HashMap::new(), numbers: Vec::new() })
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.source {
            #[cfg(target_os = "linux")]
            Source::Inotify(inotify) => inotify.as_fd(),
            Source::Notify(notified) => notified.as_fd(),
        }
    }

    /// Whether an event may come after the change was already seen otherwise.
    pub const fn is_late(&self) -> bool {
        matches!(self.source, Source::Notify(_))
    }

    /// The events of one reading; empty when there are no more.
    pub fn read(&mut self) -> Vec<Event> {
        match &mut self.source {
            #[cfg(target_os = "linux")]
            Source::Inotify(inotify) => inotify.read(),
            Source::Notify(notified) => notified.read(),
        }
    }

    /// The directories that a number stands for: a project may lie within another.
    pub fn places(&self, number: i32) -> &[(Key, RelPath)] {
        self.places.get(&number).map_or(&[], Vec::as_slice)
    }

    /// How many directories of a project are watched.
    pub fn count(&self, key: Key) -> usize {
        self.numbers.get(key).map_or(0, BTreeMap::len)
    }

    /// Lets directories be tried again that were refused for the limit.
    pub const fn retry(&mut self) {
        self.limit_reached = false;
    }

    /// Watches the directory behind `fd`, which stands at `path` below `root`. One that is watched already only
    /// gets its new place.
    pub fn watch(&mut self, key: Key, fd: BorrowedFd<'_>, root: &Path, path: &RelPath) -> Result<(), Refusal> {
        let before = self.numbers.get(key).and_then(|numbers| numbers.get(path.as_bytes()).copied());
        if before.is_none() && (self.limit_reached || self.places.len() >= self.limit) {
            self.limit_reached = true;
            return Err(Refusal::Limit);
        }
        let added = match &mut self.source {
            #[cfg(target_os = "linux")]
            Source::Inotify(inotify) => inotify.add(fd),
            Source::Notify(notified) => notified.add(fd, &root.join(crate::open::as_path(path.as_bytes()))),
        };
        let number = added.inspect_err(|refusal| self.limit_reached |= *refusal == Refusal::Limit)?;
        if before == Some(number) {
            return Ok(());
        }
        if before.is_some() {
            self.unwatch(key, path);
        }
        if self.numbers.len() <= key {
            self.numbers.resize_with(key + 1, BTreeMap::new);
        }
        self.numbers[key].insert(path.as_bytes().into(), number);
        self.places.entry(number).or_default().push((key, path.clone()));
        Ok(())
    }

    /// Stops watching a directory, unless it is also watched elsewhere.
    pub fn unwatch(&mut self, key: Key, path: &RelPath) {
        let Some(number) = self.numbers.get_mut(key).and_then(|numbers| numbers.remove(path.as_bytes())) else {
            return;
        };
        let Some(places) = self.places.get_mut(&number) else { return };
        places.retain(|(other, place)| *other != key || place != path);
        if places.is_empty() {
            self.places.remove(&number);
            match &mut self.source {
                #[cfg(target_os = "linux")]
                Source::Inotify(inotify) => inotify.remove(number),
                Source::Notify(notified) => notified.remove(number),
            }
        }
    }

    /// Stops watching what lies below a directory, and itself, but for what `keep` names.
    pub fn unwatch_below(&mut self, key: Key, path: &RelPath, keep: &dyn Fn(&[u8]) -> bool) {
        let Some(numbers) = self.numbers.get(key) else { return };
        let first = path.as_bytes().to_vec();
        let within = |other: &[u8]| path.is_root() || other.strip_prefix(&first[..]).is_some_and(is_end);
        let found: Vec<RelPath> = numbers
            .range::<[u8], _>((Bound::Included(&first[..]), Bound::Unbounded))
            .take_while(|(other, _)| other.starts_with(&first))
            .filter(|(other, _)| within(other) && !keep(other))
            .filter_map(|(other, _)| RelPath::new(other.to_vec()).ok())
            .collect();
        found.iter().for_each(|path| self.unwatch(key, path));
    }

    /// The kernel watches no more what this number stood for.
    pub fn forget(&mut self, number: i32) {
        for (key, path) in self.places.remove(&number).unwrap_or_default() {
            self.numbers[key].remove(path.as_bytes());
        }
    }
}

/// Whether what follows a directory's path makes it a path at or below that directory.
fn is_end(rest: &[u8]) -> bool {
    rest.first().is_none_or(|byte| *byte == b'/')
}
