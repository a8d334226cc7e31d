//! Groups of runs: how many, and mean and spread of what they measured.

use lab_engine::plan::{Field, Group, Measured, Plan, Value};
use lab_engine::{MetricPart, Reader, Result, RunField};
use serde_json::json;

use super::{Key, RunsPage, note};
use crate::query::{self, Query, Vocabulary};
use crate::{Cell, Column, Table, Tone, format, metrics};

/// Without a wish so many metrics are told.
const METRICS: usize = 3;
/// Significant digits of a value.
const DIGITS: usize = 4;

/// Reads the page of a query that groups.
pub(super) fn page(
    reader: &Reader,
    key: &Key,
    query: &Query,
    mut plan: Plan,
    vocabulary: &Vocabulary,
) -> Result<RunsPage> {
    let mut titles: Vec<String> = plan.measured.iter().map(title).collect();
    let chosen = plan.measured.is_empty();
    if chosen {
        let sorted = plan.sort.iter().map(|order| order.field.clone());
        plan.measured = sorted.filter(|field| matches!(field, Field::Metric(..))).collect();
        let mut keys: Vec<&String> = vocabulary.metrics.iter().collect();
        keys.retain(|key| !metrics::is_machine_use(key) && metrics::rank(key) < 6);
        keys.sort_by_key(|key| (metrics::rank(key), *key));
        // Some of them may be another project's.
        let more = keys.into_iter().take(4 * METRICS).map(|key| Field::Metric(key.clone(), MetricPart::Last));
        for field in more {
            if !plan.measured.contains(&field) {
                plan.measured.push(field);
            }
        }
        titles = plan.measured.iter().map(title).collect();
    }
    let found = reader.runs_table(&plan)?;
    let measures = |place: &usize| found.groups.iter().any(|group| group.measured[*place].count > 0);
    let mut shown: Vec<usize> = (0..plan.measured.len()).filter(|place| !chosen || measures(place)).collect();
    if chosen {
        shown.truncate(METRICS);
    }
    let mut columns: Vec<Column> = query.group.iter().map(|operand| column(&query::title(operand))).collect();
    columns.push(Column::right("runs", "Runs", 0));
    columns.extend(shown.iter().map(|place| Column { align: crate::Align::Left, ..column(&titles[*place]) }));
    let mut groups = Table::new(columns);
    for group in &found.groups {
        let row_key = serde_json::to_string(&group.key.iter().map(json).collect::<Vec<_>>()).unwrap_or_default();
        groups.push(row_key, cells(group, &plan, &shown, key));
    }
    let note = match found.total {
        0 => note(0, 0, "groups", query.filter.is_none()),
        _ => note(found.groups.len() as u64, found.group_total, "groups", false),
    };
    Ok(RunsPage {
        runs: Table::default(),
        groups,
        subjects: Vec::new(),
        total: found.total,
        group_total: found.group_total,
        note,
    })
}

fn column(title: &str) -> Column {
    let shown = lab_model::display_bytes(title.as_bytes());
    Column { key: title.to_owned(), ..Column::right("", &shown, 0) }
}

fn cells(group: &Group, plan: &Plan, shown: &[usize], key: &Key) -> Vec<Cell> {
    let key_cells = group.key.iter().zip(&plan.group).map(|(value, field)| match (field, value) {
        (Field::Started | Field::Ended, Value::Number(millis)) => {
            let time = lab_model::Time(*millis as i64);
            Cell::plain(key.moment.date(time)).with(format::stamp(time))
        }
        (Field::Run(RunField::Duration), Value::Number(millis)) => {
            Cell::plain(format::duration(*millis as u64)).with(*millis)
        }
        (_, Value::Missing) => Cell::new("none", Tone::Muted).with(serde_json::Value::Null),
        (_, value) => value_cell(value),
    });
    let mut cells: Vec<Cell> = key_cells.collect();
    cells.push(Cell::plain(format::grouped(group.runs)).with(group.runs));
    cells.extend(shown.iter().map(|place| measured(&group.measured[*place], &plan.measured[*place])));
    cells
}

/// `0.93 ± 0.01 (5)`: mean, standard deviation, how many numbers.
fn measured(found: &Measured, field: &Field) -> Cell {
    if found.count == 0 {
        return Cell::none();
    }
    let told = |value: f64, digits| match field {
        Field::Run(RunField::Duration) => format::duration(value as u64),
        _ => format::number(value, digits),
    };
    let spread = if found.count > 1 { format!(" ± {}", told(found.deviation, 2)) } else { String::new() };
    let number = |value: f64| serde_json::Number::from_f64(value);
    Cell::plain(format!("{}{spread} ({})", told(found.mean, DIGITS), found.count))
        .with(json!({ "mean": number(found.mean), "deviation": number(found.deviation), "count": found.count }))
}

/// A value as it stands in a list.
pub(super) fn value_cell(value: &Value) -> Cell {
    match value {
        Value::Missing => Cell::none(),
        Value::Number(number) => metrics::cell(*number),
        Value::Text(text) => {
            let first = text.lines().next().unwrap_or_default();
            Cell::plain(lab_model::display_bytes(first.as_bytes())).with(text.clone())
        }
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Missing => serde_json::Value::Null,
        Value::Number(number) => json!(number),
        Value::Text(text) => json!(text),
    }
}

fn title(field: &Field) -> String {
    match field {
        Field::Param(name) | Field::Metric(name, MetricPart::Last) => name.clone(),
        Field::Metric(name, part) => format!("{}({name})", format!("{part:?}").to_lowercase()),
        Field::Run(RunField::Duration) => "took".to_owned(),
        Field::Run(field) => format!("{field:?}").to_lowercase(),
        other => format!("{other:?}").to_lowercase(),
    }
}
