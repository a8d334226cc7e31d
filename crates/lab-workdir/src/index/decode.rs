use lab_model::{Content, Hash, Kind, OmissionReason, ROLES, Role};

use super::{KNOWN, PASSED, ROLE_SHIFT, STAT_BYTES, VERDICT_SHIFT};
use crate::Stat;
use crate::rules::Verdict;
use crate::scan::{KnownTree, Sums};

/// One directory of an index, read in step with the directory on disk.
pub(crate) struct IndexDir<'a> {
    pub rules_digest: u64,
    /// Entries, without the names that are left out.
    pub listed: u32,
    pub known: Option<KnownTree>,
    records: u32,
    input: Input<'a>,
    current: Option<Record<'a>>,
}

/// One name in an index.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub name: &'a [u8],
    pub kind: Kind,
    pub verdict: Verdict,
    pub body: Body<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    /// Left out, and by which rule.
    Passed { rule: &'a [u8] },
    /// An entry.
    Listed { role: Option<Role>, stat: Stat, detail: Detail<'a> },
}

#[derive(Clone, Copy)]
pub(crate) enum Detail<'a> {
    /// A file, and what is known of it: content, role, note.
    File(Option<(Content, Role, &'a [u8])>),
    Directory(Option<u32>),
    Symlink(&'a [u8]),
    Special,
}

impl<'a> IndexDir<'a> {
    pub(super) fn new(mut input: Input<'a>) -> Option<Self> {
        let rules_digest = input.u64()?;
        let listed = input.u32()?;
        let records = input.u32()?;
        let known = match input.byte()? {
            0 => None,
            mask => Some(KnownTree { tree: input.hash()?, roles: input.roles(mask >> 1)?, sums: input.sums()? }),
        };
        Some(Self { rules_digest, listed, known, records, input, current: None })
    }

    /// The record of `name`; names must be asked for in order.
    pub fn seek(&mut self, name: &[u8]) -> Option<Record<'a>> {
        loop {
            if self.current.is_none() {
                self.records = self.records.checked_sub(1)?;
                let Some(record) = self.input.record() else {
                    self.records = 0;
                    return None;
                };
                self.current = Some(record);
            }
            let record = self.current?;
            match record.name.cmp(name) {
                std::cmp::Ordering::Less => self.current = None,
                std::cmp::Ordering::Equal => return self.current.take(),
                std::cmp::Ordering::Greater => return None,
            }
        }
    }
}

/// What was noted of a file, from its bytes in the index.
pub(crate) fn decode_note(bytes: &[u8]) -> Option<Box<OmissionReason>> {
    if bytes.is_empty() {
        return None;
    }
    let mut input = Input(bytes);
    let text = |input: &mut Input<'_>| Some(String::from_utf8_lossy(input.long()?).into_owned());
    Some(Box::new(match input.byte()? {
        0 => OmissionReason::FileLimit { limit_bytes: input.u64()? },
        1 => OmissionReason::TotalLimit { limit_bytes: input.u64()? },
        2 => OmissionReason::HashOnly,
        3 => OmissionReason::Skip,
        4 => OmissionReason::Sampled,
        5 => OmissionReason::Sealed { rule: text(&mut input)? },
        6 => OmissionReason::Pointer { tool: text(&mut input)?, oid: text(&mut input)? },
        _ => return None,
    }))
}

/// Bytes that are taken from the front; every taking can find too few.
pub(super) struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn hash(&mut self) -> Option<Hash> {
        self.array().map(Hash)
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.array().map(u16::from_le_bytes)?;
        self.take(usize::from(length))
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    fn roles(&mut self, mask: u8) -> Option<[Option<Hash>; 4]> {
        let mut roles = [None; 4];
        for (number, role) in roles.iter_mut().enumerate() {
            if mask & 1 << number != 0 {
                *role = Some(self.hash()?);
            }
        }
        Some(roles)
    }

    fn sums(&mut self) -> Option<Sums> {
        let mut words = [0; Sums::WORDS];
        for word in &mut words {
            *word = self.u64()?;
        }
        Some(Sums::from_words(words))
    }

    fn stat(&mut self) -> Option<Stat> {
        let mut input = Input(self.take(STAT_BYTES)?);
        Some(Stat {
            mode: input.u32()?,
            size: input.u64()?,
            mtime: input.i64()?,
            mtime_nanos: input.u32()?,
            ctime: input.i64()?,
            ctime_nanos: input.u32()?,
            inode: input.u64()?,
            blocks: input.u64()?,
            links: input.u32()?,
        })
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let [flags, kind] = self.array()?;
        let kind = match kind {
            0 => Kind::File,
            1 => Kind::Directory,
            2 => Kind::Symlink,
            3 => Kind::Fifo,
            4 => Kind::Socket,
            5 => Kind::Device,
            _ => return None,
        };
        let verdict = match flags >> VERDICT_SHIFT & 3 {
            0 => Verdict::None,
            1 => Verdict::Include,
            _ => Verdict::Ignore,
        };
        let name = self.short()?;
        let body = if flags & PASSED != 0 {
            Body::Passed { rule: self.long()? }
        } else {
            let role = match flags >> ROLE_SHIFT {
                0 => None,
                number => Some(*ROLES.get(usize::from(number) - 1)?),
            };
            let stat = self.stat()?;
            let detail = match kind {
                Kind::File if flags & KNOWN == 0 => Detail::File(None),
                Kind::File => Detail::File(Some(self.known()?)),
                Kind::Directory => Detail::Directory(Some(self.u32()?).filter(|child| *child != u32::MAX)),
                Kind::Symlink => Detail::Symlink(self.short()?),
                Kind::Fifo | Kind::Socket | Kind::Device => Detail::Special,
            };
            Body::Listed { role, stat, detail }
        };
        Some(Record { name, kind, verdict, body })
    }

    fn known(&mut self) -> Option<(Content, Role, &'a [u8])> {
        let [content, role] = self.array()?;
        let content = match content {
            0 => Content::Copied(self.hash()?),
            1 => Content::Sealed(self.hash()?),
            2 => Content::Hashed(self.hash()?),
            3 => Content::Sampled(self.hash()?),
            _ => Content::Missing,
        };
        Some((content, *ROLES.get(usize::from(role))?, self.long()?))
    }
}
