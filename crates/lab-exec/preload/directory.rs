//! The working directory of a program, by name: to ask for it costs half a microsecond, so it is remembered until the
//! program goes elsewhere, or another program of the run renames directories. Should somebody outside the run rename it,
//! the files keep the name that the program knew.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use crate::calls::{SYS_CHDIR, SYS_FCHDIR, SYS_GETCWD, SYS_GETPID, pass};
use crate::shape::{CLOSED, Table};
use crate::{PROCESS, returned};

const BASE_WORDS: usize = 25;
const BASE_BYTES: usize = 8 * BASE_WORDS;

/// Room for the name of a working directory.
pub type Base = MaybeUninit<[u64; BASE_WORDS]>;

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
    fn get<'a>(&self, as_of: u64, base: &'a mut Base) -> Option<&'a [u8]> {
        if self.as_of.load(Ordering::Acquire) != as_of {
            return None;
        }
        let length = self.length.load(Ordering::Relaxed) as usize;
        for (index, word) in self.words.iter().take(length.div_ceil(8)).enumerate() {
            // SAFETY: there are as many words on both sides.
            unsafe { base.as_mut_ptr().cast::<u64>().add(index).write(word.load(Ordering::Relaxed)) };
        }
        fence(Ordering::Acquire);
        let is_whole = self.as_of.load(Ordering::Relaxed) == as_of && length <= BASE_BYTES;
        // SAFETY: so many bytes were written just now.
        is_whole.then(|| unsafe { core::slice::from_raw_parts(base.as_ptr().cast(), length) })
    }

    /// One at a time; whoever comes meanwhile, be it a signal handler, leaves it be.
    fn set(&self, as_of: u64, base: &[u8]) {
        if self.writes.swap(true, Ordering::Acquire) {
            return;
        }
        self.as_of.store(CLOSED, Ordering::Relaxed);
        fence(Ordering::Release);
        self.length.store(base.len() as u64, Ordering::Relaxed);
        for (word, bytes) in self.words.iter().zip(base.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
        }
        self.as_of.store(as_of, Ordering::Release);
        self.writes.store(false, Ordering::Release);
    }
}

/// The working directory, with a slash at its end.
pub fn working_directory<'a>(table: &Table, base: &'a mut Base) -> Option<&'a [u8]> {
    let moves = MOVES.load(Ordering::Acquire);
    let is_steady = moves as u32 == 0 && table.asks.load(Ordering::Acquire) == 0 && !APART.load(Ordering::Relaxed);
    if is_steady && REMEMBERED.as_of.load(Ordering::Relaxed) == moves {
        return REMEMBERED.get(moves, base);
    }
    // SAFETY: the kernel writes as far as the buffer goes, and says how far; it counts the zero at the end.
    let name = unsafe {
        let length = pass(SYS_GETCWD, base.as_mut_ptr() as usize, BASE_BYTES, 0, 0);
        let length = usize::try_from(length).ok().filter(|length| *length > 1)?;
        let bytes: *mut u8 = base.as_mut_ptr().cast();
        bytes.add(length - 1).write(b'/');
        core::slice::from_raw_parts(bytes, length)
    };
    let name = Some(name).filter(|name| name.starts_with(b"/"))?;
    if is_steady && MOVES.load(Ordering::Acquire) == moves {
        REMEMBERED.set(moves, name);
    }
    Some(name)
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
