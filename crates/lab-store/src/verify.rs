//! Reads everything back.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use lab_model::{Hash, RunId};
use rusqlite::Connection;

use crate::decode::Decoder;
use crate::index::PackRow;
use crate::inspect::Inspector;
use crate::pack::{self, Contents, Depth, FlawAt, PACK_HEADER, PackName};
use crate::report::{Finding, Progress, Trouble};
use crate::verify_index::{self, Location};
use crate::{Notebook, RecordKind, Result, SealKey, StoreError, index, schema, tidy};

/// What a check found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct VerifyReport {
    /// What is wrong. Nothing here means that all is well.
    pub findings: Vec<Finding>,
    /// What is worth knowing and does no harm.
    pub notes: Vec<Note>,
    /// Packs read.
    pub packs: u64,
    /// Records read.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// Something that does no harm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// Bytes of a batch that was never closed: nobody was told that they are kept.
    Tail {
        /// The pack.
        path: PathBuf,
        /// How many.
        bytes: u64,
    },
    /// Batches that the index does not have yet: the next writer brings them in.
    NotIndexed {
        /// The pack.
        path: PathBuf,
        /// How many.
        commits: u64,
    },
    /// A replaced pack that was not moved away yet: the next collection does.
    Retired {
        /// The pack.
        path: PathBuf,
    },
    /// Sealed records that could only be checked for damage, since the key is not here.
    SealedUnchecked {
        /// How many.
        records: u64,
    },
}

impl VerifyReport {
    /// Whether all is well.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Notebook {
    /// Checks the notebook: every record against its checksum, the chains of commits, the index
    /// against the packs. `deep` also decompresses and hashes every file's bytes and compares every
    /// row of the index. Works on a full disk and without the right to write.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while garbage is collected, or a failed read. Damage is no error: it is in
    /// the report.
    pub fn verify(&self, deep: bool, seal: Option<&SealKey>, progress: Progress<'_>) -> Result<VerifyReport> {
        // No lock can be had where nothing can be written; then nobody collects garbage either.
        let _lock = match self.lock(false) {
            Ok(lock) => Some(lock),
            Err(error @ StoreError::Busy { .. }) => return Err(error),
            Err(_) => None,
        };
        self.verify_locked(deep, seal, progress)
    }

    /// As [`Notebook::verify`], for those who hold the lock.
    pub(crate) fn verify_locked(
        &self,
        deep: bool,
        seal: Option<&SealKey>,
        progress: Progress<'_>,
    ) -> Result<VerifyReport> {
        let mut check = Check::new(self, deep, seal);
        check.card();
        if self.check_writable().is_ok()
            && let Ok(connection) = schema::open_writable(self)
        {
            // What cannot be brought in is told below.
            let _ = tidy::catch_up(self, &connection);
        }
        let connection = check.open_index();
        let mut expected = if deep && connection.is_some() { Some(schema::in_memory(self)?) } else { None };
        let index = connection.as_ref().and_then(|connection| check.read_index(connection));
        check.packs(index.as_ref(), expected.as_mut(), progress)?;
        check.chains(index.as_ref());
        check.dangling();
        if deep {
            check.recipes()?;
        }
        if let (Some(connection), Some(index)) = (&connection, &index) {
            check.locations.sort_unstable();
            verify_index::compare(&mut check.report, self, connection, &check.locations, index, expected.as_ref());
        }
        check.trace();
        if check.sealed_unchecked > 0 {
            check.report.notes.push(Note::SealedUnchecked { records: check.sealed_unchecked });
        }
        Ok(check.report)
    }
}

/// What the index says of packs.
pub(crate) struct KnownPacks {
    pub rows: Vec<PackRow>,
    pub retired: HashSet<PackName>,
    pub purged: HashSet<Hash>,
}

struct Check<'a> {
    notebook: &'a Notebook,
    deep: bool,
    seal: Option<&'a SealKey>,
    report: VerifyReport,
    /// Where every whole record of a closed batch lies.
    locations: Vec<Location>,
    /// What every record that names others names.
    references: HashMap<Hash, (RecordKind, Vec<Hash>)>,
    runs: HashMap<Hash, RunId>,
    recipes: Vec<Hash>,
    commits: HashMap<PackName, HashSet<Hash>>,
    after: Vec<(PackName, Hash)>,
    purged: HashSet<Hash>,
    retired: HashSet<PackName>,
    sealed_unchecked: u64,
}

impl<'a> Check<'a> {
    fn new(notebook: &'a Notebook, deep: bool, seal: Option<&'a SealKey>) -> Self {
        Self {
            notebook,
            deep,
            seal,
            report: VerifyReport::default(),
            locations: Vec::new(),
            references: HashMap::new(),
            runs: HashMap::new(),
            recipes: Vec::new(),
            commits: HashMap::new(),
            after: Vec::new(),
            purged: HashSet::new(),
            retired: HashSet::new(),
            sealed_unchecked: 0,
        }
    }

    fn found(&mut self, path: &Path, offset: Option<u64>, id: Option<Hash>, what: Trouble) {
        let (snapshots, runs) = (Vec::new(), Vec::new());
        self.report.findings.push(Finding { path: path.to_owned(), offset, id, what, snapshots, runs });
    }

    fn card(&mut self) {
        let path = self.notebook.dir().join("notebook.toml");
        if fs::read(&path).ok().as_deref() != Some(self.notebook.shared.card.text().as_bytes()) {
            self.found(&path, None, None, Trouble::Card);
        }
    }

    fn open_index(&mut self) -> Option<Connection> {
        let path = self.notebook.index_path();
        let trouble = match schema::open_readable(self.notebook) {
            Ok(Some(connection)) => return Some(connection),
            // Where SQLite cannot open it for lack of the right to write, it is not damaged.
            Ok(None) => return None,
            Err(StoreError::IndexMissing { .. }) => Trouble::IndexMissing,
            Err(error) => Trouble::IndexDamaged { said: error.to_string() },
        };
        self.found(&path, None, None, trouble);
        None
    }

    /// One moment's view of the index; everything that it names is in the packs that are read later.
    fn read_index(&mut self, connection: &Connection) -> Option<KnownPacks> {
        let pragma = if self.deep { "PRAGMA integrity_check(5)" } else { "PRAGMA quick_check(5)" };
        let read = || {
            connection.execute_batch("BEGIN")?;
            let said: String = connection.query_row(pragma, [], |row| row.get(0))?;
            let purged = connection
                .prepare("SELECT id FROM purged")?
                .query_map([], |row| row.get(0).map(Hash))?
                .collect::<rusqlite::Result<_>>()?;
            let retired = index::retired(connection)?.into_iter().map(|(name, _)| name).collect();
            Ok::<_, rusqlite::Error>((said, KnownPacks { rows: index::packs(connection)?, retired, purged }))
        };
        let path = self.notebook.index_path();
        match read() {
            Ok((said, known)) => {
                if said != "ok" {
                    self.found(&path, None, None, Trouble::IndexDamaged { said });
                }
                self.purged.extend(known.purged.iter().copied());
                self.retired.extend(known.retired.iter().copied());
                Some(known)
            }
            Err(error) => {
                self.found(&path, None, None, Trouble::IndexDamaged { said: error.to_string() });
                None
            }
        }
    }

    fn packs(
        &mut self,
        index: Option<&KnownPacks>,
        mut expected: Option<&mut Connection>,
        progress: Progress<'_>,
    ) -> Result<()> {
        let names = self.notebook.pack_names()?;
        let size = |name: &PackName| fs::metadata(self.notebook.pack_path(*name)).map_or(0, |found| found.len());
        let total_bytes = names.iter().map(size).sum();
        if index.is_none() {
            // Without an index the packs themselves say which of them were replaced.
            for name in &names {
                self.learn_retired(*name)?;
            }
        }
        for row in index.map(|index| &index.rows[..]).unwrap_or_default() {
            if row.end > 0 && names.binary_search(&row.name).is_err() {
                self.found(&self.notebook.pack_path(row.name), None, None, Trouble::PackMissing);
            }
        }
        for name in names {
            let path = self.notebook.pack_path(name);
            if self.retired.contains(&name) {
                self.report.notes.push(Note::Retired { path });
                continue;
            }
            let row = index.and_then(|index| index.rows.iter().find(|row| row.name == name));
            let contents = self.pack(name, &path, index.is_some().then(|| row.map_or(0, |row| row.end)))?;
            if let Some(expected) = expected.as_mut() {
                let end = row.map_or(0, |row| row.end);
                add_expected(expected, name, &contents, end)
                    .map_err(|source| crate::writer::index_error(self.notebook, source))?;
            }
            self.report.packs += 1;
            self.report.bytes += contents.length;
            progress(self.report.bytes, total_bytes);
        }
        Ok(())
    }

    fn learn_retired(&mut self, name: PackName) -> Result<()> {
        let (contents, _) = crate::rebuild::whole_pack(self.notebook, name, Depth::Headers)?;
        for retire in crate::rebuild::retires(&contents) {
            self.purged.extend(&retire.purged);
            self.retired.extend(retire.packs.iter().filter_map(|pack| PackName::parse(&pack.pack)));
        }
        Ok(())
    }

    /// Reads one pack. `indexed` is where the index says that its last commit ends.
    fn pack(&mut self, name: PackName, path: &Path, indexed: Option<u64>) -> Result<Contents> {
        let file = File::open(path).map_err(|error| StoreError::read(path, error))?;
        let length = file.metadata().map_err(|error| StoreError::read(path, error))?.len();
        let header = pack::check_header(&file, path, name)?;
        let mut inspector = Inspector::new(self.deep, self.seal);
        let range = (PACK_HEADER.min(length), length);
        let mut contents = pack::contents_with(&file, path, range, Depth::Checksums, &mut |header, offset, stored| {
            inspector.inspect(header, offset, stored)
        })?;
        let limit = indexed.unwrap_or(contents.end);
        if let Some(flaw) = header.filter(|_| limit > 0) {
            self.report.findings.push(Finding::flaw(path, &FlawAt { offset: 0, flaw, header: None }));
        }
        let flaws: Vec<_> = contents.flaws.iter().chain(&contents.tail).filter(|flaw| flaw.offset < limit).collect();
        for flaw in &flaws {
            self.report.findings.push(Finding::flaw(path, flaw));
        }
        if limit > length {
            self.found(path, Some(length), None, Trouble::PackShort);
        } else if limit > contents.end && flaws.is_empty() {
            self.found(path, Some(contents.end), None, Trouble::Chain);
        }
        let broken: HashSet<u64> = flaws.iter().map(|flaw| flaw.offset).collect();
        drop(flaws);
        self.batches(name, path, &contents, limit, &broken);
        self.take(inspector, name, &contents, limit);
        let beyond = contents.commits_past(limit);
        if beyond > 0 {
            self.report.notes.push(Note::NotIndexed { path: path.to_owned(), commits: beyond });
        }
        if length > contents.end.max(limit) {
            let bytes = length - contents.end.max(limit);
            self.report.notes.push(Note::Tail { path: path.to_owned(), bytes });
        }
        contents.flaws.clear();
        Ok(contents)
    }

    /// Checks that commits follow one another and count what is before them.
    fn batches(&mut self, name: PackName, path: &Path, contents: &Contents, limit: u64, broken: &HashSet<u64>) {
        let (mut sequence, mut previous, mut start, mut count) = (0, None, PACK_HEADER, 0);
        let mut commits = contents.commits.iter();
        for entry in contents.entries.iter().filter(|entry| entry.offset < limit) {
            if entry.header.kind != RecordKind::Commit {
                count += 1;
                continue;
            }
            let Some((id, commit)) = commits.next() else { break };
            let whole = !broken.iter().any(|offset| (start..entry.offset).contains(offset));
            let follows = commit.sequence == sequence
                && commit.previous == previous
                && commit.start_offset == start
                && commit.pack == name.to_string();
            if whole && !follows {
                self.found(path, Some(entry.offset), Some(*id), Trouble::Chain);
            }
            if whole && follows && commit.records != count {
                self.found(path, Some(entry.offset), Some(*id), Trouble::BatchCount);
            }
            self.commits.entry(name).or_default().insert(*id);
            let named = commit.after.iter();
            self.after.extend(named.filter_map(|after| Some((PackName::parse(&after.pack)?, after.commit))));
            (sequence, previous, start, count) =
                (commit.sequence + 1, Some(*id), entry.offset + entry.header.span(), 0);
        }
    }

    /// Keeps what was learnt about the records of closed batches.
    fn take(&mut self, inspector: Inspector<'_>, name: PackName, contents: &Contents, limit: u64) {
        let end = contents.end.min(limit);
        let entries = contents.entries.iter().filter(|entry| entry.offset < end);
        for entry in entries.filter(|entry| entry.header.kind != RecordKind::Commit) {
            let header = &entry.header;
            self.report.records += 1;
            self.locations.push(Location {
                id: header.id,
                name,
                offset: entry.offset,
                kind: header.kind as u8,
                encoding: header.encoding as u8,
                stored_length: header.stored_length,
                raw_length: header.raw_length,
            });
            if header.kind == RecordKind::Recipe {
                self.recipes.push(header.id);
            }
        }
        for (offset, id, kind, named, run) in inspector.learnt {
            if offset < end {
                self.references.insert(id, (kind, named));
                self.runs.extend(run.map(|run| (id, run)));
            }
        }
        self.sealed_unchecked += inspector.sealed_unchecked;
    }

    fn chains(&mut self, index: Option<&KnownPacks>) {
        for (pack, commit) in std::mem::take(&mut self.after) {
            if self.retired.contains(&pack) || self.commits.get(&pack).is_some_and(|known| known.contains(&commit)) {
                continue;
            }
            let path = self.notebook.pack_path(pack);
            let known = self.report.findings.iter().any(|finding| finding.path == path);
            if !known {
                let what = if path.exists() { Trouble::CommitMissing } else { Trouble::PackMissing };
                self.found(&path, None, Some(commit), what);
            }
        }
        for row in index.map(|index| &index.rows[..]).unwrap_or_default() {
            let there = |commit| self.commits.get(&row.name).is_some_and(|known| known.contains(&commit));
            let path = self.notebook.pack_path(row.name);
            if row.last_commit.is_some_and(|commit| !there(commit))
                && !self.report.findings.iter().any(|finding| finding.path == path)
            {
                self.found(&path, None, row.last_commit, Trouble::CommitMissing);
            }
        }
    }

    /// Finds records that name others which are nowhere.
    fn dangling(&mut self) {
        let there: HashSet<Hash> = self.locations.iter().map(|location| location.id).collect();
        let damaged: HashSet<Hash> = self.report.findings.iter().filter_map(|finding| finding.id).collect();
        let mut missing: Vec<(Hash, RecordKind)> = Vec::new();
        for (kind, named) in self.references.values() {
            missing.extend(
                named
                    .iter()
                    .filter(|id| !there.contains(*id) && !self.purged.contains(*id) && !damaged.contains(*id))
                    .map(|id| (*id, *kind)),
            );
        }
        missing.sort_unstable();
        missing.dedup_by_key(|(id, _)| *id);
        for (id, needed_by) in missing {
            self.found(&self.notebook.packs_dir(), None, Some(id), Trouble::Dangling { needed_by });
        }
    }

    /// Puts large files together.
    fn recipes(&mut self) -> Result<()> {
        if self.recipes.is_empty() {
            return Ok(());
        }
        self.locations.sort_unstable();
        let damaged: HashSet<Hash> = self.report.findings.iter().filter_map(|finding| finding.id).collect();
        for id in std::mem::take(&mut self.recipes) {
            let Some((_, chunks)) = self.references.get(&id) else { continue };
            let gone = |chunk: &Hash| damaged.contains(chunk) || self.purged.contains(chunk);
            if !damaged.contains(&id) && !chunks.iter().any(gone) && !self.joins(&id, chunks)? {
                self.found(&self.notebook.packs_dir(), None, Some(id), Trouble::Content);
            }
        }
        Ok(())
    }

    fn joins(&self, id: &Hash, chunks: &[Hash]) -> Result<bool> {
        use std::os::unix::fs::FileExt;
        let mut hasher = lab_model::Hasher::new(lab_model::Domain::Content);
        let mut decoder = Decoder::default();
        for chunk in chunks {
            let place = self.locations.partition_point(|location| location.id < *chunk);
            let Some(location) = self.locations.get(place).filter(|location| location.id == *chunk) else {
                return Ok(false);
            };
            let path = self.notebook.pack_path(location.name);
            let file = File::open(&path).map_err(|error| StoreError::read(&path, error))?;
            let mut stored = vec![0; location.stored_length as usize];
            let at = location.offset + crate::record::HEADER_LENGTH as u64;
            file.read_exact_at(&mut stored, at).map_err(|error| StoreError::read(&path, error))?;
            let Some(header) = location.header() else { return Ok(false) };
            match decoder.decode(&header, &stored) {
                Ok(raw) => hasher.update(&raw),
                Err(_) => return Ok(false),
            };
        }
        Ok(hasher.finish() == *id)
    }

    /// Tells for each damaged or missing record which snapshots and runs need it.
    fn trace(&mut self) {
        if self.report.findings.iter().all(|finding| finding.id.is_none()) {
            return;
        }
        let mut needed_by: HashMap<Hash, Vec<Hash>> = HashMap::new();
        for (id, (_, named)) in &self.references {
            named.iter().for_each(|needed| needed_by.entry(*needed).or_default().push(*id));
        }
        for finding in &mut self.report.findings {
            let Some(id) = finding.id else { continue };
            let mut visited = HashSet::from([id]);
            let mut stack = vec![id];
            while let Some(id) = stack.pop() {
                if matches!(self.references.get(&id), Some((RecordKind::Snapshot, _))) {
                    finding.snapshots.push(id);
                }
                finding.runs.extend(self.runs.get(&id).cloned());
                let above = needed_by.get(&id).map(|above| &above[..]).unwrap_or_default();
                stack.extend(above.iter().filter(|id| visited.insert(**id)));
            }
            finding.snapshots.sort_unstable();
            finding.runs.sort_unstable();
            finding.runs.dedup();
        }
    }
}

fn add_expected(expected: &Connection, name: PackName, contents: &Contents, end: u64) -> rusqlite::Result<()> {
    let count = contents.entries.partition_point(|entry| entry.offset < end);
    let entries = &contents.entries[..count];
    let commits = entries.iter().filter(|entry| entry.header.kind == RecordKind::Commit).count();
    let transaction = expected.unchecked_transaction()?;
    index::add_batches(&transaction, name, entries, &contents.commits[..commits], end)?;
    transaction.commit()
}
