//! What was written down, by day.

use std::ops::Range;
use std::sync::Arc;

use lab_model::RunId;
use lab_plot::{Axis, Chart, Image};
use lab_view::Tone;
use lab_view::list::{Cursor, Motion};
use lab_view::screens::notes::{Noted, Piece, pieces};
use lab_view::session::{Action, Route, Session};
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::blocks::{self, Styled};
use crate::frame::Paint;
use crate::markdown::{self, Read};
use crate::run::put_styled;
use crate::text::safe;
use crate::{Theme, picture, runs, table};

/// Columns that running text takes at most: longer lines are hard to read.
pub const LINE: usize = 96;
/// Rows of a chart within a note.
const CHART_ROWS: usize = 12;
/// Rows of a picture within a note at most.
const PICTURE_ROWS: usize = 20;
/// Columns left of the words of a note.
const LEFT: usize = 8;
/// What stands left of when and on what.
const BEFORE_HEAD: &str = "  ";

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.notes;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    if page.notes.is_empty() {
        let style = paint.theme.tone(Tone::Muted);
        let words =
            "Nothing was written down yet: `o` on a run notes what came of it, `lab run --reason …` why it is run";
        paint.put(area.x + 2, area.y + 1, usize::from(area.width) - 4, words, style);
        return;
    }
    let row = shown.screen.cursor.row.min(page.notes.len() - 1);
    let height = usize::from(area.height);
    let room = usize::from(area.width).saturating_sub(LEFT + 4).min(LINE);
    let of = |place: usize| {
        let before = place.checked_sub(1).map(|before| page.notes[before].day.as_str());
        told(&page.notes[place], before, paint.session, paint.theme, room)
    };
    let (notes, top) = in_sight(page.notes.len(), row, height, &of);
    let lines = notes.iter().flat_map(|(place, read)| read.iter().map(move |read| (*place, read)));
    for (y, (place, read)) in lines.skip(top).take(height).enumerate() {
        let at = Rect { y: area.y + y as u16, height: 1, ..area };
        put_line(paint, at, place, &read.line, &read.links);
    }
    let seen = Cursor { row, top: row, height: 1, total: page.notes.len(), ..Cursor::in_text() };
    table::scrollbar(paint, Rect { x: area.right().saturating_sub(1), width: 1, ..area }, &seen);
}

/// The notes around the chosen one, as many as fill the screen, and how many of their lines lie above it: the chosen
/// note stands in the upper part, but the screen is full where it can be. No other note is laid out.
fn in_sight(
    count: usize,
    row: usize,
    height: usize,
    of: &dyn Fn(usize) -> Vec<Read>,
) -> (Vec<(usize, Vec<Read>)>, usize) {
    let mut notes = vec![(row, of(row))];
    let mut below = notes[0].1.len();
    for place in row + 1..count {
        if below >= height {
            break;
        }
        let read = of(place);
        below += read.len();
        notes.push((place, read));
    }
    let wanted = (height / 3).max(height.saturating_sub(below));
    let mut above = 0;
    for place in (0..row).rev() {
        if above >= wanted {
            break;
        }
        let read = of(place);
        above += read.len();
        notes.insert(0, (place, read));
    }
    (notes, above.saturating_sub(wanted))
}

/// The day where it is a new one, when and on what, then the words and the charts.
fn told(note: &Noted, day_before: Option<&str>, session: &Session, theme: &Theme, room: usize) -> Vec<Read> {
    let plain = |line: Styled| Read { line, links: Vec::new() };
    let mut lines = Vec::new();
    if day_before != Some(&note.day) {
        if day_before.is_some() {
            lines.push(Read::default());
        }
        let mut day = blocks::heading(&note.day, theme, room + LEFT);
        day[0].1 = day[0].1.patch(theme.tone(Tone::Accent));
        lines.push(plain(day));
    }
    let head = note.head.0.iter().map(|cell| (safe(&cell.text), theme.tone(cell.tone)));
    lines.push(plain(std::iter::once((BEFORE_HEAD.to_owned(), Style::new())).chain(head).collect()));
    let mut charts = note.charts.iter();
    let mut words = Vec::new();
    for piece in pieces(&note.text) {
        match piece {
            Piece::Words(piece) => words.extend(markdown::read(piece, theme, room)),
            Piece::Chart(block) => match charts.next().filter(|charts| !charts.is_empty()) {
                Some(charts) => words.extend(drawn(charts, theme, room).into_iter().map(plain)),
                None => {
                    let missing = format!("No such metric: {}", block.trim().replace('\n', ", "));
                    words.push(plain(vec![(safe(&missing), theme.tone(Tone::Warn))]));
                }
            },
            Piece::Picture { words: name, source } => {
                words.extend(pictured(name, session.picture(source), theme, room).into_iter().map(plain));
            }
        }
    }
    for mut read in words {
        read.line.insert(0, (" ".repeat(LEFT), Style::new()));
        read.links.iter_mut().for_each(|(at, _)| *at = at.start + LEFT..at.end + LEFT);
        lines.push(read);
    }
    lines
}

/// A picture, or the words that stand for it.
fn pictured(name: &str, picture: Option<Option<&Arc<Image>>>, theme: &Theme, room: usize) -> Vec<Styled> {
    let name = safe(name);
    match picture {
        Some(Some(image)) if picture::can_show(theme) => {
            let mut lines = vec![Vec::new()];
            lines.extend(picture::lines(theme, room, PICTURE_ROWS, image));
            lines.extend([vec![(name, theme.tone(Tone::Muted))], Vec::new()]);
            lines
        }
        Some(Some(image)) => {
            let words = format!("{name} (a picture, {} × {} pixels)", image.width, image.height);
            vec![vec![(words, theme.tone(Tone::Muted))]]
        }
        Some(None) => vec![vec![(format!("{name} (a picture that cannot be shown)"), theme.tone(Tone::Warn))]],
        None => vec![vec![(format!("{name} …"), theme.tone(Tone::Muted))]],
    }
}

fn drawn(charts: &[(String, Chart)], theme: &Theme, room: usize) -> Vec<Styled> {
    let mut lines = Vec::new();
    for (key, chart) in charts {
        lines.push(Vec::new());
        lines.push(vec![(safe(key), theme.heading())]);
        // The name stands above already.
        let chart = Chart { y: Axis { label: String::new(), ..chart.y.clone() }, ..chart.clone() };
        lines.extend(blocks::chart(&chart, theme, room, CHART_ROWS));
    }
    lines
}

fn put_line(paint: &mut Paint<'_>, at: Rect, place: usize, line: &Styled, links: &[(Range<usize>, RunId)]) {
    put_styled(paint, at.x + 1, at.y, usize::from(at.width) - 3, line);
    let before = line.first().map_or("", |(words, _)| words.as_str());
    // A whole note on a ground of its own could not be read well: a line beside it says that it is chosen.
    if place == paint.session.notes.screen.cursor.row && before.starts_with(' ') {
        if before == BEFORE_HEAD {
            paint.fill(Rect { width: at.width.saturating_sub(1), ..at }, paint.theme.cursor());
        }
        let bar = paint.theme.mark("▌", "|").to_owned();
        paint.put(at.x + 1, at.y, 1, &bar, paint.theme.focus());
    }
    paint.zone(at, Action::Move(Motion::To(place)));
    for (columns, run) in links {
        let link = Rect { x: at.x + 1 + columns.start as u16, width: columns.len() as u16, ..at };
        paint.zone(link, Action::Go(Route::Run(run.clone())));
    }
}
