/// What a command line runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Script {
    /// A file, as named: `python train.py`.
    File(String),
    /// A Python module: `python -m package.module`.
    Module(String),
}

/// Where the program's own arguments begin.
#[derive(Debug)]
pub(super) struct Launch {
    pub script: Option<Script>,
    /// Index of the first argument of the script itself.
    pub rest: usize,
}

/// How an interpreter reads its options.
struct Interpreter {
    /// Options whose value is the next argument.
    with_value: &'static [&'static str],
    /// Options after which there is no script, but code.
    code: &'static [&'static str],
    /// Options whose value is a module to run.
    module: &'static [&'static str],
}

const PYTHON: Interpreter = Interpreter { with_value: &["-W", "-X", "-Q"], code: &["-c"], module: &["-m"] };
const R: Interpreter = Interpreter { with_value: &["-f", "--file"], code: &["-e"], module: &[] };
const JULIA: Interpreter = Interpreter {
    with_value: &["-p", "-t", "-L", "-J", "-C", "-O", "-H", "--threads", "--procs", "--load", "--sysimage"],
    code: &["-e", "-E", "--eval", "--print"],
    module: &[],
};
const NODE: Interpreter =
    Interpreter { with_value: &["-r", "--require", "--import", "--loader"], code: &["-e", "-p"], module: &[] };
const SHELL: Interpreter =
    Interpreter { with_value: &["-o", "-O", "--rcfile", "--init-file"], code: &["-c"], module: &[] };
const JAVA: Interpreter =
    Interpreter { with_value: &["-cp", "-classpath", "--class-path", "-jar"], code: &[], module: &[] };
const OTHER: Interpreter = Interpreter { with_value: &["-I"], code: &["-e"], module: &[] };

/// Programs that start the command that follows them; options with a value are listed.
const WRAPPERS: &[(&str, &[&str], usize)] = &[
    ("env", &["-u", "--unset", "-C", "--chdir"], 0),
    ("nohup", &[], 0),
    ("setsid", &[], 0),
    ("time", &["-f", "-o"], 0),
    ("nice", &["-n"], 0),
    ("ionice", &["-c", "-n"], 0),
    ("chrt", &[], 1),
    ("taskset", &[], 1),
    ("numactl", &["-N", "-m", "-C", "-i", "-p"], 0),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("timeout", &["-k", "-s", "--signal", "--kill-after"], 1),
    ("sudo", &["-u", "-g", "-E"], 0),
    ("xvfb-run", &["-n", "-s", "-e"], 0),
    ("unbuffer", &[], 0),
    ("srun", &["-n", "-N", "-p", "-c", "-t", "-A", "-J"], 0),
    ("mpirun", &["-n", "-np", "-H", "--host", "--hostfile", "-x"], 0),
    ("mpiexec", &["-n", "-np", "-H", "--host", "--hostfile", "-x"], 0),
];

/// `tool run command …`; options with a value are listed.
const RUNNERS: &[(&str, &[&str])] = &[
    ("uv", &["--with", "--python", "-p", "--extra", "--group", "--project", "--directory", "--env-file", "--package"]),
    ("poetry", &["-C", "-P", "--directory", "--project"]),
    ("pdm", &["-p", "--project"]),
    ("hatch", &["-e", "--env"]),
    ("pipenv", &[]),
    ("rye", &["--pyproject"]),
    ("conda", &["-n", "--name", "-p", "--prefix", "--cwd"]),
    ("mamba", &["-n", "--name", "-p", "--prefix", "--cwd"]),
    ("micromamba", &["-n", "--name", "-p", "--prefix", "--cwd"]),
    ("pixi", &["-e", "--environment", "--manifest-path"]),
];

/// Programs that take options of their own and then a Python script.
const LAUNCHERS: &[&str] = &["torchrun", "deepspeed", "horovodrun", "coverage", "kernprof", "mprof", "composer"];

/// Modules that take options of their own and then a Python script.
const LAUNCHER_MODULES: &[&str] =
    &["torch.distributed.run", "torch.distributed.launch", "accelerate.commands.launch", "cProfile", "pdb", "coverage"];

pub(super) fn locate(argv: &[String]) -> Launch {
    let mut index = 0;
    // Every round takes at least one argument.
    while let Some(argument) = argv.get(index) {
        let name = base(argument);
        if is_variable(argument) {
            index += 1;
        } else if let Some((_, with_value, positional)) = WRAPPERS.iter().find(|(wrapper, ..)| *wrapper == name) {
            index = skip_options(argv, index + 1, with_value) + positional;
        } else if let Some((_, with_value)) = RUNNERS.iter().find(|(runner, _)| *runner == name) {
            let run = skip_options(argv, index + 1, with_value);
            if argv.get(run).map(String::as_str) != Some("run") {
                return Launch { script: None, rest: index + 1 };
            }
            index = skip_options(argv, run + 1, with_value);
            if index > run + 1 && argv[index - 1] == "-m" {
                return module(argv, index);
            }
        } else {
            return program(argv, index, name);
        }
    }
    Launch { script: None, rest: argv.len() }
}

fn program(argv: &[String], index: usize, name: &str) -> Launch {
    let next = index + 1;
    if LAUNCHERS.contains(&name) || (name == "accelerate" && argv.get(next).is_some_and(|word| word == "launch")) {
        return launched(argv, next);
    }
    if name == "cargo" {
        let rest = argv.iter().position(|word| word == "--").map_or(argv.len(), |at| at + 1);
        return Launch { script: None, rest };
    }
    let interpreter = match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "python" | "pypy" | "pythonw" | "ipython" => PYTHON,
        "Rscript" | "R" | "littler" => R,
        "julia" => JULIA,
        "node" | "bun" | "deno" | "tsx" | "ts-node" => NODE,
        "bash" | "sh" | "zsh" | "dash" | "fish" | "ksh" => SHELL,
        "java" => JAVA,
        "ruby" | "perl" | "lua" | "octave" | "php" => OTHER,
        _ => {
            let is_path = argv[index].contains('/') || is_script_name(&argv[index]);
            return Launch { script: is_path.then(|| Script::File(argv[index].clone())), rest: next };
        }
    };
    interpreted(argv, next, &interpreter)
}

/// Reads an interpreter's options up to the script.
fn interpreted(argv: &[String], start: usize, interpreter: &Interpreter) -> Launch {
    let mut index = start;
    while let Some(argument) = argv.get(index) {
        let is = |options: &[&str]| options.contains(&argument.as_str());
        if is(interpreter.code) || argument == "-" {
            let own = usize::from(argument != "-");
            return Launch { script: None, rest: (index + 1 + own).min(argv.len()) };
        }
        if is(interpreter.module) || (!interpreter.module.is_empty() && is_cluster(argument, 'm')) {
            return module(argv, index + 1);
        }
        // The value of these two is the script itself.
        if is(&["-f", "--file", "-jar"]) && is(interpreter.with_value) {
            return script(argv, index + 1);
        }
        if is(interpreter.with_value) {
            index += 2;
        } else if argument.starts_with('-') || is(&["run"]) {
            index += 1;
        } else {
            return script(argv, index);
        }
    }
    Launch { script: None, rest: argv.len() }
}

fn script(argv: &[String], index: usize) -> Launch {
    Launch { script: argv.get(index).map(|name| Script::File(name.clone())), rest: (index + 1).min(argv.len()) }
}

fn module(argv: &[String], index: usize) -> Launch {
    match argv.get(index) {
        Some(name) if LAUNCHER_MODULES.contains(&name.as_str()) => launched(argv, index + 1),
        name => Launch { script: name.map(|name| Script::Module(name.clone())), rest: (index + 1).min(argv.len()) },
    }
}

/// The script behind a launcher's own options, whose values are not all known: the first Python
/// file, or what follows `-m`.
fn launched(argv: &[String], start: usize) -> Launch {
    for index in start..argv.len() {
        if argv[index] == "-m" || argv[index] == "--module" {
            return module(argv, index + 1);
        }
        if argv[index].ends_with(".py") && !argv[index].starts_with('-') {
            return script(argv, index);
        }
    }
    Launch { script: None, rest: start }
}

fn skip_options(argv: &[String], start: usize, with_value: &[&str]) -> usize {
    let mut index = start;
    while let Some(argument) = argv.get(index) {
        if argument == "--" {
            return index + 1;
        }
        if with_value.contains(&argument.as_str()) {
            index += 2;
        } else if argument.starts_with('-') || is_variable(argument) {
            index += 1;
        } else {
            break;
        }
    }
    index.min(argv.len())
}

/// `-um`: one-letter options in one, the last of which is `letter`.
fn is_cluster(argument: &str, letter: char) -> bool {
    argument.len() > 2
        && argument.len() <= 5
        && !argument.starts_with("--")
        && argument.starts_with('-')
        && argument.ends_with(letter)
        && argument[1..].chars().all(|c| c.is_ascii_alphabetic())
}

/// `NAME=value` before a command.
fn is_variable(argument: &str) -> bool {
    argument.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

fn is_script_name(name: &str) -> bool {
    [".py", ".R", ".r", ".jl", ".sh", ".js", ".ts", ".rb", ".pl", ".m", ".lua"].iter().any(|end| name.ends_with(end))
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found() {
        for (line, expected) in [
            ("python train.py a", "File(train.py) 2"),
            ("python -um pkg.mod a", "Module(pkg.mod) 3"),
            ("python -c print(1) a", "- 3"),
            ("python", "- 1"),
            ("python -", "- 2"),
            ("python -m", "- 2"),
            ("/opt/x/bin/python3.12 -I -X utf8 d/t.py", "File(d/t.py) 5"),
            ("Rscript -e 1", "- 3"),
            ("R --no-save -f a.R", "File(a.R) 4"),
            ("julia -t 4 --project a.jl", "File(a.jl) 5"),
            ("uv run --with a --with b -- python -m m", "Module(m) 10"),
            ("uv run -m pkg.a --lr 1", "Module(pkg.a) 4"),
            ("uv sync", "- 1"),
            ("uv --offline run t.py", "File(t.py) 4"),
            ("torchrun --nproc-per-node 2 -m pkg.t --lr 1", "Module(pkg.t) 5"),
            ("accelerate launch t.py", "File(t.py) 3"),
            ("mpirun -np 4 python t.py", "File(t.py) 5"),
            ("timeout -k 5 10 ./bin x", "File(./bin) 5"),
            ("taskset -c 0 ./bin", "File(./bin) 4"),
            ("true", "- 1"),
            ("make all", "- 1"),
            ("java -cp . -jar a.jar x", "File(a.jar) 5"),
            ("bash -c ls x", "- 3"),
            ("env", "- 1"),
            ("timeout", "- 1"),
            ("", "- 1"),
        ] {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let found = locate(&argv);
            let script = match found.script {
                None => "-".to_owned(),
                Some(Script::File(name)) => format!("File({name})"),
                Some(Script::Module(name)) => format!("Module({name})"),
            };
            assert!(found.rest <= argv.len(), "{line}");
            assert_eq!(format!("{script} {}", found.rest), expected, "{line}");
        }
    }
}
