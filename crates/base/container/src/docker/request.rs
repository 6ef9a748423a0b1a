//! Says a specification in the words of Docker Engine's API, and an image in ours.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, ImageInspect, Mount as EngineMount,
    MountBindOptions, MountType, ResourcesUlimits,
};

use crate::driver::{ContainerSpec, Image, LaunchError, LogBuffer, Mount, Sharing};
use crate::network::NetworkMode;

use super::engine_limits::EngineLimits;
use super::network::holder_name;

/// The period that processor time is limited in, in microseconds.
const CPU_PERIOD: i64 = 100_000;

/// The body of a request to create the container.
pub fn creation(spec: &ContainerSpec, limits: &EngineLimits) -> Result<ContainerCreateBody, LaunchError> {
    Ok(ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: spec.entry_point.clone(),
        cmd: spec.command.clone(),
        env: Some(spec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: spec.working_directory.clone(),
        user: spec.user.clone(),
        stop_signal: spec.stop_signal.clone(),
        open_stdin: Some(spec.open_input),
        // The engine refuses a name together with a network that has its own.
        hostname: spec.hostname.clone().filter(|_| spec.network == NetworkMode::Private),
        labels: Some(spec.labels.clone().into_iter().collect()),
        host_config: Some(host_config(spec, limits)?),
        ..ContainerCreateBody::default()
    })
}

fn host_config(spec: &ContainerSpec, limits: &EngineLimits) -> Result<HostConfig, LaunchError> {
    let bytes = |amount: Option<u64>| amount.map(|amount| i64::try_from(amount).unwrap_or(i64::MAX));
    let quota = spec.cpu_limit_units.filter(|units| *units > 0);
    let mut ulimits = Vec::new();
    for limit in &spec.resource_limits {
        if limit.soft > limit.hard {
            return Err(LaunchError::CannotCreate(format!(
                "ulimit soft limit must be less than or equal to hard limit: {} > {}",
                limit.soft, limit.hard
            )));
        }
        let limit = limits.clamp(limit);
        // -1 is the API's "no limit".
        let value = |limit: u64| Some(i64::try_from(limit).unwrap_or(-1));
        ulimits.push(ResourcesUlimits {
            name: Some(limit.name),
            soft: value(limit.soft),
            hard: value(limit.hard),
        });
    }
    Ok(HostConfig {
        cpu_shares: spec.cpu_units.filter(|units| *units > 0).map(|units| i64::from(units.max(2))),
        cpu_period: quota.map(|_| CPU_PERIOD),
        cpu_quota: quota.map(|units| (i64::from(units) * CPU_PERIOD / 1024).max(1000)),
        memory: bytes(spec.memory_bytes),
        // Memory and swap together: no swapping, as on Fargate.
        memory_swap: bytes(spec.memory_bytes),
        memory_reservation: bytes(spec.memory_reservation_bytes),
        shm_size: bytes(spec.shared_memory_bytes),
        pids_limit: spec.pids_limit.map(i64::from),
        readonly_rootfs: Some(spec.read_only_root),
        init: Some(spec.init),
        cap_add: Some(spec.capabilities_add.clone()),
        cap_drop: Some(spec.capabilities_drop.clone()),
        ulimits: Some(ulimits),
        mounts: Some(binds(spec)),
        tmpfs: Some(tmpfs(spec)),
        network_mode: Some(match &spec.network {
            NetworkMode::Host => "host".to_owned(),
            NetworkMode::Private => "none".to_owned(),
            NetworkMode::Container(name) => format!("container:{name}"),
            NetworkMode::Network(name) => format!("container:{}", holder_name(name)),
        }),
        extra_hosts: Some(
            spec.extra_hosts.iter().map(|host| format!("{}:{}", host.hostname, host.ip_address)).collect(),
        ),
        dns: some(spec.dns_servers.iter().map(ToString::to_string).collect()),
        dns_search: some(spec.dns_search_domains.clone()),
        sysctls: Some(spec.system_controls.clone().into_iter().collect()),
        pid_mode: (spec.processes == Sharing::Host).then(|| "host".to_owned()),
        ipc_mode: (spec.inter_process == Sharing::Host).then(|| "host".to_owned()),
        // Other log drivers of the engine's configuration cannot be read back.
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: log_options(spec.log_buffer),
        }),
        ..HostConfig::default()
    })
}

/// The engine refuses even an empty list where a network has its own.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// The engine's own buffer is in front of its disk; the disk itself takes all.
fn log_options(buffer: LogBuffer) -> Option<HashMap<String, String>> {
    let LogBuffer::NonBlocking { bytes } = buffer else { return None };
    let options = [("mode", "non-blocking".to_owned()), ("max-buffer-size", bytes.to_string())];
    Some(options.map(|(name, value)| (name.to_owned(), value)).into())
}

fn binds(spec: &ContainerSpec) -> Vec<EngineMount> {
    let binds = spec.mounts.iter().filter_map(|mount| match mount {
        Mount::Bind { source, target, read_only } => Some(EngineMount {
            typ: Some(MountType::BIND),
            source: Some(source.to_string_lossy().into_owned()),
            target: Some(target.clone()),
            read_only: Some(*read_only),
            bind_options: Some(MountBindOptions::default()),
            ..EngineMount::default()
        }),
        Mount::Tmpfs { .. } => None,
    });
    binds.collect()
}

fn tmpfs(spec: &ContainerSpec) -> HashMap<String, String> {
    let mounts = spec.mounts.iter().filter_map(|mount| match mount {
        Mount::Tmpfs { target, size_bytes, options } => {
            let size = format!("size={size_bytes}");
            let options: Vec<&str> =
                [size.as_str()].into_iter().chain(options.iter().map(String::as_str)).collect();
            Some((target.clone(), options.join(",")))
        }
        Mount::Bind { .. } => None,
    });
    mounts.collect()
}

/// The repository, and the tag or digest, that the API wants apart.
pub fn pull_name(name: &str) -> (&str, &str) {
    if name.contains('@') {
        return (name, "");
    }
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}

/// An image as the engine describes it.
pub fn image(name: &str, found: ImageInspect) -> Image {
    let config = found.config.unwrap_or_default();
    let pulled = found.repo_digests.unwrap_or_default();
    let pulled = pulled.iter().find_map(|digest| digest.split_once('@')).map(|(_, digest)| digest.to_owned());
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    let variables = config.env.unwrap_or_default();
    Image {
        name: name.to_owned(),
        digest: pulled.or(found.id).unwrap_or_default(),
        entry_point: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        environment: variables
            .iter()
            .map(|line| line.split_once('=').unwrap_or((line, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        working_directory: text(config.working_dir).unwrap_or_else(|| "/".to_owned()),
        user: text(config.user),
        stop_signal: text(config.stop_signal),
    }
}
