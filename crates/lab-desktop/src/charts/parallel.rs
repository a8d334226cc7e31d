//! Runs against each other: parallel coordinates and scatter, with a brush that marks runs in the list.

use std::collections::BTreeMap;

use egui::{Align2, CursorIcon, Id, Pos2, Rect, Response, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};
use lab_model::RunId;
use lab_plot::{Chart, Layer, Picture};
use lab_view::screens::charts::ChartsView;
use lab_view::screens::runs::RunsAction;
use lab_view::session::{Action, Route};
use lab_view::{Tone, format};

use super::{canvas, plot};
use crate::app::Paint;
use crate::blocks;
use crate::theme::{GAP, MARGIN, Theme, text};

/// What is brushed: parts of axes, by their place, from bottom (0) to top (1). A scatter chart has x at 0 and y at 1.
#[derive(Default)]
pub struct Brush {
    parts: BTreeMap<usize, [f64; 2]>,
    /// The axis and the place where a drag began.
    start: Option<(usize, f64)>,
    /// What the brush belongs to.
    of: String,
}

impl Brush {
    fn takes(&self, places: &[f64]) -> bool {
        self.parts.iter().all(|(axis, [low, high])| {
            places.get(*axis).is_some_and(|place| (*low - 1e-9..=*high + 1e-9).contains(place))
        })
    }
}

/// How near the pointer has to be, in points.
const NEAR: f32 = 12.0;

/// Paints the one chart of the page.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui, page: &ChartsView, slots: &[usize], brush: &mut Brush) {
    let Some((_, chart)) = page.charts.first() else { return };
    let of = match chart.layers.first() {
        Some(Layer::Parallel { axes, .. }) => {
            axes.iter().map(|axis| axis.label.as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => format!("{}\n{}", chart.x.label, chart.y.label),
    };
    if brush.of != of {
        *brush = Brush { of, ..Brush::default() };
    }
    let room = ui.available_rect_before_wrap();
    let picture = Picture::new(chart, room.width() as usize);
    let places = places(chart, &picture);
    let taken: Vec<bool> = places.iter().map(|places| brush.takes(places)).collect();
    let hint = if picture.uprights.is_empty() {
        "Draw a box to choose runs by their values"
    } else {
        "Drag along an axis to choose runs by their values"
    };
    bar(paint, ui, page, brush, &taken, hint);
    let (area, response) = ui.allocate_exact_size(ui.available_size() - vec2(MARGIN, 8.0), Sense::click_and_drag());
    let response = response.on_hover_cursor(CursorIcon::Crosshair);
    let label = if picture.uprights.is_empty() { "Scatter of runs" } else { "Parallel coordinates of runs" };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, label));
    let near = if picture.uprights.is_empty() {
        scatter(ui, area, &response, &picture, (&places, &taken, slots), brush)
    } else {
        lines(ui, area, &response, &picture, (&places, &taken), brush)
    };
    if response.clicked() && near.is_none() {
        brush.parts.clear();
    }
    let Some(run) = near else { return };
    if response.double_clicked() {
        paint.wishes.extend(page.runs.get(run).map(|run| Action::Go(Route::Run(run.clone()))));
    }
    values(response, page, chart, run);
}

/// What is brushed, and what can be done with it.
fn bar(paint: &mut Paint<'_>, ui: &mut Ui, page: &ChartsView, brush: &mut Brush, taken: &[bool], hint: &str) {
    ui.horizontal(|ui| {
        ui.add_space(MARGIN);
        if brush.parts.is_empty() {
            blocks::words(ui, hint, Tone::Muted);
            return;
        }
        let runs: Vec<RunId> =
            page.runs.iter().zip(taken).filter(|(_, taken)| **taken).map(|(run, _)| run.clone()).collect();
        let count = format!("{} of {}", runs.len(), format::count(page.runs.len() as u64, "run"));
        blocks::words(ui, &count, Tone::Accent);
        if ui.button("Mark in the list").clicked() {
            paint.wish(Action::Runs(RunsAction::MarkRuns(runs.clone())));
            paint.wish(Action::Go(Route::Runs));
        }
        if ui.add_enabled(!runs.is_empty(), egui::Button::new("Draw only these")).clicked() {
            paint.wish(Action::Charts(lab_view::screens::charts::ChartsAction::Runs(runs)));
        }
        if ui.button("Clear").clicked() {
            brush.parts.clear();
        }
    });
}

/// The places of each run on the axes.
fn places(chart: &Chart, picture: &Picture) -> Vec<Vec<f64>> {
    match chart.layers.first() {
        Some(Layer::Parallel { rows, .. }) => {
            let of = |(value, upright): (&f64, &(f64, lab_plot::Mapping, String))| upright.1.place(*value);
            rows.iter().map(|row| row.values.iter().zip(&picture.uprights).map(of).collect()).collect()
        }
        Some(Layer::Scatter { points, .. }) => {
            points.iter().map(|[x, y]| vec![picture.x.place(*x), picture.y.place(*y)]).collect()
        }
        _ => Vec::new(),
    }
}

fn lines(
    ui: &Ui,
    area: Rect,
    response: &Response,
    picture: &Picture,
    (places, taken): (&[Vec<f64>], &[bool]),
    brush: &mut Brush,
) -> Option<usize> {
    let theme = Theme::of(ui);
    let frame = Rect::from_min_max(area.min + vec2(MARGIN + 50.0, 30.0), area.max - vec2(60.0, 16.0));
    let at = |axis: usize, place: f64| {
        pos2(
            frame.left() + picture.uprights[axis].0 as f32 * frame.width(),
            frame.bottom() - place as f32 * frame.height(),
        )
    };
    let line = |places: &[f64]| -> Vec<Pos2> {
        let whole = places.iter().enumerate().filter(|(_, place)| place.is_finite());
        whole.map(|(axis, place)| at(axis, *place)).collect()
    };
    drag(response, brush, |point| {
        let axes = (0..picture.uprights.len()).map(|axis| (axis, (at(axis, 0.0).x - point.x).abs()));
        let (axis, away) = axes.min_by(|left, right| left.1.total_cmp(&right.1))?;
        (away < 40.0).then(|| (axis, f64::from((frame.bottom() - point.y) / frame.height()).clamp(0.0, 1.0)))
    });
    let near = response.hover_pos().filter(|_| brush.start.is_none()).and_then(|point| {
        let away = |places: &Vec<f64>| distance(&line(places), point);
        let found = places.iter().zip(taken).enumerate().filter(|(_, (_, taken))| **taken);
        let found = found.map(|(run, (places, _))| (run, away(places)));
        found.min_by(|left, right| left.1.total_cmp(&right.1)).filter(|(_, away)| *away < NEAR).map(|(run, _)| run)
    });
    let shade = |places: &[f64]| places.last().copied().filter(|end| end.is_finite());
    // The brightest shades are not seen on white.
    let most = if ui.visuals().dark_mode { 1.0 } else { 0.88 };
    let shade = |places: &[f64]| shade(places).map_or(theme.muted, |end| canvas::shade(end * most));
    for (run, (places, taken)) in places.iter().zip(taken).enumerate() {
        let color = if *taken { shade(places) } else { theme.edge.gamma_multiply(0.6) };
        let dimmed = near.is_some_and(|near| near != run);
        let color = if dimmed && *taken { color.gamma_multiply(0.45) } else { color };
        ui.painter().add(Shape::line(line(places), Stroke::new(1.6, color)));
    }
    if let Some(run) = near {
        ui.painter().add(Shape::line(line(&places[run]), Stroke::new(3.0, shade(&places[run]))));
    }
    for (axis, (_, mapping, label)) in picture.uprights.iter().enumerate() {
        let (low, high) = (at(axis, 0.0), at(axis, 1.0));
        ui.painter().vline(low.x, high.y..=low.y, Stroke::new(1.0, theme.muted));
        ui.painter().text(high - vec2(0.0, 12.0), Align2::CENTER_BOTTOM, label, text::strong(), theme.text);
        for (place, words) in mapping.ticks(7).major {
            let point = at(axis, place);
            ui.painter().hline(point.x - 3.0..=point.x, point.y, Stroke::new(1.0, theme.muted));
            halo(ui, point - vec2(6.0, 0.0), &words);
        }
        if let Some([from, to]) = brush.parts.get(&axis) {
            let part = Rect::from_two_pos(at(axis, *from) - vec2(7.0, 0.0), at(axis, *to) + vec2(7.0, 0.0));
            let fill = theme.accent.gamma_multiply(0.18);
            ui.painter().rect(part, 3.0, fill, Stroke::new(1.0, theme.accent), StrokeKind::Inside);
        }
    }
    near
}

/// Small words that stay readable on lines.
fn halo(ui: &Ui, right: Pos2, words: &str) {
    let theme = Theme::of(ui);
    let galley = ui.painter().layout_no_wrap(words.to_owned(), text::small(), theme.muted);
    let place = Align2::RIGHT_CENTER.anchor_size(right, galley.size());
    ui.painter().rect_filled(place.expand2(vec2(2.0, 0.0)), 3.0, theme.ground.gamma_multiply(0.8));
    ui.painter().galley(place.min, galley, theme.muted);
}

fn scatter(
    ui: &Ui,
    area: Rect,
    response: &Response,
    picture: &Picture,
    (places, taken, slots): (&[Vec<f64>], &[bool], &[usize]),
    brush: &mut Brush,
) -> Option<usize> {
    let theme = Theme::of(ui);
    let frame = Rect::from_min_max(area.min + vec2(MARGIN + 54.0, 12.0), area.max - vec2(12.0, 44.0));
    plot::axes(ui, frame, picture);
    let below = pos2(frame.center().x, frame.bottom() + 22.0);
    ui.painter().text(below, Align2::CENTER_TOP, &picture.x_label, text::small(), theme.text);
    ui.painter().text(frame.left_top() + vec2(6.0, 0.0), Align2::LEFT_TOP, &picture.y_label, text::small(), theme.text);
    let at = |places: &[f64]| frame.left_bottom() + vec2(places[0] as f32, -places[1] as f32) * frame.size();
    if let (Some(origin), Some(end)) = (ui.input(|input| input.pointer.press_origin()), response.interact_pointer_pos())
        && response.dragged()
    {
        let part = |point: Pos2| {
            let point = frame.clamp(point);
            [(point.x - frame.left()) / frame.width(), (frame.bottom() - point.y) / frame.height()].map(f64::from)
        };
        let (one, other) = (part(origin), part(end));
        brush.parts = (0..2).map(|axis| (axis, [one[axis].min(other[axis]), one[axis].max(other[axis])])).collect();
    }
    if let (Some([left, right]), Some([low, high])) = (brush.parts.get(&0), brush.parts.get(&1)) {
        let part = Rect::from_two_pos(at(&[*left, *low]), at(&[*right, *high]));
        let fill = theme.accent.gamma_multiply(0.10);
        ui.painter().rect(part, 0.0, fill, Stroke::new(1.0, theme.accent), StrokeKind::Inside);
    }
    let whole = |places: &[f64]| places.iter().all(|place| (-0.01..=1.01).contains(place));
    let near = response.hover_pos().filter(|_| !response.dragged()).and_then(|point| {
        let found = places.iter().enumerate().filter(|(_, places)| whole(places));
        let found = found.map(|(run, places)| (run, at(places).distance(point)));
        found.min_by(|left, right| left.1.total_cmp(&right.1)).filter(|(_, away)| *away < NEAR).map(|(run, _)| run)
    });
    for (run, (places, taken)) in places.iter().zip(taken).enumerate().filter(|(_, (places, _))| whole(places)) {
        let color = theme.series(slots.get(run).copied().unwrap_or(run));
        let color = if *taken { color } else { theme.edge };
        let radius = if near == Some(run) { 7.0 } else { 5.0 };
        ui.painter().circle(at(places), radius, color, Stroke::new(1.5, theme.ground));
    }
    near
}

/// A drag along an axis chooses a part of it; a click on it takes the choice back.
fn drag(response: &Response, brush: &mut Brush, place: impl Fn(Pos2) -> Option<(usize, f64)>) {
    let origin = response.ctx.input(|input| input.pointer.press_origin());
    if response.drag_started() {
        brush.start = origin.and_then(&place);
    }
    let Some((axis, from)) = brush.start else { return };
    if let Some(point) = response.interact_pointer_pos() {
        let to = place(pos2(origin.map_or(point.x, |origin| origin.x), point.y)).map_or(from, |(_, to)| to);
        brush.parts.insert(axis, [from.min(to), from.max(to)]);
    }
    if response.drag_stopped() {
        brush.start = None;
        if brush.parts.get(&axis).is_some_and(|[low, high]| high - low < 0.01) {
            brush.parts.remove(&axis);
        }
    }
}

/// How far a point is from a line.
fn distance(line: &[Pos2], point: Pos2) -> f32 {
    let pieces = line.windows(2).map(|pair| {
        let way = pair[1] - pair[0];
        let along = ((point - pair[0]).dot(way) / way.length_sq().max(f32::EPSILON)).clamp(0.0, 1.0);
        (pair[0] + way * along).distance(point)
    });
    pieces.fold(f32::INFINITY, f32::min)
}

/// What is known of the run under the pointer.
fn values(response: Response, page: &ChartsView, chart: &Chart, run: usize) {
    let name = page.names.get(run).map_or("", String::as_str);
    let rows: Vec<(String, String)> = match chart.layers.first() {
        Some(Layer::Parallel { axes, rows }) => {
            let values = axes.iter().zip(rows.get(run).map_or(&[][..], |row| &row.values));
            values.map(|(axis, value)| (axis.label.clone(), words(&axis.categories, *value))).collect()
        }
        Some(Layer::Scatter { points, .. }) => {
            let [x, y] = points.get(run).copied().unwrap_or([f64::NAN; 2]);
            [(&chart.x, x), (&chart.y, y)]
                .map(|(axis, value)| (axis.label.clone(), words(&axis.categories, value)))
                .into()
        }
        _ => Vec::new(),
    };
    response.on_hover_ui_at_pointer(|ui| {
        ui.label(egui::RichText::new(name).font(text::strong()));
        egui::Grid::new(Id::unique("run under the pointer")).spacing(vec2(4.0 * GAP, 1.0)).show(ui, |ui| {
            for (label, value) in &rows {
                blocks::words(ui, label, Tone::Muted);
                ui.label(value);
                ui.end_row();
            }
        });
    });
}

fn words(categories: &[String], value: f64) -> String {
    if categories.is_empty() {
        return lab_plot::number(value);
    }
    categories.get(value as usize).cloned().unwrap_or_default()
}
