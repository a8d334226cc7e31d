//! Taking a snapshot: scan, read what changed, hash and compress side by side, append.
//!
//! The cost is that of the walk plus that of what changed: an unchanged directory keeps the tree
//! it had.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use lab_ingest::secret::{Scanner, secret_file_name};
use lab_model::{
    Content, Coverage, Domain, Entry, Hash, Hasher, Kind, OmissionReason, Project, RelPath, Role, Snapshot, Tree,
};
use lab_store::{
    CHUNK_LIMIT, Encoder, LargeError, Record, RecordKind, SealKey, StoreError, Writer, hash_reader, sample_hash,
};
use lab_workdir::{
    Config, Index, Keep, Known, KnownTree, RoleConfig, RootHandle, Rules, Scan, SourceError, Stat, open_root,
    open_stream, pointer_of, read_file, role_by_content, samples, scan,
};

use crate::complete::{self, Hashed};
use crate::engine::{COMPRESSION_LEVEL, load_config};
use crate::{Engine, Error, ErrorKind, Progress, Result};

/// Files of which only the hash is kept are read before the start up to this many bytes together;
/// of what is beyond, size and samples must do.
const HASH_BEFORE_START_BYTES: u64 = 1 << 30;
/// A file without a telling name that is larger than this is taken for data.
const LIKELY_DATA_BYTES: u64 = 1 << 20;
/// A file that is to be sealed and larger than this is not kept: it is encrypted in one piece.
const SEAL_LIMIT_BYTES: u64 = 32 << 20;
/// Below this many files and bytes a second thread costs more than it brings.
const SMALL_FILES: usize = 48;
const SMALL_BYTES: u64 = 4 << 20;
/// Worker threads at most; hashing and compressing is then faster than any disk.
const MAX_WORKERS: usize = 8;

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
    scan: Scan,
    index: PathBuf,
    index_key: [u8; 32],
    index_is_current: bool,
}

impl Taken {
    /// Keeps the index for the next scan. Only after the commit: the index must never name bytes
    /// that the notebook does not hold.
    pub fn save_index(&self) {
        if !self.index_is_current {
            // The index only saves time; without it the next snapshot reads everything again.
            let _ = Index::save(&self.scan, &self.index_key, &self.index);
        }
    }

    /// Files of which only samples are known.
    pub fn sampled(&self) -> Vec<(RelPath, Stat)> {
        complete::sampled(&self.scan)
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
    /// [`ErrorKind::Disk`] when the notebook cannot be written; files that cannot be read are in
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
        let index_path = self.notebook.cache_dir().join(format!("{}.index", request.project.id));
        let mut hasher = Hasher::new(Domain::Fingerprint);
        let index_key = hasher.field(env!("CARGO_PKG_VERSION").as_bytes()).field(request.config_bytes).finish().0;
        let mut index = Index::load(&index_path, &index_key);
        let produced: HashSet<RelPath> = self.index()?.produced(&request.project.id)?.into_iter().collect();
        let rules = Rules::new(root, request.config, &produced);
        let mut found = scan(root, &rules, index.as_ref())?;
        if let Some(known) = &found.dirs[0].known
            && !writer.contains(&known.tree)?
        {
            // The notebook was put back from a copy that is older than its cache.
            index = None;
            found = scan(root, &rules, None)?;
        }
        complete::put_in(&mut found, request.hashed, request.config);
        let mut plan = Planner::new(request).plan(&found);
        let had_index = index.is_some();
        drop(index);
        let files_read = plan.jobs.len() as u64;
        let key = self.seal_key()?;
        let context = Context { root: open_root(root)?, rules: &rules, scan: &found, key, plan: &plan };
        let done = context.read_all(writer, progress)?;
        for (job, read) in plan.jobs.iter().zip(done) {
            let entry = &mut found.dirs[job.dir].entries[job.entry];
            entry.known = read.map(|read| {
                entry.stat = read.stat.unwrap_or(entry.stat);
                read.known
            });
        }
        for (dir, entry, known) in plan.settled.drain(..) {
            found.dirs[dir].entries[entry].known = Some(known);
        }
        let index_is_current = had_index && found.dirs[0].known.is_some();
        let mut encoder = Encoder::new(COMPRESSION_LEVEL);
        let coverage = coverage_of(&found);
        let root_tree = build_trees(&mut found, writer, &mut encoder)?;
        let stat = found.root_stat;
        let snapshot = Snapshot {
            project: request.project.id.clone(),
            time,
            root: root_tree.tree,
            root_mode: stat.mode & 0o7777,
            root_mtime: (stat.mtime, stat.mtime_nanos),
            roles: root_tree.roles,
            coverage,
        };
        let record = encoder.json(RecordKind::Snapshot, &snapshot);
        Ok(Taken {
            id: record.id(),
            snapshot,
            record,
            files_read,
            scan: found,
            index: index_path,
            index_key,
            index_is_current,
        })
    }
}

/// What is to become of a file's content.
#[derive(Clone, PartialEq, Debug)]
enum Action {
    Copy,
    Hash(OmissionReason),
    Sample,
}

struct Job {
    dir: usize,
    entry: usize,
    action: Action,
    /// The role by rule; `None` is decided by the content.
    role: Option<Role>,
}

struct Plan {
    jobs: Vec<Job>,
    /// Entries that need no reading: what is skipped by `keep = "skip"`.
    settled: Vec<(usize, usize, Known)>,
    bytes: u64,
}

/// Decides what is read, by the budgets of `lab.toml`. Runs before anything is read, in the order
/// of the scan, so that the same tree always gets the same decisions.
struct Planner<'a> {
    request: &'a Request<'a>,
    copied_bytes: [u64; 4],
    hashed_bytes: u64,
}

impl<'a> Planner<'a> {
    const fn new(request: &'a Request<'a>) -> Self {
        Self { request, copied_bytes: [0; 4], hashed_bytes: 0 }
    }

    fn plan(mut self, scan: &Scan) -> Plan {
        let mut plan = Plan { jobs: Vec::new(), settled: Vec::new(), bytes: 0 };
        let files = || {
            scan.dirs.iter().enumerate().flat_map(|(dir, found)| {
                let files = found.entries.iter().enumerate().filter(|(_, entry)| entry.kind == Kind::File);
                files.map(move |(entry, value)| (dir, entry, value))
            })
        };
        // What is in the notebook already costs nothing more, but it counts.
        for (_, _, entry) in files() {
            if let Some(known) = &entry.known
                && known.content.is_restorable()
            {
                self.copied_bytes[known.role as usize] += entry.stat.size;
            }
        }
        for (dir, index, entry) in files() {
            let forced = !self.request.force_copy.is_empty()
                && scan.dirs[dir].path.join(&entry.name).is_ok_and(|path| self.request.force_copy.contains(&path));
            if entry.known.as_ref().is_some_and(|known| !forced || known.content.is_restorable()) {
                continue;
            }
            let role = entry.role;
            // A large file without a telling name is data more often than not.
            let likely = role.unwrap_or(if entry.stat.size > LIKELY_DATA_BYTES { Role::Data } else { Role::Code });
            match self.decide(likely, entry.stat.size, forced) {
                Some(action) => {
                    if action != Action::Sample {
                        plan.bytes += entry.stat.size;
                    }
                    plan.jobs.push(Job { dir, entry: index, action, role });
                }
                None => plan.settled.push((
                    dir,
                    index,
                    Known {
                        content: Content::Missing,
                        role: likely,
                        unsteady: false,
                        note: Some(Box::new(OmissionReason::Skip)),
                    },
                )),
            }
        }
        plan
    }

    fn decide(&mut self, role: Role, size: u64, forced: bool) -> Option<Action> {
        let place = role as usize;
        let RoleConfig { keep, file_limit_bytes, total_limit_bytes, .. } = self.request.config.roles[place];
        let reason = match keep {
            _ if forced => None,
            Keep::Skip => return None,
            Keep::Copy if size <= file_limit_bytes && self.copied_bytes[place] + size <= total_limit_bytes => None,
            Keep::Copy | Keep::Hash => Some(complete::why_not_copied(self.request.config, role, size)),
        };
        Some(match reason {
            None => {
                self.copied_bytes[place] += size;
                Action::Copy
            }
            Some(_) if self.hashed_bytes + size > HASH_BEFORE_START_BYTES => Action::Sample,
            Some(reason) => {
                self.hashed_bytes += size;
                Action::Hash(reason)
            }
        })
    }
}

/// What the workers share.
struct Context<'a> {
    root: RootHandle,
    rules: &'a Rules,
    scan: &'a Scan,
    key: &'a SealKey,
    plan: &'a Plan,
}

/// A file that was read.
#[derive(Clone)]
struct ReadFile {
    known: Known,
    /// Its stat when it was read; `None` when that of the scan stands.
    stat: Option<Stat>,
}

impl ReadFile {
    fn new(content: Content, role: Role, note: Option<OmissionReason>) -> Self {
        Self { known: Known { content, role, unsteady: false, note: note.map(Box::new) }, stat: None }
    }

    fn read_as(mut self, stat: Stat, unsteady: bool) -> Self {
        self.stat = Some(stat);
        self.known.unsteady = unsteady;
        self
    }
}

/// What a path alone says of sealing.
enum Sealing {
    Always(&'static str),
    Never,
    /// Only when the content holds a secret.
    Unless,
}

/// A file of the user's that could not be read, apart from the notebook's own errors.
type Read = std::result::Result<ReadFile, SourceError>;

/// A worker's word to the writer.
enum Message {
    Records(Vec<Record>),
    Done { job: usize, read: Option<ReadFile>, bytes: u64 },
}

impl Context<'_> {
    /// Reads all files of the plan; the result is in the plan's order. `None` is a file that
    /// vanished meanwhile.
    fn read_all(&self, writer: &mut Writer, progress: Progress<'_>) -> Result<Vec<Option<ReadFile>>> {
        let jobs = self.plan.jobs.len();
        let mut done: Vec<Option<ReadFile>> = vec![None; jobs];
        if jobs == 0 {
            return Ok(done);
        }
        let mut bytes_done = 0;
        if jobs <= SMALL_FILES && self.plan.bytes <= SMALL_BYTES {
            let mut worker = Worker::new(self);
            for (job, slot) in done.iter_mut().enumerate() {
                *slot = worker.read(&self.plan.jobs[job], &mut |record| {
                    writer.append(record)?;
                    Ok(())
                })?;
            }
            return Ok(done);
        }
        let next = AtomicUsize::new(0);
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
        std::thread::scope(|scope| -> Result<()> {
            let (sender, receiver) = sync_channel(4 * workers);
            for number in 0..workers {
                let (sender, next) = (sender.clone(), &next);
                std::thread::Builder::new()
                    .name(format!("lab-read-{number}"))
                    .spawn_scoped(scope, move || self.work(next, &sender))
                    .map_err(|error| Error::new(ErrorKind::Busy, "Could not start a thread").because(error))?;
            }
            drop(sender);
            self.collect(&receiver, writer, &mut done, &mut bytes_done, progress)
        })?;
        Ok(done)
    }

    fn collect(
        &self,
        receiver: &Receiver<Message>,
        writer: &mut Writer,
        done: &mut [Option<ReadFile>],
        bytes_done: &mut u64,
        progress: Progress<'_>,
    ) -> Result<()> {
        // Leaving early drops the receiver, and the workers stop at their next word.
        for message in receiver {
            match message {
                Message::Records(records) => {
                    for record in records {
                        writer.append(record)?;
                    }
                }
                Message::Done { job, read, bytes } => {
                    done[job] = read;
                    *bytes_done += bytes;
                    progress(*bytes_done, self.plan.bytes);
                }
            }
        }
        Ok(())
    }

    fn work(&self, next: &AtomicUsize, sender: &SyncSender<Message>) {
        // Many small records travel together: a word for each would cost more than the hashing.
        const TOGETHER_BYTES: usize = 512 << 10;
        let mut worker = Worker::new(self);
        let mut records = Vec::new();
        let mut finished = Vec::new();
        let mut size = 0;
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= self.plan.jobs.len() {
                break;
            }
            let read = worker.read(&self.plan.jobs[job], &mut |record| {
                size += record.stored_length() as usize;
                records.push(record);
                if size >= TOGETHER_BYTES {
                    size = 0;
                    sender.send(Message::Records(std::mem::take(&mut records))).map_err(|_| gone())?;
                }
                Ok(())
            });
            // An error can only be that the writer has left; it has the reason.
            let Ok(read) = read else { return };
            finished.push((job, read));
            if records.is_empty() && !flush(self, sender, &mut finished) {
                return;
            }
        }
        if sender.send(Message::Records(records)).is_ok() {
            flush(self, sender, &mut finished);
        }
    }
}

/// Tells of finished files; false when nobody listens any more.
fn flush(context: &Context<'_>, sender: &SyncSender<Message>, finished: &mut Vec<(usize, Option<ReadFile>)>) -> bool {
    finished.drain(..).all(|(job, read)| {
        let place = &context.plan.jobs[job];
        let bytes = context.scan.dirs[place.dir].entries[place.entry].stat.size;
        sender.send(Message::Done { job, read, bytes }).is_ok()
    })
}

fn gone() -> Error {
    Error::new(ErrorKind::Canceled, "The snapshot was given up")
}

/// Reads one file after the other, with buffers that are used again.
struct Worker<'a> {
    context: &'a Context<'a>,
    encoder: Encoder,
    scanner: Scanner,
}

impl<'a> Worker<'a> {
    fn new(context: &'a Context<'a>) -> Self {
        Self { context, encoder: Encoder::new(COMPRESSION_LEVEL), scanner: Scanner::new() }
    }

    /// Reads the file of `job`. A file that cannot be read is a note in the result; an error is
    /// the notebook's.
    fn read(&mut self, job: &Job, emit: &mut dyn FnMut(Record) -> Result<()>) -> Result<Option<ReadFile>> {
        let dir = &self.context.scan.dirs[job.dir];
        let entry = &dir.entries[job.entry];
        // The scan's names are single names, read from the directory itself.
        let Ok(path) = dir.path.join(&entry.name) else { return Ok(None) };
        let outcome = match &job.action {
            Action::Copy if entry.stat.size <= CHUNK_LIMIT as u64 => self.copy_small(job, &path, &entry.stat, emit)?,
            Action::Copy => self.copy_large(job, &path, &entry.stat, emit)?,
            Action::Hash(reason) => self.hash(job, &path, reason),
            Action::Sample => self.sample(job, &path, &entry.stat),
        };
        Ok(match outcome {
            Ok(read) => Some(read),
            Err(SourceError::Gone) => None,
            Err(error) => {
                let note = OmissionReason::Unreadable { error: error.to_string() };
                Some(ReadFile::new(Content::Missing, job.role.unwrap_or(Role::Data), Some(note)))
            }
        })
    }

    fn copy_small(
        &mut self,
        job: &Job,
        path: &RelPath,
        expected: &Stat,
        emit: &mut dyn FnMut(Record) -> Result<()>,
    ) -> Result<Read> {
        let file = match read_file(&self.context.root, path, expected, CHUNK_LIMIT as u64) {
            Ok(file) => file,
            // It has grown since the scan.
            Err(SourceError::TooLarge { .. }) => return self.copy_large(job, path, expected, emit),
            Err(error) => return Ok(Err(error)),
        };
        let role = job.role.unwrap_or_else(|| role_by_content(path.file_name(), &file.bytes, file.bytes.len() as u64));
        let secret = self.secret_in(path, &file.bytes);
        let (record, content, note) = match secret {
            Some(rule) => {
                let record = self.encoder.seal(&file.bytes, self.context.key);
                let content = Content::Sealed(record.id());
                (record, content, Some(OmissionReason::Sealed { rule: rule.to_owned() }))
            }
            None => {
                let pointer = pointer_of(path.file_name(), &file.bytes);
                let pointer =
                    pointer.map(|found| OmissionReason::Pointer { tool: found.tool.to_owned(), oid: found.oid });
                let record = self.encoder.chunk(&file.bytes);
                let content = Content::Copied(record.id());
                (record, content, pointer)
            }
        };
        emit(record)?;
        Ok(Ok(ReadFile::new(content, role, note).read_as(file.stat, file.unsteady)))
    }

    /// The rule by which a file is sealed.
    fn secret_in(&self, path: &RelPath, bytes: &[u8]) -> Option<&'static str> {
        match self.seal_by_name(path) {
            Sealing::Unless => self.scanner.rule_in(bytes),
            Sealing::Always(rule) => Some(rule),
            Sealing::Never => None,
        }
    }

    /// What path and rules say, before the content is looked at.
    fn seal_by_name(&self, path: &RelPath) -> Sealing {
        match self.context.rules.seal(path) {
            Some(true) => Sealing::Always("lab.toml"),
            Some(false) => Sealing::Never,
            None => {
                let by_name = secret_file_name(&String::from_utf8_lossy(path.as_bytes()));
                by_name.map_or(Sealing::Unless, Sealing::Always)
            }
        }
    }

    /// [`Worker::secret_in`] for a file that is not read into memory.
    fn secret_in_large(&self, path: &RelPath) -> std::result::Result<Option<&'static str>, SourceError> {
        match self.seal_by_name(path) {
            Sealing::Unless => Ok(self.scanner.rule_in_stream(&mut open_stream(&self.context.root, path)?)?),
            Sealing::Always(rule) => Ok(Some(rule)),
            Sealing::Never => Ok(None),
        }
    }

    fn seal_large(
        &mut self,
        job: &Job,
        path: &RelPath,
        expected: &Stat,
        rule: &str,
        emit: &mut dyn FnMut(Record) -> Result<()>,
    ) -> Result<Read> {
        let role = job.role.unwrap_or(Role::Data);
        let file = match read_file(&self.context.root, path, expected, SEAL_LIMIT_BYTES) {
            Ok(file) => file,
            Err(SourceError::TooLarge { .. }) => {
                // Not even its hash, which would confirm a guess.
                let note = OmissionReason::FileLimit { limit_bytes: SEAL_LIMIT_BYTES };
                return Ok(Ok(ReadFile::new(Content::Missing, role, Some(note))));
            }
            Err(error) => return Ok(Err(error)),
        };
        let record = self.encoder.seal(&file.bytes, self.context.key);
        let content = Content::Sealed(record.id());
        emit(record)?;
        let note = OmissionReason::Sealed { rule: rule.to_owned() };
        Ok(Ok(ReadFile::new(content, role, Some(note)).read_as(file.stat, file.unsteady)))
    }

    fn copy_large(
        &mut self,
        job: &Job,
        path: &RelPath,
        expected: &Stat,
        emit: &mut dyn FnMut(Record) -> Result<()>,
    ) -> Result<Read> {
        match self.secret_in_large(path) {
            Ok(None) => {}
            Ok(Some(rule)) => return self.seal_large(job, path, expected, rule, emit),
            Err(error) => return Ok(Err(error)),
        }
        let mut stream = match open_stream(&self.context.root, path) {
            Ok(stream) => stream,
            Err(error) => return Ok(Err(error)),
        };
        let mut failed = None;
        let cut = self.encoder.large(&mut stream, &mut |record| {
            emit(record).map_err(|error| {
                failed = Some(error);
                StoreError::Poisoned { path: PathBuf::new() }
            })
        });
        let large = match cut {
            Ok(large) => large,
            Err(LargeError::Read(source)) => return Ok(Err(source.into())),
            Err(LargeError::Store(error)) => return Err(failed.unwrap_or_else(|| error.into())),
        };
        if let Some(recipe) = large.recipe {
            emit(recipe)?;
        }
        Ok(stream.finish().map(|end| {
            let role = job.role.unwrap_or(Role::Data);
            ReadFile::new(Content::Copied(large.content), role, None).read_as(end.stat, end.unsteady)
        }))
    }

    fn hash(&self, job: &Job, path: &RelPath, reason: &OmissionReason) -> Read {
        let mut stream = open_stream(&self.context.root, path)?;
        let (hash, _) = hash_reader(&mut stream)?;
        let end = stream.finish()?;
        let secret = matches!(self.seal_by_name(path), Sealing::Always(_));
        // The plain hash of a secret would let anybody who guesses it know that the guess is right.
        let content = if secret { Content::Missing } else { Content::Hashed(hash) };
        let read = ReadFile::new(content, job.role.unwrap_or(Role::Data), Some(reason.clone()));
        Ok(read.read_as(end.stat, end.unsteady))
    }

    fn sample(&self, job: &Job, path: &RelPath, expected: &Stat) -> Read {
        let parts = samples(&self.context.root, path, expected)?;
        let content = Content::Sampled(sample_hash(parts.stat.size, &[&parts.bytes]));
        let read = ReadFile::new(content, job.role.unwrap_or(Role::Data), Some(OmissionReason::Sampled));
        Ok(read.read_as(parts.stat, parts.unsteady))
    }
}

/// What the snapshot holds and what not.
fn coverage_of(scan: &Scan) -> Coverage {
    let mut coverage = Coverage { directories: scan.dirs.len() as u64, ..Coverage::default() };
    for omission in &scan.omissions {
        coverage.omit(omission.path.clone(), omission.reason.clone(), omission.size_bytes);
    }
    for dir in &scan.dirs {
        for entry in &dir.entries {
            if entry.kind == Kind::Symlink {
                coverage.symlinks += 1;
            }
            let (Kind::File, Some(known)) = (entry.kind, &entry.known) else { continue };
            let size = entry.stat.size;
            let (files, bytes) = match known.content {
                Content::Copied(_) => (&mut coverage.copied_files, Some(&mut coverage.copied_bytes)),
                Content::Sealed(_) => (&mut coverage.sealed_files, None),
                Content::Hashed(_) => (&mut coverage.hashed_files, Some(&mut coverage.hashed_bytes)),
                Content::Sampled(_) => (&mut coverage.sampled_files, Some(&mut coverage.sampled_bytes)),
                Content::Missing => (&mut 0, None),
            };
            *files += 1;
            if let Some(bytes) = bytes {
                *bytes += size;
            }
            if known.unsteady || known.note.is_some() {
                let Ok(path) = dir.path.join(&entry.name) else { continue };
                if known.unsteady {
                    coverage.omit(path.clone(), OmissionReason::Unsteady, Some(size));
                }
                if let Some(note) = &known.note {
                    coverage.omit(path, (**note).clone(), Some(size));
                }
            }
        }
    }
    coverage
}

/// Builds the trees from the leaves up and appends those that are new. Afterwards every directory
/// of the scan has its `known`.
fn build_trees(scan: &mut Scan, writer: &mut Writer, encoder: &mut Encoder) -> Result<KnownTree> {
    for place in (0..scan.dirs.len()).rev() {
        if scan.dirs[place].known.is_some() {
            continue;
        }
        let dir = &scan.dirs[place];
        let mut tree = Tree { entries: Vec::with_capacity(dir.entries.len()) };
        let mut below = Vec::with_capacity(dir.entries.len());
        for entry in &dir.entries {
            let child = entry.child.and_then(|child| scan.dirs[child as usize].known.as_ref());
            // A file without anything known has vanished since the scan.
            if entry.kind == Kind::File && entry.known.is_none() {
                continue;
            }
            let known = entry.known.as_ref();
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
        scan.dirs[place].known = Some(KnownTree { tree: id, roles: tree.role_hashes(|index| below[index]) });
    }
    Ok(scan.dirs[0].known.expect("because the loop above has come to the root last"))
}
