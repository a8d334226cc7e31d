//! What was written down, by day, newest first.

use std::collections::HashMap;

use lab_engine::{Reader, Result};
use lab_model::{NoteKind, ProjectId, RunId, Target};
use serde::Serialize;

use crate::format::Moment;
use crate::list::Cursor;
use crate::screen::Screen;
use crate::session::Effect;
use crate::{Line, Tone};

/// Older notes are found by searching.
const MOST_NOTES: usize = 500;

/// The choices: nothing but a cursor.
#[derive(Default)]
pub struct NotesScreen {
    /// The note.
    pub cursor: Cursor,
    project: Option<ProjectId>,
}

/// Notes by day.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct NotesView {
    /// The notes, newest first.
    pub notes: Vec<Noted>,
}

/// A note as it is shown.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Noted {
    /// The day.
    pub day: String,
    /// When on that day, what kind, on what.
    pub head: Line,
    /// The words, Markdown.
    pub text: String,
    /// The run, unless it is a note on a project.
    pub run: Option<RunId>,
}

impl NotesScreen {
    pub(crate) fn enter(&mut self, project: Option<ProjectId>) {
        self.project = project;
    }
}

impl Screen for NotesScreen {
    type Key = Option<ProjectId>;
    type Page = NotesView;
    type Action = ();

    fn key(&self) -> Option<Self::Key> {
        Some(self.project.clone())
    }

    fn load(reader: &Reader, project: &Self::Key, moment: &Moment) -> Result<NotesView> {
        let projects = reader.projects()?;
        let mut names: HashMap<RunId, Option<String>> = HashMap::new();
        let mut notes = Vec::new();
        for note in reader.notes(project.as_ref(), MOST_NOTES)? {
            let (run, on) = match note.target {
                Target::Run(run) => {
                    if !names.contains_key(&run) {
                        // Notes on removed runs went with them.
                        let row = reader.run(&run)?.filter(|row| !row.removed);
                        names.insert(run.clone(), row.map(|row| lab_model::display_bytes(row.name.as_bytes())));
                    }
                    let Some(name) = &names[&run] else { continue };
                    (Some(run), name.clone())
                }
                Target::Project(id) => {
                    let project = projects.iter().find(|project| project.id == id);
                    (None, project.map_or_else(|| id.to_string(), |project| project.name.clone()))
                }
            };
            let (kind, tone) = match note.kind {
                NoteKind::Reason => ("why", Tone::Warn),
                NoteKind::Outcome => ("outcome", Tone::Good),
                NoteKind::Note => ("note", Tone::Plain),
            };
            let exact = moment.exact(note.time);
            let (day, time) = exact.split_once(' ').unwrap_or((&exact, ""));
            let mut head = Line::of(format!("{} ", time.get(..5).unwrap_or(time)), Tone::Muted);
            head.push(format!("{kind:<8}"), tone).push(on, Tone::Accent);
            notes.push(Noted { day: day.to_owned(), head, text: note.text, run });
        }
        Ok(NotesView { notes })
    }

    fn arrived(&mut self, page: &NotesView) {
        self.cursor.set_total(page.notes.len());
    }

    fn act(&mut self, (): (), _: Option<&NotesView>) -> Vec<Effect> {
        Vec::new()
    }
}
