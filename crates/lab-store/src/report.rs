//! What checks find, as data.

use std::path::PathBuf;

use lab_model::{Hash, RunId};

use crate::{Flaw, RecordKind};

/// Told how far long work has come: bytes done, bytes in all.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// One thing that is wrong.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub offset: Option<u64>,
    /// Which record, where known.
    pub id: Option<Hash>,
    /// What.
    pub what: Trouble,
    /// Snapshots that cannot be restored whole because of it, where known.
    pub snapshots: Vec<Hash>,
    /// Runs that are touched by it, where known.
    pub runs: Vec<RunId>,
}

/// What is wrong.
#[derive(Clone, PartialEq, Debug)]
pub enum Trouble {
    /// The pack itself.
    Pack(Flaw),
    /// A record in a pack.
    Record(Flaw),
    /// A pack that the index or a commit names is not there.
    PackMissing,
    /// A pack ends before the index says that it does.
    PackShort,
    /// Commits of a pack do not follow one another.
    Chain,
    /// A commit counts other records than there are before it.
    BatchCount,
    /// A commit that another one names is not there.
    CommitMissing,
    /// A record is needed and nowhere: `needed_by` says of what kind the one that names it is.
    Dangling {
        /// What names it.
        needed_by: RecordKind,
    },
    /// The chunks of a file do not give the file.
    Content,
    /// `notebook.toml` is not what it was.
    Card,
    /// `notebook.db` is not there.
    IndexMissing,
    /// `notebook.db` cannot be read, or SQLite finds it damaged.
    IndexDamaged {
        /// What it says.
        said: String,
    },
    /// The index is sound as a database and yet not what the packs say.
    IndexWrong {
        /// Which table.
        table: &'static str,
    },
}

impl Trouble {
    /// Whether `lab rebuild` puts it right.
    pub const fn is_index(&self) -> bool {
        matches!(self, Self::IndexMissing | Self::IndexDamaged { .. } | Self::IndexWrong { .. })
    }

    /// The words for it.
    pub fn words(&self) -> String {
        match self {
            Self::Pack(flaw) | Self::Record(flaw) => flaw.words().to_owned(),
            Self::PackMissing => "the pack is missing".to_owned(),
            Self::PackShort => "the end of the pack is missing".to_owned(),
            Self::Chain => "commits do not follow one another".to_owned(),
            Self::BatchCount => "records of a batch are missing".to_owned(),
            Self::CommitMissing => "a commit that another one names is missing".to_owned(),
            Self::Dangling { needed_by } => format!("a record that a {} needs is missing", needed_by.name()),
            Self::Content => "the pieces of a file do not give the file".to_owned(),
            Self::Card => "the notebook's card is damaged".to_owned(),
            Self::IndexMissing => "the index is missing: run `lab rebuild`".to_owned(),
            Self::IndexDamaged { said } => format!("the index is damaged: run `lab rebuild` ({said})"),
            Self::IndexWrong { table } => {
                format!("the index does not say what the packs say: run `lab rebuild` (table {table})")
            }
        }
    }
}
