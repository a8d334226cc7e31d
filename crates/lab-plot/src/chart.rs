//! What a chart says, as plain data.

use serde::{Serialize, Serializer};

use crate::Image;

/// How a number becomes a place along an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By its logarithm; zero and less have no place.
    Log,
    /// Milliseconds since 1970-01-01 UTC, evenly, told as dates.
    Time,
    /// Seconds, evenly, told as durations.
    Duration,
}

/// One axis.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Axis {
    /// What is measured, with its unit.
    pub label: String,
    /// How numbers become places.
    pub scale: Scale,
    /// From where to where; `None` is found from the data.
    pub range: Option<[f64; 2]>,
    /// Names of the places 0, 1, 2, … where the axis has no numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Minutes by which the clock of a time axis is ahead of UTC.
    #[serde(skip_serializing_if = "is_zero")]
    pub zone_minutes: i32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(minutes: &i32) -> bool {
    *minutes == 0
}

impl Axis {
    /// A linear axis with this label.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// The same axis on another scale.
    #[must_use]
    pub fn scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// An axis of names.
    pub fn of_names(label: impl Into<String>, names: Vec<String>) -> Self {
        Self { label: label.into(), categories: names, ..Self::default() }
    }
}

/// Bars that stand side by side: edges in rising order, one more than counts.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Bins {
    /// From where to where each bin goes.
    pub edges: Vec<f64>,
    /// How many fell into each.
    pub counts: Vec<f64>,
}

/// One histogram of several, such as the weights at one step.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RidgeRow {
    /// Such as `step 1000`.
    pub label: String,
    /// The histogram.
    pub bins: Bins,
}

/// One run's way through parallel axes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ParallelRow {
    /// The run.
    pub name: String,
    /// One number for each axis; on an axis of names the place of the name. NaN is a gap.
    #[serde(serialize_with = "numbers")]
    pub values: Vec<f64>,
}

/// Something drawn on the axes. A `slot` numbers the series from 0: painters give each slot its
/// colour, dash and marker, so that no two look alike even without colour.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Layer {
    /// Points joined by a line. A NaN is a gap.
    Line {
        /// The name in the legend; empty for none.
        name: String,
        /// The series.
        slot: usize,
        /// In drawing order.
        #[serde(serialize_with = "pairs")]
        points: Vec<[f64; 2]>,
        /// Less important than the others, such as raw values under smoothed ones.
        faint: bool,
    },
    /// What lies between two lines: x, low, high.
    Band {
        /// The series.
        slot: usize,
        /// In rising x.
        #[serde(serialize_with = "triples")]
        points: Vec<[f64; 3]>,
    },
    /// Single points.
    Scatter {
        /// The name in the legend; empty for none.
        name: String,
        /// The series.
        slot: usize,
        /// The points.
        #[serde(serialize_with = "pairs")]
        points: Vec<[f64; 2]>,
    },
    /// One bar for each name of the x axis.
    Bars {
        /// The name in the legend; empty for none.
        name: String,
        /// The series.
        slot: usize,
        /// The heights. NaN is no bar.
        #[serde(serialize_with = "numbers")]
        values: Vec<f64>,
        /// Half the length of each whisker; empty for none.
        #[serde(serialize_with = "numbers", skip_serializing_if = "Vec::is_empty")]
        errors: Vec<f64>,
    },
    /// Counts over bins.
    Histogram {
        /// The name in the legend; empty for none.
        name: String,
        /// The series.
        slot: usize,
        /// The bins.
        bins: Bins,
    },
    /// Histograms behind each other, the first at the back.
    Ridge {
        /// The series.
        slot: usize,
        /// From back to front.
        rows: Vec<RidgeRow>,
    },
    /// Runs as lines across several axes; coloured by the last axis.
    Parallel {
        /// The axes from left to right.
        axes: Vec<Axis>,
        /// The runs.
        rows: Vec<ParallelRow>,
    },
    /// A table of numbers as shades, with the numbers in it.
    Heat {
        /// Names of the rows, from the top.
        rows: Vec<String>,
        /// Names of the columns.
        columns: Vec<String>,
        /// Row after row. NaN is empty.
        #[serde(serialize_with = "numbers")]
        values: Vec<f64>,
    },
    /// Pictures side by side, row after row.
    Images {
        /// The pictures.
        images: Vec<Image>,
    },
}

impl Layer {
    /// Name and slot of what the legend lists.
    pub fn legend(&self) -> Option<(&str, usize)> {
        match self {
            Self::Line { name, slot, .. }
            | Self::Scatter { name, slot, .. }
            | Self::Bars { name, slot, .. }
            | Self::Histogram { name, slot, .. }
                if !name.is_empty() =>
            {
                Some((name, *slot))
            }
            _ => None,
        }
    }
}

/// One plot: axes and what is drawn on them.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Chart {
    /// What it shows; may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// From back to front.
    pub layers: Vec<Layer>,
    /// What the reader must know, such as how many points could not be drawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Several charts side by side.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Figure {
    /// In reading order.
    pub charts: Vec<Chart>,
}

/// NaN and infinities are `null`, which JSON has instead.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn numbers<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| finite(*value)))
}

fn pairs<S: Serializer>(points: &[[f64; 2]], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(points.iter().map(|point| point.map(finite)))
}

fn triples<S: Serializer>(points: &[[f64; 3]], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(points.iter().map(|point| point.map(finite)))
}

impl Bins {
    /// Counts the finite values in bins of equal width; as many bins as the square root of their
    /// number, between 5 and 60.
    pub fn of(values: &[f64]) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if finite.is_empty() {
            return Self::default();
        }
        let bins = ((finite.len() as f64).sqrt() as usize).clamp(5, 60);
        // Halves are subtracted, because the whole difference of two finite numbers may overflow.
        let width = if low == high { 1.0 } else { (high / bins as f64) - (low / bins as f64) };
        let start = if low == high { low - bins as f64 / 2.0 } else { low };
        let edges = (0..=bins).map(|edge| start + width * edge as f64).collect();
        Self { edges, counts: Vec::new() }.count(values)
    }

    /// How many of the finite values fall into each of these bins; what lies beyond counts in the bin next to it.
    #[must_use]
    pub fn count(&self, values: &[f64]) -> Self {
        let bins = self.edges.len().saturating_sub(1);
        let mut counts = vec![0.0; bins];
        for value in values.iter().filter(|value| value.is_finite() && bins > 0) {
            let place = self.edges.partition_point(|edge| edge <= value);
            counts[place.saturating_sub(1).min(bins - 1)] += 1.0;
        }
        Self { edges: self.edges.clone(), counts }
    }
}
