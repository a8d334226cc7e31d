//! Draws a scene on any of plotters' backends.

use std::convert::Infallible;

use ab_glyph::{Font, point};
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontFamily,
    FontTransform,
};

use crate::font;
use crate::palette::Rgb;
use crate::scene::{Anchor, Scene, Shape, Stroke};

/// How far the base line is below the place of words, in font sizes: what plotters' SVG puts there.
pub const BASE_LINE: f64 = 0.76;
/// Plotters' sizes of fonts are those of a line; words are smaller by this factor.
const LINE_HEIGHT: f64 = 1.24;

/// Who joins the straight pieces of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Joints {
    /// The backend.
    Given,
    /// Each piece and each joint is drawn by itself: plotters' outline of a line with a width has holes
    /// where the line crosses itself, as noise does. What shines through is mixed with the background.
    Drawn,
}

type Outcome<B> = Result<(), DrawingErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Draws everything; a point is `units` of the backend's wide.
pub fn draw<B: DrawingBackend>(scene: &Scene, backend: &mut B, units: f64, joints: Joints) -> Outcome<B> {
    let size = backend.get_size();
    backend.draw_rect((0, 0), (size.0 as i32, size.1 as i32), &ink(scene.background, 1.0), true)?;
    let mut brush = Brush { backend, units, joints, background: scene.background };
    scene.shapes.iter().try_for_each(|shape| brush.shape(shape))?;
    brush.backend.present()
}

struct Brush<'a, B> {
    backend: &'a mut B,
    units: f64,
    joints: Joints,
    background: Rgb,
}

impl<B: DrawingBackend> Brush<'_, B> {
    fn shape(&mut self, shape: &Shape) -> Outcome<B> {
        match shape {
            Shape::Lines { pieces, stroke } => {
                for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                    if stroke.dash.is_empty() {
                        self.line(piece, stroke)?;
                    } else {
                        dashes(piece, &stroke.dash).iter().try_for_each(|dash| self.line(dash, stroke))?;
                    }
                }
            }
            Shape::Areas { outlines, colour, opacity } => {
                let ink = ink(*colour, *opacity);
                for outline in outlines.iter().filter(|outline| outline.len() > 2) {
                    match rectangle(outline) {
                        Some([low, high]) => {
                            self.backend.draw_rect(self.place(low), self.place(high), &ink, true)?;
                        }
                        None => {
                            let places: Vec<_> = outline.iter().map(|point| self.place(*point)).collect();
                            self.backend.fill_polygon(places, &ink)?;
                        }
                    }
                }
            }
            Shape::Circles { centres, radius, colour, opacity } => {
                let ink = ink(*colour, *opacity);
                for centre in centres {
                    self.backend.draw_circle(self.place(*centre), self.length(*radius), &ink, true)?;
                }
            }
            Shape::Text { at, text, size, anchor, turned, colour } => {
                let text: String = text.chars().filter(|c| !font::is_unprintable(*c)).collect();
                let em = (size * self.units).max(1.0).round();
                let drop = em / self.units * BASE_LINE;
                let at = if *turned { [at[0] - drop, at[1]] } else { [at[0], at[1] - drop] };
                let words = Words { em, anchor: *anchor, turned: *turned, ink: ink(*colour, 1.0) };
                self.backend.draw_text(&text, &words, self.place(at))?;
            }
        }
        Ok(())
    }

    fn line(&mut self, points: &[[f64; 2]], stroke: &Stroke) -> Outcome<B> {
        let width = self.length(stroke.width);
        let mut places: Vec<BackendCoord> = points.iter().map(|point| self.place(*point)).collect();
        places.dedup();
        if let [only] = places[..] {
            return self.backend.draw_circle(only, width.div_ceil(2), &ink(stroke.colour, stroke.opacity), true);
        }
        if self.joints == Joints::Given {
            return self.backend.draw_path(places, &Pen { ink: ink(stroke.colour, stroke.opacity), width });
        }
        let ink = ink(mixed(stroke.colour, self.background, stroke.opacity), 1.0);
        for pair in places.windows(2) {
            self.backend.fill_polygon(beam(pair[0], pair[1], f64::from(width)), &ink)?;
        }
        places[1..places.len() - 1].iter().try_for_each(|joint| self.backend.draw_circle(*joint, width / 2, &ink, true))
    }

    /// What is far beyond the page is brought near it, since plotters walks along every side.
    fn place(&self, [x, y]: [f64; 2]) -> BackendCoord {
        let (width, height) = self.backend.get_size();
        let near = |place: f64, side: u32| (place * self.units).round().clamp(-f64::from(side), 2.0 * f64::from(side));
        (near(x, width) as i32, near(y, height) as i32)
    }

    fn length(&self, length: f64) -> u32 {
        ((length * self.units).round() as u32).max(1)
    }
}

fn ink(Rgb(red, green, blue): Rgb, opacity: f64) -> BackendColor {
    BackendColor { alpha: opacity, rgb: (red, green, blue) }
}

fn mixed(Rgb(red, green, blue): Rgb, behind: Rgb, opacity: f64) -> Rgb {
    let mix = |part: u8, behind: u8| (f64::from(part) * opacity + f64::from(behind) * (1.0 - opacity)).round() as u8;
    Rgb(mix(red, behind.0), mix(green, behind.1), mix(blue, behind.2))
}

/// The corners of a straight line of some width.
fn beam(from: BackendCoord, to: BackendCoord, width: f64) -> [BackendCoord; 4] {
    let way = [f64::from(to.0 - from.0), f64::from(to.1 - from.1)];
    let scale = width / 2.0 / way[0].hypot(way[1]);
    let aside = [-way[1] * scale, way[0] * scale];
    let corner = |end: BackendCoord, side: f64| {
        let place = |middle: i32, aside: f64| (f64::from(middle) + aside * side).round() as i32;
        (place(end.0, aside[0]), place(end.1, aside[1]))
    };
    [corner(from, 1.0), corner(to, 1.0), corner(to, -1.0), corner(from, -1.0)]
}

/// The upper left and lower right corner of an outline with four right angles.
fn rectangle(outline: &[[f64; 2]]) -> Option<[[f64; 2]; 2]> {
    let [a, b, c, d] = outline else { return None };
    let level = a[1] == b[1] && b[0] == c[0] && c[1] == d[1] && d[0] == a[0];
    let upright = a[0] == b[0] && b[1] == c[1] && c[0] == d[0] && d[1] == a[1];
    (level || upright).then(|| [[a[0].min(c[0]), a[1].min(c[1])], [a[0].max(c[0]), a[1].max(c[1])]])
}

/// The strokes of a dashed line: lengths of strokes and gaps in turn, in points. Where a line runs to and
/// fro the lengths grow, so that their number is bound by the space that the line takes.
fn dashes(points: &[[f64; 2]], pattern: &[f64]) -> Vec<Vec<[f64; 2]>> {
    let way = |from: [f64; 2], to: [f64; 2]| (to[0] - from[0]).hypot(to[1] - from[1]);
    let whole: f64 = points.windows(2).map(|pair| way(pair[0], pair[1])).sum();
    let extent = |side: usize| {
        let ends = points.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], point| {
            [low.min(point[side]), high.max(point[side])]
        });
        ends[1] - ends[0]
    };
    let stretch = (whole / (2.0 * (extent(0) + extent(1)))).max(1.0);
    let period: f64 = pattern.iter().sum::<f64>() * stretch;
    if !(period.is_finite() && period > 1e-3 && pattern.iter().all(|length| *length > 0.0)) {
        return vec![points.to_vec()];
    }
    let mut strokes = Vec::new();
    let mut stroke: Vec<[f64; 2]> = points.first().copied().into_iter().collect();
    let (mut part, mut left) = (0, pattern[0] * stretch);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        while way(from, to) >= left {
            let share = left / way(from, to);
            from = [0, 1].map(|side| from[side] + (to[side] - from[side]) * share);
            if part % 2 == 0 {
                stroke.push(from);
                strokes.push(std::mem::take(&mut stroke));
            } else {
                stroke = vec![from];
            }
            part = (part + 1) % pattern.len();
            left = pattern[part] * stretch;
        }
        left -= way(from, to);
        if part % 2 == 0 {
            stroke.push(to);
        }
    }
    if stroke.len() > 1 {
        strokes.push(stroke);
    }
    strokes
}

struct Pen {
    ink: BackendColor,
    width: u32,
}

impl BackendStyle for Pen {
    fn color(&self) -> BackendColor {
        self.ink
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

/// Words in the embedded font. Letters are set here and not by plotters, which leaves out the room that
/// each letter has on its left.
struct Words {
    /// The font's size in the backend's units.
    em: f64,
    anchor: Anchor,
    turned: bool,
    ink: BackendColor,
}

impl BackendTextStyle for Words {
    type FontError = Infallible;

    fn color(&self) -> BackendColor {
        self.ink
    }

    fn size(&self) -> f64 {
        self.em * LINE_HEIGHT
    }

    fn transform(&self) -> FontTransform {
        if self.turned { FontTransform::Rotate270 } else { FontTransform::None }
    }

    fn anchor(&self) -> Pos {
        let h_pos = match self.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        Pos::new(h_pos, VPos::Top)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(font::FAMILY)
    }

    fn layout_box(&self, text: &str) -> Result<(BackendCoord, BackendCoord), Infallible> {
        Ok(((0, 0), (font::width(text, self.em).round() as i32, self.em as i32)))
    }

    fn draw<E, F: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        text: &str,
        (left, top): BackendCoord,
        mut draw: F,
    ) -> Result<Result<(), E>, Infallible> {
        let mut along = f64::from(left);
        let base = f64::from(top) + self.em * BASE_LINE;
        for c in text.chars() {
            let glyph = font::glyph(c);
            let place = point(along as f32, base as f32);
            along += font::advance(glyph) * self.em / 1000.0;
            let Some(outline) = font::face().outline_glyph(glyph.with_scale_and_position(font::scale(self.em), place))
            else {
                continue;
            };
            let corner = outline.px_bounds().min;
            let mut drawn = Ok(());
            outline.draw(|x, y, coverage| {
                if drawn.is_ok() && coverage > 0.0 {
                    let ink = self.ink.mix(f64::from(coverage.min(1.0)));
                    drawn = draw(x as i32 + corner.x as i32, y as i32 + corner.y as i32, ink);
                }
            });
            if drawn.is_err() {
                return Ok(drawn);
            }
        }
        Ok(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_and_gaps() {
        let line = [[0.0, 0.0], [3.0, 0.0], [10.0, 0.0]];
        assert_eq!(
            dashes(&line, &[4.0, 2.0]),
            [vec![[0.0, 0.0], [3.0, 0.0], [4.0, 0.0]], vec![[6.0, 0.0], [10.0, 0.0]]]
        );
        let noise: Vec<[f64; 2]> = (0..4000).map(|x| [f64::from(x) / 10.0, f64::from(x % 2) * 200.0]).collect();
        assert!(dashes(&noise, &[4.0, 2.0]).len() < 300);
        assert_eq!(dashes(&line, &[0.0, 0.0]), [line.to_vec()]);
    }

    #[test]
    fn only_right_angles_are_a_rectangle() {
        assert_eq!(rectangle(&[[0.0, 2.0], [1.0, 2.0], [1.0, 0.0], [0.0, 0.0]]), Some([[0.0, 0.0], [1.0, 2.0]]));
        assert_eq!(rectangle(&[[0.0, 2.0], [1.0, 2.1], [1.0, 0.0], [0.0, 0.0]]), None);
    }
}
