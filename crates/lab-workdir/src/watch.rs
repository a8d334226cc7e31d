//! Project directories that are kept in view: a snapshot costs what changed, not what exists.
//!
//! [`Watches`] holds any number of projects and one queue of the kernel's file events for all of them. An event
//! is a hint: it names the directory that is to be listed again, by the code of [`crate::scan()`]; only that
//! decides what changed. [`HotIndex`] is one project's [`crate::Scan`]. A directory in which nothing happened
//! keeps its entries, and its tree, untouched.
//!
//! # What holds
//!
//! - A directory is watched before it is listed: what comes into being between the two is in the list, in the
//!   queue, or in both.
//! - When the queue overflows, ignore rules change, the root is replaced, or a file gets one more name,
//!   everything is listed again.
//! - Directories that cannot be watched (the limit of the kernel, a network file system) are listed again
//!   at every snapshot; [`State`] says so.
//! - A file that was read within the grain of its own times, that changed while it was read, or that has
//!   several names, is asked for its stat at every snapshot.
//! - Each change carries the time at which its event was *read*, taken after the reading. That time is never
//!   before the change, so an event read before a moment tells of a change before that moment, and a file
//!   without an event after it is as it was then.
//! - [`Listener`] reads events, stamps them and reads small files on a thread of its own, also while a scan is made or
//!   used; what it noted is applied in its order. Without that thread the same is done by whoever asks for the scan.
//! - A file that was read before a moment and, by [`Watches::witness`], again after it, and was the very same, bytes
//!   and stat, was so at that moment, whatever events follow.
//!
//! # What does not hold
//!
//! - Writing through a memory map raises no event before the file is closed and unmapped. Until then a file
//!   that somebody has open for writing looks unchanged here, where a full scan would see its new times.
//! - A file to which a name is given outside what is watched (also in a directory that is left out), and which is then written by that name, raises no
//!   event here. Nor does what is mounted over a directory while it is watched.
//! - The end of a write becomes known an instant after the bytes are there. A writer that is interrupted just
//!   between is noticed by the file's change time, as finely as the file system keeps it.

use std::os::fd::BorrowedFd;
use std::path::Path;

use self::listener::Note;
use self::queue::{Key, Queue};
use crate::{Index, Result, Rules};

mod history;
mod hot;
#[cfg(target_os = "linux")]
mod inotify;
mod listener;
mod notified;
mod queue;

pub use self::history::{Candidate, Span, Unsteady, Witnessed};
pub use self::hot::HotIndex;
pub use self::listener::Listener;

/// How often one call looks for directories that came.
const ROUNDS: usize = 4;

/// How well a project is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Every directory is.
    Watched {
        /// How many there are.
        directories: usize,
    },
    /// Some are; the others are looked at again at every snapshot.
    Partly {
        /// How many are.
        watched: usize,
        /// How many there are.
        directories: usize,
        /// Why not all.
        reason: Reason,
    },
    /// None is; everything is looked at again at every snapshot.
    Polled {
        /// Why.
        reason: Reason,
    },
}

/// Why a directory is not watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The kernel allows a person no more (`fs.inotify.max_user_watches`).
    Limit,
    /// Other machines may change the files.
    NetworkFileSystem,
    /// The kernel refused.
    Refused,
}

/// Who tells what happens.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum EventSource {
    /// Linux itself.
    #[cfg(target_os = "linux")]
    #[default]
    Inotify,
    /// What the `notify` crate finds in other systems. Its events come a moment after the change, so nothing is
    /// certain as of a moment but by the files' own times.
    #[cfg_attr(not(target_os = "linux"), default)]
    Notify,
}

/// The projects that are watched.
pub struct Watches {
    listener: Listener,
    projects: Vec<Option<HotIndex>>,
}

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WatchId(Key);

impl Default for Watches {
    fn default() -> Self {
        Self::with_source(EventSource::default(), usize::MAX)
    }
}

impl Watches {
    /// Watches that take at most `limit` directories, as if the system allowed no more.
    pub fn with_source(source: EventSource, limit: usize) -> Self {
        Self { listener: Listener::new(Queue::new(source, limit)), projects: Vec::new() }
    }

    /// Becomes readable when something happened; `None` where the system has no such events.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_fd()
    }

    /// Reads events on another thread.
    pub fn listener(&self) -> Listener {
        self.listener.clone()
    }

    /// Watches a project and scans it. `now` reads `CLOCK_MONOTONIC` in nanoseconds.
    ///
    /// # Errors
    /// [`crate::Error::Root`].
    pub fn add(&mut self, root: &Path, rules: Rules, index: Option<&Index>, now: &dyn Fn() -> u64) -> Result<WatchId> {
        let key = self.projects.iter().position(Option::is_none).unwrap_or(self.projects.len());
        let opened = HotIndex::open(root, rules, index, key, &self.listener, now);
        if key == self.projects.len() {
            self.projects.push(None);
        }
        let id = WatchId(key);
        match opened {
            Ok(hot) => self.projects[key] = Some(hot),
            Err(error) => {
                self.remove(id);
                return Err(error);
            }
        }
        Ok(id)
    }

    /// Watches a project no more.
    pub fn remove(&mut self, id: WatchId) {
        self.projects[id.0] = None;
        self.listener.forget_project(id.0);
    }

    /// A project's scan.
    pub fn get(&self, id: WatchId) -> Option<&HotIndex> {
        self.projects.get(id.0)?.as_ref()
    }

    /// The same, to put in what was learned.
    pub fn get_mut(&mut self, id: WatchId) -> Option<&mut HotIndex> {
        self.projects.get_mut(id.0)?.as_mut()
    }

    /// How well a project is watched.
    pub fn state(&self, id: WatchId) -> Option<State> {
        self.get(id).map(|hot| hot.state(self.listener.count(id.0)))
    }

    /// Reads what happened, and watches directories that came. `now` reads `CLOCK_MONOTONIC` in nanoseconds; it
    /// is called after each reading, for a time from before could be older than the change.
    pub fn drain(&mut self, now: &dyn Fn() -> u64) {
        for _ in 0..ROUNDS {
            self.read_events(now);
            let mut is_done = true;
            for (key, project) in self.projects.iter_mut().enumerate() {
                let Some(hot) = project.as_mut().filter(|hot| hot.is_waiting()) else { continue };
                // Without its root a project stays as it was until the root is back.
                is_done &= hot.refresh(key, &self.listener, false).is_err();
            }
            if is_done {
                break;
            }
        }
    }

    /// Reads what happened and the small files that it happened to. The scans stay as they are.
    pub fn read_events(&mut self, now: &dyn Fn() -> u64) {
        for note in self.listener.take(now) {
            match note {
                Note::Lost { read_nanos } => self.projects.iter_mut().flatten().for_each(|hot| hot.lose(read_nanos)),
                Note::Of { key, path, news } => {
                    if let Some(hot) = self.projects.get_mut(key).and_then(Option::as_mut) {
                        hot.hear(&path, news);
                    }
                }
            }
        }
        let now = now();
        self.projects.iter_mut().flatten().for_each(|hot| hot.prune(now));
    }

    /// To be called right after something started: reads what happened and, again, the files of a project that changed
    /// last, so that a change which comes later leaves them certain. [`Listener::witness`] does it for the few files
    /// that changed just before, before anybody knows what it was that started.
    pub fn witness(&mut self, id: WatchId, now: &dyn Fn() -> u64) {
        self.read_events(now);
        self.listener.witness_project(id.0, now);
        self.read_events(now);
    }

    /// Brings a project's scan up to date, under the rules of now.
    ///
    /// # Errors
    /// [`crate::Error::Root`] when the project is gone.
    pub fn prepare(&mut self, id: WatchId, rules: Rules, now: &dyn Fn() -> u64) -> Result<()> {
        if let Some(hot) = self.get_mut(id) {
            hot.set_rules(rules);
        }
        self.read_events(now);
        let Some(hot) = self.projects.get_mut(id.0).and_then(Option::as_mut) else { return Ok(()) };
        hot.refresh(id.0, &self.listener, true)
    }
}

#[cfg(test)]
mod tests;
