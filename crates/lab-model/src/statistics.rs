//! Whether a difference between two groups of runs is more than noise. Pure: the same numbers give the same answer.
//!
//! Start with [`Group::of`], then [`welch`]; [`permutation`] asks the same without assuming a normal distribution,
//! [`hedges`] says how large the difference is, [`needed_runs`] how many runs would tell.

mod distribution;
mod permutation;
mod shift;

pub use distribution::{incomplete_beta, student_quantile, student_two_sided};
pub use permutation::{Permutation, permutation};
pub use shift::{kolmogorov_smirnov, quantile};

/// Count, mean and spread of the finite values of a group.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Group {
    /// Finite values.
    pub count: usize,
    /// Their mean; NaN without values.
    pub mean: f64,
    /// Sample standard deviation (divided by n − 1); NaN below two values.
    pub deviation: f64,
}

/// Welch's test of two means that need not share a variance.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Welch {
    /// Difference of the means (right − left) over its standard error.
    pub t: f64,
    /// Degrees of freedom after Welch and Satterthwaite.
    pub freedom: f64,
    /// Two-sided p.
    pub p: f64,
}

/// A standardised difference of means with its 95 % interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Effect {
    /// Hedges' g, right − left.
    pub g: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Group {
    /// The group of the finite ones of `values`. Two passes, so that a small spread around a large mean is not lost.
    pub fn of(values: &[f64]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let count = finite().count();
        let mean = finite().sum::<f64>() / count as f64;
        let squares: f64 = finite().map(|value| (value - mean).powi(2)).sum();
        let deviation = if count < 2 { f64::NAN } else { (squares / (count - 1) as f64).sqrt() };
        Self { count, mean, deviation }
    }

    /// The variance of the mean; NaN below two values.
    fn squared_error(&self) -> f64 {
        self.deviation.powi(2) / self.count as f64
    }

    /// Half the width of Student's interval around the mean, at `confidence` between 0 and 1; `None` below two values.
    pub fn margin(&self, confidence: f64) -> Option<f64> {
        (self.count >= 2)
            .then(|| student_quantile(0.5 + confidence / 2.0, (self.count - 1) as f64) * self.squared_error().sqrt())
    }
}

/// Welch's t-test (Welch 1947); `None` when a group has fewer than two values or neither has any spread.
pub fn welch(left: &Group, right: &Group) -> Option<Welch> {
    if left.count < 2 || right.count < 2 {
        return None;
    }
    let (a, b) = (left.squared_error(), right.squared_error());
    if a + b <= 0.0 {
        return None;
    }
    let t = (right.mean - left.mean) / (a + b).sqrt();
    let freedom = (a + b).powi(2) / (a * a / (left.count - 1) as f64 + b * b / (right.count - 1) as f64);
    Some(Welch { t, freedom, p: student_two_sided(t, freedom) })
}

/// Two-sided p of a difference of means of `left` and `right` values when the spread of one value is known only from
/// elsewhere: a standard deviation with its degrees of freedom. `None` without spread.
pub fn against_noise(difference: f64, deviation: f64, freedom: f64, left: usize, right: usize) -> Option<f64> {
    let error = deviation * (1.0 / left as f64 + 1.0 / right as f64).sqrt();
    (error > 0.0 && error.is_finite() && freedom >= 1.0).then(|| student_two_sided(difference / error, freedom))
}

/// The common standard deviation of groups with different means, and its degrees of freedom; `None` when no group has
/// two values.
pub fn pooled(groups: &[Group]) -> Option<(f64, f64)> {
    let many = || groups.iter().filter(|group| group.count >= 2);
    let freedom: usize = many().map(|group| group.count - 1).sum();
    let squares: f64 = many().map(|group| group.deviation.powi(2) * (group.count - 1) as f64).sum();
    (freedom > 0).then(|| ((squares / freedom as f64).sqrt(), freedom as f64))
}

/// Hedges' g (Hedges 1981, with the exact gamma correction) and its large-sample 95 % interval (Hedges & Olkin 1985);
/// `None` when a group has fewer than two values or neither has any spread.
pub fn hedges(left: &Group, right: &Group) -> Option<Effect> {
    if left.count < 2 || right.count < 2 {
        return None;
    }
    let (deviation, freedom) = pooled(&[*left, *right]).filter(|(deviation, _)| *deviation > 0.0)?;
    let (n, m) = (left.count as f64, right.count as f64);
    let correction = (distribution::ln_gamma(freedom / 2.0) - distribution::ln_gamma((freedom - 1.0) / 2.0)).exp()
        / (freedom / 2.0).sqrt();
    let g = correction * (right.mean - left.mean) / deviation;
    let error = ((n + m) / (n * m) + g * g / (2.0 * (n + m))).sqrt();
    Some(Effect { g, low: g - NORMAL_975 * error, high: g + NORMAL_975 * error })
}

/// The 97.5 % point of the normal distribution.
const NORMAL_975: f64 = 1.959_963_984_540_054;
/// More runs than this are never asked for.
const MOST_RUNS: usize = 100_000;

/// About how many runs each of two equal groups needs for a two-sided t-test at 5 % to find an effect of `size`
/// standard deviations with 80 % power; `None` for no effect or beyond 100,000.
///
/// The smallest n with `n ≥ 2 ((t₀.₉₇₅ + t₀.₈₀) / size)²`, the quantiles being those of 2n − 2 degrees of freedom.
pub fn needed_runs(size: f64) -> Option<usize> {
    let size = size.abs();
    if size.is_nan() || size <= 0.0 {
        return None;
    }
    let wanted = |n: usize| {
        let freedom = (2 * n - 2) as f64;
        2.0 * ((student_quantile(0.975, freedom) + student_quantile(0.8, freedom)) / size).powi(2)
    };
    // The wish falls with n, so the first n that is enough lies between a power of two and the one before.
    let mut enough = 2;
    while wanted(enough) > enough as f64 {
        enough *= 2;
        if enough > MOST_RUNS {
            return None;
        }
    }
    let mut few = (enough / 2).max(1);
    while enough - few > 1 {
        let middle = few.midpoint(enough);
        if wanted(middle) > middle as f64 { few = middle } else { enough = middle }
    }
    Some(enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_is_said_and_not_computed() {
        let (none, one, same) = (Group::of(&[]), Group::of(&[1.0]), Group::of(&[1.0, 1.0]));
        assert_eq!((none.count, one.count), (0, 1));
        assert!(none.mean.is_nan() && one.deviation.is_nan());
        assert_eq!(one.margin(0.95), None);
        for (left, right) in [(&none, &same), (&one, &same), (&same, &same), (&same, &Group::of(&[2.0, 2.0]))] {
            assert_eq!((welch(left, right), hedges(left, right)), (None, None));
        }
        assert_eq!(pooled(&[none, one]), None);
        assert_eq!(against_noise(1.0, 0.0, 4.0, 1, 1), None);
        for size in [0.0, f64::NAN, 1e-6] {
            assert_eq!(needed_runs(size), None);
        }
        assert_eq!(needed_runs(f64::INFINITY), Some(2));
    }

    #[test]
    fn values_that_are_no_numbers_do_not_count() {
        let group = Group::of(&[1.0, f64::NAN, 3.0, f64::INFINITY]);
        assert_eq!((group.count, group.mean), (2, 2.0));
    }

    #[test]
    fn one_group_without_spread_is_enough_to_test() {
        let found = welch(&Group::of(&[1.0, 1.0, 1.0]), &Group::of(&[2.0, 2.1, 1.9])).unwrap();
        assert!(found.p < 0.01 && (found.freedom - 2.0).abs() < 1e-12, "{found:?}");
    }
}
