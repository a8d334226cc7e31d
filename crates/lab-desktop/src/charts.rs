//! Metrics of runs over time: a grid of charts beside the runs that they show.

mod canvas;
mod export;
mod parallel;
mod pictures;
mod plot;
mod tools;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use egui::{Margin, Panel, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use lab_model::RunId;
use lab_plot::{Chart, Layer};
use lab_view::Tone;
use lab_view::charts::Kind;
use lab_view::screens::charts::{ChartsAction, ChartsView};
use lab_view::session::{Action, Route};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::blocks;
use crate::icons::{self, Icon};
use crate::theme::{GAP, MARGIN, ROW, Theme, text};
use plot::Look;
pub use tools::choice;

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// The colour of each run, by its id: it stays with the run wherever it is drawn.
    colors: BTreeMap<String, usize>,
    /// The width that a chart should have at least.
    width: Width,
    #[serde(skip)]
    live: Live,
}

/// How wide charts are.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Width {
    Small,
    #[default]
    Middle,
    Large,
}

/// What lasts as long as the window.
#[derive(Default)]
struct Live {
    /// Charts as they were painted last, by metric.
    plots: HashMap<String, plot::Plot>,
    /// So many were made anew in this frame.
    made: usize,
    /// Where the pointer reads, along x: in the frame before, and in this one.
    hover: Option<f64>,
    next_hover: Option<f64>,
    /// Where a box began.
    drag: Option<egui::Pos2>,
    /// Runs that are not drawn.
    hidden: BTreeSet<String>,
    /// The series under the pointer in the list of runs.
    only: Option<usize>,
    /// The run under the pointer in the list of runs beside which the charts stand.
    pointed: Option<String>,
    /// Parts of value axes that a box has chosen, by metric.
    heights: BTreeMap<String, [f64; 2]>,
    /// What is brushed.
    brush: parallel::Brush,
    /// The place of the step slider, and pictures on the graphics card.
    pictures: pictures::Own,
    /// A file that is about to be written.
    saving: Option<export::Saving>,
}

/// Charts that are made anew in one frame at most.
const MADE_PER_FRAME: usize = 6;
/// The height of a chart's name.
const TITLE: f32 = 26.0;
/// Between charts.
const BETWEEN: f32 = 12.0;

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let mut own = std::mem::take(&mut paint.places.charts);
    painted(paint, ui, &mut own);
    paint.places.charts = own;
}

fn painted(paint: &mut Paint<'_>, ui: &mut Ui, own: &mut Own) {
    begin(paint, ui, own);
    let theme = Theme::of(ui);
    let bar = egui::Frame::new().fill(theme.ground).inner_margin(Margin { left: 16, right: 16, top: 8, bottom: 8 });
    Panel::top("chart tools").frame(bar).show_separator_line(false).show(ui, |ui| tools::paint(paint, ui, own));
    let shown = &paint.session.charts;
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    let slots: Vec<usize> = colors(&mut own.colors, &page.runs);
    let side = egui::Frame::new().fill(theme.ground).inner_margin(Margin { left: 8, right: 14, top: 2, bottom: 8 });
    let list = Panel::right("chart runs").resizable(true).default_size(190.0).size_range(130.0..=360.0).frame(side);
    let mut only = None;
    list.show(ui, |ui| only = runs(paint, ui, page, &slots, &mut own.live));
    if own.live.only != only {
        own.live.only = only;
        ui.ctx().request_repaint();
    }
    drawn(paint, ui, own, page, &slots, true);
}

fn begin(paint: &mut Paint<'_>, ui: &Ui, own: &mut Own) {
    let live = &mut own.live;
    (live.made, live.hover, live.next_hover) = (0, live.next_hover, None);
    export::poll(paint, ui, &mut live.saving);
}

/// Paints the charts beside the list of runs, which names the runs and has their colours.
pub fn beside(paint: &mut Paint<'_>, ui: &mut Ui) {
    let mut own = std::mem::take(&mut paint.places.charts);
    begin(paint, ui, &mut own);
    let bar = egui::Frame::new().inner_margin(Margin { left: 16, right: 12, top: 6, bottom: 6 });
    Panel::top("charts beside").frame(bar).show_separator_line(false).show(ui, |ui| tools::short(paint, ui, &mut own));
    let shown = &paint.session.charts;
    match shown.page() {
        None => blocks::no_page(ui, shown.error(), shown.is_loading()),
        Some(page) => {
            let slots = colors(&mut own.colors, &page.runs);
            let is_pointed = |run: &RunId| own.live.pointed.as_deref() == Some(run.as_str());
            own.live.only = page.runs.iter().position(is_pointed);
            drawn(paint, ui, &mut own, page, &slots, false);
        }
    }
    paint.places.charts = own;
}

impl Own {
    /// The colour of a run that is drawn.
    pub fn color(&self, theme: &Theme, run: &str) -> Option<egui::Color32> {
        self.colors.get(run).filter(|_| !self.live.hidden.contains(run)).map(|slot| theme.series(*slot))
    }

    /// Beside the charts the pointer is on this run, or on none; true when that is new.
    pub fn point_at(&mut self, run: Option<&str>) -> bool {
        let is_new = self.live.pointed.as_deref() != run;
        self.live.pointed = run.map(ToOwned::to_owned);
        is_new
    }
}

/// Paints what the page shows. `is_place` says that there is nothing beside it.
fn drawn(paint: &mut Paint<'_>, ui: &mut Ui, own: &mut Own, page: &ChartsView, slots: &[usize], is_place: bool) {
    let shown = &paint.session.charts;
    if let Some(error) = shown.error() {
        return blocks::no_page(ui, Some(error), false);
    }
    if page.charts.is_empty() {
        let filtered = !shown.screen.filter.is_empty();
        let (title, hint) = if filtered {
            ("No metric has these words", "Clear the filter to see all")
        } else {
            ("Nothing was logged", "`lab log loss=0.3 --step 10` logs a value; printed `loss=0.3` is found too")
        };
        return blocks::empty(ui, title, hint);
    }
    let is_of = |fits: fn(&Layer) -> bool| page.charts.iter().any(|(_, chart)| chart.layers.iter().any(fits));
    if is_of(|layer| matches!(layer, Layer::Parallel { .. } | Layer::Scatter { .. })) {
        parallel::paint(paint, ui, page, slots, &mut own.live.brush);
    } else if is_of(|layer| matches!(layer, Layer::Images { .. })) {
        pictures::paint(ui, page, &mut own.live.pictures);
    } else {
        let generation = shown.generation();
        grid(paint, ui, own, page, slots, (generation, is_place));
    }
    if own.live.hover != own.live.next_hover {
        ui.ctx().request_repaint();
    }
}

/// The colour of each run: what it has, otherwise the one that fewest of these runs have.
fn colors(known: &mut BTreeMap<String, usize>, runs: &[RunId]) -> Vec<usize> {
    let mut used = [0_usize; Theme::COLORS];
    for slot in runs.iter().filter_map(|run| known.get(run.as_str())) {
        used[slot % Theme::COLORS] += 1;
    }
    let mut color = |run: &RunId| {
        *known.entry(run.as_str().to_owned()).or_insert_with(|| {
            let free = (0..Theme::COLORS).min_by_key(|slot| used[*slot]).unwrap_or(0);
            used[free] += 1;
            free
        })
    };
    runs.iter().map(&mut color).collect()
}

/// The runs with their colours; the one under the pointer is given back.
fn runs(paint: &mut Paint<'_>, ui: &mut Ui, page: &ChartsView, slots: &[usize], live: &mut Live) -> Option<usize> {
    let theme = Theme::of(ui);
    let mut only = None;
    ui.horizontal(|ui| {
        let count = lab_view::format::count(
            page.names.len() as u64,
            if paint.session.charts.screen.seeds { "group" } else { "run" },
        );
        ui.label(RichText::new(count).font(text::small()).color(theme.muted));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if !live.hidden.is_empty() && blocks::small_button(ui, "Show all").clicked() {
                live.hidden.clear();
            }
        });
    });
    ui.add_space(GAP);
    ScrollArea::vertical().auto_shrink([false, true]).max_height(ui.available_height() - 36.0).show_rows(
        ui,
        24.0,
        page.names.len(),
        |ui, rows| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for slot in rows {
                let (name, color) = (&page.names[slot], theme.series(slots[slot]));
                let is_hidden = page.runs.get(slot).is_some_and(|run| live.hidden.contains(run.as_str()));
                let response = run(ui, name, color, is_hidden);
                if response.hovered() && !is_hidden {
                    only = Some(slot);
                }
                let Some(id) = page.runs.get(slot) else { continue };
                if response.double_clicked() {
                    live.hidden =
                        page.runs.iter().filter(|run| *run != id).map(|run| run.as_str().to_owned()).collect();
                } else if response.clicked() && !live.hidden.remove(id.as_str()) {
                    live.hidden.insert(id.as_str().to_owned());
                }
                response.on_hover_text(format!("{name}\nClick to hide or show, twice to show it alone")).context_menu(
                    |ui| {
                        if ui.button("Open the run").clicked() {
                            paint.wish(Action::Go(Route::Run(id.clone())));
                        }
                        if page.runs.len() > 1 && ui.button("Leave it out").clicked() {
                            let others = page.runs.iter().filter(|run| *run != id).cloned().collect();
                            paint.wish(Action::Charts(ChartsAction::Runs(others)));
                        }
                    },
                );
            }
        },
    );
    add_run(paint, ui);
    only
}

fn run(ui: &mut Ui, name: &str, color: egui::Color32, is_hidden: bool) -> egui::Response {
    let theme = Theme::of(ui);
    let (place, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
    if response.hovered() {
        ui.painter().rect_filled(place, 6.0, theme.hover);
    }
    let bar = Rect::from_center_size(pos2(place.left() + 12.0, place.center().y), vec2(12.0, 3.0));
    let color = if is_hidden { theme.edge } else { color };
    ui.painter().rect_filled(bar, 1.5, color);
    let words = Rect::from_min_max(pos2(place.left() + 26.0, place.top()), place.max - vec2(4.0, 0.0));
    let ink = if is_hidden { theme.muted } else { theme.text };
    blocks::elided(ui, words, name, text::body(), ink, lab_view::Align::Left);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, !is_hidden, format!("Draw {name}")));
    response
}

/// A menu of runs that could be drawn too; runs can also be dropped here from the list.
fn add_run(paint: &mut Paint<'_>, ui: &mut Ui) {
    let Route::Charts(now) = paint.session.route().clone() else { return };
    let listed = paint.session.runs.page();
    let others: Vec<(RunId, String)> = listed
        .map(|page| page.subjects(0..usize::MAX).to_vec())
        .unwrap_or_default()
        .into_iter()
        .filter(|subject| !now.contains(&subject.run))
        .map(|subject| (subject.run, subject.name))
        .collect();
    ui.add_space(GAP);
    ui.add_enabled_ui(!others.is_empty(), |ui| {
        ui.menu_button("Add run…", |ui| {
            ScrollArea::vertical().max_height(320.0).show_rows(ui, ROW, others.len(), |ui, rows| {
                for (run, name) in &others[rows] {
                    if ui.button(name).clicked() {
                        let mut runs = now.clone();
                        runs.push(run.clone());
                        paint.wish(Action::Charts(ChartsAction::Runs(runs)));
                    }
                }
            });
        });
    });
}

fn grid(
    paint: &mut Paint<'_>,
    ui: &mut Ui,
    own: &mut Own,
    page: &ChartsView,
    slots: &[usize],
    (generation, is_place): (u64, bool),
) {
    let screen = &paint.session.charts.screen;
    let count = page.charts.len();
    let chosen = screen.chosen().min(count - 1);
    let room = ui.available_rect_before_wrap();
    let alone = is_place && screen.alone || count == 1;
    let inner = room.width() - MARGIN - 4.0;
    let wanted = match own.width {
        Width::Small => 250.0,
        Width::Middle => 380.0,
        Width::Large => 620.0,
    };
    // There is less room beside a list.
    let wanted = if is_place { wanted } else { wanted * 0.75 };
    let across = if alone { 1 } else { ((inner / wanted) as usize).clamp(1, 6).min(count) };
    let wide = (inner - BETWEEN * (across as f32 - 1.0)) / across as f32;
    let rows = if alone { 1 } else { count.div_ceil(across) };
    let fill = (room.height() - 8.0) / rows as f32 - BETWEEN;
    let high = if alone { room.height() - 12.0 } else { fill.clamp((wide * 0.58).clamp(180.0, 330.0), 420.0) };
    tell(paint, across, wide, is_place.then_some((count, rows)));
    let scrolls = !alone && rows as f32 * (high + BETWEEN) > room.height();
    let look = |place| Look { page, place, generation, slots, wheel_zooms: !scrolls, is_place };
    if alone {
        let area = Rect::from_min_size(room.min + vec2(MARGIN, 0.0), vec2(wide, high));
        return card(paint, ui, area, &mut own.live, &look(chosen), true);
    }
    ScrollArea::vertical().id_salt("charts").auto_shrink(false).show_viewport(ui, |ui, seen| {
        ui.set_height(rows as f32 * (high + BETWEEN));
        let corner = ui.min_rect().min + vec2(MARGIN, 0.0);
        let first = (seen.top() / (high + BETWEEN)).floor().max(0.0) as usize;
        let last = ((seen.bottom() / (high + BETWEEN)).ceil() as usize).min(rows);
        for place in first * across..(last * across).min(count) {
            let at = vec2((place % across) as f32 * (wide + BETWEEN), (place / across) as f32 * (high + BETWEEN));
            let area = Rect::from_min_size(corner + at, vec2(wide, high));
            card(paint, ui, area, &mut own.live, &look(place), is_place && place == chosen);
        }
    });
}

/// What the session has to know of the grid; of one beside a list not where its cursor is.
fn tell(paint: &mut Paint<'_>, across: usize, wide: f32, place: Option<(usize, usize)>) {
    let screen = &paint.session.charts.screen;
    // In steps, so that a panel that is drawn wider does not ask for new points all the time.
    let columns = ((wide as usize).div_ceil(250) * 250).clamp(250, 2000);
    if screen.columns != Some(columns) {
        paint.wish(Action::Charts(ChartsAction::Columns(columns)));
    }
    let Some((count, rows)) = place else { return };
    if screen.across != across {
        paint.wish(Action::Charts(ChartsAction::Across(across)));
    }
    if screen.cursor.height != across * rows {
        paint.wish(Action::Extent { height: across * rows, total: Some(count) });
    }
}

/// A chart with its name, in a card.
fn card(paint: &mut Paint<'_>, ui: &mut Ui, area: Rect, live: &mut Live, look: &Look<'_>, is_chosen: bool) {
    let theme = Theme::of(ui);
    let (name, chart) = &look.page.charts[look.place];
    let edge = if is_chosen && look.page.charts.len() > 1 { theme.accent.gamma_multiply(0.6) } else { theme.edge };
    let radius = f32::from(crate::theme::RADIUS) + 2.0;
    let stroke = egui::Stroke::new(1.0, edge);
    ui.painter().rect(area, radius, theme.raised, stroke, egui::StrokeKind::Inside);
    let title = Rect::from_min_size(area.min + vec2(10.0, 5.0), vec2(area.width() - 20.0, TITLE));
    let mut head = ui.new_child(
        UiBuilder::new()
            .max_rect(title)
            .id_salt(("head", name))
            .layout(egui::Layout::right_to_left(egui::Align::Center)),
    );
    card_buttons(paint, &mut head, live, look);
    let words = Rect::from_min_max(title.min, pos2(head.min_rect().left() - 6.0, title.bottom()));
    let response = ui.interact(words, ui.scope_id().with(("name", name)), Sense::click());
    let shown = lab_model::display_bytes(name.as_bytes());
    blocks::elided(ui, words, &shown, text::strong(), theme.text, lab_view::Align::Left);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &shown));
    if response.clicked() {
        paint.wish(Action::Charts(ChartsAction::Choose(look.place)));
    }
    if response.double_clicked() {
        enlarge(paint, look);
    }
    let mut below = area.bottom() - 6.0;
    if let Some(note) = chart.notes.first() {
        below -= 18.0;
        let at = Rect::from_min_max(pos2(area.left() + 12.0, below), area.max - vec2(12.0, 6.0));
        blocks::elided(ui, at, note, text::body(), theme.tone(Tone::Warn), lab_view::Align::Left);
    }
    let inner = Rect::from_min_max(pos2(area.left() + 4.0, title.bottom() + 2.0), pos2(area.right() - 4.0, below));
    plot::paint(paint, ui, inner, live, look);
}

fn card_buttons(paint: &mut Paint<'_>, ui: &mut Ui, live: &mut Live, look: &Look<'_>) {
    let name = &look.page.charts[look.place].0;
    let alone = look.is_place && paint.session.charts.screen.alone;
    if look.page.charts.len() > 1 {
        let (icon, words) = if alone { (Icon::Reduce, "All charts") } else { (Icon::Enlarge, "Enlarge") };
        let response = icons::button(ui, icon, &format!("{words} {name}"));
        if response.clicked() {
            enlarge(paint, look);
        }
    }
    let response = icons::button(ui, Icon::More, &format!("Export {name}"));
    egui::Popup::menu(&response).show(|ui| export::menu(ui, look.page, look.place, &mut live.saving));
    if live.heights.contains_key(name)
        && blocks::small_button(ui, "Whole").on_hover_text("Show the whole value axis again").clicked()
    {
        live.heights.remove(name);
    }
}

/// One chart fills the place, or all are shown again.
fn enlarge(paint: &mut Paint<'_>, look: &Look<'_>) {
    let screen = &paint.session.charts.screen;
    let alone = look.is_place && screen.alone;
    if !look.is_place {
        paint.wish(Action::Go(Route::Charts(screen.runs().to_vec())));
    }
    paint.wish(Action::Charts(ChartsAction::Choose(look.place)));
    paint.wish(Action::Charts(ChartsAction::Alone(!alone)));
}

/// Paints one chart among other blocks.
pub fn block(ui: &mut Ui, _: &str, chart: &Chart) {
    plot::still(ui, chart);
}

/// What can be chosen of the kinds of charts, and what it is called.
const KINDS: [(Kind, &str); 5] = [
    (Kind::Line, "Lines"),
    (Kind::Parallel, "Parallel"),
    (Kind::Scatter, "Scatter"),
    (Kind::Histogram, "Histograms"),
    (Kind::Images, "Images"),
];
