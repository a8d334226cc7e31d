//! The list of runs.

use std::collections::BTreeSet;

use lab_engine::{Error, ErrorKind};
use lab_model::RunId;
use lab_view::screens::runs::{Panel, RunsAction, RunsScreen};
use lab_view::session::Action;
use lab_view::{ActionId, Cell, Column, Line, Tone, format};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::blocks::{self, Styled};
use crate::frame::{Paint, Split};
use crate::table::Looks;
use crate::{Theme, run, table, text};

/// From so many columns on the run under the cursor is told beside the list.
const WIDE: u16 = 150;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let session = paint.session;
    let shown = &session.runs;
    let Some(page) = shown.page() else { return no_page(paint, area, shown.error(), shown.is_loading()) };
    let screen = &shown.screen;
    let is_all = screen.shown_query().is_empty();
    if page.page.total == 0 && is_all && shown.is_current() {
        return first_use(paint, area);
    }
    summary(paint, Rect { height: 1, ..area });
    let is_wide = area.width >= WIDE && !page.is_grouped();
    let panels = if is_wide { [Panel::Inspector].into() } else { BTreeSet::new() };
    if screen.panels != panels {
        paint.wishes.push(Action::Runs(RunsAction::Panels(panels)));
    }
    let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let usual = area.width - (area.width * 2 / 5).min(86);
    let none = Rect { width: 0, ..below };
    let (list, beside) = if is_wide { paint.divided(below, Split::Runs, usual) } else { (below, none) };
    if page.page.total == 0 {
        let style = paint.theme.tone(Tone::Muted);
        let words = "No run matches; Esc takes the filter away, / changes it";
        paint.put(area.x + 2, area.y + 2, usize::from(area.width) - 4, words, style);
        return;
    }
    rows(paint, list);
    if is_wide {
        paint.rule(Rect { width: 1, ..beside }, "│", "|");
        inspector(paint, Rect { x: beside.x + 2, width: beside.width - 3, ..beside });
    }
}

fn rows(paint: &mut Paint<'_>, area: Rect) {
    let (session, theme) = (paint.session, paint.theme);
    let screen = &session.runs.screen;
    let Some(page) = session.runs.page() else { return };
    let table = screen.sight(page, session.trends(), session.moment());
    let marked: BTreeSet<&str> = screen.marked.iter().map(RunId::as_str).collect();
    let word = |column: &Column| RunsScreen::sort_word(column);
    let looks = Looks {
        mark: &|row| marked.contains(row.key.as_str()),
        sorted: screen.sorted_column(page, &table),
        head: &|column| {
            let by = word(column).filter(|_| !page.is_grouped())?;
            Some(Action::Runs(RunsAction::SortBy(by)))
        },
        spans: &|column, cell, under| match column.key.as_str() {
            "changed" if cell.tone != Tone::Accent => Some(chips(theme, cell, under)),
            "tags" => Some(tags(theme, cell, under)),
            "name" => starred(theme, cell, under),
            _ => None,
        },
    };
    table::list_with(paint, area, &table, screen.cursor.top.max(page.first), &screen.cursor, &looks);
}

/// Letters of what changed stand out, dots for what did not step back.
fn chips(theme: &Theme, cell: &Cell, under: Style) -> Styled {
    let changed = under.patch(theme.tone(Tone::Changed)).add_modifier(Modifier::BOLD);
    let equal = under.patch(theme.tone(Tone::Muted));
    let is_word = cell.text.split(' ').any(|word| word.chars().count() > 1);
    let style = |letter: &str| if !is_word && letter.trim().starts_with(char::is_alphabetic) { changed } else { equal };
    cell.text.split_inclusive(' ').map(|letter| (letter.to_owned(), style(letter))).collect()
}

/// Every tag in a colour of its own, the same wherever it stands.
fn tags(theme: &Theme, cell: &Cell, under: Style) -> Styled {
    let slot = |tag: &str| tag.trim().bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    let words = cell.text.split_inclusive(' ');
    words.map(|tag| (tag.to_owned(), under.patch(theme.series(slot(tag) >> 3)))).collect()
}

fn starred(theme: &Theme, cell: &Cell, under: Style) -> Option<Styled> {
    let (name, rest) = cell.text.split_once(" ★")?;
    let style = under.patch(theme.tone(cell.tone));
    let star = under.patch(theme.tone(Tone::Warn));
    Some(vec![(name.to_owned(), style), (" ★".to_owned(), star), (rest.to_owned(), style)])
}

/// The run under the cursor: what changed, did it help, and how it differs.
fn inspector(paint: &mut Paint<'_>, area: Rect) {
    let session = paint.session;
    let screen = &session.runs.screen;
    let Some(subject) = session.runs.page().and_then(|page| page.at(screen.cursor.row)) else { return };
    let room = usize::from(area.width);
    paint.put(area.x, area.y, room, &subject.name, paint.theme.heading().patch(paint.theme.tone(Tone::Accent)));
    let Some(page) = session.inspected() else { return };
    let lines = blocks::page(page, paint.theme, room);
    for (row, line) in lines.iter().take(usize::from(area.height).saturating_sub(1)).enumerate() {
        run::put_styled(paint, area.x, area.y + 1 + row as u16, room, line);
    }
    let used = lines.len() as u16 + 2;
    let below = Rect { y: area.y + used, height: area.height.saturating_sub(used), ..area };
    run::beside_charts(paint, below, &page.charts);
}

/// One line: how many, which, in what order, what is marked.
fn summary(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.runs;
    let screen = &shown.screen;
    let muted = paint.theme.tone(Tone::Muted);
    let room = |x: u16| usize::from(area.right().saturating_sub(x + 1));
    let mut x = area.x + 2;
    if let Some(page) = shown.page() {
        let mut words = format::count(page.page.total, "run");
        if page.is_grouped() {
            words = format!("{} of {words}", format::count(page.page.group_total, "group"));
        }
        x = paint.put(x, area.y, 40, &words, muted);
    }
    let from = x;
    let query = screen.shown_query();
    let (words, style) = match query {
        "" => ("  all, newest first".to_owned(), muted),
        query => (format!("  {query}"), paint.theme.tone(Tone::Accent)),
    };
    let marked = screen.marked.len();
    let mut rest = Line::default();
    if marked > 0 {
        rest.push(format!("  {marked} marked"), Tone::Changed);
    }
    if screen.follow {
        rest.push("  following", Tone::Good);
    }
    if !shown.is_current() && shown.is_loading() {
        rest.push("  …", Tone::Muted);
    }
    if let Some(error) = shown.error() {
        let first = error.message.lines().next().unwrap_or_default();
        rest.push(format!("  {first}"), Tone::Bad);
    }
    let reserved = text::width(&rest.text());
    x = paint.put(x, area.y, room(x).saturating_sub(reserved), &words, style);
    paint.zone(Rect { x: from, width: x - from, ..area }, Action::Do(ActionId::Filter));
    paint.put_line(x, area.y, room(x), &rest, Style::new());
}

/// What is said instead of a page: why there is none.
pub fn no_page(paint: &mut Paint<'_>, area: Rect, error: Option<&Error>, is_loading: bool) {
    match error {
        Some(error) if error.kind == ErrorKind::Missing => first_use(paint, area),
        Some(error) => trouble(paint, area, error),
        None if is_loading => {
            let style = paint.theme.tone(Tone::Muted);
            paint.put(area.x + 2, area.y + 1, 20, "Reading …", style);
        }
        None => {}
    }
}

/// An error that fills the place.
pub fn trouble(paint: &mut Paint<'_>, area: Rect, error: &Error) {
    let room = usize::from(area.width).saturating_sub(4);
    let (bad, muted) = (paint.theme.tone(Tone::Bad), paint.theme.tone(Tone::Muted));
    paint.put(area.x + 2, area.y + 1, room, &error.message, bad.add_modifier(Modifier::BOLD));
    if let Some(hint) = &error.hint {
        paint.put(area.x + 2, area.y + 2, room, hint, muted);
    }
}

/// What somebody reads who has no runs yet: how to begin.
pub fn first_use(paint: &mut Paint<'_>, area: Rect) {
    let room = usize::from(area.width).saturating_sub(4);
    let here = paint.session.config().cwd.display().to_string();
    let (plain, accent, muted) = (Style::new(), paint.theme.tone(Tone::Accent), paint.theme.tone(Tone::Muted));
    let x = area.x + 2;
    let mut y = area.y + 1;
    paint.put(x, y, room, "No runs yet. Three ways to begin:", plain.add_modifier(Modifier::BOLD));
    for (key, words) in [
        ("lab run -- python train.py", "keeps code, config, data and environment, then runs it"),
        ("W", "watches this folder, so that runs are noticed however they are started"),
        ("lab demo", "shows it all on a small real experiment"),
    ] {
        y += 2;
        let next = paint.put(x, y, room, key, accent.add_modifier(Modifier::BOLD));
        paint.put(x + 2, y + 1, room, words, muted);
        if key == "W" {
            paint.put(next + 2, y, room.saturating_sub(4), &here, plain);
            paint.zone(Rect { x, y, width: area.width - 4, height: 2 }, Action::Do(ActionId::Watch));
        }
    }
}
