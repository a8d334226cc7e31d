//! All projects.

use lab_view::Tone;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::frame::Paint;
use crate::{runs, table};

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.projects;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    if page.projects.is_empty() {
        return runs::first_use(paint, area);
    }
    table::list(paint, area, page.table(), 0, &shown.screen.cursor, &|_| false);
    let style = paint.theme.tone(Tone::Muted);
    let _ = (style, Style::new());
}
