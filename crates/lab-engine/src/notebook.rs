//! The cells of a notebook's run: as they stand in the live files while it goes on, and the notebook as it was run
//! that they become at its end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lab_ingest::notebook::{Execution, SavedCells, as_run};
use lab_model::{Content, NotebookRun, Project, RelPath};
use lab_store::{CHUNK_LIMIT, Encoder, Writer};
use serde::{Deserialize, Serialize};

use crate::live::{LiveRun, append_file, write_line};
use crate::run::Payload;
use crate::{Engine, Error, Reader, Result};

/// A larger saved notebook, full of pictures, is not looked into.
const MAX_SAVED_BYTES: u64 = 64 << 20;

/// A line of the live file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CellNote {
    /// The saved notebook.
    Saved(RelPath),
    /// What the kernel had executed when the run began.
    Before(Execution),
    /// What the run executed.
    Ran(Execution),
}

/// Adds lines to the live file; the code is without secrets by now.
pub(crate) fn note(live: &LiveRun, notes: &[CellNote]) -> std::io::Result<()> {
    let mut lines = Vec::new();
    notes.iter().for_each(|note| write_line(&mut lines, note));
    append_file(&live.cells_file())?.write_all(&lines)
}

/// The bytes of a saved notebook, where it is there and not huge.
pub(crate) fn read_saved(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    let is_whole = file.metadata().ok()?.len() <= MAX_SAVED_BYTES;
    is_whole.then(|| file.take(MAX_SAVED_BYTES).read_to_end(&mut bytes))?.ok()?;
    Some(bytes)
}

fn place_of(project: &Project, path: &RelPath) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new(&project.root).join(OsStr::from_bytes(path.as_bytes()))
}

impl Engine {
    /// Keeps the notebook as it was run; `None` for a run that is none of a notebook.
    pub(crate) fn keep_notebook(
        &self,
        payload: &Payload,
        live: &LiveRun,
        writer: &mut Writer,
        encoder: &mut Encoder,
    ) -> Result<Option<NotebookRun>> {
        let Ok(bytes) = std::fs::read(live.cells_file()) else { return Ok(None) };
        let (mut path, mut executions, mut first) = (None, Vec::new(), 0);
        let notes = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        for note in notes {
            match note {
                CellNote::Saved(saved) => path = Some(saved),
                CellNote::Before(execution) => {
                    executions.push(execution);
                    first = executions.len();
                }
                CellNote::Ran(execution) => executions.push(execution),
            }
        }
        let saved = path.as_ref().and_then(|path| read_saved(&place_of(&payload.project, path)));
        let cells = saved.as_deref().and_then(SavedCells::read).unwrap_or_default();
        let out_of_order = cells.out_of_order(&executions, first);
        let ran = (executions.len() - first) as u64;
        let mut notebook = as_run(&executions, first, saved.as_deref());
        while notebook.len() > CHUNK_LIMIT && executions.len() > 1 {
            // The newest matter most; the numbers of the cells show that others are gone.
            let gone = executions.len() / 2;
            executions.drain(..gone);
            first = first.saturating_sub(gone);
            notebook = as_run(&executions, first, saved.as_deref());
        }
        if notebook.len() > CHUNK_LIMIT {
            return Ok(None);
        }
        let record = encoder.chunk(&notebook);
        let as_run = Content::Copied(record.id());
        writer.append(record)?;
        let size_bytes = notebook.len() as u64;
        Ok(Some(NotebookRun { path, as_run, size_bytes, cells: ran, out_of_order }))
    }
}

impl Reader {
    /// Hands out a notebook as it was run, in parts.
    ///
    /// # Errors
    /// See [`Reader::content`].
    pub fn notebook(&self, notebook: &NotebookRun, sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<()> {
        self.store().copy_content(&notebook.as_run, None, sink)?;
        Ok(())
    }

    /// Writes a notebook as it was run into a directory to which the run's files were written: beside the saved one, as
    /// `NAME.as-run.ipynb`. Gives its path; nothing that is there is replaced.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Disk`] when it cannot be written or stands there already; else see [`Reader::content`].
    pub fn write_notebook(&self, notebook: &NotebookRun, directory: &Path) -> Result<PathBuf> {
        let saved = notebook.path.as_ref().map_or_else(|| b"notebook.ipynb".as_slice(), |path| path.file_name());
        let stem = saved.strip_suffix(b".ipynb").unwrap_or(saved);
        let path = directory.join(OsStr::from_bytes(&[stem, b".as-run.ipynb"].concat()));
        let fail = |error| Error::disk("write", &path, error);
        let mut file = File::create_new(&path).map_err(fail)?;
        self.notebook(notebook, &mut |bytes| file.write_all(bytes))?;
        Ok(path)
    }
}
