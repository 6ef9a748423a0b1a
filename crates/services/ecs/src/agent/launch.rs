//! Starts containers.

use container::{ContainerSpec, LaunchError};

use tokio::sync::Notify;

use super::{Agent, unless_woken};
use crate::lifecycle::TaskEvent;
use crate::retry::Delays;
use crate::task::{Container, Task};
use crate::{container_spec, environment_files, secrets};

impl Agent {
    /// Starts a container; where its engine cannot be reached, waits, and somebody has to try again.
    pub(super) async fn launch_soon(
        &self,
        task: &Task,
        place: usize,
        delays: &mut Delays,
        waker: &Notify,
    ) -> Option<TaskEvent> {
        let event = self.launch(task, place).await;
        if event.is_none() {
            unless_woken(waker, delays.wait(self.clock())).await;
        }
        event
    }

    /// Starts a container; `None` where its engine cannot be reached, and starting it again may work.
    async fn launch(&self, task: &Task, place: usize) -> Option<TaskEvent> {
        let container = task.containers.get(place)?;
        let spec = match self.complete_spec(task, container).await {
            Ok(spec) => spec,
            Err(reason) => return Some(TaskEvent::FailedToStart { reason }),
        };
        let launched = {
            let _permit = self.launches.acquire().await;
            self.driver.launch(spec).await
        };
        match launched {
            Ok(started) => {
                Some(TaskEvent::ContainerStarted { container: place, runtime_id: started.runtime_id })
            }
            Err(error @ LaunchError::Unavailable(_)) => {
                tracing::warn!(%error, container = container.spec.name, "a container waits to be started");
                None
            }
            Err(error @ LaunchError::Image(_)) => {
                Some(TaskEvent::FailedToStart { reason: error.to_string() })
            }
            Err(
                error @ (LaunchError::CannotCreate(_)
                | LaunchError::CannotStart(_)
                | LaunchError::Lost { .. }),
            ) => Some(TaskEvent::ContainerFailedToStart { container: place, reason: error.to_string() }),
        }
    }

    /// What is started: the recorded specification, and what is known only now or must not be recorded.
    ///
    /// # Errors
    /// The reason for which the task does not start.
    pub(super) async fn complete_spec(
        &self,
        task: &Task,
        container: &Container,
    ) -> Result<ContainerSpec, String> {
        let mut spec = container.spec.clone();
        let files = environment_files::resolve(&self.dispatcher, task, container).await?;
        spec.environment = container_spec::with_files(spec.environment, files);
        spec.environment.extend(secrets::resolve(&self.dispatcher, task, container).await?);
        spec.environment = self.inside.complete(spec.environment, task, container);
        Ok(spec)
    }
}
