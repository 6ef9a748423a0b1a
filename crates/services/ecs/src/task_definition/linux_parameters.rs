//! `linuxParameters`: capabilities that exist, and file systems in memory that can be made.

use crate::error::Error;
use crate::generated::types::{ContainerDefinition, Tmpfs};

/// The capabilities that can be added or dropped.
///
/// Source: API reference, `KernelCapabilities`.
const CAPABILITIES: [&str; 38] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "WAKE_ALARM",
];

/// Options of a `tmpfs` that are flags. ECS takes others too, which make something else than a file system in memory.
const FLAGS: [&str; 24] = [
    "defaults",
    "ro",
    "rw",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "sync",
    "async",
    "dirsync",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "private",
    "rprivate",
    "mand",
    "nomand",
];
/// Options of a `tmpfs` that have a number.
const NUMBERS: [&str; 5] = ["mode", "uid", "gid", "nr_inodes", "nr_blocks"];

/// Checks a container's `linuxParameters`.
///
/// # Errors
/// [`Error::Client`].
pub fn check(name: &str, container: &ContainerDefinition) -> Result<(), Error> {
    let Some(parameters) = &container.linux_parameters else { return Ok(()) };
    let capabilities = parameters.capabilities.iter();
    let mut capabilities = capabilities.flat_map(|one| one.add.iter().chain(&one.drop).flatten());
    if let Some(unknown) = capabilities.find(|one| !CAPABILITIES.contains(&one.as_str())) {
        return Err(Error::client(format!("Invalid capability '{unknown}' for container '{name}'.")));
    }
    if parameters.shared_memory_size.is_some_and(|size| size < 1) {
        return Err(Error::client(format!("Invalid 'sharedMemorySize' setting for container '{name}'.")));
    }
    parameters.tmpfs.iter().flatten().try_for_each(|mount| check_tmpfs(name, mount))
}

fn check_tmpfs(name: &str, mount: &Tmpfs) -> Result<(), Error> {
    let path = &mount.container_path;
    if !path.starts_with('/') || path.contains('\0') || path.split('/').any(|part| part == "..") {
        return Err(Error::client(format!("Invalid tmpfs path '{path}': it must be absolute.")));
    }
    if mount.size < 1 {
        return Err(Error::client(format!("Invalid 'tmpfs' size for container '{name}'.")));
    }
    match mount.mount_options.iter().flatten().find(|option| !is_option(option)) {
        Some(option) => Err(Error::unsupported(format!(
            "linuxParameters.tmpfs.mountOptions '{option}' of container '{name}'"
        ))),
        None => Ok(()),
    }
}

fn is_option(option: &str) -> bool {
    match option.split_once('=') {
        Some((name, number)) => {
            NUMBERS.contains(&name) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => FLAGS.contains(&option),
    }
}

/// A checked mount's options, as a driver takes them: without those that ask for nothing.
pub fn mount_options(mount: &Tmpfs) -> Vec<String> {
    let nothing = ["defaults", "private", "rprivate", "mand", "nomand"];
    let options = mount.mount_options.iter().flatten();
    options.filter(|option| !nothing.contains(&option.as_str())).cloned().collect()
}
