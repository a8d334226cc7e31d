use serde::{Deserialize, Serialize};

use crate::{Hash, ProjectId, RunId, Time};

/// A directory that `lab` knows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Project {
    /// The project.
    pub id: ProjectId,
    /// What people call it.
    pub name: String,
    /// Where it was last seen on this machine. The one absolute path in a notebook, and only a
    /// hint: nothing else refers to it.
    pub root: String,
    /// When it became known, or moved.
    pub time: Time,
}

/// Which part of a person's word on a run this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoteKind {
    /// Why the run was made.
    Reason,
    /// What came of it.
    Outcome,
    /// Anything else.
    Note,
}

/// What an edit is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A run.
    Run(RunId),
    /// A project.
    Project(ProjectId),
}

/// A person's later word. Appended, never overwritten: the newest of a kind counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Edit {
    /// When.
    pub time: Time,
    /// About what.
    pub target: Target,
    /// What.
    #[serde(flatten)]
    pub change: Change,
    /// Records that it needs: the pictures that a note shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Hash>,
}

impl Edit {
    /// A word that needs nothing else.
    pub const fn new(time: Time, target: Target, change: Change) -> Self {
        Self { time, target, change, needs: Vec::new() }
    }
}

/// What an edit says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Another name.
    Name {
        /// The name.
        name: String,
    },
    /// A tag more.
    Tag {
        /// The tag.
        tag: String,
    },
    /// A tag less.
    Untag {
        /// The tag.
        tag: String,
    },
    /// Starred or not.
    Star {
        /// Which.
        on: bool,
    },
    /// Hidden from lists or not.
    Hide {
        /// Which.
        on: bool,
    },
    /// A note, reason or outcome.
    Note {
        /// Which.
        kind: NoteKind,
        /// The words, Markdown.
        text: String,
    },
    /// A view of the list of runs under a name.
    View {
        /// The name.
        name: String,
        /// The query; empty when the view was removed.
        query: String,
    },
    /// Removed by `lab rm`: no longer listed, and no longer kept alive.
    Remove,
    /// Brought back by undoing a removal.
    Unremove,
    /// Content purged for good; the ids of what is gone.
    Purge {
        /// Record ids.
        ids: Vec<Hash>,
    },
}
