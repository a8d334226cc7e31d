//! Keys as the table of actions names them, and what they mean now.

use egui::{Event, Key, Modifiers};
use lab_view::list::Motion;
use lab_view::screens::runs::RunsAction;
use lab_view::session::{Action, Route, Session};
use lab_view::{ActionId, by_key};

/// Keys that a window uses otherwise than a terminal: what the table says, and what it is here.
const OTHERWISE: &[(ActionId, &[&str])] = &[
    // A letter must not close a window, and Ctrl-C copies.
    (ActionId::Quit, &["Ctrl-Q"]),
    // Tab goes from one control to the next.
    (ActionId::NextPart, &["Ctrl-Tab"]),
    (ActionId::PreviousPart, &["Ctrl-Shift-Tab"]),
];

/// The keys of an action in a window.
pub fn of(id: ActionId) -> &'static [&'static str] {
    OTHERWISE.iter().find(|(other, _)| *other == id).map_or(id.row().keys, |(_, keys)| keys)
}

/// The key that a menu shows for an action.
pub fn shown(id: ActionId) -> String {
    let first = of(id).first().copied().unwrap_or_default();
    if cfg!(target_os = "macos") { first.replace("Ctrl-", "⌘") } else { first.replace('-', "+") }
}

/// What the pressed keys ask for, unless a person is typing or a dialog is open, which takes its keys itself.
pub fn actions(context: &egui::Context, session: &Session, wishes: &mut Vec<Action>) {
    // An open menu has its own keys.
    if session.dialog().is_some() || egui::Popup::is_any_open(context) {
        return;
    }
    let types = context.egui_wants_keyboard_input();
    let has_focus = context.memory(|memory| memory.focused().is_some());
    let names = context.input(|input| input.events.iter().filter_map(name).collect::<Vec<_>>());
    for name in names {
        let is_command = name.starts_with("Ctrl-") || name.starts_with('F') && name.len() > 1;
        let is_for_control = types || has_focus && matches!(name.as_str(), "Enter" | "Space");
        if is_for_control && !is_command {
            continue;
        }
        wishes.extend(meaning(session, &name));
    }
}

fn meaning(session: &Session, name: &str) -> Option<Action> {
    let other = OTHERWISE.iter().find(|(_, keys)| keys.contains(&name)).map(|(id, _)| *id);
    let known = || by_key(session, name).filter(|id| of(*id).contains(&name));
    if let Some(id) = other.or_else(known) {
        return Some(Action::Do(id));
    }
    let in_runs = matches!(session.route(), Route::Runs);
    let motion = match name {
        "Up" | "k" => Motion::By(-1),
        "Down" | "j" => Motion::By(1),
        "PageUp" => Motion::Page(-1),
        "PageDown" => Motion::Page(1),
        "Home" => Motion::First,
        "End" | "G" => Motion::Last,
        "Shift-Up" if in_runs => return Some(Action::Runs(RunsAction::Extend(-1))),
        "Shift-Down" if in_runs => return Some(Action::Runs(RunsAction::Extend(1))),
        "Alt-Left" | "Backspace" => return Some(Action::Do(ActionId::Back)),
        _ => return None,
    };
    Some(Action::Move(motion))
}

/// The name of a key as [`lab_view::ACTIONS`] writes it. Signs come as text, so that every keyboard layout works.
fn name(event: &Event) -> Option<String> {
    match event {
        Event::Text(text) if text == " " => Some("Space".to_owned()),
        Event::Text(text) => Some(text.clone()),
        Event::Key { key, pressed: true, modifiers, .. } => named(*key, *modifiers),
        _ => None,
    }
}

fn named(key: Key, modifiers: Modifiers) -> Option<String> {
    let base = match key {
        Key::ArrowUp => "Up",
        Key::ArrowDown => "Down",
        Key::ArrowLeft => "Left",
        Key::ArrowRight => "Right",
        Key::Escape => "Esc",
        Key::Enter => "Enter",
        Key::Tab => "Tab",
        Key::Backspace => "Backspace",
        Key::Delete => "Delete",
        Key::Home => "Home",
        Key::End => "End",
        Key::PageUp => "PageUp",
        Key::PageDown => "PageDown",
        _ if key.name().len() > 1 && key.name().starts_with('F') => key.name(),
        // Letters with Ctrl make no text.
        _ if modifiers.command || modifiers.ctrl => key.name(),
        _ => return None,
    };
    let mut name = String::new();
    let control = modifiers.command || modifiers.ctrl;
    for (on, word) in [(control, "Ctrl-"), (modifiers.alt, "Alt-"), (modifiers.shift, "Shift-")] {
        name.push_str(if on { word } else { "" });
    }
    Some(name + base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_as_in_the_table() {
        let key = |key, modifiers| named(key, modifiers);
        assert_eq!(key(Key::P, Modifiers::CTRL).as_deref(), Some("Ctrl-P"));
        assert_eq!(key(Key::P, Modifiers::NONE), None);
        assert_eq!(key(Key::F1, Modifiers::NONE).as_deref(), Some("F1"));
        assert_eq!(key(Key::ArrowUp, Modifiers::SHIFT).as_deref(), Some("Shift-Up"));
        assert_eq!(name(&Event::Text(" ".into())).as_deref(), Some("Space"));
        assert_eq!(name(&Event::Text("?".into())).as_deref(), Some("?"));
    }
}
