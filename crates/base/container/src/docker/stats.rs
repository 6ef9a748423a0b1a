//! What a container uses, from the engine's statistics.

use bollard::models::ContainerStatsResponse;
use types::Timestamp;

use crate::stats::ContainerStats;

/// The engine shows this machine's memory, or the greatest number of whole pages, where there is no limit.
const LIMIT_BYTES_MAX: u64 = 1 << 62;

/// The engine's statistics in our words; `limited` says whether the container has a memory limit at all.
pub fn stats(found: ContainerStatsResponse, limited: bool, now: Timestamp) -> ContainerStats {
    let processor = found.cpu_stats.and_then(|stats| stats.cpu_usage).unwrap_or_default();
    let memory = found.memory_stats.unwrap_or_default();
    let used = memory.usage.unwrap_or_default();
    let parts = memory.stats.unwrap_or_default();
    let inactive = parts.get("total_inactive_file").or_else(|| parts.get("inactive_file"));
    let devices = found.blkio_stats.and_then(|stats| stats.io_service_bytes_recursive).unwrap_or_default();
    let bytes = |direction: &str| {
        let entries = devices.iter().filter(|entry| {
            entry.op.as_deref().is_some_and(|operation| operation.eq_ignore_ascii_case(direction))
        });
        entries.filter_map(|entry| entry.value).sum()
    };
    ContainerStats {
        read_at: now,
        cpu_nanoseconds: processor.total_usage.unwrap_or_default(),
        cpu_user_nanoseconds: processor.usage_in_usermode.unwrap_or_default(),
        cpu_system_nanoseconds: processor.usage_in_kernelmode.unwrap_or_default(),
        memory_bytes: used,
        memory_inactive_file_bytes: inactive.copied().unwrap_or_default(),
        memory_bytes_max: memory.max_usage.unwrap_or(used),
        memory_limit_bytes: memory.limit.filter(|limit| limited && *limit < LIMIT_BYTES_MAX),
        pids: found.pids_stats.and_then(|stats| stats.current).unwrap_or_default(),
        block_bytes_read: bytes("read"),
        block_bytes_written: bytes("write"),
    }
}
