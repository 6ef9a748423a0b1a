//! AWS's quotas, as "CloudWatch Logs quotas" and the API Reference give them.

use std::time::Duration;

/// Bytes of a `PutLogEvents` request: each event's UTF-8 and [`EVENT_OVERHEAD`].
pub(crate) const PUT_BYTES_MAX: usize = 1_048_576;
/// Bytes that an event counts beside its message.
pub(crate) const EVENT_OVERHEAD: usize = 26;
/// How far apart in time the events of one request may be.
pub(crate) const PUT_SPAN_MAX: Duration = Duration::from_secs(24 * 3600);
/// How old an event may be.
pub(crate) const EVENT_AGE_MAX: Duration = Duration::from_secs(14 * 24 * 3600);
/// How far in the future an event may be.
pub(crate) const EVENT_FUTURE_MAX: Duration = Duration::from_secs(2 * 3600);
/// Events of a page, where the caller asks for no fewer.
pub(crate) const PAGE_EVENTS_MAX: usize = 10_000;
/// Bytes of a page of events.
pub(crate) const PAGE_BYTES_MAX: usize = 1_048_576;
/// Events that one `FilterLogEvents` looks at before it answers what it found so far. Ours.
pub(crate) const FILTER_SCAN_MAX: usize = 50_000;
/// Groups or streams of a page, where the caller asks for no fewer.
pub(crate) const DESCRIBE_ITEMS_DEFAULT: usize = 50;
/// Resource policies of an account in a region.
pub(crate) const RESOURCE_POLICIES_MAX: usize = 10;
/// Tags of a group.
pub(crate) const TAGS_MAX: usize = 50;
/// Days that a retention policy may name.
pub(crate) const RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// How often expired events are removed; readers do not see them from the moment they expire. Ours: AWS says 72 hours.
pub(crate) const EXPIRY_INTERVAL: Duration = Duration::from_secs(3600);
/// Events that are removed in one go, so that removing many does not hold up writers. Ours.
pub(crate) const REMOVED_AT_ONCE: usize = 2000;
/// Rows that are read in one go. Ours.
pub(crate) const READ_AT_ONCE: usize = 100;
