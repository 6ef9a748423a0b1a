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
mod task_role;

use std::sync::Arc;

use api::Dispatcher;
use clock::Clock;
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
    /// The sessions of tasks' roles.
    pub roles: TaskRoles,
    /// Where containers in this machine's network find the server: `http://ADDRESS:PORT`.
    endpoint_url: Option<String>,
    /// The API, for containers with a network of their own.
    api: Option<Front>,
    /// Counts the changes of tasks, so that one can be waited for.
    changes: watch::Sender<u64>,
}

impl Inside {
    /// The insides of the tasks in `tables`.
    pub fn new(
        tables: Tables,
        dispatcher: Dispatcher,
        endpoint_url: Option<String>,
        api: Option<Front>,
    ) -> Self {
        Self { tables, roles: TaskRoles::new(dispatcher), endpoint_url, api, changes: watch::Sender::new(0) }
    }

    /// What containers in this machine's network may ask for.
    pub fn on_loopback(self: &Arc<Self>) -> Arc<dyn Documents> {
        Arc::new(InsideDocuments::on_loopback(Arc::clone(self)))
    }

    /// The clock that sessions are timed by.
    fn clock(&self) -> &Clock {
        self.roles.clock()
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
