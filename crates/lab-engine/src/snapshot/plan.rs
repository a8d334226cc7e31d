//! What of a scan has to be read, and how: decided by the budgets before anything is read.

use lab_model::{Content, Kind, OmissionReason, Role};
use lab_workdir::{Keep, Known, RoleConfig, Scan};

use super::Request;
use crate::complete;

/// Files of which only the hash is kept are read before the start up to this many bytes together;
/// of what is beyond, size and samples must do.
const HASH_BEFORE_START_BYTES: u64 = 1 << 30;
/// A file without a telling name that is larger than this is taken for data.
const LIKELY_DATA_BYTES: u64 = 1 << 20;

/// What is to become of a file's content.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Action {
    Copy,
    Hash(OmissionReason),
    Sample,
}

pub(super) struct Job {
    pub dir: usize,
    pub entry: usize,
    pub action: Action,
    /// The role by rule; `None` is decided by the content.
    pub role: Option<Role>,
}

pub(super) struct Plan {
    pub jobs: Vec<Job>,
    /// Entries that need no reading: what is skipped by `keep = "skip"`.
    pub settled: Vec<(usize, usize, Known)>,
    pub bytes: u64,
}

/// Decides what is read, by the budgets of `lab.toml`. Runs before anything is read, in the order
/// of the scan, so that the same tree always gets the same decisions.
pub(super) struct Planner<'a> {
    request: &'a Request<'a>,
    copied_bytes: [u64; 4],
    hashed_bytes: u64,
}

impl<'a> Planner<'a> {
    pub const fn new(request: &'a Request<'a>) -> Self {
        Self { request, copied_bytes: [0; 4], hashed_bytes: 0 }
    }

    pub fn plan(mut self, scan: &Scan) -> Plan {
        let mut plan = Plan { jobs: Vec::new(), settled: Vec::new(), bytes: 0 };
        let unknown = scan.unknown_dirs();
        // What is in the notebook already costs nothing more, but it counts.
        for place in &unknown {
            for entry in &scan.dirs[*place].entries {
                let below = entry.child.and_then(|child| scan.dirs[child as usize].known.as_ref());
                if let Some(below) = below {
                    self.count(&below.sums.restorable_bytes);
                } else if let (Kind::File, Some(known)) = (entry.kind, &entry.known)
                    && known.content.is_restorable()
                {
                    self.copied_bytes[known.role as usize] += entry.stat.size;
                }
            }
        }
        if let Some(root) = &scan.dirs[0].known {
            self.count(&root.sums.restorable_bytes);
        }
        let dirs = if self.request.force_copy.is_empty() { unknown } else { (0..scan.dirs.len()).collect() };
        let files = dirs.into_iter().flat_map(|dir| {
            let files = scan.dirs[dir].entries.iter().enumerate().filter(|(_, entry)| entry.kind == Kind::File);
            files.map(move |(entry, value)| (dir, entry, value))
        });
        for (dir, index, entry) in files {
            let forced = !self.request.force_copy.is_empty()
                && scan.dirs[dir].path.join(&entry.name).is_ok_and(|path| self.request.force_copy.contains(&path));
            if entry.known.as_ref().is_some_and(|known| !forced || known.content.is_restorable()) {
                continue;
            }
            let role = entry.role;
            // A large file without a telling name is data more often than not.
            let likely = role.unwrap_or(if entry.stat.size > LIKELY_DATA_BYTES { Role::Data } else { Role::Code });
            match self.decide(likely, entry.stat.size, forced) {
                Some(action) => {
                    if action != Action::Sample {
                        plan.bytes += entry.stat.size;
                    }
                    plan.jobs.push(Job { dir, entry: index, action, role });
                }
                None => plan.settled.push((
                    dir,
                    index,
                    Known {
                        content: Content::Missing,
                        role: likely,
                        unsteady: false,
                        note: Some(Box::new(OmissionReason::Skip)),
                    },
                )),
            }
        }
        plan
    }

    fn count(&mut self, bytes: &[u64; 4]) {
        self.copied_bytes.iter_mut().zip(bytes).for_each(|(sum, bytes)| *sum += bytes);
    }

    fn decide(&mut self, role: Role, size: u64, forced: bool) -> Option<Action> {
        let place = role as usize;
        let RoleConfig { keep, file_limit_bytes, total_limit_bytes, .. } = self.request.config.roles[place];
        let reason = match keep {
            _ if forced => None,
            Keep::Skip => return None,
            Keep::Copy if size <= file_limit_bytes && self.copied_bytes[place] + size <= total_limit_bytes => None,
            Keep::Copy | Keep::Hash => Some(complete::why_not_copied(self.request.config, role, size)),
        };
        Some(match reason {
            None => {
                self.copied_bytes[place] += size;
                Action::Copy
            }
            Some(_) if self.hashed_bytes + size > HASH_BEFORE_START_BYTES => Action::Sample,
            Some(reason) => {
                self.hashed_bytes += size;
                Action::Hash(reason)
            }
        })
    }
}
