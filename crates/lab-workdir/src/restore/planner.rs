use std::collections::{HashMap, HashSet};

use lab_model::diff::PathDiff;
use lab_model::{Content, Entry, Kind, RelPath, Role};

use super::plan::{Action, EntryState, Kept, KeptReason, Plan, PlanOptions, Step, Unrestorable, UnrestorableReason};
use super::reserved::is_reserved;

/// Makes a plan from the differences between the snapshot of the present (left) and the target (right), in
/// the order in which [`lab_model::diff::trees`] gives them. Pure.
///
/// What is only in the present goes when the snapshot of the present holds its bytes and it is no output;
/// what the target has otherwise is put in its place when the notebook holds both. Everything else stays and
/// is named.
pub fn plan(differences: &[PathDiff], options: &PlanOptions) -> Plan {
    let wanted = Wanted::new(options);
    let needed = needed_parents(differences, &wanted);
    let mut planner = Planner { options, plan: Plan::default(), closed: None, passed_over: Vec::new() };
    for diff in differences {
        if wanted.covers(&diff.path) || (is_new_directory(diff) && needed.contains(&diff.path)) {
            planner.add(diff);
        } else if diff.left.is_some() {
            planner.passed_over.push(diff.path.clone());
        }
    }
    planner.spare_parents_of_kept();
    if wanted.everything {
        planner.plan.root = options.root.filter(|root| root.before != root.after).map(|root| root.after);
    }
    planner.finish()
}

/// Which paths a plan covers. Looked up by every part of a path: undo names thousands.
struct Wanted<'a> {
    everything: bool,
    exact: bool,
    paths: HashSet<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    fn new(options: &'a PlanOptions) -> Self {
        let everything = options.paths.is_empty() || (!options.exact && options.paths.iter().any(RelPath::is_root));
        let paths = options.paths.iter().map(RelPath::as_bytes).collect();
        Self { everything, exact: options.exact, paths }
    }

    fn covers(&self, path: &RelPath) -> bool {
        let bytes = path.as_bytes();
        let parents = || bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &bytes[..at]);
        self.everything || self.paths.contains(bytes) || (!self.exact && parents().any(|at| self.paths.contains(at)))
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.root.is_none()
    }
}

impl PlanOptions {
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
fn needed_parents(differences: &[PathDiff], wanted: &Wanted<'_>) -> HashSet<RelPath> {
    let mut needed = HashSet::new();
    if wanted.everything {
        return needed;
    }
    for diff in differences.iter().filter(|diff| diff.right.is_some() && wanted.covers(&diff.path)) {
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
    /// What is there, differs and is not wanted back.
    passed_over: Vec<RelPath>,
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
        if self.can_bring_back(&right) {
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
        } else if !self.can_bring_back(&right) {
            self.refuse_content(path, &right);
            self.closed = Some(path.clone());
        } else if !left.is_restorable() {
            self.keep(path, Some(&left), KeptReason::NotCopied);
            self.closed = Some(path.clone());
        } else {
            self.step(path, Action::Replace, Some(left), Some(right));
        }
    }

    /// As [`EntryState::is_restorable`]; the notebook must really have it.
    fn can_bring_back(&self, state: &EntryState) -> bool {
        state.is_restorable() && state.content.hash().is_none_or(|id| !self.options.unavailable.contains(&id))
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
        let writes = |step: &&Step| matches!(step.action, Action::Create | Action::Replace);
        let files = self.plan.steps.iter().filter(writes).filter_map(|step| step.after.as_ref());
        self.plan.bytes_to_write = files.filter(|after| after.kind == Kind::File).map(|after| after.size).sum();
        self.plan
    }

    /// A directory stays when something in it stays, whatever the target has in its place.
    fn spare_parents_of_kept(&mut self) {
        let mut spared: HashMap<RelPath, RelPath> = HashMap::new();
        for kept in self.plan.kept.iter().map(|kept| &kept.path).chain(&self.passed_over) {
            let mut parent = kept.parent();
            while let Some(path) = parent.filter(|path| !spared.contains_key(path)) {
                parent = path.parent();
                spared.insert(path, kept.clone());
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
            (Kind::File, Content::Sealed(_)) => Self::Sealed,
            (Kind::File | Kind::Directory | Kind::Symlink, _) => Self::Missing,
            (kind @ (Kind::Fifo | Kind::Socket | Kind::Device), _) => Self::Special { kind },
        }
    }
}
