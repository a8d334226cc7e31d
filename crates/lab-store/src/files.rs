//! Small steps on files and directories, each with the right permissions and errors.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::{Result, StoreError};

/// Makes a directory that only its owner may enter, whatever the umask; fine when it is there.
pub(crate) fn make_dir(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o700)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|error| StoreError::write(path, error))
}

/// Makes a new file that only its owner may read and write, whatever the umask.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Writes and syncs a new file at `path`.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let error = |error| StoreError::write(path, error);
    let mut file = create_new(path).map_err(error)?;
    file.write_all(bytes).map_err(error)?;
    file.sync_all().map_err(error)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|error| StoreError::write(path, error))
}

/// Opens the lock file at `path`, making it when it is not there.
pub(crate) fn open_lock(path: &Path) -> Result<File> {
    let open = || OpenOptions::new().read(true).write(true).open(path);
    let made = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create_new(path).or_else(|_| open()),
        other => other,
    };
    made.map_err(|error| StoreError::write(path, error))
}

/// Takes a lock, waiting at most `wait_millis` for others.
pub(crate) fn lock(file: &File, exclusive: bool, wait_millis: u64, path: &Path) -> Result<()> {
    let operation =
        if exclusive { FlockOperation::NonBlockingLockExclusive } else { FlockOperation::NonBlockingLockShared };
    let mut waited = 0;
    loop {
        match flock(file, operation) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) if waited < wait_millis => {
                let step = (1 + waited / 4).min(50);
                std::thread::sleep(Duration::from_millis(step));
                waited += step;
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(StoreError::Busy { path: path.to_owned() }),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(StoreError::write(path, error)),
        }
    }
}

/// Takes an exclusive lock if nobody holds one.
pub(crate) fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match lock(file, true, 0, path) {
        Ok(()) => Ok(true),
        Err(StoreError::Busy { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether `path` lies on a file system that is shared over a network, where SQLite's write-ahead
/// log does not work.
pub(crate) fn is_network(path: &Path) -> bool {
    const NETWORK: [u64; 8] = [
        0x6969,      // NFS
        0x517b,      // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x0102_1997, // 9p
        0x0bd0_0bd0, // Lustre
        0x6c6f_6f70, // BeeGFS
        0x00c3_6400, // Ceph
    ];
    rustix::fs::statfs(path).is_ok_and(|found| NETWORK.contains(&(found.f_type as u64 & 0xffff_ffff)))
}
