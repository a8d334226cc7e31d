//! What the kernel tells, sifted: starts that concern nobody are dropped, and ends are read when they matter.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use super::connector::{Connector, Message, PROC_EVENT_EXEC, PROC_EVENT_EXIT};
use super::look::concerns;

/// So many starts may concern nobody until ends are read all the same: the kernel does not keep them for ever.
const STARTS_BETWEEN: usize = 64;

/// Both sockets of the connector.
#[derive(Debug)]
pub(super) struct Told {
    starts: Connector,
    ends: Connector,
    /// Starts that were heard and not looked at yet.
    heard: Vec<Message>,
    starts_since: usize,
}

impl Told {
    /// The error says in words why it does not work here.
    pub(super) fn open() -> Result<Self, String> {
        let (starts, ends) = (Connector::open(PROC_EVENT_EXEC)?, Connector::open(PROC_EVENT_EXIT)?);
        Ok(Self { starts, ends, heard: Vec::new(), starts_since: 0 })
    }

    /// Readable when something has started.
    pub(super) fn starts(&self) -> BorrowedFd<'_> {
        self.starts.as_fd()
    }

    /// Readable when something has ended.
    pub(super) fn ends(&self) -> BorrowedFd<'_> {
        self.ends.as_fd()
    }

    /// Takes note of starts; true when there were any.
    pub(super) fn hear(&mut self) -> bool {
        let before = self.heard.len();
        self.heard.extend(std::iter::from_fn(|| self.starts.next()));
        self.heard.len() > before
    }

    /// Whether starts wait to be looked at.
    pub(super) const fn has_heard(&self) -> bool {
        !self.heard.is_empty()
    }

    /// What started in one of these directories, and the ends of anything, in the order in which it happened; and whether
    /// ends were lost. With `with_ends` ends are asked for in any case.
    pub(super) fn sift(&mut self, directories: &[PathBuf], with_ends: bool) -> (Vec<Message>, bool) {
        let mut are_ends_lost = false;
        self.starts_since += self.heard.len();
        let concerning =
            |message: &Message| !matches!(message, Message::Exec { pid, .. } if !concerns(directories, *pid));
        let mut sifted: Vec<Message> = self.heard.drain(..).filter(concerning).collect();
        if with_ends || !sifted.is_empty() || self.starts_since >= STARTS_BETWEEN {
            self.starts_since = 0;
            let ends: Vec<Message> = std::iter::from_fn(|| self.ends.next()).collect();
            are_ends_lost = ends.contains(&Message::Lost);
            sifted.extend(ends.into_iter().filter(|message| *message != Message::Lost));
            sifted.sort_by_key(|message| match message {
                Message::Exec { at_nanos, .. } | Message::Exit { at_nanos, .. } => *at_nanos,
                Message::Lost => u64::MAX,
            });
        }
        (sifted, are_ends_lost)
    }
}
