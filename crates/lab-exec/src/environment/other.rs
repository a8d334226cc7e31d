//! R, Julia, Node and Cargo.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use lab_model::{Interpreter, Package};

use super::command::{Program, above};
use super::{Request, locks};

fn interpreter(language: &str, program: &Program, version: String) -> Interpreter {
    Interpreter {
        language: language.to_owned(),
        version,
        path: resolved(program).to_string_lossy().into_owned(),
        manager: program.runner.unwrap_or("system").to_owned(),
        prefix: None,
    }
}

fn resolved(program: &Program) -> PathBuf {
    program.path.canonicalize().unwrap_or_else(|_| program.path.clone())
}

fn package(name: &str, version: &str) -> Package {
    Package { name: name.to_owned(), version: version.to_owned(), source: None }
}

/// R: the base package's version is R's own.
pub(super) fn r(request: &Request<'_>, program: &Program) -> (Interpreter, Vec<Package>) {
    let executable = resolved(program);
    let mut homes: Vec<PathBuf> = request.variable("R_HOME").map(PathBuf::from).into_iter().collect();
    // `…/lib/R/bin/Rscript` and `…/bin/Rscript`.
    let above_bin = executable.parent().and_then(Path::parent);
    homes.extend(
        above_bin.iter().flat_map(|prefix| [prefix.to_path_buf(), prefix.join("lib/R"), prefix.join("lib64/R")]),
    );
    let home = homes.into_iter().find(|home| home.join("library/base/DESCRIPTION").is_file()).unwrap_or_default();
    let version = description(&home.join("library/base")).map_or_else(String::new, |package| package.version);
    let short: String = version.split('.').take(2).collect::<Vec<_>>().join(".");
    let mut libraries = renv_libraries(request);
    for name in ["R_LIBS", "R_LIBS_USER", "R_LIBS_SITE"] {
        let folders = request.variable(name).unwrap_or_default().split(':').filter(|folder| !folder.is_empty());
        libraries.extend(folders.map(|folder| request.cwd.join(folder)));
    }
    if let Some(user) = request.home() {
        libraries.push(user.join(format!("R/{}-pc-linux-gnu-library/{short}", std::env::consts::ARCH)));
    }
    libraries.extend(["/usr/local/lib/R/site-library", "/usr/lib/R/site-library"].map(PathBuf::from));
    libraries.push(home.join("library"));
    let folders = libraries.iter().filter_map(|library| std::fs::read_dir(library).ok());
    let packages = folders.flat_map(|entries| entries.flatten().filter_map(|entry| description(&entry.path())));
    let packages = packages.collect();
    (interpreter("r", program, version), packages)
}

/// `renv/library/…/R-4.2/x86_64-pc-linux-gnu`, two or three levels deep.
fn renv_libraries(request: &Request<'_>) -> Vec<PathBuf> {
    let Some(root) = above(request.cwd, "renv/library") else { return Vec::new() };
    let mut level = vec![root];
    for _ in 0..3 {
        let below = level.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
        let below: Vec<PathBuf> = below.flat_map(|entries| entries.flatten().map(|entry| entry.path())).collect();
        level = below.into_iter().filter(|path| path.is_dir()).take(64).collect();
        let holds_packages = |library: &PathBuf| {
            std::fs::read_dir(library)
                .is_ok_and(|entries| entries.flatten().any(|entry| entry.path().join("DESCRIPTION").is_file()))
        };
        if level.iter().any(holds_packages) {
            return level;
        }
    }
    Vec::new()
}

fn description(folder: &Path) -> Option<Package> {
    let mut bytes = [0; 2048];
    let length = File::open(folder.join("DESCRIPTION")).ok()?.read(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes[..length]);
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some(package(field("Package:")?, field("Version:")?))
}

/// Julia: the manifest of the active project.
pub(super) fn julia(request: &Request<'_>, program: &Program) -> (Interpreter, Vec<Package>) {
    let executable = resolved(program);
    let folder_version = executable.ancestors().find_map(|folder| {
        let name = folder.file_name()?.to_str()?;
        let version = name.strip_prefix("julia-")?.split(['+', '-']).next()?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
    });
    let option = request
        .argv
        .iter()
        .filter_map(|word| word.to_str())
        .find_map(|word| word.strip_prefix("--project=").or_else(|| (word == "--project").then_some("@.")));
    let project = match option.or_else(|| request.variable("JULIA_PROJECT")) {
        None | Some("") => None,
        Some("@.") => above(request.cwd, "Project.toml").and_then(|file| Some(file.parent()?.to_owned())),
        Some(folder) => Some(request.cwd.join(folder)),
    };
    let short = folder_version.as_deref().map(|version| version.split('.').take(2).collect::<Vec<_>>().join("."));
    let shared = || Some(request.home()?.join(format!(".julia/environments/v{}", short?)));
    let manifest = project.or_else(shared).map(|folder| folder.join("Manifest.toml"));
    let text = manifest.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    let told = text.lines().find_map(|line| Some(line.strip_prefix("julia_version = ")?.trim_matches('"').to_owned()));
    let packages = locks::julia(&text).into_iter().map(|(name, version)| package(&name, &version)).collect();
    (interpreter("julia", program, folder_version.or(told).unwrap_or_default()), packages)
}

/// Node: what npm says it installed.
pub(super) fn node(request: &Request<'_>, program: &Program) -> (Interpreter, Vec<Package>) {
    let executable = resolved(program);
    let prefix = executable.parent().and_then(Path::parent).unwrap_or(Path::new("/usr"));
    let header = std::fs::read_to_string(prefix.join("include/node/node_version.h")).unwrap_or_default();
    let number = |name: &str| {
        let line = header.lines().find_map(|line| line.strip_prefix(&format!("#define NODE_{name}_VERSION ")))?;
        Some(line.trim().to_owned())
    };
    let folder = || prefix.file_name()?.to_str()?.strip_prefix('v').map(str::to_owned);
    let version = match (number("MAJOR"), number("MINOR"), number("PATCH")) {
        (Some(major), Some(minor), Some(patch)) => format!("{major}.{minor}.{patch}"),
        _ => folder().unwrap_or_default(),
    };
    let installed = above(request.cwd, "node_modules/.package-lock.json");
    let text = installed.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    let packages = locks::npm(&text).into_iter().map(|(name, version)| package(&name, &version)).collect();
    (interpreter("node", program, version), packages)
}

/// Cargo: the packages of the lock file are those that are built.
pub(super) fn cargo(request: &Request<'_>, program: &Program) -> (Interpreter, Vec<Package>) {
    let text = above(request.cwd, "Cargo.lock").and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    let packages = locks::toml_packages(&text).into_iter().map(|(name, version)| package(&name, &version)).collect();
    let channel = above(request.cwd, "rust-toolchain.toml").and_then(|file| std::fs::read_to_string(file).ok());
    let version = channel.and_then(|text| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("channel"))?.to_owned();
        Some(line.split('"').nth(1)?.to_owned())
    });
    (interpreter("rust", program, version.unwrap_or_default()), packages)
}
