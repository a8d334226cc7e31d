use crate::{home, json};

#[test]
fn an_empty_project_says_what_to_do() {
    let home = home();
    home.ok(["init"]);
    let out = home.ok(["ls"]);
    assert!(out.contains("No runs yet: `lab run -- COMMAND` keeps one"), "{out}");
    assert_eq!(json(&home.ok(["ls", "--json"]))["runs"], serde_json::json!([]));
}

#[test]
fn runs_come_newest_first_and_can_be_chosen() {
    let home = home();
    for (name, script) in [("one", "echo acc=0.1"), ("two", "echo acc=0.2"), ("three", "echo acc=0.3; exit 1")] {
        let _ = home.lab(["-q", "run", "--name", name, "--tag", "x", "--", "sh", "-c", script]).run();
    }
    let names = |arguments: &[&str]| -> Vec<String> {
        let list = json(&home.ok(["ls", "--json"].iter().chain(arguments)));
        list["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap().to_owned()).collect()
    };
    let mut all = names(&[]);
    all.sort();
    assert_eq!(all, ["one", "three", "two"]);
    assert_eq!(names(&["-n", "1"]).len(), 1);
    assert_eq!(names(&["--status", "failed"]), ["three"]);
    assert_eq!(names(&["acc>0.25"]), ["three"]);
    assert_eq!(names(&["acc=0.2"]), ["two"]);
    assert_eq!(names(&["two"]), ["two"]);
    assert_eq!(names(&["--tag", "x"]).len(), 3);
    assert_eq!(names(&["--tag", "y"]).len(), 0);
}

#[test]
fn json_holds_all_metrics_and_parameters() {
    let home = home();
    home.write("t.py", "import sys\nprint('a=1 acc=0.5')\n");
    home.ok(["run", "--", "python3", "t.py", "--lr", "0.1"]);
    let run = &json(&home.ok(["ls", "--json"]))["runs"][0];
    assert_eq!(run["metrics"]["acc"], 0.5);
    assert_eq!(run["params"]["lr"], 0.1);
    assert_eq!(run["exit_code"], 0);
    assert_eq!(run["id"].as_str().unwrap().len(), 12);
}

#[test]
fn columns_can_be_chosen() {
    let home = home();
    home.run_script("true");
    let out = home.ok(["ls", "--columns", "Status,name"]);
    assert!(out.starts_with("Status"), "{out}");
    assert!(!out.contains("Started"), "{out}");
}

#[test]
fn nothing_is_coloured_in_a_pipe_and_everything_when_asked() {
    let home = home();
    home.run_script("true");
    assert!(!home.ok(["ls"]).contains('\u{1b}'));
    assert!(home.ok(["--color", "always", "ls"]).contains('\u{1b}'));
    let plain = home.lab(["ls"]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run().ok();
    assert!(!plain.out.contains('\u{1b}'));
}

#[test]
fn escapes_in_names_and_arguments_do_nothing() {
    let home = home();
    home.write("evil\u{1b}[2J.py", "x");
    home.ok(["-q", "run", "--reason", "\u{1b}]0;title\u{7}", "--", "true", "\u{1b}[31m"]);
    for arguments in [&["ls"][..], &["show"], &["files"], &["coverage"]] {
        let out = home.ok(arguments);
        assert!(!out.contains('\u{1b}') && !out.contains('\u{7}'), "{arguments:?}: {out:?}");
    }
}

#[test]
fn projects_do_not_mix() {
    let home = home();
    home.run_script("true");
    let other = home.path("other");
    std::fs::create_dir(&other).unwrap();
    let _ = home.lab(["-q", "run", "--name", "elsewhere", "--", "true"]).within(&other).run().ok();
    assert!(!home.ok(["ls"]).contains("elsewhere"));
    assert!(home.ok(["ls", "--all-projects"]).contains("elsewhere"));
    assert_eq!(json(&home.ok(["projects", "--json"]))["projects"].as_array().unwrap().len(), 2);
}
