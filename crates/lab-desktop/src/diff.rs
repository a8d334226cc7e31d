//! Changes of files: lines of code with their syntax, old and new beside each other or in one column.

use std::collections::BTreeSet;
use std::ops::Range;

use egui::text::{LayoutJob, TextFormat};
use egui::{Align2, Rect, RichText, Sense, Ui, pos2, vec2};
use lab_view::{Diff, DiffLine, Sign, Span, Tone};

use crate::blocks;
use crate::icons::Icon;
use crate::theme::{GAP, RADIUS, Theme, text};

/// The height of a line of code.
pub const CODE: f32 = 19.0;
/// The height of the heading of a file.
pub const FILE: f32 = 32.0;
/// The height of the place where equal lines are left out.
pub const GAP_ROW: f32 = 20.0;
/// Room for the number of a line.
const NUMBER: f32 = 44.0;
/// Room for the sign of a line.
const SIGN: f32 = 16.0;

/// A row of a file's changes.
#[derive(Clone, Copy)]
pub enum Row<'a> {
    /// The file's name.
    File(&'a Diff, bool),
    /// So many equal lines are left out here; its place in the file, where they can be unfolded.
    Gap(usize, Option<usize>),
    /// A line of one of the sides.
    One(&'a DiffLine),
    /// Old and new.
    Two(Option<&'a DiffLine>, Option<&'a DiffLine>),
}

impl Row<'_> {
    /// How high it is, in points.
    pub const fn height(&self) -> f32 {
        match self {
            Self::File(..) => FILE,
            Self::Gap(..) => GAP_ROW,
            _ => CODE,
        }
    }

    /// Whether a place that changed begins here, after a row that is equal or not.
    pub fn is_changed(&self) -> bool {
        match self {
            Self::One(line) => line.sign != Sign::Equal,
            Self::Two(old, new) => old.or(*new).is_some_and(|line| line.sign != Sign::Equal),
            _ => false,
        }
    }
}

/// The rows of a file's changes. `is_open` says of which places the equal lines are shown too.
pub fn rows<'a>(diff: &'a Diff, side_by_side: bool, is_folded: bool, is_open: &dyn Fn(usize) -> bool) -> Vec<Row<'a>> {
    let mut rows = vec![Row::File(diff, is_folded)];
    if is_folded {
        return rows;
    }
    let gap = |rows: &mut Vec<Row<'a>>, hidden: usize, place: usize| {
        let lines = diff.between.get(place).map(Vec::as_slice).unwrap_or_default();
        let row = |line| if side_by_side { Row::Two(Some(line), Some(line)) } else { Row::One(line) };
        if is_open(place) && !lines.is_empty() {
            rows.extend(lines.iter().map(row));
        } else if hidden > 0 {
            rows.push(Row::Gap(hidden, (!lines.is_empty()).then_some(place)));
        }
    };
    let mut last = 0;
    for (place, hunk) in diff.hunks.iter().enumerate() {
        let old = |line: &DiffLine| line.old_number.or(line.new_number);
        let first = hunk.lines.first().and_then(old).unwrap_or(last + 1);
        gap(&mut rows, first.saturating_sub(last + 1), place);
        last = hunk.lines.iter().rev().find_map(|line| line.old_number).unwrap_or(last);
        if side_by_side {
            rows.extend(hunk.pairs().into_iter().map(|(old, new)| Row::Two(old, new)));
        } else {
            rows.extend(hunk.lines.iter().map(Row::One));
        }
    }
    let behind = diff.between.last().map_or(0, Vec::len);
    gap(&mut rows, behind, diff.hunks.len());
    rows
}

/// The letters of the longest line.
pub fn longest(diff: &Diff) -> usize {
    let letters = |line: &DiffLine| line.spans.iter().map(|span| span.text.chars().count()).sum();
    diff.hunks.iter().flat_map(|hunk| &hunk.lines).map(letters).max().unwrap_or(0)
}

/// Paints a row; text is moved to the left by `across`, on both sides alike.
pub fn paint(ui: &Ui, area: Rect, row: &Row<'_>, across: f32) {
    let theme = Theme::of(ui);
    match row {
        Row::File(diff, is_folded) => head(ui, area, diff, *is_folded),
        Row::Gap(hidden, place) => {
            let is_under = place.is_some() && ui.rect_contains_pointer(area);
            ui.painter().rect_filled(area, 0.0, if is_under { theme.chosen } else { theme.bar });
            if place.is_some() {
                let sign = Rect::from_center_size(area.left_center() + vec2(NUMBER - 12.0, 0.0), vec2(12.0, 12.0));
                Icon::Unfold.paint(ui.painter(), sign, 12.0, if is_under { theme.accent } else { theme.muted });
            }
            let words = equal_words(*hidden);
            let at = area.left_center() + vec2(NUMBER + 4.0, 0.0);
            let ink = if is_under { theme.accent } else { theme.muted };
            ui.painter().text(at, Align2::LEFT_CENTER, words, text::small(), ink);
        }
        Row::One(line) => {
            let numbers = [line.old_number, line.new_number];
            half(ui, area, Some(line), &numbers, across);
        }
        Row::Two(old, new) => {
            let middle = area.center().x;
            let left = Rect::from_min_max(area.min, pos2(middle - 0.5, area.bottom()));
            let right = Rect::from_min_max(pos2(middle + 0.5, area.top()), area.max);
            half(ui, left, *old, &[old.and_then(|line| line.old_number)], across);
            half(ui, right, *new, &[new.and_then(|line| line.new_number)], across);
            ui.painter().vline(middle, area.y_range(), theme.line());
        }
    }
}

fn equal_words(hidden: usize) -> String {
    lab_view::format::count(hidden as u64, "equal line")
}

/// Unfolds the equal lines of a place when they are clicked: true in that frame.
pub fn unfolds(ui: &Ui, area: Rect, row: &Row<'_>, id: impl std::hash::Hash + std::fmt::Debug) -> Option<usize> {
    let Row::Gap(hidden, Some(place)) = row else { return None };
    let response = ui.interact(area, ui.scope_id().with(id), Sense::CLICK);
    let words = format!("Show {}", equal_words(*hidden));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &words));
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked().then_some(*place)
}

/// A file's name, and how much of it changed.
pub fn head(ui: &Ui, area: Rect, diff: &Diff, is_folded: bool) {
    let theme = Theme::of(ui);
    let inside = area.shrink2(vec2(0.0, 2.0));
    ui.painter().rect(inside, RADIUS, theme.bar, theme.line(), egui::StrokeKind::Inside);
    let sign = Rect::from_min_size(inside.min + vec2(6.0, 0.0), vec2(16.0, inside.height()));
    let icon = if is_folded { Icon::Up } else { Icon::Down };
    icon.paint(ui.painter(), sign, 12.0, theme.muted);
    let mut at = inside.left_center() + vec2(26.0, 0.0);
    let mut put = |words: &str, font: egui::FontId, color| {
        at.x = ui.painter().text(at, Align2::LEFT_CENTER, words, font, color).right() + 2.0 * GAP;
    };
    put(&lab_model::display_bytes(diff.path.as_bytes()), text::mono(), theme.text);
    if diff.added + diff.removed > 0 {
        put(&format!("+{}", diff.added), text::mono(), theme.tone(Tone::Added));
        put(&format!("−{}", diff.removed), text::mono(), theme.tone(Tone::Removed));
    }
    if let Some(note) = &diff.note {
        put(&lab_model::display_bytes(note.as_bytes()), text::small(), theme.muted);
    }
}

fn half(ui: &Ui, area: Rect, line: Option<&DiffLine>, numbers: &[Option<usize>], across: f32) {
    let theme = Theme::of(ui);
    let Some(line) = line else {
        ui.painter().rect_filled(area, 0.0, theme.bar);
        return;
    };
    let tone = match line.sign {
        Sign::Equal => None,
        Sign::Added => Some(Tone::Added),
        Sign::Removed => Some(Tone::Removed),
    };
    if let Some(tone) = tone {
        ui.painter().rect_filled(area, 0.0, theme.wash(tone));
    }
    let mut x = area.left();
    for number in numbers {
        x += NUMBER;
        if let Some(number) = number {
            let at = pos2(x - 8.0, area.center().y);
            let ink = tone.map_or(theme.muted, |tone| theme.tone(tone));
            ui.painter().text(at, Align2::RIGHT_CENTER, number, text::mono(), ink.gamma_multiply(0.75));
        }
    }
    let words: String = line.spans.iter().map(|span| span.text.as_str()).collect();
    blocks::named(ui, area, &words);
    if let Some(tone) = tone {
        let at = pos2(x + SIGN / 2.0, area.center().y);
        ui.painter().text(at, Align2::CENTER_CENTER, line.sign.mark(), text::mono(), theme.tone(tone));
    }
    let room = Rect::from_min_max(pos2(x + SIGN + 2.0, area.top()), area.max);
    let galley = ui.painter().layout_job(job(theme, &line.spans, tone));
    let at = pos2(room.left() - across, area.center().y - galley.size().y / 2.0);
    ui.painter().with_clip_rect(room.intersect(ui.clip_rect())).galley(at, galley, theme.text);
}

/// The words of a line in the colours of their syntax, with what changed in it on a stronger ground.
pub fn job(theme: &Theme, spans: &[Span], tone: Option<Tone>) -> LayoutJob {
    let mut job = LayoutJob::default();
    for span in spans {
        let background = match tone {
            Some(tone) if span.changed => theme.mark(tone),
            _ => egui::Color32::TRANSPARENT,
        };
        let words = span.text.trim_end_matches('\n').replace('\t', "    ");
        let format = TextFormat { background, ..TextFormat::simple(text::mono(), theme.syntax(span.syntax)) };
        job.append(&lab_model::display_bytes(words.as_bytes()), 0.0, format);
    }
    job.wrap.max_width = f32::INFINITY;
    job
}

/// Paints the changes of one file among other blocks: only the rows in sight cost anything.
pub fn block(ui: &mut Ui, diff: &Diff) {
    let id = ui.scope_id().with(("unfolded", &diff.path));
    let mut open: BTreeSet<usize> = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let rows = rows(diff, false, false, &|place| open.contains(&place));
    let height: f32 = rows.iter().map(Row::height).sum();
    let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &diff.path));
    for (row, place) in
        in_sight(rows.iter().map(Row::height), (ui.clip_rect().top(), ui.clip_rect().bottom()), area.top())
    {
        let y = place.start;
        let place = Rect::from_min_max(pos2(area.left(), y), pos2(area.right(), place.end));
        paint(ui, place, &rows[row], 0.0);
        if let Some(gap) = unfolds(ui, place, &rows[row], (id, row)) {
            open.insert(gap);
            ui.data_mut(|data| data.insert_temp(id, open.clone()));
            ui.ctx().request_repaint();
        }
    }
    if rows.len() == 1 && diff.note.is_none() {
        ui.label(RichText::new("No lines differ").color(Theme::of(ui).muted));
    }
}

/// Of things below each other those that touch a range, with where they are.
fn in_sight(heights: impl Iterator<Item = f32>, (low, high): (f32, f32), top: f32) -> Vec<(usize, Range<f32>)> {
    let mut y = top;
    let placed = heights.enumerate().map(|(row, height)| {
        let place = y..y + height;
        y += height;
        (row, place)
    });
    placed.filter(|(_, place)| place.end >= low && place.start <= high).collect()
}
