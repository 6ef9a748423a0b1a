//! Stops the containers of a task that is to end.

use std::time::Duration;

use container::DriverError;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use store::Error;

use super::Agent;
use crate::lifecycle::{Ending, TaskEvent};
use crate::retry::Delays;
use crate::task::{Container, ContainerState, Task};

impl Agent {
    /// Stops all containers that may run, at the same time, and records each end.
    pub(super) async fn stop_containers(&self, key: &str, task: &Task) -> Result<(), Error> {
        let left = task.containers.iter().enumerate();
        let left = left.filter(|(_, one)| !matches!(one.state, ContainerState::Stopped { .. }));
        let mut endings: FuturesUnordered<_> =
            left.map(|(place, container)| async move { (place, self.stop(container).await) }).collect();
        while let Some((container, ending)) = endings.next().await {
            self.record(key, TaskEvent::ContainerExited { container, ending }).await?;
        }
        Ok(())
    }

    async fn stop(&self, container: &Container) -> Ending {
        let timeout = Duration::from_secs(container.stop_timeout_seconds);
        let mut delays = Delays::endless();
        loop {
            match self.driver.stop(&container.spec.name, timeout).await {
                Ok(()) => return self.ending(container).await,
                Err(DriverError::NotStarted(_)) => return Ending::NeverStarted,
                // Nobody is known to have started it, and the engine does not know it either.
                Err(DriverError::Lost(_)) if container.state == ContainerState::Pending => {
                    return Ending::NeverStarted;
                }
                Err(error @ DriverError::Unavailable(_)) => {
                    tracing::warn!(%error, container = container.spec.name, "a container cannot be stopped yet");
                    delays.wait(self.clock()).await;
                }
                Err(error) => return Ending::Lost { reason: format!("ContainerRuntimeError: {error}") },
            }
        }
    }
}
