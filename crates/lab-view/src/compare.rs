//! Two states side by side: causes (command, code, config, data, packages, machine, seed) apart from
//! effects (metrics, duration, outputs, status). Differences first, equal things only counted.

use std::collections::BTreeMap;

use lab_engine::{Error, ErrorKind, Reader, Result};
use lab_model::diff::{PathDiff, maps};
use lab_model::{Hash, Role, RunId, Summary};
use serde::Serialize;
use serde_json::Value;

use crate::block::{Block, Blocks, Section, Sections};
use crate::changes::{self, Side};
use crate::format::{self, Moment};
use crate::runs::{duration_cell, status_cell};
use crate::{Cell, Column, Diff, Fields, Line, Table, Tone, metrics};

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
    /// Who is compared.
    pub sides: Fields,
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
    /// Packages.
    pub packages: Table,
    /// Metrics.
    pub metrics: Table,
    /// Status, duration, outputs.
    pub effects: Table,
    /// What is equal, with counts.
    pub equal: Line,
}

impl Blocks for ComparePage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("", Block::Fields(&self.sides))
            .add("Causes", Block::Table(&self.causes))
            .add("Parameters", Block::Table(&self.params))
            .add("Files", Block::Table(&self.files))
            .diffs("Config", &self.config)
            .diffs("Code", &self.code)
            .add("Packages", Block::Table(&self.packages))
            .add("Metrics", Block::Table(&self.metrics))
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
    Ok(ComparePage {
        headline: different.headline(&left, &right, &left_metrics, &right_metrics, key.only.is_empty()),
        sides: sides(&left, &right, &key.moment),
        config: diffs(Role::Config),
        code: diffs(Role::Code),
        files: changes::table(&files),
        causes,
        params,
        packages,
        metrics,
        effects,
        equal: equal.line(),
    })
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

/// What is equal: words and counts.
#[derive(Default)]
struct Equal {
    words: Vec<String>,
}

impl Equal {
    fn count(&mut self, count: usize, noun: &str) {
        if count > 0 {
            self.words.push(format::count(count as u64, noun));
        }
    }

    fn line(&self) -> Line {
        if self.words.is_empty() {
            return Line::default();
        }
        Line::of(format!("Equal: {}", self.words.join(", ")), Tone::Muted)
    }
}

/// A table of differences: what, left, right.
struct Pairs<'a> {
    table: Table,
    equal: &'a mut Equal,
}

impl<'a> Pairs<'a> {
    fn new(left: &Side, right: &Side, equal: &'a mut Equal) -> Self {
        Self { table: pair_table("name", "", left, right), equal }
    }

    /// A row when the sides differ, a word among the equal ones when they do not.
    #[expect(clippy::needless_pass_by_value, reason = "the callers make the texts for this call alone")]
    fn add(&mut self, name: &str, left: Option<String>, right: Option<String>) {
        if left == right {
            if left.is_some() {
                self.equal.words.push(name.to_owned());
            }
            return;
        }
        self.table.push(name, pair_cells(name, left.as_deref(), right.as_deref()));
    }
}

fn pair_table(key: &str, title: &str, left: &Side, right: &Side) -> Table {
    Table::new(vec![
        Column::left(key, title, 0).shrinking(),
        Column::left("left", &left.label, 0).shrinking(),
        Column::left("right", &right.label, 0).shrinking(),
    ])
}

fn pair_cells(name: &str, left: Option<&str>, right: Option<&str>) -> Vec<Cell> {
    let cell = |side: Option<&str>, tone: Tone| {
        side.map_or_else(
            || Cell { text: "–".into(), ..Cell::none() },
            |text| Cell::new(lab_model::display_bytes(text.as_bytes()), tone).with(text),
        )
    };
    let name = Cell::new(lab_model::display_bytes(name.as_bytes()), Tone::Accent).with(name);
    vec![name, cell(left, Tone::Removed), cell(right, Tone::Added)]
}

fn titled(mut table: Table, left: &Side, right: &Side) -> Table {
    for column in &mut table.columns {
        match column.key.as_str() {
            "left" => column.title.clone_from(&left.label),
            "right" => column.title.clone_from(&right.label),
            _ => {}
        }
    }
    table
}

fn causes(left: &Side, right: &Side, wants: &dyn Fn(Axis) -> bool, equal: &mut Equal) -> Table {
    let mut pairs = Pairs::new(left, right, equal);
    if let (Some(left), Some(right)) = (&left.row, &right.row) {
        let (left, right) = (&left.start, &right.start);
        if wants(Axis::Command) {
            pairs.add("command", Some(format::command(&left.argv)), Some(format::command(&right.argv)));
            pairs.add("directory", Some(left.cwd.to_string()), Some(right.cwd.to_string()));
        }
        if wants(Axis::Seeds) {
            let seeds = |start: &lab_model::RunStart| -> BTreeMap<String, String> {
                start.seeds.iter().map(|seed| (seed.name.clone(), format::value(&seed.value))).collect()
            };
            let (mut different, same) = maps(&seeds(left), &seeds(right));
            // A seed that is a parameter stands among those.
            let is_param = |key: &String| left.params.contains_key(key) || right.params.contains_key(key);
            different.retain(|seed| !wants(Axis::Config) || !is_param(&seed.key));
            for seed in different {
                let word = if seed.key.to_lowercase().contains("seed") { "" } else { "seed " };
                pairs.add(&format!("{word}{}", seed.key), seed.left, seed.right);
            }
            pairs.equal.count(same, "seed");
        }
        if wants(Axis::Data) {
            let inputs = |start: &lab_model::RunStart| -> BTreeMap<String, Option<Hash>> {
                start.inputs.iter().map(|input| (input.path.clone(), input.content.hash())).collect()
            };
            let (different, same) = maps(&inputs(left), &inputs(right));
            let short = |hash: Option<Option<Hash>>| {
                hash.map(|hash| hash.map_or_else(|| "unreadable".to_owned(), |hash| hash.short(12)))
            };
            for input in different {
                pairs.add(&format!("input {}", input.key), short(input.left), short(input.right));
            }
            pairs.equal.count(same, "input");
        }
    }
    if let (Some(left), Some(right)) = (&left.facts, &right.facts) {
        fact_causes(&mut pairs, left, right, wants);
    }
    pairs.table
}

fn fact_causes(
    pairs: &mut Pairs<'_>,
    left: &lab_model::RunFacts,
    right: &lab_model::RunFacts,
    wants: &dyn Fn(Axis) -> bool,
) {
    if wants(Axis::Environment) {
        let interpreter = |facts: &lab_model::RunFacts| {
            facts.environment.interpreter.as_ref().map(|found| format!("{} {}", found.language, found.version))
        };
        pairs.add("interpreter", interpreter(left), interpreter(right));
        pairs.add("CUDA", left.environment.cuda.clone(), right.environment.cuda.clone());
        let (different, same) = maps(&left.environment.variables, &right.environment.variables);
        for variable in different {
            pairs.add(&variable.key, variable.left, variable.right);
        }
        pairs.equal.count(same, "variable");
    }
    let fields = |fields: Fields| -> BTreeMap<String, String> {
        fields.0.into_iter().map(|field| (field.label, field.cell.text)).collect()
    };
    for (axis, word, left, right) in [
        (Axis::Machine, "machine", crate::show::machine(&left.machine), crate::show::machine(&right.machine)),
        (Axis::Git, "Git commit", crate::show::git(left), crate::show::git(right)),
    ] {
        if !wants(axis) {
            continue;
        }
        let (mut different, same) = maps(&fields(left), &fields(right));
        // How many files Git finds changed says less than the files themselves.
        different.retain(|field| field.key != "Files");
        if different.is_empty() && same > 0 {
            pairs.equal.words.push(word.to_owned());
        }
        for field in different {
            let before = if axis == Axis::Git { "Git " } else { "" };
            pairs.add(&format!("{before}{}", field.key.to_lowercase()), field.left, field.right);
        }
    }
}

fn params(left: &Side, right: &Side, equal: &mut Equal) -> Table {
    let mut table = pair_table("name", "Parameter", left, right);
    let (Some(left), Some(right)) = (&left.row, &right.row) else { return table };
    let (different, same) = maps(&left.start.params, &right.start.params);
    equal.count(same, "parameter");
    for param in different {
        let text = |value: &Option<Value>| value.as_ref().map(format::value);
        let (before, after) = (text(&param.left), text(&param.right));
        let mut cells = pair_cells(&param.key, before.as_deref(), after.as_deref());
        cells[1].value = Some(param.left.unwrap_or(Value::Null));
        cells[2].value = Some(param.right.unwrap_or(Value::Null));
        table.push(param.key, cells);
    }
    table
}

fn packages(left: &Side, right: &Side, equal: &mut Equal) -> Table {
    let mut table = pair_table("name", "Package", left, right);
    let (Some(left), Some(right)) = (&left.facts, &right.facts) else { return table };
    let versions = |facts: &lab_model::RunFacts| changes::software(&facts.environment).packages;
    let (different, same) = maps(&versions(left), &versions(right));
    equal.count(same, "package");
    for package in different {
        table.push(package.key.clone(), pair_cells(&package.key, package.left.as_deref(), package.right.as_deref()));
    }
    table
}

fn effects(reader: &Reader, left: &Side, right: &Side, moment: &Moment, equal: &mut Equal) -> Table {
    let mut table = pair_table("name", "", left, right);
    let (Some(left), Some(right)) = (&left.row, &right.row) else { return table };
    let statuses = [left, right].map(|row| status_cell(reader.standing(row)));
    let [before, after] = statuses;
    if before == after {
        equal.words.push(format!("status ({})", before.text));
    } else {
        table.push("status", vec![Cell::new("status", Tone::Accent), before, after]);
    }
    let failure = |row: &lab_engine::RunRow| {
        let end = row.end.as_ref()?;
        end.failure.as_ref().map(|failure| failure.title.clone())
    };
    if failure(left) != failure(right) {
        table.push("failure", pair_cells("failure", failure(left).as_deref(), failure(right).as_deref()));
    }
    let took = |row| duration_cell(row, moment);
    let (before, after) = (took(left), took(right));
    if before.text == after.text {
        equal.words.push("duration".to_owned());
    } else {
        table.push("duration_millis", vec![Cell::new("took", Tone::Accent), before, after]);
    }
    let outputs = |row: &lab_engine::RunRow| -> BTreeMap<String, (Option<Hash>, u64)> {
        let outputs = row.end.iter().flat_map(|end| &end.outputs);
        outputs.map(|output| (output.path.to_string(), (output.content.hash(), output.size_bytes))).collect()
    };
    let (different, same) = maps(&outputs(left), &outputs(right));
    equal.count(same, "output");
    for output in different {
        let size = |side: &Option<(Option<Hash>, u64)>| {
            side.map(|(hash, size)| {
                format!("{} {}", format::bytes(size), hash.map(|hash| hash.short(8)).unwrap_or_default())
            })
        };
        let name = format!("output {}", output.key);
        table.push(name.clone(), pair_cells(&name, size(&output.left).as_deref(), size(&output.right).as_deref()));
    }
    table
}

/// Everything that can be a cause.
struct Different<'a> {
    files: &'a [PathDiff],
    causes: &'a Table,
    params: &'a Table,
    packages: &'a Table,
}

impl Different<'_> {
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for role in [Role::Code, Role::Config, Role::Data] {
            let paths = changes::paths(self.files, role);
            if !paths.is_empty() {
                words.push(format!("{} ({})", role.name(), format::some_of(&paths, 2)));
            }
        }
        let keys = |table: &Table| -> Vec<String> {
            table.rows.iter().map(|row| lab_model::display_bytes(row.key.as_bytes())).collect()
        };
        // A change of state in Git, or of the command whose parameters are named, says nothing new.
        let silent = ["Git commit", "Git branch", "Git remote", "memory", "kernel"];
        let mut causes = keys(self.causes);
        causes.retain(|cause| !silent.contains(&cause.as_str()) && (cause != "command" || self.params.is_empty()));
        if !self.params.is_empty() {
            words.push(format!("parameters ({})", format::some_of(&keys(self.params), 3)));
            causes.retain(|cause| {
                let seed = cause.strip_prefix("seed ").unwrap_or(cause);
                !self.params.rows.iter().any(|row| row.key.rsplit('.').next() == Some(seed))
            });
        }
        if !self.packages.is_empty() {
            words.push(format!("packages ({})", format::some_of(&keys(self.packages), 3)));
        }
        if !causes.is_empty() {
            words.push(format::some_of(&causes, 3));
        }
        words
    }

    /// `whole` says that everything was compared: only then can the lack of a cause mean something.
    fn headline(&self, left: &Side, right: &Side, before: &[Summary], after: &[Summary], whole: bool) -> Line {
        let words = self.words();
        let mut line = Line::default();
        if words.is_empty() && !whole {
            line.push("No cause in what was compared", Tone::Plain);
        } else if words.is_empty() {
            line.push("Nothing that could be a cause differs", Tone::Plain);
        } else {
            line.push(words.join(", "), Tone::Changed);
            let plural = ["parameters ", "packages "].iter().any(|noun| words[0].starts_with(noun));
            let verb = if words.len() == 1 && !plural { " differs" } else { " differ" };
            line.push(verb, Tone::Plain);
        }
        if left.row.is_none() || right.row.is_none() {
            return line;
        }
        let Some(main) = metrics::main_metric(after) else { return line };
        let Some(old) = before.iter().find(|old| old.key == main.key) else { return line };
        let change = metrics::change(&main.key, old.last, main.last);
        let key = lab_model::display_bytes(main.key.as_bytes());
        let (before, after) = (metrics::cell(old.last).text, metrics::cell(main.last).text);
        if old.last == main.last {
            line.push(format!(" · {key} {after}, unchanged"), Tone::Plain);
        } else {
            line.push(format!(" · {key} {before} → {after} ("), Tone::Plain);
            line.push(change.text, change.tone).push(")", Tone::Plain);
        }
        if !whole {
            return line;
        }
        if words.is_empty() && change.tone != Tone::Muted {
            line.push(" · not reproducible: look for seeds and threads", Tone::Warn);
        } else if self.only_seeds() && change.tone != Tone::Muted {
            line.push(" · only the seed differs: this is the noise", Tone::Warn);
        }
        line
    }

    fn only_seeds(&self) -> bool {
        let is_seed = |key: &str| key.to_lowercase().contains("seed") || key == "random_state" || key == "command";
        let data_or_code = self.files.iter().any(|file| matches!(changes::role(file), Role::Code | Role::Data));
        let seeds = self.params.rows.iter().all(|row| is_seed(&row.key))
            && self.causes.rows.iter().all(|row| is_seed(&row.key));
        let any = !self.params.is_empty() || !self.causes.is_empty();
        let config = self.files.iter().any(|file| changes::role(file) == Role::Config);
        any && seeds && !data_or_code && self.packages.is_empty() && (!config || !self.params.is_empty())
    }
}
