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
