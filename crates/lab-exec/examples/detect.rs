//! Programs that start, as the detector tells of them.
//!
//! `detect [connector|loader|polling] [DIRECTORY]` prints each until it is ended, with what it would be to a
//! project in that directory.
//! `detect measure METHOD [COUNT]` starts programs of several kinds and says how many were found how soon:
//! from just before `execve` in the new process until executable, arguments and directory are known.

#![expect(unsafe_code, reason = "the time just before execve is taken between fork and exec")]
#![expect(clippy::print_stdout, reason = "this program prints what it measures")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, PipeWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use lab_exec::detect::rules::{Rules, judge};
use lab_exec::detect::{Detector, Event, Method};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const NAP: &str = "#include <stdlib.h>\n#include <unistd.h>\nint main(int n, char **a) { usleep(1000 * MILLIS); }\n";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["measure", method, ref rest @ ..] => measure(method, rest.first().map_or(Ok(200), |count| count.parse())?),
        _ => tell(words.first().copied().unwrap_or("best"), words.get(1).map(Path::new)),
    }
}

fn tell(method: &str, directory: Option<&Path>) -> Result<()> {
    lab_exec::observe::be_prompt();
    let mut detector = match method {
        "connector" => Detector::open_with(&[Method::Connector], true)?,
        "loader" => Detector::open_with(&[Method::Loader], true)?,
        "polling" => Detector::open_with(&[], true)?,
        _ => Detector::open(true)?,
    };
    if let Some(directory) = directory {
        detector.watch_directory(directory)?;
    }
    println!("# {:?} {:?}", detector.method(), detector.probed());
    let mut events = Vec::new();
    loop {
        let wait = detector.deadline_nanos().map(|due| due.saturating_sub(now_nanos()));
        let wait = wait
            .map(|nanos| Timespec { tv_sec: (nanos / 1_000_000_000) as i64, tv_nsec: (nanos % 1_000_000_000) as i64 });
        poll(&mut [PollFd::new(&detector.as_fd(), PollFlags::IN)], wait.as_ref())?;
        detector.drain(&mut events);
        let now = now_nanos();
        for event in events.drain(..) {
            match event {
                Event::Started(started) => {
                    let rules = Rules::default();
                    let verdict = started
                        .program
                        .as_ref()
                        .zip(directory)
                        .map(|(program, root)| judge(program, &rules, root, &|_| false));
                    let words = started.program.map_or_else(Vec::new, |program| program.argv);
                    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                    let verdict = verdict.map_or_else(String::new, |verdict| format!("{verdict:?}"));
                    let pid = started.process.pid;
                    println!("start\t{now}\t{}\t{pid}\t{}\t{verdict}", started.at_nanos, words.join(" "));
                }
                Event::Ended(end) => println!("end\t{now}\t{}\t{}\t{:?}", end.at_nanos, end.pid, end.ended),
                Event::Gap { at_nanos } => println!("gap\t{now}\t{at_nanos}"),
            }
        }
    }
}

fn measure(method: &str, count: usize) -> Result<()> {
    let directory = PathBuf::from(format!("/tmp/lab-detect-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let kinds = programs(&directory)?;
    let told = directory.join("told.csv");
    let mut watcher =
        Command::new(std::env::current_exe()?).arg(method).arg(&directory).stdout(File::create(&told)?).spawn()?;
    while std::fs::metadata(&told)?.len() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut started = HashMap::new();
    let before = cpu_nanos(watcher.id())?;
    let forks_before = forks()?;
    for (kind, argv) in &kinds {
        let mut children = Vec::new();
        for number in 0..count {
            let name = format!("measured-{kind}-{number}");
            let (child, nanos) = start(argv, &name, &directory)?;
            started.insert(name, nanos);
            children.push(child);
            std::thread::sleep(Duration::from_millis(25));
        }
        for mut child in children {
            child.wait()?;
        }
    }
    let spent = cpu_nanos(watcher.id())? - before;
    let forks_meanwhile = forks()? - forks_before;
    std::thread::sleep(Duration::from_secs(5));
    let idle = cpu_nanos(watcher.id())?;
    std::thread::sleep(Duration::from_secs(10));
    let idle = cpu_nanos(watcher.id())? - idle;
    watcher.kill()?;
    let mut latencies: HashMap<String, u64> = HashMap::new();
    let text = std::fs::read_to_string(&told)?;
    println!("{}; load {}", text.lines().next().unwrap_or_default(), std::fs::read_to_string("/proc/loadavg")?.trim());
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let ["start", told, _, _, words, _] = fields[..] else { continue };
        let Some(name) = words.split(' ').find(|word| started.contains_key(*word)) else { continue };
        let latency = told.parse::<u64>()?.saturating_sub(started[name]);
        latencies.entry(name.to_owned()).or_insert(latency);
    }
    for (kind, _) in &kinds {
        let prefix = format!("measured-{kind}-");
        let mut found: Vec<u64> =
            latencies.iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(_, nanos)| *nanos).collect();
        found.sort_unstable();
        let at = |part: f64| found.get(((found.len() as f64 * part) as usize).min(found.len().saturating_sub(1)));
        let millis = |part| at(part).map_or(f64::NAN, |nanos| *nanos as f64 / 1e6);
        println!(
            "{kind:10} missed {:3} of {count}  p50 {:.2} ms  p99 {:.2} ms  max {:.2} ms",
            count - found.len(),
            millis(0.5),
            millis(0.99),
            millis(1.0)
        );
    }
    println!(
        "cpu {:.0} µs per start, {:.0} µs per process or thread that the machine started; idle {:.4} % of one core",
        spent as f64 / 1e3 / started.len() as f64,
        spent as f64 / 1e3 / forks_meanwhile as f64,
        idle as f64 / 1e8
    );
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

/// The kinds of programs and how each is started.
fn programs(directory: &Path) -> Result<Vec<(&'static str, Vec<String>)>> {
    let path = |name: &str| directory.join(name).display().to_string();
    let mut kinds = Vec::new();
    for (kind, millis, flags) in [
        ("nap10", 10, &[][..]),
        ("nap50", 50, &[]),
        ("nap1000", 1000, &[]),
        ("static10", 10, &["-static"]),
        ("static50", 50, &["-static"]),
    ] {
        std::fs::write(path("nap.c"), NAP.replace("MILLIS", &millis.to_string()))?;
        let made = Command::new("cc").args(flags).arg("-o").arg(path(kind)).arg(path("nap.c")).status()?;
        if made.success() {
            kinds.push((kind, vec![path(kind)]));
        }
    }
    std::fs::write(path("train.py"), "import sys, time\ntime.sleep(float(sys.argv[1]))\n")?;
    std::fs::write(path("run.sh"), "#!/bin/bash\nread -t 0.01 x <> <(:)\n:\n")?;
    std::fs::set_permissions(path("run.sh"), PermissionsExt::from_mode(0o755))?;
    for (kind, seconds) in [("python10", "0.01"), ("python50", "0.05"), ("python1000", "1")] {
        kinds.push((kind, vec!["/usr/bin/python3".to_owned(), path("train.py"), seconds.to_owned()]));
    }
    kinds.push(("bash", vec![path("run.sh")]));
    Ok(kinds)
}

/// Starts a program; the time is that just before it replaces the fork.
fn start(argv: &[String], name: &str, directory: &Path) -> Result<(Child, u64)> {
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).arg(name).current_dir(directory);
    // SAFETY: reads a clock and writes to a pipe: nothing that could be locked by another thread.
    unsafe { command.pre_exec(move || note_time(&writer)) };
    let child = command.spawn()?;
    // The writing end goes with the command.
    drop(command);
    let mut bytes = [0; 8];
    reader.read_exact(&mut bytes)?;
    Ok((child, u64::from_ne_bytes(bytes)))
}

fn note_time(mut writer: &PipeWriter) -> io::Result<()> {
    writer.write_all(&now_nanos().to_ne_bytes())
}

fn cpu_nanos(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    Ok(text.split(' ').next().ok_or("empty")?.parse()?)
}

/// Processes and threads that the whole machine has started.
fn forks() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let line = text.lines().find_map(|line| line.strip_prefix("processes ")).ok_or("no count")?;
    Ok(line.parse()?)
}

fn now_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
