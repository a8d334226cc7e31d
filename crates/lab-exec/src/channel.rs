//! Messages between the two processes of a run: a socket that keeps their boundaries.

use std::io::{IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};

use crate::error::Trying;
use crate::{Error, Result};

/// What a message is about. The numbers are the first byte on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Front to supervisor: what to start, and the descriptors for it.
    Launch = 1,
    /// Front to supervisor: start now.
    Go = 2,
    /// Front to supervisor, sent by a signal handler: number, and 1 when a process sent it.
    Signal = 3,
    /// Supervisor to front: process id and moment of the start.
    Started = 4,
    /// Supervisor to front: the command was stopped, stop too.
    Stopped = 5,
    /// Supervisor to front: nobody reads this lane any more, close it.
    Closed = 6,
    /// Supervisor to front: the command has ended.
    Exited = 7,
    /// Supervisor to front: everything is done.
    Finished = 8,
    /// Supervisor to front: a signal was passed on.
    Heard = 9,
    /// Front to supervisor, right before [`Self::Go`]: which files are opened is to be seen.
    Trace = 10,
}

const KINDS: [Kind; 10] = [
    Kind::Launch,
    Kind::Go,
    Kind::Signal,
    Kind::Started,
    Kind::Stopped,
    Kind::Closed,
    Kind::Exited,
    Kind::Finished,
    Kind::Heard,
    Kind::Trace,
];

/// One message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
}

/// What a look at the socket found.
#[derive(Debug)]
pub(crate) enum Received {
    Message(Message),
    /// Nothing at the moment.
    Nothing,
    /// The other process is gone.
    Gone,
}

/// One end of the socket.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: OwnedFd,
}

/// Longer messages travel in a memory file, since a socket takes only some hundred kilobytes at once.
const INLINE_BYTES: usize = 32 * 1024;
const MAX_FDS: usize = 8;

impl Channel {
    pub(crate) fn pair() -> Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .trying("make a socket")?;
        Ok((Self { socket: ours }, theirs))
    }

    pub(crate) const fn new(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// Sends and waits while the other side has not read what came before.
    pub(crate) fn send(&self, kind: Kind, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
        self.send_with(kind, bytes, fds, SendFlags::NOSIGNAL)
    }

    /// Sends unless that would mean to wait.
    pub(crate) fn offer(&self, kind: Kind, bytes: &[u8]) -> Result<()> {
        self.send_with(kind, bytes, &[], SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
    }

    fn send_with(&self, kind: Kind, bytes: &[u8], fds: &[BorrowedFd<'_>], flags: SendFlags) -> Result<()> {
        if bytes.len() <= INLINE_BYTES {
            return self.send_raw(&[IoSlice::new(&[kind as u8, 0]), IoSlice::new(bytes)], fds, flags);
        }
        let memory = rustix::fs::memfd_create("lab-message", MemfdFlags::CLOEXEC).trying("make a memory file")?;
        let mut memory = std::fs::File::from(memory);
        memory.write_all(bytes).trying("write a memory file")?;
        let mut all = vec![memory.as_fd()];
        all.extend(fds);
        self.send_raw(&[IoSlice::new(&[kind as u8, 1])], &all, flags)
    }

    fn send_raw(&self, parts: &[IoSlice<'_>], fds: &[BorrowedFd<'_>], flags: SendFlags) -> Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(Error::Message);
        }
        loop {
            match rustix::net::sendmsg(&self.socket, parts, &mut control, flags) {
                Err(Errno::INTR) => {}
                other => return other.map(drop).trying("send to the other process of the run"),
            }
        }
    }

    /// Waits for a message; `None` when the other process is gone.
    pub(crate) fn receive(&self) -> Result<Option<Message>> {
        loop {
            match self.receive_with(RecvFlags::CMSG_CLOEXEC)? {
                Received::Message(message) => return Ok(Some(message)),
                Received::Gone => return Ok(None),
                Received::Nothing => {}
            }
        }
    }

    /// Takes a message if there is one.
    pub(crate) fn take(&self) -> Result<Received> {
        self.receive_with(RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT)
    }

    fn receive_with(&self, flags: RecvFlags) -> Result<Received> {
        let mut buffer = vec![0; INLINE_BYTES + 2];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let length = loop {
            match rustix::net::recvmsg(&self.socket, &mut [IoSliceMut::new(&mut buffer)], &mut control, flags) {
                Ok(received) => break received.bytes,
                // Told once when the other side died before it had read everything; what it had sent
                // before is still there.
                Err(Errno::INTR | Errno::CONNRESET) => {}
                Err(Errno::AGAIN) => return Ok(Received::Nothing),
                Err(error) => return Err(error).trying("receive from the other process of the run"),
            }
        };
        if length == 0 {
            return Ok(Received::Gone);
        }
        let mut fds = Vec::new();
        for part in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = part {
                fds.extend(received);
            }
        }
        buffer.truncate(length);
        let kind = *KINDS.iter().find(|kind| **kind as u8 == buffer[0]).ok_or(Error::Message)?;
        match buffer.get(1) {
            Some(0) => {
                buffer.drain(..2);
            }
            Some(1) if !fds.is_empty() => {
                let mut memory = std::fs::File::from(fds.remove(0));
                buffer.clear();
                memory.rewind().trying("read a memory file")?;
                memory.read_to_end(&mut buffer).trying("read a memory file")?;
            }
            _ => return Err(Error::Message),
        }
        Ok(Received::Message(Message { kind, bytes: buffer, fds }))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_messages_and_descriptors_arrive() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel::new(theirs);
        let (read, write) = rustix::pipe::pipe().unwrap();
        let large: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
        ours.send(Kind::Launch, &large, &[write.as_fd()]).unwrap();
        ours.offer(Kind::Go, b"payload").unwrap();
        drop((ours, write));
        let message = theirs.receive().unwrap().unwrap();
        assert_eq!(message.kind, Kind::Launch);
        assert!(message.bytes == large);
        rustix::io::write(&message.fds[0], b"x").unwrap();
        drop(message);
        let mut buffer = [0; 8];
        assert_eq!(rustix::io::read(&read, &mut buffer).unwrap(), 1);
        assert_eq!(rustix::io::read(&read, &mut buffer).unwrap(), 0, "no copy of the descriptor is left");
        assert_eq!(theirs.receive().unwrap().unwrap().bytes, b"payload");
        assert!(theirs.receive().unwrap().is_none());
        assert!(theirs.send(Kind::Stopped, &[], &[]).is_err());
    }

    #[test]
    fn what_was_sent_before_a_death_is_still_read() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel::new(theirs);
        theirs.send(Kind::Go, b"never read", &[]).unwrap();
        ours.send(Kind::Started, b"1", &[]).unwrap();
        drop(ours);
        assert!(matches!(theirs.take().unwrap(), Received::Message(message) if message.bytes == b"1"));
        assert!(matches!(theirs.take().unwrap(), Received::Gone));
    }
}
