//! All projects.

use lab_view::session::Action;
use lab_view::{ActionId, Tone, format};
use ratatui::layout::Rect;

use crate::frame::Paint;
use crate::{runs, table};

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.projects;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    if page.projects.is_empty() {
        return runs::first_use(paint, area);
    }
    let count = page.projects.len() as u64;
    let words = format!("{}; Enter opens one, a lists the runs of all", format::count(count, "project"));
    let muted = paint.theme.tone(Tone::Muted);
    let x = paint.put(area.x + 2, area.y, usize::from(area.width) - 4, &words, muted);
    paint.zone(Rect { height: 1, width: x - area.x, ..area }, Action::Do(ActionId::AllRuns));
    let list = Rect { y: area.y + 1, height: area.height - 1, ..area };
    table::list(paint, list, page.table(), 0, &shown.screen.cursor, &|_| false);
}
