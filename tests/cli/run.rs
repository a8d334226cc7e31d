use std::os::unix::fs::PermissionsExt;

use crate::{home, json};

#[test]
fn exit_code_and_streams_are_the_commands_own() {
    let home = home();
    let ended = home.lab(["-q", "run", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]).run().code(7);
    assert_eq!(ended.out, "out\n");
    assert_eq!(ended.err, "err\n");
}

#[test]
fn the_first_run_of_a_new_person_is_kept() {
    let home = home();
    let fresh = home.path("fresh");
    let lab =
        |words: &[&str]| home.lab(words).without("LAB_NOTEBOOK").without("LAB_KEY_FILE").env("HOME", &fresh).run();
    let _ = lab(&["run", "--", "true"]).ok();
    assert!(fresh.join(".local/share/lab/notebook.toml").is_file());
    assert_eq!(json(&lab(&["ls", "--json"]).ok().out)["total"], 1);
    // Where a named notebook should lie, a disk may just be missing: nothing is made there.
    let unmounted = home.path("disk/notebook");
    let ended = home.lab(["run", "--", "true"]).env("LAB_NOTEBOOK", &unmounted).run().ok();
    assert!(ended.err.contains("not kept") && !home.path("disk").exists(), "{}", ended.err);
}

#[test]
fn a_signal_ends_lab_the_same_way() {
    let home = home();
    let ended = home.lab(["-q", "run", "--", "sh", "-c", "kill -TERM $$"]).run();
    assert_eq!(ended.signal, Some(15), "{ended:?}");
    let ended = home.lab(["show", "--json"]).run().ok();
    let page = json(&ended.out);
    assert_eq!(page["about"]["status"], "killed");
    assert!(page["headline"].as_str().unwrap().starts_with("killed by SIGTERM · "), "{}", page["headline"]);
}

#[test]
fn one_line_says_what_was_kept_and_one_what_changed() {
    let home = home();
    home.write("train.py", "print('acc=0.5')\n");
    let first = home.lab(["run", "--name", "one", "python3", "train.py"]).run().ok();
    assert_eq!(first.out, "acc=0.5\n");
    assert!(first.err.contains("kept as one ("), "{}", first.err);
    assert!(first.err.contains("first run of this command here · acc 0.5"), "{}", first.err);
    home.write("train.py", "print('acc=0.7')\n");
    let second = home.lab(["run", "--", "python3", "train.py"]).run().ok();
    assert!(second.err.contains("code (train.py) changed since one · acc 0.7 (+0.2, better)"), "{}", second.err);
    let third = home.lab(["run", "--", "python3", "train.py"]).run().ok();
    assert!(third.err.contains("same code, config, data and environment"), "{}", third.err);
}

#[test]
fn a_failed_run_shows_its_traceback_first() {
    let home = home();
    home.write("train.py", "print('acc=0.5')\nraise ValueError('no luck')\n");
    let ended = home.lab(["run", "--", "python3", "train.py"]).run().code(1);
    assert!(ended.err.contains("ValueError: no luck · first run"), "{}", ended.err);
    let page = home.ok(["show"]);
    let failure = page.find("Traceback (most recent call last)").expect("the traceback");
    assert!(failure < page.find("Command").expect("the command"), "{page}");
    assert!(home.ok(["show", "--traceback"]).contains("ValueError: no luck"));
    assert!(home.ok(["show", "--log"]).starts_with("acc=0.5\n"));
}

#[test]
fn a_command_that_is_not_there_is_an_error() {
    let home = home();
    let ended = home.lab(["run", "--", "no-such-program"]).run().code(127);
    assert!(ended.err.contains("no-such-program"), "{}", ended.err);
}

#[test]
fn a_container_whose_group_lies_outside_is_no_trouble() {
    let home = home();
    let inside = |arguments: &[&str]| {
        let lab = home.lab(arguments).into_command();
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork"]).arg(lab.get_program()).args(lab.get_args());
        command.current_dir(home.project()).env_clear();
        command.envs(lab.get_envs().filter_map(|(name, value)| Some((name, value?))));
        lab_testkit::Ended::from_output(&command.output().unwrap())
    };
    if inside(&["--version"]).code != Some(0) {
        eprintln!("not tested: this machine gives no namespaces to users");
        return;
    }
    let ended = inside(&["run", "--", "sh", "-c", "echo out; exit 7"]).code(7);
    assert_eq!(ended.out, "out\n");
    assert!(ended.err.contains("kept as"), "{}", ended.err);
}

#[test]
fn a_notebook_that_cannot_be_made_does_not_stop_the_command() {
    let home = home();
    std::fs::write(home.notebook(), "in the way").unwrap();
    let ended = home.lab(["run", "--", "sh", "-c", "echo ran; exit 4"]).run().code(4);
    assert_eq!(ended.out, "ran\n");
    assert!(ended.err.contains("warning: this run is not kept"), "{}", ended.err);
}

#[test]
fn metrics_come_from_output_file_and_command() {
    let home = home();
    let lab = env!("CARGO_BIN_EXE_lab");
    let script =
        format!("echo loss=0.25; echo '{{\"step\": 1, \"f1\": 0.5}}' >> \"$LAB_METRICS\"; {lab} log extra=3 --step 2");
    home.run_script(&script);
    let page = json(&home.ok(["show", "--json"]));
    let metrics: Vec<(String, f64)> = page["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|metric| !metric["metric"].as_str().unwrap().starts_with("sys/"))
        .map(|metric| (metric["metric"].as_str().unwrap().to_owned(), metric["last"].as_f64().unwrap()))
        .collect();
    for expected in [("loss", 0.25), ("f1", 0.5), ("extra", 3.0)] {
        assert!(metrics.contains(&(expected.0.to_owned(), expected.1)), "{metrics:?}");
    }
}

#[test]
fn the_notebook_is_private() {
    let home = home();
    home.run_script("true");
    let mode = std::fs::metadata(home.notebook()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
