//! Taking out what no run needs any more.

use std::collections::HashSet;
use std::fs;

use lab_model::{Hash, RunId, Time};

use crate::mark::{self, LetGo};
use crate::rewrite::{OldPack, Rewriter, retired_packs, to_trash, trash};
use crate::writer::index_error;
use crate::{
    Notebook, Progress, Reader, RecordKind, Result, Retire, RetireReason, RunQuery, StoreError, fault, index, rebuild,
    schema, tidy,
};

/// How garbage is collected.
#[derive(Clone, Debug)]
pub struct GcOptions {
    /// Now.
    pub time: Time,
    /// Random; names the first new pack.
    pub pack_id: [u8; 16],
    /// How long replaced packs stay in the trash.
    pub grace_millis: u64,
    /// A pack is rewritten when at least this share of it is garbage.
    pub garbage_percent: u64,
    /// Only say what would be done.
    pub dry_run: bool,
}

impl GcOptions {
    /// Two weeks of grace; packs with a tenth of garbage are rewritten.
    pub const fn new(time: Time, pack_id: [u8; 16]) -> Self {
        Self { time, pack_id, grace_millis: 14 * 24 * 3600 * 1000, garbage_percent: 10, dry_run: false }
    }
}

/// What a collection did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GcReport {
    /// Records that are needed.
    pub live_records: u64,
    /// Records that went.
    pub removed_records: u64,
    /// Bytes that they took, dead tails of packs included.
    pub removed_bytes: u64,
    /// Packs that were replaced and lie in the trash now.
    pub retired_packs: u64,
    /// Packs that were deleted from the trash.
    pub deleted_packs: u64,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Whether old trash was kept since a check of the rest found something wrong.
    pub trash_kept: bool,
}

impl Notebook {
    /// Takes out what no run needs: runs that were removed, with what only they needed. Replaced
    /// packs go to the trash, and are deleted from there by a later collection.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while others write; [`StoreError::Root`] or [`StoreError::Damaged`] when
    /// something that must be kept cannot be read: nothing is removed then.
    pub fn gc(&self, options: &GcOptions, progress: Progress<'_>) -> Result<GcReport> {
        let _lock = self.lock(true)?;
        let connection = schema::open_writable(self)?;
        tidy::catch_up(self, &connection)?;
        let mut report = GcReport::default();
        if !options.dry_run {
            self.sweep(options.time)?;
        }
        let reader = Reader::over(self, schema::open_writable(self)?);
        let removed = removed_runs(&reader)?;
        let roots = mark::roots(&reader, &LetGo { runs: &removed, words_too: false })?;
        let live = mark::reach(&reader, &roots.kept, &HashSet::new())?;
        report.live_records = live.len() as u64;
        fault::point("gc-marked")?;
        let old = self.packs_to_rewrite(&reader, &live, options, &mut report)?;
        report.retired_packs = old.len() as u64;
        if options.dry_run {
            return Ok(report);
        }
        if !old.is_empty() {
            self.forget_caches()?;
            self.replace(&reader, &live, &old, options, progress)?;
        }
        drop(reader);
        drop(connection);
        self.empty_trash(options, &mut report, progress)?;
        Ok(report)
    }

    fn packs_to_rewrite(
        &self,
        reader: &Reader,
        live: &HashSet<Hash>,
        options: &GcOptions,
        report: &mut GcReport,
    ) -> Result<Vec<OldPack>> {
        let rows = reader.sql(index::packs(&reader.connection))?;
        let retired: HashSet<_> =
            reader.sql(index::retired(&reader.connection))?.into_iter().map(|(name, _)| name).collect();
        let mut old = Vec::new();
        for name in self.pack_names()?.into_iter().filter(|name| !retired.contains(name)) {
            let Some(pack) = OldPack::open(self, &rows, name)? else { continue };
            let mut needed = HashSet::new();
            for entry in pack.owned(reader) {
                let entry = entry?;
                if live.contains(&entry.header.id) {
                    needed.insert(entry.offset);
                }
            }
            let records = pack.contents.entries.iter().filter(|entry| entry.header.kind != RecordKind::Commit);
            let garbage: Vec<u64> =
                records.filter(|entry| !needed.contains(&entry.offset)).map(|entry| entry.header.span()).collect();
            let tail = pack.contents.length - pack.contents.end;
            let bytes = garbage.iter().sum::<u64>() + tail;
            let empty = pack.contents.entries.is_empty();
            if empty || (bytes > 0 && bytes * 100 >= pack.contents.length * options.garbage_percent) {
                report.removed_records += garbage.len() as u64;
                report.removed_bytes += bytes;
                old.push(pack);
            }
        }
        Ok(old)
    }

    /// Each step leaves a whole notebook behind: until the retire record is durable the old packs
    /// count, from then on the new ones do, whether or not the index knows it yet.
    fn replace(
        &self,
        reader: &Reader,
        live: &HashSet<Hash>,
        old: &[OldPack],
        options: &GcOptions,
        progress: Progress<'_>,
    ) -> Result<()> {
        let total_bytes = old.iter().map(|pack| pack.contents.length).sum();
        let mut done_bytes = 0;
        let mut rewriter = Rewriter::new(self, &reader.connection, options.time, options.pack_id);
        for pack in old {
            for entry in pack.owned(reader) {
                let entry = entry?;
                if live.contains(&entry.header.id) {
                    rewriter.copy(pack, entry)?;
                }
            }
            done_bytes += pack.contents.length;
            progress(done_bytes, total_bytes);
        }
        let retire = Retire {
            packs: retired_packs(old),
            reason: RetireReason::Gc,
            time: options.time,
            purged: Vec::new(),
            runs: Vec::new(),
        };
        rewriter.finish(&retire)?;
        rebuild::reindex(self, &reader.connection)?;
        fault::point("gc-indexed")?;
        for pack in old {
            to_trash(self, pack.name, options.time)?;
            fault::point("gc-moved")?;
        }
        Ok(())
    }

    /// Moves packs away whose replacement was cut short after it counted.
    pub(crate) fn sweep(&self, time: Time) -> Result<()> {
        let connection = schema::open_writable(self)?;
        let retired = index::retired(&connection).map_err(|source| index_error(self, source))?;
        for (name, reason) in retired {
            let path = self.pack_path(name);
            if path.exists() {
                match reason {
                    RetireReason::Gc => to_trash(self, name, time)?,
                    RetireReason::Purge => crate::notebook::remove_if_there(&path)?,
                }
            }
        }
        Ok(())
    }

    /// Deletes what has lain in the trash for long, if everything else is well.
    fn empty_trash(&self, options: &GcOptions, report: &mut GcReport, progress: Progress<'_>) -> Result<()> {
        let mut old = trash(self);
        old.retain(|(_, time, _)| options.time.millis_since(*time) >= options.grace_millis);
        if old.is_empty() {
            return Ok(());
        }
        if !self.verify_locked(false, None, progress)?.is_clean() {
            report.trash_kept = true;
            return Ok(());
        }
        for (path, _, _) in old {
            let bytes = fs::metadata(&path).map_or(0, |found| found.len());
            fs::remove_file(&path).map_err(|error| StoreError::write(&path, error))?;
            fault::point("gc-deleted")?;
            report.deleted_packs += 1;
            report.deleted_bytes += bytes;
        }
        crate::files::sync_dir(&self.trash_dir())
    }
}

fn removed_runs(reader: &Reader) -> Result<HashSet<RunId>> {
    let query = RunQuery { include_hidden: true, include_removed: true, ..RunQuery::default() };
    Ok(reader.runs(&query)?.into_iter().filter(|row| row.removed).map(|row| row.start.run).collect())
}
