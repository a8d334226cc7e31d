//! How large a notebook is.

use lab_engine::{Reader, Result, Statistics};
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::{Cell, Fields, format};

/// How large a notebook is.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct HealthPage {
    /// Counts and sizes.
    pub statistics: Fields,
}

impl Blocks for HealthPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default().add("", Block::Fields(&self.statistics)).finish()
    }
}

/// Reads the page; `notebook` is where the notebook lies.
///
/// # Errors
/// Those of the reader.
pub fn load(reader: &Reader, notebook: &str) -> Result<HealthPage> {
    Ok(page(&reader.statistics()?, notebook))
}

fn page(statistics: &Statistics, notebook: &str) -> HealthPage {
    let mut fields = Fields::default();
    fields.push("notebook", "Notebook", Cell::plain(lab_model::display_bytes(notebook.as_bytes())).with(notebook));
    for (key, label, count) in [
        ("runs", "Runs", statistics.runs),
        ("snapshots", "Snapshots", statistics.snapshots),
        ("records", "Records", statistics.records),
        ("packs", "Packs", statistics.packs),
    ] {
        fields.push(key, label, Cell::plain(format::grouped(count)).with(count));
    }
    for (key, label, size) in [
        ("raw_bytes", "Content", statistics.raw_bytes),
        ("stored_bytes", "Stored", statistics.stored_bytes),
        ("pack_bytes", "In packs", statistics.pack_bytes),
        ("index_bytes", "Index", statistics.index_bytes),
        ("trash_bytes", "Trash", statistics.trash_bytes),
    ] {
        fields.push(key, label, Cell::plain(format::bytes(size)).with(size));
    }
    HealthPage { statistics: fields }
}
