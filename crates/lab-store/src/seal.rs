use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use lab_model::Hash;

/// The keys under which files that hold a secret are kept, made from 32 random bytes that never
/// leave the machine and never lie in the notebook.
#[derive(Clone)]
pub struct SealKey {
    encryption: [u8; 32],
    hashing: [u8; 32],
}

impl SealKey {
    /// Derives the keys.
    pub fn new(machine_key: &[u8; 32]) -> Self {
        Self {
            encryption: blake3::derive_key("lab notebook v1 seal", machine_key),
            hashing: blake3::derive_key("lab notebook v1 keyed hash", machine_key),
        }
    }

    /// A hash that nobody without the key can compare with a guess.
    pub fn hash(&self, bytes: &[u8]) -> Hash {
        Hash::keyed(&self.hashing, bytes)
    }

    /// Encrypts `raw`, whose keyed hash is `id`.
    ///
    /// The nonce comes from the id, so that equal files give equal records. That is safe since the
    /// id is a keyed hash of exactly the bytes that are encrypted: a nonce comes back only with the
    /// very same message, and it tells nothing to those without the key. For the same reason sealed
    /// bytes are never compressed: another compressor would make another message for the same nonce.
    pub(crate) fn seal(&self, id: &Hash, raw: &[u8]) -> Vec<u8> {
        self.cipher()
            .encrypt(&nonce(id), Payload { msg: raw, aad: &id.0 })
            .expect("because only messages beyond 256 GiB are refused")
    }

    /// Decrypts; `None` when this is not the key or the bytes are not those that were sealed.
    pub(crate) fn open(&self, id: &Hash, stored: &[u8]) -> Option<Vec<u8>> {
        self.cipher().decrypt(&nonce(id), Payload { msg: stored, aad: &id.0 }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.encryption.into())
    }
}

fn nonce(id: &Hash) -> XNonce {
    let bytes: [u8; 24] = id.0[..24].try_into().expect("because the slice has 24 bytes");
    bytes.into()
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_untouched_bytes_open() {
        let (key, other) = (SealKey::new(&[1; 32]), SealKey::new(&[2; 32]));
        let id = key.hash(b"password=hunter2");
        let mut sealed = key.seal(&id, b"password=hunter2");
        assert_eq!(sealed, key.seal(&id, b"password=hunter2"), "equal files give equal records");
        assert_eq!(key.open(&id, &sealed).unwrap(), b"password=hunter2");
        assert_eq!(other.open(&id, &sealed), None);
        assert_eq!(key.open(&Hash([0; 32]), &sealed), None);
        sealed[3] ^= 1;
        assert_eq!(key.open(&id, &sealed), None);
        assert_eq!(format!("{key:?}"), "SealKey(…)");
        assert_ne!(id, other.hash(b"password=hunter2"));
    }
}
