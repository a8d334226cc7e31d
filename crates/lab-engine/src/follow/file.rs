//! One followed file.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use lab_ingest::frameworks::{At, Growth, HEAD_BYTES, Kind, MAX_WHOLE_BYTES, Reader, Sink};
use serde_json::Value;

use super::{FollowSink, Source, Stamp};

const READ_BYTES: usize = 256 << 10;
/// So much before the place where reading goes on must be as it was.
const OVERLAP_BYTES: u64 = 64;

/// A file that may be one of ours.
pub(super) struct Followed {
    path: String,
    /// As of the last look.
    seen: Option<Version>,
    /// What was there before the run began.
    before: Option<Content>,
    state: State,
}

enum State {
    /// Nothing is known yet, or somebody else wrote it last.
    Waiting,
    /// It may be the run's or that of another one.
    Unknown,
    /// It holds no metrics.
    Other,
    Ours(Box<Ours>),
}

struct Ours {
    kind: Kind,
    source: Source,
    reader: Box<dyn Reader>,
    /// What was read.
    content: Content,
}

/// When a file may have changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    size_bytes: u64,
    modified: Stamp,
}

/// What a file held up to a place, well enough to tell whether it was only added to since.
#[derive(Clone, PartialEq, Eq, Default)]
struct Content {
    size_bytes: u64,
    head: Vec<u8>,
    last: Vec<u8>,
}

/// What a look found.
pub(super) enum Looked {
    Same,
    Changed,
    Gone,
}

impl Followed {
    /// `is_begin` says that the following begins now: the run may have begun earlier, and written into a file
    /// that was there before it.
    pub(super) fn new(root: &Path, path: &str, since: Stamp, is_begin: bool) -> Self {
        let mut made = Self { path: path.to_owned(), seen: None, before: None, state: State::Waiting };
        let metadata = std::fs::symlink_metadata(root.join(path)).ok();
        let is_old =
            metadata.as_ref().is_some_and(|metadata| is_begin && born(metadata).is_some_and(|born| born < since));
        let version = metadata.map(|metadata| Version::of(&metadata));
        if let Some(version) = version.filter(|version| is_old || version.modified < since) {
            made.before = File::open(root.join(path)).ok().and_then(|file| Content::of(&file, version.size_bytes));
            made.seen = Some(version);
        }
        made
    }

    pub(super) fn look(&mut self, root: &Path) -> Looked {
        let Ok(metadata) = std::fs::symlink_metadata(root.join(&self.path)) else { return Looked::Gone };
        let version = Version::of(&metadata);
        let is_read = match &self.state {
            State::Ours(ours) => {
                ours.kind.growth() != Growth::Appended || ours.content.size_bytes == version.size_bytes
            }
            State::Unknown => false,
            State::Waiting | State::Other => true,
        };
        if self.seen == Some(version) && is_read {
            return Looked::Same;
        }
        self.seen = Some(version);
        if metadata.is_file() { Looked::Changed } else { Looked::Same }
    }

    pub(super) const fn is_followed(&self) -> bool {
        matches!(self.state, State::Ours(_) | State::Other)
    }

    pub(super) fn set_foreign(&mut self) {
        self.state = State::Waiting;
    }

    pub(super) fn set_unknown(&mut self) {
        self.state = State::Unknown;
    }

    /// Reads on. `bytes` is how much may be read, and becomes what is left of that.
    pub(super) fn read(
        &mut self,
        root: &Path,
        bytes: &mut u64,
        is_named: bool,
        given: &mut HashMap<String, Given>,
        sink: &mut dyn FollowSink,
    ) {
        let Ok(file) = File::open(root.join(&self.path)) else { return };
        if !self.is_followed() {
            self.begin(&file, is_named);
        }
        if let State::Ours(ours) = &mut self.state {
            let given = given.entry(ours.given_key().to_owned()).or_default();
            match ours.kind.growth() {
                Growth::Appended => ours.read_on(&file, bytes, given, sink),
                Growth::Rewritten | Growth::Replaced => ours.read_again(file, bytes, given, sink),
            }
        }
    }

    /// Finds out what the file is.
    fn begin(&mut self, file: &File, is_named: bool) {
        let head = read_at(file, 0, HEAD_BYTES);
        let Some(kind) = Kind::of(&self.path, &head, is_named) else {
            let says_enough = head.len() == HEAD_BYTES || head.contains(&b'\n');
            self.state = if says_enough { State::Other } else { State::Waiting };
            return;
        };
        let source = Source { kind: kind.name(), place: kind.place(&self.path).to_owned(), path: self.path.clone() };
        let reader = kind.reader(&self.path);
        let mut ours = Ours { kind, source, reader, content: Content::default() };
        let before = self.before.take().filter(|_| kind.growth() == Growth::Appended);
        if let Some(before) = before.filter(|before| before.still_begins(file)) {
            // What stood there before the run began is fed, so that headers are known, and not given.
            feed(&mut *ours.reader, file, 0, before.size_bytes, &mut Nobody);
            ours.content = before;
        }
        self.state = State::Ours(Box::new(ours));
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, given: &mut HashMap<String, Given>, sink: &mut dyn FollowSink) {
        match &mut self.state {
            State::Ours(ours) if ours.kind.growth() == Growth::Appended => {
                let given = given.entry(ours.given_key().to_owned()).or_default();
                let Ours { reader, source, .. } = &mut **ours;
                reader.finish(&mut Out { source, given, sink });
            }
            State::Unknown => {
                let source = Source { kind: "", place: String::new(), path: self.path.clone() };
                sink.trouble(&source, "another run went on here, and which of the two wrote it is not known");
            }
            _ => {}
        }
    }
}

impl Ours {
    /// Files of one place that hold the same from the beginning, such as those of checkpoints, are one.
    fn given_key(&self) -> &str {
        if self.kind.growth() == Growth::Rewritten { &self.source.place } else { &self.source.path }
    }

    fn read_on(&mut self, file: &File, bytes: &mut u64, given: &mut Given, sink: &mut dyn FollowSink) {
        let size_bytes = file.metadata().map_or(0, |metadata| metadata.len());
        if size_bytes < self.content.size_bytes || !self.content.still_begins(file) {
            // Written anew: what it held before and holds again does not count twice.
            self.reader = self.kind.reader(&self.source.path);
            self.content = Content::default();
            given.restart();
        }
        let end = size_bytes.min(self.content.size_bytes.saturating_add(*bytes));
        let begin = self.content.size_bytes;
        let Self { reader, source, .. } = self;
        let read = feed(&mut **reader, file, begin, end, &mut Out { source, given, sink });
        *bytes = bytes.saturating_sub(read - begin);
        self.content = Content::of(file, read).unwrap_or_default();
    }

    fn read_again(&self, file: File, bytes: &mut u64, given: &mut Given, sink: &mut dyn FollowSink) {
        let mut whole = Vec::new();
        if file.take(MAX_WHOLE_BYTES as u64 + 1).read_to_end(&mut whole).is_err() {
            return;
        }
        *bytes = bytes.saturating_sub(whole.len() as u64);
        given.restart();
        let mut reader = self.kind.reader(&self.source.path);
        let mut out = Out { source: &self.source, given, sink };
        reader.feed(&whole, &mut out);
        reader.finish(&mut out);
    }
}

impl Version {
    fn of(metadata: &std::fs::Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { inode: metadata.ino(), size_bytes: metadata.len(), modified }
    }
}

impl Content {
    fn of(file: &File, size_bytes: u64) -> Option<Self> {
        let head = read_at(file, 0, size_bytes.min(256) as usize);
        let start = size_bytes.saturating_sub(OVERLAP_BYTES);
        let last = read_at(file, start, (size_bytes - start) as usize);
        (last.len() as u64 == size_bytes - start).then_some(Self { size_bytes, head, last })
    }

    /// Whether the file still begins with all that.
    fn still_begins(&self, file: &File) -> bool {
        Self::of(file, self.size_bytes).as_ref() == Some(self)
    }
}

/// Feeds a part of a file and gives where the reading ended.
fn feed(reader: &mut dyn Reader, file: &File, begin: u64, end: u64, sink: &mut dyn Sink) -> u64 {
    let mut at = begin;
    while at < end {
        let part = read_at(file, at, (end - at).min(READ_BYTES as u64) as usize);
        if part.is_empty() {
            break;
        }
        reader.feed(&part, sink);
        at += part.len() as u64;
    }
    at
}

/// As many of so many bytes as are there.
fn read_at(file: &File, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    bytes.truncate(filled);
    bytes
}

/// What was given of a file, which may be read from its beginning again: then only what follows after that
/// is given.
#[derive(Default)]
pub(super) struct Given {
    keys: HashMap<String, GivenKey>,
    params: HashMap<String, Value>,
    troubles: Vec<String>,
}

#[derive(Default)]
struct GivenKey {
    /// For each point a fingerprint of it and all before it.
    points: Vec<u64>,
    /// Points since the beginning of this reading, and the fingerprint of the last one.
    count: usize,
    sum: u64,
    /// All of them were given before, at their places.
    is_known: bool,
}

impl Given {
    /// The file is read from its beginning again.
    fn restart(&mut self) {
        for key in self.keys.values_mut() {
            (key.count, key.sum, key.is_known) = (0, 0, true);
        }
    }

    /// Whether a point is new.
    fn add(&mut self, name: &str, at: At, value: f64) -> bool {
        let key = match self.keys.get_mut(name) {
            Some(key) => key,
            None => self.keys.entry(name.to_owned()).or_default(),
        };
        key.sum = mix(key.sum, at, value);
        key.is_known = key.is_known && key.points.get(key.count) == Some(&key.sum);
        if !key.is_known {
            key.points.truncate(key.count);
            key.points.push(key.sum);
        }
        key.count += 1;
        !key.is_known
    }
}

fn mix(sum: u64, at: At, value: f64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = value.to_bits() ^ at.step.unwrap_or_default().cast_unsigned().rotate_left(32);
    (sum ^ word).wrapping_mul(ODD).rotate_left(23)
}

/// Gives what is new.
struct Out<'a> {
    source: &'a Source,
    given: &'a mut Given,
    sink: &'a mut dyn FollowSink,
}

impl Sink for Out<'_> {
    fn point(&mut self, key: &str, at: At, value: f64) {
        if self.given.add(key, at, value) {
            self.sink.point(self.source, key, at, value);
        }
    }

    fn param(&mut self, name: &str, value: &Value) {
        if self.given.params.get(name) != Some(value) {
            self.given.params.insert(name.to_owned(), value.clone());
            self.sink.param(self.source, name, value);
        }
    }

    fn trouble(&mut self, words: &str) {
        if !self.given.troubles.iter().any(|given| given == words) {
            self.given.troubles.push(words.to_owned());
            self.sink.trouble(self.source, words);
        }
    }
}

/// Takes what does not count.
struct Nobody;

impl Sink for Nobody {
    fn point(&mut self, _: &str, _: At, _: f64) {}
    fn param(&mut self, _: &str, _: &Value) {}
    fn trouble(&mut self, _: &str) {}
}

/// When a file was made, where the file system knows.
pub(crate) fn born(metadata: &std::fs::Metadata) -> Option<Stamp> {
    let since = metadata.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((since.as_secs().cast_signed(), i64::from(since.subsec_nanos())))
}
