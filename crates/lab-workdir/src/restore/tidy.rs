use std::os::fd::AsFd;
use std::path::Path;

use lab_model::Kind;
use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::error::{RestoreError, Result};
use super::fault;
use super::journal::{Directory, Journal, Slot};
use super::outcome::LeftReason;
use super::place::{DirectoryMetadata, Place, Stop, is_as_seen};
use super::plan::Action;
use super::root::{Seen, look_at, names, set_metadata, times};
use super::stage::SYNC_ONE_BY_ONE;

impl Place<'_> {
    /// After everything is in its place: directories get mode and time, all of it is made durable, and only
    /// then what was there before goes for good.
    pub(super) fn tidy(&mut self, journal_path: &Path) -> Result<()> {
        self.set_directories()?;
        fault::point("restore:applied");
        if self.stage.is_some() {
            self.clear_slots()?;
            self.remove_stage()?;
        }
        fault::point("restore:stage-removed");
        self.set_root()?;
        Journal::remove(journal_path)?;
        fault::point("restore:done");
        Ok(())
    }

    fn set_directories(&mut self) -> Result<()> {
        let metadata = self.directory_metadata();
        let one_by_one = metadata.len() <= SYNC_ONE_BY_ONE;
        for directory in metadata {
            let path = &directory.path;
            if self.left_paths.contains(path) {
                continue;
            }
            let is_planned = directory.inode.is_none();
            match self.set_directory(&directory, one_by_one) {
                // A parent that is gone or another needs nothing; that it was is told by its steps.
                Err(_) if !is_planned => {}
                Err(errno) => self.note(path, Stop::Io(errno))?,
                Ok(true) => {}
                Ok(false) if !is_planned => {}
                Ok(false) => self.note(path, Stop::Left(LeftReason::Changed { conflict: None }))?,
            }
            fault::point("restore:directory");
        }
        let synced = if one_by_one { rustix::fs::fsync(self.root.fd()) } else { rustix::fs::syncfs(self.root.fd()) };
        synced.map_err(RestoreError::io("sync", &self.path))
    }

    /// Whether there was such a directory to set.
    fn set_directory(&mut self, directory: &DirectoryMetadata, sync: bool) -> rustix::io::Result<bool> {
        let (parent, name) = self.root.parent(&directory.path)?;
        let Some(seen) = look_at(parent, name)? else { return Ok(false) };
        if seen.kind != Kind::Directory || directory.inode.is_some_and(|inode| inode != seen.stat.inode) {
            return Ok(false);
        }
        set_metadata(parent, name, &seen, directory.mode, directory.mtime, sync)?;
        Ok(true)
    }

    /// Removes what was replaced or taken away. Should it have been written to since, by a program that still
    /// had it open, it goes beside its old place instead.
    fn clear_slots(&mut self) -> Result<()> {
        let journal = self.journal;
        for (at, (step, slot)) in journal.plan.steps.iter().zip(&journal.slots).enumerate() {
            let takes = step.before.as_ref().filter(|before| before.kind != Kind::Directory);
            if slot.staged_inode == 0 && (takes.is_none() || step.action == Action::Metadata) {
                continue;
            }
            self.clear_slot(at).map_err(RestoreError::io("clear", &self.path.join(&journal.stage_name)))?;
        }
        Ok(())
    }

    fn clear_slot(&mut self, at: usize) -> rustix::io::Result<()> {
        let (step, slot) = (&self.journal.plan.steps[at], self.journal.slots[at]);
        let Some(stage) = self.stage.as_ref() else { return Ok(()) };
        let name = at.to_string();
        let Some(seen) = look_at(stage.as_fd(), name.as_bytes())? else { return Ok(()) };
        // What was staged and could not be placed is in the notebook as well.
        let is_ours = seen.stat.inode == slot.staged_inode;
        let is_before = step.before.as_ref().is_some_and(|before| {
            // Its change time is that of the move.
            is_as_seen(&seen, before, &Slot { present_ctime: None, ..slot })
        });
        if is_ours || is_before {
            rustix::fs::unlinkat(stage, name.as_str(), AtFlags::empty())?;
            fault::point("restore:slot-cleared");
            return Ok(());
        }
        let path = step.path.clone();
        match self.put_beside(at, &path) {
            Ok(conflict) => {
                let reason = LeftReason::Changed { conflict: Some(conflict) };
                self.note(&path, Stop::Left(reason)).map_err(|_| Errno::IO)
            }
            Err(errno) => Err(errno),
        }
    }

    fn remove_stage(&mut self) -> Result<()> {
        let path = self.path.join(&self.journal.stage_name);
        let name = self.journal.stage_name.as_str();
        // The probe of an interrupted staging; everything else that is ours is gone.
        if let Some(stage) = &self.stage
            && names(stage.as_fd()).is_ok_and(|names| names == [b".probe"])
        {
            let _ = rustix::fs::unlinkat(stage, c".probe", AtFlags::empty());
        }
        match rustix::fs::unlinkat(self.root.fd(), name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(RestoreError::io("remove", &path)(error)),
        }
    }

    /// The root comes last: removing the staging directory changed its time.
    fn set_root(&mut self) -> Result<()> {
        let planned = self.journal.plan.root.map(|root| {
            (super::sink::final_mode(root.mode, self.journal.trusted), times(root.mtime, root.mtime_nanos))
        });
        let before = self.journal.directories.iter().find(|directory| directory.path.is_root());
        let kept = |was: &Directory| (was.mode, times(was.mtime, was.mtime_nanos));
        let Some((mode, times)) = planned.or_else(|| before.map(kept)) else { return Ok(()) };
        let set = || {
            let fd = self.root.fd();
            if Seen::from(rustix::fs::fstat(fd)?).stat.mode != mode {
                rustix::fs::fchmod(fd, rustix::fs::Mode::from_raw_mode(mode))?;
            }
            rustix::fs::futimens(fd, &times)?;
            rustix::fs::fsync(fd)
        };
        set().map_err(RestoreError::io("set mode and time of", &self.path))
    }
}
