//! Smoothing as people know it from TensorBoard.

/// The exponential moving average of TensorBoard's scalar chart: `weight` of the past (0 is no
/// smoothing, 1 never moves), corrected for the start at zero. A value that is not finite stands
/// as it is and the average passes over it; a series of one value repeated stays as it is.
pub fn exponential(values: &[f64], weight: f64) -> Vec<f64> {
    let weight = if weight.is_finite() { weight.clamp(0.0, 1.0) } else { 0.0 };
    let constant = values.iter().all(|value| *value == values[0]);
    let (mut average, mut count) = (0.0, 0);
    values
        .iter()
        .map(|value| {
            if constant || !value.is_finite() {
                return *value;
            }
            average = average * weight + (1.0 - weight) * value;
            count += 1;
            let bias = if weight == 1.0 { 1.0 } else { 1.0 - weight.powi(count) };
            average / bias
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], weight: f64, expected: &[f64]) {
        let smooth = exponential(values, weight);
        assert_eq!(smooth.len(), expected.len());
        for (found, expected) in smooth.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12 || found.to_bits() == expected.to_bits(), "{smooth:?}");
        }
    }

    #[test]
    fn hand_computed() {
        check(&[], 0.5, &[]);
        check(&[4.0, 4.0], 0.9, &[4.0, 4.0]);
        check(&[1.0, 2.0, 4.0], 0.0, &[1.0, 2.0, 4.0]);
        // 0.5 / 0.5; (0.25 + 1) / 0.75; (0.625 + 2) / 0.875
        check(&[1.0, 2.0, 4.0], 0.5, &[1.0, 5.0 / 3.0, 3.0]);
        check(&[1.0, f64::NAN, 2.0], 0.5, &[1.0, f64::NAN, 5.0 / 3.0]);
        check(&[1.0, f64::INFINITY, 2.0], 0.5, &[1.0, f64::INFINITY, 5.0 / 3.0]);
        check(&[1.0, 2.0], 1.0, &[0.0, 0.0]);
        check(&[1.0, 2.0], f64::NAN, &[1.0, 2.0]);
    }
}
