//! Which interpreter a command comes down to.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Request;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Language {
    Python,
    R,
    Julia,
    Node,
    Cargo,
}

/// An interpreter, as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Program {
    pub language: Language,
    /// As found: links are not resolved, since a virtual environment lies beside the link.
    pub path: PathBuf,
    /// What started it, such as `uv` or `poetry`.
    pub runner: Option<&'static str>,
}

/// Programs that start the command behind them.
const WRAPPERS: &[&str] = &[
    "env", "nice", "nohup", "time", "timeout", "taskset", "stdbuf", "setsid", "ionice", "xvfb-run", "mpirun",
    "mpiexec", "srun", "sudo", "numactl", "unbuffer", "chrt", "strace", "gdb", "valgrind",
];

/// `tool run command …`.
const RUNNERS: &[&str] = &["uv", "poetry", "pdm", "hatch", "pipenv", "rye", "pixi", "conda", "mamba", "micromamba"];

/// Programs that run other programs that nobody sees; an active Python environment is then likely meant.
const SHELLS: &[&str] =
    &["bash", "sh", "zsh", "dash", "fish", "make", "just", "snakemake", "nextflow", "dvc", "parallel", "tox", "nox"];

/// The interpreter that a command comes down to; `None` when it is a program of its own.
pub(super) fn find(request: &Request<'_>, missing: &mut Vec<String>) -> Option<Program> {
    let argv: Vec<&str> = request.argv.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    let mut index = 0;
    while let Some(word) = argv.get(index) {
        let name = base(word);
        if is_variable(word) {
            index += 1;
        } else if WRAPPERS.contains(&name) {
            index = (index + 1..argv.len()).find(|at| is_program(request, argv[*at]))?;
        } else if let Some(runner) = RUNNERS.iter().find(|runner| **runner == name) {
            let run = (index + 1..argv.len()).find(|at| argv[*at] == "run")?;
            return run_by(request, runner, &argv[run + 1..], missing);
        } else {
            return direct(request, &request.argv[index]);
        }
    }
    None
}

fn direct(request: &Request<'_>, word: &OsString) -> Option<Program> {
    let found = which(request, word)?;
    let found = unshimmed(request, &found).unwrap_or(found);
    interpreter(request, &found, 0)
}

/// What the file is: an interpreter by name, or a script that names one in its first line.
fn interpreter(request: &Request<'_>, path: &Path, depth: usize) -> Option<Program> {
    let name = path.file_name()?.to_str()?;
    if let Some(language) = language(name) {
        return Some(Program { language, path: path.to_owned(), runner: None });
    }
    if SHELLS.contains(&name) {
        return active_python(request);
    }
    if depth > 3 {
        return None;
    }
    let mut start = [0; 512];
    let length = File::open(path).ok()?.read(&mut start).ok()?;
    let text = std::str::from_utf8(&start[..length])
        .unwrap_or_else(|error| std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default());
    let line = text.strip_prefix("#!")?.lines().next()?;
    let mut words = line.split_whitespace();
    let program = words.next()?;
    if base(program) == "env" {
        let word = words.find(|word| !word.starts_with('-') && !is_variable(word))?;
        return direct(request, &word.into());
    }
    // A path too long for the first line stands in the second one: '''exec' "/long/python" "$0" "$@"
    if let Some(long) = text.lines().nth(1).and_then(|line| line.strip_prefix("'''exec' ")) {
        let path = long.trim_start_matches('"').split(['"', ' ']).next()?;
        return interpreter(request, Path::new(path), depth + 1);
    }
    interpreter(request, Path::new(program), depth + 1)
}

fn language(name: &str) -> Option<Language> {
    match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == 't') {
        "python" | "pypy" | "ipython" | "pythonw" => Some(Language::Python),
        "Rscrip" | "R" => Some(Language::R),
        "julia" => Some(Language::Julia),
        "node" => Some(Language::Node),
        "cargo" => Some(Language::Cargo),
        _ => None,
    }
}

/// The interpreter in the environment of `uv run …` and its like.
fn run_by(request: &Request<'_>, runner: &'static str, rest: &[&str], missing: &mut Vec<String>) -> Option<Program> {
    let option = |names: &[&str]| {
        let at = rest.iter().position(|word| names.contains(word))?;
        rest.get(at + 1).copied()
    };
    let prefix = match runner {
        "conda" | "mamba" | "micromamba" => match (option(&["-p", "--prefix"]), option(&["-n", "--name"])) {
            (Some(prefix), _) => Some(request.cwd.join(prefix)),
            (None, Some(name)) => conda_prefix(request, name),
            (None, None) => request.variable("CONDA_PREFIX").map(PathBuf::from),
        },
        "pixi" => {
            let name = option(&["-e", "--environment"]).unwrap_or("default");
            above(request.cwd, &format!(".pixi/envs/{name}"))
        }
        "uv" => request
            .variable("UV_PROJECT_ENVIRONMENT")
            .map(|path| request.project_root.join(path))
            .or_else(|| above(request.cwd, ".venv")),
        _ => request.variable("VIRTUAL_ENV").map(PathBuf::from).or_else(|| above(request.cwd, ".venv")),
    };
    let prefix = prefix.or_else(|| cached_environment(request, runner)).filter(|prefix| prefix.is_dir());
    let command = rest.iter().find(|word| {
        word.ends_with(".py")
            || prefix.as_ref().is_some_and(|prefix| prefix.join("bin").join(word).is_file())
            || language(base(word)).is_some()
    });
    let Some(prefix) = prefix else {
        missing.push(format!("the environment of {runner} was not found"));
        return direct(request, &(*command?).into()).map(|program| Program { runner: Some(runner), ..program });
    };
    let command = command.map_or("python", |word| if word.ends_with(".py") { "python" } else { word });
    let inside = prefix.join("bin").join(base(command));
    let found = if inside.is_file() { interpreter(request, &inside, 0) } else { direct(request, &command.into()) };
    found.map(|program| Program { runner: Some(runner), ..program })
}

/// A named conda environment.
fn conda_prefix(request: &Request<'_>, name: &str) -> Option<PathBuf> {
    let executable = request.variable("CONDA_EXE").map(Path::new);
    let mut roots: Vec<PathBuf> =
        executable.and_then(|path| path.parent()?.parent()).map(Path::to_owned).into_iter().collect();
    roots.extend(request.variable("MAMBA_ROOT_PREFIX").map(PathBuf::from));
    roots.extend(
        which(request, &"conda".into()).and_then(|path| Some(path.canonicalize().ok()?.parent()?.parent()?.to_owned())),
    );
    let home = request.home().unwrap_or_default();
    roots.extend(
        [".conda", "miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba"].map(|folder| home.join(folder)),
    );
    if name == "base" {
        return roots.into_iter().find(|root| root.join("conda-meta").is_dir());
    }
    roots.into_iter().map(|root| root.join("envs").join(name)).find(|prefix| prefix.is_dir())
}

/// The only environment that Poetry or Pipenv keeps for a project of this name.
fn cached_environment(request: &Request<'_>, runner: &str) -> Option<PathBuf> {
    let home = request.home()?;
    let folder = match runner {
        "poetry" => home.join(".cache/pypoetry/virtualenvs"),
        "pipenv" => home.join(".local/share/virtualenvs"),
        _ => return None,
    };
    let name = request.project_root.file_name()?.to_str()?.to_lowercase();
    let mut found = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).filter(|path| {
        let folder = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_lowercase();
        folder.strip_prefix(&name).is_some_and(|rest| rest.starts_with('-'))
    });
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

/// The Python of the active environment, or of the project's `.venv`.
fn active_python(request: &Request<'_>) -> Option<Program> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].iter().find_map(|name| request.variable(name)).map(PathBuf::from);
    let path = active?.join("bin/python");
    path.is_file().then_some(Program { language: Language::Python, path, runner: None })
}

/// A file or folder with this name in a directory or the nearest one above it.
pub(super) fn above(directory: &Path, name: &str) -> Option<PathBuf> {
    directory.ancestors().map(|directory| directory.join(name)).find(|path| path.exists())
}

/// The file that a word of a command means: a path, or a program on `PATH`.
pub(super) fn which(request: &Request<'_>, word: &OsString) -> Option<PathBuf> {
    which_if(request, word, |_| true)
}

fn which_if(request: &Request<'_>, word: &OsString, accept: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    if word.is_empty() {
        return None;
    }
    if word.to_string_lossy().contains('/') {
        return Some(request.cwd.join(word)).filter(|path| is_executable(path));
    }
    let path = request.variables.get(std::ffi::OsStr::new("PATH"))?;
    std::env::split_paths(path)
        .map(|directory| request.cwd.join(directory).join(word))
        .find(|path| is_executable(path) && accept(path))
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

/// What stands behind a shim of pyenv: the executable of the version that is in force here.
fn unshimmed(request: &Request<'_>, path: &Path) -> Option<PathBuf> {
    let shims = path.parent().filter(|directory| directory.ends_with("shims"))?;
    let root = shims.parent()?;
    let name = path.file_name()?;
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    let versions = request
        .variable("PYENV_VERSION")
        .map(|version| version.replace(':', "\n"))
        .or_else(|| above(request.cwd, ".python-version").and_then(read))
        .or_else(|| read(root.join("version")))
        .unwrap_or_else(|| "system".to_owned());
    for version in versions.split_whitespace().filter(|word| !word.starts_with('#')) {
        if version == "system" {
            let found = which_if(request, &name.to_owned(), |path| path.parent() != Some(shims));
            if found.is_some() {
                return found;
            }
            continue;
        }
        let inside = root.join("versions").join(version).join("bin").join(name);
        if inside.exists() {
            return Some(inside);
        }
        // `3.11` stands for the newest 3.11.x.
        let newest = std::fs::read_dir(root.join("versions")).ok()?.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let patch = name.strip_prefix(version)?.strip_prefix('.')?.parse::<u32>().ok()?;
            Some((patch, entry.path()))
        });
        let inside = newest.max().map(|(_, path)| path.join("bin").join(name)).filter(|path| path.exists());
        if inside.is_some() {
            return inside;
        }
    }
    None
}

fn is_program(request: &Request<'_>, word: &str) -> bool {
    !word.starts_with('-') && !is_variable(word) && which(request, &word.into()).is_some()
}

fn is_variable(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

pub(super) fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}
