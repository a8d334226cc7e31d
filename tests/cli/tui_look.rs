//! How `lab tui` looks and behaves in terminals of all kinds.

use lab_testkit::terminal::Terminal;
use lab_testkit::{Home, Lab};

use crate::home;

fn tui(home: &Home) -> Lab {
    home.lab(["tui"]).without("LAB_TEST_CLOCK").env("TERM", "xterm-256color").env("COLORTERM", "truecolor")
}

fn demo(home: &Home) -> Lab {
    home.lab(["tui", "--demo"]).without("LAB_TEST_CLOCK").env("TERM", "xterm-256color").env("TMPDIR", home.path("home"))
}

/// No row is longer than the screen, the first and the last are bars, and boxes are closed.
#[track_caller]
fn is_laid_out(terminal: &Terminal) {
    let text = terminal.text();
    let (rows, columns) = terminal.screen().size();
    assert_eq!(text.lines().count(), usize::from(rows));
    let is_long = |line: &&str| line.chars().count() > usize::from(columns);
    assert!(text.lines().find(is_long).is_none(), "{text}");
    let count = |sign: char| text.matches(sign).count();
    assert_eq!((count('╭'), count('╭')), (count('╮'), count('╰')), "{text}");
}

/// Every place at three sizes; the size changes while the place is open.
#[test]
fn every_place_at_every_size() {
    let home = home();
    let mut terminal = Terminal::start(demo(&home).into_command(), 80, 24);
    terminal.sees("cifar-resnet").sees("running");
    for (key, words) in [
        ("1", "28 runs"),
        ("Enter", "Overview"),
        ("Tab", "lines "),
        ("Tab", "train.py"),
        ("Tab", "Machine"),
        ("c", "› compare 2"),
        ("m", "› charts"),
        ("4", "› notes"),
        ("6", "What can be done"),
        ("2", "3 projects"),
        ("?", "╭─ Keys"),
    ] {
        terminal.press(&[key]).sees(words);
        for (columns, rows) in [(120, 40), (200, 60), (80, 24)] {
            terminal.resize(columns, rows);
            let is_there = |terminal: &Terminal| {
                let text = terminal.text();
                let last = text.lines().last().unwrap_or_default();
                text.contains(words)
                    && last.trim_end().ends_with("Quit")
                    && last.chars().count() > usize::from(columns) - 4
            };
            terminal.until(&format!("{words} at {columns}x{rows}"), is_there);
            is_laid_out(&terminal);
        }
    }
    terminal.press(&["Esc"]).loses("╭─ Keys").press(&["q"]);
    assert_eq!(terminal.end().0, Some(0));
    let left = std::fs::read_dir(home.path("home")).expect("the home").flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("lab-demo-")), "{left:?}");
}

#[test]
fn an_empty_notebook_says_how_to_begin() {
    let home = home();
    home.write("train.py", "print(1)");
    let mut terminal = Terminal::start(tui(&home).into_command(), 80, 24);
    terminal.sees("No runs yet").sees("lab run -- python train.py").sees("lab demo");
    let project = home.project();
    let name = project.file_name().and_then(|name| name.to_str()).expect("a name");
    terminal.sees(name);
    let words = "watches this folder";
    let (x, y) = terminal.place_of(words);
    terminal.click(x, y).sees("is a project now").sees("No runs yet");
    assert!(project.join("lab.toml").exists());
    terminal.press(&["q"]);
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn the_mouse_does_what_it_points_at() {
    let home = home();
    let mut terminal = Terminal::start(demo(&home).into_command(), 120, 40);
    terminal.sees("28 runs");
    // A head sorts, and turns the order when it is clicked again.
    let (x, y) = terminal.place_of("Name");
    terminal.click(x, y).sees("sort:name");
    terminal.click(x, y).sees("sort:-name").press(&["Esc"]).loses("sort:");
    // A row is chosen, opened by a second click at once, and left through the way above.
    let text = terminal.text();
    let name = text.lines().nth(8).and_then(|line| line.split_whitespace().find(|word| word.contains('-')));
    let name = name.expect("a name in the list").to_owned();
    let (x, y) = terminal.place_of(&name);
    terminal.click(x, y).click(x, y).sees("Overview").sees(&name);
    let (x, y) = terminal.place_of("Log");
    terminal.click(x, y).sees("lines 1–");
    terminal.wheel(20, 20, true).loses("lines 1–").wheel(20, 20, false).sees("lines 1–");
    let (x, y) = terminal.place_of("cifar-resnet");
    terminal.click(x, y).sees("28 runs");
    // The line between the list and the run beside it is dragged.
    terminal.resize(160, 40).sees("Parameters");
    let line_of = |terminal: &Terminal| {
        terminal.text().lines().nth(30).and_then(|line| line.chars().position(|letter| letter == '│'))
    };
    let before = line_of(&terminal).expect("a line beside the list");
    let (from, to) = (before + 1, before - 19);
    terminal.send(format!("\x1b[<0;{from};20M\x1b[<32;{to};20M\x1b[<0;{to};20m").as_bytes());
    terminal.until("the line is dragged", |terminal| line_of(terminal) == Some(before - 20));
    terminal.resize(120, 40).sees("28 runs").loses("Parameters");
    let (x, y) = terminal.place_of("lab");
    terminal.click(x, y).sees("3 projects");
    terminal.press(&["q"]);
    assert_eq!(terminal.end().0, Some(0));
}

/// Colours as the terminal can show them, and letters that it has.
#[test]
fn colours_and_letters_are_those_that_the_terminal_has() {
    let home = home();
    home.write("train.sh", "echo epoch 1 loss=0.5\n");
    home.ok(["-q", "run", "--name", "one", "--", "sh", "train.sh"]);
    let check = |variables: &[(&str, &str)], has: &[&str], lacks: &[&str]| {
        let mut command = home.lab(["tui"]).without("LAB_TEST_CLOCK");
        for (name, value) in variables {
            command = command.env(name, value);
        }
        let mut terminal = Terminal::start(command.into_command(), 80, 24);
        terminal.sees("one").sees("done").press(&["Enter"]).sees("Overview").press(&["q"]);
        terminal.until("the end", |terminal| String::from_utf8_lossy(terminal.bytes()).contains("\u{1b}[?1049l"));
        let bytes = String::from_utf8_lossy(terminal.bytes()).into_owned();
        for sequence in has {
            assert!(bytes.contains(sequence), "{variables:?} lacks {sequence:?}");
        }
        for sequence in lacks {
            assert!(!bytes.contains(sequence), "{variables:?} has {sequence:?}");
        }
        (terminal.end(), bytes)
    };
    let (true_colour, indexed) = ("38;2;", "38;5;");
    check(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], &[true_colour], &[]);
    check(&[("TERM", "xterm-256color")], &[indexed], &[true_colour]);
    check(&[("TERM", "xterm")], &[], &[true_colour]);
    check(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], &[], &[true_colour, indexed]);
    check(&[("TERM", "dumb")], &[], &[true_colour, indexed]);
    let (_, bytes) = check(&[("TERM", "xterm-256color"), ("LAB_ASCII", "1")], &[], &[]);
    assert!(bytes.is_ascii(), "{bytes:?}");
}

#[test]
fn it_stops_for_the_shell_and_goes_on() {
    let home = home();
    home.ok(["-q", "run", "--name", "one", "--", "true"]);
    let lab = tui(&home).into_command();
    let program = lab.get_program().to_str().expect("a path").to_owned();
    let mut shell = std::process::Command::new("bash");
    shell
        .args(["--norc", "--noprofile", "-i"])
        .env_clear()
        .envs(lab.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("PS1", "ready> ").current_dir(home.project());
    let mut terminal = Terminal::start(shell, 80, 24);
    terminal.sees("ready>").type_in(&format!("{program} tui\n")).sees("one").sees("Quit");
    terminal.press(&["Ctrl-Z"]).sees("ready>").loses("Quit");
    assert!(!terminal.screen().alternate_screen());
    terminal.type_in("echo between $((6*7))\n").sees("between 42").type_in("fg\n").sees("Quit").sees("one");
    // What is typed before the shell asks for it, the interface may still take.
    let asks = |terminal: &Terminal| terminal.text().trim_end().ends_with("ready>");
    terminal.press(&["q"]).until("the prompt", asks).type_in("stty -a | grep -c ' icanon'\n").sees("\n1");
    terminal.type_in("exit\n");
    assert_eq!(terminal.end().0, Some(0));
}

/// The message is readable, and the shell usable.
#[test]
fn a_panic_gives_the_terminal_back() {
    let home = home();
    home.ok(["-q", "run", "--name", "one", "--", "true"]);
    let mut terminal = Terminal::start(tui(&home).env("LAB_FAULT", "paint:0").into_command(), 80, 24);
    terminal.until("the terminal back", |terminal| {
        String::from_utf8_lossy(terminal.bytes()).contains("\u{1b}[?1049l") && terminal.text().contains("panicked")
    });
    assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor());
    let (code, text) = terminal.end();
    assert!(code != Some(0) && text.contains("panicked"), "{text}");
}
