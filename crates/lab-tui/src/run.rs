//! One run.

use lab_view::screens::run::{Part, RunAction, RunView};
use lab_view::session::Action;
use lab_view::{Block, Blocks, Tone};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::blocks::{self, Styled};
use crate::frame::Paint;
use crate::{runs, table};

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.run;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    let room = usize::from(area.width).saturating_sub(2);
    let mut y = area.y;
    let mut head = Vec::new();
    blocks::block_lines(&mut head, Block::Line(&page.page.headline), paint.theme, room);
    for line in head.iter().take(3) {
        put_styled(paint, area.x + 1, y, room, line);
        y += 1;
    }
    tabs(paint, Rect { y, height: 1, ..area }, shown.screen.part);
    let body = Rect { y: y + 1, height: area.bottom().saturating_sub(y + 1), ..area };
    match page.part {
        Part::Overview => document(paint, body, &overview(paint, page, room)),
        Part::Environment => document(paint, body, &blocks::page(&Facts(page), paint.theme, room)),
        Part::Log => {
            let style = Style::new();
            let lines: Vec<Styled> = page.log.iter().map(|line| vec![(line.text.clone(), style)]).collect();
            document(paint, body, &lines);
        }
        Part::Files => {
            if let Some(files) = &page.files {
                table::list(paint, body, &files.files, 0, shown.screen.cursor(), &|_| false);
            }
        }
    }
}

/// The environment, machine and Git of a run, as a page.
struct Facts<'a>(&'a RunView);

impl Blocks for Facts<'_> {
    fn blocks(&self) -> Vec<lab_view::Section<'_>> {
        let wanted = ["Environment", "Machine", "Git", "Not recorded", "Use"];
        self.0.page.blocks().into_iter().filter(|section| wanted.contains(&section.title)).collect()
    }
}

fn overview(paint: &Paint<'_>, page: &RunView, room: usize) -> Vec<Styled> {
    struct Rest<'a>(&'a RunView);
    impl Blocks for Rest<'_> {
        fn blocks(&self) -> Vec<lab_view::Section<'_>> {
            let left_out = ["Environment", "Machine", "Git", "Not recorded", "Use"];
            let all = self.0.page.blocks().into_iter().skip(1);
            all.filter(|section| !left_out.contains(&section.title)).collect()
        }
    }
    blocks::page(&Rest(page), paint.theme, room)
}

fn tabs(paint: &mut Paint<'_>, area: Rect, chosen: Part) {
    let mut x = area.x + 1;
    for part in Part::ALL {
        let style = if part == chosen {
            paint.theme.tone(Tone::Accent).add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
        } else {
            paint.theme.tone(Tone::Muted)
        };
        let from = x;
        x = paint.put(x, area.y, 20, part.title(), style);
        paint.zone(Rect { x: from, width: x - from, ..area }, Action::Run(RunAction::Part(part)));
        x += 3;
    }
}

/// Lines that can be scrolled.
pub fn document(paint: &mut Paint<'_>, area: Rect, lines: &[Styled]) {
    let cursor = paint.session.run.screen.cursor();
    let height = usize::from(area.height);
    // A document is scrolled, not pointed at: the cursor's row is its first line.
    if (cursor.height, cursor.total) != (height.max(1), lines.len()) {
        paint.wishes.push(Action::Extent { height, total: Some(lines.len()) });
    }
    let room = usize::from(area.width).saturating_sub(3);
    for (row, line) in lines.iter().skip(cursor.top).take(height).enumerate() {
        put_styled(paint, area.x + 1, area.y + row as u16, room, line);
    }
    table::scrollbar(paint, Rect { x: area.right().saturating_sub(1), width: 1, ..area }, cursor);
}

/// A line of several looks.
pub fn put_styled(paint: &mut Paint<'_>, x: u16, y: u16, room: usize, line: &Styled) {
    let mut at = x;
    for (words, style) in line {
        at = paint.put(at, y, room.saturating_sub(usize::from(at - x)), words, *style);
    }
}
