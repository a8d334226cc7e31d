//! Replacing packs by others that hold only what is needed.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;

use lab_model::{Hash, Time};
use rusqlite::Connection;

use crate::encoder::Encoder;
use crate::index::PackRow;
use crate::pack::{Contents, Depth, Entry, PACK_HEADER, PackName};
use crate::reader::Reader;
use crate::rebuild::whole_pack;
use crate::record::HEADER_LENGTH;
use crate::writer::{heads, index_error};
use crate::{
    Commit, CommitRef, Flaw, Notebook, Record, RecordKind, Result, Retire, RetiredPack, StoreError, fault, files,
};

/// A pack that stands for replacement, locked against writers.
pub(crate) struct OldPack {
    pub name: PackName,
    pub row: Option<PackRow>,
    pub contents: Contents,
    pub file: File,
}

impl OldPack {
    /// Opens and locks a pack; `None` when somebody holds it or it is gone.
    pub fn open(notebook: &Notebook, rows: &[PackRow], name: PackName) -> Result<Option<Self>> {
        let path = notebook.pack_path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::read(&path, error)),
        };
        if !files::try_lock(&file, &path)? {
            return Ok(None);
        }
        let (contents, flaws) = whole_pack(notebook, name, Depth::Headers)?;
        let row = rows.iter().find(|row| row.name == name).cloned();
        // A damaged pack is left as it is: what can still be saved from it is in there.
        let short = row.as_ref().is_some_and(|row| row.end > contents.end);
        if let Some(flaw) = flaws.first() {
            return Err(StoreError::damaged(&path, flaw.offset, flaw.flaw));
        }
        if short {
            return Err(StoreError::damaged(&path, contents.end, Flaw::Length));
        }
        Ok(Some(Self { name, row, contents, file }))
    }

    /// The records of this pack for which it is the place that the index names.
    pub fn owned<'a>(&'a self, reader: &'a Reader) -> impl Iterator<Item = Result<&'a Entry>> {
        let number = self.row.as_ref().map(|row| row.id);
        let entries = self.contents.entries.iter().filter(|entry| entry.header.kind != RecordKind::Commit);
        entries.filter_map(move |entry| match reader.place(&entry.header.id) {
            Ok(place) => {
                place.filter(|place| Some(place.pack) == number && place.offset == entry.offset).map(|_| Ok(entry))
            }
            Err(error) => Some(Err(error)),
        })
    }
}

/// Writes new packs that take the place of old ones.
pub(crate) struct Rewriter<'a> {
    notebook: &'a Notebook,
    connection: &'a Connection,
    time: Time,
    next_name: PackName,
    open: Option<NewPack>,
    /// Packs that are written, whole and synced.
    closed: Vec<CommitRef>,
}

struct NewPack {
    name: PackName,
    path: PathBuf,
    file: File,
    written: u64,
    buffer: Vec<u8>,
    records: u64,
}

impl<'a> Rewriter<'a> {
    pub fn new(notebook: &'a Notebook, connection: &'a Connection, time: Time, pack_id: [u8; 16]) -> Self {
        Self { notebook, connection, time, next_name: PackName(pack_id), open: None, closed: Vec::new() }
    }

    /// Copies a record as it stands.
    pub fn copy(&mut self, old: &OldPack, entry: &Entry) -> Result<()> {
        let path = self.notebook.pack_path(old.name);
        let mut bytes = vec![0; entry.header.span() as usize];
        old.file.read_exact_at(&mut bytes, entry.offset).map_err(|error| StoreError::read(&path, error))?;
        if crc32fast::hash(&bytes[HEADER_LENGTH..]) != entry.header.checksum {
            return Err(StoreError::damaged(&path, entry.offset, Flaw::Checksum));
        }
        self.add(&bytes)?;
        let seal_bytes = self.notebook.shared.options.seal_bytes;
        if self.open.as_ref().is_some_and(|pack| pack.written + pack.buffer.len() as u64 >= seal_bytes) {
            self.close()?;
        }
        Ok(())
    }

    /// Says which packs are replaced, and makes all durable. From here on the old packs count no more.
    pub fn finish(mut self, retire: &Retire) -> Result<()> {
        let record = Encoder::default().json(RecordKind::Retire, retire);
        self.add_record(&record)?;
        self.close()
    }

    fn add_record(&mut self, record: &Record) -> Result<()> {
        let mut bytes = record.header.encode().to_vec();
        bytes.extend_from_slice(&record.stored);
        self.add(&bytes)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        if self.open.is_none() {
            self.open = Some(self.new_pack()?);
        }
        let pack = self.open.as_mut().expect("because it was just opened");
        pack.buffer.extend_from_slice(bytes);
        pack.records += 1;
        if pack.buffer.len() >= 1 << 20 { pack.flush() } else { Ok(()) }
    }

    fn new_pack(&mut self) -> Result<NewPack> {
        let (name, path, file) = loop {
            let name = self.next_name;
            self.next_name = name.next();
            let path = self.notebook.pack_path(name);
            match files::create_new(&path) {
                Ok(file) => break (name, path, file),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StoreError::write(&path, error)),
            }
        };
        let buffer = name.header().to_vec();
        Ok(NewPack { name, path, file, written: 0, buffer, records: 0 })
    }

    fn close(&mut self) -> Result<()> {
        let Some(mut pack) = self.open.take() else { return Ok(()) };
        let mut after = heads(self.connection, pack.name).map_err(|source| index_error(self.notebook, source))?;
        after.extend(self.closed.iter().cloned());
        let commit = Commit {
            pack: pack.name.to_string(),
            sequence: 0,
            previous: None,
            after,
            records: pack.records,
            start_offset: PACK_HEADER,
            time: Some(self.time),
        };
        let record = Encoder::default().json(RecordKind::Commit, &commit);
        pack.buffer.extend_from_slice(&record.header.encode());
        pack.buffer.extend_from_slice(&record.stored);
        pack.flush()?;
        fault::point("gc-copied")?;
        pack.file.sync_all().map_err(|error| StoreError::write(&pack.path, error))?;
        files::sync_dir(&self.notebook.packs_dir())?;
        fault::point("gc-synced")?;
        self.closed.push(CommitRef { pack: commit.pack, commit: record.id() });
        Ok(())
    }
}

impl NewPack {
    fn flush(&mut self) -> Result<()> {
        let written = self.file.write_all_at(&self.buffer, self.written);
        written.map_err(|error| StoreError::write(&self.path, error))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Names packs as a retire record does.
pub(crate) fn retired_packs(old: &[OldPack]) -> Vec<RetiredPack> {
    let one = |pack: &OldPack| RetiredPack {
        pack: pack.name.to_string(),
        last_commit: pack.row.as_ref().and_then(|row| row.last_commit),
    };
    old.iter().map(one).collect()
}

/// Moves a pack to the trash, its name dated.
pub(crate) fn to_trash(notebook: &Notebook, name: PackName, time: Time) -> Result<()> {
    let (path, trash) = (notebook.pack_path(name), notebook.trash_dir());
    files::make_dir(&trash)?;
    let target = trash.join(format!("{}-{name}.pack", time.0));
    fs::rename(&path, &target).map_err(|error| StoreError::write(&target, error))?;
    let _ = fs::set_permissions(&target, fs::Permissions::from_mode(0o400));
    files::sync_dir(&trash)?;
    files::sync_dir(&notebook.packs_dir())
}

/// The packs in the trash: where, since when, which.
pub(crate) fn trash(notebook: &Notebook) -> Vec<(PathBuf, Time, PackName)> {
    let entries = fs::read_dir(notebook.trash_dir()).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let (time, pack) = name.to_str()?.strip_suffix(".pack")?.split_once('-')?;
            Some((entry.path(), Time(time.parse().ok()?), PackName::parse(pack)?))
        })
        .collect();
    found.sort();
    found
}

/// Whether a pack anywhere holds one of these records, also behind its last commit, or bytes that
/// cannot be told.
pub(crate) fn may_hold(path: &PathBuf, ids: &HashSet<Hash>) -> Result<bool> {
    let file = OpenOptions::new().read(true).open(path).map_err(|error| StoreError::read(path, error))?;
    let length = file.metadata().map_err(|error| StoreError::read(path, error))?.len();
    let mut found = false;
    crate::pack::scan(&file, path, (PACK_HEADER.min(length), length), Depth::Headers, &mut |met| {
        found |= match met {
            crate::pack::Met::Record { header, .. } => ids.contains(&header.id),
            crate::pack::Met::Flaw { .. } => true,
        };
        Ok(())
    })?;
    Ok(found)
}
