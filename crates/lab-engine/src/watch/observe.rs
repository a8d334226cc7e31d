//! Keeping a run that `lab` did not start: the files as of its start, its record.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lab_model::{Origin, ProcessKey, Project, RelPath, RunId, RunStart, Time};
use lab_store::{Encoder, RecordKind, Writer};

use crate::describe::{Description, describe};
use crate::engine::{COMPRESSION_LEVEL, load_config};
use crate::live::LiveRun;
use crate::run::{Payload, own_key};
use crate::snapshot::{Request, Taken};
use crate::watched::{Span, Watched, monotonic_nanos};
use crate::{Engine, Result};

/// Files that are named as changed right after the start.
const NAMED_FILES: usize = 5;

/// The files as of a start.
pub(crate) struct Kept {
    pub taken: Taken,
    /// Files that changed while the start was being noticed.
    pub unsteady: Vec<RelPath>,
}

/// The files as of a start, not durable yet.
pub(crate) struct Frozen {
    pub kept: Kept,
    writer: Option<Writer>,
}

impl Frozen {
    /// Makes them durable. The snapshot's own record follows with the run's start, if there is one; what it names must
    /// be kept before the writer's lock goes.
    pub fn commit(self, engine: &Engine) -> Result<Kept> {
        if let Some(mut writer) = self.writer.filter(|writer| writer.appended_bytes() > 0) {
            writer.commit(engine.now())?;
        }
        Ok(self.kept)
    }
}

/// A command that was seen to start.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub origin: Origin,
    pub argv: Vec<OsString>,
    pub cwd: PathBuf,
    pub time: Time,
    /// Its process; that of the shell where the command is over before it was seen.
    pub process: ProcessKey,
}

impl Engine {
    /// Keeps a project's files as they were at a moment of the monotonic clock, or as they are now. Durable when this
    /// returns.
    pub(crate) fn keep_files(&self, watched: &mut Watched, project: &Project, as_of: Option<Span>) -> Result<Kept> {
        self.freeze_files(watched, project, as_of)?.commit(self)
    }

    /// The same, but for being durable: later changes of the files do not matter when this returns.
    pub(crate) fn freeze_files(&self, watched: &mut Watched, project: &Project, as_of: Option<Span>) -> Result<Frozen> {
        let mut writer = self.writer()?;
        let kept = if watched.state(&project.id).is_some() {
            let (taken, unsteady) = watched.take(self, &project.id, &mut writer, as_of)?;
            Kept { taken, unsteady: unsteady.into_iter().map(|file| file.path).collect() }
        } else {
            let (config, config_bytes) = load_config(Path::new(&project.root))?;
            let request = Request {
                project,
                config: &config,
                config_bytes: &config_bytes,
                force_copy: &HashSet::new(),
                hashed: &HashMap::new(),
            };
            let taken = self.take(&mut writer, &request, &mut |_, _| {})?;
            let since = |span: Span| taken.written_since(self.millis_at(span.earliest_nanos));
            let unsteady = as_of.map_or_else(Vec::new, since);
            Kept { taken, unsteady }
        };
        Ok(Frozen { kept, writer: Some(writer) })
    }

    /// The same right after [`Watched::secure`] gave a moment: where nothing has changed nothing is written.
    pub(crate) fn freeze_secured(
        &self,
        watched: &mut Watched,
        project: &Project,
        secured: Option<u64>,
    ) -> Result<Frozen> {
        // A batch that was not committed is no notebook's yet.
        let is_kept = |taken: &Taken| self.index().and_then(|index| Ok(index.contains(&taken.snapshot.root)?));
        let unchanged = secured.and_then(|_| watched.unchanged(&project.id));
        match unchanged.filter(|taken| is_kept(taken).unwrap_or(false)) {
            Some(taken) => Ok(Frozen { kept: Kept { taken, unsteady: Vec::new() }, writer: None }),
            None => self.freeze_files(watched, project, secured.map(Span::from)),
        }
    }

    /// The time of day, in milliseconds since 1970, at a moment of the monotonic clock.
    pub(crate) fn millis_at(&self, nanos: u64) -> i64 {
        let ago_millis = monotonic_nanos().saturating_sub(nanos) / 1_000_000;
        self.now().0 - i64::try_from(ago_millis).unwrap_or(0)
    }

    /// The record that opens the run of a command that was seen; not kept yet.
    pub(crate) fn seen_start(&self, seen: &Seen, project: &Project, kept: Option<&Kept>) -> Result<RunStart> {
        let taken = kept.map(|kept| &kept.taken);
        let root = Path::new(&project.root);
        let argv: Vec<String> = seen.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let description: Description = describe(&argv, &seen.cwd, root, taken, self.seal_key()?);
        let fingerprint = description.fingerprint(taken.map(|taken| &taken.snapshot));
        let below = seen.cwd.strip_prefix(root).ok();
        let cwd = below.and_then(|below| RelPath::new(below.as_os_str().as_encoded_bytes()).ok());
        let mut missing = Vec::new();
        missing.extend(kept.and_then(|kept| unsure(&kept.unsteady)));
        if cwd.is_none() {
            missing.push(format!("the directory below the project: it ran in {}", seen.cwd.display()));
        }
        Ok(RunStart {
            run: RunId::from_random(self.config.random.word()),
            project: project.id.clone(),
            name: self.free_name(None)?,
            origin: seen.origin,
            argv: description.argv,
            cwd: cwd.unwrap_or_default(),
            time: seen.time,
            snapshot: taken.map(|taken| taken.id),
            params: description.params,
            seeds: description.seeds,
            inputs: description.inputs,
            fingerprint,
            reason: None,
            tags: Vec::new(),
            supervisor: seen.process.clone(),
            missing,
        })
    }

    /// Keeps the start of a run that was seen; durable when this returns.
    pub(crate) fn open_seen(&self, start: RunStart, project: &Project, taken: Option<&Taken>) -> Result<Payload> {
        let live = LiveRun::new(&self.notebook.live_dir(), &start.run);
        live.create(&own_key())?;
        let mut writer = self.writer()?;
        if let Some(taken) = taken {
            writer.append(taken.record.clone())?;
        }
        writer.append(Encoder::new(COMPRESSION_LEVEL).json(RecordKind::RunStart, &start))?;
        writer.commit(self.now())?;
        if let Some(taken) = taken {
            taken.save_index();
        }
        self.payload_of(start, project)
    }

    /// What the end of an open run needs.
    pub(crate) fn payload_of(&self, start: RunStart, project: &Project) -> Result<Payload> {
        let log_limit_bytes =
            load_config(Path::new(&project.root)).map_or(u64::MAX, |(config, _)| config.log_limit_bytes);
        Ok(Payload { start, project: project.clone(), keep: Vec::new(), log_limit_bytes })
    }

    /// Open runs that no process of `lab` is the parent of, and whose process lives and is another than this one: the
    /// cells of a notebook are this one's own.
    pub(crate) fn living_seen_runs(&self) -> Result<Vec<(RunStart, Project)>> {
        let reader = self.plain_reader()?;
        let (mut found, own) = (Vec::new(), own_key());
        for start in reader.store().open_runs()? {
            let is_ours =
                start.origin != Origin::Run && start.supervisor != own && lab_exec::is_alive(&start.supervisor);
            if is_ours && let Some(project) = reader.project(&start.project)? {
                found.push((start, project));
            }
        }
        Ok(found)
    }
}

/// What cannot be sure about files written while the start was being noticed.
fn unsure(written: &[RelPath]) -> Option<String> {
    let named: Vec<String> = written.iter().take(NAMED_FILES).map(ToString::to_string).collect();
    let more = if written.len() > NAMED_FILES { " and more" } else { "" };
    (!written.is_empty()).then(|| {
        format!(
            "whether these were so at the very start, they changed while it was noticed: {}{more}",
            named.join(", ")
        )
    })
}
