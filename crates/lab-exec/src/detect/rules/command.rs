//! What a process runs, from its executable and arguments. Unlike a command line that a person types, that
//! of a process has no aliases, variables and wrappers in front of it.

use super::tables::without_version;
use crate::detect::Program;

/// What stands behind the arguments of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// The program itself.
    Itself,
    /// A file that an interpreter runs, as named.
    Script(String),
    /// A Python module.
    Module(String),
    /// Code among the arguments, or from standard input.
    Code,
    /// A shell waits for commands of a person.
    Person,
}

/// A command line, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Command {
    /// The name of the executable, or that which it was called by.
    pub(super) names: [String; 2],
    pub(super) family: Option<Family>,
    pub(super) target: Target,
    /// What follows the target.
    pub(super) rest: Vec<String>,
}

/// Interpreters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    Python,
    Shell,
    R,
    Java,
    Other,
}

struct Options {
    /// Options whose value is the next argument.
    with_value: &'static [&'static str],
    /// Options whose value is the script.
    script: &'static [&'static str],
    /// Letters of options after which there is code.
    code: &'static [&'static str],
}

pub(super) fn take_apart(program: &Program) -> Command {
    let argv: Vec<String> = program.argv.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let exe = base(&program.exe.to_string_lossy()).to_owned();
    // A shell that a person logs in to has a dash before its name.
    let called = argv.first().map_or("", |first| base(first)).trim_start_matches('-').to_owned();
    let family = family(&exe);
    let (target, rest) = match family {
        Some(family) => interpreted(family, &exe, &argv),
        None => (Target::Itself, 1),
    };
    let rest = argv.get(rest..).unwrap_or_default().to_vec();
    Command { names: [called, exe], family, target, rest }
}

pub(super) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn family(exe: &str) -> Option<Family> {
    Some(match without_version(exe) {
        "python" | "pypy" | "pythonw" | "pyston" | "graalpy" => Family::Python,
        "bash" | "sh" | "zsh" | "dash" | "fish" | "ksh" | "mksh" | "busybox" | "tcsh" | "csh" | "nu" | "elvish"
        | "xonsh" => Family::Shell,
        "R" | "Rscript" | "littler" | "Rterm" => Family::R,
        "java" => Family::Java,
        "julia" | "node" | "nodejs" | "bun" | "deno" | "ruby" | "perl" | "lua" | "luajit" | "octave" | "octave-cli"
        | "php" | "guile" | "racket" | "sbcl" | "tclsh" | "gnuplot" | "Rgui" | "wolframscript" | "sage" | "mono"
        | "dotnet" => Family::Other,
        _ => return None,
    })
}

const fn options(family: Family) -> Options {
    match family {
        Family::Python => {
            Options { with_value: &["-W", "-X", "-Q", "--check-hash-based-pycs"], script: &[], code: &["c"] }
        }
        Family::Shell => {
            Options { with_value: &["-o", "-O", "--rcfile", "--init-file", "-C"], script: &[], code: &["c"] }
        }
        Family::R => {
            Options { with_value: &["-g", "--gui", "-d", "--encoding"], script: &["-f", "--file"], code: &["e"] }
        }
        Family::Java => Options {
            with_value: &["-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules"],
            script: &["-jar"],
            code: &[],
        },
        Family::Other => Options {
            with_value: &[
                "-t",
                "-p",
                "-L",
                "-J",
                "-C",
                "-H",
                "--threads",
                "--procs",
                "--load",
                "--sysimage",
                "--import",
                "--require",
                "-I",
            ],
            script: &[],
            code: &["e", "E"],
        },
    }
}

fn interpreted(family: Family, exe: &str, argv: &[String]) -> (Target, usize) {
    if exe == "busybox" && !argv.first().is_some_and(|first| ["sh", "ash"].contains(&base(first))) {
        return (Target::Itself, 1);
    }
    let options = options(family);
    let mut index = 1;
    let mut has_code = false;
    while let Some(argument) = argv.get(index) {
        if argument == "-" || argument == "-s" && family == Family::Shell {
            return (Target::Code, index + 1);
        }
        if argument == "--" {
            index += 1;
            return argv
                .get(index)
                .map_or((Target::Person, index), |script| (Target::Script(script.clone()), index + 1));
        }
        if argument == "-m" && family == Family::Python {
            return argv
                .get(index + 1)
                .map_or((Target::Person, index), |name| (Target::Module(name.clone()), index + 2));
        }
        let (name, value) =
            argument.split_once('=').map_or((argument.as_str(), None), |(name, value)| (name, Some(value)));
        if options.script.contains(&name) {
            let (script, next) =
                value.map_or_else(|| (argv.get(index + 1).cloned(), 2), |value| (Some(value.to_owned()), 1));
            return (script.map_or(Target::Person, Target::Script), index + next);
        }
        if is_code(family, name, &options) {
            has_code = true;
            // A shell reads all its options before the code.
            if family != Family::Shell {
                return (Target::Code, index + 1);
            }
            index += 1;
        } else if takes_name(family, argument) || options.with_value.contains(&argument.as_str()) {
            index += 2;
        } else if is_module_cluster(family, argument) {
            return argv
                .get(index + 1)
                .map_or((Target::Person, index), |name| (Target::Module(name.clone()), index + 2));
        } else if argument.starts_with('-') || (family == Family::Shell && argument.starts_with('+')) {
            index += 1;
        } else if has_code {
            return (Target::Code, index + 1);
        } else if argument == "run" && ["bun", "deno"].contains(&without_version(exe)) {
            index += 1;
        } else if argument == "CMD" && family == Family::R {
            return r_command(argv, index + 1);
        } else {
            return (Target::Script(argument.clone()), index + 1);
        }
    }
    (if has_code { Target::Code } else { Target::Person }, argv.len())
}

/// Letters stand together: `sh -ec`, `python -Bc`, `perl -ne`; words do not: `--eval`.
fn is_code(family: Family, name: &str, options: &Options) -> bool {
    let words = ["--eval", "--print", "--command", "--execute"];
    if words.contains(&name) {
        return true;
    }
    let Some(letters) = name.strip_prefix('-').filter(|letters| !letters.starts_with('-')) else { return false };
    match family {
        Family::Java => false,
        Family::R => options.code.contains(&letters),
        Family::Python | Family::Shell | Family::Other => {
            letters.chars().all(|letter| letter.is_ascii_alphabetic())
                && options.code.iter().any(|code| letters.ends_with(code))
        }
    }
}

/// `bash -euo pipefail`: letters in one, the last of which has a value.
fn takes_name(family: Family, argument: &str) -> bool {
    let letters = argument.strip_prefix('-').unwrap_or_default();
    family == Family::Shell && letters.ends_with('o') && letters.chars().all(|letter| letter.is_ascii_alphabetic())
}

/// `-um`: letters in one, the last of which is that for a module.
fn is_module_cluster(family: Family, argument: &str) -> bool {
    family == Family::Python
        && argument.len() <= 5
        && argument
            .strip_prefix('-')
            .is_some_and(|letters| letters.ends_with('m') && letters.chars().all(|letter| letter.is_ascii_alphabetic()))
}

/// `R CMD BATCH file.R` runs a file; the other commands build packages.
fn r_command(argv: &[String], index: usize) -> (Target, usize) {
    if argv.get(index).is_none_or(|word| word != "BATCH") {
        return (Target::Code, argv.len());
    }
    let script = argv.iter().enumerate().skip(index + 1).find(|(_, word)| !word.starts_with('-'));
    script.map_or((Target::Code, argv.len()), |(at, name)| (Target::Script(name.clone()), at + 1))
}
