use std::collections::BTreeSet;

use lab_model::{Content, Entry, Hash, Kind, RelPath, Role};
use serde::{Deserialize, Serialize};

/// What a restore will do, and what it will not.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Every change, by path, parents before children.
    pub steps: Vec<Step>,
    /// What is there, differs from the target, and stays.
    pub kept: Vec<Kept>,
    /// What the target has and cannot be brought back.
    pub unrestorable: Vec<Unrestorable>,
    /// Mode and time that the root itself gets; `None` keeps what it has.
    pub root: Option<RootMetadata>,
    /// Bytes of the files that will be written.
    pub bytes_to_write: u64,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Where.
    pub path: RelPath,
    /// What.
    pub action: Action,
    /// What is there now, as in the snapshot of the present.
    pub before: Option<EntryState>,
    /// What will be there.
    pub after: Option<EntryState>,
}

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Something new appears.
    Create,
    /// Something takes the place of another.
    Replace,
    /// Something goes.
    Remove,
    /// Only mode or time change.
    Metadata,
}

/// What stands at a path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntryState {
    /// What it is.
    pub kind: Kind,
    /// What it is to the experiment.
    pub role: Role,
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Bytes of a file.
    pub size: u64,
    /// Seconds of the modification time.
    pub mtime: i64,
    /// Nanoseconds of the modification time.
    pub mtime_nanos: u32,
    /// The file has holes.
    #[serde(default)]
    pub sparse: bool,
    /// A file's content.
    pub content: Content,
    /// A link's target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<u8>,
}

impl From<&Entry> for EntryState {
    fn from(entry: &Entry) -> Self {
        Self {
            kind: entry.kind,
            role: entry.role,
            mode: entry.mode,
            size: entry.size,
            mtime: entry.mtime,
            mtime_nanos: entry.mtime_nanos,
            sparse: entry.sparse,
            content: entry.content,
            target: entry.target.clone(),
        }
    }
}

/// Something that stays although the target lacks it or has it differently.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Where.
    pub path: RelPath,
    /// Why.
    #[serde(flatten)]
    pub reason: KeptReason,
    /// Bytes of a file.
    pub size: u64,
}

/// Why something stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum KeptReason {
    /// A run wrote it since.
    Output,
    /// Its bytes are not in the notebook: no undo could bring it back.
    NotCopied,
    /// A FIFO, socket or device.
    Special {
        /// Which.
        kind: Kind,
    },
    /// A place that no restore touches.
    Reserved,
    /// What should stand here instead cannot be restored.
    Target,
}

/// Something that the target has and that cannot be brought back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unrestorable {
    /// Where.
    pub path: RelPath,
    /// Why.
    #[serde(flatten)]
    pub reason: UnrestorableReason,
    /// Bytes of a file.
    pub size: u64,
}

/// Why something cannot be brought back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum UnrestorableReason {
    /// Only its hash is in the notebook, and the file that is there is another, or there is none.
    Hashed,
    /// Only size and samples are in the notebook.
    Sampled,
    /// Nothing of it is in the notebook.
    Missing,
    /// It is kept encrypted, and the key is not on this machine.
    Sealed,
    /// A FIFO, socket or device: never created.
    Special {
        /// Which.
        kind: Kind,
    },
    /// A place that no restore touches.
    Reserved,
    /// Something that is kept stands in the way.
    Blocked {
        /// What.
        by: RelPath,
    },
    /// The notebook should hold it and could not give it.
    Damaged {
        /// What it said.
        error: String,
    },
}

/// Mode and modification time of the root directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RootMetadata {
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Seconds of the modification time.
    pub mtime: i64,
    /// Its nanoseconds.
    pub mtime_nanos: u32,
}

/// The root directory now and in the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RootChange {
    /// In the snapshot of the present.
    pub before: RootMetadata,
    /// In the target.
    pub after: RootMetadata,
}

/// What a plan covers.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Only these paths and what is below them; empty: everything.
    pub paths: Vec<RelPath>,
    /// With `paths`: only these paths themselves, not what is below them. For undo, so that nothing else goes back.
    pub exact: bool,
    /// Removes outputs, too, that the target lacks.
    pub remove_outputs: bool,
    /// Outputs that may go even so, since an earlier restore put them there: for undo, the paths of its record.
    pub removable_outputs: BTreeSet<RelPath>,
    /// The root's own mode and time; used when everything is restored.
    pub root: Option<RootChange>,
    /// Contents that cannot be had: sealed under another key, purged, or lost.
    pub unavailable: BTreeSet<Hash>,
}
