//! Control groups: where they are mounted, what they counted, and how they are removed.
//!
//! libcontainer makes them and sets their limits. Version 1 has a hierarchy per controller, version 2 one for all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The group that all containers' groups are in.
pub const PARENT: &str = "/runwright";
/// How long a group may stay busy after its last process ended.
const REMOVAL_TIME_MAX: Duration = Duration::from_secs(1);

/// The hierarchies of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchies {
    /// Version 2 only: nothing of version 1 is mounted.
    pub unified: bool,
    /// Where each hierarchy is mounted, with its controllers where it is one of version 1.
    pub mounts: Vec<(PathBuf, Vec<String>)>,
}

impl Hierarchies {
    /// Reads what is mounted.
    ///
    /// # Errors
    /// When `/proc` is not readable.
    pub fn find() -> io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string("/proc/self/mountinfo")?))
    }

    /// Reads `/proc/self/mountinfo`.
    pub fn parse(mountinfo: &str) -> Self {
        let mut mounts = Vec::new();
        let mut unified = true;
        for line in mountinfo.lines() {
            let Some((before, after)) = line.split_once(" - ") else { continue };
            let Some(point) = before.split(' ').nth(4) else { continue };
            let mut fields = after.split(' ');
            let kind = fields.next().unwrap_or_default();
            if kind == "cgroup" {
                unified = false;
                let options = fields.nth(1).unwrap_or_default();
                mounts.push((PathBuf::from(point), options.split(',').map(str::to_owned).collect()));
            } else if kind == "cgroup2" {
                mounts.push((PathBuf::from(point), Vec::new()));
            }
        }
        Self { unified, mounts }
    }

    /// Whether a controller can limit containers here.
    pub fn has(&self, controller: &str) -> bool {
        if !self.unified {
            return self
                .mounts
                .iter()
                .any(|(_, controllers)| controllers.iter().any(|known| known == controller));
        }
        let available = self.mounts.first().map(|(point, _)| point.join("cgroup.controllers"));
        let available = available.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        available.split_whitespace().any(|known| known == controller)
    }

    /// Makes the group that all containers' groups are in, to see whether we may.
    ///
    /// # Errors
    /// The first hierarchy's that refuses.
    pub fn make_parent(&self) -> io::Result<()> {
        for (point, controllers) in &self.mounts {
            if self.unified || !controllers.is_empty() {
                fs::create_dir_all(join(point, PARENT))?;
            }
        }
        Ok(())
    }

    /// Moves this process into the group.
    ///
    /// Under version 2 a container may have made groups of its own in it, and then the group itself takes no processes:
    /// `own` says, as `/proc/PID/cgroup` does, in which of them the container's process is, and this one goes there too.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn join(&self, group: &str, own: &str) -> io::Result<()> {
        let inner = own.lines().find_map(|line| line.strip_prefix("0::"));
        for (point, _) in &self.mounts {
            let enter = |group: &str| fs::write(join(point, group).join("cgroup.procs"), "0");
            match (enter(group), inner) {
                // Not every hierarchy has one of its groups.
                (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {}
                (Err(error), Some(inner)) if error.kind() == io::ErrorKind::ResourceBusy => enter(inner)?,
                (entered, _) => entered?,
            }
        }
        Ok(())
    }

    /// The directories of the group, one in each hierarchy that has it.
    pub fn directories(&self, group: &str) -> impl Iterator<Item = PathBuf> {
        self.mounts.iter().map(|(point, _)| join(point, group)).filter(|path| path.is_dir())
    }

    /// How many processes of the group the kernel killed for lack of memory.
    pub fn oom_kills(&self, group: &str) -> u64 {
        let paths = self.mounts.iter().map(|(point, _)| join(point, group));
        let counts =
            paths.flat_map(|path| ["memory.oom_control", "memory.events"].map(|file| path.join(file)));
        counts.filter_map(|file| fs::read_to_string(file).ok()).map(|text| oom_kills(&text)).sum()
    }

    /// Kills whatever is left in the group.
    ///
    /// Only for what a dead supervisor left behind: the living one ends its container by ending process 1.
    pub fn kill(&self, group: &str) {
        for (point, _) in &self.mounts {
            let path = join(point, group).join("cgroup.procs");
            for pid in
                fs::read_to_string(path).unwrap_or_default().lines().filter_map(|line| line.parse().ok())
            {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
            }
        }
    }

    /// Removes the group from every hierarchy. Its last process may take a moment to leave it.
    ///
    /// # Errors
    /// The first hierarchy's that would not let go of it within a second.
    pub fn remove(&self, group: &str) -> io::Result<()> {
        for (point, _) in &self.mounts {
            remove(&join(point, group))?;
        }
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let deadline = Instant::now() + REMOVAL_TIME_MAX;
    loop {
        match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                // A container may have made groups of its own in its group.
                remove_children(path)?;
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

fn remove_children(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn join(point: &Path, group: &str) -> PathBuf {
    point.join(group.trim_start_matches('/'))
}

fn oom_kills(text: &str) -> u64 {
    let lines = text.lines().filter_map(|line| line.strip_prefix("oom_kill "));
    lines.filter_map(|count| count.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_versions() {
        let hybrid = "34 25 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      35 25 0:30 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw\n";
        let found = Hierarchies::parse(hybrid);
        assert!(!found.unified && found.has("memory") && !found.has("pids"));
        assert_eq!(found.mounts.len(), 2);
        assert!(Hierarchies::parse("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n").unified);
    }

    #[test]
    fn counts_kills() {
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3);
        assert_eq!(oom_kills("low 0\noom 2\noom_kill 2\noom_group_kill 0\n"), 2);
    }
}
