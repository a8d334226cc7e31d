use crate::{home, json};

#[test]
fn restore_undo_redo_in_place() {
    let home = home();
    home.write("a.py", "old").write("gone.py", "was here");
    home.ok(["-q", "run", "--name", "first", "--", "true"]);
    home.write("a.py", "new").write("extra.py", "x");
    std::fs::remove_file(home.project().join("gone.py")).unwrap();

    let plan = home.ok(["restore", "first", "--dry-run"]);
    for words in ["1 created", "1 changed", "1 removed", "gone.py", "extra.py"] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
    assert_eq!(home.read("a.py"), b"new");

    let refused = home.lab(["restore", "first"]).run().code(2);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(home.read("a.py"), b"new");

    home.ok(["restore", "first", "--yes"]);
    assert_eq!((home.read("a.py"), home.read("gone.py")), (b"old".to_vec(), b"was here".to_vec()));
    assert!(!home.project().join("extra.py").exists());

    home.ok(["undo", "--yes"]);
    assert_eq!((home.read("a.py"), home.read("extra.py")), (b"new".to_vec(), b"x".to_vec()));
    assert!(!home.project().join("gone.py").exists());

    home.ok(["redo", "--yes"]);
    assert_eq!(home.read("a.py"), b"old");
    assert!(home.ok(["restore", "first", "--yes"]).contains("already as in first"));
}

#[test]
fn only_the_named_paths_are_touched() {
    let home = home();
    home.write("a.py", "old").write("b.py", "old");
    home.ok(["-q", "run", "--name", "first", "--", "true"]);
    home.write("a.py", "new").write("b.py", "new");
    home.ok(["restore", "first", "./a.py", "--yes"]);
    assert_eq!((home.read("a.py"), home.read("b.py")), (b"old".to_vec(), b"new".to_vec()));
}

#[test]
fn a_new_directory_gets_everything_and_an_old_one_is_refused() {
    let home = home();
    home.write("src/a.py", "old");
    home.ok(["-q", "run", "--name", "first", "--", "true"]);
    home.ok(["restore", "first", "--to", "../copy"]);
    assert_eq!(std::fs::read(home.path("copy/src/a.py")).unwrap(), b"old");
    let refused = home.lab(["restore", "first", "--to", "../copy"]).run();
    assert_ne!(refused.code, Some(0));
    assert!(refused.err.contains("error: "), "{}", refused.err);
}

#[test]
fn the_plan_is_json_too() {
    let home = home();
    home.write("a.py", "old");
    home.ok(["-q", "run", "--", "true"]);
    home.write("a.py", "new");
    let plan = json(&home.ok(["restore", "@", "--dry-run", "--json"]));
    assert_eq!(plan["steps"][0]["path"], "a.py");
    assert_eq!(plan["steps"][0]["action"], "change");
    assert!(plan["about"]["bytes_to_write"].is_number());
}

#[test]
fn snapshots_can_be_restored_by_id() {
    let home = home();
    home.ok(["init"]);
    home.write("a.py", "old");
    let id = home.ok(["snapshot"]).trim().to_owned();
    assert_eq!(id.len(), 64);
    home.write("a.py", "new");
    home.ok(["restore", &id, "--yes"]);
    assert_eq!(home.read("a.py"), b"old");
}

#[test]
fn the_demo_proves_itself() {
    let home = home();
    let ended = home.lab(["demo", "../demo"]).run().ok();
    assert_eq!(ended.out.matches("byte-identical").count(), 2, "{}", ended.out);
    assert!(ended.out.contains("exactly as before"));
    assert!(!home.notebook().exists(), "the demo has a notebook of its own");
    let again = home.lab(["demo", "../demo"]).run().code(2);
    assert!(again.err.contains("new or empty"), "{}", again.err);
}

#[test]
fn without_python_the_demo_says_how_to_go_on() {
    let home = home();
    let ended = home.lab(["demo", "../demo"]).env("PATH", "/nowhere").run().code(3);
    assert!(ended.err.contains("hint: install Python 3"), "{}", ended.err);
    assert!(!home.path("demo").exists());
}
