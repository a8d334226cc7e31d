//! Tables as text (RFC 4180): commas, tabs or semicolons between the cells.

use super::{Builder, Cell, Dataset, TableError};

/// Lines with more cells are no rows of a table.
const DELIMITERS: [u8; 3] = [b',', b'\t', b';'];

pub(super) fn read(bytes: &[u8]) -> Result<Dataset, TableError> {
    let malformed = |what: &str| TableError::Malformed { format: "CSV", what: what.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("not UTF-8 text"))?;
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    // Of equals the first one: a comma.
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',');
    let mut records = Records { rest: text, delimiter };
    let Some(head) = records.next() else { return Ok(Dataset::default()) };
    // Names are words; a number in the first row means that there are no names.
    let named = head.iter().all(|cell| matches!(Cell::parse(cell), Cell::Word(_)));
    let names: Vec<String> = head
        .iter()
        .enumerate()
        .map(|(place, cell)| if named { cell.trim().to_owned() } else { format!("column {}", place + 1) })
        .collect();
    let mut builder = Builder::new(names)?;
    for record in (!named).then_some(head).into_iter().chain(records) {
        for cell in &record {
            builder.push(&Cell::parse(cell))?;
        }
        builder.end_row();
    }
    Ok(builder.finish())
}

/// The records of a text, without blank lines.
struct Records<'a> {
    rest: &'a str,
    delimiter: u8,
}

impl Iterator for Records<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        self.rest = self.rest.trim_start_matches(['\n', '\r']);
        if self.rest.is_empty() {
            return None;
        }
        let mut cells = vec![String::new()];
        let mut quoted = false;
        let mut characters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((place, c)) = characters.next() {
            let cell = cells.last_mut().expect("because there is always a cell");
            match c {
                '"' if quoted => {
                    if characters.next_if(|(_, next)| *next == '"').is_some() {
                        cell.push('"');
                    } else {
                        quoted = false;
                    }
                }
                '"' if cell.is_empty() => quoted = true,
                '\n' if !quoted => {
                    end = place + 1;
                    break;
                }
                c if !quoted && c == char::from(self.delimiter) => cells.push(String::new()),
                c => cell.push(c),
            }
        }
        self.rest = &self.rest[end..];
        Some(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_names_and_missing_values() {
        let found = read("\u{feff}x,\"the, name\"\r\n1,\"a \"\"b\"\"\nc\"\r\n\r\n,NA\r\n2.5e1\r\n".as_bytes()).unwrap();
        assert_eq!(found.rows, 3);
        assert_eq!((found.columns[0].name.as_str(), found.columns[1].name.as_str()), ("x", "the, name"));
        assert_eq!(found.columns[0].numbers, [1.0, 25.0]);
        assert_eq!((found.columns[0].missing, found.columns[1].missing), (1, 2));
        assert_eq!(found.columns[1].words["a \"b\"\nc"], 1);
    }

    #[test]
    fn other_marks_and_no_names() {
        let found = read(b"1;2\n3;4\n").unwrap();
        assert_eq!((found.rows, found.columns.len()), (2, 2));
        assert_eq!(found.columns[1].name, "column 2");
        assert_eq!(read(b"a\tb\n1\t2\n").unwrap().columns.len(), 2);
        assert_eq!(read(b"").unwrap(), Dataset::default());
        assert!(read(b"\xff\xfe").is_err());
    }
}
