//! A notebook to look around in: three projects, sixty runs over several weeks, one of them still going on.
//!
//! Nobody trains anything. The files of each project are written and edited as a person would have, and every
//! run goes through the engine's own path, under a clock that stands at its day: snapshot, description, log,
//! metrics out of the log, end. What is made up is only what the programs would have printed.

mod course;
mod record;
mod running;
mod story;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use lab_model::{Change, NoteKind, Project, RunId, Target, Time};

use crate::{Clock, Engine, EngineConfig, Error, Random, Result};
use record::Scribe;
use running::Running;

/// A demo notebook in a temporary directory. Dropping it ends the run that goes on and removes everything.
pub struct Demo {
    /// What an engine or an interface is started with: the notebook is the demo's, all else the caller's.
    pub config: EngineConfig,
    /// The projects; the first one has the run that goes on.
    pub projects: Vec<Project>,
    /// The run that goes on.
    pub running: RunId,
    // Dropped before the directory that it writes into.
    process: Option<Running>,
    directory: PathBuf,
}

/// What the run that goes on does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// It prints a line every second.
    Moving,
    /// It goes on and prints nothing more: every look at it is the same.
    Still,
}

impl Demo {
    /// Writes the demo in a new directory among the temporary files of `config`'s environment. Its last day is
    /// today, as `config`'s clock has it; names and ids are the same every time.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Disk`] when there is no room for it.
    pub fn open(config: &EngineConfig, pace: Pace) -> Result<Self> {
        let directory = temporary(config)?;
        let written = write(config, &directory, pace);
        written.inspect_err(|_| remove(&directory))
    }

    /// The project that an interface begins with.
    pub fn project(&self) -> &Project {
        &self.projects[0]
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.process.take();
        remove(&self.directory);
    }
}

fn remove(directory: &Path) {
    // Should it fail, it lies among other temporary files, which the system removes.
    let _ = std::fs::remove_dir_all(directory);
}

/// A directory of our own, which nobody else may look into.
fn temporary(config: &EngineConfig) -> Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let parent = config.variable("TMPDIR").filter(|path| path.starts_with('/')).unwrap_or("/tmp");
    let directory = Path::new(parent).join(format!("lab-demo-{:016x}", Random::System.word()));
    let made = std::fs::DirBuilder::new().mode(0o700).create(&directory);
    made.map_err(|error| Error::disk("make", &directory, error))?;
    directory.canonicalize().map_err(|error| Error::disk("open", &directory, error))
}

fn write(config: &EngineConfig, directory: &Path, pace: Pace) -> Result<Demo> {
    let now = config.clock.now();
    let inside = EngineConfig {
        notebook: directory.join("notebook"),
        key_file: directory.join("machine.key"),
        cwd: directory.to_owned(),
        random: Random::Seeded(Arc::new(AtomicU64::new(story::SEED))),
        ..config.clone()
    };
    let mut projects = Vec::new();
    let mut process = None;
    for story in &story::STORIES {
        let root = directory.join(story.name);
        std::fs::create_dir(&root).map_err(|error| Error::disk("make", &root, error))?;
        let clock = Arc::new(AtomicU64::new(0));
        let engine = Engine::open(EngineConfig { cwd: root, clock: Clock::Fixed(clock.clone()), ..inside.clone() })?;
        let mut scribe = Scribe::begin(&engine, story, clock, now)?;
        for chapter in story.chapters {
            scribe.chapter(chapter)?;
        }
        projects.push(scribe.project().clone());
        process = process.or(scribe.end(pace)?);
    }
    let process = process.expect("because the first story ends with a run that goes on");
    let config = EngineConfig {
        notebook: inside.notebook,
        key_file: inside.key_file,
        cwd: PathBuf::from(&projects[0].root),
        ..config.clone()
    };
    Ok(Demo { config, projects, running: process.run.clone(), process: Some(process), directory: directory.to_owned() })
}

/// What a person said of a run.
fn words(run: &RunId, chapter: &story::Chapter) -> Vec<(Target, Change)> {
    let mut words = Vec::new();
    if !chapter.outcome.is_empty() {
        words.push(Change::Note { kind: NoteKind::Outcome, text: chapter.outcome.to_owned() });
    }
    if chapter.starred {
        words.push(Change::Star { on: true });
    }
    words.into_iter().map(|change| (Target::Run(run.clone()), change)).collect()
}

const DAY_MILLIS: f64 = 86_400_000.0;

/// So many days before.
fn days_before(now: Time, days: f64) -> Time {
    Time(now.0 - (days * DAY_MILLIS) as i64)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use lab_model::Status;

    use super::*;
    use crate::{Reader, RunQuery, RunRow};

    fn config() -> EngineConfig {
        EngineConfig {
            notebook: PathBuf::new(),
            key_file: PathBuf::new(),
            cwd: PathBuf::new(),
            variables: BTreeMap::new(),
            executable: PathBuf::new(),
            clock: Clock::Fixed(Arc::new(AtomicU64::new(1_795_262_400_000))),
            random: Random::System,
        }
    }

    fn rows(reader: &Reader) -> Vec<RunRow> {
        reader.runs(&RunQuery::default()).unwrap()
    }

    #[test]
    fn the_story_is_told_and_leaves_nothing_behind() {
        let demo = Demo::open(&config(), Pace::Still).unwrap();
        let engine = Engine::open_existing(demo.config.clone()).unwrap();
        let reader = engine.reader().unwrap();
        let rows = rows(&reader);
        assert!((55..=65).contains(&rows.len()), "{}", rows.len());
        let names: BTreeSet<_> = rows.iter().map(|row| &row.name).collect();
        assert_eq!(names.len(), rows.len(), "names are unique");
        let standing = |status| rows.iter().filter(|row| reader.standing(row) == status).count();
        assert_eq!([Status::Running, Status::Failed, Status::Killed, Status::Lost].map(standing), [1, 3, 2, 0]);
        for row in rows.iter().filter(|row| reader.standing(row) == Status::Done) {
            let keys: Vec<_> = reader.series(row).unwrap().into_iter().map(|series| series.key).collect();
            assert!(keys.iter().any(|key| key.starts_with("val/")), "{}: {keys:?}", row.name);
            assert!(!row.start.params.is_empty() && !row.start.seeds.is_empty(), "{}", row.name);
        }
        let report = engine.verify(true, &mut |_, _| ()).unwrap();
        assert!(report.findings.is_empty(), "{report:?}");
        let directory = demo.directory.clone();
        drop(demo);
        assert!(!directory.exists());
    }

    #[test]
    fn the_run_that_goes_on_can_be_stopped() {
        let demo = Demo::open(&config(), Pace::Still).unwrap();
        let engine = Engine::open_existing(demo.config.clone()).unwrap();
        let progress = crate::JobProgress::default();
        crate::Command::Stop(demo.running.clone()).carry_out(&demo.config, &progress).unwrap();
        loop {
            let row = engine.plain_reader().unwrap().run(&demo.running).unwrap().unwrap();
            if let Some(end) = row.end {
                assert_eq!((end.status, end.signal), (Status::Killed, Some(15)));
                return;
            }
            std::thread::yield_now();
        }
    }
}
