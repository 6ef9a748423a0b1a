//! AWS's quotas of Step Functions that are not the language's own (`asl::limits`).
//!
//! Source: Step Functions Developer Guide, "Quotas"; API reference 2016-11-23.

use std::time::Duration;

/// Registered state machines in one account and region.
pub const STATE_MACHINES: usize = 100_000;

/// Versions of one state machine.
pub const VERSIONS: usize = 1_000;

/// Aliases of one state machine.
pub const ALIASES: usize = 100;

/// Activities in one account and region.
pub const ACTIVITIES: usize = 100_000;

/// Workers that wait for tasks of one activity at a time.
pub const ACTIVITY_POLLERS: usize = 1_000;

/// How long `GetActivityTask` waits for a task.
pub const ACTIVITY_POLL: Duration = Duration::from_secs(60);

/// Open executions in one account and region.
pub const OPEN_EXECUTIONS: usize = 1_000_000;

/// Bytes of UTF-8 in one execution input or task output.
pub const PAYLOAD_BYTES: usize = 262_144;

/// Unicode characters in the name of a state machine or an execution.
pub const NAME_CHARACTERS: usize = 80;

/// Tags of one resource.
pub const TAGS: usize = 50;

/// How long a closed execution is kept with its history, where nobody says otherwise.
pub const HISTORY_RETENTION: Duration = Duration::from_secs(90 * 86_400);

/// How long after its end an execution can be redriven.
pub const REDRIVABLE_PERIOD: Duration = Duration::from_secs(14 * 86_400);

/// Client tokens that are remembered of an execution's redrives: "the last 10 client tokens used".
pub const CLIENT_TOKENS: usize = 10;

/// How long a client token of a redrive is remembered: "valid for up to 15 minutes after they are first used".
pub const CLIENT_TOKEN_VALIDITY: Duration = Duration::from_secs(15 * 60);

/// The longest run of a standard execution: as long as that, and then as its history, a superseded revision is kept.
pub const LONGEST_RUN: Duration = Duration::from_secs(366 * 86_400);

/// Results on a page where the caller names no number, or 0.
pub const PAGE_DEFAULT: usize = 100;

/// Most diagnostics in one answer of `ValidateStateMachineDefinition`.
pub const DIAGNOSTICS: usize = 100;

/// Bytes of input and output together that a status change event carries; it leaves them out beyond.
pub const EVENT_PAYLOAD_BYTES: usize = 248 * 1024;

/// Entries of one `PutEvents` call.
pub const EVENT_ENTRIES: usize = 10;

/// Bytes of one `PutEvents` call.
pub const EVENT_BYTES: usize = 256 * 1024;

/// Events in one `PutLogEvents` call.
pub const LOG_EVENTS: usize = 10_000;

/// Bytes of one `PutLogEvents` call, 26 for each event included.
pub const LOG_BYTES: usize = 1_048_576;

/// Effects that are performed at a time. Ours: enough to keep the services busy.
pub const EFFECTS_AT_A_TIME: usize = 1024;

/// Effects of the executions of one state machine that are performed at a time. Ours: a machine whose services take long
/// leaves places to others.
pub const EFFECTS_OF_A_MACHINE: usize = 256;

/// Steps of executions that are on their way to the disk at a time, of those that time wakes, and of all others. Ours: a
/// transaction takes so many.
pub const STEPS_AT_A_TIME: usize = 2048;

/// Such steps of the executions of one state machine. Ours.
pub const STEPS_OF_A_MACHINE: usize = 1024;

/// Log entries, or status changes, that are delivered together.
pub const DELIVERED_TOGETHER: usize = 256;

/// Child executions of one Map Run that run side by side. Ours, where AWS has 10,000: each open execution is in memory.
pub const MAP_RUN_CONCURRENCY: usize = 1_000;

/// Starts of children of one Map Run that are on their way to the disk at a time. Ours.
pub const MAP_RUN_COMMITS: usize = 256;

/// Redrives of one Map Run.
pub const MAP_RUN_REDRIVES: u64 = 1_000;

/// Things that are over which are forgotten in one turn of the sweeper. Ours: others' writes share the disk with them.
pub const FORGOTTEN_AT_A_TIME: usize = 32;

/// Events that are deleted in one turn of the sweeper. Ours: some milliseconds of the store's time.
pub const FORGOTTEN_EVENTS: usize = 512;

/// How long the sweeper waits between two turns. Ours: it never has the disk for itself.
pub const SWEEP_PAUSE: Duration = Duration::from_millis(5);

/// How long the sweeper waits after a failure of the store. Ours.
pub const SWEEP_RETRY: Duration = Duration::from_secs(60);

/// Children of Map Runs that are read from the store at a time. Ours: what is read is in memory.
pub const ROWS_AT_A_TIME: usize = 256;
