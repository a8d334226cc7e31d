//! The hot index: what a scan found and what the engine learned, so that the next scan reads only what changed.
//!
//! A cache: losing it costs time and nothing else. It is one file, in the order of the scan, so that the
//! next scan walks it beside the directories without a search:
//! magic (8 bytes), BLAKE3 of everything after it (32), key (32), start of the scan (8 + 4), digest of what
//! decides roles (8), number of directories (4), then for each directory its offset (8), then the
//! directories. Numbers stand least byte first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use lab_model::{Domain, Hash};

use self::decode::Input;
pub(crate) use self::decode::{Body, Detail, IndexDir, Record, decode_note};
use crate::{Error, Result, Scan, Stat};

mod decode;
mod encode;

pub(crate) use self::encode::can_keep;

const MAGIC: &[u8; 8] = b"LABHOT\0\x02";
const BODY_AT: usize = 8 + 32;
const DIRS_AT: usize = BODY_AT + 32 + 8 + 4 + 8 + 4;

// The first byte of a record: two flags, two bits of verdict, three of role.
const PASSED: u8 = 1;
const KNOWN: u8 = 2;
const VERDICT_SHIFT: u8 = 2;
const ROLE_SHIFT: u8 = 4;

/// A stat takes this many bytes.
const STAT_BYTES: usize = 56;

/// File times may be as coarse as the kernel's tick: younger entries are not believed.
const GRAIN_NANOS: i128 = 20_000_000;
/// Where no time has nanoseconds, the file system counts in one or two seconds.
const COARSE_GRAIN_NANOS: i128 = 2_000_000_000;
/// A modification time further ahead than this was set by hand; a write would bring it back.
const AHEAD_NANOS: i128 = 86_400_000_000_000;

/// An index as it was saved.
#[derive(Debug)]
pub struct Index {
    bytes: Vec<u8>,
    started: (i64, u32),
    pub(crate) roles_digest: u64,
    dirs: u32,
}

impl Index {
    /// Loads the index; `None` when it is absent, damaged, of another version or of another `key`.
    pub fn load(path: &Path, key: &[u8; 32]) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let body = bytes.strip_prefix(MAGIC)?.get(32..)?;
        if Hash::of(Domain::Content, body).0[..] != bytes[8..BODY_AT] {
            return None;
        }
        let mut input = Input(body);
        if input.take(32)? != key {
            return None;
        }
        let started = (input.i64()?, input.u32()?);
        let roles_digest = input.u64()?;
        let dirs = input.u32()?;
        Some(Self { bytes, started, roles_digest, dirs })
    }

    /// The tree of the root when the index was saved. What the index says is in a notebook that holds it.
    pub fn root_tree(&self) -> Option<Hash> {
        Some(self.directory(0)?.known?.tree)
    }

    /// Saves what `scan` and the engine found: a temporary file, mode 0600, renamed into place. It is not
    /// synced: the checksum tells a torn one.
    ///
    /// # Errors
    /// [`crate::Error::IndexWrite`].
    pub fn save(scan: &Scan, key: &[u8; 32], path: &Path) -> Result<()> {
        let bytes = encode::encode(scan, key);
        write_beside(path, &bytes).map_err(|source| Error::IndexWrite { path: path.to_owned(), source })
    }

    /// An index of some directories of a scan, in memory; each keeps its number. What is known in them must
    /// not be racy.
    pub(crate) fn of(scan: &Scan, dirs: impl Iterator<Item = u32>) -> Self {
        let bytes = encode::encode_some(scan, dirs);
        Self { bytes, started: (i64::MAX, 0), roles_digest: scan.roles_digest, dirs: scan.dirs.len() as u32 }
    }

    /// The directory with this number.
    pub(crate) fn directory(&self, number: u32) -> Option<IndexDir<'_>> {
        if number >= self.dirs {
            return None;
        }
        let at = DIRS_AT + number as usize * 8;
        let offset = usize::try_from(Input(self.bytes.get(at..at + 8)?).u64()?).ok()?;
        if offset == 0 {
            return None;
        }
        IndexDir::new(Input(self.bytes.get(offset..)?))
    }

    /// Whether `stat` is so young that the file could have been written once more within the same tick,
    /// after it was read. Judged against the start of the scan that found it.
    ///
    /// The clock is the kernel's coarse one, from which it takes file times. A probe file would ask the file
    /// system itself, but a scan never writes into the project. On a network file system whose clock is
    /// behind, only writes within one of its ticks could deceive; one that is ahead costs a second reading.
    pub(crate) fn is_racy(&self, stat: &Stat) -> bool {
        is_racy(stat, self.started)
    }
}

/// [`Index::is_racy`] for a scan that began at `started`.
pub(crate) fn is_racy(stat: &Stat, started: (i64, u32)) -> bool {
    let started = nanos(started.0, started.1);
    let (mtime, ctime) = (nanos(stat.mtime, stat.mtime_nanos), nanos(stat.ctime, stat.ctime_nanos));
    let grain = grain_nanos(stat);
    ctime + grain >= started || (mtime + grain >= started && mtime <= started + AHEAD_NANOS)
}

/// How coarse the times of a file may be.
pub(crate) const fn grain_nanos(stat: &Stat) -> i128 {
    if stat.mtime_nanos == 0 && stat.ctime_nanos == 0 { COARSE_GRAIN_NANOS } else { GRAIN_NANOS }
}

pub(crate) const fn nanos(seconds: i64, nanos: u32) -> i128 {
    seconds as i128 * 1_000_000_000 + nanos as i128
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The process id keeps two writers apart; the last rename wins, and both are right.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}
