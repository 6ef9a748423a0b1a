//! The messages that a FIFO queue was sent in the last five minutes, by their deduplication ids.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use store::Batch;
use types::Timestamp;

use crate::attributes::FifoAttributes;
use crate::index::Place;

/// The table of ids, by the queue's id and the message's place.
pub(crate) const TABLE: &str = "sqs/deduplication";

/// A message that was sent, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The id, with its group where it means something in that group only.
    pub(crate) scoped_id: String,
    pub(crate) message_id: String,
    pub(crate) at: Timestamp,
}

/// The ids of a queue.
#[derive(Debug, Default)]
pub(crate) struct Deduplication {
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
    /// The message that was sent under the id: its own id and its place.
    pub(crate) fn get(&self, scoped_id: &str) -> Option<(String, Place)> {
        self.known.get(scoped_id).cloned()
    }

    /// A message was sent.
    pub(crate) fn insert(&mut self, place: Place, sent: Sent) {
        self.order.push_back((sent.at, place, sent.scoped_id.clone()));
        self.known.insert(sent.scoped_id, (sent.message_id, place));
    }

    /// Forgets what was sent before `before`.
    pub(crate) fn expire(&mut self, before: Timestamp, queue_id: &str, batch: &mut Batch) {
        while let Some((_, place, id)) = self.order.pop_front_if(|(at, _, _)| *at <= before) {
            batch.delete(TABLE, row_key(queue_id, place));
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
