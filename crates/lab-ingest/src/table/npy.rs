//! NumPy arrays: the `.npy` format, versions 1 to 3 (NumPy Enhancement Proposal 1 and `numpy.lib.format`), and `.npz`
//! archives whose members are not compressed.

use super::{Builder, Cell, DataColumn, Dataset, MOST_COLUMNS, MOST_VALUES, TableError};

/// Arrays with more columns are read as one column of all their values.
const NAMED_COLUMNS: usize = 64;

fn malformed(what: &str) -> TableError {
    TableError::Malformed { format: "NumPy", what: what.to_owned() }
}

pub(super) fn read(bytes: &[u8]) -> Result<Dataset, TableError> {
    let array = Array::parse(bytes)?;
    let names: Vec<String> = match array.width {
        1 => vec!["values".to_owned()],
        width if width <= NAMED_COLUMNS => (0..width).map(|place| format!("[{place}]")).collect(),
        _ => vec!["values".to_owned()],
    };
    let mut builder = Builder::new(names)?;
    for row in 0..array.rows {
        for place in 0..array.width {
            builder.push(&Cell::Number(array.value(row, place)))?;
            if array.width > NAMED_COLUMNS {
                // All values stand in the one column.
                builder.place = 0;
            }
        }
        builder.place = array.width;
        builder.end_row();
    }
    Ok(builder.finish())
}

/// All arrays of an archive, each value of an array in one column that bears the array's name.
pub(super) fn read_archive(bytes: &[u8]) -> Result<Dataset, TableError> {
    let mut dataset = Dataset::default();
    let mut rest = bytes;
    while let Some(entry) = rest.strip_prefix(b"PK\x03\x04") {
        let header = entry.get(..26).ok_or_else(|| malformed("the archive ends early"))?;
        let short = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let long =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize;
        if short(4) != 0 {
            return Err(malformed("the archive is compressed"));
        }
        let (name_end, mut size) = (26 + short(22), long(14));
        let extra = entry.get(name_end..name_end + short(24)).ok_or_else(|| malformed("the archive ends early"))?;
        if size == u32::MAX as usize {
            // NumPy writes ZIP64 entries: the sizes stand in the extra field 1.
            let field =
                extra.strip_prefix(&[1, 0]).and_then(|field| field.get(2..10)).and_then(|size| size.try_into().ok());
            let field = field.ok_or_else(|| malformed("the archive does not say its sizes"))?;
            size = usize::try_from(u64::from_le_bytes(field)).map_err(|_| TableError::TooLarge)?;
        }
        let body = entry.get(name_end + extra.len()..).and_then(|body| body.get(..size));
        let body = body.ok_or_else(|| malformed("the archive ends early"))?;
        let name = String::from_utf8_lossy(&entry[26..name_end]).trim_end_matches(".npy").to_owned();
        let array = Array::parse(body)?;
        let mut column = DataColumn { name, ..DataColumn::default() };
        for row in 0..array.rows {
            for place in 0..array.width {
                let value = array.value(row, place);
                if value.is_nan() { column.missing += 1 } else { column.numbers.push(value) }
            }
        }
        column.numbers.sort_unstable_by(f64::total_cmp);
        dataset.rows = dataset.rows.max(array.rows as u64);
        dataset.columns.push(column);
        if dataset.columns.len() > MOST_COLUMNS {
            return Err(TableError::TooLarge);
        }
        rest = &entry[name_end + extra.len() + size..];
    }
    if dataset.columns.is_empty() {
        return Err(malformed("no archive"));
    }
    Ok(dataset)
}

/// An array with its axes beyond the first laid flat.
struct Array<'a> {
    body: &'a [u8],
    kind: u8,
    size: usize,
    big_endian: bool,
    by_columns: bool,
    rows: usize,
    width: usize,
}

impl<'a> Array<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, TableError> {
        let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| malformed("no NumPy file"))?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(|| malformed("the header ends early"))?;
        let (length, rest) = if version[0] == 1 {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(|| malformed("the header ends early"))?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        } else {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| malformed("the header ends early"))?;
            (u32::from_le_bytes(*length) as usize, rest)
        };
        let (header, body) = rest.split_at_checked(length).ok_or_else(|| malformed("the header ends early"))?;
        let header = std::str::from_utf8(header).map_err(|_| malformed("the header is no text"))?;
        let after = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start_matches(['\'', '"', ':', ' ']));
        let descr = after("'descr'").ok_or_else(|| malformed("no type"))?;
        let descr = descr.split(['\'', '"']).next().unwrap_or_default();
        let mut letters = descr.chars();
        let order = letters.next().unwrap_or_default();
        let kind = letters.next().filter(char::is_ascii).map_or(0, |kind| kind as u8);
        let size: usize = letters.as_str().parse().map_err(|_| malformed("not an array of numbers"))?;
        if !matches!((kind, size), (b'f', 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1)) {
            return Err(malformed("not an array of numbers"));
        }
        let by_columns = after("'fortran_order'").is_some_and(|rest| rest.starts_with("True"));
        let shape = after("'shape'").and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.split(')').next());
        let shape =
            shape.ok_or_else(|| malformed("no shape"))?.split(',').map(str::trim).filter(|axis| !axis.is_empty());
        let shape: Vec<usize> = shape.map(str::parse).collect::<Result<_, _>>().map_err(|_| malformed("no shape"))?;
        let rows = shape.first().copied().unwrap_or(1);
        let width = shape.iter().skip(1).try_fold(1_usize, |width, axis| width.checked_mul(*axis));
        let width = width.ok_or(TableError::TooLarge)?;
        let values = rows.checked_mul(width).filter(|values| *values <= MOST_VALUES).ok_or(TableError::TooLarge)?;
        // Rows without values would be counted for ever.
        if body.len() < values * size || (width == 0 && rows > MOST_VALUES) {
            return Err(malformed("the values end early"));
        }
        // Laid flat, more than two axes keep their order only when they are stored by rows.
        let by_columns = by_columns && shape.len() == 2;
        Ok(Self { body, kind, size, big_endian: order == '>', by_columns, rows, width })
    }

    fn value(&self, row: usize, place: usize) -> f64 {
        let index = if self.by_columns { place * self.rows + row } else { row * self.width + place };
        let mut bytes = [0; 8];
        bytes[..self.size].copy_from_slice(&self.body[index * self.size..(index + 1) * self.size]);
        if self.big_endian {
            bytes[..self.size].reverse();
        }
        let whole = u64::from_le_bytes(bytes);
        let unused = 64 - 8 * self.size as u32;
        match (self.kind, self.size) {
            (b'f', 4) => f64::from(f32::from_bits(whole as u32)),
            (b'f', _) => f64::from_bits(whole),
            (b'i', _) => ((whole << unused).cast_signed() >> unused) as f64,
            _ => whole as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, order: &str, shape: &str, body: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), body].concat()
    }

    #[test]
    fn numbers_of_all_kinds() {
        let columns = |bytes: &[u8]| -> Vec<Vec<f64>> {
            read(bytes).unwrap().columns.into_iter().map(|column| column.numbers).collect()
        };
        assert_eq!(columns(&npy("<i2", "False", "(2, 2)", &[1, 0, 2, 0, 255, 255, 4, 0])), [[-1.0, 1.0], [2.0, 4.0]]);
        assert_eq!(columns(&npy("<i2", "True", "(2, 2)", &[1, 0, 2, 0, 3, 0, 4, 0])), [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(columns(&npy(">f4", "False", "(1,)", &1.5_f32.to_be_bytes())), [[1.5]]);
        assert_eq!(columns(&npy("|b1", "False", "(3,)", &[1, 0, 1])), [[0.0, 1.0, 1.0]]);
        assert_eq!(read(&npy("<f8", "False", "()", &f64::NAN.to_le_bytes())).unwrap().columns[0].missing, 1);
    }

    #[test]
    fn lies_are_found() {
        for bytes in [
            npy("<f8", "False", "(2,)", &[0; 8]),
            npy("<f8", "False", "(18446744073709551615, 2)", &[]),
            npy("<f8", "False", "(18446744073709551615, 0)", &[]),
            npy("<f8", "False", "(-1,)", &[]),
            npy("<U3", "False", "(1,)", &[0; 12]),
            npy("|O", "False", "(1,)", &[]),
            b"\x93NUMPY\x01\x00\xff\xff".to_vec(),
        ] {
            assert!(read(&bytes).is_err(), "{}", String::from_utf8_lossy(&bytes));
        }
    }
}
