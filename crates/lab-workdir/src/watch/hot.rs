//! One project's scan, kept fresh.

use std::collections::{HashMap, HashSet};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lab_model::{Kind, OmissionReason, RelPath};
use rustix::fs::{AtFlags, FileType, statat};
use rustix::time::{ClockId, clock_gettime};

use super::history::{Candidate, History, Span, Unsteady, Witnessed};
use super::listener::{Listener, News};
use super::queue::{Event, Key, Refusal, What};
use super::{Reason, State};
use crate::index::{can_keep, grain_nanos, is_racy, nanos};
use crate::rules::{Chain, Marks, by_default, never_kept};
use crate::stat::kind_of;
use crate::walk::{Request, Reuse, walk_as};
use crate::{FileBytes, Index, Result, RootHandle, Rules, Scan, ScanEntry, Stat, open_root, wait_for_writer};

mod edits;

/// A scan that is kept fresh: what happened is noted as it happens, and looked at again before it is used.
pub struct HotIndex {
    root: PathBuf,
    handle: RootHandle,
    /// Device and inode of the root.
    identity: (u64, u64),
    rules: Rules,
    scan: Arc<Scan>,
    chains: Vec<Arc<Chain>>,
    /// Directories that something happened to.
    stale: HashSet<RelPath>,
    /// Directories that came, went or moved: nothing below them is taken over.
    moved: HashSet<RelPath>,
    /// Files that the scan shows as they were before, not as they are.
    past: Vec<RelPath>,
    /// Files that something happened to, and whether it happened to the name.
    edits: HashMap<RelPath, bool>,
    /// Files that an event cannot vouch for, by directory.
    doubtful: HashMap<RelPath, Vec<Box<[u8]>>>,
    /// Directories that are not watched.
    unwatched: HashSet<RelPath>,
    reason: Option<Reason>,
    /// Events come a moment after what they tell of.
    is_late: bool,
    /// Names that each inode with several has.
    links: HashMap<u64, u32>,
    /// Everything has to be looked at.
    lost: bool,
    /// Counts how often anything was listed again.
    walks: u64,
    /// A directory came: it has to be watched before anything in it is missed.
    has_new_directory: bool,
    history: History,
}

impl HotIndex {
    /// Watches and scans a project.
    pub(super) fn open(
        root: &Path,
        rules: Rules,
        index: Option<&Index>,
        key: Key,
        listener: &Listener,
        now: &dyn Fn() -> u64,
    ) -> Result<Self> {
        let handle = open_root(root)?;
        let identity = identity(&handle);
        let is_remote = is_remote(&handle);
        let mut unwatched = HashSet::new();
        let mut reason = is_remote.then_some(Reason::NetworkFileSystem);
        let is_late = !is_remote && listener.is_late();
        listener.set_root(key, open_root(root).ok());
        let listener = (!is_remote).then_some(listener);
        let walked = walk_as(Request {
            root,
            handle: open_root(root)?,
            rules: &rules,
            index,
            reuse: None,
            entering: &mut |fd, path| enter(listener, key, fd, root, path, &mut unwatched, &mut reason),
            is_watched: true,
        })?;
        let mut hot = Self {
            root: root.to_owned(),
            handle,
            identity,
            rules,
            scan: Arc::new(walked.scan),
            chains: walked.chains,
            stale: HashSet::new(),
            moved: HashSet::new(),
            past: Vec::new(),
            edits: HashMap::new(),
            doubtful: HashMap::new(),
            unwatched,
            reason,
            is_late,
            links: HashMap::new(),
            lost: false,
            walks: 0,
            has_new_directory: false,
            history: History::default(),
        };
        hot.look_at(&walked.listed);
        // What happened before the scan was complete was not seen in order.
        hot.history.lose(now());
        Ok(hot)
    }

    /// The scan, as of the last [`super::Watches::prepare`].
    pub const fn scan(&self) -> &Arc<Scan> {
        &self.scan
    }

    /// The same, to put in what was learned. It is copied when somebody else still holds it.
    pub fn scan_mut(&mut self) -> &mut Scan {
        Arc::make_mut(&mut self.scan)
    }

    /// Counts how often anything was listed again: the same number, the same scan but for what was learned.
    pub const fn walks(&self) -> u64 {
        self.walks
    }

    /// Takes the scan out, to be put back by [`HotIndex::put_scan`].
    pub fn take_scan(&mut self) -> Scan {
        Arc::unwrap_or_clone(std::mem::replace(&mut self.scan, Arc::new(Scan::empty())))
    }

    /// Puts the scan back.
    pub fn put_scan(&mut self, scan: Scan) {
        self.scan = Arc::new(scan);
    }

    /// The rules that hold.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Forgets everything that was learned, so that every file is read again.
    pub fn forget(&mut self) {
        for dir in &mut self.scan_mut().dirs {
            let dir = Arc::make_mut(dir);
            dir.known = None;
            dir.entries.iter_mut().for_each(|entry| entry.known = None);
        }
        self.lost = true;
    }

    /// To be told which directories had something put in: what of it an event cannot vouch for is looked at
    /// again every time.
    pub fn learned(&mut self, dirs: &[usize]) {
        for place in dirs {
            let dir = &self.scan.dirs[*place];
            let doubtful = dir.entries.iter().filter(|entry| is_doubtful(entry, self.scan.started));
            let names: Vec<Box<[u8]>> = doubtful.map(|entry| entry.name.clone()).collect();
            if names.is_empty() {
                self.doubtful.remove(&dir.path);
            } else {
                self.doubtful.insert(dir.path.clone(), names);
            }
        }
    }

    /// How well the project is watched.
    pub(super) fn state(&self, watched: usize) -> State {
        match self.reason {
            Some(reason) if watched == 0 => State::Polled { reason },
            Some(reason) if !self.unwatched.is_empty() => {
                State::Partly { watched, directories: self.scan.dirs.len(), reason }
            }
            _ => State::Watched { directories: self.scan.dirs.len() },
        }
    }

    /// What cannot be said to be as it was at a moment, by the events.
    pub fn unsteady(&self, moment: impl Into<Span>) -> Vec<Unsteady> {
        self.history.after(moment.into())
    }

    /// The contents that recently changed files had at a moment beyond doubt.
    pub fn witnessed(&self, moment: impl Into<Span>) -> Vec<Witnessed> {
        self.history.witnessed(moment.into())
    }

    /// Whether the content of a file as of a moment is held and beyond doubt.
    pub fn is_witnessed(&self, path: &RelPath, moment: impl Into<Span>) -> bool {
        self.history.is_witnessed(path, moment.into())
    }

    /// What is put into the scan for a file is not what is there now: it is looked at again next time, whatever its
    /// stat says.
    pub fn is_of_the_past(&mut self, path: &RelPath) {
        self.stale.extend(path.parent());
        self.past.push(path.clone());
    }

    /// The bytes that a file had at `moment_nanos`, when it changed not long before and they are held.
    pub fn held_at(&self, path: &RelPath, moment_nanos: u64) -> Option<&FileBytes> {
        self.history.held_at(path, moment_nanos)
    }

    /// Waits for whoever is just changing a file of the scan: see [`wait_for_writer`].
    pub fn wait_for_writer(&self, dir: usize, entry: usize) {
        let dir = &self.scan.dirs[dir];
        if let Ok(path) = dir.path.join(&dir.entries[entry].name) {
            wait_for_writer(&self.handle, &path);
        }
    }

    /// Whether events tell of everything since `moment_nanos`.
    pub fn vouches_since(&self, moment_nanos: u64) -> bool {
        self.history.reaches(moment_nanos) && self.unwatched.is_empty() && !self.is_late
    }

    /// Whether a file's own times say that it changed after `moment` (on the clock of file times, nanoseconds
    /// since 1970). With `with_grain` it may have: file times can be as coarse as the kernel's tick.
    pub fn changed_after(stat: &Stat, moment: i128, with_grain: bool) -> bool {
        let slack = if with_grain { grain_nanos(stat) } else { 0 };
        nanos(stat.ctime, stat.ctime_nanos) + slack > moment
    }

    /// What `nanos` on the monotonic clock is on the clock of file times.
    pub fn file_time_of(nanos: u64) -> i128 {
        let read = |clock| {
            let time = clock_gettime(clock);
            i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
        };
        read(ClockId::Realtime) - read(ClockId::Monotonic) + i128::from(nanos)
    }

    pub(super) fn lose(&mut self, now_nanos: u64) {
        self.lost = true;
        self.history.lose(now_nanos);
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.has_new_directory || self.lost
    }

    /// Takes note of what became known of a path.
    pub(super) fn hear(&mut self, path: &RelPath, news: News) {
        match news {
            News::Event { event, read_nanos } => self.note(path, &event, read_nanos),
            News::Changed { read_nanos, file } => self.changed(path, read_nanos, file),
            News::Verified => self.history.verify(path),
            News::Same { seen_nanos } => self.history.found_same(path, seen_nanos),
        }
    }

    /// Notes an event in `dir`.
    fn note(&mut self, dir: &RelPath, event: &Event, read_nanos: u64) {
        let Event { name, what, .. } = event;
        let Some(path) = (!name.is_empty()).then(|| dir.join(name)).and_then(std::result::Result::ok) else {
            self.stale.insert(dir.clone());
            if let Some(parent) = dir.parent() {
                self.stale.insert(parent);
            } else if matches!(what, What::Went | What::Ended) {
                self.lose(read_nanos);
            }
            return;
        };
        if event.is_directory {
            self.stale.insert(dir.clone());
            if matches!(what, What::Came | What::Went) {
                self.has_new_directory |= *what == What::Came;
                self.history.changed(&path, read_nanos, || None);
                self.moved.insert(path);
            }
        } else {
            self.note_edit(dir, path, *what);
            self.lost |= matches!(&**name, b".gitignore" | b".labignore");
        }
    }

    /// Notes that a file has changed, and what it held after that, when it was read.
    fn changed(&mut self, path: &RelPath, read_nanos: u64, file: Option<Arc<FileBytes>>) {
        let entry = self.entry(path);
        if entry.is_none() && self.is_left_out(path) {
            // Another name for a file of the project, perhaps.
            let path = crate::open::as_path(path.as_bytes());
            self.lost |= statat(&self.handle.fd, path, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| kind_of(FileType::from_raw_mode(stat.st_mode)) == Kind::File && stat.st_nlink > 1);
            return;
        }
        let before = entry.filter(|_| !self.lost).and_then(|entry| {
            let known = entry.known.clone().filter(|known| !known.unsteady)?;
            Some(Candidate::Known(known, entry.stat))
        });
        self.history.changed(path, read_nanos, || before);
        if let Some(file) = file {
            self.history.hold(path, file);
        }
    }

    pub(super) fn prune(&mut self, now_nanos: u64) {
        for path in self.history.prune(now_nanos) {
            // What is known of it may be from before the changes that are forgotten now.
            let Some(dir) = path.parent().and_then(|parent| self.scan.find(&parent)) else { continue };
            if (self.stale.contains(&self.scan.dirs[dir].path) || self.edits.contains_key(&path))
                && let Some(entry) = self.scan_mut().entry_mut(dir, path.file_name())
            {
                entry.known = None;
            }
        }
    }

    fn entry(&self, path: &RelPath) -> Option<&ScanEntry> {
        let dir = self.scan.find(&path.parent()?)?;
        self.scan.entry(dir, path.file_name())
    }

    /// Whether a name that is not in the scan is left out, as far as names alone tell.
    fn is_left_out(&self, path: &RelPath) -> bool {
        let Some(parent) = path.parent() else { return false };
        let name = path.file_name();
        let Some(dir) = self.scan.find(&parent) else { return false };
        let (verdict, _) = self.chains[dir].verdict(path.as_bytes(), false);
        never_kept(name, Kind::File).is_some()
            || verdict == crate::rules::Verdict::Ignore
            || (verdict == crate::rules::Verdict::None
                && by_default(name, Kind::File, &parent, &Marks::default()).is_some())
    }

    /// Takes new rules; when they differ, everything is looked at again.
    pub(super) fn set_rules(&mut self, rules: Rules) {
        self.lost |= !rules.same_names(&self.rules);
        self.rules = rules;
    }

    /// Brings the scan up to date. With `also_unwatched` what is not watched is looked at too.
    pub(super) fn refresh(&mut self, key: Key, listener: &Listener, also_unwatched: bool) -> Result<()> {
        let handle = open_root(&self.root)?;
        if identity(&handle) != self.identity {
            self.identity = identity(&handle);
            self.handle = handle;
            self.lost = true;
            listener.set_root(key, open_root(&self.root).ok());
            listener.unwatch_below(key, &RelPath::root(), &|_| false);
        }
        let listener = (self.reason != Some(Reason::NetworkFileSystem)).then_some(listener);
        if also_unwatched && !self.unwatched.is_empty() {
            self.stale.extend(self.unwatched.iter().cloned());
            if let Some(listener) = listener {
                listener.retry();
            }
        }
        if also_unwatched {
            // Every walk asks what is checked out in the repositories within, which nobody watches.
            let is_repository = |reason: &OmissionReason| matches!(reason, OmissionReason::NestedRepository { .. });
            if self.scan.omissions.iter().any(|omission| is_repository(&omission.reason)) {
                self.stale.insert(RelPath::root());
            }
        }
        let started = clock_gettime(ClockId::RealtimeCoarse);
        if also_unwatched {
            self.look_at_files();
        }
        let is_fresh = !self.lost && self.stale.is_empty() && self.moved.is_empty();
        if is_fresh
            && also_unwatched
            && let Some(scan) = Arc::get_mut(&mut self.scan)
        {
            // Nothing that was learned is in doubt; what is read from now on is read after this moment.
            scan.started = (started.tv_sec, started.tv_nsec as u32);
        }
        while self.lost || !self.stale.is_empty() || !self.moved.is_empty() {
            self.walk_again(key, listener)?;
        }
        Ok(())
    }

    fn walk_again(&mut self, key: Key, listener: Option<&Listener>) -> Result<()> {
        self.look_at_files();
        let all = std::mem::take(&mut self.lost);
        self.walks += 1;
        self.has_new_directory = false;
        let stale = self.stale_numbers(all);
        self.doubt(&stale);
        let index = Index::of(&self.scan, stale.iter().copied());
        let scan = std::mem::replace(&mut self.scan, Arc::new(Scan::empty()));
        let chains = std::mem::replace(&mut self.chains, vec![Arc::default()]);
        let reuse = (!all).then(|| Reuse::new(Arc::unwrap_or_clone(scan), chains, stale));
        let mut entered: HashSet<Box<[u8]>> = HashSet::new();
        let (mut unwatched, mut reason) = (std::mem::take(&mut self.unwatched), self.reason);
        let walked = walk_as(Request {
            root: &self.root,
            handle: open_root(&self.root)?,
            rules: &self.rules,
            index: Some(&index),
            reuse,
            entering: &mut |fd, path| {
                entered.insert(path.as_bytes().into());
                enter(listener, key, fd, &self.root, path, &mut unwatched, &mut reason);
            },
            is_watched: true,
        });
        let walked = match walked {
            Ok(walked) => walked,
            Err(error) => {
                self.lost = true;
                return Err(error);
            }
        };
        self.scan = Arc::new(walked.scan);
        self.chains = walked.chains;
        (self.unwatched, self.reason) = (unwatched, reason);
        // Listed again and entered, or gone.
        let is_kept = |path: &[u8]| entered.contains(path);
        if all {
            self.unwatched.retain(|path| is_kept(path.as_bytes()));
            if let Some(listener) = listener {
                listener.unwatch_below(key, &RelPath::root(), &is_kept);
            }
        }
        for gone in walked.replaced.iter().filter(|path| !is_kept(path.as_bytes())) {
            self.unwatched.remove(gone);
            if let Some(listener) = listener {
                listener.unwatch_below(key, gone, &is_kept);
            }
        }
        let is_new_link = self.look_at(&walked.listed);
        // The other names of a file that got one more may have changed without an event.
        self.lost |= is_new_link && !all;
        Ok(())
    }

    /// The numbers of the directories that have to be listed, in order.
    fn stale_numbers(&mut self, all: bool) -> Vec<u32> {
        let (stale, moved) = (std::mem::take(&mut self.stale), std::mem::take(&mut self.moved));
        let count = self.scan.dirs.len() as u32;
        if all {
            return (0..count).collect();
        }
        let mut numbers = HashSet::new();
        for path in stale {
            // What is watched and not in the scan is left out for what lies in it; who holds it decides.
            let mut path = Some(path);
            while let Some(place) = &path {
                if let Some(number) = self.scan.find(place) {
                    numbers.insert(number as u32);
                    break;
                }
                path = place.parent();
            }
        }
        for path in moved {
            let Some(number) = self.scan.find(&path) else { continue };
            let below = |place: &usize| self.scan.dirs[*place].path.is_within(&path);
            numbers.extend((number..count as usize).take_while(below).map(|place| place as u32));
        }
        let mut numbers: Vec<u32> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers
    }

    /// Forgets of the directories to be listed what was read too soon after a change.
    fn doubt(&mut self, stale: &[u32]) {
        let scan = Arc::make_mut(&mut self.scan);
        for number in stale {
            let started = scan.started;
            for entry in &mut scan.dir_mut(*number as usize).entries {
                if is_racy(&entry.stat, started) {
                    entry.known = None;
                }
            }
        }
        for path in std::mem::take(&mut self.past) {
            let Some(dir) = path.parent().and_then(|parent| scan.find(&parent)) else { continue };
            if let Some(entry) = scan.entry_mut(dir, path.file_name()) {
                entry.known = None;
            }
        }
    }

    /// Looks at directories that were listed; true when a file has got more names.
    fn look_at(&mut self, listed: &[u32]) -> bool {
        let places: Vec<usize> = listed.iter().map(|number| *number as usize).collect();
        self.learned(&places);
        let mut is_new = false;
        for place in places {
            let linked = |entry: &&ScanEntry| entry.kind == Kind::File && entry.stat.links > 1;
            for entry in self.scan.dirs[place].entries.iter().filter(linked) {
                is_new |= self.links.insert(entry.stat.inode, entry.stat.links) != Some(entry.stat.links);
            }
        }
        is_new
    }
}

/// Whether no event can be trusted to tell of a change of this file.
fn is_doubtful(entry: &ScanEntry, started: (i64, u32)) -> bool {
    entry.kind == Kind::File
        && (entry.stat.links > 1
            || entry.known.as_ref().is_some_and(|known| !can_keep(known) || is_racy(&entry.stat, started)))
}

fn enter(
    listener: Option<&Listener>,
    key: Key,
    fd: BorrowedFd<'_>,
    root: &Path,
    path: &RelPath,
    unwatched: &mut HashSet<RelPath>,
    reason: &mut Option<Reason>,
) {
    let refused = listener.map_or(Err(Refusal::Other), |listener| listener.watch(key, fd, root, path));
    match refused {
        Ok(()) => {
            unwatched.remove(path);
        }
        Err(refusal) => {
            unwatched.insert(path.clone());
            reason.get_or_insert(match refusal {
                Refusal::Limit => Reason::Limit,
                Refusal::Other => Reason::Refused,
            });
        }
    }
}

fn identity(handle: &RootHandle) -> (u64, u64) {
    rustix::fs::fstat(&handle.fd).map_or((0, 0), |stat| (stat.st_dev, stat.st_ino))
}

/// Whether other machines may change the files, of which no event tells.
fn is_remote(handle: &RootHandle) -> bool {
    // NFS, SMB (three), 9P, FUSE, Ceph, AFS, Lustre, GPFS, OCFS2: the numbers of statfs(2) and of their makers.
    const REMOTE: [u32; 11] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x0102_1997,
        0x6573_5546,
        0x00c3_6400,
        0x5346_414f,
        0x0bd0_0bd0,
        0x4750_4653,
        0x7461_636f,
    ];
    rustix::fs::fstatfs(&handle.fd).is_ok_and(|stat| REMOTE.contains(&(stat.f_type as u32)))
}
