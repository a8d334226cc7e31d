//! The list of runs.

mod groups;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lab_engine::plan::{Field, Plan, RunsTable};
use lab_engine::{Reader, Result, RunQuery, RunRow};
use lab_model::{Fingerprint, NoteKind, ProjectId, Status, Summary};
use serde::Serialize;
use serde_json::Value;

use crate::block::{Block, Blocks, Section, Sections};
use crate::format::{self, Moment};
use crate::query::{self, Query, QueryError, Vocabulary};
use crate::screens::Subject;
use crate::{Cell, Chips, Column, Line, Table, Tone, metrics};

/// Which runs, and how they are told.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    /// Only this project's.
    pub project: Option<ProjectId>,
    /// What is asked for, in the language of [`crate::query`].
    pub query: String,
    /// So many are passed over: where a window into a long list begins.
    pub offset: usize,
    /// At most so many where the query does not say.
    pub limit: Option<usize>,
    /// Hidden and removed ones too.
    pub all: bool,
    /// When it is read.
    pub moment: Moment,
}

/// The list of runs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RunsPage {
    /// The runs, newest first where the query does not say.
    pub runs: Table,
    /// Runs that agree in what the query groups by, each group a row.
    #[serde(skip_serializing_if = "Table::is_empty")]
    pub groups: Table,
    /// What actions need to know of the runs, row by row.
    #[serde(skip)]
    pub subjects: Vec<Subject>,
    /// Runs that match in all.
    pub total: u64,
    /// Groups in all.
    #[serde(skip)]
    pub group_total: u64,
    /// What to do when there is nothing, or how many are not shown.
    pub note: Line,
}

impl Blocks for RunsPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Table(&self.groups))
            .add("", Block::Table(&self.runs))
            .add("", Block::Line(&self.note))
            .finish()
    }
}

/// Reads the page.
///
/// # Errors
/// Those of the reader; [`lab_engine::ErrorKind::Usage`] with carets below what is wrong with the query.
pub fn load(reader: &Reader, key: &Key) -> Result<RunsPage> {
    let wrong = |error: QueryError| error.into_usage(&key.query);
    let query = Query::parse(&key.query).map_err(wrong)?;
    let every_run = query.filter.is_none();
    let limit = query.limit.map_or(key.limit, |limit| (limit > 0).then_some(limit));
    let plain =
        key.offset == 0 && every_run && query.sort.is_empty() && query.group.is_empty() && query.columns.is_empty();
    if plain {
        // No more is read than is shown.
        let all = RunQuery {
            project: key.project.clone(),
            include_hidden: key.all,
            include_removed: key.all,
            ..RunQuery::default()
        };
        let rows = reader.runs(&RunQuery { limit, ..all.clone() })?;
        let whole = limit.is_none_or(|limit| rows.len() < limit);
        let total = if whole { rows.len() as u64 } else { reader.count_runs(&all)? };
        let table = RunsTable { total, values: vec![Vec::new(); rows.len()], rows, ..RunsTable::default() };
        return page(reader, key, table, &Wished::default(), every_run);
    }
    let vocabulary = Vocabulary::read(reader)?;
    let compiled = query::compile(&query, &vocabulary, &key.moment, reader, key.project.as_ref()).map_err(wrong)?;
    let mut plan = Plan { offset: key.offset, limit, ..compiled.plan };
    plan.hidden |= key.all;
    plan.removed |= key.all;
    if !plan.group.is_empty() {
        return groups::page(reader, key, &query, plan, &vocabulary);
    }
    let wished = Wished::new(&query, compiled.columns, &mut plan);
    page(reader, key, reader.runs_table(&plan)?, &wished, every_run)
}

fn page(reader: &Reader, key: &Key, found: RunsTable, wished: &Wished, every_run: bool) -> Result<RunsPage> {
    let note = note(found.rows.len() as u64, found.total, "runs", every_run);
    let total = found.total;
    let bases = reader.bases(&found.rows)?;
    let subjects = found.rows.iter().zip(&bases).map(|(row, base)| Subject::of(reader, row, base.as_ref())).collect();
    let runs = table(reader, key, found, &bases, wished)?;
    Ok(RunsPage { runs, groups: Table::default(), subjects, total, group_total: 0, note })
}

/// What to do when there is nothing, or how many are not shown.
fn note(shown: u64, total: u64, what: &str, every_run: bool) -> Line {
    match (total, every_run) {
        (0, true) => Line::of("No runs yet: `lab run -- COMMAND` keeps one", Tone::Muted),
        (0, false) => Line::of("No run matches", Tone::Muted),
        _ if shown < total => Line::of(format!("{shown} of {total} {what}, `-n 0` lists all"), Tone::Muted),
        _ => Line::default(),
    }
}

/// The columns that a query asks for beyond those that every list has.
#[derive(Default)]
struct Wished {
    /// Heads of the measured fields, in their order.
    titles: Vec<String>,
    /// Only these, by key or head; all when empty.
    only: Vec<String>,
    with_project: bool,
}

impl Wished {
    /// The wished columns; without a wish, what the list is sorted by is shown beside the usual ones.
    fn new(asked: &Query, columns: Vec<(String, query::Column)>, plan: &mut Plan) -> Self {
        let mut wished = Self::default();
        if columns.is_empty() {
            let values = asked.sort.iter().zip(&plan.sort);
            let shown = values.filter(|(_, order)| matches!(order.field, Field::Param(_) | Field::Metric(..)));
            (wished.titles, plan.measured) =
                shown.map(|(by, order)| (query::title(&by.by), order.field.clone())).unzip();
            return wished;
        }
        plan.measured.clear();
        for (title, column) in columns {
            match column {
                query::Column::Own(own) => {
                    wished.with_project |= own == "project";
                    wished.only.push(own.to_owned());
                }
                query::Column::Field(field) => {
                    plan.measured.push(field);
                    wished.only.push(title.clone());
                    wished.titles.push(title);
                }
            }
        }
        wished
    }
}

/// A status with its tone.
pub fn status_cell(status: Status) -> Cell {
    let (mark, tone) = match status {
        Status::Running => ("…", Tone::Accent),
        Status::Done => ("✓", Tone::Good),
        Status::Failed => ("✗", Tone::Bad),
        Status::Killed => ("✗", Tone::Warn),
        Status::Lost => ("?", Tone::Warn),
    };
    Cell::new(format!("{mark} {}", status.name()), tone).with(status.name())
}

/// The whole fingerprint of a run: the environment's part comes with the facts.
pub fn fingerprint(row: &RunRow) -> Fingerprint {
    Fingerprint { environment: row.environment.or(row.start.fingerprint.environment), ..row.start.fingerprint }
}

fn table(reader: &Reader, key: &Key, found: RunsTable, bases: &[Option<RunRow>], wished: &Wished) -> Result<Table> {
    let RunsTable { rows, values, .. } = found;
    let rows = &rows[..];
    let with_project = key.project.is_none() || wished.with_project;
    let ids: Vec<_> = rows.iter().map(|row| &row.start.run).collect();
    let length = format::unique_length(&ids);
    let summaries: Vec<Vec<Summary>> = rows.iter().map(|row| reader.summaries(row)).collect::<Result<_>>()?;
    let mut metric_keys = metrics::main_keys(&summaries, 3);
    metric_keys.retain(|key| !wished.titles.contains(key));
    let mut param_keys = varying_params(rows, 4);
    param_keys.retain(|(key, title)| !wished.titles.contains(key) && !wished.titles.contains(title));
    let projects: HashMap<ProjectId, String> = if with_project {
        reader.projects()?.into_iter().map(|project| (project.id, project.name)).collect()
    } else {
        HashMap::new()
    };
    let mut table = Table::new(columns(&metric_keys, &param_keys, with_project, &wished.titles));
    for (((row, summaries), base), values) in rows.iter().zip(&summaries).zip(bases).zip(&values) {
        let chips = Chips::of(&fingerprint(row), base.as_ref().map(fingerprint).as_ref());
        let mut cells = vec![id_cell(row, length), name_cell(row)];
        if with_project {
            let name = projects.get(&row.start.project);
            cells.push(name.map_or_else(Cell::none, |name| Cell::plain(lab_model::display_bytes(name.as_bytes()))));
        }
        let failure = crate::show::failure_title(row);
        cells.extend([
            Cell::new(key.moment.age(row.start.time), Tone::Muted).with(format::stamp(row.start.time)),
            status_cell(reader.standing(row)),
            duration_cell(row, &key.moment),
            chips.cell(),
        ]);
        cells.extend(values.iter().map(groups::value_cell));
        for wanted in &metric_keys {
            let found = summaries.iter().find(|summary| &summary.key == wanted);
            cells.push(found.map_or_else(Cell::none, |summary| metrics::cell(summary.last)));
        }
        for (wanted, _) in &param_keys {
            let found = row.start.params.get(wanted);
            cells.push(found.map_or_else(Cell::none, |value| Cell::plain(format::value(value)).with(value.clone())));
        }
        let note = failure.as_deref().map(|title| (title, Tone::Bad)).or_else(|| words_of(row));
        let note = note.map_or_else(Cell::none, |(text, tone)| {
            Cell::new(lab_model::display_bytes(text.lines().next().unwrap_or_default().as_bytes()), tone)
        });
        let tags = Cell::new(row.tags.join(" "), Tone::Accent).with(row.tags.clone());
        let command = Cell::new(format::command(&row.start.argv), Tone::Muted).with(row.start.argv.clone());
        let exit_code = row.end.as_ref().and_then(|end| end.exit_code);
        cells.extend([tags, note, command, value_cell(exit_code), value_cell(&row.start.params)]);
        let last = summaries.iter().map(|summary| (&summary.key, metrics::cell(summary.last)));
        cells.push(value_cell(last.collect::<BTreeMap<_, _>>()));
        table.push(row.start.run.as_str(), cells);
    }
    drop_empty(&mut table, &["tags", "note"]);
    if !wished.only.is_empty() {
        table.select(&wished.only);
    }
    Ok(table)
}

fn columns(
    metric_keys: &[String],
    param_keys: &[(String, String)],
    with_project: bool,
    wished: &[String],
) -> Vec<Column> {
    let mut columns = vec![Column::left("id", "Id", 0), Column::left("name", "Name", 0)];
    if with_project {
        columns.push(Column::left("project", "Project", 2).shrinking());
    }
    columns.extend([
        Column::left("started", "Started", 3),
        Column::left("status", "Status", 0),
        Column::right("duration_millis", "Took", 4),
        Column::left("changed", "Changed", 1),
    ]);
    columns.extend(wished.iter().map(|title| {
        let shown = lab_model::display_bytes(title.as_bytes());
        Column { key: title.clone(), ..Column::right("", &shown, 0) }
    }));
    for (place, key) in metric_keys.iter().enumerate() {
        let title = lab_model::display_bytes(key.as_bytes());
        columns.push(Column::right("", &title, if place == 0 { 1 } else { 5 + place as u8 }));
    }
    for (place, (_, title)) in param_keys.iter().enumerate() {
        let title = lab_model::display_bytes(title.as_bytes());
        columns.push(Column::right("", &title, 2 + 3 * place as u8));
    }
    columns.extend([
        Column::left("tags", "Tags", 6).shrinking(),
        Column::left("note", "Note", 7).shrinking(),
        Column::left("command", "Command", 9).shrinking(),
        Column::left("exit_code", "Exit code", Column::HIDDEN),
        Column::left("params", "Parameters", Column::HIDDEN),
        Column::left("metrics", "Metrics", Column::HIDDEN),
    ]);
    columns
}

fn value_cell(value: impl Serialize) -> Cell {
    Cell::none().with(serde_json::to_value(value).unwrap_or_default())
}

/// Takes away columns in which nothing stands; programs find them as long as anything does.
fn drop_empty(table: &mut Table, keys: &[&str]) {
    for key in keys {
        let Some(place) = table.columns.iter().position(|column| column.key == *key) else { continue };
        if table.rows.iter().all(|row| row.cells[place].text.is_empty()) {
            table.columns[place].priority = Column::HIDDEN;
        }
    }
}

fn id_cell(row: &RunRow, length: usize) -> Cell {
    let id = row.start.run.as_str();
    Cell::new(&id[..length.min(id.len())], Tone::Accent).with(id)
}

/// The name with its marks: starred, hidden, removed.
fn name_cell(row: &RunRow) -> Cell {
    let mut text = lab_model::display_bytes(row.name.as_bytes());
    if row.starred {
        text.push_str(" ★");
    }
    let tone = if row.hidden || row.removed { Tone::Muted } else { Tone::Plain };
    match (row.removed, row.hidden) {
        (true, _) => text.push_str(" (removed)"),
        (_, true) => text.push_str(" (hidden)"),
        _ => {}
    }
    Cell::new(text, tone).with(row.name.clone())
}

/// How long it took, or has been going on.
pub fn duration_cell(row: &RunRow, moment: &Moment) -> Cell {
    match &row.end {
        Some(end) => Cell::plain(format::duration(end.duration_millis)).with(end.duration_millis),
        None => {
            let millis = moment.now.millis_since(row.start.time);
            Cell::new(format!("{} …", format::duration(millis)), Tone::Muted).with(Value::Null)
        }
    }
}

/// The newest word on a run: outcome before note before reason.
fn words_of(row: &RunRow) -> Option<(&str, Tone)> {
    let of = |kind| row.notes.iter().rev().find(|(_, found, _)| *found == kind).map(|(_, _, text)| text.as_str());
    let word = of(NoteKind::Outcome).or_else(|| of(NoteKind::Note)).or_else(|| of(NoteKind::Reason));
    word.or(row.start.reason.as_deref()).map(|text| (text, Tone::Plain))
}

/// Parameters that are not the same in all runs with their titles, the ones that most runs have first.
fn varying_params(rows: &[RunRow], most: usize) -> Vec<(String, String)> {
    let mut values: BTreeMap<&str, (usize, BTreeSet<String>)> = BTreeMap::new();
    for (key, value) in rows.iter().flat_map(|row| &row.start.params) {
        let entry = values.entry(key).or_default();
        entry.0 += 1;
        entry.1.insert(value.to_string());
    }
    let mut lasts: BTreeMap<&str, usize> = BTreeMap::new();
    for key in values.keys() {
        *lasts.entry(last_part(key)).or_default() += 1;
    }
    let varies = |count: usize, values: &BTreeSet<String>| values.len() > 1 || count < rows.len();
    let mut varying: Vec<_> = values.iter().filter(|(_, (count, values))| varies(*count, values)).collect();
    varying.sort_by(|left, right| (right.1.0, left.0).cmp(&(left.1.0, right.0)));
    // `optim.lr` is titled `lr` as long as no other parameter could be meant by it.
    let title = |key: &str| if lasts[last_part(key)] == 1 { last_part(key).to_owned() } else { key.to_owned() };
    varying.into_iter().take(most).map(|(key, _)| ((*key).to_owned(), title(key))).collect()
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_word_and_a_mark() {
        let texts = [Status::Running, Status::Done, Status::Failed, Status::Killed, Status::Lost].map(status_cell);
        let texts: Vec<_> = texts.iter().map(|cell| cell.text.as_str()).collect();
        assert_eq!(texts, ["… running", "✓ done", "✗ failed", "✗ killed", "? lost"]);
    }
}
