use lab_model::RelPath;

/// What the names of staging directories begin with.
pub const STAGE_PREFIX: &str = ".lab-restore-";

/// Whether no restore may touch `path`: a part of it is `.git`, or would be taken for it by some file
/// system, or is a staging directory.
///
/// The names that pass for `.git` are those that Git itself refuses: other case, trailing dots and spaces,
/// the short name `git~1`, a stream name after a colon, and characters that do not show.
pub fn is_reserved(path: &RelPath) -> bool {
    path.parts().any(is_reserved_name)
}

/// [`is_reserved`] for a single name.
pub(super) fn is_reserved_name(name: &[u8]) -> bool {
    // Nearly every name is told from the reserved ones by its first byte.
    if !matches!(name.first(), Some(b'.' | b'g' | b'G' | b' ' | 0x80..)) {
        return false;
    }
    let visible = without_ignorable(name);
    if visible.len() >= STAGE_PREFIX.len()
        && visible[..STAGE_PREFIX.len()].eq_ignore_ascii_case(STAGE_PREFIX.as_bytes())
    {
        return true;
    }
    let end = visible.iter().position(|byte| matches!(byte, b':' | b'\\')).unwrap_or(visible.len());
    let trimmed = visible[..end].trim_ascii();
    let end = trimmed.iter().rposition(|byte| !matches!(byte, b'.' | b' ')).map_or(0, |last| last + 1);
    let core = &trimmed[..end];
    core.eq_ignore_ascii_case(b".git")
        || (core.len() > 4 && core[..4].eq_ignore_ascii_case(b"git~") && core[4..].iter().all(u8::is_ascii_digit))
}

/// The name without the characters that HFS+ and screens leave out.
fn without_ignorable(name: &[u8]) -> Vec<u8> {
    if name.is_ascii() {
        return name.to_vec();
    }
    let mut visible = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            let ignorable = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}');
            if !ignorable {
                visible.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        visible.extend_from_slice(chunk.invalid());
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved() {
        let check = |path: &str, expected: bool| {
            assert_eq!(is_reserved(&RelPath::new(path).unwrap()), expected, "{path:?}");
        };
        for path in [
            ".git",
            ".git/hooks/x",
            "a/.git",
            "a/.Git/config",
            ".git.",
            ".git ",
            ".git . .",
            " .git",
            "git~1",
            "GIT~12/x",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".git\u{200d}/x",
            ".git::$INDEX_ALLOCATION",
            ".git\\hooks",
            ".lab-restore-17/3",
            "a/.LAB-restore-x",
        ] {
            check(path, true);
        }
        for path in ["", "git", "a.git", ".gitignore", ".github/x", "git~", "git~1x", ".lab", "g", ".", "été"]
            .into_iter()
            .filter(|path| *path != ".")
        {
            check(path, false);
        }
        assert!(!is_reserved(&RelPath::new(&b"\xff.git"[..]).unwrap()));
    }
}
