use std::collections::{BTreeSet, HashSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use lab_model::{Kind, RelPath};
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::error::{RestoreError, Result};
use super::fault;
use super::journal::{Journal, Slot};
use super::outcome::{Applied, Left, LeftReason};
use super::plan::{Action, EntryState, Step};
use super::rename::{CONFLICT_NAMES, Exchanged, conflict_name, exchange, rename_new};
use super::root::{Root, Seen, look_at, split};

/// The second half of a restore: everything lies ready, and is put in its place. Every part can be done
/// again: what is done already is recognised by its inode.
pub(super) struct Place<'a> {
    pub(super) path: PathBuf,
    pub(super) root: Root,
    /// `None` when a resumed restore had removed it already.
    pub(super) stage: Option<OwnedFd>,
    pub(super) journal: &'a Journal,
    /// Whether a part may have been done by an earlier process.
    pub(super) resuming: bool,
    pub(super) left: Vec<Left>,
    /// The paths in `left`, for looking up.
    pub(super) left_paths: HashSet<RelPath>,
}

/// How a step ended: done, or left for a reason.
pub(super) type Outcome = std::result::Result<(), Stop>;

/// Why a step was not carried out.
#[derive(Debug)]
pub(super) enum Stop {
    Left(LeftReason),
    Io(Errno),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Io(errno)
    }
}

const CHANGED: Stop = Stop::Left(LeftReason::Changed { conflict: None });

impl<'a> Place<'a> {
    pub fn new(path: &Path, root: Root, stage: Option<OwnedFd>, journal: &'a Journal, resuming: bool) -> Self {
        let left = journal.left.clone();
        let left_paths = left.iter().map(|left| left.path.clone()).collect();
        let path = path.to_owned();
        Self { path, root, stage, journal, resuming, left, left_paths }
    }

    /// Puts everything in place, then tidies up.
    pub fn finish(&mut self, journal_path: &Path) -> Result<Applied> {
        self.unlock_directories();
        let journal = self.journal;
        if self.stage.is_some() {
            let steps = &journal.plan.steps;
            for (at, step) in steps.iter().enumerate().rev().filter(|(_, step)| step.action == Action::Remove) {
                self.run(at, step, Self::remove)?;
            }
            for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.action != Action::Remove) {
                self.run(at, step, Self::put)?;
            }
        }
        fault::point("restore:placed");
        self.tidy(journal_path)?;
        Ok(self.outcome())
    }

    /// Carries out one step; trouble with it alone is noted, trouble with the whole disk ends the restore for
    /// now, so that it can be finished when there is room again.
    fn run(&mut self, at: usize, step: &Step, act: fn(&mut Self, usize, &Step) -> Outcome) -> Result<()> {
        if self.left_paths.contains(&step.path) {
            return Ok(());
        }
        if let Err(stop) = act(self, at, step) {
            self.note(&step.path, stop)?;
        }
        fault::point("restore:step");
        Ok(())
    }

    pub(super) fn note(&mut self, path: &RelPath, stop: Stop) -> Result<()> {
        let reason = match stop {
            Stop::Left(reason) => reason,
            Stop::Io(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::ROFS | Errno::MFILE | Errno::NFILE)) => {
                return Err(RestoreError::io("change", &self.path.join(crate::open::as_path(path.as_bytes())))(errno));
            }
            Stop::Io(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => LeftReason::Parent,
            Stop::Io(Errno::XDEV) => LeftReason::OtherFilesystem,
            Stop::Io(errno) => LeftReason::Failed { error: std::io::Error::from(errno).to_string() },
        };
        if self.left_paths.insert(path.clone()) {
            self.left.push(Left { path: path.clone(), reason });
        }
        Ok(())
    }

    fn outcome(&mut self) -> Applied {
        let mut applied = Applied { left: std::mem::take(&mut self.left), ..Applied::default() };
        for step in &self.journal.plan.steps {
            if self.left_paths.contains(&step.path) {
                continue;
            }
            applied.changed.push(step.path.clone());
            *match step.action {
                Action::Create => &mut applied.created,
                Action::Replace => &mut applied.replaced,
                Action::Remove => &mut applied.removed,
                Action::Metadata => &mut applied.metadata,
            } += 1;
        }
        applied
    }

    /// Lets directories be changed whose owner may not; their mode comes back at the end.
    fn unlock_directories(&mut self) {
        for directory in self.journal.directories.iter().filter(|directory| directory.is_locked()) {
            let (parent, name) = split(&directory.path);
            let parent = if name.is_empty() { Ok(self.root.fd()) } else { self.root.directory(parent) };
            let name = if name.is_empty() { &b"."[..] } else { name };
            // What does not succeed here shows in the steps.
            let Ok(parent) = parent else { continue };
            if let Ok(Some(seen)) = look_at(parent, name)
                && seen.stat.inode == directory.inode
                && seen.stat.mode == directory.mode
            {
                let mtime = (seen.stat.mtime, seen.stat.mtime_nanos);
                let _ = super::root::set_metadata(parent, name, &seen, directory.mode | 0o700, mtime, false);
            }
        }
    }

    fn remove(&mut self, at: usize, step: &Step) -> Outcome {
        let Some(before) = &step.before else { return Ok(()) };
        if before.kind != Kind::Directory {
            return self.take_away(at, &step.path, before);
        }
        let (parent, name) = match self.root.parent(&step.path) {
            Err(error) if is_gone(error) => return Ok(()),
            found => found?,
        };
        if look_at(parent, name)?.is_some_and(|seen| seen.kind != Kind::Directory) {
            return Err(CHANGED);
        }
        let is_removed = self.root.remove_empty(&step.path)?;
        if is_removed { Ok(()) } else { Err(Stop::Left(LeftReason::NotEmpty { conflict: None })) }
    }

    /// Moves a file or link into the staging directory, where it waits until everything else is durable.
    fn take_away(&mut self, at: usize, path: &RelPath, before: &EntryState) -> Outcome {
        let stage = stage_of(self.stage.as_ref())?;
        let slot_name = at.to_string();
        let (parent, name) = match self.root.parent(path) {
            Err(error) if is_gone(error) => return Ok(()),
            found => found?,
        };
        let Some(seen) = look_at(parent, name)? else { return Ok(()) };
        if let Some(taken) = self.resuming.then(|| look_at(stage, slot_name.as_bytes())).transpose()?.flatten() {
            // Taken away before, and what is there now came later; unless it is the same under two names.
            return if taken.stat.inode == seen.stat.inode {
                Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?)
            } else {
                Ok(())
            };
        }
        if !is_as_seen(&seen, before, &self.journal.slots[at]) {
            return Err(CHANGED);
        }
        rename_new(parent, name, stage, slot_name.as_bytes())?;
        fault::point("restore:taken");
        if look_at(stage, slot_name.as_bytes())?.is_some_and(|taken| is_same_file(&taken, &seen)) {
            return Ok(());
        }
        // Another took its place in the very last moment.
        rename_new(stage, slot_name.as_bytes(), parent, name)?;
        Err(CHANGED)
    }

    fn put(&mut self, at: usize, step: &Step) -> Outcome {
        let slot = self.journal.slots[at];
        match (&step.before, &step.after) {
            (_, Some(after)) if after.kind == Kind::Directory => match step.action {
                Action::Metadata => Ok(()),
                _ => self.put_directory(at, step),
            },
            (before, Some(_)) if slot.staged_inode != 0 => self.put_file(at, &step.path, before.as_ref()),
            (Some(before), Some(after)) if step.action == Action::Metadata => {
                self.set_metadata(&step.path, before, after, &slot)
            }
            _ => Ok(()),
        }
    }

    fn put_directory(&mut self, at: usize, step: &Step) -> Outcome {
        let (parent, name) = self.root.parent(&step.path)?;
        match look_at(parent, name)? {
            Some(seen) if seen.kind == Kind::Directory => return Ok(()),
            Some(_) => match &step.before {
                Some(before) => self.take_away(at, &step.path, before)?,
                None => return Err(CHANGED),
            },
            None => {}
        }
        let (parent, name) = self.root.parent(&step.path)?;
        match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
            Err(Errno::EXIST) => Err(CHANGED),
            made => Ok(made?),
        }
    }

    /// Puts a staged file or link where `before` is, or where nothing is.
    fn put_file(&mut self, at: usize, path: &RelPath, before: Option<&EntryState>) -> Outcome {
        let stage = stage_of(self.stage.as_ref())?;
        let slot = self.journal.slots[at];
        let slot_name = at.to_string();
        if self.resuming
            && look_at(stage, slot_name.as_bytes())?.is_none_or(|lies| lies.stat.inode != slot.staged_inode)
        {
            return self.tell_placed(path, &slot);
        }
        // A second and third look when something moves at that moment.
        for _ in 0..3 {
            let (parent, name) = self.root.parent(path)?;
            let Some(seen) = look_at(parent, name)? else {
                match rename_new(stage, slot_name.as_bytes(), parent, name) {
                    Err(Errno::EXIST) => continue,
                    moved => return Ok(moved?),
                }
            };
            if seen.stat.inode == slot.staged_inode {
                // Stopped when it had both names.
                return Ok(rustix::fs::unlinkat(stage, slot_name.as_str(), AtFlags::empty())?);
            }
            let Some(before) = before.filter(|before| is_as_seen(&seen, before, &slot)) else { break };
            if before.kind == Kind::Directory {
                if !self.root.remove_empty(path)? {
                    let conflict = self.put_beside(at, path)?;
                    return Err(Stop::Left(LeftReason::NotEmpty { conflict: Some(conflict) }));
                }
                continue;
            }
            match exchange(stage, slot_name.as_bytes(), parent, name) {
                Ok(Exchanged::Swapped) => {}
                Ok(Exchanged::Replaced) => return Ok(()),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            }
            fault::point("restore:exchanged");
            if look_at(stage, slot_name.as_bytes())?.is_some_and(|taken| is_same_file(&taken, &seen)) {
                return Ok(());
            }
            exchange(stage, slot_name.as_bytes(), parent, name)?;
            break;
        }
        let conflict = self.put_beside(at, path)?;
        Err(Stop::Left(LeftReason::Changed { conflict: Some(conflict) }))
    }

    /// An earlier process put the staged file in its place, or beside it: which of the two?
    fn tell_placed(&mut self, path: &RelPath, slot: &Slot) -> Outcome {
        let (parent, name) = match self.root.parent(path) {
            Err(_) => return Ok(()),
            Ok(found) => found,
        };
        if look_at(parent, name)?.is_some_and(|seen| seen.stat.inode == slot.staged_inode) {
            return Ok(());
        }
        for attempt in 1..=CONFLICT_NAMES {
            let conflict = conflict_name(name, attempt);
            match look_at(parent, &conflict)? {
                None => break,
                Some(seen) if seen.stat.inode == slot.staged_inode => {
                    let conflict = sibling(path, &conflict);
                    return Err(Stop::Left(LeftReason::Changed { conflict: Some(conflict) }));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Puts what lies in a slot beside the path it belongs to, under a name that is free.
    pub(super) fn put_beside(&mut self, at: usize, path: &RelPath) -> std::result::Result<RelPath, Errno> {
        let stage = stage_of(self.stage.as_ref())?;
        let (parent, name) = self.root.parent(path)?;
        for attempt in 1..=CONFLICT_NAMES {
            let conflict = conflict_name(name, attempt);
            match rename_new(stage, at.to_string().as_bytes(), parent, &conflict) {
                Err(Errno::EXIST) => {}
                moved => {
                    moved?;
                    fault::point("restore:beside");
                    return Ok(sibling(path, &conflict));
                }
            }
        }
        Err(Errno::EXIST)
    }

    fn set_metadata(&mut self, path: &RelPath, before: &EntryState, after: &EntryState, slot: &Slot) -> Outcome {
        let mode = super::sink::final_mode(after.mode, self.journal.trusted);
        let (parent, name) = self.root.parent(path)?;
        let Some(seen) = look_at(parent, name)? else { return Err(CHANGED) };
        let times = [(before.mtime, before.mtime_nanos), (after.mtime, after.mtime_nanos)];
        let is_time = times.contains(&(seen.stat.mtime, seen.stat.mtime_nanos));
        let is_mode = seen.kind == Kind::Symlink || [before.mode & 0o7777, mode].contains(&seen.stat.mode);
        let is_size = seen.kind != Kind::File || seen.stat.size == before.size;
        if seen.kind != before.kind || !is_time || !is_mode || !is_size {
            return Err(CHANGED);
        }
        if seen.kind == Kind::Symlink {
            let times = super::root::times(after.mtime, after.mtime_nanos);
            return Ok(rustix::fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?);
        }
        if seen.stat.links > 1 {
            return Err(Stop::Left(LeftReason::HardLinked));
        }
        if slot.present_inode != 0 && slot.present_inode != seen.stat.inode {
            return Err(CHANGED);
        }
        match super::root::set_metadata(parent, name, &seen, mode, (after.mtime, after.mtime_nanos), false) {
            Err(Errno::STALE | Errno::LOOP | Errno::NOTDIR) => Err(CHANGED),
            set => Ok(set?),
        }
    }

    /// The directories whose mode and time are set last, with what they get; deepest first, the root left out.
    pub(super) fn directory_metadata(&self) -> Vec<DirectoryMetadata> {
        let mut metadata = Vec::new();
        let mut planned = BTreeSet::new();
        for step in &self.journal.plan.steps {
            let Some(after) = step.after.as_ref().filter(|after| after.kind == Kind::Directory) else { continue };
            let mode = super::sink::final_mode(after.mode, self.journal.trusted);
            planned.insert(&step.path);
            let mtime = (after.mtime, after.mtime_nanos);
            metadata.push(DirectoryMetadata { path: step.path.clone(), mode, mtime, inode: None });
        }
        for was in self.journal.directories.iter().filter(|was| !was.path.is_root() && !planned.contains(&was.path)) {
            let mtime = (was.mtime, was.mtime_nanos);
            metadata.push(DirectoryMetadata { path: was.path.clone(), mode: was.mode, mtime, inode: Some(was.inode) });
        }
        metadata.sort_unstable_by(|a, b| b.path.cmp(&a.path));
        metadata
    }
}

/// What a directory gets at the end.
pub(super) struct DirectoryMetadata {
    pub path: RelPath,
    pub mode: u32,
    pub mtime: (i64, u32),
    /// For one that the plan does not name, and that gets back what it had: which it was.
    pub inode: Option<u64>,
}

fn sibling(path: &RelPath, name: &[u8]) -> RelPath {
    let parent = path.parent().unwrap_or_default();
    parent.join(name).expect("because the name is that of a path with a plain ending")
}

fn stage_of(stage: Option<&OwnedFd>) -> std::result::Result<BorrowedFd<'_>, Errno> {
    stage.map(AsFd::as_fd).ok_or(Errno::NOENT)
}

/// Whether an error says that a parent is no directory any more: what was to be removed below it is gone.
const fn is_gone(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

/// Whether something is still what the plan saw.
pub(super) fn is_as_seen(seen: &Seen, before: &EntryState, slot: &Slot) -> bool {
    let stat = &seen.stat;
    if seen.kind != before.kind {
        return false;
    }
    if seen.kind == Kind::Directory {
        return true;
    }
    let same_size = seen.kind == Kind::Symlink || stat.size == before.size;
    let same_mode = seen.kind == Kind::Symlink || stat.mode == before.mode & 0o7777;
    let same_time = (stat.mtime, stat.mtime_nanos) == (before.mtime, before.mtime_nanos);
    let same_inode = slot.present_inode == 0 || slot.present_inode == stat.inode;
    let same_change = slot.present_ctime.is_none_or(|ctime| ctime == (stat.ctime, stat.ctime_nanos));
    same_size && same_mode && same_time && same_inode && same_change
}

/// Whether a file that was moved is the one that was looked at; moving changes its change time.
fn is_same_file(moved: &Seen, seen: &Seen) -> bool {
    let key = |seen: &Seen| {
        let stat = &seen.stat;
        (seen.kind, stat.inode, stat.size, stat.mode, stat.mtime, stat.mtime_nanos)
    };
    key(moved) == key(seen)
}
