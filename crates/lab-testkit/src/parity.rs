//! That an interface shows all that a page says: every place with a way to it, the texts of its pages, and which of
//! them a screen lacks.
//!
//! An interface walks through [`scenes`], collects what it shows after every step, and asks [`missing`] at the end.
//! What nobody has to show: the keys of rows and fields, which actions need; the values behind cells, which are for
//! programs and for sorting; columns and fields that are only for programs (without a title, or hidden); the column of
//! what changed, which is drawn as chips; the heads of notes, which are told at length; the points of charts, which are
//! drawn; and the signs of Markdown, which are set.

use lab_view::screens::run::{Part, RunAction};
use lab_view::session::{Action, DialogAction, Route, Session};
use lab_view::{ActionId, Block, Blocks, Column, Diff, Section, Typing};

use crate::Small;

/// A place, and what is done in it to see all of it.
pub struct Scene {
    /// What to call it when something is missing.
    pub name: &'static str,
    /// The actions of each step; after each the interface is looked at.
    pub steps: Vec<Vec<Action>>,
}

/// Every place that the session of a notebook of four runs can be in; restoring only where its project has a folder.
pub fn scenes(small: &Small) -> Vec<Scene> {
    let scene = |name, steps: Vec<Vec<Action>>| Scene { name, steps };
    let go = |route: Route| Action::Go(route);
    let run = |place: usize| small.runs[place].clone();
    let parts = |place: usize| {
        let enter = vec![go(Route::Runs), go(Route::Run(run(place)))];
        let part = |part| vec![Action::Run(RunAction::Part(part))];
        std::iter::once(enter).chain(Part::ALL.map(part)).collect::<Vec<_>>()
    };
    let search = vec![
        Action::Do(ActionId::GoSearch),
        Action::Dialog(DialogAction::Type(Typing::Set("gradient".to_owned()))),
        Action::Dialog(DialogAction::Accept),
    ];
    let mut scenes = vec![
        scene("projects", vec![vec![go(Route::Projects)]]),
        scene("runs", vec![vec![go(Route::Runs)]]),
        scene("a run", parts(2)),
        scene("a failed run", parts(3)),
        scene("two runs", vec![vec![go(Route::Runs), go(Route::Compare(vec![run(0), run(1)]))]]),
        scene("three runs", vec![vec![go(Route::Runs), go(Route::Compare(vec![run(0), run(1), run(2)]))]]),
        scene("charts", vec![vec![go(Route::Runs), go(Route::Charts(vec![run(0), run(1)]))]]),
        scene("notes", vec![vec![go(Route::Notes)]]),
        scene("search", vec![search]),
        scene("health", vec![vec![go(Route::Health)]]),
    ];
    // A plan needs the folder that it is for; the present state is kept before.
    if small.folder().is_dir() {
        scenes.push(scene("restore", vec![vec![go(Route::Runs), go(Route::Restore(run(0)))]]));
    }
    scenes
}

/// Every text that the place says now, and that a person is meant to read.
pub fn said(session: &Session) -> Vec<String> {
    let mut texts = Vec::new();
    match session.route() {
        Route::Projects => add(&mut texts, session.projects.page().map(|view| &view.page)),
        Route::Runs => add(&mut texts, session.runs.page().map(|view| &view.page)),
        Route::Run(_) => of_run(&mut texts, session),
        Route::Compare(_) => add(&mut texts, session.compare.page()),
        Route::Charts(_) => {
            let page = session.charts.page();
            texts.extend(page.iter().flat_map(|page| page.names.iter().cloned()));
            texts.extend(page.iter().flat_map(|page| page.charts.iter().map(|(key, _)| key.clone())));
        }
        Route::Restore(_) => add(&mut texts, session.restore.screen.page()),
        Route::Notes => {
            for note in session.notes.page().into_iter().flat_map(|page| &page.notes) {
                texts.push(note.day.clone());
                texts.extend(note.head.0.iter().map(|cell| cell.text.clone()));
                texts.extend(note.text.lines().map(str::to_owned));
            }
        }
        Route::Search => add(&mut texts, session.search.page().map(|view| &view.page)),
        Route::Health => add(&mut texts, session.health.page()),
    }
    texts.retain(|text| !text.trim().is_empty());
    texts
}

fn of_run(texts: &mut Vec<String>, session: &Session) {
    let Some(view) = session.run.page() else { return };
    let in_environment = |title: &str| Part::Environment.sections().contains(&title);
    match session.run.screen.part {
        Part::Overview => {
            view.page
                .blocks()
                .into_iter()
                .filter(|section| !in_environment(section.title))
                .for_each(|found| section(texts, &found));
            let beside = session.run_parts.beside.page();
            texts.extend(beside.iter().flat_map(|beside| beside.charts.iter().map(|(key, _)| key.clone())));
        }
        Part::Log => {
            let cursor = session.run_parts.log.screen.cursor;
            let window = session.run_parts.log.page().map(|page| &page.window);
            for (place, line) in window.iter().flat_map(|window| window.lines.iter().enumerate()) {
                let place = place + window.map_or(0, |window| window.first);
                // Of a long log what is in sight is shown.
                texts.extend(cursor.visible().contains(&place).then(|| plain(&line.text)));
            }
        }
        Part::Files => {
            add(texts, view.files.as_ref());
        }
        Part::Environment => {
            view.page
                .blocks()
                .into_iter()
                .filter(|section| in_environment(section.title))
                .for_each(|found| section(texts, &found));
        }
    }
}

/// A text without the colours that a program gave it.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

fn add(texts: &mut Vec<String>, page: Option<&impl Blocks>) {
    page.into_iter().flat_map(Blocks::blocks).for_each(|found| section(texts, &found));
}

fn section(texts: &mut Vec<String>, section: &Section<'_>) {
    texts.push(section.title.to_owned());
    match section.block {
        // Notes are told at length and not by lines of a table.
        Block::Table(table) if section.title == "Notes" => {
            for cell in table.rows.iter().flat_map(|row| &row.cells) {
                let words = cell.value.as_ref().and_then(|value| value.as_str()).filter(|_| cell.text.contains("\\n"));
                texts.extend(words.unwrap_or(&cell.text).lines().map(str::to_owned));
            }
        }
        shown => block(texts, shown),
    }
}

fn block(texts: &mut Vec<String>, block: Block<'_>) {
    match block {
        Block::Line(line) => texts.extend(line.0.iter().map(|cell| cell.text.clone())),
        Block::Fields(fields) => {
            for field in fields.0.iter().filter(|field| !field.label.is_empty() && !field.cell.text.is_empty()) {
                texts.extend([field.label.clone(), field.cell.text.clone()]);
            }
        }
        Block::Table(table) => {
            // What changed is drawn as a chip for each part.
            let is_shown = |column: &&Column| column.priority != Column::HIDDEN && column.key != "changed";
            // The name of a column in which nothing stands says nothing.
            let says = |place: usize| table.rows.iter().any(|row| !row.cells[place].text.trim().is_empty());
            let named = table.columns.iter().enumerate().filter(|(place, column)| is_shown(column) && says(*place));
            texts.extend(named.map(|(_, column)| column.title.clone()));
            for row in &table.rows {
                let cells = table.columns.iter().zip(&row.cells).filter(|(column, _)| is_shown(column));
                texts.extend(cells.map(|(_, cell)| cell.text.clone()));
            }
        }
        Block::Diff(diff) => lines_of(texts, diff),
        Block::Prose(prose) => texts.extend(prose.0.lines().map(str::to_owned)),
        Block::Log(log) => texts.extend(log.0.iter().map(|line| plain(line))),
        Block::Chart(chart) => texts.push(chart.title.clone()),
    }
}

fn lines_of(texts: &mut Vec<String>, diff: &Diff) {
    texts.push(diff.path.clone());
    texts.extend(diff.note.clone());
    for line in diff.hunks.iter().flat_map(|hunk| &hunk.lines) {
        texts.push(line.spans.iter().map(|span| span.text.as_str()).collect());
    }
}

/// The texts that do not appear in `shown`. Blanks and frames do not count: an interface may break lines and draw
/// boxes.
pub fn missing(said: &[String], shown: &str) -> Vec<String> {
    let shown = pressed(shown);
    let mut missing: Vec<String> = said.iter().filter(|text| !shown.contains(&pressed(text))).cloned().collect();
    missing.sort();
    missing.dedup();
    missing
}

/// Without blanks, frames, and signs of Markdown.
fn pressed(text: &str) -> String {
    let is_blank = |letter: char| letter.is_whitespace() || "*`#".contains(letter);
    text.chars().filter(|letter| !is_blank(*letter) && !('\u{2500}'..='\u{257f}').contains(letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_and_lines_may_break() {
        let said = ["Two words".to_owned(), "**bold**".to_owned(), "gone".to_owned()];
        assert_eq!(missing(&said, "│ Two   │\n│ words bold │"), ["gone"]);
        assert_eq!(plain("a \u{1b}[32mgreen\u{1b}[0m b"), "a green b");
    }
}
