//! Frames bodies as `aws-chunked` has it, written apart from the wire's own decoder.

use std::collections::BTreeMap;

use crate::harness::signer::{Signer, sha256};

/// A body in chunks.
pub struct Chunks<'a> {
    pub chunks: &'a [String],
    pub trailers: &'a BTreeMap<String, String>,
    /// The signature of the request, where the chunks are signed.
    pub seed: Option<String>,
}

impl Chunks<'_> {
    /// The framed body.
    pub fn framed(&self, signer: &Signer<'_>) -> String {
        let scope = format!("{}/{}/{}/aws4_request", &signer.time[..8], signer.region, signer.service);
        let mut previous = self.seed.clone();
        let mut sign = |algorithm: &str, what: String| {
            let to_sign =
                |previous: &String| format!("{algorithm}\n{}\n{scope}\n{previous}\n{what}", signer.time);
            previous = previous.as_ref().map(|previous| signer.sign(&to_sign(previous)));
            previous.clone()
        };
        let mut text = String::new();
        for chunk in self.chunks.iter().map(String::as_str).filter(|chunk| !chunk.is_empty()).chain([""]) {
            let digests = [sha256(b""), sha256(chunk.as_bytes())].join("\n");
            let signature = sign("AWS4-HMAC-SHA256-PAYLOAD", digests);
            let extension = signature.map(|signature| format!(";chunk-signature={signature}"));
            text += &format!("{:x}{}\r\n", chunk.len(), extension.unwrap_or_default());
            if !chunk.is_empty() {
                text += &format!("{chunk}\r\n");
            }
        }
        let mut lines = String::new();
        for (name, value) in self.trailers {
            text += &format!("{name}:{value}\r\n");
            lines += &format!("{name}:{value}\n");
        }
        if !self.trailers.is_empty()
            && let Some(signature) = sign("AWS4-HMAC-SHA256-TRAILER", sha256(lines.as_bytes()))
        {
            text += &format!("x-amz-trailer-signature:{signature}\r\n");
        }
        text + "\r\n"
    }
}
