//! Describes a container to libcontainer: the OCI runtime configuration, with Docker's defaults.

use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use serde_json::{Value, json};

use super::cgroup::Hierarchies;
use super::state::{ContainerDirectory, Plan};
use super::user::User;
use crate::driver::{Mount, ResourceLimit, Sharing};
use crate::network::NetworkMode;

/// Docker's default capabilities.
const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];
/// Docker's default masked paths: they show this machine rather than the container.
const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
/// Docker's default read-only paths.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
const SHARED_MEMORY_BYTES: u64 = 64 * 1024 * 1024;
/// The period that processor time is limited in, in microseconds: the kernel's and Docker's default.
const CPU_PERIOD: u64 = 100_000;
/// ECS CPU units in one processor.
const CPU_UNITS: u64 = 1024;

/// What the configuration depends on besides the plan.
pub struct Surroundings<'a> {
    /// The mounted root file system.
    pub root: &'a Path,
    /// The container's directory.
    pub directory: &'a ContainerDirectory,
    /// Who the process runs as.
    pub user: &'a User,
    /// This machine's control groups.
    pub hierarchies: &'a Hierarchies,
    /// The network namespace to join, for [`NetworkMode::Container`] and [`NetworkMode::Network`].
    pub network_namespace: Option<&'a Path>,
}

/// The contents of `config.json`.
///
/// # Errors
/// A sentence about what cannot be had.
pub fn configuration(plan: &Plan, surroundings: &Surroundings<'_>) -> Result<Value, String> {
    let user = surroundings.user;
    let capabilities = capabilities(plan, surroundings.hierarchies);
    // A user other than root gets none, but a set-user-ID program could get those of the bounding set.
    let effective = if user.uid == 0 { capabilities.clone() } else { Vec::new() };
    let mut configuration = json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": user.uid, "gid": user.gid, "additionalGids": user.groups },
            "args": plan.process.arguments,
            "env": [],
            "cwd": plan.process.working_directory,
            "capabilities": {
                "bounding": capabilities, "effective": effective, "permitted": effective,
                "inheritable": [], "ambient": [],
            },
            "rlimits": resource_limits(&plan.spec.resource_limits)?,
            "noNewPrivileges": true,
        },
        "root": { "path": surroundings.root, "readonly": plan.spec.read_only_root },
        "mounts": mounts(plan, surroundings),
        "linux": {
            "cgroupsPath": plan.cgroup,
            "namespaces": namespaces(plan, surroundings),
            "sysctl": plan.spec.system_controls,
            "resources": resources(plan, surroundings.hierarchies),
            "maskedPaths": masked_paths(plan, surroundings),
            "readonlyPaths": READ_ONLY,
        },
    });
    if plan.spec.network != NetworkMode::Host {
        configuration["hostname"] = json!(plan.hostname);
    }
    Ok(configuration)
}

/// The capabilities of the bounding set.
fn capabilities(plan: &Plan, hierarchies: &Hierarchies) -> Vec<String> {
    let full = |name: &String| {
        let upper = name.to_ascii_uppercase();
        if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") }
    };
    let dropped: Vec<String> = plan.spec.capabilities_drop.iter().map(full).collect();
    let added: Vec<String> = plan.spec.capabilities_add.iter().map(full).collect();
    let mut kept: Vec<String> = CAPABILITIES
        .iter()
        // Version 2 has no device controller without BPF: whoever can make nodes could open this machine's disks.
        .filter(|name| !(hierarchies.unified && **name == "CAP_MKNOD"))
        .map(|name| (*name).to_owned())
        .filter(|name| !dropped.contains(name) && !dropped.iter().any(|dropped| dropped == "CAP_ALL"))
        .collect();
    for name in added {
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}

fn namespaces(plan: &Plan, surroundings: &Surroundings<'_>) -> Vec<Value> {
    let mut namespaces = vec![json!({"type": "mount"})];
    for (kind, sharing) in [("pid", plan.spec.processes), ("ipc", plan.spec.inter_process)] {
        if sharing == Sharing::Own {
            namespaces.push(json!({ "type": kind }));
        }
    }
    // libcontainer sets the host name only in a UTS namespace; with the host's network the machine's name is kept.
    namespaces.push(json!({"type": "uts"}));
    if surroundings.hierarchies.unified {
        namespaces.push(json!({"type": "cgroup"}));
    }
    match (&plan.spec.network, surroundings.network_namespace) {
        (NetworkMode::Host, _) => {}
        (NetworkMode::Container(_) | NetworkMode::Network(_), Some(path)) => {
            namespaces.push(json!({"type": "network", "path": path}));
        }
        (NetworkMode::Private | NetworkMode::Container(_) | NetworkMode::Network(_), _) => {
            namespaces.push(json!({"type": "network"}));
        }
    }
    namespaces
}

fn mounts(plan: &Plan, surroundings: &Surroundings<'_>) -> Vec<Value> {
    let mount = |destination: &str, kind: &str, source: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": source, "options": options});
    let shared_memory = format!("size={}", plan.spec.shared_memory_bytes.unwrap_or(SHARED_MEMORY_BYTES));
    let devpts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", &devpts),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["ro", "nosuid", "noexec", "nodev"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &shared_memory]),
    ];
    for name in ["resolv.conf", "hosts", "hostname"] {
        let source = surroundings.directory.join("files").join(name);
        mounts.push(json!({
            "destination": format!("/etc/{name}"), "type": "bind", "source": source, "options": ["bind", "rw"],
        }));
    }
    for wanted in &plan.spec.mounts {
        mounts.push(match wanted {
            Mount::Bind { source, target, read_only } => {
                let access = if *read_only { "ro" } else { "rw" };
                json!({"destination": target, "type": "bind", "source": source, "options": ["rbind", "rprivate", access]})
            }
            Mount::Tmpfs { target, size_bytes, options } => {
                let size = format!("size={size_bytes}");
                let given = options.iter().map(String::as_str);
                let options: Vec<&str> = ["nosuid", "nodev", "noexec", &size].into_iter().chain(given).collect();
                mount(target, "tmpfs", "tmpfs", &options)
            }
        });
    }
    mounts
}

fn resources(plan: &Plan, hierarchies: &Hierarchies) -> Value {
    let spec = &plan.spec;
    let mut resources = json!({ "devices": [{ "allow": false, "access": "rwm" }] });
    let mut cpu = serde_json::Map::new();
    if let Some(units) = spec.cpu_units.filter(|units| *units > 0) {
        cpu.insert("shares".to_owned(), json!(units.clamp(2, 262_144)));
    }
    if let Some(units) = spec.cpu_limit_units.filter(|units| *units > 0) {
        // The kernel takes no quota below a millisecond.
        let quota = (u64::from(units) * CPU_PERIOD / CPU_UNITS).max(1000);
        cpu.insert("quota".to_owned(), json!(quota));
        cpu.insert("period".to_owned(), json!(CPU_PERIOD));
    }
    if !cpu.is_empty() {
        resources["cpu"] = Value::Object(cpu);
    }
    let mut memory = serde_json::Map::new();
    if let Some(bytes) = spec.memory_bytes {
        memory.insert("limit".to_owned(), json!(bytes));
        if swap_is_counted(hierarchies) {
            // Memory and swap together: no swapping, as on Fargate.
            memory.insert("swap".to_owned(), json!(bytes));
        }
    }
    if let Some(bytes) = spec.memory_reservation_bytes {
        memory.insert("reservation".to_owned(), json!(bytes));
    }
    if !memory.is_empty() {
        resources["memory"] = Value::Object(memory);
    }
    if let Some(limit) = spec.pids_limit {
        resources["pids"] = json!({ "limit": limit });
    }
    resources
}

fn swap_is_counted(hierarchies: &Hierarchies) -> bool {
    let swapping = std::fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() > 1);
    let version_one =
        hierarchies.mounts.iter().any(|(point, _)| point.join("memory.memsw.limit_in_bytes").exists());
    swapping && (hierarchies.unified || version_one)
}

fn masked_paths(plan: &Plan, surroundings: &Surroundings<'_>) -> Vec<String> {
    let mut paths: Vec<String> = MASKED.iter().map(|path| (*path).to_owned()).collect();
    if plan.layers.iter().any(|layer| layer == Path::new("/")) {
        // The image `host` shows this machine's files, but not ours: other containers, images, secrets.
        let ours = surroundings.directory.path().parent().and_then(Path::parent);
        paths.extend(ours.and_then(Path::to_str).map(str::to_owned));
    }
    paths
}

/// Limits within our own hard limits: raising them further takes a capability that we may not have.
fn resource_limits(wanted: &[ResourceLimit]) -> Result<Vec<Value>, String> {
    let mut limits = Vec::new();
    for limit in wanted {
        let (name, resource) =
            resource(&limit.name).ok_or_else(|| format!("invalid ulimit type: {}", limit.name))?;
        if limit.soft > limit.hard {
            return Err(format!(
                "ulimit soft limit must be less than or equal to hard limit: {} > {}",
                limit.soft, limit.hard
            ));
        }
        let (_, ours) = getrlimit(resource).map_err(|error| format!("getrlimit: {error}"))?;
        limits.push(json!({"type": name, "soft": limit.soft.min(ours), "hard": limit.hard.min(ours)}));
    }
    Ok(limits)
}

fn resource(name: &str) -> Option<(&'static str, Resource)> {
    Some(match name {
        "as" => ("RLIMIT_AS", Resource::RLIMIT_AS),
        "core" => ("RLIMIT_CORE", Resource::RLIMIT_CORE),
        "cpu" => ("RLIMIT_CPU", Resource::RLIMIT_CPU),
        "data" => ("RLIMIT_DATA", Resource::RLIMIT_DATA),
        "fsize" => ("RLIMIT_FSIZE", Resource::RLIMIT_FSIZE),
        "locks" => ("RLIMIT_LOCKS", Resource::RLIMIT_LOCKS),
        "memlock" => ("RLIMIT_MEMLOCK", Resource::RLIMIT_MEMLOCK),
        "msgqueue" => ("RLIMIT_MSGQUEUE", Resource::RLIMIT_MSGQUEUE),
        "nice" => ("RLIMIT_NICE", Resource::RLIMIT_NICE),
        "nofile" => ("RLIMIT_NOFILE", Resource::RLIMIT_NOFILE),
        "nproc" => ("RLIMIT_NPROC", Resource::RLIMIT_NPROC),
        "rss" => ("RLIMIT_RSS", Resource::RLIMIT_RSS),
        "rtprio" => ("RLIMIT_RTPRIO", Resource::RLIMIT_RTPRIO),
        "rttime" => ("RLIMIT_RTTIME", Resource::RLIMIT_RTTIME),
        "sigpending" => ("RLIMIT_SIGPENDING", Resource::RLIMIT_SIGPENDING),
        "stack" => ("RLIMIT_STACK", Resource::RLIMIT_STACK),
        _ => return None,
    })
}
