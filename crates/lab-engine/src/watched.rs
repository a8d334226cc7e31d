//! Snapshots of projects that are kept in view: they cost what changed since the last one.
//!
//! [`Watched`] holds the [`lab_workdir::watch::Watches`] of any number of projects. A snapshot as of a moment
//! names the files of which nobody can say that they are as they were then: their content is that of before
//! where it is known, they are called unsteady in the snapshot and its coverage, and every content that they
//! may have had is kept.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::fd::BorrowedFd;
use std::path::Path;

use lab_model::{Content, Domain, Hash, Kind, Omission, OmissionReason, Project, ProjectId, RelPath, Snapshot};
use lab_store::{Record, Writer};
use lab_workdir::watch::{Candidate, HotIndex, Unsteady, WatchId, Watches, Witnessed};
use lab_workdir::{Index, Scan};
use rustix::time::{ClockId, clock_gettime};

pub use lab_workdir::watch::{Listener, Reason, Span, State};

use crate::engine::load_config;
use crate::snapshot::{Held, Listed, Request, Taken, finish};
use crate::{Engine, Error, ErrorKind, Result, SnapshotOutcome};

/// The projects that are kept in view.
#[derive(Default)]
pub struct Watched {
    watches: Watches,
    projects: HashMap<ProjectId, Place>,
}

/// A file that cannot be said to be as it was at the moment of the snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnsteadyFile {
    /// The file.
    pub path: RelPath,
    /// When a change became known, in nanoseconds of [`monotonic_nanos`]: the first one after the moment.
    pub changed_after_nanos: u64,
    /// What it may have held, the oldest first. All are in the notebook once the snapshot is committed.
    pub candidates: Vec<Content>,
}

/// What is remembered of one project.
struct Place {
    id: WatchId,
    project: Project,
    config_bytes: Vec<u8>,
    /// The tree that all that is known is in; a notebook without it may lack any of it.
    root_tree: Option<Hash>,
    /// The cache on the disk says the same.
    is_saved: bool,
    /// The last snapshot of a steady project, and the walk after which it was taken.
    last: Option<(u64, Snapshot, Record)>,
}

/// `CLOCK_MONOTONIC`, in nanoseconds: the clock of the kernel's own stamps on process events.
pub fn monotonic_nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

impl Watched {
    /// Begins to watch a project, with what the cache knows of it.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when its directory is not there.
    pub fn add(&mut self, engine: &Engine, project: &Project) -> Result<()> {
        self.remove(&project.id);
        let (config, config_bytes) = load_config(Path::new(&project.root))?;
        let request = request(project, &config, &config_bytes);
        let (path, key) = engine.cache_of(&request.request());
        let index = Index::load(&path, &key);
        let root_tree = index.as_ref().and_then(Index::root_tree);
        let rules = engine.rules_of(&request.request())?;
        let id = self.watches.add(Path::new(&project.root), rules, index.as_ref(), &monotonic_nanos)?;
        let project_of = project.clone();
        let place = Place { id, project: project_of, config_bytes, root_tree, is_saved: true, last: None };
        self.projects.insert(project.id.clone(), place);
        Ok(())
    }

    /// Ends to watch a project.
    pub fn remove(&mut self, project: &ProjectId) {
        if let Some(place) = self.projects.remove(project) {
            self.watches.remove(place.id);
        }
    }

    /// The projects that are watched.
    pub fn projects(&self) -> impl Iterator<Item = &Project> {
        self.projects.values().map(|place| &place.project)
    }

    /// Becomes readable when something happened: then call [`Watched::drain`]. `None` where the system has no
    /// such events.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.watches.as_fd()
    }

    /// Reads what happened. `now` is [`monotonic_nanos`], or stands for it; it is called after each reading, for
    /// a time from before could be older than the change.
    pub fn drain(&mut self, now: &dyn Fn() -> u64) {
        self.watches.drain(now);
    }

    /// To be called right after something started in a project: what was edited just before is certain from then
    /// on, whatever is edited next.
    pub fn witness(&mut self, project: &ProjectId) {
        if let Some(place) = self.projects.get(project) {
            self.watches.witness(place.id, &monotonic_nanos);
        }
    }

    /// What reads events on another thread, so that each is known as soon as it happens.
    pub fn listener(&self) -> Listener {
        self.watches.listener()
    }

    /// Whether all that a snapshot as of now would have to read is in memory already or in the notebook. Then a
    /// snapshot as of the moment that comes back tells the same later.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when the project's directory is gone.
    pub(crate) fn secure(&mut self, engine: &Engine, project: &ProjectId) -> Result<Option<u64>> {
        let Some(id) = self.brought_up_to_date(engine, project)? else { return Ok(None) };
        let moment = monotonic_nanos();
        self.watches.witness(id, &monotonic_nanos);
        let Some(hot) = self.watches.get(id).filter(|hot| hot.vouches_since(moment)) else { return Ok(None) };
        let scan = hot.scan();
        let is_secured = scan.unknown_dirs().into_iter().all(|dir| {
            let dir = &scan.dirs[dir];
            let unknown = dir.entries.iter().filter(|entry| entry.kind == Kind::File && entry.known.is_none());
            unknown
                .map(|entry| dir.path.join(&entry.name))
                .all(|path| path.is_ok_and(|path| hot.is_witnessed(&path, moment)))
        });
        Ok(is_secured.then_some(moment))
    }

    /// The last snapshot once more, when nothing has been listed again since: right after [`Watched::secure`] there is
    /// nothing to be written then.
    pub(crate) fn unchanged(&self, project: &ProjectId) -> Option<Taken> {
        let place = self.projects.get(project)?;
        let hot = self.watches.get(place.id)?;
        let (walks, snapshot, record) = place.last.as_ref()?;
        let tree = hot.scan().dirs[0].known.map(|known| known.tree);
        let root = hot.scan().root_stat;
        let is_same_root =
            (root.mode & 0o7777, (root.mtime, root.mtime_nanos)) == (snapshot.root_mode, snapshot.root_mtime);
        (*walks == hot.walks() && tree == Some(snapshot.root) && is_same_root).then(|| Taken {
            id: record.id(),
            snapshot: snapshot.clone(),
            record: record.clone(),
            files_read: 0,
            scan: hot.scan().clone(),
            cache: None,
        })
    }

    /// The files of a project as they are listed now; nothing is read. `None` when more would have to be done than to list
    /// what changed.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when the project's directory is gone.
    pub(crate) fn list(&mut self, engine: &Engine, project: &ProjectId) -> Result<Option<Listed>> {
        if !matches!(self.state(project), Some(State::Watched { .. })) {
            return Ok(None);
        }
        let Some(id) = self.brought_up_to_date(engine, project)? else { return Ok(None) };
        let root_tree = self.projects.get(project).and_then(|place| place.root_tree);
        Ok(self.watches.get(id).map(|hot| Listed { scan: hot.scan().clone(), root_tree }))
    }

    /// Lists what changed in a project of which a tree is in the notebook; `None` when there is none, or when its
    /// configuration has changed since.
    fn brought_up_to_date(&mut self, engine: &Engine, project: &ProjectId) -> Result<Option<WatchId>> {
        let Some(place) = self.projects.get(project).filter(|place| place.root_tree.is_some()) else {
            return Ok(None);
        };
        let (config, config_bytes) = load_config(Path::new(&place.project.root))?;
        if config_bytes != place.config_bytes {
            return Ok(None);
        }
        let request = request(&place.project, &config, &config_bytes);
        self.watches.prepare(place.id, engine.rules_of(&request.request())?, &monotonic_nanos)?;
        Ok(Some(place.id))
    }

    /// How well a project is watched; `None` when it is not.
    pub fn state(&self, project: &ProjectId) -> Option<State> {
        self.watches.state(self.projects.get(project)?.id)
    }

    /// Takes a snapshot and keeps it.
    ///
    /// # Errors
    /// Those of [`Engine::snapshot`].
    pub fn snapshot(
        &mut self,
        engine: &Engine,
        project: &ProjectId,
        as_of: Option<u64>,
    ) -> Result<(SnapshotOutcome, Vec<UnsteadyFile>)> {
        let started = std::time::Instant::now();
        let mut writer = engine.writer()?;
        let (taken, unsteady) = self.take(engine, project, &mut writer, as_of.map(Span::from))?;
        writer.append(taken.record.clone())?;
        writer.commit(engine.now())?;
        let outcome = SnapshotOutcome {
            id: taken.id,
            files_read: taken.files_read,
            stored_bytes: writer.appended_bytes(),
            millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            snapshot: taken.snapshot,
        };
        Ok((outcome, unsteady))
    }

    /// Appends a snapshot to the writer's batch, as of a moment on the clock of [`monotonic_nanos`], which need not be
    /// known exactly, or as of now, and names the files that may not be as they were at that moment. The caller appends the record and
    /// commits; what was not committed is noticed at the next snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when the project is not watched or its directory is gone; else those of writing the
    /// notebook.
    pub(crate) fn take(
        &mut self,
        engine: &Engine,
        project: &ProjectId,
        writer: &mut Writer,
        as_of: Option<Span>,
    ) -> Result<(Taken, Vec<UnsteadyFile>)> {
        let Self { watches, projects } = self;
        let place = projects.get_mut(project).ok_or_else(not_watched)?;
        let (config, config_bytes) = load_config(Path::new(&place.project.root))?;
        let project = place.project.clone();
        let owner = request(&project, &config, &config_bytes);
        let request = owner.request();
        let time = engine.now();
        let holds_all = match &place.root_tree {
            Some(tree) => writer.contains(tree)?,
            None => true,
        };
        let hot = watches.get_mut(place.id).ok_or_else(not_watched)?;
        if !holds_all || config_bytes != place.config_bytes {
            hot.forget();
            place.config_bytes.clone_from(&config_bytes);
        }
        watches.prepare(place.id, engine.rules_of(&request)?, &monotonic_nanos)?;
        let hot = watches.get_mut(place.id).ok_or_else(not_watched)?;
        let mut moment = as_of.map(Moment::new);
        let held = moment.as_mut().map(|moment| moment.hold(hot)).unwrap_or_default();
        // The rules lie beside the scan, so it is taken out while files are read.
        let mut found = hot.take_scan();
        let read = engine.read_unknown(writer, &request, hot.rules(), &mut found, &held, &mut |_, _| {});
        hot.put_scan(found);
        let read = read?;
        let mut more = Vec::new();
        if let Some(moment) = &mut moment {
            // Whoever is just changing a file that was read is waited for, so that the next events tell of it.
            if let Some(hot) = watches.get(place.id) {
                read.iter().for_each(|(dir, entry)| hot.wait_for_writer(*dir, *entry));
            }
            watches.read_events(&monotonic_nanos);
            let hot = watches.get_mut(place.id).ok_or_else(not_watched)?;
            more = moment.mark(hot, &read);
        }
        let hot = watches.get_mut(place.id).ok_or_else(not_watched)?;
        let unsteady = moment.map_or_else(|| Ok(Vec::new()), |moment| moment.keep(engine, hot, writer))?;
        let unknown = hot.scan().unknown_dirs();
        let (snapshot, record) = finish(&project, time, hot.scan_mut(), more, writer)?;
        hot.learned(&unknown);
        place.is_saved &= place.root_tree == Some(snapshot.root);
        place.root_tree = Some(snapshot.root);
        let files_read = read.len() as u64;
        place.last = unsteady.is_empty().then(|| (hot.walks(), snapshot.clone(), record.clone()));
        let taken = Taken { id: record.id(), snapshot, record, files_read, scan: hot.scan().clone(), cache: None };
        Ok((taken, unsteady))
    }

    /// Writes what is known into the caches of the projects, for scans by others. Call it when there is nothing
    /// else to do: it costs what exists.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when the index of the notebook cannot be read.
    pub fn save(&mut self, engine: &Engine) -> Result<()> {
        for place in self.projects.values_mut().filter(|place| !place.is_saved) {
            let Some(scan) = self.watches.get(place.id).map(HotIndex::scan) else { continue };
            // Only after the commit: a cache must never name bytes that the notebook does not hold.
            let Some(tree) = scan.dirs[0].known.map(|known| known.tree) else { continue };
            if !engine.index()?.contains(&tree)? {
                continue;
            }
            let (config, _) = load_config(Path::new(&place.project.root))?;
            let (path, key) = engine.cache_of(&request(&place.project, &config, &place.config_bytes).request());
            // It only saves time; without it the next scan reads everything again.
            place.is_saved = Index::save(scan, &key, &path).is_ok();
        }
        Ok(())
    }
}

/// What a snapshot as of a moment has to know.
struct Moment {
    span: Span,
    /// Its beginning: what changed later may have changed after it.
    nanos: u64,
    /// The same on the clock of file times.
    file_time: i128,
    unsteady: Vec<Unsteady>,
    /// Files that were left as they were then; some have changed since.
    witnessed: Vec<Witnessed>,
}

impl Moment {
    fn new(span: Span) -> Self {
        let nanos = span.earliest_nanos;
        let file_time = HotIndex::file_time_of(nanos);
        Self { span, nanos, file_time, unsteady: Vec::new(), witnessed: Vec::new() }
    }

    /// Finds what changed after the moment, and gives the bytes of before where they are held.
    fn hold(&mut self, hot: &mut HotIndex) -> Held {
        self.unsteady = hot.unsteady(self.span);
        let mut held = Held::new();
        for file in self.unsteady.iter().filter(|file| file.before_is_known) {
            let Some((dir, entry)) = place_of(hot.scan(), &file.path) else { continue };
            let scan = hot.scan_mut();
            scan.forget_tree(dir);
            let found = &mut scan.dir_mut(dir).entries[entry];
            match file.candidates.first() {
                Some(Candidate::Held(bytes)) => {
                    found.known = None;
                    held.insert((dir, entry), bytes.clone());
                }
                Some(Candidate::Known(known, stat)) => {
                    found.known = Some(known.clone());
                    found.stat = *stat;
                }
                None => {}
            }
        }
        self.witnessed = hot.witnessed(self.span);
        for Witnessed { path, file, has_changed } in &self.witnessed {
            let Some((dir, entry)) = place_of(hot.scan(), path) else { continue };
            if !has_changed && hot.scan().dirs[dir].entries[entry].known.is_some() {
                continue;
            }
            let scan = hot.scan_mut();
            scan.forget_tree(dir);
            scan.dir_mut(dir).entries[entry].known = None;
            held.insert((dir, entry), file.clone());
            if *has_changed {
                hot.is_of_the_past(path);
            }
        }
        held
    }

    /// Whether a file that was read is not what was read of it before the moment: it changed since, though
    /// nobody has told of it yet.
    fn differs(&self, hot: &HotIndex, (dir, entry): (usize, usize)) -> bool {
        let dir = &hot.scan().dirs[dir];
        let entry = &dir.entries[entry];
        let Ok(path) = dir.path.join(&entry.name) else { return false };
        hot.held_at(&path, self.nanos).is_some_and(|held| match entry.known.as_ref().map(|known| known.content) {
            Some(Content::Copied(hash)) => hash != Hash::of(Domain::Content, &held.bytes),
            _ => !held.stat.same_content(&entry.stat),
        })
    }

    /// Calls unsteady what changed after the moment; gives what is gone since.
    fn mark(&mut self, hot: &mut HotIndex, read: &[(usize, usize)]) -> Vec<Omission> {
        let (by_events, vouches) = (hot.unsteady(self.span), hot.vouches_since(self.nanos));
        let differing: HashSet<(usize, usize)> =
            read.iter().copied().filter(|place| self.differs(hot, *place)).collect();
        let scan = hot.scan_mut();
        let (mut gone, mut found) = (Vec::new(), BTreeMap::new());
        self.unsteady.clear();
        for Witnessed { path, file, .. } in self.witnessed.iter().filter(|file| file.has_changed) {
            if place_of(scan, path).is_none() {
                // It is no more: what it was is kept, but the tree has no place for it.
                gone.push(Omission { path: path.clone(), reason: OmissionReason::Unsteady, size_bytes: None });
                self.unsteady.push(Unsteady {
                    path: path.clone(),
                    changed_after_nanos: self.nanos,
                    before_is_known: true,
                    candidates: vec![Candidate::Held(file.clone())],
                });
            }
        }
        for file in by_events {
            if let Some(place) = place_of(scan, &file.path) {
                found.insert(place, file.changed_after_nanos);
                self.unsteady.push(file);
            } else if let Some(dir) = scan.find(&file.path) {
                for place in files_below(scan, dir) {
                    found.entry(place).or_insert_with(|| {
                        self.unsteady.extend(as_found(scan, place, file.changed_after_nanos));
                        file.changed_after_nanos
                    });
                }
            } else if !file.candidates.is_empty() {
                gone.push(Omission { path: file.path.clone(), reason: OmissionReason::Unsteady, size_bytes: None });
                self.unsteady.push(file);
            }
        }
        // What no event tells of, file times may.
        let asked: Vec<(usize, usize)> = if vouches { read.to_vec() } else { files_below(scan, 0).collect() };
        for place in asked {
            let stat = &scan.dirs[place.0].entries[place.1].stat;
            let changed = differing.contains(&place) || HotIndex::changed_after(stat, self.file_time, !vouches);
            if changed && found.insert(place, self.nanos).is_none() {
                self.unsteady.extend(as_found(scan, place, self.nanos));
            }
        }
        for (dir, entry) in found.into_keys() {
            scan.forget_tree(dir);
            if let Some(known) = &mut scan.dir_mut(dir).entries[entry].known {
                known.unsteady = true;
            }
        }
        self.unsteady.sort_by(|left, right| left.path.cmp(&right.path));
        self.unsteady.dedup_by(|left, right| left.path == right.path);
        gone
    }

    /// Keeps every content that a file may have had.
    fn keep(self, engine: &Engine, hot: &HotIndex, writer: &mut Writer) -> Result<Vec<UnsteadyFile>> {
        let mut kept = Vec::with_capacity(self.unsteady.len());
        for Unsteady { path, changed_after_nanos, candidates, .. } in self.unsteady {
            let mut contents = Vec::with_capacity(candidates.len());
            for candidate in candidates {
                let content = match candidate {
                    Candidate::Known(known, _) => known.content,
                    Candidate::Held(file) => engine.keep_bytes(writer, hot.rules(), &path, &file)?,
                };
                if contents.last() != Some(&content) {
                    contents.push(content);
                }
            }
            kept.push(UnsteadyFile { path, changed_after_nanos, candidates: contents });
        }
        Ok(kept)
    }
}

/// A file that may have changed, of which nothing is known but what was found.
fn as_found(scan: &Scan, (dir, entry): (usize, usize), changed_after_nanos: u64) -> Option<Unsteady> {
    let found = &scan.dirs[dir].entries[entry];
    let path = scan.dirs[dir].path.join(&found.name).ok()?;
    let candidates = found.known.iter().map(|known| Candidate::Known(known.clone(), found.stat)).collect();
    Some(Unsteady { path, changed_after_nanos, before_is_known: false, candidates })
}

/// Where a file stands in a scan.
fn place_of(scan: &Scan, path: &RelPath) -> Option<(usize, usize)> {
    let dir = scan.find(&path.parent()?)?;
    let entries = &scan.dirs[dir].entries;
    let entry = entries.binary_search_by(|entry| (*entry.name).cmp(path.file_name())).ok()?;
    (entries[entry].kind == Kind::File).then_some((dir, entry))
}

/// The files in a directory and below.
fn files_below(scan: &Scan, dir: usize) -> impl Iterator<Item = (usize, usize)> {
    let top = &scan.dirs[dir].path;
    let dirs = scan.dirs.iter().enumerate().skip(dir).take_while(move |(_, dir)| dir.path.is_within(top));
    dirs.flat_map(|(number, dir)| {
        let files = dir.entries.iter().enumerate().filter(|(_, entry)| entry.kind == Kind::File);
        files.map(move |(entry, _)| (number, entry))
    })
}

/// A request that owns its empty sets.
struct Owner<'a> {
    project: &'a Project,
    config: &'a lab_workdir::Config,
    config_bytes: &'a [u8],
    none: (HashSet<RelPath>, HashMap<RelPath, crate::complete::Hashed>),
}

impl Owner<'_> {
    const fn request(&self) -> Request<'_> {
        let Self { project, config, config_bytes, none: (force_copy, hashed) } = self;
        Request { project, config, config_bytes, force_copy, hashed }
    }
}

fn request<'a>(project: &'a Project, config: &'a lab_workdir::Config, config_bytes: &'a [u8]) -> Owner<'a> {
    Owner { project, config, config_bytes, none: (HashSet::new(), HashMap::new()) }
}

fn not_watched() -> Error {
    Error::new(ErrorKind::Missing, "The project is not watched").hint("start with `lab watch`")
}

#[cfg(test)]
pub(crate) mod tests;
