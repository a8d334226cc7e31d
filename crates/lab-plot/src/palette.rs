//! The colours, dashes and markers of series, and the shades of numbers. The one place with colours.
//!
//! Categories: Okabe & Ito, *Color Universal Design*, 2008, which people with any kind of colour
//! blindness tell apart. Shades: viridis (van der Walt & Smith, 2015; CC0), whose lightness rises evenly.

/// Red, green, blue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// What the chart stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Theme {
    /// Paper.
    #[default]
    Light,
    /// A dark screen.
    Dark,
}

/// The outline of a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Marker {
    /// Filled circle.
    Circle,
    /// Filled square.
    Square,
    /// Filled triangle, tip up.
    Triangle,
    /// Filled square on its tip.
    Diamond,
    /// Filled triangle, tip down.
    Wedge,
}

/// How one series looks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Look {
    /// The colour.
    pub colour: Rgb,
    /// Lengths of strokes and gaps in line widths; empty is a whole line.
    pub dash: &'static [f64],
    /// The marker.
    pub marker: Marker,
}

const LIGHT: [Rgb; 7] = [
    Rgb(0, 114, 178),
    Rgb(213, 94, 0),
    Rgb(0, 158, 115),
    Rgb(204, 121, 167),
    Rgb(230, 159, 0),
    Rgb(86, 180, 233),
    Rgb(60, 60, 60),
];
const DARK: [Rgb; 7] = [
    Rgb(86, 180, 233),
    Rgb(230, 159, 0),
    Rgb(0, 190, 140),
    Rgb(224, 145, 190),
    Rgb(240, 228, 66),
    Rgb(235, 110, 30),
    Rgb(220, 220, 220),
];
const DASHES: [&[f64]; 4] = [&[], &[4.0, 2.0], &[1.0, 1.6], &[5.0, 1.6, 1.0, 1.6]];
const MARKERS: [Marker; 5] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Wedge];
const VIRIDIS: [Rgb; 10] = [
    Rgb(68, 1, 84),
    Rgb(72, 40, 120),
    Rgb(62, 74, 137),
    Rgb(49, 104, 142),
    Rgb(38, 130, 142),
    Rgb(31, 158, 137),
    Rgb(53, 183, 121),
    Rgb(109, 205, 89),
    Rgb(180, 222, 44),
    Rgb(253, 231, 37),
];
const BLUES: [Rgb; 4] = [Rgb(247, 250, 253), Rgb(158, 198, 226), Rgb(0, 114, 178), Rgb(4, 48, 92)];

/// How the series of this slot looks: 7 colours with 5 markers repeat after 35, and each round of
/// colours has its own dash, so that 140 slots differ.
pub fn look(slot: usize, theme: Theme) -> Look {
    let colours = if theme == Theme::Light { LIGHT } else { DARK };
    Look {
        colour: colours[slot % colours.len()],
        dash: DASHES[slot / colours.len() % DASHES.len()],
        marker: MARKERS[slot % MARKERS.len()],
    }
}

/// The shade of a part (0 to 1) among lines.
pub fn shade(part: f64) -> Rgb {
    between(&VIRIDIS, part)
}

/// The shade of a part (0 to 1) behind a number: pale to deep on paper, deep to bright on a dark screen.
pub fn tile(part: f64, theme: Theme) -> Rgb {
    if theme == Theme::Light { between(&BLUES, part) } else { between(&VIRIDIS, part * 0.85) }
}

/// Black or white, whichever is easier to read on `behind` (relative luminance of WCAG 2).
pub fn readable_on(behind: Rgb) -> Rgb {
    let light = |part: u8| (f64::from(part) / 255.0).powf(2.2);
    let luminance = 0.2126 * light(behind.0) + 0.7152 * light(behind.1) + 0.0722 * light(behind.2);
    if luminance > 0.179 { Rgb(0, 0, 0) } else { Rgb(255, 255, 255) }
}

/// What the chart stands on.
pub const fn background(theme: Theme) -> Rgb {
    match theme {
        Theme::Light => Rgb(255, 255, 255),
        Theme::Dark => Rgb(24, 26, 30),
    }
}

/// Text and axes.
pub const fn ink(theme: Theme) -> Rgb {
    match theme {
        Theme::Light => Rgb(30, 30, 30),
        Theme::Dark => Rgb(225, 225, 225),
    }
}

/// Lines of the grid.
pub const fn grid(theme: Theme) -> Rgb {
    match theme {
        Theme::Light => Rgb(228, 228, 228),
        Theme::Dark => Rgb(52, 55, 61),
    }
}

fn between(stops: &[Rgb], part: f64) -> Rgb {
    let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 } * (stops.len() - 1) as f64;
    let from = (part as usize).min(stops.len() - 2);
    let rest = part - from as f64;
    let mix = |left: u8, right: u8| (f64::from(left) + (f64::from(right) - f64::from(left)) * rest).round() as u8;
    let (left, right) = (stops[from], stops[from + 1]);
    Rgb(mix(left.0, right.0), mix(left.1, right.1), mix(left.2, right.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_series_look_different() {
        for theme in [Theme::Light, Theme::Dark] {
            let looks: Vec<Look> = (0..140).map(|slot| look(slot, theme)).collect();
            for (place, look) in looks.iter().enumerate() {
                assert!(!looks[..place].contains(look), "slot {place}");
            }
        }
    }

    #[test]
    fn shades_rise_and_never_leave_their_ends() {
        assert_eq!([shade(-1.0), shade(f64::NAN), shade(0.0)], [VIRIDIS[0]; 3]);
        assert_eq!(shade(7.0), VIRIDIS[9]);
        assert_eq!(readable_on(tile(0.0, Theme::Light)), Rgb(0, 0, 0));
        assert_eq!(readable_on(tile(1.0, Theme::Light)), Rgb(255, 255, 255));
    }
}
