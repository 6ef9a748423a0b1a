//! Takes from a process what a container's processes do not have: capabilities and resources.
//!
//! libcontainer does the same for a container's first process; this is for those that join it later.

use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities,
};
use serde::Deserialize;

/// A limit as `config.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Limit {
    #[serde(rename = "type")]
    kind: String,
    soft: u64,
    hard: u64,
}

/// Sets the limits, and makes `capabilities` (full names) all that this process and its children can ever get.
///
/// # Errors
/// Where this process may not do that, or a name is none.
pub fn restrict(limits: &[Limit], capabilities: &[String]) -> Result<(), String> {
    for Limit { kind, soft, hard } in limits {
        let resource = resource(kind).ok_or_else(|| format!("invalid ulimit type: {kind}"))?;
        let unlimited = |value: u64| Some(value).filter(|value| *value != u64::MAX);
        let limit = Rlimit { current: unlimited(*soft), maximum: unlimited(*hard) };
        setrlimit(resource, limit).map_err(|error| format!("{kind}: {error}"))?;
    }
    let kept = set(capabilities)?;
    for bit in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        match remove_capability_from_bounding_set_unless(kept, one) {
            Ok(()) => {}
            // The kernel does not know so many.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(format!("capabilities: {error}")),
        }
    }
    Ok(())
}

fn remove_capability_from_bounding_set_unless(
    kept: CapabilitySet,
    one: CapabilitySet,
) -> rustix::io::Result<()> {
    if kept.contains(one) { Ok(()) } else { remove_capability_from_bounding_set(one) }
}

/// Leaves root with `capabilities` (full names), and another user with none.
///
/// # Errors
/// Those of the kernel.
pub fn take(capabilities: &[String], root: bool) -> Result<(), String> {
    let kept = if root { set(capabilities)? } else { CapabilitySet::empty() };
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    let taken = clear_ambient_capability_set().and_then(|()| set_capabilities(None, sets));
    taken.map_err(|error| format!("capabilities: {error}"))
}

fn set(names: &[String]) -> Result<CapabilitySet, String> {
    let mut set = CapabilitySet::empty();
    for name in names {
        let short = name.strip_prefix("CAP_").unwrap_or(name);
        set |= CapabilitySet::from_name(short).ok_or_else(|| format!("unknown capability: {name}"))?;
    }
    Ok(set)
}

fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "RLIMIT_AS" => Resource::As,
        "RLIMIT_CORE" => Resource::Core,
        "RLIMIT_CPU" => Resource::Cpu,
        "RLIMIT_DATA" => Resource::Data,
        "RLIMIT_FSIZE" => Resource::Fsize,
        "RLIMIT_LOCKS" => Resource::Locks,
        "RLIMIT_MEMLOCK" => Resource::Memlock,
        "RLIMIT_MSGQUEUE" => Resource::Msgqueue,
        "RLIMIT_NICE" => Resource::Nice,
        "RLIMIT_NOFILE" => Resource::Nofile,
        "RLIMIT_NPROC" => Resource::Nproc,
        "RLIMIT_RSS" => Resource::Rss,
        "RLIMIT_RTPRIO" => Resource::Rtprio,
        "RLIMIT_RTTIME" => Resource::Rttime,
        "RLIMIT_SIGPENDING" => Resource::Sigpending,
        "RLIMIT_STACK" => Resource::Stack,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_capability_by_its_name() {
        let names = ["CAP_CHOWN", "CAP_SYS_PTRACE", "CAP_AUDIT_WRITE", "CAP_CHECKPOINT_RESTORE"];
        let found = set(&names.map(str::to_owned)).unwrap();
        assert_eq!(found.bits(), 1 | 1 << 19 | 1 << 29 | 1 << 40);
        assert!(set(&["CAP_NONE".to_owned()]).is_err());
    }
}
