//! Searching the code, config, logs and notes of all runs.

use std::collections::BTreeMap;
use std::collections::hash_map::HashMap;

use lab_model::{Content, Entry, Hash, Kind, ProjectId, RelPath, Role, RunId};
use lab_store::{RunQuery, RunRow};

use crate::{Reader, Result};

/// Where a hit was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GrepPlace {
    /// A file with the role code.
    Code,
    /// A file with the role config.
    Config,
    /// A file with the role data or output.
    Data,
    /// A run's log.
    Logs,
    /// A note, reason or outcome.
    Notes,
}

/// What to search for and where.
#[derive(Clone, Debug)]
pub struct GrepQuery {
    /// Plain text.
    pub pattern: String,
    /// Whether upper and lower case (of ASCII letters) are the same.
    pub ignore_case: bool,
    /// Where; all of them when empty.
    pub places: Vec<GrepPlace>,
    /// Only runs of this project.
    pub project: Option<ProjectId>,
}

/// A line that matches.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct GrepHit {
    /// Where.
    pub place: GrepPlace,
    /// The runs that it belongs to: every run whose snapshot holds this very content at this path.
    pub runs: Vec<RunId>,
    /// The path, or `log`, `reason`, `outcome`, `note`.
    pub path: String,
    /// Line, from 1.
    pub line: u64,
    /// The line.
    pub text: String,
}

/// Larger files are not searched.
const MAX_FILE_BYTES: u64 = 8 << 20;

impl Reader {
    /// Calls `hit` for each matching line until it returns false. Each content is searched once,
    /// however many runs hold it.
    ///
    /// # Errors
    /// Those of reading the notebook.
    pub fn grep(&self, query: &GrepQuery, hit: &mut dyn FnMut(GrepHit) -> bool) -> Result<()> {
        let wanted = |place: GrepPlace| query.places.is_empty() || query.places.contains(&place);
        let rows = self.runs(&RunQuery { project: query.project.clone(), ..RunQuery::default() })?;
        let matcher = Matcher::new(query);
        if wanted(GrepPlace::Notes) && !grep_notes(&rows, &matcher, hit) {
            return Ok(());
        }
        if [GrepPlace::Code, GrepPlace::Config, GrepPlace::Data].into_iter().any(wanted)
            && !self.grep_files(&rows, &matcher, &wanted, hit)?
        {
            return Ok(());
        }
        if wanted(GrepPlace::Logs) {
            for row in &rows {
                for (number, line) in self.log(row)?.into_iter().enumerate() {
                    let found = matcher.matches(line.text.as_bytes());
                    let runs = vec![row.start.run.clone()];
                    if found
                        && !hit(GrepHit {
                            place: GrepPlace::Logs,
                            runs,
                            path: "log".into(),
                            line: number as u64 + 1,
                            text: line.text,
                        })
                    {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Searches files; false when `hit` has had enough.
    fn grep_files(
        &self,
        rows: &[RunRow],
        matcher: &Matcher,
        wanted: &dyn Fn(GrepPlace) -> bool,
        hit: &mut dyn FnMut(GrepHit) -> bool,
    ) -> Result<bool> {
        let mut found: BTreeMap<(RelPath, Hash), (Entry, Vec<RunId>)> = BTreeMap::new();
        // Runs share most of their trees: each is read once.
        let mut trees: HashMap<Hash, Vec<(RelPath, Entry)>> = HashMap::new();
        for row in rows {
            let Some(snapshot) = row.start.snapshot else { continue };
            let root = self.snapshot(&snapshot)?.root;
            if let std::collections::hash_map::Entry::Vacant(e) = trees.entry(root) {
                e.insert(self.files(&snapshot)?);
            }
            for (path, entry) in &trees[&root] {
                if let (Kind::File, Content::Copied(content)) = (entry.kind, entry.content)
                    && entry.size <= MAX_FILE_BYTES
                    && wanted(place_of(entry.role))
                {
                    let runs =
                        &mut found.entry((path.clone(), content)).or_insert_with(|| (entry.clone(), Vec::new())).1;
                    runs.push(row.start.run.clone());
                }
            }
        }
        for ((path, _), (entry, runs)) in found {
            let bytes = self.content(&entry)?;
            if bytes[..bytes.len().min(8 << 10)].contains(&0) || !matcher.matches(&bytes) {
                continue;
            }
            for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                let hit_here = |text| GrepHit {
                    place: place_of(entry.role),
                    runs: runs.clone(),
                    path: path.to_string(),
                    line: number as u64 + 1,
                    text,
                };
                if matcher.matches(line) && !hit(hit_here(String::from_utf8_lossy(line).into_owned())) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

const fn place_of(role: Role) -> GrepPlace {
    match role {
        Role::Code => GrepPlace::Code,
        Role::Config => GrepPlace::Config,
        Role::Data | Role::Output => GrepPlace::Data,
    }
}

fn grep_notes(rows: &[RunRow], matcher: &Matcher, hit: &mut dyn FnMut(GrepHit) -> bool) -> bool {
    rows.iter().all(|row| {
        let reason = row.start.reason.iter().map(|text| ("reason".to_owned(), text.clone()));
        let notes = row.notes.iter().map(|(_, kind, text)| (format!("{kind:?}").to_lowercase(), text.clone()));
        reason.chain(notes).all(|(path, text)| {
            text.lines().enumerate().filter(|(_, line)| matcher.matches(line.as_bytes())).all(|(number, line)| {
                let runs = vec![row.start.run.clone()];
                let (line, number) = (line.to_owned(), number as u64 + 1);
                hit(GrepHit { place: GrepPlace::Notes, runs, path: path.clone(), line: number, text: line })
            })
        })
    })
}

struct Matcher {
    automaton: aho_corasick::AhoCorasick,
}

impl Matcher {
    fn new(query: &GrepQuery) -> Self {
        let automaton = aho_corasick::AhoCorasick::builder()
            .ascii_case_insensitive(query.ignore_case)
            .build([&query.pattern])
            .expect("because one short pattern always makes an automaton");
        Self { automaton }
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        self.automaton.is_match(bytes)
    }
}
