//! How many tasks the machine can run: what it has, what control groups leave of it, and what the operator says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

/// CPU units of one processor.
const UNITS: u64 = 1024;
const UNLIMITED: &str = "unlimited";

/// Processors for tasks: a number such as `2` or `0.5`, or `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Processors(Option<u64>);

/// Memory for tasks: MiB as a number, a number with `MiB` or `GiB` behind it, or `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Memory(Option<u64>);

/// How many tasks of a cluster or family may run at a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TaskLimit {
    kind: LimitKind,
    name: String,
    tasks: usize,
}

/// What a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// A cluster.
    Cluster,
    /// A family of task definitions.
    Family,
}

/// A number or a text, as configuration files have them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(u64),
    Fraction(f64),
    Text(String),
}

impl Processors {
    /// As many as are asked for.
    pub const UNLIMITED: Self = Self(None);

    /// CPU units; `None`: unlimited.
    pub fn units(self) -> Option<u64> {
        self.0
    }
}

impl Memory {
    /// As much as is asked for.
    pub const UNLIMITED: Self = Self(None);

    /// MiB; `None`: unlimited.
    pub fn mib(self) -> Option<u64> {
        self.0
    }
}

impl FromStr for Processors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == UNLIMITED {
            return Ok(Self(None));
        }
        let wrong = || format!("{text:?} is no number of processors, such as 2 or 0.5, nor {UNLIMITED}");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        // Thousandths are as fine as CPU units are.
        let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
        let thousandths: u64 = digits.parse().map_err(|_| wrong())?;
        let units = whole.checked_mul(UNITS).and_then(|units| units.checked_add(thousandths * UNITS / 1000));
        units.filter(|units| *units > 0).map(|units| Self(Some(units))).ok_or_else(wrong)
    }
}

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == UNLIMITED {
            return Ok(Self(None));
        }
        let wrong = || format!("{text:?} is no size of memory, such as 4096 (MiB) or 4GiB, nor {UNLIMITED}");
        let (number, factor) = match (text.strip_suffix("GiB"), text.strip_suffix("MiB")) {
            (Some(number), _) => (number, 1024),
            (_, Some(number)) => (number, 1),
            _ => (text, 1),
        };
        let mib = number.trim_end().parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        mib.filter(|mib| *mib > 0).map(|mib| Self(Some(mib))).ok_or_else(wrong)
    }
}

impl FromStr for TaskLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no limit, such as cluster/NAME=4 or family/NAME=1");
        let (subject, tasks) = text.rsplit_once('=').ok_or_else(wrong)?;
        let (kind, name) = subject.split_once('/').ok_or_else(wrong)?;
        let kind = match kind {
            "cluster" => LimitKind::Cluster,
            "family" => LimitKind::Family,
            _ => return Err(wrong()),
        };
        let tasks: usize = tasks.parse().map_err(|_| wrong())?;
        match name.is_empty() || tasks == 0 {
            true => Err(wrong()),
            false => Ok(Self { kind, name: name.to_owned(), tasks }),
        }
    }
}

impl Written {
    fn text(self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Fraction(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

impl TryFrom<Written> for Processors {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        written.text().parse()
    }
}

impl TryFrom<Written> for Memory {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        written.text().parse()
    }
}

impl TryFrom<String> for TaskLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The limits of one kind, by name. Of two for the same name, the last one counts.
pub fn limits(all: &[TaskLimit], kind: LimitKind) -> BTreeMap<String, usize> {
    let of_kind = all.iter().filter(|limit| limit.kind == kind);
    of_kind.map(|limit| (limit.name.clone(), limit.tasks)).collect()
}

/// CPU units of the processors that this process may use, by its affinity and its control group.
pub fn machine_cpu_units() -> Option<u64> {
    let processors = std::thread::available_parallelism().ok()?;
    Some(processors.get() as u64 * UNITS)
}

/// MiB that this machine has, or its control group if that has less.
pub fn machine_memory_mib() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_kib(&text))? / 1024;
    let group = memory_limits().into_iter().map(|bytes| bytes >> 20).min();
    Some(group.map_or(machine, |group| group.min(machine)).max(1))
}

fn total_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

/// The limits of this process's control group and of those around it, in bytes.
fn memory_limits() -> Vec<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let folders = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let path = path.trim_start_matches('/');
        match controllers {
            "" => Some((PathBuf::from("/sys/fs/cgroup"), path, "memory.max")),
            "memory" => Some((PathBuf::from("/sys/fs/cgroup/memory"), path, "memory.limit_in_bytes")),
            _ => None,
        }
    });
    folders.flat_map(|(root, path, file)| limits_up_to(&root, &root.join(path), file)).collect()
}

fn limits_up_to(root: &Path, folder: &Path, file: &str) -> Vec<u64> {
    let folders = folder.ancestors().take_while(|folder| folder.starts_with(root));
    // "max" is none, and what control groups of version 1 write for none is more than any machine has.
    folders.filter_map(|folder| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let units = |text: &str| text.parse::<Processors>().map(Processors::units);
        assert_eq!((units("2"), units("0.5"), units("unlimited")), (Ok(Some(2048)), Ok(Some(512)), Ok(None)));
        let mib = |text: &str| text.parse::<Memory>().map(Memory::mib);
        assert_eq!((mib("512"), mib("4GiB"), mib("8 MiB")), (Ok(Some(512)), Ok(Some(4096)), Ok(Some(8))));
        assert_eq!(mib("unlimited"), Ok(None));
        for text in ["", "0", "-1", "two", "1.x", ".", "99999999999999999999"] {
            assert!(units(text).is_err() && mib(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_read() {
        let given: Vec<TaskLimit> =
            ["cluster/batch=4", "family/job=1", "family/job=2"].map(|text| text.parse().unwrap()).into();
        assert_eq!(limits(&given, LimitKind::Cluster), BTreeMap::from([("batch".to_owned(), 4)]));
        assert_eq!(limits(&given, LimitKind::Family), BTreeMap::from([("job".to_owned(), 2)]));
        for text in ["", "batch=4", "service/x=1", "cluster/=1", "cluster/x", "cluster/x=0", "cluster/x=many"]
        {
            assert!(text.parse::<TaskLimit>().is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_has_some_of_both() {
        assert!(machine_cpu_units().is_some_and(|units| units >= UNITS));
        assert!(machine_memory_mib().is_some_and(|mib| mib > 16));
        assert_eq!(total_kib("MemTotal:        8048576 kB\nMemFree: 1 kB\n"), Some(8_048_576));
    }
}
