//! Starting and ending the background process, for commands and interfaces.

use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Answer, Question, WatchPlace, WatchStatus, ask, build};
use crate::{EngineConfig, Error, ErrorKind, Result};

/// How long [`start`] waits for the watcher to answer, and [`stop`] for it to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often they look.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What [`start`] found and did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WatchStarted {
    /// The watcher's process.
    pub pid: i32,
    /// One of this very build ran already.
    pub was_running: bool,
    /// One of another build was ended first.
    pub has_replaced: bool,
}

impl Answer {
    /// How the watcher stands.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when it did not understand the question.
    pub fn into_status(self) -> Result<WatchStatus> {
        self.status.ok_or_else(|| {
            let words = self.error.unwrap_or_default();
            Error::new(ErrorKind::Busy, format!("The watcher did not understand: {words}")).hint("`lab watch restart`")
        })
    }
}

/// Starts the watcher of a notebook that is there, unless one of this very build runs.
///
/// # Errors
/// [`ErrorKind::Busy`] when it does not come up; [`ErrorKind::Disk`] when its log cannot be written.
pub fn start(config: &EngineConfig) -> Result<WatchStarted> {
    let place = WatchPlace::new(config);
    if let Ok(Some(answer)) = ask(&place, Question::Status) {
        let running = answer.into_status()?;
        if running.build == build(&config.executable) {
            return Ok(WatchStarted { pid: running.pid, was_running: true, has_replaced: false });
        }
    }
    let has_replaced = stop(config)?;
    Ok(WatchStarted { pid: spawn(config, &place)?.pid, was_running: false, has_replaced })
}

/// Ends the watcher; runs go on. False when there was none.
///
/// # Errors
/// [`ErrorKind::Busy`] when it does not end.
pub fn stop(config: &EngineConfig) -> Result<bool> {
    let place = WatchPlace::new(config);
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
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(true)
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
    let status = loop {
        if let Ok(Some(answer)) = ask(place, Question::Status) {
            break answer.into_status()?;
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || Instant::now() > until {
            return Err(Error::new(ErrorKind::Busy, "The watcher did not come up").hint("`lab watch log` says why"));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    // An interface that stays is its parent, and has to wait for it some day; a command is gone by then.
    std::thread::Builder::new()
        .name("lab-watch-wait".to_owned())
        .spawn(move || child.wait())
        .map_err(|error| Error::new(ErrorKind::Busy, "The system gives no more threads").because(error))?;
    Ok(status)
}
