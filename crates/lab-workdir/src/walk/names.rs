use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use crate::rules::Marks;

/// Bytes that one call for names may fill: some thousand names.
const NAMES_BYTES: usize = 64 * 1024;

/// The names of one directory, sorted; the memory is used again for the next.
#[derive(Default)]
pub(super) struct Names {
    /// The names, each with its NUL.
    arena: Vec<u8>,
    pub slots: Vec<Slot>,
    pub marks: Marks,
    buffer: Vec<MaybeUninit<u8>>,
}

#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// The first bytes of the name, so that sorting rarely looks into the arena.
    prefix: u64,
    start: u32,
    /// Without the NUL.
    length: u16,
    pub file_type: FileType,
}

impl Names {
    /// Reads the names of the directory behind `fd`.
    pub fn list(&mut self, fd: &OwnedFd) -> rustix::io::Result<()> {
        self.arena.clear();
        self.slots.clear();
        self.marks = Marks::default();
        self.buffer.resize(NAMES_BYTES, MaybeUninit::uninit());
        let mut names = RawDir::new(fd, &mut self.buffer);
        while let Some(entry) = names.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error),
            };
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            self.marks.note(name);
            let mut prefix = [0; 8];
            let length = name.len().min(8);
            prefix[..length].copy_from_slice(&name[..length]);
            self.slots.push(Slot {
                prefix: u64::from_be_bytes(prefix),
                start: self.arena.len() as u32,
                length: name.len() as u16,
                file_type: entry.file_type(),
            });
            self.arena.extend_from_slice(entry.file_name().to_bytes_with_nul());
        }
        let arena = &self.arena;
        let bytes = |slot: &Slot| &arena[slot.start as usize..][..usize::from(slot.length)];
        self.slots
            .sort_unstable_by(|left, right| left.prefix.cmp(&right.prefix).then_with(|| bytes(left).cmp(bytes(right))));
        // A directory that changes while it is listed can give a name twice.
        self.slots.dedup_by(|left, right| left.prefix == right.prefix && bytes(left) == bytes(right));
        Ok(())
    }

    /// The name of a slot.
    pub fn get(&self, slot: &Slot) -> &CStr {
        let bytes = &self.arena[slot.start as usize..][..usize::from(slot.length) + 1];
        CStr::from_bytes_with_nul(bytes).expect("because names are pushed with their one NUL")
    }
}
