//! All projects.

use lab_view::session::Action;
use lab_view::{ActionId, Block, Tone, format};
use ratatui::layout::Rect;

use crate::frame::Paint;
use crate::{blocks, run, runs, table};

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
    let Some(table) = paint.session.projects_table() else { return };
    // The runs of the one under the cursor stand below where there is room.
    let rows = (table.rows.len() as u16 + 1).min(area.height - 1);
    let left = (area.height - 1 - rows).saturating_sub(1);
    let high = if left >= LEAST_BELOW { rows } else { area.height - 1 };
    let list = Rect { y: area.y + 1, height: high, ..area };
    table::list(paint, list, &table, 0, &shown.screen.cursor, &|_| false);
    if left >= LEAST_BELOW {
        last_runs(paint, Rect { y: list.bottom() + 1, height: left, ..area });
    }
}

/// With fewer rows the last runs are not told.
const LEAST_BELOW: u16 = 6;

fn last_runs(paint: &mut Paint<'_>, area: Rect) {
    let Some(page) = paint.session.last_runs() else { return };
    let place = paint.session.projects.screen.cursor.row;
    let project = paint.session.projects.page().and_then(|page| page.projects.get(place));
    let name = project.map_or_else(String::new, |project| project.name.clone());
    let room = usize::from(area.width).saturating_sub(3);
    let mut lines = vec![blocks::heading(&format!("Last runs of {name}"), paint.theme, room)];
    if page.runs.is_empty() {
        lines.push(vec![("None yet".to_owned(), paint.theme.tone(Tone::Muted))]);
    }
    blocks::block_lines(&mut lines, Block::Table(&page.runs), paint.theme, room);
    for (row, line) in lines.iter().take(usize::from(area.height)).enumerate() {
        run::put_styled(paint, area.x + 1, area.y + row as u16, room, line);
    }
}
