//! Naming runs: by id prefix, name, `@`, `@-1`, `tag:x`.

use lab_model::ProjectId;
use lab_store::{RunQuery, RunRow};

use crate::{Error, ErrorKind, Reader, Result};

impl Reader {
    /// The run that `spec` names: the beginning of an id, a name, `@` for the latest, `@-2` for the
    /// second before it, `tag:x` for the latest with that tag. `@` and `tag:` look in `project`
    /// when one is given.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there is none, [`ErrorKind::Usage`] when there are several; the
    /// hint names candidates.
    pub fn resolve(&self, spec: &str, project: Option<&ProjectId>) -> Result<RunRow> {
        let query = RunQuery { project: project.cloned(), ..RunQuery::default() };
        if let Some(rest) = spec.strip_prefix('@') {
            let back: usize = match rest {
                "" => 0,
                _ => rest.strip_prefix('-').and_then(|count| count.parse().ok()).ok_or_else(|| {
                    Error::new(ErrorKind::Usage, format!("Not a run: {spec}"))
                        .hint("use @ for the latest run, @-1 for the one before")
                })?,
            };
            let mut rows = self.runs(&RunQuery { limit: Some(back + 1), ..query })?;
            let count = rows.len();
            if count == back + 1
                && let Some(row) = rows.pop()
            {
                return Ok(row);
            }
            let (message, hint) = match count {
                0 => ("There are no runs yet".to_owned(), "start one with `lab run -- COMMAND`"),
                1 => (format!("There is only one run, so no {spec}"), "`lab ls -a` lists hidden runs too"),
                _ => (format!("There are only {count} runs, so no {spec}"), "`lab ls -a` lists hidden runs too"),
            };
            return Err(Error::new(ErrorKind::Missing, message).hint(hint));
        }
        if let Some(tag) = spec.strip_prefix("tag:") {
            let row = self.runs(&RunQuery { limit: Some(1), tag: Some(tag.to_owned()), ..query })?.pop();
            return row.ok_or_else(|| {
                Error::new(ErrorKind::Missing, format!("No run has the tag {tag}")).hint("`lab ls` shows tags")
            });
        }
        let mut found = self.store().find_runs(spec, project)?;
        if found.is_empty() && project.is_some() {
            found = self.store().find_runs(spec, None)?;
        }
        match &found[..] {
            [] => Err(Error::new(ErrorKind::Missing, format!("No run is called {spec}"))
                .hint("`lab ls` lists runs; name one by the start of its id, its name, @, @-1 or tag:x")),
            [id] => {
                self.run(id)?.ok_or_else(|| Error::new(ErrorKind::Damaged, format!("Run {id} is named but not there")))
            }
            several => {
                // A name that is typed in full wins over ids that happen to begin with it.
                let rows = several.iter().filter_map(|id| self.run(id).transpose()).collect::<Result<Vec<_>>>()?;
                let mut named = rows.into_iter().filter(|row| row.name == spec);
                if let (Some(row), None) = (named.next(), named.next()) {
                    return Ok(row);
                }
                let names: Vec<_> = several.iter().take(5).map(ToString::to_string).collect();
                Err(Error::new(ErrorKind::Usage, format!("{} runs match {spec}", several.len()))
                    .hint(format!("type more: {}", names.join(", "))))
            }
        }
    }
}
