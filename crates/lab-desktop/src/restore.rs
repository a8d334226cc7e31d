//! What a restore would do: which files, what is different in each, what cannot come back; and the button that does it.

use std::collections::BTreeSet;

use egui::{Button, CentralPanel, Frame, Margin, Panel, RichText, ScrollArea, Ui, vec2};
use lab_model::RunId;
use lab_view::list::Motion;
use lab_view::restore::RestorePage;
use lab_view::screens::restore::RestoreAction;
use lab_view::session::{Action, Route};
use lab_view::{ActionId, Line, Tone, format};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::theme::{GAP, MARGIN, Theme, text};
use crate::tree::{self, Hit, Tree};
use crate::{blocks, diff, frame};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// Folders of the plan that are folded.
    #[serde(skip)]
    folded: BTreeSet<String>,
}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let Route::Restore(run) = paint.session.route() else { return };
    let Some(page) = paint.session.restore.screen.page() else { return on_its_way(paint, ui, run) };
    let inside = Frame::new().inner_margin(Margin::symmetric(MARGIN as i8, 12));
    Panel::top("restore head").frame(inside).show(ui, |ui| head(paint, ui, page));
    let has_asides = !page.unrestorable.is_empty() || !page.kept.is_empty() || !page.directories_note.is_empty();
    if has_asides {
        let panel = Panel::bottom("restore asides").resizable(true).default_size(150.0).size_range(60.0..=360.0);
        panel.frame(inside).show(ui, |ui| asides(ui, page));
    }
    if page.steps.is_empty() {
        return blocks::empty(ui, "Nothing to do", "Every file is already as it was then");
    }
    let files = Panel::left("restore files").resizable(true).default_size(470.0).size_range(260.0..=800.0);
    files.frame(Frame::new()).show(ui, |ui| steps(paint, ui, page));
    CentralPanel::default().frame(Frame::new()).show(ui, |ui| change(paint, ui));
}

/// There is no plan yet, or there will be none.
fn on_its_way(paint: &mut Paint<'_>, ui: &mut Ui, run: &RunId) {
    let name = frame::run_name(paint.session, run);
    if let Some(job) = paint.session.jobs().first() {
        ui.vertical_centered(|ui| {
            ui.add_space(ui.available_height() / 3.0);
            ui.label(RichText::new(format!("Restore {name}")).font(text::heading()));
            let words = "The files as they are now are kept first, then compared with the run’s";
            blocks::words(ui, words, Tone::Muted);
            ui.add_space(2.0 * GAP);
            match job.progress() {
                (_, 0) => drop(ui.spinner()),
                (done, total) => {
                    let bar = egui::ProgressBar::new(done as f32 / total as f32).desired_width(260.0);
                    ui.add(bar.desired_height(6.0));
                }
            }
        });
        return;
    }
    let why = paint.session.notices().iter().rev().find(|notice| notice.sticky);
    let words = why.map_or_else(|| "The files could not be compared".to_owned(), |notice| notice.line.text());
    let hint = why.and_then(|notice| notice.hint.clone()).unwrap_or_else(|| "Nothing was changed".to_owned());
    blocks::empty(ui, &words, &hint);
    ui.vertical_centered(|ui| {
        ui.add_space(2.0 * GAP);
        if ui.button("Try again").clicked() {
            paint.wish(Action::Go(Route::Restore(run.clone())));
        }
    });
}

fn head(paint: &mut Paint<'_>, ui: &mut Ui, page: &RestorePage) {
    let theme = Theme::of(ui);
    let tally = paint.session.restore.screen.tally();
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let what = match (tally.files, tally.steps) {
                (0, 0) => "Restore nothing".to_owned(),
                (0, steps) => format!("Restore {}", format::count(steps as u64, "folder")),
                (files, _) => format!("Restore {}", format::count(files as u64, "file")),
            };
            let button = Button::new(RichText::new(what).color(theme.on_accent)).fill(theme.accent);
            let button = ui.add_enabled(tally.steps > 0, button.min_size(vec2(140.0, 30.0)));
            if button.on_hover_text(ActionId::Apply.row().help).clicked() {
                paint.wish(Action::Do(ActionId::Apply));
            }
            blocks::button(paint, ui, ActionId::RestoreTo);
            if ui.button("Cancel").clicked() {
                paint.wish(Action::Do(ActionId::Back));
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let job = blocks::job(theme, &page.headline, &text::title());
                ui.add(egui::Label::new(job).truncate());
            });
        });
    });
    ui.add_space(GAP);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(5.0 * GAP, 0.0);
        ui.spacing_mut().interact_size.y = 18.0;
        for field in page.about.0.iter().filter(|field| !field.label.is_empty()) {
            // One text each, so that a label and what stands beside it stay together.
            let mut line = Line::of(format!("{}  ", field.label), Tone::Muted);
            line.push(&field.cell.text, field.cell.tone);
            let job = blocks::job(theme, &line, &text::small());
            ui.add(egui::Label::new(job).wrap_mode(egui::TextWrapMode::Extend));
        }
    });
}

/// What stays, and what cannot come back, with the reasons.
fn asides(ui: &mut Ui, page: &RestorePage) {
    ScrollArea::vertical().id_salt("asides").auto_shrink(false).show(ui, |ui| {
        for (title, table) in [("Cannot be brought back", &page.unrestorable), ("Stays as it is", &page.kept)] {
            if !table.is_empty() {
                ui.label(RichText::new(format!("{title} · {}", table.rows.len())).font(text::heading()));
                blocks::table(ui, table);
                ui.add_space(2.0 * GAP);
            }
        }
        blocks::line(ui, &page.directories_note);
    });
}

fn steps(paint: &mut Paint<'_>, ui: &mut Ui, page: &RestorePage) {
    let screen = &paint.session.restore.screen;
    let tally = screen.tally();
    ui.horizontal(|ui| {
        ui.add_space(2.0 * GAP);
        let words = format!("Plan · {} of {}", tally.steps, format::count(page.steps.rows.len() as u64, "change"));
        ui.label(RichText::new(words).font(text::small()).color(Theme::of(ui).muted));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.add_space(2.0 * GAP);
            for (words, take) in [("None", false), ("All", true)] {
                if blocks::small_button(ui, words).clicked() {
                    let all = (0..page.steps.rows.len()).collect();
                    paint.wish(Action::Restore(RestoreAction::Take(all, take)));
                }
            }
        });
    });
    let cell = |row: usize, column: usize| &page.steps.rows[row].cells[column];
    let beside = |row: usize| {
        let (action, role, before, after) = (cell(row, 0), cell(row, 2), cell(row, 3), cell(row, 4));
        let pieces = [(role, 44.0), (before, 58.0), (after, 58.0), (action, 84.0)];
        pieces.map(|(cell, wide)| (cell.text.as_str(), cell.tone, wide)).to_vec()
    };
    let shown = Tree {
        name: "changes",
        tree: screen.tree(),
        chosen: screen.cursor.row,
        ticked: Some(&|row| screen.is_wanted(row)),
        tone: &|row| if screen.is_wanted(row) { Tone::Plain } else { Tone::Muted },
        beside: &beside,
        told: &|row| blocks::told(&page.steps, &page.steps.rows[row]),
    };
    match tree::paint(ui, &shown, &mut paint.places.restore.folded) {
        Some(Hit::Chosen(row)) => paint.wish(Action::Move(Motion::To(row))),
        Some(Hit::Ticked(rows, on)) => paint.wish(Action::Restore(RestoreAction::Take(rows, on))),
        Some(Hit::Opened(_)) | None => {}
    }
}

/// What is different in the chosen file: now on the left, then on the right.
fn change(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.restore;
    let Some(one) = shown.page() else {
        return blocks::no_page(ui, shown.error(), shown.is_loading());
    };
    if one.hunks.is_empty()
        && let Some(note) = &one.note
    {
        return blocks::empty(ui, &one.path, note);
    }
    let cursor = &shown.screen.diff;
    let id = ui.scope_id().with("change");
    let before: usize = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let mut area = ScrollArea::both().id_salt("change").auto_shrink(false);
    // The keys for the next and the one before scroll by a page.
    if before != cursor.top {
        area = area.vertical_scroll_offset(cursor.top as f32 * diff::CODE);
    }
    let output = area.show(ui, |ui| {
        Frame::new().inner_margin(Margin::same(12)).show(ui, |ui| diff::block(ui, one));
    });
    let rows = |points: f32| (points / diff::CODE).floor().max(1.0) as usize;
    let (height, total) = (rows(output.inner_rect.height()), rows(output.content_size.y));
    if (height, total) != (cursor.height, cursor.total) {
        paint.wish(Action::Restore(RestoreAction::Extent(height, total)));
    }
    ui.data_mut(|data| data.insert_temp(id, cursor.top));
}
