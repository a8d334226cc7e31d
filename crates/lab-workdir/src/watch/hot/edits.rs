//! Files that change where they lie: each is asked for its stat, and the directory that holds it is not listed.

use std::collections::HashSet;

use lab_model::{Kind, RelPath};
use rustix::fs::{AtFlags, FileType, fstat, statat};
use rustix::io::Errno;

use super::super::queue::What;
use super::HotIndex;
use crate::Stat;
use crate::index::{can_keep, is_racy};
use crate::open::as_path;
use crate::stat::kind_of;

/// When more files than this change, their directories are listed.
const EDITS: usize = 4096;

impl HotIndex {
    /// Notes that something happened to a file of `dir`.
    pub(super) fn note_edit(&mut self, dir: &RelPath, path: RelPath, what: What) {
        if self.stale.contains(dir) {
            return;
        }
        *self.edits.entry(path).or_default() |= what != What::Changed;
        if self.edits.len() > EDITS {
            self.stale.extend(self.edits.drain().filter_map(|(path, _)| path.parent()));
        }
    }

    /// Looks at the files that something happened to and at those for which no event can vouch. A directory in
    /// which names came or went is to be listed.
    pub(super) fn look_at_files(&mut self) {
        let (edits, doubtful) = (std::mem::take(&mut self.edits), std::mem::take(&mut self.doubtful));
        if self.lost {
            return;
        }
        let mut with_names = HashSet::new();
        for (path, is_of_name) in edits {
            let Some(dir) = path.parent() else { continue };
            self.look_at_file(&dir, path.file_name());
            if is_of_name {
                with_names.insert(dir);
            }
        }
        for (dir, names) in doubtful {
            for name in names {
                if self.look_at_file(&dir, &name) {
                    self.doubtful.entry(dir.clone()).or_default().push(name);
                }
            }
        }
        with_names.iter().for_each(|dir| self.look_at_directory(dir));
    }

    /// True when it is unchanged, which no event can vouch for the next time either.
    fn look_at_file(&mut self, dir: &RelPath, name: &[u8]) -> bool {
        if self.stale.contains(dir) {
            return false;
        }
        match self.compare(dir, name) {
            Found::Same => return true,
            Found::Absent => {}
            Found::Changed(number, stat) => {
                let scan = self.scan_mut();
                scan.forget_tree(number);
                if let Some(entry) = scan.entry_mut(number, name) {
                    (entry.stat, entry.known) = (stat, None);
                }
            }
            Found::Other => {
                self.stale.insert(dir.clone());
            }
        }
        false
    }

    fn compare(&self, dir: &RelPath, name: &[u8]) -> Found {
        let (Some(number), Ok(path)) = (self.scan.find(dir), dir.join(name)) else { return Found::Other };
        // What it holds decides about the directory.
        if name == b"CACHEDIR.TAG" {
            return Found::Other;
        }
        let entry = self.scan.entry(number, name).filter(|entry| entry.kind == Kind::File);
        let found = match (statat(&self.handle.fd, as_path(path.as_bytes()), AtFlags::SYMLINK_NOFOLLOW), entry) {
            (Ok(found), Some(_)) if is_file(&found) => found,
            // Left out by its name, as before.
            (Ok(found), None) if self.is_passed(number, name) && is_file(&found) => return Found::Absent,
            (Err(Errno::NOENT), None) if !self.is_mentioned(number, &path) => return Found::Absent,
            _ => return Found::Other,
        };
        let (stat, Some(entry)) = (Stat::from(&found), entry) else { return Found::Other };
        if stat.links != entry.stat.links || (stat.links > 1 && stat.inode != entry.stat.inode) {
            return Found::Other;
        }
        let is_same = entry.known.as_ref().is_some_and(can_keep)
            && stat.same_content(&entry.stat)
            && !is_racy(&entry.stat, self.scan.started);
        if is_same { Found::Same } else { Found::Changed(number, stat) }
    }

    fn is_passed(&self, dir: usize, name: &[u8]) -> bool {
        self.scan.dirs[dir].passed.iter().any(|passed| *passed.name == *name && passed.kind == Kind::File)
    }

    /// Whether the scan says anything of a path, were it that it is left out.
    fn is_mentioned(&self, dir: usize, path: &RelPath) -> bool {
        self.scan.entry(dir, path.file_name()).is_some()
            || self.scan.dirs[dir].passed.iter().any(|passed| *passed.name == *path.file_name())
            || self.scan.omissions.binary_search_by(|omission| omission.path.cmp(path)).is_ok()
    }

    /// A directory in which names changed places has other times, also when its names are the same in the end.
    fn look_at_directory(&mut self, dir: &RelPath) {
        if self.stale.contains(dir) {
            return;
        }
        let Some(parent) = dir.parent() else {
            if let Ok(stat) = fstat(&self.handle.fd) {
                self.scan_mut().root_stat = Stat::from(&stat);
            }
            return;
        };
        let found = statat(&self.handle.fd, as_path(dir.as_bytes()), AtFlags::SYMLINK_NOFOLLOW);
        let number = self.scan.find(&parent);
        let (Ok(stat), Some(number)) = (found.as_ref().map(Stat::from), number) else {
            self.stale.insert(parent);
            return;
        };
        match self.scan_mut().entry_mut(number, dir.file_name()) {
            Some(entry) if entry.kind == Kind::Directory && entry.stat.inode == stat.inode => {
                entry.stat = stat;
                self.scan_mut().forget_tree(number);
            }
            _ => drop(self.stale.insert(parent)),
        }
    }
}

fn is_file(stat: &rustix::fs::Stat) -> bool {
    kind_of(FileType::from_raw_mode(stat.st_mode)) == Kind::File
}

/// What a file is, compared with what the scan says.
enum Found {
    Same,
    /// In the directory with this number.
    Changed(usize, Stat),
    /// Not in the scan, and rightly so.
    Absent,
    /// Only a listing can tell.
    Other,
}
