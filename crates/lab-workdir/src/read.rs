//! Reading the user's files: with `read`, never mapped, and with a stat before and after.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use lab_model::RelPath;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use crate::open::{READ_DIRECTORY, READ_FILE, fill, open_beneath};
use crate::{Error, Result, RootHandle, Stat};

/// Why a file of the user could not be read. Not an [`crate::Error`]: the file is passed over and listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It is gone, or something else has its name now (a link, a FIFO, a directory).
    #[error("it is gone")]
    Gone,
    /// It is larger than the caller wants to hold in memory.
    #[error("it has grown to {size_bytes} bytes")]
    TooLarge {
        /// Its size now.
        size_bytes: u64,
    },
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<Errno> for SourceError {
    fn from(errno: Errno) -> Self {
        match errno {
            // A link or a part that is no directory: what was listed is not there any more.
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::ISDIR => Self::Gone,
            other => Self::Io(other.into()),
        }
    }
}

/// A file that was read whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileBytes {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its stat after the last byte was read.
    pub stat: Stat,
    /// It kept changing while it was read.
    pub unsteady: bool,
}

/// A file that is read in parts.
#[derive(Debug)]
pub struct FileStream {
    fd: OwnedFd,
    before: Stat,
    read_bytes: u64,
}

/// What is known when a stream has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamEnd {
    /// The file's stat after the last byte was read.
    pub stat: Stat,
    /// The file changed between opening and the end, or was not read to its end.
    pub unsteady: bool,
}

impl FileStream {
    /// The file's stat when it was opened.
    pub const fn stat(&self) -> &Stat {
        &self.before
    }

    /// Asks once more for the file's stat and says whether it changed.
    ///
    /// # Errors
    /// [`SourceError::Io`].
    pub fn finish(self) -> std::result::Result<StreamEnd, SourceError> {
        let stat = stat_regular(&self.fd)?;
        Ok(StreamEnd { stat, unsteady: !stat.same_content(&self.before) || self.read_bytes != stat.size })
    }
}

impl Read for FileStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(&self.fd, &mut *buffer) {
                Ok(count) => {
                    self.read_bytes += count as u64;
                    return Ok(count);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// How often a file that changes is read again.
const TRIES: usize = 3;

/// Bytes of one sample of a large file.
const SAMPLE_BYTES: u64 = 16 * 1024;

/// Samples of a large file, the first at its beginning and the last at its end.
const SAMPLES: u64 = 64;

/// Opens a project's directory for [`read_file`] and [`open_stream`].
///
/// # Errors
/// [`crate::Error::Root`].
pub fn open_root(root: &Path) -> Result<RootHandle> {
    // The root itself may be reached through links: that is how the user named it.
    openat(CWD, root, READ_DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty())
        .map(|fd| RootHandle { fd })
        .map_err(|error| Error::Root { path: root.to_owned(), source: error.into() })
}

/// Waits for whoever is just changing the file at `path`, where the file system can be asked to. Shortening a file
/// is visible before anybody is told of it, and takes a while; asking where its data lies takes the same lock.
pub fn wait_for_writer(root: &RootHandle, path: &RelPath) {
    if let Ok(fd) = open_beneath(root.fd.as_fd(), path.as_bytes(), READ_FILE) {
        let _ = rustix::fs::seek(&fd, rustix::fs::SeekFrom::Data(0));
    }
}

/// Reads the file at `path` whole. When it differs from `expected` (the stat of the scan) or changes
/// meanwhile it is read again, up to three times, and then called unsteady.
///
/// # Errors
/// See [`SourceError`]; [`SourceError::TooLarge`] when it is larger than `limit_bytes`.
pub fn read_file(
    root: &RootHandle,
    path: &RelPath,
    expected: &Stat,
    limit_bytes: u64,
) -> std::result::Result<FileBytes, SourceError> {
    steadily(root, path, expected, |fd, before| {
        if before.size > limit_bytes {
            return Err(SourceError::TooLarge { size_bytes: before.size });
        }
        let size = usize::try_from(before.size).map_err(|_| SourceError::TooLarge { size_bytes: before.size })?;
        let mut bytes = Vec::with_capacity(size);
        // To the size and no further: that the file ends there is what the stat afterwards says.
        fill(fd.as_fd(), &mut bytes, size)?;
        let whole = bytes.len() == size;
        Ok((bytes, whole))
    })
}

/// Opens the file at `path` to be read in parts.
///
/// # Errors
/// See [`SourceError`].
pub fn open_stream(root: &RootHandle, path: &RelPath) -> std::result::Result<FileStream, SourceError> {
    let fd = open_beneath(root.fd.as_fd(), path.as_bytes(), READ_FILE)?;
    let before = stat_regular(&fd)?;
    // Only a hint for the kernel's reading ahead.
    let _ = rustix::fs::fadvise(&fd, 0, None, rustix::fs::Advice::Sequential);
    Ok(FileStream { fd, before, read_bytes: 0 })
}

/// Reads evenly spread samples of a large file: its size as eight bytes, least first, then 64 samples of
/// 16 KiB (the whole file when it is not larger than that). For a hash of [`lab_model::Domain::Sample`].
///
/// # Errors
/// See [`SourceError`].
pub fn samples(root: &RootHandle, path: &RelPath, expected: &Stat) -> std::result::Result<FileBytes, SourceError> {
    steadily(root, path, expected, |fd, before| {
        let mut bytes = Vec::with_capacity(8 + (SAMPLES * SAMPLE_BYTES) as usize);
        bytes.extend_from_slice(&before.size.to_le_bytes());
        let mut whole = true;
        if before.size <= SAMPLES * SAMPLE_BYTES {
            whole &= read_at(fd, &mut bytes, 0, before.size as usize)?;
        } else {
            let last = before.size - SAMPLE_BYTES;
            for sample in 0..SAMPLES {
                let offset = (u128::from(last) * u128::from(sample) / u128::from(SAMPLES - 1)) as u64;
                whole &= read_at(fd, &mut bytes, offset, SAMPLE_BYTES as usize)?;
            }
        }
        Ok((bytes, whole))
    })
}

/// Runs `read` until the file's stat is the same before and after.
fn steadily(
    root: &RootHandle,
    path: &RelPath,
    expected: &Stat,
    mut read: impl FnMut(&OwnedFd, &Stat) -> std::result::Result<(Vec<u8>, bool), SourceError>,
) -> std::result::Result<FileBytes, SourceError> {
    let open = || open_beneath(root.fd.as_fd(), path.as_bytes(), READ_FILE);
    // First in the hope that nothing changed since the scan: its stat is the one before.
    let fd = open()?;
    match read(&fd, expected) {
        Ok((bytes, whole)) => {
            let stat = stat_regular(&fd)?;
            if whole && stat.same_content(expected) {
                return Ok(FileBytes { bytes, stat, unsteady: false });
            }
        }
        // The expected size was too large; the file may have shrunk.
        Err(SourceError::TooLarge { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut last = None;
    for _ in 0..TRIES {
        // Opened again: the name may stand for another file now.
        let fd = open()?;
        let before = stat_regular(&fd)?;
        let (bytes, whole) = read(&fd, &before)?;
        let stat = stat_regular(&fd)?;
        let unsteady = !whole || !stat.same_content(&before);
        last = Some(FileBytes { bytes, stat, unsteady });
        if !unsteady {
            break;
        }
    }
    last.ok_or(SourceError::Gone)
}

fn stat_regular(fd: &OwnedFd) -> std::result::Result<Stat, SourceError> {
    let stat = fstat(fd)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        Ok(Stat::from(&stat))
    } else {
        Err(SourceError::Gone)
    }
}

/// Appends `count` bytes from `offset`; false when the file ends before.
fn read_at(fd: &OwnedFd, bytes: &mut Vec<u8>, offset: u64, count: usize) -> rustix::io::Result<bool> {
    let start = bytes.len();
    bytes.resize(start + count, 0);
    let mut done = 0;
    while done < count {
        match rustix::io::pread(fd, &mut bytes[start + done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(start + done);
    Ok(done == count)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    fn stat_of(path: &Path) -> Stat {
        Stat::from(&rustix::fs::stat(path).unwrap())
    }

    #[test]
    fn reads_what_is_there_even_when_the_scan_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let root = open_root(dir.path()).unwrap();
        fs::write(dir.path().join("a"), "first").unwrap();
        let old = stat_of(&dir.path().join("a"));
        assert_eq!(read_file(&root, &path("a"), &old, 100).unwrap().bytes, b"first");
        fs::write(dir.path().join("b"), "second, longer").unwrap();
        fs::rename(dir.path().join("b"), dir.path().join("a")).unwrap();
        let read = read_file(&root, &path("a"), &old, 100).unwrap();
        assert_eq!(read.bytes, b"second, longer");
        assert!(!read.unsteady);
        assert_eq!(read.stat, stat_of(&dir.path().join("a")));
        assert!(matches!(read_file(&root, &path("a"), &old, 5), Err(SourceError::TooLarge { size_bytes: 14 })));
        fs::write(dir.path().join("a"), "").unwrap();
        assert_eq!(read_file(&root, &path("a"), &old, 5).unwrap().bytes, b"");
    }

    #[test]
    fn a_link_or_fifo_in_its_place_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let root = open_root(dir.path()).unwrap();
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(secret.path(), dir.path().join("link")).unwrap();
        rustix::fs::mknodat(CWD, dir.path().join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        for name in ["link", "fifo", "d", "none", "none/x"] {
            let found = read_file(&root, &path(name), &Stat::default(), 100);
            assert!(matches!(found, Err(SourceError::Gone)), "{name}: {found:?}");
            assert!(matches!(open_stream(&root, &path(name)), Err(SourceError::Gone)), "{name}");
        }
    }

    #[test]
    fn a_stream_tells_that_the_file_changed() {
        let dir = tempfile::tempdir().unwrap();
        let root = open_root(dir.path()).unwrap();
        fs::write(dir.path().join("a"), vec![7; 100_000]).unwrap();
        let mut bytes = Vec::new();
        let mut stream = open_stream(&root, &path("a")).unwrap();
        stream.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), 100_000);
        assert!(!stream.finish().unwrap().unsteady);
        let mut stream = open_stream(&root, &path("a")).unwrap();
        stream.read_to_end(&mut bytes).unwrap();
        fs::write(dir.path().join("a"), vec![8; 100_001]).unwrap();
        assert!(stream.finish().unwrap().unsteady);
        let mut stream = open_stream(&root, &path("a")).unwrap();
        stream.read_exact(&mut [0; 10]).unwrap();
        assert!(stream.finish().unwrap().unsteady, "not read to the end");
    }

    #[test]
    fn a_file_that_changes_at_every_read_is_unsteady() {
        let dir = tempfile::tempdir().unwrap();
        let root = open_root(dir.path()).unwrap();
        let file = dir.path().join("a");
        fs::write(&file, "x").unwrap();
        let mut reads = 0;
        let read = steadily(&root, &path("a"), &stat_of(&file), |_, _| {
            reads += 1;
            fs::write(&file, "x".repeat(reads + 1)).unwrap();
            Ok((Vec::new(), true))
        });
        assert!(read.unwrap().unsteady);
        assert_eq!(reads, 1 + TRIES);
    }

    #[test]
    fn samples_see_the_ends_and_the_size() {
        let dir = tempfile::tempdir().unwrap();
        let root = open_root(dir.path()).unwrap();
        let file = dir.path().join("a");
        let read = || samples(&root, &path("a"), &stat_of(&file)).unwrap().bytes;
        let mut content = vec![0; 3 << 20];
        fs::write(&file, &content).unwrap();
        let first = read();
        assert_eq!(first.len() as u64, 8 + SAMPLES * SAMPLE_BYTES);
        *content.last_mut().unwrap() = 1;
        fs::write(&file, &content).unwrap();
        assert_ne!(read(), first);
        fs::write(&file, "tiny").unwrap();
        assert_eq!(read()[8..], *b"tiny");
    }
}
