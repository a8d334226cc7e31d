//! Runs side by side.

use egui::{Margin, ScrollArea, Ui};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::blocks;
use crate::theme::MARGIN;

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.compare;
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        egui::Frame::new().inner_margin(Margin::same(MARGIN as i8)).show(ui, |ui| blocks::page(paint, ui, page));
    });
}
