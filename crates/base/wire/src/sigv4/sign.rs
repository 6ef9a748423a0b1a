//! Signs a request of our own client, by the same canonical form by which requests are verified.

use hmac::Mac as _;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::http::request::Parts;
use sha2::{Digest as _, Sha256};
use types::Timestamp;

use super::keys::SigningKeys;
use super::{CanonicalPath, Part, Refusal, SignedRequest, basic, hex};

/// Adds `x-amz-date` and `authorization` to a request whose other headers are complete, `host` among them.
///
/// # Errors
/// [`Refusal`], where the request is not one that can be signed, such as for a key with blanks in it.
pub fn sign(
    parts: &mut Parts,
    body: &[u8],
    (access_key_id, secret): (&str, &str),
    (region, service): (&str, &str),
    now: Timestamp,
) -> Result<(), Refusal> {
    let time = basic(now);
    let unusable = |_| Refusal::incomplete(Part::Other, "a header that cannot be sent");
    parts.headers.insert("x-amz-date", HeaderValue::from_str(&time).map_err(unusable)?);
    let mut names: Vec<&str> = parts.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let day = time.get(..8).unwrap_or_default();
    let unsigned = format!(
        "AWS4-HMAC-SHA256 Credential={access_key_id}/{day}/{region}/{service}/aws4_request, SignedHeaders={}, Signature=",
        names.join(";")
    );
    // The request is read as the server reads it, with a signature that is still to come.
    parts.headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("{unsigned}0")).map_err(unusable)?);
    let signature = {
        let signed = SignedRequest::parse(parts)?;
        let canonical = signed.canonical_request(&hex(&Sha256::digest(body)), CanonicalPath::Normalised);
        let mut mac = SigningKeys::default().get(secret, &signed.scope);
        mac.update(signed.string_to_sign(&canonical).as_bytes());
        hex(&mac.finalize().into_bytes())
    };
    parts
        .headers
        .insert(AUTHORIZATION, HeaderValue::from_str(&format!("{unsigned}{signature}")).map_err(unusable)?);
    Ok(())
}
