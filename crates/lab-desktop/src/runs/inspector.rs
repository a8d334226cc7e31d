//! The run under the cursor, told beside the list: what changed, did it help, and how it differs.

use egui::{RichText, ScrollArea, Ui};
use lab_view::session::{Action, Route};
use lab_view::{ActionId, Align, Row, Table, Tone};

use crate::app::Paint;
use crate::theme::{GAP, Theme, text};
use crate::{blocks, charts};

/// In less height the head scrolls with the rest.
const SHORT: f32 = 340.0;

/// Paints it.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    if ui.available_height() < SHORT {
        ScrollArea::vertical().id_salt("short").auto_shrink(false).show(ui, |ui| told(paint, ui));
    } else {
        told(paint, ui);
    }
}

fn told(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    let row_number = session.runs.screen.cursor.row;
    let Some(page) = session.runs.page() else { return };
    let Some(subject) = page.at(row_number) else { return };
    ui.add_space(2.0 * GAP);
    ui.add(egui::Label::new(RichText::new(crate::code::safe(&subject.name)).font(text::title())).truncate());
    let row = row_number.checked_sub(page.first).and_then(|row| page.table().rows.get(row));
    if let Some(row) = row {
        about(ui, page.table(), row);
    }
    ui.add_space(GAP);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 1.5 * GAP;
        // This run's own, whichever others are marked.
        let restore = ActionId::Restore.row();
        if blocks::strong_button(ui, restore.label).on_hover_text(restore.help).clicked() {
            paint.wish(Action::Go(Route::Restore(subject.run.clone())));
        }
        for id in [ActionId::Compare, ActionId::Charts, ActionId::Open] {
            blocks::button(paint, ui, id);
        }
    });
    ui.add_space(2.0 * GAP);
    ui.separator();
    let Some(known) = session.inspected() else { return };
    ScrollArea::vertical().id_salt(subject.run.as_str()).auto_shrink([false, true]).show(ui, |ui| {
        ui.add_space(GAP);
        blocks::page(paint, ui, known);
        for (key, chart) in &known.charts {
            blocks::heading(ui, key);
            charts::block(ui, key, chart);
        }
        ui.add_space(4.0 * GAP);
    });
}

/// What was written down on the run, and a way to write more.
pub fn notes(paint: &mut Paint<'_>, ui: &mut Ui) {
    ui.add_space(2.0 * GAP);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 1.5 * GAP;
        blocks::button(paint, ui, ActionId::Note);
        blocks::button(paint, ui, ActionId::Reason);
    });
    ui.add_space(GAP);
    let Some(known) = paint.session.inspected() else { return };
    if known.notes.rows.is_empty() {
        return blocks::empty(ui, "Nothing was written down", "Why was it run, and what came of it?");
    }
    ScrollArea::vertical().id_salt("notes").auto_shrink(false).show(ui, |ui| {
        ui.add_space(GAP);
        crate::run::notes(paint, ui, &known.notes);
    });
}

/// Status, when, how long.
fn about(ui: &mut Ui, table: &Table, row: &Row) {
    let of = |key: &str| {
        let place = table.columns.iter().position(|column| column.key == key)?;
        Some(&row.cells[place])
    };
    ui.horizontal(|ui| {
        if let Some(status) = of("status") {
            let (area, _) = ui.allocate_exact_size(egui::vec2(78.0, 20.0), egui::Sense::hover());
            super::cells::status(ui, area, status);
        }
        for (key, before) in [("started", ""), ("duration_millis", "took ")] {
            if let Some(cell) = of(key).filter(|cell| !cell.text.is_empty()) {
                blocks::words(ui, &format!("{before}{}", cell.text), Tone::Muted);
            }
        }
    });
    if let Some(tags) = of("tags").filter(|cell| !cell.text.is_empty()) {
        let (area, _) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 20.0), egui::Sense::hover());
        super::cells::tags(ui, area, tags);
    }
    let command = of("command").map(|cell| cell.text.as_str()).unwrap_or_default();
    let (area, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 18.0), egui::Sense::hover());
    blocks::elided(ui, area, command, text::mono(), Theme::of(ui).muted, Align::Left);
    response.on_hover_text(command);
}
