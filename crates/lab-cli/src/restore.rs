//! `lab restore`, `lab undo`, `lab redo`: shows the plan, asks, puts it in place.

use std::path::PathBuf;

use lab_engine::{Error, ErrorKind, Reader, RestoreOptions, RestorePlan, RestoreTarget, Result};
use lab_model::{Hash, Project, RelPath};
use lab_view::restore;
use serde_json::json;

use crate::context::Context;
use crate::progress::{Progress, Unit};
use crate::select::{self, State};
use crate::{ask, error, paint};

/// The arguments of `lab restore`.
#[derive(clap::Args, Debug)]
#[command(after_help = "The present files are kept first: `lab undo` brings them back exactly.")]
pub struct Restore {
    /// The run, or a snapshot's id
    run: String,
    /// Only these files or directories, as paths in the project
    paths: Vec<String>,
    /// Write into this new directory instead of in place
    #[arg(long, value_name = "DIR", conflicts_with_all = ["outputs", "yes"], value_hint = clap::ValueHint::DirPath)]
    to: Option<PathBuf>,
    /// Only show the plan
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Remove outputs that the run's state does not have
    #[arg(long)]
    outputs: bool,
    /// The files as of the run's end instead of its start
    #[arg(long)]
    end: bool,
}

/// The arguments of `lab undo`.
#[derive(clap::Args, Debug)]
pub struct Undo {
    #[command(flatten)]
    how: How,
}

/// The arguments of `lab redo`.
#[derive(clap::Args, Debug)]
pub struct Redo {
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args, Debug)]
struct How {
    /// Only show the plan
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Restore {
    /// Restores.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let state = select::state(context, &reader, &self.run)?;
        let paths = self.paths.iter().map(|path| rel_path(path)).collect::<Result<Vec<_>>>()?;
        if let Some(destination) = &self.to {
            return self.restore_to(context, &reader, &state, destination, &paths);
        }
        let (project, target, label) = match &state {
            State::Run(row) => {
                let target = RestoreTarget::Run(row.start.run.clone());
                (select::project_of(&reader, row)?, target, select::label(row))
            }
            State::Snapshot(id) => {
                let project = project_of_snapshot(&reader, id)?;
                (project, RestoreTarget::Snapshot(*id), format!("snapshot {}", id.short(12)))
            }
        };
        check_place(context, &project)?;
        resume(context, &project)?;
        let options = RestoreOptions { paths, remove_outputs: self.outputs, end_state: self.end };
        let mut progress = Progress::new(context, "Keeping the present state", Unit::Files);
        let plan = context
            .engine()?
            .plan_restore(&project, &target, &options, &mut |done, total| progress.set(done, total))?;
        drop(progress);
        carry_out(context, &plan, &label, self.dry_run, self.yes)
    }

    fn restore_to(
        &self,
        context: &Context,
        reader: &Reader,
        state: &State,
        destination: &std::path::Path,
        paths: &[RelPath],
    ) -> Result<u8> {
        let snapshot = match state {
            State::Snapshot(id) => *id,
            State::Run(row) => {
                let end = row.end.as_ref().and_then(|end| end.snapshot).filter(|_| self.end);
                end.or(row.start.snapshot).ok_or_else(|| {
                    let why = row.start.missing.join("; ");
                    let label = select::label(row);
                    Error::new(ErrorKind::Missing, format!("The files of {label} were not kept: {why}"))
                })?
            }
        };
        if self.dry_run {
            let key = lab_view::files::Key { snapshot, directories: false };
            context.print(&lab_view::files::load(reader, &key)?)?;
            return Ok(0);
        }
        let engine = context.engine()?;
        let destination = engine.config().cwd.join(destination);
        let mut progress = Progress::new(context, "Writing", Unit::Files);
        let written =
            engine
                .restore_to(&snapshot, &destination, paths, &mut |done, total| progress.set(done, total), &|| false)?;
        drop(progress);
        if let State::Run(row) = state
            && paths.is_empty()
            && let Some(notebook) = row.end.as_ref().and_then(|end| end.notebook.as_ref())
        {
            // Beside the notebook as it was saved, which seldom says what happened.
            let path = reader.write_notebook(notebook, &destination)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            context.warn(&format!("the notebook as it was run is {}", crate::sanitize::line(&name)));
        }
        crate::restore::written(context, &snapshot, &destination, &written)
    }
}

/// Says what was written to a new directory.
fn written(
    context: &Context,
    snapshot: &Hash,
    destination: &std::path::Path,
    written: &lab_engine::Written,
) -> Result<u8> {
    let missing = restore::not_written(written);
    // Without the `..` that a person may have typed.
    let destination = destination.canonicalize().unwrap_or_else(|_| destination.to_owned());
    let shown = crate::sanitize::line(&destination.to_string_lossy());
    if context.global.json {
        let value = json!({
            "snapshot": snapshot, "destination": destination.to_string_lossy(),
            "files": written.files, "bytes": written.bytes, "not_restored": missing,
        });
        context.print_json(&value)?;
        return Ok(0);
    }
    let files = lab_view::format::count(written.files, "file");
    let bytes = lab_view::format::bytes(written.bytes);
    context.print_text(&format!("{files}, {bytes} written to {shown}\n"))?;
    warn_of(context, &missing);
    Ok(0)
}

/// Names what was not restored.
fn warn_of(context: &Context, missing: &lab_view::Table) {
    if missing.rows.is_empty() {
        return;
    }
    context.warn("some files could not be brought back:");
    let mut text = String::new();
    paint::block(&mut text, lab_view::Block::Table(missing), &paint::Style::of_stdout(), 2);
    context.warn(text.trim_end());
}

impl Undo {
    /// Takes the last restore back.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let project = context.need_project()?;
        resume(context, &project)?;
        let mut progress = Progress::new(context, "Keeping the present state", Unit::Files);
        let plan = context.engine()?.plan_undo(&project, &mut |done, total| progress.set(done, total))?;
        drop(progress);
        carry_out(context, &plan, "the state before the last restore", self.how.dry_run, self.how.yes)
    }
}

impl Redo {
    /// Does a restore again that was taken back.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let project = context.need_project()?;
        resume(context, &project)?;
        let mut progress = Progress::new(context, "Keeping the present state", Unit::Files);
        let plan = context.engine()?.plan_redo(&project, &mut |done, total| progress.set(done, total))?;
        drop(progress);
        carry_out(context, &plan, "the state that was taken back", self.how.dry_run, self.how.yes)
    }
}

/// Refuses to change another folder than the one the person works in: the notebook says where a
/// project lies, and it may be wrong or somebody else's.
fn check_place(context: &Context, project: &Project) -> Result<()> {
    let here = &context.engine()?.config().cwd;
    let canonical = |path: &std::path::Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let root = std::path::Path::new(&project.root);
    if !root.is_dir() || canonical(here).starts_with(canonical(root)) {
        return Ok(());
    }
    let root = crate::sanitize::line(&project.root);
    Err(error::usage(format!("This is a state of another folder: {root}"))
        .hint("go there to put it in place, or use --to DIR"))
}

/// Finishes a restore that was interrupted.
fn resume(context: &Context, project: &Project) -> Result<()> {
    if let Some(sentence) = context.engine()?.resume_restore(project)? {
        context.say(&crate::sanitize::line(&sentence));
    }
    Ok(())
}

fn carry_out(context: &Context, plan: &RestorePlan, label: &str, dry_run: bool, yes: bool) -> Result<u8> {
    let page = restore::page(plan, label);
    let nothing_to_do = plan.plan.steps.is_empty();
    if dry_run || nothing_to_do {
        context.print(&page)?;
        return Ok(0);
    }
    if !yes {
        // The question comes on standard error, so the plan does too when only it is being looked at.
        context.say(paint::page(&page, &paint::Style::of_stdout()).trim_end());
    }
    ask::confirm(context, "Put this in place?", yes)?;
    let mut progress = Progress::new(context, "Putting it in place", Unit::Files);
    let outcome = context.engine()?.apply_restore(plan, &mut |done, total| progress.set(done, total), &|| false)?;
    drop(progress);
    if context.global.json {
        context.print_json(&json!({ "plan": page, "done": restore::done(&outcome, plan, label) }))?;
    } else {
        if yes {
            warn_of(context, &page.unrestorable);
        }
        context.print(&restore::done(&outcome, plan, label))?;
    }
    Ok(0)
}

/// A path in the project as typed: `./` before it and `/` behind it do not matter.
pub fn rel_path(text: &str) -> Result<RelPath> {
    let trimmed = text.trim_start_matches("./").trim_end_matches('/');
    let trimmed = if trimmed == "." { "" } else { trimmed };
    RelPath::new(trimmed.as_bytes()).map_err(|source| {
        error::usage(format!("This is no path in the project: {}", crate::sanitize::line(text)))
            .hint("paths are relative to the project's directory")
            .because(source)
    })
}

fn project_of_snapshot(reader: &Reader, snapshot: &Hash) -> Result<Project> {
    let project = reader.snapshot(snapshot)?.project;
    reader
        .project(&project)?
        .ok_or_else(|| Error::new(ErrorKind::Damaged, format!("The project {project} is not in the notebook")))
}
