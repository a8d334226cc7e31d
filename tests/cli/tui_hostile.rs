//! Text that means harm reaches the terminal only as text.

use lab_testkit::hostile::hostile_notebook;
use lab_testkit::terminal::Terminal;

use crate::home;

#[test]
fn nothing_from_a_notebook_is_a_command_to_the_terminal() {
    let (home, small) = (home(), hostile_notebook());
    let command = home.lab(["tui"]).env("LAB_NOTEBOOK", small.notebook()).env("TERM", "xterm-256color");
    let mut terminal = Terminal::start(command.into_command(), 80, 24);
    terminal.sees("1 project;");
    let places: [(&[&str], &str); 19] = [
        (&["Enter"], "4 runs"),
        (&["Ctrl-A"], "4 marked"),
        (&["t"], "Tags for"),
        (&["Esc"], ""),
        (&["C"], "╭─ Columns"),
        (&["Esc"], ""),
        (&["c"], "› compare 4"),
        (&["1", "m"], "› charts"),
        (&["1", "Ctrl-L", "Enter"], "Overview"),
        (&["Tab"], "lines "),
        (&["Tab"], "Binary, 100 kB"),
        (&["Tab"], "Packages"),
        (&["c"], "› compare 2"),
        (&["4"], "› notes"),
        (&["6"], "What can be done"),
        (&["5"], "Search all runs"),
        // It stands in logs and notes.
        (&["w", "i", "d", "e", "Enter"], " lines"),
        (&["1", "Ctrl-L", "r"], "› restore"),
        (&["Down", "Down"], " files "),
    ];
    for (keys, words) in places {
        for key in keys {
            terminal.press(&[key]);
        }
        if words.is_empty() {
            // A key that comes at once behind Escape is another key.
            terminal.loses("╭─");
        }
        terminal.sees(words);
        for (columns, rows) in [(120, 40), (200, 60), (80, 24)] {
            terminal.resize(columns, rows);
            terminal.until(&format!("{words} at {columns} columns"), |terminal| {
                let text = terminal.text();
                text.contains(words) && text.lines().last().is_some_and(|last| last.trim_end().ends_with("Quit"))
            });
            boxes_are_closed(&terminal);
        }
    }
    terminal.press(&["Esc"]).press(&["q"]);
    let bytes = terminal.bytes().to_vec();
    is_harmless(&String::from_utf8(bytes).expect("nothing but UTF-8"));
}

/// Every corner has its opposite, with a line between them: no text has pushed the border away.
#[track_caller]
fn boxes_are_closed(terminal: &Terminal) {
    let (rows, columns) = terminal.screen().size();
    let at = |row, column| terminal.screen().cell(row, column).map_or("", |cell| cell.contents());
    for row in 0..rows {
        for column in 0..columns {
            let (corner, line) = match at(row, column) {
                "╮" => ("╯", "│"),
                "╭" if at(row, column + 1) == "─" => ("╰", "│"),
                _ => continue,
            };
            let below = (row + 1..rows).find(|below| at(*below, column) != line).map_or("", |below| at(below, column));
            assert_eq!(below, corner, "below row {row}, column {column}:\n{}", terminal.text());
        }
    }
}

/// The only commands are those that `lab` itself gives.
#[track_caller]
fn is_harmless(sent: &str) {
    let mut letters = sent.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            assert_eq!(letters.next(), Some('['), "only control sequences, no titles, no clipboard");
            let rest = letters.as_str();
            let end = rest.find(|letter: char| ('@'..='~').contains(&letter)).expect("an end of the sequence");
            assert!(
                "mHJKhlABCDGX".contains(&rest[end..=end]),
                "a sequence that lab has no use for: {:?}",
                &rest[..=end]
            );
            letters = rest[end + 1..].chars();
            continue;
        }
        let turns = ('\u{202a}'..='\u{202e}').contains(&letter) || ('\u{2066}'..='\u{2069}').contains(&letter);
        assert!(!letter.is_control() && !turns, "{letter:?} among what was sent");
    }
}
