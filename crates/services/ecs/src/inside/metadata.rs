//! The metadata of a task and of its containers, as the container agent writes them.
//!
//! Source: Amazon ECS Developer Guide, "Task metadata v4 examples", "Task metadata version 4 JSON response for tasks on
//! Fargate"; Amazon ECS container agent, `ecs-agent/tmds/handlers`. Not here: what only AWS knows of its machines
//! (`ClockDrift`, `EphemeralStorageMetrics`).

use std::net::Ipv4Addr;

use container::{Network, NetworkKind};
use serde_json::{Map, Value, json};
use types::Timestamp;

use super::path::Version;
use crate::generated::types::NetworkBinding;
use crate::task::{Container, ContainerState, LaunchType, LogStream, Status, Task};

/// The least CPU shares that a container has.
const CPU_SHARES_MIN: i64 = 2;

/// The document of a task and all its containers.
pub fn task(version: Version, task: &Task, with_tags: bool) -> Value {
    let (_, revision) = task.definition_arn.rsplit_once(':').unwrap_or_default();
    let timeline = &task.timeline;
    let v4 = version == Version::V4;
    let mut document = Document::default();
    document.set("Cluster", cluster(task));
    document.set("TaskARN", task.arn.as_str());
    document.set("Family", task.family.as_str());
    document.set("Revision", revision);
    document.set_some("ServiceName", task.service.as_deref().filter(|_| v4));
    document.set("DesiredStatus", task.desired_status().as_str());
    document.set("KnownStatus", known_status(task));
    document.set_some("Limits", limits(task));
    document.set_some("PullStartedAt", timeline.pull_started_at.map(Timestamp::to_iso_millis));
    document.set_some("PullStoppedAt", timeline.pull_stopped_at.map(Timestamp::to_iso_millis));
    document.set_some("ExecutionStoppedAt", timeline.execution_stopped_at.map(Timestamp::to_iso_millis));
    document.set("AvailabilityZone", task.availability_zone.as_str());
    document.set_some("LaunchType", v4.then(|| task.launch_type.as_str()));
    let tags = json!(task.tags);
    document.set_some("TaskTags", Some(tags).filter(|_| with_tags && !task.tags.is_empty()));
    let containers: Vec<Value> =
        (0..task.containers.len()).filter_map(|at| container(version, task, at)).collect();
    document.set("Containers", containers);
    document.set_some("FaultInjectionEnabled", v4.then_some(false));
    Value::Object(document.0)
}

/// The document of the container at `place`.
pub fn container(version: Version, task: &Task, place: usize) -> Option<Value> {
    let container = task.containers.get(place)?;
    let v4 = version == Version::V4;
    let mut document = Document::default();
    document.set("DockerId", container.runtime_id.as_deref().unwrap_or_default());
    document.set("Name", container.name.as_str());
    document.set("DockerName", engine_name(task, container));
    document.set("Image", container.image.as_str());
    document.set("ImageID", container.image_digest.as_deref().unwrap_or_default());
    document.set_some("Ports", ports(task, place));
    document.set("Labels", labels(task, container));
    let (desired, known) = statuses(task, container);
    document.set("DesiredStatus", desired);
    document.set("KnownStatus", known);
    if let ContainerState::Stopped { exit_code: Some(code), .. } = container.state {
        document.set("ExitCode", code);
    }
    let mut limits = Document::default();
    limits.set("CPU", container.cpu.max(CPU_SHARES_MIN));
    limits.set_some("Memory", container.memory);
    document.set("Limits", limits.0);
    // One step here: a container is made and started at once.
    let started_at = container.started_at.map(Timestamp::to_iso_millis);
    document.set_some("CreatedAt", started_at.clone());
    document.set_some("StartedAt", started_at);
    document.set("Type", "NORMAL");
    let health = container.health.as_ref().map(|health| json!({ "status": health.status.as_str() }));
    document.set_some("Health", health);
    if let Some(stream) = container.log_stream.as_ref().filter(|_| v4) {
        document.set("LogDriver", "awslogs");
        document.set("LogOptions", log_options(stream));
    }
    document.set_some("ContainerARN", v4.then_some(container.arn.as_str()));
    document.set("Networks", vec![network(version, task)]);
    let restarts = container.restart_policy.as_ref().filter(|_| v4).map(|_| container.restart_count);
    document.set_some("RestartCount", restarts);
    let snapshotter = v4 && task.launch_type == LaunchType::Fargate;
    document.set_some("Snapshotter", snapshotter.then_some("overlayfs"));
    Some(Value::Object(document.0))
}

/// Members in the order in which the agent writes them.
#[derive(Default)]
struct Document(Map<String, Value>);

impl Document {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn set_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}

/// On Fargate clusters are named by their ARN.
fn cluster(task: &Task) -> &str {
    match task.launch_type {
        LaunchType::Fargate => &task.cluster_arn,
        LaunchType::Ec2 => task.cluster(),
    }
}

/// The least that all containers have reached, in the agent's words.
fn known_status(task: &Task) -> &'static str {
    match task.status {
        Status::Provisioning | Status::Pending => "NONE",
        Status::Activating => "PULLED",
        Status::Running | Status::Stopping => "RUNNING",
        _ => "STOPPED",
    }
}

/// The limits of the whole task: vCPUs and MiB.
fn limits(task: &Task) -> Option<Map<String, Value>> {
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<u32>().ok());
    let (cpu, memory) = (number(&task.cpu), number(&task.memory));
    let mut limits = Document::default();
    limits.set_some("CPU", cpu.map(vcpus));
    limits.set_some("Memory", memory);
    (!limits.0.is_empty()).then_some(limits.0)
}

fn vcpus(units: u32) -> Value {
    if units.is_multiple_of(1024) { json!(units / 1024) } else { json!(f64::from(units) / 1024.0) }
}

fn engine_name<'a>(task: &Task, container: &'a Container) -> &'a str {
    match task.launch_type {
        LaunchType::Fargate => &container.name,
        LaunchType::Ec2 => &container.spec.name,
    }
}

fn labels(task: &Task, container: &Container) -> Value {
    let mut labels = container.spec.labels.clone();
    labels.insert("com.amazonaws.ecs.cluster".to_owned(), cluster(task).to_owned());
    json!(labels)
}

/// What a container is meant to be, and what it is, in the agent's words.
fn statuses(task: &Task, container: &Container) -> (&'static str, &'static str) {
    let known = match &container.state {
        ContainerState::Pending if container.image_digest.is_none() => "NONE",
        ContainerState::Pending => "PULLED",
        ContainerState::Running | ContainerState::Restarting { .. } => "RUNNING",
        ContainerState::Stopped { .. } => return ("STOPPED", "STOPPED"),
    };
    (task.desired_status().as_str(), known)
}

fn log_options(stream: &LogStream) -> Value {
    let mut options = Document::default();
    options.set_some("awslogs-create-group", stream.create_group.then_some("true"));
    options.set("awslogs-group", stream.group.as_str());
    options.set("awslogs-region", stream.region.as_str());
    options.set("awslogs-stream", stream.name.as_str());
    Value::Object(options.0)
}

/// The ports of this machine that lead to the container's.
fn ports(task: &Task, place: usize) -> Option<Vec<Value>> {
    let bindings = task.network.as_ref()?.bindings(place);
    let port = |one: NetworkBinding| json!({ "ContainerPort": one.container_port, "Protocol": one.protocol, "HostPort": one.host_port });
    (!bindings.is_empty()).then(|| bindings.into_iter().map(port).collect())
}

fn network(version: Version, task: &Task) -> Value {
    let provided = task.network.as_ref().and_then(|network| network.provided.as_ref());
    let address = provided.and_then(|network| network.address).map(|address| address.to_string());
    let mut document = Document::default();
    document.set("NetworkMode", network_mode(task));
    document.set("IPv4Addresses", vec![address.clone().unwrap_or_default()]);
    if let (Version::V4, Some(_), Some(network), Some(address)) =
        (version, &task.network_interface, provided, address)
    {
        interface(&mut document, task, network, &address);
    }
    Value::Object(document.0)
}

fn network_mode(task: &Task) -> &'static str {
    match &task.network {
        _ if task.network_interface.is_some() => "awsvpc",
        Some(network) if network.spec.kind == NetworkKind::Isolated => "none",
        Some(_) => "bridge",
        None => "host",
    }
}

/// What is known of the network interface of a task.
fn interface(document: &mut Document, task: &Task, network: &Network, address: &str) {
    document.set("AttachmentIndex", 0);
    document.set_some("MACAddress", network.mac_address.as_deref());
    document.set_some("IPv4SubnetCIDRBlock", subnet(network));
    let servers: Vec<String> = network.dns_servers.iter().map(ToString::to_string).collect();
    document.set_some("DomainNameServers", (!servers.is_empty()).then_some(servers));
    let name = format!("ip-{}.{}.compute.internal", address.replace('.', "-"), task.region);
    document.set("PrivateDNSName", name);
    let gateway = network.gateway.map(|gateway| format!("{gateway}/{}", network.prefix));
    document.set_some("SubnetGatewayIpv4Address", gateway);
}

/// The addresses that share the network's leading bits.
fn subnet(network: &Network) -> Option<String> {
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(network.prefix.into())?).unwrap_or_default();
    let first = Ipv4Addr::from_bits(network.address?.to_bits() & mask);
    Some(format!("{first}/{}", network.prefix))
}
