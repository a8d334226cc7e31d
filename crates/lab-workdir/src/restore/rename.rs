use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::fault;

/// How many names for conflicts are tried.
pub(super) const CONFLICT_NAMES: u32 = 1000;

/// The name beside `name` that is tried at the given attempt, from 1 on.
pub(super) fn conflict_name(name: &[u8], attempt: u32) -> Vec<u8> {
    let ending = if attempt == 1 { ".lab-conflict".to_owned() } else { format!(".lab-conflict-{attempt}") };
    // A name has at most 255 bytes.
    let mut conflict = name[..name.len().min(255 - ending.len())].to_vec();
    conflict.extend_from_slice(ending.as_bytes());
    conflict
}

/// Renames to a name that must be free.
pub(super) fn rename_new(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    new_name: &[u8],
) -> rustix::io::Result<()> {
    match rename_with(from, name, to, new_name, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            // A file system that knows no such flag: a second name fails when there is one, as wanted.
            rustix::fs::linkat(from, name, to, new_name, AtFlags::empty())?;
            fault::point("restore:linked");
            rustix::fs::unlinkat(from, name, AtFlags::empty())
        }
        renamed => renamed,
    }
}

/// The call that not every file system knows.
fn rename_with(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    new_name: &[u8],
    flags: RenameFlags,
) -> rustix::io::Result<()> {
    #[cfg(test)]
    if tests::PLAIN_RENAME.get() {
        return Err(Errno::INVAL);
    }
    rustix::fs::renameat_with(from, name, to, new_name, flags)
}

/// What became of the file that was there.
pub(super) enum Exchanged {
    /// What was there lies in the staging directory.
    Swapped,
    /// What was there is gone: the file system cannot swap.
    Replaced,
}

/// Puts a staged file in the place of another, which comes into the staging directory.
pub(super) fn exchange(
    stage: BorrowedFd<'_>,
    slot_name: &[u8],
    parent: BorrowedFd<'_>,
    name: &[u8],
) -> rustix::io::Result<Exchanged> {
    match rename_with(stage, slot_name, parent, name, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::renameat(stage, slot_name, parent, name).map(|()| Exchanged::Replaced)
        }
        swapped => swapped.map(|()| Exchanged::Swapped),
    }
}

#[cfg(test)]
pub(super) mod tests {
    thread_local! {
        /// Makes this thread's file systems ones that only know the plain way to rename.
        pub static PLAIN_RENAME: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
}
