//! The subscriber's side of ZMTP 3.0 without encryption. Bytes in, messages out: no socket here.
//!
//! Greeting, then the command READY from both, then frames: a byte of flags (1 more follow, 2 long, 4 command), the
//! length (1 byte, or 8 when long), the bytes. A subscription to everything is a frame that holds the byte 1.

use std::collections::VecDeque;

use super::IopubError;

const GREETING_BYTES: usize = 64;
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
/// A larger part of a message, such as a picture, is passed over, and the message with it.
const MAX_FRAME_BYTES: u64 = 32 << 20;
/// A kernel's messages have about seven parts.
const MAX_FRAMES: usize = 64;

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Subscriber {
    state: State,
    received: Vec<u8>,
    /// Bytes of a frame that is passed over, still to come.
    passing: u64,
    /// The message is incomplete: a part was passed over.
    cut: bool,
    frames: Vec<Vec<u8>>,
    messages: VecDeque<Vec<Vec<u8>>>,
    sending: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Greeting,
    Ready,
    Open,
}

impl Subscriber {
    pub fn new() -> Self {
        let mut greeting = vec![0; GREETING_BYTES];
        greeting[0] = 0xff;
        greeting[9] = 0x7f;
        greeting[10] = 3;
        greeting[12..16].copy_from_slice(b"NULL");
        Self {
            state: State::Greeting,
            received: Vec::new(),
            passing: 0,
            cut: false,
            frames: Vec::new(),
            messages: VecDeque::new(),
            sending: greeting,
        }
    }

    /// What is to be sent now.
    pub fn take_sending(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.sending)
    }

    /// The next whole message, in parts.
    pub fn next_message(&mut self) -> Option<Vec<Vec<u8>>> {
        self.messages.pop_front()
    }

    /// Takes what was received.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), IopubError> {
        let passed = usize::try_from(self.passing).unwrap_or(usize::MAX).min(bytes.len());
        self.passing -= passed as u64;
        self.received.extend_from_slice(&bytes[passed..]);
        let mut at = 0;
        if self.state == State::Greeting {
            let Some(greeting) = self.received.get(..GREETING_BYTES) else { return Ok(()) };
            self.sending.extend(answer(greeting)?);
            self.state = State::Ready;
            at = GREETING_BYTES;
        }
        while let Some((flags, length, head)) = frame_head(&self.received[at..]) {
            let more = flags & MORE != 0;
            if length > MAX_FRAME_BYTES {
                let there = (self.received.len() - at - head) as u64;
                self.passing = length.saturating_sub(there);
                at += head + usize::try_from(length.min(there)).expect("because these bytes are in memory");
                self.cut = more;
                self.frames.clear();
                continue;
            }
            let length = usize::try_from(length).expect("because it is below the limit");
            let Some(body) = self.received.get(at + head..at + head + length) else { break };
            let body = body.to_vec();
            at += head + length;
            self.frame(flags, body)?;
        }
        self.received.drain(..at);
        Ok(())
    }

    fn frame(&mut self, flags: u8, body: Vec<u8>) -> Result<(), IopubError> {
        if flags & COMMAND != 0 {
            if self.state == State::Ready {
                if !body.starts_with(b"\x05READY") {
                    return Err(IopubError::Protocol("it is not ready"));
                }
                self.state = State::Open;
            }
            return Ok(());
        }
        if self.state != State::Open {
            return Err(IopubError::Protocol("a message comes before it is ready"));
        }
        let more = flags & MORE != 0;
        if self.frames.len() >= MAX_FRAMES {
            self.cut = true;
            self.frames.clear();
        }
        if !self.cut {
            self.frames.push(body);
        }
        if !more {
            let frames = std::mem::take(&mut self.frames);
            if !std::mem::take(&mut self.cut) {
                self.messages.push_back(frames);
            }
        }
        Ok(())
    }
}

/// What is said to a peer that has greeted.
fn answer(greeting: &[u8]) -> Result<Vec<u8>, IopubError> {
    if greeting[0] != 0xff || greeting[9] != 0x7f {
        return Err(IopubError::Protocol("no greeting"));
    }
    if greeting[10] < 3 {
        return Err(IopubError::Protocol("an older version"));
    }
    let mechanism = String::from_utf8_lossy(&greeting[12..32]);
    let mechanism = mechanism.trim_end_matches('\0');
    if mechanism != "NULL" {
        return Err(IopubError::Encrypted(mechanism.to_owned()));
    }
    let mut body = b"\x05READY\x0bSocket-Type".to_vec();
    body.extend_from_slice(&3_u32.to_be_bytes());
    body.extend_from_slice(b"SUB");
    let length = u8::try_from(body.len()).expect("because it is 25");
    Ok([&[COMMAND, length][..], &body, &[0, 1, 1]].concat())
}

/// Flags, length of the body, length of the head.
fn frame_head(bytes: &[u8]) -> Option<(u8, u64, usize)> {
    let flags = *bytes.first()?;
    if flags & LONG == 0 {
        return Some((flags, u64::from(*bytes.get(1)?), 2));
    }
    let length = bytes.get(1..9)?;
    Some((flags, u64::from_be_bytes(length.try_into().expect("because it is eight bytes")), 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(mechanism: &[u8]) -> Vec<u8> {
        let mut greeting = Subscriber::new().take_sending();
        greeting[12..32].fill(0);
        greeting[12..12 + mechanism.len()].copy_from_slice(mechanism);
        greeting
    }

    /// What a publisher says: greeting, READY, two messages, one of them with a long frame and a heartbeat between.
    fn stream() -> Vec<u8> {
        let mut bytes = greeting(b"NULL");
        bytes.extend(b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04XPUB");
        bytes.extend(b"\x01\x02ab\x00\x00");
        bytes.extend(b"\x04\x07\x04PING\0\0");
        bytes.extend([LONG, 0, 0, 0, 0, 0, 0, 1, 44]);
        bytes.extend([7; 300]);
        bytes
    }

    #[test]
    fn messages_come_whole_however_the_bytes_arrive() {
        for size in [1, 2, 3, 64, 65, 1000] {
            let mut subscriber = Subscriber::new();
            let mut sent = subscriber.take_sending();
            let mut messages = Vec::new();
            for part in stream().chunks(size) {
                subscriber.feed(part).unwrap();
                sent.extend(subscriber.take_sending());
                messages.extend(std::iter::from_fn(|| subscriber.next_message()));
            }
            assert_eq!(messages, [vec![b"ab".to_vec(), Vec::new()], vec![vec![7; 300]]], "in parts of {size}");
            assert_eq!(sent.len(), 64 + 27 + 3, "greeting, READY, subscription and nothing else");
        }
    }

    #[test]
    fn a_huge_frame_is_passed_over_with_its_message() {
        let mut subscriber = Subscriber::new();
        subscriber.feed(&greeting(b"NULL")).unwrap();
        subscriber.feed(b"\x04\x06\x05READY").unwrap();
        let huge = MAX_FRAME_BYTES + 1;
        subscriber.feed(b"\x01\x01a").unwrap();
        subscriber.feed(&[LONG | MORE]).unwrap();
        subscriber.feed(&huge.to_be_bytes()).unwrap();
        let block = vec![1; 1 << 20];
        for _ in 0..32 {
            subscriber.feed(&block).unwrap();
        }
        subscriber.feed(b"\x01\x00\x01b\x00\x01c").unwrap();
        assert_eq!(subscriber.next_message(), Some(vec![b"c".to_vec()]));
        assert!(subscriber.received.capacity() < 4 << 20, "it was never in memory");
    }

    #[test]
    fn who_cannot_be_read_is_told_apart() {
        let curve = Subscriber::new().feed(&greeting(b"CURVE"));
        assert!(matches!(curve, Err(IopubError::Encrypted(name)) if name == "CURVE"));
        assert!(matches!(Subscriber::new().feed(&[b'x'; 64]), Err(IopubError::Protocol(_))));
        let mut early = Subscriber::new();
        early.feed(&greeting(b"NULL")).unwrap();
        assert!(matches!(early.feed(b"\x00\x01a"), Err(IopubError::Protocol(_))));
    }
}
