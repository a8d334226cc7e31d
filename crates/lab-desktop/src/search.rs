//! Text found in all runs.

use egui::Ui;
use lab_view::ActionId;
use lab_view::list::Motion;
use lab_view::session::Action;
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::blocks;
use crate::table::{self, List, Widths};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    widths: Widths,
}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.search;
    blocks::button(paint, ui, ActionId::Find);
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    let mut widths = std::mem::take(&mut paint.places.search.widths);
    let list = List::new("hits", &page.page.hits, &shown.screen.cursor);
    let hits = table::list(paint, ui, &list, &mut widths);
    paint.places.search.widths = widths;
    if let Some((row, _)) = hits.clicked {
        paint.wish(Action::Move(Motion::To(row)));
    }
    if hits.opened.is_some() {
        paint.wish(Action::Do(ActionId::Open));
    }
}
