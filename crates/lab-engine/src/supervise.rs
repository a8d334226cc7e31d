//! The supervisor's part of a run, and the end of every run: by the supervisor, by the front that
//! took over, or by the next command that finds it lost.

use std::cell::RefCell;
use std::collections::HashSet;
use std::os::fd::AsFd;
use std::path::Path;

use lab_exec::gpu::Sampler;
use lab_exec::{Ended, Exit, Sample, Sink, Stream};
use lab_ingest::secret::Scanner;
use lab_model::{
    Content, Failure, FilePath, FilesUsed, Hash, Kind, LogSummary, Output, OutputChange, PathDiff, RelPath, Role,
    RunEnd, RunId, RunStart, SeriesRef, Status, Usage,
};
use lab_store::{Encoder, RecordKind, Writer};
use serde::{Deserialize, Serialize};

use crate::complete;
use crate::engine::{COMPRESSION_LEVEL, load_config};
use crate::follow::{Follow, RunWitness, Walks};
use crate::live::{LiveReader, LiveRun, LiveWriter, LogCounts, parse_log, redacted};
use crate::run::{Payload, apply_keep, sample_values};
use crate::snapshot::{Listed, Request, Taken};
use crate::{Engine, EngineConfig, Error, Reader, Result, trace};

/// The life of a supervisor: `lab __supervise` is nothing but this.
///
/// # Errors
/// When the two processes of a run do not understand each other.
pub fn supervise(config: EngineConfig) -> Result<()> {
    let engine = RefCell::new(None);
    let payload_of = |bytes: &[u8]| serde_json::from_slice::<Payload>(bytes).ok();
    lab_exec::supervise(
        |tracer| {
            // Without the thread the keeper takes the tracer's place, and the record says what is missing.
            let _ = std::thread::Builder::new().name("lab-trace".to_owned()).spawn(|| tracer.serve());
        },
        |bytes, pid| {
            let Some(payload) = payload_of(bytes) else { return RunSink::none() };
            let mut engine = engine.borrow_mut();
            engine.insert(Engine::open_existing(config)).as_ref().map_or_else(
                |_| RunSink::none(),
                |engine| RunSink::open(engine, Some(&payload), pid, &Walks::default()),
            )
        },
        |bytes, sink, exit, _| {
            // Taken out, so that the notebook is closed before what the command left behind is waited for.
            let warnings = match (engine.borrow_mut().take(), payload_of(bytes)) {
                (Some(Ok(engine)), Some(payload)) => finish(&engine, &payload, sink, exit),
                (Some(Err(error)), Some(_)) => vec![format!("the end of this run is not kept: {error}")],
                _ => Vec::new(),
            };
            serde_json::to_vec(&warnings).expect("because strings always serialise")
        },
    )
    .map_err(|error| Error::new(crate::ErrorKind::Bug, "The supervisor failed").because(error))
}

/// Takes what a command prints and uses into the live files.
pub(crate) struct RunSink {
    writer: Option<LiveWriter>,
    gpu: Option<Sampler>,
    follow: Option<(Follow, RunWitness)>,
    /// What the machine had received and sent when the run began.
    network_start: Option<(u64, u64)>,
    /// Hashes what the command read.
    beside: Option<trace::Beside>,
    /// What is found of files goes on to the next run.
    walks: Walks,
}

impl RunSink {
    /// A sink that keeps nothing.
    pub fn none() -> Self {
        let walks = Walks::default();
        Self { writer: None, gpu: None, follow: None, network_start: None, beside: None, walks }
    }

    /// The sink of a run, whose first process is `pid`. It shares `walks` with other runs of this process.
    pub fn open(engine: &Engine, payload: Option<&Payload>, pid: Option<i32>, walks: &Walks) -> Self {
        let Some((payload, key)) = payload.zip(engine.seal_key().ok()) else { return Self::none() };
        let live = LiveRun::new(&engine.notebook.live_dir(), &payload.start.run);
        let log = live.trace_file();
        let beside = log.exists().then(|| trace::Beside::start(log, live.used_file())).flatten();
        let writer = LiveWriter::new(live, payload.start.time, key.clone(), payload.log_limit_bytes);
        let follow = RunWitness::begin(engine, payload, pid, walks);
        let network_start = lab_exec::machine::network_bytes();
        let walks = walks.clone();
        Self { writer: Some(writer), gpu: Sampler::open(), follow, network_start, beside, walks }
    }
}

impl RunSink {
    /// A sink whose log is under way.
    pub fn of(writer: LiveWriter) -> Self {
        Self { writer: Some(writer), ..Self::none() }
    }

    /// The sink of a run without a process, of which there is a folder.
    pub fn of_folder(engine: &Engine, payload: &Payload, folder: &Path) -> Self {
        let Ok(key) = engine.seal_key() else { return Self::none() };
        let live = LiveRun::new(&engine.notebook.live_dir(), &payload.start.run);
        let writer = LiveWriter::new(live, payload.start.time, key.clone(), payload.log_limit_bytes);
        let follow = RunWitness::begin_in(engine, payload, folder, None, &Walks::default());
        Self { writer: Some(writer), follow, ..Self::none() }
    }

    /// Reads what its files have gained.
    pub fn tick_files(&mut self, millis_since_start: u64) {
        Sink::tick(self, millis_since_start);
    }

    /// Notes a sample of a process that is followed from outside, with what the graphics cards do, and what its
    /// files have gained.
    pub fn observed(&mut self, sample: &Sample, millis_since_start: u64) {
        Sink::sample(self, sample);
        Sink::tick(self, millis_since_start);
    }
}

impl Sink for RunSink {
    fn output(&mut self, stream: Stream, millis_since_start: u64, bytes: &[u8]) {
        if let Some(writer) = &mut self.writer {
            let stream = match stream {
                Stream::Out => "out",
                Stream::Err => "err",
                Stream::Terminal => "tty",
            };
            writer.output(stream, millis_since_start, bytes);
        }
    }

    fn sample(&mut self, sample: &Sample) {
        if let Some(writer) = &mut self.writer {
            let gpus = self.gpu.as_ref().map(Sampler::sample).unwrap_or_default();
            let network = lab_exec::machine::network_bytes().zip(self.network_start);
            let network = network.map(|(now, start)| (now.0.saturating_sub(start.0), now.1.saturating_sub(start.1)));
            writer.sample(&sample_values(sample, &gpus, network));
        }
    }

    fn tick(&mut self, millis_since_start: u64) {
        if let Some(writer) = &mut self.writer {
            writer.tick(millis_since_start);
            if let Some((follow, witness)) = &mut self.follow {
                follow.tick(witness, writer);
            }
        }
    }
}

/// How a run ended, kept beside the live files until the record is in a pack.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Ending {
    time: lab_model::Time,
    status: Status,
    exit_code: Option<i32>,
    signal: Option<i32>,
    duration_millis: u64,
    failure: Option<Failure>,
    usage: Usage,
    bytes: u64,
    left_out_bytes: u64,
    missing: Vec<String>,
}

/// What became of the files while a run went on.
#[derive(Default)]
pub(crate) struct FilesAtEnd {
    /// The end's snapshot, when anything differs from the start.
    pub snapshot: Option<Hash>,
    pub outputs: Vec<Output>,
    changed_inputs: Vec<Output>,
    /// What the run itself read and wrote.
    pub used: FilesUsed,
}

impl FilesAtEnd {
    /// What the run was seen to write is an output, whatever its role.
    fn settle(&mut self) {
        let used = &self.used;
        let written: HashSet<RelPath> = used.written.iter().filter_map(|file| file.path.in_project()).collect();
        let removed: HashSet<RelPath> = used.removed.iter().filter_map(FilePath::in_project).collect();
        let own = self.changed_inputs.extract_if(.., |changed| {
            written.contains(&changed.path)
                || (changed.change == OutputChange::Removed && removed.contains(&changed.path))
        });
        self.outputs.extend(own);
        self.outputs.sort_by(|left, right| left.path.cmp(&right.path));
    }
}

/// Closes a run whose command has ended; what the person should know comes back.
pub(crate) fn finish(engine: &Engine, payload: &Payload, sink: RunSink, exit: &Exit) -> Vec<String> {
    finish_with(engine, payload, sink, exit, AtEnd::default())
}

/// What is known of the end of a run that was only seen.
#[derive(Default)]
pub(crate) struct AtEnd {
    /// What more is missing.
    pub missing: Vec<String>,
    /// The files as they were listed then; they are looked for when it is `None`.
    pub files: Option<Listed>,
}

/// The same for a run that was only seen.
pub(crate) fn finish_with(engine: &Engine, payload: &Payload, sink: RunSink, exit: &Exit, end: AtEnd) -> Vec<String> {
    let Some(mut writer) = sink.writer else { return Vec::new() };
    drop(sink.beside);
    if let Some((mut follow, mut witness)) = sink.follow {
        follow.finish(&mut witness, &mut writer);
        sink.walks.keep(follow);
    }
    writer.close(exit.duration_millis);
    let mut ending = ending_of(engine, &writer, exit);
    ending.missing.extend(end.missing);
    let mut warnings = Vec::new();
    let live = LiveRun::new(&engine.notebook.live_dir(), &payload.start.run);
    if let Err(error) = engine.close_run(payload, &live, &ending, end.files) {
        // The next command that can write closes the run with exactly this.
        let kept = serde_json::to_vec(&ending).map(|bytes| std::fs::write(live.directory.join("ending.json"), bytes));
        warnings.push(format!("the end of this run is not kept yet: {error}"));
        if matches!(kept, Ok(Ok(()))) {
            warnings.push("it is kept by the next `lab` command that can write the notebook".to_owned());
        }
    }
    warnings
}

pub(crate) fn ending_of(engine: &Engine, writer: &LiveWriter, exit: &Exit) -> Ending {
    let (status, exit_code, signal) = match &exit.ended {
        Ended::Exited(0) => (Status::Done, Some(0), None),
        Ended::Exited(code) => (Status::Failed, Some(*code), None),
        Ended::Signaled(signal) => (Status::Killed, None, Some(*signal)),
        Ended::NotStarted(_) => (Status::Failed, Some(exit.code()), None),
        Ended::Unknown => (Status::Lost, None, None),
    };
    let failure = match &exit.ended {
        Ended::Exited(0) => None,
        Ended::NotStarted(failure) => Some(Failure { title: failure.to_string(), text: String::new() }),
        _ => lab_ingest::failure::find(&writer.tail.iter().cloned().collect::<Vec<_>>()),
    };
    let LogCounts { bytes, left_out_bytes, .. } = writer.counts;
    let mut missing = Vec::new();
    if let Some(error) = &writer.error {
        missing.push(format!("the log from some point on: {error}"));
    }
    if exit.left_behind {
        missing.push("output of processes that outlived the command".to_owned());
    }
    Ending {
        time: engine.now(),
        status,
        exit_code,
        signal,
        duration_millis: exit.duration_millis,
        failure,
        usage: exit.usage.clone(),
        bytes,
        left_out_bytes,
        missing,
    }
}

impl Engine {
    /// Turns the live files of a run into records and closes it. `listed` is what stands in the project, where that is known.
    fn close_run(&self, payload: &Payload, live: &LiveRun, ending: &Ending, listed: Option<Listed>) -> Result<()> {
        let Some(_lock) = lock(live) else { return Ok(()) };
        let start = &payload.start;
        let mut writer = self.writer()?;
        let mut missing = ending.missing.clone();
        let (mut config, config_bytes) = load_config(Path::new(&payload.project.root)).unwrap_or_default();
        apply_keep(&mut config, payload.keep.iter().map(|(role, keep)| (*role, (*keep).into())));
        let (force_copy, hashed) = (HashSet::new(), complete::results(&live.hashed_file()));
        let request = Request {
            project: &payload.project,
            config: &config,
            config_bytes: &config_bytes,
            force_copy: &force_copy,
            hashed: &hashed,
        };
        let taken = match listed {
            Some(listed) => self.take_listed(&mut writer, &request, listed),
            None => self.take(&mut writer, &request, &mut |_, _| {}),
        };
        let taken = match taken {
            Ok(taken) => Some(taken),
            // The project's folder may be gone by now; that must not cost the rest of the record.
            Err(error) if error.kind == crate::ErrorKind::Missing => {
                missing.push(format!("the files as of the end: {error}"));
                None
            }
            Err(error) => return Err(error),
        };
        let mut files = self.files_at_end(start, taken.as_ref(), &mut writer)?;
        let end = taken.as_ref().map(|taken| taken.snapshot.root);
        files.used = self.files_used(payload, live, end, &mut missing)?;
        files.settle();
        self.append_end(payload, live, &Ending { missing, ..ending.clone() }, files, &mut writer)?;
        writer.commit(self.now())?;
        if let Some(taken) = taken {
            taken.save_index();
        }
        live.remove();
        Ok(())
    }

    /// Appends the record that closes a run. The caller commits.
    pub(crate) fn append_end(
        &self,
        payload: &Payload,
        live: &LiveRun,
        ending: &Ending,
        files: FilesAtEnd,
        writer: &mut Writer,
    ) -> Result<()> {
        let mut encoder = Encoder::new(COMPRESSION_LEVEL);
        let (metrics, key) = (live.reader(payload.start.time), self.seal_key()?);
        let mut missing = ending.missing.clone();
        missing.extend_from_slice(metrics.troubles());
        let notebook = self.keep_notebook(payload, live, writer, &mut encoder)?;
        let end = RunEnd {
            run: payload.start.run.clone(),
            time: ending.time,
            status: ending.status,
            // Cells have none.
            exit_code: ending.exit_code.filter(|_| notebook.is_none()),
            signal: ending.signal,
            duration_millis: ending.duration_millis,
            failure: ending.failure.clone(),
            snapshot: files.snapshot,
            outputs: files.outputs,
            changed_inputs: files.changed_inputs.into_iter().map(|changed| changed.path).collect(),
            files: files.used,
            params: Scanner::new().redact_params(metrics.params(), &mut |secret, rule| redacted(key, secret, rule)),
            series: keep_series(metrics, writer, &mut encoder)?,
            log: keep_log(live, ending, writer, &mut encoder)?,
            notebook,
            usage: ending.usage.clone(),
            missing,
        };
        writer.append(encoder.json(RecordKind::RunEnd, &end))?;
        Ok(())
    }

    /// What the tracer saw, as it goes into the record. `end` is the tree as of the end.
    fn files_used(
        &self,
        payload: &Payload,
        live: &LiveRun,
        end: Option<Hash>,
        missing: &mut Vec<String>,
    ) -> Result<FilesUsed> {
        let seen = trace::Seen::new(&lab_exec::trace::read_log(&live.trace_file()));
        missing.extend(seen.missing.as_ref().map(|why| format!("which files it read and wrote: {why}")));
        let reader = self.plain_reader()?;
        let start = payload.start.snapshot.map(|id| reader.snapshot(&id)).transpose()?.map(|start| start.root);
        let root = Path::new(&payload.project.root);
        let (key, started, hashed) = (self.seal_key()?, payload.start.time, live.used_file());
        let lookup = trace::Lookup { reader: &reader, root, start, end, key, started, hashed: &hashed };
        let (used, gave_up) = lookup.files_used(seen)?;
        if gave_up {
            missing.push("what a file system holds that did not answer at the end".to_owned());
        }
        Ok(used)
    }

    /// Compares the files at the end with those at the start.
    fn files_at_end(&self, start: &RunStart, taken: Option<&Taken>, writer: &mut Writer) -> Result<FilesAtEnd> {
        let (Some(taken), Some(before)) = (taken, start.snapshot) else { return Ok(FilesAtEnd::default()) };
        let before = self.plain_reader()?.snapshot(&before)?;
        if before.root == taken.snapshot.root {
            return Ok(FilesAtEnd::default());
        }
        writer.append(taken.record.clone())?;
        // A batch of its own, so that the new trees can be read.
        writer.commit(taken.snapshot.time)?;
        let reader = self.plain_reader()?;
        let differences =
            lab_model::diff::trees(Some(before.root), Some(taken.snapshot.root), &mut |id| reader.store().tree(id))?;
        let mut files = FilesAtEnd { snapshot: Some(taken.id), ..FilesAtEnd::default() };
        for difference in differences {
            match told(&difference) {
                Some(output) if is_output(&difference, output.change) => files.outputs.push(output),
                Some(output) => files.changed_inputs.push(output),
                None => {}
            }
        }
        Ok(files)
    }

    /// Closes runs whose processes are gone, and those whose end could not be written at the time.
    pub(crate) fn close_lost_runs(&self) -> Result<()> {
        let reader = self.plain_reader()?;
        for start in reader.store().open_runs()? {
            let Some(row) = reader.run(&start.run)? else { continue };
            let live = LiveRun::new(&self.notebook.live_dir(), &start.run);
            let ending = std::fs::read(live.directory.join("ending.json")).ok();
            let ending = ending.and_then(|bytes| serde_json::from_slice::<Ending>(&bytes).ok());
            if ending.is_none() && reader.is_alive(&row) {
                continue;
            }
            let Some(project) = reader.project(&start.project)? else { continue };
            let ending = ending.unwrap_or_else(|| self.lost(&start, &live));
            let log_limit_bytes = u64::MAX;
            let payload = Payload { start, project, keep: Vec::new(), log_limit_bytes };
            self.close_gone_run(&payload, &live, &ending)?;
        }
        self.remove_stray_directories(&reader);
        Ok(())
    }

    /// Removes live files that belong to no open run: `lab` was killed before the start was kept, or after
    /// the end was.
    fn remove_stray_directories(&self, reader: &Reader) {
        let entries = std::fs::read_dir(self.notebook.live_dir()).into_iter().flatten().flatten();
        let runs = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<RunId>().ok());
        for run in runs {
            let live = LiveRun::new(&self.notebook.live_dir(), &run);
            let is_open = !reader.run(&run).is_ok_and(|row| row.is_none_or(|row| row.end.is_some()));
            if !is_open && !live.front().is_some_and(|front| lab_exec::is_alive(&front)) && lock(&live).is_some() {
                live.remove();
            }
        }
    }

    /// Closes a run of which only the live files are left: the files of the project are those of
    /// some later moment, so that they say nothing of its end.
    fn close_gone_run(&self, payload: &Payload, live: &LiveRun, ending: &Ending) -> Result<()> {
        let Some(_lock) = lock(live) else { return Ok(()) };
        // Whoever looked after it may have closed it since it was found open.
        if self.plain_reader()?.run(&payload.start.run)?.is_some_and(|row| row.end.is_some()) {
            return Ok(());
        }
        let mut ending = ending.clone();
        ending.missing.push("the files as of the end".to_owned());
        let used = self.files_used(payload, live, None, &mut ending.missing)?;
        let files = FilesAtEnd { used, ..FilesAtEnd::default() };
        let mut writer = self.writer()?;
        self.append_end(payload, live, &ending, files, &mut writer)?;
        writer.commit(self.now())?;
        live.remove();
        Ok(())
    }

    /// What can be said of a run that nobody saw end.
    fn lost(&self, start: &RunStart, live: &LiveRun) -> Ending {
        let lines = live.log();
        let last_millis = lines.last().map_or(0, |line| line.millis);
        Ending {
            time: lab_model::Time(start.time.0 + last_millis.cast_signed()),
            status: Status::Lost,
            exit_code: None,
            signal: None,
            duration_millis: last_millis,
            failure: None,
            usage: Usage::default(),
            bytes: lines.iter().map(|line| line.text.len() as u64 + 1).sum(),
            left_out_bytes: 0,
            missing: vec!["how and when it ended: `lab` and the machine's memory of it were gone".to_owned()],
        }
    }
}

/// Only one process closes a run.
fn lock(live: &LiveRun) -> Option<impl Sized + use<>> {
    // Without its directory the run is closed already, or nothing of it is left to lock.
    let directory = std::fs::File::open(&live.directory).ok();
    match directory {
        Some(directory) => {
            rustix::fs::flock(directory.as_fd(), rustix::fs::FlockOperation::NonBlockingLockExclusive).ok()?;
            live.directory.exists().then_some(Some(directory))
        }
        None => Some(None),
    }
}

fn keep_series(metrics: LiveReader, writer: &mut Writer, encoder: &mut Encoder) -> Result<Vec<SeriesRef>> {
    let mut kept = Vec::new();
    for series in metrics.into_series() {
        let Some(summary) = series.summary() else { continue };
        let bytes = series.encode();
        let record = encoder.body(RecordKind::Series, &bytes);
        kept.push(SeriesRef { record: record.id(), summary });
        writer.append(record)?;
    }
    Ok(kept)
}

fn keep_log(live: &LiveRun, ending: &Ending, writer: &mut Writer, encoder: &mut Encoder) -> Result<LogSummary> {
    let mut log = LogSummary { bytes: ending.bytes, left_out_bytes: ending.left_out_bytes, ..LogSummary::default() };
    for part in live.parts() {
        log.lines += parse_log(&part).len() as u64;
        let record = encoder.body(RecordKind::Log, &part);
        log.records.push(record.id());
        writer.append(record)?;
    }
    Ok(log)
}

/// A difference between start and end as an output; directories are told by what is in them.
fn told(difference: &PathDiff) -> Option<Output> {
    let (left, right) = (difference.left.as_ref(), difference.right.as_ref());
    let entry = right.or(left)?;
    if entry.kind == Kind::Directory {
        return None;
    }
    let change = match (left, right) {
        (None, _) => OutputChange::Created,
        (Some(_), None) => OutputChange::Removed,
        (Some(left), Some(right)) if left.content == right.content && left.target == right.target => return None,
        // The whole hash has come in meanwhile; the file is the same.
        (Some(left), Some(right))
            if matches!((left.content, right.content), (Content::Sampled(_), Content::Hashed(_)))
                && (left.size, left.mtime, left.mtime_nanos) == (right.size, right.mtime, right.mtime_nanos) =>
        {
            return None;
        }
        _ => OutputChange::Changed,
    };
    let content = right.map_or(Content::Missing, |right| right.content);
    Some(Output { path: difference.path.clone(), size_bytes: entry.size, change, content })
}

/// Programs write outputs; people write code, also new files while a run goes on.
fn is_output(difference: &PathDiff, change: OutputChange) -> bool {
    let role = difference.left.as_ref().or(difference.right.as_ref()).map(|entry| entry.role);
    role == Some(Role::Output) || (change == OutputChange::Created && role != Some(Role::Code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watched::tests::engine;

    #[test]
    fn a_run_that_was_closed_since_it_was_found_open_ended_as_it_did() {
        let small = lab_testkit::small_notebook();
        let engine = engine(small.notebook().parent().unwrap(), "notebook");
        let reader = engine.plain_reader().unwrap();
        let mut row = reader.run(&small.runs[0]).unwrap().unwrap();
        let end = row.end.take().unwrap();
        assert_eq!((end.status, reader.standing(&row)), (Status::Done, Status::Done));
        let live = LiveRun::new(&engine.notebook.live_dir(), &row.start.run);
        let ending = engine.lost(&row.start, &live);
        let payload = engine.payload_of(row.start.clone(), &small.project).unwrap();
        engine.close_gone_run(&payload, &live, &ending).unwrap();
        assert_eq!(reader.run(&small.runs[0]).unwrap().unwrap().end, Some(end));
    }
}
