//! The index as a database: its tables, and how it is opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::notebook::remove_if_there;
use crate::{Notebook, Result, StoreError, columns, files};

/// `labn` in the file's header.
const APPLICATION_ID: i64 = 0x6c61_626e;
/// Of the tables below. An index of another version is made anew from the packs.
const SCHEMA_VERSION: i64 = 2;

/// The number of a pack is never given to another one: readers keep packs open by it.
const TABLES: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pack(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, end INTEGER NOT NULL, scanned INTEGER NOT NULL,
  sequence INTEGER, last_commit BLOB, named BLOB);
CREATE TABLE record(id BLOB PRIMARY KEY, kind INTEGER NOT NULL, encoding INTEGER NOT NULL, pack INTEGER NOT NULL,
  offset INTEGER NOT NULL, stored INTEGER NOT NULL, raw INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE snapshot(record BLOB PRIMARY KEY, project TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX snapshot_by_project ON snapshot(project, time, record);
CREATE TABLE run_start(run TEXT PRIMARY KEY, record BLOB NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
  time INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX run_by_time ON run_start(time, run);
CREATE INDEX run_by_project ON run_start(project, time, run);
CREATE INDEX run_by_name ON run_start(name);
CREATE TABLE run_end(run TEXT PRIMARY KEY, record BLOB NOT NULL, seen INTEGER NOT NULL, time INTEGER NOT NULL,
  status TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE run_facts(run TEXT PRIMARY KEY, record BLOB NOT NULL, environment BLOB, body TEXT NOT NULL);
CREATE TABLE run_open(run TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE produced(project TEXT NOT NULL, path BLOB NOT NULL, PRIMARY KEY(project, path)) WITHOUT ROWID;
CREATE TABLE produced_early(run TEXT NOT NULL, path BLOB NOT NULL, PRIMARY KEY(run, path)) WITHOUT ROWID;
CREATE TABLE used(run TEXT NOT NULL, way INTEGER NOT NULL, path BLOB NOT NULL, hash BLOB,
  PRIMARY KEY(run, way, path)) WITHOUT ROWID;
CREATE INDEX used_by_hash ON used(hash, way, run) WHERE hash IS NOT NULL;
CREATE INDEX used_by_path ON used(path, way, run);
CREATE TABLE mark(target TEXT NOT NULL, aspect TEXT NOT NULL, time INTEGER NOT NULL, record BLOB NOT NULL,
  value TEXT NOT NULL, PRIMARY KEY(target, aspect)) WITHOUT ROWID;
CREATE INDEX mark_by_value ON mark(aspect, value);
CREATE TABLE note(target TEXT NOT NULL, time INTEGER NOT NULL, record BLOB NOT NULL, kind TEXT NOT NULL,
  text TEXT NOT NULL, PRIMARY KEY(target, time, record)) WITHOUT ROWID;
CREATE TABLE edit(record BLOB PRIMARY KEY, target TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE project(id TEXT PRIMARY KEY, record BLOB NOT NULL, time INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE restore(record BLOB PRIMARY KEY, project TEXT NOT NULL, time INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX restore_by_project ON restore(project, time, record);
CREATE TABLE retired(pack TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE purged(id BLOB PRIMARY KEY) WITHOUT ROWID;
";

/// Every table whose rows come from records alone, with an order that makes two indexes comparable.
/// `pack` and `record` say where bytes lie and are compared on their own.
pub(crate) const DERIVED: [(&str, &str); 16] = [
    ("meta", "key"),
    ("snapshot", "record"),
    ("run_start", "run"),
    ("run_end", "run"),
    ("run_facts", "run"),
    ("run_open", "run"),
    ("produced", "project, path"),
    ("produced_early", "run, path"),
    ("used", "run, way, path"),
    ("mark", "target, aspect"),
    ("note", "target, time, record"),
    ("edit", "record"),
    ("project", "id"),
    ("restore", "record"),
    ("retired", "pack"),
    ("purged", "id"),
];

/// Whether the index is one that an older program made: its tables are others. The two numbers stand
/// in the header of the file (SQLite file format, 1.3), and nothing changes them after it is made.
pub(crate) fn is_older(path: &Path) -> bool {
    let mut header = [0; 72];
    let read = fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut header));
    let word = |at: usize| header[at..at + 4].iter().fold(0, |word, byte| word << 8 | i64::from(*byte));
    read.is_ok() && word(68) == APPLICATION_ID && (1..SCHEMA_VERSION).contains(&word(60))
}

/// Makes an empty index at `path`, whole or not at all; fine when there is one.
pub(crate) fn create(notebook: &Notebook, path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    check_version()?;
    // Threads and processes may do this at once, also processes with the same number in containers: each takes a free name.
    let mut number = 0_u32;
    let temporary = loop {
        let free = with_suffix(path, &format!(".new-{number}"));
        match files::create_new(&free) {
            Ok(_) => break free,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(StoreError::write(&free, error)),
        }
    };
    drop(build(notebook, &temporary)?);
    match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(_) => {
            fs::rename(&temporary, path).map_err(|error| StoreError::write(path, error))?;
        }
        Ok(()) => {}
    }
    remove_if_there(&temporary)?;
    files::sync_dir(notebook.dir())
}

/// Makes an empty index in an empty file, and keeps it open.
pub(crate) fn build(notebook: &Notebook, path: &Path) -> Result<Connection> {
    let error = |source| StoreError::Index { path: path.to_owned(), source };
    let connection = Connection::open_with_flags(path, flags(false)).map_err(error)?;
    let mode = if notebook.shared.network { "DELETE" } else { "WAL" };
    connection.execute_batch(&format!("PRAGMA journal_mode={mode}; PRAGMA synchronous=FULL;")).map_err(error)?;
    fill(&connection, notebook).map_err(error)?;
    configure(&connection, notebook).map_err(error)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(error)?;
    Ok(connection)
}

/// An index in memory, empty.
pub(crate) fn in_memory(notebook: &Notebook) -> Result<Connection> {
    let make = || {
        let connection = Connection::open_in_memory()?;
        fill(&connection, notebook)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    make().map_err(|source| StoreError::Index { path: notebook.index_path(), source })
}

fn fill(connection: &Connection, notebook: &Notebook) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN; {TABLES} {} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;",
        columns::TABLES
    ))?;
    write_meta(connection, notebook)
}

/// What makes the index one of this notebook.
pub(crate) fn write_meta(connection: &Connection, notebook: &Notebook) -> rusqlite::Result<()> {
    let mut insert = connection.prepare("INSERT INTO meta VALUES(?,?)")?;
    insert.execute(["id", &notebook.shared.card.id])?;
    insert.execute(["created", &notebook.shared.card.created.to_string()])?;
    Ok(())
}

/// Opens the index for writing.
pub(crate) fn open_writable(notebook: &Notebook) -> Result<Connection> {
    open(notebook, flags(false), &notebook.index_path())
}

/// Opens the index for reading, also on a full disk, on read-only media and without the right to
/// write. `None` when SQLite cannot do it there, although the file may be fine.
pub(crate) fn open_readable(notebook: &Notebook) -> Result<Option<Connection>> {
    let path = notebook.index_path();
    let attempt = if notebook.check_writable().is_ok() {
        open(notebook, flags(false), &path)
    } else {
        open(notebook, flags(true), &path)
    };
    let first = match attempt {
        Ok(connection) => return Ok(Some(connection)),
        Err(error @ (StoreError::IndexMissing { .. } | StoreError::IndexForeign { .. })) => return Err(error),
        Err(error) => error,
    };
    if first.is_damage() {
        return Err(first);
    }
    // A write-ahead log that holds something can be read where its memory file is there too.
    if let Ok(connection) = open(notebook, flags(true), &path) {
        return Ok(Some(connection));
    }
    let log = fs::metadata(with_suffix(&path, "-wal")).map_or(0, |found| found.len());
    if log > 0 {
        return Ok(None);
    }
    let uri = immutable_uri(&path);
    Ok(open(notebook, flags(true) | OpenFlags::SQLITE_OPEN_URI, &uri).ok())
}

/// The file as SQLite opens it when nothing changes it.
fn immutable_uri(path: &Path) -> PathBuf {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut uri = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' => uri.extend_from_slice(format!("%{byte:02x}").as_bytes()),
            byte => uri.push(*byte),
        }
    }
    uri.extend_from_slice(b"?immutable=1");
    std::ffi::OsString::from_vec(uri).into()
}

fn flags(read_only: bool) -> OpenFlags {
    let write = if read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    write | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn open(notebook: &Notebook, flags: OpenFlags, path: &Path) -> Result<Connection> {
    check_version()?;
    let index = notebook.index_path();
    if !index.exists() {
        return Err(StoreError::IndexMissing { path: index });
    }
    let error = |source| StoreError::Index { path: index.clone(), source };
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    connection.busy_timeout(Duration::from_millis(notebook.shared.options.wait_millis)).map_err(error)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(error)?;
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(error);
    if number("PRAGMA application_id")? != APPLICATION_ID || number("PRAGMA user_version")? != SCHEMA_VERSION {
        return Err(StoreError::IndexForeign { path: index });
    }
    let own = |key: &str, value: &str| -> rusqlite::Result<bool> {
        connection.query_row("SELECT count(*) FROM meta WHERE key=? AND value=?", [key, value], |row| row.get(0))
    };
    if !own("id", &notebook.shared.card.id).map_err(error)? {
        return Err(StoreError::IndexForeign { path: index });
    }
    configure(&connection, notebook).map_err(error)?;
    Ok(connection)
}

fn configure(connection: &Connection, notebook: &Notebook) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    let synchronous = if notebook.shared.network { "EXTRA" } else { "FULL" };
    connection.execute_batch(&format!(
        "PRAGMA synchronous={synchronous}; PRAGMA secure_delete=ON; PRAGMA cell_size_check=ON; \
         PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000; \
         PRAGMA wal_autocheckpoint=0;"
    ))
}

/// Puts the journal right where the notebook was moved between a local and a network file system.
pub(crate) fn settle_journal(connection: &Connection, notebook: &Notebook) -> rusqlite::Result<()> {
    let wanted = if notebook.shared.network { "delete" } else { "wal" };
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode != wanted {
        connection.query_row(&format!("PRAGMA journal_mode={wanted}"), [], |_| Ok(()))?;
    }
    Ok(())
}

/// A log beyond this is written back. Whoever opens the index first reads the whole log, so that a
/// short one makes every command quick.
const LOG_BYTES: u64 = 1 << 20;

/// Writes the log back into the database and empties it when it has grown. When somebody reads just
/// now, a later commit does it. SQLite's own checkpoints do not do here: they never shorten the log,
/// and how far they came is forgotten when the last process closes.
pub(crate) fn shorten_log(connection: &Connection, notebook: &Notebook) -> rusqlite::Result<()> {
    let log = fs::metadata(with_suffix(&notebook.index_path(), "-wal")).map_or(0, |found| found.len());
    if log < LOG_BYTES {
        return Ok(());
    }
    connection.busy_timeout(Duration::ZERO)?;
    let outcome = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    connection.busy_timeout(Duration::from_millis(notebook.shared.options.wait_millis))?;
    match outcome {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(()),
        other => other,
    }
}

/// Versions before 3.51.3 can lose committed pages when two connections write and checkpoint at once.
fn check_version() -> Result<()> {
    if rusqlite::version_number() >= 3_051_003 {
        return Ok(());
    }
    Err(StoreError::SqliteVersion { version: rusqlite::version().to_owned() })
}

/// The file beside `path` whose name goes on with `suffix`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
