//! What a run printed.

use egui::text::{LayoutJob, TextFormat};
use egui::{Align2, Color32, Margin, Panel, Rect, ScrollArea, Sense, Stroke, Ui, pos2, vec2};
use lab_engine::LogLine;
use lab_view::ansi::{self, Ink, Look};
use lab_view::screens::run_parts::{LogView, MOST_HITS};
use lab_view::session::Action;
use lab_view::{ActionId, Tone, format};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::icons::{self, Icon};
use crate::table::Sight;
use crate::theme::{GAP, Theme, text};
use crate::{blocks, theme};

/// What the part remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// The time since the start does not stand before each line.
    no_clock: bool,
}

/// The height of a line.
const LINE: f32 = 19.0;
/// The field that looks for words is so wide at most, and leaves so much to what is at the right of it.
const FIELD: f32 = 260.0;
const SWITCHES: f32 = 190.0;
/// Room for the time since the start.
const CLOCK: f32 = 74.0;

/// Paints the part.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.run_parts().log;
    let run = paint.run().screen.run();
    let page = shown.page().filter(|page| Some(&page.run) == run);
    let Some(page) = page else { return paint.no_page(ui, shown) };
    let frame = egui::Frame::new().inner_margin(Margin::symmetric(12, 5));
    Panel::top("log bar").frame(frame).show(ui, |ui| bar(paint, ui, page));
    if page.window.total == 0 {
        return blocks::empty(ui, "It has printed nothing", "What a command prints stands here while it runs");
    }
    lines(paint, ui, page);
}

/// What is looked for, where one is, and whether the end is followed.
fn bar(paint: &mut Paint<'_>, ui: &mut Ui, page: &LogView) {
    ui.horizontal(|ui| {
        search(paint, ui);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let follows = paint.run_parts().log.screen.follow;
            if ui.selectable_label(follows, "Follow").on_hover_text("Stay at the end of the log").clicked() {
                paint.wish(Action::Do(ActionId::Follow));
            }
            let clock = !paint.places.log.no_clock;
            if ui.selectable_label(clock, "Time").on_hover_text("The time since the start before each line").clicked() {
                paint.places.log.no_clock = clock;
            }
            let cursor = &paint.run_parts().log.screen.cursor;
            let (first, total) = ((cursor.top + 1).min(page.window.total), page.window.total);
            let last = (cursor.top + cursor.height).min(total);
            let words = format!("lines {first}–{last} of {}", format::grouped(total as u64));
            if ui.available_width() > blocks::width(ui, &words, text::body()) {
                blocks::words(ui, &words, Tone::Muted);
            }
        });
    });
}

fn search(paint: &mut Paint<'_>, ui: &mut Ui) {
    let parts = &paint.run_parts();
    let looked_for = &parts.hits.screen.words;
    let id = ui.scope_id().with("find in the log");
    // The switches at the right have their room first.
    let wide = (ui.available_width() - SWITCHES).clamp(80.0, FIELD);
    let mut words = looked_for.clone();
    let edit = egui::TextEdit::singleline(&mut words).id(id).desired_width(wide).font(text::body());
    let edit = edit.margin(Margin { left: 30, right: 8, top: 4, bottom: 4 }).hint_text("Find in the log");
    let response = ui.add(edit);
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, looked_for, &words, "");
        info.label = Some("Find in the log".to_owned());
        info
    });
    let (sign, _) = icons::before(response.rect);
    Icon::Search.paint(ui.painter(), sign, 14.0, Theme::of(ui).muted);
    if words != *looked_for {
        paint.wish(Action::Find(words));
    }
    if response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
        paint.wish(Action::Do(ActionId::FindNext));
        response.request_focus();
    }
    if looked_for.is_empty() {
        return;
    }
    for (icon, id) in [(Icon::Up, ActionId::FindPrevious), (Icon::Down, ActionId::FindNext)] {
        if icons::button(ui, icon, id.row().label).clicked() {
            paint.wish(Action::Do(id));
        }
    }
    let (words, tone) = match parts.hits.page().filter(|_| parts.hits.is_current()) {
        None => ("looking …".to_owned(), Tone::Muted),
        Some(hits) if hits.is_empty() => ("nowhere".to_owned(), Tone::Warn),
        Some(hits) => {
            let many = if hits.len() >= MOST_HITS { "+" } else { "" };
            let at = parts.log.screen.at.and_then(|at| hits.binary_search(&at).ok());
            let at = at.map(|at| format!("{} of ", at + 1)).unwrap_or_default();
            (format!("{at}{}{many}", format::count(hits.len() as u64, "line")), Tone::Muted)
        }
    };
    blocks::words(ui, &words, tone);
}

fn lines(paint: &mut Paint<'_>, ui: &mut Ui, page: &LogView) {
    let screen = &paint.run_parts().log.screen;
    let (window, cursor) = (&page.window, &screen.cursor);
    let id = ui.scope_id().with("log");
    let clock = if paint.places.log.no_clock { 0.0 } else { CLOCK };
    let words = paint.run_parts().hits.screen.words.to_lowercase();
    let mut area = ScrollArea::both().id_salt(page.run.as_str()).auto_shrink(false);
    // The area itself learns of new lines a frame later and springs back until then: whoever follows holds the end.
    let is_touched = ui.input(|input| input.smooth_scroll_delta() != egui::Vec2::ZERO || input.pointer.any_down());
    let holds = screen.follow && !is_touched;
    if holds {
        let end = window.total as f32 * LINE + GAP - ui.available_height();
        area = area.vertical_scroll_offset(end.max(0.0));
    } else if let Some(offset) = Sight::offset(ui, id, LINE, cursor) {
        area = area.vertical_scroll_offset(offset);
    }
    // A line that was wider than the window keeps the room that it needed.
    let widest = id.with("widest");
    let known: f32 = ui.data(|data| data.get_temp(widest)).unwrap_or(0.0);
    let output = area.show_viewport(ui, |ui, seen| {
        let wide = known.max(seen.width());
        ui.set_width(wide);
        ui.set_height(window.total as f32 * LINE + GAP);
        let corner = ui.min_rect().min;
        let sight = Sight::of(seen, LINE, window.total);
        let mut needed = known;
        for place in sight.painted.clone() {
            let Some(line) = place.checked_sub(window.first).and_then(|place| window.lines.get(place)) else {
                continue;
            };
            let area = Rect::from_min_size(corner + vec2(0.0, place as f32 * LINE), vec2(wide, LINE));
            needed = needed.max(one(ui, area, line, clock, &words, screen.at == Some(place)) + 24.0);
        }
        ui.data_mut(|data| data.insert_temp(widest, needed));
        sight
    });
    if holds {
        output.inner.hold(paint, ui, id, cursor);
    } else {
        output.inner.tell(paint, ui, id, cursor);
    }
}

/// Paints a line; gives the room that it needs.
fn one(ui: &mut Ui, area: Rect, line: &LogLine, clock: f32, words: &str, is_here: bool) -> f32 {
    let theme = Theme::of(ui);
    let response = ui.interact(area, ui.scope_id().with(area.top().to_bits()), Sense::hover());
    if is_here {
        ui.painter().rect_filled(area, 0.0, theme.chosen);
    } else if line.stream == "err" {
        ui.painter().rect_filled(area, 0.0, theme.wash(Tone::Bad).gamma_multiply(0.5));
    }
    if clock > 0.0 {
        let at = pos2(area.left() + clock - 12.0, area.center().y);
        ui.painter().text(at, Align2::RIGHT_CENTER, format::clock(line.millis), text::mono_small(), theme.muted);
    }
    let x = area.left() + clock.max(12.0);
    let job = if line.stream == "gap" {
        LayoutJob::simple_singleline(crate::code::safe(&line.text).replace('\n', " "), text::mono(), theme.warn)
    } else {
        job(theme, &line.text, words)
    };
    let galley = ui.painter().layout_job(job);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, galley.text()));
    let wide = galley.size().x;
    let at = pos2(x, area.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, theme.text);
    x - area.left() + wide
}

/// The line in the colours that the program gave it; what is looked for stands on a ground of its own.
fn job(theme: &Theme, line: &str, words: &str) -> LayoutJob {
    let mut job = LayoutJob::default();
    job.wrap.max_rows = 1;
    for (text, look) in ansi::line(line) {
        let text = crate::code::safe(&text);
        let format = formatted(theme, look);
        let lower = text.to_lowercase();
        // Where lower case has another length, places would not be the same.
        if words.is_empty() || lower.len() != text.len() {
            job.append(&text, 0.0, format);
            continue;
        }
        let mut from = 0;
        for (at, _) in lower.match_indices(words) {
            let to = at + words.len();
            if text.is_char_boundary(at) && text.is_char_boundary(to) {
                job.append(&text[from..at], 0.0, format.clone());
                let found = TextFormat { background: theme.found, color: theme.text, ..format.clone() };
                job.append(&text[at..to], 0.0, found);
                from = to;
            }
        }
        job.append(&text[from..], 0.0, format);
    }
    job
}

fn formatted(theme: &Theme, look: Look) -> TextFormat {
    let ink = look.ink.map_or(theme.text, |ink| color(theme, ink));
    let ground = look.ground.map_or(Color32::TRANSPARENT, |ink| color(theme, ink));
    let (ink, ground) = match (look.reversed, look.ground) {
        (false, _) => (ink, ground),
        (true, Some(_)) => (ground, ink),
        (true, None) => (theme.ground, ink),
    };
    let ink = if look.faint { ink.lerp_to_gamma(theme.ground, 0.4) } else { ink };
    let line = |on| if on { Stroke::new(1.0, ink) } else { Stroke::NONE };
    TextFormat {
        italics: look.italic,
        underline: line(look.underlined),
        strikethrough: line(look.struck),
        background: ground,
        ..TextFormat::simple(text::mono(), ink)
    }
}

fn color(theme: &Theme, ink: Ink) -> Color32 {
    match ink {
        Ink::Rgb(red, green, blue) => Color32::from_rgb(red, green, blue),
        Ink::Indexed(number) => theme::indexed(theme, number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_marked_in_either_case() {
        let theme = Theme::light();
        let job = job(theme, "Loss 1, loss 2", "loss");
        let found: Vec<&str> = job
            .sections
            .iter()
            .filter(|section| section.format.background == theme.found)
            .map(|section| &job.text[section.byte_range.start.0..section.byte_range.end.0])
            .collect();
        assert_eq!(found, ["Loss", "loss"]);
    }
}
