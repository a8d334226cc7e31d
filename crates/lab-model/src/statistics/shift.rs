//! How far two distributions lie apart.

/// The value below which the share `p` of sorted values lies, between neighbours in proportion (Hyndman & Fan's type
/// 7); NaN without values.
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = sorted[(below + 1).min(last)];
    sorted[below] + (above - sorted[below]) * (place - below as f64)
}

/// The two-sample Kolmogorov-Smirnov statistic of sorted values: the largest distance of their distribution functions,
/// 0 for equal distributions, 1 for separate ones; NaN when a side is empty.
pub fn kolmogorov_smirnov(left: &[f64], right: &[f64]) -> f64 {
    if left.is_empty() || right.is_empty() {
        return f64::NAN;
    }
    let (mut i, mut j, mut farthest) = (0, 0, 0.0_f64);
    while i < left.len() && j < right.len() {
        let value = left[i].min(right[j]);
        while i < left.len() && left[i] <= value {
            i += 1;
        }
        while j < right.len() && right[j] <= value {
            j += 1;
        }
        farthest = farthest.max((i as f64 / left.len() as f64 - j as f64 / right.len() as f64).abs());
    }
    farthest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), 2.5);
        assert_eq!(quantile(&[1.0], 0.9), 1.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn distributions_apart() {
        assert_eq!(kolmogorov_smirnov(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
        assert_eq!(kolmogorov_smirnov(&[1.0, 2.0], &[3.0]), 1.0);
        assert_eq!(kolmogorov_smirnov(&[1.0, 1.0, 2.0, 3.0], &[1.0, 2.0, 2.0, 2.0]), 0.25);
        assert!(kolmogorov_smirnov(&[], &[1.0]).is_nan());
    }
}
