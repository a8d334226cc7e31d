//! Which records are still needed.

use std::collections::HashSet;

use lab_model::{Edit, Hash, RestoreRecord, RunEnd, RunFacts, RunId, RunStart, Target};
use serde::de::DeserializeOwned;

use crate::references::references;
use crate::{Reader, RecordKind, Result, StoreError};

/// The records that speak for themselves: all that the index looks into.
pub(crate) struct Roots {
    /// Needed whatever else is needed.
    pub kept: Vec<Hash>,
    /// The records of the runs that are let go, and what is only about them.
    pub dropped: Vec<Hash>,
}

/// What is let go.
pub(crate) struct LetGo<'a> {
    /// Runs.
    pub runs: &'a HashSet<RunId>,
    /// What people said of these runs, and restores of their states, go too.
    pub words_too: bool,
}

/// Sorts the records that speak for themselves.
///
/// A snapshot that no run names is kept: it may be the state before a restore that is just going on,
/// or one that a person asked for. Only snapshots of runs that are let go may go with them.
pub(crate) fn roots(reader: &Reader, let_go: &LetGo<'_>) -> Result<Roots> {
    let mut roots = Roots { kept: Vec::new(), dropped: Vec::new() };
    let mut snapshots = Vec::new();
    let mut dropped_snapshots: HashSet<Hash> = HashSet::new();
    for (id, kind) in reader.self_speaking()? {
        let body = || reader.read(&id, None).map_err(|error| StoreError::Root { id, source: Box::new(error) });
        let drop = match kind {
            RecordKind::Snapshot => {
                snapshots.push(id);
                continue;
            }
            RecordKind::RunStart => {
                let start: Option<RunStart> = noun(&body()?);
                let goes = start.as_ref().is_some_and(|start| let_go.runs.contains(&start.run));
                dropped_snapshots.extend(start.filter(|_| goes).and_then(|start| start.snapshot));
                goes
            }
            RecordKind::RunEnd => {
                let end: Option<RunEnd> = noun(&body()?);
                let goes = end.as_ref().is_some_and(|end| let_go.runs.contains(&end.run));
                dropped_snapshots.extend(end.filter(|_| goes).and_then(|end| end.snapshot));
                goes
            }
            RecordKind::RunFacts => noun(&body()?).is_some_and(|facts: RunFacts| let_go.runs.contains(&facts.run)),
            RecordKind::Edit if let_go.words_too => noun(&body()?)
                .is_some_and(|edit: Edit| matches!(&edit.target, Target::Run(run) if let_go.runs.contains(run))),
            RecordKind::Restore if let_go.words_too => noun(&body()?)
                .is_some_and(|restore: RestoreRecord| restore.run.is_some_and(|run| let_go.runs.contains(&run))),
            _ => false,
        };
        if drop { roots.dropped.push(id) } else { roots.kept.push(id) }
    }
    for id in snapshots {
        if dropped_snapshots.contains(&id) { roots.dropped.push(id) } else { roots.kept.push(id) }
    }
    Ok(roots)
}

fn noun<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// Everything that can be reached from `roots`, themselves included, without going through `barred`.
pub(crate) fn reach(reader: &Reader, roots: &[Hash], barred: &HashSet<Hash>) -> Result<HashSet<Hash>> {
    let mut reached: HashSet<Hash> = HashSet::new();
    let mut stack: Vec<Hash> = roots.to_vec();
    while let Some(id) = stack.pop() {
        if barred.contains(&id) || !reached.insert(id) {
            continue;
        }
        let failed = |source| StoreError::Root { id, source: Box::new(source) };
        match reader.kind(&id)? {
            Some(RecordKind::Chunk | RecordKind::Series | RecordKind::Log) => {}
            Some(kind) => {
                let body = reader.read(&id, None).map_err(failed)?;
                stack.extend(references(kind, &body).ok_or_else(|| failed(StoreError::Body { id }))?);
            }
            // What was purged is missed by nobody.
            None => match reader.absence(&id) {
                StoreError::Purged { .. } => {
                    reached.remove(&id);
                }
                error => return Err(failed(error)),
            },
        }
    }
    Ok(reached)
}
