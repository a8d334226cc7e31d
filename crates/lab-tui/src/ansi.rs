//! What a program printed, in the colours that the terminal has.

use lab_view::ansi::{self, Ink, Look};
use ratatui::style::{Color, Modifier, Style};

use crate::blocks::Styled;
use crate::{Depth, Theme};

/// One printed line as it looks in the end.
pub fn line(text: &str, theme: &Theme) -> Styled {
    ansi::line(text).into_iter().map(|(words, look)| (words, style(look, theme))).collect()
}

fn style(look: Look, theme: &Theme) -> Style {
    let mut style = Style::new();
    style.fg = look.ink.and_then(|ink| color(ink, theme));
    style.bg = look.ground.and_then(|ink| color(ink, theme));
    for (on, modifier) in [
        (look.bold, Modifier::BOLD),
        (look.faint, Modifier::DIM),
        (look.italic, Modifier::ITALIC),
        (look.underlined, Modifier::UNDERLINED),
        (look.reversed, Modifier::REVERSED),
        (look.struck, Modifier::CROSSED_OUT),
    ] {
        style = if on { style.add_modifier(modifier) } else { style };
    }
    style
}

/// Only colours that the terminal has.
fn color(ink: Ink, theme: &Theme) -> Option<Color> {
    match (theme.depth, ink) {
        (Depth::None, _) | (Depth::Sixteen | Depth::Many, Ink::Rgb(..)) => None,
        (Depth::Sixteen, Ink::Indexed(16..)) => None,
        (_, Ink::Indexed(number)) => Some(Color::Indexed(number)),
        (_, Ink::Rgb(red, green, blue)) => Some(Color::Rgb(red, green, blue)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_kept_where_the_terminal_has_them() {
        let theme = Theme { depth: Depth::True, light: false, ascii: false };
        let styled = line("\u{1b}[1;31mred\u{1b}[0m \u{1b}[38;2;1;2;3mrgb\u{1b}[39m", &theme);
        assert_eq!(styled[0], ("red".to_owned(), Style::new().fg(Color::Indexed(1)).add_modifier(Modifier::BOLD)));
        assert_eq!(styled[2], ("rgb".to_owned(), Style::new().fg(Color::Rgb(1, 2, 3))));
        let none = Theme { depth: Depth::None, ..theme };
        assert_eq!(line("\u{1b}[31mred", &none), [("red".to_owned(), Style::new())]);
    }
}
