//! One run; several stand open as tabs.

mod pair;
mod tabs;

use egui::{Layout, Margin, Panel, RichText, ScrollArea, Sense, Ui, UiBuilder, vec2};
use lab_view::lineage::LineagePage;
use lab_view::screens::run::{Part, RunAction, RunView};
use lab_view::session::Action;
use lab_view::{ActionId, Blocks, Row, Table, Tone};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::icons::{self, Icon};
use crate::theme::{GAP, MARGIN, Theme, text};
use crate::{blocks, charts, files, log, runs};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    open: Vec<tabs::Tab>,
    /// Two of them beside each other.
    pair: Option<pair::Pair>,
}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    tabs::paint(paint, ui);
    pair::paint(paint, ui);
}

/// Paints one run; `is_one_of_two` says that there is another one beside it.
fn one(paint: &mut Paint<'_>, ui: &mut Ui, is_one_of_two: bool) {
    let shown = paint.run();
    let wanted = shown.screen.run();
    // Another run's page is worse than none.
    let page = shown.page().filter(|page| Some(&page.subject.run) == wanted);
    let Some(page) = page else { return paint.no_page(ui, shown) };
    let frame = egui::Frame::new().inner_margin(Margin { left: MARGIN as i8, right: 12, top: 10, bottom: 0 });
    Panel::top("run head").frame(frame).show(ui, |ui| head(paint, ui, page, is_one_of_two));
    match shown.screen.part {
        Part::Overview => overview(paint, ui, page),
        Part::Environment => {
            document(ui, "environment", |ui| sections(paint, ui, &page.page, Part::Environment.sections()));
        }
        Part::Log => log::paint(paint, ui),
        Part::Files if page.part == Part::Files => files::paint(paint, ui, page),
        Part::Files => {}
    }
}

/// The files of the run under the cursor of the list.
pub fn files_beside(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = paint.run();
    let page = shown.page().filter(|page| page.part == Part::Files && Some(&page.subject.run) == shown.screen.run());
    match page {
        Some(page) => files::paint(paint, ui, page),
        None => paint.no_page(ui, shown),
    }
}

/// What it is called, what can be done with it, what changed and did it help, and its parts.
fn head(paint: &mut Paint<'_>, ui: &mut Ui, page: &RunView, is_one_of_two: bool) {
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 1.5 * GAP;
            if is_one_of_two && icons::button(ui, Icon::Close, "Show the other run alone").clicked() {
                let _ = pair::alone(paint, &page.subject.run);
            }
            blocks::main_button(paint, ui, ActionId::Restore);
            let more = icons::button(ui, Icon::More, "More");
            egui::Popup::menu(&more).show(|ui| runs::menu(paint, ui));
            if page.subject.is_running {
                blocks::button(paint, ui, ActionId::Stop);
            }
            // Where there is less room the menu has them.
            if ui.available_width() > HEAD {
                for id in [ActionId::Rerun, ActionId::Note, ActionId::Charts, ActionId::Compare] {
                    blocks::button(paint, ui, id);
                }
            }
            star(paint, ui, page.subject.starred);
            ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                let name = lab_model::display_bytes(page.subject.name.as_bytes());
                // Of two the one that keys are for stands out.
                let ink = if paint.beside.is_some() { Theme::of(ui).muted } else { Theme::of(ui).text };
                ui.add(
                    egui::Label::new(RichText::new(crate::code::safe(&name)).font(text::title()).color(ink)).truncate(),
                );
            });
        });
    });
    blocks::line(ui, &page.page.headline);
    ui.add_space(GAP);
    parts(paint, ui);
}

fn star(paint: &mut Paint<'_>, ui: &mut Ui, is_on: bool) {
    let theme = Theme::of(ui);
    let name = if is_on { "Take the star off" } else { "Star" };
    let response = icons::button_in(ui, Icon::Star, name, is_on.then_some(theme.warn));
    if is_on {
        Icon::paint_full_star(ui.painter(), response.rect.center(), 15.0, theme.warn);
    }
    if response.clicked() {
        paint.wish(Action::Do(ActionId::Star));
    }
}

/// The parts of the page, the one that is shown with a line below.
fn parts(paint: &mut Paint<'_>, ui: &mut Ui) {
    let chosen = paint.run().screen.part;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0 * GAP;
        for part in Part::ALL {
            let theme = Theme::of(ui);
            let font = if part == chosen { text::strong() } else { text::body() };
            let wide = blocks::width(ui, part.title(), text::strong());
            let (area, response) = ui.allocate_exact_size(vec2(wide, 32.0), Sense::click());
            let color = if part == chosen || response.hovered() { theme.text } else { theme.muted };
            blocks::elided(ui, area.expand(1.0), part.title(), font, color, lab_view::Align::Left);
            if part == chosen {
                let line = egui::Rect::from_min_max(area.left_bottom() - vec2(0.0, 2.0), area.right_bottom());
                ui.painter().rect_filled(line, 1.0, theme.accent);
            }
            response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Tab, true, part == chosen, part.title()));
            if response.clicked() {
                paint.wish(Action::Run(RunAction::Part(part)));
            }
        }
    });
}

/// Something that scrolls as a whole.
fn document(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().id_salt(name).auto_shrink(false).show(ui, |ui| {
        let frame =
            egui::Frame::new().inner_margin(Margin { left: MARGIN as i8, right: MARGIN as i8, top: 0, bottom: 24 });
        frame.show(ui, add);
    });
}

/// Some sections of a page, in this order; what follows a heading without one of its own belongs to it.
fn sections(paint: &mut Paint<'_>, ui: &mut Ui, page: &impl Blocks, wanted: &[&str]) {
    let all = page.blocks();
    for title in wanted {
        for section in all.iter().filter(|section| section.title == *title) {
            blocks::heading(ui, title);
            blocks::section(paint, ui, title, 0, section.block);
        }
    }
}

/// Notes are texts: a table would cut them.
pub fn notes(paint: &mut Paint<'_>, ui: &mut Ui, table: &Table) {
    for row in &table.rows {
        let seen = ui.scope(|ui| note(paint, ui, row)).response.rect;
        blocks::named(ui, seen, &blocks::told(table, row));
        ui.add_space(GAP);
    }
}

fn note(paint: &mut Paint<'_>, ui: &mut Ui, row: &Row) {
    let [kind, text, time] = &row.cells[..] else { return };
    let tone = match kind.text.as_str() {
        "reason" => Tone::Warn,
        "outcome" => Tone::Good,
        _ => Tone::Accent,
    };
    ui.horizontal(|ui| {
        blocks::pill(ui, &kind.text, tone);
        blocks::words(ui, &time.text, Tone::Muted);
    });
    let words = text.value.as_ref().and_then(|value| value.as_str()).unwrap_or(&text.text);
    blocks::prose(paint, ui, &lab_view::Prose(words.to_owned()));
}

/// With so much room beside the main button the others stand there too.
const HEAD: f32 = 520.0;
/// From so many points on charts stand beside the text.
const WIDE: f32 = 860.0;
/// The text beside charts is not wider.
const TEXT: f32 = 700.0;
/// A chart has at least so much room.
const CHART: f32 = 400.0;

/// What changed and did it help, beside the charts.
fn overview(paint: &mut Paint<'_>, ui: &mut Ui, page: &RunView) {
    let beside = paint.run_parts().beside_of(&page.subject.run);
    let charts = beside.map_or(&[][..], |beside| &beside.charts);
    document(ui, page.subject.run.as_str(), |ui| {
        let room = ui.available_width();
        // The width does not change when the charts come: nothing jumps.
        let left = if room >= WIDE { (room * 0.56).min(TEXT) } else { room };
        let corner = ui.cursor().min;
        let text = egui::Rect::from_min_size(corner, vec2(left, f32::INFINITY));
        let mut ui_left = ui.new_child(UiBuilder::new().max_rect(text).id_salt("text"));
        told(paint, &mut ui_left, page);
        let mut used = ui_left.min_rect();
        if room >= WIDE {
            let right =
                egui::Rect::from_min_size(corner + vec2(left + 32.0, 0.0), vec2(room - left - 32.0, f32::INFINITY));
            let mut ui_right = ui.new_child(UiBuilder::new().max_rect(right).id_salt("charts"));
            drawn(&mut ui_right, charts);
            used = used.union(ui_right.min_rect());
        }
        ui.allocate_rect(used, Sense::hover());
        if room < WIDE {
            drawn(ui, charts);
        }
    });
}

fn told(paint: &mut Paint<'_>, ui: &mut Ui, page: &RunView) {
    sections(paint, ui, &page.page, Part::Overview.sections());
    let Some(beside) = paint.run_parts().beside_of(&page.subject.run) else { return };
    blocks::heading(ui, "Inputs and outputs");
    blocks::line(ui, &beside.lineage.beside_name());
    sections(paint, ui, &beside.lineage, &LineagePage::SECTIONS);
}

/// Charts in as many columns as there is room for.
fn drawn(ui: &mut Ui, charts: &[(String, lab_plot::Chart)]) {
    let across = ((ui.available_width() / CHART) as usize).max(1);
    for row in charts.chunks(across) {
        ui.columns(across, |columns| {
            for (ui, (key, chart)) in columns.iter_mut().zip(row) {
                blocks::heading(ui, key);
                charts::block(ui, key, chart);
            }
        });
    }
}
