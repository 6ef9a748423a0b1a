//! What messages of FIFO topics have beyond others: numbers in their order, and a memory of those that were there before.
//!
//! Source: SNS Developer Guide, "Message deduplication for FIFO topics", "High throughput for FIFO topics".

use sha2::{Digest as _, Sha256};

use crate::names::TopicName;
use crate::topic::Topic;
use crate::topic_attributes::FIFO_THROUGHPUT_SCOPE;

/// The last number of each topic.
pub const SEQUENCES_TABLE: &str = "sns/sequence";
/// Messages that are known again.
pub const REPETITIONS_TABLE: &str = "sns/repetition";
/// The number before a topic's first: numbers have twenty digits.
pub const SEQUENCE_BASE: u64 = 10_000_000_000_000_000_000;

/// The id by which a message without one of its own is known again: what it says, and nothing else of it.
pub fn content_id(body: &str) -> String {
    Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the keys of a topic's repetitions begin with. No name of a topic holds `!`.
pub fn repetitions_prefix(topic: &TopicName) -> String {
    format!("{}!", topic.key())
}

/// The key of a message that is known again by its `MessageDeduplicationId`: in its topic or in its group.
pub fn repetition_key(name: &TopicName, topic: &Topic, group: &str, id: &str) -> String {
    let in_group = topic.attributes.get(FIFO_THROUGHPUT_SCOPE).is_some_and(|scope| scope == "MessageGroup");
    let group = if in_group { group } else { "" };
    format!("{}fifo!{}!{group}!{id}", repetitions_prefix(name), group.len())
}

/// The key of a message that is known again by the idempotency key of the call that published it.
pub fn retry_key(name: &TopicName, key: &str) -> String {
    format!("{}call!{key}", repetitions_prefix(name))
}
