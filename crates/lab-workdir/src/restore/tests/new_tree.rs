use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use lab_model::{Entry, RelPath};
use proptest::prelude::*;

use super::super::fault;
use super::super::*;
use super::round_trip::{changes, make};
use super::scene::*;

/// Writes `entries` to `to`, with `before_content` called before each file.
fn write_with(
    scene: &Scene,
    snap: Snap,
    entries: Vec<(RelPath, Entry)>,
    to: &Path,
    before_content: &mut dyn FnMut(&RelPath) -> std::result::Result<(), ContentError>,
) -> Result<Written> {
    let destination = Destination {
        path: to,
        stage_name: ".lab-restore-7",
        root: Some(snap.root),
        trusted: true,
        total_bytes: 1 << 40,
    };
    let mut content = |path: &RelPath, state: &EntryState, writer: &mut dyn Write| {
        before_content(path)?;
        scene.give(state, writer)
    };
    write_new(&destination, &mut entries.into_iter(), &mut content, &mut |_, _| {}, &|| false)
}

fn write(scene: &Scene, snap: Snap, to: &Path) -> Result<Written> {
    write_with(scene, snap, scene.entries(snap), to, &mut |_| Ok(()))
}

/// Nothing of an attempt lies beside.
fn assert_nothing(to: &Path) {
    assert!(fs::symlink_metadata(to).is_err());
    let names: Vec<_> = fs::read_dir(to.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(STAGE_PREFIX)), "{names:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_tree_elsewhere(changes in changes(0..40), exists in any::<bool>()) {
        let mut scene = Scene::new();
        make(&scene, &changes);
        chmod(&scene.root(), 0o2750);
        age(&scene.root(), 3);
        let snap = scene.snapshot();
        let original = scene.directory.path().join("original");
        fs::rename(scene.root(), &original).unwrap();
        let to = scene.root();
        if exists {
            fs::create_dir(&to).unwrap();
        }
        let written = write(&scene, snap, &to).unwrap();
        prop_assert_eq!(scene.snapshot(), snap);
        prop_assert_eq!(written.files + written.directories + written.symlinks, scene.entries(snap).len() as u64);
        scene.assert_tidy();
    }
}

#[test]
fn what_is_there_is_never_touched() {
    let mut scene = Scene::new();
    scene.write("a", "x");
    let snap = scene.snapshot();
    let to = scene.directory.path().join("to");
    let refused = |scene: &Scene| {
        assert!(matches!(write(scene, snap, &to), Err(RestoreError::DestinationExists { .. })));
    };
    fs::write(&to, "precious").unwrap();
    refused(&scene);
    assert_eq!(fs::read_to_string(&to).unwrap(), "precious");
    fs::remove_file(&to).unwrap();
    symlink("nowhere", &to).unwrap();
    refused(&scene);
    fs::remove_file(&to).unwrap();
    fs::create_dir(&to).unwrap();
    fs::write(to.join("x"), "precious").unwrap();
    refused(&scene);
    fs::remove_file(to.join("x")).unwrap();

    // Something comes there while the tree is written: into the empty directory, or where nothing was.
    let place = to.clone();
    let hook = move |name: &'static str| {
        if name == "restore:synced" {
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("x"), "precious").unwrap();
        }
    };
    fault::with_hook(hook.clone(), || refused(&scene));
    assert_eq!(fs::read_to_string(to.join("x")).unwrap(), "precious");
    fs::remove_dir_all(&to).unwrap();
    fault::with_hook(hook, || refused(&scene));
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    fs::remove_dir_all(&to).unwrap();
    assert_nothing(&to);
    assert!(write(&scene, snap, Path::new("/")).is_err());
    // Missing parents are made.
    write(&scene, snap, &to.join("b/c")).unwrap();
    assert_eq!(fs::read_to_string(to.join("b/c/a")).unwrap(), "x");
}

#[test]
fn what_cannot_be_restored_is_named() {
    let mut scene = Scene::new();
    scene.write("a", "x").write("hashed", "y").write("d/damaged", "z").write("d/fine", "z");
    rustix::fs::mkfifoat(rustix::fs::CWD, scene.at("pipe"), rustix::fs::Mode::RUSR).unwrap();
    let snap = scene.snapshot();
    let mut entries = scene.entries(snap);
    for name in [".git", ".git/x", "d/.GIT"] {
        let of = if name.ends_with('x') { "a" } else { "d" };
        let entry = entries.iter().find(|(path, _)| path.to_string() == of).unwrap().1.clone();
        entries.push((path(name), entry));
    }
    let to = scene.directory.path().join("to");
    let mut damage = |path: &RelPath| match path.file_name() {
        b"damaged" => Err(ContentError::Notebook("wrong hash".into())),
        _ => Ok(()),
    };
    let written = write_with(&scene, snap, entries, &to, &mut damage).unwrap();
    let mut lost: Vec<_> = written.unrestorable.iter().map(|it| (it.path.to_string(), it.reason.clone())).collect();
    lost.sort_by(|a, b| a.0.cmp(&b.0));
    let reserved = || UnrestorableReason::Reserved;
    assert_eq!(
        lost,
        [
            (".git".to_owned(), reserved()),
            (".git/x".to_owned(), reserved()),
            ("d/.GIT".to_owned(), reserved()),
            ("d/damaged".to_owned(), UnrestorableReason::Damaged { error: "wrong hash".to_owned() }),
            ("hashed".to_owned(), UnrestorableReason::Hashed),
            ("pipe".to_owned(), UnrestorableReason::Special { kind: lab_model::Kind::Fifo }),
        ]
    );
    let names = |at: &Path| {
        let mut names: Vec<_> = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!((names(&to), names(&to.join("d"))), (vec!["a".into(), "d".into()], vec!["fine".into()]));
}

#[test]
fn wholly_or_not_at_all() {
    let mut scene = Scene::new();
    scene.write("a", "x").write("d/b", "y").write("d/e/c", "z");
    chmod(&scene.at("d"), 0o500);
    let snap = scene.snapshot();
    let to = scene.directory.path().join("to");
    for at in 0..3 {
        let mut count = 0;
        let mut full = |_: &RelPath| {
            count += 1;
            if count > at { Err(std::io::Error::from_raw_os_error(28).into()) } else { Ok(()) }
        };
        let error = write_with(&scene, snap, scene.entries(snap), &to, &mut full).unwrap_err();
        assert!(matches!(error, RestoreError::Content { .. }));
        assert_nothing(&to);
    }
    let destination =
        Destination { path: &to, stage_name: ".lab-restore-7", root: None, trusted: true, total_bytes: 3 };
    for limit in 0..8 {
        let asked = std::cell::Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > limit
        };
        let mut content = |_: &RelPath, state: &EntryState, writer: &mut dyn Write| scene.give(state, writer);
        let stopped =
            write_new(&destination, &mut scene.entries(snap).into_iter(), &mut content, &mut |_, _| {}, &stop);
        assert!(matches!(stopped, Err(RestoreError::Stopped)), "{limit} {stopped:?}");
        assert_nothing(&to);
    }
}

#[test]
fn entries_below_what_is_no_directory() {
    let mut scene = Scene::new();
    scene.write("a", "x").write("d/b", "y");
    symlink("/", scene.at("l")).unwrap();
    let outside = scene.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::remove_file(scene.at("l")).unwrap();
    symlink(&outside, scene.at("l")).unwrap();
    let snap = scene.snapshot();
    let to = scene.directory.path().join("to");
    for name in ["a/x", "l/x", "nowhere/x", "d/b/c/x"] {
        for source in ["a", "d", "l"] {
            let mut entries = scene.entries(snap);
            let entry = entries.iter().find(|(path, _)| path.to_string() == source).unwrap().1.clone();
            entries.push((path(name), entry));
            let error = write_with(&scene, snap, entries, &to, &mut |_| Ok(())).unwrap_err();
            assert!(matches!(error, RestoreError::NotDirectory { .. }), "{name} {error:?}");
            assert_nothing(&to);
        }
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    let mut twice = scene.entries(snap);
    twice.extend(scene.entries(snap));
    assert!(write_with(&scene, snap, twice, &to, &mut |_| Ok(())).is_err());
    assert_nothing(&to);
}

#[test]
fn holes_stay_holes() {
    let mut scene = Scene::on_disk();
    let size = 3 << 20;
    let mut bytes = vec![0u8; size];
    bytes[1_000_000..1_000_100].fill(7);
    bytes[2_000_000] = 1;
    let file = fs::File::create(scene.at("sparse")).unwrap();
    file.set_len(size as u64).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes[1_000_000..1_000_100], 1_000_000).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[1], 2_000_000).unwrap();
    drop(file);
    let snap = scene.snapshot();
    assert!(scene.entries(snap)[0].1.sparse, "the file system of temporary files knows holes");
    let to = scene.directory.path().join("to");
    write(&scene, snap, &to).unwrap();
    assert_eq!(fs::read(to.join("sparse")).unwrap(), bytes);
    assert!(fs::metadata(to.join("sparse")).unwrap().blocks() * 512 < 100_000);

    scene.write("sparse", "dense now");
    let plan = scene.plan(snap);
    scene.apply(&plan).unwrap();
    assert_eq!(fs::read(scene.at("sparse")).unwrap(), bytes);
    assert!(fs::metadata(scene.at("sparse")).unwrap().blocks() * 512 < 100_000);
    assert_eq!(scene.snapshot(), snap);
}

#[test]
fn a_deep_stage_can_be_removed() {
    let scene = Scene::new();
    let directory = scene.root();
    let top = root::Root::open(&directory).unwrap();
    let mut at = root::make_directory(top.fd(), b".lab-restore-1").unwrap();
    for level in 0..1500 {
        let fd = std::os::fd::AsFd::as_fd(&at);
        drop(rustix::fs::openat(fd, "file", rustix::fs::OFlags::CREATE, rustix::fs::Mode::empty()).unwrap());
        symlink(&directory, directory.join(format!("link-{level}"))).unwrap();
        rustix::fs::mkdirat(fd, ".moved-1", rustix::fs::Mode::RWXU).unwrap();
        at = root::make_directory(fd, "long-name".repeat(20).as_bytes()).unwrap();
    }
    root::remove_directory(top.fd(), b".lab-restore-1").unwrap();
    assert_eq!(root::names(top.fd()).unwrap().len(), 1500);
    root::remove_directory(top.fd(), b".lab-restore-1").unwrap();
}
