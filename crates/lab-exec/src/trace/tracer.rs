//! Looks at each call that waits: which file does it name, and what is done to it?

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, Stat};

use super::Trace;
use super::filter::{self, Call};
use super::keeper::{self, Mailbox, Received};
use super::listener::{self, Found, Slot, Waiting, let_go_on};
use super::record::{Event, Recorder, State};

/// Looks at the calls of a command. Made before it starts; [`Self::serve`] runs until nobody is left who is
/// traced.
#[derive(Debug)]
pub struct Tracer {
    slot: Slot,
    mailbox: Mailbox,
    keeper: Option<OwnedFd>,
    recorder: Shared,
}

type Shared = Arc<Mutex<Recorder>>;

/// What was seen is written when nothing new came for so long: at most this much is lost with the process.
const MILLIS_UNWRITTEN: i32 = 50;

/// What the forked command does before it becomes the program.
#[derive(Debug)]
pub(crate) struct Hook {
    program: Vec<libc::sock_filter>,
    sender: OwnedFd,
}

impl Hook {
    /// Installs the filter on this process and sends the listener to those who wait for it. A
    /// failure is told and is no reason not to start: plain system calls, for use after a fork.
    pub(crate) fn attach(&self) {
        let socket = self.sender.as_raw_fd();
        let (listener, error) = match listener::install(&self.program) {
            Ok(listener) => (Some(listener), 0),
            Err(error) => (None, error.raw_os_error().unwrap_or(0)),
        };
        for _ in 0..2 {
            keeper::send(socket, listener.as_ref().map(AsRawFd::as_raw_fd), error);
        }
    }
}

/// What was seen so far.
#[derive(Debug)]
pub(crate) struct Seen(Shared);

impl Seen {
    /// Writes everything that was seen of calls that went on before this call.
    pub(crate) fn flush(&self) {
        lock(&self.0).finish();
    }

    /// Notes a file that the command has open from the start.
    pub(crate) fn descriptor(&self, fd: BorrowedFd<'_>, writes: bool) {
        let Ok(stat) = rustix::fs::fstat(fd) else { return };
        let Some(path) = real_name(fd, &stat) else { return };
        let mut recorder = lock(&self.0);
        if writes {
            recorder.write(&path, &path, Some(state(&stat)), false);
        } else {
            recorder.read(&path, &path, state(&stat));
        }
    }
}

fn lock(recorder: &Shared) -> MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What can be made ready before it is known what is to be traced. Dropped, it was never there.
#[derive(Debug)]
pub(crate) struct Standby {
    slot: Slot,
    mailbox: Mailbox,
    sender: OwnedFd,
    keeper: OwnedFd,
}

impl Standby {
    /// Starts the keeper. To be called from a process without threads.
    pub(crate) fn new() -> io::Result<Self> {
        let slot = Slot::new()?;
        let (mailbox, sender) = Mailbox::new()?;
        let keeper = keeper::start(&slot, &mailbox)?;
        Ok(Self { slot, mailbox, sender, keeper })
    }
}

/// Gets everything ready; `None`, with a word in the log, when `program` cannot or must not be traced.
pub(crate) fn prepare(
    standby: io::Result<Standby>,
    trace: &Trace,
    program: &OsStr,
    cwd: &Path,
) -> Option<(Tracer, Hook, Seen)> {
    let made = if has_rights_of_its_own(program, cwd) {
        Err("the program has rights of its own (set-user-ID), which tracing would take away".to_owned())
    } else {
        standby.map(|standby| make(standby, trace)).map_err(|error| error.to_string())
    };
    match made {
        Ok(made) => Some(made),
        Err(why) => {
            let mut recorder = Recorder::new(trace);
            recorder.note(&Event::Untraced { why });
            recorder.flush();
            None
        }
    }
}

fn make(standby: Standby, trace: &Trace) -> (Tracer, Hook, Seen) {
    let Standby { slot, mailbox, sender, keeper } = standby;
    let recorder = Arc::new(Mutex::new(Recorder::new(trace)));
    let seen = Seen(Arc::clone(&recorder));
    let tracer = Tracer { slot, mailbox, keeper: Some(keeper), recorder };
    (tracer, Hook { program: filter::program(), sender }, seen)
}

/// Whether executing a program changes whose rights a process has. For `root` it makes no difference.
fn has_rights_of_its_own(program: &OsStr, cwd: &Path) -> bool {
    if rustix::process::geteuid().is_root() {
        return false;
    }
    let found = if program.as_bytes().contains(&b'/') {
        Some(cwd.join(program))
    } else {
        #[expect(clippy::disallowed_methods, reason = "the very variable by which the command is looked up")]
        let directories = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&directories)
            .map(|directory| cwd.join(directory).join(program))
            .find(|path| path.is_file())
    };
    let Some(found) = found else { return false };
    let special = rustix::fs::stat(&found).is_ok_and(|stat| stat.st_mode & 0o6000 != 0);
    special || rustix::fs::getxattr(&found, "security.capability", &mut [0_u8; 64][..]).is_ok()
}

impl Tracer {
    /// Looks at calls until nobody is left who makes one; meant for a thread of its own.
    pub fn serve(mut self) {
        loop {
            match self.mailbox.receive() {
                Received::Listener(listener) => {
                    listener::prefer_turns(listener.as_fd());
                    lock(&self.recorder).note(&Event::Begin);
                    self.follow(listener.as_fd());
                }
                Received::Failed(error) => {
                    let mut recorder = lock(&self.recorder);
                    recorder.note(&Event::Untraced { why: words(error) });
                    recorder.flush();
                }
                Received::Over => return,
            }
        }
    }

    fn follow(&mut self, listener: BorrowedFd<'_>) {
        let mut is_written = false;
        loop {
            let millis = if is_written { -1 } else { MILLIS_UNWRITTEN };
            match listener::wait(listener, self.keeper.as_ref().map(AsFd::as_fd), true, millis) {
                Found::Call => {
                    is_written = false;
                    if !self.take(listener) {
                        // Something is wrong here: the run must not notice.
                        keeper::answer_all(&self.slot, listener, &mut self.keeper);
                        return;
                    }
                }
                Found::Gone => self.keeper = keeper::start_again(&self.slot, listener).ok(),
                Found::Nothing => {
                    lock(&self.recorder).flush();
                    is_written = true;
                }
                Found::Over => {
                    lock(&self.recorder).finish();
                    return;
                }
            }
        }
    }

    /// Takes one call; false when looking at it failed in a way that must not happen.
    fn take(&self, listener: BorrowedFd<'_>) -> bool {
        // Held until everything about the call is noted: who flushes after the caller went on finds it.
        let mut recorder = lock(&self.recorder);
        // A caller that is gone by now has taken its call along.
        let Ok(waiting) = self.slot.receive(listener) else { return true };
        let seen = catch_unwind(AssertUnwindSafe(|| {
            let look = look(&waiting, &mut recorder);
            let_go_on(listener, waiting.id);
            if let Some(Opened { asked, path }) = look {
                read_later(&asked, &path, &mut recorder);
            }
        }));
        if seen.is_err() {
            let_go_on(listener, waiting.id);
            recorder.note(&Event::Incomplete { why: "the tracer failed in the middle of the run".to_owned() });
            recorder.flush();
        }
        seen.is_ok()
    }
}

fn words(error: i32) -> String {
    match error {
        libc::EBUSY => "another program follows its system calls already".to_owned(),
        libc::ENOSYS | libc::EINVAL => "this kernel cannot do it".to_owned(),
        error => format!("the system does not let it: {}", io::Error::from_raw_os_error(error)),
    }
}

/// A file that is only read: who reads does not have to wait until it is found out which one it is,
/// since what could change that would be another call that waits.
struct Opened {
    asked: Vec<u8>,
    path: Vec<u8>,
}

/// What a call does to a file, with the place of its arguments.
fn look(waiting: &Waiting, recorder: &mut Recorder) -> Option<Opened> {
    let call = filter::call(waiting.audit, waiting.number)?;
    let argument = |index: usize| waiting.arguments[index];
    let directory = |index: usize| argument(index) as i32;
    let here = libc::AT_FDCWD;
    let thread = waiting.thread;
    let path = |directory: i32, index: usize| named(thread, directory, argument(index));
    match call {
        Call::Open => open(path(here, 0)?, argument(1) as i32, recorder),
        Call::Create => open(path(here, 0)?, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, recorder),
        Call::OpenAt => open(path(directory(0), 1)?, argument(2) as i32, recorder),
        Call::OpenAt2 => open(path(directory(0), 1)?, how(thread, argument(2))?, recorder),
        Call::Execute => open(path(here, 0)?, libc::O_RDONLY, recorder),
        Call::ExecuteAt => open(path(directory(0), 1)?, libc::O_RDONLY, recorder),
        Call::Rename => rename(&path(here, 0)?, &path(here, 1)?, 0, recorder),
        // The older of the two calls has no flags, and leaves anything in their place.
        Call::RenameAt => {
            let has_flags = waiting.number == flagged_rename(waiting.audit);
            let flags = if has_flags { argument(4) as u32 } else { 0 };
            rename(&path(directory(0), 1)?, &path(directory(2), 3)?, flags, recorder)
        }
        Call::Unlink => remove(&path(here, 0)?, recorder),
        Call::UnlinkAt if argument(2) as i32 & libc::AT_REMOVEDIR != 0 => None,
        Call::UnlinkAt => remove(&path(directory(0), 1)?, recorder),
        Call::Link => make_name(&path(here, 1)?, recorder),
        Call::LinkAt => make_name(&path(directory(2), 3)?, recorder),
        Call::Symlink => make_name(&path(here, 1)?, recorder),
        Call::SymlinkAt => make_name(&path(directory(1), 2)?, recorder),
        Call::Truncate => open(path(here, 0)?, libc::O_WRONLY, recorder),
        Call::RingSetup => None,
    }
}

/// The number of `renameat2`.
const fn flagged_rename(audit: u32) -> i32 {
    match audit {
        0x4000_0003 => 353,
        0xc000_00b7 => 276,
        _ => 316,
    }
}

/// The flags in the structure of `openat2`.
fn how(thread: u32, address: u64) -> Option<i32> {
    let mut bytes = [0; 8];
    (listener::read_memory(thread, address, &mut bytes) == 8).then(|| u64::from_le_bytes(bytes) as i32)
}

const PATH_BYTES: usize = libc::PATH_MAX as usize;

/// The path at `address` in the memory of `thread`, made absolute: an empty one is the directory itself.
fn named(thread: u32, directory: i32, address: u64) -> Option<Vec<u8>> {
    let path = text(thread, address)?;
    if path.first() == Some(&b'/') {
        return Some(own_links(thread, path));
    }
    let link = if directory == libc::AT_FDCWD {
        format!("/proc/{thread}/cwd")
    } else {
        format!("/proc/{thread}/fd/{directory}")
    };
    if path.is_empty() {
        return Some(link.into_bytes());
    }
    let mut base = rustix::fs::readlink(link, Vec::with_capacity(256)).ok()?.into_bytes();
    base.push(b'/');
    base.extend(path);
    Some(base)
}

/// Text that ends with a zero byte. Never across the end of a page in one go: the next may not be there.
fn text(thread: u32, address: u64) -> Option<Vec<u8>> {
    const PAGE: usize = 4096;
    let mut found = Vec::new();
    let mut buffer = [0; PAGE];
    while found.len() < PATH_BYTES {
        let at = address + found.len() as u64;
        let length = (PAGE - at as usize % PAGE).min(if found.is_empty() { 256 } else { PAGE });
        let read = listener::read_memory(thread, at, &mut buffer[..length]);
        if read == 0 {
            return None;
        }
        let read = &buffer[..read];
        if let Some(end) = read.iter().position(|byte| *byte == 0) {
            found.extend(&read[..end]);
            return Some(found);
        }
        found.extend(read);
    }
    None
}

/// Links by which a process names its own descriptors mean something else in this process.
fn own_links(thread: u32, path: Vec<u8>) -> Vec<u8> {
    let links: [(&[u8], &str); 6] = [
        (b"/proc/self/", "/"),
        (b"/proc/thread-self/", "/"),
        (b"/dev/fd/", "/fd/"),
        (b"/dev/stdin", "/fd/0"),
        (b"/dev/stdout", "/fd/1"),
        (b"/dev/stderr", "/fd/2"),
    ];
    for (link, own) in links {
        if let Some(rest) = path.strip_prefix(link) {
            return [format!("/proc/{thread}{own}").as_bytes(), rest].concat();
        }
    }
    path
}

fn open(path: Vec<u8>, flags: i32, recorder: &mut Recorder) -> Option<Opened> {
    let has = |flag: i32| flags & flag != 0;
    if has(libc::O_DIRECTORY | libc::O_PATH) {
        return None;
    }
    let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || has(libc::O_TRUNC);
    if recorder.is_asked(&path, writes) {
        return None;
    }
    if !writes && !has(libc::O_CREAT) {
        return Some(Opened { asked: path.clone(), path });
    }
    match real(&path) {
        // It would have to be made, and is there.
        Some(_) if has(libc::O_CREAT) && has(libc::O_EXCL) => {}
        Some((real, stat)) if !writes => recorder.read(&path, &real, state(&stat)),
        Some((real, stat)) if may(&path, &stat, Access::WRITE_OK) => {
            recorder.write(&path, &real, Some(state(&stat)), !has(libc::O_TRUNC));
        }
        Some(_) => {}
        None if has(libc::O_CREAT) => {
            if let Some(real) = to_be_made(&path) {
                recorder.write(&path, &real, None, false);
            }
        }
        None => {}
    }
    None
}

fn read_later(asked: &[u8], path: &[u8], recorder: &mut Recorder) {
    if let Some((real, stat)) = real(path)
        && may(path, &stat, Access::READ_OK)
    {
        recorder.read(asked, &real, state(&stat));
    }
}

/// The file that a path leads to, by its real name; `None` when there is none, or it is no file.
fn real(path: &[u8]) -> Option<(Vec<u8>, Stat)> {
    let fd = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let stat = rustix::fs::fstat(&fd).ok()?;
    let name = real_name(fd.as_fd(), &stat)?;
    Some((name, stat))
}

fn real_name(fd: BorrowedFd<'_>, stat: &Stat) -> Option<Vec<u8>> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink == 0 {
        return None;
    }
    link_of(fd)
}

fn link_of(fd: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let name = rustix::fs::readlink(link, Vec::with_capacity(256)).ok()?.into_bytes();
    (name.first() == Some(&b'/')).then_some(name)
}

/// Whether this user may do so; most files say it in their mode.
fn may(path: &[u8], stat: &Stat, access: Access) -> bool {
    let everybody = if access == Access::READ_OK { 0o444 } else { 0o222 };
    stat.st_mode & everybody == everybody || rustix::fs::access(path, access).is_ok()
}

/// The real name of something of which at least the directory is there; a link at the end is not followed.
fn real_place(path: &[u8]) -> Option<Vec<u8>> {
    let end = path.iter().rposition(|byte| *byte != b'/')? + 1;
    let slash = path[..end].iter().rposition(|byte| *byte == b'/')?;
    let (parent, name) = (&path[..=slash], &path[slash + 1..end]);
    let fd = rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut place = link_of(fd.as_fd())?;
    if place != b"/" {
        place.push(b'/');
    }
    place.extend(name);
    Some(place)
}

/// Where a file will be that is not there yet: at the end of links that lead to nothing.
fn to_be_made(path: &[u8]) -> Option<Vec<u8>> {
    let mut place = real_place(path)?;
    for _ in 0..8 {
        let Ok(target) = rustix::fs::readlink(&*place, Vec::new()) else { return Some(place) };
        let target = target.into_bytes();
        if target.first() == Some(&b'/') {
            place = target;
        } else {
            let slash = place.iter().rposition(|byte| *byte == b'/')?;
            place.truncate(slash + 1);
            place.extend(target);
        }
        place = real_place(&place)?;
    }
    None
}

fn look_at(path: &[u8]) -> Option<Stat> {
    rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).ok()
}

fn rename(from: &[u8], to: &[u8], flags: u32, recorder: &mut Recorder) -> Option<Opened> {
    const NO_REPLACE: u32 = 1;
    const EXCHANGE: u32 = 2;
    let before = look_at(from)?;
    let (from, to) = (real_place(from)?, real_place(to)?);
    let target = look_at(&to);
    if flags & EXCHANGE != 0 {
        for (path, stat) in [(&from, Some(before)), (&to, target)] {
            recorder.write(b"", path, stat.as_ref().map(state), false);
        }
        return None;
    }
    // Such a call fails: another file system, or something in the way.
    let slash = to.iter().rposition(|byte| *byte == b'/')?;
    let directory = look_at(if slash == 0 { b"/" } else { &to[..slash] })?;
    if directory.st_dev == before.st_dev && !(flags & NO_REPLACE != 0 && target.is_some()) {
        recorder.rename(&from, &to, FileType::from_raw_mode(before.st_mode) == FileType::Directory);
    }
    None
}

fn remove(path: &[u8], recorder: &mut Recorder) -> Option<Opened> {
    let stat = look_at(path)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        recorder.remove(&real_place(path)?);
    }
    None
}

/// A link, hard or symbolic, is a name that comes to be.
fn make_name(path: &[u8], recorder: &mut Recorder) -> Option<Opened> {
    let place = real_place(path)?;
    if look_at(&place).is_none() {
        recorder.write(b"", &place, None, false);
    }
    None
}

fn state(stat: &Stat) -> State {
    State {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: (stat.st_mtime, stat.st_mtime_nsec as u32),
        changed: (stat.st_ctime, stat.st_ctime_nsec as u32),
    }
}
