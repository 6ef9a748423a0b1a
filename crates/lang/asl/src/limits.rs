//! AWS's quotas that the language itself enforces.

/// Bytes of UTF-8 in one input, output or task result: "Maximum input or output size for a task, state, or execution".
pub const PAYLOAD_BYTES: usize = 262_144;

/// Events in the history of one standard execution: "Maximum execution history size".
pub const HISTORY_EVENTS: u64 = 25_000;

/// An execution can be redriven while its history has fewer events: "The execution event history count is less than
/// 24,999".
pub const REDRIVABLE_EVENTS: u64 = 24_999;

/// Largest number of seconds in `Seconds`, `TimeoutSeconds`, `HeartbeatSeconds` and `IntervalSeconds`.
pub const SECONDS_MAX: u64 = 99_999_999;

/// Longest wait until a timestamp, in seconds: longer ones end with "Wait state delay is too long.".
pub const WAIT_SECONDS_MAX: u64 = 2_147_483_647;

/// `MaxDelaySeconds` of a retrier must be below this.
pub const MAX_DELAY_SECONDS: u64 = 31_622_400;

/// Unicode characters in the name of a state or a variable.
pub const NAME_CHARACTERS: usize = 80;

/// Calls inside calls of intrinsic functions.
pub const INTRINSIC_DEPTH: usize = 10;

/// Elements that `States.ArrayRange` makes at most.
pub const ARRAY_RANGE_ELEMENTS: i64 = 1_000;

/// Characters that `States.Base64Encode`, `States.Base64Decode` and `States.Hash` take.
pub const INTRINSIC_TEXT_CHARACTERS: usize = 10_000;

/// Bytes of all variables of an execution: "Maximum total size of all stored variables".
pub const VARIABLES_BYTES: usize = 10 * 1024 * 1024;

/// Seconds that an Express execution may run: "Maximum execution time" of Express workflows.
pub const EXPRESS_SECONDS: u64 = 300;

/// Seconds that a Standard execution may run, one year: "Maximum execution time" of Standard workflows.
pub const STANDARD_SECONDS: u64 = 31_536_000;

/// Iterations of an inline Map state that run side by side at most: "Inline mode supports up to 40 concurrent iterations".
pub const INLINE_MAP_CONCURRENCY: u64 = 40;

/// Items that an `ItemReader` reads at most: "Maximum number of items that a Distributed Map state can read".
pub const READER_ITEMS: u64 = 100_000_000;

/// Characters of a `Label`.
pub const LABEL_CHARACTERS: usize = 40;

/// Transitions in one step before the execution lets others run. Ours, not AWS's: an Express execution has no limit of
/// events, so that a loop of states that wait for nothing would never end a step.
pub const TRANSITIONS_PER_STEP: usize = 50_000;

/// Levels of nesting in a payload. Ours: deep enough for every real document, shallow enough for every stack.
pub const NESTING: usize = 127;

/// Levels that a JSONata expression may nest while it is evaluated: AWS gives up between 99 and 101.
pub const JSONATA_LEVELS: usize = 100;

/// Milliseconds after which a JSONata expression that does not end is given up (D1012). Ours: only here does a result depend
/// on a clock.
pub const JSONATA_MILLISECONDS: u64 = 500;

/// Bytes of memory that a JSONata expression may hold while it is evaluated. Ours.
pub const JSONATA_MEMORY_BYTES: usize = 256 * 1024 * 1024;

/// Elements in a sequence that a JSONata expression makes, and values in an argument of its functions. AWS gives up a range
/// of one more.
pub const JSONATA_SEQUENCE: usize = 873_782;

/// Bytes of text in an argument of a JSONata function, and in a text that one makes. AWS takes a text of 2^22 characters, and
/// none of 2^23: this is between them, eight bytes for each element of the longest sequence.
pub const JSONATA_TEXT: usize = 8 * JSONATA_SEQUENCE;

/// Levels of nesting in a value that a JSONata function searches to its depth. Ours.
pub const JSONATA_DEPTH: usize = 1_000;

/// Comparisons that one call of a JSONata function makes. Ours.
pub const JSONATA_WORK: usize = 100_000_000;

/// Bytes of one item in an object that an `ItemReader` reads, before `ItemSelector` makes it shorter: 8 MB.
pub const ITEM_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of the headers of a CSV file: "CSV headers are limited to 10 KiB".
pub const CSV_HEADER_BYTES: usize = 10 * 1024;
