//! Reads a container's log from the engine, from a position that survives restarts.
//!
//! The API finds lines by time only, to the second, and the two streams' times are not strictly in order. A position is
//! therefore a second a little in the past and the number of lines since then that were read.

use std::collections::BTreeMap;
use std::fmt;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use types::Timestamp;

use super::failure::broken;
use crate::driver::{DriverError, LogChunk, LogLine, LogPosition, LogStream};

/// How far the times of neighbouring lines may be out of order.
const DISORDER_SECONDS: i64 = 1;
/// The most lines of one chunk.
const LINES_MAX: usize = 4096;
/// The engine cuts longer lines into pieces of this length.
const PIECE_BYTES: usize = 16 * 1024;

/// A log that is being read.
pub struct LogReader {
    stream: BoxStream<'static, Vec<Result<LogOutput, bollard::errors::Error>>>,
    /// Lines read (or skipped) so far, by the second of their time.
    counts: BTreeMap<i64, u64>,
    skip: u64,
    since: i64,
}

impl LogReader {
    /// Begins to read at `from`.
    pub fn open(docker: &Docker, name: &str, from: &LogPosition) -> Result<Self, DriverError> {
        let (since, skip) = parse(from)?;
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).timestamps(true);
        let options = options.since(i32::try_from(since).unwrap_or(i32::MAX)).build();
        let stream = docker.logs(name, Some(options)).ready_chunks(LINES_MAX).boxed();
        Ok(Self { stream, counts: BTreeMap::new(), skip, since })
    }

    /// The next lines; waits for at least one, or for the end.
    pub async fn read(&mut self) -> Result<LogChunk, DriverError> {
        let mut lines = Vec::new();
        while lines.is_empty() {
            let Some(outputs) = self.stream.next().await else {
                return Ok(LogChunk { lines, next: self.position(), ended: true });
            };
            for output in outputs {
                let line = line(output.map_err(|error| broken(&error))?);
                *self.counts.entry(line.timestamp.as_seconds()).or_default() += 1;
                if self.skip > 0 {
                    self.skip -= 1;
                } else {
                    lines.push(line);
                }
            }
        }
        Ok(LogChunk { lines, next: self.position(), ended: false })
    }

    fn position(&mut self) -> LogPosition {
        if let Some((latest, _)) = self.counts.last_key_value() {
            self.since = self.since.max(latest - DISORDER_SECONDS);
            self.counts = self.counts.split_off(&self.since);
        }
        LogPosition(format!("{}+{}", self.since, self.skip + self.counts.values().sum::<u64>()))
    }
}

impl fmt::Debug for LogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogReader").field("since", &self.since).finish_non_exhaustive()
    }
}

fn parse(position: &LogPosition) -> Result<(i64, u64), DriverError> {
    if position.as_str().is_empty() {
        return Ok((0, 0));
    }
    let parts = position.as_str().split_once('+');
    let numbers = parts.and_then(|(since, skip)| Some((since.parse().ok()?, skip.parse().ok()?)));
    numbers.ok_or_else(|| DriverError::InvalidLogPosition(position.as_str().to_owned()))
}

fn line(output: LogOutput) -> LogLine {
    let stream = match output {
        LogOutput::StdErr { .. } => LogStream::Stderr,
        LogOutput::StdOut { .. } | LogOutput::StdIn { .. } | LogOutput::Console { .. } => LogStream::Stdout,
    };
    let bytes = output.into_bytes();
    let text = String::from_utf8_lossy(&bytes);
    let (time, message) = text.split_once(' ').unwrap_or((&text, ""));
    let whole = message.ends_with('\n');
    LogLine {
        timestamp: Timestamp::parse_rfc3339(time).unwrap_or_default(),
        stream,
        message: message.strip_suffix('\n').unwrap_or(message).to_owned(),
        partial: !whole && message.len() >= PIECE_BYTES,
    }
}
