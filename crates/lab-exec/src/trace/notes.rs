//! Notes that traced programs make themselves, in memory that they share with the tracer: see `shape`.

#![expect(unsafe_code, reason = "memory that other processes write has no safe form")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::record::State;

pub(super) mod shape;

use shape::{CLOSED, FREE, GIVEN_UP, MARK, NAME_BYTES, NOTED, SLOTS, Table};

/// A slot that was taken and is not filled after so many rounds never will be.
const ROUNDS_MAX: u32 = 8;

/// The tracer's side of the table.
#[derive(Debug)]
pub(super) struct Notes {
    table: *mut Table,
    memory: OwnedFd,
    /// The slots before this one were read, but for those in `passed`.
    next: usize,
    /// What was taken and not yet filled, with its age in rounds.
    passed: Vec<(usize, u32)>,
    /// Slots that were taken when it was closed.
    closed_at: Option<usize>,
}

// SAFETY: the mapping belongs to it, and is only read and written by atomic operations or after one that says it may be.
unsafe impl Send for Notes {}

impl Notes {
    /// An empty table.
    pub(super) fn new() -> io::Result<Self> {
        const NAME: &CStr = c"lab-opened-files";
        let bytes = size_of::<Table>();
        // SAFETY: plain system calls; the mapping is new, as large as the file, and zero, which is a valid table.
        unsafe {
            let fd = libc::memfd_create(NAME.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            let memory = OwnedFd::from_raw_fd(fd);
            // Nobody must be able to make it shorter: whoever writes behind the end of a file is killed.
            let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
            if libc::ftruncate(fd, bytes as libc::off_t) != 0 || libc::fcntl(fd, libc::F_ADD_SEALS, seals) != 0 {
                return Err(io::Error::last_os_error());
            }
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let table = libc::mmap(std::ptr::null_mut(), bytes, access, libc::MAP_SHARED, fd, 0);
            if table == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let table: *mut Table = table.cast();
            (*table).mark.store(MARK, Ordering::Release);
            Ok(Self { table, memory, next: 0, passed: Vec::new(), closed_at: None })
        }
    }

    fn table(&self) -> &Table {
        // SAFETY: the mapping lives as long as this, and all that is shared is atomic or the files in slots,
        // which nobody refers to.
        unsafe { &*self.table }
    }

    /// What the variable of the programs says: where they find the table.
    pub(super) fn place(&self) -> io::Result<String> {
        let inode = rustix::fs::fstat(&self.memory)?.st_ino;
        Ok(format!("{}/{}/{inode}", std::process::id(), self.memory.as_raw_fd()))
    }

    /// Reads all notes that were made before this is called. `take` gets the absolute path of a file and how it was
    /// when it was opened. Notes that are being made meanwhile may come too.
    pub(super) fn drain(&mut self, mut take: impl FnMut(&[u8], State)) {
        let taken = self.table().taken.load(Ordering::Acquire);
        let end = self.closed_at.unwrap_or((taken as u32 as usize).min(SLOTS));
        let mut path = Vec::new();
        let mut passed = std::mem::take(&mut self.passed);
        passed.retain(|(slot, rounds)| {
            let is_done = self.read(*slot, &mut path, &mut take) || (*rounds >= ROUNDS_MAX && self.give_up(*slot));
            !is_done
        });
        for slot in self.next..end {
            if !self.read(slot, &mut path, &mut take) {
                passed.push((slot, 0));
            }
        }
        (self.passed, self.next) = (passed, end.max(self.next));
        if end > 0 && self.passed.is_empty() && self.closed_at.is_none() {
            let anew = ((taken >> 32).wrapping_add(1) & 0x7fff_ffff) << 32;
            // Somebody may have taken another one meanwhile: then the next time.
            let swapped = self.table().taken.compare_exchange(taken, anew, Ordering::AcqRel, Ordering::Relaxed);
            if swapped.is_ok() {
                self.next = 0;
            }
        }
    }

    /// Reads a note, which frees its slot; false when there is none yet.
    fn read(&self, slot: usize, path: &mut Vec<u8>, take: &mut impl FnMut(&[u8], State)) -> bool {
        let slot = &self.table().slots[slot];
        match slot.state.load(Ordering::Acquire) {
            FREE => return false,
            NOTED => {}
            _ => return true,
        }
        let file = &raw const slot.file;
        path.clear();
        // SAFETY: it was marked by whoever filled it, and is free for others only after the store below. A program
        // that runs wild may write anything here at any time: what is read is checked, and read once.
        let state = unsafe {
            let length = (&raw const (*file).name_bytes).read_volatile() as usize;
            let name = (&raw const (*file).name).cast::<u8>();
            path.reserve(NAME_BYTES);
            std::ptr::copy_nonoverlapping(name, path.as_mut_ptr(), NAME_BYTES);
            path.set_len(length.min(NAME_BYTES));
            State {
                size: (&raw const (*file).size).read_volatile(),
                modified: (
                    (&raw const (*file).modified).read_volatile(),
                    (&raw const (*file).modified_nanos).read_volatile(),
                ),
                changed: (
                    (&raw const (*file).changed).read_volatile(),
                    (&raw const (*file).changed_nanos).read_volatile(),
                ),
            }
        };
        slot.state.store(FREE, Ordering::Release);
        if path.first() == Some(&b'/') && !path.contains(&0) {
            take(path, state);
        }
        true
    }

    /// Whoever took the slot was killed before it could use the file, or stands still and will find this: then it
    /// asks the tracer.
    fn give_up(&self, slot: usize) -> bool {
        let state = &self.table().slots[slot].state;
        state.compare_exchange(FREE, GIVEN_UP, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Time goes by: to be called now and then.
    pub(super) fn grow_older(&mut self) {
        for (_, rounds) in &mut self.passed {
            *rounds += 1;
        }
    }

    /// From now on every call that opens a file waits for the tracer.
    pub(super) fn close(&mut self) {
        if self.closed_at.is_none() {
            let taken = self.table().taken.swap(CLOSED, Ordering::AcqRel);
            self.closed_at = Some((taken as u32 as usize).min(SLOTS));
        }
    }

    /// From now on programs ask for the name of their working directory each time.
    pub(super) fn ask_for_directories(&self) {
        self.table().asks.store(1, Ordering::Release);
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        // SAFETY: it is this one's mapping; who else has it keeps the memory.
        unsafe { libc::munmap(self.table.cast(), size_of::<Table>()) };
    }
}

/// Whether `place` leads to a table of a tracer that lives: this very process is traced by it then.
pub(super) fn is_place(place: &str) -> bool {
    let mut parts = place.split('/');
    let (Some(process), Some(descriptor), Some(inode)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let found = std::fs::metadata(Path::new("/proc").join(process).join("fd").join(descriptor));
    found.is_ok_and(|found| inode.parse() == Ok(found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the helper does.
    fn take(notes: &Notes) -> Option<usize> {
        let taken = notes.table().taken.load(Ordering::Acquire);
        let slot = taken as u32 as usize;
        notes.table().slots.get(slot)?;
        notes.table().taken.store(taken + 1, Ordering::Release);
        let is_free = notes.table().slots[slot].state.load(Ordering::Acquire) == FREE;
        if is_free { Some(slot) } else { take(notes) }
    }

    fn fill(notes: &Notes, slot: usize, name: &str, length: usize) -> bool {
        let slot = &notes.table().slots[slot];
        let file = (&raw const slot.file).cast_mut();
        // SAFETY: nobody else uses this table.
        unsafe {
            (&raw mut (*file).name_bytes).write(length as u32);
            (&raw mut (*file).size).write(7);
            std::ptr::copy_nonoverlapping(name.as_ptr(), (&raw mut (*file).name).cast(), name.len());
        }
        slot.state.compare_exchange(FREE, NOTED, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    fn note(notes: &Notes, name: &str) -> bool {
        take(notes).is_some_and(|slot| fill(notes, slot, name, name.len()))
    }

    fn drained(notes: &mut Notes) -> Vec<String> {
        let mut found = Vec::new();
        notes.drain(|path, state| {
            assert_eq!(state.size, 7);
            found.push(String::from_utf8_lossy(path).into_owned());
        });
        found
    }

    #[test]
    fn slots_are_used_again_and_none_is_lost() {
        let mut notes = Notes::new().unwrap();
        for round in 0..3 {
            let mut count = 0;
            while note(&notes, &format!("/{round}/{count}")) {
                count += 1;
            }
            assert_eq!(count, SLOTS);
            assert_eq!(drained(&mut notes).len(), SLOTS);
        }
        assert!(drained(&mut notes).is_empty());
    }

    #[test]
    fn whoever_is_slow_comes_later_and_whoever_is_dead_never() {
        let mut notes = Notes::new().unwrap();
        let (slow, dead) = (take(&notes).unwrap(), take(&notes).unwrap());
        assert!(note(&notes, "/a"));
        assert_eq!(drained(&mut notes), ["/a"]);
        assert!(fill(&notes, slow, "/slow", 5) && note(&notes, "/b"));
        assert_eq!(drained(&mut notes), ["/slow", "/b"]);
        for _ in 0..ROUNDS_MAX {
            assert!(drained(&mut notes).is_empty());
            notes.grow_older();
        }
        assert!(drained(&mut notes).is_empty());
        assert!(!fill(&notes, dead, "/late", 5), "who comes too late learns of it");
        // From the beginning again, past the one that was given up.
        let slots: Vec<_> = (0..3).map(|_| take(&notes).unwrap()).collect();
        assert_eq!(slots, [0, 2, 3]);
    }

    #[test]
    fn nonsense_is_passed_over() {
        let mut notes = Notes::new().unwrap();
        for (name, length) in [("relative", 8), ("/zero\0", 6), ("", 0), ("/long", 100_000)] {
            let slot = take(&notes).unwrap();
            fill(&notes, slot, name, length);
        }
        notes.table().slots[take(&notes).unwrap()].state.store(77, Ordering::Release);
        assert!(note(&notes, "/good"));
        assert_eq!(drained(&mut notes), ["/good"]);
        notes.table().taken.store(u64::MAX - 1, Ordering::Release);
        assert!(drained(&mut notes).is_empty());
    }

    #[test]
    fn when_it_is_closed_what_was_noted_is_read_and_nothing_more_is_taken() {
        let mut notes = Notes::new().unwrap();
        assert!(note(&notes, "/a"));
        notes.close();
        assert!(take(&notes).is_none());
        assert_eq!(drained(&mut notes), ["/a"]);
        notes.close();
        assert!(drained(&mut notes).is_empty() && take(&notes).is_none());
    }

    #[test]
    fn a_table_is_known_by_its_place() {
        let notes = Notes::new().unwrap();
        let place = notes.place().unwrap();
        assert!(is_place(&place));
        drop(notes);
        assert!(!is_place(&place) && !is_place("1/2") && !is_place(""));
    }
}
