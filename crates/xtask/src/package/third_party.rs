//! The licences of the crates that are built into the programs: their texts must go where the programs go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::step::{Failure, Step, root};

/// How the name of a file with a licence begins.
const NAMES: &[&str] = &["license", "licence", "copying", "copyright", "notice", "unlicense"];

/// Each crate with its version and licence, then each text once with the crates that it stands for.
pub fn text(packages: &[&str]) -> Result<String, Failure> {
    let chosen: Vec<String> = packages.iter().flat_map(|package| ["--package", package]).map(String::from).collect();
    let listed = Step::cargo("crates", &["tree", "--locked", "--edges", "normal", "--prefix", "none", "--no-dedupe"])
        .arguments(&chosen)
        .arguments(&["--format".to_owned(), "{p}|{l}".to_owned()])
        .printed()?;
    let listed = String::from_utf8_lossy(&listed);
    let crates: BTreeSet<(&str, &str)> = listed.lines().filter_map(outside).collect();

    let sources = registry_sources()?;
    let mut texts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, _) in &crates {
        let place = sources.iter().map(|registry| registry.join(name.replace(" v", "-"))).find(|place| place.is_dir());
        let place = place.ok_or_else(|| Failure::Missing(format!("the sources of {name} are not on this machine")))?;
        for licence in licences(&place) {
            texts.entry(licence).or_default().push(name);
        }
    }
    let font = super::read(&root().join("assets/fonts/OFL.txt"))?;
    texts.entry(font.trim().to_owned()).or_default().push("the font Arimo");

    let rows = crates.iter().map(|(name, licence)| format!("{name}: {licence}\n"));
    let mut all = String::from("What is built into the programs of lab, with the licence of each\n\n");
    all.extend(rows);
    for (text, names) in texts {
        all.push_str(&format!("\n{}\n{}\n\n{text}\n", "=".repeat(78), names.join(", ")));
    }
    Ok(all)
}

/// Name with version, and licence, of a line that `cargo tree` prints for a crate of a registry.
fn outside(line: &str) -> Option<(&str, &str)> {
    let (name, licence) = line.split_once('|')?;
    // A path after the version: a crate of this workspace. A mark after it: one with macros.
    (!name.contains(" (/")).then(|| (name.split(" (").next().unwrap_or(name), licence))
}

/// Where cargo unpacks what it fetched.
fn registry_sources() -> Result<Vec<PathBuf>, Failure> {
    let home = super::cargo_home()?.join("registry/src");
    let entries = fs::read_dir(&home).map_err(Failure::file("read", &home))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// The licence texts in a crate's directory, and in those of the libraries in other languages that it brings.
fn licences(place: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    let mut directories = vec![place.to_path_buf()];
    for depth in 0..2 {
        for directory in std::mem::take(&mut directories) {
            for path in super::tree::listing_flat(&directory) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
                if path.is_dir() && depth == 0 {
                    directories.push(path);
                } else if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
                    // Line ends and edges differ between copies of one text.
                    let text = fs::read_to_string(&path).unwrap_or_default().replace('\r', "");
                    texts.push(text.trim().to_owned());
                }
            }
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_others_are_told_from_our_own() {
        assert_eq!(outside("serde v1.0.228|MIT OR Apache-2.0"), Some(("serde v1.0.228", "MIT OR Apache-2.0")));
        assert_eq!(outside("serde_derive v1.0.228 (proc-macro)|MIT"), Some(("serde_derive v1.0.228", "MIT")));
        assert_eq!(outside("lab-cli v0.1.0 (/home/me/lab/crates/lab-cli)|MIT"), None);
        assert_eq!(outside(""), None);
    }
}
