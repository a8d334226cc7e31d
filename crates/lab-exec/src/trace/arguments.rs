//! What the arguments of a call that waits say, in the memory of whoever makes it.

use super::listener;
use super::look;

/// The number of `renameat2`.
pub(super) const fn flagged_rename(audit: u32) -> i32 {
    match audit {
        0x4000_0003 => 353,
        0xc000_00b7 => 276,
        _ => 316,
    }
}

/// The flags in the structure of `openat2`.
pub(super) fn how(thread: u32, address: u64) -> Option<i32> {
    let mut bytes = [0; 8];
    (listener::read_memory(thread, address, &mut bytes) == 8).then(|| u64::from_le_bytes(bytes) as i32)
}

const PATH_BYTES: usize = libc::PATH_MAX as usize;

/// The path at `address` in the memory of `thread`, made absolute: an empty one is the directory itself.
pub(super) fn named(thread: u32, directory: i32, address: u64) -> Option<Vec<u8>> {
    let path = text(thread, address)?;
    if path.first() == Some(&b'/') {
        return Some(own_links(thread, path));
    }
    let link = if directory == libc::AT_FDCWD {
        format!("/proc/{thread}/cwd")
    } else {
        format!("/proc/{thread}/fd/{directory}")
    };
    let mut base = look::absolute_link(&link)?;
    if path.is_empty() {
        return Some(base);
    }
    base.push(b'/');
    base.extend(path);
    Some(base)
}

/// Text that ends with a zero byte. Never across the end of a page in one go: the next may not be there.
fn text(thread: u32, address: u64) -> Option<Vec<u8>> {
    const PAGE: usize = 4096;
    let mut found = Vec::new();
    let mut buffer = [0; PAGE];
    while found.len() < PATH_BYTES {
        let at = address + found.len() as u64;
        let length = (PAGE - at as usize % PAGE).min(if found.is_empty() { 256 } else { PAGE });
        let read = listener::read_memory(thread, at, &mut buffer[..length]);
        if read == 0 {
            return None;
        }
        let read = &buffer[..read];
        if let Some(end) = read.iter().position(|byte| *byte == 0) {
            found.extend(&read[..end]);
            return Some(found);
        }
        found.extend(read);
    }
    None
}

/// Links by which a process names its own descriptors mean something else in this process.
fn own_links(thread: u32, path: Vec<u8>) -> Vec<u8> {
    let links: [(&[u8], &str); 6] = [
        (b"/proc/self/", "/"),
        (b"/proc/thread-self/", "/"),
        (b"/dev/fd/", "/fd/"),
        (b"/dev/stdin", "/fd/0"),
        (b"/dev/stdout", "/fd/1"),
        (b"/dev/stderr", "/fd/2"),
    ];
    let own = links.iter().find_map(|(link, own)| Some((own, path.strip_prefix(*link)?)));
    let Some((own, rest)) = own else { return path };
    let Ok(rest) = str::from_utf8(rest) else { return path };
    let place = format!("/proc/{thread}{own}{rest}");
    // What a descriptor stands for can be told without a look at it.
    let is_descriptor = place.rsplit_once("/fd/").is_some_and(|(_, number)| number.parse::<u32>().is_ok());
    is_descriptor.then(|| look::absolute_link(&place)).flatten().unwrap_or_else(|| place.into_bytes())
}
