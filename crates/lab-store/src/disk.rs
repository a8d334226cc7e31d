//! How much of the notebook each project needs.

use std::collections::HashMap;

use lab_model::{Hash, ProjectId};

use crate::references::references;
use crate::{Reader, RecordKind, Result};

/// What each record takes in a pack beside its body, in bytes.
const HEADER_BYTES: u64 = 64;

/// Which projects need which records, as far as it has been looked at. Records never change, so that a newer look
/// only goes on; a notebook that became smaller is looked at anew.
#[derive(Default)]
pub struct DiskUse {
    projects: Vec<ProjectDisk>,
    /// The records of each that are still to be looked at.
    stacks: Vec<Vec<Hash>>,
    /// The project that was the first to need a record.
    owner: HashMap<Hash, u32>,
    /// The others, for records that several need.
    others: HashMap<Hash, Vec<u32>>,
    records: u64,
}

/// How much of the notebook a project needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectDisk {
    /// The project.
    pub project: ProjectId,
    /// Bytes in packs of all that its snapshots and runs need.
    pub stored_bytes: u64,
    /// Those of them that no other project needs.
    pub own_bytes: u64,
}

impl DiskUse {
    /// What is known so far, for every project.
    pub fn projects(&self) -> &[ProjectDisk] {
        &self.projects
    }

    /// Notes that a project needs a record of this size; false when that was known.
    fn note(&mut self, place: usize, id: Hash, bytes: u64) -> bool {
        let project = place as u32;
        match self.owner.get(&id) {
            None => {
                self.owner.insert(id, project);
                self.projects[place].own_bytes += bytes;
            }
            Some(owner) if *owner == project => return false,
            Some(owner) => {
                let others = self.others.entry(id).or_default();
                if others.contains(&project) {
                    return false;
                }
                if others.is_empty() {
                    self.projects[*owner as usize].own_bytes -= bytes;
                }
                others.push(project);
            }
        }
        self.projects[place].stored_bytes += bytes;
        true
    }
}

impl Reader {
    /// Looks at so many records more; true when all were looked at. What cannot be read is passed over: how much is
    /// needed is no proof that all is there.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn measure(&self, usage: &mut DiskUse, most: usize) -> Result<bool> {
        if usage.stacks.iter().all(Vec::is_empty) {
            self.begin(usage)?;
        }
        let mut left = most;
        for place in 0..usage.projects.len() {
            while let Some(id) = usage.stacks[place].pop() {
                let Some(found) = self.place(&id)? else { continue };
                if usage.note(place, id, found.stored_length + HEADER_BYTES) {
                    usage.stacks[place].extend(self.named_by(found.kind, &id));
                }
                left -= 1;
                if left == 0 {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn named_by(&self, kind: RecordKind, id: &Hash) -> Vec<Hash> {
        if matches!(kind, RecordKind::Chunk | RecordKind::Series | RecordKind::Log) {
            return Vec::new();
        }
        self.read(id, None).ok().and_then(|body| references(kind, &body)).unwrap_or_default()
    }

    /// Begins with what is new of every project.
    fn begin(&self, usage: &mut DiskUse) -> Result<()> {
        let records = self.sql(self.connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)))?;
        if records < usage.records {
            *usage = DiskUse::default();
        }
        usage.records = records;
        for project in self.projects()? {
            if usage.projects.iter().all(|known| known.project != project.id) {
                usage.projects.push(ProjectDisk { project: project.id, stored_bytes: 0, own_bytes: 0 });
                usage.stacks.push(Vec::new());
            }
        }
        for place in 0..usage.projects.len() {
            let needs = |id: &Hash| {
                let is_other = || usage.others.get(id).is_some_and(|others| others.contains(&(place as u32)));
                usage.owner.get(id) == Some(&(place as u32)) || is_other()
            };
            let mut roots = self.roots_of(&usage.projects[place].project)?;
            roots.retain(|id| !needs(id));
            usage.stacks[place] = roots;
        }
        Ok(())
    }

    /// The snapshots, runs and restores of a project.
    fn roots_of(&self, project: &ProjectId) -> Result<Vec<Hash>> {
        const SQL: &str = "SELECT record FROM project WHERE id=?1
            UNION ALL SELECT record FROM snapshot WHERE project=?1
            UNION ALL SELECT record FROM restore WHERE project=?1
            UNION ALL SELECT record FROM run_start WHERE project=?1
            UNION ALL SELECT run_end.record FROM run_start JOIN run_end USING(run) WHERE project=?1
            UNION ALL SELECT run_facts.record FROM run_start JOIN run_facts USING(run) WHERE project=?1";
        let select = || {
            let mut select = self.connection.prepare_cached(SQL)?;
            let rows = select.query_map([project.as_str()], |row| Ok(Hash(row.get(0)?)))?;
            rows.collect()
        };
        self.sql(select())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_projects_need_is_nobodys_own() {
        let project = |name: &str| ProjectDisk { project: name.parse().unwrap(), stored_bytes: 0, own_bytes: 0 };
        let projects = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"].map(project).into();
        let mut usage = DiskUse { projects, ..DiskUse::default() };
        let id = |byte: u8| Hash([byte; 32]);
        for (place, byte, is_new) in
            [(0, 1, true), (0, 1, false), (0, 2, true), (1, 2, true), (1, 2, false), (2, 2, true), (1, 3, true)]
        {
            assert_eq!(usage.note(place, id(byte), 10), is_new, "{place} {byte}");
        }
        let told: Vec<_> = usage.projects().iter().map(|project| (project.stored_bytes, project.own_bytes)).collect();
        assert_eq!(told, [(20, 10), (20, 10), (10, 0)]);
    }
}
