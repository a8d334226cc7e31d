//! Metrics of runs over time: a grid of charts, or one alone.

use lab_plot::text::{Drawing, Glyphs, ascii_mark, drawing};
use lab_plot::{Chart, Layer, number};
use lab_view::charts::Along;
use lab_view::screens::charts::{ChartsAction, ChartsView};
use lab_view::session::Action;
use lab_view::{Tone, metrics};
use ratatui::layout::Rect;

use crate::frame::Paint;
use crate::run::put_styled;
use crate::text::{safe, width};
use crate::{Depth, runs};

/// A chart of the grid has at least so many columns and rows.
const LEAST: (u16, u16) = (38, 12);
/// More charts beside each other are too flat to be read.
const MOST_ACROSS: u16 = 4;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, area: Rect) {
    let shown = &paint.session.charts;
    let Some(page) = shown.page() else { return runs::no_page(paint, area, shown.error(), shown.is_loading()) };
    legend(paint, Rect { height: 1, ..area }, page);
    state(paint, Rect { y: area.y + 1, height: 1, ..area }, page);
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    if page.charts.is_empty() {
        let words = if shown.screen.filter.is_empty() { "Nothing was logged" } else { "No metric has these words" };
        let style = paint.theme.tone(Tone::Muted);
        paint.put(body.x + 2, body.y + 1, usize::from(body.width) - 4, words, style);
        return;
    }
    let chosen = shown.screen.chosen().min(page.charts.len() - 1);
    if shown.screen.alone {
        one(paint, body, page, chosen);
        return;
    }
    grid(paint, body, page, chosen);
}

fn grid(paint: &mut Paint<'_>, area: Rect, page: &ChartsView, chosen: usize) {
    let screen = &paint.session.charts.screen;
    let count = page.charts.len();
    let across = (area.width / LEAST.0).clamp(1, MOST_ACROSS).min(count as u16);
    let rows_in_all = (count as u16).div_ceil(across);
    let rows = (area.height / LEAST.1).clamp(1, rows_in_all);
    let per_page = usize::from(across * rows);
    if screen.across != usize::from(across) {
        paint.wishes.push(Action::Charts(ChartsAction::Across(usize::from(across))));
    }
    if screen.cursor.height != per_page {
        paint.wishes.push(Action::Extent { height: per_page, total: Some(count) });
    }
    // Whole rows of the grid, with the chosen chart among them.
    let across_places = usize::from(across);
    let mut first = screen.cursor.top / across_places * across_places;
    if chosen >= first + per_page {
        first += across_places;
    }
    let (wide, high) = (area.width / across, area.height / rows);
    for place in first..(first + per_page).min(count) {
        let at = (place - first) as u16;
        let cell = Rect { x: area.x + at % across * wide, y: area.y + at / across * high, width: wide, height: high };
        one(paint, cell, page, place);
    }
}

/// The names of the runs in their colours.
fn legend(paint: &mut Paint<'_>, area: Rect, page: &ChartsView) {
    let mut x = area.x + 1;
    for (slot, name) in page.names.iter().enumerate() {
        let room = usize::from(area.right().saturating_sub(x + 2));
        let wide = width(name) + 4;
        if wide > room {
            let more = format!("+{} more", page.names.len() - slot);
            paint.put(x, area.y, room, &more, paint.theme.tone(Tone::Muted));
            return;
        }
        let style = paint.theme.series(slot);
        let sign = if letters(paint, page) { ascii_mark(slot).to_string() } else { "━".to_owned() };
        x = paint.put(x, area.y, 3, &format!("{sign} "), style);
        x = paint.put(x, area.y, room, name, style) + 2;
    }
}

/// Without colours letters tell the runs apart.
fn letters(paint: &Paint<'_>, page: &ChartsView) -> bool {
    paint.theme.ascii || paint.theme.depth == Depth::None && page.names.len() > 1
}

/// What the charts go along, how they are drawn, where they are read.
fn state(paint: &mut Paint<'_>, area: Rect, page: &ChartsView) {
    let screen = &paint.session.charts.screen;
    let mut words = vec![
        match screen.along {
            Along::Step => "along steps",
            Along::Time => "along the time of day",
            Along::Relative => "along the time since the start",
        }
        .to_owned(),
    ];
    if screen.log {
        words.push("logarithmic".to_owned());
    }
    if screen.smooth > 0.0 {
        words.push(format!("smoothed {}", screen.smooth));
    }
    if screen.zoom.is_some() {
        words.push("zoomed".to_owned());
    }
    if !screen.filter.is_empty() {
        words.push(format!("metrics with “{}”", screen.filter));
    }
    let (place, count) = (screen.chosen() + 1, page.charts.len());
    words.push(format!("chart {} of {count}", place.min(count)));
    if page.total > count && screen.filter.is_empty() {
        words.push(format!("{} metrics in all, / finds them", page.total));
    }
    let style = paint.theme.tone(Tone::Muted);
    let room = usize::from(area.width).saturating_sub(2);
    let mut x = paint.put(area.x + 1, area.y, room, &words.join(" · "), style);
    if let Some(at) = screen.reading {
        let at = match screen.along {
            Along::Step => format!("step {}", number(at.round())),
            Along::Relative => format!("{} s", number(at)),
            Along::Time => lab_view::format::stamp(lab_model::Time(at as i64)),
        };
        let room = usize::from(area.right().saturating_sub(x + 1));
        x = paint.put(x, area.y, room, &format!(" · at {at}"), paint.theme.tone(Tone::Accent));
    }
    let shown = &paint.session.charts;
    if !shown.is_current() && shown.is_loading() {
        paint.put(x, area.y, 4, " …", style);
    }
}

/// A chart in a frame with its name and the values that are read.
fn one(paint: &mut Paint<'_>, area: Rect, page: &ChartsView, place: usize) {
    let screen = &paint.session.charts.screen;
    let (key, chart) = &page.charts[place];
    let is_chosen = place == screen.chosen() && page.charts.len() > 1;
    let style = if is_chosen { paint.theme.focus() } else { paint.theme.edge() };
    let plot = paint.framed(area, "", style);
    let title = Rect { height: 1, ..area };
    let name_style = if is_chosen { paint.theme.chosen() } else { paint.theme.heading() };
    let room = usize::from(area.width).saturating_sub(4);
    let mut x = paint.put(area.x + 2, area.y, room, &format!(" {} ", safe(key)), name_style);
    let is_apart = place >= page.apart;
    let at = screen.reading.filter(|_| !is_apart).unwrap_or(if is_apart { f64::MAX } else { page.extent[1] });
    for (slot, _, value) in page.read(place, at) {
        let words = format!("{} ", metrics::cell_of(key, value).text);
        let left = usize::from((area.right() - 2).saturating_sub(x));
        if width(&words) + 1 > left {
            break;
        }
        x = paint.put(x, area.y, left, &format!(" {words}"), paint.theme.series(slot));
    }
    paint.zone(title, Action::Charts(ChartsAction::Choose(place)));
    let glyphs = if letters(paint, page) { Glyphs::Ascii } else { Glyphs::Braille };
    let drawn = drawing(chart, usize::from(plot.width), usize::from(plot.height), glyphs);
    put_drawing(paint, plot, &drawn);
    if !is_apart {
        reading(paint, plot, &drawn);
    }
}

/// A drawn chart on the screen.
fn put_drawing(paint: &mut Paint<'_>, area: Rect, drawn: &Drawing) {
    for (row, line) in drawn.lines.iter().take(usize::from(area.height)).enumerate() {
        let look =
            |slot: Option<usize>| slot.map_or_else(|| paint.theme.tone(Tone::Muted), |slot| paint.theme.series(slot));
        let line: Vec<_> = line.iter().map(|span| (span.text.clone(), look(span.slot))).collect();
        put_styled(paint, area.x, area.y + row as u16, usize::from(area.width), &line);
    }
}

/// A chart of a metric in a frame with its name and its last value.
pub fn titled(paint: &mut Paint<'_>, area: Rect, key: &str, chart: &Chart) {
    let plot = paint.boxed(area, &safe(key));
    let last = chart.layers.iter().rev().find_map(|layer| match layer {
        Layer::Line { points, slot, faint: false, .. } => points.last().map(|[_, value]| (*value, *slot)),
        _ => None,
    });
    if let Some((value, slot)) = last {
        let words = format!(" {} ", metrics::cell_of(key, value).text);
        let x = area.right().saturating_sub(width(&words) as u16 + 2);
        // The name is worth more than the value.
        if usize::from(x) > usize::from(area.x) + width(&safe(key)) + 4 {
            paint.put(x, area.y, width(&words), &words, paint.theme.series(slot));
        }
    }
    let glyphs = if paint.theme.ascii { Glyphs::Ascii } else { Glyphs::Braille };
    let drawn = drawing(chart, usize::from(plot.width), usize::from(plot.height), glyphs);
    put_drawing(paint, plot, &drawn);
}

/// The line at which all charts are read; a click in a chart moves it.
fn reading(paint: &mut Paint<'_>, area: Rect, drawn: &Drawing) {
    let (left, top) = (area.x + drawn.left as u16, area.y + drawn.top as u16);
    let plot = Rect { x: left, y: top, width: drawn.width as u16, height: drawn.height as u16 }.intersection(area);
    for column in 0..plot.width {
        let part = (f64::from(column) + 0.5) / drawn.width as f64;
        let zone = Rect { x: plot.x + column, width: 1, ..plot };
        paint.zone(zone, Action::Charts(ChartsAction::Read(drawn.x.value(part))));
    }
    let Some(at) = paint.session.charts.screen.reading else { return };
    let part = drawn.x.place(at);
    if !(0.0..=1.0).contains(&part) {
        return;
    }
    let column = ((part * drawn.width as f64) as u16).min(plot.width.saturating_sub(1));
    let (line, style) = (paint.theme.mark("│", "|"), paint.theme.edge());
    let ground = paint.theme.cursor();
    for y in plot.top()..plot.bottom() {
        if let Some(cell) = paint.buffer.cell_mut((plot.x + column, y)) {
            if cell.symbol() == " " {
                cell.set_symbol(line).set_style(style);
            } else {
                cell.set_style(ground);
            }
        }
    }
}
