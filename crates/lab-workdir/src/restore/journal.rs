use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use lab_model::RelPath;
use serde::{Deserialize, Serialize};

use super::error::{RestoreError, Result};
use super::outcome::Left;
use super::plan::Plan;
use super::reserved::STAGE_PREFIX;

/// How far an unfinished restore came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// New files were being written beside the tree: it will be rolled back.
    Staging,
    /// Everything was ready: it will be finished.
    Staged,
}

/// An unfinished restore.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pending {
    /// How far it came.
    pub phase: Phase,
    /// The root as it was called then.
    pub root: PathBuf,
    /// The name of its staging directory in the root.
    pub stage_name: String,
    /// How many steps it has; 0 as long as it is only staging.
    pub steps: usize,
}

/// The unfinished restore that `journal` tells of, if there is one.
///
/// # Errors
/// The journal cannot be read or is damaged.
pub fn pending(journal: &Path) -> Result<Option<Pending>> {
    Ok(Journal::read(journal)?.map(|found| Pending {
        phase: found.phase,
        root: PathBuf::from(std::ffi::OsString::from_vec(found.root)),
        stage_name: found.stage_name,
        steps: found.plan.steps.len(),
    }))
}

const VERSION: u32 = 1;

/// Everything that finishing or rolling back needs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    pub phase: Phase,
    /// The root's path: bytes.
    pub root: Vec<u8>,
    pub root_inode: u64,
    pub stage_name: String,
    pub trusted: bool,
    /// The plan; empty while staging.
    pub plan: Plan,
    /// One for each step.
    pub slots: Vec<Slot>,
    /// The directories in which something changes, as they were; the root is among them.
    pub directories: Vec<Directory>,
    /// Steps that were given up before anything changed.
    pub left: Vec<Left>,
}

/// What is known about a step beyond the plan. The file in the staging directory is called by the step's
/// number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Slot {
    /// Inode of the new file that lies ready; 0 when the step has none.
    pub staged_inode: u64,
    /// Inode of what was at the path when the staging began; 0 when nothing was.
    pub present_inode: u64,
    /// Its change time; not known (`None`) when it has other names, whose change would change it, too.
    pub present_ctime: Option<(i64, u32)>,
    /// How many names it had.
    #[serde(default)]
    pub links: u32,
}

/// A directory before the restore.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Directory {
    pub path: RelPath,
    pub inode: u64,
    pub mode: u32,
    pub mtime: i64,
    pub mtime_nanos: u32,
}

impl Journal {
    pub fn new(root: &Path, root_inode: u64, stage_name: &str, trusted: bool) -> Self {
        Self {
            version: VERSION,
            phase: Phase::Staging,
            root: root.as_os_str().as_bytes().to_vec(),
            root_inode,
            stage_name: stage_name.to_owned(),
            trusted,
            plan: Plan::default(),
            slots: Vec::new(),
            directories: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Reads a journal; `None` when there is none.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(RestoreError::io("read", path))?,
        };
        let damaged = || RestoreError::Journal { journal: path.to_owned() };
        let journal: Self = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let complete = journal.phase == Phase::Staging || journal.slots.len() == journal.plan.steps.len();
        if journal.version != VERSION || !complete || !is_stage_name(&journal.stage_name) {
            return Err(damaged());
        }
        Ok(Some(journal))
    }

    /// Writes the journal so that it is there wholly, or as it was before, whatever happens.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self).expect("because a journal has no map keys that are not strings");
        let temporary = temporary_path(path);
        let write = || {
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&temporary, path)?;
            sync_directory_of(path)
        };
        write().map_err(|error| {
            let _ = std::fs::remove_file(&temporary);
            RestoreError::io("write", path)(error)
        })
    }

    /// Removes the journal: the restore is over.
    pub fn remove(path: &Path) -> Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => sync_directory_of(path),
        }
        .map_err(RestoreError::io("remove", path))
    }
}

fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn sync_directory_of(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Whether a name is one for staging directories and leads nowhere else.
pub(super) fn is_stage_name(name: &str) -> bool {
    name.len() > STAGE_PREFIX.len() && name.starts_with(STAGE_PREFIX) && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_there_wholly_or_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("restore");
        assert_eq!(pending(&path).unwrap(), None);
        let mut journal = Journal::new(Path::new("/x"), 7, ".lab-restore-1", true);
        journal.write(&path).unwrap();
        assert_eq!(pending(&path).unwrap().unwrap().phase, Phase::Staging);
        journal.phase = Phase::Staged;
        journal.write(&path).unwrap();
        assert_eq!(pending(&path).unwrap().unwrap().phase, Phase::Staged);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);

        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(matches!(pending(&path), Err(RestoreError::Journal { .. })));
        journal.stage_name = ".lab-restore-/../../x".to_owned();
        journal.write(&path).unwrap();
        assert!(matches!(pending(&path), Err(RestoreError::Journal { .. })));
        Journal::remove(&path).unwrap();
        Journal::remove(&path).unwrap();
        assert_eq!(pending(&path).unwrap(), None);
    }
}
