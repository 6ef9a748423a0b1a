//! What a client says about its body's bytes, and whether it is so.
//!
//! Source: S3 User Guide, "Checking object integrity in Amazon S3".

use api::AwsError;
use api::model::Operation;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checksum::{Algorithm, Checksum, Digester, Digests};
use hyper::HeaderMap;

use super::errors::{invalid_request, malformed_trailer, not_implemented};
use super::payload::Payload;
use crate::sigv4::hex;

const CHECKSUM_PREFIX: &str = "x-amz-checksum-";
/// Headers that begin like a checksum and are none.
const NOT_CHECKSUMS: [&str; 3] = ["x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type"];
const SDK_ALGORITHM: &str = "x-amz-sdk-checksum-algorithm";

/// What a body must turn out to be.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    md5: Option<[u8; 16]>,
    sha256: Option<[u8; 32]>,
    checksum: Claim,
}

/// What the client says of its body's checksum.
#[derive(Debug, PartialEq, Eq)]
enum Claim {
    /// Nothing.
    None,
    /// In a header.
    Is(Checksum),
    /// In a trailer.
    Follows(Algorithm),
}

impl Expected {
    /// What the headers say. A checksum is of the request's body only where the operation names an algorithm for it:
    /// `CompleteMultipartUpload` carries one of the whole object.
    ///
    /// # Errors
    /// `InvalidDigest`, `InvalidRequest` for what can be no digest, and where one is wanted and none is there;
    /// `NotImplemented` for algorithms that are not served.
    pub fn of(headers: &HeaderMap, operation: &Operation, payload: Payload) -> Result<Self, AwsError> {
        let sha256 = match payload {
            Payload::Sha256(digest) => Some(digest),
            Payload::Unsigned | Payload::Chunked { .. } => None,
        };
        let takes_checksum =
            operation.input.members().iter().any(|member| member.wire_name() == SDK_ALGORITHM);
        let checksum = if takes_checksum { claim(headers)? } else { Claim::None };
        let md5 = content_md5(headers)?;
        if takes_checksum && !operation.takes_body() && md5.is_none() && checksum == Claim::None {
            return Err(invalid_request("Missing required header for this request: Content-MD5"));
        }
        Ok(Self { md5, sha256, checksum })
    }

    /// Computes what is to be compared, and the checksum that S3 keeps where the client chooses none.
    pub fn digester(&self) -> Digester {
        let digester = Digester::new(match &self.checksum {
            Claim::None => Algorithm::Crc64Nvme,
            Claim::Is(checksum) => checksum.algorithm(),
            Claim::Follows(algorithm) => *algorithm,
        });
        if self.sha256.is_some() { digester.with_sha256() } else { digester }
    }

    /// Compares with what has come.
    ///
    /// # Errors
    /// `XAmzContentSHA256Mismatch`, `BadDigest`; `MalformedTrailerError` where an announced trailer is missing.
    pub fn check(&self, digests: &Digests, trailers: &[(String, String)]) -> Result<(), AwsError> {
        if let Some(wanted) = self.sha256.filter(|wanted| digests.sha256 != Some(*wanted)) {
            return Err(wrong_sha256(&wanted, digests.sha256));
        }
        if let Some(wanted) = self.md5.filter(|wanted| digests.md5 != *wanted) {
            return Err(wrong_md5(wanted, digests));
        }
        let wanted = match &self.checksum {
            Claim::None => return Ok(()),
            Claim::Is(checksum) => checksum.clone(),
            Claim::Follows(algorithm) => trailing(*algorithm, trailers)?,
        };
        if wanted == digests.checksum { Ok(()) } else { Err(wrong_checksum(wanted.algorithm())) }
    }
}

fn claim(headers: &HeaderMap) -> Result<Claim, AwsError> {
    let names = headers.keys().map(hyper::header::HeaderName::as_str);
    let mut sent = names.filter(|name| name.starts_with(CHECKSUM_PREFIX) && !NOT_CHECKSUMS.contains(name));
    let trailer = text(headers, "x-amz-trailer");
    let trailer = trailer.filter(|name| name.to_ascii_lowercase().starts_with(CHECKSUM_PREFIX));
    let claim = match (sent.next(), trailer) {
        (Some(_), Some(_)) => return Err(several()),
        (Some(name), None) => {
            let algorithm = Algorithm::by_header(name).ok_or_else(|| not_implemented(name))?;
            let value = text(headers, name).unwrap_or_default();
            let checksum = Checksum::parse(algorithm, value);
            Claim::Is(
                checksum.ok_or_else(|| invalid_request(format!("Value for {name} header is invalid.")))?,
            )
        }
        (None, Some(name)) => {
            Claim::Follows(Algorithm::by_header(name).ok_or_else(|| not_implemented("x-amz-trailer"))?)
        }
        (None, None) => Claim::None,
    };
    if sent.next().is_some() {
        return Err(several());
    }
    check_algorithm(headers, &claim)?;
    Ok(claim)
}

fn several() -> AwsError {
    invalid_request("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
}

fn check_algorithm(headers: &HeaderMap, claim: &Claim) -> Result<(), AwsError> {
    let Some(named) = text(headers, SDK_ALGORITHM) else { return Ok(()) };
    let claimed = match claim {
        // A Content-MD5 does as well where an SDK has only chosen an algorithm.
        Claim::None if headers.contains_key("content-md5") => return Ok(()),
        Claim::None => {
            return Err(invalid_request(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
                 headers were found.",
            ));
        }
        Claim::Is(checksum) => checksum.algorithm(),
        Claim::Follows(algorithm) => *algorithm,
    };
    if Algorithm::by_name(named) == Some(claimed) {
        return Ok(());
    }
    Err(invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid."))
}

fn content_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, AwsError> {
    let Some(value) = headers.get("content-md5") else { return Ok(None) };
    let digest = STANDARD.decode(value.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    let sent = String::from_utf8_lossy(value.as_bytes()).into_owned();
    digest.map(Some).ok_or_else(|| {
        AwsError::new("InvalidDigest", "The Content-MD5 you specified was invalid.")
            .with_member("Content-MD5", sent)
    })
}

fn trailing(algorithm: Algorithm, trailers: &[(String, String)]) -> Result<Checksum, AwsError> {
    let name = algorithm.header();
    let (_, value) = trailers.iter().find(|(sent, _)| sent == name).ok_or_else(malformed_trailer)?;
    Checksum::parse(algorithm, value)
        .ok_or_else(|| invalid_request(format!("Value for {name} trailing header is invalid.")))
}

fn wrong_sha256(wanted: &[u8], computed: Option<[u8; 32]>) -> AwsError {
    let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
    AwsError::new("XAmzContentSHA256Mismatch", text)
        .with_member("ClientComputedContentSHA256", hex(wanted))
        .with_member("S3ComputedContentSHA256", hex(&computed.unwrap_or_default()))
}

fn wrong_md5(wanted: [u8; 16], digests: &Digests) -> AwsError {
    AwsError::new("BadDigest", "The Content-MD5 you specified did not match what we received.")
        .with_member("ExpectedDigest", hex(&wanted))
        .with_member("CalculatedDigest", STANDARD.encode(digests.md5))
}

fn wrong_checksum(algorithm: Algorithm) -> AwsError {
    let name = algorithm.name();
    AwsError::new("BadDigest", format!("The {name} you specified did not match the calculated checksum."))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
