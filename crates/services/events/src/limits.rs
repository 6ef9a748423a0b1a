//! EventBridge's quotas, with their defaults.

use std::time::Duration;

/// Targets of one rule.
pub const TARGETS_PER_RULE_MAX: usize = 5;
/// Rules of one bus.
pub const RULES_PER_BUS_MAX: usize = 300;
/// Event buses of an account in a region.
pub const BUSES_MAX: usize = 100;
/// Connections of an account in a region.
pub const CONNECTIONS_MAX: usize = 3000;
/// The pause before a connection is authorized; it doubles before each further attempt.
pub const AUTHORIZATION_PAUSE: Duration = Duration::from_secs(1);
/// Attempts to authorize a connection whose endpoint cannot be reached.
pub const AUTHORIZATION_ATTEMPTS_MAX: u32 = 4;
/// Connections that are authorized at once.
pub const AUTHORIZATIONS_CONCURRENT_MAX: usize = 16;
/// A connection's secret that is so old is what its record says, or never will be.
pub const SECRET_SETTLED: Duration = Duration::from_secs(60);
/// Secrets of connections that are looked at at once.
pub const SECRETS_CONCURRENT_MAX: usize = 4;
/// Characters of an event pattern.
pub const PATTERN_CHARACTERS_MAX: usize = 4096;
/// Bytes of all entries of one `PutEvents`.
pub const ENTRIES_BYTES_MAX: usize = 1_048_576;
/// Tags of a rule or a bus.
pub const TAGS_MAX: usize = 50;
/// Items of one page where the caller does not say.
pub const PAGE_DEFAULT: usize = 100;
/// Attempts after the first, unless the target's `RetryPolicy` says fewer.
pub const RETRY_ATTEMPTS_MAX: u32 = 185;
/// Age at which an event is given up, unless the target's `RetryPolicy` says less.
pub const EVENT_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The first pause before a delivery is tried again; it doubles.
pub const RETRY_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(15 * 60);
/// Deliveries to one target that are under way at once.
pub const DELIVERIES_CONCURRENT_MAX: usize = 64;
/// Calls of one queue that are under way at once. Few, so that messages gather meanwhile and go together.
pub const QUEUE_CALLS_CONCURRENT_MAX: usize = 8;
/// Messages that go to a queue in one call.
pub const MESSAGES_TOGETHER_MAX: usize = 10;
/// Bytes of the messages that go to a queue in one call.
pub const MESSAGES_TOGETHER_BYTES_MAX: usize = 256 << 10;
/// API destinations of an account in a region.
pub const API_DESTINATIONS_MAX: usize = 3000;
/// Calls of an API destination a second, where its maker does not say.
pub const INVOCATIONS_PER_SECOND_DEFAULT: i64 = 300;
/// How long an API destination may take to answer.
pub const INVOCATION_TIME_MAX: Duration = Duration::from_secs(5);
/// Bytes that are read of an API destination's answer.
pub const INVOCATION_ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long a `Retry-After` of an API destination is waited for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
/// Schedules that are fired at once.
pub const FIRINGS_CONCURRENT_MAX: usize = 256;
/// The pause before a store that could not write is asked again.
pub const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How long it is known what another service's call has put, so that the call can be made again.
pub const CALL_KEPT: Duration = Duration::from_secs(60 * 60);
/// How long the outcome of a delivery can be asked for.
pub const OUTCOME_KEPT: Duration = Duration::from_secs(60 * 60);
/// How late a schedule still fires: AWS fires within the minute. What is later fell into a downtime and is skipped.
pub const FIRING_LATE_MAX: Duration = Duration::from_secs(60);
/// Archives of an account in a region.
pub const ARCHIVES_MAX: usize = 100;
/// Replays of an account in a region that have not come to their end.
pub const REPLAYS_ACTIVE_MAX: usize = 10;
/// Events that a replay hands over in one batch.
pub const REPLAYED_AT_A_TIME: usize = 100;
/// The pause after such a batch.
pub const REPLAY_PAUSE: Duration = Duration::from_millis(25);
/// How long a replay can be asked for after its end.
pub const REPLAY_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Bytes of archived events that are read at once to be counted.
pub const ARCHIVE_PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Events whose count is worth being kept.
pub const ARCHIVE_COUNTED_MIN: u64 = 1000;
/// An event that came so long ago is in the store, or will never be.
pub const ARCHIVE_SETTLED: Duration = Duration::from_secs(60);
/// Characters of the policy of a bus.
pub const POLICY_CHARACTERS_MAX: usize = 10_240;
