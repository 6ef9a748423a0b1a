//! Containers without a daemon: Linux namespaces, control groups and overlayfs, through libcontainer.
//!
//! Each container has a supervisor, which is this program executed again (see [`run_supervisor_if_requested`]); the
//! driver starts it and otherwise only reads files and sends signals, so it can be killed and made anew at any time.
//! Where the server runs as a systemd unit, `KillMode=process` keeps systemd from ending the supervisors with it.

mod bundle;
mod cgroup;
mod driver;
mod executor;
mod log;
pub(crate) mod needs;
pub(crate) mod network;
mod rootfs;
mod seccomp;
mod state;
mod supervisor;
mod syscalls;
mod unsafe_calls;
mod user;

use std::path::Path;

pub use driver::{EmbeddedConfig, EmbeddedDriver};

/// The first argument of a supervisor.
pub const SUPERVISOR_ARGUMENT: &str = "__shim";

/// Becomes a container's supervisor if this process was started as one, and then does not return.
///
/// Must be the first thing in `main`, before any thread is started.
pub fn run_supervisor_if_requested() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != SUPERVISOR_ARGUMENT) {
        return;
    }
    let Some(directory) = arguments.next() else { std::process::exit(64) };
    let code = match supervisor::run(Path::new(&directory)) {
        Ok(()) => 0,
        Err(error) => {
            let _ = std::fs::write(Path::new(&directory).join("supervisor.error"), error.to_string());
            1
        }
    };
    std::process::exit(code);
}
