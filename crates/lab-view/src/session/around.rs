//! What a window shows around every place: all projects, the saved lists of the project, and which runs have ended
//! while nobody looked.

use std::collections::BTreeSet;

use lab_engine::{Lane, Reader, Result};
use lab_model::{Project, ProjectId, RunId};

use super::{Route, Session};
use crate::screen::{Loaded, Stamp};
use crate::screens::Subject;
use crate::{Line, Tone, format, runs};

/// What is read for the surroundings.
#[derive(Default)]
pub(super) struct Around {
    /// The painter has room for it.
    pub shown: bool,
    projects: Loaded<(), Vec<Project>>,
    views: Loaded<ProjectId, Vec<(String, String)>>,
    going: Loaded<BTreeSet<RunId>, Going>,
    ended: Vec<Ended>,
}

/// Which runs go on, and which of those asked about do not any more.
struct Going {
    running: BTreeSet<RunId>,
    ended: Vec<Ended>,
}

/// A run that has ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Ended {
    /// Which.
    pub run: RunId,
    /// What it is called, how it ended, and how long it took.
    pub line: Line,
}

impl Session {
    /// All projects, the one that was made last at the end; none are known before [`super::Action::Around`].
    pub fn all_projects(&self) -> &[Project] {
        self.around.projects.page().map_or(&[], Vec::as_slice)
    }

    /// The saved lists of the project: name and query.
    pub fn views(&self) -> &[(String, String)] {
        let Some(project) = &self.project else { return &[] };
        self.around.views.page_for(&project.id).map_or(&[], Vec::as_slice)
    }

    /// The runs that have ended since this was last asked.
    pub fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.around.ended)
    }

    /// Goes to the runs of a project.
    pub(super) fn enter_project(&mut self, id: &ProjectId) {
        let project = self.all_projects().iter().find(|project| project.id == *id).cloned();
        if project.is_some() && self.project.as_ref().map(|project| &project.id) != Some(id) {
            self.enter(project);
        }
        self.go(Route::Runs);
    }

    /// Takes in what stands around the place. True when the screen should be painted again.
    pub(super) fn poll_around(&mut self, stamp: Stamp) -> bool {
        if !self.around.shown {
            return false;
        }
        // Nothing in here tells ages.
        let stamp = Stamp { minute: 0, ..stamp };
        let (around, background) = (&mut self.around, &self.background);
        let mut changed = around.projects.poll();
        let read = |()| background.read(Lane::Page, Reader::projects);
        around.projects.want(&(), stamp, read);
        changed |= around.views.poll();
        if let Some(project) = &self.project {
            let read = |id: ProjectId| background.read(Lane::Page, move |reader| reader.views(&id));
            around.views.want(&project.id, stamp, read);
        }
        if around.going.poll()
            && let Some(going) = around.going.page()
        {
            changed |= !going.ended.is_empty();
            around.ended.extend(going.ended.iter().cloned());
        }
        let known = around.going.page().map(|going| going.running.clone()).unwrap_or_default();
        around.going.want(&known, stamp, |known| background.read(Lane::Page, move |reader| going(reader, &known)));
        changed
    }
}

fn going(reader: &Reader, known: &BTreeSet<RunId>) -> Result<Going> {
    let running: BTreeSet<RunId> = reader.open_runs()?.into_iter().collect();
    let mut ended = Vec::new();
    for run in known.difference(&running) {
        let Some(row) = reader.run(run)?.filter(|row| !row.removed) else { continue };
        let subject = Subject::of(reader, &row, None);
        let mut line = Line::of(lab_model::display_bytes(subject.name.as_bytes()), Tone::Accent);
        let status = runs::status_cell(reader.standing(&row));
        line.push(format!(" {}", status.text), status.tone);
        if let Some(end) = &row.end {
            line.push(format!(" after {}", format::duration(end.duration_millis)), Tone::Muted);
        }
        ended.push(Ended { run: run.clone(), line });
    }
    Ok(Going { running, ended })
}
