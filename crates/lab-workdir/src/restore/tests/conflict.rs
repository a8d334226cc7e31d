//! Somebody works in the tree while it is being restored.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

use super::super::fault;
use super::super::*;
use super::scene::*;

/// A scene in which `old` is wanted back and `edit` was changed, `new` added, `gone` removed, `d` made a file.
fn scene() -> (Scene, Snap) {
    let mut scene = Scene::new();
    scene.write("edit", "old").write("gone", "old").write("d/x", "old").write("f", "old").write("meta", "same");
    let old = scene.snapshot();
    scene.write("edit", "present").write("new", "present").write("later/x", "present");
    fs::remove_file(scene.at("gone")).unwrap();
    fs::remove_file(scene.at("f")).unwrap();
    fs::remove_dir_all(scene.at("d")).unwrap();
    scene.write("d", "present").write("f/x", "present");
    chmod(&scene.at("meta"), 0o600);
    (scene, old)
}

/// Restores `old` with `work` done at the first time that `point` is reached.
fn disturbed(scene: &mut Scene, old: Snap, point: &'static str, work: impl FnOnce() + 'static) -> Applied {
    let plan = scene.plan(old);
    let mut work = Some(work);
    let hook = move |name: &'static str| {
        if name == point
            && let Some(work) = work.take()
        {
            work();
        }
    };
    let applied = fault::with_hook(hook, || scene.apply(&plan)).unwrap();
    scene.assert_tidy();
    applied
}

fn left(applied: &Applied) -> Vec<(String, LeftReason)> {
    applied.left.iter().map(|left| (left.path.to_string(), left.reason.clone())).collect()
}

fn changed(conflict: Option<&str>) -> LeftReason {
    LeftReason::Changed { conflict: conflict.map(path) }
}

#[test]
fn an_edit_after_the_snapshot_stays() {
    for point in ["restore:begun", "restore:stage-made", "restore:synced", "restore:staged"] {
        let (mut scene, old) = scene();
        let at = scene.at("edit");
        let applied = disturbed(&mut scene, old, point, move || fs::write(at, "precious").unwrap());
        assert_eq!(left(&applied), [("edit".to_owned(), changed(Some("edit.lab-conflict")))], "{point}");
        assert_eq!((scene.read("edit").as_str(), scene.read("edit.lab-conflict").as_str()), ("precious", "old"));
        assert_eq!(scene.read("gone"), "old");
        assert!(!applied.changed.contains(&path("edit")));
    }
}

#[test]
fn an_edit_that_hides_behind_size_and_time_stays() {
    let (mut scene, old) = scene();
    let at = scene.at("edit");
    let applied = disturbed(&mut scene, old, "restore:staged", move || {
        let metadata = fs::metadata(&at).unwrap();
        fs::write(&at, "PRESENT").unwrap();
        let times = root::times(metadata.mtime(), metadata.mtime_nsec() as u32);
        rustix::fs::utimensat(rustix::fs::CWD, &at, &times, rustix::fs::AtFlags::empty()).unwrap();
    });
    assert_eq!(left(&applied), [("edit".to_owned(), changed(Some("edit.lab-conflict")))]);
    assert_eq!(scene.read("edit"), "PRESENT");
}

#[test]
fn a_rename_over_and_a_taken_name_stay() {
    let (mut scene, old) = scene();
    let root = scene.root();
    scene.write("edit.lab-conflict", "from an earlier time");
    let old = {
        // The earlier conflict is part of both states.
        let mut expected = old;
        fs::rename(scene.at("edit"), scene.at("ignored")).unwrap();
        scene.write("edit", "old");
        expected.tree = scene.snapshot().tree;
        fs::rename(scene.at("ignored"), scene.at("edit")).unwrap();
        expected
    };
    scene.write("gone2", "x");
    let applied = disturbed(&mut scene, old, "restore:staged", move || {
        fs::write(root.join("edit~"), "precious").unwrap();
        fs::rename(root.join("edit~"), root.join("edit")).unwrap();
    });
    assert_eq!(left(&applied), [("edit".to_owned(), changed(Some("edit.lab-conflict-2")))]);
    assert_eq!(scene.read("edit"), "precious");
    assert_eq!(scene.read("edit.lab-conflict"), "from an earlier time");
    assert_eq!(scene.read("edit.lab-conflict-2"), "old");
}

#[test]
fn what_appeared_meanwhile_stays() {
    let (mut scene, old) = scene();
    let root = scene.root();
    let applied = disturbed(&mut scene, old, "restore:staged", move || {
        // Where a file is to be created, where one is to be removed, in a directory that is to go, and where a
        // directory is to become a file.
        fs::write(root.join("gone"), "precious").unwrap();
        fs::write(root.join("new"), "precious").unwrap();
        fs::write(root.join("later/y"), "precious").unwrap();
        fs::write(root.join("f/y"), "precious").unwrap();
        fs::write(root.join("meta"), "precious").unwrap();
    });
    let mut found = left(&applied);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        found,
        [
            ("f".to_owned(), LeftReason::NotEmpty { conflict: Some(path("f.lab-conflict")) }),
            ("gone".to_owned(), changed(Some("gone.lab-conflict"))),
            ("later".to_owned(), LeftReason::NotEmpty { conflict: None }),
            ("meta".to_owned(), changed(None)),
            ("new".to_owned(), changed(None)),
        ]
    );
    for name in ["gone", "new", "later/y", "f/y", "meta"] {
        assert_eq!(scene.read(name), "precious", "{name}");
    }
    assert_eq!(scene.read("d/x"), "old");
}

#[test]
fn what_vanished_meanwhile_is_no_obstacle() {
    let (mut scene, old) = scene();
    let root = scene.root();
    let applied = disturbed(&mut scene, old, "restore:staged", move || {
        for name in ["edit", "new", "d"] {
            fs::remove_file(root.join(name)).unwrap();
        }
        fs::remove_dir_all(root.join("later")).unwrap();
    });
    assert_eq!(left(&applied), []);
    let found = scene.snapshot();
    assert_eq!(found, old);
}

#[test]
fn writing_on_into_a_replaced_file_is_noticed() {
    let (mut scene, old) = scene();
    // A program holds the file open and writes after it was replaced, or taken away.
    let mut edit = fs::File::options().append(true).open(scene.at("edit")).unwrap();
    let mut new = fs::File::options().append(true).open(scene.at("new")).unwrap();
    let applied = disturbed(&mut scene, old, "restore:applied", move || {
        edit.write_all(b" and more").unwrap();
        new.write_all(b" and more").unwrap();
    });
    let mut found = left(&applied);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        found,
        [
            ("edit".to_owned(), changed(Some("edit.lab-conflict"))),
            ("new".to_owned(), changed(Some("new.lab-conflict"))),
        ]
    );
    assert_eq!(scene.read("edit"), "old");
    assert_eq!(scene.read("edit.lab-conflict"), "present and more");
    assert_eq!(scene.read("new.lab-conflict"), "present and more");
}

#[test]
fn a_save_in_the_moment_of_the_swap_is_swapped_back() {
    let (mut scene, old) = scene();
    let mut edit = fs::File::options().append(true).open(scene.at("edit")).unwrap();
    let applied = disturbed(&mut scene, old, "restore:exchanged", move || edit.write_all(b" and more").unwrap());
    assert_eq!(left(&applied), [("edit".to_owned(), changed(Some("edit.lab-conflict")))]);
    assert_eq!(scene.read("edit"), "present and more");
    assert_eq!(scene.read("edit.lab-conflict"), "old");
}

#[test]
fn a_parent_that_moves_away_takes_nothing_along() {
    let (mut scene, old) = scene();
    let outside = tempfile::tempdir_in(scene.directory.path()).unwrap();
    fs::write(outside.path().join("x"), "present").unwrap();
    scene.write("later/x", "present").write("s/x", "old");
    let with = {
        let snap = scene.snapshot();
        scene.write("s/x", "present");
        snap
    };
    let _ = old;
    let (root, place) = (scene.root(), outside.path().to_owned());
    let applied = disturbed(&mut scene, with, "restore:staged", move || {
        fs::rename(root.join("s"), root.join("ignored-s")).unwrap();
        std::os::unix::fs::symlink(place, root.join("s")).unwrap();
    });
    assert_eq!(left(&applied), [("s/x".to_owned(), LeftReason::Parent)]);
    assert_eq!(fs::read_to_string(outside.path().join("x")).unwrap(), "present");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_failure_while_staging_leaves_everything() {
    let (mut scene, old) = scene();
    let before = scene.snapshot();
    let plan = scene.plan(old);
    for at in 0..3 {
        let mut count = 0;
        let mut fail = |_: &lab_model::RelPath, writer: &mut dyn Write| {
            count += 1;
            writer.write_all(b"part")?;
            if count > at { Err(std::io::Error::from_raw_os_error(28).into()) } else { Ok(()) }
        };
        let error = scene.apply_with(&plan, &mut fail, &|| false).unwrap_err();
        assert!(matches!(error, RestoreError::Content { source: ContentError::Write(_), .. }), "{error:?}");
        assert_eq!(scene.snapshot(), before);
        scene.assert_tidy();
    }
    let missing = &mut |_: &lab_model::RelPath, _: &mut dyn Write| Err(ContentError::Notebook("damaged".into()));
    let error = scene.apply_with(&plan, missing, &|| false).unwrap_err();
    assert!(matches!(error, RestoreError::Content { source: ContentError::Notebook(_), .. }), "{error:?}");
    assert_eq!(scene.snapshot(), before);

    for limit in 0..6 {
        let asked = std::cell::Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > limit
        };
        let error = scene.apply_with(&plan, &mut |_, _| Ok(()), &stop).unwrap_err();
        assert!(matches!(error, RestoreError::Stopped), "{error:?}");
        assert_eq!(scene.snapshot(), before);
        scene.assert_tidy();
    }
    assert_eq!(scene.apply(&plan).unwrap().left, []);
}

#[test]
fn a_full_disk_is_told_before() {
    let (mut scene, old) = scene();
    let mut plan = scene.plan(old);
    let before = scene.snapshot();
    let step = plan.steps.iter_mut().find(|step| step.action == Action::Create).unwrap();
    step.after.as_mut().unwrap().size = 1 << 60;
    assert!(matches!(scene.apply(&plan), Err(RestoreError::NoSpace { .. })));
    assert_eq!(scene.snapshot(), before);
    scene.assert_tidy();
}
