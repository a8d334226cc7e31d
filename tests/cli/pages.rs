use std::process::Stdio;

use crate::{home, json};

#[test]
fn a_comparison_shows_causes_line_by_line() {
    let home = home();
    home.write("train.py", "print('acc=0.5')\n").write("conf.yaml", "lr: 0.1\nlayers: 2\n");
    home.ok(["run", "--name", "one", "--", "python3", "train.py", "--config", "conf.yaml"]);
    home.write("train.py", "print('acc=0.7')\n").write("conf.yaml", "lr: 0.2\nlayers: 2\n");
    home.ok(["run", "--name", "two", "--", "python3", "train.py", "--config", "conf.yaml"]);
    let page = home.ok(["diff", "one", "two"]);
    let (headline, rest) = page.split_once('\n').unwrap();
    assert_eq!(
        headline,
        "code (train.py), config (conf.yaml), parameters (lr) differ · acc 0.5 → 0.7 (+0.2, better) · one run each: cannot \
         tell whether it is more than noise"
    );
    let causes = rest.find("\nParameters\n").unwrap();
    let metrics = rest.find("\nMetrics\n").unwrap();
    assert_eq!(
        &rest[causes..metrics],
        "\nParameters\n  Parameter  one  two\n  lr         0.1  0.2\n\n\
         Files\n  Change   Path       Role    Left  Right\n  changed  train.py   code    17 B   17 B\n  \
         changed  conf.yaml  config  18 B   18 B\n\n\
         Config\nconf.yaml  +1 −1\n@@ -1 +1 @@\n-lr: 0.1\n+lr: 0.2\n layers: 2\n\n\
         Code\ntrain.py  +1 −1\n@@ -1 +1 @@\n-print('acc=0.5')\n+print('acc=0.7')\n"
    );
    let packages = home.ok(["diff", "one", "two", "--packages"]);
    assert!(packages.starts_with("No cause in what was compared"), "{packages}");
    assert!(!packages.contains("not reproducible"), "{packages}");
}

#[test]
fn what_earlier_runs_left_behind_is_no_cause() {
    let home = home();
    let script = "mkdir -p out; date +%s%N > out/model.bin";
    for name in ["one", "two", "three"] {
        home.ok(["run", "--name", name, "--", "sh", "-c", script]);
    }
    let page = home.ok(["diff", "two", "three"]);
    assert!(page.starts_with("Nothing that could be a cause differs"), "{page}");
    assert!(!page.contains("\nFiles\n"), "{page}");
    assert!(page.contains("output out/model.bin"), "{page}");
}

#[test]
fn a_run_that_goes_on_can_be_looked_at() {
    let home = home();
    home.write("wait.sh", "echo loss=0.5\nread line < gate\necho loss=0.25\n");
    assert!(std::process::Command::new("mkfifo").arg(home.project().join("gate")).status().unwrap().success());
    let mut run = home.lab(["-q", "run", "--name", "going", "--", "sh", "wait.sh"]).into_command();
    let mut child = run.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    // Each look is a process of its own: that is pause enough.
    let page = (0..2000).find_map(|_| {
        let ended = home.lab(["show", "going", "--json"]).run();
        let page = if ended.code == Some(0) { json(&ended.out) } else { return None };
        (!page["metrics"].as_array().unwrap().is_empty()).then_some(page)
    });
    let page = page.expect("the run shows its first metric");
    assert_eq!(page["about"]["status"], "running");
    assert_eq!(page["metrics"][0]["last"], 0.5);
    assert_eq!(home.ok(["show", "going", "--log"]), "loss=0.5\n");
    assert!(home.ok(["ls"]).contains("… running"));
    assert!(home.ok(["show", "going"]).starts_with("running · first run of this command here · loss 0.5"));
    home.ok(["log", "--run", "going", "mood=3", "--step", "7"]);
    std::fs::write(home.project().join("gate"), "go\n").unwrap();
    assert!(child.wait().unwrap().success());
    let page = json(&home.ok(["show", "going", "--json"]));
    assert_eq!(page["about"]["status"], "done");
    let last = |key: &str| {
        let metrics = page["metrics"].as_array().unwrap().iter();
        metrics.filter(|row| row["metric"] == key).map(|row| row["last"].as_f64().unwrap()).next()
    };
    assert_eq!((last("loss"), last("mood")), (Some(0.25), Some(3.0)));
    let _ = home.lab(["log", "--run", "going", "mood=4"]).run().code(2);
}

#[test]
fn a_long_log_comes_whole_and_a_reader_may_leave_early() {
    let home = home();
    home.ok(["-q", "run", "--", "seq", "1", "50000"]);
    let log = home.ok(["show", "--log"]);
    assert_eq!(log.lines().count(), 50_000);
    assert!(log.starts_with("1\n2\n") && log.ends_with("\n49999\n50000\n"));
    assert_eq!(json(&home.ok(["show", "--log", "--json"])).as_array().unwrap().len(), 50_000);
    let mut command = home.lab(["show", "--log"]).into_command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn settings_in_force_are_shown() {
    let home = home();
    assert!(home.ok(["config"]).contains("these are the defaults"));
    home.write("lab.toml", "ignore = ['*.tmp']\n[data]\nkeep = 'hash'\nfile_limit = '1 MiB'\n");
    let page = json(&home.ok(["config", "--json"]));
    assert_eq!(page["settings"]["ignore"], serde_json::json!(["*.tmp"]));
    assert_eq!(page["roles"][2]["keep"], "hash");
    assert_eq!(page["roles"][2]["file_limit_bytes"], 1 << 20);
    home.write("lab.toml", "\n[data]\nkeep = 'half'\n");
    let ended = home.lab(["config"]).run().code(2);
    assert!(ended.err.contains("lab.toml:3") && ended.err.contains("hint: "), "{}", ended.err);
}

#[test]
fn lab_toml_names_another_notebook() {
    let home = home();
    home.write("lab.toml", "notebook = '../elsewhere'\n").write("deep/er/file.py", "x");
    let inside = home.project().join("deep/er");
    let _ = home.lab(["run", "--", "true"]).env("LAB_NOTEBOOK", "").within(&inside).run().ok();
    assert!(home.path("elsewhere/notebook.toml").is_file());
    assert!(!home.notebook().exists());
    let listed = home.lab(["ls", "--json"]).env("LAB_NOTEBOOK", "").run().ok();
    assert_eq!(json(&listed.out)["total"], 1);
}

#[test]
fn only_as_many_runs_as_asked_for_and_the_number_of_all() {
    let home = home();
    for _ in 0..3 {
        home.run_script("true");
    }
    let out = home.ok(["ls", "-n", "2"]);
    assert!(out.contains("2 of 3 runs, `-n 0` lists all"), "{out}");
    home.ok(["hide", "@"]);
    let page = json(&home.ok(["ls", "--json", "-n", "1"]));
    assert_eq!((page["total"].clone(), page["runs"].as_array().unwrap().len()), (2.into(), 1));
    assert_eq!(json(&home.ok(["ls", "--json", "-n", "1", "-a"]))["total"], 3);
    let ended = home.lab(["show", "@-5"]).run().code(3);
    assert!(ended.err.contains("only 2 runs"), "{}", ended.err);
}

#[test]
fn a_changed_base_is_found_among_all_runs_of_the_script() {
    let home = home();
    home.write("a.py", "print('acc=1')\n").write("b.py", "print('acc=2')\n");
    home.ok(["run", "--name", "base", "--", "python3", "a.py"]);
    for _ in 0..7 {
        home.ok(["-q", "run", "--", "python3", "b.py"]);
    }
    home.ok(["run", "--name", "last", "--", "python3", "a.py", "--lr", "1"]);
    let page = json(&home.ok(["show", "last", "--json"]));
    assert_eq!(page["headline"], "config (lr unset → 1) changed since base · acc 1, unchanged");
    let list = json(&home.ok(["ls", "--json"]));
    assert_eq!(list["runs"][0]["changed"], page["chips"]["changed"], "{list}");
}

#[test]
fn undo_and_redo_say_what_comes_next() {
    let home = home();
    home.write("a.py", "1");
    home.ok(["run", "--name", "one", "--", "true"]);
    home.write("a.py", "2");
    assert!(home.ok(["restore", "one", "--yes"]).contains("1 changed, 0 removed · `lab undo` goes back"));
    assert!(home.ok(["undo", "--yes"]).starts_with("The files are as before: 0 created, 1 changed"));
    assert!(home.ok(["redo", "--yes"]).starts_with("The files are restored again: "));
    assert_eq!(home.read("a.py"), b"1");
}

#[test]
fn seeds_are_named_once_and_only_seeds_are_noise() {
    let home = home();
    home.write("t.py", "import sys\nprint('acc=0.' + sys.argv[2])\n");
    home.ok(["run", "--name", "one", "--", "python3", "t.py", "--seed", "1"]);
    home.ok(["run", "--name", "two", "--", "python3", "t.py", "--seed", "2"]);
    let page = home.ok(["diff", "one", "two"]);
    let headline = page.lines().next().unwrap();
    assert_eq!(
        headline,
        "parameters (seed) differ · acc 0.1 → 0.2 (+0.1, better) · only the seed differs: this is the noise"
    );
    assert!(!page.contains("seed seed"), "{page}");
    let seeds = json(&home.ok(["diff", "one", "two", "--seeds", "--json"]));
    assert_eq!(seeds["causes"][0]["name"], "seed");
}
