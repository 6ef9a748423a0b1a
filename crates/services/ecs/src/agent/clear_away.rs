//! Clears away what an ended task leaves: its containers, its network, its volumes.

use super::Agent;
use crate::limits;
use crate::retry::Delays;
use crate::task::Task;
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

    async fn remove_containers(&self, task: &Task) {
        for container in &task.containers {
            let mut delays = Delays::new(limits::LOG_ATTEMPTS);
            while let Err(error) = self.driver.remove(&container.spec.name).await {
                tracing::warn!(%error, container = container.spec.name, "a container cannot be removed");
                if !delays.wait(self.clock()).await {
                    break;
                }
            }
        }
    }
}
