//! Each kind of block, painted once: whoever shows one uses these.

use egui::text::{LayoutJob, TextFormat};
use egui::{Align2, FontId, Rect, Response, RichText, Sense, Ui, vec2};
use lab_view::{Align, Block, Blocks, Column, Fields, Line, Prose, Row, Table, Tone};

use crate::app::Paint;
use crate::code::safe;
use crate::icons::Icon;
use crate::theme::{self, GAP, Theme, text};
use crate::{charts, diff};

/// A heading of a section.
pub fn heading(ui: &mut Ui, title: &str) -> Response {
    ui.add_space(3.0 * GAP);
    ui.label(RichText::new(safe(title)).font(text::heading()))
}

/// Text of one tone.
pub fn words(ui: &mut Ui, words: &str, tone: Tone) -> Response {
    let (theme, mut job) = (Theme::of(ui), LayoutJob::default());
    spoken(&mut job, theme, words, &text::body(), theme.tone(tone));
    said(ui, job, words)
}

/// Adds words to a text; commands of lab among them are set as code.
fn spoken(job: &mut LayoutJob, theme: &Theme, words: &str, font: &FontId, ink: egui::Color32) {
    let mut plain = words;
    while let Some((before, (command, behind))) =
        plain.split_once("`lab ").and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
    {
        job.append(&safe(before), 0.0, TextFormat::simple(font.clone(), ink));
        let code = TextFormat { background: theme.hover, ..TextFormat::simple(text::mono(), ink) };
        job.append(&safe(&format!("lab {command}")), 0.0, code);
        plain = behind;
    }
    job.append(&safe(plain), 0.0, TextFormat::simple(font.clone(), ink));
}

/// A text that is told as these words.
fn said(ui: &mut Ui, job: LayoutJob, words: &str) -> Response {
    let is_same = job.text == words;
    let response = ui.label(job);
    if !is_same {
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, safe(words)));
    }
    response
}

/// A sentence of several tones as one text.
pub fn job(theme: &Theme, line: &Line, font: &FontId) -> LayoutJob {
    let mut job = LayoutJob::default();
    for cell in &line.0 {
        spoken(&mut job, theme, &cell.text, font, theme.tone(cell.tone));
    }
    job
}

/// A sentence of several tones.
pub fn line(ui: &mut Ui, line: &Line) -> Response {
    let job = job(Theme::of(ui), line, &text::body());
    said(ui, job, &line.text())
}

/// Labels with what stands beside them, in two columns.
pub fn fields(ui: &mut Ui, fields: &Fields) {
    let shown: Vec<_> =
        fields.0.iter().filter(|field| !field.label.is_empty() && !field.cell.text.is_empty()).collect();
    let widest = shown.iter().map(|field| width(ui, &field.label, text::body())).fold(0.0, f32::max) + BETWEEN;
    // Groups of fields below each other have their values in one line.
    let wide = widest.max(LABEL);
    for field in shown {
        let top = ui.cursor().min;
        let room = ui.available_width();
        let theme = Theme::of(ui);
        let label = Rect::from_min_size(top, vec2(wide, CELL - 4.0));
        let mut left = ui.new_child(egui::UiBuilder::new().max_rect(label));
        left.label(RichText::new(safe(&field.label)).color(theme.muted));
        let beside = Rect::from_min_size(top + vec2(wide, 0.0), vec2((room - wide).max(LEAST), f32::INFINITY));
        let mut right = ui.new_child(egui::UiBuilder::new().max_rect(beside));
        right.label(RichText::new(safe(&field.cell.text)).color(theme.tone(field.cell.tone)));
        let used = right.min_rect().union(left.min_rect());
        ui.allocate_rect(Rect::from_min_max(top, used.max), Sense::hover());
    }
}

/// How wide words are.
pub fn width(ui: &Ui, words: &str, font: FontId) -> f32 {
    ui.painter().layout_no_wrap(words.to_owned(), font, egui::Color32::PLACEHOLDER).size().x
}

/// One line of words in an area, cut where it ends.
pub fn elided(ui: &Ui, area: Rect, words: &str, font: FontId, color: egui::Color32, align: Align) {
    let mut job = LayoutJob::simple_singleline(safe(words).replace('\n', " "), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(area.width());
    let galley = ui.painter().layout_job(job);
    let anchor = if align == Align::Right { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
    let at = anchor.align_size_within_rect(galley.size(), area).min;
    ui.painter().galley(at, galley, color);
}

/// The height of a row of a table that is shown whole.
const CELL: f32 = 24.0;
/// Between two columns of it.
const BETWEEN: f32 = 20.0;
/// The room that labels of fields have at least.
const LABEL: f32 = 116.0;
/// Columns of this priority or a later one go before others are cut.
const LAST: u8 = 3;
/// A column that may be cut is never cut to less.
const LEAST: f32 = 48.0;

/// A table that is shown whole, as wide as it needs to be; where there is less room columns that may be cut are.
pub fn table(ui: &mut Ui, table: &Table) {
    let mut shown: Vec<usize> = (0..table.columns.len())
        .filter(|place| table.columns[*place].priority != Column::HIDDEN)
        .filter(|place| table.rows.iter().any(|row| !row.cells[*place].text.is_empty()))
        .collect();
    let over = |widths: &[f32]| {
        widths.iter().sum::<f32>() + BETWEEN * widths.len().saturating_sub(1) as f32 > ui.available_width() + 1.0
    };
    // What matters least is left out where there is no room: the last columns rather than cutting any other.
    let drop_least = |shown: &mut Vec<usize>, from: u8| {
        let least = shown.iter().enumerate().max_by_key(|(_, place)| table.columns[**place].priority);
        let least = least.filter(|(_, place)| table.columns[**place].priority >= from).map(|(at, _)| at);
        least.map(|at| shown.remove(at)).is_some()
    };
    while over(&needed(ui, table, &shown)) && drop_least(&mut shown, LAST) {}
    let mut widths = fitted(ui, table, &shown);
    while over(&widths) && drop_least(&mut shown, 1) {
        widths = fitted(ui, table, &shown);
    }
    let theme = Theme::of(ui);
    let spacing = std::mem::replace(&mut ui.spacing_mut().item_spacing, egui::Vec2::ZERO);
    if shown.iter().any(|place| !table.columns[*place].title.is_empty()) {
        let title =
            |place: usize| RichText::new(safe(&table.columns[place].title)).font(text::small()).color(theme.muted);
        row(ui, table, &shown, &widths, &title);
    }
    for cells in &table.rows {
        let text = |place: usize| {
            let cell = &cells.cells[place];
            RichText::new(safe(&cell.text)).color(theme.tone(cell.tone))
        };
        let top = ui.cursor().min;
        row(ui, table, &shown, &widths, &text);
        let right = top.x + widths.iter().sum::<f32>() + BETWEEN * widths.len().saturating_sub(1) as f32;
        ui.painter().hline(top.x..=right, top.y, theme.line());
    }
    ui.spacing_mut().item_spacing = spacing;
    let left_out = table.total.and_then(|total| total.checked_sub(table.rows.len() as u64)).unwrap_or(0);
    if left_out > 0 {
        words(ui, &format!("… and {left_out} more"), Tone::Muted);
    }
}

/// How wide columns are of which nothing is cut.
fn needed(ui: &Ui, table: &Table, shown: &[usize]) -> Vec<f32> {
    let needs = |place: &usize| {
        let cells = table.rows.iter().map(|row| width(ui, &row.cells[*place].text, text::body()));
        cells.fold(width(ui, &table.columns[*place].title, text::small()), f32::max) + 1.0
    };
    shown.iter().map(needs).collect()
}

/// How wide the columns become: those that may be cut give way, the widest first.
fn fitted(ui: &Ui, table: &Table, shown: &[usize]) -> Vec<f32> {
    let mut widths = needed(ui, table, shown);
    let room = ui.available_width() - BETWEEN * shown.len().saturating_sub(1) as f32;
    let is_pliant = |at: usize| table.columns[shown[at]].shrinks || table.columns[shown[at]].align == Align::Left;
    loop {
        let over = widths.iter().sum::<f32>() - room;
        let widest = (0..widths.len()).filter(|at| is_pliant(*at) && widths[*at] > LEAST);
        let Some(widest) = widest.max_by(|one, other| widths[*one].total_cmp(&widths[*other])) else { break };
        if over <= 0.0 {
            break;
        }
        // Step by step, so that two wide ones give way together.
        widths[widest] = (widths[widest] - over.min(24.0)).max(LEAST);
    }
    widths
}

fn row(ui: &mut Ui, table: &Table, shown: &[usize], widths: &[f32], text: &dyn Fn(usize) -> RichText) {
    let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), CELL), Sense::hover());
    let mut x = area.left();
    for (place, wide) in shown.iter().zip(widths) {
        let inside = Rect::from_min_size(egui::pos2(x, area.top()), vec2(*wide, CELL));
        x += wide + BETWEEN;
        let words = text(*place);
        if words.text().is_empty() {
            continue;
        }
        let layout = match table.columns[*place].align {
            Align::Left => egui::Layout::left_to_right(egui::Align::Center),
            Align::Right => egui::Layout::right_to_left(egui::Align::Center),
        };
        let mut cell = ui.new_child(egui::UiBuilder::new().max_rect(inside).layout(layout).id_salt(place));
        cell.add(egui::Label::new(words).truncate());
    }
}

/// Markdown.
pub fn prose(paint: &mut Paint<'_>, ui: &mut Ui, prose: &Prose) {
    crate::notes::short(paint, ui, "prose", &prose.0);
}

/// Words that are painted by hand, or otherwise than they are said, for those who do not see them.
pub fn named(ui: &Ui, area: Rect, words: &str) {
    let id = ui.scope_id().with(("named", area.min.x.to_bits(), area.min.y.to_bits()));
    let response = ui.interact(area, id, Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, words));
}

/// All that a row of a table says, with the names of its columns.
pub fn told(table: &Table, row: &Row) -> String {
    let cells = table.columns.iter().zip(&row.cells).filter(|(_, cell)| !cell.text.is_empty());
    let words: Vec<String> = cells.map(|(column, cell)| format!("{} {}", column.title, cell.text)).collect();
    words.join(" · ")
}

/// Any block.
pub fn block(paint: &mut Paint<'_>, ui: &mut Ui, name: &str, block: Block<'_>) {
    match block {
        Block::Line(one) => drop(line(ui, one)),
        Block::Fields(some) => fields(ui, some),
        Block::Table(one) => table(ui, one),
        Block::Diff(one) => diff::block(ui, one),
        Block::Prose(one) => prose(paint, ui, one),
        Block::Log(log) => log.0.iter().for_each(|line| drop(ui.label(RichText::new(safe(line)).font(text::mono())))),
        Block::Chart(chart) => charts::block(ui, name, chart),
    }
}

/// All blocks of a page below each other.
pub fn page(paint: &mut Paint<'_>, ui: &mut Ui, page: &impl Blocks) {
    for (place, section) in page.blocks().into_iter().enumerate() {
        if !section.title.is_empty() {
            heading(ui, section.title);
        }
        self::section(paint, ui, section.title, place, section.block);
    }
}

/// A block under its heading; `place` tells those apart that have the same.
pub fn section(paint: &mut Paint<'_>, ui: &mut Ui, title: &str, place: usize, section: Block<'_>) {
    match section {
        Block::Prose(said) if title == "Failure" => failure(ui, &said.0),
        Block::Table(table) if title == "Notes" => crate::run::notes(paint, ui, table),
        other => block(paint, ui, &format!("{title}{place}"), other),
    }
}

/// Words that fill an empty place: what it is, and what to do.
pub fn empty(ui: &mut Ui, title: &str, hint: &str) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() / 3.0);
        ui.label(RichText::new(safe(title)).font(text::heading()));
        words(ui, hint, Tone::Muted);
    });
}

/// What is said where there is no page: that it is being read, or why there is none.
pub fn no_page(ui: &mut Ui, error: Option<&lab_engine::Error>, is_loading: bool) {
    match error {
        Some(error) => empty(ui, &error.message, error.hint.as_deref().unwrap_or_default()),
        None if is_loading => empty(ui, "", "Reading …"),
        None => {}
    }
}

/// Short words on a ground in the colour of their tone.
pub fn pill(ui: &mut Ui, words: &str, tone: Tone) -> Response {
    let theme = Theme::of(ui);
    let galley = ui.painter().layout_no_wrap(safe(words).replace('\n', " "), text::small(), theme.tone(tone));
    let (place, response) = ui.allocate_exact_size(galley.size() + vec2(3.0 * GAP, GAP), Sense::hover());
    ui.painter().rect_filled(place, place.height() / 2.0, theme.wash(tone));
    let at = Align2::CENTER_CENTER.anchor_size(place.center(), galley.size()).min;
    ui.painter().galley(at, galley, theme.tone(tone));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, words));
    response
}

/// A button that does an action of the table, greyed out where it makes no sense.
pub fn button(paint: &mut Paint<'_>, ui: &mut Ui, id: lab_view::ActionId) -> Response {
    action_button(paint, ui, id, egui::Button::new(id.row().label))
}

/// The one button of a place that stands out.
pub fn main_button(paint: &mut Paint<'_>, ui: &mut Ui, id: lab_view::ActionId) -> Response {
    let button = standing_out(ui, id.row().label);
    action_button(paint, ui, id, button)
}

/// The same for what is not in the table of actions.
pub fn strong_button(ui: &mut Ui, label: &str) -> Response {
    let button = standing_out(ui, label);
    ui.add(button)
}

fn standing_out(ui: &Ui, label: &str) -> egui::Button<'static> {
    let theme = Theme::of(ui);
    let label = RichText::new(label).color(theme.on_accent).font(text::strong());
    egui::Button::new(label).fill(theme.accent).stroke(egui::Stroke::NONE)
}

fn action_button(paint: &mut Paint<'_>, ui: &mut Ui, id: lab_view::ActionId, button: egui::Button<'_>) -> Response {
    let row = id.row();
    let response = ui.add_enabled(paint.can(id), button);
    let key = crate::keys::shown(id);
    let response = response.on_hover_ui(|ui| {
        ui.label(row.help);
        if !key.is_empty() {
            words(ui, &key, Tone::Muted);
        }
    });
    if response.clicked() {
        paint.wish(lab_view::session::Action::Do(id));
    }
    response
}

/// A ground with an edge for what belongs together.
pub fn card(ui: &Ui) -> egui::Frame {
    let theme = Theme::of(ui);
    let frame = egui::Frame::new().fill(theme.raised).stroke(theme.line());
    frame.corner_radius(egui::CornerRadius::same(theme::RADIUS + 2)).inner_margin(egui::Margin::same(12))
}

/// A box that is checked or not.
pub fn check(ui: &Ui, square: Rect, is_on: bool) {
    let theme = Theme::of(ui);
    let (fill, edge) = if is_on { (theme.accent, theme.accent) } else { (theme.ground, theme.muted) };
    ui.painter().rect(square, 4.0, fill, egui::Stroke::new(1.0, edge), egui::StrokeKind::Inside);
    if is_on {
        Icon::Check.paint(ui.painter(), square, 10.0, theme.on_accent);
    }
}

/// An action in a menu, with its key.
pub fn menu_item(paint: &mut Paint<'_>, ui: &mut Ui, id: lab_view::ActionId) {
    let row = id.row();
    let button = egui::Button::new(row.label).shortcut_text(crate::keys::shown(id)).frame_when_inactive(false);
    if ui.add_enabled(paint.can(id), button).on_hover_text(row.help).clicked() {
        paint.wish(lab_view::session::Action::Do(id));
        ui.close();
    }
}

/// A quiet button of a bar: a sign and a word.
pub fn tool(paint: &mut Paint<'_>, ui: &mut Ui, icon: Icon, id: lab_view::ActionId) -> Response {
    let theme = Theme::of(ui);
    let row = id.row();
    let label = row.label.trim_end_matches('…');
    let galley = ui.painter().layout_no_wrap(label.to_owned(), text::body(), theme.text);
    let (area, response) = ui.allocate_exact_size(vec2(galley.size().x + 32.0, 28.0), Sense::click());
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(area, f32::from(theme::RADIUS), theme.hover);
    }
    let (sign, rest) = crate::icons::before(area);
    icon.paint(ui.painter(), sign, 14.0, theme.muted);
    let at = egui::pos2(rest.left(), rest.center().y - galley.size().y / 2.0);
    ui.painter().galley(at - vec2(4.0, 0.0), galley, theme.text);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, row.label));
    let key = crate::keys::shown(id);
    let response = response.on_hover_ui(|ui| {
        ui.label(row.help);
        words(ui, &key, Tone::Muted);
    });
    if response.clicked() {
        paint.wish(lab_view::session::Action::Do(id));
    }
    response
}

/// A slider with a handle in the colour that draws the eye; `name` is what it is called for those who do not see it.
pub fn slider<N: egui::emath::Numeric>(
    ui: &mut Ui,
    value: &mut N,
    range: std::ops::RangeInclusive<N>,
    wide: f32,
    name: &str,
) -> Response {
    let theme = Theme::of(ui);
    let response = ui.scope(|ui| {
        ui.spacing_mut().slider_width = wide;
        ui.spacing_mut().slider_rail_height = 4.0;
        ui.spacing_mut().interact_size.y = 18.0;
        let visuals = ui.visuals_mut();
        visuals.slider_trailing_fill = true;
        visuals.selection.bg_fill = theme.accent;
        for look in [&mut visuals.widgets.inactive, &mut visuals.widgets.hovered, &mut visuals.widgets.active] {
            look.bg_fill = theme.edge;
            look.fg_stroke = egui::Stroke::new(1.5, theme.accent);
        }
        ui.add(egui::Slider::new(value, range).show_value(false))
    });
    let now = value.to_f64();
    response.inner.widget_info(|| egui::WidgetInfo::slider(true, now, name));
    response.inner
}

/// A slider over so many places, with a button to the one before and one to the next; gives the place that is wanted.
pub fn stepper(ui: &mut Ui, place: usize, count: usize, of: &str) -> Option<usize> {
    let mut wanted = place;
    let last = count.saturating_sub(1);
    ui.add_enabled_ui(place > 0, |ui| {
        if crate::icons::button(ui, Icon::Back, &format!("The {of} before")).clicked() {
            wanted = place.saturating_sub(1);
        }
    });
    let wide = (ui.available_width() - 2.0 * 40.0).clamp(80.0, 320.0);
    slider(ui, &mut wanted, 0..=last, wide, of);
    ui.add_enabled_ui(place < last, |ui| {
        if crate::icons::button(ui, Icon::Forward, &format!("The next {of}")).clicked() {
            wanted = place + 1;
        }
    });
    (wanted != place).then_some(wanted.min(last))
}

/// A button among small words.
pub fn small_button(ui: &mut Ui, label: &str) -> Response {
    ui.scope(|ui| {
        ui.spacing_mut().button_padding = vec2(2.0 * GAP, 1.0);
        ui.spacing_mut().interact_size.y = 22.0;
        ui.add(egui::Button::new(RichText::new(label).font(text::small())))
    })
    .inner
}

/// What a program said when it failed, as it said it.
pub fn failure(ui: &mut Ui, words: &str) {
    let theme = Theme::of(ui);
    let frame = egui::Frame::new().fill(theme.wash(Tone::Bad)).corner_radius(theme::RADIUS);
    frame.inner_margin(egui::Margin::symmetric(12, 10)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        egui::ScrollArea::horizontal().id_salt("failure").show(ui, |ui| {
            let label = egui::Label::new(RichText::new(safe(words.trim_end())).font(text::mono()).color(theme.text));
            ui.add(label.extend());
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_lab_are_set_as_code() {
        let check = |words: &str, expected: &[(&str, bool)]| {
            let mut job = LayoutJob::default();
            spoken(&mut job, Theme::light(), words, &text::body(), Theme::light().text);
            let parts = job.sections.iter().map(|section| {
                let words = &job.text[section.byte_range.start.0..section.byte_range.end.0];
                (words, section.format.font_id == text::mono())
            });
            let parts: Vec<_> = parts.filter(|(words, _)| !words.is_empty()).collect();
            assert_eq!(parts, expected, "{words}");
        };
        check("No watcher: `lab watch start`", &[("No watcher: ", false), ("lab watch start", true)]);
        check("`lab init` or `lab run`", &[("lab init", true), (" or ", false), ("lab run", true)]);
        // What people write stays as it is.
        check("a `b` and `lab ", &[("a `b` and `lab ", false)]);
    }
}
