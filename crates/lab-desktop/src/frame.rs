//! What stands around every place: where one is, where one can go, what is under way, what was said.

use egui::{Align, Align2, Area, CentralPanel, Id, Layout, Margin, Order, Panel, RichText, Sense, Ui, vec2};
use lab_view::session::{Action, Notice, Route, Session};
use lab_view::{ActionId, Tone};

use crate::app::Paint;
use crate::theme::{GAP, HEAD, MARGIN, ROW, Theme, text};
use crate::{blocks, charts, compare, dialog, health, keys, notes, projects, restore, run, runs, search};

/// Paints everything.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui, is_narrow: &mut bool) {
    let theme = Theme::of(ui);
    let bar = egui::Frame::new().fill(theme.bar);
    let navigation = Panel::left("navigation").resizable(true).default_size(196.0).size_range(160.0..=320.0);
    if !*is_narrow {
        navigation.frame(bar.inner_margin(Margin::symmetric(8, 10))).show(ui, |ui| self::navigation(paint, ui));
    }
    let head = egui::Frame::new().fill(theme.ground).inner_margin(Margin::symmetric(MARGIN as i8, 6));
    Panel::top("header").exact_size(HEAD + 12.0).frame(head).show(ui, |ui| header(paint, ui, is_narrow));
    let ground = egui::Frame::new().fill(theme.ground);
    CentralPanel::default().frame(ground).show(ui, |ui| place(paint, ui));
    notices(paint, ui.ctx());
    dialog::paint(paint, ui.ctx());
}

fn place(paint: &mut Paint<'_>, ui: &mut Ui) {
    match paint.session.route() {
        Route::Projects => projects::paint(paint, ui),
        Route::Runs => runs::paint(paint, ui),
        Route::Run(_) => run::paint(paint, ui),
        Route::Compare(_) => compare::paint(paint, ui),
        Route::Charts(_) => charts::paint(paint, ui),
        Route::Restore(_) => restore::paint(paint, ui),
        Route::Notes => notes::paint(paint, ui),
        Route::Search => search::paint(paint, ui),
        Route::Health => health::paint(paint, ui),
    }
}

/// What a place is called in the breadcrumbs.
fn place_name(session: &Session, route: &Route) -> String {
    match route {
        Route::Projects => "Projects".to_owned(),
        Route::Runs => session.project().map_or_else(|| "All runs".to_owned(), |project| project.name.clone()),
        Route::Run(run) => run_name(session, run),
        Route::Restore(run) => format!("Restore {}", run_name(session, run)),
        Route::Compare(runs) => format!("Compare {}", runs.len()),
        Route::Charts(_) => "Charts".to_owned(),
        Route::Notes => "Notes".to_owned(),
        Route::Search => "Search".to_owned(),
        Route::Health => "Health".to_owned(),
    }
}

/// What a run is called.
pub fn run_name(session: &Session, run: &lab_model::RunId) -> String {
    let listed = session.runs.page().and_then(|page| page.subject(run));
    let shown = session.run.page().map(|page| &page.subject).filter(|subject| subject.run == *run);
    listed.or(shown).map_or_else(|| run.as_str()[..4].to_owned(), |subject| subject.name.clone())
}

fn navigation(paint: &mut Paint<'_>, ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = 1.0;
    let session = paint.session;
    for (id, is_here) in [
        (ActionId::GoRuns, matches!(session.route(), Route::Runs | Route::Run(_))),
        (ActionId::GoCharts, matches!(session.route(), Route::Charts(_))),
        (ActionId::GoNotes, *session.route() == Route::Notes),
        (ActionId::GoSearch, *session.route() == Route::Search),
        (ActionId::GoHealth, *session.route() == Route::Health),
    ] {
        if entry(ui, id.row().label, &keys::shown(id), is_here).clicked() {
            paint.wish(Action::Do(id));
        }
    }
    caption(ui, "Projects");
    if entry(ui, "All projects", &keys::shown(ActionId::GoProjects), *session.route() == Route::Projects).clicked() {
        paint.wish(Action::Do(ActionId::GoProjects));
    }
}

fn caption(ui: &mut Ui, words: &str) {
    ui.add_space(4.0 * GAP);
    ui.horizontal(|ui| {
        ui.add_space(2.0 * GAP);
        ui.label(RichText::new(words).font(text::small()).color(Theme::of(ui).muted));
    });
    ui.add_space(GAP);
}

/// One row of the navigation.
fn entry(ui: &mut Ui, label: &str, detail: &str, is_here: bool) -> egui::Response {
    let theme = Theme::of(ui);
    let (place, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    if is_here || response.hovered() {
        ui.painter().rect_filled(place, 6.0, if is_here { theme.chosen } else { theme.hover });
    }
    let inside = place.shrink2(vec2(2.0 * GAP, 0.0));
    let color = if is_here { theme.accent } else { theme.text };
    ui.painter().text(inside.left_center(), Align2::LEFT_CENTER, label, text::body(), color);
    ui.painter().text(inside.right_center(), Align2::RIGHT_CENTER, detail, text::small(), theme.muted);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, is_here, label));
    response
}

fn header(paint: &mut Paint<'_>, ui: &mut Ui, is_narrow: &mut bool) {
    let session = paint.session;
    ui.horizontal_centered(|ui| {
        let words = if *is_narrow { "Show the navigation" } else { "Hide the navigation" };
        if ui.button("☰").on_hover_text(words).clicked() {
            *is_narrow = !*is_narrow;
        }
        let crumbs = session.breadcrumbs();
        for (at, route) in crumbs.iter().enumerate() {
            let is_last = at + 1 == crumbs.len();
            let name = RichText::new(place_name(session, route));
            let name = if is_last { name.strong() } else { name.color(Theme::of(ui).muted) };
            if ui.add(egui::Label::new(name).sense(Sense::click())).clicked() && !is_last {
                paint.wish(Action::Go(route.clone()));
            }
            if !is_last {
                blocks::words(ui, "›", Tone::Muted);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let watches = session.is_watching();
            let (words, tone) = if watches { ("● Watching", Tone::Good) } else { ("○ Not watching", Tone::Muted) };
            let label = RichText::new(words).font(text::small()).color(Theme::of(ui).tone(tone));
            if ui.add(egui::Button::new(label).frame(false)).on_hover_text(ActionId::WatchService.row().help).clicked()
            {
                paint.wish(Action::Do(ActionId::WatchService));
            }
            jobs(paint, ui);
        });
    });
}

/// What is under way, how far it is, and a way to stop it.
fn jobs(paint: &mut Paint<'_>, ui: &mut Ui) {
    for (place, job) in paint.session.jobs().iter().enumerate() {
        if ui.small_button("✕").on_hover_text("Cancel").clicked() {
            paint.wish(Action::Cancel(place));
        }
        match job.progress() {
            (_, 0) => drop(ui.spinner()),
            (done, total) => {
                let part = done as f32 / total as f32;
                ui.add(egui::ProgressBar::new(part).desired_width(90.0).desired_height(6.0));
            }
        }
        blocks::words(ui, job.label, Tone::Muted);
    }
}

/// What was said, at the lower right.
fn notices(paint: &mut Paint<'_>, context: &egui::Context) {
    let said = paint.session.notices();
    if said.is_empty() {
        return;
    }
    let corner = Area::new(Id::unique("notices")).order(Order::Foreground);
    corner.anchor(Align2::RIGHT_BOTTOM, vec2(-MARGIN, -MARGIN)).show(context, |ui| {
        for (place, notice) in said.iter().enumerate() {
            toast(paint, ui, place, notice);
        }
    });
}

fn toast(paint: &mut Paint<'_>, ui: &mut Ui, place: usize, notice: &Notice) {
    egui::Frame::window(ui.style()).inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.set_max_width(440.0);
            ui.vertical(|ui| {
                ui.set_max_width(300.0);
                blocks::line(ui, &notice.line);
                if let Some(hint) = &notice.hint {
                    blocks::words(ui, hint, Tone::Muted);
                }
            });
            if let Some(id) = notice.action {
                blocks::button(paint, ui, id);
            }
            if ui.small_button("✕").on_hover_text("Dismiss").clicked() {
                paint.wish(Action::Dismiss(place));
            }
        });
    });
}
