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
const NOT_FILES: &[&[u8]] = &[b"/proc/", b"/sys/", b"/dev/", b"/run/", b"/memfd:"];
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

/// What becomes of the file `path` (absolute) of a project at `root`, with the notebook's own
/// directory `own`. Below the root only installed packages are counted instead of named.
pub(super) fn fold(path: &[u8], root: &[u8], own: &[u8]) -> Fold {
    let below = |directory: &[u8]| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"));
    if below(own) {
        return Fold::PassedOver;
    }
    let inside = below(root);
    let searched = if inside { &path[root.len()..] } else { path };
    let mut directories = searched.split(|byte| *byte == b'/');
    let name = directories.next_back().unwrap_or_default();
    let installed = directories.any(|part| INSTALLED.contains(&part));
    if inside {
        return if installed { Fold::Counted } else { Fold::Named };
    }
    if NOT_FILES.iter().any(|prefix| path.starts_with(prefix)) {
        return Fold::PassedOver;
    }
    let library = name.ends_with(LIBRARY) || name.windows(LIBRARY.len() + 1).any(|part| part == b".so.");
    if installed || library || SYSTEM.iter().any(|prefix| path.starts_with(prefix)) {
        return Fold::Counted;
    }
    Fold::Named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_named_and_software_is_counted() {
        use Fold::{Counted, Named, PassedOver};
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
            ("/proc/self/maps", PassedOver),
            ("/dev/null", PassedOver),
            ("/home/ann/notebook/live/x", PassedOver),
        ] {
            assert_eq!(fold(path.as_bytes(), b"/home/ann/study", b"/home/ann/notebook"), expected, "{path}");
        }
    }
}
