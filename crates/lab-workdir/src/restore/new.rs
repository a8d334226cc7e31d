use std::fs::Metadata;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use lab_model::{Entry, Kind, RelPath};
use rustix::fs::{AtFlags, Mode, RenameFlags};
use rustix::io::Errno;

use super::error::{ContentError, RestoreError, Result};
use super::fault;
use super::journal::is_stage_name;
use super::outcome::Written;
use super::plan::{EntryState, RootMetadata, Unrestorable, UnrestorableReason};
use super::reserved::is_reserved;
use super::root::{Root, look_at, make_directory, remove_directory, set_metadata, times};
use super::sink::{MakeError, Maker, final_mode, granted};
use super::{Progress, WriteContent};

/// Where a new tree is written.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// A path at which there is nothing yet, or an empty directory.
    pub path: &'a Path,
    /// `.lab-restore-<id>`, unique: the staging directory that is made beside it.
    pub stage_name: &'a str,
    /// Mode and time of the new root; `None` leaves what the system gives.
    pub root: Option<RootMetadata>,
    /// Whether the snapshot is one's own: setuid, setgid and sticky bits are set only then.
    pub trusted: bool,
    /// Bytes in all, for the progress.
    pub total_bytes: u64,
}

/// Writes a tree into a new directory: `entries` come parents first. It is built beside its destination and
/// renamed into place at the end, so that it is there wholly or not at all.
///
/// What the notebook does not hold or cannot give is left out and named in [`Written::unrestorable`].
///
/// # Errors
/// See [`RestoreError`]; nothing is at the destination then.
pub fn write_new(
    destination: &Destination<'_>,
    entries: &mut dyn Iterator<Item = (RelPath, Entry)>,
    write_content: &mut WriteContent<'_>,
    progress: &mut Progress<'_>,
    stop: &dyn Fn() -> bool,
) -> Result<Written> {
    let path = destination.path;
    let (Some(name), true) = (path.file_name(), is_stage_name(destination.stage_name)) else {
        return Err(RestoreError::io("use", path)(Errno::INVAL));
    };
    let exists = check_destination(path)?;
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(above).map_err(RestoreError::io("create", above))?;
    let above_root = Root::open(above).map_err(RestoreError::io("open", above))?;
    let stage_path = above.join(destination.stage_name);
    let stage_name = destination.stage_name.as_bytes();
    let stage = make_directory(above_root.fd(), stage_name).map_err(RestoreError::io("create", &stage_path))?;
    fault::point("restore:stage-made");

    let maker = Maker {
        write_content,
        progress,
        stop,
        trusted: destination.trusted,
        granted: 0,
        done_bytes: 0,
        total_bytes: destination.total_bytes,
    };
    let written = Tree::write(stage, &stage_path, destination, entries, maker).and_then(|written| {
        fault::point("restore:synced");
        into_place(&above_root, stage_name, name.as_bytes(), exists).map_err(|errno| match errno {
            Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR => RestoreError::DestinationExists { path: path.to_owned() },
            errno => RestoreError::io("rename to", path)(errno),
        })?;
        Ok(written)
    });
    if written.is_err() {
        // The first error is the one to tell; what stays then is named so that it is never taken for a tree.
        let _ = remove_directory(above_root.fd(), stage_name);
    }
    fault::point("restore:done");
    written
}

/// Whether an empty directory is there.
fn check_destination(path: &Path) -> Result<bool> {
    let taken = || RestoreError::DestinationExists { path: path.to_owned() };
    match std::fs::symlink_metadata(path).map(|metadata: Metadata| metadata.is_dir()) {
        Ok(true) => {
            let mut names = std::fs::read_dir(path).map_err(RestoreError::io("read", path))?;
            if names.next().is_none() { Ok(true) } else { Err(taken()) }
        }
        Ok(false) => Err(taken()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(RestoreError::io("look at", path)(error)),
    }
}

fn into_place(above: &Root, stage_name: &[u8], name: &[u8], exists: bool) -> rustix::io::Result<()> {
    let fd = above.fd();
    // A directory takes the place of another only when that is empty.
    let plain = || rustix::fs::renameat(fd, stage_name, fd, name);
    let renamed = if exists {
        plain()
    } else {
        match rustix::fs::renameat_with(fd, stage_name, fd, name, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => plain(),
            renamed => renamed,
        }
    };
    renamed?;
    rustix::fs::fsync(fd)
}

/// The tree while it is being written.
struct Tree<'a, 'm, 'c, 'p> {
    root: Root,
    path: &'a Path,
    maker: Maker<'m, 'c, 'p>,
    written: Written,
    /// Every directory with the mode and time that it gets at the end.
    directories: Vec<(RelPath, u32, (i64, u32))>,
}

impl<'a, 'm, 'c, 'p> Tree<'a, 'm, 'c, 'p> {
    fn write(
        stage: OwnedFd,
        path: &'a Path,
        destination: &Destination<'_>,
        entries: &mut dyn Iterator<Item = (RelPath, Entry)>,
        mut maker: Maker<'m, 'c, 'p>,
    ) -> Result<Written> {
        maker.granted = granted(stage.as_fd()).map_err(RestoreError::io("write", path))?;
        let mut tree =
            Self { root: Root::new(stage), path, maker, written: Written::default(), directories: Vec::new() };
        for (path, entry) in entries {
            tree.add(&path, &entry)?;
        }
        tree.finish(destination).map_err(RestoreError::io("finish", path))?;
        Ok(tree.written)
    }

    fn add(&mut self, path: &RelPath, entry: &Entry) -> Result<()> {
        if (self.maker.stop)() {
            return Err(RestoreError::Stopped);
        }
        let state = EntryState::from(entry);
        if is_reserved(path) || path.is_root() {
            self.leave_out(path, &state, UnrestorableReason::Reserved);
            return Ok(());
        }
        if !state.is_restorable() {
            self.leave_out(path, &state, UnrestorableReason::of(&state));
            return Ok(());
        }
        match self.make(path, &state) {
            Ok(()) => Ok(()),
            Err(_) if (self.maker.stop)() => Err(RestoreError::Stopped),
            Err(MakeError::Content(error @ (ContentError::Notebook(_) | ContentError::Sealed))) => {
                let removed = self
                    .root
                    .parent(path)
                    .and_then(|(parent, name)| rustix::fs::unlinkat(parent, name, AtFlags::empty()));
                removed.map_err(self.failed("remove", path))?;
                let reason = match error {
                    ContentError::Sealed => UnrestorableReason::Sealed,
                    error => UnrestorableReason::Damaged { error: error.to_string() },
                };
                self.leave_out(path, &state, reason);
                Ok(())
            }
            Err(MakeError::Content(source)) => Err(RestoreError::Content { path: path.clone(), source }),
            Err(MakeError::Io(Errno::NOTDIR | Errno::LOOP | Errno::NOENT)) => {
                Err(RestoreError::NotDirectory { path: path.parent().unwrap_or_default() })
            }
            Err(MakeError::Io(errno)) => Err(self.failed("write", path)(errno)),
        }
    }

    fn make(&mut self, path: &RelPath, state: &EntryState) -> std::result::Result<(), MakeError> {
        let (parent, name) = self.root.parent(path)?;
        match state.kind {
            Kind::Directory => {
                rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
                let mode = final_mode(state.mode, self.maker.trusted);
                self.directories.push((path.clone(), mode, (state.mtime, state.mtime_nanos)));
                self.written.directories += 1;
            }
            _ => {
                self.maker.make(parent, name, path, state, (false, false))?;
                *if state.kind == Kind::Symlink { &mut self.written.symlinks } else { &mut self.written.files } += 1;
            }
        }
        fault::point("restore:written");
        Ok(())
    }

    fn leave_out(&mut self, path: &RelPath, state: &EntryState, reason: UnrestorableReason) {
        self.written.unrestorable.push(Unrestorable { path: path.clone(), reason, size: state.size });
    }

    fn failed(&self, operation: &'static str, path: &RelPath) -> impl FnOnce(Errno) -> RestoreError + use<> {
        let path = self.path.join(crate::open::as_path(path.as_bytes()));
        move |errno| RestoreError::io(operation, &path)(errno)
    }

    /// Directories get mode and time, deepest first; then everything is made durable.
    fn finish(&mut self, destination: &Destination<'_>) -> rustix::io::Result<()> {
        for (path, mode, mtime) in std::mem::take(&mut self.directories).into_iter().rev() {
            let (parent, name) = self.root.parent(&path)?;
            let seen = look_at(parent, name)?.ok_or(Errno::NOENT)?;
            set_metadata(parent, name, &seen, mode, mtime, false)?;
        }
        let root = self.root.fd();
        let mode = destination.root.map_or(self.maker.granted, |root| final_mode(root.mode, self.maker.trusted));
        rustix::fs::fchmod(root, Mode::from_raw_mode(mode))?;
        if let Some(metadata) = destination.root {
            rustix::fs::futimens(root, &times(metadata.mtime, metadata.mtime_nanos))?;
        }
        self.written.bytes = self.maker.done_bytes;
        rustix::fs::syncfs(root)
    }
}
