//! What the machine must have: Debian packages, toolchain components, two Python modules, cargo-deny.

use crate::step::{Failure, Step, root};

/// A program that the tests start, how to ask whether it is there, and the Debian package that brings it.
const PROGRAMS: &[(&str, &[&str], &str)] = &[
    ("git", &["--version"], "git"),
    ("gcc", &["--version"], "gcc"),
    ("python3", &["--version"], "python3"),
    ("python3", &["-c", "import venv, ensurepip"], "python3-venv"),
    ("tmux", &["-V"], "tmux"),
    ("strace", &["-V"], "strace"),
    // A screen that nobody looks at, hands for it, and what paints on it without a graphics card.
    ("Xvfb", &["-help"], "xvfb"),
    ("sh", &["-c", "command -v xdotool"], "xdotool"),
    ("sh", &["-c", "ldconfig -p | grep -q libGLX_mesa"], "libglx-mesa0"),
    ("sh", &["-c", "ldconfig -p | grep -q libxkbcommon-x11"], "libxkbcommon-x11-0"),
];

/// Programs that make and check a Debian package; only where there is dpkg.
const PACKAGING: &[(&str, &[&str], &str)] = &[
    ("dpkg-shlibdeps", &["--version"], "dpkg-dev"),
    ("desktop-file-validate", &["--help"], "desktop-file-utils"),
    ("update-mime-database", &["-v"], "shared-mime-info"),
    ("appstreamcli", &["--version"], "appstream"),
    ("man", &["--version"], "man-db"),
];

/// Folder of the virtual environment with the modules that the Python reader of a notebook needs.
const VENV: &str = "target/xtask-venv";

/// The release of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Installs missing Debian packages that the tests need when root on Debian, names them otherwise.
pub fn packages() -> Result<(), Failure> {
    install(PROGRAMS)
}

/// The same for what makes and checks a Debian package.
pub fn packaging() -> Result<(), Failure> {
    if has_dpkg() {
        return install(PACKAGING);
    }
    Err(Failure::Missing("packages are made on Debian or a descendant of it: there is no dpkg-deb here".into()))
}

/// Whether Debian packages can be made here.
pub fn has_dpkg() -> bool {
    Step::new("look", "dpkg-deb", &["--version"]).succeeds()
}

fn install(programs: &[(&str, &[&str], &'static str)]) -> Result<(), Failure> {
    let missing = missing_packages(programs);
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root() || !Step::new("apt", "apt-get", &["--version"]).succeeds() {
        let names = missing.join(" ");
        let how = format!("sudo apt-get install --no-install-recommends {names}");
        return Err(Failure::Missing(format!("this machine lacks: {names}\n  on Debian or Ubuntu: {how}")));
    }
    // Package lists may be absent or fine already: only the installation decides.
    let _ = Step::new("package lists", "apt-get", &["update", "-qq"]).run();
    let arguments: Vec<String> = missing.into_iter().map(String::from).collect();
    Step::new("system packages", "apt-get", &["install", "-y", "-qq", "--no-install-recommends"])
        .variable("DEBIAN_FRONTEND", "noninteractive")
        .arguments(&arguments)
        .run()
}

/// Adds rustfmt and clippy to a toolchain that was installed without them.
pub fn components() -> Result<(), Failure> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !Step::cargo(tool, &[tool, "--version"]).succeeds() {
            Step::new(component, "rustup", &["component", "add", component]).run()?;
        }
    }
    Ok(())
}

/// Makes sure that [`python`] exists and imports `blake3` and `zstandard`.
pub fn python_modules() -> Result<(), Failure> {
    let python = python();
    let imports = Step::new("imports", &python, &["-c", "import blake3, zstandard"]);
    if imports.succeeds() {
        return Ok(());
    }
    Step::new("virtual environment", "python3", &["-m", "venv", "--clear", VENV]).run()?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "blake3", "zstandard"];
    Step::new("python modules", &python, &pip).run()
}

/// The interpreter of the tests' virtual environment.
pub fn python() -> String {
    root().join(VENV).join("bin/python3").to_string_lossy().into_owned()
}

/// The path of cargo-deny, installed into `target/tools` when it is not there in the right release.
pub fn cargo_deny() -> Result<String, Failure> {
    let own = root().join("target/tools/bin/cargo-deny").to_string_lossy().into_owned();
    for program in [own.as_str(), "cargo-deny"] {
        let version = Step::new("version", program, &["--version"]).output();
        if version.is_some_and(|text| text.ends_with(CARGO_DENY)) {
            return Ok(program.to_owned());
        }
    }
    let install = ["install", "cargo-deny", "--locked", "--version", CARGO_DENY, "--root", "target/tools"];
    Step::cargo("install cargo-deny (some minutes, once)", &install).run()?;
    Ok(own)
}

/// An environment variable; `None` when it is not set.
#[expect(clippy::disallowed_methods, reason = "what builds the project has no engine: its environment is its input")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether this program runs as root.
pub fn is_root() -> bool {
    Step::new("user", "id", &["-u"]).output().as_deref() == Some("0")
}

fn missing_packages(programs: &[(&str, &[&str], &'static str)]) -> Vec<&'static str> {
    let missing = programs.iter().filter(|(program, arguments, _)| !Step::new("look", program, arguments).succeeds());
    missing.map(|(_, _, package)| *package).collect()
}
