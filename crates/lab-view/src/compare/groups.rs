//! The seed groups of the two sides of a comparison.

use std::collections::BTreeSet;

use lab_engine::{Reader, Result, RunRow};
use lab_model::Summary;
use lab_model::statistics::Group;

use crate::seeds::{self, Answer, Noise, Verdict};
use crate::{Cell, Column, Table, Tone, format, metrics};

/// All runs that are equal to the one and to the other side but for the seed.
pub(super) struct Groups {
    left: Vec<RunRow>,
    right: Vec<RunRow>,
    history: Vec<RunRow>,
}

impl Groups {
    /// Finds them; `None` when both sides are of one group.
    pub(super) fn read(reader: &Reader, before: &RunRow, after: &RunRow) -> Result<Option<Self>> {
        let mut history = seeds::history(reader, after)?;
        if before.start.project != after.start.project {
            history.extend(seeds::history(reader, before)?);
        }
        let (left, right) = (seeds::group(reader, before, &history)?, seeds::group(reader, after, &history)?);
        let one = left.iter().any(|row| row.start.run == after.start.run);
        Ok((!one).then_some(Self { left, right, history }))
    }

    fn are_single(&self) -> bool {
        self.left.len() < 2 && self.right.len() < 2
    }

    /// What can be said of the main metric of the newer side.
    pub(super) fn verdict(&self, reader: &Reader, summaries: &[Summary]) -> Result<Option<Verdict>> {
        let Some(main) = metrics::main_metric(summaries) else { return Ok(None) };
        let noise = if self.are_single() { seeds::noise(reader, &self.history, &main.key)? } else { None };
        self.of_metric(reader, &main.key, noise)
    }

    fn of_metric(&self, reader: &Reader, key: &str, noise: Option<Noise>) -> Result<Option<Verdict>> {
        let (left, right) = (seeds::values(reader, &self.left, key)?, seeds::values(reader, &self.right, key)?);
        Ok(Verdict::of(key, &left, &right, noise, 1))
    }

    /// All metrics over the seeds, where a side has several.
    pub(super) fn table(&self, reader: &Reader, left: &str, right: &str) -> Result<Table> {
        let title = |label: &str, rows: &[RunRow]| format!("{label} ({})", rows.len());
        let mut table = Table::new(vec![
            Column::left("metric", "Metric", 0).shrinking(),
            Column::right("left", &title(left, &self.left), 0),
            Column::right("right", &title(right, &self.right), 0),
            Column::left("change", "Change", 0),
            Column::left("p", "Welch", 0),
            Column::left("permutation_p", "Permutation", 3),
            Column::left("g", "Hedges' g", 1),
            Column::left("interval", "95 % of g", 2),
        ]);
        if self.are_single() {
            return Ok(table);
        }
        let mut keys = BTreeSet::new();
        for row in [&self.left[0], &self.right[0]] {
            keys.extend(reader.summaries(row)?.into_iter().map(|summary| summary.key));
        }
        keys.retain(|key| !metrics::is_machine_use(key) && metrics::rank(key) < 6);
        let mut keys: Vec<String> = keys.into_iter().collect();
        keys.sort_by_key(|key| metrics::rank(key));
        for key in keys {
            let Some(verdict) = self.of_metric(reader, &key, None)? else { continue };
            let p = |p: Option<f64>| p.map_or_else(Cell::none, |p| Cell::plain(seeds::p_words(p)).with(p));
            let [g, interval] = match verdict.effect {
                Some([g, low, high]) => {
                    let words = format!("{} … {}", format::number(low, 2), format::number(high, 2));
                    [Cell::plain(format::number(g, 2)).with(g), Cell::plain(words).with(vec![low, high])]
                }
                None => [Cell::none(), Cell::none()],
            };
            table.push(
                key.clone(),
                vec![
                    Cell::new(lab_model::display_bytes(key.as_bytes()), Tone::Accent).with(key.clone()),
                    mean(&seeds::values(reader, &self.left, &key)?),
                    mean(&seeds::values(reader, &self.right, &key)?),
                    if verdict.answer == Answer::NotDistinguishable {
                        // What may be noise is neither better nor worse.
                        Cell::new(format::signed(verdict.difference, 3), Tone::Muted).with(verdict.difference)
                    } else {
                        metrics::change(&key, verdict.left.mean, verdict.right.mean)
                    },
                    p(verdict.p),
                    p(verdict.permutation_p),
                    g,
                    interval,
                ],
            );
        }
        Ok(table)
    }
}

/// One value, or mean and spread of several; nothing of none.
pub(super) fn mean(values: &[f64]) -> Cell {
    let group = Group::of(values);
    match (values, group.count) {
        ([], _) => Cell::none(),
        (_, 2..) => Cell::plain(format::spread(group.mean, group.deviation)).with(group.mean),
        ([value, ..], _) => metrics::cell(*value),
    }
}
