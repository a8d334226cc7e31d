mod cells;
mod columns;
mod following;
mod log;
mod outlines;
mod table;

pub(crate) use following::Shared;
pub use log::LogWindow;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use lab_ingest::params::{Script, script_of};
use lab_model::{
    Entry, Hash, Kind, PathDiff, ProcessKey, Project, ProjectId, RelPath, RestoreRecord, RunFacts, RunId, Series,
    Snapshot, Status, Summary,
};
use lab_store::{DiskUse, EarlierRun, NoteRow, RunQuery, RunRow, SealKey, Statistics, WORD_END};

use crate::engine::load_key;
use crate::live::{LiveReader, LiveRun, LogLine, parse_log};
use crate::{Error, ErrorKind, Result};

/// Everything that can be looked at, as it stands. Holds no lock: writers go on beside it.
pub struct Reader {
    store: lab_store::Reader,
    live: PathBuf,
    key_file: PathBuf,
    key: OnceLock<Option<SealKey>>,
    log_lines: RefCell<log::Counts>,
    shared: Arc<Shared>,
    outlines: RefCell<outlines::Outlines>,
}

impl Reader {
    pub(crate) fn new(store: lab_store::Reader, live: PathBuf, key_file: PathBuf) -> Self {
        Self {
            store,
            live,
            key_file,
            key: OnceLock::new(),
            log_lines: RefCell::default(),
            shared: Arc::default(),
            outlines: RefCell::default(),
        }
    }

    pub(crate) const fn store(&self) -> &lab_store::Reader {
        &self.store
    }

    /// The key that opens sealed files, where this machine has one.
    pub(crate) fn key(&self) -> Option<&SealKey> {
        self.key.get_or_init(|| load_key(&self.key_file).ok().flatten().map(|key| SealKey::new(&key))).as_ref()
    }

    /// All projects, by name.
    ///
    /// # Errors
    /// Those of reading the index; so for every method here.
    pub fn projects(&self) -> Result<Vec<Project>> {
        Ok(self.store.projects()?)
    }

    /// One project.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn project(&self, id: &ProjectId) -> Result<Option<Project>> {
        Ok(self.store.projects()?.into_iter().find(|project| project.id == *id))
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn runs(&self, query: &RunQuery) -> Result<Vec<RunRow>> {
        Ok(self.store.runs(query)?.into_iter().map(with_found_params).collect())
    }

    /// One run.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn run(&self, id: &RunId) -> Result<Option<RunRow>> {
        Ok(self.store.run(id)?.map(with_found_params))
    }

    /// What was gathered beside a run.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn facts(&self, id: &RunId) -> Result<Option<RunFacts>> {
        Ok(self.store.facts(id)?)
    }

    /// How many runs there are in `project`, or in all; hidden and removed ones only when wanted.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn count_runs(&self, query: &RunQuery) -> Result<u64> {
        Ok(self.store.count_runs(query)?)
    }

    /// The last comparable run before this one: of the same project and the same script, not
    /// hidden; one that ended well when there is one.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn base_of(&self, row: &RunRow) -> Result<Option<RunRow>> {
        Ok(self.bases(std::slice::from_ref(row))?.pop().flatten())
    }

    /// The bases of many runs, in their order, as [`Reader::base_of`] finds them one by one; each
    /// project's runs are read only once.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn bases(&self, rows: &[RunRow]) -> Result<Vec<Option<RunRow>>> {
        let mut by_project: BTreeMap<&ProjectId, Vec<usize>> = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            by_project.entry(&row.start.project).or_default().push(place);
        }
        let mut bases = vec![None; rows.len()];
        for (project, places) in by_project {
            self.bases_in(project, rows, &places, &mut bases)?;
        }
        Ok(bases)
    }

    fn bases_in(
        &self,
        project: &ProjectId,
        rows: &[RunRow],
        places: &[usize],
        bases: &mut [Option<RunRow>],
    ) -> Result<()> {
        // Places may lie far apart: each window begins at the newest one that has no answer yet.
        let mut left: Vec<usize> = places.to_vec();
        left.sort_by_key(|place| std::cmp::Reverse(rows[*place].start.time));
        let mut expected = left.len();
        while let Some(first) = left.first() {
            // Nearly always one of the runs right before is the base: only then are more read.
            for more in [4, 40, LOOK_BACK] {
                let limit = expected + more;
                let earlier = self.store.earlier_runs(project, rows[*first].start.time, limit)?;
                let script = |run: &EarlierRun| {
                    let words: Vec<String> = run.command.split(WORD_END).map(str::to_owned).collect();
                    script_of_words(&words)
                };
                let scripts: Vec<String> = earlier.iter().map(script).collect();
                let whole = earlier.len() < limit;
                let found = |place: usize| {
                    let row = &rows[place];
                    let (base, certain) = base_among(row, &earlier, &scripts);
                    // As many runs as are looked back upon at all.
                    let enough = earlier.partition_point(|other| other.time >= row.start.time) + LOOK_BACK;
                    (certain || whole || earlier.len() >= enough).then_some(base)
                };
                let answered: Vec<_> = left.iter().map(|place| found(*place)).collect();
                if answered[0].is_none() && more < LOOK_BACK {
                    continue;
                }
                for (place, answer) in left.iter().zip(&answered) {
                    let Some(base) = answer.flatten().map(|base| &earlier[base].run) else { continue };
                    // Most bases are in the list themselves.
                    let listed = rows.iter().find(|row| row.start.run == *base).cloned();
                    bases[*place] = listed.map_or_else(|| self.run(base), |row| Ok(Some(row)))?;
                }
                // How many lie near enough is guessed from how many just did.
                expected = answered.iter().flatten().count();
                let mut answered = answered.iter().enumerate();
                left.retain(|_| answered.next().is_some_and(|(at, answer)| at > 0 && answer.is_none()));
                break;
            }
        }
        Ok(())
    }

    /// A snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when it is not whole.
    pub fn snapshot(&self, id: &Hash) -> Result<Snapshot> {
        Ok(self.store.snapshot(id)?)
    }

    /// The snapshot whose id starts with `prefix`, when exactly one does.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when several do.
    pub fn find_snapshot(&self, prefix: &str) -> Result<Option<Hash>> {
        // Fewer digits are rather the beginning of a run's id or name.
        let found = if prefix.len() < 4 { Vec::new() } else { self.store.find_snapshots(prefix)? };
        match found[..] {
            [] => Ok(None),
            [id] => Ok(Some(id)),
            _ => Err(Error::new(
                ErrorKind::Usage,
                format!("{} snapshots start with {}", found.len(), prefix.to_lowercase()),
            )
            .hint("type more of the id")),
        }
    }

    /// Everything in a snapshot, parents before children.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when a tree is missing.
    pub fn files(&self, snapshot: &Hash) -> Result<Vec<(RelPath, Entry)>> {
        let root = self.snapshot(snapshot)?.root;
        let mut files = Vec::new();
        let mut stack = vec![(RelPath::root(), root)];
        while let Some((directory, tree)) = stack.pop() {
            let mut below = Vec::new();
            for entry in self.store.tree(&tree)?.entries {
                let Ok(path) = directory.join(&entry.name) else { continue };
                if let (Kind::Directory, Some(tree)) = (entry.kind, entry.tree) {
                    below.push((path.clone(), tree));
                }
                files.push((path, entry));
            }
            stack.extend(below.into_iter().rev());
        }
        Ok(files)
    }

    /// The entry at `path`, without reading more trees than the path has parts.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when a tree is missing.
    pub fn entry(&self, snapshot: &Hash, path: &RelPath) -> Result<Option<Entry>> {
        let mut tree = Some(self.snapshot(snapshot)?.root);
        let mut found = None;
        for part in path.parts() {
            let Some(id) = tree else { return Ok(None) };
            found = self.store.tree(&id)?.get(part).cloned();
            tree = found.as_ref().and_then(|entry| entry.tree);
            if found.is_none() {
                return Ok(None);
            }
        }
        Ok(found)
    }

    /// A file's whole content.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when the notebook has only its hash, or when it is sealed and this
    /// machine does not have the key.
    pub fn content(&self, entry: &Entry) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(entry.size).unwrap_or(0).min(64 << 20));
        self.copy_content(entry, &mut |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Hands out a file's content in parts.
    ///
    /// # Errors
    /// See [`Reader::content`].
    pub fn copy_content(&self, entry: &Entry, sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<()> {
        if !entry.content.is_restorable() {
            let name = lab_model::display_bytes(&entry.name);
            return Err(Error::new(ErrorKind::Missing, format!("The notebook holds only the hash of {name}")));
        }
        self.store.copy_content(&entry.content, self.key(), sink)?;
        Ok(())
    }

    /// Every path at which two snapshots differ.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when a tree is missing.
    pub fn difference(&self, left: &Hash, right: &Hash) -> Result<Vec<PathDiff>> {
        let (left, right) = (self.snapshot(left)?.root, self.snapshot(right)?.root);
        Ok(lab_model::diff::trees(Some(left), Some(right), &mut |id| self.store.tree(id))?)
    }

    fn live(&self, row: &RunRow) -> LiveRun {
        LiveRun::new(&self.live, &row.start.run)
    }

    /// A reader of the metrics of a run that goes on, to be asked again and again: it reads only what is new.
    pub fn live_metrics(&self, row: &RunRow) -> LiveReader {
        LiveReader::new(&self.live(row), row.start.time)
    }

    /// All metrics and machine samples of a run, also of one that goes on.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when a record is missing.
    pub fn series(&self, row: &RunRow) -> Result<Vec<Series>> {
        let Some(end) = &row.end else { return Ok(self.followed(row, |live| live.series())) };
        end.series.iter().map(|series| self.series_record(&series.record)).collect()
    }

    /// One metric of a run, also of one that goes on.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when its record is missing.
    pub fn one_series(&self, row: &RunRow, key: &str) -> Result<Option<Series>> {
        let Some(end) = &row.end else {
            return Ok(self.followed(row, |live| live.one_series(key)));
        };
        let found = end.series.iter().find(|series| series.summary.key == key);
        found.map(|series| self.series_record(&series.record)).transpose()
    }

    fn series_record(&self, id: &Hash) -> Result<Series> {
        Series::decode(&self.store.read(id, self.key())?)
            .ok_or_else(|| Error::new(ErrorKind::Damaged, format!("A series record is damaged: {id}")))
    }

    /// The summaries of all metrics, without reading the points of a run that is over.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn summaries(&self, row: &RunRow) -> Result<Vec<Summary>> {
        Ok(match &row.end {
            Some(end) => end.series.iter().map(|series| series.summary.clone()).collect(),
            None => self.followed(row, |live| live.summaries()),
        })
    }

    /// The log of a run, also of one that goes on.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when a record is missing.
    pub fn log(&self, row: &RunRow) -> Result<Vec<LogLine>> {
        let Some(end) = &row.end else { return Ok(self.live(row).log()) };
        let mut lines = Vec::new();
        for record in &end.log.records {
            lines.extend(parse_log(&self.store.read(record, self.key())?));
        }
        Ok(lines)
    }

    /// Restores in place, undos and redos of a project, oldest first.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn restores(&self, project: &ProjectId) -> Result<Vec<(Hash, RestoreRecord)>> {
        Ok(self.store.restores(project)?)
    }

    /// How large the notebook is.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn statistics(&self) -> Result<Statistics> {
        Ok(self.store.statistics()?)
    }

    /// Looks at so many records more to tell how much of the notebook each project needs; true when all were looked at.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn measure(&self, usage: &mut DiskUse, most: usize) -> Result<bool> {
        Ok(self.store.measure(usage, most)?)
    }

    /// Whether somebody still looks after a run that has no end yet.
    pub fn is_alive(&self, row: &RunRow) -> bool {
        let front = self.live(row).front();
        row.end.is_none() && (alive(&row.start.supervisor) || front.as_ref().is_some_and(alive))
    }

    /// How a run stands; one without an end whose process is gone is lost.
    pub fn standing(&self, row: &RunRow) -> Status {
        match &row.end {
            Some(end) => end.status,
            None if self.is_alive(row) => Status::Running,
            // It may have been closed since the row was read.
            None => {
                let now = self.store.run(&row.start.run).ok().flatten().and_then(|row| row.end);
                now.map_or(Status::Lost, |end| end.status)
            }
        }
    }

    /// What was written down on a project and its runs, or on all; the newest `most`, newest first.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn notes(&self, project: Option<&ProjectId>, most: usize) -> Result<Vec<NoteRow>> {
        Ok(self.store.recent_notes(project, most)?)
    }

    /// The runs that go on, as far as the notebook knows.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn open_runs(&self) -> Result<Vec<RunId>> {
        Ok(self.store.open_runs()?.into_iter().map(|start| start.run).collect())
    }

    /// The views that a project keeps: name and query text.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn views(&self, project: &ProjectId) -> Result<Vec<(String, String)>> {
        Ok(self.store.views(project)?)
    }

    /// Changes whenever another process has committed to the notebook.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn data_version(&self) -> Result<u64> {
        Ok(self.store.data_version()?)
    }
}

/// A run is not compared with one that lies more runs behind.
const LOOK_BACK: usize = 200;

/// What frameworks told of the parameters stands beside what the command line and config files say; those
/// were there first.
fn with_found_params(mut row: RunRow) -> RunRow {
    let found = row.end.as_ref().map(|end| end.params.clone()).unwrap_or_default();
    for (name, value) in found {
        row.start.params.entry(name).or_insert(value);
    }
    row
}

/// Which of `earlier` (newest first) is the base of `row`, and whether reading more could not change that.
fn base_among(row: &RunRow, earlier: &[EarlierRun], scripts: &[String]) -> (Option<usize>, bool) {
    let script = script_of_words(&row.start.argv);
    let from = earlier.partition_point(|other| other.time >= row.start.time);
    let to = earlier.len().min(from + LOOK_BACK);
    let mut comparable = (from..to).filter(|place| scripts[*place] == script && earlier[*place].run != row.start.run);
    let done = |place: &usize| earlier[*place].status == Some(Status::Done);
    let first = comparable.next();
    let base = first.filter(done).or_else(|| comparable.find(done));
    (base.or(first), base.is_some() || to == from + LOOK_BACK)
}

fn alive(key: &ProcessKey) -> bool {
    lab_exec::is_alive(key)
}

/// What two command lines must share to be comparable: the script, else the program.
fn script_of_words(argv: &[String]) -> String {
    match script_of(argv) {
        Some(Script::File(path)) => {
            let path = Path::new(&path);
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
        }
        Some(Script::Module(name)) => name,
        None => argv.first().cloned().unwrap_or_default(),
    }
}
