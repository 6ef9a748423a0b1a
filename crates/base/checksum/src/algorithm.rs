//! The algorithms of S3's additional checksums.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use sha1::{Digest as _, Sha1};
use sha2::{Sha256, Sha512};

/// How a checksum is computed.
///
/// Source: S3 User Guide, "Checking object integrity in Amazon S3".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// CRC-32 (ISO-HDLC).
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME: what S3 computes where the client asks for nothing.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name in S3's API, such as `CRC64NVME`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The header or trailer that carries the checksum, in lower case.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
        }
    }

    /// The algorithm of that name, whatever its case.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The algorithm of the header or trailer of that name, whatever its case.
    pub fn by_header(header: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(header))
    }

    /// Number of bytes of a checksum.
    pub const fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The polynomial's parameters, for those that are CRCs.
    const fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 | Self::Sha512 => None,
        }
    }
}

/// The checksum of some bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Checksum {
    /// A checksum as it was read; `None` where it has another length than the algorithm's.
    pub fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == algorithm.length()).then_some(Self { algorithm, bytes })
    }

    /// Reads a checksum in base64, as headers carry it.
    pub fn parse(algorithm: Algorithm, base64: &str) -> Option<Self> {
        Self::new(algorithm, STANDARD.decode(base64).ok()?)
    }

    /// The checksum of `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// How it was computed.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its bytes, the most significant first.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// In base64, as headers carry it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.bytes)
    }

    /// The checksum of these bytes followed by `length` bytes that have the checksum `next`; `None` unless both are of
    /// one and the same CRC.
    pub fn followed_by(&self, next: &Self, length: u64) -> Option<Self> {
        let crc = self.algorithm.crc().filter(|_| self.algorithm == next.algorithm)?;
        let combined = crc_fast::checksum_combine(crc, number(&self.bytes), number(&next.bytes), length);
        Some(Self::of_number(self.algorithm, combined))
    }

    fn of_number(algorithm: Algorithm, number: u64) -> Self {
        let bytes = number.to_be_bytes();
        let bytes = bytes.get(bytes.len() - algorithm.length()..).unwrap_or_default();
        Self { algorithm, bytes: bytes.to_owned() }
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.to_base64())
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A checksum being computed.
#[derive(Clone, Debug)]
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
}

#[derive(Clone)]
enum State {
    Crc(Box<crc_fast::Digest>),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
}

impl Hasher {
    /// Of no bytes yet.
    pub fn new(algorithm: Algorithm) -> Self {
        let crc = |crc| State::Crc(Box::new(crc_fast::Digest::new(crc)));
        let state = match algorithm {
            Algorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            Algorithm::Sha1 => State::Sha1(Box::default()),
            Algorithm::Sha256 => State::Sha256(Box::default()),
            Algorithm::Sha512 => State::Sha512(Box::default()),
        };
        Self { algorithm, state }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(digest) => digest.update(bytes),
            State::Sha1(digest) => digest.update(bytes),
            State::Sha256(digest) => digest.update(bytes),
            State::Sha512(digest) => digest.update(bytes),
        }
    }

    /// The checksum of all bytes.
    pub fn finish(self) -> Checksum {
        let bytes = match self.state {
            State::Crc(digest) => return Checksum::of_number(self.algorithm, digest.finalize()),
            State::Sha1(digest) => digest.finalize().to_vec(),
            State::Sha256(digest) => digest.finalize().to_vec(),
            State::Sha512(digest) => digest.finalize().to_vec(),
        };
        Checksum { algorithm: self.algorithm, bytes }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The catalogue's check values, for `123456789`.
    #[test]
    fn check_values() {
        for (algorithm, hex) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let checksum = Checksum::of(algorithm, b"123456789");
            let text: String = checksum.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text, hex, "{algorithm:?}");
            assert_eq!(Checksum::parse(algorithm, &checksum.to_base64()), Some(checksum));
        }
    }

    #[test]
    fn crcs_of_parts_make_the_crc_of_the_whole() {
        for algorithm in Algorithm::ALL {
            let [all, first, second] =
                ["123456789", "1234", "56789"].map(|text| Checksum::of(algorithm, text.as_bytes()));
            let wanted = algorithm.crc().map(|_| all);
            assert_eq!(first.followed_by(&second, 5), wanted, "{algorithm:?}");
        }
        let [crc, sha] = [Algorithm::Crc32, Algorithm::Crc32c].map(|other| Checksum::of(other, b""));
        assert_eq!(crc.followed_by(&sha, 0), None);
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        assert_eq!(Checksum::parse(Algorithm::Crc32, "AAAA"), None);
        assert_eq!(Checksum::parse(Algorithm::Crc32, "AAAAAA="), None);
        assert_eq!(Checksum::parse(Algorithm::Crc32, ""), None);
        assert_eq!(Algorithm::by_header("X-Amz-Checksum-CRC64NVME"), Some(Algorithm::Crc64Nvme));
        assert_eq!(Algorithm::by_name("crc32c"), Some(Algorithm::Crc32c));
        assert_eq!(Algorithm::by_name("xxhash3"), None);
    }
}
