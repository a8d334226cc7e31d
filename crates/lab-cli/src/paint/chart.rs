//! Charts in a terminal.

use anstyle::AnsiColor;
use lab_plot::Chart;
use lab_plot::text::{Glyphs, draw};

use super::{Style, push};

/// Columns where the output is no terminal, and rows of every chart.
const COLUMNS: usize = 80;
const ROWS: usize = 18;
/// Charts get no wider than this.
const COLUMNS_MAX: usize = 120;

/// The colours of series; after six they begin anew, and the letter at the end of each line tells them apart.
const SERIES: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Magenta, AnsiColor::Green, AnsiColor::Blue, AnsiColor::Red];

/// One chart in dots.
pub fn chart(text: &mut String, chart: &Chart, style: &Style, indent: usize) {
    let columns = style.columns.unwrap_or(COLUMNS).saturating_sub(indent).min(COLUMNS_MAX);
    let glyphs = if style.ascii { Glyphs::Ascii } else { Glyphs::Braille };
    for line in draw(chart, columns, ROWS, glyphs) {
        push(text, format_args!("{:indent$}", ""));
        for span in line {
            match span.slot {
                Some(slot) => {
                    let style = SERIES[slot % SERIES.len()].on_default();
                    push(text, format_args!("{style}{}{style:#}", span.text));
                }
                None => text.push_str(&span.text),
            }
        }
        text.push('\n');
    }
}
