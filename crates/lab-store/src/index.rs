//! The one place that turns records into rows: at commit, at rebuild, and for whatever comes from
//! elsewhere.
//!
//! Every statement here gives the same rows in whichever order records come: where two records
//! speak of the same thing, the newest counts, and the larger id between equals.

use lab_model::{
    Change, Content, Edit, Hash, NoteKind, OutputChange, Project, RestoreRecord, RunEnd, RunFacts, RunStart, Snapshot,
    Status, Target,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use crate::columns::fill;
use crate::pack::{Entry, PackName};
use crate::{Commit, RecordKind, Retire, RetireReason};

/// A pack as the index knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PackRow {
    pub id: i64,
    pub name: PackName,
    /// Just past the last commit that is indexed.
    pub end: u64,
    /// Up to where nothing more was found.
    pub scanned: u64,
    pub sequence: Option<u64>,
    pub last_commit: Option<Hash>,
    /// The commit of this pack that another pack's commit names.
    pub named: Option<Hash>,
}

/// Adds whole batches of one pack: `entries` are its records in order, commits included.
pub(crate) fn add_batches(
    connection: &Connection,
    pack: PackName,
    entries: &[Entry],
    commits: &[(Hash, Commit)],
    end: u64,
) -> rusqlite::Result<()> {
    let row = pack_row(connection, pack)?;
    let mut order: Vec<&Entry> = entries.iter().filter(|entry| entry.header.kind != RecordKind::Commit).collect();
    // In the order of the table, so that neighbours share pages.
    order.sort_unstable_by_key(|entry| entry.header.id);
    {
        let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO record VALUES(?,?,?,?,?,?,?)")?;
        for entry in &order {
            let header = &entry.header;
            insert.execute(params![
                header.id.0,
                header.kind as u8,
                header.encoding as u8,
                row,
                entry.offset,
                header.stored_length,
                header.raw_length
            ])?;
        }
    }
    for entry in order.iter().filter(|entry| entry.header.kind.is_indexed()) {
        add_record(connection, entry.header.kind, &entry.header.id, &entry.body)?;
    }
    for (id, commit) in commits {
        connection.prepare_cached("UPDATE pack SET sequence=?2, last_commit=?3 WHERE id=?1")?.execute(params![
            row,
            commit.sequence,
            id.0
        ])?;
        for after in &commit.after {
            connection
                .prepare_cached("UPDATE pack SET named=?2 WHERE name=?1 AND last_commit=?2")?
                .execute(params![after.pack, after.commit.0])?;
        }
    }
    connection
        .prepare_cached("UPDATE pack SET end=max(end,?2), scanned=max(scanned,?2) WHERE id=?1")?
        .execute(params![row, end])?;
    Ok(())
}

/// Says that nothing more is in a pack up to `length`.
pub(crate) fn mark_scanned(connection: &Connection, pack: PackName, length: u64) -> rusqlite::Result<()> {
    let row = pack_row(connection, pack)?;
    connection.prepare_cached("UPDATE pack SET scanned=?2 WHERE id=?1")?.execute(params![row, length])?;
    Ok(())
}

/// The number of a pack in the index; it gets one when it has none.
fn pack_row(connection: &Connection, pack: PackName) -> rusqlite::Result<i64> {
    let name = pack.to_string();
    connection.prepare_cached("INSERT OR IGNORE INTO pack(name,end,scanned) VALUES(?,0,0)")?.execute([&name])?;
    connection.prepare_cached("SELECT id FROM pack WHERE name=?")?.query_row([&name], |row| row.get(0))
}

/// The packs that the index knows.
pub(crate) fn packs(connection: &Connection) -> rusqlite::Result<Vec<PackRow>> {
    let mut select =
        connection.prepare_cached("SELECT id,name,end,scanned,sequence,last_commit,named FROM pack ORDER BY name")?;
    let rows = select.query_map([], |row| {
        let hash = |value: Option<[u8; 32]>| value.map(Hash);
        Ok(PackName::parse(row.get_ref(1)?.as_str()?).map(|name| {
            Ok(PackRow {
                id: row.get(0)?,
                name,
                end: row.get(2)?,
                scanned: row.get(3)?,
                sequence: row.get(4)?,
                last_commit: hash(row.get(5)?),
                named: hash(row.get(6)?),
            })
        }))
    })?;
    rows.filter_map(|row: rusqlite::Result<Option<_>>| row.transpose()).map(|row| row?).collect()
}

/// Whether the index names this record.
pub(crate) fn contains(connection: &Connection, id: &Hash) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM record WHERE id=?")?.exists([id.0])
}

/// Whether the index names no record at all.
pub(crate) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM record LIMIT 1")?.exists([]).map(|any| !any)
}

/// The packs that were replaced, and why.
pub(crate) fn retired(connection: &Connection) -> rusqlite::Result<Vec<(PackName, RetireReason)>> {
    let mut select = connection.prepare_cached("SELECT pack,reason FROM retired")?;
    let rows = select.query_map([], |row| {
        let reason = if row.get_ref(1)?.as_str()? == "purge" { RetireReason::Purge } else { RetireReason::Gc };
        Ok(PackName::parse(row.get_ref(0)?.as_str()?).map(|name| (name, reason)))
    })?;
    rows.filter_map(Result::transpose).collect()
}

/// Adds the rows of one record. A body that a newer program wrote and this one does not understand
/// has no rows; the record itself is kept and found by its id.
fn add_record(connection: &Connection, kind: RecordKind, id: &Hash, body: &[u8]) -> rusqlite::Result<()> {
    fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
        serde_json::from_slice(body).ok()
    }
    let text = std::str::from_utf8(body).unwrap_or_default();
    match kind {
        RecordKind::Snapshot => read(body).map(|noun| add_snapshot(connection, id, &noun)),
        RecordKind::RunStart => read(body).map(|noun| add_run_start(connection, id, &noun, text)),
        RecordKind::RunFacts => read(body).map(|noun| add_run_facts(connection, id, &noun, text)),
        RecordKind::RunEnd => read(body).map(|noun| add_run_end(connection, id, &noun, text)),
        RecordKind::Edit => read(body).map(|noun| add_edit(connection, id, &noun)),
        RecordKind::Project => read(body).map(|noun| add_project(connection, id, &noun, text)),
        RecordKind::Restore => read(body).map(|noun| add_restore(connection, id, &noun, text)),
        RecordKind::Retire => read(body).map(|noun| add_retire(connection, &noun)),
        RecordKind::Chunk
        | RecordKind::Recipe
        | RecordKind::Tree
        | RecordKind::Series
        | RecordKind::Log
        | RecordKind::Commit => None,
    }
    .unwrap_or(Ok(()))
}

fn add_snapshot(connection: &Connection, id: &Hash, snapshot: &Snapshot) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT OR IGNORE INTO snapshot VALUES(?,?,?)")?.execute(params![
        id.0,
        snapshot.project.as_str(),
        snapshot.time.0
    ])?;
    Ok(())
}

fn add_run_start(connection: &Connection, id: &Hash, start: &RunStart, text: &str) -> rusqlite::Result<()> {
    let (run, project) = (start.run.as_str(), start.project.as_str());
    let known = connection.prepare_cached("SELECT 1 FROM run_start WHERE run=?")?.exists([run])?;
    let counts = connection
        .prepare_cached(
            "INSERT INTO run_start VALUES(?,?,?,?,?,?) ON CONFLICT(run) DO UPDATE SET record=excluded.record,
             project=excluded.project, name=excluded.name, time=excluded.time, body=excluded.body
             WHERE (excluded.time, excluded.record) > (time, record)",
        )?
        .execute(params![run, id.0, project, start.name, start.time.0, text])?;
    if counts > 0 {
        fill::start(connection, start, known)?;
    }
    let ended = connection.prepare_cached("SELECT 1 FROM run_end WHERE run=?")?.exists([run])?;
    if !ended {
        connection.prepare_cached("INSERT OR IGNORE INTO run_open VALUES(?)")?.execute([run])?;
        return Ok(());
    }
    connection
        .prepare_cached("INSERT OR IGNORE INTO produced SELECT ?1, path FROM produced_early WHERE run=?2")?
        .execute([project, run])?;
    connection.prepare_cached("DELETE FROM produced_early WHERE run=?")?.execute([run])?;
    Ok(())
}

fn add_run_facts(connection: &Connection, id: &Hash, facts: &RunFacts, text: &str) -> rusqlite::Result<()> {
    let environment = facts.environment.fingerprint().map(|hash| hash.0);
    let counts = connection
        .prepare_cached(
            "INSERT INTO run_facts VALUES(?,?,?,?) ON CONFLICT(run) DO UPDATE SET record=excluded.record,
             environment=excluded.environment, body=excluded.body WHERE excluded.record > record",
        )?
        .execute(params![facts.run.as_str(), id.0, environment, text])?;
    if counts > 0 { fill::facts(connection, facts) } else { Ok(()) }
}

/// Of two ends the one that somebody saw counts: a run may be taken for lost while its supervisor
/// is still about to say how it ended.
fn add_run_end(connection: &Connection, id: &Hash, end: &RunEnd, text: &str) -> rusqlite::Result<()> {
    let run = end.run.as_str();
    let known = connection.prepare_cached("SELECT 1 FROM run_end WHERE run=?")?.exists([run])?;
    let counts = connection
        .prepare_cached(
            "INSERT INTO run_end VALUES(?,?,?,?,?,?) ON CONFLICT(run) DO UPDATE SET record=excluded.record,
             seen=excluded.seen, time=excluded.time, status=excluded.status, body=excluded.body
             WHERE (excluded.seen, excluded.time, excluded.record) > (seen, time, record)",
        )?
        .execute(params![run, id.0, end.status != Status::Lost, end.time.0, end.status.name(), text])?;
    if counts > 0 {
        add_used(connection, end)?;
        fill::end(connection, end, text, known)?;
    }
    connection.prepare_cached("DELETE FROM run_open WHERE run=?")?.execute([run])?;
    // The project is known from the start, which may come later.
    let project: Option<String> = connection
        .prepare_cached("SELECT project FROM run_start WHERE run=?")?
        .query_row([run], |row| row.get(0))
        .optional()?;
    let mut insert = connection.prepare_cached(if project.is_some() {
        "INSERT OR IGNORE INTO produced VALUES(?,?)"
    } else {
        "INSERT OR IGNORE INTO produced_early VALUES(?,?)"
    })?;
    let owner = project.as_deref().unwrap_or(run);
    for output in &end.outputs {
        if output.change == OutputChange::Created && !end.changed_inputs.contains(&output.path) {
            insert.execute(params![owner, output.path.as_bytes()])?;
        }
    }
    Ok(())
}

/// How a run used a file, as the index has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Way {
    Read = 0,
    Written = 1,
}

/// The files of the end that counts, in place of those of another end of the same run. A run that was not
/// traced has written what differed when it was over.
fn add_used(connection: &Connection, end: &RunEnd) -> rusqlite::Result<()> {
    let run = end.run.as_str();
    connection.prepare_cached("DELETE FROM used WHERE run=?")?.execute([run])?;
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO used VALUES(?,?,?,?)")?;
    let mut add = |way: Way, path: &[u8], content: &Content| {
        insert.execute(params![run, way as u8, path, content.hash().map(|hash| hash.0)])
    };
    for file in &end.files.read {
        add(Way::Read, file.path.as_bytes(), &file.content)?;
    }
    for file in &end.files.written {
        add(Way::Written, file.path.as_bytes(), &file.content)?;
    }
    let differing = end.outputs.iter().filter(|output| output.change != OutputChange::Removed);
    for output in differing {
        add(Way::Written, output.path.as_bytes(), &output.content)?;
    }
    Ok(())
}

/// The text by which marks and notes name what they are about. Ids of runs and projects have the
/// same form, so the kind stands before.
pub(crate) fn target_text(target: &Target) -> String {
    match target {
        Target::Run(run) => format!("run:{run}"),
        Target::Project(project) => format!("project:{project}"),
    }
}

fn add_edit(connection: &Connection, id: &Hash, edit: &Edit) -> rusqlite::Result<()> {
    let target = target_text(&edit.target);
    connection.prepare_cached("INSERT OR IGNORE INTO edit VALUES(?,?,?)")?.execute(params![
        id.0,
        target,
        edit.time.0
    ])?;
    let flag = |on: bool| if on { "1" } else { "0" };
    let (aspect, value) = match &edit.change {
        Change::Name { name } => ("name".to_owned(), name.as_str()),
        Change::Tag { tag } => (format!("tag:{tag}"), "1"),
        Change::Untag { tag } => (format!("tag:{tag}"), "0"),
        Change::Star { on } => ("star".to_owned(), flag(*on)),
        Change::Hide { on } => ("hide".to_owned(), flag(*on)),
        Change::Remove => ("remove".to_owned(), "1"),
        Change::Unremove => ("remove".to_owned(), "0"),
        Change::Note { kind, text } => return add_note(connection, id, &target, edit, *kind, text),
        Change::View { name, query } => (format!("view:{name}"), query.as_str()),
        Change::Purge { ids } => return add_purged(connection, ids),
    };
    connection
        .prepare_cached(
            "INSERT INTO mark VALUES(?,?,?,?,?) ON CONFLICT(target,aspect) DO UPDATE SET time=excluded.time,
             record=excluded.record, value=excluded.value WHERE (excluded.time, excluded.record) > (time, record)",
        )?
        .execute(params![target, aspect, edit.time.0, id.0, value])?;
    Ok(())
}

fn add_note(
    connection: &Connection,
    id: &Hash,
    target: &str,
    edit: &Edit,
    kind: NoteKind,
    text: &str,
) -> rusqlite::Result<()> {
    let kind = match kind {
        NoteKind::Reason => "reason",
        NoteKind::Outcome => "outcome",
        NoteKind::Note => "note",
    };
    connection.prepare_cached("INSERT OR IGNORE INTO note VALUES(?,?,?,?,?)")?.execute(params![
        target,
        edit.time.0,
        id.0,
        kind,
        text
    ])?;
    Ok(())
}

fn add_purged(connection: &Connection, ids: &[Hash]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO purged VALUES(?)")?;
    for id in ids {
        insert.execute([id.0])?;
    }
    Ok(())
}

fn add_project(connection: &Connection, id: &Hash, project: &Project, text: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO project VALUES(?,?,?,?) ON CONFLICT(id) DO UPDATE SET record=excluded.record,
             time=excluded.time, body=excluded.body WHERE (excluded.time, excluded.record) > (time, record)",
        )?
        .execute(params![project.id.as_str(), id.0, project.time.0, text])?;
    Ok(())
}

fn add_restore(connection: &Connection, id: &Hash, restore: &RestoreRecord, text: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT OR IGNORE INTO restore VALUES(?,?,?,?)")?.execute(params![
        id.0,
        restore.project.as_str(),
        restore.time.0,
        text
    ])?;
    Ok(())
}

fn add_retire(connection: &Connection, retire: &Retire) -> rusqlite::Result<()> {
    // Purging is the stronger reason, so that the order of records makes no difference.
    let (reason, sql) = match retire.reason {
        RetireReason::Gc => ("gc", "INSERT OR IGNORE INTO retired VALUES(?,?)"),
        RetireReason::Purge => ("purge", "INSERT OR REPLACE INTO retired VALUES(?,?)"),
    };
    let mut insert = connection.prepare_cached(sql)?;
    for pack in &retire.packs {
        insert.execute([&pack.pack, reason])?;
    }
    add_purged(connection, &retire.purged)
}
