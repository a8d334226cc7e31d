//! One file's changes, line by line, with the changed words marked.

use std::time::Duration;

use serde::{Serialize, Serializer};
use similar::{ChangeTag, TextDiff};

/// Which side a line is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Sign {
    /// Both.
    #[serde(rename = " ")]
    Equal,
    /// Only the right.
    #[serde(rename = "+")]
    Added,
    /// Only the left.
    #[serde(rename = "-")]
    Removed,
}

impl Sign {
    /// The mark before a line.
    pub const fn mark(self) -> char {
        match self {
            Self::Equal => ' ',
            Self::Added => '+',
            Self::Removed => '-',
        }
    }
}

/// One line of a hunk. In JSON the spans are put together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DiffLine {
    /// The line's number on the left, from 1.
    pub old_number: Option<usize>,
    /// The line's number on the right, from 1.
    pub new_number: Option<usize>,
    /// Which side it is on.
    pub sign: Sign,
    /// The words; `true` where they are what changed in the line.
    #[serde(rename = "text", serialize_with = "joined")]
    pub spans: Vec<(String, bool)>,
}

fn joined<S: Serializer>(spans: &[(String, bool)], serializer: S) -> Result<S::Ok, S::Error> {
    spans.iter().map(|(text, _)| text.as_str()).collect::<String>().serialize(serializer)
}

/// Lines that stand together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Hunk {
    /// The lines.
    pub lines: Vec<DiffLine>,
}

/// One file's changes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Diff {
    /// The file's path.
    pub path: String,
    /// What happened, when lines do not say it: `only in calm-lynx`, `binary, 3.2 MB → 3.3 MB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
    /// The changes with three lines around them.
    pub hunks: Vec<Hunk>,
}

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// Files larger than this are not compared line by line.
pub const TEXT_LIMIT_BYTES: usize = 2_000_000;
/// A better alignment is not worth more than this.
const PATIENCE: Duration = Duration::from_millis(500);

impl Diff {
    /// A diff that only says something.
    pub fn note(path: impl Into<String>, note: impl Into<String>) -> Self {
        Self { path: path.into(), note: Some(note.into()), ..Self::default() }
    }

    /// Compares two texts.
    pub fn of(path: impl Into<String>, old: &[u8], new: &[u8]) -> Self {
        let path = path.into();
        if is_binary(old) || is_binary(new) {
            let size = |bytes: &[u8]| crate::format::bytes(bytes.len() as u64);
            return Self::note(path, format!("binary, {} → {}", size(old), size(new)));
        }
        let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
        let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&*old, &*new);
        let mut result = Self { path, ..Self::default() };
        for group in diff.grouped_ops(CONTEXT) {
            let mut lines = Vec::new();
            for change in group.iter().flat_map(|op| diff.iter_inline_changes(op)) {
                let sign = match change.tag() {
                    ChangeTag::Equal => Sign::Equal,
                    ChangeTag::Insert => Sign::Added,
                    ChangeTag::Delete => Sign::Removed,
                };
                result.added += usize::from(sign == Sign::Added);
                result.removed += usize::from(sign == Sign::Removed);
                lines.push(DiffLine {
                    old_number: change.old_index().map(|index| index + 1),
                    new_number: change.new_index().map(|index| index + 1),
                    sign,
                    spans: spans(change.iter_strings_lossy(), change.missing_newline() && sign != Sign::Equal),
                });
            }
            result.hunks.push(Hunk { lines });
        }
        result
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.hunks.is_empty() && self.note.is_none()
    }

    /// `+3 −1`, or the note.
    pub fn summary(&self) -> String {
        self.note.clone().unwrap_or_else(|| format!("+{} −{}", self.added, self.removed))
    }
}

fn spans<'a>(
    parts: impl Iterator<Item = (bool, std::borrow::Cow<'a, str>)>,
    missing_newline: bool,
) -> Vec<(String, bool)> {
    let mut spans: Vec<(String, bool)> = Vec::new();
    for (emphasised, text) in parts {
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            continue;
        }
        match spans.last_mut() {
            Some((last, mark)) if *mark == emphasised => last.push_str(text),
            _ => spans.push((text.to_owned(), emphasised)),
        }
    }
    // A line that is new or gone as a whole has nothing to point at.
    if let [(_, mark)] = spans.as_mut_slice() {
        *mark = false;
    }
    if missing_newline {
        spans.push((" ⏎ no newline at the end".to_owned(), false));
    }
    spans
}

/// Whether bytes are no text: a NUL among the first 8,000 bytes, as Git decides it.
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(8000)].contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, expected: &[&str]) {
        let diff = Diff::of("f", old.as_bytes(), new.as_bytes());
        let line = |line: &DiffLine| {
            let words: String =
                line.spans.iter().map(|(text, mark)| if *mark { format!("[{text}]") } else { text.clone() }).collect();
            format!("{}{words}", line.sign.mark())
        };
        let lines: Vec<String> = diff.hunks.iter().flat_map(|hunk| &hunk.lines).map(line).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn changed_words_are_marked() {
        check("lr = 0.1\nn = 3\n", "lr = 0.2\nn = 3\n", &["-lr = [0.1]", "+lr = [0.2]", " n = 3"]);
    }

    #[test]
    fn whole_lines_are_not_marked() {
        check("a\n", "a\nb\n", &[" a", "+b"]);
        check("", "x\n", &["+x"]);
        check("x\n", "", &["-x"]);
        check("same\n", "same\n", &[]);
    }

    #[test]
    fn a_missing_newline_is_a_difference() {
        check("a\n", "a", &["-a", "+a ⏎ no newline at the end"]);
    }

    #[test]
    fn windows_line_ends_and_bad_utf8_do_not_panic() {
        let diff = Diff::of("f", b"a\r\n\xff\n", b"a\n\xfe\n");
        assert!(diff.added > 0);
    }

    #[test]
    fn binary_is_only_named() {
        let diff = Diff::of("f", b"a\0b", b"a\0c");
        assert_eq!(diff.note.as_deref(), Some("binary, 3 B → 3 B"));
        assert!(!diff.is_empty());
    }

    #[test]
    fn far_changes_are_two_hunks_with_numbers() {
        let old: String = (0..40).map(|line| format!("{line}\n")).collect();
        let new = old.replace("\n5\n", "\nfive\n").replace("\n30\n", "\nthirty\n");
        let diff = Diff::of("f", old.as_bytes(), new.as_bytes());
        assert_eq!((diff.hunks.len(), diff.added, diff.removed), (2, 2, 2));
        assert_eq!(diff.hunks[0].lines[3].old_number, Some(6));
        assert_eq!(diff.summary(), "+2 −2");
    }
}
