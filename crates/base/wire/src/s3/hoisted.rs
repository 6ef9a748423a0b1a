//! Headers that a presigned request has in its query string, where SDKs put them so that whoever sends it need not know
//! them.
//!
//! S3 takes metadata, tags and the like from there. It does not take checksums: SDKs put in that of an empty body.

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;

use crate::sigv4::percent_decode;

/// Parameters that are the signature's own.
const OF_THE_SIGNATURE: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Makes the parameters headers, where the request has no such headers of its own.
pub fn take(parts: &mut Parts) {
    let query = parts.uri.query().unwrap_or_default().to_owned();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let name = name.to_ascii_lowercase();
        let is_checksum = name.starts_with("x-amz-checksum-") || name == "x-amz-sdk-checksum-algorithm";
        if !name.starts_with("x-amz-") || is_checksum || OF_THE_SIGNATURE.contains(&name.as_str()) {
            continue;
        }
        let value = HeaderValue::from_bytes(&percent_decode(value));
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value) {
            parts.headers.entry(name).or_insert(value);
        }
    }
}
