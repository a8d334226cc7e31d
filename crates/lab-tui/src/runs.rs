//! The list of runs.

use lab_engine::{Error, ErrorKind};
use lab_view::session::Action;
use lab_view::{ActionId, Tone, format};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::frame::Paint;
use crate::table;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.runs;
    let Some(page) = shown.page() else { return no_page(paint, area, shown.error(), shown.is_loading()) };
    let screen = &shown.screen;
    if page.page.total == 0 && screen.query.is_empty() {
        return first_use(paint, area);
    }
    summary(paint, Rect { height: 1, ..area });
    let list = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let is_marked = |row: &lab_view::Row| screen.marked.iter().any(|run| run.as_str() == row.key);
    if page.page.total == 0 {
        let style = paint.theme.tone(Tone::Muted);
        paint.put(
            area.x + 2,
            area.y + 2,
            usize::from(area.width) - 4,
            "No run matches; Esc or / changes the filter",
            style,
        );
        return;
    }
    table::list(paint, list, &page.page.runs, page.first, &screen.cursor, &is_marked);
}

/// One line: how many, which, what is marked.
fn summary(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.runs;
    let total = shown.page().map_or(0, |page| page.page.total);
    let muted = paint.theme.tone(Tone::Muted);
    let mut x = paint.put(area.x + 2, area.y, 40, &format::count(total, "run"), muted);
    let query = &shown.screen.query;
    let from = x;
    let room = |x: u16| usize::from(area.right().saturating_sub(x + 1));
    let words = if query.is_empty() { "  all".to_owned() } else { format!("  where {query}") };
    let style = if query.is_empty() { muted } else { paint.theme.tone(Tone::Accent) };
    x = paint.put(x, area.y, room(x), &words, style);
    paint.zone(Rect { x: from, width: x - from, ..area }, Action::Do(ActionId::Filter));
    let marked = shown.screen.marked.len();
    if marked > 0 {
        x = paint.put(x, area.y, room(x), &format!("  {marked} marked"), paint.theme.tone(Tone::Changed));
    }
    if shown.screen.follow {
        x = paint.put(x, area.y, room(x), "  following", paint.theme.tone(Tone::Good));
    }
    if !shown.is_current() && shown.is_loading() {
        paint.put(x, area.y, room(x), "  …", muted);
    }
}

/// What is said instead of a page: why there is none.
pub fn no_page(paint: &mut Paint<'_>, area: Rect, error: Option<&Error>, is_loading: bool) {
    match error {
        Some(error) if error.kind == ErrorKind::Missing => first_use(paint, area),
        Some(error) => trouble(paint, area, error),
        None if is_loading => {
            let style = paint.theme.tone(Tone::Muted);
            paint.put(area.x + 2, area.y + 1, 20, "Reading …", style);
        }
        None => {}
    }
}

/// An error that fills the place.
pub fn trouble(paint: &mut Paint<'_>, area: Rect, error: &Error) {
    let room = usize::from(area.width).saturating_sub(4);
    let (bad, muted) = (paint.theme.tone(Tone::Bad), paint.theme.tone(Tone::Muted));
    paint.put(area.x + 2, area.y + 1, room, &error.message, bad.add_modifier(Modifier::BOLD));
    if let Some(hint) = &error.hint {
        paint.put(area.x + 2, area.y + 2, room, hint, muted);
    }
}

/// What somebody reads who has no runs yet: how to begin.
pub fn first_use(paint: &mut Paint<'_>, area: Rect) {
    let room = usize::from(area.width).saturating_sub(4);
    let here = paint.session.config().cwd.display().to_string();
    let (plain, accent, muted) = (Style::new(), paint.theme.tone(Tone::Accent), paint.theme.tone(Tone::Muted));
    let x = area.x + 2;
    let mut y = area.y + 1;
    paint.put(x, y, room, "No runs yet. Three ways to begin:", plain.add_modifier(Modifier::BOLD));
    for (key, words) in [
        ("lab run -- python train.py", "keeps code, config, data and environment, then runs it"),
        ("W", "watches this folder, so that runs are noticed however they are started"),
        ("lab demo", "shows it all on a small real experiment"),
    ] {
        y += 2;
        let next = paint.put(x, y, room, key, accent.add_modifier(Modifier::BOLD));
        paint.put(x + 2, y + 1, room, words, muted);
        if key == "W" {
            paint.put(next + 2, y, room.saturating_sub(4), &here, plain);
            paint.zone(Rect { x, y, width: area.width - 4, height: 2 }, Action::Do(ActionId::Watch));
        }
    }
}
