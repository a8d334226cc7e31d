//! Decides which of the programs that start are runs. Pure: looks at nothing but its arguments.
//!
//! A run is *the program whose code lies in the project*: an interpreter with a script of the project, a
//! binary of the project, a module started in the project. What stands around it is none: shells, build
//! tools, wrappers, editors; what a run starts is a part of it. In detail, the first that holds:
//!
//! 1. Below a recorded run: a part of the outermost one. A script of the project that starts others is one run.
//! 2. Nothing of it lies in the project, neither directory, script nor executable: none.
//! 3. The project's own `ignore` and `run` patterns.
//! 4. Below a tool that works for itself (version control, formatters, tests, package managers, language
//!    servers, prompts): none. People start runs from editors, terminals and build tools, so these do not count.
//! 5. By what the program is: a known tool, a shell without a script, an interpreter that waits for a person or
//!    has its code on the command line, a wrapper: none. A launcher that starts the same script several times
//!    (`torchrun`, `mpirun`) is the run, with what it starts as parts.
//! 6. A script, module or binary of the project is a run; one that is installed is none.
//!
//! A program that no pattern names must live for [`Rules::minimum_millis`] to be kept, one second by default: what
//! trains or simulates takes longer, and bursts of small commands do not become bursts of runs.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::{Ancestor, Program};

mod command;
mod tables;
#[cfg(test)]
mod tests;

use command::{Command, Family, Target, base};

/// What a project says of its runs; the `[watch]` table of `lab.toml`.
///
/// Patterns know `*` (any text, slashes too) and `?` (one character). One matches a program when it
/// matches its name, its script or module as it was named, the script's path in the project, or the whole
/// command line with single spaces between the arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Always a run, however short, if it touches the project.
    pub run: Vec<String>,
    /// Never a run; what it starts may be one.
    pub ignore: Vec<String>,
    /// How long a program that no pattern names must live to be kept as a run, in milliseconds.
    pub minimum_millis: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { run: Vec::new(), ignore: Vec::new(), minimum_millis: 1000 }
    }
}

/// What a program is to a project.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// A run of its own.
    Run {
        /// A run that ends sooner than this is not kept; 0 when the project names it.
        minimum_millis: u64,
    },
    /// A part of the run that an ancestor is.
    Part {
        /// The ancestor's number.
        of: i32,
    },
    /// Not a run.
    No(Reason),
}

/// Why a program is not a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// Neither its directory nor its script nor its executable lies in the project.
    Outside,
    /// The project says so.
    Ignored,
    /// A Jupyter kernel; its cells are runs, not the process.
    Kernel,
    /// A tool.
    Tool(Tool),
    /// A tool has started it, for itself.
    StartedBy(Tool),
    /// An installed program that is not known for experiments.
    Installed,
    /// A shell without a script.
    Shell,
    /// An interpreter that waits for a person.
    Interactive,
    /// An interpreter with its code on the command line or from standard input.
    Code,
    /// Starts the command behind it, which counts instead.
    Wrapper,
    /// Only tells how it is to be used.
    Help,
}

/// Kinds of programs that are no experiments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Tool {
    Editor,
    LanguageServer,
    Formatter,
    Tests,
    PackageManager,
    VersionControl,
    Prompt,
    Build,
    Server,
    Terminal,
    Lab,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Outside => "outside the project",
            Self::Ignored => "ignored by the project's [watch] table",
            Self::Kernel => "a Jupyter kernel: its cells are the runs",
            Self::Tool(tool) => return tool.fmt(formatter),
            Self::StartedBy(tool) => return write!(formatter, "started by {tool}"),
            Self::Installed => "an installed program: name it in [watch] run to record it",
            Self::Shell => "a shell without a script",
            Self::Interactive => "an interpreter without a script",
            Self::Code => "code on the command line: name it in [watch] run to record it",
            Self::Wrapper => "starts the command behind it, which counts instead",
            Self::Help => "only tells how it is used",
        })
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Editor => "an editor",
            Self::LanguageServer => "a language server",
            Self::Formatter => "a formatter or linter",
            Self::Tests => "a test runner",
            Self::PackageManager => "a package manager",
            Self::VersionControl => "version control",
            Self::Prompt => "a helper of the shell's prompt",
            Self::Build => "a build tool",
            Self::Server => "a server or viewer",
            Self::Terminal => "a terminal",
            Self::Lab => "lab itself",
        })
    }
}

/// Decides. `project_root` is without symbolic links, as the kernel names directories. `recorded` says whether an ancestor is the command of a run that is recorded.
pub fn judge(program: &Program, rules: &Rules, project_root: &Path, recorded: &dyn Fn(&Ancestor) -> bool) -> Verdict {
    if let Some(ancestor) = program.ancestors.iter().rev().find(|ancestor| recorded(ancestor)) {
        return Verdict::Part { of: ancestor.pid };
    }
    let command = command::take_apart(program);
    let place = Place::of(program, &command, project_root);
    if !place.touches {
        return Verdict::No(Reason::Outside);
    }
    let texts = texts(program, &command, &place);
    let is_named = |patterns: &[String]| patterns.iter().any(|pattern| texts.iter().any(|text| matches(pattern, text)));
    if is_named(&rules.ignore) {
        return Verdict::No(Reason::Ignored);
    }
    if is_named(&rules.run) {
        return Verdict::Run { minimum_millis: 0 };
    }
    if let Some(tool) = program.ancestors.iter().find_map(|ancestor| tables::owner(&ancestor.name)) {
        return Verdict::No(Reason::StartedBy(tool));
    }
    match reason_against(&command, &place) {
        Some(reason) => Verdict::No(reason),
        None => Verdict::Run { minimum_millis: rules.minimum_millis },
    }
}

/// Where the code of a program lies.
struct Place {
    /// The script or binary.
    file: Option<PathBuf>,
    /// Its path in the project.
    below: Option<PathBuf>,
    /// Whether it has to do with the project at all.
    touches: bool,
    /// Whether a package manager has put it there.
    installed: bool,
}

impl Place {
    fn of(program: &Program, command: &Command, root: &Path) -> Self {
        let file = match &command.target {
            Target::Script(name) => Some(clean(&program.cwd.join(name))),
            Target::Itself => Some(program.exe.clone()),
            Target::Module(_) | Target::Code | Target::Person => None,
        };
        let below = file.as_ref().and_then(|file| file.strip_prefix(root).ok()).map(Path::to_path_buf);
        let touches = program.cwd.starts_with(root) || below.is_some();
        // A console script names the interpreter beside it, whatever the environment is called.
        let interpreter = program.argv.first().map(Path::new).filter(|_| command.family.is_some());
        let beside = interpreter.and_then(Path::parent).filter(|folder| folder.is_absolute());
        let installed = file.as_ref().is_some_and(|file| {
            tables::is_installed(file, below.as_deref()) || (beside.is_some() && file.parent() == beside)
        });
        Self { file, below, touches, installed }
    }
}

/// `None` for a run.
fn reason_against(command: &Command, place: &Place) -> Option<Reason> {
    if is_kernel(command) {
        return Some(Reason::Kernel);
    }
    let reason = match &command.target {
        Target::Person if command.family == Some(Family::Shell) => Some(Reason::Shell),
        Target::Code if command.family == Some(Family::Shell) => Some(Reason::Shell),
        Target::Person => Some(Reason::Interactive),
        Target::Code => Some(Reason::Code),
        Target::Module(name) => against_module(name, command),
        Target::Script(name) => against_file(&[base(name)], command, place),
        Target::Itself => against_file(&command.names.each_ref().map(String::as_str), command, place),
    };
    reason.or_else(|| asks_for_help(&command.rest).then_some(Reason::Help))
}

fn against_module(name: &str, command: &Command) -> Option<Reason> {
    if tables::lists(tables::LAUNCHER_MODULES, name) {
        return against_launched(&command.rest);
    }
    // `jupyter_client.kernelspec`, `pip.__main__`: the package tells.
    let package = name.split('.').next().unwrap_or(name);
    let tool =
        tables::tool(name).or_else(|| tables::tool(package)).or_else(|| tables::tool(&package.replace('_', "-")));
    tool.map(Reason::Tool).or_else(|| {
        let is_library =
            ["json", "zipfile", "tarfile", "gzip", "base64", "timeit", "platform", "calendar", "this", "code"];
        let is_own = ["IPython", "ptpython", "bpython", "asyncio", "idlelib"];
        if is_library.contains(&package) {
            Some(Reason::Installed)
        } else {
            is_own.contains(&package).then_some(Reason::Interactive)
        }
    })
}

/// A launcher counts as what it launches.
fn against_launched(rest: &[String]) -> Option<Reason> {
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        if argument == "-m" || argument == "--module" {
            let tool = arguments.next().and_then(|name| tables::tool(name));
            return tool.map(Reason::Tool);
        }
        if [".py", ".ipy"].iter().any(|end| argument.ends_with(end)) {
            return None;
        }
    }
    Some(Reason::Installed)
}

fn against_file(names: &[&str], command: &Command, place: &Place) -> Option<Reason> {
    let first = command.rest.first().map_or("", String::as_str);
    let is = |list: &str| {
        names.iter().any(|name| tables::lists(list, name) || tables::lists(list, tables::without_version(name)))
    };
    if place.below.as_ref().is_some_and(|below| !place.installed && !tables::is_build_product(below)) {
        // A file of the project may be called as it likes, but for those that tools expect under these names.
        return is(tables::BUILD_SCRIPTS).then_some(Reason::Tool(Tool::Build));
    }
    if place.below.as_ref().is_some_and(|below| tables::is_build_product(below)) {
        return Some(Reason::Tool(Tool::Build));
    }
    if is(tables::PARALLEL) {
        return against_parallel(command);
    }
    if is(tables::LAUNCHERS) {
        return against_launched(&command.rest);
    }
    let is_experiment = tables::EXPERIMENTS.iter().any(|(name, word)| is(name) && (word.is_empty() || *word == first));
    let executes_notebook = is("jupyter jupyter-nbconvert")
        && (first == "execute" || command.rest.iter().any(|argument| argument == "--execute"));
    if is_experiment || executes_notebook {
        return None;
    }
    if is(tables::WRAPPERS) {
        return Some(Reason::Wrapper);
    }
    if let Some(tool) = names.iter().find_map(|name| tables::tool(name)) {
        return Some(Reason::Tool(tool));
    }
    // A script of the person that lies somewhere else, started in the project.
    let is_own_script = matches!(command.target, Target::Script(_)) && !place.installed && has_ending(place);
    (!is_own_script).then_some(Reason::Installed)
}

/// `mpirun ./solver`, `torchrun train.py`, but not `mpirun --version`.
fn against_parallel(command: &Command) -> Option<Reason> {
    let words = command.rest.iter().filter(|argument| !argument.starts_with('-'));
    let has_command =
        words.clone().any(|word| word.contains('/') || word.contains('.') || word.parse::<f64>().is_err());
    let (_, has_launch) = (words, command.rest.iter().any(|word| word == "launch"));
    let is_accelerate =
        command.rest.first().is_some_and(|word| ["config", "env", "test", "estimate-memory"].contains(&word.as_str()));
    if is_accelerate && !has_launch { Some(Reason::Installed) } else { (!has_command).then_some(Reason::Help) }
}

fn is_kernel(command: &Command) -> bool {
    let target = match &command.target {
        Target::Script(name) => base(name),
        Target::Module(name) => name.split('.').next().unwrap_or(name),
        _ => "",
    };
    [
        "ipykernel",
        "ipykernel_launcher",
        "ipykernel_launcher.py",
        "bash_kernel",
        "xpython_launcher",
        "colab_kernel_launcher",
    ]
    .contains(&target)
        || matches!(&command.target, Target::Script(name) if name.contains("IJulia"))
        || command.names.iter().any(|name| ["xpython", "xr", "xcpp", "evcxr_jupyter"].contains(&name.as_str()))
        || command.rest.iter().any(|argument| argument.contains("IRkernel::main") || argument.contains("run_kernel"))
}

fn asks_for_help(rest: &[String]) -> bool {
    rest.iter().any(|argument| argument == "--help" || argument == "--version")
        || rest.last().is_some_and(|argument| argument == "-h")
}

/// Programs that package managers install for a script have no ending.
fn has_ending(place: &Place) -> bool {
    place.file.as_ref().is_some_and(|file| file.extension().is_some())
}

/// What patterns may match.
fn texts(program: &Program, command: &Command, place: &Place) -> Vec<String> {
    let mut texts = command.names.to_vec();
    match &command.target {
        Target::Script(name) => texts.extend([name.clone(), base(name).to_owned()]),
        Target::Module(name) => texts.push(name.clone()),
        _ => {}
    }
    texts.extend(place.below.iter().map(|below| below.to_string_lossy().into_owned()));
    let words: Vec<_> = program.argv.iter().map(|argument| argument.to_string_lossy()).collect();
    texts.push(words.join(" "));
    // As people write it: `python train.py`, not `/usr/bin/python3 train.py`.
    texts.extend(words.split_first().map(|(first, rest)| [&[base(first).into()], rest].concat().join(" ")));
    texts
}

/// `*` is any text and `?` one character. Takes time proportional to both lengths at the most.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut index) = (0, 0);
    let mut star = None;
    while index < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, index));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[index] => {
                at += 1;
                index += 1;
            }
            _ => {
                // The last star takes one character more.
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, index) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|wanted| *wanted == '*')
}

/// A path without `.` and `..`, as far as its text tells.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                cleaned.pop();
            }
            part => cleaned.push(part),
        }
    }
    cleaned
}
