use std::collections::HashSet;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use lab_model::{Kind, Omission, OmissionReason, RelPath, Role};
use rustix::fs::{AtFlags, FileType, statat};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use self::believe::same_metadata;
use self::names::Names;
pub(crate) use self::reuse::Reuse;
use crate::index::{Body, Detail, IndexDir, Record};
use crate::open::{READ_DIRECTORY, open_beneath, read_small};
use crate::role::{Place, place_of};
use crate::rules::{
    CACHEDIR_RULE, CACHEDIR_SIGNATURE, Chain, IGNORE_FILE_MAX_BYTES, Marks, Passed, Verdict, by_default, never_kept,
};
use crate::scan::{Scan, ScanDir, ScanEntry};
use crate::stat::kind_of;
use crate::{Error, Index, Result, RootHandle, Rules, Stat, git, open_root};

mod believe;
mod names;
mod reuse;

pub(crate) fn walk(root: &Path, rules: &Rules, index: Option<&Index>) -> Result<Scan> {
    let request = Request {
        root,
        handle: open_root(root)?,
        rules,
        index,
        reuse: None,
        entering: &mut |_, _| {},
        is_watched: false,
    };
    Ok(walk_as(request)?.scan)
}

/// What is to be walked, and how.
pub(crate) struct Request<'a> {
    pub root: &'a Path,
    pub handle: RootHandle,
    pub rules: &'a Rules,
    pub index: Option<&'a Index>,
    /// The scan before, of which only some directories are to be listed again.
    pub reuse: Option<Reuse>,
    /// Called with each directory before its names are read.
    pub entering: &'a mut dyn FnMut(BorrowedFd<'_>, &RelPath),
    /// That is when it begins to be watched: what was asked of it before may be old, and nobody would tell.
    pub is_watched: bool,
}

/// What a walk found beside the scan.
pub(crate) struct Walked {
    pub scan: Scan,
    /// The ignore files that hold in each directory, by its number.
    pub chains: Vec<Arc<Chain>>,
    /// The numbers of the directories that were listed, not taken over.
    pub listed: Vec<u32>,
    /// The directories of the scan before that are gone or were listed again.
    pub replaced: Vec<RelPath>,
}

/// Walks with an eye on every directory that is entered.
pub(crate) fn walk_as(request: Request<'_>) -> Result<Walked> {
    let Request { root, handle, rules, index, reuse, entering, is_watched } = request;
    let wrong = |error: Errno| Error::Root { path: root.to_owned(), source: error.into() };
    let now = clock_gettime(ClockId::RealtimeCoarse);
    let mut root_stat = rustix::fs::fstat(&handle.fd).map_err(wrong)?;
    let mut walk = Walk {
        path: root,
        handle,
        device: root_stat.st_dev,
        rules,
        // Roles that a rule decided hold only for the same settings and the same produced paths.
        same_roles: index.is_some_and(|index| index.roles_digest == rules.roles_digest),
        index,
        reuse,
        entering,
        is_watched,
        dirs: Vec::new(),
        chains: Vec::new(),
        listed: Vec::new(),
        stack: Vec::new(),
        omissions: Vec::new(),
        dropped: Vec::new(),
        files: 0,
        names: Names::default(),
    };
    walk.root(&Arc::new(rules.chain().clone())).map_err(wrong)?;
    while let Some(pending) = walk.stack.pop() {
        walk.enter(pending);
    }
    if is_watched {
        root_stat = rustix::fs::fstat(&walk.handle.fd).map_err(wrong)?;
    }
    Ok(walk.finish(Stat::from(&root_stat), (now.tv_sec, now.tv_nsec as u32)))
}

/// A directory that was listed in its parent and is still to be entered.
struct Pending {
    path: RelPath,
    parent: u32,
    entry: u32,
    chain: Arc<Chain>,
    place: Option<Place>,
    verdict: Verdict,
    /// Its number in the index.
    indexed: Option<u32>,
    /// The index says that it was left out for what lay in it.
    was_dropped: bool,
    /// It lies on a file system that is not to be entered.
    is_foreign: bool,
    /// The directory that holds it was taken over from the scan before.
    in_reused: bool,
}

struct Walk<'a> {
    path: &'a Path,
    handle: RootHandle,
    device: u64,
    rules: &'a Rules,
    same_roles: bool,
    index: Option<&'a Index>,
    reuse: Option<Reuse>,
    entering: &'a mut dyn FnMut(BorrowedFd<'_>, &RelPath),
    is_watched: bool,
    dirs: Vec<Arc<ScanDir>>,
    chains: Vec<Arc<Chain>>,
    listed: Vec<u32>,
    stack: Vec<Pending>,
    omissions: Vec<Omission>,
    /// Entries (directory, place) that turned out to be left out or gone.
    dropped: Vec<(u32, u32)>,
    files: u64,
    names: Names,
}

/// What does not change while one directory is listed.
struct Here<'a> {
    fd: OwnedFd,
    number: u32,
    path: RelPath,
    chain: Arc<Chain>,
    place: Option<Place>,
    marks: Marks,
    produced: Option<&'a HashSet<Vec<u8>>>,
    /// The index answers for what the ignore files say.
    same_rules: bool,
}

/// How a directory compares with the index.
#[derive(Default)]
struct Tally {
    /// Entries that agree with the index in everything that the tree records.
    matched: u32,
    /// Directories that were left out for what lay in them; they must be again.
    tentative: u32,
}

impl<'a> Walk<'a> {
    fn root(&mut self, chain: &Arc<Chain>) -> rustix::io::Result<()> {
        if self.reuse_root() {
            return Ok(());
        }
        let fd = open_beneath(self.handle.fd.as_fd(), b"", READ_DIRECTORY)?;
        (self.entering)(fd.as_fd(), &RelPath::root());
        let mut names = std::mem::take(&mut self.names);
        names.list(&fd)?;
        self.list(fd, &names, RelPath::root(), 0, chain, None, Some(0));
        self.names = names;
        Ok(())
    }

    fn enter(&mut self, pending: Pending) {
        let Some(pending) = self.reuse_subtree(pending) else { return };
        if pending.is_foreign {
            return self.enter_empty(pending, OmissionReason::OtherFilesystem);
        }
        let mut names = std::mem::take(&mut self.names);
        let opened = open_beneath(self.handle.fd.as_fd(), pending.path.as_bytes(), READ_DIRECTORY);
        let listed = opened.and_then(|fd| {
            (self.entering)(fd.as_fd(), &pending.path);
            names.list(&fd).map(|()| fd)
        });
        match listed {
            Ok(fd) => {
                if let Some(reason) = self.left_out(&fd, &names.marks, pending.verdict) {
                    self.drop_directory(&pending, reason);
                } else {
                    self.enter_listed(fd, &names, pending);
                }
            }
            // Gone, or something else by now: as if it had never been seen.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                self.forget(pending.parent);
                self.dropped.push((pending.parent, pending.entry));
            }
            Err(error) => self.enter_empty(pending, OmissionReason::Unreadable { error: text_of(error) }),
        }
        self.names = names;
    }

    /// A directory that cannot or must not be entered stands there as an empty one.
    fn enter_empty(&mut self, pending: Pending, reason: OmissionReason) {
        let number = self.dirs.len() as u32;
        self.place_child(&pending, number);
        self.omit(pending.path.clone(), reason);
        self.listed.push(number);
        self.chains.push(Arc::clone(&pending.chain));
        let old = self.index.zip(pending.indexed).and_then(|(index, number)| index.directory(number));
        self.dirs.push(Arc::new(ScanDir {
            path: pending.path,
            parent: pending.parent,
            entries: Vec::new(),
            known: old.filter(|old| old.listed == 0).and_then(|old| old.known),
            passed: Vec::new(),
            rules_digest: pending.chain.digest,
        }));
    }

    fn enter_listed(&mut self, fd: OwnedFd, names: &Names, pending: Pending) {
        let number = self.dirs.len() as u32;
        self.place_child(&pending, number);
        if self.is_watched {
            self.refresh_entry(&fd, &pending);
        }
        if names.marks.git
            && let Some(head) = git::head(&self.path.join(crate::open::as_path(pending.path.as_bytes())).join(".git"))
        {
            self.omit(pending.path.clone(), OmissionReason::NestedRepository { commit: head.commit });
        }
        self.list(fd, names, pending.path, pending.parent, &pending.chain, pending.place, pending.indexed);
    }

    /// Why a directory is left out for what lies in it.
    fn left_out(&self, fd: &OwnedFd, marks: &Marks, verdict: Verdict) -> Option<OmissionReason> {
        if marks.is_notebook() {
            return Some(OmissionReason::Notebook);
        }
        if verdict == Verdict::Include {
            return None;
        }
        let tagged = || {
            let tag = read_small(fd.as_fd(), b"CACHEDIR.TAG", CACHEDIR_SIGNATURE.len());
            tag.is_some_and(|tag| tag == CACHEDIR_SIGNATURE)
        };
        let rule = marks.rule().or_else(|| (marks.cachedir_tag && tagged()).then_some(CACHEDIR_RULE))?;
        Some(OmissionReason::Ignored { rule: rule.to_owned() })
    }

    fn drop_directory(&mut self, pending: &Pending, reason: OmissionReason) {
        if !pending.was_dropped {
            self.forget(pending.parent);
        }
        self.omit(pending.path.clone(), reason);
        self.dropped.push((pending.parent, pending.entry));
        let passed = Passed {
            name: pending.path.file_name().into(),
            kind: Kind::Directory,
            verdict: pending.verdict,
            rule: "".into(),
        };
        let list = &mut self.dir_mut(pending.parent).passed;
        let place = list.partition_point(|other| other.name < passed.name);
        list.insert(place, passed);
    }

    /// The directory is not what the index knows.
    fn forget(&mut self, dir: u32) {
        if self.dirs[dir as usize].known.is_some() {
            self.dir_mut(dir).known = None;
        }
    }

    fn omit(&mut self, path: RelPath, reason: OmissionReason) {
        self.omissions.push(Omission { path, reason, size_bytes: None });
    }

    fn omit_name(&mut self, directory: &RelPath, name: &[u8], reason: OmissionReason) {
        if let Ok(path) = directory.join(name) {
            self.omit(path, reason);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "two callers; a struct for it would only repeat them")]
    fn list(
        &mut self,
        fd: OwnedFd,
        names: &Names,
        path: RelPath,
        parent: u32,
        chain: &Arc<Chain>,
        place: Option<Place>,
        indexed: Option<u32>,
    ) {
        let number = self.dirs.len() as u32;
        let chain = extended(chain, &fd, &path, &names.marks);
        self.listed.push(number);
        self.chains.push(Arc::clone(&chain));
        let mut old = self.index.zip(indexed).and_then(|(index, number)| index.directory(number));
        self.dirs.push(Arc::new(ScanDir {
            path: path.clone(),
            parent,
            entries: Vec::with_capacity(names.slots.len()),
            known: None,
            passed: Vec::new(),
            rules_digest: chain.digest,
        }));
        let same_rules = old.as_ref().is_some_and(|old| old.rules_digest == chain.digest);
        let produced = self.rules.produced_in(&path);
        let here = Here { fd, number, path, chain, place, marks: names.marks, produced, same_rules };
        let mut tally = Tally::default();
        let first_pending = self.stack.len();
        for slot in &names.slots {
            self.name(&here, names.get(slot), slot.file_type, &mut old, &mut tally);
        }
        // The stack gives back the last one first; directories come in order.
        self.stack[first_pending..].reverse();
        if let Some(old) = old
            && old.listed == tally.matched
            && (tally.matched + tally.tentative) as usize == self.dirs[number as usize].entries.len()
        {
            self.dir_mut(number).known = old.known;
        }
    }

    fn name(
        &mut self,
        here: &Here<'_>,
        c_name: &CStr,
        listed_type: FileType,
        old: &mut Option<IndexDir<'a>>,
        tally: &mut Tally,
    ) {
        let name = c_name.to_bytes();
        let record = old.as_mut().and_then(|old| old.seek(name));
        // Some file systems do not tell the kind with the name.
        let mut early = None;
        let kind = if listed_type == FileType::Unknown {
            let Some((kind, stat)) = self.stat(here, c_name) else { return };
            early = Some((kind, stat));
            kind
        } else {
            kind_of(listed_type)
        };
        let record = record.filter(|record| record.kind == kind);
        let (verdict, rule) = verdict(here, name, kind, record);
        if let Some(rule) = rule {
            self.pass(here, name, kind, verdict, rule);
            return;
        }
        let Some((kind, stat)) = early.or_else(|| self.stat(here, c_name)) else { return };
        let record = record.filter(|record| record.kind == kind);
        self.add(here, c_name, kind, &stat, verdict, record, tally);
    }

    /// Leaves a name out by rule.
    fn pass(&mut self, here: &Here<'_>, name: &[u8], kind: Kind, verdict: Verdict, rule: String) {
        let kept = if verdict == Verdict::Ignore { rule.as_str().into() } else { "".into() };
        self.dir_mut(here.number).passed.push(Passed { name: name.into(), kind, verdict, rule: kept });
        self.omit_name(&here.path, name, OmissionReason::Ignored { rule });
    }

    fn stat(&mut self, here: &Here<'_>, name: &CStr) -> Option<(Kind, rustix::fs::Stat)> {
        match statat(&here.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some((kind_of(FileType::from_raw_mode(stat.st_mode)), stat)),
            Err(Errno::NOENT) => None,
            Err(error) => {
                self.omit_name(&here.path, name.to_bytes(), OmissionReason::Unreadable { error: text_of(error) });
                None
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one caller; split off to be read alone")]
    fn add(
        &mut self,
        here: &Here<'_>,
        c_name: &CStr,
        kind: Kind,
        system_stat: &rustix::fs::Stat,
        verdict: Verdict,
        record: Option<Record<'a>>,
        tally: &mut Tally,
    ) {
        let name = c_name.to_bytes();
        let mut entry = ScanEntry {
            name: name.into(),
            kind,
            stat: Stat::from(system_stat),
            target: Box::default(),
            child: None,
            role: None,
            known: None,
            verdict,
        };
        match kind {
            Kind::File => {
                self.files += 1;
                entry.role = self.role(here, name, record);
                tally.matched += u32::from(self.believe(&mut entry, record));
            }
            Kind::Symlink => {
                entry.role = self.role(here, name, record).or(Some(Role::Data));
                match self.target(here, c_name, &entry, record) {
                    Ok((target, same)) => {
                        entry.target = target;
                        tally.matched += u32::from(same);
                    }
                    Err(Errno::NOENT | Errno::INVAL) => return,
                    Err(error) => {
                        self.omit_name(&here.path, name, OmissionReason::Unreadable { error: text_of(error) });
                        return;
                    }
                }
            }
            Kind::Directory => self.add_directory(here, name, system_stat.st_dev, &entry.stat, verdict, record, tally),
            Kind::Fifo | Kind::Socket | Kind::Device => {
                tally.matched += u32::from(record.is_some_and(|record| same_metadata(&record, &entry.stat)));
                self.omit_name(&here.path, name, OmissionReason::Special { kind });
            }
        }
        self.dir_mut(here.number).entries.push(entry);
    }

    #[expect(clippy::too_many_arguments, reason = "one caller; split off to be read alone")]
    fn add_directory(
        &mut self,
        here: &Here<'_>,
        name: &[u8],
        device: u64,
        stat: &Stat,
        verdict: Verdict,
        record: Option<Record<'a>>,
        tally: &mut Tally,
    ) {
        let was_dropped = record.is_some_and(|record| matches!(record.body, Body::Passed { .. }));
        tally.tentative += u32::from(was_dropped);
        tally.matched += u32::from(record.is_some_and(|record| same_metadata(&record, stat)));
        let indexed = match record.map(|record| record.body) {
            Some(Body::Listed { detail: Detail::Directory(child), .. }) => child,
            _ => None,
        };
        let Ok(path) = here.path.join(name) else { return };
        self.stack.push(Pending {
            path,
            parent: here.number,
            entry: self.dirs[here.number as usize].entries.len() as u32,
            chain: Arc::clone(&here.chain),
            place: place_of(name, here.place),
            verdict,
            indexed,
            was_dropped,
            is_foreign: device != self.device && !self.rules.cross_filesystems,
            in_reused: false,
        });
    }

    fn dir_mut(&mut self, number: u32) -> &mut ScanDir {
        Arc::make_mut(&mut self.dirs[number as usize])
    }

    /// Says which number a directory got in the one that holds it.
    fn place_child(&mut self, pending: &Pending, number: u32) {
        if self.dirs[pending.parent as usize].entries[pending.entry as usize].child != Some(number) {
            self.dir_mut(pending.parent).entries[pending.entry as usize].child = Some(number);
        }
    }

    fn finish(mut self, root_stat: Stat, started: (i64, u32)) -> Walked {
        let replaced = self.take_rest();
        // A directory is only known when everything below it is; children stand behind their parents.
        for number in (1..self.dirs.len()).rev() {
            let dir = &self.dirs[number];
            if dir.known.is_none() {
                let parent = dir.parent;
                self.forget(parent);
            }
        }
        self.dropped.sort_unstable();
        for group in self.dropped.chunk_by(|left, right| left.0 == right.0) {
            let mut gone = group.iter().map(|(_, entry)| *entry).peekable();
            let mut place = 0;
            Arc::make_mut(&mut self.dirs[group[0].0 as usize]).entries.retain(|_| {
                place += 1;
                gone.next_if_eq(&(place - 1)).is_none()
            });
        }
        self.omissions.sort_by(|left, right| left.path.cmp(&right.path));
        let scan = Scan {
            dirs: self.dirs,
            root_stat,
            omissions: self.omissions,
            files: self.files,
            started,
            roles_digest: self.rules.roles_digest,
        };
        Walked { scan, chains: self.chains, listed: self.listed, replaced }
    }
}

/// The chain with the ignore files of this directory.
fn extended(chain: &Arc<Chain>, fd: &OwnedFd, path: &RelPath, marks: &Marks) -> Arc<Chain> {
    if !marks.gitignore && !marks.labignore {
        return Arc::clone(chain);
    }
    // A link is not followed, as in Git: it would let a file outside decide.
    let read = |there: bool, name: &[u8]| there.then(|| read_small(fd.as_fd(), name, IGNORE_FILE_MAX_BYTES)).flatten();
    Arc::new(chain.with(path, read(marks.gitignore, b".gitignore"), read(marks.labignore, b".labignore")))
}

/// What the ignore files say of a name, and the rule when it is left out by name.
fn verdict(here: &Here<'_>, name: &[u8], kind: Kind, record: Option<Record<'_>>) -> (Verdict, Option<String>) {
    if let Some(rule) = never_kept(name, kind) {
        return (Verdict::None, Some(rule.to_owned()));
    }
    let (verdict, rule) = match record {
        _ if here.chain.is_empty() => (Verdict::None, String::new()),
        Some(Record { verdict, body: Body::Passed { rule }, .. }) if here.same_rules => {
            (verdict, String::from_utf8_lossy(rule).into_owned())
        }
        Some(Record { verdict, .. }) if here.same_rules => (verdict, String::new()),
        _ => match here.path.join(name) {
            Ok(path) => here.chain.verdict(path.as_bytes(), kind == Kind::Directory),
            Err(_) => (Verdict::None, String::new()),
        },
    };
    match verdict {
        Verdict::Include => (verdict, None),
        Verdict::Ignore => (verdict, Some(rule)),
        Verdict::None => (verdict, by_default(name, kind, &here.path, &here.marks).map(str::to_owned)),
    }
}

fn text_of(error: Errno) -> String {
    std::io::Error::from(error).to_string()
}
