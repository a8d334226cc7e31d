//! A notebook full of text that means harm: to terminals, to layouts, to readers.

use lab_model::{
    Change, Content, Coverage, Domain, Edit, Environment, Failure, Fingerprint, GitState, Hash, LogSummary, Machine,
    NoteKind, Origin, Package, Point, ProcessKey, Project, ProjectId, RelPath, Role, RunEnd, RunFacts, RunId, RunStart,
    Seed, Series, SeriesRef, Snapshot, Target, Time, Tree,
};
use lab_store::{DEFAULT_LEVEL, Encoder, Notebook, Record, RecordKind, Writer};
use serde_json::json;

use crate::notebook::run_end;
use crate::{CLOCK_MILLIS, Small};

/// Texts that a terminal could take for commands, that turn or hide what is read, or that take more or less room
/// than they have letters.
pub const TEXTS: [&str; 14] = [
    "red\u{1b}[31m",
    "title\u{1b}]0;owned\u{7}",
    "clip\u{1b}]52;c;aGk=\u{7}",
    "csi8\u{9b}2J",
    "bell\u{7}back\u{8}\u{8}",
    "line\r\nfeed\u{b}\u{c}",
    "bidi\u{202e}gpj.exe\u{2066}x\u{2069}",
    "zero\u{200b}\u{200d}\u{feff}width",
    "wide漢字かな한글",
    "marks e\u{301}\u{301}\u{301}\u{301}Z\u{338}\u{322}",
    "family👩‍👩‍👧‍👦 flag🇩🇪",
    "nul\u{0}del\u{7f}",
    "quote\"' $(reboot) `x` %s {}",
    "\u{2028}\u{2029}separators",
];

/// A line that is longer than anybody wants to read.
const LONG_BYTES: usize = 1_000_000;

struct Scribe {
    writer: Writer,
    encoder: Encoder,
}

impl Scribe {
    fn keep(&mut self, record: Record) -> Hash {
        let id = record.id();
        self.writer.append(record).expect("a record that fits");
        id
    }
}

/// A notebook in which every text is one of [`TEXTS`], or very long: names of projects, runs, files, parameters and
/// metrics, commands, tags, notes, logs, failures, packages, branches.
///
/// # Panics
/// When it cannot be written.
pub fn hostile_notebook() -> Small {
    let directory = tempfile::Builder::new().prefix("lab-test-").tempdir().expect("a temporary directory");
    let place = directory.path().join("notebook");
    let notebook = Notebook::create(&place, [7; 16], Time(CLOCK_MILLIS)).expect("a new notebook");
    let writer = notebook.writer([8; 16]).expect("a writer");
    let mut scribe = Scribe { writer, encoder: Encoder::new(DEFAULT_LEVEL) };
    let folder = directory.path().join(TEXTS[..7].concat().replace(['\0', '/'], ""));
    std::fs::create_dir(&folder).expect("the project's folder");
    std::fs::write(folder.join(TEXTS[6]), "x".repeat(LONG_BYTES)).expect("a file of the project");
    let project = Project {
        id: ProjectId::from_random(1),
        name: TEXTS.concat(),
        root: folder.display().to_string(),
        time: Time(CLOCK_MILLIS - 3_600_000),
    };
    let record = scribe.encoder.json(RecordKind::Project, &project);
    scribe.keep(record);
    let runs = (0..4).map(|place| run(&project, place, &mut scribe)).collect();
    scribe.writer.commit(Time(CLOCK_MILLIS)).expect("a commit");
    Small { directory, project, runs }
}

fn run(project: &Project, place: usize, scribe: &mut Scribe) -> RunId {
    let (snapshot, fingerprint) = snapshot(project, place, scribe);
    let named =
        |what: &str| TEXTS.iter().enumerate().map(|(place, text)| format!("{what}{place}{text}")).collect::<Vec<_>>();
    let start = RunStart {
        run: RunId::from_random(0x1234_5678_9abc_def0 ^ ((place as u64) << 58)),
        project: project.id.clone(),
        name: TEXTS.iter().cycle().skip(place * 4).take(14).copied().collect(),
        origin: Origin::Run,
        argv: named("word"),
        cwd: RelPath::root(),
        time: Time(CLOCK_MILLIS - (40 - 10 * place as i64) * 60_000),
        snapshot: Some(snapshot),
        params: named("p").into_iter().map(|key| (key, json!(format!("{place}{}", TEXTS.concat())))).collect(),
        seeds: vec![Seed { name: TEXTS[0].into(), value: json!(TEXTS[6]), source: TEXTS[2].into() }],
        inputs: Vec::new(),
        fingerprint,
        reason: Some(format!("# {}\n**{}** {}", TEXTS[6], TEXTS[0], "x".repeat(LONG_BYTES))),
        tags: named("t"),
        supervisor: ProcessKey { pid: 1, start_ticks: 1, boot_id: "another".into() },
        missing: named("m"),
    };
    let end = end(place, &start, scribe);
    let facts = RunFacts {
        run: start.run.clone(),
        environment: Environment {
            packages: named("p")
                .into_iter()
                .map(|name| Package { name, version: TEXTS[1].into(), source: Some(TEXTS[3].into()) })
                .collect(),
            variables: named("V").into_iter().map(|name| (name, TEXTS.concat())).collect(),
            ..Environment::default()
        },
        machine: Machine { host: TEXTS[0].into(), os: TEXTS[6].into(), cpu: TEXTS[10].into(), ..Machine::default() },
        git: Some(GitState { branch: Some(TEXTS.concat()), remote: Some(TEXTS[2].into()), ..GitState::default() }),
        missing: named("m"),
    };
    let mut records = vec![
        scribe.encoder.json(RecordKind::RunStart, &start),
        scribe.encoder.json(RecordKind::RunFacts, &facts),
        scribe.encoder.json(RecordKind::RunEnd, &end),
    ];
    for text in TEXTS {
        let text = format!("# {text}\n\n**{text}** `{text}`\n- {text}\n");
        let change = Change::Note { kind: NoteKind::Outcome, text };
        let edit = Edit::new(end.time, Target::Run(start.run.clone()), change);
        records.push(scribe.encoder.json(RecordKind::Edit, &edit));
    }
    for record in records {
        scribe.keep(record);
    }
    start.run
}

fn snapshot(project: &Project, place: usize, scribe: &mut Scribe) -> (Hash, Fingerprint) {
    let mut tree = Tree::default();
    let mut names: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.replace(['\0', '/'], "").into_bytes()).collect();
    names.push(b"invalid\xff\xfe\xc3.py".to_vec());
    names.push(b"train.py".to_vec());
    names.sort();
    for name in names {
        let text = format!("gradient = {place}\n{}\n{}\n", TEXTS.join("\n"), "y".repeat(LONG_BYTES / 10));
        let record = scribe.encoder.chunk(text.as_bytes());
        let content = Content::Copied(scribe.keep(record));
        let mtime = CLOCK_MILLIS / 1000 - 86_400;
        tree.entries.push(crate::file_entry(name, Role::Code, text.len(), content, mtime));
    }
    let record = scribe.encoder.tree(&tree);
    let root = scribe.keep(record);
    let print = |text: String| Some(Hash::of(Domain::Fingerprint, text.as_bytes()));
    let fingerprint = Fingerprint { code: print(format!("{place}")), ..Fingerprint::default() };
    let snapshot = Snapshot {
        project: project.id.clone(),
        time: Time(CLOCK_MILLIS - 3_000_000),
        root,
        root_mode: 0o755,
        root_mtime: (CLOCK_MILLIS / 1000, 0),
        roles: [fingerprint.code, None, None, None],
        coverage: Coverage { copied_files: tree.entries.len() as u64, ..Coverage::default() },
    };
    let record = scribe.encoder.json(RecordKind::Snapshot, &snapshot);
    (scribe.keep(record), fingerprint)
}

fn end(place: usize, start: &RunStart, scribe: &mut Scribe) -> RunEnd {
    let mut series = Vec::new();
    for (number, text) in TEXTS.iter().enumerate() {
        let point =
            |step: i64| Point { step, time: Time(start.time.0 + step * 1000), value: (step + place as i64) as f64 };
        let found = Series { key: format!("val/{number}{text}"), points: (0..20).map(point).collect() };
        let record = scribe.encoder.body(RecordKind::Series, &found.encode());
        series.push(SeriesRef {
            record: scribe.keep(record),
            summary: found.summary().expect("because there are points"),
        });
    }
    let long = format!("{}{}", "漢".repeat(1000), "x".repeat(LONG_BYTES));
    let lines = TEXTS.into_iter().chain([long.as_str(), "bytes \u{fffd}\u{fffd}"]);
    let line = |text: &str| format!("{}\n", json!({"t": 1, "s": "out", "x": text}));
    let log: String = lines.map(line).collect();
    let record = scribe.encoder.body(RecordKind::Log, log.as_bytes());
    let records = vec![scribe.keep(record)];
    let failure = (place == 3).then(|| Failure { title: TEXTS.concat(), text: TEXTS.join("\n") });
    let log = LogSummary { records, lines: 16, bytes: log.len() as u64, left_out_bytes: 0 };
    RunEnd { missing: TEXTS.map(str::to_owned).into(), ..run_end(start, failure, series, log) }
}
