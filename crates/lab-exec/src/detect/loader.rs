//! Notices programs by what they open: inotify tells when the dynamic loader, the C library or a program
//! in a watched directory is opened. It does not tell by whom, so that the newest processes are looked at.

use std::collections::HashMap;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::Result;
use crate::error::Trying;

/// What opening a file means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The kernel opens the loader for a new program while the process still shows the old one.
    Loader,
    /// The loader opens the C library in the new program.
    Library,
}

/// What the events read at once mean together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Opened {
    /// A program is about to start.
    pub(super) soon: bool,
    /// A program has started.
    pub(super) now: bool,
    /// Events were lost.
    pub(super) lost: bool,
}

/// The watches.
#[derive(Debug)]
pub(super) struct Loader {
    inotify: OwnedFd,
    watches: HashMap<i32, Watch>,
    files: Vec<PathBuf>,
}

#[derive(Debug)]
enum Watch {
    File(Kind),
    Directory { root: PathBuf },
}

/// Where loaders and C libraries lie on common systems; others are learned from what runs.
const COMMON: &[&str] = &[
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "/lib/ld-linux-armhf.so.3",
    "/lib64/ld64.so.2",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/lib/riscv64-linux-gnu/libc.so.6",
    "/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
];

/// Folders in which nobody's own programs lie, and of which there are many.
const SKIPPED: &[&str] = &["node_modules", "__pycache__", "venv", "env", "site-packages", "data", "wandb", "mlruns"];

/// A larger directory holds data, and every file opened in it would wake us.
const ENTRIES_MAX: usize = 512;

/// A person uses a few systems of libraries beside each other at the most.
const FILES_MAX: usize = 64;

/// Watches are few on some systems and belong to the person's other programs as well.
const DIRECTORIES_MAX: usize = 256;

impl Loader {
    /// Fails where there is no inotify, or nothing to watch.
    pub(super) fn open(libraries: Vec<PathBuf>) -> Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).trying("watch the loader")?;
        let mut loader = Self { inotify, watches: HashMap::new(), files: COMMON.iter().map(PathBuf::from).collect() };
        loader.add_files(libraries);
        if loader.watches.is_empty() {
            return Err(Errno::NOENT).trying("watch the loader");
        }
        Ok(loader)
    }

    /// How many files are watched.
    pub(super) fn files(&self) -> usize {
        self.watches.values().filter(|watch| matches!(watch, Watch::File(_))).count()
    }

    /// Watches more loaders and libraries, and those known already once more: an upgrade puts another file in
    /// the place of one. Does not mind paths that are known or not there.
    pub(super) fn add_files(&mut self, paths: Vec<PathBuf>) {
        for path in paths {
            if !self.files.contains(&path) && self.files.len() < FILES_MAX {
                self.files.push(path);
            }
        }
        for path in &self.files {
            let Some(kind) = kind(path) else { continue };
            if let Ok(watch) = inotify::add_watch(&self.inotify, path, WatchFlags::OPEN) {
                // A symbolic link and its target are one.
                self.watches.entry(watch).or_insert(Watch::File(kind));
            }
        }
    }

    /// Watches a directory and those in it, the upper ones first, as many as are allowed.
    pub(super) fn add_directory(&mut self, root: &Path) -> Result<()> {
        let mut waiting = std::collections::VecDeque::from([root.to_path_buf()]);
        let mut watched = 0;
        while let Some(path) = waiting.pop_front().filter(|_| watched < DIRECTORIES_MAX) {
            let Some(below) = directories_in(&path) else { continue };
            let flags = WatchFlags::OPEN | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW | WatchFlags::EXCL_UNLINK;
            match inotify::add_watch(&self.inotify, &path, flags) {
                Ok(watch) => {
                    self.watches.entry(watch).or_insert(Watch::Directory { root: root.to_path_buf() });
                    watched += 1;
                }
                // Below the root a directory may just have been removed, or the limit be reached.
                Err(error) if watched == 0 => return Err(error).trying("watch a directory"),
                Err(_) => {}
            }
            waiting.extend(below);
        }
        Ok(())
    }

    /// Stops watching what [`Loader::add_directory`] watches.
    pub(super) fn remove_directory(&mut self, root: &Path) {
        self.watches.retain(|watch, what| {
            let goes = matches!(what, Watch::Directory { root: of, .. } if of == root);
            if goes {
                let _ = inotify::remove_watch(&self.inotify, *watch);
            }
            !goes
        });
    }

    /// Reads what was opened since the last call, without waiting.
    pub(super) fn read(&mut self) -> Opened {
        let mut opened = Opened::default();
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        while let Ok(event) = reader.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                opened.lost = true;
            } else if event.events().contains(ReadFlags::IGNORED) {
                self.watches.remove(&event.wd());
            } else if event.events().contains(ReadFlags::OPEN) {
                match self.watches.get(&event.wd()) {
                    Some(Watch::File(Kind::Loader)) => opened.soon = true,
                    Some(Watch::File(Kind::Library)) => opened.now = true,
                    Some(Watch::Directory { .. }) if !event.events().contains(ReadFlags::ISDIR) => {
                        opened.soon |= event.file_name().is_some_and(may_be_program);
                    }
                    _ => {}
                }
            }
        }
        opened
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// Whether a file is a loader or a C library, by its name.
pub(super) fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    let is_version = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    if name.strip_prefix("ld-").is_some_and(|rest| rest.contains(".so")) || name.starts_with("ld64.so") {
        Some(Kind::Loader)
    } else if name == "libc.so.6" || name.strip_prefix("libc-").is_some_and(is_version) {
        Some(Kind::Library)
    } else {
        None
    }
}

/// Programs have no ending or one of a few; scripts are noticed by their interpreter.
fn may_be_program(name: &CStr) -> bool {
    let Ok(name) = name.to_str() else { return false };
    match Path::new(name).extension().and_then(|end| end.to_str()) {
        None => true,
        Some(end) => ["out", "bin", "x", "exe", "run", "sh", "AppImage"].contains(&end),
    }
}

/// The directories in one that is to be watched; `None` when it holds data or is none.
fn directories_in(path: &Path) -> Option<Vec<PathBuf>> {
    let mut below = Vec::new();
    for (index, entry) in std::fs::read_dir(path).ok()?.flatten().enumerate() {
        if index >= ENTRIES_MAX {
            return None;
        }
        let name = entry.file_name();
        let is_skipped = name.to_str().is_none_or(|name| name.starts_with('.') || SKIPPED.contains(&name));
        if !is_skipped && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below.push(entry.path());
        }
    }
    below.sort();
    Some(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("/lib64/ld-linux-x86-64.so.2", Some(Kind::Loader)),
            ("/lib/ld-musl-x86_64.so.1", Some(Kind::Loader)),
            ("/lib/x86_64-linux-gnu/ld-2.31.so", Some(Kind::Loader)),
            ("/usr/lib/libc.so.6", Some(Kind::Library)),
            ("/lib/libc-2.31.so", Some(Kind::Library)),
            ("/lib/libcap.so.2", None),
            ("/lib/libc-client.so", None),
            ("/etc/ld.so.cache", None),
            ("", None),
        ] {
            assert_eq!(kind(Path::new(name)), expected, "{name}");
        }
        for (name, expected) in [(c"sim", true), (c"a.out", true), (c"train.csv", false), (c"x.pt", false)] {
            assert_eq!(may_be_program(name), expected, "{name:?}");
        }
    }

    #[test]
    fn directories_are_watched_and_forgotten() {
        let root = tempfile::tempdir().unwrap();
        for name in ["src/deep", ".git", "node_modules"] {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
        }
        std::fs::write(root.path().join("src/deep/sim"), "").unwrap();
        std::fs::write(root.path().join("src/deep/x.csv"), "").unwrap();
        std::fs::write(root.path().join(".git/sim"), "").unwrap();
        let mut loader = Loader::open(Vec::new()).unwrap();
        let files = loader.watches.len();
        loader.add_directory(root.path()).unwrap();
        assert_eq!(loader.watches.len(), files + 3);
        // Files of ours alone: other tests start programs, which opens the loader.
        loader.watches.retain(|_, watch| matches!(watch, Watch::Directory { .. }));
        loader.read();
        std::fs::read(root.path().join("src/deep/x.csv")).unwrap();
        std::fs::read(root.path().join(".git/sim")).unwrap();
        assert_eq!(loader.read(), Opened::default());
        std::fs::read(root.path().join("src/deep/sim")).unwrap();
        assert!(loader.read().soon);
        loader.remove_directory(root.path());
        assert!(loader.watches.is_empty());
        std::fs::read(root.path().join("src/deep/sim")).unwrap();
        assert_eq!(loader.read(), Opened::default());
        assert!(loader.add_directory(&root.path().join("gone")).is_ok());
    }
}
