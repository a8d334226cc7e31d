//! Packs as files: names, headers, and reading one from end to end however damaged it is.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use lab_model::Hash;

use crate::notebook::hex;
use crate::record::{Encoding, HEADER_LENGTH, Header, MAGIC, RecordKind};
use crate::{Commit, Flaw, Result, StoreError, decode};

/// Bytes before the first record.
pub(crate) const PACK_HEADER: u64 = 32;
const PACK_MAGIC: [u8; 8] = *b"LABPACK1";

/// The id of a pack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PackName(pub [u8; 16]);

impl PackName {
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The id after this one, for a writer that needs more packs than it was given ids.
    pub fn next(self) -> Self {
        let hash = blake3::derive_key("lab notebook v1 next pack", &self.0);
        Self(hash[..16].try_into().expect("because the slice has 16 bytes"))
    }

    /// The header of the pack.
    pub fn header(self) -> [u8; PACK_HEADER as usize] {
        let mut bytes = [0; PACK_HEADER as usize];
        bytes[..8].copy_from_slice(&PACK_MAGIC);
        bytes[8..24].copy_from_slice(&self.0);
        bytes
    }
}

impl fmt::Display for PackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// How closely a pack is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Depth {
    /// Headers, and the bodies that the index needs.
    Headers,
    /// Every byte against its checksum.
    Checksums,
}

/// What a scan meets.
pub(crate) enum Met<'a> {
    /// A whole record. `stored` is empty where the depth did not ask for it.
    Record { offset: u64, header: &'a Header, stored: &'a [u8] },
    /// Bytes that are no whole record; `header` where that much could be read.
    Flaw { offset: u64, flaw: Flaw, header: Option<&'a Header> },
}

/// Checks the header of a pack.
pub(crate) fn check_header(file: &File, path: &Path, name: PackName) -> Result<Option<Flaw>> {
    let mut bytes = [0; PACK_HEADER as usize];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) if bytes == name.header() => Ok(None),
        Ok(()) if bytes[..8] == PACK_MAGIC && bytes[24..] == [0; 8] => Ok(Some(Flaw::PackName)),
        Ok(()) => Ok(Some(Flaw::PackHeader)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(Some(Flaw::PackHeader)),
        Err(error) => Err(StoreError::read(path, error)),
    }
}

/// Reads the records from `from` to `to`. Damage never ends a scan: it is told, and the scan goes on
/// at the next record that can be made out.
pub(crate) fn scan(
    file: &File,
    path: &Path,
    (from, to): (u64, u64),
    depth: Depth,
    visit: &mut dyn FnMut(Met<'_>) -> Result<()>,
) -> Result<()> {
    let mut window = Window::new(file, path, to, depth);
    let mut offset = from;
    while offset < to {
        let header = match window.header(offset)? {
            Ok(header) => header,
            Err(flaw) => {
                visit(Met::Flaw { offset, flaw, header: None })?;
                offset = window.next_record(offset + 1)?;
                continue;
            }
        };
        let body_at = offset + HEADER_LENGTH as u64;
        if header.span() > to - offset {
            visit(Met::Flaw { offset, flaw: Flaw::Length, header: Some(&header) })?;
            offset = window.next_record(offset + 1)?;
            continue;
        }
        let wanted = depth == Depth::Checksums || header.kind.is_indexed();
        let stored = if wanted { window.bytes(body_at, header.stored_length as usize)? } else { Some(&[][..]) };
        match stored {
            None => visit(Met::Flaw { offset, flaw: Flaw::Length, header: Some(&header) })?,
            Some(stored) if wanted && crc32fast::hash(stored) != header.checksum => {
                visit(Met::Flaw { offset, flaw: Flaw::Checksum, header: Some(&header) })?;
            }
            Some(stored) => visit(Met::Record { offset, header: &header, stored })?,
        }
        offset += header.span();
    }
    Ok(())
}

/// A part of a file in memory.
struct Window<'a> {
    file: &'a File,
    path: &'a Path,
    end: u64,
    read_ahead: usize,
    buffer: Vec<u8>,
    start: u64,
}

impl<'a> Window<'a> {
    fn new(file: &'a File, path: &'a Path, end: u64, depth: Depth) -> Self {
        let read_ahead = if depth == Depth::Headers { 64 << 10 } else { 4 << 20 };
        Self { file, path, end, read_ahead, buffer: Vec::new(), start: 0 }
    }

    /// Bytes at `offset`; `None` when the file ends before.
    fn bytes(&mut self, offset: u64, length: usize) -> Result<Option<&[u8]>> {
        if offset + length as u64 > self.end {
            return Ok(None);
        }
        let covered = offset >= self.start && offset + length as u64 <= self.start + self.buffer.len() as u64;
        if !covered {
            let wanted = (length.max(self.read_ahead) as u64).min(self.end - offset) as usize;
            self.buffer.resize(wanted, 0);
            self.start = offset;
            let mut filled = 0;
            while filled < wanted {
                match self.file.read_at(&mut self.buffer[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(StoreError::read(self.path, error)),
                }
            }
            self.buffer.truncate(filled);
            if filled < length {
                return Ok(None);
            }
        }
        let at = (offset - self.start) as usize;
        Ok(Some(&self.buffer[at..at + length]))
    }

    fn header(&mut self, offset: u64) -> Result<Result<Header, Flaw>> {
        let bytes = self.bytes(offset, HEADER_LENGTH)?;
        let bytes: Option<&[u8; HEADER_LENGTH]> = bytes.and_then(|bytes| bytes.try_into().ok());
        Ok(bytes.map_or(Err(Flaw::Length), Header::decode))
    }

    /// The first place from `offset` on where a record header stands, or the end.
    fn next_record(&mut self, mut offset: u64) -> Result<u64> {
        while offset + HEADER_LENGTH as u64 <= self.end {
            let length = ((64 << 10) as u64).min(self.end - offset) as usize;
            let Some(bytes) = self.bytes(offset, length)? else { return Ok(self.end) };
            let found = bytes.windows(MAGIC.len()).position(|window| window == MAGIC);
            match found {
                Some(place) => {
                    offset += place as u64;
                    if self.header(offset)?.is_ok() {
                        return Ok(offset);
                    }
                    offset += 1;
                }
                None => offset += (length - (MAGIC.len() - 1)) as u64,
            }
        }
        Ok(self.end)
    }
}

/// A record in a pack, with its body where the index needs it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub header: Header,
    pub offset: u64,
    pub body: Vec<u8>,
}

/// A flaw and where it is.
#[derive(Clone, Debug)]
pub(crate) struct FlawAt {
    pub offset: u64,
    pub flaw: Flaw,
    pub header: Option<Header>,
}

/// What a pack holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The records up to the last commit, in order, commits included.
    pub entries: Vec<Entry>,
    /// The commits among them.
    pub commits: Vec<(Hash, Commit)>,
    /// Just past the last commit; where the scan began when there is none.
    pub end: u64,
    /// Damage before `end`.
    pub flaws: Vec<FlawAt>,
    /// Damage or whole records past `end`: a batch that was never closed, or a closing that is damaged.
    pub tail: Vec<FlawAt>,
    /// Whole records past `end`.
    pub open_entries: Vec<Entry>,
    /// Up to where the file was read.
    pub length: u64,
}

impl Contents {
    /// Commits that end past `offset`.
    pub fn commits_past(&self, offset: u64) -> u64 {
        let commits = self.entries.iter().filter(|entry| entry.header.kind == RecordKind::Commit);
        commits.filter(|entry| entry.offset + entry.header.span() > offset).count() as u64
    }
}

/// Reads what a pack holds from `from` on, where a record must begin.
pub(crate) fn contents(file: &File, path: &Path, range: (u64, u64), depth: Depth) -> Result<Contents> {
    contents_with(file, path, range, depth, &mut |_, _, _| None)
}

/// Looks at a record, its offset and its stored bytes.
pub(crate) type Inspect<'a> = &'a mut dyn FnMut(&Header, u64, &[u8]) -> Option<Flaw>;

/// As [`contents`]; `inspect` sees each record and its offset and stored bytes, and may find a flaw.
pub(crate) fn contents_with(
    file: &File,
    path: &Path,
    (from, to): (u64, u64),
    depth: Depth,
    inspect: Inspect<'_>,
) -> Result<Contents> {
    let mut contents = Contents { end: from, length: to, ..Contents::default() };
    let mut closed = 0;
    let mut decoder = decode::Decoder::default();
    scan(file, path, (from, to), depth, &mut |met| {
        let (offset, header, stored) = match met {
            Met::Record { offset, header, stored } => (offset, header, stored),
            Met::Flaw { offset, flaw, header } => {
                contents.tail.push(FlawAt { offset, flaw, header: header.copied() });
                return Ok(());
            }
        };
        if let Some(flaw) = inspect(header, offset, stored) {
            contents.tail.push(FlawAt { offset, flaw, header: Some(*header) });
            return Ok(());
        }
        let mut entry = Entry { header: *header, offset, body: Vec::new() };
        if header.kind.is_indexed() {
            let body = if header.encoding == Encoding::Sealed {
                Err(Flaw::Body)
            } else {
                decoder.decode(header, stored).and_then(|raw| {
                    if decode::is_identical(header, &raw, None) { Ok(raw) } else { Err(Flaw::Identity) }
                })
            };
            match body {
                Ok(body) => entry.body = body,
                Err(flaw) => {
                    contents.tail.push(FlawAt { offset, flaw, header: Some(*header) });
                    return Ok(());
                }
            }
        }
        let commit = (header.kind == RecordKind::Commit).then(|| serde_json::from_slice::<Commit>(&entry.body));
        contents.entries.push(entry);
        match commit {
            Some(Ok(commit)) => {
                closed = contents.entries.len();
                contents.commits.push((header.id, commit));
                contents.end = offset + header.span();
                contents.flaws.append(&mut contents.tail);
            }
            Some(Err(_)) => contents.tail.push(FlawAt { offset, flaw: Flaw::Body, header: Some(*header) }),
            None => {}
        }
        Ok(())
    })?;
    contents.open_entries = contents.entries.split_off(closed);
    Ok(contents)
}
