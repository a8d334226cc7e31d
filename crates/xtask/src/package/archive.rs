//! The archive: the tree and a script that installs it below any prefix.

use std::path::{Path, PathBuf};

use super::Release;
use super::tree::Tree;
use crate::step::{Failure, Step, root};

/// Writes `lab-<version>-<target>.tar.gz` into `out`.
pub fn make(release: &Release, tree: &Tree, out: &Path) -> Result<PathBuf, Failure> {
    tree.script("install.sh", super::read(&root().join("packaging/linux/install.sh"))?.as_bytes())?;
    let name = format!("lab-{}-{}", release.version, target()?);
    let archive = out.join(format!("{name}.tar"));
    let packed = out.join(format!("{name}.tar.gz"));
    if packed.exists() {
        std::fs::remove_file(&packed).map_err(Failure::file("remove", &packed))?;
    }
    let renamed = format!("--transform=s,^\\.,{name},");
    let time = format!("--mtime=@{}", release.epoch);
    let (archive_text, tree_text) = (archive.to_string_lossy(), tree.root().to_string_lossy());
    let fixed = ["--sort=name", "--format=ustar", "--owner=root:0", "--group=root:0", "--numeric-owner"];
    Step::new("archive", "tar", &["--create", "--file", &archive_text, "--directory", &tree_text])
        .arguments(&fixed.map(String::from))
        .arguments(&[time, renamed, ".".to_owned()])
        .printed()?;
    Step::new("compress", "gzip", &["-9", "--no-name", &archive_text]).printed()?;
    Ok(packed)
}

/// What the compiler here makes programs for, as `x86_64-unknown-linux-gnu`.
fn target() -> Result<String, Failure> {
    let text = Step::new("target", "rustc", &["-vV"]).printed()?;
    let text = String::from_utf8_lossy(&text);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(String::from).ok_or_else(|| Failure::Missing("rustc does not say what it compiles for".into()))
}
