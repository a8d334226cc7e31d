//! Title, axes, ticks and grid around a chart.

use super::{Area, Pen, width};
use crate::picture::{Mark, Picture};
use crate::scene::Anchor;
use crate::ticks::Ticks;
use crate::{font, palette};

/// Length of a tick, in points.
const TICK: f64 = 2.5;

/// Notes at most, the size of their words and the height of their lines, in font sizes.
const NOTES_MAX: usize = 3;
const NOTE_SIZE: f64 = 0.75;
const NOTE: f64 = 1.0;
/// Width of a colour bar, and of the gap before it, in font sizes.
const BAR: f64 = 0.8;

/// What surrounds the plot, measured before it is drawn.
struct Measure {
    plot: Area,
    x: Ticks,
    y: Ticks,
    /// What stands below: what the reader must know.
    notes: Vec<String>,
    /// The x labels stand upright, since they are too wide.
    turned: bool,
}

/// Where the data will stand.
pub fn plot_area(picture: &Picture, area: Area, size: f64) -> Area {
    measure(picture, area, size).plot
}

/// Draws the frame and says where the data stand.
pub fn draw(pen: &mut Pen, picture: &Picture, area: Area) -> Area {
    let Measure { plot, x, y, notes, turned } = measure(picture, area, pen.size);
    let area = Area { height: area.height - pen.size * NOTE * notes.len() as f64, ..area };
    for (row, note) in notes.into_iter().enumerate() {
        let base = area.bottom() + pen.size * (NOTE * row as f64 + 0.7);
        pen.text([area.left, base], note, pen.size * NOTE_SIZE, Anchor::Start, false);
    }
    let (size, small) = (pen.size, pen.size * 0.9);
    if !picture.title.is_empty() {
        let title = font::shorten(&picture.title, size * 1.1, area.right() - plot.left);
        pen.text([plot.left, area.top + size], title, size * 1.1, Anchor::Start, false);
    }
    rules(pen, picture, plot, &x, &y);
    let end = plot.left - TICK - 1.5;
    for (place, label) in &y.major {
        let label = font::shorten(label, small, (end - area.left).max(0.0));
        pen.text([end, plot.at([0.0, *place])[1] + small * 0.35], label, small, Anchor::End, false);
    }
    pen.text([plot.left, plot.top - size * 0.35], y.factor, small, Anchor::Start, false);
    let base = plot.bottom() + TICK + 1.0;
    for (place, label) in &x.major {
        let [middle, _] = plot.at([*place, 0.0]);
        if turned {
            let label = font::shorten(label, small, area.height * 0.3);
            pen.text([middle + small * 0.35, base], label, small, Anchor::End, true);
        } else {
            pen.text([middle, base + small * 0.85], label.clone(), small, Anchor::Middle, false);
        }
    }
    draw_bar(pen, picture, plot);
    let x_label =
        if x.factor.is_empty() { picture.x_label.clone() } else { format!("{} ({})", picture.x_label, x.factor) };
    let x_label = font::shorten(&x_label, size, area.width);
    let half = width(&x_label, size) / 2.0;
    let middle = (plot.left + plot.width / 2.0).min(area.right() - half).max(area.left + half);
    pen.text([middle, area.bottom() - size * 0.25], x_label, size, Anchor::Middle, false);
    let y_label = font::shorten(&picture.y_label, size, area.height);
    let half = width(&y_label, size) / 2.0;
    let middle = (plot.top + plot.height / 2.0).min(area.bottom() - half).max(area.top + half);
    pen.text([area.left + size * 0.85, middle], y_label, size, Anchor::Middle, true);
    plot
}

/// Grid, spines and ticks.
fn rules(pen: &mut Pen, picture: &Picture, plot: Area, x: &Ticks, y: &Ticks) {
    let (grid, ink) = (palette::grid(pen.theme), palette::ink(pen.theme));
    if !picture.uprights.is_empty() || picture.is_bare() {
        return;
    }
    let upright = |place: f64| vec![plot.at([place, 0.0]), plot.at([place, 1.0])];
    let level = |place: f64| vec![plot.at([0.0, place]), plot.at([1.0, place])];
    if !picture.marks.iter().any(|mark| matches!(mark, Mark::Tile { .. })) {
        let uprights = x.major.iter().filter(|_| !picture.x.is_named()).map(|tick| upright(tick.0));
        let lines: Vec<_> = uprights.chain(y.major.iter().map(|tick| level(tick.0))).collect();
        pen.rules(lines, grid, 0.5);
    }
    let down = |place: f64, length: f64| {
        let [x, y] = plot.at([place, 0.0]);
        vec![[x, y], [x, y + length]]
    };
    let left = |place: f64, length: f64| {
        let [x, y] = plot.at([0.0, place]);
        vec![[x, y], [x - length, y]]
    };
    let mut ticks = vec![vec![plot.at([0.0, 1.0]), plot.at([0.0, 0.0]), plot.at([1.0, 0.0])]];
    ticks.extend(x.major.iter().map(|tick| down(tick.0, TICK)));
    ticks.extend(x.minor.iter().map(|place| down(*place, TICK * 0.6)));
    ticks.extend(y.major.iter().map(|tick| left(tick.0, TICK)));
    ticks.extend(y.minor.iter().map(|place| left(*place, TICK * 0.6)));
    pen.rules(ticks, ink, 0.6);
}

/// The further vertical axes of parallel coordinates, with their labels beside them.
pub fn draw_uprights(pen: &mut Pen, picture: &Picture, plot: Area) {
    let small = pen.size * 0.8;
    let (ink, behind) = (palette::ink(pen.theme), palette::background(pen.theme));
    let lines = picture.uprights.iter().map(|upright| vec![plot.at([upright.0, 0.0]), plot.at([upright.0, 1.0])]);
    pen.rules(lines.collect(), ink, 0.8);
    let room = plot.width / picture.uprights.len().saturating_sub(1).max(1) as f64;
    for (place, mapping, label) in &picture.uprights {
        let last = *place > 1.0 - 1e-9 && picture.uprights.len() > 1;
        let ticks = mapping.ticks((plot.height / (pen.size * 2.4)) as usize);
        for (height, words) in &ticks.major {
            let words = font::shorten(words, small, room * 0.45);
            let [x, y] = plot.at([*place, *height]);
            let (wide, half) = (width(&words, small), small * 0.5);
            let (start, tick) = if last { (x - 4.0 - wide, x - TICK) } else { (x + 4.0, x + TICK) };
            let outline = [
                [start - 0.8, y - half],
                [start + wide + 0.8, y - half],
                [start + wide + 0.8, y + half],
                [start - 0.8, y + half],
            ];
            let outlines = vec![outline.to_vec()];
            pen.shapes.push(crate::scene::Shape::Areas { outlines, colour: behind, opacity: 0.8 });
            pen.rules(vec![vec![[x, y], [tick, y]]], ink, 0.6);
            pen.text([start, y + small * 0.35], words, small, Anchor::Start, false);
        }
        let label = if ticks.factor.is_empty() { label.clone() } else { format!("{label} ({})", ticks.factor) };
        let label = font::shorten(&label, pen.size, room * 0.92);
        let half = width(&label, pen.size) / 2.0;
        let [x, y] = plot.at([*place, 0.0]);
        let middle =
            if last { x.min(plot.right() + pen.size * 1.2 - half) } else { x.max(plot.left - pen.size * 1.2 + half) };
        pen.text([middle, y + pen.size * 1.5], label, pen.size, Anchor::Middle, false);
    }
}

/// The shades and their numbers: right of the plot, or along the last of several axes, which has the numbers.
fn draw_bar(pen: &mut Pen, picture: &Picture, plot: Area) {
    let Some(shades) = &picture.shades else { return };
    let wide = if shades.tiles { pen.size * BAR } else { pen.size * 0.4 };
    let left = plot.right() + if shades.tiles { pen.size * BAR } else { 1.0 };
    let steps = 64.0f64;
    for step in 0..steps as usize {
        let part = (step as f64 + 0.5) / steps;
        let colour = if shades.tiles { palette::tile(part, pen.theme) } else { palette::shade(part) };
        let [low, high] =
            [step as f64, (step as f64 + 1.5).min(steps)].map(|step| plot.bottom() - plot.height * step / steps);
        let outline = vec![[left, low], [left + wide, low], [left + wide, high], [left, high]];
        pen.shapes.push(crate::scene::Shape::Areas { outlines: vec![outline], colour, opacity: 1.0 });
    }
    if shades.tiles {
        let (small, end) = (pen.size * 0.9, left + wide);
        for (place, label) in &bar_ticks(picture, plot.height, pen.size).major {
            let y = plot.at([0.0, *place])[1];
            pen.rules(vec![vec![[end, y], [end + TICK, y]]], palette::ink(pen.theme), 0.6);
            pen.text([end + TICK + 1.5, y + small * 0.35], label.clone(), small, Anchor::Start, false);
        }
    }
}

fn bar_ticks(picture: &Picture, height: f64, size: f64) -> Ticks {
    let most = ((height / (size * 2.4)).min(8.0) as usize).max(2);
    picture.shades.as_ref().map(|shades| shades.mapping.ticks(most)).unwrap_or_default()
}

fn measure(picture: &Picture, area: Area, size: f64) -> Measure {
    let small = size * 0.9;
    let most = ((area.height / size / 4.0) as usize).min(NOTES_MAX);
    let notes = picture.notes.iter().take(most).map(|note| font::shorten(note, size * NOTE_SIZE, area.width));
    let notes: Vec<String> = notes.collect();
    let area = Area { height: area.height - size * NOTE * notes.len() as f64, ..area };
    let title = if picture.title.is_empty() { 0.0 } else { size * 1.7 };
    let x_label = if picture.x_label.is_empty() { 0.0 } else { size * 1.35 };
    let y_label = if picture.y_label.is_empty() { 0.0 } else { size * 1.35 };
    if !picture.uprights.is_empty() {
        let plot = Area {
            left: area.left + size * 1.5,
            top: area.top + title + size * 0.5,
            width: (area.width - size * 3.0).max(1.0),
            height: (area.height - title - size * 2.6).max(1.0),
        };
        return Measure { plot, x: Ticks::default(), y: Ticks::default(), notes, turned: false };
    }
    if picture.is_bare() {
        let plot = Area { top: area.top + title, height: (area.height - title).max(1.0), ..area };
        return Measure { plot, x: Ticks::default(), y: Ticks::default(), notes, turned: false };
    }
    let flat = TICK + 1.0 + small * 1.2;
    let rough = (area.height - title - flat - x_label).max(1.0);
    let y_most = if picture.y.is_named() { rough / (small * 1.15) } else { (rough / (size * 2.4)).min(8.0) };
    let y = picture.y.ticks((y_most as usize).max(2));
    let widest = y.major.iter().map(|tick| width(&tick.1, small)).fold(0.0, f64::max).min(area.width * 0.35);
    let left = y_label + widest + TICK + 2.5;
    let head = title + if y.factor.is_empty() { small * 0.4 } else { size * 1.3 };
    let bar = if picture.shades.is_some() {
        let labels = bar_ticks(picture, rough, size).major;
        size * BAR * 2.0 + TICK + 1.5 + labels.iter().map(|tick| width(&tick.1, small)).fold(0.0, f64::max)
    } else {
        0.0
    };
    let plot_width = (area.width - left - bar).max(1.0);
    let (x, turned) = x_ticks(picture, plot_width, small, area.height);
    let edge = |ticks: &Ticks| {
        ticks.major.last().map_or(0.0, |tick| (width(&tick.1, small) / 2.0 - (1.0 - tick.0) * plot_width).max(0.0))
    };
    let (right, foot) = if turned {
        let tallest = x.major.iter().map(|tick| width(&tick.1, small)).fold(0.0, f64::max).min(area.height * 0.3);
        (0.0, TICK + 2.0 + tallest)
    } else {
        (edge(&x), flat)
    };
    let plot = Area {
        left: area.left + left,
        top: area.top + head,
        width: (plot_width - right - 1.0).max(1.0),
        height: (area.height - head - foot - x_label).max(1.0),
    };
    Measure { plot, x, y, notes, turned }
}

/// As many x labels as stand side by side; names that do not are turned upright.
fn x_ticks(picture: &Picture, room: f64, small: f64, height: f64) -> (Ticks, bool) {
    let fits = |ticks: &Ticks| {
        ticks.major.windows(2).all(|pair| {
            let halves = width(&pair[0].1, small) / 2.0 + width(&pair[1].1, small) / 2.0;
            (pair[1].0 - pair[0].0).abs() * room >= halves + small * 0.7
        })
    };
    if picture.x.is_named() {
        let all = picture.x.ticks(usize::MAX);
        if all.major.len() < 1000 && fits(&all) {
            return (all, false);
        }
        let ticks = picture.x.ticks(((room / (small * 1.15)) as usize).max(1));
        let short = |label: &str| font::shorten(label, small, height * 0.3);
        let major = ticks.major.iter().map(|(place, label)| (*place, short(label))).collect();
        return (Ticks { major, ..ticks }, true);
    }
    let most = ((room / (small * 3.0)) as usize).clamp(2, 9);
    let found = (2..=most).rev().map(|most| picture.x.ticks(most)).find(fits);
    (found.unwrap_or_else(|| picture.x.ticks(1)), false)
}
