use serde::{Deserialize, Serialize};

use crate::RelPath;

/// What a snapshot kept, what it only hashed, and what it left out and why. Always shown.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// Files whose bytes are in the notebook.
    pub copied_files: u64,
    /// Their bytes, before compression.
    pub copied_bytes: u64,
    /// Files kept encrypted because they hold a secret.
    pub sealed_files: u64,
    /// Files of which only the hash is known.
    pub hashed_files: u64,
    /// Their bytes.
    pub hashed_bytes: u64,
    /// Files of which only size and samples are known.
    pub sampled_files: u64,
    /// Their bytes.
    pub sampled_bytes: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Everything that is not wholly in the notebook, by path: the first thousand of them.
    pub omissions: Vec<Omission>,
    /// How many omissions there are beyond the list.
    pub more_omissions: u64,
}

/// One thing that is not wholly in the notebook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Omission {
    /// Where.
    pub path: RelPath,
    /// Why.
    #[serde(flatten)]
    pub reason: OmissionReason,
    /// Bytes, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

/// Why something is not wholly in the notebook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum OmissionReason {
    /// An ignore rule names it; `rule` says which, such as `.gitignore: data/` or `default: .venv`.
    Ignored {
        /// The rule.
        rule: String,
    },
    /// Larger than the limit for one file of its role: only hashed.
    FileLimit {
        /// The limit.
        limit_bytes: u64,
    },
    /// The snapshot's limit for its role was used up: only hashed.
    TotalLimit {
        /// The limit.
        limit_bytes: u64,
    },
    /// `keep = "hash"` in `lab.toml`.
    HashOnly,
    /// `keep = "skip"` in `lab.toml`.
    Skip,
    /// Too much to read before the start: size and samples only.
    Sampled,
    /// Holds a secret: kept encrypted.
    Sealed {
        /// What kind of secret, never the secret.
        rule: String,
    },
    /// Could not be read.
    Unreadable {
        /// What the system said.
        error: String,
    },
    /// Changed while it was being read.
    Unsteady,
    /// A FIFO, socket or device: named, never opened.
    Special {
        /// Which.
        kind: crate::Kind,
    },
    /// Lies on another file system.
    OtherFilesystem,
    /// Another notebook.
    Notebook,
    /// A DVC or Git LFS pointer: the identity of data that lies elsewhere.
    Pointer {
        /// `dvc` or `git-lfs`.
        tool: String,
        /// The hash that the pointer names, such as `md5:…` or `sha256:…`.
        oid: String,
    },
    /// A repository inside the project: its files are kept, its `.git` is not.
    NestedRepository {
        /// Its commit, where known.
        commit: Option<String>,
    },
}

impl Coverage {
    /// The longest list of omissions that a snapshot carries.
    pub const MAX_OMISSIONS: usize = 1000;

    /// Adds an omission, or counts it when the list is full.
    pub fn omit(&mut self, path: RelPath, reason: OmissionReason, size_bytes: Option<u64>) {
        if self.omissions.len() < Self::MAX_OMISSIONS {
            self.omissions.push(Omission { path, reason, size_bytes });
        } else {
            self.more_omissions += 1;
        }
    }
}
