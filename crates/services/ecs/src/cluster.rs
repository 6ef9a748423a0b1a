//! Clusters: names under which tasks run. There are no container instances: every task runs on this machine.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::generated::types::{
    self as shapes, CapacityProviderStrategyItem, ClusterConfiguration, ClusterSetting, KeyValuePair,
};
use crate::service::{Service, ServiceStatus};
use crate::tag::{self, Tags};

/// The capacity providers that every account has.
const CAPACITY_PROVIDERS: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// 1 to 255 letters, digits, hyphens and underscores.
    pub name: String,
    /// `arn:P:ecs:R:A:cluster/NAME`.
    pub arn: String,
    /// Whether it was deleted: then it can still be described, and made again.
    pub status: ClusterStatus,
    /// Its settings.
    pub settings: Vec<ClusterSetting>,
    /// Its configuration, recorded.
    pub configuration: Option<ClusterConfiguration>,
    /// Its capacity providers.
    pub capacity_providers: Vec<String>,
    /// What a RunTask without launch type and strategy uses; EC2 where it is empty.
    pub default_strategy: Vec<CapacityProviderStrategyItem>,
    /// Its tags.
    pub tags: Tags,
}

/// Whether a cluster takes tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ClusterStatus {
    /// It does.
    Active,
    /// It was deleted.
    Inactive,
}

/// How many tasks and services a cluster has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// Tasks in `RUNNING` on EC2.
    pub running_ec2: i64,
    /// Tasks in `RUNNING` on Fargate.
    pub running_fargate: i64,
    /// Tasks on EC2 that are not running yet.
    pub pending_ec2: i64,
    /// Tasks on Fargate that are not running yet.
    pub pending_fargate: i64,
    /// Services on EC2 that are kept.
    pub active_services_ec2: i64,
    /// Services on Fargate that are kept.
    pub active_services_fargate: i64,
    /// Services on EC2 that were deleted, and whose tasks are being stopped.
    pub draining_services_ec2: i64,
    /// Services on Fargate that were deleted, and whose tasks are being stopped.
    pub draining_services_fargate: i64,
}

impl TaskCounts {
    /// Where a service that has not gone is counted.
    pub fn of_service(&mut self, service: &Service) -> &mut i64 {
        let revision = service.primary().map(|primary| &primary.revision);
        let is_ec2 = revision.is_some_and(|revision| revision.launch_type.as_deref() == Some("EC2"));
        match (service.status == ServiceStatus::Active, is_ec2) {
            (true, true) => &mut self.active_services_ec2,
            (true, false) => &mut self.active_services_fargate,
            (false, true) => &mut self.draining_services_ec2,
            (false, false) => &mut self.draining_services_fargate,
        }
    }
}

/// What DescribeClusters was asked to include.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Include {
    /// Settings.
    pub settings: bool,
    /// Configurations.
    pub configurations: bool,
    /// Statistics.
    pub statistics: bool,
    /// Tags.
    pub tags: bool,
}

impl Include {
    /// Everything, as CreateCluster answers.
    pub const ALL: Self = Self { settings: true, configurations: true, statistics: false, tags: true };

    /// Reads DescribeClusters' `include`.
    pub fn parse(include: Option<&[String]>) -> Self {
        let asked = |name: &str| include.is_some_and(|include| include.iter().any(|one| one == name));
        Self {
            settings: asked("SETTINGS"),
            configurations: asked("CONFIGURATIONS"),
            statistics: asked("STATISTICS"),
            tags: asked("TAGS"),
        }
    }
}

/// Reads a request's cluster settings: `containerInsights` is `disabled` unless it says something else.
///
/// # Errors
/// [`Error::InvalidParameter`].
pub fn settings(settings: Option<&[ClusterSetting]>) -> Result<Vec<ClusterSetting>, Error> {
    let mut value = "disabled";
    for setting in settings.unwrap_or_default() {
        value = match (setting.name.as_deref(), setting.value.as_deref()) {
            (Some("containerInsights"), Some(value @ ("enabled" | "disabled" | "enhanced"))) => value,
            (Some("containerInsights"), _) => {
                return Err(Error::invalid(
                    "Invalid setting value. containerInsights must be enhanced, enabled or disabled.",
                ));
            }
            _ => return Err(Error::invalid("Invalid setting name.")),
        };
    }
    Ok(vec![ClusterSetting { name: Some("containerInsights".to_owned()), value: Some(value.to_owned()) }])
}

/// Checks the capacity providers of a cluster and of its default strategy.
///
/// # Errors
/// [`Error::InvalidParameter`] for a provider that does not exist, or that the strategy uses and the cluster lacks.
pub fn check_capacity_providers(
    providers: &[String],
    strategy: &[CapacityProviderStrategyItem],
) -> Result<(), Error> {
    for provider in providers.iter().chain(strategy.iter().map(|item| &item.capacity_provider)) {
        check_capacity_provider(provider)?;
    }
    match strategy.iter().find(|item| !providers.contains(&item.capacity_provider)) {
        Some(_) => Err(Error::invalid(
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.",
        )),
        None => Ok(()),
    }
}

/// Checks that a capacity provider exists.
///
/// # Errors
/// [`Error::InvalidParameter`].
pub fn check_capacity_provider(provider: &str) -> Result<(), Error> {
    if CAPACITY_PROVIDERS.contains(&provider) {
        return Ok(());
    }
    Err(Error::invalid(
        "The specified capacity provider was not found. Specify a valid name or ARN and try again.",
    ))
}

impl Cluster {
    /// The cluster as answers show it.
    pub fn shape(&self, counts: TaskCounts, include: Include) -> shapes::Cluster {
        let when = |asked: bool, settings: &[ClusterSetting]| {
            if asked { settings.to_vec() } else { Vec::new() }
        };
        shapes::Cluster {
            cluster_arn: Some(self.arn.clone()),
            cluster_name: Some(self.name.clone()),
            configuration: self.configuration.clone().filter(|_| include.configurations),
            status: Some(self.status.as_str().to_owned()),
            registered_container_instances_count: Some(0),
            running_tasks_count: Some(counts.running_ec2 + counts.running_fargate),
            pending_tasks_count: Some(counts.pending_ec2 + counts.pending_fargate),
            active_services_count: Some(counts.active_services_ec2 + counts.active_services_fargate),
            statistics: Some(if include.statistics { statistics(counts) } else { Vec::new() }),
            tags: Some(if include.tags { tag::shape(&self.tags) } else { Vec::new() }),
            settings: Some(when(include.settings, &self.settings)),
            capacity_providers: Some(self.capacity_providers.clone()),
            default_capacity_provider_strategy: Some(self.default_strategy.clone()),
            ..shapes::Cluster::default()
        }
    }
}

impl ClusterStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        }
    }
}

fn statistics(counts: TaskCounts) -> Vec<KeyValuePair> {
    let pairs = [
        ("runningEC2TasksCount", counts.running_ec2),
        ("runningFargateTasksCount", counts.running_fargate),
        ("pendingEC2TasksCount", counts.pending_ec2),
        ("pendingFargateTasksCount", counts.pending_fargate),
        ("activeEC2ServiceCount", counts.active_services_ec2),
        ("activeFargateServiceCount", counts.active_services_fargate),
        ("drainingEC2ServiceCount", counts.draining_services_ec2),
        ("drainingFargateServiceCount", counts.draining_services_fargate),
    ];
    let pair = |(name, count): (&str, i64)| KeyValuePair {
        name: Some(name.to_owned()),
        value: Some(count.to_string()),
    };
    pairs.into_iter().map(pair).collect()
}
