//! A scene as PDF 1.7: lines and fills as such, words as words in the embedded font.

use std::collections::BTreeMap;
use std::convert::Infallible;

use ab_glyph::{Font, GlyphId};
use pdf_writer::types::{CidFontType, FontFlags, LineJoinStyle, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str};
use plotters_backend::text_anchor::HPos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
};

use crate::backend::{self, Joints};
use crate::font;
use crate::scene::Scene;

const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE: Ref = Ref::new(3);
const CONTENT: Ref = Ref::new(4);
const FONT: Ref = Ref::new(5);
const CID_FONT: Ref = Ref::new(6);
const DESCRIPTOR: Ref = Ref::new(7);
const FONT_FILE: Ref = Ref::new(8);
const UNICODE: Ref = Ref::new(9);
/// The first of the states of opacity.
const OPACITY: i32 = 10;

const SYSTEM: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
const FONT_NAME: Name<'static> = Name(b"Arimo");
/// Zlib's level: a figure of half a megabyte of numbers takes some milliseconds.
const LEVEL: u8 = 6;

/// Units in a point: whole numbers keep the file small.
const UNITS: f64 = 20.0;

/// The file.
pub fn write(scene: &Scene) -> Vec<u8> {
    let size = [scene.width, scene.height].map(|side| (side * UNITS).ceil() as u32);
    let mut page = Page { content: Content::new(), size, glyphs: BTreeMap::new(), opacities: Vec::new() };
    // From points upward to units downward.
    let unit = (1.0 / UNITS) as f32;
    page.content.transform([unit, 0.0, 0.0, -unit, 0.0, scene.height as f32]).set_line_join(LineJoinStyle::RoundJoin);
    backend::draw(scene, &mut page, UNITS, Joints::Given).expect("because a page in memory takes everything");
    let Page { content, glyphs, opacities, .. } = page;

    let mut pdf = Pdf::new();
    pdf.catalog(CATALOG).pages(PAGES);
    pdf.pages(PAGES).kids([PAGE]).count(1);
    let mut object = pdf.page(PAGE);
    object.media_box(Rect::new(0.0, 0.0, scene.width as f32, scene.height as f32)).parent(PAGES).contents(CONTENT);
    let mut resources = object.resources();
    resources.fonts().pair(Name(b"F"), FONT);
    let mut states = resources.ext_g_states();
    for place in 0..opacities.len() {
        states.pair(Name(state_name(place).as_bytes()), Ref::new(OPACITY + place as i32));
    }
    states.finish();
    resources.finish();
    object.finish();
    for (place, opacity) in opacities.iter().enumerate() {
        let part = *opacity as f32 / 100.0;
        pdf.ext_graphics(Ref::new(OPACITY + place as i32)).stroking_alpha(part).non_stroking_alpha(part);
    }
    let content = deflate(&content.finish());
    pdf.stream(CONTENT, &content).filter(Filter::FlateDecode);
    write_font(&mut pdf, &glyphs);
    pdf.finish()
}

/// What stands on the page so far: a backend of plotters, since plotters has none for PDF.
struct Page {
    content: Content,
    size: [u32; 2],
    /// The glyphs that occur, and what they mean.
    glyphs: BTreeMap<u16, char>,
    /// The opacities that occur, in hundredths.
    opacities: Vec<u8>,
}

type Outcome = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Page {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.size[0], self.size[1])
    }

    fn ensure_prepared(&mut self) -> Outcome {
        Ok(())
    }

    fn present(&mut self) -> Outcome {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Outcome {
        self.draw_rect((x, y), (x + 1, y + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Outcome {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Outcome {
        self.stroke(style);
        self.path(path);
        self.content.stroke();
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Outcome {
        self.paint(style, fill);
        self.content.rect(from.0 as f32, from.1 as f32, (to.0 - from.0) as f32, (to.1 - from.1) as f32);
        self.finish(fill);
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Outcome {
        self.paint(style, true);
        self.path(path);
        self.content.close_path();
        self.finish(true);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, centre: BackendCoord, radius: u32, style: &S, fill: bool) -> Outcome {
        self.paint(style, fill);
        self.circle(centre, radius as f32);
        self.finish(fill);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Outcome {
        let ((left, top), (right, bottom)) =
            style.layout_box(text).map_err(|error| DrawingErrorKind::FontError(Box::new(error)))?;
        let (wide, size) = ((right - left) as f32, (bottom - top) as f32);
        let along = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -wide / 2.0,
            HPos::Right => -wide,
        };
        let down = size * backend::BASE_LINE as f32;
        let (x, y) = (at.0 as f32, at.1 as f32);
        let matrix = if matches!(style.transform(), FontTransform::Rotate270) {
            [0.0, -1.0, -1.0, 0.0, x + down, y - along]
        } else {
            [1.0, 0.0, 0.0, -1.0, x + along, y + down]
        };
        let bytes = self.encode(text);
        self.paint(&style.color(), true);
        self.content.begin_text().set_font(Name(b"F"), size).set_text_matrix(matrix);
        self.content.show(Str(&bytes)).end_text();
        Ok(())
    }
}

impl Page {
    /// Sets colour and width of what follows.
    fn stroke<S: BackendStyle>(&mut self, style: &S) {
        let [red, green, blue] = parts(style.color());
        self.opacity(style.color().alpha);
        self.content.set_stroke_rgb(red, green, blue).set_line_width(style.stroke_width() as f32);
    }

    fn paint<S: BackendStyle>(&mut self, style: &S, fill: bool) {
        if fill {
            let [red, green, blue] = parts(style.color());
            self.opacity(style.color().alpha);
            self.content.set_fill_rgb(red, green, blue);
        } else {
            self.stroke(style);
        }
    }

    fn finish(&mut self, fill: bool) {
        if fill {
            self.content.fill_nonzero();
        } else {
            self.content.stroke();
        }
    }

    fn path(&mut self, points: impl IntoIterator<Item = BackendCoord>) {
        for (place, (x, y)) in points.into_iter().enumerate() {
            if place == 0 {
                self.content.move_to(x as f32, y as f32);
            } else {
                self.content.line_to(x as f32, y as f32);
            }
        }
    }

    /// Four curves, which are nowhere further than 0.03 % of the radius from the circle.
    fn circle(&mut self, (x, y): BackendCoord, radius: f32) {
        const QUARTERS: [[[f32; 2]; 2]; 4] = [
            [[1.0, 0.0], [0.0, 1.0]],
            [[0.0, 1.0], [-1.0, 0.0]],
            [[-1.0, 0.0], [0.0, -1.0]],
            [[0.0, -1.0], [1.0, 0.0]],
        ];
        let (x, y, hand) = (x as f32, y as f32, (radius * 0.552_285 * 10.0).round() / 10.0);
        self.content.move_to(x + radius, y);
        for [from, to] in QUARTERS {
            let at = |side: usize, middle: f32| {
                let (near, far) = (middle + from[side] * radius, middle + to[side] * radius);
                [near + to[side] * hand, far + from[side] * hand, far]
            };
            let ([x1, x2, x3], [y1, y2, y3]) = (at(0, x), at(1, y));
            self.content.cubic_to(x1, y1, x2, y2, x3, y3);
        }
    }

    fn opacity(&mut self, opacity: f64) {
        let hundredths = (opacity.clamp(0.0, 1.0) * 100.0).round() as u8;
        let place = self.opacities.iter().position(|known| *known == hundredths).unwrap_or_else(|| {
            self.opacities.push(hundredths);
            self.opacities.len() - 1
        });
        self.content.set_parameters(Name(state_name(place).as_bytes()));
    }

    fn encode(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() * 2);
        for c in text.chars() {
            let glyph = font::glyph(c).0;
            self.glyphs.entry(glyph).or_insert(c);
            bytes.extend_from_slice(&glyph.to_be_bytes());
        }
        bytes
    }
}

fn state_name(place: usize) -> String {
    format!("A{place}")
}

fn parts(colour: BackendColor) -> [f32; 3] {
    let (red, green, blue) = colour.rgb;
    [red, green, blue].map(|part| (f32::from(part) / 255.0 * 1000.0).round() / 1000.0)
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, LEVEL)
}

/// The whole font, which is small, as a composite font whose codes are its glyphs.
fn write_font(pdf: &mut Pdf, glyphs: &BTreeMap<u16, char>) {
    let face = font::face();
    let scale = |units: f32| (f64::from(units) * 1000.0 / font::units_per_em()) as f32;
    pdf.type0_font(FONT)
        .base_font(FONT_NAME)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(CID_FONT)
        .to_unicode(UNICODE);
    let mut cid = pdf.cid_font(CID_FONT);
    cid.subtype(CidFontType::Type2).base_font(FONT_NAME).system_info(SYSTEM).font_descriptor(DESCRIPTOR);
    cid.default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = cid.widths();
    for glyph in glyphs.keys() {
        widths.consecutive(*glyph, [font::advance(GlyphId(*glyph)) as f32]);
    }
    widths.finish();
    cid.finish();
    // The box around all glyphs of the page.
    let outlines = glyphs.keys().filter_map(|glyph| face.outline(GlyphId(*glyph)));
    let ends = outlines.fold([0.0f32; 4], |[left, low, right, high], outline| {
        let (min, max) = (outline.bounds.min, outline.bounds.max);
        [left.min(min.x), low.min(min.y.min(max.y)), right.max(max.x), high.max(min.y.max(max.y))]
    });
    let [left, low, right, high] = ends.map(scale);
    let capital = face.outline(font::glyph('H')).map_or(0.0, |outline| outline.bounds.min.y.max(outline.bounds.max.y));
    pdf.font_descriptor(DESCRIPTOR)
        .name(FONT_NAME)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(left, low, right, high))
        .italic_angle(0.0)
        .ascent(scale(face.ascent_unscaled()))
        .descent(scale(face.descent_unscaled()))
        .cap_height(scale(capital))
        .stem_v(80.0)
        .font_file2(FONT_FILE);
    let file = deflate(font::FILE);
    pdf.stream(FONT_FILE, &file).filter(Filter::FlateDecode).pair(Name(b"Length1"), font::FILE.len() as i32);
    let mut cmap = UnicodeCmap::new(Name(b"Custom"), SYSTEM);
    glyphs.iter().for_each(|(glyph, c)| cmap.pair(*glyph, *c));
    pdf.stream(UNICODE, &cmap.finish());
}
