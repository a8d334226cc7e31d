//! Putting a past state in place, taking it back, doing it again; and writing it to a new folder.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use lab_model::{
    Content, Entry, Hash, PathDiff, Project, ProjectId, RelPath, RestoreKind, RestoreRecord, RunId, Snapshot,
};
use lab_store::{CopyError, RecordKind, StoreError};
pub use lab_workdir::restore::Written;
use lab_workdir::restore::{
    self as files, ContentError, Destination, EntryState, KeptReason, Left, LeftReason, Plan, PlanOptions, Resumed,
    RootChange, RootMetadata, Step as RestoreStep, Target,
};
use serde::{Deserialize, Serialize};

use crate::engine::load_config;
use crate::snapshot::{Request, Taken};
use crate::{Engine, Error, ErrorKind, Progress, Reader, Result};

/// Which state is to come back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RestoreTarget {
    /// That of a run: as of its start, or of its end.
    Run(RunId),
    /// A snapshot.
    Snapshot(Hash),
}

/// How.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RestoreOptions {
    /// Only these paths; empty: everything.
    pub paths: Vec<RelPath>,
    /// Also removes outputs that the target lacks.
    pub remove_outputs: bool,
    /// The files as of the run's end instead of its start.
    pub end_state: bool,
}

/// What a restore in place will do. Until it is applied nothing in the tree has changed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RestorePlan {
    /// The project.
    pub project: Project,
    /// Restore, undo or redo.
    pub kind: RestoreKind,
    /// The run whose state it is.
    pub run: Option<RunId>,
    /// The present state, durable already.
    pub before: Hash,
    /// The state to come.
    pub target: Hash,
    /// The record that undo takes back or redo does again.
    pub of: Option<Hash>,
    /// The steps, what stays and what cannot come back.
    pub plan: Plan,
    /// Bytes free where the project lies.
    pub free_bytes: Option<u64>,
}

impl RestorePlan {
    /// The same plan without some paths and what lies below them. A directory that would go stays when
    /// something in it stays.
    #[must_use]
    pub fn without(&self, left: &BTreeSet<RelPath>) -> Self {
        let mut plan = self.clone();
        let stays = |step: &RestoreStep| left.iter().any(|left| step.path.is_within(left));
        let holds = |step: &RestoreStep| step.after.is_none() && left.iter().any(|left| left.is_within(&step.path));
        plan.plan.steps.retain(|step| !stays(step) && !holds(step));
        let files = plan.plan.steps.iter().filter_map(|step| step.after.as_ref());
        plan.plan.bytes_to_write = files.map(|after| after.size).sum();
        plan
    }
}

/// What a restore did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RestoreOutcome {
    /// The record that undo goes back to.
    pub record: Hash,
    /// Files, links and directories that appeared.
    pub created: u64,
    /// That were replaced, or got another mode or time.
    pub changed: u64,
    /// That went.
    pub removed: u64,
    /// Paths that had changed meanwhile; the restored content lies beside them.
    pub conflicts: Vec<RelPath>,
    /// Everything else that was not done, in words.
    pub left: Vec<String>,
}

/// One level of the undo or redo stack.
struct Level {
    record: Hash,
    before: Hash,
    paths: Vec<RelPath>,
    run: Option<RunId>,
}

impl Engine {
    /// Plans a restore in place. The present state is kept and durable when this returns; the tree
    /// is as it was.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when the run has no snapshot; [`ErrorKind::Disk`] when the present
    /// cannot be kept.
    pub fn plan_restore(
        &self,
        project: &Project,
        target: &RestoreTarget,
        options: &RestoreOptions,
        progress: Progress<'_>,
    ) -> Result<RestorePlan> {
        let (run, target) = self.target_snapshot(target, options.end_state)?;
        let plan_options = PlanOptions {
            paths: options.paths.clone(),
            remove_outputs: options.remove_outputs,
            ..PlanOptions::default()
        };
        let head = Head { kind: RestoreKind::Restore, run, of: None, root: options.paths.is_empty() };
        self.plan(project, target, plan_options, head, progress)
    }

    /// Plans to take back the newest restore that is not taken back yet. Only the paths that it
    /// touched are touched again.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is none.
    pub fn plan_undo(&self, project: &Project, progress: Progress<'_>) -> Result<RestorePlan> {
        let (mut undo, _) = self.stacks(&project.id)?;
        let level = undo.pop().ok_or_else(|| {
            Error::new(ErrorKind::Missing, "There is nothing to undo")
                .hint("`lab restore RUN` puts a past state in place")
        })?;
        self.plan_level(project, level, RestoreKind::Undo, progress)
    }

    /// Plans to do again what was undone last.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when nothing was undone since the last restore.
    pub fn plan_redo(&self, project: &Project, progress: Progress<'_>) -> Result<RestorePlan> {
        let (_, mut redo) = self.stacks(&project.id)?;
        let level = redo
            .pop()
            .ok_or_else(|| Error::new(ErrorKind::Missing, "There is nothing to redo").hint("`lab undo` comes first"))?;
        self.plan_level(project, level, RestoreKind::Redo, progress)
    }

    fn plan_level(
        &self,
        project: &Project,
        level: Level,
        kind: RestoreKind,
        progress: Progress<'_>,
    ) -> Result<RestorePlan> {
        let root = level.paths.iter().any(RelPath::is_root);
        let paths: Vec<_> = level.paths.into_iter().filter(|path| !path.is_root()).collect();
        let removable_outputs: BTreeSet<_> = paths.iter().cloned().collect();
        let options = PlanOptions { paths, exact: true, removable_outputs, ..PlanOptions::default() };
        let head = Head { kind, run: level.run, of: Some(level.record), root };
        self.plan(project, level.before, options, head, progress)
    }

    /// What can be undone and what can be done again, the newest last.
    fn stacks(&self, project: &ProjectId) -> Result<(Vec<Level>, Vec<Level>)> {
        let (mut undo, mut redo) = (Vec::new(), Vec::new());
        for (id, record) in self.plain_reader()?.restores(project)? {
            let level = Level { record: id, before: record.before, paths: record.paths, run: record.run };
            match record.kind {
                RestoreKind::Restore => {
                    redo.clear();
                    undo.push(level);
                }
                RestoreKind::Undo => {
                    undo.pop();
                    redo.push(level);
                }
                RestoreKind::Redo => {
                    redo.pop();
                    undo.push(level);
                }
            }
        }
        Ok((undo, redo))
    }

    pub(crate) fn target_snapshot(&self, target: &RestoreTarget, end_state: bool) -> Result<(Option<RunId>, Hash)> {
        let run = match target {
            RestoreTarget::Snapshot(id) => return Ok((None, *id)),
            RestoreTarget::Run(run) => run,
        };
        let row = self.plain_reader()?.run(run)?;
        let row = row.ok_or_else(|| Error::new(ErrorKind::Missing, format!("No run is called {run}")))?;
        let end = row.end.as_ref().and_then(|end| end.snapshot).filter(|_| end_state);
        let snapshot = end.or(row.start.snapshot).ok_or_else(|| {
            Error::new(ErrorKind::Missing, format!("The files of {} could not be kept when it ran", row.name))
        })?;
        Ok((Some(run.clone()), snapshot))
    }

    fn plan(
        &self,
        project: &Project,
        target: Hash,
        mut options: PlanOptions,
        head: Head,
        progress: Progress<'_>,
    ) -> Result<RestorePlan> {
        let root = existing_root(project)?;
        if files::pending(&self.journal(&project.id))?.is_some() || self.unfinished(&project.id).exists() {
            return Err(
                Error::new(ErrorKind::Busy, "An earlier restore was interrupted").hint("run `lab restore` again")
            );
        }
        let mut force_copy = HashSet::new();
        loop {
            let taken = self.keep_present(project, &force_copy, progress)?;
            let reader = self.plain_reader()?;
            let goal = reader.snapshot(&target)?;
            options.root = head.root.then(|| root_change(&taken.snapshot, &goal));
            let differences = reader.difference(&taken.id, &target)?;
            options.unavailable = unavailable(&reader, &differences)?;
            let mut plan = files::plan(&differences, &options);
            if head.root && !options.paths.is_empty() {
                plan.root = options.root.filter(|root| root.before != root.after).map(|root| root.after);
            }
            // What is about to be replaced must be in the notebook first, whatever the limits say.
            let not_copied = replaced_but_not_copied(&plan, &differences);
            if force_copy.is_empty() && !not_copied.is_empty() {
                force_copy = not_copied;
                continue;
            }
            return Ok(RestorePlan {
                project: project.clone(),
                kind: head.kind,
                run: head.run,
                before: taken.id,
                target,
                of: head.of,
                plan,
                free_bytes: free_bytes(&root),
            });
        }
    }

    /// Keeps the present state, so that nothing can be lost.
    fn keep_present(&self, project: &Project, force_copy: &HashSet<RelPath>, progress: Progress<'_>) -> Result<Taken> {
        let (config, config_bytes) = load_config(Path::new(&project.root))?;
        let mut writer = self.writer()?;
        let request =
            Request { project, config: &config, config_bytes: &config_bytes, force_copy, hashed: &HashMap::new() };
        let taken = self.take(&mut writer, &request, progress)?;
        writer.append(taken.record.clone())?;
        writer.commit(self.now())?;
        taken.save_index();
        Ok(taken)
    }

    /// Puts a plan in place.
    ///
    /// # Errors
    /// [`ErrorKind::Disk`] when there is no room; the tree is as before then. After a crash in the
    /// middle, [`Engine::resume_restore`] goes on.
    pub fn apply_restore(
        &self,
        plan: &RestorePlan,
        progress: Progress<'_>,
        canceled: &dyn Fn() -> bool,
    ) -> Result<RestoreOutcome> {
        let root = existing_root(&plan.project)?;
        let mut paths: Vec<_> = plan.plan.steps.iter().map(|step| step.path.clone()).collect();
        if plan.plan.root.is_some() {
            paths.push(RelPath::root());
        }
        let mut record = RestoreRecord {
            time: self.now(),
            project: plan.project.id.clone(),
            kind: plan.kind,
            before: plan.before,
            target: plan.target,
            run: plan.run.clone(),
            paths,
            of: plan.of,
        };
        // Before the first byte changes it is written down what undo will need.
        let unfinished = self.unfinished(&plan.project.id);
        write_durably(&unfinished, &serde_json::to_vec(&record).expect("because a record always serialises"))?;
        let reader = self.plain_reader()?;
        let target = Target {
            root: &root,
            stage_name: &self.stage_name(),
            journal: &self.journal(&plan.project.id),
            trusted: !self.notebook.is_foreign(),
        };
        let applied = files::apply(&target, &plan.plan, &mut content_from(&reader), progress, canceled);
        let applied = match applied {
            Ok(applied) => applied,
            Err(error) => {
                if files::pending(target.journal).is_ok_and(|pending| pending.is_none()) {
                    let _ = std::fs::remove_file(&unfinished);
                }
                return Err(error.into());
            }
        };
        if !applied.left.is_empty() {
            let done: HashSet<_> = applied.changed.iter().collect();
            record.paths.retain(|path| path.is_root() || done.contains(path));
        }
        let id = self.keep_record(&record)?;
        let (conflicts, left) = told(&applied.left);
        Ok(RestoreOutcome {
            record: id,
            created: applied.created,
            changed: applied.replaced + applied.metadata,
            removed: applied.removed,
            conflicts,
            left,
        })
    }

    fn keep_record(&self, record: &RestoreRecord) -> Result<Hash> {
        let mut id = None;
        self.append(&mut |encoder, writer| {
            let record = encoder.json(RecordKind::Restore, record);
            id = Some(record.id());
            writer.append(record)?;
            Ok(())
        })?;
        // Should this fail, the next restore sees that the record is there already.
        let _ = std::fs::remove_file(self.unfinished(&record.project));
        Ok(id.expect("because append has called the closure"))
    }

    /// Finishes or rolls back a restore that was interrupted; a sentence says which.
    ///
    /// # Errors
    /// [`ErrorKind::Disk`] when it cannot be finished; it can be tried again.
    pub fn resume_restore(&self, project: &Project) -> Result<Option<String>> {
        let unfinished = self.unfinished(&project.id);
        let root = Path::new(&project.root);
        let journal = self.journal(&project.id);
        let had_journal = files::pending(&journal)?.is_some();
        if !had_journal && !unfinished.exists() {
            return Ok(None);
        }
        let record: Option<RestoreRecord> =
            std::fs::read(&unfinished).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let resumed = files::resume(root, &journal)?;
        let Some(record) = record else {
            let _ = std::fs::remove_file(&unfinished);
            return Ok(had_journal.then(|| "An interrupted restore was cleaned up".to_owned()));
        };
        let (done, sentence) = match resumed {
            Resumed::Finished(_) => (true, "An interrupted restore was finished; `lab undo` takes it back"),
            Resumed::RolledBack => (false, "An interrupted restore was rolled back: nothing had changed yet"),
            // Without a journal it had either not begun, or it was finished and not yet written down.
            Resumed::Nothing => (self.has_changed(project, &record)?, "An interrupted restore was finished"),
        };
        let known = self.plain_reader()?.restores(&project.id)?.iter().any(|(_, known)| *known == record);
        if done && !known {
            self.keep_record(&record)?;
        } else {
            let _ = std::fs::remove_file(&unfinished);
            if !done && !had_journal {
                return Ok(None);
            }
        }
        Ok(Some(sentence.to_owned()))
    }

    /// Whether any of the record's paths differs from the state before.
    fn has_changed(&self, project: &Project, record: &RestoreRecord) -> Result<bool> {
        let taken = self.keep_present(project, &HashSet::new(), &mut |_, _| {})?;
        let paths: HashSet<_> = record.paths.iter().collect();
        let differences = self.plain_reader()?.difference(&record.before, &taken.id)?;
        Ok(differences.iter().any(|difference| paths.contains(&difference.path)))
    }

    /// Writes a snapshot to a new folder; it is there wholly or not at all. It stops when `canceled` says so.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the folder exists and is not empty.
    pub fn restore_to(
        &self,
        snapshot: &Hash,
        destination: &Path,
        paths: &[RelPath],
        progress: Progress<'_>,
        canceled: &dyn Fn() -> bool,
    ) -> Result<Written> {
        let reader = self.plain_reader()?;
        let found = reader.snapshot(snapshot)?;
        let wanted = |path: &RelPath| {
            paths.is_empty() || paths.iter().any(|wanted| path.is_within(wanted) || wanted.is_within(path))
        };
        let entries: Vec<(RelPath, Entry)> =
            reader.files(snapshot)?.into_iter().filter(|(path, _)| wanted(path)).collect();
        if let Some(path) = paths.iter().find(|path| !entries.iter().any(|(entry, _)| entry == *path)) {
            return Err(Error::new(ErrorKind::Missing, format!("The snapshot has no {path}"))
                .hint("`lab files RUN` lists what it has"));
        }
        let root = RootMetadata { mode: found.root_mode, mtime: found.root_mtime.0, mtime_nanos: found.root_mtime.1 };
        let destination = Destination {
            path: &self.config.cwd.join(destination),
            stage_name: &self.stage_name(),
            root: Some(root),
            trusted: !self.notebook.is_foreign(),
            total_bytes: entries.iter().map(|(_, entry)| entry.size).sum(),
        };
        let mut content = content_from(&reader);
        Ok(files::write_new(&destination, &mut entries.into_iter(), &mut content, progress, canceled)?)
    }

    fn stage_name(&self) -> String {
        format!("{}{:016x}", files::STAGE_PREFIX, self.config.random.word())
    }

    fn journal(&self, project: &ProjectId) -> PathBuf {
        self.notebook.live_dir().join(format!("restore-{project}.journal"))
    }

    /// The record of a restore that is under way.
    fn unfinished(&self, project: &ProjectId) -> PathBuf {
        self.notebook.live_dir().join(format!("restore-{project}.json"))
    }
}

/// What a plan is for.
struct Head {
    kind: RestoreKind,
    run: Option<RunId>,
    of: Option<Hash>,
    /// Whether the root's own mode and time are set.
    root: bool,
}

fn existing_root(project: &Project) -> Result<PathBuf> {
    let root = PathBuf::from(&project.root);
    if root.is_dir() {
        return Ok(root);
    }
    Err(Error::new(ErrorKind::Missing, format!("The project's folder is gone: {}", root.display()))
        .hint("`lab restore RUN --to DIR` writes the state to a new folder"))
}

const fn root_change(present: &Snapshot, target: &Snapshot) -> RootChange {
    const fn metadata(snapshot: &Snapshot) -> RootMetadata {
        RootMetadata { mode: snapshot.root_mode, mtime: snapshot.root_mtime.0, mtime_nanos: snapshot.root_mtime.1 }
    }
    RootChange { before: metadata(present), after: metadata(target) }
}

/// Contents of the target that cannot be had: purged, lost, or sealed under another key.
fn unavailable(reader: &Reader, differences: &[PathDiff]) -> Result<BTreeSet<Hash>> {
    let mut found = BTreeSet::new();
    for entry in differences.iter().filter_map(|difference| difference.right.as_ref()) {
        let is_there = match entry.content {
            Content::Copied(id) => reader.store().contains(&id)?,
            Content::Sealed(id) => !matches!(
                reader.store().read(&id, reader.key()),
                Err(StoreError::Sealed { .. } | StoreError::Missing { .. } | StoreError::Purged { .. })
            ),
            _ => true,
        };
        found.extend(entry.content.hash().filter(|_| !is_there));
    }
    Ok(found)
}

/// Files that the target has otherwise and whose present bytes the notebook lacks.
fn replaced_but_not_copied(plan: &Plan, differences: &[PathDiff]) -> HashSet<RelPath> {
    let kept = plan.kept.iter().filter(|kept| kept.reason == KeptReason::NotCopied).map(|kept| &kept.path);
    let kept: HashSet<_> = kept.collect();
    let replaced =
        differences.iter().filter(|difference| difference.right.is_some() && kept.contains(&difference.path));
    replaced.map(|difference| difference.path.clone()).collect()
}

/// Hands a file's bytes from the notebook to the restore.
fn content_from(
    reader: &Reader,
) -> impl FnMut(&RelPath, &EntryState, &mut dyn std::io::Write) -> std::result::Result<(), ContentError> {
    move |_, state, output| {
        let copied = reader.store().copy_content(&state.content, reader.key(), &mut |part| output.write_all(part));
        match copied {
            Ok(_) => Ok(()),
            Err(CopyError::Sink(error)) => Err(ContentError::Write(error)),
            Err(CopyError::Store(StoreError::Sealed { .. })) => Err(ContentError::Sealed),
            Err(CopyError::Store(error)) => Err(ContentError::Notebook(Box::new(error))),
        }
    }
}

/// What was not done: conflicts, and everything else in words.
fn told(left: &[Left]) -> (Vec<RelPath>, Vec<String>) {
    let (mut conflicts, mut words) = (Vec::new(), Vec::new());
    for Left { path, reason } in left {
        match reason {
            LeftReason::Changed { conflict: Some(conflict) } | LeftReason::NotEmpty { conflict: Some(conflict) } => {
                conflicts.push(conflict.clone());
            }
            LeftReason::Changed { conflict: None } => words.push(format!("{path} had changed meanwhile and was left")),
            LeftReason::NotEmpty { conflict: None } => {
                words.push(format!("{path} still holds other files and was left"));
            }
            LeftReason::HardLinked => words.push(format!("{path} has other names, so mode and time were left")),
            LeftReason::Parent => words.push(format!("{path} was left: its folder is gone")),
            LeftReason::OtherFilesystem => words.push(format!("{path} was left: it lies on another file system")),
            LeftReason::Failed { error } => words.push(format!("{path} was left: {error}")),
        }
    }
    (conflicts, words)
}

fn free_bytes(root: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(root).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Writes a small file so that it is there wholly or not at all, also after a power cut.
fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let fail = |error| Error::disk("write", path, error);
    let fresh = path.with_extension("new");
    let mut file = std::fs::File::create(&fresh).map_err(fail)?;
    std::io::Write::write_all(&mut file, bytes).and_then(|()| file.sync_all()).map_err(fail)?;
    std::fs::rename(&fresh, path).map_err(fail)?;
    let directory = path.parent().unwrap_or(path);
    std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(fail)
}
