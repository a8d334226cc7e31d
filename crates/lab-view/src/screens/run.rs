//! One run: what changed and did it help, its metrics, log, files, environment.

use lab_engine::{Error, ErrorKind, Reader, Result};
use lab_model::{Hash, RunId};
use serde::Serialize;

use super::Subject;
use crate::Tone;
use crate::files;
use crate::format::Moment;
use crate::list::{Cursor, Motion};
use crate::screen::Screen;
use crate::session::Effect;
use crate::show::{self, RunPage};
use crate::tree::FileTree;

/// A part of what is shown of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub enum Part {
    /// What changed, metrics, parameters, outputs.
    #[default]
    Overview,
    /// What it printed.
    Log,
    /// The files of its snapshot.
    Files,
    /// Environment, machine, Git.
    Environment,
}

impl Part {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Overview, Self::Log, Self::Files, Self::Environment];

    /// What the tab says.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Log => "Log",
            Self::Files => "Files",
            Self::Environment => "Environment",
        }
    }

    /// The sections of the run's page that the part shows as text, in reading order.
    pub const fn sections(self) -> &'static [&'static str] {
        match self {
            Self::Overview => &[
                "Failure",
                "Metrics",
                "Parameters",
                "Against the base run",
                "Suspects",
                "Notes",
                "Run",
                "Outputs",
                "Inputs outside the snapshot",
                "Kept",
            ],
            Self::Environment => &["Use", "Environment", "Machine", "Git", "Not recorded"],
            Self::Log | Self::Files => &[],
        }
    }
}

/// The choices.
pub struct RunScreen {
    run: Option<RunId>,
    /// Which part is shown.
    pub part: Part,
    /// The file fills the place, not the list of files.
    pub full: bool,
    /// A file that is to be chosen when the list of files is there.
    pub(crate) wanted: Option<String>,
    cursors: [Cursor; 4],
}

impl Default for RunScreen {
    fn default() -> Self {
        let mut cursors = [Cursor::in_text(); 4];
        cursors[Part::Files as usize].scrolls = false;
        Self { run: None, part: Part::default(), full: false, wanted: None, cursors }
    }
}

/// What a person can do here.
#[derive(Clone, PartialEq, Debug)]
pub enum RunAction {
    /// Shows another part.
    Part(Part),
    /// Shows the part so many further.
    NextPart(i64),
    /// The file under the cursor fills the place, or the list is shown again.
    Full(bool),
    /// Shows this picture of an event file, from 0.
    Picture(usize),
}

/// Which part of which run.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    run: RunId,
    part: Part,
}

/// A run with what the chosen part needs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RunView {
    /// Which part this is.
    pub part: Part,
    /// The page that the command line prints.
    pub page: RunPage,
    /// What actions need to know.
    #[serde(skip)]
    pub subject: Subject,
    /// The files, for their part.
    pub files: Option<files::FilesPage>,
    /// The same as a tree.
    #[serde(skip)]
    pub tree: FileTree,
    /// Its files as of its start.
    #[serde(skip)]
    pub snapshot: Option<Hash>,
    /// Its files as of its end.
    #[serde(skip)]
    pub end_snapshot: Option<Hash>,
    /// From this row of the files on they are what it wrote, as of its end.
    #[serde(skip)]
    pub outputs_from: usize,
    /// Those of the run that it is compared with.
    #[serde(skip)]
    pub base_snapshot: Option<Hash>,
}

impl RunScreen {
    /// The run.
    pub const fn run(&self) -> Option<&RunId> {
        self.run.as_ref()
    }

    pub(crate) fn enter(&mut self, run: RunId) {
        if self.run.as_ref() != Some(&run) {
            *self = Self { run: Some(run), part: self.part, ..Self::default() };
        }
    }

    /// Where the shown part is scrolled to.
    pub const fn cursor(&self) -> &Cursor {
        &self.cursors[self.part as usize]
    }

    pub(crate) const fn cursor_mut(&mut self) -> &mut Cursor {
        &mut self.cursors[self.part as usize]
    }
}

impl Screen for RunScreen {
    type Key = Key;
    type Page = RunView;
    type Action = RunAction;

    fn key(&self) -> Option<Key> {
        Some(Key { run: self.run.clone()?, part: self.part })
    }

    fn load(reader: &Reader, key: &Key, moment: &Moment) -> Result<RunView> {
        let missing = || Error::new(ErrorKind::Missing, format!("There is no run {}", key.run));
        let row = reader.run(&key.run)?.ok_or_else(missing)?;
        let base = reader.base_of(&row)?;
        let snapshot = row.start.snapshot.filter(|_| key.part == Part::Files);
        let files = snapshot.map(|snapshot| files::load(reader, &files::Key { snapshot, directories: false }));
        let mut files = files.transpose()?;
        let end_snapshot = row.end.as_ref().and_then(|end| end.snapshot);
        let outputs_from = files.as_ref().map_or(0, |files| files.files.rows.len());
        if let (Some(files), Some(start), Some(end)) = (&mut files, row.start.snapshot, end_snapshot) {
            files::add_outputs(reader, files, &start, &end)?;
        }
        let rows = files.iter().flat_map(|files| &files.files.rows);
        Ok(RunView {
            part: key.part,
            tree: FileTree::of(rows.map(|row| row.key.as_str())),
            page: changed_first(show::load(reader, &show::Key { run: key.run.clone(), moment: moment.clone() })?),
            subject: Subject::of(reader, &row, base.as_ref()),
            files,
            snapshot: row.start.snapshot,
            end_snapshot,
            outputs_from,
            base_snapshot: base.and_then(|base| base.start.snapshot),
        })
    }

    fn arrived(&mut self, page: &RunView) {
        if self.run.as_ref() != Some(&page.subject.run) {
            return;
        }
        // Of what is painted as text the painter says how long it is.
        if let Some(files) = page.files.as_ref().filter(|_| page.part == Part::Files) {
            let cursor = &mut self.cursors[Part::Files as usize];
            cursor.set_total(files.files.rows.len());
            let wanted = self.wanted.take();
            let place = wanted.and_then(|path| files.files.rows.iter().position(|row| row.key == path));
            place.into_iter().for_each(|place| cursor.go(Motion::To(place)));
        }
    }

    fn act(&mut self, action: RunAction, _: Option<&RunView>) -> Vec<Effect> {
        match action {
            RunAction::Part(part) => (self.part, self.full) = (part, false),
            RunAction::NextPart(by) => {
                let place = (self.part as i64 + by).rem_euclid(Part::ALL.len() as i64);
                (self.part, self.full) = (Part::ALL[usize::try_from(place).unwrap_or(0)], false);
            }
            RunAction::Full(full) => self.full = full,
            // The file is read beside the page: the session does it.
            RunAction::Picture(_) => {}
        }
        Vec::new()
    }
}

/// Parameters that are not as in the base run stand first.
fn changed_first(mut page: RunPage) -> RunPage {
    page.params.rows.sort_by_key(|row| row.cells.get(1).is_none_or(|cell| cell.tone == Tone::Plain));
    page
}
