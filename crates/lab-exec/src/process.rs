//! What `/proc` says of processes.

use std::os::fd::OwnedFd;

use lab_model::{ProcessKey, Usage};
use rustix::fs::{Mode, OFlags};

use crate::error::Trying;
use crate::trace::keeper;
use crate::{Error, Result};

/// The fields of `/proc/PID/stat` that matter here; times in clock ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stat {
    pub(crate) state: u8,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// Whether it has a controlling terminal.
    pub(crate) terminal: bool,
    /// User and kernel time of the process.
    pub(crate) own_ticks: u64,
    /// The same of the children that it has waited for.
    pub(crate) children_ticks: u64,
    pub(crate) start_ticks: u64,
    pub(crate) resident_pages: u64,
    /// Tells the program that it has started from the one it may start next: where code and arguments lie.
    /// 0 for a process that was only forked, as threads are, and for one that must not be looked into.
    pub(crate) image: u64,
    /// How it ended, as `wait` tells it: for a process that was not yet waited for.
    pub(crate) wait_status: Option<i32>,
    /// It is one of `lab`'s own, which stands by for the tracer.
    pub(crate) is_keeper: bool,
}

/// The kernel's flag of a process that was forked and has not started a program (`include/linux/sched.h`).
const PF_FORKNOEXEC: u64 = 0x40;

/// The key of a living process; `None` when there is none with this number.
pub fn process_key(pid: i32) -> Option<ProcessKey> {
    let stat = stat(pid).filter(is_living)?;
    Some(ProcessKey { pid, start_ticks: stat.start_ticks, boot_id: boot_id() })
}

/// Whether the very process that had this key still runs. A process that has ended and was not yet
/// waited for does not run.
pub fn is_alive(key: &ProcessKey) -> bool {
    let boot_id = boot_id();
    if !key.boot_id.is_empty() && !boot_id.is_empty() && key.boot_id != boot_id {
        return false;
    }
    stat(key.pid).filter(is_living).is_some_and(|stat| key.start_ticks == 0 || key.start_ticks == stat.start_ticks)
}

/// Stops this process's whole group as a shell expects it of Ctrl-Z; comes back when the shell lets it go on.
pub fn stop_for_shell() {
    // Without a shell that watches, the signal does nothing and this returns at once.
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}

/// What the terminal answers on standard input: until the answer is whole, and at most so long.
pub fn terminal_answer(is_whole: &dyn Fn(&[u8]) -> bool, patience: std::time::Duration) -> Vec<u8> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = rustix::stdio::stdin();
    let until = std::time::Instant::now() + patience;
    let mut answer = Vec::new();
    while !is_whole(&answer) && answer.len() < 4096 {
        let left = until.saturating_duration_since(std::time::Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let ready = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&left));
        let mut part = [0; 256];
        match ready {
            Ok(1..) => match rustix::io::read(stdin, &mut part) {
                Ok(count @ 1..) => answer.extend_from_slice(&part[..count]),
                _ => break,
            },
            _ => break,
        }
    }
    answer
}

/// Asks a process to end, as `kill` does; a supervisor passes it on to its command.
///
/// # Errors
/// [`Error::System`] when it is gone or somebody else's.
pub fn terminate(key: &ProcessKey) -> Result<()> {
    let gone = || Error::System { action: "find the process", source: std::io::ErrorKind::NotFound.into() };
    let pid = rustix::process::Pid::from_raw(key.pid).filter(|_| is_alive(key)).ok_or_else(gone)?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).trying("send a signal")
}

pub(crate) const fn is_living(stat: &Stat) -> bool {
    !matches!(stat.state, b'Z' | b'X' | b'x')
}

pub(crate) fn boot_id() -> String {
    let mut buffer = [0; 64];
    let text = read("/proc/sys/kernel/random/boot_id", &mut buffer).unwrap_or_default();
    String::from_utf8_lossy(text).trim().to_owned()
}

/// The first bytes of a small file, in one go.
pub(crate) fn read<'a>(path: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let file: OwnedFd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let length = rustix::io::read(&file, &mut *buffer).ok()?;
    Some(&buffer[..length])
}

pub(crate) fn stat(pid: i32) -> Option<Stat> {
    let mut buffer = [0; 1024];
    parse_stat(read(&format!("/proc/{pid}/stat"), &mut buffer)?)
}

/// The name of a program may hold spaces and parentheses: what counts comes after the last one.
pub(crate) fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let text = std::str::from_utf8(bytes.get(end + 2..)?).ok()?;
    // The first of these is field 3 of proc(5).
    let fields: Vec<&str> = text.split_ascii_whitespace().take(50).collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let signed = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<i32>().ok()).unwrap_or(0);
    let has_program = number(9).is_some_and(|flags| flags & PF_FORKNOEXEC == 0);
    // Code and arguments begin at 1 and 0 for whoever may not look, and at 0 while a program is loaded.
    let (code, arguments) = (number(26).unwrap_or(0), number(48).unwrap_or(0));
    let is_known = has_program && code > 1 && arguments > 0;
    Some(Stat {
        state: *fields.first()?.as_bytes().first()?,
        parent: fields.get(1)?.parse().ok()?,
        group: signed(5),
        session: signed(6),
        terminal: signed(7) != 0,
        own_ticks: number(14)? + number(15)?,
        // Signed in the manual, and zero for most.
        children_ticks: number(16).unwrap_or(0) + number(17).unwrap_or(0),
        start_ticks: number(22)?,
        resident_pages: number(24).unwrap_or(0),
        image: if is_known { code ^ arguments.rotate_left(32) } else { 0 },
        wait_status: fields.get(52 - 3).and_then(|text| text.parse().ok()),
        is_keeper: !keeper::NAME.is_empty() && bytes[..end].ends_with(keeper::NAME.as_bytes()),
    })
}

/// The name of the program, from the same file.
pub(crate) fn parse_name(bytes: &[u8]) -> Option<String> {
    let start = bytes.iter().position(|byte| *byte == b'(')?;
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    Some(String::from_utf8_lossy(bytes.get(start + 1..end)?).into_owned())
}

/// Storage bytes read and written by a process and the children that it has waited for.
pub(crate) fn storage_bytes(pid: i32) -> Option<(u64, u64)> {
    let mut buffer = [0; 512];
    let text = std::str::from_utf8(read(&format!("/proc/{pid}/io"), &mut buffer)?).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some((field("read_bytes:")?, field("write_bytes:")?))
}

/// What a living process and the children that it has waited for have used so far.
pub(crate) fn usage(pid: i32) -> Option<Usage> {
    let mut buffer = [0; 1024];
    let bytes = read(&format!("/proc/{pid}/stat"), &mut buffer)?;
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let text = std::str::from_utf8(bytes.get(end + 2..)?).ok()?;
    let fields: Vec<u64> = text.split_ascii_whitespace().take(15).map(|word| word.parse().unwrap_or(0)).collect();
    let seconds =
        |of: u64, children: u64| (of + children) as f64 / rustix::param::clock_ticks_per_second().max(1) as f64;
    let [user, system, child_user, child_system] = *fields.get(11..15)? else { return None };
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())?;
    Some(Usage {
        user_seconds: seconds(user, child_user),
        system_seconds: seconds(system, child_system),
        peak_memory_bytes: peak << 10,
    })
}

/// Whether a process ignores a signal, and whether it handles it itself.
pub(crate) fn disposition(pid: i32, signal: i32) -> (bool, bool) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let has = |name: &str| {
        let mask = text.lines().find_map(|line| u64::from_str_radix(line.strip_prefix(name)?.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    };
    (has("SigIgn:"), has("SigCgt:"))
}

/// Every process below `root`, without `root` and without keepers, each with its figures.
pub(crate) fn descendants(root: i32) -> Vec<(i32, Stat)> {
    let mut found = Vec::new();
    let mut waiting = vec![root];
    if children(root, &mut Vec::new()) {
        while let Some(pid) = waiting.pop() {
            let mut below = Vec::new();
            children(pid, &mut below);
            for child in below {
                let stat = stat(child);
                if !stat.is_some_and(|stat| stat.is_keeper) {
                    found.extend(stat.map(|stat| (child, stat)));
                    waiting.push(child);
                }
            }
        }
        return found;
    }
    // A kernel that does not list children: look at everybody.
    let mut others = everybody();
    while let Some(parent) = waiting.pop() {
        others.retain(|(pid, stat)| {
            let is_child = stat.parent == parent && !stat.is_keeper;
            if is_child {
                waiting.push(*pid);
                found.push((*pid, *stat));
            }
            !is_child
        });
    }
    found
}

/// Adds the children of all threads of a process; false when this kernel does not tell.
fn children(pid: i32, found: &mut Vec<i32>) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    let mut told = true;
    for thread in threads.flatten() {
        let path = format!("/proc/{pid}/task/{}/children", thread.file_name().to_string_lossy());
        match std::fs::read_to_string(path) {
            Ok(text) => found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok())),
            Err(_) => told = false,
        }
    }
    told || !found.is_empty()
}

fn everybody() -> Vec<(i32, Stat)> {
    let Ok(names) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = names.flatten().filter_map(|name| name.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn names_with_spaces_and_parentheses() {
        let line =
            b"42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 999 1000 55 18446744073709551615";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.state, stat.parent), (b'S', 7));
        assert_eq!((stat.own_ticks, stat.children_ticks), (30, 70));
        assert_eq!((stat.start_ticks, stat.resident_pages), (999, 55));
        assert_eq!((stat.group, stat.session, stat.terminal), (42, 42, false));
        assert_eq!((stat.image, stat.wait_status), (0, None), "a line that is cut");
        assert_eq!(parse_name(line).as_deref(), Some("a) b (c)"));
        for bad in [&b""[..], b"1", b"1 (x", b"1 (x)", b"1 (x) ", b"1 (x) S", b"1 (x) S 1 2 3"] {
            assert_eq!(parse_stat(bad), None);
        }
    }

    #[test]
    fn a_key_tells_this_process_from_others_with_its_number() {
        let own = process_key(rustix::process::getpid().as_raw_nonzero().get()).unwrap();
        assert!(own.start_ticks > 0 && !own.boot_id.is_empty());
        assert!(is_alive(&own));
        assert!(is_alive(&ProcessKey { start_ticks: 0, boot_id: String::new(), ..own.clone() }));
        assert!(!is_alive(&ProcessKey { start_ticks: own.start_ticks + 1, ..own.clone() }));
        assert!(!is_alive(&ProcessKey { boot_id: "another".into(), ..own }));
    }

    #[test]
    fn an_ended_process_is_not_alive_even_before_it_is_waited_for() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let key = process_key(pid).unwrap();
        let own = rustix::process::getpid().as_raw_nonzero().get();
        assert!(descendants(own).iter().any(|(found, _)| *found == pid));
        assert!(is_alive(&key));
        drop(child.stdin.take());
        rustix::process::waitid(
            rustix::process::WaitId::Pid(rustix::process::Pid::from_raw(pid).unwrap()),
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT,
        )
        .unwrap();
        assert!(!is_alive(&key), "a zombie");
        child.wait().unwrap();
        assert!(!is_alive(&key));
        assert_eq!(process_key(-1), None);
    }
}
