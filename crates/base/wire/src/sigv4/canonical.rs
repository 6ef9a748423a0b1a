//! The canonical form of a request, which is what gets signed.

use sha2::{Digest as _, Sha256};

use super::{SignedRequest, hex};

/// How a path is made canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanonicalPath {
    /// Without `.`, `..` and empty segments, percent-encoded once more than it was sent.
    Normalised,
    /// As it was sent, for S3: its keys are what they are.
    AsSent,
}

impl SignedRequest<'_> {
    /// The canonical request: method, path, query, headers, names of headers, and what stands for the body.
    pub(super) fn canonical_request(&self, payload: &str, form: CanonicalPath) -> String {
        let mut text = String::with_capacity(512);
        text.push_str(self.parts.method.as_str());
        text.push('\n');
        match form {
            CanonicalPath::Normalised => path(self.parts.uri.path(), &mut text),
            CanonicalPath::AsSent => reencode_path(self.parts.uri.path(), &mut text),
        }
        text.push('\n');
        query(self.parts.uri.query().unwrap_or_default(), self.is_presigned(), &mut text);
        text.push('\n');
        for name in self.signed_headers.split(';') {
            text.push_str(name);
            text.push(':');
            self.header(name, &mut text);
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.signed_headers);
        text.push('\n');
        text.push_str(payload);
        text
    }

    /// What is signed: time, scope, and the canonical request's digest.
    pub(super) fn string_to_sign(&self, canonical: &str) -> String {
        let digest = hex(&Sha256::digest(canonical.as_bytes()));
        format!("AWS4-HMAC-SHA256\n{}\n{}\n{digest}", self.time, self.scope.text())
    }

    /// All values of a header with commas between, trimmed, with single blanks inside.
    fn header(&self, name: &str, text: &mut String) {
        let mut values = self.parts.headers.get_all(name).iter().peekable();
        if values.peek().is_none() && name == "host" {
            // HTTP/1.1 permits the host in the request line instead.
            text.push_str(self.parts.uri.authority().map_or("", |authority| authority.as_str()));
            return;
        }
        let mut first = true;
        for value in values {
            if !std::mem::take(&mut first) {
                text.push(',');
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            let mut words = value.split(' ').filter(|word| !word.is_empty());
            text.extend(words.next());
            words.for_each(|word| text.extend([" ", word]));
        }
    }
}

/// The path without `.`, `..` and empty segments, percent-encoded once more than it was sent.
fn path(path: &str, text: &mut String) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    for segment in &segments {
        text.push('/');
        encode(segment.as_bytes(), text);
    }
    if segments.is_empty() || path.ends_with('/') {
        text.push('/');
    }
}

/// Clients may encode more or less than they must: all are signed in one way.
fn reencode_path(path: &str, text: &mut String) {
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            text.push('/');
        }
        encode(&percent_decode(segment), text);
    }
}

/// The parameters, encoded and sorted, without the signature itself.
fn query(query: &str, is_presigned: bool, text: &mut String) {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| !(is_presigned && *name == "X-Amz-Signature"))
        .map(|(name, value)| (reencode(name), reencode(value)))
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        text.extend([name.as_str(), "=", value.as_str()]);
    }
}

fn reencode(part: &str) -> String {
    let mut text = String::new();
    encode(&percent_decode(part), &mut text);
    text
}

/// Decodes `%XX`; anything else stands for itself.
pub fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = after
            .first_chunk::<2>()
            .filter(|_| *byte == b'%')
            .and_then(|digits| super::unhex(std::str::from_utf8(digits).ok()?));
        match digits {
            Some(decoded) => {
                bytes.extend(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    bytes
}

/// Encodes all but unreserved characters as `%XX`.
fn encode(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(*byte));
        } else {
            text.push('%');
            text.push_str(&hex(&[*byte]).to_ascii_uppercase());
        }
    }
}
