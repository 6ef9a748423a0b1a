//! Verifies AWS Signature Version 4, in the `Authorization` header or in the query string of a presigned request.
//!
//! Source: IAM User Guide, "AWS Signature Version 4 for API requests". Texts as the services answer them.

mod canonical;
mod keys;
mod scope;
mod sign;
mod signed_request;
#[cfg(test)]
mod tests;

use hmac::Mac as _;
use sha2::{Digest as _, Sha256};
use types::Timestamp;

use crate::credential::Credential;
use crate::limits;
pub use canonical::{CanonicalPath, percent_decode};
pub use keys::SigningKeys;
pub use scope::scope_service;
pub use sign::sign;
pub use signed_request::{SignedRequest, parameter};

/// Why a request is not accepted as signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It carries no signature.
    Missing,
    /// Its signature lacks a part, or a part cannot be read.
    Incomplete {
        /// Which.
        part: Part,
        /// What most services say of it.
        text: String,
    },
    /// Its access key does not exist, or its session token is not the key's.
    UnknownKey,
    /// Its signature is wrong, too old, or for something else.
    Invalid(String),
    /// Its temporary credential has ended.
    ExpiredToken,
}

/// A part of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The algorithm.
    Algorithm,
    /// The credential.
    Credential,
    /// The time.
    Time,
    /// How long a presigned request is good.
    Expires,
    /// Several of them, or others.
    Other,
}

impl Refusal {
    fn incomplete(part: Part, text: impl Into<String>) -> Self {
        Self::Incomplete { part, text: text.into() }
    }
}

impl SignedRequest<'_> {
    /// Checks the session token against the credential's, and that the credential has not ended at `now`.
    ///
    /// # Errors
    /// [`Refusal::UnknownKey`], [`Refusal::ExpiredToken`].
    pub fn check_token(&self, credential: &Credential, now: Timestamp) -> Result<(), Refusal> {
        let sent = self.token.as_deref().map(str::as_bytes);
        let wanted = credential.session_token.as_deref().map(str::as_bytes);
        let matches = match (sent, wanted) {
            (None, None) => true,
            (Some(sent), Some(wanted)) => equal(sent, wanted),
            _ => false,
        };
        if !matches {
            return Err(Refusal::UnknownKey);
        }
        match credential.expires {
            Some(expires) if expires <= now => Err(Refusal::ExpiredToken),
            _ => Ok(()),
        }
    }

    /// Checks scope, age and signature.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with AWS's text.
    pub fn verify(
        &self,
        secret: &str,
        service: &str,
        body: &[u8],
        now: Timestamp,
        keys: &SigningKeys,
    ) -> Result<(), Refusal> {
        self.check_scope(service)?;
        self.check_signed_headers()?;
        self.check_age(now)?;
        let payload = hex(&Sha256::digest(body));
        self.check_signature(secret, &payload, CanonicalPath::Normalised, keys)
            .map_err(|mismatch| Refusal::Invalid(mismatch.text()))
    }

    /// Checks the signature alone. `payload` is what the client signed in place of the body: its digest, as a rule.
    ///
    /// # Errors
    /// What should have been signed.
    pub fn check_signature(
        &self,
        secret: &str,
        payload: &str,
        path: CanonicalPath,
        keys: &SigningKeys,
    ) -> Result<(), Mismatch> {
        let canonical = self.canonical_request(payload, path);
        let to_sign = self.string_to_sign(&canonical);
        let mut mac = keys.get(secret, &self.scope);
        mac.update(to_sign.as_bytes());
        let signature = unhex(&self.signature).unwrap_or_default();
        mac.verify_slice(&signature).map_err(|_| Mismatch { canonical, to_sign })
    }

    /// Long ago or far ahead is refused: a signature must not be usable for ever.
    fn check_age(&self, now: Timestamp) -> Result<(), Refusal> {
        let skew = limits::CLOCK_SKEW_MAX;
        let lifetime = self.expires.unwrap_or(skew);
        let text = if now > self.signed_at + lifetime {
            let (shown, earliest) = (basic(self.signed_at), basic(now - lifetime));
            let margin = if self.is_presigned() { "" } else { " - 5 min." };
            format!("Signature expired: {shown} is now earlier than {earliest} ({}{margin})", basic(now))
        } else if self.signed_at > now + skew {
            let (shown, latest) = (basic(self.signed_at), basic(now + skew));
            format!(
                "Signature not yet current: {shown} is still later than {latest} ({} + 5 min.)",
                basic(now)
            )
        } else {
            return Ok(());
        };
        Err(Refusal::Invalid(text))
    }

    fn check_scope(&self, service: &str) -> Result<(), Refusal> {
        let scope = &self.scope;
        let mut faults = Vec::new();
        let day = self.time.get(..8).unwrap_or_default();
        if scope.date() != day {
            faults.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', from '{}'.",
                scope.date(),
                self.time
            ));
        }
        if !is_region(scope.region()) {
            faults.push("Credential should be scoped to a valid region.".to_owned());
        }
        if scope.service() != service {
            faults.push(format!("Credential should be scoped to correct service: '{service}'."));
        }
        if scope.terminator() != "aws4_request" {
            faults.push(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'.",
                scope.terminator()
            ));
        }
        if faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid(faults.join(" ") + " ")) }
    }

    /// What decides the request's meaning must be signed: where it goes, when, and which operation.
    fn check_signed_headers(&self) -> Result<(), Refusal> {
        let is_signed = |name: &str| self.signed_headers.split(';').any(|signed| signed == name);
        if !is_signed("host") && !is_signed(":authority") {
            return Err(Refusal::Invalid(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
            ));
        }
        for name in ["x-amz-date", "x-amz-target"] {
            if self.parts.headers.contains_key(name) && !is_signed(name) {
                return Err(Refusal::Invalid(format!(
                    "'{name}' must be a 'SignedHeader' in the AWS Authorization."
                )));
            }
        }
        Ok(())
    }
}

/// What a client should have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The canonical request.
    pub canonical: String,
    /// What its signature is of.
    pub to_sign: String,
}

impl Mismatch {
    fn text(&self) -> String {
        let Self { canonical, to_sign } = self;
        format!(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String \
             for this request should have been\n'{canonical}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
        )
    }
}

fn is_region(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(legal)
}

/// `20261120T235207Z`.
pub fn basic(time: Timestamp) -> String {
    time.format("%Y%m%dT%H%M%SZ")
}

/// Compares in a time that depends on the lengths only.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |all, (left, right)| all | (left ^ right)) == 0
}

/// In lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Both are less than 16.
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes that hexadecimal digits stand for.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some(pair.first().and_then(digit)? << 4 | pair.get(1).and_then(digit)?);
    text.as_bytes().chunks(2).map(pair).collect()
}
