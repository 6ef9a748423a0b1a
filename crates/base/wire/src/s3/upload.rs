//! Takes in a request's body: reads it, takes it apart where it is chunked, and has it digested and spooled.

use std::io;
use std::path::Path;
use std::pin::Pin;

use api::model::Operation;
use api::{AwsError, Body, Spool};
use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::Buf as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;

use super::authentication::Sender;
use super::chunked::{ChunkSigner, Decoder, Trailers};
use super::errors;
use super::integrity::Expected;
use super::payload::Payload;
use crate::limits;

const DECODED_LENGTH: &str = "x-amz-decoded-content-length";

/// A body that is to be read.
pub struct Upload {
    /// How many bytes of data there are to be; `None` where nobody said.
    length: Option<u64>,
    length_max: u64,
    framing: Option<Framing>,
}

struct Framing {
    signer: Option<ChunkSigner>,
    trailer: bool,
}

impl Upload {
    /// What the head says about the body.
    ///
    /// # Errors
    /// `MissingContentLength`, `EntityTooLarge`; `NotImplemented` for a stream of unknown length.
    pub fn of(parts: &Parts, sender: &Sender, operation: &Operation) -> Result<Self, AwsError> {
        let headers = &parts.headers;
        let framing = match sender.payload {
            Payload::Chunked { trailer, .. } => Some(Framing { signer: sender.chunks.clone(), trailer }),
            Payload::Sha256(_) | Payload::Unsigned => None,
        };
        let length = match &framing {
            Some(_) => Some(number(headers, DECODED_LENGTH).ok_or_else(errors::missing_content_length)?),
            None => number(headers, CONTENT_LENGTH.as_str()),
        };
        let length_max = match operation.takes_body() {
            true => limits::UPLOAD_BYTES_MAX,
            false => limits::BODY_BYTES_MAX as u64,
        };
        if let Some(length) = length.filter(|length| *length > length_max) {
            return Err(match operation.takes_body() {
                true => errors::entity_too_large(length, length_max),
                false => errors::message_too_long(),
            });
        }
        if length.is_none() && operation.takes_body() {
            let is_stream = headers.contains_key(TRANSFER_ENCODING);
            return Err(if is_stream {
                errors::not_implemented("Transfer-Encoding")
            } else {
                errors::missing_content_length()
            });
        }
        Ok(Self { length, length_max, framing })
    }

    /// Reads all of it. `headers` are left as if the body had come without framing, with its trailers among them.
    ///
    /// # Errors
    /// `IncompleteBody`, `RequestTimeout`, and whatever is wrong with framing, signatures and digests.
    pub async fn read<B>(
        self,
        mut body: Pin<&mut B>,
        folder: Option<&Path>,
        expected: &Expected,
        headers: &mut HeaderMap,
    ) -> Result<Body, AwsError>
    where
        B: hyper::body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let is_framed = self.framing.is_some();
        let mut sink = Sink {
            spool: Spool::with(folder, expected.digester()),
            decoder: self.framing.map(|framing| {
                Decoder::new(self.length.unwrap_or_default(), framing.signer, framing.trailer)
            }),
            taken: 0,
            length_max: self.length.unwrap_or(self.length_max),
        };
        loop {
            let frame = tokio::time::timeout(limits::PAUSE_MAX, body.frame());
            let Some(frame) = frame.await.map_err(|_| errors::request_timeout())? else { break };
            let Ok(mut data) = frame.map_err(|_| errors::incomplete_body())?.into_data() else { continue };
            while data.has_remaining() {
                let count = data.chunk().len();
                sink.take(data.chunk()).await?;
                data.advance(count);
            }
        }
        let (body, trailers) = sink.finish(self.length).await?;
        if let Some(digests) = body.known_digests() {
            expected.check(digests, &trailers)?;
        }
        if is_framed {
            unframe(headers, &trailers, body.len());
        }
        Ok(body)
    }
}

/// Reads over the rest of a body that is refused, if it is not too long: a client that has not sent all of it would see
/// the connection closed and never the error.
pub async fn discard<B: hyper::body::Body>(mut body: Pin<&mut B>) {
    let mut left = limits::DISCARDED_BYTES_MAX;
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            let read = frame.data_ref().map_or(0, hyper::body::Buf::remaining);
            left = left.saturating_sub(read);
            if left == 0 {
                return;
            }
        }
    };
    if tokio::time::timeout(limits::DISCARD_TIMEOUT, read).await.is_err() {
        tracing::debug!("a client goes on sending what was refused");
    }
}

/// Where the bytes go.
struct Sink {
    spool: Spool,
    decoder: Option<Decoder>,
    taken: u64,
    length_max: u64,
}

impl Sink {
    async fn take(&mut self, mut bytes: &[u8]) -> Result<(), AwsError> {
        let Some(decoder) = &mut self.decoder else {
            self.taken += bytes.len() as u64;
            if self.taken > self.length_max {
                // An object has a length that was checked before; only a document may go on and on.
                return Err(errors::message_too_long());
            }
            return self.spool.write(bytes).await.map_err(|error| not_spooled(&error));
        };
        while let Some(data) = decoder.next(&mut bytes).map_err(errors::framing)? {
            self.spool.write(data).await.map_err(|error| not_spooled(&error))?;
        }
        Ok(())
    }

    async fn finish(self, length: Option<u64>) -> Result<(Body, Trailers), AwsError> {
        let trailers = match self.decoder {
            Some(decoder) => decoder.finish().map_err(errors::framing)?,
            None => Vec::new(),
        };
        let body = self.spool.finish().await.map_err(|error| not_spooled(&error))?;
        if length.is_some_and(|length| length != body.len()) {
            return Err(errors::incomplete_body());
        }
        Ok((body, trailers))
    }
}

fn not_spooled(error: &io::Error) -> AwsError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => errors::not_implemented("Content-Length"),
        _ => errors::internal(error),
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    text.parse().ok().filter(|_| text.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The headers as a client would have sent them with a plain body.
fn unframe(headers: &mut HeaderMap, trailers: &[(String, String)], length: u64) {
    headers.insert(CONTENT_LENGTH, length.into());
    let codings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(|coding| coding.trim().to_owned())
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    headers.remove(CONTENT_ENCODING);
    if let Ok(value) = HeaderValue::try_from(codings.join(","))
        && !codings.is_empty()
    {
        headers.insert(CONTENT_ENCODING, value);
    }
    for (name, value) in trailers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}
