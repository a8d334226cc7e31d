//! "You already did this": an earlier run with the same command on the same files, or the last attempt where that
//! failed.

use lab_model::{RunStart, Status};
use lab_store::{RunQuery, RunRow};

use crate::{Engine, Result};

/// An earlier run is not looked for further behind.
const LOOK_BACK: usize = 200;

/// An earlier run that a new one is like.
#[derive(Clone, Debug)]
pub struct Same {
    /// The newest with the same command, code, config and data that ended well; else the newest of them that failed; else
    /// the last run of the same command, when it failed.
    pub row: RunRow,
    /// Code, config and data are the same too.
    pub is_identical: bool,
}

impl Engine {
    /// The run that a new one repeats: same command, directory, code, config and data, not hidden. The
    /// environment is known only after the start, so it does not count here. Without one, the last attempt at the same
    /// command, if that failed.
    ///
    /// # Errors
    /// Those of reading the index.
    pub fn same_as(&self, start: &RunStart) -> Result<Option<Same>> {
        let query = RunQuery { project: Some(start.project.clone()), limit: Some(LOOK_BACK), ..RunQuery::default() };
        let mut rows = self.index()?.runs(&query)?;
        rows.retain(|row| row.end.is_some() && is_attempt(&row.start, start));
        let is_repeated = |row: &&RunRow| is_same(&row.start, start);
        let ended_as = |status: Status| rows.iter().filter(is_repeated).find(|row| row.status() == status);
        if let Some(row) = ended_as(Status::Done).or_else(|| ended_as(Status::Failed)) {
            return Ok(Some(Same { row: row.clone(), is_identical: true }));
        }
        let last = rows.into_iter().next().filter(|row| row.status() == Status::Failed);
        Ok(last.map(|row| Same { row, is_identical: false }))
    }
}

/// Whether it is the same command in the same place.
fn is_attempt(earlier: &RunStart, later: &RunStart) -> bool {
    earlier.run != later.run && earlier.argv == later.argv && earlier.cwd == later.cwd
}

/// Whether it is so on the same files.
fn is_same(earlier: &RunStart, later: &RunStart) -> bool {
    let files = |start: &RunStart| (start.fingerprint.code, start.fingerprint.config, start.fingerprint.data);
    later.fingerprint.code.is_some() && files(earlier) == files(later)
}
