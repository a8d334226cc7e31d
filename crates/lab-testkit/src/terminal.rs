//! A terminal for tests: a program runs in a real pseudo-terminal, keys go in, and what it sends is kept as
//! bytes and as the screen that a person would see.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

/// What a test waits for must come within this; it is only ever reached by a test that fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program in a terminal.
pub struct Terminal {
    master: OwnedFd,
    child: Child,
    parser: vt100::Parser,
    bytes: Vec<u8>,
    is_open: bool,
}

impl Terminal {
    /// Starts a program in a terminal of so many columns and rows.
    ///
    /// # Panics
    /// When the system gives no terminal, or there is no such program.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("because the system has pseudo-terminals");
        rustix::pty::grantpt(&master).expect("because it is our own");
        rustix::pty::unlockpt(&master).expect("because it is our own");
        let name = rustix::pty::ptsname(&master, Vec::new()).expect("because it has a name");
        let path = name.to_str().expect("because device names are ASCII");
        let open = || {
            let mut options = std::fs::OpenOptions::new();
            std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, OpenptFlags::NOCTTY.bits() as i32);
            options.read(true).write(true).open(path).expect("the other end of the terminal")
        };
        command.stdin(open()).stdout(open()).stderr(open());
        let controlled = || {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        };
        #[expect(unsafe_code, reason = "nothing safe gives a child a terminal of its own")]
        // SAFETY: between fork and exec only two system calls are made, which touch no memory of ours.
        unsafe {
            command.pre_exec(controlled);
        }
        set_size(&master, columns, rows);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { master, child, parser: vt100::Parser::new(rows, columns, 0), bytes: Vec::new(), is_open: true }
    }

    /// Presses keys, named as `lab_view::ACTIONS` names them: `a`, `Ctrl-P`, `Enter`, `F1`.
    pub fn press(&mut self, keys: &[&str]) -> &mut Self {
        keys.iter().for_each(|key| self.send(&bytes_of(key)));
        self
    }

    /// Types a text.
    pub fn type_in(&mut self, text: &str) -> &mut Self {
        self.send(text.as_bytes());
        self
    }

    /// Sends bytes as a keyboard would.
    ///
    /// # Panics
    /// When the program is gone.
    pub fn send(&mut self, bytes: &[u8]) {
        let master = self.master.try_clone().expect("a descriptor");
        std::fs::File::from(master).write_all(bytes).expect("a terminal that takes keys");
    }

    /// Presses the left button of the mouse; columns and rows begin at 0.
    pub fn click(&mut self, column: u16, row: u16) -> &mut Self {
        let (x, y) = (column + 1, row + 1);
        self.send(format!("\u{1b}[<0;{x};{y}M\u{1b}[<0;{x};{y}m").as_bytes());
        self
    }

    /// Turns the wheel: down, or up.
    pub fn wheel(&mut self, column: u16, row: u16, down: bool) -> &mut Self {
        let button = if down { 65 } else { 64 };
        self.send(format!("\u{1b}[<{button};{};{}M", column + 1, row + 1).as_bytes());
        self
    }

    /// Makes the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        // Half of a wide letter at the new edge would be more than the parser can stand; a program that is told of
        // another size paints everything anew.
        self.parser.process(b"\x1b[2J");
        self.parser.screen_mut().set_size(rows, columns);
        set_size(&self.master, columns, rows);
        self
    }

    /// Reads until `is_there` is true of the screen.
    ///
    /// # Panics
    /// When that does not happen; the message has `what` and the screen.
    pub fn until(&mut self, what: &str, mut is_there: impl FnMut(&Self) -> bool) -> &mut Self {
        let deadline = Instant::now() + DEADLINE;
        while self.is_amid_a_frame() || !is_there(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                self.is_open && !left.is_zero(),
                "{what}: never seen{}\n{}",
                if self.is_open { "" } else { ", the program has ended" },
                self.text()
            );
            self.read(left.min(Duration::from_millis(50)));
        }
        self
    }

    /// Whether more is to come before the screen is as it was meant: a frame stands between two marks (synchronized
    /// output, mode 2026).
    fn is_amid_a_frame(&self) -> bool {
        let last = |mark: &[u8]| self.bytes.windows(mark.len()).rposition(|part| part == mark);
        self.is_open && last(b"\x1b[?2026h") > last(b"\x1b[?2026l")
    }

    /// Reads until the screen has this text.
    pub fn sees(&mut self, text: &str) -> &mut Self {
        self.until(text, |terminal| terminal.text().contains(text))
    }

    /// Reads until the screen has this text no more.
    pub fn loses(&mut self, text: &str) -> &mut Self {
        self.until(&format!("without {text}"), |terminal| !terminal.text().contains(text))
    }

    /// Reads what is there, waiting so long at most for something.
    fn read(&mut self, wait: Duration) {
        let wait = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut ready = [PollFd::new(&self.master, PollFlags::IN)];
        if rustix::event::poll(&mut ready, Some(&wait)).unwrap_or(0) == 0 {
            return;
        }
        let mut buffer = [0; 65536];
        // When nobody has the other end open any more Linux says EIO.
        match rustix::io::read(&self.master, &mut buffer[..]) {
            Ok(0) | Err(rustix::io::Errno::IO) => self.is_open = false,
            Ok(count) => {
                self.parser.process(&buffer[..count]);
                self.bytes.extend_from_slice(&buffer[..count]);
            }
            Err(_) => {}
        }
    }

    /// The screen as lines of text.
    pub fn text(&self) -> String {
        let screen = self.parser.screen();
        let (_, columns) = screen.size();
        screen.rows(0, columns).map(|row| row.trim_end().to_owned() + "\n").collect()
    }

    /// The screen, with colours and cursor.
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// What a cell is painted on, in words.
    pub fn ground(&self, column: u16, row: u16) -> String {
        self.parser.screen().cell(row, column).map_or_else(String::new, |cell| {
            format!("{:?}{}", cell.bgcolor(), if cell.inverse() { " inverse" } else { "" })
        })
    }

    /// Everything that the program has sent so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Column and row at which a text stands, the first one from the top.
    ///
    /// # Panics
    /// When it does not stand there.
    pub fn place_of(&self, text: &str) -> (u16, u16) {
        for (row, line) in self.text().lines().enumerate() {
            if let Some(at) = line.find(text) {
                return (line[..at].chars().count() as u16, row as u16);
            }
        }
        panic!("{text} does not stand in\n{}", self.text());
    }

    /// The program's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of the program; gives its exit code, and what was on the screen then.
    ///
    /// # Panics
    /// When it does not end.
    pub fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.read(Duration::from_millis(20));
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                // What it sent last may still be on its way.
                while self.is_open && Instant::now() < deadline {
                    let before = self.bytes.len();
                    self.read(Duration::from_millis(20));
                    if self.bytes.len() == before {
                        break;
                    }
                }
                return (status.code(), self.text());
            }
            assert!(Instant::now() < deadline, "the program does not end\n{}", self.text());
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that has failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set_size(master: &OwnedFd, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(master, size).expect("because it is a terminal");
}

/// What a keyboard sends (xterm's sequences).
fn bytes_of(key: &str) -> Vec<u8> {
    let sequence = match key {
        "Esc" => "\u{1b}",
        "Enter" => "\r",
        "Tab" => "\t",
        "Shift-Tab" => "\u{1b}[Z",
        "Space" => " ",
        "Backspace" => "\u{7f}",
        "Up" => "\u{1b}[A",
        "Down" => "\u{1b}[B",
        "Right" => "\u{1b}[C",
        "Left" => "\u{1b}[D",
        "Shift-Up" => "\u{1b}[1;2A",
        "Shift-Down" => "\u{1b}[1;2B",
        "Shift-Right" => "\u{1b}[1;2C",
        "Shift-Left" => "\u{1b}[1;2D",
        "Home" => "\u{1b}[H",
        "End" => "\u{1b}[F",
        "PageUp" => "\u{1b}[5~",
        "PageDown" => "\u{1b}[6~",
        "Delete" => "\u{1b}[3~",
        "F1" => "\u{1b}OP",
        "F2" => "\u{1b}OQ",
        _ => match key.strip_prefix("Ctrl-") {
            Some(letter) => return vec![letter.as_bytes()[0] & 0x1f],
            None => key,
        },
    };
    sequence.as_bytes().to_vec()
}
