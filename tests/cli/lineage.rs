//! `lab lineage`: runs linked by the bytes that one wrote and another one read.

use serde_json::Value;

use crate::{home, json};

/// Name → text of the cell in `column`.
fn column(page: &Value, table: &str, column: &str) -> Vec<(String, Value)> {
    let rows = page[table].as_array().expect("because it is a table").iter();
    rows.map(|row| (row["path"].as_str().expect("because it is text").to_owned(), row[column].clone())).collect()
}

#[test]
fn inputs_come_from_runs_and_outputs_go_to_runs() {
    let home = home();
    let data = home.path("shared.csv");
    std::fs::write(&data, "1,2\n").unwrap();
    let train = format!("cat {} conf.yaml > model.bin", data.display());
    home.write("conf.yaml", "lr: 1\n");
    home.ok(["-q", "run", "--name", "train", "--", "sh", "-c", &train]);
    home.ok(["-q", "run", "--name", "score", "--", "sh", "-c", "cat < model.bin > score.txt"]);
    let train_page = json(&home.ok(["lineage", "train", "--json"]));
    let score_page = json(&home.ok(["lineage", "score", "--json"]));
    let [id, other] = ["train", "score"].map(|name| json(&home.ok(["show", name, "--json"]))["about"]["id"].clone());
    assert_eq!(
        column(&train_page, "inputs", "kept"),
        [
            (data.canonicalize().unwrap().display().to_string(), "only hashed".into()),
            ("conf.yaml".into(), "kept".into())
        ]
    );
    assert_eq!(column(&train_page, "outputs", "to"), [("model.bin".to_owned(), serde_json::json!([other]))]);
    assert_eq!(column(&score_page, "inputs", "from"), [("model.bin".to_owned(), serde_json::json!([id]))]);
    assert_eq!(column(&score_page, "stale", "reason"), []);
    let file = home.ok(["lineage", "model.bin"]);
    assert!(file.starts_with("model.bin · written by 1 run, read by 1 run"), "{file}");
    assert!(home.ok(["show", "train"]).contains("2 files read, 1 not in the notebook · 1 written"));
    // It is in the packs: an index that is made anew says the same.
    home.ok(["rebuild"]);
    assert_eq!(json(&home.ok(["lineage", "train", "--json"])), train_page);
    assert!(home.lab(["lineage", "no-such-file.txt"]).run().code(3).err.contains("No run is known"));
}

#[test]
fn results_are_stale_when_what_they_come_from_has_changed() {
    let home = home();
    let reason = |run: &str| column(&json(&home.ok(["lineage", run, "--json"])), "stale", "reason");
    home.write("raw.csv", "1\n");
    home.ok(["-q", "run", "--name", "clean", "--", "sh", "-c", "cat raw.csv > clean.csv"]);
    home.ok(["-q", "run", "--name", "plot", "--", "sh", "-c", "cat clean.csv > plot.txt"]);
    assert_eq!(reason("plot"), []);
    home.write("raw.csv", "other\n");
    assert_eq!(reason("clean"), [("raw.csv".to_owned(), "changed".into())]);
    assert_eq!(reason("plot"), [("clean.csv".to_owned(), "upstream".into())]);
    home.ok(["-q", "run", "--name", "again", "--", "sh", "-c", "cat raw.csv > clean.csv"]);
    assert_eq!(reason("plot"), [("clean.csv".to_owned(), "rewritten".into())]);
    std::fs::remove_file(home.project().join("raw.csv")).unwrap();
    assert_eq!(reason("again"), [("raw.csv".to_owned(), "gone".into())]);
}

#[test]
fn a_run_that_is_not_traced_says_so() {
    let home = home();
    home.ok(["-q", "run", "--trace=off", "--", "sh", "-c", "mkdir out; echo 1 > out/model.bin"]);
    let page = home.ok(["lineage"]);
    assert!(page.contains("which files it read is not known"), "{page}");
    assert!(page.contains("out/model.bin"), "{page}");
    home.write("lab.toml", "[run]\ntrace = 'off'\n");
    home.ok(["-q", "run", "--", "cat", "lab.toml"]);
    assert!(home.ok(["lineage"]).contains("not known"));
    assert!(home.lab(["run", "--trace=some", "--", "true"]).run().code(2).err.contains("full or off"));
}

#[test]
fn files_that_are_made_and_renamed_or_removed_are_told_by_their_last_name() {
    let home = home();
    home.write("old.txt", "old\n");
    let script = "echo a > tmp; mv tmp final; echo b > scratch; cat scratch; rm scratch old.txt";
    home.ok(["-q", "run", "--", "sh", "-c", script]);
    let page = json(&home.ok(["lineage", "--json"]));
    assert_eq!(column(&page, "outputs", "kept"), [("final".to_owned(), "kept".into())]);
    assert_eq!(column(&page, "inputs", "kept"), []);
    assert!(home.ok(["lineage"]).contains("1 written · 1 removed"));
}
