//! What the runs are: a small image classifier trained over and over, in sweeps that repeat every
//! setting with five seeds.

use std::collections::BTreeMap;

use lab_model::{
    Content, Coverage, Domain, Environment, Failure, Fingerprint, GitState, Hash, Interpreter, LogSummary, Machine,
    Origin, Package, Point, ProcessKey, ProjectId, RelPath, Role, RunEnd, RunFacts, RunId, RunStart, Seed, Series,
    SeriesRef, Snapshot, Status, Summary, Time, Tree, Usage, name_from_seed,
};
use lab_store::{Encoder, RecordKind, Writer};
use lab_testkit::file_entry;
use serde_json::{Value, json};

/// Different curves of each metric, from the worst to the best.
pub const CURVES: u64 = 500;
/// Versions of the code of each project.
pub const VERSIONS: u64 = 50;
/// Runs that differ in nothing but the seed.
const SEEDS: u64 = 5;
/// Names of projects.
pub const PROJECTS: [&str; 4] = ["image-classifier", "language-model", "weather-forecast", "robot-arm"];
/// The logs: of a run that ends well, of one that fails, of one that is killed.
pub const LOGS: [&str; 3] = [
    "{\"t\":12,\"s\":\"out\",\"x\":\"loading data\"}\n{\"t\":900,\"s\":\"out\",\"x\":\"epoch 1: loss=2.1 acc=0.31\"}\n\
     {\"t\":1800,\"s\":\"out\",\"x\":\"epoch 2: loss=1.4 acc=0.52\"}\n",
    "{\"t\":12,\"s\":\"out\",\"x\":\"loading data\"}\n{\"t\":400,\"s\":\"err\",\"x\":\"ValueError: shapes do not match\"}\n",
    "{\"t\":12,\"s\":\"out\",\"x\":\"loading data\"}\n",
];
const PARAMS: [&str; 12] = [
    "lr",
    "seed",
    "batch_size",
    "model.depth",
    "model.width",
    "model.dropout",
    "optim.name",
    "optim.weight_decay",
    "optim.momentum",
    "data.path",
    "epochs",
    "augment",
];
const METRICS: [&str; 10] =
    ["val/acc", "val/loss", "acc", "loss", "epoch", "val/f1", "grad_norm", "lr_now", "throughput", "sys/memory_bytes"];

/// What to make.
#[derive(Clone)]
pub struct Settings {
    pub runs: u64,
    pub params: u64,
    pub metrics: u64,
    pub points: u64,
    pub series_points: u64,
    pub series_runs: u64,
    pub projects: u64,
    /// The newest run starts just before, milliseconds since 1970.
    pub now: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            runs: 1000,
            params: 20,
            metrics: 20,
            points: 10,
            series_points: 0,
            series_runs: 0,
            projects: 4,
            now: 1_795_262_400_000,
        }
    }
}

/// The experiment with what its runs share.
pub struct Experiment {
    pub settings: Settings,
    pub snapshots: Vec<(Hash, Fingerprint)>,
    pub curves: Vec<Vec<(Hash, Summary)>>,
    pub logs: Vec<Hash>,
}

/// A number that looks like chance (SplitMix64).
pub fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Experiment {
    pub fn new(settings: Settings) -> Self {
        Self { settings, snapshots: Vec::new(), curves: Vec::new(), logs: Vec::new() }
    }

    pub fn project(&self, number: u64) -> ProjectId {
        ProjectId::from_random(mixed(number ^ 0xa11ce))
    }

    fn project_of(&self, number: u64) -> u64 {
        // Whole sweeps belong to one project, and the first project has most of them.
        (mixed(number / (SEEDS * 20)) % (self.settings.projects * 2)).saturating_sub(self.settings.projects)
    }

    /// Keeps a version of a project's files; gives the snapshot and its fingerprint.
    pub fn snapshot(
        &self,
        project: u64,
        version: u64,
        writer: &mut Writer,
        encoder: &mut Encoder,
    ) -> (Hash, Fingerprint) {
        let code = format!(
            "import json, sys\n\nVERSION = {version}\n\n\ndef schedule(step):\n    return 0.5 ** (step / {})\n\n\n\
             def train(settings):\n    model = build(settings, project={project})\n    for step in range(settings[\"epochs\"]):\n\
             \x20       model.fit(schedule(step))\n    return model\n",
            100 + version * 10
        );
        let config = format!("epochs: 30\naugment: true\nversion: {}\n", version / 10);
        let mut tree = Tree::default();
        for (name, text, role) in [("config.yaml", &config, Role::Config), ("train.py", &code, Role::Code)] {
            let record = encoder.chunk(text.as_bytes());
            let content = Content::Copied(record.id());
            writer.append(record).unwrap();
            let mtime = self.settings.now / 1000 - 86_400;
            tree.entries.push(file_entry(name, role, text.len(), content, mtime));
        }
        let root = encoder.tree(&tree);
        let print = |text: &str| Some(Hash::of(Domain::Fingerprint, text.as_bytes()));
        let data = print(&format!("data of {project}"));
        let fingerprint = Fingerprint { code: print(&code), config: print(&config), data, environment: None };
        let snapshot = Snapshot {
            project: self.project(project),
            time: Time(self.settings.now - 299 * 86_400_000 + version as i64),
            root: root.id(),
            root_mode: 0o755,
            root_mtime: (self.settings.now / 1000 - 86_400, 0),
            roles: [fingerprint.code, fingerprint.config, None, None],
            coverage: Coverage {
                copied_files: 2,
                copied_bytes: (code.len() + config.len()) as u64,
                ..Coverage::default()
            },
        };
        writer.append(root).unwrap();
        let record = encoder.json(RecordKind::Snapshot, &snapshot);
        let id = record.id();
        writer.append(record).unwrap();
        (id, fingerprint)
    }

    fn metric(&self, metric: u64) -> String {
        METRICS.get(metric as usize).map_or_else(|| format!("aux/m{metric:02}"), |name| (*name).to_owned())
    }

    /// A curve of a metric: it approaches its final value, which is better for a higher quality.
    pub fn curve(&self, metric: u64, quality: u64) -> Series {
        let key = self.metric(metric);
        let quality_share = quality as f64 / CURVES as f64;
        let falls = Summary::smaller_is_better(&key);
        let point = |step: u64| {
            let progress = 1.0 - (-4.0 * (step + 1) as f64 / self.settings.points as f64).exp();
            let noise = (mixed(metric << 40 ^ quality << 20 ^ step) % 1000) as f64 / 50_000.0;
            let value = match key.as_str() {
                "epoch" => (step + 1) as f64,
                "sys/memory_bytes" => 1e9 + quality_share * 1e9,
                _ if falls => 2.5 - progress * (1.0 + quality_share) + noise,
                _ => 0.1 + progress * (0.5 + 0.38 * quality_share) - noise,
            };
            Point { step: step as i64, time: Time(self.settings.now + step as i64 * 1000), value }
        };
        Series { key: key.clone(), points: (0..self.settings.points.max(1)).map(point).collect() }
    }

    pub fn long_series(&self, number: u64, start: Time) -> Series {
        let point = |step: u64| {
            let trend = 2.0 * (-3.0 * step as f64 / self.settings.series_points as f64).exp();
            let noise = (mixed(number << 32 ^ step) % 10_000) as f64 / 50_000.0;
            Point { step: step as i64, time: Time(start.0 + step as i64), value: trend + noise }
        };
        Series { key: "train/step_loss".into(), points: (0..self.settings.series_points).map(point).collect() }
    }

    fn params(&self, number: u64) -> BTreeMap<String, Value> {
        let (group, seed) = (number / SEEDS, number % SEEDS);
        let pick = |salt: u64, count: u64| mixed(group ^ salt << 48) % count;
        let value = |name: &str| match name {
            "lr" => json!([0.1, 0.03, 0.01, 0.003, 0.001, 0.0003][pick(1, 6) as usize]),
            "seed" => json!(seed),
            "batch_size" => json!(32 << pick(2, 4)),
            "model.depth" => json!(2 + pick(3, 6)),
            "model.width" => json!(64 << pick(4, 4)),
            "model.dropout" => json!(pick(5, 6) as f64 / 10.0),
            "optim.name" => json!(["adam", "sgd", "adamw", "lion"][pick(6, 4) as usize]),
            "optim.weight_decay" => json!([0.0, 0.01, 0.1][pick(7, 3) as usize]),
            "optim.momentum" => json!(0.9),
            "data.path" => json!(format!("data/v{}", pick(8, 3))),
            "epochs" => json!(self.settings.points),
            "augment" => json!(pick(9, 2) == 1),
            _ => json!(pick(name.bytes().map(u64::from).sum(), 1000) as f64 / 1000.0),
        };
        let name = |param: u64| {
            PARAMS.get(param as usize).map_or_else(|| format!("extra.p{param:02}"), |name| (*name).to_owned())
        };
        (0..self.settings.params).map(name).map(|name| (name.clone(), value(&name))).collect()
    }

    pub fn start(&self, number: u64) -> RunStart {
        let project = self.project_of(number);
        let version = (number * VERSIONS / self.settings.runs.max(1)).min(VERSIONS - 1);
        let (snapshot, files) = self.snapshots[(project * VERSIONS + version) as usize];
        let params = self.params(number);
        let config = format!("{:?}{params:?}", files.config);
        let step = 299 * 86_400_000 / self.settings.runs.max(1) as i64;
        let script = if mixed(number / 100).is_multiple_of(5) { "eval.py" } else { "train.py" };
        let mut argv = vec!["python".to_owned(), script.to_owned()];
        for name in ["lr", "seed", "batch_size", "model.depth", "optim.name"] {
            argv.extend(params.get(name).map(|value| match value {
                Value::String(text) => format!("--{name}={text}"),
                value => format!("--{name}={value}"),
            }));
        }
        let mut tags = Vec::new();
        if (number / SEEDS).is_multiple_of(50) {
            tags.push("baseline".to_owned());
        }
        if (number / SEEDS).is_multiple_of(7) {
            tags.push("sweep".to_owned());
        }
        RunStart {
            run: RunId::from_random(mixed(number ^ 0x0e5)),
            project: self.project(project),
            name: format!("{}-{number}", name_from_seed(mixed(number))),
            origin: Origin::Run,
            argv,
            cwd: RelPath::root(),
            time: Time(self.settings.now - (self.settings.runs - number) as i64 * step),
            snapshot: Some(snapshot),
            seeds: vec![Seed { name: "seed".into(), value: json!(number % SEEDS), source: "argument".into() }],
            params,
            inputs: Vec::new(),
            fingerprint: Fingerprint { config: Some(Hash::of(Domain::Fingerprint, config.as_bytes())), ..files },
            reason: number.is_multiple_of(40).then(|| "Does a deeper model help?".to_owned()),
            tags,
            supervisor: ProcessKey { pid: 1, start_ticks: 1, boot_id: "another".into() },
            missing: Vec::new(),
        }
    }

    pub fn facts(&self, number: u64, start: &RunStart) -> RunFacts {
        let month = number * 10 / self.settings.runs.max(1);
        let package = |name: &str, version: String| Package { name: name.into(), version, source: None };
        RunFacts {
            run: start.run.clone(),
            environment: Environment {
                interpreter: Some(Interpreter {
                    language: "python".into(),
                    version: "3.11.2".into(),
                    path: "/usr/bin/python3.11".into(),
                    manager: "venv".into(),
                    prefix: None,
                }),
                packages: vec![
                    package("numpy", format!("2.{month}.0")),
                    package("pyyaml", "6.0.2".into()),
                    package("torch", format!("2.{}.1", month / 3)),
                ],
                ..Environment::default()
            },
            machine: Machine {
                host: format!("node{:02}", mixed(number / 20) % 8),
                os: "Debian GNU/Linux 12 (bookworm)".into(),
                cores: 16,
                memory_bytes: 64 << 30,
                ..Machine::default()
            },
            git: Some(GitState {
                commit: Some(Hash::of(Domain::Fingerprint, &(number / 100).to_le_bytes()).to_string()[..40].to_owned()),
                branch: Some(["main", "wide-model", "fix-loader"][(number / 1000 % 3) as usize].to_owned()),
                remote: None,
                dirty: Some(number.is_multiple_of(3)),
                changed_files: number % 3,
                untracked_files: 0,
            }),
            missing: Vec::new(),
        }
    }

    /// How good a run gets: by its learning rate and depth, a little by its seed.
    fn quality(&self, number: u64) -> u64 {
        let group = number / SEEDS;
        let lr = 5 - mixed(group ^ 1 << 48) % 6;
        let depth = mixed(group ^ 3 << 48) % 6;
        let luck = mixed(number ^ 0x10c4) % 40 + mixed(group) % 110;
        (lr * 40 + depth * 25 + luck).min(CURVES - 1)
    }

    pub fn end(&self, number: u64, start: &RunStart) -> RunEnd {
        let (status, log) = match mixed(number ^ 0xdead) % 100 {
            0..6 => (Status::Failed, 1),
            6..8 => (Status::Killed, 2),
            8 => (Status::Lost, 2),
            _ => (Status::Done, 0),
        };
        let quality = self.quality(number) as usize;
        let series = match status {
            Status::Done => self.curves.iter().map(|curves| &curves[quality]).collect(),
            // What fails early has measured little.
            _ => self.curves.iter().take(4).map(|curves| &curves[quality / 4]).collect::<Vec<_>>(),
        };
        let duration = 60_000 + mixed(number ^ 0x71e) % 7_200_000;
        RunEnd {
            run: start.run.clone(),
            time: Time(start.time.0 + duration as i64),
            status,
            exit_code: match status {
                Status::Done => Some(0),
                Status::Failed => Some(1),
                _ => None,
            },
            signal: (status == Status::Killed).then_some(9),
            duration_millis: duration,
            failure: (status == Status::Failed).then(|| Failure {
                title: "ValueError: shapes do not match".into(),
                text:
                    "Traceback (most recent call last):\n  File \"train.py\", line 10\nValueError: shapes do not match"
                        .into(),
            }),
            snapshot: None,
            outputs: Vec::new(),
            changed_inputs: Vec::new(),
            files: Default::default(),
            params: Default::default(),
            series: series
                .into_iter()
                .map(|(record, summary)| SeriesRef { record: *record, summary: summary.clone() })
                .collect(),
            log: LogSummary { records: vec![self.logs[log]], lines: 3, bytes: 60, left_out_bytes: 0 },
            notebook: None,
            usage: Usage { user_seconds: duration as f64 / 1e3, system_seconds: 2.0, peak_memory_bytes: 1 << 30 },
            missing: Vec::new(),
        }
    }
}
