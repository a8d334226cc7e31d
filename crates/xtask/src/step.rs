//! One command with a name: it is announced, timed, and can be repeated by hand from what its failure says.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Why the program stopped.
#[derive(Debug)]
pub enum Failure {
    /// The arguments make no sense; the text says which do.
    Usage(String),
    /// Something that the machine must have is missing; the text says what and how to get it.
    Missing(String),
    /// A step's command could not be started or did not succeed.
    Step {
        /// The step's name.
        name: String,
        /// How it ended.
        ending: String,
        /// The command to repeat it by hand.
        command: String,
    },
    /// A file or directory could not be read or written.
    File {
        /// What was tried: `read`, `write`, `remove`.
        attempt: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A package is not what it should be; the text says in which.
    Wrong(String),
}

impl Failure {
    /// Turns the error of a file operation into a failure: `fs::read(path).map_err(Failure::file("read", path))`.
    pub fn file(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::File { attempt, path, error }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Missing(text) | Self::Wrong(text) => formatter.write_str(text),
            Self::File { attempt, path, error } => write!(formatter, "cannot {attempt} {}: {error}", path.display()),
            Self::Step { name, ending, command } => {
                write!(formatter, "✗ {name}: {ending}\n  repeat it with: {command}")
            }
        }
    }
}

/// The repository's root folder.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("because xtask lies in crates/").to_path_buf()
}

/// A command, run in the repository's root with the terminal as its output.
#[derive(Debug)]
pub struct Step {
    directory: PathBuf,
    name: String,
    program: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Step {
    /// A step that runs `program`.
    pub fn new(name: &str, program: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().copied().map(String::from).collect();
        Self { name: name.to_owned(), program: program.to_owned(), arguments, variables: Vec::new(), directory: root() }
    }

    /// A step that runs cargo.
    pub fn cargo(name: &str, arguments: &[&str]) -> Self {
        Self::new(name, "cargo", arguments)
    }

    /// Adds arguments at the end.
    pub fn arguments(mut self, arguments: &[String]) -> Self {
        self.arguments.extend_from_slice(arguments);
        self
    }

    /// Sets an environment variable for the command.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the command elsewhere than in the repository's root.
    pub fn within(mut self, directory: &Path) -> Self {
        self.directory = directory.to_path_buf();
        self
    }

    /// Announces the step, runs it, and says how long it took.
    pub fn run(&self) -> Result<(), Failure> {
        println!("\n── {} ── {}", self.name, self.command_line());
        let started = Instant::now();
        let status = self.command().status();
        let ending = match status {
            Ok(status) if status.success() => {
                println!("── {}: done in {:.1} s", self.name, started.elapsed().as_secs_f64());
                return Ok(());
            }
            Ok(status) => format!("{status} after {:.1} s", started.elapsed().as_secs_f64()),
            Err(error) => format!("cannot start: {error}"),
        };
        Err(Failure::Step { name: self.name.clone(), ending, command: self.command_line() })
    }

    /// Whether the command can be started and succeeds; its output is thrown away.
    pub fn succeeds(&self) -> bool {
        let quiet = self.command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        quiet.is_ok_and(|status| status.success())
    }

    /// What the command prints, trimmed; `None` when it does not succeed.
    pub fn output(&self) -> Option<String> {
        let output = self.command().stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// What the command prints, byte for byte; what it says on standard error is shown only when it fails.
    pub fn printed(&self) -> Result<Vec<u8>, Failure> {
        let failed = |ending| Failure::Step { name: self.name.clone(), ending, command: self.command_line() };
        let output = self.command().stdin(Stdio::null()).output();
        let output = output.map_err(|error| failed(format!("cannot start: {error}")))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(failed(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end())))
    }

    /// What the command says on standard error, trimmed, however it ends.
    pub fn complaints(&self) -> Result<String, Failure> {
        let output = self.command().stdin(Stdio::null()).stdout(Stdio::null()).output();
        let output = output.map_err(|error| {
            let ending = format!("cannot start: {error}");
            Failure::Step { name: self.name.clone(), ending, command: self.command_line() }
        })?;
        Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// The command as a person would type it into a shell.
    pub fn command_line(&self) -> String {
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words = std::iter::once(&self.program).chain(&self.arguments).map(|word| quoted(word));
        variables.chain(words).collect::<Vec<_>>().join(" ")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.variables.iter().cloned()).current_dir(&self.directory);
        command
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_can_be_repeated_from_its_text() {
        let step = Step::new("no luck", "sh", &["-c", "test \"$WHY\" = 'not'; exit 7"]).variable("WHY", "it's");
        let text = step.run().unwrap_err().to_string();
        assert!(text.contains("no luck") && text.contains('7'), "{text}");
        let command = text.split_once("repeat it with: ").unwrap().1;
        assert_eq!(Command::new("sh").args(["-c", command]).status().unwrap().code(), Some(7), "{command}");
    }

    #[test]
    fn a_program_that_is_not_there_is_a_failure_and_no_panic() {
        let step = Step::new("absent", "no-such-program-here", &[]);
        assert!(!step.succeeds());
        assert_eq!(step.output(), None);
        assert!(step.run().unwrap_err().to_string().contains("cannot start"));
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.lock").is_file());
    }
}
