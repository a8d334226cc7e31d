//! What is there at the end of a run, of the files that it used.

use std::collections::HashMap;
use std::fs::{Metadata, metadata, symlink_metadata};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use lab_model::FilePath;

/// A file system that does not answer for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is there, by the path that it was asked for.
#[derive(Default)]
pub(super) struct Present {
    found: HashMap<FilePath, (FilePath, Metadata)>,
    /// Not everything could be looked at.
    pub gave_up: bool,
}

impl Present {
    /// Looks at `paths` of a project at `root`. With `true` a path's links are yet to be followed.
    /// On a thread of its own, which is left alone when it is held up.
    pub fn look(root: &Path, paths: Vec<(FilePath, bool)>) -> Self {
        let mut present = Self::default();
        let mut left = paths.len();
        let (sender, receiver) = sync_channel(1024);
        let root = root.to_owned();
        let work = move || {
            let root = root.canonicalize().unwrap_or(root);
            for (path, follows) in paths {
                let found = look_at(&root, &path, follows);
                if sender.send((path, found)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("lab-look".to_owned()).spawn(work);
        while left > 0 && thread.is_ok() {
            match receiver.recv_timeout(PATIENCE) {
                Ok((path, found)) => {
                    left -= 1;
                    present.found.extend(found.map(|found| (path, found)));
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        present.gave_up = left > 0;
        present
    }

    /// How a file is now.
    pub fn get(&self, path: &FilePath) -> Option<&Metadata> {
        self.found.get(path).map(|(_, metadata)| metadata)
    }

    /// Its real name, where that had to be found out.
    pub fn name(&self, path: &FilePath) -> FilePath {
        self.found.get(path).map_or_else(|| path.clone(), |(name, _)| name.clone())
    }
}

fn look_at(root: &Path, path: &FilePath, follows: bool) -> Option<(FilePath, Metadata)> {
    let place = place(root, path);
    if !follows {
        return Some((path.clone(), symlink_metadata(place).ok()?));
    }
    let real = place.canonicalize().ok()?;
    let name = FilePath::new(real.as_os_str().as_bytes(), root.as_os_str().as_bytes());
    Some((name, metadata(real).ok()?))
}

/// Where a file lies; an absolute path stays as it is.
pub(super) fn place(root: &Path, path: &FilePath) -> PathBuf {
    root.join(std::ffi::OsStr::from_bytes(path.as_bytes()))
}
