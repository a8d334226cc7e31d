use std::collections::{BTreeSet, HashMap, HashSet};

use lab_model::diff::PathDiff;
use lab_model::{Content, Entry, Kind, RelPath, Role};
use serde::{Deserialize, Serialize};

use super::reserved::is_reserved;

/// What a restore will do, and what it will not.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Every change, by path, parents before children.
    pub steps: Vec<Step>,
    /// What is there, differs from the target, and stays.
    pub kept: Vec<Kept>,
    /// What the target has and cannot be brought back.
    pub unrestorable: Vec<Unrestorable>,
    /// Mode and time that the root itself gets; `None` keeps what it has.
    pub root: Option<RootMetadata>,
    /// Bytes of the files that will be written.
    pub bytes_to_write: u64,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Where.
    pub path: RelPath,
    /// What.
    pub action: Action,
    /// What is there now, as in the snapshot of the present.
    pub before: Option<EntryState>,
    /// What will be there.
    pub after: Option<EntryState>,
}

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Something new appears.
    Create,
    /// Something takes the place of another.
    Replace,
    /// Something goes.
    Remove,
    /// Only mode or time change.
    Metadata,
}

/// What stands at a path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EntryState {
    /// What it is.
    pub kind: Kind,
    /// What it is to the experiment.
    pub role: Role,
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Bytes of a file.
    pub size: u64,
    /// Seconds of the modification time.
    pub mtime: i64,
    /// Nanoseconds of the modification time.
    pub mtime_nanos: u32,
    /// The file has holes.
    #[serde(default)]
    pub sparse: bool,
    /// A file's content.
    pub content: Content,
    /// A link's target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<u8>,
}

impl From<&Entry> for EntryState {
    fn from(entry: &Entry) -> Self {
        Self {
            kind: entry.kind,
            role: entry.role,
            mode: entry.mode,
            size: entry.size,
            mtime: entry.mtime,
            mtime_nanos: entry.mtime_nanos,
            sparse: entry.sparse,
            content: entry.content,
            target: entry.target.clone(),
        }
    }
}

/// Something that stays although the target lacks it or has it differently.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Where.
    pub path: RelPath,
    /// Why.
    #[serde(flatten)]
    pub reason: KeptReason,
    /// Bytes of a file.
    pub size: u64,
}

/// Why something stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum KeptReason {
    /// A run wrote it since.
    Output,
    /// Its bytes are not in the notebook: no undo could bring it back.
    NotCopied,
    /// A FIFO, socket or device.
    Special {
        /// Which.
        kind: Kind,
    },
    /// A place that no restore touches.
    Reserved,
    /// What should stand here instead cannot be restored.
    Target,
}

/// Something that the target has and that cannot be brought back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unrestorable {
    /// Where.
    pub path: RelPath,
    /// Why.
    #[serde(flatten)]
    pub reason: UnrestorableReason,
    /// Bytes of a file.
    pub size: u64,
}

/// Why something cannot be brought back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum UnrestorableReason {
    /// Only its hash is in the notebook, and the file that is there is another, or there is none.
    Hashed,
    /// Only size and samples are in the notebook.
    Sampled,
    /// Nothing of it is in the notebook.
    Missing,
    /// A FIFO, socket or device: never created.
    Special {
        /// Which.
        kind: Kind,
    },
    /// A place that no restore touches.
    Reserved,
    /// Something that is kept stands in the way.
    Blocked {
        /// What.
        by: RelPath,
    },
    /// The notebook should hold it and could not give it.
    Damaged {
        /// What it said.
        error: String,
    },
}

/// Mode and modification time of the root directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RootMetadata {
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Seconds of the modification time.
    pub mtime: i64,
    /// Its nanoseconds.
    pub mtime_nanos: u32,
}

/// The root directory now and in the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RootChange {
    /// In the snapshot of the present.
    pub before: RootMetadata,
    /// In the target.
    pub after: RootMetadata,
}

/// What a plan covers.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Only these paths and what is below them; empty: everything.
    pub paths: Vec<RelPath>,
    /// Removes outputs, too, that the target lacks.
    pub remove_outputs: bool,
    /// Outputs that may go even so, since an earlier restore put them there: for undo, the paths of its record.
    pub removable_outputs: BTreeSet<RelPath>,
    /// The root's own mode and time; used when everything is restored.
    pub root: Option<RootChange>,
}

/// Makes a plan from the differences between the snapshot of the present (left) and the target (right), in
/// the order in which [`lab_model::diff::trees`] gives them. Pure.
///
/// What is only in the present goes when the snapshot of the present holds its bytes and it is no output;
/// what the target has otherwise is put in its place when the notebook holds both. Everything else stays and
/// is named.
pub fn plan(differences: &[PathDiff], options: &PlanOptions) -> Plan {
    let mut planner = Planner { options, plan: Plan::default(), closed: None };
    let needed = needed_parents(differences, options);
    for diff in differences {
        if options.covers(&diff.path) || (is_new_directory(diff) && needed.contains(&diff.path)) {
            planner.add(diff);
        }
    }
    planner.finish()
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.root.is_none()
    }
}

impl PlanOptions {
    fn covers_everything(&self) -> bool {
        self.paths.is_empty() || self.paths.iter().any(RelPath::is_root)
    }

    fn covers(&self, path: &RelPath) -> bool {
        self.covers_everything() || self.paths.iter().any(|wanted| path.is_within(wanted))
    }

    fn may_remove_output(&self, path: &RelPath) -> bool {
        self.remove_outputs || self.removable_outputs.contains(path)
    }
}

impl EntryState {
    /// Mode and time, as far as they can be set: a link has no mode of its own.
    fn metadata(&self) -> (Option<u32>, i64, u32) {
        ((self.kind != Kind::Symlink).then_some(self.mode & 0o7777), self.mtime, self.mtime_nanos)
    }

    /// Whether both are links to the same target, or files known to have the same bytes.
    fn same_content(&self, other: &Self) -> bool {
        match (self.kind, other.kind) {
            (Kind::Symlink, Kind::Symlink) => self.target == other.target,
            (Kind::File, Kind::File) if self.size == other.size => match (self.content, other.content) {
                (Content::Copied(a) | Content::Hashed(a), Content::Copied(b) | Content::Hashed(b))
                | (Content::Sealed(a), Content::Sealed(b))
                | (Content::Sampled(a), Content::Sampled(b)) => a == b,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether the notebook could bring this back, as far as its kind and content tell.
    pub(super) fn is_restorable(&self) -> bool {
        match self.kind {
            Kind::File => self.content.is_restorable(),
            Kind::Directory | Kind::Symlink => true,
            Kind::Fifo | Kind::Socket | Kind::Device => false,
        }
    }
}

const fn is_special(kind: Kind) -> bool {
    matches!(kind, Kind::Fifo | Kind::Socket | Kind::Device)
}

/// A directory that the target has where the present has none.
fn is_new_directory(diff: &PathDiff) -> bool {
    let is_directory = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| entry.kind == Kind::Directory);
    is_directory(&diff.right) && !is_directory(&diff.left)
}

/// When only some paths are wanted: the directories above those that the target has.
fn needed_parents(differences: &[PathDiff], options: &PlanOptions) -> HashSet<RelPath> {
    let mut needed = HashSet::new();
    if options.covers_everything() {
        return needed;
    }
    for diff in differences.iter().filter(|diff| diff.right.is_some() && options.covers(&diff.path)) {
        let mut parent = diff.path.parent();
        while let Some(path) = parent {
            parent = path.parent();
            if !needed.insert(path) {
                break;
            }
        }
    }
    needed
}

struct Planner<'a> {
    options: &'a PlanOptions,
    plan: Plan,
    /// A place at which nothing can happen, nor below it. One is enough: what is below a place follows it.
    closed: Option<RelPath>,
}

impl Planner<'_> {
    fn add(&mut self, diff: &PathDiff) {
        let path = &diff.path;
        let (left, right) = (diff.left.as_ref().map(EntryState::from), diff.right.as_ref().map(EntryState::from));
        if is_reserved(path) {
            self.keep(path, left.as_ref(), KeptReason::Reserved);
            if let Some(right) = &right {
                self.refuse(path, right, UnrestorableReason::Reserved);
            }
            return;
        }
        if let Some(by) = self.closed.clone().filter(|closed| path.is_within(closed)) {
            if let Some(right) = &right {
                self.refuse(path, right, UnrestorableReason::Blocked { by });
            } else {
                self.keep(path, left.as_ref(), KeptReason::Target);
            }
            return;
        }
        match (left, right) {
            (None, None) => {}
            (Some(left), None) => self.remove(path, left),
            (None, Some(right)) => self.create(path, right),
            (Some(left), Some(right)) => self.change(path, left, right),
        }
    }

    fn remove(&mut self, path: &RelPath, left: EntryState) {
        if is_special(left.kind) {
            self.keep(path, Some(&left), KeptReason::Special { kind: left.kind });
        } else if left.kind != Kind::Directory && left.role == Role::Output && !self.options.may_remove_output(path) {
            self.keep(path, Some(&left), KeptReason::Output);
        } else if left.is_restorable() {
            self.step(path, Action::Remove, Some(left), None);
        } else {
            self.keep(path, Some(&left), KeptReason::NotCopied);
        }
    }

    fn create(&mut self, path: &RelPath, right: EntryState) {
        if right.is_restorable() {
            self.step(path, Action::Create, None, Some(right));
        } else {
            self.refuse_content(path, &right);
        }
    }

    fn change(&mut self, path: &RelPath, left: EntryState, right: EntryState) {
        let both_directories = left.kind == Kind::Directory && right.kind == Kind::Directory;
        if is_special(left.kind) {
            // Two of a kind differ in nothing that a restore would set.
            if left.kind != right.kind {
                self.keep(path, Some(&left), KeptReason::Special { kind: left.kind });
                self.closed = Some(path.clone());
            }
        } else if both_directories || left.same_content(&right) {
            if left.metadata() != right.metadata() {
                self.step(path, Action::Metadata, Some(left), Some(right));
            }
        } else if !right.is_restorable() {
            self.refuse_content(path, &right);
            self.closed = Some(path.clone());
        } else if !left.is_restorable() {
            self.keep(path, Some(&left), KeptReason::NotCopied);
            self.closed = Some(path.clone());
        } else {
            self.step(path, Action::Replace, Some(left), Some(right));
        }
    }

    fn step(&mut self, path: &RelPath, action: Action, before: Option<EntryState>, after: Option<EntryState>) {
        self.plan.steps.push(Step { path: path.clone(), action, before, after });
    }

    fn keep(&mut self, path: &RelPath, left: Option<&EntryState>, reason: KeptReason) {
        if let Some(left) = left {
            self.plan.kept.push(Kept { path: path.clone(), reason, size: left.size });
        }
    }

    fn refuse(&mut self, path: &RelPath, right: &EntryState, reason: UnrestorableReason) {
        self.plan.unrestorable.push(Unrestorable { path: path.clone(), reason, size: right.size });
    }

    fn refuse_content(&mut self, path: &RelPath, right: &EntryState) {
        self.refuse(path, right, UnrestorableReason::of(right));
    }

    fn finish(mut self) -> Plan {
        self.spare_parents_of_kept();
        let writes = |step: &&Step| matches!(step.action, Action::Create | Action::Replace);
        let files = self.plan.steps.iter().filter(writes).filter_map(|step| step.after.as_ref());
        self.plan.bytes_to_write = files.filter(|after| after.kind == Kind::File).map(|after| after.size).sum();
        if self.options.covers_everything() {
            self.plan.root = self.options.root.filter(|root| root.before != root.after).map(|root| root.after);
        }
        self.plan
    }

    /// A directory stays when something in it stays, whatever the target has in its place.
    fn spare_parents_of_kept(&mut self) {
        let mut spared: HashMap<RelPath, RelPath> = HashMap::new();
        for kept in &self.plan.kept {
            let mut parent = kept.path.parent();
            while let Some(path) = parent.filter(|path| !spared.contains_key(path)) {
                parent = path.parent();
                spared.insert(path, kept.path.clone());
            }
        }
        let mut blocked = Vec::new();
        self.plan.steps.retain(|step| {
            let was_directory = step.before.as_ref().is_some_and(|before| before.kind == Kind::Directory);
            let Some(by) = spared.get(&step.path).filter(|_| was_directory) else { return true };
            match (step.action, &step.after) {
                (Action::Replace, Some(after)) => blocked.push((step.path.clone(), after.clone(), by.clone())),
                (Action::Remove, _) => {}
                _ => return true,
            }
            false
        });
        for (path, after, by) in blocked {
            self.refuse(&path, &after, UnrestorableReason::Blocked { by });
        }
    }
}

impl UnrestorableReason {
    /// Why something that is not restorable is not.
    pub(super) const fn of(state: &EntryState) -> Self {
        match (state.kind, state.content) {
            (Kind::File, Content::Sampled(_)) => Self::Sampled,
            (Kind::File, Content::Hashed(_)) => Self::Hashed,
            (Kind::File | Kind::Directory | Kind::Symlink, _) => Self::Missing,
            (kind @ (Kind::Fifo | Kind::Socket | Kind::Device), _) => Self::Special { kind },
        }
    }
}
