//! What the index answers about runs, projects and the rest.

use std::collections::{BTreeMap, BTreeSet};

use lab_model::{
    FilePath, Hash, NoteKind, Project, ProjectId, RelPath, RestoreRecord, RunEnd, RunFacts, RunId, RunStart, Status,
    Target, Time,
};
use rusqlite::{Row, params};

use crate::index::Way;
use crate::{Reader, RecordKind, Result, StoreError, index};

/// A run with everything that was said about it later.
#[derive(Clone, PartialEq, Debug)]
pub struct RunRow {
    /// How it began.
    pub start: RunStart,
    /// How it ended; `None` while it goes on.
    pub end: Option<RunEnd>,
    /// The environment's part of the fingerprint, once it is known.
    pub environment: Option<Hash>,
    /// Its name now.
    pub name: String,
    /// Its tags now, sorted.
    pub tags: Vec<String>,
    /// Starred.
    pub starred: bool,
    /// Hidden from lists.
    pub hidden: bool,
    /// Removed.
    pub removed: bool,
    /// Notes, oldest first.
    pub notes: Vec<(Time, NoteKind, String)>,
}

impl RunRow {
    /// How it stands.
    pub fn status(&self) -> Status {
        self.end.as_ref().map_or(Status::Running, |end| end.status)
    }
}

/// A file that a run read or wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsedFile {
    /// The run.
    pub run: RunId,
    /// Where the file was.
    pub path: FilePath,
    /// Its content, as far as it is known.
    pub hash: Option<Hash>,
    /// When the run started.
    pub started: Time,
    /// When it ended.
    pub ended: Time,
}

/// Something that was written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteRow {
    /// On what.
    pub target: Target,
    /// When.
    pub time: Time,
    /// What kind of note.
    pub kind: NoteKind,
    /// The words, Markdown.
    pub text: String,
}

/// Which runs, in which order. By default all that are neither hidden nor removed, newest first;
/// runs of the same moment are in the order of their ids.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunQuery {
    /// Only of this project.
    pub project: Option<ProjectId>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Only with this tag.
    pub tag: Option<String>,
    /// Only those that stand so.
    pub status: Option<Status>,
    /// Hidden ones too.
    pub include_hidden: bool,
    /// Removed ones too.
    pub include_removed: bool,
    /// The other way round.
    pub oldest_first: bool,
}

/// Which index, and how far the packs went that it was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// Numbers of runs are those of one file alone.
    index: (u64, u64),
    packs: Vec<(i64, u64)>,
}

fn note_kind(text: &str) -> NoteKind {
    match text {
        "reason" => NoteKind::Reason,
        "outcome" => NoteKind::Outcome,
        _ => NoteKind::Note,
    }
}

/// The inverse of [`index::target_text`].
fn target_of(text: &str) -> Option<Target> {
    let (kind, id) = text.split_once(':')?;
    match kind {
        "run" => id.parse().ok().map(Target::Run),
        "project" => id.parse().ok().map(Target::Project),
        _ => None,
    }
}

const RUN: &str = "SELECT s.body, e.body, f.environment FROM run_start s LEFT JOIN run_end e ON e.run=s.run \
                   LEFT JOIN run_facts f ON f.run=s.run";

impl Reader {
    /// The projects, by name.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn projects(&self) -> Result<Vec<Project>> {
        let mut projects: Vec<Project> = self.bodies("SELECT record, body FROM project", params![])?.0;
        for project in &mut projects {
            let marks = self.marks(&format!("project:{}", project.id))?;
            if let Some(mark) = marks.get("name").filter(|mark| mark.time >= project.time) {
                project.name.clone_from(&mark.value);
            }
        }
        projects.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(projects)
    }

    /// Runs.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn runs(&self, query: &RunQuery) -> Result<Vec<RunRow>> {
        let order = if query.oldest_first { "s.time, s.run" } else { "s.time DESC, s.run DESC" };
        let filter = if query.project.is_some() { "s.project=?1" } else { "?1 IS NULL" };
        let sql = format!("{RUN} WHERE {filter} ORDER BY {order}");
        let project = query.project.as_ref().map(ProjectId::as_str);
        let mut found = Vec::new();
        let mut select = self.sql(self.connection.prepare_cached(&sql))?;
        let mut rows = self.sql(select.query(params![project]))?;
        while query.limit.is_none_or(|limit| found.len() < limit) {
            let Some(row) = self.sql(rows.next())? else { break };
            let row = self.run_row(row)?;
            let wanted = (query.include_hidden || !row.hidden)
                && (query.include_removed || !row.removed)
                && query.status.is_none_or(|status| row.status() == status)
                && query.tag.as_ref().is_none_or(|tag| row.tags.contains(tag));
            if wanted {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// How many runs there are, of the project when one is named; `limit`, `tag`, `status`
    /// and the order do not count.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn count_runs(&self, query: &RunQuery) -> Result<u64> {
        const ALL: &str = "SELECT count(*) FROM run_start WHERE (?1 IS NULL OR project=?1)";
        const UNLISTED: &str =
            "SELECT count(DISTINCT m.target) FROM mark m JOIN run_start s ON s.run=substr(m.target,5)
            WHERE ((?2=0 AND m.aspect='hide') OR (?3=0 AND m.aspect='remove')) AND m.value='1'
            AND m.aspect IN ('hide','remove') AND m.target LIKE 'run:%' AND (?1 IS NULL OR s.project=?1)";
        let project = query.project.as_ref().map(ProjectId::as_str);
        let all: u64 = {
            let mut select = self.sql(self.connection.prepare_cached(ALL))?;
            self.sql(select.query_row(params![project], |row| row.get(0)))?
        };
        let mut select = self.sql(self.connection.prepare_cached(UNLISTED))?;
        let values = params![project, query.include_hidden, query.include_removed];
        let unlisted: u64 = self.sql(select.query_row(values, |row| row.get(0)))?;
        Ok(all - unlisted)
    }

    /// One run.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn run(&self, run: &RunId) -> Result<Option<RunRow>> {
        let mut select = self.sql(self.connection.prepare_cached(&format!("{RUN} WHERE s.run=?")))?;
        let mut rows = self.sql(select.query([run.as_str()]))?;
        self.sql(rows.next())?.map(|row| self.run_row(row)).transpose()
    }

    /// What was gathered about a run right after its start.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn facts(&self, run: &RunId) -> Result<Option<RunFacts>> {
        Ok(self.bodies("SELECT record, body FROM run_facts WHERE run=?", params![run.as_str()])?.0.pop())
    }

    /// The runs that a person may mean: those of exactly this name, and those whose id begins so;
    /// oldest first. Removed runs are meant only when no other is.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn find_runs(&self, prefix_or_name: &str, project: Option<&ProjectId>) -> Result<Vec<RunId>> {
        const SQL: &str = "SELECT s.run, EXISTS(SELECT 1 FROM mark r WHERE r.target='run:'||s.run AND r.aspect='remove'
              AND r.value='1') FROM run_start s
            WHERE (?2 IS NULL OR s.project=?2) AND (
              s.run IN (SELECT run FROM run_start WHERE run >= ?1 AND run < ?1||'~' AND ?1 <> '')
              OR s.run IN (SELECT substr(target,5) FROM mark WHERE aspect='name' AND value=?1 AND target LIKE 'run:%')
              OR (s.name=?1 AND NOT EXISTS(SELECT 1 FROM mark m WHERE m.target='run:'||s.run AND m.aspect='name')))
            ORDER BY s.time, s.run";
        let select = || {
            let mut select = self.connection.prepare_cached(SQL)?;
            let rows = select.query_map(params![prefix_or_name, project.map(ProjectId::as_str)], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let found = self.sql(select())?;
        let all_removed = found.iter().all(|(_, removed)| *removed);
        Ok(found
            .into_iter()
            .filter(|(_, removed)| all_removed || !removed)
            .filter_map(|(run, _)| run.parse().ok())
            .collect())
    }

    /// Runs that have begun and not ended, oldest first.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn open_runs(&self) -> Result<Vec<RunStart>> {
        // `CROSS` keeps SQLite from walking all runs in the order of time to spare itself a sort of the few open ones.
        const SQL: &str =
            "SELECT s.record, s.body FROM run_open o CROSS JOIN run_start s ON s.run=o.run ORDER BY s.time, s.run";
        Ok(self.bodies(SQL, params![])?.0)
    }

    /// The restores in a project, oldest first.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn restores(&self, project: &ProjectId) -> Result<Vec<(Hash, RestoreRecord)>> {
        const SQL: &str = "SELECT record, body FROM restore WHERE project=? ORDER BY time, record";
        let (restores, ids) = self.bodies(SQL, params![project.as_str()])?;
        Ok(ids.into_iter().zip(restores).collect())
    }

    /// Paths that runs of a project have created, files that the runs do not count among their
    /// code, config and data.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn produced(&self, project: &ProjectId) -> Result<Vec<RelPath>> {
        let select = || {
            let mut select = self.connection.prepare_cached("SELECT path FROM produced WHERE project=?")?;
            let rows = select.query_map([project.as_str()], |row| row.get::<_, Vec<u8>>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        Ok(self.sql(select())?.into_iter().filter_map(|path| RelPath::new(path).ok()).collect())
    }

    /// The runs that wrote exactly these bytes, oldest first.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn producers(&self, content: &Hash) -> Result<Vec<UsedFile>> {
        self.used_files("u.hash=?1 AND u.way=?2", params![content.0, Way::Written as u8])
    }

    /// The runs that read exactly these bytes, oldest first.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn consumers(&self, content: &Hash) -> Result<Vec<UsedFile>> {
        self.used_files("u.hash=?1 AND u.way=?2", params![content.0, Way::Read as u8])
    }

    /// The runs that wrote a file under this path, oldest first; a path below a root only in `project`.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn writers(&self, path: &FilePath, project: &ProjectId) -> Result<Vec<UsedFile>> {
        self.used_at(path, project, Way::Written)
    }

    /// The runs that read a file under this path, oldest first; a path below a root only in `project`.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn readers(&self, path: &FilePath, project: &ProjectId) -> Result<Vec<UsedFile>> {
        self.used_at(path, project, Way::Read)
    }

    fn used_at(&self, path: &FilePath, project: &ProjectId, way: Way) -> Result<Vec<UsedFile>> {
        let anywhere = path.in_project().is_none();
        self.used_files(
            "u.path=?1 AND u.way=?2 AND (?3 OR s.project=?4)",
            params![path.as_bytes(), way as u8, anywhere, project.as_str()],
        )
    }

    fn used_files(&self, filter: &str, values: impl rusqlite::Params) -> Result<Vec<UsedFile>> {
        let sql = format!(
            "SELECT u.run, u.path, u.hash, s.time, e.time FROM used u JOIN run_start s ON s.run=u.run
             JOIN run_end e ON e.run=u.run WHERE {filter} AND NOT EXISTS(SELECT 1 FROM mark
             WHERE target='run:'||u.run AND aspect='remove' AND value='1') ORDER BY s.time, u.run, u.path"
        );
        let select = || {
            let mut select = self.connection.prepare_cached(&sql)?;
            let rows = select.query_map(values, |row| {
                let run = row.get_ref(0)?.as_str()?.parse().ok();
                let path = FilePath::from_bytes(row.get_ref(1)?.as_blob()?);
                let hash = row.get::<_, Option<[u8; 32]>>(2)?.map(Hash);
                let (started, ended) = (Time(row.get(3)?), Time(row.get(4)?));
                Ok(run.map(|run| UsedFile { run, path, hash, started, ended }))
            })?;
            rows.filter_map(rusqlite::Result::transpose).collect()
        };
        self.sql(select())
    }

    /// Whether a run has, or once had, this name.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn name_taken(&self, name: &str) -> Result<bool> {
        const SQL: &str = "SELECT 1 FROM run_start WHERE name=?1
            UNION ALL SELECT 1 FROM mark WHERE aspect='name' AND value=?1 LIMIT 1";
        self.sql(self.connection.prepare_cached(SQL).and_then(|mut select| select.exists([name])))
    }

    /// The snapshots of a project, oldest first.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn snapshots(&self, project: &ProjectId) -> Result<Vec<(Hash, Time)>> {
        let select = || {
            let mut select = self
                .connection
                .prepare_cached("SELECT record, time FROM snapshot WHERE project=? ORDER BY time, record")?;
            let rows = select.query_map([project.as_str()], |row| Ok((Hash(row.get(0)?), Time(row.get(1)?))))?;
            rows.collect()
        };
        self.sql(select())
    }

    /// The snapshots whose id begins with these hexadecimal digits.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn find_snapshots(&self, prefix: &str) -> Result<Vec<Hash>> {
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let bound = |fill: &str| format!("{}{}", prefix.to_ascii_lowercase(), fill.repeat(64 - prefix.len()));
        let bound = |fill: &str| bound(fill).parse::<Hash>().map(|hash| hash.0).unwrap_or_default();
        let select = || {
            let mut select =
                self.connection.prepare_cached("SELECT record FROM snapshot WHERE record BETWEEN ? AND ?")?;
            let rows = select.query_map([bound("0"), bound("f")], |row| row.get(0).map(Hash))?;
            rows.collect()
        };
        self.sql(select())
    }

    /// How far the index has come: another after every commit or rebuild, and the same for all readers of the same.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn state(&self) -> Result<State> {
        let select = || {
            let mut select = self.connection.prepare_cached("SELECT id, end FROM pack ORDER BY id")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()
        };
        Ok(State { index: self.index, packs: self.sql(select())? })
    }

    /// A number that changes when another process has changed the index. Only numbers of the same
    /// reader can be compared.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn data_version(&self) -> Result<u64> {
        let mut select = self.sql(self.connection.prepare_cached("PRAGMA data_version"))?;
        self.sql(select.query_row([], |row| row.get(0)))
    }

    /// Reads rows of a record's id and its JSON body: the nouns, and their ids.
    fn bodies<T: serde::de::DeserializeOwned>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<(Vec<T>, Vec<Hash>)> {
        let mut select = self.sql(self.connection.prepare_cached(sql))?;
        let mut rows = self.sql(select.query(values))?;
        let (mut nouns, mut ids) = (Vec::new(), Vec::new());
        while let Some(row) = self.sql(rows.next())? {
            let id = Hash(self.sql(row.get(0))?);
            nouns.push(self.noun(row, 1, id)?);
            ids.push(id);
        }
        Ok((nouns, ids))
    }

    fn noun<T: serde::de::DeserializeOwned>(&self, row: &Row<'_>, column: usize, id: Hash) -> Result<T> {
        let text = self.sql(row.get_ref(column).and_then(|value| Ok(value.as_str()?)))?;
        serde_json::from_str(text).map_err(|_| StoreError::Body { id })
    }

    fn run_row(&self, row: &Row<'_>) -> Result<RunRow> {
        let unknown = Hash([0; 32]);
        let start: RunStart = self.noun(row, 0, unknown)?;
        let ended = self.sql(row.get_ref(1))? != rusqlite::types::ValueRef::Null;
        let end = if ended { Some(self.noun::<RunEnd>(row, 1, unknown)?) } else { None };
        let environment = self.sql(row.get::<_, Option<[u8; 32]>>(2))?.map(Hash);
        let target = index::target_text(&Target::Run(start.run.clone()));
        let marks = self.marks(&target)?;
        let is_on = |aspect: &str| marks.get(aspect).is_some_and(|mark| mark.value == "1");
        let mut tags: BTreeSet<String> = start.tags.iter().cloned().collect();
        for (aspect, mark) in &marks {
            if let Some(tag) = aspect.strip_prefix("tag:") {
                if mark.value == "1" {
                    tags.insert(tag.to_owned())
                } else {
                    tags.remove(tag)
                };
            }
        }
        Ok(RunRow {
            name: marks.get("name").map_or_else(|| start.name.clone(), |mark| mark.value.clone()),
            tags: tags.into_iter().collect(),
            starred: is_on("star"),
            hidden: is_on("hide"),
            removed: is_on("remove"),
            notes: self.notes(&target)?,
            start,
            end,
            environment,
        })
    }

    fn marks(&self, target: &str) -> Result<BTreeMap<String, Mark>> {
        let select = || {
            let mut select = self.connection.prepare_cached("SELECT aspect, time, value FROM mark WHERE target=?")?;
            let rows = select
                .query_map([target], |row| Ok((row.get(0)?, Mark { time: Time(row.get(1)?), value: row.get(2)? })))?;
            rows.collect()
        };
        self.sql(select())
    }

    fn notes(&self, target: &str) -> Result<Vec<(Time, NoteKind, String)>> {
        let select = || {
            let mut select = self
                .connection
                .prepare_cached("SELECT time, kind, text FROM note WHERE target=? ORDER BY time, record")?;
            let rows = select.query_map([target], |row| {
                Ok((Time(row.get(0)?), note_kind(row.get_ref(1)?.as_str()?), row.get(2)?))
            })?;
            rows.collect()
        };
        self.sql(select())
    }

    /// What was written down on a project and its runs, or on all: notes and the reasons that runs were started
    /// with; the newest `most`, newest first.
    ///
    /// # Errors
    /// A failed look into the index.
    pub fn recent_notes(&self, project: Option<&ProjectId>, most: usize) -> Result<Vec<NoteRow>> {
        const SELECT: &str = "SELECT target, time, kind, text FROM note
              WHERE ?1 IS NULL OR target='project:'||?1 OR substr(target,5) IN (SELECT run FROM run_start WHERE project=?1)
            UNION ALL SELECT 'run:'||s.run, s.time, 'reason', t.reason FROM run_text t JOIN run_column c USING(number)
              JOIN run_start s ON s.run=c.run WHERE t.reason IS NOT NULL AND (?1 IS NULL OR s.project=?1)
            ORDER BY 2 DESC, 1, 4 LIMIT ?2";
        let select = || {
            let mut select = self.connection.prepare_cached(SELECT)?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let rows = select.query_map(params![project.map(ProjectId::as_str), most], |row| {
                let target = target_of(row.get_ref(0)?.as_str()?);
                let kind = note_kind(row.get_ref(2)?.as_str()?);
                let (time, text) = (Time(row.get(1)?), row.get(3)?);
                Ok(target.map(|target| NoteRow { target, time, kind, text }))
            })?;
            rows.filter_map(rusqlite::Result::transpose).collect()
        };
        self.sql(select())
    }

    /// Every record that the index looks into.
    pub(crate) fn self_speaking(&self) -> Result<Vec<(Hash, RecordKind)>> {
        let select = || {
            let mut select = self.connection.prepare_cached("SELECT id, kind FROM record")?;
            let rows = select.query_map([], |row| Ok((Hash(row.get(0)?), RecordKind::from_code(row.get(1)?))))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let all = self.sql(select())?.into_iter();
        Ok(all.filter_map(|(id, kind)| Some((id, kind?))).filter(|(_, kind)| kind.is_indexed()).collect())
    }
}

/// The newest word on one aspect of a run or project.
struct Mark {
    time: Time,
    value: String,
}
