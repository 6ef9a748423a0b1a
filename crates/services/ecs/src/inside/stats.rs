//! What containers use, as Docker writes it.
//!
//! Source: Docker Engine API v1.30, "Get container stats based on resource usage"; Amazon ECS Developer Guide, "Task metadata
//! v4 examples". Not here: what the drivers do not count (networks, single devices and processors).

use container::ContainerStats;
use serde_json::{Value, json};
use types::Timestamp;

use crate::task::{Container, Task};

/// A time that never was: when there was no reading before this one.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The document of one container: a reading, and the one that was answered before it.
pub fn document(
    task: &Task,
    container: &Container,
    stats: &ContainerStats,
    before: Option<&ContainerStats>,
    processors: u64,
) -> Value {
    let processor = |stats: &ContainerStats| processor(task, stats, processors);
    json!({
        "read": stats.read_at.to_iso_millis(),
        "preread": before.map_or_else(|| NEVER.to_owned(), |stats| stats.read_at.to_iso_millis()),
        "pids_stats": { "current": stats.pids },
        "blkio_stats": { "io_service_bytes_recursive": [
            { "major": 0, "minor": 0, "op": "Read", "value": stats.block_bytes_read },
            { "major": 0, "minor": 0, "op": "Write", "value": stats.block_bytes_written },
        ] },
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": processor(stats),
        "precpu_stats": before.map_or_else(processor_never, processor),
        "memory_stats": memory(stats),
        "name": format!("/{}", container.spec.name),
        "id": container.runtime_id,
    })
}

fn processor(task: &Task, stats: &ContainerStats, processors: u64) -> Value {
    json!({
        "cpu_usage": {
            "total_usage": stats.cpu_nanoseconds,
            "usage_in_kernelmode": stats.cpu_system_nanoseconds,
            "usage_in_usermode": stats.cpu_user_nanoseconds,
        },
        "system_cpu_usage": machine(task.timeline.created_at, stats.read_at, processors),
        "online_cpus": processors,
        "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
    })
}

/// Docker's zeros.
fn processor_never() -> Value {
    json!({
        "cpu_usage": { "total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0 },
        "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
    })
}

/// The time that all processors have had, idle or not, since the task began. What counts is the difference of two readings.
fn machine(began: Timestamp, read: Timestamp, processors: u64) -> u64 {
    let nanoseconds = u64::try_from(read.since(began).as_nanos()).unwrap_or(u64::MAX);
    nanoseconds.saturating_mul(processors)
}

fn memory(stats: &ContainerStats) -> Value {
    let mut memory = json!({
        "usage": stats.memory_bytes,
        "max_usage": stats.memory_bytes_max,
        "stats": {
            "inactive_file": stats.memory_inactive_file_bytes,
            "total_inactive_file": stats.memory_inactive_file_bytes,
        },
    });
    if let Some(limit) = stats.memory_limit_bytes {
        memory["limit"] = json!(limit);
    }
    memory
}
