//! The tables and timer queues of the service: keys, content, and who writes them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Batch, Collection, Store};
use types::Timestamp;

use crate::cluster::Cluster;
use crate::service::service_task::ServiceTask;
use crate::service::{SERVICES, Service, WAKES};
use crate::task::{LaunchType, Status, Task};
use crate::task_definition::{Definition, Family};

/// Queue of tasks that the agent looks after. Key: the task's. Set by RunTask and again by StopTask; cleared when the
/// task has stopped.
pub const TASK_QUEUE: &str = "ecs/task";
/// Queue of events to emit. Key: the task's, `/` and the version. Set with each change; cleared when EventBridge has it.
pub const EVENT_QUEUE: &str = "ecs/emit";
/// Queue of stopped tasks to forget. Key: the task's.
pub const EXPIRY_QUEUE: &str = "ecs/expire";
/// Queue of client tokens to forget. Key: the token's.
pub const TOKEN_QUEUE: &str = "ecs/token";

/// The table of clusters.
pub const CLUSTERS: &str = "ecs/cluster";

/// All tables. Keys begin with account and region.
#[derive(Clone)]
pub struct Tables {
    /// Where they are kept.
    pub store: Arc<dyn Store>,
    /// `ACCOUNT/REGION/NAME`: clusters, deleted ones too.
    pub clusters: Collection<Cluster>,
    /// `ACCOUNT/REGION/FAMILY`: the revisions of a family. Never deleted, so that no number is used twice.
    pub families: Collection<Family>,
    /// `ACCOUNT/REGION/FAMILY!REVISION`, ten digits: task definitions.
    pub definitions: Collection<Definition>,
    /// `ACCOUNT/REGION/CLUSTER/ID`: tasks.
    pub tasks: Collection<Task>,
    /// `ACCOUNT/REGION/CLUSTER/DESIRED/ID`: what ListTasks filters by. Written with each task.
    pub index: Collection<IndexEntry>,
    /// `ACCOUNT/REGION/CLUSTER/TOKEN`: requests that carried a client token.
    pub tokens: Collection<ClientToken>,
    /// `ACCOUNT/REGION/CLUSTER/NAME`: services, for an hour after they have gone too.
    pub services: Collection<Service>,
    /// `ACCOUNT/REGION/CLUSTER/NAME/ID`: the tasks of a service. Written with each task, deleted by the service when it
    /// has seen that the task has stopped.
    pub service_tasks: Collection<ServiceTask>,
    /// `ACCOUNT/REGION/CLUSTER/NAME`: the task of a service that changed last.
    pub service_wakes: Collection<String>,
}

/// What ListTasks and the counts of a cluster need of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The task's ARN.
    pub arn: String,
    /// The family of its task definition.
    pub family: String,
    /// Who started it.
    pub started_by: Option<String>,
    /// The service that it belongs to.
    #[serde(default)]
    pub service: Option<String>,
    /// Its launch type.
    pub launch_type: LaunchType,
    /// Where in its life it is.
    pub status: Status,
}

/// A RunTask request that carried a client token, and what it was answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientToken {
    /// The request as JSON.
    pub request: serde_json::Value,
    /// The answer as JSON.
    pub answer: serde_json::Value,
    /// ARNs of the tasks.
    pub task_arns: Vec<String>,
    /// Keys of the tasks.
    pub task_keys: Vec<String>,
    /// When it was first used.
    pub used_at: Timestamp,
}

impl Tables {
    /// The tables in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            clusters: Collection::new(Arc::clone(&store), CLUSTERS),
            families: Collection::new(Arc::clone(&store), "ecs/family"),
            definitions: Collection::new(Arc::clone(&store), "ecs/task_definition"),
            tasks: Collection::new(Arc::clone(&store), "ecs/task"),
            index: Collection::new(Arc::clone(&store), "ecs/task_index"),
            tokens: Collection::new(Arc::clone(&store), "ecs/client_token"),
            services: Collection::new(Arc::clone(&store), SERVICES),
            service_tasks: Collection::new(Arc::clone(&store), "ecs/service_task"),
            service_wakes: Collection::new(Arc::clone(&store), WAKES),
            store,
        }
    }

    /// Adds to `batch`: the index entry of `task`.
    pub fn put_index(&self, batch: &mut Batch, task: &Task) {
        let entry = IndexEntry {
            arn: task.arn.clone(),
            family: task.family.clone(),
            started_by: task.started_by.clone(),
            service: task.service.clone(),
            launch_type: task.launch_type,
            status: task.status,
        };
        self.index.put(batch, &index_key(task), &entry);
    }
}

/// The key of a task's index entry.
pub fn index_key(task: &Task) -> String {
    format!("{}{}", index_prefix(task, task.desired_status().as_str()), task.id)
}

fn index_prefix(task: &Task, desired: &str) -> String {
    format!("{}/{}/{}/{desired}/", task.account, task.region, task.cluster())
}
