//! Fewer points that look the same.
//!
//! Of the points that fall into one pixel column a line shows only the first, the lowest, the
//! highest and the last: Jugel, Jerzak, Hackenbroich, Markl, *M4: A Visualization-Oriented Time
//! Series Data Aggregation*, VLDB 2014. No spike is lost.

/// Points of a line in `columns` equal columns of `range`: at most four of each column, in their order.
///
/// What is left of the range counts as one more column, and so does what is right of it. A y that is not finite is a gap: the line ends before
/// it, and one NaN stands for any number of them in a row. A point whose x is not finite is
/// passed over. x need not rise: points in a row that share a column are taken together.
pub fn m4(points: &[[f64; 2]], range: [f64; 2], columns: usize) -> Vec<[f64; 2]> {
    let mut thin = Vec::with_capacity(points.len().min(columns.saturating_mul(4) + 2));
    if columns == 0 || points.len() <= columns.saturating_mul(4) {
        thin.extend(
            points
                .iter()
                .filter(|point| point[0].is_finite())
                .map(|point| if point[1].is_finite() { *point } else { [point[0], f64::NAN] }),
        );
        return thin;
    }
    let column_of = columns_of(range, columns);
    let mut bucket: Option<Bucket> = None;
    for (index, [x, y]) in points.iter().copied().enumerate() {
        if !x.is_finite() {
            continue;
        }
        if !y.is_finite() {
            if let Some(done) = bucket.take() {
                done.emit(points, &mut thin);
                thin.push([x, f64::NAN]);
            }
            continue;
        }
        let column = column_of(x);
        match &mut bucket {
            Some(open) if open.column == column => open.add(index, y),
            open => {
                if let Some(done) = open.replace(Bucket::new(column, index, y)) {
                    done.emit(points, &mut thin);
                }
            }
        }
    }
    if let Some(done) = bucket {
        done.emit(points, &mut thin);
    }
    thin
}

/// The column of an x; everything left of the range is column 0, everything right of it the last.
fn columns_of(range: [f64; 2], columns: usize) -> impl Fn(f64) -> usize {
    // Halves, because the whole difference of two finite numbers may overflow.
    let half_width = range[1] / 2.0 - range[0] / 2.0;
    let factor = if half_width > 0.0 { columns as f64 / half_width / 2.0 } else { 0.0 };
    move |x| (((x - range[0]) * factor).max(-1.0) + 1.0).min(columns as f64 + 1.0) as usize
}

/// Indices of the four points that matter in a column.
struct Bucket {
    column: usize,
    first: usize,
    last: usize,
    low: usize,
    high: usize,
    low_y: f64,
    high_y: f64,
}

impl Bucket {
    fn new(column: usize, index: usize, y: f64) -> Self {
        Self { column, first: index, last: index, low: index, high: index, low_y: y, high_y: y }
    }

    fn add(&mut self, index: usize, y: f64) {
        self.last = index;
        if y < self.low_y {
            (self.low, self.low_y) = (index, y);
        }
        if y > self.high_y {
            (self.high, self.high_y) = (index, y);
        }
    }

    fn emit(&self, points: &[[f64; 2]], thin: &mut Vec<[f64; 2]>) {
        let (early, late) = if self.low < self.high { (self.low, self.high) } else { (self.high, self.low) };
        let mut before = None;
        for index in [self.first, early, late, self.last] {
            if before != Some(index) {
                thin.push(points[index]);
            }
            before = Some(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_spike_survives() {
        let mut points: Vec<[f64; 2]> = (0..100_000).map(|x| [f64::from(x), 0.0]).collect();
        points[12_345][1] = 1e9;
        let thin = m4(&points, [0.0, 99_999.0], 100);
        assert!(thin.len() <= 402, "{}", thin.len());
        assert!(thin.contains(&[12_345.0, 1e9]));
        assert_eq!((thin[0], thin[thin.len() - 1]), (points[0], points[99_999]));
    }

    #[test]
    fn gaps_are_kept_as_one_nan() {
        let mut points: Vec<[f64; 2]> = (0..1000).map(|x| [f64::from(x), 1.0]).collect();
        points[500..503].iter_mut().for_each(|point| point[1] = f64::NAN);
        points[700][1] = f64::INFINITY;
        let thin = m4(&points, [0.0, 999.0], 10);
        assert_eq!(thin.iter().filter(|point| point[1].is_nan()).count(), 2);
        assert_eq!(m4(&points[500..503], [0.0, 999.0], 10).len(), 3, "what is few is left as it is");
    }

    proptest! {
        #[test]
        fn every_column_keeps_its_lowest_and_highest(
            ys in proptest::collection::vec(-1e6f64..1e6, 0..2000), columns in 1usize..40
        ) {
            let points: Vec<[f64; 2]> = ys.iter().enumerate().map(|(x, y)| [x as f64, *y]).collect();
            let range = [0.0, ys.len().max(1) as f64];
            let thin = m4(&points, range, columns);
            prop_assert!(thin.len() <= points.len().min((columns + 2) * 4).max(columns * 4));
            let column = columns_of(range, columns);
            let extremes = |points: &[[f64; 2]]| {
                let mut all = std::collections::BTreeMap::<usize, (f64, f64)>::new();
                for [x, y] in points {
                    let entry = all.entry(column(*x)).or_insert((*y, *y));
                    *entry = (entry.0.min(*y), entry.1.max(*y));
                }
                all
            };
            prop_assert_eq!(extremes(&points), extremes(&thin));
        }
    }
}
