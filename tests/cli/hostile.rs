//! Hostile trees: every name, kind, mode and size that breaks careless programs survives or is named;
//! a snapshot that somebody forged writes nothing outside its destination; Git's own files stay as they are.

#![expect(clippy::unwrap_used, reason = "also what the tests share may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use lab_model::{Content, Coverage, Entry, Hash, Kind, Role, Snapshot, Time, Tree};
use lab_store::{Encoder, Notebook, RecordKind};
use lab_testkit::{Ended, Home};

use crate::{home, json};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/hostile_tree.py");

fn python(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    Command::new("python3").args(arguments).output().expect("python3 is there")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Writes the hostile tree; what is large stays small enough to be copied.
fn write_tree(place: &Path, kinds: &str) {
    let sizes = ["--sparse-bytes", "9000000"].map(OsStr::new);
    let kinds = [OsStr::new("--kinds"), kinds.as_ref()].into_iter().filter(|_| !kinds.is_empty());
    let output = python([OsStr::new(SCRIPT), place.as_os_str()].into_iter().chain(sizes).chain(kinds));
    assert!(output.status.success(), "{}", text(&output));
}

/// A tree and whatever else stands in a home is taken away even where folders shut their owner out.
struct Cleared<'a>(&'a Home);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        for entry in std::fs::read_dir(self.0.path("")).into_iter().flatten().flatten() {
            if entry.path().is_dir() && entry.file_name() != "notebook" {
                python([OsStr::new(SCRIPT), "--remove".as_ref(), entry.path().as_os_str()]);
            }
        }
    }
}

/// Lines that say what differs between two trees.
fn differences(left: &Path, right: &Path) -> Vec<String> {
    let arguments = [OsStr::new(SCRIPT), "--limit".as_ref(), "100000".as_ref(), "--compare".as_ref()];
    let output = python(arguments.into_iter().chain([left.as_os_str(), right.as_os_str()]));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.stderr.is_empty(), "{}", text(&output));
    told.lines().filter(|line| *line != "no difference").map(str::to_owned).collect()
}

/// Everything about a tree in one text, to be compared with what it is later.
fn described(place: &Path) -> String {
    let program = "import sys, os\nsys.path.insert(0, os.path.dirname(sys.argv[1]))\nimport hostile_tree\n\
        for item in sorted(hostile_tree.describe(sys.argv[2], False).items()):\n\
        \x20   item[1].pop('allocated')\n    print(ascii(item))";
    let output = python([OsStr::new("-Bc"), program.as_ref(), SCRIPT.as_ref(), place.as_os_str()]);
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

/// The paths that a page names as left out or not restored, as the comparison spells them.
fn named(pages: &[&serde_json::Value]) -> BTreeSet<String> {
    fn collect(value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(map) => {
                found.extend(map.get("path").and_then(|path| path.as_str()).map(str::to_owned));
                map.values().for_each(|value| collect(value, found));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    pages.iter().for_each(|page| collect(page, &mut found));
    found
}

/// Snapshot, restore to a new folder, compare; what differs must be named.
fn round_trip(home: &Home, lab: &dyn Fn(&[&str]) -> Ended) -> usize {
    let _ = lab(&["-q", "init"]).ok();
    let id = lab(&["snapshot"]).ok().out.trim().to_owned();
    let coverage = json(&lab(&["coverage", &id, "--json"]).ok().out);
    let written = json(&lab(&["restore", &id, "--to", "../copy", "--json"]).ok().out);
    let named = named(&[&coverage, &written]);
    let differences = differences(&home.project(), &home.path("copy"));
    for line in &differences {
        let Some((path, rest)) = line.strip_prefix('\'').and_then(|line| line.split_once("': ")) else {
            panic!("{line}")
        };
        // A folder that may not be read is named itself. Characters that do not show are spelled
        // differently by the two programs.
        let is_named = Path::new(path).ancestors().any(|path| named.contains(&*path.to_string_lossy()))
            || path.starts_with("git/spelled/");
        assert!(rest.starts_with("only in A") && is_named, "{line}\nnamed: {named:?}");
    }
    differences.len()
}

#[test]
fn a_hostile_tree_comes_back_or_is_named() {
    let home = home();
    let _cleared = Cleared(&home);
    write_tree(&home.project(), "");
    let lost = round_trip(&home, &|arguments| home.lab(arguments).run());
    assert!((5..=16).contains(&lost), "{lost} paths did not come back");
    let kept = home.path("copy/secrets/.env");
    assert_eq!(std::fs::read(kept).unwrap(), home.read("secrets/.env"), "what is sealed comes back");
}

/// Whether tests run as root and can start a program as somebody else.
fn can_be_somebody_else() -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0);
    root && Command::new("setpriv").args(["--reuid", "65534", "true"]).status().is_ok_and(|status| status.success())
}

#[test]
fn a_hostile_tree_of_somebody_without_rights_comes_back_or_is_named() {
    if !can_be_somebody_else() {
        println!("SKIPPED: needs root and setpriv");
        return;
    }
    let home = home();
    let _cleared = Cleared(&home);
    // The built program may lie where others may not look.
    let program = home.path("lab");
    std::fs::copy(env!("CARGO_BIN_EXE_lab"), &program).unwrap();
    std::fs::copy(SCRIPT, home.path("hostile_tree.py")).unwrap();
    for place in [home.path(""), home.path("home"), home.project()] {
        std::os::unix::fs::chown(&place, Some(65534), Some(65534)).unwrap();
    }
    let as_nobody = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command
    };
    // The first in the path may lie where only root may look.
    let python = ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter().find(|python| Path::new(python).exists());
    let Some(python) = python else {
        println!("SKIPPED: needs a python3 of the system");
        return;
    };
    let made = as_nobody()
        .args([OsStr::new(python), home.path("hostile_tree.py").as_os_str(), home.project().as_os_str()])
        .args(["--sparse-bytes", "9000000"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made));
    let lab = |arguments: &[&str]| {
        let given = home.lab(arguments).into_command();
        let mut command = as_nobody();
        command.arg(&program).args(given.get_args()).current_dir(home.project()).env_clear();
        command.envs(given.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ended::from_output(&command.output().unwrap())
    };
    // Files and folders that their owner may not read are named too.
    let lost = round_trip(&home, &lab);
    assert!((100..=400).contains(&lost), "{lost} paths did not come back");
}

#[test]
fn damage_is_restored_in_place_and_undo_is_exact() {
    let home = home();
    let _cleared = Cleared(&home);
    // Without what is only large: that is another test's affair.
    write_tree(&home.project(), "names,case,long,deep,links,modes,empty,special,hard,times,git,secrets");
    home.ok(["-q", "init"]);
    let id = home.ok(["snapshot"]).trim().to_owned();
    let whole = described(&home.project());
    damage(&home.project());
    let damaged = described(&home.project());
    assert_ne!(whole, damaged);
    home.ok(["restore", &id, "--yes"]);
    // What came new in folders that the snapshot has goes; Git's own and special files were never touched.
    assert_same(&whole, &described(&home.project()));
    home.ok(["undo", "--yes"]);
    assert_same(&damaged, &described(&home.project()));
    home.ok(["redo", "--yes"]);
    assert_same(&whole, &described(&home.project()));
}

fn assert_same(expected: &str, found: &str) {
    let (expected, found): (BTreeSet<_>, BTreeSet<_>) = (expected.lines().collect(), found.lines().collect());
    let differs: Vec<_> =
        expected.symmetric_difference(&found).map(|line| &line[line.len().saturating_sub(300)..]).collect();
    assert!(differs.is_empty(), "{} lines differ, such as {:#?}", differs.len(), &differs[..differs.len().min(6)]);
}

/// Changes, swaps, removes and adds all over the tree; always the same.
fn damage(place: &Path) {
    let at = |name: &str| place.join(name);
    let write = |name: &str, text: &[u8]| std::fs::write(at(name), text).unwrap();
    for number in 0..300 {
        let name = format!("long/many_{:04}", number * 5);
        match number % 5 {
            0 => std::fs::remove_file(at(&name)).unwrap(),
            1 => write(&name, b"changed"),
            2 => std::fs::set_permissions(at(&name), std::fs::Permissions::from_mode(0o400)).unwrap(),
            3 => {
                std::fs::remove_file(at(&name)).unwrap();
                symlink("../../outside", at(&name)).unwrap();
            }
            _ => {
                std::fs::remove_file(at(&name)).unwrap();
                std::fs::create_dir(at(&name)).unwrap();
                write(&format!("{name}/new"), b"new");
            }
        }
    }
    // A folder becomes a link to a folder outside, and files stand where folders did.
    std::fs::remove_dir_all(at("links/real_folder")).unwrap();
    symlink("/tmp", at("links/real_folder")).unwrap();
    std::fs::remove_dir_all(at("deep")).unwrap();
    write("deep", b"a file now");
    std::fs::remove_dir_all(at("empty/nested")).unwrap();
    std::fs::remove_file(at("links/to_file")).unwrap();
    std::fs::create_dir(at("links/to_file")).unwrap();
    std::fs::rename(at("case/README"), at("case/other")).unwrap();
    std::fs::rename(at("times"), at("moved")).unwrap();
    write("secrets/.env", b"PASSWORD=another8one\n");
    std::fs::create_dir_all(at("fresh/a/b")).unwrap();
    write("fresh/a/b/c", b"fresh");
}

#[test]
fn fifos_sockets_and_devices_are_never_opened() {
    let home = home();
    let _cleared = Cleared(&home);
    let output = python([SCRIPT, home.project().to_str().unwrap(), "--kinds", "special"]);
    assert!(output.status.success(), "{}", text(&output));
    home.write("special/plain.py", "print(1)\n");
    home.ok(["-q", "init"]);
    let traced = |arguments: &[&str]| {
        let given = home.lab(arguments).into_command();
        let log = home.path("strace.log");
        let mut command = Command::new("strace");
        command.args(["-f", "-e", "trace=open,openat,openat2", "-o"]).arg(&log);
        command.arg(given.get_program()).args(given.get_args()).current_dir(home.project()).env_clear();
        command.envs(given.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some((std::fs::read_to_string(log).unwrap(), output))
    };
    let Some((log, output)) = traced(&["snapshot"]) else {
        println!("SKIPPED: strace does not work here");
        return;
    };
    let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    home.write("special/plain.py", "print(2)\n");
    let restored = traced(&["restore", &id, "--yes"]).expect("the second restore works").0;
    let run = traced(&["run", "--", "true", "special/fifo"]).expect("the run works").0;
    assert!(log.contains("plain.py"), "what is a file is opened: {log}");
    for (what, log) in [("snapshot", log), ("restore", restored), ("run", run)] {
        for name in ["fifo", "looks_like_code.py", "socket", "null", "disk"] {
            let opened = log.lines().find(|line| {
                line.contains(&format!("\"special/{name}\""))
                    || line.contains(&format!("\"{name}\""))
                    || line.contains(&format!("project/special/{name}\""))
            });
            assert_eq!(opened, None, "{what}");
        }
    }
    let coverage = json(&home.ok(["coverage", &id, "--json"])).to_string();
    assert!(coverage.contains("special/fifo") && coverage.contains("special/socket"), "{coverage}");
}

/// A notebook that somebody forged: records are valid, what they say is not.
struct Forger<'a> {
    home: &'a Home,
    model: Snapshot,
    encoder: Encoder,
    records: Vec<lab_store::Record>,
    number: u8,
}

fn entry(name: &[u8], kind: Kind) -> Entry {
    Entry {
        name: name.to_vec(),
        kind,
        role: Role::Code,
        mode: if kind == Kind::Directory { 0o755 } else { 0o644 },
        size: 0,
        mtime: 1_600_000_000,
        mtime_nanos: 0,
        sparse: false,
        unsteady: false,
        content: Content::Missing,
        tree: None,
        target: Vec::new(),
    }
}

impl<'a> Forger<'a> {
    fn new(home: &'a Home) -> Self {
        home.write("a.py", "a");
        home.ok(["-q", "init"]);
        let id: Hash = home.ok(["snapshot"]).trim().parse().unwrap();
        let reader = Notebook::open(&home.notebook()).unwrap().reader().unwrap();
        let model = reader.snapshot(&id).unwrap();
        Self { home, model, encoder: Encoder::new(3), records: Vec::new(), number: 0 }
    }

    fn file(&mut self, name: &[u8], content: &[u8]) -> Entry {
        let record = self.encoder.chunk(content);
        let content = (Content::Copied(record.id()), content.len() as u64);
        self.records.push(record);
        Entry { content: content.0, size: content.1, ..entry(name, Kind::File) }
    }

    fn folder(&mut self, name: &[u8], entries: Vec<Entry>) -> Entry {
        Entry { tree: Some(self.tree(entries)), ..entry(name, Kind::Directory) }
    }

    fn tree(&mut self, entries: Vec<Entry>) -> Hash {
        self.raw_tree(&Tree { entries }.encode())
    }

    fn raw_tree(&mut self, bytes: &[u8]) -> Hash {
        let id = Tree::id_of(bytes);
        self.records.push(self.encoder.encode(RecordKind::Tree, id, bytes));
        id
    }

    /// A tree with these entries and the project's own files, so that a restore removes none of them.
    fn beside_own(&mut self, mut entries: Vec<Entry>) -> Hash {
        for name in [".gitignore", "a.py", "lab.toml"] {
            entries.push(self.file(name.as_bytes(), &self.home.read(name)));
        }
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        self.tree(entries)
    }

    /// Keeps a snapshot of this tree, and gives its id.
    fn snapshot(&mut self, root: Hash) -> String {
        self.number += 1;
        let time = Time(self.model.time.0 + i64::from(self.number));
        let snapshot = Snapshot { root, time, coverage: Coverage::default(), ..self.model.clone() };
        let record = self.encoder.json(RecordKind::Snapshot, &snapshot);
        let id = record.id();
        self.records.push(record);
        let mut writer = Notebook::open(&self.home.notebook()).unwrap().writer([self.number; 16]).unwrap();
        for record in self.records.drain(..) {
            writer.append(record).unwrap();
        }
        writer.commit(time).unwrap();
        id.to_string()
    }
}

/// Everything around the project and the notebook, with contents.
fn surroundings(home: &Home) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec![home.path("")];
    let apart = ["notebook", "home", "copy", "project/a.py"].map(|name| home.path(name));
    while let Some(place) = pending.pop() {
        for entry in std::fs::read_dir(&place).unwrap().flatten() {
            let path = entry.path();
            if apart.contains(&path) {
                continue;
            }
            let metadata = path.symlink_metadata().unwrap();
            let content = if metadata.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            if metadata.is_dir() {
                pending.push(path.clone());
            }
            found.insert(path, format!("{:o} {content:?}", metadata.mode()));
        }
    }
    found
}

/// Places beside the project that a forged snapshot aims at.
fn plant_surroundings(home: &Home) {
    for place in ["outside/hooks", "project/.git/hooks", "project/kept"] {
        std::fs::create_dir_all(home.path(place)).unwrap();
    }
    for place in ["canary", "outside/canary", "project/.git/HEAD", "project/.git/config"] {
        std::fs::write(home.path(place), "canary\n").unwrap();
    }
    // Restores must not go through this link, however the snapshot names what lies behind it.
    symlink("../outside", home.project().join("link")).unwrap();
    home.write(".gitignore", "link\nkept\n");
}

/// Neither restore touches anything but what it says; `why` is in what it says, and `fails` or not.
fn check_forged(home: &Home, id: &str, why: &str, fails: bool) {
    let before = surroundings(home);
    for arguments in [&["restore", id, "--yes"][..], &["restore", id, "--to", "../copy"]] {
        let ended = home.lab(arguments).run();
        let told = format!("{}{}", ended.out, ended.err);
        assert!(told.contains(why), "{arguments:?} should say {why:?}: {told}");
        assert!(!told.contains("panicked"), "{told}");
        assert!(ended.signal.is_none() && (ended.code != Some(0)) == fails, "{arguments:?}: {ended:?}");
        assert_eq!(surroundings(home), before, "{arguments:?} of {why:?}");
        if home.path("copy").exists() {
            let copied = walk(&home.path("copy"));
            let is_git = |name: &String| name.contains("hooks") || name.contains("config");
            assert!(!fails && !copied.iter().any(is_git), "{copied:?}");
            std::fs::remove_dir_all(home.path("copy")).unwrap();
        }
    }
}

fn walk(place: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![place.to_owned()];
    while let Some(place) = pending.pop() {
        for entry in std::fs::read_dir(&place).unwrap().flatten() {
            found.push(entry.file_name().to_string_lossy().into_owned());
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn forged_names_write_nothing_outside() {
    let home = home();
    plant_surroundings(&home);
    let mut forger = Forger::new(&home);
    let absolute = home.path("outside/hooks/x").to_string_lossy().into_owned().into_bytes();
    for name in [&b".."[..], b"../canary", b"a/../../canary", b".", b"", b"a\0b", b"link/x", b"/etc/passwd", &absolute]
    {
        let file = forger.file(name, b"forged");
        let root = forger.tree(vec![file]);
        let id = forger.snapshot(root);
        check_forged(&home, &id, "error: ", true);
        let inner = forger.file(b"canary", b"forged");
        let folder = forger.folder(name, vec![inner]);
        let root = forger.tree(vec![folder]);
        let id = forger.snapshot(root);
        check_forged(&home, &id, "error: ", true);
    }
}

#[test]
fn forged_git_folders_are_left_out_and_named() {
    let home = home();
    plant_surroundings(&home);
    let mut forger = Forger::new(&home);
    for name in
        [&b".git"[..], b".GIT", b"git~1", b".git ", b".git.", ".g\u{200c}it".as_bytes(), b".git::$INDEX_ALLOCATION"]
    {
        let hook = Entry { mode: 0o755, ..forger.file(b"pre-commit", b"#!/bin/sh\ntouch owned\n") };
        let hooks = forger.folder(b"hooks", vec![hook]);
        let config = forger.file(b"config", b"[core]\n\tfsmonitor = touch owned\n");
        let git = forger.folder(name, vec![config, hooks]);
        let root = forger.beside_own(vec![git.clone()]);
        let id = forger.snapshot(root);
        check_forged(&home, &id, "no restore touches", false);
        let inner = forger.folder(b"sub", vec![git]);
        let root = forger.tree(vec![inner]);
        let id = forger.snapshot(root);
        let ended = home.lab(["restore", &id, "--to", "../copy"]).run().ok();
        assert!(ended.err.contains("no restore touches"), "{}", ended.err);
        assert_eq!(walk(&home.path("copy")), ["sub"]);
        std::fs::remove_dir_all(home.path("copy")).unwrap();
    }
}

#[test]
fn forged_trees_end_in_an_error_and_change_nothing() {
    let home = home();
    plant_surroundings(&home);
    let mut forger = Forger::new(&home);
    let file = forger.file(b"x", b"forged");
    let link = Entry { target: b"../outside".to_vec(), ..entry(b"link", Kind::Symlink) };
    let behind = forger.folder(b"link", vec![file.clone()]);
    let nowhere = Entry { tree: Some(Hash([7; 32])), ..entry(b"sub", Kind::Directory) };
    let encoded = Tree { entries: vec![file.clone()] }.encode();
    let mut many = encoded.clone();
    many[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut long_name = encoded.clone();
    long_name[5..7].copy_from_slice(&u16::MAX.to_le_bytes());
    let mut roots = vec![
        ("the same name twice, as link and as folder", forger.tree(vec![link.clone(), behind.clone()])),
        ("the other way round", forger.tree(vec![behind, link])),
        ("a tree that is not there", forger.tree(vec![nowhere])),
        ("a root that is not there", Hash([9; 32])),
        ("a root that is a file", file.content.hash().unwrap()),
        ("four billion entries", forger.raw_tree(&many)),
        ("a name beyond the end", forger.raw_tree(&long_name)),
        ("no bytes", forger.raw_tree(b"")),
        ("a version from the future", forger.raw_tree(&[9, 0, 0, 0, 0])),
    ];
    // A tree whose record says that it holds itself: only possible with a false id.
    let own = Hash([5; 32]);
    let cycle = Tree { entries: vec![Entry { tree: Some(own), ..entry(b"again", Kind::Directory) }] }.encode();
    let record = forger.encoder.encode(RecordKind::Tree, own, &cycle);
    forger.records.push(record);
    roots.push(("a tree that holds itself", own));
    for (what, root) in roots {
        println!("{what}");
        let id = forger.snapshot(root);
        check_forged(&home, &id, "error: ", true);
    }
}

#[test]
fn forged_contents_are_named_and_the_rest_comes_back() {
    let home = home();
    plant_surroundings(&home);
    let mut forger = Forger::new(&home);
    let good = forger.file(b"good.py", b"good");
    let missing = Entry { content: Content::Copied(Hash([3; 32])), size: 4, ..entry(b"missing.py", Kind::File) };
    let sealed = Entry { content: Content::Sealed(Hash([4; 32])), size: 4, ..entry(b"sealed.env", Kind::File) };
    let root = forger.tree(vec![good.clone()]);
    let wrong_kind = Entry { content: Content::Copied(root), size: 4, ..entry(b"tree.py", Kind::File) };
    let lying = Entry { size: 1 << 50, ..forger.file(b"lying.py", b"four") };
    let fifo = entry(b"fifo", Kind::Fifo);
    let device = entry(b"disk", Kind::Device);
    let old = Entry { mtime: i64::MIN, ..forger.file(b"old.py", b"old") };
    let root = forger.beside_own(vec![good, missing, sealed, wrong_kind, fifo, device, old]);
    let id = forger.snapshot(root);
    let check = |told: &str, place: &Path| {
        assert_eq!(std::fs::read(place.join("good.py")).unwrap(), b"good", "{told}");
        assert_eq!(std::fs::read(place.join("old.py")).unwrap(), b"old", "{told}");
        for name in ["missing.py", "sealed.env", "tree.py", "fifo", "disk"] {
            assert!(told.contains(name) && !place.join(name).exists(), "{name}: {told}");
        }
    };
    check(&home.lab(["restore", &id, "--to", "../copy"]).run().ok().err, &home.path("copy"));
    std::fs::remove_dir_all(home.path("copy")).unwrap();
    // A record of another kind than a file's is damage, and found only when it is read: nothing happens then.
    let ended = home.lab(["restore", &id, "--yes"]).run().code(6);
    assert!(ended.err.contains("tree.py") && !home.project().join("good.py").exists(), "{}", ended.err);
    let good = ["good.py", "old.py", "missing.py", "sealed.env", "fifo", "disk"];
    let ended = home.lab(["restore", &id, "--yes"].into_iter().chain(good)).run().ok();
    check(&format!("{} tree.py", ended.err), &home.project());

    // A size that no disk has is refused before anything happens.
    let root = forger.beside_own(vec![lying]);
    let id = forger.snapshot(root);
    let ended = home.lab(["restore", &id, "--yes"]).run();
    assert!(ended.code != Some(0) && ended.err.contains("Not enough space"), "{}", ended.err);
    let bad_time = Entry { mtime_nanos: 1_000_000_000, ..forger.file(b"old.py", b"old") };
    let root = forger.tree(vec![bad_time]);
    let id = forger.snapshot(root);
    check_forged(&home, &id, "error: ", true);
}

#[test]
fn a_forged_snapshot_does_not_go_through_links_that_are_there() {
    let home = home();
    plant_surroundings(&home);
    let mut forger = Forger::new(&home);
    let inner = forger.file(b"canary", b"forged");
    let deeper = forger.file(b"new", b"forged");
    let behind = forger.folder(b"link", vec![inner, deeper]);
    let root = forger.tree(vec![behind]);
    let id = forger.snapshot(root);
    let outside = std::fs::read(home.path("outside/canary")).unwrap();
    // The link is ignored at first, and part of the present state then.
    for ignored in ["link\n", "nothing\n"] {
        home.write(".gitignore", ignored);
        let ended = home.lab(["restore", &id, "--yes"]).run();
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
        assert_eq!(std::fs::read(home.path("outside/canary")).unwrap(), outside);
        assert_eq!(walk(&home.path("outside")).len(), 2);
        let ended = home.lab(["undo", "--yes"]).run();
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
        assert_eq!(std::fs::read_link(home.project().join("link")).unwrap(), Path::new("../outside"), "{ended:?}");
    }
    // A run of another project is not put in place from here: that place was never shown.
    std::fs::create_dir_all(home.path("elsewhere")).unwrap();
    let ended = home.lab(["restore", &id, "--yes"]).within(home.path("elsewhere")).run();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("--to"), "{}", ended.err);
}

/// Whether a file that is rewritten from its start looked like this at some moment: one version, or
/// the start of the next one in front of it.
fn is_one_moment(bytes: &[u8]) -> bool {
    let (new, old) = (bytes[0], bytes[bytes.len() - 1]);
    let rest = bytes.iter().position(|byte| *byte != new).unwrap_or(bytes.len());
    let follows = new == old || new == old + 1 || (new, old) == (b'a', b'z');
    follows && bytes[rest..].iter().all(|byte| *byte == old)
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_whole_or_unsteady() {
    let home = home();
    home.ok(["-q", "init"]);
    let sizes = [("small.txt", 2_000_000), ("large.txt", 6_000_000)];
    let versions = |letter: u8, size: usize| vec![letter; size];
    for (name, size) in sizes {
        home.write(name, versions(b'a', size));
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // In place, piece by piece, as programs do that append or update.
            use std::os::unix::fs::FileExt;
            let open = |name| std::fs::OpenOptions::new().write(true).open(home.project().join(name)).unwrap();
            let files = sizes.map(|(name, size)| (open(name), size));
            for letter in (b'a'..=b'z').cycle() {
                for (file, size) in &files {
                    for piece in 0..8 {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let part = vec![letter; size / 8];
                        file.write_all_at(&part, (piece * size / 8) as u64).unwrap();
                    }
                }
            }
        });
        // Also when an assertion fails: otherwise the writer would never end.
        let _stop = Stop(&stop);
        for number in 0..6 {
            let id = home.ok(["snapshot"]).trim().to_owned();
            let coverage = json(&home.ok(["coverage", &id, "--json"])).to_string();
            let copy = format!("../copy{number}");
            home.ok(["restore", &id, "--to", &copy]);
            for (name, size) in sizes {
                let bytes = std::fs::read(home.project().join(&copy).join(name)).unwrap();
                let is_whole = bytes.len() == size && is_one_moment(&bytes);
                assert!(is_whole || coverage.contains(name), "{name} is torn and not said to be: {coverage}");
            }
        }
    });
    // When it stands still it is whole, whatever was believed before.
    let id = home.ok(["snapshot"]).trim().to_owned();
    home.ok(["restore", &id, "--to", "../last"]);
    for (name, _) in sizes {
        assert!(std::fs::read(home.path("last").join(name)).unwrap() == home.read(name), "{name}");
    }
    assert!(!home.ok(["coverage", &id, "--json"]).contains("large.txt"));
}

#[test]
fn gits_own_files_stay_byte_for_byte() {
    let home = home();
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(home.project())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", home.path("home"))
            .output();
        output.is_ok_and(|output| output.status.success())
    };
    if !git(&["init", "-q"]) {
        println!("SKIPPED: needs git");
        return;
    }
    home.write("a.py", "old").write("b.py", "old");
    assert!(git(&["add", "."]) && git(&["commit", "-qm", "one"]) && git(&["branch", "other"]));
    // Staged, changed and untracked at once; and a time that makes Git want to refresh its index.
    home.write("a.py", "staged");
    assert!(git(&["add", "a.py"]));
    home.write("a.py", "changed").write("new.py", "untracked");
    let before = described(&home.project().join(".git"));
    home.ok(["-q", "run", "--name", "first", "--", "true"]);
    home.ok(["snapshot"]);
    home.write("a.py", "later").write("b.py", "later");
    home.ok(["diff", "first", "."]);
    home.ok(["restore", "first", "--yes"]);
    assert_eq!(home.read("a.py"), b"changed");
    home.ok(["undo", "--yes"]);
    home.ok(["redo", "--yes"]);
    home.ok(["show", "first"]);
    assert_same(&before, &described(&home.project().join(".git")));
}
