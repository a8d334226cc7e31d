//! What a run printed.

use lab_view::screens::run_parts::MOST_HITS;
use lab_view::session::Action;
use lab_view::{Tone, format};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::blocks::{self, Styled};
use crate::frame::Paint;
use crate::run::put_styled;
use crate::{ansi, runs, table};

/// Columns of the time since the start.
const CLOCK: usize = 9;

/// Paints the part.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let parts = &paint.session.run_parts;
    let shown = &parts.log;
    let run = paint.session.run.screen.run();
    let page = shown.page().filter(|page| Some(&page.run) == run);
    let Some(page) = page else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    let (window, cursor) = (&page.window, &shown.screen.cursor);
    let body = Rect { height: area.height.saturating_sub(1), ..area };
    let height = usize::from(body.height);
    if cursor.height != height.max(1) {
        paint.wishes.push(Action::Extent { height, total: None });
    }
    state(paint, Rect { y: body.bottom(), height: 1, ..area });
    if window.total == 0 {
        let style = paint.theme.tone(Tone::Muted);
        paint.put(area.x + 1, area.y, usize::from(area.width) - 2, "It has printed nothing", style);
        return;
    }
    let words = parts.hits.screen.words.to_lowercase();
    let room = usize::from(area.width).saturating_sub(2);
    for row in 0..height {
        let place = cursor.top + row;
        let Some(line) = place.checked_sub(window.first).and_then(|place| window.lines.get(place)) else { continue };
        let y = body.y + row as u16;
        let is_error = line.stream == "err";
        let at = if shown.screen.at == Some(place) { paint.theme.cursor() } else { Style::new() };
        paint.fill(Rect { y, height: 1, ..body }, at);
        let clock = format!("{:>CLOCK$}", format::clock(line.millis));
        paint.put(body.x, y, CLOCK, &clock, at.patch(paint.theme.tone(Tone::Muted)));
        let (bar, tone) = if is_error { (paint.theme.mark("▌", "!"), Tone::Bad) } else { (" ", Tone::Plain) };
        let bar = bar.to_owned();
        paint.put(body.x + CLOCK as u16 + 1, y, 1, &bar, at.patch(paint.theme.tone(tone)));
        let styled = if line.stream == "gap" {
            vec![(line.text.clone(), paint.theme.tone(Tone::Warn).add_modifier(Modifier::ITALIC))]
        } else {
            blocks::beyond(marked(ansi::line(&line.text, paint.theme), &words, paint.theme.found()), shown.screen.aside)
        };
        let styled: Styled = styled.into_iter().map(|(words, style)| (words, at.patch(style))).collect();
        put_styled(paint, body.x + CLOCK as u16 + 3, y, room.saturating_sub(CLOCK + 2), &styled);
    }
    table::scrollbar(paint, Rect { x: area.right().saturating_sub(1), width: 1, ..body }, cursor);
}

/// Marks the words that were looked for; what stands in pieces of several colours is marked piece by piece.
pub fn marked(styled: Styled, words: &str, found: Style) -> Styled {
    if words.is_empty() {
        return styled;
    }
    let mut marked = Vec::new();
    for (text, style) in styled {
        let lower = text.to_lowercase();
        // Where lower case has another length, places would not be the same.
        if lower.len() != text.len() {
            marked.push((text, style));
            continue;
        }
        let mut from = 0;
        for (at, _) in lower.match_indices(words) {
            let to = at + words.len();
            if text.is_char_boundary(at) && text.is_char_boundary(to) {
                marked.push((text[from..at].to_owned(), style));
                marked.push((text[at..to].to_owned(), style.patch(found)));
                from = to;
            }
        }
        marked.push((text[from..].to_owned(), style));
    }
    marked
}

/// Where in the log one is, and what is looked for.
fn state(paint: &mut Paint<'_>, area: Rect) {
    let parts = &paint.session.run_parts;
    let screen = &parts.log.screen;
    let Some(page) = parts.log.page() else { return };
    let total = page.window.total;
    let last = (screen.cursor.top + screen.cursor.height).min(total);
    let muted = paint.theme.tone(Tone::Muted);
    let words = format!("lines {}–{} of {}", (screen.cursor.top + 1).min(total), last, format::grouped(total as u64));
    let room = usize::from(area.width).saturating_sub(2);
    let mut x = paint.put(area.x + 1, area.y, room, &words, muted);
    let left = |x: u16| usize::from(area.right().saturating_sub(x + 1));
    if screen.follow {
        x = paint.put(x, area.y, left(x), " · following", paint.theme.tone(Tone::Good));
    }
    if screen.aside > 0 {
        x = paint.put(x, area.y, left(x), &format!(" · from column {}", screen.aside + 1), muted);
    }
    let looked_for = &parts.hits.screen.words;
    if looked_for.is_empty() {
        return;
    }
    let words = match parts.hits.page().filter(|_| parts.hits.is_current()) {
        None => format!(" · looking for “{looked_for}” …"),
        Some(hits) if hits.is_empty() => format!(" · “{looked_for}” is nowhere"),
        Some(hits) => {
            let many = if hits.len() >= MOST_HITS { "+" } else { "" };
            let at = screen.at.and_then(|at| hits.binary_search(&at).ok());
            let at = at.map(|at| format!("{} of ", at + 1)).unwrap_or_default();
            format!(" · “{looked_for}”: {at}{}{many} lines", format::grouped(hits.len() as u64))
        }
    };
    paint.put(x, area.y, left(x), &words, paint.theme.tone(Tone::Accent));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_for_is_marked_in_either_case() {
        let found = Style::new().add_modifier(Modifier::BOLD);
        let plain = |text: &str| (text.to_owned(), Style::new());
        let styled = marked(vec![plain("Loss 1, loss 2")], "loss", found);
        let bold: Vec<&str> =
            styled.iter().filter(|(_, style)| *style == found).map(|(text, _)| text.as_str()).collect();
        assert_eq!(bold, ["Loss", "loss"]);
        assert_eq!(styled.iter().map(|(text, _)| text.as_str()).collect::<String>(), "Loss 1, loss 2");
    }
}
