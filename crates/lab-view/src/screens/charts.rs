//! Metrics of runs over time: which charts, along what, how smooth, which part, and where the reading line stands.

use lab_engine::{Reader, Result};
use lab_model::{RunId, Summary};
use lab_plot::{Chart, Layer};
use serde::Serialize;

use super::oldest_first;
use crate::charts::{self, Along};
use crate::format::Moment;
use crate::list::{Cursor, Motion};
use crate::screen::Screen;
use crate::session::Effect;
use crate::{ActionId, metrics};

/// Steps of smoothing.
pub const SMOOTHING: [f64; 4] = [0.0, 0.6, 0.9, 0.99];
/// More charts than this nobody looks at without a filter.
const MOST_CHARTS: usize = 60;
/// Columns of dots that an interface can tell apart at most.
const COLUMNS: usize = 500;
/// The reading line moves by this part of what is shown.
const READING_STEP: f64 = 0.01;
/// A step of zooming leaves this part.
const ZOOM: f64 = 0.6;

/// The choices.
#[derive(Clone, Default)]
pub struct ChartsScreen {
    /// The chosen chart, in rows of the grid as the painter lays it out.
    pub cursor: Cursor,
    /// Values by their logarithm.
    pub log: bool,
    /// A place in [`SMOOTHING`].
    pub smoothing: usize,
    /// What lines go along.
    pub along: Along,
    /// Only metrics with these words in their names.
    pub filter: String,
    /// Only this part of the x axis.
    pub zoom: Option<[f64; 2]>,
    /// Where all values are read.
    pub reading: Option<f64>,
    /// The chosen chart fills the place.
    pub alone: bool,
    /// Charts that stand in one row of the grid, as the painter says.
    pub across: usize,
    runs: Vec<RunId>,
}

/// What a person can do here.
#[derive(Clone, PartialEq, Debug)]
pub enum ChartsAction {
    /// Something of [`crate::ACTIONS`] that is about charts.
    Do(ActionId),
    /// Only metrics with these words.
    Filter(String),
    /// Reads the values here.
    Read(f64),
    /// Chooses a chart by its place.
    Choose(usize),
    /// One chart fills the place, or all are shown again.
    Alone(bool),
    /// Charts that stand in one row.
    Across(usize),
}

/// What is drawn.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    runs: Vec<RunId>,
    log: bool,
    smooth: f64,
    along: Along,
    filter: String,
    zoom: Option<[f64; 2]>,
}

/// Charts of the same runs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ChartsView {
    /// One for each metric, with its key; the runs are the slots of the series.
    pub charts: Vec<(String, Chart)>,
    /// The names of the runs, by slot.
    pub names: Vec<String>,
    /// Metrics there are, also those that are not drawn.
    pub total: usize,
    /// From where to where the x axes go.
    pub extent: [f64; 2],
}

impl ChartsView {
    /// The values of a chart at a place of the x axis: slot, x and y of the nearest point of each run.
    pub fn read(&self, chart: usize, x: f64) -> Vec<(usize, f64, f64)> {
        let Some((_, chart)) = self.charts.get(chart) else { return Vec::new() };
        let mut values = Vec::new();
        for layer in &chart.layers {
            let Layer::Line { slot, points, faint: false, .. } = layer else { continue };
            let next = points.partition_point(|point| point[0] < x);
            let near = [next.checked_sub(1), Some(next)].into_iter().flatten().filter_map(|place| points.get(place));
            let nearest = near.min_by(|left, right| (left[0] - x).abs().total_cmp(&(right[0] - x).abs()));
            values.extend(nearest.map(|[x, y]| (*slot, *x, *y)));
        }
        values
    }
}

impl ChartsScreen {
    pub(crate) fn enter(&mut self, runs: Vec<RunId>) {
        if self.runs != runs {
            *self = Self { runs, log: self.log, smoothing: self.smoothing, along: self.along, ..Self::default() };
        }
    }

    /// The chosen chart.
    pub const fn chosen(&self) -> usize {
        self.cursor.row
    }

    fn act_on(&mut self, id: ActionId, view: Option<&ChartsView>) {
        match id {
            ActionId::LogScale => self.log = !self.log,
            ActionId::Smooth => self.smoothing = (self.smoothing + 1) % SMOOTHING.len(),
            ActionId::StepAxis => {
                self.along = match self.along {
                    Along::Step => Along::Relative,
                    Along::Relative => Along::Time,
                    Along::Time => Along::Step,
                };
                (self.zoom, self.reading) = (None, None);
            }
            ActionId::ResetZoom => self.zoom = None,
            ActionId::NextPart => self.cursor.go(Motion::By(1)),
            ActionId::PreviousPart => self.cursor.go(Motion::By(-1)),
            _ => {}
        }
        let Some(view) = view else { return };
        let [low, high] = self.zoom.unwrap_or(view.extent);
        let width = high - low;
        match id {
            ActionId::ZoomIn => self.zoom_to(low, high, ZOOM),
            ActionId::ZoomOut => {
                self.zoom_to(low, high, 1.0 / ZOOM);
                if self.zoom.is_some_and(|[low, high]| high - low >= view.extent[1] - view.extent[0]) {
                    self.zoom = None;
                }
            }
            ActionId::PanLeft => self.zoom = Some([low - width / 5.0, high - width / 5.0]),
            ActionId::PanRight => self.zoom = Some([low + width / 5.0, high + width / 5.0]),
            ActionId::ReadLeft => self.read_further(-1.0, low, high),
            ActionId::ReadRight => self.read_further(1.0, low, high),
            _ => {}
        }
    }

    /// What stands at the reading line stays there.
    fn zoom_to(&mut self, low: f64, high: f64, part: f64) {
        let at = self.reading.filter(|at| (low..=high).contains(at)).unwrap_or(low / 2.0 + high / 2.0);
        let zoom = [at - (at - low) * part, at + (high - at) * part];
        if zoom[1] - zoom[0] > f64::EPSILON * at.abs().max(1.0) {
            self.zoom = Some(zoom);
        }
    }

    fn read_further(&mut self, sign: f64, low: f64, high: f64) {
        let mut step = (high - low) * READING_STEP;
        if self.along == Along::Step {
            step = step.round().max(1.0);
        }
        let from = self.reading.unwrap_or(if sign > 0.0 { low - step } else { high + step });
        self.reading = Some((from + sign * step).clamp(low, high));
    }
}

impl Screen for ChartsScreen {
    type Key = Key;
    type Page = ChartsView;
    type Action = ChartsAction;

    fn key(&self) -> Option<Key> {
        (!self.runs.is_empty()).then(|| Key {
            runs: self.runs.clone(),
            log: self.log,
            smooth: SMOOTHING[self.smoothing],
            along: self.along,
            filter: self.filter.clone(),
            zoom: self.zoom,
        })
    }

    fn load(reader: &Reader, key: &Key, moment: &Moment) -> Result<ChartsView> {
        let rows = oldest_first(reader, &key.runs)?;
        let summaries = rows.iter().map(|row| reader.summaries(row)).collect::<Result<Vec<_>>>()?;
        let names = rows.iter().map(|row| lab_model::display_bytes(row.name.as_bytes())).collect();
        let mut keys = metrics::main_keys(&summaries, usize::MAX);
        // A single sample of the machine is no course of anything.
        let has_course = |summary: &&Summary| summary.count > 1 || !metrics::is_machine_use(&summary.key);
        let mut others: Vec<&String> =
            summaries.iter().flatten().filter(has_course).map(|summary| &summary.key).collect();
        // What was logged comes before what the machine did.
        others.sort_by_key(|key| (metrics::is_machine_use(key), key.as_str()));
        for other in others {
            if !keys.contains(other) {
                keys.push(other.clone());
            }
        }
        let total = keys.len();
        let words: Vec<String> = key.filter.split_whitespace().map(str::to_lowercase).collect();
        keys.retain(|key| words.iter().all(|word| key.to_lowercase().contains(word)));
        keys.truncate(MOST_CHARTS);
        let mut charts = Vec::new();
        if !keys.is_empty() {
            let wanted = charts::Key {
                runs: rows.into_iter().map(|row| row.start.run).collect(),
                metrics: keys.clone(),
                along: key.along,
                log_y: key.log,
                smooth: key.smooth,
                x_range: key.zoom,
                columns: Some(COLUMNS),
                ..charts::Key::default()
            };
            charts = charts::load(reader, &wanted, moment)?.charts;
        }
        Ok(ChartsView { extent: extent(&charts), charts: titled(keys, charts), names, total })
    }

    fn arrived(&mut self, page: &ChartsView) {
        self.cursor.set_total(page.charts.len());
    }

    fn act(&mut self, action: ChartsAction, page: Option<&ChartsView>) -> Vec<Effect> {
        match action {
            ChartsAction::Do(id) => self.act_on(id, page),
            ChartsAction::Filter(filter) => {
                self.filter = filter;
                self.cursor.go(Motion::First);
            }
            ChartsAction::Read(x) => self.reading = Some(x),
            ChartsAction::Choose(place) => self.cursor.go(Motion::To(place)),
            ChartsAction::Alone(alone) => self.alone = alone,
            ChartsAction::Across(across) => self.across = across,
        }
        Vec::new()
    }
}

/// Each chart with its metric; one legend for all of them stands elsewhere, so theirs go.
fn titled(keys: Vec<String>, charts: Vec<Chart>) -> Vec<(String, Chart)> {
    let nameless = |mut chart: Chart| {
        for layer in &mut chart.layers {
            if let Layer::Line { name, .. } = layer {
                name.clear();
            }
        }
        chart.y.label.clear();
        chart
    };
    keys.into_iter().zip(charts.into_iter().map(nameless)).collect()
}

fn extent(charts: &[Chart]) -> [f64; 2] {
    let lines = charts.iter().flat_map(|chart| &chart.layers);
    let points = lines.filter_map(|layer| match layer {
        Layer::Line { points, .. } => Some([points.first()?[0], points.last()?[0]]),
        _ => None,
    });
    let whole = points
        .fold([f64::INFINITY, f64::NEG_INFINITY], |range, [first, last]| [range[0].min(first), range[1].max(last)]);
    if whole[0] <= whole[1] { whole } else { [0.0, 1.0] }
}
