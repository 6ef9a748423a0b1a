//! Quotas of CloudFormation and bounds of our own.

/// Quota "Template body size in a request", in bytes.
pub const TEMPLATE_BODY_BYTES_MAX: usize = 51_200;

/// Quota "Stack name": at most so many characters.
pub const STACK_NAME_CHARACTERS_MAX: usize = 128;

/// How many entries a page of events or stacks has. AWS gives up to 1 MB of them; pages of 100 were seen.
pub const PAGE_ENTRIES: usize = 100;

/// How long an action that is not finished waits before it is looked at again, in milliseconds.
pub const STABILISE_MS: u64 = 1_000;

/// How often an unfinished action is looked at before it counts as `NotStabilized`: for ten minutes.
pub const STABILISE_TRIES_MAX: u32 = 600;

/// For how long a deleted stack can still be found by its ARN, in days.
pub const DELETED_STACK_DAYS: u64 = 90;
