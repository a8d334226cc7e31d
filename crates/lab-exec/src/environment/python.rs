//! Python: its version and packages, from files alone.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use lab_model::{Interpreter, Package};

use super::Request;
use super::command::Program;

/// Bytes of a metadata file in which name and version stand.
const HEAD_BYTES: usize = 1024;

/// Where a Python lives.
#[derive(Debug)]
struct Layout {
    /// The environment's root.
    prefix: PathBuf,
    /// The root of the installation that the environment was made from; the same without one.
    base_prefix: PathBuf,
    /// `pyvenv.cfg`, where there is one.
    settings: Option<HashMap<String, String>>,
    /// Such as `3.11`.
    short_version: String,
    /// Such as `3.11.7`.
    version: String,
    executable: PathBuf,
}

pub(super) fn read(
    request: &Request<'_>,
    program: &Program,
    redact: &mut dyn FnMut(&str, &str) -> String,
) -> (Interpreter, Vec<Package>) {
    let layout = layout(&program.path);
    let mut seen = HashSet::new();
    let mut packages = Vec::new();
    for directory in search_path(request, &layout) {
        directory_packages(request, &directory, &mut seen, &mut packages, redact);
    }
    conda_packages(&layout.prefix, &mut seen, &mut packages);
    let is_environment = layout.settings.is_some() || layout.prefix.join("conda-meta").is_dir();
    let interpreter = Interpreter {
        language: "python".to_owned(),
        version: layout.version.clone(),
        path: layout.executable.to_string_lossy().into_owned(),
        manager: manager(program, &layout).to_owned(),
        prefix: is_environment.then(|| layout.prefix.to_string_lossy().into_owned()),
    };
    (interpreter, packages)
}

fn layout(path: &Path) -> Layout {
    // Beside the link, not beside what it leads to: that is the installation below.
    let bin = path.parent().unwrap_or(Path::new("/"));
    let settings_at = [bin, bin.parent().unwrap_or(bin)].into_iter().find_map(|directory| {
        let text = std::fs::read_to_string(directory.join("pyvenv.cfg")).ok()?;
        Some((directory.canonicalize().unwrap_or_else(|_| directory.to_owned()), settings(&text)))
    });
    let executable = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let base_prefix = executable.parent().and_then(Path::parent).unwrap_or(Path::new("/usr")).to_owned();
    let (prefix, settings) = match settings_at {
        Some((prefix, settings)) => (prefix, Some(settings)),
        None => (base_prefix.clone(), None),
    };
    let told = settings.as_ref().and_then(|settings| {
        let version = settings.get("version").or_else(|| settings.get("version_info"))?;
        let parts: Vec<&str> = version.split('.').take(3).collect();
        Some(parts.join("."))
    });
    let short_version =
        told.as_deref().and_then(short).or_else(|| short_version(&prefix, &executable)).unwrap_or_default();
    let version = told
        .filter(|version| version.matches('.').count() == 2)
        .or_else(|| full_version(&base_prefix, &short_version))
        .unwrap_or_else(|| short_version.clone());
    Layout { prefix, base_prefix, settings, short_version, version, executable }
}

fn settings(text: &str) -> HashMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_lowercase(), value.trim().to_owned())).collect()
}

fn short(version: &str) -> Option<String> {
    let (major, rest) = version.split_once('.')?;
    let minor = rest.split('.').next()?;
    (!major.is_empty() && !minor.is_empty()).then(|| format!("{major}.{minor}"))
}

/// `3.11`, from the executable's name or the library's folder.
fn short_version(prefix: &Path, executable: &Path) -> Option<String> {
    let name = executable.file_name()?.to_str()?;
    let digits = name.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_end_matches('t');
    if digits.contains('.') {
        return Some(digits.to_owned());
    }
    let mut versions: Vec<String> = std::fs::read_dir(prefix.join("lib"))
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"))?.to_owned();
            (version.contains('.') && entry.path().join("os.py").exists()).then_some(version)
        })
        .collect();
    versions.sort();
    versions.pop()
}

/// `3.11.7`, from whatever tells it: the C header, conda, the folder's name, Debian's list.
fn full_version(prefix: &Path, short: &str) -> Option<String> {
    let header = || {
        let text = std::fs::read_to_string(prefix.join(format!("include/python{short}/patchlevel.h"))).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("#define PY_VERSION"))?;
        Some(line.split('"').nth(1)?.to_owned())
    };
    let conda = || {
        let names = std::fs::read_dir(prefix.join("conda-meta")).ok()?.flatten();
        names
            .filter_map(|entry| conda_name(entry.file_name().to_str()?))
            .find(|package| package.name == "python")
            .map(|p| p.version)
    };
    let is_version =
        |part: &&str| part.starts_with(&format!("{short}.")) && part[short.len() + 1..].parse::<u32>().is_ok();
    let folder = || prefix.file_name()?.to_str()?.split('-').find(is_version).map(str::to_owned);
    header().or_else(conda).or_else(folder).or_else(|| debian_version(prefix, short))
}

fn debian_version(prefix: &Path, short: &str) -> Option<String> {
    if prefix != Path::new("/usr") {
        return None;
    }
    let status = std::fs::read_to_string("/var/lib/dpkg/status").ok()?;
    let entry = status.split(&format!("Package: python{short}-minimal\n")).nth(1)?;
    let version = entry.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix("Version: "))?;
    let end = version.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(version.len());
    Some(version[..end].to_owned())
}

fn manager(program: &Program, layout: &Layout) -> &'static str {
    let prefix = layout.prefix.to_string_lossy();
    match (&program.runner, &layout.settings) {
        (Some(runner), _) => runner,
        _ if layout.prefix.join("conda-meta").is_dir() => "conda",
        _ if prefix.contains("/pypoetry/") => "poetry",
        (_, Some(settings)) if settings.contains_key("uv") => "uv",
        (_, Some(_)) => "venv",
        _ if prefix.contains("/.pyenv/") => "pyenv",
        _ if prefix.contains("/uv/python/") => "uv",
        _ => "system",
    }
}

/// The folders in which Python looks for packages, in its order.
fn search_path(request: &Request<'_>, layout: &Layout) -> Vec<PathBuf> {
    let mut path: Vec<PathBuf> = Vec::new();
    let isolated = request.argv.iter().any(|word| word == "-I" || word == "-E");
    if let Some(folders) = request.variable("PYTHONPATH").filter(|_| !isolated) {
        path.extend(folders.split(':').filter(|folder| !folder.is_empty()).map(|folder| request.cwd.join(folder)));
    }
    let sees_system = layout.settings.as_ref().is_none_or(|settings| {
        settings.get("include-system-site-packages").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    });
    let mut sites = Vec::new();
    if sees_system && !isolated && request.variable("PYTHONNOUSERSITE").is_none() {
        let base =
            request.variable("PYTHONUSERBASE").map(PathBuf::from).or_else(|| Some(request.home()?.join(".local")));
        sites.extend(base.map(|base| base.join(format!("lib/python{}/site-packages", layout.short_version))));
    }
    let mut prefixes = vec![&layout.prefix];
    if sees_system && layout.prefix != layout.base_prefix {
        prefixes.push(&layout.base_prefix);
    }
    for prefix in prefixes {
        sites.extend(site_folders(prefix, layout));
    }
    for site in sites {
        let extra = path_files(&site);
        path.push(site);
        path.extend(extra);
    }
    let mut seen = HashSet::new();
    path.retain(|folder| seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())));
    path
}

fn site_folders(prefix: &Path, layout: &Layout) -> Vec<PathBuf> {
    let short = &layout.short_version;
    let mut folders = Vec::new();
    // Debian keeps what it packages apart from what pip installs.
    if prefix == Path::new("/usr") && Path::new("/usr/lib/python3/dist-packages").is_dir() {
        folders.push(PathBuf::from(format!("/usr/local/lib/python{short}/dist-packages")));
        folders.push(PathBuf::from("/usr/lib/python3/dist-packages"));
        folders.push(PathBuf::from(format!("/usr/lib/python{short}/dist-packages")));
    }
    let names = [
        format!("lib/python{short}"),
        format!("lib64/python{short}"),
        format!("lib/python{short}t"),
        format!("lib/pypy{short}"),
    ];
    folders.extend(names.iter().map(|name| prefix.join(name).join("site-packages")));
    folders
}

/// Folders that `.pth` files add: projects installed in place the old way.
fn path_files(site: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(site) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "pth"))
        .collect();
    files.sort();
    let mut folders = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("import"));
        folders.extend(lines.map(|line| site.join(line)).filter(|path| path.is_dir()));
    }
    folders
}

fn directory_packages(
    request: &Request<'_>,
    directory: &Path,
    seen: &mut HashSet<String>,
    packages: &mut Vec<Package>,
    redact: &mut dyn FnMut(&str, &str) -> String,
) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_wheel = name.ends_with(".dist-info");
        if name.starts_with('~') || !(is_wheel || name.ends_with(".egg-info")) {
            continue;
        }
        let path = directory.join(name);
        let metadata = if is_wheel { path.join("METADATA") } else { path.join("PKG-INFO") };
        // The oldest kind is a single file.
        let head = head(&metadata).or_else(|| head(&path));
        let Some((name, version)) = head.as_deref().and_then(name_and_version) else { continue };
        let source = is_wheel.then(|| direct_source(request, &path, redact)).flatten();
        found.push(Package { name: normalised(name), version: version.to_owned(), source });
    }
    // Of two versions in one folder it is chance which one counts; the same one every time here.
    found.sort();
    packages.extend(found.into_iter().filter(|package| seen.insert(package.name.clone())));
}

fn head(path: &Path) -> Option<String> {
    let mut bytes = [0; HEAD_BYTES];
    let length = File::open(path).ok()?.read(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

fn name_and_version(head: &str) -> Option<(&str, &str)> {
    let field = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).filter(|value| !value.is_empty())
    };
    Some((field("Name:")?, field("Version:")?))
}

/// The name as PEP 503 writes it: small letters, one `-` for any run of `-`, `_` and `.`.
pub(super) fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        if !matches!(c, '-' | '_' | '.') {
            normal.extend(c.to_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}

/// Where a package came from when not from an index (PEP 610).
fn direct_source(request: &Request<'_>, info: &Path, redact: &mut dyn FnMut(&str, &str) -> String) -> Option<String> {
    let text = std::fs::read_to_string(info.join("direct_url.json")).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    let url = json["url"].as_str()?;
    let place = match url.strip_prefix("file://") {
        // Inside the project the path says the same on another machine.
        Some(path) => match Path::new(path).strip_prefix(request.project_root) {
            Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
            Ok(inside) => inside.to_string_lossy().into_owned(),
            Err(_) => path.to_owned(),
        },
        None => redact("url", url),
    };
    if json["dir_info"]["editable"] == true {
        return Some(format!("editable {place}"));
    }
    if let (Some(tool), Some(commit)) = (json["vcs_info"]["vcs"].as_str(), json["vcs_info"]["commit_id"].as_str()) {
        return Some(format!("{tool}+{place}@{commit}"));
    }
    Some(place)
}

/// What conda installed beside Python packages. The file's name tells it all.
fn conda_packages(prefix: &Path, seen: &mut HashSet<String>, packages: &mut Vec<Package>) {
    let Ok(entries) = std::fs::read_dir(prefix.join("conda-meta")) else { return };
    let found = entries.flatten().filter_map(|entry| conda_name(entry.file_name().to_str()?));
    packages.extend(found.filter(|package| seen.insert(package.name.clone())));
}

/// `numpy-1.26.4-py311_0.json`.
fn conda_name(name: &str) -> Option<Package> {
    let mut parts = name.strip_suffix(".json")?.rsplitn(3, '-');
    let (build, version, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Package { name: normalised(name), version: version.to_owned(), source: Some(format!("conda {build}")) })
}
