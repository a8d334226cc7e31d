//! Tables with a header, one row a step: Lightning's and Keras' CSV, DVCLive's TSV, and the like.

use super::{At, Reader, Sink, clip};
use crate::metrics::{STEP_NAMES, TIME_NAMES, non_finite, plausible_millis, whole};

/// The most columns of a table that is taken for a log.
const MAX_COLUMNS: usize = 2000;
/// A longer line is no row of a log.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Whether the first line of a table says that it logs a run: it has a column for the step. One that a
/// person named need not.
pub(super) fn is_log_header(line: &str, is_named: bool) -> bool {
    let separator = separator_of(line);
    let names: Vec<&str> = cells(line, separator).collect();
    let is_name = |name: &&str| !name.is_empty() && name.len() <= 256 && name.parse::<f64>().is_err();
    let is_table = (2..=MAX_COLUMNS).contains(&names.len()) && names.iter().all(is_name);
    is_table && (is_named || step_column(&names).is_some() || names.contains(&"epoch"))
}

/// A table being read.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// The name of the metric, where the file's path says it.
    only: Option<String>,
    header: Option<Header>,
    partial: Vec<u8>,
    has_complained: bool,
}

#[derive(Clone, Debug)]
struct Header {
    line: String,
    separator: char,
    names: Vec<String>,
    step: Option<usize>,
    time: Option<usize>,
}

impl Table {
    pub(super) fn of_one(key: String) -> Self {
        Self { only: Some(key), ..Self::default() }
    }

    fn line(&mut self, line: &[u8], sink: &mut dyn Sink) {
        let Ok(line) = std::str::from_utf8(line) else {
            return self.complain("a line that is no text", sink);
        };
        let line = line.trim_end_matches('\r').trim_start_matches('\u{feff}');
        if line.trim().is_empty() {
            return;
        }
        let Some(header) = &self.header else {
            self.header = Some(Header::new(line));
            return;
        };
        // A second start that appends to the same file writes the header again.
        if line != header.line && header.row(line, self.only.as_deref(), sink).is_none() {
            self.complain("a row with more cells than the header", sink);
        }
    }

    fn complain(&mut self, what: &str, sink: &mut dyn Sink) {
        if !std::mem::replace(&mut self.has_complained, true) {
            sink.trouble(what);
        }
    }
}

impl Reader for Table {
    fn feed(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            if self.partial.is_empty() {
                self.line(line, sink);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, sink);
                whole.clear();
                self.partial = whole;
            }
            rest = after;
        }
        if self.partial.len() + rest.len() <= MAX_LINE_BYTES {
            self.partial.extend_from_slice(rest);
        } else {
            self.complain("a line of more than a megabyte", sink);
        }
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        let last = std::mem::take(&mut self.partial);
        self.line(&last, sink);
    }
}

impl Header {
    fn new(line: &str) -> Self {
        let separator = separator_of(line);
        let names: Vec<&str> = cells(line, separator).take(MAX_COLUMNS).collect();
        let step = step_column(&names).or_else(|| names.iter().position(|name| *name == "epoch"));
        let time = names.iter().position(|name| TIME_NAMES.contains(name));
        let names = names.iter().map(|name| clip(name).to_owned()).collect();
        Self { line: line.to_owned(), separator, names, step, time }
    }

    /// Gives a row's values; `None` when it has too many cells.
    fn row(&self, line: &str, only: Option<&str>, sink: &mut dyn Sink) -> Option<()> {
        let number_at = |column: Option<usize>| number(cells(line, self.separator).nth(column?)?);
        let step = number_at(self.step).and_then(whole);
        let time_millis = number_at(self.time).and_then(plausible_millis);
        let at = At { step, time_millis };
        for (column, cell) in cells(line, self.separator).enumerate() {
            let name = self.names.get(column)?;
            let is_place =
                (Some(column) == self.step && step.is_some()) || (Some(column) == self.time && time_millis.is_some());
            if let Some(value) = number(cell).filter(|_| !is_place && !name.is_empty()) {
                sink.point(only.unwrap_or(name), at, value);
            }
        }
        Some(())
    }
}

fn step_column(names: &[&str]) -> Option<usize> {
    STEP_NAMES.iter().find_map(|step| names.iter().position(|name| name == step))
}

fn separator_of(line: &str) -> char {
    ['\t', ';', ','].into_iter().find(|separator| line.contains(*separator)).unwrap_or(',')
}

/// The cells of a line without the quotes around them; a separator between quotes does not count.
fn cells(line: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let cells = line.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    });
    cells.map(|cell| cell.trim().trim_matches('"'))
}

fn number(cell: &str) -> Option<f64> {
    match cell {
        "True" | "true" => Some(1.0),
        "False" | "false" => Some(0.0),
        // Words such as `infinity` and `nan` in other letters are names.
        _ if cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) => {
            cell.parse().ok().or_else(|| non_finite(cell))
        }
        _ => non_finite(cell),
    }
}
