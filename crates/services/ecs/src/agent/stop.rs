//! Stops the containers of a task that is to end.

use std::collections::BTreeSet;
use std::time::Duration;

use container::DriverError;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use store::Error;

use super::Agent;
use crate::dependency;
use crate::lifecycle::{Ending, TaskEvent};
use crate::retry::Delays;
use crate::task::{Container, ContainerState, Task};

impl Agent {
    /// Stops all containers that may run, each once nothing depends on it any more, and records each end.
    pub(super) async fn stop_containers(&self, key: &str, mut task: Task) -> Result<(), Error> {
        let mut begun = BTreeSet::new();
        let mut endings = FuturesUnordered::new();
        loop {
            for place in dependency::stoppable(&task.containers) {
                if let Some(container) = task.containers.get(place).cloned()
                    && begun.insert(place)
                {
                    endings.push(async move { (place, self.stop(&container).await) });
                }
            }
            let Some((container, ending)) = endings.next().await else { return Ok(()) };
            match self.record(key, TaskEvent::ContainerExited { container, ending }).await? {
                Some(recorded) => task = recorded,
                None => return Ok(()),
            }
        }
    }

    async fn stop(&self, container: &Container) -> Ending {
        let timeout = Duration::from_secs(container.stop_timeout_seconds);
        let mut delays = Delays::endless();
        loop {
            match self.driver.stop(&container.spec.name, timeout).await {
                Ok(()) => return self.ending(container).await,
                Err(DriverError::NotStarted(_)) => return Ending::NeverStarted,
                // Nobody is known to have started it, and the engine does not know it either.
                Err(DriverError::Lost(_)) if waits_to_be_started(container) => return Ending::NeverStarted,
                Err(error @ DriverError::Unavailable(_)) => {
                    tracing::warn!(%error, container = container.spec.name, "a container cannot be stopped yet");
                    delays.wait(self.clock()).await;
                }
                Err(error) => return Ending::Lost { reason: format!("ContainerRuntimeError: {error}") },
            }
        }
    }
}

fn waits_to_be_started(container: &Container) -> bool {
    match container.state {
        ContainerState::Pending | ContainerState::Restarting { .. } => true,
        ContainerState::Running | ContainerState::Stopped { .. } => false,
    }
}
