use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use lab_model::{Kind, RelPath};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::WriteContent;
use super::error::ContentError;
use super::plan::EntryState;
use super::root::{Seen, times};

/// Holes begin and end at multiples of this.
const HOLE_BYTES: usize = 4096;
static ZEROS: [u8; HOLE_BYTES] = [0; HOLE_BYTES];

/// How files are written: what is the same for all of one restore.
pub(super) struct Maker<'a, 'c, 'p> {
    pub write_content: &'a mut WriteContent<'c>,
    pub progress: &'a mut super::Progress<'p>,
    pub stop: &'a dyn Fn() -> bool,
    /// Whether setuid, setgid and sticky bits are set.
    pub trusted: bool,
    /// Permission bits that a new file gets when it asks for all: what the umask leaves.
    pub granted: u32,
    pub done_bytes: u64,
    pub total_bytes: u64,
}

/// Why a file was not made.
#[derive(Debug)]
pub(super) enum MakeError {
    Io(Errno),
    Content(ContentError),
}

impl From<Errno> for MakeError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno)
    }
}

/// Mode that an entry gets.
pub(super) const fn final_mode(mode: u32, trusted: bool) -> u32 {
    mode & if trusted { 0o7777 } else { 0o777 }
}

/// What the umask (or the directory's default access list) leaves of a new file's permission bits.
pub(super) fn granted(directory: BorrowedFd<'_>) -> rustix::io::Result<u32> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, c".probe", flags, Mode::from_raw_mode(0o777))?;
    let seen = Seen::from(rustix::fs::fstat(&file)?);
    rustix::fs::unlinkat(directory, c".probe", rustix::fs::AtFlags::empty())?;
    Ok(seen.stat.mode & 0o777)
}

impl Maker<'_, '_, '_> {
    /// Makes a new file or link called `name`, with content, mode and time, and gives its inode when `tell`.
    pub fn make(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        path: &RelPath,
        state: &EntryState,
        (sync, tell): (bool, bool),
    ) -> Result<u64, MakeError> {
        if state.kind == Kind::Symlink {
            rustix::fs::symlinkat(state.target.as_slice(), directory, name)?;
            let no_follow = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::utimensat(directory, name, &times(state.mtime, state.mtime_nanos), no_follow)?;
            return Ok(if tell { Seen::from(rustix::fs::statat(directory, name, no_follow)?).stat.inode } else { 0 });
        }
        let mode = final_mode(state.mode, self.trusted);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(mode & 0o777))?;
        self.fill(file.as_fd(), path, state)?;
        // After the last write, which would have cleared a setuid bit.
        if mode & self.granted != mode {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
        }
        rustix::fs::futimens(&file, &times(state.mtime, state.mtime_nanos))?;
        if sync {
            rustix::fs::fsync(&file)?;
        }
        Ok(if tell { Seen::from(rustix::fs::fstat(&file)?).stat.inode } else { 0 })
    }

    fn fill(&mut self, file: BorrowedFd<'_>, path: &RelPath, state: &EntryState) -> Result<(), MakeError> {
        let mut sink = Sink {
            file,
            offset: 0,
            sparse: state.sparse,
            stop: self.stop,
            progress: self.progress,
            done_bytes: self.done_bytes,
            total_bytes: self.total_bytes,
        };
        (self.write_content)(path, state, &mut sink).map_err(MakeError::Content)?;
        let length = sink.offset;
        self.done_bytes += length;
        if state.sparse {
            rustix::fs::ftruncate(file, length)?;
        }
        Ok(())
    }
}

/// Takes a file's bytes; in a sparse file, blocks of zeros become holes.
struct Sink<'a, 'p> {
    file: BorrowedFd<'a>,
    offset: u64,
    sparse: bool,
    stop: &'a dyn Fn() -> bool,
    progress: &'a mut super::Progress<'p>,
    done_bytes: u64,
    total_bytes: u64,
}

impl Write for Sink<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.stop)() {
            return Err(io::Error::other(super::RestoreError::Stopped));
        }
        if self.sparse {
            self.write_around_holes(bytes)?;
        } else {
            write_all(self.file, bytes)?;
        }
        self.offset += bytes.len() as u64;
        // A file that was written to while its snapshot was taken may have more bytes than its size said.
        (self.progress)((self.done_bytes + self.offset).min(self.total_bytes), self.total_bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink<'_, '_> {
    fn write_around_holes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut at = 0;
        let mut unwritten = 0;
        while at < bytes.len() {
            let in_block = ((self.offset + at as u64) % HOLE_BYTES as u64) as usize;
            let end = (at + HOLE_BYTES - in_block).min(bytes.len());
            if bytes[at..end] == ZEROS[..end - at] {
                write_all_at(self.file, &bytes[unwritten..at], self.offset + unwritten as u64)?;
                unwritten = end;
            }
            at = end;
        }
        write_all_at(self.file, &bytes[unwritten..], self.offset + unwritten as u64)
    }
}

fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn write_all_at(file: BorrowedFd<'_>, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
