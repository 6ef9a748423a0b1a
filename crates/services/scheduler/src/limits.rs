//! EventBridge Scheduler's quotas, with their defaults.
//!
//! Source: EventBridge Scheduler User Guide, "Quotas for Amazon EventBridge Scheduler".

use std::time::Duration;

/// Schedules of an account in a region.
pub const SCHEDULES_MAX: usize = 1_000_000;
/// Schedule groups of an account in a region.
pub const SCHEDULE_GROUPS_MAX: usize = 500;
/// Tags of a schedule group.
pub const TAGS_MAX: usize = 50;
/// Bytes of a target's `Input`.
pub const INPUT_BYTES_MAX: usize = 256 * 1024;
/// Items of one page where the caller does not say.
pub const PAGE_DEFAULT: usize = 100;
/// How long ago a `StartDate` may be.
pub const START_DATE_AGE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long the answer to a request with a `ClientToken` is kept.
pub const CLIENT_TOKEN_KEPT: Duration = Duration::from_secs(60 * 60);
/// Attempts after the first, unless the target's `RetryPolicy` says fewer.
pub const RETRY_ATTEMPTS_MAX: u32 = 185;
/// Seconds after which an invocation is given up, unless the target's `RetryPolicy` says less.
pub const EVENT_AGE_SECONDS_MAX: u32 = 24 * 60 * 60;
/// The first pause before a target is tried again; it doubles.
pub const RETRY_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(15 * 60);
/// How long a message to a dead-letter queue that cannot be reached is tried again.
pub const DEAD_LETTER_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Invocations under way at once.
pub const INVOCATIONS_CONCURRENT_MAX: usize = 64;
/// Schedules that are fired at once.
pub const FIRINGS_CONCURRENT_MAX: usize = 256;
/// The pause before a store that could not write is asked again.
pub const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often a request is tried again whose records were changed by others meanwhile.
pub const CONFLICTS_MAX: usize = 64;
/// How late a schedule still fires: AWS fires within the minute. What is later, and outside its flexible time window,
/// fell into a downtime and is skipped.
pub const FIRING_LATE_MAX: Duration = Duration::from_secs(60);
