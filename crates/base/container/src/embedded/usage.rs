//! Reads what a control group has used, in the files of either version.

use std::fs;
use std::path::{Path, PathBuf};

use types::Timestamp;

use crate::stats::ContainerStats;

/// Version 1 counts the time of programs and kernel in hundredths of a second, whatever the kernel's own unit.
const TICK_NANOSECONDS: u64 = 10_000_000;
/// Version 1 has no word for "no limit": it shows the greatest number of whole pages.
const LIMIT_BYTES_MAX: u64 = 1 << 62;

/// What the group with these directories, one in each hierarchy, uses.
pub fn read(directories: impl Iterator<Item = PathBuf>, now: Timestamp) -> ContainerStats {
    let mut stats = ContainerStats { read_at: now, ..ContainerStats::default() };
    for directory in directories {
        read_processor(&directory, &mut stats);
        read_memory(&directory, &mut stats);
        read_devices(&directory, &mut stats);
        if let Some(pids) = number(&directory, "pids.current") {
            stats.pids = pids;
        }
    }
    stats
}

fn read_processor(directory: &Path, stats: &mut ContainerStats) {
    if let Some(used) = number(directory, "cpuacct.usage") {
        let parts = text(directory, "cpuacct.stat");
        let ticks = |name| field(&parts, name).unwrap_or_default().saturating_mul(TICK_NANOSECONDS);
        stats.cpu_nanoseconds = used;
        (stats.cpu_user_nanoseconds, stats.cpu_system_nanoseconds) = (ticks("user"), ticks("system"));
    }
    // Version 1 has a file of that name too, with other fields.
    let parts = text(directory, "cpu.stat");
    let nanoseconds = |name| field(&parts, name).map(|micros| micros.saturating_mul(1000));
    if let Some(used) = nanoseconds("usage_usec") {
        stats.cpu_nanoseconds = used;
        stats.cpu_user_nanoseconds = nanoseconds("user_usec").unwrap_or_default();
        stats.cpu_system_nanoseconds = nanoseconds("system_usec").unwrap_or_default();
    }
}

fn read_memory(directory: &Path, stats: &mut ContainerStats) {
    let first = |names: [&str; 2]| names.iter().find_map(|name| number(directory, name));
    let Some(used) = first(["memory.usage_in_bytes", "memory.current"]) else { return };
    let parts = text(directory, "memory.stat");
    stats.memory_bytes = used;
    stats.memory_inactive_file_bytes =
        field(&parts, "total_inactive_file").or_else(|| field(&parts, "inactive_file")).unwrap_or_default();
    // Kernels before 5.19 do not say it under version 2.
    stats.memory_bytes_max = first(["memory.max_usage_in_bytes", "memory.peak"]).unwrap_or(used);
    // "max", which is no number, is none.
    stats.memory_limit_bytes =
        first(["memory.limit_in_bytes", "memory.max"]).filter(|limit| *limit < LIMIT_BYTES_MAX);
}

fn read_devices(directory: &Path, stats: &mut ContainerStats) {
    // `8:0 Read 4096`, a line for each device and direction.
    for line in text(directory, "blkio.throttle.io_service_bytes").lines() {
        let mut words = line.split(' ').skip(1);
        let (direction, bytes) = (words.next(), words.next().and_then(|bytes| bytes.parse::<u64>().ok()));
        match (direction, bytes) {
            (Some("Read"), Some(bytes)) => stats.block_bytes_read += bytes,
            (Some("Write"), Some(bytes)) => stats.block_bytes_written += bytes,
            _ => {}
        }
    }
    // `8:0 rbytes=4096 wbytes=0 ...`, a line for each device.
    for word in text(directory, "io.stat").split_whitespace() {
        match word.split_once('=').map(|(name, bytes)| (name, bytes.parse::<u64>().unwrap_or_default())) {
            Some(("rbytes", bytes)) => stats.block_bytes_read += bytes,
            Some(("wbytes", bytes)) => stats.block_bytes_written += bytes,
            _ => {}
        }
    }
}

/// A file that may not be there.
fn text(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_default()
}

fn number(directory: &Path, name: &str) -> Option<u64> {
    text(directory, name).trim().parse().ok()
}

/// The number after a name, in lines of both.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        directory
    }

    #[test]
    fn reads_version_one() {
        let processor = group(&[
            ("cpuacct.usage", "1500000000\n"),
            ("cpuacct.stat", "user 100\nsystem 50\n"),
            ("cpu.stat", "nr_periods 0\n"),
        ]);
        let memory = group(&[
            ("memory.usage_in_bytes", "4096\n"),
            ("memory.max_usage_in_bytes", "8192\n"),
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.stat", "inactive_file 1\ntotal_inactive_file 2\n"),
        ]);
        let devices = group(&[(
            "blkio.throttle.io_service_bytes",
            "8:0 Read 7\n8:0 Write 5\n8:0 Total 12\nTotal 12\n",
        )]);
        let pids = group(&[("pids.current", "3\n")]);
        let all = [&processor, &memory, &devices, &pids].map(|one| one.path().to_owned());
        let expected = ContainerStats {
            read_at: Timestamp::from_seconds(1),
            cpu_nanoseconds: 1_500_000_000,
            cpu_user_nanoseconds: 1_000_000_000,
            cpu_system_nanoseconds: 500_000_000,
            memory_bytes: 4096,
            memory_inactive_file_bytes: 2,
            memory_bytes_max: 8192,
            memory_limit_bytes: None,
            pids: 3,
            block_bytes_read: 7,
            block_bytes_written: 5,
        };
        assert_eq!(read(all.into_iter(), Timestamp::from_seconds(1)), expected);
    }

    #[test]
    fn reads_version_two() {
        let group = group(&[
            ("cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n"),
            ("memory.current", "4096\n"),
            ("memory.max", "65536\n"),
            ("memory.stat", "anon 1\ninactive_file 2\n"),
            ("io.stat", "8:0 rbytes=7 wbytes=5 rios=1\n8:16 rbytes=1 wbytes=1\n"),
            ("pids.current", "3\n"),
        ]);
        let found = read(std::iter::once(group.path().to_owned()), Timestamp::default());
        assert_eq!((found.cpu_nanoseconds, found.cpu_user_nanoseconds), (1_500_000, 1_000_000));
        assert_eq!((found.memory_bytes, found.memory_bytes_max), (4096, 4096));
        assert_eq!((found.memory_limit_bytes, found.memory_inactive_file_bytes), (Some(65536), 2));
        assert_eq!((found.pids, found.block_bytes_read, found.block_bytes_written), (3, 8, 6));
    }
}
