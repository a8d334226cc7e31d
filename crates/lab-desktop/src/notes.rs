//! What was written down, by day: a list, the chosen note beside it, and a page to write a new one with its preview.
//!
//! What is being written is kept as a draft, also when the window closes, until the notebook has it.

use std::ops::Range;
use std::path::Path;

use egui::{Align2, CentralPanel, Frame, Id, Margin, Panel, Rect, RichText, Role, ScrollArea, Sense, TextEdit, Ui};
use egui::{WidgetInfo, pos2, vec2};
use egui_commonmark::CommonMarkViewer;
use lab_model::{RunId, note};
use lab_view::list::Motion;
use lab_view::screens::notes::{Noted, NotesView, Piece, pieces};
use lab_view::session::{Action, DialogAction, Route};
use lab_view::{ActionId, Align, Line, Tone};
use serde::{Deserialize, Serialize};

use crate::app::{Ask, Paint};
use crate::images::Textures;
use crate::theme::{GAP, MARGIN, ROW, Theme, text};
use crate::{blocks, charts, code};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// What was written and is not in the notebook yet.
    draft: String,
    /// The page to write on is open.
    writes: bool,
    /// The draft was handed to the notebook, which had so many notes with these words before.
    #[serde(skip)]
    handed: Option<usize>,
    /// Pictures on the graphics card.
    #[serde(skip)]
    textures: Textures,
}

impl Own {
    /// Whether the page to write on is open.
    pub const fn is_writing(&self) -> bool {
        self.writes || !self.draft.is_empty()
    }

    /// Puts a picture into the draft, with words that stand for it, and opens it.
    pub fn add_picture(&mut self, words: &str, path: &Path) {
        if !self.draft.is_empty() && !self.draft.ends_with('\n') {
            self.draft.push('\n');
        }
        self.draft.push_str(&note::file_link(words, &path.to_string_lossy()));
        self.draft.push('\n');
        self.writes = true;
    }
}

/// A note in the list takes two lines.
const NOTE: f32 = 50.0;
/// Running text is not wider.
const WIDE: f32 = 760.0;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.notes;
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    arrived(paint, page);
    let writes = paint.places.notes.is_writing();
    if page.notes.is_empty() && !writes {
        blocks::empty(ui, "Nothing was written down yet", "A note on a run, or on the project, stands here by its day");
        ui.vertical_centered(|ui| new_note(paint, ui));
        return;
    }
    let list = Panel::left("notes").resizable(true).default_size(340.0).size_range(220.0..=640.0);
    list.frame(Frame::new()).show(ui, |ui| {
        Frame::new().inner_margin(Margin::symmetric(MARGIN as i8, 8)).show(ui, |ui| new_note(paint, ui));
        days(paint, ui, page);
    });
    CentralPanel::default().frame(Frame::new().inner_margin(Margin::same(MARGIN as i8))).show(ui, |ui| {
        if writes {
            writing(paint, ui, page);
        } else if let Some(note) = page.notes.get(paint.session.notes.screen.cursor.row) {
            reading(paint, ui, note);
        }
    });
}

/// The draft goes when the notebook has it.
fn arrived(paint: &mut Paint<'_>, page: &NotesView) {
    let own = &mut paint.places.notes;
    if own.handed.is_some_and(|before| same(page, &own.draft) > before) {
        *own = Own::default();
    }
}

/// Notes with these words.
fn same(page: &NotesView, words: &str) -> usize {
    let words = note::without_places(words.trim());
    page.notes.iter().filter(|noted| note::without_places(noted.text.trim()) == words).count()
}

fn new_note(paint: &mut Paint<'_>, ui: &mut Ui) {
    let can = paint.session.project().is_some();
    let button = ui.add_enabled(can, egui::Button::new("New note"));
    let button = button.on_disabled_hover_text("Open a project first: a note belongs to one");
    if button.on_hover_text("Write on today’s page of the project").clicked() {
        paint.places.notes.writes = true;
    }
}

/// A row of the list.
enum Shown<'a> {
    Day(&'a str),
    Note(usize),
}

fn days(paint: &mut Paint<'_>, ui: &mut Ui, page: &NotesView) {
    let mut rows: Vec<(Range<f32>, Shown<'_>)> = Vec::with_capacity(page.notes.len() + 16);
    let mut y = 0.0;
    for (place, note) in page.notes.iter().enumerate() {
        if place == 0 || page.notes[place - 1].day != note.day {
            rows.push((y..y + ROW, Shown::Day(&note.day)));
            y += ROW;
        }
        rows.push((y..y + NOTE, Shown::Note(place)));
        y += NOTE;
    }
    let row = paint.session.notes.screen.cursor.row;
    let id = ui.scope_id().with("notes");
    let (before, top): (usize, f32) = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let mut area = ScrollArea::vertical().id_salt("days").auto_shrink(false);
    let here = rows.iter().find(|(_, shown)| matches!(shown, Shown::Note(note) if *note == row));
    let height = ui.available_height();
    if let Some((at, _)) = here.filter(|(at, _)| before != row && (at.start < top || at.end > top + height)) {
        area = area.vertical_scroll_offset((at.start - height / 3.0).max(0.0));
    }
    let output = area.show_viewport(ui, |ui, sight| {
        ui.set_width(ui.available_width());
        ui.set_height(y);
        let (corner, wide) = (ui.min_rect().min, ui.min_rect().width());
        let first = rows.partition_point(|(at, _)| at.end < sight.min.y);
        for (at, shown) in rows[first..].iter().take_while(|(at, _)| at.start < sight.max.y) {
            let area = Rect::from_min_size(corner + vec2(0.0, at.start), vec2(wide, at.end - at.start));
            match shown {
                Shown::Day(day) => {
                    let theme = Theme::of(ui);
                    let at = area.left_center() + vec2(MARGIN, 0.0);
                    ui.painter().text(at, Align2::LEFT_CENTER, day, text::small(), theme.muted);
                    let response = ui.interact(area, ui.scope_id().with(("day", *day)), Sense::hover());
                    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, day));
                }
                Shown::Note(place) => entry(paint, ui, area, *place, &page.notes[*place]),
            }
        }
    });
    ui.data_mut(|data| data.insert_temp(id, (row, output.state.clamped_offset().y)));
}

fn entry(paint: &mut Paint<'_>, ui: &Ui, area: Rect, place: usize, note: &Noted) {
    let theme = Theme::of(ui);
    let own = &paint.places.notes;
    let is_here = place == paint.session.notes.screen.cursor.row && !own.writes && own.draft.is_empty();
    let response = ui.interact(area, ui.scope_id().with(("note", place)), Sense::CLICK);
    if is_here || response.hovered() {
        ui.painter().rect_filled(area, 0.0, if is_here { theme.chosen } else { theme.hover });
    }
    let inside = area.shrink2(vec2(MARGIN, 6.0));
    let half = inside.height() / 2.0;
    let mut job = blocks::job(theme, &packed(&note.head), &text::small());
    job.wrap = egui::text::TextWrapping::truncate_at_width(inside.width());
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(inside.min, galley, theme.text);
    let first = note.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let first = first.trim_start_matches(['#', ' ', '>', '-']).replace(['*', '`'], "");
    let line = Rect::from_min_max(pos2(inside.left(), inside.top() + half), inside.max);
    let end = first.char_indices().nth(160).map_or(first.len(), |(at, _)| at);
    blocks::elided(ui, line, &code::safe(&first[..end]), text::body(), theme.text, Align::Left);
    response.widget_info(|| {
        let words = format!("{} · {}", note.head.text(), note.text);
        WidgetInfo::selected(Role::ListItem, true, is_here, words)
    });
    if response.clicked() {
        paint.wish(Action::Move(Motion::To(place)));
        // A page without words is no draft.
        paint.places.notes.writes = false;
    }
    if response.double_clicked() {
        paint.wish(Action::Do(ActionId::Open));
    }
}

/// Without the blanks that align letters of one width.
fn packed(head: &Line) -> Line {
    let mut head = head.clone();
    head.0.iter_mut().for_each(|cell| cell.text = format!("{}  ", cell.text.trim_end()));
    head
}

fn reading(paint: &mut Paint<'_>, ui: &mut Ui, note: &Noted) {
    ui.horizontal(|ui| {
        blocks::line(ui, &packed(&note.head));
        blocks::words(ui, &note.day, Tone::Muted);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some(run) = note.run.clone().filter(|_| ui.button("Open run").clicked()) {
                paint.wish(Action::Go(Route::Run(run)));
            }
        });
    });
    ui.separator();
    ScrollArea::vertical().id_salt("note").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(WIDE.min(ui.available_width()));
        let mut drawn = note.charts.iter();
        body(paint, ui, "note", &note.text, &mut |ui, block| match drawn.next().filter(|charts| !charts.is_empty()) {
            Some(charts) => drawing(ui, charts),
            None => drop(blocks::words(ui, &format!("No such metric: {}", block.trim()), Tone::Warn)),
        });
    });
}

/// The words of a note with its pictures; `chart` paints its charts.
fn body(paint: &mut Paint<'_>, ui: &mut Ui, name: &str, text: &str, chart: &mut dyn FnMut(&mut Ui, &str)) {
    for (place, piece) in pieces(text).into_iter().enumerate() {
        match piece {
            Piece::Words(words) => markdown(paint, ui, &format!("{name} {place}"), words),
            Piece::Chart(block) => chart(ui, block),
            Piece::Picture { words, source } => picture(paint, ui, words, source),
        }
    }
}

/// A note with its pictures; where its charts would stand it says so.
pub fn short(paint: &mut Paint<'_>, ui: &mut Ui, name: &str, text: &str) {
    body(paint, ui, name, text, &mut |ui, block| {
        let words = format!("Here stands a chart: {}", block.trim().replace('\n', ", "));
        blocks::words(ui, &code::safe(&words), Tone::Muted);
    });
}

/// A picture in a note is not higher, in points.
const HIGH: f32 = 480.0;

fn picture(paint: &mut Paint<'_>, ui: &mut Ui, words: &str, source: &str) {
    let words = code::safe(words);
    paint.pictures.push(source.to_owned());
    match paint.session.picture(source) {
        Some(Some(image)) => {
            let (wide, high) = (image.width.max(1) as f32, image.height.max(1) as f32);
            let scale = (ui.available_width() / wide).min(HIGH / high).min(1.0);
            ui.add_space(GAP);
            paint.places.notes.textures.show(ui, source, image, vec2(wide, high) * scale);
            blocks::words(ui, &words, Tone::Muted);
            ui.add_space(GAP);
        }
        Some(None) => drop(blocks::words(ui, &format!("{words} (a picture that cannot be shown)"), Tone::Warn)),
        None => drop(blocks::words(ui, &format!("{words} …"), Tone::Muted)),
    }
}

fn drawing(ui: &mut Ui, drawn: &[(String, lab_plot::Chart)]) {
    for (key, chart) in drawn {
        ui.label(RichText::new(code::safe(key)).font(text::heading()));
        charts::block(ui, key, chart);
        ui.add_space(2.0 * GAP);
    }
}

/// The editor on the left, what it will look like on the right.
fn writing(paint: &mut Paint<'_>, ui: &mut Ui, page: &NotesView) {
    let project = paint.session.project().map(|project| project.name.clone());
    let handed = paint.places.notes.handed.is_some() && !paint.session.jobs().is_empty();
    let has_words = !paint.places.notes.draft.trim().is_empty();
    let mut saves = ui.input_mut(|input| input.consume_key(egui::Modifiers::COMMAND, egui::Key::Enter));
    ui.horizontal(|ui| {
        let title = project.as_deref().map_or_else(|| "A note".to_owned(), |name| format!("On {name}, today"));
        ui.label(RichText::new(title).font(text::heading()));
        blocks::words(ui, if handed { "saving …" } else { "kept as a draft until it is saved" }, Tone::Muted);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let theme = Theme::of(ui);
            let can = has_words && !handed && !paint.session.is_exporting() && project.is_some();
            let label = RichText::new("Save note").color(theme.on_accent);
            let save = ui.add_enabled(can, egui::Button::new(label).fill(theme.accent));
            saves = (saves || save.on_hover_text("Ctrl+Enter").clicked()) && can;
            if ui.add_enabled(!handed, egui::Button::new("Discard")).clicked() {
                paint.places.notes = Own::default();
            }
            let add = ui.add_enabled(!handed, egui::Button::new("Add picture…"));
            if add.on_hover_text("PNG or JPEG; one can also be dropped here, or pasted").clicked() {
                paint.asks.push(Ask::PickPicture);
            }
        });
    });
    ui.add_space(GAP);
    let mut draft = std::mem::take(&mut paint.places.notes.draft);
    let (height, half) = (ui.available_height(), (ui.available_width() - 4.0 * GAP) / 2.0);
    ui.horizontal_top(|ui| {
        ui.allocate_ui(vec2(half, height), |ui| {
            ScrollArea::vertical().id_salt("editor").auto_shrink(false).show(ui, |ui| {
                let edit = TextEdit::multiline(&mut draft).id(Id::unique("note page")).font(text::mono());
                let edit = edit.desired_width(f32::INFINITY).margin(Margin::same(12)).interactive(!handed);
                let response = ui.add_sized(vec2(half, height - 2.0 * GAP), edit.hint_text("Markdown"));
                response.widget_info(|| {
                    let mut info = WidgetInfo::text_edit(true, "", &draft, "Markdown");
                    info.label = Some("Note".to_owned());
                    info
                });
            });
        });
        ui.add_space(2.0 * GAP);
        ui.allocate_ui(vec2(half, height), |ui| {
            ScrollArea::vertical().id_salt("preview").auto_shrink(false).show(ui, |ui| {
                ui.vertical(|ui| {
                    short(paint, ui, "preview", &draft);
                });
            });
        });
    });
    if saves {
        paint.wish(Action::Do(ActionId::Note));
        paint.wish(Action::Dialog(DialogAction::Edited(draft.clone())));
    }
    let own = &mut paint.places.notes;
    // It may have been thrown away in this frame.
    if own.writes || has_words {
        if saves {
            own.handed = Some(same(page, &draft));
        }
        own.draft = draft;
    }
}

/// Longer texts are cut: laying them out would take longer than a frame.
const LONGEST_BYTES: usize = 64 << 10;

/// Markdown in which `[words](run:ID)` leads to a run.
fn markdown(paint: &mut Paint<'_>, ui: &mut Ui, name: &str, words: &str) {
    let end = words.floor_char_boundary(LONGEST_BYTES);
    let shown: String = words[..end].lines().map(|line| code::safe(line) + "\n").collect();
    let links: Vec<&str> =
        shown.split("](run:").skip(1).filter_map(|rest| rest.split_once(')')).map(|(run, _)| run).collect();
    for run in &links {
        paint.markdown.add_link_hook(format!("run:{run}"));
    }
    ui.push_id(name, |ui| {
        ui.style_mut().text_styles.insert(egui::TextStyle::Heading, text::title());
        CommonMarkViewer::new().show(ui, paint.markdown, &shown);
    });
    for run in links {
        if paint.markdown.get_link_hook(&format!("run:{run}")) == Some(true)
            && let Ok(run) = run.parse::<RunId>()
        {
            paint.wish(Action::Go(Route::Run(run)));
        }
    }
    if end < words.len() {
        let left_out = lab_view::format::bytes((words.len() - end) as u64);
        blocks::words(ui, &format!("… and {left_out} more"), Tone::Muted);
    }
}
