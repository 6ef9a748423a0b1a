//! What containers write: the nouns of [`crate::Driver::read_logs`].

use serde::{Deserialize, Serialize};
use types::Timestamp;

/// Some lines of a container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogChunk {
    /// The lines, in the order in which they were written.
    pub lines: Vec<LogLine>,
    /// Where to go on reading.
    pub next: LogPosition,
    /// No line will ever follow these.
    pub ended: bool,
}

/// One line that a container wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was read from the container.
    pub timestamp: Timestamp,
    /// Where it was written to.
    pub stream: LogStream,
    /// The line without its line feed; bytes that are not UTF-8 are replaced by U+FFFD.
    pub message: String,
    /// The line went on after this: it was longer than the driver keeps in one piece (16 KiB, as in Docker).
    pub partial: bool,
}

/// Where a container wrote a line to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A place in a container's log: opaque, comparable only for equality, and kept by the caller.
///
/// The default is the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogPosition(pub(crate) String);

/// What happens to a container that writes faster than its log is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogBuffer {
    /// Nobody has to read the log: all of it is kept, as far as the driver keeps logs.
    #[default]
    Keep,
    /// The container waits, once so many bytes are not read: [`crate::Driver::free_logs`]. Docker keeps all, on its disk.
    Blocking {
        /// Bytes that are kept.
        bytes: u64,
    },
    /// What it writes is dropped, line by line, as long as so many bytes are not read.
    NonBlocking {
        /// Bytes that are kept.
        bytes: u64,
    },
}

impl LogPosition {
    /// The position whose [`Self::as_str`] was kept.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to keep.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
