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

use shape::{CLOSED, FREE, GIVEN_UP, MARK, NAME_BYTES, NAMED, NOTED, SLOTS, STATING, Slot, TURN_BITS, Table};

/// A slot that was taken and is not filled after so many rounds never will be.
const ROUNDS_MAX: u32 = 8;

/// So many slots are read until one that was asked for is here.
const SLOTS_AHEAD: usize = 8;

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

    /// Reads all notes that were made before this is called, and returns how many there were. `take` gets the absolute
    /// path of a file and how it was when it was opened, if that is known. Notes that are being made meanwhile may come
    /// too.
    pub(super) fn drain(&mut self, mut take: impl FnMut(&[u8], Option<State>)) -> usize {
        let taken = self.table().taken.load(Ordering::Acquire);
        let end = self.closed_at.unwrap_or((taken as u32 as usize).min(SLOTS));
        let count = self.passed.len() + end.saturating_sub(self.next);
        let mut path = Vec::with_capacity(NAME_BYTES);
        let mut passed = std::mem::take(&mut self.passed);
        passed.retain(|(slot, rounds)| {
            let is_done = self.read(*slot, &mut path, &mut take) || (*rounds >= ROUNDS_MAX && self.give_up(*slot));
            !is_done
        });
        for slot in self.next..end {
            self.fetch(slot + SLOTS_AHEAD);
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
        count - self.passed.len()
    }

    /// Has the processor bring a slot here: whoever filled it did so on another core.
    fn fetch(&self, slot: usize) {
        #[cfg(target_arch = "x86_64")]
        if let Some(slot) = self.table().slots.get(slot) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let first: *const i8 = (&raw const *slot).cast();
            // SAFETY: it changes nothing, wherever it is.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(first);
                _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(64));
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = slot;
    }

    /// Reads a note, which frees its slot; false when there is none yet, or not all of it.
    fn read(&self, slot: usize, path: &mut Vec<u8>, take: &mut impl FnMut(&[u8], Option<State>)) -> bool {
        let slot = &self.table().slots[slot];
        let found = slot.state.load(Ordering::Acquire);
        let (is_done, has_state) = match found & !(u32::MAX << TURN_BITS) {
            FREE => return false,
            NOTED => (true, true),
            // From now on nobody fills in a state.
            NAMED => {
                let freed = slot.state.compare_exchange(found, FREE, Ordering::Acquire, Ordering::Relaxed);
                (freed.is_ok(), false)
            }
            // The name counts from when the file was opened; what else comes is no news.
            STATING => (false, false),
            _ => return true,
        };
        // SAFETY: it was marked by whoever filled it, who writes no more than the state after that. Nobody takes it again
        // before the next turn, which begins when all are read.
        let state = unsafe {
            name(slot, path);
            has_state.then(|| state(slot))
        };
        if has_state {
            slot.state.store(FREE, Ordering::Release);
        }
        if path.first() == Some(&b'/') && !path.contains(&0) {
            take(path, state);
        }
        is_done
    }

    /// Whoever took the slot was killed before it could use the file or fill in the state, or stands still and will find
    /// this: then, unless the name was read, it asks the tracer.
    fn give_up(&self, slot: usize) -> bool {
        let state = &self.table().slots[slot].state;
        let found = state.load(Ordering::Acquire);
        let is_dead = found == FREE || found & !(u32::MAX << TURN_BITS) == STATING;
        is_dead && state.compare_exchange(found, GIVEN_UP, Ordering::AcqRel, Ordering::Relaxed).is_ok()
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

/// The name in a slot.
///
/// # Safety
/// Nobody fills it meanwhile. A program that runs wild may write anything here at any time: what is read is checked, and
/// read once.
unsafe fn name(slot: &Slot, path: &mut Vec<u8>) {
    let file = &raw const slot.file;
    path.clear();
    path.reserve(NAME_BYTES);
    // SAFETY: so much was reserved.
    unsafe {
        let length = ((&raw const (*file).name_bytes).read_volatile() as usize).min(NAME_BYTES);
        std::ptr::copy_nonoverlapping((&raw const (*file).name).cast::<u8>(), path.as_mut_ptr(), length);
        path.set_len(length);
    }
}

/// The state in a slot.
///
/// # Safety
/// As [`name`].
unsafe fn state(slot: &Slot) -> State {
    let file = &raw const slot.file;
    // SAFETY: as the caller says.
    unsafe {
        State {
            size: (&raw const (*file).size).read_volatile(),
            modified: (
                (&raw const (*file).modified).read_volatile(),
                (&raw const (*file).modified_nanos).read_volatile(),
            ),
            changed: ((&raw const (*file).changed).read_volatile(), (&raw const (*file).changed_nanos).read_volatile()),
        }
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
            let name = String::from_utf8_lossy(path);
            found.push(match state {
                Some(state) => {
                    assert_eq!(state.size, 7);
                    name.into_owned()
                }
                None => format!("{name}?"),
            });
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

    /// Fills a slot with a name alone, and returns the mark.
    fn name(notes: &Notes, slot: usize, name: &str) -> u32 {
        let turn = (notes.table().taken.load(Ordering::Acquire) >> 32) as u32;
        assert!(fill(notes, slot, name, name.len()));
        let mark = NAMED | turn << TURN_BITS;
        notes.table().slots[slot].state.store(mark, Ordering::Release);
        mark
    }

    /// What the helper does when it knows the state.
    fn goes_on(notes: &Notes, slot: usize, before: u32, after: u32) -> bool {
        let state = &notes.table().slots[slot].state;
        state.compare_exchange(before, after, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[test]
    fn a_state_that_is_to_come_is_not_waited_for() {
        let mut notes = Notes::new().unwrap();
        let slots: Vec<_> = (0..4).map(|_| take(&notes).unwrap()).collect();
        let marks: Vec<_> =
            slots.iter().zip(["/a", "/b", "/c", "/d"]).map(|(slot, text)| name(&notes, *slot, text)).collect();
        let stating = marks[0] - NAMED + STATING;
        // The state of the second is there in time, that of the third nearly.
        assert!(goes_on(&notes, 1, marks[1], stating) && goes_on(&notes, 1, stating, NOTED));
        assert!(goes_on(&notes, 2, marks[2], stating));
        assert_eq!(drained(&mut notes), ["/a?", "/b", "/c?", "/d?"]);
        assert!(!goes_on(&notes, 0, marks[0], stating), "who comes too late learns of it");
        assert!(goes_on(&notes, 2, stating, NOTED));
        assert_eq!(drained(&mut notes), ["/c"]);
        // The same slot in the next turn.
        let slot = take(&notes).unwrap();
        assert_ne!((slot, name(&notes, slot, "/e")), (0, marks[0]));
        assert!(!goes_on(&notes, 0, marks[0], stating));
        assert_eq!(drained(&mut notes), ["/e?"]);
    }

    #[test]
    fn whoever_is_killed_before_the_state_is_filled_in_has_told_the_name() {
        let mut notes = Notes::new().unwrap();
        let slot = take(&notes).unwrap();
        let mark = name(&notes, slot, "/a") - NAMED + STATING;
        notes.table().slots[slot].state.store(mark, Ordering::Release);
        for _ in 0..ROUNDS_MAX {
            assert_eq!(drained(&mut notes), ["/a?"]);
            notes.grow_older();
        }
        drained(&mut notes);
        assert!(!goes_on(&notes, slot, mark, NOTED) && drained(&mut notes).is_empty());
        assert_eq!(take(&notes), Some(1));
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
