//! What the tracer sees is what `strace -f` sees, for programs that open files in every way that there is; and
//! nothing that happens to `lab` makes a call of theirs fail.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lab_exec::trace::{Event, read_log};
use rustix::process::Signal;

use crate::support::{Place, until};

/// A file `in.txt` and a directory `d` with `d/one`, `d/two` are there before.
const SCRIPTS: &[(&str, &str)] = &[
    ("redirects", "cat < in.txt > out.txt; echo more >> out.txt; echo again 2> err.txt 1>&2"),
    ("pipeline", "cat in.txt | sort | uniq > sorted.txt"),
    ("rename", "echo a > tmp; mv tmp final; mv final d/final"),
    ("rename directory", "mkdir e; echo a > e/x; mv e f; cat f/x > /dev/null"),
    ("remove", "echo a > gone; rm gone; rm d/one"),
    ("links", "ln in.txt hard; ln -s in.txt soft; cat soft hard > out"),
    ("dangling link", "ln -s target link; echo a > link; cat target > /dev/null"),
    ("chdir", "cd d; cat one > ../from-d; (cd ..; cat in.txt > d/up)"),
    (
        "fork tree",
        "for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3; do echo $j > t$i.$j; done) & done; wait; cat t* > all",
    ),
    ("missing", "cat nothing 2> /dev/null; cat d/no/where 2> /dev/null; true"),
    ("descriptors", "exec 5< in.txt; cat /dev/fd/5 > a; cat /proc/self/fd/0 < in.txt > b"),
    ("copy", "cp in.txt copy; cp -r d dd; truncate -s 1 copy; touch touched"),
    ("script", "printf '#!/bin/sh\\necho hi > made\\n' > s; chmod +x s; ./s"),
    ("dots", "cat ./d/../in.txt d/./one > d/../out"),
    ("left behind", "(sleep 0.05; echo late > late.txt) & true"),
];

const PYTHON: &str = "
import os, mmap, tempfile, subprocess, threading
open('a', 'w').write(open('in.txt').read())
d = os.open('d', os.O_RDONLY | os.O_DIRECTORY)
os.write(os.open('made', os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=d), b'x')
os.close(os.open('one', os.O_RDONLY, dir_fd=d))
os.rename('made', 'moved', src_dir_fd=d, dst_dir_fd=d)
os.unlink('two', dir_fd=d)
with open('a', 'r+b') as f: mmap.mmap(f.fileno(), 0)[0:1] = b'y'
os.truncate('a', 1)
os.replace('a', 'b')
def work(i): open('t%d' % i, 'w').write(open('in.txt').read())
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
subprocess.run(['cat', 'in.txt'], stdout=open('sub', 'w'))
os.posix_spawn('/bin/cat', ['cat', 'd/one'], os.environ,
    file_actions=[(os.POSIX_SPAWN_OPEN, 1, 'spawned', os.O_CREAT | os.O_WRONLY, 0o644)])
os.wait()
try: os.open('in.txt', os.O_CREAT | os.O_EXCL | os.O_WRONLY)
except FileExistsError: pass
";

const PERL: &str = "
open(my $in, '<', 'in.txt'); open(my $out, '>', 'perl.txt'); print {$out} <$in>; close $out;
open(my $more, '>>', 'perl.txt'); print {$more} 'more'; close $more; open(my $both, '+<', 'd/one');
rename 'perl.txt', 'perl2.txt'; link 'perl2.txt', 'perl3.txt'; symlink 'x', 'perl4'; unlink 'perl3.txt';
";

const C: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
struct how { unsigned long long flags, mode, resolve; };
static void *work(void *name) { FILE *f = fopen(name, "w"); fputs("x", f); fclose(f); return 0; }
int main(void) {
    pthread_t thread; pthread_create(&thread, 0, work, "thread"); pthread_join(thread, 0);
    struct how read = { O_RDONLY, 0, 0 }, write = { O_CREAT | O_WRONLY, 0644, 0 };
    syscall(SYS_openat2, AT_FDCWD, "in.txt", &read, sizeof read);
    syscall(SYS_openat2, AT_FDCWD, "by-openat2", &write, sizeof write);
    int t = open(".", O_TMPFILE | O_WRONLY, 0600);
    if (t >= 0) { char p[64]; sprintf(p, "/proc/self/fd/%d", t); linkat(AT_FDCWD, p, AT_FDCWD, "named", AT_SYMLINK_FOLLOW); }
    close(creat("created", 0644));
    int p = open("in.txt", O_PATH); (void)p;
    if (fork() == 0) { close(open("child", O_CREAT | O_WRONLY, 0644)); execl("/bin/cat", "cat", "d/two", (char *)0); }
    wait(0);
    if (vfork() == 0) { execl("./nothing", "nothing", (char *)0); _exit(0); }
    wait(0);
    renameat2(AT_FDCWD, "child", AT_FDCWD, "created", 2);
    return 0;
}
"#;

pub fn scene() -> tempfile::TempDir {
    let scene = tempfile::tempdir().unwrap();
    let write = |name: &str| std::fs::write(scene.path().join(name), format!("text of {name}\n")).unwrap();
    std::fs::create_dir(scene.path().join("d")).unwrap();
    ["in.txt", "d/one", "d/two"].into_iter().for_each(write);
    scene
}

pub fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
    let found = found.unwrap().success();
    if !found {
        println!("SKIPPED: {program} is not installed");
    }
    found
}

type Seen = BTreeSet<String>;

/// What `strace` says of the calls that went well.
fn by_strace(argv: &[String]) -> Seen {
    const CALLS: &str = "trace=open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,\
                         symlinkat,truncate,execve,execveat";
    let scene = scene();
    let root = scene.path().canonicalize().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "4096", "-e", "signal=none", "-e", CALLS, "-o"]).arg(log.path()).args(argv);
    command.current_dir(&root).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success());
    let text = std::fs::read_to_string(log.path()).unwrap();
    let mut pending = std::collections::HashMap::new();
    let mut seen = Seen::new();
    for line in text.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim();
        if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
            pending.insert(thread.to_owned(), begin.to_owned());
        } else if let Some(end) = rest.strip_prefix("<... ") {
            let end = end.split_once("resumed>").map_or("", |(_, end)| end);
            one_call(&format!("{}{end}", pending.remove(thread).unwrap_or_default()), &root, &mut seen);
        } else {
            one_call(rest, &root, &mut seen);
        }
    }
    seen
}

/// `openat(AT_FDCWD</tmp/x>, "in.txt", O_RDONLY) = 3</tmp/x/in.txt>`.
fn one_call(line: &str, root: &Path, seen: &mut Seen) {
    let Some((call, result)) = line.rsplit_once(" = ") else { return };
    let Some((name, arguments)) = call.split_once('(') else { return };
    if result.starts_with('-') || result.starts_with('?') {
        return;
    }
    let mut paths = Vec::new();
    for (place, text) in arguments.split('"').enumerate().filter(|(place, _)| place % 2 == 1) {
        let before = arguments.split('"').nth(place - 1).unwrap();
        let base = before.rsplit_once('<').and_then(|(_, base)| base.split_once('>')).map(|(base, _)| base);
        paths.push(root.join(base.unwrap_or("")).join(text));
    }
    let below = |path: &Path| {
        let parent = path.parent().unwrap().canonicalize().unwrap_or_else(|_| path.parent().unwrap().to_owned());
        Some(parent.join(path.file_name()?).strip_prefix(root).ok()?.display().to_string())
    };
    let mut add = |what: &str, path: Option<String>| seen.extend(path.map(|path| format!("{what} {path}")));
    match name {
        "open" | "openat" | "openat2" | "creat" => {
            if arguments.contains("O_DIRECTORY") || arguments.contains("O_PATH") || arguments.contains("O_TMPFILE") {
                return;
            }
            let writes = name == "creat" || ["O_WRONLY", "O_RDWR"].iter().any(|flag| arguments.contains(flag));
            let real = result.split_once('<').and_then(|(_, path)| path.rsplit_once('>')).map_or("", |(path, _)| path);
            let real = Path::new(real.trim_end_matches("(deleted)"));
            if real.starts_with(root) && !real.is_dir() {
                add(if writes { "write" } else { "read" }, below(real));
            }
        }
        "execve" | "execveat" => add("read", below(&paths[0])),
        "truncate" => add("write", below(&paths[0])),
        "unlink" | "unlinkat" if !arguments.contains("AT_REMOVEDIR") => add("remove", below(&paths[0])),
        "link" | "linkat" | "symlink" | "symlinkat" => add("write", below(&paths[1])),
        "renameat2" if arguments.contains("RENAME_EXCHANGE") => paths.iter().for_each(|path| add("write", below(path))),
        "rename" | "renameat" | "renameat2" => {
            add("rename", below(&paths[0]).zip(below(&paths[1])).map(|(from, to)| format!("{from} {to}")));
        }
        _ => {}
    }
}

/// What the tracer says.
fn by_tracer(how: &str, argv: &[String]) -> Seen {
    let (place, scene) = (Place::new(), scene());
    let root = scene.path().canonicalize().unwrap();
    let output = place.traced_by(how, argv).current_dir(&root).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut events = Vec::new();
    until("the end of the trace", || {
        events = read_log(&place.path("trace"));
        events.contains(&Event::End)
    });
    let mut seen = Seen::new();
    let mut add = |what: &str, path: &lab_model::FilePath| {
        if path.in_project().is_some() {
            seen.insert(format!("{what} {path}"));
        }
    };
    for event in &events {
        match event {
            Event::Read { path, .. } | Event::Opened { path, writes: false } => add("read", path),
            Event::Write { path, .. } | Event::Opened { path, writes: true } => add("write", path),
            Event::Remove { path } => add("remove", path),
            Event::Rename { from, to } => {
                seen_rename(&mut add, from, to);
            }
            Event::Untraced { why } | Event::Incomplete { why } => panic!("{why}"),
            Event::Begin | Event::End | Event::Counted { .. } => {}
        }
    }
    seen
}

fn seen_rename(add: &mut impl FnMut(&str, &lab_model::FilePath), from: &lab_model::FilePath, to: &lab_model::FilePath) {
    add(&format!("rename {from}"), to);
}

pub fn check(name: &str, argv: &[&str]) {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let expected = by_strace(&argv);
    for how in ["--trace", "--helped"] {
        assert_eq!(by_tracer(how, &argv), expected, "{name} {how}");
    }
}

#[test]
fn shell_scripts_are_seen_as_by_strace() {
    if has("strace") {
        for (name, script) in SCRIPTS {
            check(name, &["sh", "-c", script]);
        }
    }
}

#[test]
fn interpreters_are_seen_as_by_strace() {
    for (program, option, script) in [("python3", "-c", PYTHON), ("perl", "-e", PERL)] {
        if has("strace") && has(program) {
            check(program, &[program, option, script]);
        }
    }
}

fn compiled(folder: &Path, options: &[&str]) -> Option<PathBuf> {
    let (source, program) = (folder.join("program.c"), folder.join("program"));
    std::fs::write(&source, C).unwrap();
    let built =
        Command::new("gcc").arg(&source).arg("-o").arg(&program).arg("-pthread").args(options).output().unwrap();
    if !built.status.success() {
        println!("SKIPPED: {}", String::from_utf8_lossy(&built.stderr));
    }
    built.status.success().then_some(program)
}

#[test]
fn compiled_programs_are_seen_as_by_strace() {
    if !has("strace") || !has("gcc") {
        return;
    }
    for options in [&[][..], &["-static"]] {
        let folder = tempfile::tempdir().unwrap();
        if let Some(program) = compiled(folder.path(), options) {
            check(&format!("{options:?}"), &[program.to_str().unwrap()]);
        }
    }
}

/// Opens files for as long as it is told to, and says so when a call fails.
const BUSY: &str = "
import os, sys
n = 0
while not os.path.exists('stop'):
    n += 1
    try:
        open('f%d' % (n % 50), 'w').close(); open('in.txt').close(); os.replace('f%d' % (n % 50), 'g')
        if n % 20 == 0: os.spawnlp(os.P_WAIT, 'true', 'true')
        if n == 50: open('ready', 'w').close()
    except OSError as error:
        open('failed', 'w').write(str(error)); sys.exit(1)
open('whole', 'w').write(str(n))
";

fn keepers_of(folder: &Path) -> Vec<i32> {
    let needle = folder.as_os_str().as_encoded_bytes();
    let pids =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let is_keeper =
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "run-keeper");
        is_keeper
            && std::fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environment| environment.windows(needle.len()).any(|part| part == needle))
    })
    .collect()
}

#[test]
fn whoever_is_killed_no_call_of_the_command_fails() {
    if !has("python3") {
        return;
    }
    for victims in [
        "supervisor",
        "keeper",
        "front",
        "supervisor front",
        "keeper supervisor",
        "supervisor keeper front",
        "keeper keeper",
    ] {
        let (place, scene) = (Place::new(), scene());
        let root = scene.path();
        let mut command = place.traced(&["python3", "-c", BUSY]);
        command.current_dir(root).env("SCENE", place.folder.path());
        let mut front = command.spawn().unwrap();
        until("ready", || root.join("ready").exists());
        for victim in victims.split(' ') {
            let pid = match victim {
                "front" => i32::try_from(front.id()).unwrap(),
                "supervisor" => place.pid("supervisor"),
                _ => {
                    let mut keepers = Vec::new();
                    until("a keeper", || {
                        keepers = keepers_of(place.folder.path());
                        !keepers.is_empty()
                    });
                    keepers[0]
                }
            };
            rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
            // There are always two again: one that answers and one that stands by.
            until(&format!("two without {victim} of {victims}"), || {
                let supervisor = std::fs::read_to_string(format!("/proc/{}/stat", place.pid("supervisor")));
                let lives = supervisor.is_ok_and(|stat| !stat.contains(") Z "));
                usize::from(lives) + keepers_of(place.folder.path()).iter().filter(|keeper| **keeper != pid).count()
                    >= 2
            });
            let files = || std::fs::metadata(root.join("g")).and_then(|found| found.modified()).ok();
            let before = files();
            until(&format!("the command to go on without {victim} of {victims}"), || files() != before);
        }
        std::fs::write(root.join("stop"), "").unwrap();
        until("the command's end", || root.join("whole").exists() || root.join("failed").exists());
        assert!(!root.join("failed").exists(), "{victims}: {}", std::fs::read_to_string(root.join("failed")).unwrap());
        front.wait().unwrap();
        until("the keepers' end", || keepers_of(place.folder.path()).is_empty());
    }
}

/// Mounts a file system that never answers, has somebody wait for a file in it, and opens other files.
const DEAD: &str = "
import ctypes, os, threading
fuse = os.open('/dev/fuse', os.O_RDWR)
os.mkdir('dead')
options = b'fd=%d,rootmode=40000,user_id=0,group_id=0' % fuse
if ctypes.CDLL(None, use_errno=True).mount(b'nobody', b'dead', b'fuse', 0, options):
    open('refused', 'w').close()
else:
    def work(mode):
        try: open('dead/file', mode)
        except OSError: pass
    threads = [threading.Thread(target=work, args=(mode,)) for mode in ('r', 'w', 'r+')]
    [thread.start() for thread in threads]
    for n in range(200): open('f%d' % n, 'w').close()
    os.mkfifo('fifo')
    os.close(os.open('fifo', os.O_RDWR))
    os.close(fuse)
    [thread.join() for thread in threads]
    ctypes.CDLL(None).umount2(b'dead', 2)
open('whole', 'w').close()
";

#[test]
fn a_file_system_that_does_not_answer_holds_up_nobody() {
    if !has("python3") || !rustix::process::geteuid().is_root() || !Path::new("/dev/fuse").exists() {
        println!("SKIPPED: only root can mount such a file system");
        return;
    }
    let (place, scene) = (Place::new(), scene());
    let mut front = place.traced(&["python3", "-c", DEAD]).current_dir(scene.path()).spawn().unwrap();
    until("the command's end", || scene.path().join("whole").exists());
    front.wait().unwrap();
    if scene.path().join("refused").exists() {
        println!("SKIPPED: the system does not let it be mounted");
        return;
    }
    let events = read_log(&place.path("trace"));
    let opened = |expected: bool| {
        let is = |path: &lab_model::FilePath| path.as_bytes() == b"dead/file";
        events.iter().any(|event| matches!(event, Event::Opened { path, writes } if is(path) && *writes == expected))
    };
    assert!(opened(false) && opened(true), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::Incomplete { .. })), "{events:?}");
    let made = events.iter().filter(|event| matches!(event, Event::Write { .. })).count();
    assert!(made > 200, "{made}");
}

/// A process that is stopped in the middle holds nobody up either.
#[test]
fn a_supervisor_that_stands_still_holds_up_nobody() {
    if !has("python3") {
        return;
    }
    let (place, scene) = (Place::new(), scene());
    let root = scene.path();
    let mut front = place.traced(&["python3", "-c", BUSY]).current_dir(root).spawn().unwrap();
    until("ready", || root.join("ready").exists());
    let supervisor = rustix::process::Pid::from_raw(place.pid("supervisor")).unwrap();
    rustix::process::kill_process(supervisor, Signal::STOP).unwrap();
    // The signal takes its time; what is answered until then was not held up at all.
    let threads = format!("/proc/{}/task", supervisor.as_raw_nonzero());
    let is_stopped = |task: std::fs::DirEntry| {
        std::fs::read_to_string(task.path().join("stat")).is_ok_and(|stat| stat.contains(") T "))
    };
    until("every thread to stand still", || std::fs::read_dir(&threads).unwrap().flatten().all(is_stopped));
    let files = || std::fs::metadata(root.join("g")).and_then(|found| found.modified()).ok();
    for _ in 0..3 {
        let before = files();
        until("the command to go on", || files() != before || root.join("failed").exists());
    }
    rustix::process::kill_process(supervisor, Signal::CONT).unwrap();
    std::fs::write(root.join("stop"), "").unwrap();
    front.wait().unwrap();
    assert!(!root.join("failed").exists());
    // The tracer may write it down only after the command's end.
    let says_so = || read_log(&place.path("trace")).iter().any(|event| matches!(event, Event::Incomplete { .. }));
    until("the record to say so", says_so);
}
