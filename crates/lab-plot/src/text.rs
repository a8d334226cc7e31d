//! A chart as lines of text: dots of braille, or plain ASCII.

mod canvas;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::picture::{Entry, Mark, Picture, Tint};
use crate::{Chart, Mapping, font};
use canvas::Canvas;

pub use canvas::ascii_mark;

/// With what a chart is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Glyphs {
    /// Eight dots in each cell.
    #[default]
    Braille,
    /// One letter in each cell, another for each series.
    Ascii,
}

/// Text that belongs to one series, or to none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The text.
    pub text: String,
    /// The series, for its colour.
    pub slot: Option<usize>,
}

/// One line of text.
pub type Line = Vec<Span>;

/// Columns and rows that a chart has at least; with less room it is drawn all the same and is to be cut.
const LEAST: (usize, usize) = (16, 5);

/// A chart as lines, and where in them the plot lies.
#[derive(Clone, PartialEq, Debug)]
pub struct Drawing {
    /// The lines, from the top.
    pub lines: Vec<Line>,
    /// The first column of the plot.
    pub left: usize,
    /// The first line of the plot.
    pub top: usize,
    /// Columns of the plot.
    pub width: usize,
    /// Lines of the plot.
    pub height: usize,
    /// The horizontal axis, from 0 at the left edge of the plot to 1 at its right edge.
    pub x: Mapping,
}

/// The chart in `columns` × `rows` cells, with axes, ticks and legend. Fewer rows are given where nothing is to be said.
pub fn draw(chart: &Chart, columns: usize, rows: usize, glyphs: Glyphs) -> Vec<Line> {
    drawing(chart, columns, rows, glyphs).lines
}

/// Like [`draw`], for interfaces that point at places in the plot.
pub fn drawing(chart: &Chart, columns: usize, rows: usize, glyphs: Glyphs) -> Drawing {
    let (columns, rows) = (columns.clamp(LEAST.0, 1000), rows.clamp(LEAST.1, 500));
    let picture = Picture::new(chart, columns * 2);
    let mut lines = Vec::new();
    if !picture.title.is_empty() {
        lines.push(plain(shorten(&picture.title, columns)));
    }
    if !picture.y_label.is_empty() && picture.y_label != picture.title {
        lines.push(plain(shorten(&picture.y_label, columns)));
    }
    let legend = legend(&picture.legend, columns, rows / 3, glyphs);
    // The name of the axis stands behind its ticks, unless it would drive them away.
    let is_inline = picture.uprights.is_empty() && picture.x_label.width() * 4 <= columns;
    let foot = 2 + usize::from(!picture.x_label.is_empty() && !is_inline) + legend.len();
    let height = rows.saturating_sub(lines.len() + foot).max(3);
    let y = picture.y.ticks(if picture.y.is_named() { height } else { (height / 2).clamp(3, 7) });
    let y = if picture.uprights.is_empty() && !picture.is_bare() { y } else { crate::Ticks::default() };
    let gutter = y.major.iter().map(|tick| tick.1.width()).max().unwrap_or(0).min(columns / 3);
    let width = columns.saturating_sub(gutter + 2).max(8);

    let mut canvas = Canvas::new(width, height, glyphs);
    paint(&mut canvas, &picture);
    if !y.factor.is_empty() {
        lines.push(plain(y.factor.clone()));
    }
    let top = lines.len();
    let mut labels = vec![String::new(); height];
    for (place, label) in &y.major {
        let row = (((1.0 - place) * height as f64) as usize).min(height - 1);
        labels[row] = shorten(label, gutter);
    }
    let (side, tick, corner) = if glyphs == Glyphs::Braille { ('│', '┤', '└') } else { ('|', '+', '+') };
    for (label, spans) in labels.into_iter().zip(canvas.into_lines()) {
        let frame = if label.is_empty() { side } else { tick };
        let pad = gutter - label.width();
        let mut line = plain(format!("{:pad$}{label} {frame}", ""));
        line.extend(spans);
        lines.push(line);
    }
    let name = if is_inline { shorten(&picture.x_label, columns) } else { String::new() };
    let (rule, labels) = foot_of(&picture, width, &name, glyphs);
    lines.push(plain(format!("{:gutter$} {corner}{rule}", "")));
    lines.push(plain(format!("{:gutter$}  {labels}", "")));
    if !picture.x_label.is_empty() && !is_inline {
        let label = shorten(&picture.x_label, width);
        let pad = gutter + 2 + (width - label.width()) / 2;
        lines.push(plain(format!("{:pad$}{label}", "")));
    }
    lines.extend(legend);
    lines.extend(picture.notes.iter().map(|note| plain(shorten(note, columns))));
    if glyphs == Glyphs::Ascii {
        lines.iter_mut().flatten().for_each(|span| span.text = ascii(&span.text));
    }
    lines.iter_mut().for_each(trim_end);
    Drawing { lines, left: gutter + 2, top, width, height, x: picture.x }
}

/// The letter of a series: what tells it apart without colour.
pub fn letter(slot: usize) -> char {
    char::from(if slot % 52 < 26 { b'a' + (slot % 26) as u8 } else { b'A' + (slot % 26) as u8 })
}

/// Whether each series has a letter of its own.
fn has_letters(entries: &[Entry]) -> bool {
    (2..=52).contains(&entries.len())
}

fn paint(canvas: &mut Canvas, picture: &Picture) {
    let several = has_letters(&picture.legend);
    for mark in &picture.marks {
        match mark {
            // Where all lines are equally strong, raw values would hide the smoothed ones.
            Mark::Line { faint: true, tint: Tint::Slot(_), .. } => {}
            Mark::Line { tint, pieces, .. } => {
                let slot = match tint {
                    Tint::Slot(slot) => Some(*slot),
                    Tint::Shade(_) => None,
                };
                pieces.iter().for_each(|piece| canvas.line(piece, slot));
            }
            Mark::Area { slot, sheer, outlines } => {
                outlines.iter().for_each(|outline| canvas.area(outline, *slot, *sheer));
            }
            Mark::Points { slot, points } => points.iter().for_each(|point| canvas.point(*point, *slot)),
            Mark::Tile { part, low, high, text } => canvas.tile(*part, *low, *high, text),
            Mark::Image { image, low, high } => canvas.image(image, *low, *high),
        }
    }
    for (place, mapping, _) in &picture.uprights {
        canvas.upright(*place);
        for (height, label) in mapping.ticks(4).major {
            canvas.label([*place, height], &shorten(&label, 12), *place > 0.999);
        }
    }
    // The names come last, so that no line hides them.
    for mark in picture.marks.iter().filter(|_| several) {
        if let Mark::Line { tint: Tint::Slot(slot), faint: false, pieces, .. } = mark
            && picture.legend.iter().any(|entry| entry.slot == *slot)
            && let Some(end) = pieces.last().and_then(|piece| piece.last())
        {
            canvas.letter(*end, letter(*slot), *slot);
        }
    }
}

/// The line below the plot, and the labels below it with the name of the axis at the end.
fn foot_of(picture: &Picture, width: usize, name: &str, glyphs: Glyphs) -> (String, String) {
    let ticks: Vec<(f64, String)> = if picture.is_bare() {
        Vec::new()
    } else if picture.uprights.is_empty() {
        picture.x.ticks(if picture.x.is_named() { width / 4 } else { (width / 8).max(2) }).major
    } else {
        picture.uprights.iter().map(|(place, _, label)| (*place, label.clone())).collect()
    };
    let (flat, tick) = if glyphs == Glyphs::Braille { ('─', '┬') } else { ('-', '+') };
    let mut rule = vec![flat; width];
    let mut labels = String::new();
    let room = (width / ticks.len().max(1)).max(3) - 1;
    let free = if name.is_empty() { width } else { width.saturating_sub(name.width() + 2) };
    for (place, label) in ticks {
        let column = ((place * width as f64) as usize).min(width - 1);
        let label = shorten(&label, room.max(6));
        let start = column.saturating_sub(label.width() / 2).min(width.saturating_sub(label.width()));
        let used = labels.width();
        rule[column] = tick;
        if used > 0 && start <= used || start + label.width() > free {
            continue;
        }
        labels.extend(std::iter::repeat_n(' ', start - used));
        labels.push_str(&label);
    }
    if !name.is_empty() {
        let pad = width.saturating_sub(labels.width() + name.width());
        labels.extend(std::iter::repeat_n(' ', pad));
        labels.push_str(name);
    }
    (rule.into_iter().collect(), labels)
}

/// The names, as many as stand in `most` lines.
fn legend(entries: &[Entry], columns: usize, most: usize, glyphs: Glyphs) -> Vec<Line> {
    let sample = |entry: &Entry| match glyphs {
        Glyphs::Braille if has_letters(entries) => format!("⠒{} ", letter(entry.slot)),
        Glyphs::Braille => "⠒⠒ ".to_owned(),
        Glyphs::Ascii => format!("{} ", ascii_mark(entry.slot)),
    };
    let mut lines: Vec<Line> = Vec::new();
    let mut used = columns;
    for (place, entry) in entries.iter().enumerate() {
        let name = shorten(&entry.name, columns.saturating_sub(6).max(4));
        let wide = name.width() + 6;
        if used + wide > columns {
            let words = format!("… and {} more", entries.len() - place);
            if lines.len() >= most.max(1) {
                lines.push(plain(words));
                break;
            }
            lines.push(plain("  ".to_owned()));
            used = 2;
        }
        used += wide;
        if let Some(line) = lines.last_mut() {
            line.push(Span { text: sample(entry), slot: Some(entry.slot) });
            line.push(Span { text: format!("{name}   "), slot: None });
        }
    }
    lines
}

fn plain(text: String) -> Line {
    vec![Span { text, slot: None }]
}

fn trim_end(line: &mut Line) {
    while let Some(last) = line.last_mut() {
        // An empty braille cell is as good as a blank.
        last.text.truncate(last.text.trim_end_matches([' ', '\u{2800}']).len());
        if !last.text.is_empty() {
            break;
        }
        line.pop();
    }
}

/// Words without control characters, at most so many cells wide.
fn shorten(text: &str, columns: usize) -> String {
    let clean: String = text.chars().take(500).filter(|c| !font::is_unprintable(*c)).collect();
    if clean.width() <= columns {
        return clean;
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    clean.chars().take_while(fits).collect::<String>() + if columns > 0 { "…" } else { "" }
}

/// What plain terminals show.
fn ascii(text: &str) -> String {
    let plain = |c: char| match c {
        '\u{2212}' | '⁻' => '-',
        '…' => '~',
        '×' => 'x',
        '⁰'..='⁹' => char::from_digit(c as u32 - '⁰' as u32, 10).unwrap_or('?'),
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        c if c.is_ascii() => c,
        _ => '?',
    };
    // A power keeps its sign of raising.
    text.replace("10⁻", "10^⁻").replace("×10", "x10^").replace("^^", "^").chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Layer};

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| line.iter().map(|span| span.text.as_str()).collect::<String>() + "\n").collect()
    }

    fn curve(name: &str, slot: usize, of: fn(f64) -> f64) -> Layer {
        let points = (0..200).map(|x| [f64::from(x), of(f64::from(x) / 200.0)]).collect();
        Layer::Line { name: name.into(), slot, points, faint: false }
    }

    fn two() -> Chart {
        Chart {
            title: "loss".into(),
            x: Axis::new("step"),
            layers: vec![curve("train", 0, |x| (-4.0 * x).exp()), curve("valid", 1, |x| (-3.0 * x).exp() + 0.1)],
            ..Chart::default()
        }
    }

    #[test]
    fn two_curves_in_braille() {
        insta::assert_snapshot!(text(&draw(&two(), 48, 14, Glyphs::Braille)), @r"
        loss
            │⢄
        1.0 ┤⢦⠑⢄
            │ ⠱⡄⠑⢤⡀
            │  ⠈⢦⡀⠉⠢⣄
            │    ⠘⠦⡀ ⠙⠢⢄⡀
        0.5 ┤      ⠈⠲⣄⡀ ⠉⠓⠦⢄⣀
            │         ⠙⠲⢤⡀  ⠈⠉⠒⠢⠤⣄⣀⡀
            │            ⠈⠑⠲⠤⣄⣀    ⠉⠉⠓⠒⠲⠤⠤⠤⣀⣀⣀⣀
            │                 ⠈⠉⠑⠒⠒⠤⠤⢤⣀⣀⣀⡀     ⠉⠉⠉⠉⠉⠙⠒⠒b
          0 ┤                            ⠉⠉⠉⠉⠉⠉⠓⠒⠒⠒⠒⠒⠒⠒a
            └┬─────────┬──────────┬──────────┬──────────
             0        50         100        150     step
          ⠒a train   ⠒b valid
        ");
    }

    #[test]
    fn two_curves_in_ascii() {
        let drawn = text(&draw(&two(), 48, 14, Glyphs::Ascii));
        assert!(drawn.is_ascii(), "{drawn}");
        insta::assert_snapshot!(drawn, @r"
        loss
            |o
        1.0 +ooo
            | *ooo
            |  ***ooo
            |    *** oooo
        0.5 +      **** oooooo
            |         *****  oooooooo
            |             *******   ooooooooooooooooo
            |                   ******************* oooo
          0 +                                     ******
            ++---------+----------+----------+----------
             0        50         100        150     step
          * train   o valid
        ");
    }

    #[test]
    fn a_confusion_matrix() {
        let names = vec!["cat".to_owned(), "dog".into()];
        let heat = Layer::Heat { rows: names.clone(), columns: names, values: vec![50.0, 3.0, 7.0, 40.0] };
        let chart = Chart { x: Axis::new("predicted"), y: Axis::new("true"), layers: vec![heat], ..Chart::default() };
        insta::assert_snapshot!(text(&draw(&chart, 30, 11, Glyphs::Braille)), @r"
        true
            │█████████████
        cat ┤████ 50 █████     3
            │█████████████
            │█████████████
            │░░░░░░░░░░░░░▓▓▓▓▓▓▓▓▓▓▓▓
        dog ┤░░░░░ 7 ░░░░░▓▓▓▓ 40 ▓▓▓▓
            │░░░░░░░░░░░░░▓▓▓▓▓▓▓▓▓▓▓▓
            └──────┬───────────┬──────
                  cat         dog
                     predicted
        ");
    }

    #[test]
    fn no_line_is_wider_than_its_room() {
        let name = "実験の名前がとても長い".repeat(9);
        let layers = (0..200).map(|slot| curve(&format!("{name}{slot}\u{1b}[31m"), slot, |x| x * 1e-7)).collect();
        let chart = Chart {
            title: name.clone(),
            x: Axis::new(&name),
            y: Axis::new(name.clone() + "y"),
            layers,
            notes: vec![name],
        };
        for (columns, rows) in [(16, 5), (40, 10), (133, 50)] {
            let lines = draw(&chart, columns, rows, Glyphs::Braille);
            for line in lines {
                let text: String = line.iter().map(|span| span.text.as_str()).collect();
                assert!(text.width() <= columns, "{} > {columns}: {text}", text.width());
                assert!(!text.contains('\u{1b}'));
            }
        }
    }
}
