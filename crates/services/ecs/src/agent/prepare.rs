//! Provides what the containers of a task need before the first of them is started: log streams, volumes, images.
//!
//! What is found out here and may be kept goes into the task's record by the event. What must not be kept (secrets) is
//! found out again when a container is started: `launch` asks.

use container::ImageError;

use super::{Agent, host_folders};
use crate::lifecycle::TaskEvent;
use crate::log_shipping::prepare_streams;
use crate::task::Task;
use crate::{environment_files, secrets, volumes};

impl Agent {
    /// Provides what the task's containers need, in the order in which ECS does.
    pub(super) async fn prepare(&self, task: &Task) -> TaskEvent {
        if let Err(reason) = self.prepare_surroundings(task).await {
            return TaskEvent::FailedToStart { reason };
        }
        self.pull_images(task).await
    }

    /// Everything but the images.
    ///
    /// # Errors
    /// The reason for which the task does not start.
    pub(super) async fn prepare_surroundings(&self, task: &Task) -> Result<(), String> {
        self.check_variables(task).await?;
        prepare_streams(&self.dispatcher, task).await?;
        let failed = |error: std::io::Error| format!("CannotCreateVolumeError: {error}");
        volumes::create(task).await.map_err(failed)?;
        host_folders::prepare(&self.host_folders, &task.host_folders).await.map_err(failed)
    }

    /// Reads what is kept elsewhere: a task whose secrets cannot be read does not get as far as its images.
    async fn check_variables(&self, task: &Task) -> Result<(), String> {
        for container in &task.containers {
            secrets::resolve(&self.dispatcher, task, container).await?;
            environment_files::resolve(&self.dispatcher, task, container).await?;
        }
        Ok(())
    }

    async fn pull_images(&self, task: &Task) -> TaskEvent {
        let started_at = self.clock().now();
        let mut digests = Vec::with_capacity(task.containers.len());
        for container in &task.containers {
            match self.pull(&container.image).await {
                Ok(digest) => digests.push(digest),
                Err(error) => return TaskEvent::FailedToStart { reason: error.to_string() },
            }
        }
        TaskEvent::ImagesPulled { started_at, digests }
    }

    /// How many transfers there are at once is the driver's business: one that waits for a registry that does not answer must
    /// not keep images that are here from being found.
    async fn pull(&self, image: &str) -> Result<String, ImageError> {
        Ok(self.driver.prepare_image(image).await?.digest)
    }
}
