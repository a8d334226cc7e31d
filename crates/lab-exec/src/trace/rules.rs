//! Which files a run's record names one by one. The rest is part of the system or of an installed
//! environment, which the run's facts describe: it is counted.

/// What becomes of a file that was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fold {
    /// Named in the record.
    Named,
    /// Part of the system or of an installed environment: counted.
    Counted,
    /// No file of a disk, or one of `lab`'s own: passed over.
    PassedOver,
}

/// Not on any disk.
const NOT_FILES: &[&[u8]] = &[b"/proc/", b"/sys/", b"/dev/", b"/run/"];
/// How the name begins of a file that lies in memory alone.
const MEMORY: &[u8] = b"memfd:";
/// Where systems keep programs, libraries and their settings.
const SYSTEM: &[&[u8]] = &[
    b"/usr/",
    b"/lib/",
    b"/lib32/",
    b"/lib64/",
    b"/bin/",
    b"/sbin/",
    b"/etc/",
    b"/opt/",
    b"/nix/store/",
    b"/gnu/store/",
    b"/snap/",
    b"/var/lib/",
];
/// Directories of installed packages, caches of compiled code, and version control, wherever they are.
const INSTALLED: &[&[u8]] = &[
    b"site-packages",
    b"dist-packages",
    b"__pycache__",
    b"node_modules",
    b".venv",
    b"venv",
    b".git",
    b".pyenv",
    b".julia",
    b".cargo",
    b".rustup",
    b".conda",
    b"miniconda3",
    b"anaconda3",
    b"miniforge3",
];
/// A shared library is software wherever it lies.
const LIBRARY: &[u8] = b".so";

/// What becomes of files.
#[derive(Debug)]
pub(super) struct Rules {
    /// The project's root; below it only installed packages are counted instead of named.
    root: Vec<u8>,
    /// The notebook's own directory.
    own: Vec<u8>,
    /// The directory that was asked about last, with its slash, and what becomes of its files: many come one after the
    /// other.
    last: (Vec<u8>, Option<Fold>),
}

impl Rules {
    pub(super) fn new(root: Vec<u8>, own: Vec<u8>) -> Self {
        Self { root, own, last: (Vec::new(), None) }
    }

    pub(super) fn root(&self) -> &[u8] {
        &self.root
    }

    /// What becomes of the file `path` (absolute).
    pub(super) fn fold(&mut self, path: &[u8]) -> Fold {
        let (directory, name) = path.split_at(path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1));
        if self.last.0 != directory {
            self.last.1 = self.fold_directory(directory);
            self.last.0.clear();
            self.last.0.extend(directory);
        }
        self.last.1.unwrap_or_else(|| fold_name(name, directory == b"/"))
    }

    /// What becomes of the files of a directory, which ends with a slash; `None` when their names matter.
    fn fold_directory(&self, directory: &[u8]) -> Option<Fold> {
        let below = |above: &[u8]| directory.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"));
        if below(&self.own) {
            return Some(Fold::PassedOver);
        }
        let inside = below(&self.root);
        let searched = if inside { &directory[self.root.len()..] } else { directory };
        let installed = searched.split(|byte| *byte == b'/').any(|part| INSTALLED.contains(&part));
        if inside {
            return Some(if installed { Fold::Counted } else { Fold::Named });
        }
        if NOT_FILES.iter().any(|prefix| directory.starts_with(prefix)) {
            return Some(Fold::PassedOver);
        }
        (installed || SYSTEM.iter().any(|prefix| directory.starts_with(prefix))).then_some(Fold::Counted)
    }
}

/// What becomes of a file outside the project, by its name.
fn fold_name(name: &[u8], is_in_root: bool) -> Fold {
    if is_in_root && name.starts_with(MEMORY) {
        Fold::PassedOver
    } else if name.ends_with(LIBRARY) || name.windows(LIBRARY.len() + 1).any(|part| part == b".so.") {
        Fold::Counted
    } else {
        Fold::Named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_named_and_software_is_counted() {
        use Fold::{Counted, Named, PassedOver};
        let mut rules = Rules::new(b"/home/ann/study".to_vec(), b"/home/ann/notebook".to_vec());
        for (path, expected) in [
            ("/home/ann/study/train.py", Named),
            ("/home/ann/study/lib/x.so", Named),
            ("/home/ann/study/.venv/lib/python3.12/os.py", Counted),
            ("/home/ann/study/__pycache__/a.pyc", Counted),
            ("/home/ann/study/.git/HEAD", Counted),
            ("/home/ann/study2/x.csv", Named),
            ("/data/imagenet/a.jpeg", Named),
            ("/mnt/shared/model.safetensors", Named),
            ("/tmp/scratch", Named),
            ("/usr/lib/python3/os.py", Counted),
            ("/etc/ld.so.cache", Counted),
            ("/home/ann/.local/lib/python3.12/site-packages/x.py", Counted),
            ("/home/ann/build/libx.so.6", Counted),
            ("/lib.so.d/x", Named),
            ("/x", Named),
            ("/memfd:x (deleted)", PassedOver),
            ("/home/memfd:x", Named),
            ("/proc/self/maps", PassedOver),
            ("/dev/null", PassedOver),
            ("/home/ann/notebook/live/x", PassedOver),
        ] {
            assert_eq!(rules.fold(path.as_bytes()), expected, "{path}");
            assert_eq!(rules.fold(path.as_bytes()), expected, "{path} once more");
        }
    }
}
