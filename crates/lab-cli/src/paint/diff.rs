//! Diffs: the lines below each other, or old and new beside each other.

use anstyle::AnsiColor;
use lab_view::{Diff, DiffLine, Hunk, Sign, Span, Syntax, Tone};

use super::width::display_width;
use super::{HEADING, Style, push, tone};
use crate::sanitize;

/// Room for two columns where the output is no terminal.
const USUAL_COLUMNS: usize = 160;

pub fn diff(text: &mut String, diff: &Diff, style: &Style) {
    let (accent, muted) = (tone(Tone::Accent), tone(Tone::Muted));
    push(
        text,
        format_args!("{HEADING}{}{HEADING:#}  {muted}{}{muted:#}\n", sanitize::line(&diff.path), diff.summary()),
    );
    for hunk in &diff.hunks {
        let first = |number: fn(&DiffLine) -> Option<usize>| hunk.lines.iter().find_map(number).unwrap_or(0);
        let (old, new) = (first(|line| line.old_number), first(|line| line.new_number));
        push(text, format_args!("{accent}@@ -{old} +{new} @@{accent:#}\n"));
        if style.side_by_side {
            beside(text, hunk, style.columns.unwrap_or(USUAL_COLUMNS));
        } else {
            below(text, hunk);
        }
    }
}

const fn sign_style(sign: Sign) -> anstyle::Style {
    match sign {
        Sign::Equal => tone(Tone::Plain),
        Sign::Added => tone(Tone::Added),
        Sign::Removed => tone(Tone::Removed),
    }
}

/// What changed wears the colour of its side; everything else that of its syntax.
fn span_style(sign: Sign, span: &Span) -> anstyle::Style {
    if span.changed {
        return sign_style(sign).bold().underline();
    }
    match span.syntax {
        // A line that is new or gone keeps the colour of its side, so that it is seen as such.
        _ if sign != Sign::Equal => sign_style(sign),
        Syntax::Plain => tone(Tone::Plain),
        Syntax::Keyword => AnsiColor::Magenta.on_default(),
        Syntax::String => AnsiColor::Yellow.on_default(),
        Syntax::Comment => tone(Tone::Muted),
        Syntax::Number | Syntax::Key => AnsiColor::Cyan.on_default(),
        Syntax::Function => AnsiColor::Blue.on_default(),
    }
}

fn below(text: &mut String, hunk: &Hunk) {
    for line in &hunk.lines {
        let style = sign_style(line.sign);
        push(text, format_args!("{style}{}{style:#}", line.sign.mark()));
        for span in &line.spans {
            let style = span_style(line.sign, span);
            push(text, format_args!("{style}{}{style:#}", sanitize::lines(&span.text)));
        }
        text.push('\n');
    }
}

fn beside(text: &mut String, hunk: &Hunk, columns: usize) {
    let numbers = hunk.lines.iter().flat_map(|line| [line.old_number, line.new_number]).flatten();
    let digits = numbers.max().unwrap_or(0).to_string().len();
    // Number, blank, sign on each side; a bar with blanks between.
    let room = (columns.saturating_sub(3) / 2).saturating_sub(digits + 2).max(10);
    let muted = tone(Tone::Muted);
    for (left, right) in hunk.pairs() {
        let halves = [(left, true), (right, false)].map(|(line, old)| Half::new(line, old, room));
        for row in 0..halves.iter().map(|half| half.rows.len()).max().unwrap_or(0) {
            for (place, half) in halves.iter().enumerate() {
                if place > 0 {
                    push(text, format_args!(" {muted}│{muted:#} "));
                }
                half.paint(text, row, digits, room, place == 0);
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
    }
}

/// One side of a line, cut to the room there is.
struct Half {
    number: Option<usize>,
    sign: Sign,
    rows: Vec<Vec<(String, anstyle::Style)>>,
}

impl Half {
    fn new(line: Option<&DiffLine>, old: bool, room: usize) -> Self {
        let Some(line) = line else { return Self { number: None, sign: Sign::Equal, rows: Vec::new() } };
        let mut rows = vec![Vec::new()];
        let mut used = 0;
        for span in &line.spans {
            let style = span_style(line.sign, span);
            let mut piece = String::new();
            for c in sanitize::lines(&span.text).replace('\t', "    ").chars() {
                let width = display_width(c.encode_utf8(&mut [0; 4]));
                if used + width > room {
                    rows.last_mut().expect("because there is always a row").push((std::mem::take(&mut piece), style));
                    rows.push(Vec::new());
                    used = 0;
                }
                piece.push(c);
                used += width;
            }
            rows.last_mut().expect("because there is always a row").push((piece, style));
        }
        Self { number: if old { line.old_number } else { line.new_number }, sign: line.sign, rows }
    }

    fn paint(&self, text: &mut String, row: usize, digits: usize, room: usize, padded: bool) {
        let muted = tone(Tone::Muted);
        let number = self.number.filter(|_| row == 0).map(|number| number.to_string()).unwrap_or_default();
        let sign = if row == 0 { self.sign.mark() } else { ' ' };
        let style = sign_style(self.sign);
        push(text, format_args!("{muted}{number:>digits$}{muted:#} {style}{sign}{style:#}"));
        let pieces = self.rows.get(row).map_or(&[][..], Vec::as_slice);
        for (words, style) in pieces.iter().filter(|(words, _)| !words.is_empty()) {
            push(text, format_args!("{style}{words}{style:#}"));
        }
        let used: usize = pieces.iter().map(|(words, _)| display_width(words)).sum();
        if padded {
            push(text, format_args!("{:1$}", "", room.saturating_sub(used)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_columns() {
        let found =
            Diff::of("f.py", b"same\nlr = 0.1\nlong long long\n", "same\nlr = 0.2\nlöng long lonG\n".as_bytes());
        let mut text = String::new();
        diff(&mut text, &found, &Style { columns: Some(33), side_by_side: true, ascii: false });
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            plain,
            "f.py  +2 −2\n@@ -1 +1 @@\n\
             1  same         │ 1  same\n\
             2 -lr = 0.1     │ 2 +lr = 0.2\n\
             3 -long long lo │ 3 +löng long lo\n   ng           │    nG\n"
        );
    }
}
