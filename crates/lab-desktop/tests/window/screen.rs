//! The real program on a real screen: every place by mouse, a restore and its undo by keys, and the files looked at.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab_testkit::{Small, small_project};

/// Nothing on a screen takes longer.
const LIMIT: Duration = Duration::from_secs(60);
/// How often is looked again.
const AGAIN: Duration = Duration::from_millis(20);

/// A screen that nobody looks at, with the program on it.
struct Screen {
    server: Child,
    program: Child,
    display: String,
    /// What the screen shows, as the server keeps it.
    pixels: PathBuf,
    small: Small,
}

impl Drop for Screen {
    fn drop(&mut self) {
        for child in [&mut self.program, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Screen {
    /// `None` where there is no such screen to be had.
    fn new() -> Option<Self> {
        let small = small_project();
        let base = small.notebook().parent()?.to_owned();
        let mut server = Command::new("Xvfb");
        // Without `-noreset` the server begins anew when xdotool, its only client so far, has gone, and drops the program.
        server
            .args(["-noreset", "-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-fbdir"])
            .arg(&base);
        let server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let has_hands = Command::new("xdotool").arg("version").stdout(Stdio::null()).status().is_ok();
        let (Ok(mut server), true) = (server, has_hands) else {
            println!("skipped: Xvfb and xdotool are needed to test the real window");
            return None;
        };
        let mut number = String::new();
        BufReader::new(server.stdout.take()?).read_line(&mut number).ok()?;
        let display = format!(":{}", number.trim());
        let program = program(&small, &base, &display).spawn().expect("the program");
        Some(Self { server, program, display, pixels: base.join("Xvfb_screen0"), small })
    }

    fn hands(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("xdotool");
        let output = command.args(arguments).env("DISPLAY", &self.display).output().expect("xdotool");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn pixels(&self) -> Vec<u8> {
        std::fs::read(&self.pixels).expect("what the screen shows")
    }

    /// Looks until it is so.
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !is_so(self) {
            let ended = self.program.try_wait().expect("the program");
            assert!(ended.is_none(), "{what}: the program has ended: {ended:?}");
            assert!(begin.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
            std::thread::park_timeout(AGAIN);
        }
    }

    /// Does something and waits until the screen shows something else.
    fn changes(&mut self, what: &str, arguments: &[&str]) {
        let before = self.pixels();
        self.hands(arguments);
        self.until(what, |screen| screen.pixels() != before);
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.small.folder().join(name)).unwrap_or_default()
    }
}

fn program(small: &Small, base: &Path, display: &str) -> Command {
    let home = base.join("home");
    std::fs::create_dir_all(&home).expect("a home");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab-desktop"));
    command.current_dir(small.folder()).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("HOME", &home).env("XDG_RUNTIME_DIR", &home).env("DISPLAY", display).env("LANG", "C.UTF-8");
    command.env("LAB_NOTEBOOK", small.notebook()).env("LAB_KEY_FILE", home.join("machine.key"));
    command.env("LIBGL_ALWAYS_SOFTWARE", "1");
    command
}

#[test]
fn the_program_shows_every_place_and_restores() {
    let Some(mut screen) = Screen::new() else { return };
    screen
        .until("the window", |screen| !screen.hands(&["search", "--onlyvisible", "--class", "lab-desktop"]).is_empty());
    let window = screen.hands(&["search", "--onlyvisible", "--class", "lab-desktop"]);
    let window = window.lines().next().unwrap_or_default().to_owned();
    screen.hands(&["windowfocus", "--sync", &window]);
    let empty = vec![0; 64];
    screen.until("the first frame", |screen| screen.pixels().windows(64).any(|some| some != empty));
    // Charts, notes, search, health, all projects, the runs again: as they stand below each other.
    for (what, y) in [("charts", "51"), ("notes", "80"), ("search", "109"), ("health", "138"), ("runs", "22")] {
        screen.changes(what, &["mousemove", "70", y, "click", "1"]);
    }
    let draft = "print('draft')\n";
    assert_eq!(screen.read("train.py"), draft);
    screen.changes("the plan", &["key", "Home", "r"]);
    let mut asked = Instant::now();
    screen.until("the restore", |screen| {
        if asked.elapsed() > Duration::from_millis(500) {
            asked = Instant::now();
            screen.hands(&["key", "Return"]);
        }
        screen.read("train.py").contains("gradient")
    });
    screen.hands(&["key", "u"]);
    screen.until("the undo", |screen| screen.read("train.py") == draft && !screen.read("todo.txt").is_empty());
    let begin = Instant::now();
    let mut asked: Option<Instant> = None;
    while screen.program.try_wait().expect("the program").is_none() {
        assert!(begin.elapsed() < LIMIT, "the window does not close");
        // It asks first as long as something is under way.
        if asked.is_none_or(|asked| asked.elapsed() > Duration::from_millis(500)) {
            asked = Some(Instant::now());
            screen.hands(&["key", "Escape", "ctrl+q"]);
        }
        std::thread::park_timeout(AGAIN);
    }
}
