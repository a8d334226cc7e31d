use crate::{home, json};

#[test]
fn without_a_notebook_there_is_a_hint_and_nothing_is_made() {
    let home = home();
    for arguments in [&["ls"][..], &["show"], &["diff"], &["verify"], &["undo"], &["projects"]] {
        let ended = home.lab(arguments).run().code(3);
        assert!(ended.err.starts_with("error: "), "{}", ended.err);
        assert!(ended.err.contains("\nhint: "), "{}", ended.err);
        assert_eq!(ended.out, "");
    }
    assert!(!home.notebook().exists());
}

#[test]
fn errors_are_json_when_json_is_wanted() {
    let ended = home().lab(["ls", "--json"]).run().code(3);
    let error = json(&ended.err);
    assert_eq!(error["error"]["kind"], "missing");
    assert_eq!(error["error"]["exit_code"], 3);
    assert!(error["error"]["hint"].is_string());
}

#[test]
fn wrong_requests_end_with_two() {
    let home = home();
    home.run_script("true");
    for arguments in [
        &["nonsense"][..],
        &["run"],
        &["run", "--keep", "data=all", "true"],
        &["ls", "--status", "fine"],
        &["log", "loss=high"],
        &["cat", "@"],
        &["cat", "@", "../secret"],
        &["cat", "@", "/etc/passwd"],
        &["ls", "--columns", "weight"],
        &["purge"],
        &["tag", "@", "two words"],
        &["rename", "@", "@x"],
        &["help", "nonsense"],
        &["--color", "sometimes", "ls"],
    ] {
        let ended = home.lab(arguments).run().code(2);
        assert!(ended.err.contains("error: "), "{arguments:?}: {}", ended.err);
    }
}

#[test]
fn unknown_runs_end_with_three_and_a_hint() {
    let home = home();
    home.run_script("true");
    for spec in ["nonsense", "@-9", "tag:none", "ffffffffffff"] {
        let ended = home.lab(["show", spec]).run().code(3);
        assert!(ended.err.contains("hint: "), "{spec}: {}", ended.err);
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let home = home();
    home.run_script("true");
    let mut command = home.lab(["help"]).into_command();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_directory_that_is_gone_is_named() {
    let ended = home().lab(["-C", "nowhere", "ls"]).run().code(3);
    assert!(ended.err.contains("nowhere"), "{}", ended.err);
}
