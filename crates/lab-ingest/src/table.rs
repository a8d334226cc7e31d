//! Data files as tables: rows, columns, what their values look like, and how two versions of a file differ.
//!
//! Start with [`read`], then [`compare`]. CSV and TSV, NumPy's `.npy` and uncompressed `.npz`, Parquet. Everything is
//! bounded: by [`LIMIT_BYTES`], by the number of values and of columns.

mod csv;
mod npy;
mod parquet;
mod shift;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

pub use self::parquet::{Values, Written, write};
pub use shift::{ColumnDiff, ColumnSummary, Difference, compare};

/// Larger files are not read as tables.
pub const LIMIT_BYTES: usize = 32 << 20;
/// Tables with more values are not read.
const MOST_VALUES: usize = 20_000_000;
/// Tables with more columns are not read.
const MOST_COLUMNS: usize = 10_000;
/// So many different words of a column are told apart.
const MOST_WORDS: usize = 10_000;

/// Why a data file was not read as a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The name has no ending that stands for a known format.
    #[error("not a known kind of table")]
    UnknownFormat,
    /// More bytes, values or columns than are read.
    #[error("too large to be read as a table")]
    TooLarge,
    /// Not what its name says, or a part of the format that is not read.
    #[error("not readable as {format}: {what}")]
    Malformed {
        /// The format that its name stands for.
        format: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// A data file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Dataset {
    /// Rows.
    pub rows: u64,
    /// Columns, in the order of the file.
    pub columns: Vec<DataColumn>,
    /// A hash of each row, sorted: two versions share the rows that are equal.
    row_hashes: Vec<u64>,
}

/// One column.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct DataColumn {
    /// Its name.
    pub name: String,
    /// Places without a value: empty, `NA`, `NaN`, `null`.
    pub missing: u64,
    /// The numbers, sorted.
    pub numbers: Vec<f64>,
    /// How often each word stands there; words beyond the first ten thousand different ones are counted as one.
    pub words: BTreeMap<String, u64>,
}

impl DataColumn {
    /// Whether all that stands there are numbers.
    pub fn is_numeric(&self) -> bool {
        self.words.is_empty() && !self.numbers.is_empty()
    }
}

/// Reads a data file; its format is told by the name.
///
/// # Errors
/// [`TableError`], which also says that the file is no table.
pub fn read(name: &str, bytes: &[u8]) -> Result<Dataset, TableError> {
    let extension = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let read = match extension.as_str() {
        "csv" | "tsv" => csv::read,
        "npy" => npy::read,
        "npz" => npy::read_archive,
        "parquet" | "pq" => parquet::read,
        _ => return Err(TableError::UnknownFormat),
    };
    if bytes.len() > LIMIT_BYTES {
        return Err(TableError::TooLarge);
    }
    read(bytes)
}

/// One value.
enum Cell<'a> {
    Missing,
    Number(f64),
    Word(&'a str),
}

impl Cell<'_> {
    /// What a text file's cell means.
    fn parse(text: &str) -> Cell<'_> {
        let text = text.trim();
        match text {
            "" | "NA" | "N/A" | "NaN" | "nan" | "null" | "NULL" | "None" => Cell::Missing,
            _ => text.parse().map_or(Cell::Word(text), Cell::Number),
        }
    }
}

/// Puts a table together, row by row.
struct Builder {
    dataset: Dataset,
    place: usize,
    values: usize,
    hasher: DefaultHasher,
}

impl Builder {
    fn new(names: impl IntoIterator<Item = String>) -> Result<Self, TableError> {
        let columns: Vec<DataColumn> =
            names.into_iter().take(MOST_COLUMNS + 1).map(|name| DataColumn { name, ..DataColumn::default() }).collect();
        if columns.len() > MOST_COLUMNS {
            return Err(TableError::TooLarge);
        }
        let dataset = Dataset { columns, ..Dataset::default() };
        Ok(Self { dataset, place: 0, values: 0, hasher: DefaultHasher::new() })
    }

    /// The next value of the row; what stands beyond the last column only tells rows apart.
    fn push(&mut self, cell: &Cell<'_>) -> Result<(), TableError> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(TableError::TooLarge);
        }
        match cell {
            Cell::Missing => 0_u8.hash(&mut self.hasher),
            Cell::Number(number) => (1_u8, number.to_bits()).hash(&mut self.hasher),
            Cell::Word(word) => (2_u8, word).hash(&mut self.hasher),
        }
        if let Some(column) = self.dataset.columns.get_mut(self.place) {
            match cell {
                Cell::Number(number) if !number.is_nan() => column.numbers.push(*number),
                Cell::Number(_) | Cell::Missing => column.missing += 1,
                Cell::Word(word) => {
                    let known = column.words.len() < MOST_WORDS || column.words.contains_key(*word);
                    *column.words.entry(if known { (*word).to_owned() } else { "…".to_owned() }).or_default() += 1;
                }
            }
        }
        self.place += 1;
        Ok(())
    }

    fn end_row(&mut self) {
        for column in self.dataset.columns.iter_mut().skip(self.place) {
            column.missing += 1;
        }
        self.place = 0;
        self.dataset.rows += 1;
        self.dataset.row_hashes.push(std::mem::take(&mut self.hasher).finish());
    }

    fn finish(mut self) -> Dataset {
        self.dataset.row_hashes.sort_unstable();
        for column in &mut self.dataset.columns {
            column.numbers.sort_unstable_by(f64::total_cmp);
        }
        self.dataset
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unknown_and_large_files_are_refused() {
        assert!(matches!(read("a.bin", b""), Err(TableError::UnknownFormat)));
        assert!(matches!(read("a.csv", &vec![b'1'; LIMIT_BYTES + 1]), Err(TableError::TooLarge)));
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600), text in ".{0,200}") {
            for name in ["a.csv", "a.tsv", "a.npy", "a.npz", "a.parquet"] {
                let _ = read(name, &bytes);
                let _ = read(name, text.as_bytes());
            }
            for magic in [&b"\x93NUMPY\x01\x00"[..], b"PK\x03\x04", b"PAR1"] {
                let begun = [magic, &bytes, b"PAR1"].concat();
                for name in ["a.npy", "a.npz", "a.parquet"] {
                    let _ = read(name, &begun);
                }
            }
        }
    }
}
