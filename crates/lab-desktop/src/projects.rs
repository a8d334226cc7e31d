//! All projects.

use egui::Ui;
use lab_view::ActionId;
use lab_view::list::Motion;
use lab_view::session::Action;
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::table::{self, List, Widths};
use crate::{blocks, runs};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    widths: Widths,
}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    let shown = &session.projects;
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    if page.projects.is_empty() {
        return runs::first_use(paint, ui);
    }
    let mut widths = std::mem::take(&mut paint.places.projects.widths);
    let list = List::new("projects", page.table(), &shown.screen.cursor);
    let hits = table::list(paint, ui, &list, &mut widths);
    paint.places.projects.widths = widths;
    if let Some((row, _)) = hits.clicked {
        paint.wish(Action::Move(Motion::To(row)));
    }
    if hits.opened.is_some() {
        paint.wish(Action::Do(ActionId::Open));
    }
}
