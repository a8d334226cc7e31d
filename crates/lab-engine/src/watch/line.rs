//! A command line that a shell told of.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lab_exec::Ended;
use lab_exec::detect::{Ancestor, Program};
use lab_exec::observe;
use lab_model::{ProcessKey, Project};
use lab_workdir::config::WatchConfig;

use super::follow::NANOS_PER_MILLI;
use super::observe::Kept;

/// When the shell's children are looked at, in milliseconds after the line.
const LOOKS_MILLIS: [u64; 5] = [3, 10, 30, 100, 400];

/// A command line, from just before its start.
pub(crate) struct Line {
    pub shell: i32,
    pub sequence: u64,
    pub cwd: PathBuf,
    pub command: String,
    pub project: Option<Project>,
    /// The files as of just before, until the first run takes them.
    pub kept: Option<Kept>,
    pub at_nanos: u64,
    /// Runs that it became.
    pub runs: u32,
    /// What `$?` said, and when.
    pub exit: Option<(i32, u64)>,
    /// After its exit: when all that it started is known.
    pub settled_nanos: u64,
    /// Why nothing of it is to be kept.
    pub unwanted: Option<String>,
    looks: usize,
    /// What ran below the shell before, and what was looked at already.
    known: HashSet<i32>,
}

impl Line {
    pub fn new(shell: i32, sequence: u64, cwd: PathBuf, command: String, at_nanos: u64) -> Self {
        let known = observe::children(shell).into_iter().collect();
        Self {
            shell,
            sequence,
            cwd,
            command,
            project: None,
            kept: None,
            at_nanos,
            runs: 0,
            exit: None,
            settled_nanos: 0,
            unwanted: None,
            looks: 0,
            known,
        }
    }

    /// The same line, found to be one of a project.
    pub fn within(mut self, project: &Project) -> Self {
        self.project = Some(project.clone());
        self
    }

    pub const fn is(&self, shell: i32, sequence: u64) -> bool {
        self.shell == shell && self.sequence == sequence
    }

    /// Why a line is not to be kept, nor anything that it starts.
    pub fn unwanted(&self, config: &WatchConfig) -> Option<String> {
        if self.command.is_empty() {
            return Some("a space stood before it".to_owned());
        }
        self.ignored_by(config).map(|pattern| format!("ignore_commands has {pattern}"))
    }

    /// The pattern of `ignore_commands` that the line's first word matches.
    fn ignored_by<'c>(&self, config: &'c WatchConfig) -> Option<&'c str> {
        let words = self.words();
        let first = Path::new(words.first()?).file_name()?.to_str()?.to_owned();
        let simple = self.is_simple();
        config.ignore_commands.iter().map(String::as_str).find(|pattern| simple && matches(pattern, &first))
    }

    /// Whether it is one command: no pipe, list, loop or the like.
    pub fn is_simple(&self) -> bool {
        !self.command.trim().contains(['|', ';', '&', '\n', '(', ')', '`', '{'])
    }

    /// The words of a simple line, settings of variables before them left out.
    pub fn words(&self) -> Vec<OsString> {
        let is_setting = |word: &String| {
            let name = word.split('=').next().unwrap_or_default();
            word.contains('=')
                && !name.is_empty()
                && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        };
        split(&self.command).into_iter().skip_while(is_setting).map(OsString::from).collect()
    }

    /// What it seems to start, by its words alone.
    pub fn program(&self) -> Option<Program> {
        if !self.is_simple() {
            return None;
        }
        let argv = self.words();
        let first = PathBuf::from(argv.first()?);
        let exe = if first.components().count() > 1 { self.cwd.join(first) } else { Path::new("/usr/bin").join(first) };
        let own = lab_exec::process_key(self.shell)?;
        let shell = Ancestor { pid: self.shell, start_ticks: own.start_ticks, name: "sh".to_owned() };
        let uid = rustix::process::getuid().as_raw();
        let (group, session) = (self.shell, self.shell);
        Some(Program { exe, argv, cwd: self.cwd.clone(), uid, group, session, terminal: true, ancestors: vec![shell] })
    }

    /// Whether this line started a program at that moment.
    pub fn started(&self, program: &Program, at_nanos: u64) -> bool {
        // A start that `/proc` told of is known to the clock tick only.
        const GRAIN_NANOS: u64 = 20 * NANOS_PER_MILLI;
        let below = program.ancestors.iter().any(|ancestor| ancestor.pid == self.shell);
        let not_after = self.exit.is_none_or(|(_, ended)| at_nanos <= ended + GRAIN_NANOS);
        self.project.is_some() && below && at_nanos + GRAIN_NANOS >= self.at_nanos && not_after
    }

    /// The program as if nothing were above the shell.
    pub fn below_shell(&self, program: &Program) -> Program {
        let above = program.ancestors.iter().position(|ancestor| ancestor.pid == self.shell);
        let ancestors = program.ancestors[..above.map_or(program.ancestors.len(), |at| at + 1)].to_vec();
        Program { ancestors, ..program.clone() }
    }

    pub fn shell_lives(&self) -> bool {
        lab_exec::process_key(self.shell).is_some()
    }

    /// When to look at the shell's children next.
    pub fn next_look(&self) -> Option<u64> {
        LOOKS_MILLIS.get(self.looks).map(|millis| self.at_nanos + millis * NANOS_PER_MILLI)
    }

    pub fn look_is_due(&mut self, now: u64) -> bool {
        let due = self.exit.is_none() && self.next_look().is_some_and(|next| next <= now);
        self.looks += usize::from(due);
        due
    }

    /// Programs of children that the shell has started since the line.
    pub fn new_programs(&mut self) -> Vec<(ProcessKey, Program)> {
        let shell_exe = std::fs::read_link(format!("/proc/{}/exe", self.shell)).ok();
        let mut found = Vec::new();
        for child in observe::children(self.shell) {
            let Some((process, program)) = (!self.known.contains(&child)).then(|| observe::program_of(child)).flatten()
            else {
                continue;
            };
            // Between fork and exec it is still the shell, and may be it for good.
            let is_shell = Some(&program.exe) == shell_exe.as_ref() && program.argv.len() < 2;
            if !is_shell {
                self.known.insert(child);
                found.push((process, program));
            }
        }
        found
    }
}

/// What an exit code that a shell gave says.
pub(crate) const fn ended_of(exit_code: i32) -> Ended {
    match exit_code {
        129..=192 => Ended::Signaled(exit_code - 128),
        code => Ended::Exited(code),
    }
}

/// Splits a command line into words as a shell does; what only a shell can expand stays as it is.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            // What follows goes to a file or comes from one, and is a remark.
            (None, '>' | '<' | '#') if word.is_none() => break,
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// Whether a pattern with `*` and `?` fits a text.
fn matches(pattern: &str, text: &str) -> bool {
    fn fits(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skip| fits(rest, &text[skip..])),
            ['?', rest @ ..] => !text.is_empty() && fits(rest, &text[1..]),
            [letter, rest @ ..] => text.first() == Some(letter) && fits(rest, &text[1..]),
        }
    }
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    fits(&chars(pattern), &chars(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(command: &str) -> Line {
        Line::new(i32::MAX, 1, "/p".into(), command.to_owned(), 0)
    }

    #[test]
    fn lines_are_split_as_a_shell_does() {
        let check = |command: &str, expected: &[&str]| assert_eq!(line(command).words(), expected, "{command}");
        check("python train.py --lr 0.1", &["python", "train.py", "--lr", "0.1"]);
        check("  X=1 CUDA=0 python 'my file.py'  ", &["python", "my file.py"]);
        check(r#"./a "b \"c" d\ e ''"#, &["./a", "b \"c", "d e", ""]);
        check("python t.py > log 2>&1", &["python", "t.py"]);
        check("python t.py --n=5 # remark", &["python", "t.py", "--n=5"]);
        check("", &[]);
    }

    #[test]
    fn ignored_commands_are_found_by_their_first_word() {
        let config = WatchConfig::default();
        for command in ["ls -l", "/usr/bin/git status", "vim a.py", "pip install x", "  cat b", "FOO=1 git log"] {
            assert!(line(command).ignored_by(&config).is_some(), "{command}");
        }
        for command in ["python ls.py", "./vim.sh", "make", "cd a && python t.py", ""] {
            assert!(line(command).ignored_by(&config).is_none(), "{command}");
        }
        let config = WatchConfig { ignore_commands: vec!["py*".to_owned()], ..WatchConfig::default() };
        assert_eq!(line("python3 x").ignored_by(&config), Some("py*"));
    }

    #[test]
    fn exit_codes_of_shells() {
        assert_eq!(ended_of(0), Ended::Exited(0));
        assert_eq!(ended_of(127), Ended::Exited(127));
        assert_eq!(ended_of(130), Ended::Signaled(2));
        assert_eq!(ended_of(255), Ended::Exited(255));
    }
}
