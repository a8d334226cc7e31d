use lab_model::{Content, Domain, Hash, Kind, OmissionReason, ROLES};

use super::{BODY_AT, DIRS_AT, KNOWN, MAGIC, PASSED, ROLE_SHIFT, STAT_BYTES, VERDICT_SHIFT};
use crate::Stat;
use crate::rules::Passed;
use crate::scan::{Known, Scan, ScanDir, ScanEntry};

/// The bytes of an index.
pub(super) fn encode(scan: &Scan, key: &[u8; 32]) -> Vec<u8> {
    let entries: usize = scan.dirs.iter().map(|dir| dir.entries.len()).sum();
    let mut bytes = Vec::with_capacity(DIRS_AT + scan.dirs.len() * 64 + entries * 140);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 32]);
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(&scan.started.0.to_le_bytes());
    bytes.extend_from_slice(&scan.started.1.to_le_bytes());
    bytes.extend_from_slice(&scan.roles_digest.to_le_bytes());
    bytes.extend_from_slice(&(scan.dirs.len() as u32).to_le_bytes());
    bytes.resize(DIRS_AT + scan.dirs.len() * 8, 0);
    for (number, dir) in scan.dirs.iter().enumerate() {
        let offset = bytes.len() as u64;
        bytes[DIRS_AT + number * 8..][..8].copy_from_slice(&offset.to_le_bytes());
        encode_directory(dir, &mut bytes);
    }
    let checksum = Hash::of(Domain::Content, &bytes[BODY_AT..]);
    bytes[8..BODY_AT].copy_from_slice(&checksum.0);
    bytes
}

/// The directories with these numbers, each at the offset that the table says; the others have none.
pub(super) fn encode_some(scan: &Scan, dirs: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut bytes = vec![0; DIRS_AT + scan.dirs.len() * 8];
    for number in dirs {
        let offset = bytes.len() as u64;
        bytes[DIRS_AT + number as usize * 8..][..8].copy_from_slice(&offset.to_le_bytes());
        encode_directory(&scan.dirs[number as usize], &mut bytes);
    }
    bytes
}

/// Whether an index can hold what is known of a file; where not, it is read again every time.
pub(crate) fn can_keep(known: &Known) -> bool {
    !known.unsteady && known.note.as_deref().is_none_or(|note| encode_note(note).is_some())
}

fn encode_directory(dir: &ScanDir, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&dir.rules_digest.to_le_bytes());
    bytes.extend_from_slice(&(dir.entries.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&((dir.entries.len() + dir.passed.len()) as u32).to_le_bytes());
    match &dir.known {
        None => bytes.push(0),
        Some(known) => {
            let mask: u8 =
                ROLES.iter().map(|role| u8::from(known.roles[*role as usize].is_some()) << *role as u8).sum();
            bytes.push(1 | mask << 1);
            bytes.extend_from_slice(&known.tree.0);
            known.roles.iter().flatten().for_each(|hash| bytes.extend_from_slice(&hash.0));
            known.sums.words().iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        }
    }
    let mut passed = dir.passed.iter().peekable();
    for entry in &dir.entries {
        while let Some(before) = passed.next_if(|passed| passed.name < entry.name) {
            encode_passed(before, bytes);
        }
        encode_entry(entry, bytes);
    }
    passed.for_each(|passed| encode_passed(passed, bytes));
}

fn encode_passed(passed: &Passed, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[PASSED | (passed.verdict as u8) << VERDICT_SHIFT, passed.kind as u8]);
    short(&passed.name, bytes);
    long(passed.rule.as_bytes(), bytes);
}

fn encode_entry(entry: &ScanEntry, bytes: &mut Vec<u8>) {
    // Without a note that can be kept, and when it was unsteady, a file has to be looked at again.
    let known = entry.known.as_ref().filter(|known| !known.unsteady && entry.kind == Kind::File);
    let note = known.map(|known| known.note.as_deref().map_or(Some(Vec::new()), encode_note));
    let known = known.zip(note.flatten());
    let role = entry.role.map_or(0, |role| role as u8 + 1);
    let known_flag = if known.is_some() { KNOWN } else { 0 };
    let flags = known_flag | ((entry.verdict as u8) << VERDICT_SHIFT) | (role << ROLE_SHIFT);
    bytes.extend_from_slice(&[flags, entry.kind as u8]);
    short(&entry.name, bytes);
    encode_stat(&entry.stat, bytes);
    match entry.kind {
        Kind::File => {
            if let Some((known, note)) = known {
                encode_known(known, bytes);
                long(&note, bytes);
            }
        }
        Kind::Directory => bytes.extend_from_slice(&entry.child.unwrap_or(u32::MAX).to_le_bytes()),
        Kind::Symlink => short(&entry.target, bytes),
        Kind::Fifo | Kind::Socket | Kind::Device => {}
    }
}

fn encode_known(known: &Known, bytes: &mut Vec<u8>) {
    let code = match known.content {
        Content::Copied(_) => 0,
        Content::Sealed(_) => 1,
        Content::Hashed(_) => 2,
        Content::Sampled(_) => 3,
        Content::Missing => 4,
    };
    bytes.extend_from_slice(&[code, known.role as u8]);
    if let Some(hash) = known.content.hash() {
        bytes.extend_from_slice(&hash.0);
    }
}

fn encode_stat(stat: &Stat, bytes: &mut Vec<u8>) {
    let mut fixed = [0; STAT_BYTES];
    fixed[..4].copy_from_slice(&stat.mode.to_le_bytes());
    fixed[4..12].copy_from_slice(&stat.size.to_le_bytes());
    fixed[12..20].copy_from_slice(&stat.mtime.to_le_bytes());
    fixed[20..24].copy_from_slice(&stat.mtime_nanos.to_le_bytes());
    fixed[24..32].copy_from_slice(&stat.ctime.to_le_bytes());
    fixed[32..36].copy_from_slice(&stat.ctime_nanos.to_le_bytes());
    fixed[36..44].copy_from_slice(&stat.inode.to_le_bytes());
    fixed[44..52].copy_from_slice(&stat.blocks.to_le_bytes());
    fixed[52..].copy_from_slice(&stat.links.to_le_bytes());
    bytes.extend_from_slice(&fixed);
}

fn short(part: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(part.len() as u16).to_le_bytes());
    bytes.extend_from_slice(part);
}

fn long(part: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
    bytes.extend_from_slice(part);
}

/// The bytes of a note; `None` for reasons that a file must be looked at again for.
fn encode_note(note: &OmissionReason) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut text = |code: u8, parts: &[&str]| {
        bytes.push(code);
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
    };
    match note {
        OmissionReason::FileLimit { limit_bytes } => {
            bytes.push(0);
            bytes.extend_from_slice(&limit_bytes.to_le_bytes());
        }
        OmissionReason::TotalLimit { limit_bytes } => {
            bytes.push(1);
            bytes.extend_from_slice(&limit_bytes.to_le_bytes());
        }
        OmissionReason::HashOnly => bytes.push(2),
        OmissionReason::Skip => bytes.push(3),
        OmissionReason::Sampled => bytes.push(4),
        OmissionReason::Sealed { rule } => text(5, &[rule]),
        OmissionReason::Pointer { tool, oid } => text(6, &[tool, oid]),
        OmissionReason::Ignored { .. }
        | OmissionReason::Unreadable { .. }
        | OmissionReason::Unsteady
        | OmissionReason::Special { .. }
        | OmissionReason::OtherFilesystem
        | OmissionReason::Notebook
        | OmissionReason::NestedRepository { .. } => return None,
    }
    Some(bytes)
}
