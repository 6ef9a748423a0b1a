//! Pipes' quotas.
//!
//! Source: EventBridge User Guide, "Amazon EventBridge quotas".

use std::time::Duration;

/// Pipes of an account and region.
pub const PIPES_MAX: usize = 1000;
/// Events of a batch where the pipe does not say.
pub const BATCH_SIZE_DEFAULT: usize = 10;
/// Messages that a queue gives at a time.
pub const RECEIVED_AT_ONCE: usize = 10;
/// Seconds that a queue is asked to wait.
pub const WAIT_SECONDS: u64 = 20;
/// How long a pipe rests after a failure.
pub const REST: Duration = Duration::from_secs(5);
/// Pipes of one page of a list.
pub const PAGE_DEFAULT: usize = 100;
/// Tags of a pipe.
pub const TAGS_MAX: usize = 50;
