//! Commands without a terminal: as if they had been started alone, and whoever dies.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::support::{Place, code_or_signal, fifo, kill, pid_of, program, random_file, read_all, until};
use rustix::process::Signal;

#[test]
fn a_megabyte_of_anything_passes_unchanged_on_both_streams() {
    let place = Place::new();
    let out = random_file(&place.path("out"), 1_000_000);
    let err = random_file(&place.path("err"), 700_001);
    let output = place.shell("cat err >&2 & cat out; wait").output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout == out && output.stderr == err);
    assert!(place.bytes("log.Out") == out && place.bytes("log.Err") == err);
    let events = place.events();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0], "finish Exited(0) closed=false left=false lost=0 front=true");
    assert_eq!(events[1], "finished Exited(0) closed=false left=false lost=0");
}

#[test]
fn exit_codes_and_signals_are_the_commands() {
    let check = |script: &str, expected| {
        let place = Place::new();
        let output = place.shell(script).output().unwrap();
        assert_eq!(code_or_signal(output.status), expected, "{script}: {:?}", place.events());
    };
    check("exit 0", (Some(0), None));
    check("exit 3", (Some(3), None));
    check("exit 255", (Some(255), None));
    check("kill -TERM $$", (None, Some(15)));
    check("kill -KILL $$", (None, Some(9)));
    check("kill -SEGV $$", (None, Some(11)));
    check("kill -USR1 $$", (None, Some(10)));
}

#[test]
fn a_command_that_cannot_be_started_is_told() {
    let check = |argv: &[&str], code, word: &str| {
        let place = Place::new();
        std::fs::write(place.path("plain"), "").unwrap();
        let output = place.command(argv).output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert!(place.events()[0].starts_with(&format!("finish NotStarted({word}")), "{:?}", place.events());
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
    };
    check(&["no-such-program-anywhere"], 127, "NotFound");
    check(&["./nothing"], 127, "NotFound");
    check(&["./plain"], 126, "NotExecutable");
    check(&["/"], 126, "NotExecutable");
}

#[test]
fn standard_input_environment_and_long_arguments_arrive() {
    let place = Place::new();
    let input = random_file(&place.path("input"), 300_000);
    let mut command = place.shell("echo $SUPERVISED >&2; cat");
    let output = command.stdin(File::open(place.path("input")).unwrap()).output().unwrap();
    assert!(output.stdout == input);
    assert_eq!(output.stderr, b"yes\n");

    let place = Place::new();
    let many: Vec<String> = (0..20_000).map(|number| format!("argument-{number}")).collect();
    let mut argv = vec!["sh", "-c", "echo $#", "sh"];
    argv.extend(many.iter().map(String::as_str));
    assert_eq!(place.command(&argv).output().unwrap().stdout, b"20000\n");
}

#[test]
fn order_is_kept_when_both_streams_lead_to_one_file() {
    let script = "i=0; while [ $i -lt 3000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    let place = Place::new();
    let both = |name: &str| {
        let file = File::create(place.path(name)).unwrap();
        (file.try_clone().unwrap(), file)
    };
    let (out, err) = both("alone");
    assert!(Command::new("sh").args(["-c", script]).stdout(out).stderr(err).status().unwrap().success());
    let (out, err) = both("watched");
    assert!(place.shell(script).stdout(out).stderr(err).status().unwrap().success());
    assert!(place.bytes("alone") == place.bytes("watched"));
}

#[test]
fn the_command_inherits_what_it_would_alone() {
    // Signal masks, dispositions and descriptors; the first word of each line, then the value.
    let script = "grep -E '^Sig(Blk|Ign)|^NoNewPrivs' /proc/self/status; ls /proc/$$/fd; ulimit -a; umask; \
                  cat /proc/$$/oom_score_adj";
    for prefix in ["", "trap '' HUP USR1; "] {
        let alone = Command::new("sh")
            .args(["-c", &format!("{prefix}exec sh -c \"$0\"; :"), script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let place = Place::new();
        let watched = Command::new("sh")
            .args(["-c", &format!("{prefix}exec \"$@\""), "sh"])
            .arg(program())
            .arg(place.folder.path())
            .args(["--", "sh", "-c", script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&watched.stdout), String::from_utf8_lossy(&alone.stdout));
        assert!(watched.status.success());
    }
}

#[test]
fn a_reader_that_leaves_breaks_the_commands_pipe() {
    let place = Place::new();
    let mut child = place.command(&["yes"]).spawn().unwrap();
    let mut reader = child.stdout.take().unwrap();
    let mut buffer = [0; 10];
    reader.read_exact(&mut buffer).unwrap();
    drop(reader);
    assert_eq!(code_or_signal(child.wait().unwrap()), (None, Some(13)));
    let events = place.events();
    assert!(events[1].starts_with("finished Signaled(13) closed=true left=false"), "{events:?}");
}

#[test]
fn a_reader_that_leaves_is_noticed_before_the_command_writes() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.shell("echo ready; read line < gate; echo lost; echo $? > code").spawn().unwrap();
    place.wait_for("log", "ready");
    drop(child.stdout.take());
    let supervisor = place.pid("supervisor");
    let pipes = |pid: i32| {
        let links = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let targets = links.flatten().filter_map(|link| std::fs::read_link(link.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("pipe:")).count()
    };
    // Of its three lanes and signal pipes, one reading end goes in each process.
    let front = pid_of(&child);
    let own = place.pid("command");
    until("both reading ends are closed", || {
        let end = std::fs::read_link(format!("/proc/{own}/fd/1")).unwrap();
        [front, supervisor].iter().all(|pid| {
            let links = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
            links.flatten().all(|link| std::fs::read_link(link.path()).ok() != Some(end.clone()))
        })
    });
    assert!(pipes(supervisor) > 0);
    File::create(place.path("gate")).unwrap().write_all(b"go\n").unwrap();
    child.wait().unwrap();
    assert!(!place.text("log").contains("lost"), "the write failed at once");
}

#[test]
fn output_that_nobody_reads_makes_the_command_wait_and_is_not_lost() {
    let place = Place::new();
    let data = random_file(&place.path("data"), 12_000_000);
    let mut child = place.command(&["cat", "data"]).spawn().unwrap();
    // The pipe, the outlet's queue and the pipe to the reader are full, and then it is quiet.
    until("the log has what is kept for a reader", || place.bytes("log").len() >= 4 * 1024 * 1024);
    assert!(place.bytes("log").len() < 6_000_000);
    // Signals still arrive: the loop does not hang in a write.
    kill(pid_of(&child), Signal::STOP);
    kill(pid_of(&child), Signal::CONT);
    let out = read_all(child.stdout.take().unwrap());
    assert!(child.wait().unwrap().success());
    assert!(out.join().unwrap() == data);
    assert!(place.bytes("log") == data);
}

#[test]
fn a_signal_reaches_a_command_whose_output_nobody_reads() {
    let place = Place::new();
    let mut child = place.command(&["yes"]).spawn().unwrap();
    until("it is stuck", || place.bytes("log").len() >= 4 * 1024 * 1024);
    kill(pid_of(&child), Signal::TERM);
    until("the command has ended", || {
        !lab_exec::process_key(place.pid("command")).is_some_and(|key| lab_exec::is_alive(&key))
    });
    let out = read_all(child.stdout.take().unwrap());
    assert_eq!(code_or_signal(child.wait().unwrap()), (None, Some(15)));
    assert!(out.join().unwrap().len() >= 4 * 1024 * 1024);
}

const COUNT_TERM: &str = "trap 'echo got' TERM; trap 'echo two' USR2; exec 3<>gate; echo ready; \
                          while [ ! -e stop ]; do read line <&3; done; echo end; exit 5";

/// Lets a script that waits at its gate look again; a signal may have done so already.
fn stop(place: &Place) {
    File::create(place.path("stop")).unwrap();
    let gate = File::options().read(true).write(true).open(place.path("gate")).unwrap();
    until("the script has ended", || {
        let _ = (&gate).write_all(b"\n");
        place.text("log").contains("end")
    });
}

#[test]
fn a_signal_to_the_front_reaches_the_command_once() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.shell(COUNT_TERM).spawn().unwrap();
    place.wait_for("log", "ready");
    kill(pid_of(&child), Signal::TERM);
    place.wait_for("log", "got");
    kill(pid_of(&child), Signal::USR2);
    place.wait_for("log", "two");
    stop(&place);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert_eq!(place.text("log"), "ready\ngot\ntwo\nend\n");
}

#[test]
fn a_signal_to_the_whole_group_reaches_the_command_once() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.shell(COUNT_TERM).process_group(0).spawn().unwrap();
    place.wait_for("log", "ready");
    let group = rustix::process::Pid::from_raw(pid_of(&child)).unwrap();
    rustix::process::kill_process_group(group, Signal::TERM).unwrap();
    place.wait_for("log", "got");
    // What comes later cannot overtake a second one.
    kill(pid_of(&child), Signal::USR2);
    place.wait_for("log", "two");
    stop(&place);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert_eq!(place.text("log"), "ready\ngot\ntwo\nend\n");
}

const WAIT_AT_GATE: &str = "echo ready; read line < gate; echo $line; head -c 200000 /dev/zero; exit 7";

fn open_gate(place: &Place) {
    File::create(place.path("gate")).unwrap().write_all(b"opened\n").unwrap();
}

fn expected_at_gate() -> Vec<u8> {
    let mut expected = b"ready\nopened\n".to_vec();
    expected.resize(expected.len() + 200_000, 0);
    expected
}

#[test]
fn when_the_front_is_killed_the_supervisor_sees_it_through() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.shell(WAIT_AT_GATE).spawn().unwrap();
    let out = read_all(child.stdout.take().unwrap());
    place.wait_for("log", "ready");
    child.kill().unwrap();
    child.wait().unwrap();
    open_gate(&place);
    place.wait_for("events", "finish");
    assert_eq!(place.events(), ["finish Exited(7) closed=false left=false lost=0 front=false"]);
    assert!(out.join().unwrap() == expected_at_gate(), "the user's file still gets everything");
    assert!(place.bytes("log") == expected_at_gate());
}

#[test]
fn when_the_supervisor_is_killed_the_front_takes_over() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.shell(WAIT_AT_GATE).spawn().unwrap();
    let out = read_all(child.stdout.take().unwrap());
    place.wait_for("log", "ready");
    kill(place.pid("supervisor"), Signal::KILL);
    open_gate(&place);
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(place.events(), ["took over Exited(7) closed=false left=false lost=0"]);
    assert!(out.join().unwrap() == expected_at_gate());
    assert!(place.bytes("log") == expected_at_gate());
}

#[test]
fn signals_and_stop_work_after_a_takeover() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.shell(COUNT_TERM).spawn().unwrap();
    place.wait_for("log", "ready");
    kill(place.pid("supervisor"), Signal::KILL);
    kill(pid_of(&child), Signal::TERM);
    place.wait_for("log", "got");
    stop(&place);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert_eq!(place.text("log"), "ready\ngot\nend\n");
}

#[test]
fn killing_the_supervisor_at_any_moment_loses_no_exit_code() {
    for round in 0..40 {
        let place = Place::new();
        let mut child = place.shell("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; exit 6").spawn().unwrap();
        let supervisor = place.pid("supervisor");
        place.pid("command");
        let end = std::time::Instant::now() + std::time::Duration::from_micros(round * 300);
        while std::time::Instant::now() < end {
            std::hint::spin_loop();
        }
        let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(supervisor).unwrap(), Signal::KILL);
        assert_eq!(child.wait().unwrap().code(), Some(6), "round {round}: {:?}", place.events());
    }
}

#[test]
fn both_killed_leaves_the_command_alone_and_it_ends() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.shell("echo ready; read line < gate; echo done > done").spawn().unwrap();
    place.wait_for("log", "ready");
    kill(pid_of(&child), Signal::KILL);
    kill(place.pid("supervisor"), Signal::KILL);
    child.wait().unwrap();
    open_gate(&place);
    place.wait_for("done", "done");
}

#[test]
fn processes_left_behind_go_on_writing_and_nobody_waits_for_them() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.shell("(read line < gate; echo late; echo $? > code) & echo early").spawn().unwrap();
    let out = read_all(child.stdout.take().unwrap());
    assert!(child.wait().unwrap().success());
    assert_eq!(place.events()[1], "finished Exited(0) closed=false left=true lost=0");
    open_gate(&place);
    assert_eq!(out.join().unwrap(), b"early\nlate\n");
    assert_eq!(place.text("code"), "0\n");
    assert_eq!(place.text("log"), "early\n");
}

#[test]
fn orphans_of_the_command_are_reaped_and_counted() {
    let place = Place::new();
    fifo(&place.path("gate"));
    // The grandchild loses its parent and ends while the command goes on.
    let mut child = place.shell("sh -c 'sh -c \"exit 4\" & exit 0'; echo ready; read line < gate").spawn().unwrap();
    place.wait_for("log", "ready");
    let supervisor = place.pid("supervisor");
    until("no zombie is left", || {
        let names = std::fs::read_dir("/proc").unwrap().flatten();
        let stats = names.filter_map(|name| std::fs::read_to_string(name.path().join("stat")).ok());
        !stats.into_iter().any(|stat| stat.contains(&format!(") Z {supervisor} ")))
    });
    open_gate(&place);
    assert!(child.wait().unwrap().success());
}

#[test]
fn samples_are_taken() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.shell("echo ready; sh -c 'read line < gate; :'; :").spawn().unwrap();
    place.wait_for("events", "sample 2 ");
    open_gate(&place);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_signal_before_the_start_prevents_it() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.command(&["touch", "ran"]).env("SUPERVISED_GATE", place.path("gate")).spawn().unwrap();
    place.wait_for("events", "before gate");
    let writer = File::options().write(true).open(place.path("gate")).unwrap();
    kill(pid_of(&child), Signal::TERM);
    until("the handler has run", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        status.lines().any(|line| line.starts_with("ShdPnd:") && line.ends_with("0000000000000000"))
    });
    drop(writer);
    assert_eq!(code_or_signal(child.wait().unwrap()), (None, Some(15)));
    assert_eq!(place.events(), ["before gate", "interrupted 15"]);
    assert!(!place.path("ran").exists());
}

#[test]
fn a_second_signal_before_the_start_ends_the_front_at_once() {
    let place = Place::new();
    fifo(&place.path("gate"));
    let mut child = place.command(&["touch", "ran"]).env("SUPERVISED_GATE", place.path("gate")).spawn().unwrap();
    place.wait_for("events", "before gate");
    let supervisor = lab_exec::process_key(place.pid("supervisor")).unwrap();
    until("it has ended", || {
        kill(pid_of(&child), Signal::INT);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(code_or_signal(child.wait().unwrap()), (None, Some(2)));
    until("the supervisor is gone too", || !lab_exec::is_alive(&supervisor));
    assert!(!place.path("ran").exists());
}

#[test]
fn a_stopped_command_stops_the_front_and_goes_on_with_it() {
    let place = Place::new();
    fifo(&place.path("gate"));
    // A parent in the same session and another group stands for a shell with job control.
    let mut child = place.shell(WAIT_AT_GATE).process_group(0).spawn().unwrap();
    let out = read_all(child.stdout.take().unwrap());
    place.wait_for("log", "ready");
    let state = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(')').next().unwrap().trim_start().chars().next().unwrap()
    };
    let (front, command) = (pid_of(&child), place.pid("command"));
    kill(command, Signal::STOP);
    until("the front has stopped", || state(front) == 'T');
    kill(front, Signal::CONT);
    until("the command goes on", || state(command) != 'T');
    kill(command, Signal::STOP);
    until("the front has stopped again", || state(front) == 'T');
    kill(command, Signal::CONT);
    until("the front goes on", || state(front) != 'T');
    open_gate(&place);
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert!(out.join().unwrap() == expected_at_gate());
}

#[test]
fn a_full_disk_does_not_stop_the_command() {
    let place = Place::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = place.shell("echo one; echo two; exit 3").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(place.events()[1], "finished Exited(3) closed=false left=false lost=8");
    assert_eq!(place.text("log"), "one\ntwo\n");
}

#[test]
fn the_commands_time_counts_as_the_fronts() {
    let place = Place::new();
    let script = "time supervised . -- sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'";
    let script = script.replace("supervised .", &format!("{} {}", program().display(), place.folder.path().display()));
    let output = Command::new("bash").args(["-c", &format!("TIMEFORMAT=%U; {script}")]).output().unwrap();
    let seconds: f64 = String::from_utf8(output.stderr).unwrap().trim().parse().unwrap();
    assert!(seconds > 0.05, "{seconds}");
}
