use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::scene::*;

/// One change to a tree.
#[derive(Clone, Debug)]
pub enum Change {
    File { content: u8, mode: u32, age: i64 },
    Link { target: u8, age: i64 },
    Directory { mode: u32, age: i64 },
    Metadata { mode: u32, age: i64 },
    HardLink { to: u8 },
    Remove,
}

pub type Changes = Vec<(String, Change)>;

/// Names that meet often, so that kinds change and directories fill and empty.
fn names() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "a-b", "out", "\u{e9}"]);
    prop::collection::vec(name, 1..4).prop_map(|parts| parts.join("/"))
}

fn change() -> impl Strategy<Value = Change> {
    let file_mode = prop::sample::select(vec![0o644, 0o600, 0o755, 0o444, 0o400, 0o4755, 0o666]);
    let directory_mode = prop::sample::select(vec![0o755, 0o700, 0o555, 0o500, 0o777, 0o2755, 0o1777]);
    prop_oneof![
        6 => (0u8..6, file_mode.clone(), 0i64..9).prop_map(|(content, mode, age)| Change::File { content, mode, age }),
        2 => (0u8..4, 0i64..9).prop_map(|(target, age)| Change::Link { target, age }),
        3 => (directory_mode, 0i64..9).prop_map(|(mode, age)| Change::Directory { mode, age }),
        2 => (file_mode, 0i64..9).prop_map(|(mode, age)| Change::Metadata { mode, age }),
        1 => (0u8..3).prop_map(|to| Change::HardLink { to }),
        3 => Just(Change::Remove),
    ]
}

pub fn changes(count: std::ops::Range<usize>) -> impl Strategy<Value = Changes> {
    prop::collection::vec((names(), change()), count)
}

fn remove(at: &Path) {
    match fs::symlink_metadata(at) {
        Ok(metadata) if metadata.is_dir() => {
            unlock(at);
            fs::remove_dir_all(at).unwrap();
        }
        Ok(_) => fs::remove_file(at).unwrap(),
        Err(_) => {}
    }
}

fn unlock(directory: &Path) {
    chmod(directory, 0o755);
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            unlock(&entry.path());
        }
    }
}

/// Does each change; what stands in the way of a parent goes.
pub fn make(scene: &Scene, changes: &Changes) {
    for (name, change) in changes {
        let at = scene.at(name);
        let mut parent = scene.root();
        for part in Path::new(name).parent().unwrap() {
            parent.push(part);
            if !fs::symlink_metadata(&parent).is_ok_and(|metadata| metadata.is_dir()) {
                remove(&parent);
                fs::create_dir(&parent).unwrap();
            }
            chmod(&parent, 0o755);
        }
        let is = |test: fn(&fs::Metadata) -> bool| fs::symlink_metadata(&at).is_ok_and(|metadata| test(&metadata));
        match *change {
            Change::File { content, mode, age: seconds } => {
                remove(&at);
                fs::write(&at, vec![b'0' + content; usize::from(content) * 3000]).unwrap();
                chmod(&at, mode);
                age(&at, seconds);
            }
            Change::Link { target, age: seconds } => {
                remove(&at);
                std::os::unix::fs::symlink(["a", "../b", "/nowhere", "b/a"][usize::from(target)], &at).unwrap();
                age(&at, seconds);
            }
            Change::Directory { mode, age: seconds } => {
                if !is(fs::Metadata::is_dir) {
                    remove(&at);
                    fs::create_dir(&at).unwrap();
                }
                chmod(&at, mode);
                age(&at, seconds);
            }
            Change::Metadata { mode, age: seconds } if is(fs::Metadata::is_file) => {
                chmod(&at, mode);
                age(&at, seconds);
            }
            Change::HardLink { to } => {
                let from = scene.at(["a", "b", "out"][usize::from(to)]);
                if fs::symlink_metadata(&from).is_ok_and(|metadata| metadata.is_file()) && from != at {
                    remove(&at);
                    // The removal may have taken `from` along.
                    let _ = fs::hard_link(from, &at);
                }
            }
            Change::Metadata { .. } => {}
            Change::Remove => remove(&at),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_and_back(first in changes(0..25), second in changes(0..25), ages in (0i64..9, 0i64..9)) {
        let mut scene = Scene::new();
        make(&scene, &first);
        age(&scene.root(), ages.0);
        let old = scene.snapshot();
        make(&scene, &second);
        chmod(&scene.root(), 0o750);
        age(&scene.root(), ages.1);
        let new = scene.snapshot();

        for target in [old, new, old] {
            let plan = scene.plan(target);
            prop_assert!(plan.kept.is_empty() && plan.unrestorable.is_empty());
            let applied = scene.apply(&plan).unwrap();
            prop_assert_eq!(&applied.left, &vec![]);
            // The plan was the whole truth.
            let planned: Vec<_> = plan.steps.iter().map(|step| step.path.clone()).collect();
            prop_assert_eq!(&applied.changed, &planned);
            prop_assert_eq!(applied.written_bytes >= plan.bytes_to_write, true);
            let found = scene.snapshot();
            prop_assert_eq!(scene.differences(found, target), vec![]);
            prop_assert_eq!(found, target);
            scene.assert_tidy();
            // A second time there is nothing to do.
            prop_assert!(scene.plan(target).is_empty());
        }
    }

    #[test]
    fn what_is_ignored_stays(first in changes(0..20), second in changes(0..20), kept in prop::collection::vec(names(), 0..6)) {
        let mut scene = Scene::new();
        make(&scene, &first);
        let old = scene.snapshot();
        make(&scene, &second);
        for name in &kept {
            let at = scene.at(name).join("ignored");
            let parent = at.parent().unwrap();
            if fs::create_dir_all(parent).is_ok() && parent.canonicalize().unwrap() == parent {
                // Not everybody may write into every directory.
                let _ = fs::write(at, name);
            }
        }
        let before: Vec<_> = scene.list().into_iter().filter(|name| name.ends_with("ignored")).collect();
        let plan = scene.plan(old);
        let applied = scene.apply(&plan).unwrap();
        let after: Vec<_> = scene.list().into_iter().filter(|name| name.ends_with("ignored")).collect();
        prop_assert_eq!(&before, &after);
        for name in after {
            prop_assert_eq!(fs::read_to_string(scene.at(&name)).unwrap(), name.strip_suffix("/ignored").unwrap());
        }
        // Only directories that hold such files, and what should have come in their place, may be left.
        for left in applied.left {
            let holds = before.iter().any(|name| path(name).is_within(&left.path) || left.path.is_within(&left.path));
            prop_assert!(holds, "{:?}", left);
        }
        prop_assert!(!scene.journal().exists());
    }

    #[test]
    fn only_the_wanted_paths(first in changes(0..25), second in changes(0..25), wanted in prop::collection::vec(names(), 1..3)) {
        use super::super::PlanOptions;
        let mut scene = Scene::new();
        make(&scene, &first);
        let old = scene.snapshot();
        make(&scene, &second);
        let new = scene.snapshot();
        let paths: Vec<_> = wanted.iter().map(|name| path(name)).collect();
        let options = PlanOptions { paths: paths.clone(), remove_outputs: true, ..PlanOptions::default() };
        let plan = scene.plan_with(old, options);
        prop_assert_eq!(scene.apply(&plan).unwrap().left, vec![]);
        let found = scene.snapshot();
        for diff in scene.differences(found, old) {
            prop_assert!(!paths.iter().any(|wanted| diff.path.is_within(wanted)), "{} not restored", diff.path);
        }
        for diff in scene.differences(found, new) {
            let is_wanted = paths.iter().any(|wanted| diff.path.is_within(wanted));
            // A parent had to be made, perhaps in the place of something else.
            let is_needed = paths.iter().any(|wanted| wanted.is_within(&diff.path) || diff.path.parent().is_some_and(|p| wanted.is_within(&p) && !p.is_root()));
            prop_assert!(is_wanted || is_needed, "{} touched", diff.path);
        }
        scene.assert_tidy();
    }
}
