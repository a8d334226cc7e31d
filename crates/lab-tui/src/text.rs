//! Text from outside on its way to the screen: made harmless, measured, cut.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns that a text takes on the screen.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Longer texts are cut before anything else is done with them.
const LONGEST_BYTES: usize = 16 << 10;

/// A text without anything that a terminal could take for a command or that would turn its direction. What
/// was there is made visible.
pub fn safe(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_BYTES);
    let text = &text[..end];
    if text.chars().all(|letter| letter == ' ' || letter.is_alphanumeric() || letter.is_ascii_graphic()) {
        return text.to_owned();
    }
    // A space without width would hide that two words are not one.
    let shown = lab_model::display_bytes(text.replace('\t', "    ").as_bytes()).replace('\u{200b}', "\\u{200b}");
    // Terminals do not agree how much room joined signs, flags and signs in another dress take: each sign stands by
    // itself, and a flag as the letters that it is made of.
    let plain = |letter: char| match letter {
        '\u{1f1e6}'..='\u{1f1ff}' => char::from_u32(u32::from(letter) - 0x1f1e6 + u32::from('A')).unwrap_or(letter),
        _ => letter,
    };
    shown.replace('\u{200d}', "\\u{200d}").replace('\u{fe0f}', "").chars().map(plain).collect()
}

/// A text that takes at most so many columns; what was cut is marked.
pub fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut short = String::new();
    let mut used = 0;
    for letter in text.graphemes(true) {
        let wide = width(letter);
        if used + wide + 1 > columns {
            break;
        }
        short.push_str(letter);
        used += wide;
    }
    short.push('…');
    short
}

/// Like [`shorten`], but the end stays: of a path it says more than the beginning.
pub fn shorten_front(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut letters: Vec<&str> = Vec::new();
    let mut used = 0;
    for letter in text.graphemes(true).rev() {
        let wide = width(letter);
        if used + wide + 1 > columns {
            break;
        }
        letters.push(letter);
        used += wide;
    }
    letters.push("…");
    letters.into_iter().rev().collect()
}

/// Breaks a text into lines of at most so many columns, at blanks where there are some.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_word_bounds() {
            let wide = width(word);
            if used + wide > columns && used > 0 {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                used = 0;
                if word.trim().is_empty() {
                    continue;
                }
            }
            if wide > columns {
                for letter in word.graphemes(true) {
                    if used + width(letter) > columns {
                        lines.push(std::mem::take(&mut line));
                        used = 0;
                    }
                    line.push_str(letter);
                    used += width(letter);
                }
            } else {
                line.push_str(word);
                used += wide;
            }
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        for hostile in ["\u{1b}[2J", "\u{1b}]52;c;aGk=\u{7}", "a\u{202e}b", "\u{9b}31m", "x\ry"] {
            let shown = safe(hostile);
            assert!(!shown.chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{shown:?}");
            assert_ne!(shown, hostile);
        }
        assert_eq!(safe("né 日本 👩"), "né 日本 👩");
        // Terminals do not agree on how wide two that are joined are.
        assert_eq!(safe("👩\u{200d}🔬"), "👩\\u{200d}🔬");
        assert!(safe(&"x".repeat(1 << 20)).len() <= LONGEST_BYTES);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shorten("brave-otter", 6), "brave…");
        assert_eq!(shorten("日本語", 5), "日本…");
        assert_eq!(shorten("日本語", 4), "日…");
        assert_eq!(shorten_front("a/long/path.py", 8), "…path.py");
        assert_eq!(shorten("x", 0), "");
        for columns in 0..12 {
            assert!(width(&shorten("a日b本c語", columns)) <= columns);
            assert!(width(&shorten_front("a日b本c語", columns)) <= columns);
        }
    }

    #[test]
    fn lines_break_at_blanks() {
        assert_eq!(wrap("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("a\nb", 4), ["a", "b"]);
    }
}
