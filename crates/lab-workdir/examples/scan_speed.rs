//! Measures a scan: `cargo run --release -p lab-workdir --example scan_speed -- [FILES] [DIRECTORIES] [FOLDER]`.
//!
//! Writes a tree into a temporary folder (or scans FOLDER), then scans it without and with an index. CPU
//! time is what counts; the wall clock depends on the neighbours.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for a person at a terminal")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use lab_model::{Content, Domain, Hash, Kind, Role};
use lab_workdir::{Config, Index, Known, KnownTree, Rules, Scan, Sums, scan};
use rustix::time::{ClockId, clock_gettime};

const KEY: [u8; 32] = [1; 32];
const ROUNDS: usize = 15;

fn cpu_millis() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

fn median(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = cpu_millis();
            work();
            cpu_millis() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

fn grow(root: &Path, files: usize, directories: usize) {
    for number in 0..files {
        let directory = number % directories;
        let folder = root.join(format!("group_{}/part_{directory}", directory % 10));
        if number < directories {
            fs::create_dir_all(&folder).unwrap();
        }
        let extension = ["py", "csv", "yaml", "txt", "bin"][number % 5];
        fs::write(folder.join(format!("file_{number:06}.{extension}")), number.to_string()).unwrap();
    }
    fs::write(root.join(".gitignore"), "*.tmp\n/scratch/\n**/cache/\n!keep\n*.py[co]\nnotes/*.bak\n").unwrap();
}

fn learn(scan: &mut Scan) {
    let hash = Hash::of(Domain::Content, b"");
    for place in 0..scan.dirs.len() {
        let dir = scan.dir_mut(place);
        for entry in dir.entries.iter_mut().filter(|entry| entry.kind == Kind::File) {
            let role = entry.role.unwrap_or(Role::Code);
            entry.known = Some(Known { content: Content::Copied(hash), role, unsteady: false, note: None });
        }
        dir.known = Some(KnownTree { tree: hash, roles: [Some(hash); 4], sums: Sums::default() });
    }
    scan.started.0 += 10;
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default| arguments.get(place).map_or(default, |text: &String| text.parse().unwrap());
    let (files, directories) = (number(0, 20_000), number(1, 200));
    let temporary = tempfile::tempdir().unwrap();
    let root = arguments.get(2).map_or_else(|| temporary.path().join("tree"), PathBuf::from);
    if arguments.len() < 3 {
        grow(&root, files, directories);
    }
    let index_path = temporary.path().join("index");
    let rules = || Rules::new(&root, &Config::default(), &HashSet::new());
    let mut first = scan(&root, &rules(), None).unwrap();
    println!("{} files, {} directories, {} omissions", first.files, first.dirs.len(), first.omissions.len());
    println!("first scan, no index  {:8.2} ms", median(|| drop(scan(&root, &rules(), None).unwrap())));
    learn(&mut first);
    println!("save the index        {:8.2} ms", median(|| Index::save(&first, &KEY, &index_path).unwrap()));
    println!("load the index        {:8.2} ms", median(|| drop(Index::load(&index_path, &KEY).unwrap())));
    println!(
        "load and scan again   {:8.2} ms",
        median(|| {
            let index = Index::load(&index_path, &KEY);
            assert!(scan(&root, &rules(), index.as_ref()).unwrap().is_known());
        })
    );
    println!("index: {} bytes", fs::metadata(&index_path).unwrap().len());
}
