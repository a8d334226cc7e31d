//! Which processes write which files now.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::process;

/// Every file below `root` that a process of this user has open for writing, with the numbers of those
/// processes. Takes a few milliseconds on a machine with many processes.
pub fn writers(root: &Path) -> HashMap<PathBuf, Vec<i32>> {
    let mut found: HashMap<PathBuf, Vec<i32>> = HashMap::new();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        for descriptor in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let Ok(path) = std::fs::read_link(descriptor.path()) else { continue };
            let name = descriptor.file_name();
            if path.starts_with(root) && name.to_str().is_some_and(|name| is_for_writing(pid, name)) {
                let pids = found.entry(path).or_default();
                if !pids.contains(&pid) {
                    pids.push(pid);
                }
            }
        }
    }
    found
}

/// Whether a process belongs to a command: it is `root` or below it, or it carries the variable
/// `name=value` that the command was started with.
pub fn belongs(pid: i32, root: Option<i32>, name: &str, value: &str) -> bool {
    let is_below = root.is_some_and(|root| {
        let mut at = Some(pid);
        // A parent is older than its child, so that this ends; the limit is for a `/proc` that lies.
        (0..1000).any(|_| {
            let is_root = at == Some(root);
            at = at.and_then(process::stat).map(|stat| stat.parent).filter(|parent| *parent > 0);
            is_root
        })
    });
    is_below || {
        let wanted = format!("{name}={value}");
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    }
}

fn is_for_writing(pid: i32, descriptor: &str) -> bool {
    let mut buffer = [0; 512];
    let path = format!("/proc/{pid}/fdinfo/{descriptor}");
    let text = process::read(&path, &mut buffer).unwrap_or_default();
    let flags = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"flags:"));
    // The last octal digit is the access mode: 1 for writing, 2 for both.
    flags.is_some_and(|flags| matches!(flags.trim_ascii().last(), Some(b'1' | b'2')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_are_found_and_readers_are_not() {
        let directory = std::env::temp_dir().join(format!("lab-holders-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let directory = directory.canonicalize().unwrap();
        let (written, read) = (directory.join("written"), directory.join("read"));
        std::fs::write(&read, b"x").unwrap();
        let _writing = std::fs::File::create(&written).unwrap();
        let _reading = std::fs::File::open(&read).unwrap();
        let found = writers(&directory);
        let own = rustix::process::getpid().as_raw_nonzero().get();
        assert_eq!(found.get(&written), Some(&vec![own]));
        assert_eq!(found.get(&read), None);
        assert!(belongs(own, Some(own), "LAB_RUN_ID", "none"));
        assert!(belongs(own, rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get()), "LAB_RUN_ID", "none"));
        assert!(!belongs(own, None, "LAB_RUN_ID", "none"));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
