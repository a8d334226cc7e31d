//! "You already did this": an earlier run with the same command on the same files.

use lab_model::{RunStart, Status};
use lab_store::{RunQuery, RunRow};

use crate::{Engine, Result};

/// An earlier run is not looked for further behind.
const LOOK_BACK: usize = 200;

/// An earlier run with the same command, code, config and data.
#[derive(Clone, Debug)]
pub struct Same {
    /// The newest that ended well; else the newest that failed.
    pub row: RunRow,
}

impl Engine {
    /// The run that a new one repeats: same command, directory, code, config and data, not hidden. The
    /// environment is known only after the start, so it does not count here.
    ///
    /// # Errors
    /// Those of reading the index.
    pub fn same_as(&self, start: &RunStart) -> Result<Option<Same>> {
        let query = RunQuery { project: Some(start.project.clone()), limit: Some(LOOK_BACK), ..RunQuery::default() };
        let mut rows = self.index()?.runs(&query)?;
        rows.retain(|row| row.end.is_some() && is_same(&row.start, start));
        let ended_as = |status: Status| rows.iter().find(|row| row.status() == status);
        let best = ended_as(Status::Done).or_else(|| ended_as(Status::Failed));
        Ok(best.cloned().map(|row| Same { row }))
    }
}

fn is_same(earlier: &RunStart, later: &RunStart) -> bool {
    let files = |start: &RunStart| (start.fingerprint.code, start.fingerprint.config, start.fingerprint.data);
    earlier.run != later.run
        && later.fingerprint.code.is_some()
        && files(earlier) == files(later)
        && earlier.argv == later.argv
        && earlier.cwd == later.cwd
}
