//! Where a run's inputs come from, where its outputs went, and whether its results still stand.

use lab_engine::{Error, ErrorKind, LinkedFile, Reader, Result, RunRow, Stale};
use lab_model::{FilePath, FilesUsed, Observation, Project, RunId};
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::format::{self, Moment};
use crate::{Cell, Column, Line, Table, Tone, files};

/// Which run.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    /// The run.
    pub run: RunId,
}

/// The lineage of a run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LineagePage {
    /// How many files it read and wrote, and whether its results stand.
    pub headline: Line,
    /// Why they do not.
    pub stale: Table,
    /// What it read, and which run wrote that.
    pub inputs: Table,
    /// What it wrote, and which runs read that.
    pub outputs: Table,
}

impl Blocks for LineagePage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("Stale", Block::Table(&self.stale))
            .add("Inputs", Block::Table(&self.inputs))
            .add("Outputs", Block::Table(&self.outputs))
            .finish()
    }
}

impl LineagePage {
    /// Its headings, in reading order.
    pub const SECTIONS: [&str; 3] = ["Stale", "Inputs", "Outputs"];

    /// The headline where the name of the run, its first words, stands above already.
    pub fn beside_name(&self) -> Line {
        Line(self.headline.0.iter().skip(2).cloned().collect())
    }
}

/// Reads the page.
///
/// # Errors
/// [`ErrorKind::Missing`] when there is no such run, and those of the reader.
pub fn load(reader: &Reader, key: &Key) -> Result<LineagePage> {
    let row =
        reader.run(&key.run)?.ok_or_else(|| Error::new(ErrorKind::Missing, format!("There is no run {}", key.run)))?;
    let lineage = reader.lineage(&row)?;
    let mut headline = Line::of(label(reader, &key.run)?, Tone::Accent);
    headline.push(" · ", Tone::Muted);
    match row.end.as_ref() {
        None => {
            headline.push("still going on: what it reads and writes is known when it is over", Tone::Plain);
        }
        Some(end) => {
            headline.0.extend(counts(&end.files).0);
            if end.files.how == Observation::Traced || !lineage.stale.is_empty() {
                headline.push(" · ", Tone::Muted);
                let (words, tone) = match lineage.stale.len() as u64 {
                    0 => ("its inputs are still the same".to_owned(), Tone::Good),
                    number => (format!("stale for {}", format::count(number, "reason")), Tone::Bad),
                };
                headline.push(words, tone);
            }
        }
    }
    Ok(LineagePage {
        headline,
        stale: stale(reader, &lineage.stale)?,
        inputs: linked(reader, &lineage.inputs, "from", "← From")?,
        outputs: linked(reader, &lineage.outputs, "to", "→ Read by")?,
    })
}

/// `3 files read, 2 not kept · 1 written`; in words where the run was not traced.
pub fn counts(used: &FilesUsed) -> Line {
    let mut line = Line::default();
    if used.how == Observation::Untraced {
        line.push("which files it read is not known", Tone::Muted);
        return line;
    }
    line.push(format!("{} read", format::count(used.read.len() as u64, "file")), Tone::Plain);
    let not_kept = used.read.iter().filter(|file| !file.content.is_restorable()).count() as u64;
    if not_kept > 0 {
        line.push(format!(", {} not in the notebook", format::grouped(not_kept)), Tone::Warn);
    }
    line.push(format!(" · {} written", format::grouped(used.written.len() as u64)), Tone::Plain);
    if !used.removed.is_empty() {
        line.push(format!(" · {} removed", format::grouped(used.removed.len() as u64)), Tone::Plain);
    }
    if used.more > 0 {
        line.push(format!(" · {} more not listed", format::grouped(used.more)), Tone::Warn);
    }
    if used.how == Observation::Observed {
        line.push(" · seen from outside, likely but not certain", Tone::Muted);
    }
    line
}

/// What a person should know when a run has read something that nobody knows the content of.
pub fn warning(row: &RunRow) -> Option<String> {
    let unknown: Vec<String> =
        row.end.as_ref()?.files.unknown_inputs().map(|file| lab_model::display_bytes(file.path.as_bytes())).collect();
    let them = if unknown.len() == 1 { "it" } else { "them" };
    (!unknown.is_empty()).then(|| {
        let count = format::count(unknown.len() as u64, "file");
        format!(
            "this run read {count} that changed or went away before `lab` could keep or hash {them}: {}",
            format::some_of(&unknown, 3)
        )
    })
}

fn label(reader: &Reader, run: &RunId) -> Result<String> {
    let name = reader.run(run)?.map(|row| row.name).unwrap_or_default();
    Ok(format!("{} ({})", lab_model::display_bytes(name.as_bytes()), &run.as_str()[..4]))
}

fn path_cell(path: &FilePath) -> Cell {
    Cell::plain(path.to_string()).with(path.to_string())
}

fn runs_cell(reader: &Reader, runs: &[RunId], by_path: bool) -> Result<Cell> {
    let mut labels = Vec::new();
    for run in runs {
        labels.push(label(reader, run)?);
    }
    let ids: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    if labels.is_empty() {
        return Ok(Cell::none().with(ids));
    }
    let words = format::some_of(&labels, 3);
    let words = if by_path { format!("{words}, by name and time") } else { words };
    Ok(Cell::new(words, Tone::Accent).with(ids))
}

fn linked(reader: &Reader, linked: &[LinkedFile], key: &'static str, title: &'static str) -> Result<Table> {
    let mut table = Table::new(vec![
        Column::left("path", "Path", 0).shrinking(),
        Column::left(key, title, 0).shrinking(),
        Column::right("size_bytes", "Size", 1),
        Column::left("kept", "Kept", 1),
        Column::left("hash", "Hash", 3),
    ]);
    for LinkedFile { file, runs, by_path } in linked {
        let size = Cell::plain(format::bytes(file.size_bytes)).with(file.size_bytes);
        let hash = file.content.hash();
        let hash = hash.map_or_else(Cell::none, |hash| Cell::new(hash.short(12), Tone::Muted).with(hash.to_string()));
        let runs = runs_cell(reader, runs, *by_path)?;
        let cells = vec![path_cell(&file.path), runs, size, files::kept(&file.content), hash];
        table.push(file.path.to_string(), cells);
    }
    Ok(table)
}

fn stale(reader: &Reader, reasons: &[Stale]) -> Result<Table> {
    let mut table = Table::new(vec![
        Column::left("path", "Input", 0).shrinking(),
        Column::left("reason", "Why", 0).shrinking(),
        Column::left("run", "Run", 0).shrinking(),
    ]);
    for reason in reasons {
        let (path, word, words, run) = match reason {
            Stale::Rewritten { path, by } => (path, "rewritten", "another run has written it anew", Some(by)),
            Stale::Changed { path } => (path, "changed", "it is another file now", None),
            Stale::Gone { path } => (path, "gone", "it is not there any more", None),
            Stale::Upstream { path, run } => (path, "upstream", "the run that wrote it is stale itself", Some(run)),
        };
        let run = runs_cell(reader, run.map(std::slice::from_ref).unwrap_or_default(), false)?;
        table.push(path.to_string(), vec![path_cell(path), Cell::new(words, Tone::Bad).with(word), run]);
    }
    Ok(table)
}

/// Which file, of which project.
#[derive(Clone, PartialEq, Debug)]
pub struct FileKey {
    /// The file.
    pub path: FilePath,
    /// The project from which it is looked at.
    pub project: Project,
    /// When it is looked at.
    pub moment: Moment,
}

/// The runs that have to do with a file.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FileLineagePage {
    /// The file and how many runs wrote and read it.
    pub headline: Line,
    /// Who wrote it, oldest first.
    pub written_by: Table,
    /// Who read it, oldest first.
    pub read_by: Table,
}

impl Blocks for FileLineagePage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("Written by", Block::Table(&self.written_by))
            .add("Read by", Block::Table(&self.read_by))
            .finish()
    }
}

/// Reads the page of a file.
///
/// # Errors
/// [`ErrorKind::Missing`] when no run has to do with it, and those of the reader.
pub fn load_file(reader: &Reader, key: &FileKey) -> Result<FileLineagePage> {
    let (wrote, read) = reader.runs_of_file(&key.path, &key.project)?;
    if wrote.is_empty() && read.is_empty() {
        return Err(Error::new(ErrorKind::Missing, format!("No run is known to have read or written {}", key.path))
            .hint("`lab lineage RUN` lists what a run read and wrote"));
    }
    let mut headline = Line::of(key.path.to_string(), Tone::Accent);
    let (writers, readers) = (wrote.len() as u64, read.len() as u64);
    headline.push(
        format!(" · written by {}, read by {}", format::count(writers, "run"), format::count(readers, "run")),
        Tone::Plain,
    );
    let table = |runs: &[RunId]| -> Result<Table> {
        let mut table = Table::new(vec![
            Column::left("run", "Run", 0),
            Column::left("command", "Command", 1).shrinking(),
            Column::left("started", "When", 0),
        ]);
        for run in runs {
            let Some(row) = reader.run(run)? else { continue };
            let when = Cell::new(key.moment.age(row.start.time), Tone::Muted).with(format::stamp(row.start.time));
            let name = Cell::new(label(reader, run)?, Tone::Accent).with(run.as_str());
            table.push(run.as_str(), vec![name, Cell::plain(format::command(&row.start.argv)), when]);
        }
        Ok(table)
    };
    Ok(FileLineagePage { headline, written_by: table(&wrote)?, read_by: table(&read)? })
}
