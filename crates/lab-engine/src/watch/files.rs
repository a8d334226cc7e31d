//! File events are read on a thread of their own: what was edited when is known however long the loop takes.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};

use crate::watched::{Listener, monotonic_nanos};
use crate::{Error, ErrorKind, Result};

/// The thread, as the loop sees it. It ends when this is dropped.
pub(crate) struct Files {
    bell: UnixStream,
}

impl Files {
    /// `None` where the system has no file events.
    pub fn begin(listener: Listener) -> Result<Option<Self>> {
        if listener.as_fd().is_none() {
            return Ok(None);
        }
        let fail = |error| Error::new(ErrorKind::Bug, "Could not start a thread").because(error);
        let (bell, other) = UnixStream::pair().map_err(fail)?;
        bell.set_nonblocking(true).and_then(|()| other.set_nonblocking(true)).map_err(fail)?;
        let thread = std::thread::Builder::new().name("lab-watch-files".to_owned());
        thread.spawn(move || listen(&listener, &other)).map_err(fail)?;
        Ok(Some(Self { bell }))
    }

    /// Readable when what the thread noted should be taken soon.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The loop is about to take it.
    pub fn hush(&self) {
        let mut rings = [0; 64];
        while (&self.bell).read(&mut rings).is_ok_and(|count| count == rings.len()) {}
    }
}

/// Until the loop is gone.
fn listen(listener: &Listener, mut bell: &UnixStream) {
    let Some(events) = listener.as_fd() else { return };
    lab_exec::observe::be_prompt();
    loop {
        let mut waiting = [PollFd::new(&events, PollFlags::IN), PollFd::new(bell, PollFlags::IN)];
        // An interruption only means another turn.
        let _ = poll(&mut waiting, None);
        if !waiting[1].revents().is_empty() {
            return;
        }
        if listener.listen(&monotonic_nanos) {
            // One that has many rings waiting needs no more.
            let _ = bell.write(&[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use lab_model::{Content, Domain, Hash, Project};

    use super::*;
    use crate::Engine;
    use crate::watched::Watched;
    use crate::watched::tests::engine;

    /// A project whose events another thread reads.
    struct Scene {
        directory: tempfile::TempDir,
        engine: Engine,
        project: Project,
        watched: Watched,
        files: Files,
    }

    impl Scene {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join("p")).unwrap();
            let engine = engine(directory.path(), "notebook");
            let (project, _) = engine.init(&directory.path().join("p"), None).unwrap();
            let mut watched = Watched::default();
            watched.add(&engine, &project).unwrap();
            let files = Files::begin(watched.listener()).unwrap().unwrap();
            Self { directory, engine, project, watched, files }
        }

        fn at(&self, path: &str) -> PathBuf {
            self.directory.path().join("p").join(path)
        }

        /// Makes a directory, of which the thread tells at once, and so of all that was before it.
        fn wait(&self, name: &str) {
            self.files.hush();
            fs::create_dir(self.at(name)).unwrap();
            poll(&mut [PollFd::new(&self.files.as_fd(), PollFlags::IN)], None).unwrap();
        }
    }

    #[test]
    fn what_a_busy_loop_finds_late_is_known_from_when_it_happened() {
        let mut scene = Scene::new();
        for turn in 0..20 {
            fs::write(scene.at("a.yaml"), format!("before {turn}")).unwrap();
            scene.wait(&format!("first-{turn}"));
            let moment = monotonic_nanos();
            scene.watched.listener().witness(&monotonic_nanos);
            fs::write(scene.at("a.yaml"), format!("after {turn}")).unwrap();
            scene.wait(&format!("second-{turn}"));
            // The loop was elsewhere all this while.
            let (outcome, unsteady) = scene.watched.snapshot(&scene.engine, &scene.project.id, Some(moment)).unwrap();
            assert!(unsteady.is_empty(), "turn {turn}: {unsteady:?}");
            let tree = scene.engine.index().unwrap().tree(&outcome.snapshot.root).unwrap();
            let entry = tree.entries.iter().find(|entry| entry.name == b"a.yaml").unwrap();
            let before = Content::Copied(Hash::of(Domain::Content, format!("before {turn}").as_bytes()));
            assert_eq!((entry.content, entry.unsteady), (before, false), "turn {turn}");
        }
    }

    #[test]
    fn edits_beside_the_thread_make_no_difference_to_a_scan() {
        let mut scene = Scene::new();
        for turn in 0_u32..200 {
            // A sequence that depends on nothing: a multiplicative one.
            let dice = turn.wrapping_mul(2_654_435_761) >> 16;
            let (dir, file) = (format!("d{}", dice % 3), format!("d{}/f{}.py", dice % 3, dice / 3 % 4));
            let done = match dice / 16 % 6 {
                0 => fs::remove_dir_all(scene.at(&dir)),
                1 => fs::rename(scene.at(&dir), scene.at(&format!("d{}", (dice + 1) % 3))),
                2 => fs::remove_file(scene.at(&file)),
                _ => fs::create_dir_all(scene.at(&dir)).and_then(|()| fs::write(scene.at(&file), turn.to_string())),
            };
            if turn % 5 > 0 {
                continue;
            }
            let (hot, _) = scene.watched.snapshot(&scene.engine, &scene.project.id, None).unwrap();
            let other = engine(scene.directory.path(), &format!("other-{turn}"));
            let full = other.snapshot(&scene.project, &mut |_, _| {}).unwrap();
            assert_eq!(hot.snapshot.root, full.snapshot.root, "turn {turn}: {done:?}");
        }
    }
}
