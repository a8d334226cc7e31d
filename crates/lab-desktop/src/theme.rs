//! How everything looks: the one table from tones to colours, the type scale, spacing and radii.

use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Visuals};
use lab_view::Tone;

/// The smallest gap; every other one is a multiple of it.
pub const GAP: f32 = 4.0;
/// From the edge of a place to what is in it.
pub const MARGIN: f32 = 16.0;
/// The height of a row of a list.
pub const ROW: f32 = 28.0;
/// The height of a head of a list, and of bars.
pub const HEAD: f32 = 30.0;
/// How round buttons and rows are.
pub const RADIUS: u8 = 6;

/// Colours of one of the two looks.
pub struct Theme {
    /// Behind everything.
    pub ground: Color32,
    /// Bars and the navigation, a step away from the ground.
    pub bar: Color32,
    /// What lies on top: windows, menus, cards.
    pub raised: Color32,
    /// Lines between parts.
    pub edge: Color32,
    /// Under the pointer.
    pub hover: Color32,
    /// What is chosen.
    pub chosen: Color32,
    /// Text.
    pub text: Color32,
    /// Text that is less important.
    pub muted: Color32,
    /// The one colour that draws the eye.
    pub accent: Color32,
    /// Text on the accent colour.
    pub on_accent: Color32,
    /// Better, or as it should be.
    pub good: Color32,
    /// Needs a look.
    pub warn: Color32,
    /// Worse, or broken.
    pub bad: Color32,
    /// Different.
    pub changed: Color32,
    /// Behind words that were looked for.
    pub found: Color32,
    /// The sixteen colours of a terminal.
    terminal: [Color32; 16],
    /// Hues of series.
    series: [Color32; Self::HUES],
    is_dark: bool,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

static LIGHT: Theme = Theme {
    ground: rgb(0xffffff),
    bar: rgb(0xf6f7f9),
    raised: rgb(0xffffff),
    edge: rgb(0xe3e6ea),
    hover: rgb(0xf1f3f6),
    chosen: rgb(0xe5eefb),
    text: rgb(0x1d2430),
    muted: rgb(0x667085),
    accent: rgb(0x1f5fbf),
    on_accent: rgb(0xffffff),
    good: rgb(0x15734a),
    warn: rgb(0x945200),
    bad: rgb(0xba2430),
    changed: rgb(0x7a3fb0),
    found: rgb(0xffe08a),
    terminal: [
        rgb(0x1d2430),
        rgb(0xba2430),
        rgb(0x15734a),
        rgb(0x8a6100),
        rgb(0x1f5fbf),
        rgb(0x7a3fb0),
        rgb(0x0b7285),
        rgb(0x667085),
        rgb(0x4d5766),
        rgb(0xd6303d),
        rgb(0x1b8a4b),
        rgb(0xa67c00),
        rgb(0x2f7be0),
        rgb(0x9a52d6),
        rgb(0x0e8ea6),
        rgb(0x1d2430),
    ],
    // The bright qualitative scheme of Paul Tol, darkened where thin lines on white need it.
    series: [
        rgb(0x2f6db3),
        rgb(0xd9480f),
        rgb(0x1b8a4b),
        rgb(0x8a3ab9),
        rgb(0xb58900),
        rgb(0x0b8ea6),
        rgb(0xc2255c),
        rgb(0x5c6773),
        rgb(0x7a8b00),
        rgb(0x9c5a2b),
    ],
    is_dark: false,
};

static DARK: Theme = Theme {
    ground: rgb(0x14171c),
    bar: rgb(0x1a1e25),
    raised: rgb(0x20252d),
    edge: rgb(0x2c323c),
    hover: rgb(0x222831),
    chosen: rgb(0x223754),
    text: rgb(0xe2e6ec),
    muted: rgb(0x929cab),
    accent: rgb(0x6ea8fe),
    on_accent: rgb(0x0b1526),
    good: rgb(0x58c48d),
    warn: rgb(0xe0a458),
    bad: rgb(0xf47c7c),
    changed: rgb(0xc39bf0),
    found: rgb(0x6b5a1e),
    terminal: [
        rgb(0x6b7482),
        rgb(0xf47c7c),
        rgb(0x58c48d),
        rgb(0xe0b04d),
        rgb(0x6ea8fe),
        rgb(0xc39bf0),
        rgb(0x4cc9d8),
        rgb(0xc3cad4),
        rgb(0x929cab),
        rgb(0xff9b9b),
        rgb(0x7ddba8),
        rgb(0xf0cc72),
        rgb(0x93bfff),
        rgb(0xd7b8f7),
        rgb(0x7adfea),
        rgb(0xe2e6ec),
    ],
    series: [
        rgb(0x6ea8fe),
        rgb(0xff8c5a),
        rgb(0x5fcf8f),
        rgb(0xc39bf0),
        rgb(0xe3c34d),
        rgb(0x4cc9d8),
        rgb(0xf783ac),
        rgb(0xa9b3c1),
        rgb(0xc0d14a),
        rgb(0xd6a077),
    ],
    is_dark: true,
};

impl Theme {
    /// Hues of series.
    pub const HUES: usize = 10;
    /// So many series have a colour of their own: each hue as it is, nearer to the text, and nearer to the ground.
    pub const COLORS: usize = 3 * Self::HUES;

    /// The look that is on.
    pub fn of(ui: &egui::Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }

    #[cfg(test)]
    pub const fn light() -> &'static Self {
        &LIGHT
    }

    /// The colour of text of this tone.
    pub const fn tone(&self, tone: Tone) -> Color32 {
        match tone {
            Tone::Plain => self.text,
            Tone::Muted => self.muted,
            Tone::Accent => self.accent,
            Tone::Good | Tone::Added => self.good,
            Tone::Warn => self.warn,
            Tone::Bad | Tone::Removed => self.bad,
            Tone::Changed => self.changed,
        }
    }

    /// A faint ground in the colour of a tone, for pills and rows.
    pub fn wash(&self, tone: Tone) -> Color32 {
        self.ground.lerp_to_gamma(self.tone(tone), if self.is_dark { 0.18 } else { 0.10 })
    }

    /// The colour of a series.
    pub fn series(&self, slot: usize) -> Color32 {
        let color = self.series[slot % Self::HUES];
        match slot % Self::COLORS / Self::HUES {
            0 => color,
            1 => color.lerp_to_gamma(self.text, 0.45),
            _ => color.lerp_to_gamma(self.ground, 0.40),
        }
    }

    /// Words of source code.
    pub const fn syntax(&self, syntax: lab_view::Syntax) -> Color32 {
        use lab_view::Syntax;
        match syntax {
            Syntax::Plain => self.text,
            Syntax::Comment => self.muted,
            Syntax::Keyword => self.changed,
            Syntax::String => self.good,
            Syntax::Number => self.warn,
            Syntax::Function | Syntax::Key => self.accent,
        }
    }

    /// A ground in the colour of a tone behind the words that changed in a line.
    pub fn mark(&self, tone: Tone) -> Color32 {
        self.ground.lerp_to_gamma(self.tone(tone), if self.is_dark { 0.40 } else { 0.26 })
    }

    /// A hairline.
    pub fn line(&self) -> Stroke {
        Stroke::new(1.0, self.edge)
    }
}

/// One of the 256 colours of a terminal: sixteen of its own, a cube of 6 by 6 by 6, and greys (xterm).
pub fn indexed(theme: &Theme, number: u8) -> Color32 {
    let level = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
    match number {
        0..16 => theme.terminal[usize::from(number)],
        16..232 => {
            let place = number - 16;
            Color32::from_rgb(level(place / 36), level(place / 6 % 6), level(place % 6))
        }
        232.. => Color32::from_gray(8 + (number - 232) * 10),
    }
}

/// The type scale.
pub mod text {
    use super::{FontFamily, FontId};

    /// Under this name the letters of headings are known.
    pub const STRONG: &str = "strong";

    /// What people read.
    pub const fn body() -> FontId {
        FontId::new(13.5, FontFamily::Proportional)
    }

    /// What stands out of what people read.
    pub fn strong() -> FontId {
        FontId::new(13.5, FontFamily::Name(STRONG.into()))
    }

    /// Asides.
    pub const fn small() -> FontId {
        FontId::new(12.0, FontFamily::Proportional)
    }

    /// Headings of sections.
    pub fn heading() -> FontId {
        FontId::new(14.5, FontFamily::Name(STRONG.into()))
    }

    /// What a page says first.
    pub const fn large() -> FontId {
        FontId::new(15.5, FontFamily::Proportional)
    }

    /// The name of a place.
    pub fn title() -> FontId {
        FontId::new(20.0, FontFamily::Name(STRONG.into()))
    }

    /// Code, logs, commands.
    pub const fn mono() -> FontId {
        FontId::new(12.5, FontFamily::Monospace)
    }

    /// How wide each letter of it is, in points.
    pub const LETTER: f32 = 7.5;

    /// What stands beside code.
    pub const fn mono_small() -> FontId {
        FontId::new(11.0, FontFamily::Monospace)
    }
}

/// Inter with figures of one width, in two weights, and JetBrains Mono; `assets/fonts/README.md` says how they were made.
const FONTS: [(&str, &[u8]); 3] = [
    ("Inter", include_bytes!("../../../assets/fonts/Inter-Text.ttf")),
    ("Inter strong", include_bytes!("../../../assets/fonts/Inter-Strong.ttf")),
    ("JetBrains Mono", include_bytes!("../../../assets/fonts/JetBrainsMono-Latin.ttf")),
];

/// The fonts of the window; what they lack comes from those of the toolkit, then from the system's.
fn fonts() -> egui::FontDefinitions {
    let mut fonts = egui::FontDefinitions::default();
    for (name, bytes) in FONTS {
        fonts.font_data.insert(name.to_owned(), std::sync::Arc::new(egui::FontData::from_static(bytes)));
    }
    let others = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    for (family, first) in [
        (FontFamily::Proportional, "Inter"),
        (FontFamily::Name(text::STRONG.into()), "Inter strong"),
        (FontFamily::Monospace, "JetBrains Mono"),
    ] {
        let known = fonts.families.entry(family).or_insert_with(|| others.clone());
        known.insert(0, first.to_owned());
        // It has the signs that letters for reading lack.
        if first != "JetBrains Mono" {
            known.insert(1, "JetBrains Mono".to_owned());
        }
    }
    fonts
}

/// Gives the window its look, for light and for dark.
pub fn dress(context: &egui::Context) {
    context.options_mut(|options| {
        // Where the system does not say what it is.
        options.fallback_theme = egui::Theme::Light;
        // Leaving goes through the table of actions, which asks first when something is under way.
        options.quit_shortcuts.clear();
    });
    context.set_fonts(fonts());
    for (theme, kind) in [(&LIGHT, egui::Theme::Light), (&DARK, egui::Theme::Dark)] {
        context.set_visuals_of(kind, visuals(theme));
        context.style_mut_of(kind, |style| {
            style.text_styles = [
                (TextStyle::Small, text::small()),
                (TextStyle::Body, text::body()),
                (TextStyle::Button, text::body()),
                (TextStyle::Heading, text::heading()),
                (TextStyle::Monospace, text::mono()),
            ]
            .into();
            let spacing = &mut style.spacing;
            spacing.item_spacing = egui::vec2(2.0 * GAP, 1.5 * GAP);
            spacing.button_padding = egui::vec2(2.5 * GAP, GAP);
            spacing.interact_size.y = 26.0;
            spacing.menu_margin = egui::Margin::same(6);
            spacing.window_margin = egui::Margin::same(16);
            spacing.scroll = egui::style::ScrollStyle {
                bar_width: 8.0,
                dormant_handle_opacity: 0.15,
                active_handle_opacity: 0.3,
                interact_handle_opacity: 0.45,
                interact_background_opacity: 0.0,
                ..egui::style::ScrollStyle::floating()
            };
            style.animation_time = 0.08;
        });
    }
}

fn visuals(theme: &Theme) -> Visuals {
    let mut visuals = if theme.is_dark { Visuals::dark() } else { Visuals::light() };
    let radius = CornerRadius::same(RADIUS);
    visuals.override_text_color = None;
    visuals.panel_fill = theme.ground;
    visuals.window_fill = theme.raised;
    visuals.window_stroke = theme.line();
    visuals.window_corner_radius = CornerRadius::same(10);
    visuals.menu_corner_radius = CornerRadius::same(8);
    visuals.extreme_bg_color = theme.ground;
    visuals.faint_bg_color = theme.bar;
    visuals.code_bg_color = theme.bar;
    visuals.hyperlink_color = theme.accent;
    visuals.warn_fg_color = theme.warn;
    visuals.error_fg_color = theme.bad;
    visuals.weak_text_color = Some(theme.muted);
    visuals.selection.bg_fill = theme.chosen;
    visuals.selection.stroke = Stroke::new(1.0, theme.accent);
    let looks = [
        (&mut visuals.widgets.noninteractive, theme.ground, theme.edge, theme.text),
        (&mut visuals.widgets.inactive, theme.bar, theme.edge, theme.text),
        (&mut visuals.widgets.hovered, theme.hover, theme.muted, theme.text),
        (&mut visuals.widgets.active, theme.chosen, theme.accent, theme.text),
        (&mut visuals.widgets.open, theme.hover, theme.edge, theme.text),
    ];
    for (look, fill, edge, ink) in looks {
        look.bg_fill = fill;
        look.weak_bg_fill = fill;
        look.bg_stroke = Stroke::new(1.0, edge);
        look.fg_stroke = Stroke::new(1.0, ink);
        look.corner_radius = radius;
        look.expansion = 0.0;
    }
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two colours (WCAG 2.1, relative luminance).
    fn contrast(one: Color32, other: Color32) -> f32 {
        let luminance = |color: Color32| {
            let [red, green, blue, _] = egui::Rgba::from(color).to_array();
            0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
        };
        let (one, other) = (luminance(one), luminance(other));
        one.max(other) / one.min(other)
    }

    #[test]
    fn every_tone_can_be_read_on_every_ground() {
        use Tone::{Accent, Added, Bad, Changed, Good, Muted, Plain, Removed, Warn};
        for theme in [&LIGHT, &DARK] {
            for tone in [Plain, Muted, Accent, Good, Warn, Bad, Added, Removed, Changed] {
                for ground in [theme.ground, theme.bar, theme.raised, theme.hover, theme.chosen] {
                    let found = contrast(theme.tone(tone), ground);
                    assert!(found >= 4.0, "{tone:?} on {ground:?}: {found}, dark: {}", theme.is_dark);
                }
            }
            assert!(contrast(theme.on_accent, theme.accent) >= 4.5);
        }
    }
}
