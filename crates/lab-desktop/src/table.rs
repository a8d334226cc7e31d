//! The one list of many rows: only what is in sight is painted, whatever there is.

use std::collections::BTreeMap;

use egui::text::LayoutJob;
use egui::{Align2, CursorIcon, Modifiers, Rect, Response, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use lab_view::list::{Cursor, Motion};
use lab_view::session::Action;
use lab_view::{Align, Cell, Column, Row, Table};

use crate::app::Paint;
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
    /// Paints a cell otherwise; false leaves it to the list.
    pub cell: &'a dyn Fn(&Ui, Rect, &Column, &Cell) -> bool,
    /// What can be done with a row, in the menu of the other mouse button.
    pub menu: &'a dyn Fn(&mut Paint<'_>, &mut Ui),
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
            cell: &|_, _, _, _| false,
            menu: &|_, _| (),
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
}

/// Paints a list that fills the place. A click asks for nothing by itself: what it means is up to the caller.
pub fn list(paint: &mut Paint<'_>, ui: &mut Ui, list: &List<'_>, widths: &mut Widths) -> Hits {
    let cursor = list.cursor;
    let id = ui.scope_id().with(list.name);
    let columns = fit(ui, id, list.table, widths);
    let wide = columns.iter().map(|(_, wide)| wide + GAP * 4.0).sum::<f32>();
    let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD), Sense::hover());
    let mut area = ScrollArea::both().id_salt(list.name).auto_shrink(false);
    let said: Option<usize> = ui.data(|data| data.get_temp(id));
    if said != Some(cursor.top) {
        area = area.vertical_scroll_offset(cursor.top as f32 * ROW);
    }
    let mut hits = Hits::default();
    let output = area.show_viewport(ui, |ui, seen| {
        let wide = wide.max(seen.width());
        ui.set_width(wide);
        ui.set_height(cursor.total as f32 * ROW);
        let corner = ui.min_rect().min;
        let top = (seen.min.y / ROW).floor().max(0.0) as usize;
        let fits = (seen.height() / ROW).floor().max(1.0) as usize;
        for place in top..(top + fits + 2).min(cursor.total) {
            let area = Rect::from_min_size(pos2(corner.x, corner.y + place as f32 * ROW), vec2(wide, ROW));
            match place.checked_sub(list.first).and_then(|place| list.table.rows.get(place)) {
                Some(row) => {
                    let response = painted(ui, area, row, &columns, place == cursor.row, list);
                    touched(paint, ui, &response, place, list, &mut hits);
                }
                None => missing(ui, area),
            }
        }
        (top, fits)
    });
    let (top, height) = output.inner;
    ui.data_mut(|data| data.insert_temp(id, top));
    if (top, height) != (cursor.top, cursor.height) {
        paint.wish(Action::See { top, height });
    }
    heads(paint, ui, head, output.state.clamped_offset().x, &columns, list, widths);
    hits
}

/// What the mouse did to a row.
fn touched(paint: &mut Paint<'_>, ui: &Ui, response: &Response, place: usize, list: &List<'_>, hits: &mut Hits) {
    if response.clicked() {
        hits.clicked = Some((place, ui.input(|input| input.modifiers)));
    }
    if response.double_clicked() {
        hits.opened = Some(place);
    }
    if response.secondary_clicked() && place != list.cursor.row {
        paint.wish(Action::Move(Motion::To(place)));
    }
    response.context_menu(|ui| (list.menu)(paint, ui));
}

/// The columns that are shown, with their widths: chosen by a person, otherwise as the first rows need it.
fn fit(ui: &Ui, id: egui::Id, table: &Table, widths: &Widths) -> Vec<(usize, f32)> {
    let shown: Vec<usize> =
        (0..table.columns.len()).filter(|place| table.columns[*place].priority != Column::HIDDEN).collect();
    let key: String = shown.iter().map(|place| name_of(&table.columns[*place]) + "\n").collect();
    let known: Option<(String, Vec<f32>)> = ui.data(|data| data.get_temp(id.with("widths")));
    let fitted = match known {
        Some((of, fitted)) if of == key => fitted,
        _ => {
            let fitted: Vec<f32> = shown.iter().map(|place| needed(ui, table, *place)).collect();
            if !table.rows.is_empty() {
                ui.data_mut(|data| data.insert_temp(id.with("widths"), (key, fitted.clone())));
            }
            fitted
        }
    };
    let chosen = |place: &usize| widths.get(&name_of(&table.columns[*place])).copied();
    shown.iter().zip(fitted).map(|(place, fitted)| (*place, chosen(place).unwrap_or(fitted))).collect()
}

fn name_of(column: &Column) -> String {
    format!("{} {}", column.key, column.title)
}

/// So many rows say how wide a column should be.
const MEASURED: usize = 60;

fn needed(ui: &Ui, table: &Table, place: usize) -> f32 {
    let wide = |words: &str, font| crate::blocks::width(ui, words, font);
    let column = &table.columns[place];
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
    let mut x = area.left() - scrolled;
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
        let words = match is_sorted {
            Some((_, true)) => format!("{} ▾", column.title),
            Some((_, false)) => format!("{} ▴", column.title),
            None => column.title.clone(),
        };
        ui.painter().text(at, anchor, &words, text::small(), color);
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

/// A row that is on its way.
fn missing(ui: &Ui, area: Rect) {
    let theme = Theme::of(ui);
    let bar = Rect::from_min_size(area.left_center() + vec2(8.0, -4.0), vec2(220.0, 8.0));
    ui.painter().rect_filled(bar, 4.0, theme.hover);
}

fn painted(ui: &mut Ui, area: Rect, row: &Row, columns: &[(usize, f32)], is_here: bool, list: &List<'_>) -> Response {
    let theme = Theme::of(ui);
    let response = ui.interact(area, ui.scope_id().with(&row.key), Sense::CLICK);
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
    let mut x = area.left();
    for (place, wide) in columns {
        let (column, cell) = (&list.table.columns[*place], &row.cells[*place]);
        let inside = Rect::from_min_size(pos2(x + 2.0 * GAP, area.top()), vec2(*wide, area.height()));
        x += wide + 4.0 * GAP;
        if cell.text.is_empty() || (list.cell)(ui, inside, column, cell) {
            continue;
        }
        words(ui, inside, &cell.text, theme.tone(cell.tone), column.align);
    }
    response.widget_info(|| {
        let cells: Vec<&str> = columns.iter().map(|(place, _)| row.cells[*place].text.as_str()).collect();
        egui::WidgetInfo::selected(egui::Role::ListItem, true, is_here || is_marked, cells.join(" · "))
    });
    response
}

/// One line of words in a cell, cut where it ends.
pub fn words(ui: &Ui, area: Rect, words: &str, color: egui::Color32, align: Align) {
    let mut job = LayoutJob::simple_singleline(words.to_owned(), text::body(), color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(area.width());
    let galley = ui.painter().layout_job(job);
    let anchor = if align == Align::Right { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
    let at = anchor.align_size_within_rect(galley.size(), area).min;
    ui.painter().galley(at, galley, color);
}
