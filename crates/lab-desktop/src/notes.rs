//! What was written down.

use egui::{Margin, RichText, ScrollArea, Ui};
use lab_view::Prose;
use lab_view::session::{Action, Route};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::blocks;
use crate::theme::{MARGIN, text};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.notes;
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    if page.notes.is_empty() {
        return blocks::empty(ui, "Nothing was written down yet", "A note on a run stands here by its day");
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        egui::Frame::new().inner_margin(Margin::same(MARGIN as i8)).show(ui, |ui| {
            let mut day = "";
            for note in &page.notes {
                if note.day != day {
                    day = &note.day;
                    ui.label(RichText::new(day).font(text::heading()));
                }
                let head = blocks::line(ui, &note.head).interact(egui::Sense::click());
                if let Some(run) = note.run.clone().filter(|_| head.clicked()) {
                    paint.wish(Action::Go(Route::Run(run)));
                }
                blocks::prose(paint, ui, &Prose(note.text.clone()));
            }
        });
    });
}
