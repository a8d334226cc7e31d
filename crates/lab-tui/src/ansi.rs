//! What a program printed, as a terminal would show it: its colours are kept (ECMA-48 SGR), a carriage return
//! writes over what stands there, and every other command to the terminal is dropped.

use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::blocks::Styled;
use crate::text::width;
use crate::{Depth, Theme};

/// Longer lines are cut: nobody reads them on a screen.
const LONGEST_BYTES: usize = 16 << 10;

/// One printed line as it looks in the end.
pub fn line(text: &str, theme: &Theme) -> Styled {
    let text = &text[..text.floor_char_boundary(LONGEST_BYTES)];
    if !text.contains(|letter: char| letter.is_control()) {
        return vec![(text.to_owned(), Style::new())];
    }
    let mut screen = Screen { cells: Vec::new(), at: 0, style: Style::new() };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '\u{1b}' || first == '\u{9b}' {
            rest = screen.command(rest);
            continue;
        }
        let letter = rest.graphemes(true).next().unwrap_or_default();
        rest = &rest[letter.len()..];
        match first {
            '\r' => screen.at = 0,
            '\u{8}' => screen.at = screen.at.saturating_sub(1),
            '\t' => {
                for _ in 0..8 - screen.at % 8 {
                    screen.put(" ");
                }
            }
            _ if first.is_control() => {}
            _ => screen.put(letter),
        }
    }
    screen.into_styled(theme)
}

struct Screen {
    /// One for each column; what follows a wide character is empty.
    cells: Vec<(String, Style)>,
    at: usize,
    style: Style,
}

impl Screen {
    fn put(&mut self, letter: &str) {
        for place in 0..width(letter).max(1) {
            if self.at >= self.cells.len() {
                self.cells.resize(self.at + 1, (" ".to_owned(), Style::new()));
            }
            let text = if place == 0 { letter.to_owned() } else { String::new() };
            self.cells[self.at] = (text, self.style);
            self.at += 1;
        }
    }

    /// Takes a command off the front, does what it says when it is about colours or this line.
    fn command<'a>(&mut self, text: &'a str) -> &'a str {
        let Some(body) = text.strip_prefix("\u{1b}[").or_else(|| text.strip_prefix('\u{9b}')) else {
            return other_command(text);
        };
        let Some(end) = body.find(|letter: char| ('@'..='~').contains(&letter)) else { return "" };
        let numbers: Vec<u16> = body[..end].split([';', ':']).map(|number| number.parse().unwrap_or(0)).collect();
        let many = usize::from(numbers[0].max(1)).min(LONGEST_BYTES);
        match &body[end..=end] {
            "m" => self.look(&numbers),
            "K" => match numbers[0] {
                0 => self.cells.truncate(self.at),
                1 => self.cells.iter_mut().take(self.at).for_each(|cell| *cell = (" ".to_owned(), Style::new())),
                _ => self.cells.clear(),
            },
            "G" => self.at = many - 1,
            "C" => self.at = (self.at + many).min(LONGEST_BYTES),
            "D" => self.at = self.at.saturating_sub(many),
            _ => {}
        }
        &body[end + 1..]
    }

    fn look(&mut self, numbers: &[u16]) {
        let mut numbers = numbers.iter().copied();
        while let Some(number) = numbers.next() {
            self.style = match number {
                0 => Style::new(),
                1 => self.style.add_modifier(Modifier::BOLD),
                2 => self.style.add_modifier(Modifier::DIM),
                3 => self.style.add_modifier(Modifier::ITALIC),
                4 => self.style.add_modifier(Modifier::UNDERLINED),
                7 => self.style.add_modifier(Modifier::REVERSED),
                9 => self.style.add_modifier(Modifier::CROSSED_OUT),
                22 => self.style.remove_modifier(Modifier::BOLD | Modifier::DIM),
                23 => self.style.remove_modifier(Modifier::ITALIC),
                24 => self.style.remove_modifier(Modifier::UNDERLINED),
                27 => self.style.remove_modifier(Modifier::REVERSED),
                29 => self.style.remove_modifier(Modifier::CROSSED_OUT),
                30..=37 => self.style.fg(Color::Indexed(number as u8 - 30)),
                90..=97 => self.style.fg(Color::Indexed(number as u8 - 82)),
                40..=47 => self.style.bg(Color::Indexed(number as u8 - 40)),
                100..=107 => self.style.bg(Color::Indexed(number as u8 - 92)),
                39 => Style { fg: None, ..self.style },
                49 => Style { bg: None, ..self.style },
                38 => colour(&mut numbers).map_or(self.style, |colour| self.style.fg(colour)),
                48 => colour(&mut numbers).map_or(self.style, |colour| self.style.bg(colour)),
                _ => self.style,
            };
        }
    }

    fn into_styled(self, theme: &Theme) -> Styled {
        let mut styled: Styled = Vec::new();
        for (text, style) in self.cells {
            let style = shown(style, theme);
            match styled.last_mut() {
                Some((words, last)) if *last == style => words.push_str(&text),
                _ => styled.push((text, style)),
            }
        }
        styled
    }
}

/// `5;n` or `2;r;g;b`.
fn colour(numbers: &mut impl Iterator<Item = u16>) -> Option<Color> {
    let byte = |number: u16| u8::try_from(number).ok();
    match numbers.next()? {
        5 => Some(Color::Indexed(byte(numbers.next()?)?)),
        2 => Some(Color::Rgb(byte(numbers.next()?)?, byte(numbers.next()?)?, byte(numbers.next()?)?)),
        _ => None,
    }
}

/// Only colours that the terminal has.
fn shown(style: Style, theme: &Theme) -> Style {
    let fits = |colour: &Color| match (theme.depth, colour) {
        (Depth::None, _) => false,
        (Depth::Sixteen, Color::Indexed(number)) => *number < 16,
        (Depth::Sixteen | Depth::Many, Color::Rgb(..)) => false,
        _ => true,
    };
    Style { fg: style.fg.filter(fits), bg: style.bg.filter(fits), ..style }
}

/// Commands that are not about colours: titles, links, character sets. They end with BEL or ST, or are short.
fn other_command(text: &str) -> &str {
    let body = &text['\u{1b}'.len_utf8()..];
    match body.chars().next() {
        Some(']' | 'P' | '_' | '^' | 'X') => {
            let end = body.find(['\u{7}', '\u{9c}']).map(|at| at + body[at..].chars().next().map_or(1, char::len_utf8));
            let string_end = body.find("\u{1b}\\").map(|at| at + 2);
            let end = end.into_iter().chain(string_end).min();
            end.map_or("", |end| &body[end..])
        }
        Some('(' | ')' | '#' | '%') => body.get(2..).unwrap_or_default(),
        Some(letter) => &body[letter.len_utf8()..],
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEME: Theme = Theme { depth: Depth::True, light: false, ascii: false };

    fn words(text: &str) -> String {
        line(text, &THEME).into_iter().map(|(words, _)| words).collect()
    }

    #[test]
    fn only_letters_are_left() {
        for (printed, shown) in [
            ("plain", "plain"),
            ("10%\r20%\r100%", "100%"),
            ("100%\r20", "200%"),
            ("abc\r\u{1b}[Kd", "d"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}[2J\u{1b}[Hx\u{1b}(B", "x"),
            ("a\tb", "a       b"),
            ("日本\rx", "x本"),
            ("torn \u{1b}[3", "torn "),
            ("\u{7}bell", "bell"),
        ] {
            let seen = words(printed);
            assert_eq!(seen.trim_end(), shown.trim_end(), "{printed:?}");
            assert!(!seen.contains(|letter: char| letter.is_control()));
        }
    }

    #[test]
    fn colours_are_kept_where_the_terminal_has_them() {
        let styled = line("\u{1b}[1;31mred\u{1b}[0m \u{1b}[38;2;1;2;3mrgb\u{1b}[39m", &THEME);
        assert_eq!(styled[0], ("red".to_owned(), Style::new().fg(Color::Indexed(1)).add_modifier(Modifier::BOLD)));
        assert_eq!(styled[2], ("rgb".to_owned(), Style::new().fg(Color::Rgb(1, 2, 3))));
        let none = Theme { depth: Depth::None, ..THEME };
        assert_eq!(line("\u{1b}[31mred", &none), [("red".to_owned(), Style::new())]);
    }
}
