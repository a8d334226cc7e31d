use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use lab_model::{Domain, Snapshot, Time};

use super::*;
use crate::{Clock, EngineConfig, Random};

/// A project, the notebook of who watches it, and another that always scans.
struct Scene {
    directory: tempfile::TempDir,
    engine: Engine,
    watched: Watched,
    project: Project,
    others: u64,
}

/// An engine on a notebook of its own in a directory.
pub(crate) fn engine(directory: &Path, name: &str) -> Engine {
    let config = EngineConfig {
        notebook: directory.join(name),
        key_file: directory.join("key"),
        cwd: directory.to_owned(),
        variables: BTreeMap::new(),
        executable: PathBuf::from("/bin/false"),
        clock: Clock::System,
        random: Random::Seeded(Arc::new(AtomicU64::new(7))),
    };
    Engine::open(config).unwrap()
}

impl Scene {
    fn new(files: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("p");
        fs::create_dir(&root).unwrap();
        files.iter().for_each(|file| write(&root.join(file), file));
        let engine = engine(directory.path(), "notebook");
        let (project, _) = engine.init(&root, None).unwrap();
        let mut watched = Watched::default();
        watched.add(&engine, &project).unwrap();
        Self { directory, engine, watched, project, others: 0 }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.directory.path().join("p").join(path)
    }

    fn take(&mut self, as_of: Option<u64>) -> (Snapshot, Vec<UnsteadyFile>) {
        let (outcome, unsteady) = self.watched.snapshot(&self.engine, &self.project.id, as_of).unwrap();
        (outcome.snapshot, unsteady)
    }

    /// A snapshot of the same files by a full scan, into a notebook that knows nothing.
    fn full(&mut self) -> Snapshot {
        self.others += 1;
        let other = engine(self.directory.path(), &format!("other-{}", self.others));
        other.snapshot(&self.project, &mut |_, _| {}).unwrap().snapshot
    }

    fn content_of(&self, snapshot: &Snapshot, name: &str) -> (Content, bool) {
        let tree = self.engine.index().unwrap().tree(&snapshot.root).unwrap();
        let entry = tree.entries.iter().find(|entry| entry.name == name.as_bytes()).unwrap();
        (entry.content, entry.unsteady)
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn copied(text: &str) -> Content {
    Content::Copied(Hash::of(Domain::Content, text.as_bytes()))
}

fn timeless(snapshot: Snapshot) -> Snapshot {
    Snapshot { time: Time(0), ..snapshot }
}

#[test]
fn a_watched_snapshot_is_that_of_a_full_scan() {
    let mut scene = Scene::new(&["a.py", "d/b.yaml", "d/e/c.csv", "ignored/x", "secret.env"]);
    type Edit = fn(&Scene);
    let edits: [(&str, Edit); 12] = [
        ("nothing", |_| {}),
        ("content", |scene| write(&scene.at("d/e/c.csv"), "changed")),
        ("new folders", |scene| write(&scene.at("n/o/p.py"), "new")),
        ("a moved folder", |scene| fs::rename(scene.at("d"), scene.at("n/d")).unwrap()),
        ("an ignore file", |scene| write(&scene.at(".gitignore"), "ignored/\n*.csv\n")),
        ("an ignored file", |scene| write(&scene.at("n/d/e/c.csv"), "not seen")),
        ("settings", |scene| write(&scene.at("lab.toml"), "[data]\nkeep = \"hash\"\n")),
        ("no ignore file", |scene| fs::remove_file(scene.at(".gitignore")).unwrap()),
        ("a link", |scene| std::os::unix::fs::symlink("nowhere", scene.at("n/link")).unwrap()),
        ("a secret", |scene| write(&scene.at("n/k.py"), "key = 'AKIAIOSFODNN7EXAMPLQ'\n")),
        ("gone", |scene| fs::remove_dir_all(scene.at("n")).unwrap()),
        ("back", |scene| write(&scene.at("n/o/p.py"), "new")),
    ];
    for (what, edit) in edits {
        edit(&scene);
        let (snapshot, unsteady) = scene.take(None);
        assert_eq!(timeless(snapshot), timeless(scene.full()), "{what}");
        assert!(unsteady.is_empty());
    }
}

#[test]
fn what_was_not_committed_is_read_again() {
    let mut scene = Scene::new(&["a.py", "d/b.py"]);
    scene.take(None);
    write(&scene.at("d/b.py"), "changed");
    {
        let mut writer = scene.engine.writer().unwrap();
        scene.watched.take(&scene.engine, &scene.project.id, &mut writer, None).unwrap();
    }
    let (snapshot, _) = scene.take(None);
    assert_eq!(timeless(snapshot.clone()), timeless(scene.full()));
    assert!(scene.engine.index().unwrap().contains(&Hash::of(Domain::Content, b"changed")).unwrap());
}

#[test]
fn what_changed_after_the_moment_is_unsteady_and_both_contents_are_kept() {
    let mut scene = Scene::new(&["a.py", "b.py", "c.py"]);
    scene.take(None);
    write(&scene.at("a.py"), "one");
    scene.watched.drain(&monotonic_nanos);
    let moment = monotonic_nanos();
    write(&scene.at("a.py"), "two");
    fs::remove_file(scene.at("c.py")).unwrap();
    let (snapshot, unsteady) = scene.take(Some(moment));
    assert_eq!(scene.content_of(&snapshot, "a.py"), (copied("one"), true));
    assert_eq!(scene.content_of(&snapshot, "b.py"), (copied("b.py"), false));
    let told: Vec<(String, Vec<Content>)> =
        unsteady.iter().map(|file| (file.path.to_string(), file.candidates.clone())).collect();
    assert_eq!(
        told,
        [("a.py".to_owned(), vec![copied("one"), copied("two")]), ("c.py".to_owned(), vec![copied("c.py")])]
    );
    assert!(scene.engine.index().unwrap().contains(&Hash::of(Domain::Content, b"two")).unwrap());
    let named: Vec<String> = snapshot.coverage.omissions.iter().map(|omission| omission.path.to_string()).collect();
    assert_eq!(named, ["a.py", "c.py"]);
    // As of now nothing is in doubt.
    let (snapshot, _) = scene.take(Some(monotonic_nanos()));
    assert_eq!(timeless(snapshot), timeless(scene.full()));
}

#[test]
fn what_was_read_before_and_after_the_moment_is_certain() {
    let mut scene = Scene::new(&["a.py", "b.py"]);
    scene.take(None);
    write(&scene.at("a.py"), "one");
    write(&scene.at("b.py"), "one");
    scene.watched.drain(&monotonic_nanos);
    let moment = monotonic_nanos();
    scene.watched.witness(&scene.project.id);
    write(&scene.at("a.py"), "two");
    fs::remove_file(scene.at("b.py")).unwrap();
    let (snapshot, unsteady) = scene.take(Some(moment));
    assert_eq!(scene.content_of(&snapshot, "a.py"), (copied("one"), false));
    let told: Vec<(String, Vec<Content>)> =
        unsteady.iter().map(|file| (file.path.to_string(), file.candidates.clone())).collect();
    assert_eq!(told, [("b.py".to_owned(), vec![copied("one")])], "it has no place in the tree any more");
    let (snapshot, unsteady) = scene.take(Some(monotonic_nanos()));
    assert_eq!((timeless(snapshot), unsteady), (timeless(scene.full()), Vec::new()));
}

#[test]
fn what_changed_before_the_second_look_is_not() {
    let mut scene = Scene::new(&["a.py"]);
    scene.take(None);
    write(&scene.at("a.py"), "one");
    scene.watched.drain(&monotonic_nanos);
    let moment = monotonic_nanos();
    write(&scene.at("a.py"), "two");
    scene.watched.witness(&scene.project.id);
    write(&scene.at("a.py"), "three");
    let (snapshot, unsteady) = scene.take(Some(moment));
    assert_eq!(scene.content_of(&snapshot, "a.py"), (copied("one"), true));
    assert_eq!(unsteady.len(), 1);
}

#[test]
fn others_profit_from_what_was_saved() {
    let mut scene = Scene::new(&["a.py", "d/b.py"]);
    let end = monotonic_nanos() + 25_000_000;
    while monotonic_nanos() < end {
        std::thread::yield_now();
    }
    scene.take(None);
    scene.watched.save(&scene.engine).unwrap();
    let outcome = scene.engine.snapshot(&scene.project, &mut |_, _| {}).unwrap();
    assert_eq!(outcome.files_read, 0);
    let mut again = Watched::default();
    again.add(&scene.engine, &scene.project).unwrap();
    let (outcome, _) = again.snapshot(&scene.engine, &scene.project.id, None).unwrap();
    assert_eq!(outcome.files_read, 0);
    assert_eq!(again.state(&scene.project.id), Some(State::Watched { directories: 2 }));
}
