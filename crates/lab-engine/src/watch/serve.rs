//! The loop of the background process.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use lab_exec::detect::{Detector, Event, Method};
use lab_model::Time;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

use super::files::Files;
use super::follow::{NANOS_PER_MILLI, Watcher};
use super::hook::make_fifo;
use super::place::{HookPlace, Lock, WatchPlace, build};
use super::protocol::{
    Answer, Asked, MAX_QUESTION_BYTES, PATIENCE, PROTOCOL_VERSION, Probed, Question, WatchStatus, with_short_path,
};
use super::same::Same;
use super::shells::{Said, Shells};
use super::starts::{Starts, Told, Wanted};
use crate::run::own_key;
use crate::watched::monotonic_nanos as now_nanos;
use crate::{Engine, EngineConfig, Error, ErrorKind, Reader, Result};

/// Says in a line what an earlier run like the present one came to.
pub type Hint<'a> = &'a dyn Fn(&Reader, &Same, Time) -> String;

/// How often the list of projects is looked at, without being told.
const REFRESH_NANOS: u64 = 5_000 * NANOS_PER_MILLI;
/// How often to see whether the detector is ready.
const OPENING_NANOS: u64 = 20 * NANOS_PER_MILLI;
/// Questions that are read at once.
const MAX_CLIENTS: usize = 16;

/// The life of the background process: until it is told to stop.
///
/// # Errors
/// [`ErrorKind::Busy`] when one runs already for this notebook; those of making its places.
pub fn serve(config: EngineConfig, hint: Hint<'_>) -> Result<()> {
    lab_exec::observe::bound_memory();
    let place = WatchPlace::new(&config);
    let build = build(&config.executable);
    let engine = Engine::open(config)?;
    place.create()?;
    let Some(lock) = place.lock(&own_key())? else {
        let holder = place.holder().map_or_else(String::new, |holder| format!(" (process {})", holder.process.pid));
        return Err(Error::new(ErrorKind::Busy, format!("A watcher runs already for this notebook{holder}"))
            .hint("`lab watch status` shows it; `lab watch restart` ends it and starts another"));
    };
    let fail = |error: std::io::Error| Error::disk("open", place.runtime(), error);
    let (listener, fifo) = (listen(&place.socket()).map_err(fail)?, open_fifo(&place.fifo()).map_err(fail)?);
    let watcher = Watcher::new(&engine, place.clone(), hint)?;
    let files = Files::begin(watcher.projects.watched.listener())?;
    let patience = engine.config.variable("LAB_HOOK_PATIENCE");
    let shells = Shells::begin(fifo, place.clone(), watcher.projects.watched.listener(), patience)?;
    watcher.say(format_args!("watches as process {}", own_key().pid));
    let since = engine.now();
    let mut server = Server {
        watcher,
        place,
        lock,
        build,
        since,
        listener,
        shells,
        files,
        starts: None,
        opening: Some(open_detector()?),
        clients: Vec::new(),
        refreshed_nanos: 0,
        wanted: Wanted::default(),
        data_version: 0,
        is_adopted: false,
        stopping: false,
    };
    server.publish();
    while !server.stopping {
        server.turn();
    }
    server.watcher.leave_kernels();
    let _ = std::fs::remove_file(server.place.hook_file());
    let _ = std::fs::remove_file(server.place.socket());
    server.watcher.say("stops");
    Ok(())
}

struct Server<'a> {
    watcher: Watcher<'a>,
    place: WatchPlace,
    lock: Lock,
    build: String,
    since: Time,
    listener: UnixListener,
    shells: Shells,
    files: Option<Files>,
    starts: Option<Starts>,
    /// Where the detector comes from once its methods are tried.
    opening: Option<Receiver<lab_exec::Result<Detector>>>,
    clients: Vec<Client>,
    refreshed_nanos: u64,
    wanted: Wanted,
    data_version: u64,
    /// Every run that nobody followed is followed.
    is_adopted: bool,
    stopping: bool,
}

/// Somebody who asks, until the question is there.
struct Client {
    stream: UnixStream,
    question: Vec<u8>,
    since_nanos: u64,
}

impl Server<'_> {
    /// Waits for something to happen, and does it.
    fn turn(&mut self) {
        self.wait();
        self.files.iter().for_each(Files::hush);
        self.watcher.projects.watched.drain(&now_nanos);
        self.take_detector();
        let now = now_nanos();
        if now >= self.refreshed_nanos + REFRESH_NANOS {
            self.refresh(now, false);
        }
        // Starts before ends, with what the detector saw between them: a process belongs to the line
        // that was told before it, and a line is settled only when its processes are known.
        let (lines, ends): (Vec<_>, Vec<_>) =
            self.shells.drain().into_iter().partition(|said| matches!(said, Said::Start(_)));
        lines.into_iter().for_each(|said| self.hear(said));
        // Before what the cells have started is told of.
        self.watcher.hear_kernels();
        let mut told: VecDeque<Told> = self.starts.as_ref().map(Starts::drain).unwrap_or_default().into();
        while let Some(one) = told.pop_front() {
            match one {
                Told::Event(event) => {
                    let started = if let Event::Started(started) = &event { Some(started.process.pid) } else { None };
                    self.watcher.event(event);
                    // A loop that is behind has the end already: how long it lived counts, not how late this is.
                    let end = told.iter().find_map(|later| match later {
                        Told::Event(Event::Ended(end)) if Some(end.pid) == started => Some(end.clone()),
                        _ => None,
                    });
                    end.into_iter().for_each(|end| self.watcher.event(Event::Ended(end)));
                    // Of many starts at once each is opened before the next, not all of them together at the end.
                    self.watcher.settle_candidates(now_nanos());
                }
                Told::Words(words) => self.watcher.say(words),
            }
        }
        ends.into_iter().for_each(|said| self.hear(said));
        self.watcher.work();
        self.serve_clients();
    }

    fn take_detector(&mut self) {
        let Some(opened) = self.opening.as_ref().and_then(|opening| opening.try_recv().ok()) else { return };
        self.opening = None;
        let fail = |error| Error::new(ErrorKind::Bug, "Starts cannot be noticed").because(error);
        let files = self.watcher.projects.watched.listener();
        match opened.map_err(fail).and_then(|detector| Starts::begin(detector, files)) {
            Ok(starts) => {
                self.watcher.say(format_args!("starts are noticed by the {}", method_name(starts.method)));
                self.starts = Some(starts);
                self.publish();
                self.watcher.look_around();
            }
            Err(error) => self.watcher.say(format_args!("starts are not noticed, only told: {error}")),
        }
    }

    fn wait(&self) {
        let refresh = self.refreshed_nanos + REFRESH_NANOS;
        let due = self.watcher.due_nanos().map_or(refresh, |due| due.min(refresh));
        let left = due.saturating_sub(now_nanos());
        let left = if self.opening.is_some() { left.min(OPENING_NANOS) } else { left };
        // Not more often than a hundred times a second for what is due: only events must be quick.
        let left = left.max(NANOS_PER_MILLI).cast_signed();
        let timeout = Timespec { tv_sec: left / 1_000_000_000, tv_nsec: left % 1_000_000_000 };
        let starts = self.starts.as_ref().map(Starts::as_fd);
        let followed: Vec<BorrowedFd<'_>> = self.watcher.followed().map(lab_exec::detect::Followed::as_fd).collect();
        let clients = self.clients.iter().map(|client| client.stream.as_fd());
        let files = self.files.as_ref().map(Files::as_fd);
        let all = [self.listener.as_fd(), self.shells.as_fd()]
            .into_iter()
            .chain(files)
            .chain(starts)
            .chain(clients)
            .chain(self.watcher.kernel_fds())
            .chain(followed);
        let mut waiting: Vec<PollFd<'_>> = all.map(|one| PollFd::from_borrowed_fd(one, PollFlags::IN)).collect();
        // An interruption only means another turn.
        let _ = poll(&mut waiting, Some(&timeout));
    }

    /// Looks at the projects again, when the notebook has changed or a folder may have.
    fn refresh(&mut self, now: u64, told: bool) {
        self.refreshed_nanos = now;
        if !self.lock.stands() {
            self.watcher.say("the notebook was moved or deleted");
            self.stopping = true;
            return;
        }
        let version = self.watcher.engine.index().and_then(|index| Ok(index.data_version()?)).unwrap_or(0);
        // One that is gone may have come back.
        let is_gone = self.wanted.roots.len() != self.watcher.projects.all.len();
        let is_other = self.watcher.projects.wanted() != self.wanted;
        if told || version != self.data_version || !self.is_adopted {
            self.is_adopted = self.watcher.adopt();
        }
        let moved = self.wanted.roots.iter().any(|root| !root.is_dir());
        if told || moved || is_gone || is_other || version != self.data_version {
            self.data_version = version;
            self.watcher.refresh();
            self.publish();
        }
        self.tidy();
        if self.watcher.is_idle()
            && let Err(error) = self.watcher.projects.watched.save(self.watcher.engine)
        {
            self.watcher.say(format_args!("the caches of scans are not written: {error}"));
        }
    }

    /// Tells the hooks and the detector where to look.
    fn publish(&mut self) {
        let wanted = self.watcher.projects.wanted();
        if let Some(starts) = &self.starts {
            starts.watch(wanted.clone());
        }
        let hook = HookPlace { pid: own_key().pid, fifo: self.place.fifo(), roots: wanted.roots.clone() };
        if let Err(error) = hook.write(&self.place.hook_file()) {
            self.watcher.say(format_args!("the hooks of shells cannot be told: {error}"));
        }
        self.wanted = wanted;
    }

    /// Removes the answer FIFOs of shells that are gone.
    fn tidy(&self) {
        for entry in std::fs::read_dir(self.place.runtime()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let shell = name.to_str().and_then(|name| name.strip_prefix("reply.")?.parse::<i32>().ok());
            if shell.is_some_and(|pid| lab_exec::process_key(pid).is_none()) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Start(line) => self.watcher.line_starts(*line, &self.shells),
            Said::End { shell, sequence, exit_code, at_nanos } => {
                self.watcher.line_ends(shell, sequence, exit_code, at_nanos);
            }
        }
    }

    fn serve_clients(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.clients.len() < MAX_CLIENTS && stream.set_nonblocking(true).is_ok() {
                self.clients.push(Client { stream, question: Vec::new(), since_nanos: now_nanos() });
            }
        }
        for mut client in std::mem::take(&mut self.clients) {
            match client.read() {
                Reading::Whole => self.answer(client),
                Reading::Part if now_nanos() < client.since_nanos + PATIENCE.as_nanos() as u64 => {
                    self.clients.push(client);
                }
                Reading::Part | Reading::Over => {}
            }
        }
    }

    fn answer(&mut self, client: Client) {
        let asked = serde_json::from_slice::<Asked>(&client.question);
        let mut answer = Answer { version: PROTOCOL_VERSION, status: None, error: None };
        match asked {
            Ok(asked) => {
                match asked.ask {
                    Question::Status => {}
                    Question::Refresh => self.refresh(now_nanos(), true),
                    Question::Stop => self.stopping = true,
                }
                answer.status = Some(self.status());
            }
            Err(error) => answer.error = Some(format!("the question is not understood: {error}")),
        }
        let mut line = serde_json::to_vec(&answer).expect("because an answer always serialises");
        line.push(b'\n');
        let Client { mut stream, .. } = client;
        // Whoever does not read its answer in time gets none.
        let limit = std::time::Duration::from_millis(100);
        let _ = stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_write_timeout(Some(limit)))
            .and_then(|()| stream.write_all(&line));
    }

    fn status(&self) -> WatchStatus {
        let probed = self.starts.as_ref().map_or(&[][..], |starts| &starts.probed);
        let watched = self.watcher.projects.all.iter();
        WatchStatus {
            pid: own_key().pid,
            since: self.since,
            build: self.build.clone(),
            method: self.starts.as_ref().map(|starts| method_name(starts.method).to_owned()),
            probed: probed
                .iter()
                .map(|probe| Probed {
                    method: method_name(probe.method).to_owned(),
                    works: probe.works,
                    words: probe.words.clone(),
                })
                .collect(),
            projects: watched
                .map(|watched| super::protocol::WatchedProject {
                    name: watched.project.name.clone(),
                    root: watched.project.root.clone(),
                    state: watched.state.clone(),
                })
                .collect(),
            runs: self.watcher.running(),
            decisions: self.watcher.decisions.iter().cloned().collect(),
        }
    }
}

/// Trying the methods may take a while on a busy machine; shells are served meanwhile.
fn open_detector() -> Result<Receiver<lab_exec::Result<Detector>>> {
    let (ready, opening) = sync_channel(1);
    let open = move || {
        let _ = ready.send(Detector::open(true));
    };
    std::thread::Builder::new()
        .name("lab-watch-open".to_owned())
        .spawn(open)
        .map_err(|error| Error::new(ErrorKind::Bug, "Could not start a thread").because(error))?;
    Ok(opening)
}

enum Reading {
    Part,
    Whole,
    Over,
}

impl Client {
    fn read(&mut self) -> Reading {
        let mut buffer = [0; 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Reading::Over,
                Ok(count) => self.question.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Reading::Part,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Reading::Over,
            }
            if self.question.ends_with(b"\n") {
                return Reading::Whole;
            }
            if self.question.len() as u64 > MAX_QUESTION_BYTES {
                return Reading::Over;
            }
        }
    }
}

const fn method_name(method: Method) -> &'static str {
    match method {
        Method::Connector => "connector",
        Method::Loader => "loader",
        Method::Polling => "polling",
    }
}

/// The lock is held: a socket that stands there belongs to nobody.
fn listen(socket: &Path) -> std::io::Result<UnixListener> {
    let _ = std::fs::remove_file(socket);
    let listener = with_short_path(socket, |path| UnixListener::bind(path))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn open_fifo(path: &Path) -> std::io::Result<OwnedFd> {
    let _ = std::fs::remove_file(path);
    make_fifo(path)?;
    // For writing too: a FIFO whose writers are gone would be readable all the time.
    Ok(rustix::fs::open(path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?)
}
