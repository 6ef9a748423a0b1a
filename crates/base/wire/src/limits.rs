//! How much a client may send, and how long it may take.

use std::time::Duration;

/// Greatest size of a request's body. The largest that a served operation accepts is about 1 MiB (`PutEvents`,
/// `PutLogEvents`); JSON and form escapes may blow that up sixfold.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Greatest size of a request's line and headers together.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Greatest number of headers.
pub const HEADERS_MAX: usize = 100;

/// Greatest number of parameters in a form.
pub const FORM_PARAMETERS_MAX: usize = 20_000;

/// Greatest number of connections at a time; more wait to be accepted.
pub const CONNECTIONS_MAX: usize = 4096;

/// Greatest number of connections at a time from the containers of one task, to each of its listeners.
pub const CONNECTIONS_PER_TASK_MAX: usize = 128;

/// How long a client may take to send a request's head, and how long an idle connection stays open.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a client may take to send a request's body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long open requests may take to finish when the server stops.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// How far a signature's time may be from ours.
///
/// Source: IAM User Guide, "Troubleshoot AWS SigV4 requests": 5 minutes.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// Greatest `X-Amz-Expires` of a presigned request, in seconds: 7 days.
pub const PRESIGNED_SECONDS_MAX: u64 = 7 * 24 * 60 * 60;

/// Number of signing keys that are kept.
pub const SIGNING_KEYS_MAX: usize = 4096;

/// How far a signature's time may be from ours at S3.
///
/// Source: S3 API Reference, "Error responses", `RequestTimeTooSkewed`: 15 minutes.
pub const S3_CLOCK_SKEW_MAX: Duration = Duration::from_secs(15 * 60);

/// Greatest size of an object that is put in one piece, and of a part: 5 GiB.
///
/// Source: S3 User Guide, "Amazon S3 multipart upload limits".
pub const UPLOAD_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// How long a client may pause while it sends a body that streams.
pub const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How much of a body is read that is refused already, and for how long.
pub const DISCARDED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// See [`DISCARDED_BYTES_MAX`].
pub const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Least size of a chunk of an `aws-chunked` body, the last one aside.
///
/// Source: S3 API Reference, `InvalidChunkSizeError`: 8 KiB.
pub const CHUNK_BYTES_MIN: u64 = 8 * 1024;

/// Greatest length of a line of `aws-chunked` framing.
pub const CHUNK_LINE_BYTES_MAX: usize = 4 * 1024;

/// Greatest size of the trailers of an `aws-chunked` body together.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// Greatest number of elements in an XML document: 10,000 parts with all their checksums are 80,000.
pub const XML_ELEMENTS_MAX: usize = 150_000;

/// Greatest depth of an XML document. The deepest input of a served operation has four levels.
pub const XML_DEPTH_MAX: usize = 32;
/// Bytes that can be posted to a document.
pub const POST_BYTES_MAX: usize = 64 << 10;
