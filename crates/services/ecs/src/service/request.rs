//! CreateService and UpdateService as pure decisions: a request in, the service as it is to be out.

use api::{Context, ids};

use crate::cluster::Cluster;
use crate::error::Error;
use crate::generated::types::{
    CapacityProviderStrategyItem, CreateServiceInput, DeploymentController, GatewayConnector, LoadBalancer,
    MonitoringConfiguration, PlacementConstraint, PlacementStrategy, ServiceConnectConfiguration,
    ServiceRegistry, ServiceVolumeConfiguration, UpdateServiceInput, VpcLatticeConfiguration,
};
use crate::limits;
use crate::names;
use crate::service::deployment_configuration::Configuration;
use crate::service::{Revision, Service, ServiceStatus};
use crate::tag;
use crate::task_definition::Definition;

/// Checks what can be checked of a request for a service by itself.
///
/// # Errors
/// [`Error::InvalidParameter`], [`Error::Client`].
pub fn check_create(input: &CreateServiceInput) -> Result<(), Error> {
    if !names::is_name(&input.service_name) {
        return Err(Error::invalid(
            "Invalid parameter at 'serviceName': up to 255 letters, numbers, underscores and hyphens are allowed.",
        ));
    }
    if input
        .client_token
        .as_ref()
        .is_some_and(|token| token.chars().count() > limits::SERVICE_TOKEN_CHARACTERS)
    {
        return Err(Error::invalid("clientToken should be at most 36 characters."));
    }
    if let Some(other) = input.scheduling_strategy.as_deref().filter(|strategy| *strategy != "REPLICA") {
        return Err(Error::unsupported(format!("schedulingStrategy {other}")));
    }
    if input.role.as_ref().is_some_and(|role| !role.is_empty()) {
        return Err(Error::unsupported("role"));
    }
    unsupported_of_create(input).check()?;
    if input.task_definition.as_ref().is_none_or(String::is_empty) {
        return Err(Error::invalid("TaskDefinition can not be blank."));
    }
    if input.desired_count.is_none() {
        return Err(Error::invalid("desiredCount is required when schedulingStrategy is REPLICA."));
    }
    desired_count(input.desired_count)?;
    check_launch(input.launch_type.as_deref(), input.capacity_provider_strategy.as_deref())?;
    check_propagation(input.propagate_tags.as_deref())
}

/// Checks what can be checked of a request for a change by itself.
///
/// # Errors
/// [`Error::InvalidParameter`], [`Error::Client`].
pub fn check_update(input: &UpdateServiceInput) -> Result<(), Error> {
    unsupported_of_update(input).check()?;
    desired_count(input.desired_count)?;
    check_propagation(input.propagate_tags.as_deref())
}

/// The service that a request makes.
///
/// # Errors
/// [`Error::InvalidParameter`], [`Error::Client`].
pub fn create(
    cx: &Context,
    input: &CreateServiceInput,
    cluster: &Cluster,
    definition: &Definition,
) -> Result<Service, Error> {
    let (launch_type, strategy) = launch(input, cluster);
    let revision = Revision {
        task_definition: definition.arn().to_owned(),
        launch_type,
        capacity_provider_strategy: strategy,
        platform_version: input.platform_version.clone().filter(|version| !version.is_empty()),
        network_configuration: input.network_configuration.clone(),
    };
    let name = input.service_name.clone();
    let mut service = Service {
        arn: cx.arn("ecs", format!("service/{}/{name}", cluster.name)).to_string(),
        name,
        account: cx.account.to_string(),
        region: cx.region.to_string(),
        cluster_arn: cluster.arn.clone(),
        status: ServiceStatus::Active,
        desired_count: desired_count(input.desired_count)?.unwrap_or(0),
        configuration: Configuration::default().changed(input.deployment_configuration.as_ref())?,
        propagate_tags: input.propagate_tags.clone(),
        enable_ecs_managed_tags: input.enable_ecs_managed_tags.unwrap_or(false),
        health_check_grace_period_seconds: input.health_check_grace_period_seconds,
        tags: tag::parse(input.tags.as_deref())?,
        deployments: Vec::new(),
        completed: None,
        events: Default::default(),
        announced: 0,
        steady_at: None,
        trouble: None,
        counted: Default::default(),
        request: remembered(input),
        created_at: cx.now,
        created_by: cx.principal.arn(),
    };
    service.deploy(deployment_id(), revision, cx.now);
    Ok(service)
}

/// The request as JSON: what a later one is compared with.
pub fn remembered(input: &CreateServiceInput) -> serde_json::Value {
    let input = CreateServiceInput { client_token: None, ..input.clone() };
    serde_json::to_value(&input).unwrap_or_default()
}

/// The service after a change; `definition` is the task definition that the request names. Whether a new deployment began
/// shows in its deployments.
///
/// # Errors
/// [`Error::InvalidParameter`], [`Error::Client`].
pub fn update(
    cx: &Context,
    input: &UpdateServiceInput,
    before: &Service,
    definition: Option<&Definition>,
) -> Result<Service, Error> {
    let mut service = before.clone();
    service.desired_count = desired_count(input.desired_count)?.unwrap_or(before.desired_count);
    service.configuration = before.configuration.changed(input.deployment_configuration.as_ref())?;
    if input.propagate_tags.is_some() {
        service.propagate_tags.clone_from(&input.propagate_tags);
    }
    service.enable_ecs_managed_tags = input.enable_ecs_managed_tags.unwrap_or(before.enable_ecs_managed_tags);
    if input.health_check_grace_period_seconds.is_some() {
        service.health_check_grace_period_seconds = input.health_check_grace_period_seconds;
    }
    if service.desired_count != before.desired_count {
        service.steady_at = None;
    }
    let Some(primary) = before.primary() else { return Ok(service) };
    let revision = changed_revision(&primary.revision, input, definition);
    if revision != primary.revision || input.force_new_deployment == Some(true) {
        service.deploy(deployment_id(), revision, cx.now);
    }
    Ok(service)
}

fn changed_revision(
    before: &Revision,
    input: &UpdateServiceInput,
    definition: Option<&Definition>,
) -> Revision {
    let mut revision = before.clone();
    if let Some(definition) = definition {
        definition.arn().clone_into(&mut revision.task_definition);
    }
    if let Some(strategy) = &input.capacity_provider_strategy {
        revision.capacity_provider_strategy.clone_from(strategy);
        revision.launch_type = strategy.is_empty().then(|| {
            let was = before.capacity_provider_strategy.is_empty();
            before.launch_type.clone().filter(|_| was).unwrap_or_else(|| "FARGATE".to_owned())
        });
    }
    if input.platform_version.is_some() {
        revision.platform_version = input.platform_version.clone().filter(|version| !version.is_empty());
    }
    if input.network_configuration.is_some() {
        revision.network_configuration.clone_from(&input.network_configuration);
    }
    revision
}

fn launch(
    input: &CreateServiceInput,
    cluster: &Cluster,
) -> (Option<String>, Vec<CapacityProviderStrategyItem>) {
    if let Some(launch_type) = &input.launch_type {
        return (Some(launch_type.clone()), Vec::new());
    }
    let given = input.capacity_provider_strategy.as_deref().unwrap_or_default();
    let strategy = if given.is_empty() { &cluster.default_strategy } else { given };
    match strategy.is_empty() {
        true => (Some("EC2".to_owned()), Vec::new()),
        false => (None, strategy.to_vec()),
    }
}

fn deployment_id() -> String {
    const DIGITS: u64 = 10_000_000_000_000_000_000;
    format!("ecs-svc/{:019}", ids::seed() % DIGITS)
}

fn desired_count(given: Option<i64>) -> Result<Option<usize>, Error> {
    let Some(count) = given else { return Ok(None) };
    let count = usize::try_from(count).map_err(|_| Error::invalid("desiredCount must not be negative."))?;
    if count > limits::TASKS_PER_SERVICE {
        return Err(Error::invalid("desiredCount should be at most 5000."));
    }
    Ok(Some(count))
}

fn check_launch(
    launch_type: Option<&str>,
    strategy: Option<&[CapacityProviderStrategyItem]>,
) -> Result<(), Error> {
    match launch_type {
        Some(_) if strategy.is_some_and(|strategy| !strategy.is_empty()) => {
            Err(Error::invalid("Specify either Launch Type or Capacity Provider Strategy, but not both."))
        }
        None | Some("EC2" | "FARGATE") => Ok(()),
        Some(other) => Err(Error::unsupported(format!("launchType {other}"))),
    }
}

fn check_propagation(from: Option<&str>) -> Result<(), Error> {
    match from {
        None | Some("SERVICE" | "TASK_DEFINITION" | "NONE") => Ok(()),
        Some(_) => Err(Error::invalid("propagateTags is not valid.")),
    }
}

/// What both requests may ask for and nobody gets.
struct Unsupported<'a> {
    zone_rebalancing: Option<&'a str>,
    load_balancers: Option<&'a [LoadBalancer]>,
    registries: Option<&'a [ServiceRegistry]>,
    constraints: Option<&'a [PlacementConstraint]>,
    placement: Option<&'a [PlacementStrategy]>,
    controller: Option<&'a DeploymentController>,
    execute_command: Option<bool>,
    connect: Option<&'a ServiceConnectConfiguration>,
    volumes: Option<&'a [ServiceVolumeConfiguration]>,
    lattice: Option<&'a [VpcLatticeConfiguration]>,
    gateways: Option<&'a [GatewayConnector]>,
    monitoring: Option<&'a MonitoringConfiguration>,
}

fn unsupported_of_create(input: &CreateServiceInput) -> Unsupported<'_> {
    Unsupported {
        zone_rebalancing: input.availability_zone_rebalancing.as_deref(),
        load_balancers: input.load_balancers.as_deref(),
        registries: input.service_registries.as_deref(),
        constraints: input.placement_constraints.as_deref(),
        placement: input.placement_strategy.as_deref(),
        controller: input.deployment_controller.as_ref(),
        execute_command: input.enable_execute_command,
        connect: input.service_connect_configuration.as_ref(),
        volumes: input.volume_configurations.as_deref(),
        lattice: input.vpc_lattice_configurations.as_deref(),
        gateways: input.gateway_connectors.as_deref(),
        monitoring: input.monitoring.as_ref(),
    }
}

fn unsupported_of_update(input: &UpdateServiceInput) -> Unsupported<'_> {
    Unsupported {
        zone_rebalancing: input.availability_zone_rebalancing.as_deref(),
        load_balancers: input.load_balancers.as_deref(),
        registries: input.service_registries.as_deref(),
        constraints: input.placement_constraints.as_deref(),
        placement: input.placement_strategy.as_deref(),
        controller: input.deployment_controller.as_ref(),
        execute_command: input.enable_execute_command,
        connect: input.service_connect_configuration.as_ref(),
        volumes: input.volume_configurations.as_deref(),
        lattice: input.vpc_lattice_configurations.as_deref(),
        gateways: input.gateway_connectors.as_deref(),
        monitoring: input.monitoring.as_ref(),
    }
}

impl Unsupported<'_> {
    fn check(&self) -> Result<(), Error> {
        let controller = self.controller.map(|controller| controller.r#type.as_str());
        let found = [
            ("availabilityZoneRebalancing ENABLED", self.zone_rebalancing == Some("ENABLED")),
            ("loadBalancers", is_given(self.load_balancers)),
            ("serviceRegistries", is_given(self.registries)),
            ("placementConstraints", is_given(self.constraints)),
            ("placementStrategy", is_given(self.placement)),
            ("deploymentController other than ECS", controller.is_some_and(|kind| kind != "ECS")),
            ("enableExecuteCommand", self.execute_command == Some(true)),
            ("serviceConnectConfiguration", self.connect.is_some_and(|connect| connect.enabled)),
            ("volumeConfigurations", is_given(self.volumes)),
            ("vpcLatticeConfigurations", is_given(self.lattice)),
            ("gatewayConnectors", is_given(self.gateways)),
            ("monitoring", self.monitoring.is_some()),
        ];
        match found.iter().find(|(_, is_asked)| *is_asked) {
            Some((field, _)) => Err(Error::unsupported(field)),
            None => Ok(()),
        }
    }
}

fn is_given<T>(list: Option<&[T]>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}
