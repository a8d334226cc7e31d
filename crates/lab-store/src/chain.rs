use lab_model::{Hash, RunId, Time};
use serde::{Deserialize, Serialize};

/// The body of a commit record: it closes a batch, and names the commits before it, so that a
/// missing record or a missing pack is found as damage and never taken for absence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Commit {
    /// The pack, 32 hexadecimal digits.
    pub pack: String,
    /// 0 for the first commit of a pack, then one more each time.
    pub sequence: u64,
    /// The commit before this one in the same pack.
    pub previous: Option<Hash>,
    /// The newest commits of other packs that no earlier commit names, as far as the writer knew.
    pub after: Vec<CommitRef>,
    /// Records in the batch, this one not counted.
    pub records: u64,
    /// Where the batch begins in the pack.
    pub start_offset: u64,
    /// When; `None` when a batch was closed in between because the pack was full.
    pub time: Option<Time>,
}

/// Names a commit of another pack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CommitRef {
    /// The pack.
    pub pack: String,
    /// Its commit.
    pub commit: Hash,
}

/// Why packs were replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetireReason {
    /// Most of what was in them is needed no more.
    Gc,
    /// They held something that is to be gone for good.
    Purge,
}

/// The body of a retire record: packs that were replaced on purpose. Everything in them that is
/// still needed stands in another pack; a pack that is named here is no longer read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Retire {
    /// The packs.
    pub packs: Vec<RetiredPack>,
    /// Why.
    pub reason: RetireReason,
    /// When.
    pub time: Time,
    /// Records that were purged: a reference to one of them is no damage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purged: Vec<Hash>,
    /// Runs that were purged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
}

/// A pack that was replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RetiredPack {
    /// The pack.
    pub pack: String,
    /// Its last commit; `None` when it never had one.
    pub last_commit: Option<Hash>,
}
