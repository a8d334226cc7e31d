//! Shapes on a page, before they become SVG, PDF or PNG.

use crate::palette::Rgb;

/// A page: shapes in points (1/72 inch), x to the right, y down.
#[derive(Clone, PartialEq, Debug)]
pub struct Scene {
    /// Points.
    pub width: f64,
    /// Points.
    pub height: f64,
    /// Behind everything.
    pub background: Rgb,
    /// From back to front.
    pub shapes: Vec<Shape>,
}

/// How a line is drawn.
#[derive(Clone, PartialEq, Debug)]
pub struct Stroke {
    /// The colour.
    pub colour: Rgb,
    /// Points.
    pub width: f64,
    /// From 0 to 1.
    pub opacity: f64,
    /// Strokes and gaps in points.
    pub dash: Vec<f64>,
}

/// Which end of the words is at their place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    /// The first letter.
    Start,
    /// The middle.
    Middle,
    /// The last letter.
    End,
}

/// One shape.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// Lines.
    Lines {
        /// Each from point to point.
        pieces: Vec<Vec<[f64; 2]>>,
        /// How they are drawn.
        stroke: Stroke,
    },
    /// Filled outlines.
    Areas {
        /// Each closed by itself.
        outlines: Vec<Vec<[f64; 2]>>,
        /// The colour.
        colour: Rgb,
        /// From 0 to 1.
        opacity: f64,
    },
    /// Filled circles.
    Circles {
        /// The middles.
        centres: Vec<[f64; 2]>,
        /// Points.
        radius: f64,
        /// The colour.
        colour: Rgb,
        /// From 0 to 1.
        opacity: f64,
    },
    /// Words on one line.
    Text {
        /// Where the anchor stands, on the base line.
        at: [f64; 2],
        /// The words.
        text: String,
        /// Points.
        size: f64,
        /// Which end is at the place.
        anchor: Anchor,
        /// From bottom to top instead of left to right.
        turned: bool,
        /// The colour.
        colour: Rgb,
    },
}
