//! How data files differ: rows, columns, and how far their values have moved.

use lab_engine::table::{self, ColumnSummary, Dataset, TableError};
use lab_engine::{Reader, Result};
use lab_model::diff::PathDiff;
use lab_model::{Content, Entry, Role};
use serde::Serialize;

use crate::{Cell, Column, Line, Table, Tone, changes, format};

/// Of so many files the values are read.
const MOST_FILES: usize = 10;
/// A larger share of moved values is worth a look.
const LARGE_SHIFT: f64 = 0.1;

/// How one data file differs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DataDiff {
    /// The file's path.
    pub path: String,
    /// Rows and columns.
    pub headline: Line,
    /// The columns that differ.
    pub columns: Table,
}

/// The differences of the data files whose contents the notebook holds.
///
/// # Errors
/// Those of the reader.
pub(super) fn diffs(reader: &Reader, files: &[PathDiff]) -> Result<Vec<DataDiff>> {
    let data = files.iter().filter(|found| changes::role(found) == Role::Data);
    let mut diffs = Vec::new();
    for found in data.take(MOST_FILES) {
        let (Some(left), Some(right)) = (&found.left, &found.right) else { continue };
        let path = found.path.to_string();
        match (read(reader, &path, left)?, read(reader, &path, right)?) {
            (Ok(left), Ok(right)) => diffs.push(diff(path, &left, &right)),
            (Err(TableError::UnknownFormat), _) | (_, Err(TableError::UnknownFormat)) => {}
            (Err(error), _) | (_, Err(error)) => {
                let words = format!("{path}: {}", lab_model::display_bytes(error.to_string().as_bytes()));
                diffs.push(DataDiff { path, headline: Line::of(words, Tone::Muted), columns: Table::default() });
            }
        }
    }
    Ok(diffs)
}

fn read(reader: &Reader, path: &str, entry: &Entry) -> Result<std::result::Result<Dataset, TableError>> {
    // What is only hashed cannot be read, and what is large is not.
    if !matches!(entry.content, Content::Copied(_)) {
        return Ok(Err(TableError::UnknownFormat));
    }
    if entry.size > table::LIMIT_BYTES as u64 {
        return Ok(Err(TableError::TooLarge));
    }
    Ok(table::read(path, &reader.content(entry)?))
}

fn diff(path: String, left: &Dataset, right: &Dataset) -> DataDiff {
    let found = table::compare(left, right);
    let mut headline = Line::of(path.clone(), Tone::Accent);
    let change = |before: u64, after: u64, noun: &str| {
        if before == after {
            format::count(after, noun)
        } else {
            format!("{} → {}", format::grouped(before), format::count(after, noun))
        }
    };
    headline.push(format!("  {}", change(left.rows, right.rows, "row")), Tone::Plain);
    if let (Some(added), Some(removed)) = (found.rows_added, found.rows_removed) {
        headline.push(format!(", {} added", format::grouped(added)), Tone::Added);
        headline.push(format!(", {} removed", format::grouped(removed)), Tone::Removed);
    }
    let counts = [left.columns.len() as u64, right.columns.len() as u64];
    headline.push(format!("; {}, {} equal", change(counts[0], counts[1], "column"), found.equal_columns), Tone::Plain);
    let mut columns = Table::new(vec![
        Column::left("column", "Column", 0).shrinking(),
        Column::left("shift", "Shift", 0),
        Column::right("left", "Left", 1),
        Column::right("right", "Right", 1),
        Column::right("left_quartiles", "Quartiles left", 3),
        Column::right("right_quartiles", "Quartiles right", 3),
        Column::right("missing", "Missing", 2),
    ]);
    for column in found.columns {
        let quartiles = |side: &Option<ColumnSummary>| {
            side.as_ref().and_then(|side| side.numbers).map_or_else(Cell::none, |(.., quantiles)| {
                let words = quantiles[1..4].iter().map(|value| format::number(*value, 3)).collect::<Vec<_>>();
                Cell::plain(words.join(" ")).with(quantiles.to_vec())
            })
        };
        let missing = |side: &Option<ColumnSummary>| side.as_ref().map_or(0, |side| side.missing);
        let (before, after) = (missing(&column.left), missing(&column.right));
        columns.push(
            column.name.clone(),
            vec![
                Cell::new(lab_model::display_bytes(column.name.as_bytes()), Tone::Accent).with(column.name.clone()),
                shift(column.shift, column.left.is_some(), column.right.is_some()),
                summary(column.left.as_ref()),
                summary(column.right.as_ref()),
                quartiles(&column.left),
                quartiles(&column.right),
                if before == after {
                    Cell::plain(if after == 0 { String::new() } else { after.to_string() }).with(after)
                } else {
                    Cell::new(format!("{before} → {after}"), Tone::Changed).with(after)
                },
            ],
        );
    }
    DataDiff { path, headline, columns }
}

fn shift(shift: Option<f64>, left: bool, right: bool) -> Cell {
    match (shift, left, right) {
        (Some(shift), ..) => {
            let tone = if shift >= LARGE_SHIFT { Tone::Changed } else { Tone::Muted };
            Cell::new(format!("{} %", format::number(shift * 100.0, 2)), tone).with(shift)
        }
        (_, false, _) => Cell::new("added", Tone::Added),
        (_, _, false) => Cell::new("removed", Tone::Removed),
        _ => Cell::new("other kind", Tone::Changed),
    }
}

/// Mean and spread of numbers, the number of words of text.
fn summary(side: Option<&ColumnSummary>) -> Cell {
    let Some(side) = side else { return Cell::none() };
    match side.numbers {
        Some((mean, deviation, _)) if deviation.is_finite() => {
            Cell::plain(format!("{} ± {}", format::number(mean, 4), format::number(deviation, 3))).with(mean)
        }
        Some((mean, ..)) => Cell::plain(format::number(mean, 4)).with(mean),
        None => Cell::plain(format::count(side.different_words as u64, "word")).with(side.different_words),
    }
}
