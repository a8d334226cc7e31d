//! What a person says about runs, and what they look up.

use crate::{home, json};

#[test]
fn names_tags_stars_and_notes() {
    let home = home();
    home.ok(["-q", "run", "--reason", "to see", "--", "true"]);
    home.ok(["rename", "@", "champion"]);
    home.ok(["tag", "champion", "best", "paper"]);
    home.ok(["untag", "tag:best", "paper"]);
    home.ok(["star", "champion"]);
    home.ok(["note", "champion", "--outcome", "worked", "well"]);
    let _ = home.lab(["note", "champion", "-"]).input("from a pipe\n").run().ok();
    let page = json(&home.ok(["show", "tag:best", "--json"]));
    assert_eq!(page["about"]["name"], "champion");
    assert_eq!(page["about"]["tags"], serde_json::json!(["best"]));
    assert_eq!(page["about"]["marks"], serde_json::json!(["starred"]));
    let notes: Vec<&str> =
        page["notes"].as_array().unwrap().iter().map(|note| note["text"].as_str().unwrap()).collect();
    for words in ["to see", "worked well", "from a pipe"] {
        assert!(notes.contains(&words), "{notes:?}");
    }
}

/// A PNG of one white pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\x0aIDATx\x9cc\xf8\x0f\0\x01\x01\x01\0\
    \x1b\xb6\xee\x56\0\0\0\0IEND\xaeB\x60\x82";

#[test]
fn a_note_keeps_the_pictures_that_it_shows() {
    let home = home();
    home.ok(["-q", "run", "--", "true"]);
    let shown = |words: &str| {
        home.ok(["note", "@", words]);
        let page = json(&home.ok(["show", "--json"]));
        page["notes"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_owned()
    };
    home.write("my plot.png", PIXEL);
    home.write("large.png", [PIXEL, &[0; 4 << 20]].concat());
    home.write("words.png", "no picture");
    let kept = shown("see ![loss](<my plot.png>).");
    let hash = kept.strip_prefix("see ![loss](picture:").and_then(|rest| rest.strip_suffix(").")).expect(&kept);
    assert_eq!(hash.len(), 64);
    let copied = shown(&format!("as before: ![loss](picture:{hash})"));
    assert!(copied.ends_with(&format!("(picture:{hash})")));
    for other in ["![a](words.png)", "![a](gone.png)", "![a](.)", "![a](https://example.org/a.png)"] {
        assert_eq!(shown(other), other);
    }
    let unknown = format!("![a](picture:{})", "7".repeat(64));
    assert_eq!(shown(&unknown), unknown);
    let refused = home.lab(["note", "@", "![a](large.png)"]).run().code(2);
    assert!(refused.err.contains("larger than 4 MiB"), "{}", refused.err);
    // It lies in the notebook, for as long as the note does.
    std::fs::remove_file(home.project().join("my plot.png")).unwrap();
    home.ok(["gc"]);
    home.ok(["verify", "--deep"]);
    home.ok(["rebuild"]);
    assert_eq!(shown(&copied), copied);
}

#[test]
fn an_editor_writes_notes() {
    let home = home();
    home.ok(["-q", "run", "--", "true"]);
    let _ = home.lab(["note", "@", "--edit"]).env("EDITOR", "printf edited >").run().ok();
    assert!(home.ok(["show"]).contains("edited"));
    let ended = home.lab(["note", "@", "--edit"]).env("EDITOR", "false").run().code(7);
    assert!(ended.err.contains("nothing was noted"), "{}", ended.err);
}

#[test]
fn removed_runs_come_back() {
    let home = home();
    home.ok(["-q", "run", "--name", "one", "--", "true"]);
    assert!(home.lab(["rm", "one"]).run().code(2).err.contains("--yes"));
    home.ok(["rm", "one", "--yes"]);
    assert!(!home.ok(["ls"]).contains("one "));
    home.ok(["rm", "--undo", "one"]);
    assert!(home.ok(["ls"]).contains("one "));
}

#[test]
fn hidden_runs_are_listed_only_when_asked() {
    let home = home();
    home.ok(["-q", "run", "--name", "shy", "--", "true"]);
    home.ok(["hide", "shy"]);
    assert!(!home.ok(["ls"]).contains("shy"));
    assert!(home.ok(["ls", "-a"]).contains("shy"));
    home.ok(["hide", "--undo", "shy"]);
    assert!(home.ok(["ls"]).contains("shy"));
}

#[test]
fn files_come_out_as_they_were() {
    let home = home();
    let bytes = [0u8, 159, 146, 150, 10, 13];
    home.write("data/x.bin", bytes);
    home.ok(["-q", "run", "--name", "one", "--", "true"]);
    home.write("data/x.bin", "other");
    assert_eq!(home.lab(["cat", "one:data/x.bin"]).run().ok().bytes, bytes);
    assert_eq!(home.lab(["cat", "one", "data/x.bin"]).run().ok().bytes, bytes);
    assert!(home.ok(["files", "one"]).contains("data/x.bin"));
    assert!(home.lab(["cat", "one", "none"]).run().code(3).err.contains("lab files one"));
}

#[test]
fn grep_finds_code_notes_and_logs() {
    let home = home();
    home.write("train.py", "dropout = 0.5\n");
    home.ok(["-q", "run", "--reason", "try needle", "--", "sh", "-c", "echo printed needle"]);
    let hits = |arguments: &[&str]| -> Vec<String> {
        let page = json(&home.ok(["grep", "--json"].iter().chain(arguments)));
        page["hits"].as_array().unwrap().iter().map(|hit| hit["place"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(hits(&["dropout"]), ["code"]);
    assert_eq!(hits(&["DROPOUT", "-i"]), ["code"]);
    let mut places = hits(&["needle"]);
    places.sort();
    assert_eq!(places, ["logs", "notes"]);
    let _ = home.lab(["grep", "nowhere to be found"]).run().code(1);
}

#[test]
fn comparisons_name_causes_and_effects() {
    let home = home();
    home.write("t.py", "import json\nprint('acc=0.5')\n").write("c.json", "{\"lr\": 0.1}");
    home.ok(["-q", "run", "--name", "a", "--", "python3", "t.py"]);
    home.write("t.py", "import json\nprint('acc=0.75')\n");
    home.ok(["-q", "run", "--name", "b", "--", "python3", "t.py"]);
    let out = home.ok(["diff", "a", "b"]);
    assert!(out.starts_with("code (t.py) differs · acc 0.5 → 0.75 (+0.25, better)"), "{out}");
    assert!(out.contains("-print('acc=0.5')\n+print('acc=0.75')"), "{out}");
    let without_ages = |out: &str| out.lines().filter(|line| !line.ends_with(" ago")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_ages(&home.ok(["diff", "b"])), without_ages(&out), "one run is compared with its base");
    home.write("t.py", "changed again\n");
    let tree = json(&home.ok(["diff", "b", ".", "--json"]));
    assert_eq!(tree["files"][0]["path"], "t.py");
    assert_eq!(json(&home.ok(["diff", "a", "b", "--config", "--json"]))["code"], serde_json::json!([]));
}

#[test]
fn maintenance_says_that_all_is_well() {
    let home = home();
    home.write("a.py", "x");
    home.ok(["-q", "run", "--", "true"]);
    assert!(home.ok(["verify", "--deep"]).contains("Everything is whole"));
    let before = home.ok(["ls", "--json", "--all-projects"]);
    std::fs::remove_file(home.notebook().join("notebook.db")).unwrap();
    home.ok(["rebuild"]);
    assert_eq!(home.ok(["ls", "--json", "--all-projects"]), before);
    home.ok(["gc", "--dry-run"]);
    home.ok(["gc"]);
    assert!(home.ok(["verify", "--deep"]).contains("Everything is whole"));
}

#[test]
fn settings_have_a_template() {
    let home = home();
    assert!(home.ok(["config", "--template"]).contains("keep"));
    home.ok(["init"]);
    assert!(home.read("lab.toml").starts_with(b"#"));
    assert!(home.ok(["config"]).contains("lab.toml over the defaults"));
    home.write("lab.toml", "nonsense = 1\n");
    let ended = home.lab(["config"]).run();
    assert_ne!(ended.code, Some(0));
    assert!(ended.err.contains("nonsense"), "{}", ended.err);
}
