//! Containers that no task has any more: what was left where an engine was away when its task ended, or where the data
//! directory is older than the containers. They are found at the start, and removed.
//!
//! Networks of such tasks are `network`'s.

use std::collections::BTreeMap;

use container::ContainerSummary;
use store::Error;
use types::Arn;

use super::Agent;
use crate::container_spec::TASK_ARN_LABEL;
use crate::limits;
use crate::retry::Delays;
use crate::task::{self, Status};

impl Agent {
    /// Removes what of this server's containers belongs to no task, or to one that has stopped.
    pub async fn clear_leftovers(&self) {
        let mut delays = Delays::new(limits::LOG_ATTEMPTS);
        let containers = loop {
            match self.driver.list().await {
                Ok(containers) => break containers,
                Err(error) if !delays.wait(self.clock()).await => {
                    tracing::warn!(%error, "containers that are left over cannot be found");
                    return;
                }
                Err(_) => {}
            }
        };
        for container in containers {
            match self.is_left_over(&container).await {
                Ok(true) => self.clear_leftover(&container.name).await,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, container = container.name, "its task cannot be read"),
            }
        }
    }

    /// A task's record is there before the first of its containers, so a container without one never gets one.
    async fn is_left_over(&self, container: &ContainerSummary) -> Result<bool, Error> {
        let Some(key) = task_key(&container.labels) else { return Ok(false) };
        let task = self.tables.tasks.get(&key).await?;
        Ok(task.is_none_or(|task| task.value.status == Status::Stopped))
    }

    async fn clear_leftover(&self, name: &str) {
        tracing::info!(container = name, "a container that no task has any more is removed");
        if let Err(error) = self.driver.stop(name, limits::STOP_TIMEOUT).await {
            tracing::debug!(%error, container = name, "a container that is left over was not stopped");
        }
        self.remove(name).await;
    }
}

/// The key of the task that a container was started for.
fn task_key(labels: &BTreeMap<String, String>) -> Option<String> {
    let arn: Arn = labels.get(TASK_ARN_LABEL)?.parse().ok()?;
    let (cluster, id) = arn.resource.strip_prefix("task/")?.split_once('/')?;
    Some(task::key(&arn.account, &arn.region, cluster, id))
}
