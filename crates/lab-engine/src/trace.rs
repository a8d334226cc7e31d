//! From what a tracer saw to what a run read and wrote.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use lab_exec::trace::{Event, State};
use lab_ingest::secret::Scanner;
use lab_model::{Content, Entry, FilePath, FileUsed, FilesUsed, Hash, Observation, RelPath, Time, Tree};
use lab_store::{SealKey, sample_hash};
use lab_workdir::{Stat, open_root, samples};

use self::present::{Present, place};
use crate::describe::hash_file;
use crate::{Reader, Result};

mod beside;
mod present;

pub(crate) use beside::Beside;

/// Files whose content no snapshot holds are hashed at the end of a run, up to so many bytes together;
/// what is beyond is identified by its size and samples.
const HASHED_BYTES_MAX: u64 = 256 << 20;

/// What happened to one file, as far as it was seen.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Touched {
    /// How it was when its content was first of use to the run.
    read: Option<State>,
    /// It was read, or opened to be written, where nobody could look at it meanwhile.
    read_unseen: bool,
    written_unseen: bool,
    /// It was opened so that it can be written.
    written: bool,
    /// How it was before that; `None` when the run made it.
    before: Option<State>,
}

/// What was seen, put together by file.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    how: Observation,
    files: BTreeMap<FilePath, Touched>,
    removed: Vec<FilePath>,
    renamed: Vec<(FilePath, FilePath)>,
    software: u64,
    more: u64,
    /// What could not be seen, in words.
    pub missing: Option<String>,
}

impl Seen {
    /// Puts the events of a run together, in their order.
    pub fn new(events: &[Event]) -> Self {
        let mut seen = Self::default();
        let mut is_whole = true;
        for event in events {
            match event {
                Event::Begin => (seen.how, is_whole) = (Observation::Traced, false),
                Event::End => is_whole = true,
                Event::Untraced { why } | Event::Incomplete { why } => seen.missing = Some(why.clone()),
                Event::Counted { software, more } => (seen.software, seen.more) = (*software, *more),
                Event::Read { path, state } => seen.read(path, *state),
                Event::Write { path, before, keeps } => seen.write(path, *before, *keeps),
                Event::Opened { path, writes } => seen.opened(path, *writes),
                Event::Rename { from, to } => seen.rename(from, to),
                Event::Remove { path } => seen.remove(path),
            }
        }
        if !is_whole {
            seen.missing.get_or_insert_with(|| "from some point on: the tracer was ended".to_owned());
        }
        seen
    }

    fn read(&mut self, path: &FilePath, state: State) {
        let file = self.files.entry(path.clone()).or_default();
        if !file.written {
            file.read.get_or_insert(state);
        }
    }

    fn write(&mut self, path: &FilePath, before: Option<State>, keeps: bool) {
        let file = self.files.entry(path.clone()).or_default();
        if file.written {
            return;
        }
        if let Some(before) = before.filter(|_| keeps) {
            file.read.get_or_insert(before);
        }
        file.written = true;
        file.before = before;
    }

    fn opened(&mut self, path: &FilePath, writes: bool) {
        let file = self.files.entry(path.clone()).or_default();
        if writes {
            file.written_unseen = !file.written;
            file.written = true;
        } else {
            file.read_unseen = !file.written && file.read.is_none();
        }
    }

    fn rename(&mut self, from: &FilePath, to: &FilePath) {
        let moved: Vec<_> =
            self.files.iter().filter_map(|(path, file)| Some((path.clone(), path.moved(from, to)?, *file))).collect();
        let is_own = moved.iter().any(|(_, _, file)| file.written && file.before.is_none());
        if !is_own {
            self.renamed.push((from.clone(), to.clone()));
        }
        for (old, new, file) in moved {
            // What was read was read under the name that it had then.
            self.files.remove(&old);
            if file.read.is_some() || file.read_unseen {
                let old = self.files.entry(old).or_default();
                (old.read, old.read_unseen) = (file.read, file.read_unseen);
            }
            if file.written {
                let target = self.files.entry(new).or_default();
                (target.written, target.written_unseen, target.before) = (true, file.written_unseen, None);
            }
        }
        if !is_own {
            let target = self.files.entry(to.clone()).or_default();
            (target.written, target.before) = (true, None);
        }
    }

    fn remove(&mut self, path: &FilePath) {
        let file = self.files.entry(path.clone()).or_default();
        if !file.written || file.before.is_some() {
            self.removed.push(path.clone());
        }
        (file.written, file.written_unseen, file.before) = (false, false, None);
        if file.read.is_none() && !file.read_unseen {
            self.files.remove(path);
        }
    }
}

/// Where the content of files is looked up.
pub(crate) struct Lookup<'a> {
    pub reader: &'a Reader,
    /// The project's root.
    pub root: &'a Path,
    /// The tree as of the start.
    pub start: Option<Hash>,
    /// The tree as of the end; `None` when the files that are there now are those of a later moment.
    pub end: Option<Hash>,
    pub key: &'a SealKey,
    /// When the run began.
    pub started: Time,
    /// Where hashes stand that were made beside the run.
    pub hashed: &'a Path,
}

/// Clocks of machines that share files differ by less than this.
const CLOCKS_DIFFER_SECONDS: i64 = 60;

impl Lookup<'_> {
    /// What the run read and wrote, and whether something does not answer.
    ///
    /// # Errors
    /// Those of reading trees.
    pub fn files_used(&self, seen: Seen) -> Result<(FilesUsed, bool)> {
        let Seen { how, files, mut removed, mut renamed, software, more, .. } = seen;
        let present = Present::look(self.root, paths_of(&files, &removed, &renamed));
        let mut finder = Finder {
            lookup: self,
            trees: HashMap::new(),
            scanner: Scanner::new(),
            budget_bytes: HASHED_BYTES_MAX,
            hashed: HashMap::new(),
            beside: beside::results(self.hashed),
        };
        let (mut read, mut written) = (Vec::new(), Vec::new());
        for (asked, file) in &files {
            let (path, now) = (present.name(asked), present.get(asked).filter(|now| !now.is_dir()));
            if let Some(state) = file.read {
                read.push(finder.read(path.clone(), state, now)?);
            } else if file.read_unseen {
                read.extend(finder.read_unseen(path.clone(), now, present.gave_up)?);
            }
            let Some(now) = now.filter(|_| file.written) else { continue };
            // Opened to be written, and left as it was.
            let is_unchanged = if file.written_unseen { self.is_old(now) } else { file.before == Some(state(now)) };
            if !is_unchanged {
                written.push(finder.written(path, now)?);
            }
        }
        for list in [&mut read, &mut written] {
            list.sort_by(|left, right| left.path.cmp(&right.path));
            list.dedup_by(|left, right| left.path == right.path);
        }
        removed.sort();
        removed.dedup();
        removed.retain(|path| present.get(path).is_none());
        renamed.sort();
        renamed.dedup();
        // A call that went wrong has left the file where it was.
        let is_there_anew = |path: &FilePath| files.get(path).is_some_and(|file| file.written);
        renamed.retain(|(from, _)| present.get(from).is_none() || is_there_anew(from));
        Ok((FilesUsed { how, read, written, removed, renamed, software, more }, present.gave_up))
    }

    /// Whether a file was last changed a good while before the run began, also by a clock that is not quite
    /// this machine's.
    fn is_old(&self, now: &Metadata) -> bool {
        now.ctime().max(now.mtime()) + CLOCKS_DIFFER_SECONDS < self.started.0 / 1000
    }
}

fn paths_of(
    files: &BTreeMap<FilePath, Touched>,
    removed: &[FilePath],
    renamed: &[(FilePath, FilePath)],
) -> Vec<(FilePath, bool)> {
    let names = removed.iter().chain(renamed.iter().flat_map(|(from, to)| [from, to]));
    let names = names.filter(|path| !files.contains_key(path)).map(|path| (path.clone(), false));
    let is_unseen = |file: &Touched| file.read_unseen || file.written_unseen;
    let mut paths: Vec<_> = files.iter().map(|(path, file)| (path.clone(), is_unseen(file))).chain(names).collect();
    // Where somebody may not answer comes last.
    paths.sort_by_key(|(_, is_unseen)| *is_unseen);
    paths
}

struct Finder<'a> {
    lookup: &'a Lookup<'a>,
    trees: HashMap<(Hash, RelPath), Option<Tree>>,
    scanner: Scanner,
    budget_bytes: u64,
    hashed: HashMap<FilePath, Content>,
    beside: HashMap<(FilePath, State), Hash>,
}

impl Finder<'_> {
    fn read(&mut self, path: FilePath, then: State, now: Option<&Metadata>) -> Result<FileUsed> {
        let kept = self.entry(self.lookup.start, &path)?;
        let kept = kept.filter(|entry| (entry.size, (entry.mtime, entry.mtime_nanos)) == (then.size, then.modified));
        let content = match kept.map(|entry| entry.content).filter(|content| *content != Content::Missing) {
            Some(content) => content,
            // It is still what it was.
            None if now.map(state) == Some(then) => self.content_now(&path, then)?,
            None => Content::Missing,
        };
        Ok(FileUsed { path, size_bytes: then.size, content })
    }

    /// A file of which is known only what it is now.
    fn read_unseen(&mut self, path: FilePath, now: Option<&Metadata>, gave_up: bool) -> Result<Option<FileUsed>> {
        let Some(now) = now else {
            // The call may have gone wrong; it is not known only when nobody could look.
            let unknown = FileUsed { path, size_bytes: 0, content: Content::Missing };
            return Ok(gave_up.then_some(unknown));
        };
        if !now.is_file() {
            return Ok(None);
        }
        let unchanged = self.lookup.is_old(now).then_some(now);
        self.read(path, state(now), unchanged).map(Some)
    }

    fn written(&mut self, path: FilePath, now: &Metadata) -> Result<FileUsed> {
        let content = if now.is_file() { self.content_now(&path, state(now))? } else { Content::Missing };
        Ok(FileUsed { path, size_bytes: now.len(), content })
    }

    /// The content that a file has at the end of the run.
    fn content_now(&mut self, path: &FilePath, state: State) -> Result<Content> {
        if self.lookup.end.is_none() {
            return Ok(Content::Missing);
        }
        if let Some(entry) = self.entry(self.lookup.end, path)?
            && (entry.size, (entry.mtime, entry.mtime_nanos)) == (state.size, state.modified)
            && entry.content != Content::Missing
        {
            return Ok(entry.content);
        }
        if let Some(content) = self.hashed.get(path) {
            return Ok(*content);
        }
        if let Some(hash) = self.beside.get(&(path.clone(), state)) {
            return Ok(Content::Hashed(*hash));
        }
        let content = self.hash(path, state);
        self.hashed.insert(path.clone(), content);
        Ok(content)
    }

    fn hash(&mut self, path: &FilePath, state: State) -> Content {
        let place = place(self.lookup.root, path);
        if state.size > self.budget_bytes {
            return sampled(&place).unwrap_or(Content::Missing);
        }
        self.budget_bytes -= state.size;
        hash_file(&place, state.size, &self.scanner, self.lookup.key).map_or(Content::Missing, Content::Hashed)
    }

    /// What a tree holds at a path; each directory is read once.
    fn entry(&mut self, root: Option<Hash>, path: &FilePath) -> Result<Option<Entry>> {
        let Some((root, path)) = root.zip(path.in_project()) else { return Ok(None) };
        let Some(parent) = path.parent() else { return Ok(None) };
        let tree = self.tree(root, &parent)?;
        Ok(tree.and_then(|tree| tree.get(path.file_name()).cloned()))
    }

    fn tree(&mut self, root: Hash, directory: &RelPath) -> Result<Option<&Tree>> {
        let key = (root, directory.clone());
        if !self.trees.contains_key(&key) {
            let id = match directory.parent() {
                None => Some(root),
                Some(above) => {
                    let above = self.tree(root, &above)?;
                    above.and_then(|tree| tree.get(directory.file_name())).and_then(|entry| entry.tree)
                }
            };
            let tree = id.map(|id| self.lookup.reader.store().tree(&id)).transpose()?;
            self.trees.insert(key.clone(), tree);
        }
        Ok(self.trees.get(&key).and_then(Option::as_ref))
    }
}

/// Size and samples of a file, which the tracer named by its real path.
fn sampled(place: &Path) -> Option<Content> {
    let root = open_root(Path::new("/")).ok()?;
    let path = RelPath::new(place.as_os_str().as_bytes().strip_prefix(b"/")?).ok()?;
    let parts = samples(&root, &path, &Stat::default()).ok()?;
    Some(Content::Sampled(sample_hash(parts.stat.size, &[&parts.bytes])))
}

fn state(metadata: &Metadata) -> State {
    State {
        size: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec() as u32),
        changed: (metadata.ctime(), metadata.ctime_nsec() as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: State = State { size: 1, modified: (1, 1), changed: (1, 1) };

    fn path(text: &str) -> FilePath {
        FilePath::new(text.as_bytes(), b"/none")
    }

    fn read(text: &str) -> Event {
        Event::Read { path: path(text), state: OLD }
    }

    fn write(text: &str, before: Option<State>, keeps: bool) -> Event {
        Event::Write { path: path(text), before, keeps }
    }

    fn rename(from: &str, to: &str) -> Event {
        Event::Rename { from: path(from), to: path(to) }
    }

    /// `r` for what was read, `w` for what may be written, `x` for what was removed, `>` for new names.
    fn check(events: &[Event], expected: &str) {
        let seen = Seen::new(events);
        let mut words = Vec::new();
        for (path, file) in &seen.files {
            words.extend(file.read.map(|_| format!("r:{path}")));
            words.extend(file.written.then(|| format!("w:{path}")));
        }
        words.extend(seen.removed.iter().map(|path| format!("x:{path}")));
        words.extend(seen.renamed.iter().map(|(from, to)| format!("{from}>{to}")));
        assert_eq!(words.join(" "), expected, "{events:?}");
    }

    #[test]
    fn what_a_run_makes_itself_is_no_input() {
        check(&[read("a"), write("b", None, false), read("b")], "r:a w:b");
        check(&[write("a", Some(OLD), false), read("a")], "w:a");
        check(&[write("log", Some(OLD), true)], "r:log w:log");
        check(&[read("a"), write("a", Some(OLD), false)], "r:a w:a");
    }

    #[test]
    fn files_have_the_names_that_they_have_at_the_end() {
        check(&[write("tmp", None, false), rename("tmp", "out")], "w:out");
        check(&[write("d/a", None, false), rename("d", "e")], "w:e/a");
        check(&[read("a"), rename("a", "b")], "r:a w:b a>b");
        check(&[rename("a", "b")], "w:b a>b");
        check(&[write("tmp", None, false), Event::Remove { path: path("tmp") }], "");
        check(&[Event::Remove { path: path("old") }], "x:old");
        check(&[read("old"), Event::Remove { path: path("old") }], "r:old x:old");
    }

    #[test]
    fn what_cannot_be_looked_at_is_told_apart() {
        let opened = |text: &str, writes| Event::Opened { path: path(text), writes };
        let seen = Seen::new(&[opened("a", false), opened("b", true), opened("b", false), rename("b", "c")]);
        let words: Vec<String> = seen
            .files
            .iter()
            .map(|(path, file)| format!("{path} {} {}", file.read_unseen, file.written_unseen))
            .collect();
        assert_eq!(words, ["a true false", "c false true"]);
    }

    #[test]
    fn a_log_without_an_end_says_so() {
        assert_eq!(Seen::new(&[Event::Begin, Event::End]).missing, None);
        assert!(Seen::new(&[Event::Begin]).missing.unwrap().contains("ended"));
        assert_eq!(Seen::new(&[]), Seen::default());
    }
}
