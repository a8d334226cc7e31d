//! A small notebook written without running anything: every byte of it is fixed, so that pages of it can be compared
//! with what is committed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lab_model::{
    Change, Content, Coverage, Domain, Edit, Failure, FilesUsed, Fingerprint, Hash, LogSummary, NoteKind, Origin,
    Point, ProcessKey, Project, ProjectId, RelPath, Role, RunEnd, RunId, RunStart, Seed, Series, SeriesRef, Snapshot,
    Status, Target, Time, Tree, Usage,
};
use lab_store::{DEFAULT_LEVEL, Encoder, Notebook, RecordKind, Writer};
use serde_json::json;

use crate::CLOCK_MILLIS;

/// The project and the runs of a [`small_notebook`].
pub struct Small {
    pub(crate) directory: tempfile::TempDir,
    /// The one project, `classifier`.
    pub project: Project,
    /// `still-pond`, `calm-lynx`, `brave-otter` and `loud-heron`, the oldest first: a base, another learning rate and
    /// changed code, another seed, and one that failed.
    pub runs: Vec<RunId>,
}

impl Small {
    /// The notebook's directory; it goes when this goes.
    pub fn notebook(&self) -> PathBuf {
        self.directory.path().join("notebook")
    }

    /// The project's folder, which is there for a [`small_project`].
    pub fn folder(&self) -> PathBuf {
        PathBuf::from(&self.project.root)
    }

    /// Adds a run that goes on as long as this process does, and gives its id.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn add_running(&self) -> RunId {
        let read = |path: &str| std::fs::read_to_string(path).expect("what the system says of this process");
        let stat = read("/proc/self/stat");
        // The name in brackets may hold blanks; the start is the twentieth word after it.
        let word = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19));
        let supervisor = ProcessKey {
            pid: std::process::id().cast_signed(),
            start_ticks: word.and_then(|word| word.parse().ok()).expect("the start of this process"),
            boot_id: read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
        };
        let notebook = Notebook::open(&self.notebook()).expect("the notebook");
        let mut writer = notebook.writer([9; 16]).expect("a writer");
        let mut encoder = Encoder::new(DEFAULT_LEVEL);
        let start = RunStart {
            run: RunId::from_random(0x0fed_cba9_8765_4321),
            project: self.project.id.clone(),
            name: "long-river".to_owned(),
            origin: Origin::Run,
            argv: vec!["python".to_owned(), "train.py".to_owned()],
            cwd: RelPath::root(),
            time: Time(CLOCK_MILLIS - MINUTE_MILLIS),
            snapshot: None,
            params: BTreeMap::new(),
            seeds: Vec::new(),
            inputs: Vec::new(),
            fingerprint: Fingerprint::default(),
            reason: None,
            tags: Vec::new(),
            supervisor,
            missing: Vec::new(),
        };
        append(&mut writer, encoder.json(RecordKind::RunStart, &start));
        writer.commit(Time(CLOCK_MILLIS)).expect("a commit");
        start.run
    }
}

const NAMES: [&str; 4] = ["still-pond", "calm-lynx", "brave-otter", "loud-heron"];
const MINUTE_MILLIS: i64 = 60_000;
/// Lines of each log.
pub const LOG_LINES: usize = 500;

/// Makes a notebook with a project and four runs in a temporary directory. The runs started in the hour before [`CLOCK_MILLIS`].
///
/// # Panics
/// When it cannot be written.
pub fn small_notebook() -> Small {
    small(None)
}

/// The same with the project's folder on this machine: `config.yaml` is not as in any run, `train.py` is as in none but
/// the first, `todo.txt` is in none.
///
/// # Panics
/// When it cannot be written.
pub fn small_project() -> Small {
    let directory = tempfile::Builder::new().prefix("lab-test-").tempdir().expect("a temporary directory");
    let made = small(Some(directory));
    let files = [("config.yaml", "epochs: 1\n"), ("train.py", "print('draft')\n"), ("todo.txt", "sleep\n")];
    std::fs::create_dir_all(made.folder()).expect("the project's folder");
    for (name, text) in files {
        std::fs::write(made.folder().join(name), text).expect("a file of the project");
    }
    made
}

fn small(with_folder: Option<tempfile::TempDir>) -> Small {
    let root = with_folder.as_ref().map(|directory| directory.path().join("classifier").display().to_string());
    let new = || tempfile::Builder::new().prefix("lab-test-").tempdir().expect("a temporary directory");
    let directory = with_folder.unwrap_or_else(new);
    let notebook =
        Notebook::create(&directory.path().join("notebook"), [7; 16], Time(CLOCK_MILLIS)).expect("a new notebook");
    let mut writer = notebook.writer([8; 16]).expect("a writer");
    let mut encoder = Encoder::new(DEFAULT_LEVEL);
    let project = Project {
        id: ProjectId::from_random(1),
        name: "classifier".to_owned(),
        root: root.unwrap_or_else(|| "/home/ada/classifier".to_owned()),
        time: Time(CLOCK_MILLIS - 60 * MINUTE_MILLIS),
    };
    append(&mut writer, encoder.json(RecordKind::Project, &project));
    let runs = (0..NAMES.len()).map(|place| run(&project, place, &mut writer, &mut encoder)).collect();
    writer.commit(Time(CLOCK_MILLIS)).expect("a commit");
    Small { directory, project, runs }
}

fn append(writer: &mut Writer, record: lab_store::Record) -> Hash {
    let id = record.id();
    writer.append(record).expect("a record that fits");
    id
}

fn run(project: &Project, place: usize, writer: &mut Writer, encoder: &mut Encoder) -> RunId {
    let (rate, seed) = ([0.1, 0.01, 0.01, 0.01][place], [1, 1, 2, 1][place]);
    let (snapshot, fingerprint) = snapshot(project, place, rate, writer, encoder);
    let start = RunStart {
        run: RunId::from_random(0x1234_5678_9abc_def0 ^ ((place as u64) << 58)),
        project: project.id.clone(),
        name: NAMES[place].to_owned(),
        origin: Origin::Run,
        argv: ["python", "train.py", "--lr", &rate.to_string(), "--seed", &seed.to_string()].map(str::to_owned).into(),
        cwd: RelPath::root(),
        time: Time(CLOCK_MILLIS - (40 - 10 * place as i64) * MINUTE_MILLIS),
        snapshot: Some(snapshot),
        params: BTreeMap::from([
            ("epochs".to_owned(), json!(40)),
            ("lr".to_owned(), json!(rate)),
            ("seed".to_owned(), json!(seed)),
        ]),
        seeds: vec![Seed { name: "seed".into(), value: json!(seed), source: "argument".into() }],
        inputs: Vec::new(),
        fingerprint,
        reason: (place == 1).then(|| "Is a smaller learning rate steadier?".to_owned()),
        tags: if place == 0 { vec!["baseline".to_owned()] } else { Vec::new() },
        supervisor: ProcessKey { pid: 1, start_ticks: 1, boot_id: "another".into() },
        missing: Vec::new(),
    };
    let end = end(place, &start, writer, encoder);
    append(writer, encoder.json(RecordKind::RunStart, &start));
    append(writer, encoder.json(RecordKind::RunEnd, &end));
    if place == 2 {
        let text = "Steadier, and better by a point.\nKeep it.".to_owned();
        let change = Change::Note { kind: NoteKind::Outcome, text };
        let time = Time(end.time.0 + MINUTE_MILLIS);
        append(writer, encoder.json(RecordKind::Edit, &Edit::new(time, Target::Run(start.run.clone()), change)));
    }
    start.run
}

fn snapshot(
    project: &Project,
    place: usize,
    rate: f64,
    writer: &mut Writer,
    encoder: &mut Encoder,
) -> (Hash, Fingerprint) {
    let step = if place == 0 { "rate * gradient" } else { "rate * gradient / (1 + epoch)" };
    let code = format!(
        "import sys\n\n\ndef train(rate, epochs):\n    \"\"\"Fits the model.\"\"\"\n    weights = [0.0] * 8\n    \
         for epoch in range(epochs):\n        gradient = slope(weights)\n        weights -= {step}\n    return weights\n"
    );
    let config = format!("# How it is trained.\nepochs: 40\nlr: {rate}\n");
    let mut tree = Tree::default();
    for (name, text, role) in [("config.yaml", &config, Role::Config), ("train.py", &code, Role::Code)] {
        let content = Content::Copied(append(writer, encoder.chunk(text.as_bytes())));
        let mtime = CLOCK_MILLIS / 1000 - 86_400;
        tree.entries.push(crate::file_entry(name, role, text.len(), content, mtime));
    }
    let root = append(writer, encoder.tree(&tree));
    let print = |text: &str| Some(Hash::of(Domain::Fingerprint, text.as_bytes()));
    let fingerprint = Fingerprint { code: print(&code), config: print(&config), data: None, environment: None };
    let snapshot = Snapshot {
        project: project.id.clone(),
        time: Time(CLOCK_MILLIS - (41 - 10 * place as i64) * MINUTE_MILLIS),
        root,
        root_mode: 0o755,
        root_mtime: (CLOCK_MILLIS / 1000 - 86_400, 0),
        roles: [fingerprint.code, fingerprint.config, None, None],
        coverage: Coverage { copied_files: 2, copied_bytes: (code.len() + config.len()) as u64, ..Coverage::default() },
    };
    (append(writer, encoder.json(RecordKind::Snapshot, &snapshot)), fingerprint)
}

fn end(place: usize, start: &RunStart, writer: &mut Writer, encoder: &mut Encoder) -> RunEnd {
    let failed = place == 3;
    let steps = if failed { 10 } else { 40 };
    let mut series = Vec::new();
    let curve = |step: i64, falls: bool| {
        let progress = 1.0 - (-(step as f64) / (14.0 - 4.0 * place as f64).max(4.0)).exp();
        if falls { 2.0 - 1.9 * progress } else { 0.5 + (0.4 + 0.02 * place as f64) * progress }
    };
    for (key, falls) in [("acc", false), ("loss", true)] {
        let point = |step: i64| Point { step, time: Time(start.time.0 + step * 1000), value: curve(step, falls) };
        let found = Series { key: key.to_owned(), points: (0..steps).map(point).collect() };
        let record = append(writer, encoder.body(RecordKind::Series, &found.encode()));
        series.push(SeriesRef { record, summary: found.summary().expect("because there are points") });
    }
    let mut log = String::new();
    for line in 0..LOG_LINES {
        let (stream, text) = match line {
            3 => ("err", "a warning: the data is small".to_owned()),
            _ => ("out", format!("\\u001b[32mINFO\\u001b[0m epoch {line} loss={:.3}", curve(line as i64, true))),
        };
        log += &format!("{{\"t\":{},\"s\":\"{stream}\",\"x\":\"{text}\"}}\n", line * 100);
    }
    let bytes = log.len() as u64;
    // Two records, so that a window may lie across their border.
    let (first, second) = log.split_at(log.match_indices('\n').nth(LOG_LINES / 2).map_or(0, |(at, _)| at + 1));
    let records = [first, second].map(|part| append(writer, encoder.body(RecordKind::Log, part.as_bytes()))).into();
    let text = "Traceback (most recent call last):\n  File \"train.py\", line 9, in train\n    weights -= rate\n\
                ValueError: shapes do not match";
    let failure = Failure { title: "ValueError: shapes do not match".to_owned(), text: text.to_owned() };
    let log = LogSummary { records, lines: LOG_LINES as u64, bytes, left_out_bytes: 0 };
    let usage = Usage { user_seconds: 90.0, system_seconds: 2.0, peak_memory_bytes: 1 << 30 };
    RunEnd { usage, ..run_end(start, failed.then_some(failure), series, log) }
}

/// The end of a run that took 95 seconds and left no files.
pub(crate) fn run_end(start: &RunStart, failure: Option<Failure>, series: Vec<SeriesRef>, log: LogSummary) -> RunEnd {
    const DURATION_MILLIS: u32 = 95_000;
    RunEnd {
        run: start.run.clone(),
        time: Time(start.time.0 + i64::from(DURATION_MILLIS)),
        status: if failure.is_some() { Status::Failed } else { Status::Done },
        exit_code: Some(i32::from(failure.is_some())),
        signal: None,
        duration_millis: DURATION_MILLIS.into(),
        failure,
        snapshot: None,
        outputs: Vec::new(),
        changed_inputs: Vec::new(),
        files: FilesUsed::default(),
        series,
        params: BTreeMap::new(),
        log,
        notebook: None,
        usage: Usage::default(),
        missing: Vec::new(),
    }
}
