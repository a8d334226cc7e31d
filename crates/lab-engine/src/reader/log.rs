//! Parts of long logs: only the records that hold the wanted lines are read and parsed.

use std::collections::HashMap;
use std::path::PathBuf;

use lab_model::Hash;
use lab_store::RunRow;

use super::Reader;
use crate::Result;
use crate::live::LogLine;

/// Lines of a part of a log that no longer changes.
pub(super) type Counts = HashMap<Part, usize>;

/// Lines of a log that stand together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogWindow {
    /// The place of the first of them in the log, from 0.
    pub first: usize,
    /// Lines of the whole log.
    pub total: usize,
    /// The lines.
    pub lines: Vec<LogLine>,
}

/// About a megabyte of a log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Record(Hash),
    /// A part of a run that goes on; the last one still grows.
    Segment(PathBuf, u64),
}

impl Reader {
    /// At most `most` lines of a run's log from line `first` on (from 0), or its last ones; also of a run that goes on.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Damaged`] when a record is missing.
    pub fn log_window(&self, row: &RunRow, first: Option<usize>, most: usize) -> Result<LogWindow> {
        let parts = self.log_parts(row);
        let counts = parts.iter().map(|part| self.lines_of(row, part)).collect::<Result<Vec<_>>>()?;
        let total: usize = counts.iter().sum();
        let first = first.unwrap_or(total.saturating_sub(most)).min(total);
        let last = first.saturating_add(most).min(total);
        let mut lines = Vec::with_capacity(last - first);
        let mut start = 0;
        for (part, count) in parts.iter().zip(counts) {
            let end = start + count;
            if start < last && end > first {
                let bytes = self.part_bytes(row, part)?;
                let wanted = first.max(start) - start..last.min(end) - start;
                lines.extend(whole_lines(&bytes).take(wanted.end).skip(wanted.start).map(parse));
            }
            start = end;
        }
        Ok(LogWindow { first, total, lines })
    }

    /// The places of the lines that hold `words`, in either case; the first `most`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Damaged`] when a record is missing.
    pub fn log_find(&self, row: &RunRow, words: &str, most: usize) -> Result<Vec<usize>> {
        let words = words.to_lowercase();
        let mut found = Vec::new();
        let mut start = 0;
        for part in self.log_parts(row) {
            let bytes = self.part_bytes(row, &part)?;
            for (place, line) in whole_lines(&bytes).enumerate() {
                if parse(line).text.to_lowercase().contains(&words) {
                    found.push(start + place);
                    if found.len() >= most {
                        return Ok(found);
                    }
                }
            }
            start += self.lines_of(row, &part)?;
        }
        Ok(found)
    }

    fn log_parts(&self, row: &RunRow) -> Vec<Part> {
        match &row.end {
            Some(end) => end.log.records.iter().copied().map(Part::Record).collect(),
            None => {
                let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
                let segments = self.live(row).segments().into_iter();
                segments.map(|path| (size(&path), path)).map(|(size, path)| Part::Segment(path, size)).collect()
            }
        }
    }

    fn part_bytes(&self, _: &RunRow, part: &Part) -> Result<Vec<u8>> {
        match part {
            Part::Record(id) => Ok(self.store.read(id, self.key())?),
            Part::Segment(path, _) => {
                // It goes when the log grows past its limit, or when the run ends just now.
                Ok(std::fs::read(path).unwrap_or_default())
            }
        }
    }

    fn lines_of(&self, row: &RunRow, part: &Part) -> Result<usize> {
        if let Some(count) = self.log_lines.borrow().get(part) {
            return Ok(*count);
        }
        let count = whole_lines(&self.part_bytes(row, part)?).count();
        let mut counts = self.log_lines.borrow_mut();
        if counts.len() > MOST_COUNTS {
            counts.clear();
        }
        counts.insert(part.clone(), count);
        Ok(count)
    }
}

/// Counts that are remembered: those of logs of some gigabytes.
const MOST_COUNTS: usize = 10_000;

/// The lines that have an end; what a running command has begun to write has none yet.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    bytes[..end].split(|byte| *byte == b'\n').filter(move |line| end > 0 && !line.is_empty())
}

fn parse(line: &[u8]) -> LogLine {
    serde_json::from_slice(line).unwrap_or_else(|_| LogLine {
        millis: 0,
        stream: "gap".to_owned(),
        text: "… a line of the log that cannot be read".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_with_an_end_count() {
        let lines = |text: &str| whole_lines(text.as_bytes()).count();
        assert_eq!([lines(""), lines("a"), lines("a\n"), lines("a\nb"), lines("a\n\nb\n")], [0, 0, 1, 1, 2]);
        assert_eq!(parse(br#"{"t":5,"s":"err","x":"no"}"#).stream, "err");
        assert_eq!(parse(b"torn").stream, "gap");
    }
}
