use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use proptest::prelude::*;

use super::super::fault;
use super::super::*;
use super::round_trip::{Changes, changes, make};
use super::scene::*;

/// Does `work` and stops it, as a crash would, at its `at`th point; `None` when it stopped.
fn stop_at<T>(at: usize, work: impl FnOnce() -> T) -> Option<T> {
    let mut count = 0;
    let hook = move |_: &'static str| {
        if count == at {
            // No panic hook, and so no noise.
            resume_unwind(Box::new(()));
        }
        count += 1;
    };
    catch_unwind(AssertUnwindSafe(|| fault::with_hook(hook, work))).ok()
}

/// Every point that `work` comes to.
fn points<T>(work: impl FnOnce() -> T) -> Vec<&'static str> {
    let points = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = points.clone();
    fault::with_hook(move |name| seen.borrow_mut().push(name), work);
    points.take()
}

/// A scene with every kind of step, now in the newer of two states.
fn scene() -> (Scene, Snap, Snap) {
    let mut scene = Scene::new();
    scene.write("edit", "old").write("gone/deep/x", "x").write("kind/file", "f").write("other", "file");
    scene.write("locked/x", "old").write("touch", "same").write("to-link", "file").write("twin", "t");
    std::fs::hard_link(scene.at("twin"), scene.at("twin-2")).unwrap();
    std::os::unix::fs::symlink("edit", scene.at("link")).unwrap();
    std::fs::create_dir(scene.at("empty")).unwrap();
    for (name, mode) in [("locked", 0o555), ("touch", 0o755), ("gone", 0o700)] {
        chmod(&scene.at(name), mode);
    }
    for name in ["edit", "gone/deep/x", "gone/deep", "gone", "kind", "link", "locked", "empty", "touch"] {
        age(&scene.at(name), 5);
    }
    age(&scene.root(), 6);
    let old = scene.snapshot();

    chmod(&scene.at("locked"), 0o755);
    scene.write("edit", "newer").write("locked/x", "newer").write("added/deep/y", "y");
    for (name, is_directory) in [("gone", true), ("kind", true), ("other", false), ("to-link", false), ("link", false)]
    {
        let at = scene.at(name);
        if is_directory { std::fs::remove_dir_all(at).unwrap() } else { std::fs::remove_file(at).unwrap() }
    }
    scene.write("kind", "now a file").write("other/x", "now a directory");
    std::os::unix::fs::symlink("edit", scene.at("to-link")).unwrap();
    std::os::unix::fs::symlink("other", scene.at("link")).unwrap();
    chmod(&scene.at("touch"), 0o600);
    chmod(&scene.at("twin"), 0o600);
    chmod(&scene.at("locked"), 0o500);
    std::fs::remove_dir(scene.at("empty")).unwrap();
    chmod(&scene.root(), 0o500);
    let new = scene.snapshot();
    (scene, old, new)
}

#[test]
fn every_point_can_be_stopped_at_on_a_simple_file_system() {
    rename::tests::PLAIN_RENAME.set(true);
    let points = stop_everywhere();
    rename::tests::PLAIN_RENAME.set(false);
    assert!(points.contains(&"restore:linked") && !points.contains(&"restore:exchanged"));
}

#[test]
fn every_point_can_be_stopped_at() {
    let points = stop_everywhere();
    for name in ["begun", "staged-file", "staged", "taken", "exchanged", "applied", "slot-cleared", "done"] {
        assert!(points.contains(&format!("restore:{name}").as_str()), "{name}");
    }
}

fn stop_everywhere() -> Vec<&'static str> {
    let (mut scene, old, new) = scene();
    let plan = scene.plan(old);
    let points = points(|| scene.apply(&plan).unwrap());
    assert_eq!(scene.snapshot(), old);

    for (at, point) in points.iter().enumerate() {
        let (from, to) = if at % 2 == 0 { (old, new) } else { (new, old) };
        // Whatever the last round left.
        let plan = scene.plan(from);
        scene.apply(&plan).unwrap();
        assert_eq!(scene.snapshot(), from);

        let plan = scene.plan(to);
        let stopped = stop_at(at, || scene.apply(&plan).unwrap());
        if stopped.is_some() {
            // The way there has fewer points than the way back.
            continue;
        }
        finish(&mut scene, from, to, point);
    }
    points
}

/// After a crash: rolled back or finished, exactly, and tidy.
fn finish(scene: &mut Scene, from: Snap, to: Snap, point: &str) {
    let pending = pending(&scene.journal()).unwrap();
    let found = match (scene.resume().unwrap(), pending.map(|pending| pending.phase)) {
        (Resumed::Finished(applied), Some(Phase::Staged)) => {
            assert_eq!(applied.left, [], "{point}");
            to
        }
        (Resumed::RolledBack, Some(Phase::Staging)) => from,
        (Resumed::Nothing, None) => to,
        other => panic!("{point}: {other:?}"),
    };
    let present = scene.snapshot();
    assert_eq!(scene.differences(present, found), vec![], "{point}");
    assert_eq!(present, found, "{point}");
    scene.assert_tidy();
    assert_eq!(scene.resume().unwrap(), Resumed::Nothing);
}

#[test]
fn a_crash_while_resuming_is_no_worse() {
    let (mut scene, old, new) = scene();
    let plan = scene.plan(old);
    let count = points(|| scene.apply(&plan).unwrap()).len();
    for at in (0..count).step_by(3) {
        for again in [0, 1, 2, 5, 9, 14, 20, 30] {
            let present = scene.snapshot();
            let (from, to) = if present == old { (old, new) } else { (new, old) };
            let plan = scene.plan(to);
            if stop_at(at, || scene.apply(&plan).unwrap()).is_none() {
                let pending = pending(&scene.journal()).unwrap();
                if stop_at(again, || scene.resume().unwrap()).is_some() || scene.resume().unwrap() == Resumed::Nothing {
                    let is_new = pending.is_none_or(|pending| pending.phase == Phase::Staged);
                    assert_eq!(scene.snapshot(), if is_new { to } else { from });
                }
            }
            let found = scene.snapshot();
            assert!(found == from || found == to, "{at} {again}");
            scene.assert_tidy();
        }
    }
}

#[test]
fn work_done_between_crash_and_resume_is_not_lost() {
    let (mut scene, old, new) = scene();
    // There and back first: afterwards the twins are no longer one file, and all ways have the same points.
    for target in [old, new] {
        let plan = scene.plan(target);
        scene.apply(&plan).unwrap();
    }
    let plan = scene.plan(old);
    let points = points(|| scene.apply(&plan).unwrap());
    let staged = points.iter().position(|name| *name == "restore:staged").unwrap();
    for (at, point) in points.iter().enumerate().skip(staged) {
        let back = scene.plan(new);
        scene.apply(&back).unwrap();
        assert_eq!(scene.snapshot(), new);
        let plan = scene.plan(old);
        assert!(stop_at(at, || scene.apply(&plan).unwrap()).is_none(), "{at}");
        chmod(&scene.root(), 0o755);
        chmod(&scene.at("locked"), 0o755);
        // Saved the way editors do: a new file takes the name.
        for name in ["edit", "locked/x", "touch"] {
            scene.write(&format!("{name}~"), "precious");
            std::fs::rename(scene.at(&format!("{name}~")), scene.at(name)).unwrap();
        }
        scene.resume().unwrap();
        for name in ["edit", "locked/x", "touch"] {
            assert_eq!(scene.read(name), "precious", "{name} at {point}");
        }
        scene.assert_tidy();
        chmod(&scene.root(), 0o755);
        chmod(&scene.at("locked"), 0o755);
        for name in scene.list().into_iter().filter(|name| name.contains("lab-conflict")) {
            std::fs::remove_file(scene.at(&name)).unwrap();
        }
    }
}

#[test]
fn resuming_elsewhere_is_refused() {
    let (mut scene, old, _) = scene();
    let plan = scene.plan(old);
    assert!(stop_at(5, || scene.apply(&plan).unwrap()).is_none());
    let other = tempfile::tempdir().unwrap();
    assert!(matches!(resume(other.path(), &scene.journal()), Err(RestoreError::OtherRoot { .. })));
    assert!(matches!(scene.apply(&plan), Err(RestoreError::Unfinished { .. })));
    // The project may have moved.
    let moved = scene.directory.path().join("moved");
    std::fs::rename(scene.root(), &moved).unwrap();
    assert_ne!(resume(&moved, &scene.journal()).unwrap(), Resumed::Nothing);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn old_or_new_or_finished(first in changes(1..25), second in changes(1..25), at in 0usize..80, again in 0usize..60) {
        old_or_new(&first, &second, at, again);
    }
}

fn old_or_new(first: &Changes, second: &Changes, at: usize, again: usize) {
    let mut scene = Scene::new();
    make(&scene, first);
    let old = scene.snapshot();
    make(&scene, second);
    let new = scene.snapshot();
    let plan = scene.plan(old);
    let done = stop_at(at, || scene.apply(&plan).unwrap()).is_some();
    let phase = pending(&scene.journal()).unwrap().map(|pending| pending.phase);
    if stop_at(again, || scene.resume().unwrap()).is_none() {
        scene.resume().unwrap();
    }
    let expected = if done || phase != Some(Phase::Staging) { old } else { new };
    let found = scene.snapshot();
    assert_eq!(scene.differences(found, expected), vec![]);
    assert_eq!(found, expected);
    scene.assert_tidy();
}
