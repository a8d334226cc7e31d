//! The index against the packs.

use std::collections::HashMap;

use lab_model::Hash;
use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use crate::pack::PackName;
use crate::record::{Encoding, Header};
use crate::verify::KnownPacks;
use crate::{Finding, Notebook, RecordKind, Trouble, VerifyReport, columns, schema};

/// Where a record lies, as its pack says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Location {
    pub id: Hash,
    pub name: PackName,
    pub offset: u64,
    pub kind: u8,
    pub encoding: u8,
    pub stored_length: u64,
    pub raw_length: u64,
}

impl Location {
    pub fn header(&self) -> Option<Header> {
        Some(Header {
            kind: RecordKind::from_code(self.kind)?,
            encoding: Encoding::from_code(self.encoding)?,
            raw_length: self.raw_length,
            stored_length: self.stored_length,
            id: self.id,
            checksum: 0,
        })
    }
}

/// Compares the index with what the packs hold (`locations`, sorted) and, where given, with an index
/// that was made anew from them.
pub(crate) fn compare(
    report: &mut VerifyReport,
    notebook: &Notebook,
    connection: &Connection,
    locations: &[Location],
    known: &KnownPacks,
    expected: Option<&Connection>,
) {
    // An index that names what is damaged in the packs is not wrong.
    if report.findings.iter().any(|finding| !finding.what.is_index()) {
        return;
    }
    let mut wrong = |what: Trouble| {
        let path = notebook.index_path();
        report.findings.push(Finding { path, offset: None, id: None, what, snapshots: Vec::new(), runs: Vec::new() });
    };
    match places_agree(connection, locations, known) {
        Ok(true) => {}
        Ok(false) => wrong(Trouble::IndexWrong { table: "record" }),
        Err(error) => return wrong(Trouble::IndexDamaged { said: error.to_string() }),
    }
    let Some(expected) = expected else { return };
    match packs_agree(connection, expected) {
        Ok(true) => {}
        Ok(false) => wrong(Trouble::IndexWrong { table: "pack" }),
        Err(error) => return wrong(Trouble::IndexDamaged { said: error.to_string() }),
    }
    let whole = schema::DERIVED.map(|(table, order)| (table, format!("SELECT * FROM {table} ORDER BY {order}")));
    let columns = columns::DERIVED.map(|(table, sql)| (table, sql.to_owned()));
    for (table, sql) in whole.into_iter().chain(columns) {
        match same_rows(connection, expected, &sql) {
            Ok(true) => {}
            Ok(false) => wrong(Trouble::IndexWrong { table }),
            Err(error) => return wrong(Trouble::IndexDamaged { said: error.to_string() }),
        }
    }
}

/// Whether the index names every record of the packs and nothing else, each at a place where it is.
fn places_agree(connection: &Connection, locations: &[Location], known: &KnownPacks) -> rusqlite::Result<bool> {
    let names: HashMap<i64, PackName> = known.rows.iter().map(|row| (row.id, row.name)).collect();
    let mut select = connection.prepare("SELECT id,kind,encoding,pack,offset,stored,raw FROM record ORDER BY id")?;
    let mut rows = select.query([])?;
    let mut rest = locations;
    while let Some(row) = rows.next()? {
        let Some(name) = names.get(&row.get(3)?) else { return Ok(false) };
        let named = Location {
            id: Hash(row.get(0)?),
            name: *name,
            offset: row.get(4)?,
            kind: row.get(1)?,
            encoding: row.get(2)?,
            stored_length: row.get(5)?,
            raw_length: row.get(6)?,
        };
        // A record may lie at several places; the index names one of them.
        let copies = rest.iter().take_while(|location| location.id == named.id).count();
        if !rest[..copies].contains(&named) {
            return Ok(false);
        }
        rest = &rest[copies..];
    }
    Ok(rest.is_empty())
}

fn packs_agree(connection: &Connection, expected: &Connection) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT name, end, sequence, last_commit FROM pack WHERE end>0 ORDER BY name";
    same_rows(connection, expected, SQL)
}

fn same_rows(connection: &Connection, expected: &Connection, sql: &str) -> rusqlite::Result<bool> {
    let (mut left, mut right) = (connection.prepare(sql)?, expected.prepare(sql)?);
    let columns = left.column_count();
    let (mut left, mut right) = (left.query([])?, right.query([])?);
    let values = |row: &Row<'_>| (0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<Value>>>();
    loop {
        match (left.next()?, right.next()?) {
            (None, None) => return Ok(true),
            (Some(left), Some(right)) if values(left)? == values(right)? => {}
            _ => return Ok(false),
        }
    }
}
