//! Services as answers show them.

use crate::generated::types as shapes;
use crate::service::service_task::ServiceTask;
use crate::service::{Deployment, Rollout, Service, ServiceStatus};
use crate::tag;
use crate::task::Status;

/// How many of some tasks run, and how many are about to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    running: i64,
    pending: i64,
}

impl Counts {
    fn of<'a>(tasks: impl Iterator<Item = &'a ServiceTask>) -> Self {
        let mut counts = Self::default();
        for task in tasks {
            match task.status {
                Status::Running => counts.running += 1,
                Status::Provisioning | Status::Pending | Status::Activating if task.is_wanted() => {
                    counts.pending += 1;
                }
                _ => {}
            }
        }
        counts
    }
}

/// The service as DescribeServices answers it, with its tags where they are asked for.
pub fn service(one: &Service, tasks: &[ServiceTask], with_tags: bool) -> shapes::Service {
    let counts = Counts::of(tasks.iter());
    let primary = one.primary();
    let revision = primary.map(|primary| &primary.revision);
    let strategy = revision.map(|revision| revision.capacity_provider_strategy.clone());
    let deployments = one.deployments.iter().enumerate();
    shapes::Service {
        service_arn: Some(one.arn.clone()),
        service_name: Some(one.name.clone()),
        cluster_arn: Some(one.cluster_arn.clone()),
        load_balancers: Some(Vec::new()),
        service_registries: Some(Vec::new()),
        status: Some(one.status.as_str().to_owned()),
        desired_count: i64::try_from(one.desired_count).ok(),
        running_count: Some(counts.running),
        pending_count: Some(counts.pending),
        launch_type: revision.and_then(|revision| revision.launch_type.clone()),
        capacity_provider_strategy: strategy.filter(|strategy| !strategy.is_empty()),
        platform_version: primary.filter(|one| one.is_on_fargate()).map(|one| one.platform_version("LATEST")),
        platform_family: primary.filter(|one| one.is_on_fargate()).map(|_| "Linux".to_owned()),
        task_definition: revision.map(|revision| revision.task_definition.clone()),
        deployment_configuration: Some(one.configuration.shape()),
        deployments: Some(
            deployments.map(|(at, deployment)| self::deployment(one, deployment, at == 0, tasks)).collect(),
        ),
        events: Some(one.events.iter().map(event).collect()),
        created_at: Some(one.created_at),
        placement_constraints: Some(Vec::new()),
        placement_strategy: Some(Vec::new()),
        network_configuration: revision.and_then(|revision| revision.network_configuration.clone()),
        health_check_grace_period_seconds: one.health_check_grace_period_seconds,
        scheduling_strategy: Some("REPLICA".to_owned()),
        deployment_controller: Some(shapes::DeploymentController { r#type: "ECS".to_owned() }),
        tags: with_tags.then(|| tag::shape(&one.tags)),
        created_by: Some(one.created_by.clone()),
        enable_ecs_managed_tags: Some(one.enable_ecs_managed_tags),
        propagate_tags: Some(one.propagate_tags.clone().unwrap_or_else(|| "NONE".to_owned())),
        enable_execute_command: Some(false),
        availability_zone_rebalancing: Some("DISABLED".to_owned()),
        ..shapes::Service::default()
    }
}

fn deployment(
    service: &Service,
    one: &Deployment,
    is_primary: bool,
    tasks: &[ServiceTask],
) -> shapes::Deployment {
    let own = || tasks.iter().filter(|task| task.deployment == one.id);
    let counts = Counts::of(own());
    let keeps = is_primary && one.rollout != Rollout::Failed && service.status == ServiceStatus::Active;
    let desired = if keeps { service.desired_count } else { own().filter(|task| task.is_wanted()).count() };
    let strategy = one.revision.capacity_provider_strategy.clone();
    shapes::Deployment {
        id: Some(one.id.clone()),
        status: Some(if is_primary { "PRIMARY" } else { "ACTIVE" }.to_owned()),
        task_definition: Some(one.revision.task_definition.clone()),
        desired_count: i64::try_from(desired).ok(),
        pending_count: Some(counts.pending),
        running_count: Some(counts.running),
        failed_tasks: i64::try_from(one.failed_tasks).ok(),
        created_at: Some(one.created_at),
        updated_at: Some(one.updated_at),
        capacity_provider_strategy: Some(strategy).filter(|strategy| !strategy.is_empty()),
        launch_type: one.revision.launch_type.clone(),
        platform_version: one.is_on_fargate().then(|| one.platform_version("1.4.0")),
        platform_family: one.is_on_fargate().then(|| "Linux".to_owned()),
        network_configuration: one.revision.network_configuration.clone(),
        rollout_state: Some(one.rollout.as_str().to_owned()),
        rollout_state_reason: Some(one.reason.clone()),
        ..shapes::Deployment::default()
    }
}

fn event(event: &super::ServiceEvent) -> shapes::ServiceEvent {
    shapes::ServiceEvent {
        id: Some(event.id.clone()),
        created_at: Some(event.at),
        message: Some(event.message.clone()),
    }
}

impl Deployment {
    fn is_on_fargate(&self) -> bool {
        // The capacity providers that there are, are Fargate's.
        self.revision.launch_type.as_deref().is_none_or(|launch_type| launch_type == "FARGATE")
    }

    /// Its platform version: `latest` is what the newest one is called.
    fn platform_version(&self, latest: &str) -> String {
        let given = self.revision.platform_version.as_deref().filter(|version| *version != "LATEST");
        given.unwrap_or(latest).to_owned()
    }
}
