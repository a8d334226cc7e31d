//! What the hook of a shell says: lines on a FIFO, made by the shell's own builtins.
//!
//! `1␟start␟PID␟SEQUENCE␟DIRECTORY␟COMMAND` before a command, `1␟end␟PID␟SEQUENCE␟EXIT` after it; ␟ is
//! the byte 0x1f, and 0x1e stands for a line end in the command. A line is at most [`MAX_LINE_BYTES`]
//! long, so that the kernel keeps it in one piece. The answer, `SEQUENCE HINT`, goes to the FIFO
//! `reply.PID` beside it.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use super::place::HookPlace;

/// What the kernel writes in one piece (`PIPE_BUF`).
const MAX_LINE_BYTES: usize = 4096;
/// How long a hook waits for its answer.
const PATIENCE: Duration = Duration::from_millis(250);

/// What a hook says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HookMessage {
    /// A command line is about to start.
    Start {
        /// The shell's process.
        shell: i32,
        /// Counts the shell's command lines.
        sequence: u64,
        /// Where.
        cwd: PathBuf,
        /// The command line as typed; cut where it is very long. Empty when it is not to be kept.
        command: String,
    },
    /// It has ended.
    End {
        /// The shell's process.
        shell: i32,
        /// Which command line.
        sequence: u64,
        /// What `$?` says.
        exit_code: i32,
    },
}

impl HookMessage {
    /// Reads one line without its end; `None` for anything else.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.splitn(6, |byte| *byte == 0x1f);
        let mut next = || fields.next();
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok();
        (next()? == b"1").then_some(())?;
        let word = next()?;
        let shell = i32::try_from(number(next()?)?).ok().filter(|pid| *pid > 0)?;
        let sequence = u64::try_from(number(next()?)?).ok()?;
        match word {
            b"start" => {
                let cwd = PathBuf::from(std::ffi::OsStr::from_bytes(next()?));
                let command = String::from_utf8_lossy(next()?).replace('\u{1e}', "\n");
                Some(Self::Start { shell, sequence, cwd, command })
            }
            b"end" => Some(Self::End { shell, sequence, exit_code: i32::try_from(number(next()?)?).ok()? }),
            _ => None,
        }
    }

    /// The line, with its end.
    fn line(&self) -> Vec<u8> {
        let mut line = match self {
            Self::Start { shell, sequence, cwd, command } => {
                let mut line = format!("1\x1fstart\x1f{shell}\x1f{sequence}\x1f").into_bytes();
                line.extend_from_slice(cwd.as_os_str().as_bytes());
                line.push(0x1f);
                line.extend(command.bytes().map(|byte| if byte == b'\n' { 0x1e } else { byte }));
                line
            }
            Self::End { shell, sequence, exit_code } => {
                format!("1\x1fend\x1f{shell}\x1f{sequence}\x1f{exit_code}").into_bytes()
            }
        };
        line.truncate(MAX_LINE_BYTES - 1);
        line.push(b'\n');
        line
    }
}

/// The hook of shells whose builtins cannot do it: tells the background process, and waits for the
/// answer to a start, a quarter of a second where nothing else is wanted. Gives the hint; `None` when there is none, or nobody answers.
pub fn tell(hook_file: &Path, message: &HookMessage, patience: Option<Duration>) -> Option<String> {
    let place = HookPlace::read(hook_file)?;
    rustix::process::test_kill_process(rustix::process::Pid::from_raw(place.pid)?).ok()?;
    if !std::fs::metadata(&place.fifo).is_ok_and(|found| found.file_type().is_fifo()) {
        return None;
    }
    // For reading too: without it a FIFO that nobody reads would make this wait for ever.
    let open = |path: &Path| {
        OpenOptions::new().read(true).write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
    };
    let line = message.line();
    let HookMessage::Start { shell, sequence, .. } = message else {
        let _ = open(&place.fifo).and_then(|mut fifo| fifo.write_all(&line));
        return None;
    };
    let reply = place.fifo.with_file_name(format!("reply.{shell}"));
    if !reply.exists() {
        make_fifo(&reply).ok()?;
    }
    let mut reply = open(&reply).ok()?;
    open(&place.fifo).and_then(|mut fifo| fifo.write_all(&line)).ok()?;
    let until = std::time::Instant::now() + patience.unwrap_or(PATIENCE);
    let mut text = Vec::new();
    loop {
        let left = until.checked_duration_since(std::time::Instant::now())?;
        let mut waiting = [rustix::event::PollFd::new(&reply, rustix::event::PollFlags::IN)];
        let left = rustix::event::Timespec::try_from(left).ok()?;
        if rustix::event::poll(&mut waiting, Some(&left)).ok()? == 0 {
            return None;
        }
        let mut part = [0; MAX_LINE_BYTES];
        let count = reply.read(&mut part).ok()?;
        text.extend_from_slice(&part[..count]);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&text[..end]).into_owned();
            text.drain(..=end);
            // An answer to an earlier line came too late.
            let (answered, hint) = line.split_once(' ').unwrap_or((&line, ""));
            if answered.parse() == Ok(*sequence) {
                return Some(hint.to_owned()).filter(|hint| !hint.is_empty());
            }
        }
    }
}

/// Makes a FIFO for the user alone.
pub(crate) fn make_fifo(path: &Path) -> rustix::io::Result<()> {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
}

/// Takes lines out of what a FIFO gave, in whatever parts.
#[derive(Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// The messages that are complete now.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<HookMessage> {
        self.rest.extend_from_slice(bytes);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            if self.rest.len() > MAX_LINE_BYTES {
                self.rest.clear();
            }
            return Vec::new();
        };
        let found = self.rest[..end].split(|byte| *byte == b'\n').filter_map(HookMessage::parse).collect();
        self.rest.drain(..=end);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        for message in [
            HookMessage::Start { shell: 7, sequence: 3, cwd: "/a b".into(), command: "for i in 1\ndo x; done".into() },
            HookMessage::End { shell: 7, sequence: 3, exit_code: 130 },
        ] {
            let line = message.line();
            assert_eq!(HookMessage::parse(&line[..line.len() - 1]), Some(message));
        }
    }

    #[test]
    fn what_is_no_message_is_passed_over() {
        let mut lines = Lines::default();
        assert!(lines.feed(b"garbage\n2\x1fend\x1f1\x1f1\x1f0\n1\x1fend\x1f-4\x1f1\x1f0\n1\x1fend\x1f4").is_empty());
        let end = HookMessage::End { shell: 4, sequence: 1, exit_code: 2 };
        assert_eq!(lines.feed(b"\x1f1\x1f2\n"), std::slice::from_ref(&end));
        assert!(lines.feed(&[b'x'; 10_000]).is_empty());
        assert_eq!(lines.feed(b"1\x1fend\x1f4\x1f1\x1f2\n"), [end], "after a line that never ended");
    }

    #[test]
    fn a_long_command_is_cut() {
        let message =
            HookMessage::Start { shell: 7, sequence: 3, cwd: "/a".into(), command: "x".repeat(2 * MAX_LINE_BYTES) };
        assert_eq!(message.line().len(), MAX_LINE_BYTES);
    }
}
