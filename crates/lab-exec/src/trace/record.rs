//! What was seen, as lines of a file that survives whoever writes it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use lab_model::FilePath;
use serde::{Deserialize, Serialize};

use super::Trace;
use super::line;
use super::paths::Paths;
use super::rules::{Fold, Rules};

/// One thing that the command did to a file, or one thing about the tracing itself. Lines of JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "lowercase")]
pub enum Event {
    /// From here on calls are seen.
    Begin,
    /// It could not be done, and why.
    Untraced {
        /// In words.
        why: String,
    },
    /// Something may be missing, and why.
    Incomplete {
        /// In words.
        why: String,
    },
    /// A file was opened to be read.
    Read {
        /// Which.
        path: FilePath,
        /// How it was then.
        state: State,
    },
    /// A file was opened so that it can be written, or made.
    Write {
        /// Which.
        path: FilePath,
        /// How it was before; `None` when it was not there.
        before: Option<State>,
        /// What was in it counts too: it was opened for reading as well, or to write at its end.
        keeps: bool,
    },
    /// A file was opened, or made, where a look at it could have held up the command: on a file system that
    /// another machine or a process serves. What it is can be found out at the end, and nothing is sure
    /// of whether the call went well.
    Opened {
        /// By the words of the call; links in it are not resolved.
        path: FilePath,
        /// So that it can be written.
        writes: bool,
    },
    /// A file or directory got another name.
    Rename {
        /// From.
        from: FilePath,
        /// To.
        to: FilePath,
    },
    /// A file lost its name.
    Remove {
        /// Which.
        path: FilePath,
    },
    /// Everything up to the command's end is noted.
    End,
    /// How many files were opened that are not named one by one, so far.
    Counted {
        /// Files of the system and of installed packages.
        software: u64,
        /// Files beyond the limit.
        more: u64,
    },
}

/// How a file was, as far as `stat` tells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct State {
    /// Bytes.
    pub size: u64,
    /// Modification time: seconds and nanoseconds.
    pub modified: (i64, u32),
    /// The time of the last change of any kind.
    pub changed: (i64, u32),
}

/// More files than this are not named one by one.
const FILES_MAX: usize = 200_000;
const BUFFER_BYTES: usize = 64 * 1024;
/// What comes until it can be written: a table full of notes.
const BUFFER_BYTES_FIRST: usize = 8 * BUFFER_BYTES;

const READ: u8 = 1;
const WRITTEN: u8 = 2;

/// Takes what is seen; the same thing is noted once.
#[derive(Debug)]
pub(super) struct Recorder {
    file: Option<File>,
    buffer: Vec<u8>,
    rules: Rules,
    /// What is noted of a path already: under the words of the call, and under the real path.
    asked: Paths,
    known: Paths,
    software: Paths,
    more: u64,
    told: (u64, u64),
}

impl Recorder {
    pub(super) fn new(trace: &Trace) -> Self {
        let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&trace.log).ok();
        Self {
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES_FIRST),
            rules: Rules::new(bytes(&trace.root), bytes(&trace.own)),
            asked: Paths::default(),
            known: Paths::with_room(),
            software: Paths::default(),
            more: 0,
            told: (0, 0),
        }
    }

    pub(super) fn note(&mut self, event: &Event) {
        serde_json::to_writer(&mut self.buffer, event).expect("because events always serialise into memory");
        self.buffer.push(b'\n');
    }

    /// Writes what is buffered when it is much; not while a call waits, since the disk may take its time.
    pub(super) fn relieve(&mut self) {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    /// Whether the words of a call were dealt with before: then there is nothing new to find out.
    pub(super) fn is_asked(&self, path: &[u8], writes: bool) -> bool {
        let bit = if writes { WRITTEN } else { READ };
        self.asked.get(path) & bit != 0
    }

    /// Remembers the words of a call that opened a file; other calls have none.
    fn ask(&mut self, path: &[u8], bit: u8) {
        // The number of a descriptor stands for another file every time.
        if !path.is_empty() && self.asked.len() < FILES_MAX && !path.starts_with(b"/proc/") {
            self.asked.add(path, bit);
        }
    }

    /// A file was opened by the words `asked` to be read; it is `real`.
    pub(super) fn read(&mut self, asked: &[u8], real: &[u8], state: State) {
        self.ask(asked, READ);
        if self.is_new(real, READ) {
            self.note_read(real, state);
        }
    }

    /// A file was opened by the words `asked` so that it can be written.
    pub(super) fn write(&mut self, asked: &[u8], real: &[u8], before: Option<State>, keeps: bool) {
        self.ask(asked, if keeps { READ | WRITTEN } else { WRITTEN });
        if self.is_new(real, WRITTEN) {
            let path = self.name(real);
            self.note(&Event::Write { path, before, keeps });
        }
    }

    /// A program has noted that it opened the file `path`, without links, to read it; `None` when it is gone by now.
    /// Whether it is a local one is asked only when it is new.
    pub(super) fn noted(&mut self, path: &[u8], state: Option<State>, is_local: impl FnOnce() -> bool) {
        let is_detour = |pair: &[u8]| (pair[0] == b'/') & ((pair[1] == b'/') | (pair[1] == b'.'));
        let has_detours = path.windows(2).fold(false, |found, pair| found | is_detour(pair));
        let path = if has_detours { &*clean(path) } else { path };
        if self.is_new(path, READ) {
            match state.filter(|_| is_local()) {
                Some(state) => self.note_read(path, state),
                None => self.note(&Event::Opened { path: self.name(path), writes: false }),
            }
        }
    }

    fn note_read(&mut self, path: &[u8], state: State) {
        if !line::read(&mut self.buffer, FilePath::named(path, self.rules.root()), &state) {
            self.note(&Event::Read { path: self.name(path), state });
        }
    }

    /// Something was opened by the words `path` that cannot be looked at.
    pub(super) fn opened(&mut self, path: &[u8], writes: bool) {
        let bit = if writes { WRITTEN } else { READ };
        self.ask(path, bit);
        let path = clean(path);
        if self.is_new(&path, bit) {
            let path = self.name(&path);
            self.note(&Event::Opened { path, writes });
        }
    }

    pub(super) fn rename(&mut self, from: &[u8], to: &[u8], is_directory: bool) {
        self.asked.clear();
        if is_directory {
            self.known.clear();
        } else {
            self.known.remove(from);
            self.known.remove(to);
        }
        let (from, to) = (clean(from), clean(to));
        if self.rules.fold(&from) != Fold::Named && self.rules.fold(&to) != Fold::Named {
            return;
        }
        let (from, to) = (self.name(&from), self.name(&to));
        self.note(&Event::Rename { from, to });
    }

    pub(super) fn remove(&mut self, path: &[u8]) {
        self.asked.clear();
        self.known.remove(path);
        let path = clean(path);
        if self.rules.fold(&path) == Fold::Named {
            let path = self.name(&path);
            self.note(&Event::Remove { path });
        }
    }

    fn name(&self, path: &[u8]) -> FilePath {
        FilePath::new(path, self.rules.root())
    }

    /// Whether this is to be noted, and was not yet.
    fn is_new(&mut self, real: &[u8], bit: u8) -> bool {
        match self.rules.fold(real) {
            Fold::PassedOver => false,
            Fold::Counted => {
                if self.software.len() < FILES_MAX {
                    self.software.add(real, READ);
                }
                false
            }
            Fold::Named if self.known.len() >= FILES_MAX && self.known.get(real) == 0 => {
                self.more += 1;
                false
            }
            Fold::Named => self.known.add(real, bit) & bit == 0,
        }
    }

    /// Writes what is buffered, and how many files were counted.
    pub(super) fn finish(&mut self) {
        let counted = (self.software.len() as u64, self.more);
        if counted != self.told {
            self.told = counted;
            self.note(&Event::Counted { software: counted.0, more: counted.1 });
        }
        self.note(&Event::End);
        self.flush();
    }

    /// Writes what is buffered. Without room on the disk what was seen is lost, and the run goes on.
    pub(super) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if let Some(file) = &mut self.file
            && file.write_all(&self.buffer).is_err()
        {
            self.file = None;
        }
        self.buffer.clear();
    }
}

/// An absolute path without detours.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.iter().flat_map(|part| [b"/", *part].concat()).collect()
}
