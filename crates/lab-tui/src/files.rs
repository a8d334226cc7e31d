//! The files of a run, and what is in the one under the cursor.

use lab_view::screens::run::RunView;
use lab_view::session::Action;
use lab_view::{Block, Tone};
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::blocks::{self, Styled};
use crate::diff::{self, Document};
use crate::frame::{Paint, Split};
use crate::run::put_styled;
use crate::{picture, runs, table};

/// From so many columns on the file stands beside the list.
const WIDE: u16 = 110;

/// Paints the part.
pub fn paint(paint: &mut Paint<'_>, area: Rect, page: &RunView) {
    let screen = &paint.session.run.screen;
    if screen.full {
        return file(paint, area);
    }
    let Some(files) = &page.files else {
        let style = paint.theme.tone(Tone::Muted);
        paint.put(area.x + 1, area.y, usize::from(area.width) - 2, "Its files were not kept", style);
        return;
    };
    let (list, beside) = if area.width >= WIDE {
        paint.divided(area, Split::Files, (area.width * 2 / 5).min(72))
    } else {
        let top = area.height / 2;
        (Rect { height: top, ..area }, Rect { y: area.y + top, height: area.height - top, ..area })
    };
    table::list(paint, list, &files.files, 0, screen.cursor(), &|_| false);
    file(paint, beside);
}

/// What is in the file.
fn file(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.run_parts.file;
    let full = paint.session.run.screen.full;
    let Some(path) = shown.screen.path() else { return };
    let title = if shown.screen.diff { format!("{path} against the base run") } else { path.to_string() };
    let inside = paint.boxed(area, &title);
    let page = shown.page().filter(|page| page.path == *path);
    let Some(page) = page else { return runs::no_page(paint, inside, shown.error(), shown.is_loading()) };
    let (room, height) = (usize::from(inside.width), usize::from(inside.height));
    let top = if full { shown.screen.cursor.top } else { 0 };
    let mut note: Vec<Styled> = Vec::new();
    if !page.note.is_empty() {
        blocks::block_lines(&mut note, Block::Line(&page.note), paint.theme, room);
    }
    if let Some(image) = page.image.as_ref().filter(|_| picture::can_show(paint.theme)) {
        let above = note.len() as u16 + 1;
        note.iter().enumerate().for_each(|(row, line)| put_styled(paint, inside.x, inside.y + row as u16, room, line));
        let area = Rect { y: inside.y + above, height: inside.height.saturating_sub(above), ..inside };
        return picture::paint(paint, area, image);
    }
    let mut document = Document::default();
    document.lines(note);
    if let Some(diff) = &page.diff {
        document.diff(diff, false, false);
    }
    let total = document.total.max(page.lines.len());
    if full && (shown.screen.cursor.height, shown.screen.cursor.total) != (height.max(1), total) {
        paint.wishes.push(Action::Extent { height, total: Some(total) });
    }
    for (row, line) in document.visible(top..top + height, paint.theme, room, shown.screen.aside) {
        put_styled(paint, inside.x, inside.y + (row - top) as u16, room, &line);
    }
    let muted = paint.theme.tone(Tone::Muted).add_modifier(Modifier::DIM);
    for (row, line) in page.lines.iter().enumerate().skip(top).take(height) {
        let mut styled = vec![(format!("{:>5} ", row + 1), muted)];
        let mut left = room.saturating_sub(6);
        styled.extend(diff::words(line, shown.screen.aside, &mut left, &|span| paint.theme.syntax(span.syntax)));
        let y = inside.y + (row - top) as u16;
        if shown.screen.at == Some(row) {
            let under = paint.theme.cursor();
            paint.fill(Rect { y, height: 1, ..inside }, under);
            styled.iter_mut().for_each(|(_, style)| *style = under.patch(*style));
        }
        put_styled(paint, inside.x, y, room, &styled);
    }
    if full {
        let bar = Rect { x: area.right().saturating_sub(1), width: 1, y: inside.y, height: inside.height };
        table::scrollbar(paint, bar, &shown.screen.cursor);
    }
}
