//! Errors with AWS's code and AWS's words.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

/// How SQLite and Linux say that a disk is full.
const FULL_DISK: [&str; 2] = ["disk is full", "No space left on device"];

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: a 4xx.
    Sender,
    /// The server's: a 5xx.
    Receiver,
}

/// What a caller is told when an operation fails.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsError {
    /// AWS's code, such as `ResourceNotFoundException`.
    pub code: Cow<'static, str>,
    /// AWS's words.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// Further members of the error's shape, such as ECS's `resourceIds`.
    pub members: Map<String, Value>,
}

impl AwsError {
    /// An error that is the caller's: HTTP status 400.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400, members: Map::new() }
    }

    /// The same error with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same error with one more member in its body.
    #[must_use]
    pub fn with_member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// An error of ours: HTTP status 500. The cause goes to the log, not to the caller, but for a full disk: whoever is
    /// told of that can do something.
    pub fn internal(code: impl Into<Cow<'static, str>>, cause: &dyn fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        let text = cause.to_string();
        let message = match FULL_DISK.iter().any(|words| text.contains(words)) {
            true => "An internal error has occurred: the disk of the data directory is full.",
            false => "An internal error has occurred.",
        };
        Self::new(code, message).with_status(500)
    }

    /// Whether the same call may succeed later: the server's fault, or throttling. A missing target or permission stays so.
    pub fn may_pass(&self) -> bool {
        self.fault() == Fault::Receiver
            || ["Throttl", "TooManyRequests", "LimitExceeded"].iter().any(|part| self.code.contains(part))
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        if self.status >= 500 { Fault::Receiver } else { Fault::Sender }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}
