//! `lab.toml`: everything in it is optional.

use std::fmt;
use std::path::{Path, PathBuf};

use lab_model::{ROLES, Role};
use rustix::io::Errno;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};

use crate::open::read_outside;
use crate::{Error, Result};

/// How much of a role's files is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Every byte.
    Copy,
    /// Only the hash.
    Hash,
    /// Nothing.
    Skip,
}

/// How it is found out which files a run reads and writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceMode {
    /// Not at all.
    Off,
    /// Every opening of a file waits until it is seen.
    Full,
    /// The same, and programs note themselves what they open only to read, where they can.
    #[default]
    Hybrid,
}

/// What is settled for one role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoleConfig {
    /// How much is kept.
    pub keep: Keep,
    /// Larger files are only hashed.
    pub file_limit_bytes: u64,
    /// When the copies of one snapshot reach this, the rest is only hashed.
    pub total_limit_bytes: u64,
    /// Which files have the role, in the syntax of `.gitignore`, before any built-in rule.
    pub files: Vec<String>,
}

/// The settings of a project.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The project's name; else the directory's.
    pub name: Option<String>,
    /// Where the notebook is; relative to the project's root when not absolute.
    pub notebook: Option<PathBuf>,
    /// What is left out, in the syntax of `.gitignore`.
    pub ignore: Vec<String>,
    /// By role, in the order of [`lab_model::ROLES`].
    pub roles: [RoleConfig; 4],
    /// Whether other file systems below the root are entered.
    pub cross_filesystems: bool,
    /// Files that are always kept encrypted, in the syntax of `.gitignore`.
    pub seal: Vec<String>,
    /// Files that are never kept encrypted, in the same syntax.
    pub unseal: Vec<String>,
    /// The longest log of a run that is kept.
    pub log_limit_bytes: u64,
    /// How it is found out which files a run reads and writes.
    pub trace: TraceMode,
    /// Files that hold metrics whatever they are called, in the same syntax.
    pub metrics: Vec<String>,
    /// What the watcher takes for a run.
    pub watch: WatchConfig,
}

/// What the watcher takes for a run.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatchConfig {
    /// Always a run, however short: patterns for the program, its script or the whole command.
    pub run: Vec<String>,
    /// Never a run, in the same syntax.
    pub ignore: Vec<String>,
    /// Commands that the shell hook does not keep, by their first word; patterns too.
    pub ignore_commands: Vec<String>,
    /// What ends sooner than this is no run, unless it was typed or `run` names it.
    pub minimum_millis: u64,
    /// A run of which only a folder is seen is over when nothing in it has changed for so long.
    pub quiet_seconds: u64,
    /// Whether the shell says when the very same was done before.
    pub hint: bool,
}

/// What people type all day and what is no experiment.
const IGNORED_COMMANDS: &[&str] = &[
    "ls",
    "ll",
    "la",
    "cd",
    "pwd",
    "pushd",
    "popd",
    "cat",
    "bat",
    "less",
    "more",
    "head",
    "tail",
    "man",
    "info",
    "which",
    "type",
    "echo",
    "printf",
    "history",
    "clear",
    "exit",
    "logout",
    "jobs",
    "fg",
    "bg",
    "kill",
    "export",
    "source",
    ".",
    "alias",
    "cp",
    "mv",
    "rm",
    "mkdir",
    "rmdir",
    "touch",
    "ln",
    "chmod",
    "chown",
    "find",
    "fd",
    "grep",
    "rg",
    "ag",
    "wc",
    "sort",
    "diff",
    "du",
    "df",
    "tree",
    "ps",
    "top",
    "htop",
    "nvidia-smi",
    "watch",
    "ssh",
    "scp",
    "rsync",
    "tmux",
    "screen",
    "git",
    "gh",
    "hg",
    "svn",
    "vim",
    "vi",
    "nvim",
    "nano",
    "emacs",
    "code",
    "subl",
    "pip",
    "pip3",
    "conda",
    "mamba",
    "apt",
    "brew",
    "npm",
    "lab",
];

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            run: Vec::new(),
            ignore: Vec::new(),
            ignore_commands: IGNORED_COMMANDS.iter().map(|word| (*word).to_owned()).collect(),
            minimum_millis: 1000,
            quiet_seconds: 600,
            hint: true,
        }
    }
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The limits of a role when `lab.toml` says nothing: for one file, and for one snapshot.
const fn default_limits(role: Role) -> (u64, u64) {
    match role {
        Role::Code | Role::Config => (16 * MIB, GIB),
        Role::Data => (64 * MIB, GIB),
        Role::Output => (16 * MIB, 256 * MIB),
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: None,
            notebook: None,
            ignore: Vec::new(),
            roles: ROLES.map(|role| RoleTable::default().with_defaults(role)),
            cross_filesystems: false,
            seal: Vec::new(),
            unseal: Vec::new(),
            log_limit_bytes: 256 * MIB,
            trace: TraceMode::Hybrid,
            metrics: Vec::new(),
            watch: WatchConfig::default(),
        }
    }
}

/// The largest `lab.toml` that is read.
const MAX_BYTES: usize = 1 << 20;

impl Config {
    /// The name of the file.
    pub const FILE_NAME: &'static str = "lab.toml";

    /// Reads `lab.toml` in `root`; also gives its raw bytes, empty when there is no such file.
    ///
    /// # Errors
    /// [`crate::Error::ConfigRead`], and [`crate::Error::Config`] with line and hint.
    pub fn load(root: &Path) -> Result<(Self, Vec<u8>)> {
        let path = root.join(Self::FILE_NAME);
        match read_outside(&path, MAX_BYTES) {
            Ok(bytes) => Ok((Self::parse(&bytes, &path)?, bytes)),
            Err(Errno::NOENT) => Ok((Self::default(), Vec::new())),
            Err(error) => Err(Error::ConfigRead { path, source: error.into() }),
        }
    }

    /// Reads the text of a `lab.toml`; `path` is for messages.
    ///
    /// # Errors
    /// [`crate::Error::Config`] with line and hint.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let wrong = |offset: usize, message: &str| {
            let (message, hint) = split_hint(message);
            let before = &bytes[..offset.min(bytes.len())];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            Error::Config { path: path.to_owned(), line, message, hint }
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| wrong(error.valid_up_to(), "The settings are not UTF-8 text; save the file as UTF-8"))?;
        let file: File =
            toml::from_str(text).map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message()))?;
        Ok(file.into_config())
    }

    /// What is settled for `role`.
    pub const fn role(&self, role: Role) -> &RoleConfig {
        &self.roles[role as usize]
    }

    /// A fresh `lab.toml`: every key with its default, commented out.
    pub const fn template() -> &'static str {
        TEMPLATE
    }
}

/// Splits what the parser says into what is wrong and what would be right.
fn split_hint(message: &str) -> (String, String) {
    let message = message.trim();
    let (what, hint) = [", expected ", "; "].iter().find_map(|mark| message.split_once(mark)).map_or(
        (message, String::new()),
        |(what, right)| {
            let expected = message.contains(", expected ");
            (what, if expected { format!("Expected {right}") } else { capital(right) })
        },
    );
    let hint = if hint.is_empty() { "`lab config --template` shows every key".to_owned() } else { hint };
    (capital(&what.replace('\n', " ")), hint.replace('\n', " "))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    name: Option<String>,
    notebook: Option<PathBuf>,
    ignore: Vec<String>,
    cross_filesystems: bool,
    log_limit: Option<Size>,
    code: RoleTable,
    config: RoleTable,
    data: RoleTable,
    output: RoleTable,
    run: RunTable,
    secrets: SecretsTable,
    metrics: MetricsTable,
    watch: WatchConfig,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RoleTable {
    keep: Option<Keep>,
    file_limit: Option<Size>,
    total_limit: Option<Size>,
    files: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RunTable {
    trace: TraceMode,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct SecretsTable {
    seal: Vec<String>,
    unseal: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct MetricsTable {
    files: Vec<String>,
}

impl RoleTable {
    fn with_defaults(self, role: Role) -> RoleConfig {
        let (file, total) = default_limits(role);
        RoleConfig {
            keep: self.keep.unwrap_or(Keep::Copy),
            file_limit_bytes: self.file_limit.map_or(file, |size| size.0),
            total_limit_bytes: self.total_limit.map_or(total, |size| size.0),
            files: self.files,
        }
    }
}

impl File {
    fn into_config(self) -> Config {
        let roles = [
            self.code.with_defaults(Role::Code),
            self.config.with_defaults(Role::Config),
            self.data.with_defaults(Role::Data),
            self.output.with_defaults(Role::Output),
        ];
        let default = Config::default();
        Config {
            name: self.name,
            notebook: self.notebook,
            ignore: self.ignore,
            roles,
            cross_filesystems: self.cross_filesystems,
            seal: self.secrets.seal,
            unseal: self.secrets.unseal,
            log_limit_bytes: self.log_limit.map_or(default.log_limit_bytes, |size| size.0),
            trace: self.run.trace,
            metrics: self.metrics.files,
            watch: self.watch,
        }
    }
}

/// Bytes, written as a number or as text such as `"64 MiB"`.
#[derive(Clone, Copy)]
struct Size(u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as \"64 MiB\", or a number of bytes")
            }

            fn visit_i64<E: serde::de::Error>(self, bytes: i64) -> std::result::Result<Size, E> {
                u64::try_from(bytes).map(Size).map_err(|_| E::custom("A size is never negative"))
            }

            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> std::result::Result<Size, E> {
                Ok(Size(bytes))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Size, E> {
                parse_size(text).map(Size).ok_or_else(|| {
                    E::custom(format!(
                        "`{text}` is no size; write it like \"64 MiB\" (B, KB, MB, GB, TB, KiB, MiB, GiB, TiB)"
                    ))
                })
            }
        }
        deserializer.deserialize_any(SizeVisitor).map_err(D::Error::custom)
    }
}

/// Bytes from text such as `64 MiB`, `1.5GB` or `4096`; `None` when it is no size.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => MIB,
        "gib" | "g" => GIB,
        "tib" | "t" => 1 << 40,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    (bytes.is_finite() && bytes < u64::MAX as f64).then_some(bytes as u64)
}

const TEMPLATE: &str = r#"# Settings of this project for `lab`. Every key is optional; what stands here is the default.

# The project's name; else the name of this directory.
# name = "my-experiment"

# Where its notebook is; else the notebook of the person.
# notebook = "/path/to/notebook"

# What a snapshot leaves out, in the syntax of .gitignore, beside .gitignore and .labignore.
# A line with `!` takes something back in, also what is left out by default, such as `!build/`.
# ignore = []

# Whether directories on other file systems (mounts) are entered.
# cross_filesystems = false

# The longest log of a run that is kept.
# log_limit = "256 MiB"

# [run]
# How it is seen which files a run reads and writes: "hybrid", "full" (the same without a library of its own
# in the programs, and slower) or "off".
# trace = "hybrid"

# For each role: how much is kept ("copy" every byte, "hash" only, or "skip"), the largest file that
# is copied, how much one snapshot copies at most, and which files have the role whatever the
# built-in rules say.

# [code]
# keep = "copy"
# file_limit = "16 MiB"
# total_limit = "1 GiB"
# files = []

# [config]
# keep = "copy"
# file_limit = "16 MiB"
# total_limit = "1 GiB"
# files = []

# [data]
# keep = "copy"
# file_limit = "64 MiB"
# total_limit = "1 GiB"
# files = []

# [output]
# keep = "copy"
# file_limit = "16 MiB"
# total_limit = "256 MiB"
# files = []

# [secrets]
# Files that are always kept encrypted, and files that never are, in the syntax of .gitignore.
# seal = []
# unseal = []

# [metrics]
# Tables and lines of JSON that hold metrics, in the syntax of .gitignore, beside those that are
# found by themselves.
# files = []

# [watch]
# What `lab watch` takes for a run. Patterns know * and ?, and match a program's name, its script or
# its whole command line: what is always a run however short, and what is none.
# run = []
# ignore = []
# What ends sooner is no run, unless it was typed in a shell with the hook or `run` names it.
# minimum_millis = 1000
# A run of which only a folder is seen, for it runs elsewhere, is over when nothing in it has changed for so long.
# quiet_seconds = 600
# Whether the shell says when the very same was done before.
# hint = true
# Commands that the shell's hook does not keep, by their first word.
# ignore_commands = ["ls", "ll", "la", "cd", "pwd", "pushd", "popd", "cat", "bat", "less", "more", "head", "tail", "man", "info", "which", "type", "echo", "printf", "history", "clear", "exit", "logout", "jobs", "fg", "bg", "kill", "export", "source", ".", "alias", "cp", "mv", "rm", "mkdir", "rmdir", "touch", "ln", "chmod", "chown", "find", "fd", "grep", "rg", "ag", "wc", "sort", "diff", "du", "df", "tree", "ps", "top", "htop", "nvidia-smi", "watch", "ssh", "scp", "rsync", "tmux", "screen", "git", "gh", "hg", "svn", "vim", "vi", "nvim", "nano", "emacs", "code", "subl", "pip", "pip3", "conda", "mamba", "apt", "brew", "npm", "lab"]
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(text.as_bytes(), Path::new("lab.toml"))
    }

    #[test]
    fn the_template_says_the_defaults() {
        assert_eq!(parse(TEMPLATE).unwrap(), Config::default());
        // With every key taken in, except the two that have no default value.
        let uncommented: String = TEMPLATE
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')))
            .filter(|line| !line.starts_with("name") && !line.starts_with("notebook"))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert!(uncommented.contains("total_limit"));
        assert_eq!(parse(&uncommented).unwrap(), Config::default());
    }

    #[test]
    fn mistakes_are_told_with_line_and_hint() {
        let check = |text: &str, expected_line: usize, message_part: &str, hint_part: &str| match parse(text) {
            Err(Error::Config { line, message, hint, .. }) => {
                assert_eq!(line, expected_line, "{text}");
                assert!(message.contains(message_part), "{text}: {message}");
                assert!(hint.contains(hint_part), "{text}: {hint}");
            }
            other => panic!("{text}: {other:?}"),
        };
        check("name = \"x\"\nnotbook = \"y\"\n", 2, "Unknown field `notbook`", "`notebook`");
        check("[data]\nkep = \"copy\"", 2, "Unknown field `kep`", "`keep`");
        check("[data]\nkeep = \"cpoy\"", 2, "`cpoy`", "`copy`");
        check("\n\n[data]\nfile_limit = \"64 MiBs\"", 4, "`64 MiBs` is no size", "64 MiB");
        check("[data]\nfile_limit = true", 2, "boolean", "a size such as");
        check("[data]\nfile_limit = -1", 2, "never negative", "lab config");
        check("ignore = \"x\"", 1, "string", "sequence");
        check("name = ", 1, "", "");
        assert!(matches!(Config::parse(b"name = \"\xff\"", Path::new("x")), Err(Error::Config { line: 1, .. })));
    }

    #[test]
    fn values_arrive() {
        let config =
            parse("log_limit = 5\n[data]\nkeep = \"hash\"\nfile_limit = \"1.5 GB\"\nfiles = [\"in/\"]").unwrap();
        assert_eq!(config.log_limit_bytes, 5);
        let data = config.role(Role::Data);
        assert_eq!((data.keep, data.file_limit_bytes), (Keep::Hash, 1_500_000_000));
        assert_eq!(data.total_limit_bytes, GIB);
        assert_eq!(data.files, ["in/"]);
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("64 MiB", Some(64 * MIB)),
            ("64mib", Some(64 * MIB)),
            ("1.5 KiB", Some(1536)),
            ("2 GB", Some(2_000_000_000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551615 KiB", None),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1 2", None),
            ("1e9", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_file_is_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Config::load(dir.path()).unwrap(), (Config::default(), Vec::new()));
        std::fs::create_dir(dir.path().join("lab.toml")).unwrap();
        assert!(matches!(Config::load(dir.path()), Err(Error::ConfigRead { .. })));
    }
}
