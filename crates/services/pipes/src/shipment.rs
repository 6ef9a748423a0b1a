//! Messages on their way: a row from before their target is called until they are deleted from their queue.
//!
//! What a crash leaves is taken up by the same rows, so that the target is called with the same keys, and knows what it
//! has taken before.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::Timestamp;

/// The table of shipments, by `<pipe's key>/<shipment's id>`.
pub(crate) const SHIPMENTS: &str = "pipes/shipments";
/// The table of messages that are delivered and could not be deleted, by `<pipe's key>/<message's id>`.
pub(crate) const DELIVERED: &str = "pipes/delivered";

/// One batch of messages on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shipment {
    /// A UUID: the beginning of all keys that its target is given.
    pub(crate) id: String,
    /// When it was made.
    pub(crate) begun: Timestamp,
    pub(crate) messages: Vec<Received>,
    /// What the enrichment has made of them, once it has.
    pub(crate) enriched: Option<Vec<Value>>,
}

impl Shipment {
    pub(crate) fn new(messages: Vec<Received>, now: Timestamp) -> Self {
        Self { id: api::ids::uuid(), begun: now, messages, enriched: None }
    }

    /// The key of its row.
    pub(crate) fn key(&self, pipe: &str) -> String {
        format!("{pipe}/{}", self.id)
    }
}

/// A message, and the event that it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Received {
    pub(crate) message_id: String,
    pub(crate) receipt_handle: String,
    pub(crate) event: Value,
}

/// A message that its target has taken, and that is still in its queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delivered {
    pub(crate) at: Timestamp,
}

/// The messages that a queue may give again, and that are not to be carried again.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    /// The latest receipt handle of each message on its way.
    under_way: HashMap<String, String>,
    delivered: HashSet<String>,
}

/// What is to be done with a message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is new.
    Carry,
    /// It is on its way already: a visibility timeout that is too short.
    Leave,
    /// It was delivered before.
    Delete,
}

impl Known {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done with a message.
    pub(crate) fn fate(&self, message: &Received) -> Fate {
        let mut inside = self.inside();
        if let Some(handle) = inside.under_way.get_mut(&message.message_id) {
            // Only the latest handle deletes a message.
            handle.clone_from(&message.receipt_handle);
            return Fate::Leave;
        }
        if inside.delivered.contains(&message.message_id) { Fate::Delete } else { Fate::Carry }
    }

    /// These are on their way.
    pub(crate) fn begin(&self, messages: &[Received]) {
        let handles = messages.iter().map(|one| (one.message_id.clone(), one.receipt_handle.clone()));
        self.inside().under_way.extend(handles);
    }

    /// The latest receipt handle of a message on its way.
    pub(crate) fn handle(&self, message: &Received) -> String {
        let latest = self.inside().under_way.get(&message.message_id).cloned();
        latest.unwrap_or_else(|| message.receipt_handle.clone())
    }

    /// These are not on their way any more.
    pub(crate) fn end(&self, messages: &[Received]) {
        let mut inside = self.inside();
        for message in messages {
            inside.under_way.remove(&message.message_id);
        }
    }

    /// These are delivered, and may come again.
    pub(crate) fn note_delivered(&self, ids: impl IntoIterator<Item = String>) {
        self.inside().delivered.extend(ids);
    }

    /// These have gone.
    pub(crate) fn forget_delivered(&self, ids: &HashSet<String>) {
        let mut inside = self.inside();
        for id in ids {
            inside.delivered.remove(id);
        }
    }
}
