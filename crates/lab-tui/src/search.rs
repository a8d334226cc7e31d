//! Lines that were found in all runs.

use lab_view::session::Action;
use lab_view::{ActionId, Cell, Column, Tone};
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::frame::Paint;
use crate::table::{self, Looks};
use crate::{log, runs};

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.search;
    let room = usize::from(area.width).saturating_sub(4);
    let muted = paint.theme.tone(Tone::Muted);
    let line = Rect { height: 1, ..area };
    paint.zone(line, Action::Do(ActionId::Find));
    if shown.screen.words.is_empty() {
        let words = "Press / and type words: code, config, data, logs and notes of all runs are searched";
        paint.put(area.x + 2, area.y + 1, room, words, muted);
        return;
    }
    let x = paint.put(area.x + 2, area.y, room, "“", muted);
    let x = paint.put(x, area.y, room, &shown.screen.words, paint.theme.tone(Tone::Accent));
    let x = paint.put(x, area.y, room, "”  ", muted);
    let left = usize::from(area.right().saturating_sub(x + 1));
    if !shown.is_current() && shown.error().is_none() {
        paint.put(x, area.y, left, "searching …", muted);
        return;
    }
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let Some(page) = shown.page() else { return runs::no_page(paint, body, shown.error(), shown.is_loading()) };
    paint.put_line(x, area.y, left, &page.page.note, muted);
    let (words, theme) = (shown.screen.words.to_lowercase(), paint.theme);
    let spans = |column: &Column, cell: &Cell, under: Style| {
        let plain = || vec![(cell.text.clone(), under.patch(theme.tone(cell.tone)))];
        (column.key == "text").then(|| log::marked(plain(), &words, theme.found()))
    };
    let looks = Looks { spans: &spans, ..Looks::plain() };
    table::list_with(paint, body, &page.page.hits, 0, &shown.screen.cursor, &looks);
}
