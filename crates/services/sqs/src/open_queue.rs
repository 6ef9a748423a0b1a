//! A queue that is open: its record, its messages' index, and what it remembers for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use store::Batch;
use tokio::sync::Notify;
use types::Timestamp;

use crate::deduplication::{self, Deduplication};
use crate::index::{Entry, Index, Place, Visibility};
use crate::limits::{DEDUPLICATION_INTERVAL, REMEMBERED_CALLS_MAX};
use crate::message::{RECEIVES_TABLE, Received, TABLE, row_key};
use crate::queue::Queue;

/// How often it is looked which attempts are over.
const ATTEMPTS_INTERVAL: Duration = Duration::from_secs(10);

/// How many messages are forgotten in one step.
const EXPIRED_AT_ONCE: usize = 200;

/// A queue in memory.
pub(crate) struct OpenQueue {
    pub(crate) record: Arc<Queue>,
    pub(crate) index: Index,
    pub(crate) deduplication: Deduplication,
    /// Calls of other services that sent messages, and may be made again.
    pub(crate) calls: Deduplication,
    /// Receives of a FIFO queue that may be tried again, by the ids of their attempts.
    pub(crate) attempts: HashMap<String, Attempt>,
    /// When attempts are next looked at.
    attempts_due: Option<Timestamp>,
    /// Whoever waits for a message.
    pub(crate) arrival: Arc<Notify>,
    pub(crate) purged: Option<Timestamp>,
    /// Whether a write failed: what is in memory may not be what is in the store.
    pub(crate) is_stale: bool,
    /// Whether there is a timer for what the queue forgets.
    pub(crate) has_upkeep: bool,
    last: Place,
}

/// A receive that may be tried again.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) at: Timestamp,
    /// The messages, and how often each had been received then.
    pub(crate) messages: Vec<(Place, u32)>,
}

impl OpenQueue {
    pub(crate) fn new(record: Queue) -> Self {
        Self {
            record: Arc::new(record),
            index: Index::default(),
            deduplication: Deduplication::new(deduplication::IDS, usize::MAX),
            calls: Deduplication::new(deduplication::CALLS, REMEMBERED_CALLS_MAX),
            attempts: HashMap::new(),
            attempts_due: None,
            arrival: Arc::default(),
            purged: None,
            is_stale: false,
            has_upkeep: false,
            last: 0,
        }
    }

    /// The place of the next message. Places grow with time, so that a queue that was empty does not begin anew.
    pub(crate) fn next_place(&mut self, now: Timestamp) -> Place {
        let by_time = u64::try_from(now.as_millis()).unwrap_or_default() << 20;
        self.last = by_time.max(self.last + 1);
        self.last
    }

    /// A message is there that was read from the store.
    pub(crate) fn restore(&mut self, place: Place, entry: Entry) {
        self.last = self.last.max(place);
        self.index.insert(place, entry);
    }

    /// Takes messages away for good.
    pub(crate) fn remove(&mut self, place: Place, batch: &mut Batch) -> Option<Entry> {
        let entry = self.index.remove(place)?;
        let key = row_key(&self.record.id, place);
        if entry.received_first.is_some() {
            batch.delete(RECEIVES_TABLE, key.as_str());
        }
        batch.delete(TABLE, key);
        Some(entry)
    }

    /// Has no messages any more.
    pub(crate) fn clear(&mut self) {
        self.index = Index::default();
        self.attempts.clear();
    }

    /// Changes a message's visibility, and keeps that.
    pub(crate) fn hide(&mut self, place: Place, visibility: Visibility, batch: &mut Batch) {
        self.index.set_visibility(place, visibility);
        self.keep(place, batch);
    }

    /// Keeps what happened to a message.
    pub(crate) fn keep(&self, place: Place, batch: &mut Batch) {
        if let Some(received) = self.index.get(place).and_then(Received::of) {
            batch.put(RECEIVES_TABLE, row_key(&self.record.id, place), received.row());
        }
    }

    /// Forgets what is too old: messages, the ids of messages, calls, attempts.
    pub(crate) fn expire(&mut self, now: Timestamp, batch: &mut Batch) {
        let before = now - self.record.attributes.retention();
        for place in self.index.older_than(before, EXPIRED_AT_ONCE) {
            self.remove(place, batch);
        }
        self.deduplication.expire(now - DEDUPLICATION_INTERVAL, &self.record.id, batch);
        self.calls.expire(now - DEDUPLICATION_INTERVAL, &self.record.id, batch);
        // All of them are looked at: not at every call.
        if self.attempts_due.is_none_or(|due| due <= now) {
            self.attempts.retain(|_, attempt| attempt.at + DEDUPLICATION_INTERVAL > now);
            self.attempts_due = Some(now + ATTEMPTS_INTERVAL);
        }
    }

    /// When the queue has something to forget next.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        let message = self.index.oldest().map(|sent| sent + self.record.attributes.retention());
        let known = [self.deduplication.oldest(), self.calls.oldest()];
        let known = known.into_iter().flatten().min().map(|sent| sent + DEDUPLICATION_INTERVAL);
        message.into_iter().chain(known).min()
    }
}
