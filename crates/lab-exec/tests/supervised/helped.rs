//! What programs note themselves is what would have been seen, whatever they do meanwhile.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use lab_exec::trace::{Event, read_log};

use crate::support::{Place, until};
use crate::traced::{check, has, scene};

const PYTHON: &str = "
import os, subprocess, threading
def read(path, **more): os.close(os.open(path, os.O_RDONLY, **more))
os.symlink('d', 'link'); os.symlink('../in.txt', 'd/in'); os.symlink('nothing', 'dangling')
read('link/one'); read('d/in'); read(os.path.abspath('link/two')); read('./d/../d//one')
try: read('dangling')
except FileNotFoundError: pass
directory = os.open('d', os.O_RDONLY)
read('two', dir_fd=directory); read('../in.txt', dir_fd=directory)
read('/dev/fd/%d' % os.open('in.txt', os.O_RDONLY))
deep = '/'.join(['x' * 60] * 5)
os.makedirs(deep); open(deep + '/long', 'w').close(); read(deep + '/long')
for name in ('here', 'there', 'below'): os.mkdir(name); open(name + '/a', 'w').close()
os.chdir('here'); read('a'); os.chdir('../there'); read('a')
here = os.open('../here', os.O_RDONLY); os.fchdir(here); read('a'); os.chdir('..')
# A directory gets another name while it is the working directory.
os.mkdir('old'); open('old/b', 'w').close(); open('old/c', 'w').close()
os.chdir('old'); read('b'); os.rename(os.path.abspath('../old'), os.path.abspath('../new')); read('c'); os.chdir('..')
# Children have a directory of their own.
subprocess.run(['cat', 'a'], cwd='below', stdout=subprocess.DEVNULL); read('in.txt')
if os.fork() == 0:
    os.chdir('d'); read('one'); os._exit(0)
os.wait(); read('in.txt')
# In many threads at once.
for n in range(200): open('t%d' % n, 'w').close()
def work(first): [read('t%d' % n) for n in range(first, 200, 8)]
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
for wrong in ('', 'in.txt/x', 'd/none', 'x' * 300):
    try: read(wrong); raise SystemExit(wrong)
    except OSError: pass
";

const C: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static int expect(int so, const char *what) { if (!so) { perror(what); _exit(1); } return 0; }
int main(int argc, char **argv) {
    char text[64] = "";
    FILE *f = fopen("in.txt", "r");
    expect(f && fread(text, 1, 8, f) == 8 && !strncmp(text, "text of ", 8) && !fclose(f), "fopen r");
    f = fopen("d/one", "rbe");
    expect(f && fcntl(fileno(f), F_GETFD) == FD_CLOEXEC && !fclose(f), "fopen rbe");
    f = fopen("d/two", "r+"); expect(f && fputs("x", f) >= 0 && !fclose(f), "fopen r+");
    f = fopen("in.txt", "r"); f = freopen("d/one", "r", f); expect(f && !fclose(f), "freopen");
    expect(!fopen("none", "r") && errno == ENOENT, "fopen none");
    expect(open((char *)8, O_RDONLY) == -1 && errno == EFAULT, "a bad address");
    expect(open("in.txt", O_RDONLY | O_DIRECTORY) == -1 && errno == ENOTDIR, "no directory");
    int flags = argc > 5 ? O_RDWR : O_RDONLY | O_CLOEXEC;
    int fd = open64("in.txt", flags);
    expect(fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & ~0100000) == O_RDONLY, "flags");
    close(openat(AT_FDCWD, "d/one", flags)); close(open(".", O_RDONLY));
    /* Behind the back of the C library. */
    syscall(SYS_chdir, "d"); close(open("one", O_RDONLY)); syscall(SYS_chdir, ".."); close(open("in.txt", O_RDONLY));
    /* A child that shares the memory and not the directory. */
    close(open("d/three", O_CREAT | O_WRONLY, 0600));
    if (vfork() == 0) { chdir("d"); close(open("three", O_RDONLY)); _exit(0); }
    close(open("in.txt", O_RDONLY)); wait(0);
    char locked[] = "d/two"; int own = open(locked, O_RDWR); struct flock lock = { .l_type = F_WRLCK };
    expect(!fcntl(own, F_SETLK, &lock), "lock");
    fd = open("./d/two", O_RDONLY);
    if (fork() == 0) { int other = open(locked, O_RDWR); expect(fcntl(other, F_SETLK, &lock) == -1, "locked"); _exit(0); }
    int status; wait(&status); expect(status == 0, "the lock of a file that was opened again");
    /* From here on this process may not make the helper's call. */
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { 4, filter };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    expect(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
    close(open("last", O_CREAT | O_WRONLY, 0600)); close(open("last", O_RDONLY)); close(open("d/one", O_RDONLY));
    return 0;
}
"#;

#[test]
fn directories_links_and_threads_are_no_matter() {
    if has("strace") && has("python3") {
        check("python", &["python3", "-c", PYTHON]);
    }
}

#[test]
fn the_c_library_behaves_as_ever() {
    if !has("strace") || !has("gcc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("program.c"), folder.path().join("program"));
    std::fs::write(&source, C).unwrap();
    let build = |options: &[&str]| {
        let built = Command::new("gcc").arg("-w").arg(&source).arg("-o").arg(&program).args(options).output().unwrap();
        if !built.status.success() {
            println!("SKIPPED {options:?}: {}", String::from_utf8_lossy(&built.stderr));
        }
        built.status.success()
    };
    let argv = [program.to_str().unwrap()];
    if build(&["-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]) {
        check("C", &argv);
    }
    // Sanitizers look which libraries are loaded first.
    for sanitizer in ["-fsanitize=address", "-fsanitize=thread"] {
        if build(&["-O2", sanitizer]) {
            let (place, scene) = (Place::new(), scene());
            let mut command = place.traced(&argv);
            command.current_dir(scene.path()).env("ASAN_OPTIONS", "detect_leaks=0");
            let output = command.output().unwrap();
            assert!(output.status.success(), "{sanitizer} {output:?}");
        }
    }
}

/// The names of the files that were read, below the directory of the command.
fn read_by(place: &Place, argv: &[&str], root: &Path) -> (BTreeSet<String>, Vec<Event>) {
    let output = place.traced(argv).current_dir(root).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut events = Vec::new();
    until("the end of the trace", || {
        events = read_log(&place.path("trace"));
        events.last() == Some(&Event::End)
    });
    assert!(
        !events.iter().any(|event| matches!(event, Event::Incomplete { .. } | Event::Untraced { .. })),
        "{events:?}"
    );
    let reads = events.iter().filter_map(|event| match event {
        Event::Read { path, .. } if path.in_project().is_some() => Some(path.to_string()),
        _ => None,
    });
    (reads.collect(), events)
}

/// More than there are slots, by many processes at once; most of them are killed in the middle.
const MANY: &str = "
import os, signal, sys
def work(child, out):
    for n in range(800):
        os.close(os.open('f%d.%d' % (child, n), os.O_RDONLY))
        # Only what was told counts: the last one may have been cut off.
        os.write(out, b'f%d.%d\\n' % (child, n))
    os._exit(0)
for child in range(8):
    for n in range(800): os.mknod('f%d.%d' % (child, n))
pipes = []
for child in range(8):
    source, out = os.pipe()
    if (pid := os.fork()) == 0: work(child, out)
    os.close(out); pipes.append((pid, os.fdopen(source)))
with open('told', 'w') as told:
    for child, (pid, source) in enumerate(pipes):
        for count, line in enumerate(source):
            if child % 4 and count == 90 * child: os.kill(pid, signal.SIGKILL)
            if line.endswith('\\n'): told.write(line)
        os.waitpid(pid, 0)
";

#[test]
fn nothing_is_lost_when_there_is_no_room_or_programs_are_killed() {
    if !has("python3") {
        return;
    }
    let (place, scene) = (Place::new(), scene());
    let (read, _) = read_by(&place, &["python3", "-c", MANY], scene.path());
    let told = std::fs::read_to_string(scene.path().join("told")).unwrap();
    let missing: Vec<_> = told.lines().filter(|name| !read.contains(*name)).collect();
    assert!(missing.is_empty(), "{} of {}", missing.len(), told.lines().count());
    assert!(told.lines().count() > 3000, "{}", told.lines().count());
}

/// What was read before it was written is an input, as it was then.
#[test]
fn reading_comes_before_writing() {
    if !has("python3") {
        return;
    }
    let (place, scene) = (Place::new(), scene());
    std::fs::write(scene.path().join("both"), "x".repeat(1000)).unwrap();
    let script = "open('both').read(); open('both', 'w').write('y'); open('made', 'w').close(); open('made').read()";
    let (_, events) = read_by(&place, &["python3", "-c", script], scene.path());
    let of = |name: &str| {
        let is = |path: &lab_model::FilePath| path.as_bytes() == name.as_bytes();
        let kinds = events.iter().filter_map(|event| match event {
            Event::Read { path, state } if is(path) => Some(format!("read {}", state.size)),
            Event::Write { path, before, .. } if is(path) => {
                Some(format!("write {:?}", before.map(|state| state.size)))
            }
            _ => None,
        });
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(of("both"), ["read 1000", "write Some(1000)"]);
    assert_eq!(of("made"), ["write None", "read 0"]);
}

/// Descriptors that come to stand for other files before, while and after the state of a file is asked for. Each file is
/// as long as its number says.
const STATES: &str = "
import ctypes, os
for n in range(400): open('f%d' % n, 'wb').write(b'x' * n)
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
count = iter(range(400))
def one(): return 'f%d' % next(count)
def asked(): assert open(one()).read() is not None
def plain(): return os.open(one(), os.O_RDONLY)
for n in range(20): asked()
trap = os.open('trap', os.O_RDWR | os.O_CREAT); os.ftruncate(trap, 12345)
for n in range(20):
    asked(); fd = plain(); os.close(fd)
    asked(); asked(); fd = plain(); os.dup2(trap, fd); os.fstat(fd); os.close(fd)
    asked(); asked(); fd = plain(); libc.dup3(trap, fd, 0); os.fstat(fd); os.close(fd)
    asked(); asked(); fd = plain(); stream = libc.fdopen(fd, b'r'); libc.fclose(stream)
    assert os.dup(trap) == fd; os.fstat(fd); os.close(fd)
    asked(); asked(); fd = plain(); os.closerange(fd, fd + 1)
    assert os.dup(trap) == fd; os.fstat(fd); os.close(fd)
    asked(); fd = plain(); os.fstat(fd); os.close(fd)
asked()
for n in range(5):
    fd = plain()
    if os.fork() == 0: os.fstat(fd); os._exit(0)
    os.wait(); os.fstat(fd); os.close(fd)
# Nobody ever asks, and what is no file, and more descriptors than are kept in mind.
left = plain(); here = os.open('.', os.O_RDONLY); os.fstat(here)
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (2000, 2000))
[os.dup(trap) for n in range(1100)]
asked(); os.close(plain()); os.fstat(plain())
os.write(1, str(next(count)).encode())
";

#[test]
fn each_file_has_its_own_state_whoever_asks_for_it() {
    if !has("python3") {
        return;
    }
    let (place, scene) = (Place::new(), scene());
    let (read, events) = read_by(&place, &["python3", "-c", STATES], scene.path());
    let count: usize = std::fs::read_to_string(place.path("log")).unwrap().parse().unwrap();
    assert!((300..400).contains(&count));
    let missing: Vec<_> = (0..count).map(|number| format!("f{number}")).filter(|name| !read.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for event in &events {
        if let Event::Read { path, state } = event
            && let Some(number) = path.to_string().strip_prefix('f').and_then(|number| number.parse::<u64>().ok())
        {
            assert_eq!(state.size, number, "{path}");
        }
        assert!(!matches!(event, Event::Opened { .. }), "{event:?}");
    }
}

/// Where the helper cannot be loaded from, every call waits, and programs are left as they are.
#[test]
fn without_the_helper_the_same_is_seen() {
    let (outer, scene) = (Place::new(), scene());
    std::fs::create_dir(outer.path("a b")).unwrap();
    let run = |folder: &Path| {
        let mut command = Command::new(crate::support::program());
        command.arg(folder).args(["--helped", "--", "sh", "-c", "cat in.txt > /dev/null; env > env"]);
        assert!(command.current_dir(scene.path()).stdin(Stdio::null()).status().unwrap().success());
        let events = read_log(&folder.join("trace"));
        let reads = |event: &Event| matches!(event, Event::Read { path, .. } if path.as_bytes() == b"in.txt");
        assert!(events.iter().any(reads), "{events:?}");
        std::fs::read_to_string(scene.path().join("env")).unwrap()
    };
    assert!(!run(&outer.path("a b")).contains("lab-opened-files"));
    let with = run(outer.folder.path());
    assert_eq!(with.contains("lab-opened-files"), cfg!(target_arch = "x86_64"), "{with}");
}
