//! Containers without a daemon: Linux namespaces, control groups and overlayfs, through libcontainer.
//!
//! Each container has a supervisor, which is this program executed again (see [`run_supervisor_if_requested`]); the
//! driver starts it and otherwise only reads files and sends signals, so it can be killed and made anew at any time.
//! Where the server runs as a systemd unit, `KillMode=process` keeps systemd from ending the supervisors with it.

mod bundle;
mod cgroup;
mod companion;
mod credentials;
mod driver;
mod exec;
mod executor;
mod log;
pub(crate) mod needs;
pub(crate) mod network;
mod open_files;
mod rootfs;
mod seccomp;
mod state;
mod supervisor;
mod syscalls;
mod unsafe_calls;
mod usage;
mod user;

use std::path::Path;

pub use driver::{EmbeddedConfig, EmbeddedDriver};

/// The first argument of a supervisor.
pub const SUPERVISOR_ARGUMENT: &str = "__shim";
/// The first argument of the process that runs one command in a container.
pub const COMPANION_ARGUMENT: &str = "__exec";

/// Asks for as many open files as this process may have, for a server. Containers get what it had before.
pub fn raise_open_files() {
    open_files::raise();
}

/// Becomes a container's supervisor, or a command's companion, if this process was started as one, and then does not
/// return.
///
/// Must be the first thing in `main`, before any thread is started.
pub fn run_supervisor_if_requested() {
    let mut arguments = std::env::args_os().skip(1);
    let role: fn(&Path) -> i32 = match arguments.next() {
        Some(first) if first == SUPERVISOR_ARGUMENT => supervise,
        Some(first) if first == COMPANION_ARGUMENT => accompany,
        _ => return,
    };
    let Some(directory) = arguments.next() else { std::process::exit(64) };
    std::process::exit(role(Path::new(&directory)));
}

fn supervise(directory: &Path) -> i32 {
    match supervisor::run(directory) {
        Ok(()) => 0,
        Err(error) => {
            let _ = std::fs::write(directory.join("supervisor.error"), error.to_string());
            1
        }
    }
}

/// The driver notices by itself that a companion is gone.
fn accompany(directory: &Path) -> i32 {
    i32::from(companion::run(directory).is_err())
}
