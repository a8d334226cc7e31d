//! The lines of a file with their numbers and colours, as far as they are in sight.

use std::borrow::Cow;

use egui::text::{LayoutJob, TextFormat};
use egui::{Align2, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use lab_view::Span;

use crate::theme::{GAP, Theme, text};

/// The height of a line.
pub const LINE: f32 = 18.0;
/// Of longer lines only so many letters are painted: nobody reads more, and each costs time.
const LONGEST: usize = 2_000;

/// Where in the lines one wants to be.
#[derive(Clone, Copy, Default)]
pub struct Place {
    /// The line to begin with, when that is new.
    pub top: Option<usize>,
    /// So many columns are left out on the left, when that is new.
    pub aside: Option<usize>,
    /// The line that stands out.
    pub at: Option<usize>,
}

/// Paints the lines. Gives the first one in sight and how many fit.
pub fn lines(ui: &mut Ui, name: &str, lines: &[Vec<Span>], to: Place) -> (usize, usize) {
    let theme = Theme::of(ui);
    let digits = lines.len().max(100).ilog10() as usize + 1;
    let gutter = 8.0 * digits as f32 + 4.0 * GAP;
    let mut area = ScrollArea::both().id_salt(name).auto_shrink(false);
    if let Some(aside) = to.aside {
        area = area.horizontal_scroll_offset(aside as f32 * text::LETTER);
    }
    if let Some(top) = to.top {
        area = area.vertical_scroll_offset(top as f32 * LINE);
    }
    let output = area.show_viewport(ui, |ui, sight| {
        let corner = ui.min_rect().min;
        let first = (sight.min.y / LINE).floor().max(0.0) as usize;
        let fits = (sight.height() / LINE).floor().max(1.0) as usize;
        let mut widest = sight.width();
        for (number, line) in lines.iter().enumerate().skip(first).take(fits + 2) {
            let y = corner.y + number as f32 * LINE;
            let row = Rect::from_min_size(pos2(corner.x, y), vec2(sight.max.x.max(sight.width()), LINE));
            if to.at == Some(number) {
                ui.painter().rect_filled(row, 0.0, theme.chosen);
            }
            let edge = pos2(corner.x + gutter - 3.0 * GAP, row.center().y);
            ui.painter().text(edge, Align2::RIGHT_CENTER, number + 1, text::small(), theme.muted);
            let job = job(theme, line);
            let words = job.text.clone();
            let galley = ui.painter().layout_job(job);
            widest = widest.max(gutter + galley.size().x + 4.0 * GAP);
            let place = pos2(corner.x + gutter, row.center().y - galley.size().y / 2.0);
            ui.painter().galley(place, galley, theme.text);
            let response = ui.interact(row, ui.scope_id().with(("line", number)), Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
        }
        ui.allocate_rect(Rect::from_min_size(corner, vec2(widest, lines.len() as f32 * LINE)), Sense::hover());
        (first, fits)
    });
    output.inner
}

/// A line as it is painted: what would turn its direction or cannot be seen is made visible.
fn job(theme: &Theme, line: &[Span]) -> LayoutJob {
    let mut job = LayoutJob::default();
    let mut room = LONGEST;
    for span in line {
        let end = span.text.char_indices().nth(room).map_or(span.text.len(), |(at, _)| at);
        let words = safe(&span.text[..end]);
        job.append(&words, 0.0, TextFormat::simple(text::mono(), theme.syntax(span.syntax)));
        room -= span.text[..end].chars().count();
        if end < span.text.len() {
            job.append(" …", 0.0, TextFormat::simple(text::mono(), theme.muted));
            break;
        }
    }
    job.wrap.max_rows = 1;
    job
}

/// Text from outside without anything that turns its direction or hides; tabs stay wide.
pub fn safe(words: &str) -> Cow<'_, str> {
    let plain = |letter: char| letter == ' ' || letter.is_ascii_graphic() || letter.is_alphanumeric();
    if words.chars().all(plain) {
        return Cow::Borrowed(words);
    }
    // A break stays one: it is the painter's to lay out.
    let lines: Vec<String> =
        words.split('\n').map(|line| lab_model::display_bytes(line.replace('\t', "    ").as_bytes())).collect();
    Cow::Owned(lines.join("\n"))
}
