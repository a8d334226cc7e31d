//! `lab watch` and the hooks of shells, as a person meets them.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab_testkit::Home;
use serde_json::Value;

use crate::{home, json};

/// A watcher of one home, gone with the test.
struct Watcher {
    home: Home,
}

impl Watcher {
    fn start() -> Self {
        let home = home();
        std::fs::create_dir_all(home.path("runtime")).expect("a directory");
        let watcher = Self { home };
        watcher.write("train.py", TRAIN);
        let _ = watcher.lab(&["init"]).run().ok();
        let _ = watcher.lab(&["watch", "start"]).run().ok();
        watcher.until_noticing();
        watcher
    }

    fn write(&self, name: &str, content: &str) {
        self.home.write(name, content);
    }

    /// With the machine's own time: ages and samples are real here.
    fn lab(&self, arguments: &[&str]) -> lab_testkit::Lab {
        self.home
            .lab(arguments)
            .without("LAB_TEST_CLOCK")
            .without("LAB_TEST_SEED")
            .env("XDG_RUNTIME_DIR", self.home.path("runtime"))
    }

    fn status(&self) -> Value {
        json(&self.lab(&["watch", "status", "--json"]).run().out)
    }

    fn pid(&self) -> i32 {
        i32::try_from(field(&self.status()["about"], "pid").as_i64().expect("a process")).expect("a process number")
    }

    /// Waits until starts are noticed and all files have been seen once: what is edited from then on is an edit.
    fn until_noticing(&self) {
        until("starts are noticed", || {
            let status = self.status();
            let is_noticing = field(&status["about"], "method").as_str().is_some_and(|name| !name.contains(' '));
            is_noticing
                && status["projects"].as_array().is_some_and(|all| all.iter().all(|one| is(one, "state", "full")))
        });
    }

    /// All runs as `lab ls --json` gives them, newest first.
    fn runs(&self) -> Vec<Value> {
        let page = json(&self.lab(&["ls", "--json", "-n", "0"]).run().ok().out);
        page["runs"].as_array().cloned().unwrap_or_default()
    }

    /// A command of the person's, in the project, without a hook.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.home.project())
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", self.home.path("home"));
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command
    }

    /// Types lines into a shell with the hook; the terminal's text comes back, `None` without that shell.
    fn typed(&self, shell: &str, lines: &[&str]) -> Option<String> {
        // A busy machine is no reason to miss a command here.
        self.typed_below(Path::new("/"), shell, "20", lines)
    }

    /// The same, when the shell waits for the watcher so many seconds, and was started by a script that runs in a directory.
    #[expect(clippy::print_stderr, reason = "what is not tested must be said")]
    fn typed_below(&self, directory: &Path, shell: &str, patience: &str, lines: &[&str]) -> Option<String> {
        let has = |program: &str| {
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        };
        if !has(shell) || !has("python3") {
            eprintln!("not tested: this machine lacks {shell} or python3");
            return None;
        }
        let scratch = self.home.path(format!("scratch-{shell}"));
        std::fs::create_dir_all(&scratch).expect("a directory");
        let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/hook_shell.py");
        let mut command = self.command("python3", &[driver, shell, env!("CARGO_BIN_EXE_lab")]);
        command.arg(self.home.project()).arg(&scratch).current_dir(directory).stdout(Stdio::piped());
        let lab = self.lab(&["ls"]).into_command();
        command.envs(lab.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("LAB_HOOK_PATIENCE", patience);
        let mut child = command.spawn().expect("python3 starts");
        child
            .stdin
            .take()
            .expect("it is piped")
            .write_all(&serde_json::to_vec(lines).expect("strings"))
            .expect("it works");
        let output = child.wait_with_output().expect("it works");
        let told = json(&String::from_utf8_lossy(&output.stdout));
        Some(told["output"].as_str().expect("it works").to_owned())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.lab(&["watch", "stop"]).into_command().output();
    }
}

const PATH: &str = "/usr/bin:/bin";
/// Waits for a line, so that the test decides when it ends.
const TRAIN: &str =
    "import sys\nopen('ready', 'w').close()\nsys.stdin.readline()\nopen('out.txt', 'w').write('1')\nsys.exit(3)\n";
const QUICK: &str = "import sys\nsys.exit(int(sys.argv[1]))\n";

fn field(fields: &Value, key: &str) -> Value {
    fields.get(key).cloned().unwrap_or(Value::Null)
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(180);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

fn is(run: &Value, key: &str, value: &str) -> bool {
    run[key].as_str() == Some(value)
}

#[test]
fn one_process_per_notebook() {
    let watcher = Watcher::start();
    let pid = watcher.pid();
    let again = watcher.lab(&["watch", "start"]).run().ok();
    assert!(again.err.contains(&format!("runs already (process {pid})")), "{}", again.err);
    let second = watcher.lab(&["watch", "--foreground"]).run().code(4);
    assert!(second.err.contains("A watcher runs already"), "{}", second.err);
    assert_eq!(watcher.pid(), pid);
    // No trace of a killed one stands in the way of the next.
    kill(pid);
    until("it is gone", || watcher.lab(&["watch", "status"]).run().code == Some(3));
    let _ = watcher.lab(&["watch", "start"]).run().ok();
    assert_ne!(watcher.pid(), pid);
    let _ = watcher.lab(&["watch", "stop"]).run().ok();
    assert!(watcher.lab(&["watch", "stop"]).run().ok().err.contains("No watcher runs"));
}

#[test]
fn a_run_without_wrapper_or_hook_is_kept() {
    let watcher = Watcher::start();
    let mut child = watcher.command("sh", &["-c", "python3 train.py; exit $?"]).spawn().unwrap();
    until("it runs", || watcher.home.project().join("ready").exists());
    // The run has what stood there at its start.
    watcher.write("train.py", "changed = True\n");
    until("it is kept", || watcher.runs().iter().any(|run| is(run, "status", "running")));
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    until("it is over", || watcher.runs().iter().all(|run| is(run, "status", "failed")));
    assert_eq!(watcher.runs().len(), 1, "{:?}", watcher.runs());
    let page = json(&watcher.lab(&["show", "--json"]).run().ok().out);
    // A machine may be so busy that the start is noticed after the edit: then that is said.
    let is_said = page["missing"].to_string().contains("they changed while it was noticed: train.py");
    assert!(watcher.home.ok(["cat", "@", "train.py"]) == TRAIN || is_said, "{page}");
    assert_eq!(page["about"]["exit_code"], 3, "{page}");
    assert!(page.to_string().contains("out.txt"), "{page}");
    assert!(page["missing"].to_string().contains("what it printed"), "{}", page["missing"]);
}

#[test]
fn a_killed_watcher_does_not_touch_the_run_and_the_next_goes_on() {
    let watcher = Watcher::start();
    let mut child = watcher.command("python3", &["train.py"]).spawn().unwrap();
    until("it is kept", || !watcher.runs().is_empty());
    kill(watcher.pid());
    let _ = watcher.lab(&["watch", "start"]).run().ok();
    watcher.until_noticing();
    assert_eq!(watcher.status()["runs"].as_array().map(Vec::len), Some(1));
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    until("it is over", || watcher.runs().iter().all(|run| is(run, "status", "failed")));
    assert_eq!(watcher.runs().len(), 1);
    let page = json(&watcher.lab(&["show", "--json"]).run().ok().out);
    assert!(page["missing"].to_string().contains("no watcher ran"), "{}", page["missing"]);
}

#[test]
fn ordinary_commands_and_lab_run_leave_no_second_run() {
    let watcher = Watcher::start();
    for command in ["git init -q .; git add train.py", "ls -l | head -2", "true; cat train.py", "sleep 0.01"] {
        watcher.command("sh", &["-c", command]).status().unwrap();
    }
    watcher.write("quick.py", QUICK);
    let _ = watcher.lab(&["run", "--", "python3", "quick.py", "0"]).run().ok();
    // The watcher has seen all of it once it has seen what came last.
    watcher.command("sh", &["-c", "exec /bin/sleep 0.0123"]).status().unwrap();
    until("it has decided", || watcher.status()["decisions"].to_string().contains("0.0123"));
    let runs = watcher.runs();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert!(is(&runs[0], "status", "done"), "{runs:?}");
}

/// Writes what a framework would, and waits for a line.
const FRAMEWORK: &str = "import os, sys\nos.makedirs('lightning_logs/version_0')\n\
    log = open('lightning_logs/version_0/metrics.csv', 'w')\nlog.write('epoch,loss,step\\n0,0.5,1\\n1,0.25,2\\n')\n\
    log.flush()\nsys.stdin.readline()\n";

#[test]
fn metrics_of_frameworks_are_found_without_any_wrapper() {
    let watcher = Watcher::start();
    watcher.write("fit.py", FRAMEWORK);
    let mut child = watcher.command("python3", &["fit.py"]).spawn().unwrap();
    let shown = || watcher.lab(&["show", "--json"]).run().out;
    until("it is kept", || !watcher.runs().is_empty());
    until("its metrics are there while it runs", || shown().contains("\"loss\""));
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    child.wait().unwrap();
    until("it is over", || watcher.runs().iter().all(|run| is(run, "status", "done")));
    let page = json(&shown());
    let loss = page["metrics"].as_array().unwrap().iter().find(|metric| metric["metric"] == "loss").cloned();
    assert_eq!(loss.map(|loss| loss["points"].clone()), Some(2.into()), "{page}");
}

/// What a program on another machine writes is seen as its files alone.
#[test]
fn a_folder_that_grows_without_a_process_is_a_run_until_it_is_quiet() {
    let watcher = Watcher::start();
    // However slow the machine is, nothing is over before this is changed.
    watcher.write("lab.toml", "[watch]\nquiet_seconds = 600\n");
    watcher.write("lightning_logs/version_7/hparams.yaml", "lr: 0.125\n");
    let metrics = watcher.home.project().join("lightning_logs/version_7/metrics.csv");
    let mut steps = 0;
    let mut grow = || {
        steps += 1;
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(&metrics).unwrap();
        let head = if steps == 1 { "epoch,loss,step\n" } else { "" };
        log.write_all(format!("{head}{steps},0.{steps},{steps}\n").as_bytes()).unwrap();
    };
    until("it is a run", || {
        grow();
        watcher.runs().iter().any(|run| is(run, "status", "running"))
    });
    let shown = || json(&watcher.lab(&["show", "--json"]).run().out);
    until("its metrics are there while it runs", || shown().to_string().contains("\"loss\""));
    assert_eq!(watcher.status()["runs"].as_array().map(Vec::len), Some(1));
    watcher.write("lab.toml", "[watch]\nquiet_seconds = 1\n");
    until("it is over", || watcher.runs().iter().all(|run| !is(run, "status", "running")));
    let page = shown();
    let missing = page["missing"].to_string();
    assert!(missing.contains("appeared in lightning_logs/version_7") && missing.contains("for 1 s"), "{missing}");
    assert!(page.to_string().contains("0.125"), "its parameters: {page}");
    // A program that is seen writes such a folder too: it is not another run.
    watcher.write("fit.py", &FRAMEWORK.replace("version_0", "version_8"));
    let mut child = watcher.command("python3", &["fit.py"]).spawn().unwrap();
    until("it is kept", || watcher.runs().len() == 2);
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    child.wait().unwrap();
    until("it is over", || watcher.runs().iter().all(|run| !is(run, "status", "running")));
    // The same walk that would find that folder finds a later one. What comes right after a run may be of that run, so
    // there are several, and all of them grow.
    let mut size = 0;
    until("a later folder is a run", || {
        size += 1;
        for number in 0..=size {
            watcher.write(&format!("runs/later-{number}/events.out.tfevents.1.host"), &" ".repeat(size));
        }
        watcher.runs().len() > 2
    });
    let runs = watcher.runs();
    let others = runs.iter().filter(|run| !run.to_string().contains("runs/later")).count();
    assert_eq!(others, 2, "{runs:?}");
}

#[test]
fn a_watcher_without_its_notebook_ends() {
    let watcher = Watcher::start();
    let stat = format!("/proc/{}/stat", watcher.pid());
    std::fs::rename(watcher.home.path("notebook"), watcher.home.path("moved")).unwrap();
    // Where nobody waits for orphans, as in many containers, it stays behind as a zombie.
    until("it is gone", || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z ")));
}

#[test]
fn the_last_attempt_is_pointed_out_when_it_failed() {
    let home = home();
    home.write("a.sh", "exit 3");
    let _ = home.lab(["run", "--", "sh", "a.sh"]).run().code(3);
    home.write("a.sh", "true");
    let told = home.lab(["run", "--", "sh", "a.sh"]).run().ok().err;
    assert!(told.contains("last attempt:") && told.contains("which failed"), "{told}");
    home.write("a.sh", "echo");
    assert!(!home.lab(["run", "--", "sh", "a.sh"]).run().ok().err.contains("last attempt"));
}

#[test]
fn projects_come_and_go() {
    let watcher = Watcher::start();
    let other = watcher.home.path("other");
    std::fs::create_dir_all(&other).unwrap();
    let _ = watcher.lab(&["watch", "add", other.to_str().unwrap()]).run().ok();
    let names = || watcher.status()["projects"].to_string();
    assert!(names().contains("\"other\""), "{}", names());
    std::fs::rename(&other, watcher.home.path("elsewhere")).unwrap();
    until("it is missed", || names().contains("gone"));
    std::fs::rename(watcher.home.path("elsewhere"), &other).unwrap();
    let _ = watcher.lab(&["watch", "remove", other.to_str().unwrap()]).run().ok();
    assert!(!names().contains("\"other\""), "{}", names());
}

#[test]
fn a_service_is_written_without_root() {
    let home = home();
    let told = home.lab(["watch", "install"]).run().ok();
    let unit = std::fs::read_to_string(home.path("home/.config/systemd/user/lab-watch.service")).unwrap();
    assert!(unit.contains("lab\" watch --foreground --notebook \"") && unit.contains("KillMode=process"), "{unit}");
    assert!(told.err.contains("Wrote"), "{}", told.err);
    assert!(home.lab(["watch", "uninstall"]).run().ok().err.contains("Removed"));
}

/// The same in every shell: what was typed is kept with its exit code, the rest is left alone.
fn check_shell(shell: &str) {
    let watcher = Watcher::start();
    watcher.write("quick.py", QUICK);
    let lines = [
        "echo hello",
        "python3 quick.py 3",
        " python3 quick.py 4",
        "ls",
        "python3 quick.py 0",
        "cd /",
        "python3 -V",
        "cd -",
        "python3 quick.py 3",
    ];
    let Some(shown) = watcher.typed(shell, &lines) else { return };
    until("all are over", || {
        let runs = watcher.runs();
        runs.len() >= 3 && runs.iter().all(|run| !is(run, "status", "running"))
    });
    let runs = watcher.runs();
    let ended: Vec<String> = runs.iter().map(|run| format!("{} {}", run["status"], run["command"])).collect();
    let failed = "\"failed\" [\"python3\",\"quick.py\",\"3\"]";
    assert_eq!(ended, [failed, "\"done\" [\"python3\",\"quick.py\",\"0\"]", failed], "{shown}");
    assert!(shown.contains("same as"), "{shown}");
    let page = json(&watcher.lab(&["show", "--json"]).run().ok().out);
    assert_eq!(page["about"]["exit_code"], 3);
    let status = watcher.status()["decisions"].to_string();
    assert!(!status.contains("quick.py 4") && status.contains("a space stood before it"), "{status}");
}

#[test]
fn bash_tells_what_is_typed() {
    check_shell("bash");
}

#[test]
fn zsh_tells_what_is_typed() {
    check_shell("zsh");
}

#[test]
fn fish_tells_what_is_typed() {
    check_shell("fish");
}

/// Keeps the notebook from being written until it is told to end.
const HOLD: &str = "import sqlite3, sys\nindex = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
    index.execute('begin immediate')\nprint('held', flush=True)\nsys.stdin.readline()\n";

/// Terminals and agents are scripts that run in the project and become runs themselves. The watcher cannot keep them before
/// the first line below them is typed and started.
#[test]
fn what_is_typed_below_a_run_is_a_run_of_its_own() {
    let watcher = Watcher::start();
    let project = watcher.home.project();
    watcher.write("quick.py", "import sys, time\nopen('ready', 'w').close()\ntime.sleep(float(sys.argv[1]))\n");
    let mut hold = watcher.command("python3", &["-c", HOLD]);
    let hold = hold.arg(watcher.home.path("notebook/notebook.db")).current_dir("/").stdout(Stdio::piped());
    let mut hold = hold.spawn().unwrap();
    let mut held = [0; 5];
    hold.stdout.take().unwrap().read_exact(&mut held).unwrap();
    let lines = ["0.5", "0", "0.01", "1.5"].map(|seconds| format!("python3 quick.py {seconds}"));
    let lines = lines.each_ref().map(String::as_str);
    let shown = std::thread::scope(|scope| {
        let typing = scope.spawn(|| watcher.typed_below(&project, "bash", "1", &lines));
        until("the first line has started", || project.join("ready").exists() || typing.is_finished());
        hold.stdin.take().unwrap().write_all(b"\n").unwrap();
        hold.wait().unwrap();
        typing.join().unwrap()
    });
    let Some(shown) = shown else { return };
    let runs = || watcher.runs();
    let has = |run: &Value, words: &str| run["command"].to_string().contains(words);
    // It is the last one to end.
    until("the script is over", || runs().iter().any(|run| is(run, "status", "done") && has(run, "hook_shell.py")));
    until("all are over", || runs().iter().all(|run| is(run, "status", "done")));
    for line in lines {
        let words = serde_json::json!(line.split(' ').collect::<Vec<_>>()).to_string();
        let count = runs().iter().filter(|run| has(run, &words)).count();
        assert_eq!(count, 1, "{line}: {shown}\n{:?}\n{}", runs(), watcher.status()["decisions"]);
    }
    assert_eq!(runs().len(), 5);
}

/// A watcher that was killed and that nobody has collected reads no more: whoever wrote to it would wait for ever.
#[test]
fn a_shell_is_not_held_by_a_watcher_that_is_a_zombie() {
    let watcher = Watcher::start();
    let hook = watcher.home.path("notebook").join("watch/hook");
    let place = std::fs::read_to_string(&hook).unwrap();
    let _ = watcher.lab(&["watch", "stop"]).run().ok();
    let mut zombie = Command::new("true").spawn().unwrap();
    let stat = format!("/proc/{}/stat", zombie.id());
    until("it has ended", || std::fs::read_to_string(&stat).unwrap().contains(") Z "));
    let (_, rest) = place.split_once('\n').unwrap();
    std::fs::write(&hook, format!("1 {}\n{rest}", zombie.id())).unwrap();
    for shell in ["fish", "bash", "zsh"] {
        let Some(shown) = watcher.typed_below(Path::new("/"), shell, "0.01", &["echo fir''st", "echo sec''ond"]) else {
            continue;
        };
        assert!(shown.contains("first") && shown.contains("second"), "{shell}: {shown}");
    }
    zombie.wait().unwrap();
}

/// Habits of people's startup files that a hook must leave as they are.
#[test]
fn the_hook_of_bash_breaks_nothing() {
    let watcher = Watcher::start();
    let lines = [
        "trap 'echo \"trapped $BASH_COMMAND\" >> traps' DEBUG; set -u",
        "echo one | tr a-z A-Z; (exit 3)",
        "echo \"status $? last $_\"",
        "f() { local x=1; echo \"in f $1\"; return 4; }; f a; echo \"f gave $?\"",
        "for i in 1 2; do\necho \"loop $i\"; done",
        "sleep 0.01 & wait; echo waited",
        "set -e; true && echo alive; set +e",
        "false | true; echo \"pipes ${PIPESTATUS[*]}\"",
    ];
    let Some(shown) = watcher.typed("bash", &lines) else { return };
    for expected in ["ONE", "status 3", "in f a", "f gave 4", "loop 1", "loop 2", "waited", "alive", "pipes 1 0"] {
        assert!(shown.contains(&format!("\n{expected}")), "{expected}: {shown}");
    }
    assert!(String::from_utf8(watcher.home.read("traps")).unwrap().contains("trapped f a"));
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
}
