//! Small files that stand for data that lies elsewhere.

/// What a pointer file points to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pointer {
    /// `dvc` or `git-lfs`.
    pub tool: &'static str,
    /// The hash that the pointer names, such as `md5:…` or `sha256:…`; several are separated by commas.
    pub oid: String,
}

/// The largest file that can be a pointer.
pub const POINTER_MAX_BYTES: u64 = 64 * 1024;

/// A Git LFS pointer is shorter than this, by its specification.
const LFS_MAX_BYTES: usize = 1024;

/// Reads a DVC `.dvc` file or a Git LFS pointer; `None` for everything else. Give all bytes of the file.
pub fn pointer_of(name: &[u8], bytes: &[u8]) -> Option<Pointer> {
    if bytes.len() < LFS_MAX_BYTES && bytes.starts_with(b"version https://") {
        return lfs(std::str::from_utf8(bytes).ok()?);
    }
    if name.ends_with(b".dvc") && bytes.len() as u64 <= POINTER_MAX_BYTES {
        return dvc(std::str::from_utf8(bytes).ok()?);
    }
    None
}

fn lfs(text: &str) -> Option<Pointer> {
    let mut lines = text.lines();
    let version = lines.next()?.strip_prefix("version ")?;
    if !matches!(version, "https://git-lfs.github.com/spec/v1" | "https://hawser.github.com/spec/v1") {
        return None;
    }
    let oid = lines.find_map(|line| line.strip_prefix("oid "))?;
    let (_, digits) = oid.split_once(':')?;
    is_digest(digits).then(|| Pointer { tool: "git-lfs", oid: oid.to_owned() })
}

/// The hashes under `outs:`; a pointer may also have `deps:`, which say where the data came from.
fn dvc(text: &str) -> Option<Pointer> {
    let mut in_outs = false;
    let mut oids = Vec::new();
    for line in text.lines() {
        let inner = line.trim_start_matches([' ', '-']);
        // A list may stand at the margin: `- md5: …`.
        if !line.starts_with([' ', '-']) && !inner.is_empty() && !inner.starts_with('#') {
            in_outs = inner.trim_end() == "outs:";
        } else if in_outs && let Some((key, value)) = inner.split_once(':') {
            let value = value.trim().trim_matches(['\'', '"']);
            let known = matches!(key, "md5" | "etag" | "checksum");
            if known && is_digest(value.strip_suffix(".dir").unwrap_or(value)) {
                oids.push(format!("{key}:{value}"));
            }
        }
    }
    (!oids.is_empty()).then(|| Pointer { tool: "dvc", oid: oids.join(",") })
}

fn is_digest(text: &str) -> bool {
    text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_and_what_only_looks_like_them() {
        let sha = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let md5 = "a304afb96060aad90176268345e10355";
        let lfs = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize 12345\n");
        let check = |name: &str, text: &str, expected: Option<(&str, String)>| {
            let found = pointer_of(name.as_bytes(), text.as_bytes());
            assert_eq!(found.map(|pointer| (pointer.tool, pointer.oid)), expected, "{name}: {text}");
        };
        check("model.bin", &lfs, Some(("git-lfs", format!("sha256:{sha}"))));
        check("model.bin", &format!("{lfs}{}", "x".repeat(1024)), None);
        check("model.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:../x\n", None);
        check("x", "version https://example.org/v1\n", None);
        let plain = format!("outs:\n- md5: {md5}\n  size: 3\n  hash: md5\n  path: data.csv\n");
        check("data.csv.dvc", &plain, Some(("dvc", format!("md5:{md5}"))));
        check("data.csv", &plain, None);
        check("d.dvc", &format!("outs:\n  - md5: {md5}.dir\n"), Some(("dvc", format!("md5:{md5}.dir"))));
        let import = format!("md5: {md5}\ndeps:\n- etag: {sha}\n  path: x\nouts:\n- path: y\n  md5: {md5}\n");
        check("i.dvc", &import, Some(("dvc", format!("md5:{md5}"))));
        check("e.dvc", "outs:\n", None);
        check("e.dvc", "", None);
        assert_eq!(pointer_of(b"e.dvc", b"outs:\n- md5: \xff"), None);
    }
}
