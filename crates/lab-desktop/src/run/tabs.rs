//! The runs that stand open, as tabs above the one that is looked at.

use egui::{Margin, Panel, Rect, Sense, Ui, pos2, vec2};
use lab_model::RunId;
use lab_view::Align;
use lab_view::session::{Action, Route};
use serde::{Deserialize, Serialize};

use super::pair;
use crate::app::Paint;
use crate::blocks;
use crate::drag::Dragged;
use crate::icons::Icon;
use crate::theme::{GAP, Theme, text};

/// A run that stands open.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Tab {
    run: RunId,
    /// What it was called when it was last looked at.
    name: String,
}

/// More than so many tabs nobody finds again: the oldest one goes.
const MOST: usize = 12;
/// How wide a tab is at most.
const WIDE: f32 = 180.0;

/// Paints the tabs, once there are several.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let Route::Run(here) = paint.session.route() else { return };
    keep(paint, here);
    let open = paint.places.run.open.clone();
    if open.len() < 2 {
        return;
    }
    let theme = Theme::of(ui);
    let frame = egui::Frame::new().fill(theme.bar).inner_margin(Margin::symmetric(8, 0));
    Panel::top("tabs").exact_size(34.0).frame(frame).show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let wide = ((ui.available_width() / open.len() as f32) - 2.0).clamp(60.0, WIDE);
        ui.horizontal_centered(|ui| {
            for tab in &open {
                one(paint, ui, tab, wide, here);
            }
        });
    });
}

/// The run that is looked at has a tab, under the name that it has now.
fn keep(paint: &mut Paint<'_>, here: &RunId) {
    let name = crate::frame::run_name(paint.session, here);
    let open = &mut paint.places.run.open;
    match open.iter_mut().find(|tab| tab.run == *here) {
        // The beginning of its id stands for a name that is not known yet.
        Some(tab) if !here.as_str().starts_with(&name) => tab.name = name,
        Some(_) => {}
        None => {
            open.push(Tab { run: here.clone(), name });
            if open.len() > MOST {
                open.remove(0);
            }
        }
    }
}

fn one(paint: &mut Paint<'_>, ui: &mut Ui, tab: &Tab, wide: f32, here: &RunId) {
    let (theme, is_here) = (Theme::of(ui), tab.run == *here);
    let (is_beside, is_paired) = (pair::other(paint) == Some(&tab.run), pair::other(paint).is_some());
    let (area, response) = ui.allocate_exact_size(vec2(wide, 34.0), Sense::click_and_drag());
    response.dnd_set_drag_payload(Dragged(vec![tab.run.clone()]));
    let is_shown = is_here || is_beside;
    if is_shown || response.hovered() {
        ui.painter().rect_filled(area, 0.0, if is_shown { theme.ground } else { theme.hover });
    }
    if is_shown {
        let line = Rect::from_min_size(area.min, vec2(wide, 2.0));
        ui.painter().rect_filled(line, 0.0, if is_here { theme.accent } else { theme.edge });
    }
    let cross = Rect::from_center_size(pos2(area.right() - 15.0, area.center().y), vec2(20.0, 20.0));
    let words = Rect::from_min_max(pos2(area.left() + 3.0 * GAP, area.top()), pos2(cross.left(), area.bottom()));
    let color = if is_shown { theme.text } else { theme.muted };
    let name = lab_model::display_bytes(tab.name.as_bytes());
    blocks::elided(ui, words, &name, text::body(), color, Align::Left);
    let close = ui.interact(cross, ui.scope_id().with(("close", tab.run.as_str())), Sense::CLICK);
    if is_here || ui.rect_contains_pointer(area) {
        if close.hovered() {
            ui.painter().rect_filled(cross, 4.0, theme.hover);
        }
        Icon::Close.paint(ui.painter(), cross, 11.0, theme.muted);
    }
    close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Close {name}")));
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Tab, true, is_here, &name));
    if close.clicked() || response.middle_clicked() {
        self::close(paint, tab, is_here);
    } else if response.clicked() && !is_here {
        go(paint, &tab.run);
    }
    response.context_menu(|ui| {
        for (side, words) in [(0, "Show at the left"), (1, "Show at the right")] {
            if ui.add_enabled(!is_here || is_paired, egui::Button::new(words).frame_when_inactive(false)).clicked() {
                pair::stand(paint, here, &tab.run, side);
                ui.close();
            }
        }
        if ui.button("Close").clicked() {
            self::close(paint, tab, is_here);
            ui.close();
        }
    });
}

/// Goes to another tab; the way back leads to the list, not through all the tabs.
pub fn go(paint: &mut Paint<'_>, run: &RunId) {
    paint.wish(Action::Go(Route::Runs));
    paint.wish(Action::Go(Route::Run(run.clone())));
}

fn close(paint: &mut Paint<'_>, tab: &Tab, is_here: bool) {
    let Some(place) = paint.places.run.open.iter().position(|other| other == tab) else { return };
    paint.places.run.open.remove(place);
    if pair::alone(paint, &tab.run) || !is_here {
        return;
    }
    let open = &paint.places.run.open;
    match open.get(place.min(open.len().saturating_sub(1))).cloned() {
        Some(next) => go(paint, &next.run),
        None => paint.wish(Action::Go(Route::Runs)),
    }
}
