//! How wide text is, and where to cut it.

use lab_view::Cell;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes.
pub fn display_width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `columns`; what is missing is an ellipsis.
pub fn shorten(text: &str, columns: usize) -> String {
    if display_width(text) <= columns {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        short.push(c);
    }
    while short.ends_with(' ') {
        short.pop();
    }
    short.push('…');
    short
}

/// A path in at most `columns`: its end says more than its beginning.
pub fn shorten_front(text: &str, columns: usize) -> String {
    if display_width(text) <= columns {
        return text.to_owned();
    }
    let mut kept: Vec<char> = Vec::new();
    let mut used = 1;
    for c in text.chars().rev() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(c);
    }
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

/// Breaks a sentence into rows at blanks; without a width it stays one row.
pub fn wrap(cells: &[Cell], columns: Option<usize>) -> Vec<Vec<Cell>> {
    let Some(columns) = columns else { return vec![cells.to_vec()] };
    let mut rows: Vec<Vec<Cell>> = vec![Vec::new()];
    let mut used = 0;
    for cell in cells {
        for word in cell.text.split_inclusive(' ') {
            let width = display_width(word.trim_end());
            if used > 0 && used + width > columns {
                trim_end(rows.last_mut().expect("because there is always a row"));
                rows.push(Vec::new());
                used = 0;
            }
            let word = if used == 0 && rows.len() > 1 { word.trim_start() } else { word };
            if word.is_empty() {
                continue;
            }
            used += display_width(word);
            let row = rows.last_mut().expect("because there is always a row");
            match row.last_mut() {
                Some(last) if last.tone == cell.tone => last.text.push_str(word),
                _ => row.push(Cell::new(word, cell.tone)),
            }
        }
    }
    rows
}

fn trim_end(row: &mut [Cell]) {
    if let Some(last) = row.last_mut() {
        last.text.truncate(last.text.trim_end().len());
    }
}

#[cfg(test)]
mod tests {
    use lab_view::Tone;

    use super::*;

    #[test]
    fn cut_text_fits_whatever_its_width() {
        for (text, columns, expected) in
            [("hello", 5, "hello"), ("hello!", 5, "hell…"), ("日本語です", 5, "日本…"), ("a b c", 3, "a…"), ("", 0, "")]
        {
            assert_eq!(shorten(text, columns), expected);
            assert!(display_width(&shorten(text, columns)) <= columns);
        }
        assert_eq!(shorten_front("data/train/images.bin", 11), "…images.bin");
    }

    #[test]
    fn sentences_break_at_blanks_and_keep_their_tones() {
        let cells = [Cell::plain("one two "), Cell::new("three four", Tone::Bad)];
        let rows = wrap(&cells, Some(9));
        let texts: Vec<String> = rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect()).collect();
        assert_eq!(texts, ["one two", "three", "four"]);
        assert_eq!(rows[1][0].tone, Tone::Bad);
        assert_eq!(wrap(&cells, None).len(), 1);
        assert_eq!(wrap(&[Cell::plain("unbreakable")], Some(4)).len(), 1);
    }
}
