//! System calls, and what they take, for x86-64: the numbers and values of <fcntl.h>, <sys/mman.h>, <sys/stat.h> and
//! <linux/openat2.h>.

use core::arch::asm;
use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr;

use crate::shape::PASS;

pub const SYS_CLOSE: usize = 3;
pub const SYS_FSTAT: usize = 5;
pub const SYS_MMAP: usize = 9;
pub const SYS_DUP2: usize = 33;
pub const SYS_GETPID: usize = 39;
pub const SYS_GETCWD: usize = 79;
pub const SYS_CHDIR: usize = 80;
pub const SYS_FCHDIR: usize = 81;
pub const SYS_READLINK: usize = 89;
pub const SYS_OPENAT: usize = 257;
pub const SYS_DUP3: usize = 292;
pub const SYS_CLOSE_RANGE: usize = 436;
pub const SYS_OPENAT2: usize = 437;
pub const AT_FDCWD: c_int = -100;
pub const O_RDWR: u64 = 2;
pub const O_CLOEXEC: c_int = 0o2_000_000;
/// Writing, making, cutting off, directories, and descriptors that stand for a path alone.
pub const O_OTHER: c_int = 0o3 | 0o100 | 0o1000 | 0o200_000 | 0o10_000_000 | 0o20_000_000;
pub const RESOLVE_NO_SYMLINKS: u64 = 4;
pub const ENOENT: isize = -2;
pub const EINTR: isize = -4;
pub const ENOTDIR: isize = -20;
pub const ELOOP: isize = -40;

/// A system call that the filter lets pass. The words that say so are gone when it returns: nobody else's call may
/// have them by chance.
pub unsafe fn pass(number: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
    let result;
    // SAFETY: the caller answers for the arguments; the kernel leaves all other registers alone.
    unsafe {
        asm!(
            "syscall", "xor r8d, r8d", "xor r9d, r9d",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            inlateout("r8") PASS[0] => _, inlateout("r9") PASS[1] => _,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// A system call as any program makes it.
pub unsafe fn plain(number: usize, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result;
    // SAFETY: as above.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// `struct open_how`.
#[repr(C)]
pub struct How {
    pub flags: u64,
    pub mode: u64,
    pub resolve: u64,
}

pub unsafe fn open_by(directory: c_int, path: *const u8, how: &How) -> isize {
    // SAFETY: the kernel checks the path.
    unsafe { pass(SYS_OPENAT2, directory as usize, path as usize, ptr::from_ref(how) as usize, size_of::<How>()) }
}

/// `struct stat`.
#[repr(C)]
pub struct Stat {
    device: u64,
    pub inode: u64,
    links: u64,
    mode: u32,
    ids: [u32; 3],
    special: u64,
    pub size: i64,
    blocks: [u64; 2],
    accessed: [i64; 2],
    pub modified: [i64; 2],
    pub changed: [i64; 2],
    unused: [u64; 3],
}

impl Stat {
    /// Whether it is a regular file that has a name.
    pub const fn is_file(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000 && self.links > 0
    }
}

pub fn stat_of(fd: usize) -> Option<Stat> {
    let mut stat = MaybeUninit::<Stat>::uninit();
    // SAFETY: the kernel fills the structure when it succeeds.
    unsafe { (pass(SYS_FSTAT, fd, stat.as_mut_ptr() as usize, 0, 0) == 0).then(|| stat.assume_init()) }
}
