//! The tables of a comparison: what differs, left and right; what is equal only counted.

use std::collections::BTreeMap;

use lab_engine::Reader;
use lab_model::Hash;
use lab_model::diff::maps;
use serde_json::Value;

use super::Axis;
use crate::changes::{self, Side};
use crate::format::{self, Moment};
use crate::runs::{duration_cell, status_cell};
use crate::{Cell, Column, Fields, Line, Table, Tone};

/// What is equal: words and counts.
#[derive(Default)]
pub(super) struct Equal {
    pub words: Vec<String>,
}

impl Equal {
    pub(super) fn count(&mut self, count: usize, noun: &str) {
        if count > 0 {
            self.words.push(format::count(count as u64, noun));
        }
    }

    pub(super) fn line(&self) -> Line {
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

pub(super) fn pair_table(key: &str, title: &str, left: &Side, right: &Side) -> Table {
    Table::new(vec![
        Column::left(key, title, 0).shrinking(),
        Column::left("left", &left.label, 0).shrinking(),
        Column::left("right", &right.label, 0).shrinking(),
    ])
}

pub(super) fn pair_cells(name: &str, left: Option<&str>, right: Option<&str>) -> Vec<Cell> {
    let cell = |side: Option<&str>, tone: Tone| {
        side.map_or_else(
            || Cell { text: "–".into(), ..Cell::none() },
            |text| Cell::new(lab_model::display_bytes(text.as_bytes()), tone).with(text),
        )
    };
    let name = Cell::new(lab_model::display_bytes(name.as_bytes()), Tone::Accent).with(name);
    vec![name, cell(left, Tone::Removed), cell(right, Tone::Added)]
}

pub(super) fn titled(mut table: Table, left: &Side, right: &Side) -> Table {
    for column in &mut table.columns {
        match column.key.as_str() {
            "left" => column.title.clone_from(&left.label),
            "right" => column.title.clone_from(&right.label),
            _ => {}
        }
    }
    table
}

pub(super) fn causes(left: &Side, right: &Side, wants: &dyn Fn(Axis) -> bool, equal: &mut Equal) -> Table {
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

pub(super) fn params(left: &Side, right: &Side, equal: &mut Equal) -> Table {
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

pub(super) fn packages(left: &Side, right: &Side, equal: &mut Equal) -> Table {
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

pub(super) fn effects(reader: &Reader, left: &Side, right: &Side, moment: &Moment, equal: &mut Equal) -> Table {
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
