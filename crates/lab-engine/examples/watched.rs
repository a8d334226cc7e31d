//! Measures snapshots of a watched project. `cargo run --release -p lab-engine --example watched -- WHAT …`
//!
//! - `snapshot FILES PER_DIRECTORY [TURNS]`: one changed file, then a snapshot as of now; beside it what the
//!   same commit costs without any file, and, then, a second without events.
//! - `burst FILES`: that many files are made while events are read; then a full scan must agree.
//! - `trials COUNT [early]`: a file is written, a program is started, the file is written again; what a snapshot as of the
//!   start says is compared with what was true. The second pause begins when the kernel has laid out the program; with
//!   `early` it begins when `spawn` comes back, which is up to a tenth of a millisecond before the start.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints, or stops")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use lab_engine::watched::{Listener, Watched, monotonic_nanos};
use lab_engine::{Clock, Engine, EngineConfig, Random};
use lab_exec::detect::{Detector, Event, Started};
use lab_model::{Change, Domain, Hash, Project, RelPath, Target};
use rustix::event::{PollFd, PollFlags};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: usize| arguments.get(place).map_or(default, |text| text.parse().unwrap());
    match arguments.first().map(String::as_str) {
        Some("snapshot") => snapshot(number(1, 100_000), number(2, 1000), number(3, 50)),
        Some("burst") => burst(number(1, 200_000)),
        Some("trials") => trials(number(1, 4000), arguments.get(2).is_some_and(|word| word == "early")),
        Some("editor") => editor(Path::new(&arguments[1]), number(2, 0), arguments[3] == "early"),
        _ => println!("snapshot FILES PER_DIRECTORY [TURNS] | burst FILES | trials COUNT [early]"),
    }
}

struct Scene {
    root: PathBuf,
    engine: Engine,
    project: Project,
    watched: Watched,
    /// Taken away at the end.
    _directory: tempfile::TempDir,
}

impl Scene {
    fn new(make: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("project");
        std::fs::create_dir(&root).unwrap();
        make(&root);
        let engine = engine(directory.path(), "notebook");
        let (project, _) = engine.init(&root, None).unwrap();
        let mut watched = Watched::default();
        let started = Instant::now();
        watched.add(&engine, &project).unwrap();
        println!("watched after {:?}: {:?}", started.elapsed(), watched.state(&project.id));
        Self { root, engine, project, watched, _directory: directory }
    }
}

fn engine(directory: &Path, name: &str) -> Engine {
    let config = lab_testkit::config(&directory.join(name), 0);
    let config = EngineConfig { clock: Clock::System, random: Random::System, ..config };
    Engine::open(config).unwrap()
}

fn fill(root: &Path, files: usize, per_directory: usize) {
    for file in 0..files {
        let directory = root.join(format!("d{:05}", file / per_directory));
        if file % per_directory == 0 {
            std::fs::create_dir(&directory).unwrap();
        }
        std::fs::write(directory.join(format!("f{file:06}.py")), format!("value = {file}\n")).unwrap();
    }
}

/// User and system time of this process.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!(
        "{what}: median {:?}, p90 {:?}, least {:?}",
        times[times.len() / 2],
        times[times.len() * 9 / 10],
        times[0]
    );
}

fn snapshot(files: usize, per_directory: usize, turns: usize) {
    let mut scene = Scene::new(|root| fill(root, files, per_directory));
    let Scene { root, engine, project, watched, .. } = &mut scene;
    let started = Instant::now();
    watched.snapshot(engine, &project.id, None).unwrap();
    println!("first snapshot: {:?}; {}", started.elapsed(), memory());
    let (mut walls, mut cpus, mut floors, mut floor_cpus) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for turn in 0..turns {
        let file = turn * 7919 % files;
        let path = root.join(format!("d{:05}/f{file:06}.py", file / per_directory));
        std::fs::write(path, format!("value = {turn} # changed\n")).unwrap();
        let (started, before) = (Instant::now(), cpu());
        watched.snapshot(engine, &project.id, Some(monotonic_nanos())).unwrap();
        walls.push(started.elapsed());
        cpus.push(cpu() - before);
        let (started, before) = (Instant::now(), cpu());
        let target = Target::Project(project.id.clone());
        engine.edit(vec![(target, Change::Tag { tag: format!("t{turn}") })]).unwrap();
        floors.push(started.elapsed());
        floor_cpus.push(cpu() - before);
    }
    report("snapshot with one changed file, wall", walls);
    report("  of it CPU", cpus);
    report("a note, that is one record synced and committed, wall", floors);
    report("  of it CPU", floor_cpus);
    let started = Instant::now();
    engine.snapshot(project, &mut |_, _| {}).unwrap();
    println!("the same by a full scan without cache: {:?}", started.elapsed());
    let started = Instant::now();
    watched.save(engine).unwrap();
    println!("cache saved in {:?}; {}", started.elapsed(), memory());
    let (started, before) = (Instant::now(), cpu());
    let fd = watched.as_fd().unwrap();
    let seconds = rustix::event::Timespec { tv_sec: 20, tv_nsec: 0 };
    let ready = rustix::event::poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&seconds));
    println!("idle: woken {:?} times in {:?}, CPU {:?}", ready, started.elapsed(), cpu() - before);
}

fn burst(files: usize) {
    let mut scene = Scene::new(|_| ());
    let Scene { root, engine, project, watched, .. } = &mut scene;
    let (started, before) = (Instant::now(), cpu());
    let maker = {
        let root = root.clone();
        std::thread::Builder::new().name("maker".to_owned()).spawn(move || fill(&root, files, 500)).unwrap()
    };
    let mut drains = 0;
    while !maker.is_finished() {
        watched.drain(&monotonic_nanos);
        drains += 1;
    }
    maker.join().unwrap();
    watched.drain(&monotonic_nanos);
    println!(
        "{files} files in {:?}, {drains} drains, CPU of both {:?}; {}",
        started.elapsed(),
        cpu() - before,
        memory()
    );
    let started = Instant::now();
    let (hot, _) = watched.snapshot(engine, &project.id, None).unwrap();
    println!("snapshot in {:?}, {} files", started.elapsed(), hot.snapshot.coverage.copied_files);
    let other = self::engine(root.parent().unwrap(), "other");
    let full = other.snapshot(project, &mut |_, _| {}).unwrap();
    let same = (hot.snapshot.root, hot.snapshot.coverage) == (full.snapshot.root, full.snapshot.coverage);
    println!("equal to a full scan: {same}");
}

/// What one trial came to.
#[derive(Default, Debug)]
struct Counts {
    certain: usize,
    wrong: usize,
    uncertain: usize,
    uncertain_with_the_right_candidate: usize,
    /// The second writing began before the kernel's word of the start had woken anybody.
    uncertain_before_woken: usize,
    /// The second writing was under way at the start: nobody can say what was there, and nobody should.
    at_the_same_moment: usize,
    of_these_certain: usize,
}

/// Pauses between writing a file and starting a program, in microseconds.
const BEFORE_MICROS: [u64; 4] = [0, 1000, 5000, 50_000];
/// Pauses between the start and the next writing.
const AFTER_MICROS: [u64; 4] = [0, 300, 2000, 10_000];

/// By how long after the kernel's time of the start the second writing began.
const DISTANCES_MICROS: [i64; 9] = [0, 50, 100, 200, 500, 1000, 3000, 5000, 20_000];

const fn pauses(trial: usize) -> (u64, u64) {
    (BEFORE_MICROS[trial % 4], AFTER_MICROS[trial / 4 % 4])
}

/// Plays the editor, in a process of its own: writes the file, starts a program, and writes the file again. Tells for
/// each trial which process it started, and when the second writing began and ended.
fn editor(file: &Path, count: usize, is_early: bool) {
    let write = |text: &str, atomic: bool| {
        if atomic {
            let beside = file.with_extension("tmp");
            std::fs::write(&beside, text).unwrap();
            std::fs::rename(&beside, file).unwrap();
        } else {
            std::fs::write(file, text).unwrap();
        }
    };
    for trial in 0..count {
        if std::io::stdin().read_line(&mut String::new()).unwrap() == 0 {
            return;
        }
        let (before, after) = pauses(trial);
        write(&format!("rate: {trial}\n"), trial / 16 % 2 == 0);
        pause(before);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        while !is_early && !is_laid_out(child.id()) {}
        pause(after);
        let begun = monotonic_nanos();
        write(&format!("other: {trial}\n"), trial / 16 % 2 == 0);
        println!("{} {begun} {}", child.id(), monotonic_nanos());
        // However long it takes until it is noticed on a busy machine.
        std::io::stdin().read_line(&mut String::new()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Whether the kernel has laid out the program of a process: the time of the start is taken right after that.
fn is_laid_out(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Where the code begins, field 26 of proc(5); 1 for what must not be looked into.
    let code = stat.rsplit(") ").next().unwrap().split(' ').nth(23).unwrap();
    let name = stat.split(['(', ')']).nth(1).unwrap();
    name == "sleep" && code != "0"
}

fn pause(micros: u64) {
    if micros > 0 {
        std::thread::sleep(Duration::from_micros(micros));
    }
}

/// The snapshot of each trial is taken as of the time that the kernel gives for the start, as the background process
/// does it. Needs the process connector.
fn trials(count: usize, is_early: bool) {
    let mut scene = Scene::new(|root| {
        std::fs::create_dir(root.join("conf")).unwrap();
        std::fs::write(root.join("conf/config.yaml"), "rate: 0\n").unwrap();
        fill(root, 300, 30);
    });
    let Scene { root, engine, project, watched, .. } = &mut scene;
    watched.snapshot(engine, &project.id, None).unwrap();
    let mut detector = Detector::open(true).unwrap();
    let files = watched.listener();
    listen(files.clone());
    let file = root.join("conf/config.yaml");
    let mut editor = std::process::Command::new(std::env::current_exe().unwrap())
        .args([OsStr::new("editor"), file.as_os_str(), OsStr::new(&count.to_string())])
        .arg(if is_early { "early" } else { "late" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(editor.stdout.take().unwrap()).lines();
    let mut go = editor.stdin.take().unwrap();
    let own = i32::try_from(editor.id()).unwrap();
    lab_exec::observe::be_prompt();
    let mut counts: BTreeMap<(u64, u64), Counts> = BTreeMap::new();
    let mut by_distance: BTreeMap<i64, (usize, usize)> = BTreeMap::new();
    let mut delays = Vec::new();
    for trial in 0..count {
        go.write_all(b"\n").unwrap();
        let (started, woken_nanos) = wait_for_start(&files, &mut detector, own);
        let delay = woken_nanos.saturating_sub(started.at_nanos);
        delays.push(Duration::from_nanos(delay));
        watched.witness(&project.id);
        let (outcome, unsteady) = watched.snapshot(engine, &project.id, Some(started.at_nanos)).unwrap();
        go.write_all(b"\n").unwrap();
        let times = told.next().unwrap().unwrap();
        let times: Vec<u64> = times.split(' ').map(|word| word.parse().unwrap()).collect();
        let right = |text: String| Hash::of(Domain::Content, text.as_bytes());
        let (first, second) = (right(format!("rate: {trial}\n")), right(format!("other: {trial}\n")));
        // Between the two nobody can say what was there.
        let right = match started.at_nanos {
            moment if moment < times[1] => Some(first),
            moment if moment > times[2] => Some(second),
            _ => None,
        };
        let path = RelPath::new("conf/config.yaml").unwrap();
        let entry = engine.reader().unwrap().entry(&outcome.id, &path).unwrap();
        let counts = counts.entry(pauses(trial)).or_default();
        let named = unsteady.iter().find(|file| file.path == path);
        if right.is_none() {
            counts.at_the_same_moment += 1;
            counts.of_these_certain += usize::from(named.is_none());
            continue;
        }
        let distance = times[1].cast_signed() - started.at_nanos.cast_signed();
        let limit_micros = DISTANCES_MICROS.iter().find(|limit| distance < **limit * 1000).unwrap_or(&i64::MAX);
        let (trials, uncertain) = by_distance.entry(*limit_micros).or_default();
        *trials += 1;
        match (&entry, named) {
            (Some(entry), None) if !entry.unsteady => {
                counts.certain += 1;
                let is_wrong = entry.content.hash() != right;
                counts.wrong += usize::from(is_wrong);
                if is_wrong {
                    let held = engine.reader().unwrap().content(entry).unwrap();
                    println!("wrong: {:?} in trial {trial}, after {delay} ns", String::from_utf8_lossy(&held));
                }
            }
            _ => {
                counts.uncertain += 1;
                *uncertain += 1;
                counts.uncertain_before_woken += usize::from(times[1] < woken_nanos);
                let candidates = named.map(|file| file.candidates.as_slice()).unwrap_or_default();
                counts.uncertain_with_the_right_candidate +=
                    usize::from(candidates.iter().any(|content| content.hash() == right));
            }
        }
    }
    editor.wait().unwrap();
    report("from the start to being woken", delays);
    let sum = |of: &dyn Fn(&Counts) -> usize| counts.values().map(of).sum::<usize>();
    let with_truth = sum(&|one| one.certain + one.uncertain);
    println!(
        "{with_truth} trials with a truth: {} wrong, {} uncertain, {} of them edited before anybody was woken; {} without",
        sum(&|one| one.wrong),
        sum(&|one| one.uncertain),
        sum(&|one| one.uncertain_before_woken),
        sum(&|one| one.at_the_same_moment)
    );
    for (limit_micros, (trials, uncertain)) in by_distance {
        println!("edited less than {limit_micros} µs after the start: {uncertain} uncertain of {trials}");
    }
    for ((before, after), counts) in counts {
        println!("written {before} µs before, edited {after} µs after: {counts:?}");
    }
}

/// Reads file events as they come, on a thread, as the background process does it.
fn listen(listener: Listener) {
    let listen = move || {
        lab_exec::observe::be_prompt();
        loop {
            rustix::event::poll(&mut [PollFd::new(&listener.as_fd().unwrap(), PollFlags::IN)], None).unwrap();
            listener.listen(&monotonic_nanos);
        }
    };
    std::thread::Builder::new().name("files".to_owned()).spawn(listen).unwrap();
}

/// Waits for a program that `parent` starts; tells also when it was woken.
fn wait_for_start(files: &Listener, detector: &mut Detector, parent: i32) -> (Started, u64) {
    let mut events = Vec::new();
    loop {
        rustix::event::poll(&mut [PollFd::new(&detector.as_fd(), PollFlags::IN)], None).unwrap();
        let woken_nanos = monotonic_nanos();
        if detector.hear() {
            files.witness(&monotonic_nanos);
        }
        detector.drain(&mut events);
        for event in events.drain(..) {
            if let Event::Started(started) = event
                && started.parent == parent
            {
                return (started, woken_nanos);
            }
        }
    }
}
