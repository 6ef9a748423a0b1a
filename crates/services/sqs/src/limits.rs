//! SQS's quotas.
//!
//! Source: SQS Developer Guide, "Amazon SQS message quotas", "Amazon SQS FIFO queue and message quotas", "Amazon SQS
//! policy quotas".

use std::time::Duration;

/// Characters of a queue's name, with `.fifo`.
pub const QUEUE_NAME_CHARACTERS_MAX: usize = 80;
/// Bytes of a message with its attributes, and of the messages of a batch together.
pub const MESSAGE_BYTES_MAX: u64 = 1_048_576;
/// Least value of `MaximumMessageSize`.
pub const MESSAGE_BYTES_LIMIT_MIN: u64 = 1024;
/// Attributes of a message.
pub const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// Bytes of an attribute's name, and of its type; they must be shorter.
pub const ATTRIBUTE_NAME_BYTES: usize = 256;
/// Characters of a group's or a deduplication's id, and of a receive request's attempt.
pub const ID_CHARACTERS_MAX: usize = 128;
/// Entries of a batch, and messages of one receive.
pub const BATCH_ENTRIES_MAX: usize = 10;
/// Characters of a batch entry's id.
pub const ENTRY_ID_CHARACTERS_MAX: usize = 80;
/// Seconds that a message is invisible at most, and in all.
pub const VISIBILITY_SECONDS_MAX: u64 = 43_200;
/// Seconds that a message is delayed at most.
pub const DELAY_SECONDS_MAX: u64 = 900;
/// Seconds that a receive waits at most.
pub const WAIT_SECONDS_MAX: u64 = 20;
/// Least number of seconds that messages are kept.
pub const RETENTION_SECONDS_MIN: u64 = 60;
/// Greatest number of seconds that messages are kept.
pub const RETENTION_SECONDS_MAX: u64 = 1_209_600;
/// Messages in flight of a standard queue.
pub const IN_FLIGHT_MAX_STANDARD: usize = 120_000;
/// Messages in flight of a FIFO queue.
pub const IN_FLIGHT_MAX_FIFO: usize = 120_000;
/// How long a FIFO queue knows the messages that it was sent, and a call of another service is known again.
pub const DEDUPLICATION_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// How long the name of a deleted queue cannot be used.
pub const DELETED_NAME_INTERVAL: Duration = Duration::from_secs(60);
/// How long a queue cannot be purged again.
pub const PURGE_INTERVAL: Duration = Duration::from_secs(60);
/// Greatest `maxReceiveCount` of a redrive policy.
pub const RECEIVE_COUNT_MAX: u64 = 1000;
/// Source queues that a redrive allow policy names.
pub const SOURCE_QUEUES_MAX: usize = 10;
/// Tags of a queue.
pub const TAGS_MAX: usize = 50;
/// Queues of one page of a list.
pub const PAGE_MAX: usize = 1000;
/// Accounts that a policy of AddPermission's making names in one statement; actions likewise.
pub const PERMISSION_ACTIONS_MAX: usize = 7;
/// Statements that AddPermission adds to a policy.
pub const PERMISSION_STATEMENTS_MAX: usize = 20;
/// Messages that a task moves in a second.
pub const MOVED_PER_SECOND_MAX: u64 = 500;
/// Tasks of a queue that are remembered.
pub const MOVE_TASKS_KEPT: usize = 10;
/// How many calls of other services a queue remembers, so that one that is made again is not served again.
pub const REMEMBERED_CALLS_MAX: usize = 65_536;
