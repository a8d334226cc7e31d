//! Looks at files on behalf of a call that waits, without ever waiting itself.
//!
//! Whoever serves a file system may be part of the traced command (FUSE), or gone (NFS): were such a
//! file looked at while a call waits, the command would wait for itself. So the kernel resolves each path
//! within one mounted file system (`RESOLVE_NO_XDEV` of openat2(2)), which has to be of a kind that lives in
//! the kernel of this machine; whatever leads elsewhere is [`Away`], and is looked at after the run's end.
//! Mounts that come later need no care: they are elsewhere too. Opening a path alone (`O_PATH`) waits for
//! nobody: neither for the other end of a FIFO nor for a device.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Access, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// It may lie where looking has to wait for somebody.
#[derive(Debug)]
pub(super) struct Away;

/// What a look found; `None` when there is nothing.
pub(super) type Look<T> = Result<Option<T>, Away>;

/// File systems that the kernel serves without the help of a process or of another machine.
const LOCAL: &[&[u8]] = &[
    b"bcachefs",
    b"btrfs",
    b"devtmpfs",
    b"erofs",
    b"exfat",
    b"ext2",
    b"ext3",
    b"ext4",
    b"f2fs",
    b"hugetlbfs",
    b"iso9660",
    b"jfs",
    b"nilfs2",
    b"ntfs3",
    b"overlay",
    b"proc",
    b"ramfs",
    b"reiserfs",
    b"squashfs",
    b"sysfs",
    b"tmpfs",
    b"udf",
    b"vfat",
    b"xfs",
    b"zfs",
];

/// Where file systems are mounted, as of the start.
#[derive(Debug)]
pub(super) struct Mounts {
    /// Each with whether it is local, the longest path first; the root is the empty path.
    mounts: Vec<(Vec<u8>, bool)>,
    /// The root, which nobody wants to unmount.
    root: Option<OwnedFd>,
}

impl Mounts {
    /// The mounts of this process.
    pub(super) fn new() -> Self {
        // Without the list everything is away.
        Self::parse(&std::fs::read("/proc/self/mountinfo").unwrap_or_default())
    }

    /// From the text of `/proc/self/mountinfo`, see proc(5).
    fn parse(text: &[u8]) -> Self {
        let mut mounts: Vec<(Vec<u8>, bool)> = Vec::new();
        for line in text.split(|byte| *byte == b'\n') {
            let mut words = line.split(|byte| *byte == b' ');
            let Some(place) = words.nth(4) else { continue };
            let Some(kind) = words.skip_while(|word| *word != b"-").nth(1) else { continue };
            let mut place = unescaped(place);
            if place == b"/" {
                place.clear();
            }
            // What is mounted over another one hides it.
            mounts.retain(|(other, _)| *other != place);
            mounts.push((place, LOCAL.contains(&kind)));
        }
        // The way to a mount leads through those above it.
        let all = mounts.clone();
        for (place, is_local) in &mut mounts {
            *is_local = all.iter().filter(|(above, _)| is_below(place, above)).all(|(_, is_local)| *is_local);
        }
        mounts.sort_by_key(|(place, _)| std::cmp::Reverse(place.len()));
        Self { mounts, root: open_base(b"/") }
    }

    /// Whether the absolute `path`, which leads through no links, lies where nobody else has to be waited for.
    pub(super) fn is_local(&self, path: &[u8]) -> bool {
        self.mounts.iter().find(|(base, _)| is_below(path, base)).is_some_and(|(_, is_local)| *is_local)
    }

    /// Opens the absolute `path` as a path only. An error that means "not there" is `None`.
    fn open(&self, path: &[u8], flags: OFlags) -> Look<OwnedFd> {
        let (base, is_local) = self.mounts.iter().find(|(base, _)| is_below(path, base)).ok_or(Away)?;
        let rest = &path[base.len()..];
        let below = rest.iter().position(|byte| *byte != b'/').map(|start| &rest[start..]);
        let (true, Some(below)) = (*is_local, below) else { return Err(Away) };
        let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
        // Opened each time: who holds it keeps it from being unmounted.
        let opened = if base.is_empty() { None } else { Some(open_base(base).ok_or(Away)?) };
        let base = opened.as_ref().or(self.root.as_ref()).ok_or(Away)?;
        match rustix::fs::openat2(base, below, flags, Mode::empty(), ResolveFlags::NO_XDEV) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP | Errno::NAMETOOLONG) => Ok(None),
            // Another file system, or a kernel that cannot say so.
            Err(_) => Err(Away),
        }
    }

    /// The file that a path leads to, by its real name; `None` when there is none, or it is no file.
    pub(super) fn file(&self, path: &[u8]) -> Look<(Vec<u8>, Stat)> {
        Ok(self.open(path, OFlags::empty())?.and_then(|fd| {
            let stat = rustix::fs::fstat(&fd).ok()?;
            Some((name_of_file(fd.as_fd(), &stat)?, stat))
        }))
    }

    /// The same, when this user may read it.
    pub(super) fn readable(&self, path: &[u8]) -> Look<(Vec<u8>, Stat)> {
        self.allowed(path, 0o444, Access::READ_OK)
    }

    /// The same, when this user may write it.
    pub(super) fn writable(&self, path: &[u8]) -> Look<(Vec<u8>, Stat)> {
        self.allowed(path, 0o222, Access::WRITE_OK)
    }

    fn allowed(&self, path: &[u8], everybody: u32, access: Access) -> Look<(Vec<u8>, Stat)> {
        let Some((name, stat)) = self.file(path)? else { return Ok(None) };
        // Most files say it in their mode. The real name has no links, which could lead elsewhere.
        let allowed = stat.st_mode & everybody == everybody || rustix::fs::access(&*name, access).is_ok();
        Ok(allowed.then_some((name, stat)))
    }

    /// What is there, a link itself when it is one.
    pub(super) fn state(&self, path: &[u8]) -> Look<Stat> {
        Ok(self.open(path, OFlags::NOFOLLOW)?.and_then(|fd| rustix::fs::fstat(fd).ok()))
    }

    /// The real name of something of which at least the directory is there; a link at the end is not followed.
    pub(super) fn place(&self, path: &[u8]) -> Look<Vec<u8>> {
        let Some((parent, name)) = split(path) else { return Ok(None) };
        // The root of a file system can be named without a look.
        let found = if parent == b"/" {
            Some(Vec::new())
        } else {
            self.open(parent, OFlags::DIRECTORY)?.and_then(|fd| link_of(fd.as_fd()))
        };
        Ok(found.map(|mut place| {
            place.push(b'/');
            place.extend(name);
            place
        }))
    }

    /// Where a file will be that is not there yet: at the end of links that lead to nothing.
    pub(super) fn place_to_be_made(&self, path: &[u8]) -> Look<Vec<u8>> {
        let mut next = path.to_vec();
        for _ in 0..8 {
            let Some(place) = self.place(&next)? else { return Ok(None) };
            let Some(link) = self.open(&place, OFlags::NOFOLLOW)? else { return Ok(Some(place)) };
            let Ok(target) = rustix::fs::readlinkat(link, "", Vec::new()) else { return Ok(Some(place)) };
            next = target.into_bytes();
            if next.first() != Some(&b'/') {
                let directory = split(&place).map_or(&b"/"[..], |(parent, _)| parent);
                next = [directory, &next].concat();
            }
        }
        Ok(None)
    }
}

fn open_base(path: &[u8]) -> Option<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// The real name behind a descriptor of a regular file that has one.
pub(super) fn name_of_file(fd: BorrowedFd<'_>, stat: &Stat) -> Option<Vec<u8>> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink == 0 {
        return None;
    }
    link_of(fd)
}

fn link_of(fd: BorrowedFd<'_>) -> Option<Vec<u8>> {
    absolute_link(&format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// Where a link of the kernel's own leads. Reading such a link touches no file system but `/proc`.
pub(super) fn absolute_link(link: &str) -> Option<Vec<u8>> {
    let name = rustix::fs::readlinkat(CWD, link, Vec::with_capacity(256)).ok()?.into_bytes();
    (name.first() == Some(&b'/')).then_some(name)
}

/// Parent, with its slash, and name, without slashes at its end.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = path.iter().rposition(|byte| *byte != b'/')? + 1;
    let slash = path[..end].iter().rposition(|byte| *byte == b'/')?;
    Some((&path[..=slash], &path[slash + 1..end]))
}

fn is_below(path: &[u8], above: &[u8]) -> bool {
    // Nearly always one byte tells.
    path.get(above.len()).is_none_or(|byte| *byte == b'/') && path.starts_with(above)
}

/// Spaces and the like stand as three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut found = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let digits = (*first == b'\\').then(|| behind.get(..3)).flatten();
        let value = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        found.push(value.unwrap_or(*first));
        rest = if value.is_some() { &behind[3..] } else { behind };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
        1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
        2 1 0:9 / /home rw shared:1 - nfs4 server:/home rw\n\
        3 2 8:2 / /home/ann/disk rw - ext4 /dev/sdb rw\n\
        4 1 8:3 / /big\\040disk rw - xfs /dev/sdc rw\n\
        5 1 0:7 / /net rw - ext4 /dev/sdd rw\n\
        6 5 0:8 / /net rw - fuse.sshfs host: rw\n";

    #[test]
    fn only_what_the_kernel_serves_is_looked_at() {
        let mounts = Mounts::parse(TABLE.as_bytes());
        let is_local = |path: &str| mounts.is_local(path.as_bytes());
        for (path, expected) in [
            ("/data/x", true),
            ("/home/x", false),
            ("/homes/x", true),
            ("/home/ann/disk/x", false),
            ("/big disk/x", true),
            ("/net/x", false),
        ] {
            assert_eq!(is_local(path), expected, "{path}");
        }
        assert!(Mounts::parse(b"").file(b"/etc/passwd").is_err());
    }

    #[test]
    fn links_lead_to_real_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", root.join("link")).unwrap();
        std::os::unix::fs::symlink("nothing", root.join("dangling")).unwrap();
        let fifo = root.join("fifo");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        let mounts = Mounts::new();
        let bytes = |name: &str| root.join(name).into_os_string().into_encoded_bytes();
        assert_eq!(mounts.file(&bytes("link")).unwrap().unwrap().0, bytes("file"));
        assert_eq!(mounts.place_to_be_made(&bytes("dangling")).unwrap(), Some(bytes("nothing")));
        assert!(mounts.file(&bytes("fifo")).unwrap().is_none());
        assert!(mounts.file(&bytes("none/x")).unwrap().is_none());
        assert!(mounts.file(b"/proc/self/cwd/x").is_err(), "another file system");
    }
}
