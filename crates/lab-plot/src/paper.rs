//! A figure on paper: where everything stands, in points.

mod frame;
mod legend;
mod marks;

use crate::palette::{self, Theme};
use crate::picture::{Entry, Picture};
use crate::scene::{Anchor, Scene, Shape, Stroke};
use crate::{Figure, font};

/// Points in a millimetre.
const POINTS_PER_MM: f64 = 72.0 / 25.4;

/// What a figure is made for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Paper {
    /// Points (1/72 inch).
    pub width: f64,
    /// Points; `None` is what the charts and the legend need.
    pub height: Option<f64>,
    /// The size of words, in points.
    pub font_size: f64,
    /// Light or dark.
    pub theme: Theme,
}

impl Paper {
    /// One column of a two-column journal: 89 mm, words of 8 points.
    pub fn single() -> Self {
        Self { width: 89.0 * POINTS_PER_MM, height: None, font_size: 8.0, theme: Theme::Light }
    }

    /// Both columns: 183 mm, words of 8 points.
    pub fn double() -> Self {
        Self { width: 183.0 * POINTS_PER_MM, ..Self::single() }
    }

    /// A size of its own: millimetres.
    pub fn of_millimetres(width: f64, height: f64) -> Self {
        Self { width: width * POINTS_PER_MM, height: Some(height * POINTS_PER_MM), ..Self::single() }
    }
}

/// A rectangle on the page, y down.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    /// A place on the unit square as a place in this rectangle.
    pub fn at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.left + x * self.width, self.top + (1.0 - y) * self.height]
    }

    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// Paints shapes in one font size and theme.
pub(crate) struct Pen {
    pub size: f64,
    pub theme: Theme,
    pub shapes: Vec<Shape>,
}

impl Pen {
    /// Words on their base line.
    pub fn text(&mut self, at: [f64; 2], text: String, size: f64, anchor: Anchor, turned: bool) {
        if !text.is_empty() {
            let colour = palette::ink(self.theme);
            self.shapes.push(Shape::Text { at, text, size, anchor, turned, colour });
        }
    }

    /// Thin straight lines.
    pub fn rules(&mut self, pieces: Vec<Vec<[f64; 2]>>, colour: palette::Rgb, width: f64) {
        if !pieces.is_empty() {
            let stroke = Stroke { colour, width, opacity: 1.0, dash: Vec::new() };
            self.shapes.push(Shape::Lines { pieces, stroke });
        }
    }
}

/// Places everything.
pub fn lay_out(figure: &Figure, paper: &Paper) -> Scene {
    let width = if paper.width.is_finite() { paper.width.clamp(40.0, 4000.0) } else { 252.0 };
    let size = if paper.font_size.is_finite() { paper.font_size.clamp(3.0, 40.0) } else { 8.0 };
    let pictures: Vec<Picture> =
        figure.charts.iter().map(|chart| Picture::new(chart, (width * 2.0) as usize)).collect();
    let (rows, columns) = grid(pictures.len(), width, size);
    let gap = size * 1.5;
    let cell_width = (width - size - gap * (columns as f64 - 1.0)) / columns as f64;
    let shared = shared_legend(&pictures);
    let wished = paper.height.filter(|height| height.is_finite()).map(|height| height.clamp(30.0, 4000.0));
    let cell_height = cell_width * if columns == 1 { 0.62 } else { 0.72 };
    let mut pen = Pen { size, theme: paper.theme, shapes: Vec::new() };

    // A legend that finds no free place in the only chart stands below it, like a shared one.
    let natural = size + rows as f64 * (cell_height + gap) - gap;
    let room = legend::Room { width: width - size, most: wished.unwrap_or(natural) * 0.35 };
    let mut below = shared.map(|entries| legend::Rows::new(entries, room, size));
    if let (None, [picture]) = (&below, &pictures[..]) {
        let area =
            Area { left: size / 2.0, top: size / 2.0, width: width - size, height: wished.unwrap_or(natural) - size };
        let plot = frame::plot_area(picture, area, size);
        if !picture.legend.is_empty() && legend::free_corner(picture, plot, size).is_none() {
            below = Some(legend::Rows::new(&picture.legend, room, size));
        }
    }
    let legend_height = below.as_ref().map_or(0.0, legend::Rows::height);
    let height = wished.unwrap_or(natural + legend_height);
    let cell_height = (height - legend_height - size - gap * (rows as f64 - 1.0)) / rows as f64;
    for (place, picture) in pictures.iter().enumerate() {
        let (row, column) = ((place / columns) as f64, (place % columns) as f64);
        let area = Area {
            left: size / 2.0 + column * (cell_width + gap),
            top: size / 2.0 + row * (cell_height + gap),
            width: cell_width,
            height: cell_height.max(10.0),
        };
        chart(&mut pen, picture, area, below.is_none());
    }
    if let Some(below) = below {
        below.draw(&mut pen, [size / 2.0, height - legend_height]);
    }
    Scene { width, height, background: palette::background(paper.theme), shapes: pen.shapes }
}

fn chart(pen: &mut Pen, picture: &Picture, area: Area, with_legend: bool) {
    let plot = frame::draw(pen, picture, area);
    marks::draw(pen, picture, plot);
    frame::draw_uprights(pen, picture, plot);
    if with_legend && let Some(corner) = legend::free_corner(picture, plot, pen.size) {
        legend::draw_inside(pen, &picture.legend, corner);
    }
}

/// Rows and columns of charts: no chart narrower than 14 letters are wide, and nearly a square.
fn grid(charts: usize, width: f64, size: f64) -> (usize, usize) {
    let charts = charts.max(1);
    let most = ((width / (size * 16.0)) as usize).clamp(1, 4);
    let columns = ((charts as f64).sqrt().ceil() as usize).min(most).max(1);
    (charts.div_ceil(columns), columns)
}

/// The legend of several charts when it is the same for all that have one.
fn shared_legend(pictures: &[Picture]) -> Option<&[Entry]> {
    let mut legends = pictures.iter().map(|picture| &picture.legend[..]).filter(|legend| !legend.is_empty());
    let first = legends.next()?;
    (pictures.len() > 1 && legends.all(|legend| legend == first)).then_some(first)
}

/// How wide words are.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    font::width(text, size)
}
