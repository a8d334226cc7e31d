use std::ffi::CStr;

use lab_model::Role;
use rustix::fs::readlinkat;

use super::{Here, Walk};
use crate::Stat;
use crate::index::{Body, Detail, Record, decode_note};
use crate::scan::{Known, ScanEntry};

impl Walk<'_> {
    /// The role where a rule decides it; the index remembers it while the rules are the same.
    pub(super) fn role(&self, here: &Here<'_>, name: &[u8], record: Option<Record<'_>>) -> Option<Role> {
        match record.map(|record| record.body) {
            Some(Body::Listed { role, .. }) if self.same_roles => role,
            _ => self.rules.role(&here.path, here.produced, here.place, name),
        }
    }

    /// Takes over what the index knows of a file when nothing speaks against it.
    pub(super) fn believe(&self, entry: &mut ScanEntry, record: Option<Record<'_>>) -> bool {
        let (Some(index), Some(Body::Listed { role, stat, detail: Detail::File(Some((content, known_role, note))) })) =
            (self.index, record.map(|record| record.body))
        else {
            return false;
        };
        if role != entry.role || !stat.same_content(&entry.stat) || index.is_racy(&stat) {
            return false;
        }
        // Blocks are allocated after the write; what they were decides nothing new about the file.
        entry.stat.blocks = stat.blocks;
        entry.known = Some(Known { content, role: known_role, unsteady: false, note: decode_note(note) });
        true
    }

    /// Where a link points, and whether the index says the same.
    pub(super) fn target(
        &self,
        here: &Here<'_>,
        name: &CStr,
        entry: &ScanEntry,
        record: Option<Record<'_>>,
    ) -> rustix::io::Result<(Box<[u8]>, bool)> {
        let old = match (self.index, record.map(|record| record.body)) {
            (Some(index), Some(Body::Listed { role, stat, detail: Detail::Symlink(target) })) => {
                Some((index, role, stat, target))
            }
            _ => None,
        };
        // A scan that is taken over says nothing of how old its links were when they were read.
        if let Some((index, role, stat, target)) = old
            && self.reuse.is_none()
            && stat.same_content(&entry.stat)
            && !index.is_racy(&stat)
        {
            return Ok((target.into(), role == entry.role));
        }
        let target = readlinkat(&here.fd, name, Vec::with_capacity(256))?.into_bytes().into_boxed_slice();
        let same = old.is_some_and(|(_, role, stat, old_target)| {
            role == entry.role && *target == *old_target && same_times(&stat, &entry.stat)
        });
        Ok((target, same))
    }
}

/// Whether what a tree records of a directory or special file is the same.
pub(super) fn same_metadata(record: &Record<'_>, stat: &Stat) -> bool {
    matches!(&record.body, Body::Listed { stat: old, .. } if same_times(old, stat))
}

fn same_times(old: &Stat, new: &Stat) -> bool {
    old.mode == new.mode && (old.mtime, old.mtime_nanos) == (new.mtime, new.mtime_nanos)
}
