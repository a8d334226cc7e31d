//! Two states side by side: causes (command, code, config, data, packages, machine, seed) apart from
//! effects (metrics, duration, outputs, status). Differences first, equal things only counted.

pub mod data;
mod groups;
mod headline;
pub mod images;
pub mod many;
mod tables;

use lab_engine::{Error, ErrorKind, Reader, Result};
use lab_model::diff::PathDiff;
use lab_model::{Hash, Role, RunId};
use serde::Serialize;
use serde_json::Value;

use crate::block::{Block, Blocks, Section, Sections};
use crate::changes::{self, Side};
use crate::format::Moment;
use crate::seeds::Verdict;
use crate::{Cell, Diff, Fields, Line, Table, metrics, suspects};
use groups::Groups;
use headline::Different;
use tables::{Equal, causes, effects, packages, params, titled};

/// One side, as asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum Which {
    /// A run.
    Run(RunId),
    /// Files alone, with what people call them, such as `the working tree`.
    Snapshot(Hash, String),
}

/// A part of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Command and directory.
    Command,
    /// Source code.
    Code,
    /// Config files and parameters.
    Config,
    /// Data files and inputs.
    Data,
    /// Installed packages.
    Packages,
    /// Interpreter and variables.
    Environment,
    /// Hardware and system.
    Machine,
    /// Seeds.
    Seeds,
    /// Commit, branch, state.
    Git,
    /// Metrics.
    Metrics,
    /// Status, duration, outputs.
    Effects,
}

/// What to compare.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    /// The older side.
    pub left: Which,
    /// The newer side.
    pub right: Which,
    /// Only these parts; all of them when empty.
    pub only: Vec<Axis>,
    /// When it is read.
    pub moment: Moment,
}

/// Two states side by side.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ComparePage {
    /// What is different, and what came of it.
    pub headline: Line,
    /// Whether the main metric differs by more than noise, with the numbers behind it.
    pub verdict: Option<Verdict>,
    /// Who is compared.
    pub sides: Fields,
    /// What differs, ranked by how the main metric moved earlier when it changed.
    pub suspects: Table,
    /// Small causes: command, interpreter, variables, machine, seeds, Git.
    pub causes: Table,
    /// Parameters.
    pub params: Table,
    /// All files that differ.
    pub files: Table,
    /// Config files, line by line.
    pub config: Vec<Diff>,
    /// Code, line by line.
    pub code: Vec<Diff>,
    /// Data files, column by column.
    pub data: Vec<data::DataDiff>,
    /// Packages.
    pub packages: Table,
    /// Metrics.
    pub metrics: Table,
    /// Metrics of all runs that are equal to these two but for the seed.
    pub seeds: Table,
    /// Status, duration, outputs.
    pub effects: Table,
    /// What is equal, with counts.
    pub equal: Line,
}

impl Blocks for ComparePage {
    fn blocks(&self) -> Vec<Section<'_>> {
        let mut sections = Sections::default()
            .add("", Block::Line(&self.headline))
            .add("", Block::Fields(&self.sides))
            .add("Suspects", Block::Table(&self.suspects))
            .add("Causes", Block::Table(&self.causes))
            .add("Parameters", Block::Table(&self.params))
            .add("Files", Block::Table(&self.files))
            .diffs("Config", &self.config)
            .diffs("Code", &self.code);
        for (place, found) in self.data.iter().enumerate() {
            let title = if place == 0 { "Data" } else { "" };
            sections = sections.add(title, Block::Line(&found.headline)).add("", Block::Table(&found.columns));
        }
        sections
            .add("Packages", Block::Table(&self.packages))
            .add("Metrics", Block::Table(&self.metrics))
            .add("Metrics over seeds", Block::Table(&self.seeds))
            .add("Effects", Block::Table(&self.effects))
            .add("", Block::Line(&self.equal))
            .finish()
    }
}

/// Reads the page.
///
/// # Errors
/// [`ErrorKind::Missing`] when a side is not there, and those of the reader.
pub fn load(reader: &Reader, key: &Key) -> Result<ComparePage> {
    let (left, right) = (side(reader, &key.left)?, side(reader, &key.right)?);
    let wants = |axis: Axis| key.only.is_empty() || key.only.contains(&axis);
    let mut equal = Equal::default();
    let all_files = changes::files(reader, left.snapshot.as_ref(), right.snapshot.as_ref())?;
    let both_runs = left.row.is_some() && right.row.is_some();
    // What earlier runs had left behind is no cause; what these two wrote stands among the effects.
    let shown = |found: &PathDiff| match changes::role(found) {
        Role::Output if both_runs => false,
        role => wants(axis_of(role)),
    };
    let mut files: Vec<PathDiff> = all_files.into_iter().filter(shown).collect();
    files.sort_by_key(changes::role);
    let diffs = |role: Role| -> Vec<Diff> {
        files.iter().filter(|found| changes::role(found) == role).map(|found| changes::diff(reader, found)).collect()
    };
    for (axis, role) in [(Axis::Code, Role::Code), (Axis::Config, Role::Config), (Axis::Data, Role::Data)] {
        let same = left.snapshot.is_some() && right.snapshot.is_some() && changes::paths(&files, role).is_empty();
        if wants(axis) && same {
            equal.words.push(format!("{} files", role.name()));
        }
    }
    let summaries = |side: &Side| side.row.as_ref().map(|row| reader.summaries(row)).transpose();
    let (left_metrics, right_metrics) = (summaries(&left)?.unwrap_or_default(), summaries(&right)?.unwrap_or_default());
    let whole = key.only.is_empty();
    let groups = match (&left.row, &right.row) {
        (Some(before), Some(after)) if whole || wants(Axis::Metrics) => Groups::read(reader, before, after)?,
        _ => None,
    };
    let metrics = if both_runs && wants(Axis::Metrics) {
        let (table, count) = metrics::compare(&left_metrics, &right_metrics);
        equal.count(count, "metric");
        titled(table, &left, &right)
    } else {
        Table::default()
    };
    let causes = causes(&left, &right, &wants, &mut equal);
    let params = if wants(Axis::Config) { params(&left, &right, &mut equal) } else { Table::default() };
    let packages = if wants(Axis::Packages) { packages(&left, &right, &mut equal) } else { Table::default() };
    let effects = if both_runs && wants(Axis::Effects) {
        effects(reader, &left, &right, &key.moment, &mut equal)
    } else {
        Table::default()
    };
    let different = Different { files: &files, causes: &causes, params: &params, packages: &packages };
    let verdict =
        groups.as_ref().filter(|_| whole).map(|groups| groups.verdict(reader, &right_metrics)).transpose()?.flatten();
    Ok(ComparePage {
        headline: different.headline(&left, &right, (&left_metrics, &right_metrics), whole, verdict.as_ref()),
        verdict,
        suspects: match (&left.row, &right.row) {
            (Some(before), Some(after)) if whole => suspects::of_main_metric(reader, before, after)?,
            _ => Table::default(),
        },
        sides: sides(&left, &right, &key.moment),
        config: diffs(Role::Config),
        code: diffs(Role::Code),
        data: data::diffs(reader, &files)?,
        files: changes::table(&files),
        causes,
        params,
        packages,
        seeds: groups.map(|groups| groups.table(reader, &left.label, &right.label)).transpose()?.unwrap_or_default(),
        metrics,
        effects,
        equal: equal.line(),
    })
}

/// The pictures in which the two ends differ.
///
/// # Errors
/// [`ErrorKind::Missing`] when a side is not there, and those of the reader.
pub fn pictures(reader: &Reader, key: &Key) -> Result<Vec<images::ImagePair>> {
    images::pairs(reader, &side(reader, &key.left)?, &side(reader, &key.right)?)
}

const fn axis_of(role: Role) -> Axis {
    match role {
        Role::Code => Axis::Code,
        Role::Config => Axis::Config,
        Role::Data => Axis::Data,
        Role::Output => Axis::Effects,
    }
}

fn side(reader: &Reader, which: &Which) -> Result<Side> {
    match which {
        Which::Run(run) => {
            let row = reader.run(run)?;
            let missing = || Error::new(ErrorKind::Missing, format!("There is no run {run}"));
            Side::of_run(reader, row.ok_or_else(missing)?)
        }
        Which::Snapshot(snapshot, label) => {
            Ok(Side { label: label.clone(), snapshot: Some(*snapshot), row: None, facts: None })
        }
    }
}

fn sides(left: &Side, right: &Side, moment: &Moment) -> Fields {
    let mut fields = Fields::default();
    for (key, label, side) in [("left", "Left", left), ("right", "Right", right)] {
        let cell = match &side.row {
            Some(row) => {
                let id = row.start.run.as_str();
                let text = format!("{} ({}) · {}", side.label, &id[..4], moment.age(row.start.time));
                Cell::plain(text).with(id)
            }
            None => {
                let id = side.snapshot.map(|snapshot| snapshot.to_string());
                Cell::plain(side.label.clone()).with(id.map_or(Value::Null, Value::String))
            }
        };
        fields.push(key, label, cell);
    }
    fields
}
