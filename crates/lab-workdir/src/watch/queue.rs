//! The kernel's queue of events (inotify(7)), and which directory each number in it stands for.

use std::collections::{BTreeMap, HashMap};
use std::mem::MaybeUninit;
use std::ops::Bound;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use lab_model::RelPath;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// What is asked for. Never openings or readings: a run that reads a million files would pay for them.
const MASK: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::EXCL_UNLINK)
    .union(WatchFlags::ONLYDIR);

/// Bytes of one reading: some thousand events.
const BUFFER_BYTES: usize = 64 * 1024;

/// A project among those that are watched.
pub(super) type Key = usize;

/// One event. Its name is empty when it speaks of the directory itself.
pub(super) struct Event {
    pub number: i32,
    pub flags: ReadFlags,
    pub name: Box<[u8]>,
}

/// Why a directory is not watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    Limit,
    Other,
}

/// One queue for all projects: a person may have few of them at once (128 by default).
pub(super) struct Queue {
    fd: OwnedFd,
    buffer: Vec<MaybeUninit<u8>>,
    /// Watches that may be held, for tests of the kernel's own limit.
    limit: usize,
    limit_reached: bool,
    places: HashMap<i32, Vec<(Key, RelPath)>>,
    numbers: Vec<BTreeMap<Box<[u8]>, i32>>,
}

impl Queue {
    pub fn new(limit: usize) -> rustix::io::Result<Self> {
        Ok(Self {
            fd: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES],
            limit,
            limit_reached: false,
            places: HashMap::new(),
            numbers: Vec::new(),
        })
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The events of one reading; empty when there are no more.
    pub fn read(&mut self) -> rustix::io::Result<Vec<Event>> {
        let mut reader = Reader::new(&self.fd, &mut self.buffer);
        let mut events = Vec::new();
        loop {
            match reader.next() {
                Ok(event) => events.push(Event {
                    number: event.wd(),
                    flags: event.events(),
                    name: event.file_name().map_or(Box::default(), |name| name.to_bytes().into()),
                }),
                Err(Errno::AGAIN) => return Ok(events),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error),
            }
            if reader.is_buffer_empty() {
                return Ok(events);
            }
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

    /// Watches the directory behind `fd`, which stands at `path`. One that is watched already only gets its
    /// new place.
    pub fn watch(&mut self, key: Key, fd: BorrowedFd<'_>, path: &RelPath) -> Result<(), Refusal> {
        let before = self.numbers.get(key).and_then(|numbers| numbers.get(path.as_bytes()).copied());
        if before.is_none() && (self.limit_reached || self.places.len() >= self.limit) {
            self.limit_reached = true;
            return Err(Refusal::Limit);
        }
        // Through the open directory, so that what is watched is what is listed, whatever is renamed meanwhile.
        let number = match inotify::add_watch(&self.fd, format!("/proc/self/fd/{}", fd.as_raw_fd()), MASK) {
            Ok(number) => number,
            Err(Errno::NOSPC) => {
                self.limit_reached = true;
                return Err(Refusal::Limit);
            }
            Err(_) => return Err(Refusal::Other),
        };
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
            // The kernel may have done so already.
            let _ = inotify::remove_watch(&self.fd, number);
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
