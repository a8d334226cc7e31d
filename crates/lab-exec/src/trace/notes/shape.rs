//! The memory that the tracer shares with every traced process: a table of notes, each of one file that was opened to
//! be read. Compiled twice: into this crate and into the helper (`preload/helper.rs`), which no other code may meet.
//!
//! A process takes the next free slot, fills it and marks it; there is no lock that a process could
//! hold while it is killed. The tracer reads marked slots and marks them as free; when all that were taken are free
//! again the count starts anew: the next turn.
//!
//! Most programs ask for the state of a file right after they have opened it. So the name may be noted alone
//! ([`NAMED`]), and the state be filled in once the program knows it. The tracer does not wait for that: what it finds
//! named it looks at itself.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// Tells a table from any other memory, and this shape from others.
pub const MARK: u64 = u64::from_le_bytes(*b"labnote1");

/// How many slots there are: with the head 1 MiB. A call that waits has to wait until all are read, so more would not be
/// better; a process that finds none left makes such a call.
pub const SLOTS: usize = 4095;

/// The longest name that a slot takes; longer ones are told by a call that waits.
pub const NAME_BYTES: usize = 208;

/// What stands in the two arguments that `openat2`, `chdir` and `fchdir` do not have when the helper makes the call: the
/// filter lets such calls pass. Whoever wants to hide from a notebook could use them too.
pub const PASS: [u64; 2] = [0x6c61_622d_7061_7373, 0x2d68_656c_7065_7221];

/// The name of the variable that leads programs to the table: `PROCESS/DESCRIPTOR/INODE` of it.
pub const VARIABLE: &str = "LAB_OPENED_FILES";

/// In place of the count of taken slots: nobody takes another one, and no call passes any more.
pub const CLOSED: u64 = u64::MAX;

/// The slot can be filled by whoever took it.
pub const FREE: u32 = 0;
/// It holds a note.
pub const NOTED: u32 = 1;
/// Whoever took it did not fill it in time; it is never used again.
pub const GIVEN_UP: u32 = 2;
/// It holds a name; with the turn, see [`TURN_BITS`].
pub const NAMED: u32 = 3;
/// It holds a name, and whoever took it is about to fill in the state; with the turn.
pub const STATING: u32 = 4;

/// Above these bits of a state stands the turn, from the upper half of the count: who comes back to fill in a state must not
/// take somebody else's later note for its own.
pub const TURN_BITS: u32 = 3;

/// The whole of it.
#[repr(C, align(4096))]
pub struct Table {
    /// [`MARK`].
    pub mark: AtomicU64,
    /// How many slots are taken, in the lower half; the upper half changes whenever the count starts anew.
    pub taken: AtomicU64,
    /// Not 0: the name of a working directory may change in a way that the helper cannot see, so it has to ask for it
    /// every time.
    pub asks: AtomicU32,
    _rest_of_line: [u32; 59],
    /// The notes.
    pub slots: [Slot; SLOTS],
}

/// One note.
#[repr(C, align(256))]
pub struct Slot {
    /// [`FREE`], [`NOTED`], [`GIVEN_UP`], or, with the turn, [`NAMED`] or [`STATING`].
    pub state: AtomicU32,
    /// The file.
    pub file: File,
}

/// A file that was opened, and how it was then.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct File {
    /// The length of the name.
    pub name_bytes: u32,
    /// Size in bytes.
    pub size: u64,
    /// Seconds of the modification time.
    pub modified: i64,
    /// Seconds of the time of the last change of any kind.
    pub changed: i64,
    /// Nanoseconds of the modification time.
    pub modified_nanos: u32,
    /// Nanoseconds of the time of the last change of any kind.
    pub changed_nanos: u32,
    /// An absolute name that leads through no link.
    pub name: [u8; NAME_BYTES],
}

const _: () = assert!(size_of::<Slot>() == 256 && size_of::<Table>() == 1 << 20);
