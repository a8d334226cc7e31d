//! Writes the runs of one story through the engine, each under the clock of its day.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use lab_exec::{Ended, Exit};
use lab_model::{
    Change, Content, Edit, Environment, FilePath, FileUsed, FilesUsed, GitState, Gpu, Hash, Interpreter, Machine,
    NoteKind, Observation, Output, OutputChange, Package, ProcessKey, Project, RelPath, Role, RunFacts, RunId,
    RunStart, Target, Time, Usage,
};
use lab_store::{Encoder, RecordKind, Writer};
use lab_workdir::Config;

use super::course::{Course, Shape};
use super::running::Running;
use super::story::{Chapter, Ending, Story};
use super::{Pace, days_before, words};
use crate::describe::describe;
use crate::engine::{COMPRESSION_LEVEL, load_config};
use crate::live::{LiveRun, LiveWriter};
use crate::run::Payload;
use crate::snapshot::{Request, Taken};
use crate::supervise::{FilesAtEnd, ending_of};
use crate::{Engine, Error, ErrorKind, Result, RunRequest};

/// Between two runs of a chapter.
const PAUSE_MILLIS: i64 = 70_000;
/// Between an edit and the run that tries it.
const EDIT_MILLIS: i64 = 240_000;
/// Samples of the machine's use of each run.
const SAMPLES: u64 = 24;

/// Writes one story.
pub(super) struct Scribe<'a> {
    engine: &'a Engine,
    story: &'static Story,
    clock: Arc<AtomicU64>,
    now: Time,
    project: Project,
    root: PathBuf,
    config: (Config, Vec<u8>),
    writer: Writer,
    encoder: Encoder,
    runs: u64,
    /// The run that goes on, once it is there.
    going_on: Option<(Payload, LiveWriter, Shape, u64)>,
}

impl<'a> Scribe<'a> {
    /// Writes the files of the first day and makes the project.
    pub fn begin(engine: &'a Engine, story: &'static Story, clock: Arc<AtomicU64>, now: Time) -> Result<Self> {
        let root = engine.config.cwd.clone();
        let first = days_before(now, story.chapters[0].days_ago + 0.1);
        clock.store(first.0.cast_unsigned(), Ordering::Relaxed);
        for (name, text) in story.files {
            write_file(&root.join(name), text.as_bytes(), first)?;
        }
        let (project, _) = engine.init(&root, Some(story.name))?;
        let config = load_config(&root)?;
        let mut writer = engine.writer()?;
        let mut encoder = Encoder::new(COMPRESSION_LEVEL);
        let note = Change::Note { kind: NoteKind::Note, text: story.note.to_owned() };
        let view = |(name, query): &(&str, &str)| Change::View { name: (*name).to_owned(), query: (*query).to_owned() };
        for change in std::iter::once(note).chain(story.views.iter().map(view)) {
            let edit = Edit::new(engine.now(), Target::Project(project.id.clone()), change);
            writer.append(encoder.json(RecordKind::Edit, &edit))?;
        }
        Ok(Self { engine, story, clock, now, project, root, config, writer, encoder, runs: 0, going_on: None })
    }

    pub const fn project(&self) -> &Project {
        &self.project
    }

    /// Makes everything durable; gives the run that goes on.
    pub fn end(mut self, pace: Pace) -> Result<Option<Running>> {
        self.writer.commit(self.engine.now())?;
        self.going_on
            .map(|(payload, writer, shape, line)| {
                Running::start(self.engine.config.clone(), payload, writer, shape, line, pace)
            })
            .transpose()
    }

    /// An idea is tried.
    pub fn chapter(&mut self, chapter: &Chapter) -> Result<()> {
        let mut time = days_before(self.now, chapter.days_ago);
        self.edit(chapter, Time(time.0 - EDIT_MILLIS))?;
        for (place, (arguments, quality)) in chapter.runs.iter().enumerate() {
            let is_last = place + 1 == chapter.runs.len();
            let ending = if is_last { chapter.ending } else { Ending::Done };
            self.clock.store(time.0.cast_unsigned(), Ordering::Relaxed);
            let (run, millis) = self.run(chapter, arguments, *quality, ending)?;
            time = Time(time.0 + millis.cast_signed() + PAUSE_MILLIS);
            for (target, change) in is_last.then(|| words(&run, chapter)).into_iter().flatten() {
                let edit = Edit::new(time, target, change);
                self.writer.append(self.encoder.json(RecordKind::Edit, &edit))?;
            }
        }
        Ok(())
    }

    fn edit(&self, chapter: &Chapter, time: Time) -> Result<()> {
        let change = |name: &str, change: &dyn Fn(&str) -> Option<String>| {
            let path = self.root.join(name);
            let text = std::fs::read_to_string(&path).map_err(|error| Error::disk("read", &path, error))?;
            let misfit = || Error::new(ErrorKind::Bug, format!("The demo's edit does not fit {name}"));
            write_file(&path, change(&text).ok_or_else(misfit)?.as_bytes(), time)
        };
        for (name, old, new) in chapter.edits {
            change(name, &|text| (text.matches(old).count() == 1).then(|| text.replacen(old, new, 1)))?;
        }
        if let Some((name, starts)) = chapter.cleans {
            let is_clean = |line: &&str| !starts.iter().any(|start| line.starts_with(start));
            change(name, &|text| Some(text.split_inclusive('\n').filter(is_clean).collect()))?;
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Taken> {
        let request = Request {
            project: &self.project,
            config: &self.config.0,
            config_bytes: &self.config.1,
            force_copy: &HashSet::new(),
            hashed: &HashMap::new(),
        };
        let taken = self.engine.take(&mut self.writer, &request, &mut |_, _| {})?;
        self.writer.append(taken.record.clone())?;
        Ok(taken)
    }

    /// One run; gives how long it took, in milliseconds.
    fn run(&mut self, chapter: &Chapter, arguments: &str, quality: f64, ending: Ending) -> Result<(RunId, u64)> {
        self.runs += 1;
        let request = RunRequest {
            reason: Some(chapter.reason.to_owned()).filter(|reason| !reason.is_empty()),
            tags: chapter.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..RunRequest::default()
        };
        let command = self.story.command.split(' ').chain(arguments.split(' '));
        let argv: Vec<String> = command.map(str::to_owned).collect();
        let taken = self.take()?;
        let description = describe(&argv, &self.root, &self.root, Some(&taken), self.engine.seal_key()?);
        let run = RunId::from_random(self.engine.config.random.word());
        let mut start = self.engine.start_record(&request, run, &self.project, &taken, description, 0)?;
        start.supervisor = gone();
        let shape = Shape::new(self.story.course, &start, quality, chapter.days_ago > 21.0, self.runs);
        self.keep_facts(&start, chapter)?;
        let live = LiveRun::new(&self.engine.notebook.live_dir(), &start.run);
        live.create(&start.supervisor)?;
        let mut writer = LiveWriter::new(live.clone(), start.time, self.engine.seal_key()?.clone(), u64::MAX);
        let (line, millis) = print(&shape, ending, &mut writer);
        let log_limit_bytes = self.config.0.log_limit_bytes;
        let id = start.run.clone();
        let payload = Payload { start, project: self.project.clone(), keep: Vec::new(), log_limit_bytes };
        if let Ending::GoesOn(_) = ending {
            // Its start is kept when its process is there.
            writer.tick(millis);
            self.going_on = Some((payload, writer, shape, line));
            return Ok((id, millis));
        }
        self.writer.append(self.encoder.json(RecordKind::RunStart, &payload.start))?;
        writer.close(millis);
        self.close(&payload, &live, &writer, &taken, ending, millis)?;
        live.remove();
        Ok((id, millis))
    }

    fn close(
        &mut self,
        payload: &Payload,
        live: &LiveRun,
        writer: &LiveWriter,
        before: &Taken,
        ending: Ending,
        millis: u64,
    ) -> Result<()> {
        let over = Time(payload.start.time.0 + millis.cast_signed());
        self.clock.store(over.0.cast_unsigned(), Ordering::Relaxed);
        let mut files = FilesAtEnd::default();
        let mut used =
            FilesUsed { how: Observation::Traced, read: read_files(before), software: 1_893, ..FilesUsed::default() };
        if ending == Ending::Done {
            let names = self.write_outputs(payload, over)?;
            let taken = self.take()?;
            let outputs = names.iter().filter_map(|path| output(path, before, &taken));
            files.outputs = outputs.collect();
            files.snapshot = Some(taken.id);
            used.written = files
                .outputs
                .iter()
                .map(|output| FileUsed {
                    path: FilePath::from(output.path.clone()),
                    size_bytes: output.size_bytes,
                    content: output.content,
                })
                .collect();
        }
        files.used = used;
        let ended = match ending {
            Ending::Fails(..) => Ended::Exited(1),
            Ending::Killed(_, signal) => Ended::Signaled(signal),
            _ => Ended::Exited(0),
        };
        let usage = Usage {
            user_seconds: millis as f64 / 620.0,
            system_seconds: millis as f64 / 21_000.0,
            peak_memory_bytes: 3_100_000_000,
        };
        let exit = Exit {
            ended,
            usage,
            duration_millis: millis,
            output_closed: false,
            lost_output_bytes: 0,
            left_behind: false,
        };
        let ending = ending_of(self.engine, writer, &exit);
        self.engine.append_end(payload, live, &ending, files, &mut self.writer)
    }

    /// What the program leaves behind.
    fn write_outputs(&self, payload: &Payload, time: Time) -> Result<Vec<RelPath>> {
        let weights: Vec<u8> = (0..96_u8)
            .flat_map(|part| {
                Hash::of(lab_model::Domain::Fingerprint, &[&[part], payload.start.run.as_str().as_bytes()].concat()).0
            })
            .collect();
        let figures = format!("{{\n  \"run\": \"{}\"\n}}\n", payload.start.run).into_bytes();
        let outputs: &[(&str, &[u8])] = match self.story.course {
            Course::Images => &[("checkpoints/last.pt", &weights), ("results/metrics.json", &figures)],
            Course::Language => &[("checkpoints/model.pt", &weights)],
            Course::Rain => &[("results/forecast.csv", &figures)],
        };
        let mut names = Vec::new();
        for (name, bytes) in outputs {
            write_file(&self.root.join(name), bytes, time)?;
            names.extend(RelPath::new(name.as_bytes()));
        }
        Ok(names)
    }

    fn keep_facts(&mut self, start: &RunStart, chapter: &Chapter) -> Result<()> {
        let package =
            |(name, version): (&str, &str)| Package { name: name.into(), version: version.into(), source: None };
        let packages: &[(&str, &str)] = match self.story.course {
            Course::Images | Course::Language => {
                &[("numpy", "2.2.6"), ("pyyaml", "6.0.2"), ("torch", "2.9.1"), ("triton", "3.5.1")]
            }
            Course::Rain => &[("lightgbm", "4.6.0"), ("numpy", "2.2.6"), ("scipy", "1.16.3")],
        };
        let gpu = Gpu {
            name: "NVIDIA RTX 4090".into(),
            memory_bytes: 24 << 30,
            uuid: "GPU-5f1c7a90".into(),
            compute_capability: "8.9".into(),
        };
        let commit = Hash::of(lab_model::Domain::Fingerprint, chapter.branch.as_bytes()).to_string();
        let facts = RunFacts {
            run: start.run.clone(),
            environment: Environment {
                interpreter: Some(Interpreter {
                    language: "python".into(),
                    version: "3.13.1".into(),
                    path: "/usr/bin/python3.13".into(),
                    manager: "uv".into(),
                    prefix: Some(".venv".into()),
                }),
                packages: packages.iter().copied().map(package).collect(),
                ..Environment::default()
            },
            machine: Machine {
                host: "workbench".into(),
                os: "Debian GNU/Linux 13 (trixie)".into(),
                kernel: "6.12.57".into(),
                architecture: "x86_64".into(),
                cpu: "AMD Ryzen 9 7950X".into(),
                cores: 32,
                memory_bytes: 64 << 30,
                gpus: if self.story.course == Course::Rain { Vec::new() } else { vec![gpu] },
                ..Machine::default()
            },
            git: Some(GitState {
                commit: Some(commit[..40].to_owned()),
                branch: Some(chapter.branch.to_owned()),
                remote: None,
                dirty: Some(!chapter.edits.is_empty()),
                changed_files: chapter.edits.len() as u64,
                untracked_files: 0,
            }),
            missing: Vec::new(),
        };
        self.writer.append(self.encoder.json(RecordKind::RunFacts, &facts))?;
        Ok(())
    }
}

/// A process that is gone for long.
fn gone() -> ProcessKey {
    ProcessKey { pid: 1, start_ticks: 1, boot_id: "another".to_owned() }
}

/// Lets a run print up to its ending; gives the last line's number and how long it took, in milliseconds.
fn print(shape: &Shape, ending: Ending, writer: &mut LiveWriter) -> (u64, u64) {
    let part = match ending {
        Ending::Done => 1.0,
        Ending::Fails(part, _) | Ending::Killed(part, _) | Ending::GoesOn(part) => part,
    };
    let lines = (shape.lines as f64 * part) as u64;
    for (stream, text) in shape.opening() {
        writer.output(stream, 900, format!("{text}\n").as_bytes());
    }
    for line in 1..=lines {
        writer.output("out", line * shape.millis_per_line(), format!("{}\n", shape.line(line)).as_bytes());
    }
    let millis = lines * shape.millis_per_line() + 1_700;
    for sample in 0..SAMPLES {
        let at = millis * sample / SAMPLES;
        writer.sample(&shape.sample(at, sample));
    }
    if let Ending::Fails(_, text) = ending {
        writer.output("err", millis, format!("{text}\n").as_bytes());
    }
    (lines, millis)
}

/// What every run of the demo reads: all that is neither output nor prose.
fn read_files(taken: &Taken) -> Vec<FileUsed> {
    let is_read = |path: &RelPath| {
        let name = path.to_string();
        !name.ends_with(".md") && !name.ends_with(".txt") && name != Config::FILE_NAME
    };
    let used = |(path, size_bytes, role, content): (RelPath, u64, Role, Content)| {
        let used = FileUsed { path: FilePath::from(path.clone()), size_bytes, content };
        (role != Role::Output && is_read(&path)).then_some(used)
    };
    taken.files().into_iter().filter_map(used).collect()
}

fn output(path: &RelPath, before: &Taken, after: &Taken) -> Option<Output> {
    let (_, size_bytes, _, content) = after.files().into_iter().find(|(found, ..)| found == path)?;
    let was_there = before.files().into_iter().any(|(found, ..)| found == *path);
    let change = if was_there { OutputChange::Changed } else { OutputChange::Created };
    Some(Output { path: path.clone(), size_bytes, change, content })
}

/// Writes a file as of a moment, with its directories.
fn write_file(path: &Path, bytes: &[u8], time: Time) -> Result<()> {
    let fail = |error| Error::disk("write", path, error);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(fail)?;
    }
    std::fs::write(path, bytes).map_err(fail)?;
    let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(time.0.cast_unsigned());
    let file = std::fs::OpenOptions::new().append(true).open(path).map_err(fail)?;
    file.set_modified(modified).map_err(fail)
}
