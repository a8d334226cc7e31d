//! One run: what changed and did it help, its metrics, log, files, environment.

use lab_engine::{Error, ErrorKind, LogLine, Reader, Result};
use lab_model::RunId;
use serde::Serialize;

use super::Subject;
use crate::files;
use crate::format::Moment;
use crate::list::{Cursor, Motion};
use crate::screen::Screen;
use crate::session::Effect;
use crate::show::{self, RunPage};

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
}

/// The choices.
#[derive(Default)]
pub struct RunScreen {
    run: Option<RunId>,
    /// Which part is shown.
    pub part: Part,
    /// The log stays at its end.
    pub follow: bool,
    cursors: [Cursor; 4],
}

/// What a person can do here.
#[derive(Clone, PartialEq, Debug)]
pub enum RunAction {
    /// Shows another part.
    Part(Part),
    /// Shows the part so many further.
    NextPart(i64),
    /// Keeps the log at its end, or stops doing so.
    Follow,
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
    /// The log, for its part.
    pub log: Vec<LogLine>,
    /// The files, for their part.
    pub files: Option<files::FilesPage>,
}

impl RunScreen {
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
        Ok(RunView {
            part: key.part,
            page: show::load(reader, &show::Key { run: key.run.clone(), moment: moment.clone() })?,
            subject: Subject::of(reader, &row, base.as_ref()),
            log: if key.part == Part::Log { reader.log(&row)? } else { Vec::new() },
            files: files.transpose()?,
        })
    }

    fn arrived(&mut self, page: &RunView) {
        let total = match page.part {
            Part::Log => page.log.len(),
            Part::Files => page.files.as_ref().map_or(0, |files| files.files.rows.len()),
            // Painted as text: the painter says how long that is.
            Part::Overview | Part::Environment => return,
        };
        let cursor = &mut self.cursors[page.part as usize];
        cursor.set_total(total);
        if self.follow && page.part == Part::Log {
            cursor.go(Motion::Last);
        }
    }

    fn act(&mut self, action: RunAction, _: Option<&RunView>) -> Vec<Effect> {
        match action {
            RunAction::Part(part) => self.part = part,
            RunAction::NextPart(by) => {
                let place = (self.part as i64 + by).rem_euclid(Part::ALL.len() as i64);
                self.part = Part::ALL[usize::try_from(place).unwrap_or(0)];
            }
            RunAction::Follow => {
                self.follow = !self.follow;
                if self.follow {
                    self.cursor_mut().go(Motion::Last);
                }
            }
        }
        Vec::new()
    }
}
