//! Metrics of runs over time: which charts, along what, how smooth, which part, and where the reading line stands.

use lab_engine::{Command, Reader, Result};
use lab_model::{RunId, Summary};
use lab_plot::{Chart, Layer, Spread};
use serde::Serialize;

use super::oldest_first;
use crate::charts::{self, Along, Kind};
use crate::format::Moment;
use crate::list::{Cursor, Motion};
use crate::screen::Screen;
use crate::session::{Effect, Route, Then};
use crate::{ActionId, metrics};

/// Steps of smoothing that a key goes through.
pub const SMOOTHING: [f64; 4] = [0.0, 0.6, 0.9, 0.99];
/// More charts than this nobody looks at without a filter.
const MOST_CHARTS: usize = 60;
/// Columns of dots that an interface can tell apart, as long as it does not say.
const COLUMNS: usize = 500;
/// This part of the values on either side may be outliers.
const UNUSUAL: f64 = 0.02;
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
    /// Steps by their logarithm.
    pub log_x: bool,
    /// TensorBoard's smoothing, from 0 to 1.
    pub smooth: f64,
    /// Runs that differ in nothing but their seeds are one line with a band.
    pub seeds: bool,
    /// What the band shows.
    pub spread: Spread,
    /// Value axes show what most values are, not the few that are far away.
    pub without_outliers: bool,
    /// Courses, or runs against each other.
    pub kind: Kind,
    /// What a scatter chart shows along x and y.
    pub keys: [Option<String>; 2],
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
    /// Columns of dots of a chart, as the painter says.
    pub columns: Option<usize>,
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
    /// Columns of dots of a chart.
    Columns(usize),
    /// Smooths so much, from 0 to 1.
    Smooth(f64),
    /// Lines go along this.
    Along(Along),
    /// Steps by their logarithm, or not.
    LogX(bool),
    /// Runs that differ in nothing but their seeds become one line, or not.
    Seeds(bool),
    /// What the band shows.
    Spread(Spread),
    /// Leaves the few values that are far away out of sight, or not.
    WithoutOutliers(bool),
    /// Courses, or runs against each other.
    Kind(Kind),
    /// What a scatter chart shows along x and y.
    Keys([Option<String>; 2]),
    /// Shows only this part of the x axis, or all of it.
    Zoom(Option<[f64; 2]>),
    /// More runs, or fewer; the first is never left out.
    Runs(Vec<RunId>),
    /// These runs beside those that were drawn last.
    Add(Vec<RunId>),
    /// Writes a file where the person said in the system's own dialog, which asks before one is replaced.
    Write(std::path::PathBuf, Vec<u8>),
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
    log_x: bool,
    seeds: bool,
    spread: Spread,
    without_outliers: bool,
    kind: Kind,
    keys: [Option<String>; 2],
    columns: usize,
}

/// Charts of the same runs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ChartsView {
    /// One for each metric, with its key; the runs are the slots of the series.
    pub charts: Vec<(String, Chart)>,
    /// The names of the runs, or of groups of them, by slot.
    pub names: Vec<String>,
    /// The runs by slot; of a group the first.
    pub runs: Vec<RunId>,
    /// What a scatter chart can show: parameters and metrics.
    pub keys: Vec<String>,
    /// Metrics there are, also those that are not drawn.
    pub total: usize,
    /// From where to where the x axes go.
    pub extent: [f64; 2],
    /// From this chart on they tell the machine's use along time while the others go along steps: the machine knows
    /// of none. They are neither zoomed nor read with the others.
    pub apart: usize,
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

impl ChartsView {
    /// A chart for each metric, over its steps.
    fn courses(&mut self, reader: &Reader, key: &Key, keys: Vec<String>, moment: &Moment) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let machine = keys.iter().take_while(|key| !metrics::is_machine_use(key)).count();
        self.apart = if key.along == Along::Step && machine > 0 { machine } else { keys.len() };
        let wanted = charts::Key {
            runs: self.runs.clone(),
            metrics: keys[..self.apart].to_vec(),
            kind: key.kind,
            along: key.along,
            log_x: key.log_x,
            log_y: key.log,
            smooth: key.smooth,
            group_by: key.seeds.then(|| "seed".to_owned()),
            spread: key.spread,
            x_range: key.zoom,
            columns: Some(key.columns),
            ..charts::Key::default()
        };
        let mut charts = charts::load(reader, &wanted, moment)?.charts;
        self.extent = extent(&charts);
        if self.apart < keys.len() {
            let metrics = keys[self.apart..].to_vec();
            let apart = charts::Key { metrics, along: Along::Relative, x_range: None, ..wanted };
            charts.extend(charts::load(reader, &apart, moment)?.charts);
        }
        self.charts = titled(keys, charts);
        if key.without_outliers {
            self.charts.iter_mut().for_each(|(_, chart)| chart.y.range = usual(chart));
        }
        Ok(())
    }

    /// One chart that shows each run once.
    fn against_each_other(&mut self, reader: &Reader, key: &Key, main: Option<String>, moment: &Moment) -> Result<()> {
        let [x, y] = key.keys.clone();
        let wanted = charts::Key {
            runs: self.runs.clone(),
            kind: key.kind,
            log_x: key.log_x,
            log_y: key.log,
            x: x.or_else(|| self.keys.first().cloned()),
            y: y.or(main),
            ..charts::Key::default()
        };
        let charts = charts::load(reader, &wanted, moment)?.charts;
        self.charts = charts.into_iter().map(|chart| (chart.title.clone(), chart)).collect();
        Ok(())
    }
}

impl ChartsScreen {
    pub(crate) fn enter(&mut self, runs: Vec<RunId>) {
        if self.draw(runs) {
            (self.zoom, self.reading, self.alone, self.cursor) = (None, None, false, Cursor::default());
            (self.filter, self.keys) = (String::new(), [None, None]);
        }
    }

    /// Draws other runs, and leaves everything else as it is; false when they are the same.
    pub(crate) fn draw(&mut self, runs: Vec<RunId>) -> bool {
        let is_same = self.runs.len() == runs.len() && runs.iter().all(|run| self.runs.contains(run));
        if !is_same {
            self.runs = runs;
        }
        !is_same
    }

    /// The runs that are drawn, or were last.
    pub fn runs(&self) -> &[RunId] {
        &self.runs
    }

    /// The chosen chart.
    pub const fn chosen(&self) -> usize {
        self.cursor.row
    }

    fn act_on(&mut self, id: ActionId, view: Option<&ChartsView>) {
        match id {
            ActionId::LogScale => self.log = !self.log,
            ActionId::Smooth => {
                self.smooth = SMOOTHING.into_iter().find(|more| *more > self.smooth).unwrap_or(SMOOTHING[0]);
            }
            ActionId::StepAxis => self.go_along(match self.along {
                Along::Step => Along::Relative,
                Along::Relative => Along::Time,
                Along::Time => Along::Step,
            }),
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

    fn go_along(&mut self, along: Along) {
        self.along = along;
        (self.zoom, self.reading) = (None, None);
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
            smooth: self.smooth,
            along: self.along,
            filter: self.filter.clone(),
            zoom: self.zoom,
            log_x: self.log_x,
            seeds: self.seeds,
            spread: self.spread,
            without_outliers: self.without_outliers,
            kind: self.kind,
            keys: self.keys.clone(),
            columns: self.columns.unwrap_or(COLUMNS),
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
        let mut choice: Vec<String> = rows.iter().flat_map(|row| row.start.params.keys().cloned()).collect();
        choice.sort();
        choice.dedup();
        choice.extend(keys.iter().cloned());
        let main = keys.first().cloned();
        keys.retain(|key| words.iter().all(|word| key.to_lowercase().contains(word)));
        keys.truncate(MOST_CHARTS);
        let runs: Vec<RunId> = rows.iter().map(|row| row.start.run.clone()).collect();
        let groups = if key.seeds && key.kind == Kind::Line { charts::seed_groups(reader, &rows)? } else { Vec::new() };
        let (charts, extent, apart) = (Vec::new(), [0.0, 1.0], usize::MAX);
        let mut page = ChartsView { charts, names, runs, keys: choice, total, extent, apart };
        if key.kind == Kind::Line || key.kind == Kind::Histogram {
            page.courses(reader, key, keys, moment)?;
            if key.kind == Kind::Histogram {
                let last = summaries.iter().flatten().map(|summary| summary.last_step).max().unwrap_or(1);
                page.extent = [0.0, last as f64];
            }
            if !groups.is_empty() {
                page.runs = groups.iter().map(|(_, places)| page.runs[places[0]].clone()).collect();
                page.names = groups.into_iter().map(|(label, _)| label).collect();
            }
        } else {
            page.against_each_other(reader, key, main, moment)?;
        }
        Ok(page)
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
            ChartsAction::Columns(columns) => self.columns = Some(columns),
            ChartsAction::Smooth(smooth) => self.smooth = smooth.clamp(0.0, 0.999),
            ChartsAction::Along(along) => self.go_along(along),
            ChartsAction::LogX(log_x) => self.log_x = log_x,
            ChartsAction::Seeds(seeds) => self.seeds = seeds,
            ChartsAction::Spread(spread) => self.spread = spread,
            ChartsAction::WithoutOutliers(without) => self.without_outliers = without,
            ChartsAction::Kind(kind) => {
                (self.kind, self.zoom, self.reading, self.alone) = (kind, None, None, false);
            }
            ChartsAction::Keys(keys) => self.keys = keys,
            ChartsAction::Zoom(zoom) => self.zoom = zoom,
            ChartsAction::Runs(runs) => return vec![Effect::Go(Route::Charts(runs))],
            ChartsAction::Add(runs) => {
                let others = runs.into_iter().filter(|run| !self.runs.contains(run));
                return vec![Effect::Go(Route::Charts(self.runs.iter().cloned().chain(others).collect()))];
            }
            ChartsAction::Write(path, bytes) => {
                let words = format!("Written to {}", lab_model::display_bytes(path.to_string_lossy().as_bytes()));
                return vec![Effect::Command(Command::Write { path, bytes, replaces: true }, Then::Say(words))];
            }
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

/// From the smallest to the largest of the usual values, with a margin; nothing when all are usual.
fn usual(chart: &Chart) -> Option<[f64; 2]> {
    let points = chart.layers.iter().filter_map(|layer| match layer {
        Layer::Line { points, .. } => Some(points),
        _ => None,
    });
    let mut values: Vec<f64> = points.flatten().map(|point| point[1]).filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values.get(((values.len().saturating_sub(1)) as f64 * part) as usize).copied();
    let (low, high) = (at(UNUSUAL)?, at(1.0 - UNUSUAL)?);
    let margin = (high - low) * 0.05;
    (high > low).then_some([low - margin, high + margin]).filter(|_| chart.y.scale != lab_plot::Scale::Log)
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
