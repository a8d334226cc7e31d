//! Real processes, by each method.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

use super::*;
use crate::process_key;

/// Long enough for a machine that is busy with other things; nothing waits for it to pass.
const PATIENCE_NANOS: u64 = 60_000_000_000;

fn now_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// The methods that answer here, each alone. Says so when one does not.
fn detectors() -> Vec<Detector> {
    let mut found = Vec::new();
    for method in [Method::Connector, Method::Loader, Method::Polling] {
        let detector = Detector::open_with(&[method], true).unwrap();
        if detector.method() == method {
            found.push(detector);
        } else {
            eprintln!("SKIPPED {method:?}: {:?}", detector.probed());
        }
    }
    found
}

/// Drains until `wanted` is among the events.
fn until(detector: &mut Detector, what: &str, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    let give_up = now_nanos() + PATIENCE_NANOS;
    while !events.iter().any(&wanted) {
        let now = now_nanos();
        assert!(now < give_up, "{:?} did not tell: {what}\n{events:#?}", detector.method());
        let wait = detector.deadline_nanos().unwrap_or(give_up).saturating_sub(now);
        let timeout =
            Timespec { tv_sec: (wait / 1_000_000_000).cast_signed(), tv_nsec: (wait % 1_000_000_000).cast_signed() };
        let _ = poll(&mut [PollFd::new(&detector.as_fd(), PollFlags::IN)], Some(&timeout));
        detector.drain(&mut events);
    }
    events
}

/// The start of a program with this argument somewhere.
fn is_start_with(event: &Event, argument: &OsStr) -> bool {
    let Event::Started(started) = event else { return false };
    started.program.as_ref().is_some_and(|program| program.argv.iter().any(|found| found == argument))
}

/// A program that reads a line from us before it ends.
fn waiting(argument: &str) -> Child {
    // `exec` alone would leave no shell that waits.
    let mut command = Command::new("sh");
    command.args(["-c", "read line; exit 3", argument]).stdin(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn a_program_is_told_with_its_start_and_end() {
    for mut detector in detectors() {
        let method = detector.method();
        let before = now_nanos();
        let name = format!("start-{method:?}");
        let mut child = waiting(&name);
        let pid = i32::try_from(child.id()).unwrap();
        let events = until(&mut detector, &name, |event| is_start_with(event, name.as_ref()));
        let starts: Vec<&Started> = events
            .iter()
            .filter(|event| is_start_with(event, name.as_ref()))
            .filter_map(|event| if let Event::Started(started) = event { Some(started) } else { None })
            .collect();
        let [started] = starts[..] else { panic!("{method:?}: once, not {starts:#?}") };
        let program = started.program.as_ref().unwrap();
        assert_eq!(started.process, process_key(pid).unwrap());
        assert_eq!(started.parent, rustix::process::getpid().as_raw_nonzero().get());
        assert!(before <= started.at_nanos && started.at_nanos <= now_nanos());
        assert_eq!(started.exact, method == Method::Connector);
        assert_eq!(program.argv, ["sh", "-c", "read line; exit 3", name.as_str()]);
        assert_eq!(program.cwd, Path::new("/proc/self/cwd").read_link().unwrap());
        assert_eq!(program.ancestors[0].pid, started.parent);
        assert!(program.exe.is_absolute());

        let followed = Followed::new(&started.process).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(matches!(followed.ended(), Some(Ended::Exited(3) | Ended::Unknown)));
        let is_end = |event: &Event| matches!(event, Event::Ended(ended) if ended.pid == pid);
        let events = until(&mut detector, "the end", is_end);
        let Some(Event::Ended(end)) = events.iter().find(|event| is_end(event)) else { unreachable!() };
        assert_eq!(end.start_ticks, Some(started.process.start_ticks));
        let expected = if method == Method::Connector { Some(Ended::Exited(3)) } else { None };
        assert_eq!(end.ended, expected);
    }
}

#[test]
fn a_program_in_the_place_of_another_is_told() {
    for mut detector in detectors().into_iter().filter(|detector| detector.method() != Method::Polling) {
        let name = format!("exec-{:?}", detector.method());
        let mut child =
            Command::new("env").args(["sh", "-c", "read line", &name]).stdin(Stdio::piped()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let is_shell = |event: &Event| {
            let Event::Started(Started { process, program: Some(program), .. }) = event else { return false };
            process.pid == pid && program.argv.first().is_some_and(|first| first == "sh")
        };
        until(&mut detector, "sh in the place of env", is_shell);
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

#[test]
fn a_fork_is_no_program() {
    for mut detector in detectors() {
        let method = detector.method();
        let (inner, last) = (format!("fork-{method:?}"), format!("last-{method:?}"));
        // The part in parentheses is a process without a program of its own.
        let script = "(read line; echo $line) & read line; wait";
        let mut child = Command::new("sh")
            .args(["-c", script, &inner])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut events = until(&mut detector, &inner, |event| is_start_with(event, inner.as_ref()));
        let mut other = waiting(&last);
        events.extend(until(&mut detector, &last, |event| is_start_with(event, last.as_ref())));
        assert_eq!(events.iter().filter(|event| is_start_with(event, inner.as_ref())).count(), 1, "{method:?}");
        for child in [&mut child, &mut other] {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }
}

#[test]
fn a_static_program_in_a_watched_directory() {
    let root = tempfile::tempdir().unwrap();
    let Some(program) = compiled(root.path(), &["-static"]) else { return eprintln!("SKIPPED: no static C compiler") };
    for mut detector in detectors() {
        detector.watch_directory(root.path()).unwrap();
        detector.watch_directory(root.path()).unwrap();
        let name = format!("static-{:?}", detector.method());
        let mut child = Command::new(&program).arg(&name).stdin(Stdio::piped()).spawn().unwrap();
        until(&mut detector, &name, |event| is_start_with(event, name.as_ref()));
        detector.forget_directory(root.path());
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

#[test]
fn a_very_long_command_line_is_cut() {
    let mut detector = Detector::open(true).unwrap();
    let long = "x".repeat(120_000);
    let mut child = Command::new("sh")
        .arg0("long")
        .args(["-c", "read line", "name", &long, &long])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let is_it = |event: &Event| matches!(event, Event::Started(started) if started.process.pid == pid);
    let events = until(&mut detector, "long", is_it);
    let program = events.iter().find_map(|event| match event {
        Event::Started(started) if is_it(event) => started.program.clone(),
        _ => None,
    });
    let argv = program.unwrap().argv;
    assert!(argv.len() == 6 && argv[4].len() == long.len() && argv[5].len() < long.len());
    drop(child.stdin.take());
    child.wait().unwrap();
}

/// A program that reads its input to the end.
fn compiled(directory: &Path, flags: &[&str]) -> Option<PathBuf> {
    let (source, program) = (directory.join("wait.c"), directory.join("wait"));
    std::fs::write(
        &source,
        "#include <unistd.h>\nint main(void) { char c; while (read(0, &c, 1) > 0) {} return 0; }\n",
    )
    .unwrap();
    let status = Command::new("cc").args(flags).arg("-o").arg(&program).arg(&source).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success()).then_some(program)
}
