//! The sequence of an event: unique in its stream, growing with arrival, and the time of arrival in itself.

use std::sync::atomic::{AtomicU64, Ordering};

use types::Timestamp;

/// So many bits number the events of a millisecond; those above hold the milliseconds since the epoch.
const COUNTER_BITS: u32 = 20;
/// The last millisecond that leaves room for the counter, in the year 2248.
const MILLIS_MAX: u64 = (1 << (63 - COUNTER_BITS)) - 1;

/// Gives sequences to all events of this process, whatever their streams: nothing needs to be known of a stream to
/// append to it.
#[derive(Debug, Default)]
pub(crate) struct Sequences(AtomicU64);

impl Sequences {
    /// Reserves `count` consecutive sequences and gives the first. They are greater than all given before, also where
    /// the clock was set back, and hold `now` unless that would break it.
    pub(crate) fn take(&self, count: u64, now: Timestamp) -> u64 {
        let earliest = millis(now) << COUNTER_BITS;
        let mut first = earliest;
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
            first = next.max(earliest);
            Some(first + count)
        });
        first
    }

    /// Gives only sequences after `last` from now on.
    pub(crate) fn pass(&self, last: u64) {
        self.0.fetch_max(last + 1, Ordering::Relaxed);
    }
}

/// When the event with this sequence arrived.
pub(crate) fn ingestion_time(sequence: u64) -> i64 {
    (sequence >> COUNTER_BITS).cast_signed()
}

fn millis(now: Timestamp) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(0).min(MILLIS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grow_whatever_the_clock_does() {
        let sequences = Sequences::default();
        let at = Timestamp::from_millis;
        let first = sequences.take(10, at(1000));
        assert_eq!(ingestion_time(first), 1000);
        assert_eq!(sequences.take(1, at(1000)), first + 10);
        assert_eq!(sequences.take(1, at(10)), first + 11);
        assert_eq!(ingestion_time(sequences.take(1, at(2000))), 2000);
        sequences.pass(u64::from(u32::MAX) << COUNTER_BITS);
        assert_eq!(ingestion_time(sequences.take(1, at(2000))), i64::from(u32::MAX));
    }
}
