//! The network of a task: provided before anything else, removed after everything else.

use std::collections::HashSet;

use container::NetworkError;
use store::Range;
use tokio::sync::Notify;

use super::{Agent, unless_woken};
use crate::lifecycle::TaskEvent;
use crate::limits;
use crate::retry::Delays;
use crate::task::{Status, Task};
use crate::task_network::{TaskNetwork, stopped_reason};

impl Agent {
    /// Provides the task's network when it is the task's turn; `None` where somebody wants to be heard first. Providing it
    /// again gives the same one.
    pub(super) async fn provide_network(&self, task: &Task, waker: &Notify) -> Option<TaskEvent> {
        unless_woken(waker, self.placement.admitted(task)).await?;
        let Some(planned) = &task.network else { return Some(TaskEvent::NetworkProvided { network: None }) };
        let mut delays = Delays::new(limits::NETWORK_ATTEMPTS);
        loop {
            // Waited for to its end, also by a task that is to stop: what is made meanwhile would not be removed.
            let error = match self.driver.provide_network(planned.spec.clone()).await {
                Ok(network) => return Some(TaskEvent::NetworkProvided { network: Some(network) }),
                Err(error) => error,
            };
            tracing::warn!(%error, task = task.arn, "a task has no network");
            // Only what the kernel or the engine did not do may be done by trying again.
            let may_pass = matches!(error, NetworkError::Unavailable(_));
            if !may_pass || !unless_woken(waker, delays.wait(self.clock())).await? {
                return Some(TaskEvent::FailedToStart { reason: stopped_reason(&task.id, &error) });
            }
        }
    }

    /// Removes the task's network, once its containers are gone.
    pub(super) async fn remove_network(&self, task: &Task) {
        if let Some(TaskNetwork { spec, .. }) = &task.network {
            let mut delays = Delays::new(limits::NETWORK_ATTEMPTS);
            while let Err(error) = self.driver.remove_network(&spec.name).await {
                tracing::warn!(%error, task = task.arn, "the network of a task cannot be removed");
                if !delays.wait(self.clock()).await {
                    break;
                }
            }
        }
    }

    /// Removes the networks that no task has: those of tasks that ended while their removal was not to be done.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_stray_networks(&self) -> Result<(), store::Error> {
        let networks = match self.driver.list_networks().await {
            Ok(networks) if networks.is_empty() => return Ok(()),
            Ok(networks) => networks,
            // Whatever runs containers may come up later than we do.
            Err(error) => {
                tracing::debug!(%error, "networks cannot be listed");
                return Ok(());
            }
        };
        // Read after the networks: what is not here then will never have one.
        let tasks = self.tables.tasks.list(Range::prefix("")).await?;
        let alive = tasks.iter().filter(|seen| seen.value.status != Status::Stopped);
        let alive: HashSet<&str> = alive.map(|seen| seen.value.id.as_str()).collect();
        for name in networks.iter().filter(|name| !alive.contains(name.as_str())) {
            if let Err(error) = self.driver.remove_network(name).await {
                tracing::warn!(%error, network = name, "a network without a task cannot be removed");
            }
        }
        Ok(())
    }
}
