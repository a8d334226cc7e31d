//! A full disk and a read-only notebook: a clear error, and the command runs all the same.

use std::path::Path;
use std::process::Command;

use crate::world::{Dice, World};

/// A small file system of its own; `None` where this user cannot mount one.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(path: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let options = format!("size={size},mode=700");
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "lab-test"]).arg(path).output().ok()?.status;
        status.success().then_some(Self(path))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0).status().unwrap().success());
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_the_command_running() {
    let mut world = World::new();
    let mount = world.base().join("small");
    let Some(_small) = Small::mount(&mount, "1m") else {
        println!("skipped: mounting a small file system is not allowed here");
        return;
    };
    world.notebook = mount.join("notebook");
    world.ok(&["run", "--name", "fits", "--", "true"]);
    let mut dice = Dice::new(6);
    let noise: Vec<u8> = (0..2 << 20).map(|_| dice.roll(256) as u8).collect();
    std::fs::write(world.project.join("large.bin"), noise).unwrap();
    let output = world.output(&["run", "--", "sh", "-c", "echo it ran; exit 3"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "it ran\n");
    assert!(error.contains("not kept") && error.to_lowercase().contains("no space"), "{error}");
    world.verify();
    assert!(world.ok(&["ls"]).contains("fits"));
    let copy = world.base().join("copy");
    world.ok(&["restore", "fits", "--to", copy.to_str().unwrap()]);
    assert!(copy.join("train.py").exists());
}

#[test]
fn a_read_only_notebook_is_read_and_leaves_the_command_running() {
    let mut world = World::new();
    let mount = world.base().join("readonly");
    let Some(small) = Small::mount(&mount, "16m") else {
        println!("skipped: mounting a small file system is not allowed here");
        return;
    };
    world.notebook = mount.join("notebook");
    world.ok(&["run", "--name", "before", "--", "true"]);
    small.remount("ro");
    let output = world.output(&["run", "--", "sh", "-c", "echo it ran; exit 4"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("not kept") && error.to_lowercase().contains("read-only"), "{error}");
    assert!(world.ok(&["ls"]).contains("before"));
    assert!(world.ok(&["show", "before"]).contains("before"));
    world.verify();
    let copy = world.base().join("copy");
    world.ok(&["restore", "before", "--to", copy.to_str().unwrap()]);
    let output = world.output(&["tag", "before", "x"]);
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
}
