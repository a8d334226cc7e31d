//! The Debian package. It has no maintainer scripts: what must happen when menus, icons, file types and manual pages
//! change is done by the triggers of the packages that own those caches.

use std::fs;
use std::path::{Path, PathBuf};

use super::Release;
use super::tree::{Tree, clear};
use crate::step::{Failure, Step, root};

/// What lies elsewhere on Debian than below other prefixes.
const MOVES: &[(&str, &str)] = &[
    ("usr/share/zsh/site-functions", "usr/share/zsh/vendor-completions"),
    ("usr/share/systemd/user", "usr/lib/systemd/user"),
];

/// What only the archive has: the licences stand in `copyright`, the installing is dpkg's work.
const LEFT_OUT: &[&str] = &["install.sh", "share/doc/lab/LICENSE-MIT", "share/doc/lab/LICENSE-APACHE"];

/// Who answers for the package where `DEBFULLNAME` and `DEBEMAIL` do not say.
const MAINTAINER: (&str, &str) = ("The lab authors", "lab@lists.example.org");

/// Writes `lab_<version>_<architecture>.deb` into `out`. The tree is used up.
pub fn make(release: &Release, tree: Tree, out: &Path, is_release: bool) -> Result<PathBuf, Failure> {
    let place = out.join("debian");
    let package = Tree::new(&place)?;
    for file in LEFT_OUT {
        let path = tree.root().join(file);
        fs::remove_file(&path).map_err(Failure::file("remove", &path))?;
    }
    let usr = place.join("usr");
    fs::rename(tree.root(), &usr).map_err(Failure::file("move", tree.root()))?;
    drop(tree);
    for (from, to) in MOVES {
        package.rename(from, to)?;
    }
    documents(release, &package)?;
    let architecture = text(&Step::new("architecture", "dpkg", &["--print-architecture"]))?;
    control(release, &package, &architecture, &out.join("depends"))?;

    let file = out.join(format!("lab_{}-1_{architecture}.deb", release.version));
    // A package for tests is made quickly, one for people small.
    let compression: &[&str] = if is_release { &["-Zxz"] } else { &["-Zgzip", "-z1"] };
    Step::new("package", "dpkg-deb", compression)
        .arguments(
            &["--root-owner-group", "--build", &place.to_string_lossy(), &file.to_string_lossy()].map(String::from),
        )
        .variable("SOURCE_DATE_EPOCH", &release.epoch.to_string())
        .printed()?;
    Ok(file)
}

/// The changelog, the licences and what lintian need not say, in the form and under the names that Debian's policy asks for.
fn documents(release: &Release, package: &Tree) -> Result<(), Failure> {
    let changes = package.root().join("usr/share/doc/lab/CHANGELOG.md");
    package.write_compressed("usr/share/doc/lab/changelog", super::read(&changes)?.as_bytes())?;
    fs::remove_file(&changes).map_err(Failure::file("remove", &changes))?;

    let time =
        text(&Step::new("date", "date", &["-u", "-R", "-d", &format!("@{}", release.epoch)]).variable("LC_ALL", "C"))?;
    let entry = format!(
        "lab ({}-1) unstable; urgency=medium\n\n  * Release {}; changelog.gz says what is new.\n\n -- {}  {time}\n",
        release.version,
        release.version,
        maintainer()
    );
    package.write_compressed("usr/share/doc/lab/changelog.Debian", entry.as_bytes())?;

    let licence = super::read(&root().join("LICENSE-MIT"))?;
    let copyright = super::read(&root().join("packaging/debian/copyright"))?.replace("@MIT@", &indented(&licence));
    package.write("usr/share/doc/lab/copyright", copyright.as_bytes())?;
    let known = super::read(&root().join("packaging/debian/lintian-overrides"))?;
    package.write("usr/share/lintian/overrides/lab", known.as_bytes())
}

/// What dpkg reads: the description of the package and the checksums of its files.
fn control(release: &Release, package: &Tree, architecture: &str, work: &Path) -> Result<(), Failure> {
    let files = package.files()?;
    let size = |path: &String| package.root().join(path).metadata().map_or(0, |data| data.len().div_ceil(1024));
    let mut opened: Vec<&str> = release.programs.iter().flat_map(|program| program.opens).copied().collect();
    opened.sort_unstable();
    let text = super::read(&root().join("packaging/debian/control"))?
        .replace("@VERSION@", &format!("{}-1", release.version))
        .replace("@ARCHITECTURE@", architecture)
        .replace("@MAINTAINER@", &maintainer())
        .replace("@SIZE@", &files.iter().map(size).sum::<u64>().to_string())
        .replace("@DEPENDS@", &depends(release, package.root(), work)?)
        .replace("@RECOMMENDS@", &opened.join(", "));
    // A field without a value is no field.
    let lines = text.lines().filter(|line| *line != "Recommends: ");
    package.write("DEBIAN/control", (lines.collect::<Vec<_>>().join("\n") + "\n").as_bytes())?;

    let sums = Step::new("checksums", "md5sum", &[]).arguments(&files).within(package.root()).printed()?;
    package.write("DEBIAN/md5sums", &sums)
}

/// The packages of the libraries that the programs are linked with.
fn depends(release: &Release, package: &Path, work: &Path) -> Result<String, Failure> {
    clear(&work.join("debian"))?;
    let control = work.join("debian/control");
    let source = "Source: lab\n\nPackage: lab\nArchitecture: any\n";
    fs::write(&control, source).map_err(Failure::file("write", &control))?;
    let programs = release.programs.iter().map(|program| package.join("usr/bin").join(program.name));
    let programs: Vec<String> = programs.map(|path| path.to_string_lossy().into_owned()).collect();
    let step = Step::new("libraries", "dpkg-shlibdeps", &["-O"]).arguments(&programs).within(work);
    let line = text(&step)?;
    let wrong = || Failure::Wrong(format!("dpkg-shlibdeps says `{line}`"));
    line.strip_prefix("shlibs:Depends=").map(String::from).ok_or_else(wrong)
}

fn maintainer() -> String {
    let (name, mail) = MAINTAINER;
    let or = |variable: &str, fallback: &str| std::env::var(variable).unwrap_or_else(|_| fallback.to_owned());
    format!("{} <{}>", or("DEBFULLNAME", name), or("DEBEMAIL", mail))
}

/// A text as a field of a control file holds it: a space before each line, a dot for an empty one.
fn indented(text: &str) -> String {
    let line = |line: &str| if line.trim().is_empty() { " .".to_owned() } else { format!(" {line}") };
    text.trim_end().lines().map(line).collect::<Vec<_>>().join("\n")
}

fn text(step: &Step) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&step.printed()?).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_field() {
        assert_eq!(indented("one\n\n  two\n"), " one\n .\n   two");
    }
}
