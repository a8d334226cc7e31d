use lab_model::Kind;
use rustix::fs::FileType;

/// What the system says of an entry, without opening it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stat {
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Seconds of the modification time since 1970.
    pub mtime: i64,
    /// Nanoseconds of the modification time.
    pub mtime_nanos: u32,
    /// Seconds of the change time; no program can set it.
    pub ctime: i64,
    /// Nanoseconds of the change time.
    pub ctime_nanos: u32,
    /// The inode's number.
    pub inode: u64,
    /// Blocks of 512 bytes that are allocated.
    pub blocks: u64,
    /// Names of the inode.
    pub links: u32,
}

/// Smaller files are never called sparse: file systems keep small ones inline, with no block at all.
const SPARSE_MIN_BYTES: u64 = 32 * 1024;

impl Stat {
    /// Whether a file has holes (or lies compressed, which cannot be told apart).
    pub const fn is_sparse(&self) -> bool {
        self.size >= SPARSE_MIN_BYTES && self.blocks.saturating_mul(512) < self.size
    }

    /// Whether `other` says that the bytes are the same: size, both times, inode and mode agree.
    pub fn same_content(&self, other: &Self) -> bool {
        self.size == other.size
            && (self.mtime, self.mtime_nanos) == (other.mtime, other.mtime_nanos)
            && (self.ctime, self.ctime_nanos) == (other.ctime, other.ctime_nanos)
            && self.inode == other.inode
            && self.mode == other.mode
    }
}

#[expect(clippy::unnecessary_cast, reason = "the fields of stat differ in width between architectures")]
impl From<&rustix::fs::Stat> for Stat {
    fn from(stat: &rustix::fs::Stat) -> Self {
        Self {
            mode: stat.st_mode as u32 & 0o7777,
            size: stat.st_size as u64,
            mtime: stat.st_mtime as i64,
            mtime_nanos: stat.st_mtime_nsec as u32,
            ctime: stat.st_ctime as i64,
            ctime_nanos: stat.st_ctime_nsec as u32,
            inode: stat.st_ino as u64,
            blocks: stat.st_blocks as u64,
            links: stat.st_nlink as u32,
        }
    }
}

/// The kind behind a file type; what is unknown counts as a device, which is never opened.
pub(crate) const fn kind_of(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => Kind::Device,
    }
}
