//! The run under the cursor, told beside the list: what changed, did it help, what differs.

use lab_engine::{Reader, Result};
use lab_plot::Chart;
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::screens::run_parts::charts_of;
use crate::show::{self, RunPage};
use crate::{Column, Line, Prose, Table, Tone, format};

/// What is worth reading of a run beside a list of many.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Inspected {
    /// What changed since the last comparable run, and did it help?
    pub headline: Line,
    /// The four chips against the base run.
    pub fingerprint: Line,
    /// The last lines of the traceback of a failed run.
    pub failure: Prose,
    /// What was written down.
    pub notes: Table,
    /// Parameters that differ from the base run; all of them without one.
    pub params: Table,
    /// How many are the same.
    pub equal: Line,
    /// The metrics that promise most, with what they changed by.
    pub metrics: Table,
    /// The course of the first of them, each with its key.
    #[serde(skip)]
    pub charts: Vec<(String, Chart)>,
}

impl Blocks for Inspected {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("", Block::Line(&self.fingerprint))
            .add("Failure", Block::Prose(&self.failure))
            .add("Notes", Block::Table(&self.notes))
            .add("Parameters", Block::Table(&self.params))
            .add(if self.params.is_empty() { "Parameters" } else { "" }, Block::Line(&self.equal))
            .add("Metrics", Block::Table(&self.metrics))
            .finish()
    }
}

/// Of a traceback so many lines are told.
const FAILURE_LINES: usize = 6;
/// So many charts are drawn.
const CHARTS: usize = 2;
/// So many metrics are told.
const METRICS: usize = 8;

/// Reads the page.
///
/// # Errors
/// See [`show::load`].
pub fn load(reader: &Reader, key: &show::Key) -> Result<Inspected> {
    let mut page = of(show::load(reader, key)?);
    if let Some(row) = reader.run(&key.run)? {
        page.charts = charts_of(reader, &row, (CHARTS, 0), &key.moment)?;
    }
    Ok(page)
}

fn of(page: RunPage) -> Inspected {
    let mut params = page.params;
    let mut equal = Line::default();
    let base = params.columns.iter().position(|column| column.key == "base" && column.priority != Column::HIDDEN);
    let before = params.rows.len();
    match base {
        Some(base) => params.rows.retain(|row| !row.cells[base].text.is_empty()),
        // There is a base run, and nothing is different.
        None if !page.chips.first => params.rows.clear(),
        None => {}
    }
    let same = (before - params.rows.len()) as u64;
    if same > 0 {
        equal = Line::of(format!("{} the same", format::count(same, "parameter")), Tone::Muted);
    }
    let mut metrics = page.metrics;
    metrics.total = Some(metrics.rows.len() as u64);
    metrics.rows.truncate(METRICS);
    let lines: Vec<&str> = page.failure.0.trim_end().lines().collect();
    let failure = Prose(lines[lines.len().saturating_sub(FAILURE_LINES)..].join("\n"));
    let (headline, fingerprint) = (page.headline, page.fingerprint);
    let charts = Vec::new();
    Inspected { headline, fingerprint, failure, notes: page.notes, params, equal, metrics, charts }
}
