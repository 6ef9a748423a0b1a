//! RunTask as a pure decision: a request, a cluster and a task definition in, the tasks that are to be run out.

use std::path::Path;

use api::{Context, ids};
use types::Timestamp;

use crate::capacity::HostPort;
use crate::cluster::{self, Cluster};
use crate::container_spec::{self, Surroundings};
use crate::error::Error;
use crate::generated::types::{
    AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerDefinition, PortMapping, RunTaskInput,
    TaskDefinition, TaskOverride,
};
use crate::health::Health;
use crate::inside::TaskRole;
use crate::limits;
use crate::tag::{self, Tags};
use crate::task::{Container, ContainerState, LaunchType, NetworkInterface, Status, Task, Timeline};
use crate::task_definition::{
    Definition, dependencies, fargate, health_check, log_configuration, restart_policy, size,
};
use crate::task_network::TaskNetwork;
use crate::volumes::TaskVolumes;
use crate::{environment_files, overrides, secrets};

/// What the machine that runs the tasks lends them.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// The directory in which volumes are made. Only tasks with volumes look at it.
    pub volumes_dir: &'a Path,
}

/// Checks what can be checked of a request by itself.
///
/// # Errors
/// [`Error::InvalidParameter`], [`Error::Client`].
pub fn check_request(input: &RunTaskInput) -> Result<(), Error> {
    let count = input.count.unwrap_or(1);
    if !(1..=limits::TASKS_PER_RUN).contains(&count) {
        return Err(Error::invalid("Count must be between 1 and 10."));
    }
    if characters(input.started_by.as_deref()) > limits::STARTED_BY_CHARACTERS {
        return Err(Error::invalid("startedBy should be at most 128 characters."));
    }
    if characters(input.client_token.as_deref()) > limits::CLIENT_TOKEN_CHARACTERS {
        return Err(Error::invalid("clientToken should be at most 64 characters."));
    }
    let strategy = input.capacity_provider_strategy.as_deref().unwrap_or_default();
    if input.launch_type.is_some() && !strategy.is_empty() {
        return Err(Error::invalid(
            "Specify either Launch Type or Capacity Provider Strategy, but not both.",
        ));
    }
    if input.propagate_tags.as_deref() == Some("SERVICE") {
        return Err(Error::invalid(
            "Tags can only be propagated from SERVICE to tasks that a service starts.",
        ));
    }
    check_unsupported(input)
}

fn check_unsupported(input: &RunTaskInput) -> Result<(), Error> {
    if input.enable_execute_command == Some(true) {
        return Err(Error::unsupported("enableExecuteCommand"));
    }
    if input.placement_constraints.as_ref().is_some_and(|list| !list.is_empty()) {
        return Err(Error::unsupported("placementConstraints"));
    }
    if input.volume_configurations.as_ref().is_some_and(|list| !list.is_empty()) {
        return Err(Error::unsupported("volumeConfigurations"));
    }
    match input.launch_type.as_deref() {
        Some(other @ ("EXTERNAL" | "MANAGED_INSTANCES")) => {
            Err(Error::unsupported(format!("launchType {other}")))
        }
        _ => Ok(()),
    }
}

/// The tasks that a request starts.
///
/// # Errors
/// [`Error::InvalidParameter`], [`Error::Client`], [`Error::PlatformUnknown`].
pub fn plan(
    cx: &Context,
    input: &RunTaskInput,
    cluster: &Cluster,
    definition: &Definition,
    host: Host<'_>,
) -> Result<Vec<Task>, Error> {
    let placement = Placement::parse(input, cluster)?;
    check_platform_version(input, placement.launch_type)?;
    if placement.launch_type == LaunchType::Fargate && !definition.runs_on_fargate() {
        return Err(Error::invalid("Task definition does not support launch_type FARGATE."));
    }
    let network = network(input, definition, placement.launch_type)?;
    let none = TaskOverride::default();
    let given = input.overrides.as_ref().unwrap_or(&none);
    overrides::check(given, definition)?;
    let size = Size::parse(given, definition, placement.launch_type)?;
    overrides::check_sizes(given, definition, size.cpu, size.memory)?;
    let request = Request { cx, input, cluster, definition, overrides: given, size, network, host };
    let tags = request.tags()?;
    let count = usize::try_from(input.count.unwrap_or(1)).unwrap_or(1);
    let providers = placement.providers(count);
    Ok(providers
        .into_iter()
        .enumerate()
        .map(|(at, provider)| request.task(at, placement.launch_type, provider, tags.clone()))
        .collect())
}

/// Everything that the tasks of one request have in common.
struct Request<'a> {
    cx: &'a Context,
    input: &'a RunTaskInput,
    cluster: &'a Cluster,
    definition: &'a Definition,
    overrides: &'a TaskOverride,
    size: Size,
    network: Option<&'a AwsVpcConfiguration>,
    host: Host<'a>,
}

impl Request<'_> {
    fn tags(&self) -> Result<Tags, Error> {
        let mut tags = match self.input.propagate_tags.as_deref() {
            Some("TASK_DEFINITION") => self.definition.tags.clone(),
            _ => Tags::new(),
        };
        // Those are the task definition's alone.
        tags.retain(|key, _| !tag::is_reserved(key));
        tags.extend(tag::parse(self.input.tags.as_deref())?);
        tag::check_count(&tags)?;
        if self.input.enable_ecs_managed_tags == Some(true) {
            tags.insert("aws:ecs:clusterName".to_owned(), self.cluster.name.clone());
        }
        Ok(tags)
    }

    fn task(&self, at: usize, launch_type: LaunchType, provider: Option<String>, tags: Tags) -> Task {
        let Self { cx, input, cluster, definition, .. } = self;
        let id = ids::hex32();
        let family = definition.shape.family.clone().unwrap_or_default();
        let volumes = self.volumes(&id);
        let arn = cx.arn("ecs", format!("task/{}/{id}", cluster.name)).to_string();
        let subnet = self.network.and_then(|network| network.subnets.get(at % network.subnets.len().max(1)));
        let zone = ["a", "b", "c"][at % 3];
        Task {
            account: cx.account.to_string(),
            region: cx.region.to_string(),
            cluster_arn: cluster.arn.clone(),
            definition_arn: definition.arn().to_owned(),
            group: input
                .group
                .clone()
                .filter(|group| !group.is_empty())
                .unwrap_or_else(|| format!("family:{family}")),
            started_by: input.started_by.clone(),
            service: None,
            launch_type,
            capacity_provider: provider,
            availability_zone: format!("{}{zone}", cx.region),
            cpu: self.size.cpu.map(|cpu| cpu.to_string()),
            memory: self.size.memory.map(|memory| memory.to_string()),
            ephemeral_storage_gib: self.size.ephemeral_storage_gib,
            task_role: self
                .overrides
                .task_role_arn
                .as_deref()
                .or(definition.shape.task_role_arn.as_deref())
                .filter(|role| !role.is_empty())
                .map(|role| TaskRole::new(role, cx.account.as_str())),
            execution_role_arn: self
                .overrides
                .execution_role_arn
                .clone()
                .or_else(|| definition.shape.execution_role_arn.clone()),
            overrides: overrides::shown(self.overrides, definition),
            tags,
            network: self.task_network(&id),
            network_interface: subnet.map(|subnet| network_interface(&id, subnet)),
            volumes_directory: (!volumes.volumes.is_empty()).then(|| volumes.directory.clone()),
            host_folders: volumes.host_folders(),
            containers: self.containers(&id, &arn, launch_type, volumes),
            host_ports: host_ports(&definition.shape),
            waiting: None,
            status: Status::Provisioning,
            stop: None,
            timeline: timeline(cx.now),
            version: 1,
            family,
            id,
            arn,
        }
    }

    fn task_network(&self, id: &str) -> Option<TaskNetwork> {
        let shape = &self.definition.shape;
        let containers = shape.container_definitions.as_deref().unwrap_or_default();
        TaskNetwork::plan(id, shape.network_mode.as_deref(), containers)
    }

    fn volumes(&self, id: &str) -> TaskVolumes<'_> {
        let shape = &self.definition.shape;
        TaskVolumes {
            directory: self.host.volumes_dir.join(id),
            volumes: shape.volumes.as_deref().unwrap_or_default(),
            containers: shape.container_definitions.as_deref().unwrap_or_default(),
        }
    }

    fn containers(
        &self,
        id: &str,
        task_arn: &str,
        launch_type: LaunchType,
        volumes: TaskVolumes<'_>,
    ) -> Vec<Container> {
        let shape = &self.definition.shape;
        let surroundings = Surroundings {
            task_id: id,
            task_arn,
            cluster: &self.cluster.name,
            region: self.cx.region.as_str(),
            definition: (shape.family.as_deref().unwrap_or_default(), shape.revision.unwrap_or_default()),
            launch_type,
            network_mode: shape.network_mode.as_deref(),
            pid_mode: shape.pid_mode.as_deref(),
            ipc_mode: shape.ipc_mode.as_deref(),
            cpu: self.size.cpu,
            memory: self.size.memory,
            volumes,
        };
        let definitions = shape.container_definitions.iter().flatten().enumerate();
        definitions
            .map(|(place, definition)| {
                let applied = overrides::apply(definition, self.overrides);
                container(&applied, place, self.cx, &surroundings)
            })
            .collect()
    }
}

fn container(
    definition: &ContainerDefinition,
    place: usize,
    cx: &Context,
    task: &Surroundings<'_>,
) -> Container {
    let timeout = definition.stop_timeout.and_then(|seconds| u64::try_from(seconds).ok());
    let resource = format!("container/{}/{}/{}", task.cluster, task.task_id, ids::uuid());
    Container {
        name: definition.name.clone().unwrap_or_default(),
        arn: cx.arn("ecs", resource).to_string(),
        image: definition.image.clone().unwrap_or_default(),
        essential: definition.essential.unwrap_or(true),
        cpu: definition.cpu.unwrap_or(0),
        memory: definition.memory,
        memory_reservation: definition.memory_reservation,
        spec: container_spec::build(definition, place, task),
        stop_timeout_seconds: timeout.unwrap_or(limits::STOP_TIMEOUT.as_secs()),
        start_timeout_seconds: definition.start_timeout.and_then(|seconds| u64::try_from(seconds).ok()),
        depends_on: dependencies::read(definition),
        health: health_check::read(definition).map(Health::unknown),
        restart_policy: restart_policy::read(definition),
        restart_count: 0,
        started_at: None,
        log_stream: log_configuration::stream(definition, task.task_id),
        secrets: secrets::read(definition),
        environment_files: environment_files::read(definition),
        image_digest: None,
        runtime_id: None,
        state: ContainerState::Pending,
    }
}

/// Where the tasks of a request run.
struct Placement {
    launch_type: LaunchType,
    strategy: Vec<CapacityProviderStrategyItem>,
}

impl Placement {
    fn parse(input: &RunTaskInput, cluster: &Cluster) -> Result<Self, Error> {
        match input.launch_type.as_deref() {
            Some("FARGATE") => return Ok(Self { launch_type: LaunchType::Fargate, strategy: Vec::new() }),
            Some(_) => return Ok(Self { launch_type: LaunchType::Ec2, strategy: Vec::new() }),
            None => {}
        }
        let given = input.capacity_provider_strategy.as_deref().unwrap_or_default();
        let strategy = if given.is_empty() { &cluster.default_strategy } else { given };
        if strategy.is_empty() {
            return Ok(Self { launch_type: LaunchType::Ec2, strategy: Vec::new() });
        }
        cluster::check_capacity_providers(&cluster.capacity_providers, strategy)?;
        if strategy.iter().filter(|item| item.base.unwrap_or(0) > 0).count() > 1 {
            return Err(Error::invalid(
                "The capacity provider strategy can only define a base for one capacity provider.",
            ));
        }
        if strategy.iter().all(|item| item.weight.unwrap_or(0) == 0 && item.base.unwrap_or(0) == 0) {
            return Err(Error::invalid(
                "The capacity provider strategy must contain at least one capacity provider with a weight greater than 0.",
            ));
        }
        Ok(Self { launch_type: LaunchType::Fargate, strategy: strategy.to_vec() })
    }

    /// The capacity provider of each of `count` tasks: bases first, then in proportion to the weights.
    fn providers(&self, count: usize) -> Vec<Option<String>> {
        let mut given = vec![0_i64; self.strategy.len()];
        let mut providers = Vec::with_capacity(count);
        for _ in 0..count {
            let short = |at: usize, item: &CapacityProviderStrategyItem| {
                given.get(at).is_some_and(|given| *given < item.base.unwrap_or(0))
            };
            let base = self.strategy.iter().enumerate().find(|(at, item)| short(*at, item));
            let weighted = self.strategy.iter().enumerate().filter(|(_, item)| item.weight.unwrap_or(0) > 0);
            let share = |at: usize, item: &CapacityProviderStrategyItem| {
                let beyond = given.get(at).copied().unwrap_or(0) - item.base.unwrap_or(0);
                // Thousandths keep the comparison in whole numbers.
                (beyond + 1) * 1000 / item.weight.unwrap_or(1).max(1)
            };
            let chosen = base.or_else(|| weighted.min_by_key(|(at, item)| share(*at, item)));
            if let Some(count) = chosen.and_then(|(at, _)| given.get_mut(at)) {
                *count += 1;
            }
            providers.push(chosen.map(|(_, item)| item.capacity_provider.clone()));
        }
        providers
    }
}

/// The size of a whole task, after overrides.
struct Size {
    cpu: Option<i64>,
    memory: Option<i64>,
    ephemeral_storage_gib: Option<i64>,
}

impl Size {
    fn parse(
        overrides: &TaskOverride,
        definition: &Definition,
        launch_type: LaunchType,
    ) -> Result<Self, Error> {
        let shape = &definition.shape;
        let cpu = overrides.cpu.as_deref().or(shape.cpu.as_deref()).map(size::cpu_units).transpose()?;
        let memory =
            overrides.memory.as_deref().or(shape.memory.as_deref()).map(size::memory_mib).transpose()?;
        let overridden = overrides.cpu.is_some() || overrides.memory.is_some();
        if let (LaunchType::Fargate, true, Some(cpu), Some(memory)) = (launch_type, overridden, cpu, memory) {
            fargate::check_pair(cpu, memory)?;
        }
        let storage = overrides.ephemeral_storage.as_ref().or(shape.ephemeral_storage.as_ref());
        let default = (launch_type == LaunchType::Fargate).then_some(limits::EPHEMERAL_STORAGE_GIB_DEFAULT);
        Ok(Self { cpu, memory, ephemeral_storage_gib: storage.map(|one| one.size_in_gi_b).or(default) })
    }
}

fn check_platform_version(input: &RunTaskInput, launch_type: LaunchType) -> Result<(), Error> {
    match (input.platform_version.as_deref(), launch_type) {
        (None | Some(""), _) => Ok(()),
        (Some(_), LaunchType::Ec2) => {
            Err(Error::invalid("The platform version must be null when specifying an EC2 launch type."))
        }
        (Some("LATEST" | "1.4.0"), LaunchType::Fargate) => Ok(()),
        (Some(_), LaunchType::Fargate) => Err(Error::PlatformUnknown),
    }
}

fn network<'a>(
    input: &'a RunTaskInput,
    definition: &Definition,
    launch_type: LaunchType,
) -> Result<Option<&'a AwsVpcConfiguration>, Error> {
    let given = input.network_configuration.as_ref().and_then(|one| one.awsvpc_configuration.as_ref());
    let Some(network) = given else {
        return if definition.has_network_interface() {
            Err(Error::invalid(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            ))
        } else {
            Ok(None)
        };
    };
    if !definition.has_network_interface() {
        return Err(Error::invalid(
            "Network Configuration is not valid for the given networkMode of this task definition.",
        ));
    }
    if network.subnets.is_empty() || network.subnets.iter().any(String::is_empty) {
        return Err(Error::invalid("subnets can not be empty."));
    }
    if network.subnets.len() > limits::SUBNETS {
        return Err(Error::invalid("subnets can have at most 16 items."));
    }
    let groups = network.security_groups.as_deref().unwrap_or_default();
    if groups.len() > limits::SECURITY_GROUPS {
        return Err(Error::invalid("securityGroups can have at most 5 items."));
    }
    if groups.iter().any(String::is_empty) {
        return Err(Error::invalid("securityGroups can not contain empty items."));
    }
    if launch_type == LaunchType::Ec2 && network.assign_public_ip.as_deref() == Some("ENABLED") {
        return Err(Error::invalid("Assign public IP is not supported for this launch type."));
    }
    Ok(Some(network))
}

/// The ports of this machine that the containers ask for by number.
fn host_ports(shape: &TaskDefinition) -> Vec<HostPort> {
    let is_host = match shape.network_mode.as_deref() {
        Some("host") => true,
        None | Some("bridge") => false,
        // Those tasks have addresses of their own, or none.
        Some(_) => return Vec::new(),
    };
    let containers = shape.container_definitions.iter().flatten();
    let mappings = containers.flat_map(|container| container.port_mappings.iter().flatten());
    let port = |mapping: &PortMapping| {
        let number = if is_host { mapping.container_port } else { mapping.host_port };
        let port = u16::try_from(number.unwrap_or(0)).ok().filter(|port| *port > 0)?;
        let protocol = mapping.protocol.clone().unwrap_or_else(|| "tcp".to_owned());
        Some(HostPort { port, protocol })
    };
    let mut ports: Vec<HostPort> = Vec::new();
    for port in mappings.filter_map(port) {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// A network interface that is not attached yet, with names made from the task's id.
fn network_interface(task_id: &str, subnet: &str) -> NetworkInterface {
    let digits: String = task_id.chars().take(17).collect();
    NetworkInterface {
        attachment_id: ids::uuid(),
        subnet_id: subnet.to_owned(),
        id: format!("eni-{digits}"),
        mac_address: String::new(),
        private_ipv4_address: String::new(),
    }
}

fn timeline(now: Timestamp) -> Timeline {
    Timeline { created_at: now, updated_at: now, ..Timeline::default() }
}

fn characters(text: Option<&str>) -> usize {
    text.map_or(0, |text| text.chars().count())
}
