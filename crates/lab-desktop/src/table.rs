//! The one list of many rows: only what is in sight is painted, whatever there is.

use std::collections::BTreeMap;

use egui::{Align2, CursorIcon, Modifiers, Rect, Response, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use lab_view::list::{Cursor, Motion};
use lab_view::session::Action;
use lab_view::{Align, Cell, Column, Row, Table};

use crate::app::Paint;
use crate::blocks;
use crate::drag::Dragged;
use crate::theme::{GAP, HEAD, ROW, Theme, text};

/// Widths of columns that a person has chosen, by the column's key and title.
pub type Widths = BTreeMap<String, f32>;

/// A list, and how it looks beyond its cells.
pub struct List<'a> {
    /// What it is called for those who do not see it.
    pub name: &'a str,
    /// The rows that are in memory.
    pub table: &'a Table,
    /// The place of the first of them in the whole list.
    pub first: usize,
    /// Where in the whole list one is, and how long it is.
    pub cursor: &'a Cursor,
    /// Whether a row is marked.
    pub mark: &'a dyn Fn(&Row) -> bool,
    /// By which column it is sorted, and whether the largest comes first.
    pub sorted: Option<(usize, bool)>,
    /// What a click on a head asks for.
    pub head: &'a dyn Fn(&Column) -> Option<Action>,
    /// Rows can be marked, by a box before them.
    pub marks: Option<&'a dyn Fn(usize) -> Action>,
    /// A column that is left out.
    pub skip: &'a dyn Fn(&Column) -> bool,
    /// How wide a column is that is not painted as text.
    pub wide: &'a dyn Fn(&Column) -> Option<f32>,
    /// Paints a cell otherwise; false leaves it to the list.
    pub cell: &'a dyn Fn(&Ui, Rect, &Column, &Cell) -> bool,
    /// What can be done with a row, in the menu of the other mouse button.
    pub menu: &'a dyn Fn(&mut Paint<'_>, &mut Ui),
    /// The colour in which a row is drawn elsewhere.
    pub color: &'a dyn Fn(&Row) -> Option<egui::Color32>,
    /// What goes along when a row is dragged.
    pub drag: Option<&'a dyn Fn(usize) -> Dragged>,
}

impl<'a> List<'a> {
    /// A list without anything beyond its cells.
    pub fn new(name: &'a str, table: &'a Table, cursor: &'a Cursor) -> Self {
        Self {
            name,
            table,
            first: 0,
            cursor,
            mark: &|_| false,
            sorted: None,
            head: &|_| None,
            marks: None,
            skip: &|_| false,
            wide: &|_| None,
            cell: &|_, _, _, _| false,
            menu: &|_, _| (),
            color: &|_| None,
            drag: None,
        }
    }
}

/// What a person did to the rows in a frame.
#[derive(Default)]
pub struct Hits {
    /// A row was clicked, with these keys held.
    pub clicked: Option<(usize, Modifiers)>,
    /// A row was clicked twice.
    pub opened: Option<usize>,
    /// The pointer is on this row.
    pub pointed: Option<usize>,
}

/// Paints a list that fills the place. A click asks for nothing by itself: what it means is up to the caller.
pub fn list(paint: &mut Paint<'_>, ui: &mut Ui, list: &List<'_>, widths: &mut Widths) -> Hits {
    let cursor = list.cursor;
    let id = ui.scope_id().with(list.name);
    let columns = fit(ui, id, list, widths);
    let wide = lead(list) + columns.iter().map(|(_, wide)| wide + GAP * 4.0).sum::<f32>();
    ui.spacing_mut().item_spacing.y = 0.0;
    let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD), Sense::hover());
    let mut area = ScrollArea::both().id_salt(list.name).auto_shrink(false);
    if let Some(offset) = Sight::offset(ui, id, ROW, cursor) {
        area = area.vertical_scroll_offset(offset);
    }
    let mut hits = Hits::default();
    let output = area.show_viewport(ui, |ui, seen| {
        let wide = wide.max(seen.width());
        ui.set_width(wide);
        ui.set_height(cursor.total as f32 * ROW);
        let corner = ui.min_rect().min;
        let sight = Sight::of(seen, ROW, cursor.total);
        for place in sight.painted.clone() {
            let area = Rect::from_min_size(pos2(corner.x, corner.y + place as f32 * ROW), vec2(wide, ROW));
            match place.checked_sub(list.first).and_then(|place| list.table.rows.get(place)) {
                Some(row) => {
                    let response = painted(ui, area, row, &columns, place == cursor.row, list);
                    touched(paint, ui, &response, place, list, &mut hits);
                    mark_box(paint, ui, area, place, row, list);
                }
                None => missing(ui, area),
            }
        }
        sight
    });
    output.inner.tell(paint, ui, id, cursor);
    heads(paint, ui, head, output.state.clamped_offset().x, &columns, list, widths);
    hits
}

/// Which rows of a long list are in sight.
pub struct Sight {
    /// Also those that are half in it.
    pub painted: std::ops::Range<usize>,
    top: usize,
    height: usize,
}

impl Sight {
    /// What a scroll area shows of rows of this height.
    pub fn of(seen: Rect, row: f32, total: usize) -> Self {
        let first = (seen.min.y / row).floor().max(0.0) as usize;
        let height = (seen.height() / row).floor().max(1.0) as usize;
        // At the end the last row is whole, and the first one need not be.
        let is_end = seen.max.y >= total as f32 * row - 1.0;
        let top = if is_end { total.saturating_sub(height).max(first) } else { first };
        Self { painted: first..(first + height + 2).min(total), top, height }
    }

    /// Where the area is to be scrolled to, when the session has moved the list since it was last painted.
    pub fn offset(ui: &Ui, id: egui::Id, row: f32, cursor: &Cursor) -> Option<f32> {
        let said: Option<usize> = ui.data(|data| data.get_temp(id));
        (said != Some(cursor.top)).then_some(cursor.top as f32 * row)
    }

    /// Tells the session what is in sight, when that is new.
    pub fn tell(&self, paint: &mut Paint<'_>, ui: &Ui, id: egui::Id, cursor: &Cursor) {
        ui.data_mut(|data| data.insert_temp(id, self.top));
        if (self.top, self.height) != (cursor.top, cursor.height) {
            paint.wish(Action::See { top: self.top, height: self.height });
        }
    }

    /// The same where the end is held in sight: only how much there is room for can be new.
    pub fn hold(&self, paint: &mut Paint<'_>, ui: &Ui, id: egui::Id, cursor: &Cursor) {
        ui.data_mut(|data| data.insert_temp(id, cursor.top));
        if self.height != cursor.height {
            let top = cursor.total.saturating_sub(self.height);
            paint.wish(Action::See { top, height: self.height });
        }
    }
}

/// What the mouse did to a row.
fn touched(paint: &mut Paint<'_>, ui: &Ui, response: &Response, place: usize, list: &List<'_>, hits: &mut Hits) {
    if response.clicked() {
        hits.clicked = Some((place, ui.input(|input| input.modifiers)));
    }
    if response.double_clicked() {
        hits.opened = Some(place);
    }
    if response.hovered() {
        hits.pointed = Some(place);
    }
    if response.secondary_clicked() && place != list.cursor.row {
        paint.wish(Action::Move(Motion::To(place)));
    }
    if let Some(dragged) = list.drag.filter(|_| response.drag_started()) {
        response.dnd_set_drag_payload(dragged(place));
    }
    response.context_menu(|ui| (list.menu)(paint, ui));
}

/// The box before a row that marks it; shown where it is wanted.
fn mark_box(paint: &mut Paint<'_>, ui: &Ui, area: Rect, place: usize, row: &Row, list: &List<'_>) {
    let Some(action) = list.marks else { return };
    let is_marked = (list.mark)(row);
    let around = Rect::from_min_size(area.min, vec2(lead(list), area.height()));
    let response = ui.interact(around, ui.scope_id().with((&row.key, "mark")), Sense::CLICK);
    if is_marked || ui.rect_contains_pointer(area) {
        let square = Rect::from_center_size(around.center() + vec2(2.0, 0.0), vec2(14.0, 14.0));
        blocks::check(ui, square, is_marked);
    }
    response
        .widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, is_marked, format!("Mark {}", row.key)));
    if response.clicked() {
        paint.wish(action(place));
    }
}

/// The columns that are shown, with their widths: chosen by a person, otherwise as the first rows need it.
fn fit(ui: &Ui, id: egui::Id, list: &List<'_>, widths: &Widths) -> Vec<(usize, f32)> {
    let table = list.table;
    let is_shown = |column: &Column| column.priority != Column::HIDDEN && !(list.skip)(column);
    let shown: Vec<usize> = (0..table.columns.len()).filter(|place| is_shown(&table.columns[*place])).collect();
    let key: String = shown.iter().map(|place| name_of(&table.columns[*place]) + "\n").collect();
    let measured = table.rows.len().min(MEASURED);
    let known: Option<(String, usize, Vec<f32>)> = ui.data(|data| data.get_temp(id.with("widths")));
    let fitted = match known {
        Some((of, before, fitted)) if of == key && before >= measured => fitted,
        known => {
            // Nothing gets narrower when more rows come.
            let before = known.filter(|(of, ..)| *of == key).map(|(.., fitted)| fitted);
            let least = |order: usize| before.as_ref().map_or(0.0, |fitted| fitted[order]);
            let all = shown.iter().enumerate();
            let fitted: Vec<f32> = all.map(|(order, place)| needed(ui, list, *place).max(least(order))).collect();
            ui.data_mut(|data| data.insert_temp(id.with("widths"), (key, measured, fitted.clone())));
            fitted
        }
    };
    let chosen = |place: &usize| widths.get(&name_of(&table.columns[*place])).copied();
    shown.iter().zip(fitted).map(|(place, fitted)| (*place, chosen(place).unwrap_or(fitted))).collect()
}

fn name_of(column: &Column) -> String {
    format!("{} {}", column.key, column.title)
}

/// A column narrower than this has no room for a title.
const ICON: f32 = 24.0;

/// Before the first column: room for the box that marks a row.
fn lead(list: &List<'_>) -> f32 {
    if list.marks.is_some() { 34.0 } else { GAP * 2.0 }
}

/// So many rows say how wide a column should be.
const MEASURED: usize = 60;

fn needed(ui: &Ui, list: &List<'_>, place: usize) -> f32 {
    let wide = |words: &str, font| blocks::width(ui, words, font);
    let table = list.table;
    let column = &table.columns[place];
    if let Some(wide) = (list.wide)(column) {
        return wide;
    }
    let cells = table.rows.iter().take(MEASURED).map(|row| wide(&row.cells[place].text, text::body()));
    let most = if column.shrinks { 260.0 } else { 320.0 };
    cells.fold(wide(&column.title, text::small()) + 14.0, f32::max).clamp(24.0, most)
}

fn heads(
    paint: &mut Paint<'_>,
    ui: &mut Ui,
    area: Rect,
    scrolled: f32,
    columns: &[(usize, f32)],
    list: &List<'_>,
    widths: &mut Widths,
) {
    let theme = Theme::of(ui);
    let mut ui = ui.new_child(UiBuilder::new().max_rect(area).id_salt("heads"));
    ui.set_clip_rect(area.intersect(ui.clip_rect()));
    ui.painter().hline(area.x_range(), area.bottom() - 0.5, theme.line());
    let mut x = area.left() - scrolled + lead(list);
    for (place, wide) in columns {
        let column = &list.table.columns[*place];
        let cell = Rect::from_min_size(pos2(x, area.top()), vec2(wide + 4.0 * GAP, area.height()));
        x = cell.right();
        let action = (list.head)(column);
        let response = ui.interact(cell, ui.scope_id().with(("head", place)), Sense::CLICK);
        let is_sorted = list.sorted.filter(|(sorted, _)| sorted == place);
        let color =
            if is_sorted.is_some() || response.hovered() && action.is_some() { theme.text } else { theme.muted };
        let inside = cell.shrink2(vec2(2.0 * GAP, 0.0));
        let (anchor, at) = match column.align {
            Align::Left => (Align2::LEFT_CENTER, inside.left_center()),
            Align::Right => (Align2::RIGHT_CENTER, inside.right_center()),
        };
        // A title that has no room is told when the pointer rests there.
        if *wide >= ICON {
            let words = ui.painter().text(at, anchor, crate::code::safe(&column.title), text::small(), color);
            if let Some((_, largest_first)) = is_sorted {
                let right = column.align == Align::Right;
                let x = if right { words.left() - 8.0 } else { words.right() + 8.0 };
                arrow(&ui, pos2(x, area.center().y), largest_first);
            }
        }
        let response = response.on_hover_text(crate::code::safe(&column.title));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, action.is_some(), &column.title));
        if response.clicked() {
            paint.wishes.extend(action);
        }
        let edge = Rect::from_center_size(cell.right_center(), vec2(8.0, area.height()));
        let handle = ui.interact(edge, ui.scope_id().with(("edge", place)), Sense::DRAG | Sense::CLICK);
        if handle.hovered() || handle.dragged() {
            ui.ctx().set_cursor_icon(CursorIcon::ResizeColumn);
            ui.painter().vline(cell.right(), area.y_range().shrink(6.0), theme.line());
        }
        if handle.dragged() {
            widths.insert(name_of(column), (wide + handle.drag_delta().x).max(24.0));
        } else if handle.double_clicked() {
            widths.remove(&name_of(column));
        }
    }
}

/// What a cell says; of several things each, also where only signs are painted.
fn spoken(cell: &Cell) -> String {
    let several = cell.value.as_ref().and_then(|value| value.as_array());
    let words = several.map(|several| several.iter().filter_map(|one| one.as_str()).collect::<Vec<_>>().join(" "));
    words.filter(|words| !words.is_empty()).unwrap_or_else(|| cell.text.clone())
}

/// Which way a list is sorted.
fn arrow(ui: &Ui, middle: egui::Pos2, down: bool) {
    let tip = if down { 3.0 } else { -3.0 };
    let corners = [vec2(-4.0, -tip / 1.5), vec2(4.0, -tip / 1.5), vec2(0.0, tip)];
    let shape = corners.map(|corner| middle + corner).to_vec();
    ui.painter().add(egui::Shape::convex_polygon(shape, Theme::of(ui).accent, egui::Stroke::NONE));
}

/// A row that is on its way.
fn missing(ui: &Ui, area: Rect) {
    let theme = Theme::of(ui);
    let bar = Rect::from_min_size(area.left_center() + vec2(8.0, -4.0), vec2(220.0, 8.0));
    ui.painter().rect_filled(bar, 4.0, theme.hover);
}

fn painted(ui: &mut Ui, area: Rect, row: &Row, columns: &[(usize, f32)], is_here: bool, list: &List<'_>) -> Response {
    let theme = Theme::of(ui);
    let sense = if list.drag.is_some() { Sense::CLICK | Sense::DRAG } else { Sense::CLICK };
    let response = ui.interact(area, ui.scope_id().with(&row.key), sense);
    let is_marked = (list.mark)(row);
    let ground = match (is_here, is_marked, response.hovered()) {
        (true, ..) => Some(theme.chosen),
        (_, true, _) => Some(theme.chosen.gamma_multiply(0.6)),
        (.., true) => Some(theme.hover),
        _ => None,
    };
    if let Some(ground) = ground {
        ui.painter().rect_filled(area, 0.0, ground);
    }
    if let Some(color) = (list.color)(row) {
        let bar = Rect::from_min_size(area.min + vec2(2.0, 6.0), vec2(4.0, area.height() - 12.0));
        ui.painter().rect_filled(bar, 2.0, color);
    }
    let mut x = area.left() + lead(list);
    for (place, wide) in columns {
        let (column, cell) = (&list.table.columns[*place], &row.cells[*place]);
        let inside = Rect::from_min_size(pos2(x + 2.0 * GAP, area.top()), vec2(*wide, area.height()));
        x += wide + 4.0 * GAP;
        if cell.text.is_empty() || (list.cell)(ui, inside, column, cell) {
            continue;
        }
        blocks::elided(ui, inside, &cell.text, text::body(), theme.tone(cell.tone), column.align);
    }
    response.widget_info(|| {
        let cells = columns.iter().map(|(place, _)| spoken(&row.cells[*place]));
        // What is left out is told all the same.
        let skipped = list.table.columns.iter().zip(&row.cells).filter(|(column, _)| (list.skip)(column));
        let skipped = skipped.map(|(column, cell)| format!("{} {}", column.title, cell.text));
        let cells: Vec<String> = cells.chain(skipped).collect();
        egui::WidgetInfo::selected(egui::Role::ListItem, true, is_here || is_marked, cells.join(" · "))
    });
    response
}
