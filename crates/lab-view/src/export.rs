//! Runs for other programs: one table of runs, or all points of their metrics, in the formats that papers, sheets and
//! scripts read.

mod html;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use lab_engine::table::{Values, Written};
use lab_engine::{Error, ErrorKind, Reader, Result, RunRow};
use lab_model::statistics::Group;
use lab_model::{Fingerprint, RunId, Summary};
use serde_json::{Map, Value, json};

use crate::format::{self, Moment};
use crate::runs::fingerprint;
use crate::{metrics, seeds};

/// A format to export to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A list of objects.
    Json,
    /// Apache Parquet.
    Parquet,
    /// A table in Markdown.
    Markdown,
    /// A table for LaTeX with the package `booktabs`: seed groups as mean ± standard deviation, the best bold.
    Latex,
    /// A report in one file, with charts.
    Html,
}

impl Format {
    /// The format that the ending of a file's name tells.
    pub fn of_ending(ending: &str) -> Option<Self> {
        Some(match ending.to_ascii_lowercase().as_str() {
            "csv" => Self::Csv,
            "json" => Self::Json,
            "parquet" => Self::Parquet,
            "md" | "markdown" => Self::Markdown,
            "tex" | "latex" => Self::Latex,
            "htm" | "html" => Self::Html,
            _ => return None,
        })
    }
}

/// What to export.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    /// The runs, in this order.
    pub runs: Vec<RunId>,
    /// The format.
    pub format: Format,
    /// All points of all metrics, one row for each, rather than one row for each run.
    pub series: bool,
    /// When it is read.
    pub moment: Moment,
}

/// One value of a table to be exported.
pub(crate) type Row = Vec<Value>;

/// A table to be exported: names and equally long rows.
pub(crate) struct Flat {
    pub names: Vec<String>,
    pub rows: Vec<Row>,
}

/// Runs that stand in one row of a paper's table.
pub(crate) struct SeedRow {
    pub label: String,
    pub rows: Vec<RunRow>,
    pub params: BTreeMap<String, Value>,
    pub metrics: Vec<(f64, f64, usize)>,
}

/// The bytes of a file with these runs.
///
/// # Errors
/// [`ErrorKind::Usage`] for points in a format that has no place for them, [`ErrorKind::Missing`] when a run is not
/// there, and those of the reader.
pub fn export(reader: &Reader, key: &Key) -> Result<Vec<u8>> {
    let rows = rows(reader, &key.runs)?;
    let flat = |rows: &[RunRow]| if key.series { points(reader, rows) } else { runs(reader, rows) };
    match key.format {
        Format::Csv => Ok(text::csv(&flat(&rows)?).into_bytes()),
        Format::Json => json(&flat(&rows)?),
        Format::Parquet => parquet(&flat(&rows)?),
        Format::Markdown if !key.series => Ok(text::markdown(&paper(reader, &rows)?).into_bytes()),
        Format::Latex if !key.series => Ok(text::latex(&paper(reader, &rows)?).into_bytes()),
        Format::Html if !key.series => {
            Ok(html::report(reader, &rows, &paper(reader, &rows)?, &key.moment)?.into_bytes())
        }
        _ => Err(Error::new(ErrorKind::Usage, "Points cannot be exported to this format")
            .hint("`--series` goes with csv, json and parquet")),
    }
}

fn rows(reader: &Reader, runs: &[RunId]) -> Result<Vec<RunRow>> {
    let one =
        |run: &RunId| reader.run(run)?.ok_or_else(|| Error::new(ErrorKind::Missing, format!("There is no run {run}")));
    runs.iter().map(one).collect()
}

/// One row for each run: who, when, how, fingerprints, then parameters and metrics, last and best.
fn runs(reader: &Reader, rows: &[RunRow]) -> Result<Flat> {
    let summaries: Vec<Vec<Summary>> = rows.iter().map(|row| reader.summaries(row)).collect::<Result<_>>()?;
    let params: BTreeSet<&String> = rows.iter().flat_map(|row| row.start.params.keys()).collect();
    let mut keys: Vec<&str> = summaries.iter().flatten().map(|summary| summary.key.as_str()).collect();
    keys.retain(|key| !metrics::is_machine_use(key));
    keys.sort_by_key(|key| (metrics::rank(key), *key));
    keys.dedup();
    let about = ["id", "name", "started", "status", "exit_code", "duration_millis", "command", "tags", "seeds"];
    let hashes = ["code", "config", "data", "environment"];
    let mut names: Vec<String> = about.map(str::to_owned).into();
    names.extend(hashes.map(|hash| format!("fingerprint.{hash}")));
    names.extend(params.iter().map(|name| format!("param.{name}")));
    names.extend(keys.iter().flat_map(|key| [format!("metric.{key}"), format!("metric.{key}.best")]));
    let row = |(row, summaries): (&RunRow, &Vec<Summary>)| {
        let start = &row.start;
        let end = row.end.as_ref();
        let seeds: Vec<String> = start.seeds.iter().map(|seed| format::value(&seed.value)).collect();
        let mut cells = vec![
            json!(start.run.as_str()),
            json!(row.name),
            json!(format::stamp(start.time)),
            json!(reader.standing(row).name()),
            json!(end.and_then(|end| end.exit_code)),
            json!(end.map(|end| end.duration_millis)),
            json!(format::command(&start.argv)),
            json!(row.tags.join(" ")),
            json!(seeds.join(" ")),
        ];
        let Fingerprint { code, config, data, environment } = fingerprint(row);
        cells.extend([code, config, data, environment].map(|hash| json!(hash.map(|hash| hash.to_string()))));
        cells.extend(params.iter().map(|name| start.params.get(*name).cloned().unwrap_or(Value::Null)));
        for key in &keys {
            let found = summaries.iter().find(|summary| summary.key == *key);
            cells.extend([number(found.map(|found| found.last)), number(found.map(Summary::best))]);
        }
        cells
    };
    Ok(Flat { rows: rows.iter().zip(&summaries).map(row).collect(), names })
}

/// One row for each point.
fn points(reader: &Reader, rows: &[RunRow]) -> Result<Flat> {
    let names = ["run", "name", "metric", "step", "time", "value"].map(str::to_owned).into();
    let mut points = Vec::new();
    for row in rows {
        for series in reader.series(row)? {
            points.extend(series.points.iter().map(|point| {
                vec![
                    json!(row.start.run.as_str()),
                    json!(row.name),
                    json!(series.key),
                    json!(point.step),
                    json!(format::stamp(point.time)),
                    number(Some(point.value)),
                ]
            }));
        }
    }
    Ok(Flat { names, rows: points })
}

/// A number as JSON says it: NaN and infinities as text.
fn number(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| {
        serde_json::Number::from_f64(value).map_or_else(|| json!(value.to_string()), Value::Number)
    })
}

fn json(flat: &Flat) -> Result<Vec<u8>> {
    let object = |row: &Row| flat.names.iter().cloned().zip(row.iter().cloned()).collect::<Map<_, _>>();
    let objects: Vec<_> = flat.rows.iter().map(object).collect();
    let mut bytes = serde_json::to_vec_pretty(&objects)
        .map_err(|error| Error::new(ErrorKind::Bug, "Could not write JSON").because(error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A column is one of numbers when all its values are; NaN and infinities count as such.
fn parquet(flat: &Flat) -> Result<Vec<u8>> {
    let float =
        |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok().filter(|v: &f64| !v.is_finite()));
    let column = |(place, name): (usize, &String)| {
        let values = || flat.rows.iter().map(|row| &row[place]);
        let numeric = values().all(|value| value.is_null() || float(value).is_some());
        let values = if numeric && values().any(Value::is_number) {
            Values::Numbers(values().map(float).collect())
        } else {
            Values::Words(values().map(words).collect())
        };
        Written { name: name.clone(), values }
    };
    let columns: Vec<Written> = flat.names.iter().enumerate().map(column).collect();
    lab_engine::table::write(&columns)
        .map_err(|error| Error::new(ErrorKind::Bug, "Could not write Parquet").because(error))
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A table as a paper shows it: one row for each seed group, parameters that vary, metrics with their spread.
pub(crate) struct Paper {
    pub params: Vec<String>,
    pub metrics: Vec<String>,
    pub groups: Vec<SeedRow>,
}

impl Paper {
    /// The group with the best mean of a metric.
    pub fn best(&self, metric: usize) -> Option<usize> {
        let sign = if Summary::smaller_is_better(&self.metrics[metric]) { -1.0 } else { 1.0 };
        let known = self.groups.iter().enumerate().filter(|(_, group)| group.metrics[metric].0.is_finite());
        let best = known.max_by(|(_, left), (_, right)| {
            (sign * left.metrics[metric].0).total_cmp(&(sign * right.metrics[metric].0))
        });
        // Where the name does not say which way is better, nothing is.
        best.map(|(place, _)| place).filter(|_| metrics::rank(&self.metrics[metric]) < 5 && self.groups.len() > 1)
    }
}

fn paper(reader: &Reader, rows: &[RunRow]) -> Result<Paper> {
    let mut rest = rows.to_vec();
    let mut members: Vec<Vec<RunRow>> = Vec::new();
    while !rest.is_empty() {
        let first = rest.remove(0);
        let group = seeds::group(reader, &first, &rest)?;
        rest.retain(|row| group.iter().all(|taken| taken.start.run != row.start.run));
        members.push(group);
    }
    let summaries: Vec<Vec<Summary>> = rows.iter().map(|row| reader.summaries(row)).collect::<Result<_>>()?;
    let keys = metrics::main_keys(&summaries, 6);
    let names: BTreeSet<&String> =
        rows.iter().flat_map(|row| row.start.params.keys()).filter(|name| !seeds::is_seed(name)).collect();
    let varies = |name: &&&String| {
        members.iter().any(|group| group[0].start.params.get(**name) != members[0][0].start.params.get(**name))
    };
    let params: Vec<String> = names.iter().filter(varies).map(|name| (*name).clone()).collect();
    let mut groups = Vec::new();
    for rows in members {
        let mut values = Vec::new();
        for key in &keys {
            let group = Group::of(&seeds::values(reader, &rows, key)?);
            values.push((group.mean, group.deviation, group.count));
        }
        groups.push(SeedRow {
            label: rows[0].name.clone(),
            params: rows[0].start.params.clone(),
            metrics: values,
            rows,
        });
    }
    Ok(Paper { params, metrics: keys, groups })
}
