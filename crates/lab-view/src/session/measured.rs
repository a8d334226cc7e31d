//! What is found out about projects beside their list: how much of the notebook they need, whether they are watched,
//! their last runs.

use lab_engine::{DiskUse, Lane, Pending, ProjectDisk};
use lab_model::ProjectId;

use super::{Route, Session};
use crate::runs::{self, RunsPage};
use crate::screen::{Loaded, Stamp};
use crate::{Cell, Column, Table, Tone, format};

/// So many records are looked at at once: other pages wait for no more than that.
const AT_ONCE: usize = 2_000;
/// So many of the last runs are told.
const LAST_RUNS: usize = 24;

/// How much of the notebook each project needs, bit by bit, and the last runs of the one under the cursor.
#[derive(Default)]
pub(super) struct Measured {
    /// What is known, for the painters.
    known: Vec<ProjectDisk>,
    /// What the next look goes on from.
    usage: DiskUse,
    pending: Option<Pending<(DiskUse, bool)>>,
    /// The revision of which everything is known.
    whole: Option<u64>,
    asked: u64,
    last_runs: Loaded<ProjectId, RunsPage>,
}

impl Measured {
    pub(super) const fn is_loading(&self) -> bool {
        self.pending.is_some() || self.last_runs.is_loading()
    }
}

impl Session {
    /// The projects with what is known of them: whether they are watched, and how much of the notebook they need.
    pub fn projects_table(&self) -> Option<Table> {
        let mut table = self.projects.page()?.table().clone();
        let root = table.columns.iter().position(|column| column.key == "root")?;
        let watched = self.watcher().map(|watcher| &watcher.projects);
        let added = [
            Column::left("watched", "Watched", 3).shrinking(),
            Column::right("stored_bytes", "Kept", 2),
            Column::right("own_bytes", "Only its own", 5),
        ];
        table.columns.splice(root..root, added);
        for row in &mut table.rows {
            let folder = row.cells[root].value.as_ref().and_then(|value| value.as_str()).unwrap_or_default();
            let is_here = |watched: &&crate::Row| watched.key == folder;
            let state = watched.map(|table| {
                let state = table.rows.iter().find(is_here).and_then(|row| row.cells.get(1)).cloned();
                state.unwrap_or_else(|| Cell::new("no", Tone::Muted))
            });
            let usage = self.measured.known.iter().find(|usage| usage.project.as_str() == row.key);
            let size = |bytes: u64| {
                let goes_on = if self.measured.whole.is_none() { " …" } else { "" };
                Cell::plain(format!("{}{goes_on}", format::bytes(bytes))).with(bytes)
            };
            let kept = usage.map_or_else(Cell::none, |usage| size(usage.stored_bytes));
            let own = usage.map_or_else(Cell::none, |usage| size(usage.own_bytes).tone(Tone::Muted));
            row.cells.splice(root..root, [state.unwrap_or_else(Cell::none), kept, own]);
        }
        Some(table)
    }

    /// The last runs of the project under the cursor of the list.
    pub fn last_runs(&self) -> Option<&RunsPage> {
        self.measured.last_runs.page_for(self.project_under_cursor()?)
    }

    fn project_under_cursor(&self) -> Option<&ProjectId> {
        let page = self.projects.page()?;
        page.projects.get(self.projects.screen.cursor.row).map(|project| &project.id)
    }

    /// Takes in what was measured, and goes on. True when the screen should be painted again.
    pub(super) fn poll_measured(&mut self, stamp: Stamp) -> bool {
        if !matches!(self.route(), Route::Projects) {
            return false;
        }
        let measured = &mut self.measured;
        let answer = measured.pending.as_ref().and_then(Pending::poll);
        let is_new = answer.is_some();
        if let Some(answer) = answer {
            measured.pending = None;
            // What cannot be measured is not told; the list itself says what is wrong.
            let (usage, is_whole) = answer.unwrap_or((DiskUse::default(), true));
            measured.known = usage.projects().to_vec();
            measured.usage = usage;
            measured.whole = is_whole.then_some(measured.asked).or(measured.whole);
        }
        let under_cursor = self.project_under_cursor().cloned();
        let (measured, background, moment) = (&mut self.measured, &self.background, self.now.clone());
        let is_new = measured.last_runs.poll() | is_new;
        if let Some(project) = under_cursor {
            measured.last_runs.want(&project, stamp, |project| {
                let (project, query) = (Some(project), String::new());
                let key = runs::Key { project, query, offset: 0, limit: Some(LAST_RUNS), all: false, moment };
                background.read(Lane::Page, move |reader| runs::load(reader, &key))
            });
        }
        // The list itself comes first.
        if measured.pending.is_none() && measured.whole != Some(stamp.revision) && self.projects.page().is_some() {
            let mut usage = std::mem::take(&mut measured.usage);
            measured.asked = stamp.revision;
            measured.pending = Some(self.background.read(Lane::Page, move |reader| {
                let is_whole = reader.measure(&mut usage, AT_ONCE)?;
                Ok((usage, is_whole))
            }));
        }
        is_new
    }
}
