//! The legend: in a corner that holds no data, otherwise below the charts.

use super::{Area, Pen, marks, width};
use crate::picture::{Entry, Mark, Picture};
use crate::scene::{Anchor, Shape};
use crate::{font, palette};

/// Widths of a sample and of the gaps beside it, in font sizes.
const SAMPLE: f64 = 2.0;
const GAP: f64 = 0.5;
/// Entries in a corner at most.
const INSIDE_MAX: usize = 12;

/// Where a legend may stand below.
#[derive(Clone, Copy)]
pub struct Room {
    pub width: f64,
    pub most: f64,
}

/// A corner of the plot in which no data are, big enough for the legend; the right top is tried first.
pub fn free_corner(picture: &Picture, plot: Area, size: f64) -> Option<Area> {
    let entries = &picture.legend;
    if entries.is_empty() || entries.len() > INSIDE_MAX || !picture.uprights.is_empty() {
        return None;
    }
    let small = size * 0.9;
    let widest =
        entries.iter().map(|entry| width(&font::shorten(&entry.name, small, plot.width), small)).fold(0.0, f64::max);
    let (wide, high) = (widest + (SAMPLE + 3.0 * GAP) * small, entries.len() as f64 * small * 1.3 + small * 0.5);
    if wide > plot.width * 0.7 || high > plot.height * 0.7 {
        return None;
    }
    let margin = size * 0.4;
    let lefts = [plot.right() - wide - margin, plot.left + margin, plot.left + (plot.width - wide) / 2.0];
    let tops = [plot.top + margin, plot.bottom() - high - margin];
    let places = lefts.iter().take(2).flat_map(|left| tops.map(|top| (*left, top)));
    let places = [(lefts[0], tops[0]), (lefts[1], tops[0])]
        .into_iter()
        .chain(places)
        .chain([(lefts[2], tops[0]), (lefts[2], tops[1])]);
    places
        .map(|(left, top)| Area { left, top, width: wide, height: high })
        .find(|area| !covers(*area, picture, plot, size * 0.3))
}

/// Whether data stand where the legend would, or nearer than `margin`.
pub fn covers(area: Area, picture: &Picture, plot: Area, margin: f64) -> bool {
    // On the unit square, where the data are.
    let (wide, high) = (margin / plot.width, margin / plot.height);
    let left = (area.left - plot.left) / plot.width - wide;
    let right = (area.right() - plot.left) / plot.width + wide;
    let top = 1.0 - (area.top - plot.top) / plot.height + high;
    let bottom = 1.0 - (area.bottom() - plot.top) / plot.height - high;
    let holds = |point: &[f64; 2]| (left..=right).contains(&point[0]) && (bottom..=top).contains(&point[1]);
    let touches = |from: [f64; 2], to: [f64; 2]| touches([left, bottom], [right, top], from, to);
    let line =
        |points: &Vec<[f64; 2]>| points.iter().any(holds) || points.windows(2).any(|pair| touches(pair[0], pair[1]));
    picture.marks.iter().any(|mark| match mark {
        Mark::Line { pieces, .. } => pieces.iter().any(line),
        Mark::Points { points, .. } => points.iter().any(holds),
        Mark::Tile { .. } | Mark::Image { .. } => true,
        Mark::Area { outlines, .. } => outlines.iter().any(|outline| {
            let middle = [(left + right) / 2.0, (bottom + top) / 2.0];
            let closing = outline.first().zip(outline.last()).is_some_and(|(first, last)| touches(*last, *first));
            line(outline) || closing || surrounds(outline, middle)
        }),
    })
}

/// Whether a line from point to point meets the rectangle.
fn touches(low: [f64; 2], high: [f64; 2], from: [f64; 2], to: [f64; 2]) -> bool {
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for side in 0..2 {
        let way = to[side] - from[side];
        if way == 0.0 {
            if !(low[side]..=high[side]).contains(&from[side]) {
                return false;
            }
            continue;
        }
        let (near, far) = ((low[side] - from[side]) / way, (high[side] - from[side]) / way);
        enter = enter.max(near.min(far));
        leave = leave.min(near.max(far));
    }
    enter <= leave
}

/// Whether the outline goes around the point: a ray from it meets the outline an odd number of times.
fn surrounds(outline: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    let next = outline.iter().cycle().skip(1);
    let crossings = outline.iter().zip(next).filter(|(from, to)| {
        (from[1] > y) != (to[1] > y) && x < (to[0] - from[0]) * (y - from[1]) / (to[1] - from[1]) + from[0]
    });
    crossings.count() % 2 == 1
}

/// The legend in its corner, over the grid.
pub fn draw_inside(pen: &mut Pen, entries: &[Entry], area: Area) {
    let small = pen.size * 0.9;
    let outline = vec![
        [area.left, area.top],
        [area.right(), area.top],
        [area.right(), area.bottom()],
        [area.left, area.bottom()],
    ];
    pen.shapes.push(Shape::Areas { outlines: vec![outline], colour: palette::background(pen.theme), opacity: 0.85 });
    for (row, entry) in entries.iter().enumerate() {
        let middle = area.top + small * (0.25 + 1.3 * (row as f64 + 0.5));
        let room = area.width - (SAMPLE + 3.0 * GAP) * small;
        draw_entry(pen, entry, [area.left + GAP * small, middle], small, room + 0.1);
    }
}

fn draw_entry(pen: &mut Pen, entry: &Entry, [left, middle]: [f64; 2], small: f64, room: f64) {
    marks::draw_sample(pen, entry, left, middle, SAMPLE * small);
    let name = font::shorten(&entry.name, small, room);
    pen.text([left + (SAMPLE + GAP) * small, middle + small * 0.35], name, small, Anchor::Start, false);
}

/// A legend below the charts: entries in columns of one width, row after row.
pub struct Rows<'a> {
    entries: &'a [Entry],
    left_out: usize,
    columns: usize,
    column_width: f64,
    small: f64,
}

impl<'a> Rows<'a> {
    /// As many entries as there is room for; the others are counted.
    pub fn new(entries: &'a [Entry], room: Room, size: f64) -> Self {
        let small = size * 0.9;
        let sample = (SAMPLE + 3.0 * GAP) * small;
        let names = entries.iter().take(500);
        let widest =
            names.map(|entry| width(&font::shorten(&entry.name, small, room.width * 0.6), small)).fold(0.0, f64::max);
        let columns = ((room.width / (widest + sample + small)) as usize).clamp(1, entries.len().max(1));
        let rows = ((room.most / (small * 1.35)) as usize).max(1);
        let shown =
            if entries.len() <= rows * columns { entries.len() } else { (rows * columns).saturating_sub(1).max(1) };
        let column_width = (room.width / columns as f64).min(widest + sample + small * 2.0);
        Self { entries: &entries[..shown], left_out: entries.len() - shown, columns, column_width, small }
    }

    /// How high it is, in points.
    pub fn height(&self) -> f64 {
        let cells = self.entries.len() + usize::from(self.left_out > 0);
        cells.div_ceil(self.columns) as f64 * self.small * 1.35 + self.small * 0.6
    }

    /// Draws it below and right of `corner`.
    pub fn draw(&self, pen: &mut Pen, [left, top]: [f64; 2]) {
        let place = |cell: usize| {
            let (row, column) = (cell / self.columns, cell % self.columns);
            [left + column as f64 * self.column_width, top + self.small * 1.35 * (row as f64 + 0.5)]
        };
        let room = self.column_width - (SAMPLE + 2.0 * GAP) * self.small;
        for (cell, entry) in self.entries.iter().enumerate() {
            draw_entry(pen, entry, place(cell), self.small, room);
        }
        if self.left_out > 0 {
            let [x, y] = place(self.entries.len());
            let words = format!("… and {} more", self.left_out);
            pen.text([x, y + self.small * 0.35], words, self.small, Anchor::Start, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Chart, Layer};

    fn picture(points: Vec<[f64; 2]>) -> Picture {
        let layer = Layer::Line { name: "training".into(), slot: 0, points, faint: false };
        Picture::new(&Chart { x: Axis::new("step"), layers: vec![layer], ..Chart::default() }, 500)
    }

    const PLOT: Area = Area { left: 30.0, top: 10.0, width: 220.0, height: 120.0 };

    #[test]
    fn the_legend_covers_no_data() {
        let count = 400;
        type Curve = fn(f64) -> f64;
        let curves: [(Curve, bool); 5] = [
            (|x| (-5.0 * x).exp(), true),
            (|x| 1.0 - (-9.0 * x).exp(), true),
            (|x| x, true),
            (|x| (x * 6.0).sin(), true),
            (|x| (x * 3000.0).sin(), false),
        ];
        for (curve, expected) in curves {
            let points = (0..count).map(|x| f64::from(x) / f64::from(count)).map(|x| [x, curve(x)]).collect();
            let picture = picture(points);
            let corner = free_corner(&picture, PLOT, 8.0);
            assert_eq!(corner.is_some(), expected, "{:?}", curve(0.3));
            if let Some(corner) = corner {
                assert!(!covers(corner, &picture, PLOT, 0.0));
                assert!(corner.left >= PLOT.left && corner.right() <= PLOT.right());
                assert!(corner.top >= PLOT.top && corner.bottom() <= PLOT.bottom());
            }
        }
    }

    #[test]
    fn a_band_around_the_corner_counts() {
        let points = vec![[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]];
        let line = Layer::Line { name: "a".into(), slot: 0, points: vec![[0.0, 0.5], [1.0, 0.5]], faint: false };
        let chart = Chart { layers: vec![Layer::Band { slot: 0, points }, line], ..Chart::default() };
        assert_eq!(free_corner(&Picture::new(&chart, 100), PLOT, 8.0), None);
    }
}
