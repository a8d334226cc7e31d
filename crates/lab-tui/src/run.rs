//! One run.

use lab_plot::Chart;
use lab_view::lineage::LineagePage;
use lab_view::list::Cursor;
use lab_view::screens::run::{Part, RunAction, RunView};
use lab_view::screens::run_parts::BesideView;
use lab_view::session::Action;
use lab_view::{Block, Blocks, Row, Section, Tone};
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::blocks::{self, Styled};
use crate::frame::{Paint, Split};
use crate::markdown::{self, Read};
use crate::notes::LINE;
use crate::text::{safe, shorten};
use crate::{Theme, files, log, runs, table};

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.run;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    let room = usize::from(area.width).saturating_sub(2);
    let mut y = area.y;
    let mut head = Vec::new();
    blocks::block_lines(&mut head, Block::Line(&page.page.headline), paint.theme, room);
    for line in head.iter().take(3) {
        put_styled(paint, area.x + 1, y, room, line);
        y += 1;
    }
    tabs(paint, Rect { y, height: 1, ..area }, shown.screen.part);
    let body = Rect { y: y + 1, height: area.bottom().saturating_sub(y + 1), ..area };
    let cursor = shown.screen.cursor();
    match shown.screen.part {
        Part::Overview => overview(paint, body, page),
        Part::Environment => {
            let beside = paint.session.run_parts.beside_of(&page.subject.run);
            let charts = beside.map_or(&[][..], |beside| beside.charts_apart().1);
            let (left, right) = halves(paint, body, !charts.is_empty());
            let lines = sections(&page.page, Part::Environment.sections(), paint.theme, text_room(left));
            document(paint, left, cursor, &lines);
            beside_charts(paint, right, charts);
        }
        Part::Log => log::paint(paint, body),
        Part::Files if page.part == Part::Files => files::paint(paint, body, page),
        Part::Files => {}
    }
}

/// Some sections of a page, in this order; what follows a heading without one of its own belongs to it.
fn sections(page: &impl Blocks, wanted: &[&str], theme: &Theme, room: usize) -> Vec<Styled> {
    let all = page.blocks();
    let mut lines = Vec::new();
    for title in wanted {
        for section in all.iter().filter(|section| section.title == *title) {
            if !lines.is_empty() {
                lines.push(Vec::new());
            }
            lines.push(blocks::heading(title, theme, room));
            told(&mut lines, section, theme, room);
        }
    }
    lines
}

/// What stands below a heading.
pub fn told(lines: &mut Vec<Styled>, section: &Section<'_>, theme: &Theme, room: usize) {
    match section.block {
        // What a program said of its failure is laid out by columns: it is cut, not wrapped.
        Block::Prose(prose) if section.title == "Failure" => {
            let cut = |line: &str| vec![(shorten(&safe(line), room), theme.tone(Tone::Bad))];
            lines.extend(prose.0.lines().map(cut));
        }
        // Notes are text: a table would cut them.
        Block::Table(table) if section.title == "Notes" => {
            table.rows.iter().for_each(|row| note(lines, row, theme, room));
        }
        block => blocks::block_lines(lines, block, theme, room),
    }
}

/// Kind and time on one line, the words below.
fn note(lines: &mut Vec<Styled>, row: &Row, theme: &Theme, room: usize) {
    let [kind, text, time] = &row.cells[..] else { return };
    let tone = match kind.text.as_str() {
        "reason" => Tone::Warn,
        "outcome" => Tone::Good,
        _ => Tone::Plain,
    };
    let time = format!("  {}", time.text);
    lines.push(vec![(safe(&kind.text), theme.tone(tone)), (time, theme.tone(Tone::Muted))]);
    let words = text.value.as_ref().and_then(|value| value.as_str()).unwrap_or(&text.text);
    let indented = |mut read: Read| {
        read.line.insert(0, ("  ".to_owned(), Style::new()));
        read.line
    };
    lines.extend(markdown::read(words, theme, room.saturating_sub(2).min(LINE)).into_iter().map(indented));
}

/// From so many columns on charts stand beside the text.
const WIDE: u16 = 120;
/// Rows of a chart: fewer cannot be read, more say nothing more.
const CHART_ROWS: (u16, u16) = (9, 16);

/// What changed and did it help, beside the charts.
fn overview(paint: &mut Paint<'_>, area: Rect, page: &RunView) {
    let beside = paint.session.run_parts.beside_of(&page.subject.run);
    let (logged, machine) = beside.map(BesideView::charts_apart).unwrap_or_default();
    let charts = if logged.is_empty() { machine } else { logged };
    let (left, right) = halves(paint, area, !charts.is_empty());
    let room = text_room(left);
    let mut lines = sections(&page.page, Part::Overview.sections(), paint.theme, room);
    if let Some(beside) = beside {
        lines.push(Vec::new());
        lines.push(blocks::heading("Where its files come from and go to", paint.theme, room));
        blocks::block_lines(&mut lines, Block::Line(&beside.lineage.beside_name()), paint.theme, room);
        lines.extend(sections(&beside.lineage, &LineagePage::SECTIONS, paint.theme, room));
        if right.width == 0 {
            for (key, chart) in charts {
                lines.push(Vec::new());
                lines.push(blocks::heading(&safe(key), paint.theme, room));
                lines.extend(blocks::chart(chart, paint.theme, room, usize::from(CHART_ROWS.1)));
            }
        }
    }
    document(paint, left, paint.session.run.screen.cursor(), &lines);
    beside_charts(paint, right, charts);
}

/// Text and charts beside each other where there is room; otherwise all of it is for the text.
fn halves(paint: &mut Paint<'_>, area: Rect, has_charts: bool) -> (Rect, Rect) {
    if area.width < WIDE || !has_charts {
        return (area, Rect { width: 0, ..area });
    }
    paint.divided(area, Split::Run, (area.width / 2).min(100))
}

/// Columns of text in a document that is so wide.
fn text_room(area: Rect) -> usize {
    usize::from(area.width).saturating_sub(3)
}

/// Charts one below the other, or in two columns where there is room.
pub fn beside_charts(paint: &mut Paint<'_>, area: Rect, charts: &[(String, Chart)]) {
    if area.width == 0 || charts.is_empty() {
        return;
    }
    let across = if area.width >= 110 { 2 } else { 1 };
    let wanted = (charts.len() as u16).div_ceil(across);
    let rows = (area.height / CHART_ROWS.0).min(wanted);
    let Some(high) = area.height.checked_div(rows) else { return };
    let (high, wide) = (high.min(CHART_ROWS.1), area.width / across);
    for (place, (key, chart)) in charts.iter().take(usize::from(rows * across)).enumerate() {
        let (x, y) = (place as u16 % across * wide, place as u16 / across * high);
        let cell = Rect { x: area.x + x, y: area.y + y, width: wide, height: high };
        crate::charts::titled(paint, cell, key, chart);
    }
}

fn tabs(paint: &mut Paint<'_>, area: Rect, chosen: Part) {
    let mut x = area.x + 1;
    for part in Part::ALL {
        let style = if part == chosen { paint.theme.chosen() } else { paint.theme.tone(Tone::Muted) };
        let from = x;
        x = paint.put(x, area.y, 20, &format!(" {} ", part.title()), style);
        paint.zone(Rect { x: from, width: x - from, ..area }, Action::Run(RunAction::Part(part)));
        x += 1;
    }
}

/// Lines that can be scrolled.
pub fn document(paint: &mut Paint<'_>, area: Rect, cursor: &Cursor, lines: &[Styled]) {
    let height = usize::from(area.height);
    if (cursor.height, cursor.total) != (height.max(1), lines.len()) {
        paint.wishes.push(Action::Extent { height, total: Some(lines.len()) });
    }
    let room = usize::from(area.width).saturating_sub(3);
    for (row, line) in lines.iter().skip(cursor.top).take(height).enumerate() {
        put_styled(paint, area.x + 1, area.y + row as u16, room, line);
    }
    table::scrollbar(paint, Rect { x: area.right().saturating_sub(1), width: 1, ..area }, cursor);
}

/// A line of several looks.
pub fn put_styled(paint: &mut Paint<'_>, x: u16, y: u16, room: usize, line: &Styled) {
    let mut at = x;
    for (words, style) in line {
        at = paint.put(at, y, room.saturating_sub(usize::from(at - x)), words, *style);
    }
}
