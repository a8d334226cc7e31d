//! Each kind of block, painted once: whoever shows one uses these.

use egui::text::{LayoutJob, TextFormat};
use egui::{Align2, FontId, Response, RichText, Sense, Ui, vec2};
use egui_commonmark::CommonMarkViewer;
use lab_view::{Align, Block, Blocks, Cell, Column, Fields, Line, Prose, Table, Tone};

use crate::app::Paint;
use crate::theme::{self, GAP, Theme, text};
use crate::{charts, diff};

/// A heading of a section.
pub fn heading(ui: &mut Ui, title: &str) -> Response {
    ui.add_space(3.0 * GAP);
    ui.label(RichText::new(title).font(text::heading()).strong())
}

/// Text of one tone.
pub fn words(ui: &mut Ui, words: &str, tone: Tone) -> Response {
    let color = Theme::of(ui).tone(tone);
    ui.label(RichText::new(words).color(color))
}

/// A cell of a table or of fields.
pub fn cell(ui: &mut Ui, cell: &Cell) -> Response {
    words(ui, &cell.text, cell.tone)
}

/// A sentence of several tones as one text.
pub fn job(theme: &Theme, line: &Line, font: &FontId) -> LayoutJob {
    let mut job = LayoutJob::default();
    for cell in &line.0 {
        job.append(&cell.text, 0.0, TextFormat::simple(font.clone(), theme.tone(cell.tone)));
    }
    job
}

/// A sentence of several tones.
pub fn line(ui: &mut Ui, line: &Line) -> Response {
    let job = job(Theme::of(ui), line, &text::body());
    ui.label(job)
}

/// Labels with what stands beside them, in two columns.
pub fn fields(ui: &mut Ui, fields: &Fields) {
    let shown: Vec<_> =
        fields.0.iter().filter(|field| !field.label.is_empty() && !field.cell.text.is_empty()).collect();
    let wide = shown.iter().map(|field| width(ui, &field.label, text::body())).fold(0.0, f32::max);
    for field in shown {
        ui.horizontal_top(|ui| {
            let (place, _) =
                ui.allocate_exact_size(vec2(wide, ui.text_style_height(&egui::TextStyle::Body)), Sense::hover());
            let mut label = ui.new_child(egui::UiBuilder::new().max_rect(place));
            words(&mut label, &field.label, Tone::Muted);
            ui.add_space(2.0 * GAP);
            cell(ui, &field.cell);
        });
    }
}

/// How wide words are.
pub fn width(ui: &Ui, words: &str, font: FontId) -> f32 {
    ui.painter().layout_no_wrap(words.to_owned(), font, egui::Color32::PLACEHOLDER).size().x
}

/// A table that is shown whole, as wide as it needs to be.
pub fn table(ui: &mut Ui, name: &str, table: &Table) {
    let shown: Vec<usize> = (0..table.columns.len())
        .filter(|place| table.columns[*place].priority != Column::HIDDEN)
        .filter(|place| table.rows.iter().any(|row| !row.cells[*place].text.is_empty()))
        .collect();
    let titled = shown.iter().any(|place| !table.columns[*place].title.is_empty());
    egui::Grid::new(("table", name)).num_columns(shown.len()).spacing(vec2(5.0 * GAP, 1.5 * GAP)).show(ui, |ui| {
        if titled {
            for place in &shown {
                let column = &table.columns[*place];
                aligned(ui, column.align, |ui| {
                    let title = RichText::new(&column.title).font(text::small()).color(Theme::of(ui).muted);
                    ui.label(title)
                });
            }
            ui.end_row();
        }
        for row in &table.rows {
            for place in &shown {
                aligned(ui, table.columns[*place].align, |ui| cell(ui, &row.cells[*place]));
            }
            ui.end_row();
        }
    });
    let left_out = table.total.and_then(|total| total.checked_sub(table.rows.len() as u64)).unwrap_or(0);
    if left_out > 0 {
        words(ui, &format!("… and {left_out} more"), Tone::Muted);
    }
}

fn aligned(ui: &mut Ui, align: Align, add: impl FnOnce(&mut Ui) -> Response) {
    match align {
        Align::Left => drop(add(ui)),
        Align::Right => drop(ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), add)),
    }
}

/// Markdown.
pub fn prose(paint: &mut Paint<'_>, ui: &mut Ui, prose: &Prose) {
    CommonMarkViewer::new().show(ui, paint.markdown, &prose.0);
}

/// Any block.
pub fn block(paint: &mut Paint<'_>, ui: &mut Ui, name: &str, block: Block<'_>) {
    match block {
        Block::Line(one) => drop(line(ui, one)),
        Block::Fields(some) => fields(ui, some),
        Block::Table(one) => table(ui, name, one),
        Block::Diff(one) => diff::block(ui, one),
        Block::Prose(one) => prose(paint, ui, one),
        Block::Log(log) => log.0.iter().for_each(|line| drop(ui.label(RichText::new(line).font(text::mono())))),
        Block::Chart(chart) => charts::block(ui, name, chart),
    }
}

/// All blocks of a page below each other.
pub fn page(paint: &mut Paint<'_>, ui: &mut Ui, page: &impl Blocks) {
    for (place, section) in page.blocks().into_iter().enumerate() {
        if !section.title.is_empty() {
            heading(ui, section.title);
        }
        block(paint, ui, &format!("{}{place}", section.title), section.block);
    }
}

/// Words that fill an empty place: what it is, and what to do.
pub fn empty(ui: &mut Ui, title: &str, hint: &str) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() / 3.0);
        ui.label(RichText::new(title).font(text::heading()).strong());
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
    let galley = ui.painter().layout_no_wrap(words.to_owned(), text::small(), theme.tone(tone));
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
    let theme = Theme::of(ui);
    let label = RichText::new(id.row().label).color(theme.on_accent);
    action_button(paint, ui, id, egui::Button::new(label).fill(theme.accent).stroke(egui::Stroke::NONE))
}

fn action_button(paint: &mut Paint<'_>, ui: &mut Ui, id: lab_view::ActionId, button: egui::Button<'_>) -> Response {
    let row = id.row();
    let response = ui.add_enabled((row.enabled)(paint.session), button);
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
    egui::Frame::new()
        .fill(theme.raised)
        .stroke(theme.line())
        .corner_radius(egui::CornerRadius::same(theme::RADIUS + 2))
        .inner_margin(egui::Margin::same(12))
}
