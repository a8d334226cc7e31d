//! What a run says of itself before it starts: parameters, seeds, inputs, fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lab_ingest::params::{Script, config_files, flatten_config, from_argv, script_of};
use lab_ingest::secret::{Scanner, secret_file_name};
use lab_ingest::seeds;
use lab_model::{Content, Domain, Fingerprint, Hash, Hasher, Input, RelPath, Role, Seed, Snapshot};
use lab_store::{SealKey, hash_reader};
use serde_json::Value;

use crate::live::redacted;
use crate::snapshot::Taken;

/// Larger scripts and config files are not read for parameters.
const READ_LIMIT_BYTES: u64 = 1 << 20;
/// Inputs outside the snapshot are hashed before the start up to this many bytes; beyond it, size
/// and modification times must do.
const INPUT_LIMIT_BYTES: u64 = 256 << 20;
/// A folder with more files is not walked as an input.
const INPUT_LIMIT_FILES: u64 = 10_000;

/// The description of a command.
#[derive(Default)]
pub(crate) struct Description {
    /// The command line, secrets replaced.
    pub argv: Vec<String>,
    pub params: BTreeMap<String, Value>,
    pub seeds: Vec<Seed>,
    pub inputs: Vec<Input>,
    /// Parameters of the command line alone, for the fingerprint.
    given: BTreeMap<String, Value>,
}

/// Reads what `argv`, started in `cwd`, shows of itself.
pub(crate) fn describe(argv: &[String], cwd: &Path, root: &Path, taken: Option<&Taken>, key: &SealKey) -> Description {
    let scanner = Scanner::new();
    let mut replace = |secret: &str, rule: &str| redacted(key, secret, rule);
    let given = scanner.redact_params(&from_argv(argv), &mut replace);
    let mut params = BTreeMap::new();
    let mut found_seeds = seeds::from_params(&given, "argument");
    let script = match script_of(argv) {
        Some(Script::File(path)) => read_text(&cwd.join(&path)).map(|text| (path, text)),
        _ => None,
    };
    let mut configs = config_files(argv);
    if let Some((path, text)) = &script {
        found_seeds.extend(seeds::from_code(path, text));
        // What an earlier run wrote is named by the script too, and is no setting of this one.
        let written = |name: &String| place_of(&cwd.join(name), root).and_then(|place| taken?.role_of(&place));
        configs.extend(quoted_configs(text).into_iter().filter(|name| written(name) != Some(Role::Output)));
    }
    let mut seen = BTreeSet::new();
    for name in configs.into_iter().filter(|name| seen.insert(name.clone())) {
        // Named by the command line relative to where it runs, by the script often to where it lies.
        let beside = script.as_ref().and_then(|(path, _)| cwd.join(path).parent().map(|parent| parent.join(&name)));
        let text = read_text(&cwd.join(&name)).or_else(|| beside.and_then(|path| read_text(&path)));
        let Some(text) = text else { continue };
        let Ok(settings) = flatten_config(&name, text.as_bytes()) else { continue };
        let settings = scanner.redact_params(&settings, &mut replace);
        found_seeds.extend(seeds::from_params(&settings, &name));
        let stem = Path::new(&name).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        for (setting, value) in settings {
            let place = if params.contains_key(&setting) { format!("{stem}.{setting}") } else { setting };
            params.insert(place, value);
        }
    }
    // What the command line says wins over a file.
    params.extend(given.clone());
    Description {
        argv: scanner.redact_argv(argv, &mut replace),
        inputs: inputs(argv, &params, &Searched { cwd, root, taken, key, scanner: &scanner }),
        params,
        seeds: found_seeds,
        given,
    }
}

impl Description {
    /// The parts of the fingerprint that are known before the start.
    pub fn fingerprint(&self, snapshot: Option<&Snapshot>) -> Fingerprint {
        let role = |role| snapshot.and_then(|snapshot| snapshot.role(role));
        let mut config = Hasher::new(Domain::Fingerprint);
        for (name, value) in &self.given {
            config.field(name.as_bytes()).field(value.to_string().as_bytes());
        }
        let mut data = Hasher::new(Domain::Fingerprint);
        for input in &self.inputs {
            data.field(input.path.as_bytes());
            data.field(input.content.hash().as_ref().map_or(&[], |hash| &hash.0[..]));
        }
        let with = |files: Option<Hash>, mut hasher: Hasher, more: bool| match (files, more) {
            (files, false) => files,
            (files, true) => {
                hasher.field(files.as_ref().map_or(&[], |hash| &hash.0[..]));
                Some(hasher.finish())
            }
        };
        Fingerprint {
            code: role(Role::Code),
            config: with(role(Role::Config), config, !self.given.is_empty()),
            data: with(role(Role::Data), data, !self.inputs.is_empty()),
            environment: None,
        }
    }
}

fn read_text(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    // A FIFO or device would wait for ever.
    if !metadata.is_file() || metadata.len() > READ_LIMIT_BYTES {
        return None;
    }
    Some(String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned())
}

/// Config files that a script names in quotes.
fn quoted_configs(text: &str) -> Vec<String> {
    let quoted = text.split(['"', '\'']).filter(|part| part.len() < 200 && !part.contains(['\n', ' ', '{', '*']));
    let named = quoted.filter(|part| {
        let ending = Path::new(part).extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| matches!(ending, "json" | "toml" | "yaml" | "yml" | "ini" | "cfg"))
    });
    named.map(str::to_owned).collect()
}

/// Where inputs are looked for, and what is known of the place.
struct Searched<'a> {
    cwd: &'a Path,
    root: &'a Path,
    taken: Option<&'a Taken>,
    key: &'a SealKey,
    scanner: &'a Scanner,
}

/// Files and folders that the command or a parameter names and that the snapshot does not hold.
fn inputs(argv: &[String], params: &BTreeMap<String, Value>, searched: &Searched<'_>) -> Vec<Input> {
    let in_argv = argv.iter().skip(1).map(|word| word.split_once('=').map_or(word.as_str(), |(_, value)| value));
    let in_params = params.values().filter_map(Value::as_str);
    let names: BTreeSet<&str> = in_argv.chain(in_params).filter(|name| looks_like_path(name)).collect();
    let mut budget = INPUT_LIMIT_BYTES;
    names.into_iter().filter_map(|name| input(name, searched, &mut budget)).collect()
}

/// Words without a dot or slash are seldom files, and looking each one up would cost.
fn looks_like_path(name: &str) -> bool {
    (2..=4096).contains(&name.len()) && !name.starts_with('-') && !name.contains("://") && name.contains(['/', '.'])
}

/// Where a path lies below the project's root.
fn place_of(path: &Path, root: &Path) -> Option<RelPath> {
    RelPath::new(path.canonicalize().ok()?.strip_prefix(root).ok()?.as_os_str().as_encoded_bytes()).ok()
}

fn input(name: &str, searched: &Searched<'_>, budget: &mut u64) -> Option<Input> {
    let Searched { cwd, root, taken, .. } = *searched;
    let path = cwd.join(name).canonicalize().ok()?;
    if let Some(place) = place_of(&path, root)
        && taken.is_none_or(|taken| taken.role_of(&place).is_some())
    {
        return None;
    }
    // The program and the system's own files are the environment's affair.
    if ["/usr", "/bin", "/lib", "/lib64", "/proc", "/sys", "/dev", "/etc"].iter().any(|system| path.starts_with(system))
    {
        return None;
    }
    let metadata = std::fs::metadata(&path).ok()?;
    let files = if metadata.is_dir() { files_below(&path)? } else { vec![path.clone()] };
    let mut size_bytes = 0;
    let mut hasher = Hasher::new(Domain::Fingerprint);
    let mut sampled = false;
    for file in &files {
        let metadata = std::fs::metadata(file).ok()?;
        if !metadata.is_file() {
            continue;
        }
        size_bytes += metadata.len();
        let below = file.strip_prefix(&path).unwrap_or(file);
        hasher.field(below.as_os_str().as_encoded_bytes());
        if metadata.len() <= *budget {
            *budget -= metadata.len();
            let hash = hash_file(file, metadata.len(), searched.scanner, searched.key)?;
            if files.len() == 1 && !path.is_dir() {
                let content = Content::Hashed(hash);
                return Some(Input { path: name.to_owned(), size_bytes, files: 1, content });
            }
            hasher.field(&hash.0);
        } else {
            sampled = true;
            let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            hasher.field(&metadata.len().to_le_bytes()).field(&modified.as_nanos().to_le_bytes());
        }
    }
    let hash = hasher.finish();
    let content = if sampled { Content::Sampled(hash) } else { Content::Hashed(hash) };
    Some(Input { path: name.to_owned(), size_bytes, files: files.len() as u64, content })
}

/// The hash of a file's bytes; a keyed one where they are or hold a secret, since the plain hash
/// would tell everybody who guesses it that the guess is right.
pub(crate) fn hash_file(file: &Path, size_bytes: u64, scanner: &Scanner, key: &SealKey) -> Option<Hash> {
    let is_secret_file = secret_file_name(&file.to_string_lossy()).is_some();
    if size_bytes > READ_LIMIT_BYTES && !is_secret_file {
        return Some(hash_reader(&mut std::fs::File::open(file).ok()?).ok()?.0);
    }
    let bytes = std::fs::read(file).ok()?;
    let is_secret = is_secret_file || scanner.rule_in(&bytes).is_some();
    Some(if is_secret { key.hash(&bytes) } else { Hash::of(Domain::Content, &bytes) })
}

/// Everything below a folder, sorted; `None` when it is too much.
fn files_below(directory: &Path) -> Option<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut stack = vec![directory.to_owned()];
    while let Some(directory) = stack.pop() {
        for entry in std::fs::read_dir(&directory).ok()?.flatten() {
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                stack.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
            if files.len() as u64 > INPUT_LIMIT_FILES {
                return None;
            }
        }
    }
    files.sort();
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_in_quotes_are_found() {
        let text = "with open('config.json') as f: pass\nx = \"conf/model.yaml\"\ny = 'no such.txt'";
        assert_eq!(quoted_configs(text), ["config.json", "conf/model.yaml"]);
    }

    #[test]
    fn an_input_outside_the_snapshot_has_its_hash() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().canonicalize().unwrap();
        std::fs::create_dir_all(directory.join("project")).unwrap();
        std::fs::create_dir_all(directory.join("shared")).unwrap();
        std::fs::write(directory.join("shared/a.csv"), "1,2").unwrap();
        let cwd = directory.join("project");
        let key = SealKey::new(&[1; 32]);
        let argv = ["train", "--data", "../shared/a.csv", "--all=../shared"].map(str::to_owned);
        let first = describe(&argv, &cwd, &cwd, None, &key);
        let named: Vec<_> = first.inputs.iter().map(|input| (input.path.as_str(), input.size_bytes)).collect();
        assert_eq!(named, [("../shared", 3), ("../shared/a.csv", 3)]);
        assert_eq!(first.inputs[1].content, Content::Hashed(Hash::of(Domain::Content, b"1,2")));
        std::fs::write(directory.join("shared/a.csv"), "1,3").unwrap();
        let second = describe(&argv, &cwd, &cwd, None, &key);
        assert_ne!(first.fingerprint(None).data, second.fingerprint(None).data);
        assert_eq!(first.fingerprint(None).config, second.fingerprint(None).config);
    }
}
