//! How answers and events show a task.

use serde_json::{Value, json};
use types::Timestamp;

use crate::generated::types::{
    self as shapes, Attachment, Attribute, EphemeralStorage, KeyValuePair, NetworkBinding, NetworkInterface,
};
use crate::tag;
use crate::task::{Container, ContainerState, LaunchType, Status, Task};

/// The platform version of Fargate on Linux that `LATEST` means.
pub const PLATFORM_VERSION: &str = "1.4.0";

/// The task as DescribeTasks answers it without tags.
pub fn task(task: &Task) -> shapes::Task {
    let fargate = task.launch_type == LaunchType::Fargate;
    let timeline = &task.timeline;
    shapes::Task {
        attachments: Some(attachments(task)),
        attributes: Some(vec![Attribute {
            name: "ecs.cpu-architecture".to_owned(),
            value: Some(cpu_architecture().to_owned()),
            ..Attribute::default()
        }]),
        availability_zone: Some(task.availability_zone.clone()),
        capacity_provider_name: task.capacity_provider.clone(),
        cluster_arn: Some(task.cluster_arn.clone()),
        connectivity: timeline.connectivity_at.map(|_| "CONNECTED".to_owned()),
        connectivity_at: timeline.connectivity_at,
        containers: Some((0..).zip(&task.containers).map(|(at, one)| container(task, at, one)).collect()),
        cpu: task.cpu.clone(),
        created_at: Some(timeline.created_at),
        desired_status: Some(task.desired_status().as_str().to_owned()),
        enable_execute_command: Some(false),
        execution_stopped_at: timeline.execution_stopped_at,
        group: Some(task.group.clone()),
        health_status: task.health_status().map(|status| status.as_str().to_owned()),
        inference_accelerators: Some(Vec::new()),
        last_status: Some(task.status.as_str().to_owned()),
        launch_type: Some(task.launch_type.as_str().to_owned()),
        memory: task.memory.clone(),
        overrides: Some(task.overrides.clone()),
        platform_version: fargate.then(|| PLATFORM_VERSION.to_owned()),
        platform_family: fargate.then(|| "Linux".to_owned()),
        pull_started_at: timeline.pull_started_at,
        pull_stopped_at: timeline.pull_stopped_at,
        started_at: timeline.started_at,
        started_by: task.started_by.clone(),
        stop_code: task.stop.as_ref().map(|stop| stop.code.as_str().to_owned()),
        stopped_at: timeline.stopped_at,
        stopped_reason: task.stop.as_ref().map(|stop| stop.reason.clone()),
        stopping_at: timeline.stopping_at,
        tags: Some(Vec::new()),
        task_arn: Some(task.arn.clone()),
        task_definition_arn: Some(task.definition_arn.clone()),
        version: Some(i64::try_from(task.version).unwrap_or(i64::MAX)),
        ephemeral_storage: task.ephemeral_storage_gib.map(|size_in_gi_b| EphemeralStorage { size_in_gi_b }),
        ..shapes::Task::default()
    }
}

/// The task as DescribeTasks answers it with tags.
pub fn task_with_tags(one: &Task) -> shapes::Task {
    shapes::Task { tags: Some(tag::shape(&one.tags)), ..task(one) }
}

/// The detail of an "ECS Task State Change" event.
///
/// It differs from the API's shape: times are ISO 8601 texts, a network interface's type is `eni`, and there are
/// neither tags nor a platform family.
pub fn event_detail(one: &Task) -> Value {
    let mut detail = match serde_json::to_value(task(one)) {
        Ok(Value::Object(detail)) => detail,
        // Shapes are plain data with text keys.
        Ok(_) | Err(_) => unreachable!("a task is written as an object"),
    };
    for absent in ["platformFamily", "tags", "inferenceAccelerators"] {
        detail.remove(absent);
    }
    if let Some(Value::Array(attachments)) = detail.get_mut("attachments") {
        for attachment in attachments {
            attachment["type"] = json!("eni");
        }
    }
    let timeline = &one.timeline;
    let times = [
        ("createdAt", Some(timeline.created_at)),
        ("connectivityAt", timeline.connectivity_at),
        ("pullStartedAt", timeline.pull_started_at),
        ("pullStoppedAt", timeline.pull_stopped_at),
        ("startedAt", timeline.started_at),
        ("stoppingAt", timeline.stopping_at),
        ("executionStoppedAt", timeline.execution_stopped_at),
        ("stoppedAt", timeline.stopped_at),
        ("updatedAt", Some(timeline.updated_at)),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            detail.insert(name.to_owned(), json!(Timestamp::to_iso_millis(time)));
        }
    }
    Value::Object(detail)
}

fn container(task: &Task, place: usize, container: &Container) -> shapes::Container {
    let (exit_code, reason) = match &container.state {
        ContainerState::Stopped { exit_code, reason } => (*exit_code, reason.clone()),
        ContainerState::Pending | ContainerState::Running | ContainerState::Restarting { .. } => (None, None),
    };
    shapes::Container {
        container_arn: Some(container.arn.clone()),
        task_arn: Some(task.arn.clone()),
        name: Some(container.name.clone()),
        image: Some(container.image.clone()),
        image_digest: container.image_digest.clone(),
        runtime_id: container.runtime_id.clone(),
        last_status: Some(container.state.as_str().to_owned()),
        exit_code: exit_code.map(i64::from),
        reason,
        network_bindings: (task.launch_type == LaunchType::Ec2).then(|| network_bindings(task, place)),
        network_interfaces: Some(network_interfaces(task)),
        health_status: container.health.as_ref().map(|health| health.status.as_str().to_owned()),
        cpu: Some(container.cpu.to_string()),
        memory: container.memory.map(|memory| memory.to_string()),
        memory_reservation: container.memory_reservation.map(|memory| memory.to_string()),
        ..shapes::Container::default()
    }
}

fn network_bindings(task: &Task, place: usize) -> Vec<NetworkBinding> {
    task.network.as_ref().map(|network| network.bindings(place)).unwrap_or_default()
}

fn network_interfaces(task: &Task) -> Vec<NetworkInterface> {
    let attached = task.timeline.connectivity_at.and(task.network_interface.as_ref());
    attached
        .map(|interface| NetworkInterface {
            attachment_id: Some(interface.attachment_id.clone()),
            private_ipv4_address: Some(interface.private_ipv4_address.clone()),
            ..NetworkInterface::default()
        })
        .into_iter()
        .collect()
}

fn attachments(task: &Task) -> Vec<Attachment> {
    let Some(interface) = &task.network_interface else { return Vec::new() };
    let mut details = vec![pair("subnetId", interface.subnet_id.clone())];
    if task.timeline.connectivity_at.is_some() {
        let address = &interface.private_ipv4_address;
        let host = address.replace('.', "-");
        details.push(pair("networkInterfaceId", interface.id.clone()));
        details.push(pair("macAddress", interface.mac_address.clone()));
        details.push(pair("privateDnsName", format!("ip-{host}.{}.compute.internal", task.region)));
        details.push(pair("privateIPv4Address", address.clone()));
    }
    let status = match task.status {
        Status::Stopped => "DELETED",
        Status::Provisioning => "PRECREATED",
        Status::Pending
        | Status::Activating
        | Status::Running
        | Status::Stopping
        | Status::Deprovisioning => "ATTACHED",
    };
    vec![Attachment {
        id: Some(interface.attachment_id.clone()),
        r#type: Some("ElasticNetworkInterface".to_owned()),
        status: Some(status.to_owned()),
        details: Some(details),
    }]
}

fn pair(name: &str, value: String) -> KeyValuePair {
    KeyValuePair { name: Some(name.to_owned()), value: Some(value) }
}

/// AWS's word for this machine's architecture.
pub fn cpu_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}
