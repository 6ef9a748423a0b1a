//! Everything that is to be known about some bytes, in one pass.

use std::fmt;

use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::algorithm::{Algorithm, Checksum, Hasher};

/// What is known about some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// How many they are.
    pub length: u64,
    /// Their MD5, of which an object's ETag is made.
    pub md5: [u8; 16],
    /// Their checksum by one algorithm.
    pub checksum: Checksum,
    /// Their SHA-256, where it was asked for besides.
    pub sha256: Option<[u8; 32]>,
}

impl Digests {
    /// The MD5 in hexadecimal digits: the ETag of an object that was put in one piece, without the quotes.
    pub fn etag(&self) -> String {
        self.md5.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Computes [`Digests`].
#[derive(Clone)]
pub struct Digester {
    length: u64,
    md5: Md5,
    checksum: Hasher,
    sha256: Option<Sha256>,
}

impl Digester {
    /// Of no bytes yet.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { length: 0, md5: Md5::new(), checksum: Hasher::new(algorithm), sha256: None }
    }

    /// Computes their SHA-256 besides.
    #[must_use]
    pub fn with_sha256(self) -> Self {
        Self { sha256: Some(Sha256::new()), ..self }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.md5.update(bytes);
        self.checksum.update(bytes);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// What is known at the end.
    pub fn finish(self) -> Digests {
        Digests {
            length: self.length,
            md5: self.md5.finalize().into(),
            checksum: self.checksum.finish(),
            sha256: self.sha256.map(|sha256| sha256.finalize().into()),
        }
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digester").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_at_once() {
        let mut digester = Digester::new(Algorithm::Crc32);
        for part in ["12345", "", "6789"] {
            digester.update(part.as_bytes());
        }
        let digests = digester.finish();
        assert_eq!((digests.length, digests.etag().as_str()), (9, "25f9e794323b453885f5181f1b624d0b"));
        assert_eq!(digests.checksum, Checksum::of(Algorithm::Crc32, b"123456789"));
    }
}
