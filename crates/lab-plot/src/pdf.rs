//! A scene as PDF 1.7: lines and fills as such, words as words in the embedded font.

use std::collections::BTreeMap;

use pdf_writer::types::{CidFontType, FontFlags, LineCapStyle, LineJoinStyle, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str};

use crate::font;
use crate::palette::Rgb;
use crate::scene::{Scene, Shape};

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

/// The file.
pub fn write(scene: &Scene) -> Vec<u8> {
    let mut page =
        Page { content: Content::new(), height: scene.height, glyphs: BTreeMap::new(), opacities: Vec::new() };
    page.fill(scene.background, 1.0);
    page.content.rect(0.0, 0.0, scene.width as f32, scene.height as f32).fill_nonzero();
    scene.shapes.iter().for_each(|shape| page.draw(shape));
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

/// What stands on the page so far.
struct Page {
    content: Content,
    height: f64,
    /// The glyphs that occur, and what they mean.
    glyphs: BTreeMap<u16, char>,
    /// The opacities that occur, in hundredths.
    opacities: Vec<u8>,
}

impl Page {
    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Lines { pieces, stroke } => {
                self.content.save_state();
                self.opacity(stroke.opacity);
                let [red, green, blue] = parts(stroke.colour);
                let cap = if stroke.dash.is_empty() { LineCapStyle::RoundCap } else { LineCapStyle::ButtCap };
                self.content.set_stroke_rgb(red, green, blue).set_line_width(stroke.width as f32).set_line_cap(cap);
                self.content.set_line_join(LineJoinStyle::RoundJoin);
                if !stroke.dash.is_empty() {
                    self.content.set_dash_pattern(stroke.dash.iter().map(|length| *length as f32), 0.0);
                }
                pieces.iter().for_each(|piece| self.path(piece));
                self.content.stroke().restore_state();
            }
            Shape::Areas { outlines, colour, opacity } => {
                self.content.save_state();
                self.fill(*colour, *opacity);
                for outline in outlines.iter().filter(|outline| !outline.is_empty()) {
                    self.path(outline);
                    self.content.close_path();
                }
                self.content.fill_nonzero().restore_state();
            }
            Shape::Circles { centres, radius, colour, opacity } => {
                self.content.save_state();
                self.fill(*colour, *opacity);
                centres.iter().for_each(|centre| self.circle(*centre, *radius));
                self.content.restore_state();
            }
            Shape::Text { at, text, size, anchor, turned, colour } => {
                let [x, y] = Shape::text_start(*at, font::width(text, *size), *anchor, *turned);
                let (x, y) = (x as f32, (self.height - y) as f32);
                let bytes = self.encode(text);
                self.content.save_state();
                self.fill(*colour, 1.0);
                let matrix = if *turned { [0.0, 1.0, -1.0, 0.0, x, y] } else { [1.0, 0.0, 0.0, 1.0, x, y] };
                self.content.begin_text().set_font(Name(b"F"), *size as f32).set_text_matrix(matrix);
                self.content.show(Str(&bytes)).end_text().restore_state();
            }
        }
    }

    fn path(&mut self, points: &[[f64; 2]]) {
        for (place, [x, y]) in points.iter().enumerate() {
            let (x, y) = (hundredths(*x), hundredths(self.height - y));
            if place == 0 {
                self.content.move_to(x, y)
            } else {
                self.content.line_to(x, y)
            };
        }
        if let [[x, y]] = points {
            self.content.line_to(hundredths(*x), hundredths(self.height - y));
        }
    }

    /// Four curves, which are nowhere further than 0.03 % of the radius from the circle.
    fn circle(&mut self, [x, y]: [f64; 2], radius: f64) {
        let (x, y, radius) = (x as f32, (self.height - y) as f32, radius as f32);
        let hand = radius * 0.552_285;
        self.content.move_to(x + radius, y);
        for [from, to] in
            [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [-1.0, 0.0]], [[-1.0, 0.0], [0.0, -1.0]], [[0.0, -1.0], [1.0, 0.0]]]
        {
            let at = |side: usize, middle: f32| {
                [
                    middle + from[side] * radius + to[side] * hand,
                    middle + to[side] * radius + from[side] * hand,
                    middle + to[side] * radius,
                ]
            };
            let ([x1, x2, x3], [y1, y2, y3]) = (at(0, x), at(1, y));
            self.content.cubic_to(x1, y1, x2, y2, x3, y3);
        }
        self.content.fill_nonzero();
    }

    fn fill(&mut self, colour: Rgb, opacity: f64) {
        self.opacity(opacity);
        let [red, green, blue] = parts(colour);
        self.content.set_fill_rgb(red, green, blue);
    }

    fn opacity(&mut self, opacity: f64) {
        let hundredths = (opacity.clamp(0.0, 1.0) * 100.0).round() as u8;
        if hundredths == 100 {
            return;
        }
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

fn parts(Rgb(red, green, blue): Rgb) -> [f32; 3] {
    [red, green, blue].map(|part| (f32::from(part) / 255.0 * 1000.0).round() / 1000.0)
}

/// Two digits after the point keep the file small.
fn hundredths(value: f64) -> f32 {
    ((value * 100.0).round() / 100.0) as f32
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, LEVEL)
}

/// The whole font, which is small, as a composite font whose codes are its glyphs.
fn write_font(pdf: &mut Pdf, glyphs: &BTreeMap<u16, char>) {
    let face = font::face();
    let scale = |units: i16| f32::from(units) * 1000.0 / f32::from(face.units_per_em());
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
        widths.consecutive(*glyph, [font::advance(ttf_parser::GlyphId(*glyph)) as f32]);
    }
    widths.finish();
    cid.finish();
    let bounds = face.global_bounding_box();
    pdf.font_descriptor(DESCRIPTOR)
        .name(FONT_NAME)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(scale(bounds.x_min), scale(bounds.y_min), scale(bounds.x_max), scale(bounds.y_max)))
        .italic_angle(0.0)
        .ascent(scale(face.ascender()))
        .descent(scale(face.descender()))
        .cap_height(scale(face.capital_height().unwrap_or(1400)))
        .stem_v(80.0)
        .font_file2(FONT_FILE);
    let file = deflate(font::FILE);
    pdf.stream(FONT_FILE, &file).filter(Filter::FlateDecode).pair(Name(b"Length1"), font::FILE.len() as i32);
    let mut cmap = UnicodeCmap::new(Name(b"Custom"), SYSTEM);
    glyphs.iter().for_each(|(glyph, c)| cmap.pair(*glyph, *c));
    pdf.stream(UNICODE, &cmap.finish());
}
