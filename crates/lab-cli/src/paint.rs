//! How pages look in a terminal: one table from tone to style, one function for each kind of block.

mod chart;
mod diff;
mod table;
mod width;

use std::fmt::Write;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Effects};
use lab_view::{Block, Blocks, Cell, Fields, Line, Tone};

use crate::sanitize;
use width::{display_width, wrap};

/// The style of a tone. The one place where tones become colours.
pub const fn tone(tone: Tone) -> anstyle::Style {
    let style = anstyle::Style::new();
    match tone {
        Tone::Plain => style,
        Tone::Muted => style.dimmed(),
        Tone::Accent => AnsiColor::Cyan.on_default(),
        Tone::Good | Tone::Added => AnsiColor::Green.on_default(),
        Tone::Warn | Tone::Changed => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().effects(Effects::BOLD),
        Tone::Removed => AnsiColor::Red.on_default(),
    }
}

const HEADING: anstyle::Style = anstyle::Style::new().bold();

/// How much room there is.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns; `None` when the output is no terminal: nothing is cut then.
    pub columns: Option<usize>,
    /// Old and new lines of a diff beside each other.
    pub side_by_side: bool,
    /// Charts in plain letters.
    pub ascii: bool,
}

/// From so many columns on, old and new lines stand beside each other.
const SIDE_BY_SIDE: usize = 140;

impl Style {
    /// The room on standard output.
    pub fn of_stdout() -> Self {
        let out = std::io::stdout();
        let size = if out.is_terminal() { rustix::termios::tcgetwinsize(&out).ok() } else { None };
        let columns = size.map(|size| usize::from(size.ws_col));
        let columns = columns.map(|columns| if columns == 0 { 80 } else { columns.max(20) });
        Self { columns, side_by_side: columns.is_some_and(|columns| columns >= SIDE_BY_SIDE), ascii: false }
    }
}

/// A page, block below block.
pub fn page<P: Blocks>(page: &P, style: &Style) -> String {
    let mut text = String::new();
    let sections = page.blocks();
    for (place, section) in sections.iter().enumerate() {
        if place > 0 && (!section.title.is_empty() || !is_line(section.block) || !is_line(sections[place - 1].block)) {
            text.push('\n');
        }
        if !section.title.is_empty() {
            push(&mut text, format_args!("{HEADING}{}{HEADING:#}\n", section.title));
        }
        let indent = if section.title.is_empty() { 0 } else { 2 };
        block(&mut text, section.block, style, indent);
    }
    text
}

const fn is_line(block: Block<'_>) -> bool {
    matches!(block, Block::Line(_))
}

/// One block, moved in by `indent`.
pub fn block(text: &mut String, block: Block<'_>, style: &Style, indent: usize) {
    match block {
        Block::Line(cells) => line(text, cells, style, indent),
        Block::Fields(block) => fields(text, block, style, indent),
        Block::Table(block) => table::table(text, block, style, indent),
        Block::Diff(block) => diff::diff(text, block, style),
        Block::Prose(block) => {
            for line in sanitize::lines(&block.0).lines() {
                push(text, format_args!("{:indent$}{line}\n", ""));
            }
        }
        Block::Log(block) => {
            for line in &block.0 {
                push(text, format_args!("{:indent$}{}\n", "", sanitize::log(line, true)));
            }
        }
        Block::Chart(block) => chart::chart(text, block, style, indent),
    }
}

/// Writing to a string cannot fail.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("because a string takes everything");
}

/// A cell's words in its style.
pub fn cell(text: &mut String, cell: &Cell) {
    if cell.text.is_empty() {
        return;
    }
    let style = tone(cell.tone);
    push(text, format_args!("{style}{}{style:#}", cell.text));
}

/// A sentence as styled text without a line end.
pub fn sentence(line: &Line) -> String {
    let mut text = String::new();
    line.0.iter().for_each(|piece| cell(&mut text, piece));
    text
}

fn line(text: &mut String, line: &Line, style: &Style, indent: usize) {
    for row in wrap(&line.0, style.columns.map(|columns| columns.saturating_sub(indent).max(10))) {
        push(text, format_args!("{:indent$}", ""));
        row.iter().for_each(|piece| cell(text, piece));
        text.push('\n');
    }
}

fn fields(text: &mut String, fields: &Fields, style: &Style, indent: usize) {
    let shown = || fields.0.iter().filter(|field| !field.label.is_empty() && !field.cell.text.is_empty());
    let label_width = shown().map(|field| display_width(&field.label)).max().unwrap_or(0).min(30);
    let room = style.columns.map(|columns| columns.saturating_sub(indent + label_width + 2).max(10));
    let muted = tone(Tone::Muted);
    for field in shown() {
        let pad = label_width.saturating_sub(display_width(&field.label));
        for (place, row) in wrap(std::slice::from_ref(&field.cell), room).iter().enumerate() {
            if place == 0 {
                push(text, format_args!("{:indent$}{muted}{}{muted:#}{:pad$}  ", "", field.label, ""));
            } else {
                push(text, format_args!("{:1$}", "", indent + label_width + 2));
            }
            row.iter().for_each(|piece| cell(text, piece));
            text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use lab_view::Diff;

    use super::*;

    fn plain(block_of: Block<'_>, columns: Option<usize>) -> String {
        let mut text = String::new();
        block(&mut text, block_of, &Style { columns, side_by_side: false, ascii: false }, 0);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn fields_are_aligned_and_hidden_ones_are_not_shown() {
        let mut fields = Fields::default();
        fields.push("id", "Id", Cell::plain("k3f9"));
        fields.push("name", "Name", Cell::plain("brave otter on a long line"));
        fields.push("code", "", Cell::plain("0"));
        assert_eq!(plain(Block::Fields(&fields), Some(20)), "Id    k3f9\nName  brave otter on\n      a long line\n");
        assert_eq!(plain(Block::Fields(&fields), None), "Id    k3f9\nName  brave otter on a long line\n");
    }

    #[test]
    fn diffs_read_like_diffs() {
        let diff = Diff::of("f.py", b"lr = 0.1\n", b"lr = 0.2\n");
        assert_eq!(plain(Block::Diff(&diff), None), "f.py  +1 −1\n@@ -1 +1 @@\n-lr = 0.1\n+lr = 0.2\n");
    }

    #[test]
    fn escapes_in_prose_do_nothing() {
        let prose = lab_view::Prose("a\u{1b}[2J\nb".into());
        assert_eq!(plain(Block::Prose(&prose), None), "a\\u{1b}[2J\nb\n");
    }
}
