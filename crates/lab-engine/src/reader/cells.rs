//! The values of a column, eight bytes each.

/// A value of a run in a column.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Cell {
    Missing,
    Number(f64),
    /// A place among the texts of the column.
    Text(u32),
}

/// Numbers as they are; what is none as a NaN that no number is kept as.
#[derive(Clone, Debug)]
pub(crate) struct Cells(Vec<u64>);

const MISSING: u64 = 0xffff << 48;
/// The upper half of a text; its place is the lower one.
const TEXT: u64 = 0xfffe_0000;

impl Cells {
    /// As many as there are runs, each missing.
    pub fn missing(count: usize) -> Self {
        Self(vec![MISSING; count])
    }

    pub const fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, at: usize) -> Cell {
        unpacked(self.0[at])
    }

    pub fn set(&mut self, at: usize, cell: Cell) {
        self.0[at] = packed(cell);
    }

    pub fn iter(&self) -> impl Iterator<Item = Cell> {
        self.0.iter().map(|word| unpacked(*word))
    }
}

impl FromIterator<Cell> for Cells {
    fn from_iter<I: IntoIterator<Item = Cell>>(cells: I) -> Self {
        Self(cells.into_iter().map(packed).collect())
    }
}

const fn packed(cell: Cell) -> u64 {
    match cell {
        Cell::Missing => MISSING,
        // Every NaN is the same to whoever asks.
        Cell::Number(number) if number.is_nan() => f64::NAN.to_bits(),
        Cell::Number(number) => number.to_bits(),
        Cell::Text(place) => TEXT << 32 | place as u64,
    }
}

const fn unpacked(word: u64) -> Cell {
    match word >> 32 {
        TEXT => Cell::Text(word as u32),
        _ if word == MISSING => Cell::Missing,
        _ => Cell::Number(f64::from_bits(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        let numbers = [0.0, -0.0, 1.5, -1.5, f64::MAX, f64::MIN, 5e-324, f64::INFINITY, f64::NEG_INFINITY];
        let others = [Cell::Missing, Cell::Text(0), Cell::Text(u32::MAX)];
        let cells: Vec<Cell> = numbers.into_iter().map(Cell::Number).chain(others).collect();
        assert!(cells.iter().copied().collect::<Cells>().iter().eq(cells));
        for bits in [f64::NAN.to_bits(), MISSING, TEXT << 32 | 7, u64::MAX] {
            let mut cells = Cells::missing(1);
            cells.set(0, Cell::Number(f64::from_bits(bits)));
            assert!(matches!(cells.get(0), Cell::Number(number) if number.is_nan()), "{bits:x}");
        }
    }
}
