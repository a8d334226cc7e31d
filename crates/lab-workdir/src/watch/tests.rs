use std::collections::HashSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lab_model::{Content, Domain, Hash, Kind, RelPath};
use rustix::fs::{AtFlags, CWD, RenameFlags, Timespec, Timestamps, renameat_with, utimensat};
use rustix::time::{ClockId, clock_gettime};

use super::*;
use crate::{Config, Known, KnownTree, Scan, Sums, open_root, read_file, role_by_content, scan};

fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A project that is watched.
struct Project {
    directory: tempfile::TempDir,
    watches: Watches,
    id: WatchId,
    /// A project beside it, by which one sees how far events have been read.
    marker: Option<WatchId>,
}

const SOURCES: [EventSource; 2] = [EventSource::Inotify, EventSource::Notify];

impl Project {
    fn new(limit: usize, files: &[&str]) -> Self {
        Self::with_source(EventSource::default(), limit, files)
    }

    fn with_source(source: EventSource, limit: usize, files: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("p");
        fs::create_dir(&root).unwrap();
        for file in files {
            write(&root.join(file), file);
        }
        let beside = directory.path().join("marker");
        fs::create_dir(&beside).unwrap();
        let is_late = source == EventSource::Notify;
        let mut watches = Watches::with_source(source, limit.saturating_add(usize::from(is_late)));
        let marker = is_late.then(|| watches.add(&beside, rules(&beside), None, &now).unwrap());
        let id = watches.add(&root, rules(&root), None, &now).unwrap();
        Self { directory, watches, id, marker }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("p")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Reads events until that of a change which is made now has come: all from before have then.
    fn settle(&mut self) {
        let Some(marker) = self.marker else { return };
        let before = now();
        for turn in 0_u32.. {
            if turn % 10_000 == 0 {
                // Its event may be one of those that are lost.
                write(&self.directory.path().join("marker/m.py"), &turn.to_string());
            }
            self.watches.drain(&now);
            if !self.watches.get(marker).unwrap().unsteady(before).is_empty() {
                break;
            }
            std::thread::yield_now();
        }
    }

    /// Takes what a snapshot would take, and checks it against a full scan.
    fn check(&mut self, what: &str) {
        self.settle();
        let root = self.root();
        self.watches.prepare(self.id, rules(&root), &now).unwrap();
        let hot = self.watches.get_mut(self.id).unwrap();
        let unknown = hot.scan().unknown_dirs();
        learn(hot.scan_mut(), &root);
        hot.learned(&unknown);
        let mut whole = scan(&root, &rules(&root), None).unwrap();
        learn(&mut whole, &root);
        let (left, right) = (text(hot.scan()), text(&whole));
        let first = left.lines().zip(right.lines()).find(|(left, right)| left != right);
        assert!(left == right, "{what}\n{first:#?}");
        assert_eq!(hot.scan().omissions, whole.omissions, "{what}");
        assert_eq!((hot.scan().files, hot.scan().roles_digest), (whole.files, whole.roles_digest), "{what}");
    }
}

fn rules(root: &Path) -> Rules {
    Rules::new(root, &Config::default(), &HashSet::new())
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Reads what is not known, as the engine does.
fn learn(scan: &mut Scan, root: &Path) {
    let root = open_root(root).unwrap();
    for place in scan.unknown_dirs().into_iter().rev() {
        let path = scan.dirs[place].path.clone();
        for entry in &mut scan.dir_mut(place).entries {
            if entry.kind != Kind::File || entry.known.is_some() {
                continue;
            }
            let Ok(file) = read_file(&root, &path.join(&entry.name).unwrap(), &entry.stat, 1 << 30) else { continue };
            entry.stat = file.stat;
            let role = entry.role.unwrap_or_else(|| role_by_content(&entry.name, &file.bytes, file.stat.size));
            let content = Content::Copied(Hash::of(Domain::Content, &file.bytes));
            entry.known = Some(Known { content, role, unsteady: file.unsteady, note: None });
        }
        let mut lines = String::new();
        line(scan, place, &mut lines);
        let tree = Hash::of(Domain::Content, lines.as_bytes());
        scan.dir_mut(place).known = Some(KnownTree { tree, roles: [None; 4], sums: Sums::default() });
    }
}

/// What a tree records of a directory.
fn line(scan: &Scan, place: usize, lines: &mut String) {
    use std::fmt::Write as _;
    for entry in &scan.dirs[place].entries {
        let tree = entry.child.map(|child| scan.dirs[child as usize].known.map(|known| known.tree));
        let known = entry.known.as_ref().map(|known| (known.content, known.role));
        let size = if entry.kind == Kind::File { entry.stat.size } else { 0 };
        let (name, stat) = (String::from_utf8_lossy(&entry.name), &entry.stat);
        write!(lines, "{name} {:?} {:o} {size} {}.{}", entry.kind, stat.mode, stat.mtime, stat.mtime_nanos).unwrap();
        writeln!(lines, " {:?} {:?} {known:?} {tree:?}", entry.target, entry.role).unwrap();
    }
}

/// All of a scan that does not depend on when it was made, from the leaves up.
fn text(scan: &Scan) -> String {
    use std::fmt::Write as _;
    let mut lines = String::new();
    for (place, dir) in scan.dirs.iter().enumerate().rev() {
        writeln!(lines, "{place} in {} {} {:x} {:?}", dir.parent, dir.path, dir.rules_digest, dir.passed).unwrap();
        line(scan, place, &mut lines);
        for entry in &dir.entries {
            // A link cannot be changed by another of its names.
            let links = if entry.kind == Kind::Symlink { None } else { Some(entry.stat.links) };
            let changed = links.map(|_| (entry.stat.ctime, entry.stat.ctime_nanos));
            let stat = (entry.stat.inode, changed, links);
            writeln!(lines, "{} {stat:?} {:?} {:?}", entry.stat.is_sparse(), entry.verdict, entry.child).unwrap();
        }
        assert!(dir.known.is_some());
    }
    lines
}

fn set_times(path: &Path, seconds: i64, nanos: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanos as _ };
    utimensat(CWD, path, &Timestamps { last_access: time, last_modification: time }, AtFlags::SYMLINK_NOFOLLOW)
        .unwrap();
}

/// Waits until what was written before is older than the grain of file times. Some kernels stamp files by the exact clock,
/// which runs up to a tick ahead of the one that scans are timed by.
fn wait_for_grain() {
    let nanos = |clock| {
        let time = clock_gettime(clock);
        i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
    };
    let end = nanos(ClockId::Realtime) + 21_000_000;
    while nanos(ClockId::RealtimeCoarse) < end {
        std::thread::yield_now();
    }
}

#[test]
fn what_changed_is_all_that_is_read() {
    for source in SOURCES {
        let mut project = Project::with_source(source, usize::MAX, &["a.py", "d/b.py", "d/e/c.py", "f/g.py"]);
        wait_for_grain();
        project.check("first");
        write(&project.at("d/e/c.py"), "changed");
        project.settle();
        project.watches.prepare(project.id, rules(&project.root()), &now).unwrap();
        let scan = project.watches.get(project.id).unwrap().scan();
        let unknown: Vec<String> =
            scan.unknown_dirs().into_iter().map(|place| scan.dirs[place].path.to_string()).collect();
        assert_eq!(unknown, [".", "d", "d/e"]);
        project.check("second");
        assert_eq!(project.watches.state(project.id), Some(State::Watched { directories: 4 }));
    }
}

#[test]
fn beyond_the_limit_directories_are_looked_at_every_time() {
    for source in SOURCES {
        let mut project = Project::with_source(source, 2, &["a/b/c.py", "d/e.py", "f/g.py"]);
        assert!(
            matches!(
                project.watches.state(project.id),
                Some(State::Partly { watched: 2, directories: 5, reason: Reason::Limit })
            ),
            "{:?}",
            project.watches.state(project.id)
        );
        wait_for_grain();
        project.check("first");
        for path in ["a/b/c.py", "d/e.py", "f/new/h.py"] {
            write(&project.at(path), "other");
            project.check(path);
        }
    }
}

#[test]
fn a_root_that_comes_back_is_watched_again() {
    for source in SOURCES {
        let mut project = Project::with_source(source, usize::MAX, &["a/b.py"]);
        project.check("first");
        let away = project.directory.path().join("away");
        fs::rename(project.root(), &away).unwrap();
        assert!(project.watches.prepare(project.id, rules(&project.root()), &now).is_err());
        write(&project.at("a/c.py"), "another");
        project.check("another root");
        write(&project.at("a/c.py"), "and changed");
        project.check("changed");
        fs::remove_dir_all(project.root()).unwrap();
        fs::rename(&away, project.root()).unwrap();
        project.check("the first root");
    }
}

/// More events than the queue takes, then a change.
#[test]
fn an_overflow_means_a_scan() {
    for source in SOURCES {
        let mut project = Project::with_source(source, usize::MAX, &["a.py", "d/b.py", "e/c.py"]);
        project.check("first");
        let limit: usize =
            fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
        let (left, right) = (project.at("d/b.py"), project.at("e/c.py"));
        for turn in 0..limit.min(100_000) {
            let mode = Permissions::from_mode(if turn / 2 % 2 == 0 { 0o600 } else { 0o644 });
            // By turns, for events that are alike are put together.
            fs::set_permissions(if turn % 2 == 0 { &left } else { &right }, mode).unwrap();
        }
        write(&project.at("late/x.py"), "late");
        let before = now();
        project.check("after the overflow");
        assert!(!project.watches.get(project.id).unwrap().vouches_since(before - 1));
        write(&project.at("late/x.py"), "later");
        project.check("and after that");
    }
}

#[test]
fn a_change_after_the_moment_is_told_with_what_was_before() {
    let mut project = Project::new(usize::MAX, &["a.py", "b.py"]);
    wait_for_grain();
    project.check("first");
    write(&project.at("a.py"), "one");
    project.watches.drain(&now);
    let moment = now();
    assert!(project.watches.get(project.id).unwrap().unsteady(moment).is_empty());
    write(&project.at("a.py"), "two");
    write(&project.at("b.py"), "three");
    project.watches.drain(&now);
    fs::remove_file(project.at("b.py")).unwrap();
    project.watches.drain(&now);
    let hot = project.watches.get(project.id).unwrap();
    assert!(hot.vouches_since(moment));
    let found = hot.unsteady(moment);
    let contents = |place: usize| -> Vec<String> {
        let content = |candidate: &Candidate| match candidate {
            Candidate::Held(file) => String::from_utf8(file.bytes.clone()).unwrap(),
            Candidate::Known(known, _) => known.content.hash().unwrap().to_string(),
        };
        found[place].candidates.iter().map(content).collect()
    };
    assert_eq!(contents(0), ["one", "two"]);
    assert_eq!(contents(1), [Hash::of(Domain::Content, b"b.py").to_string(), "three".to_owned()]);
    assert!(found.iter().all(|file| file.before_is_known && file.changed_after_nanos > moment));
    project.check("last");
}

/// What a listener notes is in order and keeps its moments, whenever it is taken.
#[test]
fn what_was_listened_to_is_known_as_of_then() {
    let mut project = Project::new(usize::MAX, &["a.py"]);
    project.check("first");
    let (listener, path) = (project.watches.listener(), RelPath::new("a.py").unwrap());
    let first = now();
    write(&project.at("a.py"), "one");
    listener.listen(&now);
    let moment = now();
    listener.witness(&now);
    write(&project.at("a.py"), "two");
    listener.listen(&now);
    let later = now();
    project.watches.read_events(&now);
    let hot = project.watches.get(project.id).unwrap();
    assert!(hot.unsteady(moment).is_empty() && hot.unsteady(later).is_empty());
    // Of a moment that is not known exactly nothing is certain that changed about then.
    for (earliest_nanos, latest_nanos) in [(first, moment), (moment, later)] {
        let span = Span { earliest_nanos, latest_nanos };
        assert!(hot.witnessed(span).is_empty() && hot.unsteady(span).len() == 1, "{span:?}");
    }
    let witnessed = hot.witnessed(moment);
    assert!(matches!(&witnessed[..], [file] if file.has_changed && file.file.bytes == b"one" && file.path == path));
    project.check("last");
}

#[test]
fn a_map_is_seen_when_it_is_closed() {
    let mut project = Project::new(usize::MAX, &["data.bin"]);
    wait_for_grain();
    project.check("first");
    map_and_write(&project.at("data.bin"));
    project.check("after the file was closed");
}

#[expect(unsafe_code, reason = "a map is what is tested")]
fn map_and_write(path: &Path) {
    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    // SAFETY: the file is not empty, nobody else maps or shortens it, and the map ends before this function does.
    unsafe {
        let map =
            mmap(std::ptr::null_mut(), 1, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &file, 0).unwrap();
        map.cast::<u8>().write(map.cast::<u8>().read().wrapping_add(1));
        munmap(map, 1).unwrap();
    }
}

/// A sequence that only depends on its seed: SplitMix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % limit as u64) as usize
    }

    /// A path: few names, so that they meet.
    fn path(&mut self) -> String {
        const DIRS: [&str; 6] = ["a", "b", "data", "outputs", "venv2", "build"];
        const FILES: [&str; 9] =
            ["x.py", "y.yaml", "z.csv", "w", "link", "v.pyc", "CACHEDIR.TAG", "pyvenv.cfg", "setup.py"];
        let mut path = String::new();
        for _ in 0..self.below(4) {
            path += DIRS[self.below(DIRS.len())];
            path += "/";
        }
        path + FILES[self.below(FILES.len())]
    }

    fn directory(&mut self) -> String {
        let path = self.path();
        let parent = path.rsplit_once('/').map_or("a", |(parent, _)| parent);
        parent.to_owned()
    }
}

/// One random edit. Most that cannot be done are simply not.
fn edit(dice: &mut Dice, root: &Path, outside: &Path, step: usize) -> String {
    let path = dice.path();
    let (at, other) = (root.join(&path), root.join(dice.path()));
    let (dir, other_dir) = (root.join(dice.directory()), root.join(dice.directory()));
    let _ = fs::create_dir_all(at.parent().unwrap());
    let body = |length: usize| format!("{step:08}").repeat(length);
    let done = match dice.below(24) {
        0..=3 => fs::write(&at, body(1 + dice.below(3))),
        4 => fs::write(outside.join("new"), body(1)).and_then(|()| fs::rename(outside.join("new"), &at)),
        5 => fs::metadata(&at).and_then(|old| {
            use std::os::unix::fs::MetadataExt;
            OpenOptions::new().write(true).open(&at)?.write_all(format!("{step:08}").as_bytes())?;
            set_times(&at, old.mtime(), old.mtime_nsec());
            Ok(())
        }),
        6 if at.metadata().is_ok_and(|meta| meta.is_file() && meta.len() > 0) => {
            map_and_write(&at);
            Ok(())
        }
        6 | 7 => OpenOptions::new().append(true).open(&at).and_then(|mut file| file.write_all(b"more")),
        8 => fs::rename(&dir, &other_dir),
        9 => fs::rename(&dir, outside.join(format!("moved-{}", dice.below(3)))),
        10 => fs::rename(outside.join(format!("moved-{}", dice.below(3))), &dir),
        11 => renameat_with(CWD, &dir, CWD, &other_dir, RenameFlags::EXCHANGE).map_err(Into::into),
        12 => renameat_with(CWD, &at, CWD, &other, RenameFlags::EXCHANGE).map_err(Into::into),
        13 => fs::rename(&at, &other),
        14 => fs::remove_file(&at),
        15 => fs::remove_dir_all(&dir),
        16 => fs::remove_dir_all(&dir)
            .and_then(|()| fs::create_dir_all(&dir))
            .and_then(|()| fs::write(dir.join("x.py"), body(1))),
        17 => fs::set_permissions(&at, Permissions::from_mode(0o600 | dice.below(64) as u32)),
        18 => fs::set_permissions(&dir, Permissions::from_mode(0o700 | dice.below(64) as u32)),
        19 => symlink(format!("../target-{}", dice.below(2)), &at),
        20 => fs::remove_file(&at).and_then(|()| symlink(format!("../target-{}", dice.below(2)), &at)),
        21 => {
            // Between names that are never left out: what is left out is not watched.
            let name = |dice: &mut Dice| root.join(["x.py", "y.yaml", "w"][dice.below(3)]);
            fs::hard_link(name(dice), name(dice))
        }
        22 => {
            let rule = ["*.csv\n", "a/\n", "!v.pyc\n", "/b/x.py\n", ""][dice.below(5)];
            fs::write(dir.join([".gitignore", ".labignore"][dice.below(2)]), rule)
        }
        _ => {
            let deep = dir.join(format!("n{}/m/k", dice.below(3)));
            fs::create_dir_all(&deep).and_then(|()| fs::write(deep.join("deep.py"), body(1)))
        }
    };
    format!("{step}: {path} {done:?}")
}

#[test]
fn no_random_edits_make_a_difference() {
    hunt(EventSource::Inotify, 2000);
}

/// It waits for another thread at every check.
#[test]
fn no_random_edits_make_a_difference_with_late_events() {
    hunt(EventSource::Notify, 1000);
}

/// Looks for differences between what is watched and what a full scan finds. `LAB_HUNT_STEPS` and
/// `LAB_HUNT_SEED` make the hunt longer and another one.
#[expect(clippy::disallowed_methods, reason = "a longer hunt is asked for from outside")]
fn hunt(source: EventSource, default_steps: u64) {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (steps, seed) = (number("LAB_HUNT_STEPS", default_steps), number("LAB_HUNT_SEED", 1));
    let mut dice = Dice(seed);
    let mut project = Project::with_source(source, usize::MAX, &["a/x.py", "b/data/z.csv", "y.yaml"]);
    let outside = project.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let mut done = Vec::new();
    let mut step = 0;
    while step < steps as usize {
        for _ in 0..=dice.below(16) {
            step += 1;
            done.push(edit(&mut dice, &project.root(), &outside, step));
            if dice.below(6) == 0 {
                project.watches.drain(&now);
            }
        }
        project.check(&format!("{source:?}, seed {seed}\n{}", done[done.len().saturating_sub(40)..].join("\n")));
    }
}

/// Nobody tells of what happens to a directory between the listing of the one that holds it and its own watch.
#[test]
fn a_directory_is_asked_after_it_is_watched() {
    let directory = tempfile::tempdir().unwrap();
    write(&directory.path().join("d/a.py"), "a");
    set_times(&directory.path().join("d"), 1000, 0);
    let walked = crate::walk::walk_as(crate::walk::Request {
        root: directory.path(),
        handle: open_root(directory.path()).unwrap(),
        rules: &rules(directory.path()),
        index: None,
        reuse: None,
        entering: &mut |_, path| {
            if !path.is_root() {
                write(&directory.path().join("d/late.py"), "late");
            }
        },
        is_watched: true,
    });
    let scan = walked.unwrap().scan;
    assert_eq!(scan.dirs[1].entries.len(), 2);
    assert_ne!(scan.dirs[0].entries[0].stat.mtime, 1000);
}

/// A file is seen to be shorter before anybody is told of it; but not by who has waited for the writer.
#[test]
fn who_has_waited_for_a_writer_is_told_of_what_it_did() {
    // Of other file systems nobody knows whether asking where data lies waits: ext4, tmpfs.
    const ASKED: [u32; 2] = [0xef53, 0x0102_1994];
    let mut project = Project::new(usize::MAX, &["a.py"]);
    let root = open_root(&project.root()).unwrap();
    if !rustix::fs::fstatfs(&root.fd).is_ok_and(|stat| ASKED.contains(&(stat.f_type as u32))) {
        return;
    }
    let mut writer = Command::new("sh")
        .args(["-c", "while read line; do : > a.py; done"])
        .current_dir(project.root())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = writer.stdin.take().unwrap();
    // Shortening takes longer, the longer the file was.
    let long = "value = 1\n".repeat(200_000);
    let path = RelPath::new("a.py").unwrap();
    for turn in 0..100 {
        write(&project.at("a.py"), &long);
        project.watches.drain(&now);
        let before = now();
        lines.write_all(b"\n").unwrap();
        while project.at("a.py").metadata().unwrap().len() > 0 {
            std::hint::spin_loop();
        }
        crate::wait_for_writer(&root, &path);
        project.watches.read_events(&now);
        let told = project.watches.get(project.id).unwrap().unsteady(before);
        assert!(told.iter().any(|file| file.path == path), "turn {turn}");
    }
    drop(lines);
    writer.wait().unwrap();
}
