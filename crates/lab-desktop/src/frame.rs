//! What stands around every place: where one is, where one can go, what is under way, what was said.

use egui::{Align, Align2, Area, CentralPanel, Id, Layout, Margin, Order, Panel, RichText, Sense, Ui, vec2};
use lab_view::screens::runs::RunsAction;
use lab_view::session::{Action, Notice, Route, Session};
use lab_view::{ActionId, Tone};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::icons::{self, Icon};
use crate::theme::{GAP, MARGIN, ROW, Theme, text};
use crate::{blocks, charts, compare, dialog, drag, health, keys, notes, projects, restore, run, runs, search};

/// What is remembered of the surroundings.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// The navigation is folded away.
    is_narrow: bool,
}

/// The height of the bar at the top.
const HEADER: f32 = 46.0;

/// Paints everything.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui, own: &mut Own) {
    let theme = Theme::of(ui);
    if !own.is_narrow {
        let frame = egui::Frame::new().fill(theme.bar).inner_margin(Margin { left: 8, right: 8, top: 8, bottom: 8 });
        let panel = Panel::left("navigation").resizable(true).default_size(208.0).size_range(168.0..=340.0);
        panel.frame(frame).show(ui, |ui| navigation(paint, ui));
    }
    let frame = egui::Frame::new().fill(theme.ground).inner_margin(Margin::symmetric(MARGIN as i8 - 4, 0));
    Panel::top("header").exact_size(HEADER).frame(frame).show(ui, |ui| header(paint, ui, own));
    let ground = egui::Frame::new().fill(theme.ground);
    CentralPanel::default().frame(ground).show(ui, |ui| place(paint, ui));
    notices(paint, ui.ctx());
    drag::paint(paint, ui.ctx());
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
        Route::Runs => session
            .project()
            .map_or_else(|| "All runs".to_owned(), |project| lab_model::display_bytes(project.name.as_bytes())),
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
    let name = listed.or(shown).map(|subject| lab_model::display_bytes(subject.name.as_bytes()));
    name.unwrap_or_else(|| run.as_str()[..4].to_owned())
}

fn navigation(paint: &mut Paint<'_>, ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = 1.0;
    let session = paint.session;
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let route = session.route();
        for (id, icon, is_here) in [
            (ActionId::GoRuns, Icon::Runs, matches!(route, Route::Runs | Route::Run(_) | Route::Restore(_))),
            (ActionId::GoCharts, Icon::Charts, matches!(route, Route::Charts(_))),
            (ActionId::GoNotes, Icon::Notes, *route == Route::Notes),
            (ActionId::GoSearch, Icon::Search, *route == Route::Search),
            (ActionId::GoHealth, Icon::Health, *route == Route::Health),
        ] {
            let row = id.row();
            let response = entry(ui, icon, row.label, &keys::shown(id), is_here, true).on_hover_text(row.help);
            if response.clicked() {
                paint.wish(Action::Do(id));
            }
            if id == ActionId::GoCharts {
                drag::onto_charts(paint, &response);
            }
        }
        projects_of(paint, ui);
        views_of(paint, ui);
    });
}

fn projects_of(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    caption(ui, "Projects");
    let here = session.project();
    let is_projects = *session.route() == Route::Projects;
    let detail = keys::shown(ActionId::GoProjects);
    if entry(ui, Icon::Projects, "All projects", &detail, is_projects, true).clicked() {
        paint.wish(Action::Do(ActionId::GoProjects));
    }
    for project in session.all_projects() {
        let is_here = here.is_some_and(|here| here.id == project.id) && !is_projects;
        let name = lab_model::display_bytes(project.name.as_bytes());
        let response = entry(ui, Icon::Folder, &name, "", is_here, false);
        if response.on_hover_text(lab_model::display_bytes(project.root.as_bytes())).clicked() {
            paint.wish(Action::Enter(project.id.clone()));
        }
    }
}

fn views_of(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    if session.views().is_empty() {
        return;
    }
    caption(ui, "Saved views");
    let in_runs = *session.route() == Route::Runs;
    for (name, query) in session.views() {
        let is_here = in_runs && session.runs.screen.query == *query;
        let name = lab_model::display_bytes(name.as_bytes());
        if entry(ui, Icon::View, &name, "", is_here, false).on_hover_text(query).clicked() {
            paint.wish(Action::Go(Route::Runs));
            paint.wish(Action::Runs(RunsAction::Query(query.clone())));
        }
    }
}

fn caption(ui: &mut Ui, words: &str) {
    ui.add_space(4.0 * GAP);
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        ui.add_space(2.0 * GAP);
        ui.label(RichText::new(words).font(text::small()).color(theme.muted));
    });
    ui.add_space(0.5 * GAP);
}

/// One row of the navigation. A place stands out more than one of several of a kind.
fn entry(ui: &mut Ui, icon: Icon, label: &str, detail: &str, is_here: bool, is_place: bool) -> egui::Response {
    let theme = Theme::of(ui);
    let (place, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    if is_here || response.hovered() {
        ui.painter().rect_filled(place, 6.0, if is_here { theme.chosen } else { theme.hover });
    }
    let (sign, mut rest) = icons::before(place.shrink2(vec2(3.0, 0.0)));
    let color = if is_here { theme.accent } else { theme.muted };
    icon.paint(ui.painter(), sign, 15.0, color);
    if !detail.is_empty() {
        let at = rest.right_center() - vec2(2.0 * GAP, 0.0);
        let taken = ui.painter().text(at, Align2::RIGHT_CENTER, detail, text::small(), theme.muted);
        rest.max.x = taken.left() - GAP;
    }
    let font = if is_here && is_place { text::strong() } else { text::body() };
    blocks::elided(ui, rest, label, font, theme.text, lab_view::Align::Left);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, is_here, label));
    response
}

fn header(paint: &mut Paint<'_>, ui: &mut Ui, own: &mut Own) {
    ui.horizontal_centered(|ui| {
        let words = if own.is_narrow { "Show the navigation" } else { "Hide the navigation" };
        if icons::button(ui, Icon::Panel, words).clicked() {
            own.is_narrow = !own.is_narrow;
        }
        let session = paint.session;
        if session.breadcrumbs().len() > 1 && icons::button(ui, Icon::Back, "Back").clicked() {
            paint.wish(Action::Do(ActionId::Back));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            look(ui);
            watching(paint, ui);
            if commands(ui).clicked() {
                paint.wish(Action::Do(ActionId::Palette));
            }
            jobs(paint, ui);
            // What is left is for where one is.
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| breadcrumbs(paint, ui));
        });
    });
}

fn breadcrumbs(paint: &mut Paint<'_>, ui: &mut Ui) {
    let theme = Theme::of(ui);
    let crumbs = paint.session.breadcrumbs();
    ui.spacing_mut().item_spacing.x = 1.5 * GAP;
    for (at, route) in crumbs.iter().enumerate() {
        let is_last = at + 1 == crumbs.len();
        let name = RichText::new(place_name(paint.session, route));
        if is_last {
            ui.add(egui::Label::new(name.font(text::strong())).truncate());
        } else {
            let link = ui.add(egui::Label::new(name.color(theme.muted)).sense(Sense::click()).selectable(false));
            if link.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
                paint.wish(Action::Go(route.clone()));
            }
            blocks::words(ui, "›", Tone::Muted);
        }
    }
}

/// Light, dark, or as the system has it.
fn look(ui: &mut Ui) {
    let icon = if ui.visuals().dark_mode { Icon::Moon } else { Icon::Sun };
    let button = icons::button(ui, icon, "Light or dark");
    egui::Popup::menu(&button).show(|ui| {
        let now = ui.ctx().options(|options| options.theme_preference);
        for (words, wanted) in [
            ("As the system", egui::ThemePreference::System),
            ("Light", egui::ThemePreference::Light),
            ("Dark", egui::ThemePreference::Dark),
        ] {
            if ui.selectable_label(now == wanted, words).clicked() {
                ui.ctx().set_theme(wanted);
                ui.close();
            }
        }
    });
}

/// Whether runs are noticed that nobody announces; a click changes it.
fn watching(paint: &mut Paint<'_>, ui: &mut Ui) {
    let theme = Theme::of(ui);
    let on = paint.session.is_watching();
    let (words, color) = if on { ("Watching", theme.good) } else { ("Not watching", theme.muted) };
    let galley = ui.painter().layout_no_wrap(words.to_owned(), text::small(), theme.muted);
    let (area, response) = ui.allocate_exact_size(vec2(galley.size().x + 26.0, 26.0), Sense::click());
    if response.hovered() {
        ui.painter().rect_filled(area, 6.0, theme.hover);
    }
    let dot = area.left_center() + vec2(10.0, 0.0);
    if on {
        ui.painter().circle_filled(dot, 3.5, color);
    } else {
        ui.painter().circle_stroke(dot, 3.0, egui::Stroke::new(1.2, color));
    }
    let at = egui::pos2(area.left() + 19.0, area.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, theme.muted);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, words));
    let hint = if on { "Runs are noticed, however they are started" } else { "Only `lab run` keeps runs" };
    let response = response.on_hover_ui(|ui| {
        blocks::words(ui, hint, Tone::Plain);
        let click = if on { "A click stops watching" } else { "A click starts watching" };
        blocks::words(ui, click, Tone::Muted);
    });
    if response.clicked() {
        paint.wish(Action::Do(ActionId::WatchService));
    }
}

/// A field that opens the palette.
fn commands(ui: &mut Ui) -> egui::Response {
    let theme = Theme::of(ui);
    let (area, response) = ui.allocate_exact_size(vec2(172.0, 26.0), Sense::click());
    let fill = if response.hovered() { theme.hover } else { theme.bar };
    ui.painter().rect(area, 6.0, fill, theme.line(), egui::StrokeKind::Inside);
    let (sign, rest) = icons::before(area);
    Icon::Command.paint(ui.painter(), sign, 14.0, theme.muted);
    ui.painter().text(rest.left_center(), Align2::LEFT_CENTER, "Commands", text::small(), theme.muted);
    let key = keys::shown(ActionId::Palette);
    let at = area.right_center() - vec2(8.0, 0.0);
    ui.painter().text(at, Align2::RIGHT_CENTER, key, text::small(), theme.muted);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Commands"));
    response
}

/// What is under way, how far it is, and a way to stop it.
fn jobs(paint: &mut Paint<'_>, ui: &mut Ui) {
    for (place, job) in paint.session.jobs().iter().enumerate() {
        if icons::button(ui, Icon::Close, &format!("Cancel: {}", job.label)).clicked() {
            paint.wish(Action::Cancel(place));
        }
        match job.progress() {
            (_, 0) => drop(ui.add(egui::Spinner::new().size(14.0))),
            (done, total) => {
                let part = done as f32 / total as f32;
                ui.add(egui::ProgressBar::new(part).desired_width(90.0).desired_height(5.0));
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

/// How wide a notice is.
const TOAST: f32 = 380.0;

fn toast(paint: &mut Paint<'_>, ui: &mut Ui, place: usize, notice: &Notice) {
    let theme = Theme::of(ui);
    let tone = notice.line.0.iter().map(|cell| cell.tone).find(|tone| !matches!(tone, Tone::Plain | Tone::Muted));
    let frame = egui::Frame::window(ui.style()).inner_margin(Margin { left: 14, right: 6, top: 7, bottom: 7 });
    let shown = frame.show(ui, |ui| {
        ui.set_width(TOAST);
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icons::button(ui, Icon::Close, "Dismiss").clicked() {
                    paint.wish(Action::Dismiss(place));
                }
                if let Some(id) = notice.action {
                    blocks::button(paint, ui, id);
                }
                ui.with_layout(Layout::top_down(Align::Min), |ui| {
                    // One line stands beside the middle of the buttons.
                    ui.add_space(if notice.hint.is_none() { GAP } else { 0.0 });
                    blocks::line(ui, &notice.line);
                    if let Some(hint) = &notice.hint {
                        blocks::words(ui, hint, Tone::Muted);
                    }
                });
            });
        });
    });
    let area = shown.response.rect;
    let bar = egui::Rect::from_min_size(area.min + vec2(5.0, 8.0), vec2(3.0, area.height() - 16.0));
    ui.painter().rect_filled(bar, 1.5, theme.tone(tone.unwrap_or(Tone::Muted)));
}
