//! What a walk through a project finds.

use std::path::Path;

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
    /// The directories, parents before children; the first is the root.
    pub dirs: Vec<ScanDir>,
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
    /// Whether nothing at all has changed since the index was written.
    pub fn is_known(&self) -> bool {
        self.dirs.first().is_some_and(|root| root.known.is_some())
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
