//! What verify, rebuild, gc, purge and snapshot have to say.

use lab_engine::{GcReport, PurgeReport, RebuildReport, SnapshotOutcome, VerifyReport};
use serde::Serialize;

use crate::block::{Block, Blocks, Section, Sections};
use crate::{Cell, Column, Fields, Line, Table, Tone, coverage, format};

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
    pub notes: Vec<String>,
    /// What to do next.
    pub next: Line,
}

impl Blocks for ReportPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("", Block::Fields(&self.about))
            .add("Findings", Block::Table(&self.findings))
            .add("", Block::Line(&self.next))
            .finish()
    }
}

fn count(fields: &mut Fields, key: &str, label: &str, number: u64) {
    fields.push(key, label, Cell::plain(format::grouped(number)).with(number));
}

fn size(fields: &mut Fields, key: &str, label: &str, bytes: u64) {
    fields.push(key, label, Cell::plain(format::bytes(bytes)).with(bytes));
}

/// The words of a variant's name and fields: `Record(Checksum)` is `record: checksum`.
fn words(variant: impl std::fmt::Debug) -> String {
    let name = format!("{variant:?}");
    let mut words = String::new();
    let mut quoted = false;
    let mut before = ' ';
    for c in name.chars() {
        quoted ^= c == '"';
        match c {
            _ if quoted => words.push(c),
            '(' => words.push_str(": "),
            '{' => words.push(':'),
            ')' | '}' | '"' => {}
            '_' => words.push(' '),
            _ if c.is_uppercase() => {
                if before.is_alphanumeric() {
                    words.push(' ');
                }
                words.extend(c.to_lowercase());
            }
            _ => words.push(c),
        }
        before = c;
    }
    words.replace(" :", ":").replace('"', "").trim().to_owned()
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
            let what = Cell::new(lab_model::display_bytes(words(&finding.what).as_bytes()), Tone::Bad);
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
        notes: report.notes.iter().map(words).collect(),
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
    count(&mut page.about, "packs", "Packs", report.packs);
    count(&mut page.about, "records", "Records", report.records);
    size(&mut page.about, "bytes", "Read", report.bytes);
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
    count(&mut page.about, "packs", "Packs", report.packs);
    count(&mut page.about, "records", "Records", report.records);
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
    if report.retired_packs > 0 {
        page.next.push("What was dropped waits in the trash and goes after the grace period", Tone::Muted);
    }
    if report.trash_kept {
        page.next.push("The trash was kept: the rest of the notebook is not whole, see `lab verify`", Tone::Bad);
    }
    count(&mut page.about, "live_records", "Records needed", report.live_records);
    count(&mut page.about, "removed_records", "Records dropped", report.removed_records);
    size(&mut page.about, "removed_bytes", "Their size", report.removed_bytes);
    count(&mut page.about, "retired_packs", "Packs to the trash", report.retired_packs);
    count(&mut page.about, "deleted_packs", "Packs deleted", report.deleted_packs);
    size(&mut page.about, "deleted_bytes", "Their size", report.deleted_bytes);
    page
}

/// The page of a purge.
pub fn purge(report: &PurgeReport) -> ReportPage {
    let mut page = ReportPage::default();
    let records = format::count(report.purged.len() as u64, "record");
    page.headline.push(format!("{records} gone for good"), Tone::Good);
    page.headline.push(" from packs, trash and index", Tone::Plain);
    if report.log_in_use {
        page.next.push("Somebody reads the notebook, so its index may still hold traces: purge once more. ", Tone::Bad);
    }
    page.next.push("Copies of the notebook that were made before still hold them", Tone::Warn);
    count(&mut page.about, "purged_records", "Records purged", report.purged.len() as u64);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variants_become_words() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "only the names are looked at")]
        enum Trouble {
            PackMissing,
            Record(&'static str),
            Dangling { needed_by: u8 },
        }
        assert_eq!(words(Trouble::PackMissing), "pack missing");
        assert_eq!(words(Trouble::Record("A b")), "record: A b");
        assert_eq!(words(Trouble::Dangling { needed_by: 3 }), "dangling: needed by: 3");
    }
}
