//! What is in a package, as two tables: the programs, and the files that come from the repository.

use std::fs;
use std::path::Path;

use super::tree::Tree;
use super::{Release, third_party};
use crate::step::{Failure, Step, root};

/// A program that a package may hold.
#[derive(Debug)]
pub struct Program {
    /// Its name on the `PATH`.
    pub name: &'static str,
    /// The crate that makes it; a package goes without the program where the crate is not in the tree.
    pub package: &'static str,
    /// Debian packages of libraries that it opens by name while it runs, which no tool can see.
    pub opens: &'static [&'static str],
}

/// Every program.
const PROGRAMS: &[Program] = &[
    Program { name: "lab", package: "lab-cli", opens: &[] },
    Program {
        name: "lab-desktop",
        package: "lab-desktop",
        opens: &[
            "libegl1",
            "libfontconfig1",
            "libgl1",
            "libgl1-mesa-dri",
            "libwayland-client0",
            "libwayland-cursor0",
            "libwayland-egl1",
            "libx11-6",
            "libx11-xcb1",
            "libxcursor1",
            "libxi6",
            "libxkbcommon-x11-0",
            "libxkbcommon0",
            "libxrandr2",
            "xdg-desktop-portal",
        ],
    },
];

/// A file of the repository, its place below the prefix, and the program that it belongs to.
type File = (&'static str, &'static str, &'static str);

/// Files that are copied; `@VERSION@` and `@DATE@` in them become those of the release.
const FILES: &[File] = &[
    ("assets/watch/lab-watch.service", "share/systemd/user/lab-watch.service", "lab"),
    ("packaging/linux/lab-notebook.xml", "share/mime/packages/lab-notebook.xml", "lab-desktop"),
    ("packaging/linux/lab-desktop.desktop", "share/applications/lab-desktop.desktop", "lab-desktop"),
    ("packaging/linux/lab-desktop.metainfo.xml", "share/metainfo/lab-desktop.metainfo.xml", "lab-desktop"),
    ("packaging/linux/lab-desktop.1", "share/man/man1/lab-desktop.1", "lab-desktop"),
    ("assets/icon/lab.svg", "share/icons/hicolor/scalable/apps/lab-desktop.svg", "lab-desktop"),
    ("CHANGELOG.md", "share/doc/lab/CHANGELOG.md", "lab"),
    ("README.md", "share/doc/lab/README.md", "lab"),
    ("LICENSE-MIT", "share/doc/lab/LICENSE-MIT", "lab"),
    ("LICENSE-APACHE", "share/doc/lab/LICENSE-APACHE", "lab"),
];

/// Widths of the icon in pixels; `packaging/icons.py` makes them.
const ICON_SIZES: &[u32] = &[16, 24, 32, 48, 64, 128, 256, 512];

/// The shells whose completion is packaged, and where each looks for it.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "share/bash-completion/completions/lab"),
    ("zsh", "share/zsh/site-functions/_lab"),
    ("fish", "share/fish/vendor_completions.d/lab.fish"),
];

/// The programs whose crates are in the tree.
pub fn programs() -> Vec<&'static Program> {
    let is_here = |program: &&Program| root().join("crates").join(program.package).join("Cargo.toml").is_file();
    PROGRAMS.iter().filter(is_here).collect()
}

/// Fills the tree at `place` with the programs in `built` and all that belongs to them.
pub fn fill(release: &Release, built: &Path, place: &Path) -> Result<Tree, Failure> {
    let tree = Tree::new(place)?;
    let has = |name: &str| release.programs.iter().any(|program| program.name == name);
    for program in &release.programs {
        tree.program(&format!("bin/{}", program.name), &built.join(program.name))?;
    }
    for (from, to, _) in FILES.iter().filter(|(_, _, program)| has(program)) {
        let bytes = filled(&super::read(&root().join(from))?, release).into_bytes();
        if to.starts_with("share/man/") { tree.write_compressed(to, &bytes)? } else { tree.write(to, &bytes)? }
    }
    if has("lab-desktop") {
        for size in ICON_SIZES {
            let bytes = bytes(&root().join(format!("assets/icon/png/{size}.png")))?;
            tree.write(&format!("share/icons/hicolor/{size}x{size}/apps/lab-desktop.png"), &bytes)?;
        }
    }
    for page in files(&root().join("docs"), "md")? {
        tree.write(&format!("share/doc/lab/docs/{page}"), &bytes(&root().join("docs").join(&page))?)?;
    }
    let packages: Vec<&str> = release.programs.iter().map(|program| program.package).collect();
    tree.write_compressed("share/doc/lab/third-party.txt", third_party::text(&packages)?.as_bytes())?;
    manual_and_completions(&tree, &built.join("lab"), &place.with_extension("man"))?;
    Ok(tree)
}

/// What the command line writes about itself.
fn manual_and_completions(tree: &Tree, lab: &Path, pages: &Path) -> Result<(), Failure> {
    let lab = lab.to_string_lossy();
    super::tree::clear(pages)?;
    Step::new("manual", &lab, &["man", "--out", &pages.to_string_lossy()]).printed()?;
    for page in files(pages, "1")? {
        tree.write_compressed(&format!("share/man/man1/{page}"), &bytes(&pages.join(&page))?)?;
    }
    for (shell, to) in COMPLETIONS {
        tree.write(to, &Step::new("completions", &lab, &["completions", shell]).printed()?)?;
    }
    Ok(())
}

/// `text` with the release's version and day in the places that are marked for them.
pub fn filled(text: &str, release: &Release) -> String {
    text.replace("@VERSION@", &release.version).replace("@DATE@", &release.date)
}

/// Names of the files in `directory` that end in `.extension`, sorted.
fn files(directory: &Path, extension: &str) -> Result<Vec<String>, Failure> {
    let mut names = super::tree::listing(directory)?;
    names.retain(|name| !name.contains('/') && Path::new(name).extension().is_some_and(|end| end == extension));
    Ok(names)
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(Failure::file("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_tables_is_in_the_repository() {
        let icons = ICON_SIZES.iter().map(|size| format!("assets/icon/png/{size}.png"));
        let missing: Vec<String> = FILES.iter().map(|(from, _, _)| (*from).to_owned()).chain(icons).collect();
        let missing: Vec<&String> = missing.iter().filter(|path| !root().join(path).is_file()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn every_file_belongs_to_a_program() {
        for (from, _, program) in FILES {
            assert!(PROGRAMS.iter().any(|known| known.name == *program), "{from}");
        }
    }
}
