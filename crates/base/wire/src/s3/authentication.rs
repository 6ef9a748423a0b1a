//! Who signed a request to S3. S3 signs paths as they are, accepts unsigned bodies, and refuses in words of its own.
//!
//! Source: S3 API Reference, "Authenticating requests (AWS Signature Version 4)" and "Error responses".

use std::borrow::Cow;
use std::sync::Arc;

use api::{AwsError, Principal};
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use types::{Region, Timestamp};

use super::chunked::ChunkSigner;
use super::errors::{access_denied, invalid_request, signature_does_not_match};
use super::legacy;
use super::payload::Payload;
use crate::credential::{Credential, CredentialStore};
use crate::limits;
use crate::sigv4::{CanonicalPath, Mismatch, Part, Refusal, SignedRequest, SigningKeys, hex, parameter};

const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// Whoever proved to have sent a request, and how its body is to be read.
pub struct Sender {
    /// Who.
    pub principal: Principal,
    /// For which region.
    pub region: Region,
    /// What was signed in place of the body.
    pub payload: Payload,
    /// Whether the signature is in the query string.
    pub is_presigned: bool,
    /// What the chunks of the body are signed with, where they are.
    pub chunks: Option<ChunkSigner>,
}

/// What verifying takes, besides the request.
pub struct Verifier<'a> {
    pub credentials: &'a dyn CredentialStore,
    pub keys: &'a SigningKeys,
    /// The clock that clients sign by.
    pub now: Timestamp,
    /// The clock that temporary credentials end by.
    pub session_now: Timestamp,
}

impl Verifier<'_> {
    /// Finds out who signed a request.
    ///
    /// # Errors
    /// `AccessDenied` for a request that nobody signed, and S3's errors for those that are not signed well.
    pub async fn sender(&self, parts: &Parts) -> Result<Sender, AwsError> {
        if let Some(signed) = legacy::Presigned::parse(parts) {
            return self.legacy_sender(&signed?).await;
        }
        let signed = SignedRequest::parse(parts).map_err(|refusal| malformed(parts, &refusal))?;
        check_scope(&signed)?;
        let credential = self.credential(signed.access_key_id()).await?;
        signed.check_token(&credential, self.session_now).map_err(|refusal| token(&signed, &refusal))?;
        self.check_age(&signed)?;
        check_signed_headers(&signed)?;
        let text = payload_text(&signed)?;
        let payload = Payload::parse(&text)?;
        signed
            .check_signature(&credential.secret_access_key, &text, CanonicalPath::AsSent, self.keys)
            .map_err(|mismatch| wrong_signature(&signed, &mismatch))?;
        let chunks = matches!(payload, Payload::Chunked { signed: true, .. }).then(|| ChunkSigner {
            mac: self.keys.get(&credential.secret_access_key, &signed.scope),
            time: signed.time.clone().into_owned(),
            scope: signed.scope.text().to_owned(),
            previous: signed.signature.clone().into_owned(),
        });
        Ok(Sender {
            principal: credential.principal.clone(),
            region: Region::new(signed.region()),
            payload,
            is_presigned: signed.is_presigned(),
            chunks,
        })
    }

    async fn legacy_sender(&self, signed: &legacy::Presigned<'_>) -> Result<Sender, AwsError> {
        let credential = self.credential(&signed.access_key_id).await?;
        signed.check(&credential, self.now, self.session_now)?;
        // Such a signature names no region.
        let region = Region::new("us-east-1");
        let (principal, payload) = (credential.principal.clone(), Payload::Unsigned);
        Ok(Sender { principal, region, payload, is_presigned: true, chunks: None })
    }

    async fn credential(&self, access_key_id: &str) -> Result<Arc<Credential>, AwsError> {
        self.credentials.lookup(access_key_id).await.ok_or_else(|| {
            let text = "The AWS Access Key Id you provided does not exist in our records.";
            AwsError::new("InvalidAccessKeyId", text)
                .with_status(403)
                .with_member("AWSAccessKeyId", access_key_id)
        })
    }

    fn check_age(&self, signed: &SignedRequest<'_>) -> Result<(), AwsError> {
        let skew = limits::S3_CLOCK_SKEW_MAX;
        if signed.signed_at > self.now + skew {
            let presigned = signed.expires.is_some();
            let not_yet = || access_denied("Request is not valid yet");
            return Err(if presigned { not_yet() } else { self.too_skewed(signed) });
        }
        match signed.expires {
            Some(lifetime) if self.now > signed.signed_at + lifetime => Err(expired(
                &(signed.signed_at + lifetime).to_iso_seconds(),
                self.now,
                Some(lifetime.as_secs()),
            )),
            None if self.now > signed.signed_at + skew => Err(self.too_skewed(signed)),
            _ => Ok(()),
        }
    }

    fn too_skewed(&self, signed: &SignedRequest<'_>) -> AwsError {
        let text = "The difference between the request time and the current time is too large.";
        AwsError::new("RequestTimeTooSkewed", text)
            .with_status(403)
            .with_member("RequestTime", signed.time.as_ref())
            .with_member("ServerTime", self.now.to_iso_seconds())
            .with_member("MaxAllowedSkewMilliseconds", limits::S3_CLOCK_SKEW_MAX.as_millis().to_string())
    }
}

/// A presigned request that has been good until `end`.
pub fn expired(end: &str, now: Timestamp, lifetime_seconds: Option<u64>) -> AwsError {
    let mut error = access_denied("Request has expired");
    if let Some(seconds) = lifetime_seconds {
        error = error.with_member("X-Amz-Expires", seconds.to_string());
    }
    error.with_member("Expires", end).with_member("ServerTime", now.to_iso_seconds())
}

fn malformed(parts: &Parts, refusal: &Refusal) -> AwsError {
    let Refusal::Incomplete { part, .. } = refusal else { return access_denied("Access Denied") };
    match (part, parts.headers.contains_key(AUTHORIZATION)) {
        (Part::Expires, _) => query_error(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than \
             604800 seconds",
        ),
        (_, false) => query_error(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
             X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ),
        (Part::Credential, true) => header_error(
            "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ),
        (Part::Algorithm, true) => invalid_request(
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
        (Part::Time, true) => access_denied("AWS authentication requires a valid Date or x-amz-date header"),
        (Part::Other, true) => header_error(
            "the authorization header requires three components: Credential, SignedHeaders, and Signature.",
        ),
    }
}

fn header_error(text: &str) -> AwsError {
    AwsError::new("AuthorizationHeaderMalformed", format!("The authorization header is malformed; {text}"))
}

fn query_error(text: &str) -> AwsError {
    AwsError::new("AuthorizationQueryParametersError", text)
}

fn check_scope(signed: &SignedRequest<'_>) -> Result<(), AwsError> {
    let scope = &signed.scope;
    let day = signed.time.get(..8).unwrap_or_default();
    let fault = if scope.service() != "s3" {
        format!("incorrect service \"{}\". This endpoint belongs to \"s3\".", scope.service())
    } else if scope.terminator() != "aws4_request" {
        format!("incorrect terminal \"{}\". This endpoint uses \"aws4_request\".", scope.terminator())
    } else if scope.date() != day {
        format!(
            "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{day}\".",
            scope.date()
        )
    } else if scope.region().is_empty() {
        "a non-empty region must be provided in the credential.".to_owned()
    } else {
        return Ok(());
    };
    Err(if signed.is_presigned() {
        query_error(&format!("Error parsing the X-Amz-Credential parameter; {fault}"))
    } else {
        header_error(&fault)
    })
}

/// Everything that S3 takes its meaning from must be signed.
fn check_signed_headers(signed: &SignedRequest<'_>) -> Result<(), AwsError> {
    let is_signed = |name: &str| signed.signed_headers.split(';').any(|other| other == name);
    let names = signed.parts.headers.keys().map(hyper::header::HeaderName::as_str);
    let unsigned: Vec<&str> = names
        .filter(|name| *name == "host" || (name.starts_with("x-amz-") && *name != CONTENT_SHA256))
        .filter(|name| !is_signed(name))
        .collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    Err(access_denied("There were headers present in the request which were not signed")
        .with_member("HeadersNotSigned", unsigned.join(", ")))
}

/// What stands for the body in the canonical request.
fn payload_text<'a>(signed: &SignedRequest<'a>) -> Result<Cow<'a, str>, AwsError> {
    let header = signed.parts.headers.get(CONTENT_SHA256).map(|value| value.to_str().unwrap_or_default());
    match header {
        Some(header) => Ok(header.into()),
        None if signed.is_presigned() => {
            let parameter = parameter(signed.parts, "X-Amz-Content-Sha256");
            Ok(parameter.map_or("UNSIGNED-PAYLOAD".into(), Cow::Owned))
        }
        None => Err(invalid_request("Missing required header for this request: x-amz-content-sha256")),
    }
}

fn token(signed: &SignedRequest<'_>, refusal: &Refusal) -> AwsError {
    let error = match refusal {
        Refusal::ExpiredToken => AwsError::new("ExpiredToken", "The provided token has expired."),
        _ => AwsError::new("InvalidToken", "The provided token is malformed or otherwise invalid."),
    };
    match &signed.token {
        Some(token) => error.with_member("Token-0", token.as_ref()),
        None => error,
    }
}

fn wrong_signature(signed: &SignedRequest<'_>, mismatch: &Mismatch) -> AwsError {
    let Mismatch { canonical, to_sign } = mismatch;
    signature_does_not_match()
        .with_member("AWSAccessKeyId", signed.access_key_id())
        .with_member("StringToSign", to_sign.as_str())
        .with_member("SignatureProvided", signed.signature.as_ref())
        .with_member("StringToSignBytes", spaced(to_sign))
        .with_member("CanonicalRequest", canonical.as_str())
        .with_member("CanonicalRequestBytes", spaced(canonical))
}

/// `41 57 53`: the bytes in hexadecimal digits with blanks between.
pub fn spaced(text: &str) -> String {
    text.bytes().map(|byte| hex(&[byte])).collect::<Vec<_>>().join(" ")
}
