//! Taking a snapshot: scan, read what changed, hash and compress side by side, append.
//!
//! The cost is that of the walk plus that of what changed: an unchanged directory keeps the tree
//! it had.

mod plan;
mod read;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lab_model::{
    Content, Coverage, Domain, Entry, Hash, Hasher, Kind, Omission, OmissionReason, Project, RelPath, Role, Snapshot,
    Tree,
};
use lab_store::{Encoder, Record, RecordKind, Writer};
use lab_workdir::{Config, FileBytes, Index, KnownTree, Rules, Scan, Stat, Sums, open_root, scan};

use crate::complete::{self, Hashed};
use crate::engine::{COMPRESSION_LEVEL, load_config};
use crate::{Engine, Progress, Result};

use plan::Planner;
use read::Context;

/// A snapshot that was taken.
#[derive(Clone, Debug)]
pub struct SnapshotOutcome {
    /// Its id.
    pub id: Hash,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Files that had to be read.
    pub files_read: u64,
    /// Bytes added to the packs.
    pub stored_bytes: u64,
    /// How long it took.
    pub millis: u64,
}

/// A snapshot that is appended but not yet committed.
pub(crate) struct Taken {
    pub id: Hash,
    pub snapshot: Snapshot,
    /// The snapshot's record. Everything it names is in the batch; it itself is appended by the
    /// caller, who may find that nothing has changed.
    pub record: Record,
    pub files_read: u64,
    pub scan: Arc<Scan>,
    /// Where the index for the next scan is kept, and its key; `None` when it need not be written.
    pub cache: Option<(PathBuf, [u8; 32])>,
}

impl Taken {
    /// Keeps the index for the next scan. Only after the commit: the index must never name bytes
    /// that the notebook does not hold.
    pub fn save_index(&self) {
        if let Some((path, key)) = &self.cache {
            // The index only saves time; without it the next snapshot reads everything again.
            let _ = Index::save(&self.scan, key, path);
        }
    }

    /// Files of which only samples are known.
    pub fn sampled(&self) -> Vec<(RelPath, Stat)> {
        complete::sampled(&self.scan)
    }

    /// Files that were written at or after a moment, in milliseconds since 1970.
    pub fn written_since(&self, millis: i64) -> Vec<RelPath> {
        let since = |stat: &Stat| stat.mtime * 1000 + i64::from(stat.mtime_nanos) / 1_000_000 >= millis;
        let written = |dir: &lab_workdir::ScanDir| -> Vec<RelPath> {
            let entries = dir.entries.iter().filter(|entry| entry.kind == Kind::File && since(&entry.stat));
            entries.filter_map(|entry| dir.path.join(&entry.name).ok()).collect()
        };
        self.scan.dirs.iter().flat_map(|dir| written(dir)).collect()
    }

    /// The files that are kept or hashed: path, bytes, role and content, sorted by directory.
    pub fn files(&self) -> Vec<(RelPath, u64, Role, Content)> {
        let files = self.scan.dirs.iter().flat_map(|dir| dir.entries.iter().map(move |entry| (dir, entry)));
        let known = files.filter_map(|(dir, entry)| {
            let known = entry.known.as_ref()?;
            Some((dir.path.join(&entry.name).ok()?, entry.stat.size, known.role, known.content))
        });
        known.collect()
    }

    /// What stands at `path`: `None` when the snapshot does not hold it, else its role.
    pub fn role_of(&self, path: &RelPath) -> Option<Role> {
        let Some(parent) = path.parent() else { return Some(Role::Code) };
        let dir = self.scan.dirs.iter().find(|dir| dir.path == parent)?;
        let place = dir.entries.binary_search_by(|entry| (*entry.name).cmp(path.file_name())).ok()?;
        let entry = &dir.entries[place];
        Some(entry.known.as_ref().map(|known| known.role).or(entry.role).unwrap_or(Role::Code))
    }
}

/// The files of a project as they were listed, with what is known of them.
#[derive(Clone)]
pub(crate) struct Listed {
    pub scan: Arc<Scan>,
    /// A tree that a notebook holds which holds all that is known.
    pub root_tree: Option<Hash>,
}

/// What a snapshot is to be taken of, and how.
pub(crate) struct Request<'a> {
    pub project: &'a Project,
    pub config: &'a Config,
    pub config_bytes: &'a [u8],
    /// Paths that are copied whatever the limits say: a restore is about to replace them.
    pub force_copy: &'a HashSet<RelPath>,
    /// Whole hashes of files that an earlier snapshot only sampled.
    pub hashed: &'a HashMap<RelPath, Hashed>,
}

impl Engine {
    /// Takes a snapshot of a project's present files and keeps it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Disk`] when the notebook cannot be written; files that cannot be read are in
    /// the coverage instead.
    pub fn snapshot(&self, project: &Project, progress: Progress<'_>) -> Result<SnapshotOutcome> {
        let started = std::time::Instant::now();
        let (config, config_bytes) = load_config(Path::new(&project.root))?;
        let mut writer = self.writer()?;
        let request = Request {
            project,
            config: &config,
            config_bytes: &config_bytes,
            force_copy: &HashSet::new(),
            hashed: &HashMap::new(),
        };
        let taken = self.take(&mut writer, &request, progress)?;
        writer.append(taken.record.clone())?;
        writer.commit(self.now())?;
        taken.save_index();
        Ok(SnapshotOutcome {
            id: taken.id,
            files_read: taken.files_read,
            stored_bytes: writer.appended_bytes(),
            millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            snapshot: taken.snapshot,
        })
    }

    /// Appends a snapshot to the writer's batch. The caller commits.
    pub(crate) fn take(&self, writer: &mut Writer, request: &Request<'_>, progress: Progress<'_>) -> Result<Taken> {
        let root = Path::new(&request.project.root);
        let time = self.now();
        // The writer was opened first: from then on no garbage collection can take away what the
        // index says is in the notebook.
        let (index_path, index_key) = self.cache_of(request);
        let mut index = Index::load(&index_path, &index_key);
        if let Some(tree) = index.as_ref().and_then(Index::root_tree)
            && !writer.contains(&tree)?
        {
            // The notebook was put back from a copy that is older than its cache.
            index = None;
        }
        let rules = self.rules_of(request)?;
        let mut found = scan(root, &rules, index.as_ref())?;
        complete::put_in(&mut found, request.hashed, request.config);
        let had_index = index.is_some();
        drop(index);
        let read = self.read_unknown(writer, request, &rules, &mut found, &HashMap::new(), progress)?;
        let is_current = had_index && found.is_known();
        let (snapshot, record) = finish(request.project, time, &mut found, Vec::new(), writer)?;
        Ok(Taken {
            id: record.id(),
            snapshot,
            record,
            files_read: read.len() as u64,
            scan: Arc::new(found),
            cache: (!is_current).then_some((index_path, index_key)),
        })
    }

    /// The same for files that were listed just now by who keeps them in view; what of them is known must be in the notebook,
    /// else they are looked for.
    pub(crate) fn take_listed(&self, writer: &mut Writer, request: &Request<'_>, listed: Listed) -> Result<Taken> {
        let time = self.now();
        if let Some(tree) = listed.root_tree
            && !writer.contains(&tree)?
        {
            return self.take(writer, request, &mut |_, _| {});
        }
        let mut found = Arc::unwrap_or_clone(listed.scan);
        complete::put_in(&mut found, request.hashed, request.config);
        let rules = self.rules_of(request)?;
        let read = self.read_unknown(writer, request, &rules, &mut found, &HashMap::new(), &mut |_, _| {})?;
        let (snapshot, record) = finish(request.project, time, &mut found, Vec::new(), writer)?;
        let files_read = read.len() as u64;
        Ok(Taken { id: record.id(), snapshot, record, files_read, scan: Arc::new(found), cache: None })
    }

    /// Where a project's index is kept, and its key.
    pub(crate) fn cache_of(&self, request: &Request<'_>) -> (PathBuf, [u8; 32]) {
        let path = self.notebook.cache_dir().join(format!("{}.index", request.project.id));
        let mut hasher = Hasher::new(Domain::Fingerprint);
        (path, hasher.field(env!("CARGO_PKG_VERSION").as_bytes()).field(request.config_bytes).finish().0)
    }

    /// The rules of a project as they are now.
    pub(crate) fn rules_of(&self, request: &Request<'_>) -> Result<Rules> {
        let produced: HashSet<RelPath> = self.index()?.produced(&request.project.id)?.into_iter().collect();
        Ok(Rules::new(Path::new(&request.project.root), request.config, &produced))
    }

    /// Reads what is not known and puts it in; gives the directory and the entry of each file that was read.
    /// Of the files in `held` those bytes are kept and not what is on the disk.
    pub(crate) fn read_unknown(
        &self,
        writer: &mut Writer,
        request: &Request<'_>,
        rules: &Rules,
        found: &mut Scan,
        held: &Held,
        progress: Progress<'_>,
    ) -> Result<Vec<(usize, usize)>> {
        let mut plan = Planner::new(request).plan(found);
        let root = Path::new(&request.project.root);
        let context = Context { root: open_root(root)?, rules, scan: found, key: self.seal_key()?, plan: &plan, held };
        let done = context.read_all(writer, progress)?;
        let mut read_places = Vec::with_capacity(plan.jobs.len());
        for (job, read) in plan.jobs.iter().zip(done) {
            found.forget_tree(job.dir);
            let entry = &mut found.dir_mut(job.dir).entries[job.entry];
            entry.known = read.map(|read| {
                entry.stat = read.stat.unwrap_or(entry.stat);
                read.known
            });
            read_places.push((job.dir, job.entry));
        }
        for (dir, entry, known) in plan.settled.drain(..) {
            found.dir_mut(dir).entries[entry].known = Some(known);
        }
        Ok(read_places)
    }

    /// Keeps the bytes of one file, sealed when they hold a secret.
    pub(crate) fn keep_bytes(
        &self,
        writer: &mut Writer,
        rules: &Rules,
        path: &RelPath,
        file: &FileBytes,
    ) -> Result<Content> {
        let (record, content) = read::record_of(rules, self.seal_key()?, path, &file.bytes);
        writer.append(record)?;
        Ok(content)
    }
}

/// Bytes of files that were read before, by directory and entry.
pub(crate) type Held = HashMap<(usize, usize), Arc<FileBytes>>;

/// Appends the trees of a scan of which everything has been read, and makes its snapshot. `more` is left out
/// beside what the scan says.
pub(crate) fn finish(
    project: &Project,
    time: lab_model::Time,
    found: &mut Scan,
    more: Vec<Omission>,
    writer: &mut Writer,
) -> Result<(Snapshot, Record)> {
    let mut encoder = Encoder::new(COMPRESSION_LEVEL);
    let root_tree = build_trees(found, writer, &mut encoder)?;
    let mut coverage = coverage_of(found, &root_tree.sums);
    more.into_iter().for_each(|omission| coverage.omit(omission.path, omission.reason, omission.size_bytes));
    let stat = found.root_stat;
    let snapshot = Snapshot {
        project: project.id.clone(),
        time,
        root: root_tree.tree,
        root_mode: stat.mode & 0o7777,
        root_mtime: (stat.mtime, stat.mtime_nanos),
        roles: root_tree.roles,
        coverage,
    };
    let record = encoder.json(RecordKind::Snapshot, &snapshot);
    Ok((snapshot, record))
}

/// What the snapshot holds and what not.
fn coverage_of(scan: &Scan, sums: &Sums) -> Coverage {
    let mut coverage = Coverage {
        copied_files: sums.copied[0],
        copied_bytes: sums.copied[1],
        sealed_files: sums.sealed,
        hashed_files: sums.hashed[0],
        hashed_bytes: sums.hashed[1],
        sampled_files: sums.sampled[0],
        sampled_bytes: sums.sampled[1],
        directories: scan.dirs.len() as u64,
        symlinks: sums.symlinks,
        ..Coverage::default()
    };
    for omission in &scan.omissions {
        coverage.omit(omission.path.clone(), omission.reason.clone(), omission.size_bytes);
    }
    for dir in scan.noted_dirs().into_iter().map(|place| &scan.dirs[place]) {
        for entry in dir.entries.iter().filter(|entry| entry.kind == Kind::File) {
            let Some(known) = entry.known.as_ref().filter(|known| known.unsteady || known.note.is_some()) else {
                continue;
            };
            let (Ok(path), size) = (dir.path.join(&entry.name), entry.stat.size) else { continue };
            if known.unsteady {
                coverage.omit(path.clone(), OmissionReason::Unsteady, Some(size));
            }
            if let Some(note) = &known.note {
                coverage.omit(path, (**note).clone(), Some(size));
            }
        }
    }
    coverage
}

/// Builds the trees from the leaves up and appends those that are new. Afterwards every directory
/// of the scan has its `known`.
fn build_trees(scan: &mut Scan, writer: &mut Writer, encoder: &mut Encoder) -> Result<KnownTree> {
    for place in scan.unknown_dirs().into_iter().rev() {
        let dir = &scan.dirs[place];
        let mut tree = Tree { entries: Vec::with_capacity(dir.entries.len()) };
        let mut below = Vec::with_capacity(dir.entries.len());
        let mut sums = Sums::default();
        for entry in &dir.entries {
            let child = entry.child.and_then(|child| scan.dirs[child as usize].known.as_ref());
            // A file without anything known has vanished since the scan.
            if entry.kind == Kind::File && entry.known.is_none() {
                continue;
            }
            let known = entry.known.as_ref();
            sums.count(entry);
            child.into_iter().for_each(|child| sums.add(&child.sums));
            below.push(child.map_or([None; 4], |child| child.roles));
            tree.entries.push(Entry {
                name: entry.name.to_vec(),
                kind: entry.kind,
                role: known.map(|known| known.role).or(entry.role).unwrap_or(Role::Code),
                mode: entry.stat.mode & 0o7777,
                size: if entry.kind == Kind::File { entry.stat.size } else { 0 },
                mtime: entry.stat.mtime,
                mtime_nanos: entry.stat.mtime_nanos,
                sparse: entry.kind == Kind::File && entry.stat.is_sparse(),
                unsteady: known.is_some_and(|known| known.unsteady),
                content: known.map_or(Content::Missing, |known| known.content),
                tree: child.map(|child| child.tree),
                target: entry.target.to_vec(),
            });
        }
        let encoded = tree.encode();
        let id = Tree::id_of(&encoded);
        if !writer.contains(&id)? {
            writer.append(encoder.encode(RecordKind::Tree, id, &encoded))?;
        }
        scan.dir_mut(place).known = Some(KnownTree { tree: id, roles: tree.role_hashes(|index| below[index]), sums });
    }
    Ok(scan.dirs[0].known.expect("because the loop above has come to the root last"))
}
