//! What commands and the background process say to each other: one line of JSON each way.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use lab_model::{RunId, Time};
use serde::{Deserialize, Serialize};

use super::place::WatchPlace;
use super::projects::WatchState;
use crate::{Error, ErrorKind, Result};

/// Raised when a line of an older side would be misunderstood.
pub const PROTOCOL_VERSION: u32 = 1;
/// The longest question.
pub(crate) const MAX_QUESTION_BYTES: u64 = 4 << 10;
/// The longest answer.
const MAX_ANSWER_BYTES: u64 = 4 << 20;
/// How long either side waits for the other.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// What a command wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// How it stands.
    Status,
    /// Look at the list of projects again.
    Refresh,
    /// End.
    Stop,
}

/// A question as it travels.
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked {
    pub version: u32,
    pub ask: Question,
}

/// What the background process says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// [`PROTOCOL_VERSION`] of the background process.
    pub version: u32,
    /// How it stands.
    #[serde(default)]
    pub status: Option<WatchStatus>,
    /// What went wrong, in words.
    #[serde(default)]
    pub error: Option<String>,
}

/// How the background process stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WatchStatus {
    /// Its process.
    pub pid: i32,
    /// Since when.
    pub since: Time,
    /// Which build of `lab` it is, see [`super::build`].
    pub build: String,
    /// How starts are noticed; `None` when that does not work here.
    pub method: Option<String>,
    /// Every way of noticing starts, best first.
    pub probed: Vec<Probed>,
    /// The projects.
    pub projects: Vec<WatchedProject>,
    /// Runs that are being followed.
    pub runs: Vec<WatchedRun>,
    /// The last decisions, newest first.
    pub decisions: Vec<Decision>,
}

/// A way of noticing starts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Probed {
    /// Its name.
    pub method: String,
    /// Whether it works here.
    pub works: bool,
    /// What it does, or why not.
    pub words: String,
}

/// A watched project.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WatchedProject {
    /// Its name.
    pub name: String,
    /// Its root.
    pub root: String,
    /// How it stands.
    pub state: WatchState,
}

/// A run that is being followed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WatchedRun {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// Its process.
    pub pid: i32,
}

/// What was decided about a command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub time: Time,
    /// Its process; 0 where unknown.
    pub pid: i32,
    /// The command, secrets replaced.
    pub command: String,
    /// The project's name.
    pub project: String,
    /// `run`, `part` or `no`.
    pub verdict: String,
    /// Why, in words.
    pub reason: String,
}

/// Asks the background process; `None` when there is none.
///
/// # Errors
/// [`ErrorKind::Busy`] when it does not answer within two seconds.
pub fn ask(place: &WatchPlace, question: Question) -> Result<Option<Answer>> {
    let Some(holder) = place.holder() else { return Ok(None) };
    let busy = |error: std::io::Error| {
        Error::new(ErrorKind::Busy, format!("The watcher (process {}) does not answer", holder.process.pid))
            .because(error)
            .hint("`lab watch restart` ends it and starts another")
    };
    let mut stream = connect(&holder.socket).map_err(busy)?;
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).map_err(busy)?;
    let mut line = serde_json::to_vec(&Asked { version: PROTOCOL_VERSION, ask: question })
        .expect("because a question always serialises");
    line.push(b'\n');
    stream.write_all(&line).map_err(busy)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(MAX_ANSWER_BYTES)).read_until(b'\n', &mut answer).map_err(busy)?;
    let answer: Answer = serde_json::from_slice(&answer).map_err(|error| {
        Error::new(ErrorKind::Busy, "The watcher's answer is not understood")
            .because(error)
            .hint("it may be of another version: `lab watch restart`")
    })?;
    Ok(Some(answer))
}

/// Connects, also where the path is too long for a socket's name.
fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    with_short_path(socket, |path| UnixStream::connect(path))
}

/// Calls `act` with a path that fits into a socket's name: on Linux one that starts at the open directory.
pub(crate) fn with_short_path<T>(socket: &Path, act: impl FnOnce(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
    use std::os::fd::AsRawFd;
    if socket.as_os_str().len() <= 100 {
        return act(socket);
    }
    let (Some(parent), Some(name)) = (socket.parent(), socket.file_name()) else { return act(socket) };
    let directory = std::fs::File::open(parent)?;
    act(&Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name))
}
