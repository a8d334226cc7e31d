//! What one process runs, read from `/proc` through one handle: if the process ends meanwhile and
//! its number is given to another one, reading fails instead of telling of the wrong process.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, fstat, openat, readlinkat, readlinkat_raw};

use super::{Ancestor, Program};
use crate::process::{self, Stat};

/// A command line is cut here. Far above what people type and far below the two megabytes that a kernel takes.
const ARGUMENT_BYTES_MAX: usize = 128 * 1024;

/// More levels than this have only been made to be followed.
const ANCESTORS_MAX: usize = 64;

/// Of a command line no more words are looked at for a path.
const NAMING_WORDS: usize = 8;

/// Whether a process has to do with one of the directories: it runs there, its program lies there, or its command line
/// names something there. All of them where there is none. Most processes are dismissed by this: it costs two links and
/// a small file, and nothing on the heap, for everything that starts on the machine is asked.
pub(super) fn concerns(directories: &[PathBuf], pid: i32) -> bool {
    if directories.is_empty() {
        return true;
    }
    let mut buffer = [MaybeUninit::uninit(); PATH_BYTES];
    // Of another user's process, and of one that is gone, nobody may ask.
    let Some(cwd) = link(pid, "cwd", &mut buffer) else { return false };
    if is_within(directories, cwd) {
        return true;
    }
    let mut other = [MaybeUninit::uninit(); PATH_BYTES];
    if link(pid, "exe", &mut other).is_some_and(|exe| is_within(directories, exe)) {
        return true;
    }
    let mut line = [0; 4096];
    let Some(bytes) = process::read(ProcPath::new(pid, "cmdline").as_str(), &mut line) else { return false };
    let words = bytes.split(|byte| *byte == 0).take(NAMING_WORDS).filter(|word| word.contains(&b'/'));
    let cwd = Path::new(OsStr::from_bytes(cwd));
    let is_named = |path: PathBuf| directories.iter().any(|directory| path.starts_with(directory));
    words.map(|word| cwd.join(OsStr::from_bytes(word))).any(is_named)
}

/// What the kernel tells of a path at most.
const PATH_BYTES: usize = 4096;

/// Where a link of a process leads.
fn link<'a>(pid: i32, name: &str, buffer: &'a mut [MaybeUninit<u8>]) -> Option<&'a [u8]> {
    let (target, _) = readlinkat_raw(CWD, ProcPath::new(pid, name).as_str(), buffer).ok()?;
    Some(target)
}

/// Whether a path as the kernel tells it is one of the directories or lies below.
fn is_within(directories: &[PathBuf], path: &[u8]) -> bool {
    directories.iter().any(|directory| {
        let directory = directory.as_os_str().as_bytes();
        let rest = path.strip_prefix(directory.strip_suffix(b"/").unwrap_or(directory));
        rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    })
}

/// `/proc/PID/NAME`.
struct ProcPath {
    bytes: [u8; 32],
    length: usize,
}

impl ProcPath {
    fn new(pid: i32, name: &str) -> Self {
        let mut bytes = [0; 32];
        let mut rest = &mut bytes[..];
        write!(rest, "/proc/{pid}/{name}").expect("because the longest number and name are shorter");
        let length = 32 - rest.len();
        Self { bytes, length }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("because it was written as text")
    }
}

/// A process that is looked at.
pub(super) struct Look {
    directory: OwnedFd,
    pub(super) uid: u32,
}

impl Look {
    pub(super) fn at(pid: i32) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty()).ok()?;
        let uid = fstat(&directory).ok()?.st_uid;
        Some(Self { directory, uid })
    }

    pub(super) fn stat(&self) -> Option<Stat> {
        let mut buffer = [0; 1024];
        let file = self.open("stat")?;
        let length = rustix::io::read(&file, &mut buffer).ok()?;
        process::parse_stat(&buffer[..length])
    }

    /// `None` when it has ended, or keeps what it runs to itself.
    pub(super) fn program(&self, stat: &Stat) -> Option<Program> {
        let exe = self.exe()?;
        let argv = arguments(&self.read("cmdline", ARGUMENT_BYTES_MAX)?);
        Some(Program {
            exe,
            argv,
            cwd: without_deleted(self.link("cwd")?),
            uid: self.uid,
            group: stat.group,
            session: stat.session,
            terminal: stat.terminal,
            ancestors: ancestors(stat.parent),
        })
    }

    pub(super) fn exe(&self) -> Option<PathBuf> {
        self.link("exe").map(without_deleted)
    }

    /// The loader and C library that it has mapped.
    pub(super) fn libraries(&self) -> Vec<PathBuf> {
        /// Libraries come late in the list, which is long for programs with many of them.
        const MAPS_BYTES_MAX: usize = 1024 * 1024;
        let Some(maps) = self.read("maps", MAPS_BYTES_MAX) else { return Vec::new() };
        let mut found: Vec<PathBuf> = Vec::new();
        for line in maps.split(|byte| *byte == b'\n') {
            let Some(start) = line.iter().position(|byte| *byte == b'/') else { continue };
            let path = PathBuf::from(OsStr::from_bytes(&line[start..]));
            if super::loader::kind(&path).is_some() && !found.contains(&path) {
                found.push(path);
            }
        }
        found
    }

    fn open(&self, name: &str) -> Option<OwnedFd> {
        openat(&self.directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()
    }

    fn link(&self, name: &str) -> Option<PathBuf> {
        let target = readlinkat(&self.directory, name, Vec::with_capacity(256)).ok()?;
        Some(OsString::from_vec(target.into_bytes()).into())
    }

    fn read(&self, name: &str, bytes_max: usize) -> Option<Vec<u8>> {
        let file = self.open(name)?;
        let mut bytes = vec![0; 4096.min(bytes_max)];
        let mut length = 0;
        loop {
            match rustix::io::read(&file, &mut bytes[length..]).ok()? {
                0 => break,
                read => length += read,
            }
            if length == bytes.len() {
                if length == bytes_max {
                    break;
                }
                bytes.resize((length * 2).min(bytes_max), 0);
            }
        }
        bytes.truncate(length);
        Some(bytes)
    }
}

/// Arguments end with a zero each; a program that has changed its own may have left out the last.
fn arguments(bytes: &[u8]) -> Vec<OsString> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|byte| *byte == 0).map(|argument| OsString::from_vec(argument.to_vec())).collect()
}

/// The kernel adds this to the name of a file that was removed or replaced.
fn without_deleted(path: PathBuf) -> PathBuf {
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(name) => PathBuf::from(OsStr::from_bytes(name)),
        None => path,
    }
}

fn ancestors(parent: i32) -> Vec<Ancestor> {
    let mut found = Vec::new();
    let mut pid = parent;
    while pid > 0 && found.len() < ANCESTORS_MAX {
        let mut buffer = [0; 1024];
        let Some(bytes) = process::read(&format!("/proc/{pid}/stat"), &mut buffer) else { break };
        let (Some(stat), Some(name)) = (process::parse_stat(bytes), process::parse_name(bytes)) else { break };
        found.push(Ancestor { pid, start_ticks: stat.start_ticks, name });
        pid = stat.parent;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_at_zeros() {
        for (bytes, expected) in [
            (&b""[..], &[][..]),
            (b"\0", &[]),
            (b"sh\0", &["sh"]),
            (b"sh\0-c\0\0x y\0", &["sh", "-c", "", "x y"]),
            (b"sh\0\0", &["sh", ""]),
            (b"nginx: master", &["nginx: master"]),
        ] {
            assert_eq!(arguments(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn this_process() {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let look = Look::at(pid).unwrap();
        let stat = look.stat().unwrap();
        let program = look.program(&stat).unwrap();
        assert!(stat.image != 0);
        assert_eq!(program.exe, std::env::current_exe().unwrap());
        assert_eq!(program.argv, std::env::args_os().collect::<Vec<_>>());
        assert_eq!(program.uid, rustix::process::geteuid().as_raw());
        assert_eq!(program.ancestors[0].pid, stat.parent);
        assert!(Look::at(-1).is_none());
    }

    #[test]
    fn a_path_lies_in_a_directory_by_whole_names() {
        let directories = [PathBuf::from("/a/b"), PathBuf::from("/c")];
        for (path, expected) in
            [("/a/b", true), ("/a/b/c", true), ("/c/x", true), ("/a/bc", false), ("/a", false), ("", false)]
        {
            assert_eq!(is_within(&directories, path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn what_runs_in_a_directory_lies_there_or_names_it_concerns_it() {
        let mut child = std::process::Command::new("/bin/sleep");
        let mut child = child.args(["60"]).current_dir("/proc").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        // The kernel lets a parent go on before it has laid out the new program's command line.
        while Look::at(pid).unwrap().stat().unwrap().image == 0 {
            std::thread::yield_now();
        }
        let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
        let check = |directories: &[&Path]| {
            concerns(&directories.iter().map(|path| path.to_path_buf()).collect::<Vec<_>>(), pid)
        };
        assert!(check(&[]), "nothing is asked for");
        assert!(check(&[Path::new("/nowhere"), Path::new("/proc")]), "it runs there");
        assert!(check(&[exe.parent().unwrap()]), "it lies there");
        assert!(check(&[Path::new("/bin")]), "its first word names it");
        assert!(!check(&[Path::new("/nowhere"), Path::new("/pro")]));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!concerns(&[PathBuf::from("/proc")], pid), "it is gone");
    }

    #[test]
    fn a_replaced_executable_keeps_its_name() {
        assert_eq!(without_deleted("/a/b (deleted)".into()), PathBuf::from("/a/b"));
        assert_eq!(without_deleted("/a/b".into()), PathBuf::from("/a/b"));
    }
}
