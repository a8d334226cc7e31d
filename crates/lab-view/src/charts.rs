//! Charts: metrics over steps, and runs against each other.

mod files;
mod matrix;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use lab_engine::{Error, ErrorKind, Reader, Result, RunRow};
use lab_model::{Outline, Point, RelPath, RunId, Series, Summary};
use lab_plot::{Axis, Bins, Chart, Layer, ParallelRow, RidgeRow, Scale, Spread, thin};
use serde::Serialize;
use serde_json::Value;

use crate::block::{Block, Blocks, Section, Sections};
use crate::format::Moment;
use crate::{Line, Tone, format, metrics, seeds};

/// What a chart shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// Metrics over their steps or their time.
    #[default]
    Line,
    /// One point for each run.
    Scatter,
    /// Each run's way through its parameters to its result.
    Parallel,
    /// The last value of each run.
    Bar,
    /// How often each value was logged.
    Histogram,
    /// How the values of a metric spread, from the first steps to the last.
    Ridge,
    /// A table of counts from a file of the run.
    Confusion,
    /// Pictures that the run wrote.
    Images,
}

/// What a line goes along.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Along {
    /// The logged step.
    #[default]
    Step,
    /// The time of day, where the reader is.
    Time,
    /// The time since the start of the run.
    Relative,
}

/// What is to be drawn.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Key {
    /// The runs; each is a series, in this order.
    pub runs: Vec<RunId>,
    /// The metrics; the main ones where none is named.
    pub metrics: Vec<String>,
    /// What the chart shows.
    pub kind: Kind,
    /// What lines go along.
    pub along: Along,
    /// The x axis by its logarithm.
    pub log_x: bool,
    /// The y axis by its logarithm.
    pub log_y: bool,
    /// TensorBoard's smoothing, from 0 to 1.
    pub smooth: f64,
    /// One mean with a band for all runs that share the value of this parameter; `seed` puts
    /// together the runs that differ in nothing but their seeds.
    pub group_by: Option<String>,
    /// What the band shows.
    pub spread: Spread,
    /// The metric or parameter along x, of a scatter chart.
    pub x: Option<String>,
    /// The metric or parameter along y, of a scatter chart.
    pub y: Option<String>,
    /// The file that holds a confusion matrix, as CSV; the picture, or the directory of pictures.
    pub file: Option<RelPath>,
    /// Only this part of the x axis; of histograms the values of these steps, without the last.
    pub x_range: Option<[f64; 2]>,
    /// So many columns of dots are all that can be told apart, where that is known; lines only.
    pub columns: Option<usize>,
}

/// Charts side by side.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct ChartsPage {
    /// What they show.
    pub headline: Line,
    /// The charts.
    pub charts: Vec<Chart>,
}

impl Blocks for ChartsPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        let start = Sections::default().add("", Block::Line(&self.headline));
        self.charts.iter().fold(start, |sections, chart| sections.add("", Block::Chart(chart))).finish()
    }
}

/// Charts of one metric when none is named.
const CHARTS: usize = 4;
/// Points of a line from which on it is thinned, and columns of which four points each are left then.
const POINTS_MAX: usize = 8000;
const COLUMNS: usize = 2000;
/// Points of an outline that a column should have: those of a stretch.
const ENOUGH: usize = 4;
/// Histograms behind each other.
const RIDGES: usize = 10;

/// Reads the points and makes the charts.
///
/// # Errors
/// [`ErrorKind::Missing`] when a metric, parameter or file is not there; the hint names what is.
pub fn load(reader: &Reader, key: &Key, moment: &Moment) -> Result<ChartsPage> {
    let find = |id: &RunId| {
        let missing = || Error::new(ErrorKind::Missing, format!("No run has the id {id}"));
        reader.run(id)?.ok_or_else(missing)
    };
    let rows = key.runs.iter().map(find).collect::<Result<Vec<_>>>()?;
    let headline = match &rows[..] {
        [row] => Line::of(format!("{} ({})", name(row), row.start.run), Tone::Accent),
        rows => Line::of(format::count(rows.len() as u64, "run"), Tone::Muted),
    };
    if key.kind == Kind::Images {
        return Ok(ChartsPage { headline, charts: files::images_of(reader, &rows, key.file.as_ref())? });
    }
    if key.kind == Kind::Confusion {
        let charts = rows.iter().map(|row| files::confusion(reader, row, key.file.as_ref()));
        return Ok(ChartsPage { headline, charts: charts.collect::<Result<_>>()? });
    }
    let groups = key.group_by.as_ref().map(|parameter| groups(reader, &rows, parameter)).transpose()?;
    let groups = groups.as_deref();
    let summaries = rows.iter().map(|row| reader.summaries(row)).collect::<Result<Vec<_>>>()?;
    let wanted = wanted(&summaries, key)?;
    let charts = match key.kind {
        Kind::Scatter => vec![scatter(&rows, &summaries, key, groups)?],
        Kind::Parallel => vec![parallel(&rows, &summaries, &wanted)],
        Kind::Bar => wanted.iter().map(|metric| bars(&rows, &summaries, metric, key, groups)).collect(),
        Kind::Histogram | Kind::Ridge => {
            let series = rows.iter().map(|row| reader.series(row)).collect::<Result<Vec<_>>>()?;
            let charts = |metric: &String| match key.kind {
                Kind::Histogram => vec![histogram(&rows, &series, metric, key)],
                _ => ridges(&rows, &series, metric),
            };
            wanted.iter().flat_map(charts).collect()
        }
        _ => {
            let chart = |metric: &String| lines(reader, &rows, metric, key, groups, moment);
            wanted.iter().map(chart).collect::<Result<_>>()?
        }
    };
    Ok(ChartsPage { headline, charts })
}

/// The metrics to be drawn.
fn wanted(summaries: &[Vec<Summary>], key: &Key) -> Result<Vec<String>> {
    let mut known: Vec<&str> = summaries.iter().flatten().map(|summary| summary.key.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    if let Some(unknown) = key.metrics.iter().find(|metric| !known.contains(&metric.as_str())) {
        return Err(not_there("metric", unknown, &known));
    }
    if !key.metrics.is_empty() || key.kind == Kind::Scatter {
        return Ok(key.metrics.clone());
    }
    let most = if key.kind == Kind::Parallel { 1 } else { CHARTS };
    let mut main = metrics::main_keys(summaries, most);
    if main.is_empty() {
        main = known
            .iter()
            .filter(|metric| !metrics::is_machine_use(metric))
            .take(most)
            .map(ToString::to_string)
            .collect();
    }
    if main.is_empty() && key.kind != Kind::Parallel {
        let error = Error::new(ErrorKind::Missing, "No metrics were logged");
        return Err(error.hint("`lab log loss=0.3 --step 10` logs one; -m sys/… draws the machine's use"));
    }
    Ok(main)
}

/// What is not there, and what was meant.
fn not_there(what: &str, unknown: &str, known: &[&str]) -> Error {
    let error = Error::new(ErrorKind::Missing, format!("No {what} is called {unknown}"));
    let near = known.iter().map(|word| (distance(unknown, word), *word)).min();
    match near {
        Some((distance, word)) if distance <= 1 + unknown.chars().count() / 3 => {
            error.hint(format!("did you mean {word}?"))
        }
        Some(_) => {
            let owned: Vec<String> = known.iter().map(ToString::to_string).collect();
            error.hint(format!("there are {}", format::some_of(&owned, 8)))
        }
        None => error.hint("`lab show RUN` lists what a run has"),
    }
}

/// Letters to be changed, added or removed to make one word the other (Levenshtein, 1966).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (place, c) in left.chars().take(64).enumerate() {
        let mut corner = std::mem::replace(&mut row[0], place + 1);
        for (column, other) in right.iter().enumerate() {
            let change = corner + usize::from(c != *other);
            corner = row[column + 1];
            row[column + 1] = change.min(corner + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

fn name(row: &RunRow) -> String {
    lab_model::display_bytes(row.name.as_bytes())
}

fn scale(log: bool) -> Scale {
    if log { Scale::Log } else { Scale::Linear }
}

fn metric_axis(metric: &str, log: bool) -> Axis {
    Axis::new(lab_model::display_bytes(metric.as_bytes())).scale(scale(log))
}

fn lines(
    reader: &Reader,
    rows: &[RunRow],
    metric: &str,
    key: &Key,
    groups: Option<&[Group]>,
    moment: &Moment,
) -> Result<Chart> {
    let x = match key.along {
        Along::Step => Axis::new("step").scale(scale(key.log_x)),
        Along::Time => time_axis(rows, moment),
        Along::Relative if key.log_x => Axis::new("time since the start (s)").scale(Scale::Log),
        Along::Relative => Axis::new("time since the start").scale(Scale::Duration),
    };
    let x = Axis { range: key.x_range, ..x };
    let mut chart = Chart { x, y: metric_axis(metric, key.log_y), ..Chart::default() };
    let mut lost = 0;
    let mut courses = courses(reader, rows, metric, key)?;
    let mut of_run = |place: usize| -> Result<Option<Vec<[f64; 2]>>> {
        let course = match &mut courses {
            Some(courses) => courses[place].take(),
            None => whole_course(reader, &rows[place], metric, key)?,
        };
        let Some((points, count)) = course else { return Ok(None) };
        lost += count;
        Ok(Some(points))
    };
    if let Some(groups) = groups {
        for (slot, (label, places)) in groups.iter().enumerate() {
            let members = places.iter().filter_map(|place| of_run(*place).transpose());
            let members =
                members.map(|points| Ok(smoothed(points?, key.smooth))).collect::<Result<Vec<Vec<[f64; 2]>>>>()?;
            let label = format!("{label}, n = {}", members.len());
            let band = lab_plot::band(&members, key.spread);
            chart
                .layers
                .push(Layer::Band { slot, points: band.iter().map(|[x, _, low, high]| [*x, *low, *high]).collect() });
            let points = band.iter().map(|point| [point[0], point[1]]).collect();
            chart.layers.push(Layer::Line { name: label, slot, points, faint: false });
        }
        chart.title = match key.spread {
            Spread::Confidence => "mean and its 95 % confidence interval",
            Spread::Deviation => "mean and standard deviation",
            Spread::Range => "mean, lowest and highest",
        }
        .to_owned();
    } else {
        for (slot, row) in rows.iter().enumerate() {
            let Some(points) = of_run(slot)? else { continue };
            let name = if rows.len() > 1 { name(row) } else { String::new() };
            if key.smooth > 0.0 {
                let raw = thinned(within(points.clone(), key.x_range), key.columns);
                chart.layers.insert(0, Layer::Line { name: String::new(), slot, points: raw, faint: true });
            }
            let points = thinned(within(smoothed(points, key.smooth), key.x_range), key.columns);
            chart.layers.push(Layer::Line { name, slot, points, faint: false });
        }
    }
    if lost > 0 {
        let metric = lab_model::display_bytes(metric.as_bytes());
        chart.notes.push(format!("{metric}: {} NaN or infinite, left out", format::count(lost as u64, "value")));
    }
    Ok(chart)
}

/// The points of a metric of a run, and how many of them are NaN or infinite.
type Course = (Vec<[f64; 2]>, usize);

/// The courses of all runs on a screen, where no more points can be told apart than an outline has in sight; nothing
/// where every point matters.
fn courses(reader: &Reader, rows: &[RunRow], metric: &str, key: &Key) -> Result<Option<Vec<Option<Course>>>> {
    let Some(columns) = key.columns.filter(|_| key.smooth <= 0.0 && key.group_by.is_none()) else { return Ok(None) };
    let all: Vec<&RunRow> = rows.iter().collect();
    let outlines = reader.outlines(&all, metric)?;
    let drawn = |row: &RunRow, outline: &Outline| points(outline.points(), row, key.along);
    let course = |(row, outline): (&RunRow, &Option<Arc<Outline>>)| {
        outline.as_ref().map(|outline| (drawn(row, outline), outline.lost()))
    };
    let mut courses: Vec<Option<Course>> = rows.iter().zip(&outlines).map(course).collect();
    let Some([low, high]) = key.x_range else { return Ok(Some(courses)) };
    let is_fine = |found: &[[f64; 2]]| {
        let (Some(first), Some(last)) = (found.first(), found.last()) else { return true };
        let part = (high.min(last[0]) - low.max(first[0])).max(0.0) / (high - low);
        inside(found, [low, high]).len() as f64 >= (columns * ENOUGH) as f64 * part
    };
    let is_coarse = |at: &usize| {
        let is_whole = outlines[*at].as_ref().is_none_or(|outline| outline.is_whole());
        !is_whole && courses[*at].as_ref().is_some_and(|(points, _)| !is_fine(points))
    };
    let coarse: Vec<usize> = (0..rows.len()).filter(is_coarse).collect();
    let over: Vec<&RunRow> = coarse.iter().map(|at| &rows[*at]).filter(|row| row.end.is_some()).collect();
    let fits = |row: &RunRow, outline: &Outline| outline.is_whole() || is_fine(&drawn(row, outline));
    let place = |row: &RunRow, point: &Point| x_of(point, row, key.along);
    let mut closer = reader.closer(&over, metric, [low, high], &place, &fits)?.into_iter();
    for at in coarse {
        let row = &rows[at];
        if row.end.is_none() {
            courses[at] = whole_course(reader, row, metric, key)?;
        } else if let (Some((points, _)), Some(outline)) = (&mut courses[at], closer.next().flatten()) {
            *points = drawn(row, &outline);
        }
    }
    Ok(Some(courses))
}

/// Every point.
fn whole_course(reader: &Reader, row: &RunRow, metric: &str, key: &Key) -> Result<Option<Course>> {
    let found = reader.one_series(row, metric)?;
    Ok(found.map(|series| {
        let lost = series.points.iter().filter(|point| !point.value.is_finite()).count();
        (points(series.points.iter(), row, key.along), lost)
    }))
}

/// Clocks where the reader is, as of the latest run: an axis has one offset from UTC.
fn time_axis(rows: &[RunRow], moment: &Moment) -> Axis {
    let (zone_minutes, zone) = moment.offset(rows.iter().map(|row| row.start.time).max().unwrap_or(moment.now));
    Axis { zone_minutes, ..Axis::new(format!("time ({zone})")).scale(Scale::Time) }
}

fn x_of(point: &Point, row: &RunRow, along: Along) -> f64 {
    match along {
        Along::Step => point.step as f64,
        Along::Time => point.time.0 as f64,
        Along::Relative => (point.time.0 - row.start.time.0) as f64 / 1000.0,
    }
}

/// The points of a run in rising x: a run that went back to an earlier step is drawn in the order
/// of its steps, and what was logged first comes first.
fn points<'a>(logged: impl Iterator<Item = &'a Point>, row: &RunRow, along: Along) -> Vec<[f64; 2]> {
    let mut points: Vec<[f64; 2]> = logged.map(|point| [x_of(point, row, along), point.value]).collect();
    if !points.is_sorted_by(|left, right| left[0] <= right[0]) {
        points.sort_by(|left, right| left[0].total_cmp(&right[0]));
    }
    points
}

fn smoothed(points: Vec<[f64; 2]>, weight: f64) -> Vec<[f64; 2]> {
    if weight <= 0.0 {
        return points;
    }
    let values: Vec<f64> = points.iter().map(|point| point[1]).collect();
    points.iter().zip(lab_plot::exponential(&values, weight)).map(|(point, y)| [point[0], y]).collect()
}

/// The points in a part of the axis, with one neighbour on each side so that lines reach the edges.
fn within(mut points: Vec<[f64; 2]>, range: Option<[f64; 2]>) -> Vec<[f64; 2]> {
    if let Some(range) = range {
        let inside = inside(&points, range);
        points.truncate(inside.end);
        points.drain(..inside.start);
    }
    points
}

/// The places of those points.
fn inside(points: &[[f64; 2]], [low, high]: [f64; 2]) -> Range<usize> {
    // What ended before, or begins behind, has no part in it.
    if points.last().is_none_or(|point| point[0] < low) || points.first().is_none_or(|point| point[0] > high) {
        return 0..0;
    }
    let first = points.partition_point(|point| point[0] < low).saturating_sub(1);
    let end = (points.partition_point(|point| point[0] <= high) + 1).min(points.len());
    first.min(end)..end
}

fn thinned(points: Vec<[f64; 2]>, columns: Option<usize>) -> Vec<[f64; 2]> {
    let columns = columns.unwrap_or(COLUMNS);
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if points.len() > POINTS_MAX.min(4 * columns) => {
            thin::m4(&points, [first[0], last[0]], columns)
        }
        _ => points,
    }
}

/// Runs that belong together: what tells them apart, and their places.
pub(crate) type Group = (String, Vec<usize>);

/// Groups in the order in which they come: by the value of a parameter, or the runs that differ in nothing but
/// their seeds.
fn groups(reader: &Reader, rows: &[RunRow], parameter: &str) -> Result<Vec<Group>> {
    if parameter == "seed" {
        return seed_groups(reader, rows);
    }
    let mut groups: Vec<Group> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let value = row.start.params.get(parameter);
        let label =
            value.map_or_else(|| format!("no {parameter}"), |value| format!("{parameter}={}", format::value(value)));
        let label = lab_model::display_bytes(label.as_bytes());
        match groups.iter_mut().find(|group| group.0 == label) {
            Some(group) => group.1.push(place),
            None => groups.push((label, vec![place])),
        }
    }
    Ok(groups)
}

/// Runs that differ in nothing but their seeds.
pub(crate) fn seed_groups(reader: &Reader, rows: &[RunRow]) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    let varying = varying(rows);
    for (place, row) in rows.iter().enumerate() {
        if groups.iter().any(|group| group.1.contains(&place)) {
            continue;
        }
        let alike = seeds::group(reader, row, &rows[place..])?;
        let is_alike = |other: &RunRow| alike.iter().any(|found| found.start.run == other.start.run);
        let places: Vec<usize> = (place..rows.len()).filter(|place| is_alike(&rows[*place])).collect();
        let keys = varying.iter().filter(|key| !seeds::is_seed(key));
        let words = keys.filter_map(|key| Some(format!("{key}={}", format::value(row.start.params.get(key)?))));
        let words: Vec<String> = words.collect();
        let label = match (words.is_empty(), &places[..]) {
            (true, [only]) => name(&rows[*only]),
            (true, _) => "mean".to_owned(),
            _ => lab_model::display_bytes(words.join(" ").as_bytes()),
        };
        groups.push((label, places));
    }
    // Where what differs is no parameter, the first run's name tells the groups apart.
    let labels: Vec<String> = groups.iter().map(|group| group.0.clone()).collect();
    for group in &mut groups {
        if labels.iter().filter(|label| **label == group.0).count() > 1 {
            group.0 = format!("like {}", name(&rows[group.1[0]]));
        }
    }
    Ok(groups)
}

/// Parameters that are not the same in all runs.
fn varying(rows: &[RunRow]) -> Vec<String> {
    let mut values: BTreeMap<&String, Vec<Option<&Value>>> = BTreeMap::new();
    for key in rows.iter().flat_map(|row| row.start.params.keys()) {
        values.entry(key).or_insert_with(|| rows.iter().map(|row| row.start.params.get(key)).collect());
    }
    values
        .into_iter()
        .filter(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1]))
        .map(|(key, _)| key.clone())
        .collect()
}

fn last(summaries: &[Summary], metric: &str) -> f64 {
    summaries.iter().find(|summary| summary.key == metric).map_or(f64::NAN, |summary| summary.last)
}

fn bars(rows: &[RunRow], summaries: &[Vec<Summary>], metric: &str, key: &Key, groups: Option<&[Group]>) -> Chart {
    let value = |place: usize| last(&summaries[place], metric);
    let (names, values, errors) = match groups {
        None => (rows.iter().map(name).collect(), (0..rows.len()).map(value).collect(), Vec::new()),
        Some(groups) => {
            let (mut names, mut values, mut errors) = (Vec::new(), Vec::new(), Vec::new());
            for (label, places) in groups {
                let members: Vec<f64> = places.iter().copied().map(value).filter(|value| value.is_finite()).collect();
                let [mean, low, high] = lab_plot::statistics(&members, key.spread).unwrap_or([f64::NAN; 3]);
                names.push(label.clone());
                values.push(mean);
                errors.push((high - low) / 2.0);
            }
            (names, values, errors)
        }
    };
    let layers = vec![Layer::Bars { name: String::new(), slot: 0, values, errors }];
    Chart { x: Axis::of_names("", names), y: metric_axis(metric, key.log_y), layers, ..Chart::default() }
}

fn histogram(rows: &[RunRow], series: &[Vec<Series>], metric: &str, key: &Key) -> Chart {
    let of_run = |slot: usize| series[slot].iter().find(|series| series.key == metric);
    let all = (0..rows.len()).filter_map(of_run).flat_map(|series| &series.points).map(|point| point.value);
    // The same bins for every run and at every step: otherwise bars cannot be compared.
    let bins = Bins::of(&all.collect::<Vec<_>>());
    let [low, high] = key.x_range.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
    let layer = |(slot, row): (usize, &RunRow)| {
        let inside = of_run(slot)?.points.iter().filter(|point| (low..high).contains(&(point.step as f64)));
        let bins = bins.count(&inside.map(|point| point.value).collect::<Vec<_>>());
        let name = if rows.len() > 1 { name(row) } else { String::new() };
        Some(Layer::Histogram { name, slot, bins })
    };
    let layers = rows.iter().enumerate().filter_map(layer).collect();
    Chart {
        x: metric_axis(metric, key.log_x),
        y: Axis::new("points").scale(scale(key.log_y)),
        layers,
        ..Chart::default()
    }
}

/// One histogram for each part of the run, one chart for each run.
fn ridges(rows: &[RunRow], series: &[Vec<Series>], metric: &str) -> Vec<Chart> {
    let several = rows.len() > 1;
    let chart = |(place, row): (usize, &RunRow)| {
        let found = series[place].iter().find(|series| series.key == metric)?;
        let points = points(found.points.iter(), row, Along::Step);
        let values = |points: &[[f64; 2]]| points.iter().map(|point| point[1]).collect::<Vec<_>>();
        let whole = Bins::of(&values(&points));
        let parts = points.chunks(points.len().div_ceil(RIDGES).max(1));
        let row_of =
            |part: &[[f64; 2]]| RidgeRow { label: format::number(part[0][0], 6), bins: whole.count(&values(part)) };
        let layers = vec![Layer::Ridge { slot: 0, rows: parts.map(row_of).collect() }];
        let title = if several { name(row) } else { String::new() };
        Some(Chart { title, x: metric_axis(metric, false), y: Axis::new("from step"), layers, ..Chart::default() })
    };
    rows.iter().enumerate().filter_map(chart).collect()
}

/// A run's parameter, otherwise the last value of its metric.
fn value_of(row: &RunRow, summaries: &[Summary], key: &str) -> Option<Value> {
    row.start.params.get(key).cloned().or_else(|| {
        let found = summaries.iter().find(|summary| summary.key == key)?;
        serde_json::Number::from_f64(found.last).map(Value::Number)
    })
}

fn scatter(rows: &[RunRow], summaries: &[Vec<Summary>], key: &Key, groups: Option<&[Group]>) -> Result<Chart> {
    let (Some(x), Some(y)) = (&key.x, &key.y) else {
        let error = Error::new(ErrorKind::Usage, "A scatter chart needs two keys");
        return Err(error.hint("name a metric or parameter for each: -x lr -y val/loss"));
    };
    let columns = [x, y].map(|name| {
        rows.iter().zip(summaries).map(|(row, summaries)| value_of(row, summaries, name)).collect::<Vec<_>>()
    });
    for (name, column) in [x, y].into_iter().zip(&columns) {
        if column.iter().all(Option::is_none) {
            let params = rows.iter().flat_map(|row| row.start.params.keys());
            let mut known: Vec<&str> =
                params.chain(summaries.iter().flatten().map(|summary| &summary.key)).map(String::as_str).collect();
            known.sort_unstable();
            known.dedup();
            return Err(not_there("metric or parameter", name, &known));
        }
    }
    let (x_axis, xs) = column(x, &columns[0], key.log_x);
    let (y_axis, ys) = column(y, &columns[1], key.log_y);
    let layer = |slot: usize, name: &str, places: &[usize]| Layer::Scatter {
        name: name.to_owned(),
        slot,
        points: places.iter().map(|place| [xs[*place], ys[*place]]).collect(),
    };
    let layers = match groups {
        None => vec![layer(0, "", &(0..rows.len()).collect::<Vec<_>>())],
        Some(groups) => groups.iter().enumerate().map(|(slot, (name, places))| layer(slot, name, places)).collect(),
    };
    Ok(Chart { x: x_axis, y: y_axis, layers, ..Chart::default() })
}

/// An axis for values: numbers, or the names that occur.
fn column(name: &str, values: &[Option<Value>], log: bool) -> (Axis, Vec<f64>) {
    let numbers: Vec<Option<f64>> =
        values.iter().map(|value| value.as_ref().map_or(Some(f64::NAN), Value::as_f64)).collect();
    let label = lab_model::display_bytes(name.as_bytes());
    if numbers.iter().all(Option::is_some) {
        return (Axis::new(label).scale(scale(log)), numbers.into_iter().flatten().collect());
    }
    let mut names: Vec<String> = values.iter().flatten().map(format::value).collect();
    names.sort();
    names.dedup();
    let place = |value: &Option<Value>| {
        let value = format::value(value.as_ref()?);
        names.binary_search(&value).ok().map(|place| place as f64)
    };
    let places = values.iter().map(|value| place(value).unwrap_or(f64::NAN)).collect();
    (Axis::of_names(label, names), places)
}

/// Parameters that differ, then the metrics. Rates that span more than two powers of ten get a logarithmic axis.
fn parallel(rows: &[RunRow], summaries: &[Vec<Summary>], metrics: &[String]) -> Chart {
    let (mut axes, mut columns) = (Vec::new(), Vec::new());
    for key in varying(rows).iter().chain(metrics) {
        let values: Vec<Option<Value>> =
            rows.iter().zip(summaries).map(|(row, summaries)| value_of(row, summaries, key)).collect();
        let (axis, places) = column(key, &values, false);
        let finite = || places.iter().copied().filter(|place| place.is_finite());
        let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(0.0, f64::max));
        let wide = axis.categories.is_empty() && low > 0.0 && high / low > 100.0;
        axes.push(if wide { axis.scale(Scale::Log) } else { axis });
        columns.push(places);
    }
    let row = |place: usize| ParallelRow {
        name: name(&rows[place]),
        values: columns.iter().map(|column| column[place]).collect(),
    };
    let rows = (0..rows.len()).map(row).collect();
    Chart { layers: vec![Layer::Parallel { axes, rows }], ..Chart::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_meant() {
        assert_eq!((distance("loss", "loss"), distance("los", "loss"), distance("kitten", "sitting")), (0, 1, 3));
        let known = ["train/loss", "val/acc"];
        assert_eq!(not_there("metric", "val/ac", &known).hint.unwrap(), "did you mean val/acc?");
        assert!(not_there("metric", "x", &known).hint.unwrap().contains("train/loss"));
        assert!(not_there("metric", "x", &[]).hint.is_some());
    }

    #[test]
    fn a_column_is_numbers_or_names() {
        let values = |values: &[Value]| values.iter().cloned().map(Some).chain([None]).collect::<Vec<_>>();
        let (axis, places) = column("lr", &values(&[0.1.into(), 2.into()]), true);
        assert_eq!((axis.scale, axis.categories.len(), &places[..2]), (Scale::Log, 0, &[0.1, 2.0][..]));
        let (axis, places) = column("opt", &values(&["sgd".into(), "adam".into(), 3.into()]), false);
        assert_eq!(
            (axis.categories, &places[..3]),
            (vec!["3".into(), "adam".into(), "sgd".into()], &[2.0, 1.0, 0.0][..])
        );
        assert!(places[3].is_nan());
    }
}
