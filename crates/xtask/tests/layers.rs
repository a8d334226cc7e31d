//! Checks the layers: which crate of the workspace may depend on which, and which outside crate belongs to whom.
//!
//! The tables are the design. A failure says what to do; a table changes only together with ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Every crate of the workspace and the crates of the workspace that it may depend on.
const LAYERS: &[(&str, &[&str])] = &[
    ("lab-model", &[]),
    ("lab-store", &["lab-model"]),
    ("lab-workdir", &["lab-model"]),
    ("lab-exec", &["lab-model"]),
    ("lab-ingest", &["lab-model"]),
    ("lab-engine", &["lab-model", "lab-store", "lab-workdir", "lab-exec", "lab-ingest"]),
    ("lab-plot", &["lab-model"]),
    ("lab-view", &["lab-model", "lab-engine", "lab-plot"]),
    ("lab-tui", &["lab-model", "lab-engine", "lab-view", "lab-plot"]),
    ("lab-desktop", &["lab-model", "lab-engine", "lab-view", "lab-plot"]),
    // Never lab-desktop: the command line must not link a window system.
    ("lab-cli", &["lab-model", "lab-engine", "lab-view", "lab-plot", "lab-tui"]),
    // The store only to make large notebooks fast.
    ("lab-testkit", &["lab-model", "lab-store", "lab-engine", "lab-view"]),
    ("xtask", &[]),
];

/// Crates that tests alone may use: only ever a dev-dependency of others.
const TEST_ONLY: &[&str] = &["lab-testkit", "criterion", "egui_kittest", "insta", "proptest", "tempfile"];

/// What the tests of the whole program may use beside it: they check from below what it left on the disk.
const WHOLE_TESTS: (&str, &[&str]) = ("lab-cli", &["lab-store", "blake3"]);

/// Every outside crate and who may use it. `ANY` is for what has no effect outside memory.
const OUTSIDE: &[(&str, &[&str])] = &[
    // The embedded font: widths of words, and letters as pixels.
    ("ab_glyph", &["lab-plot"]),
    ("aho-corasick", &["lab-ingest", "lab-engine"]),
    ("anstream", &["lab-cli"]),
    ("anstyle", &["lab-cli"]),
    // Ids are nouns, so the model hashes too.
    ("blake3", &["lab-model", "lab-store"]),
    ("bytes", &["lab-ingest"]),
    ("chacha20poly1305", &["lab-store"]),
    ("clap", &["lab-cli", "lab-desktop"]),
    ("clap_complete", &["lab-cli"]),
    ("clap_mangen", &["lab-cli"]),
    ("crc32fast", &["lab-store"]),
    ("crossterm", &["lab-tui"]),
    ("eframe", &["lab-desktop"]),
    ("egui", &["lab-desktop"]),
    ("egui_commonmark", &["lab-desktop"]),
    // Panels that dock and split, by those who made egui.
    ("egui_tiles", &["lab-desktop"]),
    ("fastcdc", &["lab-store"]),
    // Kernels sign their messages with HMAC-SHA-256.
    ("hmac", &["lab-exec"]),
    ("ignore", &["lab-workdir"]),
    ("indicatif", &["lab-cli"]),
    ("inotify", &["lab-workdir"]),
    ("jiff", &["lab-view", "lab-cli"]),
    // The system calls that rustix does not have.
    ("libc", &["lab-exec"]),
    // PDF streams are deflated.
    ("miniz_oxide", &["lab-plot"]),
    ("notify", &["lab-workdir"]),
    ("notify-rust", &["lab-desktop"]),
    ("nvml-wrapper", &["lab-exec"]),
    ("parquet", &["lab-ingest"]),
    ("pdf-writer", &["lab-plot"]),
    ("plotters", &["lab-plot"]),
    ("plotters-backend", &["lab-plot"]),
    // Plotters' bitmaps as files, and pictures of runs in figures.
    ("png", &["lab-plot"]),
    ("portable-pty", &["lab-exec"]),
    // Notes are Markdown; the window reads it with the same crate.
    ("pulldown-cmark", &["lab-tui"]),
    ("ratatui", &["lab-tui"]),
    // The system's own dialog for folders.
    ("rfd", &["lab-desktop"]),
    ("rusqlite", &["lab-store"]),
    // The five crates that touch the machine; the view and the parsers are pure.
    ("rustix", &["lab-workdir", "lab-exec", "lab-store", "lab-engine", "lab-cli", "lab-testkit"]),
    ("serde", ANY),
    ("serde_json", ANY),
    ("sha2", &["lab-exec"]),
    ("similar", &["lab-view"]),
    ("sysinfo", &["lab-exec"]),
    ("tempfile", &["lab-testkit"]),
    ("thiserror", ANY),
    ("toml", &["lab-ingest", "lab-workdir"]),
    ("unicode-segmentation", &["lab-view", "lab-tui"]),
    ("unicode-width", &["lab-cli", "lab-view", "lab-tui", "lab-plot"]),
    // What a terminal shows, for tests.
    ("vt100", &["lab-testkit"]),
    // Only its default features: titled windows under Wayland.
    ("winit", &["lab-desktop"]),
    ("yaml_serde", &["lab-ingest"]),
    // Light or dark, as the desktop says; notifications bring it anyway.
    ("zbus", &["lab-desktop"]),
    ("zstd", &["lab-store"]),
    // Pictures that a run wrote as JPEG.
    ("zune-jpeg", &["lab-plot"]),
];

const ANY: &[&str] = &["*"];

/// One dependency as a manifest states it.
struct Dependency {
    from: String,
    to: String,
    for_tests: bool,
}

#[test]
fn every_crate_has_its_layer() {
    let metadata = metadata();
    let packages = array(&metadata["packages"]);
    let unknown: Vec<&str> =
        packages.iter().map(|package| text(&package["name"])).filter(|name| layer(name).is_none()).collect();
    assert!(
        unknown.is_empty(),
        "{unknown:?}: give a new crate its row in LAYERS and its line in ARCHITECTURE.md, or make it a module of an \
         existing crate: a crate exists only because it owns an outside thing or is a boundary"
    );
}

#[test]
fn dependencies_point_downward() {
    let complaints: Vec<String> = dependencies(&metadata()).iter().filter_map(wrong_layer).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn outside_crates_belong_to_their_owners() {
    let complaints: Vec<String> = dependencies(&metadata()).iter().filter_map(wrong_owner).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The checks themselves: a check that cannot fail is worth nothing.
#[test]
fn wrong_dependencies_are_found() {
    let found = |from: &str, to: &str, for_tests| {
        let dependency = Dependency { from: from.into(), to: to.into(), for_tests };
        wrong_layer(&dependency).or_else(|| wrong_owner(&dependency)).is_some()
    };
    assert!(found("lab-store", "lab-workdir", false));
    assert!(found("lab-model", "lab-engine", true));
    assert!(found("lab-cli", "lab-desktop", false));
    assert!(found("lab-view", "lab-testkit", false));
    assert!(found("lab-view", "rusqlite", false));
    assert!(found("lab-view", "rusqlite", true));
    assert!(found("lab-engine", "tempfile", false));
    assert!(found("lab-engine", "tokio", false));
    assert!(!found("lab-engine", "lab-testkit", true));
    assert!(!found("lab-engine", "tempfile", true));
    assert!(!found("lab-view", "serde", false));
    assert!(!found("xtask", "serde_json", true));
}

#[test]
fn tables_are_sorted_and_without_doubles() {
    let names: Vec<&str> = OUTSIDE.iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted(), "keep OUTSIDE in alphabetical order");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let owners = OUTSIDE.iter().flat_map(|(_, owners)| *owners).filter(|owner| **owner != "*");
    assert!(owners.chain(LAYERS.iter().flat_map(|(_, below)| *below)).all(|name| layer(name).is_some()));
}

fn wrong_layer(dependency: &Dependency) -> Option<String> {
    let Dependency { from, to, for_tests } = dependency;
    layer(to)?;
    let below = layer(from).unwrap_or_default();
    if below.contains(&to.as_str()) || (*for_tests && (TEST_ONLY.contains(&to.as_str()) || is_whole_test(from, to))) {
        return None;
    }
    Some(format!(
        "{from} depends on {to}, which is not below it: move what it needs down into one of {below:?}, or pass it in \
         from above as a value"
    ))
}

fn is_whole_test(from: &str, to: &str) -> bool {
    from == WHOLE_TESTS.0 && WHOLE_TESTS.1.contains(&to)
}

fn wrong_owner(dependency: &Dependency) -> Option<String> {
    let Dependency { from, to, for_tests } = dependency;
    if layer(to).is_some() || (*for_tests && (TEST_ONLY.contains(&to.as_str()) || is_whole_test(from, to))) {
        return None;
    }
    let Some((_, owners)) = OUTSIDE.iter().find(|(name, _)| name == to) else {
        return Some(format!(
            "{from} uses {to}, which has no owner yet: give it a row in OUTSIDE, with as few crates as possible, and \
             say in ARCHITECTURE.md why it is needed"
        ));
    };
    if owners.contains(&"*") || owners.contains(&from.as_str()) {
        return None;
    }
    Some(format!(
        "{from} uses {to}, which belongs to {owners:?}: ask that crate to do the work and return plain values"
    ))
}

fn layer(name: &str) -> Option<&'static [&'static str]> {
    LAYERS.iter().find(|(layer, _)| *layer == name).map(|(_, below)| *below)
}

fn dependencies(metadata: &Value) -> Vec<Dependency> {
    let packages = array(&metadata["packages"]).iter();
    packages
        .flat_map(|package| {
            array(&package["dependencies"]).iter().map(|dependency| Dependency {
                from: text(&package["name"]).to_owned(),
                to: text(&dependency["name"]).to_owned(),
                for_tests: dependency["kind"] == "dev",
            })
        })
        .collect()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("because cargo runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("because cargo prints JSON")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
