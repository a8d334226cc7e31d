//! The files of a run: a tree, and beside it what is in the chosen one or what changed in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{CentralPanel, Frame, Margin, Panel, RichText, ScrollArea, Ui};
use lab_plot::Image;
use lab_view::files::FilesPage;
use lab_view::list::Motion;
use lab_view::screens::run::{RunAction, RunView};
use lab_view::screens::run_parts::FileView;
use lab_view::session::Action;
use lab_view::{ActionId, Tone};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::icons::{self, Icon};
use crate::theme::{MARGIN, text};
use crate::tree::{self, Hit, Tree};
use crate::{blocks, code, diff};

/// What the part remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    folded: BTreeSet<String>,
}

/// In less width the list stands above what is in the file.
const NARROW: f32 = 620.0;

/// What else can be done with a file needs so much room beside the choice of what is shown of it.
const OTHERS: f32 = 350.0;

/// Paints the part.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui, page: &RunView) {
    let Some(files) = &page.files else {
        return blocks::empty(ui, "Its files were not kept", "The notebook has no snapshot of this run");
    };
    if !paint.run().screen.full {
        let room = ui.available_size();
        let part = if room.x < NARROW {
            Panel::top("files above").default_size(room.y * 0.5).size_range(100.0..=(room.y - 120.0).max(101.0))
        } else {
            Panel::left("files").default_size((room.x * 0.5).min(430.0)).size_range(240.0..=900.0)
        };
        part.resizable(true).frame(Frame::new()).show(ui, |ui| list(paint, ui, page, files));
    }
    CentralPanel::default().frame(Frame::new()).show(ui, |ui| file(paint, ui));
}

fn list(paint: &mut Paint<'_>, ui: &mut Ui, page: &RunView, files: &FilesPage) {
    Frame::new().inner_margin(Margin::symmetric(MARGIN as i8, 8)).show(ui, |ui| {
        blocks::line(ui, &files.headline);
    });
    if !files.omissions.is_empty() {
        let inside = Frame::new().inner_margin(Margin::symmetric(MARGIN as i8, 8));
        let panel = Panel::bottom("omissions").resizable(true).default_size(120.0).size_range(40.0..=400.0);
        panel.frame(inside).show(ui, |ui| {
            ScrollArea::both().id_salt("omissions").auto_shrink(false).show(ui, |ui| {
                ui.label(RichText::new("Not wholly kept").font(text::heading()));
                blocks::table(ui, &files.omissions);
            });
        });
    }
    let cell = |row: usize, column: usize| &files.files.rows[row].cells[column];
    let beside = |row: usize| {
        // What is kept as it should be needs no word.
        let kept = cell(row, 3);
        let kept = match kept.tone {
            _ if row >= page.outputs_from => ("as it wrote it", Tone::Accent, 86.0),
            Tone::Good => ("", Tone::Muted, 0.0),
            tone => (kept.text.as_str(), tone, 86.0),
        };
        let (role, size) = (cell(row, 1), cell(row, 2));
        vec![kept, (role.text.as_str(), Tone::Muted, 46.0), (size.text.as_str(), Tone::Muted, 66.0)]
    };
    let shown = Tree {
        name: "files",
        tree: &page.tree,
        chosen: paint.run().screen.cursor().row,
        ticked: None,
        tone: &|_| Tone::Plain,
        beside: &beside,
        told: &|row| blocks::told(&files.files, &files.files.rows[row]),
    };
    match tree::paint(ui, &shown, &mut paint.places.files.folded) {
        Some(Hit::Chosen(row)) => paint.wish(Action::Move(Motion::To(row))),
        Some(Hit::Opened(row)) => {
            paint.wish(Action::Move(Motion::To(row)));
            paint.wish(Action::Run(RunAction::Full(true)));
        }
        Some(Hit::Ticked(..)) | None => {}
    }
}

/// What is in the chosen file, under its name and what can be done with it.
fn file(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.run_parts().file;
    let Some(path) = shown.screen.path() else {
        return blocks::empty(ui, "", "Choose a file to see what is in it");
    };
    let inside = Frame::new().inner_margin(Margin::symmetric(12, 6));
    Panel::top("file head").frame(inside).show(ui, |ui| tools(paint, ui, &path.to_string()));
    let page = shown.page().filter(|page| page.path == *path);
    let Some(page) = page else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    pictures(paint, ui, page);
    if let Some(image) = &page.image {
        return picture(ui, &page.note.text(), image);
    }
    if !page.note.is_empty() {
        return blocks::empty(ui, "", &page.note.text());
    }
    match &page.diff {
        Some(one) if one.hunks.is_empty() => {
            blocks::empty(ui, "", one.note.as_deref().unwrap_or("Nothing changed in this file"));
        }
        Some(one) => {
            ScrollArea::both().id_salt("changes").auto_shrink(false).show(ui, |ui| {
                Frame::new().inner_margin(Margin::same(12)).show(ui, |ui| diff::block(ui, one));
            });
        }
        None if page.lines.is_empty() => blocks::empty(ui, "", "The file is empty"),
        None => content(paint, ui, page),
    }
}

/// The path in one line, what can be done below it.
fn tools(paint: &mut Paint<'_>, ui: &mut Ui, path: &str) {
    let shown = &paint.run_parts().file;
    let full = paint.run().screen.full;
    ui.horizontal(|ui| {
        let words = if full { "Show the list" } else { "Fill the place" };
        if icons::button(ui, Icon::Panel, words).clicked() {
            paint.wish(Action::Run(RunAction::Full(!full)));
        }
        ui.add(egui::Label::new(RichText::new(path).font(text::mono())).truncate());
    });
    ui.horizontal_wrapped(|ui| {
        for (words, diff) in [("Content", false), ("Changes", true)] {
            if ui.selectable_label(shown.screen.diff == diff, words).clicked() && shown.screen.diff != diff {
                paint.wish(Action::Do(ActionId::SideBySide));
            }
        }
        let mut others = |ui: &mut Ui| {
            blocks::button(paint, ui, ActionId::RestoreFile);
            blocks::button(paint, ui, ActionId::Edit);
            if ui.button("Copy path").clicked() {
                ui.ctx().copy_text(path.to_owned());
            }
        };
        // In less width they stand in a line of their own.
        if ui.available_width() > OTHERS {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), others);
        } else {
            others(ui);
        }
    });
}

/// Of a file that holds several pictures: which tag, and which step of it.
fn pictures(paint: &mut Paint<'_>, ui: &mut Ui, page: &FileView) {
    let Some(place) = page.picture.filter(|_| page.pictures.len() > 1) else { return };
    let tag = &page.pictures[place].0;
    let mut wanted = None;
    Panel::top("pictures").frame(Frame::new().inner_margin(Margin::symmetric(12, 5))).show(ui, |ui| {
        ui.horizontal(|ui| {
            let tags: BTreeSet<&String> = page.pictures.iter().map(|(tag, _)| tag).collect();
            if tags.len() > 1 {
                let choice = egui::ComboBox::from_id_salt("tag").selected_text(code::safe(tag)).width(180.0);
                let shown = choice.show_ui(ui, |ui| {
                    for other in tags {
                        if ui.selectable_label(other == tag, code::safe(other)).clicked() {
                            wanted = nearest(&page.pictures, other, page.pictures[place].1);
                        }
                    }
                });
                let words = format!("Pictures of {tag}");
                shown.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &words));
            }
            let places: Vec<usize> = (0..page.pictures.len()).filter(|at| page.pictures[*at].0 == *tag).collect();
            let at = places.iter().position(|at| *at == place).unwrap_or(0);
            if places.len() > 1 {
                wanted = blocks::stepper(ui, at, places.len(), "picture").map(|at| places[at]).or(wanted);
            }
        });
    });
    if let Some(place) = wanted {
        paint.wish(Action::Run(RunAction::Picture(place)));
    }
}

/// The picture of this tag whose step is nearest to that one.
fn nearest(pictures: &[(String, i64)], tag: &str, step: i64) -> Option<usize> {
    let of_tag = (0..pictures.len()).filter(|at| pictures[*at].0 == tag);
    of_tag.min_by_key(|at| pictures[*at].1.abs_diff(step))
}

/// What the system's graphics know of a picture, and which picture it is.
#[derive(Clone)]
struct Known(Arc<Image>, egui::TextureHandle);

/// A picture as large as the place, no larger than it is.
fn picture(ui: &mut Ui, note: &str, image: &Arc<Image>) {
    let id = ui.scope_id().with("picture of a file");
    let known: Option<Known> = ui.data(|data| data.get_temp(id));
    let known = known.filter(|known| Arc::ptr_eq(&known.0, image)).unwrap_or_else(|| {
        let pixels = image.pixels.iter().map(|[red, green, blue]| egui::Color32::from_rgb(*red, *green, *blue));
        let pixels = egui::ColorImage::new([image.width, image.height], pixels.collect());
        let texture = ui.ctx().load_texture(&image.name, pixels, egui::TextureOptions::LINEAR);
        let known = Known(Arc::clone(image), texture);
        ui.data_mut(|data| data.insert_temp(id, known.clone()));
        known
    });
    Frame::new().inner_margin(Margin::same(12)).show(ui, |ui| {
        blocks::words(ui, note, Tone::Muted);
        let size = egui::Vec2::new(image.width as f32, image.height as f32);
        let room = ui.available_size();
        let scale = (room.x / size.x).min(room.y / size.y).min(1.0);
        ui.add(egui::Image::new((known.1.id(), size * scale)).alt_text(&image.name));
    });
}

/// The lines, scrolled to where the session wants them.
fn content(paint: &mut Paint<'_>, ui: &mut Ui, page: &FileView) {
    let screen = &paint.run_parts().file.screen;
    let cursor = &screen.cursor;
    let id = ui.scope_id().with("seen");
    let seen: Option<(String, usize, usize)> = ui.data(|data| data.get_temp(id));
    let path = page.path.to_string();
    let is_new = seen.as_ref().is_none_or(|(of, top, _)| *of != path || *top != cursor.top);
    let aside = seen.is_some_and(|(.., aside)| aside != screen.aside).then_some(screen.aside);
    let to = code::Place { top: is_new.then_some(cursor.top), aside, at: screen.at };
    let (top, height) = code::lines(ui, &path, &page.lines, to);
    ui.data_mut(|data| data.insert_temp(id, (path, top, screen.aside)));
    // Only a file that fills the place has the keys; otherwise they move in the list.
    if paint.run().screen.full && (top, height) != (cursor.top, cursor.height) {
        paint.wish(Action::See { top, height });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_tag_is_shown_at_the_same_time() {
        let pictures =
            [("in", 0), ("in", 20), ("out", 0), ("out", 10), ("out", 20)].map(|(tag, step)| (tag.to_owned(), step));
        for (tag, step, expected) in [("out", 20, Some(4)), ("out", 13, Some(3)), ("in", 13, Some(1)), ("no", 1, None)]
        {
            assert_eq!(nearest(&pictures, tag, step), expected, "{tag} {step}");
        }
    }
}
