//! What lists filter and sort by, one contiguous read for each column of all runs.
//!
//! Runs and keys have numbers here that hold within one index only. The values are rows clustered by
//! key, so that a column of a hundred thousand runs is read without touching the others, and no
//! record's body is parsed.

pub(crate) mod fill;

use lab_model::{ProjectId, RunId, Status, Summary, Time};
use rusqlite::types::ValueRef;
use rusqlite::{Row, params};

use crate::{Reader, Result};

/// The tables of this module. `given` is the environment's hash as the start says it; hashes are
/// their first eight bytes. A value that is not a number (NaN) is NULL in a row that is there.
pub(crate) const TABLES: &str = "
CREATE TABLE column_key(number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE(kind, name));
CREATE TABLE run_column(number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, project INTEGER, time INTEGER,
  status INTEGER, duration INTEGER, exit INTEGER, code INTEGER, config INTEGER, data INTEGER, given INTEGER,
  environment INTEGER, name TEXT, host TEXT, branch TEXT, revision TEXT);
CREATE INDEX run_column_by_time ON run_column(time, run, project, status);
CREATE TABLE run_text(number INTEGER PRIMARY KEY, command TEXT, reason TEXT, failure TEXT);
CREATE TABLE run_value(key INTEGER NOT NULL, run INTEGER NOT NULL, value, PRIMARY KEY(key, run)) WITHOUT ROWID;
CREATE TABLE run_metric(key INTEGER NOT NULL, run INTEGER NOT NULL, last REAL, first REAL, min REAL, max REAL,
  mean REAL, count INTEGER NOT NULL, last_step INTEGER NOT NULL, PRIMARY KEY(key, run)) WITHOUT ROWID;
";

/// The same tables with a question whose answer does not depend on numbers: two indexes of the same
/// packs answer alike.
pub(crate) const DERIVED: [(&str, &str); 5] = [
    (
        "run_value",
        "SELECT k.kind, k.name, c.run, v.value FROM run_value v JOIN column_key k ON k.number=v.key
         JOIN run_column c ON c.number=v.run ORDER BY 1,2,3",
    ),
    (
        "run_metric",
        "SELECT k.name, c.run, last, first, min, max, mean, count, last_step FROM run_metric v
         JOIN column_key k ON k.number=v.key JOIN run_column c ON c.number=v.run ORDER BY 1,2",
    ),
    ("run_text", "SELECT c.run, command, reason, failure FROM run_text JOIN run_column c USING(number) ORDER BY 1"),
    (
        "run_column",
        "SELECT run, k.name, time, status, duration, exit, code, config, data, given, environment, c.name, host,
         branch, revision FROM run_column c LEFT JOIN column_key k ON k.number=c.project ORDER BY 1",
    ),
    ("column_key", "SELECT kind, name FROM column_key WHERE kind=0 ORDER BY 1,2"),
];

/// Stands between the words of a command line in its column: the unit separator of ASCII.
pub const WORD_END: &str = "\u{1f}";

/// What a key names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum KeyKind {
    /// A project, by its id.
    Project = 0,
    /// A parameter.
    Param = 1,
    /// A metric.
    Metric = 2,
    /// A tag given at the start.
    Tag = 3,
}

/// A value of the summary of a metric.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MetricPart {
    /// The last value.
    Last,
    /// The first value.
    First,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The smallest or the largest, whichever is better by the metric's name.
    Best,
    /// The mean of all values, where the run's record has it.
    Mean,
    /// How many points there are.
    Count,
    /// The step of the last point.
    Step,
}

/// A field of the run itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RunField {
    /// From start to exit, milliseconds.
    Duration,
    /// The exit code.
    Exit,
    /// Fingerprint of the code, its first eight bytes as 16 hexadecimal digits; so for the next three.
    Code,
    /// Fingerprint of the configuration.
    Config,
    /// Fingerprint of the data.
    Data,
    /// Fingerprint of the environment.
    Environment,
    /// The name as it is now.
    Name,
    /// The run's id.
    Id,
    /// The host.
    Host,
    /// The Git branch.
    Branch,
    /// The Git commit.
    Commit,
    /// The command line, its words apart by [`WORD_END`].
    Command,
    /// Why it was made, as said at the start.
    Reason,
    /// What a failed run says, one line.
    Failure,
}

/// A mark that a person set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Flag {
    /// Starred.
    Starred,
    /// Hidden.
    Hidden,
    /// Removed.
    Removed,
}

/// A value as a column holds it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ColumnValue<'a> {
    /// A number; may be NaN.
    Number(f64),
    /// A text.
    Text(&'a str),
}

/// What a list needs of every run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunLine {
    /// The number in this index.
    pub number: u32,
    /// When it started.
    pub time: Time,
    /// The project's number, see [`Reader::column_keys`].
    pub project: u32,
    /// How it ended; `None` when it has no end yet.
    pub status: Option<Status>,
}

/// What tells whether a later run is comparable with this one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EarlierRun {
    /// Its id.
    pub run: RunId,
    /// When it started.
    pub time: Time,
    /// The command line, its words apart by [`WORD_END`].
    pub command: String,
    /// How it ended; `None` when it has no end yet.
    pub status: Option<Status>,
}

/// Takes a run's number and its value.
pub type ColumnSink<'a> = &'a mut dyn FnMut(u32, ColumnValue<'_>);

impl Reader {
    /// All keys with their numbers: kind, name.
    ///
    /// # Errors
    /// A failed look into the index; so for every method here.
    pub fn column_keys(&self) -> Result<Vec<(u32, KeyKind, String)>> {
        let mut found = Vec::new();
        self.each("SELECT number, kind, name FROM column_key ORDER BY kind, name", params![], |row| {
            let kind = match row.get::<_, u8>(1)? {
                0 => KeyKind::Project,
                1 => KeyKind::Param,
                2 => KeyKind::Metric,
                _ => KeyKind::Tag,
            };
            found.push((row.get(0)?, kind, row.get(2)?));
            Ok(())
        })?;
        Ok(found)
    }

    /// All runs, newest first; runs of the same moment by their ids.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn run_lines(&self) -> Result<Vec<RunLine>> {
        const SQL: &str = "SELECT number, time, project, status FROM run_column WHERE time IS NOT NULL
            ORDER BY time DESC, run DESC";
        let mut lines = Vec::new();
        self.each(SQL, params![], |row| {
            let status = row.get::<_, Option<u8>>(3)?.map(status_of_code);
            lines.push(RunLine { number: row.get(0)?, time: Time(row.get(1)?), project: row.get(2)?, status });
            Ok(())
        })?;
        Ok(lines)
    }

    /// The runs of a project that started before a moment and are neither hidden nor removed, newest first; no record's
    /// body is parsed.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn earlier_runs(&self, project: &ProjectId, before: Time, limit: usize) -> Result<Vec<EarlierRun>> {
        // `CROSS`: from the newest run on, and no further than the limit.
        const SQL: &str = "SELECT s.run, s.time, coalesce(t.command, ''), c.status FROM run_start s
            CROSS JOIN run_column c ON c.run=s.run LEFT JOIN run_text t ON t.number=c.number
            WHERE s.project=?1 AND s.time<?2 AND NOT EXISTS(SELECT 1 FROM mark m
              WHERE m.target='run:'||s.run AND m.aspect IN ('hide','remove') AND m.value='1')
            ORDER BY s.time DESC, s.run DESC LIMIT ?3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut runs = Vec::new();
        self.each(SQL, params![project.as_str(), before.0, limit], |row| {
            let Ok(run) = row.get_ref(0)?.as_str()?.parse() else { return Ok(()) };
            let status = row.get::<_, Option<u8>>(3)?.map(status_of_code);
            runs.push(EarlierRun { run, time: Time(row.get(1)?), command: row.get(2)?, status });
            Ok(())
        })?;
        Ok(runs)
    }

    /// The ids of runs, in order.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn runs_of_numbers(&self, numbers: &[u32]) -> Result<Vec<RunId>> {
        let mut runs = Vec::with_capacity(numbers.len());
        for number in numbers {
            self.each("SELECT run FROM run_column WHERE number=?", params![number], |row| {
                runs.extend(row.get_ref(0)?.as_str()?.parse::<RunId>());
                Ok(())
            })?;
        }
        Ok(runs)
    }

    /// The number of a run.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn number_of_run(&self, run: &RunId) -> Result<Option<u32>> {
        let mut found = None;
        self.each("SELECT number FROM run_column WHERE run=?", params![run.as_str()], |row| {
            found = Some(row.get(0)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The numbers of the runs whose ids begin so.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn numbers_of_prefix(&self, prefix: &str) -> Result<Vec<u32>> {
        let mut numbers = Vec::new();
        const SQL: &str = "SELECT number FROM run_column WHERE run>=?1 AND run<?1||'~'";
        self.each(SQL, params![prefix], |row| {
            numbers.push(row.get(0)?);
            Ok(())
        })?;
        Ok(numbers)
    }

    /// A parameter of all runs that have it.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn param_column(&self, name: &str, sink: ColumnSink<'_>) -> Result<()> {
        const SQL: &str = "SELECT run, value FROM run_value
            WHERE key=(SELECT number FROM column_key WHERE kind=1 AND name=?)";
        self.values(SQL, params![name], sink)
    }

    /// A metric of all runs that have ended with it.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn metric_column(&self, name: &str, part: MetricPart, sink: ColumnSink<'_>) -> Result<()> {
        let column = match part {
            MetricPart::Last => "last",
            MetricPart::First => "first",
            MetricPart::Best if Summary::smaller_is_better(name) => "min",
            MetricPart::Min => "min",
            MetricPart::Max | MetricPart::Best => "max",
            MetricPart::Mean => "mean",
            MetricPart::Count => "count",
            MetricPart::Step => "last_step",
        };
        let there = if part == MetricPart::Mean { "AND mean IS NOT NULL" } else { "" };
        let sql = format!(
            "SELECT run, {column} FROM run_metric
             WHERE key=(SELECT number FROM column_key WHERE kind=2 AND name=?) {there}"
        );
        self.values(&sql, params![name], sink)
    }

    /// A field of all runs that have it.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn field_column(&self, field: RunField, sink: ColumnSink<'_>) -> Result<()> {
        let (table, column) = match field {
            RunField::Duration => ("run_column", "duration"),
            RunField::Exit => ("run_column", "exit"),
            RunField::Code => ("run_column", "printf('%016x', code)"),
            RunField::Config => ("run_column", "printf('%016x', config)"),
            RunField::Data => ("run_column", "printf('%016x', data)"),
            RunField::Environment => ("run_column", "printf('%016x', coalesce(environment, given))"),
            RunField::Name => ("run_column", "name"),
            RunField::Id => ("run_column", "run"),
            RunField::Host => ("run_column", "host"),
            RunField::Branch => ("run_column", "branch"),
            RunField::Commit => ("run_column", "revision"),
            RunField::Command => ("run_text", "command"),
            RunField::Reason => ("run_text", "reason"),
            RunField::Failure => ("run_text", "failure"),
        };
        let there = column.trim_start_matches("printf('%016x', ").trim_end_matches(')');
        let there = if there.starts_with("coalesce(") { "coalesce(environment, given)" } else { there };
        self.values(&format!("SELECT number, {column} FROM {table} WHERE {there} IS NOT NULL"), params![], sink)?;
        if field == RunField::Name {
            const SQL: &str = "SELECT c.number, m.value FROM mark m JOIN run_column c ON c.run=substr(m.target,5)
                WHERE m.aspect='name' AND m.target LIKE 'run:%'";
            self.values(SQL, params![], sink)?;
        }
        Ok(())
    }

    /// The runs with a flag.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn flag_column(&self, flag: Flag, sink: &mut dyn FnMut(u32)) -> Result<()> {
        const SQL: &str = "SELECT c.number FROM mark m JOIN run_column c ON c.run=substr(m.target,5)
            WHERE m.aspect=? AND m.value='1' AND m.target LIKE 'run:%'";
        let aspect = match flag {
            Flag::Starred => "star",
            Flag::Hidden => "hide",
            Flag::Removed => "remove",
        };
        self.each(SQL, params![aspect], |row| {
            sink(row.get(0)?);
            Ok(())
        })
    }

    /// Every tag of every run: those of the start first, then what was said later; `false` takes a
    /// tag away.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn tag_column(&self, sink: &mut dyn FnMut(u32, &str, bool)) -> Result<()> {
        const START: &str = "SELECT v.run, k.name FROM column_key k JOIN run_value v ON v.key=k.number WHERE k.kind=3";
        const LATER: &str = "SELECT c.number, substr(m.aspect,5), m.value='1' FROM mark m
            JOIN run_column c ON c.run=substr(m.target,5)
            WHERE m.aspect>='tag:' AND m.aspect<'tag;' AND m.target LIKE 'run:%'";
        self.each(START, params![], |row| {
            sink(row.get(0)?, row.get_ref(1)?.as_str()?, true);
            Ok(())
        })?;
        self.each(LATER, params![], |row| {
            sink(row.get(0)?, row.get_ref(1)?.as_str()?, row.get(2)?);
            Ok(())
        })
    }

    /// Every note on a run, oldest first.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn note_column(&self, sink: ColumnSink<'_>) -> Result<()> {
        const SQL: &str = "SELECT c.number, n.text FROM note n JOIN run_column c ON c.run=substr(n.target,5)
            WHERE n.target LIKE 'run:%' ORDER BY n.time, n.record";
        self.values(SQL, params![], sink)
    }

    /// A number of NULL is NaN: SQLite cannot hold it.
    fn values(&self, sql: &str, values: impl rusqlite::Params, sink: ColumnSink<'_>) -> Result<()> {
        self.each(sql, values, |row| {
            let number = row.get(0)?;
            match row.get_ref(1)? {
                ValueRef::Real(value) => sink(number, ColumnValue::Number(value)),
                ValueRef::Integer(value) => sink(number, ColumnValue::Number(value as f64)),
                ValueRef::Null => sink(number, ColumnValue::Number(f64::NAN)),
                other => sink(number, ColumnValue::Text(other.as_str()?)),
            }
            Ok(())
        })
    }

    fn each(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<()> {
        let walk = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let mut rows = select.query(values)?;
            while let Some(row) = rows.next()? {
                take(row)?;
            }
            Ok(())
        };
        self.sql(walk())
    }
}

const STATUSES: [Status; 5] = [Status::Running, Status::Done, Status::Failed, Status::Killed, Status::Lost];

const fn status_code(status: Status) -> u8 {
    match status {
        Status::Running => 0,
        Status::Done => 1,
        Status::Failed => 2,
        Status::Killed => 3,
        Status::Lost => 4,
    }
}

fn status_of_code(code: u8) -> Status {
    STATUSES.get(usize::from(code)).copied().unwrap_or(Status::Lost)
}

/// The views that a project keeps by name.
impl Reader {
    /// The saved views of a project, by name: the query text of each.
    ///
    /// # Errors
    /// See [`Reader::column_keys`].
    pub fn views(&self, project: &ProjectId) -> Result<Vec<(String, String)>> {
        const SQL: &str = "SELECT substr(aspect,6), value FROM mark
            WHERE target=? AND aspect>='view:' AND aspect<'view;' AND value<>'' ORDER BY 1";
        let mut views = Vec::new();
        self.each(SQL, params![format!("project:{project}")], |row| {
            views.push((row.get(0)?, row.get(1)?));
            Ok(())
        })?;
        Ok(views)
    }
}
