//! A small notebook with everything in it, made through the public interface.
use std::collections::BTreeMap;
use std::path::PathBuf;

use lab_model::*;
use lab_store::*;

pub const PROJECT: &str = "prj000000000";

pub struct Fixture {
    pub dir: tempfile::TempDir,
    pub notebook: Notebook,
    pub clock: i64,
    pub packs: u64,
}

/// Bytes that no compressor shrinks and that are the same each time.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub fn project() -> ProjectId {
    PROJECT.parse().unwrap()
}

pub fn run_id(number: u64) -> RunId {
    RunId::from_random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

pub fn key() -> SealKey {
    SealKey::new(&[42; 32])
}

pub fn options() -> Options {
    Options { wait_millis: 2000, ..Options::default() }
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(options())
    }

    pub fn with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notebook");
        let notebook = Notebook::create_with(&path, [7; 16], Time(1), options).unwrap();
        Self { dir, notebook, clock: 1000, packs: 0 }
    }

    pub fn path(&self) -> PathBuf {
        self.notebook.dir().to_owned()
    }

    pub fn tick(&mut self) -> Time {
        self.clock += 10;
        Time(self.clock)
    }

    pub fn pack_id(&mut self) -> [u8; 16] {
        self.packs += 1;
        *blake3::hash(&self.packs.to_le_bytes()).as_bytes().first_chunk().unwrap()
    }

    pub fn writer(&mut self) -> Writer {
        let id = self.pack_id();
        self.notebook.writer(id).unwrap()
    }

    pub fn reader(&self) -> Reader {
        self.notebook.reader().unwrap()
    }

    /// Commits some records in one batch.
    pub fn commit(&mut self, records: Vec<Record>) -> Result<Hash> {
        let time = self.tick();
        let id = self.pack_id();
        let mut writer = self.notebook.writer(id)?;
        for record in records {
            writer.append(record)?;
        }
        writer.commit(time)
    }

    /// Keeps `files` as a snapshot; paths have at most one directory.
    pub fn snapshot_records(&mut self, files: &[(&str, &[u8])]) -> (Hash, Vec<Record>) {
        let time = self.tick();
        snapshot_records(time, files)
    }

    /// A whole run: snapshot and start in one batch, then facts, then series, log and end.
    pub fn run(&mut self, number: u64, files: &[(&str, &[u8])]) -> RunId {
        self.try_run(number, files).unwrap()
    }

    pub fn try_run(&mut self, number: u64, files: &[(&str, &[u8])]) -> Result<RunId> {
        let mut encoder = Encoder::default();
        let (snapshot, mut records) = self.snapshot_records(files);
        let start = run_start(number, self.tick(), snapshot);
        records.push(encoder.json(RecordKind::RunStart, &start));
        self.commit(records)?;
        let facts = RunFacts {
            run: start.run.clone(),
            environment: Environment { cuda: Some(format!("12.{number}")), ..Environment::default() },
            machine: Machine::default(),
            git: None,
            missing: Vec::new(),
        };
        self.commit(vec![encoder.json(RecordKind::RunFacts, &facts)])?;
        let (end, mut records) = run_end(number, self.tick(), files);
        records.push(encoder.json(RecordKind::RunEnd, &end));
        self.commit(records)?;
        Ok(start.run)
    }

    pub fn edit(&mut self, run: &RunId, change: Change) {
        let edit = Edit::new(self.tick(), Target::Run(run.clone()), change);
        self.commit(vec![Encoder::default().json(RecordKind::Edit, &edit)]).unwrap();
    }

    /// Everything that a person can see, as text.
    pub fn told(&self) -> String {
        told(&self.reader())
    }

    pub fn verify(&self) -> VerifyReport {
        self.notebook.verify(true, Some(&key()), &mut |_, _| {}).unwrap()
    }

    #[track_caller]
    pub fn assert_clean(&self) {
        let report = self.verify();
        assert!(report.findings.is_empty(), "{:#?}", report.findings);
    }
}

pub fn entry(name: &str, kind: Kind) -> Entry {
    Entry {
        name: name.into(),
        kind,
        role: Role::Code,
        mode: if kind == Kind::Directory { 0o755 } else { 0o644 },
        size: 0,
        mtime: 1_700_000_000,
        mtime_nanos: 123_456_789,
        sparse: false,
        unsteady: false,
        content: Content::Missing,
        tree: None,
        target: Vec::new(),
    }
}

pub fn keep(bytes: &[u8], sealed: bool, records: &mut Vec<Record>) -> Content {
    let mut encoder = Encoder::default();
    if sealed {
        let record = encoder.seal(bytes, &key());
        let id = record.id();
        records.push(record);
        return Content::Sealed(id);
    }
    let large = encoder
        .large(&mut &bytes[..], &mut |record| {
            records.push(record);
            Ok(())
        })
        .unwrap();
    records.extend(large.recipe);
    Content::Copied(large.content)
}

pub fn snapshot_records(time: Time, files: &[(&str, &[u8])]) -> (Hash, Vec<Record>) {
    let mut records = Vec::new();
    let mut encoder = Encoder::default();
    let mut dirs: BTreeMap<&str, Tree> = BTreeMap::from([("", Tree::default())]);
    for (path, bytes) in files {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let content = keep(bytes, name.starts_with(".env"), &mut records);
        let file = Entry { content, size: bytes.len() as u64, ..entry(name, Kind::File) };
        dirs.entry(dir).or_default().entries.push(file);
    }
    let mut root = dirs.remove("").unwrap();
    for (name, mut tree) in dirs {
        tree.entries.sort_by(|a, b| a.name.cmp(&b.name));
        let record = encoder.tree(&tree);
        root.entries.push(Entry { tree: Some(record.id()), ..entry(name, Kind::Directory) });
        records.push(record);
    }
    root.entries.sort_by(|a, b| a.name.cmp(&b.name));
    let tree = encoder.tree(&root);
    let snapshot = Snapshot {
        project: project(),
        time,
        root: tree.id(),
        root_mode: 0o755,
        root_mtime: (1_700_000_000, 5),
        roles: [None; 4],
        coverage: Coverage::default(),
    };
    records.push(tree);
    let record = encoder.json(RecordKind::Snapshot, &snapshot);
    let id = record.id();
    records.push(record);
    (id, records)
}

pub fn run_start(number: u64, time: Time, snapshot: Hash) -> RunStart {
    RunStart {
        run: run_id(number),
        project: project(),
        name: format!("name-{number}"),
        origin: Origin::Run,
        argv: vec!["python".into(), "train.py".into()],
        cwd: RelPath::root(),
        time,
        snapshot: Some(snapshot),
        params: BTreeMap::from([("lr".into(), serde_json::json!(0.1 * number as f64))]),
        seeds: Vec::new(),
        inputs: Vec::new(),
        fingerprint: Fingerprint::default(),
        reason: None,
        tags: vec!["start".into()],
        supervisor: ProcessKey { pid: 1, start_ticks: 0, boot_id: String::new() },
        missing: Vec::new(),
    }
}

pub fn run_end(number: u64, time: Time, files: &[(&str, &[u8])]) -> (RunEnd, Vec<Record>) {
    let mut encoder = Encoder::default();
    let output = format!("output of run {number}");
    let mut all: Vec<(&str, &[u8])> = files.to_vec();
    all.push(("result.txt", output.as_bytes()));
    let (snapshot, mut records) = snapshot_records(time, &all);
    let points = (0..50).map(|step| Point { step, time, value: number as f64 / (step + 1) as f64 }).collect();
    let series = Series { key: "loss".into(), points };
    let summary = series.summary().unwrap();
    let series = encoder.body(RecordKind::Series, &series.encode());
    let log = encoder.body(RecordKind::Log, format!("log of run {number}: {}", "step ".repeat(50)).as_bytes());
    let end = RunEnd {
        run: run_id(number),
        time,
        status: Status::Done,
        exit_code: Some(0),
        signal: None,
        duration_millis: 5,
        failure: None,
        snapshot: Some(snapshot),
        outputs: vec![Output {
            path: RelPath::new(*b"result.txt").unwrap(),
            size_bytes: output.len() as u64,
            change: OutputChange::Created,
            content: Content::Copied(Hash::of(Domain::Content, output.as_bytes())),
        }],
        changed_inputs: Vec::new(),
        files: FilesUsed::default(),
        series: vec![SeriesRef { record: series.id(), summary }],
        params: Default::default(),
        log: LogSummary { records: vec![log.id()], lines: 1, bytes: 9, left_out_bytes: 0 },
        notebook: None,
        usage: Usage::default(),
        missing: Vec::new(),
    };
    records.extend([series, log]);
    (end, records)
}

/// Everything that a person can see, as text: lists, states, files.
pub fn told(reader: &Reader) -> String {
    let query = RunQuery { include_hidden: true, include_removed: true, ..RunQuery::default() };
    let mut text = String::new();
    let mut say = |line: String| text = format!("{text}{line}\n");
    let rows = reader.runs(&query);
    say(format!("{rows:?}"));
    for row in rows.unwrap_or_default() {
        say(format!("{:?}", reader.facts(&row.start.run)));
        let end = row.end.as_ref();
        for series in end.map(|end| &end.series[..]).unwrap_or_default() {
            say(format!("{:?}", reader.series(&series.record)));
        }
        for log in end.map(|end| &end.log.records[..]).unwrap_or_default() {
            say(format!("{:?}", reader.read(log, None)));
        }
        for snapshot in [row.start.snapshot, end.and_then(|end| end.snapshot)].into_iter().flatten() {
            say(files_of(reader, snapshot));
        }
    }
    say(format!("{:?}", reader.projects()));
    say(format!("{:?}", reader.restores(&project())));
    say(format!("{:?}", reader.snapshots(&project())));
    say(format!("{:?}", reader.produced(&project())));
    say(format!("{:?}", reader.open_runs()));
    text
}

/// A snapshot's files as text.
pub fn files_of(reader: &Reader, snapshot: Hash) -> String {
    let snapshot = match reader.snapshot(&snapshot) {
        Ok(snapshot) => snapshot,
        Err(error) => return format!("{error:?}"),
    };
    let mut text = format!("{snapshot:?}\n");
    let mut stack = vec![(RelPath::root(), snapshot.root)];
    while let Some((dir, id)) = stack.pop() {
        let tree = match reader.tree(&id) {
            Ok(tree) => tree,
            Err(error) => {
                text += &format!("{dir}: {error:?}\n");
                continue;
            }
        };
        for entry in tree.entries {
            let path = dir.join(&entry.name).unwrap();
            text += &format!("{path} {entry:?}\n");
            if let Some(tree) = entry.tree {
                stack.push((path, tree));
            } else if entry.content.is_restorable() {
                let mut hasher = Hasher::new(Domain::Content);
                let copied = reader.copy_content(&entry.content, Some(&key()), &mut |bytes| {
                    hasher.update(bytes);
                    Ok(())
                });
                text += &format!("{copied:?} {}\n", hasher.finish());
            }
        }
    }
    text
}
