//! From numbers to places along an axis.

use crate::ticks::{self, Ticks};
use crate::{Axis, Scale};

/// An axis whose range is known: turns numbers into places from 0 (its start) to 1 (its end).
#[derive(Clone, PartialEq, Debug)]
pub struct Mapping {
    scale: Scale,
    low: f64,
    high: f64,
    categories: Vec<String>,
    zone_minutes: i32,
}

impl Mapping {
    /// The range of `axis`, or of `values` with `margin` (a part of the range) to both sides.
    pub fn new(axis: &Axis, values: impl Iterator<Item = f64>, margin: f64) -> Self {
        let log = axis.scale == Scale::Log;
        let fits = |value: &f64| value.is_finite() && (!log || *value > 0.0);
        if !axis.categories.is_empty() && axis.range.is_none() {
            let high = axis.categories.len() as f64 - 0.5;
            return Self {
                scale: Scale::Linear,
                low: -0.5,
                high,
                categories: axis.categories.clone(),
                zone_minutes: 0,
            };
        }
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(fits) {
            (low, high) = (low.min(value), high.max(value));
        }
        let wished = axis.range.filter(|range| range.iter().all(fits) && range[0] < range[1]);
        let margin = if wished.is_some() { 0.0 } else { margin };
        if let Some(range) = wished {
            [low, high] = range;
        }
        if low > high {
            (low, high) = if log { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        let [low, high] = if log {
            widen(low.log10(), high.log10(), margin)
        } else {
            // A moment alone is shown within its second.
            let moment = axis.scale == Scale::Time && high - low < 1000.0;
            let (low, high) = if moment { (low - 500.0, high + 500.0) } else { (low, high) };
            widen(low, high, margin).map(|end| end.clamp(-f64::MAX, f64::MAX))
        };
        Self { scale: axis.scale, low, high, categories: axis.categories.clone(), zone_minutes: axis.zone_minutes }
    }

    /// The same axis the other way round.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { low: self.high, high: self.low, ..self }
    }

    /// The place of a number, below 0 or above 1 beyond the range; NaN without a place.
    pub fn place(&self, value: f64) -> f64 {
        let value = match self.scale {
            Scale::Log if value <= 0.0 => return f64::NAN,
            Scale::Log => value.log10(),
            _ => value,
        };
        // Halves, because the whole difference of two finite numbers may overflow.
        (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
    }

    /// The number at a place: the inverse of [`Mapping::place`].
    pub fn value(&self, place: f64) -> f64 {
        let value = self.low + (self.high - self.low) * place;
        if self.scale == Scale::Log { 10f64.powf(value) } else { value }
    }

    /// At most `most` labelled ticks, and unlabelled ones between.
    pub fn ticks(&self, most: usize) -> Ticks {
        let mut ticks = if self.categories.is_empty() {
            match self.scale {
                Scale::Linear => ticks::linear(self.low, self.high, most),
                Scale::Log => ticks::log(self.low, self.high, most),
                Scale::Time => ticks::time(self.low, self.high, most, self.zone_minutes),
                Scale::Duration => ticks::duration(self.low, self.high, most),
            }
        } else {
            let every = self.categories.len().div_ceil(most.max(1)).max(1);
            let named = self.categories.iter().enumerate().step_by(every);
            Ticks { major: named.map(|(place, name)| (place as f64, name.clone())).collect(), ..Ticks::default() }
        };
        let linear = |value: f64| (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        ticks.major.iter_mut().for_each(|tick| tick.0 = linear(tick.0));
        ticks.minor.iter_mut().for_each(|tick| *tick = linear(*tick));
        let inside = |place: f64| (-1e-9..=1.0 + 1e-9).contains(&place);
        ticks.major.retain(|tick| inside(tick.0));
        ticks.minor.retain(|tick| inside(*tick));
        ticks
    }

    /// Whether the axis has names instead of numbers.
    pub fn is_named(&self) -> bool {
        !self.categories.is_empty()
    }
}

/// A range with a margin, and never of no width.
fn widen(low: f64, high: f64, margin: f64) -> [f64; 2] {
    let least = low.abs().max(high.abs()) * 1e-12;
    let half = high / 2.0 - low / 2.0;
    if half > least && half > 1e-300 {
        return [low - half * (2.0 * margin), high + half * (2.0 * margin)];
    }
    let side = if low == 0.0 { 0.5 } else { low.abs() * 0.05 };
    [low - side, high + side]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(scale: Scale, values: &[f64]) -> Mapping {
        Mapping::new(&Axis::default().scale(scale), values.iter().copied(), 0.0)
    }

    #[test]
    fn places() {
        let linear = mapping(Scale::Linear, &[10.0, f64::NAN, 20.0, f64::INFINITY]);
        assert_eq!([10.0, 15.0, 20.0, 30.0].map(|value| linear.place(value)), [0.0, 0.5, 1.0, 2.0]);
        let log = mapping(Scale::Log, &[0.0, 1.0, 100.0, -3.0]);
        assert_eq!(log.place(10.0), 0.5);
        assert!(log.place(0.0).is_nan() && log.place(-1.0).is_nan());
        assert_eq!(linear.turned().place(10.0), 1.0);
    }

    #[test]
    fn ranges_of_nothing_and_of_everything() {
        assert_eq!(mapping(Scale::Linear, &[]).place(0.5), 0.5);
        assert_eq!(mapping(Scale::Linear, &[7.0]).place(7.0), 0.5);
        let all = mapping(Scale::Linear, &[-f64::MAX, f64::MAX]);
        assert_eq!(all.place(0.0), 0.5);
        for scale in [Scale::Linear, Scale::Log, Scale::Time, Scale::Duration] {
            for values in [[-1e308, 1e308], [5e-324, 1e308], [1e16, 1e16 + 2.0], [0.0, 5e-324], [-7e-320, 0.0]] {
                for most in [0, 1, 5, 1000] {
                    let ticks = mapping(scale, &values).ticks(most);
                    assert!(ticks.major.len() <= most.max(2) + 1, "{scale:?} {values:?} {most}: {ticks:?}");
                    assert!(ticks.minor.len() < 10_000);
                }
            }
        }
    }
}
