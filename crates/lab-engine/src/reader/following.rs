//! Metrics as they grow, which an interface asks for again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lab_model::RunId;
use lab_store::RunRow;

use super::Reader;
use super::columns::Runs;
use crate::live::LiveReader;

/// What the readers of one interface share.
#[derive(Default)]
pub(crate) struct Shared {
    /// Runs that go on, each with what has been read of it.
    followed: Mutex<HashMap<RunId, Arc<Mutex<LiveReader>>>>,
    /// The columns of all runs, as the index last stood.
    pub(super) columns: Mutex<Option<Arc<Runs>>>,
}

impl Reader {
    /// Looks at the metrics of a run that goes on; reads only what is new.
    pub(super) fn followed<T>(&self, row: &RunRow, look: impl FnOnce(&mut LiveReader) -> T) -> T {
        let reader = {
            let mut all = self.shared.followed.lock().unwrap_or_else(PoisonError::into_inner);
            if !all.contains_key(&row.start.run) {
                // Those of runs that are over are not asked for again.
                all.retain(|run, _| self.live.join(run.as_str()).exists());
            }
            let new = || Arc::new(Mutex::new(LiveReader::new(&self.live(row), row.start.time)));
            Arc::clone(all.entry(row.start.run.clone()).or_insert_with(new))
        };
        let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.poll();
        look(&mut reader)
    }

    /// The same reader, which shares with others.
    pub(crate) fn sharing(self, shared: Arc<Shared>) -> Self {
        Self { shared, ..self }
    }
}
