//! What a task's containers see of AWS: the credentials of their role, metadata about themselves, and the API.
//!
//! Containers with a network of their own find all of it at `169.254.170.2`, as on AWS: credentials and metadata on port
//! 80, the API on port 4566, each on a listener inside of the network, which nobody else reaches. Containers in this
//! machine's network find it on the server's loopback address, where everybody may ask: there the paths hold an id that
//! cannot be guessed, and credentials want a token besides.
//!
//! Nothing of this is kept but ids and tokens, with the task: after a restart the same paths lead to the same task, and
//! credentials are made anew. Not here: what the role may do (`api`), and who may assume it (STS).

mod credentials;
mod documents;
mod environment;
mod listeners;
mod metadata;
mod path;
mod stats;
mod task_role;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::Dispatcher;
use clock::Clock;
use container::{ContainerStats, Driver};
use tokio::sync::watch;
use wire::{Documents, Front};

use crate::tables::Tables;
use crate::task::{Container, ContainerState, Status, Task};

pub use credentials::TaskRoles;
pub use documents::InsideDocuments;
pub use listeners::Listeners;
pub use task_role::TaskRole;

/// What all tasks' insides have in common.
pub struct Inside {
    tables: Tables,
    driver: Arc<dyn Driver>,
    /// The sessions of tasks' roles.
    pub roles: TaskRoles,
    /// Where containers in this machine's network find the server: `http://ADDRESS:PORT`.
    endpoint_url: Option<String>,
    /// The API, for containers with a network of their own.
    api: Option<Front>,
    /// What was read last of the containers of a task, by the task's key and the containers' names.
    read_before: Mutex<HashMap<String, BTreeMap<String, ContainerStats>>>,
    /// Counts the changes of tasks, so that one can be waited for.
    changes: watch::Sender<u64>,
}

impl Inside {
    /// The insides of the tasks in `tables`.
    pub fn new(
        tables: Tables,
        dispatcher: Dispatcher,
        driver: Arc<dyn Driver>,
        endpoint_url: Option<String>,
        api: Option<Front>,
    ) -> Self {
        Self {
            tables,
            driver,
            roles: TaskRoles::new(dispatcher),
            endpoint_url,
            api,
            read_before: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// What containers in this machine's network may ask for.
    pub fn on_loopback(self: &Arc<Self>) -> Arc<dyn Documents> {
        Arc::new(InsideDocuments::on_loopback(Arc::clone(self)))
    }

    /// The clock that sessions are timed by.
    fn clock(&self) -> Clock {
        self.roles.clock()
    }

    /// Forgets what was kept in memory of a task that has ended.
    pub fn forget(&self, key: &str) {
        self.roles.forget(key);
        self.read_before().remove(key);
    }

    /// What a container of the task uses; `None` where that cannot be read.
    async fn stats(&self, task: &Task, container: &Container) -> Option<serde_json::Value> {
        let name = &container.spec.name;
        let read = self.driver.stats(name).await;
        let read =
            read.inspect_err(|error| tracing::debug!(%error, container = name, "no statistics")).ok()?;
        let before = self.read_before().entry(task.key()).or_default().insert(name.clone(), read.clone());
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let processors = u64::try_from(processors).unwrap_or(1);
        Some(stats::document(task, container, &read, before.as_ref(), processors))
    }

    fn read_before(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<String, ContainerStats>>> {
        self.read_before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a task has changed.
    pub fn task_changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The task as it is now; as soon as it is recorded that the container at `place` was started, where it asks so early
    /// that this is not the case yet.
    async fn settled(&self, mut task: Task, place: usize) -> Result<Task, store::Error> {
        let mut changes = self.changes.subscribe();
        let is_early = |task: &Task| {
            let container = task.containers.get(place);
            task.status == Status::Activating
                && container.is_some_and(|one| one.state == ContainerState::Pending)
        };
        while is_early(&task) {
            match self.tables.tasks.get(&task.key()).await? {
                Some(seen) => task = seen.value,
                None => return Ok(task),
            }
            if is_early(&task) && changes.changed().await.is_err() {
                return Ok(task);
            }
        }
        Ok(task)
    }
}

/// The id by which a container's metadata are asked for: the UUID of its ARN.
fn container_id(container: &Container) -> &str {
    container.arn.rsplit('/').next().unwrap_or_default()
}
