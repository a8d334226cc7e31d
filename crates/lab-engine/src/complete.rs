//! Hashing beside the running command what was too much to read before its start.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use lab_model::{Content, Domain, Hash, Hasher, OmissionReason, RelPath, Role};
use lab_workdir::{Config, Keep, RoleConfig, Scan, ScanEntry, Stat, open_root, open_stream};
use serde::{Deserialize, Serialize};

/// The whole hash of a file that had only been sampled.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Hashed {
    path: RelPath,
    size: u64,
    mtime: (i64, u32),
    hash: Hash,
}

impl Hashed {
    fn fits(&self, stat: &Stat) -> bool {
        (self.size, self.mtime) == (stat.size, (stat.mtime, stat.mtime_nanos))
    }
}

/// Files that are being hashed, one after the other, by a thread of low priority.
pub(crate) struct Completion {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Completion {
    /// Starts to hash `files`; each result is a line of the file `results`.
    pub fn start(root: &Path, files: Vec<(RelPath, Stat)>, results: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut thread = None;
        if !files.is_empty() {
            let (root, stop) = (root.to_owned(), Arc::clone(&stop));
            let work = move || hash_all(&root, &files, &results, &stop);
            // Without the thread the files stay sampled, and the coverage says so.
            thread = std::thread::Builder::new().name("lab-hash".to_owned()).spawn(work).ok();
        }
        Self { stop, thread }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn hash_all(root: &Path, files: &[(RelPath, Stat)], results: &Path, stop: &AtomicBool) {
    // The command comes first.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19);
    let Ok(root) = open_root(root) else { return };
    let Ok(mut output) = OpenOptions::new().append(true).create(true).mode(0o600).open(results) else { return };
    let mut buffer = vec![0; 1 << 20];
    for (path, stat) in files {
        let Ok(mut stream) = open_stream(&root, path) else { continue };
        let mut hasher = Hasher::new(Domain::Content);
        let whole = loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            match stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(count) => hasher.update(&buffer[..count]),
                Err(_) => break false,
            };
        };
        let hashed = Hashed {
            path: path.clone(),
            size: stat.size,
            mtime: (stat.mtime, stat.mtime_nanos),
            hash: hasher.finish(),
        };
        let steady = stream.finish().is_ok_and(|end| !end.unsteady && hashed.fits(&end.stat));
        if whole && steady {
            let mut line = serde_json::to_vec(&hashed).expect("because a path and a hash always serialise");
            line.push(b'\n');
            if output.write_all(&line).is_err() {
                return;
            }
        }
    }
}

/// The results so far, by path.
pub(crate) fn results(path: &Path) -> HashMap<RelPath, Hashed> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Hashed>(line).ok());
    lines.map(|hashed| (hashed.path.clone(), hashed)).collect()
}

/// Files of a scan of which only samples are known.
pub(crate) fn sampled(scan: &Scan) -> Vec<(RelPath, Stat)> {
    let mut files = Vec::new();
    for dir in &scan.dirs {
        for entry in &dir.entries {
            if entry.known.as_ref().is_some_and(|known| matches!(known.content, Content::Sampled(_)))
                && let Ok(path) = dir.path.join(&entry.name)
            {
                files.push((path, entry.stat));
            }
        }
    }
    files
}

/// Puts whole hashes in the place of samples. The trees of the directories above are made anew.
pub(crate) fn put_in(scan: &mut Scan, hashed: &HashMap<RelPath, Hashed>, config: &Config) {
    if hashed.is_empty() {
        return;
    }
    for place in 0..scan.dirs.len() {
        let is_sampled =
            |entry: &ScanEntry| entry.known.as_ref().is_some_and(|known| matches!(known.content, Content::Sampled(_)));
        if !scan.dirs[place].entries.iter().any(is_sampled) {
            continue;
        }
        let dir = scan.dir_mut(place);
        let mut changed = false;
        for entry in &mut dir.entries {
            let Some(known) = entry.known.as_mut().filter(|known| matches!(known.content, Content::Sampled(_))) else {
                continue;
            };
            let found = dir.path.join(&entry.name).ok().and_then(|path| hashed.get(&path));
            if let Some(found) = found.filter(|found| found.fits(&entry.stat)) {
                known.content = Content::Hashed(found.hash);
                known.note = Some(Box::new(why_not_copied(config, known.role, entry.stat.size)));
                changed = true;
            }
        }
        if changed {
            scan.forget_tree(place);
        }
    }
}

/// Why a file of this role and size is not copied.
pub(crate) fn why_not_copied(config: &Config, role: Role, size: u64) -> OmissionReason {
    let RoleConfig { keep, file_limit_bytes, total_limit_bytes, .. } = config.roles[role as usize];
    match keep {
        Keep::Copy if size > file_limit_bytes => OmissionReason::FileLimit { limit_bytes: file_limit_bytes },
        Keep::Copy => OmissionReason::TotalLimit { limit_bytes: total_limit_bytes },
        Keep::Hash | Keep::Skip => OmissionReason::HashOnly,
    }
}
