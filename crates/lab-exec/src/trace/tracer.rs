//! Looks at each call that waits: which file does it name, and what is done to it?

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rustix::fs::{FileType, Stat};
use rustix::time::{ClockId, clock_gettime};

use super::Trace;
use super::arguments::{flagged_rename, how, named};
use super::filter::{self, Call};
use super::helper;
use super::keeper::{self, Mailbox, Received};
use super::listener::{self, Found, Slot, Waiting, let_go_on};
use super::look::{self, Away, Mounts};
use super::notes::{self, Notes, shape};
use super::record::{Event, Recorder, State};

/// Looks at the calls of a command. Made before it starts; [`Self::serve`] runs until nobody is left who is
/// traced.
#[derive(Debug)]
pub struct Tracer {
    slot: Slot,
    mailbox: Mailbox,
    keeper: Option<OwnedFd>,
    book: Shared,
}

/// What was seen so far, and what it takes to see more.
#[derive(Debug)]
struct Book {
    mounts: Mounts,
    recorder: Recorder,
    /// What programs note themselves.
    notes: Option<Notes>,
    /// When that was last looked at, and in how long there may be as much as should be left waiting.
    gathered_nanos: u64,
    millis_until_next: i32,
}

impl Book {
    fn new(mounts: Mounts, recorder: Recorder, notes: Option<Notes>) -> Self {
        let millis_until_next = if notes.is_some() { MILLIS_BETWEEN_LOOKS } else { -1 };
        Self { mounts, recorder, notes, gathered_nanos: now_nanos(), millis_until_next }
    }

    /// Takes what programs have noted; false when there is nothing new.
    fn gather(&mut self) -> bool {
        let Self { mounts, recorder, notes, .. } = self;
        let Some(notes) = notes else { return false };
        let count = notes.drain(|path, noted| {
            let found = match noted {
                Some(noted) => Some(noted),
                None => match mounts.state(path) {
                    Ok(Some(stat)) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => return,
                    Ok(Some(stat)) => Some(state(&stat)),
                    // It was opened, whatever became of it.
                    Ok(None) | Err(Away) => None,
                },
            };
            recorder.noted(path, found, || mounts.is_local(path));
        });
        let now_nanos = now_nanos();
        let nanos = now_nanos - std::mem::replace(&mut self.gathered_nanos, now_nanos);
        self.millis_until_next = millis_until_full(count, nanos).min(MILLIS_BETWEEN_LOOKS);
        count > 0
    }

    /// Everything that happened before this is called.
    fn finish(&mut self) {
        self.gather();
        self.recorder.finish();
    }
}

type Shared = Arc<Mutex<Book>>;

/// How long it takes until notes of programs are seen in which nothing else happens.
const MILLIS_BETWEEN_LOOKS: i32 = 200;

/// What was seen is written when nothing new came for so long: at most this much is lost with the process.
const MILLIS_UNWRITTEN: i32 = 50;

/// How many notes a look should find when programs open files without end: then there is always room for more, and nobody
/// has to wait.
const NOTES_PER_LOOK: u64 = shape::SLOTS as u64 / 2;

/// How long it is until the next look, when one after `nanos` has found so many notes.
fn millis_until_full(notes: usize, nanos: u64) -> i32 {
    let nanos = nanos.saturating_mul(NOTES_PER_LOOK) / (notes as u64).max(1);
    i32::try_from(nanos / 1_000_000).unwrap_or(i32::MAX).max(1)
}

fn now_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// What the forked command does before it becomes the program.
#[derive(Debug)]
pub(crate) struct Hook {
    program: Vec<libc::sock_filter>,
    sender: OwnedFd,
    environment: Vec<(&'static str, OsString)>,
}

impl Hook {
    /// Variables of the command, beside its own.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        self.environment.iter().map(|(name, value)| (*name, value.as_os_str()))
    }

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
    /// Writes everything that was seen of calls that went on before this call. A tracer that is held up is not
    /// waited for: the log then has no end, which says that something may be missing.
    pub(crate) fn flush(&self) {
        const ATTEMPTS: u32 = 200;
        for _ in 0..ATTEMPTS {
            match self.0.try_lock() {
                Ok(mut book) => return book.finish(),
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner().finish(),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Notes a file that the command has open from the start.
    pub(crate) fn descriptor(&self, fd: BorrowedFd<'_>, writes: bool) {
        let Ok(stat) = rustix::fs::fstat(fd) else { return };
        let Some(path) = look::name_of_file(fd, &stat) else { return };
        let recorder = &mut lock(&self.0).recorder;
        if writes {
            recorder.write(&path, &path, Some(state(&stat)), false);
        } else {
            recorder.read(&path, &path, state(&stat));
        }
    }
}

fn lock(book: &Shared) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
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
    let mounts = Mounts::new();
    let (notes, environment) = trace.helper.as_deref().and_then(|place| help(place, &mounts)).unzip();
    let program = filter::program(notes.is_some());
    let book = Arc::new(Mutex::new(Book::new(mounts, Recorder::new(trace), notes)));
    let seen = Seen(Arc::clone(&book));
    let tracer = Tracer { slot, mailbox, keeper: Some(keeper), book };
    (tracer, Hook { program, sender, environment: environment.unwrap_or_default() }, seen)
}

/// Has programs note themselves what they open, with a library that is kept in the directory `place`. `None` where
/// that cannot be.
#[expect(clippy::disallowed_methods, reason = "the variables that the command will inherit")]
fn help(place: &Path, mounts: &Mounts) -> Option<(Notes, Vec<(&'static str, OsString)>)> {
    // Programs would wait for a file system that does not answer. And who is traced already is seen there.
    let is_traced = std::env::var(shape::VARIABLE).is_ok_and(|place| notes::is_place(&place));
    if is_traced || !mounts.is_local(place.as_os_str().as_bytes()) {
        return None;
    }
    let library = helper::install(place)?;
    let notes = Notes::new().ok()?;
    let place = notes.place().ok()?.into();
    let preload = helper::with(std::env::var_os(helper::PRELOAD), &library);
    Some((notes, vec![(shape::VARIABLE, place), (helper::PRELOAD, preload)]))
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
                    lock(&self.book).recorder.note(&Event::Begin);
                    self.follow(listener.as_fd());
                }
                Received::Failed(error) => {
                    let mut book = lock(&self.book);
                    book.notes = None;
                    book.recorder.note(&Event::Untraced { why: words(error) });
                    book.recorder.flush();
                }
                Received::Over => return,
            }
        }
    }

    fn follow(&mut self, listener: BorrowedFd<'_>) {
        let mut is_written = false;
        loop {
            let until_next = lock(&self.book).millis_until_next;
            let millis = if is_written { until_next } else { until_next.min(MILLIS_UNWRITTEN) };
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
                    let mut book = lock(&self.book);
                    let is_new = book.gather();
                    if let Some(notes) = &mut book.notes {
                        notes.grow_older();
                    }
                    self.note_unseen(&mut book.recorder);
                    book.recorder.flush();
                    is_written = !is_new;
                }
                Found::Over => {
                    let mut book = lock(&self.book);
                    self.note_unseen(&mut book.recorder);
                    book.finish();
                    return;
                }
            }
        }
    }

    /// Takes one call; false when looking at it failed in a way that must not happen.
    fn take(&self, listener: BorrowedFd<'_>) -> bool {
        // Held until everything about the call is noted: who flushes after the caller went on finds it.
        let book = &mut *lock(&self.book);
        // A caller that is gone by now has taken its call along.
        let Ok(waiting) = self.slot.receive(listener) else { return true };
        let seen = catch_unwind(AssertUnwindSafe(|| {
            // What was noted before comes first.
            book.gather();
            let mut look = Look { mounts: &book.mounts, recorder: &mut book.recorder, notes: book.notes.as_mut() };
            let path = look.at(&waiting);
            let_go_on(listener, waiting.id);
            if let Some(path) = path {
                look.read(&path);
            }
            look.recorder.relieve();
        }));
        if seen.is_err() {
            let_go_on(listener, waiting.id);
            let why = "the tracer failed in the middle of the run".to_owned();
            book.recorder.note(&Event::Incomplete { why });
            book.recorder.flush();
        }
        self.note_unseen(&mut book.recorder);
        seen.is_ok()
    }

    /// Notes how many calls the keeper has let go on; also at the end, since no later call may come.
    fn note_unseen(&self, recorder: &mut Recorder) {
        let unseen = self.slot.take_unseen();
        if unseen > 0 {
            recorder.note(&Event::Incomplete { why: format!("the tracer was held up and {unseen} calls went on") });
        }
    }
}

fn words(error: i32) -> String {
    match error {
        libc::EBUSY => "another program follows its system calls already".to_owned(),
        libc::ENOSYS | libc::EINVAL => "this kernel cannot do it".to_owned(),
        error => format!("the system does not let it: {}", io::Error::from_raw_os_error(error)),
    }
}

/// The operations of seccomp(2) beyond this ask.
const SECCOMP_SETS_MAX: u64 = libc::SECCOMP_SET_MODE_FILTER as u64;

/// A look at one call.
struct Look<'a> {
    mounts: &'a Mounts,
    recorder: &'a mut Recorder,
    notes: Option<&'a mut Notes>,
}

/// The path of a file that is only read: who reads does not have to wait until it is found out which one it
/// is, since what could change that would be another call that waits.
type ToRead = Option<Vec<u8>>;

impl Look<'_> {
    /// What a call does to a file, with the place of its arguments.
    ///
    /// Until this returns a call waits, so nothing here may wait for somebody else: memory of the caller and its
    /// links in `/proc` are there, and files are looked at through [`Mounts`] only. What neither of them can help, a page
    /// of the caller's memory that has to come from such a file system, is what the keeper is for: it
    /// lets calls go on that wait for too long.
    fn at(&mut self, waiting: &Waiting) -> ToRead {
        let call = filter::call(waiting.audit, waiting.number)?;
        let argument = |index: usize| waiting.arguments[index];
        let directory = |index: usize| argument(index) as i32;
        let here = libc::AT_FDCWD;
        let thread = waiting.thread;
        let path = |directory: i32, index: usize| named(thread, directory, argument(index));
        match call {
            Call::Open => return self.open(path(here, 0)?, argument(1) as i32),
            Call::Create => return self.open(path(here, 0)?, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC),
            Call::OpenAt => return self.open(path(directory(0), 1)?, argument(2) as i32),
            Call::OpenAt2 => return self.open(path(directory(0), 1)?, how(thread, argument(2))?),
            Call::Execute => return self.open(path(here, 0)?, libc::O_RDONLY),
            Call::ExecuteAt => return self.open(path(directory(0), 1)?, libc::O_RDONLY),
            Call::Truncate => return self.open(path(here, 0)?, libc::O_WRONLY),
            Call::Rename => self.rename(&path(here, 0)?, &path(here, 1)?, 0),
            // The older of the two calls has no flags, and leaves anything in their place.
            Call::RenameAt => {
                let has_flags = waiting.number == flagged_rename(waiting.audit);
                let flags = if has_flags { argument(4) as u32 } else { 0 };
                self.rename(&path(directory(0), 1)?, &path(directory(2), 3)?, flags);
            }
            Call::Unlink => self.remove(&path(here, 0)?),
            Call::UnlinkAt if argument(2) as i32 & libc::AT_REMOVEDIR != 0 => {}
            Call::UnlinkAt => self.remove(&path(directory(0), 1)?),
            Call::Link => self.make_name(&path(here, 1)?),
            Call::LinkAt => self.make_name(&path(directory(2), 3)?),
            Call::Symlink => self.make_name(&path(here, 1)?),
            Call::SymlinkAt => self.make_name(&path(directory(1), 2)?),
            // Made by a program without the helper, or behind its back.
            Call::ChangeDirectory => self.ask_for_directories(),
            // The helper makes other calls than the program would, and names files as the program sees them.
            Call::Confine if i64::from(waiting.number) == libc::SYS_seccomp && argument(0) > SECCOMP_SETS_MAX => {}
            Call::Confine | Call::Control => {
                if let Some(notes) = &mut self.notes {
                    notes.close();
                }
            }
            Call::RingSetup => {}
        }
        None
    }

    fn ask_for_directories(&self) {
        if let Some(notes) = &self.notes {
            notes.ask_for_directories();
        }
    }

    fn open(&mut self, path: Vec<u8>, flags: i32) -> ToRead {
        let has = |flag: i32| flags & flag != 0;
        if has(libc::O_DIRECTORY | libc::O_PATH) {
            return None;
        }
        let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || has(libc::O_TRUNC);
        if self.recorder.is_asked(&path, writes) {
            return None;
        }
        if !writes && !has(libc::O_CREAT) {
            return Some(path);
        }
        if self.open_to_write(&path, flags, writes).is_err() {
            self.recorder.opened(&path, writes);
        }
        None
    }

    /// An open that may make or change the file: how it is before can be seen only now.
    fn open_to_write(&mut self, path: &[u8], flags: i32, writes: bool) -> Result<(), Away> {
        let has = |flag: i32| flags & flag != 0;
        match self.mounts.file(path)? {
            // It would have to be made, and is there.
            Some(_) if has(libc::O_CREAT) && has(libc::O_EXCL) => {}
            Some((real, stat)) if !writes => self.recorder.read(path, &real, state(&stat)),
            Some(_) => {
                if let Some((real, stat)) = self.mounts.writable(path)? {
                    self.recorder.write(path, &real, Some(state(&stat)), !has(libc::O_TRUNC));
                }
            }
            None if has(libc::O_CREAT) => {
                if let Some(real) = self.mounts.place_to_be_made(path)? {
                    self.recorder.write(path, &real, None, false);
                }
            }
            None => {}
        }
        Ok(())
    }

    /// A file that was opened to be read; its caller has gone on.
    fn read(&mut self, path: &[u8]) {
        match self.mounts.readable(path) {
            Ok(Some((real, stat))) => self.recorder.read(path, &real, state(&stat)),
            Ok(None) => {}
            Err(Away) => self.recorder.opened(path, false),
        }
    }

    fn rename(&mut self, from: &[u8], to: &[u8], flags: u32) {
        if self.rename_seen(from, to, flags).is_err() {
            self.ask_for_directories();
            self.recorder.rename(from, to, true);
        }
    }

    fn rename_seen(&mut self, from: &[u8], to: &[u8], flags: u32) -> Result<(), Away> {
        const NO_REPLACE: u32 = 1;
        const EXCHANGE: u32 = 2;
        let Some(before) = self.mounts.state(from)? else { return Ok(()) };
        let Some((from, to)) = self.mounts.place(from)?.zip(self.mounts.place(to)?) else { return Ok(()) };
        let target = self.mounts.state(&to)?;
        if flags & EXCHANGE != 0 {
            self.ask_for_directories();
            for (path, stat) in [(&from, Some(before)), (&to, target)] {
                self.recorder.write(b"", path, stat.as_ref().map(state), false);
            }
            return Ok(());
        }
        // Such a call fails: another file system, or something in the way.
        let slash = to.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let directory = if slash == 0 { None } else { self.mounts.state(&to[..slash])? };
        let is_elsewhere = directory.is_some_and(|directory| directory.st_dev != before.st_dev);
        let is_in_the_way = flags & NO_REPLACE != 0 && target.is_some();
        if !is_elsewhere && !is_in_the_way {
            let is_directory = FileType::from_raw_mode(before.st_mode) == FileType::Directory;
            if is_directory {
                self.ask_for_directories();
            }
            self.recorder.rename(&from, &to, is_directory);
        }
        Ok(())
    }

    fn remove(&mut self, path: &[u8]) {
        match self.mounts.state(path).and_then(|stat| Ok(stat.zip(self.mounts.place(path)?))) {
            Ok(Some((stat, place))) if FileType::from_raw_mode(stat.st_mode) != FileType::Directory => {
                self.recorder.remove(&place);
            }
            Ok(_) => {}
            Err(Away) => self.recorder.remove(path),
        }
    }

    /// A link, hard or symbolic, is a name that comes to be.
    fn make_name(&mut self, path: &[u8]) {
        let found = self.mounts.place(path).and_then(|place| {
            let Some(place) = place else { return Ok(None) };
            Ok(self.mounts.state(&place)?.is_none().then_some(place))
        });
        match found {
            Ok(Some(place)) => self.recorder.write(b"", &place, None, false),
            Ok(None) => {}
            Err(Away) => self.recorder.opened(path, true),
        }
    }
}

fn state(stat: &Stat) -> State {
    State {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: (stat.st_mtime, stat.st_mtime_nsec as u32),
        changed: (stat.st_ctime, stat.st_ctime_nsec as u32),
    }
}
