//! What differs between the files, parameters and surroundings of two states.

use std::collections::BTreeMap;

use lab_engine::{Reader, Result, RunRow};
use lab_model::diff::PathDiff;
use lab_model::{Content, Entry, Environment, Hash, Kind, Package, Role, RunFacts};

use crate::diff::TEXT_LIMIT_BYTES;
use crate::{Cell, Column, Diff, Table, Tone, format};

/// One side of a comparison.
pub(crate) struct Side {
    /// What people call it.
    pub label: String,
    /// Its files.
    pub snapshot: Option<Hash>,
    /// The run, unless it is only files.
    pub row: Option<RunRow>,
    /// What was gathered beside the run.
    pub facts: Option<RunFacts>,
}

impl Side {
    pub(crate) fn of_run(reader: &Reader, row: RunRow) -> Result<Self> {
        let facts = reader.facts(&row.start.run)?;
        let label = lab_model::display_bytes(row.name.as_bytes());
        Ok(Self { label, snapshot: row.start.snapshot, row: Some(row), facts })
    }
}

/// The files and links that differ in what they say: content, target, executable bit.
pub(crate) fn files(reader: &Reader, left: Option<&Hash>, right: Option<&Hash>) -> Result<Vec<PathDiff>> {
    let (Some(left), Some(right)) = (left, right) else { return Ok(Vec::new()) };
    if left == right {
        return Ok(Vec::new());
    }
    let mut differences = reader.difference(left, right)?;
    differences.retain(|difference| !same_content(difference.left.as_ref(), difference.right.as_ref()));
    Ok(differences)
}

fn same_content(left: Option<&Entry>, right: Option<&Entry>) -> bool {
    let is_file = |entry: &&Entry| entry.kind != Kind::Directory;
    match (left.filter(is_file), right.filter(is_file)) {
        (None, None) => true,
        (Some(left), Some(right)) => {
            left.kind == right.kind
                && left.target == right.target
                && left.is_executable() == right.is_executable()
                && left.content.hash() == right.content.hash()
        }
        _ => false,
    }
}

/// The role of a differing path, as of the newer side.
pub(crate) fn role(difference: &PathDiff) -> Role {
    difference.right.as_ref().or(difference.left.as_ref()).map_or(Role::Code, |entry| entry.role)
}

/// Paths of one role.
pub(crate) fn paths(differences: &[PathDiff], wanted: Role) -> Vec<String> {
    differences.iter().filter(|found| role(found) == wanted).map(|found| found.path.to_string()).collect()
}

/// Installed software and what steers it, by name.
pub(crate) struct Software {
    /// Versions of packages.
    pub packages: BTreeMap<String, String>,
    /// Interpreter, CUDA, variables.
    pub others: BTreeMap<String, String>,
}

/// What of an environment can be told apart by name.
pub(crate) fn software(environment: &Environment) -> Software {
    let package = |package: &Package| {
        let source = package.source.as_ref().map(|source| format!(" from {source}")).unwrap_or_default();
        (package.name.clone(), format!("{}{source}", package.version))
    };
    let mut others = environment.variables.clone();
    if let Some(found) = &environment.interpreter {
        others.insert(found.language.clone(), found.version.clone());
    }
    if let Some(version) = &environment.cuda {
        others.insert("CUDA".to_owned(), version.clone());
    }
    Software { packages: environment.packages.iter().map(package).collect(), others }
}

/// What happened to a path: added, removed or changed.
pub(crate) fn sign(difference: &PathDiff) -> Cell {
    match (&difference.left, &difference.right) {
        (None, _) => Cell::new("added", Tone::Added),
        (_, None) => Cell::new("removed", Tone::Removed),
        _ => Cell::new("changed", Tone::Changed),
    }
}

/// Differing paths as a table.
pub(crate) fn table(differences: &[PathDiff]) -> Table {
    let mut table = Table::new(vec![
        Column::left("change", "Change", 0),
        Column::left("path", "Path", 0).shrinking(),
        Column::left("role", "Role", 1),
        Column::right("left_bytes", "Left", 2),
        Column::right("right_bytes", "Right", 2),
    ]);
    for difference in differences {
        let path = difference.path.to_string();
        let size = |entry: &Option<Entry>| {
            entry.as_ref().map_or_else(Cell::none, |entry| Cell::plain(format::bytes(entry.size)).with(entry.size))
        };
        table.push(
            path.clone(),
            vec![
                sign(difference),
                Cell::plain(path),
                Cell::new(role(difference).name(), Tone::Muted),
                size(&difference.left),
                size(&difference.right),
            ],
        );
    }
    table
}

/// The lines that differ in one file.
pub(crate) fn diff(reader: &Reader, difference: &PathDiff) -> Diff {
    let path = difference.path.to_string();
    let sides = [&difference.left, &difference.right];
    let unlike = |entry: &Entry| entry.kind != Kind::File;
    if let Some(entry) = sides.into_iter().flatten().find(|entry| unlike(entry)) {
        let target = lab_model::display_bytes(&entry.target);
        let note = if entry.kind == Kind::Symlink { format!("link to {target}") } else { format!("{:?}", entry.kind) };
        return Diff::note(path, note.to_lowercase());
    }
    for entry in sides.into_iter().flatten() {
        let note = match entry.content {
            Content::Copied(_) if entry.size > TEXT_LIMIT_BYTES as u64 => "too large to show",
            Content::Copied(_) => continue,
            Content::Sealed(_) => "sealed, not shown",
            Content::Hashed(_) | Content::Sampled(_) => "only hashed",
            Content::Missing => "not kept",
        };
        return Diff::note(path, format!("{}, {note}", sign(difference).text));
    }
    let read = |entry: &Option<Entry>| entry.as_ref().map_or(Ok(Vec::new()), |entry| reader.content(entry));
    match (read(&difference.left), read(&difference.right)) {
        (Ok(left), Ok(right)) => {
            let mut diff = Diff::of(path, &left, &right);
            if diff.is_empty() {
                diff.note = Some(if left.is_empty() && difference.left.is_none() {
                    "added, empty".to_owned()
                } else {
                    "only the executable bit differs".to_owned()
                });
            }
            diff
        }
        (Err(error), _) | (_, Err(error)) => Diff::note(path, format!("could not be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use lab_model::{Domain, RelPath};

    use super::*;

    fn entry(content: &str, mode: u32) -> Entry {
        Entry {
            name: b"f".to_vec(),
            kind: Kind::File,
            role: Role::Config,
            mode,
            size: content.len() as u64,
            mtime: 0,
            mtime_nanos: 0,
            sparse: false,
            unsteady: false,
            content: Content::Copied(Hash::of(Domain::Content, content.as_bytes())),
            tree: None,
            target: Vec::new(),
        }
    }

    #[test]
    fn touched_files_and_directories_are_no_difference() {
        let file = entry("a", 0o644);
        let touched = Entry { mtime: 9, ..file.clone() };
        assert!(same_content(Some(&file), Some(&touched)));
        assert!(!same_content(Some(&file), Some(&entry("a", 0o755))));
        assert!(!same_content(Some(&file), Some(&entry("b", 0o644))));
        assert!(!same_content(None, Some(&file)));
        let directory = Entry { kind: Kind::Directory, ..file.clone() };
        assert!(same_content(None, Some(&directory)));
        assert!(!same_content(Some(&directory), Some(&file)));
    }

    #[test]
    fn paths_by_role_and_sign() {
        let path = RelPath::new("a.toml").unwrap();
        let added = PathDiff { path: path.clone(), left: None, right: Some(entry("a", 0o644)) };
        assert_eq!(paths(std::slice::from_ref(&added), Role::Config), ["a.toml"]);
        assert!(paths(std::slice::from_ref(&added), Role::Code).is_empty());
        assert_eq!(table(&[added]).rows[0].cells[0].text, "added");
    }
}
