//! What the notebook holds as a whole.

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;

use lab_model::{Content, Hash, Kind, ProjectId, RelPath, Role, RunId};

use crate::{Reader, Result, RunQuery, StoreError};

/// A file's content that some run needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveContent {
    /// The content.
    pub content: Content,
    /// The path at which it was met first.
    pub path: RelPath,
    /// Its role there.
    pub role: Role,
    /// Its bytes.
    pub size_bytes: u64,
    /// The runs in whose files it is, newest first.
    pub runs: Vec<RunId>,
}

/// The notebook in numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Runs, removed ones too.
    pub runs: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Records.
    pub records: u64,
    /// Bytes of their bodies.
    pub raw_bytes: u64,
    /// Bytes that they take.
    pub stored_bytes: u64,
    /// Packs.
    pub packs: u64,
    /// Bytes of the packs.
    pub pack_bytes: u64,
    /// Bytes of the index and its log.
    pub index_bytes: u64,
    /// Bytes in the trash.
    pub trash_bytes: u64,
}

impl Reader {
    /// The notebook in numbers.
    ///
    /// # Errors
    /// A failed look into the index, or a failed read of a directory.
    pub fn statistics(&self) -> Result<Statistics> {
        let number = |sql: &str| self.sql(self.connection.query_row(sql, [], |row| row.get::<_, u64>(0)));
        let size = |path: std::path::PathBuf| fs::metadata(path).map_or(0, |found| found.len());
        let index = self.notebook.index_path();
        let names = self.notebook.pack_names()?;
        let trash = fs::read_dir(self.notebook.trash_dir()).into_iter().flatten().flatten();
        Ok(Statistics {
            runs: number("SELECT count(*) FROM run_start")?,
            snapshots: number("SELECT count(*) FROM snapshot")?,
            records: number("SELECT count(*) FROM record")?,
            raw_bytes: number("SELECT coalesce(sum(raw),0) FROM record")?,
            stored_bytes: number("SELECT coalesce(sum(stored+64),0) FROM record")?,
            packs: names.len() as u64,
            pack_bytes: names.into_iter().map(|name| size(self.notebook.pack_path(name))).sum(),
            index_bytes: size(crate::schema::with_suffix(&index, "-wal")) + size(index),
            trash_bytes: trash.map(|entry| size(entry.path())).sum(),
        })
    }

    /// Every file content in the snapshots of runs that are not removed, each once, in the order of
    /// the newest run that has it.
    ///
    /// # Errors
    /// A failed look into the index, or a tree that cannot be read.
    pub fn live_contents(&self, project: Option<&ProjectId>) -> Result<Vec<LiveContent>> {
        let query = RunQuery { project: project.cloned(), include_hidden: true, ..RunQuery::default() };
        let mut found: Vec<LiveContent> = Vec::new();
        let mut places: HashMap<Content, usize> = HashMap::new();
        let mut roots: HashMap<Hash, Vec<usize>> = HashMap::new();
        for row in self.runs(&query)? {
            let end = row.end.as_ref().and_then(|end| end.snapshot);
            for snapshot in [row.start.snapshot, end].into_iter().flatten() {
                let root = self.snapshot(&snapshot)?.root;
                let below = match roots.entry(root) {
                    Slot::Occupied(known) => known.into_mut(),
                    Slot::Vacant(new) => new.insert(self.contents_below(root, &mut found, &mut places)?),
                };
                for place in below {
                    let runs = &mut found[*place].runs;
                    if runs.last() != Some(&row.start.run) {
                        runs.push(row.start.run.clone());
                    }
                }
            }
        }
        Ok(found)
    }

    /// The places in `found` of all contents below a tree; those that are new are added.
    fn contents_below(
        &self,
        root: Hash,
        found: &mut Vec<LiveContent>,
        places: &mut HashMap<Content, usize>,
    ) -> Result<Vec<usize>> {
        let mut below = BTreeSet::new();
        let mut visited = HashSet::from([root]);
        let mut stack = vec![(RelPath::root(), root)];
        while let Some((dir, id)) = stack.pop() {
            for entry in self.tree(&id)?.entries {
                let path = dir.join(&entry.name).map_err(|_| StoreError::Body { id })?;
                match (entry.kind, entry.tree) {
                    (Kind::Directory, Some(tree)) if visited.insert(tree) => stack.push((path, tree)),
                    (Kind::File, _) if entry.content.is_restorable() => {
                        let place = *places.entry(entry.content).or_insert_with(|| {
                            found.push(LiveContent {
                                content: entry.content,
                                path,
                                role: entry.role,
                                size_bytes: entry.size,
                                runs: Vec::new(),
                            });
                            found.len() - 1
                        });
                        below.insert(place);
                    }
                    _ => {}
                }
            }
        }
        Ok(below.into_iter().collect())
    }
}
