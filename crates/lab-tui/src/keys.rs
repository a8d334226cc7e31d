//! What keys are called in the table of actions.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The name of a key as [`lab_view::ACTIONS`] writes it; `None` for keys that have none.
pub fn name(key: &KeyEvent) -> Option<String> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let shift = key.modifiers.contains(KeyModifiers::SHIFT);
    let (base, shifts) = match key.code {
        KeyCode::Char(' ') => ("Space".to_owned(), true),
        KeyCode::Char(letter) if control => (letter.to_uppercase().to_string(), false),
        KeyCode::Char(letter) => (letter.to_string(), false),
        KeyCode::BackTab => ("Shift-Tab".to_owned(), false),
        KeyCode::Enter => ("Enter".to_owned(), true),
        KeyCode::Esc => ("Esc".to_owned(), true),
        KeyCode::Tab => ("Tab".to_owned(), true),
        KeyCode::Backspace => ("Backspace".to_owned(), true),
        KeyCode::Delete => ("Delete".to_owned(), true),
        KeyCode::Up => ("Up".to_owned(), true),
        KeyCode::Down => ("Down".to_owned(), true),
        KeyCode::Left => ("Left".to_owned(), true),
        KeyCode::Right => ("Right".to_owned(), true),
        KeyCode::Home => ("Home".to_owned(), true),
        KeyCode::End => ("End".to_owned(), true),
        KeyCode::PageUp => ("PageUp".to_owned(), true),
        KeyCode::PageDown => ("PageDown".to_owned(), true),
        KeyCode::F(number) => (format!("F{number}"), true),
        _ => return None,
    };
    let mut name = String::new();
    for (on, word) in [(control, "Ctrl-"), (alt, "Alt-"), (shift && shifts, "Shift-")] {
        name.push_str(if on { word } else { "" });
    }
    Some(name + &base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_names_of_the_table() {
        let check = |code, modifiers, expected: &str| {
            assert_eq!(name(&KeyEvent::new(code, modifiers)).as_deref(), Some(expected));
        };
        check(KeyCode::Char('p'), KeyModifiers::CONTROL, "Ctrl-P");
        check(KeyCode::Char('P'), KeyModifiers::SHIFT, "P");
        check(KeyCode::Char('?'), KeyModifiers::NONE, "?");
        check(KeyCode::Char(' '), KeyModifiers::NONE, "Space");
        check(KeyCode::BackTab, KeyModifiers::SHIFT, "Shift-Tab");
        check(KeyCode::F(2), KeyModifiers::NONE, "F2");
        check(KeyCode::Up, KeyModifiers::SHIFT, "Shift-Up");
    }
}
