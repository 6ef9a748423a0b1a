//! What the embedded driver needs of this machine, and whether it is there.

use std::fs;
use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::cgroup::Hierarchies;
use super::open_files;
use crate::doctor::Check;
use crate::driver::DriverKind;

/// Looks at everything. `data_directory` is created when missing.
pub fn check(data_directory: &Path) -> Vec<Check> {
    vec![
        root(),
        namespaces(),
        overlayfs(data_directory),
        control_groups(),
        system_calls(),
        open_files::check(),
    ]
}

fn check_of(name: &'static str, found: Result<String, String>, advice: &'static str) -> Check {
    let ok = found.is_ok();
    Check { driver: DriverKind::Embedded, name, ok, found: found.unwrap_or_else(|reason| reason), advice }
}

fn root() -> Check {
    let user = nix::unistd::geteuid();
    let found = if user.is_root() { Ok("yes".to_owned()) } else { Err(format!("user {user}")) };
    check_of("root", found, "run the server as root, or use Docker or Podman")
}

fn namespaces() -> Check {
    let missing: Vec<&str> = ["pid", "mnt", "net", "ipc", "uts"]
        .into_iter()
        .filter(|name| !Path::new("/proc/self/ns").join(name).exists())
        .collect();
    let found = if missing.is_empty() { Ok("all".to_owned()) } else { Err(format!("missing: {missing:?}")) };
    check_of("namespaces", found, "use a kernel with PID, mount, network, IPC and UTS namespaces")
}

/// Really mounts one: the file system below may not support it (overlayfs itself, NFS), whatever the kernel does.
fn overlayfs(data_directory: &Path) -> Check {
    let directory = data_directory.join("overlayfs-check");
    let tried = try_overlayfs(directory.clone());
    let _ = fs::remove_dir_all(&directory);
    let found = match tried {
        Ok(()) => Ok(format!("works in {}", data_directory.display())),
        Err(error) => Err(format!("{}: {error}", data_directory.display())),
    };
    check_of(
        "overlayfs",
        found,
        "load the kernel module `overlay`, and put the data directory on ext4, XFS or Btrfs (in a container: a volume)",
    )
}

fn try_overlayfs(directory: std::path::PathBuf) -> io::Result<()> {
    for name in ["lower", "upper", "work", "root"] {
        fs::create_dir_all(directory.join(name))?;
    }
    // A mount namespace belongs to a thread; the mount vanishes with this one.
    let attempt = std::thread::spawn(move || -> io::Result<()> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
        std::env::set_current_dir(&directory)?;
        let options = "lowerdir=lower,upperdir=upper,workdir=work";
        mount(Some("overlay"), "root", Some("overlay"), MsFlags::empty(), Some(options))?;
        fs::write("root/file", "written")
    });
    attempt.join().unwrap_or_else(|_| Err(io::Error::other("the attempt panicked")))
}

fn control_groups() -> Check {
    let found = Hierarchies::find().map_err(|error| error.to_string()).and_then(|hierarchies| {
        let missing: Vec<&str> =
            ["cpu", "memory", "pids"].into_iter().filter(|name| !hierarchies.has(name)).collect();
        if !missing.is_empty() {
            return Err(format!("missing controllers: {missing:?}"));
        }
        hierarchies.make_parent().map_err(|error| format!("not writable: {error}"))?;
        Ok(if hierarchies.unified { "version 2" } else { "version 1" }.to_owned())
    });
    check_of(
        "control groups",
        found,
        "mount the cpu, memory and pids controllers at /sys/fs/cgroup, writable (in a container: --privileged)",
    )
}

fn system_calls() -> Check {
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail");
    let found = match actions {
        Ok(actions) if actions.contains("errno") => Ok("seccomp filters".to_owned()),
        Ok(_) | Err(_) => Err("no seccomp filters".to_owned()),
    };
    check_of("system call filters", found, "use a kernel with CONFIG_SECCOMP_FILTER")
}
