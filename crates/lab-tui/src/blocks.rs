//! Each kind of block, painted once: as lines of text of a given width.

use lab_plot::Chart;
use lab_plot::text::{Glyphs, draw};
use lab_view::{Block, Blocks, Cell, Fields, Table, Tone};
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::table::Fit;
use crate::text::{safe, shorten, shorten_front, width, wrap};
use crate::{Theme, diff, run};

/// A line on the screen: pieces with their looks.
pub type Styled = Vec<(String, Style)>;

/// A line without its first columns; half of a wide letter is a blank.
pub fn beyond(line: Styled, columns: usize) -> Styled {
    let mut left = columns;
    let mut rest = Vec::with_capacity(line.len());
    for (words, style) in line {
        if left == 0 {
            rest.push((words, style));
            continue;
        }
        let mut letters = words.graphemes(true);
        let mut blanks = 0;
        while left > 0 {
            let Some(letter) = letters.next() else { break };
            blanks = width(letter).saturating_sub(left);
            left = left.saturating_sub(width(letter));
        }
        rest.push((" ".repeat(blanks) + letters.as_str(), style));
    }
    rest
}

/// A heading and a line to the end of the columns: sections are seen at a glance.
pub fn heading(title: &str, theme: &Theme, columns: usize) -> Styled {
    let title = shorten(&safe(title), columns);
    let left = columns.saturating_sub(width(&title) + 1);
    let rule = format!(" {}", theme.mark("─", "-").repeat(left));
    vec![(title, theme.heading()), (rule, theme.edge())]
}

/// A page as lines, headings between its sections.
pub fn page(page: &impl Blocks, theme: &Theme, columns: usize) -> Vec<Styled> {
    let mut lines = Vec::new();
    for section in page.blocks() {
        if !section.title.is_empty() {
            if !lines.is_empty() {
                lines.push(Vec::new());
            }
            lines.push(heading(section.title, theme, columns));
        }
        run::told(&mut lines, &section, theme, columns);
    }
    lines
}

/// One block as lines.
pub fn block_lines(lines: &mut Vec<Styled>, block: Block<'_>, theme: &Theme, columns: usize) {
    match block {
        Block::Line(line) => wrapped(lines, line.0.iter(), theme, columns),
        Block::Fields(block) => fields(lines, block, theme, columns),
        Block::Table(block) => table(lines, block, theme, columns),
        Block::Diff(block) => lines.extend(diff::lines(block, theme, columns)),
        Block::Prose(prose) => {
            for line in wrap(&prose.0, columns) {
                lines.push(vec![(safe(&line), Style::new())]);
            }
        }
        Block::Chart(block) => lines.extend(chart(block, theme, columns, CHART_ROWS)),
        Block::Log(log) => lines.extend(log.0.iter().map(|line| vec![(shorten(&safe(line), columns), Style::new())])),
    }
}

/// Rows of a chart that stands among other blocks.
const CHART_ROWS: usize = 14;

/// A chart in dots.
pub fn chart(chart: &Chart, theme: &Theme, columns: usize, rows: usize) -> Vec<Styled> {
    let glyphs = if theme.ascii { Glyphs::Ascii } else { Glyphs::Braille };
    let look = |slot: Option<usize>| slot.map_or_else(|| theme.tone(Tone::Muted), |slot| theme.series(slot));
    let lines = draw(chart, columns, rows, glyphs).into_iter();
    lines.map(|line| line.into_iter().map(|span| (span.text, look(span.slot))).collect()).collect()
}

/// A sentence over as many lines as it takes.
fn wrapped<'a>(lines: &mut Vec<Styled>, cells: impl Iterator<Item = &'a Cell>, theme: &Theme, columns: usize) {
    let mut line: Styled = Vec::new();
    let mut used = 0;
    for cell in cells {
        let style = theme.tone(cell.tone);
        for (place, word) in safe(&cell.text).split_inclusive(' ').enumerate() {
            let wide = width(word.trim_end());
            if used + wide > columns && used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            let word = shorten(word, columns);
            used += width(&word);
            match line.last_mut() {
                Some((text, _)) if place > 0 => text.push_str(&word),
                _ => line.push((word, style)),
            }
        }
    }
    lines.push(line);
}

fn fields(lines: &mut Vec<Styled>, fields: &Fields, theme: &Theme, columns: usize) {
    let shown: Vec<_> =
        fields.0.iter().filter(|field| !field.label.is_empty() && !field.cell.text.is_empty()).collect();
    let label_width = shown.iter().map(|field| width(&field.label)).max().unwrap_or(0).min(columns / 2);
    for field in shown {
        let label = shorten(&field.label, label_width);
        let pad = label_width - width(&label) + 2;
        let parts = wrap(&safe(&field.cell.text), columns.saturating_sub(label_width + 2));
        for (place, part) in parts.into_iter().enumerate() {
            let head = if place == 0 { format!("{label}{:pad$}", "") } else { " ".repeat(label_width + 2) };
            lines.push(vec![(head, theme.tone(Tone::Muted)), (part, theme.tone(field.cell.tone))]);
        }
    }
}

/// A whole table, for tables that are part of a page.
fn table(lines: &mut Vec<Styled>, table: &Table, theme: &Theme, columns: usize) {
    if table.is_empty() {
        return;
    }
    let fit = Fit::new(table, &table.rows, columns);
    let titled = fit.columns.iter().any(|(place, _)| !table.columns[*place].title.is_empty());
    let mut add = |cell: &dyn Fn(usize) -> (String, Style), is_head: bool| {
        let mut line: Styled = Vec::new();
        for (place, wide) in &fit.columns {
            let column = &table.columns[*place];
            let (words, style) = cell(*place);
            let words =
                if column.key == "path" && !is_head { shorten_front(&words, *wide) } else { shorten(&words, *wide) };
            let pad = wide.saturating_sub(width(&words));
            let (before, after) = if column.align == lab_view::Align::Right { (pad, 0) } else { (0, pad) };
            line.push((format!("{:before$}", ""), Style::new()));
            line.push((words, style));
            line.push((format!("{:1$}", "", after + 2), Style::new()));
        }
        line.pop();
        lines.push(line);
    };
    if titled {
        let style = theme.tone(Tone::Muted).add_modifier(Modifier::BOLD);
        add(&|place| (table.columns[place].title.clone(), style), true);
    }
    for row in &table.rows {
        add(&|place| (safe(&row.cells[place].text), theme.tone(row.cells[place].tone)), false);
    }
    if let Some(more) =
        table.total.and_then(|total| total.checked_sub(table.rows.len() as u64)).filter(|more| *more > 0)
    {
        lines.push(vec![(format!("… and {more} more"), theme.tone(Tone::Muted))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_beyond_its_first_columns() {
        let line = || vec![("ab日".to_owned(), Style::new()), ("cd".to_owned(), Style::new())];
        let rest = |columns| beyond(line(), columns).into_iter().map(|(words, _)| words).collect::<String>();
        assert_eq!([rest(0), rest(1), rest(3), rest(4), rest(5), rest(9)], ["ab日cd", "b日cd", " cd", "cd", "d", ""]);
    }
}
