//! The embedded font: how wide words are, and what letters look like.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, GlyphId, PxScale};

/// The font file: Arimo Regular (SIL Open Font License 1.1), as wide as Arial and Helvetica.
pub const FILE: &[u8] = include_bytes!("../../../assets/fonts/Arimo-Latin.ttf");
/// What SVG asks for: fonts of one width.
pub const FAMILY: &str = "Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif";

static FACE: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(FILE).expect("because the font is part of the program"));

/// The parsed font.
pub fn face() -> &'static FontRef<'static> {
    &FACE
}

/// The glyph of a character; the empty box where the font has none.
pub fn glyph(c: char) -> GlyphId {
    FACE.glyph_id(c)
}

/// Units of the font's outlines in its size.
pub fn units_per_em() -> f64 {
    f64::from(FACE.units_per_em().unwrap_or(1000.0))
}

/// How wide a glyph is, in thousandths of the font's size.
pub fn advance(glyph: GlyphId) -> f64 {
    f64::from(FACE.h_advance_unscaled(glyph)) * 1000.0 / units_per_em()
}

/// Letters of this size, in pixels.
pub fn scale(size: f64) -> PxScale {
    // Ab_glyph's scale is the height of a line.
    PxScale::from((size * f64::from(FACE.height_unscaled()) / units_per_em()) as f32)
}

/// How wide words are, in the unit of `size`.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| advance(glyph(c))).sum::<f64>() * size / 1000.0
}

/// Words without control characters that are at most so wide; what is cut ends in `…`.
pub fn shorten(text: &str, size: f64, most: f64) -> String {
    let clean: String = text.chars().take(500).filter(|c| !is_unprintable(*c)).collect();
    if width(&clean, size) <= most {
        return clean;
    }
    let mut room = most - width("…", size);
    let fits = |c: &char| {
        room -= advance(glyph(*c)) * size / 1000.0;
        room >= 0.0
    };
    let short: String = clean.chars().take_while(fits).collect();
    format!("{}…", short.trim_end())
}

/// Control characters, and those that turn the direction of writing.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_wide_as_in_helvetica() {
        assert!((width("Hello", 1000.0) - 2278.0).abs() < 3.0, "{}", width("Hello", 1000.0));
        assert_ne!(glyph('\u{2212}').0, 0);
        assert_ne!(glyph('⁻').0, 0);
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(shorten("validation/accuracy", 10.0, 60.0), "validation/…");
        assert_eq!(shorten("a\u{7}b\u{202e}c", 10.0, 60.0), "abc");
        assert_eq!(shorten("abc", 10.0, 0.0), "…");
    }
}
