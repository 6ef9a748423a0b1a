//! Events as they are stored: those of one step together, in a compact form of our own.
//!
//! ```text
//! chunk  = format byte, event…
//! event  = tag, id, previous event's id, milliseconds since the event before, fields of the tag
//! text   = 0, length, bytes  |  how many different texts ago it was last written, from 1
//! number = LEB128; signed ones in zigzag
//! ```
//!
//! A text that comes again soon is written once: ten Pass states hand one input on twenty times, and may each hold
//! 256 KiB. A chunk is bounded in events and bytes, so that a page of a long history reads a bounded amount.

mod read;
mod write;

use types::Timestamp;

use super::HistoryEvent;
use write::Writer;

/// The form that is written, and the only one that is read.
const FORMAT: u8 = 1;

/// No chunk has more events.
pub const CHUNK_EVENTS_MAX: usize = 64;

/// A chunk takes no further event once it has so many bytes.
const CHUNK_BYTES: usize = 512 << 10;

/// How many different texts a text is looked for among.
const TEXTS_REMEMBERED: usize = 32;

/// What each event begins with: which fields follow.
mod tag {
    pub(super) const EXECUTION_STARTED: u8 = 0;
    pub(super) const EXECUTION_SUCCEEDED: u8 = 1;
    pub(super) const EXECUTION_FAILED: u8 = 2;
    pub(super) const EXECUTION_ABORTED: u8 = 3;
    pub(super) const EXECUTION_TIMED_OUT: u8 = 4;
    pub(super) const EXECUTION_REDRIVEN: u8 = 5;
    pub(super) const STATE_ENTERED: u8 = 6;
    pub(super) const STATE_EXITED: u8 = 7;
    pub(super) const STATE_ABORTED: u8 = 8;
    pub(super) const FAN_OUT_STARTED: u8 = 9;
    pub(super) const FAN_OUT_SUCCEEDED: u8 = 10;
    pub(super) const FAN_OUT_FAILED: u8 = 11;
    pub(super) const MAP_ITERATION: u8 = 12;
    pub(super) const MAP_RUN_STARTED: u8 = 13;
    pub(super) const MAP_RUN_SUCCEEDED: u8 = 14;
    pub(super) const MAP_RUN_FAILED: u8 = 15;
    pub(super) const MAP_RUN_ABORTED: u8 = 16;
    pub(super) const MAP_RUN_REDRIVEN: u8 = 17;
    pub(super) const EVALUATION_FAILED: u8 = 18;
    pub(super) const TASK_SCHEDULED: u8 = 19;
    pub(super) const TASK_STARTED: u8 = 20;
    pub(super) const TASK_SUBMITTED: u8 = 21;
    pub(super) const TASK_SUCCEEDED: u8 = 22;
    pub(super) const TASK_FAILED: u8 = 23;
    pub(super) const TASK_SCHEDULE_FAILED: u8 = 24;
    pub(super) const TASK_START_FAILED: u8 = 25;
    pub(super) const TASK_SUBMIT_FAILED: u8 = 26;
    pub(super) const TASK_TIMED_OUT: u8 = 27;
}

/// Consecutive events of one execution, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryChunk {
    /// Id of the first event.
    pub first: u64,
    /// Time of the first event.
    pub timestamp: Timestamp,
    /// The events.
    pub bytes: Vec<u8>,
}

/// A chunk that cannot be read: it is damaged, or of a later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunk of events cannot be read")]
pub struct ChunkError;

impl HistoryChunk {
    /// The events of a step in chunks, in their order.
    pub fn of(history: &[HistoryEvent]) -> impl Iterator<Item = Self> {
        let mut rest = history;
        std::iter::from_fn(move || {
            let first = rest.first()?;
            let (bytes, after) = write(rest);
            rest = after;
            Some(Self { first: first.id, timestamp: first.timestamp, bytes })
        })
    }

    /// The events of a chunk's bytes.
    ///
    /// # Errors
    /// [`ChunkError`].
    pub fn read(bytes: &[u8]) -> Result<Vec<HistoryEvent>, ChunkError> {
        read::events(bytes)
    }
}

/// Writes events until the chunk is full; returns those that are left.
fn write(history: &[HistoryEvent]) -> (Vec<u8>, &[HistoryEvent]) {
    let mut writer = Writer::new();
    let mut rest = history;
    let mut events = 0;
    while let Some((event, after)) = rest.split_first()
        && events < CHUNK_EVENTS_MAX
        && writer.len() < CHUNK_BYTES
    {
        writer.event(event);
        rest = after;
        events += 1;
    }
    (writer.finish(), rest)
}

#[cfg(test)]
mod tests;
