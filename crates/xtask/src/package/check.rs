//! Tries the Debian package as a person would: install it, use it, read its manual, remove it, and look whether anything
//! is left. In a clean Debian system, or, without the network, in a tree that holds nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::contents;
use super::tree::{clear, listing, listing_flat};
use crate::step::{Failure, Step};
use crate::system;

/// Where a person's files lie during the check, from the system's root.
const HOME: &str = "tmp/lab-check";

/// What dpkg keeps for itself about packages that were there once.
const LEFT_BY_DPKG: &[&str] = &["var/lib/dpkg", "var/log", "var/cache", HOME];

/// The release of Debian that the package is tried in.
const DEBIAN: &str = "bookworm";

/// A system into which the package is installed.
struct System {
    root: PathBuf,
    /// A whole system, whose own libraries the programs use; otherwise they use this machine's.
    is_whole: bool,
}

/// Tries the package in a fresh Debian system below `place`, or, where there is no mmdebstrap, in an empty tree.
pub fn in_clean_system(package: &Path, place: &Path) -> Result<(), Failure> {
    let has_means = system::is_root() && Step::new("look", "mmdebstrap", &["--version"]).succeeds();
    if !has_means {
        println!("\n!! SKIPPED the clean system !!\nit needs root and mmdebstrap; an empty tree takes its place");
        return in_empty_tree(package, place);
    }
    clear(place)?;
    let root = place.join("system");
    Step::new("clean system", "mmdebstrap", &["--variant=minbase", "--quiet", DEBIAN, &root.to_string_lossy()])
        .run()?;
    System { root, is_whole: true }.check(package)
}

/// Tries the package in a tree that holds nothing but dpkg's own empty lists.
pub fn in_empty_tree(package: &Path, place: &Path) -> Result<(), Failure> {
    clear(place)?;
    let root = place.join("tree");
    for directory in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log", "tmp"] {
        let path = root.join(directory);
        fs::create_dir_all(&path).map_err(Failure::file("create", &path))?;
    }
    let status = root.join("var/lib/dpkg/status");
    fs::write(&status, "").map_err(Failure::file("write", &status))?;
    System { root, is_whole: false }.check(package)
}

impl System {
    fn check(&self, package: &Path) -> Result<(), Failure> {
        let before = self.paths()?;
        self.dpkg("install", &["--install", &package.to_string_lossy()])?;
        let installed: Vec<String> = self.paths()?.difference(&before).cloned().collect();
        println!("{} files and directories are new", installed.len());

        self.programs()?;
        self.manual()?;
        self.completions()?;
        self.desktop()?;
        self.unit()?;
        if self.is_whole {
            lintian(package)?;
        }

        self.dpkg("remove", &["--purge", "lab"])?;
        let left: Vec<String> = self.paths()?.difference(&before).cloned().collect();
        if !left.is_empty() {
            return Err(Failure::Wrong(format!("left after the removal: {}", left.join(" "))));
        }
        println!("nothing is left after the removal");
        Ok(())
    }

    /// dpkg at work in the system. In an empty tree no package can be there that this one depends on.
    fn dpkg(&self, name: &str, arguments: &[&str]) -> Result<(), Failure> {
        let mut words = vec![format!("--root={}", self.root.display())];
        if !self.is_whole {
            words.push("--force-depends".to_owned());
        }
        words.extend(arguments.iter().copied().map(String::from));
        // Who is not root is root in a user namespace, where the files are their own.
        let step = if system::is_root() {
            Step::new(name, "dpkg", &[])
        } else {
            Step::new(name, "unshare", &["--map-root-user", "dpkg"])
        };
        step.arguments(&words).run()
    }

    /// A first day with the program: its version, a run, the list, the notebook verified.
    fn programs(&self) -> Result<(), Failure> {
        let home = self.root.join(HOME);
        clear(&home.join("project"))?;
        let at = if self.is_whole { PathBuf::from("/").join(HOME) } else { home };
        let bin = if self.is_whole { PathBuf::from("/usr/bin") } else { self.root.join("usr/bin") };
        let lab = |words: &str| {
            let clean = [
                "-i".to_owned(),
                format!("HOME={}", at.display()),
                "PATH=/usr/bin:/bin".to_owned(),
                "LC_ALL=C.UTF-8".to_owned(),
                "sh".to_owned(),
                "-c".to_owned(),
                format!("cd \"$HOME/project\" && {}/{words}", bin.display()),
            ];
            let root = self.root.to_string_lossy();
            let step =
                if self.is_whole { Step::new("use", "chroot", &[&root, "env"]) } else { Step::new("use", "env", &[]) };
            step.arguments(&clean).printed().map(|text| String::from_utf8_lossy(&text).into_owned())
        };
        let has = |text: &str, part: &str| {
            let wrong = || Failure::Wrong(format!("`{part}` is not in what lab said:\n{text}"));
            text.contains(part).then_some(()).ok_or_else(wrong)
        };
        for program in contents::programs() {
            has(&lab(&format!("{} --version", program.name))?, env!("CARGO_PKG_VERSION"))?;
        }
        lab("lab run -- true")?;
        has(&lab("lab ls --json")?, "\"true\"")?;
        lab("lab verify")?;
        println!("── a run was kept, listed and verified");
        Ok(())
    }

    /// Every page of the manual is set without a complaint.
    fn manual(&self) -> Result<(), Failure> {
        let pages = listing_flat(&self.root.join("usr/share/man/man1"));
        for page in &pages {
            let page = page.to_string_lossy();
            let step = Step::new("manual", "man", &["--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l", &page]);
            silent(&step.variable("MANWIDTH", "80").variable("LC_ALL", "C.UTF-8"))?;
        }
        println!("── {} pages of the manual are set without a complaint", pages.len());
        Ok(())
    }

    /// Each shell that is here reads its script; bash also completes with it.
    fn completions(&self) -> Result<(), Failure> {
        let scripts = [
            ("bash", "usr/share/bash-completion/completions/lab"),
            ("zsh", "usr/share/zsh/vendor-completions/_lab"),
            ("fish", "usr/share/fish/vendor_completions.d/lab.fish"),
        ];
        for (shell, script) in scripts {
            let script = self.root.join(script).to_string_lossy().into_owned();
            if Step::new("look", shell, &["--version"]).succeeds() {
                silent(&Step::new("completions", shell, &["-n", &script]))?;
                println!("── {shell} reads its completions");
            }
        }
        let script = self.root.join(scripts[0].1);
        let ask = "source \"$0\"; COMP_WORDS=(lab ver); COMP_CWORD=1; _lab lab ver lab; echo \"${COMPREPLY[*]}\"";
        let answer = Step::new("completion", "bash", &["-c", ask, &script.to_string_lossy()]).printed()?;
        let answer = String::from_utf8_lossy(&answer).trim().to_owned();
        if answer == "verify" { Ok(()) } else { Err(Failure::Wrong(format!("bash completes `lab ver` to `{answer}`"))) }
    }

    /// What a desktop reads, where the package has it: menu entry, description, file types.
    fn desktop(&self) -> Result<(), Failure> {
        let path = |end: &str| self.root.join("usr/share").join(end).to_string_lossy().into_owned();
        let entry = path("applications/lab-desktop.desktop");
        if !Path::new(&entry).is_file() {
            return Ok(());
        }
        Step::new("menu entry", "desktop-file-validate", &[&entry]).run()?;
        // A name in reverse needs a domain, and the project has none.
        let known = "--override=cid-desktopapp-is-not-rdns=info";
        let description = path("metainfo/lab-desktop.metainfo.xml");
        Step::new("description", "appstreamcli", &["validate", "--no-net", known, &description]).run()?;
        self.file_types(Path::new(&path("mime")))
    }

    /// The file types are compiled in a copy of their directory: where they lie, that is work of another package.
    fn file_types(&self, from: &Path) -> Result<(), Failure> {
        let place = self.root.join(HOME).join("mime");
        let packages = place.join("packages");
        clear(&packages)?;
        let (source, copy) = (from.join("packages/lab-notebook.xml"), packages.join("lab-notebook.xml"));
        fs::copy(&source, copy).map_err(Failure::file("copy", &source))?;
        // It says so when a directory is not among those that programs look at.
        let looked_at = self.root.join(HOME).to_string_lossy().into_owned();
        let step = Step::new("file types", "update-mime-database", &[&place.to_string_lossy()]);
        silent(&step.variable("XDG_DATA_DIRS", &looked_at))?;
        println!("── the file types are compiled");
        Ok(())
    }

    fn unit(&self) -> Result<(), Failure> {
        let unit = "usr/lib/systemd/user/lab-watch.service";
        let path = self.root.join(unit);
        let text = super::read(&path)?;
        if !text.contains("ExecStart=/usr/bin/lab watch") || !self.root.join("usr/bin/lab").is_file() {
            return Err(Failure::Wrong(format!("{unit} does not start what the package installs")));
        }
        if Step::new("look", "systemd-analyze", &["--version"]).succeeds() {
            // The program is where the unit names it only within the system: a copy names it as it is seen from here.
            let copy = self.root.join(HOME).join("lab-watch.service");
            let here = text.replace("/usr/bin/lab", &self.root.join("usr/bin/lab").to_string_lossy());
            fs::write(&copy, here).map_err(Failure::file("write", &copy))?;
            let home = self.root.join(HOME);
            let step = Step::new("unit", "systemd-analyze", &["--user", "--man=no", "verify", &copy.to_string_lossy()])
                .variable("XDG_RUNTIME_DIR", &home.to_string_lossy())
                .variable("HOME", &home.to_string_lossy());
            // Other units of this machine may have faults of their own.
            let complaints = step.complaints()?;
            if complaints.contains("lab-watch") {
                return Err(Failure::Wrong(format!("systemd-analyze on {unit}:\n{complaints}")));
            }
            println!("── systemd-analyze finds no fault with the unit");
        }
        Ok(())
    }

    /// Everything in the system but what dpkg and the check itself leave.
    fn paths(&self) -> Result<BTreeSet<String>, Failure> {
        let is_own = |path: &String| LEFT_BY_DPKG.iter().any(|place| Path::new(path).starts_with(place));
        Ok(listing(&self.root)?.into_iter().filter(|path| !is_own(path)).collect())
    }
}

/// Debian's own reader of packages, where it is here: an error is a failure, all else is shown.
fn lintian(package: &Path) -> Result<(), Failure> {
    if !Step::new("look", "lintian", &["--version"]).succeeds() {
        println!("\n!! SKIPPED lintian !!\nit is not here");
        return Ok(());
    }
    Step::new("lintian", "lintian", &["--allow-root", "--fail-on", "error", &package.to_string_lossy()]).run()
}

/// Runs a step that must succeed and say nothing.
fn silent(step: &Step) -> Result<(), Failure> {
    step.printed()?;
    let complaints = step.complaints()?;
    if complaints.is_empty() {
        return Ok(());
    }
    Err(Failure::Wrong(format!("{} says:\n{complaints}", step.command_line())))
}
