//! Runs that are dragged out of the list, and the places that take them.

use egui::{Align2, Area, Context, DragAndDrop, Id, Order, Rect, Response, Sense, StrokeKind, Ui, vec2};
use lab_model::RunId;
use lab_view::screens::charts::ChartsAction;
use lab_view::session::{Action, Route};
use lab_view::{Tone, format};

use crate::app::Paint;
use crate::blocks;
use crate::icons::Icon;
use crate::theme::{GAP, Theme, text};

/// What is dragged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dragged(pub Vec<RunId>);

/// The size of a place that takes runs.
const PLACE: egui::Vec2 = vec2(220.0, 64.0);

/// While runs are dragged: what they are beside the pointer, and below the middle where they can be dropped.
pub fn paint(paint: &mut Paint<'_>, context: &Context) {
    let Some(dragged) = DragAndDrop::payload::<Dragged>(context).filter(|dragged| !dragged.0.is_empty()) else {
        return;
    };
    if let Some(at) = context.pointer_interact_pos() {
        let beside = Area::new(Id::unique("dragged")).order(Order::Tooltip).interactable(false);
        beside.fixed_pos(at + vec2(14.0, 10.0)).show(context, |ui| {
            blocks::pill(ui, &format::count(dragged.0.len() as u64, "run"), Tone::Accent);
        });
    }
    let drawn = paint.session.charts.screen.runs().len();
    let beside = if drawn > 0 { format!("beside {}", format::count(drawn as u64, "run")) } else { String::new() };
    let shelf = Area::new(Id::unique("drop")).order(Order::Foreground);
    shelf.anchor(Align2::CENTER_BOTTOM, vec2(0.0, -32.0)).show(context, |ui| {
        egui::Frame::window(ui.style()).inner_margin(10.0).show(ui, |ui| {
            ui.horizontal(|ui| {
                if place(ui, Icon::Charts, "Draw in charts", &beside) {
                    charts(paint, &dragged);
                }
                if dragged.0.len() > 1 && place(ui, Icon::Compare, "Compare", "with each other") {
                    paint.wish(Action::Go(Route::Compare(dragged.0.clone())));
                }
                let chosen = under_cursor(paint).filter(|run| dragged.0.len() == 1 && dragged.0[0] != *run);
                if let Some(run) = chosen {
                    let name = crate::frame::run_name(paint.session, &run);
                    if place(ui, Icon::Compare, "Compare", &format!("with {name}")) {
                        paint.wish(Action::Go(Route::Compare(vec![run, dragged.0[0].clone()])));
                    }
                }
            });
        });
    });
}

/// Draws what was dropped here.
pub fn onto_charts(paint: &mut Paint<'_>, response: &Response) {
    if let Some(dragged) = response.dnd_release_payload::<Dragged>() {
        charts(paint, &dragged);
    }
}

fn charts(paint: &mut Paint<'_>, dragged: &Dragged) {
    paint.wish(Action::Charts(ChartsAction::Add(dragged.0.clone())));
}

fn under_cursor(paint: &Paint<'_>) -> Option<RunId> {
    let shown = &paint.session.runs;
    Some(shown.page()?.at(shown.screen.cursor.row)?.run.clone())
}

/// A place that takes runs; true when they were dropped here.
fn place(ui: &mut Ui, icon: Icon, label: &str, detail: &str) -> bool {
    let theme = Theme::of(ui);
    let (area, response) = ui.allocate_exact_size(PLACE, Sense::hover());
    let is_over = response.dnd_hover_payload::<Dragged>().is_some();
    let (fill, ink) = if is_over { (theme.chosen, theme.accent) } else { (theme.bar, theme.text) };
    let edge = egui::Stroke::new(1.0, if is_over { theme.accent } else { theme.edge });
    ui.painter().rect(area, 8.0, fill, edge, StrokeKind::Inside);
    let sign = Rect::from_min_size(area.min, vec2(48.0, area.height()));
    icon.paint(ui.painter(), sign, 20.0, if is_over { theme.accent } else { theme.muted });
    let up = if detail.is_empty() { 0.0 } else { 9.0 };
    let at = sign.right_center();
    ui.painter().text(at - vec2(0.0, up), Align2::LEFT_CENTER, label, text::strong(), ink);
    let below = Rect::from_center_size(area.center() + vec2(24.0 - GAP, up), vec2(area.width() - 56.0, 18.0));
    blocks::elided(ui, below, detail, text::small(), theme.muted, lab_view::Align::Left);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("{label} {detail}")));
    response.dnd_release_payload::<Dragged>().is_some()
}
