use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use lab_model::{Kind, RelPath};
use rustix::io::Errno;

use super::error::{RestoreError, Result};
use super::fault;
use super::journal::{Directory, Journal, Phase, is_stage_name};
use super::outcome::{Applied, Resumed};
use super::place::Place;
use super::plan::{Action, Plan, Step};
use super::reserved::is_reserved;
use super::root::{Root, Seen, look_at, make_directory, open_directory, remove_directory, times};
use super::sink::Maker;
use super::stage::{stage_files, survey};
use super::{Progress, WriteContent};

/// Where a plan is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The project's root; an existing directory.
    pub root: &'a Path,
    /// `.lab-restore-<id>`, unique: the staging directory that is made in the root.
    pub stage_name: &'a str,
    /// The journal's file in the notebook; its directory exists.
    pub journal: &'a Path,
    /// Whether the snapshot is one's own: setuid, setgid and sticky bits are set only then.
    pub trusted: bool,
}

/// Carries out a plan. The caller has made the snapshot of the present durable before.
///
/// Until all new files lie ready, an error, a stop or a crash leaves the tree as it was; from then on `stop` is
/// not asked any more, and what cannot be done is told in [`Applied::left`].
///
/// # Errors
/// See [`RestoreError`].
pub fn apply(
    target: &Target<'_>,
    plan: &Plan,
    write_content: &mut WriteContent<'_>,
    progress: &mut Progress<'_>,
    stop: &dyn Fn() -> bool,
) -> Result<Applied> {
    check_target(target)?;
    check_steps(&plan.steps)?;
    if plan.is_empty() {
        return Ok(Applied::default());
    }
    let mut root = Root::open(target.root).map_err(RestoreError::io("open", target.root))?;
    let (mut journal, root_before) = begin(target, &root)?;
    check_space(&root, plan, target.root)?;
    survey(&mut root, plan, &mut journal)?;
    if stop() {
        return Err(RestoreError::Stopped);
    }
    let surveyed = (std::mem::take(&mut journal.slots), std::mem::take(&mut journal.left));
    let directories = std::mem::replace(&mut journal.directories, vec![root_before]);
    journal.write(target.journal)?;
    fault::point("restore:begun");
    (journal.slots, journal.left) = surveyed;
    journal.directories.extend(directories);

    let mut maker =
        Maker { write_content, progress, stop, trusted: target.trusted, granted: 0, done_bytes: 0, total_bytes: 0 };
    let staged = stage(target, plan, &mut root, &mut journal, &mut maker);
    let (stage, written_bytes) = match staged {
        Ok(stage) => (stage, maker.done_bytes),
        Err(error) => {
            roll_back(target.root, target.journal, &root, &journal)?;
            return Err(error);
        }
    };
    let mut place = Place::new(target.root, root, stage, &journal, false);
    let mut applied = place.finish(target.journal)?;
    applied.written_bytes = written_bytes;
    (maker.progress)(maker.total_bytes, maker.total_bytes);
    Ok(applied)
}

/// Finishes or rolls back what a crash left behind. `root` is the project's root as it is called now; the
/// caller makes sure that nobody else works on the same journal.
///
/// # Errors
/// See [`RestoreError`]; the journal stays, and a later call goes on.
pub fn resume(root: &Path, journal: &Path) -> Result<Resumed> {
    let Some(found) = Journal::read(journal)? else { return Ok(Resumed::Nothing) };
    let opened = Root::open(root).map_err(RestoreError::io("open", root))?;
    let seen = rustix::fs::fstat(opened.fd()).map(Seen::from).map_err(RestoreError::io("look at", root))?;
    if seen.stat.inode != found.root_inode {
        return Err(RestoreError::OtherRoot { root: root.to_owned() });
    }
    if found.phase == Phase::Staging {
        roll_back(root, journal, &opened, &found)?;
        return Ok(Resumed::RolledBack);
    }
    check_steps(&found.plan.steps)?;
    let stage = match open_directory(opened.fd(), found.stage_name.as_bytes()) {
        Ok(stage) => Some(stage),
        // Everything is in place, and only the journal was still to go.
        Err(Errno::NOENT) => None,
        Err(error) => return Err(RestoreError::io("open", &root.join(&found.stage_name))(error)),
    };
    Place::new(root, opened, stage, &found, true).finish(journal).map(Resumed::Finished)
}

fn check_target(target: &Target<'_>) -> Result<()> {
    if !is_stage_name(target.stage_name) {
        let path = target.root.join(target.stage_name);
        return Err(RestoreError::io("use", &path)(Errno::INVAL));
    }
    if target.journal.exists() {
        return Err(RestoreError::Unfinished { journal: target.journal.to_owned() });
    }
    Ok(())
}

/// Whatever a plan comes from, it touches nothing that is reserved and makes nothing special.
fn check_steps(steps: &[Step]) -> Result<()> {
    let mut paths = HashSet::with_capacity(steps.len());
    for step in steps {
        let path = &step.path;
        if is_reserved(path) {
            return Err(RestoreError::Reserved { path: path.clone() });
        }
        let kinds = [&step.before, &step.after].map(|state| state.as_ref().map(|state| state.kind));
        let plain = |kind: &Kind| matches!(kind, Kind::File | Kind::Directory | Kind::Symlink);
        let fits = match step.action {
            Action::Create => kinds[0].is_none() && kinds[1].is_some(),
            Action::Remove => kinds[0].is_some() && kinds[1].is_none(),
            Action::Replace => kinds[0].is_some() && kinds[1].is_some(),
            Action::Metadata => kinds[0].is_some() && kinds[0] == kinds[1],
        };
        if path.is_root() || !fits || !kinds.iter().flatten().all(plain) || !paths.insert(path) {
            return Err(RestoreError::Step { path: path.clone() });
        }
    }
    Ok(())
}

fn begin(target: &Target<'_>, root: &Root) -> Result<(Journal, Directory)> {
    let seen = rustix::fs::fstat(root.fd()).map(Seen::from).map_err(RestoreError::io("look at", target.root))?;
    // Whatever bears the stage's name is not ours, and no roll-back may take it for that.
    match look_at(root.fd(), target.stage_name.as_bytes()) {
        Ok(None) => {}
        Ok(Some(_)) => {
            return Err(RestoreError::io("create", &target.root.join(target.stage_name))(Errno::EXIST));
        }
        Err(errno) => return Err(RestoreError::io("look at", target.root)(errno)),
    }
    let journal = Journal::new(target.root, seen.stat.inode, target.stage_name, target.trusted);
    Ok((journal, Directory::of(RelPath::root(), &seen)))
}

impl Directory {
    pub(super) fn of(path: RelPath, seen: &Seen) -> Self {
        let stat = &seen.stat;
        Self { path, inode: stat.inode, mode: stat.mode, mtime: stat.mtime, mtime_nanos: stat.mtime_nanos }
    }

    /// Whether its owner may not change what it holds.
    pub(super) const fn is_locked(&self) -> bool {
        self.mode & 0o300 != 0o300
    }
}

/// Files with holes are not counted: how much they take is only known once they are written.
fn check_space(root: &Root, plan: &Plan, path: &Path) -> Result<()> {
    let writes = plan.steps.iter().filter(|step| matches!(step.action, Action::Create | Action::Replace));
    let files = writes.filter_map(|step| step.after.as_ref());
    let needed_bytes: u64 =
        files.filter(|after| after.kind == Kind::File && !after.sparse).map(|after| after.size).sum();
    let free = rustix::fs::fstatvfs(root.fd()).map_err(RestoreError::io("look at", path))?;
    let available_bytes = free.f_bavail.saturating_mul(free.f_frsize);
    // Some file systems know no number of blocks at all.
    if free.f_blocks != 0 && needed_bytes > available_bytes {
        return Err(RestoreError::NoSpace { needed_bytes, available_bytes });
    }
    Ok(())
}

/// Makes the staging directory, writes every new file into it, makes them durable, and says so in the journal.
fn stage(
    target: &Target<'_>,
    plan: &Plan,
    root: &mut Root,
    journal: &mut Journal,
    maker: &mut Maker<'_, '_, '_>,
) -> Result<Option<OwnedFd>> {
    let path = target.root.join(target.stage_name);
    if journal.directories.first().is_some_and(Directory::is_locked) {
        let mode = rustix::fs::Mode::from_raw_mode(journal.directories[0].mode | 0o700);
        rustix::fs::fchmod(root.fd(), mode).map_err(RestoreError::io("unlock", target.root))?;
    }
    let stage = make_directory(root.fd(), target.stage_name.as_bytes()).map_err(RestoreError::io("create", &path))?;
    fault::point("restore:stage-made");
    stage_files(&stage, &path, root, plan, journal, maker)?;
    fault::point("restore:synced");
    journal.plan = plan.clone();
    journal.phase = Phase::Staged;
    let written = journal.write(target.journal);
    if let Err(error) = written {
        // The error may have come after the rename: what the journal says decides, and it must say one thing.
        journal.phase = Phase::Staging;
        return Err(error);
    }
    fault::point("restore:staged");
    Ok(Some(stage))
}

/// Takes the staged files away; nothing else has changed yet.
fn roll_back(path: &Path, journal_path: &Path, root: &Root, journal: &Journal) -> Result<()> {
    let stage = path.join(&journal.stage_name);
    // The phase is made sure of first: were the stage gone before, a journal that says "staged" would be a lie.
    let mut staging = Journal::new(path, journal.root_inode, &journal.stage_name, journal.trusted);
    staging.directories = journal.directories.iter().take(1).cloned().collect();
    if Journal::read(journal_path).ok().flatten().is_none_or(|found| found.phase != Phase::Staging) {
        staging.write(journal_path)?;
    }
    remove_directory(root.fd(), journal.stage_name.as_bytes()).map_err(RestoreError::io("remove", &stage))?;
    fault::point("restore:rolled-back");
    if let Some(before) = journal.directories.first() {
        let seen = rustix::fs::fstat(root.fd()).map(Seen::from).map_err(RestoreError::io("look at", path))?;
        if before.is_locked() && seen.stat.mode != before.mode {
            let mode = rustix::fs::Mode::from_raw_mode(before.mode);
            rustix::fs::fchmod(root.fd(), mode).map_err(RestoreError::io("set the mode of", path))?;
        }
        rustix::fs::futimens(root.fd().as_fd(), &times(before.mtime, before.mtime_nanos))
            .map_err(RestoreError::io("set the time of", path))?;
    }
    Journal::remove(journal_path)
}
