//! What a run printed.

use egui::{RichText, ScrollArea, Ui};
use lab_view::session::Action;
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::blocks;
use crate::theme::text;

/// What the part remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {}

/// The height of a line.
const LINE: f32 = 18.0;

/// Paints the part.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.run_parts.log;
    let run = paint.session.run.screen.run();
    let page = shown.page().filter(|page| Some(&page.run) == run);
    let Some(page) = page else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    let (window, cursor) = (&page.window, &shown.screen.cursor);
    let output = ScrollArea::both().auto_shrink(false).show_viewport(ui, |ui, seen| {
        ui.set_height(window.total as f32 * LINE);
        let top = (seen.min.y / LINE).max(0.0) as usize;
        let fits = (seen.height() / LINE).floor().max(1.0) as usize;
        ui.add_space(top as f32 * LINE);
        for place in top..(top + fits + 2).min(window.total) {
            let line = place.checked_sub(window.first).and_then(|place| window.lines.get(place));
            ui.label(RichText::new(line.map_or("", |line| line.text.as_str())).font(text::mono()));
        }
        (top, fits)
    });
    let (top, height) = output.inner;
    if (top, height) != (cursor.top, cursor.height) {
        paint.wish(Action::See { top, height });
    }
}
