//! The watcher and the notebook: whether runs are noticed, how large it is, what can be done for it.

use egui::{Frame, Margin, RichText, ScrollArea, Ui, vec2};
use lab_view::screens::health::WORK;
use lab_view::session::Action;
use lab_view::{ActionId, Tone};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::blocks;
use crate::theme::{GAP, MARGIN, Theme};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {}

/// Wider than this lines are hard to read.
const WIDE: f32 = 920.0;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        Frame::new().inner_margin(Margin::same(MARGIN as i8)).show(ui, |ui| {
            ui.set_max_width(WIDE.min(ui.available_width()));
            watcher(paint, ui);
            work(paint, ui);
            notebook(paint, ui);
            told(paint, ui);
        });
    });
}

fn watcher(paint: &mut Paint<'_>, ui: &mut Ui) {
    let on = paint.session.is_watching();
    blocks::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            let (words, tone, detail) = if on {
                ("Watching", Tone::Good, "Runs that nobody announces are noticed and kept")
            } else {
                ("Not watching", Tone::Warn, "Only what is started through `lab run` is kept")
            };
            blocks::pill(ui, words, tone);
            blocks::words(ui, detail, Tone::Muted);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let words = if on { "Stop watching" } else { "Start watching" };
                if ui.button(words).on_hover_text(ActionId::WatchService.row().help).clicked() {
                    paint.wish(Action::Do(ActionId::WatchService));
                }
            });
        });
    });
}

/// What can be done, each with what it does; while one is under way its progress.
fn work(paint: &mut Paint<'_>, ui: &mut Ui) {
    blocks::heading(ui, "What can be done");
    let theme = Theme::of(ui);
    let is_busy = !paint.session.jobs().is_empty();
    blocks::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        // Watching has its own place above.
        let work = WORK.into_iter().enumerate().filter(|(_, id)| *id != ActionId::WatchService);
        for (place, id) in work {
            if place > 0 {
                ui.separator();
            }
            ui.horizontal(|ui| {
                ui.set_min_height(30.0);
                let chosen = paint.session.health.screen.cursor.row == place;
                let label = RichText::new(id.row().label).color(if chosen { theme.accent } else { theme.text });
                let layout = egui::Layout::left_to_right(egui::Align::Center);
                ui.allocate_ui_with_layout(vec2(150.0, 24.0), layout, |ui| {
                    ui.set_min_width(150.0);
                    ui.label(label);
                });
                blocks::words(ui, id.row().help, Tone::Muted);
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let button = ui.add_enabled(!is_busy, egui::Button::new("Start"));
                    button.widget_info(|| {
                        let name = format!("Start: {}", id.row().label);
                        egui::WidgetInfo::labeled(egui::Role::Button, !is_busy, name)
                    });
                    if button.clicked() {
                        paint.wish(Action::Do(id));
                    }
                });
            });
        }
        for (place, job) in paint.session.jobs().iter().enumerate() {
            ui.separator();
            ui.horizontal(|ui| {
                blocks::words(ui, job.label, Tone::Accent);
                let (done, total) = job.progress();
                if total > 0 {
                    let bar = egui::ProgressBar::new(done as f32 / total as f32).desired_width(320.0);
                    ui.add(bar.desired_height(6.0));
                } else {
                    ui.spinner();
                }
                if blocks::small_button(ui, "Cancel").clicked() {
                    paint.wish(Action::Cancel(place));
                }
            });
        }
    });
}

/// What the watcher does and decided last.
fn told(paint: &mut Paint<'_>, ui: &mut Ui) {
    blocks::heading(ui, "The watcher");
    match (paint.session.watcher(), paint.session.watcher_error()) {
        (_, Some(error)) => {
            blocks::words(ui, &error.message, Tone::Bad);
            blocks::words(ui, error.hint.as_deref().unwrap_or_default(), Tone::Muted);
        }
        (Some(page), None) => blocks::page(paint, ui, page),
        (None, None) => drop(blocks::words(ui, "Asking it …", Tone::Muted)),
    }
}

fn notebook(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.health;
    blocks::heading(ui, "The notebook");
    let Some(page) = shown.page() else {
        if let Some(error) = shown.error() {
            blocks::words(ui, &error.message, Tone::Bad);
            blocks::words(ui, error.hint.as_deref().unwrap_or_default(), Tone::Muted);
        } else {
            blocks::words(ui, "Reading …", Tone::Muted);
        }
        return;
    };
    if let Some(error) = shown.error() {
        blocks::words(ui, &error.message, Tone::Bad);
    }
    blocks::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.add_space(GAP);
        blocks::page(paint, ui, page);
    });
}
