//! What a restore is about to do, before it does it; and what it did.

use lab_engine::{RestoreOutcome, RestorePlan, RestoreStep, Written};
use lab_model::{Kind, RestoreKind};
use serde::Serialize;
use serde_json::Value;

use crate::block::{Block, Blocks, Section, Sections};
use crate::{Cell, Column, Fields, Line, Table, Tone, format};

/// A plan, ready to be shown.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RestorePage {
    /// What will happen, in one sentence.
    pub headline: Line,
    /// Which states, and how much space it takes.
    pub about: Fields,
    /// Every file that is created, changed or removed.
    pub steps: Table,
    /// Directories that stay and only get their mode or time back.
    pub directories: Vec<String>,
    /// The same in one sentence.
    pub directories_note: Line,
    /// What stays although the target lacks it.
    pub kept: Table,
    /// What cannot be brought back.
    pub unrestorable: Table,
}

impl Blocks for RestorePage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("", Block::Fields(&self.about))
            .add("Plan", Block::Table(&self.steps))
            .add("", Block::Line(&self.directories_note))
            .add("Stays as it is", Block::Table(&self.kept))
            .add("Cannot be brought back", Block::Table(&self.unrestorable))
            .finish()
    }
}

/// The page of a plan; `of` says what the target is, such as `brave-otter (k3f9)`.
pub fn page(plan: &RestorePlan, of: &str) -> RestorePage {
    let (silent, steps): (Vec<&RestoreStep>, Vec<&RestoreStep>) =
        plan.plan.steps.iter().partition(|step| is_silent(step));
    let count = |has_before: bool, has_after: bool| {
        steps.iter().filter(|step| step.before.is_some() == has_before && step.after.is_some() == has_after).count()
    };
    let (created, removed) = (count(false, true), count(true, false));
    let changed = steps.len() - created - removed;
    let directories: Vec<String> = silent.iter().map(|step| step.path.to_string()).collect();
    let mut directories_note = Line::default();
    if !directories.is_empty() {
        let count = format::count(directories.len() as u64, "directory");
        let names = format::some_of(&directories, 3);
        directories_note.push(format!("Mode or time of {count} too: {names}"), Tone::Muted);
    }
    RestorePage {
        directories,
        directories_note,
        headline: headline(plan, of, [created, changed, removed]),
        about: about(plan, of),
        steps: steps_table(&steps),
        kept: reasons(plan.plan.kept.iter().map(|kept| (kept.path.to_string(), tag(&kept.reason), kept.size))),
        unrestorable: reasons(
            plan.plan.unrestorable.iter().map(|lost| (lost.path.to_string(), tag(&lost.reason), lost.size)),
        ),
    }
}

/// Whether a step only sets mode or time of a directory that stays.
pub(crate) fn is_silent(step: &RestoreStep) -> bool {
    let is_directory = |kind| kind == Some(Kind::Directory);
    is_directory(step.before.as_ref().map(|state| state.kind))
        && is_directory(step.after.as_ref().map(|state| state.kind))
}

fn headline(plan: &RestorePlan, of: &str, counts: [usize; 3]) -> Line {
    let mut line = Line::default();
    if plan.plan.steps.is_empty() {
        line.push(format!("The files are already as in {of}"), Tone::Good);
    } else {
        let verb = match plan.kind {
            RestoreKind::Restore => "Restore",
            RestoreKind::Undo => "Undo: back to",
            RestoreKind::Redo => "Redo: forward to",
        };
        line.push(format!("{verb} {of}: "), Tone::Plain);
        let [created, changed, removed] = counts;
        let mut first = true;
        for (number, word, tone) in [
            (created, "created", Tone::Added),
            (changed, "changed", Tone::Changed),
            (removed, "removed", Tone::Removed),
        ] {
            if number > 0 {
                let comma = if first { "" } else { ", " };
                line.push(comma, Tone::Plain).push(format!("{} {word}", format::grouped(number as u64)), tone);
                first = false;
            }
        }
    }
    if !plan.plan.unrestorable.is_empty() {
        let number = format::count(plan.plan.unrestorable.len() as u64, "file");
        line.push(format!(" · {number} cannot be brought back"), Tone::Bad);
    }
    line
}

fn about(plan: &RestorePlan, of: &str) -> Fields {
    let mut fields = Fields::default();
    let root = lab_model::display_bytes(plan.project.root.as_bytes());
    fields.push("project", "Project", Cell::plain(root).with(plan.project.root.clone()));
    let run = plan.run.as_ref().map_or(Value::Null, |run| run.as_str().into());
    fields.push("run", "", Cell::none().with(run));
    let target = plan.target;
    fields.push("target", "Target", Cell::plain(format!("{of}, files {}", target.short(12))).with(target.to_string()));
    let before = Cell::plain(format!("kept as {} (`lab undo` brings it back)", plan.before.short(12)));
    fields.push("before", "Present state", before.with(plan.before.to_string()));
    let bytes = plan.plan.bytes_to_write;
    let enough = plan.free_bytes.is_none_or(|free| free > bytes);
    let free = plan.free_bytes.map(|free| format!(", {} free", format::bytes(free))).unwrap_or_default();
    let tone = if enough { Tone::Plain } else { Tone::Bad };
    fields.push("bytes_to_write", "To write", Cell::new(format!("{}{free}", format::bytes(bytes)), tone).with(bytes));
    fields
}

fn steps_table(steps: &[&RestoreStep]) -> Table {
    let mut table = Table::new(vec![
        Column::left("action", "Action", 0),
        Column::left("path", "Path", 0).shrinking(),
        Column::left("role", "Role", 1),
        Column::right("before_bytes", "Now", 2),
        Column::right("after_bytes", "Then", 2),
    ]);
    for step in steps {
        let before =
            step.before.as_ref().map(|state| (state.kind, state.role, state.size, state.content.hash(), &state.target));
        let after =
            step.after.as_ref().map(|state| (state.kind, state.role, state.size, state.content.hash(), &state.target));
        let action = match (&before, &after) {
            (None, _) => Cell::new("create", Tone::Added),
            (_, None) => Cell::new("remove", Tone::Removed),
            (Some(before), Some(after)) if (before.0, before.3, before.4) == (after.0, after.3, after.4) => {
                Cell::new("mode or time", Tone::Muted).with("metadata")
            }
            _ => Cell::new("change", Tone::Changed),
        };
        let [before_bytes, after_bytes] = [before, after].map(|state| match state {
            Some((Kind::File, _, size, ..)) => Cell::plain(format::bytes(size)).with(size),
            _ => Cell::none(),
        });
        let (is_directory, role) = match after.or(before) {
            Some((Kind::Directory, ..)) => (true, Cell::none()),
            Some((_, role, ..)) => (false, Cell::new(role.name(), Tone::Muted)),
            None => (false, Cell::none()),
        };
        let path = step.path.to_string();
        let shown = if is_directory { format!("{path}/") } else { path.clone() };
        let cells = vec![action, Cell::plain(shown).with(path.clone()), role, before_bytes, after_bytes];
        table.push(path, cells);
    }
    table
}

/// What a restore to a new directory could not bring back.
pub fn not_written(written: &Written) -> Table {
    reasons(written.unrestorable.iter().map(|lost| (lost.path.to_string(), tag(&lost.reason), lost.size)))
}

/// The `reason` of a tagged enum.
fn tag(reason: &impl Serialize) -> String {
    let value = serde_json::to_value(reason).unwrap_or_default();
    value["reason"].as_str().unwrap_or("unknown").to_owned()
}

fn reasons(items: impl Iterator<Item = (String, String, u64)>) -> Table {
    let mut table = Table::new(vec![
        Column::left("path", "Path", 0).shrinking(),
        Column::left("reason", "Why", 0).shrinking(),
        Column::right("size_bytes", "Size", 1),
    ]);
    for (path, reason, size) in items {
        let words = match reason.as_str() {
            "output" => "a run wrote it since; `--outputs` removes it too",
            "not-copied" => "its bytes are not in the notebook, so no undo could bring it back",
            "special" => "a FIFO, socket or device",
            "reserved" => "a place that no restore touches",
            "target" => "what should stand here cannot be brought back",
            "hashed" => "only its hash is in the notebook, and the file here is another or missing",
            "sampled" => "only size and samples are in the notebook",
            "missing" => "it was not kept",
            "sealed" => "it holds a secret and is sealed under a key that is not on this machine",
            "blocked" => "something that stays is in the way",
            "damaged" => "the notebook is damaged here; see `lab verify --deep`",
            other => other,
        };
        let size = if size == 0 { Cell::none() } else { Cell::plain(format::bytes(size)).with(size) };
        table.push(path.clone(), vec![Cell::plain(path), Cell::new(words, Tone::Warn).with(reason.as_str()), size]);
    }
    table
}

/// What a restore did.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DonePage {
    /// In one sentence.
    pub headline: Line,
    /// Record and counts.
    pub about: Fields,
    /// What was not done, and why.
    pub left: Table,
}

impl Blocks for DonePage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default().add("", Block::Line(&self.headline)).add("Not done", Block::Table(&self.left)).finish()
    }
}

/// The page of an outcome.
pub fn done(outcome: &RestoreOutcome, plan: &RestorePlan, of: &str) -> DonePage {
    let silent = plan.plan.steps.iter().filter(|step| is_silent(step)).count() as u64;
    let (created, changed, removed) = (outcome.created, outcome.changed.saturating_sub(silent), outcome.removed);
    let mut headline = Line::default();
    let (words, next) = match plan.kind {
        RestoreKind::Restore => (format!("The files are as in {of}"), "`lab undo` goes back"),
        RestoreKind::Undo => ("The files are as before".to_owned(), "`lab redo` restores again"),
        RestoreKind::Redo => ("The files are restored again".to_owned(), "`lab undo` goes back"),
    };
    headline.push(words, Tone::Good);
    headline.push(format!(": {created} created, {changed} changed, {removed} removed"), Tone::Plain);
    headline.push(format!(" · {next}"), Tone::Plain);
    let mut about = Fields::default();
    about.push("record", "Record", Cell::plain(outcome.record.short(12)).with(outcome.record.to_string()));
    for (key, label, number) in
        [("created", "Created", created), ("changed", "Changed", changed), ("removed", "Removed", removed)]
    {
        about.push(key, label, Cell::plain(number.to_string()).with(number));
    }
    let mut left = Table::new(vec![Column::left("what", "", 0).shrinking()]);
    for path in &outcome.conflicts {
        let words =
            format!("{path} changed meanwhile and stays; what it should be lies beside it as {path}.lab-conflict");
        left.push(path.to_string(), vec![Cell::new(words, Tone::Bad)]);
    }
    for words in &outcome.left {
        left.push(words.clone(), vec![Cell::new(lab_model::display_bytes(words.as_bytes()), Tone::Warn)]);
    }
    DonePage { headline, about, left }
}
