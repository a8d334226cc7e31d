//! What can stand in the place of runs, where there is room for more than the list.

use serde::{Deserialize, Serialize};

/// A part of the place of runs. Beside the list each is about the run under its cursor, but for the charts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Panel {
    /// The list itself, which is always there.
    Runs,
    /// What changed, did it help, and how it differs.
    Inspector,
    /// Metrics of what is marked, or of the first runs of the list.
    Charts,
    /// What it printed.
    Log,
    /// What was written down.
    Notes,
    /// The files of its snapshot.
    Files,
    /// What is different since the run that it is compared with, line by line.
    Changes,
}

impl Panel {
    /// All that can stand beside the list.
    pub const BESIDE: [Self; 6] = [Self::Inspector, Self::Charts, Self::Log, Self::Notes, Self::Files, Self::Changes];

    /// What its tab says.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Runs => "Runs",
            Self::Inspector => "Inspector",
            Self::Charts => "Charts",
            Self::Log => "Log",
            Self::Notes => "Notes",
            Self::Files => "Files",
            Self::Changes => "Changes",
        }
    }

    /// What stands in it.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Runs => "The list of runs",
            Self::Inspector => "What changed in the run, and did it help?",
            Self::Charts => "Metrics of the marked runs, otherwise of the first ones",
            Self::Log => "What the run printed",
            Self::Notes => "What was written down on the run",
            Self::Files => "The files of the run as of its start, and what it wrote",
            Self::Changes => "What is different since the run before it, line by line",
        }
    }
}
