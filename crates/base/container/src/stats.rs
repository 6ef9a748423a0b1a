//! What a running container uses: the noun of [`crate::Driver::stats`].

use types::Timestamp;

/// What a container has used, and uses, at one time. What the machine does not count is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerStats {
    /// When it was read.
    pub read_at: Timestamp,
    /// Processor time since the start, in nanoseconds.
    pub cpu_nanoseconds: u64,
    /// The part of it that its programs took, in nanoseconds.
    pub cpu_user_nanoseconds: u64,
    /// The part of it that the kernel took for them, in nanoseconds.
    pub cpu_system_nanoseconds: u64,
    /// Memory now, cached files included, in bytes.
    pub memory_bytes: u64,
    /// The part of it that caches files which nobody has used lately, in bytes: freed when memory is short.
    pub memory_inactive_file_bytes: u64,
    /// The most that it ever was, in bytes.
    pub memory_bytes_max: u64,
    /// The limit in bytes, where there is one.
    pub memory_limit_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: u64,
    /// Bytes read from block devices.
    pub block_bytes_read: u64,
    /// Bytes written to block devices.
    pub block_bytes_written: u64,
}
