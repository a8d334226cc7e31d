use std::cell::OnceCell;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lab_model::{Change, Project, ProjectId, RunId, Target, Time};
use lab_store::{Encoder, Notebook, RecordKind, SealKey, Writer};
use lab_workdir::config::Config;

use crate::live::LiveRun;
use crate::{EngineConfig, Error, ErrorKind, Reader, Result};

/// The level of zstd for everything in a pack: the fastest that still stores no more than zlib does in Git.
pub(crate) const COMPRESSION_LEVEL: i32 = 1;

/// One notebook, and everything that can be done with it.
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) notebook: Notebook,
    key: OnceLock<SealKey>,
    /// The engine's own look into the index, kept open: opening costs more than most questions.
    index: OnceCell<lab_store::Reader>,
}

/// The known project that holds the working directory; none where there is no notebook yet.
///
/// # Errors
/// Those of reading the notebook.
pub fn project_here(config: &EngineConfig) -> Result<Option<Project>> {
    match Engine::open_existing(config.clone()) {
        Ok(engine) => engine.project_of(&config.cwd),
        Err(error) if error.kind == ErrorKind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

impl Engine {
    /// Opens the notebook, and makes it when it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Disk`] when it cannot be made, [`ErrorKind::Damaged`] when it is none.
    pub fn open(config: EngineConfig) -> Result<Self> {
        arm_fault(&config);
        if config.notebook.join("notebook.toml").exists() {
            return Self::open_existing(config);
        }
        if let Some(parent) = config.notebook.parent().filter(|_| config.is_default_notebook()) {
            // A new person's home has no such directory yet. Of a named notebook the disk may just not be mounted.
            let fail = |error| Error::disk("create", parent, error);
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(fail)?;
        }
        let notebook = Notebook::create(&config.notebook, config.random.pack_id(), config.clock.now())?;
        Ok(Self { config, notebook, key: OnceLock::new(), index: OnceCell::new() })
    }

    /// Opens the notebook.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is none.
    pub fn open_existing(config: EngineConfig) -> Result<Self> {
        arm_fault(&config);
        if !config.notebook.exists() {
            let message = format!("There is no notebook at {}", config.notebook.display());
            return Err(Error::new(ErrorKind::Missing, message).hint("start with `lab run -- COMMAND` or `lab init`"));
        }
        let notebook = Notebook::open(&config.notebook)?;
        Ok(Self { config, notebook, key: OnceLock::new(), index: OnceCell::new() })
    }

    /// What the engine was opened with.
    pub const fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// What to know about where the notebook lies, such as a network file system.
    pub fn warnings(&self) -> Vec<String> {
        self.notebook.warnings()
    }

    /// Now.
    pub fn now(&self) -> Time {
        self.config.clock.now()
    }

    /// A view of the notebook as it stands. Runs whose processes are gone are closed first.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when the index cannot be read.
    pub fn reader(&self) -> Result<Reader> {
        // A notebook that cannot be written is still read: the lost runs stay open there.
        let _ = self.close_lost_runs();
        self.plain_reader()
    }

    pub(crate) fn index(&self) -> Result<&lab_store::Reader> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = self.notebook.reader()?;
        Ok(self.index.get_or_init(|| index))
    }

    pub(crate) fn plain_reader(&self) -> Result<Reader> {
        Ok(Reader::new(self.notebook.reader()?, self.notebook.live_dir(), self.config.key_file.clone()))
    }

    pub(crate) fn writer(&self) -> Result<Writer> {
        Ok(self.notebook.writer(self.config.random.pack_id())?)
    }

    /// This machine's key, made at first use.
    pub(crate) fn seal_key(&self) -> Result<&SealKey> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = match load_key(&self.config.key_file)? {
            Some(key) => key,
            None => make_key(&self.config)?,
        };
        Ok(self.key.get_or_init(|| SealKey::new(&key)))
    }

    /// Appends `records` as one batch.
    pub(crate) fn append(&self, build: &mut dyn FnMut(&mut Encoder, &mut Writer) -> Result<()>) -> Result<()> {
        let mut writer = self.writer()?;
        build(&mut Encoder::new(COMPRESSION_LEVEL), &mut writer)?;
        writer.commit(self.now())?;
        Ok(())
    }

    /// Makes `directory` a project, with a commented `lab.toml` when it has none. The second value
    /// tells whether it is new.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when the directory is not there.
    pub fn init(&self, directory: &Path, name: Option<&str>) -> Result<(Project, bool)> {
        let root = directory
            .canonicalize()
            .map_err(|error| Error::disk("open", directory, error).hint("make the directory first"))?;
        let config = root.join("lab.toml");
        if !config.exists() {
            std::fs::write(&config, Config::template()).map_err(|error| Error::disk("write", &config, error))?;
        }
        let known = self.project_at(&root)?;
        if let Some(project) = known {
            if name.is_none_or(|name| name == project.name) {
                return Ok((project, false));
            }
            let project = Project { name: name.unwrap_or_default().to_owned(), time: self.now(), ..project };
            self.keep_project(&project)?;
            return Ok((project, false));
        }
        Ok((self.add_project(&root, name)?, true))
    }

    fn add_project(&self, root: &Path, name: Option<&str>) -> Result<Project> {
        // Several first runs at once must end up in one project.
        let path = self.notebook.live_dir().join("projects.lock");
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let lock = lock.map_err(|error| Error::disk("write", &path, error))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|error| Error::disk("lock", &path, error.into()))?;
        if let Some(project) = self.project_at(root)? {
            return Ok(project);
        }
        let (config, _) = load_config(root)?;
        let name = name.map(str::to_owned).or(config.name).unwrap_or_else(|| {
            root.file_name().map_or_else(|| "root".to_owned(), |name| lab_model::display_bytes(name.as_bytes()))
        });
        let id = ProjectId::from_random(self.config.random.word());
        let project = Project { id, name, root: root_text(root), time: self.now() };
        self.keep_project(&project)?;
        Ok(project)
    }

    fn keep_project(&self, project: &Project) -> Result<()> {
        self.append(&mut |encoder, writer| {
            writer.append(encoder.json(RecordKind::Project, project))?;
            Ok(())
        })
    }

    fn project_at(&self, root: &Path) -> Result<Option<Project>> {
        let text = root_text(root);
        Ok(self.index()?.projects()?.into_iter().find(|project| project.root == text))
    }

    /// The known project that holds `directory`, the innermost when several do.
    ///
    /// # Errors
    /// Those of reading the index.
    pub fn project_of(&self, directory: &Path) -> Result<Option<Project>> {
        let Ok(directory) = directory.canonicalize() else { return Ok(None) };
        let projects = self.index()?.projects()?;
        Ok(directory.ancestors().find_map(|ancestor| {
            let text = root_text(ancestor);
            projects.iter().find(|project| project.root == text).cloned()
        }))
    }

    /// The project that a run in `directory` belongs to; it becomes one when it is none: the
    /// nearest folder with a `lab.toml`, else the Git work tree, else the directory itself.
    pub(crate) fn project_for(&self, directory: &Path) -> Result<Project> {
        let directory = directory.canonicalize().map_err(|error| Error::disk("open", directory, error))?;
        if let Some(project) = self.project_of(&directory)? {
            return Ok(project);
        }
        let home = self.config.variable("HOME").map(PathBuf::from);
        let holding = |name: &str| directory.ancestors().find(|ancestor| ancestor.join(name).exists());
        let root = holding("lab.toml").or_else(|| holding(".git")).unwrap_or(&directory);
        let too_wide = root.parent().is_none()
            || home.as_deref().and_then(|home| home.canonicalize().ok()).as_deref() == Some(root);
        if too_wide && !root.join("lab.toml").exists() {
            let message = format!("Will not take a whole home directory or disk for a project: {}", root.display());
            return Err(Error::new(ErrorKind::Usage, message)
                .hint("change into the experiment's folder, or run `lab init` here if you mean it"));
        }
        self.add_project(root, None)
    }

    /// Appends a person's words, with the pictures in files that they show.
    ///
    /// # Errors
    /// Those of writing the notebook, and of [`crate::picture_file`].
    pub fn edit(&self, edits: Vec<(Target, Change)>) -> Result<()> {
        let time = self.now();
        let (mut encoder, mut records, mut waited) = (Encoder::new(COMPRESSION_LEVEL), Vec::new(), Vec::new());
        for (target, change) in edits {
            let with = self.with_pictures(time, target, change, &mut encoder)?;
            records.extend(with.records);
            records.push(encoder.json(RecordKind::Edit, &with.edit));
            waited.extend(with.waited);
        }
        self.append(&mut |_, writer| {
            for record in records.drain(..) {
                writer.append(record)?;
            }
            Ok(())
        })?;
        for path in waited {
            // The notebook has it; should the file stay, it only takes room.
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }

    /// Logs values to a run that goes on; without `run` to the one that `$LAB_RUN_ID` names.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is no such run or it is over.
    pub fn log_points(&self, run: Option<&str>, step: Option<i64>, values: &[(String, f64)]) -> Result<RunId> {
        let id = match run.or_else(|| self.config.variable("LAB_RUN_ID")) {
            Some(spec) => match spec.parse::<RunId>() {
                Ok(id) => id,
                Err(_) => {
                    let project = self.project_of(&self.config.cwd)?;
                    self.plain_reader()?.resolve(spec, project.as_ref().map(|project| &project.id))?.start.run
                }
            },
            None => {
                return Err(Error::new(ErrorKind::Usage, "No run to log to")
                    .hint("call `lab log` from a program started by `lab run`, or name one with --run"));
            }
        };
        let live = LiveRun::new(&self.notebook.live_dir(), &id);
        if !live.directory.exists() {
            return Err(Error::new(ErrorKind::Missing, format!("Run {id} is over or unknown"))
                .hint("values can be logged while a run goes on"));
        }
        live.append_logged(step, self.now(), values)?;
        Ok(id)
    }
}

/// For tests: `LAB_FAULT=<point>:<times>` ends the process, as by `kill -9`, when it comes to a durable
/// step for the last of so many times.
fn arm_fault(config: &EngineConfig) {
    let Some((point, skip)) = config.variable("LAB_FAULT").and_then(|spec| spec.rsplit_once(':')) else { return };
    let skip = skip.parse().unwrap_or(0);
    if lab_store::fault::POINTS.contains(&point) {
        lab_store::fault::set(point, skip, lab_store::fault::Action::Abort);
    } else {
        lab_workdir::restore::fault::set(point, skip, lab_workdir::restore::fault::FaultAction::Abort);
    }
}

/// The root of a project as its record says it.
pub(crate) fn root_text(root: &Path) -> String {
    root.to_string_lossy().into_owned()
}

/// Reads `lab.toml`, and its bytes for the key of the index.
pub(crate) fn load_config(root: &Path) -> Result<(Config, Vec<u8>)> {
    Ok(Config::load(root)?)
}

/// Reads the machine's key; `None` when there is none yet.
pub(crate) fn load_key(path: &Path) -> Result<Option<[u8; 32]>> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::disk("read", path, error)),
    };
    let mut key = Vec::new();
    file.read_to_end(&mut key).map_err(|error| Error::disk("read", path, error))?;
    key.try_into().map(Some).map_err(|_| {
        Error::new(ErrorKind::Damaged, format!("The machine's key is not 32 bytes long: {}", path.display()))
            .hint("put the right file back; without it sealed files cannot be read")
    })
}

/// Makes the machine's key, or takes the one that another process has made meanwhile.
fn make_key(config: &EngineConfig) -> Result<[u8; 32]> {
    let path = &config.key_file;
    let fail = |error| Error::disk("write", path, error);
    if let Some(parent) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(fail)?;
    }
    let mut key = [0; 32];
    config.random.fill(&mut key);
    // A link of a finished file: nobody can ever see half a key.
    let fresh = path.with_extension(format!("{:016x}.new", config.random.word()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(fail)?;
    file.write_all(&key).and_then(|()| file.sync_all()).map_err(fail)?;
    let linked = std::fs::hard_link(&fresh, path);
    std::fs::remove_file(&fresh).map_err(fail)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            load_key(path)?.ok_or_else(|| Error::new(ErrorKind::Busy, "The machine's key vanished while it was read"))
        }
        Err(error) => Err(fail(error)),
    }
}
