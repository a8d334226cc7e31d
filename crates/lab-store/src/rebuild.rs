//! The index made anew from packs alone.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::PathBuf;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::pack::{self, Contents, Depth, FlawAt, PACK_HEADER, PackName};
use crate::report::{Finding, Trouble};
use crate::schema::with_suffix;
use crate::writer::{index_error, seal_file};
use crate::{Flaw, Notebook, Progress, RecordKind, Result, Retire, StoreError, columns, fault, files, index, schema};

/// What a rebuild found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RebuildReport {
    /// What is damaged in the packs. Everything else is indexed.
    pub findings: Vec<Finding>,
    /// Packs read.
    pub packs: u64,
    /// Records found.
    pub records: u64,
    /// Where the index that was there before was set aside, when it was damaged.
    pub quarantined: Option<PathBuf>,
}

impl Notebook {
    /// Makes the index anew from the packs, in a new file that then takes the old one's place.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while others write, or a failed read or write. Damage in packs is no
    /// error: it is in the report.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<RebuildReport> {
        let _lock = self.lock(true)?;
        let path = self.index_path();
        let new = with_suffix(&path, ".new");
        remove_all(&new)?;
        // What the old index says was committed is indexed also where the commit itself is damaged.
        let known = schema::open_writable(self).and_then(|old| committed(self, &old)).unwrap_or_default();
        files::create_new(&new).map_err(|error| StoreError::write(&new, error))?;
        let connection = schema::build(self, &new)?;
        let mut report = RebuildReport::default();
        in_transaction(self, &connection, |transaction| {
            fill(self, transaction, Depth::Checksums, &known, &mut report, progress)
        })?;
        connection.close().map_err(|(_, source)| StoreError::Index { path: new.clone(), source })?;
        File::open(&new).and_then(|file| file.sync_all()).map_err(|error| StoreError::write(&new, error))?;
        fault::point("rebuild-built")?;
        self.forget_caches()?;
        let damaged = path.exists() && !schema::is_older(&path) && !is_sound(self);
        report.quarantined = self.set_aside(&path, damaged)?;
        fault::point("rebuild-moved")?;
        fs::rename(&new, &path).map_err(|error| StoreError::write(&path, error))?;
        files::sync_dir(self.dir())?;
        Ok(report)
    }

    /// Moves the old index's companions out of the way, and keeps a copy of all when it is damaged.
    /// The old log must be gone before the new index has the name that the log goes with.
    fn set_aside(&self, path: &std::path::Path, damaged: bool) -> Result<Option<PathBuf>> {
        let mut aside = None;
        if damaged {
            let target = free_name(&self.quarantine_dir(), "notebook.db");
            files::make_dir(&self.quarantine_dir())?;
            fs::hard_link(path, &target)
                .or_else(|_| fs::copy(path, &target).map(|_| ()))
                .map_err(|error| StoreError::write(&target, error))?;
            let log = with_suffix(path, "-wal");
            if log.exists() {
                let kept = with_suffix(&target, "-wal");
                fs::rename(&log, &kept).map_err(|error| StoreError::write(&kept, error))?;
            }
            aside = Some(target);
        }
        for suffix in ["-wal", "-shm", "-journal"] {
            crate::notebook::remove_if_there(&with_suffix(path, suffix))?;
        }
        files::sync_dir(self.dir())?;
        Ok(aside)
    }
}

fn remove_all(path: &std::path::Path) -> Result<()> {
    ["", "-wal", "-shm", "-journal"]
        .iter()
        .try_for_each(|suffix| crate::notebook::remove_if_there(&with_suffix(path, suffix)))
}

/// A name in `dir` that nothing has yet.
pub(crate) fn free_name(dir: &std::path::Path, name: &str) -> PathBuf {
    let first = dir.join(name);
    if !first.exists() {
        return first;
    }
    (1_u64..).map(|number| dir.join(format!("{name}.{number}"))).find(|path| !path.exists()).unwrap_or(first)
}

/// Whether SQLite finds the index sound, and it is one of this notebook.
fn is_sound(notebook: &Notebook) -> bool {
    schema::open_writable(notebook).is_ok_and(|connection| {
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).is_ok_and(|said| said == "ok")
    })
}

/// Runs `step` in one transaction that others wait for.
pub(crate) fn in_transaction<T>(
    notebook: &Notebook,
    connection: &Connection,
    step: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
        .map_err(|source| index_error(notebook, source))?;
    let outcome = step(&transaction)?;
    transaction.commit().map_err(|source| index_error(notebook, source))?;
    Ok(outcome)
}

/// Makes every row anew within the index that is there, for others all at once.
pub(crate) fn reindex(notebook: &Notebook, connection: &Connection) -> Result<()> {
    in_transaction(notebook, connection, |transaction| {
        let known = committed(notebook, transaction)?;
        for (table, _) in schema::DERIVED.into_iter().chain(columns::DERIVED) {
            transaction.execute(&format!("DELETE FROM {table}"), []).map_err(|source| index_error(notebook, source))?;
        }
        transaction
            .execute_batch("DELETE FROM record; DELETE FROM pack;")
            .and_then(|()| schema::write_meta(transaction, notebook))
            .map_err(|source| index_error(notebook, source))?;
        fill(notebook, transaction, Depth::Headers, &known, &mut RebuildReport::default(), &mut |_, _| {})
    })?;
    let _ = schema::shorten_log(connection, notebook);
    Ok(())
}

/// Fills an empty index from the packs.
pub(crate) fn fill(
    notebook: &Notebook,
    connection: &Connection,
    depth: Depth,
    known: &HashMap<PackName, u64>,
    report: &mut RebuildReport,
    progress: Progress<'_>,
) -> Result<()> {
    let names = notebook.pack_names()?;
    let mut retired = HashSet::new();
    let mut total_bytes = 0;
    for name in &names {
        total_bytes += fs::metadata(notebook.pack_path(*name)).map_or(0, |found| found.len());
        retired.extend(retired_by(notebook, *name)?);
    }
    let mut done_bytes = 0;
    for name in names.into_iter().filter(|name| !retired.contains(name)) {
        let path = notebook.pack_path(name);
        let (mut contents, mut flaws) = whole_pack(notebook, name, depth)?;
        if let Some(end) = known.get(&name).filter(|end| **end > contents.end) {
            salvage(notebook, name, &mut contents, &mut flaws, *end)?;
        }
        report.findings.extend(flaws.iter().map(|flaw| Finding::flaw(&path, flaw)));
        report.packs += 1;
        report.records += contents.entries.len() as u64;
        index::add_batches(connection, name, &contents.entries, &contents.commits, contents.end)
            .and_then(|()| index::mark_scanned(connection, name, contents.length))
            .map_err(|source| index_error(notebook, source))?;
        done_bytes += contents.length;
        progress(done_bytes, total_bytes);
    }
    Ok(())
}

/// Where each pack's last commit ends, as an index says.
fn committed(notebook: &Notebook, connection: &Connection) -> Result<HashMap<PackName, u64>> {
    let rows = index::packs(connection).map_err(|source| index_error(notebook, source))?;
    Ok(rows.into_iter().map(|row| (row.name, row.end)).collect())
}

/// Takes the whole records of batches whose commits are damaged. Nothing may be appended to such a
/// pack, and garbage collection leaves it as it is.
fn salvage(
    notebook: &Notebook,
    name: PackName,
    contents: &mut Contents,
    flaws: &mut Vec<FlawAt>,
    end: u64,
) -> Result<()> {
    let path = notebook.pack_path(name);
    let saved = std::mem::take(&mut contents.open_entries).into_iter();
    contents.entries.extend(saved.filter(|entry| entry.offset + entry.header.span() <= end));
    flaws.extend(contents.tail.iter().filter(|flaw| flaw.offset < end).cloned());
    contents.end = end;
    File::open(&path).and_then(|file| seal_file(&file)).map_err(|error| StoreError::write(&path, error))
}

/// What a pack holds, and what is wrong with it; bytes past its last commit are not counted as wrong.
pub(crate) fn whole_pack(notebook: &Notebook, name: PackName, depth: Depth) -> Result<(Contents, Vec<FlawAt>)> {
    let path = notebook.pack_path(name);
    let file = File::open(&path).map_err(|error| StoreError::read(&path, error))?;
    let length = file.metadata().map_err(|error| StoreError::read(&path, error))?.len();
    let header = pack::check_header(&file, &path, name)?;
    let mut contents = pack::contents(&file, &path, (PACK_HEADER.min(length), length), depth)?;
    let mut flaws = std::mem::take(&mut contents.flaws);
    // A pack whose very first write was cut short has no records, and nothing is wrong with that.
    if let Some(flaw) = header.filter(|_| !contents.entries.is_empty()) {
        flaws.insert(0, FlawAt { offset: 0, flaw, header: None });
    }
    Ok((contents, flaws))
}

/// The packs that records in this one say were replaced.
fn retired_by(notebook: &Notebook, name: PackName) -> Result<Vec<PackName>> {
    let (contents, _) = whole_pack(notebook, name, Depth::Headers)?;
    Ok(retires(&contents).flat_map(|retire| retire.packs).filter_map(|pack| PackName::parse(&pack.pack)).collect())
}

/// The retire records in a pack.
pub(crate) fn retires(contents: &Contents) -> impl Iterator<Item = Retire> {
    let retires = contents.entries.iter().filter(|entry| entry.header.kind == RecordKind::Retire);
    retires.filter_map(|entry| serde_json::from_slice(&entry.body).ok())
}

impl Finding {
    pub(crate) fn flaw(path: &std::path::Path, at: &FlawAt) -> Self {
        let what = match at.flaw {
            Flaw::PackHeader | Flaw::PackName => Trouble::Pack(at.flaw),
            flaw => Trouble::Record(flaw),
        };
        Self {
            path: path.to_owned(),
            offset: Some(at.offset),
            id: at.header.as_ref().map(|header| header.id),
            what,
            snapshots: Vec::new(),
            runs: Vec::new(),
        }
    }
}
