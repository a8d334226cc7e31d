//! Checks what no compiler checks in the text of the sources: where SQL and threads may stand, how long a file may
//! be, and words that must not be in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest source file, in lines. The aim is 400; past this a file has more than one subject.
const LINES_MAX: usize = 800;

/// SQL as it begins in a string; in capitals, as all SQL of the project is written.
const SQL: &[&str] =
    &["SELECT ", "INSERT INTO ", "INSERT OR ", "DELETE FROM ", "CREATE TABLE ", "CREATE INDEX ", "PRAGMA "];

/// What starts a thread.
const THREADS: &[&str] = &["thread::spawn", "thread::Builder", "thread::scope"];

/// One source file of a crate.
struct Source {
    krate: String,
    path: PathBuf,
    text: String,
}

#[test]
fn sql_stands_only_in_the_store() {
    let found = find_in_code(SQL, &["lab-store", "xtask"]);
    assert!(found.is_empty(), "SQL belongs to lab-store: give it a function that returns nouns\n{}", found.join("\n"));
}

#[test]
fn only_the_engine_starts_threads() {
    let mut found = find_in_code(THREADS, &["lab-engine", "xtask"]);
    // Nothing but reading can wait for keys: the terminal's one thread.
    found.retain(|place| !place.starts_with("crates/lab-tui/src/events.rs"));
    assert!(
        found.is_empty(),
        "only lab-engine starts threads, and the terminal its key reader: offer a piece of work that can be called from several\n{}",
        found.join("\n")
    );
}

#[test]
fn files_have_one_subject() {
    let long = sources().into_iter().filter(|source| source.text.lines().count() > LINES_MAX);
    let long: Vec<String> = long.map(|source| source.path.display().to_string()).collect();
    assert!(long.is_empty(), "more than {LINES_MAX} lines: split off a module\n{}", long.join("\n"));
}

#[test]
fn tracked_text_speaks_of_the_project_alone() {
    let mut found = Vec::new();
    for path in tracked() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (index, line) in text.lines().enumerate() {
            if let Some(why) = bad_words(line) {
                found.push(format!("{}:{}: {why}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The checks themselves: a check that cannot fail is worth nothing.
#[test]
fn bad_text_is_found() {
    let mark = ["TO", "DO"].concat();
    assert!(bad_words(&["see /wo", "rk/x"].concat()).is_some());
    assert!(bad_words(&["HOME=/ro", "ot/x"].concat()).is_some());
    assert!(bad_words(&format!("// {mark} later")).is_some());
    assert!(bad_words(&format!("// {mark}: soon")).is_some());
    assert!(bad_words(&format!("// {mark}: drop when Debian 12 has no users any more")).is_none());
    assert!(bad_words("the network/root/homework/ folder").is_none());

    let text =
        "fn a() { db(\"SELECT 1\") }\n// SELECT in prose\n#[cfg(test)]\nmod tests { fn b() { x(\"SELECT 2\") } }";
    assert_eq!(lines_with(text, SQL), [1]);
}

/// Why a line must not be in the repository.
fn bad_words(line: &str) -> Option<&'static str> {
    // Written in two parts, so that this file does not find itself.
    for path in [concat!("/wo", "rk/"), concat!("/ro", "ot/")] {
        let starts_a_path =
            |index: usize| !line[..index].ends_with(|c: char| c.is_alphanumeric() || "_-.~/".contains(c));
        if line.match_indices(path).any(|(index, _)| starts_a_path(index)) {
            return Some("a path of one machine: make it relative or a parameter");
        }
    }
    for mark in [concat!("TO", "DO"), concat!("FIX", "ME")] {
        let rest = line.split_once(mark).map(|(_, rest)| rest.strip_prefix(": ").unwrap_or_default());
        if rest.is_some_and(|reason| reason.split_whitespace().count() < 4) {
            return Some("an open end without its reason: write `mark: what, and what it waits for`, or do it");
        }
    }
    None
}

/// `crate/file:line` of every line of code outside tests that contains one of `needles`.
fn find_in_code(needles: &[&str], allowed: &[&str]) -> Vec<String> {
    let sources = sources().into_iter().filter(|source| !allowed.contains(&source.krate.as_str()));
    sources
        .filter(|source| !source.path.components().any(|part| part.as_os_str().to_string_lossy().contains("test")))
        .flat_map(|source| {
            let path = source.path.display().to_string();
            lines_with(&source.text, needles).into_iter().map(move |line| format!("{path}:{line}"))
        })
        .collect()
}

/// Line numbers that contain a needle, up to the tests at the file's end, comments left out.
fn lines_with(text: &str, needles: &[&str]) -> Vec<usize> {
    let code = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    let code = code.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter(|(_, line)| needles.iter().any(|needle| line.contains(needle))).map(|(index, _)| index + 1).collect()
}

/// Every Rust file in the `src` folder of every crate, with paths relative to the root.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = entries(&root().join("crates")).into_iter().map(|path| path.join("src")).collect();
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("because sources are UTF-8");
                let path = path.strip_prefix(root()).expect("because it was found below the root").to_path_buf();
                let krate = path.iter().nth(1).expect("because it lies in crates/").to_string_lossy().into_owned();
                found.push(Source { krate, path, text });
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// The files that the repository tracks; nothing where the sources came without Git, as in an archive.
fn tracked() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else { return Vec::new() };
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("because the sources are here")
}
