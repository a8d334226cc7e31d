//! Confusion matrices as programs write them. Pure.

use std::collections::BTreeMap;

/// Classes of a matrix at most.
const CLASSES_MAX: usize = 2000;

/// Names of the rows (true), names of the columns (predicted), row after row.
pub type Matrix = (Vec<String>, Vec<String>, Vec<f64>);

/// Reads a table of numbers, with a line and a column of names or without, or a list of pairs
/// (true, predicted) under a heading, which are counted. `None` when it is something else.
pub fn parse(text: &str) -> Option<Matrix> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
    let rows: Vec<Vec<String>> = lines.by_ref().map(fields).collect();
    let width = rows.first()?.len();
    if rows.iter().any(|row| row.len() != width) {
        return None;
    }
    let numbers = |row: &[String]| row.iter().map(|field| field.parse().ok()).collect::<Option<Vec<f64>>>();
    if let Some(plain) = rows.iter().map(|row| numbers(row)).collect::<Option<Vec<_>>>()
        && rows.len() == width
    {
        let names: Vec<String> = (0..width).map(|place| place.to_string()).collect();
        return Some((names.clone(), names, plain.concat()));
    }
    let (head, body) = rows.split_first()?;
    let named = body.iter().map(|row| Some((row.first()?.clone(), numbers(&row[1..])?))).collect::<Option<Vec<_>>>();
    if let Some(named) = named
        && width > 2
        && !named.is_empty()
    {
        let (names, values): (Vec<String>, Vec<Vec<f64>>) = named.into_iter().unzip();
        return Some((names, head[1..].to_vec(), values.concat()));
    }
    if width != 2 {
        return None;
    }
    let mut counts: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for row in body {
        *counts.entry((&row[0], &row[1])).or_default() += 1.0;
    }
    let mut names: Vec<&str> = counts.keys().flat_map(|(left, right)| [*left, *right]).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() > CLASSES_MAX {
        return None;
    }
    let cells =
        names.iter().flat_map(|row| names.iter().map(|column| counts.get(&(*row, *column)).copied().unwrap_or(0.0)));
    let values = cells.collect();
    let names: Vec<String> = names.into_iter().map(String::from).collect();
    Some((names.clone(), names, values))
}

/// The fields of a line; quotes keep commas, two quotes in them are one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        let field = fields.last_mut().expect("because there is always one");
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' | ';' | '\t' if !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, rows: &[&str], columns: &[&str], values: &[f64]) {
        let (found_rows, found_columns, found) = parse(text).unwrap();
        assert_eq!(
            (found_rows.as_slice(), found_columns.as_slice()),
            (
                &rows.iter().map(ToString::to_string).collect::<Vec<_>>()[..],
                &columns.iter().map(ToString::to_string).collect::<Vec<_>>()[..]
            )
        );
        assert_eq!(found, values);
    }

    #[test]
    fn every_form() {
        check("1,2\n3,4\n", &["0", "1"], &["0", "1"], &[1.0, 2.0, 3.0, 4.0]);
        check(",cat,\"a, b\"\ncat,5,1\n\"a, b\",0,7", &["cat", "a, b"], &["cat", "a, b"], &[5.0, 1.0, 0.0, 7.0]);
        check("true,predicted\ncat,cat\ncat,dog\ndog,dog\n", &["cat", "dog"], &["cat", "dog"], &[1.0, 1.0, 0.0, 1.0]);
        assert_eq!([parse(""), parse("a,b,c\n1,2"), parse("one word")].map(|found| found.is_none()), [true; 3]);
    }
}
