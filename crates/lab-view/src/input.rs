//! A line that is being typed: the text, the cursor, what could be meant.

use unicode_segmentation::UnicodeSegmentation;

/// One change to a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Typing {
    /// Text comes in at the cursor.
    Insert(String),
    /// The character before the cursor goes.
    Backspace,
    /// The character at the cursor goes.
    Delete,
    /// The word before the cursor goes.
    DeleteWord,
    /// Everything before the cursor goes.
    DeleteToStart,
    /// Everything behind the cursor goes.
    DeleteToEnd,
    /// One character to the left.
    Left,
    /// One character to the right.
    Right,
    /// To the beginning of the word.
    WordLeft,
    /// To the end of the word.
    WordRight,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// The whole line is another one.
    Set(String),
    /// The whole line is another one, and the cursor stands at this byte of it: what a toolkit's own field says.
    Place(String, usize),
}

/// A line of text with a cursor. The cursor is a byte place between two characters as people see them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Input {
    text: String,
    cursor: usize,
}

impl Input {
    /// A line with the cursor at its end. Line ends and other control characters are dropped.
    pub fn new(text: &str) -> Self {
        let mut input = Self::default();
        input.edit(&Typing::Insert(text.to_owned()));
        input
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The byte place of the cursor.
    pub const fn cursor(&self) -> usize {
        self.cursor
    }

    /// Everything before the cursor is another text; what is behind stays.
    pub fn replace_before(&mut self, text: &str) {
        self.edit(&Typing::DeleteToStart);
        self.edit(&Typing::Insert(text.to_owned()));
    }

    /// Carries one change out.
    pub fn edit(&mut self, typing: &Typing) {
        match typing {
            Typing::Insert(text) => {
                let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
                self.text.insert_str(self.cursor, &text);
                self.cursor += text.len();
            }
            Typing::Backspace => self.cut(self.left()),
            Typing::DeleteWord => self.cut(self.word_left()),
            Typing::DeleteToStart => self.cut(0),
            Typing::Delete => self.text.replace_range(self.cursor..self.right(), ""),
            Typing::DeleteToEnd => self.text.truncate(self.cursor),
            Typing::Left => self.cursor = self.left(),
            Typing::Right => self.cursor = self.right(),
            Typing::WordLeft => self.cursor = self.word_left(),
            Typing::WordRight => self.cursor = self.word_right(),
            Typing::Home => self.cursor = 0,
            Typing::End => self.cursor = self.text.len(),
            Typing::Set(text) => *self = Self::new(text),
            Typing::Place(text, cursor) => {
                *self = Self::new(text);
                self.cursor =
                    (0..=(*cursor).min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
            }
        }
    }

    /// Removes what lies between `from` and the cursor.
    fn cut(&mut self, from: usize) {
        self.text.replace_range(from..self.cursor, "");
        self.cursor = from;
    }

    fn left(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_left(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before.rfind(|letter: char| !letter.is_alphanumeric()).map_or(0, |at| {
            let length = before[at..].chars().next().map_or(0, char::len_utf8);
            // A run of signs counts as a word of its own.
            if at + length == before.len() { at } else { at + length }
        })
    }

    fn word_right(&self) -> usize {
        let rest = &self.text[self.cursor..];
        let start = rest.len() - rest.trim_start().len();
        let word = rest[start..].find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len() - start);
        let sign = rest[start..].chars().next().map_or(0, char::len_utf8);
        self.cursor + start + word.max(sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editing_by_characters_as_people_see_them() {
        let mut input = Input::new("acc > 0.9 né👩‍🔬");
        let mut check = |typing: Typing, text: &str, cursor: usize| {
            input.edit(&typing);
            assert_eq!((input.text(), input.cursor()), (text, cursor), "{typing:?}");
        };
        check(Typing::Backspace, "acc > 0.9 né", 13);
        check(Typing::DeleteWord, "acc > 0.9 ", 10);
        check(Typing::WordLeft, "acc > 0.9 ", 8);
        check(Typing::Left, "acc > 0.9 ", 7);
        check(Typing::DeleteToEnd, "acc > 0", 7);
        check(Typing::Home, "acc > 0", 0);
        check(Typing::WordRight, "acc > 0", 3);
        check(Typing::Delete, "acc> 0", 3);
        check(Typing::Insert("\u{1b}[31m\n!".into()), "acc[31m!> 0", 8);
        check(Typing::DeleteToStart, "> 0", 0);
        check(Typing::Backspace, "> 0", 0);
        check(Typing::Set("x".into()), "x", 1);
        check(Typing::Right, "x", 1);
        check(Typing::Place("né".into(), 2), "né", 1);
        check(Typing::Place("né".into(), 9), "né", 3);
    }
}
