//! From stored bytes back to a record's body.

use lab_model::{Domain, Hash};

use crate::encoder::{CHUNK_LIMIT, record_id};
use crate::record::{Encoding, Header, RecordKind};
use crate::{Flaw, SealKey};

/// Decompresses; keeps its context.
#[derive(Default)]
pub struct Decoder(Option<zstd::bulk::Decompressor<'static>>);

impl Decoder {
    /// The body of a record that is not sealed. Does not check it against the id.
    pub(crate) fn decode(&mut self, header: &Header, stored: &[u8]) -> Result<Vec<u8>, Flaw> {
        let raw_length = usize::try_from(header.raw_length).map_err(|_| Flaw::Length)?;
        if header.kind == RecordKind::Chunk && raw_length > CHUNK_LIMIT {
            return Err(Flaw::Length);
        }
        match header.encoding {
            Encoding::Raw if stored.len() == raw_length => Ok(stored.to_vec()),
            Encoding::Raw => Err(Flaw::Length),
            Encoding::Zstd => self.decompress(stored, raw_length),
            Encoding::Sealed => Err(Flaw::Compression),
        }
    }

    fn decompress(&mut self, stored: &[u8], raw_length: usize) -> Result<Vec<u8>, Flaw> {
        // The frame says its own length: a lying header must not reserve memory.
        if zstd::zstd_safe::get_frame_content_size(stored).ok().flatten() != Some(raw_length as u64) {
            return Err(Flaw::Compression);
        }
        if self.0.is_none() {
            self.0 = zstd::bulk::Decompressor::new().ok();
        }
        let decompressor = self.0.as_mut().ok_or(Flaw::Compression)?;
        match decompressor.decompress(stored, raw_length) {
            Ok(raw) if raw.len() == raw_length => Ok(raw),
            _ => Err(Flaw::Compression),
        }
    }
}

/// Whether `raw` is what the record's id names. A recipe's id names the file that it makes, so only
/// its shape is checked here. A sealed record needs the key.
pub(crate) fn is_identical(header: &Header, raw: &[u8], key: Option<&SealKey>) -> bool {
    match (header.kind, header.encoding) {
        (RecordKind::Chunk, Encoding::Sealed) => key.is_some_and(|key| key.hash(raw) == header.id),
        (_, Encoding::Sealed) => false,
        (RecordKind::Chunk, _) => Hash::of(Domain::Content, raw) == header.id,
        (RecordKind::Tree, _) => Hash::of(Domain::Tree, raw) == header.id,
        (RecordKind::Recipe, _) => recipe(raw).is_some(),
        (kind, _) => record_id(kind, raw) == header.id,
    }
}

/// The chunks that a recipe names, with their lengths.
pub(crate) fn recipe(raw: &[u8]) -> Option<Vec<(Hash, u32)>> {
    let (parts, rest) = raw.as_chunks::<36>();
    let part = |part: &[u8; 36]| {
        let (id, length) = part.split_at(32);
        let length = u32::from_le_bytes(length.try_into().expect("because 4 of 36 bytes are left"));
        (Hash(id.try_into().expect("because the slice has 32 bytes")), length)
    };
    (rest.is_empty() && !parts.is_empty()).then(|| parts.iter().map(part).collect())
}
