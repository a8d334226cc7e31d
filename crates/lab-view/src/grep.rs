//! Lines of code, config, logs and notes that match.

use std::collections::HashMap;

use lab_engine::{GrepHit, GrepQuery, Reader, Result};
use lab_model::RunId;
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::{Cell, Column, Line, Table, Tone, format};

/// Lines that match.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct GrepPage {
    /// The lines.
    pub hits: Table,
    /// How many, and whether there are more.
    pub note: Line,
}

impl Blocks for GrepPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default().add("", Block::Table(&self.hits)).add("", Block::Line(&self.note)).finish()
    }
}

/// Searches; stops after `most` hits.
///
/// # Errors
/// Those of the reader.
pub fn load(reader: &Reader, query: &GrepQuery, most: usize) -> Result<GrepPage> {
    Ok(find(reader, query, most)?.0)
}

/// The same with what was found, row by row.
pub(crate) fn find(reader: &Reader, query: &GrepQuery, most: usize) -> Result<(GrepPage, Vec<GrepHit>)> {
    let mut hits = Vec::new();
    let mut more = false;
    reader.grep(query, &mut |hit| {
        more = hits.len() >= most;
        if !more {
            hits.push(hit);
        }
        !more
    })?;
    let mut names = HashMap::new();
    for run in hits.iter().flat_map(|hit| hit.runs.first()) {
        if !names.contains_key(run) {
            let name = reader.run(run)?.map_or_else(|| run.to_string(), |row| row.name);
            names.insert(run.clone(), lab_model::display_bytes(name.as_bytes()));
        }
    }
    Ok((page(&hits, &names, more), hits))
}

fn page(hits: &[GrepHit], names: &HashMap<RunId, String>, more: bool) -> GrepPage {
    let mut table = Table::new(vec![
        Column::left("place", "Place", 2),
        Column::left("path", "Path", 0).shrinking(),
        Column::right("line", "Line", 0),
        Column::left("text", "Text", 0).shrinking(),
        Column::left("runs", "Runs", 1),
    ]);
    for hit in hits {
        let ids: Vec<&str> = hit.runs.iter().map(RunId::as_str).collect();
        let first = hit.runs.first().and_then(|run| names.get(run)).cloned().unwrap_or_default();
        let shown = if ids.len() > 1 { format!("{first} +{}", ids.len() - 1) } else { first };
        let place = serde_json::to_value(hit.place).unwrap_or_default();
        let place = place.as_str().unwrap_or_default();
        table.push(
            hit.path.clone(),
            vec![
                Cell::new(place, Tone::Muted),
                Cell::new(lab_model::display_bytes(hit.path.as_bytes()), Tone::Accent).with(hit.path.clone()),
                Cell::plain(hit.line.to_string()).with(hit.line),
                Cell::plain(lab_model::display_bytes(hit.text.trim().as_bytes())).with(hit.text.clone()),
                Cell::new(shown, Tone::Muted).with(ids),
            ],
        );
    }
    let count = hits.len() as u64;
    let note = match (count, more) {
        (0, _) => Line::of("Nothing matches", Tone::Muted),
        (_, true) => Line::of(format!("The first {}, `-n 0` shows all", format::count(count, "line")), Tone::Muted),
        _ => Line::of(format::count(count, "line"), Tone::Muted),
    };
    GrepPage { hits: table, note }
}
