//! Plans and trees that try to reach outside.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use lab_model::{Content, Kind, Role};
use proptest::prelude::*;

use super::super::*;
use super::round_trip::{changes, make};
use super::scene::*;

fn file(content: Content) -> EntryState {
    let (kind, role) = (Kind::File, Role::Code);
    EntryState {
        kind,
        role,
        mode: 0o644,
        size: 0,
        mtime: 1,
        mtime_nanos: 0,
        sparse: false,
        content,
        target: Vec::new(),
    }
}

fn create(name: &str, after: EntryState) -> Step {
    Step { path: path(name), action: Action::Create, before: None, after: Some(after) }
}

fn plan_of(steps: Vec<Step>) -> Plan {
    Plan { steps, ..Plan::default() }
}

/// A scene with a file outside that must not change, and a content to write.
fn scene() -> (Scene, EntryState, Canary) {
    let mut scene = Scene::new();
    scene.write("source", "hostile");
    scene.snapshot();
    let hash = lab_model::Hash::of(lab_model::Domain::Content, b"hostile");
    let outside = scene.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("canary"), "sings").unwrap();
    let canary = Canary { before: Canary::look(&outside), at: outside };
    (scene, file(Content::Copied(hash)), canary)
}

struct Canary {
    at: std::path::PathBuf,
    before: Vec<(String, i64, i64, u32)>,
}

impl Canary {
    fn look(at: &std::path::Path) -> Vec<(String, i64, i64, u32)> {
        let mut paths = vec![at.to_owned()];
        paths.extend(fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()));
        paths.sort();
        let look = |path: &std::path::PathBuf| {
            let metadata = fs::symlink_metadata(path).unwrap();
            (path.display().to_string(), metadata.ctime(), metadata.ctime_nsec(), metadata.mode())
        };
        paths.iter().map(look).collect()
    }

    fn assert_untouched(&self) {
        assert_eq!(Self::look(&self.at), self.before);
        assert_eq!(fs::read_to_string(self.at.join("canary")).unwrap(), "sings");
    }
}

#[test]
fn reserved_places_are_refused_whatever_a_plan_says() {
    let (scene, file, _) = scene();
    fs::create_dir_all(scene.at(".git/hooks")).unwrap();
    for name in [".git/hooks/post-checkout", ".GIT/config", ".git", "sub/.git ./x", ".lab-restore-1/0", "git~1"] {
        let error = scene.apply(&plan_of(vec![create(name, file.clone())])).unwrap_err();
        assert!(matches!(error, RestoreError::Reserved { .. }), "{name} {error:?}");
    }
    assert_eq!(scene.list(), [".git", ".git/hooks", "source"]);
    scene.assert_tidy();
}

#[test]
fn plans_that_contradict_themselves_are_refused() {
    let (scene, file, _) = scene();
    let special = EntryState { kind: Kind::Fifo, ..file.clone() };
    let twice = vec![create("a", file.clone()), create("a", file.clone())];
    let nothing = Step { after: None, ..create("a", file.clone()) };
    for steps in [vec![create("a", special)], twice, vec![nothing], vec![create("", file)]] {
        assert!(matches!(scene.apply(&plan_of(steps)), Err(RestoreError::Step { .. })));
    }
    assert_eq!(scene.list(), ["source"]);
}

#[test]
fn a_linked_parent_leads_nowhere() {
    let (scene, file, canary) = scene();
    symlink(&canary.at, scene.at("link")).unwrap();
    symlink("..", scene.at("up")).unwrap();
    fs::create_dir(scene.at("d")).unwrap();
    symlink(&canary.at, scene.at("d/link")).unwrap();
    let attempts =
        [("link/canary", "link"), ("link/new", "link"), ("up/outside/canary", "up"), ("d/link/deep/x", "d/link")];
    for (name, obstacle) in attempts {
        let replace = Step { action: Action::Replace, before: Some(file.clone()), ..create(name, file.clone()) };
        let remove = Step { action: Action::Remove, after: None, ..replace.clone() };
        let metadata = Step { action: Action::Metadata, ..replace.clone() };
        let directory = EntryState { kind: Kind::Directory, ..file.clone() };
        for step in [create(name, file.clone()), create(name, directory), replace, remove, metadata] {
            match scene.apply(&plan_of(vec![step])) {
                Err(RestoreError::NotDirectory { path }) => assert_eq!(path.to_string(), obstacle),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
    canary.assert_untouched();
    scene.assert_tidy();
}

#[test]
fn a_link_made_by_the_plan_itself_leads_nowhere() {
    let (scene, file, canary) = scene();
    let target = canary.at.to_str().unwrap().as_bytes().to_vec();
    let link = EntryState { kind: Kind::Symlink, target, ..file.clone() };
    // The same place as a link and as a parent; as if it were a directory by a second name; or in either order.
    let applied = scene.apply(&plan_of(vec![create("l", link.clone()), create("l/canary", file.clone())])).unwrap();
    assert_eq!(applied.left, [Left { path: path("l/canary"), reason: LeftReason::Parent }]);
    canary.assert_untouched();
    scene.assert_tidy();
    fs::remove_file(scene.at("l")).unwrap();
    let applied = scene.apply(&plan_of(vec![create("l/canary", file), create("l", link)])).unwrap();
    assert_eq!(applied.left.len(), 1);
    canary.assert_untouched();
}

#[test]
fn hard_links_are_never_written_through() {
    let (mut scene, _, _) = scene();
    scene.write("edit", "old").write("mode", "same").write("hashed", "big");
    let old = scene.snapshot();
    scene.write("edit", "present");
    let outside = scene.directory.path().join("outside");
    for name in ["edit", "mode", "hashed"] {
        fs::hard_link(scene.at(name), outside.join(name)).unwrap();
    }
    chmod(&scene.at("mode"), 0o600);
    chmod(&scene.at("hashed"), 0o600);
    let canary = |name: &str| {
        let metadata = fs::metadata(outside.join(name)).unwrap();
        (fs::read_to_string(outside.join(name)).unwrap(), metadata.mode(), metadata.mtime_nsec())
    };
    let before = ["edit", "mode", "hashed"].map(canary);
    let plan = scene.plan(old);
    let applied = scene.apply(&plan).unwrap();
    assert_eq!(["edit", "mode", "hashed"].map(canary), before);
    assert_eq!(applied.left, [Left { path: path("hashed"), reason: LeftReason::HardLinked }]);
    assert_eq!(scene.read("edit"), "old");
    assert_eq!(fs::metadata(scene.at("mode")).unwrap().mode() & 0o777, 0o644);
}

#[test]
fn foreign_mode_bits_are_left_out() {
    let (scene, mut file, _) = scene();
    file.mode = 0o6755;
    let directory = EntryState { kind: Kind::Directory, mode: 0o3777, ..file.clone() };
    let plan = plan_of(vec![create("d", directory), create("d/x", file)]);
    let (root, journal) = (scene.root(), scene.journal());
    let target = Target { root: &root, stage_name: ".lab-restore-9", journal: &journal, trusted: false };
    let mut content =
        |_: &lab_model::RelPath, state: &EntryState, writer: &mut dyn std::io::Write| scene.give(state, writer);
    apply(&target, &plan, &mut content, &mut |_, _| {}, &|| false).unwrap();
    let mode = |name: &str| fs::metadata(scene.at(name)).unwrap().mode() & 0o7777;
    assert_eq!((mode("d"), mode("d/x")), (0o777, 0o755));
}

#[test]
fn a_link_in_the_stages_place_is_not_followed() {
    let (scene, file, canary) = scene();
    symlink(&canary.at, scene.at(".lab-restore-1")).unwrap();
    assert!(matches!(scene.apply(&plan_of(vec![create("x", file.clone())])), Err(RestoreError::Io { .. })));
    canary.assert_untouched();
    assert_eq!(pending(&scene.journal()).unwrap(), None);
    fs::remove_file(scene.at(".lab-restore-1")).unwrap();
    scene.write(".lab-restore-1/0", "somebody's");
    assert!(matches!(scene.apply(&plan_of(vec![create("x", file)])), Err(RestoreError::Io { .. })));
    assert_eq!(scene.read(".lab-restore-1/0"), "somebody's");
    assert_eq!(pending(&scene.journal()).unwrap(), None);
}

#[test]
fn an_attacker_who_swaps_directories_and_links_gains_nothing() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let (scene, file, canary) = scene();
    fs::create_dir(scene.at("d")).unwrap();
    symlink(&canary.at, scene.at("link")).unwrap();
    let (root, is_over) = (scene.root(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            while !is_over.load(Ordering::Relaxed) {
                renameat_with(CWD, root.join("d"), CWD, root.join("link"), RenameFlags::EXCHANGE).unwrap();
            }
        });
        let directory = EntryState { kind: Kind::Directory, mode: 0o700, ..file.clone() };
        for round in 0..300 {
            let name = |end: &str| format!("d/{round}-{end}");
            let steps = vec![
                create(&name("dir"), directory.clone()),
                create(&name("dir/file"), file.clone()),
                create(&name("file"), file.clone()),
                Step {
                    action: Action::Remove,
                    before: Some(file.clone()),
                    after: None,
                    ..create("d/canary", file.clone())
                },
                Step { action: Action::Metadata, before: Some(directory.clone()), ..create("d", directory.clone()) },
            ];
            match scene.apply(&plan_of(steps)) {
                Ok(_) | Err(RestoreError::NotDirectory { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    canary.assert_untouched();
    scene.assert_tidy();
}

#[test]
fn deep_and_long() {
    let mut scene = Scene::new();
    let name = "n".repeat(12);
    let old = scene.snapshot();
    // 1,000 levels and 13,000 bytes: far more than one call takes.
    let mut at = rustix::fs::open(scene.root(), rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    let mut deep = lab_model::RelPath::root();
    let mut steps = Vec::new();
    let hash = lab_model::Hash::of(lab_model::Domain::Content, b"deep");
    scene.contents.insert(hash, b"deep".to_vec());
    let state = EntryState { size: 4, ..file(Content::Copied(hash)) };
    let directory = EntryState { kind: Kind::Directory, mode: 0o755, ..state.clone() };
    for _ in 0..1000 {
        deep = deep.join(name.as_bytes()).unwrap();
        steps.push(Step { path: deep.clone(), action: Action::Create, before: None, after: Some(directory.clone()) });
    }
    let leaf = deep.join(b"leaf").unwrap();
    steps.push(Step { path: leaf, action: Action::Create, before: None, after: Some(state) });
    let plan = plan_of(steps);
    assert_eq!(scene.apply(&plan).unwrap().left, []);
    for _ in 0..1000 {
        at = root::open_directory(std::os::fd::AsFd::as_fd(&at), name.as_bytes()).unwrap();
    }
    assert_eq!(Root::new(at).directory(b"").map(|fd| root::names(fd).unwrap()).unwrap(), [b"leaf"]);

    let seen = root::look_at(Root::open(&scene.root()).unwrap().directory(deep.as_bytes()).unwrap(), b"leaf")
        .unwrap()
        .unwrap();
    assert_eq!((seen.stat.mtime, seen.stat.mtime_nanos), (1, 0));
    let back = |step: &Step| Step { action: Action::Remove, before: step.after.clone(), after: None, ..step.clone() };
    let mut undo = plan_of(plan.steps.iter().map(back).collect());
    undo.root = Some(old.root);
    assert_eq!(scene.apply(&undo).unwrap().left, []);
    assert_eq!(scene.snapshot(), old);
    scene.assert_tidy();
}

use root::Root;

#[test]
fn names_of_full_length_and_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let mut scene = Scene::new();
    let empty = scene.snapshot();
    for name in [&[b'x'; 255][..], b"\xff\xfe\x01", b"new\nline", b"-rf", b" ", b"a\\b"] {
        let at = scene.root().join(std::ffi::OsStr::from_bytes(name));
        fs::write(&at, "old").unwrap();
    }
    let old = scene.snapshot();
    for target in [empty, old] {
        let plan = scene.plan(target);
        assert_eq!(scene.apply(&plan).unwrap().left, []);
        assert_eq!(scene.snapshot(), target);
    }
    // A conflict of the longest name has a name, too.
    let plan = {
        fs::write(scene.root().join("x".repeat(255)), "present").unwrap();
        scene.plan(old)
    };
    fs::write(scene.root().join("x".repeat(255)), "precious").unwrap();
    let applied = scene.apply(&plan).unwrap();
    let LeftReason::Changed { conflict: Some(conflict) } = &applied.left[0].reason else { panic!("{applied:?}") };
    assert_eq!(conflict.as_bytes().len(), 255);
}

#[test]
fn a_fifo_stays_a_fifo() {
    let mut scene = Scene::new();
    scene.write("pipe", "a file").write("dir/x", "x");
    let old = scene.snapshot();
    fs::remove_file(scene.at("pipe")).unwrap();
    fs::remove_dir_all(scene.at("dir")).unwrap();
    for name in ["pipe", "dir", "other"] {
        rustix::fs::mkfifoat(rustix::fs::CWD, scene.at(name), rustix::fs::Mode::RUSR).unwrap();
    }
    let present = scene.snapshot();
    let plan = scene.plan(old);
    assert_eq!(plan.steps, []);
    let kept: Vec<_> = plan.kept.iter().map(|kept| (kept.path.to_string(), kept.reason)).collect();
    let special = KeptReason::Special { kind: Kind::Fifo };
    assert_eq!(kept, ["dir", "other", "pipe"].map(|name| (name.to_owned(), special)));
    assert_eq!(plan.unrestorable.iter().map(|it| it.path.to_string()).collect::<Vec<_>>(), ["dir/x"]);
    scene.apply(&plan).unwrap();
    assert_eq!(scene.snapshot().tree, present.tree);
    // The other way round, no FIFO is made.
    for name in ["pipe", "dir", "other"] {
        fs::remove_file(scene.at(name)).unwrap();
    }
    let plan = scene.plan(present);
    assert_eq!((plan.steps.len(), plan.unrestorable.len()), (0, 3));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn links_to_canaries_at_every_level(
        first in changes(5..25),
        linked in prop::collection::vec(prop::sample::select(vec!["a", "b", "a/a", "a/b", "b/a", "out", "a/a/a"]), 1..5),
        hard in any::<bool>(),
    ) {
        let (mut scene, _, mut canary) = scene();
        make(&scene, &first);
        let old = scene.snapshot();
        let plan_before = scene.plan(old);
        prop_assert!(plan_before.is_empty());
        for name in linked {
            let at = scene.at(name);
            if at.parent().unwrap().canonicalize().is_ok_and(|parent| parent == at.parent().unwrap()) {
                make(&scene, &vec![(name.to_owned(), super::round_trip::Change::Remove)]);
                if hard {
                    fs::hard_link(canary.at.join("canary"), at).unwrap();
                } else {
                    symlink(&canary.at, at).unwrap();
                }
            }
        }
        // Making and removing a hard link changes the change time; content, mode and time must stand.
        canary.before = Canary::look(&canary.at);
        let modified = fs::metadata(canary.at.join("canary")).unwrap().modified().unwrap();
        let mode = fs::metadata(canary.at.join("canary")).unwrap().mode();
        let plan = scene.plan(old);
        prop_assert_eq!(scene.apply(&plan).unwrap().left, vec![]);
        prop_assert_eq!(scene.snapshot(), old);
        if !hard {
            canary.assert_untouched();
        }
        let metadata = fs::metadata(canary.at.join("canary")).unwrap();
        prop_assert_eq!((metadata.modified().unwrap(), metadata.mode()), (modified, mode));
        prop_assert_eq!(fs::read_to_string(canary.at.join("canary")).unwrap(), "sings");
    }
}
