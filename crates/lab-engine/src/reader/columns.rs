//! The columns of all runs in memory, kept as long as the index does not change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use lab_model::{Status, Summary};
use lab_store::{ColumnValue, Flag, KeyKind, MetricPart, RunField, RunLine, RunRow, State, WORD_END};

use super::cells::{Cell, Cells};
use super::script_of_words;
use crate::plan::{Field, Plan, Value};
use crate::{Reader, Result};

/// One field of all runs, in the order of [`Runs::lines`].
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub cells: Cells,
    /// Each text once.
    pub texts: Vec<String>,
}

impl Column {
    /// The value of one run.
    pub fn value(&self, at: usize) -> Value {
        match self.cells.get(at) {
            Cell::Missing => Value::Missing,
            Cell::Number(number) => Value::Number(number),
            Cell::Text(place) => Value::Text(self.texts[place as usize].clone()),
        }
    }

    /// A text beside those that are there, which are few.
    fn text(&mut self, text: &str) -> Cell {
        let known = self.texts.iter().position(|found| found == text);
        let place = known.unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        });
        Cell::Text(u32::try_from(place).expect("because there are fewer runs than that"))
    }
}

/// A column that is being read.
struct Unfinished {
    cells: Cells,
    places: HashMap<String, u32>,
}

impl Unfinished {
    fn empty(count: usize) -> Self {
        Self { cells: Cells::missing(count), places: HashMap::new() }
    }

    fn set(&mut self, at: usize, value: ColumnValue<'_>) {
        match value {
            ColumnValue::Number(number) => self.cells.set(at, Cell::Number(number)),
            ColumnValue::Text(text) => self.set_text(at, text),
        }
    }

    fn set_text(&mut self, at: usize, text: &str) {
        let place = self.places.get(text).copied().unwrap_or_else(|| {
            let place = u32::try_from(self.places.len()).expect("because there are fewer runs than that");
            self.places.insert(text.to_owned(), place);
            place
        });
        self.cells.set(at, Cell::Text(place));
    }

    fn finish(self) -> Column {
        let mut texts = vec![String::new(); self.places.len()];
        self.places.into_iter().for_each(|(text, place)| texts[place as usize] = text);
        Column { cells: self.cells, texts }
    }
}

/// What is kept of all runs between two changes of the index.
pub(crate) struct Runs {
    state: State,
    /// All runs, newest first.
    pub lines: Vec<RunLine>,
    /// Where the run of a number stands in `lines`.
    positions: Vec<u32>,
    /// Runs without an end.
    open: Vec<(usize, RunRow)>,
    keys: Vec<(u32, KeyKind, String)>,
    columns: Mutex<HashMap<Field, Arc<Column>>>,
    flags: Mutex<HashMap<Flag, Arc<Vec<bool>>>>,
}

/// Columns are made ready as long as all that are kept take less, texts not counted.
const READY_BYTES: usize = 64 << 20;

const NOWHERE: u32 = u32::MAX;

impl Runs {
    /// Where the run of this number stands.
    pub fn position(&self, number: u32) -> Option<usize> {
        self.positions.get(number as usize).filter(|position| **position != NOWHERE).map(|found| *found as usize)
    }

    /// What the columns take, texts not counted.
    fn bytes(&self) -> usize {
        held(&self.columns).len() * self.lines.len() * size_of::<u64>()
    }

    /// The project's number in [`RunLine::project`].
    pub fn project(&self, id: &str) -> Option<u32> {
        self.keys.iter().find(|(_, kind, name)| *kind == KeyKind::Project && name == id).map(|found| found.0)
    }
}

/// Nothing is left half done by whoever panics while holding it: the lock stays good.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Reader {
    /// The columns as the index stands.
    pub(crate) fn columns(&self) -> Result<Arc<Runs>> {
        let state = self.store().state()?;
        if let Some(kept) = held(&self.shared.columns).as_ref().filter(|kept| kept.state == state) {
            return Ok(Arc::clone(kept));
        }
        let lines = self.store.run_lines()?;
        let most = lines.iter().map(|line| line.number as usize + 1).max().unwrap_or(0);
        let mut positions = vec![NOWHERE; most];
        for (position, line) in lines.iter().enumerate() {
            positions[line.number as usize] = u32::try_from(position).unwrap_or(NOWHERE);
        }
        let mut open = Vec::new();
        for (position, line) in lines.iter().enumerate().filter(|(_, line)| line.status.is_none()) {
            for run in self.store.runs_of_numbers(&[line.number])? {
                open.extend(self.run(&run)?.map(|row| (position, row)));
            }
        }
        let keys = self.store.column_keys()?;
        let (columns, flags) = (Mutex::default(), Mutex::default());
        let runs = Arc::new(Runs { state, lines, positions, open, keys, columns, flags });
        *held(&self.shared.columns) = Some(Arc::clone(&runs));
        Ok(runs)
    }

    /// Loads one more of the columns that a list is filtered or sorted by, the likely ones first; false when all are
    /// there, or as many as may be.
    pub(crate) fn ready_next(&self) -> Result<bool> {
        let runs = self.columns()?;
        for flag in [Flag::Hidden, Flag::Removed] {
            self.flags(&runs, flag)?;
        }
        if runs.bytes() > READY_BYTES {
            return Ok(false);
        }
        let is_missing = |field: &Field| !held(&runs.columns).contains_key(field);
        let Some(next) = likely(&runs.keys).into_iter().find(is_missing) else { return Ok(false) };
        self.kept_column(&runs, &next)?;
        Ok(true)
    }

    /// A column as the index has it.
    fn kept_column(&self, runs: &Runs, field: &Field) -> Result<Arc<Column>> {
        if let Some(kept) = held(&runs.columns).get(field) {
            return Ok(Arc::clone(kept));
        }
        let column = Arc::new(self.load_column(runs, field)?);
        held(&runs.columns).insert(field.clone(), Arc::clone(&column));
        Ok(column)
    }

    /// One column, with what runs that go on say just now.
    pub(crate) fn column(&self, runs: &Runs, field: &Field, plan: &Plan) -> Result<Arc<Column>> {
        let column = self.kept_column(runs, field)?;
        if runs.open.is_empty() || !matches!(field, Field::Metric(..) | Field::Status | Field::Run(RunField::Duration))
        {
            return Ok(column);
        }
        let mut column = (*column).clone();
        for (position, row) in &runs.open {
            let cell = match field {
                Field::Status => column.text(self.standing(row).name()),
                Field::Metric(key, part) => {
                    let summaries = self.summaries(row)?;
                    let found = summaries.iter().find(|summary| summary.key == *key);
                    found.and_then(|summary| part_of(summary, *part)).map_or(Cell::Missing, Cell::Number)
                }
                _ => Cell::Number(plan.now.millis_since(row.start.time) as f64),
            };
            column.cells.set(*position, cell);
        }
        Ok(Arc::new(column))
    }

    /// Which runs are marked so.
    pub(crate) fn flags(&self, runs: &Runs, flag: Flag) -> Result<Arc<Vec<bool>>> {
        if let Some(kept) = held(&runs.flags).get(&flag) {
            return Ok(Arc::clone(kept));
        }
        let mut marked = vec![false; runs.lines.len()];
        self.store.flag_column(flag, &mut |number| {
            if let Some(position) = runs.position(number) {
                marked[position] = true;
            }
        })?;
        let marked = Arc::new(marked);
        held(&runs.flags).insert(flag, Arc::clone(&marked));
        Ok(marked)
    }

    /// Parameters or metrics there are, with those that only runs that go on have.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn keys(&self, kind: KeyKind) -> Result<Vec<String>> {
        let runs = self.columns()?;
        let named = runs.keys.iter().filter(|(_, found, _)| *found == kind);
        let mut names: Vec<String> = named.map(|(_, _, name)| name.clone()).collect();
        if kind == KeyKind::Metric {
            for (_, row) in &runs.open {
                names.extend(self.summaries(row)?.into_iter().map(|summary| summary.key));
            }
            names.sort_unstable();
            names.dedup();
        }
        Ok(names)
    }

    /// The different texts that a field has, for completion.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn texts(&self, field: &Field) -> Result<Vec<String>> {
        let runs = self.columns()?;
        let column = self.column(&runs, field, &Plan::default())?;
        let mut texts = column.texts.clone();
        if *field == Field::Tags {
            texts = texts.iter().flat_map(|text| text.split(' ')).map(str::to_owned).collect();
        }
        texts.sort_unstable();
        texts.dedup();
        Ok(texts)
    }

    fn load_column(&self, runs: &Runs, field: &Field) -> Result<Column> {
        let mut column = Unfinished::empty(runs.lines.len());
        let mut place = |number: u32, value: ColumnValue<'_>| {
            if let Some(position) = runs.position(number) {
                column.set(position, value);
            }
        };
        match field {
            Field::Param(name) => self.store.param_column(name, &mut place)?,
            Field::Metric(name, part) => self.store.metric_column(name, *part, &mut place)?,
            Field::Run(RunField::Command) => self.store.field_column(RunField::Command, &mut |number, value| {
                if let ColumnValue::Text(text) = value {
                    place(number, ColumnValue::Text(&text.replace(WORD_END, " ")));
                }
            })?,
            Field::Run(run) => self.store.field_column(*run, &mut place)?,
            Field::Script => self.store.field_column(RunField::Command, &mut |number, value| {
                if let ColumnValue::Text(text) = value {
                    let words: Vec<String> = text.split(WORD_END).map(str::to_owned).collect();
                    place(number, ColumnValue::Text(&script_of_words(&words)));
                }
            })?,
            Field::Started => {
                column.cells = runs.lines.iter().map(|line| Cell::Number(line.time.0 as f64)).collect();
            }
            Field::Ended => {
                self.store.field_column(RunField::Duration, &mut place)?;
                let ended = |(cell, line): (Cell, &RunLine)| match cell {
                    Cell::Number(duration) => Cell::Number(duration + line.time.0 as f64),
                    cell => cell,
                };
                column.cells = column.cells.iter().zip(&runs.lines).map(ended).collect();
            }
            Field::Status => {
                for (position, line) in runs.lines.iter().enumerate() {
                    column.set_text(position, line.status.unwrap_or(Status::Running).name());
                }
            }
            Field::Project => {
                let projects = self.projects()?;
                let name = |id: &String| projects.iter().find(|project| project.id.as_str() == id);
                let keys = runs.keys.iter().filter(|(_, kind, _)| *kind == KeyKind::Project);
                let names: HashMap<u32, String> = keys
                    .map(|(key, _, id)| (*key, name(id).map_or_else(|| id.clone(), |project| project.name.clone())))
                    .collect();
                for (position, line) in runs.lines.iter().enumerate() {
                    if let Some(name) = names.get(&line.project) {
                        column.set_text(position, name);
                    }
                }
            }
            Field::Tags => {
                let mut tags: HashMap<usize, Vec<String>> = HashMap::new();
                self.store.tag_column(&mut |number, tag, on| {
                    let Some(position) = runs.position(number) else { return };
                    let own = tags.entry(position).or_default();
                    own.retain(|found| found != tag);
                    if on {
                        own.push(tag.to_owned());
                    }
                })?;
                for (position, mut own) in tags.into_iter().filter(|(_, own)| !own.is_empty()) {
                    own.sort_unstable();
                    column.set_text(position, &own.join(" "));
                }
            }
            Field::Notes => {
                let mut notes: HashMap<u32, String> = HashMap::new();
                let mut add = |number, value: ColumnValue<'_>| {
                    if let ColumnValue::Text(text) = value {
                        let own = notes.entry(number).or_default();
                        own.push_str(if own.is_empty() { "" } else { "\n" });
                        own.push_str(text);
                    }
                };
                self.store.field_column(RunField::Reason, &mut add)?;
                self.store.note_column(&mut add)?;
                notes.iter().for_each(|(number, text)| place(*number, ColumnValue::Text(text)));
            }
        }
        Ok(column.finish())
    }
}

/// What lists are filtered and sorted by, what is likely first: what a word is looked for in, then parameters and the
/// last and best values of metrics.
fn likely(keys: &[(u32, KeyKind, String)]) -> Vec<Field> {
    let named = |kind| keys.iter().filter(move |key| key.1 == kind).map(|(_, _, name)| name);
    let texts = [Field::Status, Field::Run(RunField::Name), Field::Tags, Field::Notes, Field::Run(RunField::Command)];
    let metrics = |part| named(KeyKind::Metric).map(move |name| Field::Metric(name.clone(), part));
    let others = [Field::Started, Field::Run(RunField::Duration), Field::Project, Field::Script];
    let fields = texts.into_iter().chain(others).chain([RunField::Host, RunField::Branch].map(Field::Run));
    let fields = fields.chain(named(KeyKind::Param).cloned().map(Field::Param));
    fields.chain(metrics(MetricPart::Last)).chain(metrics(MetricPart::Best)).collect()
}

/// A part of a summary as the columns hold it.
fn part_of(summary: &Summary, part: MetricPart) -> Option<f64> {
    Some(match part {
        MetricPart::Last => summary.last,
        MetricPart::First => summary.first,
        MetricPart::Min => summary.min,
        MetricPart::Max => summary.max,
        MetricPart::Best => summary.best(),
        MetricPart::Count => summary.count as f64,
        MetricPart::Step => summary.last_step as f64,
        MetricPart::Mean => return None,
    })
}
