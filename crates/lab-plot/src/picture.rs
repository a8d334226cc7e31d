//! A chart on the unit square: ranges found, lines thinned and cut at the frame. What is left to a
//! painter is to stretch it. x goes from left (0) to right (1), y from bottom (0) to top (1).

use std::collections::BTreeSet;

use crate::scale::Mapping;
use crate::{Axis, Bins, Chart, Image, Layer, ParallelRow, RidgeRow, Scale, thin, ticks};

/// A chart that is ready to be painted.
#[derive(Clone, PartialEq, Debug)]
pub struct Picture {
    /// What it shows; may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: Mapping,
    /// Its label.
    pub x_label: String,
    /// The vertical axis.
    pub y: Mapping,
    /// Its label.
    pub y_label: String,
    /// Further vertical axes: place, axis, label.
    pub uprights: Vec<(f64, Mapping, String)>,
    /// What the shades mean.
    pub shades: Option<Shades>,
    /// From back to front.
    pub marks: Vec<Mark>,
    /// Names of the series, each once, in their order.
    pub legend: Vec<Entry>,
    /// What the reader must know.
    pub notes: Vec<String>,
}

/// A colour bar: shades from 0 to 1 and the numbers they stand for.
#[derive(Clone, PartialEq, Debug)]
pub struct Shades {
    /// From numbers to shades.
    pub mapping: Mapping,
    /// Shades behind numbers, otherwise those of lines.
    pub tiles: bool,
}

/// One line of the legend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// The series.
    pub slot: usize,
    /// How it is drawn.
    pub sample: Sample,
}

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sample {
    /// As a line.
    Line,
    /// As points.
    Points,
    /// As areas.
    Area,
}

/// Where a colour comes from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Tint {
    /// The series.
    Slot(usize),
    /// A number from 0 to 1.
    Shade(f64),
}

/// What is to be painted.
#[derive(Clone, PartialEq, Debug)]
pub enum Mark {
    /// Lines.
    Line {
        /// The colour.
        tint: Tint,
        /// Less important.
        faint: bool,
        /// Few enough points for each to be marked.
        sparse: bool,
        /// Each from point to point.
        pieces: Vec<Vec<[f64; 2]>>,
    },
    /// Filled outlines.
    Area {
        /// The series.
        slot: usize,
        /// Something is to be seen through it.
        sheer: bool,
        /// Each closed by itself.
        outlines: Vec<Vec<[f64; 2]>>,
    },
    /// Single points.
    Points {
        /// The series.
        slot: usize,
        /// Where.
        points: Vec<[f64; 2]>,
    },
    /// A shaded rectangle with words in it.
    Tile {
        /// From 0 to 1.
        part: f64,
        /// The lower left corner.
        low: [f64; 2],
        /// The upper right corner.
        high: [f64; 2],
        /// The words.
        text: String,
    },
    /// A picture, as large as it fits, its name below it.
    Image {
        /// The picture.
        image: Image,
        /// The lower left corner of its place.
        low: [f64; 2],
        /// The upper right corner.
        high: [f64; 2],
    },
}

/// Pixels of all pictures together: each becomes a shape of its own.
const PIXELS_MAX: usize = 60_000;
/// Points of a line up to which each gets its marker.
const SPARSE_MAX: usize = 24;

impl Picture {
    /// Lays the chart out for a picture that is `columns` wide (pixels, or dots).
    pub fn new(chart: &Chart, columns: usize) -> Self {
        let (x_axis, y_axis) = axes(chart);
        let has = |kind: fn(&Layer) -> bool| chart.layers.iter().any(kind);
        let grounded = has(|layer| matches!(layer, Layer::Bars { .. } | Layer::Histogram { .. }));
        let loose = has(|layer| matches!(layer, Layer::Scatter { .. }));
        let zero = (grounded && y_axis.scale == Scale::Linear).then_some(0.0);
        let x = Mapping::new(&x_axis, chart.layers.iter().flat_map(xs), if loose { 0.04 } else { 0.0 });
        let mut y = Mapping::new(&y_axis, chart.layers.iter().flat_map(ys).chain(zero), 0.05);
        if grounded
            && chart.y.range.is_none()
            && y.place(0.0) > 0.0
            && chart.layers.iter().flat_map(ys).all(|y| y.is_nan() || y >= 0.0)
        {
            let top = chart.layers.iter().flat_map(ys).filter(|y| y.is_finite()).fold(0.0, f64::max);
            let top = if top > 0.0 { (top * 1.05).min(f64::MAX) } else { 1.0 };
            y = Mapping::new(&Axis { range: Some([0.0, top]), ..y_axis.clone() }, std::iter::empty(), 0.0);
        }
        if has(|layer| matches!(layer, Layer::Heat { .. })) {
            y = y.turned();
        }
        let mut picture = Self {
            title: chart.title.clone(),
            x_label: x_axis.label,
            y_label: y_axis.label,
            x,
            y,
            uprights: Vec::new(),
            shades: None,
            marks: Vec::new(),
            legend: Vec::new(),
            notes: chart.notes.clone(),
        };
        let bars = chart.layers.iter().filter(|layer| matches!(layer, Layer::Bars { .. })).count();
        let histograms = chart.layers.iter().filter(|layer| matches!(layer, Layer::Histogram { .. })).count();
        let mut bar = 0;
        let mut named = BTreeSet::new();
        for layer in &chart.layers {
            if let Some((name, slot)) = layer.legend()
                && named.insert((slot, name))
            {
                let sample = match layer {
                    Layer::Line { .. } => Sample::Line,
                    Layer::Scatter { .. } => Sample::Points,
                    _ => Sample::Area,
                };
                picture.legend.push(Entry { name: name.to_owned(), slot, sample });
            }
            picture.add(layer, columns, (bar, bars), histograms > 1);
            bar += usize::from(matches!(layer, Layer::Bars { .. }));
        }
        picture.count_lost(chart);
        picture
    }

    fn add(&mut self, layer: &Layer, columns: usize, (bar, bars): (usize, usize), several: bool) {
        match layer {
            Layer::Line { slot, points, faint, .. } => {
                let points = thin::m4(&self.places(points), [0.0, 1.0], columns);
                let sparse = points.len() <= SPARSE_MAX;
                let pieces = cut(&points);
                self.marks.push(Mark::Line { tint: Tint::Slot(*slot), faint: *faint, sparse, pieces });
            }
            Layer::Band { slot, points } => self.band(*slot, points, columns),
            Layer::Scatter { slot, points, .. } => {
                let inside = |point: &[f64; 2]| point.iter().all(|place| (-1e-9..=1.0 + 1e-9).contains(place));
                let points = self.places(points).into_iter().filter(inside).collect();
                self.marks.push(Mark::Points { slot: *slot, points });
            }
            Layer::Bars { slot, values, errors, .. } => self.bars(*slot, values, errors, bar, bars),
            Layer::Histogram { slot, bins, .. } => {
                let sheer = several;
                let outlines = self.bin_boxes(bins);
                self.marks.push(Mark::Area { slot: *slot, sheer, outlines });
            }
            Layer::Ridge { slot, rows } => self.ridge(*slot, rows),
            Layer::Parallel { axes, rows } => self.parallel(axes, rows),
            Layer::Heat { rows, columns, values } => self.heat(rows.len(), columns.len(), values),
            Layer::Images { images } => self.images(images),
        }
    }

    fn places(&self, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
        points.iter().map(|[x, y]| [self.x.place(*x), self.y.place(*y)]).collect()
    }

    /// A band breaks where one of its ends is not finite.
    fn band(&mut self, slot: usize, points: &[[f64; 3]], columns: usize) {
        let every = points.len().div_ceil(columns.max(1) * 2).max(1);
        let placed: Vec<[f64; 3]> = points
            .chunks(every)
            .map(|chunk| {
                let low = chunk.iter().map(|point| point[1]).fold(f64::NAN, f64::min);
                let high = chunk.iter().map(|point| point[2]).fold(f64::NAN, f64::max);
                [self.x.place(chunk[chunk.len() / 2][0]), self.y.place(low), self.y.place(high)]
            })
            .collect();
        let pieces = placed.split(|point| !point.iter().all(|place| place.is_finite()));
        let outlines = pieces.filter(|piece| piece.len() > 1).map(|piece| {
            let inside = || piece.iter().filter(|point| (-1e-9..=1.0 + 1e-9).contains(&point[0]));
            let upper = inside().map(|point| [point[0], point[2].clamp(0.0, 1.0)]);
            upper.chain(inside().rev().map(|point| [point[0], point[1].clamp(0.0, 1.0)])).collect()
        });
        let outlines = outlines.collect();
        self.marks.push(Mark::Area { slot, sheer: true, outlines });
    }

    fn bars(&mut self, slot: usize, values: &[f64], errors: &[f64], bar: usize, bars: usize) {
        let ground = self.y.place(0.0);
        let ground = if ground.is_nan() { 0.0 } else { ground.clamp(0.0, 1.0) };
        let width = 0.8 / bars.max(1) as f64;
        let (mut outlines, mut whiskers) = (Vec::new(), Vec::new());
        for (place, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let left = place as f64 - 0.4 + width * bar as f64;
            let top = self.y.place(*value);
            let top = if top.is_nan() { 0.0 } else { top.clamp(0.0, 1.0) };
            outlines
                .push(rectangle([self.x.place(left + width * 0.04), ground], [self.x.place(left + width * 0.96), top]));
            if let Some(error) = errors.get(place).filter(|error| error.is_finite() && **error > 0.0) {
                let x = self.x.place(left + width / 2.0);
                let ends = [value - error, value + error].map(|end| self.y.place(end));
                whiskers.push(vec![[x, ends[0]], [x, ends[1]]]);
            }
        }
        self.marks.push(Mark::Area { slot, sheer: false, outlines });
        if !whiskers.is_empty() {
            let pieces = whiskers.iter().flat_map(|piece| cut(piece)).collect();
            self.marks.push(Mark::Line { tint: Tint::Slot(6), faint: false, sparse: false, pieces });
        }
    }

    fn bin_boxes(&self, bins: &Bins) -> Vec<Vec<[f64; 2]>> {
        let place = |x: f64, y: f64| {
            let [x, y] = [self.x.place(x), self.y.place(y)];
            [x.clamp(0.0, 1.0), if y.is_nan() { 0.0 } else { y.clamp(0.0, 1.0) }]
        };
        let pairs = bins.edges.windows(2).zip(&bins.counts).filter(|(_, count)| **count > 0.0);
        pairs
            .filter(|(edges, _)| edges.iter().all(|edge| self.x.place(*edge).is_finite()))
            .map(|(edges, count)| rectangle(place(edges[0], 0.0), place(edges[1], *count)))
            .collect()
    }

    /// Each row stands on its own ground and may reach over the row behind it.
    fn ridge(&mut self, slot: usize, rows: &[RidgeRow]) {
        let counts = rows.iter().flat_map(|row| &row.bins.counts).filter(|count| count.is_finite());
        let most = counts.fold(0.0f64, |most, count| most.max(*count)).max(1e-300);
        for (row, place) in rows.iter().zip((0..rows.len()).rev()) {
            let ground = self.y.place(place as f64 - 0.5);
            let lift = self.y.place(place as f64 + 1.2) - ground;
            let top = |count: f64| if count.is_finite() { (ground + lift * count / most).min(1.0) } else { ground };
            let middles = row.bins.edges.windows(2).zip(&row.bins.counts);
            let crest: Vec<[f64; 2]> = middles
                .map(|(edges, count)| [self.x.place(edges[0] / 2.0 + edges[1] / 2.0), top(*count)])
                .filter(|point| point[0].is_finite() && (-1e-9..=1.0 + 1e-9).contains(&point[0]))
                .collect();
            let (Some(first), Some(last)) = (crest.first().copied(), crest.last().copied()) else { continue };
            let outline = [[first[0], ground]].into_iter().chain(crest.iter().copied()).chain([[last[0], ground]]);
            self.marks.push(Mark::Area { slot, sheer: true, outlines: vec![outline.collect()] });
            let tint = Tint::Slot(slot);
            self.marks.push(Mark::Line { tint, faint: false, sparse: false, pieces: vec![crest] });
        }
    }

    fn parallel(&mut self, axes: &[Axis], rows: &[ParallelRow]) {
        let last = axes.len().saturating_sub(1).max(1) as f64;
        for (place, axis) in axes.iter().enumerate() {
            let values = rows.iter().filter_map(|row| row.values.get(place).copied());
            self.uprights.push((place as f64 / last, Mapping::new(axis, values, 0.03), axis.label.clone()));
        }
        self.shades = self.uprights.last().map(|last| Shades { mapping: last.1.clone(), tiles: false });
        for row in rows {
            let point = |(value, upright): (&f64, &(f64, Mapping, String))| [upright.0, upright.1.place(*value)];
            let points: Vec<[f64; 2]> = row.values.iter().zip(&self.uprights).map(point).collect();
            let end = points.get(axes.len().wrapping_sub(1)).map_or(f64::NAN, |point| point[1]);
            let pieces = cut(&points);
            self.marks.push(Mark::Line { tint: Tint::Shade(end), faint: end.is_nan(), sparse: false, pieces });
        }
    }

    fn heat(&mut self, rows: usize, columns: usize, values: &[f64]) {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().fold(0.0, f64::min), finite().fold(0.0, f64::max));
        let axis = Axis { range: Some([low, high]), ..Axis::default() };
        self.shades =
            (high > low).then(|| Shades { mapping: Mapping::new(&axis, std::iter::empty(), 0.0), tiles: true });
        for (place, value) in values.iter().enumerate().take(rows.saturating_mul(columns)) {
            let (row, column) = ((place / columns) as f64, (place % columns) as f64);
            let left = self.x.place(column - 0.5);
            let (below, above) = (self.y.place(row + 0.5), self.y.place(row - 0.5));
            let part = if high > low { (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) } else { 0.0 };
            let text = if value.is_finite() { ticks::number(*value) } else { String::new() };
            self.marks.push(Mark::Tile { part, low: [left, below], high: [self.x.place(column + 0.5), above], text });
        }
    }

    /// Nearly as many rows as columns.
    fn images(&mut self, images: &[Image]) {
        let columns = (images.len() as f64).sqrt().ceil().max(1.0);
        let rows = (images.len() as f64 / columns).ceil().max(1.0);
        let side = ((PIXELS_MAX as f64 / images.len().max(1) as f64).sqrt() as usize).clamp(8, 128);
        for (place, image) in images.iter().enumerate() {
            let (row, column) = ((place as f64 / columns).floor(), place as f64 % columns);
            let (low, high) =
                ([column / columns, 1.0 - (row + 1.0) / rows], [(column + 1.0) / columns, 1.0 - row / rows]);
            self.marks.push(Mark::Image { image: image.within(side), low, high });
        }
    }

    /// Whether nothing is measured along the axes.
    pub fn is_bare(&self) -> bool {
        !self.marks.is_empty() && self.marks.iter().all(|mark| matches!(mark, Mark::Image { .. }))
    }

    /// Says what has no place on a logarithmic axis.
    fn count_lost(&mut self, chart: &Chart) {
        let lost = |scale: Scale, values: &mut dyn Iterator<Item = f64>| {
            if scale == Scale::Log { values.filter(|value| *value <= 0.0).count() } else { 0 }
        };
        let all = [
            ("x", lost(chart.x.scale, &mut chart.layers.iter().flat_map(xs))),
            ("y", lost(chart.y.scale, &mut chart.layers.iter().flat_map(ys))),
        ];
        for (name, count) in all.into_iter().filter(|(_, count)| *count > 0) {
            let values = if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
            self.notes.push(format!("{values} of 0 or less left out: the {name} axis is logarithmic"));
        }
    }
}

/// The axes, with the names that some layers bring along.
fn axes(chart: &Chart) -> (Axis, Axis) {
    let (mut x, mut y) = (chart.x.clone(), chart.y.clone());
    for layer in &chart.layers {
        match layer {
            Layer::Heat { rows, columns, .. } => {
                (x.categories, y.categories) = (columns.clone(), rows.clone());
            }
            Layer::Ridge { rows, .. } => {
                y.categories = rows.iter().rev().map(|row| row.label.clone()).collect();
                y.range = Some([-0.5, rows.len() as f64 + 0.2]);
            }
            Layer::Parallel { .. } => {
                (x.range, y.range) = (Some([0.0, 1.0]), Some([0.0, 1.0]));
            }
            Layer::Bars { values, .. } if x.categories.is_empty() => {
                x.categories = (1..=values.len()).map(|place| place.to_string()).collect();
            }
            _ => {}
        }
    }
    (x, y)
}

/// All x of a layer.
fn xs(layer: &Layer) -> Box<dyn Iterator<Item = f64> + '_> {
    match layer {
        Layer::Line { points, .. } | Layer::Scatter { points, .. } => Box::new(points.iter().map(|point| point[0])),
        Layer::Band { points, .. } => Box::new(points.iter().map(|point| point[0])),
        Layer::Histogram { bins, .. } => Box::new(bins.edges.iter().copied()),
        Layer::Ridge { rows, .. } => Box::new(rows.iter().flat_map(|row| row.bins.edges.iter().copied())),
        _ => Box::new(std::iter::empty()),
    }
}

/// All y of a layer.
fn ys(layer: &Layer) -> Box<dyn Iterator<Item = f64> + '_> {
    match layer {
        Layer::Line { points, .. } | Layer::Scatter { points, .. } => Box::new(points.iter().map(|point| point[1])),
        Layer::Band { points, .. } => Box::new(points.iter().flat_map(|point| [point[1], point[2]])),
        Layer::Histogram { bins, .. } => Box::new(bins.counts.iter().copied()),
        Layer::Bars { values, errors, .. } => {
            let error = |place: usize| errors.get(place).copied().unwrap_or(0.0);
            Box::new(values.iter().enumerate().flat_map(move |(place, value)| {
                let error = error(place);
                if error > 0.0 { [value - error, value + error] } else { [*value; 2] }
            }))
        }
        _ => Box::new(std::iter::empty()),
    }
}

fn rectangle(low: [f64; 2], high: [f64; 2]) -> Vec<[f64; 2]> {
    vec![low, [high[0], low[1]], high, [low[0], high[1]]]
}

/// The pieces of a line inside the unit square: it ends at every gap, and where it leaves the square
/// (Liang & Barsky, 1984). A point between two gaps stays as a piece of its own.
pub(crate) fn cut(points: &[[f64; 2]]) -> Vec<Vec<[f64; 2]>> {
    let mut pieces: Vec<Vec<[f64; 2]>> = Vec::new();
    for run in points.split(|point| !(point[0].is_finite() && point[1].is_finite())) {
        if let [only] = run {
            if only.iter().all(|place| (0.0..=1.0).contains(place)) {
                pieces.push(vec![*only]);
            }
            continue;
        }
        let mut piece: Vec<[f64; 2]> = Vec::new();
        for pair in run.windows(2) {
            let Some([from, to]) = inside(pair[0], pair[1]) else { continue };
            if piece.last() != Some(&from) {
                if piece.len() > 1 {
                    pieces.push(std::mem::take(&mut piece));
                }
                piece.clear();
                piece.push(from);
            }
            piece.push(to);
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
    pieces
}

/// The part of a line between two points that lies in the unit square.
fn inside(from: [f64; 2], to: [f64; 2]) -> Option<[[f64; 2]; 2]> {
    let whole = |point: [f64; 2]| point.iter().all(|place| (0.0..=1.0).contains(place));
    if whole(from) && whole(to) {
        return Some([from, to]);
    }
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for side in 0..2 {
        let way = to[side] - from[side];
        if way == 0.0 {
            if !(0.0..=1.0).contains(&from[side]) {
                return None;
            }
            continue;
        }
        let (near, far) = (-from[side] / way, (1.0 - from[side]) / way);
        enter = enter.max(near.min(far));
        leave = leave.min(near.max(far));
    }
    if enter > leave || enter.is_nan() || leave.is_nan() {
        return None;
    }
    let at = |part: f64| [0, 1].map(|side| (from[side] + (to[side] - from[side]) * part).clamp(0.0, 1.0));
    let start = if whole(from) { from } else { at(enter) };
    Some([start, if whole(to) { to } else { at(leave) }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_gaps_and_at_the_frame() {
        let gap = [f64::NAN, f64::NAN];
        assert_eq!(cut(&[[0.0, 0.5], gap, [0.2, 0.5], [0.4, 0.5]]), [vec![[0.0, 0.5]], vec![[0.2, 0.5], [0.4, 0.5]]]);
        assert_eq!(cut(&[[0.0, 0.5], [0.5, 1.5], [1.0, 0.5]]), [[[0.0, 0.5], [0.25, 1.0]], [[0.75, 1.0], [1.0, 0.5]]]);
        assert!(cut(&[[0.0, 2.0], [1.0, 3.0]]).is_empty());
    }

    #[test]
    fn what_a_log_axis_cannot_show_is_said() {
        let points = vec![[0.0, 1.0], [1.0, 0.0], [2.0, -1.0], [3.0, 10.0]];
        let layer = Layer::Line { name: "loss".into(), slot: 0, points, faint: false };
        let chart = Chart { y: Axis::new("loss").scale(Scale::Log), layers: vec![layer], ..Chart::default() };
        let picture = Picture::new(&chart, 100);
        assert_eq!(picture.notes, ["2 values of 0 or less left out: the y axis is logarithmic"]);
        let Mark::Line { pieces, .. } = &picture.marks[0] else { panic!("{picture:?}") };
        assert_eq!(pieces.len(), 2);
    }

    #[test]
    fn bars_stand_on_zero() {
        let layer = Layer::Bars { name: String::new(), slot: 0, values: vec![2.0, 4.0], errors: vec![] };
        let picture = Picture::new(&Chart { layers: vec![layer], ..Chart::default() }, 100);
        assert_eq!(picture.y.place(0.0), 0.0);
        assert!(picture.x.is_named());
    }
}
