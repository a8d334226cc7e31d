//! Cells of the list of runs that are drawn, not written: status, changes, trend, tags, stars.

use egui::{Align2, Rect, Stroke, Ui, pos2, vec2};
use lab_view::{Align, Cell, Column, Tone};

use crate::blocks;
use crate::icons::Icon;
use crate::theme::{GAP, Theme, text};

/// How wide a drawn column is.
pub fn width(column: &Column) -> Option<f32> {
    match column.key.as_str() {
        "changed" => Some(84.0),
        "trend" => Some(72.0),
        "status" => Some(16.0),
        // What goes on grows: the column does not.
        "duration_millis" => Some(92.0),
        _ => None,
    }
}

/// Draws a cell; false leaves it to the list.
pub fn paint(ui: &Ui, area: Rect, column: &Column, cell: &Cell) -> bool {
    match column.key.as_str() {
        "status" => status(ui, area, cell),
        "changed" => changed(ui, area, cell),
        "trend" => trend(ui, area, cell),
        "tags" => tags(ui, area, cell),
        "name" => name(ui, area, cell),
        _ => return false,
    }
    true
}

/// A sign in the colour of the status, and its word.
pub fn status(ui: &Ui, area: Rect, cell: &Cell) {
    let theme = Theme::of(ui);
    let color = theme.tone(cell.tone);
    let word = cell.text.split_once(' ').map_or(cell.text.as_str(), |(_, word)| word);
    let sign = Rect::from_center_size(pos2(area.left() + 7.0, area.center().y), vec2(14.0, 14.0));
    match word {
        "done" => Icon::Check.paint(ui.painter(), sign, 12.0, color),
        "failed" | "killed" => Icon::Close.paint(ui.painter(), sign, 11.0, color),
        "running" => {
            ui.painter().circle_stroke(sign.center(), 5.0, Stroke::new(1.4, theme.edge));
            ui.painter().circle_filled(sign.center(), 3.0, color);
        }
        _ => drop(ui.painter().text(sign.center(), Align2::CENTER_CENTER, "?", text::strong(), color)),
    }
    let rest = Rect::from_min_max(pos2(sign.right() + 5.0, area.top()), area.max);
    // In a list the sign is enough: each status has its own shape.
    if rest.width() < 20.0 {
        return;
    }
    let ink = if matches!(word, "done") { theme.text } else { color };
    blocks::elided(ui, rest, word, text::body(), ink, Align::Left);
}

/// A small field for each part of the fingerprint: filled where it changed, a dot where it did not.
fn changed(ui: &Ui, area: Rect, cell: &Cell) {
    let theme = Theme::of(ui);
    let letters: Vec<&str> = cell.text.split(' ').collect();
    if letters.iter().any(|letter| letter.chars().count() != 1) || letters.len() != 4 {
        return blocks::elided(ui, area, &cell.text, text::body(), theme.muted, Align::Left);
    }
    let mut middle = pos2(area.left() + 9.0, area.center().y);
    for letter in letters {
        if letter == "·" {
            ui.painter().circle_filled(middle, 1.5, theme.edge);
        } else {
            let field = Rect::from_center_size(middle, vec2(18.0, 18.0));
            ui.painter().rect_filled(field, 4.0, theme.wash(Tone::Changed));
            ui.painter().text(middle, Align2::CENTER_CENTER, letter, text::small(), theme.changed);
        }
        middle.x += 21.0;
    }
}

/// The bars of a trend, the lowest first.
const BARS: &str = "▁▂▃▄▅▆▇█";

/// A line through the heights of a trend.
fn trend(ui: &Ui, area: Rect, cell: &Cell) {
    let heights: Vec<Option<f32>> = cell
        .text
        .chars()
        .map(|bar| BARS.chars().position(|level| level == bar).map(|level| level as f32 / 7.0))
        .collect();
    let theme = Theme::of(ui);
    let color = theme.tone(cell.tone);
    let area = area.shrink2(vec2(2.0, 7.0));
    let step = area.width() / heights.len().saturating_sub(1).max(1) as f32;
    let points: Vec<_> = heights
        .iter()
        .enumerate()
        .filter_map(|(place, height)| {
            Some(pos2(area.left() + place as f32 * step, area.bottom() - (*height)? * area.height()))
        })
        .collect();
    let Some(last) = points.last().copied() else { return };
    ui.painter().add(egui::Shape::line(points, Stroke::new(1.5, color.gamma_multiply(0.8))));
    ui.painter().circle_filled(last, 2.2, color);
}

/// Every tag in a colour of its own, the same wherever it stands.
pub fn tags(ui: &Ui, area: Rect, cell: &Cell) {
    let theme = Theme::of(ui);
    let mut x = area.left();
    for tag in cell.text.split(' ').filter(|tag| !tag.is_empty()) {
        let color = tag_color(theme, tag);
        let galley = ui.painter().layout_no_wrap(crate::code::safe(tag).into_owned(), text::small(), color);
        let size = galley.size() + vec2(12.0, 3.0);
        if x + size.x > area.right() + 1.0 {
            let more = pos2(x, area.center().y);
            ui.painter().text(more, Align2::LEFT_CENTER, "…", text::small(), theme.muted);
            return;
        }
        let pill = Align2::LEFT_CENTER.anchor_size(pos2(x, area.center().y), size);
        ui.painter().rect_filled(pill, pill.height() / 2.0, theme.ground.lerp_to_gamma(color, 0.14));
        ui.painter().galley(pill.center() - galley.size() / 2.0, galley, color);
        x = pill.right() + GAP;
    }
}

/// The colour of a tag.
pub fn tag_color(theme: &Theme, tag: &str) -> egui::Color32 {
    let slot = tag.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    theme.series((slot >> 3) % Theme::HUES).lerp_to_gamma(theme.text, 0.25)
}

/// The name, and a star where it has one.
fn name(ui: &Ui, area: Rect, cell: &Cell) {
    let theme = Theme::of(ui);
    let color = theme.tone(cell.tone);
    let Some((name, rest)) = cell.text.split_once(" ★") else {
        return blocks::elided(ui, area, &cell.text, text::body(), color, Align::Left);
    };
    let star = Rect::from_min_max(pos2(area.right() - 16.0, area.top()), area.max);
    let words = Rect::from_min_max(area.min, pos2(star.left(), area.bottom()));
    blocks::elided(ui, words, &format!("{name}{rest}"), text::body(), color, Align::Left);
    let wide = blocks::width(ui, name, text::body()).min(words.width());
    Icon::paint_full_star(ui.painter(), pos2(area.left() + wide + 11.0, area.center().y), 11.0, theme.warn);
}
