//! A directory tree as a package holds it: written with fixed modes, read in the order of names.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::step::{Failure, Step};

/// A tree below a prefix that is being filled.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// An empty tree at `root`; what was there is removed.
    pub fn new(root: &Path) -> Result<Self, Failure> {
        clear(root)?;
        Ok(Self { root: root.to_path_buf() })
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file that anybody may read.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.put(path, bytes, 0o644)
    }

    /// Writes a file that anybody may read, compressed; `.gz` is added to its name.
    pub fn write_compressed(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.write(path, bytes)?;
        let place = self.root.join(path);
        let packed = place.with_file_name(format!("{}.gz", place.file_name().unwrap_or_default().to_string_lossy()));
        if packed.exists() {
            fs::remove_file(&packed).map_err(Failure::file("remove", &packed))?;
        }
        // Without name and time, so that equal content gives equal bytes.
        Step::new("compress", "gzip", &["-9", "--no-name", &place.to_string_lossy()]).printed().map(|_| ())
    }

    /// Copies a program and takes its symbols out.
    pub fn program(&self, path: &str, from: &Path) -> Result<(), Failure> {
        let bytes = fs::read(from).map_err(Failure::file("read", from))?;
        self.put(path, &bytes, 0o755)?;
        Step::new("strip", "strip", &["--strip-all", &self.root.join(path).to_string_lossy()]).printed().map(|_| ())
    }

    /// Writes a script.
    pub fn script(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.put(path, bytes, 0o755)
    }

    /// Moves a file or directory within the tree, and removes the directories that this leaves empty.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        let (source, target) = (self.root.join(from), self.root.join(to));
        self.parents(to)?;
        fs::rename(&source, &target).map_err(Failure::file("move", &source))?;
        let mut above = source.parent();
        while let Some(directory) = above.filter(|directory| *directory != self.root) {
            if fs::remove_dir(directory).is_err() {
                break;
            }
            above = directory.parent();
        }
        Ok(())
    }

    /// Every file with its path from the root, sorted.
    pub fn files(&self) -> Result<Vec<String>, Failure> {
        let all = listing(&self.root)?;
        Ok(all.into_iter().filter(|path| self.root.join(path).is_file()).collect())
    }

    fn put(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Failure> {
        let place = self.root.join(path);
        self.parents(path)?;
        fs::write(&place, bytes).map_err(Failure::file("write", &place))?;
        set_mode(&place, mode)
    }

    /// The directories above `path`, whatever the umask says.
    fn parents(&self, path: &str) -> Result<(), Failure> {
        let mut directory = self.root.clone();
        let above = Path::new(path).parent().unwrap_or(Path::new(""));
        for part in above {
            directory.push(part);
            if !directory.exists() {
                fs::create_dir(&directory).map_err(Failure::file("create", &directory))?;
                set_mode(&directory, 0o755)?;
            }
        }
        Ok(())
    }
}

/// Makes `directory` an empty one.
pub fn clear(directory: &Path) -> Result<(), Failure> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(Failure::file("remove", directory))?;
    }
    fs::create_dir_all(directory).map_err(Failure::file("create", directory))?;
    set_mode(directory, 0o755)
}

/// What lies directly in `directory`, sorted; nothing where it cannot be read.
pub fn listing_flat(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Every path below `root`, relative to it, sorted; links are not followed.
pub fn listing(root: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).map_err(Failure::file("read", &directory))? {
            let path = entry.map_err(Failure::file("read", &directory))?.path();
            if path.is_dir() && !path.is_symlink() {
                open.push(path.clone());
            }
            found.push(path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Failure> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Failure::file("set the mode of", path))
}
