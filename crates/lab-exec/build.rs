//! Builds the helper that `trace` has loaded into traced programs. Where it cannot be built the crate
//! does without: tracing is slower then, and sees the same.

#![expect(clippy::disallowed_methods, reason = "cargo tells a build script everything by variables")]

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

const SOURCES: [&str; 5] =
    ["preload/helper.rs", "preload/calls.rs", "preload/directory.rs", "preload/later.rs", "src/trace/notes/shape.rs"];

fn main() {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let built = PathBuf::from(variable("OUT_DIR")).join("helper.so");
    let is_possible = variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ARCH") == "x86_64";
    if is_possible && build(&variable("RUSTC"), &variable("TARGET"), &variable("RUSTC_LINKER"), &built).is_some() {
        return;
    }
    if is_possible {
        println!("cargo::warning=the tracing helper could not be built; tracing works without it, at a higher cost");
    }
    fs::write(&built, []).expect("because cargo has made the directory");
}

fn build(rustc: &str, target: &str, linker: &str, built: &PathBuf) -> Option<()> {
    let mut command = Command::new(rustc);
    command.args(["--edition=2024", "--crate-type=cdylib", "--crate-name=helper", "--target", target, "-o"]).arg(built);
    command.args(["-Copt-level=3", "-Clto=fat", "-Cpanic=abort", "-Cstrip=symbols", "-Ctarget-feature=-crt-static"]);
    // A thread that is cancelled while it opens a file is unwound through it.
    command.arg("-Cforce-unwind-tables=yes");
    // It needs no other library, and is loaded into every process: as few mappings as can be.
    command.args(["-Clink-arg=-nostartfiles", "-Clink-arg=-Wl,-z,noseparate-code,-z,norelro,--build-id=none"]);
    if !linker.is_empty() {
        command.arg(format!("-Clinker={linker}"));
    }
    command.arg(SOURCES[0]).status().ok()?.success().then_some(())
}
