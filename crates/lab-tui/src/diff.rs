//! Changes of files, and long pages that hold them: heights are known before a row is painted, so that only what
//! is in sight costs anything.

use std::ops::Range;

use lab_view::{Diff, DiffLine, Sign, Span, Tone};
use ratatui::style::{Modifier, Style};

use crate::Theme;
use crate::blocks::{self, Styled};
use crate::text::{safe, shorten, width};

/// A page of text and changes.
#[derive(Default)]
pub struct Document<'a> {
    parts: Vec<(usize, Part<'a>)>,
    /// Rows in all.
    pub total: usize,
    /// The headings of files.
    pub files: Vec<(usize, String)>,
    /// Where each place that changed begins.
    pub changes: Vec<usize>,
}

enum Part<'a> {
    Lines(Vec<Styled>),
    File { diff: &'a Diff, rows: Vec<Row<'a>>, folded: bool },
}

enum Row<'a> {
    Head,
    Gap,
    One(&'a DiffLine),
    Two(Option<&'a DiffLine>, Option<&'a DiffLine>),
}

impl<'a> Document<'a> {
    /// Adds lines as they are.
    pub fn lines(&mut self, lines: Vec<Styled>) {
        let height = lines.len();
        self.parts.push((self.total, Part::Lines(lines)));
        self.total += height;
    }

    /// Adds a file's changes.
    pub fn diff(&mut self, diff: &'a Diff, side_by_side: bool, folded: bool) {
        if matches!(self.parts.last(), Some((_, Part::File { .. }))) {
            self.lines(vec![Vec::new()]);
        }
        let mut rows = vec![Row::Head];
        let start = self.total;
        self.files.push((start, diff.path.clone()));
        for (place, hunk) in diff.hunks.iter().enumerate().filter(|_| !folded) {
            if place > 0 {
                rows.push(Row::Gap);
            }
            let mut was_equal = true;
            let mut add = |row: Row<'a>, equal: bool, rows: &mut Vec<Row<'a>>| {
                if was_equal && !equal {
                    self.changes.push(start + rows.len());
                }
                was_equal = equal;
                rows.push(row);
            };
            if side_by_side {
                for (old, new) in hunk.pairs() {
                    let equal = old.or(new).is_some_and(|line| line.sign == Sign::Equal);
                    add(Row::Two(old, new), equal, &mut rows);
                }
            } else {
                for line in &hunk.lines {
                    add(Row::One(line), line.sign == Sign::Equal, &mut rows);
                }
            }
        }
        if diff.hunks.is_empty() || folded {
            self.changes.push(start);
        }
        self.total += rows.len();
        self.parts.push((start, Part::File { diff, rows, folded }));
    }

    /// The rows in sight, painted for so many columns; so many columns of changed lines are passed over.
    pub fn visible(&self, seen: Range<usize>, theme: &Theme, columns: usize, aside: usize) -> Vec<(usize, Styled)> {
        let mut shown = Vec::new();
        for (start, part) in &self.parts {
            let height = match part {
                Part::Lines(lines) => lines.len(),
                Part::File { rows, .. } => rows.len(),
            };
            let (from, to) = (seen.start.max(*start), seen.end.min(start + height));
            for row in from..to {
                let styled = match part {
                    Part::Lines(lines) => lines[row - start].clone(),
                    Part::File { diff, rows, folded } => {
                        rows[row - start].paint(diff, *folded, theme, (columns, aside))
                    }
                };
                shown.push((row, styled));
            }
        }
        shown
    }
}

impl Row<'_> {
    fn paint(&self, diff: &Diff, folded: bool, theme: &Theme, (columns, aside): (usize, usize)) -> Styled {
        match self {
            Self::Head => head(diff, folded, theme),
            Self::Gap => vec![(format!("{:>8}", theme.mark("⋯", "...")), theme.tone(Tone::Muted))],
            Self::One(line) => {
                let number = |number: Option<usize>| number.map(|number| number.to_string()).unwrap_or_default();
                let gutter =
                    format!("{:>5} {:>5} {} ", number(line.old_number), number(line.new_number), line.sign.mark());
                half(line, &gutter, theme, (columns, aside))
            }
            Self::Two(old, new) => {
                let left = columns.saturating_sub(3) / 2;
                let side = |line: &Option<&DiffLine>, is_new: bool, columns: usize| match line {
                    Some(line) => {
                        let number = if is_new { line.new_number } else { line.old_number }.unwrap_or(0);
                        half(line, &format!("{number:>5} {} ", line.sign.mark()), theme, (columns, aside))
                    }
                    None => vec![(" ".repeat(columns), Style::new())],
                };
                let mut both = side(old, false, left);
                both.push((format!(" {} ", theme.mark("│", "|")), theme.edge()));
                both.extend(side(new, true, columns.saturating_sub(left + 3)));
                both
            }
        }
    }
}

fn head(diff: &Diff, folded: bool, theme: &Theme) -> Styled {
    let sign = if folded { theme.mark("▸ ", "> ") } else { theme.mark("▾ ", "v ") };
    let mut head: Styled = vec![
        (sign.to_owned(), theme.tone(Tone::Muted)),
        (safe(&diff.path), theme.tone(Tone::Accent).add_modifier(Modifier::BOLD)),
    ];
    if diff.added + diff.removed > 0 {
        head.push((format!("  +{}", diff.added), theme.tone(Tone::Added)));
        head.push((format!(" -{}", diff.removed), theme.tone(Tone::Removed)));
    }
    if let Some(note) = &diff.note {
        head.push((format!("  {}", safe(note)), theme.tone(Tone::Muted)));
    }
    head
}

/// A line with its gutter in exactly so many columns, its ground to the end.
fn half(line: &DiffLine, gutter: &str, theme: &Theme, (columns, aside): (usize, usize)) -> Styled {
    let tone = match line.sign {
        Sign::Equal => Tone::Muted,
        Sign::Added => Tone::Added,
        Sign::Removed => Tone::Removed,
    };
    let ground = theme.ground(line.sign, false);
    let gutter = shorten(gutter, columns);
    let mut room = columns.saturating_sub(width(&gutter));
    let mut styled = vec![(gutter, ground.patch(theme.tone(tone)))];
    styled
        .extend(words(&line.spans, aside, &mut room, &|span| theme.changed_word(line.sign, span.changed, span.syntax)));
    styled.push((" ".repeat(room), ground));
    styled
}

/// Words of source code without their first columns, in as much room as there is; what is left of the room stands in
/// it afterwards.
pub fn words(spans: &[Span], aside: usize, room: &mut usize, look: &dyn Fn(&Span) -> Style) -> Styled {
    let mut styled = Vec::new();
    let mut used = 0;
    for span in spans {
        if used >= aside + *room {
            break;
        }
        let words = shorten(&safe(span.text.trim_end_matches('\n')), aside + *room - used);
        used += width(&words);
        styled.push((words, look(span)));
    }
    *room -= used.saturating_sub(aside).min(*room);
    if aside > 0 { blocks::beyond(styled, aside) } else { styled }
}

/// All rows of a file's changes, where there are few.
pub fn lines(diff: &Diff, theme: &Theme, columns: usize) -> Vec<Styled> {
    let mut document = Document::default();
    document.diff(diff, false, false);
    document.visible(0..document.total, theme, columns, 0).into_iter().map(|(_, styled)| styled).collect()
}
