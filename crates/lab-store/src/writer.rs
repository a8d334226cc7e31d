use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;

use lab_model::{Hash, Time};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::encoder::{Encoder, record_id};
use crate::fault;
use crate::pack::{self, Depth, Entry, PACK_HEADER, PackName};
use crate::{Commit, CommitRef, Notebook, Record, RecordKind, Result, StoreError, files, index, schema, tidy};

/// Records are handed to the system in pieces of about this many bytes.
const FLUSH_BYTES: usize = 1 << 20;

/// Appends records to one pack at a time, and commits them.
///
/// Nothing is kept before [`Writer::commit`] says so. A writer that is dropped, or whose process
/// dies, leaves nothing but bytes that nobody names.
pub struct Writer {
    notebook: Notebook,
    /// Shared for as long as the writer lives: garbage collection waits.
    _lock: File,
    connection: Option<Connection>,
    /// No record was in the index when it was opened: nothing to look up.
    index_was_empty: bool,
    pack: Option<OpenPack>,
    next_name: PackName,
    /// Of the batch.
    buffer: Vec<u8>,
    entries: Vec<Entry>,
    fresh: HashSet<Hash>,
    last_commit: Option<Hash>,
    appended_bytes: u64,
    poisoned: bool,
}

/// A pack that this writer holds.
struct OpenPack {
    name: PackName,
    path: PathBuf,
    file: File,
    /// Its name is not durable yet.
    is_new: bool,
    /// Just past the last commit.
    end: u64,
    /// Just past what was handed to the system.
    written: u64,
    sequence: u64,
    last_commit: Option<Hash>,
}

impl Notebook {
    /// A writer. `pack_id` is random; it is used when no pack stands open that nobody holds.
    ///
    /// # Errors
    /// [`StoreError::Owner`], [`StoreError::Busy`] while garbage is collected, or a failed write.
    pub fn writer(&self, pack_id: [u8; 16]) -> Result<Writer> {
        Ok(Writer {
            notebook: self.clone(),
            _lock: self.lock(false)?,
            connection: None,
            index_was_empty: false,
            pack: None,
            next_name: PackName(pack_id),
            buffer: Vec::new(),
            entries: Vec::new(),
            fresh: HashSet::new(),
            last_commit: None,
            appended_bytes: 0,
            poisoned: false,
        })
    }
}

impl Writer {
    /// Whether the notebook holds this record, or this batch will bring it.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn contains(&mut self, id: &Hash) -> Result<bool> {
        if self.fresh.contains(id) {
            return Ok(true);
        }
        self.connection()?;
        if self.index_was_empty {
            return Ok(false);
        }
        let notebook = self.notebook.clone();
        index::contains(self.connection()?, id).map_err(|source| index_error(&notebook, source))
    }

    /// Adds a record to the batch; `false` when the notebook has it.
    ///
    /// # Errors
    /// A failed write. The writer is of no use afterwards.
    pub fn append(&mut self, record: Record) -> Result<bool> {
        self.guard(|writer| {
            let known = writer.contains(&record.id())?;
            if !known {
                writer.add(record)?;
            }
            Ok(!known)
        })
    }

    /// Makes the batch durable: the pack is synced, then the index is. Gives the id of the commit;
    /// that of the last one when the batch is empty.
    ///
    /// # Errors
    /// A failed write: nothing is acknowledged, and the writer is of no use afterwards.
    pub fn commit(&mut self, time: Time) -> Result<Hash> {
        self.guard(|writer| {
            if !writer.entries.is_empty() {
                writer.close_batch(Some(time))?;
            }
            Ok(writer.last_commit.unwrap_or(Hash([0; 32])))
        })
    }

    /// Bytes that this writer has added to packs.
    pub const fn appended_bytes(&self) -> u64 {
        self.appended_bytes
    }

    /// Runs a step; after a failed one nothing more is written.
    fn guard<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.poisoned {
            return Err(StoreError::Poisoned { path: self.notebook.dir().to_owned() });
        }
        let outcome = step(self);
        self.poisoned = outcome.is_err();
        if let Err(error) = &outcome
            && !matches!(error, StoreError::Fault { .. })
        {
            self.take_back();
        }
        outcome
    }

    fn add(&mut self, record: Record) -> Result<()> {
        let seal_bytes = self.notebook.shared.options.seal_bytes;
        if self.pack.as_ref().is_some_and(|pack| pack.written + self.buffer.len() as u64 >= seal_bytes)
            && !self.entries.is_empty()
        {
            // What is here so far is named by nothing yet, but whole: it may be committed on its own.
            self.close_batch(None)?;
        }
        let offset = self.pack()?.written + self.buffer.len() as u64;
        self.buffer.extend_from_slice(&record.header.encode());
        self.buffer.extend_from_slice(&record.stored);
        self.appended_bytes += record.stored_length();
        self.fresh.insert(record.id());
        self.entries.push(Entry { header: record.header, offset, body: record.body });
        if self.buffer.len() >= FLUSH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let pack = self.pack.as_mut().expect("because bytes are buffered only for a pack");
        let written = pack.file.write_all_at(&self.buffer, pack.written);
        written.map_err(|error| StoreError::write(&pack.path, error))?;
        pack.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn close_batch(&mut self, time: Option<Time>) -> Result<()> {
        let (id, commit) = self.add_commit(time)?;
        self.flush()?;
        fault::point("pack-written")?;
        self.sync()?;
        let notebook = self.notebook.clone();
        let pack = self.pack.as_mut().expect("because the batch has a pack");
        let connection = self.connection.as_ref().expect("because a pack is taken with the index open");
        let end = pack.written;
        let (name, entries) = (pack.name, std::mem::take(&mut self.entries));
        let add = || {
            let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
            index::add_batches(&transaction, name, &entries, &[(id, commit)], end)?;
            if let Err(fault) = fault::point("index-begun") {
                // As if the process had died: the transaction is rolled back.
                return Ok(Err(fault));
            }
            transaction.commit().map(Ok)
        };
        add().map_err(|source| index_error(&notebook, source))??;
        fault::point("index-committed")?;
        // The batch is durable: that the log stays long is no reason to say otherwise.
        let _ = schema::shorten_log(connection, &notebook);
        pack.end = end;
        pack.sequence += 1;
        pack.last_commit = Some(id);
        self.last_commit = Some(id);
        self.fresh.clear();
        self.index_was_empty = false;
        if end >= notebook.shared.options.seal_bytes {
            self.seal()?;
        }
        Ok(())
    }

    fn add_commit(&mut self, time: Option<Time>) -> Result<(Hash, Commit)> {
        let notebook = self.notebook.clone();
        self.pack()?;
        let pack = self.pack.as_ref().expect("because it was just taken");
        let connection = self.connection.as_ref().expect("because a pack is taken with the index open");
        let after = heads(connection, pack.name).map_err(|source| index_error(&notebook, source))?;
        let commit = Commit {
            pack: pack.name.to_string(),
            sequence: pack.sequence,
            previous: pack.last_commit,
            after,
            records: self.entries.len() as u64,
            start_offset: pack.end,
            time,
        };
        let record = Encoder::default().json(RecordKind::Commit, &commit);
        debug_assert_eq!(record.id(), record_id(RecordKind::Commit, &record.body));
        let offset = pack.written + self.buffer.len() as u64;
        let id = record.id();
        self.buffer.extend_from_slice(&record.header.encode());
        self.buffer.extend_from_slice(&record.stored);
        self.appended_bytes += record.stored_length();
        self.entries.push(Entry { header: record.header, offset, body: record.body });
        Ok((id, commit))
    }

    fn sync(&mut self) -> Result<()> {
        let pack = self.pack.as_mut().expect("because the batch has a pack");
        let synced = if pack.is_new { pack.file.sync_all() } else { pack.file.sync_data() };
        synced.map_err(|error| StoreError::write(&pack.path, error))?;
        fault::point("pack-synced")?;
        if pack.is_new {
            files::sync_dir(&self.notebook.packs_dir())?;
            fault::point("directory-synced")?;
            pack.is_new = false;
        }
        Ok(())
    }

    /// Makes the pack read-only and lets go of it.
    fn seal(&mut self) -> Result<()> {
        let Some(pack) = self.pack.take() else { return Ok(()) };
        seal_file(&pack.file).map_err(|error| StoreError::write(&pack.path, error))?;
        fault::point("pack-sealed")
    }

    /// Cuts off what was written of a batch that will not be closed, so that an attempt that filled
    /// the disk gives its room back. Nobody else can have seen these bytes: the pack is locked.
    fn take_back(&mut self) {
        self.buffer = Vec::new();
        self.entries = Vec::new();
        if let Some(pack) = &self.pack
            && pack.file.metadata().is_ok_and(|found| found.len() > pack.end)
            && closed_length(pack).is_some_and(|length| length == pack.end)
        {
            let _ = pack.file.set_len(pack.end);
        }
    }

    fn connection(&mut self) -> Result<&Connection> {
        if self.connection.is_none() {
            let connection = schema::open_writable(&self.notebook)?;
            let empty = index::is_empty(&connection).map_err(|source| index_error(&self.notebook, source))?;
            self.index_was_empty = empty;
            self.connection = Some(connection);
        }
        Ok(self.connection.as_ref().expect("because it was just opened"))
    }

    /// The pack that this writer holds; takes one when it holds none.
    fn pack(&mut self) -> Result<&mut OpenPack> {
        if self.pack.is_none() {
            self.connection()?;
            let connection = self.connection.as_ref().expect("because it was just opened");
            let held = tidy::take_pack(&self.notebook, connection)?;
            let pack = match held {
                Some(taken) => OpenPack {
                    path: self.notebook.pack_path(taken.name),
                    name: taken.name,
                    file: taken.file,
                    is_new: false,
                    end: taken.end,
                    written: taken.end,
                    sequence: taken.sequence.map_or(0, |sequence| sequence + 1),
                    last_commit: taken.last_commit,
                },
                None => self.new_pack()?,
            };
            self.pack = Some(pack);
        }
        Ok(self.pack.as_mut().expect("because it was just taken"))
    }

    /// Makes a pack. It gets its name only once it is locked and has its header: another writer that looks
    /// for a pack at this very moment would take an empty one for the leftover of a crash, and seal it.
    fn new_pack(&mut self) -> Result<OpenPack> {
        let (name, path, file) = loop {
            let name = self.next_name;
            self.next_name = name.next();
            let path = self.notebook.pack_path(name);
            let unnamed = path.with_extension("new");
            let file = match files::create_new(&unnamed) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(StoreError::write(&unnamed, error)),
            };
            if !files::try_lock(&file, &unnamed)? {
                return Err(StoreError::Busy { path });
            }
            file.write_all_at(&name.header(), 0).map_err(|error| StoreError::write(&unnamed, error))?;
            // A name is 128 random bits: nobody else has this one, unless time and ids are fixed for a test.
            if path.exists() {
                fs::remove_file(&unnamed).map_err(|error| StoreError::write(&unnamed, error))?;
                continue;
            }
            fs::rename(&unnamed, &path).map_err(|error| StoreError::write(&path, error))?;
            break (name, path, file);
        };
        fault::point("pack-created")?;
        Ok(OpenPack {
            name,
            path,
            file,
            is_new: true,
            end: PACK_HEADER,
            written: PACK_HEADER,
            sequence: 0,
            last_commit: None,
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.poisoned {
            self.take_back();
        }
    }
}

/// Where the last whole commit of the pack ends, as the file itself says.
fn closed_length(pack: &OpenPack) -> Option<u64> {
    let range = (pack.end, pack.file.metadata().ok()?.len());
    pack::contents(&pack.file, &pack.path, range, Depth::Headers).ok().map(|contents| contents.end)
}

/// Makes a pack read-only.
pub(crate) fn seal_file(file: &File) -> io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(0o400))
}

/// The newest commits of other packs that no commit names yet.
pub(crate) fn heads(connection: &Connection, own: PackName) -> rusqlite::Result<Vec<CommitRef>> {
    let retired: HashSet<_> = index::retired(connection)?.into_iter().map(|(name, _)| name).collect();
    let rows = index::packs(connection)?.into_iter();
    Ok(rows
        .filter(|row| row.name != own && row.named != row.last_commit && !retired.contains(&row.name))
        .filter_map(|row| Some(CommitRef { pack: row.name.to_string(), commit: row.last_commit? }))
        .collect())
}

pub(crate) fn index_error(notebook: &Notebook, source: rusqlite::Error) -> StoreError {
    StoreError::Index { path: notebook.index_path(), source }
}
