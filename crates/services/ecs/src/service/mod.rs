//! Services: a number of tasks that is kept running, and exchanged for newer ones deployment by deployment.
//!
//! [`decide`] is the scheduler, and pure: a service and its tasks in, what is to be started, stopped and told out. `keep`
//! does that in one batch, whenever a task of the service changes, somebody calls the API, or a time comes: each of them
//! is a timer in the store. A batch that was decided upon something that has changed meanwhile is decided anew, so that a
//! server that is killed neither doubles nor loses a task.
//!
//! Not here: load balancers, service discovery, blue/green deployments, daemons, task sets. They are refused by name.

pub mod announcement;
pub mod background;
mod decide;
pub mod deployment_configuration;
mod keep;
pub mod request;
mod rollout;
pub mod service_task;
pub mod shape;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::generated::types::{CapacityProviderStrategyItem, NetworkConfiguration, RunTaskInput, Tag};
use crate::limits;
use crate::service::deployment_configuration::Configuration;
use crate::tag::{self, Tags};

/// The queue of services to look after. Key: the service's. Set whenever something about it changes or is due; cleared
/// when nothing is to be done until something changes.
pub const SERVICE_QUEUE: &str = "ecs/service";
/// The table of services.
pub const SERVICES: &str = "ecs/service";
/// The table of marks by which a decision notices that a task of its service has changed since it looked.
pub const WAKES: &str = "ecs/service_wake";

/// A service, from CreateService until an hour after its last task has stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// 1 to 255 letters, digits, hyphens and underscores, unique in its cluster.
    pub name: String,
    /// `arn:P:ecs:R:A:service/CLUSTER/NAME`.
    pub arn: String,
    /// The account that it runs in.
    pub account: String,
    /// The region that it runs in.
    pub region: String,
    /// The ARN of its cluster.
    pub cluster_arn: String,
    /// Whether it is kept.
    pub status: ServiceStatus,
    /// How many tasks are kept.
    pub desired_count: usize,
    /// How deployments go.
    pub configuration: Configuration,
    /// Where its tasks have their tags from: `SERVICE`, `TASK_DEFINITION` or `NONE`.
    pub propagate_tags: Option<String>,
    /// Whether its tasks are tagged with the cluster's and the service's names.
    pub enable_ecs_managed_tags: bool,
    /// Seconds after its start in which a task's failing health checks are ignored.
    pub health_check_grace_period_seconds: Option<i64>,
    /// Its tags.
    pub tags: Tags,
    /// The deployments that have tasks, the newest first: that one is the primary deployment.
    pub deployments: Vec<Deployment>,
    /// The last deployment that was completed, as it was then: what a failed one is rolled back to.
    pub completed: Option<Deployment>,
    /// What has happened, the newest first; at most 100.
    pub events: VecDeque<ServiceEvent>,
    /// How many events EventBridge has been told of.
    pub announced: u64,
    /// When it was last said that it is in a steady state; absent while it is in none.
    pub steady_at: Option<Timestamp>,
    /// What is wrong, as it was last said.
    pub trouble: Option<Trouble>,
    /// Tasks that have been counted as failed and have not stopped yet, by their ids.
    pub counted: BTreeSet<String>,
    /// The request that made it, as JSON: the same request again gives the same service.
    pub request: serde_json::Value,
    /// CreateService.
    pub created_at: Timestamp,
    /// Who called it.
    pub created_by: String,
}

/// A service's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceStatus {
    /// Its tasks are kept.
    Active,
    /// It was deleted; its tasks are being stopped.
    Draining,
    /// Nothing of it runs any more.
    Inactive {
        /// When the last task had stopped.
        since: Timestamp,
    },
}

impl ServiceStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive { .. } => "INACTIVE",
        }
    }
}

/// What a service runs, from one change of that until its tasks have been replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// `ecs-svc/` and 19 digits.
    pub id: String,
    /// What its tasks are started with.
    pub revision: Revision,
    /// How far it is.
    pub rollout: Rollout,
    /// The same as a sentence.
    pub reason: String,
    /// Whether it brings back what ran before a deployment that failed.
    pub is_rollback: bool,
    /// How many tasks have failed since the last one that did not.
    pub failed_tasks: usize,
    /// When the last of them failed.
    pub last_failure_at: Option<Timestamp>,
    /// Until when no task is started.
    pub back_off: Option<BackOff>,
    /// Whether there was no room for the last task that it tried to start.
    #[serde(default)]
    pub lacks_room: bool,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The last change of its rollout.
    pub updated_at: Timestamp,
}

/// What the tasks of a deployment are started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// ARN of the task definition, with the revision.
    pub task_definition: String,
    /// `EC2` or `FARGATE`, where there is no strategy.
    pub launch_type: Option<String>,
    /// The capacity provider strategy.
    pub capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    /// The platform version as the request has it.
    pub platform_version: Option<String>,
    /// The network configuration.
    pub network_configuration: Option<NetworkConfiguration>,
}

/// A deployment's `rolloutState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rollout {
    /// Its tasks are replacing those of older deployments.
    InProgress,
    /// They have.
    Completed,
    /// Too many of them failed: no more are started.
    Failed,
}

impl Rollout {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// A pause between tasks that fail again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackOff {
    /// How many pauses there have been, with this one.
    pub rounds: u32,
    /// When it ends.
    pub until: Timestamp,
}

/// Something that happened to a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// A UUID.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What, in AWS's words.
    pub message: String,
}

/// Something that is wrong until it is mended. It is said once, and again after six hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What was said.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

impl Service {
    /// The key of the service's record: account, region, cluster, name.
    pub fn key(&self) -> String {
        key(&self.account, &self.region, self.cluster(), &self.name)
    }

    /// The name of the service's cluster.
    pub fn cluster(&self) -> &str {
        self.cluster_arn.rsplit('/').next().unwrap_or_default()
    }

    /// The newest deployment. A service that is active has one.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.first()
    }

    /// Notes what has happened; what is older than the last hundred events is forgotten.
    pub fn note(&mut self, event: ServiceEvent) {
        self.events.push_front(event);
        self.events.truncate(limits::SERVICE_EVENTS);
    }

    /// Makes `revision` what the service runs: older deployments make way for it.
    pub fn deploy(&mut self, id: String, revision: Revision, now: Timestamp) {
        self.deployments.insert(0, Deployment::new(id, revision, now));
        self.steady_at = None;
        self.trouble = None;
    }

    /// The request by which `count` tasks of `deployment` are started.
    pub fn run_task(&self, deployment: &Deployment, count: usize) -> RunTaskInput {
        let revision = &deployment.revision;
        let strategy = revision.capacity_provider_strategy.clone();
        let tags = (self.propagate_tags.as_deref() == Some("SERVICE")).then(|| self.own_tags());
        RunTaskInput {
            cluster: Some(self.cluster().to_owned()),
            count: i64::try_from(count).ok(),
            task_definition: revision.task_definition.clone(),
            launch_type: revision.launch_type.clone(),
            capacity_provider_strategy: Some(strategy).filter(|strategy| !strategy.is_empty()),
            platform_version: revision.platform_version.clone(),
            network_configuration: revision.network_configuration.clone(),
            group: Some(format!("service:{}", self.name)),
            started_by: Some(deployment.id.clone()),
            propagate_tags: self.propagate_tags.clone().filter(|from| from == "TASK_DEFINITION"),
            enable_ecs_managed_tags: Some(self.enable_ecs_managed_tags),
            tags,
            ..RunTaskInput::default()
        }
    }

    /// Its tags without those that AWS's services keep for themselves.
    fn own_tags(&self) -> Vec<Tag> {
        let mut own = self.tags.clone();
        own.retain(|key, _| !tag::is_reserved(key));
        tag::shape(&own)
    }
}

impl Deployment {
    /// A deployment that begins.
    pub fn new(id: String, revision: Revision, now: Timestamp) -> Self {
        Self {
            reason: format!("ECS deployment {id} in progress."),
            id,
            revision,
            rollout: Rollout::InProgress,
            is_rollback: false,
            failed_tasks: 0,
            last_failure_at: None,
            back_off: None,
            lacks_room: false,
            created_at: now,
            updated_at: now,
        }
    }

    /// Notes that a task failed, or could not be placed: the next one waits, twice as long each time.
    ///
    /// Tasks that fail while others wait already make the pause no longer: they were started together.
    pub fn note_failure(&mut self, now: Timestamp) {
        self.failed_tasks += 1;
        self.last_failure_at = Some(now);
        let rounds = match self.back_off {
            Some(pause) if now < pause.until => return,
            Some(pause) => pause.rounds.saturating_add(1),
            None => 1,
        };
        self.back_off = Some(BackOff { rounds, until: now + delay(rounds) });
    }
}

/// How long the pause of that number is.
fn delay(rounds: u32) -> Duration {
    let factor = 1_u32.checked_shl(rounds.saturating_sub(1)).filter(|factor| *factor > 0).unwrap_or(u32::MAX);
    limits::SERVICE_BACK_OFF.saturating_mul(factor).min(limits::SERVICE_BACK_OFF_MAX)
}

/// The key of a service's record.
pub fn key(account: &str, region: &str, cluster: &str, name: &str) -> String {
    format!("{account}/{region}/{cluster}/{name}")
}
