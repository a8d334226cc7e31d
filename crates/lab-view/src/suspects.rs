//! Which of the things that changed may have moved a metric: ranked by how the metric moved earlier when each of them
//! changed.
//!
//! Every run of the project is set against the run before it. Where a factor changed, the metric's move is a piece of
//! evidence for it; a move that came with several changes is shared among them and said to be so. This is evidence, no
//! proof: what always changed together cannot be told apart.

use std::collections::{BTreeMap, BTreeSet};

use lab_engine::{Reader, Result, RunQuery, RunRow};
use lab_model::statistics::quantile;
use lab_model::{Role, RunFacts, Status};
use serde_json::Value;

use crate::{Cell, Column, Table, Tone, changes, format, metrics, seeds};

/// So many runs back evidence is looked for.
const LOOK_BACK: usize = 100;
/// Fewer moves than this are too little history.
const ENOUGH: usize = 3;

/// How the metric moved when one factor changed.
#[derive(Clone, PartialEq, Debug, Default)]
struct Evidence {
    /// Sizes of the moves when it changed alone.
    alone: Vec<f64>,
    /// Sizes of the moves when others changed with it, and how many others.
    together: Vec<(f64, usize)>,
}

impl Evidence {
    fn count(&self) -> usize {
        self.alone.len() + self.together.len()
    }

    /// The middle size of the moves: of those alone where there are any, otherwise of the shared ones.
    fn typical(&self) -> f64 {
        let mut sizes = self.alone.clone();
        if sizes.is_empty() {
            sizes = self.together.iter().map(|(size, others)| size / (*others + 1) as f64).collect();
        }
        sizes.sort_by(f64::total_cmp);
        quantile(&sizes, 0.5)
    }
}

/// The factors that differ between a run and its base, the likeliest cause of the move of `key` first. Empty when the
/// metric did not move or less than two things differ.
///
/// # Errors
/// Those of the reader.
pub fn table(reader: &Reader, base: &RunRow, row: &RunRow, key: &str) -> Result<Table> {
    let mut table = columns();
    let (Some(before), Some(after)) = (value(reader, base, key)?, value(reader, row, key)?) else { return Ok(table) };
    let mut facts = Facts::default();
    let factors = differing(reader, base, row, &mut facts)?;
    // A single factor needs no ranking.
    if before == after || factors.len() < 2 {
        return Ok(table);
    }
    let evidence = history(reader, (base, row), key, &mut facts)?;
    let mut ranked: Vec<(String, Evidence)> = factors
        .into_iter()
        .map(|factor| {
            let found = evidence.get(&factor).cloned().unwrap_or_default();
            (factor, found)
        })
        .collect();
    // What has a history comes before what has none; of these, what moved the metric more.
    ranked.sort_by(|(_, left), (_, right)| {
        let known = |evidence: &Evidence| if evidence.count() == 0 { -1.0 } else { evidence.typical() };
        known(right).total_cmp(&known(left))
    });
    for (factor, evidence) in ranked {
        table.push(factor.clone(), cells(&factor, &evidence, key));
    }
    Ok(table)
}

fn columns() -> Table {
    Table::new(vec![
        Column::left("factor", "Changed now", 0).shrinking(),
        Column::right("moved", "Typical move", 0),
        Column::right("changes", "Earlier changes", 2),
        Column::right("alone", "Alone", 3),
        Column::left("evidence", "Evidence", 1).shrinking(),
    ])
}

fn cells(factor: &str, evidence: &Evidence, key: &str) -> Vec<Cell> {
    let (count, alone) = (evidence.count(), evidence.alone.len());
    let key = lab_model::display_bytes(key.as_bytes());
    let typical = evidence.typical();
    let size = format::number(typical, 2);
    let moves = |count: usize| format!("n={count}");
    let (words, tone) = if count == 0 {
        ("never changed before: nothing is known".to_owned(), Tone::Muted)
    } else if alone == 0 {
        let words = format!(
            "changed {}, never alone: a share of {size} of the moves of {key} ({})",
            times(count),
            moves(count)
        );
        (words, Tone::Warn)
    } else {
        let few = if alone < ENOUGH { ", too few to rely on" } else { "" };
        let words =
            format!("changed {}, {alone} alone: {key} moved by {size} median ({}){few}", times(count), moves(alone));
        (words, if alone < ENOUGH { Tone::Warn } else { Tone::Plain })
    };
    let moved = if count == 0 { Cell::none() } else { Cell::plain(format!("±{size}")).with(typical) };
    vec![
        Cell::new(lab_model::display_bytes(factor.as_bytes()), Tone::Accent).with(factor),
        moved,
        Cell::plain(count.to_string()).with(count),
        Cell::plain(alone.to_string()).with(alone),
        Cell::new(words, tone),
    ]
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn value(reader: &Reader, row: &RunRow, key: &str) -> Result<Option<f64>> {
    let summaries = reader.summaries(row)?;
    Ok(summaries.iter().find(|found| found.key == key).map(|found| found.last).filter(|last| last.is_finite()))
}

/// The facts of runs, each read once.
#[derive(Default)]
struct Facts(BTreeMap<String, Option<RunFacts>>);

impl Facts {
    fn of(&mut self, reader: &Reader, row: &RunRow) -> Result<Option<&RunFacts>> {
        let id = row.start.run.as_str();
        if !self.0.contains_key(id) {
            self.0.insert(id.to_owned(), reader.facts(&row.start.run)?);
        }
        Ok(self.0[id].as_ref())
    }
}

/// Everything that may have moved a metric between two runs, by name: parameters, files, packages, variables, machine.
fn differing(reader: &Reader, left: &RunRow, right: &RunRow, facts: &mut Facts) -> Result<BTreeSet<String>> {
    let mut factors = BTreeSet::new();
    let (params, _) = lab_model::diff::maps(&left.start.params, &right.start.params);
    factors.extend(params.into_iter().map(|param| if seeds::is_seed(&param.key) { "seed".into() } else { param.key }));
    let seeds_of = |row: &RunRow| -> BTreeMap<String, Value> {
        row.start.seeds.iter().map(|seed| (seed.name.clone(), seed.value.clone())).collect()
    };
    if seeds_of(left) != seeds_of(right) {
        factors.insert("seed".to_owned());
    }
    let (before, after) = (&left.start.fingerprint, &right.start.fingerprint);
    if before.code != after.code || before.data != after.data || before.config != after.config {
        let files = changes::files(reader, left.start.snapshot.as_ref(), right.start.snapshot.as_ref())?;
        for role in [Role::Code, Role::Data, Role::Config] {
            // A config file whose values are parameters is named by these.
            if role != Role::Config || factors.is_empty() {
                factors.extend(changes::paths(&files, role));
            }
        }
    }
    let inputs = |row: &RunRow| -> BTreeMap<String, _> {
        row.start.inputs.iter().map(|input| (input.path.clone(), input.content.hash())).collect()
    };
    let (inputs, _) = lab_model::diff::maps(&inputs(left), &inputs(right));
    factors.extend(inputs.into_iter().map(|input| format!("input {}", input.key)));
    if left.environment != right.environment {
        let before = facts.of(reader, left)?.map(|facts| changes::software(&facts.environment));
        let after = facts.of(reader, right)?.map(|facts| changes::software(&facts.environment));
        if let (Some(before), Some(after)) = (before, after) {
            for (before, after) in [(before.packages, after.packages), (before.others, after.others)] {
                let (different, _) = lab_model::diff::maps(&before, &after);
                factors
                    .extend(different.into_iter().filter(|found| !seeds::is_seed(&found.key)).map(|found| found.key));
            }
        }
    }
    let host = |facts: Option<&RunFacts>| facts.map(|facts| (facts.machine.host.clone(), facts.machine.gpus.clone()));
    let before = host(facts.of(reader, left)?);
    if before != host(facts.of(reader, right)?) {
        factors.insert("machine".to_owned());
    }
    if factors.is_empty() && left.start.argv != right.start.argv {
        factors.insert("command".to_owned());
    }
    Ok(factors)
}

/// How the metric moved from run to run before `row`, by what changed; the pair in question itself does not count.
fn history(
    reader: &Reader,
    (base, row): (&RunRow, &RunRow),
    key: &str,
    facts: &mut Facts,
) -> Result<BTreeMap<String, Evidence>> {
    let query = RunQuery { project: Some(row.start.project.clone()), limit: Some(LOOK_BACK), ..RunQuery::default() };
    let mut rows = reader.runs(&query)?;
    rows.retain(|other| other.status() == Status::Done);
    let mut evidence: BTreeMap<String, Evidence> = BTreeMap::new();
    for (after, before) in rows.iter().zip(reader.bases(&rows)?) {
        let Some(before) = before else { continue };
        let asked = after.start.run == row.start.run && before.start.run == base.start.run;
        let (Some(old), Some(new)) = (value(reader, &before, key)?, value(reader, after, key)?) else { continue };
        if asked {
            continue;
        }
        let factors = differing(reader, &before, after, facts)?;
        let others = factors.len().saturating_sub(1);
        for factor in factors {
            let found = evidence.entry(factor).or_default();
            let size = (new - old).abs();
            if others == 0 { found.alone.push(size) } else { found.together.push((size, others)) }
        }
    }
    Ok(evidence)
}

/// The metric whose move is to be explained: the main one of the newer run.
///
/// # Errors
/// Those of the reader.
pub(crate) fn of_main_metric(reader: &Reader, base: &RunRow, row: &RunRow) -> Result<Table> {
    let summaries = reader.summaries(row)?;
    metrics::main_metric(&summaries).map_or_else(|| Ok(columns()), |main| table(reader, base, row, &main.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_in_words() {
        let alone = Evidence { alone: vec![0.03, 0.01, 0.02], together: vec![(0.5, 1)] };
        let words = |evidence: &Evidence| cells("lr", evidence, "acc")[4].text.clone();
        assert_eq!(words(&alone), "changed 4 times, 3 alone: acc moved by 0.02 median (n=3)");
        let few = Evidence { alone: vec![0.03], together: Vec::new() };
        assert_eq!(words(&few), "changed once, 1 alone: acc moved by 0.03 median (n=1), too few to rely on");
        let shared = Evidence { alone: Vec::new(), together: vec![(0.4, 1), (0.4, 3)] };
        assert_eq!(words(&shared), "changed 2 times, never alone: a share of 0.15 of the moves of acc (n=2)");
        assert_eq!(words(&Evidence::default()), "never changed before: nothing is known");
    }
}
