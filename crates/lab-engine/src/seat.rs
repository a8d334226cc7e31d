//! One window for each notebook: the first one takes the seat, a later start hands over where it was started and
//! ends.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use lab_model::{Domain, Hasher};

use crate::{EngineConfig, Error, ErrorKind, Result, Wake};

/// A socket's name may not be longer (`sun_path` of Linux and macOS, with a reserve).
const MAX_SOCKET_PATH_BYTES: usize = 100;
/// Longer than any path.
const MAX_MESSAGE_BYTES: u64 = 16 << 10;
/// The first window may be so far in starting that it does not listen yet; one that is stuck is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(8);
/// Between two attempts to reach it.
const STEP: Duration = Duration::from_millis(20);

/// The seat of the one window; it is free again when the process ends, however it does.
pub struct Seat {
    // Held, not used: the lock goes with it.
    _lock: Option<File>,
    listener: Option<UnixListener>,
}

impl Seat {
    /// Takes the seat of `config`'s notebook. `None` when another window has it: that one was told `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Disk`] when the directory for this machine's state cannot be written.
    pub fn take(config: &EngineConfig, path: &Path) -> Result<Option<Self>> {
        let state = config.key_file.parent().unwrap_or(Path::new("."));
        let notebook = config.notebook.canonicalize().unwrap_or_else(|_| config.notebook.clone());
        let name = Hasher::new(Domain::Fingerprint).field(notebook.as_os_str().as_encoded_bytes()).finish().short(12);
        let fail = |error| Error::disk("write", state, error);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(fail)?;
        let lock = File::create(state.join(format!("window-{name}.lock"))).map_err(fail)?;
        let socket = state.join(format!("window-{name}.socket"));
        if lock.try_lock().is_err() {
            // One that does not answer leaves room for a second one.
            let told = tell(&socket, path);
            return Ok((!told).then_some(Self { _lock: None, listener: None }));
        }
        let _ = std::fs::remove_file(&socket);
        let fits = socket.as_os_str().len() <= MAX_SOCKET_PATH_BYTES;
        let listener = fits.then(|| UnixListener::bind(&socket).ok()).flatten();
        Ok(Some(Self { _lock: Some(lock), listener }))
    }

    /// The places that later starts hand over, each with a wake.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when the system gives no threads.
    pub fn listen(&mut self, wake: Wake) -> Result<Receiver<PathBuf>> {
        let (sender, arrivals) = sync_channel(16);
        if let Some(listener) = self.listener.take() {
            let serve = move || {
                for stream in listener.incoming() {
                    let Ok(mut stream) = stream else { return };
                    let mut bytes = Vec::new();
                    let _ = stream.set_read_timeout(Some(PATIENCE));
                    let read = Read::by_ref(&mut stream).take(MAX_MESSAGE_BYTES).read_to_end(&mut bytes);
                    if read.is_err() {
                        continue;
                    }
                    // Somebody who hands places over faster than they are looked at need not be heard.
                    let _ = sender.try_send(PathBuf::from(OsString::from_vec(bytes)));
                    let _ = stream.write_all(b"k");
                    wake();
                }
            };
            let started = std::thread::Builder::new().name("lab-seat".to_owned()).spawn(serve);
            started.map_err(|error| Error::new(ErrorKind::Busy, "The system gives no more threads").because(error))?;
        }
        Ok(arrivals)
    }
}

/// Hands a place over; false when nobody takes it.
fn tell(socket: &Path, path: &Path) -> bool {
    let steps = PATIENCE.as_millis() / STEP.as_millis();
    let stream = (0..steps).find_map(|_| {
        let stream = UnixStream::connect(socket).ok();
        if stream.is_none() {
            std::thread::sleep(STEP);
        }
        stream
    });
    let Some(mut stream) = stream else { return false };
    let mut answer = [0];
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let sent = stream.write_all(path.as_os_str().as_bytes()).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
    sent.and_then(|()| stream.read_exact(&mut answer)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::{Clock, Random};

    #[test]
    fn a_second_window_hands_its_place_over() {
        let directory = tempfile::Builder::new().prefix("lab").tempdir().unwrap();
        let config = EngineConfig {
            notebook: directory.path().join("notebook"),
            key_file: directory.path().join("state/machine.key"),
            cwd: directory.path().to_owned(),
            variables: std::collections::BTreeMap::new(),
            executable: "lab".into(),
            clock: Clock::System,
            random: Random::System,
        };
        let mut first = Seat::take(&config, Path::new("/one")).unwrap().expect("a free seat");
        let arrivals = first.listen(Arc::new(|| ())).unwrap();
        assert!(Seat::take(&config, Path::new("/two")).unwrap().is_none());
        assert_eq!(arrivals.recv_timeout(Duration::from_secs(60)).unwrap(), Path::new("/two"));
        let other = EngineConfig { notebook: directory.path().join("other"), ..config.clone() };
        assert!(Seat::take(&other, Path::new("/three")).unwrap().is_some());
        drop(first);
        assert!(Seat::take(&config, Path::new("/four")).unwrap().is_some());
    }
}
