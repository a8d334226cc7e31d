use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A BLAKE3 hash, 32 bytes; written as 64 lower-case hexadecimal digits.
///
/// The hash of a file's content is what `b3sum` prints for the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

/// What a hash is taken over. Every domain but [`Domain::Content`] has a key of its own, so that a
/// user's file can never pass for one of the notebook's own records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// Plain BLAKE3 of a file's bytes or of one chunk of it.
    Content,
    /// The encoded form of a [`crate::Tree`].
    Tree,
    /// The body of any other record.
    Record,
    /// The list of names and contents behind one part of a [`crate::Fingerprint`].
    Fingerprint,
    /// Size and samples of a file that is too large to be read at once.
    Sample,
}

impl Domain {
    /// The BLAKE3 key-derivation context, `None` for plain hashing.
    pub const fn context(self) -> Option<&'static str> {
        match self {
            Self::Content => None,
            Self::Tree => Some("lab notebook v1 tree"),
            Self::Record => Some("lab notebook v1 record"),
            Self::Fingerprint => Some("lab notebook v1 fingerprint"),
            Self::Sample => Some("lab notebook v1 sample"),
        }
    }
}

impl Hash {
    /// Hashes `bytes` in one go.
    pub fn of(domain: Domain, bytes: &[u8]) -> Self {
        match domain.context() {
            None => Self(*blake3::hash(bytes).as_bytes()),
            Some(_) => Hasher::new(domain).update(bytes).finish(),
        }
    }

    /// Hashes `bytes` under a secret `key`, so that nobody without the key can guess the bytes from
    /// the hash.
    pub fn keyed(key: &[u8; 32], bytes: &[u8]) -> Self {
        Self(*blake3::keyed_hash(key, bytes).as_bytes())
    }

    /// The first `digits` hexadecimal digits, for people.
    pub fn short(&self, digits: usize) -> String {
        let mut text = self.to_string();
        text.truncate(digits);
        text
    }
}

/// A hash over bytes that arrive in parts.
#[derive(Clone, Debug)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Starts a hash in `domain`.
    pub fn new(domain: Domain) -> Self {
        Self(domain.context().map_or_else(blake3::Hasher::new, blake3::Hasher::new_derive_key))
    }

    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// Adds `bytes` with their length before them, so that neighbouring fields cannot run together.
    pub fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.update(&(bytes.len() as u64).to_le_bytes()).update(bytes)
    }

    /// The hash of everything added so far.
    pub fn finish(&self) -> Hash {
        Hash(*self.0.finalize().as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.short(12))
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, PartialEq, Eq)]
pub struct ParseHashError;

impl fmt::Display for ParseHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hash is 64 hexadecimal digits")
    }
}

impl std::error::Error for ParseHashError {}

impl FromStr for Hash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(ParseHashError);
        }
        let digit = |byte: u8| (byte as char).to_digit(16).ok_or(ParseHashError);
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_hash_is_what_b3sum_prints() {
        assert_eq!(
            Hash::of(Domain::Content, b"").to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
    }

    #[test]
    fn text_round_trip() {
        let hash = Hash::of(Domain::Tree, b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("zz".parse::<Hash>(), Err(ParseHashError));
        assert_ne!(hash, Hash::of(Domain::Record, b"x"));
    }
}
