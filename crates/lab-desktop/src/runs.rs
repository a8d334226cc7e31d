//! The list of runs.

mod cells;
mod dock;
mod filter;
mod inspector;
mod panels;

use std::collections::BTreeSet;

use egui::{Margin, RichText, Ui};
use lab_model::RunId;
use lab_view::charts::Kind;
use lab_view::list::Motion;
use lab_view::screens::runs::{Panel, RunsAction, RunsScreen};
use lab_view::session::{Action, Session};
use lab_view::{ActionId, Column, Tone, format};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::drag::Dragged;
use crate::icons::{self, Icon};
use crate::table::{self, List, Widths};
use crate::theme::{GAP, MARGIN, Theme, text};
use crate::{blocks, projects};
use dock::Dock;

pub use cells::status;
pub use dock::Change;

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    widths: Widths,
    /// What stands beside the list, and where.
    pub dock: Dock,
}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.runs;
    let Some(page) = shown.page() else {
        return match shown.error() {
            Some(error) if error.kind == lab_engine::ErrorKind::Missing => projects::first_use(paint, ui),
            error => blocks::no_page(ui, error, shown.is_loading()),
        };
    };
    let is_all = shown.screen.shown_query().is_empty();
    if page.page.total == 0 && is_all && shown.is_current() {
        return projects::no_runs(paint, ui);
    }
    let frame = egui::Frame::new().inner_margin(Margin { left: 12, right: 12, top: 8, bottom: 6 });
    egui::Panel::top("filter").frame(frame).show_separator_line(false).show(ui, |ui| bar(paint, ui));
    panels::paint(paint, ui, page.page.total > 0 && !page.is_grouped());
}

/// The list itself, with what can be done with the runs that are marked.
fn list(paint: &mut Paint<'_>, ui: &mut Ui) {
    if !paint.session.runs.screen.marked.is_empty() {
        let frame = egui::Frame::new().fill(Theme::of(ui).bar).inner_margin(Margin::symmetric(12, 6));
        egui::Panel::bottom("marked").frame(frame).show(ui, |ui| marked(paint, ui));
    }
    if paint.session.runs.page().is_some_and(|page| page.page.total == 0) {
        return nothing_matches(paint, ui);
    }
    rows(paint, ui);
}

/// What can be done with the list has so much room at least to be written out.
const WORDS: f32 = 560.0;

/// The filter, what else makes the list what it is, and how long it is.
fn bar(paint: &mut Paint<'_>, ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let on = paint.places.runs.dock.has(Panel::Inspector);
            let words = if on { "Hide what is known of the run" } else { "Show what is known of the run" };
            if icons::button(ui, Icon::Inspector, words).clicked() {
                paint.places.runs.dock.change(Change::Toggle(Panel::Inspector));
            }
            panels::menu(paint, ui);
            ui.spacing_mut().item_spacing.x = 0.0;
            // Where there is little room the signs have to do.
            let is_narrow = ui.available_width() < WORDS;
            for (icon, id) in [
                (Icon::View, ActionId::Views),
                (Icon::Columns, ActionId::Columns),
                (Icon::Group, ActionId::Group),
                (Icon::Sort, ActionId::Sort),
            ] {
                if !is_narrow {
                    blocks::tool(paint, ui, icon, id);
                } else if icons::button(ui, icon, id.row().label).clicked() {
                    paint.wish(Action::Do(id));
                }
            }
            ui.add_space(2.0 * GAP);
            count(paint, ui);
            ui.add_space(2.0 * GAP);
            filter::paint(paint, ui);
        });
    });
}

/// How many runs there are, and what is under way with them.
fn count(paint: &Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.runs;
    let Some(page) = shown.page() else { return };
    if shown.screen.follow {
        blocks::pill(ui, "following", Tone::Good);
        ui.add_space(2.0 * GAP);
    }
    let runs = format::count(page.page.total, "run");
    let words =
        if page.is_grouped() { format!("{} of {runs}", format::count(page.page.group_total, "group")) } else { runs };
    blocks::words(ui, &words, Tone::Muted);
    if shown.is_loading() && !shown.is_current() {
        ui.add_space(GAP);
        ui.add(egui::Spinner::new().size(12.0));
    }
}

fn rows(paint: &mut Paint<'_>, ui: &mut Ui) {
    let (session, theme) = (paint.session, Theme::of(ui));
    let screen = &session.runs.screen;
    let Some(page) = session.runs.page() else { return };
    // A row more at each end is half in sight.
    let from = screen.cursor.top.saturating_sub(1);
    let sight = from..screen.cursor.top + screen.cursor.height + 2;
    let table = screen.rows(page, sight, session.trends(), session.moment());
    let marked: BTreeSet<&str> = screen.marked.iter().map(RunId::as_str).collect();
    let word = |column: &Column| RunsScreen::sort_word(column);
    let draws = screen.panels.contains(&Panel::Charts);
    // The charts beside the list have no list of runs of their own.
    let drawn: Vec<(String, egui::Color32)> = match session.charts.screen.kind {
        Kind::Line | Kind::Histogram | Kind::Scatter if draws => {
            let own = &paint.places.charts;
            let runs = session.charts.screen.runs().iter();
            runs.filter_map(|run| Some((run.as_str().to_owned(), own.color(theme, run.as_str())?))).collect()
        }
        _ => Vec::new(),
    };
    let list = List {
        first: from.max(page.first),
        mark: &|row| marked.contains(row.key.as_str()),
        marks: (!page.is_grouped()).then_some(&|row| Action::Runs(RunsAction::Toggle(row))),
        sorted: screen.sorted_column(page, &table),
        head: &|column| {
            let by = word(column).filter(|_| !page.is_grouped())?;
            Some(Action::Runs(RunsAction::SortBy(by)))
        },
        // The id is told beside the list; it stands in it where it is asked for.
        skip: &|column| column.key == "id" && !screen.shown_query().contains("id"),
        wide: &cells::width,
        cell: &cells::paint,
        menu: &menu,
        color: &|row| drawn.iter().find(|(run, _)| *run == row.key).map(|(_, color)| *color),
        drag: Some(&|row| dragged(session, row)),
        ..List::new("Runs", &table, &screen.cursor)
    };
    let mut widths = std::mem::take(&mut paint.places.runs.widths);
    let hits = table::list(paint, ui, &list, &mut widths);
    paint.places.runs.widths = widths;
    let pointed = hits.pointed.filter(|_| draws).and_then(|row| page.at(row)).map(|subject| subject.run.as_str());
    if paint.places.charts.point_at(pointed) {
        ui.ctx().request_repaint();
    }
    if let Some((row, keys)) = hits.clicked {
        if keys.shift {
            paint.wish(Action::Runs(RunsAction::MarkTo(row)));
        } else {
            // What the cursor was on counts as chosen when a second one is added to it.
            if keys.command && marked.is_empty() && row != screen.cursor.row {
                paint.wish(Action::Runs(RunsAction::Toggle(screen.cursor.row)));
            }
            paint.wish(Action::Move(Motion::To(row)));
            if keys.command {
                paint.wish(Action::Runs(RunsAction::Toggle(row)));
            }
        }
    }
    if hits.opened.is_some() {
        paint.wish(Action::Do(ActionId::Open));
    }
}

/// What goes along when a row is dragged: all that is marked, when the row is.
fn dragged(session: &Session, row: usize) -> Dragged {
    let shown = &session.runs;
    let run = shown.page().and_then(|page| page.at(row)).map(|subject| subject.run.clone());
    let marked = &shown.screen.marked;
    Dragged(match run {
        Some(run) if marked.contains(&run) => marked.iter().cloned().collect(),
        run => run.into_iter().collect(),
    })
}

/// What can be done with the runs that are marked, otherwise with the one under the cursor.
pub fn menu(paint: &mut Paint<'_>, ui: &mut Ui) {
    use ActionId::{
        AddToCharts, Charts, Compare, CopyCommand, CopyId, Hide, Note, Open, Remove, Rename, Rerun, RerunWith, Restore,
        RestoreTo, Star, Stop, Tag,
    };
    ui.set_min_width(230.0);
    let parts: [&[ActionId]; 5] = [
        &[Open, Compare, Charts, AddToCharts],
        &[Restore, RestoreTo],
        &[Rerun, RerunWith, Stop],
        &[Star, Tag, Note, Rename],
        &[CopyId, CopyCommand, Hide, Remove],
    ];
    for (place, part) in parts.into_iter().enumerate() {
        if place > 0 {
            ui.separator();
        }
        part.iter().for_each(|id| blocks::menu_item(paint, ui, *id));
    }
}

/// What can be done with all that is marked.
fn marked(paint: &mut Paint<'_>, ui: &mut Ui) {
    let many = paint.session.runs.screen.marked.len() as u64;
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("{} marked", format::grouped(many))).font(text::strong()));
        ui.add_space(2.0 * GAP);
        for id in [ActionId::Compare, ActionId::Charts, ActionId::Tag, ActionId::Star, ActionId::Hide, ActionId::Remove]
        {
            blocks::button(paint, ui, id);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            blocks::button(paint, ui, ActionId::ClearMarks);
        });
    });
}

fn nothing_matches(paint: &mut Paint<'_>, ui: &mut Ui) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).min(200.0) - MARGIN);
        ui.label(RichText::new("No run matches").font(text::heading()));
        let query = paint.session.runs.screen.shown_query();
        ui.label(RichText::new(crate::code::safe(query)).font(text::mono()).color(Theme::of(ui).muted));
        ui.add_space(2.0 * GAP);
        if ui.button("Show all runs").clicked() {
            paint.wish(Action::Runs(RunsAction::Query(String::new())));
        }
    });
}
