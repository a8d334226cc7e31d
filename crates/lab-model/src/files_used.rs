use serde::{Deserialize, Serialize};

use crate::{Content, FilePath};

/// How it is known which files a run used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Observation {
    /// It is not.
    #[default]
    Untraced,
    /// Every opening of a file was seen.
    Traced,
    /// Most were seen from outside; whose they were is likely, not certain.
    Observed,
}

/// Which files a run read and wrote. Files of the system and of installed packages are only counted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FilesUsed {
    /// How that is known.
    pub how: Observation,
    /// Files that the run read and had not made itself, as they were then; sorted by path.
    pub read: Vec<FileUsed>,
    /// Files that the run made or changed, as they were at its end; sorted by path.
    pub written: Vec<FileUsed>,
    /// Files that were there before the run, and that it removed; sorted.
    pub removed: Vec<FilePath>,
    /// Files and directories that were there before the run, and that it gave other names.
    pub renamed: Vec<(FilePath, FilePath)>,
    /// Files of the system and of installed packages that were opened.
    pub software: u64,
    /// Files that are not named here because there were too many.
    pub more: u64,
}

/// A file that a run read or wrote. One that it did both to stands in both lists.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileUsed {
    /// Where.
    pub path: FilePath,
    /// Bytes.
    pub size_bytes: u64,
    /// Its content's identity, and whether the notebook holds it.
    pub content: Content,
}

impl FilesUsed {
    /// Files that were read and whose content is known to nobody: neither kept nor hashed.
    pub fn unknown_inputs(&self) -> impl Iterator<Item = &FileUsed> {
        self.read.iter().filter(|file| file.content == Content::Missing)
    }
}
