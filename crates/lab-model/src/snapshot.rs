use serde::{Deserialize, Serialize};

use crate::{Coverage, Hash, ProjectId, Role, Time};

/// The files of a project at one moment, immutable. Its id is the hash of its record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The project.
    pub project: ProjectId,
    /// When the scan began.
    pub time: Time,
    /// The tree of the project's root.
    pub root: Hash,
    /// Permission bits of the root itself.
    pub root_mode: u32,
    /// Modification time of the root itself: seconds and nanoseconds.
    pub root_mtime: (i64, u32),
    /// The role hashes of the root, in the order of [`crate::ROLES`].
    pub roles: [Option<Hash>; 4],
    /// What was kept and what not.
    pub coverage: Coverage,
}

/// Four hashes of a run. Two runs share one exactly when that aspect is the same; `None` means
/// that there is nothing of the kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fingerprint {
    /// Files with the role code.
    pub code: Option<Hash>,
    /// Files with the role config, and the parameters of the command line.
    pub config: Option<Hash>,
    /// Files with the role data, and inputs that the run names.
    pub data: Option<Hash>,
    /// Interpreter, packages, and the variables that decide determinism.
    pub environment: Option<Hash>,
}

impl Snapshot {
    /// The role hash of the whole snapshot.
    pub const fn role(&self, role: Role) -> Option<Hash> {
        self.roles[role as usize]
    }
}

/// What Git says of the project. Read without touching the index.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GitState {
    /// The commit that is checked out; `None` before the first one.
    pub commit: Option<String>,
    /// The branch; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// URL of `origin` or of the only remote, credentials removed.
    pub remote: Option<String>,
    /// Whether tracked files differ from the commit; `None` when Git could not be asked.
    pub dirty: Option<bool>,
    /// Tracked files that differ.
    pub changed_files: u64,
    /// Files that Git does not know and does not ignore.
    pub untracked_files: u64,
}
