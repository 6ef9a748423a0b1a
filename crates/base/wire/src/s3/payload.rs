//! What a client signed in place of the body, which says how the body is to be read.
//!
//! Source: S3 API Reference, "Authenticating requests: using the Authorization header" (`x-amz-content-sha256`).

use api::AwsError;

use super::errors;
use crate::sigv4::unhex;

/// The value of `x-amz-content-sha256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The body's SHA-256.
    Sha256([u8; 32]),
    /// Nothing: the body is not signed.
    Unsigned,
    /// The body comes in chunks.
    Chunked {
        /// Whether each chunk is signed.
        signed: bool,
        /// Whether headers follow the last chunk.
        trailer: bool,
    },
}

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const SIGNED_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

impl Payload {
    /// Reads the header's value.
    ///
    /// # Errors
    /// `InvalidArgument` for what is none of the known values and no digest.
    pub fn parse(value: &str) -> Result<Self, AwsError> {
        match value {
            UNSIGNED => Ok(Self::Unsigned),
            UNSIGNED_TRAILER => Ok(Self::Chunked { signed: false, trailer: true }),
            SIGNED => Ok(Self::Chunked { signed: true, trailer: false }),
            SIGNED_TRAILER => Ok(Self::Chunked { signed: true, trailer: true }),
            digest => match unhex(digest).and_then(|bytes| bytes.try_into().ok()) {
                Some(bytes) if digest.len() == 64 => Ok(Self::Sha256(bytes)),
                _ => Err(errors::invalid_argument(
                    &format!(
                        "x-amz-content-sha256 must be {UNSIGNED}, {UNSIGNED_TRAILER}, {SIGNED}, {SIGNED_TRAILER}, \
                         STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, \
                         STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
                    ),
                    "x-amz-content-sha256",
                    digest,
                )),
            },
        }
    }
}
