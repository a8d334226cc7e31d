use std::io::{self, Read};

use fastcdc::v2020::FastCDC;
use lab_model::{Domain, Hash, Hasher, Tree};
use serde::Serialize;

use crate::record::Encoding;
use crate::{LargeError, Record, RecordKind, SealKey, StoreError};

/// Files up to this many bytes are one chunk, whose id is the hash of the file.
pub const CHUNK_LIMIT: usize = 4 << 20;
/// The compression level that [`Encoder::default`] takes.
pub const DEFAULT_LEVEL: i32 = 1;
const CHUNK_MIN: usize = 256 << 10;
const CHUNK_MEAN: usize = 1 << 20;

/// Bodies below this many bytes are never compressed: a zstd frame costs more than it gains.
const SMALL: usize = 64;
/// Bodies above this many bytes are sampled before they are compressed whole.
const SAMPLED: usize = 64 << 10;
const SAMPLE: usize = 4 << 10;

/// Makes records: hashes, compresses, seals. One per thread; it keeps its buffers.
pub struct Encoder {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    level: i32,
    scratch: Vec<u8>,
}

/// What [`Encoder::large`] found.
#[derive(Debug)]
pub struct Large {
    /// The hash of the whole file.
    pub content: Hash,
    /// Its bytes.
    pub size_bytes: u64,
    /// The record that names the chunks; `None` when the file turned out to fit one chunk, which
    /// was emitted under the file's hash.
    pub recipe: Option<Record>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new(DEFAULT_LEVEL)
    }
}

impl Encoder {
    /// An encoder that compresses at `level`.
    pub fn new(level: i32) -> Self {
        Self { compressor: None, level, scratch: Vec::new() }
    }

    /// A record of any kind whose id is known.
    pub fn encode(&mut self, kind: RecordKind, id: Hash, raw: &[u8]) -> Record {
        let (encoding, stored) =
            self.compress(raw).map_or_else(|| (Encoding::Raw, raw.to_vec()), |stored| (Encoding::Zstd, stored));
        Record::new(kind, id, encoding, raw, stored)
    }

    /// A chunk: a file of at most [`CHUNK_LIMIT`] bytes.
    pub fn chunk(&mut self, raw: &[u8]) -> Record {
        debug_assert!(raw.len() <= CHUNK_LIMIT, "larger files are cut");
        self.encode(RecordKind::Chunk, Hash::of(Domain::Content, raw), raw)
    }

    /// A file that holds a secret, encrypted as one chunk of any length. Its id is keyed.
    pub fn seal(&mut self, raw: &[u8], key: &SealKey) -> Record {
        let id = key.hash(raw);
        Record::new(RecordKind::Chunk, id, Encoding::Sealed, raw, key.seal(&id, raw))
    }

    /// A tree.
    pub fn tree(&mut self, tree: &Tree) -> Record {
        let raw = tree.encode();
        self.encode(RecordKind::Tree, Tree::id_of(&raw), &raw)
    }

    /// A record with a JSON body.
    pub fn json<T: Serialize>(&mut self, kind: RecordKind, value: &T) -> Record {
        let raw = serde_json::to_vec(value).expect("because the nouns of a notebook can all be written as JSON");
        self.body(kind, &raw)
    }

    /// A record of any other kind, such as [`RecordKind::Series`] or [`RecordKind::Log`].
    pub fn body(&mut self, kind: RecordKind, raw: &[u8]) -> Record {
        self.encode(kind, record_id(kind, raw), raw)
    }

    /// Takes in a large file, cut by content; `emit` gets each chunk.
    ///
    /// # Errors
    /// The file's own read errors and those of `emit`, told apart.
    pub fn large(
        &mut self,
        reader: &mut dyn Read,
        emit: &mut dyn FnMut(Record) -> Result<(), StoreError>,
    ) -> Result<Large, LargeError> {
        self.large_unless(reader, &mut |_| Ok(false), emit)
    }

    /// As [`Encoder::large`]; chunks that `known` says are in the notebook are not made again.
    ///
    /// # Errors
    /// The file's own read errors and those of `known` and `emit`, told apart.
    pub fn large_unless(
        &mut self,
        reader: &mut dyn Read,
        known: &mut dyn FnMut(&Hash) -> Result<bool, StoreError>,
        emit: &mut dyn FnMut(Record) -> Result<(), StoreError>,
    ) -> Result<Large, LargeError> {
        let mut whole = Hasher::new(Domain::Content);
        let mut recipe = Vec::new();
        let mut window = Window::new(reader);
        let mut size_bytes = 0;
        loop {
            let bytes = window.fill().map_err(LargeError::Read)?;
            if bytes.is_empty() {
                break;
            }
            let only = size_bytes == 0 && bytes.len() <= CHUNK_LIMIT && window.ended();
            let bytes = window.bytes();
            let length = if only { bytes.len() } else { cut(bytes) };
            let chunk = &bytes[..length];
            let id = Hash::of(Domain::Content, chunk);
            if !known(&id)? {
                emit(self.encode(RecordKind::Chunk, id, chunk))?;
            }
            size_bytes += length as u64;
            if only {
                return Ok(Large { content: id, size_bytes, recipe: None });
            }
            whole.update(chunk);
            recipe.extend_from_slice(&id.0);
            recipe.extend_from_slice(&(length as u32).to_le_bytes());
            window.consume(length);
        }
        let content = whole.finish();
        if size_bytes == 0 {
            emit(self.encode(RecordKind::Chunk, content, &[]))?;
            return Ok(Large { content, size_bytes, recipe: None });
        }
        Ok(Large { content, size_bytes, recipe: Some(self.encode(RecordKind::Recipe, content, &recipe)) })
    }

    /// The compressed bytes, `None` when they would save next to nothing.
    fn compress(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        if raw.len() < SMALL || (raw.len() > SAMPLED && !self.sample_shrinks(raw)) {
            return None;
        }
        let length = self.compress_to_scratch(raw)?;
        (length + raw.len() / 32 < raw.len()).then(|| self.scratch[..length].to_vec())
    }

    /// Compresses three small pieces: a cheap look at whether the whole is worth it.
    fn sample_shrinks(&mut self, raw: &[u8]) -> bool {
        let middle = raw.len() / 2;
        let pieces = [&raw[SAMPLE..2 * SAMPLE], &raw[middle..middle + SAMPLE], &raw[raw.len() - SAMPLE..]];
        pieces.iter().any(|piece| self.compress_to_scratch(piece).is_none_or(|length| length + SAMPLE / 32 < SAMPLE))
    }

    fn compress_to_scratch(&mut self, raw: &[u8]) -> Option<usize> {
        if self.compressor.is_none() {
            self.compressor = zstd::bulk::Compressor::new(self.level).ok();
        }
        self.scratch.clear();
        self.scratch.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        self.compressor.as_mut()?.compress_to_buffer(raw, &mut self.scratch).ok()
    }
}

/// The id of a record that is neither content nor a tree.
pub(crate) fn record_id(kind: RecordKind, raw: &[u8]) -> Hash {
    Hasher::new(Domain::Record).update(&[kind as u8]).update(raw).finish()
}

fn cut(bytes: &[u8]) -> usize {
    let length = FastCDC::new(bytes, CHUNK_MIN, CHUNK_MEAN, CHUNK_LIMIT).cut(0, bytes.len()).1;
    if length == 0 { bytes.len() } else { length }
}

/// A sliding window over a stream: holds at least one largest chunk and a byte, until the end.
struct Window<'a> {
    reader: &'a mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl<'a> Window<'a> {
    fn new(reader: &'a mut dyn Read) -> Self {
        Self { reader, buffer: vec![0; 2 * CHUNK_LIMIT], start: 0, end: 0, ended: false }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    const fn ended(&self) -> bool {
        self.ended
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
    }

    fn fill(&mut self) -> io::Result<&[u8]> {
        if !self.ended && self.end - self.start <= CHUNK_LIMIT {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            while !self.ended && self.end < self.buffer.len() {
                match self.reader.read(&mut self.buffer[self.end..]) {
                    Ok(0) => self.ended = true,
                    Ok(length) => self.end += length,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(self.bytes())
    }
}

/// Hashes a stream without keeping it: the hash that `b3sum` prints, and the bytes.
///
/// # Errors
/// Those of `reader`.
pub fn hash_reader(reader: &mut dyn Read) -> io::Result<(Hash, u64)> {
    let mut hasher = Hasher::new(Domain::Content);
    let mut buffer = vec![0; 256 << 10];
    let mut size_bytes = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), size_bytes)),
            Ok(length) => {
                hasher.update(&buffer[..length]);
                size_bytes += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The identity of a file that is too large to be read now: its size and samples from fixed places.
pub fn sample_hash(size_bytes: u64, samples: &[&[u8]]) -> Hash {
    let mut hasher = Hasher::new(Domain::Sample);
    hasher.update(&size_bytes.to_le_bytes());
    for sample in samples {
        hasher.field(sample);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that no compressor shrinks and that are the same each time.
    pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn take_in(bytes: &[u8]) -> (Large, Vec<Record>) {
        let mut chunks = Vec::new();
        let large = Encoder::default()
            .large(&mut &bytes[..], &mut |record| {
                chunks.push(record);
                Ok(())
            })
            .unwrap();
        (large, chunks)
    }

    #[test]
    fn noise_and_tiny_bodies_stay_raw_and_text_shrinks() {
        let mut encoder = Encoder::default();
        for (raw, encoding) in [
            (vec![b'a'; 63], Encoding::Raw),
            (vec![b'a'; 64], Encoding::Zstd),
            (noise(1, 5000), Encoding::Raw),
            (noise(2, 3 << 20), Encoding::Raw),
            (vec![7; 3 << 20], Encoding::Zstd),
            (Vec::new(), Encoding::Raw),
        ] {
            let record = encoder.chunk(&raw);
            assert_eq!(record.header.encoding, encoding, "{} bytes", raw.len());
            assert_eq!(record.id(), Hash::of(Domain::Content, &raw));
        }
    }

    #[test]
    fn chunks_of_a_large_file_join_to_the_file() {
        for length in [0, 1, CHUNK_LIMIT - 1, CHUNK_LIMIT, CHUNK_LIMIT + 1, 11_000_003] {
            let bytes = noise(length as u64, length);
            let (large, chunks) = take_in(&bytes);
            assert_eq!(large.content, Hash::of(Domain::Content, &bytes));
            assert_eq!(large.size_bytes, length as u64);
            assert_eq!(chunks.iter().map(Record::raw_length).sum::<u64>(), length as u64);
            assert_eq!(large.recipe.is_some(), length > CHUNK_LIMIT, "{length}");
            assert!(chunks.iter().all(|chunk| chunk.raw_length() <= CHUNK_LIMIT as u64));
            if large.recipe.is_none() {
                assert_eq!(chunks[0].id(), large.content);
            }
        }
    }

    #[test]
    fn an_insertion_changes_few_chunks() {
        let mut bytes = noise(5, 24 << 20);
        let before: std::collections::HashSet<_> = take_in(&bytes).1.iter().map(Record::id).collect();
        bytes.splice(9_000_000..9_000_000, *b"inserted");
        let after = take_in(&bytes).1;
        let fresh = after.iter().filter(|chunk| !before.contains(&chunk.id())).count();
        assert!(fresh <= 3, "{fresh} of {}", after.len());
    }

    #[test]
    fn zeros_and_short_reads_are_cut_alike() {
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let length = buffer.len().min(self.0.len()).min(70_001);
                buffer[..length].copy_from_slice(&self.0[..length]);
                self.0 = &self.0[length..];
                Ok(length)
            }
        }
        for bytes in [vec![0; 13 << 20], noise(8, 9 << 20)] {
            let mut slow = Vec::new();
            Encoder::default()
                .large(&mut Slow(&bytes), &mut |record| {
                    slow.push(record.id());
                    Ok(())
                })
                .unwrap();
            assert_eq!(slow, take_in(&bytes).1.iter().map(Record::id).collect::<Vec<_>>());
        }
    }

    #[test]
    fn read_errors_and_store_errors_are_told_apart() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
        let mut encoder = Encoder::default();
        assert!(matches!(encoder.large(&mut Broken, &mut |_| Ok(())), Err(LargeError::Read(_))));
        let refuse = &mut |_: Record| Err(StoreError::Fault { point: "pack-written" });
        assert!(matches!(encoder.large(&mut &b"x"[..], refuse), Err(LargeError::Store(_))));
    }

    #[test]
    fn hashing_alone_gives_the_same_hash() {
        let bytes = noise(3, 700_000);
        assert_eq!(hash_reader(&mut &bytes[..]).unwrap(), (Hash::of(Domain::Content, &bytes), 700_000));
        assert_ne!(sample_hash(1, &[b"ab", b"c"]), sample_hash(1, &[b"a", b"bc"]));
    }
}
