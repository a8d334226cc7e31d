//! Scans all source files below a directory for secrets, and tells how many hold one, and how fast
//! it went: the measure of false positives. `cargo run --release --example scan_tree -- DIR [ENDING…]`

#![expect(clippy::print_stdout, reason = "an example that reports to a person")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use lab_ingest::secret::Scanner;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().unwrap_or_else(|| ".".to_owned());
    let endings: Vec<String> = arguments.collect();
    let mut paths = Vec::new();
    collect(Path::new(&root), &endings, &mut paths);
    let files: Vec<_> = paths.into_iter().filter_map(|path| Some((std::fs::read(&path).ok()?, path))).collect();
    let started = Instant::now();
    let scanner = Scanner::new();
    let made = started.elapsed();
    let started = Instant::now();
    let mut found = Vec::new();
    for (bytes, path) in &files {
        let findings = scanner.find(bytes);
        if !findings.is_empty() {
            found.push((path, bytes, findings));
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    for (path, bytes, findings) in &found {
        for finding in findings {
            let text = String::from_utf8_lossy(&bytes[finding.range.clone()]);
            let text: String = text.chars().take(60).collect();
            println!("{} {} {text:?}", path.display(), finding.rule);
        }
    }
    let bytes: usize = files.iter().map(|(bytes, _)| bytes.len()).sum();
    println!(
        "{} of {} files ({:.2} %), {bytes} bytes, {:.0} MB/s, made in {made:?}",
        found.len(),
        files.len(),
        found.len() as f64 * 100.0 / files.len().max(1) as f64,
        bytes as f64 / seconds / 1e6,
    );
}

fn collect(directory: &Path, endings: &[String], paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            collect(&path, endings, paths);
        } else if kind.is_file()
            && (endings.is_empty() || endings.iter().any(|ending| path.to_string_lossy().ends_with(ending.as_str())))
        {
            paths.push(path);
        }
    }
}
