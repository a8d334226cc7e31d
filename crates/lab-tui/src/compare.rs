//! Runs side by side.

use lab_view::screens::compare::{CompareAction, Outline};
use lab_view::session::Action;
use lab_view::{Block, Blocks, Section};
use ratatui::layout::Rect;

use crate::blocks::{self, Styled};
use crate::diff::Document;
use crate::frame::Paint;
use crate::run::put_styled;
use crate::{runs, table};

/// From so many columns on old and new stand in two columns by themselves.
const WIDE: u16 = 140;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.compare;
    let page = shown.page().filter(|_| shown.is_current());
    let Some(page) = page else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    let screen = &shown.screen;
    let room = usize::from(area.width).saturating_sub(3);
    // What is different, and whether it is real, stays in sight.
    let mut head: Vec<Styled> = Vec::new();
    blocks::block_lines(&mut head, Block::Line(page.headline()), paint.theme, room);
    head.truncate(3);
    for (row, line) in head.iter().enumerate() {
        put_styled(paint, area.x + 1, area.y + row as u16, room, line);
    }
    let above = head.len() as u16 + 1;
    let body = Rect { y: area.y + above, height: area.height.saturating_sub(above), ..area };
    let side_by_side = screen.side_by_side.unwrap_or(area.width >= WIDE);
    let sections = page.blocks();
    let mut document = Document::default();
    for Section { title, block } in sections.into_iter().skip(1) {
        let mut lines = Vec::new();
        if !title.is_empty() {
            if document.total > 0 {
                lines.push(Vec::new());
            }
            lines.push(blocks::heading(title, paint.theme, room));
        }
        match block {
            Block::Diff(diff) => {
                if !lines.is_empty() {
                    document.lines(lines);
                }
                document.diff(diff, side_by_side, screen.folded.contains(&diff.path));
            }
            block => {
                blocks::block_lines(&mut lines, block, paint.theme, room);
                document.lines(lines);
            }
        }
    }
    let height = usize::from(body.height);
    let cursor = &screen.cursor;
    if (cursor.height, cursor.total) != (height.max(1), document.total) {
        paint.wishes.push(Action::Extent { height, total: Some(document.total) });
    }
    for (row, line) in document.visible(cursor.top..cursor.top + height, paint.theme, room, screen.aside) {
        let y = body.y + (row - cursor.top) as u16;
        put_styled(paint, body.x + 1, y, room, &line);
        if let Ok(place) = document.files.binary_search_by_key(&row, |(row, _)| *row) {
            let path = document.files[place].1.clone();
            let zone = Rect { y, height: 1, ..body };
            paint.zone(zone, Action::Compare(CompareAction::Fold(Some(path))));
        }
    }
    let outline = Outline { files: document.files, changes: document.changes, side_by_side };
    if outline != screen.outline {
        paint.wishes.push(Action::Compare(CompareAction::Outline(outline)));
    }
    table::scrollbar(paint, Rect { x: area.right().saturating_sub(1), width: 1, ..body }, cursor);
}
