//! `lab run`: run a command and keep everything about it.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use lab_engine::{Engine, Error, ErrorKind, Keep, Result, RunOutcome, RunRequest, TraceMode};
use lab_model::{ROLES, Role, RunId, RunStart};
use lab_view::{Line, Tone, coverage, lineage, show};

use crate::context::Context;
use crate::{error, paint, select};

/// The arguments of `lab run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "The exit code is the command's own; a command that a signal ended ends `lab` the same way.\n\
                  $LAB_RUN_ID names the run, and lines of JSON in the file $LAB_METRICS become metrics.")]
pub struct Run {
    /// A name instead of a made-up one
    #[arg(long, short)]
    name: Option<String>,
    /// A tag; may be given more than once
    #[arg(long = "tag", short, value_name = "TAG")]
    tags: Vec<String>,
    /// Why the run is made
    #[arg(long, short)]
    reason: Option<String>,
    /// The project's directory [default: the one that holds this directory]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    project: Option<PathBuf>,
    /// What is kept of code, config, data or output files: copy, hash or skip
    #[arg(long, value_name = "ROLE=HOW", value_parser = keep)]
    keep: Vec<(Role, Keep)>,
    /// How it is seen which files the command reads and writes: hybrid, full (the same without a library of its own in
    /// the programs, and slower) or off [default: hybrid]
    #[arg(long, value_name = "HOW", value_parser = trace)]
    trace: Option<TraceMode>,
    /// The command, best after `--`
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND", value_hint = clap::ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// `data=hash`.
fn keep(text: &str) -> std::result::Result<(Role, Keep), String> {
    let (role, how) = text.split_once('=').ok_or("write it as ROLE=HOW, such as data=hash")?;
    let role = ROLES.into_iter().find(|known| known.name() == role);
    let how = match how {
        "copy" => Some(Keep::Copy),
        "hash" => Some(Keep::Hash),
        "skip" => Some(Keep::Skip),
        _ => None,
    };
    Ok((role.ok_or("the role is code, config, data or output")?, how.ok_or("what is kept is copy, hash or skip")?))
}

fn trace(text: &str) -> std::result::Result<TraceMode, String> {
    match text {
        "hybrid" => Ok(TraceMode::Hybrid),
        "full" => Ok(TraceMode::Full),
        "off" => Ok(TraceMode::Off),
        _ => Err("it is hybrid, full or off".to_owned()),
    }
}

impl Run {
    /// Runs the command.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let request = RunRequest {
            argv: self.command.clone(),
            name: self.name.clone(),
            tags: self.tags.clone(),
            reason: self.reason.clone(),
            project: self.project.clone(),
            keep: self.keep.clone(),
            trace: self.trace,
            terminal: std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
        };
        let engine = match context.engine_or_new() {
            Ok(engine) => engine,
            Err(error) if error.kind == ErrorKind::Usage => return Err(error),
            Err(error) => return Err(self.run_alone(context, &error)),
        };
        let outcome = engine.run(&request, &mut |start| tell_same(context, engine, start))?;
        for warning in &outcome.warnings {
            context.warn(&crate::sanitize::line(warning));
        }
        if let Some(why) = &outcome.not_started {
            let program = self.command.first().map(|word| word.to_string_lossy()).unwrap_or_default();
            let message =
                if why.contains(&*program) { why.clone() } else { format!("Could not start {program}: {why}") };
            let error = Error::new(ErrorKind::Missing, message);
            error::report(&error, context.global.json);
        }
        if let Some(run) = &outcome.run {
            // The run is over and kept: a line that cannot be told must not change its exit code.
            let _ = tell(context, engine, run);
        }
        Ok(end(&outcome))
    }

    /// The notebook cannot be used: the command runs all the same, in `lab`'s own place.
    fn run_alone(&self, context: &Context, error: &Error) -> Error {
        context.warn(&format!("this run is not kept: {}", crate::sanitize::line(&error.to_string())));
        if let Some(hint) = &error.hint {
            context.warn(&crate::sanitize::line(hint));
        }
        let Some((program, arguments)) = self.command.split_first() else {
            return error::usage("There is no command to run");
        };
        let failed = std::process::Command::new(program).args(arguments).exec();
        let shown = crate::sanitize::line(&program.to_string_lossy());
        Error::new(ErrorKind::Missing, format!("Could not start {shown}")).because(failed)
    }
}

/// `same as calm-lynx, finished 2 h ago, acc 0.93`, when the very same was done before.
fn tell_same(context: &Context, engine: &Engine, start: &RunStart) {
    let line = || {
        let same = engine.same_as(start).ok()??;
        show::same(&engine.reader().ok()?, &same, engine.now()).ok()
    };
    // The command runs by now: nothing of this may keep anybody.
    if !context.global.quiet
        && !context.global.json
        && let Some(line) = line()
    {
        context.say(&paint::sentence(&line));
    }
}

/// `kept as brave-otter (k3f9) · 41 files, 212 kB kept · code (train.py) changed since calm-lynx · acc 0.93 (+0.02, better)`.
fn tell(context: &Context, engine: &Engine, run: &RunId) -> Result<()> {
    if context.global.quiet {
        return Ok(());
    }
    let reader = engine.reader()?;
    if let Some(warning) = reader.run(run)?.and_then(|row| lineage::warning(&row)) {
        context.warn(&crate::sanitize::line(&warning));
    }
    if context.global.json {
        let key = show::Key { run: run.clone(), moment: context.moment()? };
        let page = serde_json::to_string_pretty(&show::load(&reader, &key)?).unwrap_or_default();
        context.say(&page);
        return Ok(());
    }
    let Some(row) = reader.run(run)? else { return Ok(()) };
    let mut line = Line::of("kept as ", Tone::Muted);
    line.push(select::label(&row), Tone::Accent);
    if let Some(snapshot) = row.start.snapshot {
        let coverage = coverage::short(&reader.snapshot(&snapshot)?.coverage);
        line.push(" · ", Tone::Muted);
        line.0.extend(coverage.0);
    }
    context.say(&paint::sentence(&line));
    context.say(&paint::sentence(&show::headline(&reader, &row, reader.base_of(&row)?.as_ref())?));
    Ok(())
}

/// Ends as the command ended: by its signal where one ended it.
fn end(outcome: &RunOutcome) -> u8 {
    if let Some(signal) = outcome.signal.and_then(rustix::process::Signal::from_named_raw) {
        // The command has left its core already, `lab` must not write over it.
        let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
        // Where the signal does not end this process the code below says the same.
        let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    }
    u8::try_from(outcome.exit_code & 0xff).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_a_role_and_a_word() {
        assert_eq!(keep("data=hash"), Ok((Role::Data, Keep::Hash)));
        assert!(keep("data").unwrap_err().contains("ROLE=HOW"));
        assert!(keep("model=copy").unwrap_err().contains("role is"));
        assert!(keep("data=all").unwrap_err().contains("copy, hash or skip"));
    }
}
