//! Questions on top of the place.

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use lab_view::list::{Cursor, Motion};
use lab_view::session::{Action, Choice, Dialog, DialogAction, Purpose};
use lab_view::{ACTIONS, ActionId, Group, Input, Line, Tone, Typing};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use crate::frame::{GROUPS, Paint};
use crate::text::width;

/// What a key means in a dialog.
pub fn key(dialog: &Dialog, key: &KeyEvent) -> Option<DialogAction> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let typing = |typing| Some(DialogAction::Type(typing));
    let several = matches!(dialog, Dialog::Choose { several: true, .. });
    let is_note = matches!(dialog.purpose(), Some(Purpose::Note(_) | Purpose::Reason(_)));
    match key.code {
        KeyCode::Esc => Some(DialogAction::Close),
        KeyCode::Char('c') if control => Some(DialogAction::Close),
        KeyCode::Enter => Some(DialogAction::Accept),
        KeyCode::Tab if several => Some(DialogAction::Toggle),
        KeyCode::Char(' ') if several => Some(DialogAction::Toggle),
        KeyCode::Tab => Some(DialogAction::Complete),
        KeyCode::Up => Some(DialogAction::Move(Motion::By(-1))),
        KeyCode::Down => Some(DialogAction::Move(Motion::By(1))),
        KeyCode::Char('p') if control => Some(DialogAction::Move(Motion::By(-1))),
        KeyCode::Char('n') if control => Some(DialogAction::Move(Motion::By(1))),
        KeyCode::PageUp => Some(DialogAction::Move(Motion::Page(-1))),
        KeyCode::PageDown => Some(DialogAction::Move(Motion::Page(1))),
        _ if matches!(dialog, Dialog::Help { .. }) => in_help(key),
        _ if matches!(dialog, Dialog::Confirm { .. }) => match key.code {
            KeyCode::Char('y') => Some(DialogAction::Accept),
            KeyCode::Char('n' | 'q') => Some(DialogAction::Close),
            _ => None,
        },
        KeyCode::Left if control || alt => typing(Typing::WordLeft),
        KeyCode::Right if control || alt => typing(Typing::WordRight),
        KeyCode::Left => typing(Typing::Left),
        KeyCode::Right => typing(Typing::Right),
        KeyCode::Home => typing(Typing::Home),
        KeyCode::End => typing(Typing::End),
        KeyCode::Backspace if control || alt => typing(Typing::DeleteWord),
        KeyCode::Backspace => typing(Typing::Backspace),
        KeyCode::Delete => typing(Typing::Delete),
        KeyCode::Char(letter) if control => match letter {
            'a' => typing(Typing::Home),
            'e' if is_note => Some(DialogAction::Editor),
            'e' => typing(Typing::End),
            'u' => typing(Typing::DeleteToStart),
            'k' => typing(Typing::DeleteToEnd),
            'w' => typing(Typing::DeleteWord),
            _ => None,
        },
        KeyCode::Char(letter) => typing(Typing::Insert(letter.to_string())),
        _ => None,
    }
}

fn in_help(key: &KeyEvent) -> Option<DialogAction> {
    match key.code {
        KeyCode::Char('k') => Some(DialogAction::Move(Motion::By(-1))),
        KeyCode::Char('j') => Some(DialogAction::Move(Motion::By(1))),
        KeyCode::Char('q' | '?') => Some(DialogAction::Close),
        _ => None,
    }
}

/// Paints the open dialog.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let Some(dialog) = paint.session.dialog() else { return };
    // A click beside it closes it.
    paint.zone(area, Action::Dialog(DialogAction::Close));
    match dialog {
        Dialog::Help { cursor } => help(paint, area, cursor),
        Dialog::Palette { input, found, cursor } => palette(paint, area, input, found, cursor),
        Dialog::Ask { purpose, title, input, hint, wrong, completions, cursor } => {
            let shown = Typed { input, wrong: wrong.as_ref() };
            let offers = completions.len().min(OFFERS) as u16;
            let inside = if *purpose == Purpose::Filter {
                // It stays where it is while one types, and the list that is being chosen stays in sight.
                let height = (OFFERS as u16 + 5).min(area.height / 2 + 1);
                let low = Rect { y: area.bottom().saturating_sub(height + 1), height, ..area };
                framed(paint, Rect { width: area.width.min(110), ..low }, title)
            } else {
                window(paint, area, 96, (5 + offers).min(area.height), title)
            };
            ask(paint, inside, &shown, hint, completions, cursor);
        }
        Dialog::Choose { title, several, input, choices, found, cursor, .. } => {
            choose(paint, area, title, *several, input, choices, found, cursor);
        }
        Dialog::Confirm { title, text, yes, .. } => confirm(paint, area, title, text, yes),
    }
}

/// An empty box in the upper middle; gives what is inside.
fn window(paint: &mut Paint<'_>, area: Rect, columns: u16, rows: u16, title: &str) -> Rect {
    let (width, height) = (columns.min(area.width - 2), rows.min(area.height - 2));
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 3;
    framed(paint, Rect { x, y, width, height }, title)
}

fn framed(paint: &mut Paint<'_>, place: Rect, title: &str) -> Rect {
    paint.clear(place);
    paint.zone(place, Action::Dialog(DialogAction::Move(Motion::By(0))));
    paint.framed(place, title, paint.theme.focus())
}

/// What is being typed, and which bytes of it are wrong.
struct Typed<'a> {
    input: &'a Input,
    wrong: Option<&'a Range<usize>>,
}

fn typed(paint: &mut Paint<'_>, area: Rect, typed: &Typed<'_>) {
    let (text, at) = (typed.input.text(), typed.input.cursor());
    let sign = paint.theme.mark("› ", "> ").to_owned();
    let x = paint.put(area.x + 1, area.y, 2, &sign, paint.theme.tone(Tone::Accent));
    let room = usize::from(area.right().saturating_sub(x + 1));
    // The end that is being typed stays in sight.
    let skip = width(&text[..at]).saturating_sub(room.saturating_sub(1));
    let mut from = 0;
    while width(&text[..from]) < skip {
        from += text[from..].chars().next().map_or(1, char::len_utf8);
    }
    paint.put(x, area.y, room, &text[from..], Style::new());
    if let Some(wrong) = typed.wrong.filter(|wrong| text.is_char_boundary(wrong.start) && wrong.start >= from) {
        let start = width(&text[from..wrong.start]).min(room);
        let wide = text.get(wrong.clone()).map_or(1, width).clamp(1, (room - start).max(1));
        let style = paint.theme.tone(Tone::Bad).add_modifier(Modifier::UNDERLINED | Modifier::BOLD);
        paint.fill(Rect { x: x + start as u16, width: wide as u16, ..area }, style);
        // A line of its own for those who see neither colours nor lines below letters.
        let carets = "^".repeat(wide);
        paint.put(x + start as u16, area.y + 1, wide, &carets, paint.theme.tone(Tone::Bad));
    }
    paint.cursor = Some(Position::new(x + (width(&text[from..at])) as u16, area.y));
}

fn palette(paint: &mut Paint<'_>, area: Rect, input: &Input, found: &[ActionId], cursor: &Cursor) {
    let inside = window(paint, area, 72, 20, "Commands");
    typed(paint, Rect { height: 1, ..inside }, &Typed { input, wrong: None });
    let list = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    extent(paint, cursor, list.height);
    for (place, index) in cursor.visible().enumerate() {
        let Some(id) = found.get(index) else { continue };
        let row = id.row();
        let line = Rect { y: list.y + place as u16, height: 1, ..list };
        if line.y >= list.bottom() {
            break;
        }
        let detail = row.keys.first().copied().unwrap_or_default();
        option(paint, line, index == cursor.row, row.label, row.help, detail);
        paint.zone(line, Action::Dialog(DialogAction::Move(Motion::To(index))));
    }
}

fn option(paint: &mut Paint<'_>, line: Rect, chosen: bool, label: &str, help: &str, detail: &str) {
    let under = if chosen { paint.theme.cursor() } else { Style::new() };
    paint.fill(line, under);
    let room = usize::from(line.width).saturating_sub(width(detail) + 3);
    let x = paint.put(line.x + 1, line.y, room, label, under.add_modifier(Modifier::BOLD));
    let left = room.saturating_sub(usize::from(x - line.x));
    paint.put(x + 2, line.y, left.saturating_sub(2), help, under.patch(paint.theme.tone(Tone::Muted)));
    let at = line.right().saturating_sub(width(detail) as u16 + 1);
    paint.put(at, line.y, width(detail), detail, under.patch(paint.theme.tone(Tone::Accent)));
}

fn extent(paint: &mut Paint<'_>, cursor: &Cursor, height: u16) {
    if cursor.height != usize::from(height.max(1)) {
        paint.wishes.push(Action::Dialog(DialogAction::Height(usize::from(height))));
    }
}

/// So many completions are in sight at once.
const OFFERS: usize = 9;

fn ask(paint: &mut Paint<'_>, inside: Rect, shown: &Typed<'_>, hint: &Line, completions: &[Choice], cursor: &Cursor) {
    typed(paint, Rect { height: 1, ..inside }, shown);
    let room = usize::from(inside.width).saturating_sub(2);
    let offers = inside.height.saturating_sub(3).min(completions.len() as u16);
    if offers > 0 {
        extent(paint, cursor, offers);
    }
    for (place, index) in cursor.visible().take(usize::from(offers)).enumerate() {
        let Some(choice) = completions.get(index) else { continue };
        let line = Rect { y: inside.y + 2 + place as u16, height: 1, ..inside };
        option(paint, line, index == cursor.row, &choice.label.text(), "", &choice.detail);
        paint.zone(line, Action::Dialog(DialogAction::Move(Motion::To(index))));
    }
    let keys = if completions.is_empty() { "" } else { "Tab completes" };
    let at = inside.right().saturating_sub(width(keys) as u16 + 1);
    let y = inside.bottom().saturating_sub(1);
    paint.put_line(inside.x + 1, y, room.saturating_sub(width(keys) + 2), hint, Style::new());
    paint.put(at, y, width(keys), keys, paint.theme.tone(Tone::Muted));
}

#[expect(clippy::too_many_arguments, reason = "the parts of one variant")]
fn choose(
    paint: &mut Paint<'_>,
    area: Rect,
    title: &str,
    several: bool,
    input: &Input,
    choices: &[Choice],
    found: &[usize],
    cursor: &Cursor,
) {
    let inside = window(paint, area, 72, 20, title);
    typed(paint, Rect { height: 1, ..inside }, &Typed { input, wrong: None });
    let list = Rect { y: inside.y + 1, height: inside.height.saturating_sub(2), ..inside };
    extent(paint, cursor, list.height);
    for (place, index) in cursor.visible().enumerate() {
        let Some(choice) = found.get(index).and_then(|place| choices.get(*place)) else { continue };
        let line = Rect { y: list.y + place as u16, height: 1, ..list };
        if line.y >= list.bottom() {
            break;
        }
        let check = match (several, choice.checked) {
            (false, _) => "",
            (true, true) => paint.theme.mark("☑ ", "[x] "),
            (true, false) => paint.theme.mark("☐ ", "[ ] "),
        };
        let label = format!("{check}{}", choice.label.text());
        option(paint, line, index == cursor.row, &label, "", &choice.detail);
        paint.zone(line, Action::Dialog(DialogAction::Move(Motion::To(index))));
    }
    if choices.is_empty() {
        paint.put(list.x + 1, list.y, 20, "Reading …", paint.theme.tone(Tone::Muted));
    }
    let words = if several { "Space chooses, Enter takes them" } else { "Enter takes it" };
    paint.put(inside.x + 1, inside.bottom().saturating_sub(1), 60, words, paint.theme.tone(Tone::Muted));
}

fn confirm(paint: &mut Paint<'_>, area: Rect, title: &str, text: &Line, yes: &str) {
    let inside = window(paint, area, 72, 6, title);
    let room = usize::from(inside.width).saturating_sub(2);
    paint.put_line(inside.x + 1, inside.y, room, text, Style::new());
    let y = inside.bottom().saturating_sub(1);
    let from = inside.x + 1;
    let x = paint.put(
        from,
        y,
        room,
        &format!("[ {yes} · Enter ]"),
        paint.theme.tone(Tone::Warn).add_modifier(Modifier::BOLD),
    );
    paint.zone(Rect { x: from, y, width: x - from, height: 1 }, Action::Dialog(DialogAction::Accept));
    let from = x + 2;
    let x = paint.put(from, y, room, "[ Leave it · Esc ]", Style::new());
    paint.zone(Rect { x: from, y, width: x - from, height: 1 }, Action::Dialog(DialogAction::Close));
}

/// All keys by group, made from the table of actions; in two columns where there is room.
fn help(paint: &mut Paint<'_>, area: Rect, cursor: &Cursor) {
    let halves: u16 = if area.width >= TWO_COLUMNS { 2 } else { 1 };
    let lines = help_lines();
    let half = lines.len().div_ceil(usize::from(halves));
    let rows = (half as u16).saturating_add(2).min(area.height - 2);
    let inside = window(paint, area, 82 * halves, rows, "Keys");
    let height = usize::from(inside.height);
    if cursor.total != half || cursor.height != height {
        paint.wishes.push(Action::Dialog(DialogAction::Extent { height, total: half }));
    }
    let wide = inside.width / halves;
    for (column, lines) in lines.chunks(half.max(1)).enumerate() {
        let x = inside.x + 1 + column as u16 * wide;
        for (place, (keys, words, is_group)) in lines.iter().skip(cursor.top).take(height).enumerate() {
            let y = inside.y + place as u16;
            let style = if *is_group { paint.theme.heading() } else { paint.theme.tone(Tone::Accent) };
            paint.put(x, y, 20, keys, style);
            paint.put(x + 16, y, usize::from(wide).saturating_sub(18), words, Style::new());
        }
    }
}

/// From so many columns on the help has two columns.
const TWO_COLUMNS: u16 = 150;

/// Keys, words, and whether it is a heading.
fn help_lines() -> Vec<(String, String, bool)> {
    let mut lines: Vec<(String, String, bool)> = Vec::new();
    for group in GROUPS {
        lines.push((group.title().to_owned(), String::new(), true));
        for row in ACTIONS.iter().filter(|row| row.group == group && !row.keys.is_empty()) {
            lines.push((row.keys.join(" "), format!("{} · {}", row.label.trim_end_matches('…'), row.help), false));
        }
        if group == Group::List {
            for (keys, words) in [
                ("↑ ↓ k j", "Move"),
                ("PgUp PgDn", "A page up or down"),
                ("Home End G", "To the first, to the last"),
                ("Shift-↑ ↓", "Mark while moving"),
                ("Click a head", "Sort by it; again turns it"),
            ] {
                lines.push((keys.to_owned(), words.to_owned(), false));
            }
        }
    }
    lines.push(("Ctrl-Z".to_owned(), "Suspend".to_owned(), false));
    lines
}
