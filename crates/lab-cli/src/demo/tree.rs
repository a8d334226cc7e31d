//! An independent copy of a directory, to prove a restore against: it shares no code with it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lab_engine::{Error, ErrorKind, Result};

/// What stands at a path.
#[derive(PartialEq, Eq, Debug)]
struct File {
    bytes: Vec<u8>,
    mode: u32,
    mtime: (i64, i64),
}

/// Every file below a directory, wholly in memory.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Tree {
    files: BTreeMap<PathBuf, File>,
}

impl Tree {
    /// Reads a directory.
    pub fn read(directory: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let mut pending = vec![directory.to_owned()];
        while let Some(place) = pending.pop() {
            let failed = |error| Error::disk("read", &place, error);
            for entry in std::fs::read_dir(&place).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                let metadata = std::fs::symlink_metadata(&path).map_err(|error| Error::disk("read", &path, error))?;
                // What Python compiles beside the code is ignored by default.
                if metadata.is_dir() {
                    if path.file_name().is_none_or(|name| name != "__pycache__") {
                        pending.push(path);
                    }
                    continue;
                }
                let bytes = std::fs::read(&path).map_err(|error| Error::disk("read", &path, error))?;
                let name = path.strip_prefix(directory).unwrap_or(&path).to_owned();
                let mtime = (metadata.mtime(), metadata.mtime_nsec());
                tree.files.insert(name, File { bytes, mode: metadata.mode(), mtime });
            }
        }
        Ok(tree)
    }

    /// Fails unless `other` is exactly this; gives the number of files.
    pub fn check_same(&self, other: &Self) -> Result<usize> {
        if let Some(extra) = other.files.keys().find(|path| !self.files.contains_key(*path)) {
            return Err(differs(extra));
        }
        self.check_within(other)
    }

    /// Fails unless every file of this stands in `other` exactly so; outputs may be there besides.
    pub fn check_within(&self, other: &Self) -> Result<usize> {
        for (path, file) in &self.files {
            if other.files.get(path) != Some(file) {
                return Err(differs(path));
            }
        }
        Ok(self.files.len())
    }
}

fn differs(path: &Path) -> Error {
    Error::new(ErrorKind::Bug, format!("The restored state is not identical: {}", path.display()))
        .hint("please report this with the demo's directory")
}
