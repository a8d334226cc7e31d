//! `lab run`: keep the files, start the command, gather the facts beside it, close the record.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lab_exec::trace::Trace;
use lab_exec::{Ended, Exit, Front, Launch, Outcome};
use lab_ingest::secret::Scanner;
use lab_model::{Fingerprint, Origin, ProcessKey, Project, RelPath, Role, RunFacts, RunId, RunStart, name_from_seed};
use lab_store::{Encoder, RecordKind};
use lab_workdir::Keep;
use lab_workdir::config::TraceMode;
use serde::{Deserialize, Serialize};

use crate::complete::Completion;
use crate::describe::{Description, describe};
use crate::engine::{COMPRESSION_LEVEL, load_config};
use crate::live::{LiveRun, redacted};
use crate::snapshot::{Request, Taken};
use crate::supervise::{RunSink, finish};
use crate::{Engine, Error, ErrorKind, Result};

/// A command to be run and kept.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// The command line.
    pub argv: Vec<OsString>,
    /// A name instead of a made-up one.
    pub name: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Why the run is made.
    pub reason: Option<String>,
    /// The project's folder instead of the one found from the current directory.
    pub project: Option<PathBuf>,
    /// What is kept of a role's files, instead of what `lab.toml` says.
    pub keep: Vec<(Role, Keep)>,
    /// Whether the command gets a terminal of its own, since `lab` has one.
    pub terminal: bool,
    /// How it is found out which files are read and written, instead of what `lab.toml` says.
    pub trace: Option<TraceMode>,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunOutcome {
    /// The run; `None` when nothing could be kept, `warnings` say why.
    pub run: Option<RunId>,
    /// The exit code that a shell would give.
    pub exit_code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why the command was never started.
    pub not_started: Option<String>,
    /// What the person should know.
    pub warnings: Vec<String>,
}

/// What the supervisor must know; travels as JSON.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub start: RunStart,
    pub project: Project,
    pub keep: Vec<(Role, KeepName)>,
    pub log_limit_bytes: u64,
}

/// What the tracer needs to know; `None` when nothing is to be traced.
fn trace_of(
    request: &RunRequest,
    config: &lab_workdir::Config,
    root: &Path,
    live: &LiveRun,
    own: &Path,
) -> Option<Trace> {
    let mode = request.trace.unwrap_or(config.trace);
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (own, cache) = (canonical(own), canonical(&own.join("cache")));
    let helper = (mode == TraceMode::Hybrid).then_some(cache);
    (mode != TraceMode::Off).then(|| Trace { log: live.trace_file(), root: canonical(root), own, helper })
}

/// [`Keep`] as it travels.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeepName {
    Copy,
    Hash,
    Skip,
}

impl From<Keep> for KeepName {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::Copy => Self::Copy,
            Keep::Hash => Self::Hash,
            Keep::Skip => Self::Skip,
        }
    }
}

impl From<KeepName> for Keep {
    fn from(keep: KeepName) -> Self {
        match keep {
            KeepName::Copy => Self::Copy,
            KeepName::Hash => Self::Hash,
            KeepName::Skip => Self::Skip,
        }
    }
}

/// The command whose environment is gathered.
#[derive(Clone, Copy)]
pub(crate) struct FactsOf<'a> {
    pub argv: &'a [OsString],
    pub cwd: &'a Path,
    pub variables: &'a BTreeMap<OsString, OsString>,
}

impl Engine {
    /// Runs a command to its end and keeps it. `started` is called right after the start.
    ///
    /// A notebook that cannot be written does not keep the command from running: the outcome has
    /// no run then, and a warning.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for a request that makes no sense, before anything is started.
    pub fn run(&self, request: &RunRequest, started: &mut dyn FnMut(&RunStart)) -> Result<RunOutcome> {
        if request.argv.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "There is no command to run").hint("`lab run -- python train.py`"));
        }
        let run = RunId::from_random(self.config.random.word());
        let live = LiveRun::new(&self.notebook.live_dir(), &run);
        // The supervisor starts up while the files are being kept.
        let mut front = self.spawn(request, &run, &live)?;
        let mut warnings = self.warnings();
        let prepared = match self.prepare(request, run, &live, front.supervisor_pid()) {
            Ok(prepared) => Some(prepared),
            Err(error) if error.kind == ErrorKind::Usage => return Err(error),
            Err(error) => {
                warnings.push(format!("this run is not kept: {error}"));
                warnings.extend(error.hint);
                live.remove();
                None
            }
        };
        if let Some(signal) = front.interrupted() {
            live.remove();
            return Err(Error::new(ErrorKind::Canceled, format!("Stopped by signal {signal} before the start")));
        }
        let payload = prepared.as_ref().map_or_else(Vec::new, |prepared| {
            serde_json::to_vec(&prepared.payload).expect("because a payload always serialises")
        });
        front.go(&payload, prepared.as_ref().and_then(|prepared| prepared.trace.as_ref())).map_err(launch_error)?;
        let mut completion = None;
        if let Some(prepared) = &prepared {
            started(&prepared.payload.start);
            prepared.taken.save_index();
            let root = Path::new(&prepared.payload.project.root);
            completion = Some(Completion::start(root, prepared.taken.sampled(), live.hashed_file()));
            let of = FactsOf { argv: &request.argv, cwd: &self.config.cwd, variables: &self.config.variables };
            if let Err(error) = self.keep_facts(of, &prepared.payload) {
                warnings.push(format!("the environment of this run is not kept: {error}"));
            }
        }
        let outcome = front.wait(|_| {
            let payload = prepared.as_ref().map(|prepared| &prepared.payload);
            RunSink::open(self, payload, None, &crate::follow::Walks::default())
        });
        drop(completion);
        let exit = match outcome.map_err(launch_error)? {
            Outcome::Finished { reply, exit } => {
                warnings.extend(serde_json::from_slice::<Vec<String>>(&reply).unwrap_or_default());
                exit
            }
            Outcome::TookOver { exit, sink } => {
                if let Some(prepared) = &prepared {
                    warnings.extend(finish(self, &prepared.payload, sink, &exit));
                }
                exit
            }
        };
        Ok(outcome_of(prepared.map(|prepared| prepared.payload.start.run), &exit, warnings))
    }

    fn spawn(&self, request: &RunRequest, run: &RunId, live: &LiveRun) -> Result<Front> {
        let notebook = self.notebook.dir();
        let set = |name: &str, value: &OsStr| (OsString::from(name), value.to_owned());
        let launch = Launch {
            argv: request.argv.clone(),
            cwd: self.config.cwd.clone(),
            set_env: vec![
                set("LAB_RUN_ID", OsStr::new(run.as_str())),
                set("LAB_METRICS", live.metrics_file().as_os_str()),
                set("LAB_NOTEBOOK", notebook.as_os_str()),
            ],
            terminal: request.terminal,
            trace: request.trace != Some(TraceMode::Off),
        };
        let args = [OsStr::new("__supervise"), OsStr::new("--notebook"), notebook.as_os_str()];
        Front::spawn(&self.config.executable, &args, &launch).map_err(launch_error)
    }

    /// Keeps the files and the run's start; durable when this returns.
    fn prepare(&self, request: &RunRequest, run: RunId, live: &LiveRun, supervisor: i32) -> Result<Prepared> {
        let project = self.project_for(request.project.as_deref().unwrap_or(&self.config.cwd))?;
        let root = PathBuf::from(&project.root);
        let (mut config, config_bytes) = load_config(&root)?;
        apply_keep(&mut config, request.keep.iter().copied());
        let mut writer = self.writer()?;
        live.create(&own_key())?;
        let force_copy = HashSet::new();
        let snapshot_request = Request {
            project: &project,
            config: &config,
            config_bytes: &config_bytes,
            force_copy: &force_copy,
            hashed: &HashMap::new(),
        };
        let taken = self.take(&mut writer, &snapshot_request, &mut |_, _| {})?;
        writer.append(taken.record.clone())?;
        let argv: Vec<String> = request.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let description = describe(&argv, &self.config.cwd, &root, Some(&taken), self.seal_key()?);
        let start = self.start_record(request, run, &project, &taken, description, supervisor)?;
        writer.append(Encoder::new(COMPRESSION_LEVEL).json(RecordKind::RunStart, &start))?;
        writer.commit(start.time)?;
        let keep = request.keep.iter().map(|(role, keep)| (*role, (*keep).into())).collect();
        let payload = Payload { start, project, keep, log_limit_bytes: config.log_limit_bytes };
        let trace = trace_of(request, &config, &root, live, self.notebook.dir());
        Ok(Prepared { payload, taken, trace })
    }

    pub(crate) fn start_record(
        &self,
        request: &RunRequest,
        run: RunId,
        project: &Project,
        taken: &Taken,
        description: Description,
        supervisor: i32,
    ) -> Result<RunStart> {
        let fingerprint: Fingerprint = description.fingerprint(Some(&taken.snapshot));
        let cwd = self.config.cwd.canonicalize().unwrap_or_else(|_| self.config.cwd.clone());
        let cwd =
            cwd.strip_prefix(&project.root).ok().and_then(|below| RelPath::new(below.as_os_str().as_bytes()).ok());
        Ok(RunStart {
            run,
            project: project.id.clone(),
            name: self.free_name(request.name.as_deref())?,
            origin: Origin::Run,
            argv: description.argv,
            cwd: cwd.unwrap_or_default(),
            time: self.now(),
            snapshot: Some(taken.id),
            params: description.params,
            seeds: description.seeds,
            inputs: description.inputs,
            fingerprint,
            reason: request.reason.clone(),
            tags: request.tags.clone(),
            supervisor: key_of(supervisor),
            missing: Vec::new(),
        })
    }

    /// The wanted name, or a made-up one that nobody has yet.
    pub(crate) fn free_name(&self, wanted: Option<&str>) -> Result<String> {
        const TRIES: usize = 16;
        if let Some(name) = wanted {
            return Ok(name.to_owned());
        }
        let reader = self.index()?;
        let mut name = String::new();
        for _ in 0..TRIES {
            name = name_from_seed(self.config.random.word());
            if !reader.name_taken(&name)? {
                return Ok(name);
            }
        }
        Ok(format!("{name}-{}", self.config.random.word() % 10_000))
    }

    /// Gathers interpreter, packages, variables, machine and Git state, and keeps them.
    pub(crate) fn keep_facts(&self, of: FactsOf<'_>, payload: &Payload) -> Result<()> {
        let root = Path::new(&payload.project.root);
        let environment_request =
            lab_exec::environment::Request { argv: of.argv, cwd: of.cwd, project_root: root, variables: of.variables };
        let key = self.seal_key()?;
        let scanner = Scanner::new();
        let mut redact = |name: &str, value: &str| {
            scanner.redact_named(name, value, &mut |secret, rule| redacted(key, secret, rule))
        };
        let (environment, mut missing) = lab_exec::environment::capture(&environment_request, &mut redact);
        let (machine, more) = lab_exec::machine::facts(of.variables);
        missing.extend(more);
        let git = lab_exec::git::state(root, of.variables);
        let facts = RunFacts { run: payload.start.run.clone(), environment, machine, git, missing };
        self.append(&mut |encoder, writer| {
            writer.append(encoder.json(RecordKind::RunFacts, &facts))?;
            Ok(())
        })
    }
}

/// The key of a process of ours.
pub(crate) fn key_of(pid: i32) -> ProcessKey {
    lab_exec::process_key(pid).unwrap_or(ProcessKey { pid, start_ticks: 0, boot_id: String::new() })
}

pub(crate) fn own_key() -> ProcessKey {
    key_of(rustix::process::getpid().as_raw_nonzero().get())
}

struct Prepared {
    payload: Payload,
    taken: Taken,
    trace: Option<Trace>,
}

pub(crate) fn apply_keep(config: &mut lab_workdir::Config, keep: impl Iterator<Item = (Role, Keep)>) {
    for (role, keep) in keep {
        let role = &mut config.roles[role as usize];
        role.keep = keep;
        if keep == Keep::Copy {
            // Said for this very run: no limit stands against it.
            role.file_limit_bytes = u64::MAX;
            role.total_limit_bytes = u64::MAX;
        }
    }
}

fn launch_error(error: lab_exec::Error) -> Error {
    let (kind, hint) = match &error {
        lab_exec::Error::Empty => (ErrorKind::Usage, Some("`lab run -- python train.py`")),
        lab_exec::Error::Interrupted { .. } => (ErrorKind::Canceled, None),
        _ => (ErrorKind::Bug, None),
    };
    let made = Error::new(kind, "The command could not be run").because(error);
    match hint {
        Some(hint) => made.hint(hint),
        None => made,
    }
}

fn outcome_of(run: Option<RunId>, exit: &Exit, warnings: Vec<String>) -> RunOutcome {
    let signal = match exit.ended {
        Ended::Signaled(signal) => Some(signal),
        _ => None,
    };
    let not_started = match &exit.ended {
        Ended::NotStarted(failure) => Some(failure.to_string()),
        _ => None,
    };
    RunOutcome { run, exit_code: exit.code(), signal, not_started, warnings }
}

/// Values of a sample under the names that series have.
pub(crate) fn sample_values(
    sample: &lab_exec::Sample,
    gpus: &[lab_exec::gpu::GpuSample],
    network_bytes: Option<(u64, u64)>,
) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::from([
        ("t".to_owned(), sample.millis as f64),
        ("cpu_percent".to_owned(), sample.cpu_percent),
        ("memory_bytes".to_owned(), sample.memory_bytes as f64),
        ("processes".to_owned(), f64::from(sample.processes)),
        ("read_bytes".to_owned(), sample.read_bytes as f64),
        ("written_bytes".to_owned(), sample.written_bytes as f64),
    ]);
    // Of the machine or container: which process they belong to is not known without root.
    if let Some((received, sent)) = network_bytes {
        values.insert("machine_net_received_bytes".to_owned(), received as f64);
        values.insert("machine_net_sent_bytes".to_owned(), sent as f64);
    }
    for gpu in gpus {
        let mut put = |name: &str, value: f64| values.insert(format!("gpu{}_{name}", gpu.index), value);
        put("percent", gpu.utilization_percent);
        put("memory_bytes", gpu.memory_bytes as f64);
        put("power_watts", gpu.power_watts);
    }
    values
}
