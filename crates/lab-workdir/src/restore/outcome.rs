use lab_model::RelPath;
use serde::{Deserialize, Serialize};

use super::plan::Unrestorable;

/// What [`super::apply`] did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Applied {
    /// Every path that was created, replaced, removed, or whose mode or time was set, in order.
    pub changed: Vec<RelPath>,
    /// How many of them were created.
    pub created: u64,
    /// How many were replaced.
    pub replaced: u64,
    /// How many were removed.
    pub removed: u64,
    /// How many had only their mode or time set.
    pub metadata: u64,
    /// Bytes of new files.
    pub written_bytes: u64,
    /// What could not be done, or was left because it had changed meanwhile.
    pub left: Vec<Left>,
}

/// A step that was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Left {
    /// Where.
    pub path: RelPath,
    /// Why.
    #[serde(flatten)]
    pub reason: LeftReason,
}

/// Why a step was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum LeftReason {
    /// It is no longer what the plan saw, and stays.
    Changed {
        /// Where the restored content lies instead, when there is one.
        conflict: Option<RelPath>,
    },
    /// The directory still holds files that are not in the plan, and stays.
    NotEmpty {
        /// Where the restored content lies instead, when the directory was to become a file.
        conflict: Option<RelPath>,
    },
    /// It has other names (hard links) elsewhere, and its content is not in the notebook: changing its mode
    /// or time would change them too.
    HardLinked,
    /// Its parent is gone, or no longer a directory.
    Parent,
    /// It lies on another file system.
    OtherFilesystem,
    /// The system refused.
    Failed {
        /// What it said.
        error: String,
    },
}

/// How an unfinished restore ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resumed {
    /// There was none.
    Nothing,
    /// It is in place now.
    Finished(Applied),
    /// Nothing had changed yet: its staged files are gone, and the tree is as before.
    RolledBack,
}

/// What [`super::write_new`] wrote.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Written {
    /// Regular files.
    pub files: u64,
    /// Directories, the root not counted.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// What could not be restored, and why.
    pub unrestorable: Vec<Unrestorable>,
}
