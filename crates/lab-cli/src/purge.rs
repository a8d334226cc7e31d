//! `lab purge`: gone for good.

use std::collections::BTreeSet;

use lab_engine::{Error, ErrorKind, Result, RunQuery};
use lab_model::{Hash, Kind, RunId};
use lab_view::reports;

use crate::context::Context;
use crate::progress::{Progress, Unit};
use crate::{ask, restore, select};

/// The arguments of `lab purge`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Everything else stays as it is, byte for byte. Copies made before still hold what is purged.")]
pub struct Purge {
    /// Runs that go with everything that only they need
    runs: Vec<String>,
    /// A path whose content goes, in every snapshot of this project
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// A content that goes, by its BLAKE3 hash
    #[arg(long = "content", value_name = "HASH")]
    contents: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Purge {
    /// Purges.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let rows = self.runs.iter().map(|spec| select::run(context, &reader, spec)).collect::<Result<Vec<_>>>()?;
        let runs: Vec<RunId> = rows.iter().map(|row| row.start.run.clone()).collect();
        let mut contents = self.contents_of_paths(context)?;
        for content in &self.contents {
            let hash: Hash = content.parse().map_err(|source| {
                crate::error::usage(format!("This is no hash: {}", crate::sanitize::line(content))).because(source)
            })?;
            contents.insert(hash);
        }
        if runs.is_empty() && contents.is_empty() {
            return Err(
                crate::error::usage("There is nothing to purge").hint("name runs, or --path PATH, or --content HASH")
            );
        }
        let labels = rows.iter().map(select::label).collect::<Vec<_>>();
        let mut what = Vec::new();
        if !labels.is_empty() {
            what.push(lab_view::format::some_of(&labels, 5));
        }
        if !contents.is_empty() {
            what.push(lab_view::format::count(contents.len() as u64, "content"));
        }
        ask::confirm(context, &format!("Remove {} for good?", what.join(" and ")), self.yes)?;
        let contents: Vec<Hash> = contents.into_iter().collect();
        let mut progress = Progress::new(context, "Purging", Unit::Bytes);
        let report = context.engine()?.purge(&runs, &contents, &mut |done, total| progress.set(done, total))?;
        drop(progress);
        context.print(&reports::purge(&report))?;
        Ok(0)
    }

    /// Every content that ever stood at the paths.
    fn contents_of_paths(&self, context: &Context) -> Result<BTreeSet<Hash>> {
        let mut found = BTreeSet::new();
        if self.paths.is_empty() {
            return Ok(found);
        }
        let reader = context.reader()?;
        let project = context.need_project()?;
        let paths = self.paths.iter().map(|path| restore::rel_path(path)).collect::<Result<Vec<_>>>()?;
        let query =
            RunQuery { project: Some(project.id), include_hidden: true, include_removed: true, ..RunQuery::default() };
        let mut snapshots = BTreeSet::new();
        for row in reader.runs(&query)? {
            snapshots.extend(row.start.snapshot);
            snapshots.extend(row.end.and_then(|end| end.snapshot));
        }
        for snapshot in &snapshots {
            for path in &paths {
                let entry = reader.entry(snapshot, path)?.filter(|entry| entry.kind == Kind::File);
                found.extend(entry.and_then(|entry| entry.content.hash()));
            }
        }
        if found.is_empty() {
            let paths = self.paths.join(", ");
            return Err(Error::new(ErrorKind::Missing, format!("No snapshot holds {}", crate::sanitize::line(&paths))));
        }
        Ok(found)
    }
}
