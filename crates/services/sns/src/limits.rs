//! SNS's quotas.
//!
//! Source: AWS General Reference, "Amazon SNS endpoints and quotas"; SNS Developer Guide, "Message delivery retries",
//! "Filter policy constraints", "Message deduplication for FIFO topics".

use std::time::Duration;

/// Topics of an account in a region.
pub const TOPICS_MAX: usize = 100_000;
/// Characters of a topic's name, `.fifo` not included.
pub const TOPIC_NAME_MAX: usize = 256;
/// Characters of a topic's display name.
pub const DISPLAY_NAME_MAX: usize = 100;
/// Bytes of the name of a key.
pub const KEY_NAME_MAX: usize = 2048;
/// Tags of a topic.
pub const TAGS_MAX: usize = 50;
/// Items of one page of a list.
pub const PAGE: usize = 100;
/// Bytes of a message with its attributes, and of all messages of one batch.
pub const MESSAGE_BYTES_MAX: usize = 262_144;
/// Characters of a subject.
pub const SUBJECT_MAX: usize = 100;
/// Messages of one batch.
pub const BATCH_MAX: usize = 10;
/// Characters of a batch entry's id.
pub const BATCH_ID_MAX: usize = 80;
/// Characters of a group's or a deduplication's id.
pub const FIFO_ID_MAX: usize = 128;
/// Bytes of an attribute's name.
pub const ATTRIBUTE_NAME_MAX: usize = 256;
/// Keys at the top of a filter policy.
pub const FILTER_POLICY_KEYS_MAX: usize = 5;
/// What the numbers of values of a filter policy's keys may multiply to.
pub const FILTER_POLICY_COMBINATIONS_MAX: u64 = 150;
/// Bytes of a filter policy.
pub const FILTER_POLICY_BYTES_MAX: usize = 262_144;
/// Subscriptions of one topic that have filter policies.
pub const FILTER_POLICIES_MAX: usize = 200;
/// How long a subscription waits for its confirmation.
pub const CONFIRMATION_TIME: Duration = Duration::from_secs(48 * 60 * 60);
/// How long a message of a FIFO topic, or of a caller that says so, is known as one that was there before.
pub const DEDUPLICATION_TIME: Duration = Duration::from_secs(5 * 60);
/// How long an HTTP endpoint may take to answer.
pub const HTTP_TIME: Duration = Duration::from_secs(15);
/// Bytes of an HTTP endpoint's answer, which says nothing but its status.
pub const HTTP_ANSWER_BYTES_MAX: usize = 65_536;
/// Retries that a delivery policy may ask for.
pub const RETRIES_MAX: u32 = 100;
/// Seconds between two attempts that a delivery policy may ask for.
pub const RETRY_DELAY_SECONDS_MAX: u32 = 3600;
/// Attempts under way at once for one subscription.
pub const ATTEMPTS_PER_SUBSCRIPTION_MAX: usize = 16;
/// The pause before a store that could not write is asked again.
pub const STORE_PAUSE: Duration = Duration::from_secs(1);
