//! Cells of a terminal, each with its dots, its letter and its series.

use super::{Glyphs, Line, Span};
use crate::Image;

/// One cell.
#[derive(Clone, Copy, Default)]
struct Cell {
    /// Braille dots.
    dots: u8,
    /// A character instead of dots.
    letter: Option<char>,
    slot: Option<usize>,
}

/// Bits of the braille dots: rows from the top, left and right (Unicode 16, chapter 21.1).
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// From nothing to everything.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
const ASCII_SHADES: [char; 5] = [' ', '.', ':', '+', '#'];

/// A rectangle of cells on which the unit square is stretched.
pub struct Canvas {
    width: usize,
    height: usize,
    glyphs: Glyphs,
    cells: Vec<Cell>,
}

impl Canvas {
    /// Empty.
    pub fn new(width: usize, height: usize, glyphs: Glyphs) -> Self {
        Self { width, height, glyphs, cells: vec![Cell::default(); width * height] }
    }

    /// Dots in each direction: two by four in a cell of braille, one in a cell of ASCII.
    fn dots(&self) -> (usize, usize) {
        match self.glyphs {
            Glyphs::Braille => (self.width * 2, self.height * 4),
            Glyphs::Ascii => (self.width, self.height),
        }
    }

    fn dot_of(&self, [x, y]: [f64; 2]) -> (i64, i64) {
        let (wide, high) = self.dots();
        let part = |place: f64, dots: usize| (place.clamp(0.0, 1.0) * (dots - 1) as f64).round() as i64;
        (part(x, wide), part(1.0 - y, high))
    }

    fn set(&mut self, x: i64, y: i64, slot: Option<usize>) {
        let (wide, high) = self.dots();
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= wide || y >= high {
            return;
        }
        let braille = self.glyphs == Glyphs::Braille;
        let (column, row) = if braille { (x / 2, y / 4) } else { (x, y) };
        let cell = &mut self.cells[row * self.width + column];
        cell.slot = slot;
        if braille {
            cell.dots |= DOTS[y % 4][x % 2];
        } else {
            cell.letter = Some(slot.map_or('.', ascii_mark));
        }
    }

    /// Straight from point to point (Bresenham, 1965).
    pub fn line(&mut self, points: &[[f64; 2]], slot: Option<usize>) {
        if let [only] = points {
            let (x, y) = self.dot_of(*only);
            self.set(x, y, slot);
        }
        for pair in points.windows(2) {
            let ((mut x, mut y), (to_x, to_y)) = (self.dot_of(pair[0]), self.dot_of(pair[1]));
            let (way_x, way_y) = ((to_x - x).abs(), -(to_y - y).abs());
            let mut error = way_x + way_y;
            loop {
                self.set(x, y, slot);
                if (x, y) == (to_x, to_y) {
                    break;
                }
                let twice = 2 * error;
                if twice >= way_y {
                    error += way_y;
                    x += (to_x - x).signum();
                }
                if twice <= way_x {
                    error += way_x;
                    y += (to_y - y).signum();
                }
            }
        }
    }

    /// One point.
    pub fn point(&mut self, point: [f64; 2], slot: usize) {
        let (x, y) = self.dot_of(point);
        self.set(x, y, Some(slot));
    }

    /// A filled outline; of a sheer one only every fourth dot.
    pub fn area(&mut self, outline: &[[f64; 2]], slot: usize, sheer: bool) {
        let (wide, high) = self.dots();
        for y in 0..high {
            let level = 1.0 - (y as f64 + 0.5) / high as f64;
            let next = outline.iter().cycle().skip(1);
            let crossing = |(from, to): (&[f64; 2], &[f64; 2])| {
                ((from[1] > level) != (to[1] > level))
                    .then(|| (to[0] - from[0]) * (level - from[1]) / (to[1] - from[1]) + from[0])
            };
            let mut crossings: Vec<f64> = outline.iter().zip(next).filter_map(crossing).collect();
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let [start, end] = [pair[0], pair[1]].map(|x| (x.clamp(0.0, 1.0) * wide as f64).round() as i64);
                let dots = (start..end).filter(|x| !sheer || (x + 2 * (y as i64 % 2)) % 4 == 0);
                dots.for_each(|x| self.set(x, y as i64, Some(slot)));
            }
        }
    }

    /// A picture in shades of grey, which stand for its brightness; its name is in the last row.
    pub fn image(&mut self, image: &Image, low: [f64; 2], high: [f64; 2]) {
        let small = image.within(self.width.min(self.height * 2).max(8));
        let [wide, high_] = [high[0] - low[0], high[1] - low[1]];
        for (row, from, to, [red, green, blue]) in small.runs() {
            let place = |column: usize, row: usize| {
                [
                    low[0] + wide * 0.95 * column as f64 / small.width as f64,
                    high[1] - high_ * 0.85 * row as f64 / small.height as f64,
                ]
            };
            let ([left, top], [right, bottom]) = (place(from, row), place(to, row + 1));
            let part = (0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)) / 255.0;
            self.tile(part, [left, bottom], [right, top], "");
        }
        let room = (wide * self.width as f64) as usize;
        self.label(low, &super::shorten(&image.name, room.saturating_sub(2)), false);
    }

    /// A shaded rectangle with words in its middle.
    pub fn tile(&mut self, part: f64, low: [f64; 2], high: [f64; 2], text: &str) {
        let column = |x: f64| (x.clamp(0.0, 1.0) * self.width as f64).round() as usize;
        let row = |y: f64| ((1.0 - y.clamp(0.0, 1.0)) * self.height as f64).round() as usize;
        let (left, right, top, bottom) = (column(low[0]), column(high[0]), row(high[1]), row(low[1]));
        let shades = if self.glyphs == Glyphs::Braille { SHADES } else { ASCII_SHADES };
        let shade = if part.is_finite() { shades[(part.clamp(0.0, 1.0) * 4.0).round() as usize] } else { ' ' };
        for row in top..bottom {
            for column in left..right {
                self.cells[row * self.width + column] = Cell { letter: Some(shade), ..Cell::default() };
            }
        }
        let words = format!(" {text} ");
        let length = words.chars().count();
        if text.is_empty() || length > right.saturating_sub(left) || top >= bottom {
            return;
        }
        let start = (top + bottom - 1) / 2 * self.width + left + (right - left - length) / 2;
        for (cell, c) in self.cells[start..].iter_mut().zip(words.chars()) {
            cell.letter = Some(c);
        }
    }

    /// A vertical axis.
    pub fn upright(&mut self, x: f64) {
        let column = ((x.clamp(0.0, 1.0) * self.width as f64) as usize).min(self.width - 1);
        let line = if self.glyphs == Glyphs::Braille { '│' } else { '|' };
        for row in 0..self.height {
            self.cells[row * self.width + column] = Cell { letter: Some(line), ..Cell::default() };
        }
    }

    /// Words beside a place; those of double width are left out.
    pub fn label(&mut self, [x, y]: [f64; 2], text: &str, before: bool) {
        let letters: Vec<char> =
            text.chars().filter(|c| unicode_width::UnicodeWidthChar::width(*c) == Some(1)).collect();
        let column = ((x.clamp(0.0, 1.0) * self.width as f64) as usize).min(self.width - 1);
        let row = (((1.0 - y) * self.height as f64) as usize).min(self.height - 1);
        let start = if before { column.saturating_sub(letters.len()) } else { column + 1 };
        for (place, c) in letters.into_iter().enumerate().filter(|(place, _)| start + place < self.width) {
            self.cells[row * self.width + start + place] = Cell { letter: Some(c), ..Cell::default() };
        }
    }

    /// The letter of a series at its end, or as near above or below as no other letter is.
    pub fn letter(&mut self, [x, y]: [f64; 2], letter: char, slot: usize) {
        if self.glyphs == Glyphs::Ascii {
            return;
        }
        let column = ((x * self.width as f64) as usize).min(self.width - 1);
        let row = (((1.0 - y) * self.height as f64) as usize).min(self.height - 1);
        let free = |row: &usize| self.cells[row * self.width + column].letter.is_none();
        let row = (0..self.height).filter(free).min_by_key(|other| other.abs_diff(row)).unwrap_or(row);
        self.cells[row * self.width + column] = Cell { dots: 0, letter: Some(letter), slot: Some(slot) };
    }

    /// The rows from the top, neighbours of one series joined.
    pub fn into_lines(self) -> Vec<Line> {
        self.cells
            .chunks(self.width)
            .map(|row| {
                let mut line = Line::new();
                for cell in row {
                    let dots = || char::from_u32(0x2800 + u32::from(cell.dots)).filter(|_| cell.dots != 0);
                    let c = cell.letter.or_else(dots).unwrap_or(' ');
                    match line.last_mut() {
                        Some(span) if span.slot == cell.slot => span.text.push(c),
                        _ => line.push(Span { text: c.to_string(), slot: cell.slot }),
                    }
                }
                line
            })
            .collect()
    }
}

/// The character of a series where there are no dots.
pub fn ascii_mark(slot: usize) -> char {
    const MARKS: [char; 12] = ['*', 'o', '+', 'x', '#', '@', '%', '&', '=', '~', '^', '$'];
    if slot < MARKS.len() { MARKS[slot] } else { super::letter(slot - MARKS.len()) }
}
