//! Data on the plot.

use super::{Area, Pen, width};
use crate::palette::{self, Marker};
use crate::picture::{Entry, Mark, Picture, Sample, Tint};
use crate::scene::{Anchor, Shape, Stroke};
use crate::{Image, font};

/// Width of a line, in points.
const LINE: f64 = 1.1;
/// Half the size of a marker, in points.
const MARKER: f64 = 1.7;
/// Markers along a line of many points.
const MARKERS: usize = 5;
/// Lines from which on they get thinner.
const CROWD: usize = 12;
/// Lines up to which they are dashed: looks repeat beyond.
const DASHED_MAX: usize = 140;

/// Draws all data.
pub fn draw(pen: &mut Pen, picture: &Picture, plot: Area) {
    let lines = picture.marks.iter().filter(|mark| matches!(mark, Mark::Line { faint: false, .. })).count();
    let several = picture.legend.len() > 1;
    for mark in &picture.marks {
        match mark {
            Mark::Line { tint, faint, sparse, pieces } => {
                let pieces: Vec<Vec<[f64; 2]>> = pieces.iter().map(|piece| stretch(piece, plot)).collect();
                let width = if *faint {
                    0.5
                } else if lines > CROWD {
                    0.7
                } else {
                    LINE
                };
                let (colour, dash, marker) = match tint {
                    Tint::Slot(slot) => {
                        let look = palette::look(*slot, pen.theme);
                        (look.colour, look.dash, Some((look.marker, *slot)))
                    }
                    Tint::Shade(part) => (palette::shade(*part), &[][..], None),
                };
                let marked = marker.filter(|_| !faint && (*sparse || several) && lines <= CROWD * 3);
                let spots = marked.map(|(marker, slot)| (marker, spots(&pieces, *sparse, slot, plot)));
                let dash = if lines <= DASHED_MAX { dash } else { &[] };
                let dash = dash.iter().map(|length| length * width).collect();
                let opacity = if *faint {
                    0.35
                } else if matches!(tint, Tint::Shade(_)) {
                    0.75
                } else {
                    1.0
                };
                pen.shapes.push(Shape::Lines { pieces, stroke: Stroke { colour, width, opacity, dash } });
                if let Some((marker, spots)) = spots {
                    draw_markers(pen, marker, spots, MARKER, colour, 1.0);
                }
            }
            Mark::Area { slot, sheer, outlines } => {
                let outlines: Vec<_> = outlines.iter().map(|outline| stretch(outline, plot)).collect();
                let opacity = if *sheer { 0.22 } else { 0.9 };
                pen.shapes.push(Shape::Areas { outlines, colour: palette::look(*slot, pen.theme).colour, opacity });
            }
            Mark::Points { slot, points } => {
                let look = palette::look(*slot, pen.theme);
                let opacity = if points.len() > 300 { 0.4 } else { 0.85 };
                draw_markers(pen, look.marker, stretch(points, plot), MARKER * 1.15, look.colour, opacity);
            }
            Mark::Image { image, low, high } => draw_image(pen, image, plot.at(*low), plot.at(*high)),
            Mark::Tile { part, low, high, text } => tile(pen, *part, plot.at(*low), plot.at(*high), text),
        }
    }
}

fn stretch(points: &[[f64; 2]], plot: Area) -> Vec<[f64; 2]> {
    points.iter().map(|point| plot.at(*point)).collect()
}

/// Where a line has its markers: on every point, or at a few places that differ from series to series.
fn spots(pieces: &[Vec<[f64; 2]>], sparse: bool, slot: usize, plot: Area) -> Vec<[f64; 2]> {
    if sparse {
        return pieces.iter().flatten().copied().collect();
    }
    let shift = (slot % 5) as f64 / 5.0;
    let wished = (0..MARKERS).map(|place| plot.left + plot.width * (place as f64 + 0.2 + 0.8 * shift) / MARKERS as f64);
    let mut spots: Vec<[f64; 2]> = Vec::with_capacity(MARKERS);
    for x in wished {
        let pair = pieces.iter().flat_map(|piece| piece.windows(2)).find(|pair| pair[0][0] <= x && x <= pair[1][0]);
        spots.extend(pair.map(|pair| pair[0]));
    }
    spots.dedup();
    spots
}

fn draw_markers(
    pen: &mut Pen,
    marker: Marker,
    centres: Vec<[f64; 2]>,
    radius: f64,
    colour: palette::Rgb,
    opacity: f64,
) {
    if centres.is_empty() {
        return;
    }
    if marker == Marker::Circle {
        pen.shapes.push(Shape::Circles { centres, radius, colour, opacity });
        return;
    }
    let corners: &[[f64; 2]] = match marker {
        Marker::Circle | Marker::Square => &[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
        Marker::Triangle => &[[0.0, -1.2], [1.1, 0.8], [-1.1, 0.8]],
        Marker::Diamond => &[[0.0, -1.25], [1.25, 0.0], [0.0, 1.25], [-1.25, 0.0]],
        Marker::Wedge => &[[0.0, 1.2], [1.1, -0.8], [-1.1, -0.8]],
    };
    let outline =
        |[x, y]: [f64; 2]| corners.iter().map(|corner| [x + corner[0] * radius, y + corner[1] * radius]).collect();
    pen.shapes.push(Shape::Areas { outlines: centres.into_iter().map(outline).collect(), colour, opacity });
}

/// A shaded rectangle with its number, as large as it fits; a number that would be too small to be read is left out.
fn tile(pen: &mut Pen, part: f64, [left, bottom]: [f64; 2], [right, top]: [f64; 2], text: &str) {
    let colour = palette::tile(part, pen.theme);
    let outlines = vec![vec![[left, bottom], [right, bottom], [right, top], [left, top]]];
    pen.shapes.push(Shape::Areas { outlines, colour, opacity: 1.0 });
    let (wide, high) = (right - left, bottom - top);
    let fitting = (wide * 0.85 / width(text, 1.0).max(0.1)).min(high * 0.7).min(pen.size);
    if fitting >= 3.5 && !text.is_empty() {
        let at = [(left + right) / 2.0, (top + bottom) / 2.0 + fitting * 0.35];
        let colour = palette::readable_on(colour);
        pen.shapes.push(Shape::Text {
            at,
            text: text.to_owned(),
            size: fitting,
            anchor: Anchor::Middle,
            turned: false,
            colour,
        });
    }
}

/// A picture in its own proportions, its name below it: pixels as rectangles, so that they stay sharp on paper.
fn draw_image(pen: &mut Pen, image: &Image, [left, bottom]: [f64; 2], [right, top]: [f64; 2]) {
    let small = pen.size * 0.8;
    let margin = small * 0.4;
    let (wide, high) = ((right - left - margin).max(1.0), (bottom - top - small * 1.6).max(1.0));
    let side = (wide / image.width.max(1) as f64).min(high / image.height.max(1) as f64);
    let start = [left + (wide - side * image.width as f64) / 2.0, top];
    let end = [start[0] + side * image.width as f64, start[1] + side * image.height as f64];
    for (row, from, to, [red, green, blue]) in image.runs() {
        let [x, y] = [start[0] + side * from as f64, start[1] + side * row as f64];
        // A hair under its right and lower neighbours, so that no seam shines through.
        let (over, under) = ((start[0] + side * (to as f64 + 0.3)).min(end[0]), (y + side * 1.3).min(end[1]));
        let outlines = vec![vec![[x, y], [over, y], [over, under], [x, under]]];
        pen.shapes.push(Shape::Areas { outlines, colour: palette::Rgb(red, green, blue), opacity: 1.0 });
    }
    let name = font::shorten(&image.name, small, wide);
    pen.text([left + wide / 2.0, end[1] + small * 1.1], name, small, Anchor::Middle, false);
}

/// How a series looks, beside its name.
pub fn draw_sample(pen: &mut Pen, entry: &Entry, left: f64, middle: f64, width: f64) {
    let look = palette::look(entry.slot, pen.theme);
    let centre = [left + width / 2.0, middle];
    match entry.sample {
        Sample::Line => {
            let dash = look.dash.iter().map(|length| length * LINE).collect();
            let stroke = Stroke { colour: look.colour, width: LINE, opacity: 1.0, dash };
            pen.shapes.push(Shape::Lines { pieces: vec![vec![[left, middle], [left + width, middle]]], stroke });
            draw_markers(pen, look.marker, vec![centre], MARKER, look.colour, 1.0);
        }
        Sample::Points => draw_markers(pen, look.marker, vec![centre], MARKER * 1.15, look.colour, 0.85),
        Sample::Area => {
            let (half, high) = (width * 0.3, width * 0.2);
            let [x, y] = centre;
            let outline = vec![[x - half, y - high], [x + half, y - high], [x + half, y + high], [x - half, y + high]];
            pen.shapes.push(Shape::Areas { outlines: vec![outline], colour: look.colour, opacity: 0.9 });
        }
    }
}
