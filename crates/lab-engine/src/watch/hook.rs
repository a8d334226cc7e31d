//! What the hook of a shell says: lines on a FIFO, made by the shell's own builtins.
//!
//! `1␟start␟PID␟SEQUENCE␟DIRECTORY␟COMMAND` before a command, `1␟end␟PID␟SEQUENCE␟EXIT` after it; ␟ is
//! the byte 0x1f, and 0x1e stands for a line end in the command. A line is at most [`MAX_LINE_BYTES`]
//! long, so that the kernel keeps it in one piece. The answer, `SEQUENCE HINT`, goes to the FIFO
//! `reply.PID` beside it; for a shell that can wait for no FIFO this is a file whose last line is `wait SEQUENCE`.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

/// What the kernel writes in one piece (`PIPE_BUF`).
const MAX_LINE_BYTES: usize = 4096;

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

    /// The line, with its end, as a shell writes it.
    #[cfg(test)]
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
        line.push(b'\n');
        line
    }
}

/// Answers a start that the shell still waits for; false when it waits no longer. What is answered must be done: the
/// shell starts its command at once.
pub(crate) fn answer(reply: &Path, sequence: u64, hint: &str) -> bool {
    // A shell that waits no longer has closed its end of a FIFO; then there is nobody to tell.
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::open(reply, flags, Mode::empty()) else { return false };
    let line = format!("{sequence} {hint}\n");
    let is_file = rustix::fs::fstat(&file).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
    if is_file {
        // Its last line says which start is waited for, until the shell gives up: then it says that.
        let text = std::fs::read(reply).unwrap_or_default();
        let last = text.strip_suffix(b"\n").and_then(|text| text.rsplit(|byte| *byte == b'\n').next());
        if last != Some(format!("wait {sequence}").as_bytes()) {
            return false;
        }
    }
    rustix::io::write(&file, line.as_bytes()).is_ok()
}

/// Makes a FIFO for the user alone.
pub(crate) fn make_fifo(path: &Path) -> rustix::io::Result<()> {
    rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
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
    fn a_file_is_answered_while_it_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let reply = directory.path().join("reply.7");
        assert!(!answer(&reply, 3, ""), "nobody waits");
        for (content, is_answered, after) in [
            ("wait 3\n", true, "wait 3\n3 a hint\n"),
            ("wait 2\n2 \nwait 3\n", true, "wait 2\n2 \nwait 3\n3 a hint\n"),
            ("wait 3\nlate\n", false, "wait 3\nlate\n"),
            ("wait 2\n", false, "wait 2\n"),
            ("wait 33\n", false, "wait 33\n"),
            ("late\n", false, "late\n"),
            ("", false, ""),
        ] {
            std::fs::write(&reply, content).unwrap();
            assert_eq!(answer(&reply, 3, "a hint"), is_answered, "{content}");
            assert_eq!(std::fs::read_to_string(&reply).unwrap(), after);
        }
    }
}
