//! What holds for each container of a task definition, and the defaults that it is completed with.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{
    health_check, linux_parameters, log_configuration, name_servers, restart_policy, system_controls,
};
use crate::error::Error;
use crate::generated::types::{ContainerDefinition, PortMapping, RegisterTaskDefinitionInput};
use crate::{environment_files, names, secrets};

/// Checks a container and completes it with defaults.
///
/// # Errors
/// [`Error::Client`] naming what is wrong.
pub fn parse(
    given: &ContainerDefinition,
    task: &RegisterTaskDefinitionInput,
) -> Result<ContainerDefinition, Error> {
    let name = check_name(given)?;
    if given.image.as_deref().is_none_or(str::is_empty) {
        return Err(Error::client("Container.image should not be null or empty."));
    }
    check_memory(name, given)?;
    check_environment(given)?;
    secrets::check(given, task)?;
    environment_files::check(given.environment_files.as_deref(), task.execution_role_arn.as_deref())?;
    check_limits(name, given)?;
    check_host_names(given, task.network_mode.as_deref())?;
    name_servers::check(name, given, task.network_mode.as_deref())?;
    system_controls::check(name, given, task)?;
    linux_parameters::check(name, given)?;
    restart_policy::check(name, given)?;
    log_configuration::check(given)?;
    let mut container = given.clone();
    container.cpu = Some(given.cpu.unwrap_or(0));
    container.essential = Some(given.essential.unwrap_or(true));
    container.port_mappings = Some(port_mappings(name, given, task.network_mode.as_deref())?);
    container.environment = Some(given.environment.clone().unwrap_or_default());
    container.mount_points = Some(given.mount_points.clone().unwrap_or_default());
    container.volumes_from = Some(given.volumes_from.clone().unwrap_or_default());
    container.health_check = health_check::parse(name, given)?;
    container.system_controls = Some(given.system_controls.clone().unwrap_or_default());
    Ok(container)
}

/// Checks what holds for the containers together: names that differ, and one that is essential.
///
/// # Errors
/// [`Error::Client`].
pub fn check_together(containers: &[ContainerDefinition]) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for container in containers {
        let name = container.name.as_deref().unwrap_or_default();
        if !names.insert(name) {
            return Err(Error::client(format!("Container names must be unique. Duplicate: {name}")));
        }
    }
    if !containers.iter().any(|container| container.essential == Some(true)) {
        return Err(Error::client(
            "Task definition does not have any essential containers. At least one container must be marked essential.",
        ));
    }
    Ok(())
}

fn check_name(container: &ContainerDefinition) -> Result<&str, Error> {
    match container.name.as_deref() {
        None | Some("") => Err(Error::client("Container.name should not be null or empty.")),
        Some(name) if !names::is_name(name) => {
            Err(Error::client("Container.name contains invalid characters."))
        }
        Some(name) => Ok(name),
    }
}

fn check_memory(name: &str, container: &ContainerDefinition) -> Result<(), Error> {
    let (hard, soft) = (container.memory, container.memory_reservation);
    if container.cpu.is_some_and(|cpu| cpu < 0) {
        return Err(Error::client(format!("Invalid 'cpu' setting for container '{name}'.")));
    }
    // Docker's own least limit.
    if hard.into_iter().chain(soft).any(|memory| memory < 6) {
        return Err(Error::client(format!(
            "Invalid setting for container '{name}'. 'memory' and 'memoryReservation' must be at least 6 MiB."
        )));
    }
    match (hard, soft) {
        (Some(hard), Some(soft)) if hard < soft => Err(Error::client(format!(
            "Invalid setting for container '{name}'. 'memory' must be greater than or equal to 'memoryReservation'."
        ))),
        _ => Ok(()),
    }
}

fn check_environment(container: &ContainerDefinition) -> Result<(), Error> {
    for variable in container.environment.iter().flatten() {
        if variable.name.as_deref().is_none_or(str::is_empty) {
            return Err(Error::client("Environment variable name should not be null or empty."));
        }
    }
    Ok(())
}

fn check_limits(name: &str, container: &ContainerDefinition) -> Result<(), Error> {
    for (field, seconds) in
        [("startTimeout", container.start_timeout), ("stopTimeout", container.stop_timeout)]
    {
        if seconds.is_some_and(|seconds| seconds < 0) {
            return Err(Error::client(format!("Invalid '{field}' setting for container '{name}'.")));
        }
    }
    for limit in container.ulimits.iter().flatten() {
        let unlimited = |limit: i64| if limit < 0 { i64::MAX } else { limit };
        if unlimited(limit.soft_limit) > unlimited(limit.hard_limit) {
            return Err(Error::client(format!(
                "Invalid ulimit '{}' for container '{name}': the soft limit is greater than the hard limit.",
                limit.name
            )));
        }
    }
    if let Some(directory) = container.working_directory.as_deref()
        && !directory.starts_with('/')
    {
        return Err(Error::client(format!(
            "Invalid 'workingDirectory' setting for container '{name}': it must be an absolute path."
        )));
    }
    Ok(())
}

/// Checks the names that a container has and knows. In `awsvpc` the network interface's are its own.
fn check_host_names(container: &ContainerDefinition, network_mode: Option<&str>) -> Result<(), Error> {
    let hosts = container.extra_hosts.as_deref().unwrap_or_default();
    match network_mode {
        Some("awsvpc") if container.hostname.is_some() => {
            return Err(Error::client("hostname is not supported on container when networkMode=awsvpc."));
        }
        Some("awsvpc") if !hosts.is_empty() => {
            return Err(Error::client("Extra hosts are not supported when networkMode=awsvpc."));
        }
        Some("host") if container.hostname.is_some() => {
            return Err(Error::client("hostname is not supported on container when networkMode=host."));
        }
        _ => {}
    }
    let is_host = |name: &str| {
        (1..=253).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    if container.hostname.as_deref().is_some_and(|name| !is_host(name)) {
        return Err(Error::client("Container.hostname contains invalid characters."));
    }
    match hosts.iter().find(|one| !is_host(&one.hostname) || one.ip_address.parse::<IpAddr>().is_err()) {
        Some(host) => {
            Err(Error::client(format!("Invalid extra host '{}:{}'.", host.hostname, host.ip_address)))
        }
        None => Ok(()),
    }
}

/// Port mappings with their protocol, and with `awsvpc` and `host` the host port that equals the container's.
fn port_mappings(
    name: &str,
    container: &ContainerDefinition,
    network_mode: Option<&str>,
) -> Result<Vec<PortMapping>, Error> {
    let same_port = matches!(network_mode, Some("awsvpc" | "host"));
    let mut mappings = Vec::new();
    for given in container.port_mappings.iter().flatten() {
        let mut mapping = given.clone();
        mapping.protocol = Some(given.protocol.clone().unwrap_or_else(|| "tcp".to_owned()));
        if let Some(port) = given.container_port {
            if !(1..=65535).contains(&port) {
                return Err(Error::client(format!("Invalid container port {port} for container '{name}'.")));
            }
            if same_port && given.host_port.is_some_and(|host| host != port && host != 0) {
                return Err(Error::client(
                    "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
                ));
            }
            mapping.host_port =
                Some(given.host_port.filter(|_| !same_port).unwrap_or(if same_port { port } else { 0 }));
        }
        mappings.push(mapping);
    }
    Ok(mappings)
}
