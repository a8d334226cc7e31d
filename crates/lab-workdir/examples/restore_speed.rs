//! Measures a restore: `restore_speed DIRECTORY` writes 20,000 files (500 MB) into a new directory below
//! `DIRECTORY`, then restores 100 of them in place, five times over, and says what each took.

#![expect(clippy::print_stdout, reason = "a measurement tells its result")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use lab_model::diff::PathDiff;
use lab_model::{Content, Entry, Hash, Kind, RelPath, Role};
use lab_workdir::restore::{Destination, EntryState, PlanOptions, Target, WriteContent, apply, plan, write_new};

const FILES: u32 = 20_000;
const FILE_BYTES: usize = 25_000;
const FILES_IN_A_DIRECTORY: u32 = 100;

/// Processor time of this thread so far, in milliseconds.
fn processor_millis() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default() / 1e6
}

fn measured<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (before, start) = (processor_millis(), Instant::now());
    let result = work();
    let wall = start.elapsed().as_secs_f64() * 1e3;
    println!("{what}: {:.1} ms of processor, {wall:.1} ms", processor_millis() - before);
    result
}

fn entry(kind: Kind, age: i64) -> Entry {
    Entry {
        name: Vec::new(),
        kind,
        role: Role::Code,
        mode: if kind == Kind::Directory { 0o755 } else { 0o644 },
        size: if kind == Kind::File { FILE_BYTES as u64 } else { 0 },
        mtime: 1_000_000_000 + age,
        mtime_nanos: 5,
        sparse: false,
        unsteady: false,
        content: if kind == Kind::File { Content::Copied(Hash([age as u8; 32])) } else { Content::Missing },
        tree: None,
        target: Vec::new(),
    }
}

fn entries() -> Vec<(RelPath, Entry)> {
    let mut entries = Vec::new();
    for number in 0..FILES {
        let directory = format!("package-{:03}", number / FILES_IN_A_DIRECTORY);
        let mut add = |name: String, kind| {
            let path = RelPath::new(name).expect("because the name is plain");
            entries.push((path, entry(kind, 0)));
        };
        if number % FILES_IN_A_DIRECTORY == 0 {
            add(directory.clone(), Kind::Directory);
        }
        add(format!("{directory}/module_{number:05}.py"), Kind::File);
    }
    entries
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = PathBuf::from(std::env::args_os().nth(1).ok_or("give a directory")?);
    let bytes: Vec<u8> = (0..FILE_BYTES).map(|at| ((at * 7919) >> 5) as u8).collect();
    let mut content = |_: &RelPath, _: &EntryState, writer: &mut dyn std::io::Write| Ok(writer.write_all(&bytes)?);
    let root = place.join("tree");
    let entries = entries();
    let destination =
        Destination { path: &root, stage_name: ".lab-restore-1", root: None, trusted: true, total_bytes: 0 };
    let count = entries.len();
    let write = || write_new(&destination, &mut entries.iter().cloned(), &mut content, &mut |_, _| {}, &|| false);
    if !root.exists() {
        measured(&format!("{count} entries into a new directory"), write)?;
    }
    for _ in 0..5 {
        in_place(&root, &place.join("journal"), &entries, &mut content)?;
    }
    Ok(())
}

fn in_place(
    root: &Path,
    journal: &Path,
    entries: &[(RelPath, Entry)],
    content: &mut WriteContent<'_>,
) -> Result<(), Box<dyn std::error::Error>> {
    let files = entries.iter().filter(|(_, entry)| entry.kind == Kind::File).step_by(200);
    let difference = |(path, entry): &(RelPath, Entry)| PathDiff {
        path: path.clone(),
        left: Some(entry.clone()),
        right: Some(Entry { content: Content::Copied(Hash([1; 32])), ..entry.clone() }),
    };
    let differences: Vec<_> = files.map(difference).collect();
    let target = Target { root, stage_name: ".lab-restore-1", journal, trusted: true };
    let applied = measured(&format!("{} replaced in place", differences.len()), || {
        let plan = plan(&differences, &PlanOptions::default());
        apply(&target, &plan, content, &mut |_, _| {}, &|| false)
    })?;
    assert_eq!((applied.replaced, applied.left.len()), (differences.len() as u64, 0));
    Ok(())
}
