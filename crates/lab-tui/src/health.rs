//! The notebook: how large it is, what is under way, what can be done for it.

use lab_view::list::Motion;
use lab_view::screens::health::WORK;
use lab_view::session::Action;
use lab_view::{Tone, format};
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::blocks::{self, Styled};
use crate::frame::Paint;
use crate::run::put_styled;
use crate::runs;
use crate::text::width;

/// Columns of a bar of progress.
const BAR: u64 = 30;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.health;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    let room = usize::from(area.width).saturating_sub(4);
    let mut y = area.y;
    paint.put(area.x + 1, y, room, "What can be done", paint.theme.heading());
    for (place, id) in WORK.into_iter().enumerate() {
        y += 1;
        let row = id.row();
        let line = Rect { y, height: 1, ..area };
        let under = if place == shown.screen.cursor.row { paint.theme.cursor() } else { Style::new() };
        paint.fill(line, under);
        paint.put(area.x + 2, y, room, row.label, under.patch(paint.theme.tone(Tone::Accent)));
        paint.put(area.x + 24, y, room.saturating_sub(22), row.help, under.patch(paint.theme.tone(Tone::Muted)));
        paint.zone(line, Action::Move(Motion::To(place)));
    }
    y += 2;
    y = jobs(paint, Rect { y, height: area.bottom().saturating_sub(y), ..area });
    paint.put(area.x + 1, y, room, "The notebook", paint.theme.heading());
    let lines = blocks::page(page, paint.theme, room);
    for (row, line) in lines.iter().take(usize::from(area.bottom().saturating_sub(y + 1))).enumerate() {
        put_styled(paint, area.x + 2, y + 1 + row as u16, room, line);
    }
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
