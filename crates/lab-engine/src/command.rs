//! What an interface can have done: a closed list, carried out one after the other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use lab_model::{Change, Hash, Project, ProjectId, RelPath, RunId, Target};

use crate::background::Progress;
use crate::live::LiveRun;
use crate::{
    Engine, EngineConfig, Error, ErrorKind, GcReport, RebuildReport, RestoreOptions, RestoreOutcome, RestorePlan,
    RestoreTarget, Result, VerifyReport, Written,
};

/// One thing to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// A person's words on runs or projects.
    Edit(Vec<(Target, Change)>),
    /// Makes a directory a project.
    Init(PathBuf),
    /// Keeps the present and says what a restore in place would do.
    PlanRestore(ProjectId, RestoreTarget, RestoreOptions),
    /// Says what taking the last restore back would do.
    PlanUndo(ProjectId),
    /// Says what doing it again would do.
    PlanRedo(ProjectId),
    /// Carries a plan out.
    Apply(Box<RestorePlan>),
    /// Writes a state into a new directory.
    RestoreTo {
        /// Whose state.
        target: RestoreTarget,
        /// As of the run's end instead of its start.
        end_state: bool,
        /// Only these; empty: everything.
        paths: Vec<RelPath>,
        /// Where to; must not exist or be empty.
        destination: PathBuf,
    },
    /// Writes a copy of one file of a snapshot where only this person can read it.
    CopyFile(Hash, RelPath),
    /// Starts a command in a project, as `lab run` in the background.
    Rerun {
        /// Where.
        project: ProjectId,
        /// The directory in the project.
        directory: RelPath,
        /// The command.
        argv: Vec<OsString>,
        /// A reason to be kept with it.
        reason: Option<String>,
    },
    /// Asks the command of a run to end.
    Stop(RunId),
    /// Reads the notebook back.
    Verify {
        /// Every byte.
        deep: bool,
    },
    /// Makes the index anew.
    Rebuild,
    /// Drops what nothing needs.
    Collect,
    /// Writes a file.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        bytes: Vec<u8>,
        /// In the place of one that is there: the person was asked. Otherwise that is an error.
        replaces: bool,
    },
    /// Starts the background process that notices runs, or ends it.
    Watching(bool),
}

/// What came of a command.
#[derive(Clone, PartialEq, Debug)]
pub enum Done {
    /// It was done, and there is nothing to add.
    Nothing,
    /// A project, and whether it is new.
    Project(Box<Project>, bool),
    /// A plan to be looked at.
    Planned(Box<RestorePlan>),
    /// A plan was carried out.
    Restored(Box<RestorePlan>, RestoreOutcome),
    /// A new directory was written.
    Written(PathBuf, Written),
    /// A copy of a file, alone in a directory of its own.
    Copied(PathBuf),
    /// The notebook was read back, every byte of it or not.
    Verified(VerifyReport, bool),
    /// The index was made anew.
    Rebuilt(RebuildReport),
    /// Garbage was collected.
    Collected(GcReport),
}

/// What lies longer in the trash than this goes for good: a week, as `lab gc` has it.
const GRACE_MILLIS: u64 = 7 * 24 * 3_600_000;

impl Command {
    /// What is being done, as a person reads it while it goes on.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Edit(_) => "Writing it down",
            Self::Init(_) => "Making a project",
            Self::PlanRestore(..) | Self::PlanUndo(_) | Self::PlanRedo(_) => "Keeping the present state",
            Self::Apply(_) => "Restoring",
            Self::RestoreTo { .. } | Self::CopyFile(..) => "Writing the files",
            Self::Rerun { .. } => "Starting",
            Self::Stop(_) => "Stopping",
            Self::Verify { .. } => "Verifying",
            Self::Rebuild => "Rebuilding the index",
            Self::Collect => "Collecting garbage",
            Self::Write { .. } => "Writing a file",
            Self::Watching(true) => "Starting to watch",
            Self::Watching(false) => "Ending to watch",
        }
    }

    pub(crate) fn carry_out(self, config: &EngineConfig, progress: &Progress) -> Result<Done> {
        // Opened anew for each: it costs a millisecond, and the notebook may have been moved or mended.
        let engine = match self {
            Self::Init(_) => Engine::open(config.clone())?,
            _ => Engine::open_existing(config.clone())?,
        };
        let report: crate::Progress<'_> = &mut |done, total| progress.set(done, total);
        match self {
            Self::Edit(edits) => engine.edit(edits).map(|()| Done::Nothing),
            Self::Init(directory) => {
                engine.init(&directory, None).map(|(project, new)| Done::Project(Box::new(project), new))
            }
            Self::PlanRestore(project, target, options) => {
                let project = engine.known(&project)?;
                engine.resume_restore(&project)?;
                planned(engine.plan_restore(&project, &target, &options, report))
            }
            Self::PlanUndo(project) => {
                let project = engine.known(&project)?;
                engine.resume_restore(&project)?;
                planned(engine.plan_undo(&project, report))
            }
            Self::PlanRedo(project) => {
                let project = engine.known(&project)?;
                engine.resume_restore(&project)?;
                planned(engine.plan_redo(&project, report))
            }
            Self::Apply(plan) => {
                let outcome = engine.apply_restore(&plan, report, &|| progress.is_canceled())?;
                Ok(Done::Restored(plan, outcome))
            }
            Self::RestoreTo { target, end_state, paths, destination } => {
                let (_, snapshot) = engine.target_snapshot(&target, end_state)?;
                let canceled = || progress.is_canceled();
                let written = engine.restore_to(&snapshot, &destination, &paths, report, &canceled)?;
                Ok(Done::Written(destination, written))
            }
            Self::CopyFile(snapshot, path) => engine.copy_file(&snapshot, &path).map(Done::Copied),
            Self::Rerun { project, directory, argv, reason } => {
                engine.rerun(&engine.known(&project)?, &directory, &argv, reason.as_deref()).map(|()| Done::Nothing)
            }
            Self::Stop(run) => engine.stop(&run).map(|()| Done::Nothing),
            Self::Verify { deep } => engine.verify(deep, report).map(|found| Done::Verified(found, deep)),
            Self::Rebuild => engine.rebuild(report).map(Done::Rebuilt),
            Self::Collect => engine.gc(GRACE_MILLIS, false, report).map(Done::Collected),
            Self::Write { path, bytes, replaces } => {
                let write = if replaces { replace } else { write_new };
                write(&path, &bytes).map(|()| Done::Nothing)
            }
            Self::Watching(true) => crate::watch::start(config).map(|_| Done::Nothing),
            Self::Watching(false) => crate::watch::stop(config).map(|_| Done::Nothing),
        }
    }
}

/// What is there stays until what replaces it is written whole.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let beside = path.with_file_name(name);
    write_new(&beside, bytes)?;
    std::fs::rename(&beside, path).map_err(|error| Error::disk("write", path, error))
}

/// What a person has already is never written over without asking.
fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let fail = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::new(ErrorKind::Usage, format!("There is a file already: {}", path.display()))
                .hint("choose another name")
        }
        _ => Error::disk("write", path, error),
    };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(fail)?;
    file.write_all(bytes).map_err(fail)
}

fn planned(plan: Result<RestorePlan>) -> Result<Done> {
    Ok(Done::Planned(Box::new(plan?)))
}

impl Engine {
    fn known(&self, project: &ProjectId) -> Result<Project> {
        let gone = || Error::new(ErrorKind::Missing, "The project is not in this notebook");
        self.plain_reader()?.project(project)?.ok_or_else(gone)
    }

    /// A directory for this person alone, and in it a copy of the file.
    fn copy_file(&self, snapshot: &Hash, path: &RelPath) -> Result<PathBuf> {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        let reader = self.plain_reader()?;
        let missing = || Error::new(ErrorKind::Missing, format!("The snapshot has no {path}"));
        let entry = reader.entry(snapshot, path)?.ok_or_else(missing)?;
        let temporary = PathBuf::from(self.config.variable("TMPDIR").unwrap_or("/tmp"));
        let directory = temporary.join(format!("lab-{:016x}", self.config.random.word()));
        let fail = |error| Error::disk("write a copy in", &directory, error);
        std::fs::DirBuilder::new().mode(0o700).create(&directory).map_err(fail)?;
        let file = directory.join(std::ffi::OsStr::from_bytes(&entry.name));
        let mut options = std::fs::OpenOptions::new();
        let mut copy = options.write(true).create_new(true).mode(0o600).open(&file).map_err(fail)?;
        reader.copy_content(&entry, &mut |part| std::io::Write::write_all(&mut copy, part))?;
        Ok(file)
    }

    /// Starts `lab run` on its own, without a terminal: it goes on when the interface ends.
    fn rerun(&self, project: &Project, directory: &RelPath, argv: &[OsString], reason: Option<&str>) -> Result<()> {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::process::CommandExt;
        let root = PathBuf::from(&project.root);
        let within = root.join(std::ffi::OsStr::from_bytes(directory.as_bytes()));
        let mut command = std::process::Command::new(&self.config.executable);
        command.arg("--notebook").arg(&self.config.notebook).args(["--quiet", "run"]);
        if let Some(reason) = reason {
            command.arg("--reason").arg(reason);
        }
        command.arg("--").args(argv).current_dir(&within).envs(&self.config.variables);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().map_err(|error| {
            Error::disk("start a run in", &within, error)
                .hint("the project's folder may have moved: see `lab projects`")
        })?;
        // Somebody has to wait for it; it may take days.
        std::thread::Builder::new()
            .name("lab-rerun".to_owned())
            .spawn(move || child.wait())
            .map_err(|error| Error::new(ErrorKind::Busy, "The system gives no more threads").because(error))?;
        Ok(())
    }

    /// Asks the command of a run that goes on to end, as Ctrl-C would.
    fn stop(&self, run: &RunId) -> Result<()> {
        let over = || Error::new(ErrorKind::Missing, "The run is over already");
        let row = self.plain_reader()?.run(run)?.ok_or_else(over)?;
        if row.end.is_some() {
            return Err(over());
        }
        // It is the front that passes on what it is asked.
        let front = LiveRun::new(&self.notebook.live_dir(), run).front().filter(lab_exec::is_alive);
        let stopped = lab_exec::terminate(front.as_ref().unwrap_or(&row.start.supervisor));
        stopped.map_err(|error| Error::new(ErrorKind::Missing, "The run cannot be stopped").because(error))
    }
}

/// Parameters as a person changed them, put into a command line where they stand in it.
pub fn with_params(argv: &[String], changes: &BTreeMap<String, String>) -> Vec<String> {
    let mut changed = argv.to_vec();
    for (key, value) in changes {
        set_param(&mut changed, key, value);
    }
    changed
}

/// `--key value`, `--key=value` and `key=value` are changed where they stand; a new key is added as `--key value`.
fn set_param(argv: &mut Vec<String>, key: &str, value: &str) {
    let dashed = [format!("--{key}"), format!("--{}", key.replace('_', "-")), format!("-{key}")];
    for place in 0..argv.len() {
        if let Some((name, _)) = argv[place].split_once('=')
            && (name == key || dashed.iter().any(|dashed| dashed == name))
        {
            argv[place] = format!("{name}={value}");
            return;
        }
        if dashed.contains(&argv[place]) && place + 1 < argv.len() {
            value.clone_into(&mut argv[place + 1]);
            return;
        }
    }
    argv.extend([format!("--{key}"), value.to_owned()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_changed_where_they_stand() {
        let check = |argv: &[&str], key: &str, expected: &str| {
            let argv: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
            let changed = with_params(&argv, &BTreeMap::from([(key.to_owned(), "0.5".to_owned())]));
            assert_eq!(changed.join(" "), expected);
        };
        check(&["python", "t.py", "--lr", "0.1"], "lr", "python t.py --lr 0.5");
        check(&["python", "t.py", "--lr=0.1"], "lr", "python t.py --lr=0.5");
        check(&["python", "t.py", "optim.lr=1"], "optim.lr", "python t.py optim.lr=0.5");
        check(&["python", "t.py", "--weight-decay", "1"], "weight_decay", "python t.py --weight-decay 0.5");
        check(&["python", "t.py"], "lr", "python t.py --lr 0.5");
    }
}
