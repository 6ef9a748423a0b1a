//! The additional checksum of an object or a part: which one, as given, as computed, as kept.

use checksum::{Algorithm, Checksum, Digests};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A checksum as it is kept and answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sum {
    /// Such as `CRC32`.
    pub(crate) algorithm: String,
    /// In base64; of a composite one with `-N` behind it.
    pub(crate) value: String,
    pub(crate) kind: SumKind,
}

/// Of what a checksum is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SumKind {
    /// Of all bytes.
    FullObject,
    /// Of the parts' checksums.
    Composite,
}

impl SumKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

impl Sum {
    /// The checksum of all bytes.
    pub(crate) fn of(checksum: &Checksum) -> Self {
        Self {
            algorithm: checksum.algorithm().name().to_owned(),
            value: checksum.to_base64(),
            kind: SumKind::FullObject,
        }
    }

    /// How it was computed.
    pub(crate) fn algorithm(&self) -> Algorithm {
        // What is kept was written by this program.
        Algorithm::by_name(&self.algorithm).unwrap_or(Algorithm::Crc64Nvme)
    }

    /// The checksum, unless it is a composite one.
    pub(crate) fn checksum(&self) -> Option<Checksum> {
        Checksum::parse(self.algorithm(), &self.value)
    }

    /// The name of its kind.
    pub(crate) fn kind_name(&self) -> Option<String> {
        Some(self.kind.name().to_owned())
    }

    /// As the members of an answer.
    pub(crate) fn members(&self) -> Members {
        let mut members = Members::default();
        let value = Some(self.value.clone());
        match self.algorithm() {
            Algorithm::Crc32 => members.crc32 = value,
            Algorithm::Crc32c => members.crc32c = value,
            Algorithm::Crc64Nvme => members.crc64nvme = value,
            Algorithm::Sha1 => members.sha1 = value,
            Algorithm::Sha256 => members.sha256 = value,
            Algorithm::Sha512 => members.sha512 = value,
        }
        members
    }
}

/// The members `ChecksumCRC32`, `ChecksumCRC32C`, .. of a request or an answer: at most one in answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) crc32: Option<String>,
    pub(crate) crc32c: Option<String>,
    pub(crate) crc64nvme: Option<String>,
    pub(crate) sha1: Option<String>,
    pub(crate) sha256: Option<String>,
    pub(crate) sha512: Option<String>,
}

impl Members {
    /// The one that was given.
    ///
    /// # Errors
    /// More than one.
    pub(crate) fn given(self) -> Result<Option<(Algorithm, String)>, Error> {
        let all = [
            (Algorithm::Crc32, self.crc32),
            (Algorithm::Crc32c, self.crc32c),
            (Algorithm::Crc64Nvme, self.crc64nvme),
            (Algorithm::Sha1, self.sha1),
            (Algorithm::Sha256, self.sha256),
            (Algorithm::Sha512, self.sha512),
        ];
        let mut given = all.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value?)));
        match (given.next(), given.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(Error::InvalidRequest(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
                    .to_owned(),
            )),
        }
    }
}

/// The algorithm that a request names; `None` where it names none.
///
/// # Errors
/// Algorithms that are not served.
pub(crate) fn named(name: Option<&String>) -> Result<Option<Algorithm>, Error> {
    let Some(name) = name else { return Ok(None) };
    Algorithm::by_name(name).map(Some).ok_or(Error::NotImplemented("x-amz-checksum-algorithm"))
}

/// Checks what was received against the checksum that the client says it has.
///
/// # Errors
/// [`Error::InvalidChecksum`], [`Error::BadChecksum`].
pub(crate) fn check(given: Option<&(Algorithm, String)>, digests: &Digests) -> Result<(), Error> {
    let Some((algorithm, value)) = given else { return Ok(()) };
    let expected = Checksum::parse(*algorithm, value).ok_or(Error::InvalidChecksum(*algorithm))?;
    if expected == digests.checksum { Ok(()) } else { Err(Error::BadChecksum(*algorithm)) }
}

/// Checks what was received against the header `Content-MD5`.
///
/// # Errors
/// [`Error::InvalidDigest`], [`Error::BadDigest`].
pub(crate) fn check_md5(content_md5: Option<&String>, digests: &Digests) -> Result<(), Error> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let Some(given) = content_md5 else { return Ok(()) };
    let expected: Option<[u8; 16]> = STANDARD.decode(given).ok().and_then(|bytes| bytes.try_into().ok());
    let expected = expected.ok_or_else(|| Error::InvalidDigest(given.clone()))?;
    if expected == digests.md5 {
        return Ok(());
    }
    Err(Error::BadDigest { expected: given.clone(), calculated: STANDARD.encode(digests.md5) })
}
