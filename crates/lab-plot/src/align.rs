//! Several runs of one setting as one line with a band.

/// What a band shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Spread {
    /// The 95 % confidence interval of the mean, by Student's t.
    #[default]
    Confidence,
    /// One standard deviation to each side.
    Deviation,
    /// From the lowest to the highest.
    Range,
}

/// Grid points at most; more are thinned out evenly.
const GRID_MAX: usize = 2000;

/// The mean of several lines and the band around it: x, mean, low, high.
///
/// The grid is made of all x that occur, every n-th where there are more than 2,000. A line has at a grid
/// point the value interpolated linearly between its neighbouring finite points, and none outside
/// its own first and last: nothing is invented. Of several points with one x the last counts. A grid point
/// where only one line has a value has a band of no width.
pub fn band(lines: &[Vec<[f64; 2]>], spread: Spread) -> Vec<[f64; 4]> {
    let lines: Vec<Vec<[f64; 2]>> = lines.iter().map(|line| clean(line)).collect();
    let mut grid: Vec<f64> = lines.iter().flatten().map(|point| point[0]).collect();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    let every = grid.len().div_ceil(GRID_MAX).max(1);
    let end = grid.last().copied();
    let mut grid: Vec<f64> = grid.into_iter().step_by(every).collect();
    if grid.last().copied() != end {
        grid.extend(end);
    }
    let mut places = vec![0; lines.len()];
    let mut values = Vec::with_capacity(lines.len());
    let mut result = Vec::with_capacity(grid.len());
    for x in grid {
        values.clear();
        values.extend(lines.iter().zip(&mut places).filter_map(|(line, place)| value_at(line, place, x)));
        if let Some([mean, low, high]) = statistics(&values, spread) {
            result.push([x, mean, low, high]);
        }
    }
    result
}

/// Mean, low and high; `None` without values.
pub fn statistics(values: &[f64], spread: Spread) -> Option<[f64; 3]> {
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().map(|value| value / count).sum::<f64>();
    if spread == Spread::Range {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        return Some([mean, low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)]);
    }
    if values.len() < 2 {
        return Some([mean; 3]);
    }
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0);
    let half = match spread {
        Spread::Confidence => student_t(values.len() - 1) * (variance / count).sqrt(),
        _ => variance.sqrt(),
    };
    Some([mean, mean - half, mean + half])
}

/// Finite points in rising x, one for each x.
fn clean(line: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let finite = |point: &&[f64; 2]| point[0].is_finite() && point[1].is_finite();
    let mut points: Vec<[f64; 2]> = line.iter().filter(finite).copied().collect();
    points.sort_by(|left, right| left[0].total_cmp(&right[0]));
    let mut clean: Vec<[f64; 2]> = Vec::with_capacity(points.len());
    for point in points {
        match clean.last_mut() {
            Some(last) if last[0] == point[0] => *last = point,
            _ => clean.push(point),
        }
    }
    clean
}

/// The line's value at `x`; `place` only moves forward, since the grid rises.
fn value_at(line: &[[f64; 2]], place: &mut usize, x: f64) -> Option<f64> {
    while line.get(*place + 1).is_some_and(|next| next[0] <= x) {
        *place += 1;
    }
    let here = line.get(*place).filter(|here| here[0] <= x)?;
    if here[0] == x {
        return Some(here[1]);
    }
    let next = line.get(*place + 1)?;
    let part = (x - here[0]) / (next[0] - here[0]);
    Some(here[1] * (1.0 - part) + next[1] * part)
}

/// The two-sided 95 % quantile of Student's t; beyond 30 degrees of freedom the expansion of
/// Abramowitz & Stegun 26.7.5 around the normal quantile, right to four digits.
fn student_t(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    const Z: f64 = 1.959_964;
    match degrees {
        0 => 0.0,
        1..=30 => TABLE[degrees - 1],
        _ => {
            let n = degrees as f64;
            Z + (Z.powi(3) + Z) / (4.0 * n) + (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * n * n)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_other_steps_meet_on_one_grid() {
        let lines = [vec![[0.0, 0.0], [10.0, 10.0]], vec![[0.0, 2.0], [5.0, 7.0]], vec![]];
        let band = band(&lines, Spread::Range);
        assert_eq!(band, [[0.0, 1.0, 0.0, 2.0], [5.0, 6.0, 5.0, 7.0], [10.0, 10.0, 10.0, 10.0]]);
    }

    #[test]
    fn nan_is_passed_over_and_the_last_word_counts() {
        let lines = [vec![[1.0, f64::NAN], [0.0, 1.0], [2.0, 9.0], [2.0, 3.0]]];
        assert_eq!(band(&lines, Spread::Confidence), [[0.0, 1.0, 1.0, 1.0], [2.0, 3.0, 3.0, 3.0]]);
    }

    #[test]
    fn spreads_by_hand() {
        assert_eq!(statistics(&[], Spread::Range), None);
        assert_eq!(statistics(&[1.0, 3.0], Spread::Deviation), Some([2.0, 2.0 - 2f64.sqrt(), 2.0 + 2f64.sqrt()]));
        let [_, _, high] = statistics(&[1.0, 2.0, 3.0], Spread::Confidence).unwrap();
        assert!((high - (2.0 + 4.303 / 3f64.sqrt())).abs() < 1e-9);
        assert!((student_t(31) - 2.0395).abs() < 2e-4 && (student_t(1000) - 1.9623).abs() < 1e-4);
    }

    #[test]
    fn a_long_grid_is_thinned_and_keeps_its_end() {
        let line: Vec<[f64; 2]> = (0..10_000).map(|x| [f64::from(x), 0.0]).collect();
        let band = band(&[line], Spread::Range);
        assert!(band.len() <= GRID_MAX + 1);
        assert_eq!(band[band.len() - 1][0], 9999.0);
    }
}
