//! Taking something out for good.

use std::collections::HashSet;
use std::fs;

use lab_model::{Hash, RunId, Time};
use rusqlite::Connection;

use crate::mark::{self, LetGo};
use crate::notebook::remove_if_there;
use crate::rewrite::{OldPack, Rewriter, may_hold, retired_packs, trash};
use crate::writer::index_error;
use crate::{
    Notebook, Progress, Reader, Result, Retire, RetireReason, StoreError, fault, files, index, rebuild, schema, tidy,
};

/// What is to go.
#[derive(Clone, Debug)]
pub struct PurgeRequest {
    /// Now.
    pub time: Time,
    /// Random; names the first new pack.
    pub pack_id: [u8; 16],
    /// Runs, with what was said of them and with everything that only they need.
    pub runs: Vec<RunId>,
    /// Records of any kind, such as the content of a file, whoever needs them. Where a snapshot
    /// names one, that file can no longer be restored.
    pub records: Vec<Hash>,
}

/// What went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PurgeReport {
    /// The records that are gone.
    pub purged: Vec<Hash>,
    /// Packs that were written anew without them.
    pub rewritten_packs: u64,
    /// Packs that were deleted from the trash.
    pub deleted_packs: u64,
    /// The index's log could not be emptied, since somebody reads in it: it may still hold traces
    /// until the next writer comes. Purging once more is safe.
    pub log_in_use: bool,
}

impl Notebook {
    /// Takes records out of packs, trash and index at once and for good. Everything else stays byte
    /// for byte as it is. A record says what is gone, so that it is not taken for damage.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while others write, [`StoreError::Missing`] and [`StoreError::NoRun`] when
    /// there is nothing of the kind, or a record that must be kept cannot be read.
    pub fn purge(&self, request: &PurgeRequest, progress: Progress<'_>) -> Result<PurgeReport> {
        let _lock = self.lock(true)?;
        let connection = schema::open_writable(self)?;
        tidy::catch_up(self, &connection)?;
        self.sweep(request.time)?;
        let reader = Reader::over(self, schema::open_writable(self)?);
        let doomed = doomed(&reader, request)?;
        let mut report = PurgeReport::default();
        let old = self.packs_that_hold(&reader, &doomed)?;
        report.rewritten_packs = old.len() as u64;
        if !old.is_empty() {
            self.forget_caches()?;
            self.replace_without(&reader, &doomed, &old, request, progress)?;
        }
        drop(reader);
        report.deleted_packs = self.clean_aside(&doomed)?;
        report.log_in_use = !self.wipe_index(&connection)?;
        report.purged = doomed.into_iter().collect();
        report.purged.sort_unstable();
        Ok(report)
    }

    /// Packs that hold one of the records, or a tail in which something of them may be left.
    fn packs_that_hold(&self, reader: &Reader, doomed: &HashSet<Hash>) -> Result<Vec<OldPack>> {
        let rows = reader.sql(index::packs(&reader.connection))?;
        let mut old = Vec::new();
        for name in self.pack_names()? {
            let Some(pack) = OldPack::open(self, &rows, name)? else { continue };
            let tail = pack.contents.length > pack.contents.end;
            if tail || pack.contents.entries.iter().any(|entry| doomed.contains(&entry.header.id)) {
                old.push(pack);
            }
        }
        Ok(old)
    }

    fn replace_without(
        &self,
        reader: &Reader,
        doomed: &HashSet<Hash>,
        old: &[OldPack],
        request: &PurgeRequest,
        progress: Progress<'_>,
    ) -> Result<()> {
        let total_bytes = old.iter().map(|pack| pack.contents.length).sum();
        let mut done_bytes = 0;
        let mut rewriter = Rewriter::new(self, &reader.connection, request.time, request.pack_id);
        for pack in old {
            for entry in pack.owned(reader) {
                let entry = entry?;
                if !doomed.contains(&entry.header.id) {
                    rewriter.copy(pack, entry)?;
                }
            }
            done_bytes += pack.contents.length;
            progress(done_bytes, total_bytes);
        }
        let mut purged: Vec<Hash> = doomed.iter().copied().collect();
        purged.sort_unstable();
        let retire = Retire {
            packs: retired_packs(old),
            reason: RetireReason::Purge,
            time: request.time,
            purged,
            runs: request.runs.clone(),
        };
        rewriter.finish(&retire)?;
        fault::point("purge-copied")?;
        rebuild::reindex(self, &reader.connection)?;
        fault::point("purge-indexed")?;
        for pack in old {
            remove_if_there(&self.pack_path(pack.name))?;
            fault::point("purge-deleted")?;
        }
        files::sync_dir(&self.packs_dir())
    }

    /// Removes packs from the trash and from quarantine that hold one of the records, and set-aside
    /// indexes, which may name anything.
    fn clean_aside(&self, doomed: &HashSet<Hash>) -> Result<u64> {
        let mut deleted = 0;
        for (path, _, _) in trash(self) {
            if may_hold(&path, doomed)? {
                remove_if_there(&path)?;
                deleted += 1;
            }
        }
        files::sync_dir(&self.trash_dir())?;
        for entry in fs::read_dir(self.quarantine_dir()).into_iter().flatten().flatten() {
            remove_if_there(&entry.path())?;
        }
        Ok(deleted)
    }

    /// Leaves nothing of deleted rows in the index or in its log; `false` when the log is in use.
    fn wipe_index(&self, connection: &Connection) -> Result<bool> {
        let wipe = || {
            connection.execute_batch("VACUUM")?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        };
        Ok(wipe().map_err(|source| index_error(self, source))? == 0)
    }
}

/// The records that go.
fn doomed(reader: &Reader, request: &PurgeRequest) -> Result<HashSet<Hash>> {
    let runs: HashSet<RunId> = request.runs.iter().cloned().collect();
    let named: HashSet<Hash> = request.records.iter().copied().collect();
    let mut present = HashSet::new();
    for id in &named {
        match reader.kind(id)? {
            Some(_) => {
                present.insert(*id);
            }
            // Asked for a second time, perhaps since the first was cut short.
            None => match reader.absence(id) {
                StoreError::Purged { .. } => {}
                error => return Err(error),
            },
        }
    }
    let roots = mark::roots(reader, &LetGo { runs: &runs, words_too: true })?;
    for run in &runs {
        if reader.run(run)?.is_none() && !was_purged(reader, run)? {
            return Err(StoreError::NoRun { run: run.clone() });
        }
    }
    let kept = mark::reach(reader, &roots.kept, &present)?;
    let starting: Vec<Hash> = roots.dropped.iter().chain(&present).copied().collect();
    let mut doomed = mark::reach(reader, &starting, &HashSet::new())?;
    doomed.retain(|id| !kept.contains(id));
    Ok(doomed)
}

/// Whether a retire record says that this run was purged.
fn was_purged(reader: &Reader, run: &RunId) -> Result<bool> {
    for (id, kind) in reader.self_speaking()? {
        if kind == crate::RecordKind::Retire && reader.json::<Retire>(&id)?.runs.contains(run) {
            return Ok(true);
        }
    }
    Ok(false)
}
