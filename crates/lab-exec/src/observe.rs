//! Looks at processes that are nobody's child here: what they run, what they use, who is below them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use lab_model::{ProcessKey, Usage};

use crate::detect::{Ancestor, Program};
use crate::sample::Sampler;
use crate::{Sample, process, process_key};

/// What is read of a command line or an environment at most.
const MAX_BYTES: u64 = 1 << 20;

/// Gives back to the system what this process has freed, where the C library keeps it for later: a process that lives
/// for weeks should not stay as large as it once was.
pub fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "malloc_trim has no safe form")]
    // SAFETY: it takes a number and may be called from any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Lets a process that lives for weeks stay small, where the C library would trade memory for speed: few heaps, however
/// many threads there are, and what is large goes back to the system as soon as it is freed. To be called first of all.
pub fn bound_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const HEAPS: i32 = 2;
        const LARGE_BYTES: i32 = 256 << 10;
        let options =
            [(libc::M_ARENA_MAX, HEAPS), (libc::M_MMAP_THRESHOLD, LARGE_BYTES), (libc::M_TRIM_THRESHOLD, LARGE_BYTES)];
        for (option, value) in options {
            #[expect(unsafe_code, reason = "mallopt has no safe form")]
            // SAFETY: it takes two numbers; one that it does not know it refuses.
            unsafe {
                libc::mallopt(option, value);
            }
        }
    }
}

/// Lets the calling thread, which does little at a time, do it soon after it is woken: Linux (6.12 and later, for
/// everybody) prefers whoever asks for a short turn to one that is in the middle of a long one. It gets no larger share of
/// the processor. Does nothing elsewhere.
pub fn be_prompt() {
    #[cfg(target_os = "linux")]
    {
        /// The shortest that the scheduler grants.
        const TURN_NANOS: u64 = 100_000;
        let length = size_of::<libc::sched_attr>() as u32;
        #[expect(unsafe_code, reason = "the scheduler's attributes have no safe form")]
        // SAFETY: all fields may be zero. Both calls are about this thread, and the kernel reads and writes no more than
        // the length that it is given.
        unsafe {
            let mut attributes: libc::sched_attr = std::mem::zeroed();
            if libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, length, 0) == 0 {
                attributes.size = length;
                attributes.sched_runtime = TURN_NANOS;
                libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0);
            }
            // Nor do its timers wait for others.
            libc::prctl(libc::PR_SET_TIMERSLACK, 1);
        }
    }
}

/// The processes that this one has started and that live, not those below them.
pub fn children(pid: i32) -> Vec<i32> {
    let below = process::descendants(pid);
    below.into_iter().filter(|(_, stat)| stat.parent == pid).map(|(child, _)| child).collect()
}

/// All processes of this user.
pub fn own_processes() -> Vec<i32> {
    let own = rustix::process::getuid().as_raw();
    let Ok(names) = std::fs::read_dir("/proc") else { return Vec::new() };
    let is_own = |name: &std::fs::DirEntry| name.metadata().is_ok_and(|found| found.uid() == own);
    names.flatten().filter(is_own).filter_map(|name| name.file_name().to_str()?.parse().ok()).collect()
}

/// What a process runs; `None` when it is gone, or another user's.
pub fn program_of(pid: i32) -> Option<(ProcessKey, Program)> {
    let key = process_key(pid)?;
    let place = format!("/proc/{pid}");
    let exe = std::fs::read_link(format!("{place}/exe")).ok()?;
    let cwd = std::fs::read_link(format!("{place}/cwd")).ok()?;
    let argv = fields(&format!("{place}/cmdline"))?;
    let stat = std::fs::read_to_string(format!("{place}/stat")).ok()?;
    let after: Vec<&str> = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().collect();
    let number = |place: usize| after.get(place).and_then(|word| word.parse::<i32>().ok()).unwrap_or(0);
    let program = Program {
        exe,
        argv,
        cwd,
        uid: std::fs::metadata(&place).ok()?.uid(),
        group: number(2),
        session: number(3),
        terminal: number(4) != 0,
        ancestors: ancestors(number(1)),
    };
    // The number may have gone to another process meanwhile.
    (process_key(pid)? == key).then_some((key, program))
}

fn ancestors(parent: i32) -> Vec<Ancestor> {
    let mut found = Vec::new();
    let mut pid = parent;
    while pid > 1 && found.len() < 64 {
        let Some(stat) = process::stat(pid) else { break };
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        found.push(Ancestor { pid, start_ticks: stat.start_ticks, name: name.trim_end().to_owned() });
        pid = stat.parent;
    }
    found
}

/// The variables that a process was started with; empty when it is gone.
pub fn variables_of(pid: i32) -> BTreeMap<OsString, OsString> {
    let pairs = fields(&format!("/proc/{pid}/environ")).unwrap_or_default();
    let pair = |pair: &OsString| {
        let bytes = pair.as_bytes();
        let at = bytes.iter().position(|byte| *byte == b'=')?;
        Some((OsStr::from_bytes(&bytes[..at]).to_owned(), OsStr::from_bytes(&bytes[at + 1..]).to_owned()))
    };
    pairs.iter().filter_map(pair).collect()
}

/// Texts with a zero byte behind each.
fn fields(path: &str) -> Option<Vec<OsString>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    Some(bytes.split(|byte| *byte == 0).map(|field| OsStr::from_bytes(field).to_owned()).collect())
}

/// Samples of a process that is no child, and everything below it.
#[derive(Debug)]
pub struct Observer {
    pid: i32,
    sampler: Sampler,
    usage: Usage,
}

impl Observer {
    /// Looks at the process `pid`, which started so long ago.
    pub fn new(pid: i32, millis_ago: u64) -> Self {
        Self { pid, sampler: Sampler::watching(millis_ago), usage: Usage::default() }
    }

    /// When to look next, in milliseconds since the process's start.
    pub const fn next_millis(&self) -> u64 {
        self.sampler.next_millis()
    }

    /// Looks now, `millis` after the process's start. `None` when it is gone.
    pub fn sample(&mut self, millis: u64) -> Option<Sample> {
        if let Some(usage) = process::usage(self.pid) {
            self.usage = usage;
        }
        self.sampler.take(self.pid, millis, || millis)
    }

    /// What the process had used when it was last looked at.
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_with_its_ancestors() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "read x"])
            .env("LAB_SEEN", "a=b")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let own = rustix::process::getpid().as_raw_nonzero().get();
        // Until the child has become the shell it is a copy of this process.
        let (_, program) = loop {
            let read = program_of(pid).unwrap();
            if read.1.argv.len() == 3 && read.1.argv[1] == "-c" {
                break read;
            }
        };
        assert_eq!(program.ancestors[0].pid, own);
        assert_eq!(program.argv, ["sh", "-c", "read x"]);
        assert_eq!(variables_of(pid).get(OsStr::new("LAB_SEEN")).unwrap(), "a=b");
        assert!(children(own).contains(&pid) && own_processes().contains(&pid));
        // The kernel counts the memory of a new program with some delay.
        while Observer::new(pid, 0).sample(100).unwrap().memory_bytes == 0 {}
        assert!(Observer::new(pid, 0).sample(100).unwrap().processes >= 1);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(program_of(pid), None);
        assert!(Observer::new(pid, 0).sample(100).is_none());
    }
}
