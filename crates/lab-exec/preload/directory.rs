//! The working directory of a program, by name: to ask for it costs half a microsecond, so it is remembered until the
//! program goes elsewhere, or another program of the run renames directories. Should somebody outside the run rename it,
//! the files keep the name that the program knew.

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use crate::shape::{CLOSED, Table};
use crate::{PROCESS, SYS_GETPID, pass, returned};

const SYS_GETCWD: usize = 79;
const SYS_CHDIR: usize = 80;
const SYS_FCHDIR: usize = 81;

const BASE_WORDS: usize = 25;
pub const BASE_BYTES: usize = 8 * BASE_WORDS;

/// Changes of this process's working directory: how many began, in the upper half, and how many of them are under way.
static MOVES: AtomicU64 = AtomicU64::new(0);
/// Somebody shares this memory and not the working directory: its name is asked for every time.
static APART: AtomicBool = AtomicBool::new(false);

/// The name of the working directory, remembered as of [`MOVES`]: to ask costs half a microsecond.
struct Remembered {
    writes: AtomicBool,
    as_of: AtomicU64,
    length: AtomicU64,
    words: [AtomicU64; BASE_WORDS],
}

static REMEMBERED: Remembered = Remembered {
    writes: AtomicBool::new(false),
    as_of: AtomicU64::new(CLOSED),
    length: AtomicU64::new(0),
    words: [const { AtomicU64::new(0) }; BASE_WORDS],
};

impl Remembered {
    fn get(&self, as_of: u64, base: &mut [u8; BASE_BYTES]) -> Option<usize> {
        if self.as_of.load(Ordering::Acquire) != as_of {
            return None;
        }
        let length = self.length.load(Ordering::Relaxed) as usize;
        for (word, bytes) in self.words.iter().zip(base.as_chunks_mut::<8>().0).take(length.div_ceil(8)) {
            *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        fence(Ordering::Acquire);
        (self.as_of.load(Ordering::Relaxed) == as_of && length <= BASE_BYTES).then_some(length)
    }

    /// One at a time; whoever comes meanwhile, be it a signal handler, leaves it be.
    fn set(&self, as_of: u64, base: &[u8; BASE_BYTES], length: usize) {
        if self.writes.swap(true, Ordering::Acquire) {
            return;
        }
        self.as_of.store(CLOSED, Ordering::Relaxed);
        fence(Ordering::Release);
        self.length.store(length as u64, Ordering::Relaxed);
        for (word, bytes) in self.words.iter().zip(base.as_chunks::<8>().0).take(length.div_ceil(8)) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        self.as_of.store(as_of, Ordering::Release);
        self.writes.store(false, Ordering::Release);
    }
}

/// The working directory and its length, with a slash at its end.
pub fn working_directory(table: &Table, base: &mut [u8; BASE_BYTES]) -> Option<usize> {
    let moves = MOVES.load(Ordering::Acquire);
    let is_steady = moves as u32 == 0 && table.asks.load(Ordering::Acquire) == 0 && !APART.load(Ordering::Relaxed);
    if let Some(length) = is_steady.then(|| REMEMBERED.get(moves, base)).flatten() {
        return Some(length);
    }
    // SAFETY: the kernel writes as far as the buffer goes, and counts the zero at the end.
    let length = unsafe { pass(SYS_GETCWD, base.as_mut_ptr() as usize, BASE_BYTES, 0, 0) };
    let length = usize::try_from(length).ok().filter(|length| *length > 1 && base[0] == b'/')?;
    base[length - 1] = b'/';
    if is_steady && MOVES.load(Ordering::Acquire) == moves {
        REMEMBERED.set(moves, base, length);
    }
    Some(length)
}

/// Changes the working directory.
unsafe fn change(number: usize, to: usize) -> c_int {
    MOVES.fetch_add((1 << 32) + 1, Ordering::AcqRel);
    // SAFETY: the kernel checks the argument.
    let result = unsafe { pass(number, to, 0, 0, 0) };
    // A child that was forked shares nothing, or, by vfork, this memory alone.
    // SAFETY: a plain system call.
    if unsafe { pass(SYS_GETPID, 0, 0, 0, 0) } as u64 != PROCESS.load(Ordering::Relaxed) {
        APART.store(true, Ordering::Relaxed);
    }
    MOVES.fetch_sub(1, Ordering::AcqRel);
    returned(result)
}

/// # Safety
/// As chdir(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chdir(path: *const u8) -> c_int {
    // SAFETY: the kernel checks the path.
    unsafe { change(SYS_CHDIR, path as usize) }
}

/// # Safety
/// As fchdir(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchdir(fd: c_int) -> c_int {
    // SAFETY: the argument is a number.
    unsafe { change(SYS_FCHDIR, fd as usize) }
}
