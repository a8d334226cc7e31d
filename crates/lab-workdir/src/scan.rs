//! What a walk through a project finds.

use std::path::Path;
use std::sync::Arc;

use lab_model::{Content, Hash, Kind, Omission, OmissionReason, RelPath, Role};

use crate::{Index, Result, Rules, Stat, walk};

/// What is known of a file whose stat has not changed since it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its content.
    pub content: Content,
    /// Its role, decided by rule or by content.
    pub role: Role,
    /// It changed while it was being read; such a file is never believed later.
    pub unsteady: bool,
    /// What the coverage says of it, when it is not simply copied.
    pub note: Option<Box<OmissionReason>>,
}

/// What is known of a directory of which nothing has changed, here and below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownTree {
    /// Its tree.
    pub tree: Hash,
    /// Its role hashes, in the order of [`lab_model::ROLES`].
    pub roles: [Option<Hash>; 4],
    /// What its files come to.
    pub sums: Sums,
}

/// Counts over the entries of a directory and of all directories below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// Files whose bytes are kept, and their bytes.
    pub copied: [u64; 2],
    /// Files of which the hash is known, and their bytes.
    pub hashed: [u64; 2],
    /// Files of which samples are known, and their bytes.
    pub sampled: [u64; 2],
    /// Files that are kept encrypted.
    pub sealed: u64,
    /// Links.
    pub symlinks: u64,
    /// Bytes of the files that can be put back, by role in the order of [`lab_model::ROLES`].
    pub restorable_bytes: [u64; 4],
    /// Files that the coverage says something of.
    pub noted: u64,
}

impl Sums {
    pub(crate) const WORDS: usize = 13;

    /// Adds one entry. A file without anything known counts for nothing.
    pub fn count(&mut self, entry: &ScanEntry) {
        self.symlinks += u64::from(entry.kind == Kind::Symlink);
        let (Kind::File, Some(known)) = (entry.kind, &entry.known) else { return };
        let size = entry.stat.size;
        match known.content {
            Content::Copied(_) => add(&mut self.copied, &[1, size]),
            Content::Hashed(_) => add(&mut self.hashed, &[1, size]),
            Content::Sampled(_) => add(&mut self.sampled, &[1, size]),
            Content::Sealed(_) => self.sealed += 1,
            Content::Missing => {}
        }
        if known.content.is_restorable() {
            self.restorable_bytes[known.role as usize] += size;
        }
        self.noted += u64::from(known.unsteady || known.note.is_some());
    }

    /// Adds what another directory comes to.
    pub fn add(&mut self, other: &Self) {
        let (mut words, more) = (self.words(), other.words());
        add(&mut words, &more);
        *self = Self::from_words(words);
    }

    pub(crate) const fn words(&self) -> [u64; Self::WORDS] {
        let ([a, b], [c, d], [e, f], [g, h, i, j]) = (self.copied, self.hashed, self.sampled, self.restorable_bytes);
        [a, b, c, d, e, f, self.sealed, self.symlinks, g, h, i, j, self.noted]
    }

    pub(crate) const fn from_words(words: [u64; Self::WORDS]) -> Self {
        let [a, b, c, d, e, f, sealed, symlinks, g, h, i, j, noted] = words;
        Self {
            copied: [a, b],
            hashed: [c, d],
            sampled: [e, f],
            sealed,
            symlinks,
            restorable_bytes: [g, h, i, j],
            noted,
        }
    }
}

fn add(sums: &mut [u64], more: &[u64]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScanEntry {
    /// The name: a single part.
    pub name: Box<[u8]>,
    /// What it is.
    pub kind: Kind,
    /// What the system says of it. When a file is read, put the stat of the reading here.
    pub stat: Stat,
    /// A link's target, empty for everything else.
    pub target: Box<[u8]>,
    /// A directory's place in [`Scan::dirs`]; one that could not or must not be entered is empty there.
    pub child: Option<u32>,
    /// The role where a rule decides it (always for links); `None` means that the content decides.
    pub role: Option<Role>,
    /// What is believed of a file. The engine fills in the others before the index is saved.
    pub known: Option<Known>,
    /// What the ignore files said of the name.
    pub(crate) verdict: crate::rules::Verdict,
}

/// One directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScanDir {
    /// Its path.
    pub path: RelPath,
    /// The place of the directory that holds it; 0 for the root itself.
    pub parent: u32,
    /// Its entries, sorted by name.
    pub entries: Vec<ScanEntry>,
    /// Set when nothing has changed here and below. The engine fills in the others before the index is saved.
    pub known: Option<KnownTree>,
    /// Names that are left out, for the index.
    pub(crate) passed: Vec<crate::rules::Passed>,
    /// Digest of the ignore rules that hold here.
    pub(crate) rules_digest: u64,
}

/// A project's directory at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// The directories, parents before children; the first is the root. Scans of one project share those that did not
    /// change between them: see [`Scan::dir_mut`].
    pub dirs: Vec<Arc<ScanDir>>,
    /// The root itself.
    pub root_stat: Stat,
    /// What is left out and why, sorted by path.
    pub omissions: Vec<Omission>,
    /// How many regular files there are.
    pub files: u64,
    /// The clock of file times when the scan began: seconds and nanoseconds.
    pub started: (i64, u32),
    /// Digest of what decides roles beside names: `lab.toml` and the produced paths.
    pub(crate) roles_digest: u64,
}

impl Scan {
    /// A scan of an empty root.
    pub(crate) fn empty() -> Self {
        let root = ScanDir {
            path: RelPath::root(),
            parent: 0,
            entries: Vec::new(),
            known: None,
            passed: Vec::new(),
            rules_digest: 0,
        };
        Self {
            dirs: vec![Arc::new(root)],
            root_stat: Stat::default(),
            omissions: Vec::new(),
            files: 0,
            started: (0, 0),
            roles_digest: 0,
        }
    }

    /// A directory, to put in what was learned. It is copied when another scan shares it.
    pub fn dir_mut(&mut self, place: usize) -> &mut ScanDir {
        Arc::make_mut(&mut self.dirs[place])
    }

    /// Whether nothing at all has changed since the index was written.
    pub fn is_known(&self) -> bool {
        self.dirs.first().is_some_and(|root| root.known.is_some())
    }

    /// The directories that are not known, parents before children; those below a known one are left out.
    pub fn unknown_dirs(&self) -> Vec<usize> {
        self.select(&|dir| dir.known.is_none())
    }

    /// The directories that hold a file with a note, parents before children. All must be known.
    pub fn noted_dirs(&self) -> Vec<usize> {
        self.select(&|dir| dir.known.is_some_and(|known| known.sums.noted > 0))
    }

    /// The directories of which `wanted` holds, as it does of all that hold them.
    fn select(&self, wanted: &dyn Fn(&ScanDir) -> bool) -> Vec<usize> {
        let mut found = Vec::new();
        let mut stack = vec![0];
        while let Some(place) = stack.pop() {
            let dir = &self.dirs[place];
            if wanted(dir) {
                found.push(place);
                stack.extend(dir.entries.iter().rev().filter_map(|entry| entry.child).map(|child| child as usize));
            }
        }
        found
    }

    /// The number of the directory at `path`.
    pub fn find(&self, path: &RelPath) -> Option<usize> {
        let mut place = 0;
        for part in path.parts() {
            place = self.entry(place, part)?.child? as usize;
        }
        Some(place)
    }

    /// The entry `name` of a directory.
    pub fn entry(&self, dir: usize, name: &[u8]) -> Option<&ScanEntry> {
        let entries = &self.dirs[dir].entries;
        entries.binary_search_by(|entry| (*entry.name).cmp(name)).ok().map(|place| &entries[place])
    }

    pub(crate) fn entry_mut(&mut self, dir: usize, name: &[u8]) -> Option<&mut ScanEntry> {
        let place = self.dirs[dir].entries.binary_search_by(|entry| (*entry.name).cmp(name)).ok()?;
        Some(&mut self.dir_mut(dir).entries[place])
    }

    /// Says that a directory, and all that hold it, have changed.
    pub fn forget_tree(&mut self, dir: usize) {
        let mut above = Some(dir);
        while let Some(place) = above {
            if self.dirs[place].known.is_some() {
                self.dir_mut(place).known = None;
            }
            above = (place > 0).then(|| self.dirs[place].parent as usize);
        }
    }
}

/// Walks `root` under `rules`. With an index, entries whose stat agrees with it carry what is known.
///
/// # Errors
/// [`crate::Error::Root`] when the root itself cannot be listed; everything else is an omission.
pub fn scan(root: &Path, rules: &Rules, index: Option<&Index>) -> Result<Scan> {
    walk::walk(root, rules, index)
}

#[cfg(test)]
mod tests;
