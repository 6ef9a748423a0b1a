//! The parts of a signature, from the `Authorization` header or the query string.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, DATE};
use hyper::http::request::Parts;
use sha2::{Digest as _, Sha256};
use types::Timestamp;

use super::canonical::percent_decode;
use super::scope::Scope;
use super::{Part, Refusal, limits};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A request with the parts of its signature, nothing of it verified.
#[derive(Debug)]
pub struct SignedRequest<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) scope: Scope,
    /// Lower-case names with semicolons between.
    pub(crate) signed_headers: Cow<'a, str>,
    /// Hexadecimal digits.
    pub(crate) signature: Cow<'a, str>,
    /// `20261120T235207Z`, as it was sent.
    pub(crate) time: Cow<'a, str>,
    /// `time`, parsed.
    pub(crate) signed_at: Timestamp,
    /// The session token.
    pub(crate) token: Option<Cow<'a, str>>,
    /// How long a presigned request is good; `None` where the signature is in the header.
    pub(crate) expires: Option<Duration>,
}

impl<'a> SignedRequest<'a> {
    /// Finds the signature of a request.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::Incomplete`].
    pub fn parse(parts: &'a Parts) -> Result<Self, Refusal> {
        match parts.headers.get(AUTHORIZATION) {
            Some(header) => match header.to_str() {
                Ok(header) => Self::in_header(parts, header),
                Err(_) => Err(Refusal::incomplete(Part::Other, "Authorization header is not ASCII.")),
            },
            None if parts.uri.query().is_some_and(|query| query.contains("X-Amz-")) => Self::in_query(parts),
            None => Err(Refusal::Missing),
        }
    }

    /// Whose key it is signed with.
    pub fn access_key_id(&self) -> &str {
        self.scope.access_key_id()
    }

    /// The region it is for.
    pub fn region(&self) -> &str {
        self.scope.region()
    }

    /// Whether the signature is in the query string.
    pub const fn is_presigned(&self) -> bool {
        self.expires.is_some()
    }

    fn in_header(parts: &'a Parts, header: &'a str) -> Result<Self, Refusal> {
        let Some(rest) = header.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with(' ')) else {
            let text = format!(
                "Unsupported AWS 'algorithm': '{}'. {}",
                header.split(' ').next().unwrap_or_default(),
                hashed(header)
            );
            return Err(Refusal::incomplete(Part::Algorithm, text));
        };
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in rest.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            match field.split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                Some(_) => {}
                None => return Err(not_key_value(field)),
            }
        }
        let time = header_time(parts);
        let (Some(credential), Some(signed_headers), Some(signature), Some(time)) =
            (credential, signed_headers, signature, time)
        else {
            return Err(lacking(
                header,
                [credential.is_some(), signature.is_some(), signed_headers.is_some(), time.is_some()],
            ));
        };
        let token = parts.headers.get("x-amz-security-token").and_then(|value| value.to_str().ok());
        Ok(Self {
            parts,
            scope: scope(credential)?,
            signed_headers: signed_headers.into(),
            signature: signature.into(),
            signed_at: parse_time(time)?,
            time: time.into(),
            token: token.map(Cow::Borrowed),
            expires: None,
        })
    }

    fn in_query(parts: &'a Parts) -> Result<Self, Refusal> {
        let required = |name: &str| {
            let text = || format!("AWS query-string parameters must include '{name}'.");
            parameter(parts, name).ok_or_else(|| Refusal::incomplete(Part::Other, text()))
        };
        let algorithm = required("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            let text = format!("Unsupported AWS 'algorithm': '{algorithm}'.");
            return Err(Refusal::incomplete(Part::Algorithm, text));
        }
        let (credential, time) = (required("X-Amz-Credential")?, required("X-Amz-Date")?);
        Ok(Self {
            parts,
            scope: scope(&credential)?,
            signed_headers: required("X-Amz-SignedHeaders")?.into(),
            signature: required("X-Amz-Signature")?.into(),
            signed_at: parse_time(&time)?,
            time: time.into(),
            token: parameter(parts, "X-Amz-Security-Token").map(Cow::Owned),
            expires: Some(lifetime(parameter(parts, "X-Amz-Expires"))?),
        })
    }
}

/// The decoded value of a parameter of the query string.
pub fn parameter(parts: &Parts, name: &str) -> Option<String> {
    let pairs = parts.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(other, _)| *other == name)?;
    String::from_utf8(percent_decode(value)).ok()
}

fn header_time(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get("x-amz-date").or_else(|| parts.headers.get(DATE))?;
    header.to_str().ok()
}

fn scope(credential: &str) -> Result<Scope, Refusal> {
    Scope::parse(credential).ok_or_else(|| {
        Refusal::incomplete(
            Part::Credential,
            format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
            ),
        )
    })
}

/// Without `X-Amz-Expires`, a presigned request is as short-lived as any other.
fn lifetime(expires: Option<String>) -> Result<Duration, Refusal> {
    let Some(expires) = expires else { return Ok(limits::CLOCK_SKEW_MAX) };
    match expires.parse() {
        Ok(seconds) if seconds <= limits::PRESIGNED_SECONDS_MAX => Ok(Duration::from_secs(seconds)),
        _ => {
            let max = limits::PRESIGNED_SECONDS_MAX;
            let text =
                format!("X-Amz-Expires must be a number of seconds between 0 and {max}, got '{expires}'.");
            Err(Refusal::incomplete(Part::Expires, text))
        }
    }
}

/// Reads `20261120T235207Z`.
fn parse_time(time: &str) -> Result<Timestamp, Refusal> {
    extended(time).and_then(|extended| Timestamp::parse_rfc3339(&extended).ok()).ok_or_else(|| {
        Refusal::incomplete(
            Part::Time,
            format!(
                "Date must be in ISO-8601 'basic format'. Got '{time}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ),
        )
    })
}

/// `20261120T235207Z` as `2026-11-20T23:52:07Z`.
fn extended(basic: &str) -> Option<String> {
    if basic.len() != 16 || basic.get(8..9) != Some("T") || basic.get(15..) != Some("Z") {
        return None;
    }
    let mut text = String::with_capacity(20);
    for (part, separator) in
        [(0..4, '-'), (4..6, '-'), (6..8, 'T'), (9..11, ':'), (11..13, ':'), (13..15, 'Z')]
    {
        text.push_str(basic.get(part)?);
        text.push(separator);
    }
    Some(text)
}

fn lacking(header: &str, present: [bool; 4]) -> Refusal {
    let texts = [
        "Authorization header requires 'Credential' parameter.",
        "Authorization header requires 'Signature' parameter.",
        "Authorization header requires 'SignedHeaders' parameter.",
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    ];
    let mut text = String::new();
    for (lacks, _) in texts.iter().zip(present).filter(|(_, present)| !present) {
        text.push_str(lacks);
        text.push(' ');
    }
    // Where nothing but the time is missing, that is what S3 speaks of.
    let part = if matches!(present, [true, true, true, false]) { Part::Time } else { Part::Other };
    Refusal::incomplete(part, text + &hashed(header))
}

/// AWS shows a digest of the header instead of the header, which may hold secrets.
fn hashed(header: &str) -> String {
    format!("(Hashed with SHA-256 and encoded with Base64) Authorization={}", digest(header))
}

fn not_key_value(field: &str) -> Refusal {
    let text = format!(
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '{}'.",
        digest(field)
    );
    Refusal::incomplete(Part::Other, text)
}

fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}
