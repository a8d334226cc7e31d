//! A notebook, a project, and the real program in an environment of its own.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How often a test repeats: `LAB_TORTURE_PERCENT` of `full`, else `sample`.
pub fn count(sample: usize, full: usize) -> usize {
    match variable("LAB_TORTURE_PERCENT") {
        Some(percent) => (full * percent as usize).div_ceil(100),
        None => sample,
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own knobs")]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A fixed sequence of numbers (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(test: u64) -> Self {
        Self(variable("LAB_TORTURE_SEED").unwrap_or(20_261_121).wrapping_add(test << 32))
    }

    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % below.max(1)
    }
}

pub struct World {
    directory: tempfile::TempDir,
    pub notebook: PathBuf,
    pub project: PathBuf,
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let world = Self { directory, notebook: base.join("notebook"), project: base.join("project") };
        std::fs::create_dir_all(world.project.join("src")).unwrap();
        world.write("train.py", "print('loss: 0.5')\n");
        world.write("config.yaml", "lr: 0.1\n");
        for number in 0..20 {
            world.write(&format!("src/module{number}.py"), &format!("# module {number}\n").repeat(50));
        }
        world
    }

    pub fn base(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        std::fs::write(self.project.join(path), text).unwrap();
    }

    /// The program, in the project, in a clean environment.
    pub fn lab(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command
            .args(args)
            .current_dir(&self.project)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.directory.path())
            .env("LAB_NOTEBOOK", &self.notebook)
            .env("LAB_KEY_FILE", self.base().join("machine.key"))
            .stdin(Stdio::null());
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.lab(args).output().unwrap()
    }

    /// Runs the program and expects it to succeed; what it printed comes back.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "lab {args:?}: {:?}\n{out}\n{err}", output.status);
        out.into_owned()
    }

    #[track_caller]
    pub fn verify(&self) {
        self.ok(&["verify", "--deep"]);
    }

    /// Ids of all runs that the notebook lists, with their status.
    #[track_caller]
    pub fn runs(&self) -> BTreeMap<String, String> {
        let page: serde_json::Value = serde_json::from_str(&self.ok(&["ls", "--json", "-n", "100000"])).unwrap();
        let rows = page["runs"].as_array().expect("because the page lists runs");
        let text = |row: &serde_json::Value, field: &str| row[field].as_str().unwrap().to_owned();
        rows.iter().map(|row| (text(row, "id"), text(row, "status"))).collect()
    }
}

/// Everything below a directory that a restore must bring back, by path.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut stack = vec![root.to_owned()];
    while let Some(directory) = stack.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let below = path.strip_prefix(root).unwrap().to_owned();
            let times = format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
            let mode = metadata.permissions().mode();
            let what = if metadata.is_dir() {
                stack.push(path);
                // The folder's own time is compared where a test is about it.
                format!("directory {mode:o}")
            } else if metadata.is_symlink() {
                format!("link {}", std::fs::read_link(&path).unwrap().display())
            } else {
                format!("file {mode:o} {times} {}", blake3::hash(&std::fs::read(&path).unwrap()))
            };
            found.insert(below, what);
        }
    }
    found
}

/// Waits until `condition` holds.
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// Kills a process and waits until it is gone.
pub fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// Children of a process, without those that stand by for the tracer.
pub fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).filter(|pid| !is_keeper(*pid)).collect()
}

/// Whether a process is one that stands by for the tracer.
pub fn is_keeper(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "run-keeper")
}

/// Processes whose environment names this world's notebook: whatever is left of its runs.
pub fn left_over(notebook: &Path) -> Vec<u32> {
    let needle = [b"LAB_NOTEBOOK=", notebook.as_os_str().as_encoded_bytes()].concat();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == needle)
    })
    .collect()
}
