//! Executes the health checks of a task's containers, by the clock. What the results mean is `health`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use container::{Driver, DriverError, ExecSpec};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::health::HealthCheck;
use crate::lifecycle::TaskEvent;
use crate::task::{ContainerState, Task};

/// The health checks of one task's containers. Dropping it ends them.
pub struct HealthChecks {
    driver: Arc<dyn Driver>,
    clock: Clock,
    /// By the container's place and run.
    checks: BTreeMap<(usize, u32), JoinSet<()>>,
    sender: mpsc::Sender<TaskEvent>,
    results: mpsc::Receiver<TaskEvent>,
}

impl HealthChecks {
    /// Nothing is checked yet.
    pub fn new(driver: Arc<dyn Driver>, clock: Clock) -> Self {
        let (sender, results) = mpsc::channel(1);
        Self { driver, clock, checks: BTreeMap::new(), sender, results }
    }

    /// Begins to check the containers that have been started since the last call, and ends the checks of those that ended.
    pub fn follow(&mut self, task: &Task) {
        let running = task.containers.iter().enumerate();
        let running = running.filter(|(_, container)| container.state == ContainerState::Running);
        let mut before = std::mem::take(&mut self.checks);
        for (place, container) in running {
            let Some(health) = &container.health else { continue };
            let key = (place, container.restart_count);
            let checks = before.remove(&key).unwrap_or_else(|| {
                let one = Check {
                    driver: Arc::clone(&self.driver),
                    clock: self.clock.clone(),
                    container: container.spec.name.clone(),
                    check: health.check.clone(),
                };
                let mut checks = JoinSet::new();
                checks.spawn(one.repeat(key, self.sender.clone()));
                checks
            });
            self.checks.insert(key, checks);
        }
    }

    /// Waits for the next result. Dropping the future loses none.
    pub async fn next(&mut self) -> TaskEvent {
        match self.results.recv().await {
            Some(result) => result,
            // A sender is kept here.
            None => std::future::pending().await,
        }
    }
}

/// The check of one container.
struct Check {
    driver: Arc<dyn Driver>,
    clock: Clock,
    container: String,
    check: HealthCheck,
}

impl Check {
    async fn repeat(self, (container, run): (usize, u32), results: mpsc::Sender<TaskEvent>) {
        let interval = Duration::from_secs(self.check.interval_seconds);
        loop {
            self.clock.sleep_until(self.clock.now() + interval).await;
            match self.once().await {
                Ok(passed) => {
                    if results.send(TaskEvent::HealthChecked { container, run, passed }).await.is_err() {
                        return;
                    }
                }
                // Nothing was found out about the container.
                Err(error) => tracing::warn!(%error, container = self.container, "a health check is skipped"),
            }
        }
    }

    /// Whether the container is healthy. A command that cannot be executed, or takes too long, says that it is not.
    async fn once(&self) -> Result<bool, DriverError> {
        let timeout = self.clock.now() + Duration::from_secs(self.check.timeout_seconds);
        let outcome = tokio::select! {
            biased;
            outcome = self.execute() => outcome,
            () = self.clock.sleep_until(timeout) => return Ok(false),
        };
        match outcome {
            Ok(code) => Ok(code == 0),
            Err(DriverError::CannotExec(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn execute(&self) -> Result<i32, DriverError> {
        let spec = ExecSpec { command: self.check.command.clone(), ..ExecSpec::default() };
        let command = self.driver.exec(&self.container, spec).await?;
        Ok(command.finish(0).await?.code)
    }
}
