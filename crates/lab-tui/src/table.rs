//! Tables on the screen: the columns that fit, the rows that are in sight.

use std::ops::Range;

use lab_view::list::{Cursor, Motion};
use lab_view::session::Action;
use lab_view::{Align, Cell, Column, Row, Table, Tone};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::blocks::Styled;
use crate::frame::Paint;
use crate::text::{safe, shorten, shorten_front, width};

/// Blanks between columns.
const GAP: usize = 2;
/// Columns that may be cut are not cut below this.
const SHORTEST: usize = 10;
/// Heads of numbers are not cut below this.
const SHORTEST_HEAD: usize = 9;
/// Columns of this priority and above are dropped before any head is cut.
const LITTLE: u8 = 5;

/// Which columns are shown, each with its width.
pub struct Fit {
    /// Places in the table's columns, and widths.
    pub columns: Vec<(usize, usize)>,
}

impl Fit {
    /// Chooses the columns for so much room by the rows in sight: those with the largest priority go first, then text
    /// is cut.
    pub fn new(table: &Table, rows: &[Row], room: usize) -> Self {
        let widest = |place: usize| rows.iter().map(|row| width(&row.cells[place].text)).max().unwrap_or(0).min(200);
        let cells: Vec<usize> = (0..table.columns.len()).map(widest).collect();
        let natural: Vec<usize> =
            cells.iter().zip(&table.columns).map(|(cells, column)| (*cells).max(width(&column.title))).collect();
        // Text may be cut to some letters, heads of numbers to the numbers below them.
        let shortest = |place: usize| {
            let column = &table.columns[place];
            let title = width(&column.title);
            let least = if column.shrinks { SHORTEST.max(title) } else { cells[place].max(title.min(SHORTEST_HEAD)) };
            natural[place].min(least)
        };
        let mut places: Vec<usize> =
            (0..table.columns.len()).filter(|place| table.columns[*place].priority != Column::HIDDEN).collect();
        let gaps = |count: usize| GAP * count.saturating_sub(1);
        // For the sake of a column that matters little no head is cut.
        for (least_priority, cut_heads) in [(LITTLE, false), (1, true)] {
            let wide = |place: &usize| match (cut_heads, table.columns[*place].shrinks) {
                (false, false) => natural[*place],
                _ => shortest(*place),
            };
            while places.iter().map(wide).sum::<usize>() + gaps(places.len()) > room {
                let droppable = places.iter().copied().filter(|place| table.columns[*place].priority >= least_priority);
                let Some(worst) = droppable.max_by_key(|place| (table.columns[*place].priority, *place)) else { break };
                places.retain(|place| *place != worst);
            }
        }
        let mut widths = natural.clone();
        for least in [&shortest as &dyn Fn(usize) -> usize, &|place| natural[place].min(4)] {
            loop {
                let total: usize = places.iter().map(|place| widths[*place]).sum::<usize>() + gaps(places.len());
                let over = total.saturating_sub(room);
                let candidates = places.iter().copied().filter(|place| widths[*place] > least(*place));
                // Text is cut before heads are.
                let widest = candidates.max_by_key(|place| (table.columns[*place].shrinks, widths[*place]));
                let Some(widest) = widest.filter(|_| over > 0) else { break };
                widths[widest] -= 1;
            }
        }
        Self { columns: places.into_iter().map(|place| (place, widths[place])).collect() }
    }
}

/// What a place wants different from a plain list.
pub struct Looks<'a> {
    /// Whether a row is marked.
    pub mark: &'a dyn Fn(&Row) -> bool,
    /// The column that the list is sorted by, and whether the largest comes first.
    pub sorted: Option<(usize, bool)>,
    /// What a click on a head means.
    pub head: &'a dyn Fn(&Column) -> Option<Action>,
    /// A cell of several looks; its text is that of the cell.
    pub spans: &'a dyn Fn(&Column, &Cell, Style) -> Option<Styled>,
}

impl Looks<'_> {
    /// Those of a plain list.
    pub const fn plain() -> Self {
        Self { mark: &|_| false, sorted: None, head: &|_| None, spans: &|_, _, _| None }
    }
}

/// A list with a cursor: the head, then the rows in sight. `rows` are those in memory, `first` is the place of the
/// first of them in the whole list.
pub fn list(
    paint: &mut Paint<'_>,
    area: Rect,
    table: &Table,
    first: usize,
    cursor: &Cursor,
    mark: &dyn Fn(&Row) -> bool,
) {
    let looks = Looks { mark, ..Looks::plain() };
    list_with(paint, area, table, first, cursor, &looks);
}

/// The same with looks of its own.
pub fn list_with(paint: &mut Paint<'_>, area: Rect, table: &Table, first: usize, cursor: &Cursor, looks: &Looks<'_>) {
    let height = usize::from(area.height.saturating_sub(1));
    if cursor.height != height.max(1) {
        paint.wishes.push(Action::Extent { height, total: None });
    }
    let seen = in_memory(cursor.top..(cursor.top + height), first, table.rows.len());
    let rows = &table.rows[seen.clone()];
    let fit = Fit::new(table, rows, usize::from(area.width).saturating_sub(3));
    head(paint, Rect { height: 1, ..area }, table, &fit, looks);
    for (place, row) in rows.iter().enumerate() {
        let index = first + seen.start + place;
        let y = area.y + 1 + (index - cursor.top) as u16;
        let line = Rect { y, height: 1, ..area };
        let is_chosen = index == cursor.row;
        let under = if is_chosen { paint.theme.cursor() } else { Style::new() };
        if is_chosen {
            paint.fill(line, under);
        }
        let sign = match ((looks.mark)(row), is_chosen) {
            (true, _) => paint.theme.mark("●", "*"),
            (false, true) => paint.theme.mark("▸", ">"),
            (false, false) => " ",
        };
        let sign = sign.to_owned();
        let accent = under.patch(paint.theme.tone(Tone::Accent));
        paint.put(area.x, y, 1, &sign, accent);
        cells(paint, line, table, row, &fit, under, looks);
        paint.zone(line, Action::Move(Motion::To(index)));
    }
    scrollbar(
        paint,
        Rect { x: area.right().saturating_sub(1), y: area.y + 1, width: 1, height: area.height.saturating_sub(1) },
        cursor,
    );
}

/// The part of `wanted` that is in memory, as places there.
fn in_memory(wanted: Range<usize>, first: usize, count: usize) -> Range<usize> {
    let start = wanted.start.saturating_sub(first).min(count);
    start..wanted.end.saturating_sub(first).clamp(start, count)
}

/// The names of the columns.
pub fn head(paint: &mut Paint<'_>, area: Rect, table: &Table, fit: &Fit, looks: &Looks<'_>) {
    let style = paint.theme.tone(Tone::Muted).add_modifier(Modifier::BOLD);
    let mut x = area.x + 2;
    for (place, wide) in &fit.columns {
        let column = &table.columns[*place];
        let pad = if column.align == Align::Right { wide.saturating_sub(width(&column.title)) } else { 0 };
        let end = paint.put(x + pad as u16, area.y, wide - pad, &column.title, style);
        if let Some((_, largest_first)) = looks.sorted.filter(|(sorted, _)| sorted == place) {
            let sign = if largest_first { paint.theme.mark("▼", "v") } else { paint.theme.mark("▲", "^") }.to_owned();
            paint.put(end, area.y, 1, &sign, paint.theme.tone(Tone::Accent));
        }
        if let Some(action) = (looks.head)(column) {
            paint.zone(Rect { x, width: *wide as u16, ..area }, action);
        }
        x += (wide + GAP) as u16;
    }
}

fn cells(paint: &mut Paint<'_>, area: Rect, table: &Table, row: &Row, fit: &Fit, under: Style, looks: &Looks<'_>) {
    let mut x = area.x + 2;
    for (place, wide) in &fit.columns {
        let (column, cell) = (&table.columns[*place], &row.cells[*place]);
        let style = under.patch(paint.theme.tone(cell.tone));
        match (looks.spans)(column, cell, under) {
            Some(spans) => {
                let mut at = x;
                for (words, style) in spans {
                    at = paint.put(at, area.y, wide.saturating_sub(usize::from(at - x)), &words, style);
                }
            }
            None => {
                let words = safe(&cell.text);
                let words = match column.key.as_str() {
                    "path" | "root" => shorten_front(&words, *wide),
                    _ => shorten(&words, *wide),
                };
                let pad = if column.align == Align::Right { wide.saturating_sub(width(&words)) } else { 0 };
                paint.put(x + pad as u16, area.y, wide.saturating_sub(pad), &words, style);
            }
        }
        x += (wide + GAP) as u16;
    }
}

/// Where in a long list the screen is.
pub fn scrollbar(paint: &mut Paint<'_>, area: Rect, cursor: &Cursor) {
    let height = usize::from(area.height);
    if cursor.total <= height || height == 0 {
        return;
    }
    let thumb = (height * height / cursor.total).max(1);
    let room = height - thumb;
    let furthest = cursor.total - height;
    let start = (cursor.top * room).checked_div(furthest).unwrap_or(0).min(room);
    paint.rule(area, "│", "|");
    let thumb = Rect { y: area.y + start as u16, height: thumb as u16, ..area };
    paint.rule(thumb, "┃", "#");
    let style = paint.theme.tone(Tone::Muted);
    paint.fill(thumb, style);
}
