//! Metrics of one run or of two: which ones matter, and whether a change helped.

use std::collections::BTreeMap;

use lab_model::Summary;
use serde_json::Value;

use crate::{Cell, Column, Table, Tone, format};

/// Significant digits of a metric.
const DIGITS: usize = 4;

/// Whether the key is machine use rather than something the experiment says.
pub fn is_machine_use(key: &str) -> bool {
    key.starts_with("sys/")
}

/// How much a metric's name promises: smaller is more interesting.
pub fn rank(key: &str) -> u8 {
    let key = key.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| key.contains(word));
    let held_out = has(&["val", "test", "eval", "dev"]);
    let quality = has(&["acc", "f1", "auc", "score", "r2", "bleu", "rouge", "precision", "recall", "map", "reward"]);
    let loss = has(&["loss", "err", "mse", "mae", "perplexity", "ppl", "nll"]);
    match (held_out, quality, loss) {
        (true, true, _) => 0,
        (true, _, true) => 1,
        (false, true, _) => 2,
        (false, _, true) => 3,
        (true, false, false) => 4,
        _ if has(&["epoch", "step", "iter", "time", "sec", "lr", "learning_rate"]) => 6,
        _ => 5,
    }
}

/// The metric that a run is judged by.
pub fn main_metric(summaries: &[Summary]) -> Option<&Summary> {
    let candidates = summaries.iter().filter(|summary| !is_machine_use(&summary.key) && rank(&summary.key) < 6);
    candidates.min_by_key(|summary| rank(&summary.key))
}

/// Keys for the columns of a list: those that most runs have, the promising ones first.
pub fn main_keys(runs: &[Vec<Summary>], most: usize) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for summary in runs.iter().flatten().filter(|summary| !is_machine_use(&summary.key)) {
        *counts.entry(&summary.key).or_default() += 1;
    }
    let mut keys: Vec<(&str, usize)> = counts.into_iter().filter(|(key, _)| rank(key) < 6).collect();
    keys.sort_by(|left, right| (rank(left.0), right.1, left.0).cmp(&(rank(right.0), left.1, right.0)));
    keys.into_iter().take(most).map(|(key, _)| key.to_owned()).collect()
}

/// A metric's value.
pub fn cell(value: f64) -> Cell {
    let tone = if value.is_finite() { Tone::Plain } else { Tone::Bad };
    let value_of = serde_json::Number::from_f64(value).map_or_else(|| format!("{value}").into(), Value::Number);
    Cell::new(format::number(value, DIGITS), tone).with(value_of)
}

/// A metric's value in the unit that machine use has in its name.
pub fn cell_of(key: &str, value: f64) -> Cell {
    let cell = cell(value);
    let text = match key.rsplit_once('_') {
        Some((_, "bytes")) if is_machine_use(key) => format::bytes(value as u64),
        Some((_, "percent")) if is_machine_use(key) => format!("{} %", format::number(value, 3)),
        _ => return cell,
    };
    Cell { text, ..cell }
}

/// From one value to another: the sign, and a tone that says whether it helped.
pub fn change(key: &str, left: f64, right: f64) -> Cell {
    let difference = right - left;
    let better = if Summary::smaller_is_better(key) { difference < 0.0 } else { difference > 0.0 };
    let tone = match (rank(key), difference) {
        (_, difference) if difference == 0.0 || difference.is_nan() => Tone::Muted,
        (5.., _) => Tone::Changed,
        _ if better => Tone::Good,
        _ => Tone::Bad,
    };
    let word = match tone {
        Tone::Good => ", better",
        Tone::Bad => ", worse",
        _ => "",
    };
    let value = serde_json::Number::from_f64(difference).map_or(Value::Null, Value::Number);
    Cell::new(format!("{}{word}", format::signed(difference, 3)), tone).with(value)
}

/// All metrics of a run without machine use, against a base's where there is one.
pub fn table(summaries: &[Summary], base: &[Summary]) -> Table {
    let mut columns = vec![
        Column::left("metric", "Metric", 0).shrinking(),
        Column::right("last", "Last", 0),
        Column::right("best", "Best", 1),
        Column::right("first", "First", 3),
        Column::right("points", "Points", 4),
    ];
    if !base.is_empty() {
        columns.push(Column::left("change", "Change", 2));
    }
    let mut table = Table::new(columns);
    let own = summaries.iter().filter(|summary| !is_machine_use(&summary.key));
    let mut sorted: Vec<&Summary> = own.collect();
    sorted.sort_by_key(|summary| rank(&summary.key));
    for summary in sorted {
        let mut cells = vec![
            Cell::new(lab_model::display_bytes(summary.key.as_bytes()), Tone::Accent).with(summary.key.clone()),
            cell(summary.last),
            cell(summary.best()),
            cell(summary.first),
            Cell::plain(format::grouped(summary.count)).with(summary.count),
        ];
        if !base.is_empty() {
            let before = base.iter().find(|other| other.key == summary.key);
            cells.push(before.map_or_else(Cell::none, |before| change(&summary.key, before.last, summary.last)));
        }
        table.push(summary.key.clone(), cells);
    }
    table
}

/// What a run took of the machine over its time.
pub fn machine_use(summaries: &[Summary]) -> Table {
    let mut table = Table::new(vec![
        Column::left("metric", "Of the machine", 0),
        Column::right("max", "Highest", 0),
        Column::right("min", "Lowest", 1),
        Column::right("last", "Last", 1),
    ]);
    for summary in summaries.iter().filter(|summary| is_machine_use(&summary.key)) {
        let name = summary.key.trim_start_matches("sys/");
        let words = match name.rsplit_once('_') {
            Some((words, "bytes" | "percent")) => words,
            _ => name,
        };
        let value = |value: f64| cell_of(&summary.key, value);
        let name = lab_model::display_bytes(words.replace('_', " ").as_bytes());
        let cells = vec![
            Cell::plain(name).with(summary.key.clone()),
            value(summary.max),
            value(summary.min),
            value(summary.last),
        ];
        table.push(summary.key.clone(), cells);
    }
    table
}

/// Two runs' metrics side by side, without machine use; equal ones are left out, their number is returned.
pub fn compare(left: &[Summary], right: &[Summary]) -> (Table, usize) {
    let mut table = Table::new(vec![
        Column::left("metric", "Metric", 0).shrinking(),
        Column::right("left", "Left", 0),
        Column::right("right", "Right", 0),
        Column::left("change", "Change", 0),
    ]);
    let keys = left.iter().chain(right).map(|summary| summary.key.as_str());
    let mut keys: Vec<&str> = keys.filter(|key| !is_machine_use(key)).collect();
    keys.sort_by_key(|key| (rank(key), *key));
    keys.dedup();
    let mut equal = 0;
    for key in keys {
        let find = |side: &[Summary]| side.iter().find(|summary| summary.key == key).map(|summary| summary.last);
        let (left, right) = (find(left), find(right));
        if left.map(f64::to_bits) == right.map(f64::to_bits) {
            equal += 1;
            continue;
        }
        let change = match (left, right) {
            (Some(left), Some(right)) => change(key, left, right),
            (None, _) => Cell::new("only right", Tone::Added).with(Value::Null),
            _ => Cell::new("only left", Tone::Removed).with(Value::Null),
        };
        let name = Cell::new(lab_model::display_bytes(key.as_bytes()), Tone::Accent);
        table.push(key, vec![name, left.map_or_else(Cell::none, cell), right.map_or_else(Cell::none, cell), change]);
    }
    (table, equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(key: &str, last: f64) -> Summary {
        Summary { key: key.into(), count: 3, last_step: 2, first: 0.0, last, min: 0.0, max: last, ..Summary::default() }
    }

    #[test]
    fn the_held_out_quality_counts_first() {
        let all = [summary("loss", 1.0), summary("val_acc", 0.5), summary("sys/cpu", 9.0), summary("step", 3.0)];
        assert_eq!(main_metric(&all).unwrap().key, "val_acc");
        assert_eq!(main_keys(&[all.to_vec()], 3), ["val_acc", "loss"]);
        assert!(main_metric(&[summary("step", 1.0)]).is_none());
    }

    #[test]
    fn better_depends_on_the_metric() {
        assert_eq!(change("loss", 2.0, 1.0).tone, Tone::Good);
        assert_eq!(change("acc", 0.9, 0.8).text, "-0.1, worse");
        assert_eq!(change("acc", 0.9, 0.9).tone, Tone::Muted);
        assert_eq!(change("whatever", 1.0, 2.0).tone, Tone::Changed);
        assert_eq!(change("acc", f64::NAN, 0.9).tone, Tone::Muted);
    }

    #[test]
    fn equal_metrics_are_folded() {
        let (table, equal) =
            compare(&[summary("acc", 0.5), summary("loss", 1.0)], &[summary("acc", 0.5), summary("f1", 1.0)]);
        assert_eq!(equal, 1);
        let keys: Vec<_> = table.rows.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["f1", "loss"]);
        assert_eq!(table.rows[1].cells[3].text, "only left");
    }

    #[test]
    fn nan_is_text_in_json() {
        assert_eq!(serde_json::to_string(&cell(f64::NAN)).unwrap(), "\"NaN\"");
    }
}
