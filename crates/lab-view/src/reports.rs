//! What verify, rebuild, gc, purge and snapshot have to say.

use lab_engine::{GcReport, PurgeReport, RebuildReport, SnapshotOutcome, VerifyNote, VerifyReport};
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::{Cell, Column, Fields, Line, Prose, Table, Tone, coverage, format};

/// The outcome of a piece of maintenance.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct ReportPage {
    /// In one sentence.
    pub headline: Line,
    /// Counts and sizes.
    pub about: Fields,
    /// What is wrong.
    pub findings: Table,
    /// What else is worth knowing.
    pub notes: Prose,
    /// What to do next.
    pub next: Line,
}

impl Blocks for ReportPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("", Block::Fields(&self.about))
            .add("Findings", Block::Table(&self.findings))
            .add("Notes", Block::Prose(&self.notes))
            .add("", Block::Line(&self.next))
            .finish()
    }
}

/// A number; people are not told that nothing happened.
fn count(fields: &mut Fields, key: &str, label: &str, number: u64) {
    let label = if number == 0 { "" } else { label };
    fields.push(key, label, Cell::plain(format::grouped(number)).with(number));
}

fn size(fields: &mut Fields, key: &str, label: &str, bytes: u64) {
    let label = if bytes == 0 { "" } else { label };
    fields.push(key, label, Cell::plain(format::bytes(bytes)).with(bytes));
}

/// What else a verification saw, in words.
fn note_words(note: &VerifyNote) -> String {
    let name = |path: &std::path::Path| lab_model::display_bytes(path.to_string_lossy().as_bytes());
    match note {
        VerifyNote::Tail { path, bytes } => {
            format!("{} at the end of {} belong to nothing; `lab gc` drops them", format::bytes(*bytes), name(path))
        }
        VerifyNote::NotIndexed { path, commits } => {
            let batches = format::count(*commits, "batch").replace("batchs", "batches");
            format!("{batches} of {} are not in the index yet; the next run brings them in", name(path))
        }
        VerifyNote::Retired { path } => format!("{} was replaced; the next `lab gc` moves it to the trash", name(path)),
        VerifyNote::SealedUnchecked { records } => {
            let records = format::count(*records, "sealed record");
            format!("{records} checked for damage only: the key that opens them is not on this machine")
        }
    }
}

macro_rules! findings {
    ($findings:expr) => {{
        let mut table = Table::new(vec![
            Column::left("path", "Where", 0).shrinking(),
            Column::right("offset", "Offset", 1),
            Column::left("what", "What", 0).shrinking(),
            Column::left("runs", "Runs", 2).shrinking(),
        ]);
        for finding in $findings {
            let path = finding.path.to_string_lossy().into_owned();
            let path = lab_model::display_bytes(path.as_bytes());
            let runs: Vec<String> = finding.runs.iter().map(ToString::to_string).collect();
            let shown = runs.iter().map(|run| run[..4].to_owned()).collect::<Vec<_>>();
            let offset = finding.offset.map_or_else(Cell::none, |at| Cell::plain(at.to_string()).with(at));
            let what = Cell::new(lab_model::display_bytes(finding.what.words().as_bytes()), Tone::Bad);
            let runs = Cell::plain(format::some_of(&shown, 3)).with(runs);
            table.push(path.clone(), vec![Cell::plain(path), offset, what, runs]);
        }
        table
    }};
}

/// The page of a verification.
pub fn verify(report: &VerifyReport, deep: bool) -> ReportPage {
    let mut page = ReportPage {
        findings: findings!(&report.findings),
        notes: Prose(report.notes.iter().map(note_words).collect::<Vec<_>>().join("\n")),
        ..ReportPage::default()
    };
    let read = format!(
        "{} in {}, {}",
        format::count(report.records, "record"),
        format::count(report.packs, "pack"),
        format::bytes(report.bytes)
    );
    if report.findings.is_empty() {
        page.headline.push("Everything is whole", Tone::Good);
        page.headline.push(format!(": {read}{}", if deep { ", every byte decoded" } else { "" }), Tone::Plain);
        if !deep {
            page.next.push("`lab verify --deep` also decodes every byte and follows every reference", Tone::Muted);
        }
    } else {
        page.headline.push(format::count(report.findings.len() as u64, "finding"), Tone::Bad);
        page.headline.push(format!(" in {read}"), Tone::Plain);
        page.next
            .push("Keep a copy of the notebook; `lab rebuild` makes the index anew from what is whole", Tone::Plain);
    }
    count(&mut page.about, "packs", "", report.packs);
    count(&mut page.about, "records", "", report.records);
    size(&mut page.about, "bytes", "", report.bytes);
    page
}

/// The page of a rebuild.
pub fn rebuild(report: &RebuildReport) -> ReportPage {
    let mut page = ReportPage { findings: findings!(&report.findings), ..ReportPage::default() };
    page.headline.push("The index is new", Tone::Good);
    let read = format!(": {} from {}", format::count(report.records, "record"), format::count(report.packs, "pack"));
    page.headline.push(read, Tone::Plain);
    if let Some(place) = &report.quarantined {
        let place = lab_model::display_bytes(place.to_string_lossy().as_bytes());
        page.headline.push(format!(" · the old index lies in {place}"), Tone::Warn);
    }
    count(&mut page.about, "packs", "", report.packs);
    count(&mut page.about, "records", "", report.records);
    page
}

/// The page of a collection of garbage.
pub fn gc(report: &GcReport, dry_run: bool) -> ReportPage {
    let mut page = ReportPage::default();
    let words = if dry_run { "Would drop" } else { "Dropped" };
    if report.removed_records + report.deleted_packs == 0 {
        page.headline.push("There is nothing to drop", Tone::Good);
    } else {
        let records = format::count(report.removed_records, "record");
        page.headline.push(format!("{words} {records}, {}", format::bytes(report.removed_bytes)), Tone::Plain);
    }
    if report.retired_packs > report.deleted_packs {
        page.next.push("What was dropped waits in the trash and goes after the grace period", Tone::Muted);
    }
    if report.trash_kept {
        page.next.push("The trash was kept: the rest of the notebook is not whole, see `lab verify`", Tone::Bad);
    }
    count(&mut page.about, "live_records", "Records needed", report.live_records);
    count(&mut page.about, "removed_records", "Records not needed", report.removed_records);
    size(&mut page.about, "removed_bytes", "Size of these", report.removed_bytes);
    count(&mut page.about, "retired_packs", "Packs moved to the trash", report.retired_packs);
    count(&mut page.about, "deleted_packs", "Packs deleted from the trash", report.deleted_packs);
    size(&mut page.about, "deleted_bytes", "Size of these packs", report.deleted_bytes);
    page
}

/// The page of a purge.
pub fn purge(report: &PurgeReport) -> ReportPage {
    let mut page = ReportPage::default();
    let records = format::count(report.purged.len() as u64, "record");
    if report.purged.is_empty() {
        page.headline.push("Nothing of it was left in the notebook", Tone::Good);
    } else {
        page.headline.push(format!("{records} gone for good"), Tone::Good);
        page.headline.push(" from packs, trash and index", Tone::Plain);
    }
    if report.log_in_use {
        page.next.push("Somebody reads the notebook, so its index may still hold traces: purge once more. ", Tone::Bad);
    }
    page.next.push("Copies of the notebook that were made before still hold them", Tone::Warn);
    count(&mut page.about, "purged_records", "", report.purged.len() as u64);
    count(&mut page.about, "rewritten_packs", "Packs rewritten", report.rewritten_packs);
    count(&mut page.about, "deleted_packs", "Packs deleted", report.deleted_packs);
    page
}

/// The page of a snapshot that was taken on its own.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SnapshotPage {
    /// The snapshot's id.
    pub snapshot: String,
    /// What was kept, in one sentence.
    pub headline: Line,
    /// Counts and sizes.
    pub about: Fields,
}

impl Blocks for SnapshotPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default().add("", Block::Line(&self.headline)).add("", Block::Fields(&self.about)).finish()
    }
}

/// The page of a snapshot.
pub fn snapshot(outcome: &SnapshotOutcome) -> SnapshotPage {
    let mut about = Fields::default();
    count(&mut about, "files_read", "Files read", outcome.files_read);
    size(&mut about, "stored_bytes", "Stored", outcome.stored_bytes);
    about.push("millis", "Took", Cell::plain(format::duration(outcome.millis)).with(outcome.millis));
    SnapshotPage { snapshot: outcome.id.to_string(), headline: coverage::sentence(&outcome.snapshot.coverage), about }
}
