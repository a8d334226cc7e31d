use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lab_model::Time;

use crate::pack::PackName;
use crate::{Result, StoreError, files, schema};

/// The format that this program writes.
pub const FORMAT: u64 = 1;

/// What tests and special tools choose differently.
#[derive(Clone, Debug)]
pub struct Options {
    /// A pack that has grown past this is sealed.
    pub seal_bytes: u64,
    /// How long a process waits for others before it gives up.
    pub wait_millis: u64,
    /// Never write, whatever is asked.
    pub read_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { seal_bytes: 512 << 20, wait_millis: 60_000, read_only: false }
    }
}

/// A notebook: a directory. Cheap to clone; holds no connection and no lock.
#[derive(Clone, Debug)]
pub struct Notebook {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub dir: PathBuf,
    pub options: Options,
    /// What `notebook.toml` says.
    pub card: Card,
    /// The owner, when it is not the user.
    pub foreign_owner: Option<u32>,
    pub network: bool,
    pub warnings: Vec<String>,
}

/// The contents of `notebook.toml`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Card {
    pub format: u64,
    pub id: String,
    pub created: i64,
}

impl Card {
    pub fn text(&self) -> String {
        format!("format = {}\nid = \"{}\"\ncreated = {}\n", self.format, self.id, self.created)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == name).then(|| value.trim())
            })
        };
        let id = field("id")?.trim_matches('"');
        let hexadecimal = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        Some(Self {
            format: field("format")?.parse().ok()?,
            id: hexadecimal.then(|| id.to_owned())?,
            created: field("created")?.parse().ok()?,
        })
    }
}

impl Notebook {
    /// Makes a notebook in `dir`, or opens the one that is there. `id` is random and used only for a
    /// new one. The directory above must be there.
    ///
    /// # Errors
    /// Those of [`Notebook::open`], and failed writes.
    pub fn create(dir: &Path, id: [u8; 16], time: Time) -> Result<Self> {
        Self::create_with(dir, id, time, Options::default())
    }

    /// As [`Notebook::create`], with other options.
    ///
    /// # Errors
    /// As [`Notebook::create`].
    pub fn create_with(dir: &Path, id: [u8; 16], time: Time, options: Options) -> Result<Self> {
        match Self::open_with(dir, options.clone()) {
            Err(StoreError::NotANotebook { .. }) => {}
            other => return other,
        }
        files::make_dir(dir)?;
        for name in ["packs", "live", "cache", "trash", "quarantine"] {
            files::make_dir(&dir.join(name))?;
        }
        let card = Card { format: FORMAT, id: hex(&id), created: time.0 };
        // `notebook.toml` comes last and makes the notebook; of several that try at once, the first wins.
        let temporary = dir.join(format!("notebook.toml.{}", card.id));
        remove_if_there(&temporary)?;
        files::write_new(&temporary, card.text().as_bytes())?;
        let path = dir.join("notebook.toml");
        let linked = fs::hard_link(&temporary, &path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            // File systems without hard links: a rename may replace, but only with another new notebook's card.
            _ => fs::rename(&temporary, &path),
        });
        linked.map_err(|error| StoreError::write(&path, error))?;
        remove_if_there(&temporary)?;
        files::sync_dir(dir)?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            files::sync_dir(parent)?;
        }
        Self::open_with(dir, options)
    }

    /// Opens the notebook in `dir`.
    ///
    /// # Errors
    /// [`StoreError::NotANotebook`], [`StoreError::Format`], or a failed read.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_with(dir, Options::default())
    }

    /// Opens the notebook in `dir` with other options.
    ///
    /// # Errors
    /// As [`Notebook::open`].
    pub fn open_with(dir: &Path, options: Options) -> Result<Self> {
        let path = dir.join("notebook.toml");
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(StoreError::NotANotebook { path: dir.to_owned() });
            }
            Err(error) => return Err(StoreError::read(&path, error)),
        };
        let card = Card::parse(&text).ok_or_else(|| StoreError::NotANotebook { path: dir.to_owned() })?;
        if card.format != FORMAT {
            return Err(StoreError::Format { path: dir.to_owned(), found: card.format });
        }
        let metadata = fs::metadata(dir).map_err(|error| StoreError::read(dir, error))?;
        let foreign_owner = (metadata.uid() != rustix::process::geteuid().as_raw()).then(|| metadata.uid());
        let network = files::is_network(dir);
        let mut warnings = Vec::new();
        if network {
            warnings.push("The notebook lies on a network file system: use it from one machine at a time".to_owned());
        }
        if metadata.mode() & 0o077 != 0 {
            warnings.push(format!("Other users may read the notebook (mode {:o})", metadata.mode() & 0o777));
        }
        let shared = Shared { dir: dir.to_owned(), options, card, foreign_owner, network, warnings };
        let notebook = Self { shared: Arc::new(shared) };
        notebook.complete();
        Ok(notebook)
    }

    /// Makes an index anew that an older program made, and the index of a notebook that nobody has written
    /// to yet: whoever was making it may have been killed, or may not have come so far. Once there are packs, a missing index is damage.
    fn complete(&self) {
        let index = self.index_path();
        if self.shared.options.read_only {
            return;
        }
        if schema::is_older(&index) {
            // While others write it stays as it is; the first use of the index says so.
            let _ = self.rebuild(&mut |_, _| {});
        }
        if index.exists() {
            return;
        }
        let packs = fs::read_dir(self.dir().join("packs")).map(|entries| {
            entries.flatten().any(|entry| entry.path().extension().is_some_and(|ending| ending == "pack"))
        });
        if let Ok(false) = packs {
            // Should this fail, the first use of the index says why.
            let _ = schema::create(self, &index);
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The notebook's id, 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.shared.card.id
    }

    /// Where working files of runs that go on lie.
    pub fn live_dir(&self) -> PathBuf {
        self.dir().join("live")
    }

    /// Where files lie that can be made again.
    pub fn cache_dir(&self) -> PathBuf {
        self.dir().join("cache")
    }

    /// Forgets what caches believe to be in the notebook, durably. Whoever takes records away does
    /// it first and under the lock: a cache that outlives a record would make the next snapshot
    /// name something that is gone.
    pub(crate) fn forget_caches(&self) -> Result<()> {
        let directory = self.cache_dir();
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::read(&directory, error)),
        };
        for entry in entries.flatten() {
            // Programs of a traced run load a library from there, and drafts of notes show pictures: neither knows
            // anything of records.
            let path = entry.path();
            if !["so", "png"].iter().any(|ending| path.extension() == Some(ending.as_ref())) {
                remove_if_there(&path)?;
            }
        }
        files::sync_dir(&directory)
    }

    /// Whether the directory belongs to somebody else than the user.
    pub fn is_foreign(&self) -> bool {
        self.shared.foreign_owner.is_some()
    }

    /// What the person should know about where the notebook lies.
    pub fn warnings(&self) -> Vec<String> {
        self.shared.warnings.clone()
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.dir().join("notebook.db")
    }

    pub(crate) fn packs_dir(&self) -> PathBuf {
        self.dir().join("packs")
    }

    pub(crate) fn trash_dir(&self) -> PathBuf {
        self.dir().join("trash")
    }

    pub(crate) fn quarantine_dir(&self) -> PathBuf {
        self.dir().join("quarantine")
    }

    pub(crate) fn pack_path(&self, name: PackName) -> PathBuf {
        self.packs_dir().join(format!("{name}.pack"))
    }

    /// The packs in `packs/`, in order of their names. Other files are passed over.
    pub(crate) fn pack_names(&self) -> Result<Vec<PackName>> {
        let dir = self.packs_dir();
        let mut names = Vec::new();
        for entry in fs::read_dir(&dir).map_err(|error| StoreError::read(&dir, error))? {
            let entry = entry.map_err(|error| StoreError::read(&dir, error))?;
            names.extend(entry.file_name().to_str().and_then(|name| PackName::parse(name.strip_suffix(".pack")?)));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Refuses unless this process may write here.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.shared.options.read_only {
            return Err(StoreError::write(self.dir(), io::Error::from(io::ErrorKind::ReadOnlyFilesystem)));
        }
        match self.shared.foreign_owner {
            Some(uid) => Err(StoreError::Owner { path: self.dir().to_owned(), uid }),
            None => Ok(()),
        }
    }

    /// Takes the lock that keeps garbage collection and writers apart: writers share it for as long
    /// as they live, collection has it alone.
    pub(crate) fn lock(&self, exclusive: bool) -> Result<File> {
        self.check_writable()?;
        let path = self.packs_dir().join(".gc.lock");
        let file = files::open_lock(&path)?;
        files::lock(&file, exclusive, self.shared.options.wait_millis, &path)?;
        Ok(file)
    }
}

/// Removes a file; fine when it is not there.
pub(crate) fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::write(path, error)),
        _ => Ok(()),
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
