use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use lab_model::{Kind, RelPath};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use crate::open::open_beneath;
use crate::stat::kind_of;

/// How a directory is opened in order to change what it holds.
const PASS: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// How a directory is opened in order to change or sync itself.
const HOLD: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// An open root below which every path is looked up part by part, and no link is followed.
///
/// The directory that was used last stays open: steps come in order, and most share it with their neighbour.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
    cached: Option<(Vec<u8>, OwnedFd)>,
}

/// What the system says of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub kind: Kind,
    pub device: u64,
    pub stat: crate::Stat,
}

impl From<rustix::fs::Stat> for Seen {
    #[expect(clippy::useless_conversion, reason = "the width of a device number differs between architectures")]
    fn from(stat: rustix::fs::Stat) -> Self {
        Self {
            kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
            device: u64::from(stat.st_dev),
            stat: crate::Stat::from(&stat),
        }
    }
}

impl Root {
    /// Opens the root itself; the path to it may well lead through links.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self::new(rustix::fs::open(path, flags, Mode::empty())?))
    }

    pub const fn new(fd: OwnedFd) -> Self {
        Self { fd, cached: None }
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The directory at `path`.
    pub fn directory(&mut self, path: &[u8]) -> rustix::io::Result<BorrowedFd<'_>> {
        if path.is_empty() {
            return Ok(self.fd.as_fd());
        }
        if self.cached.as_ref().is_none_or(|(cached, _)| cached != path) {
            let below = match &self.cached {
                Some((cached, fd)) if path.starts_with(cached) && path.get(cached.len()) == Some(&b'/') => {
                    Some((fd, &path[cached.len() + 1..]))
                }
                _ => None,
            };
            let (at, rest) = below.map_or((self.fd.as_fd(), path), |(fd, rest)| (fd.as_fd(), rest));
            let opened = open_beneath(at, rest, PASS)?;
            self.cached = Some((path.to_vec(), opened));
        }
        Ok(self.cached.as_ref().map_or(self.fd.as_fd(), |(_, fd)| fd.as_fd()))
    }

    /// The directory that holds `path`, and its name in there.
    pub fn parent<'p>(&mut self, path: &'p RelPath) -> rustix::io::Result<(BorrowedFd<'_>, &'p [u8])> {
        let (parent, name) = split(path);
        Ok((self.directory(parent)?, name))
    }

    /// Removes a directory, unless there is something in it.
    pub fn remove_empty(&mut self, path: &RelPath) -> rustix::io::Result<bool> {
        let (parent, name) = self.parent(path)?;
        let removed = rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR);
        self.forget();
        match removed {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Closes the directory that was used last: something else may stand there now.
    pub fn forget(&mut self) {
        self.cached = None;
    }
}

/// The parent's path and the last part.
pub(super) fn split(path: &RelPath) -> (&[u8], &[u8]) {
    let bytes = path.as_bytes();
    bytes.iter().rposition(|byte| *byte == b'/').map_or((&[][..], bytes), |at| (&bytes[..at], &bytes[at + 1..]))
}

/// What is called `name` in a directory; `None` when there is nothing.
pub(super) fn look_at(directory: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Option<Seen>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Times for the calls that set them: the modification time only.
pub(super) const fn times(mtime: i64, mtime_nanos: u32) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: mtime, tv_nsec: mtime_nanos as _ },
    }
}

/// Sets mode and time of a file or directory that must still be the inode `expected`, when that is given;
/// a link that has come in its place is never followed.
pub(super) fn set_metadata(
    parent: BorrowedFd<'_>,
    name: &[u8],
    expected: &Seen,
    mode: u32,
    mtime: (i64, u32),
    sync: bool,
) -> rustix::io::Result<()> {
    let directory = if expected.kind == Kind::Directory { OFlags::DIRECTORY } else { OFlags::empty() };
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | directory;
    let (fd, is_path) = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        // What its owner may not read can still be named.
        Err(Errno::ACCESS) => (rustix::fs::openat(parent, name, flags | OFlags::PATH, Mode::empty())?, true),
        opened => (opened?, false),
    };
    let seen = Seen::from(rustix::fs::fstat(&fd)?);
    if (seen.kind, seen.stat.inode) != (expected.kind, expected.stat.inode) {
        return Err(Errno::STALE);
    }
    let mode = Mode::from_raw_mode(mode);
    if is_path {
        use std::os::fd::AsRawFd;
        let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
        rustix::fs::chmodat(CWD, link.as_str(), mode, AtFlags::empty())?;
        return rustix::fs::utimensat(CWD, link.as_str(), &times(mtime.0, mtime.1), AtFlags::empty());
    }
    if seen.stat.mode != mode.as_raw_mode() {
        rustix::fs::fchmod(&fd, mode)?;
    }
    rustix::fs::futimens(&fd, &times(mtime.0, mtime.1))?;
    if sync { rustix::fs::fsync(&fd) } else { Ok(()) }
}

/// Makes an own directory and opens it.
pub(super) fn make_directory(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
    open_directory(parent, name)
}

/// Opens a directory that is no link.
pub(super) fn open_directory(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(parent, name, HOLD, Mode::empty())
}

/// Removes an own directory with everything in it, however deep, with two directories open at a time:
/// what lies below is first moved up to the top.
pub(super) fn remove_directory(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    let top = match open_directory(parent, name) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    let mut next_name = 0u64;
    empty_into(top.as_fd(), top.as_fd(), &mut next_name)?;
    // Names of our own making cannot be told from the first level's, so the top is read until it is empty.
    loop {
        let directories = names(top.as_fd())?;
        if directories.is_empty() {
            break;
        }
        for name in directories {
            let _ = rustix::fs::chmodat(&top, name.as_slice(), Mode::RWXU, AtFlags::empty());
            let below = open_directory(top.as_fd(), &name)?;
            empty_into(below.as_fd(), top.as_fd(), &mut next_name)?;
            rustix::fs::unlinkat(&top, name.as_slice(), AtFlags::REMOVEDIR)?;
        }
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Unlinks the files in `directory` and moves its directories to `top`.
fn empty_into(directory: BorrowedFd<'_>, top: BorrowedFd<'_>, next_name: &mut u64) -> rustix::io::Result<()> {
    let is_top = rustix::fs::fstat(directory)?.st_ino == rustix::fs::fstat(top)?.st_ino;
    for name in names(directory)? {
        match rustix::fs::unlinkat(directory, name.as_slice(), AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) if is_top => {}
            Err(Errno::ISDIR | Errno::PERM) => {
                // Moving a directory needs the right to write it.
                let _ = rustix::fs::chmodat(directory, name.as_slice(), Mode::RWXU, AtFlags::empty());
                loop {
                    *next_name += 1;
                    let moved = format!(".moved-{next_name}");
                    if look_at(top, moved.as_bytes())?.is_none() {
                        rustix::fs::renameat(directory, name.as_slice(), top, moved.as_str())?;
                        break;
                    }
                }
            }
            other => other?,
        }
    }
    Ok(())
}

/// The names in a directory.
pub(super) fn names(directory: BorrowedFd<'_>) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    Ok(names)
}
