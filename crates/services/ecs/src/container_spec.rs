//! From a container of a task definition to what a container engine is told to run.

use std::collections::BTreeMap;

use container::{ContainerSpec, HostEntry, Mount, NetworkMode, ResourceLimit, Sharing};

use crate::generated::types::{ContainerDefinition, LinuxParameters};
use crate::task::LaunchType;
use crate::task_definition::{linux_parameters, log_configuration};
use crate::volumes::TaskVolumes;

/// The label that says which task a container is of.
pub const TASK_ARN_LABEL: &str = "com.amazonaws.ecs.task-arn";

const MIB: u64 = 1024 * 1024;

/// The task around a container, as far as the container's surroundings depend on it.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// The task's id.
    pub task_id: &'a str,
    /// The task's ARN.
    pub task_arn: &'a str,
    /// The cluster's name.
    pub cluster: &'a str,
    /// The task's region.
    pub region: &'a str,
    /// The family and the revision of the task definition.
    pub definition: (&'a str, i64),
    /// The launch type.
    pub launch_type: LaunchType,
    /// The network mode of the task definition.
    pub network_mode: Option<&'a str>,
    /// The processes that the task definition shares.
    pub pid_mode: Option<&'a str>,
    /// The inter-process communication that it shares.
    pub ipc_mode: Option<&'a str>,
    /// CPU units of the whole task.
    pub cpu: Option<i64>,
    /// MiB of the whole task.
    pub memory: Option<i64>,
    /// The task's volumes.
    pub volumes: TaskVolumes<'a>,
}

/// What to run for `container`, the `place`th of its task. Overrides have been applied.
pub fn build(container: &ContainerDefinition, place: usize, task: &Surroundings<'_>) -> ContainerSpec {
    let default = LinuxParameters::default();
    let linux = container.linux_parameters.as_ref().unwrap_or(&default);
    let capabilities = linux.capabilities.clone().unwrap_or_default();
    ContainerSpec {
        name: engine_name(task.task_id, place, container.name.as_deref().unwrap_or_default()),
        image: container.image.clone().unwrap_or_default(),
        entry_point: filled(container.entry_point.as_ref()),
        command: filled(container.command.as_ref()),
        environment: environment(container, task),
        working_directory: container.working_directory.clone(),
        user: container.user.clone(),
        cpu_units: container.cpu.filter(|cpu| *cpu > 0).and_then(|cpu| u32::try_from(cpu).ok()),
        cpu_limit_units: task.cpu.and_then(|cpu| u32::try_from(cpu).ok()),
        memory_bytes: container.memory.or(task.memory).map(mib),
        memory_reservation_bytes: container.memory_reservation.map(mib),
        shared_memory_bytes: linux.shared_memory_size.map(mib),
        read_only_root: container.readonly_root_filesystem.unwrap_or(false),
        init: linux.init_process_enabled.unwrap_or(false),
        capabilities_add: capabilities.add.unwrap_or_default(),
        capabilities_drop: capabilities.drop.unwrap_or_default(),
        resource_limits: resource_limits(container, task.launch_type),
        mounts: mounts(container, linux, task),
        network: network(container, task),
        extra_hosts: container
            .extra_hosts
            .iter()
            .flatten()
            .map(|host| HostEntry { hostname: host.hostname.clone(), ip_address: host.ip_address.clone() })
            .collect(),
        dns_servers: container.dns_servers.iter().flatten().filter_map(|one| one.parse().ok()).collect(),
        dns_search_domains: container.dns_search_domains.clone().unwrap_or_default(),
        system_controls: system_controls(container),
        processes: sharing(task.pid_mode),
        inter_process: sharing(task.ipc_mode),
        open_input: container.interactive.unwrap_or(false),
        hostname: container.hostname.clone(),
        labels: labels(container, task),
        log_buffer: log_configuration::buffer(container),
        ..ContainerSpec::default()
    }
}

/// The name by which the engine knows a container: the same for each attempt to start it.
///
/// The place makes it unique where the container's name has to be cut.
fn engine_name(task_id: &str, place: usize, name: &str) -> String {
    let cut: String = name.chars().take(64).collect();
    format!("{task_id}-{place}-{cut}")
}

/// Variables that every container has, before those of its definition.
const OUR_VARIABLES: usize = 3;

/// A specification's variables with those of its files: they win over ours, and lose to the definition's own.
pub fn with_files(
    mut environment: Vec<(String, String)>,
    files: Vec<(String, String)>,
) -> Vec<(String, String)> {
    let at = OUR_VARIABLES.min(environment.len());
    environment.splice(at..at, files);
    environment
}

fn environment(container: &ContainerDefinition, task: &Surroundings<'_>) -> Vec<(String, String)> {
    let execution_environment = match task.launch_type {
        LaunchType::Fargate => "AWS_ECS_FARGATE",
        LaunchType::Ec2 => "AWS_ECS_EC2",
    };
    let ours: [(&str, &str); OUR_VARIABLES] = [
        ("AWS_REGION", task.region),
        ("AWS_DEFAULT_REGION", task.region),
        ("AWS_EXECUTION_ENV", execution_environment),
    ];
    let ours = ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    // The task definition's own variables come last, and win.
    let own = container.environment.iter().flatten();
    ours.chain(
        own.map(|pair| (pair.name.clone().unwrap_or_default(), pair.value.clone().unwrap_or_default())),
    )
    .collect()
}

fn mounts(container: &ContainerDefinition, linux: &LinuxParameters, task: &Surroundings<'_>) -> Vec<Mount> {
    let in_memory = linux.tmpfs.iter().flatten();
    let in_memory = in_memory.map(|mount| Mount::Tmpfs {
        target: mount.container_path.clone(),
        size_bytes: mib(mount.size),
        options: linux_parameters::mount_options(mount),
    });
    task.volumes.mounts(container).into_iter().chain(in_memory).collect()
}

fn resource_limits(container: &ContainerDefinition, launch_type: LaunchType) -> Vec<ResourceLimit> {
    let limit = |limit: i64| u64::try_from(limit).unwrap_or(u64::MAX);
    let mut limits: Vec<_> = container
        .ulimits
        .iter()
        .flatten()
        .map(|one| ResourceLimit {
            name: one.name.clone(),
            soft: limit(one.soft_limit),
            hard: limit(one.hard_limit),
        })
        .collect();
    if launch_type == LaunchType::Fargate && limits.is_empty() {
        limits.push(ResourceLimit { name: "nofile".to_owned(), soft: 65535, hard: 65535 });
    }
    limits
}

/// Containers share their task's network, which is called as the task; with `host` it is this machine's.
fn network(container: &ContainerDefinition, task: &Surroundings<'_>) -> NetworkMode {
    match task.network_mode {
        _ if container.disable_networking == Some(true) => NetworkMode::Private,
        Some("host") => NetworkMode::Host,
        _ => NetworkMode::Network(task.task_id.to_owned()),
    }
}

fn sharing(mode: Option<&str>) -> Sharing {
    if mode == Some("host") { Sharing::Host } else { Sharing::Own }
}

/// Of a parameter that is named twice the last value holds.
fn system_controls(container: &ContainerDefinition) -> BTreeMap<String, String> {
    let controls = container.system_controls.iter().flatten();
    controls.filter_map(|one| Some((one.namespace.clone()?, one.value.clone()?))).collect()
}

fn labels(container: &ContainerDefinition, task: &Surroundings<'_>) -> BTreeMap<String, String> {
    let mut labels = container.docker_labels.clone().unwrap_or_default();
    let (family, revision) = task.definition;
    let ours = [
        ("cluster", task.cluster.to_owned()),
        ("container-name", container.name.clone().unwrap_or_default()),
        ("task-definition-family", family.to_owned()),
        ("task-definition-version", revision.to_string()),
    ];
    labels.extend(ours.map(|(name, value)| (format!("com.amazonaws.ecs.{name}"), value)));
    labels.insert(TASK_ARN_LABEL.to_owned(), task.task_arn.to_owned());
    labels
}

/// An empty list is none, as it is for Docker.
fn filled(list: Option<&Vec<String>>) -> Option<Vec<String>> {
    list.filter(|list| !list.is_empty()).cloned()
}

fn mib(mib: i64) -> u64 {
    u64::try_from(mib).unwrap_or_default().saturating_mul(MIB)
}
