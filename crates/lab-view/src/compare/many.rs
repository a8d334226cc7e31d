//! Three to fifty runs beside each other: the first is the base. Runs that are equal but for the seed share a column.

use std::collections::{BTreeMap, BTreeSet};

use lab_engine::{Error, ErrorKind, Reader, Result, RunRow};
use lab_model::diff::PathDiff;
use lab_model::{Role, RunFacts, RunId, Summary};
use serde::Serialize;
use serde_json::Value;

use super::groups::mean;
use crate::block::{Block, Blocks, Section, Sections};
use crate::format::{self, Moment};
use crate::runs::{duration_cell, fingerprint, status_cell};
use crate::seeds::{self, Answer, Verdict};
use crate::{Cell, Chips, Column, Diff, Line, Table, Tone, changes, metrics};

/// The most runs that stand on one page.
pub const MOST_RUNS: usize = 50;
/// Metrics that get a column in the list of runs.
const METRIC_COLUMNS: usize = 3;
/// Parameters that get a column in the list of runs.
const PARAM_COLUMNS: usize = 4;
/// Files whose lines are shown; the others are only named.
const MOST_DIFFS: usize = 20;

/// What to compare.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    /// The runs, the base first.
    pub runs: Vec<RunId>,
    /// When it is read.
    pub moment: Moment,
}

/// Several runs beside each other.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ManyPage {
    /// What is different, and whether the best is better than the base by more than noise.
    pub headline: Line,
    /// The best group against the base.
    pub verdict: Option<Verdict>,
    /// One row for each run or seed group: chips, metrics, parameters.
    pub runs: Table,
    /// Parameters that are not the same in all.
    pub params: Table,
    /// Command, directory, interpreter, machine, variables that are not the same in all.
    pub causes: Table,
    /// Files that are not as in the base.
    pub files: Table,
    /// Packages that are not the same in all.
    pub packages: Table,
    /// All metrics.
    pub metrics: Table,
    /// Config and code, line by line, against the base.
    pub diffs: Vec<Diff>,
    /// What is equal, with counts.
    pub equal: Line,
}

impl Blocks for ManyPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("Runs", Block::Table(&self.runs))
            .add("Parameters", Block::Table(&self.params))
            .add("Causes", Block::Table(&self.causes))
            .add("Files", Block::Table(&self.files))
            .add("Packages", Block::Table(&self.packages))
            .add("Metrics", Block::Table(&self.metrics))
            .diffs("Config and code against the base", &self.diffs)
            .add("", Block::Line(&self.equal))
            .finish()
    }
}

/// One column: a run, or runs that are equal but for the seed.
struct Member {
    label: String,
    rows: Vec<RunRow>,
    summaries: Vec<Vec<Summary>>,
    facts: Option<RunFacts>,
    files: Vec<PathDiff>,
}

impl Member {
    fn first(&self) -> &RunRow {
        &self.rows[0]
    }

    /// The last values of a metric.
    fn values(&self, key: &str) -> Vec<f64> {
        self.picked(key, |summary| summary.last)
    }

    fn picked(&self, key: &str, pick: impl Fn(&Summary) -> f64) -> Vec<f64> {
        self.summaries.iter().flatten().filter(|found| found.key == key).map(pick).collect()
    }
}

/// Reads the page.
///
/// # Errors
/// [`ErrorKind::Usage`] for no run or more than [`MOST_RUNS`], [`ErrorKind::Missing`] when one is not there, and those
/// of the reader.
pub fn load(reader: &Reader, key: &Key) -> Result<ManyPage> {
    if key.runs.is_empty() || key.runs.len() > MOST_RUNS {
        let words = format!("{} cannot be compared at once", format::count(key.runs.len() as u64, "run"));
        return Err(Error::new(ErrorKind::Usage, words).hint(format!("name 2 to {MOST_RUNS}")));
    }
    let members = members(reader, &key.runs)?;
    let mut equal = Vec::new();
    let params = params(&members, &mut equal);
    let causes = causes(&members, &mut equal);
    let packages = packages(&members, &mut equal);
    let summaries: Vec<Vec<Summary>> = members.iter().flat_map(|member| member.summaries.iter().cloned()).collect();
    let keys = metrics::main_keys(&summaries, METRIC_COLUMNS);
    let verdict = keys.first().and_then(|key| best(&members, key));
    let headline = headline(&members, key.runs.len(), (&params, &causes, &packages), verdict.as_ref());
    let equal = if equal.is_empty() { String::new() } else { format!("Equal: {}", equal.join(", ")) };
    Ok(ManyPage {
        headline,
        verdict: verdict.map(|(_, verdict)| verdict),
        runs: runs(reader, &members, &keys, &params, &key.moment),
        files: files(&members),
        metrics: metrics_table(&members),
        diffs: diffs(reader, &members),
        params,
        causes,
        packages,
        equal: Line::of(equal, Tone::Muted),
    })
}

/// The runs, those that are equal but for the seed together, in the order in which they were named.
fn members(reader: &Reader, runs: &[RunId]) -> Result<Vec<Member>> {
    let mut rest = Vec::new();
    for run in runs {
        let row = reader.run(run)?.ok_or_else(|| Error::new(ErrorKind::Missing, format!("There is no run {run}")))?;
        if !rest.iter().any(|known: &RunRow| known.start.run == row.start.run) {
            rest.push(row);
        }
    }
    let mut members: Vec<Member> = Vec::new();
    while !rest.is_empty() {
        let first = rest.remove(0);
        let rows = seeds::group(reader, &first, &rest)?;
        rest.retain(|row| rows.iter().all(|taken| taken.start.run != row.start.run));
        let name = lab_model::display_bytes(first.name.as_bytes());
        let base = members.first().map_or(first.start.snapshot, |base| base.first().start.snapshot);
        let mut files = changes::files(reader, base.as_ref(), first.start.snapshot.as_ref())?;
        // What earlier runs had left behind is no cause.
        files.retain(|found| changes::role(found) != Role::Output);
        members.push(Member {
            label: if rows.len() > 1 { format!("{name} +{}", rows.len() - 1) } else { name },
            summaries: rows.iter().map(|row| reader.summaries(row)).collect::<Result<_>>()?,
            facts: reader.facts(&first.start.run)?,
            files,
            rows,
        });
    }
    Ok(members)
}

/// The member whose metric is best, with the verdict against the base.
fn best(members: &[Member], key: &str) -> Option<(usize, Verdict)> {
    let base = members[0].values(key);
    let others = || members.iter().enumerate().skip(1);
    let verdicts = others().filter_map(|(place, member)| {
        Some((place, Verdict::of(key, &base, &member.values(key), None, members.len() - 1)?))
    });
    let sign = if Summary::smaller_is_better(key) { -1.0 } else { 1.0 };
    verdicts.max_by(|(_, left), (_, right)| (sign * left.right.mean).total_cmp(&(sign * right.right.mean)))
}

fn headline(
    members: &[Member],
    count: usize,
    (params, causes, packages): (&Table, &Table, &Table),
    verdict: Option<&(usize, Verdict)>,
) -> Line {
    let mut words = Vec::new();
    for role in [Role::Code, Role::Config, Role::Data] {
        let paths: BTreeSet<String> = members.iter().flat_map(|member| changes::paths(&member.files, role)).collect();
        if !paths.is_empty() {
            words.push(format!("{} ({})", role.name(), format::some_of(&Vec::from_iter(paths), 2)));
        }
    }
    for (noun, table) in [("parameters", params), ("packages", packages), ("surroundings", causes)] {
        let keys: Vec<String> = table.rows.iter().map(|row| row.key.clone()).filter(|key| key != "command").collect();
        if !keys.is_empty() {
            let keys: Vec<String> = keys.iter().map(|key| lab_model::display_bytes(key.as_bytes())).collect();
            words.push(format!("{noun} ({})", format::some_of(&keys, 3)));
        }
    }
    let mut line = Line::of(format!("{} runs", format::grouped(count as u64)), Tone::Plain);
    if members.len() < count {
        line.push(
            format!(" in {} that differ by more than the seed", format::count(members.len() as u64, "group")),
            Tone::Plain,
        );
    }
    line.push(": ", Tone::Plain);
    if words.is_empty() {
        line.push("nothing that could be a cause differs", Tone::Plain);
    } else {
        line.push(words.join(", "), Tone::Changed).push(" differ", Tone::Plain);
    }
    if let Some((place, verdict)) = verdict {
        line.push(" · best ", Tone::Plain).push(members[*place].label.clone(), Tone::Accent).push(": ", Tone::Plain);
        line.0.extend(verdict.line().0);
        if members.len() > 2 && verdict.p.is_some() {
            line.push(format!(" (p × {}, the best of as many)", members.len() - 1), Tone::Muted);
        }
    }
    line
}

fn runs(reader: &Reader, members: &[Member], keys: &[String], params: &Table, moment: &Moment) -> Table {
    let mut columns = vec![
        Column::left("run", "Run", 0).shrinking(),
        Column::right("seeds", "Runs", 2),
        Column::left("changed", "Changed", 1),
        Column::left("status", "Status", 3),
        Column::right("duration_millis", "Took", 4),
    ];
    let title = |key: &str| lab_model::display_bytes(key.as_bytes());
    for (place, key) in keys.iter().enumerate() {
        columns.push(Column::right(key, &title(key), place as u8));
        columns.push(Column::left(&format!("{key} change"), "", place as u8 + 1));
    }
    let shown = &params.rows[..params.rows.len().min(PARAM_COLUMNS)];
    columns
        .extend(shown.iter().map(|row| Column::right(&format!("param {}", row.key), &title(&row.key), 2).shrinking()));
    let mut table = Table::new(columns);
    let base = fingerprint(members[0].first());
    for (place, member) in members.iter().enumerate() {
        let row = member.first();
        let chips =
            if place == 0 { Cell::new("base", Tone::Muted) } else { Chips::of(&fingerprint(row), Some(&base)).cell() };
        let mut cells = vec![
            Cell::new(member.label.clone(), Tone::Accent).with(row.start.run.as_str()),
            Cell::plain(member.rows.len().to_string()).with(member.rows.len()),
            chips,
            status_cell(reader.standing(row)),
            duration_cell(row, moment),
        ];
        for key in keys {
            let (values, base) = (member.values(key), members[0].values(key));
            let verdict = if place == 0 { None } else { Verdict::of(key, &base, &values, None, members.len() - 1) };
            cells.push(mean(&values));
            cells.push(verdict.map_or_else(Cell::none, |verdict| {
                let change = metrics::change(key, verdict.left.mean, verdict.right.mean);
                let difference = format::signed(verdict.difference, 3);
                match (verdict.p, verdict.answer) {
                    // What may be noise is neither better nor worse.
                    (Some(p), Answer::NotDistinguishable) => {
                        Cell { text: format!("{difference}, {}", seeds::p_words(p)), tone: Tone::Muted, ..change }
                    }
                    (Some(p), _) => Cell { text: format!("{}, {}", change.text, seeds::p_words(p)), ..change },
                    (None, _) => change,
                }
            }));
        }
        cells.extend(shown.iter().map(|row| row.cells[place + 1].clone()));
        table.push(row.start.run.as_str(), cells);
    }
    table
}

/// A table with a column for each member.
fn beside(title: &str, members: &[Member]) -> Table {
    let mut columns = vec![Column::left("name", title, 0).shrinking()];
    for (place, member) in members.iter().enumerate() {
        let key = member.first().start.run.as_str();
        columns.push(Column::left(key, &member.label, u8::try_from(place).unwrap_or(u8::MAX - 1)).shrinking());
    }
    Table::new(columns)
}

/// Rows for all names whose values are not the same in all members; the number of the others.
fn differing(title: &str, members: &[Member], maps: &[BTreeMap<String, Value>]) -> (Table, Vec<String>) {
    let mut table = beside(title, members);
    let names: BTreeSet<&String> = maps.iter().flat_map(BTreeMap::keys).collect();
    let mut same = Vec::new();
    for name in names {
        let values: Vec<Option<&Value>> = maps.iter().map(|map| map.get(name)).collect();
        if values.iter().all(|value| *value == values[0]) {
            same.push(name.clone());
            continue;
        }
        let mut cells = vec![Cell::new(lab_model::display_bytes(name.as_bytes()), Tone::Accent).with(name.clone())];
        cells.extend(values.iter().map(|value| match value {
            Some(value) => {
                let tone = if *value == values[0].unwrap_or(&Value::Null) { Tone::Plain } else { Tone::Changed };
                Cell::new(format::value(value), tone).with((*value).clone())
            }
            None => Cell { text: "–".into(), ..Cell::none() },
        }));
        table.push(name.clone(), cells);
    }
    (table, same)
}

/// Whether a column stands for several seeds: what one of them had says nothing then.
fn has_groups(members: &[Member]) -> bool {
    members.iter().any(|member| member.rows.len() > 1)
}

fn params(members: &[Member], equal: &mut Vec<String>) -> Table {
    let grouped = has_groups(members);
    let maps: Vec<BTreeMap<String, Value>> = members
        .iter()
        .map(|member| {
            let mut params = member.first().start.params.clone();
            params.retain(|name, _| !grouped || !seeds::is_seed(name));
            params
        })
        .collect();
    let (table, same) = differing("Parameter", members, &maps);
    if !same.is_empty() {
        equal.push(format::count(same.len() as u64, "parameter"));
    }
    table
}

fn causes(members: &[Member], equal: &mut Vec<String>) -> Table {
    let grouped = has_groups(members);
    let maps: Vec<BTreeMap<String, Value>> = members
        .iter()
        .map(|member| {
            let start = &member.first().start;
            let mut map = BTreeMap::from([("directory".to_owned(), Value::from(start.cwd.to_string()))]);
            if !grouped {
                map.insert("command".to_owned(), format::command(&start.argv).into());
            }
            if let Some(facts) = &member.facts {
                let others = changes::software(&facts.environment).others;
                map.extend(others.into_iter().map(|(name, value)| (name, Value::from(value))));
                let machine = crate::show::machine(&facts.machine).0.into_iter();
                map.extend(machine.map(|field| (field.label.to_lowercase(), Value::from(field.cell.text))));
            }
            map
        })
        .collect();
    let (table, same) = differing("", members, &maps);
    equal.extend(same.into_iter().filter(|name| ["directory", "command", "host", "gpus"].contains(&name.as_str())));
    table
}

fn packages(members: &[Member], equal: &mut Vec<String>) -> Table {
    let maps: Vec<BTreeMap<String, Value>> = members
        .iter()
        .map(|member| {
            let packages = member.facts.as_ref().map(|facts| changes::software(&facts.environment).packages);
            packages.into_iter().flatten().map(|(name, version)| (name, Value::from(version))).collect()
        })
        .collect();
    let (table, same) = differing("Package", members, &maps);
    if !same.is_empty() {
        equal.push(format::count(same.len() as u64, "package"));
    }
    table
}

/// Files that are not as in the base, with what happened to them in each member.
fn files(members: &[Member]) -> Table {
    let mut table = beside("File", members);
    table.columns[0].key = "path".into();
    let paths: BTreeSet<String> =
        members.iter().flat_map(|member| member.files.iter().map(|found| found.path.to_string())).collect();
    for path in paths {
        let mut cells = vec![Cell::plain(path.clone())];
        for member in members {
            let found = member.files.iter().find(|found| found.path.to_string() == path);
            cells.push(found.map_or_else(
                || Cell::new("=", Tone::Muted).with("="),
                |found| {
                    let hash = found.right.as_ref().and_then(|entry| entry.content.hash());
                    let sign = changes::sign(found);
                    let text =
                        hash.map_or_else(|| sign.text.clone(), |hash| format!("{} {}", sign.text, hash.short(6)));
                    Cell { text, ..sign }
                },
            ));
        }
        table.push(path, cells);
    }
    table
}

fn metrics_table(members: &[Member]) -> Table {
    let mut table = beside("Metric", members);
    let keys = members.iter().flat_map(|member| member.summaries.iter().flatten()).map(|summary| summary.key.as_str());
    let mut keys: Vec<&str> = keys.filter(|key| !metrics::is_machine_use(key)).collect();
    keys.sort_by_key(|key| (metrics::rank(key), *key));
    keys.dedup();
    for key in keys {
        for (word, best) in [("", false), (" best", true)] {
            let pick = |summary: &Summary| if best { summary.best() } else { summary.last };
            let values: Vec<Vec<f64>> = members.iter().map(|member| member.picked(key, pick)).collect();
            if best && members.iter().zip(&values).all(|(member, values)| *values == member.values(key)) {
                continue;
            }
            let name = Cell::new(format!("{}{word}", lab_model::display_bytes(key.as_bytes())), Tone::Accent);
            let mut cells = vec![name.with(format!("{key}{word}"))];
            cells.extend(values.iter().map(|values| mean(values)));
            table.push(format!("{key}{word}"), cells);
        }
    }
    table
}

/// Config and code against the base; what several members share is shown once.
fn diffs(reader: &Reader, members: &[Member]) -> Vec<Diff> {
    let mut shared: Vec<(&PathDiff, Vec<String>)> = Vec::new();
    for member in &members[1..] {
        let lines = |found: &&PathDiff| matches!(changes::role(found), Role::Code | Role::Config);
        for found in member.files.iter().filter(lines) {
            let content = |found: &PathDiff| found.right.as_ref().and_then(|entry| entry.content.hash());
            let same = |known: &PathDiff| known.path == found.path && content(known) == content(found);
            match shared.iter_mut().find(|(known, _)| same(known)) {
                Some((_, labels)) => labels.push(member.label.clone()),
                None => shared.push((found, vec![member.label.clone()])),
            }
        }
    }
    shared.sort_by_key(|(found, _)| (std::cmp::Reverse(changes::role(found)), found.path.to_string()));
    let show = |(place, (found, labels)): (usize, &(&PathDiff, Vec<String>))| {
        let path = format!("{} in {}", found.path, format::some_of(labels, 3));
        if place >= MOST_DIFFS {
            return Diff::note(path, format!("{}, compare these two alone for its lines", changes::sign(found).text));
        }
        Diff { path, ..changes::diff(reader, found) }
    };
    shared.iter().enumerate().map(show).collect()
}
