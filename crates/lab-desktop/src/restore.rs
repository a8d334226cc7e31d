//! What a restore would do.

use egui::{Margin, ScrollArea, Ui};
use lab_view::ActionId;
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
    let Some(page) = paint.session.restore.screen.page() else {
        return blocks::empty(ui, "", "Comparing the files …");
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        egui::Frame::new().inner_margin(Margin::same(MARGIN as i8)).show(ui, |ui| {
            blocks::main_button(paint, ui, ActionId::Apply);
            blocks::page(paint, ui, page);
        });
    });
}
