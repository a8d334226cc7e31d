//! A series at every resolution, to zoom through millions of points without looking at each.

/// Points that one cell of the lowest level stands for.
const BASE: usize = 64;
/// Cells that one cell of the next level stands for.
const STEP: usize = 4;

/// What a stretch of points comes to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cell {
    /// The first finite value, NaN without one.
    pub first: f64,
    /// The smallest finite value, NaN without one.
    pub low: f64,
    /// The largest finite value, NaN without one.
    pub high: f64,
    /// The last finite value, NaN without one.
    pub last: f64,
}

const NOTHING: Cell = Cell { first: f64::NAN, low: f64::NAN, high: f64::NAN, last: f64::NAN };

impl Cell {
    fn of(values: &[f64]) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut any = false;
        for value in values {
            let finite = value.is_finite();
            any |= finite;
            low = if finite && *value < low { *value } else { low };
            high = if finite && *value > high { *value } else { high };
        }
        if !any {
            return NOTHING;
        }
        let finite = |value: &&f64| value.is_finite();
        let first = values.iter().find(finite).copied().unwrap_or(f64::NAN);
        let last = values.iter().rev().find(finite).copied().unwrap_or(f64::NAN);
        Self { first, low, high, last }
    }

    /// This stretch and the one after it. `f64::min` and `max` pass over NaN.
    fn and(self, next: Self) -> Self {
        Self {
            first: if self.first.is_nan() { next.first } else { self.first },
            low: self.low.min(next.low),
            high: self.high.max(next.high),
            last: if next.last.is_nan() { self.last } else { next.last },
        }
    }
}

/// First, lowest, highest and last value of every 64, 256, 1024, … points in a row.
///
/// Costs half of what the values take. Build it once for a series; a view of any stretch then
/// looks at a few thousand cells at most.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pyramid {
    levels: Vec<Vec<Cell>>,
}

impl Pyramid {
    /// Over all `values`.
    pub fn new(values: &[f64]) -> Self {
        let mut level: Vec<Cell> = values.chunks(BASE).map(Cell::of).collect();
        let mut levels = Vec::new();
        while level.len() > STEP {
            let next = level.chunks(STEP).map(|cells| cells.iter().copied().fold(NOTHING, Cell::and)).collect();
            levels.push(std::mem::replace(&mut level, next));
        }
        levels.push(level);
        Self { levels }
    }

    /// What the values from `start` to `end` come to, exactly; `values` are those it was built from.
    pub fn range(&self, values: &[f64], start: usize, end: usize) -> Cell {
        let end = end.min(values.len());
        if start >= end {
            return NOTHING;
        }
        let (first, last) = (start.div_ceil(BASE), end / BASE);
        if first >= last {
            return Cell::of(&values[start..end]);
        }
        let middle = self.cells(0, first, last);
        Cell::of(&values[start..first * BASE]).and(middle).and(Cell::of(&values[last * BASE..end]))
    }

    fn cells(&self, level: usize, start: usize, end: usize) -> Cell {
        let cells = &self.levels[level];
        let sum = |start: usize, end: usize| cells[start..end].iter().copied().fold(NOTHING, Cell::and);
        let (first, last) = (start.div_ceil(STEP), end / STEP);
        if first >= last || level + 1 >= self.levels.len() {
            return sum(start, end);
        }
        sum(start, first * STEP).and(self.cells(level + 1, first, last)).and(sum(last * STEP, end))
    }

    /// The points of `start..end` in `columns` columns of equally many points: the x of the column's
    /// first point, then what the column comes to.
    pub fn columns(&self, xs: &[f64], values: &[f64], start: usize, end: usize, columns: usize) -> Vec<(f64, Cell)> {
        let end = end.min(values.len()).min(xs.len());
        let count = end.saturating_sub(start);
        let columns = columns.min(count);
        let edge = |column: usize| start + (count as u128 * column as u128 / columns.max(1) as u128) as usize;
        (0..columns).map(|column| (xs[edge(column)], self.range(values, edge(column), edge(column + 1)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(left: Cell, right: Cell) -> bool {
        let bits = |cell: Cell| [cell.first, cell.low, cell.high, cell.last].map(f64::to_bits);
        bits(left) == bits(right)
    }

    #[test]
    fn nothing_and_gaps() {
        assert!(Pyramid::new(&[]).range(&[], 0, 9).low.is_nan());
        let mut values = vec![f64::NAN; 1000];
        values[700] = 3.0;
        values[701] = f64::INFINITY;
        let pyramid = Pyramid::new(&values);
        assert!(same(pyramid.range(&values, 0, 1000), Cell { first: 3.0, low: 3.0, high: 3.0, last: 3.0 }));
        assert!(pyramid.range(&values, 0, 700).low.is_nan());
    }

    #[test]
    fn columns_cover_everything() {
        let values: Vec<f64> = (0..100_000).map(|index| f64::from(index % 977)).collect();
        let xs: Vec<f64> = (0..100_000).map(f64::from).collect();
        let columns = Pyramid::new(&values).columns(&xs, &values, 0, values.len(), 10);
        assert_eq!(columns.len(), 10);
        assert!(columns.iter().all(|(_, cell)| cell.low == 0.0 && cell.high == 976.0));
        assert_eq!(Pyramid::new(&values).columns(&xs, &values, 5, 8, 10).len(), 3);
    }

    proptest! {
        #[test]
        fn a_range_is_what_its_values_come_to(
            values in proptest::collection::vec(prop_oneof![9 => -10.0f64..10.0, 1 => Just(f64::NAN)], 0..5000),
            start in 0usize..5000, length in 0usize..5000
        ) {
            let end = (start + length).min(values.len());
            let expected = if start < end { Cell::of(&values[start..end]) } else { NOTHING };
            let found = Pyramid::new(&values).range(&values, start, start + length);
            prop_assert!(same(found, expected) || (found.low.is_nan() && expected.low.is_nan()));
        }
    }
}
