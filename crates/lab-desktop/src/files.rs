//! The files of a run.

use egui::{RichText, ScrollArea, Ui};
use lab_view::list::Motion;
use lab_view::screens::run::RunView;
use lab_view::session::Action;
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::table::{self, List, Widths};
use crate::theme::text;
use crate::{blocks, diff};

/// What the part remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    widths: Widths,
}

/// Paints the part.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui, page: &RunView) {
    let Some(files) = &page.files else { return };
    let cursor = *paint.session.run.screen.cursor();
    let file = &paint.session.run_parts.file;
    egui::Panel::right("file").default_size(560.0).show(ui, |ui| {
        let Some(view) = file.page() else { return };
        ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            blocks::line(ui, &view.note);
            if let Some(one) = &view.diff {
                diff::block(ui, one);
            }
            for line in &view.lines {
                let words: String = line.iter().map(|span| span.text.as_str()).collect();
                ui.label(RichText::new(words).font(text::mono()));
            }
        });
    });
    let mut widths = std::mem::take(&mut paint.places.files.widths);
    let hits = table::list(paint, ui, &List::new("files", &files.files, &cursor), &mut widths);
    paint.places.files.widths = widths;
    if let Some((row, _)) = hits.clicked {
        paint.wish(Action::Move(Motion::To(row)));
    }
}
