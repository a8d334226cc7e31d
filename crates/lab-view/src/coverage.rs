//! What a snapshot kept, as one sentence and as a list.

use lab_model::{Coverage, OmissionReason, Snapshot};
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::{Cell, Column, Line, Table, Tone, format};

/// What a snapshot kept and what not.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CoveragePage {
    /// All of it in one sentence.
    pub headline: Line,
    /// Everything that is not wholly in the notebook.
    pub omissions: Table,
}

impl CoveragePage {
    /// The page of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self { headline: sentence(&snapshot.coverage), omissions: omissions(&snapshot.coverage) }
    }
}

impl Blocks for CoveragePage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("Not wholly kept", Block::Table(&self.omissions))
            .finish()
    }
}

/// One sentence such as `41 files, 212 kB kept · 2 files, 9.00 GB only hashed (data/) · 1 file sealed · left out: .venv`.
pub fn sentence(coverage: &Coverage) -> Line {
    let mut line = Line::default();
    let kept = coverage.copied_files + coverage.sealed_files;
    let size = format::bytes(coverage.copied_bytes);
    line.push(format!("{}, {size} kept", format::count(kept, "file")), Tone::Plain);
    let some = |wanted: fn(&OmissionReason) -> bool| names(coverage, wanted);
    let listed = |names: &[String]| {
        if names.is_empty() { String::new() } else { format!(" ({})", format::some_of(names, 3)) }
    };
    if coverage.hashed_files > 0 {
        let (files, size) = (format::count(coverage.hashed_files, "file"), format::bytes(coverage.hashed_bytes));
        let names = some(|reason| {
            use OmissionReason::{FileLimit, HashOnly, TotalLimit};
            matches!(reason, FileLimit { .. } | TotalLimit { .. } | HashOnly)
        });
        line.push(format!(" · {files}, {size} only hashed{}", listed(&names)), Tone::Warn);
    }
    if coverage.sampled_files > 0 {
        let (files, size) = (format::count(coverage.sampled_files, "file"), format::bytes(coverage.sampled_bytes));
        let names = some(|reason| matches!(reason, OmissionReason::Sampled));
        line.push(format!(" · {files}, {size} only sampled{}", listed(&names)), Tone::Warn);
    }
    if coverage.sealed_files > 0 {
        let names = some(|reason| matches!(reason, OmissionReason::Sealed { .. }));
        line.push(
            format!(" · {} sealed{}", format::count(coverage.sealed_files, "file"), listed(&names)),
            Tone::Accent,
        );
    }
    for (words, wanted) in [
        ("unreadable", (|reason| matches!(reason, OmissionReason::Unreadable { .. })) as fn(&OmissionReason) -> bool),
        ("changed while being read", |reason| matches!(reason, OmissionReason::Unsteady)),
    ] {
        let names = some(wanted);
        if !names.is_empty() {
            line.push(format!(" · {words}: {}", format::some_of(&names, 3)), Tone::Bad);
        }
    }
    let left_out = some(|reason| {
        use OmissionReason::{Ignored, Notebook, OtherFilesystem, Skip, Special};
        matches!(reason, Ignored { .. } | Skip | Special { .. } | OtherFilesystem | Notebook)
    });
    if !left_out.is_empty() {
        line.push(format!(" · left out: {}", format::some_of(&left_out, 4)), Tone::Muted);
    }
    if coverage.more_omissions > 0 {
        line.push(format!(" · {} more not listed", format::grouped(coverage.more_omissions)), Tone::Muted);
    }
    line
}

/// The sentence in a few words, for the line after a run: what is kept, and how much is not.
pub fn short(coverage: &Coverage) -> Line {
    let kept = format::count(coverage.copied_files + coverage.sealed_files, "file");
    let mut line = Line::of(format!("{kept}, {} kept", format::bytes(coverage.copied_bytes)), Tone::Plain);
    let hashed = coverage.hashed_files + coverage.sampled_files;
    for (number, word, tone) in [(hashed, "only hashed", Tone::Warn), (coverage.sealed_files, "sealed", Tone::Accent)] {
        if number > 0 {
            line.push(format!(", {} {word}", format::grouped(number)), tone);
        }
    }
    line
}

fn names(coverage: &Coverage, wanted: fn(&OmissionReason) -> bool) -> Vec<String> {
    let matching = coverage.omissions.iter().filter(|omission| wanted(&omission.reason));
    matching.map(|omission| omission.path.to_string()).collect()
}

/// The list behind the sentence.
pub fn omissions(coverage: &Coverage) -> Table {
    let mut table = Table::new(vec![
        Column::left("path", "Path", 0).shrinking(),
        Column::left("reason", "Why", 0).shrinking(),
        Column::right("size_bytes", "Size", 1),
    ]);
    for omission in &coverage.omissions {
        let size = omission.size_bytes.map_or_else(Cell::none, |size| Cell::plain(format::bytes(size)).with(size));
        let path = omission.path.to_string();
        table.push(path.clone(), vec![Cell::plain(path), reason(&omission.reason), size]);
    }
    table.total = Some(coverage.omissions.len() as u64 + coverage.more_omissions);
    table
}

/// Why something is not wholly in the notebook, in words.
pub fn reason(reason: &OmissionReason) -> Cell {
    let limit = |limit: &u64| format::bytes(*limit);
    let (text, tone) = match reason {
        OmissionReason::Ignored { rule } => (format!("ignored by {rule}"), Tone::Muted),
        OmissionReason::FileLimit { limit_bytes } => {
            (format!("only hashed: larger than {}", limit(limit_bytes)), Tone::Warn)
        }
        OmissionReason::TotalLimit { limit_bytes } => {
            (format!("only hashed: the snapshot's {} are used up", limit(limit_bytes)), Tone::Warn)
        }
        OmissionReason::HashOnly => ("only hashed, as lab.toml says".to_owned(), Tone::Warn),
        OmissionReason::Skip => ("left out, as lab.toml says".to_owned(), Tone::Muted),
        OmissionReason::Sampled => ("only size and samples: too much to read before the start".to_owned(), Tone::Warn),
        OmissionReason::Sealed { rule } => (format!("sealed: may hold a secret ({rule})"), Tone::Accent),
        OmissionReason::Unreadable { error } => (format!("could not be read: {error}"), Tone::Bad),
        OmissionReason::Unsteady => ("changed while it was being read".to_owned(), Tone::Bad),
        OmissionReason::Special { kind } => (format!("{kind:?}, never opened").to_lowercase(), Tone::Muted),
        OmissionReason::OtherFilesystem => ("on another file system".to_owned(), Tone::Muted),
        OmissionReason::Notebook => ("another notebook".to_owned(), Tone::Muted),
        OmissionReason::Pointer { tool, oid } => (format!("{tool} pointer to {oid}"), Tone::Plain),
        OmissionReason::NestedRepository { commit } => {
            let commit = commit.as_deref().map(|commit| format!(" at {}", commit.get(..10).unwrap_or(commit)));
            (format!("nested repository{}", commit.unwrap_or_default()), Tone::Muted)
        }
    };
    Cell::new(lab_model::display_bytes(text.as_bytes()), tone)
}

#[cfg(test)]
mod tests {
    use lab_model::RelPath;

    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    #[test]
    fn the_sentence_names_everything_that_is_not_kept() {
        let mut coverage = Coverage {
            copied_files: 39,
            copied_bytes: 212_000,
            sealed_files: 2,
            hashed_files: 3,
            hashed_bytes: 9_000_000_000,
            ..Coverage::default()
        };
        coverage.omit(path("data/big.bin"), OmissionReason::FileLimit { limit_bytes: 64 }, Some(9));
        coverage.omit(path(".env"), OmissionReason::Sealed { rule: "an API key".into() }, None);
        coverage.omit(path(".venv"), OmissionReason::Ignored { rule: "default: .venv".into() }, None);
        coverage.omit(path("x"), OmissionReason::Unreadable { error: "denied".into() }, None);
        assert_eq!(
            sentence(&coverage).text(),
            "41 files, 212 kB kept · 3 files, 9.00 GB only hashed (data/big.bin) · 2 files sealed (.env) \
             · unreadable: x · left out: .venv"
        );
        let table = omissions(&coverage);
        assert_eq!(table.rows.len(), 4);
        assert_eq!(table.rows[0].cells[1].text, "only hashed: larger than 64 B");
    }

    #[test]
    fn everything_kept_is_short() {
        let coverage = Coverage { copied_files: 1, copied_bytes: 10, ..Coverage::default() };
        assert_eq!(sentence(&coverage).text(), "1 file, 10 B kept");
    }
}
