//! What a restore would do.

use lab_view::list::Motion;
use lab_view::screens::restore::RestoreAction;
use lab_view::session::Action;
use lab_view::{Block, Tone};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::blocks::{self, Styled};
use crate::diff::Document;
use crate::frame::{Paint, Split};
use crate::run::put_styled;
use crate::table::{self, Looks};

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.restore;
    let Some(page) = shown.screen.page() else {
        let style = paint.theme.tone(Tone::Muted);
        paint.put(area.x + 2, area.y + 1, 60, "Keeping the present state, then looking what differs …", style);
        return;
    };
    let room = usize::from(area.width).saturating_sub(2);
    let mut lines: Vec<Styled> = Vec::new();
    blocks::block_lines(&mut lines, Block::Line(&page.headline), paint.theme, room);
    blocks::block_lines(&mut lines, Block::Fields(&page.about), paint.theme, room);
    for (title, block) in [("Cannot be brought back", &page.unrestorable), ("Stays as it is", &page.kept)] {
        if !block.is_empty() {
            lines.push(Vec::new());
            lines.push(blocks::heading(title, paint.theme, room));
            blocks::block_lines(&mut lines, Block::Table(block), paint.theme, room);
        }
    }
    let above = lines.len().min(usize::from(area.height) / 2);
    for (row, line) in lines.iter().take(above).enumerate() {
        put_styled(paint, area.x + 1, area.y + row as u16, room, line);
    }
    if page.steps.is_empty() {
        return;
    }
    let rest = Rect { y: area.y + above as u16 + 1, height: area.height - above as u16 - 1, ..area };
    // Beside each other where there is room, otherwise one below the other.
    let (list, diff_area) = if area.width >= 120 {
        paint.divided(rest, Split::Restore, area.width * 2 / 5)
    } else {
        let top = rest.height / 2;
        (Rect { height: top, ..rest }, Rect { y: rest.y + top, height: rest.height - top, ..rest })
    };
    steps(paint, list);
    let inside = paint.boxed(diff_area, "Change");
    if let Some(diff) = shown.page() {
        let (room, height) = (usize::from(inside.width), usize::from(inside.height));
        let mut document = Document::default();
        document.diff(diff, false, false);
        let cursor = &shown.screen.diff;
        if (cursor.height, cursor.total) != (height.max(1), document.total) {
            paint.wishes.push(Action::Restore(RestoreAction::Extent(height, document.total)));
        }
        for (row, line) in document.visible(cursor.top..cursor.top + height, paint.theme, room, 0) {
            put_styled(paint, inside.x, inside.y + (row - cursor.top) as u16, room, &line);
        }
        let bar = Rect { x: diff_area.right().saturating_sub(1), width: 1, y: inside.y, height: inside.height };
        table::scrollbar(paint, bar, cursor);
    }
}

fn steps(paint: &mut Paint<'_>, area: Rect) {
    let screen = &paint.session.restore.screen;
    let Some(page) = screen.page() else { return };
    let count = page.steps.rows.len();
    let wanted = (0..count).filter(|place| screen.is_wanted(*place)).count();
    let inside = paint.boxed(area, &format!("Plan: {wanted} of {count} files"));
    let head = Rect { height: inside.height.min(1), ..inside };
    let inside = Rect { y: inside.y + head.height, height: inside.height - head.height, ..inside };
    let cursor = &screen.cursor;
    let height = usize::from(inside.height);
    if cursor.height != height.max(1) {
        paint.wishes.push(Action::Extent { height, total: None });
    }
    let rows = &page.steps.rows[cursor.visible()];
    let fit = table::Fit::new(&page.steps, rows, usize::from(inside.width).saturating_sub(4));
    table::head(paint, Rect { x: head.x + 2, ..head }, &page.steps, &fit, &Looks::plain());
    for (place, row) in rows.iter().enumerate() {
        let index = cursor.top + place;
        let line = Rect { y: inside.y + place as u16, height: 1, ..inside };
        let under = if index == cursor.row { paint.theme.cursor() } else { Style::new() };
        paint.fill(line, under);
        let wanted = screen.is_wanted(index);
        let sign = if wanted { paint.theme.mark("☑", "[x]") } else { paint.theme.mark("☐", "[ ]") }.to_owned();
        paint.put(line.x, line.y, 3, &sign, under);
        let mut x = line.x + 4;
        for (column, wide) in &fit.columns {
            let cell = &row.cells[*column];
            let style = under.patch(paint.theme.tone(cell.tone));
            let style = if wanted { style } else { style.add_modifier(Modifier::CROSSED_OUT | Modifier::DIM) };
            paint.put(x, line.y, *wide, &cell.text, style);
            x += *wide as u16 + 2;
        }
        paint.zone(line, Action::Move(Motion::To(index)));
    }
}
