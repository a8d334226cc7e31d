//! Reading, hashing and compressing files side by side.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use lab_ingest::secret::{Scanner, secret_file_name};
use lab_model::{Content, OmissionReason, RelPath, Role};
use lab_store::{CHUNK_LIMIT, Encoder, LargeError, Record, SealKey, StoreError, Writer, hash_reader, sample_hash};
use lab_workdir::{
    FileBytes, Known, RootHandle, Rules, Scan, SourceError, Stat, open_stream, pointer_of, read_file, role_by_content,
    samples,
};

use super::Held;
use super::plan::{Action, Job, Plan};
use crate::engine::COMPRESSION_LEVEL;
use crate::{Error, ErrorKind, Progress, Result};

/// A file that is to be sealed and larger than this is not kept: it is encrypted in one piece.
const SEAL_LIMIT_BYTES: u64 = 32 << 20;
/// Below this many files and bytes a second thread costs more than it brings.
const SMALL_FILES: usize = 48;
const SMALL_BYTES: u64 = 4 << 20;
/// Worker threads at most; hashing and compressing is then faster than any disk.
const MAX_WORKERS: usize = 8;

/// What the workers share.
pub(super) struct Context<'a> {
    pub root: RootHandle,
    pub rules: &'a Rules,
    pub scan: &'a Scan,
    pub key: &'a SealKey,
    pub plan: &'a Plan,
    pub held: &'a Held,
}

/// A file that was read.
#[derive(Clone)]
pub(super) struct ReadFile {
    pub known: Known,
    /// Its stat when it was read; `None` when that of the scan stands.
    pub stat: Option<Stat>,
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
    pub fn read_all(&self, writer: &mut Writer, progress: Progress<'_>) -> Result<Vec<Option<ReadFile>>> {
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
            Action::Copy if let Some(file) = self.context.held.get(&(job.dir, job.entry)) => {
                self.keep(job, &path, file, emit)?
            }
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
        self.keep(job, path, &file, emit)
    }

    fn keep(
        &mut self,
        job: &Job,
        path: &RelPath,
        file: &FileBytes,
        emit: &mut dyn FnMut(Record) -> Result<()>,
    ) -> Result<Read> {
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
        secret_in(self.context.rules, &self.scanner, path, bytes)
    }

    fn seal_by_name(&self, path: &RelPath) -> Sealing {
        seal_by_name(self.context.rules, path)
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

/// The record of a file's bytes, sealed when they hold a secret, and what a tree says of it.
pub(super) fn record_of(rules: &Rules, key: &SealKey, path: &RelPath, bytes: &[u8]) -> (Record, Content) {
    let mut encoder = Encoder::new(COMPRESSION_LEVEL);
    if secret_in(rules, &Scanner::new(), path, bytes).is_some() {
        let record = encoder.seal(bytes, key);
        let content = Content::Sealed(record.id());
        return (record, content);
    }
    let record = encoder.chunk(bytes);
    let content = Content::Copied(record.id());
    (record, content)
}

fn secret_in(rules: &Rules, scanner: &Scanner, path: &RelPath, bytes: &[u8]) -> Option<&'static str> {
    match seal_by_name(rules, path) {
        Sealing::Unless => scanner.rule_in(bytes),
        Sealing::Always(rule) => Some(rule),
        Sealing::Never => None,
    }
}

/// What path and rules say, before the content is looked at.
fn seal_by_name(rules: &Rules, path: &RelPath) -> Sealing {
    match rules.seal(path) {
        Some(true) => Sealing::Always("lab.toml"),
        Some(false) => Sealing::Never,
        None => {
            let by_name = secret_file_name(&String::from_utf8_lossy(path.as_bytes()));
            by_name.map_or(Sealing::Unless, Sealing::Always)
        }
    }
}
