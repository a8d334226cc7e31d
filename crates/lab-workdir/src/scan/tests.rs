use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use lab_model::{Domain, display_bytes};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mkdirat, mknodat, openat, utimensat};

use super::*;
use crate::{Config, SourceError, open_root, read_file, role_by_content};

const KEY: [u8; 32] = [7; 32];

/// A project in a temporary directory, and the index beside it.
struct Project {
    directory: tempfile::TempDir,
    config: Config,
    produced: HashSet<RelPath>,
    /// How much later than now the clock stands at the next scan, so that files are not racy.
    later_seconds: i64,
}

impl Project {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("p")).unwrap();
        Self { directory, config: Config::default(), produced: HashSet::new(), later_seconds: 3600 }
    }

    fn with(files: &[&str]) -> Self {
        let project = Self::new();
        files.iter().for_each(|file| project.write(file, file));
        project
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("p")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return fs::create_dir_all(path).unwrap();
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn index(&self) -> PathBuf {
        self.directory.path().join("index")
    }

    fn scan(&self) -> Scan {
        let rules = Rules::new(&self.root(), &self.config, &self.produced);
        let index = Index::load(&self.index(), &KEY);
        let mut scan = scan(&self.root(), &rules, index.as_ref()).unwrap();
        scan.started.0 += self.later_seconds;
        check_shape(&scan);
        scan
    }

    /// Scans, does what the engine does, saves the index, and gives the paths that had to be read.
    fn snapshot(&self) -> Vec<String> {
        let mut scan = self.scan();
        let read = learn(&mut scan, &self.root());
        Index::save(&scan, &KEY, &self.index()).unwrap();
        read
    }
}

/// What must hold of every scan.
fn check_shape(scan: &Scan) {
    for (number, dir) in scan.dirs.iter().enumerate() {
        assert!(dir.entries.is_sorted_by(|left, right| left.name < right.name), "{}", dir.path);
        assert!(number == 0 || (dir.parent as usize) < number, "{}", dir.path);
        for entry in &dir.entries {
            assert_eq!(entry.child.is_some(), entry.kind == Kind::Directory);
            if let Some(child) = entry.child {
                assert_eq!(scan.dirs[child as usize].path, dir.path.join(&entry.name).unwrap());
                assert_eq!(scan.dirs[child as usize].parent as usize, number);
            }
        }
    }
    assert!(scan.omissions.is_sorted_by(|left, right| left.path <= right.path));
}

fn learn(scan: &mut Scan, root: &Path) -> Vec<String> {
    let root = open_root(root).unwrap();
    let mut read = Vec::new();
    for place in 0..scan.dirs.len() {
        let dir = scan.dir_mut(place);
        let path = dir.path.clone();
        for entry in dir.entries.iter_mut().filter(|entry| entry.kind == Kind::File && entry.known.is_none()) {
            let path = path.join(&entry.name).unwrap();
            read.push(path.to_string());
            let Ok(file) = read_file(&root, &path, &entry.stat, 1 << 20) else { continue };
            entry.stat = file.stat;
            let role = entry.role.unwrap_or_else(|| role_by_content(&entry.name, &file.bytes, file.stat.size));
            let content = Content::Copied(Hash::of(Domain::Content, &file.bytes));
            entry.known = Some(Known { content, role, unsteady: file.unsteady, note: None });
        }
        let tree = Hash::of(Domain::Content, path.as_bytes());
        dir.known.get_or_insert(KnownTree {
            tree,
            roles: [Some(tree), None, None, Some(Hash(KEY))],
            sums: Sums::default(),
        });
    }
    read
}

fn paths(scan: &Scan) -> Vec<String> {
    let mut paths = Vec::new();
    for dir in &scan.dirs {
        for entry in &dir.entries {
            let end = if entry.kind == Kind::Directory { "/" } else { "" };
            paths.push(format!("{}{end}", dir.path.join(&entry.name).unwrap()));
        }
    }
    paths.sort();
    paths
}

fn omissions(scan: &Scan) -> Vec<String> {
    let text = |reason: &OmissionReason| match reason {
        OmissionReason::Ignored { rule } => rule.clone(),
        other => format!("{other:?}"),
    };
    scan.omissions.iter().map(|omission| format!("{} <- {}", omission.path, text(&omission.reason))).collect()
}

fn find<'a>(scan: &'a Scan, path: &str) -> &'a ScanEntry {
    let path = RelPath::new(path).unwrap();
    let dir = scan.dirs.iter().find(|dir| Some(&dir.path) == path.parent().as_ref()).unwrap();
    dir.entries.iter().find(|entry| *entry.name == *path.file_name()).unwrap()
}

fn dir_is_known(scan: &Scan, path: &str) -> bool {
    scan.dirs.iter().find(|dir| dir.path.as_bytes() == path.as_bytes()).unwrap().known.is_some()
}

fn set_times(path: &Path, seconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: 5 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

#[test]
fn lists_everything_of_every_kind() {
    let project = Project::with(&["a.py", "d/e/f.csv", "empty/"]);
    symlink("../outside\u{e9}", project.at("link")).unwrap();
    symlink("/", project.at("d/loop")).unwrap();
    mknodat(CWD, project.at("fifo").as_path(), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(project.at("socket")).unwrap();
    let odd = [&b"\xff\xfe"[..], b"new\nline", b"-rf", "n".repeat(255).as_bytes()].map(<[u8]>::to_vec);
    for name in &odd {
        fs::write(project.root().join(crate::open::as_path(name)), "x").unwrap();
    }
    let scan = project.scan();
    let mut expected: Vec<String> = odd.iter().map(|name| display_bytes(name)).collect();
    expected
        .extend(["a.py", "d/", "d/e/", "d/e/f.csv", "d/loop", "empty/", "fifo", "link", "socket"].map(str::to_owned));
    expected.sort();
    assert_eq!(paths(&scan), expected);
    assert_eq!(scan.files, 6);
    assert_eq!(*find(&scan, "link").target, *"../outside\u{e9}".as_bytes());
    assert_eq!(find(&scan, "a.py").role, Some(Role::Code));
    assert_eq!(find(&scan, "d/e/f.csv").role, Some(Role::Data));
    assert_eq!(omissions(&scan), ["fifo <- Special { kind: Fifo }", "socket <- Special { kind: Socket }"]);
    assert_eq!(find(&scan, "a.py").stat.size, 4);
    let snapshot = project.snapshot();
    assert_eq!(snapshot.len(), 6);
    assert!(project.scan().is_known());
    assert_eq!(omissions(&project.scan()), omissions(&scan));
}

#[test]
fn sparse_files_and_modes() {
    let project = Project::new();
    fs::File::create(project.at("sparse")).unwrap().set_len(1 << 20).unwrap();
    project.write("full", &"x".repeat(40_000));
    fs::set_permissions(project.at("full"), Permissions::from_mode(0o4751)).unwrap();
    let scan = project.scan();
    assert!(find(&scan, "sparse").stat.is_sparse());
    assert!(!find(&scan, "full").stat.is_sparse());
    assert_eq!(find(&scan, "full").stat.mode, 0o4751);
}

#[test]
fn a_thousand_deep_and_longer_than_a_path_may_be() {
    let project = Project::new();
    let name = "deep-directory";
    let mut at = openat(CWD, project.root().as_path(), crate::open::READ_DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..1000 {
        mkdirat(&at, name, Mode::RWXU).unwrap();
        at = openat(&at, name, crate::open::READ_DIRECTORY, Mode::empty()).unwrap();
    }
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    let file = openat(&at, "file.py", flags, Mode::RWXU).unwrap();
    rustix::io::write(&file, b"deep").unwrap();
    assert_eq!(project.snapshot().len(), 1);
    let scan = project.scan();
    assert!(scan.is_known());
    assert_eq!(scan.dirs.len(), 1001);
    let path = scan.dirs[1000].path.join(b"file.py").unwrap();
    let root = open_root(&project.root()).unwrap();
    let stat = scan.dirs[1000].entries[0].stat;
    assert_eq!(read_file(&root, &path, &stat, 10).unwrap().bytes, b"deep");
    // The temporary directory's own removal is recursive and holds a descriptor for every level.
    drop((file, at));
    let moved = project.directory.path().join("q");
    for _ in 0..1000 {
        let Ok(()) = fs::rename(project.at(name), &moved) else { break };
        fs::remove_dir(project.root()).unwrap();
        fs::rename(&moved, project.root()).unwrap();
    }
}

#[test]
fn an_unreadable_directory_does_not_drop_its_siblings() {
    let project = Project::with(&["a", "closed/x", "z"]);
    fs::set_permissions(project.at("closed"), Permissions::from_mode(0o0)).unwrap();
    let scan = project.scan();
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        assert_eq!(paths(&scan), ["a", "closed/", "z"]);
        assert_eq!(omissions(&scan), ["closed <- Unreadable { error: \"Permission denied (os error 13)\" }"]);
        project.snapshot();
        assert!(project.scan().is_known());
    }
    fs::set_permissions(project.at("closed"), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(paths(&project.scan()), ["a", "closed/", "closed/x", "z"]);
}

#[test]
fn a_missing_root_is_an_error() {
    let rules = Rules::new(Path::new("/nonexistent"), &Config::default(), &HashSet::new());
    assert!(matches!(scan(Path::new("/nonexistent"), &rules, None), Err(crate::Error::Root { .. })));
}

#[test]
fn nothing_changed_means_nothing_read() {
    let project = Project::with(&["a", "d/b", "d/e/c", "f/g"]);
    symlink("a", project.at("d/link")).unwrap();
    assert_eq!(project.snapshot(), ["a", "d/b", "d/e/c", "f/g"]);
    assert_eq!(project.snapshot(), [""; 0]);
    let scan = project.scan();
    assert!(scan.dirs.iter().all(|dir| dir.known.is_some()));
    let known = find(&scan, "d/e/c").known.as_ref().unwrap();
    assert_eq!(known.content, Content::Copied(Hash::of(Domain::Content, b"d/e/c")));
    assert_eq!(known.role, Role::Code);
    let tree = scan.dirs.iter().find(|dir| dir.path.as_bytes() == b"d/e").unwrap().known.unwrap();
    assert_eq!(tree.tree, Hash::of(Domain::Content, b"d/e"));
    assert_eq!(tree.roles, [Some(tree.tree), None, None, Some(Hash(KEY))]);
}

#[test]
fn what_changed_is_read_and_its_parents_are_not_known() {
    let check = |change: &dyn Fn(&Project), read: &[&str], unknown: &[&str]| {
        let project = Project::with(&["a", "d/b", "d/e/c", "f/g"]);
        symlink("a", project.at("f/link")).unwrap();
        project.snapshot();
        change(&project);
        let scan = project.scan();
        let found: Vec<_> = ["", "d", "d/e", "f"].into_iter().filter(|dir| !dir_is_known(&scan, dir)).collect();
        assert_eq!(project.snapshot(), read, "{unknown:?}");
        assert_eq!(found, unknown);
        assert!(project.scan().is_known(), "{unknown:?}");
    };
    check(&|_| {}, &[], &[]);
    check(&|project| project.write("d/e/c", "other length"), &["d/e/c"], &["", "d", "d/e"]);
    check(&|project| project.write("new", "x"), &["new"], &[""]);
    check(&|project| fs::remove_file(project.at("f/g")).unwrap(), &[], &["", "f"]);
    check(&|project| fs::rename(project.at("f/g"), project.at("f/h")).unwrap(), &["f/h"], &["", "f"]);
    // A rename keeps every stat of a directory's files.
    check(&|project| fs::create_dir(project.at("d/e/new")).unwrap(), &[], &["", "d", "d/e"]);
    check(&|project| set_times(&project.at("d/e"), 77), &[], &["", "d"]);
    check(&|project| fs::set_permissions(project.at("a"), Permissions::from_mode(0o755)).unwrap(), &["a"], &[""]);
    check(
        &|project| {
            fs::remove_file(project.at("f/link")).unwrap();
            symlink("b", project.at("f/link")).unwrap();
        },
        &[],
        &["", "f"],
    );
    check(
        &|project| {
            fs::remove_file(project.at("f/g")).unwrap();
            fs::create_dir(project.at("f/g")).unwrap();
        },
        &[],
        &["", "f"],
    );
}

#[test]
fn edits_that_hide_behind_size_and_time_are_seen() {
    let project = Project::with(&["same", "renamed", "touched"]);
    for name in ["same", "renamed", "touched"] {
        set_times(&project.at(name), 1_000_000);
    }
    project.snapshot();
    // The same size and the same modification time: the change time tells.
    project.write("same", "SAME");
    set_times(&project.at("same"), 1_000_000);
    // Another file renamed over it, with the same size and time.
    project.write("other", "RENAMED");
    set_times(&project.at("other"), 1_000_000);
    fs::rename(project.at("other"), project.at("renamed")).unwrap();
    set_times(&project.at("touched"), 2_000_000);
    assert_eq!(project.snapshot(), ["renamed", "same", "touched"]);
}

#[test]
fn a_file_written_when_the_scan_began_is_read_again() {
    let mut project = Project::with(&["a", "d/b"]);
    project.later_seconds = -1;
    assert_eq!(project.snapshot(), ["a", "d/b"]);
    // Both are younger than the scan.
    assert_eq!(project.snapshot(), ["a", "d/b"]);
    assert!(!project.scan().is_known());
    // An index that is written later believes them.
    project.later_seconds = 60;
    assert_eq!(project.snapshot(), ["a", "d/b"]);
    assert_eq!(project.snapshot(), [""; 0]);
    // A modification time that was set far ahead is no sign of a recent write, one near now is.
    set_times(&project.at("a"), i64::from(u32::MAX));
    let soon = project.scan().started.0 + 600;
    set_times(&project.at("d/b"), soon);
    project.snapshot();
    assert_eq!(project.snapshot(), ["d/b"]);
}

#[test]
fn the_grain_is_larger_where_times_are_coarse() {
    let project = Project::with(&["a"]);
    let mut scan = project.scan();
    learn(&mut scan, &project.root());
    let check = |started: (i64, u32), stat: Stat, expected: bool| {
        let mut scan = scan.clone();
        scan.started = started;
        Index::save(&scan, &KEY, &project.index()).unwrap();
        assert_eq!(Index::load(&project.index(), &KEY).unwrap().is_racy(&stat), expected, "{started:?} {stat:?}");
    };
    let stat = |seconds: i64, nanos: u32| Stat {
        mtime: seconds,
        mtime_nanos: nanos,
        ctime: seconds,
        ctime_nanos: nanos,
        ..Stat::default()
    };
    check((100, 0), stat(99, 990_000_000), true);
    check((100, 0), stat(99, 970_000_000), false);
    check((100, 0), stat(100, 1), true);
    check((100, 0), stat(99, 0), true);
    check((102, 1), stat(100, 0), false);
    check((100, 0), Stat { mtime: 1, mtime_nanos: 0, ..stat(98, 5) }, false);
    check((100, 0), Stat { mtime: 1, ..stat(101, 5) }, true);
}

#[test]
fn an_unsteady_file_is_never_believed() {
    let project = Project::with(&["a"]);
    let mut scan = project.scan();
    learn(&mut scan, &project.root());
    scan.dir_mut(0).entries[0].known.as_mut().unwrap().unsteady = true;
    Index::save(&scan, &KEY, &project.index()).unwrap();
    let scan = project.scan();
    assert_eq!(scan.dirs[0].entries[0].known, None);
    assert!(!scan.is_known());
}

#[test]
fn notes_come_back() {
    let project = Project::with(&["a"]);
    for (note, comes_back) in [
        (OmissionReason::FileLimit { limit_bytes: 7 }, true),
        (OmissionReason::TotalLimit { limit_bytes: 8 }, true),
        (OmissionReason::HashOnly, true),
        (OmissionReason::Skip, true),
        (OmissionReason::Sampled, true),
        (OmissionReason::Sealed { rule: "aws key".into() }, true),
        (OmissionReason::Pointer { tool: "dvc".into(), oid: "md5:1".into() }, true),
        (OmissionReason::Unreadable { error: "x".into() }, false),
        (OmissionReason::Unsteady, false),
    ] {
        let mut scan = project.scan();
        learn(&mut scan, &project.root());
        let known = scan.dir_mut(0).entries[0].known.as_mut().unwrap();
        known.note = Some(Box::new(note.clone()));
        let known = known.clone();
        Index::save(&scan, &KEY, &project.index()).unwrap();
        assert_eq!(project.scan().dirs[0].entries[0].known, comes_back.then_some(known), "{note:?}");
    }
}

#[test]
fn an_index_that_is_damaged_or_of_another_kind_is_no_index() {
    let project = Project::with(&["a", "d/b", ".gitignore"]);
    project.snapshot();
    assert_eq!(fs::metadata(project.index()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(Index::load(&project.index(), &[8; 32]).is_none());
    let good = fs::read(project.index()).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(project.index(), &bad).unwrap();
        assert!(Index::load(&project.index(), &KEY).is_none(), "byte {at}");
        fs::write(project.index(), &good[..at]).unwrap();
        assert!(Index::load(&project.index(), &KEY).is_none(), "cut at {at}");
    }
    assert!(fs::read_dir(project.directory.path()).unwrap().count() == 2, "no temporary file stays");
    assert!(matches!(
        Index::save(&project.scan(), &KEY, &project.at("none/index")),
        Err(crate::Error::IndexWrite { .. })
    ));
}

#[test]
fn precedence_of_ignore_rules() {
    // Each row: the files, `ignore` in lab.toml, and which of `x.txt`, `d/x.txt` are left out by which rule.
    let check = |files: &[(&str, &str)], ignore: &[&str], expected: &[&str]| {
        let mut project = Project::with(&["x.txt", "d/x.txt"]);
        files.iter().for_each(|(path, text)| project.write(path, text));
        project.config.ignore = ignore.iter().map(|line| (*line).to_owned()).collect();
        for round in 0..2 {
            assert_eq!(omissions(&project.scan()), expected, "round {round}: {files:?} {ignore:?}");
            project.snapshot();
            assert!(project.scan().is_known());
        }
    };
    let (git, own) = (".gitignore", ".labignore");
    check(&[], &[], &[]);
    check(&[(git, "x.txt")], &[], &["d/x.txt <- .gitignore: x.txt", "x.txt <- .gitignore: x.txt"]);
    check(&[(git, "/x.txt")], &[], &["x.txt <- .gitignore: /x.txt"]);
    check(&[(git, "d/")], &[], &["d <- .gitignore: d/"]);
    check(&[(git, "x.txt\n!/d/x.txt")], &[], &["x.txt <- .gitignore: x.txt"]);
    check(&[(git, "x.txt"), ("d/.gitignore", "!x.txt")], &[], &["x.txt <- .gitignore: x.txt"]);
    check(&[("d/.gitignore", "*.txt")], &[], &["d/x.txt <- d/.gitignore: *.txt"]);
    check(&[("d/.gitignore", "/x.txt")], &[], &["d/x.txt <- d/.gitignore: /x.txt"]);
    check(&[(git, "x.txt"), (own, "!x.txt")], &[], &[]);
    check(&[(git, "!x.txt"), (own, "/x.txt")], &[], &["x.txt <- .labignore: /x.txt"]);
    check(
        &[(own, "x.txt"), ("d/.gitignore", "!x.txt")],
        &[],
        &["d/x.txt <- .labignore: x.txt", "x.txt <- .labignore: x.txt"],
    );
    check(&[], &["d/x.txt"], &["d/x.txt <- lab.toml: d/x.txt"]);
    check(&[(git, "x.txt")], &["!x.txt"], &[]);
    check(&[(own, "!x.txt")], &["x.txt"], &[]);
    check(&[(git, "\u{feff}x.txt")], &["!/d/x.txt"], &["x.txt <- .gitignore: x.txt"]);
    // An ignored directory is not entered, so nothing below it can be taken in again.
    check(&[(git, "/d"), ("d/.labignore", "!x.txt")], &[], &["d <- .gitignore: /d"]);
    check(&[(git, "[\nx.t?t\n# y\n\n")], &["!/d/*"], &["x.txt <- .gitignore: x.t?t"]);
}

#[test]
fn a_changed_ignore_file_is_noticed() {
    let project = Project::with(&["a.txt", "d/b.txt", "d/c.txt"]);
    project.write(".gitignore", "a.txt\n");
    project.snapshot();
    project.write(".gitignore", "b.txt\n");
    assert_eq!(omissions(&project.scan()), ["d/b.txt <- .gitignore: b.txt"]);
    assert_eq!(project.snapshot(), [".gitignore", "a.txt"]);
    project.write("d/.gitignore", "!b.txt\n");
    assert_eq!(project.snapshot(), ["d/.gitignore", "d/b.txt"]);
    fs::remove_file(project.at(".gitignore")).unwrap();
    assert_eq!(project.snapshot(), [""; 0]);
    assert_eq!(paths(&project.scan()), ["a.txt", "d/", "d/.gitignore", "d/b.txt", "d/c.txt"]);
}

#[test]
fn what_is_left_out_by_default() {
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n";
    let project = Project::with(&[
        ".venv/x",
        "env/pyvenv.cfg",
        "conda/conda-meta/x",
        "src/__pycache__/x",
        "src/a.pyc",
        ".DS_Store",
        ".a.swp",
        "rust/Cargo.toml",
        "rust/target/x",
        "plain/target/x",
        "build/x",
        "js/package.json",
        "js/dist/x",
        "x.egg-info/y",
        "renv/library/x",
        "library/x",
        ".dvc/cache/x",
        ".dvc/config",
        "faketag/CACHEDIR.TAG",
        "store/notebook.toml",
        "store/packs/x",
        ".lab-restore-7/x",
        ".vscode/settings.json",
        "cmake/CMakeCache.txt",
    ]);
    project.write("tagged/CACHEDIR.TAG", tag);
    let expected = [
        ".DS_Store <- default: .DS_Store",
        ".a.swp <- default: .*.swp",
        ".dvc/cache <- default: .dvc/cache",
        ".lab-restore-7 <- default: .lab-restore-*",
        ".venv <- default: .venv",
        "cmake <- default: a directory with CMakeCache.txt",
        "conda <- default: a directory with conda-meta",
        "env <- default: a directory with pyvenv.cfg",
        "js/dist <- default: dist",
        "renv/library <- default: renv/library",
        "rust/target <- default: target beside Cargo.toml",
        "src/__pycache__ <- default: __pycache__",
        "src/a.pyc <- default: *.pyc",
        "store <- Notebook",
        "tagged <- default: a directory with CACHEDIR.TAG",
        "x.egg-info <- default: *.egg-info",
    ];
    let kept = [
        ".dvc/",
        ".dvc/config",
        ".vscode/",
        ".vscode/settings.json",
        "build/",
        "build/x",
        "faketag/",
        "faketag/CACHEDIR.TAG",
        "js/",
        "js/package.json",
        "library/",
        "library/x",
        "plain/",
        "plain/target/",
        "plain/target/x",
        "renv/",
        "rust/",
        "rust/Cargo.toml",
        "src/",
    ];
    for _ in 0..2 {
        let scan = project.scan();
        assert_eq!(omissions(&scan), expected);
        assert_eq!(paths(&scan), kept);
        project.snapshot();
        assert!(project.scan().is_known());
    }
    // What decided is gone: the directory is taken in.
    fs::remove_file(project.at("env/pyvenv.cfg")).unwrap();
    fs::remove_file(project.at("rust/Cargo.toml")).unwrap();
    project.write("conda/y", "y");
    assert_eq!(project.snapshot(), ["rust/target/x"]);
    assert!(paths(&project.scan()).contains(&"env/".to_owned()));
    project.write("env/pyvenv.cfg", "");
    project.snapshot();
    assert_eq!(project.snapshot(), [""; 0]);
    assert_eq!(omissions(&project.scan()).len(), expected.len() - 1);
}

#[test]
fn defaults_can_be_taken_back_in_but_not_the_repository() {
    let mut project = Project::with(&[".venv/x", "env/pyvenv.cfg", ".git/HEAD", "a.pyc"]);
    project.config.ignore = ["!.venv", "!env", "!.git", "!*.pyc"].map(str::to_owned).to_vec();
    for _ in 0..2 {
        let scan = project.scan();
        assert_eq!(paths(&scan), [".venv/", ".venv/x", "a.pyc", "env/", "env/pyvenv.cfg"]);
        assert_eq!(omissions(&scan), [".git <- default: .git"]);
        project.snapshot();
    }
}

#[test]
fn a_project_inside_a_repository_follows_its_rules() {
    let project = Project::with(&["a.log", "b.txt", "keep/c.txt"]);
    let above = project.directory.path();
    fs::create_dir_all(above.join(".git/info")).unwrap();
    fs::write(above.join(".git/info/exclude"), "/p/keep\n").unwrap();
    fs::write(above.join(".gitignore"), "*.log\n/p/b.txt\n").unwrap();
    let expected =
        ["a.log <- ../.gitignore: *.log", "b.txt <- ../.gitignore: /p/b.txt", "keep <- .git/info/exclude: /p/keep"];
    assert_eq!(omissions(&project.scan()), expected);
    project.snapshot();
    assert_eq!(omissions(&project.scan()), expected);
    // A project that is a repository of its own does not look above.
    fs::create_dir(project.at(".git")).unwrap();
    assert_eq!(omissions(&project.scan()), [".git <- default: .git"]);
}

#[test]
fn nested_repositories_are_named_and_kept() {
    let project = Project::with(&["sub/a.py", "module/b.py"]);
    let id = "a".repeat(40);
    project.write("sub/.git/HEAD", &format!("{id}\n"));
    project.write(".git/modules/m/HEAD", &format!("{id}\n"));
    project.write("module/.git", "gitdir: ../.git/modules/m\n");
    let scan = project.scan();
    assert_eq!(paths(&scan), ["module/", "module/b.py", "sub/", "sub/a.py"]);
    let nested = format!("NestedRepository {{ commit: Some(\"{id}\") }}");
    assert_eq!(
        omissions(&scan),
        [
            ".git <- default: .git".to_owned(),
            format!("module <- {nested}"),
            "module/.git <- default: .git".to_owned(),
            format!("sub <- {nested}"),
            "sub/.git <- default: .git".to_owned(),
        ]
    );
}

#[test]
fn roles_follow_settings_and_produced_paths() {
    let mut project = Project::with(&["a.csv", "in/b.txt", "in/c.py", "d/e.csv"]);
    project.snapshot();
    let role = |project: &Project, path: &str| find(&project.scan(), path).role;
    assert_eq!(role(&project, "in/b.txt"), None);
    project.config.roles[Role::Data as usize].files = vec!["in/".into()];
    assert_eq!(role(&project, "in/b.txt"), Some(Role::Data));
    assert_eq!(role(&project, "in/c.py"), Some(Role::Data));
    assert_eq!(role(&project, "a.csv"), Some(Role::Data));
    // The files whose rule changed are looked at again, the others are not.
    assert_eq!(project.snapshot(), ["in/b.txt", "in/c.py"]);
    project.produced = ["d/e.csv", "in/c.py"].map(|path| RelPath::new(path).unwrap()).into();
    assert_eq!(role(&project, "d/e.csv"), Some(Role::Output));
    assert_eq!(role(&project, "in/c.py"), Some(Role::Data), "lab.toml comes first");
    assert_eq!(project.snapshot(), ["d/e.csv"]);
    assert_eq!(project.snapshot(), [""; 0]);
    project.produced.clear();
    assert_eq!(project.snapshot(), ["d/e.csv"]);
}

#[test]
fn a_swapped_directory_never_leaks_what_lies_outside() {
    let project = Project::with(&["d/x"]);
    let scan = project.scan();
    fs::write(project.directory.path().join("x"), "secret").unwrap();
    fs::rename(project.at("d"), project.at("e")).unwrap();
    symlink("..", project.at("d")).unwrap();
    let root = open_root(&project.root()).unwrap();
    let read = read_file(&root, &RelPath::new("d/x").unwrap(), &find(&scan, "d/x").stat, 100);
    assert!(matches!(read, Err(SourceError::Gone)), "{read:?}");
}

#[test]
fn a_tree_that_changes_during_the_scan() {
    let project = Project::with(&["a", "swap/inside", "z/x"]);
    let outside = project.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("canary"), "secret").unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (swap, aside, come) = (project.at("swap"), project.directory.path().join("aside"), project.at("m/n/o"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                fs::create_dir_all(&come).unwrap();
                fs::rename(&swap, &aside).unwrap();
                symlink(&outside, &swap).unwrap();
                fs::remove_dir_all(project.at("m")).unwrap();
                fs::remove_file(&swap).unwrap();
                fs::rename(&aside, &swap).unwrap();
            }
        });
        // Also when an assertion fails, or the other thread would go on for ever.
        let _guard = StopOnDrop(&stop);
        for _ in 0..300 {
            let found = paths(&project.scan());
            assert!(!found.iter().any(|path| path.contains("canary")), "{found:?}");
            for path in ["a", "z/", "z/x"] {
                assert!(found.iter().any(|other| other == path), "{path} is missing: {found:?}");
            }
        }
    });
}

struct StopOnDrop<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn another_file_system_is_named_and_not_entered() {
    // Mounting needs rights that a test does not have; most systems have these two.
    let device = |path: &str| rustix::fs::stat(path).ok().map(|stat| stat.st_dev);
    let (Some(outer), Some(inner)) = (device("/dev"), device("/dev/shm")) else { return };
    if outer == inner {
        return;
    }
    let rules = Rules::new(Path::new("/dev"), &Config::default(), &HashSet::new());
    let scan = scan(Path::new("/dev"), &rules, None).unwrap();
    check_shape(&scan);
    assert!(omissions(&scan).contains(&"shm <- OtherFilesystem".to_owned()));
    let shm = scan.dirs.iter().find(|dir| dir.path.as_bytes() == b"shm").unwrap();
    assert!(shm.entries.is_empty());
}
