//! Clears away what an ended task leaves: its containers, its network, its volumes.

use super::Agent;
use crate::limits;
use crate::log_shipping::LogShipping;
use crate::retry::Delays;
use crate::task::{Container, Task};
use crate::volumes;

impl Agent {
    /// Removes everything that was made for the task. Removing it again changes nothing.
    pub(super) async fn clear_away(&self, task: &Task) {
        self.remove_containers(task).await;
        self.remove_network(task).await;
        if let Err(error) = volumes::remove(task).await {
            tracing::warn!(%error, task = task.arn, "the volumes of a task cannot be removed");
        }
    }

    /// Delivers what the last run of a container wrote, and removes what is left of it.
    pub(super) async fn clear_last_run(&self, task: &Task, place: usize, logs: &mut LogShipping) {
        logs.finish_one(place).await;
        if let Some(name) = task.containers.get(place).and_then(Container::last_run) {
            self.remove(&name).await;
        }
    }

    async fn remove_containers(&self, task: &Task) {
        for container in &task.containers {
            // A task that was stopped while one was started again may have left two.
            for name in container.last_run().iter().chain([&container.spec.name]) {
                self.remove(name).await;
            }
        }
    }

    pub(super) async fn remove(&self, name: &str) {
        let mut delays = Delays::new(limits::LOG_ATTEMPTS);
        while let Err(error) = self.driver.remove(name).await {
            tracing::warn!(%error, container = name, "a container cannot be removed");
            if !delays.wait(self.clock()).await {
                break;
            }
        }
    }
}
