//! The messages that a queue was sent in the last five minutes, by what makes one known that is sent again: the
//! deduplication ids of FIFO queues, and the calls of other services, which may be made again after a crash. What is known
//! outlives its message: that may be received and deleted before it is sent again.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use store::Batch;
use types::Timestamp;

use crate::attributes::FifoAttributes;
use crate::index::Place;

/// The table of deduplication ids, by the queue's id and the message's place.
pub(crate) const IDS: &str = "sqs/deduplication";
/// The table of calls, in the same manner.
pub(crate) const CALLS: &str = "sqs/call";

/// A message that was sent, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The id, with its group where it means something in that group only; or the call.
    #[serde(rename = "scoped_id")]
    pub(crate) id: String,
    pub(crate) message_id: String,
    pub(crate) at: Timestamp,
}

/// The ids, or the calls, of a queue.
#[derive(Debug)]
pub(crate) struct Deduplication {
    table: &'static str,
    /// How many are known at most: the oldest are forgotten before their time.
    most: usize,
    known: HashMap<String, (String, Place)>,
    order: VecDeque<(Timestamp, Place, String)>,
}

/// An id with its group, where the queue wants that.
pub(crate) fn scoped_id(fifo: &FifoAttributes, id: &str, group: &str) -> String {
    if fifo.is_scoped_to_group { format!("{group}\n{id}") } else { id.to_owned() }
}

/// The key of the row of the message at that place.
pub(crate) fn row_key(queue_id: &str, place: Place) -> String {
    format!("{queue_id}/{place:016x}")
}

impl Deduplication {
    /// Nothing is known yet of what is kept in `table`.
    pub(crate) fn new(table: &'static str, most: usize) -> Self {
        Self { table, most, known: HashMap::new(), order: VecDeque::new() }
    }

    /// The message that was sent under the id: its own id and its place.
    pub(crate) fn get(&self, id: &str) -> Option<(String, Place)> {
        self.known.get(id).cloned()
    }

    /// A message is sent.
    pub(crate) fn add(&mut self, place: Place, sent: Sent, queue_id: &str, batch: &mut Batch) {
        // Plain data: it cannot fail to be written.
        batch.put(self.table, row_key(queue_id, place), serde_json::to_vec(&sent).unwrap_or_default());
        self.restore(place, sent);
    }

    /// A message was sent.
    pub(crate) fn restore(&mut self, place: Place, sent: Sent) {
        self.order.push_back((sent.at, place, sent.id.clone()));
        self.known.insert(sent.id, (sent.message_id, place));
    }

    /// Forgets what was sent before `before`.
    pub(crate) fn expire(&mut self, before: Timestamp, queue_id: &str, batch: &mut Batch) {
        let mut surplus = self.order.len().saturating_sub(self.most);
        let mut is_over = |at: Timestamp| {
            let is_over = at <= before || surplus > 0;
            surplus = surplus.saturating_sub(1);
            is_over
        };
        while let Some((_, place, id)) = self.order.pop_front_if(|(at, _, _)| is_over(*at)) {
            batch.delete(self.table, row_key(queue_id, place));
            if self.known.get(&id).is_some_and(|(_, known)| *known == place) {
                self.known.remove(&id);
            }
        }
    }

    /// When the oldest of them was sent.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.order.front().map(|(at, _, _)| *at)
    }
}
