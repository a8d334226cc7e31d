//! The kernel's own queue of events: inotify(7).

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::queue::{Event, Refusal, What};

/// What is asked for. Never openings or readings: a run that reads a million files would pay for them.
const MASK: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::EXCL_UNLINK)
    .union(WatchFlags::ONLYDIR);

const CAME: ReadFlags = ReadFlags::CREATE.union(ReadFlags::MOVED_TO);
const WENT: ReadFlags = ReadFlags::DELETE
    .union(ReadFlags::MOVED_FROM)
    .union(ReadFlags::DELETE_SELF)
    .union(ReadFlags::MOVE_SELF)
    .union(ReadFlags::UNMOUNT);

/// Bytes of one reading: some thousand events.
const BUFFER_BYTES: usize = 64 * 1024;

/// Events as Linux tells them. Its numbers are the kernel's watch descriptors.
pub(super) struct Inotify {
    fd: OwnedFd,
    buffer: Vec<MaybeUninit<u8>>,
}

impl Inotify {
    pub fn new() -> rustix::io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { fd, buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES] })
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The events of one reading; empty when there are no more.
    pub fn read(&mut self) -> Vec<Event> {
        let mut reader = Reader::new(&self.fd, &mut self.buffer);
        let mut events = Vec::new();
        loop {
            match reader.next() {
                Ok(event) => events.push(Event {
                    number: event.wd(),
                    name: event.file_name().map_or(Box::default(), |name| name.to_bytes().into()),
                    what: what(event.events()),
                    is_directory: event.events().contains(ReadFlags::ISDIR),
                }),
                Err(Errno::INTR) => continue,
                Err(_) => return events,
            }
            if reader.is_buffer_empty() {
                return events;
            }
        }
    }

    /// Watches the directory behind `fd`. Through the open directory, so that what is watched is what is listed,
    /// whatever is renamed meanwhile.
    pub fn add(&self, fd: BorrowedFd<'_>) -> Result<i32, Refusal> {
        match inotify::add_watch(&self.fd, format!("/proc/self/fd/{}", fd.as_raw_fd()), MASK) {
            Ok(number) => Ok(number),
            Err(Errno::NOSPC) => Err(Refusal::Limit),
            Err(_) => Err(Refusal::Other),
        }
    }

    pub fn remove(&self, number: i32) {
        // The kernel may have done so already.
        let _ = inotify::remove_watch(&self.fd, number);
    }
}

const fn what(flags: ReadFlags) -> What {
    if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
        What::Lost
    } else if flags.contains(ReadFlags::IGNORED) {
        What::Ended
    } else if flags.intersects(CAME) {
        What::Came
    } else if flags.intersects(WENT) {
        What::Went
    } else {
        What::Changed
    }
}
