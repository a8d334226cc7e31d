//! What earlier writers left behind: batches that reached their pack but not the index, and tails
//! that were never closed.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lab_model::Hash;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::index::PackRow;
use crate::notebook::remove_if_there;
use crate::pack::{self, Contents, Depth, PACK_HEADER, PackName};
use crate::writer::{index_error, seal_file};
use crate::{Notebook, RecordKind, Result, RetireReason, StoreError, files, index, rebuild};

/// A pack that is ours to append to.
pub(crate) struct TakenPack {
    pub name: PackName,
    pub file: File,
    pub end: u64,
    pub sequence: Option<u64>,
    pub last_commit: Option<Hash>,
}

/// Looks through the packs: indexes batches that are whole but not indexed, seals packs whose last
/// batch was never closed, and takes one that can be gone on with.
pub(crate) fn take_pack(notebook: &Notebook, connection: &Connection) -> Result<Option<TakenPack>> {
    walk(notebook, connection, true)
}

/// As [`take_pack`], but takes none.
pub(crate) fn catch_up(notebook: &Notebook, connection: &Connection) -> Result<()> {
    walk(notebook, connection, false).map(|_| ())
}

fn walk(notebook: &Notebook, connection: &Connection, take: bool) -> Result<Option<TakenPack>> {
    let sql = |source| index_error(notebook, source);
    schema_settled(notebook, connection)?;
    let rows: HashMap<PackName, PackRow> =
        index::packs(connection).map_err(sql)?.into_iter().map(|row| (row.name, row)).collect();
    let retired: HashMap<PackName, RetireReason> = index::retired(connection).map_err(sql)?.into_iter().collect();
    let mut taken = None;
    for name in notebook.pack_names()? {
        match retired.get(&name) {
            None => {}
            Some(RetireReason::Gc) => continue,
            Some(RetireReason::Purge) => {
                // What was to be gone for good is gone also when purging was cut short.
                remove_if_there(&notebook.pack_path(name))?;
                continue;
            }
        }
        let path = notebook.pack_path(name);
        let Some((length, sealed)) = look(&path)? else { continue };
        let row = rows.get(&name);
        let settled = row.is_some_and(|row| length <= row.end.max(row.scanned));
        if (sealed || !take || taken.is_some()) && settled {
            continue;
        }
        let Some(pack) = visit(notebook, connection, name, row)? else { continue };
        if take && taken.is_none() {
            taken = Some(pack);
        }
    }
    Ok(taken)
}

fn schema_settled(notebook: &Notebook, connection: &Connection) -> Result<()> {
    crate::schema::settle_journal(connection, notebook).map_err(|source| index_error(notebook, source))
}

/// Length of a pack, and whether it is sealed; `None` when it is gone.
fn look(path: &Path) -> Result<Option<(u64, bool)>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.len(), found.permissions().mode() & 0o200 == 0))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::read(path, error)),
    }
}

/// Looks into one pack, if nobody holds it. Gives it when it can be gone on with.
fn visit(
    notebook: &Notebook,
    connection: &Connection,
    name: PackName,
    row: Option<&PackRow>,
) -> Result<Option<TakenPack>> {
    let path = notebook.pack_path(name);
    let sealed = look(&path)?.is_none_or(|(_, sealed)| sealed);
    let opened = OpenOptions::new().read(true).write(!sealed).open(&path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::read(&path, error)),
    };
    if !files::try_lock(&file, &path)? {
        return Ok(None);
    }
    let sql = |source| index_error(notebook, source);
    // Whoever held it until now may have gone on with it.
    let fresh = index::packs(connection).map_err(sql)?.into_iter().find(|found| found.name == name);
    let row = fresh.as_ref().or(row);
    let Some((length, sealed)) = look(&path)? else { return Ok(None) };
    let indexed = row.map_or(0, |row| row.end);
    let open_ended = !sealed && length < notebook.shared.options.seal_bytes;
    if let Some(row) = row.filter(|row| row.end == length) {
        let taken = TakenPack { name, file, end: length, sequence: row.sequence, last_commit: row.last_commit };
        return Ok(open_ended.then_some(taken));
    }
    if length < indexed || (sealed && row.is_some_and(|row| length <= row.scanned)) {
        // Shorter than it was: damage, which `verify` tells; nothing is appended to it.
        return Ok(None);
    }
    let Some(contents) = index_rest(notebook, connection, name, indexed, length, &file)? else { return Ok(None) };
    let Some((last_commit, commit)) = contents.commits.last().filter(|_| open_ended && contents.end == length) else {
        return Ok(None);
    };
    Ok(Some(TakenPack { name, file, end: length, sequence: Some(commit.sequence), last_commit: Some(*last_commit) }))
}

/// Indexes what is whole past `indexed` and marks the rest as looked at.
fn index_rest(
    notebook: &Notebook,
    connection: &Connection,
    name: PackName,
    indexed: u64,
    length: u64,
    file: &File,
) -> Result<Option<Contents>> {
    let path = notebook.pack_path(name);
    if indexed == 0 && pack::check_header(file, &path, name)?.is_some() {
        seal_file(file).map_err(|error| StoreError::write(&path, error))?;
        return Ok(None);
    }
    let contents = pack::contents(file, &path, (indexed.max(PACK_HEADER), length), Depth::Checksums)?;
    if contents.end < length {
        // The tail stays as it is; nothing may ever stand behind it.
        seal_file(file).map_err(|error| StoreError::write(&path, error))?;
    }
    let replaces = contents.entries.iter().any(|entry| entry.header.kind == RecordKind::Retire);
    let add = || {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        index::add_batches(&transaction, name, &contents.entries, &contents.commits, contents.end)?;
        index::mark_scanned(&transaction, name, length)?;
        transaction.commit()
    };
    add().map_err(|source| index_error(notebook, source))?;
    if replaces {
        // Records have moved to another pack: every place is looked up anew.
        rebuild::reindex(notebook, connection)?;
    }
    Ok(Some(contents))
}
