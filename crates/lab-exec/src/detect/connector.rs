//! The kernel's process connector: a socket on which it tells of every exec and exit, with the time.
//!
//! Open to everybody since Linux 6.6, to `CAP_NET_ADMIN` before; whether it answers is tried, not
//! concluded from the version. Messages are laid out as in `linux/netlink.h`, `linux/connector.h` and
//! `linux/cn_proc.h`.

#![expect(unsafe_code, reason = "rustix does not have filters of sockets")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// What the kernel tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Message {
    Exec {
        pid: i32,
        at_nanos: u64,
    },
    Exit {
        pid: i32,
        at_nanos: u64,
        wait_status: i32,
    },
    /// The buffer was full and messages were lost.
    Lost,
}

/// One of the sockets, listening until it is dropped. Starts and ends come by different ones: nobody has to be woken by
/// the ends of what does not matter.
#[derive(Debug)]
pub(super) struct Connector {
    socket: OwnedFd,
}

const CN_IDX_PROC: u32 = 1;
const CN_VAL_PROC: u32 = 1;
const PROC_CN_MCAST_LISTEN: u32 = 1;
const PROC_CN_MCAST_IGNORE: u32 = 2;
const PROC_EVENT_NONE: u32 = 0;
/// A process starts a program.
pub(super) const PROC_EVENT_EXEC: u32 = 2;
/// A thread ends, perhaps the first one of a process.
pub(super) const PROC_EVENT_EXIT: u32 = 0x8000_0000;

/// Marks our request; the answer carries one more, so that it can be told from that to another listener.
const REQUEST: u32 = 0x6c61_6200;

const NETLINK_HEADER: usize = 16;
const CONNECTOR_HEADER: usize = 20;

/// Where an event's own fields begin: kind, processor and time stand before them.
const EVENT: usize = NETLINK_HEADER + CONNECTOR_HEADER;
const EVENT_FIELDS: usize = EVENT + 16;

/// Room for some thousand messages; the kernel grants less where it has to.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Process and user namespace of the machine itself (`include/linux/proc_ns.h`): the connector tells
/// numbers of processes as they are there.
const INITIAL: [(&str, &str); 2] =
    [("/proc/self/ns/pid", "pid:[4026531836]"), ("/proc/self/ns/user", "user:[4026531837]")];

impl Connector {
    /// Listens to events of one kind. The error says in words why it does not work here.
    pub(super) fn open(kind: u32) -> Result<Self, String> {
        for (path, initial) in INITIAL {
            let found = rustix::fs::readlink(path, Vec::new()).map_err(|error| format!("{path}: {error}"))?;
            if found.to_bytes() != initial.as_bytes() {
                return Err("only for processes of the machine itself, not of a container".to_owned());
            }
        }
        let refused = |error: Errno| match error {
            Errno::PERM | Errno::ACCESS => "the kernel lets only administrators listen before Linux 6.6".to_owned(),
            Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT => "this kernel does not have it".to_owned(),
            error => format!("the kernel refuses: {error}"),
        };
        let connector = Self { socket: listening_socket().map_err(refused)? };
        connector.request(&[PROC_CN_MCAST_LISTEN]).map_err(refused)?;
        match connector.answer() {
            Some(0) => {}
            Some(error) => return Err(refused(Errno::from_raw_os_error(error.cast_signed()))),
            None => return Err("the kernel does not answer".to_owned()),
        }
        // Since Linux 6.6 it can be told what matters. There is no answer: it is not among what was asked for.
        let _ = connector.request(&[PROC_CN_MCAST_LISTEN, kind]);
        // Without the filter more has to be read, no more.
        let _ = filter(&connector.socket, kind);
        Ok(connector)
    }

    /// The next message, without waiting.
    pub(super) fn next(&self) -> Option<Message> {
        let mut buffer = [0; 1024];
        loop {
            match rustix::net::recvfrom(&self.socket, &mut buffer, RecvFlags::DONTWAIT) {
                Ok((length, _, sender)) => {
                    let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
                    let from_kernel = sender.is_some_and(|sender| sender.pid() == 0);
                    if let Some(message) = message(&buffer[..length]).filter(|_| from_kernel) {
                        return Some(message);
                    }
                }
                Err(Errno::NOBUFS) => return Some(Message::Lost),
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn request(&self, words: &[u32]) -> Result<(), Errno> {
        let data: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        rustix::net::send(&self.socket, &envelope(&data), SendFlags::empty()).map(|_| ())
    }

    /// The answer to a request: 0 or the number of an error.
    fn answer(&self) -> Option<u32> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let mut buffer = [0; 1024];
        // Messages of others may come first; a kernel that floods us has taken the request.
        for _ in 0..10_000 {
            if poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) == Ok(0) {
                return None;
            }
            let (length, _) = rustix::net::recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT).unwrap_or((0, 0));
            let bytes = &buffer[..length];
            let is_answer =
                field(bytes, EVENT) == Some(PROC_EVENT_NONE) && field(bytes, NETLINK_HEADER + 12) == Some(REQUEST + 1);
            if is_answer {
                return field(bytes, EVENT_FIELDS);
            }
        }
        None
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        let _ = self.request(&[PROC_CN_MCAST_IGNORE]);
    }
}

fn listening_socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::CONNECTOR))?;
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, BUFFER_BYTES);
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, CN_IDX_PROC))?;
    // Not connected: what is sent goes to the kernel anyway, and naming the group needs privileges.
    Ok(socket)
}

/// Lets only events of one kind through, and of processes as a whole, by a program for the kernel in the classic language
/// of filters (`linux/filter.h`): every thread that ends would be told of otherwise, and compilers have many.
fn filter(socket: &OwnedFd, kind: u32) -> std::io::Result<()> {
    const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const JUMP_IF_SAME: u32 = libc::BPF_JMP | libc::BPF_JEQ;
    let step = |code: u32, value: u32, if_true: u8, if_false: u8| libc::sock_filter {
        code: code as u16,
        jt: if_true,
        jf: if_false,
        k: value,
    };
    // The language reads words as they are sent through networks; the connector writes them as the machine has them.
    let mut steps = [
        step(LOAD_WORD, EVENT as u32, 0, 0),
        step(JUMP_IF_SAME | libc::BPF_K, kind.to_be(), 0, 5),
        // The thread and its process.
        step(LOAD_WORD, EVENT_FIELDS as u32, 0, 0),
        step(libc::BPF_MISC | libc::BPF_TAX, 0, 0, 0),
        step(LOAD_WORD, EVENT_FIELDS as u32 + 4, 0, 0),
        step(JUMP_IF_SAME | libc::BPF_X, 0, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, u32::MAX, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    let length = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: the program and its steps live beyond the call, which copies them.
    let result = unsafe {
        let (level, option) = (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER);
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const program).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn envelope(data: &[u8]) -> Vec<u8> {
    const NLMSG_DONE: u16 = 3;
    let length = u32::try_from(EVENT + data.len()).expect("because requests are short");
    let mut bytes = Vec::with_capacity(EVENT + data.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(NLMSG_DONE.to_ne_bytes());
    // Flags, number and sender of the outer header.
    bytes.extend([0; 10]);
    for word in [CN_IDX_PROC, CN_VAL_PROC, REQUEST, REQUEST] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(u16::try_from(data.len()).expect("because requests are short").to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(data);
    bytes
}

/// Reads an event; `None` for one that is not asked for, and for those of threads.
fn message(bytes: &[u8]) -> Option<Message> {
    if (field(bytes, NETLINK_HEADER)?, field(bytes, NETLINK_HEADER + 4)?) != (CN_IDX_PROC, CN_VAL_PROC) {
        return None;
    }
    let at_nanos = u64::from_ne_bytes(bytes.get(EVENT + 8..EVENT + 16)?.try_into().ok()?);
    let (thread, process) = (field(bytes, EVENT_FIELDS)?, field(bytes, EVENT_FIELDS + 4)?);
    let pid = process.cast_signed();
    match field(bytes, EVENT)? {
        PROC_EVENT_EXEC => Some(Message::Exec { pid, at_nanos }),
        PROC_EVENT_EXIT if thread == process => {
            let wait_status = field(bytes, EVENT_FIELDS + 8)?.cast_signed();
            Some(Message::Exit { pid, at_nanos, wait_status })
        }
        _ => None,
    }
}

fn field(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(offset..offset + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u32, thread: u32, process: u32) -> Vec<u8> {
        let mut data = kind.to_ne_bytes().to_vec();
        data.extend(7_u32.to_ne_bytes());
        data.extend(1_000_000_007_u64.to_ne_bytes());
        for word in [thread, process, 42 << 8, 17, 1, 1] {
            data.extend(word.to_ne_bytes());
        }
        envelope(&data)
    }

    #[test]
    fn messages_are_read() {
        let at_nanos = 1_000_000_007;
        for (kind, thread, process, expected) in [
            (PROC_EVENT_EXEC, 9, 9, Some(Message::Exec { pid: 9, at_nanos })),
            (PROC_EVENT_EXIT, 9, 9, Some(Message::Exit { pid: 9, at_nanos, wait_status: 42 << 8 })),
            (PROC_EVENT_EXIT, 10, 9, None),
            (1, 9, 9, None),
            (PROC_EVENT_NONE, 0, 0, None),
        ] {
            assert_eq!(message(&event(kind, thread, process)), expected, "{kind} {thread} {process}");
        }
        let whole = event(PROC_EVENT_EXIT, 9, 9);
        for length in 0..EVENT_FIELDS + 12 {
            assert_eq!(message(&whole[..length]), None, "{length}");
        }
        let mut other = whole;
        other[NETLINK_HEADER] = 2;
        assert_eq!(message(&other), None);
    }
}
