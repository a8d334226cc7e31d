use lab_model::Hash;

use crate::Flaw;

/// What a record holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum RecordKind {
    /// Bytes of a file: all of a small one, or one piece of a large one.
    Chunk = 1,
    /// The list of chunks that make a large file.
    Recipe = 2,
    /// One directory of a snapshot.
    Tree = 3,
    /// A [`lab_model::Snapshot`].
    Snapshot = 4,
    /// A [`lab_model::RunStart`].
    RunStart = 5,
    /// A [`lab_model::RunFacts`].
    RunFacts = 6,
    /// A [`lab_model::RunEnd`].
    RunEnd = 7,
    /// A [`lab_model::Series`].
    Series = 8,
    /// A piece of a run's log; what is in it is the engine's affair.
    Log = 9,
    /// A [`lab_model::Edit`].
    Edit = 10,
    /// A [`lab_model::Project`].
    Project = 11,
    /// A [`lab_model::RestoreRecord`].
    Restore = 12,
    /// A [`crate::Commit`]: closes a batch.
    Commit = 13,
    /// A [`crate::Retire`]: packs that were replaced on purpose.
    Retire = 14,
}

const KINDS: [RecordKind; 14] = [
    RecordKind::Chunk,
    RecordKind::Recipe,
    RecordKind::Tree,
    RecordKind::Snapshot,
    RecordKind::RunStart,
    RecordKind::RunFacts,
    RecordKind::RunEnd,
    RecordKind::Series,
    RecordKind::Log,
    RecordKind::Edit,
    RecordKind::Project,
    RecordKind::Restore,
    RecordKind::Commit,
    RecordKind::Retire,
];

impl RecordKind {
    /// The kind with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        KINDS.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Recipe => "recipe",
            Self::Tree => "tree",
            Self::Snapshot => "snapshot",
            Self::RunStart => "run start",
            Self::RunFacts => "run facts",
            Self::RunEnd => "run end",
            Self::Series => "series",
            Self::Log => "log",
            Self::Edit => "edit",
            Self::Project => "project",
            Self::Restore => "restore",
            Self::Commit => "commit",
            Self::Retire => "retire",
        }
    }

    /// Whether the index holds more of such a record than its place, so that its body is needed to
    /// index it. All of these have JSON bodies.
    pub const fn is_indexed(self) -> bool {
        !matches!(self, Self::Chunk | Self::Recipe | Self::Tree | Self::Series | Self::Log)
    }
}

/// How the stored bytes of a record come from its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Encoding {
    /// As they are.
    Raw = 0,
    /// Compressed.
    Zstd = 1,
    /// Encrypted.
    Sealed = 2,
}

impl Encoding {
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Raw),
            1 => Some(Self::Zstd),
            2 => Some(Self::Sealed),
            _ => None,
        }
    }
}

/// A record that is ready to be appended.
#[derive(Clone, Debug)]
pub struct Record {
    pub(crate) header: Header,
    pub(crate) stored: Vec<u8>,
    /// The body, for kinds that the index looks into.
    pub(crate) body: Vec<u8>,
}

impl Record {
    pub(crate) fn new(kind: RecordKind, id: Hash, encoding: Encoding, raw: &[u8], stored: Vec<u8>) -> Self {
        let header = Header {
            kind,
            encoding,
            raw_length: raw.len() as u64,
            stored_length: stored.len() as u64,
            id,
            checksum: crc32fast::hash(&stored),
        };
        let body = if kind.is_indexed() { raw.to_vec() } else { Vec::new() };
        Self { header, stored, body }
    }

    /// The id.
    pub const fn id(&self) -> Hash {
        self.header.id
    }

    /// The kind.
    pub const fn kind(&self) -> RecordKind {
        self.header.kind
    }

    /// Bytes of the body.
    pub const fn raw_length(&self) -> u64 {
        self.header.raw_length
    }

    /// Bytes that it takes in a pack, header included.
    pub const fn stored_length(&self) -> u64 {
        HEADER_LENGTH as u64 + self.header.stored_length
    }
}

/// Bytes before the stored bytes of a record.
pub(crate) const HEADER_LENGTH: usize = 64;
pub(crate) const MAGIC: [u8; 4] = *b"LREC";
/// No record is larger: a length beyond it is damage.
const MAX_LENGTH: u64 = 1 << 30;

/// The header of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub kind: RecordKind,
    pub encoding: Encoding,
    pub raw_length: u64,
    pub stored_length: u64,
    pub id: Hash,
    /// CRC-32 of the stored bytes.
    pub checksum: u32,
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = self.kind as u8;
        bytes[5] = self.encoding as u8;
        bytes[8..16].copy_from_slice(&self.raw_length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.stored_length.to_le_bytes());
        bytes[24..56].copy_from_slice(&self.id.0);
        bytes[56..60].copy_from_slice(&self.checksum.to_le_bytes());
        let own = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, Flaw> {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("because the slice has 8 bytes"));
        let half = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("because the slice has 4 bytes"));
        if bytes[..4] != MAGIC || half(60) != crc32fast::hash(&bytes[..60]) || bytes[6..8] != [0, 0] {
            return Err(Flaw::RecordHeader);
        }
        let (raw_length, stored_length) = (word(8), word(16));
        if raw_length > MAX_LENGTH || stored_length > MAX_LENGTH {
            return Err(Flaw::Length);
        }
        Ok(Self {
            kind: RecordKind::from_code(bytes[4]).ok_or(Flaw::RecordHeader)?,
            encoding: Encoding::from_code(bytes[5]).ok_or(Flaw::RecordHeader)?,
            raw_length,
            stored_length,
            id: Hash(bytes[24..56].try_into().expect("because the slice has 32 bytes")),
            checksum: half(56),
        })
    }

    /// Bytes from the start of this record to the start of the next.
    pub const fn span(&self) -> u64 {
        HEADER_LENGTH as u64 + self.stored_length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_numbers() {
        for (index, kind) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, index + 1);
            assert_eq!(RecordKind::from_code(*kind as u8), Some(*kind));
        }
        assert_eq!(RecordKind::from_code(0), None);
        assert_eq!(RecordKind::from_code(15), None);
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let header = Header {
            kind: RecordKind::Tree,
            encoding: Encoding::Zstd,
            raw_length: 77,
            stored_length: 55,
            id: Hash([9; 32]),
            checksum: 0xdead_beef,
        };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Ok(header));
        for bit in 0..HEADER_LENGTH * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bytes).is_err(), "bit {bit}");
        }
    }
}
