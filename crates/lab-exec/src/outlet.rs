//! Where output goes: never waits, keeps some MiB, and then lets the command wait.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;

/// The most that is kept for a reader that does not read.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// Files never wait.
    Plain,
    /// Opened again, so that only this process does not wait.
    NonBlocking,
    Socket,
    /// Could not be opened again: only so much at a time as surely fits.
    Pieces(usize),
}

/// What became of an outlet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Open,
    /// Nobody reads any more.
    Closed,
    /// It takes nothing any more: the disk is full, the terminal is gone.
    Broken,
}

#[derive(Debug)]
pub(crate) struct Outlet {
    fd: OwnedFd,
    way: Way,
    queue: Vec<u8>,
    /// How much of the queue is written.
    done: usize,
    state: State,
    lost_bytes: u64,
}

impl Outlet {
    /// `fd` is shared with other programs, so its flags must not change: a terminal or pipe is opened
    /// once more.
    pub(crate) fn new(fd: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
        let keep = || rustix::io::fcntl_dupfd_cloexec(fd, 3);
        let (fd, way) = match kind {
            FileType::Socket => (keep()?, Way::Socket),
            FileType::Fifo => reopen(fd).map_or_else(|_| Ok((keep()?, Way::Pieces(4096))), Ok)?,
            FileType::CharacterDevice if rustix::termios::isatty(fd) => {
                reopen(fd).map_or_else(|_| Ok((keep()?, Way::Pieces(256))), Ok)?
            }
            _ => (keep()?, Way::Plain),
        };
        Ok(Self { fd, way, queue: Vec::new(), done: 0, state: State::Open, lost_bytes: 0 })
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) const fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() - self.done < QUEUE_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.len() == self.done
    }

    /// What to poll for: always for trouble, and for room when something waits. `None` when it is over.
    pub(crate) fn poll_fd(&self) -> Option<PollFd<'_>> {
        let flags = if self.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        (self.state == State::Open).then(|| PollFd::new(&self.fd, flags))
    }

    /// What polling found.
    pub(crate) fn polled(&mut self, found: PollFlags) {
        if found.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            // A pipe or socket without a reader; of a terminal, it means that the terminal is gone.
            self.fail(if matches!(self.way, Way::Plain) || rustix::termios::isatty(&self.fd) {
                State::Broken
            } else {
                State::Closed
            });
        } else if found.contains(PollFlags::OUT) {
            self.flush();
        }
    }

    /// Writes what can be written now and keeps the rest.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.state != State::Open {
            self.lost_bytes += bytes.len() as u64;
            return;
        }
        if self.is_empty() {
            self.queue.clear();
            self.done = 0;
        } else if self.done > QUEUE_BYTES {
            self.queue.drain(..self.done);
            self.done = 0;
        }
        self.queue.extend_from_slice(bytes);
        self.flush();
    }

    fn flush(&mut self) {
        while self.state == State::Open && !self.is_empty() {
            let waiting = &self.queue[self.done..];
            let written = match self.way {
                Way::Plain | Way::NonBlocking => rustix::io::write(&self.fd, waiting),
                Way::Socket => rustix::net::send(&self.fd, waiting, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
                Way::Pieces(_) if !is_writable(&self.fd) => Err(Errno::AGAIN),
                Way::Pieces(most) => rustix::io::write(&self.fd, &waiting[..waiting.len().min(most)]),
            };
            match written {
                Ok(length) => self.done += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(Errno::PIPE | Errno::CONNRESET) => self.fail(State::Closed),
                Err(_) => self.fail(State::Broken),
            }
        }
    }

    fn fail(&mut self, state: State) {
        self.state = state;
        self.lost_bytes += (self.queue.len() - self.done) as u64;
        self.queue = Vec::new();
        self.done = 0;
    }
}

fn reopen(fd: BorrowedFd<'_>) -> rustix::io::Result<(OwnedFd, Way)> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
    rustix::fs::open(path, flags, Mode::empty()).map(|fd| (fd, Way::NonBlocking))
}

fn is_writable(fd: &OwnedFd) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::OUT)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn fill(outlet: &mut Outlet) -> Vec<u8> {
        let mut sent = Vec::new();
        let mut number = 0_u32;
        while outlet.has_room() {
            let piece: Vec<u8> = (0..50_000).map(|index| (index + number) as u8).collect();
            outlet.push(&piece);
            sent.extend(piece);
            number += 7;
        }
        sent
    }

    fn drain(outlet: &mut Outlet, mut read: impl Read + Send + 'static, expected: &[u8]) {
        let length = expected.len();
        let reader = std::thread::Builder::new()
            .spawn(move || {
                let mut all = vec![0; length];
                read.read_exact(&mut all).unwrap();
                all
            })
            .unwrap();
        while !outlet.is_empty() {
            let mut polled = [outlet.poll_fd().unwrap()];
            rustix::event::poll(&mut polled, None).unwrap();
            let found = polled[0].revents();
            outlet.polled(found);
        }
        assert!(reader.join().unwrap() == expected);
    }

    #[test]
    fn a_slow_pipe_and_a_slow_socket_make_nobody_wait_and_lose_nothing() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let mut outlet = Outlet::new(write.as_fd()).unwrap();
        assert_eq!(outlet.way, Way::NonBlocking);
        let sent = fill(&mut outlet);
        drain(&mut outlet, std::fs::File::from(read), &sent);
        assert!(!rustix::fs::fcntl_getfl(&write).unwrap().contains(OFlags::NONBLOCK), "the shared flags are as before");

        let (read, write) = UnixStream::pair().unwrap();
        let mut outlet = Outlet::new(write.as_fd()).unwrap();
        let sent = fill(&mut outlet);
        drain(&mut outlet, read, &sent);
    }

    #[test]
    fn pieces_are_a_fallback_that_does_not_wait_either() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let mut outlet = Outlet::new(write.as_fd()).unwrap();
        outlet.fd = write;
        outlet.way = Way::Pieces(4096);
        let sent = fill(&mut outlet);
        drain(&mut outlet, std::fs::File::from(read), &sent);
    }

    #[test]
    fn a_reader_that_leaves_is_noticed_without_writing() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let mut outlet = Outlet::new(write.as_fd()).unwrap();
        drop(read);
        let mut polled = [outlet.poll_fd().unwrap()];
        rustix::event::poll(&mut polled, None).unwrap();
        let found = polled[0].revents();
        outlet.polled(found);
        assert_eq!(outlet.state(), State::Closed);
        outlet.push(b"abc");
        assert_eq!(outlet.lost_bytes(), 3);
    }

    #[test]
    fn a_full_device_breaks_and_counts() {
        let full = rustix::fs::open("/dev/full", OFlags::WRONLY, Mode::empty()).unwrap();
        let mut outlet = Outlet::new(full.as_fd()).unwrap();
        outlet.push(b"abcd");
        assert_eq!((outlet.state(), outlet.lost_bytes()), (State::Broken, 4));
    }
}
