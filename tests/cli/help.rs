use crate::home;

const COMMANDS: &[&str] = &[
    "run",
    "ls",
    "show",
    "diff",
    "export",
    "plot",
    "restore",
    "undo",
    "redo",
    "log",
    "note",
    "tag",
    "untag",
    "star",
    "hide",
    "rename",
    "rm",
    "files",
    "cat",
    "grep",
    "coverage",
    "init",
    "projects",
    "config",
    "snapshot",
    "verify",
    "rebuild",
    "gc",
    "purge",
    "demo",
    "completions",
    "man",
    "help",
];

#[test]
fn lab_alone_names_three_commands_to_start_with() {
    let out = home().ok([] as [&str; 0]);
    for words in ["lab run --", "lab ls", "lab diff", "lab demo"] {
        assert!(out.contains(words), "{out}");
    }
}

#[test]
fn every_command_has_help_and_takes_json() {
    let home = home();
    let overview = home.ok(["help"]);
    for command in COMMANDS {
        assert!(overview.contains(&format!("  {command} ")), "{command} is not in the overview");
        let help = home.ok([command, "--help"]);
        assert!(help.contains("--json"), "{command}");
        assert_eq!(home.ok(["help", command]).lines().next(), help.lines().next(), "{command}");
    }
    assert!(!overview.contains("__supervise"));
}

#[test]
fn help_makes_nothing() {
    let home = home();
    home.ok(["help", "exit-codes"]);
    home.ok(["completions", "bash"]);
    home.ok(["man"]);
    assert!(!home.notebook().exists());
}

#[test]
fn exit_codes_are_documented() {
    let out = home().ok(["help", "exit-codes"]);
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "70 "] {
        assert!(out.lines().any(|line| line.trim_start().starts_with(code)), "{code}: {out}");
    }
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let home = home();
    home.ok(["man", "--out", "pages"]);
    for command in COMMANDS {
        assert!(home.project().join(format!("pages/lab-{command}.1")).is_file(), "{command}");
    }
}
