//! States that are filled in later. Most programs ask for the state of a file right after they have opened it: then
//! the answer that they get is noted, and it does not have to be asked for twice. Of a program that does not do so the
//! state is asked for at once.

use core::ffi::{c_int, c_uint};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::calls::{SYS_FSTAT, Stat, pass, stat_of};
use crate::shape::{CLOSED, NAMED, NOTED, STATING, Table};
use crate::{fill_in, in_turn, returned, table};

/// What is known of a descriptor: files are opened as low ones.
static OPENED: [AtomicU64; 1024] = [const { AtomicU64::new(UNKNOWN) }; 1024];
/// It was not opened here, or was closed, or all is done.
const UNKNOWN: u64 = 0;
/// Its file is noted, state and all.
const WHOLE: u64 = 1;
/// With the count of taken slots before it was: the name is noted in that slot.
const BY_NAME: u64 = 2;

/// Whether the program asked for the state of the last file before it closed it.
static ASKS: AtomicBool = AtomicBool::new(false);

fn opened(fd: c_int) -> Option<&'static AtomicU64> {
    OPENED.get(usize::try_from(fd).ok()?)
}

/// Whether the program is likely to ask for the state of the file that it has just opened as `fd`.
pub fn will_ask(fd: c_int) -> bool {
    ASKS.load(Ordering::Relaxed) && opened(fd).is_some()
}

/// The file that was opened as `fd` is noted with its state.
pub fn noted_whole(fd: c_int) {
    if let Some(opened) = opened(fd) {
        opened.store(WHOLE, Ordering::Relaxed);
    }
}

/// Of the file that was opened as `fd` the name is noted in the slot that was the next when `taken` was the count.
pub fn noted_by_name(fd: c_int, taken: u64) {
    if let Some(opened) = opened(fd) {
        opened.store(taken + BY_NAME, Ordering::Release);
    }
}

/// `fstat` of a file that waits for it, else `None`.
pub unsafe fn ask(fd: c_int, stat: *mut Stat) -> Option<c_int> {
    let opened = opened(fd).filter(|opened| opened.load(Ordering::Relaxed) != UNKNOWN)?;
    ASKS.store(true, Ordering::Relaxed);
    let before = opened.swap(UNKNOWN, Ordering::Acquire);
    let table = table().filter(|table| before >= BY_NAME && table.taken.load(Ordering::Relaxed) != CLOSED)?;
    // SAFETY: the kernel checks the place, and fills it when it succeeds.
    let result = unsafe { pass(SYS_FSTAT, fd as usize, stat as usize, 0, 0) };
    if result == 0 {
        // SAFETY: as above.
        complete(table, before - BY_NAME, unsafe { &*stat });
    }
    Some(returned(result))
}

/// From here on `fd` may stand for another file.
pub fn forget(fd: c_int) {
    let Some(opened) = opened(fd).filter(|opened| opened.load(Ordering::Relaxed) != UNKNOWN) else { return };
    let before = opened.swap(UNKNOWN, Ordering::Acquire);
    if before >= BY_NAME {
        ASKS.store(false, Ordering::Relaxed);
        if let Some((table, stat)) = table().zip(stat_of(fd as usize)) {
            complete(table, before - BY_NAME, &stat);
        }
    }
}

/// The same of all descriptors from the first to the last.
pub fn forget_all(first: c_uint, last: c_uint) {
    let end = OPENED.len() as c_uint - 1;
    (first..=last.min(end)).for_each(|fd| forget(fd as c_int));
}

/// Fills in a state, unless the tracer was faster. What is no file it will find out.
fn complete(table: &Table, taken: u64, stat: &Stat) {
    let Some(slot) = table.slots.get(taken as u32 as usize).filter(|_| stat.is_file()) else { return };
    let [named, stating] = [NAMED, STATING].map(|state| in_turn(state, taken));
    if slot.state.compare_exchange(named, stating, Ordering::Acquire, Ordering::Relaxed).is_ok() {
        // SAFETY: the state is this thread's until it is marked. Should it have been given up meanwhile, nobody reads it.
        unsafe { fill_in(slot, stat) };
        let _ = slot.state.compare_exchange(stating, NOTED, Ordering::Release, Ordering::Relaxed);
    }
}
