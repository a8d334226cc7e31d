//! Lines of code, config, logs and notes that hold the typed words.

use lab_engine::{GrepPlace, GrepQuery, Reader, Result};
use lab_model::{ProjectId, RunId};
use serde::Serialize;

use super::run::Part;
use crate::format::Moment;
use crate::grep::{self, GrepPage};
use crate::list::{Cursor, Motion};
use crate::screen::Screen;
use crate::session::Effect;

/// More hits than this nobody reads; the words are to be narrowed.
const MOST_HITS: usize = 2000;

/// The choices.
#[derive(Default)]
pub struct SearchScreen {
    /// The hit.
    pub cursor: Cursor,
    /// What is looked for; nothing yet when empty.
    pub words: String,
    project: Option<ProjectId>,
}

/// What is looked for, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    words: String,
    project: Option<ProjectId>,
}

/// What was found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SearchView {
    /// The page that the command line prints.
    pub page: GrepPage,
    /// The same, row by row: in which run, in what, at which path and line.
    #[serde(skip)]
    pub hits: Vec<Hit>,
}

/// Where a line was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// The newest run that has it.
    pub run: RunId,
    /// The part of the run that shows it.
    pub part: Part,
    /// The path, for files.
    pub path: String,
    /// The line, from 0.
    pub line: usize,
}

impl SearchScreen {
    pub(crate) fn enter(&mut self, project: Option<ProjectId>) {
        self.project = project;
    }

    pub(crate) fn look_for(&mut self, words: String) {
        self.words = words;
        self.cursor.go(Motion::First);
    }
}

impl Screen for SearchScreen {
    type Key = Key;
    type Page = SearchView;
    type Action = ();

    fn key(&self) -> Option<Key> {
        (!self.words.is_empty()).then(|| Key { words: self.words.clone(), project: self.project.clone() })
    }

    fn load(reader: &Reader, key: &Key, _: &Moment) -> Result<SearchView> {
        // As people expect it: capitals count only when there are some.
        let ignore_case = !key.words.chars().any(char::is_uppercase);
        let project = key.project.clone();
        let query = GrepQuery { pattern: key.words.clone(), ignore_case, places: Vec::new(), project };
        let (mut page, found) = grep::find(reader, &query, MOST_HITS)?;
        let mut hits = Vec::new();
        for hit in found {
            let part = match hit.place {
                GrepPlace::Logs => Part::Log,
                GrepPlace::Notes => Part::Overview,
                GrepPlace::Code | GrepPlace::Config | GrepPlace::Data => Part::Files,
            };
            let line = usize::try_from(hit.line).unwrap_or(usize::MAX).saturating_sub(1);
            hits.extend(hit.runs.first().map(|run| Hit { run: run.clone(), part, path: hit.path, line }));
        }
        // A hit without a run cannot be opened; there is none as long as only runs' files are searched.
        page.hits.rows.truncate(hits.len());
        Ok(SearchView { page, hits })
    }

    fn arrived(&mut self, page: &SearchView) {
        self.cursor.set_total(page.hits.len());
    }

    fn act(&mut self, (): (), _: Option<&SearchView>) -> Vec<Effect> {
        Vec::new()
    }
}
