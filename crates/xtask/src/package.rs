//! `cargo xtask package`: the programs, and everything that belongs to them, as a Debian package and as an archive.
//!
//! One tree is made below a prefix ([`tree::Tree`]); the package and the archive hold the same files. Equal sources and
//! tools give equal bytes: times come from `SOURCE_DATE_EPOCH` or the last commit, owners are root, names are sorted.

mod archive;
mod check;
mod contents;
mod debian;
mod third_party;
mod tree;

use std::path::{Path, PathBuf};

use crate::step::{Failure, Step, root};
use crate::system;
use contents::Program;

/// Where packages and their working directories lie.
const OUT: &str = "target/package";

/// What is packaged and where it goes.
#[derive(Debug)]
struct Options {
    out: PathBuf,
    is_release: bool,
    is_checked: bool,
}

/// What every part of a package refers to.
#[derive(Debug)]
struct Release {
    /// The version in the workspace's manifest.
    version: String,
    /// Seconds since 1970: the time of every file.
    epoch: i64,
    /// The day of `epoch`, as `2026-11-21`.
    date: String,
    /// The programs that are built from this tree.
    programs: Vec<&'static Program>,
}

/// Makes the packages; `--check` tries the Debian one.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let options = parse(arguments)?;
    let package = make(&options)?;
    if options.is_checked {
        check::in_clean_system(&package, &options.out.join("check"))?;
    }
    Ok(())
}

/// For `cargo xtask test`: packages the debug build and tries it in an empty tree, without the network.
pub fn test() -> Result<(), Failure> {
    let options = Options { out: root().join(OUT).join("test"), is_release: false, is_checked: true };
    let package = make(&options)?;
    check::in_empty_tree(&package, &options.out.join("check"))
}

fn make(options: &Options) -> Result<PathBuf, Failure> {
    system::packaging()?;
    let release = release()?;
    let built = build(options, &release)?;
    let tree = contents::fill(&release, &built, &options.out.join("tree"))?;
    let archive = archive::make(&release, &tree, &options.out)?;
    let package = debian::make(&release, tree, &options.out, options.is_release)?;
    for file in [&archive, &package] {
        let bytes = file.metadata().map_err(Failure::file("read", file))?.len();
        println!("{}  {:.1} MB", file.display(), bytes as f64 / 1e6);
    }
    Ok(package)
}

/// Builds the programs and returns the directory that they are in.
fn build(options: &Options, release: &Release) -> Result<PathBuf, Failure> {
    let packages = release.programs.iter().flat_map(|program| ["--package", program.package]);
    let mut arguments: Vec<String> = ["build", "--locked"].into_iter().chain(packages).map(String::from).collect();
    if !options.is_release {
        Step::cargo("debug build", &[]).arguments(&arguments).run()?;
        return Ok(root().join("target/debug"));
    }
    // Paths of this machine must not be in the programs. Flags of their own need a directory of their own.
    let home = cargo_home()?.to_string_lossy().into_owned();
    let place = root().to_string_lossy().into_owned();
    arguments.extend(["--release", "--target-dir", "target/package/build"].map(String::from));
    Step::cargo("release build", &[])
        .arguments(&arguments)
        .variable("RUSTFLAGS", &format!("--remap-path-prefix={place}=/lab --remap-path-prefix={home}=/cargo"))
        .variable("CFLAGS", &format!("-ffile-prefix-map={place}=/lab -ffile-prefix-map={home}=/cargo"))
        .run()?;
    Ok(root().join("target/package/build/release"))
}

/// Where cargo keeps what it fetched.
fn cargo_home() -> Result<PathBuf, Failure> {
    let beside_home = || Some(Path::new(&std::env::var_os("HOME")?).join(".cargo"));
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(beside_home);
    home.ok_or_else(|| Failure::Missing("neither CARGO_HOME nor HOME is set".into()))
}

fn release() -> Result<Release, Failure> {
    let manifest = read(&root().join("Cargo.toml"))?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    let version = version.ok_or_else(|| Failure::Wrong("the workspace's manifest has no version".into()))?.to_owned();
    let last_commit = || Step::new("time", "git", &["log", "-1", "--format=%ct"]).output();
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().or_else(last_commit);
    let epoch = epoch.and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
        Failure::Missing("there is no commit to take the time from: set SOURCE_DATE_EPOCH to seconds since 1970".into())
    })?;
    let date = Step::new("date", "date", &["-u", "-d", &format!("@{epoch}"), "+%F"]).printed()?;
    let date = String::from_utf8_lossy(&date).trim().to_owned();
    Ok(Release { version, epoch, date, programs: contents::programs() })
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(Failure::file("read", path))
}

fn parse(arguments: &[String]) -> Result<Options, Failure> {
    let mut options = Options { out: root().join(OUT), is_release: true, is_checked: false };
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match (argument, rest.clone().next()) {
            ("--check", _) => options.is_checked = true,
            ("--out", Some(directory)) => options.out = root().join(directory),
            ("--profile", Some("release")) => options.is_release = true,
            ("--profile", Some("debug")) => options.is_release = false,
            ("--profile", _) => return Err(Failure::Usage("--profile takes `release` or `debug`".into())),
            ("--out", None) => return Err(Failure::Usage("--out takes a directory".into())),
            (other, _) => return Err(Failure::Usage(format!("`cargo xtask package` knows no `{other}`"))),
        }
        if argument != "--check" {
            rest.next();
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nonsense_is_refused() {
        let parsed = |text: &str| parse(&text.split_whitespace().map(String::from).collect::<Vec<_>>());
        let options = parsed("--profile debug --out /tmp/here --check").unwrap();
        assert!(!options.is_release && options.is_checked && options.out == Path::new("/tmp/here"));
        let options = parsed("").unwrap();
        assert!(options.is_release && !options.is_checked && options.out.ends_with(OUT));
        for wrong in ["--profile", "--profile fast", "--out", "--chek", "debug"] {
            assert!(matches!(parsed(wrong), Err(Failure::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn a_release_has_the_version_of_the_programs() {
        assert_eq!(release().unwrap().version, env!("CARGO_PKG_VERSION"));
    }
}
