//! Reads what Git says of a directory, without touching its index, HEAD or branches.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab_model::GitState;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long `git status` may take.
const STATUS_LIMIT: Duration = Duration::from_secs(2);
/// The longest answer that is read.
const MAX_STATUS_BYTES: usize = 16 << 20;

/// What Git says; `None` outside a repository. Commit, branch and remote are read from files;
/// only for what has changed `git` is asked, where it is on `PATH`, for at most two seconds.
pub fn state(project_root: &Path, variables: &BTreeMap<OsString, OsString>) -> Option<GitState> {
    let repository = Repository::of(project_root)?;
    let mut state = GitState { remote: repository.remote(), ..GitState::default() };
    (state.branch, state.commit) = repository.head();
    if let Some(answer) = status(project_root, variables) {
        read_status(&answer, &mut state);
    }
    Some(state)
}

/// The commit that is checked out in a directory that has a `.git` of its own.
pub fn commit(directory: &Path) -> Option<String> {
    Repository::in_directory(directory)?.head().1
}

struct Repository {
    /// Where this working tree's HEAD lies.
    git: PathBuf,
    /// Where what all working trees share lies.
    common: PathBuf,
}

impl Repository {
    fn of(directory: &Path) -> Option<Self> {
        directory.ancestors().find_map(Self::in_directory)
    }

    fn in_directory(directory: &Path) -> Option<Self> {
        let path = directory.join(".git");
        let git = if path.is_dir() {
            path
        } else {
            // Working trees and submodules have a file that names the place.
            let text = std::fs::read_to_string(&path).ok()?;
            directory.join(text.strip_prefix("gitdir:")?.trim())
        };
        if !git.join("HEAD").is_file() {
            return None;
        }
        let common =
            std::fs::read_to_string(git.join("commondir")).map_or_else(|_| git.clone(), |text| git.join(text.trim()));
        Some(Self { git, common })
    }

    /// Branch and commit.
    fn head(&self) -> (Option<String>, Option<String>) {
        let text = std::fs::read_to_string(self.git.join("HEAD")).unwrap_or_default();
        let text = text.trim();
        match text.strip_prefix("ref:") {
            Some(name) => {
                let name = name.trim();
                (Some(name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()), self.resolve(name, 0))
            }
            None => (None, object_id(text)),
        }
    }

    fn resolve(&self, name: &str, depth: usize) -> Option<String> {
        // A name is a path below the folder, and nothing else.
        if depth > 5 || name.split('/').any(|part| part.is_empty() || part == "..") {
            return None;
        }
        let loose =
            [&self.git, &self.common].into_iter().find_map(|folder| std::fs::read_to_string(folder.join(name)).ok());
        if let Some(text) = loose {
            return match text.trim().strip_prefix("ref:") {
                Some(next) => self.resolve(next.trim(), depth + 1),
                None => object_id(text.trim()),
            };
        }
        let packed = std::fs::read_to_string(self.common.join("packed-refs")).ok()?;
        packed.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix(' ')).and_then(object_id)
    }

    /// The URL of `origin`, else of the only remote.
    fn remote(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.common.join("config")).ok()?;
        let mut remotes: Vec<(String, String)> = Vec::new();
        let mut section: Option<String> = None;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line.strip_prefix("[remote \"").and_then(|line| line.strip_suffix("\"]")).map(str::to_owned);
            } else if let (Some(name), Some((key, value))) = (&section, line.split_once('='))
                && key.trim().eq_ignore_ascii_case("url")
            {
                remotes.push((name.clone(), value.trim().trim_matches('"').to_owned()));
            }
        }
        let chosen = remotes.iter().find(|(name, _)| name == "origin").or(match &remotes[..] {
            [only] => Some(only),
            _ => None,
        });
        chosen.map(|(_, url)| without_credentials(url))
    }
}

fn object_id(text: &str) -> Option<String> {
    (matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_owned())
}

/// A URL without user, password and query; `git@host:path` has a user that is no secret.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = match authority.rsplit_once('@') {
        Some(("git", host)) => format!("git@{host}"),
        Some((_, host)) => host.to_owned(),
        None => authority.to_owned(),
    };
    format!("{scheme}://{host}{}", path.split('?').next().unwrap_or(path))
}

fn status(directory: &Path, variables: &BTreeMap<OsString, OsString>) -> Option<Vec<u8>> {
    let mut command = Command::new(git_program(variables)?);
    command
        .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "-z"])
        .arg("--untracked-files=normal")
        .current_dir(directory)
        .env_clear()
        // The variables of a hook or an alias name another repository.
        .envs(variables.iter().filter(|(name, _)| !name.to_string_lossy().starts_with("GIT_")))
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let answer = read_within(&mut child, STATUS_LIMIT);
    if answer.is_none() {
        // The process may be gone already; either way it must not stay.
        let _ = child.kill();
    }
    // Whoever reaps all children of this process may have been faster: the answer itself tells
    // whether it is whole.
    let _ = child.wait();
    answer.filter(|answer| answer.starts_with(b"# branch.oid "))
}

fn git_program(variables: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
    let path = variables.get(OsStr::new("PATH"))?;
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("git"))
        .find(|path| path.is_file())
}

/// All that a process prints; `None` when it takes too long or prints too much.
fn read_within(child: &mut Child, limit: Duration) -> Option<Vec<u8>> {
    let mut output = child.stdout.take()?;
    let end = Instant::now() + limit;
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let left = end.checked_duration_since(Instant::now())?;
        let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        let ready = {
            let mut descriptors = [PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN)];
            poll(&mut descriptors, Some(&timeout))
        };
        match ready {
            Ok(0) => return None,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return None,
        }
        match output.read(&mut buffer) {
            Ok(0) => return Some(answer),
            Ok(length) if answer.len() + length <= MAX_STATUS_BYTES => answer.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return None,
        }
    }
}

/// Reads the answer of `git status --porcelain=v2 --branch -z`.
fn read_status(answer: &[u8], state: &mut GitState) {
    state.dirty = Some(false);
    let mut records = answer.split(|byte| *byte == 0);
    while let Some(record) = records.next() {
        match record.first() {
            Some(b'1' | b'u') => state.changed_files += 1,
            Some(b'2') => {
                state.changed_files += 1;
                // The name before the renaming follows.
                records.next();
            }
            Some(b'?') => state.untracked_files += 1,
            Some(b'#') => {
                let text = String::from_utf8_lossy(record);
                // Files tell the same, but not where refs are kept in another format.
                if let Some(id) = text.strip_prefix("# branch.oid ") {
                    state.commit = object_id(id).or_else(|| state.commit.take());
                } else if let Some(name) = text.strip_prefix("# branch.head ") {
                    state.branch = (name != "(detached)").then(|| name.to_owned());
                }
            }
            _ => {}
        }
    }
    state.dirty = Some(state.changed_files > 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    fn no_git() -> BTreeMap<OsString, OsString> {
        BTreeMap::new()
    }

    #[test]
    fn files_tell_branch_commit_and_remote() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(state(root, &no_git()), None);
        write(
            root,
            &[
                (".git/HEAD", "ref: refs/heads/feature/x\n"),
                (
                    ".git/config",
                    "[core]\n\turl = no\n[remote \"up\"]\n\turl = a\n[remote \"origin\"]\n\turl = https://me:secret@host.org/a/b.git?token=1\n",
                ),
            ],
        );
        let state_now = || state(&root.join("."), &no_git()).unwrap();
        assert_eq!(state_now().commit, None);
        assert_eq!(state_now().branch.as_deref(), Some("feature/x"));
        assert_eq!(state_now().remote.as_deref(), Some("https://host.org/a/b.git"));
        assert_eq!(state_now().dirty, None);
        write(root, &[(".git/packed-refs", &format!("# pack-refs\n{ID} refs/heads/feature/x\n"))]);
        assert_eq!(state_now().commit.as_deref(), Some(ID));
        write(root, &[(".git/refs/heads/feature/x", &format!("{}\n", ID.replace('0', "f")))]);
        assert_eq!(state_now().commit, Some(ID.replace('0', "f")));
        write(root, &[(".git/HEAD", &format!("{ID}\n"))]);
        assert_eq!((state_now().branch, state_now().commit.as_deref()), (None, Some(ID)));
        write(root, &[(".git/HEAD", "ref: refs/../../../etc/passwd\n")]);
        assert_eq!(state_now().commit, None);
    }

    #[test]
    fn working_trees_and_submodules_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(
            root,
            &[
                ("main/.git/HEAD", "ref: refs/heads/main\n"),
                ("main/.git/refs/heads/side", ID),
                ("main/.git/config", "[remote \"only\"]\nurl = git@host:a/b\n"),
                ("main/.git/worktrees/side/HEAD", "ref: refs/heads/side\n"),
                ("main/.git/worktrees/side/commondir", "../..\n"),
                ("side/.git", "gitdir: ../main/.git/worktrees/side\n"),
                ("side/deep/a.txt", ""),
            ],
        );
        let state = state(&root.join("side/deep"), &no_git()).unwrap();
        assert_eq!((state.branch.as_deref(), state.commit.as_deref()), (Some("side"), Some(ID)));
        assert_eq!(state.remote.as_deref(), Some("git@host:a/b"));
        assert_eq!(commit(&root.join("side")).as_deref(), Some(ID));
        assert_eq!(commit(&root.join("side/deep")), None);
    }

    #[test]
    fn status_answers_are_read() {
        let answer = format!(
            "# branch.oid {ID}\0# branch.head main\0# branch.ab +1 -0\01 .M N... 1 1 1 a b c.txt\02 R. N... 1 1 1 a b R100 new\0? old\0u UU N x\0? dir/\0"
        );
        let mut state = GitState::default();
        read_status(answer.as_bytes(), &mut state);
        assert_eq!((state.changed_files, state.untracked_files, state.dirty), (3, 1, Some(true)));
        assert_eq!(state.branch.as_deref(), Some("main"));
        let mut state = GitState::default();
        read_status(b"# branch.oid (initial)\0# branch.head (detached)\0", &mut state);
        assert_eq!((state.commit, state.branch, state.dirty), (None, None, Some(false)));
    }

    #[test]
    fn a_real_repository_is_asked_and_its_index_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let variables = BTreeMap::from([
            ("PATH".into(), OsString::from("/usr/local/bin:/usr/bin:/bin")),
            ("HOME".into(), root.into()),
        ]);
        let Some(git) = git_program(&variables) else { return };
        let run = |args: &[&str]| {
            let mut command = Command::new(&git);
            command.args(["-c", "user.name=a", "-c", "user.email=a@b.c"]).args(args).current_dir(root);
            assert!(
                command
                    .env_clear()
                    .envs(&variables)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .unwrap()
                    .success()
            );
        };
        write(root, &[("p/a.txt", "1"), ("p/b.txt", "1"), (".gitignore", "ignored\n")]);
        run(&["init", "-q", "-b", "main"]);
        run(&["add", "-A"]);
        run(&["commit", "-q", "-m", "x"]);
        write(root, &[("p/a.txt", "changed"), ("p/new.txt", ""), ("ignored", "")]);
        let index = std::fs::read(root.join(".git/index")).unwrap();
        let state = state(&root.join("p"), &variables).unwrap();
        assert_eq!((state.dirty, state.changed_files, state.untracked_files), (Some(true), 1, 1));
        assert_eq!((state.branch.as_deref(), state.commit.map(|id| id.len())), (Some("main"), Some(40)));
        assert_eq!(std::fs::read(root.join(".git/index")).unwrap(), index);
        assert!(!root.join(".git/index.lock").exists());
    }

    #[test]
    fn a_slow_program_is_given_up() {
        let sleep = Path::new("/bin/sleep");
        if sleep.exists() {
            let mut child = Command::new(sleep).arg("60").stdout(Stdio::piped()).spawn().unwrap();
            assert_eq!(read_within(&mut child, Duration::from_millis(1)), None);
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn credentials_leave_urls() {
        for (url, expected) in [
            ("https://user:pw@h/p", "https://h/p"),
            ("https://token@h/p", "https://h/p"),
            ("ssh://git@h:22/p", "ssh://git@h:22/p"),
            ("git@h:p", "git@h:p"),
            ("/local/path", "/local/path"),
            ("https://h/p@x", "https://h/p@x"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
    }
}
