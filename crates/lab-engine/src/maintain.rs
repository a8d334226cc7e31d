//! Verify, rebuild, collect garbage, purge.

use lab_model::{Hash, RunId};
use lab_store::{GcOptions, GcReport, PurgeReport, PurgeRequest, RebuildReport, VerifyReport};

use crate::{Engine, Progress, Result};

/// A pack with less garbage is left as it is: rewriting it would cost more than it frees.
const GARBAGE_PERCENT: u64 = 10;

impl Engine {
    /// Reads the notebook back; `deep` also decodes every byte and follows every reference.
    ///
    /// # Errors
    /// Only when the notebook cannot be read at all; damage is in the report.
    pub fn verify(&self, deep: bool, progress: Progress<'_>) -> Result<VerifyReport> {
        let key = crate::engine::load_key(&self.config.key_file)?.map(|key| lab_store::SealKey::new(&key));
        Ok(self.notebook.verify(deep, key.as_ref(), progress)?)
    }

    /// Makes the index anew from the packs alone.
    ///
    /// # Errors
    /// When the notebook cannot be written.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<RebuildReport> {
        Ok(self.notebook.rebuild(progress)?)
    }

    /// Moves what no run needs to the trash, and empties trash that is older than `grace_millis`.
    /// A dry run only says what would go.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Busy`] while a run is being kept.
    pub fn gc(&self, grace_millis: u64, dry_run: bool, progress: Progress<'_>) -> Result<GcReport> {
        let options = GcOptions {
            time: self.now(),
            pack_id: self.config.random.pack_id(),
            grace_millis,
            garbage_percent: GARBAGE_PERCENT,
            dry_run,
        };
        Ok(self.notebook.gc(&options, progress)?)
    }

    /// Removes runs and contents for good: from packs, trash, index and write-ahead log.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Busy`] while a run is being kept.
    pub fn purge(&self, runs: &[RunId], contents: &[Hash], progress: Progress<'_>) -> Result<PurgeReport> {
        let request = PurgeRequest {
            time: self.now(),
            pack_id: self.config.random.pack_id(),
            runs: runs.to_vec(),
            records: contents.to_vec(),
        };
        Ok(self.notebook.purge(&request, progress)?)
    }
}
