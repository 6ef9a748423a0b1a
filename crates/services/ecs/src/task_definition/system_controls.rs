//! `systemControls`: kernel parameters of a container's own namespaces.

use crate::error::Error;
use crate::generated::types::{ContainerDefinition, RegisterTaskDefinitionInput, SystemControl};

/// Kernel parameters of inter-process communication, beside those that begin with `fs.mqueue.`.
const INTER_PROCESS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Checks that each is a parameter of a namespace that is not this machine's.
///
/// Source: ECS API Reference, "SystemControl". The words are ours.
///
/// # Errors
/// [`Error::Client`].
pub fn check(
    name: &str,
    container: &ContainerDefinition,
    task: &RegisterTaskDefinitionInput,
) -> Result<(), Error> {
    for SystemControl { namespace, value } in container.system_controls.iter().flatten() {
        let (Some(namespace), Some(value)) = (namespace.as_deref(), value.as_deref()) else {
            return Err(Error::client(format!(
                "Invalid 'systemControls' setting for container '{name}': namespace and value are required."
            )));
        };
        let refuse = |reason: &str| {
            Err(Error::client(format!(
                "Invalid 'systemControls' setting for container '{name}': {namespace} {reason}"
            )))
        };
        if value.is_empty() || value.contains(['\0', '\n']) {
            return refuse("has no valid value.");
        }
        match kind(namespace) {
            None => return refuse("is not a namespaced kernel parameter."),
            Some(Kind::Network) if task.network_mode.as_deref() == Some("host") => {
                return refuse("is not supported when networkMode=host.");
            }
            Some(Kind::InterProcess) if task.ipc_mode.as_deref() == Some("host") => {
                return refuse("is not supported when ipcMode=host.");
            }
            Some(Kind::Network | Kind::InterProcess) => {}
        }
    }
    Ok(())
}

enum Kind {
    Network,
    InterProcess,
}

fn kind(namespace: &str) -> Option<Kind> {
    let is_path = namespace.split(['.', '/']).all(|part| !part.is_empty())
        && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
    match namespace {
        _ if !is_path => None,
        _ if namespace.starts_with("net.") => Some(Kind::Network),
        _ if namespace.starts_with("fs.mqueue.") || INTER_PROCESS.contains(&namespace) => {
            Some(Kind::InterProcess)
        }
        _ => None,
    }
}
