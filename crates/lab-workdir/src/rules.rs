//! What is left out of a snapshot, and which role a path has by rule.
//!
//! The first that has something to say about a name decides:
//! 1. what is never kept: `.git`, `.hg`, `.svn`, `.jj`, the staging folder of a restore, another notebook;
//! 2. `.labignore`, the deepest first;
//! 3. `ignore` in `lab.toml`;
//! 4. `.gitignore`, the deepest first, up to the root of the repository that holds the project;
//! 5. `.git/info/exclude`;
//! 6. the built-in list, unless one of the above takes the name back in with `!`.
//!
//! A directory that is left out is not entered. Building a matcher costs more than walking a small
//! project, so a matcher is only built when a name has to be matched that the index cannot answer for.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use lab_model::{Domain, Hasher, Kind, ROLES, RelPath, Role};

pub(crate) use self::builtin::{CACHEDIR_RULE, CACHEDIR_SIGNATURE, Marks, by_default, never_kept};
use crate::Config;
use crate::open::{as_path, read_outside};
use crate::role::{Place, role_in};

mod builtin;

/// What the ignore files say of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Verdict {
    /// Nothing: the built-in list decides.
    #[default]
    None,
    /// It is taken in, whatever the built-in list says.
    Include,
    /// It is left out.
    Ignore,
}

/// A name that is left out, for the index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Passed {
    pub name: Box<[u8]>,
    pub kind: Kind,
    pub verdict: Verdict,
    /// The rule behind [`Verdict::Ignore`], else empty.
    pub rule: Box<str>,
}

/// One ignore file, or the list in `lab.toml`.
#[derive(Debug)]
struct Layer {
    /// Bytes of the project's path to the directory whose names the file speaks of.
    base_bytes: usize,
    /// What stands before a path of the project, when the file lies above the project.
    prefix: Vec<u8>,
    /// How the file is called in the coverage.
    source: String,
    text: String,
    matcher: OnceLock<Gitignore>,
}

impl Layer {
    fn new(base_bytes: usize, source: String, text: String) -> Arc<Self> {
        Arc::new(Self { base_bytes, prefix: Vec::new(), source, text, matcher: OnceLock::new() })
    }

    fn matches(&self, path: &[u8], is_directory: bool) -> Match<&ignore::gitignore::Glob> {
        let path = if self.base_bytes == 0 { path } else { &path[self.base_bytes + 1..] };
        let matcher = self.matcher.get_or_init(|| matcher(self.text.lines()));
        if self.prefix.is_empty() {
            matcher.matched(as_path(path), is_directory)
        } else {
            matcher.matched(as_path(&[&self.prefix[..], b"/", path].concat()), is_directory)
        }
    }
}

/// A matcher of lines in the syntax of `.gitignore`; lines that make no sense are passed over, as Git does.
fn matcher<'a>(lines: impl Iterator<Item = &'a str>) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for line in lines {
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// A list of lines in the syntax of `.gitignore`, such as `seal` in `lab.toml`.
#[derive(Debug)]
pub struct Globs {
    lines: Vec<String>,
    matcher: OnceLock<Gitignore>,
}

impl Globs {
    /// Takes the lines; the matcher is built when it is first needed.
    pub fn new(lines: &[String]) -> Self {
        Self { lines: lines.to_vec(), matcher: OnceLock::new() }
    }

    /// Whether a line names the file at `path` or a directory that holds it.
    pub fn matches(&self, path: &RelPath) -> bool {
        if self.lines.is_empty() || path.is_root() {
            return false;
        }
        let matcher = self.matcher.get_or_init(|| matcher(self.lines.iter().map(String::as_str)));
        matcher.matched_path_or_any_parents(as_path(path.as_bytes()), false).is_ignore()
    }
}

/// The ignore files that hold in one directory, those of deeper directories last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    /// `lab.toml`, then `.labignore` files.
    own: Vec<Arc<Layer>>,
    /// `.git/info/exclude`, then `.gitignore` files.
    git: Vec<Arc<Layer>>,
    /// Digest of all of them.
    pub digest: u64,
}

impl Chain {
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.git.is_empty()
    }

    /// What the files say of `path` (below the project's root), and the rule when it is left out.
    pub fn verdict(&self, path: &[u8], is_directory: bool) -> (Verdict, String) {
        for layer in self.own.iter().rev().chain(self.git.iter().rev()) {
            match layer.matches(path, is_directory) {
                Match::None => {}
                Match::Whitelist(_) => return (Verdict::Include, String::new()),
                Match::Ignore(glob) => return (Verdict::Ignore, format!("{}: {}", layer.source, glob.original())),
            }
        }
        (Verdict::None, String::new())
    }

    /// This chain with the ignore files of `directory` added.
    pub fn with(&self, directory: &RelPath, gitignore: Option<Vec<u8>>, labignore: Option<Vec<u8>>) -> Self {
        let mut chain = self.clone();
        let source = |name: &str| if directory.is_root() { name.to_owned() } else { format!("{directory}/{name}") };
        if let Some(bytes) = gitignore {
            chain.push(false, Layer::new(directory.as_bytes().len(), source(".gitignore"), text_of(&bytes)));
        }
        if let Some(bytes) = labignore {
            chain.push(true, Layer::new(directory.as_bytes().len(), source(".labignore"), text_of(&bytes)));
        }
        chain
    }

    fn push(&mut self, own: bool, layer: Arc<Layer>) {
        let mut hasher = Hasher::new(Domain::Content);
        hasher.update(&self.digest.to_le_bytes()).update(&[u8::from(own)]);
        hasher.field(layer.source.as_bytes()).field(&layer.prefix).field(layer.text.as_bytes());
        self.digest = digest_of(&hasher);
        if own { &mut self.own } else { &mut self.git }.push(layer);
    }
}

/// Digest of the files that `lab.toml` gives a role.
fn config_digest(config: &Config) -> u64 {
    let mut hasher = Hasher::new(Domain::Content);
    for role in &config.roles {
        hasher.update(&(role.files.len() as u64).to_le_bytes());
        for line in &role.files {
            hasher.field(line.as_bytes());
        }
    }
    digest_of(&hasher)
}

fn digest_of(hasher: &Hasher) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hasher.finish().0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The text of an ignore file. Lines that are not UTF-8 keep what is; a byte order mark is no part of a rule.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned()
}

/// The longest ignore file that is read.
pub(crate) const IGNORE_FILE_MAX_BYTES: usize = 16 << 20;

/// The rules of a project: what is ignored and which role a path has.
#[derive(Debug)]
pub struct Rules {
    chain: Chain,
    /// The files that `lab.toml` gives a role, in the order of [`ROLES`].
    files: [Globs; 4],
    names_files: bool,
    /// Names of files that runs wrote, by directory.
    produced: HashMap<RelPath, HashSet<Vec<u8>>>,
    /// Digest of that set and of the files that `lab.toml` names.
    pub(crate) roles_digest: u64,
    pub(crate) cross_filesystems: bool,
    seal: Gitignore,
    unseal: Gitignore,
}

impl Rules {
    /// Whether `lab.toml` says of the file at `path` that it is, or is not, to be kept encrypted.
    pub fn seal(&self, path: &RelPath) -> Option<bool> {
        let named = |list: &Gitignore| {
            !list.is_empty() && list.matched_path_or_any_parents(as_path(path.as_bytes()), false).is_ignore()
        };
        if named(&self.unseal) {
            return Some(false);
        }
        named(&self.seal).then_some(true)
    }

    /// Reads the ignore files above `root` (an absolute path) and takes the rules of `config`. `produced`
    /// holds the paths that runs wrote: their role is output.
    pub fn new(root: &Path, config: &Config, produced: &HashSet<RelPath>) -> Self {
        let mut chain = Chain::default();
        add_repository(root, &mut chain);
        if !config.ignore.is_empty() {
            chain.push(true, Layer::new(0, Config::FILE_NAME.to_owned(), config.ignore.join("\n")));
        }
        let files = ROLES.map(|role| Globs::new(&config.role(role).files));
        let names_files = config.roles.iter().any(|role| !role.files.is_empty());
        let mut by_directory: HashMap<RelPath, HashSet<Vec<u8>>> = HashMap::new();
        // The set has no order, so the digest must not depend on one.
        let mut roles_digest = config_digest(config);
        for path in produced {
            let Some(directory) = path.parent() else { continue };
            by_directory.entry(directory).or_default().insert(path.file_name().to_vec());
            roles_digest = roles_digest.wrapping_add(digest_of(Hasher::new(Domain::Content).update(path.as_bytes())));
        }
        let list = |lines: &[String]| matcher(lines.iter().map(String::as_str));
        Self {
            chain,
            files,
            names_files,
            produced: by_directory,
            roles_digest,
            cross_filesystems: config.cross_filesystems,
            seal: list(&config.seal),
            unseal: list(&config.unseal),
        }
    }

    /// Whether `other` decides the same of every name.
    pub(crate) const fn same_names(&self, other: &Self) -> bool {
        self.chain.digest == other.chain.digest
            && self.roles_digest == other.roles_digest
            && self.cross_filesystems == other.cross_filesystems
    }

    /// The ignore files that hold in the root before its own.
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The names in `directory` that runs wrote.
    pub(crate) fn produced_in(&self, directory: &RelPath) -> Option<&HashSet<Vec<u8>>> {
        if self.produced.is_empty() { None } else { self.produced.get(directory) }
    }

    /// The role of `name` in `directory` where a rule decides it.
    pub(crate) fn role(
        &self,
        directory: &RelPath,
        produced: Option<&HashSet<Vec<u8>>>,
        place: Option<Place>,
        name: &[u8],
    ) -> Option<Role> {
        if self.names_files
            && let Ok(path) = directory.join(name)
            && let Some(role) = ROLES.into_iter().find(|role| self.files[*role as usize].matches(&path))
        {
            return Some(role);
        }
        if produced.is_some_and(|names| names.contains(name)) {
            return Some(Role::Output);
        }
        role_in(place, name)
    }
}

/// Adds `.git/info/exclude` and the `.gitignore` files above the project, when a repository holds it.
fn add_repository(root: &Path, chain: &mut Chain) {
    let Some(repository) = root.ancestors().find(|path| path.join(".git").symlink_metadata().is_ok()) else { return };
    let mut add = |directory: &Path, file: &Path, source: String| {
        let Ok(bytes) = read_outside(file, IGNORE_FILE_MAX_BYTES) else { return };
        let prefix =
            root.strip_prefix(directory).map_or(Vec::new(), |path| path.as_os_str().as_encoded_bytes().to_vec());
        let text = text_of(&bytes);
        chain.push(false, Arc::new(Layer { base_bytes: 0, prefix, source, text, matcher: OnceLock::new() }));
    };
    add(repository, &repository.join(".git/info/exclude"), ".git/info/exclude".to_owned());
    let mut above: Vec<&Path> = root.ancestors().skip(1).take_while(|path| path.starts_with(repository)).collect();
    above.reverse();
    for directory in above {
        let steps = root.strip_prefix(directory).map_or(0, |path| path.components().count());
        add(directory, &directory.join(".gitignore"), format!("{}.gitignore", "../".repeat(steps)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_speak_of_files_and_of_directories() {
        let globs = Globs::new(&["*.pem".to_owned(), "/private/".to_owned(), "!public.pem".to_owned()]);
        for (path, expected) in
            [("a.pem", true), ("d/b.pem", true), ("private/x/y", true), ("d/private/x", false), ("public.pem", false)]
        {
            assert_eq!(globs.matches(&RelPath::new(path).unwrap()), expected, "{path}");
        }
        assert!(!Globs::new(&[]).matches(&RelPath::new("a").unwrap()));
        assert!(!globs.matches(&RelPath::root()));
    }
}
