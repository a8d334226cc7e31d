//! Runs as a file for other programs: read beside the interface, then written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lab_engine::{Command, Error, ErrorKind, Lane, Pending};
use lab_model::RunId;
use lab_plot::Image;

use super::{Dialog, Purpose, Session, Then};
use crate::export::{self, Format, Key};
use crate::{Line, Tone, format};

/// A file whose content is on its way.
pub(super) struct Exported {
    path: PathBuf,
    replaces: bool,
    then: Then,
    bytes: Pending<Vec<u8>>,
}

impl Session {
    pub(super) fn ask_export(&mut self, runs: Vec<RunId>) {
        if runs.is_empty() {
            return self.say(Line::of("Choose runs first; mark several with the space bar", Tone::Warn));
        }
        let title = format!("Export {} to", self.subjects_words());
        let name = self.subject().map_or_else(|| "runs".to_owned(), |subject| subject.name.clone());
        let hint = "the ending decides: .html .md .tex .csv .json .parquet";
        self.open(Dialog::ask(Purpose::Export(runs), title, &format!("{name}.html"), hint));
    }

    /// Writes runs into a file; over one that is there only where the person was asked.
    pub(super) fn export(&mut self, runs: Vec<RunId>, name: &Path, replaces: bool) {
        let path = self.config().cwd.join(name);
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let Some(format) = Format::of_ending(ending) else {
            let words = "The file's name tells no format: end it with .html, .md, .tex, .csv, .json or .parquet";
            return self.say(Line::of(words, Tone::Bad));
        };
        let shown = lab_model::display_bytes(path.to_string_lossy().as_bytes());
        let said = format!("{} exported to {shown}", format::count(runs.len() as u64, "run"));
        let key = Key { runs, format, series: false, moment: self.moment().clone() };
        let bytes = self.background.read(Lane::Page, move |reader| export::export(reader, &key));
        self.exports.push(Exported { path, replaces, then: Then::Say(said), bytes });
    }

    /// Writes a picture into a new file.
    pub(super) fn write_picture(&mut self, path: PathBuf, picture: Arc<Image>) {
        let bytes = self.background.read(Lane::Page, move |_| {
            let failed = |error| Error::new(ErrorKind::Usage, "The picture cannot be kept").because(error);
            picture.to_png().map_err(failed)
        });
        self.exports.push(Exported { path, replaces: false, then: Then::Nothing, bytes });
    }

    /// Has what has been read written. True when anything has come.
    pub(super) fn poll_exports(&mut self) -> bool {
        let mut come = Vec::new();
        for place in (0..self.exports.len()).rev() {
            if let Some(bytes) = self.exports[place].bytes.poll() {
                come.push((self.exports.remove(place), bytes));
            }
        }
        let changed = !come.is_empty();
        for (exported, bytes) in come {
            match bytes {
                Ok(bytes) => {
                    let Exported { path, replaces, then, .. } = exported;
                    self.command(Command::Write { path, bytes, replaces }, then);
                }
                Err(error) => self.complain(&error),
            }
        }
        changed
    }
}
