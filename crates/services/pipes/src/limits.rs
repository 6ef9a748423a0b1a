//! Pipes' quotas, and how much a pipe does at once.
//!
//! Source: EventBridge User Guide, "Amazon EventBridge quotas", "Amazon EventBridge Pipes batching and concurrency".

use std::time::Duration;

/// Pipes of an account and region.
pub const PIPES_MAX: usize = 1000;
/// Events of a batch where the pipe does not say.
pub const BATCH_SIZE_DEFAULT: usize = 10;
/// Bytes of a batch's messages: one that has as many takes no more.
pub const BATCH_BYTES: usize = 6 * 1024 * 1024;
/// Messages that a queue gives at a time.
pub const RECEIVED_AT_ONCE: usize = 10;
/// Seconds that a queue is asked to wait.
pub const WAIT_SECONDS: u64 = 20;
/// Batches of a pipe that are on their way at once.
pub const BATCHES_AT_ONCE: usize = 10;
/// How often a call is made that may succeed later, before its messages are left to their queue.
pub const ATTEMPTS_MAX: usize = 4;
/// How long a pipe rests after a failure, at first.
pub const PAUSE_MIN: Duration = Duration::from_millis(100);
/// How long a pipe rests after a failure at most.
pub const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long a message can still be in its queue after it was delivered: a queue keeps messages no longer.
pub const DELIVERED_KEPT: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// Entries of a batch of SQS or SNS, or of PutEvents.
pub const ENTRIES_MAX: usize = 10;
/// Log events of one PutLogEvents.
pub const LOG_EVENTS_MAX: usize = 10_000;
/// Pipes of one page of a list.
pub const PAGE_DEFAULT: usize = 100;
/// Tags of a pipe.
pub const TAGS_MAX: usize = 50;
