//! A task: containers that are started, run and end together, and everything that is known about them.
//!
//! What a task goes through is `lifecycle`'s; how answers and events show it is `describe`'s.

use std::path::PathBuf;

use container::ContainerSpec;
use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::capacity::HostPort;
use crate::dependency::Dependency;
use crate::generated::types::TaskOverride;
use crate::health::{Health, HealthStatus};
use crate::inside::TaskRole;
use crate::restart_policy::RestartPolicy;
use crate::secrets::SecretVariable;
use crate::tag::Tags;
use crate::task_network::TaskNetwork;

/// A task, from RunTask until an hour after it has stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The account that it runs in.
    pub account: String,
    /// The region that it runs in.
    pub region: String,
    /// `arn:P:ecs:R:A:task/CLUSTER/ID`.
    pub arn: String,
    /// The ARN of its cluster.
    pub cluster_arn: String,
    /// The ARN of its task definition, with the revision.
    pub definition_arn: String,
    /// The family of its task definition.
    pub family: String,
    /// What RunTask said, `family:FAMILY` where it said nothing.
    pub group: String,
    /// What RunTask said; the deployment, where a service started it.
    pub started_by: Option<String>,
    /// The name of the service that started it.
    #[serde(default)]
    pub service: Option<String>,
    /// Where it runs, as far as the API is concerned.
    pub launch_type: LaunchType,
    /// The capacity provider that RunTask's strategy chose.
    pub capacity_provider: Option<String>,
    /// The zone of its network interface.
    pub availability_zone: String,
    /// CPU units of the whole task.
    pub cpu: Option<String>,
    /// MiB of the whole task.
    pub memory: Option<String>,
    /// GiB of ephemeral storage: what was asked for, on Fargate at least the default.
    pub ephemeral_storage_gib: Option<i64>,
    /// The role that its containers act as.
    #[serde(default)]
    pub task_role: Option<TaskRole>,
    /// The role that speaks to CloudWatch Logs for it.
    pub execution_role_arn: Option<String>,
    /// The overrides that RunTask was given.
    pub overrides: TaskOverride,
    /// Its tags.
    pub tags: Tags,
    /// The network that is provided for it; `None` where it has this machine's.
    #[serde(default)]
    pub network: Option<TaskNetwork>,
    /// Its network interface, where the network mode is `awsvpc`.
    pub network_interface: Option<NetworkInterface>,
    /// The directory of its own volumes, which is made and removed with it.
    #[serde(default)]
    pub volumes_directory: Option<PathBuf>,
    /// Folders of this machine that its containers mount.
    #[serde(default)]
    pub host_folders: Vec<PathBuf>,
    /// The containers in the order of the task definition.
    pub containers: Vec<Container>,
    /// The ports of this machine that its containers ask for by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_ports: Vec<HostPort>,
    /// Its place among the tasks that wait for room, if it had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u64>,
    /// Where in its life it is.
    pub status: Status,
    /// Why it stops; present from the moment in which that was decided.
    pub stop: Option<Stop>,
    /// When what happened.
    pub timeline: Timeline,
    /// 1 at first, one more at each change that is announced.
    pub version: u64,
}

/// The launch types that are served. Both run on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LaunchType {
    /// EC2.
    Ec2,
    /// Fargate.
    Fargate,
}

impl LaunchType {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Fargate => "FARGATE",
        }
    }
}

/// A task's `lastStatus`.
///
/// AWS knows `DEACTIVATING` between `RUNNING` and `STOPPING`, in which load balancers let go of a task. Nothing here has
/// load balancers, so no task is ever seen in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Its network interface is being made.
    Provisioning,
    /// Its images are being pulled and its log streams made. No container has been started.
    Pending,
    /// Its containers are being started, one after the other.
    Activating,
    /// All its containers have been started.
    Running,
    /// Its containers are being stopped.
    Stopping,
    /// All its containers have ended; their logs and remains are being cleared away.
    Deprovisioning,
    /// Nothing of it is left but this record.
    Stopped,
}

impl Status {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// Why a task stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The reason as a word.
    pub code: StopCode,
    /// The reason as a sentence.
    pub reason: String,
}

/// A task's `stopCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StopCode {
    /// It could not be started.
    TaskFailedToStart,
    /// An essential container ended.
    EssentialContainerExited,
    /// Somebody called StopTask.
    UserInitiated,
    /// Its service does not need it any more, or replaces it.
    ServiceSchedulerInitiated,
}

impl StopCode {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
        }
    }
}

/// When what happened to a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// RunTask.
    pub created_at: Timestamp,
    /// The last change.
    pub updated_at: Timestamp,
    /// The network interface was attached.
    pub connectivity_at: Option<Timestamp>,
    /// The first image was asked for; absent where the images could not be had.
    pub pull_started_at: Option<Timestamp>,
    /// The last image was there.
    pub pull_stopped_at: Option<Timestamp>,
    /// All containers had been started.
    pub started_at: Option<Timestamp>,
    /// It was decided that the task stops.
    pub stopping_at: Option<Timestamp>,
    /// The last container had ended.
    pub execution_stopped_at: Option<Timestamp>,
    /// Everything was cleared away.
    pub stopped_at: Option<Timestamp>,
}

/// A task's network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// The attachment's UUID.
    pub attachment_id: String,
    /// The subnet it lies in.
    pub subnet_id: String,
    /// `eni-` and 17 hexadecimal digits.
    pub id: String,
    /// The MAC address; empty until it is attached.
    pub mac_address: String,
    /// The private IPv4 address; empty until it is attached.
    pub private_ipv4_address: String,
}

/// One container of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// The name in the task definition.
    pub name: String,
    /// `arn:P:ecs:R:A:container/CLUSTER/TASK/UUID`.
    pub arn: String,
    /// The image as the task definition names it.
    pub image: String,
    /// Whether the task stops when this container ends.
    pub essential: bool,
    /// CPU units, after overrides.
    pub cpu: i64,
    /// MiB, after overrides.
    pub memory: Option<i64>,
    /// MiB, after overrides.
    pub memory_reservation: Option<i64>,
    /// What is started, after overrides.
    pub spec: ContainerSpec,
    /// Seconds from the request to end until it is killed.
    pub stop_timeout_seconds: u64,
    /// Seconds from its start after which those that wait for more than that give up.
    #[serde(default)]
    pub start_timeout_seconds: Option<u64>,
    /// What it waits for before it is started.
    #[serde(default)]
    pub depends_on: Vec<Dependency>,
    /// Its health, where it has a check.
    #[serde(default)]
    pub health: Option<Health>,
    /// When it is started again, if ever.
    #[serde(default)]
    pub restart_policy: Option<RestartPolicy>,
    /// How often it was started again.
    #[serde(default)]
    pub restart_count: u32,
    /// When it was started last.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// Where its output goes.
    pub log_stream: Option<LogStream>,
    /// Variables whose values are kept elsewhere.
    #[serde(default)]
    pub secrets: Vec<SecretVariable>,
    /// ARNs of the files with further variables.
    #[serde(default)]
    pub environment_files: Vec<String>,
    /// `sha256:...`, once its image is there.
    pub image_digest: Option<String>,
    /// The engine's identifier, once it has been started.
    pub runtime_id: Option<String>,
    /// Where in its life it is.
    pub state: ContainerState,
}

/// Where in its life a container is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContainerState {
    /// It has not been started, as far as is recorded.
    Pending,
    /// It has been started.
    Running,
    /// It has ended, and is being started again.
    Restarting {
        /// The exit code of the run that ended.
        exit_code: i32,
    },
    /// It has ended, or will never be started.
    Stopped {
        /// The exit code, if it ran and that is known.
        exit_code: Option<i32>,
        /// What went wrong, if something did.
        reason: Option<String>,
    },
}

impl ContainerState {
    /// AWS's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            // As AWS has it: the container as such goes on.
            Self::Running | Self::Restarting { .. } => "RUNNING",
            Self::Stopped { .. } => "STOPPED",
        }
    }
}

impl Container {
    /// Whether it was ever started, as far as is recorded.
    pub fn has_started(&self) -> bool {
        self.runtime_id.is_some()
    }

    /// The name by which the engine knows the run before the present one, if there was one.
    pub fn last_run(&self) -> Option<String> {
        let before = self.restart_count.checked_sub(1)?;
        Some(self.name_of_run(before))
    }

    /// Makes its specification that of its next run.
    pub fn prepare_next_run(&mut self) {
        let next = self.restart_count.saturating_add(1);
        self.spec.name = self.name_of_run(next);
        self.restart_count = next;
    }

    /// The name by which the engine knows a run: each has its own, so that starting one twice is found out.
    fn name_of_run(&self, run: u32) -> String {
        let suffix = format!("-r{}", self.restart_count);
        let first = match self.restart_count {
            0 => self.spec.name.as_str(),
            _ => self.spec.name.strip_suffix(&suffix).unwrap_or(&self.spec.name),
        };
        if run == 0 { first.to_owned() } else { format!("{first}-r{run}") }
    }
}

/// A stream in CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStream {
    /// The group's name.
    pub group: String,
    /// The stream's name: `prefix/container/task-id`.
    pub name: String,
    /// The region of the group.
    pub region: String,
    /// Whether the group is made where there is none.
    pub create_group: bool,
    /// What the first line of every event matches, where events have several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiline: Option<String>,
}

impl Task {
    /// The key of the task's record: account, region, cluster, id.
    pub fn key(&self) -> String {
        key(&self.account, &self.region, self.cluster(), &self.id)
    }

    /// The name of the task's cluster.
    pub fn cluster(&self) -> &str {
        self.cluster_arn.rsplit('/').next().unwrap_or_default()
    }

    /// The health of its essential containers that have a check; `None` where none has.
    pub fn health_status(&self) -> Option<HealthStatus> {
        let checked = self.containers.iter().filter(|container| container.essential);
        HealthStatus::of_all(checked.filter_map(|container| Some(container.health.as_ref()?.status)))
    }

    /// What the task is meant to be doing.
    pub fn desired_status(&self) -> DesiredStatus {
        if self.stop.is_some() { DesiredStatus::Stopped } else { DesiredStatus::Running }
    }
}

/// A task's `desiredStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DesiredStatus {
    /// To run until it ends.
    Running,
    /// To stop.
    Stopped,
}

impl DesiredStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// The key of a task's record.
pub fn key(account: &str, region: &str, cluster: &str, id: &str) -> String {
    format!("{account}/{region}/{cluster}/{id}")
}
