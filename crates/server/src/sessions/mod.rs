//! What a person has with a running container, over the control socket: a command in it, or what it writes.
//!
//! The connection begins with a question and an answer (`upkeep::control`); what follows are frames. The server's half is
//! `exec` and `logs`; the person's half is in `commands::ecs`.

pub mod exec;
pub mod frame;
pub mod logs;

use std::sync::Arc;

use container::{ContainerState, ContainerSummary, Driver};
use serde::{Deserialize, Serialize};

/// Which container is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerOfTask {
    /// The task's ARN.
    pub task: String,
    /// The container's name in its task definition.
    pub container: String,
}

impl ContainerOfTask {
    /// The driver's container: the one that runs, where the task's container was started several times.
    ///
    /// # Errors
    /// A sentence for the person.
    async fn find(&self, driver: &Arc<dyn Driver>) -> Result<ContainerSummary, String> {
        let known = driver.list().await.map_err(|error| error.to_string())?;
        let mut own: Vec<_> = known.into_iter().filter(|one| self.is(one)).collect();
        own.sort_by_key(|one| (one.state == ContainerState::Running, one.name.clone()));
        own.pop().ok_or_else(|| {
            format!(
                "nothing runs for container {} of {}, and nothing is left of it",
                self.container, self.task
            )
        })
    }

    fn is(&self, one: &ContainerSummary) -> bool {
        let label = |name: &str| one.labels.get(&format!("com.amazonaws.ecs.{name}")).map(String::as_str);
        label("task-arn") == Some(&self.task) && label("container-name") == Some(&self.container)
    }
}
