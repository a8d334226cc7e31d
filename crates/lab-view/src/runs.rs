//! The list of runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lab_engine::{Reader, Result, RunQuery, RunRow};
use lab_model::{Fingerprint, NoteKind, ProjectId, Status, Summary};
use serde::Serialize;
use serde_json::Value;

use crate::block::{Block, Blocks, Section, Sections};
use crate::format::{self, Moment};
use crate::{Cell, Chips, Column, Line, Table, Tone, metrics};

/// Which runs, and how they are told.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    /// Only this project's.
    pub project: Option<ProjectId>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Only those that stand so.
    pub status: Option<Status>,
    /// Only starred ones.
    pub starred: bool,
    /// Hidden ones too.
    pub hidden: bool,
    /// Removed ones too.
    pub removed: bool,
    /// All of these must match, see [`Word`].
    pub words: Vec<String>,
    /// When it is read.
    pub moment: Moment,
}

/// The list of runs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RunsPage {
    /// The runs, newest first.
    pub runs: Table,
    /// Runs that match in all.
    pub total: u64,
    /// What to do when there is nothing, or how many are not shown.
    pub note: Line,
}

impl Blocks for RunsPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default().add("", Block::Table(&self.runs)).add("", Block::Line(&self.note)).finish()
    }
}

/// Reads the page.
///
/// # Errors
/// Those of the reader.
pub fn load(reader: &Reader, key: &Key) -> Result<RunsPage> {
    let words: Vec<Word> = key.words.iter().map(|word| Word::parse(word)).collect();
    let query = RunQuery {
        project: key.project.clone(),
        tag: key.tag.clone(),
        include_hidden: key.hidden,
        include_removed: key.removed,
        ..RunQuery::default()
    };
    let every_run = words.is_empty() && key.tag.is_none() && key.status.is_none() && !key.starred;
    let (rows, total) = if every_run {
        // No more is read than is shown.
        let rows = reader.runs(&RunQuery { limit: key.limit, ..query.clone() })?;
        let all = key.limit.is_none_or(|limit| rows.len() < limit);
        let total = if all { rows.len() as u64 } else { reader.count_runs(&query)? };
        (rows, usize::try_from(total).unwrap_or(usize::MAX))
    } else {
        let mut rows = reader.runs(&query)?;
        rows.retain(|row| {
            key.status.is_none_or(|status| status_of(reader, row) == status)
                && (!key.starred || row.starred)
                && words.iter().all(|word| word.matches(row))
        });
        let total = rows.len();
        rows.truncate(key.limit.unwrap_or(usize::MAX));
        (rows, total)
    };
    let mut note = Line::default();
    if total == 0 && every_run {
        note.push("No runs yet: `lab run -- COMMAND` keeps one", Tone::Muted);
    } else if total == 0 {
        note.push("No run matches", Tone::Muted);
    } else if rows.len() < total {
        note.push(format!("{} of {total} runs, `-n 0` lists all", rows.len()), Tone::Muted);
    }
    Ok(RunsPage { runs: table(reader, key, &rows)?, total: total as u64, note })
}

/// How a run stands; one without an end whose process is gone is lost.
pub fn status_of(reader: &Reader, row: &RunRow) -> Status {
    match &row.end {
        Some(end) => end.status,
        None if reader.is_alive(row) => Status::Running,
        None => Status::Lost,
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

fn table(reader: &Reader, key: &Key, rows: &[RunRow]) -> Result<Table> {
    let ids: Vec<_> = rows.iter().map(|row| &row.start.run).collect();
    let length = format::unique_length(&ids);
    let summaries: Vec<Vec<Summary>> = rows.iter().map(|row| reader.summaries(row)).collect::<Result<_>>()?;
    let metric_keys = metrics::main_keys(&summaries, 3);
    let param_keys = varying_params(rows, 4);
    let projects: HashMap<ProjectId, String> = if key.project.is_none() {
        reader.projects()?.into_iter().map(|project| (project.id, project.name)).collect()
    } else {
        HashMap::new()
    };
    let mut table = Table::new(columns(&metric_keys, &param_keys, key.project.is_none()));
    let bases = reader.bases(rows)?;
    for ((row, summaries), base) in rows.iter().zip(&summaries).zip(&bases) {
        let chips = Chips::of(&fingerprint(row), base.as_ref().map(fingerprint).as_ref());
        let mut cells = vec![id_cell(row, length), name_cell(row)];
        if key.project.is_none() {
            let name = projects.get(&row.start.project);
            cells.push(name.map_or_else(Cell::none, |name| Cell::plain(lab_model::display_bytes(name.as_bytes()))));
        }
        let failure = crate::show::failure_title(row);
        cells.extend([
            Cell::new(key.moment.age(row.start.time), Tone::Muted).with(format::stamp(row.start.time)),
            status_cell(status_of(reader, row)),
            duration_cell(row, &key.moment),
            chips.cell(),
        ]);
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
    Ok(table)
}

fn columns(metric_keys: &[String], param_keys: &[(String, String)], with_project: bool) -> Vec<Column> {
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

/// One condition on runs: `key=value`, `key<value`, `key>value` on parameters and metrics, or a
/// word that stands in the name, id, command, tags, status or notes.
#[derive(Clone, PartialEq, Debug)]
pub enum Word {
    /// Text to be found.
    Text(String),
    /// A comparison.
    Compare(String, char, String),
}

impl Word {
    /// Reads one condition.
    pub fn parse(text: &str) -> Self {
        match text.split_once(['=', '<', '>']) {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                let operator = text.as_bytes()[key.len()] as char;
                Self::Compare(key.trim().to_owned(), operator, value.trim().to_owned())
            }
            _ => Self::Text(text.to_lowercase()),
        }
    }

    /// Whether a run fulfils it.
    pub fn matches(&self, row: &RunRow) -> bool {
        match self {
            Self::Text(text) => {
                let notes = row.notes.iter().map(|(_, _, text)| text.as_str());
                let status = row.end.as_ref().map_or("running", |end| end.status.name());
                let mut places =
                    [row.name.as_str(), status].into_iter().chain(notes).chain(row.start.reason.as_deref());
                row.start.run.as_str().starts_with(text.as_str())
                    || places.any(|place| place.to_lowercase().contains(text))
                    || row.tags.iter().any(|tag| tag.to_lowercase() == *text)
                    || row.start.argv.join(" ").to_lowercase().contains(text)
            }
            Self::Compare(key, operator, wanted) => {
                let fits = |found: &str| found == key || found.rsplit(['.', '/']).next() == Some(key);
                let params = row.start.params.iter().filter(|(found, _)| fits(found)).map(|(_, value)| value.clone());
                let series = row.end.iter().flat_map(|end| &end.series);
                let metrics =
                    series.filter(|series| fits(&series.summary.key)).map(|series| series.summary.last.into());
                params.chain(metrics).any(|value| compare(&value, *operator, wanted))
            }
        }
    }
}

fn compare(value: &Value, operator: char, wanted: &str) -> bool {
    match (value.as_f64(), wanted.parse::<f64>(), operator) {
        (Some(value), Ok(wanted), '=') => value == wanted,
        (Some(value), Ok(wanted), '<') => value < wanted,
        (Some(value), Ok(wanted), _) => value > wanted,
        (_, _, '=') => format::value(value) == wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_comparisons() {
        assert_eq!(Word::parse("Otter"), Word::Text("otter".into()));
        assert_eq!(Word::parse("acc>0.9"), Word::Compare("acc".into(), '>', "0.9".into()));
        assert_eq!(Word::parse("=x"), Word::Text("=x".into()));
        assert!(compare(&0.1.into(), '=', "0.10"));
        assert!(compare(&"adam".into(), '=', "adam"));
        assert!(!compare(&"adam".into(), '<', "b"));
        assert!(!compare(&f64::NAN.into(), '>', "0"));
    }

    #[test]
    fn every_status_has_a_word_and_a_mark() {
        let texts = [Status::Running, Status::Done, Status::Failed, Status::Killed, Status::Lost].map(status_cell);
        let texts: Vec<_> = texts.iter().map(|cell| cell.text.as_str()).collect();
        assert_eq!(texts, ["… running", "✓ done", "✗ failed", "✗ killed", "? lost"]);
    }
}
