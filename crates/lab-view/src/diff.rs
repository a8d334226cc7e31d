//! One file's changes, line by line, with the changed words marked.

use std::ops::Range;
use std::time::Duration;

use serde::{Serialize, Serializer};
use similar::{ChangeTag, TextDiff};

use crate::highlight::{Highlighter, Syntax};

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

/// Words of a line that are alike.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// The words.
    pub text: String,
    /// Whether they are what changed in the line.
    pub changed: bool,
    /// What they are in the language of the file.
    pub syntax: Syntax,
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
    /// The words.
    #[serde(rename = "text", serialize_with = "joined")]
    pub spans: Vec<Span>,
}

fn joined<S: Serializer>(spans: &[Span], serializer: S) -> Result<S::Ok, S::Error> {
    spans.iter().map(|span| span.text.as_str()).collect::<String>().serialize(serializer)
}

/// Lines that stand together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Hunk {
    /// The lines.
    pub lines: Vec<DiffLine>,
}

impl Hunk {
    /// The lines for two columns: old on the left, new on the right, what was replaced beside what replaces it.
    pub fn pairs(&self) -> Vec<(Option<&DiffLine>, Option<&DiffLine>)> {
        let mut pairs = Vec::new();
        for block in self.lines.chunk_by(|left, right| (left.sign == Sign::Equal) == (right.sign == Sign::Equal)) {
            let of = |sign: Sign| block.iter().filter(move |line| line.sign == sign);
            if block[0].sign == Sign::Equal {
                pairs.extend(block.iter().map(|line| (Some(line), Some(line))));
                continue;
            }
            let (mut old, mut new) = (of(Sign::Removed), of(Sign::Added));
            loop {
                match (old.next(), new.next()) {
                    (None, None) => break,
                    pair => pairs.push(pair),
                }
            }
        }
        pairs
    }
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
    /// The equal lines before each hunk and behind the last one, for those who want to see them; none of long files.
    #[serde(skip)]
    pub between: Vec<Vec<DiffLine>>,
}

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// Files larger than this are not compared line by line.
pub const TEXT_LIMIT_BYTES: usize = 2_000_000;
/// Of files with more lines than this the equal ones are not carried along.
const CARRIED_LINES: usize = 5_000;
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
        let mut colours = [Colours::new(&result.path, &old), Colours::new(&result.path, &new)];
        let mut seen = 0;
        for group in diff.grouped_ops(CONTEXT) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            let hidden = seen..first.new_range().start;
            result.between.push(equal(&diff, hidden, first.old_range().start, &mut colours[1]));
            seen = last.new_range().end;
            let mut lines = Vec::new();
            for change in group.iter().flat_map(|op| diff.iter_inline_changes(op)) {
                let sign = match change.tag() {
                    ChangeTag::Equal => Sign::Equal,
                    ChangeTag::Insert => Sign::Added,
                    ChangeTag::Delete => Sign::Removed,
                };
                result.added += usize::from(sign == Sign::Added);
                result.removed += usize::from(sign == Sign::Removed);
                let place = change.new_index().map(|index| (1, index)).or(change.old_index().map(|index| (0, index)));
                let colours = place.map(|(side, index)| colours[side].line(index)).unwrap_or_default();
                lines.push(DiffLine {
                    old_number: change.old_index().map(|index| index + 1),
                    new_number: change.new_index().map(|index| index + 1),
                    sign,
                    spans: spans(
                        change.iter_strings_lossy(),
                        change.missing_newline() && sign != Sign::Equal,
                        &colours,
                    ),
                });
            }
            result.hunks.push(Hunk { lines });
        }
        if !result.hunks.is_empty() {
            result.between.push(equal(&diff, seen..diff.new_len(), diff.old_len(), &mut colours[1]));
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

/// Equal lines, by their places in the new text; in the old one they end before `old_end`.
fn equal(
    diff: &TextDiff<'_, '_, str>,
    places: Range<usize>,
    old_end: usize,
    colours: &mut Colours<'_>,
) -> Vec<DiffLine> {
    if diff.new_len() > CARRIED_LINES {
        return Vec::new();
    }
    let end = places.end;
    let line = |place: usize| DiffLine {
        old_number: Some(old_end + place + 1 - end),
        new_number: Some(place + 1),
        sign: Sign::Equal,
        spans: spans(
            std::iter::once((false, diff.new_slice(place).unwrap_or_default().into())),
            false,
            &colours.line(place),
        ),
    };
    places.map(line).collect()
}

/// The syntax of one side's lines, read as far as they are asked for.
struct Colours<'a> {
    lines: std::iter::Enumerate<std::str::Split<'a, char>>,
    highlighter: Highlighter,
}

type Pieces = Vec<(Range<usize>, Syntax)>;

impl<'a> Colours<'a> {
    fn new(path: &str, text: &'a str) -> Self {
        Self { lines: text.split('\n').enumerate(), highlighter: Highlighter::new(path) }
    }

    /// The pieces of the line with this index, counted from 0; lines are asked for in order.
    fn line(&mut self, index: usize) -> Pieces {
        for (place, line) in self.lines.by_ref() {
            let pieces = self.highlighter.line(line.trim_end_matches('\r'));
            if place == index {
                return pieces;
            }
        }
        Vec::new()
    }
}

fn spans<'a>(
    parts: impl Iterator<Item = (bool, std::borrow::Cow<'a, str>)>,
    missing_newline: bool,
    pieces: &Pieces,
) -> Vec<Span> {
    let mut words: Vec<(String, bool)> = Vec::new();
    for (changed, text) in parts {
        let text = text.trim_end_matches(['\n', '\r']);
        match words.last_mut() {
            _ if text.is_empty() => {}
            Some((last, mark)) if *mark == changed => last.push_str(text),
            _ => words.push((text.to_owned(), changed)),
        }
    }
    // A line that is new or gone as a whole has nothing to point at.
    if let [(_, mark)] = words.as_mut_slice() {
        *mark = false;
    }
    let mut spans = Vec::new();
    let mut start = 0;
    for (text, changed) in words {
        cut(&text, start, changed, pieces, &mut spans);
        start += text.len();
    }
    if missing_newline {
        spans.push(Span { text: " ⏎ no newline at the end".to_owned(), ..Span::default() });
    }
    spans
}

/// The lines of a file with their syntax.
pub fn coloured(path: &str, text: &str) -> Vec<Vec<Span>> {
    let mut highlighter = Highlighter::new(path);
    let mut line = |line: &str| {
        let mut spans = Vec::new();
        cut(line, 0, false, &highlighter.line(line), &mut spans);
        spans
    };
    text.lines().map(&mut line).collect()
}

/// Cuts words that begin at byte `start` of their line where the syntax changes.
fn cut(text: &str, start: usize, changed: bool, pieces: &Pieces, spans: &mut Vec<Span>) {
    let mut at = 0;
    let mut push = |range: Range<usize>, syntax| {
        if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
            spans.push(Span { text: text.to_owned(), changed, syntax });
        }
    };
    for (range, syntax) in pieces {
        let from = range.start.saturating_sub(start).clamp(at, text.len());
        let to = range.end.saturating_sub(start).clamp(from, text.len());
        push(at..from, Syntax::Plain);
        push(from..to, *syntax);
        at = to;
    }
    push(at..text.len(), Syntax::Plain);
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
            let words: String = line
                .spans
                .iter()
                .map(|span| if span.changed { format!("[{}]", span.text) } else { span.text.clone() })
                .collect();
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
    fn syntax_and_changed_words_cut_each_other() {
        let diff = Diff::of("a.py", b"x = 'one two'\n", b"x = 'one three'  # new\n");
        let added = &diff.hunks[0].lines[1];
        let of = |syntax: Syntax| -> String {
            added.spans.iter().filter(|span| span.syntax == syntax).map(|span| span.text.as_str()).collect()
        };
        assert_eq!(of(Syntax::String), "'one three'");
        assert_eq!(of(Syntax::Comment), "# new");
        assert!(added.spans.iter().any(|span| span.changed && span.syntax == Syntax::String));
        assert_eq!(added.spans.iter().map(|span| span.text.as_str()).collect::<String>(), "x = 'one three'  # new");
    }

    #[test]
    fn equal_lines_are_there_to_be_unfolded() {
        let old: String = (0..40).map(|line| format!("line {line}\n")).collect();
        let new = format!("first\n{}", old.replace("line 20\n", "changed\n"));
        let diff = Diff::of("f", old.as_bytes(), new.as_bytes());
        let of = |lines: &[DiffLine]| {
            let ends = [lines.first(), lines.last()].map(|line| line.map(|line| (line.old_number, line.new_number)));
            (lines.len(), ends)
        };
        assert_eq!(diff.between.len(), 3);
        assert_eq!(of(&diff.between[0]), (0, [None, None]));
        assert_eq!(of(&diff.between[1]), (14, [Some((Some(4), Some(5))), Some((Some(17), Some(18)))]));
        assert_eq!(of(&diff.between[2]), (16, [Some((Some(25), Some(26))), Some((Some(40), Some(41)))]));
        assert_eq!(diff.between[1][0].spans[0].text, "line 3");
        let long = "x\n".repeat(CARRIED_LINES);
        let diff = Diff::of("f", long.as_bytes(), format!("{long}y\n").as_bytes());
        assert!(diff.between.iter().all(Vec::is_empty));
    }

    #[test]
    fn two_columns_set_old_beside_new() {
        let diff = Diff::of("f", b"a\nb\nc\nz\n", b"a\nB\nz\nnew\n");
        let text = |line: Option<&DiffLine>| line.map_or(String::new(), |line| line.spans[0].text.clone());
        let pairs = diff.hunks[0].pairs();
        let pairs: Vec<_> = pairs.into_iter().map(|(left, right)| format!("{}|{}", text(left), text(right))).collect();
        assert_eq!(pairs, ["a|a", "b|B", "c|", "z|z", "|new"]);
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
