//! Taking over from the scan before what nothing has happened to.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use lab_model::{Kind, Omission, OmissionReason, RelPath};

use super::{Pending, Walk};
use crate::role::place_of;
use crate::rules::Chain;
use crate::scan::{Scan, ScanDir};
use crate::{Stat, git};

/// The scan before, and which of its directories have to be listed again.
///
/// The directories of a scan stand in the order of a walk: all that lie below one follow it at once. So what
/// nothing happened to is taken over in one piece.
pub(crate) struct Reuse {
    dirs: Vec<Option<Arc<ScanDir>>>,
    chains: Vec<Arc<Chain>>,
    /// Behind the last directory below each.
    ends: Vec<u32>,
    /// Numbers, in order.
    stale: Vec<u32>,
    omissions: Vec<Omission>,
    files: u64,
}

impl Reuse {
    /// `stale` holds the numbers of the directories that must be listed again, in order.
    pub fn new(scan: Scan, chains: Vec<Arc<Chain>>, stale: Vec<u32>) -> Self {
        let mut ends: Vec<u32> = (1..=scan.dirs.len() as u32).collect();
        for number in (1..scan.dirs.len()).rev() {
            let parent = scan.dirs[number].parent as usize;
            ends[parent] = ends[parent].max(ends[number]);
        }
        let dirs = scan.dirs.into_iter().map(Some).collect();
        Self { dirs, chains, ends, stale, omissions: scan.omissions, files: scan.files }
    }

    fn is_stale(&self, number: u32) -> bool {
        self.stale.binary_search(&number).is_ok()
    }

    fn is_stale_within(&self, number: u32) -> bool {
        let first = self.stale.partition_point(|stale| *stale < number);
        self.stale.get(first).is_some_and(|stale| *stale < self.ends[number as usize])
    }
}

impl Walk<'_> {
    /// Takes the root over; false when it has to be listed.
    pub(super) fn reuse_root(&mut self) -> bool {
        if self.reuse.as_ref().is_none_or(|reuse| reuse.is_stale(0)) {
            return false;
        }
        self.reuse_one(0, 0);
        true
    }

    /// Takes over a directory and, when nothing has happened there, all that lies below. Gives the
    /// directory back when it has to be listed.
    pub(super) fn reuse_subtree(&mut self, pending: Pending) -> Option<Pending> {
        let (Some(reuse), Some(old)) = (&self.reuse, pending.indexed) else { return Some(pending) };
        let Some(dir) = &reuse.dirs[old as usize] else { return Some(pending) };
        // One that could not be entered looks empty, and may be entered by now.
        let was_shut = !pending.in_reused && dir.entries.is_empty() && dir.passed.is_empty();
        if reuse.is_stale(old) || was_shut || pending.is_foreign {
            return Some(pending);
        }
        let number = self.dirs.len() as u32;
        let is_partly_stale = reuse.is_stale_within(old);
        self.place_child(&pending, number);
        if is_partly_stale {
            self.reuse_one(old, pending.parent);
        } else {
            self.reuse_all(old, pending.parent);
        }
        None
    }

    /// One directory; those in it are looked at next.
    fn reuse_one(&mut self, old: u32, parent: u32) {
        let Some(reuse) = &mut self.reuse else { return };
        let Some(mut dir) = reuse.dirs[old as usize].take() else { return };
        let chain = Arc::clone(&reuse.chains[old as usize]);
        let number = self.dirs.len() as u32;
        if dir.parent != parent {
            Arc::make_mut(&mut dir).parent = parent;
        }
        let place = dir.path.parts().fold(None, |place, part| place_of(part, place));
        for (entry, listed) in dir.entries.iter().enumerate().rev() {
            let (Some(child), Ok(path)) = (listed.child, dir.path.join(&listed.name)) else { continue };
            self.stack.push(Pending {
                path,
                parent: number,
                entry: entry as u32,
                chain: Arc::clone(&chain),
                place: place_of(&listed.name, place),
                verdict: listed.verdict,
                indexed: Some(child),
                was_dropped: false,
                is_foreign: false,
                in_reused: true,
            });
        }
        self.chains.push(chain);
        self.dirs.push(dir);
    }

    /// A directory and all below it.
    fn reuse_all(&mut self, old: u32, parent: u32) {
        let Some(reuse) = &mut self.reuse else { return };
        let number = self.dirs.len() as u32;
        let range = old as usize..reuse.ends[old as usize] as usize;
        self.chains.extend_from_slice(&reuse.chains[range.clone()]);
        self.dirs.extend(reuse.dirs[range].iter_mut().filter_map(Option::take));
        if number != old {
            for dir in &mut self.dirs[number as usize..] {
                let dir = Arc::make_mut(dir);
                dir.parent = dir.parent.wrapping_add(number).wrapping_sub(old);
                for child in dir.entries.iter_mut().filter_map(|entry| entry.child.as_mut()) {
                    *child = child.wrapping_add(number).wrapping_sub(old);
                }
            }
        }
        if self.dirs[number as usize].parent != parent {
            self.dir_mut(number).parent = parent;
        }
    }

    /// A directory changes when something in it does, which is no event for what holds it.
    pub(super) fn refresh_entry(&mut self, fd: &OwnedFd, pending: &Pending) {
        let Ok(stat) = rustix::fs::fstat(fd) else { return };
        let stat = Stat::from(&stat);
        let entry = &mut self.dir_mut(pending.parent).entries[pending.entry as usize];
        let same = entry.stat.mode == stat.mode
            && (entry.stat.mtime, entry.stat.mtime_nanos) == (stat.mtime, stat.mtime_nanos);
        entry.stat = stat;
        if !same {
            self.forget(pending.parent);
        }
    }

    /// Counts and omissions of what was taken over; gives the directories that were not.
    pub(super) fn take_rest(&mut self) -> Vec<RelPath> {
        let Some(reuse) = self.reuse.take() else { return Vec::new() };
        let rest: Vec<Arc<ScanDir>> = reuse.dirs.into_iter().flatten().collect();
        let files = |dir: &Arc<ScanDir>| dir.entries.iter().filter(|entry| entry.kind == Kind::File).count() as u64;
        self.files += reuse.files - rest.iter().map(files).sum::<u64>();
        let replaced: HashSet<&RelPath> = rest.iter().map(|dir| &dir.path).collect();
        for mut omission in reuse.omissions {
            let is_repository = matches!(omission.reason, OmissionReason::NestedRepository { .. });
            let is_replaced = replaced.contains(&omission.path)
                || (!is_repository && omission.path.parent().is_some_and(|parent| replaced.contains(&parent)));
            if is_replaced {
                continue;
            }
            if is_repository {
                // Nobody watches what is never kept.
                let head = git::head(&self.path.join(crate::open::as_path(omission.path.as_bytes())).join(".git"));
                let Some(head) = head else { continue };
                omission.reason = OmissionReason::NestedRepository { commit: head.commit };
            }
            self.omissions.push(omission);
        }
        rest.iter().map(|dir| dir.path.clone()).collect()
    }
}
