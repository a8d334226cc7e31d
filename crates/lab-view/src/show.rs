//! One run: what changed since the last comparable one, whether it helped, and everything that is
//! known of it.

use lab_engine::watch::Same;
use lab_engine::{Error, ErrorKind, Reader, Result, RunRow};
use lab_model::{
    Environment, Machine, NoteKind, Output, OutputChange, Role, RunFacts, RunId, Status, Summary, Time, note,
};
use serde::Serialize;
use serde_json::Value;

use crate::block::{Block, Blocks, Section, Sections};
use crate::format::{self, Moment};
use crate::runs::{duration_cell, fingerprint, status_cell};
use crate::{Cell, Chips, Column, Fields, Line, Prose, Table, Tone, changes, coverage, lineage, metrics, suspects};

/// Which run, and when it is read.
#[derive(Clone, PartialEq, Debug)]
pub struct Key {
    /// The run.
    pub run: RunId,
    /// When it is read.
    pub moment: Moment,
}

/// One run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RunPage {
    /// What changed since the last comparable run, and did it help?
    pub headline: Line,
    /// The traceback of a failed run.
    pub failure: Prose,
    /// Names, command, times.
    pub about: Fields,
    /// The four chips against the base run.
    pub fingerprint: Line,
    /// What changed since the base run, ranked by how the main metric moved earlier when it changed.
    pub suspects: Table,
    /// What changed, by machine-readable name.
    pub chips: Chips,
    /// What the run was to find out, what came of it, other notes.
    pub notes: Table,
    /// Parameters and seeds, with the base run's value where it differs.
    pub params: Table,
    /// Metrics.
    pub metrics: Table,
    /// What it took of the machine.
    pub machine_use: Table,
    /// Files that the run wrote.
    pub outputs: Table,
    /// How many files it read and wrote.
    pub files: Line,
    /// Inputs that lie outside the snapshot.
    pub inputs: Table,
    /// What was kept.
    pub coverage: Line,
    /// Software.
    pub environment: Fields,
    /// Hardware.
    pub machine: Fields,
    /// What Git said.
    pub git: Fields,
    /// What could not be recorded.
    pub missing: Table,
}

impl Blocks for RunPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("Failure", Block::Prose(&self.failure))
            .add("Run", Block::Fields(&self.about))
            .add("Against the base run", Block::Line(&self.fingerprint))
            .add("Suspects", Block::Table(&self.suspects))
            .add("Notes", Block::Table(&self.notes))
            .add("Metrics", Block::Table(&self.metrics))
            .add("Parameters", Block::Table(&self.params))
            .add("Outputs", Block::Table(&self.outputs))
            .add("Inputs and outputs", Block::Line(&self.files))
            .add("Use", Block::Table(&self.machine_use))
            .add("Inputs outside the snapshot", Block::Table(&self.inputs))
            .add("Kept", Block::Line(&self.coverage))
            .add("Environment", Block::Fields(&self.environment))
            .add("Machine", Block::Fields(&self.machine))
            .add("Git", Block::Fields(&self.git))
            .add("Not recorded", Block::Table(&self.missing))
            .finish()
    }
}

/// Reads the page.
///
/// # Errors
/// [`ErrorKind::Missing`] when there is no such run, and those of the reader.
pub fn load(reader: &Reader, key: &Key) -> Result<RunPage> {
    let row =
        reader.run(&key.run)?.ok_or_else(|| Error::new(ErrorKind::Missing, format!("There is no run {}", key.run)))?;
    let base = reader.base_of(&row)?;
    let facts = reader.facts(&key.run)?;
    let summaries = reader.summaries(&row)?;
    let base_summaries = base.as_ref().map(|base| reader.summaries(base)).transpose()?.unwrap_or_default();
    let snapshot = row.start.snapshot.map(|snapshot| reader.snapshot(&snapshot)).transpose()?;
    let failure = row.end.as_ref().and_then(|end| end.failure.as_ref());
    let chips = Chips::of(&fingerprint(&row), base.as_ref().map(fingerprint).as_ref());
    Ok(RunPage {
        headline: headline(reader, &row, base.as_ref())?,
        // The echo of a Ctrl-C is no traceback.
        failure: Prose(
            failure.map(|failure| failure.text.clone()).filter(|text| text.trim() != "^C").unwrap_or_default(),
        ),
        about: about(reader, &row, base.as_ref(), &key.moment)?,
        fingerprint: if chips.first { Line::default() } else { chips.line() },
        suspects: base
            .as_ref()
            .map(|base| suspects::of_main_metric(reader, base, &row))
            .transpose()?
            .unwrap_or_default(),
        chips,
        notes: notes(&row, &key.moment),
        params: params(&row, base.as_ref()),
        metrics: metrics::table(&summaries, &base_summaries),
        machine_use: metrics::machine_use(&summaries),
        outputs: outputs(row.end.as_ref().map_or(&[], |end| &end.outputs)),
        files: row.end.as_ref().map(|end| lineage::counts(&end.files)).unwrap_or_default(),
        inputs: inputs(&row),
        coverage: snapshot.map(|snapshot| coverage::sentence(&snapshot.coverage)).unwrap_or_default(),
        environment: facts.as_ref().map(|facts| environment(&facts.environment)).unwrap_or_default(),
        machine: facts.as_ref().map(|facts| machine(&facts.machine)).unwrap_or_default(),
        git: facts.as_ref().map(git).unwrap_or_default(),
        missing: missing(&row, facts.as_ref()),
    })
}

/// What changed since the base run, and did it help? `code changed since calm-lynx: train.py ·
/// acc 0.93 (+0.02, better)`.
///
/// # Errors
/// Those of the reader.
pub fn headline(reader: &Reader, row: &RunRow, base: Option<&RunRow>) -> Result<Line> {
    let mut line = Line::default();
    let status = reader.standing(row);
    match failure_title(row) {
        Some(title) => {
            line.push(format!("{} · ", lab_model::display_bytes(title.as_bytes())), Tone::Bad);
        }
        None if status == Status::Done => {}
        None => {
            line.push(format!("{} · ", status.name()), status_cell(status).tone);
        }
    }
    let summaries = reader.summaries(row)?;
    let Some(base) = base else {
        line.push("first run of this command here", Tone::Plain);
        effect(&mut line, &summaries, &[]);
        return Ok(line);
    };
    let name = lab_model::display_bytes(base.name.as_bytes());
    let what = what_changed(reader, row, base)?;
    if what.is_empty() {
        line.push(format!("same code, config, data and environment as {name}"), Tone::Plain);
    } else {
        for (place, (aspect, detail)) in what.iter().enumerate() {
            let before = if place == 0 { "" } else { ", " };
            line.push(format!("{before}{aspect}"), Tone::Changed);
            if !detail.is_empty() {
                line.push(format!(" ({detail})"), Tone::Plain);
            }
        }
        line.push(format!(" changed since {name}"), Tone::Plain);
    }
    effect(&mut line, &summaries, &reader.summaries(base)?);
    Ok(line)
}

/// What an earlier run of the very same came to: `same as calm-lynx, finished 2 h ago, acc 0.93`.
///
/// # Errors
/// Those of the reader.
pub fn same(reader: &Reader, same: &Same, now: Time) -> Result<Line> {
    let row = &same.row;
    let name = lab_model::display_bytes(row.name.as_bytes());
    let like = if same.is_identical { "same as" } else { "last attempt:" };
    let mut line = Line::of(format!("{like} {name}"), Tone::Muted);
    let ended = row.end.as_ref().map_or(row.start.time, |end| end.time);
    let age = Moment::utc(now).age(ended);
    if row.status() == Status::Done {
        line.push(format!(", finished {age}"), Tone::Muted);
        if let Some(main) = metrics::main_metric(&reader.summaries(row)?) {
            let key = lab_model::display_bytes(main.key.as_bytes());
            line.push(format!(", {key} {}", metrics::cell(main.last).text), Tone::Muted);
        }
    } else {
        line.push(format!(", which failed {age}"), Tone::Muted);
        if let Some(title) = failure_title(row) {
            line.push(format!(": {}", lab_model::display_bytes(title.as_bytes())), Tone::Muted);
        }
    }
    Ok(line)
}

/// How a run failed, in one line: the signal that ended it, or what it said itself.
pub(crate) fn failure_title(row: &RunRow) -> Option<String> {
    let end = row.end.as_ref()?;
    match end.signal {
        Some(signal) => Some(format!("killed by {}", signal_name(signal))),
        None => end.failure.as_ref().map(|failure| failure.title.clone()),
    }
}

/// The signals that end programs in practice.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT (Ctrl-C)",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL (memory used up, or somebody's kill)",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

fn effect(line: &mut Line, summaries: &[Summary], base: &[Summary]) {
    let Some(main) = metrics::main_metric(summaries) else { return };
    let key = lab_model::display_bytes(main.key.as_bytes());
    line.push(format!(" · {key} {}", metrics::cell(main.last).text), Tone::Plain);
    if let Some(before) = base.iter().find(|before| before.key == main.key) {
        let change = metrics::change(&main.key, before.last, main.last);
        if before.last == main.last {
            line.push(", unchanged", Tone::Plain);
        } else {
            line.push(format!(" ({})", change.text), change.tone);
        }
    }
}

/// The aspects that differ, each with a few names.
fn what_changed(reader: &Reader, row: &RunRow, base: &RunRow) -> Result<Vec<(&'static str, String)>> {
    let files = changes::files(reader, base.start.snapshot.as_ref(), row.start.snapshot.as_ref())?;
    let (params, _) = lab_model::diff::maps(&base.start.params, &row.start.params);
    let chips = Chips::of(&fingerprint(row), Some(&fingerprint(base)));
    let mut found = Vec::new();
    for aspect in chips.changed {
        let names = match aspect {
            crate::Aspect::Code => changes::paths(&files, Role::Code),
            crate::Aspect::Data => changes::paths(&files, Role::Data),
            crate::Aspect::Config if params.is_empty() => changes::paths(&files, Role::Config),
            crate::Aspect::Config => {
                let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "unset".to_owned(), format::value);
                let one = |diff: &lab_model::diff::KeyDiff<Value>| {
                    let key = lab_model::display_bytes(diff.key.as_bytes());
                    format!("{key} {} → {}", value(&diff.left), value(&diff.right))
                };
                params.iter().map(one).collect()
            }
            crate::Aspect::Environment => environment_changes(reader, row, base)?,
        };
        let word = if aspect == crate::Aspect::Environment { "environment" } else { aspect.name() };
        found.push((word, format::some_of(&names, 3)));
    }
    Ok(found)
}

/// `six 1.15.0 → 1.16.0`, packages before interpreter and variables.
fn environment_changes(reader: &Reader, row: &RunRow, base: &RunRow) -> Result<Vec<String>> {
    let (Some(left), Some(right)) = (reader.facts(&base.start.run)?, reader.facts(&row.start.run)?) else {
        return Ok(Vec::new());
    };
    let (left, right) = (changes::software(&left.environment), changes::software(&right.environment));
    let name = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let one = |diff: lab_model::diff::KeyDiff<String>| {
        let words = format!("{} {} → {}", diff.key, name(diff.left), name(diff.right));
        lab_model::display_bytes(words.trim_start().as_bytes())
    };
    let (packages, _) = lab_model::diff::maps(&left.packages, &right.packages);
    let (others, _) = lab_model::diff::maps(&left.others, &right.others);
    Ok(packages.into_iter().chain(others).map(one).collect())
}

fn text(text: &str) -> Cell {
    Cell::plain(lab_model::display_bytes(text.as_bytes()))
}

fn about(reader: &Reader, row: &RunRow, base: Option<&RunRow>, moment: &Moment) -> Result<Fields> {
    let start = &row.start;
    let mut fields = Fields::default();
    fields.push("name", "Name", text(&row.name).tone(Tone::Accent).with(row.name.clone()));
    fields.push("id", "Id", Cell::plain(start.run.as_str()));
    let status = status_cell(reader.standing(row));
    let how = row.end.as_ref().and_then(|end| match (end.signal, end.exit_code) {
        (Some(signal), _) => Some(format!(" by {}", signal_name(signal))),
        (_, Some(code)) if code != 0 => Some(format!(", exit code {code}")),
        _ => None,
    });
    let status = Cell { text: format!("{}{}", status.text, how.unwrap_or_default()), ..status };
    fields.push("status", "Status", status);
    fields.push("command", "Command", Cell::plain(format::command(&start.argv)).with(start.argv.clone()));
    let directory = if start.cwd.is_root() { ".".to_owned() } else { start.cwd.to_string() };
    let project = reader.project(&start.project)?;
    if let Some(project) = &project {
        fields.push("project", "Project", text(&project.name));
    }
    fields.push("directory", "Directory", Cell::plain(directory));
    let started = format!("{} ({})", moment.exact(start.time), moment.age(start.time));
    fields.push("started", "Started", Cell::plain(started).with(format::stamp(start.time)));
    fields.push("duration_millis", "Took", duration_cell(row, moment));
    if let Some(end) = &row.end {
        let usage = &end.usage;
        let cpu = usage.user_seconds + usage.system_seconds;
        if cpu > 0.0 {
            let cell = Cell::plain(format::duration((cpu * 1000.0) as u64)).with((cpu * 1000.0) as u64);
            fields.push("cpu_millis", "CPU time", cell);
        }
        if usage.peak_memory_bytes > 0 {
            let cell = Cell::plain(format::bytes(usage.peak_memory_bytes)).with(usage.peak_memory_bytes);
            fields.push("peak_memory_bytes", "Peak memory", cell);
        }
        fields.push("exit_code", "", Cell::none().with(end.exit_code));
        if let Some(notebook) = &end.notebook {
            fields.push("cells", "Cells", Cell::plain(notebook.cells.to_string()).with(notebook.cells));
            let order = (!notebook.out_of_order.is_empty()).then(|| {
                let words = notebook.out_of_order.join("; ");
                let is_order = words.contains(" ran cell ");
                let words = if is_order { format!("cells ran out of order: {words}") } else { words };
                Cell::new(words, Tone::Warn).with(notebook.out_of_order.clone())
            });
            fields.push_some("out_of_order", "Order", order);
        }
        let log = format!("{}, {}", format::count(end.log.lines, "line"), format::bytes(end.log.bytes));
        fields.push("log_lines", "Log", Cell::plain(log).with(end.log.lines));
    }
    let tags = (!row.tags.is_empty()).then(|| Cell::new(row.tags.join(" "), Tone::Accent).with(row.tags.clone()));
    fields.push_some("tags", "Tags", tags);
    let marks: Vec<&str> = [(row.starred, "starred"), (row.hidden, "hidden"), (row.removed, "removed")]
        .into_iter()
        .filter_map(|(on, word)| on.then_some(word))
        .collect();
    fields.push_some("marks", "Marks", (!marks.is_empty()).then(|| Cell::plain(marks.join(", ")).with(marks)));
    fields.push_some("base", "Base run", base.map(|base| text(&base.name).with(base.start.run.as_str())));
    let hash = start.snapshot.map(|snapshot| Cell::new(snapshot.short(12), Tone::Muted).with(snapshot.to_string()));
    fields.push_some("snapshot", "Snapshot", hash);
    Ok(fields)
}

fn notes(row: &RunRow, moment: &Moment) -> Table {
    let mut table = Table::new(vec![
        Column::left("kind", "Kind", 0),
        Column::left("text", "Text", 0).shrinking(),
        Column::left("time", "When", 1),
    ]);
    let mut add = |kind: &str, words: &str, time: Time| {
        let when = Cell::new(moment.age(time), Tone::Muted).with(format::stamp(time));
        table.push(kind, vec![Cell::new(kind, Tone::Muted), text(&note::without_places(words)).with(words), when]);
    };
    if let Some(reason) = &row.start.reason {
        add("reason", reason, row.start.time);
    }
    for (time, kind, words) in &row.notes {
        let kind = match kind {
            NoteKind::Reason => "reason",
            NoteKind::Outcome => "outcome",
            NoteKind::Note => "note",
        };
        add(kind, words, *time);
    }
    table
}

fn params(row: &RunRow, base: Option<&RunRow>) -> Table {
    let mut table = Table::new(vec![
        Column::left("name", "Parameter", 0).shrinking(),
        Column::left("value", "Value", 0).shrinking(),
        Column::left("base", "Base run", 1).shrinking(),
        Column::left("source", "Source", 2).shrinking(),
    ]);
    for (key, value) in &row.start.params {
        let before = base.map(|base| base.start.params.get(key));
        let (cell, tone) = match before {
            Some(Some(before)) if before != value => {
                (Cell::new(format::value(before), Tone::Muted).with(before.clone()), Tone::Changed)
            }
            Some(None) => (Cell::new("unset", Tone::Muted).with(Value::Null), Tone::Added),
            _ => (Cell::none(), Tone::Plain),
        };
        let value = Cell::new(format::value(value), tone).with(value.clone());
        table.push(key.clone(), vec![text(key).tone(Tone::Accent).with(key.clone()), value, cell, Cell::none()]);
    }
    for seed in row.start.seeds.iter().filter(|seed| !row.start.params.contains_key(&seed.name)) {
        let value = Cell::plain(format::value(&seed.value)).with(seed.value.clone());
        let source = text(&seed.source).tone(Tone::Muted);
        table.push(seed.name.clone(), vec![text(&seed.name).tone(Tone::Accent), value, Cell::none(), source]);
    }
    for place in [2, 3] {
        if table.rows.iter().all(|row| row.cells[place].text.is_empty()) {
            table.columns[place].priority = Column::HIDDEN;
        }
    }
    table
}

/// Files that a run wrote.
pub fn outputs(outputs: &[Output]) -> Table {
    let mut table = Table::new(vec![
        Column::left("change", "Change", 0),
        Column::left("path", "Path", 0).shrinking(),
        Column::right("size_bytes", "Size", 0),
        Column::left("kept", "Kept", 1),
    ]);
    for output in outputs {
        let change = match output.change {
            OutputChange::Created => Cell::new("created", Tone::Added),
            OutputChange::Changed => Cell::new("changed", Tone::Changed),
            OutputChange::Removed => Cell::new("removed", Tone::Removed),
        };
        let kept =
            if output.change == OutputChange::Removed { Cell::none() } else { crate::files::kept(&output.content) };
        let size = Cell::plain(format::bytes(output.size_bytes)).with(output.size_bytes);
        let path = output.path.to_string();
        table.push(path.clone(), vec![change, Cell::plain(path), size, kept]);
    }
    table
}

fn inputs(row: &RunRow) -> Table {
    let mut table = Table::new(vec![
        Column::left("path", "Path", 0).shrinking(),
        Column::right("files", "Files", 1),
        Column::right("size_bytes", "Size", 0),
        Column::left("kept", "Known by", 1),
    ]);
    for input in &row.start.inputs {
        let size = Cell::plain(format::bytes(input.size_bytes)).with(input.size_bytes);
        let files = Cell::plain(format::grouped(input.files)).with(input.files);
        table.push(
            input.path.clone(),
            vec![text(&input.path).with(input.path.clone()), files, size, crate::files::kept(&input.content)],
        );
    }
    table
}

pub(crate) fn environment(environment: &Environment) -> Fields {
    let mut fields = Fields::default();
    if let Some(interpreter) = &environment.interpreter {
        let words = format!("{} {} ({})", interpreter.language, interpreter.version, interpreter.manager);
        fields.push("interpreter", "Interpreter", text(&words));
        fields.push("interpreter_path", "Path", text(&interpreter.path).tone(Tone::Muted));
    }
    if !environment.packages.is_empty() {
        let packages: std::collections::BTreeMap<_, _> =
            environment.packages.iter().map(|package| (package.name.as_str(), package.version.as_str())).collect();
        let count = format::count(environment.packages.len() as u64, "package");
        let value = serde_json::to_value(packages).unwrap_or_default();
        fields.push("packages", "Packages", Cell::plain(count).with(value));
    }
    for lock in &environment.locks {
        let drift = if lock.drift.is_empty() {
            Cell::plain(format!("pins {}", format::count(lock.packages as u64, "package")))
        } else {
            let names = format::some_of(&lock.drift, 3);
            let drift = format!("{} not as installed: {names}", format::count(lock.drift.len() as u64, "pin"));
            Cell::new(lab_model::display_bytes(drift.as_bytes()), Tone::Warn)
        };
        fields.push(&format!("lock {}", lock.path), &lab_model::display_bytes(lock.path.as_bytes()), drift);
    }
    for (name, value) in &environment.variables {
        fields.push(name, &lab_model::display_bytes(name.as_bytes()), text(value));
    }
    fields.push_some("cuda", "CUDA", environment.cuda.as_deref().map(text));
    fields
}

pub(crate) fn machine(machine: &Machine) -> Fields {
    let mut fields = Fields::default();
    let some = |words: &str| (!words.is_empty()).then(|| text(words));
    fields.push_some("host", "Host", some(&machine.host));
    fields.push_some("os", "System", some(&machine.os));
    fields.push_some("kernel", "Kernel", some(&machine.kernel));
    let cpu = format!("{}, {}", machine.cpu, format::count(u64::from(machine.cores), "core"));
    fields.push_some("cpu", "CPU", (!machine.cpu.is_empty()).then(|| text(&cpu)));
    let memory = Cell::plain(format::bytes(machine.memory_bytes)).with(machine.memory_bytes);
    fields.push_some("memory_bytes", "Memory", (machine.memory_bytes > 0).then_some(memory));
    let gpus: Vec<String> =
        machine.gpus.iter().map(|gpu| format!("{} {}", gpu.name, format::bytes(gpu.memory_bytes))).collect();
    fields.push_some("gpus", "GPUs", (!gpus.is_empty()).then(|| text(&gpus.join(", ")).with(gpus)));
    fields.push_some("gpu_driver", "GPU driver", machine.gpu_driver.as_deref().map(text));
    fields.push_some("libc", "C library", some(&machine.libc));
    fields.push_some("container", "Container", some(&machine.container.join(", ")));
    fields
}

pub(crate) fn git(facts: &RunFacts) -> Fields {
    let mut fields = Fields::default();
    let Some(git) = &facts.git else { return fields };
    let short = |commit: &str| Cell::plain(commit.get(..10).unwrap_or(commit)).with(commit);
    fields.push_some("commit", "Commit", git.commit.as_deref().map(short));
    fields.push_some("branch", "Branch", git.branch.as_deref().map(text));
    fields.push_some("remote", "Remote", git.remote.as_deref().map(text));
    let state = match git.dirty {
        Some(true) => Cell::new(
            format!("{} changed, {} untracked", format::count(git.changed_files, "file"), git.untracked_files),
            Tone::Changed,
        )
        .with(true),
        Some(false) if git.untracked_files > 0 => {
            Cell::plain(format!("as committed, {} untracked", format::count(git.untracked_files, "file"))).with(false)
        }
        Some(false) => Cell::plain("as committed").with(false),
        None => Cell::none(),
    };
    fields.push("dirty", "Files", state);
    fields
}

fn missing(row: &RunRow, facts: Option<&RunFacts>) -> Table {
    let mut table = Table::new(vec![Column::left("what", "", 0).shrinking()]);
    let facts = facts.iter().flat_map(|facts| &facts.missing);
    let end = row.end.iter().flat_map(|end| &end.missing);
    for words in row.start.missing.iter().chain(facts).chain(end) {
        table.push(words.clone(), vec![text(words).tone(Tone::Warn)]);
    }
    for path in row.end.iter().flat_map(|end| &end.changed_inputs) {
        let words = format!("{path} changed while the run went on; by whom is not known");
        table.push(path.to_string(), vec![Cell::new(words, Tone::Warn)]);
    }
    table
}
