//! Runs side by side: what is different stays in sight, causes stand apart from effects, code beside code.

mod items;

use std::collections::BTreeSet;

use egui::{Align2, Margin, Panel, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use lab_view::list::Motion;
use lab_view::screens::compare::{CompareAction, CompareView, Outline};
use lab_view::session::Action;
use lab_view::{ActionId, Tone};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::theme::{GAP, MARGIN, Theme, text};
use crate::{blocks, diff, images};
use items::{Document, Item, Kind};

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// How pictures are held against each other.
    way: images::Way,
    #[serde(skip)]
    live: Live,
}

/// What lasts as long as the window.
#[derive(Default)]
struct Live {
    against: images::Against,
    /// Widths of columns and lines, as long as the page is the same.
    widths: Option<(u64, items::Widths)>,
    /// The first item on screen as it was last told.
    said: Option<usize>,
    /// Places of files of which the equal lines are shown too.
    open: BTreeSet<(String, usize)>,
}

/// From this width on old and new stand in two columns by themselves.
const WIDE: f32 = 760.0;

/// In less width there are no contents beside it.
const CONTENTS: f32 = 620.0;

/// Paints what is different in the run under the cursor of the list.
pub fn beside(paint: &mut Paint<'_>, ui: &mut Ui) {
    if paint.session.compared_beside().is_none() {
        return blocks::empty(ui, "Nothing to compare it with", "It is the first of its kind");
    }
    self::paint(paint, ui);
}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let mut own = std::mem::take(&mut paint.places.compare);
    own.live.against.way = own.way;
    painted(paint, ui, &mut own.live);
    own.way = own.live.against.way;
    paint.places.compare = own;
}

fn painted(paint: &mut Paint<'_>, ui: &mut Ui, live: &mut Live) {
    let shown = &paint.session.compare;
    let page = shown.page().filter(|_| shown.is_current());
    let Some(page) = page else { return paint.no_page(ui, shown) };
    let theme = Theme::of(ui);
    let head = egui::Frame::new().fill(theme.ground).inner_margin(Margin { left: 16, right: 16, top: 8, bottom: 10 });
    Panel::top("compare head").frame(head).show(ui, |ui| headline(ui, page));
    let screen = &shown.screen;
    let room = ui.available_width();
    let side_by_side = screen.side_by_side.unwrap_or(room >= WIDE);
    let open = std::mem::take(&mut live.open);
    let document = Document::new(page, side_by_side, &screen.folded, &open);
    let generation = shown.generation();
    if live.widths.as_ref().is_none_or(|(of, _)| *of != generation) {
        live.widths = Some((generation, items::Widths::new(ui, &document)));
    }
    let frame = egui::Frame::new().fill(theme.bar).inner_margin(Margin::symmetric(8, 8));
    let contents = Panel::left("compare contents").resizable(true).default_size(240.0).size_range(140.0..=380.0);
    if room >= CONTENTS {
        contents.frame(frame).show(ui, |ui| self::contents(paint, ui, &document));
    }
    tools(paint, ui, &document);
    let opened = body(paint, ui, page, &document, live);
    let outline = Outline { files: document.files.clone(), changes: document.changes.clone(), side_by_side };
    if outline != paint.session.compare.screen.outline {
        paint.wish(Action::Compare(CompareAction::Outline(outline)));
    }
    drop(document);
    live.open = open;
    live.open.extend(opened);
}

/// What is different and whether it is real; who is compared.
fn headline(ui: &mut Ui, page: &CompareView) {
    let (theme, wide) = (Theme::of(ui), ui.available_width());
    if let CompareView::Pair(page, _) = page {
        ui.horizontal_wrapped(|ui| {
            for (place, field) in page.sides.0.iter().enumerate() {
                if place > 0 {
                    ui.label(RichText::new("→").font(text::small()).color(theme.muted));
                }
                ui.label(RichText::new(&field.cell.text).font(text::small()).color(theme.muted));
            }
        });
    }
    let mut job = blocks::job(theme, page.headline(), &text::large());
    job.wrap.max_width = wide;
    ui.label(job);
}

/// The sections and the files, to go to by a click.
fn contents(paint: &mut Paint<'_>, ui: &mut Ui, document: &Document<'_>) {
    let theme = Theme::of(ui);
    let top = paint.session.compare.screen.cursor.top;
    let here = document.contents.iter().rposition(|entry| entry.item <= top + 1);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (place, entry) in document.contents.iter().enumerate() {
            if entry.depth == 0 {
                ui.add_space(2.0 * GAP);
                ui.label(RichText::new(&entry.words).font(text::small()).color(theme.muted));
                ui.add_space(GAP);
                continue;
            }
            let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
            let is_here = here == Some(place);
            if is_here || response.hovered() {
                ui.painter().rect_filled(area, 6.0, if is_here { theme.chosen } else { theme.hover });
            }
            let detail = ui.painter().layout_no_wrap(entry.detail.clone(), text::small(), theme.muted);
            let indent = 8.0 + 12.0 * (entry.depth - 1) as f32;
            let words = Rect::from_min_max(
                pos2(area.left() + indent, area.top()),
                area.max - vec2(detail.size().x + 12.0, 0.0),
            );
            blocks::elided(ui, words, &entry.words, text::body(), theme.text, lab_view::Align::Left);
            let at = Align2::RIGHT_CENTER.anchor_size(area.right_center() - vec2(6.0, 0.0), detail.size()).min;
            ui.painter().galley(at, detail, theme.muted);
            response.widget_info(|| {
                egui::WidgetInfo::selected(egui::Role::Button, true, is_here, format!("Go to {}", entry.words))
            });
            if response.clicked() {
                paint.wish(Action::Move(Motion::To(entry.item)));
            }
        }
    });
}

/// From change to change, one column or two, all files folded or not.
fn tools(paint: &mut Paint<'_>, ui: &mut Ui, document: &Document<'_>) {
    if document.files.is_empty() {
        return;
    }
    let bar = egui::Frame::new().inner_margin(Margin { left: 16, right: 16, top: 6, bottom: 6 });
    Panel::top("compare tools").frame(bar).show(ui, |ui| {
        ui.horizontal(|ui| {
            let top = paint.session.compare.screen.cursor.top;
            let place = document.changes.iter().filter(|row| **row <= top + 2).count();
            blocks::button(paint, ui, ActionId::FindPrevious);
            blocks::button(paint, ui, ActionId::FindNext);
            let words = format!("{place} of {}", lab_view::format::count(document.changes.len() as u64, "change"));
            blocks::words(ui, &words, Tone::Muted);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                blocks::button(paint, ui, ActionId::FoldAll);
                blocks::button(paint, ui, ActionId::SideBySide);
            });
        });
    });
}

/// Paints what is in sight. Gives the place whose equal lines are to be shown from now on.
fn body(
    paint: &mut Paint<'_>,
    ui: &mut Ui,
    page: &CompareView,
    document: &Document<'_>,
    live: &mut Live,
) -> Option<(String, usize)> {
    let cursor = paint.session.compare.screen.cursor;
    let total = document.items.len();
    let (_, widths) = live.widths.as_ref()?;
    let mut area = ScrollArea::both().id_salt("comparison").auto_shrink(false);
    if live.said != Some(cursor.top)
        && let Some(item) = document.items.get(cursor.top)
    {
        area = area.vertical_scroll_offset(item.top);
    }
    let against = &mut live.against;
    let mut opened = None;
    let output = area.show_viewport(ui, |ui, seen| {
        let wide = widths.whole(document.side_by_side, seen.width()).max(seen.width());
        ui.set_width(wide);
        ui.set_height(document.height + seen.height() / 2.0);
        let corner = ui.min_rect().min;
        let first = document.items.partition_point(|item| item.top + item.height() <= seen.top());
        let count = document.items[first..].iter().take_while(|item| item.top < seen.bottom()).count();
        // What scrolls to the side is only the inside of rows: they stay where they are.
        let left = corner.x + seen.left() + MARGIN;
        let right = left + seen.width() - 2.0 * MARGIN;
        for item in &document.items[first..first + count] {
            let y = corner.y + item.top;
            let area = Rect::from_min_max(pos2(left, y), pos2(right, y + item.height()));
            self::item(paint, ui, page, area, item, seen.left(), widths, against);
            if let Kind::Code(row) = &item.kind
                && let Some(place) = diff::unfolds(ui, area, row, ("gap", item.place))
            {
                opened = document.diff_of(item.place).map(|diff| (diff.path.clone(), place));
                ui.ctx().request_repaint();
            }
        }
        if let Some(file) = document.file_at(first) {
            let y = corner.y + seen.top();
            let area = Rect::from_min_max(pos2(left, y), pos2(right, y + diff::FILE));
            ui.painter().rect_filled(area, 0.0, Theme::of(ui).ground);
            diff::head(ui, area, file, false);
        }
        (first, count.max(1))
    });
    let (top, height) = output.inner;
    // The last item may stand at the top too: it can be as high as the window.
    let total = total + height - 1;
    live.said = Some(top);
    if (top, height) != (cursor.top, cursor.height) || cursor.total != total {
        paint.wish(Action::Extent { height, total: Some(total) });
        paint.wish(Action::See { top, height });
    }
    opened
}

#[expect(clippy::too_many_arguments, reason = "everything that a row of any kind needs")]
fn item(
    paint: &mut Paint<'_>,
    ui: &mut Ui,
    page: &CompareView,
    area: Rect,
    item: &Item<'_>,
    across: f32,
    widths: &items::Widths,
    against: &mut images::Against,
) {
    let theme = Theme::of(ui);
    match &item.kind {
        Kind::Group(words) => {
            let at = area.left_bottom() - vec2(0.0, 8.0);
            ui.painter().text(at, Align2::LEFT_BOTTOM, words, text::title(), theme.text);
            ui.painter().hline(area.x_range(), area.bottom(), theme.line());
        }
        Kind::Title(words) => {
            let at = area.left_bottom() - vec2(0.0, 6.0);
            ui.painter().text(at, Align2::LEFT_BOTTOM, words, text::heading(), theme.text);
            named(ui, area, words, ("title", item.place));
        }
        Kind::Line(line) => {
            let job = blocks::job(theme, line, &text::body());
            let galley = ui.painter().layout_job(job);
            ui.painter().galley(area.left_center() - vec2(0.0, galley.size().y / 2.0), galley, theme.text);
            named(ui, area, &line.text(), ("line", item.place));
        }
        Kind::Head(table, of) => items::head(ui, area, table, &widths.tables[*of], across),
        Kind::Row(table, of, row) => items::row(ui, area, table, *row, &widths.tables[*of], across),
        Kind::Code(row) => {
            diff::paint(ui, area, row, across);
            if let diff::Row::File(file, is_folded) = row {
                let response = ui.interact(area, ui.scope_id().with(("file", item.place)), Sense::click());
                let words = format!("{} {}", if *is_folded { "Unfold" } else { "Fold" }, file.path);
                response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &words));
                if response.clicked() {
                    paint.wish(Action::Compare(CompareAction::Fold(Some(file.path.clone()))));
                }
                response.context_menu(|ui| {
                    if ui.button("Copy path").clicked() {
                        ui.ctx().copy_text(file.path.clone());
                    }
                });
            }
        }
        Kind::Ways => images::ways(&mut ui.new_child(UiBuilder::new().max_rect(area).id_salt("ways")), against),
        Kind::Picture(place) => {
            let CompareView::Pair(_, pictures) = page else { return };
            let mut inner = ui.new_child(UiBuilder::new().max_rect(area).id_salt(("picture", place)));
            images::pair(&mut inner, &pictures[*place], items::names(page), against);
        }
        Kind::Space => {}
    }
}

/// Words that are painted, for those who do not see them.
fn named(ui: &Ui, area: Rect, words: &str, id: impl std::hash::Hash + std::fmt::Debug) {
    let response = ui.interact(area, ui.scope_id().with(id), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, words));
}
