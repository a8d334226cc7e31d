//! `lab watch`: the background process that keeps runs which nobody started with `lab run`.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lab_engine::watch::{Answer, Question, WatchPlace, WatchStatus, ask, build, serve};
use lab_engine::{Engine, EngineConfig, Error, ErrorKind, Result};
use lab_view::{show, watch};

use crate::context::Context;
use crate::service;

/// How long `start` waits for the watcher to answer, and `stop` for it to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The arguments of `lab watch`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Watch {
    /// Watch in this process instead of in the background
    #[arg(long)]
    foreground: bool,
    /// Leave terminal and session
    #[arg(long, hide = true, requires = "foreground")]
    detached: bool,
    #[command(subcommand)]
    command: Option<WatchCommand>,
}

/// What to do with the watcher.
#[derive(clap::Subcommand, Debug)]
enum WatchCommand {
    /// Start the watcher, or put this version in the place of another
    Start,
    /// End the watcher; runs go on
    Stop,
    /// End the watcher and start another
    Restart,
    /// Say what is watched, what runs, and what was decided about the last commands
    Status,
    /// Watch a directory; it becomes a project
    Add {
        /// The directory
        #[arg(default_value = ".", value_hint = clap::ValueHint::DirPath)]
        directory: PathBuf,
    },
    /// Watch a project no longer; what was kept stays
    Remove {
        /// The project's directory
        #[arg(default_value = ".", value_hint = clap::ValueHint::DirPath)]
        directory: PathBuf,
    },
    /// Start the watcher at every login
    Install,
    /// Undo `install`
    Uninstall,
    /// Print the watcher's own log
    Log {
        /// Only so many lines
        #[arg(short = 'n', long, default_value_t = 100, value_name = "NUMBER")]
        lines: usize,
    },
}

impl Watch {
    /// Does what is wanted.
    pub fn run(&self, context: &Context) -> Result<u8> {
        if self.foreground {
            return foreground(context, self.detached);
        }
        match self.command.as_ref().unwrap_or(&WatchCommand::Status) {
            WatchCommand::Start => start(context),
            WatchCommand::Stop => {
                let words = if stop(context)? { "The watcher has stopped" } else { "No watcher runs" };
                context.say(words);
                Ok(0)
            }
            WatchCommand::Restart => {
                stop(context)?;
                start(context)
            }
            WatchCommand::Status => status(context),
            WatchCommand::Add { directory } => {
                let engine = context.engine_or_new()?;
                let (project, _) = engine.watch_add(&engine.config().cwd.join(directory))?;
                told_to_look(context)?;
                context.say(&format!("{} is watched", crate::sanitize::line(&project.name)));
                Ok(0)
            }
            WatchCommand::Remove { directory } => {
                let engine = context.engine()?;
                let project = engine.project_of(&engine.config().cwd.join(directory))?.ok_or_else(|| {
                    Error::new(ErrorKind::Missing, "This directory belongs to no project")
                        .hint("`lab projects` lists them")
                })?;
                engine.set_watched(&project, false)?;
                told_to_look(context)?;
                context.say(&format!("{} is no longer watched", crate::sanitize::line(&project.name)));
                Ok(0)
            }
            WatchCommand::Install => service::install(context),
            WatchCommand::Uninstall => service::uninstall(context),
            WatchCommand::Log { lines } => log(context, *lines),
        }
    }
}

/// The life of the background process.
fn foreground(context: &Context, detached: bool) -> Result<u8> {
    if detached {
        // No terminal, no session, no directory that somebody wants to unmount.
        let _ = rustix::process::setsid();
        std::env::set_current_dir("/").map_err(|error| Error::disk("enter", std::path::Path::new("/"), error))?;
    }
    serve(context.config()?, &|reader, same, now| {
        show::same(reader, same, now).map(|line| line.text()).unwrap_or_default()
    })?;
    Ok(0)
}

/// Starts the watcher, unless one of this very build runs.
fn start(context: &Context) -> Result<u8> {
    // The notebook is made here, so that what is wrong with it is told here.
    let config = context.engine_or_new()?.config().clone();
    let place = WatchPlace::new(&config);
    if let Ok(Some(answer)) = ask(&place, Question::Status) {
        let running = status_of(answer)?;
        if running.build == build(&config.executable) {
            context.say(&format!("The watcher runs already (process {})", running.pid));
            return Ok(0);
        }
        context.say("The watcher is of another version: it is replaced");
    }
    stop(context)?;
    let status = spawn(&config, &place)?;
    context.say(&format!("The watcher runs (process {})", status.pid));
    Ok(0)
}

fn spawn(config: &EngineConfig, place: &WatchPlace) -> Result<WatchStatus> {
    let log = place.log();
    let fail = |error| Error::disk("write", &log, error);
    if let Some(parent) = log.parent() {
        std::fs::create_dir_all(parent).map_err(fail)?;
    }
    let errors = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&log).map_err(fail)?;
    let notebook = config.notebook.canonicalize().unwrap_or_else(|_| config.notebook.clone());
    let mut child = std::process::Command::new(&config.executable)
        .args(["watch", "--foreground", "--detached", "--notebook"])
        .arg(notebook)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .map_err(|error| Error::new(ErrorKind::Bug, "The watcher could not be started").because(error))?;
    let until = Instant::now() + PATIENCE;
    loop {
        if let Ok(Some(answer)) = ask(place, Question::Status) {
            return status_of(answer);
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || Instant::now() > until {
            return Err(Error::new(ErrorKind::Busy, "The watcher did not come up").hint("`lab watch log` says why"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ends the watcher. False when there was none.
fn stop(context: &Context) -> Result<bool> {
    let place = WatchPlace::new(&context.config()?);
    let Some(pid) = place.running() else { return Ok(false) };
    let asked = ask(&place, Question::Stop);
    let until = Instant::now() + PATIENCE;
    let mut killed = false;
    while place.running() == Some(pid) {
        // One that does not answer is ended: runs are not its children, and the next one goes on with them.
        if !killed && (asked.is_err() || Instant::now() > until) {
            killed = true;
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        if Instant::now() > until + PATIENCE {
            return Err(Error::new(ErrorKind::Busy, format!("The watcher (process {pid}) does not end")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(true)
}

fn status(context: &Context) -> Result<u8> {
    let place = WatchPlace::new(&context.config()?);
    let status = ask(&place, Question::Status)?.map(status_of).transpose()?;
    let exit = u8::from(status.is_none()) * ErrorKind::Missing.exit_code();
    let engine = context.engine()?;
    let page = watch::page(status.as_ref(), &lab_view::format::Moment::local(engine.now()));
    context.print(&page)?;
    Ok(exit)
}

fn status_of(answer: Answer) -> Result<WatchStatus> {
    answer.status.ok_or_else(|| {
        let words = answer.error.unwrap_or_default();
        Error::new(ErrorKind::Busy, format!("The watcher did not understand: {words}")).hint("`lab watch restart`")
    })
}

/// Lets a watcher that runs look at the projects again.
fn told_to_look(context: &Context) -> Result<()> {
    let place = WatchPlace::new(&context.config()?);
    if ask(&place, Question::Refresh)?.is_none() {
        context.say("No watcher runs: `lab watch start`");
    }
    Ok(())
}

fn log(context: &Context, lines: usize) -> Result<u8> {
    let path = WatchPlace::new(&context.config()?).log();
    let read = |path: &PathBuf| -> Vec<String> {
        let file = std::fs::File::open(path).ok().map(BufReader::new);
        file.into_iter().flat_map(|file| file.lines().map_while(std::result::Result::ok)).collect()
    };
    let mut all = read(&path.with_extension("old"));
    all.extend(read(&path));
    let moment = lab_view::format::Moment::local(lab_model::Time(0));
    let mut out = std::io::stdout().lock();
    for line in all.iter().skip(all.len().saturating_sub(lines)) {
        let stamped = line.split_once(' ').and_then(|(time, words)| {
            let seconds: f64 = time.parse().ok()?;
            Some(format!("{} {words}", moment.exact(lab_model::Time((seconds * 1000.0) as i64))))
        });
        let text = crate::sanitize::line(stamped.as_deref().unwrap_or(line));
        writeln!(out, "{text}").map_err(crate::error::output)?;
    }
    Ok(0)
}

/// Lets a watcher know of a new project; nobody minds when that fails.
pub fn mention(engine: &Engine) {
    let _ = ask(&WatchPlace::new(engine.config()), Question::Refresh);
}
