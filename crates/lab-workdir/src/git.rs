//! What is checked out, read by hand: Git itself is never run and its files are never written.

use std::path::{Path, PathBuf};

use crate::open::{as_path, read_outside};

/// What `HEAD` names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// The commit; `None` before the first one, or when it cannot be read.
    pub commit: Option<String>,
    /// The branch; `None` when HEAD is detached.
    pub branch: Option<String>,
}

/// The longest of Git's small files.
const SMALL_BYTES: usize = 4096;
/// The longest list of packed references that is searched.
const PACKED_BYTES: usize = 16 << 20;

/// Reads the head of the repository whose `.git` (a directory, or the file of a submodule or work tree)
/// is at `dot_git`; `None` when there is no repository.
pub fn head(dot_git: &Path) -> Option<Head> {
    let directory = git_directory(dot_git)?;
    let head = line(&directory.join("HEAD"))?;
    let Some(reference) = head.strip_prefix("ref: ") else {
        return Some(Head { commit: commit(&head), branch: None });
    };
    let branch = reference.strip_prefix("refs/heads/").map(str::to_owned);
    // A name such as `../../x` would read a file that is no reference.
    let safe = reference.starts_with("refs/") && !reference.split('/').any(|part| part.is_empty() || part == "..");
    let commit = if safe { resolve(&directory, reference) } else { None };
    Some(Head { commit, branch })
}

/// The directory behind a `.git`, which in a submodule or work tree is a file that names it.
fn git_directory(dot_git: &Path) -> Option<PathBuf> {
    if dot_git.is_dir() {
        return Some(dot_git.to_owned());
    }
    let bytes = read_outside(dot_git, SMALL_BYTES).ok()?;
    let target = bytes.strip_prefix(b"gitdir: ")?;
    let target = as_path(target.trim_ascii_end());
    Some(dot_git.parent()?.join(target))
}

fn resolve(directory: &Path, reference: &str) -> Option<String> {
    // A work tree has a HEAD of its own; its branches are those of the main repository.
    let common = line(&directory.join("commondir")).map_or_else(|| directory.to_owned(), |path| directory.join(path));
    [directory, &common]
        .into_iter()
        .find_map(|directory| commit(&line(&directory.join(reference))?))
        .or_else(|| packed(&common, reference))
}

fn packed(directory: &Path, reference: &str) -> Option<String> {
    let bytes = read_outside(&directory.join("packed-refs"), PACKED_BYTES).ok()?;
    bytes.split(|byte| *byte == b'\n').find_map(|line| {
        let (id, name) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        if name == reference { commit(id) } else { None }
    })
}

fn line(path: &Path) -> Option<String> {
    let text = String::from_utf8(read_outside(path, SMALL_BYTES).ok()?).ok()?;
    Some(text.lines().next()?.trim_end().to_owned())
}

fn commit(text: &str) -> Option<String> {
    (matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn heads_of_all_kinds() {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join(".git");
        assert_eq!(head(&git), None);
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(head(&git), Some(Head { commit: None, branch: Some("main".into()) }));
        fs::write(git.join("packed-refs"), format!("# pack-refs with: peeled\n{two} refs/heads/main\n^{one}\n"))
            .unwrap();
        assert_eq!(head(&git).unwrap().commit, Some(two));
        fs::write(git.join("refs/heads/main"), format!("{one}\n")).unwrap();
        assert_eq!(head(&git).unwrap().commit, Some(one.clone()));
        // A work tree beside it, whose branches are those of the main repository.
        let tree = git.join("worktrees/w");
        fs::create_dir_all(&tree).unwrap();
        fs::write(tree.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(tree.join("commondir"), "../..\n").unwrap();
        fs::create_dir(dir.path().join("w")).unwrap();
        fs::write(dir.path().join("w/.git"), "gitdir: ../.git/worktrees/w\n").unwrap();
        assert_eq!(head(&dir.path().join("w/.git")).unwrap().commit, Some(one.clone()));
        fs::write(git.join("HEAD"), format!("{one}\n")).unwrap();
        assert_eq!(head(&git), Some(Head { commit: Some(one), branch: None }));
        fs::write(git.join("HEAD"), "ref: refs/../../secret\n").unwrap();
        assert_eq!(head(&git), Some(Head::default()));
    }
}
