//! Query strings signed with Signature Version 2, which SDKs still presign with by default where S3 takes it.
//!
//! Source: Amazon S3 User Guide, "Signing and authenticating REST requests", query string request authentication.

use api::AwsError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use hyper::http::request::Parts;
use sha1::Sha1;
use types::Timestamp;

use super::address::Address;
use super::authentication::{expired, spaced};
use super::errors::{access_denied, signature_does_not_match};
use crate::credential::Credential;
use crate::sigv4::{equal, parameter, percent_decode};

/// Parameters that are part of the resource that is signed.
const SUBRESOURCES: [&str; 28] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "restore",
    "select",
    "select-type",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "encryption",
];

/// A presigned request, nothing of it verified.
pub struct Presigned<'a> {
    parts: &'a Parts,
    /// Whose key.
    pub access_key_id: String,
    signature: String,
    expires: String,
    token: Option<String>,
}

impl<'a> Presigned<'a> {
    /// Finds such a signature; `None` where there is none.
    ///
    /// # Errors
    /// `AccessDenied` where a part of it is missing.
    pub fn parse(parts: &'a Parts) -> Option<Result<Self, AwsError>> {
        let access_key_id = parameter(parts, "AWSAccessKeyId")?;
        let (Some(signature), Some(expires)) = (parameter(parts, "Signature"), parameter(parts, "Expires"))
        else {
            let text =
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters";
            return Some(Err(access_denied(text)));
        };
        let token = parameter(parts, "x-amz-security-token");
        Some(Ok(Self { parts, access_key_id, signature, expires, token }))
    }

    /// Checks token, age and signature.
    ///
    /// # Errors
    /// `AccessDenied`, `InvalidToken`, `ExpiredToken`, `SignatureDoesNotMatch`.
    pub fn check(
        &self,
        credential: &Credential,
        now: Timestamp,
        session_now: Timestamp,
    ) -> Result<(), AwsError> {
        let (sent, wanted) = (self.token.as_deref(), credential.session_token.as_deref());
        if !equal(sent.unwrap_or_default().as_bytes(), wanted.unwrap_or_default().as_bytes()) {
            let text = "The provided token is malformed or otherwise invalid.";
            return Err(AwsError::new("InvalidToken", text));
        }
        if credential.expires.is_some_and(|end| end <= session_now) {
            return Err(AwsError::new("ExpiredToken", "The provided token has expired."));
        }
        let end = self.expires.parse().map(Timestamp::from_seconds).map_err(|_| {
            access_denied(&format!("Invalid date (should be seconds since epoch): {}", self.expires))
        })?;
        if now > end {
            return Err(expired(&end.to_iso_seconds(), now, None));
        }
        let to_sign = self.to_sign();
        let wanted = signature(&credential.secret_access_key, &to_sign);
        if equal(&wanted, &STANDARD.decode(&self.signature).unwrap_or_default()) {
            return Ok(());
        }
        Err(signature_does_not_match()
            .with_member("AWSAccessKeyId", self.access_key_id.as_str())
            .with_member("StringToSignBytes", spaced(&to_sign))
            .with_member("StringToSign", to_sign)
            .with_member("SignatureProvided", self.signature.as_str()))
    }

    fn to_sign(&self) -> String {
        let method = self.parts.method.as_str();
        let (md5, content_type) = (self.field("content-md5"), self.field("content-type"));
        let (amz, resource) = (self.amz_headers(), self.resource());
        format!("{method}\n{md5}\n{content_type}\n{}\n{amz}{resource}", self.expires)
    }

    /// A header, which a presigned request may have in its query string.
    fn field(&self, name: &str) -> String {
        let header = || Some(self.parts.headers.get(name)?.to_str().ok()?.trim().to_owned());
        parameter(self.parts, name).or_else(header).unwrap_or_default()
    }

    fn amz_headers(&self) -> String {
        let in_headers = self.parts.headers.keys().map(|name| name.as_str().to_owned());
        let in_query = self.pairs().map(|(name, _)| name.to_owned());
        let mut names: Vec<String> =
            in_headers.chain(in_query).filter(|name| name.starts_with("x-amz-")).collect();
        names.sort();
        names.dedup();
        names.iter().map(|name| format!("{name}:{}\n", self.field(name))).collect()
    }

    /// The path in path style, and the parameters that name what is meant, in order and decoded.
    fn resource(&self) -> String {
        let bucket = Address::of(self.parts).bucket;
        let host = bucket.map(|bucket| format!("/{bucket}")).unwrap_or_default();
        let mut parameters: Vec<String> = self
            .pairs()
            .filter(|(name, _)| SUBRESOURCES.contains(name) || name.starts_with("response-"))
            .map(|(name, value)| match value {
                Some(value) => format!("{name}={}", String::from_utf8_lossy(&percent_decode(value))),
                None => name.to_owned(),
            })
            .collect();
        parameters.sort();
        let query = if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
        format!("{host}{}{query}", self.parts.uri.path())
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let query = self.parts.uri.query().unwrap_or_default();
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        })
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length; the type cannot say so")]
fn signature(secret: &str, to_sign: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(to_sign.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
