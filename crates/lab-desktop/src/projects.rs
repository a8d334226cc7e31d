//! All projects, and what somebody sees who has none yet.

use egui::{RichText, ScrollArea, Sense, Ui, vec2};
use lab_view::list::Motion;
use lab_view::session::Action;
use lab_view::{ActionId, Align, Row, Table, Tone};
use serde::{Deserialize, Serialize};

use crate::app::{Ask, Paint};
use crate::icons::Icon;
use crate::runs;
use crate::theme::{GAP, MARGIN, Theme, text};
use crate::{blocks, icons};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {}

/// A card is at least so wide, and so high.
const CARD: egui::Vec2 = vec2(280.0, 112.0);

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.projects;
    let Some(page) = shown.page() else {
        return match shown.error() {
            Some(error) if error.kind == lab_engine::ErrorKind::Missing => first_use(paint, ui),
            error => blocks::no_page(ui, error, shown.is_loading()),
        };
    };
    if page.projects.is_empty() {
        return first_use(paint, ui);
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        egui::Frame::new().inner_margin(egui::Margin::symmetric(MARGIN as i8, 12)).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(RichText::new("Projects").font(text::title()));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if blocks::strong_button(ui, "Watch a folder…").clicked() {
                        paint.asks.push(Ask::PickFolder);
                    }
                    blocks::button(paint, ui, ActionId::AllRuns);
                });
            });
            ui.add_space(2.0 * GAP);
            if let Some(table) = paint.session.projects_table() {
                cards(paint, ui, &table);
            }
        });
    });
}

fn cards(paint: &mut Paint<'_>, ui: &mut Ui, table: &Table) {
    let cursor = paint.session.projects.screen.cursor;
    let room = ui.available_width();
    let gap = 3.0 * GAP;
    let across = ((room + gap) / (CARD.x + gap)).floor().max(1.0);
    let wide = ((room + gap) / across - gap).min(460.0);
    ui.spacing_mut().item_spacing = vec2(gap, gap);
    for (line, rows) in table.rows.chunks(across as usize).enumerate() {
        ui.horizontal(|ui| {
            for (place, row) in rows.iter().enumerate() {
                let place = line * across as usize + place;
                let response = card(ui, table, row, wide, place == cursor.row);
                if response.clicked() {
                    paint.wish(Action::Move(Motion::To(place)));
                    paint.wish(Action::Do(ActionId::Open));
                }
                if response.secondary_clicked() {
                    paint.wish(Action::Move(Motion::To(place)));
                }
                response.context_menu(|ui| {
                    for id in [ActionId::Open, ActionId::OpenFolder, ActionId::Edit] {
                        blocks::menu_item(paint, ui, id);
                    }
                });
            }
        });
    }
}

fn card(ui: &mut Ui, table: &Table, row: &Row, wide: f32, is_here: bool) -> egui::Response {
    let theme = Theme::of(ui);
    let (area, response) = ui.allocate_exact_size(vec2(wide, CARD.y), Sense::click());
    let edge = if is_here || response.hovered() { theme.accent } else { theme.edge };
    let fill = if response.hovered() { theme.hover } else { theme.raised };
    ui.painter().rect(area, 8.0, fill, egui::Stroke::new(1.0, edge), egui::StrokeKind::Inside);
    let of = |key: &str| {
        let place = table.columns.iter().position(|column| column.key == key);
        place.map_or("", |place| row.cells[place].text.as_str())
    };
    let inside = area.shrink2(vec2(14.0, 12.0));
    let line = |at: f32, high: f32| egui::Rect::from_min_size(inside.min + vec2(0.0, at), vec2(inside.width(), high));
    blocks::elided(ui, line(0.0, 20.0), of("name"), text::heading(), theme.text, Align::Left);
    blocks::elided(ui, line(21.0, 18.0), of("root"), text::small(), theme.muted, Align::Left);
    let kept = Some(of("stored_bytes")).filter(|kept| !kept.is_empty());
    let runs = format!("{} runs{}", of("runs"), kept.map(|kept| format!(" · {kept}")).unwrap_or_default());
    blocks::elided(ui, line(46.0, 20.0), &runs, text::body(), theme.text, Align::Left);
    blocks::elided(ui, line(46.0, 20.0), of("last_run"), text::body(), theme.muted, Align::Right);
    if let Some(place) = table.columns.iter().position(|column| column.key == "last_status")
        && !row.cells[place].text.is_empty()
    {
        let status = egui::Rect::from_min_size(inside.min + vec2(0.0, 68.0), vec2(82.0, 20.0));
        runs::status(ui, status, &row.cells[place]);
        let name = egui::Rect::from_min_max(status.right_top(), line(68.0, 20.0).max);
        blocks::elided(ui, name, of("last_name"), text::body(), theme.muted, Align::Right);
    }
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::ListItem, true, is_here, blocks::told(table, row)));
    response
}

/// What a person types who runs something.
const COMMAND: &str = "lab run -- python train.py";

/// What somebody sees who has nothing yet: how to begin.
pub fn first_use(paint: &mut Paint<'_>, ui: &mut Ui) {
    let words = "lab keeps the exact code, config, data and environment of every run, and brings any of them back.";
    begin(paint, ui, "Welcome to your lab notebook", words, |paint, ui| {
        let watch = "Runs in it are noticed, however you start them";
        if choice(ui, Icon::Folder, "Watch a folder…", watch).clicked() {
            paint.asks.push(Ask::PickFolder);
        }
        let demo = "Three projects and sixty runs to look around in";
        if choice(ui, Icon::Charts, "Open the demo", demo).clicked() {
            paint.asks.push(Ask::Demo);
        }
    });
}

/// What is said in a project that has no runs yet.
pub fn no_runs(paint: &mut Paint<'_>, ui: &mut Ui) {
    let name = paint.session.project().map_or_else(String::new, |project| format!(" in {}", project.name));
    let watches = paint.session.is_watching();
    let words = if watches {
        "This folder is watched: start your program as you always do."
    } else {
        "Start your program with `lab run`, or let lab watch for runs."
    };
    begin(paint, ui, &format!("No runs{name} yet"), words, |paint, ui| {
        let watch = "Runs are noticed, however you start them";
        if !watches && choice(ui, Icon::Health, "Start watching", watch).clicked() {
            paint.wish(Action::Do(ActionId::WatchService));
        }
    });
}

fn begin(paint: &mut Paint<'_>, ui: &mut Ui, title: &str, words: &str, choices: impl FnOnce(&mut Paint<'_>, &mut Ui)) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 5.0).min(140.0));
        ui.label(RichText::new(title).font(text::title()));
        ui.add_space(GAP);
        blocks::words(ui, words, Tone::Muted);
        ui.add_space(6.0 * GAP);
        ui.allocate_ui(vec2(460.0, 10.0), |ui| {
            ui.spacing_mut().item_spacing.y = 2.5 * GAP;
            choices(paint, ui);
            command(ui);
        });
    });
}

/// A way to begin.
fn choice(ui: &mut Ui, icon: Icon, title: &str, words: &str) -> egui::Response {
    let theme = Theme::of(ui);
    let (area, response) = ui.allocate_exact_size(vec2(460.0, 64.0), Sense::click());
    let edge = if response.hovered() || response.has_focus() { theme.accent } else { theme.edge };
    ui.painter().rect(area, 8.0, theme.raised, egui::Stroke::new(1.0, edge), egui::StrokeKind::Inside);
    let (sign, rest) = icons::before(area);
    icon.paint(ui.painter(), sign, 22.0, theme.accent);
    let (upper, lower) = rest.shrink2(vec2(0.0, 12.0)).split_top_bottom_at_fraction(0.5);
    blocks::elided(ui, upper, title, text::heading(), theme.text, Align::Left);
    blocks::elided(ui, lower, words, text::small(), theme.muted, Align::Left);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, title));
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// The command to type, and a button that copies it.
fn command(ui: &mut Ui) {
    let theme = Theme::of(ui);
    let frame = egui::Frame::new().fill(theme.bar).stroke(theme.line()).corner_radius(8);
    frame.inner_margin(egui::Margin { left: 22, right: 10, top: 8, bottom: 8 }).show(ui, |ui| {
        ui.set_width(426.0);
        ui.horizontal(|ui| {
            ui.label(RichText::new(COMMAND).font(text::mono()).color(theme.text));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Copy").clicked() {
                    ui.ctx().copy_text(COMMAND.to_owned());
                }
            });
        });
    });
}
