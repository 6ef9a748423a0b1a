//! Where engines listen.

use std::path::{Path, PathBuf};

/// Sockets that may be an engine's, the most wanted first.
///
/// `docker_host` is `DOCKER_HOST`; where it names a Unix socket nothing else is looked at. `runtime_directory` is
/// `XDG_RUNTIME_DIR`, where engines without root listen.
pub fn candidates(docker_host: Option<&str>, runtime_directory: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = docker_host.and_then(|host| host.strip_prefix("unix://")) {
        return vec![PathBuf::from(path)];
    }
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock"), PathBuf::from("/run/podman/podman.sock")];
    if let Some(directory) = runtime_directory {
        sockets.push(directory.join("docker.sock"));
        sockets.push(directory.join("podman/podman.sock"));
    }
    sockets
}
