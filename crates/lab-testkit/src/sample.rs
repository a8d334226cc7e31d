//! A small notebook that is the same every time, written through the store without any process: for tests of
//! pages, sessions and painters.

use std::collections::BTreeMap;
use std::path::Path;

use lab_engine::EngineConfig;
use lab_model::{
    Change, Domain, Edit, Failure, Fingerprint, Hash, LogSummary, NoteKind, Origin, Point, ProcessKey, Project,
    ProjectId, RelPath, RunEnd, RunId, RunStart, Series, SeriesRef, Status, Target, Time, Usage,
};
use lab_store::{Encoder, Notebook, RecordKind, Writer};
use serde_json::json;

/// The moment at which it is looked at: 2026-11-21 12:00:00 UTC, in milliseconds since 1970.
pub const NOW_MILLIS: i64 = crate::CLOCK_MILLIS;

/// A notebook with the projects `penguins` (twelve runs: four learning rates by three seeds, one of them failed) and
/// `weather` (one run), in a temporary directory.
pub struct Sample {
    directory: tempfile::TempDir,
    /// The project with most runs.
    pub project: Project,
}

const NAMES: [&str; 12] = [
    "calm-lynx",
    "brave-otter",
    "tidy-heron",
    "keen-acorn",
    "fair-cliff",
    "noble-fjord",
    "merry-comet",
    "eager-maple",
    "honest-wren",
    "amber-ridge",
    "quiet-delta",
    "swift-birch",
];

impl Default for Sample {
    fn default() -> Self {
        Self::new()
    }
}

impl Sample {
    /// Writes the notebook.
    ///
    /// # Panics
    /// When the directory for temporary files cannot be written.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("lab-sample-").tempdir().expect("a temporary directory");
        let notebook = Notebook::create(&directory.path().join("notebook"), [1; 16], Time(NOW_MILLIS - 86_400_000));
        let mut writer = notebook.expect("a new notebook").writer([2; 16]).expect("a writer");
        let mut encoder = Encoder::default();
        let project = |number: u64, name: &str| Project {
            id: ProjectId::from_random(number),
            name: name.to_owned(),
            root: format!("/home/ada/{name}"),
            time: Time(NOW_MILLIS - 86_400_000),
        };
        let (penguins, weather) = (project(7, "penguins"), project(8, "weather"));
        for project in [&penguins, &weather] {
            append(&mut writer, encoder.json(RecordKind::Project, project));
        }
        for number in 0..12 {
            run(&mut writer, &mut encoder, &penguins, number);
        }
        run(&mut writer, &mut encoder, &weather, 12);
        writer.commit(Time(NOW_MILLIS)).expect("a commit");
        Self { directory, project: penguins }
    }

    /// The temporary directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What an engine or a session is started with: the clock stands at [`NOW_MILLIS`] and goes on a second at every
    /// look.
    pub fn config(&self) -> EngineConfig {
        crate::config(&self.path().join("notebook"), NOW_MILLIS)
    }
}

fn append(writer: &mut Writer, record: lab_store::Record) {
    writer.append(record).expect("a record");
}

fn run(writer: &mut Writer, encoder: &mut Encoder, project: &Project, number: usize) {
    let rate = [0.1, 0.03, 0.01, 0.003][number / 3 % 4];
    let seed = number % 3;
    let print = |text: String| Some(Hash::of(Domain::Fingerprint, text.as_bytes()));
    let start = RunStart {
        run: RunId::from_random((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        project: project.id.clone(),
        name: NAMES.get(number).map_or_else(|| format!("storm-{number}"), |name| (*name).to_owned()),
        origin: Origin::Run,
        argv: vec!["python".into(), "train.py".into(), format!("--lr={rate}"), format!("--seed={seed}")],
        cwd: RelPath::root(),
        time: Time(NOW_MILLIS - (13 - number as i64) * 3_600_000),
        snapshot: None,
        params: [("lr".to_owned(), json!(rate)), ("seed".to_owned(), json!(seed))].into(),
        seeds: Vec::new(),
        inputs: Vec::new(),
        fingerprint: Fingerprint {
            code: print(format!("code {}", number / 6)),
            config: print(format!("{rate} {seed}")),
            data: print(project.name.clone()),
            environment: print("environment".into()),
        },
        reason: None,
        tags: if number.is_multiple_of(3) { vec!["baseline".into()] } else { Vec::new() },
        supervisor: ProcessKey { pid: 1, start_ticks: 1, boot_id: "another".into() },
        missing: Vec::new(),
    };
    let failed = number == 4;
    let mut series = Vec::new();
    for (key, falls) in [("acc", false), ("val/loss", true)] {
        let point = |step: usize| {
            let part = 1.0 - 0.6_f64.powi(step as i32 + 1);
            let good = 0.6 + 0.03 * (number / 3) as f64 + 0.004 * seed as f64;
            let value = if falls { 2.0 - part * good * 1.5 } else { part * good };
            Point { step: step as i64, time: Time(start.time.0 + step as i64 * 1000), value }
        };
        let points = (0..if failed { 3 } else { 16 }).map(point).collect();
        let found = Series { key: key.to_owned(), points };
        let record = encoder.body(RecordKind::Series, &found.encode());
        let summary = found.summary().expect("because there are points");
        series.push(SeriesRef { record: record.id(), summary });
        append(writer, record);
    }
    let duration_millis = 60_000 * (number as u64 + 1);
    let end = RunEnd {
        run: start.run.clone(),
        time: Time(start.time.0 + duration_millis.cast_signed()),
        status: if failed { Status::Failed } else { Status::Done },
        exit_code: Some(i32::from(failed)),
        signal: None,
        duration_millis,
        failure: failed.then(|| Failure {
            title: "ValueError: shapes do not match".into(),
            text: "Traceback (most recent call last):\n  File \"train.py\", line 10\nValueError: shapes do not match"
                .into(),
        }),
        snapshot: None,
        outputs: Vec::new(),
        changed_inputs: Vec::new(),
        series,
        log: LogSummary::default(),
        files: Default::default(),
        notebook: None,
        params: BTreeMap::new(),
        usage: Usage::default(),
        missing: Vec::new(),
    };
    append(writer, encoder.json(RecordKind::RunStart, &start));
    append(writer, encoder.json(RecordKind::RunEnd, &end));
    let change = match number {
        2 => Change::Star { on: true },
        10 => Change::Note { kind: NoteKind::Outcome, text: "Better than the baseline, keep".into() },
        _ => return,
    };
    let edit = Edit::new(end.time, Target::Run(start.run), change);
    append(writer, encoder.json(RecordKind::Edit, &edit));
}
