use crate::{home, json};
use lab_testkit::Home;

/// Takes snapshots until none of the files has to be read again: from then on the cache is believed.
fn settle(home: &Home) {
    for _ in 0..500 {
        let page = json(&home.ok(["snapshot", "--json"]));
        if page["about"]["files_read"] == 0 {
            return;
        }
    }
    panic!("the files are read again and again");
}

#[test]
fn a_run_after_a_collection_holds_everything() {
    let home = home();
    home.write("big.py", "x = 1\n".repeat(1000)).write("train.py", "print(1)");
    home.run_script("true");
    settle(&home);
    home.run_script("true");
    home.ok(["rm", "--yes", "@", "@-1"]);
    home.ok(["gc", "--grace", "0"]);
    // What did not change since is no longer in the notebook, whatever the cache believed.
    home.write("train.py", "print(2)");
    home.run_script("true");
    assert_eq!(home.ok(["cat", "@", "big.py"]), "x = 1\n".repeat(1000));
    home.ok(["verify", "--deep"]);
}

#[test]
fn a_purged_file_is_gone_and_the_next_run_keeps_it_again() {
    let home = home();
    home.write("train.py", "print(1)").write("notes.txt", "not for everybody");
    home.ok(["run", "--name", "first", "--", "true"]);
    settle(&home);
    let ended = home.lab(["purge", "--path", "notes.txt"]).run().code(2);
    assert!(ended.err.contains("--yes"), "{}", ended.err);
    let out = home.ok(["purge", "--path", "notes.txt", "--yes"]);
    assert!(out.starts_with("1 record gone for good"), "{out}");
    let ended = home.lab(["cat", "first", "notes.txt"]).run().code(3);
    assert!(ended.err.contains("removed for good"), "{}", ended.err);
    assert_eq!(ended.err.matches("purged").count(), 1, "{}", ended.err);
    home.ok(["verify", "--deep"]);
    let out = home.ok(["purge", "--path", "notes.txt", "--yes"]);
    assert!(out.starts_with("Nothing of it was left"), "{out}");
    home.ok(["run", "--name", "second", "--", "true"]);
    assert_eq!(home.ok(["cat", "second", "notes.txt"]), "not for everybody");
    home.ok(["verify", "--deep"]);
}

#[test]
fn a_purged_run_is_gone_from_every_list() {
    let home = home();
    home.ok(["run", "--name", "first", "--reason", "a word to be forgotten", "--", "true"]);
    home.ok(["run", "--name", "second", "--", "true"]);
    home.ok(["purge", "first", "--yes"]);
    let _ = home.lab(["show", "first"]).run().code(3);
    assert!(!home.ok(["ls", "-a", "--json"]).contains("forgotten"));
    let _ = home.lab(["grep", "forgotten"]).run().code(1);
    home.ok(["verify", "--deep"]);
    home.ok(["rebuild"]);
    let _ = home.lab(["show", "first"]).run().code(3);
    home.ok(["show", "second"]);
}

#[test]
fn reports_say_what_happened_and_not_what_did_not() {
    let home = home();
    home.run_script("true");
    assert_eq!(home.ok(["gc", "--dry-run"]).lines().next(), Some("There is nothing to drop"));
    assert!(!home.ok(["gc", "--dry-run"]).contains("trash"));
    let out = home.ok(["verify"]);
    assert!(out.starts_with("Everything is whole: "), "{out}");
    assert!(!out.contains("\n\n\n"), "{out}");
    let report = json(&home.ok(["verify", "--json"]));
    assert!(report["about"]["records"].as_u64().unwrap() > 0);
}
