//! The library that is loaded into traced programs (`preload/helper.rs`): where it is kept, and how programs
//! come to load it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use lab_model::{Domain, Hash};

/// Names libraries that every program of this environment loads first, see ld.so(8).
pub(crate) const PRELOAD: &str = "LD_PRELOAD";
/// By this the file is known, also in the variables of a command that runs inside a traced one.
const PREFIX: &str = "lab-opened-files-";
/// Programs with an address sanitizer of their own refuse to start where a library comes first whose name
/// does not contain this; a library that replaces no memory functions does no harm there.
const SUFFIX: &str = "-before-libasan.so";

/// Empty where there is none for this system.
const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/helper.so"));

/// Puts the library into `directory`, once, and names it; `None` when programs could not load it from there.
pub(super) fn install(directory: &Path) -> Option<PathBuf> {
    if BYTES.is_empty() {
        return None;
    }
    let hash = Hash::of(Domain::Content, BYTES).to_string();
    let path = directory.join([PREFIX, &hash[..16], SUFFIX].concat());
    // What stands between names in the variable, and what is replaced in them.
    let is_nameable = path.is_absolute() && !path.as_os_str().as_bytes().iter().any(|byte| b" :$\n".contains(byte));
    if !is_nameable {
        return None;
    }
    if std::fs::read(&path).ok().as_deref() != Some(BYTES) {
        write(&path).ok()?;
    }
    is_loadable(&path).then_some(path)
}

/// Whole under its name, or not at all.
fn write(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    std::fs::write(&unfinished, BYTES)?;
    std::fs::set_permissions(&unfinished, std::fs::Permissions::from_mode(0o555))?;
    std::fs::rename(&unfinished, path)
}

/// Whether code may be run from there: some file systems are mounted so that it may not.
#[expect(unsafe_code, reason = "a mapping has no safe form")]
fn is_loadable(path: &Path) -> bool {
    use std::os::fd::AsRawFd;
    let Ok(file) = std::fs::File::open(path) else { return false };
    let access = libc::PROT_READ | libc::PROT_EXEC;
    // SAFETY: the mapping is new, and nobody uses it.
    unsafe {
        let place = libc::mmap(std::ptr::null_mut(), BYTES.len(), access, libc::MAP_PRIVATE, file.as_raw_fd(), 0);
        place != libc::MAP_FAILED && libc::munmap(place, BYTES.len()) == 0
    }
}

/// The value of [`PRELOAD`] with which programs load `helper` too. After those that a person put there, so that
/// what they replace stays replaced.
pub(super) fn with(own: Option<OsString>, helper: &Path) -> OsString {
    let mut value = without(&own.unwrap_or_default()).unwrap_or_default();
    if !value.is_empty() {
        value.push(":");
    }
    value.push(helper);
    value
}

/// The value of [`PRELOAD`] that a person gave it; `None` when there was none.
pub(crate) fn without(value: &OsStr) -> Option<OsString> {
    let is_ours = |part: &[u8]| {
        let name = part.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        name.starts_with(PREFIX.as_bytes())
    };
    let parts = value.as_bytes().split(|byte| b": ".contains(byte)).filter(|part| !part.is_empty());
    let (ours, own): (Vec<_>, Vec<_>) = parts.partition(|part| is_ours(part));
    if ours.is_empty() {
        return Some(value.to_owned());
    }
    (!own.is_empty()).then(|| OsString::from_vec(own.join(&b':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_preloads_stays_and_comes_first() {
        let helper = Path::new("/n/cache/lab-opened-files-0123-before-libasan.so");
        for (own, expected) in [
            (None, "/n/cache/lab-opened-files-0123-before-libasan.so"),
            (Some("a.so"), "a.so:/n/cache/lab-opened-files-0123-before-libasan.so"),
            (Some("a.so b.so"), "a.so b.so:/n/cache/lab-opened-files-0123-before-libasan.so"),
            (Some("a.so:/o/lab-opened-files-9"), "a.so:/n/cache/lab-opened-files-0123-before-libasan.so"),
        ] {
            let value = with(own.map(OsString::from), helper);
            assert_eq!(value, expected);
            let own = own.map(|own| own.split(":/o/").next().unwrap().into());
            assert_eq!(without(&value), own.map(|own: OsString| own.to_str().unwrap().replace(' ', ":").into()));
        }
        assert_eq!(without("x.so".as_ref()), Some("x.so".into()));
    }

    #[test]
    fn the_library_is_written_once_where_it_can_be_loaded() {
        let folder = tempfile::tempdir().unwrap();
        if BYTES.is_empty() {
            assert_eq!(install(folder.path()), None);
            return;
        }
        let path = install(folder.path()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), BYTES);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "damaged").unwrap();
        assert_eq!(install(folder.path()).as_deref(), Some(&*path));
        assert_eq!(std::fs::read(&path).unwrap(), BYTES);
        let spaced = folder.path().join("a b");
        std::fs::create_dir(&spaced).unwrap();
        assert_eq!(install(&spaced), None);
        assert_eq!(install(Path::new("/no/such/place")), None);
    }
}
