//! The notebook and the watcher: what can be done, what is under way, how large it is, what was decided.

use lab_view::list::Motion;
use lab_view::screens::health::WORK;
use lab_view::session::Action;
use lab_view::watch::WatchPage;
use lab_view::{Block, Tone, format};
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::blocks::{self, Styled};
use crate::frame::Paint;
use crate::run::put_styled;
use crate::text::width;
use crate::{Theme, runs};

/// Columns of a bar of progress.
const BAR: u64 = 30;
/// From so many columns on the watcher stands beside the notebook.
const WIDE: u16 = 150;
/// Columns of the notebook then.
const LEFT: u16 = 64;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.health;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    let work = Rect { width: if area.width >= WIDE { LEFT } else { area.width }, ..area };
    let below = what_can_be_done(paint, work, shown.screen.cursor.row);
    let y = jobs(paint, Rect { y: below + 1, height: area.bottom().saturating_sub(below + 1), ..work });
    let notebook = blocks::page(page, paint.theme, usize::from(work.width).saturating_sub(4));
    let left = area.bottom().saturating_sub(y);
    if area.width >= WIDE {
        let edge = Rect { x: work.right(), width: 1, ..area };
        paint.rule(edge, "│", "|");
        watcher(paint, Rect { x: edge.right() + 1, width: area.right() - edge.right() - 2, ..area });
        titled(paint, Rect { y, height: left, ..work }, "The notebook", &notebook);
        return;
    }
    // The notebook says the same for days: what the watcher decided just now comes first.
    let reserved = (notebook.len() as u16 + 2).min(left / 2);
    let y = watcher(paint, Rect { y, height: left - reserved, ..area }) + 1;
    titled(paint, Rect { y, height: area.bottom().saturating_sub(y), ..area }, "The notebook", &notebook);
}

/// The list of what can be done; gives the next free line.
fn what_can_be_done(paint: &mut Paint<'_>, area: Rect, chosen: usize) -> u16 {
    let room = usize::from(area.width).saturating_sub(4);
    let mut y = area.y;
    let heading = blocks::heading("What can be done", paint.theme, room + 1);
    put_styled(paint, area.x + 1, y, room + 1, &heading);
    for (place, id) in WORK.into_iter().enumerate() {
        y += 1;
        let row = id.row();
        let line = Rect { y, height: 1, ..area };
        let under = if place == chosen { paint.theme.cursor() } else { Style::new() };
        paint.fill(line, under);
        paint.put(area.x + 2, y, room, row.label, under.patch(paint.theme.tone(Tone::Accent)));
        paint.put(area.x + 26, y, room.saturating_sub(24), row.help, under.patch(paint.theme.tone(Tone::Muted)));
        paint.zone(line, Action::Move(Motion::To(place)));
    }
    y + 1
}

/// Lines with a heading; gives the next free line.
fn titled(paint: &mut Paint<'_>, area: Rect, title: &str, lines: &[Styled]) -> u16 {
    if area.height == 0 {
        return area.y;
    }
    let room = usize::from(area.width).saturating_sub(3);
    put_styled(paint, area.x + 1, area.y, room, &blocks::heading(title, paint.theme, room));
    let mut y = area.y + 1;
    for line in lines.iter().take(usize::from(area.height - 1)) {
        put_styled(paint, area.x + 2, y, room, line);
        y += 1;
    }
    y
}

/// What the watcher does and decided last; gives the next free line.
fn watcher(paint: &mut Paint<'_>, area: Rect) -> u16 {
    let room = usize::from(area.width).saturating_sub(3);
    let muted = paint.theme.tone(Tone::Muted);
    let lines = match (paint.session.watcher(), paint.session.watcher_error()) {
        (_, Some(error)) => vec![vec![(error.message.clone(), paint.theme.tone(Tone::Bad))]],
        (Some(page), None) => told(page, paint.theme, room),
        (None, None) => vec![vec![("Asking it …".to_owned(), muted)]],
    };
    titled(paint, area, "The watcher", &lines)
}

/// What matters now comes first: where there is little room the rest is cut.
fn told(page: &WatchPage, theme: &Theme, room: usize) -> Vec<Styled> {
    let mut lines = Vec::new();
    blocks::block_lines(&mut lines, Block::Line(&page.headline), theme, room);
    for (title, table) in [
        ("Follows", &page.runs),
        ("Decided last", &page.decisions),
        ("Projects", &page.projects),
        ("How starts are noticed", &page.methods),
    ] {
        if !table.is_empty() {
            lines.push(Vec::new());
            lines.push(blocks::heading(title, theme, room));
            blocks::block_lines(&mut lines, Block::Table(table), theme, room);
        }
    }
    lines.push(Vec::new());
    blocks::block_lines(&mut lines, Block::Fields(&page.about), theme, room);
    lines
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
