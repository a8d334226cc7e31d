//! What was written down, by day, newest first.

use std::collections::HashMap;

use lab_engine::{Reader, Result};
use lab_model::{NoteKind, ProjectId, RunId, Target, note};
use lab_plot::Chart;
use serde::Serialize;

use crate::format::Moment;
use crate::list::Cursor;
use crate::screen::Screen;
use crate::session::Effect;
use crate::{Line, Tone, charts};

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
    /// What its blocks of metrics show, in their order: each metric with its chart.
    #[serde(skip)]
    pub charts: Vec<Vec<(String, Chart)>>,
}

/// A piece of a note.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// Markdown.
    Words(&'a str),
    /// What stands in a fenced block called `chart`: a metric in each line, or `run:` and the id of another run.
    Chart(&'a str),
    /// A picture.
    Picture {
        /// What stands for it where it cannot be seen.
        words: &'a str,
        /// Where it is.
        source: &'a str,
    },
}

/// A note in pieces.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut from, mut at, mut in_chart) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let ends = if in_chart { "```" } else { "```chart" };
        if line.trim() == ends {
            block(&text[from..at], in_chart, &mut pieces);
            (from, in_chart) = (at + line.len(), !in_chart);
        }
        at += line.len();
    }
    // A block that does not end goes on to the end, as in Markdown.
    block(&text[from..], in_chart, &mut pieces);
    pieces
}

fn block<'a>(text: &'a str, is_chart: bool, pieces: &mut Vec<Piece<'a>>) {
    if is_chart {
        return pieces.push(Piece::Chart(text));
    }
    let mut from = 0;
    let words = |words: &'a str| (!words.trim().is_empty()).then_some(Piece::Words(words));
    for link in note::pictures(text) {
        pieces.extend(words(&text[from..link.range.start]));
        pieces.push(Piece::Picture { words: link.words, source: link.source });
        from = link.range.end;
    }
    pieces.extend(words(&text[from..]));
}

/// More blocks than this are not drawn.
const MOST_CHARTS: usize = 24;

/// The charts of a note on `run`; what is not there is not drawn.
fn charts_of(reader: &Reader, text: &str, run: Option<&RunId>, moment: &Moment) -> Vec<Vec<(String, Chart)>> {
    let blocks = pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Chart(block) => Some(block),
        Piece::Words(_) | Piece::Picture { .. } => None,
    });
    let drawn = blocks.take(MOST_CHARTS).map(|block| {
        let words = || block.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut runs: Vec<RunId> = words().filter_map(|line| line.strip_prefix("run:")?.trim().parse().ok()).collect();
        if runs.is_empty() {
            runs.extend(run.cloned());
        }
        let metrics: Vec<String> = words().filter(|line| !line.starts_with("run:")).map(str::to_owned).collect();
        if runs.is_empty() || metrics.is_empty() {
            return Vec::new();
        }
        let key = charts::Key { runs, metrics: metrics.clone(), columns: Some(400), ..charts::Key::default() };
        let page = charts::load(reader, &key, moment);
        page.map(|page| metrics.into_iter().zip(page.charts).collect()).unwrap_or_default()
    });
    drawn.collect()
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
            let charts = charts_of(reader, &note.text, run.as_ref(), moment);
            notes.push(Noted { day: day.to_owned(), head, text: note.text, run, charts });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_where_it_asks_for_charts() {
        let check = |text: &str, expected: &[Piece<'_>]| assert_eq!(pieces(text), expected, "{text:?}");
        check("only words", &[Piece::Words("only words")]);
        check("a\n```chart\nloss\nacc\n```\nb", &[Piece::Words("a\n"), Piece::Chart("loss\nacc\n"), Piece::Words("b")]);
        check("```chart\nloss", &[Piece::Chart("loss")]);
        check("```python\nchart\n```", &[Piece::Words("```python\nchart\n```")]);
        check("", &[]);
        let picture = Piece::Picture { words: "loss", source: "a.png" };
        check("so ![loss](a.png) it is", &[Piece::Words("so "), picture, Piece::Words(" it is")]);
        check("![loss](a.png)\n```chart\nacc\n```", &[picture, Piece::Chart("acc\n")]);
    }
}
