//! The files of a snapshot, each with its role and with how much of it is kept.

use lab_engine::{Reader, Result};
use lab_model::{Content, Entry, Hash, Kind, RelPath, Role};
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::{Cell, Column, Line, Table, Tone, coverage, format};

/// Which snapshot.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    /// The snapshot.
    pub snapshot: Hash,
    /// Directories too.
    pub directories: bool,
}

/// The files of a snapshot.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FilesPage {
    /// What was kept, in one sentence.
    pub headline: Line,
    /// The files.
    pub files: Table,
    /// Their paths, row by row: what a person reads of a path is not always its name.
    #[serde(skip)]
    pub paths: Vec<RelPath>,
    /// What is not wholly in the notebook.
    pub omissions: Table,
}

impl Blocks for FilesPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("Files", Block::Table(&self.files))
            .add("Not wholly kept", Block::Table(&self.omissions))
            .finish()
    }
}

/// Reads the page.
///
/// # Errors
/// Those of the reader.
pub fn load(reader: &Reader, key: &Key) -> Result<FilesPage> {
    let snapshot = reader.snapshot(&key.snapshot)?;
    let mut table = Table::new(vec![
        Column::left("path", "Path", 0).shrinking(),
        Column::left("role", "Role", 1),
        Column::right("size_bytes", "Size", 1),
        Column::left("kept", "Kept", 0),
        Column::left("mode", "Mode", 6),
        Column::left("hash", "Hash", 7),
    ]);
    let mut paths = Vec::new();
    for (path, entry) in reader.files(&key.snapshot)? {
        if entry.kind == Kind::Directory && !key.directories {
            continue;
        }
        table.push(path.to_string(), cells(&path.to_string(), &entry));
        paths.push(path);
    }
    Ok(FilesPage {
        headline: coverage::sentence(&snapshot.coverage),
        files: table,
        paths,
        omissions: coverage::omissions(&snapshot.coverage),
    })
}

/// Adds the files that were written between two snapshots, as of the second.
///
/// # Errors
/// Those of the reader.
pub fn add_outputs(reader: &Reader, page: &mut FilesPage, start: &Hash, end: &Hash) -> Result<()> {
    for found in reader.difference(start, end)? {
        let is_written = found.left.is_none();
        let wanted = |entry: &Entry| entry.kind == Kind::File && (is_written || entry.role == Role::Output);
        if let Some(entry) = found.right.filter(wanted) {
            page.files.push(found.path.to_string(), cells(&found.path.to_string(), &entry));
            page.paths.push(found.path);
        }
    }
    Ok(())
}

fn cells(path: &str, entry: &Entry) -> Vec<Cell> {
    let name = match entry.kind {
        Kind::Directory => format!("{path}/"),
        Kind::Symlink => format!("{path} → {}", lab_model::display_bytes(&entry.target)),
        _ => path.to_owned(),
    };
    let is_file = entry.kind == Kind::File;
    let size = if is_file { Cell::plain(format::bytes(entry.size)).with(entry.size) } else { Cell::none() };
    let kept = match entry.kind {
        Kind::File => kept(&entry.content),
        Kind::Directory | Kind::Symlink => Cell::plain("kept"),
        Kind::Fifo | Kind::Socket | Kind::Device => Cell::new("named only", Tone::Warn),
    };
    let hash = entry
        .content
        .hash()
        .map_or_else(Cell::none, |hash| Cell::new(hash.short(12), Tone::Muted).with(hash.to_string()));
    let role = if entry.kind == Kind::Directory { Cell::none() } else { Cell::new(entry.role.name(), Tone::Muted) };
    let mode = Cell::new(format!("{:04o}", entry.mode), Tone::Muted);
    vec![Cell::plain(name).with(path), role, size, kept, mode, hash]
}

/// How much of a content is in the notebook.
pub fn kept(content: &Content) -> Cell {
    match content {
        Content::Copied(_) => Cell::new("kept", Tone::Good),
        Content::Sealed(_) => Cell::new("sealed", Tone::Accent),
        Content::Hashed(_) => Cell::new("only hashed", Tone::Warn),
        Content::Sampled(_) => Cell::new("only sampled", Tone::Warn),
        Content::Missing => Cell::new("not kept", Tone::Bad),
    }
}
