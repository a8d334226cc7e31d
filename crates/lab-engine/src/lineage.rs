//! Which runs a run's inputs come from, which runs use its outputs, and whether its results still stand.

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use lab_ingest::secret::Scanner;
use lab_model::{Content, FilePath, FileUsed, Hash, Project, RunId};
use lab_store::{RunRow, SealKey, UsedFile, hash_reader};

use crate::describe::hash_file;
use crate::{Reader, Result};

/// A larger file in the working tree is not read to find out whether it has changed.
const READ_BYTES_MAX: u64 = 256 << 20;
/// Runs behind runs are followed so far.
const DEPTH_MAX: usize = 64;

/// Where a run's inputs come from and where its outputs went.
#[derive(Clone, PartialEq, Debug)]
pub struct Lineage {
    /// Files that it read.
    pub inputs: Vec<LinkedFile>,
    /// Files that it wrote.
    pub outputs: Vec<LinkedFile>,
    /// Why its results do not stand any more; empty when nothing speaks against them.
    pub stale: Vec<Stale>,
}

/// A file of a run with the runs at its other end.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkedFile {
    /// The file.
    pub file: FileUsed,
    /// Who wrote what was read: the last run before that wrote these bytes, or, where the bytes are
    /// not known, this path. Of an output: who read it. Oldest first.
    pub runs: Vec<RunId>,
    /// The link goes by path and time, since the bytes are not known.
    pub by_path: bool,
}

/// Why a result does not stand any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stale {
    /// An input was written anew, with other content, by a later run.
    Rewritten {
        /// The input.
        path: FilePath,
        /// The latest run that wrote it.
        by: RunId,
    },
    /// An input is another file now than the one that was read.
    Changed {
        /// The input.
        path: FilePath,
    },
    /// An input is not there any more.
    Gone {
        /// The input.
        path: FilePath,
    },
    /// The run that wrote an input does not stand itself.
    Upstream {
        /// The input.
        path: FilePath,
        /// The run that wrote it.
        run: RunId,
    },
}

impl Reader {
    /// The lineage of a run.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn lineage(&self, row: &RunRow) -> Result<Lineage> {
        let mut links = Links::new(self);
        let Some(end) = &row.end else {
            return Ok(Lineage { inputs: Vec::new(), outputs: Vec::new(), stale: Vec::new() });
        };
        let mut inputs = Vec::new();
        for file in &end.files.read {
            inputs.push(links.producer_of(row, file)?);
        }
        let mut outputs = Vec::new();
        for file in outputs_of(row) {
            outputs.push(links.consumers_of(row, file)?);
        }
        let stale = links.stale(row, 0)?;
        Ok(Lineage { inputs, outputs, stale })
    }

    /// The runs that wrote and that read a file, by its path, or, where no run knows that path, by the bytes that
    /// it has now; oldest first.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn runs_of_file(&self, path: &FilePath, project: &Project) -> Result<(Vec<RunId>, Vec<RunId>)> {
        let (mut wrote, mut read) =
            (self.store().writers(path, &project.id)?, self.store().readers(path, &project.id)?);
        if wrote.is_empty()
            && read.is_empty()
            && let Now::Is(hash) = Links::new(self).content_now(path, project, None)
        {
            wrote.extend(self.store().producers(&hash)?);
            read.extend(self.store().consumers(&hash)?);
        }
        Ok((in_order(wrote), in_order(read)))
    }
}

fn in_order(mut files: Vec<UsedFile>) -> Vec<RunId> {
    files.sort_by(|left, right| (left.started, &left.run).cmp(&(right.started, &right.run)));
    let mut seen = HashSet::new();
    files.into_iter().map(|file| file.run).filter(|run| seen.insert(run.clone())).collect()
}

/// What a run wrote, whether it was traced or not.
fn outputs_of(row: &RunRow) -> Vec<FileUsed> {
    let Some(end) = &row.end else { return Vec::new() };
    let mut files = end.files.written.clone();
    let known: HashSet<FilePath> = files.iter().map(|file| file.path.clone()).collect();
    let differing = end.outputs.iter().filter(|output| output.change != lab_model::OutputChange::Removed);
    files.extend(differing.filter_map(|output| {
        let path = FilePath::from(output.path.clone());
        (!known.contains(&path)).then_some(FileUsed { path, size_bytes: output.size_bytes, content: output.content })
    }));
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

/// Bytes by which files of different runs can be told to be the same.
fn identity(content: Content) -> Option<Hash> {
    content.hash()
}

/// What a file is now.
enum Now {
    /// It has this content.
    Is(Hash),
    /// It is not there.
    Gone,
    /// It was not looked at.
    Unknown,
}

struct Links<'a> {
    reader: &'a Reader,
    scanner: Scanner,
    now: HashMap<FilePath, Option<Hash>>,
    /// Whether results stand, of the runs that were looked at; those in the middle of it count as standing.
    known: HashMap<RunId, bool>,
}

impl<'a> Links<'a> {
    fn new(reader: &'a Reader) -> Self {
        Self { reader, scanner: Scanner::new(), now: HashMap::new(), known: HashMap::new() }
    }

    /// The last run before `row` that wrote what `row` read.
    fn producer_of(&self, row: &RunRow, file: &FileUsed) -> Result<LinkedFile> {
        let start = &row.start;
        let is_before = |used: &UsedFile| used.run != start.run && used.started <= row_end(row);
        let store = self.reader.store();
        let hash = identity(file.content);
        // An empty file says nothing of where it comes from.
        let by_hash = match hash.filter(|_| file.size_bytes > 0) {
            Some(hash) => store.producers(&hash)?,
            None => Vec::new(),
        };
        let mut found: Vec<UsedFile> = by_hash.into_iter().filter(is_before).collect();
        // The same bytes may have been written to several places: this one before others.
        if found.iter().any(|used| used.path == file.path) {
            found.retain(|used| used.path == file.path);
        }
        let by_path = hash.is_none();
        if by_path {
            found = store.writers(&file.path, &start.project)?.into_iter().filter(is_before).collect();
        }
        let runs = found.pop().map(|used| used.run).into_iter().collect();
        Ok(LinkedFile { file: file.clone(), runs, by_path })
    }

    /// The later runs that read what `row` wrote.
    fn consumers_of(&self, row: &RunRow, file: FileUsed) -> Result<LinkedFile> {
        let start = &row.start;
        let is_after = |used: &UsedFile| used.run != start.run && used.ended >= start.time;
        let store = self.reader.store();
        let hash = identity(file.content);
        let found = match hash {
            Some(_) if file.size_bytes == 0 => Vec::new(),
            Some(hash) => store.consumers(&hash)?,
            None => store.readers(&file.path, &start.project)?,
        };
        let runs = in_order(found.into_iter().filter(is_after).collect());
        Ok(LinkedFile { file, runs, by_path: hash.is_none() })
    }

    /// Why the results of a run do not stand any more.
    fn stale(&mut self, row: &RunRow, depth: usize) -> Result<Vec<Stale>> {
        let mut reasons = Vec::new();
        let (Some(end), Some(project)) = (&row.end, self.reader.project(&row.start.project)?) else {
            return Ok(reasons);
        };
        self.known.insert(row.start.run.clone(), true);
        // What the run itself has changed is not what it read any more, and no wonder.
        let own: HashSet<&FilePath> =
            end.files.written.iter().map(|file| &file.path).chain(&end.files.removed).collect();
        for file in end.files.read.iter().filter(|file| !own.contains(&file.path)) {
            let path = file.path.clone();
            if let Some(reason) = self.overtaken(row, file, &project)? {
                reasons.push(reason);
            } else if let Some(run) = self.producer_of(row, file)?.runs.pop()
                && !self.stands(&run, depth + 1)?
            {
                reasons.push(Stale::Upstream { path, run });
            }
        }
        self.known.insert(row.start.run.clone(), reasons.is_empty());
        Ok(reasons)
    }

    fn stands(&mut self, run: &RunId, depth: usize) -> Result<bool> {
        if let Some(known) = self.known.get(run) {
            return Ok(*known);
        }
        if depth > DEPTH_MAX {
            return Ok(true);
        }
        let Some(row) = self.reader.run(run)? else { return Ok(true) };
        Ok(self.stale(&row, depth)?.is_empty())
    }

    /// Whether an input is another one by now.
    fn overtaken(&mut self, row: &RunRow, file: &FileUsed, project: &Project) -> Result<Option<Stale>> {
        let Some(hash) = identity(file.content) else { return Ok(None) };
        let path = file.path.clone();
        let later = self.reader.store().writers(&path, &project.id)?.into_iter().filter(|used| {
            used.run != row.start.run && used.ended >= row.start.time && used.hash.is_some() && used.hash != Some(hash)
        });
        // The one that wrote it before may have ended in the same moment.
        let later = later.filter(|used| used.started >= row.start.time).max_by_key(|used| used.ended);
        let now = self.content_now(&path, project, Some(file));
        Ok(match (now, later) {
            (Now::Is(now), _) if now == hash => None,
            (_, Some(by)) => Some(Stale::Rewritten { path, by: by.run }),
            (Now::Is(_), None) => Some(Stale::Changed { path }),
            (Now::Gone, None) => Some(Stale::Gone { path }),
            (Now::Unknown, None) => None,
        })
    }

    /// The content that a file has now, comparable with that of `file`, of whose kind it has to be.
    fn content_now(&mut self, path: &FilePath, project: &Project, file: Option<&FileUsed>) -> Now {
        let place = PathBuf::from(&project.root).join(std::ffi::OsStr::from_bytes(path.as_bytes()));
        let Ok(metadata) = std::fs::metadata(&place) else { return Now::Gone };
        if !metadata.is_file() || metadata.len() > READ_BYTES_MAX {
            return Now::Unknown;
        }
        if let Some(file) = file {
            match file.content {
                // Another size is another content, whatever the hash would be.
                _ if metadata.len() != file.size_bytes => return Now::Is(Hash([0; 32])),
                Content::Copied(_) | Content::Hashed(_) => {}
                // Their hashes cannot be made anew from the bytes alone.
                Content::Sealed(_) | Content::Sampled(_) | Content::Missing => return Now::Unknown,
            }
        }
        if let Some(known) = self.now.get(path) {
            return known.map_or(Now::Unknown, Now::Is);
        }
        // A snapshot holds plain hashes, but for sealed files; elsewhere those of secrets are keyed.
        let hash = if path.in_project().is_some() {
            std::fs::File::open(&place).ok().and_then(|mut file| Some(hash_reader(&mut file).ok()?.0))
        } else {
            let none = SealKey::new(&[0; 32]);
            hash_file(&place, metadata.len(), &self.scanner, self.reader.key().unwrap_or(&none))
        };
        self.now.insert(path.clone(), hash);
        hash.map_or(Now::Unknown, Now::Is)
    }
}

fn row_end(row: &RunRow) -> lab_model::Time {
    row.end.as_ref().map_or(row.start.time, |end| end.time)
}
