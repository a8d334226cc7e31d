//! Restore, undo and gc killed: the tree is old or new or finished by the next call; undo is exact.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::world::{Dice, World, count, kill, tree, wait_for};

/// A project with two states that differ in every way, kept as the runs `old` and `new`.
fn two_states() -> (World, BTreeMap<PathBuf, String>, BTreeMap<PathBuf, String>) {
    let world = World::new();
    std::fs::create_dir_all(world.project.join("empty")).unwrap();
    std::os::unix::fs::symlink("train.py", world.project.join("link")).unwrap();
    std::fs::create_dir_all(world.project.join("becomes_file")).unwrap();
    world.write("becomes_file/x.py", "x = 1\n");
    world.write("becomes_directory.py", "y = 1\n");
    world.ok(&["run", "--name", "old", "--", "true"]);
    let old = tree(&world.project);
    for number in 0..20 {
        world.write(&format!("src/module{number}.py"), &format!("changed {number}\n").repeat(300));
    }
    std::fs::remove_file(world.project.join("src/module3.py")).unwrap();
    std::fs::remove_file(world.project.join("link")).unwrap();
    std::os::unix::fs::symlink("config.yaml", world.project.join("link")).unwrap();
    std::fs::remove_dir_all(world.project.join("becomes_file")).unwrap();
    world.write("becomes_file", "now a file\n");
    std::fs::remove_file(world.project.join("becomes_directory.py")).unwrap();
    std::fs::create_dir_all(world.project.join("becomes_directory.py")).unwrap();
    world.write("becomes_directory.py/z.py", "z = 1\n");
    std::fs::remove_dir(world.project.join("empty")).unwrap();
    world.write("fresh.py", "fresh\n");
    world.ok(&["run", "--name", "new", "--", "true"]);
    let new = tree(&world.project);
    (world, old, new)
}

fn without_stage(mut tree: BTreeMap<PathBuf, String>) -> BTreeMap<PathBuf, String> {
    tree.retain(|path, _| !path.to_string_lossy().starts_with(".lab-restore-"));
    tree
}

/// Brings an interrupted restore to its end and checks that it is one of the two states.
#[track_caller]
fn settle(world: &World, old: &BTreeMap<PathBuf, String>, new: &BTreeMap<PathBuf, String>) {
    let present = without_stage(tree(&world.project));
    for (path, what) in &present {
        assert!(
            old.get(path) == Some(what) || new.get(path) == Some(what) || what.starts_with("directory"),
            "{} is neither old nor new: {what}",
            path.display()
        );
    }
    world.ok(&["restore", "old", "--yes"]);
    assert_eq!(tree(&world.project), *old);
    world.ok(&["restore", "new", "--yes"]);
    assert_eq!(tree(&world.project), *new);
}

#[test]
fn restore_and_undo_killed_at_random_moments() {
    let (world, old, new) = two_states();
    let mut dice = Dice::new(4);
    let times = count(25, 600);
    for round in 0..times {
        let args: &[&str] = match dice.roll(3) {
            0 => &["undo", "--yes"],
            1 => &["redo", "--yes"],
            _ => &["restore", "old", "--yes"],
        };
        let mut lab = world.lab(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = Instant::now() + Duration::from_micros(dice.roll(30_000));
        wait_for("the moment", || Instant::now() >= moment);
        kill(lab.id());
        lab.wait().unwrap();
        settle(&world, &old, &new);
        if round % 25 == 24 || round + 1 == times {
            world.verify();
        }
    }
    println!("{times} kills of restore, undo and redo");
}

#[test]
fn restore_killed_at_every_step() {
    let (world, old, new) = two_states();
    let points = [
        "restore:begun",
        "restore:stage-made",
        "restore:staged-file",
        "restore:synced",
        "restore:staged",
        "restore:step",
        "restore:taken",
        "restore:exchanged",
        "restore:placed",
        "restore:directory",
        "restore:applied",
        "restore:slot-cleared",
        "restore:stage-removed",
        "restore:done",
        "pack-written",
        "pack-synced",
        "index-begun",
        "index-committed",
    ];
    for point in points {
        for skip in [0, 1, 5] {
            let mut lab = world.lab(&["restore", "old", "--yes"]);
            lab.env("LAB_FAULT", format!("{point}:{skip}")).output().unwrap();
            settle(&world, &old, &new);
        }
        world.verify();
    }
}

#[test]
fn undo_and_redo_are_exact() {
    let (world, old, new) = two_states();
    for _ in 0..3 {
        world.ok(&["restore", "old", "--yes"]);
        assert_eq!(tree(&world.project), old);
        for _ in 0..3 {
            world.ok(&["undo", "--yes"]);
            assert_eq!(tree(&world.project), new);
            world.ok(&["redo", "--yes"]);
            assert_eq!(tree(&world.project), old);
        }
        world.ok(&["undo", "--yes"]);
        assert_eq!(tree(&world.project), new);
    }
}

#[test]
fn gc_killed_at_every_step_and_at_random() {
    let points: Vec<_> = lab_store::fault::POINTS.iter().filter(|point| point.starts_with("gc")).collect();
    let mut dice = Dice::new(5);
    let random = count(10, 100);
    for round in 0..points.len() + random {
        let (world, old, new) = two_states();
        for number in 0..6 {
            world.write("big.bin", &format!("{number} ").repeat(40_000));
            world.ok(&["run", "--name", &format!("gone{number}"), "--", "true"]);
            world.ok(&["rm", &format!("gone{number}"), "--yes"]);
        }
        std::fs::remove_file(world.project.join("big.bin")).unwrap();
        let mut lab = world.lab(&["gc", "--grace", "0"]);
        match points.get(round) {
            Some(point) => {
                lab.env("LAB_FAULT", format!("{point}:0")).output().unwrap();
            }
            None => {
                let mut lab = lab.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                let moment = Instant::now() + Duration::from_micros(dice.roll(40_000));
                wait_for("the moment", || Instant::now() >= moment);
                kill(lab.id());
                lab.wait().unwrap();
            }
        }
        world.verify();
        settle(&world, &old, &new);
        world.ok(&["gc", "--grace", "0"]);
        world.verify();
        settle(&world, &old, &new);
    }
}
