//! One run.

use egui::{Margin, Panel, RichText, ScrollArea, Ui};
use lab_view::screens::run::{Part, RunAction, RunView};
use lab_view::session::Action;
use lab_view::{ActionId, Blocks};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::theme::{MARGIN, text};
use crate::{blocks, charts, files, log};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    let shown = &session.run;
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    let frame = egui::Frame::new().inner_margin(Margin::symmetric(MARGIN as i8, 8));
    Panel::top("run head").frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new(&page.subject.name).font(text::title()).strong());
            for id in [ActionId::Note, ActionId::Tag, ActionId::Charts, ActionId::Compare] {
                blocks::button(paint, ui, id);
            }
            blocks::main_button(paint, ui, ActionId::Restore);
        });
        blocks::line(ui, &page.page.headline);
        ui.horizontal(|ui| {
            for part in Part::ALL {
                if ui.selectable_label(shown.screen.part == part, part.title()).clicked() {
                    paint.wish(Action::Run(RunAction::Part(part)));
                }
            }
        });
    });
    match shown.screen.part {
        Part::Overview => overview(paint, ui, page),
        Part::Environment => {
            let wanted = ["Use", "Environment", "Machine", "Git", "Not recorded"];
            document(ui, "environment", |ui| sections(paint, ui, &page.page, &wanted));
        }
        Part::Log => log::paint(paint, ui),
        Part::Files if page.part == Part::Files => files::paint(paint, ui, page),
        Part::Files => {}
    }
}

/// Something that scrolls as a whole.
fn document(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().id_salt(name).auto_shrink(false).show(ui, |ui| {
        egui::Frame::new().inner_margin(Margin::same(MARGIN as i8)).show(ui, add);
    });
}

/// Some sections of a page, in this order.
fn sections(paint: &mut Paint<'_>, ui: &mut Ui, page: &impl Blocks, wanted: &[&str]) {
    for title in wanted {
        for section in page.blocks().into_iter().filter(|section| section.title == *title) {
            blocks::heading(ui, title);
            blocks::block(paint, ui, title, section.block);
        }
    }
}

fn overview(paint: &mut Paint<'_>, ui: &mut Ui, page: &RunView) {
    let beside = paint.session.run_parts.beside.page().filter(|beside| beside.run == page.subject.run);
    document(ui, "overview", |ui| {
        let wanted =
            ["Failure", "Metrics", "Parameters", "Against the base run", "Suspects", "Notes", "Run", "Outputs"];
        sections(paint, ui, &page.page, &wanted);
        for (key, chart) in beside.iter().flat_map(|beside| &beside.charts) {
            blocks::heading(ui, key);
            charts::block(ui, key, chart);
        }
        if let Some(beside) = beside {
            blocks::line(ui, &beside.lineage.headline);
            sections(paint, ui, &beside.lineage, &["Stale", "Inputs", "Outputs"]);
        }
    });
}
