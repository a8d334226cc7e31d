//! What was written down, by day.

use lab_view::Tone;
use lab_view::list::Motion;
use lab_view::session::Action;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::blocks::Styled;
use crate::frame::Paint;
use crate::run::put_styled;
use crate::text::{safe, wrap};
use crate::{runs, table};

/// Columns that running text takes at most: longer lines are hard to read.
const LINE: usize = 96;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.notes;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    if page.notes.is_empty() {
        let style = paint.theme.tone(Tone::Muted);
        let words =
            "Nothing was written down yet: `o` on a run notes what came of it, `lab run --reason …` why it is run";
        paint.put(area.x + 2, area.y + 1, usize::from(area.width) - 4, words, style);
        return;
    }
    let cursor = &shown.screen.cursor;
    let room = usize::from(area.width).saturating_sub(8).min(LINE);
    let mut lines: Vec<(Styled, Option<usize>)> = Vec::new();
    let mut chosen = 0..0;
    let mut day = "";
    for (place, note) in page.notes.iter().enumerate() {
        if note.day != day {
            day = &note.day;
            if place > 0 {
                lines.push((Vec::new(), None));
            }
            lines.push((vec![(day.to_owned(), paint.theme.heading().patch(paint.theme.tone(Tone::Accent)))], None));
        }
        let start = lines.len();
        let head = note.head.0.iter().map(|cell| (safe(&cell.text), paint.theme.tone(cell.tone)));
        lines.push((std::iter::once(("  ".to_owned(), Style::new())).chain(head).collect(), Some(place)));
        for line in wrap(note.text.trim_end(), room) {
            lines.push((vec![(format!("        {line}"), Style::new())], Some(place)));
        }
        if place == cursor.row {
            chosen = start..lines.len();
        }
    }
    // The chosen note stands in the upper part, but the page is full where it can be.
    let height = usize::from(area.height);
    let top = chosen.start.saturating_sub(height / 3).min(lines.len().saturating_sub(height));
    for (row, (line, place)) in lines.iter().enumerate().skip(top).take(height) {
        let y = area.y + (row - top) as u16;
        let at = Rect { y, height: 1, ..area };
        let under = if chosen.contains(&row) { paint.theme.cursor() } else { Style::new() };
        paint.fill(at, under);
        let line: Styled = line.iter().map(|(words, style)| (words.clone(), under.patch(*style))).collect();
        put_styled(paint, area.x + 1, y, usize::from(area.width) - 3, &line);
        place.iter().for_each(|place| paint.zone(at, Action::Move(Motion::To(*place))));
    }
    let seen = lab_view::list::Cursor { row: top, top, height, total: lines.len(), scrolls: true, roams: false };
    table::scrollbar(paint, Rect { x: area.right().saturating_sub(1), width: 1, ..area }, &seen);
}
