//! Places between the events of a stream, which are ordered by time and then by sequence, and the pages around them.

use std::time::Duration;

use store::{Entry, Order, Slice};
use types::Timestamp;

use crate::error::Error;
use crate::{Logs, limits};

/// A place before the event with this time and sequence, and behind all that are less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) time: Timestamp,
    pub(crate) sequence: u64,
}

/// Where reading goes from a [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To later events.
    Forward,
    /// To earlier ones.
    Backward,
}

impl Position {
    /// Before all events of this time.
    pub(crate) fn at(time: Timestamp) -> Self {
        Self { time, sequence: 0 }
    }

    pub(crate) fn before(entry: &Entry) -> Self {
        Self { time: entry.time, sequence: entry.sequence }
    }

    pub(crate) fn behind(entry: &Entry) -> Self {
        Self { time: entry.time, sequence: entry.sequence + 1 }
    }

    /// Where reading goes on once `entry` has been read.
    pub(crate) fn past(entry: &Entry, direction: Direction) -> Self {
        match direction {
            Direction::Forward => Self::behind(entry),
            Direction::Backward => Self::before(entry),
        }
    }

    /// 56 digits: 17 of the time, 20 of the sequence, and 19 that say nothing.
    pub(crate) fn digits(self) -> String {
        format!("{:017}{:020}{:019}", self.time.as_millis().max(0), self.sequence, 0)
    }

    pub(crate) fn from_digits(digits: &str) -> Option<Self> {
        if digits.len() != 56 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let time = Timestamp::from_millis(digits.get(..17)?.parse().ok()?);
        Some(Self { time, sequence: digits.get(17..37)?.parse().ok()? })
    }
}

/// The times of the events that a reader may see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// The first time.
    pub(crate) from: Timestamp,
    /// The first time after it.
    pub(crate) to: Timestamp,
}

impl Logs {
    /// Up to `limit` events of a stream's log from `position` on, in the direction of reading.
    pub(crate) async fn events(
        &self,
        log: &str,
        position: Position,
        direction: Direction,
        window: Window,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        let (same_time, rest) = match direction {
            Direction::Forward => forward(position, window),
            Direction::Backward => backward(position, window),
        };
        let descending = direction == Direction::Backward;
        let mut entries = Vec::new();
        for slice in [same_time, rest].into_iter().flatten() {
            let slice = Slice { order: Order::Time, descending, limit: limit - entries.len(), ..slice };
            if slice.limit > 0 && slice.from_time < slice.to_time {
                entries.extend(self.store.read(log, slice).await?);
            }
        }
        Ok(entries)
    }

    /// A page of a stream's events in the direction of reading, bounded in number and size.
    pub(crate) async fn page(
        &self,
        log: &str,
        mut position: Position,
        direction: Direction,
        window: Window,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < limit {
            let wanted = limits::READ_AT_ONCE.min(limit - page.len());
            let entries = self.events(log, position, direction, window, wanted).await?;
            let is_last = entries.len() < wanted;
            for entry in entries {
                bytes += size(&entry);
                if bytes > limits::PAGE_BYTES_MAX && !page.is_empty() {
                    return Ok(page);
                }
                position = Position::past(&entry, direction);
                page.push(entry);
            }
            if is_last {
                break;
            }
        }
        Ok(page)
    }
}

/// Bytes of an event as a page counts them.
pub(crate) fn size(entry: &Entry) -> usize {
    entry.payload.len() + limits::EVENT_OVERHEAD
}

/// The first millisecond after `time`.
pub(crate) fn next_millisecond(time: Timestamp) -> Timestamp {
    time + Duration::from_millis(1)
}

fn forward(position: Position, window: Window) -> (Option<Slice>, Option<Slice>) {
    let Window { from, to } = window;
    if position.time < from {
        return (None, Some(Slice { from_time: from, to_time: to, ..Slice::default() }));
    }
    let after = next_millisecond(position.time);
    let same = Slice {
        from_time: position.time,
        to_time: after.min(to),
        from_sequence: position.sequence,
        ..Slice::default()
    };
    (Some(same), Some(Slice { from_time: after, to_time: to, ..Slice::default() }))
}

fn backward(position: Position, window: Window) -> (Option<Slice>, Option<Slice>) {
    let Window { from, to } = window;
    if position.time >= to {
        return (None, Some(Slice { from_time: from, to_time: to, ..Slice::default() }));
    }
    let same = Slice {
        from_time: position.time.max(from),
        to_time: next_millisecond(position.time),
        to_sequence: position.sequence,
        ..Slice::default()
    };
    (Some(same), Some(Slice { from_time: from, to_time: position.time, ..Slice::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_positions_are_each_other() {
        let position = Position { time: Timestamp::from_millis(1_800_000_000_000), sequence: (1 << 63) - 1 };
        assert_eq!(Position::from_digits(&position.digits()), Some(position));
        for text in ["", "1", &"x".repeat(56), &"9".repeat(55), &"é".repeat(28)] {
            assert_eq!(Position::from_digits(text), None);
        }
        // Out of range, but no panic.
        assert_eq!(Position::from_digits(&"9".repeat(56)), None);
    }
}
