//! Kernels of Jupyter: the cells that they execute are runs.
//!
//! **What is one run.** It begins with the first cell that a kernel executes after it had nothing to do, and takes in
//! the cells that begin within two seconds after the one before was over, as all cells of *Run all* do. Its snapshot
//! is that of the project as of its first cell. It has failed when a cell has. What the kernel remembers of earlier
//! cells belongs to what a cell does, so the notebook as it was run begins with the kernel, not with the run.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use lab_exec::detect::rules::Reason;
use lab_exec::detect::{Followed, Program};
use lab_exec::jupyter::{Connection, Iopub, IopubError, Message, Told, connection_file};
use lab_exec::observe::{self, Observer};
use lab_exec::{Ended, Exit, Sink, Stream};
use lab_ingest::notebook::{Execution, SavedCells};
use lab_model::{Origin, ProcessKey, Project, ProjectId, RelPath, Time, Usage};

use super::follow::{NANOS_PER_MILLI, Watcher, ended};
use super::observe::Seen;
use super::protocol::WatchedRun;
use super::runs::{End, PATIENCE_NANOS};
use super::work::{Close, Job};
use crate::complete::Completion;
use crate::live::{LiveRun, redacted};
use crate::notebook::{CellNote, note, read_saved};
use crate::run::{Payload, own_key};
use crate::snapshot::Taken;
use crate::supervise::{AtEnd, RunSink};
use crate::watched::monotonic_nanos as now_nanos;

/// A cell that begins so long after the one before was over begins another run.
const GAP_NANOS: u64 = 2_000 * NANOS_PER_MILLI;
/// How often what the cells printed is written, and their files are looked at.
const TICK_NANOS: u64 = 100 * NANOS_PER_MILLI;
/// The same when nothing is told.
const FLUSH_NANOS: u64 = 1_000 * NANOS_PER_MILLI;
/// How often to see whether a kernel listens, at first: nobody sends it cells before.
const KNOCK_NANOS: u64 = 20 * NANOS_PER_MILLI;
/// The same for one that takes longer.
const LATE_KNOCK_NANOS: u64 = 1_000 * NANOS_PER_MILLI;
const LATE_NANOS: u64 = 10_000 * NANOS_PER_MILLI;
/// After that it is none.
const GIVE_UP_NANOS: u64 = 120_000 * NANOS_PER_MILLI;
/// Longer code of a cell is cut.
const MAX_CODE_BYTES: usize = 512 << 10;
/// Code of earlier cells that is remembered of a kernel.
const MAX_HISTORY_BYTES: usize = 1 << 20;
/// Saved notebooks in which code is looked for when nobody says which one it is.
const MAX_NOTEBOOKS: usize = 64;

/// A kernel that is listened to.
pub(super) struct Kernel {
    pub process: ProcessKey,
    pub end: End,
    program: Program,
    variables: BTreeMap<OsString, OsString>,
    project: Project,
    connection_file: PathBuf,
    followed: Option<Followed>,
    iopub: Option<Iopub>,
    since_nanos: u64,
    knock_nanos: Option<u64>,
    executions: Vec<Execution>,
    /// Executions that are not among them, in words.
    unseen: Vec<String>,
    run: Option<CellRun>,
}

/// The run that a kernel's cells are now.
struct CellRun {
    payload: Payload,
    live: LiveRun,
    sink: RunSink,
    observer: Observer,
    before: Usage,
    completion: Option<Completion>,
    at_nanos: u64,
    /// Requests whose cells belong to it.
    requests: Vec<String>,
    /// Those of them that are not over.
    open: Vec<String>,
    idle_nanos: u64,
    ticked_nanos: u64,
    failed: bool,
    missing: Vec<String>,
}

impl Kernel {
    /// Whether a cell of it is a run of that project now.
    pub fn is_running_in(&self, project: &ProjectId) -> bool {
        self.run.is_some() && self.project.id == *project
    }

    /// Whether a cell of it is a run now.
    pub const fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// When there is something to do at the latest.
    pub fn due_nanos(&self) -> Option<u64> {
        let run = self.run.as_ref().map(|run| match run.open.is_empty() {
            true => run.idle_nanos + GAP_NANOS,
            false => (run.at_nanos + run.observer.next_millis() * NANOS_PER_MILLI).min(run.ticked_nanos + FLUSH_NANOS),
        });
        let end = self.end.ended.as_ref().map(|_| self.end.at_nanos + PATIENCE_NANOS);
        [run, end, self.knock_nanos].into_iter().flatten().min()
    }

    /// What it executes now.
    pub fn running(&self) -> Option<WatchedRun> {
        let start = &self.run.as_ref()?.payload.start;
        Some(WatchedRun { run: start.run.clone(), name: start.name.clone(), pid: self.process.pid })
    }

    /// The saved notebook: the one that the server has named, or the only one beside the kernel that has this code.
    fn notebook(&self, code: &str) -> Option<PathBuf> {
        let is_there = |path: &PathBuf| path.extension() == Some(OsStr::new("ipynb")) && path.is_file();
        let named = self.variables.get(OsStr::new("JPY_SESSION_NAME")).map(|name| self.program.cwd.join(name));
        if let Some(named) = named.filter(is_there) {
            return named.canonicalize().ok();
        }
        let beside = std::fs::read_dir(&self.program.cwd).ok()?.flatten().map(|entry| entry.path()).filter(is_there);
        let holds = |path: &PathBuf| {
            read_saved(path).and_then(|bytes| SavedCells::read(&bytes)).is_some_and(|cells| cells.holds(code))
        };
        let mut found = beside.take(MAX_NOTEBOOKS).filter(holds);
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    /// Notes which executions were not told of; `count` is that of the next one.
    fn expect(&mut self, count: u64) -> Option<String> {
        let next = self.executions.last().map_or(1, |last| last.count + 1);
        (count > next).then(|| {
            let range = if count - next == 1 { format!("[{next}]") } else { format!("[{next}] to [{}]", count - 1) };
            format!("what was executed as {range}: the watcher was not told")
        })
    }

    /// Forgets the oldest executions where there is too much of them.
    fn forget(&mut self) {
        let mut bytes: usize = self.executions.iter().map(|one| one.code.len()).sum();
        let mut gone = 0;
        while bytes > MAX_HISTORY_BYTES && gone + 1 < self.executions.len() {
            bytes -= self.executions[gone].code.len();
            gone += 1;
        }
        if gone > 0 {
            let last = self.executions[gone - 1].count;
            self.executions.drain(..gone);
            self.unseen = vec![format!("what was executed up to [{last}]: too much to remember")];
        }
    }
}

impl Watcher<'_> {
    /// A program that is no run may be a kernel: then it is listened to. Why it is no run comes back.
    pub(super) fn kernel_started(
        &mut self,
        process: &ProcessKey,
        program: &Program,
        project: &Project,
        reason: Reason,
    ) -> Reason {
        let Some(connection_file) = connection_file(program) else { return reason };
        if matches!(reason, Reason::Outside | Reason::Ignored) {
            return reason;
        }
        let variables = observe::variables_of(process.pid);
        // Of a run of `lab run` it is a part.
        if variables.contains_key(OsStr::new("LAB_RUN_ID")) {
            return reason;
        }
        if !self.kernels.iter().any(|kernel| kernel.process == *process) {
            let now = now_nanos();
            self.kernels.push(Kernel {
                process: process.clone(),
                end: End::default(),
                program: program.clone(),
                variables,
                project: project.clone(),
                connection_file,
                followed: Followed::new(process).ok(),
                iopub: None,
                since_nanos: now,
                knock_nanos: Some(now),
                executions: Vec::new(),
                unseen: Vec::new(),
                run: None,
            });
        }
        Reason::Kernel
    }

    /// Where kernels speak, and what tells of their ends.
    pub(super) fn kernel_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let living = self.kernels.iter().filter(|kernel| kernel.end.ended.is_none());
        let ends = living.filter_map(|kernel| kernel.followed.as_ref()).map(Followed::as_fd);
        self.kernels.iter().filter_map(|kernel| kernel.iopub.as_ref()).map(Iopub::as_fd).chain(ends)
    }

    /// Reads what kernels have told.
    pub(super) fn hear_kernels(&mut self) {
        let mut kernels = std::mem::take(&mut self.kernels);
        kernels.iter_mut().for_each(|kernel| self.hear(kernel));
        self.kernels = kernels;
    }

    fn hear(&mut self, kernel: &mut Kernel) {
        let Some(iopub) = &mut kernel.iopub else { return };
        let mut messages = Vec::new();
        let there = iopub.drain(&mut messages);
        for message in messages {
            self.told(kernel, message);
        }
        let now = now_nanos();
        if let Some(run) = &mut kernel.run
            && now >= run.ticked_nanos + TICK_NANOS
        {
            run.ticked_nanos = now;
            run.sink.tick(now.saturating_sub(run.at_nanos) / NANOS_PER_MILLI);
        }
        match there {
            Ok(true) => {}
            // As long as the process lives it may come back.
            Ok(false) => self.leave(kernel, Some(now_nanos() + KNOCK_NANOS)),
            Err(error) => self.refuse(kernel, &error),
        }
    }

    fn leave(&self, kernel: &mut Kernel, knock_nanos: Option<u64>) {
        if let Some(iopub) = kernel.iopub.take()
            && iopub.refused() > 0
        {
            let (pid, refused) = (kernel.process.pid, iopub.refused());
            self.say(format_args!("{refused} messages were not those of the kernel {pid}: their signatures are wrong"));
        }
        kernel.since_nanos = now_nanos();
        kernel.knock_nanos = knock_nanos;
    }

    /// Says why a kernel cannot be listened to, and no longer tries.
    fn refuse(&mut self, kernel: &mut Kernel, error: &IopubError) {
        self.leave(kernel, None);
        let reason = format!("a Jupyter kernel whose cells cannot be seen: {error}");
        self.say(format_args!("process {}: {reason}", kernel.process.pid));
        self.decide_on(kernel.process.pid, &kernel.program, &kernel.project, "no", &reason);
    }

    /// Subscribes, once the kernel is there.
    fn knock(&mut self, kernel: &mut Kernel, now: u64) {
        let opened = Connection::read(&kernel.connection_file).and_then(|connection| Iopub::connect(&connection));
        match opened {
            Ok(iopub) => {
                kernel.iopub = Some(iopub);
                kernel.knock_nanos = None;
                self.say(format_args!("listens to the kernel {}", kernel.process.pid));
            }
            Err(IopubError::Io(error)) => {
                let waited = now.saturating_sub(kernel.since_nanos);
                if waited >= GIVE_UP_NANOS {
                    return self.refuse(kernel, &IopubError::Io(error));
                }
                let pause = if waited < LATE_NANOS { KNOCK_NANOS } else { LATE_KNOCK_NANOS };
                kernel.knock_nanos = Some(now + pause);
            }
            // A file that is just being written is not understood either.
            Err(IopubError::Connection(_)) if now < kernel.since_nanos + LATE_NANOS => {
                kernel.knock_nanos = Some(now + KNOCK_NANOS);
            }
            Err(error) => self.refuse(kernel, &error),
        }
    }

    /// When a message was sent, on the monotonic clock.
    fn nanos_of(&self, message: &Message) -> u64 {
        let ago_millis = message.millis.map_or(0, |millis| self.engine.now().0.saturating_sub(millis));
        // A clock that was set meanwhile must not move anything far.
        let ago_millis = u64::try_from(ago_millis).unwrap_or(0).min(60_000);
        now_nanos().saturating_sub(ago_millis * NANOS_PER_MILLI)
    }

    fn told(&mut self, kernel: &mut Kernel, message: Message) {
        let at_nanos = self.nanos_of(&message);
        if let Told::Input { request, count, code } = message.told {
            return self.input(kernel, at_nanos, request, count, code);
        }
        let Some(run) = &mut kernel.run else { return };
        let millis = at_nanos.saturating_sub(run.at_nanos) / NANOS_PER_MILLI;
        match message.told {
            Told::Idle { request } => {
                let before = run.open.len();
                run.open.retain(|open| *open != request);
                if run.open.len() < before {
                    run.idle_nanos = at_nanos;
                }
            }
            Told::Stream { request, is_error, text } if run.requests.contains(&request) => {
                let stream = if is_error { Stream::Err } else { Stream::Out };
                run.sink.output(stream, millis, text.as_bytes());
            }
            Told::Shown { request, text } if run.requests.contains(&request) => {
                run.sink.output(Stream::Out, millis, format!("{text}\n").as_bytes());
            }
            Told::Error { request, name, value, traceback } if run.requests.contains(&request) => {
                run.failed = true;
                let text = if traceback.is_empty() { format!("{name}: {value}") } else { traceback.join("\n") };
                run.sink.output(Stream::Err, millis, format!("{text}\n").as_bytes());
            }
            _ => {}
        }
    }

    /// A kernel begins with a cell.
    fn input(&mut self, kernel: &mut Kernel, at_nanos: u64, request: String, count: u64, mut code: String) {
        let is_over = |run: &CellRun| run.open.is_empty() && at_nanos >= run.idle_nanos + GAP_NANOS;
        if let Some(run) = kernel.run.take_if(|run| is_over(run)) {
            self.close_cells(run, None);
        }
        let mut missing: Vec<String> = kernel.expect(count).into_iter().collect();
        if code.len() > MAX_CODE_BYTES {
            code.truncate(code.floor_char_boundary(MAX_CODE_BYTES));
            missing.push(format!("the rest of the code of [{count}]: it is too long"));
        }
        if kernel.run.is_none() {
            kernel.forget();
            kernel.run = self.open_cells(kernel, at_nanos, &code);
        }
        let key = self.engine.seal_key().ok();
        let hide =
            |secret: &str, rule: &str| key.map_or_else(|| format!("[{rule}]"), |key| redacted(key, secret, rule));
        let code = self.scanner.redact(&code, &mut |secret, rule| hide(secret, rule)).into_owned();
        let execution = Execution { count, code };
        if let Some(run) = &mut kernel.run {
            if let Err(error) = note(&run.live, &[CellNote::Ran(execution.clone())]) {
                missing.push(format!("the code of [{count}]: {error}"));
            }
            run.missing.extend(missing.iter().cloned());
            run.requests.push(request.clone());
            run.open.push(request);
        }
        kernel.unseen.extend(missing);
        kernel.executions.push(execution);
    }

    /// Opens the run that begins with a cell.
    fn open_cells(&mut self, kernel: &Kernel, at_nanos: u64, code: &str) -> Option<CellRun> {
        let project = &kernel.project;
        let kept = self
            .engine
            .keep_files(&mut self.projects.watched, project, Some(at_nanos.into()))
            .inspect_err(|error| self.say(format_args!("the files of {} are not kept: {error}", project.name)))
            .ok();
        let notebook = kernel.notebook(code);
        let below = notebook.as_ref().and_then(|path| path.strip_prefix(&project.root).ok());
        let path = below.and_then(|below| RelPath::new(below.as_os_str().as_encoded_bytes()).ok());
        let name = below.map_or_else(|| kernel_name(&kernel.connection_file), Path::to_path_buf);
        let seen = Seen {
            origin: Origin::Watch,
            argv: vec![name.clone().into_os_string()],
            cwd: kernel.program.cwd.clone(),
            time: Time(self.engine.millis_at(at_nanos)),
            process: own_key(),
        };
        let opened = self.engine.seen_start(&seen, project, kept.as_ref()).and_then(|mut start| {
            start.missing.extend(kernel.unseen.iter().cloned());
            if path.is_none() {
                start.missing.push("which notebook it was: none beside the kernel has its code as saved".to_owned());
            }
            self.engine.open_seen(start, project, kept.as_ref().map(|kept| &kept.taken))
        });
        let payload = match opened {
            Ok(payload) => payload,
            Err(error) => {
                self.say(format_args!("the cells of a notebook are not kept: {error}"));
                return None;
            }
        };
        let pid = kernel.process.pid;
        self.decide(pid, &name.to_string_lossy(), project, "run", &payload.start.name);
        self.say(format_args!("{} started in the kernel {pid}", payload.start.name));
        let live = LiveRun::new(&self.engine.notebook.live_dir(), &payload.start.run);
        let mut notes: Vec<CellNote> = path.into_iter().map(CellNote::Saved).collect();
        notes.extend(kernel.executions.iter().cloned().map(CellNote::Before));
        let missing = note(&live, &notes).err().map(|error| format!("what the kernel had executed before: {error}"));
        let files = kept.as_ref().map(|kept| &kept.taken).map(Taken::sampled);
        let completion = files.map(|files| Completion::start(Path::new(&project.root), files, live.hashed_file()));
        self.worker.add(Job::Facts {
            payload: Box::new(payload.clone()),
            argv: kernel.program.argv.clone(),
            cwd: kernel.program.cwd.clone(),
            variables: kernel.variables.clone(),
        });
        let mut observer = Observer::new(pid, 0);
        observer.sample(0);
        Some(CellRun {
            sink: RunSink::open(self.engine, Some(&payload), Some(pid), &self.walks),
            before: observer.usage().clone(),
            observer,
            payload,
            live,
            completion,
            at_nanos,
            requests: Vec::new(),
            open: Vec::new(),
            idle_nanos: at_nanos,
            ticked_nanos: 0,
            failed: false,
            missing: missing.into_iter().collect(),
        })
    }

    /// Closes the run of cells that are over, or whose kernel is: `kernel_ended` says how.
    fn close_cells(&mut self, mut run: CellRun, kernel_ended: Option<&Ended>) {
        let _ = run.observer.sample(now_nanos().saturating_sub(run.at_nanos) / NANOS_PER_MILLI);
        let used = run.observer.usage();
        let usage = Usage {
            user_seconds: (used.user_seconds - run.before.user_seconds).max(0.0),
            system_seconds: (used.system_seconds - run.before.system_seconds).max(0.0),
            peak_memory_bytes: used.peak_memory_bytes,
        };
        let is_over = run.open.is_empty();
        let (ended, over_nanos) = match kernel_ended {
            _ if is_over => (Ended::Exited(i32::from(run.failed)), run.idle_nanos),
            Some(Ended::Signaled(signal)) => (Ended::Signaled(*signal), now_nanos()),
            _ => (Ended::Unknown, now_nanos()),
        };
        if !is_over {
            run.missing.push("how its last cell ended: the kernel, or who listened to it, was gone before".to_owned());
        }
        let exit = Exit {
            ended,
            usage,
            duration_millis: over_nanos.saturating_sub(run.at_nanos) / NANOS_PER_MILLI,
            output_closed: true,
            lost_output_bytes: 0,
            left_behind: false,
        };
        let CellRun { payload, sink, completion, missing, .. } = run;
        self.hand_over(Close { payload, sink, exit, end: AtEnd { missing, files: None }, completion });
    }

    /// Does what is due.
    pub(super) fn work_kernels(&mut self, now: u64) {
        let mut kernels = std::mem::take(&mut self.kernels);
        for kernel in &mut kernels {
            if kernel.end.ended.is_none() {
                if kernel.knock_nanos.is_some_and(|at| now >= at) {
                    self.knock(kernel, now);
                }
                if let Some(ended) = ended(kernel.followed.as_ref(), &kernel.process) {
                    kernel.end.learn(Some(ended), now);
                    kernel.knock_nanos = None;
                }
            }
            if let Some(run) = &mut kernel.run {
                let millis = now.saturating_sub(run.at_nanos) / NANOS_PER_MILLI;
                if !run.open.is_empty() && run.observer.next_millis() <= millis {
                    run.observer.sample(millis).into_iter().for_each(|sample| run.sink.observed(&sample, millis));
                }
            }
            if let Some(run) = kernel.run.take_if(|run| run.open.is_empty() && now >= run.idle_nanos + GAP_NANOS) {
                self.close_cells(run, None);
            }
        }
        for mut gone in kernels.extract_if(.., |kernel| kernel.end.is_settled(now)) {
            // What it said before it ended.
            self.hear(&mut gone);
            self.leave(&mut gone, None);
            if let Some(run) = gone.run.take() {
                self.close_cells(run, gone.end.ended.as_ref());
            }
        }
        self.kernels = kernels;
    }

    /// Closes what is open: nobody listens any more.
    pub(super) fn leave_kernels(&mut self) {
        for run in std::mem::take(&mut self.kernels).into_iter().filter_map(|kernel| kernel.run) {
            self.close_cells(run, None);
        }
    }
}

/// What a kernel is called by when its notebook is not known.
fn kernel_name(connection_file: &Path) -> PathBuf {
    PathBuf::from(connection_file.file_stem().unwrap_or(OsStr::new("kernel")))
}
