//! Questions on top of the place.

use egui::{Align2, Area, Id, Key, Order, RichText, ScrollArea, Sense, Ui, vec2};
use lab_view::list::{Cursor, Motion};
use lab_view::session::{Action, Choice, Dialog, DialogAction, Purpose, Route};
use lab_view::{ACTIONS, Align, Group, Input, Line, Tone};

use crate::app::{Ask, Paint};
use crate::theme::{GAP, ROW, Theme, text};
use crate::{blocks, keys, typed};

/// So many choices are in sight at once.
const CHOICES: usize = 12;

/// Paints the open dialog.
pub fn paint(paint: &mut Paint<'_>, context: &egui::Context) {
    let Some(dialog) = paint.session.dialog() else { return };
    let is_filter = matches!(dialog.purpose(), Some(Purpose::Filter));
    // The filter is typed where it stands, above the list.
    if is_filter && matches!(paint.session.route(), Route::Runs) {
        return;
    }
    let is_search = matches!(dialog.purpose(), Some(Purpose::Find));
    if is_search && matches!(paint.session.route(), Route::Search) {
        return;
    }
    let screen = context.content_rect();
    // What lies below is out of reach; a click there closes the dialog.
    let beside =
        Area::new(Id::unique("beside the dialog")).order(Order::Middle).fixed_pos(screen.min).show(context, |ui| {
            let (place, response) = ui.allocate_exact_size(screen.size(), Sense::click());
            ui.painter().rect_filled(place, 0.0, egui::Color32::from_black_alpha(70));
            response
        });
    if beside.inner.clicked() {
        paint.wish(Action::Dialog(DialogAction::Close));
    }
    let wide = if matches!(dialog, Dialog::Help { .. }) { 760.0 } else { 560.0_f32 }.min(screen.width() - 32.0);
    let area = Area::new(Id::unique("dialog")).order(Order::Foreground).anchor(Align2::CENTER_TOP, vec2(0.0, 72.0));
    area.show(context, |ui| {
        egui::Frame::window(ui.style()).show(ui, |ui| {
            ui.set_width(wide);
            keys_of(paint, ui, dialog);
            match dialog {
                Dialog::Help { .. } => help(ui, screen.height() - 200.0),
                Dialog::Palette { input, found, cursor } => palette(paint, ui, input, found, cursor),
                Dialog::Ask { purpose, title, input, hint, completions, cursor, .. } => {
                    title_of(ui, title);
                    ask(paint, ui, purpose, input, hint, completions, cursor);
                }
                Dialog::Choose { title, several, input, choices, found, cursor, .. } => {
                    title_of(ui, title);
                    choose(paint, ui, *several, input, choices, found, cursor);
                }
                Dialog::Confirm { title, text, yes, .. } => confirm(paint, ui, title, text, yes),
            }
        });
    });
}

/// Keys that go to the dialog and not to the field in it.
fn keys_of(paint: &mut Paint<'_>, ui: &Ui, dialog: &Dialog) {
    let several = matches!(dialog, Dialog::Choose { several: true, .. });
    let completes = matches!(dialog, Dialog::Ask { .. });
    let is_help = matches!(dialog, Dialog::Help { .. });
    let mut take = |key: Key, action: DialogAction| {
        if ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, key)) {
            paint.wish(Action::Dialog(action));
        }
    };
    take(Key::Escape, DialogAction::Close);
    if is_help {
        return;
    }
    let is_note = matches!(dialog, Dialog::Ask { purpose: Purpose::Note(_) | Purpose::Reason(_), .. });
    if is_note {
        return;
    }
    take(Key::Enter, DialogAction::Accept);
    take(Key::ArrowDown, DialogAction::Move(Motion::By(1)));
    take(Key::ArrowUp, DialogAction::Move(Motion::By(-1)));
    take(Key::PageDown, DialogAction::Move(Motion::Page(1)));
    take(Key::PageUp, DialogAction::Move(Motion::Page(-1)));
    if several {
        take(Key::Tab, DialogAction::Toggle);
        take(Key::Space, DialogAction::Toggle);
        ui.input_mut(|input| input.events.retain(|event| *event != egui::Event::Text(" ".to_owned())));
    } else if completes {
        take(Key::Tab, DialogAction::Complete);
    }
}

fn title_of(ui: &mut Ui, title: &str) {
    ui.label(RichText::new(crate::code::safe(title)).font(text::heading()));
    ui.add_space(GAP);
}

/// The field of the dialog, which has the focus.
fn field(paint: &mut Paint<'_>, ui: &mut Ui, input: &Input, name: &str) {
    let id = Id::unique("dialog field");
    let hint = if name == "Answer" { "" } else { name };
    let typed = typed::field(ui, id, input, name, |edit| {
        edit.hint_text(hint).desired_width(f32::INFINITY).margin(egui::Margin::symmetric(10, 7)).font(text::body())
    });
    if let Some(typing) = typed.typing {
        paint.wish(Action::Dialog(DialogAction::Type(typing)));
    }
    if !typed.response.has_focus() {
        typed.response.request_focus();
    }
}

fn palette(paint: &mut Paint<'_>, ui: &mut Ui, input: &Input, found: &[lab_view::ActionId], cursor: &Cursor) {
    field(paint, ui, input, "Find a command");
    list(paint, ui, found.len(), cursor, &|place| found[place].row().label.to_owned(), &|ui, place| {
        let row = found[place].row();
        option(ui, None, row.label, row.help, &keys::shown(row.id));
    });
}

/// A line to type, for a note many.
fn ask(
    paint: &mut Paint<'_>,
    ui: &mut Ui,
    purpose: &Purpose,
    input: &Input,
    hint: &Line,
    completions: &[Choice],
    cursor: &Cursor,
) {
    if matches!(purpose, Purpose::Note(_) | Purpose::Reason(_)) {
        return note(paint, ui, purpose);
    }
    field(paint, ui, input, "Answer");
    blocks::line(ui, hint);
    let elsewhere = match purpose {
        Purpose::RestoreTo(_) => Some(("Choose a folder…", Ask::PickDestination)),
        Purpose::Export(_) => Some(("Save as…", Ask::SaveAs)),
        _ => None,
    };
    if !completions.is_empty() {
        list(paint, ui, completions.len(), cursor, &|place| completions[place].label.text(), &|ui, place| {
            option(ui, None, &completions[place].label.text(), "", &completions[place].detail);
        });
    }
    buttons(paint, ui, "OK", elsewhere);
}

/// A note has as many lines as it needs; the session gets it when it is done.
fn note(paint: &mut Paint<'_>, ui: &mut Ui, purpose: &Purpose) {
    // What was begun on one run is no note on another.
    let id = Id::unique(format!("note {purpose:?}"));
    let mut words: String = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let edit = egui::TextEdit::multiline(&mut words).desired_width(f32::INFINITY).desired_rows(7).font(text::body());
    let response = ui.add(edit.margin(egui::Margin::symmetric(10, 8)).hint_text("What came of it, in Markdown"));
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, "", &words, "");
        info.label = Some("Note".to_owned());
        info
    });
    if !response.has_focus() {
        response.request_focus();
    }
    let is_done = ui.input_mut(|input| input.consume_key(egui::Modifiers::COMMAND, Key::Enter));
    ui.add_space(GAP);
    ui.horizontal(|ui| {
        if blocks::strong_button(ui, "Save").on_hover_text("Ctrl+Enter").clicked() || is_done {
            paint.wish(Action::Dialog(DialogAction::Edited(words.clone())));
            words.clear();
        }
        if ui.button("Cancel").clicked() {
            paint.wish(Action::Dialog(DialogAction::Close));
        }
    });
    ui.data_mut(|data| data.insert_temp(id, words));
}

fn choose(
    paint: &mut Paint<'_>,
    ui: &mut Ui,
    several: bool,
    input: &Input,
    choices: &[Choice],
    found: &[usize],
    cursor: &Cursor,
) {
    field(paint, ui, input, "Find a choice");
    if choices.is_empty() {
        blocks::words(ui, "Reading …", Tone::Muted);
    }
    let name = |place: usize| choices.get(found[place]).map(|choice| choice.label.text()).unwrap_or_default();
    list(paint, ui, found.len(), cursor, &name, &|ui, place| {
        let Some(choice) = choices.get(found[place]) else { return };
        option(ui, several.then_some(choice.checked), &choice.label.text(), "", &choice.detail);
    });
    if several {
        buttons(paint, ui, "OK", None);
    }
}

/// Rows to choose from, one below the other.
fn list(
    paint: &mut Paint<'_>,
    ui: &mut Ui,
    total: usize,
    cursor: &Cursor,
    name: &dyn Fn(usize) -> String,
    row: &dyn Fn(&mut Ui, usize),
) {
    if cursor.height != CHOICES {
        paint.wish(Action::Dialog(DialogAction::Height(CHOICES)));
    }
    ui.add_space(GAP);
    let theme = Theme::of(ui);
    let first = cursor.top.min(total);
    for place in first..(first + CHOICES).min(total) {
        let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
        if place == cursor.row || response.hovered() {
            let ground = if place == cursor.row { theme.chosen } else { theme.hover };
            ui.painter().rect_filled(area, 5.0, ground);
        }
        let inside = area.shrink2(vec2(2.0 * GAP, 0.0));
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        row(&mut ui.new_child(egui::UiBuilder::new().max_rect(inside).layout(layout).id_salt(place)), place);
        response.widget_info(|| {
            egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, place == cursor.row, name(place))
        });
        if response.clicked() {
            paint.wish(Action::Dialog(DialogAction::Move(Motion::To(place))));
            let action = match paint.session.dialog() {
                Some(Dialog::Choose { several: true, .. }) => DialogAction::Toggle,
                Some(Dialog::Ask { .. }) => DialogAction::Complete,
                _ => DialogAction::Accept,
            };
            paint.wish(Action::Dialog(action));
        }
    }
}

/// What there is to choose: whether it is checked, what it is called, what it does, its key.
fn option(ui: &mut Ui, checked: Option<bool>, label: &str, help: &str, detail: &str) {
    let theme = Theme::of(ui);
    let mut area = ui.max_rect();
    if let Some(is_on) = checked {
        let square = egui::Rect::from_center_size(area.left_center() + vec2(7.0, 0.0), vec2(14.0, 14.0));
        blocks::check(ui, square, is_on);
        area.min.x += 24.0;
    }
    if !detail.is_empty() {
        let wide = blocks::width(ui, detail, text::small()).min(area.width() / 2.0);
        let place = egui::Rect::from_min_max(egui::pos2(area.right() - wide - 1.0, area.top()), area.max);
        blocks::elided(ui, place, detail, text::small(), theme.muted, Align::Right);
        area.max.x = place.left() - 2.0 * GAP;
    }
    blocks::elided(ui, area, label, text::body(), theme.text, Align::Left);
    area.min.x += blocks::width(ui, label, text::body()) + 3.0 * GAP;
    if area.width() > 40.0 && !help.is_empty() {
        blocks::elided(ui, area, help, text::small(), theme.muted, Align::Left);
    }
}

/// What ends a dialog; `elsewhere` leads to a dialog of the system.
fn buttons(paint: &mut Paint<'_>, ui: &mut Ui, yes: &str, elsewhere: Option<(&str, Ask)>) {
    ui.add_space(2.0 * GAP);
    ui.horizontal(|ui| {
        if blocks::strong_button(ui, yes).clicked() {
            paint.wish(Action::Dialog(DialogAction::Accept));
        }
        if let Some((label, ask)) = elsewhere
            && ui.button(label).clicked()
        {
            paint.asks.push(ask);
        }
        if ui.button("Cancel").clicked() {
            paint.wish(Action::Dialog(DialogAction::Close));
        }
    });
}

fn confirm(paint: &mut Paint<'_>, ui: &mut Ui, title: &str, text: &Line, yes: &str) {
    title_of(ui, title);
    blocks::line(ui, text);
    buttons(paint, ui, yes, None);
}

/// All keys by group, made from the table of actions.
fn help(ui: &mut Ui, most: f32) {
    title_of(ui, "Keys");
    let area = ScrollArea::vertical().max_height(most).min_scrolled_height(most).auto_shrink([false, true]);
    area.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for group in Group::ALL {
            blocks::heading(ui, group.title());
            ui.add_space(GAP);
            for row in ACTIONS.iter().filter(|row| row.group == group && !keys::of(row.id).is_empty()) {
                key_row(ui, row);
            }
        }
    });
}

/// Where the columns of the help begin.
const KEY_COLUMNS: [f32; 3] = [0.0, 124.0, 304.0];

/// A key, what it does in a word, and in a sentence.
fn key_row(ui: &mut Ui, row: &lab_view::ActionRow) {
    let theme = Theme::of(ui);
    let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW - 2.0), Sense::hover());
    let key = keys::shown(row.id);
    let label = row.label.trim_end_matches('…');
    let cells = [
        (key.as_str(), text::mono(), theme.accent),
        (label, text::body(), theme.text),
        (row.help, text::body(), theme.muted),
    ];
    for (place, (words, font, ink)) in cells.into_iter().enumerate() {
        let end = KEY_COLUMNS.get(place + 1).copied().unwrap_or(area.width());
        let left = area.left() + KEY_COLUMNS[place];
        let right = area.left() + end - 2.0 * GAP;
        let cell = egui::Rect::from_x_y_ranges(left..=right, area.y_range());
        blocks::elided(ui, cell, words, font, ink, Align::Left);
    }
    let words = format!("{key} {label}: {}", row.help);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
}
