//! What recently changed files were, and when each change became known.

use std::collections::HashMap;
use std::sync::Arc;

use lab_model::RelPath;

use crate::{FileBytes, Known, Stat};

/// Changes are remembered for this long.
const AGE_NANOS: u64 = 60_000_000_000;
/// How often old changes are forgotten.
const PRUNE_EVERY_NANOS: u64 = 1_000_000_000;
/// Paths that are remembered at most.
const PATHS: usize = 20_000;
/// Bytes of contents that are remembered at most.
const HELD_BYTES: usize = 64 << 20;
/// Versions of one path that are remembered at most: who asks may be many starts behind.
const VERSIONS: usize = 256;
/// The same when they are larger than this together.
const LARGE_VERSIONS: usize = 6;
const LARGE_BYTES: usize = 1 << 20;

/// When something was, as far as it is known: in between, both included. In nanoseconds of the clock that
/// [`super::Watches::drain`] was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Not before this.
    pub earliest_nanos: u64,
    /// Not after this.
    pub latest_nanos: u64,
}

impl From<u64> for Span {
    fn from(nanos: u64) -> Self {
        Self { earliest_nanos: nanos, latest_nanos: nanos }
    }
}

/// What a file may have been at a moment.
#[derive(Clone, Debug)]
pub enum Candidate {
    /// What the notebook holds already.
    Known(Known, Stat),
    /// These bytes.
    Held(Arc<FileBytes>),
}

/// A file that cannot be said to be as it was at a moment: it changed after it, or about then.
#[derive(Clone, Debug)]
pub struct Unsteady {
    /// The file, or a directory that came, went or moved.
    pub path: RelPath,
    /// When the first change after the moment became known, on the clock that [`super::Watches::drain`] was
    /// given, in nanoseconds.
    pub changed_after_nanos: u64,
    /// Whether a content from before that moment is known; it is then the first candidate.
    pub before_is_known: bool,
    /// What it may have been, the oldest first.
    pub candidates: Vec<Candidate>,
}

/// A state of a file that begins at the latest when its event was read.
#[derive(Debug)]
struct Version {
    read_nanos: u64,
    /// `None` when it is not there, too large, or was gone before anybody could read it.
    state: Option<Candidate>,
    /// No event came after it was read.
    is_verified: bool,
    /// When the file was last read again and found to be the very same.
    seen_nanos: u64,
}

/// A content that a file had at a moment, beyond doubt.
#[derive(Clone, Debug)]
pub struct Witnessed {
    /// The file.
    pub path: RelPath,
    /// What it held.
    pub file: Arc<FileBytes>,
    /// It has changed since.
    pub has_changed: bool,
}

/// The versions of recently changed files.
#[derive(Debug, Default)]
pub(super) struct History {
    paths: HashMap<RelPath, Vec<Version>>,
    held_bytes: usize,
    /// Of what happened before this moment some has been forgotten or was never seen.
    horizon_nanos: u64,
    pruned_nanos: u64,
}

impl History {
    /// Nothing is known of before `nanos`.
    pub fn lose(&mut self, nanos: u64) {
        self.horizon_nanos = self.horizon_nanos.max(nanos);
    }

    /// Whether all changes since `nanos` are known.
    pub const fn reaches(&self, nanos: u64) -> bool {
        nanos >= self.horizon_nanos
    }

    /// A path has changed; `before` is asked for what it was when that is not known yet. What was read of it
    /// since the last event may be from before or after this one.
    pub fn changed(&mut self, path: &RelPath, read_nanos: u64, before: impl FnOnce() -> Option<Candidate>) {
        let versions = self
            .paths
            .entry(path.clone())
            .or_insert_with(|| vec![Version { read_nanos: 0, state: before(), is_verified: true, seen_nanos: 0 }]);
        if let Some(last) = versions.last_mut().filter(|last| !last.is_verified) {
            self.held_bytes -= held_bytes(last);
            last.state = None;
            last.is_verified = true;
        }
        versions.push(Version { read_nanos, state: None, is_verified: false, seen_nanos: 0 });
        let is_large = versions.iter().map(held_bytes).sum::<usize>() > LARGE_BYTES;
        if versions.len() > if is_large { LARGE_VERSIONS } else { VERSIONS } {
            let oldest = versions.remove(0);
            self.held_bytes -= held_bytes(&oldest);
        }
    }

    /// The content that was read after the last event of `path`.
    pub fn hold(&mut self, path: &RelPath, file: Arc<FileBytes>) {
        if let Some(last) = self.paths.get_mut(path).and_then(|versions| versions.last_mut()) {
            self.held_bytes += file.bytes.len();
            last.state = Some(Candidate::Held(file));
        }
    }

    /// No event came since `path` was read.
    pub fn verify(&mut self, path: &RelPath) {
        if let Some(last) = self.paths.get_mut(path).and_then(|versions| versions.last_mut()) {
            last.is_verified = true;
        }
    }

    /// The last content of `path` was still there at a moment.
    pub fn found_same(&mut self, path: &RelPath, seen_nanos: u64) {
        if let Some(last) = self.paths.get_mut(path).and_then(|versions| versions.last_mut()) {
            last.seen_nanos = last.seen_nanos.max(seen_nanos);
        }
    }

    /// The contents that were there both before and after a moment.
    pub fn witnessed(&self, moment: Span) -> Vec<Witnessed> {
        let of = |(path, versions): (&RelPath, &Vec<Version>)| {
            let (file, has_changed) = witnessed(versions, moment)?;
            Some(Witnessed { path: path.clone(), file: file.clone(), has_changed })
        };
        self.paths.iter().filter_map(of).collect()
    }

    /// Whether that is so of `path`.
    pub fn is_witnessed(&self, path: &RelPath, moment: Span) -> bool {
        self.paths.get(path).is_some_and(|versions| witnessed(versions, moment).is_some())
    }

    /// The bytes of the last version before a moment.
    pub fn held_at(&self, path: &RelPath, moment_nanos: u64) -> Option<&FileBytes> {
        let versions = self.paths.get(path)?;
        let after = versions.partition_point(|version| version.read_nanos <= moment_nanos);
        match &versions[after.checked_sub(1)?].state {
            Some(Candidate::Held(file)) => Some(file),
            _ => None,
        }
    }

    /// The paths that may have changed after a moment, but for those of which it is known what they were then.
    pub fn after(&self, moment: Span) -> Vec<Unsteady> {
        let mut found = Vec::new();
        for (path, versions) in &self.paths {
            let first_after = versions.partition_point(|version| version.read_nanos <= moment.earliest_nanos);
            let Some(changed) = versions.get(first_after) else { continue };
            let before = first_after.checked_sub(1);
            if before.is_some_and(|before| versions[before].seen_nanos >= moment.latest_nanos) {
                continue;
            }
            found.push(Unsteady {
                path: path.clone(),
                changed_after_nanos: changed.read_nanos,
                before_is_known: before.is_some_and(|before| versions[before].state.is_some()),
                candidates: versions[before.unwrap_or(0)..].iter().filter_map(|one| one.state.clone()).collect(),
            });
        }
        found.sort_by(|left, right| left.path.cmp(&right.path));
        found
    }

    /// Forgets what is old or too much, and says which paths.
    pub fn prune(&mut self, now_nanos: u64) -> Vec<RelPath> {
        let is_too_much = self.held_bytes > HELD_BYTES || self.paths.len() > PATHS;
        if !is_too_much && now_nanos.saturating_sub(self.pruned_nanos) < PRUNE_EVERY_NANOS {
            return Vec::new();
        }
        self.pruned_nanos = now_nanos;
        let oldest = if is_too_much { u64::MAX } else { now_nanos.saturating_sub(AGE_NANOS) };
        let old = self.paths.extract_if(|_, versions| versions.last().is_none_or(|last| last.read_nanos < oldest));
        let mut forgotten = Vec::new();
        for (path, versions) in old {
            self.horizon_nanos = self.horizon_nanos.max(versions.last().map_or(0, |last| last.read_nanos));
            self.held_bytes -= versions.iter().map(held_bytes).sum::<usize>();
            forgotten.push(path);
        }
        // Of a file that changes again and again, what it was before the last of the old changes.
        for versions in self.paths.values_mut() {
            let old = versions.partition_point(|version| version.read_nanos < oldest).saturating_sub(1);
            self.held_bytes -= versions.drain(..old).map(|version| held_bytes(&version)).sum::<usize>();
        }
        forgotten
    }
}

/// What was there both before and after a moment, and whether it has changed since.
fn witnessed(versions: &[Version], moment: Span) -> Option<(&Arc<FileBytes>, bool)> {
    let after = versions.partition_point(|version| version.read_nanos <= moment.earliest_nanos);
    let at = &versions[after.checked_sub(1)?];
    match &at.state {
        Some(Candidate::Held(file)) if at.seen_nanos >= moment.latest_nanos => Some((file, after < versions.len())),
        _ => None,
    }
}

fn held_bytes(version: &Version) -> usize {
    match &version.state {
        Some(Candidate::Held(file)) => file.bytes.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_that_changes_all_the_time_only_the_last_minute_is_remembered() {
        const SECOND: u64 = 1_000_000_000;
        let (mut history, path) = (History::default(), RelPath::new("a.py").unwrap());
        for second in 1..=200 {
            history.changed(&path, second * SECOND, || None);
            history.verify(&path);
            assert!(history.prune(second * SECOND).is_empty());
        }
        // The last one from before that minute is what the file was when it began.
        assert_eq!(history.paths[&path].len(), 62);
        assert!(!history.after((150 * SECOND).into())[0].before_is_known);
        assert_eq!(history.after((150 * SECOND).into())[0].changed_after_nanos, 151 * SECOND);
        assert_eq!(history.after((100 * SECOND).into())[0].changed_after_nanos, 139 * SECOND);
        assert_eq!(history.prune(261 * SECOND), [path]);
        assert!(history.paths.is_empty() && history.reaches(200 * SECOND) && !history.reaches(199 * SECOND));
    }
}
