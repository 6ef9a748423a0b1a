//! A message as it is kept: one row that never changes, and one that says how it was received.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealed::SecretKey;
use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::Error;
use crate::attributes::Encryption;
use crate::generated::types::MessageAttributeValue;
use crate::index::{Entry, Place, Visibility};
use crate::queue::Queue;

/// The table of messages, by [`row_key`].
pub(crate) const TABLE: &str = "sqs/messages";
/// The table of what happened to messages, by the same keys.
pub(crate) const RECEIVES_TABLE: &str = "sqs/receives";

/// What a FIFO queue's sequence numbers count from: they have 20 digits.
const SEQUENCE_BASE: u128 = 18_800_000_000_000_000_000;

/// A message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) sender: String,
    pub(crate) sent: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) attributes: BTreeMap<String, MessageAttributeValue>,
    /// `AWSTraceHeader`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deduplication_id: Option<String>,
    /// The delay of its own, in a standard queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delayed_until: Option<Timestamp>,
    /// The queue that it was too often received from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_arn: Option<String>,
    /// How often it was received elsewhere.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) receives_before: u32,
    /// When that was first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) received_first: Option<Timestamp>,
}

/// What happened to a message: short, for it changes at every receive.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Received {
    #[serde(rename = "n")]
    pub(crate) receives: u32,
    #[serde(rename = "f")]
    pub(crate) first: Timestamp,
    #[serde(rename = "s")]
    pub(crate) since: Timestamp,
    #[serde(rename = "u")]
    pub(crate) until: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The key of a message's rows: rows of a queue are in the order of its messages.
pub(crate) fn row_key(queue_id: &str, place: Place) -> String {
    format!("{queue_id}/{place:016x}")
}

/// The place that a row's key names.
pub(crate) fn place_of(key: &str) -> Option<Place> {
    Place::from_str_radix(key.rsplit_once('/')?.1, 16).ok()
}

/// `SequenceNumber` of the message at that place.
pub(crate) fn sequence_number(place: Place) -> String {
    (SEQUENCE_BASE + u128::from(place)).to_string()
}

impl Message {
    /// The row, sealed where the queue says so.
    ///
    /// # Errors
    /// [`Error::Sealing`].
    pub(crate) fn row(&self, queue: &Queue, key: &SecretKey) -> Result<Vec<u8>, Error> {
        let text = serde_json::to_vec(self).map_err(|_| Error::Sealing("written"))?;
        match queue.attributes.encryption {
            Encryption::Off => Ok([b"p".as_slice(), &text].concat()),
            Encryption::Sqs | Encryption::Kms { .. } => {
                let sealed = key.seal(&queue.id, &text).map_err(|_| Error::Sealing("sealed"))?;
                Ok([b"s".as_slice(), &sealed].concat())
            }
        }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`Error::Sealing`].
    pub(crate) fn read(row: &[u8], queue_id: &str, key: &SecretKey) -> Result<Self, Error> {
        let opened;
        let text = match row.split_first() {
            Some((b'p', text)) => text,
            Some((b's', sealed)) => {
                opened = key.open(queue_id, sealed).ok_or(Error::Sealing("opened"))?;
                &opened
            }
            _ => return Err(Error::Sealing("read")),
        };
        serde_json::from_slice(text).map_err(|_| Error::Sealing("read"))
    }

    /// What the index knows of it, before it is received here.
    pub(crate) fn entry(&self, queue: &Queue) -> Entry {
        let is_fifo = queue.attributes.is_fifo();
        // The delay of a FIFO queue holds for all messages in it, whenever it was set.
        let delay = std::time::Duration::from_secs(queue.attributes.delay_seconds);
        let until = if is_fifo { Some(self.sent + delay) } else { self.delayed_until };
        Entry {
            sent: self.sent,
            receives: self.receives_before,
            receives_before: self.receives_before,
            received_first: self.received_first,
            visibility: until.map_or(Visibility::Visible, |until| Visibility::Delayed { until }),
            group: self.group.as_deref().filter(|_| is_fifo).map(Arc::from),
        }
    }
}

impl Received {
    /// What is kept of an entry that was received; `None` of one that was not.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        let first = entry.received_first?;
        let (since, until) = match entry.visibility {
            Visibility::InFlight { since, until } => (since, until),
            Visibility::Visible | Visibility::Delayed { .. } => (first, first),
        };
        Some(Self { receives: entry.receives, first, since, until })
    }

    /// The row.
    pub(crate) fn row(&self) -> Vec<u8> {
        // Plain numbers: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Puts what happened into an entry.
    pub(crate) fn apply(&self, entry: &mut Entry) {
        entry.receives = self.receives;
        entry.received_first = Some(self.first);
        entry.visibility = Visibility::InFlight { since: self.since, until: self.until };
    }
}
