use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::epoll;
use rustix::time::{ClockId, clock_gettime};

use super::connector::Message;
use super::followed::ended;
use super::loader::Loader;
use super::table::Table;
use super::told::Told;
use super::{Event, Method, Probe};
use crate::Result;
use crate::error::Trying;

/// Tells of programs that start. Starts no thread: wait until [`Detector::as_fd`] is readable or
/// [`Detector::deadline_nanos`] has come, then call [`Detector::drain`].
///
/// The connector needs nothing beside it: it says when it has lost something. Beside the loader watch
/// `/proc` is looked at every two seconds, for what it cannot see: static programs outside the watched
/// directories, loaders not known yet.
#[derive(Debug)]
pub struct Detector {
    epoll: OwnedFd,
    source: Source,
    table: Table,
    probed: Vec<Probe>,
    directories: Vec<PathBuf>,
    /// When `/proc` is to be looked at as a whole; never, with the connector.
    next_look_nanos: Option<u64>,
    looks_taken: u64,
}

#[derive(Debug)]
enum Source {
    Connector {
        told: Told,
        /// Something lives whose end is waited for.
        waits: bool,
    },
    Loader {
        loader: Loader,
        looks: Looks,
        is_lost: bool,
    },
    Polling,
}

/// When the newest processes are to be looked at.
#[derive(Default, Debug)]
struct Looks {
    /// Sorted, the next one first.
    due_nanos: Vec<u64>,
    /// Until when looks were taken, were each to last for [`BETWEEN_LOOKS_NANOS`].
    taken_nanos: u64,
    /// A look has found something, which is told first: the rest of it is due at once.
    is_rest_due: bool,
}

/// How often `/proc` is looked at where nobody tells of everything.
const LOOK_EVERY_NANOS: u64 = 2_000_000_000;

/// How many of these looks pass over processes that are not new; an old one may start another program, too.
const WHOLE_EVERY_LOOKS: u64 = 5;

/// Many programs that start one after the other are found by one look: on average there are no more than this. The first
/// few need not wait.
const BETWEEN_LOOKS_NANOS: u64 = 2_000_000;
const LOOKS_AT_ONCE: u64 = 4;

/// Looks after an event: between the open file and the finished start lies the loading of a program, which
/// takes longer when it has to be read from disk. Most are loaded by the first look; their C library is opened later.
const LOOKS_AFTER_NANOS: [u64; 4] = [300_000, 700_000, 4_000_000, 14_000_000];

impl Detector {
    /// Tries the methods, best first, and keeps the first that answers. What runs already is not told of.
    /// Fails when the system has no descriptors left.
    pub fn open(own_uid_only: bool) -> Result<Self> {
        Self::open_with(&[Method::Connector, Method::Loader, Method::Polling], own_uid_only)
    }

    /// Like [`Detector::open`], with these methods alone. Without any that answers there is still
    /// [`Method::Polling`].
    pub fn open_with(methods: &[Method], own_uid_only: bool) -> Result<Self> {
        let now_nanos = now_nanos();
        let mut probed = Vec::new();
        let mut found = None;
        if methods.contains(&Method::Connector) {
            // First the listening, then the look at what is there: nothing falls between them.
            match Told::open() {
                Ok(told) => {
                    probed.push(works(Method::Connector, "the kernel tells every start and end".to_owned()));
                    found = Some(Source::Connector { told, waits: false });
                }
                Err(why) => probed.push(Probe { method: Method::Connector, works: false, words: why }),
            }
        }
        let own_uid = own_uid_only.then(|| rustix::process::geteuid().as_raw());
        let mut table = Table::new(own_uid, now_nanos);
        if methods.contains(&Method::Loader) {
            match Loader::open(table.take_libraries()) {
                Ok(loader) => {
                    let words = format!("inotify watches {} loaders and C libraries", loader.files());
                    probed.push(works(Method::Loader, words));
                    found = found.or_else(|| Some(Source::Loader { loader, looks: Looks::default(), is_lost: false }));
                }
                Err(error) => {
                    let why = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
                    probed.push(Probe { method: Method::Loader, works: false, words: why });
                }
            }
        }
        probed.push(works(Method::Polling, "a look at /proc every two seconds".to_owned()));
        let source = found.unwrap_or(Source::Polling);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).trying("watch for programs that start")?;
        if let Some(fd) = source.as_fd() {
            epoll::add(&epoll, fd, epoll::EventData::new_u64(0), epoll::EventFlags::IN)
                .trying("watch for programs that start")?;
        }
        let next_look_nanos = (!matches!(source, Source::Connector { .. })).then_some(now_nanos + LOOK_EVERY_NANOS);
        Ok(Self { epoll, source, table, probed, directories: Vec::new(), next_look_nanos, looks_taken: 0 })
    }

    /// Every method, best first, and what became of it.
    pub fn probed(&self) -> &[Probe] {
        &self.probed
    }

    /// The method in use.
    pub const fn method(&self) -> Method {
        match self.source {
            Source::Connector { .. } => Method::Connector,
            Source::Loader { .. } => Method::Loader,
            Source::Polling => Method::Polling,
        }
    }

    /// Says where programs matter. From the first directory on the connector tells only of those that run in such a
    /// directory, lie there, or name something there; the loader watch also notices static programs that lie there, which
    /// it would miss. Does nothing for a directory that is watched already.
    /// Fails when the system allows no more watches.
    pub fn watch_directory(&mut self, root: &Path) -> Result<()> {
        if self.directories.iter().any(|watched| watched == root) {
            return Ok(());
        }
        if let Source::Loader { loader, .. } = &mut self.source {
            loader.add_directory(root)?;
        }
        self.directories.push(root.to_path_buf());
        Ok(())
    }

    /// The opposite of [`Detector::watch_directory`].
    pub fn forget_directory(&mut self, root: &Path) {
        self.directories.retain(|watched| watched != root);
        if let Source::Loader { loader, .. } = &mut self.source {
            loader.remove_directory(root);
        }
    }

    /// Readable when [`Detector::drain`] has something to do.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// When [`Detector::drain`] is to be called at the latest, in nanoseconds of the monotonic clock.
    pub fn deadline_nanos(&self) -> Option<u64> {
        let look = match &self.source {
            Source::Loader { looks, .. } => looks.next_nanos(),
            _ => None,
        };
        look.into_iter().chain(self.next_look_nanos).min()
    }

    /// Reads what was told, and says whether something has started or is about to. Never waits, and takes a few
    /// microseconds: [`Detector::drain`] then looks at what it was.
    pub fn hear(&mut self) -> bool {
        match &mut self.source {
            Source::Connector { told, .. } => told.hear(),
            Source::Loader { loader, looks, is_lost } => {
                let opened = loader.read();
                *is_lost |= opened.lost;
                looks.plan(opened.soon, opened.now, now_nanos());
                opened.soon || opened.now || opened.lost
            }
            Source::Polling => false,
        }
    }

    /// Adds what happened since the last call. Never waits.
    pub fn drain(&mut self, events: &mut Vec<Event>) {
        if !matches!(&self.source, Source::Connector { told, .. } if told.has_heard()) {
            self.hear();
        }
        let mut lost = false;
        match &mut self.source {
            Source::Connector { told, waits } => {
                let (messages, are_ends_lost) = told.sift(&self.directories, *waits);
                for message in messages {
                    match message {
                        Message::Exec { pid, at_nanos } => self.table.exec(pid, at_nanos, events),
                        Message::Exit { pid, at_nanos, wait_status } => {
                            self.table.exit(pid, at_nanos, ended(wait_status), events);
                        }
                        Message::Lost => lost = true,
                    }
                }
                if are_ends_lost {
                    self.table.look_at_told(now_nanos(), events);
                }
            }
            Source::Loader { looks, is_lost, .. } => {
                lost = std::mem::take(is_lost);
                let now_nanos = now_nanos();
                if std::mem::take(&mut looks.is_rest_due) {
                    self.table.look_at_young(now_nanos, events);
                }
                if looks.take(now_nanos) {
                    let before = events.len();
                    self.table.look_at_newest(now_nanos, events);
                    if events.len() > before {
                        looks.is_rest_due = true;
                    } else {
                        self.table.look_at_young(now_nanos, events);
                    }
                }
            }
            Source::Polling => {}
        }
        let now_nanos = now_nanos();
        if lost || self.next_look_nanos.is_some_and(|due| due <= now_nanos) {
            self.looks_taken += 1;
            let whole = lost || self.looks_taken.is_multiple_of(WHOLE_EVERY_LOOKS);
            self.table.look_at_all(whole, now_nanos, events);
            self.next_look_nanos = self.next_look_nanos.map(|_| now_nanos + LOOK_EVERY_NANOS);
            let libraries = self.table.take_libraries();
            if let Source::Loader { loader, .. } = &mut self.source {
                loader.add_files(libraries);
            }
        }
        if lost {
            events.push(Event::Gap { at_nanos: now_nanos });
        }
        self.wait_for_ends();
    }

    /// Is woken by ends as long as there are any to wait for.
    fn wait_for_ends(&mut self) {
        let Source::Connector { told, waits } = &mut self.source else { return };
        let should = self.table.waits_for_ends();
        if *waits == should {
            return;
        }
        let ends = told.ends();
        let done = if should {
            epoll::add(&self.epoll, ends, epoll::EventData::new_u64(1), epoll::EventFlags::IN)
        } else {
            epoll::delete(&self.epoll, ends)
        };
        if done.is_ok() {
            *waits = should;
        }
    }
}

impl Source {
    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Connector { told, .. } => Some(told.starts()),
            Self::Loader { loader, .. } => Some(loader.as_fd()),
            Self::Polling => None,
        }
    }
}

impl Looks {
    /// A program will start soon, or has started now.
    fn plan(&mut self, soon: bool, now: bool, now_nanos: u64) {
        if !soon && !now {
            return;
        }
        // What was due before stays: programs that start one after the other must not put it off for ever.
        self.due_nanos.truncate(1);
        self.due_nanos.extend(LOOKS_AFTER_NANOS.map(|after| now_nanos + after));
        if now {
            self.due_nanos.push(now_nanos);
        }
        self.due_nanos.sort_unstable();
    }

    /// When the next one is to be taken.
    fn next_nanos(&self) -> Option<u64> {
        let free_nanos = self.taken_nanos.saturating_sub((LOOKS_AT_ONCE - 1) * BETWEEN_LOOKS_NANOS);
        if self.is_rest_due { Some(0) } else { self.due_nanos.first().map(|due| *due.max(&free_nanos)) }
    }

    /// Whether it is time for a look.
    fn take(&mut self, now_nanos: u64) -> bool {
        let is_time = self.next_nanos().is_some_and(|next| next <= now_nanos);
        if is_time {
            self.due_nanos.retain(|due| *due > now_nanos);
            self.taken_nanos = self.taken_nanos.max(now_nanos) + BETWEEN_LOOKS_NANOS;
        }
        is_time
    }
}

const fn works(method: Method, words: String) -> Probe {
    Probe { method, works: true, words }
}

fn now_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_planned_and_never_put_off() {
        const MILLI: u64 = 1_000_000;
        let mut looks = Looks::default();
        looks.plan(false, false, 100 * MILLI);
        assert!(looks.next_nanos().is_none() && !looks.take(100 * MILLI));
        looks.plan(false, true, 100 * MILLI);
        assert!(looks.take(100 * MILLI), "at once");
        for step in 0..3 {
            looks.plan(true, false, 100 * MILLI + step * MILLI / 5);
        }
        assert_eq!(looks.next_nanos(), Some(100 * MILLI + LOOKS_AFTER_NANOS[0]), "the first one stays due");
        assert!(looks.take(200 * MILLI) && looks.due_nanos.is_empty());
    }

    #[test]
    fn programs_that_start_all_the_time_are_looked_at_now_and_then() {
        const MILLI: u64 = 1_000_000;
        let mut looks = Looks::default();
        let mut taken = Vec::new();
        for now_nanos in (100 * MILLI..200 * MILLI).step_by(50_000) {
            looks.plan(true, true, now_nanos);
            if looks.take(now_nanos) {
                taken.push(now_nanos - 100 * MILLI);
            }
        }
        assert_eq!(taken[..4], [0, 50_000, 100_000, 150_000]);
        assert!((50..=54).contains(&taken.len()), "{}", taken.len());
        assert!(looks.take(looks.next_nanos().unwrap()), "in the end, too");
    }
}
