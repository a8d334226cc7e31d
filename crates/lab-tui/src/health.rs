//! The notebook: how large it is, what is under way, what can be done for it.

use lab_view::session::Action;
use lab_view::{ActionId, Tone, format};
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::blocks::{self, Styled};
use crate::frame::Paint;
use crate::run::{document, put_styled};
use crate::runs;
use crate::text::width;

/// What can be done here, in the order of how often it is.
const WORK: [ActionId; 4] = [ActionId::Verify, ActionId::VerifyDeep, ActionId::Collect, ActionId::Rebuild];
/// Columns of a bar of progress.
const BAR: u64 = 30;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.health;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    let room = usize::from(area.width).saturating_sub(4);
    let mut y = area.y;
    paint.put(area.x + 1, y, room, "What can be done", paint.theme.heading());
    for id in WORK {
        y += 1;
        let row = id.row();
        let style = paint.theme.tone(Tone::Accent).add_modifier(Modifier::BOLD);
        let key = row.keys.first().copied().unwrap_or(paint.theme.mark("▸", ">")).to_owned();
        paint.put(area.x + 2, y, 8, &key, style);
        let x = paint.put(area.x + 5, y, room, row.label, style);
        let left = room.saturating_sub(usize::from(x - area.x));
        paint.put(x.max(area.x + 26), y, left, row.help, paint.theme.tone(Tone::Muted));
        paint.zone(Rect { y, height: 1, ..area }, Action::Do(id));
    }
    y += 2;
    y = jobs(paint, Rect { y, height: area.bottom().saturating_sub(y), ..area });
    let lines = blocks::page(page, paint.theme, room);
    let body = Rect { y: y + 1, height: area.bottom().saturating_sub(y + 1), ..area };
    paint.put(area.x + 1, y, room, "The notebook", paint.theme.heading());
    document(paint, body, &shown.screen.cursor, &lines);
}

/// What is under way; gives the next free line.
fn jobs(paint: &mut Paint<'_>, area: Rect) -> u16 {
    let mut y = area.y;
    let room = usize::from(area.width).saturating_sub(4);
    for (place, job) in paint.session.jobs().iter().enumerate().take(4) {
        let (done, total) = job.progress();
        let full = (done * BAR).checked_div(total).unwrap_or(0).min(BAR);
        let (on, off) = (paint.theme.mark("━", "#").to_owned(), paint.theme.mark("─", "-").to_owned());
        let words = match total {
            0 => " …".to_owned(),
            _ => format!(" {} of {}", format::grouped(done), format::grouped(total)),
        };
        let line: Styled = vec![
            (format!("{:<22}", job.label), paint.theme.heading()),
            (on.repeat(full as usize), paint.theme.tone(Tone::Accent)),
            (off.repeat((BAR - full) as usize), paint.theme.edge()),
            (words, paint.theme.tone(Tone::Muted)),
        ];
        put_styled(paint, area.x + 1, y, room, &line);
        let cancel = "[Ctrl-X Cancel]";
        let x = area.right().saturating_sub(width(cancel) as u16 + 2);
        paint.put(x, y, width(cancel), cancel, paint.theme.tone(Tone::Accent));
        paint.zone(Rect { x, y, width: width(cancel) as u16, height: 1 }, Action::Cancel(place));
        y += 1;
    }
    if y > area.y { y + 1 } else { y }
}
