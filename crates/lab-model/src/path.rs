use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path below a project's root: bytes, parts separated by `/`, no part empty, `.` or `..`, no
/// NUL, never absolute. The empty path is the root itself.
///
/// Names on Unix are bytes, so they are kept as bytes. In JSON a path is a string when it is UTF-8
/// and otherwise an array of byte values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RelPath(Vec<u8>);

/// Why bytes are not a [`RelPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// Starts with `/`.
    Absolute,
    /// A part is empty, `.` or `..`.
    Part,
    /// Contains a NUL byte.
    Nul,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "the path is absolute",
            Self::Part => "the path has an empty part, a `.` or a `..`",
            Self::Nul => "the path contains a NUL byte",
        })
    }
}

impl std::error::Error for PathError {}

/// Whether `name` can stand as one part of a path.
fn check_part(name: &[u8]) -> Result<(), PathError> {
    match name {
        b"" | b"." | b".." => Err(PathError::Part),
        _ if name.contains(&0) => Err(PathError::Nul),
        _ if name.contains(&b'/') => Err(PathError::Part),
        _ => Ok(()),
    }
}

impl RelPath {
    /// The project's root.
    pub fn root() -> Self {
        Self::default()
    }

    /// Checks and takes `bytes`.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, PathError> {
        let bytes = bytes.into();
        Self::check(&bytes)?;
        Ok(Self(bytes))
    }

    fn check(bytes: &[u8]) -> Result<(), PathError> {
        match bytes.first() {
            None => Ok(()),
            Some(b'/') => Err(PathError::Absolute),
            Some(_) => bytes.split(|byte| *byte == b'/').try_for_each(check_part),
        }
    }

    /// The path of `name` in this directory.
    ///
    /// # Errors
    /// [`PathError`] when `name` is not a single plain name.
    pub fn join(&self, name: &[u8]) -> Result<Self, PathError> {
        check_part(name)?;
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        if !self.0.is_empty() {
            bytes.extend_from_slice(&self.0);
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last part; empty for the root.
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The directory that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0[..end].to_vec()))
    }

    /// The parts from the root down.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|part| !part.is_empty())
    }

    /// Whether this path is `directory` itself or lies below it.
    pub fn is_within(&self, directory: &Self) -> bool {
        directory.is_root()
            || self.0 == directory.0
            || (self.0.starts_with(&directory.0) && self.0.get(directory.0.len()) == Some(&b'/'))
    }
}

/// A file that a run used: below its project's root as a [`RelPath`] says it, or, elsewhere, absolute.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(Vec<u8>);

impl FilePath {
    /// The absolute path `bytes`, as seen from a project at `root`.
    pub fn new(bytes: &[u8], root: &[u8]) -> Self {
        Self(Self::named(bytes, root).to_vec())
    }

    /// The bytes of the absolute path `bytes`, as seen from a project at `root`.
    pub fn named<'a>(bytes: &'a [u8], root: &[u8]) -> &'a [u8] {
        let below = bytes.strip_prefix(root).and_then(|rest| rest.strip_prefix(b"/"));
        below.filter(|rest| RelPath::check(rest).is_ok()).unwrap_or(bytes)
    }

    /// The bytes of another such path, as [`Self::as_bytes`] gave them.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The path below the project's root; `None` when it lies elsewhere.
    pub fn in_project(&self) -> Option<RelPath> {
        RelPath::new(self.0.clone()).ok()
    }

    /// The bytes; they begin with `/` when the file lies outside the project.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Where this path lies when the directory or file `from` became `to`; `None` when it is not in it.
    pub fn moved(&self, from: &Self, to: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(&*from.0)?;
        (rest.is_empty() || rest.starts_with(b"/")).then(|| Self([&to.0, rest].concat()))
    }
}

impl From<RelPath> for FilePath {
    fn from(path: RelPath) -> Self {
        Self(path.0)
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&display_bytes(&self.0))
    }
}

impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Bytes of a name as text that is safe on any screen: controls, bidirectional marks, letters without width
/// that join nothing and bytes that are not UTF-8 become visible escapes.
pub fn display_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let bidi = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let unseen = matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}');
            match c {
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                _ if c.is_control() || bidi || unseen => text.extend(c.escape_unicode()),
                _ => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_str(".") } else { f.pad(&display_bytes(&self.0)) }
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for RelPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_bytes(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for RelPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(deserialize_bytes(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_bytes(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserialize_bytes(deserializer)?;
        let fine = bytes.first() == Some(&b'/') || RelPath::new(&*bytes).is_ok();
        if fine { Ok(Self(bytes)) } else { Err(serde::de::Error::custom(PathError::Part)) }
    }
}

fn serialize_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => serializer.collect_seq(bytes),
    }
}

fn deserialize_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Raw {
        Text(String),
        Bytes(Vec<u8>),
    }
    Ok(match Raw::deserialize(deserializer)? {
        Raw::Text(text) => text.into_bytes(),
        Raw::Bytes(bytes) => bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_paths_that_lead_outside() {
        for (bytes, expected) in [
            (&b"/etc/passwd"[..], PathError::Absolute),
            (b"../x", PathError::Part),
            (b"a/../x", PathError::Part),
            (b"a//b", PathError::Part),
            (b"a/", PathError::Part),
            (b"./a", PathError::Part),
            (b"a\0b", PathError::Nul),
        ] {
            assert_eq!(RelPath::new(bytes), Err(expected), "{}", display_bytes(bytes));
        }
        assert!(RelPath::new(&b"a/b"[..]).unwrap().join(b"x/y").is_err());
    }

    #[test]
    fn parts_and_parents() {
        let path = RelPath::new(&b"a/b/c"[..]).unwrap();
        assert_eq!(path.file_name(), b"c");
        assert_eq!(path.parent().unwrap().to_string(), "a/b");
        assert_eq!(path.parts().count(), 3);
        assert!(path.is_within(&RelPath::new(&b"a/b"[..]).unwrap()));
        assert!(!path.is_within(&RelPath::new(&b"a/bb"[..]).unwrap()));
        assert!(path.is_within(&RelPath::root()));
        assert_eq!(RelPath::root().parent(), None);
    }

    #[test]
    fn json_keeps_bytes_that_are_not_text() {
        for bytes in [&b"caf\xc3\xa9"[..], b"\xff\xfe"] {
            let path = RelPath::new(bytes).unwrap();
            let json = serde_json::to_string(&path).unwrap();
            assert_eq!(serde_json::from_str::<RelPath>(&json).unwrap(), path);
        }
        assert!(serde_json::from_str::<RelPath>("\"../x\"").is_err());
    }

    #[test]
    fn files_are_named_from_the_project_or_from_the_root() {
        let path = |bytes: &[u8]| FilePath::new(bytes, b"/home/study");
        assert_eq!(path(b"/home/study/data/a.csv").as_bytes(), b"data/a.csv");
        assert_eq!(path(b"/home/study2/a.csv").in_project(), None);
        assert_eq!(path(b"/home/study/a").moved(&path(b"/home/study/a"), &path(b"/b")), Some(path(b"/b")));
        assert_eq!(path(b"/home/study/a/x").moved(&path(b"/home/study/a"), &path(b"/b")), Some(path(b"/b/x")));
        assert_eq!(path(b"/home/study/ab").moved(&path(b"/home/study/a"), &path(b"/b")), None);
        assert!(serde_json::from_str::<FilePath>("\"a/../b\"").is_err());
        assert_eq!(serde_json::from_str::<FilePath>("\"/a\"").unwrap(), path(b"/a"));
    }

    #[test]
    fn display_shows_what_could_deceive() {
        assert_eq!(display_bytes(b"a\x1b[31m\xff"), "a\\u{1b}[31m\\xff");
        assert_eq!(display_bytes("x\u{202e}y".as_bytes()), "x\\u{202e}y");
    }
}
