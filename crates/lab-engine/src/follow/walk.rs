//! Finds new files by the modification times of directories.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Stamp;

/// Directories that are known at most.
const MAX_DIRECTORIES: usize = 100_000;

/// The directories below a root.
#[derive(Clone)]
pub(crate) struct Walk {
    root: PathBuf,
    skip: Vec<PathBuf>,
    since: Stamp,
    directories: Vec<Directory>,
    known: HashSet<String>,
    next: usize,
}

#[derive(Clone)]
struct Directory {
    /// Relative; empty for the root.
    path: String,
    /// As of the last listing.
    listed: Option<Stamp>,
    /// It was listed again after its time had changed: a second entry may have come within the grain of
    /// the file system's clock.
    is_settled: bool,
}

impl Walk {
    pub(crate) fn new(root: &Path, skip: &[PathBuf], since: Stamp) -> Self {
        let first = Directory { path: String::new(), listed: None, is_settled: false };
        let known = HashSet::from([String::new()]);
        Self { root: root.to_owned(), skip: skip.to_vec(), since, directories: vec![first], known, next: 0 }
    }

    pub(super) const fn since(&self) -> Stamp {
        self.since
    }

    /// The same for what comes after another moment: directories that were listed before are listed again when they have
    /// changed.
    pub(super) fn again(mut self, since: Stamp) -> Self {
        self.since = since;
        self
    }

    pub(super) const fn count(&self) -> usize {
        self.directories.len()
    }

    /// Looks at up to so many directories in turn, and lists those that changed until so many entries were
    /// read; gives every file.
    pub(crate) fn look(&mut self, directories: usize, entries: usize, file: &mut dyn FnMut(&str)) {
        let (mut looked, mut read) = (0, 0);
        // Listing finds directories, which then have their turn too.
        while looked < directories.min(self.directories.len()) && read < entries {
            if self.next >= self.directories.len() {
                self.next = 0;
            }
            read += self.one(self.next, file);
            looked += 1;
        }
    }

    fn one(&mut self, index: usize, file: &mut dyn FnMut(&str)) -> usize {
        let directory = &mut self.directories[index];
        let path = self.root.join(&directory.path);
        let Some(changed) = modified(&path) else {
            // The root may be gone for a moment only.
            if !directory.path.is_empty() {
                let gone = self.directories.swap_remove(index);
                self.known.remove(&gone.path);
            } else {
                self.next += 1;
            }
            return 0;
        };
        self.next += 1;
        if directory.listed == Some(changed) && directory.is_settled {
            return 0;
        }
        directory.is_settled = directory.listed == Some(changed) || changed < self.since;
        directory.listed = Some(changed);
        let prefix = if directory.path.is_empty() { String::new() } else { format!("{}/", directory.path) };
        let mut count = 0;
        let mut below = Vec::new();
        for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
            count += 1;
            let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
            let Some(name) = name.to_str() else { continue };
            if kind.is_file() {
                file(&format!("{prefix}{name}"));
            } else if kind.is_dir() && !is_passed_over(name) {
                below.push(name.to_owned());
            }
        }
        // A virtual environment holds thousands of files and no logs.
        if !path.join("pyvenv.cfg").exists() {
            below.iter().for_each(|name| self.add(&prefix, name));
        }
        count
    }

    fn add(&mut self, prefix: &str, name: &str) {
        let path = format!("{prefix}{name}");
        let is_skipped = self.skip.iter().any(|skip| *skip == self.root.join(&path));
        if self.directories.len() < MAX_DIRECTORIES && !is_skipped && self.known.insert(path.clone()) {
            self.directories.push(Directory { path, listed: None, is_settled: false });
        }
    }
}

/// Directories in which no framework logs.
fn is_passed_over(name: &str) -> bool {
    matches!(name, ".git" | ".hg" | ".svn" | ".jj" | "node_modules" | "__pycache__" | "site-packages" | ".dvc" | ".tox")
        || name.ends_with("_cache")
        || name.ends_with(".zarr")
}

fn modified(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    metadata.is_dir().then(|| (metadata.mtime(), metadata.mtime_nsec()))
}
