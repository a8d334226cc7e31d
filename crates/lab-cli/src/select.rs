//! How runs are named on the command line.

use lab_engine::{ErrorKind, Reader, Result, RunRow};
use lab_model::{Hash, Project};

use crate::context::Context;

/// The run that `spec` names: first among this project's, then in the whole notebook.
pub fn run(context: &Context, reader: &Reader, spec: &str) -> Result<RunRow> {
    let project = context.project()?;
    let Some(project) = project else { return reader.resolve(spec, None) };
    match reader.resolve(spec, Some(&project.id)) {
        // `@` means this project's latest; a name or an id may be anywhere.
        Err(error) if error.kind == ErrorKind::Missing && !spec.starts_with('@') => {
            reader.resolve(spec, None).map_err(|_| error)
        }
        found => found,
    }
}

/// A run or a snapshot.
pub enum State {
    /// A run.
    Run(Box<RunRow>),
    /// A snapshot by its id.
    Snapshot(Hash),
}

/// The run or snapshot that `spec` names.
pub fn state(context: &Context, reader: &Reader, spec: &str) -> Result<State> {
    let error = match run(context, reader, spec) {
        Ok(row) => return Ok(State::Run(Box::new(row))),
        Err(error) => error,
    };
    let hexadecimal = spec.len() >= 8 && spec.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hexadecimal.then(|| reader.find_snapshot(spec)).transpose()?.flatten() {
        Some(snapshot) => Ok(State::Snapshot(snapshot)),
        None => Err(error),
    }
}

/// Name and short id, `brave-otter (k3f9)`.
pub fn label(row: &RunRow) -> String {
    format!("{} ({})", crate::sanitize::line(&row.name), &row.start.run.as_str()[..4])
}

/// The project of a run, with its folder.
pub fn project_of(reader: &Reader, row: &RunRow) -> Result<Project> {
    reader.project(&row.start.project)?.ok_or_else(|| {
        lab_engine::Error::new(ErrorKind::Damaged, format!("The project of {} is not in the notebook", label(row)))
            .hint("run `lab verify`")
    })
}
