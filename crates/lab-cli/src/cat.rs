//! `lab cat`: a file as it was.

use lab_engine::{Error, ErrorKind, Result};
use lab_model::{Content, Kind};

use crate::context::Context;
use crate::select::{self, State};
use crate::{error, files, restore};

/// The notebook of what was executed.
const AS_RUN: &str = "as-run.ipynb";

/// The arguments of `lab cat`.
#[derive(clap::Args, Debug)]
pub struct Cat {
    /// The run; or run and path in one, as RUN:PATH
    run: String,
    /// The path in the project; as-run.ipynb for the cells of a notebook's run, in the order in which they ran
    path: Option<String>,
    /// The file as of the run's end
    #[arg(long)]
    end: bool,
}

impl Cat {
    /// Prints the file's bytes.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let (run, path) = match &self.path {
            Some(path) => (self.run.as_str(), path.as_str()),
            None => split(&self.run).ok_or_else(|| error::usage("The path is missing").hint("lab cat RUN PATH"))?,
        };
        let reader = context.reader()?;
        if path == AS_RUN
            && let State::Run(row) = select::state(context, &reader, run)?
            && let Some(notebook) = row.end.as_ref().and_then(|end| end.notebook.as_ref())
        {
            reader.notebook(notebook, &mut |bytes| context.print_bytes(bytes))?;
            return Ok(0);
        }
        let snapshot = files::snapshot_of(context, &reader, run, self.end)?;
        let path = restore::rel_path(path)?;
        let entry = reader.entry(&snapshot, &path)?.ok_or_else(|| {
            Error::new(ErrorKind::Missing, format!("{run} has no file {path}"))
                .hint(format!("`lab files {run}` lists them"))
        })?;
        match (entry.kind, entry.content) {
            (Kind::Symlink, _) => {
                context.print_bytes(&entry.target).map_err(error::output)?;
                return Ok(0);
            }
            (Kind::File, Content::Copied(_) | Content::Sealed(_)) => {}
            (Kind::File, _) => {
                return Err(Error::new(ErrorKind::Missing, format!("The bytes of {path} are not in the notebook"))
                    .hint("`lab coverage` says why"));
            }
            _ => return Err(error::usage(format!("{path} is no file"))),
        }
        if context.global.json {
            // What is made for other programs, and for keeping, never holds a secret.
            if matches!(entry.content, Content::Sealed(_)) {
                let sealed = serde_json::json!({
                    "path": path, "size_bytes": entry.size, "sealed": true, "text": null,
                });
                context.print_json(&sealed)?;
                return Ok(0);
            }
            let bytes = reader.content(&entry)?;
            let text = String::from_utf8_lossy(&bytes);
            context.print_json(&serde_json::json!({ "path": path, "size_bytes": entry.size, "text": text }))?;
            return Ok(0);
        }
        reader.copy_content(&entry, &mut |bytes| context.print_bytes(bytes))?;
        Ok(0)
    }
}

/// `RUN:PATH`; `tag:x:PATH` has its run's colon first.
fn split(text: &str) -> Option<(&str, &str)> {
    let from = if text.starts_with("tag:") { 4 } else { 0 };
    let at = from + text.get(from..)?.find(':')?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_and_path_in_one() {
        assert_eq!(split("@-1:src/a.py"), Some(("@-1", "src/a.py")));
        assert_eq!(split("tag:best:a:b"), Some(("tag:best", "a:b")));
        assert_eq!(split("tag:best"), None);
        assert_eq!(split("x"), None);
    }
}
