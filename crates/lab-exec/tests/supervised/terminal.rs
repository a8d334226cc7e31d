//! Commands in a terminal of their own, inside a terminal that the test plays the user of.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::support::{Place, code_or_signal, fifo, kill, pid_of, program, until};
use rustix::process::Signal;
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Termios, Winsize};

/// The user's terminal: its other end, and what has appeared on it.
struct Screen {
    master: OwnedFd,
    slave: OwnedFd,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    fn new() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).unwrap();
        let screen = Self { master, slave, shown: Arc::default() };
        screen.resize(31, 97);
        let mut file = File::from(screen.master.try_clone().unwrap());
        let shown = Arc::clone(&screen.shown);
        let read = move || {
            let mut buffer = [0; 65536];
            while let Ok(length @ 1..) = file.read(&mut buffer) {
                shown.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
        };
        std::thread::Builder::new().name("screen".into()).spawn(read).unwrap();
        screen
    }

    fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.master, size).unwrap();
    }

    fn modes(&self) -> Termios {
        rustix::termios::tcgetattr(&self.slave).unwrap()
    }

    fn is_raw(&self) -> bool {
        let modes = self.modes();
        !modes.local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
            && !modes.output_modes.contains(OutputModes::OPOST)
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    fn wait_for(&self, part: &str) {
        until(&format!("{part:?} on the screen, which shows {:?}", self.shown()), || self.shown().contains(part));
    }

    fn keys(&self, keys: &str) {
        let mut rest = keys.as_bytes();
        while !rest.is_empty() {
            let length = rustix::io::write(&self.master, rest).unwrap();
            rest = &rest[length..];
        }
    }

    /// Starts a program as the leader of this terminal's session.
    fn start(&self, place: &Place, argv: &[&OsStr]) -> Child {
        self.prepare(place, argv).spawn().unwrap()
    }

    fn prepare(&self, place: &Place, argv: &[&OsStr]) -> Command {
        let end = || Stdio::from(self.slave.try_clone().unwrap());
        let mut command = Command::new("setsid");
        command.arg("--ctty").args(argv).stdin(end()).stdout(end()).stderr(end());
        command.current_dir(place.folder.path()).env("PS1", "prompt> ").env("TERM", "dumb");
        command
    }

    fn run(&self, place: &Place, script: &str) -> Child {
        self.prepare_run(place, script).spawn().unwrap()
    }

    fn prepare_run(&self, place: &Place, script: &str) -> Command {
        let program = program();
        let words = ["--terminal", "--", "sh", "-c", script].map(OsStr::new);
        let mut argv = vec![program.as_os_str(), place.folder.path().as_os_str()];
        argv.extend(words);
        self.prepare(place, &argv)
    }
}

#[test]
fn the_command_has_a_terminal_of_the_same_size_and_the_modes_come_back() {
    let (screen, place) = (Screen::new(), Place::new());
    let before = format!("{:?}", screen.modes());
    let script = "test -t 0 && test -t 1 && test -t 2 && stty size; trap 'stty size' WINCH; echo ready; \
                  while [ ! -e stop ]; do read line; done; tty > tty; exit 4";
    let mut child = screen.run(&place, script);
    screen.wait_for("31 97\r\nready");
    until("raw mode", || screen.is_raw());
    screen.resize(20, 60);
    // The size is there before the signal; a key lets the shell look.
    until("the new size", || {
        screen.keys("\n");
        screen.shown().contains("20 60")
    });
    std::fs::write(place.path("stop"), "").unwrap();
    screen.keys("\n");
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert_eq!(format!("{:?}", screen.modes()), before);
    assert!(place.text("tty").starts_with("/dev/pts/"));
    assert!(place.bytes("log.Terminal") == place.bytes("log") && place.text("log").contains("20 60\r\n"));
}

#[test]
fn keys_are_echoed_once_and_lines_arrive() {
    let (screen, place) = (Screen::new(), Place::new());
    let mut child = screen.run(&place, "echo ready; read line; echo \"got $line\"");
    screen.wait_for("ready");
    screen.keys("hello\n");
    assert!(child.wait().unwrap().success());
    screen.wait_for("got hello\r\n");
    assert_eq!(screen.shown(), "ready\r\nhello\r\ngot hello\r\n");
    assert_eq!(place.text("log"), screen.shown());
}

#[test]
fn end_of_input_arrives() {
    let (screen, place) = (Screen::new(), Place::new());
    let mut child = screen.run(&place, "echo ready; cat; echo end");
    screen.wait_for("ready");
    screen.keys("x\n\u{4}");
    assert!(child.wait().unwrap().success());
    screen.wait_for("x\r\nx\r\nend");
}

#[test]
fn the_interrupt_key_reaches_the_program_and_only_it() {
    let (screen, place) = (Screen::new(), Place::new());
    let mut child = screen.run(&place, "trap 'echo caught; exit 9' INT; echo ready; while :; do read line; done");
    screen.wait_for("ready");
    screen.keys("\u{3}");
    assert_eq!(child.wait().unwrap().code(), Some(9));
    screen.wait_for("caught");

    let (screen, place) = (Screen::new(), Place::new());
    let mut child = screen.run(&place, "echo ready; read line");
    screen.wait_for("ready");
    until("raw mode", || screen.is_raw());
    screen.keys("\u{3}");
    assert_eq!(code_or_signal(child.wait().unwrap()), (None, Some(2)));
    assert!(!screen.is_raw());
}

#[test]
fn nothing_is_lost_when_much_is_written_right_before_the_end() {
    for _ in 0..5 {
        let (screen, place) = (Screen::new(), Place::new());
        let mut child = screen.run(&place, "seq 1 150000");
        assert!(child.wait().unwrap().success());
        let expected: String = (1..=150_000).map(|number| format!("{number}\r\n")).collect();
        assert!(place.text("log") == expected, "log ends with {:?}", place.text("log").lines().last());
        until("everything on the screen", || screen.shown().len() >= expected.len());
        assert!(screen.shown() == expected);
    }
}

#[test]
fn a_terminal_that_is_not_read_makes_the_command_wait_and_loses_nothing() {
    let (screen, place) = (Screen::new(), Place::new());
    let held = Arc::clone(&screen.shown);
    let held = held.lock().unwrap();
    let mut child = screen.run(&place, "seq 1 1500000");
    until("a queue", || place.bytes("log").len() > 4 * 1024 * 1024);
    assert!(place.bytes("log").len() < 6 * 1024 * 1024);
    drop(held);
    assert!(child.wait().unwrap().success());
    let last = "1499999\r\n1500000\r\n";
    until("the end", || screen.shown().ends_with(last));
    assert!(place.text("log") == screen.shown());
}

#[test]
fn errors_that_lead_elsewhere_stay_apart() {
    let (screen, place) = (Screen::new(), Place::new());
    let errors = File::create(place.path("errors")).unwrap();
    let mut command = screen.prepare_run(&place, "test -t 2 || echo no terminal; echo bad >&2");
    assert!(command.stderr(errors).spawn().unwrap().wait().unwrap().success());
    screen.wait_for("no terminal");
    assert_eq!(place.text("errors"), "bad\n");
    assert_eq!(place.text("log.Err"), "bad\n");
    assert_eq!(place.text("log.Terminal"), "no terminal\r\n");
}

#[test]
fn a_program_may_close_its_terminal_and_open_it_again() {
    let (screen, place) = (Screen::new(), Place::new());
    fifo(&place.path("gate"));
    let script = "echo ready; exec < gate > file 2>&1; read line; echo again > /dev/tty; exit 2";
    let mut child = screen.run(&place, script);
    screen.wait_for("ready");
    File::create(place.path("gate")).unwrap().write_all(b"\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    screen.wait_for("again");
}

#[test]
fn when_the_supervisor_is_killed_keys_and_modes_still_work() {
    let (screen, place) = (Screen::new(), Place::new());
    let mut child = screen.run(&place, "echo ready; read line; echo \"got $line\"; exit 3");
    screen.wait_for("ready");
    until("raw mode", || screen.is_raw());
    kill(place.pid("supervisor"), Signal::KILL);
    screen.keys("hello\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    screen.wait_for("got hello\r\n");
    assert!(!screen.is_raw());
    assert_eq!(place.events(), ["took over Exited(3) closed=false left=false lost=0"]);
}

#[test]
fn killing_the_supervisor_at_any_moment_leaves_the_terminal_in_order() {
    for round in 0..30 {
        let (screen, place) = (Screen::new(), Place::new());
        let before = format!("{:?}", screen.modes());
        let mut child = screen.run(&place, "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; echo end; exit 6");
        let supervisor = place.pid("supervisor");
        place.pid("command");
        let end = std::time::Instant::now() + std::time::Duration::from_micros(round * 400);
        while std::time::Instant::now() < end {
            std::hint::spin_loop();
        }
        let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(supervisor).unwrap(), Signal::KILL);
        assert_eq!(child.wait().unwrap().code(), Some(6), "round {round}: {:?}", place.events());
        assert_eq!(format!("{:?}", screen.modes()), before, "round {round}");
    }
}

#[test]
fn when_the_front_is_killed_the_modes_come_back_and_the_command_goes_on() {
    let (screen, place) = (Screen::new(), Place::new());
    fifo(&place.path("gate"));
    // The leader of the session stays, as a shell would.
    let script = format!(
        "{} {} --terminal -- sh -c 'echo ready; read line < gate; echo more; exit 8'; echo back; read line",
        program().display(),
        place.folder.path().display()
    );
    let mut shell = screen.start(&place, &["sh", "-c", &script].map(OsStr::new));
    screen.wait_for("ready");
    until("raw mode", || screen.is_raw());
    let supervisor = place.pid("supervisor");
    let status = std::fs::read_to_string(format!("/proc/{supervisor}/status")).unwrap();
    let front = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
    kill(front, Signal::KILL);
    screen.wait_for("back");
    until("modes as before", || !screen.is_raw());
    File::create(place.path("gate")).unwrap().write_all(b"\n").unwrap();
    place.wait_for("events", "finish");
    assert_eq!(place.events(), ["finish Exited(8) closed=false left=false lost=0 front=false"]);
    screen.wait_for("more\r\n");
    screen.keys("\n");
    shell.wait().unwrap();
}

#[test]
fn the_suspend_key_gives_the_shell_its_prompt_and_fg_goes_on() {
    for kill_supervisor in [false, true] {
        let (screen, place) = (Screen::new(), Place::new());
        fifo(&place.path("gate"));
        let mut shell = screen.start(&place, &["bash", "--norc", "--noprofile", "-i"].map(OsStr::new));
        screen.wait_for("prompt> ");
        let program = program();
        let folder = place.folder.path().display();
        let script = "echo rea\"\"dy; read line; echo \"got $line\"; exit 5";
        screen.keys(&format!("'{}' '{folder}' --terminal -- sh -c '{script}'; echo code=$?\n", program.display()));
        screen.wait_for("\nready");
        until("raw mode", || screen.is_raw());
        if kill_supervisor {
            kill(place.pid("supervisor"), Signal::KILL);
        }
        screen.keys("\u{1a}");
        screen.wait_for("Stopped");
        screen.keys("echo in the \"\"shell\n");
        screen.wait_for("\nin the shell");
        screen.keys("fg\n");
        // The command goes on once the terminal is its own again; what is typed before waits.
        until("raw mode again", || screen.is_raw());
        screen.keys("word\n");
        screen.wait_for("got word");
        until("the prompt is back", || screen.shown().matches("prompt> ").count() >= 4);
        screen.keys("exit 0\n");
        assert!(shell.wait().unwrap().success());
        assert!(place.events().iter().any(|event| event.contains("Exited(5)")), "{:?}", place.events());
    }
}

#[test]
fn in_the_background_the_terminal_stays_the_shells() {
    let (screen, place) = (Screen::new(), Place::new());
    fifo(&place.path("gate"));
    let mut shell = screen.start(&place, &["bash", "--norc", "--noprofile", "-i"].map(OsStr::new));
    screen.wait_for("prompt> ");
    let folder = place.folder.path().display();
    screen.keys(&format!(
        "'{}' '{folder}' --terminal -- sh -c 'echo rea\"\"dy; read line < gate; echo over; exit 5' &\n",
        program().display()
    ));
    screen.wait_for("ready");
    screen.keys("echo in the \"\"shell\n");
    screen.wait_for("in the shell");
    screen.keys("fg\n");
    until("raw mode", || screen.is_raw());
    File::create(place.path("gate")).unwrap().write_all(b"\n").unwrap();
    screen.wait_for("over");
    until("the prompt is back", || screen.shown().matches("prompt> ").count() >= 4);
    screen.keys("exit 0\n");
    assert!(shell.wait().unwrap().success());
}

#[test]
fn a_signal_to_the_front_reaches_the_group_in_the_terminal() {
    let (screen, place) = (Screen::new(), Place::new());
    let mut child = screen.run(&place, "trap 'echo caught; exit 6' TERM; echo ready; while :; do read line; done");
    screen.wait_for("ready");
    kill(pid_of(&child), Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(6));
    screen.wait_for("caught");
}

/// Whether this process, and so every one it starts, ignores SIGHUP.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    u64::from_str_radix(ignored, 16).unwrap() & 1 != 0
}

#[test]
fn a_terminal_that_goes_away_hangs_the_command_up() {
    if hangup_is_ignored() {
        println!("skipped: these tests run under `nohup`, and what is ignored stays ignored");
        return;
    }
    let (screen, place) = (Screen::new(), Place::new());
    let mut child =
        screen.run(&place, "trap 'echo hung up > hung; exit 6' HUP; echo ready; while :; do read line; done");
    screen.wait_for("ready");
    // What the kernel does for the leader of a session whose terminal is closed.
    kill(pid_of(&child), Signal::HUP);
    assert_eq!(child.wait().unwrap().code(), Some(6));
    assert_eq!(place.text("hung"), "hung up\n");
}

#[test]
fn modes_that_a_program_leaves_in_disorder_do_not_stay() {
    let (screen, place) = (Screen::new(), Place::new());
    let mut cooked = screen.modes();
    cooked.local_modes.remove(LocalModes::ECHO);
    rustix::termios::tcsetattr(&screen.slave, OptionalActions::Now, &cooked).unwrap();
    let before = format!("{:?}", screen.modes());
    let mut child = screen.run(&place, "stty -a | grep -o -e '-echo '; stty raw");
    assert!(child.wait().unwrap().success());
    screen.wait_for("-echo");
    assert_eq!(format!("{:?}", screen.modes()), before);
}
