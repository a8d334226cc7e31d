use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use lab_model::{Content, Domain, Hash, Hasher, Series, Snapshot, Tree};
use rusqlite::{Connection, OptionalExtension};
use serde::de::DeserializeOwned;

use crate::decode::{self, Decoder};
use crate::pack::{Depth, PackName};
use crate::record::{Encoding, HEADER_LENGTH, Header};
use crate::writer::index_error;
use crate::{CopyError, Flaw, Notebook, RecordKind, Result, SealKey, StoreError, index, rebuild, schema};

/// Finds and checks what the notebook holds. One per thread; keeps its connection and open packs.
pub struct Reader {
    pub(crate) notebook: Notebook,
    pub(crate) connection: Connection,
    /// The index's file: device and number.
    pub(crate) index: (u64, u64),
    packs: RefCell<HashMap<i64, Arc<OpenPack>>>,
    decoder: RefCell<Decoder>,
}

struct OpenPack {
    path: PathBuf,
    file: File,
}

/// A record that is there and is yet to be read, on any thread.
pub struct Found {
    id: Hash,
    place: Place,
    pack: Arc<OpenPack>,
}

impl Found {
    /// Its id.
    pub const fn id(&self) -> &Hash {
        &self.id
    }

    /// Bytes of its body.
    pub const fn raw_length(&self) -> u64 {
        self.place.raw_length
    }

    /// The body, checked against its id. One decoder serves all records that a thread reads.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Sealed`], or a failed read.
    pub fn read(&self, decoder: &mut Decoder, key: Option<&SealKey>) -> Result<Vec<u8>> {
        let Self { id, place, pack } = self;
        let damaged = |flaw| StoreError::damaged(&pack.path, place.offset, flaw);
        let length = usize::try_from(place.stored_length).map_err(|_| damaged(Flaw::Length))?;
        let mut bytes = vec![0; HEADER_LENGTH + length];
        pack.file.read_exact_at(&mut bytes, place.offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged(Flaw::Length),
            _ => StoreError::read(&pack.path, error),
        })?;
        let (header, stored) = bytes.split_first_chunk().expect("because the header was read with the rest");
        let header = Header::decode(header).map_err(damaged)?;
        let expected = (*id, place.kind, place.encoding, place.stored_length, place.raw_length);
        if (header.id, header.kind, header.encoding, header.stored_length, header.raw_length) != expected {
            return Err(damaged(Flaw::OtherRecord));
        }
        if header.encoding == Encoding::Sealed {
            return open_sealed(&header, stored, key).map_err(|flaw| match flaw {
                Some(flaw) => damaged(flaw),
                None => StoreError::Sealed { id: *id },
            });
        }
        // A recipe's id does not cover its own bytes; everything else is checked by its id below.
        if header.kind == RecordKind::Recipe && crc32fast::hash(stored) != header.checksum {
            return Err(damaged(Flaw::Checksum));
        }
        let raw = decoder.decode(&header, stored).map_err(damaged)?;
        if decode::is_identical(&header, &raw, None) { Ok(raw) } else { Err(damaged(Flaw::Identity)) }
    }
}

/// Where a record lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub kind: RecordKind,
    pub encoding: Encoding,
    pub pack: i64,
    pub offset: u64,
    pub stored_length: u64,
    pub raw_length: u64,
}

impl Notebook {
    /// A reader. Works on a full disk, on read-only media and without the right to write; where
    /// SQLite cannot, the index is made in memory from the packs.
    ///
    /// # Errors
    /// [`StoreError::IndexMissing`], a damaged index, or a failed read.
    pub fn reader(&self) -> Result<Reader> {
        let opened = match schema::open_readable(self) {
            Err(StoreError::IndexForeign { path }) if schema::is_older(&path) => None,
            opened => opened?,
        };
        let connection = match opened {
            Some(connection) => connection,
            None => {
                let connection = schema::in_memory(self)?;
                let report = &mut rebuild::RebuildReport::default();
                rebuild::in_transaction(self, &connection, |transaction| {
                    rebuild::fill(self, transaction, Depth::Headers, &HashMap::new(), report, &mut |_, _| {})
                })?;
                connection
            }
        };
        Ok(Reader::over(self, connection))
    }
}

impl Reader {
    pub(crate) fn over(notebook: &Notebook, connection: Connection) -> Self {
        let index = std::fs::metadata(notebook.index_path()).map_or((0, 0), |file| (file.dev(), file.ino()));
        Self { notebook: notebook.clone(), connection, index, packs: RefCell::default(), decoder: RefCell::default() }
    }

    /// The body of a record, checked against its id.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Purged`], [`StoreError::Damaged`], [`StoreError::Sealed`].
    pub fn read(&self, id: &Hash, key: Option<&SealKey>) -> Result<Vec<u8>> {
        self.load(id, key).map(|(_, raw)| raw)
    }

    /// Looks up where a record lies, to have it read on another thread.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Purged`], or a failed look into the index.
    pub fn find(&self, id: &Hash) -> Result<Found> {
        let look = || {
            let place = self.place(id)?.ok_or_else(|| self.absence(id))?;
            Ok(Found { id: *id, place, pack: self.open_pack(place.pack)? })
        };
        match look() {
            // The pack was replaced between the two looks: the index knows the new place by now.
            Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => look(),
            other => other,
        }
    }

    /// The kind of a record; `None` when there is none.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn kind(&self, id: &Hash) -> Result<Option<RecordKind>> {
        Ok(self.place(id)?.map(|place| place.kind))
    }

    /// Whether the notebook holds this record.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn contains(&self, id: &Hash) -> Result<bool> {
        self.sql(index::contains(&self.connection, id))
    }

    /// A tree.
    ///
    /// # Errors
    /// As [`Reader::read`], and [`StoreError::Kind`].
    pub fn tree(&self, id: &Hash) -> Result<Tree> {
        let raw = self.of_kind(id, RecordKind::Tree)?;
        Tree::decode(&raw).map_err(|_| StoreError::Body { id: *id })
    }

    /// A snapshot.
    ///
    /// # Errors
    /// As [`Reader::read`], and [`StoreError::Kind`].
    pub fn snapshot(&self, id: &Hash) -> Result<Snapshot> {
        let raw = self.of_kind(id, RecordKind::Snapshot)?;
        serde_json::from_slice(&raw).map_err(|_| StoreError::Body { id: *id })
    }

    /// The points of a metric.
    ///
    /// # Errors
    /// As [`Reader::read`], and [`StoreError::Kind`].
    pub fn series(&self, id: &Hash) -> Result<Series> {
        let raw = self.of_kind(id, RecordKind::Series)?;
        Series::decode(&raw).ok_or(StoreError::Body { id: *id })
    }

    /// A record with a JSON body.
    ///
    /// # Errors
    /// As [`Reader::read`], and [`StoreError::Body`].
    pub fn json<T: DeserializeOwned>(&self, id: &Hash) -> Result<T> {
        serde_json::from_slice(&self.read(id, None)?).map_err(|_| StoreError::Body { id: *id })
    }

    /// Hands out a file's bytes, piece by piece, each checked; the whole is checked at the end.
    /// Gives the number of bytes.
    ///
    /// # Errors
    /// Those of [`Reader::read`] and those of `sink`, told apart.
    pub fn copy_content(
        &self,
        content: &Content,
        key: Option<&SealKey>,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, CopyError> {
        let id = match content {
            Content::Copied(id) | Content::Sealed(id) => *id,
            Content::Hashed(id) | Content::Sampled(id) => return Err(StoreError::Missing { id: *id }.into()),
            Content::Missing => return Err(StoreError::Missing { id: Hash([0; 32]) }.into()),
        };
        let (place, raw) = self.load(&id, key)?;
        match place.kind {
            RecordKind::Chunk => {
                sink(&raw).map_err(CopyError::Sink)?;
                Ok(raw.len() as u64)
            }
            RecordKind::Recipe => self.copy_pieces(&id, &place, &raw, sink),
            found => Err(StoreError::Kind { id, found, wanted: RecordKind::Chunk }.into()),
        }
    }

    fn copy_pieces(
        &self,
        id: &Hash,
        place: &Place,
        recipe: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, CopyError> {
        let mut hasher = Hasher::new(Domain::Content);
        let mut size_bytes = 0;
        for (chunk, length) in decode::recipe(recipe).ok_or(StoreError::Body { id: *id })? {
            let raw = self.of_kind(&chunk, RecordKind::Chunk)?;
            if raw.len() != length as usize {
                return Err(StoreError::Body { id: *id }.into());
            }
            hasher.update(&raw);
            sink(&raw).map_err(CopyError::Sink)?;
            size_bytes += raw.len() as u64;
        }
        if hasher.finish() == *id {
            return Ok(size_bytes);
        }
        let pack = self.open_pack(place.pack)?;
        Err(StoreError::damaged(&pack.path, place.offset, Flaw::Identity).into())
    }

    fn of_kind(&self, id: &Hash, wanted: RecordKind) -> Result<Vec<u8>> {
        let (place, raw) = self.load(id, None)?;
        if place.kind == wanted { Ok(raw) } else { Err(StoreError::Kind { id: *id, found: place.kind, wanted }) }
    }

    pub(crate) fn load(&self, id: &Hash, key: Option<&SealKey>) -> Result<(Place, Vec<u8>)> {
        let found = self.find(id)?;
        let raw = found.read(&mut self.decoder.borrow_mut(), key)?;
        Ok((found.place, raw))
    }

    /// Why a record is not there.
    pub(crate) fn absence(&self, id: &Hash) -> StoreError {
        let purged = self.connection.prepare_cached("SELECT 1 FROM purged WHERE id=?");
        if purged.and_then(|mut select| select.exists([id.0])).unwrap_or(false) {
            StoreError::Purged { id: *id }
        } else {
            StoreError::Missing { id: *id }
        }
    }

    pub(crate) fn place(&self, id: &Hash) -> Result<Option<Place>> {
        self.sql(place(&self.connection, id))
    }

    fn open_pack(&self, pack: i64) -> Result<Arc<OpenPack>> {
        if let Some(open) = self.packs.borrow().get(&pack) {
            return Ok(Arc::clone(open));
        }
        let name: String = self.sql(
            self.connection
                .prepare_cached("SELECT name FROM pack WHERE id=?")
                .and_then(|mut select| select.query_row([pack], |row| row.get(0))),
        )?;
        let name =
            PackName::parse(&name).ok_or_else(|| StoreError::IndexForeign { path: self.notebook.index_path() })?;
        let path = self.notebook.pack_path(name);
        let file = File::open(&path).map_err(|error| StoreError::read(&path, error))?;
        let open = Arc::new(OpenPack { path, file });
        self.packs.borrow_mut().insert(pack, Arc::clone(&open));
        Ok(open)
    }

    pub(crate) fn sql<T>(&self, outcome: rusqlite::Result<T>) -> Result<T> {
        outcome.map_err(|source| index_error(&self.notebook, source))
    }
}

/// Opens sealed bytes. The checksum tells damage from a wrong key.
fn open_sealed(header: &Header, stored: &[u8], key: Option<&SealKey>) -> Result<Vec<u8>, Option<Flaw>> {
    if crc32fast::hash(stored) != header.checksum {
        return Err(Some(Flaw::Checksum));
    }
    let raw = key.and_then(|key| key.open(&header.id, stored)).ok_or(None)?;
    if decode::is_identical(header, &raw, key) { Ok(raw) } else { Err(Some(Flaw::Identity)) }
}

/// Where the index says that a record lies.
pub(crate) fn place(connection: &Connection, id: &Hash) -> rusqlite::Result<Option<Place>> {
    connection
        .prepare_cached("SELECT kind,encoding,pack,offset,stored,raw FROM record WHERE id=?")?
        .query_row([id.0], |row| {
            let kind = RecordKind::from_code(row.get(0)?).ok_or(rusqlite::Error::InvalidQuery)?;
            let encoding = Encoding::from_code(row.get(1)?).ok_or(rusqlite::Error::InvalidQuery)?;
            Ok(Place {
                kind,
                encoding,
                pack: row.get(2)?,
                offset: row.get(3)?,
                stored_length: row.get(4)?,
                raw_length: row.get(5)?,
            })
        })
        .optional()
}
