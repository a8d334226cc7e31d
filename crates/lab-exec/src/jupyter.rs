//! Listens to Jupyter kernels: what they execute and what they print.
//!
//! A kernel tells everybody who subscribes what it does, on its *iopub* socket. [`Connection`] says where that is;
//! [`Iopub`] subscribes to it and gives each [`Message`] in the order in which the kernel said it. Nothing is ever sent to a
//! kernel but the subscription, and a kernel does not wait for its subscribers: whoever reads too slowly loses
//! messages, which the numbers of the executions show.
//!
//! Sources: [ZMTP 3.0](https://rfc.zeromq.org/spec/23/) and
//! [the messaging protocol of Jupyter](https://jupyter-client.readthedocs.io/en/stable/messaging.html) 5.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

mod connection;
mod message;
mod zmtp;

pub use connection::{Connection, connection_file};
pub use message::{Message, Told};

use zmtp::Subscriber;

/// A kernel is on this machine: it answers at once or not at all.
const CONNECT_LIMIT: Duration = Duration::from_millis(50);
/// Read in one go at most, so that one loud kernel does not keep others waiting.
const TURN_BYTES: usize = 4 << 20;

/// Why a kernel cannot be listened to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IopubError {
    /// It is not there yet, or no longer.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It asks for a key that its connection file does not give to others.
    #[error("its messages are encrypted ({0})")]
    Encrypted(String),
    /// What answers is no kernel.
    #[error("what answers does not speak ZMTP 3: {0}")]
    Protocol(&'static str),
    /// The connection file is not understood.
    #[error("its connection file is not understood: {0}")]
    Connection(String),
}

/// A subscription to what a kernel tells.
#[derive(Debug)]
pub struct Iopub {
    stream: Stream,
    subscriber: Subscriber,
    key: Vec<u8>,
    /// Messages whose signature is not the kernel's, or that are none.
    refused: u64,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Iopub {
    /// Subscribes. Answers within 50 milliseconds.
    ///
    /// # Errors
    /// [`IopubError::Io`] when nobody answers there yet; [`IopubError::Encrypted`] when the kernel has a key.
    pub fn connect(connection: &Connection) -> Result<Self, IopubError> {
        if connection.is_encrypted {
            return Err(IopubError::Encrypted("CURVE".to_owned()));
        }
        let mut stream = match connection.transport.as_str() {
            "ipc" => Stream::Unix(UnixStream::connect(format!("{}-{}", connection.ip, connection.iopub_port))?),
            _ => {
                let ip: IpAddr = match connection.ip.as_str() {
                    "localhost" | "0.0.0.0" | "*" => IpAddr::from([127, 0, 0, 1]),
                    ip => ip.parse().map_err(|_| IopubError::Connection(format!("no address: {ip}")))?,
                };
                Stream::Tcp(TcpStream::connect_timeout(&SocketAddr::new(ip, connection.iopub_port), CONNECT_LIMIT)?)
            }
        };
        let mut subscriber = Subscriber::new();
        stream.send(&subscriber.take_sending())?;
        match &stream {
            Stream::Tcp(stream) => stream.set_nonblocking(true)?,
            Stream::Unix(stream) => stream.set_nonblocking(true)?,
        }
        Ok(Self { stream, subscriber, key: connection.key.clone().into_bytes(), refused: 0 })
    }

    /// Readable when [`Iopub::drain`] has something to do.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }

    /// Adds what the kernel has told; never waits. False when the kernel has hung up.
    ///
    /// # Errors
    /// Those of [`Iopub::connect`], since whether a kernel can be understood is known only when it answers.
    pub fn drain(&mut self, told: &mut Vec<Message>) -> Result<bool, IopubError> {
        let mut buffer = vec![0; 64 << 10];
        let mut left = TURN_BYTES;
        while left > 0 {
            let count = match self.stream.receive(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            left = left.saturating_sub(count);
            self.subscriber.feed(&buffer[..count])?;
            let sending = self.subscriber.take_sending();
            if !sending.is_empty() {
                self.stream.send(&sending)?;
            }
            while let Some(frames) = self.subscriber.next_message() {
                match message::read(&frames, &self.key) {
                    Ok(message) => told.extend(message),
                    Err(message::Refused) => self.refused += 1,
                }
            }
        }
        Ok(true)
    }

    /// How many messages were not believed: their signature is not the kernel's.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

impl Stream {
    /// A few dozen bytes into an empty buffer: they go at once.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}
