//! A scene as PNG, with its resolution written down.

use tiny_skia::{FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, StrokeDash, Transform};
use ttf_parser::OutlineBuilder;

use crate::palette::Rgb;
use crate::scene::{Scene, Shape};
use crate::{Error, Result, font};

/// Pixels along a side at most.
const SIDE_MAX: f64 = 16_000.0;

/// The file, with so many pixels for each inch.
///
/// # Errors
/// [`Error::Size`] when it has no pixels or more than 16,000 along a side.
pub fn write(scene: &Scene, dots_per_inch: f64) -> Result<Vec<u8>> {
    let pixmap = paint(scene, dots_per_inch)?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let per_metre = (dots_per_inch / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    // The background covers everything, so that there is no transparency to be kept.
    let pixels: Vec<u8> = pixmap.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(bytes)
}

fn paint(scene: &Scene, dots_per_inch: f64) -> Result<Pixmap> {
    let scale = dots_per_inch / 72.0;
    let [width, height] = [scene.width, scene.height].map(|side| (side * scale).round());
    let fits = |side: f64| (1.0..=SIDE_MAX).contains(&side);
    let pixmap = if fits(width) && fits(height) { Pixmap::new(width as u32, height as u32) } else { None };
    let mut pixmap = pixmap.ok_or(Error::Size { width, height })?;
    let Rgb(red, green, blue) = scene.background;
    pixmap.fill(tiny_skia::Color::from_rgba8(red, green, blue, 255));
    let transform = Transform::from_scale(scale as f32, scale as f32);
    for shape in &scene.shapes {
        draw(&mut pixmap, shape, transform);
    }
    Ok(pixmap)
}

fn draw(pixmap: &mut Pixmap, shape: &Shape, transform: Transform) {
    match shape {
        Shape::Lines { pieces, stroke } => {
            let Some(path) = path(pieces, false) else { return };
            let dash: Vec<f32> = stroke.dash.iter().map(|length| *length as f32).collect();
            let line = tiny_skia::Stroke {
                width: stroke.width as f32,
                line_cap: if dash.is_empty() { LineCap::Round } else { LineCap::Butt },
                line_join: LineJoin::Round,
                dash: StrokeDash::new(dash, 0.0),
                ..Default::default()
            };
            pixmap.stroke_path(&path, &colour(stroke.colour, stroke.opacity), &line, transform, None);
        }
        Shape::Areas { outlines, colour: fill, opacity } => {
            if let Some(path) = path(outlines, true) {
                pixmap.fill_path(&path, &colour(*fill, *opacity), FillRule::Winding, transform, None);
            }
        }
        Shape::Circles { centres, radius, colour: fill, opacity } => {
            // One by one, because points above each other are to look denser.
            for [x, y] in centres {
                if let Some(path) = PathBuilder::from_circle(*x as f32, *y as f32, *radius as f32) {
                    pixmap.fill_path(&path, &colour(*fill, *opacity), FillRule::Winding, transform, None);
                }
            }
        }
        Shape::Text { at, text, size, anchor, turned, colour: fill } => {
            let start = Shape::text_start(*at, font::width(text, *size), *anchor, *turned);
            if let Some(path) = letters(text, *size, start, *turned) {
                pixmap.fill_path(&path, &colour(*fill, 1.0), FillRule::Winding, transform, None);
            }
        }
    }
}

fn colour(Rgb(red, green, blue): Rgb, opacity: f64) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, (opacity.clamp(0.0, 1.0) * 255.0).round() as u8);
    paint.anti_alias = true;
    paint
}

fn path(pieces: &[Vec<[f64; 2]>], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for piece in pieces {
        for (place, [x, y]) in piece.iter().enumerate() {
            if place == 0 { path.move_to(*x as f32, *y as f32) } else { path.line_to(*x as f32, *y as f32) }
        }
        if let [[x, y]] = piece[..] {
            path.line_to(x as f32 + 0.01, y as f32);
        }
        if closed {
            path.close();
        }
    }
    path.finish()
}

/// The outlines of words.
fn letters(text: &str, size: f64, start: [f64; 2], turned: bool) -> Option<Path> {
    let scale = size / f64::from(font::face().units_per_em());
    let mut pen = Pen { path: PathBuilder::new(), start, along: 0.0, scale, turned };
    for c in text.chars() {
        let glyph = font::glyph(c);
        font::face().outline_glyph(glyph, &mut pen);
        pen.along += font::advance(glyph) * size / 1000.0;
    }
    pen.path.finish()
}

struct Pen {
    path: PathBuilder,
    start: [f64; 2],
    along: f64,
    scale: f64,
    turned: bool,
}

impl Pen {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let (x, y) = (self.along + f64::from(x) * self.scale, f64::from(y) * self.scale);
        let [left, base] = self.start;
        if self.turned { ((left - y) as f32, (base - x) as f32) } else { ((left + x) as f32, (base - y) as f32) }
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.place(x1, y1), self.place(x2, y2), self.place(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
