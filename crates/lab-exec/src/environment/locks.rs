//! Lock files, and how far what is installed has drifted from them.

use std::collections::HashMap;
use std::path::Path;

use lab_model::{LockFile, Package};
use serde_json::Value;

use super::Request;
use super::python::normalised;

/// Name and version of one pinned package.
pub(super) type Pin = (String, String);

/// The largest lock file that is read.
const MAX_BYTES: u64 = 32 << 20;

/// How the pins stand in a file.
type Reader = fn(&str) -> Vec<Pin>;

/// File name, tool, language whose packages it pins, reader.
const FILES: &[(&str, &str, &str, Reader)] = &[
    ("uv.lock", "uv", "python", toml_packages),
    ("poetry.lock", "poetry", "python", toml_packages),
    ("pylock.toml", "pip", "python", toml_packages),
    ("pdm.lock", "pdm", "python", toml_packages),
    ("Pipfile.lock", "pipenv", "python", pipfile),
    ("environment.yml", "conda", "python", conda),
    ("environment.yaml", "conda", "python", conda),
    ("conda-lock.yml", "conda", "", yaml_names),
    ("pixi.lock", "pixi", "", yaml_names),
    ("renv.lock", "renv", "r", renv),
    ("Manifest.toml", "julia", "julia", julia),
    ("Cargo.lock", "cargo", "rust", toml_packages),
    ("package-lock.json", "npm", "node", npm),
];

/// The lock files in the project's root and in the directory of the command.
pub(super) fn read(
    request: &Request<'_>,
    language: Option<&str>,
    installed: &[Package],
    missing: &mut Vec<String>,
) -> Vec<LockFile> {
    let versions: HashMap<&str, &str> =
        installed.iter().map(|package| (package.name.as_str(), package.version.as_str())).collect();
    let mut locks = Vec::new();
    let mut folders = vec![request.project_root];
    if request.cwd != request.project_root && request.cwd.starts_with(request.project_root) {
        folders.push(request.cwd);
    }
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        for name in names {
            let Some((tool, of, reader)) = kind(&name) else { continue };
            let path = folder.join(&name);
            let shown = path.strip_prefix(request.project_root).unwrap_or(&path).to_string_lossy().into_owned();
            let Some(text) = text_of(&path) else {
                missing.push(format!("the lock file {shown} could not be read"));
                continue;
            };
            let pins = reader(&text);
            let drift = if language == Some(of) { drift(&pins, of, &versions) } else { Vec::new() };
            locks.push(LockFile { path: shown, tool: tool.to_owned(), packages: pins.len(), drift });
        }
    }
    locks
}

fn kind(name: &str) -> Option<(&'static str, &'static str, Reader)> {
    if name.starts_with("requirements") && name.ends_with(".txt") {
        return Some(("pip", "python", requirements));
    }
    FILES.iter().find(|(file, ..)| *file == name).map(|(_, tool, language, reader)| (*tool, *language, *reader))
}

fn text_of(path: &Path) -> Option<String> {
    let size = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?.len();
    if size > MAX_BYTES { None } else { std::fs::read_to_string(path).ok() }
}

/// Packages that are installed in another version. One that is not installed at all may belong to
/// another platform or group, and is no drift.
fn drift(pins: &[Pin], language: &str, installed: &HashMap<&str, &str>) -> Vec<String> {
    // A lock can pin one package in several versions, for several platforms.
    let mut pinned: HashMap<String, Vec<&str>> = HashMap::new();
    for (name, version) in pins {
        let name = if language == "python" { normalised(name) } else { name.clone() };
        pinned.entry(name).or_default().push(version);
    }
    let mut drift: Vec<String> = pinned
        .into_iter()
        .filter_map(|(name, versions)| {
            let installed = installed.get(name.as_str())?;
            let is_same = versions.iter().any(|version| same_version(version, installed));
            (!is_same).then(|| format!("{name}: {} → {installed}", versions[0]))
        })
        .collect();
    drift.sort();
    drift
}

/// `1.0` and `1.0.0` are one version, and so are `2024.07.04` and `2024.7.4`; a local part such as
/// `+cu121` counts only when it is pinned; `1.26.*` pins a series.
fn same_version(pinned: &str, installed: &str) -> bool {
    if let Some(series) = pinned.strip_suffix(".*") {
        return installed == series || installed.strip_prefix(series).is_some_and(|rest| rest.starts_with('.'));
    }
    let installed = if pinned.contains('+') { installed } else { installed.split('+').next().unwrap_or(installed) };
    let parts = |version: &str| -> Vec<String> {
        let mut parts: Vec<String> = version
            .split('.')
            .map(|part| part.parse::<u64>().map_or_else(|_| part.to_owned(), |number| number.to_string()))
            .collect();
        while parts.last().is_some_and(|part| part == "0") {
            parts.pop();
        }
        parts
    };
    pinned == installed || parts(pinned) == parts(installed)
}

/// `[[package]]` tables with `name` and `version`: uv, Poetry, pip, PDM, Cargo.
pub(super) fn toml_packages(text: &str) -> Vec<Pin> {
    let mut pins: Vec<Pin> = Vec::new();
    let mut name = None;
    for line in text.lines() {
        if line.starts_with('[') {
            name = None;
            continue;
        }
        if let Some(value) = toml_value(line, "name") {
            name = Some(value);
        } else if let (Some(value), Some(package)) = (toml_value(line, "version"), name.take()) {
            pins.push((package.to_owned(), value.to_owned()));
        }
    }
    pins
}

/// `key = "value"` at the start of a line.
fn toml_value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim();
    rest.strip_prefix('"')?.strip_suffix('"')
}

/// `[[deps.Name]]` tables of Julia's manifest.
pub(super) fn julia(text: &str) -> Vec<Pin> {
    let mut pins = Vec::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(table) = line.strip_prefix("[[") {
            let table = table.trim_end_matches("]]");
            name = Some(table.strip_prefix("deps.").unwrap_or(table));
        } else if line.starts_with('[') {
            name = None;
        } else if let (Some(version), Some(package)) = (toml_value(line, "version"), name) {
            pins.push((package.to_owned(), version.to_owned()));
        }
    }
    pins
}

/// `name[extra]==version ; marker --hash=…`; what is not pinned exactly is passed over.
fn requirements(text: &str) -> Vec<Pin> {
    let pin = |line: &str| {
        let line = line.split(" #").next()?.split(';').next()?.trim();
        let (name, version) = line.split_once("==")?;
        let name = name.split('[').next()?.trim();
        let version = version.trim_start_matches('=').split([' ', ',', '\\']).next()?.trim();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
        (is_name && !version.is_empty()).then(|| (name.to_owned(), version.to_owned()))
    };
    text.lines().filter(|line| !line.trim_start().starts_with(['#', '-'])).filter_map(pin).collect()
}

/// `- name=version=build`, `- channel::name=version`, and below `- pip:` as in requirements.
fn conda(text: &str) -> Vec<Pin> {
    let mut pins = Vec::new();
    for line in text.lines() {
        let Some(item) = line.trim().strip_prefix("- ") else { continue };
        let item = item.trim().trim_matches(['"', '\'']);
        if item.contains("==") {
            pins.extend(requirements(item));
        } else if let Some((name, version)) = item.split_once('=') {
            let name = name.rsplit("::").next().unwrap_or(name);
            let version = version.split('=').next().unwrap_or(version);
            let is_pin = !name.contains(['<', '>', '!', ' ', '~']) && version.starts_with(|c: char| c.is_ascii_digit());
            if is_pin {
                // In conda, `numpy=1.26` means any 1.26.
                pins.push((name.to_owned(), format!("{}.*", version.trim_end_matches(".*").trim_end_matches('*'))));
            }
        }
    }
    pins
}

/// Entries of a YAML lock, which are only counted.
fn yaml_names(text: &str) -> Vec<Pin> {
    let is_entry = |line: &&str| {
        line.starts_with("- ") && (line.contains("name:") || line.contains("conda:") || line.contains("pypi:"))
    };
    text.lines().filter(is_entry).map(|line| (line.to_owned(), String::new())).collect()
}

fn pipfile(text: &str) -> Vec<Pin> {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let groups = ["default", "develop"].into_iter().filter_map(|group| json[group].as_object());
    let pins = groups.flatten().filter_map(|(name, facts)| {
        Some((name.clone(), facts["version"].as_str()?.trim_start_matches('=').to_owned()))
    });
    pins.collect()
}

fn renv(text: &str) -> Vec<Pin> {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let packages = json["Packages"].as_object().into_iter().flatten();
    packages.filter_map(|(name, facts)| Some((name.clone(), facts["Version"].as_str()?.to_owned()))).collect()
}

pub(super) fn npm(text: &str) -> Vec<Pin> {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let packages = json["packages"].as_object().into_iter().flatten();
    let pins = packages.filter_map(|(path, facts)| {
        let (_, name) = path.rsplit_once("node_modules/")?;
        Some((name.to_owned(), facts["version"].as_str()?.to_owned()))
    });
    pins.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pins: &[Pin]) -> String {
        pins.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn pins_are_read() {
        let toml = "version = 1\n[[package]]\nname = \"a\"\nversion = \"1.0\"\ndependencies = [\n    { name = \"b\" },\n]\n\n[[package]]\nname = \"b\"\nversion = \"2\"\n[package.extras]\nname = \"no\"\n";
        assert_eq!(shown(&toml_packages(toml)), "a 1.0, b 2");
        let text = "# c\n-r base.txt\nnumpy==1.26.4 ; python_version > '3' \\\n    --hash=sha256:x\ntorch[x]==2.1+cu121 # y\npandas>=1\n-e .\n";
        assert_eq!(shown(&requirements(text)), "numpy 1.26.4, torch 2.1+cu121");
        let text = "name: x\ndependencies:\n  - python=3.11\n  - conda-forge::numpy=1.26.4=py311\n  - scipy>=1\n  - pip:\n    - rich==13.0\n";
        assert_eq!(shown(&conda(text)), "python 3.11.*, numpy 1.26.4.*, rich 13.0");
        assert_eq!(shown(&renv(r#"{"Packages": {"dplyr": {"Version": "1.1.0"}}}"#)), "dplyr 1.1.0");
        assert_eq!(shown(&pipfile(r#"{"default": {"a": {"version": "==1"}}, "develop": {"b": {}}}"#)), "a 1");
        assert_eq!(
            shown(&npm(
                r#"{"packages": {"": {}, "node_modules/a": {"version": "1"}, "node_modules/a/node_modules/@s/b": {"version": "2"}}}"#
            )),
            "a 1, @s/b 2"
        );
        assert_eq!(
            shown(&julia(
                "julia_version = \"1.10\"\n[[deps.CSV]]\nuuid = \"x\"\nversion = \"0.10.1\"\n\n[[deps.Dates]]\n"
            )),
            "CSV 0.10.1"
        );
    }

    #[test]
    fn drift_names_other_versions_only() {
        let installed = HashMap::from([("a", "1.0.0"), ("b-c", "2.1"), ("t", "2.1+cu121"), ("s", "1.26.4")]);
        let pins = [("A", "1.0"), ("b_c", "2.0"), ("gone", "1"), ("t", "2.1"), ("s", "1.26.*")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(drift(&pins, "python", &installed), ["b-c: 2.0 → 2.1"]);
    }
}
