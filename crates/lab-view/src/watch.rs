//! What the watcher does: projects, runs that it follows, and why it took or left the last commands.

use lab_engine::watch::{WatchState, WatchStatus};
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::format::{self, Moment};
use crate::{Cell, Column, Fields, Line, Table, Tone};

/// What the watcher does.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct WatchPage {
    /// Whether it runs, and what to do when it does not.
    pub headline: Line,
    /// Process, since when, method.
    pub about: Fields,
    /// Every way of noticing starts, best first.
    pub methods: Table,
    /// The watched projects.
    pub projects: Table,
    /// Runs that are followed.
    pub runs: Table,
    /// The last decisions, newest first.
    pub decisions: Table,
}

impl Blocks for WatchPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("", Block::Fields(&self.about))
            .add("How starts are noticed", Block::Table(&self.methods))
            .add("Projects", Block::Table(&self.projects))
            .add("Running", Block::Table(&self.runs))
            .add("Last decisions", Block::Table(&self.decisions))
            .finish()
    }
}

/// The page; `None` when no watcher runs.
pub fn page(status: Option<&WatchStatus>, moment: &Moment) -> WatchPage {
    let mut about = Fields::default();
    let headline = match status {
        Some(status) => {
            about.push("pid", "Process", Cell::plain(status.pid.to_string()).with(status.pid));
            about.push("since", "Since", Cell::plain(moment.exact(status.since)).with(format::stamp(status.since)));
            about.push("build", "", Cell::none().with(status.build.clone()));
            let method = status.method.clone().unwrap_or_else(|| "only what shells tell".to_owned());
            about.push("method", "Noticed by", Cell::plain(method));
            let count = format::count(status.projects.len() as u64, "project");
            Line::of(format!("The watcher runs and watches {count}"), Tone::Good)
        }
        None => Line::of("No watcher runs: `lab watch start`", Tone::Warn),
    };
    WatchPage {
        headline,
        about,
        methods: methods(status),
        projects: projects(status),
        runs: runs(status),
        decisions: decisions(status, moment),
    }
}

fn text(text: &str) -> Cell {
    Cell::plain(lab_model::display_bytes(text.as_bytes())).with(text)
}

fn methods(status: Option<&WatchStatus>) -> Table {
    let columns = vec![Column::left("method", "Method", 0), Column::left("words", "What it does here", 0).shrinking()];
    let mut table = Table::new(columns);
    for probe in status.map_or(&[][..], |status| &status.probed) {
        let tone = if probe.works { Tone::Good } else { Tone::Muted };
        table.push(&probe.method, vec![Cell::new(&probe.method, tone).with(probe.works), text(&probe.words)]);
    }
    table
}

fn projects(status: Option<&WatchStatus>) -> Table {
    let mut table = Table::new(vec![
        Column::left("name", "Name", 0),
        Column::left("state", "State", 0).shrinking(),
        Column::left("root", "Folder", 1).shrinking(),
    ]);
    for project in status.map_or(&[][..], |status| &status.projects) {
        table.push(&project.root, vec![text(&project.name), state(&project.state), text(&project.root)]);
    }
    table
}

fn state(state: &WatchState) -> Cell {
    match state {
        WatchState::Full { directories } => {
            Cell::new(format!("watched, {}", format::count(*directories, "directory")), Tone::Good).with("full")
        }
        WatchState::Partly { watched, directories, reason } => {
            let numbers = format!("{} of {} directories", format::grouped(*watched), format::grouped(*directories));
            Cell::new(format!("partly watched, {numbers}: {reason}"), Tone::Warn).with("partly")
        }
        WatchState::Polled { reason } => Cell::plain(reason).with("polled"),
        WatchState::Gone { reason } => Cell::new(format!("gone: {reason}"), Tone::Bad).with("gone"),
    }
}

fn runs(status: Option<&WatchStatus>) -> Table {
    let mut table = Table::new(vec![
        Column::left("name", "Run", 0),
        Column::left("id", "Id", 1),
        Column::right("pid", "Process", 0),
    ]);
    for run in status.map_or(&[][..], |status| &status.runs) {
        let id = run.run.as_str();
        let cells = vec![
            Cell::new(&run.name, Tone::Accent).with(run.name.clone()),
            Cell::plain(&id[..4]).with(id),
            Cell::plain(run.pid.to_string()).with(run.pid),
        ];
        table.push(id, cells);
    }
    table
}

fn decisions(status: Option<&WatchStatus>, moment: &Moment) -> Table {
    let mut table = Table::new(vec![
        Column::left("time", "When", 1),
        Column::left("verdict", "Kept", 0),
        Column::left("reason", "Why, or the run's name", 0).shrinking(),
        Column::left("command", "Command", 0).shrinking(),
        Column::right("pid", "Process", 3),
        Column::left("project", "Project", 2),
    ]);
    let all = status.map_or(&[][..], |status| &status.decisions);
    for (place, decision) in all.iter().enumerate() {
        let tone = if decision.verdict == "run" { Tone::Good } else { Tone::Muted };
        let cells = vec![
            Cell::new(moment.age(decision.time), Tone::Muted).with(format::stamp(decision.time)),
            Cell::new(&decision.verdict, tone).with(decision.verdict.clone()),
            text(&decision.reason),
            text(&decision.command),
            Cell::plain(decision.pid.to_string()).with(decision.pid),
            text(&decision.project),
        ];
        table.push(place.to_string(), cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_watcher_it_says_what_to_do() {
        let page = page(None, &Moment::utc(lab_model::Time(0)));
        assert!(page.headline.text().contains("lab watch start"));
        assert!(page.decisions.is_empty());
    }

    #[test]
    fn states_are_told_in_words_and_numbers() {
        let partly = WatchState::Partly { watched: 10, directories: 2000, reason: "the limit is reached".into() };
        assert_eq!(state(&partly).text, "partly watched, 10 of 2,000 directories: the limit is reached");
        assert_eq!(state(&WatchState::Gone { reason: "moved".into() }).text, "gone: moved");
    }
}
