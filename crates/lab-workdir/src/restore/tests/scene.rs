//! A project in a temporary directory, a notebook in memory, and the steps between them.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use lab_model::diff::PathDiff;
use lab_model::{Content, Domain, Entry, Hash, Kind, RelPath, Role, Tree};

use super::super::*;

/// What a snapshot of a scene is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snap {
    pub tree: Hash,
    pub root: RootMetadata,
}

pub struct Scene {
    pub directory: tempfile::TempDir,
    pub trees: HashMap<Hash, Tree>,
    pub contents: HashMap<Hash, Vec<u8>>,
}

pub fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

/// A time that only a restore can bring back.
pub fn age(at: &Path, seconds: i64) {
    let times = root::times(1_000_000_000 + seconds, 123_456_789);
    rustix::fs::utimensat(rustix::fs::CWD, at, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

pub fn chmod(at: &Path, mode: u32) {
    fs::set_permissions(at, fs::Permissions::from_mode(mode)).unwrap();
}

impl Scene {
    pub fn new() -> Self {
        // In memory where there is such a place: what is synced there costs nothing.
        let shm = Path::new("/dev/shm");
        let directory = tempfile::tempdir_in(shm).or_else(|_| tempfile::tempdir()).unwrap();
        Self::within(directory)
    }

    /// A scene on the file system that temporary files are on.
    pub fn on_disk() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    fn within(directory: tempfile::TempDir) -> Self {
        fs::create_dir(directory.path().join("project")).unwrap();
        fs::create_dir(directory.path().join("live")).unwrap();
        Self { directory, trees: HashMap::new(), contents: HashMap::new() }
    }

    pub fn root(&self) -> PathBuf {
        self.directory.path().join("project")
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub fn journal(&self) -> PathBuf {
        self.directory.path().join("live/restore")
    }

    /// Writes a file, with its parents.
    pub fn write(&self, name: &str, content: &str) -> &Self {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), content).unwrap();
        self
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_else(|error| format!("<{error}>"))
    }

    /// Names below the root that a snapshot does not show, too.
    pub fn list(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut stack = vec![self.root()];
        while let Some(directory) = stack.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    stack.push(entry.path());
                }
                found.push(entry.path().strip_prefix(self.root()).unwrap().to_str().unwrap().to_owned());
            }
        }
        found.sort();
        found
    }

    pub fn snapshot(&mut self) -> Snap {
        let root = self.root();
        let metadata = fs::metadata(&root).unwrap();
        let tree = self.scan(&root);
        let mode = metadata.mode() & 0o7777;
        let (mtime, mtime_nanos) = (metadata.mtime(), metadata.mtime_nsec() as u32);
        Snap { tree, root: RootMetadata { mode, mtime, mtime_nanos } }
    }

    fn scan(&mut self, directory: &Path) -> Hash {
        let mut tree = Tree::default();
        for entry in fs::read_dir(directory).unwrap() {
            let at = entry.unwrap().path();
            let name = at.file_name().unwrap().as_bytes().to_vec();
            if name.starts_with(b"ignored") || name.starts_with(STAGE_PREFIX.as_bytes()) {
                continue;
            }
            tree.entries.push(self.entry(&at, name));
        }
        tree.entries.sort_by(|a, b| a.name.cmp(&b.name));
        let id = Tree::id_of(&tree.encode());
        self.trees.insert(id, tree);
        id
    }

    fn entry(&mut self, at: &Path, name: Vec<u8>) -> Entry {
        let metadata = fs::symlink_metadata(at).unwrap();
        let file_type = metadata.file_type();
        let mut entry = Entry {
            role: if name.starts_with(b"out") { Role::Output } else { Role::Code },
            name,
            kind: Kind::Fifo,
            mode: metadata.mode() & 0o7777,
            size: 0,
            mtime: metadata.mtime(),
            mtime_nanos: metadata.mtime_nsec() as u32,
            sparse: false,
            unsteady: false,
            content: Content::Missing,
            tree: None,
            target: Vec::new(),
        };
        if file_type.is_dir() {
            entry.kind = Kind::Directory;
            entry.tree = Some(self.scan(at));
        } else if file_type.is_symlink() {
            entry.kind = Kind::Symlink;
            entry.target = fs::read_link(at).unwrap().into_os_string().into_vec();
        } else if file_type.is_file() {
            let bytes = fs::read(at).unwrap();
            let hash = Hash::of(Domain::Content, &bytes);
            entry.kind = Kind::File;
            entry.size = bytes.len() as u64;
            entry.sparse = bytes.len() >= 32 * 1024 && metadata.blocks() * 512 < metadata.len();
            // Names decide what the notebook holds.
            entry.content = match () {
                () if entry.name.starts_with(b"hashed") => Content::Hashed(hash),
                () => Content::Copied(hash),
            };
            self.contents.insert(hash, bytes);
        }
        entry
    }

    pub fn differences(&self, present: Snap, target: Snap) -> Vec<PathDiff> {
        let load = &mut |id: &Hash| self.trees.get(id).cloned().ok_or(());
        lab_model::diff::trees(Some(present.tree), Some(target.tree), load).unwrap()
    }

    /// All entries of a snapshot, parents first.
    pub fn entries(&self, snap: Snap) -> Vec<(RelPath, Entry)> {
        let load = &mut |id: &Hash| self.trees.get(id).cloned().ok_or(());
        let all = lab_model::diff::trees(None, Some(snap.tree), load).unwrap();
        all.into_iter().map(|diff| (diff.path, diff.right.unwrap())).collect()
    }

    /// The plan from what is there to `target`, outputs included.
    pub fn plan(&mut self, target: Snap) -> Plan {
        self.plan_with(target, PlanOptions { remove_outputs: true, ..PlanOptions::default() })
    }

    pub fn plan_with(&mut self, target: Snap, mut options: PlanOptions) -> Plan {
        let present = self.snapshot();
        options.root = Some(RootChange { before: present.root, after: target.root });
        plan(&self.differences(present, target), &options)
    }

    pub fn apply(&self, plan: &Plan) -> Result<Applied> {
        self.apply_with(plan, &mut |_, _| Ok(()), &|| false)
    }

    /// Applies with `before_content` called before each file is filled.
    pub fn apply_with(
        &self,
        plan: &Plan,
        before_content: &mut dyn FnMut(&RelPath, &mut dyn Write) -> std::result::Result<(), ContentError>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Applied> {
        let (root, journal) = (self.root(), self.journal());
        let target = Target { root: &root, stage_name: ".lab-restore-1", journal: &journal, trusted: true };
        let mut progress = |done: u64, total: u64| assert!(done <= total, "{done} of {total}");
        let mut content = |path: &RelPath, state: &EntryState, writer: &mut dyn Write| {
            before_content(path, writer)?;
            self.give(state, writer)
        };
        apply(&target, plan, &mut content, &mut progress, stop)
    }

    /// Writes a file's bytes in pieces of odd length.
    pub fn give(&self, state: &EntryState, writer: &mut dyn Write) -> std::result::Result<(), ContentError> {
        let Some(bytes) = state.content.hash().and_then(|hash| self.contents.get(&hash)) else {
            return Err(ContentError::Notebook("not there".into()));
        };
        for piece in bytes.chunks(7001) {
            writer.write_all(piece)?;
        }
        Ok(())
    }

    pub fn resume(&self) -> Result<Resumed> {
        resume(&self.root(), &self.journal())
    }

    /// Nothing of a restore is left lying about.
    pub fn assert_tidy(&self) {
        let stages: Vec<_> = self.list().into_iter().filter(|name| name.contains(STAGE_PREFIX)).collect();
        assert_eq!(stages, Vec::<String>::new());
        assert_eq!(fs::read_dir(self.directory.path().join("live")).unwrap().count(), 0);
    }
}
