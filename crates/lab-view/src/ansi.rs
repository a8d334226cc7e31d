//! What a program printed, as a terminal would show it: its colours are kept (ECMA-48 SGR), a carriage return
//! writes over what stands there, and every other command to the terminal is dropped.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A colour as the program named it; what it looks like is up to the painter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ink {
    /// One of the 256 of a terminal's palette; the first sixteen are the person's own.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How a piece of output looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "these are the switches that a terminal has")]
pub struct Look {
    /// The letters.
    pub ink: Option<Ink>,
    /// Behind the letters.
    pub ground: Option<Ink>,
    /// Stronger.
    pub bold: bool,
    /// Weaker.
    pub faint: bool,
    /// Slanted.
    pub italic: bool,
    /// With a line below.
    pub underlined: bool,
    /// Letters and ground change places.
    pub reversed: bool,
    /// With a line through it.
    pub struck: bool,
}

/// Pieces of a line, each with its look.
pub type Pieces = Vec<(String, Look)>;

/// Longer lines are cut: nobody reads them on a screen.
const LONGEST_BYTES: usize = 16 << 10;

/// One printed line as it looks in the end.
pub fn line(text: &str) -> Pieces {
    let text = &text[..text.floor_char_boundary(LONGEST_BYTES)];
    if !text.contains(|letter: char| letter.is_control()) {
        return vec![(text.to_owned(), Look::default())];
    }
    let mut screen = Screen { cells: Vec::new(), at: 0, look: Look::default() };
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
    screen.into_pieces()
}

struct Screen {
    /// One for each column; what follows a wide character is empty.
    cells: Vec<(String, Look)>,
    at: usize,
    look: Look,
}

impl Screen {
    fn put(&mut self, letter: &str) {
        for place in 0..letter.width().max(1) {
            if self.at >= self.cells.len() {
                self.cells.resize(self.at + 1, (" ".to_owned(), Look::default()));
            }
            let text = if place == 0 { letter.to_owned() } else { String::new() };
            self.cells[self.at] = (text, self.look);
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
            "m" => self.change(&numbers),
            "K" => match numbers[0] {
                0 => self.cells.truncate(self.at),
                1 => self.cells.iter_mut().take(self.at).for_each(|cell| *cell = (" ".to_owned(), Look::default())),
                _ => self.cells.clear(),
            },
            "G" => self.at = many - 1,
            "C" => self.at = (self.at + many).min(LONGEST_BYTES),
            "D" => self.at = self.at.saturating_sub(many),
            _ => {}
        }
        &body[end + 1..]
    }

    fn change(&mut self, numbers: &[u16]) {
        let mut numbers = numbers.iter().copied();
        let look = &mut self.look;
        while let Some(number) = numbers.next() {
            match number {
                0 => *look = Look::default(),
                1 => look.bold = true,
                2 => look.faint = true,
                3 => look.italic = true,
                4 => look.underlined = true,
                7 => look.reversed = true,
                9 => look.struck = true,
                22 => (look.bold, look.faint) = (false, false),
                23 => look.italic = false,
                24 => look.underlined = false,
                27 => look.reversed = false,
                29 => look.struck = false,
                30..=37 => look.ink = Some(Ink::Indexed(number as u8 - 30)),
                90..=97 => look.ink = Some(Ink::Indexed(number as u8 - 82)),
                40..=47 => look.ground = Some(Ink::Indexed(number as u8 - 40)),
                100..=107 => look.ground = Some(Ink::Indexed(number as u8 - 92)),
                39 => look.ink = None,
                49 => look.ground = None,
                38 => look.ink = ink(&mut numbers).or(look.ink),
                48 => look.ground = ink(&mut numbers).or(look.ground),
                _ => {}
            }
        }
    }

    fn into_pieces(self) -> Pieces {
        let mut pieces: Pieces = Vec::new();
        for (text, look) in self.cells {
            match pieces.last_mut() {
                Some((words, last)) if *last == look => words.push_str(&text),
                _ => pieces.push((text, look)),
            }
        }
        pieces
    }
}

/// `5;n` or `2;r;g;b`.
fn ink(numbers: &mut impl Iterator<Item = u16>) -> Option<Ink> {
    let byte = |number: u16| u8::try_from(number).ok();
    match numbers.next()? {
        5 => Some(Ink::Indexed(byte(numbers.next()?)?)),
        2 => Some(Ink::Rgb(byte(numbers.next()?)?, byte(numbers.next()?)?, byte(numbers.next()?)?)),
        _ => None,
    }
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

    fn words(text: &str) -> String {
        line(text).into_iter().map(|(words, _)| words).collect()
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
    fn colours_are_kept_as_they_are_named() {
        let pieces = line("\u{1b}[1;31mred\u{1b}[0m \u{1b}[38;2;1;2;3mrgb\u{1b}[39m");
        let red = Look { ink: Some(Ink::Indexed(1)), bold: true, ..Look::default() };
        assert_eq!(pieces[0], ("red".to_owned(), red));
        assert_eq!(pieces[2], ("rgb".to_owned(), Look { ink: Some(Ink::Rgb(1, 2, 3)), ..Look::default() }));
    }
}
