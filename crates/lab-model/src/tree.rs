use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Domain, Hash, Hasher, RelPath};

/// What an entry of a directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A regular file.
    File = 0,
    /// A directory.
    Directory = 1,
    /// A symbolic link; kept as a link, never followed.
    Symlink = 2,
    /// A named pipe; named, never opened.
    Fifo = 3,
    /// A socket; named, never opened.
    Socket = 4,
    /// A character or block device; named, never opened.
    Device = 5,
}

/// What a file is to an experiment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Source code: what people edit to change what the experiment does.
    Code = 0,
    /// Settings that the code reads.
    Config = 1,
    /// What the experiment is fed with.
    Data = 2,
    /// What a run wrote.
    Output = 3,
}

/// All roles, in the order of their numbers.
pub const ROLES: [Role; 4] = [Role::Code, Role::Config, Role::Data, Role::Output];

impl Role {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Config => "config",
            Self::Data => "data",
            Self::Output => "output",
        }
    }
}

/// How much of a file's content the notebook holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kept", content = "hash")]
pub enum Content {
    /// Every byte, under this hash.
    Copied(Hash),
    /// Every byte, encrypted; the hash is keyed, since the file holds a secret.
    Sealed(Hash),
    /// Only the hash of every byte.
    Hashed(Hash),
    /// Only a hash of the size and of samples.
    Sampled(Hash),
    /// Nothing: the file could not be read, or is not to be kept.
    Missing,
}

impl Content {
    /// The hash, whichever kind it is.
    pub const fn hash(&self) -> Option<Hash> {
        match self {
            Self::Copied(hash) | Self::Sealed(hash) | Self::Hashed(hash) | Self::Sampled(hash) => Some(*hash),
            Self::Missing => None,
        }
    }

    /// Whether a restore on this machine can bring the bytes back.
    pub const fn is_restorable(&self) -> bool {
        matches!(self, Self::Copied(_) | Self::Sealed(_))
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Copied(_) => 0,
            Self::Sealed(_) => 1,
            Self::Hashed(_) => 2,
            Self::Sampled(_) => 3,
            Self::Missing => 4,
        }
    }
}

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name: bytes, a single part.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// What it is to the experiment; only meaningful for files and links.
    pub role: Role,
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Bytes of a file, 0 for everything else.
    pub size: u64,
    /// Seconds of the modification time since 1970.
    pub mtime: i64,
    /// Nanoseconds of the modification time.
    pub mtime_nanos: u32,
    /// The file has holes; a restore makes holes again.
    pub sparse: bool,
    /// The file changed while it was being read, three times over.
    pub unsteady: bool,
    /// A file's content. For directories see `tree`, for links `target`.
    pub content: Content,
    /// A directory's tree.
    pub tree: Option<Hash>,
    /// A link's target, bytes as they stand in the link.
    pub target: Vec<u8>,
}

impl Entry {
    /// Whether the executable bit of the owner is set.
    pub const fn is_executable(&self) -> bool {
        self.mode & 0o100 != 0
    }
}

/// One directory of a snapshot: its entries, sorted by name, names unique.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tree {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// Why bytes are not a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TreeError {
    /// The bytes end early or go on too long.
    Length,
    /// The version or a number is not one that this program knows.
    Unknown,
    /// Names are not plain, not sorted or not unique.
    Names,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a tree record has the wrong length",
            Self::Unknown => "a tree record holds an unknown number",
            Self::Names => "a tree record holds names that are not plain, sorted and unique",
        })
    }
}

impl std::error::Error for TreeError {}

const VERSION: u8 = 1;
const FLAG_SPARSE: u8 = 1;
const FLAG_UNSTEADY: u8 = 2;

impl Tree {
    /// The bytes of the tree record; `docs/format.md` describes them.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(5 + self.entries.len() * 88);
        bytes.push(VERSION);
        bytes.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        for entry in &self.entries {
            bytes.extend_from_slice(&(entry.name.len() as u16).to_le_bytes());
            bytes.extend_from_slice(&entry.name);
            let flags = u8::from(entry.sparse) * FLAG_SPARSE + u8::from(entry.unsteady) * FLAG_UNSTEADY;
            let content = if entry.kind == Kind::File { entry.content } else { Content::Missing };
            bytes.extend_from_slice(&[entry.kind as u8, entry.role as u8, content.code(), flags]);
            bytes.extend_from_slice(&(entry.mode as u16).to_le_bytes());
            bytes.extend_from_slice(&entry.mtime.to_le_bytes());
            bytes.extend_from_slice(&entry.mtime_nanos.to_le_bytes());
            match entry.kind {
                Kind::File => {
                    bytes.extend_from_slice(&entry.size.to_le_bytes());
                    if let Some(hash) = entry.content.hash() {
                        bytes.extend_from_slice(&hash.0);
                    }
                }
                Kind::Directory => bytes.extend_from_slice(&entry.tree.unwrap_or(Hash([0; 32])).0),
                Kind::Symlink => {
                    bytes.extend_from_slice(&(entry.target.len() as u16).to_le_bytes());
                    bytes.extend_from_slice(&entry.target);
                }
                Kind::Fifo | Kind::Socket | Kind::Device => {}
            }
        }
        bytes
    }

    /// The id under which [`Tree::encode`]'s bytes are kept.
    pub fn id_of(encoded: &[u8]) -> Hash {
        Hash::of(Domain::Tree, encoded)
    }

    /// Reads a tree record. Every name is checked, so that a hostile tree cannot name a place
    /// outside its directory.
    ///
    /// # Errors
    /// See [`TreeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeError> {
        let mut input = Input(bytes);
        if input.byte()? != VERSION {
            return Err(TreeError::Unknown);
        }
        let count = u32::from_le_bytes(input.array()?) as usize;
        // Each entry takes at least 21 bytes; a lying count must not reserve memory.
        let mut entries: Vec<Entry> = Vec::with_capacity(count.min(bytes.len() / 21));
        for _ in 0..count {
            let entry = decode_entry(&mut input)?;
            if RelPath::root().join(&entry.name).is_err() || entries.last().is_some_and(|last| last.name >= entry.name)
            {
                return Err(TreeError::Names);
            }
            entries.push(entry);
        }
        if input.0.is_empty() { Ok(Self { entries }) } else { Err(TreeError::Length) }
    }

    /// The entry called `name`.
    pub fn get(&self, name: &[u8]) -> Option<&Entry> {
        let place = self.entries.binary_search_by(|entry| entry.name.as_slice().cmp(name)).ok()?;
        Some(&self.entries[place])
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], TreeError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TreeError::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TreeError> {
        self.take(N)?.try_into().map_err(|_| TreeError::Length)
    }

    fn byte(&mut self) -> Result<u8, TreeError> {
        Ok(self.array::<1>()?[0])
    }
}

fn decode_entry(input: &mut Input<'_>) -> Result<Entry, TreeError> {
    let name_length = u16::from_le_bytes(input.array()?) as usize;
    let name = input.take(name_length)?.to_vec();
    let [kind, role, content, flags] = input.array()?;
    let kind = match kind {
        0 => Kind::File,
        1 => Kind::Directory,
        2 => Kind::Symlink,
        3 => Kind::Fifo,
        4 => Kind::Socket,
        5 => Kind::Device,
        _ => return Err(TreeError::Unknown),
    };
    let role = *ROLES.get(role as usize).ok_or(TreeError::Unknown)?;
    if flags & !(FLAG_SPARSE | FLAG_UNSTEADY) != 0 {
        return Err(TreeError::Unknown);
    }
    if kind != Kind::File && content != Content::Missing.code() {
        return Err(TreeError::Unknown);
    }
    let mode = u32::from(u16::from_le_bytes(input.array()?));
    let mtime = i64::from_le_bytes(input.array()?);
    let mtime_nanos = u32::from_le_bytes(input.array()?);
    if mtime_nanos >= 1_000_000_000 {
        return Err(TreeError::Unknown);
    }
    let mut entry = Entry {
        name,
        kind,
        role,
        mode,
        size: 0,
        mtime,
        mtime_nanos,
        sparse: flags & FLAG_SPARSE != 0,
        unsteady: flags & FLAG_UNSTEADY != 0,
        content: Content::Missing,
        tree: None,
        target: Vec::new(),
    };
    match kind {
        Kind::File => {
            entry.size = u64::from_le_bytes(input.array()?);
            entry.content = match content {
                0 => Content::Copied(Hash(input.array()?)),
                1 => Content::Sealed(Hash(input.array()?)),
                2 => Content::Hashed(Hash(input.array()?)),
                3 => Content::Sampled(Hash(input.array()?)),
                4 => Content::Missing,
                _ => return Err(TreeError::Unknown),
            };
        }
        Kind::Directory => entry.tree = Some(Hash(input.array()?)),
        Kind::Symlink => {
            let length = u16::from_le_bytes(input.array()?) as usize;
            entry.target = input.take(length)?.to_vec();
        }
        Kind::Fifo | Kind::Socket | Kind::Device => {}
    }
    Ok(entry)
}

/// The four role hashes of a directory: each covers the names, contents and executable bits of the
/// entries with that role, in this directory and below. `None` means that there are none.
///
/// `below` gives the role hashes of the sub-directories by entry index. Modification times do not
/// count: a file that was only touched is the same file.
impl Tree {
    /// See above; the result is in the order of [`ROLES`].
    pub fn role_hashes(&self, below: impl Fn(usize) -> [Option<Hash>; 4]) -> [Option<Hash>; 4] {
        let mut hashers: [Option<Hasher>; 4] = [const { None }; 4];
        let mut add = |role: usize, name: &[u8], tag: u8, value: &[u8]| {
            hashers[role]
                .get_or_insert_with(|| Hasher::new(Domain::Fingerprint))
                .field(name)
                .update(&[tag])
                .field(value);
        };
        for (index, entry) in self.entries.iter().enumerate() {
            match entry.kind {
                Kind::File => {
                    // Copied and hashed alike say what the bytes are; how much was kept is no difference.
                    let tag = match entry.content {
                        Content::Copied(_) | Content::Hashed(_) => b'f',
                        Content::Sealed(_) => b'k',
                        Content::Sampled(_) => b's',
                        Content::Missing => b'm',
                    } ^ (u8::from(entry.is_executable()) << 7);
                    let hash = entry.content.hash().map(|hash| hash.0);
                    add(entry.role as usize, &entry.name, tag, hash.as_ref().map_or(&[], |hash| &hash[..]));
                }
                Kind::Symlink => add(entry.role as usize, &entry.name, b'l', &entry.target),
                Kind::Directory => {
                    for (role, hash) in below(index).iter().enumerate() {
                        if let Some(hash) = hash {
                            add(role, &entry.name, b'd', &hash.0);
                        }
                    }
                }
                Kind::Fifo | Kind::Socket | Kind::Device => {}
            }
        }
        hashers.map(|hasher| hasher.map(|hasher| hasher.finish()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(name: &str, content: Content) -> Entry {
        Entry {
            name: name.into(),
            kind: Kind::File,
            role: Role::Code,
            mode: 0o644,
            size: 3,
            mtime: -5,
            mtime_nanos: 7,
            sparse: true,
            unsteady: false,
            content,
            tree: None,
            target: Vec::new(),
        }
    }

    fn example() -> Tree {
        let hash = Hash::of(Domain::Content, b"abc");
        let directory = Entry { kind: Kind::Directory, tree: Some(hash), size: 0, ..file("b", Content::Missing) };
        let link = Entry { kind: Kind::Symlink, target: b"../x\xff".to_vec(), size: 0, ..file("c", Content::Missing) };
        let fifo = Entry { kind: Kind::Fifo, size: 0, ..file("d", Content::Missing) };
        Tree { entries: vec![file("a", Content::Sealed(hash)), directory, link, fifo] }
    }

    #[test]
    fn round_trip() {
        let tree = example();
        assert_eq!(Tree::decode(&tree.encode()), Ok(tree.clone()));
        assert_eq!(tree.get(b"c").unwrap().kind, Kind::Symlink);
        assert_eq!(tree.get(b"zz"), None);
    }

    #[test]
    fn hostile_names_are_refused() {
        for name in ["..", ".", "", "a/b", "a\0b"] {
            let tree = Tree { entries: vec![file(name, Content::Missing)] };
            assert_eq!(Tree::decode(&tree.encode()), Err(TreeError::Names), "{name:?}");
        }
        let twice = Tree { entries: vec![file("a", Content::Missing), file("a", Content::Missing)] };
        assert_eq!(Tree::decode(&twice.encode()), Err(TreeError::Names));
    }

    #[test]
    fn role_hashes_ignore_times_and_see_the_executable_bit() {
        let none = |_: usize| [None; 4];
        let tree = example();
        let mut touched = tree.clone();
        touched.entries[0].mtime += 100;
        assert_eq!(tree.role_hashes(none), touched.role_hashes(none));
        touched.entries[0].mode = 0o755;
        assert_ne!(tree.role_hashes(none)[0], touched.role_hashes(none)[0]);
        assert_eq!(tree.role_hashes(none)[2], None);
    }

    proptest! {
        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Tree::decode(&bytes);
        }

        #[test]
        fn damage_is_an_error_or_another_tree(at in 0usize..200, bit in 0u8..8) {
            let mut bytes = example().encode();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(tree) = Tree::decode(&bytes) {
                prop_assert_ne!(tree, example());
            }
        }
    }
}
