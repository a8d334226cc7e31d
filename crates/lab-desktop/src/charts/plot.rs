//! One chart: its frame, its lines, and what the mouse does on it.

use egui::{
    Align2, Area, CornerRadius, CursorIcon, Id, Order, PointerButton, Pos2, Rect, Response, Sense, Stroke, StrokeKind,
    Ui, UiBuilder, Vec2, pos2, vec2,
};
use lab_plot::{Chart, Layer, Mapping, Picture};
use lab_view::metrics;
use lab_view::screens::charts::{ChartsAction, ChartsView};
use lab_view::session::Action;

use super::Live;
use super::canvas::{Canvas, Ink};
use crate::app::Paint;
use crate::blocks;
use crate::theme::{Theme, text};

/// Room for the numbers on the left and below.
const LEFT: f32 = 50.0;
const BELOW: f32 = 22.0;
/// Less than this was meant as a click, or as a box over the whole height.
const LEAST: f32 = 10.0;
/// The table by the pointer has at most so many rows.
const MOST_READ: usize = 14;
/// The height of one of them, in points.
const LINE: f32 = 18.0;
/// What ended further away than this part of the axis is not read any more.
const FAR: f64 = 0.02;

/// Everything that the triangles of a chart depend on.
#[derive(Clone, PartialEq)]
struct Key {
    generation: u64,
    size: Vec2,
    pixels_per_point: f32,
    x: Option<[f64; 2]>,
    y: Option<[f64; 2]>,
    is_dark: bool,
    hidden: Vec<bool>,
    only: Option<usize>,
    slots: Vec<usize>,
}

/// A chart as it was painted last.
pub struct Plot {
    key: Key,
    picture: Picture,
    canvas: Canvas,
}

/// What a chart is painted with.
pub struct Look<'a> {
    /// All charts.
    pub page: &'a ChartsView,
    /// The place of this one.
    pub place: usize,
    /// See [`lab_view::screen::Shown::generation`].
    pub generation: u64,
    /// The slot of the theme for each slot of the page.
    pub slots: &'a [usize],
    /// The wheel zooms rather than scrolls.
    pub wheel_zooms: bool,
    /// It stands in the place of charts, not beside a list.
    pub is_place: bool,
}

/// A chart that is there, and what the pointer does on it.
#[derive(Clone, Copy)]
struct On<'a> {
    ui: &'a Ui,
    /// Where its points are.
    frame: Rect,
    response: &'a Response,
    look: &'a Look<'a>,
    picture: &'a Picture,
}

/// Paints a chart that fills the area.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui, area: Rect, live: &mut Live, look: &Look<'_>) {
    let (name, chart) = &look.page.charts[look.place];
    let frame = Rect::from_min_max(area.min + vec2(LEFT, 6.0), area.max - vec2(10.0, BELOW));
    if frame.width() < 40.0 || frame.height() < 20.0 {
        return;
    }
    let zoom = paint.session.charts.screen.zoom;
    let key = key(ui, frame.size(), live, look, zoom, name);
    let is_known = live.plots.get(name).is_some_and(|plot| plot.key == key);
    // Many charts that change at once are made in several frames; until then the old ones are shown.
    if !is_known && (live.made < super::MADE_PER_FRAME || !live.plots.contains_key(name)) {
        live.made += 1;
        let plot = Plot::new(key, chart, frame, ui);
        live.plots.insert(name.clone(), plot);
    } else if !is_known {
        ui.ctx().request_repaint();
    }
    let Some(mut plot) = live.plots.remove(name) else { return };
    axes(ui, frame, &plot.picture);
    ui.painter().with_clip_rect(frame.expand(1.0).intersect(ui.clip_rect())).add(plot.canvas.shape(frame.min));
    let response = ui.interact(frame, ui.scope_id().with(("plot", name)), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, format!("Chart of {name}")));
    let on = On { ui, frame, response: &response, look, picture: &plot.picture };
    mouse(paint, live, &on);
    reading(paint, live, &on);
    live.plots.insert(name.clone(), plot);
}

fn key(ui: &Ui, size: Vec2, live: &Live, look: &Look<'_>, zoom: Option<[f64; 2]>, name: &str) -> Key {
    let is_hidden = |run: &lab_model::RunId| live.hidden.contains(run.as_str());
    Key {
        generation: look.generation,
        size,
        pixels_per_point: ui.ctx().pixels_per_point(),
        x: zoom,
        y: live.heights.get(name).copied(),
        is_dark: ui.visuals().dark_mode,
        hidden: look.page.runs.iter().map(is_hidden).collect(),
        only: live.only,
        slots: look.slots.to_vec(),
    }
}

impl Plot {
    fn new(key: Key, chart: &Chart, frame: Rect, ui: &Ui) -> Self {
        let is_shown = |layer: &&Layer| {
            let (Layer::Line { slot, .. } | Layer::Band { slot, .. } | Layer::Histogram { slot, .. }) = layer else {
                return true;
            };
            !key.hidden.get(*slot).copied().unwrap_or(false)
        };
        let mut chart = Chart {
            layers: chart.layers.iter().filter(is_shown).cloned().collect(),
            x: chart.x.clone(),
            y: chart.y.clone(),
            ..Chart::default()
        };
        chart.x.range = key.x.or(chart.x.range);
        chart.y.range = key.y.or(chart.y.range);
        let picture = Picture::new(&chart, (frame.width() * key.pixels_per_point / 2.0) as usize);
        let theme = Theme::of(ui);
        let series = |slot: usize| theme.series(key.slots.get(slot).copied().unwrap_or(slot));
        let ink = Ink { series: &series, only: key.only };
        let canvas = Canvas::new(&picture, frame, key.pixels_per_point, &ink);
        Self { key, picture, canvas }
    }
}

/// The grid and its numbers.
pub fn axes(ui: &Ui, frame: Rect, picture: &Picture) {
    let theme = Theme::of(ui);
    let painter = ui.painter();
    let grid = Stroke::new(1.0, theme.edge.gamma_multiply(0.7));
    let ticks = picture.y.ticks((frame.height() / 30.0).clamp(3.0, 12.0) as usize);
    for (place, label) in &ticks.major {
        let y = painter.round_to_pixel_center(frame.bottom() - *place as f32 * frame.height());
        painter.hline(frame.x_range(), y, grid);
        painter.text(pos2(frame.left() - 6.0, y), Align2::RIGHT_CENTER, label, text::small(), theme.muted);
    }
    if !ticks.factor.is_empty() {
        painter.text(
            frame.left_top() - vec2(6.0, 2.0),
            Align2::RIGHT_BOTTOM,
            &ticks.factor,
            text::small(),
            theme.muted,
        );
    }
    let ticks = picture.x.ticks((frame.width() / 84.0).clamp(2.0, 12.0) as usize);
    for (place, label) in &ticks.major {
        let x = painter.round_to_pixel_center(frame.left() + *place as f32 * frame.width());
        painter.vline(x, frame.bottom()..=frame.bottom() + 3.0, theme.line());
        let wide = blocks::width(ui, label, text::small()) / 2.0;
        let at = x.clamp(frame.left() - LEFT + wide, (frame.right() + 10.0 - wide).max(frame.left()));
        painter.text(pos2(at, frame.bottom() + 5.0), Align2::CENTER_TOP, label, text::small(), theme.muted);
    }
    painter.hline(frame.x_range(), painter.round_to_pixel_center(frame.bottom()), theme.line());
}

/// What the mouse asks for: a box to look into, a way to the side, closer or further.
fn mouse(paint: &mut Paint<'_>, live: &mut Live, on: &On<'_>) {
    let On { ui, frame, response, look, picture } = *on;
    let name = &look.page.charts[look.place].0;
    let zoom = |range| Action::Charts(ChartsAction::Zoom(range));
    if response.double_clicked() {
        live.heights.remove(name);
        paint.wish(zoom(None));
    } else if response.clicked()
        && let Some(at) = response.interact_pointer_pos()
    {
        paint.wish(Action::Charts(ChartsAction::Choose(look.place)));
        paint.wish(Action::Charts(ChartsAction::Read(picture.x.value(part(frame, at)[0]))));
    }
    let pans = response.dragged_by(PointerButton::Secondary)
        || response.dragged_by(PointerButton::Middle)
        || response.dragged_by(PointerButton::Primary) && ui.input(|input| input.modifiers.shift);
    if pans {
        let by = f64::from(response.drag_delta().x / frame.width());
        paint.wish(zoom(Some([picture.x.value(-by), picture.x.value(1.0 - by)])));
        ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
        return;
    }
    if response.drag_started_by(PointerButton::Primary) {
        live.drag = ui.input(|input| input.pointer.press_origin());
    }
    if let (Some(origin), Some(end)) = (live.drag, response.interact_pointer_pos())
        && (response.dragged_by(PointerButton::Primary) || response.drag_stopped_by(PointerButton::Primary))
    {
        let chosen = chosen_box(frame, origin, end);
        if response.drag_stopped() {
            live.drag = None;
            look_into(paint, live, frame, chosen, name, picture);
        } else if chosen.width() > LEAST {
            let theme = Theme::of(ui);
            ui.painter().rect(
                chosen,
                CornerRadius::ZERO,
                theme.accent.gamma_multiply(0.12),
                Stroke::new(1.0, theme.accent),
                StrokeKind::Inside,
            );
        }
    }
    let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
    let closer = if look.wheel_zooms && wheel != 0.0 { (wheel / 240.0).exp() } else { pinch };
    if let Some(at) = response.hover_pos().filter(|_| closer != 1.0) {
        let at = part(frame, at)[0];
        let ends = [at - at / f64::from(closer), at + (1.0 - at) / f64::from(closer)];
        paint.wish(zoom(zoomed(&picture.x, ends, look.page.extent)));
    }
}

/// From a place to another on an axis; nothing when it shows everything.
fn zoomed(x: &Mapping, ends: [f64; 2], whole: [f64; 2]) -> Option<[f64; 2]> {
    let [low, high] = ends.map(|end| x.value(end));
    let least = (low.abs().max(high.abs()) * 1e-9).max(1e-12);
    let is_all = low <= whole[0] && high >= whole[1];
    (!is_all && high - low > least).then_some([low, high])
}

/// The box between two points; over the whole height when it is flat.
fn chosen_box(frame: Rect, origin: Pos2, end: Pos2) -> Rect {
    let chosen = Rect::from_two_pos(frame.clamp(origin), frame.clamp(end));
    if chosen.height() < 2.0 * LEAST { Rect::from_x_y_ranges(chosen.x_range(), frame.y_range()) } else { chosen }
}

fn look_into(paint: &mut Paint<'_>, live: &mut Live, frame: Rect, chosen: Rect, name: &str, picture: &Picture) {
    if chosen.width() <= LEAST {
        return;
    }
    let (low, high) = (part(frame, chosen.left_bottom()), part(frame, chosen.right_top()));
    let range = [picture.x.value(low[0]), picture.x.value(high[0])];
    paint.wish(Action::Charts(ChartsAction::Zoom(Some(range))));
    if chosen.height() < frame.height() - 1.0 {
        live.heights.insert(name.to_owned(), [picture.y.value(low[1]), picture.y.value(high[1])]);
    }
}

/// A point on the screen as a place on the unit square.
fn part(frame: Rect, at: Pos2) -> [f64; 2] {
    [f64::from((at.x - frame.left()) / frame.width()), f64::from((frame.bottom() - at.y) / frame.height())]
}

/// The line at which all charts are read: under the pointer, otherwise where a click has left it.
fn reading(paint: &Paint<'_>, live: &mut Live, on: &On<'_>) {
    let On { ui, frame, response, look, picture } = *on;
    let theme = Theme::of(ui);
    let pointer = response.hover_pos().filter(|_| !response.dragged());
    if let Some(at) = pointer {
        live.next_hover = Some(picture.x.value(part(frame, at)[0]));
        ui.ctx().set_cursor_icon(CursorIcon::Crosshair);
    }
    let kept = paint.session.charts.screen.reading;
    for (x, color) in [(kept, theme.accent), (live.hover, theme.muted)] {
        let Some(x) = x else { continue };
        let place = picture.x.place(x) as f32;
        if (0.0..=1.0).contains(&place) {
            let across = ui.painter().round_to_pixel_center(frame.left() + place * frame.width());
            ui.painter().vline(across, frame.y_range(), Stroke::new(1.0, color.gamma_multiply(0.7)));
        }
    }
    let Some(x) = live.hover.or(kept) else { return };
    let read = look.page.read(look.place, x);
    let is_shown = |slot: usize| look.page.runs.get(slot).is_none_or(|run| !live.hidden.contains(run.as_str()));
    let chart = &look.page.charts[look.place].1;
    let mut read: Vec<_> =
        read.into_iter().filter(|(slot, ..)| is_shown(*slot) && reaches(chart, *slot, &picture.x, x)).collect();
    for (slot, x, y) in &read {
        let at = [picture.x.place(*x), picture.y.place(*y)];
        if at.iter().all(|place| (0.0..=1.0).contains(place)) {
            let size = frame.size();
            let center = frame.left_bottom() + vec2(at[0] as f32 * size.x, -at[1] as f32 * size.y);
            let color = theme.series(look.slots.get(*slot).copied().unwrap_or(*slot));
            ui.painter().circle(center, 3.5, color, Stroke::new(1.5, theme.ground));
        }
    }
    if let Some(pointer) = pointer.filter(|_| !read.is_empty()) {
        read.sort_by(|left, right| right.2.total_cmp(&left.2));
        let height = part(frame, pointer)[1];
        let away = |value: f64| (picture.y.place(value) - height).abs();
        let near = read.iter().min_by(|left, right| away(left.2).total_cmp(&away(right.2))).map(|read| read.0);
        table(ui, pointer, x, &read, near, look);
    }
}

/// Whether a series goes on at a place of the x axis, or ends near it.
fn reaches(chart: &Chart, slot: usize, axis: &Mapping, x: f64) -> bool {
    let place = axis.place(x);
    chart.layers.iter().any(|layer| match layer {
        Layer::Line { slot: of, points, faint: false, .. } if *of == slot => {
            let end = |point: Option<&[f64; 2]>| point.map_or(f64::NAN, |point| axis.place(point[0]));
            (end(points.first()) - FAR..=end(points.last()) + FAR).contains(&place)
        }
        _ => false,
    })
}

/// A small table by the pointer: where it is read, and each run's value, the largest first.
fn table(ui: &Ui, pointer: Pos2, x: f64, read: &[(usize, f64, f64)], near: Option<usize>, look: &Look<'_>) {
    let theme = Theme::of(ui);
    let (name, chart) = &look.page.charts[look.place];
    // As many as fit, around the one under the pointer.
    let under = read.iter().position(|(slot, ..)| near == Some(*slot)).unwrap_or(0);
    let first = under.saturating_sub(MOST_READ / 2).min(read.len().saturating_sub(MOST_READ));
    let seen = &read[first..(first + MOST_READ).min(read.len())];
    let set = |words: String, color| ui.painter().layout_no_wrap(words, text::small(), color);
    let title = set(format!("{name} at {}", place_words(chart, x)), theme.muted);
    let rows: Vec<_> = seen
        .iter()
        .map(|(slot, _, value)| {
            let ink = if near == Some(*slot) { theme.text } else { theme.muted };
            let name = look.page.names.get(*slot).cloned().unwrap_or_default();
            (*slot, set(name, ink), set(metrics::cell(*value).text, theme.text))
        })
        .collect();
    let hidden = read.len() - seen.len();
    let more = (hidden > 0).then(|| set(format!("{hidden} more"), theme.muted));
    let widest = rows.iter().map(|(_, name, value)| name.size().x + value.size().x + 40.0).fold(0.0, f32::max);
    let wide = widest.max(title.size().x) + 20.0;
    let size = vec2(wide, LINE * (rows.len() + 1 + usize::from(hidden > 0)) as f32 + 16.0);
    let screen = ui.ctx().content_rect().shrink(6.0);
    let left = if pointer.x + 18.0 + wide < screen.right() { pointer.x + 18.0 } else { pointer.x - 18.0 - wide };
    let top = (pointer.y + 14.0).min(screen.bottom() - size.y).max(screen.top());
    let words: Vec<String> = rows.iter().map(|(_, name, value)| format!("{} {}", name.text(), value.text())).collect();
    let label = format!("{}: {}", title.text(), words.join(", "));
    let area = Area::new(Id::unique("values")).order(Order::Tooltip).interactable(false).fixed_pos(pos2(left, top));
    area.show(ui.ctx(), |ui| {
        let (place, response) = ui.allocate_exact_size(size, Sense::hover());
        let painter = ui.painter();
        painter.add(ui.visuals().popup_shadow.as_shape(place, 8.0));
        painter.rect(place, 8.0, theme.raised, theme.line(), StrokeKind::Inside);
        let mut y = place.top() + 8.0;
        painter.galley(pos2(place.left() + 10.0, y), title, theme.muted);
        y += LINE;
        for (slot, name, value) in rows {
            let line = Rect::from_min_size(pos2(place.left() + 4.0, y - 1.5), vec2(wide - 8.0, LINE));
            if near == Some(slot) {
                painter.rect_filled(line, 4.0, theme.hover);
            }
            let color = theme.series(look.slots.get(slot).copied().unwrap_or(slot));
            let mark = Rect::from_center_size(pos2(place.left() + 15.0, line.center().y), vec2(10.0, 3.0));
            painter.rect_filled(mark, 1.5, color);
            let right = place.right() - 10.0 - value.size().x;
            let middle = line.center().y - name.size().y / 2.0;
            painter.galley(pos2(place.left() + 26.0, middle), name, theme.text);
            painter.galley(pos2(right, middle), value, theme.text);
            y += LINE;
        }
        if let Some(more) = more {
            painter.galley(pos2(place.left() + 26.0, y), more, theme.muted);
        }
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &label));
    });
}

/// A place along x, in words.
pub fn place_words(chart: &Chart, x: f64) -> String {
    match chart.x.scale {
        lab_plot::Scale::Time => lab_view::format::stamp(lab_model::Time(x as i64)),
        lab_plot::Scale::Duration => format!("{} s", lab_plot::number(x)),
        _ => format!("{} {}", chart.x.label, lab_plot::number(x.round())),
    }
}

/// A chart among other blocks, which is only looked at.
pub fn still(ui: &mut Ui, chart: &Chart) {
    let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), 200.0), Sense::hover());
    let frame = Rect::from_min_max(area.min + vec2(LEFT, 6.0), area.max - vec2(10.0, BELOW));
    let picture = Picture::new(chart, frame.width() as usize);
    axes(ui, frame, &picture);
    let theme = Theme::of(ui);
    let ink = Ink { series: &|slot| theme.series(slot), only: None };
    let mut canvas = Canvas::new(&picture, frame, ui.ctx().pixels_per_point(), &ink);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(frame));
    inner.set_clip_rect(frame.expand(1.0).intersect(ui.clip_rect()));
    inner.painter().add(canvas.shape(frame.min));
}
