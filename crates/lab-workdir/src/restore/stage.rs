use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use lab_model::{Kind, RelPath};
use rustix::io::Errno;

use super::error::{RestoreError, Result};
use super::fault;
use super::journal::{Directory, Journal, Slot};
use super::outcome::{Left, LeftReason};
use super::plan::{Action, EntryState, Plan, Step};
use super::root::{Root, Seen, look_at, split};
use super::sink::{MakeError, Maker, granted};

/// Up to so many files are synced one by one; more of them with their whole file system, which may have to
/// write the data of others, too.
pub(super) const SYNC_ONE_BY_ONE: usize = 16;

/// Looks at every place that the plan touches before anything changes: the directories as they are, and which
/// inode is to be replaced or removed.
pub(super) fn survey(root: &mut Root, plan: &Plan, journal: &mut Journal) -> Result<()> {
    let device = rustix::fs::fstat(root.fd()).map_or(0, |stat| Seen::from(stat).device);
    let new_directories: HashSet<&[u8]> =
        plan.steps.iter().filter(|step| becomes_directory(step)).map(|step| step.path.as_bytes()).collect();
    // What is known of the directories: whether they lie on another file system.
    let mut foreign: HashMap<&[u8], bool> = HashMap::new();
    journal.slots = vec![Slot::default(); plan.steps.len()];
    for (step, slot) in plan.steps.iter().zip(&mut journal.slots) {
        let (parent, name) = split(&step.path);
        if new_directories.contains(parent) {
            continue;
        }
        let directory = match root.directory(parent) {
            Ok(directory) => directory,
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(RestoreError::NotDirectory { path: first_obstacle(root, &step.path) });
            }
            // Gone or not to be had: the step itself will tell, when it is its turn.
            Err(_) => continue,
        };
        let is_foreign = match foreign.get(parent) {
            Some(known) => *known,
            None => {
                let stat = rustix::fs::fstat(directory);
                let seen = Seen::from(stat.map_err(RestoreError::io("look at", crate::open::as_path(parent)))?);
                if seen.device == device && !parent.is_empty() {
                    let found = Directory::of(step.path.parent().unwrap_or_default(), &seen);
                    check_writable(directory, &found)?;
                    journal.directories.push(found);
                }
                foreign.insert(parent, seen.device != device);
                seen.device != device
            }
        };
        if is_foreign {
            journal.left.push(Left { path: step.path.clone(), reason: LeftReason::OtherFilesystem });
        } else if let Ok(Some(seen)) = look_at(directory, name) {
            slot.note(&seen);
        }
    }
    // Much time may go by until the next look.
    root.forget();
    Ok(())
}

/// The first directory on the way to `path` that is none.
fn first_obstacle(root: &mut Root, path: &RelPath) -> RelPath {
    let mut at = RelPath::root();
    for part in path.parts() {
        let Ok(next) = at.join(part) else { break };
        at = next;
        if root.directory(at.as_bytes()).is_err() {
            break;
        }
    }
    at
}

impl Slot {
    fn note(&mut self, seen: &Seen) {
        self.present_inode = seen.stat.inode;
        let alone = seen.kind != Kind::Directory && seen.stat.links == 1;
        self.present_ctime = alone.then_some((seen.stat.ctime, seen.stat.ctime_nanos));
        self.links = seen.stat.links;
    }
}

fn becomes_directory(step: &Step) -> bool {
    let is_directory = |state: &Option<EntryState>| state.as_ref().is_some_and(|state| state.kind == Kind::Directory);
    is_directory(&step.after) && !is_directory(&step.before)
}

/// A directory whose owner may not write it is unlocked later on; another's directory cannot be.
fn check_writable(directory: std::os::fd::BorrowedFd<'_>, found: &Directory) -> Result<()> {
    use rustix::fs::{Access, AtFlags};
    let access = Access::WRITE_OK | Access::EXEC_OK;
    match rustix::fs::accessat(directory, c".", access, AtFlags::empty()) {
        Err(Errno::ACCESS) if found.is_locked() => Ok(()),
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Err(RestoreError::NotWritable { path: found.path.clone() }),
        _ => Ok(()),
    }
}

/// Writes every new file and link into the staging directory, and makes them durable.
pub(super) fn stage_files(
    stage: &OwnedFd,
    stage_path: &Path,
    root: &Root,
    plan: &Plan,
    journal: &mut Journal,
    maker: &mut Maker<'_, '_, '_>,
) -> Result<()> {
    let wanted: Vec<usize> =
        (0..plan.steps.len()).filter(|at| needs_file(&plan.steps[*at], &journal.slots[*at])).collect();
    if !wanted.is_empty() {
        maker.granted = granted(stage.as_fd()).map_err(RestoreError::io("write", stage_path))?;
    }
    let files = wanted.iter().filter_map(|at| plan.steps[*at].after.as_ref());
    maker.total_bytes = files.map(|after| after.size).sum();
    let one_by_one = wanted.len() <= SYNC_ONE_BY_ONE;
    let left: HashSet<RelPath> = journal.left.iter().map(|left| left.path.clone()).collect();
    for at in wanted {
        let step = &plan.steps[at];
        let Some(after) = step.after.as_ref().filter(|_| !left.contains(&step.path)) else { continue };
        if (maker.stop)() {
            return Err(RestoreError::Stopped);
        }
        let sync = one_by_one && after.kind == Kind::File;
        let made = maker.make(stage.as_fd(), at.to_string().as_bytes(), &step.path, after, (sync, true));
        journal.slots[at].staged_inode = made.map_err(|error| failed(error, step, stage_path, maker.stop))?;
        fault::point("restore:staged-file");
    }
    let synced = if one_by_one {
        rustix::fs::fsync(stage).and_then(|()| rustix::fs::fsync(root.fd()))
    } else {
        rustix::fs::syncfs(stage)
    };
    synced.map_err(RestoreError::io("sync", stage_path))
}

/// Whether a step puts a new file or link in place. One that has other names is replaced even when only its
/// mode or time changes: the others must not change with it.
fn needs_file(step: &Step, slot: &Slot) -> bool {
    let Some(after) = step.after.as_ref().filter(|after| after.kind != Kind::Directory) else { return false };
    match step.action {
        Action::Create | Action::Replace => true,
        Action::Metadata => slot.links > 1 && (after.kind == Kind::Symlink || after.content.is_restorable()),
        Action::Remove => false,
    }
}

fn failed(error: MakeError, step: &Step, stage_path: &Path, stop: &dyn Fn() -> bool) -> RestoreError {
    if stop() {
        return RestoreError::Stopped;
    }
    match error {
        MakeError::Io(errno) => RestoreError::io("write", stage_path)(errno),
        MakeError::Content(source) => RestoreError::Content { path: step.path.clone(), source },
    }
}
