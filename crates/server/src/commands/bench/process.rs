//! What a process has used so far, and what its disk was asked for, as Linux tells it. Elsewhere nothing is known.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `/proc` counts time in, on every architecture that this is built for (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// What is known of a server at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU time of all its threads, in user mode and in the kernel.
    pub cpu: Duration,
    /// Resident memory, bytes.
    pub resident: u64,
}

/// What process `pid` has used; `None` where it is gone or nothing is known.
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(Usage { cpu: cpu(&stat)?, resident: resident(&status)? })
}

/// Fields 14 and 15 of `/proc/PID/stat`. The second field is a name in parentheses that may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 1000 / TICKS_PER_SECOND))
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The block device under a file system: how often it was told to flush its cache, which is what a sync comes to.
///
/// The count is the whole device's, by whomever. Syncs that are under way together may share a flush.
#[derive(Clone, Debug)]
pub struct Device(PathBuf);

impl Device {
    /// The device that `path` is on; `None` where there is none, as for a file system in memory.
    #[cfg(target_os = "linux")]
    pub fn under(path: &Path) -> Option<Self> {
        use std::os::linux::fs::MetadataExt as _;
        let number = fs::metadata(path).ok()?.st_dev();
        // As glibc's `major` and `minor` have it.
        let major = ((number >> 32) & 0xffff_f000) | ((number >> 8) & 0xfff);
        let minor = ((number >> 12) & 0xffff_ff00) | (number & 0xff);
        let device = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
        // Flushes are counted for the disk, not for its partitions.
        let disk = if device.join("partition").exists() { device.parent()?.to_owned() } else { device };
        let device = Self(disk.join("stat"));
        device.flushes().is_some().then_some(device)
    }

    /// Nothing is known.
    #[cfg(not(target_os = "linux"))]
    pub fn under(_: &Path) -> Option<Self> {
        None
    }

    /// Flushes since the machine started.
    pub fn flushes(&self) -> Option<u64> {
        // Field 16 of `stat`, since Linux 5.5.
        fs::read_to_string(&self.0).ok()?.split_whitespace().nth(15)?.parse().ok()
    }
}

/// How loaded the machine is: the averages of 1, 5 and 15 minutes.
pub fn load_average() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_read() {
        let stat = "4711 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 9 0 100";
        assert_eq!(cpu(stat), Some(Duration::from_millis(1750)));
        assert_eq!(resident("VmPeak:\t  9 kB\nVmRSS:\t   1024 kB\n"), Some(1 << 20));
        assert_eq!(cpu("4711 (x) S"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_memory() {
        assert!(usage(std::process::id()).unwrap().resident > 0);
    }
}
