//! What stands around every place: where one is, what can be done, what is under way, what was said.

use lab_view::session::{Action, Notice, Route, Session};
use lab_view::{ActionId, Group, Line, Tone};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use crate::events::Zones;
use crate::picture::{Graphics, Placed};
use crate::text::{self, shorten, width};
use crate::{Theme, charts, compare, dialog, health, notes, projects, restore, run, runs, search};

/// Everything that a painter needs. It looks at the session and hands back wishes; it changes nothing.
pub struct Paint<'a> {
    /// The screen.
    pub buffer: &'a mut Buffer,
    /// How it looks.
    pub theme: &'a Theme,
    /// What it shows.
    pub session: &'a Session,
    /// What can be clicked.
    pub zones: &'a mut Zones,
    /// What the session should know after the frame.
    pub wishes: &'a mut Vec<Action>,
    /// Pictures that are put on top of the frame.
    pub placed: &'a mut Vec<Placed>,
    /// How pictures are shown.
    pub graphics: Graphics,
    /// Where the terminal's own cursor stands, when a person types.
    pub cursor: Option<Position>,
    /// Where a person wants places to be divided.
    pub splits: &'a Splits,
    /// The lines that can be dragged, each with the area that it divides.
    pub handles: &'a mut Vec<Handle>,
}

/// A place that is divided into a left and a right part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Split {
    /// The list of runs, and the run under the cursor.
    Runs,
    /// What is told of a run, and its charts.
    Run,
    /// Files, and what is in one.
    Files,
    /// What a restore would do, and the change of a file.
    Restore,
}

/// How much of each place its left part takes, in [`WHOLE`]ths, where a person has dragged the line.
#[derive(Default)]
pub struct Splits([Option<u32>; 4]);

/// A whole area, finer than any screen: a line stays below the mouse.
const WHOLE: u32 = 1 << 16;

impl Splits {
    /// The line was dragged to this column.
    pub fn drag(&mut self, handle: &Handle, column: u16) {
        let wide = u32::from(column.saturating_sub(handle.whole.x));
        self.0[handle.split as usize] = Some((wide * WHOLE).div_ceil(u32::from(handle.whole.width.max(1))));
    }
}

/// A line between two parts of a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handle {
    /// Where it can be taken hold of.
    pub at: Rect,
    split: Split,
    whole: Rect,
}

/// No part becomes narrower by dragging.
const NARROWEST: u16 = 30;

impl Paint<'_> {
    /// Writes a harmless text at a place, cut to the columns that are left; gives the next column.
    pub fn put(&mut self, x: u16, y: u16, room: usize, words: &str, style: Style) -> u16 {
        if room == 0 || y >= self.buffer.area.bottom() || x >= self.buffer.area.right() {
            return x;
        }
        let words = shorten(&text::safe(words), room);
        let words = if self.theme.ascii { ascii(&words, room) } else { words };
        self.buffer.set_stringn(x, y, &words, room, style).0
    }

    /// Writes a sentence of several tones.
    pub fn put_line(&mut self, x: u16, y: u16, room: usize, line: &Line, under: Style) -> u16 {
        let mut at = x;
        for cell in &line.0 {
            let left = room.saturating_sub(usize::from(at - x));
            at = self.put(at, y, left, &cell.text, under.patch(self.theme.tone(cell.tone)));
        }
        at
    }

    /// Gives an area one look.
    pub fn fill(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area, style);
    }

    /// Empties an area, for what lies on top.
    pub fn clear(&mut self, area: Rect) {
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                }
            }
        }
    }

    /// A line of one sign.
    pub fn rule(&mut self, area: Rect, full: &str, plain: &str) {
        let (sign, style) = (self.theme.mark(full, plain).to_owned(), self.theme.edge());
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.set_symbol(&sign).set_style(style);
                }
            }
        }
    }

    /// A frame with a title; gives what is inside.
    pub fn boxed(&mut self, area: Rect, title: &str) -> Rect {
        self.framed(area, title, self.theme.edge())
    }

    /// The same with a frame of this look.
    pub fn framed(&mut self, area: Rect, title: &str, style: Style) -> Rect {
        if area.width < 2 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        for (side, full, plain) in [
            (Rect { height: 1, ..area }, "─", "-"),
            (Rect { y: bottom, height: 1, ..area }, "─", "-"),
            (Rect { width: 1, ..area }, "│", "|"),
            (Rect { x: right, width: 1, ..area }, "│", "|"),
        ] {
            self.rule(side, full, plain);
            self.fill(side, style);
        }
        for (x, y, full) in [(area.x, area.y, "╭"), (right, area.y, "╮"), (area.x, bottom, "╰"), (right, bottom, "╯")]
        {
            let sign = self.theme.mark(full, "+").to_owned();
            self.put(x, y, 1, &sign, style);
        }
        if !title.is_empty() {
            let heading = self.theme.heading();
            self.put(area.x + 2, area.y, usize::from(area.width).saturating_sub(4), &format!(" {title} "), heading);
        }
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
    }

    /// The left and the right part of an area, the left one of this width unless a person wants another.
    pub fn divided(&mut self, area: Rect, split: Split, left: u16) -> (Rect, Rect) {
        let wanted = self.splits.0[split as usize].map(|part| (u32::from(area.width) * part.min(WHOLE) / WHOLE) as u16);
        let most = area.width.saturating_sub(NARROWEST);
        let left = wanted.map_or(left, |wanted| wanted.clamp(NARROWEST.min(most), most));
        let right = Rect { x: area.x + left, width: area.width - left, ..area };
        let at = Rect { x: right.x.saturating_sub(1), width: 2, ..area };
        self.handles.push(Handle { at, split, whole: area });
        (Rect { width: left, ..area }, right)
    }

    /// A click in this area means this.
    pub fn zone(&mut self, area: Rect, action: Action) {
        self.zones.push((area, action));
    }
}

/// The signs that `lab` itself uses, for terminals that can only show ASCII, in as few columns as there are.
fn ascii(words: &str, room: usize) -> String {
    let is_tight = width(words) + 2 * words.matches('…').count() > room;
    let plain = |letter: char| match letter {
        '…' if is_tight => "~",
        '…' => "...",
        '·' => "-",
        '→' => "->",
        '±' => "+-",
        '≠' => "!=",
        '✓' => "+",
        '✗' => "x",
        '★' => "*",
        '▸' | '›' => ">",
        '–' | '−' => "-",
        '∞' => "inf",
        '●' => "o",
        '▼' => "v",
        '▲' => "^",
        '▁' => "_",
        '▂' => ".",
        '▃' => "-",
        '▄' => "~",
        '▅' => "=",
        '▆' => "+",
        '▇' => "*",
        '█' => "#",
        _ => "?",
    };
    let mut text = String::new();
    for letter in words.chars() {
        if letter.is_ascii() { text.push(letter) } else { text.push_str(plain(letter)) }
    }
    text
}

/// Smaller terminals get a sentence instead.
const LEAST: (u16, u16) = (40, 10);

/// Paints everything.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let words = format!("{}×{} is too small for lab", area.width, area.height);
        paint.put(area.x, area.y, usize::from(area.width), &words, Style::new());
        return;
    }
    header(paint, Rect { height: 1, ..area });
    footer(paint, Rect { y: area.bottom() - 1, height: 1, ..area });
    let said = paint.session.notices().len().min(3) as u16;
    let body = Rect { y: area.y + 1, height: area.height - 2 - said, ..area };
    match paint.session.route() {
        Route::Projects => projects::paint(paint, body),
        Route::Runs => runs::paint(paint, body),
        Route::Run(_) => run::paint(paint, body),
        Route::Compare(_) => compare::paint(paint, body),
        Route::Charts(_) => charts::paint(paint, body),
        Route::Restore(_) => restore::paint(paint, body),
        Route::Notes => notes::paint(paint, body),
        Route::Search => search::paint(paint, body),
        Route::Health => health::paint(paint, body),
    }
    notices(paint, Rect { y: body.bottom(), height: said, ..area });
    if paint.session.dialog().is_some() {
        dialog::paint(paint, area);
    }
}

/// What a place is called in the breadcrumbs.
fn place_name(session: &Session, route: &Route) -> String {
    match route {
        Route::Projects => "lab".to_owned(),
        Route::Runs => session.project().map_or_else(|| "all runs".to_owned(), |project| project.name.clone()),
        Route::Run(run) | Route::Restore(run) => {
            let listed = session.runs.page().and_then(|page| page.subject(run));
            let shown = session.run.page().map(|page| &page.subject).filter(|subject| subject.run == *run);
            let name = listed.or(shown).map_or_else(|| run.as_str()[..4].to_owned(), |subject| subject.name.clone());
            if matches!(route, Route::Restore(_)) { format!("restore {name}") } else { name }
        }
        Route::Compare(runs) => format!("compare {}", runs.len()),
        Route::Charts(_) => "charts".to_owned(),
        Route::Notes => "notes".to_owned(),
        Route::Search => "search".to_owned(),
        Route::Health => "health".to_owned(),
    }
}

/// Columns that the name of a place takes at most.
const LONGEST_CRUMB: usize = 32;

fn header(paint: &mut Paint<'_>, area: Rect) {
    let bar = paint.theme.bar();
    paint.fill(area, bar);
    let session = paint.session;
    let mut x = area.x + 1;
    let crumbs = session.breadcrumbs();
    // Where one is can be read whole; of the way there names are cut.
    let above = crumbs.len().saturating_sub(1).max(1);
    let last = width(&place_name(session, session.route())).min(LONGEST_CRUMB);
    let left = usize::from(area.width).saturating_sub(last + 3 * above + 2) / above;
    for (place, route) in crumbs.iter().enumerate() {
        let is_last = place + 1 == crumbs.len();
        let room = usize::from(area.right().saturating_sub(x + 1));
        let style = match (is_last, place) {
            (true, _) => bar.add_modifier(Modifier::BOLD),
            // The name of the program.
            (false, 0) => paint.theme.key(),
            (false, _) => bar.patch(paint.theme.tone(Tone::Muted)),
        };
        let from = x;
        let most = if is_last { LONGEST_CRUMB } else { left.min(LONGEST_CRUMB) };
        x = paint.put(x, area.y, room.min(most), &place_name(session, route), style);
        paint.zone(Rect { x: from, width: x - from, ..area }, Action::Go(route.clone()));
        if !is_last {
            x = paint.put(x, area.y, 3, " › ", bar.patch(paint.theme.tone(Tone::Muted)));
        }
    }
    let mut right = area.right() - 1;
    let (words, tone) = match session.jobs().first().map(|job| (job, job.progress())) {
        Some((job, (_, 0))) => (format!("{} …", job.label), Tone::Accent),
        Some((job, (done, total))) => (format!("{} {} %", job.label, done * 100 / total), Tone::Accent),
        None if session.is_watching() => (format!("{} watching", paint.theme.mark("●", "*")), Tone::Good),
        None => (String::new(), Tone::Plain),
    };
    let wide = width(&words) as u16;
    if wide > 0 && wide + x + 2 < area.right() {
        right -= wide;
        paint.put(right, area.y, usize::from(wide), &words, bar.patch(paint.theme.tone(tone)));
        // A click asks it to stop.
        let action = if session.jobs().is_empty() { Action::Go(Route::Health) } else { Action::Cancel(0) };
        paint.zone(Rect { x: right, width: wide, ..area }, action);
        right -= 2;
    }
    places(paint, Rect { x: x + 2, width: right.saturating_sub(x + 2), ..area });
}

/// The places and their keys at the right, where there is room for all of them.
fn places(paint: &mut Paint<'_>, area: Rect) {
    let shown = match paint.session.route() {
        Route::Projects => ActionId::GoProjects,
        Route::Runs | Route::Run(_) | Route::Compare(_) | Route::Restore(_) => ActionId::GoRuns,
        Route::Charts(_) => ActionId::GoCharts,
        Route::Notes => ActionId::GoNotes,
        Route::Search => ActionId::GoSearch,
        Route::Health => ActionId::GoHealth,
    };
    let all = [
        ActionId::GoRuns,
        ActionId::GoProjects,
        ActionId::GoCharts,
        ActionId::GoNotes,
        ActionId::GoSearch,
        ActionId::GoHealth,
    ];
    let words = all.map(|id| (id, id.row().keys[0], id.row().label));
    let wide: usize = words.iter().map(|(_, key, label)| key.len() + label.len() + 3).sum();
    let Some(free) = usize::from(area.width).checked_sub(wide) else { return };
    let mut x = area.x + free as u16;
    let bar = paint.theme.bar();
    for (id, key, label) in words {
        let is_shown = id == shown;
        let (key_style, style) = if is_shown {
            (bar.patch(paint.theme.chosen()), bar.patch(paint.theme.chosen()))
        } else {
            (paint.theme.key().remove_modifier(Modifier::BOLD), bar.patch(paint.theme.tone(Tone::Muted)))
        };
        let from = x;
        paint.fill(Rect { x, width: (key.len() + label.len() + 3) as u16, ..area }, style);
        x = paint.put(x + 1, area.y, 4, key, key_style);
        x = paint.put(x + 1, area.y, 20, label, style) + 1;
        paint.zone(Rect { x: from, width: x - from, ..area }, Action::Do(id));
    }
}

/// The keys that matter here, the most particular first.
fn footer(paint: &mut Paint<'_>, area: Rect) {
    let bar = paint.theme.bar();
    paint.fill(area, bar);
    let (key_style, label_style) = (paint.theme.key(), bar.patch(paint.theme.tone(Tone::Muted)));
    let help = [(ActionId::Palette, "Commands"), (ActionId::Help, "Help"), (ActionId::Quit, "Quit")];
    let wide = |key: &str, label: &str| (width(key) + width(label) + 3) as u16;
    let reserved: u16 = help.iter().map(|(id, label)| wide(id.row().keys[0], label)).sum();
    let mut x = area.x + 1;
    let put = |paint: &mut Paint<'_>, x: u16, id: ActionId, label: &str| {
        let key = id.row().keys[0];
        let next = paint.put(x, area.y, 12, key, key_style);
        let next = paint.put(next + 1, area.y, 40, label, label_style);
        paint.zone(Rect { x, width: next - x, ..area }, Action::Do(id));
        next + 2
    };
    for id in keys_of(paint.session) {
        let row = id.row();
        if row.keys.is_empty() || !(row.enabled)(paint.session) {
            continue;
        }
        let label = row.label.trim_end_matches('…');
        if x + wide(row.keys[0], label) + reserved > area.right() {
            continue;
        }
        x = put(paint, x, id, label);
    }
    let mut x = area.right().saturating_sub(reserved).max(x);
    for (id, label) in help {
        x = put(paint, x, id, label);
    }
}

/// What people do most in each place.
fn keys_of(session: &Session) -> Vec<ActionId> {
    use ActionId::{
        AllRuns, Apply, Back, CancelWork, ChartAlone, Charts, Columns, Compare, Edit, Filter, Find, FindNext, Fold,
        FoldAll, Follow, Group, LogScale, Mark, NextPart, Note, Open, ReadRight, Rerun, ResetZoom, Restore,
        RestoreFile, RestoreTo, SideBySide, Smooth, Sort, Star, StepAxis, Tag, ToggleFile, Undo, Views, Watch,
        WatchService, ZoomIn, ZoomOut,
    };
    match session.route() {
        Route::Projects => vec![Open, AllRuns, Watch, WatchService],
        Route::Runs => vec![
            Open, Filter, Mark, Compare, Restore, Undo, Charts, Sort, Group, Columns, Views, Tag, Star, Note, Rerun,
            Follow,
        ],
        Route::Run(_) if session.file().is_some() => {
            vec![NextPart, Open, FindNext, SideBySide, Edit, RestoreFile, Compare, Restore, Back]
        }
        Route::Run(_) if session.in_log() => vec![NextPart, Find, FindNext, Follow, Compare, Restore, Charts, Back],
        Route::Run(_) => vec![NextPart, Compare, Restore, Charts, Note, Tag, Star, Rerun, Follow, Undo, Back],
        Route::Compare(_) => vec![FindNext, Fold, FoldAll, SideBySide, Charts, Back],
        Route::Charts(_) => {
            vec![ChartAlone, ReadRight, ZoomIn, ZoomOut, ResetZoom, LogScale, Smooth, StepAxis, Find, Back]
        }
        Route::Restore(_) => vec![Apply, ToggleFile, FindNext, RestoreTo, Back],
        Route::Notes => vec![Open, Note, Back],
        Route::Search => vec![Open, Find, Back],
        Route::Health => vec![Open, CancelWork, WatchService, Back],
    }
}

fn notices(paint: &mut Paint<'_>, area: Rect) {
    let all = paint.session.notices();
    let first = all.len().saturating_sub(usize::from(area.height));
    for (row, notice) in all[first..].iter().enumerate() {
        let at = Rect { y: area.y + row as u16, height: 1, ..area };
        notice_row(paint, at, notice, first + row);
    }
}

fn notice_row(paint: &mut Paint<'_>, area: Rect, notice: &Notice, place: usize) {
    let room = usize::from(area.width).saturating_sub(2);
    paint.zone(area, Action::Dismiss(place));
    let mut x = paint.put_line(area.x + 1, area.y, room, &notice.line, Style::new());
    let left = |x: u16| usize::from(area.right().saturating_sub(x + 1));
    if let Some(hint) = &notice.hint {
        let style = paint.theme.tone(Tone::Muted);
        x = paint.put(x, area.y, left(x), &format!(" · {hint}"), style);
    }
    if let Some(id) = notice.action {
        let words = format!(" [{} {}]", id.row().keys[0], id.row().label.trim_end_matches('…'));
        let from = x;
        x = paint.put(x, area.y, left(x), &words, paint.theme.tone(Tone::Accent));
        paint.zone(Rect { x: from, width: x - from, ..area }, Action::Do(id));
    }
}

/// The groups of the help, for [`dialog`].
pub const GROUPS: [Group; 7] = Group::ALL;
