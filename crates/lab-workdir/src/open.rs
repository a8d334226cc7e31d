use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use crate::Stat;

/// An open project directory: every path is looked up below it and no link is followed.
#[derive(Debug)]
pub struct RootHandle {
    pub(crate) fd: OwnedFd,
}

/// How a file is opened for reading: nothing that stands there instead can block or become a terminal.
pub(crate) const READ_FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// How a directory is opened to be listed.
pub(crate) const READ_DIRECTORY: OFlags = READ_FILE.union(OFlags::DIRECTORY);

/// How a directory is opened on the way to another.
const PASS_DIRECTORY: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The longest path that one system call takes, its final NUL left out.
const CALL_MAX_BYTES: usize = 4095;

/// Opens `path` below `root`: no part may be a link, none leads outside. Works for paths of any length.
pub(crate) fn open_beneath(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    if path.is_empty() {
        return openat(root, c".", flags.difference(OFlags::NOFOLLOW), Mode::empty());
    }
    let mut at: Option<OwnedFd> = None;
    let mut rest = path;
    while rest.len() > CALL_MAX_BYTES {
        let cut = rest[..CALL_MAX_BYTES].iter().rposition(|byte| *byte == b'/').ok_or(Errno::NAMETOOLONG)?;
        let next = open_part(at.as_ref().map_or(root, AsFd::as_fd), &rest[..cut], PASS_DIRECTORY)?;
        at = Some(next);
        rest = &rest[cut + 1..];
    }
    open_part(at.as_ref().map_or(root, AsFd::as_fd), rest, flags)
}

fn open_part(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(at, path, flags, Mode::empty(), resolve) {
        // Kernels before 5.6, sandboxes that refuse what they do not know, and a rename at the wrong moment.
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => open_by_parts(at, path, flags),
        other => other,
    }
}

/// The same, one part at a time.
fn open_by_parts(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut parts = path.split(|byte| *byte == b'/').peekable();
    let mut current: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        let flags = if parts.peek().is_some() { PASS_DIRECTORY } else { flags };
        if matches!(part, b"" | b"." | b"..") {
            return Err(Errno::XDEV);
        }
        let next = openat(current.as_ref().map_or(at, AsFd::as_fd), part, flags, Mode::empty())?;
        current = Some(next);
    }
    current.ok_or(Errno::INVAL)
}

/// The first `limit_bytes` of a regular file; `None` when there is none or it cannot be read.
pub(crate) fn read_small(at: BorrowedFd<'_>, name: &[u8], limit_bytes: usize) -> Option<Vec<u8>> {
    let fd = openat(at, name, READ_FILE, Mode::empty()).ok()?;
    read_regular(&fd, limit_bytes).ok()
}

/// The same for a file outside the project; here links are followed, as Git does.
pub(crate) fn read_outside(path: &Path, limit_bytes: usize) -> rustix::io::Result<Vec<u8>> {
    let fd = openat(CWD, path, READ_FILE.difference(OFlags::NOFOLLOW), Mode::empty())?;
    read_regular(&fd, limit_bytes)
}

fn read_regular(fd: &OwnedFd, limit_bytes: usize) -> rustix::io::Result<Vec<u8>> {
    let stat = fstat(fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let size = usize::try_from(Stat::from(&stat).size).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(size.min(limit_bytes) + 1);
    fill(fd.as_fd(), &mut bytes, limit_bytes)?;
    Ok(bytes)
}

/// Appends to `bytes` until it holds `limit_bytes` or the file ends.
pub(crate) fn fill(fd: BorrowedFd<'_>, bytes: &mut Vec<u8>, limit_bytes: usize) -> rustix::io::Result<()> {
    while bytes.len() < limit_bytes {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(64 * 1024);
        }
        match rustix::io::read(fd, rustix::buffer::spare_capacity(bytes)) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(limit_bytes);
    Ok(())
}

/// Bytes as a path.
pub(crate) fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(path: &Path) -> OwnedFd {
        openat(CWD, path, READ_DIRECTORY, Mode::empty()).unwrap()
    }

    #[test]
    fn no_part_may_be_a_link() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("link")).unwrap();
        std::os::unix::fs::symlink("plain", inside.path().join("near")).unwrap();
        std::fs::create_dir(inside.path().join("d")).unwrap();
        std::fs::write(inside.path().join("d/plain"), "y").unwrap();
        let root = root(inside.path());
        for open in [open_beneath, open_by_parts] {
            for path in ["link/secret", "link", "near", "../x"] {
                assert!(open(root.as_fd(), path.as_bytes(), READ_FILE).is_err(), "{path}");
            }
            assert!(open(root.as_fd(), b"d/plain", READ_FILE).is_ok());
        }
    }

    #[test]
    fn paths_longer_than_a_call_takes() {
        let inside = tempfile::tempdir().unwrap();
        let name = "n".repeat(250);
        let mut at = root(inside.path());
        for _ in 0..40 {
            rustix::fs::mkdirat(&at, name.as_str(), Mode::RWXU).unwrap();
            at = openat(&at, name.as_str(), READ_DIRECTORY, Mode::empty()).unwrap();
        }
        let path = vec![name.as_str(); 40].join("/");
        let opened = open_beneath(root(inside.path()).as_fd(), path.as_bytes(), READ_DIRECTORY).unwrap();
        assert_eq!(fstat(&opened).unwrap().st_ino, fstat(&at).unwrap().st_ino);
    }
}
