//! Text found in all runs: what is looked for stands on top, what was found is put together by file.

use egui::text::{LayoutJob, TextFormat};
use egui::{Align2, Frame, Id, Margin, Panel, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};
use lab_view::list::Motion;
use lab_view::session::{Action, Dialog, DialogAction, Purpose};
use lab_view::{ActionId, Align, Input, Row, Tone};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::theme::{GAP, MARGIN, ROW, Theme, text};
use crate::{blocks, typed};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {}

/// A row of the list: the head of a file, or a hit in it.
#[derive(Clone, Copy)]
enum Shown {
    Head { first: usize, count: usize },
    Hit(usize),
}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.search;
    let frame = Frame::new().inner_margin(Margin::symmetric(MARGIN as i8, 8));
    Panel::top("search for").frame(frame).show_separator_line(false).show(ui, |ui| question(paint, ui));
    if shown.screen.words.is_empty() {
        let hint =
            "Code, config, data, logs and notes of all runs are searched; capitals count only when there are some";
        return blocks::empty(ui, "Search everything that was kept", hint);
    }
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    if page.hits.is_empty() && shown.is_current() {
        return blocks::empty(ui, "Nothing matches", "Try fewer words, or a part of one");
    }
    let rows = &page.page.hits.rows;
    list(paint, ui, &grouped(rows), rows);
}

/// The field with the words, and what came of them.
fn question(paint: &mut Paint<'_>, ui: &mut Ui) {
    let session = paint.session;
    let shown = &session.search;
    ui.horizontal(|ui| {
        let open = match session.dialog() {
            Some(Dialog::Ask { purpose: Purpose::Find, input, .. }) => Some(input),
            _ => None,
        };
        let closed = Input::new(&shown.screen.words);
        let input = open.unwrap_or(&closed);
        let typed = typed::field(ui, Id::unique("search"), input, "Search for", |edit| {
            edit.desired_width(460.0).margin(Margin::symmetric(10, 7)).hint_text("Search code, config, logs and notes")
        });
        match (open, typed.response.has_focus()) {
            (None, true) if session.dialog().is_none() => paint.wish(Action::Do(ActionId::Find)),
            (Some(_), false) if !typed.response.lost_focus() => typed.response.request_focus(),
            _ => {}
        }
        if open.is_some() {
            if let Some(typing) = typed.typing {
                paint.wish(Action::Dialog(DialogAction::Type(typing)));
            }
            // Whoever goes elsewhere has said what to look for.
            if ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape)) {
                paint.wish(Action::Dialog(DialogAction::Close));
                typed.response.surrender_focus();
            } else if typed.response.lost_focus() {
                paint.wish(Action::Dialog(DialogAction::Accept));
            }
        }
        if shown.is_loading() {
            ui.spinner();
        } else if let Some(page) = shown.page().filter(|_| !shown.screen.words.is_empty()) {
            blocks::line(ui, &page.page.note);
        }
    });
}

/// Hits in the same file stand below its name.
fn grouped(rows: &[Row]) -> Vec<Shown> {
    let mut shown = Vec::with_capacity(rows.len() + 16);
    let mut first = 0;
    let same = |one: &Row, other: &Row| {
        (&one.key, &one.cells[0].text, &one.cells[4].text) == (&other.key, &other.cells[0].text, &other.cells[4].text)
    };
    for group in rows.chunk_by(same) {
        shown.push(Shown::Head { first, count: group.len() });
        shown.extend((first..first + group.len()).map(Shown::Hit));
        first += group.len();
    }
    shown
}

fn list(paint: &mut Paint<'_>, ui: &mut Ui, shown: &[Shown], rows: &[Row]) {
    let cursor = paint.session.search.screen.cursor;
    let id = ui.scope_id().with("hits");
    let here = shown.iter().position(|row| matches!(row, Shown::Hit(hit) if *hit == cursor.row)).unwrap_or(0);
    let mut area = ScrollArea::vertical().id_salt("hits").auto_shrink(false);
    let known: Option<(usize, f32)> = ui.data(|data| data.get_temp(id));
    let (before, top) = known.unwrap_or_default();
    let (at, height) = (here as f32 * ROW, ui.available_height());
    if before != cursor.row && (at < top || at + ROW > top + height) {
        area = area.vertical_scroll_offset((at - height / 3.0).max(0.0));
    }
    let output = area.show_viewport(ui, |ui, sight| {
        ui.set_width(ui.available_width());
        ui.set_height(shown.len() as f32 * ROW);
        let (corner, wide) = (ui.min_rect().min, ui.min_rect().width());
        let first = (sight.min.y / ROW).floor().max(0.0) as usize;
        let fits = (sight.height() / ROW).ceil() as usize + 1;
        for (place, row) in shown.iter().enumerate().skip(first).take(fits) {
            let area = Rect::from_min_size(corner + vec2(0.0, place as f32 * ROW), vec2(wide, ROW));
            match row {
                Shown::Head { first, count } => head(ui, area, &rows[*first], *count),
                Shown::Hit(row) => hit(paint, ui, area, *row, &rows[*row], *row == cursor.row),
            }
        }
    });
    ui.data_mut(|data| data.insert_temp(id, (cursor.row, output.state.clamped_offset().y)));
}

/// In which file, of which runs, how often.
fn head(ui: &Ui, area: Rect, row: &Row, count: usize) {
    let theme = Theme::of(ui);
    ui.painter().rect_filled(area, 0.0, theme.bar);
    let inside = area.shrink2(vec2(MARGIN, 0.0));
    let (place, path, runs) = (&row.cells[0].text, &row.cells[1].text, &row.cells[4].text);
    let name = if path.is_empty() { place } else { path };
    let mut x = inside.left();
    for (words, color, font) in
        [(name, theme.text, text::strong()), (place, theme.muted, text::small()), (runs, theme.accent, text::small())]
    {
        let words = if std::ptr::eq(words, place) && path.is_empty() { "" } else { words.as_str() };
        let seen = ui.painter().text(pos2(x, area.center().y), Align2::LEFT_CENTER, words, font, color);
        x = seen.right() + 3.0 * GAP;
    }
    let right = inside.right_center();
    ui.painter().text(right, Align2::RIGHT_CENTER, count, text::small(), theme.muted);
    let response = ui.interact(area, ui.scope_id().with(("head", area.top() as i64)), Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Label, true, format!("Place {place} · Path {path} · Runs {runs} · {count}"))
    });
}

fn hit(paint: &mut Paint<'_>, ui: &Ui, area: Rect, place: usize, row: &Row, is_here: bool) {
    let theme = Theme::of(ui);
    let response = ui.interact(area, ui.scope_id().with(("hit", place)), Sense::CLICK);
    if is_here || response.hovered() {
        ui.painter().rect_filled(area, 0.0, if is_here { theme.chosen } else { theme.hover });
    }
    let number = Rect::from_min_size(area.min, vec2(64.0, ROW));
    blocks::elided(ui, number, &row.cells[2].text, text::small(), theme.tone(Tone::Muted), Align::Right);
    let inside = Rect::from_min_max(pos2(number.right() + 3.0 * GAP, area.top()), area.max - vec2(MARGIN, 0.0));
    let mut job = marked(theme, &row.cells[3].text, &paint.session.search.screen.words);
    job.wrap = egui::text::TextWrapping::truncate_at_width(inside.width());
    let galley = ui.painter().layout_job(job);
    let at = Align2::LEFT_CENTER.align_size_within_rect(galley.size(), inside).min;
    ui.painter().galley(at, galley, theme.text);
    response.widget_info(|| {
        let words = format!("Line {} · Text {}", row.cells[2].text, row.cells[3].text);
        WidgetInfo::selected(Role::ListItem, true, is_here, words)
    });
    if response.clicked() {
        paint.wish(Action::Move(Motion::To(place)));
    }
    if response.double_clicked() {
        paint.wish(Action::Do(ActionId::Open));
    }
}

/// So many letters of a line are painted at most.
const LONGEST: usize = 400;

/// The line with the words in it marked.
fn marked(theme: &Theme, line: &str, words: &str) -> LayoutJob {
    let end = line.char_indices().nth(LONGEST).map_or(line.len(), |(at, _)| at);
    let line = &line[..end];
    let mut job = LayoutJob::default();
    let plain = TextFormat::simple(text::mono(), theme.text);
    let found = TextFormat { background: theme.wash(Tone::Warn), color: theme.warn, ..plain.clone() };
    // Where capitals do not count; letters whose small form is of another length are not marked.
    let small = line.to_lowercase();
    let small = if small.len() == line.len() { small.as_str() } else { line };
    let words = words.to_lowercase();
    let mut at = 0;
    while let Some(place) = small[at..].find(&words).filter(|_| !words.is_empty()) {
        let (from, to) = (at + place, at + place + words.len());
        let (Some(before), Some(hit)) = (line.get(at..from), line.get(from..to)) else { break };
        job.append(before, 0.0, plain.clone());
        job.append(hit, 0.0, found.clone());
        at = to;
    }
    job.append(line.get(at..).unwrap_or_default(), 0.0, plain);
    job
}
