//! The one table from tones to colours.

use lab_view::{Sign, Syntax, Tone};
use ratatui::style::{Color, Modifier, Style};

/// How many colours a terminal shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Depth {
    /// None: only bold, dim, underlined and reversed.
    None,
    /// The sixteen that the person has chosen for the terminal.
    Sixteen,
    /// 256.
    Many,
    /// Any.
    True,
}

/// How everything looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Theme {
    /// How many colours there are.
    pub depth: Depth,
    /// Dark letters on light ground.
    pub light: bool,
    /// Only ASCII for lines and marks.
    pub ascii: bool,
}

/// A colour for a dark and a light terminal, and the nearest of the sixteen.
struct Shade {
    dark: (u8, u8, u8),
    light: (u8, u8, u8),
    sixteen: Color,
}

// Blue, orange, bluish green, vermillion, sky blue, purple of Okabe and Ito, "Color Universal Design" (2008), lighter on
// dark ground and darker on light ground so that each is at least 4.5 to 1 against it.
const ACCENT: Shade = Shade { dark: (102, 178, 255), light: (0, 92, 163), sixteen: Color::Cyan };
const GOOD: Shade = Shade { dark: (72, 196, 158), light: (0, 112, 84), sixteen: Color::Green };
const WARN: Shade = Shade { dark: (240, 180, 60), light: (140, 92, 0), sixteen: Color::Yellow };
const BAD: Shade = Shade { dark: (255, 128, 92), light: (176, 60, 0), sixteen: Color::Red };
const CHANGED: Shade = Shade { dark: (222, 158, 206), light: (142, 62, 120), sixteen: Color::Magenta };
const MUTED: Shade = Shade { dark: (138, 144, 154), light: (98, 104, 114), sixteen: Color::DarkGray };
const BAR: Shade = Shade { dark: (36, 40, 48), light: (228, 231, 236), sixteen: Color::Black };
const CURSOR: Shade = Shade { dark: (44, 62, 88), light: (204, 222, 244), sixteen: Color::Blue };
const EDGE: Shade = Shade { dark: (72, 78, 90), light: (184, 190, 200), sixteen: Color::DarkGray };

// What is new and what is gone in a diff lies on a ground of its own, words that changed on a stronger one.
const ADDED: Shade = Shade { dark: (18, 48, 40), light: (222, 244, 234), sixteen: Color::Reset };
const ADDED_WORD: Shade = Shade { dark: (24, 88, 68), light: (172, 226, 204), sixteen: Color::Reset };
const REMOVED: Shade = Shade { dark: (58, 30, 24), light: (252, 230, 220), sixteen: Color::Reset };
const REMOVED_WORD: Shade = Shade { dark: (108, 46, 32), light: (246, 196, 176), sixteen: Color::Reset };
const FOUND: Shade = Shade { dark: (98, 78, 16), light: (255, 236, 150), sixteen: Color::Yellow };

/// Colours of series, in the order in which they are handed out: told apart also by people who see red and
/// green alike.
const SERIES: [Shade; 8] = [
    Shade { dark: (102, 178, 255), light: (0, 114, 178), sixteen: Color::Blue },
    Shade { dark: (240, 160, 40), light: (190, 110, 0), sixteen: Color::Yellow },
    Shade { dark: (60, 200, 150), light: (0, 130, 95), sixteen: Color::Green },
    Shade { dark: (230, 130, 190), light: (180, 80, 140), sixteen: Color::Magenta },
    Shade { dark: (250, 110, 60), light: (200, 80, 0), sixteen: Color::Red },
    Shade { dark: (140, 220, 250), light: (40, 140, 190), sixteen: Color::Cyan },
    Shade { dark: (240, 230, 90), light: (140, 130, 0), sixteen: Color::LightYellow },
    Shade { dark: (190, 190, 190), light: (90, 90, 90), sixteen: Color::Gray },
];

impl Theme {
    /// Takes the theme from the variables that terminals and people set.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let term = variable("TERM").unwrap_or_default();
        let depth = if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) || term == "dumb" {
            Depth::None
        } else if variable("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit") {
            Depth::True
        } else if term.contains("256color") || term.contains("kitty") || term.contains("alacritty") {
            Depth::Many
        } else {
            Depth::Sixteen
        };
        // `COLORFGBG` is `letters;ground`: 7 and 9 to 15 are light grounds.
        let ground = variable("COLORFGBG").and_then(|value| value.rsplit(';').next()?.parse::<u8>().ok());
        let light = match variable("LAB_THEME").as_deref() {
            Some("light") => true,
            Some("dark") => false,
            _ => ground.is_some_and(|ground| ground == 7 || ground > 8),
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let is_utf8 = locale.is_some_and(|locale| locale.to_lowercase().replace('-', "").contains("utf8"));
        let ascii = variable("LAB_ASCII").is_some_and(|value| !value.is_empty()) || !is_utf8;
        Self { depth, light, ascii }
    }

    fn color(&self, shade: &Shade) -> Color {
        let (red, green, blue) = if self.light { shade.light } else { shade.dark };
        match self.depth {
            Depth::None => Color::Reset,
            Depth::Sixteen => shade.sixteen,
            Depth::Many => Color::Indexed(nearest_of_256(red, green, blue)),
            Depth::True => Color::Rgb(red, green, blue),
        }
    }

    /// How text of this tone looks.
    pub fn tone(&self, tone: Tone) -> Style {
        let style = Style::new();
        match tone {
            Tone::Plain => style,
            Tone::Muted if self.depth == Depth::None => style.add_modifier(Modifier::DIM),
            Tone::Muted => style.fg(self.color(&MUTED)),
            Tone::Accent => style.fg(self.color(&ACCENT)),
            Tone::Good | Tone::Added => style.fg(self.color(&GOOD)),
            Tone::Warn => style.fg(self.color(&WARN)),
            Tone::Bad | Tone::Removed => style.fg(self.color(&BAD)),
            Tone::Changed => style.fg(self.color(&CHANGED)),
        }
    }

    /// A heading, also on top of a frame.
    pub fn heading(&self) -> Style {
        Style::new().fg(Color::Reset).remove_modifier(Modifier::DIM).add_modifier(Modifier::BOLD)
    }

    /// A key, and what else stands out on a bar.
    pub fn key(&self) -> Style {
        match self.depth {
            // On a reversed bar colours of their own cannot be read.
            Depth::None | Depth::Sixteen => self.bar().add_modifier(Modifier::BOLD),
            _ => self.bar().patch(self.tone(Tone::Accent)).add_modifier(Modifier::BOLD),
        }
    }

    /// The one of several that is shown, such as a tab.
    pub fn chosen(&self) -> Style {
        match self.depth {
            Depth::None | Depth::Sixteen => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            _ => self.cursor().patch(self.tone(Tone::Accent)).add_modifier(Modifier::BOLD),
        }
    }

    /// A frame around what has the focus.
    pub fn focus(&self) -> Style {
        self.tone(Tone::Accent).remove_modifier(Modifier::DIM)
    }

    /// The bars at the top and at the bottom.
    pub fn bar(&self) -> Style {
        match self.depth {
            Depth::None | Depth::Sixteen => Style::new().add_modifier(Modifier::REVERSED),
            _ => Style::new().bg(self.color(&BAR)),
        }
    }

    /// The row under the cursor.
    pub fn cursor(&self) -> Style {
        match self.depth {
            Depth::None | Depth::Sixteen => Style::new().add_modifier(Modifier::REVERSED),
            _ => Style::new().bg(self.color(&CURSOR)),
        }
    }

    /// Frames and separating lines.
    pub fn edge(&self) -> Style {
        if self.depth == Depth::None {
            Style::new().add_modifier(Modifier::DIM)
        } else {
            Style::new().fg(self.color(&EDGE))
        }
    }

    /// The colour of a series by its slot.
    pub fn series(&self, slot: usize) -> Style {
        Style::new().fg(self.color(&SERIES[slot % SERIES.len()]))
    }

    /// The ground of a line of a diff, and of the words in it that changed.
    pub fn ground(&self, sign: Sign, changed: bool) -> Style {
        let shade = match (sign, changed) {
            (Sign::Equal, _) => return Style::new(),
            (Sign::Added, false) => &ADDED,
            (Sign::Added, true) => &ADDED_WORD,
            (Sign::Removed, false) => &REMOVED,
            (Sign::Removed, true) => &REMOVED_WORD,
        };
        match self.depth {
            Depth::Many | Depth::True => Style::new().bg(self.color(shade)),
            // Without grounds the letters have to say it.
            Depth::None | Depth::Sixteen => {
                let tone = if sign == Sign::Added { Tone::Added } else { Tone::Removed };
                let style = self.tone(tone);
                if changed { style.add_modifier(self.emphasis()) } else { style }
            }
        }
    }

    /// How a piece of source code looks.
    pub fn syntax(&self, syntax: Syntax) -> Style {
        match syntax {
            Syntax::Plain => Style::new(),
            Syntax::Keyword => self.tone(Tone::Changed),
            Syntax::String => self.tone(Tone::Good),
            Syntax::Comment => self.tone(Tone::Muted).add_modifier(Modifier::ITALIC),
            Syntax::Number => self.tone(Tone::Warn),
            Syntax::Function | Syntax::Key => self.tone(Tone::Accent),
        }
    }

    /// Code among words.
    pub fn code(&self) -> Style {
        match self.depth {
            Depth::None | Depth::Sixteen => Style::new(),
            _ => Style::new().bg(self.color(&BAR)),
        }
    }

    /// What stands around code where it has no ground of its own.
    pub const fn code_sign(&self) -> &'static str {
        if self.has_grounds() { "" } else { "`" }
    }

    /// Words that were looked for.
    pub fn found(&self) -> Style {
        match self.depth {
            Depth::None | Depth::Sixteen => Style::new().add_modifier(Modifier::REVERSED),
            _ => Style::new().bg(self.color(&FOUND)).add_modifier(Modifier::BOLD),
        }
    }

    /// Whether changed lines have a ground.
    const fn has_grounds(&self) -> bool {
        matches!(self.depth, Depth::Many | Depth::True)
    }

    /// A word of a line of a diff.
    pub fn changed_word(&self, sign: Sign, changed: bool, syntax: Syntax) -> Style {
        let ground = self.ground(sign, changed);
        if sign == Sign::Equal || self.has_grounds() { self.syntax(syntax).patch(ground) } else { ground }
    }

    /// Words that changed within a changed line.
    pub fn emphasis(&self) -> Modifier {
        if self.depth == Depth::None { Modifier::BOLD } else { Modifier::BOLD | Modifier::UNDERLINED }
    }

    /// Text where it can be shown, its replacement where only ASCII can.
    pub const fn mark<'a>(&self, full: &'a str, ascii: &'a str) -> &'a str {
        if self.ascii { ascii } else { full }
    }
}

/// The nearest of the 6 × 6 × 6 cube and the greys of xterm's 256 colours.
pub fn nearest_of_256(red: u8, green: u8, blue: u8) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let nearest = |value: u8| (0..6).min_by_key(|level| LEVELS[*level].abs_diff(value)).unwrap_or(0);
    let cube = [nearest(red), nearest(green), nearest(blue)];
    let grey = (0..24).min_by_key(|step| {
        let level = 8 + 10 * step;
        [red, green, blue].iter().map(|value| u32::from(value.abs_diff(level as u8))).sum::<u32>()
    });
    let grey = grey.unwrap_or(0);
    let off = |levels: [u8; 3]| -> u32 {
        levels.iter().zip([red, green, blue]).map(|(level, value)| u32::from(level.abs_diff(value)).pow(2)).sum()
    };
    let cube_off = off(cube.map(|level| LEVELS[level]));
    let grey_off = off([(8 + 10 * grey) as u8; 3]);
    if grey_off < cube_off { 232 + grey as u8 } else { 16 + (36 * cube[0] + 6 * cube[1] + cube[2]) as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Theme {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Theme::from_variables(&find)
    }

    #[test]
    fn the_terminal_says_what_it_can_show() {
        let utf8 = ("LANG", "de_DE.UTF-8");
        assert_eq!(of(&[utf8, ("TERM", "xterm-256color")]), Theme { depth: Depth::Many, light: false, ascii: false });
        assert_eq!(of(&[utf8, ("TERM", "xterm"), ("COLORTERM", "truecolor")]).depth, Depth::True);
        assert_eq!(of(&[utf8, ("TERM", "linux")]).depth, Depth::Sixteen);
        assert_eq!(of(&[utf8, ("NO_COLOR", "1"), ("COLORTERM", "truecolor")]).depth, Depth::None);
        assert!(of(&[("LANG", "C")]).ascii);
        assert!(of(&[utf8, ("COLORFGBG", "0;15")]).light);
        assert!(!of(&[utf8, ("COLORFGBG", "15;0")]).light);
        assert!(of(&[utf8, ("LAB_THEME", "light")]).light);
    }

    #[test]
    fn every_tone_is_told_apart_without_colours_where_it_matters() {
        let theme = Theme { depth: Depth::None, light: false, ascii: true };
        for tone in [Tone::Good, Tone::Bad, Tone::Added, Tone::Removed] {
            assert_eq!(theme.tone(tone).fg, Some(Color::Reset));
        }
        assert_eq!(nearest_of_256(255, 255, 255), 231);
        assert_eq!(nearest_of_256(128, 128, 128), 244);
    }
}
