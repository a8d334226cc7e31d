//! The field in which the list is asked for: it is always there; what it offers stands below while one types.

use egui::{Align2, Area, Id, Key, Modifiers, Order, Pos2, Sense, Ui, pos2, vec2};
use lab_view::list::{Cursor, Motion};
use lab_view::screens::runs::RunsAction;
use lab_view::session::{Action, Choice, Dialog, DialogAction, Purpose};
use lab_view::{ActionId, Align, Input, Line, Tone};

use crate::app::Paint;
use crate::icons::{self, Icon};
use crate::theme::{GAP, Theme, text};
use crate::typed::{self, Typed};
use crate::{blocks, keys};

/// So many completions are in sight at once.
const OFFERS: usize = 9;

/// What is being asked for, while it is.
struct Asked<'a> {
    input: &'a Input,
    hint: &'a Line,
    wrong: Option<&'a std::ops::Range<usize>>,
    completions: &'a [Choice],
    cursor: &'a Cursor,
}

/// Paints the field over the room that is left.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    let asked = match session.dialog() {
        Some(Dialog::Ask { purpose: Purpose::Filter, input, hint, wrong, completions, cursor, .. }) => {
            Some(Asked { input, hint, wrong: wrong.as_ref(), completions, cursor })
        }
        _ => None,
    };
    let query = &session.runs.screen.query;
    let kept = Input::new(query);
    let input = asked.as_ref().map_or(&kept, |asked| asked.input);
    let ends = asked.is_some() && take_keys(paint, ui);
    let id = Id::unique("filter");
    let wide = ui.available_width();
    let typed = typed::field(ui, id, input, "Filter", |edit| {
        let margin = egui::Margin { left: 30, right: 28, top: 6, bottom: 6 };
        edit.desired_width(wide).margin(margin).hint_text("Filter runs: acc > 0.9 and status:done").font(text::body())
    });
    adorn(paint, ui, &typed, query);
    let has_focus = typed.response.has_focus();
    match &asked {
        None if has_focus => paint.wish(Action::Do(ActionId::Filter)),
        None => {}
        Some(asked) => {
            if let Some(wrong) = asked.wrong {
                typed.mark_wrong(ui, asked.input.text(), wrong);
            }
            let offers = offer(paint, ui.ctx(), typed.response.rect.left_bottom(), wide, asked);
            if ends {
                // Should it be refused, it comes back.
                typed.response.surrender_focus();
            } else {
                leave(paint, ui, &typed, asked, offers);
            }
            if let Some(typing) = typed.typing {
                paint.wish(Action::Dialog(DialogAction::Type(typing)));
            }
        }
    }
}

/// The sign before the words, and behind them a way to be rid of them, or the key that leads here.
fn adorn(paint: &mut Paint<'_>, ui: &mut Ui, typed: &Typed, query: &str) {
    let theme = Theme::of(ui);
    let area = typed.response.rect;
    let (sign, _) = icons::before(area.shrink2(vec2(2.0, 0.0)));
    Icon::Search.paint(ui.painter(), sign, 14.0, theme.muted);
    if query.is_empty() {
        if !typed.response.has_focus() {
            let at = area.right_center() - vec2(10.0, 0.0);
            let key = keys::shown(ActionId::Filter);
            ui.painter().text(at, Align2::RIGHT_CENTER, key, text::small(), theme.muted);
        }
        return;
    }
    let place = egui::Rect::from_center_size(area.right_center() - vec2(15.0, 0.0), vec2(22.0, 22.0));
    let response = ui.interact(place, ui.scope_id().with("clear the filter"), Sense::CLICK);
    let color = if response.hovered() { theme.text } else { theme.muted };
    Icon::Close.paint(ui.painter(), place, 12.0, color);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Clear the filter"));
    if response.clicked() {
        paint.wish(Action::Dialog(DialogAction::Close));
        paint.wish(Action::Runs(RunsAction::Query(String::new())));
    }
}

/// Keys that are not for the field; true when one of them ends the question.
fn take_keys(paint: &mut Paint<'_>, ui: &Ui) -> bool {
    let mut ends = false;
    for (key, action) in [
        (Key::Escape, DialogAction::Close),
        (Key::Enter, DialogAction::Accept),
        (Key::Tab, DialogAction::Complete),
        (Key::ArrowDown, DialogAction::Move(Motion::By(1))),
        (Key::ArrowUp, DialogAction::Move(Motion::By(-1))),
        (Key::PageDown, DialogAction::Move(Motion::Page(1))),
        (Key::PageUp, DialogAction::Move(Motion::Page(-1))),
    ] {
        if ui.input_mut(|input| input.consume_key(Modifiers::NONE, key)) {
            ends |= matches!(action, DialogAction::Close | DialogAction::Accept);
            paint.wish(Action::Dialog(action));
        }
    }
    ends
}

/// The field has the focus as long as it is asked for; a click elsewhere takes what makes sense.
fn leave(paint: &mut Paint<'_>, ui: &Ui, typed: &Typed, asked: &Asked<'_>, offers: egui::Rect) {
    let is_beside = |at: Pos2| !offers.contains(at);
    if typed.response.has_focus() {
        return;
    }
    if typed.response.lost_focus()
        && ui.input(|input| input.pointer.any_pressed() && input.pointer.interact_pos().is_some_and(is_beside))
    {
        let action = if asked.wrong.is_some() { DialogAction::Close } else { DialogAction::Accept };
        paint.wish(Action::Dialog(action));
    } else {
        typed.response.request_focus();
    }
}

/// What could be meant, and what is to be said of what is typed.
fn offer(paint: &mut Paint<'_>, context: &egui::Context, corner: Pos2, wide: f32, asked: &Asked<'_>) -> egui::Rect {
    if asked.cursor.height != OFFERS {
        paint.wish(Action::Dialog(DialogAction::Height(OFFERS)));
    }
    let area = Area::new(Id::unique("completions")).order(Order::Foreground).fixed_pos(corner + vec2(0.0, 4.0));
    let shown = area.show(context, |ui| {
        egui::Frame::popup(ui.style()).show(ui, |ui| {
            ui.set_width(wide.max(420.0));
            ui.spacing_mut().item_spacing.y = 0.0;
            for place in asked.cursor.visible().take(OFFERS) {
                let Some(choice) = asked.completions.get(place) else { continue };
                if option(ui, choice, place == asked.cursor.row).clicked() {
                    paint.wish(Action::Dialog(DialogAction::Move(Motion::To(place))));
                    paint.wish(Action::Dialog(DialogAction::Complete));
                }
            }
            ui.add_space(GAP);
            ui.horizontal(|ui| {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
                    ui.add_space(2.0 * GAP);
                    let keys =
                        if asked.completions.is_empty() { "Enter keeps it" } else { "Tab completes · Enter keeps it" };
                    blocks::words(ui, keys, Tone::Muted);
                    // What is said has the rest, in several lines where it needs them.
                    ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
                        egui::Frame::new().inner_margin(egui::Margin { left: 8, ..Default::default() }).show(
                            ui,
                            |ui| {
                                blocks::line(ui, asked.hint);
                            },
                        );
                    });
                });
            });
            ui.add_space(0.5 * GAP);
        });
    });
    shown.response.rect
}

fn option(ui: &mut Ui, choice: &Choice, is_here: bool) -> egui::Response {
    let theme = Theme::of(ui);
    let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), 26.0), Sense::CLICK);
    if is_here || response.hovered() {
        ui.painter().rect_filled(area, 5.0, if is_here { theme.chosen } else { theme.hover });
    }
    let inside = area.shrink2(vec2(2.0 * GAP, 0.0));
    let label = choice.label.text();
    let wide = blocks::width(ui, &label, text::mono()).min(inside.width());
    blocks::elided(ui, inside, &label, text::mono(), theme.text, Align::Left);
    let rest = egui::Rect::from_min_max(pos2(inside.left() + wide + 3.0 * GAP, inside.top()), inside.max);
    if rest.width() > 40.0 {
        blocks::elided(ui, rest, &choice.detail, text::small(), theme.muted, Align::Right);
    }
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, is_here, &label));
    response
}
