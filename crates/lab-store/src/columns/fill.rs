//! The rows of the columns: written by the index function, beside the rows of the records.

use lab_model::{Hash, RunEnd, RunFacts, RunStart};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::Value;

use super::{KeyKind, WORD_END, status_code};

/// Puts a start's part in. `replaced` says that another start of the run was there.
pub(crate) fn start(connection: &Connection, start: &RunStart, replaced: bool) -> rusqlite::Result<()> {
    let run = number_of(connection, start.run.as_str())?;
    let project = key_of(connection, KeyKind::Project, start.project.as_str())?;
    let print = &start.fingerprint;
    connection
        .prepare_cached(
            "UPDATE run_column SET project=?2, time=?3, name=?4, code=?5, config=?6, data=?7, given=?8 WHERE number=?1",
        )?
        .execute(params![
            run,
            project,
            start.time.0,
            start.name,
            short(print.code),
            short(print.config),
            short(print.data),
            short(print.environment)
        ])?;
    let command = start.argv.join(WORD_END);
    connection
        .prepare_cached(
            "INSERT INTO run_text(number, command, reason) VALUES(?1,?2,?3)
             ON CONFLICT(number) DO UPDATE SET command=excluded.command, reason=excluded.reason",
        )?
        .execute(params![run, command, start.reason])?;
    if replaced {
        forget(connection, "run_value", run)?;
    }
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO run_value VALUES(?,?,?)")?;
    for (name, value) in &start.params {
        if let Some(stored) = stored(value) {
            insert.execute(params![key_of(connection, KeyKind::Param, name)?, run, stored])?;
        }
    }
    for tag in &start.tags {
        insert.execute(params![key_of(connection, KeyKind::Tag, tag)?, run, 1])?;
    }
    Ok(())
}

/// Puts what was gathered beside the run in.
pub(crate) fn facts(connection: &Connection, facts: &RunFacts) -> rusqlite::Result<()> {
    let run = number_of(connection, facts.run.as_str())?;
    let git = facts.git.as_ref();
    connection
        .prepare_cached("UPDATE run_column SET environment=?2, host=?3, branch=?4, revision=?5 WHERE number=?1")?
        .execute(params![
            run,
            short(facts.environment.fingerprint()),
            Some(&facts.machine.host).filter(|host| !host.is_empty()),
            git.and_then(|git| git.branch.as_ref()),
            git.and_then(|git| git.commit.as_ref())
        ])?;
    Ok(())
}

/// Puts an end's part in. `replaced` says that another end of the run was there.
pub(crate) fn end(connection: &Connection, end: &RunEnd, text: &str, replaced: bool) -> rusqlite::Result<()> {
    let run = number_of(connection, end.run.as_str())?;
    connection
        .prepare_cached("UPDATE run_column SET status=?2, duration=?3, exit=?4 WHERE number=?1")?
        .execute(params![run, status_code(end.status), end.duration_millis, end.exit_code])?;
    let failure = end.failure.as_ref().map(|failure| &failure.title);
    if replaced || failure.is_some() {
        connection
            .prepare_cached(
                "INSERT INTO run_text(number, failure) VALUES(?1,?2)
                 ON CONFLICT(number) DO UPDATE SET failure=excluded.failure",
            )?
            .execute(params![run, failure])?;
    }
    if replaced {
        forget(connection, "run_metric", run)?;
    }
    if end.series.is_empty() {
        return Ok(());
    }
    let more = serde_json::from_str::<MoreOfEnd>(text).unwrap_or_default().series;
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO run_metric VALUES(?,?,?,?,?,?,?,?,?)")?;
    for (place, series) in end.series.iter().enumerate() {
        let summary = &series.summary;
        insert.execute(params![
            key_of(connection, KeyKind::Metric, &summary.key)?,
            run,
            summary.last,
            summary.first,
            summary.min,
            summary.max,
            more.get(place).and_then(|more| more.mean.as_f64()),
            summary.count,
            summary.last_step
        ])?;
    }
    Ok(())
}

/// What newer summaries say beyond [`lab_model::Summary`]; absent in older ones.
#[derive(Deserialize, Default)]
struct MoreOfEnd {
    series: Vec<MoreOfSummary>,
}

#[derive(Deserialize)]
struct MoreOfSummary {
    #[serde(default)]
    mean: Value,
}

/// The number that stands for a run in the columns; it gets one when it has none. Numbers depend on
/// the order in which records come and mean nothing outside this index.
fn number_of(connection: &Connection, run: &str) -> rusqlite::Result<i64> {
    let found = connection
        .prepare_cached("SELECT number FROM run_column WHERE run=?")?
        .query_row([run], |row| row.get(0))
        .optional()?;
    if let Some(number) = found {
        return Ok(number);
    }
    connection.prepare_cached("INSERT INTO run_column(run) VALUES(?)")?.execute([run])?;
    Ok(connection.last_insert_rowid())
}

fn key_of(connection: &Connection, kind: KeyKind, name: &str) -> rusqlite::Result<i64> {
    let found = connection
        .prepare_cached("SELECT number FROM column_key WHERE kind=? AND name=?")?
        .query_row(params![kind as u8, name], |row| row.get(0))
        .optional()?;
    if let Some(number) = found {
        return Ok(number);
    }
    connection.prepare_cached("INSERT INTO column_key(kind, name) VALUES(?,?)")?.execute(params![kind as u8, name])?;
    Ok(connection.last_insert_rowid())
}

/// Takes away what an earlier record said of a run in the table of values or of metrics.
fn forget(connection: &Connection, table: &str, run: i64) -> rusqlite::Result<()> {
    let sql = format!("DELETE FROM {table} WHERE run=?1 AND key IN (SELECT number FROM column_key)");
    connection.prepare_cached(&sql)?.execute([run])?;
    Ok(())
}

/// The first eight bytes of a hash: enough to tell the runs of one notebook apart.
fn short(hash: Option<Hash>) -> Option<i64> {
    let bytes = hash?.0;
    Some(i64::from_be_bytes(bytes[..8].try_into().expect("because a hash has 32 bytes")))
}

/// A parameter as the column holds it; what is neither number nor text is its JSON.
fn stored(value: &Value) -> Option<Stored> {
    Some(match value {
        Value::Null => return None,
        Value::Number(number) => Stored::Real(number.as_f64()?),
        Value::String(text) => Stored::Text(text.clone()),
        other => Stored::Text(other.to_string()),
    })
}
