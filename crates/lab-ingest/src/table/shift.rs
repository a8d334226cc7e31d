//! How two versions of a table differ: rows, columns, and how far the values of a column have moved.

use std::collections::BTreeSet;

use lab_model::statistics::{Group, kolmogorov_smirnov, quantile};

use super::{DataColumn, Dataset};

/// What differs between two tables.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    /// Rows that only the right one has; `None` where the format has no rows that could be told apart.
    pub rows_added: Option<u64>,
    /// Rows that only the left one has.
    pub rows_removed: Option<u64>,
    /// Columns that are not the same, those of the left one first.
    pub columns: Vec<ColumnDiff>,
    /// Columns that are the same.
    pub equal_columns: usize,
}

/// One column that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnDiff {
    /// Its name.
    pub name: String,
    /// On the left.
    pub left: Option<ColumnSummary>,
    /// On the right.
    pub right: Option<ColumnSummary>,
    /// How far the distributions lie apart, 0 to 1: the Kolmogorov-Smirnov statistic of numbers, the share of values
    /// that would have to change (total variation) of words. `None` where the two cannot be set against each other.
    pub shift: Option<f64>,
}

/// What the values of a column look like.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnSummary {
    /// Values without those that are missing.
    pub count: u64,
    /// Places without a value.
    pub missing: u64,
    /// Mean, sample standard deviation and the quantiles 0, 0.25, 0.5, 0.75, 1 of numbers.
    pub numbers: Option<(f64, f64, [f64; 5])>,
    /// How many different words there are.
    pub different_words: usize,
}

impl ColumnSummary {
    fn of(column: &DataColumn) -> Self {
        let group = Group::of(&column.numbers);
        let quantiles = [0.0, 0.25, 0.5, 0.75, 1.0].map(|p| quantile(&column.numbers, p));
        Self {
            count: column.numbers.len() as u64 + column.words.values().sum::<u64>(),
            missing: column.missing,
            numbers: column.is_numeric().then_some((group.mean, group.deviation, quantiles)),
            different_words: column.words.len(),
        }
    }
}

/// What differs between two tables; columns are matched by name.
pub fn compare(left: &Dataset, right: &Dataset) -> Difference {
    let find = |dataset: &'_ Dataset, name: &str| dataset.columns.iter().position(|column| column.name == name);
    let mut seen = BTreeSet::new();
    let (mut columns, mut equal_columns) = (Vec::new(), 0);
    for column in left.columns.iter().chain(&right.columns) {
        if !seen.insert(column.name.as_str()) {
            continue;
        }
        let before = find(left, &column.name).map(|place| &left.columns[place]);
        let after = find(right, &column.name).map(|place| &right.columns[place]);
        if before == after {
            equal_columns += 1;
            continue;
        }
        columns.push(ColumnDiff {
            name: column.name.clone(),
            left: before.map(ColumnSummary::of),
            right: after.map(ColumnSummary::of),
            shift: before.zip(after).and_then(|(before, after)| shift(before, after)),
        });
    }
    let rows = (left.row_hashes.len() as u64 == left.rows && right.row_hashes.len() as u64 == right.rows)
        .then(|| only_in(&left.row_hashes, &right.row_hashes));
    Difference {
        rows_removed: rows.map(|(removed, _)| removed),
        rows_added: rows.map(|(_, added)| added),
        columns,
        equal_columns,
    }
}

fn shift(left: &DataColumn, right: &DataColumn) -> Option<f64> {
    if left.is_numeric() && right.is_numeric() {
        return Some(kolmogorov_smirnov(&left.numbers, &right.numbers));
    }
    let total = |column: &DataColumn| column.words.values().sum::<u64>() as f64;
    let (before, after) = (total(left), total(right));
    if before == 0.0 || after == 0.0 || !left.numbers.is_empty() || !right.numbers.is_empty() {
        return None;
    }
    let words: BTreeSet<&String> = left.words.keys().chain(right.words.keys()).collect();
    let share =
        |column: &DataColumn, word: &str, total: f64| column.words.get(word).map_or(0.0, |count| *count as f64 / total);
    let apart = |word: &&String| (share(left, word, before) - share(right, word, after)).abs();
    Some(words.iter().map(apart).sum::<f64>() / 2.0)
}

/// How many elements of sorted lists stand only in the first, and only in the second.
fn only_in(left: &[u64], right: &[u64]) -> (u64, u64) {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < left.len() && j < right.len() {
        match left[i].cmp(&right[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, shared) = (i + 1, j + 1, shared + 1),
        }
    }
    (left.len() as u64 - shared, right.len() as u64 - shared)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn rows_columns_and_values() {
        let left = read("a.csv", b"x,y,label,old\n1,2,a,1\n2,3,b,1\n3,4,a,1\n").unwrap();
        let right = read("a.csv", b"x,y,label,new\n1,2,a,1\n2,30,b,1\n3,,c,1\n4,9,c,1\n").unwrap();
        let found = compare(&left, &right);
        assert_eq!((found.rows_added, found.rows_removed, found.equal_columns), (Some(3), Some(2), 0));
        let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["x", "y", "label", "old", "new"]);
        let y = &found.columns[1];
        assert_eq!(y.right.as_ref().unwrap().missing, 1);
        assert_eq!(y.left.as_ref().unwrap().numbers.unwrap().2, [2.0, 2.5, 3.0, 3.5, 4.0]);
        assert!((y.shift.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        // a from 2/3 to 1/4, b from 1/3 to 1/4, c from nothing to 1/2.
        assert!((found.columns[2].shift.unwrap() - 0.5).abs() < 1e-12);
        assert!(found.columns[3].right.is_none() && found.columns[4].left.is_none());
    }

    #[test]
    fn equal_tables_do_not_differ() {
        let table = read("a.csv", b"x\n1\n").unwrap();
        let found = compare(&table, &table);
        assert_eq!((found.rows_added, found.columns.len(), found.equal_columns), (Some(0), 0, 1));
    }
}
