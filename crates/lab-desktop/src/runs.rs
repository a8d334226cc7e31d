//! The list of runs.

use std::collections::BTreeSet;

use egui::{Id, Margin, Panel, RichText, ScrollArea, Ui};
use lab_model::RunId;
use lab_view::list::Motion;
use lab_view::screens::runs::{RunsAction, RunsScreen};
use lab_view::session::{Action, Dialog, DialogAction, Purpose};
use lab_view::{ACTIONS, ActionId, Column, Group, Input, Tone, format};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::table::{self, List, Widths};
use crate::theme::{GAP, MARGIN, Theme, text};
use crate::{blocks, typed};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    widths: Widths,
}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    let shown = &session.runs;
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    let is_all = shown.screen.shown_query().is_empty();
    if page.page.total == 0 && is_all && shown.is_current() {
        return first_use(paint, ui);
    }
    let frame = egui::Frame::new().inner_margin(Margin::symmetric(MARGIN as i8, 6));
    Panel::top("filter").frame(frame).show_separator_line(false).show(ui, |ui| filter(paint, ui));
    let inspects = !page.is_grouped();
    if shown.screen.inspect != inspects {
        paint.wish(Action::Runs(RunsAction::Inspect(inspects)));
    }
    if inspects {
        let frame = egui::Frame::new().inner_margin(Margin::same(MARGIN as i8));
        let beside = Panel::right("inspector").default_size(380.0).size_range(260.0..=700.0).frame(frame);
        beside.show(ui, |ui| inspector(paint, ui));
    }
    rows(paint, ui);
}

fn filter(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    let screen = &session.runs.screen;
    ui.horizontal(|ui| {
        let id = Id::unique("filter");
        let open = match session.dialog() {
            Some(Dialog::Ask { purpose: Purpose::Filter, input, hint, .. }) => Some((input, hint)),
            _ => None,
        };
        let closed = Input::new(&screen.query);
        let input = open.map_or(&closed, |(input, _)| input);
        let typed = typed::field(ui, id, input, "Filter", |edit| {
            edit.desired_width(ui_width(420.0)).hint_text("Filter, such as acc > 0.9 and status:done")
        });
        match (&open, typed.response.has_focus()) {
            (None, true) => paint.wish(Action::Do(ActionId::Filter)),
            (Some(_), false) => typed.response.request_focus(),
            _ => {}
        }
        if open.is_some() {
            if let Some(typing) = typed.typing {
                paint.wish(Action::Dialog(DialogAction::Type(typing)));
            }
            for (key, action) in [
                (egui::Key::Escape, DialogAction::Close),
                (egui::Key::Enter, DialogAction::Accept),
                (egui::Key::Tab, DialogAction::Complete),
            ] {
                if ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, key)) {
                    paint.wish(Action::Dialog(action));
                }
            }
        }
        for id in [ActionId::Sort, ActionId::Group, ActionId::Columns, ActionId::Views] {
            blocks::button(paint, ui, id);
        }
        if let Some(page) = session.runs.page() {
            blocks::words(ui, &format::count(page.page.total, "run"), Tone::Muted);
        }
        if let Some((_, hint)) = open {
            blocks::line(ui, hint);
        }
    });
}

const fn ui_width(wide: f32) -> f32 {
    wide
}

fn rows(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    let screen = &session.runs.screen;
    let Some(page) = session.runs.page() else { return };
    // A row more is in sight while the first one is half out of it.
    let sight = screen.cursor.top..screen.cursor.top + screen.cursor.height + 2;
    let table = screen.rows(page, sight, session.trends(), session.moment());
    let marked: BTreeSet<&str> = screen.marked.iter().map(RunId::as_str).collect();
    let word = |column: &Column| RunsScreen::sort_word(column);
    let sorted = screen.sorting().filter(|_| !page.is_grouped()).and_then(|(by, largest_first)| {
        let place = table.columns.iter().position(|column| word(column).as_deref() == Some(&by))?;
        Some((place, largest_first))
    });
    let first = screen.cursor.top.max(page.first);
    let list = List {
        first,
        mark: &|row| marked.contains(row.key.as_str()),
        sorted,
        head: &|column| {
            let by = word(column).filter(|_| !page.is_grouped())?;
            Some(Action::Runs(RunsAction::SortBy(by)))
        },
        menu: &menu,
        ..List::new("runs", &table, &screen.cursor)
    };
    let mut widths = std::mem::take(&mut paint.places.runs.widths);
    let hits = table::list(paint, ui, &list, &mut widths);
    paint.places.runs.widths = widths;
    if let Some((row, keys)) = hits.clicked {
        if keys.shift {
            paint.wish(Action::Runs(RunsAction::MarkTo(row)));
        } else {
            let action =
                if keys.command { Action::Runs(RunsAction::Toggle(row)) } else { Action::Move(Motion::To(row)) };
            paint.wish(action);
        }
    }
    if hits.opened.is_some() {
        paint.wish(Action::Do(ActionId::Open));
    }
}

/// What can be done with the runs that are marked, otherwise with the one under the cursor.
pub fn menu(paint: &mut Paint<'_>, ui: &mut Ui) {
    for row in ACTIONS.iter().filter(|row| row.group == Group::Run) {
        blocks::button(paint, ui, row.id);
    }
}

/// The run under the cursor: what changed, did it help, and how it differs.
fn inspector(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    let screen = &session.runs.screen;
    let Some(subject) = session.runs.page().and_then(|page| page.at(screen.cursor.row)) else { return };
    ui.label(RichText::new(&subject.name).font(text::title()).strong());
    ui.horizontal(|ui| {
        blocks::main_button(paint, ui, ActionId::Restore);
        blocks::button(paint, ui, ActionId::Compare);
        blocks::button(paint, ui, ActionId::Open);
    });
    ui.add_space(GAP);
    let Some(page) = session.inspected() else { return };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| blocks::page(paint, ui, page));
}

/// What somebody sees who has no runs yet: how to begin.
pub fn first_use(paint: &mut Paint<'_>, ui: &mut Ui) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() / 4.0);
        ui.label(RichText::new("No runs yet").font(text::title()).strong());
        blocks::words(ui, "lab keeps the exact code, config, data and environment of every run", Tone::Muted);
        ui.add_space(4.0 * GAP);
        blocks::main_button(paint, ui, ActionId::Watch);
        ui.label(RichText::new("lab run -- python train.py").font(text::mono()).color(Theme::of(ui).muted));
    });
}
